/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that vm_regs.c wants from the kernel, so that it can be compiled
 * elsewhere against another file of this name.
 */
#ifndef __ARM64_KVM_VM_REGS_H
#define __ARM64_KVM_VM_REGS_H

#include <linux/errno.h>
#include <linux/kvm.h>
#include <linux/kvm_host.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include <kvm/arm_arch_timer.h>
#include <kvm/arm_hypercalls.h>
#include <kvm/arm_psci.h>

#include <asm/kvm_host.h>
#include <asm/kvm_vm_regs.h>

#endif /* __ARM64_KVM_VM_REGS_H */
