/* SPDX-License-Identifier: MIT */
/* What a vCPU must have behind it before its registers can be reached. */
#include <errno.h>

#include "validate.h"

#define SVE	(1U << KA_VCPU_SVE)

static int try_list(struct v *v, int fd)
{
	struct ka_reg_list none = { .n = 0 };

	return v_ioctl(v, fd, KA_GET_REG_LIST, &none);
}

static void get_before_init(struct v *v)
{
	v_get(v, v_vcpu(v, v_vm(v), 0), X0, -ENOEXEC);
}

static void set_before_init(struct v *v)
{
	v_set(v, v_vcpu(v, v_vm(v), 0), X0, 0, -ENOEXEC);
}

static void list_before_init(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_is(v, try_list(v, vcpu), -ENOEXEC, "KVM_GET_REG_LIST");
}

static void finalize_before_init(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_is(v, v_try_finalize(v, vcpu), -ENOEXEC, "KVM_ARM_VCPU_FINALIZE");
}

static void run_before_init(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_is(v, v_ioctl(v, vcpu, KA_RUN, NULL), -ENOEXEC, "KVM_RUN");
}

static void list_before_finalize(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_init_is(v, vcpu, PSCI | SVE, 0);
	v_is(v, try_list(v, vcpu), -EPERM, "KVM_GET_REG_LIST");
	v_is(v, v_try_finalize(v, vcpu), 0, "KVM_ARM_VCPU_FINALIZE");
	v_is(v, try_list(v, vcpu), -E2BIG, "KVM_GET_REG_LIST with n = 0");
}

static void run_before_finalize(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_init_is(v, vcpu, PSCI | SVE, 0);
	v_is(v, v_ioctl(v, vcpu, KA_RUN, NULL), -EPERM, "KVM_RUN");
}

static void registers_before_finalize(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_init_is(v, vcpu, PSCI | SVE, 0);
	v_set(v, vcpu, X0, 5, 0);
	v_value(v, vcpu, X0, 5);
}

static void list_without_finalize(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_init_is(v, vcpu, PSCI, 0);
	v_is(v, try_list(v, vcpu), -E2BIG, "KVM_GET_REG_LIST with n = 0");
}

static void finalize_twice(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI | SVE);

	v_is(v, v_try_finalize(v, vcpu), -EPERM,
	     "a second KVM_ARM_VCPU_FINALIZE");
}

static void finalize_without_sve(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_init_is(v, vcpu, PSCI, 0);
	v_is(v, v_try_finalize(v, vcpu), -EINVAL,
	     "KVM_ARM_VCPU_FINALIZE of SVE that it does not have");
}

static void finalize_unknown(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI), what = 31;

	v_is(v, v_ioctl(v, vcpu, KA_ARM_VCPU_FINALIZE, &what), -EINVAL,
	     "KVM_ARM_VCPU_FINALIZE of feature 31");
}

/* ---- KVM_ARM_VCPU_INIT ---- */

static void init_again(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, v->features);

	v_set(v, vcpu, X0, 5, 0);
	v_init_is(v, vcpu, v->features, 0);
	v_value(v, vcpu, X0, 0);
}

static void init_with_other_features(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);

	v_init_is(v, vcpu, 0, -EINVAL);
	v_init_is(v, vcpu, PSCI, 0);
}

static void power_off_is_no_feature(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);
	struct ka_mp_state state = { 0 };

	v_init_is(v, vcpu, PSCI | POWER_OFF, 0);
	v_is(v, v_ioctl(v, vcpu, KA_GET_MP_STATE, &state), 0,
	     "KVM_GET_MP_STATE");
	v_same(v, state.mp_state, KA_MP_STATE_STOPPED, "MP state");
	v_init_is(v, vcpu, PSCI, 0);
}

static void vcpus_have_the_same_features(struct v *v)
{
	struct v_pair p = { .vm = v_vm(v) };

	p.a = v_ready(v, p.vm, 0, PSCI);
	p.b = v_vcpu(v, p.vm, 1);
	v_init_is(v, p.b, 0, -EINVAL);
	v_get(v, p.b, X0, -ENOEXEC);
	v_init_is(v, p.b, PSCI | POWER_OFF, 0);
}

static void init_of_unknown_features(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_init_is(v, vcpu, PSCI | 1U << 31, -ENOENT);
	for (int i = 1; i < 7; i++) {
		struct ka_vcpu_init init = {
			.target = KA_TARGET_GENERIC_V8,
			.features = { PSCI },
		};

		init.features[i] = 1;
		v_is(v, v_ioctl(v, vcpu, KA_ARM_VCPU_INIT, &init), -ENOENT,
		     "KVM_ARM_VCPU_INIT with features[%d] 1", i);
	}
	v_get(v, vcpu, X0, -ENOEXEC);
}

static void init_of_unknown_target(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);
	struct ka_vcpu_init init = { .target = 77, .features = { PSCI } };

	v_is(v, v_ioctl(v, vcpu, KA_ARM_VCPU_INIT, &init), -EINVAL,
	     "KVM_ARM_VCPU_INIT of target 77");
}

