/* SPDX-License-Identifier: MIT */
/*
 * Comparing, for diff.c, diff_image.c and diff_host.c. A difference is a note:
 * which way it goes, and what it means, is the check's business. No findings:
 * the same, but for who wrote it and when.
 */
#ifndef ONEREG_LIB_DIFF_H
#define ONEREG_LIB_DIFF_H

#include "check.h"
#include "describe.h"

#define MIDR KA_SYS(3, 0, 0, 0, 0)

struct diff {
	struct onereg_report *report;
	/* of two hosts: what is compared, and which profile of a */
	const struct onereg_host *a, *b;
	size_t profile;
	char where[112]; /* " of vCPUs with PSCI_0_2", or "" */
};

/* One side, in any order. */
struct values {
	struct onereg_value *v;
	size_t n;
};

/* -ENOMEM, told, if findings were lost since diff_n_lost() was before. */
int diff_check_lost(struct onereg_report *report, size_t before);
/* Sorts both and compares them. */
void diff_values(const struct diff *d, struct values *a, struct values *b);
void diff_features(struct onereg_report *report, uint32_t a, uint32_t b);
void diff_midr(struct onereg_report *report, size_t from, uint64_t a,
	       uint64_t b);
void diff_number(struct onereg_report *report, const char *name, uint64_t a,
		 uint64_t b);
void diff_release(struct onereg_report *report, const char *a, const char *b);
void diff_yes(struct onereg_report *report, const char *name, bool a, bool b,
	      const char *yes, const char *no);
/* A difference that is not a register's. */
void diff_fact(struct onereg_report *report, const char *name, const char *fmt,
	       ...) __attribute__((format(printf, 3, 4)));
/* The host's profile with exactly these features, or NULL. */
const struct host_profile *diff_find_profile(const struct onereg_host *host,
					     uint32_t features);
size_t diff_n_lost(const struct onereg_report *report);
bool diff_pair_before(const struct diff *d, size_t *i,
		      const struct host_profile **a,
		      const struct host_profile **b);

#endif
