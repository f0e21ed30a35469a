// SPDX-License-Identifier: GPL-2.0-only
// What the ioctls of a VM and of a vCPU do not know may be a vector of
// registers.
// files: arch/arm64/kvm/arm.c

@@
@@
  kvm_arch_vm_ioctl(...)
  {
  <...
- return kvm_vm_regs_vm_ioctl(kvm, ioctl, argp);
+ return kvm_vm_regs_vec_vm_ioctl(kvm, ioctl, argp);
  ...>
  }

@@
identifier r;
@@
  kvm_arch_vcpu_ioctl(...)
  {
  <...
- r = -EINVAL;
+ r = kvm_vm_regs_vec_vcpu_ioctl(vcpu, ioctl, argp);
  ...>
  }
