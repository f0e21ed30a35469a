/* SPDX-License-Identifier: MIT */
/* KVM_GET_REG_LIST on the VM fd. */
#include <errno.h>
#include <string.h>

#include "scoped.h"

/* What is there before the first init, by the documentation. */
static void early_list(struct v *v, struct v_list *ret)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);
	struct v_list list, all;

	v_list(v, vcpu, &list);
	scoped_expect(&list, &all);
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < all.n; i++)
		if (scoped_early(all.ids[i]))
			ret->ids[ret->n++] = all.ids[i];
}

static void before_the_init(struct v *v)
{
	struct v_list want, got;
	int vm;

	early_list(v, &want);
	vm = v_vm(v);
	v_list(v, vm, &got);
	scoped_same_set(v, &got, &want);
	v_vcpu(v, vm, 0);
	v_list(v, vm, &got);
	scoped_same_set(v, &got, &want);
}

static void after_a_failed_init(struct v *v)
{
	struct v_list want, got;
	int vm, vcpu;

	early_list(v, &want);
	vm = v_vm(v);
	vcpu = v_vcpu(v, vm, 0);
	v_init_is(v, vcpu, PSCI | 1U << 31, -ENOENT);
	v_list(v, vm, &got);
	scoped_same_set(v, &got, &want);
}

static void after_the_init(struct v *v)
{
	struct v_list vcpu_list, want, got;
	int vm = v_vm(v), vcpu = v_ready(v, vm, 0, v->features);

	v_list(v, vcpu, &vcpu_list);
	scoped_expect(&vcpu_list, &want);
	v_list(v, vm, &got);
	scoped_same_set(v, &got, &want);
}

static void without_finalize(struct v *v)
{
	int vm = v_vm(v), vcpu = v_vcpu(v, vm, 0);
	struct v_list before, after;

	v_init_is(v, vcpu, PSCI | 1U << KA_VCPU_SVE, 0);
	v_list(v, vm, &before);
	v_true(v, v_listed(&before, KA_ID_AA64PFR0), "ID_AA64PFR0 is missing");
	v_is(v, v_try_finalize(v, vcpu), 0, "KVM_ARM_VCPU_FINALIZE");
	v_list(v, vm, &after);
	v_lists_equal(v, &before, "before the finalize", &after, "after");
}

static void through_any_vcpu(struct v *v)
{
	struct v_list first, other;
	int vm = v_vm(v), a = v_vcpu(v, vm, 5);

	v_ready(v, vm, 2, PSCI);
	v_list(v, vm, &first);
	v_true(v, v_listed(&first, KA_ID_AA64PFR0), "ID_AA64PFR0 is missing");
	v_init(v, a, PSCI);
	v_list(v, vm, &other);
	v_lists_equal(v, &first, "with vCPU 2", &other, "with vCPU 5 too");
}

static void plain_ids(struct v *v)
{
	for (uint64_t mode = 0; mode < 3; mode++) {
		int vm = v_vm_scope(v, mode);
		struct v_list list;

		v_ready(v, vm, 0, v->features);
		v_list(v, vm, &list);
		for (size_t i = 0; i < list.n; i++)
			v_true(v, !(list.ids[i] & 0xf0000000ULL),
			       "%#llx in mode %d has a tag",
			       (unsigned long long)list.ids[i], (int)mode);
	}
}

static void after_the_run(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list before, after;

	v_list(v, p.vm, &before);
	v_first_run(v, p.b);
	v_list(v, p.vm, &after);
	v_lists_equal(v, &before, "before", &after, "after");
}

static void each_once(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++)
		for (size_t j = 0; j < i; j++)
			v_true(v, list.ids[i] != list.ids[j],
			       "%#llx is there twice",
			       (unsigned long long)list.ids[i]);
}

/* ---- room ---- */

static void room(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list whole, list;

	v_list(v, p.vm, &whole);
	v_is(v, scoped_try_list(v, p.vm, 0, &list), -E2BIG,
	     "KVM_GET_REG_LIST on the VM, n 0");
	v_same(v, list.n, whole.n, "n written back");
	scoped_poisoned(v, &list, 0);
	v_is(v, scoped_try_list(v, p.vm, whole.n - 1, &list), -E2BIG,
	     "KVM_GET_REG_LIST on the VM, room for one too few");
	v_same(v, list.n, whole.n, "n written back");
	scoped_poisoned(v, &list, 0);
}

