/* SPDX-License-Identifier: MIT */
/*
 * The part of the KVM/arm64 ABI that onereg bench speaks itself, as a VMM
 * would, and that onereg trace sees spoken. Spelt out, so that it compiles on
 * every machine; not the library's, of which the tool sees onereg.h only.
 * Numbers and layouts are those of <linux/kvm.h> and arm64's <asm/kvm.h>; what
 * is about VM-scoped registers, of docs/vm-registers.md. trace.test's VMM
 * makes its calls with the library's, and so holds one against the other.
 */
#ifndef ONEREG_TOOL_ABI_H
#define ONEREG_TOOL_ABI_H

#include <linux/ioctl.h>
#include <stdint.h>

struct vcpu_init {
	uint32_t target;
	uint32_t features[7];
};

struct one_reg {
	uint64_t id;
	uint64_t addr;		/* of the value, in the VMM */
};

struct reg_list {
	uint64_t n;
	uint64_t reg[];
};

struct reg_vec {
	uint32_t count;
	uint32_t done;
	uint64_t flags;
	uint64_t regs;		/* of struct one_reg[count], in the VMM */
	uint64_t reserved;
};
#define REG_VEC_MAX		4096

struct create_device {
	uint32_t type;
	uint32_t fd;
	uint32_t flags;
};
/* It only asks: there is no new descriptor. */
#define CREATE_DEVICE_TEST	1

struct mp_state {
	uint32_t mp_state;
};

struct vcpu_events {
	uint8_t bytes[64];
};

struct device_attr {
	uint32_t flags;
	uint32_t group;
	uint64_t attr;
	uint64_t addr;
};

/* Every ioctl of KVM has this type; 0x20 to 0x3f of it are others'. */
#define KVM_IO			0xae
#define CREATE_VM		_IO(KVM_IO, 0x01)
#define CHECK_EXTENSION		_IO(KVM_IO, 0x03)
#define GET_VCPU_MMAP_SIZE	_IO(KVM_IO, 0x04)
#define CREATE_VCPU		_IO(KVM_IO, 0x41)
#define RUN			_IO(KVM_IO, 0x80)
#define GET_MP_STATE		_IOR(KVM_IO, 0x98, struct mp_state)
#define SET_MP_STATE		_IOW(KVM_IO, 0x99, struct mp_state)
#define GET_VCPU_EVENTS		_IOR(KVM_IO, 0x9f, struct vcpu_events)
#define SET_VCPU_EVENTS		_IOW(KVM_IO, 0xa0, struct vcpu_events)
#define GET_ONE_REG		_IOW(KVM_IO, 0xab, struct one_reg)
#define SET_ONE_REG		_IOW(KVM_IO, 0xac, struct one_reg)
#define ARM_VCPU_INIT		_IOW(KVM_IO, 0xae, struct vcpu_init)
#define ARM_PREFERRED_TARGET	_IOR(KVM_IO, 0xaf, struct vcpu_init)
#define GET_REG_LIST		_IOWR(KVM_IO, 0xb0, struct reg_list)
#define ARM_VCPU_FINALIZE	_IOW(KVM_IO, 0xc2, int)
#define CREATE_DEVICE		_IOWR(KVM_IO, 0xe0, struct create_device)
#define SET_DEVICE_ATTR		_IOW(KVM_IO, 0xe1, struct device_attr)
#define GET_DEVICE_ATTR		_IOW(KVM_IO, 0xe2, struct device_attr)
#define GET_REG_VEC		_IOWR(KVM_IO, 0xf0, struct reg_vec)
#define SET_REG_VEC		_IOWR(KVM_IO, 0xf1, struct reg_vec)

#define CAP_ARM_PMU_V3		126
#define CAP_ARM_SVE		170
#define CAP_PTRAUTH_ADDRESS	171
#define CAP_PTRAUTH_GENERIC	172
#define CAP_VM_ONE_REG		10240
#define VM_ONE_REG_IOCTLS	0x1
#define VM_ONE_REG_VECTORS	0x2

/* Bits of vcpu_init.features[0]. */
#define FEATURE_PSCI_0_2	2
#define FEATURE_PMU_V3		3
#define FEATURE_SVE		4
#define FEATURE_PTRAUTH_ADDRESS	5
#define FEATURE_PTRAUTH_GENERIC	6

/* Of a vCPU: group 0, attribute 1. */
#define ATTR_PMU_GROUP		0
#define ATTR_PMU_INIT		1

/* In struct kvm_run. */
#define RUN_IMMEDIATE_EXIT	1	/* offset in bytes */

#define VALUE_MAX		256	/* bytes; the longest register */

/* Register ids. */
#define ID_SIZE_SHIFT		52
#define ID_ARM64		0x6000000000000000ULL
#define ID_CLASS_MASK		0xfff0000ULL
#define ID_CLASS_BMAP		0x0160000ULL
#define ID_U32(low)		(ID_ARM64 | 2ULL << ID_SIZE_SHIFT | (low))
#define ID_U64(low)		(ID_ARM64 | 3ULL << ID_SIZE_SHIFT | (low))
#define ID_U256(low)		(ID_ARM64 | 5ULL << ID_SIZE_SHIFT | (low))
#define ID_U512(low)		(ID_ARM64 | 6ULL << ID_SIZE_SHIFT | (low))
#define ID_U2048(low)		(ID_ARM64 | 8ULL << ID_SIZE_SHIFT | (low))
#define CORE(n)			ID_U64(0x100000 | (n))
#define CORE_U32(n)		ID_U32(0x100000 | (n))
#define SYS_LOW(op0, op1, crn, crm, op2) \
	(0x130000ULL | (op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | \
	 (op2))
#define SYS(op0, op1, crn, crm, op2) ID_U64(SYS_LOW(op0, op1, crn, crm, op2))
#define SVE_Z(n)		ID_U2048(0x150000 | (n) << 5)
#define SVE_P(n)		ID_U256(0x150400 | (n) << 5)
#define SVE_FFR			ID_U256(0x150600)
#define SVE_VLS			ID_U512(0x15ffff)
#define PSCI_VERSION		ID_U64(0x140000)
#define MPIDR_EL1		SYS(3, 0, 0, 0, 5)
#define PMCR_EL0		SYS(3, 3, 9, 12, 0)
/* The ids of the virtual counter and its deadline are exchanged. */
#define TIMER_CTL		SYS(3, 3, 14, 3, 1)
#define TIMER_CVAL		SYS(3, 3, 14, 0, 2)
#define TIMER_CNT		SYS(3, 3, 14, 3, 2)
#define PTIMER_CNT		SYS(3, 3, 14, 0, 1)

/* In an id: the kernel tells that the register is VM-scoped. */
#define REG_SCOPE_VM		0x10000000ULL

#endif
