/* SPDX-License-Identifier: MIT */
/*
 * How the registers of a VM are reached here: what the kernel offers is asked
 * of it and used; where it offers nothing, register by register through vCPUs.
 * Ids are plain everywhere, whatever mode of KVM_CAP_ARM_REG_SCOPE the VM is
 * in.
 */
#ifndef ONEREG_LIB_ACCESS_H
#define ONEREG_LIB_ACCESS_H

#include "internal.h"

#define ACCESS_VM	(-1)	/* in place of a vCPU: the VM's descriptor */

struct access {
	const struct onereg_io *io;
	int vm_fd;
	const int *vcpu_fds;
	struct onereg_counts *counts;	/* of calls, or NULL */
	/* What the kernel offers: */
	bool vm_regs;		/* register ioctls on the VM's descriptor */
	bool vectors;
	bool config;		/* VM configuration registers */
	bool asym;		/* KA_VM_ASYM */
	/* What it lists there, when access_list() was called last. */
	struct regset vm_list;
};

/* Asks the VM; vcpu_fds may be NULL while there are none. Reports. */
int access_open(struct access *p, const struct onereg_io *io, int vm_fd,
	       const int *vcpu_fds, struct onereg_report *report);
void access_close(struct access *p);

/*
 * What the VM's descriptor lists now: all of it once a vCPU is initialised.
 * Reports. Without register ioctls there the list stays empty.
 */
int access_list(struct access *p, struct onereg_report *report);
/* Does the kernel say that the register is the VM's? */
bool access_is_vm(const struct access *p, uint64_t id);
bool is_config(uint64_t id);

/* What the vCPU lists, as it is without any mode. */
int access_vcpu_list(const struct access *p, size_t vcpu, struct regset *ret);

/*
 * Reads or writes n registers in order, of a vCPU or ACCESS_VM. The first that
 * fails ends it with -errno; *ret_done is how many are complete. The caller
 * may go on behind the one that failed.
 */
int access_get(const struct access *p, int vcpu, const struct ka_one_reg *regs,
	      size_t n, size_t *ret_done);
int access_set(const struct access *p, int vcpu, const struct ka_one_reg *regs,
	      size_t n, size_t *ret_done);
/* What such a call is, for findings: "KVM_SET_REG_VEC". */
const char *access_operation(const struct access *p, bool set);

/* A list of calls to make, with the place of each in a list of ids. */
struct batch {
	struct ka_one_reg *regs;
	size_t *at;
	size_t n;
};

/* Room for max. -ENOMEM */
int batch_init(struct batch *b, size_t max);
void batch_free(struct batch *b);
void batch_add(struct batch *b, uint64_t id, const void *value, size_t at);

#endif
