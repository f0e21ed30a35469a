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

u64 kvm_phys_timer_read(void)
{
	return READ_ONCE(current->machine->now);
}

static struct arch_timer_vm_data *vm_data(const struct vcpu *v)
{
	return &v->vm->kvm.arch.timer_data;
}

static u64 *voffset(struct vcpu *v)
{
	return v->vm->m->style.vm_counter_offsets ? &vm_data(v)->voffset :
						    &v->voffset;
}

static bool has_counter_offset(const struct vcpu *v)
{
	return test_bit(KVM_ARCH_FLAG_VM_COUNTER_OFFSET,
			&v->vm->kvm.arch.flags);
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
	uint64_t now = READ_ONCE(v->vm->m->now);
	uint64_t virt = now - READ_ONCE(*voffset(v));
	uint64_t phys = now - READ_ONCE(vm_data(v)->poffset);

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
	uint64_t now = READ_ONCE(v->vm->m->now);

	switch (id) {
	case KA_TIMER_CNT:
		if (!has_counter_offset(v))
			WRITE_ONCE(*voffset(v), now - value);
		return 0;
	case KA_PTIMER_CNT:
		if (!has_counter_offset(v))
			WRITE_ONCE(vm_data(v)->poffset, now - value);
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
	if (has_counter_offset(v))
		return;
	WRITE_ONCE(*voffset(v), READ_ONCE(v->vm->m->now));
	WRITE_ONCE(vm_data(v)->poffset, 0);
}

int kvm_vm_ioctl_set_counter_offset(struct kvm *kvm,
				    struct kvm_arm_counter_offset *offset)
{
	struct arch_timer_vm_data *data = &kvm->arch.timer_data;
	int ret = 0;

	if (offset->reserved)
		return -EINVAL;
	mutex_lock(&kvm->lock);
	if (vm_lock_vcpus(to_vm(kvm))) {
		set_bit(KVM_ARCH_FLAG_VM_COUNTER_OFFSET, &kvm->arch.flags);
		WRITE_ONCE(data->voffset, offset->counter_offset);
		WRITE_ONCE(data->poffset, offset->counter_offset);
		vm_unlock_vcpus(to_vm(kvm));
	} else {
		ret = -EBUSY;
	}
	mutex_unlock(&kvm->lock);
	return ret;
}
