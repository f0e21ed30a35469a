// SPDX-License-Identifier: MIT
/*
 * qemu_side - QEMU saves Linux guests, or loads what another one saved
 *
 *	qemu_side save
 *	qemu_side load NAME...
 *
 * Runs in the emulated host for bench/qemu-matrix, beside what qemu-fetch
 * gives, onereg, image and initrd. Leaves in out:
 *
 *	save	fresh		the stream of a VM whose vCPUs never ran
 *		fresh.record	what QEMU asked of KVM to make it, by onereg trace
 *		state		the stream of a running guest
 *		state.serial	what the guest said until then
 *	load	NAME.again	of the file NAME, the state of such a guest: the
 *				stream of what it became, before it ran
 *		NAME.serial	what the guest then said
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu_vmm.h"

#define MEGABYTES "64"
#define VCPUS "4"
#define BEATS 8			/* of the guest, before and after */

static long began;		/* milliseconds */

static int make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		die("cannot make %s: %m", path);
	return fd;
}

/* Into out, where a file that is written and read at once gets holes. */
static void copy_out(const char *name)
{
	char path[300], buf[4096];
	FILE *from = fopen(name, "re"), *to;
	size_t n;

	snprintf(path, sizeof(path), "out/%s", name);
	to = fopen(path, "we");
	if (!from || !to)
		die("cannot copy %s to out: %m", name);
	while ((n = fread(buf, 1, sizeof(buf), from)))
		fwrite(buf, 1, n, to);
	fclose(from);
	if (fclose(to))
		die("cannot write %s: %m", path);
}

static void say(const char *what, const char *of)
{
	printf("%5.1f s: %s %s\n", (now_ms() - began) / 1e3, what, of);
	fflush(stdout);
}

/* ---- the guest ---- */

/* Whole lines that tell of it, in all that it said. */
static unsigned int beats(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "re");
	unsigned int n = 0;

	while (f && fgets(line, sizeof(line), f)) {
		n += !strncmp(line, "beat ", 5) && strchr(line, '\n');
		if (strstr(line, "wrong:"))
			die("the guest says %s", line);
	}
	if (f)
		fclose(f);
	return n;
}

static void wait_beats(const char *path)
{
	long end = now_ms() + QEMU_WAIT_MS;
	unsigned int n;

	while ((n = beats(path)) < BEATS) {
		if (now_ms() > end)
			die("the guest told of itself %u times in %d s, not %d",
			    n, QEMU_WAIT_MS / 1000, BEATS);
		usleep(50000);
	}
}

static void add_linux(struct words *w, const char *serial)
{
	static const char *const words[] = {
		"-kernel", "image", "-initrd", "initrd", "-append",
		/* Where the kernel lies should not differ. */
		"console=ttyAMA0 rdinit=/qemu_guest quiet nokaslr panic=-1 "
		"rcupdate.rcu_cpu_stall_timeout=300",
		"-serial",
	};
	static char file[300];

	words_add_qemu(w, MEGABYTES, VCPUS);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words_add(w, words[i]);
	snprintf(file, sizeof(file), "file:%s", serial);
	words_add(w, file);
}

/* ---- save ---- */

static void save_fresh(void)
{
	static const char *const trace[] = {
		"./onereg", "trace", "--output", "fresh.report", "--record",
		"out/fresh.record", "--",
	};
	struct words w = { 0 };
	int state = make("out/fresh");
	struct qemu q;

	for (size_t i = 0; i < sizeof(trace) / sizeof(trace[0]); i++)
		words_add(&w, trace[i]);
	add_linux(&w, "fresh.serial");
	words_add(&w, "-S");
	qemu_start(&q, &w, -1);
	qemu_save(&q, state);
	qemu_quit(&q);
	close(state);
	say("saved", "fresh");
}

static void save(void)
{
	struct words w = { 0 };
	int state = make("out/state");
	struct qemu q;

	add_linux(&w, "state.serial");
	qemu_start(&q, &w, -1);
	wait_beats("state.serial");
	say("runs", "the guest");
	qemu_save(&q, state);
	qemu_quit(&q);
	close(state);
	copy_out("state.serial");
	say("saved", "state");
}

/* ---- load ---- */

/* Not an event, which has a status too. */
#define ANSWER "{\"return\": {\"status\": \""

static void wait_loaded(struct qemu *q)
{
	do {
		usleep(50000);
		qemu_tell(q, "{\"execute\":\"query-status\"}\n");
		if (!qemu_wait(q, ANSWER, "\"error\""))
			die("QEMU cannot load: %s", q->said);
	} while (!strncmp(q->said + q->seen - 1 + strlen(ANSWER), "inmigrate",
			  9));
}

static void load(const char *name)
{
	char serial[256], again[256];
	int from = open(name, O_RDONLY | O_CLOEXEC), state;
	struct words w = { 0 };
	struct qemu q;

	snprintf(serial, sizeof(serial), "%s.serial", name);
	snprintf(again, sizeof(again), "out/%s.again", name);
	if (from < 0)
		die("cannot open %s: %m", name);
	state = make(again);
	add_linux(&w, serial);
	words_add(&w, "-S");
	words_add(&w, "-incoming");
	words_add(&w, "defer");
	qemu_start(&q, &w, from);
	qemu_load(&q);
	wait_loaded(&q);
	say("loaded", name);
	qemu_save(&q, state);
	say("saved again", name);
	qemu_tell(&q, "{\"execute\":\"cont\"}\n");
	qemu_wait(&q, "\"RESUME\"", "\"error\"");
	wait_beats(serial);
	say("goes on", name);
	qemu_quit(&q);
	copy_out(serial);
	close(from);
	close(state);
}

int main(int argc, char **argv)
{
	began = now_ms();
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && !strcmp(argv[1], "save")) {
		save_fresh();
		save();
	} else if (argc > 2 && !strcmp(argv[1], "load")) {
		for (int i = 2; i < argc; i++)
			load(argv[i]);
	} else {
		die("usage: qemu_side save | load NAME...");
	}
	return 0;
}
