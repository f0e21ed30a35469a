// SPDX-License-Identifier: MIT
/* An image's file as bytes, to damage and to read. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_bytes.h"
#include "reseal.h"
#include "samples.h"

struct file write_image(const struct onereg_image *image)
{
	struct file f;

	cr_assert_eq(onereg_image_write(image, (void **)&f.data, &f.size), 0);
	return f;
}

struct file small_file(void)
{
	struct onereg_image *image = small_image();
	struct file f = write_image(image);

	onereg_image_free(image);
	return f;
}

size_t payload(const struct file *f, size_t section, size_t offset)
{
	size_t length, at = section_at(f->data, f->size, section, &length);

	cr_assert(at, "no section %zu", section);
	cr_assert_leq(offset, length);
	return at + FORMAT_SECTION_SIZE + offset;
}

int read_exactly(const uint8_t *data, size_t size, char *why,
			size_t why_size)
{
	struct onereg_image *image = NULL;
	struct onereg_report *report;
	uint8_t *copy = malloc(size);
	int r;

	memcpy(copy, data, size);
	cr_assert_eq(onereg_report_new(&report), 0);
	r = onereg_image_read(copy, size, &image, report);
	if (r) {
		const struct onereg_finding *f = onereg_report_get(report, 0);

		cr_assert_null(image);
		cr_assert_eq(onereg_report_count(report), 1);
		cr_assert_eq(f->severity, ONEREG_ERROR);
		cr_assert_eq(f->space, ONEREG_SPACE_FILE);
		cr_assert_eq(f->error, -r);
		cr_assert_leq(f->id, size);
		snprintf(why, why_size, "%s", f->why);
	}
	onereg_image_free(image);
	onereg_report_free(report);
	free(copy);
	return r;
}

void expect_error(const struct file *f, int error, const char *what)
{
	char why[320] = "";
	int r = read_exactly(f->data, f->size, why, sizeof(why));

	cr_assert_eq(r, -error, "%s: %d, expected %d", what, r, -error);
	cr_assert(strstr(why, what), "\"%s\" is not in \"%s\"", what, why);
}

void insert_section(struct file *f, size_t n, const char *type,
			   uint32_t flags, const void *data, size_t length)
{
	size_t size = FORMAT_SECTION_SIZE + format_pad(length), unused;
	size_t at = section_at(f->data, f->size, n, &unused);
	uint64_t length64 = length;

	cr_assert(at);
	f->data = realloc(f->data, f->size + size);
	memmove(f->data + at + size, f->data + at, f->size - at);
	memset(f->data + at, 0, size);
	memcpy(f->data + at + 8, type, 4);
	memcpy(f->data + at + 12, &flags, sizeof(flags));
	memcpy(f->data + at + 16, &length64, sizeof(length64));
	memcpy(f->data + at + FORMAT_SECTION_SIZE, data, length);
	f->size += size;
	reseal_length(f->data, f->size);
}
