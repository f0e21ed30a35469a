// SPDX-License-Identifier: MIT
/*
 * A host description out of nothing: the register list of Linux 6.12 in its
 * order, with the values of an emulated "max" CPU.
 */
#include <stdio.h>

#include "private.h"

#define NONE		0U
#define SVE		(1U << KA_VCPU_SVE)
#define PMU		(1U << KA_VCPU_PMU_V3)
#define PAUTH \
	(1U << KA_VCPU_PTRAUTH_ADDRESS | 1U << KA_VCPU_PTRAUTH_GENERIC)
#define PSCI		(1U << KA_VCPU_PSCI_0_2)
#define MAX_REGS	640
#define VM_ONE_REG_ALL	(KVM_VM_ONE_REG_IOCTLS | KVM_VM_ONE_REG_VECTORS | \
			 KVM_VM_ONE_REG_CONFIG | KVM_VM_ONE_REG_ASYM)
#define REG_SCOPE_ALL	(KVM_ARM_REG_SCOPE_TAG | KVM_ARM_REG_SCOPE_OMIT)
#define JUNK		0x1de7ec7edbadc0deULL	/* KVM's for UNKNOWN */
#define SYSREG(low)	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_SYSREG | (low))
#define ID_FIRST	0xc008U		/* ID_PFR0_EL1 and so on */

#define ID_DFR0		0xc00aU
#define ID_AA64PFR0	0xc020U
#define ID_AA64PFR2	0xc022U
#define ID_AA64ZFR0	0xc024U
#define ID_AA64DFR0	0xc028U
#define ID_AA64ISAR1	0xc031U
#define ID_AA64MMFR3	0xc03bU
#define PMCR		0xdce0U

static const uint64_t id_values[56] = {
	0x01020131, 0x10011001, 0x06010009, 0, 0x10101105, 0x40000000,
	0x01260000, 0x02122211, 0x02101110, 0x13112111, 0x21232042, 0x01112131,
	0x00011142, 0x01011121, 0x00011110, 0x01111111, 0x10110222, 0x13211111,
	0x43, 0, 0x11, 0, 0x1, 0,
	/* AA64PFR0 */ 0x1101001121110222, 0x21, 0, 0, 0x0110110100110021, 0, 0,
	0,
	/* AA64DFR0 */ 0x10305609, 0, 0, 0, 0, 0, 0, 0,
	/* AA64ISAR0 */ 0x1221111110212120, 0x0011111110211102, 0, 0, 0, 0, 0,
	0,
	/* AA64MMFR0 */ 0x0000032310201126, 0x0000011010211122,
	0x1021011010011011, 0x1, 0, 0, 0, 0,
};

static const uint64_t id_masks[56] = {
	UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, UINT32_MAX, UINT32_MAX,
	UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
	UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
	UINT32_MAX, 0, UINT32_MAX, 0, UINT32_MAX, 0,
	/* AA64PFR0 */ 0xffff00f00f00ffff, 0x0000000f000000ff,
	0x0000000f00000000, 0, 0x0ff0ff0f0fff00ff, 0, 0, 0x00000000f0000003,
	/* AA64DFR0 */ 0x000000f000f00f0f, 0, 0, 0, 0, 0, 0, 0,
	/* AA64ISAR0 */ 0xfffffffffffffff0, 0xffffffff00fff00f,
	0xffff0fffffff00ff, 0, 0, 0, 0, 0,
	/* AA64MMFR0 */ 0xff00f000ffffff0f, 0xfffff0f00ffff00f,
	0xf0ff000ff00fffff, 0x00000000000f0f0f, 0, 0, 0, 0,
};

