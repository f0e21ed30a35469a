/* SPDX-License-Identifier: MIT */
/*
 * The GICv3 of a VM: distributor, redistributors by affinity, CPU interfaces,
 * line levels. ITS and LPI tables are not here.
 *
 * One table lists the registers in the order in which they are written: the
 * image's list of attributes is in that order too, so that restore and proof
 * walk the image and need no knowledge of which registers there are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

#define FIRST_SPI	32
#define SGI_FRAME	0x10000ULL
#define GICD_TYPER	0x4ULL
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define GICD_TYPER_LPIS	(1ULL << 17)

enum per {			/* how many there are */
	ONE,			/* one register */
	SPI_BITS,		/* .bits for each SPI, in words of 32 bits */
	PRIVATE_BITS,		/* .bits for each private interrupt */
	PRIORITY_GROUPS,	/* one for each 32 priorities */
};

struct gic_reg {
	const char *name;
	uint32_t group;
	enum per per;
	unsigned int bits;	/* of each interrupt */
	uint64_t at;		/* offset, ICC encoding or first INTID */
	uint64_t clear;		/* offset of the twin that clears, or 0 */
	bool check;		/* never written, only compared */
	bool keep_zero;		/* 0 is the reset value and is not written */
};

#define DIST(n, off)	.name = (n), .group = KA_VGIC_GRP_DIST_REGS, .at = (off)
#define REDIST(n, off) \
	.name = (n), .group = KA_VGIC_GRP_REDIST_REGS, .at = (off)
#define SGI(n, off)	REDIST(n, SGI_FRAME + (off))
#define ICC(n, op0, op1, crn, crm, op2)                     \
	.name = (n), .group = KA_VGIC_GRP_CPU_SYSREGS,      \
	.at = KA_SYS_LOW(op0, op1, crn, crm, op2)
#define LEVEL(n, intid) \
	.name = (n), .group = KA_VGIC_GRP_LEVEL_INFO, .at = (intid)
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
	{ DIST("GICD_TYPER", GICD_TYPER), .check = true },
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
	{ BASER("GICR_PENDBASER", 0x78) },
	{ BASER("GICR_PENDBASER (high)", 0x7c) },
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
#define ICC_CTLR	KA_SYS_LOW(3, 0, 12, 12, 4)

static const struct {
	const struct gic_reg *regs;
	size_t n;
	bool per_vcpu;
} tables[] = {
	{ dist_regs, ARRAY_SIZE(dist_regs), false },
	{ redist_regs, ARRAY_SIZE(redist_regs), true },
	{ icc_regs, ARRAY_SIZE(icc_regs), true },
};

/* ---- one GIC under way ---- */

struct gic {
	struct onereg_vm *vm;
	struct onereg_report *report;
	uint32_t nr_irqs;
	uint32_t *affinity;	/* of each vCPU, as attributes address it */
	bool dry;		/* a refusal is a finding */
};

static uint32_t affinity_of(uint64_t mpidr)
{
	return (uint32_t)((mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff));
}

static int vcpu_of(const struct gic *gic, const struct attr *a)
{
	uint32_t affinity = (uint32_t)(a->attr >> 32);

	/* An SPI's line level is addressed through vCPU 0 as well. */
	if (a->group != KA_VGIC_GRP_REDIST_REGS &&
	    a->group != KA_VGIC_GRP_CPU_SYSREGS &&
	    (a->group != KA_VGIC_GRP_LEVEL_INFO ||
	     (a->attr & 0x3ff) >= FIRST_SPI))
		return -1;
	for (size_t i = 0; gic->affinity && i < gic->vm->n_vcpus; i++)
		if (gic->affinity[i] == affinity)
			return (int)i;
	return -1;
}

