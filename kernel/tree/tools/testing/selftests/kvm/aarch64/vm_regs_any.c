// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_regs_any - all that a vCPU has, by vectors
 *
 * Registers of any size in any order: what a vector does with an entry is what
 * a call of its own does, whatever stands before and behind it. Half of them
 * the kernel reaches without that call's functions.
 */
#include "vm_regs.h"

#define REG_32(name)	(ARM64_CORE_REG(name) ^ KVM_REG_SIZE_U64 ^ \
			 KVM_REG_SIZE_U32)
#define REG_V0		(ARM64_CORE_REG(fp_regs.vregs[0]) ^ \
			 KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U128)
#define REG_PSTATE	ARM64_CORE_REG(regs.pstate)

#define VALUE_SIZE	256
#define UNTOUCHED	0x5a

struct any {
	u32 n;
	u32 done;	/* by the last vector */
	struct kvm_one_reg regs[MAX_REGS];
	u8 vals[MAX_REGS][VALUE_SIZE];
};

static struct kvm_vcpu *add_full_vcpu(struct kvm_vm *vm)
{
	int sve = KVM_ARM_VCPU_SVE, has_sve = kvm_check_cap(KVM_CAP_ARM_SVE);
	u32 features = FEATURE_PSCI;
	struct kvm_vcpu *vcpu;

	if (has_sve > 0)
		features |= BIT(KVM_ARM_VCPU_SVE);
	if (kvm_check_cap(KVM_CAP_ARM_PMU_V3) > 0)
		features |= BIT(KVM_ARM_VCPU_PMU_V3);
	vcpu = add_vcpu(vm, 0, features, NULL);
	if (has_sve > 0)
		vcpu_ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &sve);
	return vcpu;
}

/* Not static: all of a program's data is copied into each of its guests. */
static struct any *new_any(void)
{
	struct any *any = calloc(1, sizeof(*any));

	TEST_ASSERT(any, "no memory for a vector");
	return any;
}

static void add_any(struct any *any, u64 id)
{
	memset(any->vals[any->n], UNTOUCHED, VALUE_SIZE);
	any->regs[any->n].id = id;
	any->regs[any->n].addr = (uintptr_t)any->vals[any->n];
	any->n++;
}

/* Those that stand still and take back what they gave. */
static void get_steady_ids(struct kvm_vcpu *vcpu, struct ids *ids)
{
	u64 val[VALUE_SIZE / sizeof(u64)];
	u32 n = 0;

	get_ids(vcpu->fd, ids);
	for (u64 i = 0; i < ids->n; i++) {
		u64 id = ids->reg[i];

		if (!is_count(id) && !vcpu_get(vcpu, id, val) &&
		    !reg_ioctl(vcpu->fd, KVM_SET_ONE_REG, id, val))
			ids->reg[n++] = id;
	}
	ids->n = n;
}

static int any_vec(struct kvm_vcpu *vcpu, unsigned long ioctl_nr,
		   struct any *any)
{
	struct kvm_reg_vec vec = {
		.count = any->n,
		.regs = (uintptr_t)any->regs,
	};
	int err = reg_vec(vcpu->fd, ioctl_nr, &vec);

	any->done = vec.done;
	return err;
}

static bool is_untouched(const u8 *val)
{
	return *val == UNTOUCHED && !memcmp(val, val + 1, VALUE_SIZE - 1);
}

/* Is @i of @any what a call of its own reads, and not a byte more? */
static bool is_single(struct kvm_vcpu *vcpu, const struct any *any, u32 i)
{
	u64 val[VALUE_SIZE / sizeof(u64)];

	memset(val, UNTOUCHED, sizeof(val));
	return !vcpu_get(vcpu, any->regs[i].id, val) &&
	       !memcmp(val, any->vals[i], VALUE_SIZE);
}

/* In the order of the list, backwards, to and fro, and each twice. */
static u32 place(int order, u32 i, u32 n)
{
	const u32 places[] = { i, n - 1 - i, i % 2 ? i : n - 1 - i, i / 2 };

	return places[order];
}

static bool is_plain(u64 id)
{
	u64 class = id & KVM_REG_ARM_COPROC_MASK;

	return id != REG_PSTATE &&
	       (class == KVM_REG_ARM_CORE || class == KVM_REG_ARM64_SVE);
}

