// SPDX-License-Identifier: MIT
/*
 * Registers whose SET or GET is more than storing a value: ID registers,
 * firmware registers, the PMU's, caches, PSTATE.
 */
#include "private.h"

#define MIDR		KA_SYS(3, 0, 0, 0, 0)
#define REVIDR		KA_SYS(3, 0, 0, 0, 6)
#define AIDR		KA_SYS(3, 1, 0, 0, 7)
#define CTR		KA_SYS(3, 3, 0, 0, 1)
#define CLIDR		KA_SYS(3, 1, 0, 0, 1)
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define OSLSR		KA_SYS(2, 0, 1, 1, 4)
#define PMCR		KA_SYS(3, 3, 9, 12, 0)
#define PMCNTENSET	KA_SYS(3, 3, 9, 12, 1)
#define PMCNTENCLR	KA_SYS(3, 3, 9, 12, 2)
#define PMOVSCLR	KA_SYS(3, 3, 9, 12, 3)
#define PMSWINC		KA_SYS(3, 3, 9, 12, 4)
#define PMOVSSET	KA_SYS(3, 3, 9, 14, 3)
#define PMINTENSET	KA_SYS(3, 0, 9, 14, 1)
#define PMINTENCLR	KA_SYS(3, 0, 9, 14, 2)
#define PMEVCNTR0	KA_SYS(3, 3, 14, 8, 0)
#define PMEVCNTR_MASK	(~0x1fULL)
#define ID_AA64DFR0	KA_SYS(3, 0, 0, 5, 0)
#define ID_DFR0		KA_SYS(3, 0, 0, 1, 2)
#define ID_AA64MMFR0	KA_SYS(3, 0, 0, 7, 0)
#define ID_AA64MMFR1	KA_SYS(3, 0, 0, 7, 1)
#define ID_AA64PFR0	KA_SYS(3, 0, 0, 4, 0)
#define ID_MMFR0	KA_SYS(3, 0, 0, 1, 4)
#define ID_MMFR4	KA_SYS(3, 0, 0, 2, 6)
#define ID_DFR1		KA_SYS(3, 0, 0, 3, 5)
#define CORE_X0		(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)
#define CORE_PSTATE	(CORE_X0 | 0x42)
#define CORE_N_CUT	15
#define PSTATE_AARCH32	0x10
#define OSLSR_OSLK	2ULL
#define CLIDR_RES0	0xffff800000000000ULL
#define PMCR_WRITABLE	0xffULL
#define PMCR_LC		0x40ULL
#define PMCR_N_SHIFT	11
#define PMUVER_V3P5	6

static bool is_sysreg(uint64_t id)
{
	return (id & KA_REG_CLASS_MASK) == KA_REG_SYSREG;
}

static bool is_id_reg(uint64_t id)
{
	uint64_t low = id & 0xffff;

	return is_sysreg(id) &&
	       (id == CTR || (low >= KA_SYS_LOW(3, 0, 0, 1, 0) &&
			      low <= KA_SYS_LOW(3, 0, 0, 7, 7)));
}

/* But ID_AFR0_EL1, ID_DFR1_EL1 and an encoding that nothing has. */
static bool is_aarch32_id_reg(uint64_t id)
{
	return is_id_reg(id) && id != CTR &&
	       (id & 0xffff) <= KA_SYS_LOW(3, 0, 0, 3, 6) &&
	       id != KA_SYS(3, 0, 0, 1, 3) && id != KA_SYS(3, 0, 0, 3, 3) &&
	       id != ID_DFR1;
}

bool reg_is_host_fact(uint64_t id)
{
	return id == MIDR || id == REVIDR || id == AIDR;
}

static bool is_class(uint64_t id, uint64_t cls)
{
	return (id & KA_REG_CLASS_MASK) == cls;
}

bool reg_is_vm_wide(const struct vm *vm, uint64_t id)
{
	if (READ_ONCE(vm->kvm.arch.vm_regs.asym) & KVM_REG_ARM_VM_ASYM_SMCCC &&
	    id >= KVM_REG_ARM_STD_BMAP && id <= KVM_REG_ARM_VENDOR_HYP_BMAP)
		return false;
	return is_id_reg(id) || reg_is_host_fact(id) ||
	       is_class(id, KA_REG_FW) || is_class(id, KA_REG_FW_FEAT_BMAP);
}

