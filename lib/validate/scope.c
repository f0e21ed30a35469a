/* SPDX-License-Identifier: MIT */
/* KVM_CAP_ARM_REG_SCOPE: the scope of a register in its id, and in lists. */
#include <errno.h>

#include "scoped.h"

#define TAG	KA_REG_SCOPE_VM
#define Z0	(KA_REG_ARM64 | KA_REG_SIZE_U2048 | KA_REG_SVE)

/* What a vCPU lists in a VM that never heard of scopes. */
static void list_off(struct v *v, uint32_t features, struct v_list *ret)
{
	v_list(v, v_ready(v, v_vm(v), 0, features), ret);
}

/* ---- capabilities ---- */

static void capabilities(struct v *v)
{
	int vm = v_vm(v), of_kvm = v_cap(v, v->kvm_fd, KA_CAP_ARM_REG_SCOPE);

	v_same(v, (uint64_t)v_cap(v, vm, KA_CAP_ARM_REG_SCOPE),
	       (uint64_t)of_kvm, "KVM_CAP_ARM_REG_SCOPE on the VM");
	v_true(v, !(of_kvm & ~3), "KVM_CAP_ARM_REG_SCOPE is %#x",
	       (unsigned int)of_kvm);
	of_kvm = v_cap(v, v->kvm_fd, KA_CAP_VM_ONE_REG);
	v_same(v, (uint64_t)v_cap(v, vm, KA_CAP_VM_ONE_REG), (uint64_t)of_kvm,
	       "KVM_CAP_VM_ONE_REG on the VM");
	v_true(v, !(of_kvm & ~0xf), "KVM_CAP_VM_ONE_REG is %#x",
	       (unsigned int)of_kvm);
}

static void vm_one_reg_has_no_switch(struct v *v)
{
	int vm = v_vm(v);

	v_cap_is(v, vm, KA_CAP_VM_ONE_REG, 0, -EINVAL);
	v_cap_is(v, vm, KA_CAP_VM_ONE_REG, 1, -EINVAL);
}

static void any_mode(struct v *v)
{
	static const uint64_t modes[] = { 1, 2, 0, 1, 1, 0, 2 };
	int vm = v_vm(v), vcpu;
	struct v_list want, got;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		v_cap_is(v, vm, KA_CAP_ARM_REG_SCOPE, modes[i], 0);
	v_cap_is(v, vm, KA_CAP_ARM_REG_SCOPE, KA_REG_SCOPE_OFF, 0);
	vcpu = v_ready(v, vm, 0, PSCI);
	list_off(v, PSCI, &want);
	v_list(v, vcpu, &got);
	v_lists_equal(v, &want, "a VM without modes", &got, "one set to off");
}

static void unknown_mode(struct v *v)
{
	static const uint64_t modes[] = { 3, 4, 1ULL << 32, 1ULL << 32 | 1,
					  1ULL << 63, UINT64_MAX };
	int vm = v_vm(v);

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		v_cap_is(v, vm, KA_CAP_ARM_REG_SCOPE, modes[i], -EINVAL);
}

static void reserved(struct v *v)
{
	int vm = v_vm(v);

	for (unsigned int bit = 0; bit < 32; bit++) {
		struct ka_enable_cap cap = { .cap = KA_CAP_ARM_REG_SCOPE,
					     .flags = 1U << bit,
					     .args = { KA_REG_SCOPE_TAG } };

		v_is(v, v_ioctl(v, vm, KA_ENABLE_CAP, &cap), -EINVAL,
		     "KVM_ENABLE_CAP with flags %#x", cap.flags);
	}
	for (unsigned int bit = 0; bit < 3 * 64; bit++) {
		struct ka_enable_cap cap = { .cap = KA_CAP_ARM_REG_SCOPE,
					     .args = { KA_REG_SCOPE_TAG } };

		cap.args[1 + bit / 64] = 1ULL << bit % 64;
		v_is(v, v_ioctl(v, vm, KA_ENABLE_CAP, &cap), -EINVAL,
		     "KVM_ENABLE_CAP with args[%u] bit %u", 1 + bit / 64,
		     bit % 64);
	}
	/* None of these had an effect. */
	v_ready(v, vm, 0, PSCI);
	v_refuses(v, vm, KA_ID_AA64PFR0 | TAG, -ENOENT);
}

static void too_late(struct v *v)
{
	for (uint64_t was = 0; was < 3; was++) {
		int vm = v_vm_scope(v, was);

		v_vcpu(v, vm, 0);
		for (uint64_t mode = 0; mode < 3; mode++)
			v_cap_is(v, vm, KA_CAP_ARM_REG_SCOPE, mode, -EBUSY);
		v_cap_is(v, vm, KA_CAP_ARM_REG_SCOPE, 3, -EINVAL);
	}
}

