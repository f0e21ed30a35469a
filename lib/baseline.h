/* SPDX-License-Identifier: MIT */
/* A baseline in the making: baseline.c by fields, baseline_whole.c the rest. */
#ifndef ONEREG_LIB_BASELINE_H
#define ONEREG_LIB_BASELINE_H

#include <errno.h>

#include "fleet.h"

#define LEVEL_PMCR	KA_SYS(3, 3, 9, 12, 0)

struct level {
	const struct onereg_host *const *hosts;
	const char *const *names;
	size_t n;
	const struct host_profile **p;	/* of each, with the features */
	const struct onereg_tolerances *tolerances;
	struct onereg_baseline *to;
	struct onereg_report *report;
	bool no_aarch32;
	bool prevented;
};

struct finding {
	enum onereg_severity severity;
	enum onereg_class class_;
	uint64_t id;
	const struct onereg_field *field;
	uint64_t a, b;
	const char *todo;
};

/* What the findings call the host. */
const char *level_name(const struct level *l, size_t host, char buf[32]);
void level_tell(struct level *l, const struct finding *f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Whichever host a guest goes to and from, does somebody answer for it? */
const char *level_tolerated(const struct level *l, uint64_t id, uint64_t bits);
/* Bits that stay each host's own, because that is tolerated: told. */
bool level_leave(struct level *l, struct baseline_reg *reg, uint64_t bits,
		 const struct finding *f);
/* A host does not have the register: told, of class MISSING or TOLERATED. */
void level_tell_lacking(struct level *l, uint64_t id, size_t host,
			enum onereg_severity severity);
/* Does no host before this one have the register? */
bool level_first_has(const struct level *l, size_t host, uint64_t id);

static inline int no_room(const struct level *l)
{
	report_error(l->report, ENOMEM, NULL, "baseline", "no memory");
	return -ENOMEM;
}

static inline uint64_t bits_of(const struct onereg_field *f)
{
	return (f->width < 64 ? (1ULL << f->width) - 1 : ~0ULL) << f->lsb;
}

/* ---- baseline_whole.c ---- */

/* -ENOMEM */
int level_fact(struct level *l, uint64_t id);
void level_ssbd(struct level *l);
int level_caches(struct level *l);
int level_counters(struct level *l);
int level_vectors(struct level *l);
void level_clock(struct level *l);

#endif
