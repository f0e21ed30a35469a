/* SPDX-License-Identifier: MIT */
/* Bad pointers in calls on the VM fd and in vectors. */
#include <errno.h>
#include <string.h>

#include "scoped.h"

static const unsigned long both[] = { KA_GET_REG_VEC, KA_SET_REG_VEC };

/* NULL, the first byte that is not there, one that no user has. */
static void *nowhere(struct v *v, size_t i)
{
	void *const where[] = { NULL, v->pages + 2 * v->page_size,
				(void *)(UINTPTR_MAX - 7) };

	return where[i];
}

static uint8_t *end_of_memory(struct v *v)
{
	return nowhere(v, 1);
}

static void *read_only(struct v *v)
{
	return v->pages + 4 * v->page_size;
}

/* ---- on the VM fd ---- */

static void no_request(struct v *v)
{
	static const unsigned long requests[] = {
		KA_GET_ONE_REG, KA_SET_ONE_REG, KA_GET_REG_LIST,
		KA_GET_REG_VEC, KA_SET_REG_VEC, KA_ENABLE_CAP,
	};
	struct v_pair p = v_pair(v);

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		for (size_t j = 0; j < 3; j++)
			v_is(v, v_ioctl(v, p.vm, requests[i], nowhere(v, j)),
			     -EFAULT, "request %zu of %p on the VM", i,
			     nowhere(v, j));
}

static void half_a_request(struct v *v)
{
	struct v_pair p = v_pair(v);

	memset(end_of_memory(v) - 8, 0, 8);
	memcpy(end_of_memory(v) - 8, &(uint64_t){ KA_MIDR }, 8);
	v_is(v, v_ioctl(v, p.vm, KA_GET_ONE_REG, end_of_memory(v) - 8),
	     -EFAULT, "KVM_GET_ONE_REG of a struct that is half there");
	v_is(v, v_ioctl(v, p.vm, KA_SET_ONE_REG, end_of_memory(v) - 8),
	     -EFAULT, "KVM_SET_ONE_REG of a struct that is half there");
}

static void no_value(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++)
		for (size_t j = 0; j < 3; j++) {
			struct ka_one_reg reg = { list.ids[i],
						  (uintptr_t)nowhere(v, j) };

			v_is(v, v_ioctl(v, p.vm, KA_GET_ONE_REG, &reg),
			     -EFAULT, "KVM_GET_ONE_REG of %#llx to %p",
			     (unsigned long long)reg.id, nowhere(v, j));
			v_is(v, v_ioctl(v, p.vm, KA_SET_ONE_REG, &reg),
			     -EFAULT, "KVM_SET_ONE_REG of %#llx from %p",
			     (unsigned long long)reg.id, nowhere(v, j));
		}
}

static void half_a_value(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++) {
		struct ka_one_reg reg = { list.ids[i],
					  (uintptr_t)end_of_memory(v) - 4 };

		v_is(v, v_ioctl(v, p.vm, KA_GET_ONE_REG, &reg), -EFAULT,
		     "KVM_GET_ONE_REG of %#llx to half a value",
		     (unsigned long long)reg.id);
		v_is(v, v_ioctl(v, p.vm, KA_SET_ONE_REG, &reg), -EFAULT,
		     "KVM_SET_ONE_REG of %#llx from half a value",
		     (unsigned long long)reg.id);
	}
}

static void read_only_value(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++) {
		struct ka_one_reg reg = { list.ids[i],
					  (uintptr_t)read_only(v) };

		v_is(v, v_ioctl(v, p.vm, KA_GET_ONE_REG, &reg), -EFAULT,
		     "KVM_GET_ONE_REG of %#llx to memory that can only be read",
		     (unsigned long long)reg.id);
	}
}

static void read_only_list(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_is(v, v_ioctl(v, p.vm, KA_GET_REG_LIST, read_only(v)), -EFAULT,
	     "KVM_GET_REG_LIST to memory that can only be read");
}

static void list_ends_early(struct v *v)
{
	struct ka_reg_list *list = (void *)(end_of_memory(v) - 32);
	struct v_pair p = v_pair(v);
	struct v_list whole;

	v_list(v, p.vm, &whole);
	list->n = V_LIST_MAX;
	v_is(v, v_ioctl(v, p.vm, KA_GET_REG_LIST, list), -EFAULT,
	     "KVM_GET_REG_LIST whose fourth id has no room");
	v_same(v, list->n, whole.n, "n written back");
}

/* ---- vectors ---- */

static void vec_fails(struct v *v, int fd, size_t which,
		      const struct ka_one_reg *regs, uint32_t count,
		      uint32_t done)
{
	struct ka_reg_vec vec = { .count = count, .done = 77,
				  .regs = (uintptr_t)regs };

	v_is(v, v_ioctl(v, fd, both[which], &vec), -EFAULT,
	     "a vector of %u at %p on %s", count, (const void *)regs,
	     v_name(v, fd));
	v_same(v, vec.done, done, "done");
}

