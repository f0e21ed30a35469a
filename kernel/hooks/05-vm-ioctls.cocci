// SPDX-License-Identifier: GPL-2.0-only
// What kvm_arch_vm_ioctl() does not know may be a register ioctl.
// files: arch/arm64/kvm/arm.c

@@
@@
  kvm_arch_vm_ioctl(...)
  {
  <...
- return -EINVAL;
+ return kvm_vm_regs_vm_ioctl(kvm, ioctl, argp);
  ...>
  }

@@
@@
  __kvm_vcpu_set_target(struct kvm_vcpu *vcpu, ...)
  {
  ...
  vcpu_set_flag(vcpu, VCPU_INITIALIZED);
+ kvm_vm_regs_vcpu_inited(vcpu);
  ...
  }
