/* SPDX-License-Identifier: MIT */
/*
 * Which registers a GICv3 and its ITSes have: distributor, redistributors by
 * affinity, CPU interfaces, line levels, ITSes by number.
 *
 * Tables list them in the order in which they are written: the image's list of
 * attributes is in that order too, so that restore and proof walk the image
 * and need no knowledge of which registers there are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gic.h"

#define FIRST_SPI	32
#define SGI_FRAME	0x10000ULL
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define ICC_CTLR	KA_SYS_LOW(3, 0, 12, 12, 4)

#define DIST(n, off)	.name = (n), .group = KA_VGIC_GRP_DIST_REGS, .at = (off)
#define REDIST(n, off) \
	.name = (n), .group = KA_VGIC_GRP_REDIST_REGS, .at = (off)
#define SGI(n, off)	REDIST(n, SGI_FRAME + (off))
#define ICC(n, op0, op1, crn, crm, op2)                     \
	.name = (n), .group = KA_VGIC_GRP_CPU_SYSREGS,      \
	.at = KA_SYS_LOW(op0, op1, crn, crm, op2)
#define LEVEL(n, intid) \
	.name = (n), .group = KA_VGIC_GRP_LEVEL_INFO, .at = (intid)
#define ITS(n, off)	.name = (n), .group = ITS_REGS, .at = (off)
#define EACH_SPI(b)	.per = SPI_BITS, .bits = (b)
#define EACH_PRIVATE(b)	.per = PRIVATE_BITS, .bits = (b)

/*
 * A PROPBASER or PENDBASER that was never written reads 0, and a write of 0
 * would come back with the cacheability that KVM makes of it
 * (vgic_sanitise_propbaser).
 */
#define BASER(n, off)	REDIST(n, off), .keep_zero = true

/*
 * Order (Documentation/virt/kvm/devices/arm-vgic-v3.rst): IIDR first, it
 * selects the behaviour of what follows; routing, trigger and level before
 * pending; a set register after its clearing twin was given all ones.
 */
static const struct gic_reg dist_regs[] = {
	{ DIST("GICD_IIDR", 0x8) },
	{ DIST("GICD_TYPER", KA_GICD_TYPER), .check = true },
	{ DIST("GICD_CTLR", 0x0) },
	{ DIST("GICD_IGROUPR", 0x80), EACH_SPI(1) },
	{ DIST("GICD_IROUTER", 0x6000), EACH_SPI(64) },
	{ DIST("GICD_ICFGR", 0xc00), EACH_SPI(2) },
	{ DIST("GICD_IPRIORITYR", 0x400), EACH_SPI(8) },
	{ DIST("GICD_ISENABLER", 0x100), EACH_SPI(1), .clear = 0x180 },
	{ LEVEL("SPI line level", 0), EACH_SPI(1) },
	{ DIST("GICD_ISPENDR", 0x200), EACH_SPI(1), .clear = 0x280 },
	{ DIST("GICD_ISACTIVER", 0x300), EACH_SPI(1), .clear = 0x380 },
};

static const struct gic_reg redist_regs[] = {
	{ BASER("GICR_PROPBASER", 0x70) },
	{ BASER("GICR_PROPBASER (high)", 0x74) },
	{ BASER("GICR_PENDBASER", KA_GICR_PENDBASER) },
	{ BASER("GICR_PENDBASER (high)", KA_GICR_PENDBASER + 4) },
	{ REDIST("GICR_CTLR", 0x0) },
	{ SGI("GICR_IGROUPR0", 0x80), EACH_PRIVATE(1) },
	{ SGI("GICR_ICFGR", 0xc00), EACH_PRIVATE(2) },
	{ SGI("GICR_IPRIORITYR", 0x400), EACH_PRIVATE(8) },
	{ SGI("GICR_ISENABLER0", 0x100), EACH_PRIVATE(1),
	  .clear = SGI_FRAME + 0x180 },
	{ LEVEL("private line level", 0), EACH_PRIVATE(1) },
	{ SGI("GICR_ISPENDR0", 0x200), EACH_PRIVATE(1),
	  .clear = SGI_FRAME + 0x280 },
	{ SGI("GICR_ISACTIVER0", 0x300), EACH_PRIVATE(1),
	  .clear = SGI_FRAME + 0x380 },
};

static const struct gic_reg icc_regs[] = {
	{ ICC("ICC_SRE_EL1", 3, 0, 12, 12, 5) },
	{ ICC("ICC_CTLR_EL1", 3, 0, 12, 12, 4) },
	{ ICC("ICC_IGRPEN0_EL1", 3, 0, 12, 12, 6) },
	{ ICC("ICC_IGRPEN1_EL1", 3, 0, 12, 12, 7) },
	{ ICC("ICC_PMR_EL1", 3, 0, 4, 6, 0) },
	{ ICC("ICC_BPR0_EL1", 3, 0, 12, 8, 3) },
	{ ICC("ICC_BPR1_EL1", 3, 0, 12, 12, 3) },
	{ ICC("ICC_AP0R", 3, 0, 12, 8, 4), .per = PRIORITY_GROUPS },
	{ ICC("ICC_AP1R", 3, 0, 12, 9, 0), .per = PRIORITY_GROUPS },
};

