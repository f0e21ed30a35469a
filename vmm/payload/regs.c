// SPDX-License-Identifier: MIT
/* System registers by table, signed pointers, and the answers of hypercalls. */
#include "guest.h"

struct features feat;

struct reg {
	const char *name;
	uint64_t (*read)(void);
	void (*write)(uint64_t value);
	uint64_t mask, fixed;
};

#define REG(name, op0, op1, crn, crm, op2, mask, fixed, present)            \
	static uint64_t read_##name(void)                                   \
	{                                                                   \
		return MRS("S" #op0 "_" #op1 "_C" #crn "_C" #crm "_" #op2); \
	}                                                                   \
	static void write_##name(uint64_t v)                                \
	{                                                                   \
		MSR("S" #op0 "_" #op1 "_C" #crn "_C" #crm "_" #op2, v);     \
	}
#include "registers.h"
#undef REG

static const struct reg regs[] = {
#define REG(name, op0, op1, crn, crm, op2, mask, fixed, present) \
	{ #name, read_##name, write_##name, mask, fixed },
#include "registers.h"
#undef REG
};

#define N_REGS (sizeof(regs) / sizeof(regs[0]))
_Static_assert(N_REGS <= PAYLOAD_MAX_REGS, "PAYLOAD_MAX_REGS");

/* By the order of registers.h: is it there? */
static bool present[N_REGS];

static unsigned int field(uint64_t reg, unsigned int shift)
{
	return reg >> shift & 0xf;
}

static void features_of_pmu(uint64_t dfr0)
{
	unsigned int version = field(dfr0, 8);

	feat.pmu = version && version != 0xf;
	if (feat.pmu)
		feat.counters = MRS("pmcr_el0") >> 11 & 0x1f;
}

static void features_of_pauth(void)
{
	uint64_t isar1 = MRS("id_aa64isar1_el1");
	uint64_t isar2 = MRS("S3_0_C0_C6_2");

	feat.pauth = field(isar1, 4) || field(isar1, 8) || field(isar2, 12);
	feat.pacga = field(isar1, 24) || field(isar1, 28) || field(isar2, 8);
}

static void present_fill(void)
{
	unsigned int i = 0;

#define REG(name, op0, op1, crn, crm, op2, mask, fixed, there) \
	present[i++] = (there);
#include "registers.h"
#undef REG
}

void features_read(void)
{
	uint64_t pfr0 = MRS("id_aa64pfr0_el1");
	uint64_t pfr1 = MRS("id_aa64pfr1_el1");
	uint64_t mmfr1 = MRS("id_aa64mmfr1_el1");
	uint64_t mmfr3 = MRS("S3_0_C0_C7_3");
	uint64_t dfr0 = MRS("id_aa64dfr0_el1");

	feat.aarch32 = field(pfr0, 0) == 2;
	feat.ras = field(pfr0, 28);
	feat.sve = field(pfr0, 32);
	feat.dit = field(pfr0, 48);
	feat.ssbs = field(pfr1, 4) == 2;
	feat.pan = field(mmfr1, 20);
	feat.uao = field(MRS("id_aa64mmfr2_el1"), 4);
	feat.tcr2 = field(mmfr3, 0);
	feat.s1pie = field(mmfr3, 8);
	feat.ptimer = !params->no_physical_timer;
	feat.brps = field(dfr0, 12) + 1;
	feat.wrps = field(dfr0, 20) + 1;
	features_of_pmu(dfr0);
	features_of_pauth();
	present_fill();
}

/* What cannot be any pattern, for the vCPU itself lives by it. */
static void translation_setup(struct cpu *cpu)
{
	uint64_t tcr = MRS("tcr_el1");

	/* TTBR1 is off: its attributes in TCR_EL1 mean nothing */
	tcr |= mix(cpu->number, 1) & 0x402f000000;
	MSR("tcr_el1", tcr);
	MSR("ttbr0_el1", (cpu->number % 255 + 1) << 48 | (uintptr_t)level1);
	MSR("S2_0_C1_C0_4", cpu->number & 1); /* OSLAR_EL1 */
	MSR("S2_0_C1_C3_4", 0); /* OSDLR_EL1 */
	isb();
}

static void control_setup(struct cpu *cpu)
{
	uint64_t sctlr = MRS("sctlr_el1");

	/* the four address keys sign at EL1 */
	if (feat.pauth)
		sctlr |= 1ull << 31 | 1ull << 30 | 1ull << 27 | 1ull << 13;
	MSR("sctlr_el1", sctlr);
	MSR("cpacr_el1", MRS("cpacr_el1") | (feat.sve ? 3 << 16 : 0));
	isb();
	cpu->vl = 16;
	cpu->sve = feat.sve;
	if (!feat.sve)
		return;
	MSR("S3_0_C1_C2_0", 0xf); /* ZCR_EL1: the longest there is */
	isb();
	cpu->vl = sve_vl();
}

static uint64_t pattern(struct cpu *cpu, unsigned int i)
{
	return (mix(cpu->number, 0x10000 + i) & regs[i].mask) | regs[i].fixed;
}

/* Which bits are there shows in two values that differ in all of them. */
static void reg_setup(struct cpu *cpu, unsigned int i)
{
	const struct reg *r = &regs[i];
	uint64_t first, covered = ~0ull;

	if (r->mask) {
		r->write(pattern(cpu, i) ^ r->mask);
		isb();
		first = r->read();
		r->write(pattern(cpu, i));
		isb();
		covered = (first ^ r->read()) & r->mask;
	}
	cpu->expected[i] = r->read();
	if (cpu->number == 0)
		params->covered[i] = covered;
}

static uint64_t hypercall(unsigned int i)
{
	switch (i) {
	case 0:
		return hvc(0x84000000, 0, 0, 0); /* PSCI_VERSION */
	case 1:
		return hvc(0x80000000, 0, 0, 0); /* SMCCC_VERSION */
	case 2:
		return hvc(0x80000001, 0x80008000, 0, 0); /* WORKAROUND_1 */
	case 3:
		return hvc(0x80000001, 0x80007fff, 0, 0); /* WORKAROUND_2 */
	case 4:
		return hvc(0x80000001, 0x80003fff, 0, 0); /* WORKAROUND_3 */
	case 5:
		return hvc(0x80000001, 0xc5000020, 0, 0); /* PV_TIME */
	case 6:
		return hvc(0x84000050, 0, 0, 0); /* TRNG_VERSION */
	case 7:
		return hvc(0x86000000, 0, 0, 0); /* vendor's features */
	case 8:
		return hvc(0x8600ff01, 0, 0, 0); /* vendor's UID */
	case 9:
		return hvc(0x8400000a, 0xc4000012, 0, 0); /* SYSTEM_RESET2 */
	case 10:
		return hvc(0x8400000a, 0xc400000e, 0, 0); /* SYSTEM_SUSPEND */
	default:
		return 0;
	}
}

void regs_setup(struct cpu *cpu)
{
	translation_setup(cpu);
	control_setup(cpu);
	for (unsigned int i = 0; i < N_REGS; i++)
		if (present[i])
			reg_setup(cpu, i);
	if (feat.pauth)
		sign(cpu->signed_pointer);
	if (feat.pacga)
		cpu->signed_pointer[4] = sign_generic();
	for (unsigned int i = 0; i < 12; i++)
		cpu->hypercall[i] = hypercall(i);
}

static void pointers_check(struct cpu *cpu)
{
	uint64_t now[4];

	if (feat.pauth) {
		sign(now);
		for (unsigned int i = 0; i < 4; i++)
			if (now[i] != cpu->signed_pointer[i])
				fail_indexed(cpu, "signed-pointer", i,
					     cpu->signed_pointer[i], now[i]);
		check(cpu, "authentication", 0,
		      authenticate(cpu->signed_pointer));
	}
	if (feat.pacga)
		check(cpu, "PACGA", cpu->signed_pointer[4], sign_generic());
}

/* Where CLIDR_EL1 has no level to clean to, IDC says nothing new. */
static uint64_t implied_idc(void)
{
	uint64_t clidr = MRS("clidr_el1");
	bool louis = clidr >> 21 & 7, loc = clidr >> 24 & 7;
	bool louu = clidr >> 27 & 7;

	return loc && (louis || louu) ? 0 : 1 << 28;
}

/* The value as far as it is the guest's, and not the host's or the clock's. */
static uint64_t meaning(const struct reg *r, uint64_t value)
{
	/* ISTATUS is the clock's */
	if (r->read == read_CNTP_CTL_EL0)
		return value & ~(1ull << 2);
	/* IMP and IDCODE: newer kernels show 0, that is "see MIDR_EL1" */
	if (r->read == read_PMCR_EL0)
		return value & ~0xffff0000ull;
	/* older kernels let the CPU answer, newer ones draw the conclusion */
	if (r->read == read_CTR_EL0)
		return value | implied_idc();
	return value;
}

static void table_check(struct cpu *cpu)
{
	for (unsigned int i = 0; i < N_REGS; i++) {
		const struct reg *r = &regs[i];

		if (present[i])
			check(cpu, r->name, meaning(r, cpu->expected[i]),
			      meaning(r, r->read()));
	}
}

void regs_check(struct cpu *cpu)
{
	table_check(cpu);
	pointers_check(cpu);
	for (unsigned int i = 0; i < 12; i++) {
		uint64_t got = hypercall(i);

		if (got != cpu->hypercall[i])
			fail_indexed(cpu, "hypercall", i, cpu->hypercall[i],
				     got);
	}
}
