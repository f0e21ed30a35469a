/* SPDX-License-Identifier: MIT */
/* A save under way, for save.c and save_check.c. */
#ifndef ONEREG_LIB_SAVE_H
#define ONEREG_LIB_SAVE_H

#include "access.h"

struct save {
	struct onereg_vm *vm;
	struct onereg_image *image;
	struct onereg_report *report;
	struct onereg_counts *counts;
	struct regset *lists;	/* of each vCPU, as the kernel lists it */
	struct access access;
	const struct onereg_host *host;	/* NULL: none, or not of this host */
	/* The guest may run: without its GIC. NULL: all stands still. */
	const struct onereg_stage_options *staging;
};

/* As onereg_vm_save(), or a first copy while the guest runs. */
int save_image(struct onereg_vm *vm, const struct onereg_stage_options *staging,
	       struct onereg_image **ret, struct onereg_report *report);

/* Refuses by name what the image has no place for. */
int save_refuse_shape(const struct save *s);
/* Is every feature named that the vCPUs show? */
int save_check_features(struct save *s);
/* State that the guest may have and the kernel cannot be asked for. 0 */
int save_tell_unlisted(struct save *s);

#endif
