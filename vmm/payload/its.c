// SPDX-License-Identifier: MIT
/*
 * LPIs. The first vCPUs have a collection each and take events of the device
 * msi.h, which move from vCPU to vCPU. Each message has a number, so that one
 * that is lost, or came twice, is noticed at once or when the next does not
 * come. Some events are parked: signalled, their LPIs pending but disabled,
 * until the question on the UART lets them in.
 *
 * Commands to the ITS are vCPU 0's affair.
 */
#include "guest.h"

#define GICR_CTLR 0x0000
#define GICR_TYPER 0x0008
#define GICR_PROPBASER 0x0070
#define GICR_PENDBASER 0x0078
#define GITS_CTLR 0x0000
#define GITS_IIDR 0x0004
#define GITS_TYPER 0x0008
#define GITS_CBASER 0x0080
#define GITS_CWRITER 0x0088
#define GITS_CREADR 0x0090
#define GITS_BASER 0x0100
#define GITS_TRANSLATER 0x10040

enum { MOVI = 1, SYNC = 5, MAPD = 8, MAPC = 9, MAPTI = 10, INV = 12 };

/* KVM wants each at 64 KiB; none needs more than one page of that. */
#define DEVICE_TABLE (PAYLOAD_ITS + 0x00000)
#define COLLECTION_TABLE (PAYLOAD_ITS + 0x10000)
#define COMMANDS (PAYLOAD_ITS + 0x20000)
#define PROPERTIES (PAYLOAD_ITS + 0x30000)
#define ITT (PAYLOAD_ITS + 0x38000)
#define PENDING(n) (PAYLOAD_ITS + 0x40000 + (n) * 0x10000)
#define COMMANDS_SIZE 4096

#define VALID (1ull << 63)
#define SHAREABLE (1ull << 10) /* inner */
#define CACHEABLE (7ull << 59) /* in tables of the ITS */
#define CACHEABLE_LPI (7ull << 7) /* in those of a redistributor */
#define PAGES_64K (2ull << 8)
#define ZEROED (1ull << 62) /* a pending table */
#define ID_BITS 14 /* of an interrupt */
#define EVENT_BITS 6

#define MAX_CPUS 8
#define REPEATED 2 /* events of each vCPU at the start */
#define PARKED 1
#define FIRST_LPI 8192
#define LPI_STEP 61
#define FIRST_EVENT 7
/* Above the active SGI's, below the timer's. */
#define PRIORITY 0x60
#define ENABLED 1
/* Passes from one MOVI to the next. */
#define MOVE_EVERY 3

enum state { REPEATS, WAITS, LET_IN, ARRIVED };

static struct event {
	uint64_t received; /* number of the last message */
	uint64_t at_question;
	volatile enum state state;
	/* where it comes, and where it came before the last MOVI */
	volatile uint64_t to, before;
} events[MSI_EVENTS];

static enum { QUIET, ASKED, PARKING } phase;
static uint64_t tail; /* of the commands */
static unsigned int n_cpus, n_events, moved;
static bool sending;

_Static_assert(MAX_CPUS * (REPEATED + PARKED) <= MSI_EVENTS, "events");
_Static_assert(FIRST_EVENT + MSI_EVENTS <= 1 << EVENT_BITS, "ITT");
_Static_assert(PENDING(MAX_CPUS) <= PAYLOAD_CPUS, "pending tables");

static volatile uint32_t *its(uint64_t offset)
{
	return (void *)(params->its + offset);
}

static volatile uint64_t *its64(uint64_t offset)
{
	return (void *)(params->its + offset);
}

static volatile uint64_t *redist(uint64_t number, uint64_t offset)
{
	return (void *)(params->gicr + number * 0x20000 + offset);
}

static volatile uint32_t *msi(uint64_t offset)
{
	return (void *)(params->msi + offset);
}

/* Far enough apart that each has a byte of its own in a pending table. */
static unsigned int lpi_of(unsigned int event)
{
	return FIRST_LPI + 5 + event * LPI_STEP;
}

static unsigned int collection_of(uint64_t number)
{
	return number * 3 + 1;
}

static uint64_t processor(uint64_t number)
{
	return *redist(number, GICR_TYPER) >> 8 & 0xffff;
}

static void command(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t *slot = (void *)(COMMANDS + tail);

	slot[0] = a;
	slot[1] = b;
	slot[2] = c;
	slot[3] = 0;
	tail = (tail + 32) % COMMANDS_SIZE;
	asm volatile("dsb ish" : : : "memory");
	*its64(GITS_CWRITER) = tail;
	for (unsigned int i = 0; i < 1000000; i++)
		if (*its64(GITS_CREADR) == tail)
			return;
}

/* What came before it has happened when this returns. */
static void synchronize(uint64_t number)
{
	command(SYNC, 0, processor(number) << 16);
}

