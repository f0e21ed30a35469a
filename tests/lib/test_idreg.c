/* SPDX-License-Identifier: MIT */
/* The fields of ID registers and the direction in which each is safe. */
#include <criterion/criterion.h>
#include <string.h>

#include "internal.h"

#define ISAR0	KA_SYS(3, 0, 0, 6, 0)
#define ISAR1	KA_SYS(3, 0, 0, 6, 1)
#define ISAR2	KA_SYS(3, 0, 0, 6, 2)
#define PFR0	KA_SYS(3, 0, 0, 4, 0)
#define PFR1	KA_SYS(3, 0, 0, 4, 1)
#define DFR0	KA_SYS(3, 0, 0, 5, 0)
#define MMFR0	KA_SYS(3, 0, 0, 7, 0)
#define MMFR1	KA_SYS(3, 0, 0, 7, 1)
#define MMFR2	KA_SYS(3, 0, 0, 7, 2)
#define CTR	KA_SYS(3, 3, 0, 0, 1)
#define MIDR	KA_SYS(3, 0, 0, 0, 0)

static const struct id_field *find(uint64_t id, const char *name)
{
	const struct id_field *f;

	for (size_t i = 0; (f = id_field_at(id, i)); i++)
		if (!strcmp(f->field.name, name))
			return f;
	cr_assert_fail("no field %s in %#llx", name, (unsigned long long)id);
	return NULL;
}

static void fits(uint64_t id, const char *name, uint64_t saved, uint64_t host)
{
	cr_expect(id_field_fits(find(id, name), saved, host),
		  "%s: %#llx should fit %#llx", name, (unsigned long long)saved,
		  (unsigned long long)host);
}

static void refused(uint64_t id, const char *name, uint64_t saved,
		    uint64_t host)
{
	cr_expect_not(id_field_fits(find(id, name), saved, host),
		      "%s: %#llx should not fit %#llx", name,
		      (unsigned long long)saved, (unsigned long long)host);
}

/* Every id that could have a row: system registers, then pseudo registers. */
#define N_CANDIDATES (0x10000 + 32)

static uint64_t candidate(size_t i)
{
	if (i < 0x10000)
		return KA_SYS(0, 0, 0, 0, 0) | i;
	i -= 0x10000;
	return i < 16 ? KA_FW(i) : KA_BMAP(i - 16);
}

static void check_row(uint64_t id, const struct id_field *f, unsigned int *next)
{
	char name[32];

	onereg_reg_name(id, name, sizeof(name));
	cr_expect_eq(f->id, id);
	cr_expect_not_null(f->field.name);
	cr_expect_geq(f->field.lsb, *next, "%s.%s", name, f->field.name);
	cr_expect_geq(f->field.width, 1);
	cr_expect_leq(f->field.lsb + f->field.width, 64, "%s.%s", name,
		      f->field.name);
	if (f->rule == FIELD_LOWER_SIGNED)
		cr_expect_eq(f->field.width, 4, "%s.%s", name, f->field.name);
	/* What is ignored needs a reason. */
	if (f->rule == FIELD_IGNORE)
		cr_expect_not_null(f->why, "%s.%s", name, f->field.name);
	*next = f->field.lsb + f->field.width;
}

/* The search relies on order: a misplaced row would not be found here. */
Test(idreg, rows_are_in_order_and_do_not_overlap)
{
	size_t total = 0;

	for (size_t c = 0; c < N_CANDIDATES; c++) {
		unsigned int next = 0;
		const struct id_field *f;

		for (size_t i = 0; (f = id_field_at(candidate(c), i)); i++) {
			check_row(candidate(c), f, &next);
			total++;
		}
	}
	cr_expect_eq(total, 438, "%zu rows can be found", total);
}

Test(idreg, every_named_feature_register_has_fields)
{
	char name[32];

	for (unsigned int low = 8; low < 64; low++) {
		uint64_t id = KA_SYS(3, 0, 0, 0, 0) | low;

		onereg_reg_name(id, name, sizeof(name));
		if (!strcmp(name, "ID_AA64AFR1_EL1"))	/* reserved, all 0 */
			continue;
		cr_expect_eq(!strncmp(name, "S3_", 3), !id_field_at(id, 0),
			     "%s", name);
	}
}

