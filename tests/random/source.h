/* SPDX-License-Identifier: MIT */
/*
 * Where choices come from: a seed, or bytes that a fuzzer made. Bytes that
 * have run out are zeros, so a prefix of an input is an input.
 */
#ifndef ONEREG_RANDOM_SOURCE_H
#define ONEREG_RANDOM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source {
	uint64_t seed;
	const uint8_t *data;	/* NULL: the seed counts */
	size_t left;
};

struct source source_seed(uint64_t seed);
struct source source_bytes(const uint8_t *data, size_t size);
/* No bytes are left; never of a seed. */
bool source_is_empty(const struct source *s);
uint64_t source_u64(struct source *s);
/* 0 to n - 1; n at least 1. */
size_t source_below(struct source *s, size_t n);
/* true n times in 256. */
bool source_chance(struct source *s, unsigned int n);

#endif
