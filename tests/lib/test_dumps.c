/* SPDX-License-Identifier: MIT */
/* Checks between recorded hosts, and the fresh VMs that they are made of. */
#include <errno.h>

#include "checks.h"
#include "faults.h"
#include "leaks.h"

LEAK_CHECKED(dumps);

#define MIDR	KA_SYS(3, 0, 0, 0, 0)
#define MPIDR	KA_SYS(3, 0, 0, 0, 5)
#define PFR0	KA_SYS(3, 0, 0, 4, 0)
#define DFR0	KA_SYS(3, 0, 0, 5, 0)
#define ISAR0	KA_SYS(3, 0, 0, 6, 0)
#define ISAR1	KA_SYS(3, 0, 0, 6, 1)
#define CLIDR	KA_SYS(3, 1, 0, 0, 1)
#define TTBR0	KA_SYS(3, 0, 2, 0, 0)
#define OSLSR	KA_SYS(2, 0, 1, 1, 4)
#define PMCCNTR	KA_SYS(3, 3, 9, 13, 0)

/* ---- real hosts --------------------------------------------------------- */

static struct onereg_report *between(const char *from, const char *to)
{
	struct onereg_host *a = dump(from), *b = dump(to);
	struct onereg_report *report = new_report();

	move(a, b, report);
	return report;
}

static const char *const cpus[] = { "N1", "V1" };

static struct onereg_report *between_kernels(const char *cpu, const char *a,
					     const char *b)
{
	char from[16], to[16];

	snprintf(from, sizeof(from), "%s_%s", cpu, a);
	snprintf(to, sizeof(to), "%s_%s", cpu, b);
	return between(from, to);
}

Test(dumps, up_from_6_1_to_6_18)
{
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		struct onereg_report *report =
			between_kernels(cpus[i], "6.1", "6.18");

		expect(report, "ID_AA64DFR0_EL1", "DebugVer", ONEREG_CARE);
		expect(report, "PSCI_VERSION", NULL, ONEREG_NOTE);
		expect(report, "CLIDR_EL1", NULL, ONEREG_NOTE);
		cr_assert_eq(count(report, ONEREG_NOTE, ONEREG_CLASS_ABSENT),
			     12);
		onereg_report_free(report);
	}
}

Test(dumps, back_from_6_18_to_6_1)
{
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		struct onereg_report *report =
			between_kernels(cpus[i], "6.18", "6.1");

		cr_assert_eq(onereg_report_verdict(report), ONEREG_NO);
		/* None of the 12 that are missing matters; these do. */
		cr_assert_eq(count(report, ONEREG_NOTE, ONEREG_CLASS_ABSENT),
			     12);
		cr_assert_eq(onereg_report_differences(report,
						       ONEREG_CLASS_MISSING),
			     0);
		expect(report, "VENDOR_HYP_BMAP_2", NULL, ONEREG_NOTE);
		expect(report, "PSCI_VERSION", NULL, ONEREG_IMPOSSIBLE);
		expect(report, "ID_AA64DFR0_EL1", "DebugVer",
		       ONEREG_IMPOSSIBLE);
		expect(report, "CLIDR_EL1", NULL, ONEREG_IMPOSSIBLE);
		expect(report, "CCSIDR demux 0", NULL, ONEREG_IMPOSSIBLE);
		onereg_report_free(report);
	}
}

Test(dumps, from_5_10_74_pmu_registers_vanish_safely_and_4_appear)
{
	struct onereg_report *report = between("N1_5.10", "N1_6.1");

	cr_assert_eq(count(report, ONEREG_NOTE, ONEREG_CLASS_ABSENT), 78);
	cr_assert_eq(onereg_report_differences(report, ONEREG_CLASS_MISSING),
		     0);
	expect(report, "PMCCNTR_EL0", NULL, ONEREG_NOTE);
	expect(report, "OSLSR_EL1", NULL, ONEREG_NOTE);
	expect(report, "ID_AA64DFR0_EL1", "PMUVer", ONEREG_IMPOSSIBLE);
	expect(report, "ID_AA64DFR0_EL1", "PMSVer", ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
}

Test(dumps, back_to_5_10_hypercalls_are_lost)
{
	struct onereg_report *report = between("N1_6.1", "N1_5.10");

	expect(report, "PSCI_VERSION", NULL, ONEREG_IMPOSSIBLE);
	expect(report, "STD_BMAP", NULL, ONEREG_IMPOSSIBLE);
	expect(report, "OSLSR_EL1", NULL, ONEREG_NOTE);
	onereg_report_free(report);
}

Test(dumps, between_cpus_both_ways)
{
	struct onereg_report *report = between("N1_6.1", "V1_6.1");

	expect(report, "MIDR_EL1", "PartNum", ONEREG_IMPOSSIBLE);
	expect(report, "REVIDR_EL1", NULL, ONEREG_IMPOSSIBLE);
	expect(report, "ID_AA64ISAR0_EL1", "SHA3", ONEREG_CARE);
	expect(report, "ID_AA64PFR0_EL1", "RAS", ONEREG_CARE);
	onereg_report_free(report);
	report = between("V1_6.1", "N1_6.1");
	expect(report, "MIDR_EL1", "PartNum", ONEREG_IMPOSSIBLE);
	expect(report, "ID_AA64ISAR0_EL1", "SHA3", ONEREG_IMPOSSIBLE);
	expect(report, "ID_AA64ISAR1_EL1", "I8MM", ONEREG_IMPOSSIBLE);
	expect(report, "ID_AA64MMFR2_EL1", "FWB", ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
}

/* ---- fresh images ------------------------------------------------------- */

Test(fresh, holds_reset_values_vm_wide_ones_once)
{
	const struct known regs[] = { { ISAR0, 0x10 }, { TTBR0, 7 },
				      { MPIDR, 0x80000000 } };
	struct onereg_host *host = host_new();
	struct onereg_image *image;

	host_add(host, PSCI, regs, 3);
	cr_assert_eq(onereg_image_from_host(host, 0, 18, &image), 0);
	cr_assert_eq(image->vm_set.n, 1);
	cr_assert_eq(image->sets[0].n, 2);
	cr_assert_eq(onereg_image_n_vcpus(image), 18);
	cr_assert_eq(onereg_image_vcpu_id(image, 17), 17);
	cr_assert_eq(image->target, 5, "KVM_ARM_TARGET_GENERIC_V8");
	cr_assert_eq(regset_u64(&image->sets[0], image->vcpus[17].row, 1),
		     0x80000101, "affinity as KVM numbers it");
	cr_assert_eq(onereg_image_from_host(host, 1, 1, &image), -EINVAL);
	cr_assert_eq(onereg_image_from_host(host, 0, 0, &image), -EINVAL);
	onereg_image_free(image);
	onereg_host_free(host);
}

Test(fresh, reports_lack_of_memory_wherever_it_strikes)
{
	struct onereg_host *host = host_of(TTBR0, 0);
	struct onereg_image *image;
	size_t n = 0;
	int r;

	do {
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = onereg_image_from_host(host, 0, 2, &image);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
	} while (r);
	cr_assert_gt(n, 5);
	onereg_image_free(image);
	onereg_host_free(host);
}
