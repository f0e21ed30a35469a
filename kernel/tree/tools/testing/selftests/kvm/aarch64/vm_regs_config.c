// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_regs_config - VM configuration registers
 *
 * One test for each rule and each error of KVM_REG_ARM_VM_* in
 * Documentation/virt/kvm/arm/vm-regs.rst that shows without a guest.
 */
#include "vm_regs.h"

FIXTURE(vm) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[NR_VCPUS];
};

/* No vCPU yet: what to do before is what many tests are about. */
FIXTURE_SETUP(vm)
{
	self->vm = vm_create(NR_VCPUS);
}

FIXTURE_TEARDOWN(vm)
{
	kvm_vm_free(self->vm);
}

static void add_vcpus(struct _test_data_vm *self, u32 features)
{
	for (u32 i = 0; i < NR_VCPUS; i++)
		self->vcpu[i] = add_vcpu(self->vm, i, features, NULL);
}

TEST_F(vm, config_is_zero_by_default)
{
	for (int i = 0; i < ARRAY_SIZE(configs); i++) {
		EXPECT_EQ(0, vm_value(self->vm, configs[i]));
		EXPECT_EQ(0, vm_set(self->vm, configs[i], 0));
	}
	add_vcpus(self, 0);
	for (int i = 0; i < ARRAY_SIZE(configs); i++) {
		EXPECT_EQ(0, vm_value(self->vm, configs[i]));
		EXPECT_EQ(0, vm_set(self->vm, configs[i], 0));
	}
}

TEST_F(vm, config_is_not_on_a_vcpu)
{
	struct ids ids;
	u64 val;

	add_vcpus(self, 0);
	get_ids(self->vcpu[0]->fd, &ids);
	for (int i = 0; i < ARRAY_SIZE(configs); i++) {
		EXPECT_FALSE(has_id(&ids, configs[i]));
		EXPECT_EQ(ENOENT, vcpu_get(self->vcpu[0], configs[i], &val));
		EXPECT_EQ(ENOENT, vcpu_set(self->vcpu[0], configs[i], 0));
	}
}

TEST_F(vm, asym_takes_known_bits_before_the_first_vcpu)
{
	EXPECT_EQ(EINVAL, vm_set(self->vm, KVM_REG_ARM_VM_ASYM, 2));
	EXPECT_EQ(EINVAL, vm_set(self->vm, KVM_REG_ARM_VM_ASYM, ~0ULL));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM,
			    KVM_REG_ARM_VM_ASYM_SMCCC));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM, 0));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM,
			    KVM_REG_ARM_VM_ASYM_SMCCC));
	__vm_vcpu_add(self->vm, 0);
	EXPECT_EQ(EBUSY, vm_set(self->vm, KVM_REG_ARM_VM_ASYM, 0));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM,
			    KVM_REG_ARM_VM_ASYM_SMCCC));
	EXPECT_EQ(KVM_REG_ARM_VM_ASYM_SMCCC,
		  vm_value(self->vm, KVM_REG_ARM_VM_ASYM));
	EXPECT_EQ(EINVAL, vm_set(self->vm, KVM_REG_ARM_VM_ASYM, 2));
}

TEST_F(vm, asym_moves_smccc_to_the_vcpus)
{
	struct ids ids, vcpu_ids;
	u64 val;

	ASSERT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_TAG));
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM,
			    KVM_REG_ARM_VM_ASYM_SMCCC));
	add_vcpus(self, 0);
	get_ids(self->vm->fd, &ids);
	get_ids(self->vcpu[0]->fd, &vcpu_ids);
	for (int i = 0; i < ARRAY_SIZE(smccc); i++) {
		u64 id = smccc[i], all = vcpu_value(self->vcpu[1], id);

		EXPECT_FALSE(has_id(&ids, id));
		EXPECT_EQ(ENOENT, vm_get(self->vm, id, &val));
		EXPECT_EQ(ENOENT, vm_set(self->vm, id, 0));
		EXPECT_TRUE(has_id(&vcpu_ids, id));
		EXPECT_EQ(ENOENT, vcpu_get(self->vcpu[0], id | TAG, &val));
		EXPECT_EQ(EINVAL, vcpu_set(self->vcpu[0], id, BIT(40)));
		EXPECT_NE(0, all);
		EXPECT_EQ(0, vcpu_set(self->vcpu[0], id, 0));
		EXPECT_EQ(0, vcpu_value(self->vcpu[0], id));
		EXPECT_EQ(all, vcpu_value(self->vcpu[1], id));
	}
}

TEST_F(vm, asym_starts_from_what_the_vm_had)
{
	ASSERT_EQ(0, vm_set(self->vm, smccc[0], 0));
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM,
			    KVM_REG_ARM_VM_ASYM_SMCCC));
	add_vcpus(self, 0);
	for (int i = 0; i < NR_VCPUS; i++) {
		EXPECT_EQ(0, vcpu_value(self->vcpu[i], smccc[0]));
		EXPECT_NE(0, vcpu_value(self->vcpu[i], smccc[1]));
	}
}