static void not_on_a_vcpu(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_cap_is(v, p.a, KA_CAP_ARM_REG_SCOPE, KA_REG_SCOPE_TAG, -EINVAL);
}

static void of_one_vm(struct v *v)
{
	int tag = v_vm_scope(v, KA_REG_SCOPE_TAG), vcpu;
	struct v_list want, got;

	v_ready(v, tag, 0, PSCI);
	list_off(v, PSCI, &want);
	vcpu = v_ready(v, v_vm(v), 0, PSCI);
	v_list(v, vcpu, &got);
	v_lists_equal(v, &want, "one VM", &got, "another");
	v_get(v, vcpu, KA_ID_AA64PFR0 | TAG, -ENOENT);
}

/* ---- TAG ---- */

static void tag_list(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_TAG),
	    vcpu = v_ready(v, vm, 0, v->features);
	struct v_list want, got;

	list_off(v, v->features, &want);
	for (size_t i = 0; i < want.n; i++)
		if (scoped(want.ids[i]))
			want.ids[i] |= TAG;
	v_list(v, vcpu, &got);
	v_lists_equal(v, &want, "a list tagged by the documentation", &got,
		      "the vCPU's");
}

static void tag_is_taken(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_TAG),
	    vcpu = v_ready(v, vm, 0, v->features);
	struct v_list list;

	v_list(v, vcpu, &list);
	for (size_t i = 0; i < list.n; i++) {
		uint64_t id = list.ids[i], value;

		if (!(id & TAG) || scoped_counter(id & ~TAG))
			continue;
		value = v_read(v, vcpu, id & ~TAG);
		v_value(v, vcpu, id, value);
		v_value(v, vm, id, value);
		v_value(v, vm, id & ~TAG, value);
		v_set(v, vcpu, id, value, 0);
		v_set(v, vm, id, value, 0);
		v_set(v, vcpu, id & ~TAG, value, 0);
	}
}

static void tag_writes(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_TAG),
	    vcpu = v_ready(v, vm, 0, PSCI);

	v_set(v, vcpu, v->id_reg.id | TAG, v->id_reg.other, 0);
	v_value(v, vm, v->id_reg.id, v->id_reg.other);
	v_set(v, vm, v->id_reg.id | TAG, v->id_reg.value, 0);
	v_value(v, vcpu, v->id_reg.id, v->id_reg.value);
	v_set(v, vm, KA_TIMER_CNT | TAG, FAR, 0);
	v_true(v, v_read(v, vcpu, KA_TIMER_CNT | TAG) >= FAR,
	       "TIMER_CNT with a tag was not set");
}

static void tag_of_config(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_TAG);

	v_set(v, vm, KA_VM_FEATURES | TAG, PSCI, 0);
	v_value(v, vm, KA_VM_FEATURES, PSCI);
	v_value(v, vm, KA_VM_FEATURES | TAG, PSCI);
}

static void tag_of_a_vcpu(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_TAG),
	    vcpu = v_ready(v, vm, 0, v->features);
	struct v_list list;

	v_list(v, vcpu, &list);
	for (size_t i = 0; i < list.n; i++) {
		if (list.ids[i] & TAG)
			continue;
		v_refuses(v, vcpu, list.ids[i] | TAG, -ENOENT);
		v_refuses(v, vm, list.ids[i] | TAG, -ENOENT);
	}
}

static void tag_of_nothing(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_TAG),
	    vcpu = v_ready(v, vm, 0, PSCI);

	for (int i = 0; i < 2; i++) {
		int fd = i ? vm : vcpu;

		v_refuses(v, fd, KA_SYS(3, 0, 15, 15, 7) | TAG, -ENOENT);
		v_refuses(v, fd, KA_FW(0xff) | TAG, -ENOENT);
		v_refuses(v, fd,
			  KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_SYSREG | TAG,
			  -ENOENT);
		for (unsigned int bit = 29; bit < 32; bit++)
			v_refuses(v, fd, KA_ID_AA64PFR0 | TAG | 1ULL << bit,
				  -ENOENT);
	}
}

static void tag_uninvited(struct v *v)
{
	for (uint64_t mode = 0; mode < 3; mode += 2) {
		int vm = v_vm_scope(v, mode), vcpu = v_ready(v, vm, 0, PSCI);
		struct v_list list;

		v_list(v, vm, &list);
		for (size_t i = 0; i < list.n; i++) {
			v_refuses(v, vm, list.ids[i] | TAG, -ENOENT);
			v_refuses(v, vcpu, list.ids[i] | TAG, -ENOENT);
		}
	}
}

/* ---- OMIT ---- */

static void omit_list(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_OMIT),
	    vcpu = v_ready(v, vm, 0, v->features);
	struct v_list want, got, again;
	uint64_t n = 0;

	list_off(v, v->features, &want);
	for (size_t i = 0; i < want.n; i++)
		if (!scoped(want.ids[i]))
			want.ids[n++] = want.ids[i];
	want.n = n;
	v_list(v, vcpu, &got);
	v_lists_equal(v, &want, "what is left by the documentation", &got,
		      "the vCPU's list");
	v_list(v, vcpu, &again);
	v_lists_equal(v, &got, "the list", &again, "taken again");
}

