/* SPDX-License-Identifier: MIT */
/* Exports: docs/format.md's lines, what is left out, and what is refused. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "faults.h"
#include "leaks.h"
#include "samples.h"

LEAK_CHECKED(export);

#define ISAR0		KA_SYS(3, 0, 0, 6, 0)
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define TTBR0		KA_SYS(3, 0, 2, 0, 0)
#define ENSET		KA_SYS(3, 3, 9, 12, 1)
#define ENCLR		KA_SYS(3, 3, 9, 12, 2)
#define PMU		(1u << KA_VCPU_PMU_V3)

static const struct known regs[] = {
	{ TTBR0, 0x1234 }, { KA_TIMER_CVAL, 7 }, { KA_TIMER_CNT, 9 },
	{ ENCLR, 5 },	   { ENSET, 5 },	 { KA_BMAP(3), 0 },
	{ ISAR0, 0x10 },   { MPIDR, 0x80000000 },
};

/* Of a VM, as far as the reader is to know. */
static struct onereg_image *image_of(size_t n_vcpus)
{
	struct onereg_host *host = host_new();
	struct onereg_image *image;

	host_add(host, PSCI | PMU, regs, ARRAY_SIZE(regs));
	cr_assert_eq(onereg_image_from_host(host, 0, n_vcpus, &image), 0);
	onereg_host_free(host);
	image->fresh = false;
	return image;
}

static char *export(const struct onereg_image *image,
		    const struct onereg_host *host, int error)
{
	struct onereg_report *report = new_report();
	char *text = NULL;
	size_t size;

	cr_assert_eq(onereg_image_export(image, host, &text, &size, report),
		     error);
	cr_assert(error || strlen(text) == size);
	onereg_report_free(report);
	return text;
}

static size_t at(const char *text, const char *format, uint64_t id)
{
	char line[80];
	const char *found;

	snprintf(line, sizeof(line), format, (unsigned long long)id);
	found = strstr(text, line);
	cr_assert(found, "no %s in:\n%s", line, text);
	return (size_t)(found - text);
}

Test(export, lines_are_in_the_order_that_a_loop_needs)
{
	struct onereg_image *image = image_of(2);
	char *text = export(image, NULL, 0);

	cr_assert_eq(strncmp(text, "onereg-export 1\n", 16), 0);
	cr_assert_lt(at(text, "vcpu 1 1\n", 0), at(text, "init 0 5 0xc 0x0", 0));
	cr_assert_lt(at(text, "init 0 5", 0), at(text, "set 0 0x%llx ", ISAR0));
	cr_assert_lt(at(text, "set 0 0x%llx ", ISAR0),
		     at(text, "set 0 0x%llx 3412000000000000\n", TTBR0));
	cr_assert_lt(at(text, "set 0 0x%llx ffffffffffffffff\n", ENCLR),
		     at(text, "set 0 0x%llx 0500000000000000\n", ENSET));
	cr_assert_lt(at(text, "set 0 0x%llx ", ENSET),
		     at(text, "set 0 0x%llx ", KA_TIMER_CNT));
	cr_assert_lt(at(text, "set 0 0x%llx ", KA_TIMER_CNT),
		     at(text, "set 0 0x%llx ", KA_TIMER_CVAL));
	cr_assert_lt(at(text, "set 0 0x%llx ", KA_TIMER_CVAL),
		     at(text, "init 1 5", 0));
	cr_assert_lt(at(text, "set 1 0x%llx 1000000000000000\n", ISAR0),
		     at(text, "mp_state 0 ", 0));
	cr_assert_str_eq(text + strlen(text) - 5, "\nend\n");
	/* The clear register has no value of its own. */
	cr_assert_null(strstr(strstr(text, "ffffffffffffffff") + 16,
			      "dce2 0500"));
	free(text);
	onereg_image_free(image);
}

Test(export, what_the_host_can_do_without_is_left_out)
{
	struct onereg_image *image = image_of(1);
	struct onereg_host *host = host_new();
	char *text;

	host_add(host, PSCI | PMU, regs, ARRAY_SIZE(regs) - 3);
	host_add(host, PSCI, regs, 1);
	/* without VENDOR_HYP_BMAP_2, ISAR0 and MPIDR: the second matters */
	cr_assert_null(export(image, host, -EOPNOTSUPP));
	onereg_host_free(host);

	host = host_new();
	host_add(host, PSCI | PMU,
		 (struct known[]){ regs[0], regs[1], regs[2], regs[3], regs[4],
				   regs[6], regs[7] }, 7);
	text = export(image, host, 0);
	cr_assert_null(strstr(text, "160003"));
	free(text);
	text = export(image, NULL, 0);
	at(text, "set 0 0x%llx 0000000000000000\n", KA_BMAP(3));
	free(text);
	onereg_host_free(host);
	onereg_image_free(image);
}

#define PFR0		KA_SYS(3, 0, 0, 4, 0)
#define ID_PFR0		KA_SYS(3, 0, 0, 1, 0)

static struct onereg_host *with_aa32(uint64_t pfr0, uint64_t id_pfr0)
{
	const struct known some[] = { { TTBR0, 0 }, { PFR0, pfr0 },
				      { ID_PFR0, id_pfr0 } };
	struct onereg_host *host = host_new();

