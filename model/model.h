/* SPDX-License-Identifier: MIT */
/*
 * model.h - a KVM/arm64 register plane in userspace
 *
 * A struct model is one machine: a kernel that answers KVM's ioctls behind a
 * struct onereg_io, filled from a host description. Its file descriptors are
 * numbers of its own; nothing reaches the real kernel. What an ioctl accepts,
 * refuses and with which errno follows Linux 6.12; struct model_style says
 * where kernels differ.
 *
 * VM-scoped registers and vectors are not modelled: they are the kernel's own
 * files, arch/arm64/kvm/vm_regs.c and vm_regs_vec.c, compiled unchanged. What
 * they call is here, and model/kernel/ stands in for the kernel around them.
 *
 * Threads may use a model at the same time. The locks are a kernel's: a
 * vCPU's mutex during its ioctls, kvm->lock, config_lock, and try-locks of
 * all vCPUs. Setting a machine up (guests, faults, descriptions), scribbling
 * and comparing are for one thread alone.
 *
 * Memory that an ioctl is told of may be missing: -EFAULT. To that end the
 * process's SIGSEGV and SIGBUS are handled; those that are not ours go to
 * whoever had them before.
 *
 * Guest memory is what KVM_SET_USER_MEMORY_REGION says, read and written for
 * an ITS and its LPIs only. An ITS is reached by its attributes, the command
 * queue and KVM_SIGNAL_MSI. Not modelled of these: MMIO, irqfds and routing, the
 * dirty log, GICv4, a vCPU that takes an interrupt (what is queued to it stays
 * so), and whether two devices' addresses overlap, which KVM does not look at
 * either before a vCPU runs. KVM_CHECK_EXTENSION says what the description
 * says, whether or not there is an ITS.
 *
 * Devices other than the GICv3 and the ITS, and the running of guest code are
 * not modelled: KVM_RUN calls a function that plays the guest.
 * Misbehaviour is of registers that belong to a vCPU or are stored in an ID
 * register; those that the kernel file keeps (VM configuration, counters and
 * hypercall bitmaps on the VM fd) behave.
 */
#ifndef ONEREG_MODEL_H
#define ONEREG_MODEL_H

#include "onereg.h"

struct model;

/* ---- a machine ---- */

/* How this kernel does what kernels do in several ways. */
struct model_style {
	/*
	 * SET on PMCNTENSET, PMINTENSET, PMOVSSET sets bits, on the CLR twin
	 * clears them (6.7 to 6.12); else both store the value.
	 */
	bool pmu_pairs;
	/* ID registers take fewer features; else only an equal value. */
	bool id_regs_writable;
	/* KVM_ARM_GET_REG_WRITABLE_MASKS exists. */
	bool has_masks;
	/*
	 * VM-scoped registers and vectors: kernel/'s own file answers. Wants
	 * vm_counter_offsets.
	 */
	bool vm_regs;
	/* TIMER_CNT is one value for the VM; else each vCPU has its own. */
	bool vm_counter_offsets;
	/* AArch32 ID registers read as zero and ignore a SET. */
	bool no_aarch32;
	/* GIC CPU interface: priority and interrupt id bits (ICC_CTLR_EL1). */
	unsigned int gic_pri_bits, gic_id_bits;
	bool gic_a3v, gic_seis;
	/*
	 * KVM_RUN waits, as a kernel's does, while the vCPU is stopped or no
	 * function plays the guest: until model_cpu_on(), or a signal with a
	 * handler, which makes it -EINTR. Else it is -EINTR at once.
	 */
	bool run_blocks;
	/* The machine's clocks at start, and how far an ioctl moves them. */
	uint64_t counter_start;		/* ticks */
	uint64_t wall_start;		/* ns since 1970 */
	uint64_t ticks_per_ioctl;
};

/* What the description suggests. */
void model_style_default(const struct onereg_host *host,
			 struct model_style *ret);

/*
 * host stays the caller's and must outlive the model. style NULL: default.
 * -EINVAL: a style that no kernel has.
 */
int model_new(const struct onereg_host *host, const struct model_style *style,
	      struct model **ret) ONEREG_CHECKED;
/* Closes whatever is open. */
void model_free(struct model *m);
/* Lives as long as the model. */
const struct onereg_io *model_io(struct model *m);
const struct model_style *model_get_style(const struct model *m);
/* File descriptors that are open now. */
size_t model_n_open(struct model *m);
/* ioctls answered so far. */
uint64_t model_n_ioctls(const struct model *m);
/* Lets time pass. */
void model_sleep(struct model *m, uint64_t ns);

/* ---- guests ---- */

/*
 * Plays the guest for one KVM_RUN on that vCPU; its return value is the
 * ioctl's. May use model_poke() and the ioctls of the model.
 */
