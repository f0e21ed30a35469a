/* SPDX-License-Identifier: MIT */
/*
 * void hold(struct cpu *): load every general, FP and vector register from
 * the frame, turn in a loop, then store them all back. x0 and x1 count down
 * together, so that a changed bit in either ends the loop out of step; the
 * one that reached 0 is then free to find the frame with, by MPIDR_EL1: SP,
 * TPIDR_EL1 and all else are under test. Interrupts stay pending meanwhile,
 * for ELR_EL1 and SPSR_EL1 hold patterns, too.
 */
#include "layout.h"

	.arch armv8.5-a+sve

	.altmacro
	.macro	pair_v insn, n, m
	\insn	q\n, q\m, [x2, #(\n * 16)]
	.endm
	.macro	all_v insn
	.set	i, 0
	.rept	16
	pair_v	\insn, %i, %(i + 1)
	.set	i, i + 2
	.endr
	.endm
	.macro	one_z insn, n
	\insn	z\n, [x2, #\n, mul vl]
	.endm
	.macro	one_p insn, n
	\insn	p\n, [x3, #\n, mul vl]
	.endm
	.macro	all_z insn
	.set	i, 0
	.rept	32
	one_z	\insn, %i
	.set	i, i + 1
	.endr
	.endm
	.macro	all_p insn
	.set	i, 0
	.rept	16
	one_p	\insn, %i
	.set	i, i + 1
	.endr
	.endm
	/* \r = this vCPU's struct cpu, with no other register touched */
	.macro	this_cpu r
	mrs	\r, mpidr_el1
	ubfx	\r, \r, #0, #13
	lsl	\r, \r, #3
	orr	\r, \r, #0x40000000
	add	\r, \r, #(PAYLOAD_SLOTS - PAYLOAD_RAM)
	ldr	\r, [\r]
	.endm

	.text
	.global hold, hold_start, hold_end
hold:
	stp	x19, x20, [sp, #-96]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	mov	x2, sp
	str	x2, [x0, #CPU_STACK]

	add	x2, x0, #CPU_Z
	ldr	x1, [x0, #CPU_SVE]
	cbz	x1, 1f
	mov	x3, #CPU_FFR
	add	x3, x0, x3
	ldr	p0, [x3]
	wrffr	p0.b
	mov	x3, #CPU_P
	add	x3, x0, x3
	all_z	ldr
	all_p	ldr
	b	2f
1:	all_v	ldp
2:	ldp	x1, x2, [x0, #CPU_FPSR]
	msr	fpsr, x1
	msr	fpcr, x2
	ldp	x1, x2, [x0, #CPU_ELR]
	msr	elr_el1, x1
	msr	spsr_el1, x2
	ldp	x1, x2, [x0, #CPU_NZCV]
	msr	nzcv, x1
	msr	daif, x2
	ldr	x1, [x0, #CPU_SP]
	mov	sp, x1
	ldp	x2, x3, [x0, #16]
	ldp	x4, x5, [x0, #32]
	ldp	x6, x7, [x0, #48]
	ldp	x8, x9, [x0, #64]
	ldp	x10, x11, [x0, #80]
	ldp	x12, x13, [x0, #96]
	ldp	x14, x15, [x0, #112]
	ldp	x16, x17, [x0, #128]
	ldp	x18, x19, [x0, #144]
	ldp	x20, x21, [x0, #160]
	ldp	x22, x23, [x0, #176]
	ldp	x24, x25, [x0, #192]
	ldp	x26, x27, [x0, #208]
	ldp	x28, x29, [x0, #224]
	ldr	x30, [x0, #240]
	ldp	x0, x1, [x0]

hold_start:
	sub	x0, x0, #1
	sub	x1, x1, #1
	cbz	x0, hold_end
	cbnz	x1, hold_start
hold_end:
	cbnz	x0, 3f
	this_cpu x0
	stp	xzr, x1, [x0]
	b	4f
3:	this_cpu x1
	stp	x0, xzr, [x1]
	mov	x0, x1

4:	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	mov	x1, sp
	stp	x30, x1, [x0, #240]
	mrs	x1, nzcv
	mrs	x2, daif
	stp	x1, x2, [x0, #CPU_NZCV]
	msr	daifset, #0xf
	mrs	x1, elr_el1
	mrs	x2, spsr_el1
	stp	x1, x2, [x0, #CPU_ELR]
	mrs	x1, fpsr
	mrs	x2, fpcr
	stp	x1, x2, [x0, #CPU_FPSR]
	add	x2, x0, #CPU_Z
	ldr	x1, [x0, #CPU_SVE]
	cbz	x1, 5f
	mov	x3, #CPU_P
	add	x3, x0, x3
	all_z	str
	all_p	str
	rdffr	p0.b
	mov	x3, #CPU_FFR
	add	x3, x0, x3
	str	p0, [x3]
	b	6f
5:	all_v	stp
6:	ldr	x2, [x0, #CPU_STACK]
	mov	sp, x2
	ldp	x29, x30, [sp, #80]
	ldp	x27, x28, [sp, #64]
	ldp	x25, x26, [sp, #48]
	ldp	x23, x24, [sp, #32]
	ldp	x21, x22, [sp, #16]
	ldp	x19, x20, [sp], #96
	ret

/* uint64_t sve_vl(void): bytes of a Z register */
	.global sve_vl
sve_vl:
	rdvl	x0, #1
	ret
