/* SPDX-License-Identifier: MIT */
/* Registers by the names that the payload uses. */
#ifndef ONEREG_VMM_NAMES_H
#define ONEREG_VMM_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct payload_params;

enum target_kind {
	TARGET_REG, /* id is a KVM register id */
	TARGET_CPU_INTERFACE, /* id is the encoding of an ICC_* register */
	TARGET_DIST, /* id is an offset in the distributor */
	TARGET_REDIST, /* id is an offset in the vCPU's redistributor */
};

struct target {
	char name[32];
	enum target_kind kind;
	uint64_t id;
};

/* The i-th, in a fixed order; false past the end. */
bool target_at(size_t i, struct target *ret);
/* By name, or by register id with 0x. */
bool target_find(const char *name, struct target *ret);
size_t target_size(const struct target *target); /* bytes */
uint64_t target_covered(const struct target *target,
			const struct payload_params *params);

#endif
