/* SPDX-License-Identifier: MIT */
/*
 * Known changes between kernels on the same CPU: what appeared, vanished or
 * moved, when it is safe, and how that is known. Versions are those between
 * which it was seen, by dumps of 5.10, 6.1 and 6.18 and on emulated hosts with
 * 6.1 and 6.12, or where Linux changed as the function named says. Rows of a
 * site's own go into a file of tolerances (tolerance.c).
 */
#include <stdio.h>
#include <string.h>

#include "known.h"

#define ALL		UINT64_MAX
#define ONE(x)		.id = (x), .mask = ALL
#define CLASS_OF(c) \
	.id = KA_REG_ARM64 | (c), .mask = KA_REG_ARCH_MASK | KA_REG_CLASS_MASK
#define PMU		(1u << KA_VCPU_PMU_V3)
#define LISTED		.kind = KNOWN_LISTED
#define VALUE(f)	.kind = KNOWN_VALUE, .field = (f)
#define BETWEEN(a, b)	.until = (a), .since = (b)

#define PFR0		KA_SYS(3, 0, 0, 4, 0)
#define DFR0		KA_SYS(3, 0, 0, 5, 0)
#define DFR0_32		KA_SYS(3, 0, 0, 1, 2)
#define MMFR4_32	KA_SYS(3, 0, 0, 2, 6)
#define MMFR1		KA_SYS(3, 0, 0, 7, 1)
#define MMFR2		KA_SYS(3, 0, 0, 7, 2)

#define BITMAP                                                            \
	LISTED, BETWEEN("5.10", "6.1"),                                   \
	.what = "the hypercall services that a guest is shown became "    \
		"registers",                                              \
	.safe = "safe to the newer; back only with the register 0, as "   \
		"every bit is a service that the guest was shown",        \
	.source = "hypercalls.c: kvm_arm_set_fw_reg_bmap"
#define PHYSICAL_TIMER                                                    \
	LISTED, BETWEEN("6.3", "6.4"),                                    \
	.what = "the physical timer became registers",                    \
	.safe = "safe to the newer; back only while the guest's physical " \
		"timer is off, and CNTPCT_EL0 jumps",                     \
	.source = "guest.c: timer registers"
#define PMU_VERSION                                                       \
	BETWEEN("5.10", "6.1"), .without = PMU,                           \
	.what = "a vCPU without a PMU is shown none",                     \
	.safe = "a guest that saw one could not use it; the newer kernel " \
		"takes no other value, so it is refused",                 \
	.source = "sys_regs.c: read_sanitised_id_aa64dfr0_el1"
#define PMU_NEWER                                                         \
	BETWEEN("6.1", "6.12"),                                           \
	.what = "KVM shows newer PMUs (up to v3p5) and those that are "   \
		"not Arm's as none",                                      \
	.safe = "safe to the newer, which takes the older value; back "   \
		"only with a value that the older offers",                \
	.source = "sys_regs.c: read_sanitised_id_aa64dfr0_el1"
#define CACHES                                                            \
	BETWEEN("6.1", "6.12"), .same_cpu = true,                         \
	.what = "KVM makes caches up, and takes others, instead of "      \
		"showing the CPU's",                                      \
	.safe = "safe to the newer; back not: the older kernel takes "    \
		"its CPU's only",                                         \
	.source = "sys_regs.c: reset_clidr, set_ccsidr"
#define INDIRECTION                                                       \
	LISTED, BETWEEN("6.1", "6.12"),                                   \
	.what = "KVM carries the register, and lists it whatever the CPU", \
	.safe = "safe to the newer; back while the guest was not shown "  \
		"the feature in ID_AA64MMFR3_EL1",                        \
	.source = "sys_regs.c: access_vm_reg rows"
#define CCIDX                                                             \
	BETWEEN("5.10", "6.1"),                                           \
	.what = "KVM shows caches in the 32-bit format alone",            \
	.safe = "the newer kernel takes no other value, so it is refused " \
		"both ways where the CPU has CCIDX",                      \
	.source = "sys_regs.c: __kvm_read_sanitised_id_reg"

