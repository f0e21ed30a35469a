// SPDX-License-Identifier: MIT
/*
 * A thread for each vCPU. Paused means: out of KVM_RUN, with nothing left
 * that only another KVM_RUN would finish.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>

#include "vmm.h"

/* The first that ends it says how. */
static void vm_set_end(struct vm *vm, enum end end)
{
	pthread_mutex_lock(&vm->lock);
	if (vm->end == GOING)
		vm->end = end;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

enum end vm_end(struct vm *vm)
{
	enum end end;

	pthread_mutex_lock(&vm->lock);
	end = vm->end;
	pthread_mutex_unlock(&vm->lock);
	return end;
}

enum end vm_sleep(struct vm *vm, double seconds)
{
	struct timespec until;
	enum end end;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)seconds;
	until.tv_nsec += (seconds - (time_t)seconds) * 1e9;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&vm->lock);
	while (vm->end == GOING && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&vm->changed, &vm->lock, &until);
	end = vm->end;
	pthread_mutex_unlock(&vm->lock);
	return end;
}

static void on_signal(int signal)
{
	(void)signal; /* its arrival makes KVM_RUN return */
}

/* The vCPU's thread ends; the others sleep in KVM_RUN until they are kicked. */
static bool system_event(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	uint32_t type = vcpu->run->system_event.type;

	if (type != KVM_SYSTEM_EVENT_SHUTDOWN &&
	    type != KVM_SYSTEM_EVENT_RESET) {
		cannot("the guest is lost",
		       "KVM_RUN of vCPU %u: system event %u", vcpu->index,
		       type);
		return false;
	}
	vm_set_end(vm, type == KVM_SYSTEM_EVENT_RESET ? RESET : SHUT_DOWN);
	return false;
}

static void message_mmio(struct vm *vm, struct kvm_run *run)
{
	uint64_t offset = run->mmio.phys_addr - MSI_BASE;
	uint32_t len = run->mmio.len < 4 ? run->mmio.len : 4, value = 0;

	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, len);
		msi_write(&vm->msi, offset, value);
		return;
	}
	value = msi_read(&vm->msi, offset);
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	memcpy(run->mmio.data, &value, len);
}

static void mmio(struct vm *vm, struct kvm_run *run)
{
	uint64_t address = run->mmio.phys_addr;

	if (vm->machine.its && address >= MSI_BASE &&
	    address < MSI_BASE + MSI_SIZE)
		message_mmio(vm, run);
	else
		uart_mmio(&vm->uart, run);
}

static bool handle_exit(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio(vm, run);
		vcpu->pending = true;
		return true;
	case KVM_EXIT_INTR:
		return true;
	case KVM_EXIT_SYSTEM_EVENT:
		return system_event(vcpu);
	default:
		cannot("the guest is lost",
		       "KVM_RUN of vCPU %u: unexpected "
		       "exit, reason %u",
		       vcpu->index, run->exit_reason);
		return false;
	}
}

/* false: this vCPU cannot go on. */
static bool run_once(struct vcpu *vcpu)
{
	int rc = ioctl(vcpu->fd, KVM_RUN, 0);

	vcpu->pending = false;
	if (rc == 0)
		return handle_exit(vcpu);
	if (errno == EINTR || errno == EAGAIN)
		return true;
	cannot_errno("the guest is lost", "KVM_RUN of vCPU %u", vcpu->index);
	return false;
}

/*
 * The result of an MMIO read sits in struct kvm_run until the next KVM_RUN
 * moves it into the register: without this it would be missing in a save.
 */
static bool complete_pending(struct vcpu *vcpu)
{
	if (!vcpu->pending)
		return true;
	vcpu->run->immediate_exit = 1;
	return run_once(vcpu);
}

static bool must_wait(const struct vcpu *vcpu)
{
	enum phase phase = vcpu->vm->phase;

	return phase == PAUSED || (phase == RUNNING && vcpu->held);
}

