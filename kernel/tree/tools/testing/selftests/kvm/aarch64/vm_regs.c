// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_regs - VM-scoped registers as userspace meets them
 *
 * One test for each rule and each error of
 * Documentation/virt/kvm/arm/vm-regs.rst that shows without a guest:
 * capabilities, scope in the id, register ioctls on the VM fd. VM configuration
 * registers are in vm_regs_config.c, vectors in vm_regs_vec.c, and what needs
 * a guest in vm_regs_guest.c.
 */
#include "vm_regs.h"

#define ALL_ONE_REG	(KVM_VM_ONE_REG_IOCTLS | KVM_VM_ONE_REG_VECTORS | \
			 KVM_VM_ONE_REG_CONFIG | KVM_VM_ONE_REG_ASYM)
#define ALL_MODES	(KVM_ARM_REG_SCOPE_TAG | KVM_ARM_REG_SCOPE_OMIT)

/* Each exists once per vCPU, or nowhere at all. */
static const u64 not_vm_scoped[] = {
	REG_X(0),
	REG_PC,
	REG_MPIDR,
	KVM_REG_ARM_TIMER_CVAL,
	KVM_REG_ARM_TIMER_CTL,
	KVM_ARM64_SYS_REG(SYS_TCR_EL1),
	KVM_ARM64_SYS_REG(SYS_CLIDR_EL1),
	KVM_REG_ARM_FW_REG(0x1000),
	KVM_REG_ARM_FW_FEAT_BMAP_REG(0x1000),
	KVM_REG_ARM_VM_REG(4),
	KVM_REG_ARM64 | ~KVM_REG_ARCH_MASK,
};

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

/* A value of ID_AA64ISAR0_EL1 that offers less. */
static u64 less_isar0(u64 val)
{
	for (int shift = 4; shift < 64; shift += 4)
		if (val & (0xfULL << shift))
			return val & ~(0xfULL << shift);
	TEST_FAIL("ID_AA64ISAR0_EL1 0x%lx offers nothing", val);
}

/* Capabilities */

TEST_F(vm, check_extension)
{
	EXPECT_EQ(ALL_ONE_REG, kvm_check_cap(KVM_CAP_VM_ONE_REG));
	EXPECT_EQ(ALL_ONE_REG, vm_check_cap(self->vm, KVM_CAP_VM_ONE_REG));
	EXPECT_EQ(ALL_MODES, kvm_check_cap(KVM_CAP_ARM_REG_SCOPE));
	EXPECT_EQ(ALL_MODES, vm_check_cap(self->vm, KVM_CAP_ARM_REG_SCOPE));
}

TEST_F(vm, enable_cap_takes_a_mode)
{
	EXPECT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_TAG));
	EXPECT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_OMIT));
	EXPECT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_OFF));
}

TEST_F(vm, enable_cap_refuses_unknown_modes)
{
	EXPECT_EQ(EINVAL, set_mode(self->vm, 3));
	EXPECT_EQ(EINVAL, set_mode(self->vm, 4));
	EXPECT_EQ(EINVAL, set_mode(self->vm, 1ULL << 32));
	EXPECT_EQ(EINVAL, set_mode(self->vm, ~0ULL));
}

TEST_F(vm, enable_cap_wants_the_rest_to_be_zero)
{
	u64 args[4] = { KVM_ARM_REG_SCOPE_TAG };

	for (int i = 1; i < 4; i++) {
		args[i] = 1;
		EXPECT_EQ(EINVAL, enable_scope(self->vm, 0, args));
		args[i] = 0;
	}
	EXPECT_EQ(EINVAL, enable_scope(self->vm, 1, args));
}

TEST_F(vm, enable_cap_is_late_once_a_vcpu_exists)
{
	__vm_vcpu_add(self->vm, 0);
	EXPECT_EQ(EBUSY, set_mode(self->vm, KVM_ARM_REG_SCOPE_TAG));
	EXPECT_EQ(EBUSY, set_mode(self->vm, KVM_ARM_REG_SCOPE_OFF));
	EXPECT_EQ(EINVAL, set_mode(self->vm, 3));
}

TEST_F(vm, vm_one_reg_needs_no_enabling)
{
	EXPECT_EQ(-1, __vm_enable_cap(self->vm, KVM_CAP_VM_ONE_REG, 0));
	EXPECT_EQ(EINVAL, errno);
}

/* Scope in the id */

