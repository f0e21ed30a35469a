// SPDX-License-Identifier: GPL-2.0-only
// KVM_ARM_VCPU_INIT keeps to the features that the VM was configured with.
// files: arch/arm64/kvm/arm.c

@@
identifier ret, init;
@@
  kvm_vcpu_set_target(struct kvm_vcpu *vcpu, const struct kvm_vcpu_init *init)
  {
  ...
  ret = kvm_check_init_features(vcpu->kvm, init);
+ if (!ret)
+	ret = kvm_vm_regs_check_init(vcpu->kvm, init);
  ...
  }
