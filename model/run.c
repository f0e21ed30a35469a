// SPDX-License-Identifier: MIT
/* KVM_RUN: what the first one fixes, who plays the guest, who waits. */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "private.h"

#define ID_AA64PFR0		KA_SYS(3, 0, 0, 4, 0)
#define ID_AA64PFR0_GIC		(0xfULL << 24)
#define ID_PFR1			KA_SYS(3, 0, 0, 1, 1)
#define ID_PFR1_GIC		(0xfULL << 28)

/* mp_lock is held. */
static void change_mp_state(struct vcpu *v, uint32_t state)
{
	lockdep_assert_held(&v->mp_lock);
	WRITE_ONCE(v->mp_state, state);
	if (v->waiting)
		eventfd_write(v->wake_fd, 1);
}

void vcpu_set_mp_state(struct vcpu *v, uint32_t state)
{
	mutex_lock(&v->mp_lock);
	change_mp_state(v, state);
	mutex_unlock(&v->mp_lock);
}

static bool can_run(const struct vcpu *v)
{
	return v->vm->m->guest &&
	       READ_ONCE(v->mp_state) == KA_MP_STATE_RUNNABLE;
}

/* Signals are delivered while we wait, and only then. */
static int wait_for_wake(struct vcpu *v, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	eventfd_t n;

	task_hold_signals();
	while (!can_run(v)) {
		if (ppoll(&p, 1, NULL, &current->mask) < 0)
			return -EINTR;
		eventfd_read(fd, &n);
	}
	return 0;
}

static void set_waiting(struct vcpu *v, bool waiting, int fd)
{
	mutex_lock(&v->mp_lock);
	v->waiting = waiting;
	v->wake_fd = fd;
	mutex_unlock(&v->mp_lock);
}

/* As long as there is no guest to run, or its vCPU is off. */
static int wait_to_run(struct vcpu *v)
{
	int fd, ret;

	if (can_run(v))
		return 0;
	if (!v->vm->m->style.run_blocks)
		return -EINTR;
	fd = eventfd(0, EFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	set_waiting(v, true, fd);
	ret = wait_for_wake(v, fd);
	set_waiting(v, false, -1);
	close(fd);
	task_release_signals();
	return ret;
}

/* Without a GIC at the first run of any vCPU there is none in the ID regs. */
static void hide_gic(struct vcpu *v)
{
	reg_put_u64(v, ID_AA64PFR0, reg_u64(v, ID_AA64PFR0) & ~ID_AA64PFR0_GIC);
	reg_put_u64(v, ID_PFR1, reg_u64(v, ID_PFR1) & ~ID_PFR1_GIC);
}

/* It may fail after it has had an effect, and then be tried again. */
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
		hide_gic(v);
	if (vcpu_has(v, KA_VCPU_PMU_V3) && !v->pmu_created) {
		ret = -EINVAL;
		goto out;
	}
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
	ret = first_run(v);
	if (ret)
		return ret;
	ret = wait_to_run(v);
	if (ret)
		return ret;
	if (kvm_check_request(KVM_REQ_VCPU_RESET, &v->k))
		kvm_reset_vcpu(&v->k);
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

/* Its mutex may be held: by its KVM_RUN, which this ends the waiting of. */
static int power_on(struct vcpu *v, const struct vcpu_reset_state *state)
{
	int ret = -EALREADY;

	mutex_lock(&v->mp_lock);
	if (READ_ONCE(v->mp_state) == KA_MP_STATE_STOPPED) {
		v->k.arch.reset_state = *state;
		set_bit(KVM_REQ_VCPU_RESET, &v->k.requests);
		change_mp_state(v, KA_MP_STATE_RUNNABLE);
		ret = 0;
	}
	mutex_unlock(&v->mp_lock);
	return ret;
}

int model_cpu_on(struct model *m, int vcpu_fd, uint64_t pc, uint64_t context)
{
	const struct vcpu_reset_state state = {
		.pc = pc, .r0 = context, .reset = true,
	};
	struct file f;
	int ret;

	if (!model_file(m, vcpu_fd, FILE_VCPU, &f))
		return -EBADF;
	ret = power_on(f.vcpu, &state);
	vm_put(f.vm);
	return ret;
}