TEST_F(vm, off_knows_no_tag)
{
	struct ids ids;
	u64 val;

	add_vcpus(self, 0);
	get_ids(self->vcpu[0]->fd, &ids);
	for (u64 i = 0; i < ids.n; i++)
		EXPECT_EQ(0, ids.reg[i] & TAG);
	val = vcpu_value(self->vcpu[0], REG_ISAR0);
	EXPECT_EQ(ENOENT, vcpu_get(self->vcpu[0], REG_ISAR0 | TAG, &val));
	EXPECT_EQ(ENOENT, vcpu_set(self->vcpu[0], REG_ISAR0 | TAG, val));
	EXPECT_EQ(ENOENT, vm_get(self->vm, REG_ISAR0 | TAG, &val));
	EXPECT_EQ(ENOENT, vm_set(self->vm, REG_ISAR0 | TAG, val));
}

/* The list of vCPU 0 of another VM, one without a mode. */
static void plain_ids(struct ids *ids)
{
	struct kvm_vm *vm = vm_create(1);

	get_ids(add_vcpu(vm, 0, 0, NULL)->fd, ids);
	kvm_vm_free(vm);
}

TEST_F(vm, tag_marks_what_is_vm_scoped)
{
	struct ids plain, ids;

	ASSERT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_TAG));
	add_vcpus(self, 0);
	plain_ids(&plain);
	get_ids(self->vcpu[1]->fd, &ids);
	ASSERT_EQ(plain.n, ids.n);
	for (u64 i = 0; i < ids.n; i++) {
		u64 tag = is_vm_scoped(plain.reg[i]) ? TAG : 0;

		EXPECT_EQ(plain.reg[i] | tag, ids.reg[i]);
	}
	get_ids(self->vm->fd, &ids);
	for (u64 i = 0; i < ids.n; i++)
		EXPECT_EQ(0, ids.reg[i] & TAG);
}

TEST_F(vm, tag_is_taken_with_and_without)
{
	u64 val, less, got;

	ASSERT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_TAG));
	add_vcpus(self, 0);
	val = vcpu_value(self->vcpu[0], REG_ISAR0);
	less = less_isar0(val);
	EXPECT_EQ(val, vcpu_value(self->vcpu[0], REG_ISAR0 | TAG));
	EXPECT_EQ(val, vm_value(self->vm, REG_ISAR0 | TAG));
	EXPECT_EQ(0, vcpu_set(self->vcpu[0], REG_ISAR0 | TAG, less));
	EXPECT_EQ(less, vcpu_value(self->vcpu[1], REG_ISAR0));
	EXPECT_EQ(0, vm_set(self->vm, REG_ISAR0 | TAG, val));
	EXPECT_EQ(val, vm_value(self->vm, REG_ISAR0));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM | TAG, 0));
	EXPECT_EQ(0, vm_get(self->vm, KVM_REG_ARM_VM_ASYM | TAG, &got));
	EXPECT_EQ(ENOENT,
		  vcpu_get(self->vcpu[0], KVM_REG_ARM_VM_ASYM | TAG, &got));
}

TEST_F(vm, tag_on_another_scope_is_refused)
{
	u64 val = 0;

	ASSERT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_TAG));
	add_vcpus(self, 0);
	for (int i = 0; i < ARRAY_SIZE(not_vm_scoped); i++) {
		u64 id = not_vm_scoped[i] | TAG;

		EXPECT_EQ(ENOENT, vcpu_get(self->vcpu[0], id, &val));
		EXPECT_EQ(ENOENT, vcpu_set(self->vcpu[0], id, 0));
		EXPECT_EQ(ENOENT, vm_get(self->vm, id, &val));
		EXPECT_EQ(ENOENT, vm_set(self->vm, id, 0));
	}
}

TEST_F(vm, omit_leaves_out_what_is_vm_scoped)
{
	struct ids plain, ids;
	u64 n = 0;

	ASSERT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_OMIT));
	add_vcpus(self, 0);
	plain_ids(&plain);
	get_ids(self->vcpu[1]->fd, &ids);
	for (u64 i = 0; i < plain.n; i++)
		if (!is_vm_scoped(plain.reg[i]))
			plain.reg[n++] = plain.reg[i];
	ASSERT_EQ(n, ids.n);
	EXPECT_EQ(0, memcmp(plain.reg, ids.reg, n * sizeof(ids.reg[0])));

	/* What does not fit is said with the right number, too. */
	ids.n = n - 1;
	EXPECT_EQ(-1, ioctl(self->vcpu[1]->fd, KVM_GET_REG_LIST, &ids));
	EXPECT_EQ(E2BIG, errno);
	EXPECT_EQ(n, ids.n);
}

