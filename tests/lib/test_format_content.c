/* SPDX-License-Identifier: MIT */
/*
 * What sections of an image may say: lengths, counts and values that cannot be
 * are refused, and no memory is no crash.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "image_bytes.h"
#include "leaks.h"
#include "reseal.h"
#include "samples.h"

LEAK_CHECKED(format_content);

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

Test(format_content, length_of_the_file)
{
	expect_no_other(16, 8);
}

Test(format_content, lengths_of_sections)
{
	struct file f = small_file();
	size_t i;

	for (i = 0; i < N_SECTIONS; i++)
		expect_no_other(payload(&f, i, 0) - 8, 8);
	free(f.data);
}

Test(format_content, counts_in_sections)
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

Test(format_content, meaningless_content_is_refused)
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

Test(format_content, a_first_copy_needs_an_identity)
{
	static const uint8_t bytes[24] = { [8] = 1 }, one[16] = { 1 };
	static const struct {
		const uint8_t *data;
		uint32_t flags;
		size_t size;
		const char *what;
	} wrong[] = {
		{ bytes, FORMAT_REQUIRED, 16, "no identity" },
		{ one, FORMAT_REQUIRED, 8, "ends too early" },
		{ bytes + 8, FORMAT_REQUIRED, 12, "ends too early" },
		{ one, 0, 16, "not marked as required" },
	};
	struct file f = small_file();
	char why[320];

	insert_section(&f, END, "STAG", FORMAT_REQUIRED, one, 16);
	cr_assert_eq(read_exactly(f.data, f.size, why, sizeof(why)), 0);
	free(f.data);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		f = small_file();
		insert_section(&f, END, "STAG", wrong[i].flags, wrong[i].data,
			       wrong[i].size);
		expect_error(&f, EBADMSG, wrong[i].what);
		free(f.data);
	}
}

Test(format_content, ids_occur_once)
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

Test(format_content, the_writer_refuses_what_the_reader_would)
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

Test(format_content, each_failing_allocation_of_the_writer_is_enomem)
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

Test(format_content, each_failing_allocation_of_the_reader_is_enomem)
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
Test(format_content, a_count_that_cannot_be_allocates_nothing_large)
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