/* 0 where a dry run goes on, else the error. */
static int failed(const struct gic *gic, int error, const char *operation,
		  const struct attr *a, const char *why, const char *todo)
{
	bool verdict = gic->dry && is_refusal(error);
	char name[64];

	gic_attr_name(a->group, a->attr, name, sizeof(name));
	report_add(gic->report,
		   &(struct onereg_finding){
			   .severity = verdict ? ONEREG_IMPOSSIBLE :
						 ONEREG_ERROR,
			   .class_ = verdict ? ONEREG_CLASS_VALUE :
					       ONEREG_CLASS_NONE,
			   .space = ONEREG_SPACE_GIC,
			   .vcpu = vcpu_of(gic, a),
			   .group = a->group,
			   .id = a->attr,
			   .name = name,
			   .a = &a->value,
			   .value_size = a->size,
			   .error = -error,
			   .operation = operation,
			   .why = error == -EBUSY ? "a vCPU is in an ioctl" :
				  is_refusal(error) || !operation ?
					  why :
					  "the call failed",
			   .todo = error == -EBUSY ?
					   "take every vCPU out of KVM_RUN" :
					   todo,
		   });
	return verdict ? 0 : error;
}

static int get(const struct gic *gic, struct attr *a)
{
	int ret = io_get_attr(&gic->vm->io, gic->vm->gic_fd, a);

	return ret ? failed(gic, ret, "KVM_GET_DEVICE_ATTR", a,
			    "cannot read the GIC",
			    "the GIC must have had CTRL_INIT") :
		     0;
}

static void gic_close(struct gic *gic)
{
	free(gic->affinity);
}

/* As the image has it; KVM is asked only where that lists none. */
static int read_mpidr(const struct gic *gic, const struct onereg_image *image,
		      size_t vcpu, uint64_t *ret_mpidr)
{
	const struct vcpu_state *v = &image->vcpus[vcpu];
	const struct regset *set = &image->sets[v->set];
	ptrdiff_t at = regset_find(set, MPIDR);
	int ret;

	if (at >= 0) {
		*ret_mpidr = regset_u64(set, v->row, (size_t)at);
		return 0;
	}
	ret = io_get_reg(&gic->vm->io, gic->vm->vcpu_fds[vcpu], MPIDR,
			 ret_mpidr);
	if (ret)
		report_add(gic->report,
			   &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = (int)vcpu,
				   .id = MPIDR,
				   .error = -ret,
				   .operation = "KVM_GET_ONE_REG",
				   .why = "finds the redistributor",
			   });
	return ret;
}

static int gic_open(struct gic *gic, struct onereg_vm *vm,
		    const struct onereg_image *image,
		    struct onereg_report *report)
{
	struct attr nr = { .group = KA_VGIC_GRP_NR_IRQS, .size = 4 };
	int ret = 0;

	*gic = (struct gic){ .vm = vm, .report = report };
	gic->affinity = calloc(vm->n_vcpus, sizeof(*gic->affinity));
	if (!gic->affinity) {
		report_error(report, -ENOMEM, NULL, "GICv3", "no memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < vm->n_vcpus && !ret; i++) {
		uint64_t mpidr = 0;

		ret = read_mpidr(gic, image, i, &mpidr);
		gic->affinity[i] = affinity_of(mpidr);
	}
	if (!ret)
		ret = get(gic, &nr);
	gic->nr_irqs = (uint32_t)nr.value;
	if (ret)
		gic_close(gic);
	return ret;
}

/* ---- save ---- */

/* How many words of 32 bits (registers, for ICC) the row stands for. */
static size_t row_count(const struct gic *gic, const struct gic_reg *r,
			unsigned int priority_bits)
{
	switch (r->per) {
	case ONE:
		return 1;
	case SPI_BITS:
		return (size_t)(gic->nr_irqs - FIRST_SPI) * r->bits / 32;
	case PRIVATE_BITS:
		return r->bits;
	case PRIORITY_GROUPS:
		return priority_bits > 5 ? 1u << (priority_bits - 5) : 1;
	}
	return 0;
}

static struct attr row_attr(const struct gic *gic, const struct gic_reg *r,
			    size_t vcpu, size_t i)
{
	struct attr a = { .group = r->group, .size = 4, .attr = r->at };

	if (r->group == KA_VGIC_GRP_CPU_SYSREGS) {
		a.size = 8;
		a.attr += i;	/* op2 counts AP0R<n>, AP1R<n> */
	} else if (r->group == KA_VGIC_GRP_LEVEL_INFO) {
		a.attr += i * 32 + (r->per == SPI_BITS ? FIRST_SPI : 0);
	} else {
		if (r->per == SPI_BITS)
			a.attr += (uint64_t)FIRST_SPI * r->bits / 8;
		a.attr += i * 4;
	}
	if (r->group != KA_VGIC_GRP_DIST_REGS)
		a.attr |= (uint64_t)gic->affinity[vcpu] << 32;
	return a;
}

static int save_row(const struct gic *gic, const struct gic_reg *r, size_t vcpu,
		    unsigned int *priority_bits, struct attrs *to)
{
	size_t n = row_count(gic, r, *priority_bits);
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		struct attr a = row_attr(gic, r, vcpu, i);

		ret = get(gic, &a);
		if (!ret)
			ret = attrs_add(to, &a);
		if (ret == -ENOMEM)
			report_error(gic->report, ret, NULL, r->name,
				     "no memory");
		if (r->at == ICC_CTLR && r->group == KA_VGIC_GRP_CPU_SYSREGS)
			*priority_bits = (unsigned int)(a.value >> 8 & 7) + 1;
	}
	return ret;
}

