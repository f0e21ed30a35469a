/* SPDX-License-Identifier: MIT */
/*
 * Describing a host: what describe.c, scope_probe.c, caps.c and import.c
 * share.
 */
#ifndef ONEREG_LIB_DESCRIBE_H
#define ONEREG_LIB_DESCRIBE_H

#include <errno.h>

#include "internal.h"

/* Tells of it, at the point of failure. Returns -ENOMEM. */
static inline int no_memory(struct onereg_report *report, const char *name)
{
	report_error(report, ENOMEM, NULL, name, "no memory");
	return -ENOMEM;
}

/* The i-th capability that a description asks for; false past the end. */
bool cap_at(size_t i, uint32_t *ret);
/* "KVM_CAP_12", where the number has no name; buf is used for that. */
const char *cap_text(uint32_t cap, char *buf, size_t size);

/* "PSCI_0_2, SVE" for bits of features[0]; "none". As snprintf(). */
int features_text(uint32_t features, char *buf, size_t size);

/* A profile's arrays for that list. -ENOMEM, -EBADMSG as regset_init(). */
int profile_init(struct host_profile *profile, uint32_t features,
		 const uint64_t *ids, size_t n);
void profile_free(struct host_profile *profile);
uint8_t *profile_value(const struct host_profile *profile, size_t i);

/*
 * Fills in the scopes of the host's profiles, on scratch VMs of its own.
 * On kernels that do not tell which bits of ID registers may change, also
 * fills in those that were seen to.
 */
int scope_probe(struct onereg_host *host, const struct onereg_io *io,
		const char *device, struct onereg_report *report);

#endif
