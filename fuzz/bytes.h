/* SPDX-License-Identifier: MIT */
/* Numbers in bytes, on the little-endian machines that the hosts are. */
#ifndef ONEREG_FUZZ_BYTES_H
#define ONEREG_FUZZ_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint64_t get_u64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline void set_u64(uint8_t *p, uint64_t value)
{
	memcpy(p, &value, sizeof(value));
}

#endif