/*
 * Order (arm-vgic-its.rst): all redistributors before; IIDR has the layout of
 * the tables; CBASER resets the two that follow it; the tables when BASER says
 * where; CTLR last, it takes up the work.
 */
static const struct gic_reg its_regs[] = {
	{ .name = "ITS address", .group = ITS_ADDR,
	  .at = KA_VGIC_ITS_ADDR_TYPE, .check = true },
	{ ITS("GITS_IIDR", 0x4) },
	{ ITS("GITS_TYPER", 0x8), .check = true },
	/* Never written: as GICR_PROPBASER. */
	{ ITS("GITS_CBASER", 0x80), .keep_zero = true },
	{ ITS("GITS_BASER", KA_GITS_BASER), .per = ITS_BASERS },
	{ ITS("GITS_CREADR", 0x90) },
	{ ITS("GITS_CWRITER", 0x88) },
	{ .name = "ITS tables", .group = ITS_CTRL,
	  .at = KA_ITS_SAVE_TABLES, .needs_memory = true },
	{ ITS("GITS_CTLR", 0x0), .needs_memory = true },
};

const struct gic_table gic_tables[GIC_N_PARTS] = {
	[GIC_DIST] = { dist_regs, ARRAY_SIZE(dist_regs) },
	[GIC_REDIST] = { redist_regs, ARRAY_SIZE(redist_regs) },
	[GIC_ICC] = { icc_regs, ARRAY_SIZE(icc_regs) },
	[GIC_ITS] = { its_regs, ARRAY_SIZE(its_regs) },
};

uint32_t gic_affinity(uint64_t mpidr)
{
	return (uint32_t)((mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff));
}

size_t gic_part_count(const struct gic_shape *shape, enum gic_part part)
{
	switch (part) {
	case GIC_REDIST:
	case GIC_ICC:
		return shape->n_vcpus;
	case GIC_ITS:
		return shape->n_its;
	case GIC_DIST:
	case GIC_N_PARTS:
		break;
	}
	return 1;
}

bool attr_is_its(const struct attr *a)
{
	return a->group & ONEREG_GROUP_ITS;
}

bool attr_is_tables(const struct attr *a)
{
	return a->group == ITS_CTRL;
}

/* ---- a row, as attributes ---- */

size_t gic_row_count(const struct gic_shape *shape, const struct gic_reg *r,
		     unsigned int priority_bits)
{
	switch (r->per) {
	case ONE:
		return 1;
	case SPI_BITS:
		return (size_t)(shape->nr_irqs - FIRST_SPI) * r->bits / 32;
	case PRIVATE_BITS:
		return r->bits;
	case PRIORITY_GROUPS:
		return priority_bits > 5 ? 1u << (priority_bits - 5) : 1;
	case ITS_BASERS:
		return 8;
	}
	return 0;
}

/* From one of a row to the next. */
static uint64_t row_step(const struct gic_reg *r)
{
	switch (r->group) {
	case KA_VGIC_GRP_CPU_SYSREGS:
		return 1;	/* op2 counts AP0R<n>, AP1R<n> */
	case KA_VGIC_GRP_LEVEL_INFO:
		return 32;
	case ITS_REGS:
		return 8;
	default:
		return 4;
	}
}

struct attr gic_row_attr(const struct gic_shape *shape, const struct gic_reg *r,
			 size_t unit, size_t i)
{
	struct attr a = { .group = r->group, .size = 4, .attr = r->at };

	if (r->group == KA_VGIC_GRP_CPU_SYSREGS || attr_is_its(&a))
		a.size = 8;
	if (r->group == KA_VGIC_GRP_LEVEL_INFO)
		a.attr += r->per == SPI_BITS ? FIRST_SPI : 0;
	else if (r->per == SPI_BITS)
		a.attr += (uint64_t)FIRST_SPI * r->bits / 8;
	a.attr += i * row_step(r);
	if (attr_is_its(&a))
		a.attr |= (uint64_t)unit << 32;
	else if (r->group != KA_VGIC_GRP_DIST_REGS)
		a.attr |= (uint64_t)shape->affinity[unit] << 32;
	return a;
}

void gic_look_for_priority_bits(const struct attr *a, unsigned int *ret)
{
	if (a->group == KA_VGIC_GRP_CPU_SYSREGS &&
	    (a->attr & UINT32_MAX) == ICC_CTLR)
		*ret = (unsigned int)(a->value >> 8 & 7) + 1;
}

