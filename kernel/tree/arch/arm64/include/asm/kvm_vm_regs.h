/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VM-scoped registers: what the rest of KVM/arm64 calls, and what it lends.
 */
#ifndef __ASM_KVM_VM_REGS_H
#define __ASM_KVM_VM_REGS_H

#include <linux/types.h>
#include <uapi/asm/kvm_vm_regs.h>

struct kvm;
struct kvm_arm_device_addr;
struct kvm_enable_cap;
struct kvm_one_reg;
struct kvm_smccc_features;
struct kvm_vcpu;
struct kvm_vcpu_init;
struct sys_reg_desc;

/**
 * struct kvm_vm_regs - what a VM keeps for its VM-scoped registers
 *
 * @asym: KVM_REG_ARM_VM_ASYM; constant once a vCPU exists
 * @features: what KVM_REG_ARM_VM_FEATURES was set to; likewise
 * @scope_mode: KVM_ARM_REG_SCOPE_*; likewise
 * @vcpu: the first vCPU that was initialised, NULL before. Registers of the
 *	VM are reached through it, without its mutex: what they are made of
 *	belongs to the VM, and vCPUs live as long as the VM.
 *
 * All but @vcpu are written under kvm->lock; @vcpu under config_lock.
 */
struct kvm_vm_regs {
	u64 asym;
	u64 features;
	u32 scope_mode;
	struct kvm_vcpu *vcpu;
};

/* vm_regs.c */
int kvm_vm_regs_check_extension(struct kvm *kvm, long ext);
int kvm_vm_regs_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap);
int kvm_vm_regs_vm_ioctl(struct kvm *kvm, unsigned int ioctl,
			 void __user *argp);
int kvm_vm_regs_device_addr(struct kvm *kvm,
			    const struct kvm_arm_device_addr *dev_addr);
int kvm_vm_regs_access(struct kvm *kvm, const struct kvm_one_reg *reg,
		       bool set);

void kvm_vm_regs_vcpu_create(struct kvm_vcpu *vcpu);
int kvm_vm_regs_check_init(struct kvm *kvm, const struct kvm_vcpu_init *init);
void kvm_vm_regs_vcpu_inited(struct kvm_vcpu *vcpu);

int kvm_vm_regs_vcpu_get(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_vm_regs_vcpu_set(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
unsigned long kvm_vm_regs_num_ids(struct kvm_vcpu *vcpu);
int kvm_vm_regs_put_id(struct kvm_vcpu *vcpu, u64 id, u64 __user *uind);

struct kvm_smccc_features *kvm_vcpu_smccc_features(struct kvm_vcpu *vcpu);

/* vm_regs_direct.c */
int kvm_vm_regs_direct_init(const struct sys_reg_desc *table,
			    unsigned int num);
unsigned int kvm_vm_regs_direct_get(struct kvm_vcpu *vcpu,
				    const struct kvm_one_reg *regs,
				    unsigned int n, unsigned int *next);
unsigned int kvm_vm_regs_direct_set(struct kvm_vcpu *vcpu,
				    const struct kvm_one_reg *regs,
				    unsigned int n, unsigned int *next);

/* vm_regs_vec.c */
int kvm_vm_regs_vec_vm_ioctl(struct kvm *kvm, unsigned int ioctl,
			     void __user *argp);
int kvm_vm_regs_vec_vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned int ioctl,
			       void __user *argp);

/* arm.c */
int kvm_check_init_features(struct kvm *kvm, const struct kvm_vcpu_init *init);

/* hypercalls.c */
int kvm_arm_set_fw_reg_bmap(struct kvm *kvm,
			    struct kvm_smccc_features *smccc_feat,
			    u64 reg_id, u64 val);

/* sys_regs.c */
bool kvm_arm_has_sys_reg(struct kvm_vcpu *vcpu, u64 id);

#endif /* __ASM_KVM_VM_REGS_H */
