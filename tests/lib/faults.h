/* SPDX-License-Identifier: MIT */
/*
 * Makes the n-th allocation or system call of the code under test fail. The
 * program is linked with -Wl,--wrap for each of these functions.
 */
#ifndef ONEREG_TESTS_FAULTS_H
#define ONEREG_TESTS_FAULTS_H

#include <stddef.h>

enum fault_call {
	FAULT_MALLOC,		/* calloc() and realloc() too */
	FAULT_READ,
	FAULT_WRITE,
	FAULT_FSYNC,
	FAULT_CLOSE,
	FAULT_RENAME,
	N_FAULTS,
};

/* The n-th (1..) of these calls from now fails; error 0: is done by half. */
void fault_at(enum fault_call call, size_t n, int error);
/* No more; how many calls there were since fault_at(). */
size_t fault_stop(enum fault_call call);

#endif
