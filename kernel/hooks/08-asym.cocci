// SPDX-License-Identifier: GPL-2.0-only
// A vCPU with hypercall services of its own starts from those of the VM.
// files: arch/arm64/kvm/arm.c

@@
@@
  kvm_arch_vcpu_create(struct kvm_vcpu *vcpu)
  {
  ...
  vcpu_clear_flag(vcpu, VCPU_INITIALIZED);
+ kvm_vm_regs_vcpu_create(vcpu);
  ...
  }