static const struct known_change rows[] = {
	/* ---- registers that one side has ---- */
	{ .without = PMU, LISTED, BETWEEN("5.10", "6.1"),
	  .what = "the PMU's registers are no longer listed for a vCPU without "
		  "a PMU",
	  .safe = "safe both ways: such a guest never used them",
	  .source = "sys_regs.c: pmu_visibility" },
	{ ONE(KA_BMAP(0)), BITMAP },
	{ ONE(KA_BMAP(1)), BITMAP },
	{ ONE(KA_BMAP(2)), BITMAP },
	{ ONE(KA_BMAP(3)), LISTED, BETWEEN("6.12", "6.15"),
	  .what = "further hypercalls of KVM's own became a register, off by "
		  "default",
	  .safe = "safe to the newer; back only with the register 0",
	  .source = "hypercalls.c: KVM_REG_ARM_VENDOR_HYP_BMAP_2" },
	{ ONE(KA_SYS(2, 0, 1, 1, 4)), LISTED, BETWEEN("5.17", "5.18"),
	  .what = "the OS lock is kept, and is a register",
	  .safe = "safe to the newer; back only while OSLK is 0, which is what "
		  "a guest has there",
	  .source = "sys_regs.c: set_oslsr_el1" },
	{ CLASS_OF(KA_REG_DEMUX), LISTED, CACHES },
	{ ONE(KA_PTIMER_CTL), PHYSICAL_TIMER },
	{ ONE(KA_PTIMER_CVAL), PHYSICAL_TIMER },
	{ ONE(KA_PTIMER_CNT), PHYSICAL_TIMER },
	{ ONE(KA_SYS(3, 0, 2, 0, 3)), INDIRECTION },
	{ ONE(KA_SYS(3, 0, 10, 2, 2)), INDIRECTION },
	{ ONE(KA_SYS(3, 0, 10, 2, 3)), INDIRECTION },

	/* ---- values ---- */
	{ ONE(KA_PSCI_VERSION), VALUE(NULL), .values = { 0x10000, 0x10001 },
	  BETWEEN("5.10", "6.1"),
	  .what = "a new VM is shown PSCI 1.1, before 1.0",
	  .safe = "safe to the newer, where the guest keeps 1.0; back only if "
		  "PSCI_VERSION was set to 1.0 before it ran",
	  .source = "hypercalls.c: kvm_arm_set_fw_reg" },
	{ ONE(KA_PSCI_VERSION), VALUE(NULL), BETWEEN("6.12", "6.18"),
	  .what = "a new VM is shown PSCI 1.3, before 1.1, on 5.10 1.0",
	  .safe = "safe to the newer, where the guest keeps its own; back only "
		  "if PSCI_VERSION was set to the older before it ran",
	  .source = "hypercalls.c: kvm_arm_set_fw_reg" },
	{ ONE(DFR0), VALUE("DebugVer"), BETWEEN("6.1", "6.12"),
	  .what = "KVM shows the CPU's debug version up to v8.8 (10); 6.1 no "
		  "newer one than v8.0 (6), 5.10 the CPU's",
	  .safe = "safe from 6.1 to 6.12, which takes the older value; to 6.1 "
		  "only if the guest was pinned to v8.0 (onereg baseline)",
	  .source = "sys_regs.c: read_sanitised_id_aa64dfr0_el1" },
	{ ONE(DFR0), VALUE("PMUVer"), PMU_VERSION },
	{ ONE(DFR0_32), VALUE("PerfMon"), PMU_VERSION },
	{ ONE(DFR0), VALUE("PMUVer"), PMU_NEWER },
	{ ONE(DFR0_32), VALUE("PerfMon"), PMU_NEWER },
	{ ONE(DFR0), VALUE("PMSVer"), BETWEEN("5.10", "6.1"),
	  .what = "statistical profiling, which no guest could use, is no "
		  "longer shown",
	  .safe = "the newer kernel takes no other value, so it is refused",
	  .source = "sys_regs.c: read_sanitised_id_aa64dfr0_el1" },
	{ ONE(PFR0), VALUE("GIC"), BETWEEN("5.10", "6.1"),
	  .what = "what KVM offers is shown, not what the CPU has",
	  .safe = "refused where the CPU's GIC is newer than v3 and the kernel "
		  "does not let the field change",
	  .source = "sys_regs.c: read_sanitised_id_aa64pfr0_el1" },
	{ ONE(PFR0), VALUE("MPAM"), BETWEEN("6.1", "6.18"),
	  .what = "MPAM, which no guest could use, is no longer shown",
	  .safe = "safe both ways for the guest, which could not use it: the "
		  "newer kernel takes the CPU's value and shows 0",
	  .source = "sys_regs.c: set_id_aa64pfr0_el1" },
	{ ONE(KA_SYS(3, 0, 0, 4, 1)), VALUE("MPAM_frac"),
	  BETWEEN("6.1", "6.18"),
	  .what = "MPAM, which no guest could use, is no longer shown",
	  .safe = "safe both ways for the guest, which could not use it",
	  .source = "sys_regs.c: set_id_aa64pfr1_el1" },
	{ ONE(MMFR2), VALUE("NV"), BETWEEN("6.1", "6.18"),
	  .what = "nesting, which no guest could use, is no longer shown here",
	  .safe = "safe both ways for the guest, which could not use it: the "
		  "newer kernel takes the CPU's value and shows 0",
	  .source = "sys_regs.c: set_id_aa64mmfr2_el1" },
	{ ONE(MMFR2), VALUE("CCIDX"), CCIDX },
	{ ONE(MMFR4_32), VALUE("CCIDX"), CCIDX },
	{ ONE(MMFR1), VALUE("HCX"), BETWEEN("6.1", "6.12"),
	  .what = "the CPU's HCX, of use at EL2 only, is shown",
	  .safe = "safe to the newer where its kernel lets the field change; "
		  "back refused: who has no guest at EL2 may tolerate it",
	  .source = "sys_regs.c: ID_AA64MMFR1_EL1" },
	{ ONE(KA_SYS(3, 1, 0, 0, 1)), VALUE(NULL), CACHES },
	{ CLASS_OF(KA_REG_DEMUX), VALUE(NULL), CACHES },
	{ ONE(KA_SYS(3, 3, 9, 12, 0)), VALUE(""), BETWEEN("6.1", "6.12"),
	  .what = "IMP and IDCODE of PMCR_EL0 are 0, which says: see MIDR_EL1",
	  .safe = "safe both ways; N is another matter",
	  .source = "sys_regs.c: reset_pmcr" },
};