/* Writes to each a value that no other one has. */
static void fill(struct kvm_vcpu *vcpu, const struct ids *ids, u8 first)
{
	u64 val[VALUE_SIZE / sizeof(u64)];

	for (u64 i = 0; i < ids->n; i++) {
		if (!is_plain(ids->reg[i]))
			continue;
		memset(val, first + i, sizeof(val));
		TEST_ASSERT(!reg_ioctl(vcpu->fd, KVM_SET_ONE_REG, ids->reg[i],
				       val),
			    "set 0x%llx", ids->reg[i]);
	}
}

TEST(any_order_and_any_size)
{
	struct any *any = new_any();
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_full_vcpu(vm);
	struct ids ids;

	get_steady_ids(vcpu, &ids);
	for (int order = 0; order < 4; order++) {
		any->n = 0;
		for (u32 i = 0; i < ids.n; i++)
			add_any(any, ids.reg[place(order, i, ids.n)]);
		fill(vcpu, &ids, order);
		ASSERT_EQ(0, any_vec(vcpu, KVM_GET_REG_VEC, any));
		ASSERT_EQ(any->n, any->done);
		for (u32 i = 0; i < any->n; i++)
			EXPECT_TRUE(is_single(vcpu, any, i));

		fill(vcpu, &ids, 128 + order);
		EXPECT_EQ(0, any_vec(vcpu, KVM_SET_REG_VEC, any));
		EXPECT_EQ(any->n, any->done);
		for (u32 i = 0; i < any->n; i++)
			EXPECT_TRUE(is_single(vcpu, any, i));
	}
	kvm_vm_free(vm);
	free(any);
}

/* What is written by a vector is what a single call reads. */
TEST(values_arrive)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_full_vcpu(vm);
	__u64 ids[] = {
		REG_X(0), REG_X(30), ARM64_CORE_REG(sp_el1),
		ARM64_CORE_REG(elr_el1), ARM64_CORE_REG(spsr[0]),
		ARM64_CORE_REG(spsr[1]), ARM64_CORE_REG(spsr[4]), REG_PC,
		KVM_ARM64_SYS_REG(SYS_TPIDR_EL0),
		KVM_ARM64_SYS_REG(SYS_TTBR0_EL1),
		KVM_REG_ARM_TIMER_CVAL, KVM_REG_ARM_PTIMER_CVAL,
	};
	u64 vals[ARRAY_SIZE(ids)];

	for (int i = 0; i < ARRAY_SIZE(ids); i++)
		vals[i] = 0x1000 * (i + 1);
	all_regs(vcpu->fd, KVM_SET_REG_VEC, ids, vals, ARRAY_SIZE(ids));
	for (int i = 0; i < ARRAY_SIZE(ids); i++)
		EXPECT_EQ(vals[i], vcpu_value(vcpu, ids[i]));
	kvm_vm_free(vm);
}

/* A value that cannot be read leaves the register as it is. */
TEST(a_fault_changes_nothing)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_full_vcpu(vm);
	__u64 ids[] = {
		REG_X(0), ARM64_CORE_REG(spsr[0]), REG_32(fp_regs.fpsr),
		KVM_ARM64_SYS_REG(SYS_TPIDR_EL0), KVM_REG_ARM_TIMER_CVAL,
	};

	for (int i = 0; i < ARRAY_SIZE(ids); i++) {
		struct kvm_one_reg reg = { .id = ids[i], .addr = BAD_ADDR };
		struct kvm_reg_vec vec = {
			.count = 1,
			.regs = (uintptr_t)&reg,
		};
		u64 val = 0;

		ASSERT_EQ(0, vcpu_set(vcpu, ids[i], 0x1000000));
		EXPECT_EQ(EFAULT, reg_vec(vcpu->fd, KVM_SET_REG_VEC, &vec));
		EXPECT_EQ(0, vcpu_get(vcpu, ids[i], &val));
		EXPECT_EQ(0x1000000, val);
	}
	kvm_vm_free(vm);
}

