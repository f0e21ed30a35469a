/* SPDX-License-Identifier: MIT */
/* VM configuration registers. */
#include <errno.h>

#include "scoped.h"

static const uint64_t all[] = { KA_VM_ASYM, KA_VM_FEATURES, KA_VM_CAPS,
				KA_VM_COUNTER_OFFSET };

static int set_offset(struct v *v, int vm, uint64_t offset)
{
	struct ka_counter_offset o = { offset, 0 };

	return v_ioctl(v, vm, KA_ARM_SET_COUNTER_OFFSET, &o);
}

static void zero_by_default(struct v *v)
{
	int vm = v_vm(v);

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		v_value(v, vm, all[i], 0);
}

static void not_on_a_vcpu(struct v *v)
{
	for (uint64_t mode = 0; mode < 3; mode++) {
		int vm = v_vm_scope(v, mode),
		    vcpu = v_ready(v, vm, 0, PSCI);

		for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
			v_refuses(v, vcpu, all[i], -ENOENT);
			v_refuses(v, vcpu, all[i] | KA_REG_SCOPE_VM, -ENOENT);
		}
	}
}

static void zero_is_as_without(struct v *v)
{
	int vm = v_vm(v), vcpu;
	uint64_t before;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		v_set(v, vm, all[i], 0, 0);
	vcpu = v_ready(v, vm, 0, v->features);
	v_value(v, vm, KA_VM_CAPS, 0);
	before = v_read(v, vcpu, KA_STD_BMAP);
	v_value(v, vm, KA_STD_BMAP, before);
	v_set(v, vcpu, KA_TIMER_CNT, FAR, 0);
	v_true(v, v_read(v, vcpu, KA_TIMER_CNT) >= FAR,
	       "a counter offset of 0 that was never used is in use");
}

/* ---- FEATURES ---- */

static void features_decided(struct v *v)
{
	int vm = v_vm(v), vcpu = v_vcpu(v, vm, 0);

	v_value(v, vm, KA_VM_FEATURES, 0);
	v_init(v, vcpu, v->features | POWER_OFF);
	v_value(v, vm, KA_VM_FEATURES, v->features);
}

static void features_demanded(struct v *v)
{
	int vm = v_vm(v), a, b;

	v_set(v, vm, KA_VM_FEATURES, v->features, 0);
	v_value(v, vm, KA_VM_FEATURES, v->features);
	a = v_vcpu(v, vm, 0);
	b = v_vcpu(v, vm, 1);
	v_init_is(v, a, 0, -EINVAL);
	v_get(v, a, X0, -ENOEXEC);
	v_init(v, a, v->features);
	v_init_is(v, b, v->features ^ PSCI, -EINVAL);
	v_init(v, b, v->features | POWER_OFF);
	v_value(v, vm, KA_VM_FEATURES, v->features);
}

static void features_change(struct v *v)
{
	int vm = v_vm(v), vcpu;

	v_set(v, vm, KA_VM_FEATURES, v->features, 0);
	v_set(v, vm, KA_VM_FEATURES, 0, 0);
	v_value(v, vm, KA_VM_FEATURES, 0);
	v_set(v, vm, KA_VM_FEATURES, PSCI, 0);
	vcpu = v_vcpu(v, vm, 0);
	v_set(v, vm, KA_VM_FEATURES, 0, -EBUSY);
	v_set(v, vm, KA_VM_FEATURES, PSCI, 0);
	v_init(v, vcpu, PSCI);
	v_set(v, vm, KA_VM_FEATURES, 0, -EBUSY);
	v_set(v, vm, KA_VM_FEATURES, PSCI, 0);
}

static void features_too_late(struct v *v)
{
	int vm = v_vm(v), vcpu = v_vcpu(v, vm, 0);

	v_set(v, vm, KA_VM_FEATURES, PSCI, -EBUSY);
	v_set(v, vm, KA_VM_FEATURES, 0, 0);
	v_init(v, vcpu, PSCI);
	v_set(v, vm, KA_VM_FEATURES, PSCI, 0);
	v_set(v, vm, KA_VM_FEATURES, 0, -EBUSY);
	v_first_run(v, vcpu);
	v_set(v, vm, KA_VM_FEATURES, PSCI, 0);
}

