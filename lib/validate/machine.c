/* SPDX-License-Identifier: MIT */
/* Scratch VMs of one rule: made as it goes, closed when it is over. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "validate.h"

/* ---- files ---- */

static int keep(struct v *v, int fd, const char *name)
{
	struct v_file *f = &v->files[v->n_files];

	if (fd < 0)
		return -1;
	if (v->n_files == V_FILES) {
		v->io->close(v->io->userdata, fd);
		v_fail(v, "the test opens more than %u files", V_FILES);
		return -1;
	}
	f->fd = fd;
	snprintf(f->name, sizeof(f->name), "%s", name);
	v->n_files++;
	return fd;
}

void v_close(struct v *v, int fd)
{
	for (size_t i = 0; i < v->n_files; i++) {
		if (v->files[i].fd != fd)
			continue;
		v->io->close(v->io->userdata, fd);
		v->files[i] = v->files[--v->n_files];
		return;
	}
}

/* vCPUs before their VM, as most VMMs do. */
void v_close_all(struct v *v)
{
	while (v->n_files)
		v->io->close(v->io->userdata, v->files[--v->n_files].fd);
}

/* ---- VMs and vCPUs ---- */

int v_cap(struct v *v, int fd, uint32_t cap)
{
	return v_ioctl(v, fd, KA_CHECK_EXTENSION, (void *)(uintptr_t)cap);
}

int v_try_cap(struct v *v, int vm, uint32_t cap, uint64_t arg)
{
	struct ka_enable_cap enable = { .cap = cap, .args = { arg } };

	return v_ioctl(v, vm, KA_ENABLE_CAP, &enable);
}

/* Guests of 40 bits of address, as by default, where the host has as many. */
int v_vm(struct v *v)
{
	int bits = v_cap(v, v->kvm_fd, KA_CAP_ARM_VM_IPA_SIZE);
	uintptr_t type = bits > 0 && bits < 40 ? (uintptr_t)bits : 0;
	int fd = v_ioctl(v, v->kvm_fd, KA_CREATE_VM, (void *)type);

	v_is(v, fd, 0, "KVM_CREATE_VM");
	return keep(v, fd, "the VM");
}

int v_vm_scope(struct v *v, uint64_t mode)
{
	int vm = v_vm(v);

	v_cap_is(v, vm, KA_CAP_ARM_REG_SCOPE, mode, 0);
	return vm;
}

int v_vcpu(struct v *v, int vm, unsigned int id)
{
	int fd = v_ioctl(v, vm, KA_CREATE_VCPU, (void *)(uintptr_t)id);
	char name[16];

	snprintf(name, sizeof(name), "vCPU %u", id);
	v_is(v, fd, 0, "KVM_CREATE_VCPU of %s", name);
	return keep(v, fd, name);
}

int v_try_init(struct v *v, int vcpu, uint32_t features)
{
	struct ka_vcpu_init init = {
		.target = KA_TARGET_GENERIC_V8,
		.features = { features },
	};

	return v_ioctl(v, vcpu, KA_ARM_VCPU_INIT, &init);
}

int v_try_finalize(struct v *v, int vcpu)
{
	int what = KA_VCPU_SVE;

	return v_ioctl(v, vcpu, KA_ARM_VCPU_FINALIZE, &what);
}

void v_init(struct v *v, int vcpu, uint32_t features)
{
	v_init_is(v, vcpu, features, 0);
	if (features & 1U << KA_VCPU_SVE)
		v_is(v, v_try_finalize(v, vcpu), 0,
		     "KVM_ARM_VCPU_FINALIZE of %s", v_name(v, vcpu));
}

int v_ready(struct v *v, int vm, unsigned int id, uint32_t features)
{
	int vcpu = v_vcpu(v, vm, id);

	v_init(v, vcpu, features);
	return vcpu;
}

struct v_pair v_pair(struct v *v)
{
	struct v_pair p = { .vm = v_vm(v) };

	p.a = v_ready(v, p.vm, 0, PSCI);
	p.b = v_ready(v, p.vm, 1, PSCI);
	return p;
}

/* ---- running ---- */

/*
 * A signal that the thread has blocked and that KVM_RUN alone unblocks: it is
 * pending, so KVM_RUN ends at once, and it is taken off afterwards. No handler
 * is needed, and nothing of the process changes for longer than this.
 */
void v_first_run(struct v *v, int vcpu)
{
	struct ka_signal_mask mask = { .len = sizeof(mask.sigset) };
	const struct timespec at_once = { 0 };
	sigset_t set, old;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	got = v_ioctl(v, vcpu, KA_SET_SIGNAL_MASK, &mask);
	/* A model has no signals, and its KVM_RUN ends by itself. */
	if (got < 0 && v->kernel) {
		v_is(v, got, 0, "KVM_SET_SIGNAL_MASK on %s", v_name(v, vcpu));
	} else {
		pthread_kill(pthread_self(), SIGUSR1);
		got = v_ioctl(v, vcpu, KA_RUN, NULL);
		sigtimedwait(&set, NULL, &at_once);
		v_is(v, got, -EINTR, "KVM_RUN of %s with a signal pending",
		     v_name(v, vcpu));
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}
