// SPDX-License-Identifier: MIT
/*
 * Changes to an image as bytes: what is put is read again, and bytes that
 * have right checksums are refused all the same where docs/format.md does.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "changes.h"
#include "leaks.h"

#define N_VCPUS		2
#define N_IDS		70	/* more than one word of bits */
#define GIC		(1 + N_VCPUS)	/* its record */
#define BIT_BEYOND	(N_IDS - 64)	/* in the second word */

/* Registers of 4, 8, 16 and 256 bytes. */
static struct regset set;
static uint8_t *was, *now;
static uint8_t *bytes;
static size_t n_bytes, where[N_VCPUS + 3];

static uint64_t id_of(size_t i)
{
	static const uint64_t sizes[] = { 2, 3, 4, 8 };

	return KA_REG_ARM64 | sizes[i % 4] << 52 | 0x130000 | i;
}

/* Every third has changed, and one more. */
static void make_rows(void)
{
	uint64_t ids[N_IDS];

	for (size_t i = 0; i < N_IDS; i++)
		ids[i] = id_of(i);
	cr_assert_eq(regset_init(&set, ids, N_IDS), 0);
	was = malloc(set.row_size);
	now = malloc(set.row_size);
	cr_assert(was && now);
	memset(was, 0x11, set.row_size);
	memcpy(now, was, set.row_size);
	for (size_t i = 0; i < N_IDS; i += 3)
		now[set.offsets[i] + onereg_reg_size(ids[i]) - 1] = (uint8_t)i;
	/* Of 4 bytes: an odd number of those, so that there is padding. */
	now[set.offsets[4]] = 0;
}

static void put(size_t record, size_t size)
{
	changes_put_entry(bytes, record, bytes + n_bytes, size);
	where[record] = n_bytes;
	n_bytes += size;
	where[record + 1] = n_bytes;
}

static void put_changes(void)
{
	struct vcpu_state a = { .row = was, .has_events = true };
	struct vcpu_state b = { .row = now, .has_events = true,
				.events.serror_pending = 1, .mp_state = 3 };
	struct attr attr = { 1, 4, 0x80, 7 };
	struct attrs gic = { .v = &attr, .n = 1 };

	n_bytes = changes_head_size(N_VCPUS);
	put(0, changes_put_row(bytes + n_bytes, &set, was, now, NULL, 0));
	put(1, changes_put_vcpu(bytes + n_bytes, &a, &b, &set, NULL, 0));
	put(2, changes_put_vcpu(bytes + n_bytes, &a, &a, &set, NULL, 0));
	put(GIC, changes_put_gic(bytes + n_bytes, &gic));
	changes_put_head(bytes, n_bytes, N_VCPUS,
			 &(struct changes_head){ CHANGES_LAST, 5, 6, 7 });
}

static void make_changes(void)
{
	make_rows();
	bytes = calloc(1, 65536);
	cr_assert(bytes);
	put_changes();
}

static void drop_changes(void)
{
	regset_free(&set);
	free(was);
	free(now);
	free(bytes);
	check_leaks();
}

TestSuite(changes, .init = make_changes, .fini = drop_changes);

/* Checksums as they would be if that had been meant. */
static void reseal(void)
{
	for (size_t i = 0; i <= GIC; i++)
		changes_put_entry(bytes, i, bytes + where[i],
				  where[i + 1] - where[i]);
	memcpy(bytes + 24, &n_bytes, 8);
	changes_put_head(bytes, n_bytes, N_VCPUS,
			 &(struct changes_head){ CHANGES_LAST, 5, 6, 7 });
}

static int open_changes(struct changes *c, size_t at[N_VCPUS + 3])
{
	const char *why = NULL;
	int ret;

	*c = (struct changes){ .at = at };
	ret = changes_open(c, N_VCPUS, bytes, n_bytes, &why);
	cr_expect(!ret == !why, "%d without a reason", ret);
	return ret;
}

