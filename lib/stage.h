/* SPDX-License-Identifier: MIT */
/* What both sides of a live migration use: source.c, destination.c. */
#ifndef ONEREG_LIB_STAGE_H
#define ONEREG_LIB_STAGE_H

#include "access.h"
#include "changes.h"

/*
 * What went wrong in a job. A job tells no report, which is not locked: its
 * caller does, when all are done.
 */
struct job_fault {
	int error;		/* 0: nothing */
	const char *operation;
	const char *name;	/* NULL: the register id */
	uint64_t id;
	const void *value;	/* or NULL */
	const char *why;
};

/* By the pool, else one after the other here. */
static inline void run_jobs(const struct onereg_pool *pool, size_t n,
			    void (*job)(void *arg, size_t i), void *arg)
{
	if (pool->run)
		pool->run(pool->userdata, n, job, arg);
	else
		for (size_t i = 0; i < n; i++)
			job(arg, i);
}

/* stage.c: -ENOMEM, told. */
int stage_no_memory(struct onereg_report *report);
/* The options, complete, and their pool. Reports. */
int stage_options_take(struct onereg_stage_options *o,
		       struct onereg_pool *pool,
		       const struct onereg_stage_options *options,
		       const char *function, struct onereg_report *report);
/* Reports the fault of a vCPU's job; its error. */
int job_failed(const struct job_fault *fault, size_t vcpu,
	       struct onereg_report *report);
void counts_add(struct onereg_counts *to, const struct onereg_counts *from);

#endif
