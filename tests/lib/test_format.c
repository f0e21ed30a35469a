/* SPDX-License-Identifier: MIT */
/*
 * The container and images in it: what is written is read, and no file that is
 * damaged, of another age, or another thing. What sections may say is in
 * test_format_content.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_bytes.h"
#include "leaks.h"
#include "reseal.h"
#include "samples.h"

LEAK_CHECKED(format);

/* ---- round trips --------------------------------------------------------- */

static void expect_round_trip(const struct sample_shape *shape)
{
	struct onereg_image *image = sample_image(shape), *again;
	struct file f = write_image(image), g;

	cr_assert_eq(onereg_image_read(f.data, f.size, &again, NULL), 0);
	cr_assert(images_equal(image, again));
	g = write_image(again);
	cr_assert_eq(f.size, g.size);
	cr_assert_eq(memcmp(f.data, g.data, f.size), 0);
	onereg_image_free(image);
	onereg_image_free(again);
	free(f.data);
	free(g.data);
}

Test(format, an_empty_image_round_trips)
{
	expect_round_trip(&(struct sample_shape){ 0 });
}

Test(format, vm_configuration_round_trips)
{
	expect_round_trip(&(struct sample_shape){ .seed = 3, .n_config = 4 });
}

/* A reader that does not know them would restore a VM without. */
Test(format, itses_round_trip_and_are_required)
{
	struct onereg_image *image = its_image(), *again;
	struct file f = write_image(image);
	uint8_t *at = memmem(f.data, f.size, "ITSV", 4);

	cr_assert_eq(f.data[8], 3, "minor version");
	cr_assert(at);
	cr_assert_eq(at[4], FORMAT_REQUIRED);
	cr_assert_eq(onereg_image_read(f.data, f.size, &again, NULL), 0);
	cr_assert(images_equal(image, again));
	cr_assert_eq(onereg_image_n_its(again), 2);
	onereg_image_free(image);
	onereg_image_free(again);
	free(f.data);
}

static struct onereg_image *staged_image(void)
{
	struct onereg_image *image = small_image();

	image->staged = 0x123456789abcdef0;
	image->next_changes = 7;
	return image;
}

/* A reader that does not know first copies must not take it for a VM. */
Test(format, a_first_copy_round_trips_and_is_required)
{
	struct onereg_image *image = staged_image(), *again;
	struct file f = write_image(image);
	uint8_t *at = memmem(f.data, f.size, "STAG", 4);

	cr_assert_eq(f.data[8], 2, "minor version");
	cr_assert(at);
	cr_assert_eq(at[4], FORMAT_REQUIRED);
	cr_assert_eq(onereg_image_read(f.data, f.size, &again, NULL), 0);
	cr_assert(images_equal(image, again));
	onereg_image_free(image);
	onereg_image_free(again);
	free(f.data);
}

/* Only where it holds what kernels without it cannot be: the rest is a fact. */
Test(format, vm_configuration_is_required_where_vcpus_may_differ)
{
	static const uint64_t needs[] = { 0, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		struct onereg_image *image = sample_image(
			&(struct sample_shape){ .seed = 3, .n_config = 4 });
		uint8_t *data, *at;
		size_t size;

		memcpy(image->config_row, &needs[i], sizeof(needs[i]));
		cr_assert_eq(onereg_image_write(image, (void **)&data, &size),
			     0);
		cr_assert_eq(data[8], 1, "minor version");
		at = memmem(data, size, "VMCF", 4);
		cr_assert(at);
		cr_assert_eq(at[4], needs[i]);
		free(data);
		onereg_image_free(image);
	}
}

Test(format, random_images_round_trip)
{
	uint64_t s;

	for (s = 0; s < 60; s++)
		expect_round_trip(&(struct sample_shape){
			.seed = s,
			.n_vcpus = s % 7,
			.n_sets = 1 + s % 5,
			.n_ids = s * 3 % 50 + 1,
			.n_vm_ids = s * 5 % 30,
			.n_gic = s * 7 % 40,
			.n_attrs = s % 4,
			.n_caps = s % 3,
			.n_conflicts = s % 2,
		});
}

Test(format, many_vcpus_with_wide_registers_round_trip)
{
	expect_round_trip(&(struct sample_shape){
		.seed = 512,
		.n_vcpus = 512,
		.n_sets = 3,
		.n_ids = 290,
		.n_vm_ids = 70,
		.n_gic = 3000,
		.n_attrs = 4,
		.n_caps = 3,
	});
}

Test(format, events_that_do_not_count_are_written_as_zero)
{
	struct onereg_image *image = small_image(), *again;
	struct file f;

	image->vcpus[0].has_events = false;
	image->vcpus[0].events.serror_esr = 7;
	f = write_image(image);
	cr_assert_eq(onereg_image_read(f.data, f.size, &again, NULL), 0);
	cr_assert_eq(again->vcpus[0].events.serror_esr, 0);
	onereg_image_free(image);
	onereg_image_free(again);
	free(f.data);
}

/* ---- damage -------------------------------------------------------------- */

