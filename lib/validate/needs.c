/* SPDX-License-Identifier: MIT */
/* What a kernel has, by its own answers, and why a rule must be skipped. */
#include <errno.h>
#include <stdio.h>

#include "sleeper.h"

static const struct {
	uint32_t need;
	const char *reason;
} reasons[] = {
	{ NEED_STOCK, "this kernel has VM-scoped registers" },
	{ NEED_VM_FD, "this kernel has no VM-scoped registers" },
	{ NEED_VECTORS, "this kernel has no vectored register ioctls" },
	{ NEED_CONFIG, "this kernel has no VM configuration registers" },
	{ NEED_ASYM, "this kernel has no asymmetric vCPUs" },
	{ NEED_TAG, "this kernel does not tell the scope in the id" },
	{ NEED_OMIT, "this kernel cannot leave VM-scoped registers out" },
	{ NEED_SVE, "this host has no SVE" },
	{ NEED_PMU, "this host has no PMU for guests" },
	{ NEED_PAUTH, "this host has no pointer authentication" },
	{ NEED_MASKS, "this kernel's ID registers are fixed" },
	{ NEED_FIXED_IDS, "this kernel's ID registers may change" },
	{ NEED_OFFSET, "this kernel has no KVM_ARM_SET_COUNTER_OFFSET" },
	{ NEED_BITMAPS, "this kernel has no SMCCC feature bitmaps" },
	{ NEED_POINTERS, "this is no kernel: a bad pointer would end us" },
	{ NEED_SLEEP, "KVM_RUN does not sleep here" },
	{ NEED_THREADS, "this is no kernel: one thread at a time" },
	{ NEED_SIGNALS, "signals do not reach what is asked here" },
	{ NEED_BARE_OFF, "to this kernel POWER_OFF is a feature as others" },
	{ NEED_PTIMER, "this kernel lists no physical counter" },
	{ NEED_64BIT_ONLY, "guests have AArch32 at EL0 here" },
	{ NEED_ID_CHANGE, "no ID register was found that takes two values" },
};

const char *v_lacks(const struct v *v, uint32_t needs)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (needs & reasons[i].need & ~v->has)
			return reasons[i].reason;
	return NULL;
}

/* ---- by capability ---- */

static uint32_t mask_of(struct v *v, uint32_t cap)
{
	int value = v_cap(v, v->kvm_fd, cap);

	return value > 0 ? (uint32_t)value : 0;
}

