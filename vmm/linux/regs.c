// SPDX-License-Identifier: MIT
/* Known values in FP and SVE registers; a signed pointer. */
#include <string.h>
#include <sys/prctl.h>

#include "guest.h"

/* Of FPSR all that is not reserved; of FPCR rounding, FZ and DN. */
#define FPSR_BITS 0x0800009full
#define FPCR_SHIFT 22
#define FPCR_BITS 0xfull

static void compare(struct worker *w, const char *name, const void *expected,
		    const void *got, size_t each, unsigned int n)
{
	add(&w->checked, n);
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *a = (const uint8_t *)expected + i * each;
		const uint8_t *b = (const uint8_t *)got + i * each;
		uint64_t x = 0, y = 0;
		size_t at = 0;

		if (!memcmp(a, b, each))
			continue;
		while (a[at] == b[at])
			at++;
		at -= at % 8;
		memcpy(&x, a + at, each - at < 8 ? each - at : 8);
		memcpy(&y, b + at, each - at < 8 ? each - at : 8);
		fail(w->cpu, name, i, x, y);
	}
}

/* What was counted in a register was counted in memory. */
static void count_check(struct worker *w, uint64_t rounds)
{
	add(&w->counted, rounds);
	check(w->cpu, "counter", w->counted, *w->counter);
	*w->counter = w->counted;
}

static void fp_check(struct worker *w, bool syscall)
{
	struct fp in, out;

	for (unsigned int i = 0; i < 64; i++)
		in.v[i] = mix(w->cpu, i, w->passes);
	in.fpsr = mix(w->cpu, 64, w->passes) & FPSR_BITS;
	in.fpcr = (mix(w->cpu, 65, w->passes) & FPCR_BITS) << FPCR_SHIFT;
	memset(&out, 0, sizeof(out));
	if (syscall) {
		fp_syscall(&in, &out);
	} else {
		fp_hold(&in, &out, params.hold / 2, w->counter);
		count_check(w, params.hold / 2);
	}
	compare(w, syscall ? "syscall.V" : "V", in.v, out.v, 16, 32);
	check(w->cpu, "FPSR", in.fpsr, out.fpsr);
	check(w->cpu, "FPCR", in.fpcr, out.fpcr);
}

/* FFR has ones up to some element, and zeros from there. */
static void fill_ffr(struct worker *w, uint8_t *ffr)
{
	uint64_t ones = mix(w->cpu, 999, w->passes) % (w->vl + 1);

	memset(ffr, 0, MAX_VL / 8);
	for (uint64_t i = 0; i < ones; i++)
		ffr[i / 8] |= 1u << i % 8;
}

static void fill(struct worker *w, void *to, size_t bytes, uint64_t what)
{
	for (size_t i = 0; i < bytes; i += 8) {
		uint64_t value = mix(w->cpu, what + i, w->passes);

		memcpy((uint8_t *)to + i, &value, 8);
	}
}

static void sve_check(struct worker *w)
{
	/* one for each thread: too large for its stack */
	static _Thread_local struct sve in, out;

	check(w->cpu, "SVE.length", w->vl, sve_length());
	fill(w, in.z, 32 * w->vl, 1000);
	fill(w, in.p, 16 * w->vl / 8, 100000);
	fill_ffr(w, in.ffr);
	memset(&out, 0, sizeof(out));
	sve_hold(&in, &out, params.hold / 2, w->counter);
	count_check(w, params.hold / 2);
	compare(w, "Z", in.z, out.z, w->vl, 32);
	compare(w, "P", in.p, out.p, w->vl / 8, 16);
	compare(w, "FFR", in.ffr, out.ffr, w->vl / 8, 1);
}

/* Sums that are exact whatever the rounding: known without computing them. */
static void sum_check(struct worker *w)
{
	volatile double sum = 0, square = 0;

	for (int i = 1; i <= 1000; i++) {
		sum += i;
		square = __builtin_fma(i, i, square);
	}
	check(w->cpu, "sum", 500500, (uint64_t)sum);
	check(w->cpu, "sum-of-squares", 333833500, (uint64_t)square);
}

/* By the thread's key, with its address as the modifier: PACIA1716. */
static uint64_t sign(struct worker *w)
{
	register uint64_t x17 asm("x17") = (uintptr_t)w;
	register uint64_t x16 asm("x16") = w->cpu;

	asm volatile("hint #8" : "+r"(x17) : "r"(x16));
	return x17;
}

/* A third of the threads each: the longest vector, half of it, a quarter. */
static void choose_length(struct worker *w)
{
	prctl(PR_SVE_SET_VL, MAX_VL);
	w->vl = sve_length();
	prctl(PR_SVE_SET_VL, w->vl >> w->cpu % 3 ?: 16);
	w->vl = sve_length();
}

void regs_setup(struct worker *w)
{
	if (params.sve)
		choose_length(w);
	if (params.pauth)
		w->signed_pointer = sign(w);
}

void regs_check(struct worker *w)
{
	fp_check(w, false);
	fp_check(w, true);
	if (params.sve)
		sve_check(w);
	sum_check(w);
	if (params.pauth)
		check(w->cpu, "signed-pointer", w->signed_pointer, sign(w));
}
