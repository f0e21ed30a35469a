/* SPDX-License-Identifier: MIT */
/* What a vCPU's registers and the VM's answer while a vCPU is in KVM_RUN. */
#include <errno.h>

#include "sleeper.h"

#define X0	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)

static void vcpu_waits(struct v *v)
{
	int vm = v_vm(v), vcpu = v_ready(v, vm, 0, PSCI | POWER_OFF);
	struct sleepers s;
	uint64_t value;
	int got;

	sleepers_start(v, &s, &vcpu, 1);
	sleepers_wake_after(&s, 200);
	got = v_try_get(v, vcpu, X0, &value);
	v_true(v, sleepers_woken(&s),
	       "KVM_GET_ONE_REG returned %d from a vCPU in KVM_RUN", got);
	v_is(v, got, 0, "KVM_GET_ONE_REG that waited");
	sleepers_stop(v, &s);
}

static void other_vcpu_does_not_wait(struct v *v)
{
	int vm = v_vm(v), vcpu = v_ready(v, vm, 0, PSCI | POWER_OFF),
	    other = v_ready(v, vm, 1, PSCI);
	struct sleepers s;

	sleepers_start(v, &s, &vcpu, 1);
	sleepers_wake_after(&s, 5000);
	v_get(v, other, X0, 0);
	v_get(v, other, KA_ID_AA64PFR0, 0);
	v_get(v, other, KA_TIMER_CNT, 0);
	v_true(v, !sleepers_woken(&s), "the calls waited for the other vCPU");
	sleepers_stop(v, &s);
}

static void counter_offset(struct v *v)
{
	int vm = v_vm(v), vcpu = v_ready(v, vm, 0, PSCI | POWER_OFF);
	struct ka_counter_offset o = { 0 };
	struct sleepers s;

	sleepers_start(v, &s, &vcpu, 1);
	sleepers_wake_after(&s, 5000);
	v_is(v, v_ioctl(v, vm, KA_ARM_SET_COUNTER_OFFSET, &o), -EBUSY,
	     "KVM_ARM_SET_COUNTER_OFFSET with a vCPU in KVM_RUN");
	v_true(v, !sleepers_woken(&s), "the call waited for the vCPU");
	sleepers_stop(v, &s);
	v_is(v, v_ioctl(v, vm, KA_ARM_SET_COUNTER_OFFSET, &o), 0,
	     "KVM_ARM_SET_COUNTER_OFFSET with no vCPU in KVM_RUN");
}

static const struct rule rules[] = {
	RULE(vcpu_waits, NEED_SLEEP,
	     "a register call on a vCPU in KVM_RUN waits for its end"),
	RULE(other_vcpu_does_not_wait, NEED_SLEEP,
	     "a register call on another vCPU does not wait"),
	RULE(counter_offset, NEED_SLEEP | NEED_OFFSET,
	     "KVM_ARM_SET_COUNTER_OFFSET with a vCPU in KVM_RUN is -EBUSY"),
};

CHAPTER(busy);