static void vector_struct(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct ka_reg_vec *half = (void *)(end_of_memory(v) - 16);

	memset(half, 0, 16);
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < 3; j++)
			v_is(v, v_ioctl(v, p.a, both[i], nowhere(v, j)),
			     -EFAULT, "a vector that is at %p", nowhere(v, j));
		v_is(v, v_ioctl(v, p.a, both[i], half), -EFAULT,
		     "a vector whose struct is half there");
		/* Its count is 0, but done cannot be written. */
		v_is(v, v_ioctl(v, p.a, both[i], read_only(v)), -EFAULT,
		     "a vector whose struct can only be read");
	}
}

static void vector_nowhere(struct v *v)
{
	struct v_pair p = v_pair(v);

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < 3; j++) {
			vec_fails(v, p.a, i, nowhere(v, j), 3, 0);
			vec_fails(v, p.vm, i, nowhere(v, j), 3, 0);
		}
}

/* Three and a half entries are there. */
static void vector_ends_early(struct v *v)
{
	struct ka_one_reg *regs = (void *)(end_of_memory(v) - 56);
	struct v_pair p = v_pair(v);
	uint64_t value = v_read(v, p.a, KA_MIDR);

	for (size_t i = 0; i < 3; i++)
		regs[i] = (struct ka_one_reg){ KA_MIDR, (uintptr_t)&value };
	regs[3].id = KA_MIDR;
	for (size_t i = 0; i < 2; i++) {
		vec_fails(v, p.a, i, regs, 5, 3);
		vec_fails(v, p.vm, i, regs, 5, 3);
	}
}

static void vector_value_nowhere(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t value = v_read(v, p.a, KA_MIDR);

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < 3; j++) {
			struct ka_one_reg regs[] = {
				{ KA_MIDR, (uintptr_t)&value },
				{ KA_REVIDR, (uintptr_t)nowhere(v, j) },
				{ KA_MIDR, (uintptr_t)&value },
			};

			vec_fails(v, p.a, i, regs, 3, 1);
			vec_fails(v, p.vm, i, regs, 3, 1);
		}
}

static void vector_value_read_only(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t value = 0;
	struct ka_one_reg regs[] = {
		{ KA_MIDR, (uintptr_t)&value },
		{ KA_REVIDR, (uintptr_t)read_only(v) },
	};

	vec_fails(v, p.a, 0, regs, 2, 1);
	vec_fails(v, p.vm, 0, regs, 2, 1);
	v_same(v, value, v_read(v, p.a, KA_MIDR), "the first value");
}

static const struct rule rules[] = {
	RULE(no_request, NEED_VM_FD | NEED_VECTORS | NEED_POINTERS,
	     "a request on the VM fd that is nowhere: -EFAULT"),
	RULE(half_a_request, NEED_VM_FD | NEED_POINTERS,
	     "a request on the VM fd half of which is nowhere: -EFAULT"),
	RULE(no_value, NEED_VM_FD | NEED_POINTERS,
	     "the value of each VM-scoped register nowhere: -EFAULT"),
	RULE(half_a_value, NEED_VM_FD | NEED_POINTERS,
	     "half of the value of each nowhere: -EFAULT"),
	RULE(read_only_value, NEED_VM_FD | NEED_POINTERS,
	     "reading each into memory that can only be read: -EFAULT"),
	RULE(read_only_list, NEED_VM_FD | NEED_POINTERS,
	     "the VM's list in memory that can only be read: -EFAULT"),
	RULE(list_ends_early, NEED_VM_FD | NEED_POINTERS,
	     "the VM's list that ends before its n: -EFAULT, n is written"),
	RULE(vector_struct, NEED_VECTORS | NEED_POINTERS,
	     "a vector's struct that cannot be read or written: -EFAULT"),
	RULE(vector_nowhere, NEED_VECTORS | NEED_VM_FD | NEED_POINTERS,
	     "a vector's entries that are nowhere: -EFAULT, done 0"),
	RULE(vector_ends_early, NEED_VECTORS | NEED_VM_FD | NEED_POINTERS,
	     "entries that end halfway: -EFAULT, done says where"),
	RULE(vector_value_nowhere, NEED_VECTORS | NEED_VM_FD | NEED_POINTERS,
	     "an entry's value nowhere: -EFAULT, done names it"),
	RULE(vector_value_read_only,
	     NEED_VECTORS | NEED_VM_FD | NEED_POINTERS,
	     "reading an entry into memory only to be read: -EFAULT"),
};

CHAPTER(bad_pointers);
