/* SPDX-License-Identifier: MIT */
/*
 * The part of the KVM/arm64 ABI that the library speaks, spelt out here so
 * that it is the same on every build machine: x86-64 hosts, old headers.
 * Numbers and layouts are those of <linux/kvm.h> and arm64's <asm/kvm.h>;
 * kvm_abi_check.c holds them against the system's headers on arm64, and what
 * is about VM-scoped registers against the kernel's half of this project.
 * All structures are little-endian, as KVM/arm64 hosts are.
 */
#ifndef ONEREG_LIB_KVM_ABI_H
#define ONEREG_LIB_KVM_ABI_H

#include <linux/ioctl.h>
#include <stdint.h>

struct ka_vcpu_init {
	uint32_t target;
	uint32_t features[7];
};

struct ka_one_reg {
	uint64_t id;
	uint64_t addr;
};

struct ka_reg_list {
	uint64_t n;
	uint64_t reg[];
};

struct ka_mp_state {
	uint32_t mp_state;
};

struct ka_vcpu_events {
	uint8_t serror_pending;
	uint8_t serror_has_esr;
	uint8_t ext_dabt_pending;
	uint8_t pad[5];
	uint64_t serror_esr;
	uint32_t reserved[12];
};

struct ka_device_attr {
	uint32_t flags;
	uint32_t group;
	uint64_t attr;
	uint64_t addr;
};

struct ka_create_device {
	uint32_t type;
	uint32_t fd;
	uint32_t flags;
};

struct ka_enable_cap {
	uint32_t cap;
	uint32_t flags;
	uint64_t args[4];
	uint8_t pad[64];
};

struct ka_reg_mask_range {
	uint64_t addr;
	uint32_t range;
	uint32_t reserved[13];
};

struct ka_counter_offset {
	uint64_t counter_offset;
	uint64_t reserved;
};

/* Many struct ka_one_reg in one call; done: how many are complete. */
struct ka_reg_vec {
	uint32_t count;
	uint32_t done;
	uint64_t flags;
	uint64_t regs;
	uint64_t reserved;
};

#define KA_IO				0xAE
#define KA_GET_API_VERSION		_IO(KA_IO, 0x00)
#define KA_CREATE_VM			_IO(KA_IO, 0x01)
#define KA_CHECK_EXTENSION		_IO(KA_IO, 0x03)
#define KA_CREATE_VCPU			_IO(KA_IO, 0x41)
#define KA_RUN				_IO(KA_IO, 0x80)
#define KA_GET_MP_STATE			_IOR(KA_IO, 0x98, struct ka_mp_state)
#define KA_SET_MP_STATE			_IOW(KA_IO, 0x99, struct ka_mp_state)
#define KA_GET_VCPU_EVENTS		_IOR(KA_IO, 0x9f, struct ka_vcpu_events)
#define KA_SET_VCPU_EVENTS		_IOW(KA_IO, 0xa0, struct ka_vcpu_events)
#define KA_ENABLE_CAP			_IOW(KA_IO, 0xa3, struct ka_enable_cap)
#define KA_GET_ONE_REG			_IOW(KA_IO, 0xab, struct ka_one_reg)
#define KA_SET_ONE_REG			_IOW(KA_IO, 0xac, struct ka_one_reg)
#define KA_ARM_VCPU_INIT		_IOW(KA_IO, 0xae, struct ka_vcpu_init)
#define KA_ARM_PREFERRED_TARGET		_IOR(KA_IO, 0xaf, struct ka_vcpu_init)
#define KA_GET_REG_LIST			_IOWR(KA_IO, 0xb0, struct ka_reg_list)
#define KA_ARM_SET_COUNTER_OFFSET \
	_IOW(KA_IO, 0xb5, struct ka_counter_offset)
#define KA_ARM_GET_REG_WRITABLE_MASKS	_IOR(KA_IO, 0xb6, struct ka_reg_mask_range)
#define KA_ARM_VCPU_FINALIZE		_IOW(KA_IO, 0xc2, int)
#define KA_CREATE_DEVICE		_IOWR(KA_IO, 0xe0, struct ka_create_device)
#define KA_SET_DEVICE_ATTR		_IOW(KA_IO, 0xe1, struct ka_device_attr)
#define KA_GET_DEVICE_ATTR		_IOW(KA_IO, 0xe2, struct ka_device_attr)
#define KA_HAS_DEVICE_ATTR		_IOW(KA_IO, 0xe3, struct ka_device_attr)
#define KA_GET_REG_VEC			_IOWR(KA_IO, 0xf0, struct ka_reg_vec)
#define KA_SET_REG_VEC			_IOWR(KA_IO, 0xf1, struct ka_reg_vec)
#define KA_REG_VEC_MAX			4096

