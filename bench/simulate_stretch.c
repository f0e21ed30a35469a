// SPDX-License-Identifier: MIT
/*
 * simulate_stretch [THREADS]... - kvm->arch.config_lock with many CPUs' worth
 * of threads on few, to hold bench/simulate against
 *
 * Work is replaced by sleep, a thousand times as long: a thread that sleeps
 * wants no CPU, so all of them proceed at once. Each thread has a vCPU and
 * again and again sleeps, then makes a call that sleeps while the kernel holds
 * the lock: KVM_ARM_VCPU_PMU_V3_FILTER reads its argument under it, and here
 * that is from a page that this program lets the kernel wait for.
 *
 * Prints CSV as simulate_check does: list "stretched", or "alone" where each
 * thread has a VM, and thus a lock, of its own.  `host/run --icount`: the same
 * figures in every run, whatever else the machine does.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "simulate_vm.h"

#define CALLS		20		/* of one thread */
#define OUTSIDE		1000000		/* ns */
#define HELD		700000
#define MAX_THREADS	16
#define PAGE		4096UL

static struct vm vms[MAX_THREADS];

struct thread {
	pthread_t id, server;
	int vcpu;
	int uffd;
	char *pages;		/* one is waited for in each call */
	long long end;
};

static struct {
	pthread_barrier_t barrier;
	long long begin;
} shared;

static void sleep_ns(long ns)
{
	struct timespec t = { .tv_nsec = ns };

	if (nanosleep(&t, NULL))
		die("nanosleep");
}

/* Gives the kernel each page that it waits for, after a while. */
static void *serve(void *arg)
{
	struct thread *t = arg;
	struct uffd_msg msg;

	for (int i = 0; i < CALLS; i++) {
		struct uffdio_zeropage zero = { .range.len = PAGE };

		if (read(t->uffd, &msg, sizeof(msg)) != sizeof(msg))
			die("reading the userfaultfd");
		sleep_ns(HELD);
		zero.range.start = msg.arg.pagefault.address & ~(PAGE - 1);
		if (ioctl(t->uffd, UFFDIO_ZEROPAGE, &zero))
			die("UFFDIO_ZEROPAGE");
	}
	return NULL;
}

static void open_pages(struct thread *t)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	t->pages = mmap(NULL, CALLS * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->pages == MAP_FAILED)
		die("mmap");
	t->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (t->uffd < 0 || ioctl(t->uffd, UFFDIO_API, &api))
		die("userfaultfd");
	range.range.start = (unsigned long)t->pages;
	range.range.len = CALLS * PAGE;
	if (ioctl(t->uffd, UFFDIO_REGISTER, &range))
		die("UFFDIO_REGISTER");
}

static void *work(void *arg)
{
	struct thread *t = arg;
	struct kvm_device_attr filter = {
		.group = KVM_ARM_VCPU_PMU_V3_CTRL,
		.attr = KVM_ARM_VCPU_PMU_V3_FILTER,
	};

	if (pthread_barrier_wait(&shared.barrier) ==
	    PTHREAD_BARRIER_SERIAL_THREAD)
		shared.begin = now();
	for (int i = 0; i < CALLS; i++) {
		sleep_ns(OUTSIDE);
		/* An empty filter: all zeros, as the page will be. */
		filter.addr = (unsigned long)t->pages + i * PAGE;
		if (ioctl(t->vcpu, KVM_SET_DEVICE_ATTR, &filter))
			die("KVM_ARM_VCPU_PMU_V3_FILTER");
	}
	t->end = now();
	return NULL;
}

static void start(pthread_t *id, void *(*function)(void *), struct thread *t)
{
	errno = pthread_create(id, NULL, function, t);
	if (errno)
		die("pthread_create");
}

static void measure(const char *list, unsigned int n, bool alone)
{
	struct thread threads[MAX_THREADS];
	long long took = 0;

	if (pthread_barrier_init(&shared.barrier, NULL, n))
		die("pthread_barrier_init");
	for (unsigned int i = 0; i < n; i++) {
		struct thread *t = &threads[i];

		t->vcpu = alone ? vms[i].vcpus[0] : vms[0].vcpus[i];
		open_pages(t);
		start(&t->server, serve, t);
		start(&t->id, work, t);
	}
	for (unsigned int i = 0; i < n; i++) {
		struct thread *t = &threads[i];

		pthread_join(t->id, NULL);
		pthread_join(t->server, NULL);
		munmap(t->pages, CALLS * PAGE);
		close(t->uffd);
		if (t->end - shared.begin > took)
			took = t->end - shared.begin;
	}
	pthread_barrier_destroy(&shared.barrier);
	printf("%s,%ld,%u,%d,1,%lld,%lld,%lld,0\n", list,
	       sysconf(_SC_NPROCESSORS_ONLN), n, CALLS, took, took, took);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	/* A sleep is as long as it says; threads inherit that. */
	if (prctl(PR_SET_TIMERSLACK, 1))
		die("PR_SET_TIMERSLACK");
	for (unsigned int i = 0; i < MAX_THREADS; i++)
		vm_make(&vms[i], i ? 1 : MAX_THREADS, false);
	printf("list,cpus,threads,sets,rounds,least,median,most,slept\n");
	for (int i = 1; i < argc; i++) {
		int n = atoi(argv[i]);

		if (n < 1 || n > MAX_THREADS) {
			fprintf(stderr, "simulate_stretch: %s: a number of "
				"threads is from 1 to %d\n", argv[i],
				MAX_THREADS);
			return 2;
		}
		measure("stretched", (unsigned int)n, false);
		measure("alone", (unsigned int)n, true);
	}
	for (unsigned int i = 0; i < MAX_THREADS; i++)
		vm_free(&vms[i]);
	return 0;
}
