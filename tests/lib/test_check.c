/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "checks.h"
#include "faults.h"
#include "hosts.h"
#include "leaks.h"

LEAK_CHECKED(check);

#define MIDR	KA_SYS(3, 0, 0, 0, 0)
#define MPIDR	KA_SYS(3, 0, 0, 0, 5)
#define PFR0	KA_SYS(3, 0, 0, 4, 0)
#define DFR0	KA_SYS(3, 0, 0, 5, 0)
#define ISAR0	KA_SYS(3, 0, 0, 6, 0)
#define ISAR1	KA_SYS(3, 0, 0, 6, 1)
#define ID_PFR0	KA_SYS(3, 0, 0, 1, 0)
#define CLIDR	KA_SYS(3, 1, 0, 0, 1)
#define CTR	KA_SYS(3, 3, 0, 0, 1)
#define PMCR	KA_SYS(3, 3, 9, 12, 0)
#define TTBR0	KA_SYS(3, 0, 2, 0, 0)
#define OSLSR	KA_SYS(2, 0, 1, 1, 4)
#define PMCCNTR	KA_SYS(3, 3, 9, 13, 0)
#define CCSIDR(n) \
	(KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX | (n))

static enum onereg_verdict verdict(struct onereg_host *a,
				   struct onereg_host *b)
{
	struct onereg_report *report = new_report();
	enum onereg_verdict v = move(a, b, report);

	onereg_report_free(report);
	return v;
}

/* As host_of(), with that writable mask. */
static struct onereg_host *masked(uint64_t id, uint64_t value, uint64_t mask)
{
	struct onereg_host *host = host_of(id, value);

	host->profiles[0].has_mask[0] = 1;
	host->profiles[0].writable[0] = mask;
	return host;
}

/* ---- ID registers ------------------------------------------------------- */

Test(check, same_host_is_yes_without_a_finding)
{
	struct onereg_report *report = new_report();

	cr_assert_eq(move(host_of(ISAR0, 0x1110), host_of(ISAR0, 0x1110),
			  report), ONEREG_YES);
	cr_assert_eq(onereg_report_count(report), 0);
	onereg_report_free(report);
}

Test(check, a_host_with_more_is_safe_where_the_field_may_change)
{
	struct onereg_report *report = new_report();

	cr_assert_eq(move(host_of(ISAR0, 0x10),
			  masked(ISAR0, 0x20, 0xf0), report), ONEREG_YES);
	expect(report, "ID_AA64ISAR0_EL1", "AES", ONEREG_NOTE);
	onereg_report_free(report);
}