/* Through all of a row: 0, or -EBADMSG at its end. */
static int walk(struct row_changes row, uint8_t *to)
{
	const uint8_t *value;
	size_t i;

	while (row_changes_next(&row, &i, &value))
		memcpy(to + set.offsets[i], value,
		       onereg_reg_size(set.ids[i]));
	return row.bad ? -EBADMSG : 0;
}

/* All of it; the first error. */
static int read_all(void)
{
	size_t at[N_VCPUS + 3];
	struct vcpu_changes v;
	struct row_changes row;
	struct attrs gic = { 0 };
	struct changes c;
	uint8_t *to = malloc(set.row_size);
	int ret = open_changes(&c, at);

	cr_assert(to);
	ret = ret ?: changes_vm(&c, &set, &row) ?: walk(row, to);
	for (size_t i = 0; i < N_VCPUS; i++)
		ret = ret ?: changes_vcpu(&c, i, &set, &v) ?: walk(v.row, to);
	ret = ret ?: changes_gic(&c, &gic);
	free(gic.v);
	free(to);
	return ret;
}

Test(changes, are_read_as_they_were_put)
{
	size_t at[N_VCPUS + 3];
	struct vcpu_changes v;
	struct row_changes row;
	struct attrs gic = { 0 };
	struct changes c;

	cr_assert_eq(open_changes(&c, at), 0);
	cr_expect(c.head.flags == CHANGES_LAST && c.head.image == 5 &&
		  c.head.number == 6 && c.head.saved_at == 7);
	cr_assert_eq(changes_vm(&c, &set, &row), 0);
	cr_expect_eq(walk(row, was), 0);
	cr_expect_eq(memcmp(was, now, set.row_size), 0, "VM");
	memset(was, 0x11, set.row_size);
	cr_assert_eq(changes_vcpu(&c, 0, &set, &v), 0);
	cr_expect(v.mp_state == 3 && v.events && v.events[0] == 1);
	cr_expect_eq(walk(v.row, was), 0);
	cr_expect_eq(memcmp(was, now, set.row_size), 0, "vCPU");
	cr_assert_eq(changes_vcpu(&c, 1, &set, &v), 0);
	cr_expect(!v.mp_state && !v.events);
	memcpy(was, now, set.row_size);
	cr_expect_eq(walk(v.row, was), 0);
	cr_expect_eq(memcmp(was, now, set.row_size), 0, "nothing changed");
	cr_assert_eq(changes_gic(&c, &gic), 0);
	cr_expect(gic.n == 1 && gic.v[0].attr == 0x80 && gic.v[0].value == 7);
	free(gic.v);
}

/* Only those that are asked for, however they are. */
Test(changes, tell_what_is_asked_for)
{
	const uint32_t some[] = { 0, 1, 66, 69 };
	uint8_t *to = malloc(changes_row_max(&set));
	size_t size = changes_put_row(to, &set, was, now, some, 4);

	cr_assert(to);
	cr_expect_eq(to[0], 1);
	cr_expect_eq(to[8], 1 << (66 - 64) | 1 << (69 - 64));
	/* 4 bytes, 16 and 8, after two words; a multiple of 8 */
	cr_expect_eq(size, 16 + 32);
	free(to);
}

/* Each byte of a record that is changed, with the checksums made right. */
static void expect_bad(size_t at, uint8_t flip, const char *what)
{
	bytes[at] ^= flip;
	reseal();
	cr_expect_eq(read_all(), -EBADMSG, "%s", what);
	bytes[at] ^= flip;
	reseal();
	cr_expect_eq(read_all(), 0, "%s: made right again", what);
}

