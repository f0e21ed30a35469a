/* SPDX-License-Identifier: MIT */
/* KVM_GET_ONE_REG and KVM_SET_ONE_REG on the VM fd. */
#include <errno.h>

#include "scoped.h"

static void same_as_vcpu(struct v *v)
{
	int vm = v_vm(v), vcpu = v_ready(v, vm, 0, v->features);
	struct v_list list;

	v_list(v, vm, &list);
	for (size_t i = 0; i < list.n; i++)
		if (!scoped_config(list.ids[i]) &&
		    !scoped_counter(list.ids[i]))
			v_value(v, vm, list.ids[i],
				v_read(v, vcpu, list.ids[i]));
}

static void of_a_vcpu(struct v *v)
{
	int vm = v_vm(v), vcpu = v_ready(v, vm, 0, v->features);
	struct v_list list;

	v_list(v, vcpu, &list);
	for (size_t i = 0; i < list.n; i++)
		if (!scoped(list.ids[i]))
			v_refuses(v, vm, list.ids[i], -ENOENT);
}

static void unknown(struct v *v)
{
	static const uint64_t ids[] = {
		KA_SYS(3, 0, 15, 15, 7),
		KA_SYS(3, 0, 0, 8, 0),
		KA_FW(4), KA_FW(0xffff), KA_BMAP(0xff),
		KA_VM_REG(4), KA_VM_REG(0xffff),
		KA_REG_ARM64 | KA_REG_SIZE_U64 | 0x00210000,
		KA_REG_ARM64 | KA_REG_SIZE_U64 | 0x0fff0000,
	};
	struct v_pair p = v_pair(v);

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		v_refuses(v, p.vm, ids[i], -ENOENT);
}

static void wrong_size(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++)
		for (uint64_t size = 0; size < 16; size++)
			if (size != KA_REG_SIZE_U64 >> KA_REG_SIZE_SHIFT)
				v_refuses(v, p.vm,
					  (list.ids[i] & ~KA_REG_SIZE_MASK) |
						  size << KA_REG_SIZE_SHIFT,
					  -ENOENT);
}

static void wrong_upper_bits(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++)
		for (unsigned int bit = 32; bit < 52; bit++)
			v_refuses(v, p.vm, list.ids[i] ^ 1ULL << bit,
				  -ENOENT);
}

/*
 * By its number GET is also KVM_ARM_SET_DEVICE_ADDR, which says -ENODEV of all
 * that is not an id of arm64, as ever: see no_difference.device_address.
 */
static void other_architecture(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++)
		for (unsigned int bit = 56; bit < 64; bit++) {
			v_get(v, p.vm, list.ids[i] ^ 1ULL << bit, -ENODEV);
			v_set(v, p.vm, list.ids[i] ^ 1ULL << bit, 0, -ENOENT);
		}
	v_get(v, p.vm, UINT64_MAX, -ENODEV);
	v_set(v, p.vm, UINT64_MAX, 0, -ENOENT);
}

static void bits_28_to_31(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct v_list list;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++)
		for (unsigned int bit = 28; bit < 32; bit++)
			v_refuses(v, p.vm, list.ids[i] | 1ULL << bit,
				  -ENOENT);
}

static void refused_means_unchanged(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t id = v->id_reg.id;

	v_set(v, p.vm, id, UINT64_MAX, -EINVAL);
	v_set(v, p.vm, id | 1ULL << 28, v->id_reg.other, -ENOENT);
	v_set(v, p.vm, X0, 7, -ENOENT);
	v_value(v, p.a, id, v->id_reg.value);
	v_value(v, p.a, X0, 0);
}

/* ---- before the first init ---- */

static void too_early(struct v *v)
{
	static const uint64_t late[] = { KA_PSCI_VERSION, KA_FW(1), KA_FW(3),
					 KA_ID_AA64PFR0, KA_ID_FIRST, KA_CTR };
	int vm = v_vm(v);

	for (int i = 0; i < 2; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(late); j++)
			v_refuses(v, vm, late[j], -ENOENT);
		if (!i)
			v_vcpu(v, vm, 0);
	}
}

