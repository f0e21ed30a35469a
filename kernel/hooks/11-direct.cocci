// SPDX-License-Identifier: GPL-2.0-only
// The table of system registers is told to those who find registers in it.
// files: arch/arm64/kvm/sys_regs.c

@@
identifier ret;
@@
  kvm_sys_reg_table_init(void)
  {
  ...
+ if (!ret)
+	ret = kvm_vm_regs_direct_init(sys_reg_descs,
+				      ARRAY_SIZE(sys_reg_descs));
  return ret;
  }
