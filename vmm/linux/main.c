// SPDX-License-Identifier: MIT
/*
 * /init of the Linux guest: a thread on each CPU loads it and checks it, and
 * the first thread answers the VMM on the console.
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/membarrier.h>
#include <sys/auxv.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <asm/hwcap.h>

#include "guest.h"

/* Bytes behind a thread's memory for its counter. */
#define COUNTER_SIZE 4096

struct params params;
struct worker workers[MAX_CPUS];

/* splitmix64 */
uint64_t mix(uint64_t cpu, uint64_t what, uint64_t pass)
{
	uint64_t v = (cpu + 1) * 0x9e3779b97f4a7c15 + (what << 32) +
		     pass * 0xd1342543de82ef95;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

/* What the last pass left is still there; then new values. */
static void memory_check(struct worker *w)
{
	uint64_t old = mix(w->cpu, 2000000, w->passes - 1);
	uint64_t new = mix(w->cpu, 2000000, w->passes);

	for (uint64_t i = 0; i < params.memory / 8; i++) {
		uint64_t expected = w->passes ? old + i * 0x100000001 : 0;

		if (w->memory[i] != expected)
			fail(w->cpu, "memory-at-", i * 8, expected,
			     w->memory[i]);
		w->memory[i] = new + i * 0x100000001;
	}
	add(&w->checked, params.memory / 8);
}

/* Interrupts to all the others, and back, by one thread after the other. */
static void barrier(const struct worker *w)
{
	if (w->passes % params.cpus == w->cpu &&
	    syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		fail(w->cpu, "membarrier", NO_INDEX, 0, -1);
}

static void stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail(cpu, "sched_setaffinity", NO_INDEX, 0, -1);
}

static void setup(struct worker *w)
{
	stay_on(w->cpu);
	regs_setup(w);
	clock_setup(w);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	setup(w);
	for (;;) {
		check(w->cpu, "cpu", w->cpu, sched_getcpu());
		regs_check(w);
		clock_look(w);
		memory_check(w);
		clock_look(w);
		barrier(w);
		clock_check(w);
		__atomic_store_n(&w->passes, w->passes + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/*
 * All of it now and by one thread: where vCPUs share CPUs, page faults of all
 * threads at once wait for locks of the kernel whose holders do not run.
 */
static bool give_memory(struct worker *w)
{
	w->memory = mmap(NULL, params.memory + COUNTER_SIZE,
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	w->counter = w->memory + params.memory / 8;
	if (w->memory == MAP_FAILED)
		fail(w->cpu, "mmap", NO_INDEX, params.memory, 0);
	return w->memory != MAP_FAILED;
}

static void start(struct worker *w)
{
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	error = pthread_create(&thread, &attr, work, w);
	if (error)
		fail(w->cpu, "pthread_create", NO_INDEX, 0, error);
	pthread_attr_destroy(&attr);
}

static void mount_all(void)
{
	static const char *const types[][2] = {
		{ "devtmpfs", "/dev" },
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
	};

	for (unsigned int i = 0; i < sizeof(types) / sizeof(*types); i++) {
		mkdir(types[i][1], 0755);
		if (mount(types[i][0], types[i][1], types[i][0], 0, NULL) < 0)
			fail(0, types[i][1], NO_INDEX, 0, -1);
	}
}

/* Those that the VM has, whatever of them the kernel brought up. */
static unsigned int count_cpus(void)
{
	DIR *dir = opendir("/sys/firmware/devicetree/base/cpus");
	struct dirent *entry;
	unsigned int n = 0;

	while (dir && (entry = readdir(dir)))
		n += !strncmp(entry->d_name, "cpu@", 4);
	if (dir)
		closedir(dir);
	return n;
}

static uint64_t word(const char *cmdline, const char *name, uint64_t otherwise)
{
	const char *at = strstr(cmdline, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : otherwise;
}

/* The more CPUs, the less time and memory each of them gets. */
static void read_params(void)
{
	unsigned int online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int cpus = online < MAX_CPUS ? online : MAX_CPUS;
	FILE *file = fopen("/proc/cmdline", "r");
	char text[4096] = "";

	if (file) {
		text[fread(text, 1, sizeof(text) - 1, file)] = 0;
		fclose(file);
	}
	params = (struct params){
		.cpus = cpus,
		.memory = word(text, "onereg.memory=",
			       cpus <= 64 ? 256 : 16384 / cpus)
			  << 10,
		.hold = word(text, "onereg.hold=",
			     cpus <= 4 ? 1000000 : 4000000 / cpus),
		.tick_ns = 1000 * word(text, "onereg.tick=",
				       cpus <= 16 ? 10000 : 10000 * cpus / 16),
		.stall_ms = word(text, "onereg.stall=", 30000 + 1000 * cpus),
		.sve = getauxval(AT_HWCAP) & HWCAP_SVE,
		.pauth = getauxval(AT_HWCAP) & HWCAP_PACA,
	};
	check(0, "cpus-online", count_cpus(), online);
}

static void answer(char question)
{
	if (question == '?')
		report_check();
	else if (question == '#')
		report_progress();
}

int main(void)
{
	bool good = true;
	char question;

	mount_all();
	report_open();
	/* So that it can tell of any other one that no longer works. */
	stay_on(0);
	/* Lines of two writers must not mix; report_check() reads the log. */
	klogctl(8, NULL, 1);
	read_params();
	syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0,
		0);
	for (unsigned int i = 0; i < params.cpus; i++)
		workers[i].cpu = i;
	for (unsigned int i = 0; i < params.cpus; i++)
		good = good && give_memory(&workers[i]);
	for (unsigned int i = 0; good && i < params.cpus; i++)
		start(&workers[i]);
	report_ready();
	while (read(0, &question, 1) == 1)
		answer(question);
	fail(0, "console", NO_INDEX, 1, 0);
	report_check();
	pause();
	return 1;
}
