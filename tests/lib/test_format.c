/* SPDX-License-Identifier: MIT */
/*
 * The container and images in it: what is written is read, and nothing else.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "faults.h"
#include "leaks.h"
#include "reseal.h"
#include "samples.h"

LEAK_CHECKED(format);

/* Order of the sections that the writer writes. */
enum { ORIG, SHAP, VMRG, SETS, VCPU, ROWS, GICV, CONF, END, N_SECTIONS };

struct file {
	uint8_t *data;
	size_t size;
};

static struct file write_image(const struct onereg_image *image)
{
	struct file f;

	cr_assert_eq(onereg_image_write(image, (void **)&f.data, &f.size), 0);
	return f;
}

static struct file small_file(void)
{
	struct onereg_image *image = small_image();
	struct file f = write_image(image);

	onereg_image_free(image);
	return f;
}

/* Offset of byte "offset" of the section's payload. */
static size_t payload(const struct file *f, size_t section, size_t offset)
{
	size_t length, at = section_at(f->data, f->size, section, &length);

	cr_assert(at, "no section %zu", section);
	cr_assert_leq(offset, length);
	return at + FORMAT_SECTION_SIZE + offset;
}

/* Reads from memory of exactly that size, so that a byte more is noticed. */
static int read_exactly(const uint8_t *data, size_t size, char *why,
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

static void expect_error(const struct file *f, int error, const char *what)
{
	char why[320] = "";
	int r = read_exactly(f->data, f->size, why, sizeof(why));

	cr_assert_eq(r, -error, "%s: %d, expected %d", what, r, -error);
	cr_assert(strstr(why, what), "\"%s\" is not in \"%s\"", what, why);
}

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

/* Puts a section in front of the n-th. */
static void insert_section(struct file *f, size_t n, const char *type,
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

/* ---- lengths and counts at their extremes -------------------------------- */

/* A value that is there, made another: never accepted, never a crash. */
static void expect_no_other(size_t at, size_t width)
{
	const uint64_t max = width == 8 ? UINT64_MAX : UINT32_MAX;
	struct file f = small_file();
	uint64_t old = 0, values[9];
	char why[320];
	size_t i;

	memcpy(&old, f.data + at, width);
	memcpy(values,
	       (const uint64_t[]){ 0, 1, old - 1, old + 1, max / 2, max / 2 + 1,
				   max - 7, max - 1, max },
	       sizeof(values));
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		struct file g = { malloc(f.size), f.size };
		int r;

		values[i] &= max;
		memcpy(g.data, f.data, f.size);
		memcpy(g.data + at, &values[i], width);
		reseal(g.data, g.size);
		r = read_exactly(g.data, g.size, why, sizeof(why));
		cr_assert(values[i] == old ? !r : r == -EBADMSG || r == -EFBIG,
			  "%#llx at %zu: %d", (unsigned long long)values[i], at,
			  r);
		free(g.data);
	}
	free(f.data);
}

Test(format, length_of_the_file)
{
	expect_no_other(16, 8);
}

Test(format, lengths_of_sections)
{
	struct file f = small_file();
	size_t i;

	for (i = 0; i < N_SECTIONS; i++)
		expect_no_other(payload(&f, i, 0) - 8, 8);
	free(f.data);
}

Test(format, counts_in_sections)
{
	struct file f = small_file();
	const struct {
		size_t section, offset;
	} counts[] = {
		{ SHAP, 36 }, /* capabilities */
		{ VMRG, 0 }, /* ids */
		{ VMRG, 4 }, /* bytes of a row */
		{ SETS, 0 }, /* lists */
		{ SETS, 8 }, /* ids of the first */
		{ SETS, 12 }, /* bytes of its row */
		{ VCPU, 0 }, /* vCPUs */
		{ VCPU, 8 + 80 }, /* attributes of the first */
		{ VCPU, 8 + 88 + 80 }, /* and of the second */
		{ GICV, 0 }, /* attributes */
		{ CONF, 0 }, /* ids */
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		expect_no_other(
			payload(&f, counts[i].section, counts[i].offset), 4);
	free(f.data);
}

/* ---- what an image may not say ------------------------------------------- */

static void expect_refused(size_t section, size_t offset, const void *bytes,
			   size_t n, const char *what)
{
	struct file f = small_file();

	memcpy(f.data + payload(&f, section, offset), bytes, n);
	reseal(f.data, f.size);
	expect_error(&f, EBADMSG, what);
	free(f.data);
}

#define BYTES(...)                        \
	(const uint8_t[]){ __VA_ARGS__ }, \
		sizeof((const uint8_t[]){ __VA_ARGS__ })

Test(format, meaningless_content_is_refused)
{
	const size_t vcpu1 = 8 + 88, attrs = 8 + 2 * 88;

	expect_refused(ORIG, 72, BYTES(0xc3), "no ASCII");
	expect_refused(ORIG, 168, BYTES(4), "reserved flags");
	expect_refused(SHAP, 4, BYTES(0x7d), "POWER_OFF");
	expect_refused(SHAP, 32, BYTES(3), "reserved flags");
	expect_refused(SHAP, 32, BYTES(0), "a GIC that the VM does not have");
	expect_refused(SETS, 4, BYTES(1), "reserved field");
	expect_refused(SETS, 16 + 7, BYTES(0x61), "unknown size");
	expect_refused(VCPU, vcpu1, BYTES(0), "vCPU id 0 occurs twice");
	expect_refused(VCPU, vcpu1 + 4, BYTES(2), "list 2 of 2");
	expect_refused(VCPU, vcpu1 + 12, BYTES(2), "reserved flags");
	expect_refused(VCPU, 8 + 12, BYTES(0), "events that do not count");
	expect_refused(VCPU, vcpu1 + 84, BYTES(1), "reserved field");
	expect_refused(VCPU, attrs + 4, BYTES(5), "has 5 bytes");
	expect_refused(VCPU, attrs + 20, BYTES(1), "beyond its 4 bytes");
	expect_refused(GICV, 4, BYTES(1), "reserved field");
	expect_refused(GICV, 8 + 4, BYTES(0), "has 0 bytes");
	expect_refused(CONF, 8, BYTES(5), "in no list");
}

Test(format, ids_occur_once)
{
	/* Four bytes each, so that the row has its length. */
	static const uint8_t twice[] = { 8, 0, 0,    0, /* of a row */
					 0, 0, 0x10, 0, 0, 0, 0x20, 0x60,
					 0, 0, 0x10, 0, 0, 0, 0x20, 0x60 };
	/* The first id of VMRG as the first of a list */
	static const uint8_t vm_wide[] = { 0, 0, 0x10, 0, 0, 0, 0x20, 0x60 };

	expect_refused(VMRG, 4, twice, sizeof(twice), "occurs twice in a list");
	expect_refused(SETS, 16, vm_wide, sizeof(vm_wide),
		       "VM-wide and a vCPU's");
}

Test(format, the_writer_refuses_what_the_reader_would)
{
	struct onereg_image *image = small_image();
	struct onereg_report *report;
	void *data = NULL;
	size_t size;

	image->gic.v[0].size = 2;
	cr_assert_eq(onereg_image_write(image, &data, &size), -EINVAL);
	cr_assert_null(data);
	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_image_write_file(image, "/nonexistent/x", report),
		     -EINVAL);
	cr_assert_eq(onereg_report_count(report), 1);
	cr_assert(strstr(onereg_report_get(report, 0)->why, "has 2 bytes"));
	onereg_report_free(report);
	image->gic.v[0].size = 4;
	image->vcpus[1].set = 2;
	cr_assert_eq(onereg_image_write(image, &data, &size), -EINVAL);
	image->vcpus[1].set = 0;
	memset(image->writer, 'x', sizeof(image->writer));
	cr_assert_eq(onereg_image_write(image, &data, &size), -EINVAL);
	onereg_image_free(image);
}

/* ---- memory -------------------------------------------------------------- */

Test(format, each_failing_allocation_of_the_writer_is_enomem)
{
	struct onereg_image *image = small_image();
	void *data = NULL;
	size_t size, n;
	int r = -ENOMEM;

	for (n = 1; r; n++) {
		fault_at(FAULT_MALLOC, n, 0);
		r = onereg_image_write(image, &data, &size);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
		cr_assert(!r == !!data);
	}
	cr_assert_gt(n, 7);
	onereg_image_free(image);
	free(data);
}

Test(format, each_failing_allocation_of_the_reader_is_enomem)
{
	struct onereg_image *image = small_image(), *again = NULL;
	struct file f = write_image(image);
	size_t n;
	int r = -ENOMEM;

	for (n = 1; r; n++) {
		fault_at(FAULT_MALLOC, n, 0);
		r = onereg_image_read(f.data, f.size, &again, NULL);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
		cr_assert(!r == !!again);
	}
	cr_assert_gt(n, 25);
	cr_assert(images_equal(image, again));
	onereg_image_free(image);
	onereg_image_free(again);
	free(f.data);
}

/* Nothing is allocated for a count that cannot be. */
Test(format, a_count_that_cannot_be_allocates_nothing_large)
{
	struct file f = small_file();
	uint32_t n = FORMAT_MAX_VCPUS;
	struct onereg_image *image;

	memcpy(f.data + payload(&f, VCPU, 0), &n, sizeof(n));
	reseal(f.data, f.size);
	expect_error(&f, EBADMSG, "65536 vCPUs do not fit");
	n++;
	memcpy(f.data + payload(&f, VCPU, 0), &n, sizeof(n));
	reseal(f.data, f.size);
	expect_error(&f, EBADMSG, "65537 vCPUs are more than 65536");
	cr_assert_eq(onereg_image_read(f.data, f.size, &image, NULL), -EBADMSG);
	free(f.data);
}