Test(format, truncation_at_every_byte_is_noticed)
{
	struct file f = small_file();
	char why[320];
	size_t n;

	cr_assert_lt(f.size, 4096);
	for (n = 0; n < f.size; n++) {
		int r = read_exactly(f.data, n, why, sizeof(why));

		cr_assert_eq(r, n ? -EBADMSG : -ENODATA, "at %zu: %d", n, r);
		if (n >= FORMAT_HEADER_SIZE)
			cr_assert(strstr(why, "truncated"), "%s", why);
	}
	free(f.data);
}

/* The same where the header says that this is the whole file. */
Test(format, truncation_with_a_matching_length_is_noticed)
{
	struct file f = small_file();
	char why[320];
	size_t n;

	for (n = FORMAT_HEADER_SIZE; n < f.size; n++) {
		struct file g = { malloc(n), n };

		memcpy(g.data, f.data, n);
		reseal_length(g.data, n);
		cr_assert_eq(read_exactly(g.data, n, why, sizeof(why)),
			     -EBADMSG, "at %zu", n);
		free(g.data);
	}
	free(f.data);
}

Test(format, every_changed_byte_is_noticed)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	struct file f = small_file();
	char why[320];
	size_t i, k;

	for (i = 0; i < f.size; i++)
		for (k = 0; k < ARRAY_SIZE(flips); k++) {
			f.data[i] ^= flips[k];
			cr_assert_eq(
				read_exactly(f.data, f.size, why, sizeof(why)),
				-EBADMSG, "byte %zu", i);
			f.data[i] ^= flips[k];
		}
	cr_assert_eq(read_exactly(f.data, f.size, why, sizeof(why)), 0);
	free(f.data);
}

Test(format, damage_is_named_by_section)
{
	struct file f = small_file();

	f.data[payload(&f, ROWS, 3)] ^= 1;
	expect_error(&f, EBADMSG, "wrong checksum of section ROWS");
	free(f.data);
	f = small_file();
	f.data[17] ^= 1;
	expect_error(&f, EBADMSG, "wrong checksum of its header");
	free(f.data);
}

Test(format, sections_of_two_files_cannot_be_mixed)
{
	struct onereg_image *image = small_image();
	struct file f = write_image(image), g;
	size_t length, at = section_at(f.data, f.size, VCPU, &length);

	image->vcpus[0].mp_state = 10;
	g = write_image(image);
	memcpy(f.data + at, g.data + at, FORMAT_SECTION_SIZE + length);
	expect_error(&f, EBADMSG, "not of one file");
	onereg_image_free(image);
	free(f.data);
	free(g.data);
}

Test(format, bytes_after_the_end_are_refused)
{
	struct file f = small_file();

	f.data = realloc(f.data, f.size + 64);
	memset(f.data + f.size, 0, 64);
	f.size++;
	expect_error(&f, EBADMSG, "1 bytes follow its end");
	f.size += 63;
	reseal_length(f.data, f.size);
	expect_error(&f, EBADMSG, "something follows section END.");
	free(f.data);
}

/* ---- other files --------------------------------------------------------- */

static void expect_not_ours(const char *text, const char *what)
{
	struct file f = { (uint8_t *)text, strlen(text) };

	expect_error(&f, EBADMSG, what);
}

Test(format, other_files_are_told_apart)
{
	struct file f = { (uint8_t *)"", 0 };

	expect_error(&f, ENODATA, "it is empty");
	expect_not_ours("{ \"kernel_version\": \"6.1.0\" }",
			"not a onereg file");
	expect_not_ours("x", "not a onereg file");
	expect_not_ours("\x89PNG\r\n\x1a\n...............................",
			"not a onereg file");
	expect_not_ours("\x89ONR\n\x1a\n...............................",
			"copied as text");
	expect_not_ours("\x09ONR\r\n\x1a\n...............................",
			"copied as text");
	expect_not_ours("\x89ONR\r\n", "truncated within its header");
}

Test(format, a_host_description_is_no_image)
{
	struct onereg_host *host = small_host();
	struct file f;

	cr_assert_eq(onereg_host_write(host, (void **)&f.data, &f.size), 0);
	expect_error(&f, EBADMSG,
		     "a host description, where an image is expected");
	memcpy(f.data + 12, "ABCD", 4);
	reseal(f.data, f.size);
	expect_error(&f, EBADMSG,
		     "a file of unknown kind, where an image is expected");
	onereg_host_free(host);
	free(f.data);
}

/* ---- versions and sections of another age -------------------------------- */

static struct file with_version(uint16_t major, uint16_t minor)
{
	struct file f = small_file();
	uint32_t version = (uint32_t)major << 16 | minor;

	memcpy(f.data + 8, &version, sizeof(version));
	reseal(f.data, f.size);
	return f;
}

Test(format, versions)
{
	struct file f = with_version(FORMAT_MAJOR, FORMAT_MINOR + 1);
	char why[320];

	cr_assert_eq(read_exactly(f.data, f.size, why, sizeof(why)), 0);
	free(f.data);
	f = with_version(FORMAT_MAJOR, UINT16_MAX);
	cr_assert_eq(read_exactly(f.data, f.size, why, sizeof(why)), 0);
	free(f.data);
	f = with_version(FORMAT_MAJOR + 1, 3);
	/* Nothing behind the header is looked at. */
	f.size = FORMAT_HEADER_SIZE;
	expect_error(&f, EPROTO, "format version 2.3 is newer than 1.x");
	free(f.data);
	f = with_version(0, 1);
	expect_error(&f, EBADMSG, "no format version 0");
	free(f.data);
}