typedef int model_guest(void *userdata, struct model *m, int vcpu_fd);
/* Before other threads use the model. NULL: no guest, see run_blocks. */
void model_set_guest(struct model *m, model_guest *guest, void *userdata);
/*
 * What a guest does to another vCPU with PSCI CPU_ON: it will be reset, start
 * at pc with context in x0, and a KVM_RUN that waits goes on. -EALREADY: it
 * is not stopped.
 */
int model_cpu_on(struct model *m, int vcpu_fd, uint64_t pc, uint64_t context);
/* As if inside KVM_RUN: what needs all vCPUs idle is -EBUSY. */
int model_set_running(struct model *m, int vcpu_fd, bool running);
/* Stores a register past every rule. -ENOENT: the vCPU has no such one. */
int model_poke(struct model *m, int vcpu_fd, uint64_t id, const void *value);
int model_peek(struct model *m, int vcpu_fd, uint64_t id, void *value);
/*
 * What a busy guest leaves behind: random valid values in every register,
 * events, MP state and GIC interrupt of the VM; then the VM has run. ID
 * registers and firmware bitmaps lose some features. Same seed, same state. An
 * ITS and its LPIs stay as they are.
 */
int model_scribble(struct model *m, int vm_fd, uint64_t seed);

/* ---- comparing ---- */

/*
 * Compares two VMs, of one or two models, value by value without the library
 * and without ioctls: registers, events, MP state, attributes, capabilities,
 * GIC, ITSes, LPIs that are mapped; not guest memory. Counters are left out, see
 * model_counter(); a timer's ISTATUS follows from them. Returns the number of differences; the first are described in
 * buf, a line each.
 */
size_t model_compare(struct model *a, int vm_fd_a, struct model *b,
		     int vm_fd_b, char *buf, size_t size);
/* The VM's virtual (or physical) counter now. */
uint64_t model_counter(struct model *m, int vm_fd, bool physical);

/* ---- misbehaving ---- */

enum model_fault {
	MODEL_IGNORE_SET,	/* SET returns 0 and does nothing */
	MODEL_XOR_GET,		/* GET returns the value with arg's bits flipped */
	MODEL_XOR_SET,		/* SET stores the value so */
	MODEL_CLEAR_SET,	/* SET stores 64 bits without those of arg */
	MODEL_DROP,		/* not in the list, -ENOENT */
	MODEL_REFUSE_SET,	/* SET fails with errno arg */
	MODEL_REFUSE_GET,	/* GET fails with errno arg */
};
/* The register misbehaves in every VM; vcpu is an index, -1 means all. */
int model_misbehave(struct model *m, enum model_fault fault, uint64_t id,
		    int vcpu, uint64_t arg);
/*
 * The same for an attribute of the GIC or of every ITS, but MODEL_DROP and
 * MODEL_CLEAR_SET. Of those without a register there are KVM_DEV_ARM_VGIC_SAVE_
 * PENDING_TABLES and all of an ITS; they have no GET.
 */
int model_misbehave_gic(struct model *m, enum model_fault fault,
			uint32_t group, uint64_t attr, uint64_t arg);
void model_behave(struct model *m);

/* ---- a host description out of nothing ---- */

struct model_host_options {
	const char *release;	/* NULL: "6.12.0-model" */
	bool sve, pmu, pauth;	/* what the host has */
	unsigned int sve_vq;	/* longest vector in units of 128 bits; 0: 16 */
	unsigned int pmu_counters;	/* PMCR_EL0.N; 0: 6 */
	bool no_masks;		/* a kernel whose ID registers are fixed */
	bool no_aarch32;
	bool s1poe;		/* registers that an ID register field reveals */
	bool vm_regs;		/* capabilities of VM-scoped registers */
	uint64_t counter_frequency;	/* 0: 62500000 */
	unsigned int ipa_bits;	/* 0: 48 */
	uint64_t midr;		/* 0: an emulated "max" CPU */
};
/*
 * A host much like an emulated "max" CPU: each combination of the features
 * as a profile, some 260 to 360 registers of 32 to 2048 bits.
 * options NULL: everything that there is.
 */
int model_host_new(const struct model_host_options *options,
		   struct onereg_host **ret) ONEREG_CHECKED;
/*
 * To make hosts that differ: changes the reset value (and with it what an ID
 * register may hold), the mask, or removes the register, in each profile
 * that has it. -ENOENT: none has.
 */
int model_host_set_reset(struct onereg_host *host, uint64_t id,
			 uint64_t value);
int model_host_set_mask(struct onereg_host *host, uint64_t id, uint64_t mask);
int model_host_remove(struct onereg_host *host, uint64_t id);
int model_host_set_cap(struct onereg_host *host, uint32_t cap, int32_t value);

#endif
