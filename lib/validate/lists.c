/* SPDX-License-Identifier: MIT */
/* KVM_GET_REG_LIST of a vCPU. */
#include <errno.h>
#include <string.h>

#include "validate.h"

static int all_features(struct v *v)
{
	return v_ready(v, v_vm(v), 0, v->features);
}

/* A list with room for that many, everything else poisoned. */
static int try_list(struct v *v, int fd, uint64_t room, struct v_list *list)
{
	memset(list, POISON & 0xff, sizeof(*list));
	list->n = room;
	return v_ioctl(v, fd, KA_GET_REG_LIST, list);
}

static void poisoned_from(struct v *v, const struct v_list *list, size_t i)
{
	for (; i < V_LIST_MAX; i++)
		if (!v_same(v, list->ids[i], POISON, "reg[%zu]", i))
			return;
}

static void room_for_none(struct v *v)
{
	struct v_list whole, list;
	int vcpu = all_features(v);

	v_list(v, vcpu, &whole);
	v_is(v, try_list(v, vcpu, 0, &list), -E2BIG, "KVM_GET_REG_LIST, n 0");
	v_same(v, list.n, whole.n, "n written back");
	poisoned_from(v, &list, 0);
}

static void one_too_few(struct v *v)
{
	struct v_list whole, list;
	int vcpu = all_features(v);

	v_list(v, vcpu, &whole);
	v_is(v, try_list(v, vcpu, whole.n - 1, &list), -E2BIG,
	     "KVM_GET_REG_LIST with room for one too few");
	v_same(v, list.n, whole.n, "n written back");
	poisoned_from(v, &list, 0);
}

static void just_enough(struct v *v)
{
	struct v_list whole, list;
	int vcpu = all_features(v);

	v_list(v, vcpu, &whole);
	v_is(v, try_list(v, vcpu, whole.n, &list), 0,
	     "KVM_GET_REG_LIST with just enough room");
	v_lists_equal(v, &whole, "a roomy list", &list, "one that just fits");
	poisoned_from(v, &list, whole.n);
}

static void too_much_room(struct v *v)
{
	struct v_list list;
	int vcpu = all_features(v);

	v_is(v, try_list(v, vcpu, V_LIST_MAX, &list), 0, "KVM_GET_REG_LIST");
	if (v_true(v, list.n < V_LIST_MAX, "n is %llu, as it was given",
		   (unsigned long long)list.n))
		poisoned_from(v, &list, list.n);
}

static void any_n(struct v *v)
{
	struct v_list whole, list;
	int vcpu = all_features(v);

	v_list(v, vcpu, &whole);
	v_is(v, try_list(v, vcpu, UINT64_MAX, &list), 0,
	     "KVM_GET_REG_LIST with n 2^64 - 1");
	/* The list is right whether or not n is cut to 32 bits. */
	v_same(v, list.n, whole.n, "n written back");
}

static void each_once(struct v *v)
{
	struct v_list list;

	v_list(v, all_features(v), &list);
	for (size_t i = 0; i < list.n; i++)
		for (size_t j = 0; j < i; j++)
			if (!v_true(v, list.ids[i] != list.ids[j],
				    "%#llx is there twice",
				    (unsigned long long)list.ids[i]))
				return;
}

static void each_can_be_read(struct v *v)
{
	int vcpu = all_features(v);
	struct v_list list;

	v_list(v, vcpu, &list);
	for (size_t i = 0; i < list.n && !v->failed; i++)
		v_get(v, vcpu, list.ids[i], 0);
}

/* The PMU's pairs and timers move or merge; the rest takes what it has. */
static void each_takes_its_value(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);
	struct v_list list;

	v_list(v, vcpu, &list);
	for (size_t i = 0; i < list.n && !v->failed; i++) {
		uint64_t room[KA_REG_SIZE_MAX / 8];
		struct ka_one_reg reg = { list.ids[i], (uintptr_t)room };

		v_is(v, v_ioctl(v, vcpu, KA_GET_ONE_REG, &reg), 0,
		     "GET of %#llx", (unsigned long long)reg.id);
		v_is(v, v_ioctl(v, vcpu, KA_SET_ONE_REG, &reg), 0,
		     "SET of %#llx to what it was", (unsigned long long)reg.id);
	}
}

static void ids_are_arm64(struct v *v)
{
	struct v_list list;

	v_list(v, all_features(v), &list);
	for (size_t i = 0; i < list.n; i++) {
		unsigned long long id = list.ids[i];

		v_true(v, (id & KA_REG_ARCH_MASK) == KA_REG_ARM64,
		       "%#llx is not of arm64", id);
		v_true(v, onereg_reg_size(id), "%#llx has no size", id);
	}
}