/* A value that is not there, a register that is not, a tag in the wrong mode. */
TEST(an_error_at_each_place)
{
	static const struct {
		u64 id;
		u64 addr;
		int err;
	} bad[] = {
		{ REG_X(0), BAD_ADDR, EFAULT },
		{ KVM_ARM64_SYS_REG(SYS_TPIDR_EL0), BAD_ADDR, EFAULT },
		{ KVM_REG_ARM_TIMER_CVAL, BAD_ADDR, EFAULT },
		{ ARM64_SYS_REG(3, 7, 15, 15, 7), 0, ENOENT },
		/* OSLAR_EL1, which KVM knows and userspace cannot access. */
		{ ARM64_SYS_REG(2, 0, 1, 0, 4), 0, ENOENT },
		{ REG_ISAR0 | TAG, 0, ENOENT },
		{ ARM64_CORE_REG(regs.regs[0]) + 1, 0, EINVAL },
		{ KVM_REG_ARM64_SVE_ZREG(0, 1), 0, ENOENT },
	};
	struct any *any = new_any();
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_full_vcpu(vm);
	struct ids ids;

	get_steady_ids(vcpu, &ids);
	for (u32 at = 0; at < ids.n; at++) {
		int b = at % ARRAY_SIZE(bad);

		any->n = 0;
		for (u32 i = 0; i < ids.n; i++)
			add_any(any, ids.reg[i]);
		any->regs[at].id = bad[b].id;
		if (bad[b].addr)
			any->regs[at].addr = bad[b].addr;
		EXPECT_EQ(bad[b].err, any_vec(vcpu, KVM_GET_REG_VEC, any));
		ASSERT_EQ(at, any->done);
		for (u32 i = 0; i < any->n; i++)
			EXPECT_EQ(i >= at, is_untouched(any->vals[i]));
		EXPECT_EQ(bad[b].err, any_vec(vcpu, KVM_SET_REG_VEC, any));
		ASSERT_EQ(at, any->done);
	}
	kvm_vm_free(vm);
	free(any);
}

/* What only a call of its own knows how to refuse. */
TEST(refused_by_their_rules)
{
	struct kvm_vm *vm = vm_create(1), *other = vm_create(1);
	struct kvm_vcpu *vcpu = add_vcpu(vm, 0, FEATURE_PSCI, NULL);
	u64 val[4] = { 0xffffffff };
	struct kvm_one_reg reg = { .addr = (uintptr_t)val };
	struct kvm_reg_vec vec = { .count = 1, .regs = (uintptr_t)&reg };

	/* No mode of a CPU. */
	reg.id = REG_PSTATE;
	EXPECT_EQ(EINVAL, reg_vec(vcpu->fd, KVM_SET_REG_VEC, &vec));
	/* Not the beginning of V0. */
	reg.id = REG_V0 + 1;
	EXPECT_EQ(EINVAL, reg_vec(vcpu->fd, KVM_GET_REG_VEC, &vec));
	EXPECT_EQ(EINVAL, reg_vec(vcpu->fd, KVM_SET_REG_VEC, &vec));

	if (kvm_check_cap(KVM_CAP_ARM_SVE) > 0) {
		/* It is a part of Z0 there, and that is not before FINALIZE. */
		vcpu = add_vcpu(other, 0, BIT(KVM_ARM_VCPU_SVE), NULL);
		reg.id = KVM_REG_ARM64_SVE_ZREG(0, 0);
		EXPECT_EQ(EPERM, reg_vec(vcpu->fd, KVM_GET_REG_VEC, &vec));
		reg.id = REG_V0;
		EXPECT_EQ(EINVAL, reg_vec(vcpu->fd, KVM_GET_REG_VEC, &vec));
		EXPECT_EQ(EINVAL, reg_vec(vcpu->fd, KVM_SET_REG_VEC, &vec));
	}
	kvm_vm_free(other);
	kvm_vm_free(vm);
}

/* A tag is taken wherever it stands, and refused where it is wrong. */
TEST(tags_between_others)
{
	struct any *any = new_any();
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	struct ids ids;

	vm_enable_cap(vm, KVM_CAP_ARM_REG_SCOPE, KVM_ARM_REG_SCOPE_TAG);
	vcpu = add_full_vcpu(vm);
	get_ids(vcpu->fd, &ids);
	for (u32 i = 0; i < ids.n; i++) {
		add_any(any, ids.reg[i]);
		if (ids.reg[i] & TAG)
			add_any(any, ids.reg[i] & ~TAG);
	}
	EXPECT_EQ(0, any_vec(vcpu, KVM_GET_REG_VEC, any));
	ASSERT_EQ(any->n, any->done);
	for (u32 i = 1; i < any->n; i++)
		if ((any->regs[i - 1].id & TAG) && !is_count(any->regs[i].id))
			EXPECT_EQ(0, memcmp(any->vals[i - 1], any->vals[i],
					    VALUE_SIZE));

	any->regs[40].id = REG_X(0) | TAG;
	EXPECT_EQ(ENOENT, any_vec(vcpu, KVM_GET_REG_VEC, any));
	EXPECT_EQ(40, any->done);
	kvm_vm_free(vm);
	free(any);
}

int main(int argc, char **argv)
{
	require_vm_regs();
	return test_harness_run(argc, argv);
}
