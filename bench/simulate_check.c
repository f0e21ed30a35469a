// SPDX-License-Identifier: MIT
/*
 * simulate_check [THREADS]... - what threads that write registers at once
 * really take, to hold bench/simulate against
 *
 * One VM, a vCPU and a thread for each, the threads spread over the CPUs. All
 * begin at the same time and write a list of registers to their own vCPU:
 *
 *	locked	ID registers: each SET takes kvm->arch.config_lock
 *	free	as many ordinary system registers: none does
 *	replay	all registers: some do
 *
 * Prints CSV: list, CPUs, threads, SETs of one thread in a round, rounds, and
 * nanoseconds from the begin to the end of the last thread: least, median,
 * most; and how often a thread slept, all rounds together. The median is
 * taken of rounds, not of threads.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "simulate_vm.h"

#define ROUNDS 21
#define REPEAT 8 /* a list is written so often in a round */
#define LEAD 300000 /* ns from "all are there" to the begin */

enum list { LOCKED, FREE, REPLAY, N_LISTS };
static const char *const list_names[] = { "locked", "free", "replay" };

static struct vm vm;
static struct kvm_one_reg lists[N_LISTS][MAX_REGS];
static unsigned int list_sizes[N_LISTS];
static long n_cpus;

static struct {
	pthread_barrier_t barrier;
	enum list list;
	long long begin;
} shared;

struct thread {
	pthread_t id;
	unsigned int n;
	long long end[ROUNDS];
	long slept;
};

static bool is_sys(__u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SYSREG;
}

static void add(enum list list, const struct reg *reg)
{
	lists[list][list_sizes[list]++] = reg->one;
}

static void make_lists(void)
{
	for (unsigned int i = 0; i < vm.n_regs; i++) {
		const struct reg *reg = &vm.regs[i];

		if (!reg->writable)
			continue;
		add(REPLAY, reg);
		if (reg->kind == KIND_ID)
			add(LOCKED, reg);
	}
	for (unsigned int i = 0; i < vm.n_regs; i++)
		if (vm.regs[i].writable && vm.regs[i].kind == KIND_OTHER &&
		    is_sys(vm.regs[i].one.id) &&
		    list_sizes[FREE] < list_sizes[LOCKED])
			add(FREE, &vm.regs[i]);
}

static void write_list(int vcpu, enum list list)
{
	for (int i = 0; i < REPEAT; i++)
		for (unsigned int j = 0; j < list_sizes[list]; j++)
			if (ioctl(vcpu, KVM_SET_ONE_REG, &lists[list][j]))
				die("KVM_SET_ONE_REG");
}

static long count_sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static void *do_rounds(void *arg)
{
	struct thread *t = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(t->n % n_cpus, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
	write_list(vm.vcpus[t->n], shared.list);
	for (int i = 0; i < ROUNDS; i++) {
		long slept;

		if (pthread_barrier_wait(&shared.barrier) ==
		    PTHREAD_BARRIER_SERIAL_THREAD)
			shared.begin = now() + LEAD;
		pthread_barrier_wait(&shared.barrier);
		while (now() < shared.begin)
			sched_yield();
		slept = count_sleeps();
		write_list(vm.vcpus[t->n], shared.list);
		t->end[i] = now() - shared.begin;
		t->slept += count_sleeps() - slept;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return x < y ? -1 : x > y;
}

static void measure(enum list list, unsigned int n)
{
	static struct thread threads[MAX_VCPUS];
	long long took[ROUNDS] = { 0 };
	long slept = 0;

	memset(threads, 0, sizeof(threads));
	shared.list = list;
	if (pthread_barrier_init(&shared.barrier, NULL, n))
		die("pthread_barrier_init");
	for (unsigned int i = 0; i < n; i++) {
		threads[i].n = i;
		errno = pthread_create(&threads[i].id, NULL, do_rounds,
				       &threads[i]);
		if (errno)
			die("pthread_create");
	}
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(threads[i].id, NULL);
		slept += threads[i].slept;
		for (int j = 0; j < ROUNDS; j++)
			if (threads[i].end[j] > took[j])
				took[j] = threads[i].end[j];
	}
	pthread_barrier_destroy(&shared.barrier);
	qsort(took, ROUNDS, sizeof(took[0]), compare);
	printf("%s,%ld,%u,%u,%d,%lld,%lld,%lld,%ld\n", list_names[list], n_cpus,
	       n, REPEAT * list_sizes[list], ROUNDS, took[0], took[ROUNDS / 2],
	       took[ROUNDS - 1], slept);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	vm_make(&vm, MAX_VCPUS, true);
	make_lists();
	printf("list,cpus,threads,sets,rounds,least,median,most,slept\n");
	for (int i = 1; i < argc; i++) {
		int n = atoi(argv[i]);

		if (n < 1 || n > MAX_VCPUS) {
			fprintf(stderr,
				"simulate_check: %s: a number of "
				"threads is from 1 to %d\n",
				argv[i], MAX_VCPUS);
			return 2;
		}
		for (enum list list = 0; list < N_LISTS; list++)
			measure(list, (unsigned int)n);
	}
	vm_free(&vm);
	return 0;
}
