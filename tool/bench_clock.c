/* SPDX-License-Identifier: MIT */
/*
 * The clock. Under host/run --icount it counts the guest's instructions, one
 * a nanosecond, which this finds out by itself: then nothing that is slow on
 * real CPUs, a chain of divisions, takes longer than as many "nop".
 */
#include <stdlib.h>
#include <time.h>

#include "bench.h"

uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#ifdef __aarch64__

#define TURNS	100000
#define LENGTH	10	/* instructions a turn, with the loop's own two */

static uint64_t time_nops(void)
{
	uint64_t turns = TURNS, start = now();

	__asm__ volatile("1:	nop; nop; nop; nop; nop; nop; nop; nop\n"
			 "	subs %0, %0, #1\n"
			 "	b.ne 1b\n"
			 : "+r"(turns) : : "cc");
	return now() - start;
}

static uint64_t time_divisions(void)
{
	uint64_t turns = TURNS, x = ~0ULL, y = 3, start = now();

	__asm__ volatile("1:	udiv %1, %1, %2; udiv %1, %1, %2\n"
			 "	mvn %1, %1\n"
			 "	udiv %1, %1, %2; udiv %1, %1, %2\n"
			 "	mvn %1, %1\n"
			 "	udiv %1, %1, %2; udiv %1, %1, %2\n"
			 "	subs %0, %0, #1\n"
			 "	b.ne 1b\n"
			 : "+r"(turns), "+r"(x) : "r"(y) : "cc");
	return now() - start;
}

/* A timer's interrupt in between costs some thousands. */
static bool is_count(uint64_t ns)
{
	return ns > TURNS * LENGTH * 0.98 && ns < TURNS * LENGTH * 1.10;
}

bool clock_counts_instructions(void)
{
	return is_count(time_nops()) && is_count(time_divisions());
}

#else

bool clock_counts_instructions(void)
{
	return false;
}

#endif
