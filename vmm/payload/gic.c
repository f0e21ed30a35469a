// SPDX-License-Identifier: MIT
/*
 * The GIC: patterns in what is not used, one SPI and one SGI pending but
 * masked, one SGI active for good with the timer's interrupt and LPIs above it.
 */
#include "guest.h"

#define GICD_CTLR 0x0000
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ISPENDR 0x0200
#define GICD_ISACTIVER 0x0300
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR 0x0c00
#define GICD_IROUTER 0x6000
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_SGI 0x10000

#define ACTIVE_SGI 1
#define PENDING_SGI 2
#define PENDING_SPI 40
#define TIMER_PPI 27
#define FIRST_LPI 8192
/* SGIs, and PPIs that no device of this VM drives */
#define FREE_PRIVATE 0x807ffff9
/* The lines of the PMU and the timers move by themselves. */
#define STEADY_PRIVATE (~(1u << 23 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30))

static volatile uint32_t *dist(uint64_t offset)
{
	return (void *)(params->gicd + offset);
}

static volatile uint32_t *redist(struct cpu *cpu, uint64_t offset)
{
	return (void *)(params->gicr + cpu->number * 0x20000 + offset);
}

static uint32_t pattern(uint64_t number, unsigned int what)
{
	return mix(number, 0x30000 + what);
}

/* The distributor is the VM's: vCPU 0 checks it. */
static struct {
	uint32_t ctlr, group[3], enable[3], pending[3], config[6];
	uint32_t priority[24];
	uint64_t route[96];
} expected;

static unsigned int n_irqs(void)
{
	return params->nr_irqs < 96 ? params->nr_irqs : 96;
}

static void wait_for_writes(void)
{
	while (*dist(GICD_CTLR) & 1u << 31)
		;
}

static void spi_banks_setup(unsigned int bank)
{
	uint32_t pending =
		bank == PENDING_SPI / 32 ? 1u << PENDING_SPI % 32 : 0;

	*dist(GICD_IGROUPR + bank * 4) = pattern(0, bank) | pending;
	*dist(GICD_ISENABLER + bank * 4) = pattern(0, 8 + bank) & ~pending;
	*dist(GICD_ICFGR + bank * 8) = pattern(0, 16 + bank) & 0xaaaaaaaa;
	*dist(GICD_ICFGR + bank * 8 + 4) = pattern(0, 24 + bank) & 0xaaaaaaaa;
	for (unsigned int i = 0; i < 8; i++)
		*dist(GICD_IPRIORITYR + bank * 32 + i * 4) =
			pattern(0, 32 + bank * 8 + i) & 0xf8f8f8f8;
	if (pending)
		*dist(GICD_ISPENDR + bank * 4) = pending;
}

static void distributor_learn(void)
{
	expected.ctlr = *dist(GICD_CTLR);
	for (unsigned int i = 1; i < n_irqs() / 32; i++) {
		expected.group[i] = *dist(GICD_IGROUPR + i * 4);
		expected.enable[i] = *dist(GICD_ISENABLER + i * 4);
		expected.pending[i] = *dist(GICD_ISPENDR + i * 4);
		expected.config[i * 2] = *dist(GICD_ICFGR + i * 8);
		expected.config[i * 2 + 1] = *dist(GICD_ICFGR + i * 8 + 4);
	}
	for (unsigned int i = 8; i < n_irqs() / 4; i++)
		expected.priority[i] = *dist(GICD_IPRIORITYR + i * 4);
	for (unsigned int i = 32; i < n_irqs(); i++)
		expected.route[i] =
			*(volatile uint64_t *)dist(GICD_IROUTER + i * 8);
}

void gic_setup_distributor(void)
{
	*dist(GICD_CTLR) = 0;
	wait_for_writes();
	*dist(GICD_CTLR) = 0x10; /* ARE */
	wait_for_writes();
	for (unsigned int bank = 1; bank < n_irqs() / 32; bank++)
		spi_banks_setup(bank);
	for (unsigned int i = 32; i < n_irqs(); i++)
		*(volatile uint64_t *)dist(GICD_IROUTER + i * 8) =
			mpidr_of(pattern(0, i) % params->vcpus);
	*dist(GICD_CTLR) = 0x13; /* ARE, both groups */
	wait_for_writes();
	distributor_learn();
}

