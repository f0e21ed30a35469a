/* SPDX-License-Identifier: MIT */
/* A restore under way, for restore*.c, config_check.c, prove.c, dry_run.c. */
#ifndef ONEREG_LIB_RESTORE_H
#define ONEREG_LIB_RESTORE_H

#include "access.h"

/* A list of ids with what the catalogue says of each, looked up once. */
struct rules {
	const struct regset *set;
	const struct family **family;
	bool has_counter;	/* of PHASE_COUNTER */
};

struct restore {
	struct onereg_vm *vm;
	const struct onereg_image *image;
	struct onereg_report *report;
	struct onereg_counts *counts;	/* NULL without a report */
	enum onereg_time time;
	bool dry;	/* what the kernel refuses is a finding; go on */
	bool ended;	/* dry: nothing more can be tried */
	bool no_proof;	/* the caller proves by itself */
	bool staging;	/* without what is read in the blackout only */
	struct access access;
	struct rules vm_rules;
	struct rules *set_rules;	/* of each of image->sets */
	uint64_t *refused;	/* ids that were told already, with repeats */
	size_t n_refused;
	size_t n_unproved;	/* by the proof: state that is not as saved */
};

int rules_init(struct rules *rules, const struct regset *set);
void rules_free(struct rules *rules);

int restore_open(struct restore *r, struct onereg_vm *vm,
		 const struct onereg_image *image,
		 struct onereg_report *report);
/*
 * Is the image all of a VM? Else a finding, and -EINVAL, or 0 in a dry run;
 * -ENOMEM. Of the first copy of a live migration, while staging.
 */
int check_whole(struct restore *r);
/* The plan, with the proof unless no_proof. */
int restore_run(struct restore *r);
/* So that the same onereg_vm can be saved again. */
int remember_shape(struct restore *r);
int write_gic(struct restore *r);
int write_vcpu_events(struct restore *r, size_t vcpu);
int write_vcpu_mp_state(struct restore *r, size_t vcpu);
void restore_close(struct restore *r);
/*
 * One failing call: an error that ends the restore, or in a dry run a
 * finding, and 0. f.error is -errno.
 */
int restore_failed(struct restore *r, struct onereg_finding f);

/* ---- config_check.c: what the VM was made with ---- */

int check_config(struct restore *r);
int prove_config(struct restore *r);

/* ---- restore_regs.c ---- */

int write_vector_lengths(struct restore *r);
int write_features(struct restore *r);
int write_host_facts(struct restore *r);
int write_vcpu_registers(struct restore *r);
int write_timers(struct restore *r);
/* Of such a row the registers of that phase. */
int write_vm_row(struct restore *r, const uint8_t *row, enum phase phase);
int write_vcpu_row(struct restore *r, size_t vcpu, const uint8_t *row,
		   enum phase phase);

/* ---- restore_clock.c ---- */

int write_counters(struct restore *r);

/* ---- prove.c ---- */

/*
 * Read back and compare by rule; what was refused is not told twice. The state
 * that stands still, and the counters and timers.
 */
int prove_state(struct restore *r);
int prove_clocks(struct restore *r);
/* State that is not as saved; f.severity is set here. 0 */
int unproved(struct restore *r, struct onereg_finding f);

#endif