static void bitmap_before_vcpus(struct v *v)
{
	int vm = v_vm(v), vcpu;

	v_set(v, vm, KA_STD_BMAP, 0, 0);
	v_value(v, vm, KA_STD_BMAP, 0);
	v_set(v, vm, KA_STD_BMAP, 1ULL << 63, -EINVAL);
	vcpu = v_ready(v, vm, 0, PSCI);
	v_value(v, vcpu, KA_STD_BMAP, 0);
}

static void counters_before_vcpus(struct v *v)
{
	int vm = v_vm(v);
	uint64_t now;

	v_set(v, vm, KA_TIMER_CNT, FAR, 0);
	v_set(v, vm, KA_PTIMER_CNT, 2 * FAR, 0);
	now = v_read(v, vm, KA_TIMER_CNT);
	v_true(v, now >= FAR && now - FAR < NEAR, "TIMER_CNT is %#llx",
	       (unsigned long long)now);
	now = v_read(v, vm, KA_PTIMER_CNT);
	v_true(v, now >= 2 * FAR && now - 2 * FAR < NEAR,
	       "PTIMER_CNT is %#llx", (unsigned long long)now);
}

static void host_facts_before_vcpus(struct v *v)
{
	static const uint64_t ids[] = { KA_MIDR, KA_REVIDR, KA_AIDR };
	int vm = v_vm(v);

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t value = v_read(v, vm, ids[i]);

		v_set(v, vm, ids[i], value, 0);
		v_set(v, vm, ids[i], value ^ 1, -EINVAL);
	}
}

/* ---- both ways ---- */

static void both_ways(struct v *v, uint64_t id, uint64_t one, uint64_t two)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.vm, id, one, 0);
	v_value(v, p.a, id, one);
	v_value(v, p.b, id, one);
	v_set(v, p.b, id, two, 0);
	v_value(v, p.vm, id, two);
	v_value(v, p.a, id, two);
}

static void id_registers(struct v *v)
{
	both_ways(v, v->id_reg.id, v->id_reg.other, v->id_reg.value);
}

static void bitmaps(struct v *v)
{
	for (uint64_t i = 0; i < 3; i++)
		both_ways(v, KA_BMAP(i), 0, 1);
}

static void psci_version(struct v *v)
{
	both_ways(v, KA_PSCI_VERSION, PSCI_1_0, 2);
}

static void counters(struct v *v)
{
	static const uint64_t ids[] = { KA_TIMER_CNT, KA_PTIMER_CNT };
	struct v_pair p = v_pair(v);

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t a, b;

		v_set(v, p.vm, ids[i], FAR, 0);
		a = v_read(v, p.a, ids[i]);
		b = v_read(v, p.b, ids[i]);
		v_true(v, a >= FAR && b >= a && b - FAR < NEAR,
		       "counter %zu: vCPUs read %#llx, %#llx", i,
		       (unsigned long long)a, (unsigned long long)b);
		v_set(v, p.b, ids[i], 0, 0);
		v_true(v, v_read(v, p.vm, ids[i]) < NEAR,
		       "counter %zu set on a vCPU: the VM reads another", i);
	}
}

static void later_vcpus(struct v *v)
{
	int vm = v_vm(v), b;

	v_ready(v, vm, 0, PSCI);
	v_set(v, vm, v->id_reg.id, v->id_reg.other, 0);
	b = v_ready(v, vm, 1, PSCI);
	v_value(v, b, v->id_reg.id, v->id_reg.other);
}

static void first_vcpu_closed(struct v *v)
{
	int vm = v_vm(v), vcpu = v_ready(v, vm, 3, PSCI);

	v_close(v, vcpu);
	v_value(v, vm, v->id_reg.id, v->id_reg.value);
	v_set(v, vm, v->id_reg.id, v->id_reg.other, 0);
	v_value(v, vm, v->id_reg.id, v->id_reg.other);
}

