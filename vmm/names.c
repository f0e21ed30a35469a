// SPDX-License-Identifier: MIT
/* The registers that the payload checks, by name, and where KVM has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "payload/layout.h"

#define SYS(op0, op1, crn, crm, op2) \
	((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define ONE_REG(encoding) (0x6030000000130000ull | (encoding))

static const struct target table[] = {
#define REG(name, op0, op1, crn, crm, op2, mask, fixed, present) \
	{ #name, TARGET_REG, ONE_REG(SYS(op0, op1, crn, crm, op2)) },
#include "payload/registers.h"
#undef REG
};

#define N_TABLE (sizeof(table) / sizeof(table[0]))

/* Not in registers.h: what is followed as it moves, and the GIC's own. */
static const struct target others[] = {
	/* KVM's ids of these two are the other way round than their names */
	{ "CNTV_CVAL_EL0", TARGET_REG, 0x603000000013df02 },
	{ "CNTV_CTL_EL0", TARGET_REG, 0x603000000013df19 },
	{ "PMCCNTR_EL0", TARGET_REG, ONE_REG(SYS(3, 3, 9, 13, 0)) },
	{ "PMEVCNTR0_EL0", TARGET_REG, ONE_REG(SYS(3, 3, 14, 8, 0)) },
	{ "SP_EL1", TARGET_REG, 0x6030000000100044 },
	{ "ELR_EL1", TARGET_REG, 0x6030000000100046 },
	{ "SPSR_EL1", TARGET_REG, 0x6030000000100048 },
	{ "PC", TARGET_REG, 0x6030000000100040 },
	{ "PSTATE", TARGET_REG, 0x6030000000100042 },
	{ "FPSR", TARGET_REG, 0x60200000001000d4 },
	{ "FPCR", TARGET_REG, 0x60200000001000d5 },
	{ "FFR", TARGET_REG, 0x6050000000150600 },
	{ "PSCI_VERSION", TARGET_REG, 0x6030000000140000 },
	{ "GICD_CTLR", TARGET_DIST, 0x0 },
	{ "GICD_IGROUPR1", TARGET_DIST, 0x84 },
	{ "GICD_ISENABLER1", TARGET_DIST, 0x104 },
	{ "GICD_ISPENDR1", TARGET_DIST, 0x204 },
	{ "GICD_IPRIORITYR8", TARGET_DIST, 0x420 },
	{ "GICD_IPRIORITYR23", TARGET_DIST, 0x45c },
	{ "GICD_ICFGR2", TARGET_DIST, 0xc08 },
	{ "GICD_IROUTER32", TARGET_DIST, 0x6100 },
	{ "GICD_IROUTER95", TARGET_DIST, 0x62f8 },
	{ "GICR_IGROUPR0", TARGET_REDIST, 0x10080 },
	{ "GICR_ISENABLER0", TARGET_REDIST, 0x10100 },
	{ "GICR_ISPENDR0", TARGET_REDIST, 0x10200 },
	{ "GICR_ISACTIVER0", TARGET_REDIST, 0x10300 },
	{ "GICR_IPRIORITYR0", TARGET_REDIST, 0x10400 },
	{ "GICR_IPRIORITYR7", TARGET_REDIST, 0x1041c },
};

#define N_OTHERS (sizeof(others) / sizeof(others[0]))

/* Numbered ones: X0, V7, Z31, P3. */
static const struct {
	char letter;
	unsigned int count;
	uint64_t id, step;
} banks[] = {
	{ 'X', 31, 0x6030000000100000, 2 },
	{ 'V', 32, 0x6040000000100054, 4 },
	{ 'Z', 32, 0x6080000000150000, 0x20 },
	{ 'P', 16, 0x6050000000150400, 0x20 },
};

