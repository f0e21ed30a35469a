/* SPDX-License-Identifier: MIT */
/* KVM_GET_REG_VEC and KVM_SET_REG_VEC, on a vCPU and on the VM fd. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scoped.h"

#define GET	KA_GET_REG_VEC
#define SET	KA_SET_REG_VEC
#define UNKNOWN KA_SYS(3, 0, 15, 15, 7)

static const unsigned long both[] = { GET, SET };

/* ---- good ones ---- */

static void like_single_calls(struct v *v, int fd)
{
	struct vec *vec = vec_new(v);
	struct v_list list;

	v_list(v, fd, &list);
	vec_add_list(vec, &list);
	if (!vec)
		return;
	vec_is(v, fd, GET, vec, 0, vec->n);
	for (uint32_t i = 0; i < vec->n; i++) {
		uint64_t room[KA_REG_SIZE_MAX / 8];
		struct ka_one_reg reg = { vec->regs[i].id, (uintptr_t)room };

		memset(room, POISON & 0xff, sizeof(room));
		v_is(v, v_ioctl(v, fd, KA_GET_ONE_REG, &reg), 0,
		     "KVM_GET_ONE_REG of %#llx", (unsigned long long)reg.id);
		if (!scoped_counter(reg.id))
			v_true(v, !memcmp(room, vec->values[i], sizeof(room)),
			       "%#llx: the vector's value, or what lies "
			       "behind it, differs from the single call's",
			       (unsigned long long)reg.id);
	}
	free(vec);
}

static void whole_vcpu(struct v *v)
{
	like_single_calls(v, v_ready(v, v_vm(v), 0, v->features));
}

static void whole_vm(struct v *v)
{
	int vm = v_vm(v);

	like_single_calls(v, vm);
	v_ready(v, vm, 0, v->features);
	like_single_calls(v, vm);
}

static void write_back(struct v *v, int fd)
{
	struct vec *vec = vec_new(v);
	struct v_list list;

	v_list(v, fd, &list);
	vec_add_list(vec, &list);
	if (vec) {
		vec_is(v, fd, GET, vec, 0, vec->n);
		vec_is(v, fd, SET, vec, 0, vec->n);
	}
	free(vec);
}

static void whole_set(struct v *v)
{
	int vm = v_vm(v), vcpu = v_ready(v, vm, 0, PSCI);

	write_back(v, vcpu);
	write_back(v, vm);
}

static void set_is_stored(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct vec *vec = vec_new(v);

	for (uint64_t i = 0; i < 31; i++)
		vec_add(vec, X0 + 2 * i, 100 + i);
	vec_add(vec, TTBR0, 0x1000);
	vec_add(vec, KA_PSCI_VERSION, PSCI_1_0);
	vec_is(v, p.a, SET, vec, 0, 33);
	for (uint64_t i = 0; i < 31; i++)
		v_value(v, p.a, X0 + 2 * i, 100 + i);
	v_value(v, p.a, TTBR0, 0x1000);
	v_value(v, p.b, KA_PSCI_VERSION, PSCI_1_0);
	v_value(v, p.b, X0, 0);
	free(vec);
}

static void in_order(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct vec *vec = vec_new(v);

	vec_add(vec, X0, 1);
	vec_add(vec, X0, 2);
	vec_add(vec, X0, 3);
	vec_is(v, p.a, SET, vec, 0, 3);
	v_value(v, p.a, X0, 3);
	free(vec);
}

/* ---- the struct ---- */

static void counts(struct v *v)
{
	static const uint32_t bad[] = { 0, KA_REG_VEC_MAX + 1, 1U << 31,
					UINT32_MAX };
	struct v_pair p = v_pair(v);

	for (size_t i = 0; i < 4 * ARRAY_SIZE(bad); i++) {
		int fd = i & 1 ? p.vm : p.a;
		struct ka_reg_vec vec = { .count = bad[i / 4], .done = 77 };

		v_is(v, v_ioctl(v, fd, both[i >> 1 & 1], &vec), -EINVAL,
		     "a vector of %u on %s", vec.count, v_name(v, fd));
		v_same(v, vec.done, 0, "done of a vector of %u", vec.count);
	}
}

