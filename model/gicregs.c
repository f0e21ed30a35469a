// SPDX-License-Identifier: MIT
/*
 * The distributor's and the redistributors' registers as userspace sees
 * them: 32 bits at a time; an offset without register reads as zero and
 * ignores a write.
 */
#include "its.h"

#define SGI_BASE	0x10000U
#define IIDR_FIXED	0x4b00043bU	/* KVM's product, Arm's implementer */
#define TYPER_LPIS	(1U << 17)
#define PROPBASER_RES0	0xf8f0000000000060ULL
#define PENDBASER_RES0	0xb8f000000000f07fULL

struct access {
	struct vm *vm;
	struct vcpu *v;
	uint32_t offset;	/* from the start of the register array */
	bool write;
	uint32_t *value;
};

static void read_only(const struct access *a, uint32_t value)
{
	if (!a->write)
		*a->value = value;
}

/* ---- registers with some bits for each interrupt ---- */

enum bit { GROUP, ENABLED, PENDING, ACTIVE };

static bool *irq_bit(struct irq *irq, enum bit bit)
{
	switch (bit) {
	case GROUP:
		return &irq->group;
	case ENABLED:
		return &irq->enabled;
	case PENDING:
		return &irq->pending;
	default:
		return &irq->active;
	}
}

/* Bits that are one in "which" become "to"; a read gives all. */
static void bits(const struct access *a, enum bit bit, uint32_t which,
		 uint32_t to)
{
	uint32_t seen = 0;

	for (unsigned int i = 0; i < 32; i++) {
		struct irq *irq = gic_irq(a->vm, a->v, a->offset * 8 + i);

		if (!irq)
			continue;
		if (a->write && (which >> i & 1))
			*irq_bit(irq, bit) = to >> i & 1;
		seen |= (uint32_t)*irq_bit(irq, bit) << i;
	}
	read_only(a, seen);
}

static void whole(const struct access *a, enum bit bit)
{
	bits(a, bit, UINT32_MAX, *a->value);
}

static void set_bits(const struct access *a, enum bit bit)
{
	bits(a, bit, *a->value, UINT32_MAX);
}

static void clear_bits(const struct access *a, enum bit bit)
{
	bits(a, bit, *a->value, 0);
}

static void group(const struct access *a)
{
	whole(a, GROUP);
}

static void isenabler(const struct access *a)
{
	set_bits(a, ENABLED);
}

static void icenabler(const struct access *a)
{
	clear_bits(a, ENABLED);
}

/* Userspace writes the whole pending state here. */
static void ispendr(const struct access *a)
{
	whole(a, PENDING);
}

static void zero(const struct access *a)
{
	read_only(a, 0);
}

static void ones(const struct access *a)
{
	read_only(a, UINT32_MAX);
}

static void isactiver(const struct access *a)
{
	set_bits(a, ACTIVE);
}

static void icactiver(const struct access *a)
{
	clear_bits(a, ACTIVE);
}

static void ipriorityr(const struct access *a)
{
	uint32_t seen = 0;

	for (unsigned int i = 0; i < 4; i++) {
		struct irq *irq = gic_irq(a->vm, a->v, a->offset + i);

		if (!irq)
			continue;
		/* KVM implements the upper five bits. */
		if (a->write)
			irq->priority = *a->value >> (i * 8) & 0xf8;
		seen |= (uint32_t)irq->priority << (i * 8);
	}
	read_only(a, seen);
}

static void icfgr(const struct access *a)
{
	uint32_t seen = 0;

	for (unsigned int i = 0; i < 16; i++) {
		unsigned int intid = a->offset * 4 + i;
		struct irq *irq = gic_irq(a->vm, a->v, intid);

		if (!irq)
			continue;
		if (a->write && intid >= NR_PRIVATE_IRQS)
			irq->edge = *a->value >> (i * 2 + 1) & 1;
		seen |= (irq->edge ? 2U : 0) << (i * 2);
	}
	read_only(a, seen);
}

static void irouter(const struct access *a)
{
	struct irq *irq = gic_irq(a->vm, a->v, a->offset / 8);

	if (!irq || (a->offset & 4)) {
		zero(a);
		return;
	}
	if (a->write)
		irq->mpidr = *a->value & 0xffffff;
	read_only(a, irq->mpidr);
}

/* ---- single registers ---- */

static void gicd_ctlr(const struct access *a)
{
	if (a->write)
		a->vm->gic.enabled = *a->value & 2;
	read_only(a, 0x50 | (a->vm->gic.enabled ? 2 : 0));
}

