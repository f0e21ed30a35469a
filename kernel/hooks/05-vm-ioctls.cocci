// SPDX-License-Identifier: GPL-2.0-only
// What kvm_arch_vm_ioctl() does not know may be a register ioctl; and an
// unknown device is a register that is asked for, by the same number.
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
identifier dev_addr;
@@
  kvm_vm_ioctl_set_device_addr(struct kvm *kvm, struct kvm_arm_device_addr *dev_addr)
  {
  <...
- return -ENODEV;
+ return kvm_vm_regs_device_addr(kvm, dev_addr);
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
