/* SPDX-License-Identifier: MIT */
/*
 * Checking an image against a described host: check.c looks at the VM's
 * shape and at lists, check_reg.c at single values.
 */
#ifndef ONEREG_LIB_CHECK_H
#define ONEREG_LIB_CHECK_H

#include "internal.h"

#define TRY_THERE "try it there: onereg check without --on"

struct check {
	const struct onereg_image *image;
	const struct onereg_host *host;
	const struct host_profile *profile;	/* the host's that fits best */
	struct onereg_report *report;
};

struct check_item {
	int vcpu;		/* -1: VM-wide */
	uint64_t id;
	const uint8_t *a;	/* in the image */
	const uint8_t *b;	/* on the host after init, or NULL */
	size_t size;		/* bytes */
	size_t at;		/* index in the profile's list */
};

/* The one that fits vCPUs of these features best; there is one at least. */
const struct host_profile *check_profile(const struct onereg_host *host,
					 uint32_t features);
/* What is the value that both have worth? Adds findings. */
void check_value(const struct check *c, const struct check_item *item);
/* What does it mean that the host lacks the register? Adds a finding. */
void check_missing(const struct check *c, const struct check_item *item);
/* field NULL: the whole register. */
void check_add(const struct check *c, const struct check_item *item,
	       enum onereg_severity severity, enum onereg_class class_,
	       const struct onereg_field *field, const char *why,
	       const char *todo);
/* config_check.c: what the VM was made with. */
void check_host_config(const struct check *c);
/* caches.c: does the register describe caches? */
bool caches_has(uint64_t id);
/* Why the host's kernel would not take this value of it; NULL: it does. */
const char *caches_refused(const struct host_profile *p, uint64_t id,
			   uint64_t value);
/* Do dumps of one host's registers leave this id out? */
bool check_unrecorded(uint64_t id);

#endif
