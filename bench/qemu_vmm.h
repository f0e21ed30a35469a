/* SPDX-License-Identifier: MIT */
/*
 * QEMU as a child, driven by its monitor: what bench/'s programs that run in
 * the emulated host share.  What goes wrong ends the program.
 */
#ifndef ONEREG_BENCH_QEMU_VMM_H
#define ONEREG_BENCH_QEMU_VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define QEMU_STATE_FD 10	/* the stream's, in each QEMU */
/* Seconds where nothing else runs; machines are shared. */
#define QEMU_WAIT_MS 300000
#define QEMU_MAX_WORDS 64

struct qemu {
	pid_t pid;
	int to, from;		/* its monitor */
	char said[1 << 16];	/* all of it so far, NUL-terminated */
	size_t n;
	size_t seen;		/* what was waited for is before that */
};

/* A command line; NULL at its end. */
struct words {
	char *word[QEMU_MAX_WORDS + 1];
	size_t n;
};

void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
long now_ms(void);

void words_add(struct words *w, const char *word);
/*
 * What bench/qemu-fetch gives, with KVM, megabytes of memory and vcpus, and
 * its monitor on standard input and output; no devices but the board's.
 */
void words_add_qemu(struct words *w, const char *megabytes, const char *vcpus);

/* Starts it, with the file of the state, or -1, as QEMU_STATE_FD. */
void qemu_start(struct qemu *q, const struct words *w, int state);
void qemu_tell(struct qemu *q, const char *text);
/* Waits until QEMU says either; true: the first. */
bool qemu_wait(struct qemu *q, const char *text, const char *other);
/* Migrates into the file of the state; the guest then stands still. */
void qemu_save(struct qemu *q, int state);
/* Takes what the file of the state has; QEMU waits for it. */
void qemu_load(struct qemu *q);
void qemu_quit(struct qemu *q);

#endif
