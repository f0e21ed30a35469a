/* SPDX-License-Identifier: MIT */
/*
 * What the rules speak beyond kvm_abi.h: of every kernel, calls that only a
 * test makes; of a kernel with VM-scoped registers, the new interface.
 * tests/validate holds the latter against the kernel's own header.
 */
#ifndef ONEREG_LIB_VALIDATE_ABI_H
#define ONEREG_LIB_VALIDATE_ABI_H

#include "../kvm_abi.h"

struct ka_signal_mask {
	uint32_t len;		/* bytes of sigset: 8 */
	uint8_t sigset[8];
};

struct ka_counter_offset {
	uint64_t counter_offset;
	uint64_t reserved;
};

/* The size in the number is that without the set. */
#define KA_SET_SIGNAL_MASK		_IOW(KA_IO, 0x8b, uint32_t)
#ifndef KA_ARM_SET_COUNTER_OFFSET
#define KA_ARM_SET_COUNTER_OFFSET \
	_IOW(KA_IO, 0xb5, struct ka_counter_offset)
#endif

#define KA_TARGET_GENERIC_V8		5
#define KA_REG_ARM			0x4000000000000000ULL
#define KA_REG_FW_WORKAROUND(n)		KA_FW(n)	/* 1 to 3 */
#define KA_REG_SIZE_U8			0x0000000000000000ULL

#define KA_STD_BMAP			KA_BMAP(0)
#define KA_STD_HYP_BMAP			KA_BMAP(1)
#define KA_VENDOR_HYP_BMAP		KA_BMAP(2)
#define KA_VENDOR_HYP_BMAP_2		KA_BMAP(3)

#define KA_MIDR				KA_SYS(3, 0, 0, 0, 0)
#define KA_MPIDR			KA_SYS(3, 0, 0, 0, 5)
#define KA_REVIDR			KA_SYS(3, 0, 0, 0, 6)
#define KA_AIDR				KA_SYS(3, 1, 0, 0, 7)
#define KA_ID_AA64PFR0			KA_SYS(3, 0, 0, 4, 0)
#define KA_ID_AA64ISAR0			KA_SYS(3, 0, 0, 6, 0)
#define KA_ID_FIRST			KA_SYS(3, 0, 0, 1, 0)
#define KA_ID_LAST			KA_SYS(3, 0, 0, 7, 7)
#define KA_CTR				KA_SYS(3, 3, 0, 0, 1)

/* ---- VM-scoped registers ---- */

#ifndef KA_CAP_VM_ONE_REG
#define KA_CAP_VM_ONE_REG		10240
#define KA_VM_ONE_REG_IOCTLS		0x1
#define KA_VM_ONE_REG_VECTORS		0x2
#define KA_VM_ONE_REG_CONFIG		0x4
#define KA_VM_ONE_REG_ASYM		0x8

#define KA_CAP_ARM_REG_SCOPE		10241
#define KA_REG_SCOPE_OFF		0
#define KA_REG_SCOPE_TAG		1
#define KA_REG_SCOPE_OMIT		2

/* In an id, in mode TAG: the register is the VM's. */
#define KA_REG_SCOPE_VM			0x10000000ULL

#define KA_REG_VM			0x00200000ULL
#define KA_VM_REG(n)	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_VM | (n))
#define KA_VM_ASYM			KA_VM_REG(0)
#define KA_VM_ASYM_SMCCC		0x1
#define KA_VM_FEATURES			KA_VM_REG(1)
#define KA_VM_CAPS			KA_VM_REG(2)
#define KA_VM_CAPS_NISV_TO_USER		0x1
#define KA_VM_CAPS_MTE			0x2
#define KA_VM_CAPS_SYSTEM_SUSPEND	0x4
#define KA_VM_CAPS_COUNTER_OFFSET	0x8
#define KA_VM_COUNTER_OFFSET		KA_VM_REG(3)

struct ka_reg_vec {
	uint32_t count;
	uint32_t done;
	uint64_t flags;
	uint64_t regs;
	uint64_t reserved;
};

#define KA_REG_VEC_MAX			4096
#define KA_GET_REG_VEC			_IOWR(KA_IO, 0xf0, struct ka_reg_vec)
#define KA_SET_REG_VEC			_IOWR(KA_IO, 0xf1, struct ka_reg_vec)
#endif

#endif