static void only_some_initialised(struct v *v)
{
	int vm = v_vm(v), a = v_vcpu(v, vm, 5), b = v_ready(v, vm, 2, PSCI);

	v_set(v, vm, v->id_reg.id, v->id_reg.other, 0);
	v_value(v, b, v->id_reg.id, v->id_reg.other);
	v_get(v, a, v->id_reg.id, -ENOEXEC);
	v_init(v, a, PSCI);
	v_value(v, a, v->id_reg.id, v->id_reg.other);
}

/* ---- what a SET refuses, and from when ---- */

static void as_strict_as_a_vcpu(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t level = v_read(v, p.a, KA_FW(1));

	v_set(v, p.vm, v->id_reg.id, UINT64_MAX, -EINVAL);
	v_set(v, p.vm, KA_STD_HYP_BMAP, 1ULL << 63, -EINVAL);
	v_set(v, p.vm, KA_PSCI_VERSION, 0x20000, -EINVAL);
	v_set(v, p.vm, KA_PSCI_VERSION, 1, -EINVAL);
	v_set(v, p.vm, KA_FW(1), 0xf, -EINVAL);
	v_set(v, p.vm, KA_FW(1), 1ULL << 63, -EINVAL);
	v_set(v, p.vm, KA_FW(1), 0, 0);
	v_value(v, p.vm, KA_FW(1), level);
}

static void features_until_the_run(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t id = v->id_reg.id, ctr = v_read(v, p.vm, KA_CTR);

	v_set(v, p.vm, id, v->id_reg.other, 0);
	v_set(v, p.vm, KA_STD_BMAP, 0, 0);
	v_first_run(v, p.b);
	v_set(v, p.vm, id, v->id_reg.other, 0);
	v_set(v, p.vm, id, v->id_reg.value, -EBUSY);
	v_set(v, p.vm, KA_STD_BMAP, 0, 0);
	v_set(v, p.vm, KA_STD_BMAP, 1, -EBUSY);
	v_set(v, p.vm, KA_CTR, ctr, 0);
	v_set(v, p.vm, KA_CTR, ctr ^ 1, -EBUSY);
	v_value(v, p.a, id, v->id_reg.other);
	v_value(v, p.a, KA_STD_BMAP, 0);
}

static void psci_until_the_run(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t value = v_read(v, p.vm, KA_PSCI_VERSION);

	v_first_run(v, p.a);
	v_set(v, p.vm, KA_PSCI_VERSION, value, 0);
	v_set(v, p.vm, KA_PSCI_VERSION, 2, -EBUSY);
	/* A vCPU takes it as ever, and then it is the VM's. */
	v_set(v, p.b, KA_PSCI_VERSION, 2, 0);
	v_value(v, p.vm, KA_PSCI_VERSION, 2);
	v_set(v, p.vm, KA_PSCI_VERSION, 2, 0);
	v_set(v, p.vm, KA_PSCI_VERSION, value, -EBUSY);
}

static void host_facts(struct v *v)
{
	static const uint64_t ids[] = { KA_MIDR, KA_REVIDR, KA_AIDR };
	struct v_pair p = v_pair(v);

	v_first_run(v, p.a);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t value = v_read(v, p.vm, ids[i]);

		v_set(v, p.vm, ids[i], value, 0);
		v_set(v, p.vm, ids[i], ~value, -EINVAL);
		v_value(v, p.vm, ids[i], value);
	}
}

static void counters_any_time(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_first_run(v, p.a);
	v_set(v, p.vm, KA_TIMER_CNT, FAR, 0);
	v_true(v, v_read(v, p.b, KA_TIMER_CNT) >= FAR,
	       "a SET of TIMER_CNT after a run has no effect");
}

