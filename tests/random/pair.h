/* SPDX-License-Identifier: MIT */
/* Two kernels that have to agree: one that is asked, and a model of it. */
#ifndef ONEREG_RANDOM_PAIR_H
#define ONEREG_RANDOM_PAIR_H

#include "world.h"

struct pair {
	struct onereg_io io;	/* of the running kernel */
	struct onereg_host *host;
	struct model *first, *second;	/* first: NULL for a kernel */
	uint64_t now;		/* the second's counter */
};

/*
 * The running kernel, and a model made from its description. -EOPNOTSUPP: the
 * model is not one of such kernels.
 */
int pair_of_kernel(struct pair *p);
/* Two models of a host that there is not. */
int pair_of_models(struct pair *p, const struct model_host_options *options);
void pair_close(struct pair *p);
struct run {
	uint64_t seed;
	size_t n_calls;
	bool trace;		/* each call on standard output */
	bool keep_going;	/* past differences, which are shown */
	/* what came of it: */
	size_t made, done;	/* calls; those that did not fail */
	bool agree;		/* else one differs, the last one made */
	char text[16384];	/* the last call, and how it differs */
};

/* 0, or an errno where nothing was tried. */
int pair_run(struct pair *p, struct run *run);

#endif