Test(format, unknown_optional_sections_are_skipped)
{
	struct onereg_image *image = small_image(), *again;
	struct file f = write_image(image);

	insert_section(&f, END, "NEW1", 0, "hello", 5);
	insert_section(&f, 0, "NEW2", 0, "", 0);
	insert_section(&f, 3, "NEW2", 0, "again", 5);
	cr_assert_eq(onereg_image_read(f.data, f.size, &again, NULL), 0);
	cr_assert(images_equal(image, again));
	onereg_image_free(image);
	onereg_image_free(again);
	/* Damage is noticed all the same. */
	f.data[FORMAT_HEADER_SIZE + 9] ^= 1;
	expect_error(&f, EBADMSG, "wrong checksum");
	free(f.data);
}

Test(format, unknown_required_sections_are_refused_by_name)
{
	struct file f = small_file();

	insert_section(&f, END, "NEW1", FORMAT_REQUIRED, "hello", 5);
	expect_error(&f, EPROTO, "section NEW1 is required and not known");
	free(f.data);
}

Test(format, section_headers_are_checked)
{
	struct file f = small_file();

	insert_section(&f, END, "NEW1", 2, "hello", 5);
	expect_error(&f, EBADMSG, "reserved flags");
	free(f.data);
	f = small_file();
	insert_section(&f, END, "NE\x01\x02", 0, "hello", 5);
	expect_error(&f, EBADMSG, "is no text");
	free(f.data);
	f = small_file();
	insert_section(&f, END, "NEW1", 0, "hello", 5);
	f.data[payload(&f, END + 1, 0) - FORMAT_SECTION_SIZE - 1] = 1;
	reseal(f.data, f.size);
	expect_error(&f, EBADMSG, "padding is not 0");
	free(f.data);
	f = small_file();
	f.data[payload(&f, VCPU, 0) - FORMAT_SECTION_SIZE + 12] = 0;
	reseal(f.data, f.size);
	expect_error(&f, EBADMSG, "VCPU is not marked as required");
	free(f.data);
}

static void remove_section(struct file *f, size_t n)
{
	size_t length, at = section_at(f->data, f->size, n, &length);
	size_t size = FORMAT_SECTION_SIZE + format_pad(length);

	memmove(f->data + at, f->data + at + size, f->size - at - size);
	f->size -= size;
	reseal_length(f->data, f->size);
}

Test(format, each_section_is_needed_once)
{
	static const char names[][5] = { "ORIG", "SHAP", "VMRG", "SETS",
					 "VCPU", "ROWS", "GICV", "CONF" };
	char what[64];
	size_t i;

	for (i = 0; i < END; i++) {
		struct file f = small_file();

		insert_section(&f, END, names[i], FORMAT_REQUIRED, "", 0);
		snprintf(what, sizeof(what), "section %s twice", names[i]);
		expect_error(&f, EBADMSG, what);
		free(f.data);
		f = small_file();
		remove_section(&f, i);
		snprintf(what, sizeof(what), "section %s is missing", names[i]);
		expect_error(&f, EBADMSG, what);
		free(f.data);
	}
}

Test(format, a_file_needs_its_end)
{
	struct file f = small_file();

	remove_section(&f, END);
	expect_error(&f, EBADMSG, "ends without section END.");
	free(f.data);
	f = small_file();
	insert_section(&f, END, "END.", FORMAT_REQUIRED, "", 0);
	expect_error(&f, EBADMSG, "malformed section END.");
	free(f.data);
}

Test(format, sections_may_come_in_any_order)
{
	struct onereg_image *image = small_image(), *again;
	struct file f = write_image(image);
	size_t length, at = section_at(f.data, f.size, ORIG, &length);
	uint8_t *copy = malloc(length);

	memcpy(copy, f.data + at + FORMAT_SECTION_SIZE, length);
	insert_section(&f, END, "ORIG", FORMAT_REQUIRED, copy, length);
	remove_section(&f, ORIG);
	cr_assert_eq(onereg_image_read(f.data, f.size, &again, NULL), 0);
	cr_assert(images_equal(image, again));
	onereg_image_free(image);
	onereg_image_free(again);
	free(copy);
	free(f.data);
}

Test(format, no_more_sections_than_the_limit)
{
	struct file f = small_file();
	char why[320];
	size_t i;

	for (i = N_SECTIONS; i < FORMAT_MAX_SECTIONS; i++)
		insert_section(&f, 0, "NEWS", 0, "", 0);
	cr_assert_eq(read_exactly(f.data, f.size, why, sizeof(why)), 0);
	insert_section(&f, 0, "NEWS", 0, "", 0);
	expect_error(&f, EBADMSG, "more than 1024 sections");
	free(f.data);
}
