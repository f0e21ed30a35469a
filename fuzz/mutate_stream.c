/* SPDX-License-Identifier: MIT */
/*
 * Mutations that keep numbers, sessions and checksums right: without them a
 * fuzzer would never get past the first section.
 */
#include <string.h>
#include <xxhash.h>

#include "fuzz.h"
#include "stream_rig.h"

static void put64(uint8_t *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

/* Lengths that lead beyond the end are cut, so that what follows is one. */
static void reseal(uint8_t *data, size_t size, bool lengths)
{
	uint64_t session = 0, id = 0;
	uint32_t n = 0, length;

	for (size_t at = 1; at + STREAM_HEADER <= size; n++) {
		uint8_t *h = data + at;
		size_t left = size - at - STREAM_HEADER;

		memcpy(&length, h + 12, 4);
		if (length > left && lengths)
			length = left;
		memcpy(h + 12, &length, 4);
		memcpy(h + 8, &n, 4);
		put64(h + 16, session);
		if (length <= left)
			put64(h + 24, XXH3_64bits(h + STREAM_HEADER, length));
		put64(h + 32, XXH3_64bits(h, 32));
		if (!n && left >= 32) {
			memcpy(&id, h + STREAM_HEADER + 16, 8);
			session = data[0] & 1 ? id ^ RIG_SOURCE_ID :
				  h[STREAM_HEADER + 24] & 1 ? id :
							      id ^ RIG_OWN_ID;
		}
		if (length > left)
			return;
		at += STREAM_HEADER + length;
	}
}

/* A number of a run of pages becomes another that a run might have. */
static void poke_run(uint8_t *data, size_t size, unsigned int seed)
{
	uint32_t length, value = seed >> 8 & 0xf;

	for (size_t at = 1; at + STREAM_HEADER + 24 <= size;
	     at += STREAM_HEADER + length) {
		uint8_t *h = data + at;

		memcpy(&length, h + 12, 4);
		if (length > size - at - STREAM_HEADER)
			return;
		if (length < 24 || memcmp(h, "PAGE", 4) || seed++ % 3)
			continue;
		/* first, its upper half, pages, or kind */
		memcpy(h + STREAM_HEADER + 8 + (seed >> 12) % 4 * 4, &value, 4);
		return;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned int seed)
{
	size_t new_size = size;

	if (size && seed & 0x20)
		poke_run(data, size, seed >> 6);
	else
		new_size = LLVMFuzzerMutate(data, size, max);
	/* Some stay damaged. */
	if (new_size && seed & 0xf)
		reseal(data, new_size, seed & 0x10);
	return new_size;
}
