/* SPDX-License-Identifier: MIT */
/*
 * What the harnesses share. Each is a libFuzzer target, and with replay.c a
 * program that runs the files it is given.
 */
#ifndef ONEREG_FUZZ_H
#define ONEREG_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Also where NDEBUG is set. */
#define EXPECT(what)                                                      \
	do {                                                              \
		if (!(what)) {                                            \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, \
				__LINE__, #what);                         \
			abort();                                          \
		}                                                         \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

struct onereg_report;
/* What a reader that returned r has to have left in the report. */
void expect_report(int r, const struct onereg_report *report);

#endif
