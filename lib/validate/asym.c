/* SPDX-License-Identifier: MIT */
/* KVM_REG_ARM_VM_ASYM: vCPUs that may hold different values. */
#include <errno.h>

#include "scoped.h"

#define TAG	KA_REG_SCOPE_VM

/* A VM in which vCPUs have bitmaps of their own. */
static int asym_vm(struct v *v)
{
	int vm = v_vm(v);

	v_set(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC, 0);
	return vm;
}

static struct v_pair asym_pair(struct v *v)
{
	struct v_pair p = { .vm = asym_vm(v) };

	p.a = v_ready(v, p.vm, 0, PSCI);
	p.b = v_ready(v, p.vm, 1, PSCI);
	return p;
}

static void until_the_first_vcpu(struct v *v)
{
	int vm = asym_vm(v);

	v_value(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC);
	v_set(v, vm, KA_VM_ASYM, 0, 0);
	v_value(v, vm, KA_VM_ASYM, 0);
	v_set(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC, 0);
	v_vcpu(v, vm, 0);
	v_set(v, vm, KA_VM_ASYM, 0, -EBUSY);
	v_set(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC, 0);
	v_value(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC);
}

static void too_late(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC, -EBUSY);
	v_set(v, p.vm, KA_VM_ASYM, 0, 0);
	v_value(v, p.vm, KA_VM_ASYM, 0);
}

static void unsupported(struct v *v)
{
	int vm = v_vm(v);

	for (unsigned int bit = 1; bit < 64; bit++)
		v_set(v, vm, KA_VM_ASYM, 1ULL << bit | KA_VM_ASYM_SMCCC,
		      -EINVAL);
	v_value(v, vm, KA_VM_ASYM, 0);
	v_vcpu(v, vm, 0);
	v_set(v, vm, KA_VM_ASYM, 2, -EINVAL);
}

static void off_the_vm(struct v *v)
{
	int vm = asym_vm(v);
	struct v_list list;

	for (int i = 0; i < 2; i++) {
		v_list(v, vm, &list);
		for (size_t j = 0; j < list.n; j++)
			v_true(v, !scoped_bitmap(list.ids[j]),
			       "%#llx is in the VM's list",
			       (unsigned long long)list.ids[j]);
		for (uint64_t j = 0; j < 3; j++)
			v_refuses(v, vm, KA_BMAP(j), -ENOENT);
		if (!i)
			v_ready(v, vm, 0, PSCI);
	}
	v_true(v, v_listed(&list, KA_ID_AA64PFR0), "other registers are gone");
}

static void untagged(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_TAG), vcpu;
	struct v_list list;

	v_set(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC, 0);
	vcpu = v_ready(v, vm, 0, PSCI);
	v_list(v, vcpu, &list);
	for (uint64_t i = 0; i < 3; i++) {
		v_true(v, v_listed(&list, KA_BMAP(i)),
		       "bitmap %d is not listed with its plain id", (int)i);
		v_true(v, !v_listed(&list, KA_BMAP(i) | TAG),
		       "bitmap %d is tagged", (int)i);
		v_refuses(v, vcpu, KA_BMAP(i) | TAG, -ENOENT);
		v_refuses(v, vm, KA_BMAP(i) | TAG, -ENOENT);
	}
	v_true(v, v_listed(&list, KA_PSCI_VERSION | TAG),
	       "PSCI_VERSION lost its tag");
}

static void not_omitted(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_OMIT);
	struct v_list list;

	v_set(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC, 0);
	v_list(v, v_ready(v, vm, 0, PSCI), &list);
	for (uint64_t i = 0; i < 3; i++)
		v_true(v, v_listed(&list, KA_BMAP(i)),
		       "bitmap %d is left out", (int)i);
	v_true(v, !v_listed(&list, KA_PSCI_VERSION),
	       "PSCI_VERSION is not left out");
}

static void same_list(struct v *v)
{
	struct v_pair p = v_pair(v), q = asym_pair(v);
	struct v_list a, b;

	v_list(v, p.a, &a);
	v_list(v, q.a, &b);
	v_lists_equal(v, &a, "a vCPU's list", &b, "one's with ASYM");
}