const struct known_change *known_at(size_t i)
{
	return i < ARRAY_SIZE(rows) ? &rows[i] : NULL;
}

static bool same_cpu(const struct known_question *q)
{
	uint64_t a = q->sides[0].midr, b = q->sides[1].midr;

	return !a || !b || a == b;
}

static bool answers(const struct known_change *c,
		    const struct known_question *q)
{
	uint32_t needs = catalogue_find(q->id)->features;

	if ((c->kind == KNOWN_VALUE || c->same_cpu) && !same_cpu(q))
		return false;
	if (c->kind != q->kind || (q->id & c->mask) != c->id)
		return false;
	if (c->without && (q->features & c->without ||
			   (!c->mask && !(needs & c->without))))
		return false;
	if (c->field && strcmp(c->field, q->field ? q->field : ""))
		return false;
	return (!c->values[0] && !c->values[1]) ||
	       (c->values[0] == q->a && c->values[1] == q->b) ||
	       (c->values[0] == q->b && c->values[1] == q->a);
}

const struct known_change *known_find(const struct known_question *q)
{
	if (!strcmp(q->sides[0].release, q->sides[1].release))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (answers(&rows[i], q))
			return &rows[i];
	return NULL;
}

const char *known_tell(const struct known_question *q, char buf[KNOWN_TEXT_MAX])
{
	const struct known_change *c = known_find(q);

	if (!c)
		return NULL;
	snprintf(buf, KNOWN_TEXT_MAX, "between Linux %s and %s: %s; %s [%s]",
		 c->until, c->since, c->what, c->safe, c->source);
	return buf;
}