TEST_F(vm, omit_writes_no_further_than_its_list)
{
	struct ids ids;
	u64 n;

	ASSERT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_OMIT));
	add_vcpus(self, 0);
	get_ids(self->vcpu[0]->fd, &ids);
	n = ids.n;
	memset(ids.reg, 0xff, sizeof(ids.reg));
	vcpu_ioctl(self->vcpu[0], KVM_GET_REG_LIST, (struct kvm_reg_list *)&ids);
	for (u64 i = n; i < MAX_REGS; i++)
		ASSERT_EQ(~0ULL, ids.reg[i]);
}

TEST_F(vm, omit_reaches_the_plain_id)
{
	u64 val, less;

	ASSERT_EQ(0, set_mode(self->vm, KVM_ARM_REG_SCOPE_OMIT));
	add_vcpus(self, 0);
	val = vcpu_value(self->vcpu[0], REG_ISAR0);
	less = less_isar0(val);
	EXPECT_EQ(0, vcpu_set(self->vcpu[0], REG_ISAR0, less));
	EXPECT_EQ(less, vm_value(self->vm, REG_ISAR0));
	EXPECT_EQ(ENOENT, vcpu_get(self->vcpu[0], REG_ISAR0 | TAG, &val));
	EXPECT_EQ(ENOENT, vm_get(self->vm, REG_ISAR0 | TAG, &val));
}

/* The list of the VM */

TEST_F(vm, list_before_init)
{
	struct ids ids;
	u64 val;

	__vm_vcpu_add(self->vm, 0);
	get_ids(self->vm->fd, &ids);
	for (int i = 0; i < ARRAY_SIZE(configs); i++)
		EXPECT_TRUE(has_id(&ids, configs[i]));
	for (u64 i = 0; i < ids.n; i++) {
		EXPECT_TRUE(is_config(ids.reg[i]) || is_vm_scoped(ids.reg[i]));
		EXPECT_EQ(0, vm_get(self->vm, ids.reg[i], &val));
	}
	/* What depends on vCPU features is not there yet. */
	EXPECT_FALSE(has_id(&ids, REG_ISAR0));
	EXPECT_EQ(ENOENT, vm_get(self->vm, REG_ISAR0, &val));
	EXPECT_EQ(ENOENT, vm_set(self->vm, REG_ISAR0, 0));
	EXPECT_EQ(ENOENT, vm_get(self->vm, REG_CTR, &val));
	EXPECT_EQ(ENOENT, vm_get(self->vm, KVM_REG_ARM_PSCI_VERSION, &val));
	EXPECT_EQ(ENOENT, vm_set(self->vm, KVM_REG_ARM_PSCI_VERSION, 1));
}

TEST_F(vm, list_after_init)
{
	struct ids ids, vcpu_ids;
	u64 n = ARRAY_SIZE(configs);

	/* Those of the VM are there as soon as one vCPU is. */
	add_vcpu(self->vm, 0, 0, NULL);
	get_ids(self->vm->fd, &ids);
	plain_ids(&vcpu_ids);
	for (u64 i = 0; i < vcpu_ids.n; i++) {
		if (!is_vm_scoped(vcpu_ids.reg[i]))
			continue;
		EXPECT_TRUE(has_id(&ids, vcpu_ids.reg[i]));
		n++;
	}
	EXPECT_EQ(n, ids.n);
	for (int i = 0; i < ARRAY_SIZE(configs); i++)
		EXPECT_TRUE(has_id(&ids, configs[i]));
}

TEST_F(vm, list_says_how_many)
{
	struct ids ids, again;

	add_vcpus(self, 0);
	get_ids(self->vm->fd, &ids);
	for (u64 n = 0; n < ids.n; n += ids.n - 1) {
		memset(&again, 0xff, sizeof(again));
		again.n = n;
		EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_GET_REG_LIST, &again));
		EXPECT_EQ(E2BIG, errno);
		EXPECT_EQ(ids.n, again.n);
		EXPECT_EQ(~0ULL, again.reg[0]);
	}
	again.n = ids.n;
	EXPECT_EQ(0, ioctl(self->vm->fd, KVM_GET_REG_LIST, &again));
	EXPECT_EQ(~0ULL, again.reg[ids.n]);
}

