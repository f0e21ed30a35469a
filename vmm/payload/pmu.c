// SPDX-License-Identifier: MIT
/*
 * The PMU. On vCPUs with an even number it is on: the cycle counter runs and
 * counter 0 counts what software tells it to. On the others it is off, and
 * every enable bit and counter is a pattern.
 */
#include "guest.h"

#define CYCLES (1ull << 31)

static bool counting(struct cpu *cpu)
{
	return !(cpu->number & 1);
}

static uint64_t all_counters(void)
{
	return CYCLES | ((1ull << feat.counters) - 1);
}

static uint64_t pattern(struct cpu *cpu, unsigned int what)
{
	return mix(cpu->number, 0x20000 + what);
}

/* Pairs of registers: one sets bits, the other clears them. */
static void sets_setup(struct cpu *cpu)
{
	uint64_t enable = pattern(cpu, 0) & all_counters();

	if (counting(cpu))
		enable = CYCLES | 1;
	MSR("pmcntenclr_el0", all_counters());
	MSR("pmcntenset_el0", enable);
	MSR("pmintenclr_el1", all_counters());
	MSR("pmintenset_el1", pattern(cpu, 1) & all_counters());
	MSR("pmovsclr_el0", all_counters());
	MSR("pmovsset_el0", pattern(cpu, 2) & all_counters());
}

static uint64_t cycles(void)
{
	return MRS("pmccntr_el0");
}

static uint64_t software(void)
{
	return MRS("S3_3_C14_C8_0"); /* PMEVCNTR0_EL0 */
}

void pmu_setup(struct cpu *cpu)
{
	if (!feat.pmu)
		return;
	sets_setup(cpu);
	MSR("pmselr_el0", pattern(cpu, 3) % feat.counters);
	MSR("pmccntr_el0", pattern(cpu, 4) >> 16);
	if (feat.counters) {
		MSR("S3_3_C14_C12_0", 0); /* PMEVTYPER0_EL0: SW_INCR */
		MSR("S3_3_C14_C8_0", pattern(cpu, 5) & 0x0fffffff);
	}
	/* LC: no overflow at 32 bits. P and C would clear the counters. */
	MSR("pmcr_el0", (pattern(cpu, 6) & 0x20) | 0x40 | counting(cpu));
	isb();
	cpu->cycles = cycles();
	cpu->cycles_look = MRS("cntvct_el0");
	cpu->swinc = software();
}

/* No CPU counts faster than 8 GHz, and the clock tells how long it was. */
static uint64_t cycles_most(struct cpu *cpu, uint64_t look)
{
	uint64_t ratio = 8000000000 / MRS("cntfrq_el0") + 1;

	return cpu->cycles + (look - cpu->cycles_look + 1000) * ratio;
}

static void cycles_check(struct cpu *cpu)
{
	uint64_t now = cycles(), look;

	isb();
	look = MRS("cntvct_el0");
	if (!counting(cpu))
		check(cpu, "PMCCNTR_EL0", cpu->cycles, now);
	else if (now < cpu->cycles || now > cycles_most(cpu, look))
		fail(cpu, "PMCCNTR_EL0", cpu->cycles, now);
	cpu->cycles = now;
	cpu->cycles_look = look;
}

void pmu_check(struct cpu *cpu)
{
	if (!feat.pmu)
		return;
	cycles_check(cpu);
	if (!feat.counters)
		return;
	check(cpu, "PMEVCNTR0_EL0", cpu->swinc, software());
	if (counting(cpu)) {
		MSR("pmswinc_el0", 1);
		isb();
		cpu->swinc++;
	}
}