static void event_command(unsigned int what, unsigned int event,
			  uint64_t interrupt, uint64_t target)
{
	command((uint64_t)MSI_DEVICE_ID << 32 | what,
		interrupt << 32 | (FIRST_EVENT + event), target);
}

static void property_set(unsigned int event, unsigned int enabled)
{
	volatile uint8_t *table = (void *)PROPERTIES;

	table[lpi_of(event) - FIRST_LPI] = PRIORITY | enabled;
	event_command(INV, event, 0, 0);
	synchronize(events[event].to);
}

static void tables_setup(void)
{
	*its64(GITS_BASER) = VALID | CACHEABLE | DEVICE_TABLE | SHAREABLE |
			     PAGES_64K;
	*its64(GITS_BASER + 8) = VALID | CACHEABLE | COLLECTION_TABLE |
				 SHAREABLE | PAGES_64K;
	*its64(GITS_CBASER) = VALID | CACHEABLE | COMMANDS | SHAREABLE;
	*its64(GITS_CWRITER) = 0;
	*its(GITS_CTLR) = 1;
}

static void lpis_setup(uint64_t number)
{
	*redist(number, GICR_PROPBASER) = PROPERTIES | SHAREABLE |
					  CACHEABLE_LPI | (ID_BITS - 1);
	*redist(number, GICR_PENDBASER) = ZEROED | PENDING(number) |
					  SHAREABLE | CACHEABLE_LPI;
	*(volatile uint32_t *)redist(number, GICR_CTLR) = 1;
}

static void event_setup(unsigned int event)
{
	struct event *e = &events[event];

	e->to = e->before = event % n_cpus;
	e->state = event < REPEATED * n_cpus ? REPEATS : WAITS;
	event_command(MAPTI, event, lpi_of(event), collection_of(e->to));
	property_set(event, e->state == REPEATS ? ENABLED : 0);
}

/* GICR_ registers of the others, too: an LPI can only be mapped after that. */
void its_setup(struct cpu *self)
{
	if (!params->its)
		return;
	n_cpus = params->guest_cpus < MAX_CPUS ? params->guest_cpus : MAX_CPUS;
	n_events = n_cpus * (REPEATED + PARKED);
	check(self, "MSI_DEVICE", MSI_DEVICE_ID, *msi(MSI_DEVICE));
	for (uint64_t n = 0; n < n_cpus; n++)
		lpis_setup(n);
	tables_setup();
	command((uint64_t)MSI_DEVICE_ID << 32 | MAPD, EVENT_BITS - 1,
		VALID | ITT);
	for (uint64_t n = 0; n < n_cpus; n++)
		command(MAPC, 0, VALID | processor(n) << 16 | collection_of(n));
	for (unsigned int i = 0; i < n_events; i++)
		event_setup(i);
	*msi(MSI_DOORBELL_LO) = params->its + GITS_TRANSLATER;
	*msi(MSI_DOORBELL_HI) = (params->its + GITS_TRANSLATER) >> 32;
	*msi(MSI_FIRST) = FIRST_EVENT;
	*msi(MSI_N_EVENTS) = n_events;
}

/* The ITS is the VM's: vCPU 0 checks it. */
static const struct {
	const char *name;
	uint16_t offset;
} held[] = {
	{ "GITS_TYPER", GITS_TYPER },	{ "GITS_CBASER", GITS_CBASER },
	{ "GITS_CWRITER", GITS_CWRITER }, { "GITS_CREADR", GITS_CREADR },
	{ "GITS_BASER0", GITS_BASER },	{ "GITS_BASER1", GITS_BASER + 8 },
};

#define N_HELD (sizeof(held) / sizeof(held[0]))

static uint64_t expected[N_HELD];
static uint32_t ctlr, iidr;

static void its_learn(void)
{
	ctlr = *its(GITS_CTLR);
	iidr = *its(GITS_IIDR);
	for (unsigned int i = 0; i < N_HELD; i++)
		expected[i] = *its64(held[i].offset);
}

static void registers_check(struct cpu *cpu)
{
	check(cpu, "GITS_CTLR", ctlr, *its(GITS_CTLR));
	check(cpu, "GITS_IIDR", iidr, *its(GITS_IIDR));
	for (unsigned int i = 0; i < N_HELD; i++) {
		bool moves = held[i].offset == GITS_CWRITER ||
			     held[i].offset == GITS_CREADR;

		check(cpu, held[i].name, moves ? tail : expected[i],
		      *its64(held[i].offset));
	}
}

void its_start(struct cpu *cpu)
{
	if (cpu->number >= n_cpus)
		return;
	cpu->lpi_base[0] = *redist(cpu->number, GICR_PROPBASER);
	cpu->lpi_base[1] = *redist(cpu->number, GICR_PENDBASER);
	if (cpu->number == 0)
		its_learn();
}