/* System registers but the ID, debug and numbered PMU ones, by encoding. */
static const struct {
	uint16_t low;
	uint32_t feature;
	uint64_t value;
} sysregs[] = {
	{ 0x8010, NONE, 0 },	  { 0x8012, NONE, 0 },
	{ 0x808c, NONE, 8 },	  { 0xa038, NONE, 0 },
	{ 0xc005, NONE, 0x80000000 },
	{ 0xc080, NONE, 0xc50078 }, { 0xc081, NONE, 0 },
	{ 0xc082, NONE, 0 },	  { 0xc090, SVE, 0 },
	{ 0xc100, NONE, JUNK },	  { 0xc101, NONE, JUNK },
	{ 0xc102, NONE, 0 },	  { 0xc103, NONE, 0 },
	{ 0xc108, PAUTH, JUNK },  { 0xc109, PAUTH, JUNK },
	{ 0xc10a, PAUTH, JUNK },  { 0xc10b, PAUTH, JUNK },
	{ 0xc110, PAUTH, JUNK },  { 0xc111, PAUTH, JUNK },
	{ 0xc112, PAUTH, JUNK },  { 0xc113, PAUTH, JUNK },
	{ 0xc118, PAUTH, JUNK },  { 0xc119, PAUTH, JUNK },
	{ 0xc288, NONE, JUNK },	  { 0xc289, NONE, JUNK },
	{ 0xc290, NONE, JUNK },	  { 0xc300, NONE, JUNK },
	{ 0xc3a0, NONE, JUNK },	  { 0xc4f1, PMU, 0x8000001e },
	{ 0xc4f2, PMU, 0x8000001e }, { 0xc510, NONE, JUNK },
	{ 0xc512, NONE, JUNK },	  { 0xc513, NONE, JUNK },
	{ 0xc514, NONE, JUNK },	  { 0xc518, NONE, 0 },
	{ 0xc600, NONE, 0 },	  { 0xc609, NONE, 0 },
	{ 0xc681, NONE, 0 },	  { 0xc684, NONE, JUNK },
	{ 0xc708, NONE, 0 },	  { 0xc801, NONE, 0x02000021 },
	{ 0xd000, NONE, JUNK },	  { 0xd801, NONE, 0x9444c004 },
	{ 0xda22, NONE, 0 },	  { PMCR, PMU, 0x3000 },
	{ 0xdce1, PMU, 0x8000001e }, { 0xdce2, PMU, 0x8000001e },
	{ 0xdce3, PMU, 0x8000001e }, { 0xdce4, PMU, 0 },
	{ 0xdce5, PMU, 0x1e },	  { 0xdce8, PMU, JUNK },
	{ 0xdcf0, PMU, 0 },	  { 0xdcf3, PMU, 0x8000001e },
	{ 0xdd14, NONE, JUNK },	  { 0xde82, NONE, JUNK },
	{ 0xde83, NONE, JUNK },
};

/* Registers that sort after the numbered PMU ones. */
static const struct {
	uint16_t low;
	uint64_t value;
} last_sysregs[] = {
	{ 0xdf7f, 0 },		/* PMCCFILTR_EL0, with a PMU only */
	{ 0xe180, JUNK },
	{ 0xe281, JUNK },
	{ 0xe298, 0x700 },
};

struct build {
	const struct model_host_options *o;
	struct host_profile *p;
	uint32_t features;
	uint64_t ids[MAX_REGS], values[MAX_REGS], masks[MAX_REGS];
	bool has_mask[MAX_REGS];
	size_t n;
};

static void add(struct build *b, uint64_t id, uint64_t value)
{
	b->ids[b->n] = id;
	b->values[b->n++] = value;
}

static void add_masked(struct build *b, uint64_t id, uint64_t value,
		       uint64_t mask)
{
	b->has_mask[b->n] = !b->o->no_masks;
	b->masks[b->n] = b->o->no_masks ? 0 : mask;
	add(b, id, value);
}

static void add_core(struct build *b)
{
	const uint64_t core = KA_REG_ARM64 | KA_REG_CORE;

	for (unsigned int i = 0; i < 41; i++)
		add(b, core | KA_REG_SIZE_U64 | i * 2,
		    i == 33 ? 0x3c5 : 0);	/* PSTATE: EL1h, all masked */
	if (!(b->features & SVE))
		for (unsigned int i = 0; i < 32; i++)
			add(b, core | KA_REG_SIZE_U128 | (0x54 + i * 4), 0);
	add(b, core | KA_REG_SIZE_U32 | 0xd4, 0);
	add(b, core | KA_REG_SIZE_U32 | 0xd5, 0);
}