uint64_t reg_canonical(uint64_t id)
{
	switch (id) {
	case PMCNTENCLR:
		return PMCNTENSET;
	case PMINTENCLR:
		return PMINTENSET;
	case PMOVSCLR:
		return PMOVSSET;
	}
	return id;
}

uint64_t pmu_counter_mask(const struct vm *vm)
{
	return ((1ULL << READ_ONCE(vm->kvm.arch.pmcr_n)) - 1) | 1ULL << 31;
}

/* ---- ID registers ---- */

static uint64_t writable_mask(const struct vm *vm, uint64_t id)
{
	const struct host_profile *p = vm->profile;
	ptrdiff_t i = vm_find(vm, id);

	if (i < 0 || !vm->m->style.id_regs_writable || !p->has_mask[i])
		return 0;
	return p->writable[i];
}

/* Fields where "fewer features" is not "a smaller number". */
enum field_kind { FIELD_SIGNED, FIELD_HIGHER_SAFE };

static const struct {
	uint64_t id;
	unsigned int lsb;
	enum field_kind kind;
} odd_fields[] = {
	{ ID_AA64PFR0, 16, FIELD_SIGNED },	/* FP */
	{ ID_AA64PFR0, 20, FIELD_SIGNED },	/* AdvSIMD */
	{ ID_AA64DFR0, 36, FIELD_SIGNED },	/* DoubleLock */
	{ ID_AA64MMFR0, 24, FIELD_SIGNED },	/* TGRAN64 */
	{ ID_AA64MMFR0, 28, FIELD_SIGNED },	/* TGRAN4 */
	{ ID_AA64MMFR1, 24, FIELD_HIGHER_SAFE },	/* SpecSEI */
	{ ID_MMFR0, 8, FIELD_SIGNED },		/* OuterShr */
	{ ID_MMFR0, 28, FIELD_SIGNED },		/* InnerShr */
	{ ID_MMFR4, 0, FIELD_HIGHER_SAFE },	/* SpecSEI */
	{ ID_DFR1, 0, FIELD_SIGNED },		/* MTPMU */
};

static bool field_fits(uint64_t id, unsigned int lsb, uint64_t value,
		       uint64_t limit)
{
	for (size_t i = 0; i < ARRAY_SIZE(odd_fields); i++) {
		if (odd_fields[i].id != id || odd_fields[i].lsb != lsb)
			continue;
		if (odd_fields[i].kind == FIELD_HIGHER_SAFE)
			return value >= limit;
		return (int)(value ^ 8) - 8 <= (int)(limit ^ 8) - 8;
	}
	return value <= limit;
}

static int check_features(const struct vm *vm, uint64_t id, uint64_t value)
{
	uint64_t limit = reg_reset_u64(vm, id);
	uint64_t mask = writable_mask(vm, id);

	if ((value ^ limit) & ~mask)
		return -EINVAL;
	for (unsigned int lsb = 0; lsb < 64; lsb += 4)
		if (!field_fits(id, lsb, value >> lsb & 0xf,
				limit >> lsb & 0xf))
			return -EINVAL;
	return 0;
}

/*
 * A debug architecture below ARMv8 and a PMU below v3 are of no CPU that
 * there is. A PMU of another kind was shown by old kernels and means none.
 */
static int check_debug(uint64_t id, uint64_t *value)
{
	unsigned int lsb = id == ID_DFR0 ? 24 : 8;
	uint64_t pmu = *value >> lsb & 0xf;

	if (id != ID_DFR0 && id != ID_AA64DFR0)
		return 0;
	if (pmu == 0xf) {
		*value &= ~(0xfULL << lsb);
		pmu = 0;
	}
	if ((*value & 0xf) < 6 || (id == ID_DFR0 && pmu && pmu < 3))
		return -EINVAL;
	return 0;
}