static int save_table(const struct gic *gic, size_t table, size_t vcpu,
		      struct attrs *to)
{
	unsigned int priority_bits = 0;
	int ret = 0;

	for (size_t i = 0; i < tables[table].n && !ret; i++)
		ret = save_row(gic, &tables[table].regs[i], vcpu,
			       &priority_bits, to);
	return ret;
}

/* Does no vCPU run? KVM answers at once here; elsewhere it would wait. */
int gic_idle(struct onereg_vm *vm, struct onereg_report *report)
{
	struct gic gic = { .vm = vm, .report = report };
	struct attr typer = { KA_VGIC_GRP_DIST_REGS, 4, GICD_TYPER, 0 };

	return get(&gic, &typer);
}

/* An ITS has state of its own, in tables and registers not read here. */
static int refuse_lpis(const struct gic *gic)
{
	struct attr typer = { KA_VGIC_GRP_DIST_REGS, 4, GICD_TYPER, 0 };
	int ret = get(gic, &typer);

	if (ret || !(typer.value & GICD_TYPER_LPIS))
		return ret;
	return failed(gic, -EOPNOTSUPP, NULL, &typer,
		      "the VM has an ITS: its tables and LPIs are not carried",
		      "take the ITS away, or do not move the VM");
}

/* What the destination's GIC is made by; can be asked while the guest runs. */
int gic_save_size(struct onereg_vm *vm, struct attrs *to,
		  struct onereg_report *report)
{
	struct gic gic = { .vm = vm, .report = report };
	struct attr nr = { .group = KA_VGIC_GRP_NR_IRQS, .size = 4 };
	int ret = get(&gic, &nr);

	if (ret)
		return ret;
	ret = attrs_add(to, &nr);
	if (ret)
		report_error(report, ret, NULL, "GICv3", "no memory");
	return ret;
}

int gic_save(struct onereg_vm *vm, const struct onereg_image *image,
	     struct attrs *to, struct onereg_report *report)
{
	struct gic gic;
	int ret = gic_open(&gic, vm, image, report);

	if (ret)
		return ret;
	ret = refuse_lpis(&gic);
	if (!ret)
		ret = gic_save_size(vm, to, report);
	for (size_t t = 0; t < ARRAY_SIZE(tables) && !ret; t++) {
		size_t n = tables[t].per_vcpu ? vm->n_vcpus : 1;

		for (size_t i = 0; i < n && !ret; i++)
			ret = save_table(&gic, t, i, to);
	}
	gic_close(&gic);
	return ret;
}

/* ---- is it whole? ---- */

