/* SPDX-License-Identifier: MIT */
#include <xxhash.h>

#include "bytes.h"
#include "container.h"
#include "reseal.h"

size_t section_at(const uint8_t *data, size_t size, size_t n,
		  size_t *ret_length)
{
	size_t at = FORMAT_HEADER_SIZE;

	for (;; n--) {
		uint64_t length;
		size_t left;

		if (size < FORMAT_SECTION_SIZE ||
		    at > size - FORMAT_SECTION_SIZE)
			return 0;
		left = size - at - FORMAT_SECTION_SIZE;
		length = get_u64(data + at + 16);
		if (length > left || format_pad(length) > left)
			return 0;
		*ret_length = length;
		if (!n)
			return at;
		at += FORMAT_SECTION_SIZE + format_pad(length);
	}
}

void reseal(uint8_t *data, size_t size)
{
	size_t at, length, n;
	uint32_t type;

	if (size < FORMAT_HEADER_SIZE)
		return;
	set_u64(data + 24, XXH3_64bits(data, 24));
	for (n = 0; (at = section_at(data, size, n, &length)); n++) {
		memcpy(&type, data + at + 8, sizeof(type));
		if (type == FORMAT_END && length >= 8)
			set_u64(data + at + FORMAT_SECTION_SIZE,
				XXH3_64bits(data, at));
		set_u64(data + at,
			XXH3_64bits(data + at + 8, FORMAT_SECTION_SIZE - 8 +
							   format_pad(length)));
	}
}

void reseal_length(uint8_t *data, size_t size)
{
	if (size >= FORMAT_HEADER_SIZE)
		set_u64(data + 16, size);
	reseal(data, size);
}

size_t replace_payload(uint8_t *data, size_t size, size_t max, size_t n,
		       const uint8_t *payload, size_t length)
{
	size_t old, at = section_at(data, size, n, &old);
	size_t begin = at + FORMAT_SECTION_SIZE, after, new_after, new_size;

	if (!at)
		return 0;
	after = begin + format_pad(old);
	new_after = begin + format_pad(length);
	new_size = new_after + (size - after);
	if (new_size > max)
		return 0;
	memmove(data + new_after, data + after, size - after);
	memset(data + begin, 0, new_after - begin);
	memcpy(data + begin, payload, length);
	set_u64(data + at + 16, length);
	reseal_length(data, new_size);
	return new_size;
}
