/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of VM-scoped registers share.
 */
#ifndef SELFTEST_KVM_VM_REGS_H
#define SELFTEST_KVM_VM_REGS_H

#include <linux/kvm.h>
#include <linux/psci.h>
#include <asm/kvm_vm_regs.h>

#include "kselftest_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define FEATURE_PSCI	BIT(KVM_ARM_VCPU_PSCI_0_2)
#define NR_VCPUS	2
#define MAX_REGS	1024
#define TAG		(KVM_REG_ARM_SCOPE_VM << KVM_REG_ARM_SCOPE_SHIFT)

/* An address that no copy succeeds at. */
#define BAD_ADDR	8UL

#define REG_X(n)	ARM64_CORE_REG(regs.regs[n])
#define REG_PC		ARM64_CORE_REG(regs.pc)
#define REG_ISAR0	KVM_ARM64_SYS_REG(SYS_ID_AA64ISAR0_EL1)
#define REG_PFR0	KVM_ARM64_SYS_REG(SYS_ID_AA64PFR0_EL1)
#define REG_CTR		KVM_ARM64_SYS_REG(SYS_CTR_EL0)
#define REG_MIDR	KVM_ARM64_SYS_REG(SYS_MIDR_EL1)
#define REG_REVIDR	KVM_ARM64_SYS_REG(SYS_REVIDR_EL1)
#define REG_AIDR	KVM_ARM64_SYS_REG(SYS_AIDR_EL1)
#define REG_MPIDR	KVM_ARM64_SYS_REG(SYS_MPIDR_EL1)

/* VM configuration registers */
static const u64 configs[] = {
	KVM_REG_ARM_VM_ASYM,
	KVM_REG_ARM_VM_FEATURES,
	KVM_REG_ARM_VM_CAPS,
	KVM_REG_ARM_VM_COUNTER_OFFSET,
};

/* Bitmaps of hypercall services */
static const u64 smccc[] = {
	KVM_REG_ARM_STD_BMAP,
	KVM_REG_ARM_STD_HYP_BMAP,
	KVM_REG_ARM_VENDOR_HYP_BMAP,
};

/* Errors are the result: 0, or errno. */
static inline int reg_ioctl(int fd, unsigned long ioctl_nr, u64 id, u64 *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)val };

	return ioctl(fd, ioctl_nr, &reg) ? errno : 0;
}

static inline int vm_get(struct kvm_vm *vm, u64 id, u64 *val)
{
	return reg_ioctl(vm->fd, KVM_GET_ONE_REG, id, val);
}

static inline int vm_set(struct kvm_vm *vm, u64 id, u64 val)
{
	return reg_ioctl(vm->fd, KVM_SET_ONE_REG, id, &val);
}

static inline int vcpu_get(struct kvm_vcpu *vcpu, u64 id, u64 *val)
{
	return reg_ioctl(vcpu->fd, KVM_GET_ONE_REG, id, val);
}

static inline int vcpu_set(struct kvm_vcpu *vcpu, u64 id, u64 val)
{
	return reg_ioctl(vcpu->fd, KVM_SET_ONE_REG, id, &val);
}

/* Where nothing but success makes sense. */
static inline u64 vm_value(struct kvm_vm *vm, u64 id)
{
	u64 val;
	int err = vm_get(vm, id, &val);

	TEST_ASSERT(!err, "get 0x%lx on the VM: %s", id, strerror(err));
	return val;
}

static inline u64 vcpu_value(struct kvm_vcpu *vcpu, u64 id)
{
	u64 val;
	int err = vcpu_get(vcpu, id, &val);

	TEST_ASSERT(!err, "get 0x%lx on vCPU %u: %s", id, vcpu->id,
		    strerror(err));
	return val;
}

/* A list of ids with room for as many as any test meets. */
struct ids {
	__u64 n;
	__u64 reg[MAX_REGS];
};

static inline void get_ids(int fd, struct ids *ids)
{
	int ret;

	ids->n = MAX_REGS;
	ret = ioctl(fd, KVM_GET_REG_LIST, ids);
	TEST_ASSERT(!ret, KVM_IOCTL_ERROR(KVM_GET_REG_LIST, ret));
}

static inline bool has_id(const struct ids *ids, u64 id)
{
	for (u64 i = 0; i < ids->n; i++)
		if (ids->reg[i] == id)
			return true;
	return false;
}

static inline bool is_config(u64 id)
{
	return (id & ~0xffffULL) ==
	       (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_VM);
}

static inline bool is_smccc(u64 id)
{
	return id == KVM_REG_ARM_STD_BMAP || id == KVM_REG_ARM_STD_HYP_BMAP ||
	       id == KVM_REG_ARM_VENDOR_HYP_BMAP;
}

static inline bool is_count(u64 id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

/* What the documentation calls VM-scoped, of the registers of a vCPU. */
static inline bool is_vm_scoped(u64 id)
{
	switch (id) {
	case KVM_REG_ARM_PSCI_VERSION:
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1:
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2:
	case KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3:
	case REG_MIDR:
	case REG_REVIDR:
	case REG_AIDR:
	case REG_CTR:
		return true;
	}
	/* ID_*_EL1: op0 3, op1 0, CRn 0, CRm 1 to 7 */
	if (id >= ARM64_SYS_REG(3, 0, 0, 1, 0) &&
	    id <= ARM64_SYS_REG(3, 0, 0, 7, 7))
		return true;
	return is_smccc(id) || is_count(id);
}

static inline int reg_vec(int fd, unsigned long ioctl_nr,
			  struct kvm_reg_vec *vec)
{
	return ioctl(fd, ioctl_nr, vec) ? errno : 0;
}

/* Reads or writes @n registers in one call; all must succeed. */
static inline void all_regs(int fd, unsigned long ioctl_nr, const __u64 *id,
			    u64 *val, u32 n)
{
	struct kvm_one_reg regs[MAX_REGS];
	struct kvm_reg_vec vec = { .count = n, .regs = (uintptr_t)regs };
	int err;

	for (u32 i = 0; i < n; i++) {
		regs[i].id = id[i];
		regs[i].addr = (uintptr_t)&val[i];
	}
	err = reg_vec(fd, ioctl_nr, &vec);
	TEST_ASSERT(!err && vec.done == n, "entry %u of %u, 0x%lx: %s",
		    vec.done, n, vec.done < n ? (u64)id[vec.done] : 0,
		    strerror(err));
}

/* @features: beyond those that every vCPU of this machine has */
static inline struct kvm_vcpu *add_vcpu(struct kvm_vm *vm, u32 id,
					u32 features, void *guest_code)
{
	struct kvm_vcpu_init init;

	vm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= features;
	return aarch64_vcpu_add(vm, id, &init, guest_code);
}

static inline int enable_scope(struct kvm_vm *vm, u32 flags, const u64 args[4])
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ARM_REG_SCOPE,
		.flags = flags,
		.args = { args[0], args[1], args[2], args[3] },
	};

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap) ? errno : 0;
}

static inline int set_mode(struct kvm_vm *vm, u64 mode)
{
	const u64 args[4] = { mode };

	return enable_scope(vm, 0, args);
}

static inline void require_vm_regs(void)
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_VM_ONE_REG) &
		     KVM_VM_ONE_REG_IOCTLS);
}

#endif /* SELFTEST_KVM_VM_REGS_H */