static void init_of_half_pauth(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_init_is(v, vcpu, PSCI | 1U << KA_VCPU_PTRAUTH_ADDRESS, -EINVAL);
	v_init_is(v, vcpu, PSCI | 1U << KA_VCPU_PTRAUTH_GENERIC, -EINVAL);
}

static void init_of_absent_features(struct v *v)
{
	static const struct {
		unsigned int bit;
		uint32_t cap;
	} features[] = {
		{ KA_VCPU_EL1_32BIT, KA_CAP_ARM_EL1_32BIT },
		{ KA_VCPU_SVE, KA_CAP_ARM_SVE },
		{ KA_VCPU_PMU_V3, KA_CAP_ARM_PMU_V3 },
	};
	int vcpu = v_vcpu(v, v_vm(v), 0);
	bool tried = false;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (v_cap(v, v->kvm_fd, features[i].cap) > 0)
			continue;
		v_init_is(v, vcpu, PSCI | 1U << features[i].bit, -EINVAL);
		tried = true;
	}
	if (!tried)
		v_skip(v, "this host has every feature of vCPUs");
}

/* ---- vCPUs ---- */

static void vcpu_ids_in_any_order(struct v *v)
{
	int vm = v_vm(v), a = v_ready(v, vm, 5, PSCI),
	    b = v_ready(v, vm, 2, PSCI);
	struct v_list la, lb;

	v_list(v, a, &la);
	v_list(v, b, &lb);
	v_lists_equal(v, &la, "vCPU 5's list", &lb, "vCPU 2's");
	v_value(v, a, KA_MPIDR, 1U << 31 | 5);
	v_value(v, b, KA_MPIDR, 1U << 31 | 2);
}

static void vcpu_without_init_beside_others(struct v *v)
{
	int vm = v_vm(v), a = v_vcpu(v, vm, 0), b = v_ready(v, vm, 1, PSCI);

	v_refuses(v, a, X0, -ENOEXEC);
	v_set(v, b, X0, 5, 0);
	v_value(v, b, X0, 5);
	v_get(v, b, KA_ID_AA64PFR0, 0);
}

static void first_run_leaves_registers(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.a, X0, 0x1234, 0);
	v_first_run(v, p.a);
	v_value(v, p.a, X0, 0x1234);
	v_set(v, p.a, X0, 0x4321, 0);
	v_value(v, p.a, X0, 0x4321);
}

static const struct rule rules[] = {
	RULE(get_before_init, 0,
	     "KVM_GET_ONE_REG before KVM_ARM_VCPU_INIT is -ENOEXEC"),
	RULE(set_before_init, 0,
	     "KVM_SET_ONE_REG before KVM_ARM_VCPU_INIT is -ENOEXEC"),
	RULE(list_before_init, 0,
	     "KVM_GET_REG_LIST before KVM_ARM_VCPU_INIT is -ENOEXEC"),
	RULE(finalize_before_init, 0,
	     "KVM_ARM_VCPU_FINALIZE before KVM_ARM_VCPU_INIT is -ENOEXEC"),
	RULE(run_before_init, 0,
	     "KVM_RUN before KVM_ARM_VCPU_INIT is -ENOEXEC"),
	RULE(list_before_finalize, NEED_SVE,
	     "KVM_GET_REG_LIST before the finalize that SVE needs is -EPERM"),
	RULE(run_before_finalize, NEED_SVE,
	     "KVM_RUN before the finalize that SVE needs is -EPERM"),
	RULE(registers_before_finalize, NEED_SVE,
	     "core registers can be reached before the finalize"),
	RULE(list_without_finalize, 0,
	     "without SVE a vCPU has its list right after the init"),
	RULE(finalize_twice, NEED_SVE, "a second finalize is -EPERM"),
	RULE(finalize_without_sve, 0,
	     "finalizing SVE that the vCPU does not have is -EINVAL"),
	RULE(finalize_unknown, 0,
	     "finalizing an unknown feature is -EINVAL"),
	RULE(init_again, 0,
	     "a second KVM_ARM_VCPU_INIT with equal features is a reset"),
	RULE(init_with_other_features, 0,
	     "a second KVM_ARM_VCPU_INIT with other features is -EINVAL"),
	RULE(power_off_is_no_feature, NEED_BARE_OFF,
	     "POWER_OFF is of one KVM_ARM_VCPU_INIT and no feature"),
	RULE(vcpus_have_the_same_features, NEED_MASKS,
	     "a vCPU of other features than the first is -EINVAL"),
	RULE(init_of_unknown_features, 0,
	     "an unknown feature bit in any word is -ENOENT"),
	RULE(init_of_unknown_target, 0, "an unknown target is -EINVAL"),
	RULE(init_of_half_pauth, NEED_PAUTH,
	     "one kind of pointer authentication without the other is -EINVAL"),
	RULE(init_of_absent_features, 0,
	     "a feature that the host does not have is -EINVAL"),
	RULE(vcpu_ids_in_any_order, 0,
	     "vCPU ids may have gaps and come in any order"),
	RULE(vcpu_without_init_beside_others, 0,
	     "a vCPU that was not initialised does not disturb others"),
	RULE(first_run_leaves_registers, 0,
	     "a KVM_RUN that a signal ends at once changes no register"),
};

CHAPTER(life);