static void counters_with_an_offset(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct ka_counter_offset o = { 0 };

	v_is(v, v_ioctl(v, p.vm, KA_ARM_SET_COUNTER_OFFSET, &o), 0,
	     "KVM_ARM_SET_COUNTER_OFFSET");
	v_set(v, p.vm, KA_TIMER_CNT, FAR, 0);
	v_set(v, p.vm, KA_PTIMER_CNT, FAR, 0);
	v_true(v, v_read(v, p.vm, KA_TIMER_CNT) < FAR &&
		       v_read(v, p.a, KA_PTIMER_CNT) < FAR,
	       "a counter moved although the VM has a counter offset");
}

static const struct rule rules[] = {
	RULE(same_as_vcpu, NEED_VM_FD,
	     "each register reads on the VM fd as on a vCPU"),
	RULE(of_a_vcpu, NEED_VM_FD,
	     "each vCPU-scoped register is -ENOENT on the VM fd"),
	RULE(unknown, NEED_VM_FD, "an unknown id is -ENOENT on the VM fd"),
	RULE(wrong_size, NEED_VM_FD,
	     "an id of another size is -ENOENT on the VM fd"),
	RULE(wrong_upper_bits, NEED_VM_FD,
	     "an id with other upper bits is -ENOENT on the VM fd"),
	RULE(other_architecture, NEED_VM_FD,
	     "another architecture on the VM fd: GET -ENODEV, SET -ENOENT"),
	RULE(bits_28_to_31, NEED_VM_FD,
	     "bits 28 to 31 that nobody asked for are -ENOENT on the VM fd"),
	RULE(refused_means_unchanged, NEED_VM_FD | NEED_ID_CHANGE,
	     "a SET on the VM fd that is refused changes nothing"),
	RULE(too_early, NEED_VM_FD,
	     "what depends on features is -ENOENT before the first init"),
	RULE(bitmap_before_vcpus, NEED_VM_FD,
	     "a bitmap set before there are vCPUs is theirs"),
	RULE(counters_before_vcpus, NEED_VM_FD,
	     "counters may be set before there are vCPUs"),
	RULE(host_facts_before_vcpus, NEED_VM_FD,
	     "facts of the host are compared before there are vCPUs"),
	RULE(id_registers, NEED_VM_FD | NEED_ID_CHANGE,
	     "ID registers: what one fd writes the others read"),
	RULE(bitmaps, NEED_VM_FD,
	     "bitmaps: what one fd writes the others read"),
	RULE(psci_version, NEED_VM_FD,
	     "PSCI_VERSION: what one fd writes the others read"),
	RULE(counters, NEED_VM_FD,
	     "counters: one write on the VM fd moves those of all vCPUs"),
	RULE(later_vcpus, NEED_VM_FD | NEED_ID_CHANGE,
	     "what was written on the VM fd is that of later vCPUs"),
	RULE(first_vcpu_closed, NEED_VM_FD | NEED_ID_CHANGE,
	     "the VM fd needs no open vCPU"),
	RULE(only_some_initialised, NEED_VM_FD | NEED_ID_CHANGE,
	     "vCPUs may be initialised later, in any order"),
	RULE(as_strict_as_a_vcpu, NEED_VM_FD | NEED_ID_CHANGE,
	     "a SET on the VM fd refuses what one on a vCPU refuses"),
	RULE(features_until_the_run, NEED_VM_FD | NEED_ID_CHANGE,
	     "after a run features take their own value, else -EBUSY"),
	RULE(psci_until_the_run, NEED_VM_FD,
	     "so does PSCI_VERSION, on the VM fd; a vCPU takes any"),
	RULE(host_facts, NEED_VM_FD,
	     "facts of the host take their own value, else -EINVAL"),
	RULE(counters_any_time, NEED_VM_FD, "counters may change any time"),
	RULE(counters_with_an_offset, NEED_VM_FD | NEED_OFFSET,
	     "with a counter offset a SET of the counters is ignored"),
};

CHAPTER(vm_fd);
