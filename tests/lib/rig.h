/* SPDX-License-Identifier: MIT */
/*
 * rig.h - two machines, of which one fails: every call that an operation of
 * the library makes, in turn, and every allocation
 *
 * Each failure has to leave an error that names the call, nothing open, and
 * never a success that is none.
 */
#ifndef ONEREG_TESTS_RIG_H
#define ONEREG_TESTS_RIG_H

#include "suite.h"

/* An io whose n-th ioctl fails. */
struct faulty {
	struct pass pass;
	uint64_t n, calls;	/* n 0: never */
	int error;
	bool for_good;
	bool halves;		/* of a vector one half is done */
	bool fired;
	unsigned long request;	/* that failed first */
};

struct rig {
	struct test t;
	struct onereg_host *host;
	struct faulty faulty;	/* the machine that fails is the destination */
	struct guest src, dst;
	struct onereg_image *image;	/* of src */
	struct onereg_host *described;	/* without a failure */
	struct onereg_counts counts;	/* of the operation without a failure */
	struct onereg_counts proof;	/* of a proof without a failure */
	/* what the operation made */
	struct onereg_image *saved;
	struct onereg_host *again;
	/* a live migration from, or to, the machine that fails */
	struct onereg_source *source;
	struct onereg_destination *destination;
};

extern struct rig rig;
/* Of the next rig: has its kernel VM-scoped registers? Halves of vectors? */
extern bool with_vm_regs, with_halves;
/* Has its VM an ITS, with devices and LPIs that are pending? */
extern bool with_its;

/*
 * prepare: before the failure is armed. truthful: it returned 0 although a
 * call failed; is what it says the truth?
 */
struct operation {
	const char *name;
	void (*prepare)(void);
	int (*run)(struct onereg_report *report);
	bool (*truthful)(const struct onereg_report *report);
	void (*forget)(void);	/* what it made; or NULL */
};

void arm(struct faulty *f, uint64_t n, int error, bool for_good);
struct onereg_report *fresh_report(void);
void new_destination(void);
/* A finding with an errno and the call that it came from. */
bool names_failure(const struct onereg_report *report, int error);
bool counted_all(const struct onereg_report *report,
		 const struct onereg_counts *all);
/* The operations without which others have nothing to work on. */
int run_restore(struct onereg_report *report);
bool restored(const struct onereg_report *report);
void make_restored(void);

/* stride: not every call, where there are too many. */
void fail_each_call(const struct operation *op, int error, bool for_good,
		    uint64_t stride);
void fail_each_allocation(const struct operation *op);

#endif
