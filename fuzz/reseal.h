/* SPDX-License-Identifier: MIT */
/*
 * Makes checksums right again in a file that was changed, so that a fuzzer or
 * a test reaches what is checked behind them.
 */
#ifndef ONEREG_FUZZ_RESEAL_H
#define ONEREG_FUZZ_RESEAL_H

#include <stddef.h>
#include <stdint.h>

/* As far as sections can be followed; the length in the header stays. */
void reseal(uint8_t *data, size_t size);
/* The same, and the length becomes size. */
void reseal_length(uint8_t *data, size_t size);

/*
 * Offset of the n-th section, 0 where there is none; *ret_length is that of
 * its payload.
 */
size_t section_at(const uint8_t *data, size_t size, size_t n,
		  size_t *ret_length);
/*
 * Puts a payload in place of the n-th section's. Returns the new size, 0
 * where that section is not there or the file would grow beyond max.
 */
size_t replace_payload(uint8_t *data, size_t size, size_t max, size_t n,
		       const uint8_t *payload, size_t length);

#endif
