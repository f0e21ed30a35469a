/* SPDX-License-Identifier: MIT */
/* KVM_ARM_SET_COUNTER_OFFSET, and what it does to the counters' registers. */
#include <errno.h>

#include "validate.h"

static int set_offset(struct v *v, int vm, uint64_t offset, uint64_t reserved)
{
	struct ka_counter_offset o = { offset, reserved };

	return v_ioctl(v, vm, KA_ARM_SET_COUNTER_OFFSET, &o);
}

static void reserved(struct v *v)
{
	struct v_pair p = v_pair(v);

	for (unsigned int bit = 0; bit < 64; bit += 9)
		v_is(v, set_offset(v, p.vm, 0, 1ULL << bit), -EINVAL,
		     "KVM_ARM_SET_COUNTER_OFFSET, bit %u of reserved", bit);
	/* Not in use therefore: a counter still takes a value. */
	v_set(v, p.a, KA_TIMER_CNT, FAR, 0);
	v_true(v, v_read(v, p.b, KA_TIMER_CNT) >= FAR,
	       "a refused offset is in use all the same");
}

/* An offset is subtracted, so one below 0 puts both counters ahead. */
static void moves_both(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t now[2];

	v_is(v, set_offset(v, p.vm, -FAR, 0), 0, "KVM_ARM_SET_COUNTER_OFFSET");
	now[0] = v_read(v, p.a, KA_TIMER_CNT);
	now[1] = v_read(v, p.b, KA_PTIMER_CNT);
	v_true(v, now[0] >= FAR && now[1] >= now[0] &&
		       now[1] - now[0] < NEAR,
	       "TIMER_CNT %#llx, PTIMER_CNT %#llx",
	       (unsigned long long)now[0], (unsigned long long)now[1]);
}

static void silences_the_registers(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_is(v, set_offset(v, p.vm, 0, 0), 0, "KVM_ARM_SET_COUNTER_OFFSET");
	v_set(v, p.a, KA_TIMER_CNT, FAR, 0);
	v_set(v, p.b, KA_PTIMER_CNT, FAR, 0);
	v_true(v, v_read(v, p.a, KA_TIMER_CNT) < FAR,
	       "TIMER_CNT moved although the VM has a counter offset");
	v_true(v, v_read(v, p.a, KA_PTIMER_CNT) < FAR,
	       "PTIMER_CNT moved although the VM has a counter offset");
}

static void may_change_again(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_is(v, set_offset(v, p.vm, 0, 0), 0, "KVM_ARM_SET_COUNTER_OFFSET");
	v_first_run(v, p.a);
	v_is(v, set_offset(v, p.vm, -FAR, 0), 0,
	     "KVM_ARM_SET_COUNTER_OFFSET after a run");
	v_true(v, v_read(v, p.b, KA_TIMER_CNT) >= FAR,
	       "the second offset has no effect");
}

static void before_any_vcpu(struct v *v)
{
	int vm = v_vm(v), vcpu;

	v_is(v, set_offset(v, vm, -FAR, 0), 0, "KVM_ARM_SET_COUNTER_OFFSET");
	vcpu = v_ready(v, vm, 0, PSCI);
	v_true(v, v_read(v, vcpu, KA_TIMER_CNT) >= FAR,
	       "an offset set before the first vCPU has no effect on it");
}

/* Whoever set them before: so the counters are written after the last one. */
static void new_vcpu_starts_them(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.a, KA_TIMER_CNT, FAR, 0);
	v_set(v, p.a, KA_PTIMER_CNT, FAR, 0);
	v_vcpu(v, p.vm, 2);
	v_true(v, v_read(v, p.a, KA_TIMER_CNT) < FAR &&
		       v_read(v, p.a, KA_PTIMER_CNT) < FAR,
	       "a counter went on although a vCPU was created");
}

static void new_vcpu_and_offset(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_is(v, set_offset(v, p.vm, -FAR, 0), 0, "KVM_ARM_SET_COUNTER_OFFSET");
	v_vcpu(v, p.vm, 2);
	v_true(v, v_read(v, p.a, KA_TIMER_CNT) >= FAR &&
		       v_read(v, p.a, KA_PTIMER_CNT) >= FAR,
	       "a counter with an offset started anew");
}

static const struct rule rules[] = {
	RULE(reserved, NEED_OFFSET,
	     "a counter offset with reserved bits is -EINVAL"),
	RULE(moves_both, NEED_OFFSET,
	     "a counter offset moves both counters of all vCPUs alike"),
	RULE(silences_the_registers, NEED_OFFSET,
	     "with a counter offset a SET of the counters does nothing"),
	RULE(may_change_again, NEED_OFFSET,
	     "a counter offset may change at any time"),
	RULE(before_any_vcpu, NEED_OFFSET,
	     "a counter offset may be set before there is a vCPU"),
	RULE(new_vcpu_starts_them, NEED_PTIMER,
	     "a vCPU that is created starts the VM's counters anew"),
	RULE(new_vcpu_and_offset, NEED_OFFSET,
	     "but not where there is a counter offset"),
};

CHAPTER(counters);