Test(idreg, fields_of_one_register_have_different_names)
{
	for (size_t c = 0; c < N_CANDIDATES; c++) {
		uint64_t id = candidate(c);
		const struct id_field *a, *b;

		for (size_t i = 1; (a = id_field_at(id, i)); i++)
			for (size_t j = 0; j < i; j++) {
				b = id_field_at(id, j);
				cr_expect_str_neq(a->field.name, b->field.name);
			}
	}
}

Test(idreg, an_equal_value_always_fits)
{
	for (size_t c = 0; c < N_CANDIDATES; c++) {
		const struct id_field *f;

		for (size_t i = 0; (f = id_field_at(candidate(c), i)); i++) {
			unsigned int width = f->field.width;
			uint64_t ones = width < 64 ? (1ULL << width) - 1 : ~0ULL;

			cr_expect(id_field_fits(f, 0, 0));
			cr_expect(id_field_fits(f, 1, 1));
			cr_expect(id_field_fits(f, ones, ones));
		}
	}
}

Test(idreg, a_host_with_more_is_safe)
{
	fits(ISAR0, "Atomic", 0, 2);
	fits(ISAR0, "Atomic", 2, 3);
	refused(ISAR0, "Atomic", 2, 0);
	fits(PFR0, "SVE", 0, 1);
	refused(PFR0, "SVE", 1, 0);
	refused(PFR0, "CSV2", 2, 1);
	refused(PFR0, "CSV3", 1, 0);
	refused(PFR0, "EL0", 2, 1);
	refused(DFR0, "WRPs", 15, 3);
	fits(DFR0, "DebugVer", 6, 11);
	refused(DFR0, "DebugVer", 9, 8);
	fits(MMFR0, "PARange", 5, 6);
	refused(MMFR0, "TGran16", 1, 0);
	refused(MMFR2, "BBM", 2, 1);
}

/* NV is not what says it; NV_frac is. */
Test(idreg, nested_virtualization)
{
	fits(KA_SYS(3, 0, 0, 7, 4), "NV_frac", 0, 1);
	refused(KA_SYS(3, 0, 0, 7, 4), "NV_frac", 1, 0);
	refused(PFR0, "EL2", 1, 0);
}

/* 0xf is -1: less than 0, which is "implemented" in these fields. */
Test(idreg, signed_fields)
{
	fits(PFR0, "FP", 0xf, 0);
	fits(PFR0, "FP", 0xf, 1);
	fits(PFR0, "FP", 0, 1);
	refused(PFR0, "FP", 0, 0xf);
	refused(PFR0, "FP", 1, 0);
	refused(PFR0, "AdvSIMD", 0, 0xf);
	fits(MMFR0, "TGran4", 0xf, 1);
	refused(MMFR0, "TGran4", 0, 0xf);
	refused(MMFR0, "TGran64", 0, 0xf);
	fits(PFR1, "MTE_frac", 0xf, 0);
	refused(PFR1, "MTE_frac", 0, 0xf);
	refused(KA_SYS(3, 0, 0, 7, 4), "E2H0", 0, 0xe);
}

Test(idreg, an_algorithm_or_an_identity_must_be_equal)
{
	static const char *const names[] = { "APA", "API", "GPA", "GPI" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		refused(ISAR1, names[i], 1, 3);
		refused(ISAR1, names[i], 3, 1);
		refused(ISAR1, names[i], 0, 1);
	}
	refused(ISAR2, "APA3", 1, 5);
	refused(ISAR2, "GPA3", 1, 0);
	refused(ISAR2, "PAC_frac", 0, 1);
	refused(MIDR, "PartNum", 0xd0c, 0xd40);
	refused(MIDR, "Revision", 1, 2);
	/* 0 is "as stage 1", which may be more or less than 2. */
	refused(MMFR0, "TGran4_2", 0, 2);
	refused(MMFR0, "TGran4_2", 2, 0);
	refused(MMFR2, "CCIDX", 0, 1);
}

/* The highest-numbered breakpoints are the context-aware ones. */
Test(idreg, breakpoints_must_keep_their_numbers)
{
	refused(DFR0, "BRPs", 5, 15);
	refused(DFR0, "CTX_CMPs", 1, 3);
}

