/* SPDX-License-Identifier: MIT */
/* So many bytes a second and no more. Knows no clock: it is told the time. */
#ifndef ONEREG_VMM_PACE_H
#define ONEREG_VMM_PACE_H

#include <stdint.h>

struct pace {
	uint64_t rate; /* bytes a second; 0: no limit */
	uint64_t due_ns; /* when all so far may have been written */
};

void pace_start(struct pace *p, uint64_t rate, uint64_t now_ns);
/* n more bytes were written: how long to wait, in ns, before the next. */
uint64_t pace_wait(struct pace *p, uint64_t n, uint64_t now_ns);

#endif