/* As save_row(), held against what is there. */
static bool has_row(const struct gic *gic, const struct gic_reg *r, size_t vcpu,
		    unsigned int *priority_bits, const struct attrs *in,
		    size_t *at)
{
	size_t n = row_count(gic, r, *priority_bits);

	for (size_t i = 0; i < n; i++, ++*at) {
		struct attr a = row_attr(gic, r, vcpu, i);

		if (*at >= in->n || in->v[*at].group != a.group ||
		    in->v[*at].attr != a.attr || in->v[*at].size != a.size)
			return false;
		if (r->at == ICC_CTLR && r->group == KA_VGIC_GRP_CPU_SYSREGS)
			*priority_bits = (unsigned int)(in->v[*at].value >> 8 &
							7) + 1;
	}
	return true;
}

static bool has_table(const struct gic *gic, size_t table, size_t vcpu,
		      const struct attrs *in, size_t *at)
{
	unsigned int priority_bits = 0;

	for (size_t i = 0; i < tables[table].n; i++)
		if (!has_row(gic, &tables[table].regs[i], vcpu, &priority_bits,
			     in, at))
			return false;
	return true;
}

static bool has_all(const struct gic *gic, size_t n_vcpus,
		    const struct attrs *in)
{
	size_t at = 1;

	if (!in->n || in->v[0].group != KA_VGIC_GRP_NR_IRQS ||
	    in->v[0].value != gic->nr_irqs)
		return false;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		size_t n = tables[t].per_vcpu ? n_vcpus : 1;

		for (size_t i = 0; i < n; i++)
			if (!has_table(gic, t, i, in, &at))
				return false;
	}
	return at == in->n;
}

int gic_is_whole(const struct onereg_image *image, const struct attrs *gic,
		 bool *ret)
{
	struct gic like = { .nr_irqs = onereg_image_gic_nr_irqs(image) };

	*ret = false;
	like.affinity = calloc(image->n_vcpus, sizeof(*like.affinity));
	if (!like.affinity)
		return -ENOMEM;
	for (size_t i = 0; i < image->n_vcpus; i++) {
		const struct vcpu_state *v = &image->vcpus[i];
		const struct regset *set = &image->sets[v->set];
		ptrdiff_t at = regset_find(set, MPIDR);

		if (at >= 0)
			like.affinity[i] = affinity_of(
				regset_u64(set, v->row, (size_t)at));
	}
	*ret = like.nr_irqs >= FIRST_SPI &&
	       has_all(&like, image->n_vcpus, gic);
	gic_close(&like);
	return 0;
}

/* ---- restore and proof ---- */

/*
 * The row that an attribute belongs to, and which one of the row's it is;
 * NULL: an image of a later version, or a made-up one.
 */
static const struct gic_reg *find_row(uint32_t group, uint64_t attr,
				      size_t *ret_index)
{
	struct gic any = { .nr_irqs = 1024, .affinity = &(uint32_t){ 0 } };
	uint64_t at = group == KA_VGIC_GRP_LEVEL_INFO ? attr & 0x3ff :
							attr & UINT32_MAX;

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (size_t r = 0; r < tables[t].n; r++) {
			const struct gic_reg *reg = &tables[t].regs[r];
			size_t n = row_count(&any, reg, 7);
			uint64_t first = row_attr(&any, reg, 0, 0).attr;
			uint64_t step = group == KA_VGIC_GRP_CPU_SYSREGS ? 1 :
					group == KA_VGIC_GRP_LEVEL_INFO	 ? 32 :
									   4;

			if (reg->group != group || at < first ||
			    at >= first + n * step || (at - first) % step)
				continue;
			*ret_index = (size_t)((at - first) / step);
			return reg;
		}
	return NULL;
}

static int put_attr(const struct gic *gic, const struct attr *a)
{
	struct onereg_counts *counts = report_counts(gic->report);
	int ret = io_set_attr(&gic->vm->io, gic->vm->gic_fd, a);

	if (!ret && counts && !gic->dry)
		counts->attributes_written++;
	return ret ? failed(gic, ret, "KVM_SET_DEVICE_ATTR", a,
			    "the GIC refuses the value", NULL) :
		     0;
}

