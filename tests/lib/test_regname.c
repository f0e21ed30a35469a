/* SPDX-License-Identifier: MIT */
/* Names, sizes and fields of register ids. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "sysreg_names.h"

#define MAX_IDS 512
#define NAME_MAX_SIZE 40

/*
 * The system registers that KVM really listed, low 16 bits, first to last:
 * Linux 5.10, 6.1, 6.12 and 6.18, with SVE, PMU and pointer authentication, on
 * Neoverse N1 and V1 and on QEMU's "max".
 */
static const uint16_t listed[][2] = {
	{ 0x8004, 0x8007 }, { 0x800c, 0x8010 }, { 0x8012, 0x8012 },
	{ 0x8014, 0x8017 }, { 0x801c, 0x801f }, { 0x8024, 0x8027 },
	{ 0x802c, 0x802f }, { 0x8034, 0x8037 }, { 0x803c, 0x803f },
	{ 0x8044, 0x8047 }, { 0x804c, 0x804f }, { 0x8054, 0x8057 },
	{ 0x805c, 0x805f }, { 0x8064, 0x8067 }, { 0x806c, 0x806f },
	{ 0x8074, 0x8077 }, { 0x807c, 0x807f }, { 0x808c, 0x808c },
	{ 0xa038, 0xa038 }, { 0xc000, 0xc000 }, { 0xc005, 0xc006 },
	{ 0xc008, 0xc03f }, { 0xc080, 0xc082 }, { 0xc090, 0xc090 },
	{ 0xc100, 0xc103 }, { 0xc108, 0xc10b }, { 0xc110, 0xc113 },
	{ 0xc118, 0xc119 }, { 0xc288, 0xc289 }, { 0xc290, 0xc290 },
	{ 0xc300, 0xc300 }, { 0xc3a0, 0xc3a0 }, { 0xc4f1, 0xc4f2 },
	{ 0xc510, 0xc510 }, { 0xc512, 0xc513 }, { 0xc518, 0xc518 },
	{ 0xc600, 0xc600 }, { 0xc609, 0xc609 }, { 0xc681, 0xc681 },
	{ 0xc684, 0xc684 }, { 0xc708, 0xc708 }, { 0xc801, 0xc801 },
	{ 0xc807, 0xc807 }, { 0xd000, 0xd000 }, { 0xd801, 0xd801 },
	{ 0xdce0, 0xdce5 }, { 0xdce8, 0xdce8 }, { 0xdcf0, 0xdcf0 },
	{ 0xdcf3, 0xdcf3 }, { 0xde82, 0xde83 }, { 0xdf01, 0xdf02 },
	{ 0xdf11, 0xdf12 }, { 0xdf19, 0xdf1a }, { 0xdf40, 0xdf5e },
	{ 0xdf60, 0xdf7f }, { 0xe180, 0xe180 }, { 0xe281, 0xe281 },
	{ 0xe298, 0xe298 },
};

/* Every id of those lists. */
static size_t listed_ids(uint64_t *ids)
{
	const uint64_t u32 = KA_REG_ARM64 | KA_REG_SIZE_U32;
	const uint64_t u64 = KA_REG_ARM64 | KA_REG_SIZE_U64;
	const uint64_t u128 = KA_REG_ARM64 | KA_REG_SIZE_U128;
	const uint64_t sve = KA_REG_ARM64 | KA_REG_SVE;
	size_t n = 0;

	for (unsigned int i = 0; i <= 0x50; i += 2)
		ids[n++] = u64 | KA_REG_CORE | i;
	for (unsigned int i = 0x54; i < 0xd4; i += 4)
		ids[n++] = u128 | KA_REG_CORE | i;
	ids[n++] = u32 | KA_REG_CORE | 0xd4;
	ids[n++] = u32 | KA_REG_CORE | 0xd5;
	for (unsigned int i = 0; i < 14; i++)
		ids[n++] = u32 | KA_REG_DEMUX | i;
	for (size_t r = 0; r < ARRAY_SIZE(listed); r++)
		for (unsigned int i = listed[r][0]; i <= listed[r][1]; i++)
			ids[n++] = u64 | KA_REG_SYSREG | i;
	for (unsigned int i = 0; i < 4; i++) {
		ids[n++] = KA_FW(i);
		ids[n++] = KA_BMAP(i);
	}
	for (unsigned int i = 0; i < 32; i++)
		ids[n++] = sve | KA_REG_SIZE_U2048 | i << 5;
	for (unsigned int i = 0; i <= 16; i++)	/* the last one is FFR */
		ids[n++] = sve | KA_REG_SIZE_U256 | 0x400 | i << 5;
	ids[n++] = KA_SVE_VLS;
	return n;
}

