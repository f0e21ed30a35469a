/* SPDX-License-Identifier: MIT */
/* Stubs: what has no effect here. */
#ifndef ONEREG_MODEL_KERNEL_STUBS_H
#define ONEREG_MODEL_KERNEL_STUBS_H

/* Threads of userspace give way by themselves. */
#define cond_resched()			((void)0)
/* There is no hypervisor that a VM could be protected from its host by. */
#define kvm_vm_is_protected(kvm)	((void)(kvm), false)

#endif
