// SPDX-License-Identifier: GPL-2.0-only
// Lists of ids, and ids in requests, tell the scope of a register.
// files: arch/arm64/kvm/arm.c arch/arm64/kvm/guest.c arch/arm64/kvm/hypercalls.c arch/arm64/kvm/sys_regs.c

@@
identifier reg;
@@
  kvm_arch_vcpu_ioctl(...)
  {
  <...
- kvm_arm_set_reg(vcpu, &reg)
+ kvm_vm_regs_vcpu_set(vcpu, &reg)
  ...>
  }

@@
identifier reg;
@@
  kvm_arch_vcpu_ioctl(...)
  {
  <...
- kvm_arm_get_reg(vcpu, &reg)
+ kvm_vm_regs_vcpu_get(vcpu, &reg)
  ...>
  }

@@
@@
  kvm_arch_vcpu_ioctl(...)
  {
  <...
- kvm_arm_num_regs(vcpu)
+ kvm_vm_regs_num_ids(vcpu)
  ...>
  }

@@
expression id, to;
@@
  copy_timer_indices(...)
  {
  <...
- put_user(id, to)
+ kvm_vm_regs_put_id(vcpu, id, to)
  ...>
  }

@@
expression id, to;
@@
  kvm_arm_copy_fw_reg_indices(...)
  {
  <...
- put_user(id, to)
+ kvm_vm_regs_put_id(vcpu, id, to)
  ...>
  }

@@
expression id, to;
@@
  kvm_arm_copy_sys_reg_indices(...)
  {
  <...
- put_user(id, to)
+ kvm_vm_regs_put_id(vcpu, id, to)
  ...>
  }

@@
expression id, to;
identifier reg, uind;
typedef u64;
@@
  copy_reg_to_user(
+		  struct kvm_vcpu *vcpu,
		  const struct sys_reg_desc *reg, u64 **uind)
  {
  <...
- put_user(id, to)
+ kvm_vm_regs_put_id(vcpu, id, to)
  ...>
  }

@@
expression reg, uind;
@@
- copy_reg_to_user(reg, uind)
+ copy_reg_to_user(vcpu, reg, uind)

// The last ids of the list: they move up by what was left out before.
@demux@
expression id, to;
identifier uindices;
typedef u64;
@@
  write_demux_regids(
+		    struct kvm_vcpu *vcpu,
		    u64 *uindices)
  {
  <...
- put_user(id, to)
+ kvm_vm_regs_put_id(vcpu, id, to)
  ...>
  }

@@
expression to;
@@
- write_demux_regids(to)
+ write_demux_regids(vcpu, to)

@@
@@
  walk_one_sys_reg(
-		   const struct kvm_vcpu *vcpu,
+		   struct kvm_vcpu *vcpu,
		   ...)
  { ... }
