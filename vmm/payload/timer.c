// SPDX-License-Identifier: MIT
/*
 * Time. The virtual timer's deadlines lie one period apart; each interrupt
 * meets one and sets the next, so the deadline tells how many must have been.
 */
#include "guest.h"

/* So many periods late, one interrupt stands for the deadlines it missed. */
#define BUNCH 64

static uint64_t cntvct(void)
{
	isb();
	return MRS("cntvct_el0");
}

void timer_start(struct cpu *cpu)
{
	cpu->period = MRS("cntfrq_el0") * params->tick_us / 1000000;
	if (cpu->period == 0)
		cpu->period = 1;
	cpu->look = cntvct();
	/* not all vCPUs at the same moment */
	cpu->first = cpu->look + cpu->period +
		     cpu->period / params->vcpus * cpu->number;
	cpu->cval = cpu->first;
	MSR("cntv_cval_el0", cpu->cval);
	MSR("cntv_ctl_el0", 1);
	isb();
}

void timer_tick(struct cpu *cpu)
{
	uint64_t late = cntvct() - cpu->cval;
	uint64_t deadlines = 1;

	/* The interrupt came before its time. */
	if ((int64_t)late < 0) {
		fail(cpu, "CNTV_CVAL_EL0.early", cpu->cval, cntvct());
		return;
	}
	if (late > BUNCH * cpu->period) {
		deadlines = late / cpu->period;
		cpu->status.bunched += deadlines - 1;
	}
	check(cpu, "CNTV_CVAL_EL0", cpu->cval, MRS("cntv_cval_el0"));
	cpu->cval += deadlines * cpu->period;
	cpu->status.ticks += deadlines;
	MSR("cntv_cval_el0", cpu->cval);
	isb();
}

static void look(struct cpu *cpu)
{
	uint64_t now = cntvct();

	if (now < cpu->look)
		fail(cpu, "CNTVCT_EL0", cpu->look, now);
	else if (now - cpu->look > cpu->status.max_jump)
		cpu->status.max_jump = now - cpu->look;
	cpu->look = now;
}

/*
 * Lets interrupts in until every deadline up to now was met. The time to wait
 * is counted in looks close together: the clock may jump while the VM is away.
 */
static void window(struct cpu *cpu)
{
	volatile uint64_t *cval = &cpu->cval;
	uint64_t due = cntvct(), last = due, waited = 0;
	uint64_t patience = MRS("cntfrq_el0") / 1000 * params->stall_ms / 2;

	asm volatile("msr daifclr, #2" : : : "memory");
	isb();
	while (*cval <= due && waited < patience) {
		uint64_t now = cntvct(), step = now - last;

		waited += step < cpu->period ? step : cpu->period;
		last = now;
	}
	asm volatile("msr daifset, #2" : : : "memory");
	if (*cval <= due)
		fail(cpu, "timer-interrupt", due, *cval);
}

void timer_check(struct cpu *cpu)
{
	uint64_t ticks;

	look(cpu);
	check(cpu, "CNTV_CTL_EL0", 1, MRS("cntv_ctl_el0") & 3);
	check(cpu, "CNTV_CVAL_EL0", cpu->cval, MRS("cntv_cval_el0"));
	window(cpu);
	look(cpu);
	ticks = (cpu->cval - cpu->first) / cpu->period;
	check(cpu, "ticks", ticks, cpu->status.ticks);
}
