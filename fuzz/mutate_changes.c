/* SPDX-License-Identifier: MIT */
/*
 * Mutations of changes to an image that keep lengths and checksums right. The
 * first byte of an input is not part of them.
 */
#include "bytes.h"
#include "changes.h"
#include "fuzz.h"

/* The number of records, as the head has it; 0: it has no room for them. */
static size_t count_records(const uint8_t *d, size_t size)
{
	uint64_t n;

	if (size < CHANGES_HEADER_SIZE)
		return 0;
	n = get_u64(d + 56);
	if (n > 64 || changes_head_size(n) > size)
		return 0;
	return changes_n_records(n);
}

/* Each record's length stays as far as it fits; the last has the rest. */
static void reseal_changes(uint8_t *d, size_t size)
{
	size_t n = count_records(d, size), at;

	if (!n)
		return;
	at = CHANGES_HEADER_SIZE + n * CHANGES_ENTRY_SIZE;
	for (size_t i = 0; i < n; i++) {
		uint8_t *entry = d + CHANGES_HEADER_SIZE +
				 i * CHANGES_ENTRY_SIZE;
		uint64_t length = get_u64(entry);

		if (length > size - at || i == n - 1)
			length = size - at;
		changes_put_entry(d, i, d + at, length);
		at += length;
	}
	set_u64(d + 24, size);
	changes_seal_head(d, get_u64(d + 56));
}

/* Another payload for a record, whose length follows. */
static size_t mutate_record(uint8_t *d, size_t size, size_t max, size_t which)
{
	size_t n = count_records(d, size), at, length, new_length;
	uint8_t *entry, *payload;

	if (!n)
		return 0;
	which %= n;
	at = CHANGES_HEADER_SIZE + n * CHANGES_ENTRY_SIZE;
	for (size_t i = 0; i <= which; i++) {
		entry = d + CHANGES_HEADER_SIZE + i * CHANGES_ENTRY_SIZE;
		length = get_u64(entry);
		if (length > size - at)
			return 0;
		at += i < which ? length : 0;
	}
	payload = malloc(max + 8);
	EXPECT(payload);
	memcpy(payload, d + at, length);
	new_length = LLVMFuzzerMutate(payload, length, max);
	memset(payload + new_length, 0, 8);
	new_length = (new_length + 7) / 8 * 8;
	if (size - length + new_length > max) {
		free(payload);
		return 0;
	}
	memmove(d + at + new_length, d + at + length, size - at - length);
	memcpy(d + at, payload, new_length);
	free(payload);
	set_u64(entry, new_length);
	return size - length + new_length;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned int seed)
{
	size_t new_size = 0;

	if (size > 1 && (seed & 1))
		new_size = mutate_record(data + 1, size - 1, max - 1,
					 seed >> 4);
	if (new_size)
		new_size++;
	else
		new_size = LLVMFuzzerMutate(data, size, max);
	/* Some stay damaged. */
	if (new_size > 1 && (seed & 0xe))
		reseal_changes(data + 1, new_size - 1);
	return new_size;
}
