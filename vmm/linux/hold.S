/* SPDX-License-Identifier: MIT */
/*
 * Every FP or SVE register holds a value while nothing but a counter runs: an
 * interrupt, another thread or a move to another host must bring it back.
 * It counts in memory, too, so that there is always a page that was written
 * just now: the two must agree. The C code's own are D8 to D15 and FPCR, kept
 * meanwhile.
 */
	.arch	armv8.2-a+sve
	.text

#define FP_FPSR 512
#define FP_FPCR 520
#define SVE_P 8192
#define SVE_FFR 8704

	.macro	function name
	.global	\name
	.type	\name, %function
	.balign	16
\name:
	.endm

	.macro	keep
	stp	x29, x30, [sp, -96]!
	mov	x29, sp
	stp	d8, d9, [sp, 16]
	stp	d10, d11, [sp, 32]
	stp	d12, d13, [sp, 48]
	stp	d14, d15, [sp, 64]
	mrs	x9, fpcr
	str	x9, [sp, 80]
	.endm

	.macro	give_back
	ldr	x9, [sp, 80]
	msr	fpcr, x9
	ldp	d8, d9, [sp, 16]
	ldp	d10, d11, [sp, 32]
	ldp	d12, d13, [sp, 48]
	ldp	d14, d15, [sp, 64]
	ldp	x29, x30, [sp], 96
	ret
	.endm

	.macro	all_q op, base
	.irp	n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
	pair	\op, \base, \n, (\n + 1)
	.endr
	.endm

	.altmacro
	.macro	pair op, base, a, b
	pair_of	\op, \base, \a, %\b
	.endm
	.macro	pair_of op, base, a, b
	\op	q\a, q\b, [\base, 16 * \a]
	.endm

	.macro	load_fp
	all_q	ldp, x0
	ldr	x9, [x0, FP_FPSR]
	ldr	x10, [x0, FP_FPCR]
	msr	fpsr, x9
	msr	fpcr, x10
	.endm

	.macro	store_fp
	all_q	stp, x1
	mrs	x9, fpsr
	mrs	x10, fpcr
	str	x9, [x1, FP_FPSR]
	str	x10, [x1, FP_FPCR]
	.endm

	.macro	count_in counter
1:	ldr	x9, [\counter]
	add	x9, x9, 1
	str	x9, [\counter]
	subs	x2, x2, 1
	b.ne	1b
	.endm

	/* x0: in, x1: out, x2: rounds, x3: counter */
	function fp_hold
	keep
	load_fp
	count_in x3
	store_fp
	give_back
	.size	fp_hold, . - fp_hold

	/* The kernel keeps all of V0 to V31; getppid() is 173 */
	function fp_syscall
	keep
	load_fp
	mov	x8, 173
	svc	0
	store_fp
	give_back
	.size	fp_syscall, . - fp_syscall

	function sve_hold
	keep
	mov	x6, x3
	add	x3, x0, SVE_P
	mov	x5, SVE_FFR
	add	x4, x0, x5
	ldr	p0, [x4]
	wrffr	p0.b
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	ldr	p\n, [x3, \n, mul vl]
	ldr	z\n, [x0, \n, mul vl]
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ldr	z\n, [x0, \n, mul vl]
	.endr
	count_in x6
	add	x3, x1, SVE_P
	add	x4, x1, x5
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	str	p\n, [x3, \n, mul vl]
	str	z\n, [x1, \n, mul vl]
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	str	z\n, [x1, \n, mul vl]
	.endr
	rdffr	p0.b
	str	p0, [x4]
	give_back
	.size	sve_hold, . - sve_hold

	function sve_length
	rdvl	x0, 1
	ret
	.size	sve_length, . - sve_length

	.section .note.GNU-stack, "", %progbits
