/* SPDX-License-Identifier: MIT */
/* First instructions of each vCPU, the vectors, and small helpers. */
#include "layout.h"

	.arch armv8.5-a

	.section .text.start, "ax"
	.global _start
_start:					/* vCPU 0: x0 = parameters */
	mov	x20, x0
	bl	mmu_on
	ldr	x1, =PAYLOAD_CPUS + PAYLOAD_CPU_SIZE
	mov	sp, x1
	mov	x0, x20
	bl	boot_main
1:	wfi
	b	1b

	.global secondary_start
secondary_start:			/* others: x0 = struct cpu */
	mov	x20, x0
	bl	mmu_on
	mov	x0, x20
	add	x1, x0, #PAYLOAD_CPU_SIZE
	mov	sp, x1
	bl	secondary_main
1:	wfi
	b	1b

/*
 * The identity map is a table of constants, so that nothing is written with
 * the MMU off: such stores and the cache would have to be reconciled.
 */
mmu_on:
	ldr	x1, =0x44444444444400ff		/* 0 memory, 1 device */
	msr	mair_el1, x1
	/* 39 bits through TTBR0, cacheable walks, TTBR1 off, 40-bit PAs */
	ldr	x1, =0x0000000280803519 | (25 << 16)
	mrs	x2, id_aa64mmfr0_el1
	and	x2, x2, #7
	cmp	x2, #2
	b.hs	2f
	bfi	x1, x2, #32, #3
2:	msr	tcr_el1, x1
	adr	x1, level1
	msr	ttbr0_el1, x1
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	mrs	x1, sctlr_el1
	ldr	x2, =(1 << 0) | (1 << 2) | (1 << 12) | (1 << 23)
	orr	x1, x1, x2
	bic	x1, x1, #2			/* alignment checks off */
	msr	sctlr_el1, x1
	isb
	mov	x1, #3 << 20			/* FP and SIMD */
	msr	cpacr_el1, x1
	isb
	ret

	.pool
	.section .data
	.balign 4096
	.global level1
level1:					/* blocks of 1 GiB */
	.quad	0x00000000 + 0x60000000000405	/* device, XN */
	.quad	0x40000000 + 0x701
	.quad	0x80000000 + 0x701
	.quad	0xc0000000 + 0x701
	.fill	508, 8, 0

/* Copied into each vCPU's area: VBAR_EL1 differs from vCPU to vCPU. */
	.macro	entry target
	.balign	128
	stp	x29, x30, [sp, #-16]!
	ldr	x30, \target
	br	x30
	.endm
	/* What nobody expects may come while SP holds a pattern. */
	.macro	unexpected
	.balign	128
	ldr	x30, 9f
	br	x30
	.endm

	.text
	.balign	2048
	.global vectors
vectors:
	unexpected
	unexpected
	unexpected
	unexpected
	unexpected
	entry	8f
	unexpected
	unexpected
	.rept 8
	unexpected
	.endr
	.balign 8
8:	.quad	irq_entry
9:	.quad	unexpected_entry
	.balign 2048

irq_entry:
	stp	x0, x1, [sp, #-176]!
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x18, x0, [sp, #144]
	str	x1, [sp, #160]
	bl	irq
	ldr	x1, [sp, #160]
	ldp	x18, x0, [sp, #144]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	ldp	x16, x17, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp], #176
	ldp	x29, x30, [sp], #16
	eret

unexpected_entry:
	msr	daifset, #0xf
	mrs	x0, mpidr_el1
	ubfx	x0, x0, #0, #13
	lsl	x0, x0, #3
	orr	x0, x0, #0x40000000
	add	x0, x0, #(PAYLOAD_SLOTS - PAYLOAD_RAM)
	ldr	x0, [x0]
	add	x1, x0, #PAYLOAD_CPU_SIZE
	mov	sp, x1
	bl	unexpected_exception
1:	wfi
	b	1b

/* uint64_t hvc(uint64_t function, uint64_t a, uint64_t b, uint64_t c) */
	.global hvc
hvc:
	hvc	#0
	ret

/*
 * void sign(uint64_t out[5]): one pointer signed with each key, and what the
 * generic key makes of it. The modifier is constant: only the keys count.
 */
	.global sign
sign:
	ldr	x1, =0x0000000000123450
	ldr	x2, =0x0123456789abcdef
	mov	x3, x1
	pacia	x3, x2
	mov	x4, x1
	pacib	x4, x2
	stp	x3, x4, [x0]
	mov	x3, x1
	pacda	x3, x2
	mov	x4, x1
	pacdb	x4, x2
	stp	x3, x4, [x0, #16]
	ret

	.global sign_generic
sign_generic:
	ldr	x1, =0x0000000000123450
	ldr	x2, =0x0123456789abcdef
	pacga	x0, x1, x2
	ret

/* uint64_t authenticate(const uint64_t in[4]): 0 if all four still hold */
	.global authenticate
authenticate:
	ldr	x1, =0x0000000000123450
	ldr	x2, =0x0123456789abcdef
	ldp	x3, x4, [x0]
	ldp	x5, x6, [x0, #16]
	autia	x3, x2
	autib	x4, x2
	autda	x5, x2
	autdb	x6, x2
	eor	x3, x3, x1
	eor	x4, x4, x1
	eor	x5, x5, x1
	eor	x6, x6, x1
	orr	x3, x3, x4
	orr	x5, x5, x6
	orr	x0, x3, x5
	ret
	.pool
