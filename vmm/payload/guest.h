/* SPDX-License-Identifier: MIT */
/* What the files of the payload share. It runs at EL1 without a library. */
#ifndef ONEREG_PAYLOAD_GUEST_H
#define ONEREG_PAYLOAD_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#define MRS(name)                                           \
	({                                                  \
		uint64_t mrs_;                              \
		asm volatile("mrs %0, " name : "=r"(mrs_)); \
		mrs_;                                       \
	})
#define MSR(name, value) \
	asm volatile("msr " name ", %x0" : : "rZ"((uint64_t)(value)))
#define isb() asm volatile("isb" : : : "memory")

/* What the ID registers say the CPU has. */
struct features {
	bool sve, tcr2, s1pie, ras, pan, uao, dit, ssbs, pauth, pacga, pmu;
	bool aarch32, ptimer;
	unsigned int brps, wrps, counters;
};

extern struct features feat;
extern struct payload_params *const params;

/* start.S, hold.S */
extern char vectors[], level1[], hold_start[], hold_end[];
void secondary_start(void);
uint64_t hvc(uint64_t function, uint64_t a, uint64_t b, uint64_t c);
void sign(uint64_t *out);
uint64_t sign_generic(void);
uint64_t authenticate(const uint64_t *in);
void hold(struct cpu *cpu);
uint64_t sve_vl(void);

/* main.c */
struct cpu *cpu_by_number(uint64_t number);
uint64_t mpidr_of(uint64_t number);
uint64_t mix(uint64_t number, uint64_t what);
void fail(struct cpu *cpu, const char *name, uint64_t expected, uint64_t got);
void fail_indexed(struct cpu *cpu, const char *name, unsigned int index,
		  uint64_t expected, uint64_t got);
void check(struct cpu *cpu, const char *name, uint64_t expected, uint64_t got);

/* frame.c: what the hold loads and stores */
void frame_fill(struct cpu *cpu);
void frame_check(struct cpu *cpu);

/* regs.c: the registers of registers.h, pointers, hypercalls */
void features_read(void);
void regs_setup(struct cpu *cpu);
void regs_check(struct cpu *cpu);

/* pmu.c; pmu_setup() before regs_setup(), which learns what it wrote */
void pmu_setup(struct cpu *cpu);
void pmu_check(struct cpu *cpu);

/* gic.c */
void gic_setup_distributor(void);
void gic_setup(struct cpu *cpu);
void gic_start(struct cpu *cpu);
void gic_check(struct cpu *cpu);

/* its.c; nothing is done where there is no ITS */
void its_setup(struct cpu *self);
void its_start(struct cpu *cpu);
void its_check(struct cpu *cpu);
void its_pass(struct cpu *self); /* of vCPU 0 */
bool its_interrupt(struct cpu *cpu, uint64_t id);
uint64_t its_received(void);
/*
 * The question, for vCPU 0: lets the parked events in. It is answered once
 * each event came since, and the parked ones wait again.
 */
void its_ask(void);
bool its_answered(struct cpu *self);
void its_stalled_check(struct cpu *self);

/* timer.c */
void timer_start(struct cpu *cpu);
void timer_tick(struct cpu *cpu);
void timer_check(struct cpu *cpu);

/* report.c */
void report_poll(struct cpu *self);
void report_failures(void);

#endif
