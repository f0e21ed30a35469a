/* SPDX-License-Identifier: MIT */
/*
 * onereg_fleet.h - questions about several hosts at once; part of onereg.h
 *
 *	gate       what may be switched on, as every host     onereg_gate_new()
 *	           that a VM may come to has it?
 *	baseline   what can a guest be shown that then runs   onereg_baseline_new()
 *	           on every host?                             onereg_vm_pin()
 *	tolerate   differences that somebody answers for      onereg_image_tolerate()
 *
 * docs/fleet.md is the guide. Conventions are those of onereg.h.
 */
#ifndef ONEREG_FLEET_H
#define ONEREG_FLEET_H

#include "onereg.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tolerances: differences that somebody answers for ---- */

/*
 * What would refuse a move, and is accepted all the same, from a file
 * (docs/fleet.md) in which each entry has its reason. Where one is used, that
 * is a finding, ONEREG_CARE of class TOLERATED, with that reason: never silent.
 * No entry can be about state of the guest (X0, TTBR0_EL1, SVE's vector
 * lengths), only about what a host shows a guest, or about a register that the
 * destination does not have.
 */
struct onereg_tolerances;

/*
 * -EBADMSG: not such a file; the finding names line or entry. -EPROTO: of a
 * newer version.
 */
int onereg_tolerances_read(const void *json, size_t size,
			   struct onereg_tolerances **ret,
			   struct onereg_report *report) ONEREG_CHECKED;
int onereg_tolerances_read_file(const char *path,
				struct onereg_tolerances **ret,
				struct onereg_report *report) ONEREG_CHECKED;
void onereg_tolerances_free(struct onereg_tolerances *tolerances);

struct onereg_tolerance {
	size_t size;
	uint64_t id;
	const struct onereg_field *field;	/* NULL: the whole register */
	bool missing;		/* the destination may lack the register */
	bool has_saved, has_host;	/* only if these are the values */
	uint64_t saved, host;	/* of the field, or the register */
	const char *reason;
};
/* The i-th entry. -ENOENT past the end. */
int onereg_tolerances_get(const struct onereg_tolerances *tolerances, size_t i,
			  struct onereg_tolerance *ret);

/*
 * From here on every check, dry run, restore, stage and proof of this image
 * tolerates those. A restore leaves the tolerated bits as they are on the
 * host, but only where the host refuses the image's. Not copied: tolerances
 * live as long as the image. NULL: none again. An image file does not keep
 * them.
 */
void onereg_image_tolerate(struct onereg_image *image,
			   const struct onereg_tolerances *tolerances);

/* ---- gate: what every host has ---- */

struct onereg_gate;

enum onereg_gate_state {
	ONEREG_GATE_OPEN,	/* every host has it */
	ONEREG_GATE_HELD,	/* some have it, some do not */
	ONEREG_GATE_ABSENT,	/* no host has it */
	ONEREG_GATE_UNKNOWN,	/* a description does not tell, no host lacks */
};
/* "open", "held", "absent", "unknown". */
const char *onereg_gate_state_name(enum onereg_gate_state state);

/*
 * hosts are all that a VM may move to or fall back to; they are looked at in
 * this call only. -EINVAL: no host, or one without a profile.
 */
int onereg_gate_new(const struct onereg_host *const *hosts, size_t n_hosts,
		    struct onereg_gate **ret,
		    struct onereg_report *report) ONEREG_CHECKED;
void onereg_gate_free(struct onereg_gate *gate);

struct onereg_gate_feature {
	size_t size;
	const char *name;	/* "tagged-ids": stable, for programs */
	const char *text;	/* what it is, for people */
	enum onereg_gate_state state;
	/* What all hosts have in common, "PSCI 1.1"; NULL: nothing to add. */
	const char *common;
};
/* The i-th. -ENOENT past the end. */
int onereg_gate_feature(const struct onereg_gate *gate, size_t i,
			struct onereg_gate_feature *ret);
/*
 * What the host, by its place among those given, has of the i-th feature:
 * OPEN it has it, HELD it has too little or another than the first of which it
 * is known, ABSENT, UNKNOWN. *ret_why: "PSCI 1.0"; never NULL. -ENOENT past the
 * ends.
 */
