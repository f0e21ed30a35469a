/* SPDX-License-Identifier: MIT */
/* Registers that need not be read again when a guest is stopped. */
#ifndef ONEREG_LIB_FIXED_H
#define ONEREG_LIB_FIXED_H

#include "internal.h"

/*
 * What a vCPU of the image's kind holds when it is new, on this kernel. Empty
 * where no such vCPU can be made; then what could be reset is not fixed.
 */
struct starting {
	struct regset set;
	uint8_t *row;
};

/* -ENOMEM */
int starting_read(struct starting *s, const struct onereg_vm *vm,
		  const struct onereg_image *image);
void starting_free(struct starting *s);

/*
 * Can neither the guest nor a reset of the vCPU change the i-th register of its
 * list, which was read as row has it? One that only the VMM can change is fixed
 * too.
 */
bool is_fixed(const struct starting *s, const struct regset *set,
	      const uint8_t *row, size_t i);

#endif