static void add_sve(struct build *b)
{
	const uint64_t sve = KA_REG_ARM64 | KA_REG_SVE;
	unsigned int vq = b->o->sve_vq ? b->o->sve_vq : SVE_MAX_VQ;

	if (!(b->features & SVE))
		return;
	add(b, KA_SVE_VLS, (1ULL << vq) - 1);
	for (unsigned int i = 0; i < 32; i++)
		add(b, sve | KA_REG_SIZE_U2048 | i << 5, 0);
	for (unsigned int i = 0; i < 17; i++)
		add(b, sve | KA_REG_SIZE_U256 | (0x400 + (i << 5)), 0);
}

static void add_firmware(struct build *b)
{
	add(b, KA_PSCI_VERSION, 0x10001);
	add(b, KA_FW(1), 2);
	add(b, KA_FW(2), 0);
	add(b, KA_FW(3), 0);
	add(b, KA_BMAP(0), 1);
	add(b, KA_BMAP(1), 1);
	add(b, KA_BMAP(2), 3);
}

static void add_timers(struct build *b)
{
	add(b, KA_TIMER_CTL, 4);
	add(b, KA_TIMER_CNT, 0);
	add(b, KA_TIMER_CVAL, 0);
	add(b, KA_PTIMER_CTL, 4);
	add(b, KA_PTIMER_CNT, 0);
	add(b, KA_PTIMER_CVAL, 0);
}

/* A field that goes with a vCPU feature, when the vCPU lacks it. */
static uint64_t without(uint64_t value, unsigned int lsb, bool has)
{
	return has ? value : value & ~(0xfULL << lsb);
}

static uint64_t id_value(const struct build *b, unsigned int low)
{
	uint64_t value = id_values[low - ID_FIRST];
	bool pmu = b->features & PMU, pauth = b->features & PAUTH;

	if (b->o->no_aarch32 && low < ID_AA64PFR0)
		return 0;
	switch (low) {
	case ID_AA64PFR0:
		if (b->o->no_aarch32)
			value = (value & ~0xffULL) | 0x11;
		return without(value, 32, b->features & SVE);
	case ID_AA64PFR2:
		return b->o->s1poe ? 1ULL << 32 : 0;
	case ID_AA64ZFR0:
		return b->features & SVE ? value : 0;
	case ID_DFR0:
		return without(value, 24, pmu);
	case ID_AA64DFR0:
		return without(value, 8, pmu);
	case ID_AA64ISAR1:
		return without(without(value, 8, pauth), 28, pauth);
	case ID_AA64MMFR3:
		return b->o->s1poe ? value | 1 << 16 : value;
	}
	return value;
}

static void add_id_regs(struct build *b)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(id_values); i++) {
		bool aarch32 = ID_FIRST + i < ID_AA64PFR0;

		add_masked(b, SYSREG(ID_FIRST + i), id_value(b, ID_FIRST + i),
			   aarch32 && b->o->no_aarch32 ? 0 : id_masks[i]);
	}
}

static void add_debug(struct build *b)
{
	for (unsigned int n = 0; n < 16; n++)
		for (unsigned int op2 = 4; op2 < 8; op2++)
			add(b, SYSREG(0x8000 | n << 3 | op2), 0);
}

static void add_pmu_counters(struct build *b)
{
	if (!(b->features & PMU))
		return;
	for (unsigned int i = 0; i < 31; i++)
		add(b, SYSREG(0xdf40 + i), 0xdbadc0de);
	for (unsigned int i = 0; i < 31; i++)
		add(b, SYSREG(0xdf60 + i), 0xc800c0de);
}

/* POR and FPMR: shown by fields of ID registers. */
static bool hidden(const struct build *b, unsigned int low)
{
	return !b->o->s1poe &&
	       (low == 0xc514 || low == 0xdd14 || low == 0xda22);
}

