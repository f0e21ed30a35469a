/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "container.h"
#include "faults.h"
#include "leaks.h"

LEAK_CHECKED(regset);

static const uint64_t ids[] = {
	KA_CAP_ONE_REG | KA_REG_ARM64 | KA_REG_SIZE_U64,
	KA_REG_ARM64 | KA_REG_SIZE_U32 | 7,
	KA_REG_ARM64 | KA_REG_SIZE_U2048 | 9, KA_REG_ARM64 | 3, /* one byte */
};

Test(regset, values_are_back_to_back_in_list_order)
{
	struct regset set;

	cr_assert_eq(regset_init(&set, ids, ARRAY_SIZE(ids)), 0);
	cr_assert_eq(set.n, 4);
	cr_assert_eq(set.offsets[0], 0);
	cr_assert_eq(set.offsets[1], 8);
	cr_assert_eq(set.offsets[2], 12);
	cr_assert_eq(set.offsets[3], 268);
	cr_assert_eq(set.row_size, 269);
	regset_free(&set);
	cr_assert_eq(set.n, 0);
	cr_assert_null(set.ids);
}

Test(regset, finds_ids_and_only_those)
{
	struct regset set;

	cr_assert_eq(regset_init(&set, ids, ARRAY_SIZE(ids)), 0);
	cr_assert_eq(regset_find(&set, ids[0]), 0);
	cr_assert_eq(regset_find(&set, ids[3]), 3);
	cr_assert_eq(regset_find(&set, ids[0] + 1), -1);
	regset_free(&set);
}

Test(regset, empty_needs_no_memory)
{
	struct regset set;

	fault_at(FAULT_MALLOC, 1, 0);
	cr_assert_eq(regset_init(&set, NULL, 0), 0);
	cr_assert_eq(fault_stop(FAULT_MALLOC), 0);
	cr_assert_eq(set.row_size, 0);
	cr_assert_eq(regset_find(&set, ids[0]), -1);
	regset_free(&set);
}

Test(regset, an_id_without_size_is_refused)
{
	static const uint64_t bad[] = {
		KA_REG_ARM64 | KA_REG_SIZE_U64,
		KA_REG_ARM64 | 9ULL << KA_REG_SIZE_SHIFT,
	};
	struct regset set;

	cr_assert_eq(regset_init(&set, bad, 2), -EBADMSG);
	cr_assert_null(set.ids);
	cr_assert_null(set.offsets);
}

Test(regset, more_ids_than_the_limit_are_refused)
{
	uint64_t *many = calloc(FORMAT_MAX_IDS + 1, sizeof(*many));
	struct regset set;
	size_t i;

	for (i = 0; i <= FORMAT_MAX_IDS; i++)
		many[i] = ids[2] + i;
	cr_assert_eq(regset_init(&set, many, FORMAT_MAX_IDS + 1), -EBADMSG);
	cr_assert_eq(regset_init(&set, many, FORMAT_MAX_IDS), 0);
	cr_assert_eq(set.row_size, FORMAT_MAX_IDS * 256);
	cr_assert_eq(set.offsets[FORMAT_MAX_IDS - 1],
		     (FORMAT_MAX_IDS - 1) * 256);
	regset_free(&set);
	free(many);
}

Test(regset, equal_means_same_ids_in_same_order)
{
	const uint64_t swapped[] = { ids[1], ids[0], ids[2], ids[3] };
	struct regset a, b, c, d;

	cr_assert_eq(regset_init(&a, ids, 4), 0);
	cr_assert_eq(regset_init(&b, ids, 4), 0);
	cr_assert_eq(regset_init(&c, swapped, 4), 0);
	cr_assert_eq(regset_init(&d, ids, 3), 0);
	cr_assert(regset_equal(&a, &b));
	cr_assert_not(regset_equal(&a, &c));
	cr_assert_not(regset_equal(&a, &d));
	regset_free(&a);
	regset_free(&b);
	regset_free(&c);
	regset_free(&d);
}

Test(regset, values_of_up_to_8_bytes_are_numbers)
{
	uint8_t row[269] = { 1, 2, 0, 0, 0, 0, 0, 0x80, 0xff, 0xfe };
	struct regset set;

	row[268] = 0x77;
	cr_assert_eq(regset_init(&set, ids, 4), 0);
	cr_assert_eq(regset_u64(&set, row, 0), 0x8000000000000201ULL);
	cr_assert_eq(regset_u64(&set, row, 1), 0xfeff);
	cr_assert_eq(regset_u64(&set, row, 3), 0x77);
	regset_free(&set);
}

Test(regset, each_failing_allocation_is_enomem_and_leaks_nothing)
{
	struct regset set;
	size_t n;
	int r = -ENOMEM;

	for (n = 1; r; n++) {
		fault_at(FAULT_MALLOC, n, 0);
		r = regset_init(&set, ids, 4);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
		cr_assert(r == 0 || (!set.ids && !set.offsets));
	}
	cr_assert_gt(n, 2);
	regset_free(&set);
}
