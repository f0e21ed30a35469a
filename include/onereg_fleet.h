/* SPDX-License-Identifier: MIT */
/*
 * onereg_fleet.h - questions about several hosts at once; part of onereg.h
 *
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

#ifdef __cplusplus
}
#endif

#endif