static uint64_t sysreg_value(const struct build *b, size_t i)
{
	unsigned int n = b->o->pmu_counters ? b->o->pmu_counters : 6;

	return sysregs[i].low == PMCR ? (uint64_t)n << 11 : sysregs[i].value;
}

static void add_sysregs(struct build *b)
{
	add(b, SYSREG(0xc000), b->o->midr ? b->o->midr : 0xf0510);
	add(b, SYSREG(0xc006), 0);
	add(b, SYSREG(0xc807), 0);
	add_debug(b);
	for (size_t i = 0; i < ARRAY_SIZE(sysregs); i++) {
		unsigned int low = sysregs[i].low;

		if (low == 0xc080)
			add_id_regs(b);
		if ((sysregs[i].feature & ~b->features) || hidden(b, low))
			continue;
		if (low == 0xc801)
			add_masked(b, SYSREG(low), sysregs[i].value,
				   0x00007fffffffffff);
		else if (low == 0xd801)
			add_masked(b, SYSREG(low), sysregs[i].value,
				   0x300f000f);
		else
			add(b, SYSREG(low), sysreg_value(b, i));
	}
	add_pmu_counters(b);
	for (size_t i = 0; i < ARRAY_SIZE(last_sysregs); i++)
		if (last_sysregs[i].low != 0xdf7f || (b->features & PMU))
			add(b, SYSREG(last_sysregs[i].low),
			    last_sysregs[i].value);
}

static void add_demux(struct build *b)
{
	for (unsigned int i = 0; i < 14; i++)
		add(b, KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX | i, 2);
}

static int finish(struct build *b)
{
	struct host_profile *p = b->p;
	int ret = regset_init(&p->set, b->ids, b->n);

	if (ret)
		return ret;
	p->features = b->features;
	p->reset = calloc(1, p->set.row_size);
	p->has_reset = calloc(b->n, 1);
	p->has_mask = calloc(b->n, 1);
	p->writable = calloc(b->n, sizeof(*p->writable));
	p->scope = calloc(b->n, 1);
	if (!p->reset || !p->has_reset || !p->has_mask || !p->writable ||
	    !p->scope)
		return -ENOMEM;
	for (size_t i = 0; i < b->n; i++) {
		size_t size = onereg_reg_size(b->ids[i]);

		memcpy(p->reset + p->set.offsets[i], &b->values[i],
		       size < 8 ? size : 8);
		p->has_reset[i] = 1;
		p->has_mask[i] = b->has_mask[i];
		p->writable[i] = b->masks[i];
	}
	return 0;
}

static int add_profile(struct onereg_host *host,
		       const struct model_host_options *o, uint32_t features)
{
	struct build *b = calloc(1, sizeof(*b));
	int ret;

	if (!b)
		return -ENOMEM;
	b->o = o;
	b->p = &host->profiles[host->n_profiles++];
	b->features = features;
	add_core(b);
	add_sve(b);
	add_firmware(b);
	add_timers(b);
	add_sysregs(b);
	add_demux(b);
	ret = finish(b);
	free(b);
	return ret;
}

static int add_profiles(struct onereg_host *host,
			const struct model_host_options *o)
{
	static const uint32_t combos[] = {
		NONE, PMU, SVE, PMU | SVE,
		PAUTH, PMU | PAUTH, SVE | PAUTH, PMU | SVE | PAUTH,
	};
	uint32_t has = (o->pmu ? PMU : 0) | (o->sve ? SVE : 0) |
		       (o->pauth ? PAUTH : 0);

	host->profiles = calloc(ARRAY_SIZE(combos), sizeof(*host->profiles));
	if (!host->profiles)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(combos); i++) {
		int ret = combos[i] & ~has ? 0 :
			  add_profile(host, o, combos[i] | PSCI);

		if (ret)
			return ret;
	}
	return 0;
}