#define KA_API_VERSION			12

/* Capabilities; the table of those that a description records is caps.c. */
#define KA_CAP_MP_STATE			14
#define KA_CAP_VCPU_EVENTS		41
#define KA_CAP_ONE_REG			70
#define KA_CAP_MAX_VCPUS		66
#define KA_CAP_ARM_EL1_32BIT		93
#define KA_CAP_ARM_PMU_V3		126
#define KA_CAP_ARM_INJECT_SERROR_ESR	158
#define KA_CAP_ARM_VM_IPA_SIZE		165
#define KA_CAP_ARM_SVE			170
#define KA_CAP_ARM_PTRAUTH_ADDRESS	171
#define KA_CAP_ARM_PTRAUTH_GENERIC	172
#define KA_CAP_ARM_NISV_TO_USER		177
#define KA_CAP_ARM_INJECT_EXT_DABT	178
#define KA_CAP_STEAL_TIME		187
#define KA_CAP_ARM_MTE			205
#define KA_CAP_ARM_SYSTEM_SUSPEND	216
#define KA_CAP_COUNTER_OFFSET		227
#define KA_CAP_ARM_SUPPORTED_REG_MASK_RANGES 230
#define KA_CAP_VM_ONE_REG		10240
#define KA_CAP_ARM_REG_SCOPE		10241

/* What KVM_CHECK_EXTENSION says of KA_CAP_VM_ONE_REG, a mask. */
#define KA_VM_ONE_REG_IOCTLS		0x1
#define KA_VM_ONE_REG_VECTORS		0x2
#define KA_VM_ONE_REG_CONFIG		0x4
#define KA_VM_ONE_REG_ASYM		0x8
/* Modes of KA_CAP_ARM_REG_SCOPE. */
#define KA_REG_SCOPE_OFF		0
#define KA_REG_SCOPE_TAG		1
#define KA_REG_SCOPE_OMIT		2

/* Bits of ka_vcpu_init.features[0]. */
#define KA_VCPU_POWER_OFF		0
#define KA_VCPU_EL1_32BIT		1
#define KA_VCPU_PSCI_0_2		2
#define KA_VCPU_PMU_V3			3
#define KA_VCPU_SVE			4
#define KA_VCPU_PTRAUTH_ADDRESS		5
#define KA_VCPU_PTRAUTH_GENERIC		6
#define KA_VCPU_HAS_EL2			7

#define KA_MP_STATE_RUNNABLE		0
#define KA_MP_STATE_STOPPED		5
#define KA_MP_STATE_SUSPENDED		10

/* Register ids. */
#define KA_REG_ARCH_MASK		0xff00000000000000ULL
#define KA_REG_ARM64			0x6000000000000000ULL
#define KA_REG_SIZE_SHIFT		52
#define KA_REG_SIZE_MASK		0x00f0000000000000ULL
#define KA_REG_SIZE_U32			0x0020000000000000ULL
#define KA_REG_SIZE_U64			0x0030000000000000ULL
#define KA_REG_SIZE_U128		0x0040000000000000ULL
#define KA_REG_SIZE_U256		0x0050000000000000ULL
#define KA_REG_SIZE_U512		0x0060000000000000ULL
#define KA_REG_SIZE_U2048		0x0080000000000000ULL
#define KA_REG_SIZE_MAX			256
#define KA_REG_CLASS_MASK		0x0fff0000ULL
#define KA_REG_CORE			0x00100000ULL
#define KA_REG_DEMUX			0x00110000ULL
#define KA_REG_SYSREG			0x00130000ULL
#define KA_REG_FW			0x00140000ULL
#define KA_REG_SVE			0x00150000ULL
#define KA_REG_FW_FEAT_BMAP		0x00160000ULL
#define KA_REG_VM			0x00200000ULL
/* Set in mode TAG in the ids of registers that the VM has once. */
#define KA_REG_SCOPE_VM			0x10000000ULL