static void gicd_typer(const struct access *a)
{
	uint32_t n = a->vm->gic.nr_spis + NR_PRIVATE_IRQS;

	read_only(a, ((n >> 5) - 1) | (a->vm->gic.n_its ?
				       15U << 19 | TYPER_LPIS : 9U << 19));
}

static uint32_t gicd_iidr_value(const struct vm *vm)
{
	return IIDR_FIXED | vm->gic.revision << 12;
}

static void gicd_iidr(const struct access *a)
{
	if (a->write)
		a->vm->gic.revision = *a->value >> 12 & 0xf;
	read_only(a, gicd_iidr_value(a->vm));
}

static void pidr2(const struct access *a)
{
	read_only(a, (a->offset & ~3U) == 0x18 ? 0x3b : 0);
}

/* Without an ITS there are no LPIs, and a write changes nothing. */
static void gicr_ctlr(const struct access *a)
{
	bool lpis = *a->value & 1;

	if (a->write && a->vm->gic.n_its && lpis != a->v->gic.lpis) {
		if (lpis)
			lpis_enable(a->v);
		else
			lpis_disable(a->v);
	}
	read_only(a, (a->vm->gic.revision >= 3 ? 6 : 0) | a->v->gic.lpis);
}

static void gicr_iidr(const struct access *a)
{
	read_only(a, IIDR_FIXED);
}

static void gicr_typer(const struct access *a)
{
	uint64_t mpidr = READ_ONCE(a->v->mpidr);
	uint64_t value = (mpidr & 0xffffff) << 32 |
			 (a->v->k.vcpu_id & 0xffff) << 8 |
			 (a->vm->gic.n_its > 0);

	if ((size_t)a->v->k.vcpu_idx + 1 == vm_n_vcpus(a->vm))
		value |= 1 << 4;
	read_only(a, a->offset & 4 ? value >> 32 : value);
}

static uint64_t replace(uint64_t reg, unsigned int lsb, uint64_t field,
			uint64_t mask)
{
	return (reg & ~(mask << lsb)) | field << lsb;
}

/* Neither outer shareable nor inner non-cacheable tables. */
uint64_t gicregs_sanitise(uint64_t reg, unsigned int share, unsigned int inner,
			  unsigned int outer)
{
	if ((reg >> share & 3) == 2)
		reg = replace(reg, share, 1, 3);
	if ((reg >> inner & 7) < 2)
		reg = replace(reg, inner, 3, 7);
	if ((reg >> outer & 7) > 1)
		reg = replace(reg, outer, 0, 7);
	return reg;
}

/* Both are fixed while the redistributor has its LPIs enabled. */
static void half(const struct access *a, uint64_t *reg, uint64_t res0)
{
	unsigned int shift = a->offset & 4 ? 32 : 0;

	if (a->write && !a->v->gic.lpis) {
		*reg &= ~(0xffffffffULL << shift);
		*reg |= (uint64_t)*a->value << shift;
		*reg = gicregs_sanitise(*reg, 10, 7, 56) & ~res0;
	}
	read_only(a, *reg >> shift);
}

static void gicr_propbaser(const struct access *a)
{
	half(a, &a->vm->gic.propbaser, PROPBASER_RES0);
}

/* PTZ, bit 62, is kept but never read back. */
static void gicr_pendbaser(const struct access *a)
{
	half(a, &a->v->gic.pendbaser, PENDBASER_RES0);
	if (!a->write && (a->offset & 4))
		*a->value &= ~(1U << 30);
}

static void invlpir(const struct access *a)
{
	struct lpi *lpi;

	if (a->write && !(a->offset & 4) && a->v->gic.lpis) {
		lpi = lpi_find(a->vm, *a->value);
		/* Memory that is not there: the guest's fault. */
		if (lpi)
			(void)lpi_configure(a->vm, lpi, NULL);
	}
	zero(a);
}

static void invallr(const struct access *a)
{
	if (a->write && !(a->offset & 4) && a->v->gic.lpis)
		lpis_configure(a->v);
	zero(a);
}

struct gicreg {
	uint32_t offset, size;
	unsigned int bits_per_irq;	/* 0: not by interrupt */
	void (*access)(const struct access *a);
};

