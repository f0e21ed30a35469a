// SPDX-License-Identifier: MIT
/*
 * simulate_cost - what each register call costs, for bench/simulate
 *
 * Prints CSV: what, kind, busy, and instructions of one call each: GET and
 * SET on a VM that has not run yet, then on one that has (0: no such call).
 * What is taken under kvm->arch.config_lock follows by differences, see
 * docs/contention.md. To be run under `host/run --icount --cpus 2`: who wakes
 * threads does so from a CPU of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "simulate_vm.h"
#include "asm/kvm_vm_regs.h"

#define CALLS	16	/* timed together */
#define TRIES	5	/* the least counts: a tick of the clock is no cost */
#define SLEEPERS 16

enum { GET_BEFORE, SET_BEFORE, GET_AFTER, SET_AFTER, N_COSTS };
static long long costs[MAX_REGS][N_COSTS];

static long long cost(int fd, unsigned long request, void *arg)
{
	long long least = 0, clock = now();

	clock = now() - clock;
	for (int i = 0; i < TRIES; i++) {
		long long took = now();

		for (int j = 0; j < CALLS; j++)
			if (ioctl(fd, request, arg) < 0)
				return 0;
		took = (now() - took - clock) / CALLS;
		if (!i || took < least)
			least = took;
	}
	return least;
}

static void measure_registers(struct vm *vm, int get, int set)
{
	for (unsigned int i = 0; i < vm->n_regs; i++) {
		struct reg *reg = &vm->regs[i];

		costs[i][get] = cost(vm->vcpus[0], KVM_GET_ONE_REG, &reg->one);
		if (reg->writable)
			costs[i][set] = cost(vm->vcpus[0], KVM_SET_ONE_REG,
					     &reg->one);
	}
}

static void print_other(const char *what, unsigned int n, long long least)
{
	printf("%s,%u,0,0,%lld,0,%lld\n", what, n, least, least);
}

/* One vector of what a busy guest changes, and one of a single register. */
static void measure_vectors(struct vm *vm)
{
	static struct kvm_one_reg regs[MAX_REGS];
	struct kvm_reg_vec vec = { .regs = (__u64)(unsigned long)regs };

	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_VM_ONE_REG) <= 0)
		return;
	for (unsigned int i = 0; i < vm->n_regs; i++)
		if (vm->regs[i].busy && vm->regs[i].writable)
			regs[vec.count++] = vm->regs[i].one;
	print_other("vector", vec.count,
		    cost(vm->vcpus[0], KVM_SET_REG_VEC, &vec));
	vec.count = 1;
	print_other("vector", 1, cost(vm->vcpus[0], KVM_SET_REG_VEC, &vec));
}

static void measure_rest(struct vm *vm)
{
	struct kvm_vcpu_events events = { 0 };
	struct kvm_mp_state mp_state;

	if (ioctl(vm->vcpus[0], KVM_GET_MP_STATE, &mp_state))
		die("KVM_GET_MP_STATE");
	print_other("nothing", 1, cost(vm->fd, KVM_CHECK_EXTENSION, NULL));
	print_other("events", 1,
		    cost(vm->vcpus[0], KVM_SET_VCPU_EVENTS, &events));
	print_other("mp_state", 1,
		    cost(vm->vcpus[0], KVM_SET_MP_STATE, &mp_state));
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void *sleeper(void *sem)
{
	stay_on(1);
	while (sem_wait(sem))
		;
	return NULL;
}

/* What it costs the one who wakes; the woken run elsewhere. */
static void measure_wake(void)
{
	pthread_t threads[SLEEPERS];
	long long took;
	sem_t sem;

	sem_init(&sem, 0, 0);
	for (int i = 0; i < SLEEPERS; i++)
		if (pthread_create(&threads[i], NULL, sleeper, &sem))
			die("pthread_create");
	usleep(10000);
	took = now();
	for (int i = 0; i < SLEEPERS; i++)
		sem_post(&sem);
	took = now() - took;
	for (int i = 0; i < SLEEPERS; i++)
		pthread_join(threads[i], NULL);
	print_other("wake", SLEEPERS, took / SLEEPERS);
}

int main(void)
{
	static struct vm vm;

	stay_on(0);
	vm_make(&vm, 1, true);
	measure_registers(&vm, GET_BEFORE, SET_BEFORE);
	printf("what,kind,busy,get_before,set_before,get_after,set_after\n");
	measure_rest(&vm);
	measure_vectors(&vm);
	measure_wake();
	vm_run(&vm);
	measure_registers(&vm, GET_AFTER, SET_AFTER);
	for (unsigned int i = 0; i < vm.n_regs; i++)
		printf("0x%llx,%s,%d,%lld,%lld,%lld,%lld\n",
		       (unsigned long long)vm.regs[i].one.id,
		       kind_name(vm.regs[i].kind), vm.regs[i].busy,
		       costs[i][GET_BEFORE], costs[i][SET_BEFORE],
		       costs[i][GET_AFTER], costs[i][SET_AFTER]);
	vm_free(&vm);
	return 0;
}
