/* SPDX-License-Identifier: MIT */
/* Differences that somebody answers for, as check, restore and proof ask. */
#ifndef ONEREG_LIB_TOLERANCE_H
#define ONEREG_LIB_TOLERANCE_H

#include "internal.h"

/*
 * The bits of the register that may stay the host's although they are others
 * in the image; 0: none. *ret_reason is of the first entry that is used.
 */
uint64_t tolerated_bits(const struct onereg_tolerances *t, uint64_t id,
			uint64_t saved, uint64_t host,
			const char **ret_reason);
/*
 * What the entry with that reason, as one of these returned it, says of the
 * change that it is about: as struct onereg_finding's; NULL: nothing.
 */
const char *tolerated_known(const struct onereg_tolerances *t,
			    const char *reason);
/* The reason why the destination may lack the register, or NULL. */
const char *tolerated_missing(const struct onereg_tolerances *t, uint64_t id);
/*
 * Tells that one was used, once for each register and vCPU: CARE, of class
 * TOLERATED. b NULL: the host does not have the register.
 */
void tolerated_tell(struct onereg_report *report, int vcpu, uint64_t id,
		    const void *a, const void *b, const char *reason);

#endif
