/* SPDX-License-Identifier: MIT */
/* Pointers to memory that is not there, or not to be written to. */
#include <errno.h>
#include <string.h>

#include "validate.h"

#define CCSIDR0	(KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX)

static const uint64_t of_each_class[] = {
	X0, KA_SYS(3, 0, 2, 0, 0), KA_ID_AA64PFR0, KA_MIDR, CCSIDR0,
	KA_PSCI_VERSION, KA_FW(1), KA_TIMER_CNT,
};

/* NULL, and the first byte that is not there. */
static void *hole(struct v *v, int i)
{
	return i ? v->pages + 2 * v->page_size : NULL;
}

static void *read_only(struct v *v)
{
	return v->pages + 4 * v->page_size;
}

static void no_request(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);

	for (int i = 0; i < 2; i++) {
		v_is(v, v_ioctl(v, vcpu, KA_GET_ONE_REG, hole(v, i)), -EFAULT,
		     "KVM_GET_ONE_REG of %p", hole(v, i));
		v_is(v, v_ioctl(v, vcpu, KA_SET_ONE_REG, hole(v, i)), -EFAULT,
		     "KVM_SET_ONE_REG of %p", hole(v, i));
		v_is(v, v_ioctl(v, vcpu, KA_GET_REG_LIST, hole(v, i)), -EFAULT,
		     "KVM_GET_REG_LIST of %p", hole(v, i));
		v_is(v, v_ioctl(v, vcpu, KA_ARM_VCPU_INIT, hole(v, i)),
		     -EFAULT, "KVM_ARM_VCPU_INIT of %p", hole(v, i));
	}
}

static void half_a_request(struct v *v)
{
	uint8_t *end = (uint8_t *)hole(v, 1) - 8;
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);

	memcpy(end, &(uint64_t){ X0 }, 8);
	v_is(v, v_ioctl(v, vcpu, KA_GET_ONE_REG, end), -EFAULT,
	     "KVM_GET_ONE_REG of a struct that is half there");
}

static void no_value(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);

	for (size_t i = 0; i < ARRAY_SIZE(of_each_class); i++)
		for (int j = 0; j < 2; j++) {
			struct ka_one_reg reg = { of_each_class[i],
						  (uintptr_t)hole(v, j) };

			v_is(v, v_ioctl(v, vcpu, KA_GET_ONE_REG, &reg),
			     -EFAULT, "KVM_GET_ONE_REG of %#llx to %p",
			     (unsigned long long)reg.id, hole(v, j));
			v_is(v, v_ioctl(v, vcpu, KA_SET_ONE_REG, &reg),
			     -EFAULT, "KVM_SET_ONE_REG of %#llx from %p",
			     (unsigned long long)reg.id, hole(v, j));
		}
}

static void read_only_value(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);
	struct ka_one_reg reg = { X0, (uintptr_t)read_only(v) };

	v_is(v, v_ioctl(v, vcpu, KA_SET_ONE_REG, &reg), 0,
	     "KVM_SET_ONE_REG from memory that can only be read");
	for (size_t i = 0; i < ARRAY_SIZE(of_each_class); i++) {
		reg.id = of_each_class[i];
		v_is(v, v_ioctl(v, vcpu, KA_GET_ONE_REG, &reg), -EFAULT,
		     "KVM_GET_ONE_REG of %#llx to memory that can only be read",
		     (unsigned long long)reg.id);
	}
}

static void read_only_list(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);

	v_is(v, v_ioctl(v, vcpu, KA_GET_REG_LIST, read_only(v)), -EFAULT,
	     "KVM_GET_REG_LIST to memory that can only be read");
}

static void list_ends_early(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);
	struct ka_reg_list *list = (void *)((uint8_t *)hole(v, 1) - 32);
	struct v_list whole;

	v_list(v, vcpu, &whole);
	list->n = V_LIST_MAX;
	v_is(v, v_ioctl(v, vcpu, KA_GET_REG_LIST, list), -EFAULT,
	     "KVM_GET_REG_LIST whose fourth id has no room");
	v_same(v, list->n, whole.n, "n written back");
}

static const struct rule rules[] = {
	RULE(no_request, NEED_POINTERS, "a request that is nowhere: -EFAULT"),
	RULE(half_a_request, NEED_POINTERS,
	     "a request half of which is nowhere: -EFAULT"),
	RULE(no_value, NEED_POINTERS, "a value that is nowhere: -EFAULT"),
	RULE(read_only_value, NEED_POINTERS,
	     "reading into memory that can only be read: -EFAULT"),
	RULE(read_only_list, NEED_POINTERS,
	     "a list in memory that can only be read: -EFAULT"),
	RULE(list_ends_early, NEED_POINTERS,
	     "a list that ends before its n: -EFAULT, n is written"),
};

CHAPTER(pointers);
