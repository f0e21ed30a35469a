// SPDX-License-Identifier: GPL-2.0-only
// Whether a vCPU has a system register is asked by its id.
// files: arch/arm64/kvm/sys_regs.c

@@
typedef bool, u64;
@@
  int kvm_arm_sys_reg_get_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
  { ... }

+ bool kvm_arm_has_sys_reg(struct kvm_vcpu *vcpu, u64 id)
+ {
+	return id_to_sys_reg_desc(vcpu, id, sys_reg_descs,
+				  ARRAY_SIZE(sys_reg_descs));
+ }
