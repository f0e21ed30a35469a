/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: what is known about each family of registers, with the
 * reason. The plan, the check and the proof follow from these rows; fields of
 * ID registers have theirs in idreg.c, the GIC's registers in gic.c. The first
 * matching row counts.
 *
 * Sources are functions of Linux (arch/arm64/kvm) and the Arm architecture.
 */
#include "internal.h"

#define ALL		UINT64_MAX
#define CLASS_OF(c) \
	(KA_REG_ARM64 | (c)), (KA_REG_ARCH_MASK | KA_REG_CLASS_MASK)
#define EXACT_ID(x)	(x), ALL
/* op0, op1 and CRn equal, CRm in 0..7, any op2 */
#define ID_SPACE(op0, op1, crn)                                  \
	KA_SYS(op0, op1, crn, 0, 0),                             \
		(KA_REG_ARCH_MASK | KA_REG_SIZE_MASK | KA_REG_CLASS_MASK | \
		 KA_SYS_LOW(3, 7, 15, 8, 0))
/* op0, op1, CRn and CRm equal, any op2 */
#define CRM_SPACE(op0, op1, crn, crm)                            \
	KA_SYS(op0, op1, crn, crm, 0), (ALL & ~7ULL)
/* as that, and CRm in crm..crm+3: PMEVCNTR<n>, PMEVTYPER<n> */
#define CRM4_SPACE(op0, op1, crn, crm)                           \
	KA_SYS(op0, op1, crn, crm, 0), (ALL & ~0x1fULL)
/* DBGBVR<n>, DBGBCR<n>, DBGWVR<n>, DBGWCR<n>: n is CRm */
#define DEBUG_SPACE(op2) \
	KA_SYS(2, 0, 0, 0, op2), (ALL & ~KA_SYS_LOW(0, 0, 0, 15, 0))

#define PMU		(1u << KA_VCPU_PMU_V3)
#define SVE		(1u << KA_VCPU_SVE)
#define PTRAUTH \
	(1u << KA_VCPU_PTRAUTH_ADDRESS | 1u << KA_VCPU_PTRAUTH_GENERIC)

#define DFR0		KA_SYS(3, 0, 0, 5, 0)
#define MMFR3		KA_SYS(3, 0, 0, 7, 3)
#define PMCR		KA_SYS(3, 3, 9, 12, 0)
#define CTL_ISTATUS	(1ULL << 2)
#define PMCR_IMP_IDCODE 0xffff0000ULL

#define PMU_PAIR_WHY \
	"Linux 6.7 to 6.12: a SET of the set register ORs, of the clear "  \
	"register clears, and both read the same (set_pmreg, get_pmreg)"

#define PER_VCPU(in_phase)	.scope = ONEREG_SCOPE_VCPU, .phase = (in_phase)
#define VCPU_PLAIN		PER_VCPU(PHASE_VCPU)
#define VM_FEATURE		.scope = ONEREG_SCOPE_VM, .phase = PHASE_VM
#define VM_COUNTER		.scope = ONEREG_SCOPE_VM, .phase = PHASE_COUNTER
#define HOST_FACT		.scope = ONEREG_SCOPE_HOST, .phase = PHASE_HOST
#define AA32_FEATURE                                                       \
	VM_FEATURE, .compare = COMPARE_AA32, .absent = ABSENT_IF_ZERO,     \
	.why = "UNKNOWN on a CPU whose EL0 has no AArch32; newer kernels " \
	       "then show 0 and ignore writes (aa32_id_visibility)"

static const struct reg_count brps = { DFR0, 12, 4, 1 };
static const struct reg_count wrps = { DFR0, 20, 4, 1 };
static const struct reg_count pmu_n = { PMCR, 11, 5, 0 };
#define READ_ONLY	.guest = GUEST_CANNOT
#define WRITES_BELOW(c)	.guest = GUEST_BELOW, .count = &(c)
#define BREAKPOINTS                                                     \
	VCPU_PLAIN, WRITES_BELOW(brps),                                 \
	.why = "above ID_AA64DFR0_EL1.BRPs UNDEFINED to a guest"