static bool at_bank(size_t i, struct target *ret)
{
	for (unsigned int b = 0; b < sizeof(banks) / sizeof(banks[0]); b++) {
		if (i < banks[b].count) {
			ret->kind = TARGET_REG;
			ret->id = banks[b].id + i * banks[b].step;
			snprintf(ret->name, sizeof(ret->name), "%c%zu",
				 banks[b].letter, i);
			return true;
		}
		i -= banks[b].count;
	}
	return false;
}

/* Where KVM has them elsewhere than their encodings say. */
static const struct {
	const char *name;
	uint64_t id;
} elsewhere[] = {
	{ "SP_EL0", 0x603000000010003e }, { "PAN", 0x6030000000100042 },
	{ "UAO", 0x6030000000100042 },	  { "DIT", 0x6030000000100042 },
	{ "SSBS", 0x6030000000100042 },
};

/* The CPU interface is reached through the GIC's device attributes. */
static void fix_kind(struct target *target)
{
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (!strcmp(elsewhere[i].name, target->name))
			target->id = elsewhere[i].id;
	if (strncmp(target->name, "ICC_", 4))
		return;
	target->kind = TARGET_CPU_INTERFACE;
	target->id &= 0xffff;
}

bool target_at(size_t i, struct target *ret)
{
	if (i < N_TABLE) {
		*ret = table[i];
		fix_kind(ret);
		return true;
	}
	i -= N_TABLE;
	if (i < N_OTHERS) {
		*ret = others[i];
		return true;
	}
	return at_bank(i - N_OTHERS, ret);
}

bool target_find(const char *name, struct target *ret)
{
	char *end;

	for (size_t i = 0; target_at(i, ret); i++)
		if (!strcmp(ret->name, name))
			return true;
	if (strncmp(name, "0x", 2))
		return false;
	ret->kind = TARGET_REG;
	ret->id = strtoull(name, &end, 16);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return !*end;
}

size_t target_size(const struct target *target)
{
	switch (target->kind) {
	case TARGET_REG:
		return 1u << (target->id >> 52 & 15);
	case TARGET_CPU_INTERFACE:
		return 8;
	default:
		return 4;
	}
}

/* Of registers that the payload does not probe: the bits that exist. */
static const struct {
	const char *name;
	uint64_t bits;
} existing[] = {
	{ "ZCR_EL1", 0xf },
	{ "VBAR_EL1", ~0x7ffull },
	{ "PMSELR_EL0", 0x1f },
	{ "PMCR_EL0", 0x21 },
	{ "PMEVTYPER0_EL0", 0xffff },
	{ "FPSR", 0x0800009f },
	{ "FPCR", 0x07c00000 },
	{ "PSTATE", 0xf0000300 },
	{ "CNTV_CTL_EL0", 0x3 },
	{ "GICD_CTLR", 0x2 },
	{ "GICD_ICFGR2", 0xaaaaaaaa },
	{ "GICD_IPRIORITYR8", 0xf8f8f8f8 },
	{ "GICD_IPRIORITYR23", 0xf8f8f8f8 },
	{ "GICD_IROUTER32", 0xffff },
	{ "GICD_IROUTER95", 0xffff },
	{ "GICR_ISENABLER0", 0x007f0000 },
	{ "GICR_ISPENDR0", 0x0000fffc },
	{ "GICR_ISACTIVER0", 0x0000fffc },
	{ "GICR_IPRIORITYR0", 0xf8f8f8f8 },
	{ "GICR_IPRIORITYR7", 0xf8f8f8f8 },
};

/* Bits that the payload found to take a value; all but for the table's. */
uint64_t target_covered(const struct target *target,
			const struct payload_params *params)
{
	for (size_t i = 0; i < sizeof(existing) / sizeof(existing[0]); i++)
		if (!strcmp(existing[i].name, target->name))
			return existing[i].bits;
	for (size_t i = 0; i < N_TABLE; i++)
		if (!strcmp(table[i].name, target->name))
			return params->covered[i];
	return ~0ull;
}