TEST_F(vm, list_at_a_bad_address)
{
	long page = getpagesize();
	struct kvm_reg_list *list;
	char *mem;

	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_GET_REG_LIST, BAD_ADDR));
	EXPECT_EQ(EFAULT, errno);

	/* The number is on the last bytes of a page, the ids on none. */
	mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem + page, page));
	list = (void *)(mem + page - sizeof(*list));
	list->n = MAX_REGS;
	EXPECT_EQ(-1, ioctl(self->vm->fd, KVM_GET_REG_LIST, list));
	EXPECT_EQ(EFAULT, errno);
}

/* Single registers of the VM */

TEST_F(vm, every_value_is_that_of_every_vcpu)
{
	struct ids ids;

	add_vcpus(self, FEATURE_PSCI);
	get_ids(self->vm->fd, &ids);
	for (u64 i = 0; i < ids.n; i++) {
		u64 val, id = ids.reg[i];

		if (is_config(id) || is_count(id))
			continue;
		val = vm_value(self->vm, id);
		for (int n = 0; n < NR_VCPUS; n++)
			EXPECT_EQ(val, vcpu_value(self->vcpu[n], id));
	}
}

TEST_F(vm, what_is_set_on_the_vm_is_read_on_each_vcpu)
{
	u64 less;

	add_vcpus(self, FEATURE_PSCI);
	less = less_isar0(vm_value(self->vm, REG_ISAR0));
	EXPECT_EQ(0, vm_set(self->vm, REG_ISAR0, less));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_PSCI_VERSION,
			    PSCI_VERSION(0, 2)));
	for (int i = 0; i < ARRAY_SIZE(smccc); i++)
		EXPECT_EQ(0, vm_set(self->vm, smccc[i], 0));
	for (int n = 0; n < NR_VCPUS; n++) {
		struct kvm_vcpu *vcpu = self->vcpu[n];

		EXPECT_EQ(less, vcpu_value(vcpu, REG_ISAR0));
		EXPECT_EQ(PSCI_VERSION(0, 2),
			  vcpu_value(vcpu, KVM_REG_ARM_PSCI_VERSION));
		for (int i = 0; i < ARRAY_SIZE(smccc); i++)
			EXPECT_EQ(0, vcpu_value(vcpu, smccc[i]));
	}
}

TEST_F(vm, what_is_set_on_a_vcpu_is_read_on_the_vm)
{
	u64 less;

	add_vcpus(self, FEATURE_PSCI);
	less = less_isar0(vm_value(self->vm, REG_ISAR0));
	EXPECT_EQ(0, vcpu_set(self->vcpu[1], REG_ISAR0, less));
	EXPECT_EQ(less, vm_value(self->vm, REG_ISAR0));
	EXPECT_EQ(0, vcpu_set(self->vcpu[1], KVM_REG_ARM_PSCI_VERSION,
			      PSCI_VERSION(1, 0)));
	EXPECT_EQ(PSCI_VERSION(1, 0),
		  vm_value(self->vm, KVM_REG_ARM_PSCI_VERSION));
	for (int i = 0; i < ARRAY_SIZE(smccc); i++) {
		EXPECT_EQ(0, vcpu_set(self->vcpu[0], smccc[i], 0));
		EXPECT_EQ(0, vm_value(self->vm, smccc[i]));
	}
}

TEST_F(vm, smccc_bitmaps_before_any_vcpu)
{
	for (int i = 0; i < ARRAY_SIZE(smccc); i++) {
		EXPECT_NE(0, vm_value(self->vm, smccc[i]));
		EXPECT_EQ(0, vm_set(self->vm, smccc[i], 0));
	}
	add_vcpus(self, 0);
	for (int i = 0; i < ARRAY_SIZE(smccc); i++)
		EXPECT_EQ(0, vcpu_value(self->vcpu[1], smccc[i]));
}

TEST_F(vm, values_are_checked_as_on_a_vcpu)
{
	u64 isar0;

	add_vcpus(self, FEATURE_PSCI);
	isar0 = vm_value(self->vm, REG_ISAR0);
	EXPECT_EQ(EINVAL, vm_set(self->vm, REG_ISAR0, ~0ULL));
	EXPECT_EQ(isar0, vm_value(self->vm, REG_ISAR0));
	EXPECT_EQ(EINVAL, vm_set(self->vm, KVM_REG_ARM_PSCI_VERSION, 0x777));
	EXPECT_EQ(EINVAL, vm_set(self->vm, KVM_REG_ARM_PSCI_VERSION,
				 PSCI_VERSION(0, 1)));
	for (int i = 0; i < ARRAY_SIZE(smccc); i++)
		EXPECT_EQ(EINVAL, vm_set(self->vm, smccc[i], BIT(40)));
}

