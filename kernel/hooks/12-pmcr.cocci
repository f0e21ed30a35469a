// SPDX-License-Identifier: GPL-2.0-only
// A write of PMCR_EL0 that leaves the number of counters as it is waits for no
// other vCPU.
// files: arch/arm64/kvm/sys_regs.c arch/arm64/kvm/pmu-emul.c

@@
@@
  set_pmcr(...)
  {
  ...
+ if (new_n == READ_ONCE(kvm->arch.pmcr_n))
+	goto same_n;
  mutex_lock(&kvm->arch.config_lock);
  ...
  mutex_unlock(&kvm->arch.config_lock);
+ same_n:
  ...
  }

// It is compared without the lock that its writers hold.
@@
struct kvm *kvm;
expression n;
@@
- kvm->arch.pmcr_n = n;
+ WRITE_ONCE(kvm->arch.pmcr_n, n);