void its_check(struct cpu *cpu)
{
	if (cpu->number >= n_cpus)
		return;
	check(cpu, "GICR_PROPBASER", cpu->lpi_base[0],
	      *redist(cpu->number, GICR_PROPBASER));
	check(cpu, "GICR_PENDBASER", cpu->lpi_base[1],
	      *redist(cpu->number, GICR_PENDBASER));
	if (cpu->number == 0)
		registers_check(cpu);
}

/*
 * By reading its number; then the device may send the next, also to another
 * vCPU, which counts on from here.
 */
static void message_take(struct cpu *cpu, unsigned int event)
{
	struct event *e = &events[event];
	uint64_t count = ++e->received;
	uint32_t number;

	asm volatile("dmb ish" : : : "memory");
	number = *msi(MSI_TAKE + 4 * event);
	if (number != (uint32_t)count)
		fail_indexed(cpu, "lpi.message-of-event", event, count,
			     number);
}

/* What is parked comes once, and vCPU 0 takes it. */
static void parked_arrived(struct cpu *cpu, unsigned int event)
{
	struct event *e = &events[event];

	if (e->state != LET_IN)
		fail_indexed(cpu, "lpi.parked-event", event, LET_IN, e->state);
	e->state = ARRIVED;
}

bool its_interrupt(struct cpu *cpu, uint64_t id)
{
	uint64_t event = (id - lpi_of(0)) / LPI_STEP;
	struct event *e;

	if (id < lpi_of(0) || event >= n_events || lpi_of(event) != id)
		return false;
	e = &events[event];
	if (cpu->number != e->to && cpu->number != e->before)
		fail_indexed(cpu, "lpi.vcpu-of-event", event, e->to,
			     cpu->number);
	if (e->state == REPEATS)
		message_take(cpu, event);
	else
		parked_arrived(cpu, event);
	return true;
}

static void move(unsigned int event)
{
	struct event *e = &events[event];

	e->before = e->to;
	e->to = (e->to + 1) % n_cpus;
	asm volatile("dmb ish" : : : "memory");
	event_command(MOVI, event, 0, collection_of(e->to));
	synchronize(e->before);
}

static bool all_up(void)
{
	for (uint64_t n = 0; n < n_cpus; n++)
		if (!((volatile struct cpu *)cpu_by_number(n))->status.up)
			return false;
	return true;
}

void its_pass(struct cpu *self)
{
	if (!n_cpus)
		return;
	if (!sending && all_up()) {
		sending = true;
		*msi(MSI_CONTROL) = 1;
	}
	if (n_cpus > 1 && self->status.passes % MOVE_EVERY == 0)
		move(moved++ % n_events);
}

uint64_t its_received(void)
{
	uint64_t all = 0;

	for (unsigned int i = 0; i < n_events; i++)
		all += events[i].received;
	return all;
}

void its_ask(void)
{
	/* asked twice */
	if (phase == PARKING)
		return;
	for (unsigned int i = 0; i < n_events; i++) {
		struct event *e = &events[i];

		e->at_question = e->received;
		if (phase != QUIET || e->state != WAITS)
			continue;
		e->state = LET_IN;
		property_set(i, ENABLED);
	}
	phase = ASKED;
}

static bool came(const struct event *e)
{
	if (e->state == REPEATS)
		return *(volatile uint64_t *)&e->received > e->at_question;
	return e->state == ARRIVED;
}

static bool all_came(void)
{
	for (unsigned int i = 0; i < n_events; i++)
		if (!came(&events[i]))
			return false;
	return true;
}

/* Disabled before the device may send it again. */
static void park_all(struct cpu *self)
{
	for (unsigned int i = 0; i < n_events; i++) {
		if (events[i].state != ARRIVED)
			continue;
		property_set(i, 0);
		events[i].state = WAITS;
		message_take(self, i);
	}
}

static bool all_parked(void)
{
	for (unsigned int i = 0; i < n_events; i++)
		if (events[i].state == WAITS &&
		    *msi(MSI_SENT + 4 * i) !=
			    (uint32_t)(events[i].received + 1))
			return false;
	return true;
}

bool its_answered(struct cpu *self)
{
	if (phase == ASKED && all_came()) {
		park_all(self);
		phase = PARKING;
	}
	if (phase == PARKING && all_parked())
		phase = QUIET;
	return phase == QUIET;
}

void its_stalled_check(struct cpu *self)
{
	for (unsigned int i = 0; i < n_events; i++)
		if (phase == ASKED && !came(&events[i]))
			fail_indexed(self, "lpi.event", i,
				     *msi(MSI_SENT + 4 * i),
				     events[i].received);
}