static void no_scope_unasked(struct v *v)
{
	struct v_list list;

	v_list(v, all_features(v), &list);
	for (size_t i = 0; i < list.n; i++)
		v_true(v, !(list.ids[i] & 0xf0000000ULL),
		       "%#llx has one of bits 28 to 31",
		       (unsigned long long)list.ids[i]);
}

static void same_on_each_vcpu(struct v *v)
{
	int vm = v_vm(v), a = v_ready(v, vm, 0, v->features),
	    b = v_ready(v, vm, 1, v->features);
	struct v_list la, lb;

	v_list(v, a, &la);
	v_list(v, b, &lb);
	v_lists_equal(v, &la, "vCPU 0's list", &lb, "vCPU 1's");
}

static void first_run_leaves_the_list(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list before, after;

	v_list(v, p.a, &before);
	v_first_run(v, p.a);
	v_list(v, p.a, &after);
	v_lists_equal(v, &before, "before", &after, "after");
}

/* ---- kernels without VM-scoped registers, on the VM fd ---- */

static void stock_vm_fd(struct v *v)
{
	struct ka_reg_list none = { .n = 0 };
	struct v_pair p = v_pair(v);

	v_is(v, v_ioctl(v, p.vm, KA_GET_REG_LIST, &none), -EINVAL,
	     "KVM_GET_REG_LIST on the VM");
	v_same(v, none.n, 0, "n, which nobody should have written");
	v_set(v, p.vm, KA_ID_AA64PFR0, 0, -EINVAL);
	v_set(v, p.vm, KA_VM_ASYM, 0, -EINVAL);
	/*
	 * On a VM fd the number of KVM_GET_ONE_REG is, by accident, that of
	 * KVM_ARM_SET_DEVICE_ADDR, which knows no device of such an id.
	 */
	v_get(v, p.vm, KA_ID_AA64PFR0, -ENODEV);
	v_get(v, p.vm, KA_VM_ASYM, -ENODEV);
}

static void stock_vectors(struct v *v)
{
	uint64_t value = 0;
	struct ka_one_reg reg = { KA_ID_AA64PFR0, (uintptr_t)&value };
	struct ka_reg_vec vec = { .count = 1, .regs = (uintptr_t)&reg };
	struct v_pair p = v_pair(v);

	for (int i = 0; i < 2; i++) {
		int fd = i ? p.vm : p.a;

		v_is(v, v_ioctl(v, fd, KA_GET_REG_VEC, &vec), -EINVAL,
		     "KVM_GET_REG_VEC on %s", v_name(v, fd));
		v_is(v, v_ioctl(v, fd, KA_SET_REG_VEC, &vec), -EINVAL,
		     "KVM_SET_REG_VEC on %s", v_name(v, fd));
	}
}

static void stock_capabilities(struct v *v)
{
	int vm = v_vm(v);

	v_same(v, (uint64_t)v_cap(v, v->kvm_fd, KA_CAP_VM_ONE_REG), 0,
	       "KVM_CAP_VM_ONE_REG");
	v_same(v, (uint64_t)v_cap(v, vm, KA_CAP_ARM_REG_SCOPE), 0,
	       "KVM_CAP_ARM_REG_SCOPE");
	for (uint64_t mode = 0; mode < 3; mode++)
		v_cap_is(v, vm, KA_CAP_ARM_REG_SCOPE, mode, -EINVAL);
}

static const struct rule rules[] = {
	RULE(room_for_none, 0,
	     "a list with n = 0 is -E2BIG, and n says how many there are"),
	RULE(one_too_few, 0,
	     "a list one too short is -E2BIG, n says how many, no id is put"),
	RULE(just_enough, 0, "a list of the size that n said is filled"),
	RULE(too_much_room, 0,
	     "n becomes the number of ids, nothing is written behind them"),
	RULE(any_n, 0, "n may promise any room"),
	RULE(each_once, 0, "no id is there twice"),
	RULE(each_can_be_read, 0, "each id that is listed can be read"),
	RULE(each_takes_its_value, 0,
	     "each register takes the value that it has"),
	RULE(ids_are_arm64, 0, "each id is of arm64 and has a size"),
	RULE(no_scope_unasked, 0, "no id has one of bits 28 to 31"),
	RULE(same_on_each_vcpu, 0, "vCPUs of the same features list the same"),
	RULE(first_run_leaves_the_list, 0, "the first run leaves the list"),
	RULE(stock_vm_fd, NEED_STOCK,
	     "on the VM fd lists and SET are -EINVAL, GET is -ENODEV"),
	RULE(stock_vectors, NEED_STOCK,
	     "vectored ioctls are -EINVAL where there are none"),
	RULE(stock_capabilities, NEED_STOCK,
	     "unknown capabilities are 0 and -EINVAL"),
};

CHAPTER(lists);