static void private_setup(struct cpu *cpu)
{
	uint64_t n = cpu->number;

	*redist(cpu, GICR_WAKER) = 0;
	*redist(cpu, GICR_SGI + GICD_ICENABLER) = ~0u;
	*redist(cpu, GICR_SGI + GICD_IGROUPR) =
		pattern(n, 0x100) | 1u << TIMER_PPI | 1u << ACTIVE_SGI |
		1u << PENDING_SGI;
	for (unsigned int i = 0; i < 8; i++)
		*redist(cpu, GICR_SGI + GICD_IPRIORITYR + i * 4) =
			pattern(n, 0x110 + i) & 0xf8f8f8f8;
	*(volatile uint8_t *)redist(cpu, GICR_SGI + GICD_IPRIORITYR +
						 TIMER_PPI) = 0x40;
	*(volatile uint8_t *)redist(cpu, GICR_SGI + GICD_IPRIORITYR +
						 ACTIVE_SGI) = 0xc0;
	*redist(cpu, GICR_SGI + GICD_ISPENDR) = 1u << PENDING_SGI;
	*redist(cpu, GICR_SGI + GICD_ISENABLER) =
		(pattern(n, 0x120) & FREE_PRIVATE & ~(1u << PENDING_SGI)) |
		1u << ACTIVE_SGI | 1u << TIMER_PPI;
}

/* Sent to itself, acknowledged, and never ended. */
static void sgi_activate(struct cpu *cpu)
{
	uint64_t target = (cpu->mpidr & 0xff00) << 8 |
			  1ull << (cpu->mpidr & 0xf) |
			  (uint64_t)ACTIVE_SGI << 24;
	uint64_t got = 1023;

	MSR("S3_0_C12_C11_5", target); /* ICC_SGI1R_EL1 */
	isb();
	for (unsigned int i = 0; i < 1000000 && got == 1023; i++)
		got = MRS("S3_0_C12_C12_0"); /* ICC_IAR1_EL1 */
	check(cpu, "ICC_IAR1_EL1", ACTIVE_SGI, got);
	asm volatile("dsb sy" : : : "memory");
}

/* Before regs_setup(), which learns what the CPU interface holds. */
void gic_setup(struct cpu *cpu)
{
	uint64_t typer = *(volatile uint64_t *)redist(cpu, GICR_TYPER);

	check(cpu, "GICR_TYPER.Affinity", cpu->mpidr, typer >> 32);
	private_setup(cpu);
	MSR("S3_0_C12_C12_5", 7); /* ICC_SRE_EL1 */
	isb();
	MSR("S3_0_C12_C12_4", cpu->number & 2); /* ICC_CTLR_EL1.EOImode */
	MSR("S3_0_C4_C6_0", 0xf8); /* ICC_PMR_EL1 */
	MSR("S3_0_C12_C12_3", 4); /* ICC_BPR1_EL1 */
	MSR("S3_0_C12_C12_7", 1); /* ICC_IGRPEN1_EL1 */
	isb();
	sgi_activate(cpu);
}

static void private_read(struct cpu *cpu, uint32_t now[])
{
	now[0] = *redist(cpu, 0);
	now[1] = *redist(cpu, GICR_SGI + GICD_IGROUPR);
	now[2] = *redist(cpu, GICR_SGI + GICD_ISENABLER);
	now[3] = *redist(cpu, GICR_SGI + GICD_ISPENDR) & STEADY_PRIVATE;
	now[4] = *redist(cpu, GICR_SGI + GICD_ISACTIVER) & STEADY_PRIVATE;
	now[5] = *redist(cpu, GICR_SGI + GICD_ICFGR);
	now[6] = *redist(cpu, GICR_SGI + GICD_ICFGR + 4);
	for (unsigned int i = 0; i < 8; i++)
		now[7 + i] = *redist(cpu, GICR_SGI + GICD_IPRIORITYR + i * 4);
}