static int restore_one(const struct gic *gic, const struct attr *a)
{
	size_t i;
	const struct gic_reg *r = find_row(a->group, a->attr, &i);

	if (a->group == KA_VGIC_GRP_NR_IRQS)
		return a->value == gic->nr_irqs ?
			       0 :
			       failed(gic, -EINVAL, NULL, a,
				      "this GIC has another number of interrupts",
				      "set it before CTRL_INIT");
	if (!r)
		return failed(gic, -ENOTSUP, NULL, a,
			      "not a GICv3 register that this version knows",
			      "restore with the version that saved it");
	if (r->check || (r->keep_zero && !a->value))
		return 0;
	if (r->clear) {
		struct attr clear = *a;
		int ret;

		clear.attr = a->attr - r->at + r->clear;
		clear.value = UINT32_MAX;
		ret = io_set_attr(&gic->vm->io, gic->vm->gic_fd, &clear);
		if (ret)
			return failed(gic, ret, "KVM_SET_DEVICE_ATTR", &clear,
				      "the GIC refuses the value", NULL);
	}
	return put_attr(gic, a);
}

int gic_restore(struct onereg_vm *vm, const struct onereg_image *image,
		bool dry, struct onereg_report *report)
{
	struct gic gic;
	int ret = gic_open(&gic, vm, image, report);

	if (ret)
		return ret;
	gic.dry = dry;
	for (size_t i = 0; i < image->gic.n && !ret; i++)
		ret = restore_one(&gic, &image->gic.v[i]);
	gic_close(&gic);
	return ret;
}

static void differs(const struct gic *gic, const struct attr *saved,
		    const struct attr *now)
{
	char name[64];

	gic_attr_name(now->group, now->attr, name, sizeof(name));
	report_add(gic->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_IMPOSSIBLE,
			   .class_ = ONEREG_CLASS_UNEXPLAINED,
			   .space = ONEREG_SPACE_GIC,
			   .vcpu = vcpu_of(gic, now),
			   .group = now->group,
			   .id = now->attr,
			   .name = name,
			   .a = &saved->value,
			   .b = &now->value,
			   .value_size = now->size,
			   .why = "the GIC reads back another value",
		   });
}

int gic_prove(struct onereg_vm *vm, const struct onereg_image *image,
	      size_t *unproved, struct onereg_report *report)
{
	struct onereg_counts *counts = report_counts(report);
	struct gic gic;
	int ret = gic_open(&gic, vm, image, report);

	if (ret)
		return ret;
	for (size_t i = 0; i < image->gic.n && !ret; i++) {
		struct attr now = image->gic.v[i];

		ret = get(&gic, &now);
		if (ret)
			break;
		if (counts)
			counts->attributes_compared++;
		if (now.value == image->gic.v[i].value)
			continue;
		differs(&gic, &image->gic.v[i], &now);
		(*unproved)++;
	}
	gic_close(&gic);
	return ret;
}

int gic_attr_name(uint32_t group, uint64_t attr, char *buf, size_t size)
{
	size_t i;
	const struct gic_reg *r = find_row(group, attr, &i);

	if (group == KA_VGIC_GRP_NR_IRQS)
		return snprintf(buf, size, "GIC NR_IRQS");
	if (!r)
		return snprintf(buf, size, "GIC attribute %u/0x%llx", group,
				(unsigned long long)attr);
	switch (r->per) {
	case SPI_BITS:		/* the first interrupt that the word is about */
		return snprintf(buf, size, "%s (from INTID %zu)", r->name,
				FIRST_SPI + i * 32 / r->bits);
	case PRIVATE_BITS:
		return snprintf(buf, size, "%s (from INTID %zu)", r->name,
				i * 32 / r->bits);
	case PRIORITY_GROUPS:
		return snprintf(buf, size, "%s%zu_EL1", r->name, i);
	case ONE:
		break;
	}
	return snprintf(buf, size, "%s", r->name);
}
