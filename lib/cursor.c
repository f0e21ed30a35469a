/* SPDX-License-Identifier: MIT */
/*
 * Reading what is in a section of a file: numbers, strings, lists, rows, each
 * checked as it is read; and ORIG, the section that all kinds of file have.
 */
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"

void cursor_init(struct cursor *cur, const struct container *c, uint32_t type)
{
	const struct section *s = c->sections;

	while (s->type != type)
		s++;
	*cur = (struct cursor){
		.c = c,
		.section = s,
		.p = s->data,
		.end = s->data + s->size,
		.last = s->data,
	};
}

int cursor_error(const struct cursor *cur, const char *fmt, ...)
{
	uint32_t type = cur->section->type;
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* Whatever came after its end was 0: say that, not what it broke. */
	if (cur->overrun)
		snprintf(what, sizeof(what), "ends too early");
	return container_error(
		cur->c, EBADMSG, cur->overrun ? cur->end : cur->last,
		"section %c%c%c%c: %s", type & 0xff, type >> 8 & 0xff,
		type >> 16 & 0xff, type >> 24, what);
}

const uint8_t *cursor_bytes(struct cursor *cur, size_t size)
{
	cur->last = cur->p;
	if (size > (size_t)(cur->end - cur->p)) {
		cur->overrun = true;
		cur->p = cur->end;
		return NULL;
	}
	cur->p += size;
	return cur->last;
}

uint8_t cursor_u8(struct cursor *cur)
{
	const uint8_t *p = cursor_bytes(cur, 1);

	return p ? *p : 0;
}