static void assert_name(uint64_t id, const char *expected)
{
	char name[NAME_MAX_SIZE];
	int n = onereg_reg_name(id, name, sizeof(name));

	cr_assert_str_eq(name, expected);
	cr_assert_eq(n, (int)strlen(expected));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

Test(regname, every_listed_register_has_a_name)
{
	uint64_t ids[MAX_IDS];
	size_t n = listed_ids(ids);
	char name[NAME_MAX_SIZE];

	cr_assert_eq(n, 395);
	for (size_t i = 0; i < n; i++) {
		onereg_reg_name(ids[i], name, sizeof(name));
		cr_expect_neq(strncmp(name, "id ", 3), 0, "%s", name);
		/* Arm has not named all of the ID space yet. */
		if (!strncmp(name, "S3_", 3) || !strncmp(name, "S2_", 3))
			cr_expect_eq(strncmp(name, "S3_0_C0_C", 9), 0, "%s",
				     name);
	}
}

Test(regname, no_two_registers_share_a_name)
{
	static char names[MAX_IDS][NAME_MAX_SIZE];
	uint64_t ids[MAX_IDS];
	size_t n = listed_ids(ids);

	for (size_t i = 0; i < n; i++)
		onereg_reg_name(ids[i], names[i], sizeof(names[i]));
	qsort(names, n, sizeof(names[0]), compare_names);
	for (size_t i = 1; i < n; i++)
		cr_expect_str_neq(names[i - 1], names[i]);
}

/* The search relies on it. */
Test(regname, the_table_is_in_order)
{
	for (size_t i = 1; i < ARRAY_SIZE(sysreg_names); i++)
		cr_expect_lt(sysreg_names[i - 1].low, sysreg_names[i].low, "%s",
			     sysreg_names[i].name);
}

/* Listed or not. */
Test(regname, no_two_encodings_share_a_name)
{
	static char names[0x10000][24];

	for (unsigned int i = 0; i < 0x10000; i++)
		onereg_reg_name(KA_SYS(0, 0, 0, 0, 0) | i, names[i],
				sizeof(names[i]));
	cr_assert_str_eq(names[0xc510], "MAIR_EL1");
	qsort(names, 0x10000, sizeof(names[0]), compare_names);
	for (unsigned int i = 1; i < 0x10000; i++)
		cr_assert_str_neq(names[i - 1], names[i]);
}

Test(regname, system_registers_by_encoding)
{
	assert_name(KA_SYS(3, 0, 2, 0, 2), "TCR_EL1");
	assert_name(KA_SYS(3, 0, 0, 4, 0), "ID_AA64PFR0_EL1");
	assert_name(KA_SYS(3, 0, 0, 6, 3), "ID_AA64ISAR3_EL1");
	assert_name(KA_SYS(3, 0, 0, 4, 3), "S3_0_C0_C4_3");
	assert_name(KA_SYS(3, 1, 0, 0, 1), "CLIDR_EL1");
	assert_name(KA_SYS(2, 0, 0, 15, 7), "DBGWCR15_EL1");
	assert_name(KA_SYS(3, 3, 14, 11, 6), "PMEVCNTR30_EL0");
	assert_name(KA_SYS(3, 3, 14, 12, 0), "PMEVTYPER0_EL0");
	assert_name(KA_SYS(3, 3, 14, 15, 7), "PMCCFILTR_EL0");
	assert_name(KA_SYS(3, 4, 1, 1, 0), "HCR_EL2");
	assert_name(KA_SYS(3, 6, 4, 1, 0), "SP_EL2");
	assert_name(KA_SYS(3, 0, 12, 12, 7), "ICC_IGRPEN1_EL1");
	assert_name(KA_SYS(3, 7, 15, 15, 7), "S3_7_C15_C15_7");
}

/* KVM's ABI exchanges the virtual counter and its compare value. */
Test(regname, timers_have_kvms_names)
{
	assert_name(KA_TIMER_CTL, "TIMER_CTL");
	assert_name(KA_TIMER_CVAL, "TIMER_CVAL");
	assert_name(KA_TIMER_CNT, "TIMER_CNT");
	assert_name(KA_PTIMER_CTL, "PTIMER_CTL");
	assert_name(KA_PTIMER_CVAL, "PTIMER_CVAL");
	assert_name(KA_PTIMER_CNT, "PTIMER_CNT");
	assert_name(KA_SYS(3, 3, 14, 0, 2), "TIMER_CVAL");
}

Test(regname, core_registers_by_offset)
{
	const uint64_t core = KA_REG_ARM64 | KA_REG_CORE;

	assert_name(core | KA_REG_SIZE_U64 | 0x00, "X0");
	assert_name(core | KA_REG_SIZE_U64 | 0x3c, "X30");
	assert_name(core | KA_REG_SIZE_U64 | 0x3e, "SP_EL0");
	assert_name(core | KA_REG_SIZE_U64 | 0x40, "PC");
	assert_name(core | KA_REG_SIZE_U64 | 0x42, "PSTATE");
	assert_name(core | KA_REG_SIZE_U64 | 0x44, "SP_EL1");
	assert_name(core | KA_REG_SIZE_U64 | 0x46, "ELR_EL1");
	assert_name(core | KA_REG_SIZE_U64 | 0x48, "SPSR_EL1");
	assert_name(core | KA_REG_SIZE_U64 | 0x50, "SPSR_FIQ");
	assert_name(core | KA_REG_SIZE_U128 | 0x54, "V0");
	assert_name(core | KA_REG_SIZE_U128 | 0xd0, "V31");
	assert_name(core | KA_REG_SIZE_U32 | 0xd4, "FPSR");
	assert_name(core | KA_REG_SIZE_U32 | 0xd5, "FPCR");
}

Test(regname, other_classes)
{
	const uint64_t sve = KA_REG_ARM64 | KA_REG_SVE;

	assert_name(KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX | 2,
		    "CCSIDR demux 2");
	assert_name(KA_PSCI_VERSION, "PSCI_VERSION");
	assert_name(KA_FW(3), "SMCCC_ARCH_WORKAROUND_3");
	assert_name(KA_BMAP(1), "STD_HYP_BMAP");
	assert_name(KA_BMAP(3), "VENDOR_HYP_BMAP_2");
	assert_name(KA_VM_ASYM, "VM_ASYM");
	assert_name(KA_VM_COUNTER_OFFSET, "VM_COUNTER_OFFSET");
	assert_name(KA_SVE_VLS, "SVE_VLS");
	assert_name(sve | KA_REG_SIZE_U2048 | 0x060, "Z3 (slice 0)");
	assert_name(sve | KA_REG_SIZE_U2048 | 0x3e1, "Z31 (slice 1)");
	assert_name(sve | KA_REG_SIZE_U256 | 0x5e0, "P15 (slice 0)");
	assert_name(sve | KA_REG_SIZE_U256 | 0x600, "FFR (slice 0)");
}

/* An id that KVM would not list must not pass for one that it would. */
Test(regname, what_is_not_known_has_its_number)
{
	assert_name(0, "id 0x0000000000000000");
	/* a class that does not exist; firmware that is not known */
	assert_name(0x6030000000170000, "id 0x6030000000170000");
	assert_name(KA_FW(4), "id 0x6030000000140004");
	assert_name(KA_BMAP(4), "id 0x6030000000160004");
	assert_name(KA_VM_REG(4), "id 0x6030000000200004");
	/* wrong size for X0, V0, V0's second word, TCR_EL1, Z0, P0 */
	assert_name(0x6020000000100000, "id 0x6020000000100000");
	assert_name(0x6030000000100054, "id 0x6030000000100054");
	assert_name(0x6040000000100055, "id 0x6040000000100055");
	assert_name(0x602000000013c102, "id 0x602000000013c102");
	assert_name(0x6050000000150000, "id 0x6050000000150000");
	assert_name(0x6080000000150400, "id 0x6080000000150400");
	/* past the last X, the last P and the last demux class */
	assert_name(0x6030000000100052, "id 0x6030000000100052");
	assert_name(0x6050000000150620, "id 0x6050000000150620");
	assert_name(0x6020000000110100, "id 0x6020000000110100");
	/* stray bits, another architecture */
	assert_name(0x603000001013c102, "id 0x603000001013c102");
	assert_name(0x603100000013c102, "id 0x603100000013c102");
	assert_name(0x403000000013c102, "id 0x403000000013c102");
}

Test(regname, a_short_buffer_gets_what_fits)
{
	char buf[4] = "xxx";

	cr_assert_eq(onereg_reg_name(KA_SYS(3, 0, 2, 0, 2), buf, sizeof(buf)),
		     7);
	cr_assert_str_eq(buf, "TCR");
	cr_assert_eq(onereg_reg_name(0, NULL, 0), 21);
}

Test(regname, sizes)
{
	cr_assert_eq(onereg_reg_size(0x6000000000000000), 1);
	cr_assert_eq(onereg_reg_size(0x60200000001000d4), 4);
	cr_assert_eq(onereg_reg_size(KA_TIMER_CNT), 8);
	cr_assert_eq(onereg_reg_size(KA_SVE_VLS), 64);
	cr_assert_eq(onereg_reg_size(0x6080000000150000), 256);
	cr_assert_eq(onereg_reg_size(0x6090000000150000), 0);
	cr_assert_eq(onereg_reg_size(0x60f0000000150000), 0);
	/* Not arm64: x86's ids begin with 0x20. */
	cr_assert_eq(onereg_reg_size(0x2030000000000000), 0);
}

Test(regname, fields)
{
	const uint64_t pfr0 = KA_SYS(3, 0, 0, 4, 0);
	const struct onereg_field *f = onereg_reg_field(pfr0, 0);

	cr_assert_not_null(f);
	cr_assert_str_eq(f->name, "EL0");
	f = onereg_reg_field(pfr0, 8);
	cr_assert_str_eq(f->name, "SVE");
	cr_assert_eq(f->lsb, 32);
	cr_assert_eq(f->width, 4);
	cr_assert_not_null(onereg_reg_field(pfr0, 15));
	cr_assert_null(onereg_reg_field(pfr0, 16));
	cr_assert_null(onereg_reg_field(pfr0, SIZE_MAX));
	/* TCR_EL1 is no ID register; S3_0_C0_C4_3 has no name, so no fields. */
	cr_assert_null(onereg_reg_field(KA_SYS(3, 0, 2, 0, 2), 0));
	cr_assert_null(onereg_reg_field(KA_SYS(3, 0, 0, 4, 3), 0));
	cr_assert_null(onereg_reg_field(UINT64_MAX, 0));
	cr_assert_null(onereg_reg_field(0, 0));
}