TEST_F(vm, host_facts_are_never_changed)
{
	static const u64 facts[] = { REG_MIDR, REG_REVIDR, REG_AIDR };

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < ARRAY_SIZE(facts); i++) {
			u64 val = vm_value(self->vm, facts[i]);

			EXPECT_EQ(0, vm_set(self->vm, facts[i], val));
			EXPECT_EQ(EINVAL, vm_set(self->vm, facts[i], ~val));
			EXPECT_EQ(val, vm_value(self->vm, facts[i]));
		}
		if (!round)
			add_vcpus(self, 0);
	}
	for (u64 id = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1;
	     id <= KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3; id++) {
		u64 val = vm_value(self->vm, id);

		EXPECT_EQ(val, vcpu_value(self->vcpu[1], id));
		EXPECT_EQ(0, vm_set(self->vm, id, val));
		EXPECT_EQ(EINVAL, vm_set(self->vm, id, 0xff));
		EXPECT_EQ(val, vm_value(self->vm, id));
	}
}

TEST_F(vm, what_is_not_vm_scoped_is_not_there)
{
	u64 val;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < ARRAY_SIZE(not_vm_scoped); i++) {
			u64 id = not_vm_scoped[i];

			EXPECT_EQ(ENOENT, vm_get(self->vm, id, &val));
			EXPECT_EQ(ENOENT, vm_set(self->vm, id, 0));
		}
		if (!round)
			add_vcpus(self, 0);
	}
}

/* KVM_GET_ONE_REG and KVM_ARM_SET_DEVICE_ADDR are one number. */
TEST_F(vm, an_id_of_a_device_is_no_register)
{
	struct kvm_arm_device_addr addr = { .id = 1 << 16 };

	ASSERT_EQ(KVM_GET_ONE_REG, KVM_ARM_SET_DEVICE_ADDR);
	EXPECT_EQ(-1, __vm_ioctl(self->vm, KVM_ARM_SET_DEVICE_ADDR, &addr));
	EXPECT_EQ(ENODEV, errno);
	addr.id |= KVM_REG_X86;
	EXPECT_EQ(-1, __vm_ioctl(self->vm, KVM_ARM_SET_DEVICE_ADDR, &addr));
	EXPECT_EQ(ENODEV, errno);
	/* The distributor of GICv2, of which this VM has none. */
	addr.id = KVM_VGIC_V2_ADDR_TYPE_DIST;
	EXPECT_EQ(-1, __vm_ioctl(self->vm, KVM_ARM_SET_DEVICE_ADDR, &addr));
	EXPECT_NE(ENOENT, errno);
}

TEST_F(vm, an_id_of_another_size_is_not_there)
{
	u64 val = 0;

	add_vcpus(self, 0);
	for (int i = 0; i < ARRAY_SIZE(configs); i++) {
		u64 id = (configs[i] & ~KVM_REG_SIZE_MASK) | KVM_REG_SIZE_U32;

		EXPECT_EQ(ENOENT, vm_get(self->vm, id, &val));
		EXPECT_EQ(ENOENT, vm_set(self->vm, id, 0));
	}
	EXPECT_EQ(ENOENT, vm_get(self->vm, KVM_REG_ARM64 | KVM_REG_SIZE_U32 |
				 (REG_ISAR0 & 0xfffffffULL), &val));
}

TEST_F(vm, one_reg_at_a_bad_address)
{
	static const unsigned long ioctls[] = {
		KVM_GET_ONE_REG, KVM_SET_ONE_REG,
	};
	struct ids ids;

	add_vcpus(self, FEATURE_PSCI);
	get_ids(self->vm->fd, &ids);
	for (int i = 0; i < ARRAY_SIZE(ioctls); i++) {
		EXPECT_EQ(-1, ioctl(self->vm->fd, ioctls[i], BAD_ADDR));
		EXPECT_EQ(EFAULT, errno);
		for (u64 n = 0; n < ids.n; n++)
			EXPECT_EQ(EFAULT, reg_ioctl(self->vm->fd, ioctls[i],
						    ids.reg[n],
						    (u64 *)BAD_ADDR));
	}
}

int main(int argc, char **argv)
{
	require_vm_regs();
	return test_harness_run(argc, argv);
}
