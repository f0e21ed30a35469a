// SPDX-License-Identifier: MIT
/* Counters and timers: the counters are offsets from the machine's clock. */
#include "private.h"

#define CTL_ISTATUS 4ULL

bool reg_is_timer(uint64_t id)
{
	switch (id) {
	case KA_TIMER_CTL:
	case KA_TIMER_CVAL:
	case KA_TIMER_CNT:
	case KA_PTIMER_CTL:
	case KA_PTIMER_CVAL:
	case KA_PTIMER_CNT:
		return true;
	}
	return false;
}

static uint64_t *voffset(struct vcpu *v)
{
	return v->vm->m->style.vm_counter_offsets ? &v->vm->voffset :
						    &v->voffset;
}

static uint64_t ctl(struct vcpu *v, uint64_t id, uint64_t count,
		    uint64_t cval_id)
{
	uint64_t value = reg_u64(v, id) & ~CTL_ISTATUS;

	/* Whether it is enabled or not, as KVM does. */
	return reg_u64(v, cval_id) <= count ? value | CTL_ISTATUS : value;
}

uint64_t timer_get(struct vcpu *v, uint64_t id)
{
	uint64_t virt = v->vm->m->now - *voffset(v);
	uint64_t phys = v->vm->m->now - v->vm->poffset;

	switch (id) {
	case KA_TIMER_CNT:
		return virt;
	case KA_PTIMER_CNT:
		return phys;
	case KA_TIMER_CTL:
		return ctl(v, id, virt, KA_TIMER_CVAL);
	case KA_PTIMER_CTL:
		return ctl(v, id, phys, KA_PTIMER_CVAL);
	}
	return reg_u64(v, id);
}

int timer_set(struct vcpu *v, uint64_t id, uint64_t value)
{
	struct vm *vm = v->vm;

	switch (id) {
	case KA_TIMER_CNT:
		if (!vm->counter_offset_used)
			*voffset(v) = vm->m->now - value;
		return 0;
	case KA_PTIMER_CNT:
		if (!vm->counter_offset_used)
			vm->poffset = vm->m->now - value;
		return 0;
	case KA_TIMER_CTL:
	case KA_PTIMER_CTL:
		value &= UINT32_MAX & ~CTL_ISTATUS;
		break;
	}
	reg_put_u64(v, id, value);
	return 0;
}

/* A new vCPU starts the VM's counters anew. */
void timer_vcpu_created(struct vcpu *v)
{
	if (v->vm->counter_offset_used)
		return;
	*voffset(v) = v->vm->m->now;
	v->vm->poffset = 0;
}

int timer_set_offset(struct vm *vm, const uint64_t arg[2])
{
	if (arg[1])
		return -EINVAL;
	if (gic_any_running(vm))
		return -EBUSY;
	vm->counter_offset_used = true;
	vm->voffset = arg[0];
	vm->poffset = arg[0];
	return 0;
}
