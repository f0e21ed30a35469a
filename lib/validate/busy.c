/* SPDX-License-Identifier: MIT */
/* What a vCPU's registers and the VM's answer while a vCPU is in KVM_RUN. */
#include <errno.h>

#include <stdlib.h>

#include "scoped.h"
#include "sleeper.h"

#define N_BUSY 3

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

/* ---- on the VM fd ---- */

/* A VM all of whose vCPUs are in KVM_RUN; woken if a call should wait. */
static int busy_vm(struct v *v, struct sleepers *s)
{
	int vm = v_vm(v), vcpus[N_BUSY];

	for (unsigned int i = 0; i < N_BUSY; i++)
		vcpus[i] = v_ready(v, vm, i, PSCI | POWER_OFF);
	sleepers_start(v, s, vcpus, N_BUSY);
	sleepers_wake_after(s, 5000);
	return vm;
}

static void still_busy(struct v *v, struct sleepers *s)
{
	v_true(v, !sleepers_woken(s), "a call waited until vCPUs were woken");
	sleepers_stop(v, s);
}

static void vm_reads(struct v *v)
{
	struct sleepers s;
	int vm = busy_vm(v, &s);
	struct v_list list;

	v_list(v, vm, &list);
	for (size_t i = 0; i < list.n; i++)
		v_get(v, vm, list.ids[i], 0);
	still_busy(v, &s);
}

static void vm_writes(struct v *v)
{
	struct sleepers s;
	int vm = busy_vm(v, &s);
	struct v_list list;

	v_list(v, vm, &list);
	for (size_t i = 0; i < list.n; i++)
		v_set(v, vm, list.ids[i], v_read(v, vm, list.ids[i]), 0);
	v_set(v, vm, v->id_reg.id, v->id_reg.other, -EBUSY);
	v_set(v, vm, KA_PSCI_VERSION, 2, -EBUSY);
	v_set(v, vm, KA_TIMER_CNT, FAR, 0);
	v_true(v, v_read(v, vm, KA_TIMER_CNT) >= FAR, "TIMER_CNT is not set");
	still_busy(v, &s);
}

static void vm_vector(struct v *v)
{
	struct vec *vec = vec_new(v);
	struct sleepers s;
	int vm = busy_vm(v, &s);
	struct v_list list;

	v_list(v, vm, &list);
	vec_add_list(vec, &list);
	if (vec) {
		vec_is(v, vm, KA_GET_REG_VEC, vec, 0, vec->n);
		vec_is(v, vm, KA_SET_REG_VEC, vec, 0, vec->n);
	}
	free(vec);
	still_busy(v, &s);
}

static void vm_counter_offset(struct v *v)
{
	struct sleepers s;
	int vm = busy_vm(v, &s);

	v_set(v, vm, KA_VM_COUNTER_OFFSET, 5, -EBUSY);
	v_value(v, vm, KA_VM_COUNTER_OFFSET, 0);
	v_value(v, vm, KA_VM_CAPS, 0);
	v_set(v, vm, KA_VM_COUNTER_OFFSET, 0, 0);
	still_busy(v, &s);
	v_set(v, vm, KA_VM_COUNTER_OFFSET, 5, 0);
}

static void vcpu_vector_waits(struct v *v)
{
	int vm = v_vm(v), vcpu = v_ready(v, vm, 0, PSCI | POWER_OFF);
	struct vec *vec = vec_new(v);
	struct sleepers s;

	vec_add(vec, X0, 0);
	sleepers_start(v, &s, &vcpu, 1);
	sleepers_wake_after(&s, 200);
	vec_is(v, vcpu, KA_GET_REG_VEC, vec, 0, 1);
	v_true(v, sleepers_woken(&s), "it did not wait for the vCPU");
	sleepers_stop(v, &s);
	free(vec);
}

static const struct rule rules[] = {
	RULE(vcpu_waits, NEED_SLEEP,
	     "a register call on a vCPU in KVM_RUN waits for its end"),
	RULE(other_vcpu_does_not_wait, NEED_SLEEP,
	     "a register call on another vCPU does not wait"),
	RULE(counter_offset, NEED_SLEEP | NEED_OFFSET,
	     "KVM_ARM_SET_COUNTER_OFFSET with a vCPU in KVM_RUN is -EBUSY"),
	RULE(vm_reads, NEED_SLEEP | NEED_VM_FD,
	     "with every vCPU in KVM_RUN the VM's list and values are read"),
	RULE(vm_writes, NEED_SLEEP | NEED_VM_FD | NEED_ID_CHANGE,
	     "with every vCPU in KVM_RUN the VM's registers are written"),
	RULE(vm_vector, NEED_SLEEP | NEED_VM_FD | NEED_VECTORS,
	     "with every vCPU in KVM_RUN a vector goes through on the VM fd"),
	RULE(vm_counter_offset, NEED_SLEEP | NEED_CONFIG | NEED_OFFSET,
	     "COUNTER_OFFSET with a vCPU in KVM_RUN is -EBUSY"),
	RULE(vcpu_vector_waits, NEED_SLEEP | NEED_VECTORS,
	     "a vector on a vCPU in KVM_RUN waits for its end"),
};

CHAPTER(busy);