#define WATCHPOINTS                                                     \
	VCPU_PLAIN, WRITES_BELOW(wrps),                                 \
	.why = "above ID_AA64DFR0_EL1.WRPs UNDEFINED to a guest"
#define PMU_COUNTER                                                     \
	VCPU_PLAIN, .features = PMU, WRITES_BELOW(pmu_n),               \
	.why = "from PMCR_EL0.N on UNDEFINED to a guest "               \
	       "(pmu_counter_idx_valid)"
#define AARCH32_EL1                                                     \
	VCPU_PLAIN, READ_ONLY,                                          \
	.why = "of a guest that is AArch32 at EL1; such are not carried"

static const struct family families[] = {
	/* ---- SVE ---- */
	{ "SVE vector lengths", EXACT_ID(KA_SVE_VLS), PER_VCPU(PHASE_VLS),
	  .features = SVE, READ_ONLY, .settled = true,
	  .why = "writable only between init and finalize, EPERM after "
		 "(set_sve_vls)" },
	{ "SVE registers", CLASS_OF(KA_REG_SVE), VCPU_PLAIN, .features = SVE,
	  .why = "visible once finalized; the V registers are their low "
		 "halves" },

	/* ---- what the VM was made with ---- */
	{ "VM configuration", CLASS_OF(KA_REG_VM), VM_FEATURE,
	  .write = WRITE_NEVER,
	  .why = "fixed before the first vCPU exists, and on the VM fd only "
		 "(config.c)" },

	/* ---- firmware ---- */
	{ "PSCI version", EXACT_ID(KA_PSCI_VERSION), VM_FEATURE,
	  .why = "kvm->arch.psci_version: one per VM, written without a lock" },
	{ "SMCCC workarounds", CLASS_OF(KA_REG_FW), HOST_FACT,
	  .write = WRITE_CHECK, .compare = COMPARE_HOST,
	  .absent = ABSENT_CARE,
	  .why = "stored nowhere: the value is the host's, a SET only checks "
		 "that the host is not weaker (kvm_arm_set_fw_reg)" },
	{ "SMCCC feature bitmaps", CLASS_OF(KA_REG_FW_FEAT_BMAP), VM_FEATURE,
	  .absent = ABSENT_IF_ZERO,
	  .why = "kvm->arch.smccc_feat: 0 is what a kernel without the bitmap "
		 "offers, every bit is a hypercall the guest was shown" },

	/* ---- identification ---- */
	{ "CPU identity", EXACT_ID(KA_SYS(3, 0, 0, 0, 0)), HOST_FACT,
	  .why = "MIDR_EL1 is the host's; since Linux 6.15 a VM may opt in to "
		 "a value of its own" },
	{ "vCPU affinity", EXACT_ID(KA_SYS(3, 0, 0, 0, 5)), VCPU_PLAIN,
	  READ_ONLY, .settled = true,
	  .why = "MPIDR_EL1 is per vCPU and addresses its redistributor" },
	{ "CPU identity", EXACT_ID(KA_SYS(3, 0, 0, 0, 6)), HOST_FACT,
	  .why = "REVIDR_EL1 is the host's" },
	{ "CPU identity", EXACT_ID(KA_SYS(3, 1, 0, 0, 7)), HOST_FACT,
	  .why = "AIDR_EL1 is the host's" },
	{ "AArch32 ID registers", CRM_SPACE(3, 0, 0, 1), AA32_FEATURE },
	{ "AArch32 ID registers", CRM_SPACE(3, 0, 0, 2), AA32_FEATURE },
	{ "AArch32 ID registers", CRM_SPACE(3, 0, 0, 3), AA32_FEATURE },
	{ "feature ID registers", ID_SPACE(3, 0, 0), VM_FEATURE,
	  .compare = COMPARE_FIELDS, .absent = ABSENT_IF_ZERO,
	  .why = "kvm->arch.id_regs: one per VM, until the first vCPU ran; 0 "
		 "is what an older kernel shows for one it does not know" },
	{ "cache type", EXACT_ID(KA_SYS(3, 3, 0, 0, 1)), VM_FEATURE,
	  .why = "kvm->arch.ctr_el0: one per VM since Linux 6.11, the host's "
		 "before" },
	{ "cache levels", EXACT_ID(KA_SYS(3, 1, 0, 0, 1)), VCPU_PLAIN,
	  READ_ONLY,
	  .why = "CLIDR_EL1 is per vCPU; newer kernels make up a hierarchy" },
	{ "cache geometry", CLASS_OF(KA_REG_DEMUX), VCPU_PLAIN,
	  .absent = ABSENT_SAFE, READ_ONLY,
	  .why = "CCSIDR_EL1 of levels that the older kernel does not list is "
		 "made up by the newer one; maintenance by set/way, its only "
		 "use, is trapped" },

	/* ---- timers: ids are in KVM's exchanged encoding ---- */
	{ "virtual counter", EXACT_ID(KA_TIMER_CNT), VM_COUNTER,
	  .compare = COMPARE_COUNTER,
	  .why = "an offset that all vCPUs share; the value is relative to "
		 "now, the last writer wins; ignored in counter-offset mode" },
	{ "physical counter", EXACT_ID(KA_PTIMER_CNT), VM_COUNTER,
	  .compare = COMPARE_COUNTER, .absent = ABSENT_CARE,
	  .why = "a kernel before 6.4 has no offset for the physical counter: "
		 "a guest that reads CNTPCT_EL0 sees it jump" },
	{ "virtual timer control", EXACT_ID(KA_TIMER_CTL),
	  PER_VCPU(PHASE_TIMER),
	  .compare = COMPARE_MASK, .noise = CTL_ISTATUS,
	  .why = "ISTATUS is computed when read" },
	{ "virtual timer", EXACT_ID(KA_TIMER_CVAL), PER_VCPU(PHASE_TIMER),
	  .why = "a deadline on the counter, which is written first" },
	{ "physical timer control", EXACT_ID(KA_PTIMER_CTL),
	  PER_VCPU(PHASE_TIMER),
	  .compare = COMPARE_MASK, .noise = CTL_ISTATUS,
	  .absent = ABSENT_IF_ZERO, .absent_bits = 1,
	  .why = "a kernel before 6.4 cannot be given the physical timer: an "
		 "enabled one would be lost" },
	{ "physical timer", EXACT_ID(KA_PTIMER_CVAL), PER_VCPU(PHASE_TIMER),
	  .absent = ABSENT_SAFE,
	  .why = "means something only while the physical timer is enabled, "
		 "which its control register tells" },

	/* ---- PMU ---- */
	{ "PMU counter enables", EXACT_ID(KA_SYS(3, 3, 9, 12, 1)), VCPU_PLAIN,
	  .write = WRITE_CLR_SET, .twin = KA_SYS_LOW(3, 3, 9, 12, 2),
	  .features = PMU, .why = PMU_PAIR_WHY },
	{ "PMU overflows", EXACT_ID(KA_SYS(3, 3, 9, 14, 3)), VCPU_PLAIN,
	  .write = WRITE_CLR_SET, .twin = KA_SYS_LOW(3, 3, 9, 12, 3),
	  .features = PMU, .why = PMU_PAIR_WHY },
	{ "PMU interrupt enables", EXACT_ID(KA_SYS(3, 0, 9, 14, 1)), VCPU_PLAIN,
	  .write = WRITE_CLR_SET, .twin = KA_SYS_LOW(3, 0, 9, 14, 2),
	  .features = PMU, .why = PMU_PAIR_WHY },
	{ "PMU counter enables", EXACT_ID(KA_SYS(3, 3, 9, 12, 2)), VCPU_PLAIN,
	  .write = WRITE_NEVER, .features = PMU, .why = PMU_PAIR_WHY },
	{ "PMU overflows", EXACT_ID(KA_SYS(3, 3, 9, 12, 3)), VCPU_PLAIN,
	  .write = WRITE_NEVER, .features = PMU, .why = PMU_PAIR_WHY },
	{ "PMU interrupt enables", EXACT_ID(KA_SYS(3, 0, 9, 14, 2)), VCPU_PLAIN,
	  .write = WRITE_NEVER, .features = PMU, .why = PMU_PAIR_WHY },
	{ "PMU control", EXACT_ID(PMCR), VCPU_PLAIN,
	  .compare = COMPARE_MASK, .noise = PMCR_IMP_IDCODE, .features = PMU,
	  .why = "N is VM-wide and may change until the first run; newer "
		 "kernels show IMP and IDCODE as 0 (see MIDR_EL1)" },
	{ "PMU", CRM_SPACE(3, 3, 9, 12), VCPU_PLAIN, .features = PMU },
	{ "PMU", CRM_SPACE(3, 3, 9, 13), VCPU_PLAIN, .features = PMU },
	{ "PMU", CRM_SPACE(3, 3, 9, 14), VCPU_PLAIN, .features = PMU },
	{ "PMU", CRM_SPACE(3, 0, 9, 14), VCPU_PLAIN, .features = PMU },
	{ "PMU event counters", CRM4_SPACE(3, 3, 14, 8), PMU_COUNTER },
	/* PMCCFILTR_EL0, at number 31 of the next. */
	{ "PMU cycle filter", EXACT_ID(KA_SYS(3, 3, 14, 15, 7)), VCPU_PLAIN,
	  .features = PMU },
	{ "PMU event types", CRM4_SPACE(3, 3, 14, 12), PMU_COUNTER },

	/* ---- pointer authentication keys ---- */
	{ "pointer authentication", CRM_SPACE(3, 0, 2, 1), VCPU_PLAIN,
	  .features = PTRAUTH },
	{ "pointer authentication", CRM_SPACE(3, 0, 2, 2), VCPU_PLAIN,
	  .features = PTRAUTH },
	{ "pointer authentication", CRM_SPACE(3, 0, 2, 3), VCPU_PLAIN,
	  .features = PTRAUTH },

	/* ---- everything else ---- */
	{ "PSTATE", EXACT_ID(KA_PSTATE), VCPU_PLAIN, .write = WRITE_FIRST,
	  .why = "while it says AArch32, every write to a core register cuts "
		 "PC and X0 to X14 to 32 bits (set_core_reg); a new vCPU's "
		 "does not" },
	{ "core registers", CLASS_OF(KA_REG_CORE), VCPU_PLAIN },
	{ "OS lock", EXACT_ID(KA_SYS(2, 0, 1, 1, 4)), VCPU_PLAIN,
	  .absent = ABSENT_IF_ZERO, .absent_bits = 1ULL << 1,
	  .why = "a kernel before 5.18 does not keep the OS lock; only OSLK "
		 "may be written" },
	{ "extended translation control", EXACT_ID(KA_SYS(3, 0, 2, 0, 3)),
	  VCPU_PLAIN, .absent = ABSENT_UNUSED, .gate = MMFR3, .gate_lsb = 0,
	  .why = "TCR2_EL1 is used only by a guest that was shown "
		 "ID_AA64MMFR3_EL1.TCRX" },
	{ "permission indirection", EXACT_ID(KA_SYS(3, 0, 10, 2, 2)),
	  VCPU_PLAIN, .absent = ABSENT_UNUSED, .gate = MMFR3, .gate_lsb = 8,
	  .why = "PIRE0_EL1 is used only by a guest that was shown "
		 "ID_AA64MMFR3_EL1.S1PIE" },
	{ "permission indirection", EXACT_ID(KA_SYS(3, 0, 10, 2, 3)),
	  VCPU_PLAIN, .absent = ABSENT_UNUSED, .gate = MMFR3, .gate_lsb = 8,
	  .why = "PIR_EL1 is used only by a guest that was shown "
		 "ID_AA64MMFR3_EL1.S1PIE" },
	{ "permission overlay", EXACT_ID(KA_SYS(3, 0, 10, 2, 4)),
	  VCPU_PLAIN, .absent = ABSENT_UNUSED, .gate = MMFR3, .gate_lsb = 16,
	  .why = "POR_EL1 is used only by a guest that was shown "
		 "ID_AA64MMFR3_EL1.S1POE" },
	{ "permission overlay", EXACT_ID(KA_SYS(3, 3, 10, 2, 4)),
	  VCPU_PLAIN, .absent = ABSENT_UNUSED, .gate = MMFR3, .gate_lsb = 16,
	  .why = "POR_EL0 is used only by a guest that was shown "
		 "ID_AA64MMFR3_EL1.S1POE" },
	{ "breakpoint values", DEBUG_SPACE(4), BREAKPOINTS },
	{ "breakpoint controls", DEBUG_SPACE(5), BREAKPOINTS },
	{ "watchpoint values", DEBUG_SPACE(6), WATCHPOINTS },
	{ "watchpoint controls", DEBUG_SPACE(7), WATCHPOINTS },
	{ "DBGVCR32_EL2", EXACT_ID(KA_SYS(2, 4, 0, 7, 0)), AARCH32_EL1 },
	{ "DACR32_EL2", EXACT_ID(KA_SYS(3, 4, 3, 0, 0)), AARCH32_EL1 },
	{ "IFSR32_EL2", EXACT_ID(KA_SYS(3, 4, 5, 0, 1)), AARCH32_EL1 },
	{ "FPEXC32_EL2", EXACT_ID(KA_SYS(3, 4, 5, 3, 0)), AARCH32_EL1 },
	{ "system registers", CLASS_OF(KA_REG_SYSREG), VCPU_PLAIN },
	{ "registers of an unknown class", 0, 0, VCPU_PLAIN },
};

