// SPDX-License-Identifier: MIT
#include "pace.h"

/* What was not written while nobody read is not made up for later. */
#define MOST_BEHIND_NS 50000000ull

void pace_start(struct pace *p, uint64_t rate, uint64_t now_ns)
{
	*p = (struct pace){ .rate = rate, .due_ns = now_ns };
}

uint64_t pace_wait(struct pace *p, uint64_t n, uint64_t now_ns)
{
	if (!p->rate)
		return 0;
	if (p->due_ns + MOST_BEHIND_NS < now_ns)
		p->due_ns = now_ns - MOST_BEHIND_NS;
	p->due_ns += (double)n / p->rate * 1e9;
	return p->due_ns > now_ns ? p->due_ns - now_ns : 0;
}