Test(check, a_host_with_less_is_impossible_even_where_it_may_change)
{
	struct onereg_report *report = new_report();

	cr_assert_eq(move(host_of(ISAR0, 0x20),
			  masked(ISAR0, 0x10, 0xf0), report), ONEREG_NO);
	expect(report, "ID_AA64ISAR0_EL1", "AES", ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
}

Test(check, a_kernel_that_does_not_let_the_field_change)
{
	cr_assert_eq(verdict(host_of(ISAR0, 0x10),
			     masked(ISAR0, 0x20, 0xf00)), ONEREG_NO);
	cr_assert_eq(verdict(host_of(ISAR0, 0x10), host_of(ISAR0, 0x20)),
		     ONEREG_NO, "no mask: its own value only");
}

Test(check, a_dump_leaves_open_whether_the_field_may_change)
{
	struct onereg_host *b = host_of(ISAR0, 0x20);

	b->partial = true;
	cr_assert_eq(verdict(host_of(ISAR0, 0x10), b), ONEREG_WITH_CARE);
}

Test(check, pointer_authentication_must_be_the_same_algorithm)
{
	cr_assert_eq(verdict(host_of(ISAR1, 0x10),
			     masked(ISAR1, 0x20, ~0ULL)), ONEREG_NO);
	cr_assert_eq(verdict(host_of(ISAR1, 0x20),
			     masked(ISAR1, 0x10, ~0ULL)), ONEREG_NO);
}

Test(check, every_field_is_told_not_the_first)
{
	struct onereg_report *report = new_report();

	move(host_of(ISAR0, 0x2220), host_of(ISAR0, 0x1110), report);
	cr_assert_eq(count(report, ONEREG_IMPOSSIBLE, ONEREG_CLASS_FEATURE),
		     3);
	onereg_report_free(report);
}

Test(check, aarch32_registers_mean_nothing_to_a_64_bit_guest)
{
	const struct known a[] = { { PFR0, 0x11 }, { ID_PFR0, 0x1234 } };
	const struct known b[] = { { PFR0, 0x11 }, { ID_PFR0, 0 } };
	const struct known c[] = { { PFR0, 0x12 }, { ID_PFR0, 0x1234 } };
	const struct known d[] = { { PFR0, 0x12 }, { ID_PFR0, 0 } };
	struct onereg_host *x = host_new(), *y = host_new();

	host_add(x, PSCI, a, 2);
	host_add(y, PSCI, b, 2);
	cr_assert_eq(verdict(x, y), ONEREG_YES);
	x = host_new();
	y = host_new();
	host_add(x, PSCI, c, 2);
	host_add(y, PSCI, d, 2);
	cr_assert_eq(verdict(x, y), ONEREG_NO, "but to a 32-bit one");
}

/* ---- host facts, firmware ----------------------------------------------- */

Test(check, another_cpu)
{
	struct onereg_report *report = new_report();

	cr_assert_eq(move(host_of(MIDR, 0x413fd0c1), host_of(MIDR, 0x411fd401),
			  report), ONEREG_NO);
	expect(report, "MIDR_EL1", "PartNum", ONEREG_IMPOSSIBLE);
	expect(report, "MIDR_EL1", "Variant", ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
}

Test(check, mpidr_is_the_vcpus_own)
{
	cr_assert_eq(verdict(host_of(MPIDR, 0x80000000),
			     host_of(MPIDR, 0x80000003)), ONEREG_YES);
}

Test(check, a_newer_psci_is_refused_an_older_is_kept)
{
	cr_assert_eq(verdict(host_of(KA_PSCI_VERSION, 0x10003),
			     host_of(KA_PSCI_VERSION, 0x10001)), ONEREG_NO);
	cr_assert_eq(verdict(host_of(KA_PSCI_VERSION, 0x10001),
			     host_of(KA_PSCI_VERSION, 0x10003)), ONEREG_YES);
}

Test(check, a_weaker_mitigation)
{
	for (int n = 1; n <= 3; n++) {
		uint64_t best = n == 2 ? 3 : 2;

		cr_assert_eq(verdict(host_of(KA_FW(n), best),
				     host_of(KA_FW(n), 0)), ONEREG_NO);
		cr_assert_eq(verdict(host_of(KA_FW(n), 0),
				     host_of(KA_FW(n), best)), ONEREG_YES);
	}
	/* Available and not required are one to KVM, as are no and unknown. */
	cr_assert_eq(verdict(host_of(KA_FW(2), 3), host_of(KA_FW(2), 2)),
		     ONEREG_YES);
	cr_assert_eq(verdict(host_of(KA_FW(2), 1), host_of(KA_FW(2), 0)),
		     ONEREG_YES);
}

Test(check, hypercalls_that_the_host_lacks)
{
	cr_assert_eq(verdict(host_of(KA_BMAP(2), 3), host_of(KA_BMAP(2), 1)),
		     ONEREG_NO);
	cr_assert_eq(verdict(host_of(KA_BMAP(2), 1), host_of(KA_BMAP(2), 3)),
		     ONEREG_YES);
	cr_assert_eq(verdict(host_of(KA_BMAP(3), 1), host_of(KA_BMAP(3), 0)),
		     ONEREG_WITH_CARE, "off by default: not known");
}

/* ---- caches, SVE, PMU --------------------------------------------------- */

Test(check, caches_on_a_kernel_that_takes_no_others)
{
	cr_assert_eq(verdict(host_of(CCSIDR(0), 2),
			     host_of(CCSIDR(0), 0x701fe01a)), ONEREG_NO);
	cr_assert_eq(verdict(host_of(CLIDR, 0x3000123),
			     host_of(CLIDR, 0x82000023)), ONEREG_NO);
}

Test(check, caches_on_a_kernel_that_lists_them_all)
{
	const struct known b[] = { { CCSIDR(0), 2 }, { CCSIDR(13), 2 },
				   { CTR, 0x40004 } };
	struct onereg_host *host = host_new();

	host_add(host, PSCI, b, 3);
	cr_assert_eq(verdict(host_of(CCSIDR(0), 0x701fe01a), host),
		     ONEREG_YES);
	host = host_new();
	host_add(host, PSCI, b, 3);
	cr_assert_eq(verdict(host_of(CCSIDR(0), 0x701fe018), host), ONEREG_NO,
		     "a line of 16 bytes where the shortest is 64");
}

Test(check, levels_that_hide_a_needed_clean)
{
	const struct known b[] = { { CLIDR, 0x9200003 }, { CTR, 0x40004 } };
	struct onereg_host *host = host_new();
	struct host_profile *p = host_add(host, PSCI, b, 2);

	p->has_mask[0] = 1;
	p->writable[0] = 0x7fffffffffff;
	cr_assert_eq(verdict(host_of(CLIDR, 0x3000123), host), ONEREG_NO);
}

Test(check, vector_lengths_can_only_be_cut_from_the_top)
{
	static const struct {
		uint64_t a, b;
		enum onereg_verdict verdict;
	} cases[] = {
		{ 0x3, 0x3, ONEREG_YES },
		{ 0x3, 0xb, ONEREG_YES },
		{ 0xb, 0x3, ONEREG_NO },
		{ 0xb, 0xf, ONEREG_NO },
		{ 0xf, 0xb, ONEREG_NO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(verdict(host_of(KA_SVE_VLS, cases[i].a),
				     host_of(KA_SVE_VLS, cases[i].b)),
			     cases[i].verdict, "case %zu", i);
}

static struct onereg_host *with_pmu(uint64_t pmcr)
{
	struct onereg_host *host = host_new();

	host_add(host, PSCI | PMU, &(struct known){ PMCR, pmcr }, 1);
	return host;
}

Test(check, event_counters_that_the_host_lacks)
{
	cr_assert_eq(verdict(with_pmu(6 << 11), with_pmu(4 << 11)), ONEREG_NO);
	cr_assert_eq(verdict(with_pmu(4 << 11), with_pmu(6 << 11)),
		     ONEREG_YES);
	cr_assert_eq(verdict(with_pmu(0x41010000), with_pmu(0)), ONEREG_YES);
}

/* ---- registers on one side only ----------------------------------------- */

Test(check, a_register_that_holds_state_must_be_there)
{
	struct onereg_report *report = new_report();

	cr_assert_eq(move(host_of(TTBR0, 0), host_of(MPIDR, 0), report),
		     ONEREG_NO);
	expect(report, "TTBR0_EL1", NULL, ONEREG_IMPOSSIBLE);
	expect(report, "MPIDR_EL1", NULL, ONEREG_NOTE);
	onereg_report_free(report);
}

Test(check, a_bitmap_may_be_absent_if_it_is_zero)
{
	cr_assert_eq(verdict(host_of(KA_BMAP(3), 0), host_of(MPIDR, 0)),
		     ONEREG_YES);
	cr_assert_eq(verdict(host_of(KA_BMAP(3), 1), host_of(MPIDR, 0)),
		     ONEREG_NO);
}

Test(check, the_os_lock_may_be_absent_unless_it_is_held)
{
	cr_assert_eq(verdict(host_of(OSLSR, 8), host_of(MPIDR, 0)),
		     ONEREG_YES);
	cr_assert_eq(verdict(host_of(OSLSR, 0xa), host_of(MPIDR, 0)),
		     ONEREG_NO);
}

Test(check, pmu_registers_of_a_vm_without_a_pmu_may_be_absent)
{
	struct onereg_host *host = host_new();

	cr_assert_eq(verdict(host_of(PMCCNTR, 0xbadc0de), host_of(MPIDR, 0)),
		     ONEREG_YES);
	host_add(host, PSCI | PMU, &(struct known){ PMCCNTR, 0xbadc0de }, 1);
	cr_assert_eq(verdict(host, with_pmu(0)), ONEREG_NO);
}

Test(check, the_physical_counter_needs_care)
{
	cr_assert_eq(verdict(host_of(KA_PTIMER_CNT, 1), host_of(MPIDR, 0)),
		     ONEREG_WITH_CARE);
}

Test(check, what_a_dump_never_holds_is_not_missing)
{
	const struct known a[] = {
		{ KA_TIMER_CNT, 1 },
		{ KA_PTIMER_CNT, 1 },
		{ KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 0x40, 1 },
		{ KA_REG_ARM64 | KA_REG_SIZE_U2048 | KA_REG_SVE, 1 },
		{ KA_SVE_VLS, 1 },
	};
	struct onereg_host *from = host_new(), *to = host_of(MPIDR, 0);

	host_add(from, PSCI, a, 5);
	to->partial = true;
	cr_assert_eq(verdict(from, to), ONEREG_YES);
}

Test(check, what_a_dump_never_holds_is_not_new_either)
{
	const struct known b[] = { { MPIDR, 0 }, { KA_TIMER_CNT, 1 },
				   { KA_SVE_VLS, 1 } };
	struct onereg_host *from = host_of(MPIDR, 0), *to = host_new();
	struct onereg_report *report = new_report();

	from->partial = true;
	host_add(to, PSCI, b, 3);
	cr_assert_eq(move(from, to, report), ONEREG_YES);
	cr_assert_eq(onereg_report_count(report), 0);
	onereg_report_free(report);
}

/* ---- shape -------------------------------------------------------------- */

Test(check, a_missing_vcpu_feature_is_named)
{
	struct onereg_report *report = new_report();
	struct onereg_host *a = host_new();

	host_add(a, PSCI | SVE | PMU, &(struct known){ MPIDR, 0 }, 1);
	cr_assert_eq(move(a, with_pmu(0), report), ONEREG_NO);
	expect(report, "SVE", NULL, ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
}

Test(check, the_profile_with_the_vms_features_is_compared)
{
	struct onereg_host *b = with_pmu(0);

	host_add(b, PSCI, &(struct known){ MPIDR, 0 }, 1);
	cr_assert_eq(verdict(host_of(MPIDR, 0), b), ONEREG_YES);
}

Test(check, a_profile_with_more_is_closer_than_one_with_less)
{
	struct onereg_host *b = host_of(PMCR, 0);

	host_add(b, PSCI | PMU | SVE, &(struct known){ PMCR, 0 }, 1);
	cr_assert_eq(verdict(with_pmu(0), b), ONEREG_WITH_CARE);
}

Test(check, counters_of_another_frequency)
{
	struct onereg_report *report = new_report();
	struct onereg_host *b = host_of(MPIDR, 0);

	b->counter_frequency = 1000000000;
	cr_assert_eq(move(host_of(MPIDR, 0), b, report), ONEREG_NO);
	expect(report, "CNTFRQ_EL0", NULL, ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
	b = host_of(MPIDR, 0);
	b->counter_frequency = 0;
	cr_assert_eq(verdict(host_of(MPIDR, 0), b), ONEREG_WITH_CARE);
}

Test(check, more_vcpus_than_the_host_allows)
{
	struct onereg_host *host = host_of(MPIDR, 0);
	struct onereg_report *report = new_report();
	struct onereg_image *image;

	host_add_cap(host, KA_CAP_MAX_VCPUS, 4);
	cr_assert_eq(onereg_image_from_host(host, 0, 5, &image), 0);
	cr_assert_eq(check(image, host, report), ONEREG_NO);
	expect(report, "KVM_CAP_MAX_VCPUS", NULL, ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
	onereg_image_free(image);
	onereg_host_free(host);
}

static enum onereg_verdict with_cap(uint32_t cap, int asked, int value)
{
	struct onereg_host *host = host_of(MPIDR, 0);
	struct onereg_image *image = fresh(host);
	struct onereg_report *report = new_report();
	enum onereg_verdict v;

	image->caps = calloc(1, sizeof(*image->caps));
	image->caps[0].cap = cap;
	image->n_caps = 1;
	if (asked)
		host_add_cap(host, cap, value);
	v = check(image, host, report);
	onereg_report_free(report);
	onereg_image_free(image);
	onereg_host_free(host);
	return v;
}

Test(check, enabled_capabilities_must_be_offered)
{
	cr_assert_eq(with_cap(KA_CAP_ARM_SYSTEM_SUSPEND, 1, 1), ONEREG_YES);
	cr_assert_eq(with_cap(KA_CAP_ARM_SYSTEM_SUSPEND, 1, 0), ONEREG_NO);
	cr_assert_eq(with_cap(KA_CAP_ARM_SYSTEM_SUSPEND, 0, 0),
		     ONEREG_WITH_CARE);
	cr_assert_eq(with_cap(KA_CAP_ARM_MTE, 1, 1), ONEREG_NO);
}

static enum onereg_verdict with_gic(int asked, int value)
{
	struct onereg_host *host = host_of(MPIDR, 0);
	struct onereg_image *image = fresh(host);
	struct onereg_report *report = new_report();
	enum onereg_verdict v;

	image->has_gic = true;
	if (asked)
		host_add_cap(host, 0, value);
	v = check(image, host, report);
	cr_assert(find(report, "GICv3", NULL));
	cr_assert_eq(onereg_report_count(report), 1);
	onereg_report_free(report);
	onereg_image_free(image);
	onereg_host_free(host);
	return v;
}

Test(check, a_description_says_little_about_the_gic)
{
	cr_assert_eq(with_gic(1, 1), ONEREG_YES);
	cr_assert_eq(with_gic(1, 0), ONEREG_NO);
	cr_assert_eq(with_gic(0, 0), ONEREG_WITH_CARE);
}

Test(check, stolen_time_needs_its_capability_and_is_told_of_once)
{
	struct onereg_host *host = host_of(MPIDR, 0);
	struct onereg_report *report = new_report();
	struct onereg_image *image;

	cr_assert_eq(onereg_image_from_host(host, 0, 2, &image), 0);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(attrs_add(&image->vcpus[i].attrs,
				       &(struct attr){
					       .group = KA_VCPU_PVTIME_CTRL,
					       .attr = KA_VCPU_PVTIME_IPA,
					       .size = 8,
					       .value = 0x40000000,
				       }), 0);
	host_add_cap(host, KA_CAP_STEAL_TIME, 0);
	cr_assert_eq(check(image, host, report), ONEREG_NO);
	expect(report, "KVM_CAP_STEAL_TIME", NULL, ONEREG_IMPOSSIBLE);
	cr_assert_eq(onereg_report_count(report), 1);
	onereg_report_clear(report);
	host->caps[0].value = 1;
	cr_assert_eq(check(image, host, report), ONEREG_YES);
	onereg_report_free(report);
	onereg_image_free(image);
	onereg_host_free(host);
}

Test(check, a_field_that_is_taken_and_ignored)
{
	struct onereg_report *report = new_report();

	cr_assert_eq(move(host_of(PFR0, 1ULL << 40), masked(PFR0, 0, 0),
			  report), ONEREG_WITH_CARE);
	expect(report, "ID_AA64PFR0_EL1", "MPAM", ONEREG_CARE);
	cr_assert(strstr(find(report, "ID_AA64PFR0_EL1", "MPAM")->why,
			 "would be shown 0"));
	onereg_report_free(report);
}

Test(check, vcpus_that_disagree)
{
	struct onereg_host *host = host_of(ISAR0, 0);
	struct onereg_image *image = fresh(host);
	struct onereg_report *report = new_report();

	image->conflicts = calloc(1, sizeof(*image->conflicts));
	image->conflicts[0] = ISAR0;
	image->n_conflicts = 1;
	cr_assert_eq(check(image, host, report), ONEREG_NO);
	cr_assert_eq(count(report, ONEREG_IMPOSSIBLE, ONEREG_CLASS_CONFLICT),
		     1);
	onereg_report_free(report);
	onereg_image_free(image);
	onereg_host_free(host);
}

Test(check, vcpus_that_agree_are_told_of_once)
{
	struct onereg_host *a = host_of(CCSIDR(0), 2);
	struct onereg_host *b = host_of(CCSIDR(0), 0x1a);
	struct onereg_host *c = host_of(MPIDR, 0);
	struct onereg_report *report = new_report();
	struct onereg_image *image;

	cr_assert_eq(onereg_image_from_host(a, 0, 64, &image), 0);
	check(image, b, report);
	cr_assert_eq(onereg_report_count(report), 1);
	/* One that is different is. */
	image->vcpus[9].row[0] = 3;
	onereg_report_clear(report);
	check(image, b, report);
	cr_assert_eq(onereg_report_count(report), 3);
	cr_assert_eq(onereg_report_get(report, 1)->vcpu, 9);
	/* Of one that is missing the value matters only if the rule says so. */
	onereg_report_clear(report);
	check(image, c, report);
	cr_assert_eq(onereg_report_differences(report, ONEREG_CLASS_ABSENT),
		     2);
	onereg_report_free(report);
	onereg_image_free(image);
	onereg_host_free(a);
	onereg_host_free(b);
	onereg_host_free(c);
}

Test(check, a_host_without_a_profile_is_an_error)
{
	struct onereg_host *a = host_of(MPIDR, 0), *b = host_new();
	struct onereg_report *report = new_report();
	struct onereg_image *image = fresh(a);

	cr_assert_eq(onereg_image_check(image, b, report), -EINVAL);
	cr_assert_eq(onereg_report_verdict(report), ONEREG_FAILED);
	onereg_report_free(report);
	/* The report is the answer. */
	cr_assert_eq(onereg_image_check(image, a, NULL), -EINVAL);
	onereg_image_free(image);
	onereg_host_free(a);
	onereg_host_free(b);
}
