/* SPDX-License-Identifier: MIT */
/* Several hosts at once: what gate.c, baseline.c and their files share. */
#ifndef ONEREG_LIB_FLEET_H
#define ONEREG_LIB_FLEET_H

#include "internal.h"

#define FLEET_PTRAUTH \
	(1u << KA_VCPU_PTRAUTH_ADDRESS | 1u << KA_VCPU_PTRAUTH_GENERIC)

/* The host's vCPUs of exactly these features, or NULL. */
const struct host_profile *fleet_profile(const struct onereg_host *host,
					 uint32_t features);
/* A value of up to 8 bytes; 0 where the register is not there or not known. */
uint64_t fleet_value(const struct host_profile *p, uint64_t id);
/* Do both sign pointers in the same way? */
bool fleet_same_pauth(const struct host_profile *a,
		      const struct host_profile *b);
/*
 * The longest vector, in units of 128 bits, up to which all hosts' lists of
 * lengths are the same; 0: none.
 */
unsigned int fleet_vq(const struct onereg_host *const *hosts, size_t n,
		      uint32_t features);
/* The most features that every host offers together, in the same way. */
uint32_t fleet_features(const struct onereg_host *const *hosts, size_t n);

/* ---- baseline.c, baseline_file.c, pin.c ---- */

#define BASELINE_VALUE_SIZE 64

struct baseline_reg {
	uint64_t id;
	uint64_t left;		/* of the first 64 bits, those that stay */
	uint8_t value[BASELINE_VALUE_SIZE];
};

struct onereg_baseline {
	uint32_t features;
	char **hosts;		/* their names, for people */
	size_t n_hosts;
	struct baseline_reg *regs;	/* by ascending id */
	size_t n, allocated;
	uint64_t *lacking;		/* ids that some host does not have */
	size_t n_lacking;
};

/* Can a baseline have it? */
bool baseline_takes(uint64_t id);
/* Has each vCPU its own? */
bool baseline_is_vcpus(uint64_t id);
/* -ENOMEM */
int baseline_add(struct onereg_baseline *b, const struct baseline_reg *reg);
int baseline_add_lacking(struct onereg_baseline *b, uint64_t id);
void baseline_sort(struct onereg_baseline *b);
int baseline_add_host(struct onereg_baseline *b, const char *name);

#endif