static int set_id_reg(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct vm *vm = v->vm;
	int ret;

	if (vm->m->style.no_aarch32 && is_aarch32_id_reg(id))
		return 0;
	ret = check_debug(id, &value);
	if (ret)
		return ret;
	mutex_lock(&vm->kvm.arch.config_lock);
	if (vm_ran(vm))
		ret = value == reg_u64(v, id) ? 0 : -EBUSY;
	else
		ret = check_features(vm, id, value);
	if (!ret && !vm_ran(vm))
		reg_put_u64(v, id, value);
	mutex_unlock(&vm->kvm.arch.config_lock);
	return ret;
}

/* ---- firmware registers ---- */

/* The newest version that the kernel has, told by vCPUs with PSCI 0.2. */
static uint64_t psci_latest(const struct onereg_host *host)
{
	uint64_t latest = KVM_ARM_PSCI_0_2;

	for (size_t i = 0; i < host->n_profiles; i++) {
		const struct host_profile *p = &host->profiles[i];
		ptrdiff_t at = regset_find(&p->set, KA_PSCI_VERSION);
		uint64_t has = at < 0 ? 0 : regset_u64(&p->set, p->reset, at);

		latest = has > latest ? has : latest;
	}
	return latest;
}

int kvm_psci_version(struct kvm_vcpu *vcpu)
{
	uint32_t version = READ_ONCE(vcpu->kvm->arch.psci_version);

	if (!vcpu_has_feature(vcpu, KVM_ARM_VCPU_PSCI_0_2))
		return KVM_ARM_PSCI_0_1;
	return version ? version : psci_latest(to_vm(vcpu->kvm)->m->host);
}

static int set_psci(struct vcpu *v, uint64_t value)
{
	bool wants_02 = vcpu_has(v, KA_VCPU_PSCI_0_2);
	uint64_t most = psci_latest(v->vm->m->host);

	if (value != KVM_ARM_PSCI_0_1 && value != KVM_ARM_PSCI_0_2 &&
	    value < KVM_ARM_PSCI_1_0)
		return -EINVAL;
	if (value > most || (value == KVM_ARM_PSCI_0_1) == wants_02)
		return -EINVAL;
	WRITE_ONCE(v->vm->kvm.arch.psci_version, value);
	return 0;
}

static int check_workaround(struct vcpu *v, uint64_t id, uint64_t value)
{
	uint64_t level = reg_reset_u64(v->vm, id) & 0xf;
	uint64_t want = value & 0xf;

	if (id != KA_FW(2))
		return (value & ~0xfULL) || want > level ? -EINVAL : 0;
	/* 0 not available, 1 unknown, 2 available, 3 not required; 0x10 on */
	if ((value & ~0x1fULL) || want > 3 || ((value & 0x10) && want != 2))
		return -EINVAL;
	return want >= 2 && level < 3 ? -EINVAL : 0;
}

static int set_firmware(struct vcpu *v, uint64_t id, uint64_t value)
{
	if (id == KA_PSCI_VERSION)
		return set_psci(v, value);
	return check_workaround(v, id, value);
}

unsigned long *smccc_bitmap(struct kvm_smccc_features *smccc, uint64_t id)
{
	switch (id) {
	case KVM_REG_ARM_STD_BMAP:
		return &smccc->std_bmap;
	case KVM_REG_ARM_STD_HYP_BMAP:
		return &smccc->std_hyp_bmap;
	case KVM_REG_ARM_VENDOR_HYP_BMAP:
		return &smccc->vendor_hyp_bmap;
	}
	return NULL;
}

int kvm_arm_set_fw_reg_bmap(struct kvm *kvm,
			    struct kvm_smccc_features *smccc_feat,
			    u64 reg_id, u64 val)
{
	unsigned long *bmap = smccc_bitmap(smccc_feat, reg_id);
	int ret = 0;

	if (!bmap)
		return -ENOENT;
	if (val & ~host_reset_u64(to_vm(kvm)->m->host, reg_id))
		return -EINVAL;
	mutex_lock(&kvm->arch.config_lock);
	if (vm_ran(to_vm(kvm)) && val != *bmap)
		ret = -EBUSY;
	else
		WRITE_ONCE(*bmap, val);
	mutex_unlock(&kvm->arch.config_lock);
	return ret;
}

