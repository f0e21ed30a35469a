// SPDX-License-Identifier: MIT
/*
 * reg_cost - what the register ioctls of this kernel cost
 *
 * Prints one line for each way of reaching registers: how many registers, how
 * many ioctls, and nanoseconds for all of them. Under `host/run --icount` a
 * nanosecond is an instruction of the host, and a figure repeats exactly.
 *
 * A fresh VM with one vCPU that has what the host offers of SVE, PMU and
 * pointer authentication.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <linux/kvm.h>
#include "asm/kvm_vm_regs.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_REGS	1024
#define VALUE_SIZE	256	/* bytes; the longest register */
#define ROUNDS		64

struct set {
	unsigned int n;
	struct kvm_one_reg regs[MAX_REGS];
	unsigned char values[MAX_REGS][VALUE_SIZE];
};

struct machine {
	int vm, vcpu;
	bool has_vm_regs;
	struct set of_vcpu, of_vm, writable;
};

static void die(const char *what)
{
	fprintf(stderr, "reg_cost: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void do_ioctl(int fd, unsigned long request, void *arg,
		     const char *what)
{
	if (ioctl(fd, request, arg) < 0)
		die(what);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void add(struct set *set, __u64 id)
{
	set->regs[set->n].id = id;
	set->regs[set->n].addr = (__u64)(unsigned long)set->values[set->n];
	set->n++;
}

static void take_list(int fd, struct set *set)
{
	static struct {
		struct kvm_reg_list list;
		__u64 ids[MAX_REGS];
	} l;

	l.list.n = MAX_REGS;
	do_ioctl(fd, KVM_GET_REG_LIST, &l, "KVM_GET_REG_LIST");
	for (unsigned int i = 0; i < l.list.n; i++)
		add(set, l.list.reg[i]);
}

static void init_vcpu(int kvm, struct machine *m)
{
	static const struct { int cap, feature; } features[] = {
		{ KVM_CAP_ARM_SVE, KVM_ARM_VCPU_SVE },
		{ KVM_CAP_ARM_PMU_V3, KVM_ARM_VCPU_PMU_V3 },
		{ KVM_CAP_ARM_PTRAUTH_ADDRESS, KVM_ARM_VCPU_PTRAUTH_ADDRESS },
		{ KVM_CAP_ARM_PTRAUTH_GENERIC, KVM_ARM_VCPU_PTRAUTH_GENERIC },
	};
	struct kvm_vcpu_init init;
	int sve = KVM_ARM_VCPU_SVE;

	do_ioctl(m->vm, KVM_ARM_PREFERRED_TARGET, &init, "PREFERRED_TARGET");
	init.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, features[i].cap) > 0)
			init.features[0] |= 1U << features[i].feature;
	do_ioctl(m->vcpu, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
	if (init.features[0] & 1U << KVM_ARM_VCPU_SVE)
		do_ioctl(m->vcpu, KVM_ARM_VCPU_FINALIZE, &sve, "FINALIZE");
}

static void each(int fd, unsigned long request, struct set *set)
{
	for (unsigned int i = 0; i < set->n; i++)
		do_ioctl(fd, request, &set->regs[i], "ONE_REG");
}

static void vector(int fd, unsigned long request, struct set *set)
{
	struct kvm_reg_vec vec = {
		.count = set->n,
		.regs = (__u64)(unsigned long)set->regs,
	};

	do_ioctl(fd, request, &vec, "REG_VEC");
}

static void nothing(int fd, unsigned long request, struct set *set)
{
	(void)set;
	ioctl(fd, request, 0);
}

/* What a vCPU takes back of what it gave. */
static void keep_writable(struct machine *m)
{
	struct set *all = &m->of_vcpu, *w = &m->writable;

	each(m->vcpu, KVM_GET_ONE_REG, all);
	for (unsigned int i = 0; i < all->n; i++) {
		if (ioctl(m->vcpu, KVM_SET_ONE_REG, &all->regs[i]))
			continue;
		add(w, all->regs[i].id);
		memcpy(w->values[w->n - 1], all->values[i], VALUE_SIZE);
	}
}

static void measure(const char *way, int fd, unsigned long request,
		    struct set *set, unsigned int n_ioctls,
		    void (*run)(int fd, unsigned long request,
				struct set *set))
{
	long long start;

	run(fd, request, set);
	start = now();
	for (int i = 0; i < ROUNDS; i++)
		run(fd, request, set);
	printf("%-34s %5u %7u %9lld\n", way, set ? set->n : 0, n_ioctls,
	       (now() - start) / ROUNDS);
}

static void measure_all(struct machine *m)
{
	struct set *all = &m->of_vcpu, *vm = &m->of_vm, *w = &m->writable;

	printf("%-34s %5s %7s %9s\n", "way", "regs", "ioctls", "ns");
	measure("an ioctl that does nothing", m->vm, KVM_CHECK_EXTENSION,
		NULL, 1, nothing);
	measure("vCPU: GET each", m->vcpu, KVM_GET_ONE_REG, all, all->n, each);
	measure("vCPU: SET each", m->vcpu, KVM_SET_ONE_REG, w, w->n, each);
	if (!m->has_vm_regs)
		return;
	measure("vCPU: GET vector", m->vcpu, KVM_GET_REG_VEC, all, 1, vector);
	measure("vCPU: SET vector", m->vcpu, KVM_SET_REG_VEC, w, 1, vector);
	measure("VM: GET each", m->vm, KVM_GET_ONE_REG, vm, vm->n, each);
	measure("VM: SET each", m->vm, KVM_SET_ONE_REG, vm, vm->n, each);
	measure("VM: GET vector", m->vm, KVM_GET_REG_VEC, vm, 1, vector);
	measure("VM: SET vector", m->vm, KVM_SET_REG_VEC, vm, 1, vector);
}

int main(void)
{
	static struct machine m;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		die("/dev/kvm");
	m.vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (m.vm < 0)
		die("KVM_CREATE_VM");
	m.vcpu = ioctl(m.vm, KVM_CREATE_VCPU, 0);
	if (m.vcpu < 0)
		die("KVM_CREATE_VCPU");
	init_vcpu(kvm, &m);
	take_list(m.vcpu, &m.of_vcpu);
	keep_writable(&m);
	m.has_vm_regs = ioctl(m.vm, KVM_CHECK_EXTENSION,
			      KVM_CAP_VM_ONE_REG) > 0;
	if (m.has_vm_regs) {
		take_list(m.vm, &m.of_vm);
		each(m.vm, KVM_GET_ONE_REG, &m.of_vm);
	}
	measure_all(&m);
	return 0;
}
