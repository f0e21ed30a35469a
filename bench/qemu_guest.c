// SPDX-License-Identifier: MIT
/*
 * qemu_guest - PID 1 of the Linux guest that bench/qemu-matrix moves
 *
 * A thread on each vCPU holds known values in registers nearly all the time,
 * so that the guest is most likely stopped while it does, and looks at them
 * again; it sleeps by a timer, computes, and watches the counter. The main
 * thread tells on the console, now and then:
 *
 *	beat N MS ROUNDS...
 *
 * N from 1 without a gap; MS of CLOCK_MONOTONIC; for each vCPU how often it
 * did all that. What is not right is a line "wrong: vCPU N: ...". The guest
 * never ends.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#define MAX_VCPUS 16
#define BEAT_US 200000
#define SPIN 100000		/* loops while values are held */
#define TICK_NS 2000000
#define V_REGS 32
#define P_REGS 16
#define Z_BYTES 256		/* of the longest vector */

/* Of x = 3.9 x (1 - x), from 0.1, after 2,000 rounds: in IEEE doubles. */
#define CHAOS_ROUNDS 2000
#define CHAOS_END 0x1.858b5838eabbbp-4

struct registers {
	uint8_t v[V_REGS * Z_BYTES];	/* each as long as vectors are */
	uint8_t p[P_REGS * Z_BYTES / 8];
} __attribute__((aligned(64)));

static struct vcpu {
	pthread_t thread;
	unsigned int cpu;
	atomic_ulong rounds;
} vcpus[MAX_VCPUS];

static void wrong(const struct vcpu *c, const char *what)
{
	printf("wrong: vCPU %u: %s in round %lu\n", c->cpu, what,
	       atomic_load(&c->rounds));
	fflush(stdout);
}

/* ---- registers ---- */

#define SPIN_HERE "mov x9, %[spin]\n1: subs x9, x9, #1\nb.ne 1b\n"
#define V_CLOBBERS							\
	"v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10",\
	"v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",	\
	"v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",	\
	"v29", "v30", "v31"
#define ALL_V "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15," \
	"16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"
#define ALL_P "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"

static void hold_v(const struct registers *in, struct registers *out)
{
	__asm__ volatile(
		".irp n, " ALL_V "\n ldr q\\n, [%[in], #16 * \\n]\n .endr\n"
		SPIN_HERE
		".irp n, " ALL_V "\n str q\\n, [%[out], #16 * \\n]\n .endr\n"
		:: [in] "r" (in->v), [out] "r" (out->v),
		   [spin] "r" ((uint64_t)SPIN)
		: "x9", "cc", "memory", V_CLOBBERS);
}

static void hold_sve(const struct registers *in, struct registers *out)
{
	__asm__ volatile(
		".arch_extension sve\n"
		".irp n, " ALL_V "\n ldr z\\n, [%[in], #\\n, mul vl]\n .endr\n"
		".irp n, " ALL_P "\n ldr p\\n, [%[pin], #\\n, mul vl]\n .endr\n"
		SPIN_HERE
		".irp n, " ALL_V "\n str z\\n, [%[out], #\\n, mul vl]\n .endr\n"
		".irp n, " ALL_P "\n str p\\n, [%[pout], #\\n, mul vl]\n .endr\n"
		:: [in] "r" (in->v), [out] "r" (out->v), [pin] "r" (in->p),
		   [pout] "r" (out->p), [spin] "r" ((uint64_t)SPIN)
		: "x9", "cc", "memory", V_CLOBBERS);
}

static size_t sve_bytes(void)
{
	uint64_t n;

	__asm__(".arch_extension sve\n rdvl %0, #1" : "=r" (n));
	return n;
}

/* Others each round, on each vCPU. */
static void fill(struct registers *r, unsigned int cpu, unsigned long round)
{
	uint8_t *bytes = (uint8_t *)r;
	uint32_t x = (uint32_t)(round * 2654435761u + cpu + 1);

	for (size_t i = 0; i < sizeof(*r); i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = x >> 24;
	}
}

static void check_registers(const struct vcpu *c)
{
	struct registers in, out;
	bool sve = getauxval(AT_HWCAP) & HWCAP_SVE;
	size_t length = sve ? sve_bytes() : 16;

	fill(&in, c->cpu, atomic_load(&c->rounds));
	memset(&out, 0, sizeof(out));
	if (sve)
		hold_sve(&in, &out);
	else
		hold_v(&in, &out);
	if (memcmp(in.v, out.v, V_REGS * length))
		wrong(c, "vector registers changed");
	if (sve && memcmp(in.p, out.p, P_REGS * length / 8))
		wrong(c, "predicate registers changed");
}

/* ---- floating point, keys, time ---- */

static void check_floating(const struct vcpu *c)
{
	volatile double start = 0.1;
	double x = start;

	for (int i = 0; i < CHAOS_ROUNDS; i++)
		x = 3.9 * x * (1 - x);
	if (x != CHAOS_END)
		wrong(c, "floating point went another way");
}

/* A pointer signed with this process's key B; itself on CPUs without. */
static uint64_t signed_pointer(void)
{
	register uint64_t x17 __asm__("x17") = 0x123456789000;
	register uint64_t x16 __asm__("x16") = 42;

	__asm__ volatile("hint #10" : "+r" (x17) : "r" (x16));
	return x17;
}

static uint64_t counter(void)
{
	uint64_t t;

	__asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r" (t) :: "memory");
	return t;
}

static void check_timer(struct vcpu *c)
{
	struct timespec sleep = { .tv_nsec = TICK_NS }, before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	if (nanosleep(&sleep, NULL))
		wrong(c, "nanosleep failed");
	clock_gettime(CLOCK_MONOTONIC, &after);
	if ((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec -
	    before.tv_nsec < TICK_NS)
		wrong(c, "the timer came early");
}

static void *run(void *arg)
{
	struct vcpu *c = arg;
	uint64_t first = signed_pointer(), before = counter(), now;

	for (;;) {
		check_registers(c);
		check_floating(c);
		check_timer(c);
		if (signed_pointer() != first)
			wrong(c, "the key of pointers changed");
		now = counter();
		if (now <= before)
			wrong(c, "the counter went back");
		before = now;
		if (sched_getcpu() != (int)c->cpu)
			wrong(c, "the thread is elsewhere");
		atomic_fetch_add(&c->rounds, 1);
	}
	return NULL;
}

static void start(struct vcpu *c, unsigned int cpu)
{
	pthread_attr_t attr;
	cpu_set_t set;

	c->cpu = cpu;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_attr_init(&attr) ||
	    pthread_attr_setaffinity_np(&attr, sizeof(set), &set) ||
	    pthread_create(&c->thread, &attr, run, c)) {
		puts("wrong: cannot start a thread on each vCPU");
		exit(1);
	}
	pthread_attr_destroy(&attr);
}

static void beat(unsigned long n, unsigned int cpus)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("beat %lu %ld", n,
	       now.tv_sec * 1000L + now.tv_nsec / 1000000);
	for (unsigned int i = 0; i < cpus; i++)
		printf(" %lu", atomic_load(&vcpus[i].rounds));
	putchar('\n');
	fflush(stdout);
}

int main(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1 || cpus > MAX_VCPUS) {
		printf("wrong: %ld vCPUs\n", cpus);
		return 1;
	}
	for (long i = 0; i < cpus; i++)
		start(&vcpus[i], (unsigned int)i);
	for (unsigned long n = 1;; n++) {
		beat(n, (unsigned int)cpus);
		usleep(BEAT_US);
	}
}
