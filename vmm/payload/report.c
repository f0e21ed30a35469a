// SPDX-License-Identifier: MIT
/* The question on the UART, and the answer. */
#include "guest.h"

#define UART_DR 0x00
#define UART_FR 0x18
#define UART_RX_EMPTY 0x10
#define PSCI_AFFINITY_INFO 0xc4000004
#define MAX_LINES 8

static volatile uint32_t *uart(unsigned int offset)
{
	return (void *)(params->uart + offset);
}

static void put(const char *s)
{
	for (; *s; s++)
		*uart(UART_DR) = (uint8_t)*s;
}

static void put_number(uint64_t value, unsigned int base)
{
	char digits[24];
	unsigned int i = sizeof(digits);

	digits[--i] = 0;
	do {
		digits[--i] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put(&digits[i]);
}

static void put_field(const char *name, uint64_t value, unsigned int base)
{
	put(name);
	put(base == 16 ? "=0x" : "=");
	put_number(value, base);
}

static bool asked(void)
{
	bool found = false;

	while (!(*uart(UART_FR) & UART_RX_EMPTY))
		found |= (*uart(UART_DR) & 0xff) == '?';
	return found;
}

static uint64_t failures(void)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < params->guest_cpus; i++) {
		uint64_t of = cpu_by_number(i)->status.n_failures;

		n += of < PAYLOAD_MAX_FAILURES ? of : PAYLOAD_MAX_FAILURES;
	}
	return n;
}

static void put_failure(struct cpu *cpu, unsigned int i, uint64_t line,
			uint64_t lines)
{
	const struct payload_failure *f = &cpu->status.failure[i];

	put_field("payload: FAIL vcpu", cpu->number, 10);
	put(" register=");
	put(f->name);
	put_field(" expected", f->expected, 16);
	put_field(" got", f->got, 16);
	put_field(" line", line, 10);
	put("/");
	put_number(lines, 10);
	put("\n");
}

/* The first of each vCPU first: the rest often follows from it. */
void report_failures(void)
{
	uint64_t lines = failures(), line = 0;

	asm volatile("dmb ish" : : : "memory");
	lines = lines < MAX_LINES ? lines : MAX_LINES;
	for (unsigned int i = 0; i < PAYLOAD_MAX_FAILURES; i++) {
		for (uint64_t n = 0; n < params->guest_cpus; n++) {
			struct cpu *cpu = cpu_by_number(n);

			if (i < cpu->status.n_failures && line < lines)
				put_failure(cpu, i, ++line, lines);
		}
	}
}

/* What KVM may offer to one vCPU and not to another, by regs.c's numbers. */
static const struct {
	const char *name;
	unsigned int hypercall;
} services[] = {
	{ "TRNG", 6 },
	{ "PV_TIME", 5 },
	{ "KVM", 8 },
};

#define NOT_SUPPORTED (~0ull)
#define MAX_RANGES 8

static bool has_service(uint64_t number, unsigned int hypercall)
{
	return cpu_by_number(number)->hypercall[hypercall] != NOT_SUPPORTED;
}

static void put_range(uint64_t first, uint64_t last)
{
	put_number(first, 10);
	if (last != first) {
		put("-");
		put_number(last, 10);
	}
}

/* "0,2-3": the vCPUs that found it when they asked. */
static void put_vcpus_with(unsigned int hypercall)
{
	uint64_t n = 0, first;
	unsigned int ranges = 0;

	while (n < params->guest_cpus) {
		if (!has_service(n, hypercall)) {
			n++;
			continue;
		}
		for (first = n; n < params->guest_cpus; n++)
			if (!has_service(n, hypercall))
				break;
		put(ranges ? "," : "");
		if (ranges++ == MAX_RANGES) {
			put("...");
			return;
		}
		put_range(first, n - 1);
	}
	put(ranges ? "" : "none");
}

static void put_services(void)
{
	for (unsigned int i = 0; i < sizeof(services) / sizeof(*services);
	     i++) {
		put(" ");
		put(services[i].name);
		put("=");
		put_vcpus_with(services[i].hypercall);
	}
}

static void report_ok(void)
{
	uint64_t passes = ~0ull, ticks = ~0ull, bunched = 0, jump = 0;

	for (uint64_t n = 0; n < params->guest_cpus; n++) {
		struct payload_status *s = &cpu_by_number(n)->status;

		passes = s->passes < passes ? s->passes : passes;
		ticks = s->ticks < ticks ? s->ticks : ticks;
		jump = s->max_jump > jump ? s->max_jump : jump;
		bunched += s->bunched;
	}
	put_field("payload: ok vcpus", params->guest_cpus, 10);
	put_field(" passes", passes, 10);
	put_field(" ticks", ticks, 10);
	put_field(" bunched", bunched, 10);
	put_field(" max-jump", jump * 1000 / (MRS("cntfrq_el0") / 1000), 10);
	put("us");
	put_field(" lpis", its_received(), 10);
	put_services();
	if (params->no_physical_timer)
		put(" unchecked=CNTP");
	put("\n");
}

/* Passes of each vCPU when the question came. */
static uint64_t before[PAYLOAD_MAX_CPUS];
static bool answering;
static uint64_t waited, last;

/* A pass that began after the question, of each vCPU that runs. */
static bool all_passed(void)
{
	for (uint64_t n = 0; n < params->guest_cpus; n++) {
		volatile struct payload_status *s = &cpu_by_number(n)->status;

		if (s->passes < before[n] + 2)
			return false;
	}
	return true;
}

static void off_check(struct cpu *self)
{
	for (uint64_t n = params->guest_cpus; n < params->vcpus; n++) {
		uint64_t state = hvc(PSCI_AFFINITY_INFO, mpidr_of(n), 0, 0);

		if (state != 1)
			fail_indexed(self, "PSCI.AFFINITY_INFO", n, 1, state);
	}
}

static void stalled_check(struct cpu *self)
{
	for (uint64_t n = 0; n < params->guest_cpus; n++) {
		struct payload_status *s = &cpu_by_number(n)->status;

		if (s->passes < before[n] + 2)
			fail_indexed(self, "passes-of-vcpu", n, before[n] + 2,
				     s->passes);
	}
	its_stalled_check(self);
}

/* In steps of at most a second: the clock may jump while the VM is away. */
static bool patience_over(void)
{
	uint64_t second = MRS("cntfrq_el0"), now, step;

	isb();
	now = MRS("cntvct_el0");
	step = now - last;
	waited += step < second ? step : second;
	last = now;
	return waited / (second / 1000) > params->stall_ms;
}

static void question_take(void)
{
	for (uint64_t n = 0; n < params->guest_cpus; n++)
		before[n] = cpu_by_number(n)->status.passes;
	last = MRS("cntvct_el0");
	waited = 0;
	answering = true;
	its_ask();
}

/* Called between passes of vCPU 0, which go on until the answer is known. */
void report_poll(struct cpu *self)
{
	if (asked())
		question_take();
	if (!answering)
		return;
	if (all_passed() && its_answered(self))
		off_check(self);
	else if (patience_over())
		stalled_check(self);
	else if (!failures())
		return;
	answering = false;
	if (failures())
		report_failures();
	else
		report_ok();
}