const struct gic_reg *gic_find_row(uint32_t group, uint64_t attr,
				   size_t *ret_index)
{
	const struct gic_shape any = { .nr_irqs = 1024,
				       .affinity = &(uint32_t){ 0 } };
	uint64_t at = group == KA_VGIC_GRP_LEVEL_INFO ? attr & 0x3ff :
							attr & UINT32_MAX;

	for (size_t t = 0; t < ARRAY_SIZE(gic_tables); t++)
		for (size_t r = 0; r < gic_tables[t].n; r++) {
			const struct gic_reg *reg = &gic_tables[t].regs[r];
			size_t n = gic_row_count(&any, reg, 7);
			uint64_t first = gic_row_attr(&any, reg, 0, 0).attr;
			uint64_t step = row_step(reg);

			if (reg->group != group || at < first ||
			    at >= first + n * step || (at - first) % step)
				continue;
			*ret_index = (size_t)((at - first) / step);
			return reg;
		}
	return NULL;
}

static int its_attr_name(uint64_t attr, const struct gic_reg *r, size_t i,
			 char *buf, size_t size)
{
	unsigned int its = (unsigned int)(attr >> 32);

	if (r->per == ITS_BASERS)
		return snprintf(buf, size, "%s%zu of ITS %u", r->name, i, its);
	return snprintf(buf, size, "%s of ITS %u", r->name, its);
}

int gic_attr_name(uint32_t group, uint64_t attr, char *buf, size_t size)
{
	size_t i;
	const struct gic_reg *r = gic_find_row(group, attr, &i);

	if (group == KA_VGIC_GRP_NR_IRQS)
		return snprintf(buf, size, "GIC NR_IRQS");
	if (!r)
		return snprintf(buf, size, "GIC attribute %u/0x%llx", group,
				(unsigned long long)attr);
	if (group & ONEREG_GROUP_ITS)
		return its_attr_name(attr, r, i, buf, size);
	switch (r->per) {
	case SPI_BITS:		/* the first interrupt that the word is about */
		return snprintf(buf, size, "%s (from INTID %zu)", r->name,
				FIRST_SPI + i * 32 / r->bits);
	case PRIVATE_BITS:
		return snprintf(buf, size, "%s (from INTID %zu)", r->name,
				i * 32 / r->bits);
	case PRIORITY_GROUPS:
		return snprintf(buf, size, "%s%zu_EL1", r->name, i);
	case ITS_BASERS:
	case ONE:
		break;
	}
	return snprintf(buf, size, "%s", r->name);
}

/* ---- is it whole? ---- */

static bool has_row(const struct gic_shape *shape, const struct gic_reg *r,
		    size_t unit, unsigned int *priority_bits,
		    const struct attrs *in, size_t *at)
{
	size_t n = gic_row_count(shape, r, *priority_bits);

	for (size_t i = 0; i < n; i++, ++*at) {
		struct attr a = gic_row_attr(shape, r, unit, i);

		if (*at >= in->n || in->v[*at].group != a.group ||
		    in->v[*at].attr != a.attr || in->v[*at].size != a.size)
			return false;
		gic_look_for_priority_bits(&in->v[*at], priority_bits);
	}
	return true;
}

static bool has_table(const struct gic_shape *shape, size_t table, size_t unit,
		      const struct attrs *in, size_t *at)
{
	unsigned int priority_bits = 0;

	for (size_t i = 0; i < gic_tables[table].n; i++)
		if (!has_row(shape, &gic_tables[table].regs[i], unit,
			     &priority_bits, in, at))
			return false;
	return true;
}

static bool has_all(const struct gic_shape *shape, const struct attrs *in)
{
	size_t at = 1;

	if (!in->n || in->v[0].group != KA_VGIC_GRP_NR_IRQS ||
	    in->v[0].value != shape->nr_irqs)
		return false;
	for (size_t t = 0; t < ARRAY_SIZE(gic_tables); t++) {
		size_t n = gic_part_count(shape, (enum gic_part)t);

		for (size_t i = 0; i < n; i++)
			if (!has_table(shape, t, i, in, &at))
				return false;
	}
	return at == in->n;
}

int gic_is_whole(const struct onereg_image *image, const struct attrs *gic,
		 bool *ret)
{
	uint32_t *affinity = calloc(image->n_vcpus, sizeof(*affinity));
	struct gic_shape shape = {
		.nr_irqs = onereg_image_gic_nr_irqs(image),
		.affinity = affinity,
		.n_vcpus = image->n_vcpus,
		.n_its = onereg_image_n_its(image),
	};

	*ret = false;
	if (!affinity)
		return -ENOMEM;
	for (size_t i = 0; i < image->n_vcpus; i++) {
		const struct vcpu_state *v = &image->vcpus[i];
		const struct regset *set = &image->sets[v->set];
		ptrdiff_t at = regset_find(set, MPIDR);

		if (at >= 0)
			affinity[i] = gic_affinity(
				regset_u64(set, v->row, (size_t)at));
	}
	*ret = shape.nr_irqs >= FIRST_SPI && has_all(&shape, gic);
	free(affinity);
	return 0;
}