static const char *const private_name[] = {
	"GICR_CTLR",	    "GICR_IGROUPR0",	"GICR_ISENABLER0",
	"GICR_ISPENDR0",    "GICR_ISACTIVER0",	"GICR_ICFGR0",
	"GICR_ICFGR1",	    "GICR_IPRIORITYR0", "GICR_IPRIORITYR1",
	"GICR_IPRIORITYR2", "GICR_IPRIORITYR3", "GICR_IPRIORITYR4",
	"GICR_IPRIORITYR5", "GICR_IPRIORITYR6", "GICR_IPRIORITYR7",
};

#define N_PRIVATE (sizeof(private_name) / sizeof(private_name[0]))

void gic_start(struct cpu *cpu)
{
	private_read(cpu, cpu->redist);
	its_start(cpu);
}

static void check_bank(struct cpu *cpu, const char *name, unsigned int i,
		       uint64_t want, uint64_t got)
{
	if (want != got)
		fail_indexed(cpu, name, i, want, got);
}

static void spi_banks_check(struct cpu *cpu, unsigned int i)
{
	check_bank(cpu, "GICD_IGROUPR", i, expected.group[i],
		   *dist(GICD_IGROUPR + i * 4));
	check_bank(cpu, "GICD_ISENABLER", i, expected.enable[i],
		   *dist(GICD_ISENABLER + i * 4));
	check_bank(cpu, "GICD_ISPENDR", i, expected.pending[i],
		   *dist(GICD_ISPENDR + i * 4));
	check_bank(cpu, "GICD_ICFGR", i * 2, expected.config[i * 2],
		   *dist(GICD_ICFGR + i * 8));
	check_bank(cpu, "GICD_ICFGR", i * 2 + 1, expected.config[i * 2 + 1],
		   *dist(GICD_ICFGR + i * 8 + 4));
}

static void distributor_check(struct cpu *cpu)
{
	check(cpu, "GICD_CTLR", expected.ctlr, *dist(GICD_CTLR));
	for (unsigned int i = 1; i < n_irqs() / 32; i++)
		spi_banks_check(cpu, i);
	for (unsigned int i = 8; i < n_irqs() / 4; i++)
		check_bank(cpu, "GICD_IPRIORITYR", i, expected.priority[i],
			   *dist(GICD_IPRIORITYR + i * 4));
	for (unsigned int i = 32; i < n_irqs(); i++)
		check_bank(cpu, "GICD_IROUTER", i, expected.route[i],
			   *(volatile uint64_t *)dist(GICD_IROUTER + i * 8));
}

void gic_check(struct cpu *cpu)
{
	uint32_t now[N_PRIVATE];

	private_read(cpu, now);
	for (unsigned int i = 0; i < N_PRIVATE; i++)
		check(cpu, private_name[i], cpu->redist[i], now[i]);
	its_check(cpu);
	if (cpu->number == 0)
		distributor_check(cpu);
}

/* From the vector: the timer's interrupt, or an LPI. */
void irq(void);
void irq(void)
{
	struct cpu *cpu =
		((struct cpu **)PAYLOAD_SLOTS)[MRS("mpidr_el1") & 0x1fff];
	uint64_t id = MRS("S3_0_C12_C12_0"); /* ICC_IAR1_EL1 */

	if (id == 1023)
		return;
	if (id == TIMER_PPI)
		timer_tick(cpu);
	else if (!its_interrupt(cpu, id))
		fail(cpu, "interrupt", TIMER_PPI, id);
	MSR("S3_0_C12_C12_1", id); /* ICC_EOIR1_EL1 */
	/* an LPI is never active */
	if (id < FIRST_LPI && MRS("S3_0_C12_C12_4") & 2)
		MSR("S3_0_C12_C11_1", id); /* ICC_DIR_EL1 */
	isb();
}