TEST_F(vm, asym_keeps_smccc_in_what_omit_leaves)
{
	struct ids ids;

	ASSERT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_OMIT));
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM,
			    KVM_REG_ARM_VM_ASYM_SMCCC));
	add_vcpus(self, 0);
	get_ids(self->vcpu[0]->fd, &ids);
	for (u64 i = 0; i < ids.n; i++)
		EXPECT_TRUE(is_smccc(ids.reg[i]) || !is_vm_scoped(ids.reg[i]));
	for (int i = 0; i < ARRAY_SIZE(smccc); i++)
		EXPECT_TRUE(has_id(&ids, smccc[i]));
}

static int init_vcpu(struct kvm_vcpu *vcpu, u32 features)
{
	struct kvm_vcpu_init init;

	vm_ioctl(vcpu->vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= features;
	return __vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) ? errno : 0;
}

TEST_F(vm, features_bind_every_init)
{
	struct kvm_vcpu *vcpu;

	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_FEATURES, FEATURE_PSCI));
	vcpu = __vm_vcpu_add(self->vm, 0);
	EXPECT_EQ(EINVAL, init_vcpu(vcpu, 0));
	EXPECT_EQ(EINVAL, init_vcpu(vcpu, BIT(KVM_ARM_VCPU_EL1_32BIT)));
	EXPECT_EQ(FEATURE_PSCI, vm_value(self->vm, KVM_REG_ARM_VM_FEATURES));
	EXPECT_EQ(0, init_vcpu(vcpu, FEATURE_PSCI));
	vcpu = __vm_vcpu_add(self->vm, 1);
	EXPECT_EQ(EINVAL, init_vcpu(vcpu, 0));
	/* That bit says how one vCPU starts, not what it is. */
	EXPECT_EQ(0, init_vcpu(vcpu, FEATURE_PSCI |
				     BIT(KVM_ARM_VCPU_POWER_OFF)));
	EXPECT_EQ(FEATURE_PSCI, vm_value(self->vm, KVM_REG_ARM_VM_FEATURES));
}

TEST_F(vm, features_read_as_what_the_first_init_decided)
{
	struct kvm_vcpu *vcpu = __vm_vcpu_add(self->vm, 0);

	EXPECT_EQ(0, vm_value(self->vm, KVM_REG_ARM_VM_FEATURES));
	EXPECT_EQ(0, init_vcpu(vcpu, FEATURE_PSCI |
				     BIT(KVM_ARM_VCPU_POWER_OFF)));
	EXPECT_EQ(FEATURE_PSCI, vm_value(self->vm, KVM_REG_ARM_VM_FEATURES));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_FEATURES, FEATURE_PSCI));
	EXPECT_EQ(EBUSY, vm_set(self->vm, KVM_REG_ARM_VM_FEATURES, 0));
}

TEST_F(vm, features_refuse_what_no_vcpu_could_have)
{
	static const u64 bad[] = {
		1ULL << 31, 1ULL << 32, 1ULL << 63, ~0ULL,
		BIT(KVM_ARM_VCPU_POWER_OFF),
		FEATURE_PSCI | BIT(KVM_ARM_VCPU_POWER_OFF),
	};
	const u64 id = KVM_REG_ARM_VM_FEATURES;

	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(EINVAL, vm_set(self->vm, id, bad[i]));
	EXPECT_EQ(0, vm_value(self->vm, id));
	__vm_vcpu_add(self->vm, 0);
	EXPECT_EQ(EBUSY, vm_set(self->vm, id, FEATURE_PSCI));
	EXPECT_EQ(0, vm_set(self->vm, id, 0));
}

TEST_F(vm, caps_tell_what_was_enabled)
{
	struct kvm_arm_counter_offset offset = { .counter_offset = 1 };
	const u64 caps = KVM_REG_ARM_VM_CAPS;
	u64 want = KVM_REG_ARM_VM_CAPS_NISV_TO_USER;

	vm_enable_cap(self->vm, KVM_CAP_ARM_NISV_TO_USER, 0);
	EXPECT_EQ(want, vm_value(self->vm, caps));
	vm_enable_cap(self->vm, KVM_CAP_ARM_SYSTEM_SUSPEND, 0);
	want |= KVM_REG_ARM_VM_CAPS_SYSTEM_SUSPEND;
	EXPECT_EQ(want, vm_value(self->vm, caps));
	if (vm_check_cap(self->vm, KVM_CAP_ARM_MTE)) {
		vm_enable_cap(self->vm, KVM_CAP_ARM_MTE, 0);
		want |= KVM_REG_ARM_VM_CAPS_MTE;
		EXPECT_EQ(want, vm_value(self->vm, caps));
	}
	vm_ioctl(self->vm, KVM_ARM_SET_COUNTER_OFFSET, &offset);
	want |= KVM_REG_ARM_VM_CAPS_COUNTER_OFFSET;
	EXPECT_EQ(want, vm_value(self->vm, caps));

	EXPECT_EQ(0, vm_set(self->vm, caps, want));
	EXPECT_EQ(EINVAL, vm_set(self->vm, caps, 0));
	EXPECT_EQ(EINVAL, vm_set(self->vm, caps, want | BIT(40)));
	EXPECT_EQ(want, vm_value(self->vm, caps));
	add_vcpus(self, 0);
	EXPECT_EQ(0, vm_set(self->vm, caps, want));
	EXPECT_EQ(EINVAL, vm_set(self->vm, caps, 0));
}

int main(int argc, char **argv)
{
	require_vm_regs();
	return test_harness_run(argc, argv);
}