static void longest(struct v *v)
{
	struct ka_one_reg *regs = calloc(KA_REG_VEC_MAX, sizeof(*regs));
	struct v_pair p = v_pair(v);
	uint64_t value = 0;

	for (size_t i = 0; regs && i < KA_REG_VEC_MAX; i++)
		regs[i] = (struct ka_one_reg){ KA_ID_AA64PFR0,
					       (uintptr_t)&value };
	for (size_t i = 0; regs && i < 4; i++) {
		int fd = i & 1 ? p.vm : p.a;
		struct ka_reg_vec vec = { .count = KA_REG_VEC_MAX,
					  .regs = (uintptr_t)regs };

		v_is(v, v_ioctl(v, fd, both[i >> 1], &vec), 0,
		     "a vector of %u on %s", vec.count, v_name(v, fd));
		v_same(v, vec.done, KA_REG_VEC_MAX, "done");
	}
	free(regs);
}

static void reserved(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t value = 0;
	struct ka_one_reg reg = { KA_ID_AA64PFR0, (uintptr_t)&value };

	for (unsigned int i = 0; i < 4 * 128; i++) {
		int fd = i & 1 ? p.vm : p.a;
		unsigned int bit = i / 4;
		struct ka_reg_vec vec = { .count = 1, .done = 77,
					  .regs = (uintptr_t)&reg };

		if (bit < 64)
			vec.flags = 1ULL << bit;
		else
			vec.reserved = 1ULL << (bit - 64);
		v_is(v, v_ioctl(v, fd, both[i >> 1 & 1], &vec), -EINVAL,
		     "a vector with flags %#llx, reserved %#llx on %s",
		     (unsigned long long)vec.flags,
		     (unsigned long long)vec.reserved, v_name(v, fd));
		v_same(v, vec.done, 0, "done");
		v_same(v, value, 0, "the value, not to be read");
	}
}

static void before_the_init(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);
	struct vec *vec = vec_new(v);

	vec_add(vec, X0, 0);
	vec_is(v, vcpu, GET, vec, -ENOEXEC, 0);
	vec_is(v, vcpu, SET, vec, -ENOEXEC, 0);
	free(vec);
}

static void other_files(struct v *v)
{
	struct ka_reg_vec vec = { .count = 1 };

	for (size_t i = 0; i < 2; i++)
		v_is(v, v_ioctl(v, v->kvm_fd, both[i], &vec), -EINVAL,
		     "a vector on /dev/kvm");
}

/* ---- the first entry that fails ---- */

static void failing_get(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct vec *vec = vec_new(v);

	v_set(v, p.a, X0, 7, 0);
	vec_add(vec, X0, POISON);
	vec_add(vec, KA_MIDR, POISON);
	vec_add(vec, UNKNOWN, POISON);
	vec_add(vec, KA_MIDR, POISON);
	vec_is(v, p.a, GET, vec, -ENOENT, 2);
	if (vec) {
		v_same(v, vec->values[0][0], 7, "the first value");
		v_same(v, vec->values[1][0], v_read(v, p.a, KA_MIDR),
		       "the second value");
		v_same(v, vec->values[3][0], POISON, "what comes after");
	}
	free(vec);
}

static void failing_set(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct vec *vec = vec_new(v);

	vec_add(vec, X0, 7);
	vec_add(vec, UNKNOWN, 0);
	vec_add(vec, X0 + 2, 8);
	vec_is(v, p.a, SET, vec, -ENOENT, 1);
	v_value(v, p.a, X0, 7);
	v_value(v, p.a, X0 + 2, 0);
	free(vec);
}

/* One good entry, then one that fails for that reason. */
static void fails(struct v *v, int fd, unsigned long request, uint64_t id,
		  uint64_t value, int want)
{
	struct vec *vec = vec_new(v);

	vec_add(vec, KA_MIDR, v_read(v, fd, KA_MIDR));
	vec_add(vec, id, value);
	vec_add(vec, KA_MIDR, 0);
	vec_is(v, fd, request, vec, want, 1);
	free(vec);
}

static void errors_of_entries(struct v *v)
{
	struct v_pair p = v_pair(v);

	for (size_t i = 0; i < 2; i++) {
		fails(v, p.vm, both[i], X0, 0, -ENOENT);
		fails(v, p.vm, both[i], UNKNOWN, 0, -ENOENT);
		fails(v, p.vm, both[i], KA_ID_AA64PFR0 | 1ULL << 28, 0,
		      -ENOENT);
		fails(v, p.a, both[i], KA_VM_ASYM, 0, -ENOENT);
		fails(v, p.a, both[i], 0, 0, -EINVAL);
		fails(v, p.vm, both[i], UINT64_MAX, 0, -ENOENT);
	}
	fails(v, p.vm, SET, v->id_reg.id, UINT64_MAX, -EINVAL);
	fails(v, p.vm, SET, KA_VM_FEATURES, 0, -EBUSY);
	v_first_run(v, p.a);
	fails(v, p.vm, SET, v->id_reg.id, v->id_reg.other, -EBUSY);
	fails(v, p.a, SET, v->id_reg.id, v->id_reg.other, -EBUSY);
}

