/* SPDX-License-Identifier: MIT */
/*
 * VM configuration registers: what a VM was made with and, so far, could not
 * be asked for. A kernel without them has 0 in all of them.
 */
#ifndef ONEREG_LIB_CONFIG_H
#define ONEREG_LIB_CONFIG_H

#include "access.h"

/* The image's value; 0 where it has none. */
uint64_t config_value(const struct onereg_image *image, uint64_t id);

/*
 * Saves them; where the kernel tells, what the caller said of features and
 * capabilities is held against it, and what the caller left out is filled in.
 */
int config_save(struct access *p, struct onereg_image *image,
		struct onereg_report *report);

/* A register that vCPUs of the image hold different values of. */
struct split {
	uint64_t id;
	size_t vcpu;		/* the first that differs from the first */
	const uint8_t *first, *other;
	size_t size;
};

/*
 * The next one, from the *i-th register of the first vCPU's list on, of those
 * that these bits of KA_VM_ASYM are about; false: no more.
 */
bool config_next_split(const struct onereg_image *image, uint64_t asym,
		       size_t *i, struct split *ret);
/* Bits of the image's KA_VM_ASYM that this version knows nothing of. */
uint64_t config_unknown_asym(const struct onereg_image *image);
/* The i-th configuration register in use that this version does not know. */
bool config_unknown(const struct onereg_image *image, size_t i,
		    uint64_t *ret_id);
/* Is it of the kind that needs more than the kernels without it have? */
bool config_needs_kernel(const struct onereg_image *image);

/*
 * Before the first vCPU: makes the VM what the image needs. What this kernel
 * cannot is a finding, IMPOSSIBLE, and -EOPNOTSUPP.
 */
int config_write(struct access *p, const struct onereg_image *image,
		 struct onereg_report *report);

#endif
