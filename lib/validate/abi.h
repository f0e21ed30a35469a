/* SPDX-License-Identifier: MIT */
/*
 * What the rules speak beyond kvm_abi.h: calls that only a test makes, and
 * registers that only a test names. kvm_abi_check.c holds it, too, against
 * the system's headers.
 */
#ifndef ONEREG_LIB_VALIDATE_ABI_H
#define ONEREG_LIB_VALIDATE_ABI_H

#include "../kvm_abi.h"

struct ka_signal_mask {
	uint32_t len;		/* bytes of sigset: 8 */
	uint8_t sigset[8];
};

/* The size in the number is that without the set. */
#define KA_SET_SIGNAL_MASK		_IOW(KA_IO, 0x8b, uint32_t)

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

#endif
