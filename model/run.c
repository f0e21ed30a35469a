// SPDX-License-Identifier: MIT
/* KVM_RUN: what the first one fixes, who plays the guest, who waits. */
#include "private.h"

#define ID_AA64PFR0		KA_SYS(3, 0, 0, 4, 0)
#define ID_AA64PFR0_GIC		(0xfULL << 24)

void vcpu_set_mp_state(struct vcpu *v, uint32_t state)
{
	mutex_lock(&v->mp_lock);
	WRITE_ONCE(v->mp_state, state);
	mutex_unlock(&v->mp_lock);
}

/* Without a GIC at the first run of any vCPU there is none in the ID regs. */
static int first_run(struct vcpu *v)
{
	struct vm *vm = v->vm;
	int ret = 0;

	mutex_lock(&vm->kvm.arch.config_lock);
	if (vm->gic.created && !vm->gic.initialized) {
		ret = -EBUSY;
		goto out;
	}
	if (!vm->gic.created && !vm_ran(vm))
		reg_put_u64(v, ID_AA64PFR0,
			    reg_u64(v, ID_AA64PFR0) & ~ID_AA64PFR0_GIC);
	set_bit(KVM_ARCH_FLAG_TIMER_PPIS_IMMUTABLE, &vm->kvm.arch.flags);
	set_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &vm->kvm.arch.flags);
	WRITE_ONCE(v->ran, true);
out:
	mutex_unlock(&vm->kvm.arch.config_lock);
	return ret;
}

int vcpu_run(struct vcpu *v)
{
	struct model *m = v->vm->m;
	int ret;

	if (!v->k.arch.initialized)
		return -ENOEXEC;
	if (vcpu_has(v, KA_VCPU_SVE) && !v->finalized)
		return -EPERM;
	if (vcpu_has(v, KA_VCPU_PMU_V3) && !v->pmu_created)
		return -EINVAL;
	ret = first_run(v);
	if (ret)
		return ret;
	if (!m->guest || READ_ONCE(v->mp_state) != KA_MP_STATE_RUNNABLE)
		return -EINTR;
	return m->guest(m->guest_userdata, m, current->fd);
}

int model_set_running(struct model *m, int vcpu_fd, bool running)
{
	struct file f;

	if (!model_file(m, vcpu_fd, FILE_VCPU, &f))
		return -EBADF;
	WRITE_ONCE(f.vcpu->running, running);
	vm_put(f.vm);
	return 0;
}
