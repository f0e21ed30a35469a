// SPDX-License-Identifier: MIT
/*
 * The patterns of general, FP and vector registers. They change from pass to
 * pass, so that an old value is as wrong as one of another vCPU.
 */
#include "guest.h"

#define FPSR_BITS 0x0800009f
#define FPCR_BITS 0x07c80000
#define SPSR_BITS 0xf00003c5
#define NZCV_BITS 0xf0000000
/* D and A are patterns; I and F stay masked while SP holds one */
#define DAIF_BITS 0x300
#define DAIF_MASKED 0xc0

/* Pattern numbers: X from 0, then these */
enum { P_SP = 31, P_ELR, P_SPSR, P_NZCV, P_DAIF, P_FPSR, P_FPCR, P_FFR };
#define P_Z 0x100
#define P_P 0x800

static uint64_t pattern(struct cpu *cpu, unsigned int what)
{
	return mix(cpu->number, cpu->status.passes << 12 | what);
}

static uint64_t hold_rounds(struct cpu *cpu)
{
	return params->hold + cpu->number * 3 + (cpu->status.passes & 7);
}

/* FFR must be ones from bit 0 up to some element, then zeroes. */
static uint64_t ffr_word(struct cpu *cpu, unsigned int word)
{
	unsigned int ones = pattern(cpu, P_FFR) % (cpu->vl + 1);

	if (ones <= word * 64)
		return 0;
	ones -= word * 64;
	return ones >= 64 ? ~0ull : (1ull << ones) - 1;
}

static unsigned int p_words(struct cpu *cpu)
{
	return 16 * cpu->vl / 64;
}

void frame_fill(struct cpu *cpu)
{
	cpu->x[0] = hold_rounds(cpu);
	cpu->x[1] = cpu->x[0];
	for (unsigned int i = 2; i < 31; i++)
		cpu->x[i] = pattern(cpu, i);
	cpu->sp = pattern(cpu, P_SP);
	cpu->elr = pattern(cpu, P_ELR);
	cpu->spsr = pattern(cpu, P_SPSR) & SPSR_BITS;
	cpu->nzcv = pattern(cpu, P_NZCV) & NZCV_BITS;
	cpu->daif = (pattern(cpu, P_DAIF) & DAIF_BITS) | DAIF_MASKED;
	cpu->fpsr = pattern(cpu, P_FPSR) & FPSR_BITS;
	cpu->fpcr = pattern(cpu, P_FPCR) & FPCR_BITS;
	for (unsigned int i = 0; i < 32 * cpu->vl / 8; i++)
		cpu->z[i] = pattern(cpu, P_Z + i);
	if (!cpu->sve)
		return;
	for (unsigned int i = 0; i < p_words(cpu); i++)
		cpu->p[i] = pattern(cpu, P_P + i);
	for (unsigned int i = 0; i < 4; i++)
		cpu->ffr[i] = i * 64 < cpu->vl ? ffr_word(cpu, i) : 0;
}

/* With short vectors a word holds several predicates. */
static void predicate_check(struct cpu *cpu, unsigned int i)
{
	uint64_t expected = pattern(cpu, P_P + i);
	uint64_t wrong = expected ^ cpu->p[i];

	if (wrong)
		fail_indexed(cpu, "P",
			     (i * 64 + __builtin_ctzll(wrong)) / cpu->vl,
			     expected, cpu->p[i]);
}

static void vectors_check(struct cpu *cpu)
{
	unsigned int words = cpu->vl / 8;
	const char *name = cpu->sve ? "Z" : "V";

	for (unsigned int i = 0; i < 32 * words; i++)
		if (cpu->z[i] != pattern(cpu, P_Z + i))
			fail_indexed(cpu, name, i / words,
				     pattern(cpu, P_Z + i), cpu->z[i]);
	if (!cpu->sve)
		return;
	for (unsigned int i = 0; i < p_words(cpu); i++)
		predicate_check(cpu, i);
	for (unsigned int i = 0; i * 64 < cpu->vl; i++)
		check(cpu, "FFR", ffr_word(cpu, i), cpu->ffr[i]);
}

static void fp_control_check(struct cpu *cpu)
{
	uint64_t fpsr = pattern(cpu, P_FPSR) & FPSR_BITS;
	uint64_t fpcr = pattern(cpu, P_FPCR) & FPCR_BITS;

	/* FPCR.FZ16 is there with half precision only */
	if ((MRS("id_aa64pfr0_el1") >> 16 & 0xf) == 0)
		fpcr &= ~(1ull << 19);
	check(cpu, "FPSR", fpsr, cpu->fpsr);
	check(cpu, "FPCR", fpcr, cpu->fpcr);
}

void frame_check(struct cpu *cpu)
{
	if (cpu->x[0])
		fail(cpu, "X0", 0, cpu->x[0]);
	if (cpu->x[1])
		fail(cpu, "X1", 0, cpu->x[1]);
	for (unsigned int i = 2; i < 31; i++)
		if (cpu->x[i] != pattern(cpu, i))
			fail_indexed(cpu, "X", i, pattern(cpu, i), cpu->x[i]);
	check(cpu, "SP_EL1", pattern(cpu, P_SP), cpu->sp);
	check(cpu, "ELR_EL1", pattern(cpu, P_ELR), cpu->elr);
	check(cpu, "SPSR_EL1", pattern(cpu, P_SPSR) & SPSR_BITS, cpu->spsr);
	check(cpu, "PSTATE.NZCV", pattern(cpu, P_NZCV) & NZCV_BITS, cpu->nzcv);
	check(cpu, "PSTATE.DAIF",
	      (pattern(cpu, P_DAIF) & DAIF_BITS) | DAIF_MASKED, cpu->daif);
	fp_control_check(cpu);
	vectors_check(cpu);
}