	host_add(host, PSCI, some, ARRAY_SIZE(some));
	return host;
}

/* Is ID_PFR0_EL1 written? Where not, that is told, once. */
static bool writes_aa32(uint64_t pfr0, uint64_t there, size_t told)
{
	struct onereg_host *host = with_aa32(pfr0, 0x131);
	struct onereg_host *to = with_aa32(pfr0, there);
	struct onereg_report *report = new_report();
	struct onereg_image *image;
	char *text, id[32];
	size_t size;
	bool ret;

	cr_assert_eq(onereg_image_from_host(host, 0, 2, &image), 0);
	image->fresh = false;
	cr_assert_eq(onereg_image_export(image, there ? to : NULL, &text,
					 &size, report), 0);
	cr_assert_eq(count(report, ONEREG_NOTE, ONEREG_CLASS_SHAPE), told);
	snprintf(id, sizeof(id), "0x%llx", (unsigned long long)ID_PFR0);
	ret = strstr(text, id);
	at(text, "set 1 0x%llx ", PFR0);
	free(text);
	onereg_report_free(report);
	onereg_image_free(image);
	onereg_host_free(host);
	onereg_host_free(to);
	return ret;
}

/* Where check says that a value means nothing no call may fail for it. */
Test(export, what_means_nothing_without_aarch32_is_left_out)
{
	cr_assert(!writes_aa32(0x11, 0x132, 1));
	cr_assert(!writes_aa32(0x11, 0x131, 1));
	cr_assert(!writes_aa32(0x11, 0, 1));
	cr_assert(writes_aa32(0x12, 0x131, 0));
	cr_assert(writes_aa32(0x12, 0, 0));
}

Test(export, what_is_no_vm_is_refused)
{
	struct onereg_image *image = image_of(1);

	image->fresh = true;
	cr_assert_null(export(image, NULL, -EOPNOTSUPP));
	image->fresh = false;
	image->partial = true;
	cr_assert_null(export(image, NULL, -EOPNOTSUPP));
	image->partial = false;
	image->staged = 7;
	cr_assert_null(export(image, NULL, -EOPNOTSUPP));
	image->staged = 0;
	image->conflicts = calloc(1, sizeof(uint64_t));
	image->conflicts[0] = ISAR0;
	image->n_conflicts = 1;
	cr_assert_null(export(image, NULL, -EOPNOTSUPP));
	onereg_image_free(image);
}

Test(export, what_a_newer_kernel_made_is_refused_by_name)
{
	struct onereg_image *image = config_image(true);
	struct onereg_report *report = new_report();
	char *text;
	size_t size;

	free(image->conflicts);
	image->conflicts = NULL;
	image->n_conflicts = 0;
	image->fresh = image->partial = false;
	cr_assert_eq(onereg_image_export(image, NULL, &text, &size, report),
		     -EOPNOTSUPP);
	cr_assert_eq(onereg_report_verdict(report), ONEREG_NO);
	onereg_report_free(report);
	onereg_image_free(image);
}

Test(export, a_report_is_needed)
{
	struct onereg_image *image = image_of(1);
	char *text;
	size_t size;

	cr_assert_eq(onereg_image_export(image, NULL, &text, &size, NULL),
		     -EINVAL);
	onereg_image_free(image);
}

Test(export, lack_of_memory_is_told_wherever_it_strikes)
{
	struct onereg_image *image = image_of(2);
	struct onereg_report *report = new_report();
	size_t n = 0, size;
	char *text;
	int r;

	do {
		onereg_report_clear(report);
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = onereg_image_export(image, NULL, &text, &size, report);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
	} while (r);
	cr_assert_gt(n, 1);
	free(text);
	onereg_report_free(report);
	onereg_image_free(image);
}

Test(export, the_file_appears_whole)
{
	struct onereg_image *image = image_of(1);
	struct onereg_report *report = new_report();
	char *text = export(image, NULL, 0);
	char path[] = "/tmp/onereg-export-XXXXXX";
	void *data;
	size_t size;

	close(mkstemp(path));
	cr_assert_eq(onereg_image_export_file(image, NULL, path, report), 0);
	cr_assert_eq(file_read_all(path, &data, &size, report), 0);
	cr_assert_eq(size, strlen(text));
	cr_assert_eq(memcmp(data, text, size), 0);
	unlink(path);
	free(data);
	free(text);
	onereg_report_free(report);
	onereg_image_free(image);
}

/* Loops that were written for it once go on working. */
Test(export, a_kept_image_gives_what_it_gave)
{
	static const char path[] =
		SOURCE_ROOT "/tests/golden/good/eight-vcpus.image";
	struct onereg_image *image;
	char *text;
	size_t size;
	void *kept;

	cr_assert_eq(onereg_image_read_file(path, &image, NULL), 0);
	text = export(image, NULL, 0);
	cr_assert_eq(file_read_all(SOURCE_ROOT "/tests/golden/good/"
					       "eight-vcpus.image.export",
				   &kept, &size, NULL), 0);
	cr_assert_eq(size, strlen(text));
	cr_assert_eq(memcmp(text, kept, size), 0);
	free(kept);
	free(text);
	onereg_image_free(image);
}
