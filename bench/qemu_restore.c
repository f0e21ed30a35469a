// SPDX-License-Identifier: MIT
/*
 * qemu_restore - a VM of QEMU's, saved and restored, to watch the latter
 *
 *	qemu_restore [--vcpus N] [--mark] [-- WRAPPER...]
 *
 * Runs in the emulated host beside what bench/qemu-fetch gives. Starts QEMU
 * with N vCPUs that all run, has it migrate into a file, ends it, and starts
 * another one, under WRAPPER, that takes the file and goes on. --mark: sends
 * WRAPPER a SIGUSR1 before the file arrives, as onereg trace wants. Exit
 * status 0: the guest runs on in the second one; what WRAPPER writes is kept
 * out of QEMU's monitor, which is standard input and output here.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu_vmm.h"

/*
 * The guest: vCPU 0 starts the others by PSCI; each tells by a letter on the
 * UART that it runs, and then waits for an interrupt that nobody sends. x19:
 * the UART; w20: how many there are, patched in.
 */
__asm__(".pushsection .rodata\n"
	".global guest, guest_vcpus, guest_end\n"
	".balign 8\n"
	"guest: b 1f\n"
	"guest_vcpus: .word 1\n"
	"1: mov w20, #1\n"
	"2: ldr w1, guest_vcpus\n"
	"	cmp w20, w1\n"
	"	b.hs 3f\n"
	"	movz x0, #0x0003\n"	/* PSCI_CPU_ON, 64 bits */
	"	movk x0, #0xc400, lsl #16\n"
	"	mov x1, x20\n"		/* MPIDR: up to 16 a cluster */
	"	adr x2, 3f\n"
	"	mov x3, #0\n"
	"	hvc #0\n"
	"	add w20, w20, #1\n"
	"	b 2b\n"
	"3:	movz x19, #0x0900, lsl #16\n"
	"	mov w0, #'R'\n"
	"	str w0, [x19]\n"
	"4:	wfi\n"
	"	b 4b\n"
	"guest_end:\n"
	".popsection\n");
extern const char guest[], guest_vcpus[], guest_end[];

/* ---- the guest ---- */

static void write_guest(const char *path, unsigned int vcpus)
{
	size_t size = (size_t)(guest_end - guest);
	FILE *f = fopen(path, "we");
	char *copy = malloc(size);
	uint32_t n = vcpus;

	if (!f || !copy)
		die("cannot write %s: %m", path);
	memcpy(copy, guest, size);
	memcpy(copy + (guest_vcpus - guest), &n, sizeof(n));
	if (fwrite(copy, size, 1, f) != 1 || fclose(f))
		die("cannot write %s: %m", path);
	free(copy);
}

/* How many letters the guest wrote, which QEMU puts into that file. */
static size_t letters(const char *path)
{
	char text[4096];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

	if (f)
		fclose(f);
	return n;
}

static void wait_letters(const char *path, size_t n)
{
	long end = now_ms() + QEMU_WAIT_MS;

	while (letters(path) < n) {
		if (now_ms() > end)
			die("%zu of %zu vCPUs run", letters(path), n);
		usleep(10000);
	}
}

/* ---- save and restore ---- */

static void save(const struct words *words, unsigned int vcpus, int state)
{
	struct qemu q;

	qemu_start(&q, words, state);
	wait_letters("serial", vcpus);
	qemu_save(&q, state);
	qemu_quit(&q);
}

static void restore(const struct words *words, bool mark, int state)
{
	struct qemu q;

	qemu_start(&q, words, state);
	if (mark && kill(q.pid, SIGUSR1))
		die("cannot mark: %m");
	/* So that the mark is there first. */
	usleep(200000);
	qemu_load(&q);
	qemu_wait(&q, "\"RESUME\"", "\"error\"");
	qemu_tell(&q, "{\"execute\":\"query-status\"}\n");
	qemu_wait(&q, "\"running\": true", NULL);
	/* The vCPUs' threads enter KVM_RUN. */
	usleep(200000);
	qemu_quit(&q);
}

static void add_guest(struct words *w, const char *vcpus)
{
	static const char *const words[] = {
		"-kernel", "guest", "-serial", "file:serial",
	};

	words_add_qemu(w, "64", vcpus);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words_add(w, words[i]);
}

int main(int argc, char **argv)
{
	struct words source = { 0 }, destination = { 0 };
	const char *vcpus = "4";
	bool mark = false;
	int i, state;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--mark"))
			mark = true;
		else if (!strcmp(argv[i], "--vcpus") && i + 1 < argc)
			vcpus = argv[++i];
		else
			die("what is %s?", argv[i]);
	}
	while (++i < argc)
		words_add(&destination, argv[i]);
	add_guest(&source, vcpus);
	add_guest(&destination, vcpus);
	words_add(&destination, "-incoming");
	words_add(&destination, "defer");
	state = open("state", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (state < 0)
		die("cannot make the file of the state: %m");
	signal(SIGPIPE, SIG_IGN);
	write_guest("guest", (unsigned int)atoi(vcpus));
	save(&source, (unsigned int)atoi(vcpus), state);
	fprintf(stderr, "qemu_restore: saved %lld bytes\n",
		(long long)lseek(state, 0, SEEK_END));
	lseek(state, 0, SEEK_SET);
	restore(&destination, mark, state);
	fprintf(stderr, "qemu_restore: restored\n");
	return 0;
}