static void enough_room(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list whole, list;

	v_list(v, p.vm, &whole);
	v_is(v, scoped_try_list(v, p.vm, whole.n, &list), 0,
	     "KVM_GET_REG_LIST on the VM, just enough room");
	v_lists_equal(v, &whole, "a roomy list", &list, "one that just fits");
	scoped_poisoned(v, &list, whole.n);
	v_is(v, scoped_try_list(v, p.vm, UINT64_MAX, &list), 0,
	     "KVM_GET_REG_LIST on the VM, n 2^64 - 1");
	v_same(v, list.n, whole.n, "n written back");
	scoped_poisoned(v, &list, whole.n);
}

/* ---- the list as an order ---- */

static void each_takes_its_value(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++)
		v_set(v, p.vm, list.ids[i], v_read(v, p.vm, list.ids[i]), 0);
}

static void before_the_init_too(struct v *v)
{
	int vm = v_vm(v);
	struct v_list list;

	v_list(v, vm, &list);
	for (size_t i = 0; i < list.n; i++)
		v_set(v, vm, list.ids[i], v_read(v, vm, list.ids[i]), 0);
}

/* Whatever this kernel can be set to that is not the default. */
static int unusual_vm(struct v *v)
{
	int vm = v_vm(v);

	if (v->has & NEED_ASYM)
		v_set(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC, 0);
	if (v->has & NEED_CONFIG) {
		v_set(v, vm, KA_VM_FEATURES, PSCI, 0);
		v_set(v, vm, KA_VM_COUNTER_OFFSET, FAR, 0);
	}
	v_ready(v, vm, 0, PSCI);
	v_set(v, vm, KA_PSCI_VERSION, PSCI_1_0, 0);
	v_set(v, vm, v->id_reg.id, v->id_reg.other, 0);
	return vm;
}

static void write_list(struct v *v, int from, int to, bool early)
{
	struct v_list list;

	v_list(v, from, &list);
	for (size_t i = 0; i < list.n; i++)
		if (!early || scoped_early(list.ids[i]))
			v_set(v, to, list.ids[i],
			      v_read(v, from, list.ids[i]), 0);
}

static void replay(struct v *v)
{
	int from = unusual_vm(v), to = v_vm(v);
	struct v_list a, b;

	write_list(v, from, to, true);
	v_ready(v, to, 0, PSCI);
	write_list(v, from, to, false);
	v_list(v, from, &a);
	v_list(v, to, &b);
	v_lists_equal(v, &a, "the source", &b, "the destination");
	for (size_t i = 0; i < a.n; i++)
		if (!scoped_counter(a.ids[i]))
			v_value(v, to, a.ids[i], v_read(v, from, a.ids[i]));
}

static const struct rule rules[] = {
	RULE(before_the_init, NEED_VM_FD,
	     "before the first init the VM lists what needs no features"),
	RULE(after_a_failed_init, NEED_VM_FD,
	     "an init that fails is no first init"),
	RULE(after_the_init, NEED_VM_FD,
	     "after it the VM lists exactly what is VM-scoped"),
	RULE(without_finalize, NEED_VM_FD | NEED_SVE,
	     "the VM's list does not wait for the finalize"),
	RULE(through_any_vcpu, NEED_VM_FD,
	     "any vCPU's init may be the first"),
	RULE(plain_ids, NEED_VM_FD | NEED_TAG | NEED_OMIT,
	     "the VM's list has plain ids in every mode"),
	RULE(after_the_run, NEED_VM_FD, "the first run leaves the VM's list"),
	RULE(each_once, NEED_VM_FD, "no id is there twice"),
	RULE(room, NEED_VM_FD,
	     "a list too short is -E2BIG, n says how many, no id is put"),
	RULE(enough_room, NEED_VM_FD,
	     "a list with room is filled, nothing is written behind it"),
	RULE(each_takes_its_value, NEED_VM_FD,
	     "each register of the VM takes the value that it has"),
	RULE(before_the_init_too, NEED_VM_FD,
	     "... also before the first init"),
	RULE(replay, NEED_VM_FD | NEED_ID_CHANGE,
	     "a VM's values written in list order make another VM like it"),
};

CHAPTER(vm_list);
