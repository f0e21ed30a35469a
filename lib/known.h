/* SPDX-License-Identifier: MIT */
/*
 * Known changes between kernels, as check and diff tell them. They explain:
 * what a change means is decided by what the two sides have, never by the
 * versions.
 */
#ifndef ONEREG_LIB_KNOWN_H
#define ONEREG_LIB_KNOWN_H

#include "internal.h"

enum known_kind {
	KNOWN_LISTED,	/* one side has the register */
	KNOWN_VALUE,	/* both have it, with other values */
};

/* Where a side's values are from; midr 0: not known. */
struct known_side {
	const char *release;
	uint64_t midr;
};

/* A difference, seen from either side. */
struct known_question {
	struct known_side sides[2];
	uint64_t id;
	const char *field;	/* or NULL: of the whole register */
	enum known_kind kind;
	uint32_t features;	/* features[0] of the vCPU */
	uint64_t a, b;		/* of the field or register; KNOWN_VALUE */
};

struct known_change {
	uint64_t id, mask;	/* matches reg if (reg & mask) == id; mask 0: */
	uint32_t without;	/* what needs these features, of a vCPU without */
	const char *field;	/* NULL: any, "": bits of no field */
	enum known_kind kind;
	bool same_cpu;		/* only there, as values always: listed by CPU */
	uint64_t values[2];	/* these only, either way; both 0: any */
	const char *until;	/* the last kernel that was seen with the old */
	const char *since;	/* the first that was seen with the new */
	const char *what;	/* what changed */
	const char *safe;	/* which way it is safe, and when */
	const char *source;	/* in Linux's arch/arm64/kvm, or where seen */
};

/* The i-th row, NULL past the end. */
const struct known_change *known_at(size_t i);
/*
 * The first that answers, or NULL. One kernel has no change between kernels, and
 * on another CPU values, and which caches there are, differ for reasons of their
 * own.
 */
const struct known_change *known_find(const struct known_question *q);
#define KNOWN_TEXT_MAX 512
/* For people, in one piece; NULL where known_find() finds nothing. */
const char *known_tell(const struct known_question *q,
		       char buf[KNOWN_TEXT_MAX]);

#endif