const struct family *catalogue_find(uint64_t id)
{
	const struct family *f = families;

	while ((id & f->mask) != f->id)
		f++;
	return f;
}

static bool is_zero(const void *value, size_t size, uint64_t bits)
{
	const uint8_t *v = value;

	for (size_t i = 0; i < size; i++)
		if (v[i] & (bits && i < 8 ? bits >> (8 * i) & 0xff : 0xff))
			return false;
	return true;
}

/* Was the guest shown the feature? An image without the register: yes. */
static bool is_shown(const struct family *f, const struct onereg_image *image)
{
	ptrdiff_t i = regset_find(&image->vm_set, f->gate);

	return i < 0 || (regset_u64(&image->vm_set, image->vm_row, (size_t)i) >>
				 f->gate_lsb &
			 0xf);
}

enum onereg_severity family_absent(const struct family *f,
				   const struct onereg_image *image,
				   const void *value, size_t size)
{
	/* A view of another; or of a PMU that 5.10 lists and is not. */
	if (f->write == WRITE_NEVER ||
	    (f->features && !(f->features & image->features[0])))
		return ONEREG_NOTE;
	switch (f->absent) {
	case ABSENT_SAFE:
		return ONEREG_NOTE;
	case ABSENT_CARE:
		return ONEREG_CARE;
	case ABSENT_IF_ZERO:
		if (is_zero(value, size, f->absent_bits))
			return ONEREG_NOTE;
		break;
	case ABSENT_UNUSED:
		if (!is_shown(f, image))
			return ONEREG_NOTE;
		break;
	case ABSENT_LOSS:
		break;
	}
	return ONEREG_IMPOSSIBLE;
}