static const struct gicreg dist_regs[] = {
	{ 0x0000, 4, 0, gicd_ctlr },
	{ 0x0004, 4, 0, gicd_typer },
	{ 0x0008, 4, 0, gicd_iidr },
	{ 0x000c, 4, 0, zero },		/* TYPER2 */
	{ 0x0010, 4, 0, ones },		/* STATUSR */
	{ 0x0080, 128, 1, group },
	{ 0x0100, 128, 1, isenabler },
	{ 0x0180, 128, 1, icenabler },
	{ 0x0200, 128, 1, ispendr },
	{ 0x0280, 128, 1, zero },
	{ 0x0300, 128, 1, isactiver },
	{ 0x0380, 128, 1, icactiver },
	{ 0x0400, 1024, 8, ipriorityr },
	{ 0x0800, 1024, 8, zero },	/* ITARGETSR */
	{ 0x0c00, 256, 2, icfgr },
	{ 0x0d00, 128, 1, zero },	/* IGRPMODR */
	{ 0x6000, 8192, 64, irouter },
	{ 0xffd0, 48, 0, pidr2 },
};

static const struct gicreg redist_regs[] = {
	{ 0x0000, 4, 0, gicr_ctlr },
	{ 0x0004, 4, 0, gicr_iidr },
	{ 0x0008, 8, 0, gicr_typer },
	{ 0x0010, 4, 0, zero },		/* STATUSR */
	{ 0x0014, 4, 0, zero },		/* WAKER */
	{ 0x0070, 8, 0, gicr_propbaser },
	{ 0x0078, 8, 0, gicr_pendbaser },
	{ 0x00a0, 8, 0, invlpir },
	{ 0x00b0, 8, 0, invallr },
	{ 0x00c0, 4, 0, zero },		/* SYNCR */
	{ 0xffd0, 48, 0, pidr2 },
	{ SGI_BASE + 0x080, 4, 1, group },
	{ SGI_BASE + 0x100, 4, 1, isenabler },
	{ SGI_BASE + 0x180, 4, 1, icenabler },
	{ SGI_BASE + 0x200, 4, 1, ispendr },
	{ SGI_BASE + 0x280, 4, 1, zero },
	{ SGI_BASE + 0x300, 4, 1, isactiver },
	{ SGI_BASE + 0x380, 4, 1, icactiver },
	{ SGI_BASE + 0x400, 32, 8, ipriorityr },
	{ SGI_BASE + 0xc00, 8, 2, icfgr },
	{ SGI_BASE + 0xd00, 4, 0, zero },	/* IGRPMODR */
	{ SGI_BASE + 0xe00, 4, 0, zero },	/* NSACR */
};

static const struct gicreg *find(struct vm *vm, uint32_t grp, uint32_t offset)
{
	bool dist = grp == KA_VGIC_GRP_DIST_REGS;
	const struct gicreg *t = dist ? dist_regs : redist_regs;
	size_t n = dist ? ARRAY_SIZE(dist_regs) : ARRAY_SIZE(redist_regs);
	uint32_t irqs = vm->gic.nr_spis + NR_PRIVATE_IRQS;

	for (size_t i = 0; i < n; i++) {
		uint32_t at = offset - t[i].offset;

		if (offset < t[i].offset || at >= t[i].size)
			continue;
		if ((offset & 3) || (t[i].bits_per_irq &&
				     at * 8 / t[i].bits_per_irq >= irqs))
			return NULL;
		return &t[i];
	}
	return NULL;
}

bool gicregs_known(struct vm *vm, struct vcpu *v, uint32_t grp,
		   uint32_t offset)
{
	(void)v;
	return find(vm, grp, offset);
}

/* The distributor's part for private interrupts is empty. */
static bool is_private(const struct gicreg *reg, uint32_t offset)
{
	return reg->bits_per_irq &&
	       (offset - reg->offset) * 8 / reg->bits_per_irq <
		       NR_PRIVATE_IRQS;
}

static int check_write(struct vm *vm, uint32_t offset, uint32_t value)
{
	uint32_t revision = value >> 12 & 0xf;

	if (offset == 0xc)
		return value ? -EINVAL : 0;
	if (offset != 8)
		return 0;
	if ((value ^ gicd_iidr_value(vm)) & ~0xf000U)
		return -EINVAL;
	return revision == 2 || revision == 3 ? 0 : -EINVAL;
}

int gicregs_access(struct vm *vm, struct vcpu *v, uint32_t grp,
		   uint32_t offset, bool write, uint32_t *value)
{
	const struct gicreg *reg = find(vm, grp, offset);
	bool dist = grp == KA_VGIC_GRP_DIST_REGS;
	int ret = dist && write ? check_write(vm, offset, *value) : 0;
	struct access a = { vm, v, 0, write, value };

	if (ret)
		return ret;
	if (!reg || (dist && is_private(reg, offset))) {
		zero(&a);
		return 0;
	}
	a.offset = offset - reg->offset;
	reg->access(&a);
	return 0;
}
