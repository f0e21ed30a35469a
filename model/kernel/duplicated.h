/* SPDX-License-Identifier: MIT */
/*
 * Duplicated: constants, members and prototypes that mean here what they mean
 * inside Linux, as far as the kernel files and the model use them. check-duplicated
 * holds them against its source.
 */
#ifndef ONEREG_MODEL_KERNEL_DUPLICATED_H
#define ONEREG_MODEL_KERNEL_DUPLICATED_H

#define KVM_VCPU_MAX_FEATURES		7
#define KVM_ARM_PSCI_0_1		1
#define KVM_ARM_PSCI_0_2		2
#define KVM_ARM_PSCI_1_0		0x10000

/* Bits of kvm->arch.flags. */
#define KVM_ARCH_FLAG_RETURN_NISV_IO_ABORT_TO_USER	0
#define KVM_ARCH_FLAG_MTE_ENABLED			1
#define KVM_ARCH_FLAG_HAS_RAN_ONCE			2
#define KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED		3
#define KVM_ARCH_FLAG_SYSTEM_SUSPEND_ENABLED		4
#define KVM_ARCH_FLAG_VM_COUNTER_OFFSET			5
#define KVM_ARCH_FLAG_TIMER_PPIS_IMMUTABLE		6

enum kvm_arch_timers {
	TIMER_PTIMER,
	TIMER_VTIMER,
	NR_KVM_EL0_TIMERS,
	TIMER_HVTIMER = NR_KVM_EL0_TIMERS,
	TIMER_HPTIMER,
	NR_KVM_TIMERS
};

struct arch_timer_vm_data {
	u64 voffset;
	u64 poffset;
	u8 ppi[NR_KVM_TIMERS];
};

struct kvm_smccc_features {
	unsigned long std_bmap;
	unsigned long std_hyp_bmap;
	unsigned long vendor_hyp_bmap;
};

struct kvm_arch {
	struct arch_timer_vm_data timer_data;
	u32 psci_version;
	struct mutex config_lock;
	unsigned long flags;
	DECLARE_BITMAP(vcpu_features, KVM_VCPU_MAX_FEATURES);
	u8 pmcr_n;
	struct kvm_smccc_features smccc_feat;
	struct kvm_vm_regs vm_regs;
};

struct kvm {
	struct mutex lock;
	int created_vcpus;
	struct kvm_arch arch;
};

struct vcpu_reset_state {
	unsigned long pc;
	unsigned long r0;
	bool be;
	bool reset;
};

struct kvm_vcpu_arch {
	struct kvm_smccc_features smccc_feat;
	unsigned int reg_ids_omitted;
	struct vcpu_reset_state reset_state;
	bool initialized;	/* a flag in the kernel */
};

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	int vcpu_idx;
	struct mutex mutex;
	unsigned long requests;	/* a u64 in the kernel */
	struct kvm_vcpu_arch arch;
};

#define KVM_REQ_VCPU_RESET		10

#define kvm_vm_has_ran_once(kvm) \
	(test_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &(kvm)->arch.flags))
#define vcpu_has_feature(v, f) \
	(test_bit((f), (v)->kvm->arch.vcpu_features))
#define kvm_vcpu_initialized(v)		((v)->arch.initialized)

int kvm_arm_get_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
int kvm_arm_set_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg);
unsigned long kvm_arm_num_regs(struct kvm_vcpu *vcpu);
int kvm_vm_ioctl_set_counter_offset(struct kvm *kvm,
				    struct kvm_arm_counter_offset *offset);
u64 kvm_phys_timer_read(void);
int kvm_psci_version(struct kvm_vcpu *vcpu);
void kvm_reset_vcpu(struct kvm_vcpu *vcpu);
bool kvm_check_request(int req, struct kvm_vcpu *vcpu);

#endif
