/* SPDX-License-Identifier: MIT */
/*
 * Mutations that keep a file's checksums right: without them a fuzzer would
 * never get past the first.
 */
#include <string.h>

#include "fuzz.h"
#include "reseal.h"

#define MAX_SECTIONS 16

static size_t mutate_payload(uint8_t *data, size_t size, size_t max,
			     unsigned int seed)
{
	size_t length,
		at = section_at(data, size, seed % MAX_SECTIONS, &length);
	size_t new_size;
	uint8_t *payload;

	if (!at)
		return 0;
	payload = malloc(max + 1);
	EXPECT(payload);
	memcpy(payload, data + at + 24, length);
	length = LLVMFuzzerMutate(payload, length, max);
	new_size = replace_payload(data, size, max, seed % MAX_SECTIONS,
				   payload, length);
	free(payload);
	return new_size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned int seed)
{
	size_t new_size = 0;

	if (seed & 1)
		new_size = mutate_payload(data, size, max, seed >> 4);
	if (!new_size) {
		new_size = LLVMFuzzerMutate(data, size, max);
		/* Some stay damaged. */
		if (seed & 0xe)
			reseal_length(data, new_size);
	}
	return new_size;
}
