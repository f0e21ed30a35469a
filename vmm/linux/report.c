// SPDX-License-Identifier: MIT
/*
 * What failed, and the lines on the console: the payload's, so that the VMM
 * asks both guests in the same way. Each line is one write.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "guest.h"

static uint64_t n_wrong;
static struct failure {
	unsigned int cpu;
	char name[64];
	uint64_t expected, got;
} failed[MAX_FAILURES];
static unsigned int n_failed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int kmsg = -1;

void fail(unsigned int cpu, const char *name, unsigned int index,
	  uint64_t expected, uint64_t got)
{
	add(&n_wrong, 1);
	pthread_mutex_lock(&lock);
	if (n_failed < MAX_FAILURES) {
		struct failure *f = &failed[n_failed++];

		f->cpu = cpu;
		f->expected = expected;
		f->got = got;
		if (index == NO_INDEX)
			snprintf(f->name, sizeof(f->name), "%s", name);
		else
			snprintf(f->name, sizeof(f->name), "%s%u", name, index);
	}
	pthread_mutex_unlock(&lock);
}

void check(unsigned int cpu, const char *name, uint64_t expected, uint64_t got)
{
	add(&workers[cpu].checked, 1);
	if (expected != got)
		fail(cpu, name, NO_INDEX, expected, got);
}

unsigned int failures(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = n_failed;
	pthread_mutex_unlock(&lock);
	return n;
}

/* The console brings and takes bytes as they are; the kernel's log from now. */
void report_open(void)
{
	struct termios t;

	if (!tcgetattr(0, &t)) {
		cfmakeraw(&t);
		tcsetattr(0, TCSANOW, &t);
	}
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		fail(0, "open-/dev/kmsg", NO_INDEX, 1, 0);
}

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char line[256];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (int at = 0; at < n;) {
		ssize_t done = write(1, line + at, n - at);

		if (done <= 0)
			break;
		at += done;
	}
}

/* A word of a complaint: its place in the table is what "got" says. */
static unsigned int complaint(const char *record)
{
	static const char *const words[] = {
		"WARNING: ",	  "BUG: ",	 "Oops",
		"Internal error", "Call trace:", "Unable to handle kernel",
		"detected stall",
	};

	for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strstr(record, words[i]))
			return i + 1;
	return 0;
}

/* A kernel that complains is not well, whatever its programs find. */
static void read_kernel_log(void)
{
	char record[2048], name[40];
	ssize_t n;

	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0) {
		char *text;
		unsigned int which;

		record[n] = 0;
		text = strchr(record, ';');
		which = text ? complaint(text) : 0;
		if (!which)
			continue;
		for (char *c = ++text; *c; c++)
			if (*c <= ' ' || *c > '~')
				*c = *c == '\n' ? 0 : '_';
		snprintf(name, sizeof(name), "kernel:%.30s", text);
		fail(0, name, NO_INDEX, 0, which);
		say("%s\n", text);
	}
}

void report_ready(void)
{
	say("payload: ready vcpus=%u sve=%d pauth=%d memory=%lluKiB\n",
	    params.cpus, params.sve, params.pauth,
	    (unsigned long long)params.memory >> 10);
}

struct numbers {
	uint64_t least, most, sum;
};

/* Of all threads. */
static struct numbers numbers(size_t offset)
{
	struct numbers n = { .least = ~0ull };

	for (unsigned int i = 0; i < params.cpus; i++) {
		const uint64_t *v = (void *)((char *)&workers[i] + offset);
		uint64_t value = __atomic_load_n(v, __ATOMIC_ACQUIRE);

		n.least = value < n.least ? value : n.least;
		n.most = value > n.most ? value : n.most;
		n.sum += value;
	}
	return n;
}

#define NUMBERS(member) numbers(offsetof(struct worker, member))

void report_progress(void)
{
	say("payload: passes=%llu%s\n",
	    (unsigned long long)NUMBERS(passes).least,
	    failures() ? " FAIL" : "");
}

static void say_failures(void)
{
	unsigned int n = failures();

	for (unsigned int i = 0; i < n; i++)
		say("payload: FAIL vcpu=%u register=%s expected=0x%llx "
		    "got=0x%llx line=%u/%u\n",
		    failed[i].cpu, failed[i].name,
		    (unsigned long long)failed[i].expected,
		    (unsigned long long)failed[i].got, i + 1, n);
}

static void say_ok(void)
{
	const struct {
		const char *name;
		uint64_t value;
		const char *unit;
	} told[] = {
		{ "passes", NUMBERS(passes).least, "" },
		{ "ticks", NUMBERS(ticks).sum, "" },
		{ "lost", NUMBERS(lost).sum, "" },
		{ "counted", NUMBERS(counted).sum, "" },
		{ "checked", NUMBERS(checked).sum, "" },
		{ "wrong", __atomic_load_n(&n_wrong, __ATOMIC_RELAXED), "" },
		{ "bunched", NUMBERS(bunched).sum, "" },
		{ "late", NUMBERS(late).most / 1000, "us" },
		{ "max-jump", NUMBERS(max_jump).most / 1000, "us" },
	};
	char text[200] = "";
	int n = 0;

	for (unsigned int i = 0; i < sizeof(told) / sizeof(*told); i++)
		n += snprintf(text + n, sizeof(text) - n, " %s=%llu%s",
			      told[i].name, (unsigned long long)told[i].value,
			      told[i].unit);
	say("payload: ok vcpus=%u%s\n", params.cpus, text);
}

/* The first thread without a pass that began after the question, or cpus. */
static unsigned int behind(const uint64_t *before)
{
	for (unsigned int i = 0; i < params.cpus; i++)
		if (__atomic_load_n(&workers[i].passes, __ATOMIC_ACQUIRE) <
		    before[i] + 2)
			return i;
	return params.cpus;
}

/* In steps: the clock may jump while the VM is away. */
static void wait_passes(const uint64_t *before)
{
	unsigned int late;

	for (unsigned int waited = 0; waited < params.stall_ms; waited += 10) {
		if (behind(before) == params.cpus || failures())
			return;
		usleep(10000);
	}
	late = behind(before);
	if (late < params.cpus)
		fail(late, "passes", NO_INDEX, before[late] + 2,
		     workers[late].passes);
}

void report_check(void)
{
	static uint64_t before[MAX_CPUS];

	for (unsigned int i = 0; i < params.cpus; i++)
		before[i] =
			__atomic_load_n(&workers[i].passes, __ATOMIC_ACQUIRE);
	wait_passes(before);
	read_kernel_log();
	if (failures())
		say_failures();
	else
		say_ok();
}
