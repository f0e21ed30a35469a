/* SPDX-License-Identifier: MIT */
/*
 * Changes to an image as bytes: made in the blackout, hence without
 * allocation, and checked before anything of them is believed.
 */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "changes.h"
#include "container.h"

#define ATTR_SIZE 24
/* The checksum, behind the magic, is of what follows it in the head. */
#define CHECKSUM_AT 8
#define CHECKED_AT 16

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "docs/format.md");

/*
 * Not the XXH3 of files: without vector instructions that compilers use of
 * themselves, this takes about half as many.
 */
static uint64_t changes_sum(const void *data, size_t size)
{
	return XXH64(data, size, 0);
}

static size_t bitmap_size(const struct regset *set)
{
	return (set->n + 63) / 64 * 8;
}

static void store_u32(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
}

static void store_u64(uint8_t *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

static uint32_t load_u32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static uint64_t load_u64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* ---- writing ---- */

size_t changes_row_max(const struct regset *set)
{
	return bitmap_size(set) + format_pad(set->row_size);
}

size_t changes_vcpu_max(const struct regset *set)
{
	return CHANGES_VCPU_SIZE + sizeof(struct ka_vcpu_events) +
	       changes_row_max(set);
}

/* Nearly all registers have 8 bytes. */
static bool same(const uint8_t *a, const uint8_t *b, size_t size)
{
	return size == 8 ? load_u64(a) == load_u64(b) : !memcmp(a, b, size);
}

size_t changes_put_row(uint8_t *to, const struct regset *set,
		       const uint8_t *was, const uint8_t *now,
		       const uint32_t *at, size_t n)
{
	uint8_t *p = to + bitmap_size(set);
	size_t size;

	memset(to, 0, bitmap_size(set));
	if (!at)
		n = set->n;
	for (size_t k = 0; k < n; k++) {
		size_t i = at ? at[k] : k;
		size_t from = set->offsets[i], bytes = regset_size(set, i);

		if (same(was + from, now + from, bytes))
			continue;
		to[i / 8] |= (uint8_t)(1u << i % 8);
		if (bytes == 8)
			memcpy(p, now + from, 8);
		else
			memcpy(p, now + from, bytes);
		p += bytes;
	}
	size = (size_t)(p - to);
	memset(p, 0, format_pad(size) - size);
	return format_pad(size);
}

size_t changes_put_vcpu(uint8_t *to, const struct vcpu_state *was,
			const struct vcpu_state *now, const struct regset *set,
			const uint32_t *at, size_t n)
{
	bool events = now->has_events &&
		      (!was->has_events ||
		       memcmp(&was->events, &now->events, sizeof(now->events)));
	uint8_t *p = to + CHANGES_VCPU_SIZE;

	store_u32(to, now->mp_state);
	store_u32(to + 4, events ? CHANGES_EVENTS : 0);
	if (events) {
		memcpy(p, &now->events, sizeof(now->events));
		p += sizeof(now->events);
	}
	p += changes_put_row(p, set, was->row, now->row, at, n);
	return (size_t)(p - to);
}

size_t changes_put_gic(uint8_t *to, const struct attrs *gic)
{
	uint8_t *p = to;

	for (size_t i = 0; i < gic->n; i++, p += ATTR_SIZE) {
		store_u32(p, gic->v[i].group);
		store_u32(p + 4, gic->v[i].size);
		store_u64(p + 8, gic->v[i].attr);
		store_u64(p + 16, gic->v[i].value);
	}
	return (size_t)(p - to);
}

static uint8_t *entry(uint8_t *set, size_t record)
{
	return set + CHANGES_HEADER_SIZE + record * CHANGES_ENTRY_SIZE;
}

void changes_put_entry(uint8_t *set, size_t record, const uint8_t *data,
		       size_t size)
{
	store_u64(entry(set, record), size);
	store_u64(entry(set, record) + 8, changes_sum(data, size));
}

static uint64_t head_sum(const uint8_t *set, size_t n_vcpus)
{
	return changes_sum(set + CHECKED_AT,
			   changes_head_size(n_vcpus) - CHECKED_AT);
}

void changes_seal_head(uint8_t *set, size_t n_vcpus)
{
	store_u64(set + CHECKSUM_AT, head_sum(set, n_vcpus));
}

void changes_put_head(uint8_t *set, size_t size, size_t n_vcpus,
		      const struct changes_head *head)
{
	memcpy(set, CHANGES_MAGIC, CHANGES_MAGIC_SIZE);
	store_u32(set + 16, CHANGES_VERSION);
	store_u32(set + 20, head->flags);
	store_u64(set + 24, size);
	store_u64(set + 32, head->image);
	store_u64(set + 40, head->number);
	store_u64(set + 48, head->saved_at);
	store_u64(set + 56, n_vcpus);
	changes_seal_head(set, n_vcpus);
}

/* ---- reading ---- */

static int bad(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

/* Where each record begins; they fill the rest. */
static int find_records(struct changes *c, size_t size, const char **why)
{
	size_t n = changes_n_records(c->n_vcpus);
	size_t at = changes_head_size(c->n_vcpus);

	for (size_t i = 0; i < n; i++) {
		uint64_t bytes = load_u64(c->data + CHANGES_HEADER_SIZE +
					  i * CHANGES_ENTRY_SIZE);

		c->at[i] = at;
		if (bytes > size - at || bytes % FORMAT_ALIGN)
			return bad(why, "damaged: a record that does not fit");
		at += bytes;
	}
	c->at[n] = at;
	return at == size ? 0 : bad(why, "damaged: bytes behind the records");
}

static bool is_head_whole(const uint8_t *d, size_t size, uint64_t n_vcpus)
{
	if (n_vcpus > size || changes_head_size(n_vcpus) > size)
		return false;
	return load_u64(d + CHECKSUM_AT) == head_sum(d, n_vcpus);
}

int changes_open(struct changes *c, size_t n_vcpus, const void *data,
		 size_t size, const char **why)
{
	const uint8_t *d = data;

	c->data = d;
	c->n_vcpus = n_vcpus;
	if (size < CHANGES_MAGIC_SIZE ||
	    memcmp(d, CHANGES_MAGIC, CHANGES_MAGIC_SIZE))
		return bad(why, "these are no changes to an image");
	if (size < CHANGES_HEADER_SIZE)
		return bad(why, "cut short: not even a whole head");
	if (load_u32(d + 16) >> 16 != CHANGES_VERSION >> 16) {
		*why = "of a version that this one cannot read";
		return -EPROTO;
	}
	if (load_u64(d + 24) != size)
		return bad(why, "cut short, or bytes behind the end");
	if (!is_head_whole(d, size, load_u64(d + 56)))
		return bad(why, "damaged: wrong checksum of the head");
	if (load_u64(d + 56) != n_vcpus) {
		*why = "for another number of vCPUs: of another image";
		return -EPROTO;
	}
	c->head = (struct changes_head){
		.flags = load_u32(d + 20),
		.image = load_u64(d + 32),
		.number = load_u64(d + 40),
		.saved_at = load_u64(d + 48),
	};
	if (load_u32(d + 16) != CHANGES_VERSION ||
	    c->head.flags & ~CHANGES_LAST) {
		*why = "of a version that this one cannot read";
		return -EPROTO;
	}
	return find_records(c, size, why);
}

static int open_record(const struct changes *c, size_t record,
		       const uint8_t **ret, const uint8_t **ret_end)
{
	const uint8_t *data = c->data + c->at[record];
	size_t size = c->at[record + 1] - c->at[record];
	uint64_t sum = load_u64(c->data + CHANGES_HEADER_SIZE +
				record * CHANGES_ENTRY_SIZE + 8);

	*ret = data;
	*ret_end = data + size;
	return changes_sum(data, size) == sum ? 0 : -EBADMSG;
}

static int open_row(const uint8_t *p, const uint8_t *end,
		    const struct regset *set, struct row_changes *ret)
{
	size_t size = bitmap_size(set);

	if ((size_t)(end - p) < size)
		return -EBADMSG;
	/* No bit beyond the list. */
	if (set->n % 64 && load_u64(p + size - 8) >> set->n % 64)
		return -EBADMSG;
	*ret = (struct row_changes){ .set = set,
				     .offsets = set->offsets,
				     .bitmap = p,
				     .p = p + size,
				     .end = end,
				     .words = size / 8,
				     .bits = size ? load_u64(p) : 0 };
	return 0;
}

int changes_vm(const struct changes *c, const struct regset *set,
	       struct row_changes *ret)
{
	const uint8_t *p, *end;
	int r = open_record(c, 0, &p, &end);

	return r ? r : open_row(p, end, set, ret);
}

int changes_vcpu(const struct changes *c, size_t vcpu,
		 const struct regset *set, struct vcpu_changes *ret)
{
	const uint8_t *p, *end;
	int r = open_record(c, 1 + vcpu, &p, &end);
	uint32_t flags;

	if (r || end - p < CHANGES_VCPU_SIZE)
		return -EBADMSG;
	ret->mp_state = load_u32(p);
	flags = load_u32(p + 4);
	p += CHANGES_VCPU_SIZE;
	ret->events = NULL;
	if (flags & ~CHANGES_EVENTS)
		return -EBADMSG;
	if (flags & CHANGES_EVENTS) {
		if ((size_t)(end - p) < sizeof(struct ka_vcpu_events))
			return -EBADMSG;
		ret->events = p;
		p += sizeof(struct ka_vcpu_events);
	}
	return open_row(p, end, set, &ret->row);
}

int changes_gic(const struct changes *c, struct attrs *gic)
{
	const uint8_t *p, *end;
	int r = open_record(c, changes_n_records(c->n_vcpus) - 1, &p, &end);

	if ((end - p) % ATTR_SIZE)
		r = -EBADMSG;
	for (; !r && p < end; p += ATTR_SIZE) {
		struct attr a = { .group = load_u32(p),
				  .size = load_u32(p + 4),
				  .attr = load_u64(p + 8),
				  .value = load_u64(p + 16) };

		if ((a.size != 4 && a.size != 8) ||
		    (a.size == 4 && a.value > UINT32_MAX))
			return -EBADMSG;
		r = attrs_add(gic, &a);
	}
	return r;
}

bool is_padding(const uint8_t *p, const uint8_t *end)
{
	if (end - p >= FORMAT_ALIGN)
		return false;
	while (p < end)
		if (*p++)
			return false;
	return true;
}