static int add_caps(struct onereg_host *host,
		    const struct model_host_options *o)
{
	const struct host_cap caps[] = {
		{ 0, 1 },	/* IRQCHIP */
		{ 9, 8 },	/* NR_VCPUS */
		{ KA_CAP_MP_STATE, 1 },
		{ KA_CAP_VCPU_EVENTS, 1 },
		{ KA_CAP_MAX_VCPUS, MAX_VCPUS },
		{ KA_CAP_ONE_REG, 1 },
		{ 77, 1 },	/* SIGNAL_MSI */
		{ 81, 1 },	/* READONLY_MEM */
		{ 88, 1 },	/* ARM_SET_DEVICE_ADDR */
		{ 89, 1 },	/* DEVICE_CTRL */
		{ KA_CAP_ARM_EL1_32BIT, !o->no_aarch32 },
		{ 98, 1 },	/* ENABLE_CAP_VM */
		{ 102, 1 },	/* ARM_PSCI_0_2 */
		{ 105, 1 },	/* CHECK_EXTENSION_VM */
		{ 119, 6 },	/* GUEST_DEBUG_HW_BPS */
		{ 120, 4 },	/* GUEST_DEBUG_HW_WPS */
		{ KA_CAP_ARM_PMU_V3, o->pmu },
		{ 127, 1 },	/* VCPU_ATTRIBUTES */
		{ 128, MAX_VCPUS },	/* MAX_VCPU_ID */
		{ 136, 1 },	/* IMMEDIATE_EXIT */
		{ 144, 1 },	/* ARM_USER_IRQ */
		{ KA_CAP_ARM_INJECT_SERROR_ESR, 1 },
		{ KA_CAP_ARM_VM_IPA_SIZE, o->ipa_bits ? (int)o->ipa_bits : 48 },
		{ KA_CAP_ARM_SVE, o->sve },
		{ KA_CAP_ARM_PTRAUTH_ADDRESS, o->pauth },
		{ KA_CAP_ARM_PTRAUTH_GENERIC, o->pauth },
		{ 174, 1 },	/* ARM_IRQ_LINE_LAYOUT_2 */
		{ KA_CAP_ARM_NISV_TO_USER, 1 },
		{ KA_CAP_ARM_INJECT_EXT_DABT, 1 },
		{ KA_CAP_STEAL_TIME, 1 },
		{ 198, 1 },	/* PTP_KVM */
		{ KA_CAP_ARM_MTE, 0 },
		{ KA_CAP_ARM_SYSTEM_SUSPEND, 1 },
		{ KA_CAP_COUNTER_OFFSET, 1 },
		{ 229, 0x40201000 },	/* ARM_SUPPORTED_BLOCK_SIZES */
		{ KA_CAP_ARM_SUPPORTED_REG_MASK_RANGES, !o->no_masks },
		{ KVM_CAP_VM_ONE_REG, o->vm_regs ? VM_ONE_REG_ALL : 0 },
		{ KVM_CAP_ARM_REG_SCOPE, o->vm_regs ? REG_SCOPE_ALL : 0 },
	};

	host->caps = malloc(sizeof(caps));
	if (!host->caps)
		return -ENOMEM;
	memcpy(host->caps, caps, sizeof(caps));
	host->n_caps = ARRAY_SIZE(caps);
	return 0;
}

int model_host_new(const struct model_host_options *options,
		   struct onereg_host **ret)
{
	static const struct model_host_options all = {
		.sve = true, .pmu = true, .pauth = true,
	};
	const struct model_host_options *o = options ? options : &all;
	struct onereg_host *host = calloc(1, sizeof(*host));
	int r;

	if (!host)
		return -ENOMEM;
	snprintf(host->writer, sizeof(host->writer), "onereg model");
	snprintf(host->release, sizeof(host->release), "%s",
		 o->release ? o->release : "6.12.0-model");
	host->midr = o->midr ? o->midr : 0xf0510;
	host->counter_frequency =
		o->counter_frequency ? o->counter_frequency : 62500000;
	r = add_caps(host, o);
	if (!r)
		r = add_profiles(host, o);
	if (r)
		onereg_host_free(host);
	else
		*ret = host;
	return r;
}