static void of_each_vcpu(struct v *v)
{
	struct v_pair p = asym_pair(v);

	for (uint64_t i = 0; i < 3; i++) {
		uint64_t all = v_read(v, p.b, KA_BMAP(i));

		v_true(v, all, "bitmap %d offers nothing", (int)i);
		v_set(v, p.a, KA_BMAP(i), 0, 0);
		v_value(v, p.a, KA_BMAP(i), 0);
		v_value(v, p.b, KA_BMAP(i), all);
		v_set(v, p.b, KA_BMAP(i), all & 1, 0);
		v_value(v, p.a, KA_BMAP(i), 0);
		v_set(v, p.a, KA_BMAP(i), 1ULL << 63, -EINVAL);
	}
}

static void starts_from_the_vm(struct v *v)
{
	int vm = v_vm(v), vcpu;

	v_set(v, vm, KA_STD_BMAP, 0, 0);
	v_set(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC, 0);
	vcpu = v_ready(v, vm, 0, PSCI);
	v_value(v, vcpu, KA_STD_BMAP, 0);
	v_set(v, vcpu, KA_STD_BMAP, 1, 0);
	vcpu = v_ready(v, vm, 1, PSCI);
	v_value(v, vcpu, KA_STD_BMAP, 0);
}

static void survives_an_init(struct v *v)
{
	struct v_pair p = asym_pair(v);

	v_set(v, p.a, KA_STD_BMAP, 0, 0);
	v_init(v, p.a, PSCI);
	v_value(v, p.a, KA_STD_BMAP, 0);
}

static void until_the_first_run(struct v *v)
{
	struct v_pair p = asym_pair(v);

	v_set(v, p.a, KA_STD_BMAP, 0, 0);
	v_first_run(v, p.b);
	v_set(v, p.a, KA_STD_BMAP, 0, 0);
	v_set(v, p.a, KA_STD_BMAP, 1, -EBUSY);
	v_set(v, p.b, KA_STD_BMAP, 1, 0);
	v_set(v, p.b, KA_STD_BMAP, 0, -EBUSY);
	v_set(v, p.b, KA_STD_BMAP, 1ULL << 63, -EINVAL);
	v_value(v, p.a, KA_STD_BMAP, 0);
	v_value(v, p.b, KA_STD_BMAP, 1);
}

static void nothing_else(struct v *v)
{
	struct v_pair p = asym_pair(v);

	v_set(v, p.a, KA_PSCI_VERSION, PSCI_1_0, 0);
	v_value(v, p.b, KA_PSCI_VERSION, PSCI_1_0);
	v_set(v, p.a, v->id_reg.id, v->id_reg.other, 0);
	v_value(v, p.b, v->id_reg.id, v->id_reg.other);
	v_value(v, p.vm, v->id_reg.id, v->id_reg.other);
}

static const struct rule rules[] = {
	RULE(until_the_first_vcpu, NEED_ASYM,
	     "ASYM may change until the first vCPU, then -EBUSY"),
	RULE(too_late, NEED_ASYM,
	     "once a vCPU exists ASYM takes its own value only"),
	RULE(unsupported, NEED_ASYM, "an unsupported bit of ASYM is -EINVAL"),
	RULE(off_the_vm, NEED_ASYM | NEED_VM_FD,
	     "asymmetric bitmaps are off the VM's list, and -ENOENT there"),
	RULE(untagged, NEED_ASYM | NEED_TAG,
	     "asymmetric bitmaps have no tag, and take none"),
	RULE(not_omitted, NEED_ASYM | NEED_OMIT,
	     "asymmetric bitmaps are not left out"),
	RULE(same_list, NEED_ASYM, "ASYM leaves a vCPU's list in mode off"),
	RULE(of_each_vcpu, NEED_ASYM,
	     "asymmetric bitmaps are stored for each vCPU"),
	RULE(starts_from_the_vm, NEED_ASYM,
	     "a vCPU's bitmaps start from what the VM had"),
	RULE(survives_an_init, NEED_ASYM,
	     "KVM_ARM_VCPU_INIT does not reset them"),
	RULE(until_the_first_run, NEED_ASYM,
	     "after a run of any vCPU each takes its own value, else -EBUSY"),
	RULE(nothing_else, NEED_ASYM | NEED_VM_FD | NEED_ID_CHANGE,
	     "bit 0 of ASYM makes nothing else asymmetric"),
};

CHAPTER(asym);
