// SPDX-License-Identifier: GPL-2.0-only
// Whether a VM could have these vCPU features is asked without a vCPU.
// files: arch/arm64/kvm/arm.c

@checker@
identifier vcpu, init;
@@
- static int kvm_vcpu_init_check_features(struct kvm_vcpu *vcpu,
- 					const struct kvm_vcpu_init *init)
+ int kvm_check_init_features(struct kvm *kvm, const struct kvm_vcpu_init *init)
  {
  ...
  }

@@
identifier checker.vcpu, checker.init;
@@
  kvm_check_init_features(struct kvm *kvm, const struct kvm_vcpu_init *init)
  {
  <...
- vcpu->kvm
+ kvm
  ...>
  }

@@
struct kvm_vcpu *vcpu;
expression init;
@@
- kvm_vcpu_init_check_features(vcpu, init)
+ kvm_check_init_features(vcpu->kvm, init)