uint32_t cursor_u32(struct cursor *cur)
{
	uint32_t v = 0;
	const uint8_t *p = cursor_bytes(cur, sizeof(v));

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

uint64_t cursor_u64(struct cursor *cur)
{
	uint64_t v = 0;
	const uint8_t *p = cursor_bytes(cur, sizeof(v));

	if (p)
		memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

int cursor_finish(struct cursor *cur)
{
	if (cur->overrun)
		return cursor_error(cur, "ends too early");
	if (cur->p != cur->end) {
		cur->last = cur->p;
		return cursor_error(cur, "%zu bytes too many",
				    (size_t)(cur->end - cur->p));
	}
	return 0;
}

int cursor_count(struct cursor *cur, const char *what, size_t element_size,
		 size_t max, size_t *ret)
{
	size_t n = cursor_u32(cur);

	if (cur->overrun)
		return cursor_error(cur, "ends too early");
	if (n > max)
		return cursor_error(cur, "%zu %s are more than %zu", n, what,
				    max);
	if (n > (size_t)(cur->end - cur->p) / element_size)
		return cursor_error(cur, "%zu %s do not fit into it", n, what);
	*ret = n;
	return 0;
}

int cursor_flags(struct cursor *cur, uint32_t known, uint32_t *ret)
{
	*ret = cursor_u32(cur);
	if (*ret & ~known)
		return cursor_error(cur, "reserved flags are set (%#x)", *ret);
	return 0;
}

int cursor_zero_u32(struct cursor *cur)
{
	if (cursor_u32(cur))
		return cursor_error(cur, "a reserved field is not 0");
	return 0;
}

int cursor_padding(struct cursor *cur)
{
	size_t offset = (size_t)(cur->p - cur->section->data);
	size_t i, n = format_pad(offset) - offset;

	for (i = 0; i < n; i++)
		if (cursor_u8(cur))
			return cursor_error(cur, "padding is not 0");
	return 0;
}

static bool all_zero(const char *p, size_t n)
{
	return !n || (!*p && !memcmp(p, p + 1, n - 1));
}

int cursor_string(struct cursor *cur, char ret[RELEASE_MAX])
{
	const char *p = (const char *)cursor_bytes(cur, FORMAT_STRING_SIZE);
	size_t length;

	if (!p)
		return cursor_error(cur, "ends too early");
	if (!format_string_ok(p))
		return cursor_error(cur,
				    "a string that is too long or no ASCII");
	length = strlen(p);
	if (!all_zero(p + length, FORMAT_STRING_SIZE - length))
		return cursor_error(cur, "something follows a string's end");
	memcpy(ret, p, RELEASE_MAX);
	return 0;
}

void put_origin(struct container_out *out, const struct origin *origin)
{
	container_begin(out, FORMAT_ORIG);
	put_string(out, origin->writer);
	put_string(out, origin->release);
	put_u64(out, origin->midr);
	put_u64(out, origin->counter_frequency);
	put_u64(out, origin->saved_at);
	put_u32(out, origin->flags);
	put_u32(out, 0);
	container_end(out);
}

int read_origin(const struct container *c, uint32_t known, char *writer,
		char *release, struct origin *ret)
{
	struct cursor cur;
	int r;

	cursor_init(&cur, c, FORMAT_ORIG);
	r = cursor_string(&cur, writer);
	if (!r)
		r = cursor_string(&cur, release);
	if (r)
		return r;
	ret->writer = writer;
	ret->release = release;
	ret->midr = cursor_u64(&cur);
	ret->counter_frequency = cursor_u64(&cur);
	ret->saved_at = cursor_u64(&cur);
	r = cursor_flags(&cur, known, &ret->flags);
	if (!r)
		r = cursor_zero_u32(&cur);
	return r ? r : cursor_finish(&cur);
}

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int sorted_ids(const uint64_t *ids, size_t n, uint64_t **ret)
{
	uint64_t *sorted = malloc(n * sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, ids, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_ids);
	*ret = sorted;
	return 0;
}

ptrdiff_t sorted_find(const uint64_t *sorted, size_t n, uint64_t id)
{
	const uint64_t *p = NULL;

	if (n)
		p = bsearch(&id, sorted, n, sizeof(id), compare_ids);
	return p ? p - sorted : -1;
}

int ids_unique(const uint64_t *ids, size_t n, uint64_t *ret_twice)
{
	uint64_t *sorted;
	size_t i;
	int r;

	if (n < 2)
		return 0;
	r = sorted_ids(ids, n, &sorted);
	if (r)
		return r;
	for (i = 1; !r && i < n; i++)
		if (sorted[i] == sorted[i - 1]) {
			*ret_twice = sorted[i];
			r = -EEXIST;
		}
	free(sorted);
	return r;
}

int cursor_ids(struct cursor *cur, size_t n, uint64_t **ret)
{
	uint64_t *ids;
	size_t i;

	if (n > (size_t)(cur->end - cur->p) / sizeof(*ids))
		return cursor_error(cur, "%zu ids do not fit into it", n);
	*ret = NULL;
	if (!n)
		return 0;
	ids = malloc(n * sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		ids[i] = cursor_u64(cur);
	*ret = ids;
	return 0;
}

static int check_regset(const struct cursor *cur, const struct regset *set,
			uint32_t row_size)
{
	uint64_t twice = 0;
	int r;

	if (set->row_size != row_size)
		return cursor_error(cur, "a row of %u bytes should have %zu",
				    row_size, set->row_size);
	r = ids_unique(set->ids, set->n, &twice);
	if (r == -EEXIST)
		return cursor_error(cur, "id %#llx occurs twice in a list",
				    (unsigned long long)twice);
	return r;
}

int cursor_regset(struct cursor *cur, struct regset *ret)
{
	struct regset set;
	uint32_t row_size;
	uint64_t *ids;
	size_t n;
	int r;

	r = cursor_count(cur, "ids", sizeof(*ids), FORMAT_MAX_IDS, &n);
	if (r)
		return r;
	row_size = cursor_u32(cur);
	r = cursor_ids(cur, n, &ids);
	if (r)
		return r;
	r = regset_init(&set, ids, n);
	free(ids);
	if (r == -EBADMSG)
		return cursor_error(cur, "a register id of unknown size");
	if (r)
		return r;
	r = check_regset(cur, &set, row_size);
	if (r)
		regset_free(&set);
	else
		*ret = set;
	return r;
}

int cursor_row(struct cursor *cur, size_t size, uint8_t **ret)
{
	const uint8_t *p = cursor_bytes(cur, size);
	uint8_t *row;
	int r;

	if (!p)
		return cursor_error(cur, "ends too early");
	r = cursor_padding(cur);
	if (r)
		return r;
	*ret = NULL;
	if (!size)
		return 0;
	row = malloc(size);
	if (!row)
		return -ENOMEM;
	memcpy(row, p, size);
	*ret = row;
	return 0;
}