/* Of newer kernels than vm_regs.c knows. */
static int set_newer_bitmap(struct vcpu *v, uint64_t id, uint64_t value)
{
	int ret = 0;

	if (value & ~reg_reset_u64(v->vm, id))
		return -EINVAL;
	mutex_lock(&v->vm->kvm.arch.config_lock);
	if (vm_ran(v->vm) && value != reg_u64(v, id))
		ret = -EBUSY;
	else
		reg_put_u64(v, id, value);
	mutex_unlock(&v->vm->kvm.arch.config_lock);
	return ret;
}

static int set_bitmap(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct kvm_smccc_features *smccc = kvm_vcpu_smccc_features(&v->k);

	if (!smccc_bitmap(smccc, id))
		return set_newer_bitmap(v, id, value);
	return kvm_arm_set_fw_reg_bmap(&v->vm->kvm, smccc, id, value);
}

/* ---- PMU ---- */

static int set_pmcr(struct vcpu *v, uint64_t value)
{
	struct vm *vm = v->vm;
	uint64_t n = value >> PMCR_N_SHIFT & 31;

	mutex_lock(&vm->kvm.arch.config_lock);
	if (!vm_ran(vm) && n <= vm->max_pmcr_n)
		WRITE_ONCE(vm->kvm.arch.pmcr_n, n);
	mutex_unlock(&vm->kvm.arch.config_lock);
	value &= PMCR_WRITABLE;
	if (vm->m->style.no_aarch32)
		value |= PMCR_LC;
	reg_put_u64(v, PMCR, value);
	return 0;
}

static int set_pmu_pair(struct vcpu *v, uint64_t id, uint64_t value)
{
	uint64_t old = reg_u64(v, id);

	value &= pmu_counter_mask(v->vm);
	if (!v->vm->m->style.pmu_pairs)
		reg_put_u64(v, id, value);
	else if (reg_canonical(id) == id)
		reg_put_u64(v, id, old | value);
	else
		reg_put_u64(v, id, old & ~value);
	return 0;
}

/* ---- caches, debug, PSTATE ---- */

static unsigned int min_line(const struct vm *vm, uint64_t index)
{
	uint64_t ctr = reg_reset_u64(vm, CTR);

	return (index & 1 ? ctr & 0xf : ctr >> 16 & 0xf) + 2;
}

static int set_ccsidr(struct vcpu *v, uint64_t id, uint64_t value)
{
	if (value >> 32 || (value & 7) + 4 < min_line(v->vm, id & 0xff))
		return -EINVAL;
	reg_put_u64(v, id, value);
	return 0;
}

static int set_clidr(struct vcpu *v, uint64_t value)
{
	bool idc = reg_reset_u64(v->vm, CTR) >> 28 & 1;
	bool claims = !(value >> 24 & 7) ||
		      (!(value >> 21 & 7) && !(value >> 27 & 7));

	if ((value & CLIDR_RES0) || (!idc && claims))
		return -EINVAL;
	reg_put_u64(v, CLIDR, value);
	return 0;
}

static int set_oslsr(struct vcpu *v, uint64_t value)
{
	if ((value ^ reg_reset_u64(v->vm, OSLSR)) & ~OSLSR_OSLK)
		return -EINVAL;
	reg_put_u64(v, OSLSR, value);
	return 0;
}

static int set_pstate(struct vcpu *v, uint64_t value)
{
	switch (value & 0x1f) {
	case 0x10:		/* AArch32 user mode */
		if (v->vm->m->style.no_aarch32)
			return -EINVAL;
		break;
	case 0x0:
	case 0x4:
	case 0x5:
		break;
	default:
		return -EINVAL;
	}
	reg_put_u64(v, CORE_PSTATE, value);
	return 0;
}