/* Waits while the VM is paused, or this vCPU held; false: end. */
static bool may_run(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool run;

	pthread_mutex_lock(&vm->lock);
	if (vm->phase != RUNNING || vcpu->held) {
		vm->parked++;
		vcpu->parked = true;
		pthread_cond_broadcast(&vm->changed);
		while (must_wait(vcpu))
			pthread_cond_wait(&vm->changed, &vm->lock);
		vm->parked--;
		vcpu->parked = false;
		pthread_cond_broadcast(&vm->changed);
	}
	run = vm->phase == RUNNING;
	pthread_mutex_unlock(&vm->lock);
	return run;
}

static bool paused(const struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool yes;

	pthread_mutex_lock(&vm->lock);
	yes = vm->phase != RUNNING || vcpu->held;
	pthread_mutex_unlock(&vm->lock);
	return yes;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;
	bool good = true;

	while (good) {
		if (paused(vcpu)) {
			good = complete_pending(vcpu);
			if (!good || !may_run(vcpu))
				break;
			continue;
		}
		good = run_once(vcpu);
	}
	if (!good)
		vm_set_end(vm, FAILED);
	pthread_mutex_lock(&vm->lock);
	vm->parked++;
	vcpu->parked = true;
	vm->ended += !good;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	return NULL;
}

int vm_start(struct vm *vm)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_attr_t attr;
	int rc = 0;

	sigaction(SIGUSR1, &action, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (unsigned int i = 0; !rc && i < vm->machine.vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		rc = pthread_create(&vcpu->thread, &attr, vcpu_thread, vcpu);
		vcpu->started = !rc;
	}
	pthread_attr_destroy(&attr);
	if (rc) {
		errno = rc;
		return cannot_errno("try fewer --vcpus",
				    "pthread_create for a vCPU");
	}
	rc = vm->machine.its ? msi_start(&vm->msi) : 0;
	if (rc) {
		errno = rc;
		return cannot_errno("try fewer --vcpus",
				    "pthread_create for a device");
	}
	return 0;
}

void vm_resume(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	for (unsigned int i = 0; i < vm->machine.vcpus; i++)
		vm->vcpus[i].run->immediate_exit = 0;
	vm->phase = RUNNING;
	pthread_cond_broadcast(&vm->changed);
	while (vm->parked > vm->ended)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
	msi_go(&vm->msi);
}

static void kick_vcpu(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	if (vcpu->started)
		pthread_kill(vcpu->thread, SIGUSR1);
}

static void kick(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->machine.vcpus; i++)
		kick_vcpu(&vm->vcpus[i]);
}

void vm_hold(struct vm *vm, unsigned int i)
{
	struct vcpu *vcpu = &vm->vcpus[i];

	pthread_mutex_lock(&vm->lock);
	vcpu->held = true;
	kick_vcpu(vcpu);
	while (!vcpu->parked)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

void vm_release(struct vm *vm, unsigned int i)
{
	struct vcpu *vcpu = &vm->vcpus[i];

	pthread_mutex_lock(&vm->lock);
	vcpu->held = false;
	if (vm->phase == RUNNING)
		vcpu->run->immediate_exit = 0;
	pthread_cond_broadcast(&vm->changed);
	/* It has left before it can be held again. */
	while (vm->phase == RUNNING && vcpu->parked && vm->end == GOING)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

int vm_pause(struct vm *vm)
{
	enum end end;

	pthread_mutex_lock(&vm->lock);
	if (vm->phase == RUNNING)
		vm->phase = PAUSED;
	kick(vm);
	while (vm->parked < vm->machine.vcpus)
		pthread_cond_wait(&vm->changed, &vm->lock);
	end = vm->end;
	pthread_mutex_unlock(&vm->lock);
	/* before registers are read: what it sends lands in the ITS */
	msi_stop(&vm->msi);
	return end == GOING ? 0 : CANNOT;
}

void vm_quit(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->phase = QUIT;
	kick(vm);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	for (unsigned int i = 0; i < vm->machine.vcpus; i++)
		if (vm->vcpus[i].started)
			pthread_join(vm->vcpus[i].thread, NULL);
	msi_quit(&vm->msi);
}
