/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR MIT) */
/*
 * VM-scoped registers: state that KVM keeps once per VM, reached once per VM.
 *
 * To be included after <linux/kvm.h>. The numbers of capabilities and ioctls
 * lie outside the ranges that Linux allocates.
 */
#ifndef _UAPI_ASM_KVM_VM_REGS_H
#define _UAPI_ASM_KVM_VM_REGS_H

#include <linux/types.h>

/* KVM_CHECK_EXTENSION returns a mask of these. */
#define KVM_CAP_VM_ONE_REG		10240
#define KVM_VM_ONE_REG_IOCTLS		0x1 /* *_ONE_REG on the VM fd */
#define KVM_VM_ONE_REG_VECTORS		0x2 /* KVM_{GET,SET}_REG_VEC */
#define KVM_VM_ONE_REG_CONFIG		0x4 /* KVM_REG_ARM_VM_* */
#define KVM_VM_ONE_REG_ASYM		0x8 /* KVM_REG_ARM_VM_ASYM */

/*
 * KVM_CHECK_EXTENSION returns a mask of the modes. KVM_ENABLE_CAP takes one
 * mode, or KVM_ARM_REG_SCOPE_OFF, in args[0], before any vCPU is created.
 */
#define KVM_CAP_ARM_REG_SCOPE		10241
#define KVM_ARM_REG_SCOPE_OFF		0
#define KVM_ARM_REG_SCOPE_TAG		0x1
#define KVM_ARM_REG_SCOPE_OMIT		0x2

/* Whose register it is, in the id, in mode KVM_ARM_REG_SCOPE_TAG. */
#define KVM_REG_ARM_SCOPE_SHIFT		28
#define KVM_REG_ARM_SCOPE_MASK		0x0000000010000000ULL
#define KVM_REG_ARM_SCOPE_VCPU		0ULL
#define KVM_REG_ARM_SCOPE_VM		1ULL

/* VM configuration registers: on the VM fd only, 64 bits, 0 by default. */
#define KVM_REG_ARM_VM			(0x0020 << KVM_REG_ARM_COPROC_SHIFT)
#define KVM_REG_ARM_VM_REG(n)		(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | \
					 KVM_REG_ARM_VM | (n))

/* State that vCPUs of this VM may hold different values of. */
#define KVM_REG_ARM_VM_ASYM		KVM_REG_ARM_VM_REG(0)
#define KVM_REG_ARM_VM_ASYM_SMCCC	0x0000000000000001ULL /* hypercall bitmaps */

/* The features that every KVM_ARM_VCPU_INIT must ask for; 0: any, once. */
#define KVM_REG_ARM_VM_FEATURES		KVM_REG_ARM_VM_REG(1)

/* Capabilities that were enabled; to be compared, not to be changed. */
#define KVM_REG_ARM_VM_CAPS		KVM_REG_ARM_VM_REG(2)
#define KVM_REG_ARM_VM_CAPS_NISV_TO_USER	0x0000000000000001ULL
#define KVM_REG_ARM_VM_CAPS_MTE			0x0000000000000002ULL
#define KVM_REG_ARM_VM_CAPS_SYSTEM_SUSPEND	0x0000000000000004ULL
#define KVM_REG_ARM_VM_CAPS_COUNTER_OFFSET	0x0000000000000008ULL

/* What KVM_ARM_SET_COUNTER_OFFSET set; 0: nothing. */
#define KVM_REG_ARM_VM_COUNTER_OFFSET	KVM_REG_ARM_VM_REG(3)

/*
 * Many registers in one call, on a vCPU fd or on the VM fd. Entries are taken
 * in order. The first that fails ends the call with its error, a signal ends
 * it with EINTR; done tells how many entries are complete, whatever happens.
 */
struct kvm_reg_vec {
	__u32 count;	/* in: entries at regs, 1 to KVM_REG_VEC_MAX */
	__u32 done;	/* out: entries completed */
	__u64 flags;	/* must be 0 */
	__u64 regs;	/* user pointer to struct kvm_one_reg[count] */
	__u64 reserved;	/* must be 0 */
};

#define KVM_REG_VEC_MAX		4096
#define KVM_GET_REG_VEC		_IOWR(KVMIO, 0xf0, struct kvm_reg_vec)
#define KVM_SET_REG_VEC		_IOWR(KVMIO, 0xf1, struct kvm_reg_vec)

#endif /* _UAPI_ASM_KVM_VM_REGS_H */
