/* SPDX-License-Identifier: MIT */
/*
 * A list of register ids, and where in a row of values each one is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "internal.h"

static int fill_offsets(struct regset *set)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		size_t size = onereg_reg_size(set->ids[i]);

		if (!size)
			return -EBADMSG;
		set->offsets[i] = (uint32_t)set->row_size;
		set->row_size += size;
	}
	set->offsets[i] = (uint32_t)set->row_size;
	return 0;
}

int regset_init(struct regset *set, const uint64_t *ids, size_t n)
{
	int r;

	*set = (struct regset){ 0 };
	/* So many of the largest size are 16 MiB: offsets cannot wrap. */
	if (n > FORMAT_MAX_IDS)
		return -EBADMSG;
	if (!n)
		return 0;
	set->ids = malloc(n * sizeof(*set->ids));
	set->offsets = malloc((n + 1) * sizeof(*set->offsets));
	if (!set->ids || !set->offsets) {
		regset_free(set);
		return -ENOMEM;
	}
	memcpy(set->ids, ids, n * sizeof(*ids));
	set->n = n;
	r = fill_offsets(set);
	if (r)
		regset_free(set);
	return r;
}

void regset_free(struct regset *set)
{
	free(set->ids);
	free(set->offsets);
	*set = (struct regset){ 0 };
}

ptrdiff_t regset_find(const struct regset *set, uint64_t id)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (set->ids[i] == id)
			return (ptrdiff_t)i;
	return -1;
}

bool regset_equal(const struct regset *a, const struct regset *b)
{
	if (a->n != b->n)
		return false;
	return !a->n || !memcmp(a->ids, b->ids, a->n * sizeof(*a->ids));
}

uint64_t regset_u64(const struct regset *set, const uint8_t *row, size_t i)
{
	size_t size = onereg_reg_size(set->ids[i]);
	uint64_t value = 0;

	if (size > sizeof(value))
		size = sizeof(value);
	memcpy(&value, row + set->offsets[i], size);
	return value;
}
