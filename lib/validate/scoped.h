/* SPDX-License-Identifier: MIT */
/* What the chapters on VM-scoped registers share. */
#ifndef ONEREG_LIB_VALIDATE_SCOPED_H
#define ONEREG_LIB_VALIDATE_SCOPED_H

#include "validate.h"

#define TTBR0	KA_SYS(3, 0, 2, 0, 0)

/* Is a vCPU's register one that belongs to the VM? By the documentation. */
bool scoped(uint64_t id);
/* Does the VM's list have it before the first KVM_ARM_VCPU_INIT? */
bool scoped_early(uint64_t id);
bool scoped_config(uint64_t id);
/* A counter: its value differs from one read to the next. */
bool scoped_counter(uint64_t id);
bool scoped_bitmap(uint64_t id);
/* What the VM's list holds when a vCPU lists those: as a set. */
void scoped_expect(const struct v_list *vcpu, struct v_list *ret);
/* Both have the same ids, in any order. */
void scoped_same_set(struct v *v, const struct v_list *got,
		     const struct v_list *want);

/* A list with room for that many, all else poisoned. */
int scoped_try_list(struct v *v, int fd, uint64_t room, struct v_list *list);
void scoped_poisoned(struct v *v, const struct v_list *list, size_t from);

/* ---- vectors ---- */

#define VEC_MAX 512	/* entries of a test's vector */

/* Values of up to 256 bytes; those that were not read are poisoned. */
struct vec {
	uint32_t n;
	uint32_t done;		/* of the last call; poisoned before */
	struct ka_one_reg regs[VEC_MAX];
	uint64_t values[VEC_MAX][KA_REG_SIZE_MAX / sizeof(uint64_t)];
};

/* Each vec is calloc()ed; NULL breaks the rule. */
struct vec *vec_new(struct v *v);
void vec_add(struct vec *vec, uint64_t id, uint64_t value);
void vec_add_list(struct vec *vec, const struct v_list *list);
int vec_try(struct v *v, int fd, unsigned long request, struct vec *vec);
/* KVM_GET_REG_VEC or KVM_SET_REG_VEC with its result, and done. */
void vec_is(struct v *v, int fd, unsigned long request, struct vec *vec,
	    int want, uint32_t done);

#endif
