/* SPDX-License-Identifier: MIT */
/*
 * The container under images and host descriptions (docs/format.md).
 *
 * Nothing that a file says is believed before it was compared with the bytes
 * that are there.
 */
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "container.h"

/* "END.", or "0x1020304" where it is no text. */
#define TYPE_TEXT_SIZE 16

static uint32_t load_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t load_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static void store_u64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static bool printable(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* ---- writing ---- */

/* Room for that many more bytes, or NULL. */
static uint8_t *grow(struct container_out *out, size_t size)
{
	uint8_t *p;

	if (out->error)
		return NULL;
	if (size > FORMAT_MAX_FILE - out->size) {
		out->error = -EFBIG;
		return NULL;
	}
	if (size > out->allocated - out->size) {
		size_t n = out->size + size;

		if (n < out->allocated * 2)
			n = out->allocated * 2;
		p = realloc(out->data, n);
		if (!p) {
			out->error = -ENOMEM;
			return NULL;
		}
		out->data = p;
		out->allocated = n;
	}
	p = out->data + out->size;
	out->size += size;
	return p;
}

void put_bytes(struct container_out *out, const void *data, size_t size)
{
	uint8_t *p = size ? grow(out, size) : NULL;

	if (p)
		memcpy(p, data, size);
}

void put_u8(struct container_out *out, uint8_t value)
{
	put_bytes(out, &value, sizeof(value));
}

void put_u32(struct container_out *out, uint32_t value)
{
	value = htole32(value);
	put_bytes(out, &value, sizeof(value));
}

void put_u64(struct container_out *out, uint64_t value)
{
	value = htole64(value);
	put_bytes(out, &value, sizeof(value));
}

void put_u64s(struct container_out *out, const uint64_t *values, size_t n)
{
	uint8_t *p = n ? grow(out, n * sizeof(*values)) : NULL;
	size_t i;

	for (i = 0; p && i < n; i++)
		store_u64(p + i * sizeof(*values), values[i]);
}

void put_string(struct container_out *out, const char *text)
{
	char field[FORMAT_STRING_SIZE] = "";

	memcpy(field, text, strnlen(text, RELEASE_MAX - 1));
	put_bytes(out, field, sizeof(field));
}

void put_padding(struct container_out *out)
{
	static const uint8_t zeros[FORMAT_ALIGN];

	put_bytes(out, zeros, format_pad(out->size) - out->size);
}

void put_regset(struct container_out *out, const struct regset *set)
{
	put_u32(out, (uint32_t)set->n);
	put_u32(out, (uint32_t)set->row_size);
	put_u64s(out, set->ids, set->n);
}

void container_start(struct container_out *out, uint32_t kind, size_t expected)
{
	*out = (struct container_out){ 0 };
	/* One allocation where the guess is right. */
	if (expected > FORMAT_MAX_FILE)
		expected = FORMAT_MAX_FILE;
	if (grow(out, expected))
		out->size = 0;
	put_bytes(out, FORMAT_MAGIC, FORMAT_MAGIC_SIZE);
	put_u32(out, FORMAT_MAJOR << 16); /* minor: container_finish() */
	put_u32(out, kind);
	put_u64(out, 0); /* length and checksum: container_finish() */
	put_u64(out, 0);
}

static void begin(struct container_out *out, uint32_t type, uint32_t flags)
{
	out->section = out->size;
	put_u64(out, 0); /* checksum and length: container_end() */
	put_u32(out, type);
	put_u32(out, flags);
	put_u64(out, 0);
}

void container_begin(struct container_out *out, uint32_t type)
{
	begin(out, type, FORMAT_REQUIRED);
}

void container_begin_new(struct container_out *out, uint32_t type,
			 uint32_t minor, bool required)
{
	if (minor > out->minor)
		out->minor = minor;
	begin(out, type, required ? FORMAT_REQUIRED : 0);
}

void container_end(struct container_out *out)
{
	size_t length = out->size - out->section - FORMAT_SECTION_SIZE;
	uint8_t *section;

	put_padding(out);
	if (out->error)
		return;
	section = out->data + out->section;
	store_u64(section + 16, length);
	store_u64(section,
		  XXH3_64bits(section + 8, out->size - out->section - 8));
}

int container_finish(struct container_out *out, void **ret, size_t *ret_size)
{
	size_t end = out->size;

	container_begin(out, FORMAT_END);
	put_u64(out, 0);
	if (out->error) {
		free(out->data);
		return out->error;
	}
	store_u64(out->data + 8, load_u64(out->data + 8) | out->minor);
	store_u64(out->data + 16, out->size);
	store_u64(out->data + 24, XXH3_64bits(out->data, 24));
	store_u64(out->data + end + FORMAT_SECTION_SIZE,
		  XXH3_64bits(out->data, end));
	container_end(out);
	*ret = out->data;
	*ret_size = out->size;
	return 0;
}

bool format_string_ok(const char text[RELEASE_MAX])
{
	size_t length = strnlen(text, RELEASE_MAX);
	size_t i;

	for (i = 0; i < length; i++)
		if (!printable((uint8_t)text[i]))
			return false;
	return length < RELEASE_MAX;
}

int fault(struct fault *f, uint32_t type, const char *fmt, ...)
{
	va_list ap;

	f->type = type;
	va_start(ap, fmt);
	vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

int fault_write(int r, const struct fault *f, const char *name,
		struct onereg_report *report)
{
	if (r == -EBADMSG) {
		r = -EINVAL;
		report_error(report, EINVAL, NULL, name, "not written: %s",
			     f->why);
	} else if (r) {
		report_error(report, -r, NULL, name, "not written: %s",
			     strerror(-r));
	}
	return r;
}

/* ---- reading: header and sections ---- */

int container_error(const struct container *c, int error, const void *where,
		    const char *fmt, ...)
{
	size_t offset = (size_t)((const uint8_t *)where - c->data);
	char what[200], why[240];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(why, sizeof(why), "%s (at byte %zu)", what, offset);
	report_add(c->report, &(struct onereg_finding){
				      .size = sizeof(struct onereg_finding),
				      .severity = ONEREG_ERROR,
				      .space = ONEREG_SPACE_FILE,
				      .vcpu = -1,
				      .id = offset,
				      .name = c->name,
				      .error = error,
				      .why = why,
			      });
	return -error;
}

int container_result(const struct container *c, int r)
{
	if (r == -ENOMEM)
		report_error(c->report, ENOMEM, NULL, c->name,
			     "out of memory while reading it");
	return r;
}

static bool type_is_text(uint32_t type)
{
	return printable(type & 0xff) && printable(type >> 8 & 0xff) &&
	       printable(type >> 16 & 0xff) && printable(type >> 24);
}

static const char *type_text(uint32_t type, char buf[TYPE_TEXT_SIZE])
{
	if (type_is_text(type))
		snprintf(buf, TYPE_TEXT_SIZE, "%c%c%c%c", type & 0xff,
			 type >> 8 & 0xff, type >> 16 & 0xff, type >> 24);
	else
		snprintf(buf, TYPE_TEXT_SIZE, "%#x", type);
	return buf;
}

static const char *kind_text(uint32_t kind)
{
	return kind == FORMAT_KIND_IMAGE ? "an image" :
	       kind == FORMAT_KIND_HOST	 ? "a host description" :
					   "a file of unknown kind";
}

int container_fault(const struct container *c, const struct fault *f)
{
	struct cursor cur;

	cursor_init(&cur, c, f->type);
	return cursor_error(&cur, "%s", f->why);
}

static int check_magic(const struct container *c)
{
	size_t n = c->size < FORMAT_MAGIC_SIZE ? c->size : FORMAT_MAGIC_SIZE;

	if (!c->size)
		return container_error(c, ENODATA, c->data, "it is empty");
	if (!memcmp(c->data, FORMAT_MAGIC, n))
		return 0;
	/* 89 without bit 7, or line ends that are no longer CR LF, LF */
	if (n == FORMAT_MAGIC_SIZE && !memcmp(c->data + 1, "ONR", 3))
		return container_error(c, EBADMSG, c->data,
				       "damaged: copied as text, not binary?");
	return container_error(c, EBADMSG, c->data, "not a onereg file");
}

static int check_version(const struct container *c)
{
	uint32_t version = load_u32(c->data + 8);
	uint32_t major = version >> 16;

	if (!major)
		return container_error(c, EBADMSG, c->data + 8,
				       "there was no format version 0");
	if (major > FORMAT_MAJOR)
		return container_error(
			c, EPROTO, c->data + 8,
			"format version %u.%u is newer than %u.x, the newest known here",
			major, version & 0xffff, FORMAT_MAJOR);
	return 0;
}

static int check_length(const struct container *c)
{
	uint64_t length = load_u64(c->data + 16);

	if (length > FORMAT_MAX_FILE)
		return container_error(c, EFBIG, c->data + 16,
				       "larger than the format allows");
	if (c->size < length)
		return container_error(c, EBADMSG, c->data + c->size,
				       "truncated: %zu of %llu bytes", c->size,
				       (unsigned long long)length);
	if (c->size > length)
		return container_error(c, EBADMSG, c->data + length,
				       "%zu bytes follow its end",
				       c->size - (size_t)length);
	return 0;
}

static int check_header(const struct container *c)
{
	uint32_t kind;
	int r = check_magic(c);

	if (r)
		return r;
	if (c->size < FORMAT_HEADER_SIZE)
		return container_error(c, EBADMSG, c->data + c->size,
				       "truncated within its header");
	if (load_u64(c->data + 24) != XXH3_64bits(c->data, 24))
		return container_error(c, EBADMSG, c->data,
				       "damaged: wrong checksum of its header");
	r = check_version(c);
	if (r)
		return r;
	kind = load_u32(c->data + 12);
	if (kind != c->kind)
		return container_error(c, EBADMSG, c->data + 12,
				       "%s, where %s is expected",
				       kind_text(kind), kind_text(c->kind));
	return check_length(c);
}

static struct section *find_section(struct container *c, uint32_t type)
{
	size_t i;

	for (i = 0; i < c->n_sections; i++)
		if (c->sections[i].type == type)
			return &c->sections[i];
	return NULL;
}

/* Remembers a section that is whole, if its type is known. */
static int take_section(struct container *c, const uint8_t *p, size_t length)
{
	uint32_t type = load_u32(p + 8);
	bool required = load_u32(p + 12) & FORMAT_REQUIRED;
	struct section *s = find_section(c, type);
	char text[TYPE_TEXT_SIZE];

	type_text(type, text);
	if (!type_is_text(type))
		return container_error(c, EBADMSG, p + 8,
				       "section type %s is no text", text);
	if (!s && !required)
		return 0;
	if (!s)
		return container_error(
			c, EPROTO, p + 8,
			"section %s is required and not known here", text);
	if (!required && !s->optional)
		return container_error(c, EBADMSG, p + 12,
				       "section %s is not marked as required",
				       text);
	if (s->data)
		return container_error(c, EBADMSG, p, "section %s twice", text);
	s->required = required;
	s->data = p + FORMAT_SECTION_SIZE;
	s->size = length;
	return 0;
}

/* One that everything was read of; p is where it begins. */
static int check_end(const struct container *c, const uint8_t *p, size_t length,
		     const uint8_t *after)
{
	if (load_u32(p + 12) != FORMAT_REQUIRED || length != 8)
		return container_error(c, EBADMSG, p, "malformed section END.");
	if (after != c->data + c->size)
		return container_error(c, EBADMSG, after,
				       "something follows section END.");
	if (load_u64(p + FORMAT_SECTION_SIZE) !=
	    XXH3_64bits(c->data, (size_t)(p - c->data)))
		return container_error(
			c, EBADMSG, p,
			"damaged: its sections are not of one file");
	return 0;
}

/* Is the section at p whole? Its length without and with padding. */
static int check_section(const struct container *c, const uint8_t *p,
			 size_t *ret, size_t *ret_padded)
{
	size_t left = c->size - (size_t)(p - c->data);
	char text[TYPE_TEXT_SIZE];
	uint64_t length;

	if (left < FORMAT_SECTION_SIZE)
		return container_error(c, EBADMSG, p,
				       "ends without section END.");
	left -= FORMAT_SECTION_SIZE;
	length = load_u64(p + 16);
	type_text(load_u32(p + 8), text);
	/* left is at most FORMAT_MAX_FILE, so that padding cannot wrap */
	if (length > left || format_pad((size_t)length) > left)
		return container_error(c, EBADMSG, p + 16,
				       "section %s is longer than the file",
				       text);
	*ret = (size_t)length;
	*ret_padded = format_pad(*ret);
	if (load_u64(p) !=
	    XXH3_64bits(p + 8, FORMAT_SECTION_SIZE - 8 + *ret_padded))
		return container_error(c, EBADMSG, p,
				       "damaged: wrong checksum of section %s",
				       text);
	return 0;
}

static int check_section_zeros(const struct container *c, const uint8_t *p,
			       size_t length, size_t padded)
{
	size_t i;

	if (load_u32(p + 12) & ~(uint32_t)FORMAT_REQUIRED)
		return container_error(c, EBADMSG, p + 12,
				       "reserved flags of a section are set");
	for (i = length; i < padded; i++)
		if (p[FORMAT_SECTION_SIZE + i])
			return container_error(c, EBADMSG,
					       p + FORMAT_SECTION_SIZE + i,
					       "padding is not 0");
	return 0;
}

static int walk_sections(struct container *c)
{
	const uint8_t *p = c->data + FORMAT_HEADER_SIZE, *after;
	size_t length = 0, padded = 0, n;
	int r;

	for (n = 0; n < FORMAT_MAX_SECTIONS; n++, p = after) {
		r = check_section(c, p, &length, &padded);
		if (!r)
			r = check_section_zeros(c, p, length, padded);
		if (r)
			return r;
		after = p + FORMAT_SECTION_SIZE + padded;
		if (load_u32(p + 8) == FORMAT_END)
			return check_end(c, p, length, after);
		r = take_section(c, p, length);
		if (r)
			return r;
	}
	return container_error(c, EBADMSG, p, "more than %u sections",
			       FORMAT_MAX_SECTIONS);
}

bool container_has(const struct container *c, uint32_t type)
{
	for (size_t i = 0; i < c->n_sections; i++)
		if (c->sections[i].type == type)
			return c->sections[i].data;
	return false;
}

int container_open(struct container *c, const uint32_t *types, size_t n,
		   size_t n_needed)
{
	char text[TYPE_TEXT_SIZE];
	size_t i;
	int r;

	c->n_sections = n;
	for (i = 0; i < n; i++)
		c->sections[i] = (struct section){
			.type = types[i],
			.optional = i >= n_needed,
		};
	r = check_header(c);
	if (!r)
		r = walk_sections(c);
	for (i = 0; !r && i < n_needed; i++)
		if (!c->sections[i].data)
			r = container_error(c, EBADMSG, c->data + c->size,
					    "section %s is missing",
					    type_text(types[i], text));
	return r;
}