int onereg_gate_host(const struct onereg_gate *gate, size_t feature,
		     size_t host, enum onereg_gate_state *ret,
		     const char **ret_why);
/* May it be switched on? The state by name; -ENOENT: no such feature. */
int onereg_gate_ask(const struct onereg_gate *gate, const char *name);
/*
 * features[0] for KVM_ARM_VCPU_INIT: the most that every host offers together
 * and in the same way. 0: the hosts have no kind of vCPU in common.
 */
uint32_t onereg_gate_vcpu_features(const struct onereg_gate *gate);

/* ---- baseline: what every host can show a guest ---- */

struct onereg_baseline;

struct onereg_baseline_options {
	size_t size;
	uint32_t features;	/* of its vCPUs; 0: the most that all have */
	const struct onereg_tolerances *tolerances;	/* or NULL */
};
/*
 * The best values of what KVM shows a guest that each host has or takes in
 * place of its own: feature ID registers by each field's safe direction,
 * PSCI version, hypercalls, caches, vector lengths, event counters. Every
 * finding is about what differs and cannot be levelled: MIDR_EL1, say, which
 * no host lets change. names[i], for findings, is host i's; NULL: numbers.
 * -EBADE: there are no such values, and IMPOSSIBLE findings name each register
 * and field with the host that prevents it; -EINVAL: no host, or some host
 * describes no vCPUs of exactly these features, and the finding names it.
 * options NULL: none.
 */
int onereg_baseline_new(const struct onereg_host *const *hosts,
			const char *const *names, size_t n_hosts,
			const struct onereg_baseline_options *options,
			struct onereg_baseline **ret,
			struct onereg_report *report) ONEREG_CHECKED;
void onereg_baseline_free(struct onereg_baseline *baseline);

/* Files are JSON, docs/fleet.md. Errors as onereg_tolerances_read(). */
int onereg_baseline_read(const void *json, size_t size,
			 struct onereg_baseline **ret,
			 struct onereg_report *report) ONEREG_CHECKED;
int onereg_baseline_read_file(const char *path, struct onereg_baseline **ret,
			      struct onereg_report *report) ONEREG_CHECKED;
/* *ret is malloc()ed, the caller free()s it; NUL-terminated. */
int onereg_baseline_write(const struct onereg_baseline *baseline, char **ret,
			  size_t *ret_size) ONEREG_CHECKED;
int onereg_baseline_write_file(const struct onereg_baseline *baseline,
			       const char *path,
			       struct onereg_report *report) ONEREG_CHECKED;

/* features[0] that the guest's vCPUs have to be initialised with. */
uint32_t onereg_baseline_features(const struct onereg_baseline *baseline);

struct onereg_baseline_reg {
	size_t size;
	uint64_t id;
	const void *value;	/* little-endian */
	size_t value_size;	/* bytes */
	uint64_t left;		/* bits that stay the host's: tolerated */
	bool vcpu;		/* each vCPU has its own */
};
/* The i-th, by ascending id. -ENOENT past the end. */
int onereg_baseline_reg(const struct onereg_baseline *baseline, size_t i,
			struct onereg_baseline_reg *ret);

/*
 * Is it one that some host does not have, so that a guest which uses it (the
 * physical timer, on hosts before Linux 6.4) cannot go there?
 */
bool onereg_baseline_lacks(const struct onereg_baseline *baseline, uint64_t id);

/*
 * Makes a new VM show its guest the baseline: after KVM_ARM_VCPU_INIT of every
 * vCPU, with onereg_baseline_features(), and before KVM_ARM_VCPU_FINALIZE and
 * the first KVM_RUN. What the VM has once is written once, through its
 * descriptor where the kernel has that; what it has already is not written.
 * What the host does not have and a guest can do without (CCSIDR_EL1 of levels
 * that an older kernel does not list) is left out. All else is read back.
 * -EINVAL: other features, or the host refuses a value; -EBADE: it took one and
 * has another; -EPERM too late. The findings name each register; the VM must
 * not run then.
 */
int onereg_vm_pin(struct onereg_vm *vm, const struct onereg_baseline *baseline,
		  struct onereg_report *report) ONEREG_CHECKED;

#ifdef __cplusplus
}
#endif

#endif
