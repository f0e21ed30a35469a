// SPDX-License-Identifier: GPL-2.0-only
// What a VM and a vCPU keep for VM-scoped registers.
// files: arch/arm64/include/asm/kvm_host.h

@@
@@
  #include <asm/kvm_asm.h>
+ #include <asm/kvm_vm_regs.h>

@@
@@
  struct kvm_arch {
  ...
  struct kvm_smccc_features smccc_feat;
  ...
+ /* VM-scoped registers */
+ struct kvm_vm_regs vm_regs;
  };

@@
@@
  struct kvm_vcpu_arch {
  ...
+ /* Hypercall services, where vCPUs may differ */
+ struct kvm_smccc_features smccc_feat;
+
+ /* VM-scoped ids that KVM_GET_REG_LIST left out so far */
+ unsigned int reg_ids_omitted;
  };
