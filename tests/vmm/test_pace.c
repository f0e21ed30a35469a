// SPDX-License-Identifier: MIT
/* A writer that keeps to a rate, by a clock of ours. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "pace.h"

#define RATE (3u << 20)
#define STEP 65536u /* as the channel writes */
#define SECOND 1000000000ull
#define N 4000

/* What was written, and when. */
static struct {
	uint64_t ns, bytes;
} done[N];

/*
 * Bytes from the i-th write to any later one never exceed what the rate gives
 * for the time between, by more than a write and what it may catch up with.
 */
static void expect_under_rate(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t bytes = 0;

		for (unsigned int k = i; k < n; k++) {
			double s = (double)(done[k].ns - done[i].ns) / SECOND;

			bytes += done[k].bytes;
			cr_assert(bytes <= s * RATE + STEP + RATE / 20 + 1,
				  "%llu bytes in %f s, from write %u to %u",
				  (unsigned long long)bytes, s, i, k);
		}
	}
}

/* Writes take a while, and now and then nobody reads for seconds. */
static uint64_t write_some(unsigned int n, unsigned int stall_every)
{
	uint64_t now = 77 * SECOND, bytes = 0;
	struct pace p;

	srand(1);
	pace_start(&p, RATE, now);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t size = 1 + rand() % STEP;

		now += rand() % 2000000;
		if (stall_every && i % stall_every == stall_every - 1)
			now += 3 * SECOND;
		done[i].ns = now;
		done[i].bytes = size;
		bytes += size;
		now += pace_wait(&p, size, now);
	}
	expect_under_rate(n);
	return bytes * SECOND / (now - 77 * SECOND);
}

Test(pace, is_not_exceeded_and_used)
{
	uint64_t rate = write_some(1000, 0);

	cr_assert(rate > RATE * 0.98 && rate <= RATE * 1.01, "%llu",
		  (unsigned long long)rate);
}

Test(pace, is_not_exceeded_after_a_stall)
{
	write_some(1000, 50);
}

Test(pace, is_kept_to_where_waits_are_too_long)
{
	uint64_t now = SECOND, bytes = 0;
	struct pace p;

	pace_start(&p, RATE, now);
	for (unsigned int i = 0; i < N; i++) {
		uint64_t wait = pace_wait(&p, STEP, now);

		bytes += STEP;
		/* sleeps are never shorter, and often longer */
		now += wait ? wait + 3000000 : 0;
	}
	cr_assert(bytes * SECOND / (now - SECOND) > RATE * 0.95, "%llu",
		  (unsigned long long)(bytes * SECOND / (now - SECOND)));
}

Test(pace, is_none_without_a_rate)
{
	struct pace p;

	pace_start(&p, 0, SECOND);
	for (unsigned int i = 0; i < 1000; i++)
		cr_assert_eq(pace_wait(&p, 1u << 30, SECOND), 0);
}