/* Low 16 bits of a system register's id. */
#define KA_SYS_LOW(op0, op1, crn, crm, op2) \
	((uint64_t)(op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define KA_SYS(op0, op1, crn, crm, op2)                    \
	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_SYSREG | \
	 KA_SYS_LOW(op0, op1, crn, crm, op2))

#define KA_FW(n)      (KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_FW | (n))
#define KA_BMAP(n)    (KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_FW_FEAT_BMAP | (n))
#define KA_PSCI_VERSION			KA_FW(0)

/* VM configuration registers, on the VM fd only. */
#define KA_VM_REG(n)  (KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_VM | (n))
#define KA_VM_ASYM			KA_VM_REG(0)
#define KA_VM_ASYM_SMCCC		0x1ULL	/* the feature bitmaps */
#define KA_VM_FEATURES			KA_VM_REG(1)
#define KA_VM_CAPS			KA_VM_REG(2)
#define KA_VM_CAPS_NISV_TO_USER		0x1ULL
#define KA_VM_CAPS_MTE			0x2ULL
#define KA_VM_CAPS_SYSTEM_SUSPEND	0x4ULL
#define KA_VM_CAPS_COUNTER_OFFSET	0x8ULL
#define KA_VM_COUNTER_OFFSET		KA_VM_REG(3)

#define KA_PSTATE \
	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 0x42)
#define KA_SVE_VLS \
	(KA_REG_ARM64 | KA_REG_SIZE_U512 | KA_REG_SVE | 0xffffULL)

/*
 * The virtual counter and its compare value are exchanged in KVM's ABI: the
 * id that encodes CNTVCT_EL0 is the CVAL and the other way round.
 */
#define KA_TIMER_CTL			KA_SYS(3, 3, 14, 3, 1)
#define KA_TIMER_CVAL			KA_SYS(3, 3, 14, 0, 2)
#define KA_TIMER_CNT			KA_SYS(3, 3, 14, 3, 2)
#define KA_PTIMER_CTL			KA_SYS(3, 3, 14, 2, 1)
#define KA_PTIMER_CVAL			KA_SYS(3, 3, 14, 2, 2)
#define KA_PTIMER_CNT			KA_SYS(3, 3, 14, 0, 1)

/* vCPU attributes: group, attribute. */
#define KA_VCPU_PMU_V3_CTRL		0
#define KA_VCPU_PMU_V3_IRQ		0
#define KA_VCPU_PMU_V3_INIT		1
#define KA_VCPU_TIMER_CTRL		1
#define KA_VCPU_TIMER_IRQ_VTIMER	0
#define KA_VCPU_TIMER_IRQ_PTIMER	1
#define KA_VCPU_PVTIME_CTRL		2
#define KA_VCPU_PVTIME_IPA		0

/* GICv3 device. */
#define KA_DEV_TYPE_ARM_VGIC_V3		7
#define KA_DEV_TYPE_ARM_VGIC_ITS	8
#define KA_VGIC_GRP_ADDR		0
#define KA_VGIC_GRP_DIST_REGS		1
#define KA_VGIC_GRP_NR_IRQS		3
#define KA_VGIC_GRP_CTRL		4
#define KA_VGIC_GRP_REDIST_REGS		5
#define KA_VGIC_GRP_CPU_SYSREGS		6
#define KA_VGIC_GRP_LEVEL_INFO		7
#define KA_VGIC_GRP_ITS_REGS		8
#define KA_VGIC_ADDR_DIST		2
#define KA_VGIC_ADDR_REDIST		3
#define KA_VGIC_ADDR_REDIST_REGION	5
#define KA_VGIC_CTRL_INIT		0
#define KA_VGIC_SAVE_PENDING_TABLES	3
#define KA_VGIC_ITS_ADDR_TYPE		4
#define KA_ITS_SAVE_TABLES		1
#define KA_ITS_RESTORE_TABLES		2
#define KA_ITS_CTRL_RESET		4
/* Offsets of registers, and a bit, as in the architecture. */
#define KA_GICD_TYPER			0x4
#define KA_GICD_TYPER_LPIS		(1ULL << 17)
#define KA_GICR_PENDBASER		0x78
#define KA_GITS_BASER			0x100

#endif