static int rule_set_sysreg(struct vcpu *v, uint64_t id, uint64_t value)
{
	switch (id) {
	case MPIDR:
		WRITE_ONCE(v->mpidr, value);
		return 0;
	case CLIDR:
		return set_clidr(v, value);
	case OSLSR:
		return set_oslsr(v, value);
	case PMCR:
		return set_pmcr(v, value);
	case PMSWINC:
		return 0;
	case PMCNTENSET:
	case PMCNTENCLR:
	case PMINTENSET:
	case PMINTENCLR:
	case PMOVSSET:
	case PMOVSCLR:
		return set_pmu_pair(v, id, value);
	}
	if (is_id_reg(id))
		return set_id_reg(v, id, value);
	if (reg_is_host_fact(id))
		return value == reg_reset_u64(v->vm, id) ? 0 : -EINVAL;
	return -ENOTTY;
}

int rule_set(struct vcpu *v, uint64_t id, uint64_t value)
{
	switch (id & KA_REG_CLASS_MASK) {
	case KA_REG_FW:
		return set_firmware(v, id, value);
	case KA_REG_FW_FEAT_BMAP:
		return set_bitmap(v, id, value);
	case KA_REG_DEMUX:
		return set_ccsidr(v, id, value);
	case KA_REG_CORE:
		return id == CORE_PSTATE ? set_pstate(v, value) : -ENOTTY;
	case KA_REG_SYSREG:
		return rule_set_sysreg(v, id, value);
	}
	return -ENOTTY;
}

void rule_core_written(struct vcpu *v)
{
	if (!(reg_u64(v, CORE_PSTATE) & PSTATE_AARCH32))
		return;
	for (unsigned int i = 0; i <= CORE_N_CUT; i++) {
		/* X0 to X14, PC: ids count 32-bit units. */
		uint64_t id = CORE_X0 + (i < CORE_N_CUT ? 2 * i : 64);

		reg_put_u64(v, id, (uint32_t)reg_u64(v, id));
	}
}

static bool get_vm_wide(struct vcpu *v, uint64_t id, uint64_t *ret)
{
	unsigned long *bmap;

	switch (id & KA_REG_CLASS_MASK) {
	case KA_REG_FW:
		*ret = id == KA_PSCI_VERSION ?
			       (uint32_t)kvm_psci_version(&v->k) :
			       vm_wide_u64(v->vm, id);
		return true;
	case KA_REG_FW_FEAT_BMAP:
		bmap = smccc_bitmap(kvm_vcpu_smccc_features(&v->k), id);
		*ret = bmap ? READ_ONCE(*bmap) : vm_wide_u64(v->vm, id);
		return true;
	}
	if (!is_id_reg(id) && !reg_is_host_fact(id))
		return false;
	*ret = vm_wide_u64(v->vm, id);
	return true;
}

static bool is_pmu_pair(uint64_t id)
{
	return reg_canonical(id) != id || id == PMCNTENSET ||
	       id == PMINTENSET || id == PMOVSSET;
}

/* Without PMUv3.5 an event counter has 32 bits. */
static bool is_short_counter(struct vcpu *v, uint64_t id)
{
	return is_sysreg(id) && (id & PMEVCNTR_MASK) == PMEVCNTR0 &&
	       (id & 0x1f) != 31 &&
	       (vm_wide_u64(v->vm, ID_AA64DFR0) >> 8 & 0xf) < PMUVER_V3P5;
}

bool rule_get(struct vcpu *v, uint64_t id, uint64_t *ret)
{
	if (get_vm_wide(v, id, ret))
		return true;
	*ret = id == MPIDR ? READ_ONCE(v->mpidr) : reg_u64(v, id);
	if (id == PMCR)
		*ret = (*ret & ~(31ULL << PMCR_N_SHIFT)) |
		       (uint64_t)READ_ONCE(v->vm->kvm.arch.pmcr_n)
			       << PMCR_N_SHIFT;
	else if (id == PMSWINC)
		*ret = 0;
	else if (is_pmu_pair(id))
		*ret &= pmu_counter_mask(v->vm);
	else if (is_short_counter(v, id))
		*ret &= UINT32_MAX;
	else
		return id == MPIDR;
	return true;
}
