// SPDX-License-Identifier: GPL-2.0-only
// What kvm_arch_vcpu_ioctl() does not know may be a vector of registers.
// files: arch/arm64/kvm/arm.c

@@
identifier r;
@@
  kvm_arch_vcpu_ioctl(...)
  {
  <...
- r = -EINVAL;
+ r = kvm_vm_regs_vcpu_ioctl(vcpu, ioctl, argp);
  ...>
  }
