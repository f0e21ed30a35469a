/* SPDX-License-Identifier: MIT */
/* What the files of the Linux guest's /init share. */
#ifndef ONEREG_LINUX_GUEST_H
#define ONEREG_LINUX_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_CPUS 512
#define MAX_VL 256 /* bytes of a Z register */
#define MAX_FAILURES 12

/* From the kernel's command line, or by the number of CPUs. */
struct params {
	unsigned int cpus;
	uint64_t memory; /* bytes that each thread writes and verifies */
	uint64_t hold; /* rounds of a loop that holds registers */
	uint64_t tick_ns; /* period of each thread's timer */
	unsigned int stall_ms; /* a thread without a pass has stalled */
	bool sve, pauth;
};

struct worker {
	unsigned int cpu; /* whose only thread it is */
	/* looked at by others */
	uint64_t passes, ticks, bunched;
	uint64_t lost; /* ticks that did not come */
	uint64_t late; /* ns that it ran after one was due, and it came */
	uint64_t max_jump; /* ns between two looks at the clock */
	uint64_t checked; /* values compared */
	uint64_t counted; /* what its counter must have come to */
	uint64_t *memory;
	uint64_t *counter; /* behind its memory: written all the time */
	uint64_t vl; /* bytes */
	uint64_t signed_pointer;
	int timer;
	uint64_t first, look; /* ns of CLOCK_MONOTONIC */
};

extern struct params params;
extern struct worker workers[MAX_CPUS];

/* A value that no other thread, place and pass has. */
uint64_t mix(uint64_t cpu, uint64_t what, uint64_t pass);

/* By its thread, or for it. */
static inline void add(uint64_t *count, uint64_t n)
{
	__atomic_fetch_add(count, n, __ATOMIC_RELAXED);
}

/* report.c: what failed, and the lines on the console */
void fail(unsigned int cpu, const char *name, unsigned int index,
	  uint64_t expected, uint64_t got);
#define NO_INDEX ~0u
void check(unsigned int cpu, const char *name, uint64_t expected,
	   uint64_t got);
unsigned int failures(void);
void report_open(void);
void report_ready(void);
void report_progress(void);
/* Answers when each thread has made a pass since, or one has failed. */
void report_check(void);

/* regs.c: FP, SVE and pointer authentication */
void regs_setup(struct worker *w);
void regs_check(struct worker *w);

/* clock.c: a tick is never lost, and time never goes back */
void clock_setup(struct worker *w);
void clock_check(struct worker *w);
void clock_look(struct worker *w);
uint64_t monotonic_ns(void);

/*
 * hold.S: loads, counts so many rounds in memory or makes one system call,
 * stores
 */
struct fp {
	uint64_t v[64];
	uint64_t fpsr, fpcr;
};
struct sve {
	uint8_t z[32 * MAX_VL]; /* packed by the vector length, as are p */
	uint8_t p[16 * MAX_VL / 8];
	uint8_t ffr[MAX_VL / 8];
};
void fp_hold(const struct fp *in, struct fp *out, uint64_t rounds,
	     uint64_t *counter);
void fp_syscall(const struct fp *in, struct fp *out);
void sve_hold(const struct sve *in, struct sve *out, uint64_t rounds,
	      uint64_t *counter);
uint64_t sve_length(void);

#endif