Test(idreg, speculative_errors_are_safe_where_expected)
{
	fits(MMFR1, "SpecSEI", 1, 0);
	refused(MMFR1, "SpecSEI", 0, 1);
	refused(KA_SYS(3, 0, 0, 2, 6), "SpecSEI", 0, 1);
}

Test(idreg, cache_lines_and_granules)
{
	/* Steps of 16 bytes do for lines of 64, not the other way round. */
	fits(CTR, "DminLine", 2, 4);
	refused(CTR, "DminLine", 4, 2);
	refused(CTR, "IminLine", 4, 3);
	refused(CTR, "DIC", 1, 0);
	fits(CTR, "IDC", 0, 1);
	/* VIPT's upkeep is more than PIPT needs; 0 and 1 are reserved. */
	fits(CTR, "L1Ip", 2, 3);
	refused(CTR, "L1Ip", 3, 2);
	refused(CTR, "L1Ip", 0, 2);
	/* Buffers kept 64 bytes apart do for a granule of 16. */
	fits(CTR, "CWG", 4, 2);
	refused(CTR, "CWG", 4, 5);
	/* 0 does not tell, and means the largest. */
	fits(CTR, "CWG", 0, 9);
	refused(CTR, "ERG", 4, 0);
}

/* 0xf stands for a PMU that no guest ever had. */
Test(idreg, a_pmu_of_another_kind_is_none)
{
	fits(DFR0, "PMUVer", 0xf, 0);
	fits(DFR0, "PMUVer", 0xf, 6);
	refused(DFR0, "PMUVer", 1, 0xf);
	refused(DFR0, "PMUVer", 6, 5);
	fits(DFR0, "PMUVer", 5, 6);
	fits(KA_SYS(3, 0, 0, 1, 2), "PerfMon", 0xf, 3);
	refused(KA_SYS(3, 0, 0, 1, 2), "PerfMon", 3, 0xf);
}

Test(idreg, what_a_guest_does_not_get_is_ignored)
{
	fits(PFR0, "MPAM", 1, 0);
	fits(PFR1, "MPAM_frac", 0, 1);
	fits(MMFR2, "NV", 2, 0);
	fits(KA_SYS(3, 0, 0, 0, 5), "Aff0", 3, 0);
	fits(KA_SYS(3, 1, 0, 0, 1), "LoC", 3, 2);
}

Test(idreg, firmware_versions_and_levels)
{
	fits(KA_PSCI_VERSION, "version", 0x00002, 0x10000);
	fits(KA_PSCI_VERSION, "version", 0x10001, 0x10003);
	refused(KA_PSCI_VERSION, "version", 0x10003, 0x10001);
	refused(KA_PSCI_VERSION, "version", 0x10000, 0x00002);
	refused(KA_FW(1), "level", 1, 0);
	fits(KA_FW(1), "level", 1, 2);
	refused(KA_FW(3), "level", 2, 1);
	/* Of workaround 2, KVM tells only {0, 1} from {2, 3}. */
	fits(KA_FW(2), "level", 1, 0);
	fits(KA_FW(2), "level", 3, 2);
	refused(KA_FW(2), "level", 2, 1);
	fits(KA_FW(2), "enabled", 1, 0);
}

Test(idreg, hypercall_bitmaps)
{
	refused(KA_BMAP(0), "TRNG_V1_0", 1, 0);
	fits(KA_BMAP(1), "PV_TIME", 0, 1);
	refused(KA_BMAP(2), "PTP", 1, 0);
	refused(KA_BMAP(3), "DISCOVER_IMPL_CPUS", 1, 0);
}

Test(idreg, what_is_no_id_register_has_no_fields)
{
	cr_expect_null(id_field_at(KA_SYS(3, 0, 1, 0, 0), 0));
	cr_expect_null(id_field_at(KA_TIMER_CNT, 0));
	cr_expect_null(id_field_at(0, 0));
	cr_expect_null(id_field_at(UINT64_MAX, 0));
	cr_expect_null(id_field_at(KA_BMAP(3), 2));
	cr_expect_null(id_field_at(KA_BMAP(3), SIZE_MAX));
}