Test(changes, that_mean_nothing_are_refused)
{
	expect_bad(where[0] + 8, 1 << BIT_BEYOND, "VM: a bit beyond the list");
	expect_bad(where[0] + 15, 0x80, "VM: the last bit");
	expect_bad(where[0], 2, "VM: one more, without its value");
	expect_bad(where[0], 1, "VM: one less, with its value");
	expect_bad(where[1] - 1, 1, "VM: padding");
	expect_bad(where[1] + 4, 2, "vCPU: a reserved flag");
	expect_bad(where[1] + 4, 1, "vCPU: events that are not told of");
	expect_bad(where[2] + 4, 1, "vCPU: events that are not there");
	expect_bad(where[2] + 8 + 8, 1 << BIT_BEYOND, "vCPU: beyond the list");
	expect_bad(where[GIC] + 4, 1, "GIC: a size of 5");
	expect_bad(where[GIC] + 4, 4, "GIC: a size of 0");
	expect_bad(where[GIC] + 20, 1, "GIC: a value above 32 bits");
}

/* A record that ends too soon, or has more than it tells. */
Test(changes, of_other_sizes_are_refused)
{
	for (size_t record = 0; record <= GIC; record++)
		for (int more = 0; more < 2; more++) {
			size_t n = n_bytes, end = where[record + 1];
			size_t move = n - end;
			uint8_t *old = malloc(n);

			cr_assert(old);
			memcpy(old, bytes, n);
			memmove(bytes + end + (more ? 8 : -8), bytes + end,
				move);
			if (more)
				memset(bytes + end, 0, 8);
			for (size_t i = record + 1; i <= GIC + 1; i++)
				where[i] += more ? 8 : -8;
			n_bytes = n + (more ? 8 : -8);
			reseal();
			cr_expect_eq(read_all(), -EBADMSG, "record %zu, %d",
				     record, more);
			for (size_t i = record + 1; i <= GIC + 1; i++)
				where[i] -= more ? 8 : -8;
			n_bytes = n;
			memcpy(bytes, old, n);
			free(old);
		}
	cr_expect_eq(read_all(), 0);
}

static void reseal_head(void)
{
	size_t head = changes_head_size(N_VCPUS);
	uint64_t sum = XXH64(bytes + 16, head - 16, 0);

	memcpy(bytes + 8, &sum, 8);
}

static void expect_head(size_t at, uint8_t flip, int error, const char *what)
{
	bytes[at] ^= flip;
	reseal_head();
	cr_expect_eq(read_all(), error, "%s", what);
	bytes[at] ^= flip;
	reseal_head();
}

Test(changes, of_another_kind_are_refused)
{
	expect_head(0, 1, -EBADMSG, "the magic");
	expect_head(16, 1, -EPROTO, "a newer minor version");
	expect_head(18, 2, -EPROTO, "a newer major version");
	expect_head(20, 2, -EPROTO, "a flag that is not known");
	expect_head(24, 8, -EBADMSG, "the length");
	expect_head(64, 1, -EBADMSG, "a length that is not a multiple of 8");
	expect_head(71, 0x80, -EBADMSG, "a length beyond everything");
	cr_expect_eq(read_all(), 0);
}

/* ---- what the fuzzer starts from ---- */

#define CORPUS SOURCE_ROOT "/fuzz/corpus/changes/"

/* Its first byte is for the harness. */
static bool is_head_right(const char *name)
{
	struct changes c = { .at = where };
	static uint8_t input[1 << 16];
	char path[512];
	const char *why = "";
	size_t size;
	FILE *f;
	int ret;

	snprintf(path, sizeof(path), CORPUS "%s", name);
	f = fopen(path, "r");
	cr_assert(f, "%s", path);
	size = fread(input, 1, sizeof(input), f);
	fclose(f);
	ret = size ? changes_open(&c, N_VCPUS, input + 1, size - 1, &why) :
		     -EBADMSG;
	return !ret || strstr(why, "record");
}

/* Where checksums are made otherwise, inputs say nothing any more. */
Test(changes, most_inputs_of_the_fuzzer_get_past_the_head)
{
	size_t n = 0, right = 0;
	struct dirent *e;
	DIR *dir = opendir(CORPUS);

	cr_assert(dir, CORPUS);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.') {
			n++;
			right += is_head_right(e->d_name);
		}
	closedir(dir);
	cr_assert(n > 50 && right > n / 2, "%zu of %zu", right, n);
}
