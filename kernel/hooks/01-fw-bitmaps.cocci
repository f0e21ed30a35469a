// SPDX-License-Identifier: GPL-2.0-only
// Which hypercall services a vCPU has is asked in one place, and a bitmap of
// them is set without a vCPU.
// files: arch/arm64/kvm/hypercalls.c

@setter@
identifier vcpu, id, val, ret, kvm, feat;
@@
- static int kvm_arm_set_fw_reg_bmap(struct kvm_vcpu *vcpu, u64 id, u64 val)
+ int kvm_arm_set_fw_reg_bmap(struct kvm *kvm,
+			    struct kvm_smccc_features *feat,
+			    u64 id, u64 val)
  {
  int ret = 0;
- struct kvm *kvm = vcpu->kvm;
- struct kvm_smccc_features *feat = &kvm->arch.smccc_feat;
  ...
  }

@@
expression id, val;
struct kvm_vcpu *vcpu;
@@
- kvm_arm_set_fw_reg_bmap(vcpu, id, val)
+ kvm_arm_set_fw_reg_bmap(vcpu->kvm, kvm_vcpu_smccc_features(vcpu), id, val)

@@
struct kvm_vcpu *vcpu;
@@
- &vcpu->kvm->arch.smccc_feat
+ kvm_vcpu_smccc_features(vcpu)
