/* SPDX-License-Identifier: MIT */
/* A VM to measure register calls on, for simulate_cost and simulate_check. */
#ifndef SIMULATE_VM_H
#define SIMULATE_VM_H

#include <stdbool.h>

#include <linux/kvm.h>

#define MAX_VCPUS	64
#define MAX_REGS	1024
#define VALUE_SIZE	256	/* bytes; the longest register */

/* What a register is, as far as kvm->arch.config_lock is concerned. */
enum kind {
	KIND_ID,	/* SET takes the lock; GET too, until the first run */
	KIND_BMAP,	/* bitmaps of hypercall services: SET takes the lock */
	KIND_PMCR,	/* PMCR_EL0: SET takes the lock */
	KIND_OTHER,	/* never */
};

struct reg {
	struct kvm_one_reg one;
	enum kind kind;
	bool busy;	/* a busy guest changes it all the time */
	bool writable;	/* takes back what it gave */
	unsigned char value[VALUE_SIZE];
};

struct vm {
	int kvm, fd;
	unsigned int n_vcpus, n_regs;
	int vcpus[MAX_VCPUS];
	struct reg regs[MAX_REGS];	/* of the first vCPU */
};

/* Ends the program with what errno says. */
void die(const char *what) __attribute__((noreturn));
long long now(void);	/* ns; instructions under host/run --icount */
const char *kind_name(enum kind kind);
/*
 * As a VMM's at the destination: all vCPUs initialised, none has run.
 * with_pmu: else its PMU is not made yet, and no vCPU can run.
 */
void vm_make(struct vm *vm, unsigned int n_vcpus, bool with_pmu);
/* Each vCPU enters KVM_RUN and comes back at once. */
void vm_run(struct vm *vm);
void vm_free(struct vm *vm);

#endif
