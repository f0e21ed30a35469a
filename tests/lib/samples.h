/* SPDX-License-Identifier: MIT */
/* Images and host descriptions to test with, and whether two are the same. */
#ifndef ONEREG_TESTS_SAMPLES_H
#define ONEREG_TESTS_SAMPLES_H

#include "internal.h"

struct sample_shape {
	uint64_t seed;
	size_t n_vcpus, n_sets;
	size_t n_ids;		/* in each list, sizes in turn */
	size_t n_vm_ids;
	size_t n_gic, n_attrs;	/* attributes; n_attrs of each vCPU */
	size_t n_caps, n_conflicts;
	size_t n_config;
	size_t n_its;
};

/* Random values in that shape; aborts if there is no memory. */
struct onereg_image *sample_image(const struct sample_shape *shape);
/* One of each thing there is, in 1,000 bytes. */
struct onereg_image *small_image(void);
/* With VM configuration registers, which a reader needs or may skip. */
struct onereg_image *config_image(bool required);
/* Of a VM with two ITSes. */
struct onereg_image *its_image(void);

struct onereg_host *sample_host(uint64_t seed, size_t n_profiles, size_t n_ids,
				size_t n_caps);
struct onereg_host *small_host(void);
/* The same, of a kernel that tells scopes. */
struct onereg_host *told_host(void);

bool images_equal(const struct onereg_image *a, const struct onereg_image *b);
bool hosts_equal(const struct onereg_host *a, const struct onereg_host *b);

#endif