static void features_refused(struct v *v)
{
	static const struct {
		unsigned int bit;
		uint32_t cap;
	} absent[] = {
		{ KA_VCPU_EL1_32BIT, KA_CAP_ARM_EL1_32BIT },
		{ KA_VCPU_SVE, KA_CAP_ARM_SVE },
		{ KA_VCPU_PMU_V3, KA_CAP_ARM_PMU_V3 },
	};
	int vm = v_vm(v);

	for (unsigned int bit = 10; bit < 64; bit++)
		v_set(v, vm, KA_VM_FEATURES, PSCI | 1ULL << bit, -EINVAL);
	v_set(v, vm, KA_VM_FEATURES, PSCI | POWER_OFF, -EINVAL);
	v_set(v, vm, KA_VM_FEATURES, POWER_OFF, -EINVAL);
	v_set(v, vm, KA_VM_FEATURES, 1U << KA_VCPU_PTRAUTH_ADDRESS, -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		if (v_cap(v, v->kvm_fd, absent[i].cap) <= 0)
			v_set(v, vm, KA_VM_FEATURES, 1U << absent[i].bit,
			      -EINVAL);
	v_value(v, vm, KA_VM_FEATURES, 0);
}

static void features_after_a_failed_init(struct v *v)
{
	int vm = v_vm(v), vcpu = v_vcpu(v, vm, 0);

	v_init_is(v, vcpu, PSCI | 1U << 31, -ENOENT);
	v_value(v, vm, KA_VM_FEATURES, 0);
	v_init(v, vcpu, 0);
	v_value(v, vm, KA_VM_FEATURES, 0);
}

/* ---- CAPS ---- */

static void caps(struct v *v)
{
	static const struct {
		uint32_t cap;
		uint64_t bit;
	} known[] = {
		{ KA_CAP_ARM_NISV_TO_USER, KA_VM_CAPS_NISV_TO_USER },
		{ KA_CAP_ARM_MTE, KA_VM_CAPS_MTE },
		{ KA_CAP_ARM_SYSTEM_SUSPEND, KA_VM_CAPS_SYSTEM_SUSPEND },
	};
	uint64_t on = 0;
	int vm = v_vm(v);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (v_cap(v, v->kvm_fd, known[i].cap) <= 0)
			continue;
		v_cap_is(v, vm, known[i].cap, 0, 0);
		on |= known[i].bit;
		v_value(v, vm, KA_VM_CAPS, on);
	}
	if (v->has & NEED_OFFSET) {
		v_is(v, set_offset(v, vm, 0), 0, "KVM_ARM_SET_COUNTER_OFFSET");
		v_value(v, vm, KA_VM_CAPS, on | KA_VM_CAPS_COUNTER_OFFSET);
	}
}

static void caps_only_compared(struct v *v)
{
	int vm = v_vm(v), vcpu;

	for (unsigned int bit = 0; bit < 64; bit++)
		v_set(v, vm, KA_VM_CAPS, 1ULL << bit, -EINVAL);
	v_cap_is(v, vm, KA_CAP_ARM_NISV_TO_USER, 0, 0);
	vcpu = v_ready(v, vm, 0, PSCI);
	for (int i = 0; i < 2; i++) {
		v_set(v, vm, KA_VM_CAPS, KA_VM_CAPS_NISV_TO_USER, 0);
		v_set(v, vm, KA_VM_CAPS, 0, -EINVAL);
		v_set(v, vm, KA_VM_CAPS, UINT64_MAX, -EINVAL);
		if (!i)
			v_first_run(v, vcpu);
	}
	v_value(v, vm, KA_VM_CAPS, KA_VM_CAPS_NISV_TO_USER);
}

/* ---- COUNTER_OFFSET ---- */

static void offset_reads_back(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_is(v, set_offset(v, p.vm, 0x1234567), 0,
	     "KVM_ARM_SET_COUNTER_OFFSET");
	v_value(v, p.vm, KA_VM_COUNTER_OFFSET, 0x1234567);
}

