/* SPDX-License-Identifier: MIT */
/* One changed bit, for tests of the payload and of proofs. */
#ifndef ONEREG_VMM_FLIP_H
#define ONEREG_VMM_FLIP_H

#include "names.h"

struct vm;

struct flip {
	unsigned int vcpu;
	char reg[64]; /* name, or id with 0x */
	unsigned int bit;
};

union value {
	uint8_t byte[256];
	uint64_t word[32];
};

int flip_parse(const char *text, struct flip *ret);
/* On a paused VM, which may run for a moment until the vCPU holds. */
int flip_apply(struct vm *vm, const struct flip *flip);
int flip_list(void);

int flip_moment(struct vm *vm, unsigned int vcpu);
/* As ioctl(2): -1 and errno. */
int flip_read(struct vm *vm, unsigned int vcpu, const struct target *target,
	      union value *ret);
int flip_write(struct vm *vm, unsigned int vcpu, const struct target *target,
	       union value *value);

#endif
