// SPDX-License-Identifier: MIT
/* Brings the vCPUs up; each then holds its registers and checks them. */
#include "guest.h"

#define PSCI_CPU_ON 0xc4000003

_Static_assert(offsetof(struct cpu, sp) == CPU_SP, "CPU_SP");
_Static_assert(offsetof(struct cpu, elr) == CPU_ELR, "CPU_ELR");
_Static_assert(offsetof(struct cpu, nzcv) == CPU_NZCV, "CPU_NZCV");
_Static_assert(offsetof(struct cpu, fpsr) == CPU_FPSR, "CPU_FPSR");
_Static_assert(offsetof(struct cpu, stack) == CPU_STACK, "CPU_STACK");
_Static_assert(offsetof(struct cpu, sve) == CPU_SVE, "CPU_SVE");
_Static_assert(offsetof(struct cpu, z) == CPU_Z, "CPU_Z");
_Static_assert(offsetof(struct cpu, p) == CPU_P, "CPU_P");
_Static_assert(offsetof(struct cpu, ffr) == CPU_FFR, "CPU_FFR");
_Static_assert(sizeof(struct cpu) <= CPU_VECTORS, "struct cpu");

struct payload_params *const params = (void *)PAYLOAD_PARAMS;

struct cpu *cpu_by_number(uint64_t number)
{
	return (void *)(PAYLOAD_CPUS + number * PAYLOAD_CPU_SIZE);
}

/* KVM's rule: 16 vCPUs to an Aff1. */
uint64_t mpidr_of(uint64_t number)
{
	return (number & 0xf) | (number >> 4) << 8;
}

/* A value that no other vCPU and no other register has (splitmix64). */
uint64_t mix(uint64_t number, uint64_t what)
{
	uint64_t v = (number + 1) * 0x9e3779b97f4a7c15 + (what << 20 | what);

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

static struct payload_failure *next_failure(struct cpu *cpu)
{
	uint64_t n = cpu->status.n_failures;

	return n < PAYLOAD_MAX_FAILURES ? &cpu->status.failure[n] : NULL;
}

void fail_indexed(struct cpu *cpu, const char *name, unsigned int index,
		  uint64_t expected, uint64_t got)
{
	struct payload_failure *f = next_failure(cpu);
	size_t i;

	if (f) {
		for (i = 0; name[i] && i < sizeof(f->name) - 4; i++)
			f->name[i] = name[i];
		if (index < 1000) {
			if (index >= 100)
				f->name[i++] = '0' + index / 100;
			if (index >= 10)
				f->name[i++] = '0' + index / 10 % 10;
			f->name[i++] = '0' + index % 10;
		}
		f->name[i] = 0;
		f->expected = expected;
		f->got = got;
	}
	asm volatile("dmb ish" : : : "memory");
	cpu->status.n_failures++;
}

void fail(struct cpu *cpu, const char *name, uint64_t expected, uint64_t got)
{
	fail_indexed(cpu, name, ~0u, expected, got);
}

void check(struct cpu *cpu, const char *name, uint64_t expected, uint64_t got)
{
	if (got != expected)
		fail(cpu, name, expected, got);
}

/* From the vectors, with a fresh stack; it does not return to the guest. */
void unexpected_exception(struct cpu *cpu);
void unexpected_exception(struct cpu *cpu)
{
	fail(cpu, "exception.ELR_EL1", 0, MRS("elr_el1"));
	fail(cpu, "exception.ESR_EL1", 0, MRS("esr_el1"));
	fail(cpu, "exception.FAR_EL1", 0, MRS("far_el1"));
	cpu->status.stopped = 1;
	/* Nobody else would report for vCPU 0. */
	if (cpu->number == 0)
		report_failures();
}

static void vectors_copy(struct cpu *cpu)
{
	uint64_t *to = (void *)((uintptr_t)cpu + CPU_VECTORS);
	uint64_t *from = (void *)vectors;
	uintptr_t line;

	for (unsigned int i = 0; i < 0x800 / 8; i++)
		to[i] = from[i];
	for (line = (uintptr_t)to; line < (uintptr_t)to + 0x800; line += 16)
		asm volatile("dc cvau, %0" : : "r"(line) : "memory");
	asm volatile("dsb ish; ic ialluis; dsb ish; isb" : : : "memory");
	MSR("vbar_el1", to);
	isb();
}

static void pass(struct cpu *cpu)
{
	frame_fill(cpu);
	hold(cpu);
	frame_check(cpu);
	regs_check(cpu);
	pmu_check(cpu);
	gic_check(cpu);
	timer_check(cpu);
	asm volatile("dmb ish" : : : "memory");
	cpu->status.passes++;
}

static void __attribute__((noreturn)) run(struct cpu *cpu)
{
	vectors_copy(cpu);
	gic_setup(cpu);
	pmu_setup(cpu);
	regs_setup(cpu);
	gic_start(cpu);
	timer_start(cpu);
	cpu->status.up = 1;
	for (;;) {
		pass(cpu);
		if (cpu->number != 0)
			continue;
		its_pass(cpu);
		report_poll(cpu);
	}
}

void secondary_main(struct cpu *cpu);
void secondary_main(struct cpu *cpu)
{
	run(cpu);
}

static void cpu_describe(uint64_t number)
{
	uint64_t *slots = (void *)PAYLOAD_SLOTS;
	struct cpu *cpu = cpu_by_number(number);

	cpu->number = number;
	cpu->mpidr = mpidr_of(number);
	slots[cpu->mpidr] = (uintptr_t)cpu;
}

/* Without the slots filled, a failure has nowhere to go: no checks here. */
void boot_main(struct payload_params *given);
void boot_main(struct payload_params *given)
{
	struct cpu *self = cpu_by_number(0);

	(void)given;
	params->hold_start = (uintptr_t)hold_start;
	params->hold_end = (uintptr_t)hold_end;
	for (uint64_t n = 0; n < params->vcpus; n++)
		cpu_describe(n);
	features_read();
	gic_setup_distributor();
	its_setup(self);
	for (uint64_t n = 1; n < params->guest_cpus; n++) {
		struct cpu *cpu = cpu_by_number(n);
		uint64_t rc = hvc(PSCI_CPU_ON, cpu->mpidr,
				  (uintptr_t)secondary_start, (uintptr_t)cpu);

		check(self, "PSCI.CPU_ON", 0, rc);
	}
	run(self);
}