enum onereg_scope host_scope(const struct onereg_host *host, uint64_t id)
{
	enum onereg_scope scope = ONEREG_SCOPE_UNKNOWN;

	if (!host)
		return scope;
	/* The last profile is the largest: it lists whatever the host has. */
	for (size_t p = host->n_profiles; p-- > 0 && !scope;) {
		const struct host_profile *profile = &host->profiles[p];
		ptrdiff_t i = regset_find(&profile->set, id);

		if (i >= 0 && (host->probed ||
			       scope_source(profile, (size_t)i) &
				       ONEREG_SCOPE_TOLD))
			scope = profile->scope[i];
	}
	return scope;
}

enum onereg_scope onereg_reg_scope(uint64_t id)
{
	return catalogue_find(id)->scope;
}

const char *onereg_scope_source_name(unsigned int source)
{
	static const char *const names[] = { "neither", "observed", "told",
					     "told and observed" };

	return names[source % ARRAY_SIZE(names)];
}

static const char *const scope_names[] = {
	[ONEREG_SCOPE_UNKNOWN] = "unknown",
	[ONEREG_SCOPE_VCPU] = "vcpu",
	[ONEREG_SCOPE_VM] = "vm",
	[ONEREG_SCOPE_HOST] = "host",
};

const char *onereg_scope_name(enum onereg_scope scope)
{
	return (size_t)scope < ARRAY_SIZE(scope_names) ? scope_names[scope] :
							  "unknown";
}