static void offset_is_that_ioctl(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t a, b;

	v_set(v, p.vm, KA_VM_COUNTER_OFFSET, -FAR, 0);
	v_value(v, p.vm, KA_VM_COUNTER_OFFSET, -FAR);
	v_value(v, p.vm, KA_VM_CAPS, KA_VM_CAPS_COUNTER_OFFSET);
	a = v_read(v, p.a, KA_TIMER_CNT);
	b = v_read(v, p.b, KA_PTIMER_CNT);
	v_true(v, a >= FAR && b >= a && b - a < NEAR,
	       "the counters are %#llx and %#llx", (unsigned long long)a,
	       (unsigned long long)b);
	v_set(v, p.a, KA_TIMER_CNT, 4 * FAR, 0);
	v_true(v, v_read(v, p.a, KA_TIMER_CNT) < 4 * FAR,
	       "TIMER_CNT moved although the VM has a counter offset");
}

static void offset_any_time(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_first_run(v, p.a);
	v_set(v, p.vm, KA_VM_COUNTER_OFFSET, 5, 0);
	v_value(v, p.vm, KA_VM_COUNTER_OFFSET, 5);
	v_set(v, p.vm, KA_VM_COUNTER_OFFSET, 0, 0);
	v_value(v, p.vm, KA_VM_COUNTER_OFFSET, 0);
	/* It stays in use: what 0 offset means is not "never used". */
	v_value(v, p.vm, KA_VM_CAPS, KA_VM_CAPS_COUNTER_OFFSET);
}

static void offset_zero_unused(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.vm, KA_TIMER_CNT, FAR, 0);
	v_set(v, p.vm, KA_VM_COUNTER_OFFSET, 0, 0);
	v_value(v, p.vm, KA_VM_CAPS, 0);
	v_true(v, v_read(v, p.a, KA_TIMER_CNT) >= FAR, "TIMER_CNT moved");
	v_set(v, p.a, KA_TIMER_CNT, 2 * FAR, 0);
	v_true(v, v_read(v, p.a, KA_TIMER_CNT) >= 2 * FAR,
	       "TIMER_CNT is ignored since then");
	v_value(v, p.vm, KA_VM_COUNTER_OFFSET, 0);
}

static const struct rule rules[] = {
	RULE(zero_by_default, NEED_CONFIG,
	     "each VM configuration register is 0 by default"),
	RULE(not_on_a_vcpu, NEED_CONFIG | NEED_TAG,
	     "VM configuration registers are -ENOENT on a vCPU"),
	RULE(zero_is_as_without, NEED_CONFIG, "0 is as without them"),
	RULE(features_decided, NEED_CONFIG,
	     "FEATURES reads as what the first init decided"),
	RULE(features_demanded, NEED_CONFIG,
	     "an init with other than FEATURES is -EINVAL"),
	RULE(features_change, NEED_CONFIG,
	     "FEATURES may change until the first vCPU, then -EBUSY"),
	RULE(features_too_late, NEED_CONFIG,
	     "once a vCPU exists FEATURES takes its own value only"),
	RULE(features_refused, NEED_CONFIG,
	     "FEATURES that no vCPU could have are -EINVAL"),
	RULE(features_after_a_failed_init, NEED_CONFIG,
	     "an init that fails decides nothing"),
	RULE(caps, NEED_CONFIG, "CAPS tells which capabilities are enabled"),
	RULE(caps_only_compared, NEED_CONFIG,
	     "CAPS takes its own value, else -EINVAL"),
	RULE(offset_reads_back, NEED_CONFIG | NEED_OFFSET,
	     "COUNTER_OFFSET is what KVM_ARM_SET_COUNTER_OFFSET set"),
	RULE(offset_is_that_ioctl, NEED_CONFIG | NEED_OFFSET,
	     "a write of COUNTER_OFFSET is KVM_ARM_SET_COUNTER_OFFSET"),
	RULE(offset_any_time, NEED_CONFIG | NEED_OFFSET,
	     "COUNTER_OFFSET may change any time"),
	RULE(offset_zero_unused, NEED_CONFIG | NEED_OFFSET,
	     "COUNTER_OFFSET 0 while none is in use changes nothing"),
};

CHAPTER(config);