static void ask_new(struct v *v)
{
	static const struct {
		uint32_t cap, bit, need;
	} bits[] = {
		{ KA_CAP_VM_ONE_REG, KA_VM_ONE_REG_IOCTLS, NEED_VM_FD },
		{ KA_CAP_VM_ONE_REG, KA_VM_ONE_REG_VECTORS, NEED_VECTORS },
		{ KA_CAP_VM_ONE_REG, KA_VM_ONE_REG_CONFIG, NEED_CONFIG },
		{ KA_CAP_VM_ONE_REG, KA_VM_ONE_REG_ASYM, NEED_ASYM },
		{ KA_CAP_ARM_REG_SCOPE, KA_REG_SCOPE_TAG, NEED_TAG },
		{ KA_CAP_ARM_REG_SCOPE, KA_REG_SCOPE_OMIT, NEED_OMIT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (mask_of(v, bits[i].cap) & bits[i].bit)
			v->has |= bits[i].need;
	if (!mask_of(v, KA_CAP_VM_ONE_REG))
		v->has |= NEED_STOCK;
}

static void ask_old(struct v *v)
{
	v->features = PSCI;
	if (mask_of(v, KA_CAP_ARM_SVE)) {
		v->features |= 1U << KA_VCPU_SVE;
		v->has |= NEED_SVE;
	}
	if (mask_of(v, KA_CAP_ARM_PMU_V3)) {
		v->features |= 1U << KA_VCPU_PMU_V3;
		v->has |= NEED_PMU;
	}
	if (mask_of(v, KA_CAP_ARM_PTRAUTH_ADDRESS) &&
	    mask_of(v, KA_CAP_ARM_PTRAUTH_GENERIC)) {
		v->features |= 1U << KA_VCPU_PTRAUTH_ADDRESS |
			       1U << KA_VCPU_PTRAUTH_GENERIC;
		v->has |= NEED_PAUTH;
	}
	v->has |= mask_of(v, KA_CAP_ARM_SUPPORTED_REG_MASK_RANGES) ?
			  NEED_MASKS :
			  NEED_FIXED_IDS;
	/* All three came with 6.4. */
	if (mask_of(v, KA_CAP_COUNTER_OFFSET))
		v->has |= NEED_OFFSET | NEED_BARE_OFF | NEED_PTIMER;
}

/* ---- by trying ---- */

/* A feature less, in a field of which this kernel lets the value go down. */
static bool lower_a_field(struct v *v, int vcpu, uint64_t id, uint64_t value)
{
	for (unsigned int lsb = 0; lsb < 64; lsb += 4) {
		uint64_t other = value - (1ULL << lsb), got;

		if (!(value >> lsb & 0xf) || (value >> lsb & 0xf) == 0xf ||
		    v_try_set(v, vcpu, id, other) < 0 ||
		    v_try_get(v, vcpu, id, &got) < 0 || got != other)
			continue;
		v->id_reg.id = id;
		v->id_reg.value = value;
		v->id_reg.other = other;
		return true;
	}
	return false;
}

static void find_id_reg(struct v *v, int vcpu)
{
	static const uint64_t ids[] = {
		KA_ID_AA64ISAR0,
		KA_SYS(3, 0, 0, 6, 1),	/* ID_AA64ISAR1_EL1 */
		KA_SYS(3, 0, 0, 7, 0),	/* ID_AA64MMFR0_EL1 */
		KA_SYS(3, 0, 0, 7, 1),	/* ID_AA64MMFR1_EL1 */
		KA_SYS(3, 0, 0, 7, 2),	/* ID_AA64MMFR2_EL1 */
		KA_ID_AA64PFR0,
	};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (v_try_get(v, vcpu, ids[i], &value) >= 0 &&
		    lower_a_field(v, vcpu, ids[i], value)) {
			v->has |= NEED_ID_CHANGE;
			return;
		}
}

static void try_vcpu(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);
	uint64_t value;

	if (v_try_get(v, vcpu, KA_STD_BMAP, &value) >= 0)
		v->has |= NEED_BITMAPS;
	if (v_try_get(v, vcpu, KA_ID_AA64PFR0, &value) >= 0 &&
	    (value & 0xf) == 1)
		v->has |= NEED_64BIT_ONLY;
	find_id_reg(v, vcpu);
	v_close_all(v);
}

/* Whatever goes wrong here only means that it cannot be tested. */
static void try_sleep(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI | POWER_OFF);
	struct sleepers s;

	sleepers_start(v, &s, &vcpu, 1);
	sleepers_stop(v, &s);
	if (!v->failed)
		v->has |= NEED_SLEEP;
	v->failed = false;
	v_close_all(v);
}

int v_ask(struct v *v, struct onereg_report *report)
{
	int ret;

	if (v->like_kernel)
		v->has |= NEED_POINTERS | NEED_THREADS | NEED_SIGNALS;
	ret = vm_is_arm64(v->io, v_vm(v), report);
	v_close_all(v);
	if (ret)
		return ret;
	ask_new(v);
	ask_old(v);
	try_vcpu(v);
	if (v->failed) {
		report_error(report, -EIO, "scratch VM", "/dev/kvm",
			     "a VM with one vCPU cannot be made: %s", v->why);
		return -EIO;
	}
	try_sleep(v);
	return 0;
}