static void omit_reaches(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_OMIT),
	    vcpu = v_ready(v, vm, 0, v->features);
	struct v_list list;

	list_off(v, v->features, &list);
	for (size_t i = 0; i < list.n; i++)
		v_get(v, vcpu, list.ids[i], 0);
	v_set(v, vcpu, KA_PSCI_VERSION, 2, 0);
	v_value(v, vm, KA_PSCI_VERSION, 2);
}

/* ---- both ---- */

static void room(struct v *v)
{
	for (uint64_t mode = 0; mode < 3; mode++) {
		int vcpu = v_ready(v, v_vm_scope(v, mode), 0, v->features);
		struct v_list whole, list;

		v_list(v, vcpu, &whole);
		v_is(v, scoped_try_list(v, vcpu, whole.n - 1, &list), -E2BIG,
		     "KVM_GET_REG_LIST in mode %d, one too few", (int)mode);
		v_same(v, list.n, whole.n, "n written back");
		scoped_poisoned(v, &list, 0);
		v_is(v, scoped_try_list(v, vcpu, whole.n, &list), 0,
		     "KVM_GET_REG_LIST in mode %d, just enough", (int)mode);
		v_lists_equal(v, &whole, "a roomy list", &list,
			      "one that just fits");
		scoped_poisoned(v, &list, whole.n);
	}
}

static void lists_as_early(struct v *v)
{
	for (uint64_t mode = 1; mode < 3; mode++) {
		int vcpu = v_vcpu(v, v_vm_scope(v, mode), 0);
		struct v_list list;

		v_is(v, scoped_try_list(v, vcpu, V_LIST_MAX, &list), -ENOEXEC,
		     "KVM_GET_REG_LIST before the init");
		if (!(v->has & NEED_SVE))
			continue;
		v_init_is(v, vcpu, PSCI | 1U << KA_VCPU_SVE, 0);
		v_is(v, scoped_try_list(v, vcpu, V_LIST_MAX, &list), -EPERM,
		     "KVM_GET_REG_LIST before the finalize");
	}
}

static const struct rule rules[] = {
	RULE(capabilities, NEED_VM_FD,
	     "/dev/kvm and a VM fd tell the same known bits"),
	RULE(vm_one_reg_has_no_switch, NEED_VM_FD,
	     "KVM_CAP_VM_ONE_REG cannot be enabled: -EINVAL"),
	RULE(any_mode, NEED_TAG | NEED_OMIT,
	     "the mode may change until the first vCPU; the last one holds"),
	RULE(unknown_mode, NEED_TAG, "an unknown mode is -EINVAL"),
	RULE(reserved, NEED_TAG, "other args and flags are -EINVAL"),
	RULE(too_late, NEED_TAG | NEED_OMIT,
	     "once a vCPU exists any mode is -EBUSY, the present one too"),
	RULE(not_on_a_vcpu, NEED_TAG, "a vCPU has no mode: -EINVAL"),
	RULE(of_one_vm, NEED_TAG, "a mode is of one VM"),
	RULE(tag_list, NEED_TAG,
	     "TAG: the list is the same but for tags on what is the VM's"),
	RULE(tag_is_taken, NEED_TAG | NEED_VM_FD,
	     "TAG: each tagged register goes by both ids on both fds"),
	RULE(tag_writes, NEED_TAG | NEED_VM_FD | NEED_ID_CHANGE,
	     "TAG: a SET by the tagged id is a SET"),
	RULE(tag_of_config, NEED_TAG | NEED_CONFIG,
	     "TAG: VM configuration registers may be tagged"),
	RULE(tag_of_a_vcpu, NEED_TAG | NEED_VM_FD,
	     "TAG: a tag on each vCPU-scoped register is -ENOENT"),
	RULE(tag_of_nothing, NEED_TAG | NEED_VM_FD,
	     "TAG: a tag makes no register of an unknown id: -ENOENT"),
	RULE(tag_uninvited, NEED_TAG | NEED_OMIT | NEED_VM_FD,
	     "off and OMIT: each tagged id is -ENOENT"),
	RULE(omit_list, NEED_OMIT,
	     "OMIT: the list lacks what is the VM's, the order stays"),
	RULE(omit_reaches, NEED_OMIT | NEED_VM_FD,
	     "OMIT: what is left out is reached by its plain id"),
	RULE(room, NEED_TAG | NEED_OMIT,
	     "n of a vCPU's list is right in every mode"),
	RULE(lists_as_early, NEED_TAG | NEED_OMIT,
	     "a vCPU's list is there as early in every mode"),
};

CHAPTER(scope);
