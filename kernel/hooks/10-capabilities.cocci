// SPDX-License-Identifier: GPL-2.0-only
// The capabilities are told, and the mode is taken.
// files: arch/arm64/kvm/arm.c

@@
identifier r;
@@
  kvm_vm_ioctl_check_extension(...)
  {
  <...
- r = 0;
+ r = kvm_vm_regs_check_extension(kvm, ext);
  ...>
  }

@@
@@
  kvm_vm_ioctl_enable_cap(...)
  {
  ...
  if (kvm_vm_is_protected(kvm) && !pkvm_ext_allowed(kvm, cap->cap))
	return -EINVAL;
+ if (cap->cap == KVM_CAP_ARM_REG_SCOPE)
+	return kvm_vm_regs_enable_cap(kvm, cap);
  ...
  }