static void first_entry_fails(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct vec *vec = vec_new(v);

	vec_add(vec, UNKNOWN, 0);
	vec_add(vec, KA_MIDR, 0);
	for (size_t i = 0; i < 2; i++) {
		vec_is(v, p.a, both[i], vec, -ENOENT, 0);
		vec_is(v, p.vm, both[i], vec, -ENOENT, 0);
	}
	free(vec);
}

static void before_the_finalize(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);
	struct vec *vec = vec_new(v);

	v_init_is(v, vcpu, PSCI | 1U << KA_VCPU_SVE, 0);
	vec_add(vec, X0, 3);
	vec_add(vec, KA_REG_ARM64 | KA_REG_SIZE_U2048 | KA_REG_SVE, 0);
	vec_is(v, vcpu, SET, vec, -EPERM, 1);
	vec_is(v, vcpu, GET, vec, -EPERM, 1);
	v_value(v, vcpu, X0, 3);
	free(vec);
}

/* ---- with the rest of the interface ---- */

static void tags(struct v *v)
{
	int vm = v_vm_scope(v, KA_REG_SCOPE_TAG),
	    vcpu = v_ready(v, vm, 0, v->features);
	struct vec *vec = vec_new(v);
	struct v_list list;

	v_list(v, vcpu, &list);
	vec_add_list(vec, &list);
	if (vec)
		vec_is(v, vcpu, GET, vec, 0, vec->n);
	free(vec);
	fails(v, vcpu, GET, X0 | KA_REG_SCOPE_VM, 0, -ENOENT);
	fails(v, vm, GET, X0 | KA_REG_SCOPE_VM, 0, -ENOENT);
}

static void config_in_one_call(struct v *v)
{
	struct vec *vec = vec_new(v);
	int vm = v_vm(v);

	vec_add(vec, KA_VM_ASYM, KA_VM_ASYM_SMCCC);
	vec_add(vec, KA_VM_FEATURES, PSCI);
	vec_is(v, vm, SET, vec, 0, 2);
	v_value(v, vm, KA_VM_ASYM, KA_VM_ASYM_SMCCC);
	v_value(v, vm, KA_VM_FEATURES, PSCI);
	free(vec);
}

static const struct rule rules[] = {
	RULE(whole_vcpu, NEED_VECTORS,
	     "one call reads a vCPU's list as single calls do"),
	RULE(whole_vm, NEED_VECTORS | NEED_VM_FD,
	     "one call reads the VM's list as single calls do"),
	RULE(whole_set, NEED_VECTORS | NEED_VM_FD,
	     "one call writes back what one call read"),
	RULE(set_is_stored, NEED_VECTORS,
	     "each entry of a SET is stored where it belongs"),
	RULE(in_order, NEED_VECTORS, "entries are taken in order"),
	RULE(counts, NEED_VECTORS,
	     "a count of 0, or above 4096, is -EINVAL, done 0"),
	RULE(longest, NEED_VECTORS, "4096 entries are taken"),
	RULE(reserved, NEED_VECTORS,
	     "each bit of flags and reserved is -EINVAL, done 0"),
	RULE(before_the_init, NEED_VECTORS,
	     "on a vCPU before the init it is -ENOEXEC, done 0"),
	RULE(other_files, NEED_VECTORS, "/dev/kvm has no registers: -EINVAL"),
	RULE(failing_get, NEED_VECTORS,
	     "the first GET that fails ends the call, done names it"),
	RULE(failing_set, NEED_VECTORS,
	     "the first SET that fails ends the call, done names it"),
	RULE(errors_of_entries, NEED_VECTORS | NEED_VM_FD | NEED_CONFIG |
				NEED_ID_CHANGE,
	     "a vector has its failing entry's error"),
	RULE(first_entry_fails, NEED_VECTORS | NEED_VM_FD,
	     "the first entry may be the one that fails"),
	RULE(before_the_finalize, NEED_VECTORS | NEED_SVE,
	     "before the finalize a Z register in a vector is -EPERM"),
	RULE(tags, NEED_VECTORS | NEED_TAG,
	     "ids in a vector are tagged as those of single calls"),
	RULE(config_in_one_call, NEED_VECTORS | NEED_ASYM | NEED_CONFIG,
	     "a VM is configured in one call"),
};

CHAPTER(vector);
