// SPDX-License-Identifier: MIT
/* The GIC CPU interface's system registers (ICC_*_EL1). */
#include "private.h"

#define ICC(op1, crn, crm, op2) KA_SYS_LOW(3, op1, crn, crm, op2)
#define ICC_PMR		ICC(0, 4, 6, 0)
#define ICC_BPR0	ICC(0, 12, 8, 3)
#define ICC_AP0R0	ICC(0, 12, 8, 4)
#define ICC_AP0R3	ICC(0, 12, 8, 7)
#define ICC_AP1R0	ICC(0, 12, 9, 0)
#define ICC_AP1R3	ICC(0, 12, 9, 3)
#define ICC_BPR1	ICC(0, 12, 12, 3)
#define ICC_CTLR	ICC(0, 12, 12, 4)
#define ICC_SRE		ICC(0, 12, 12, 5)
#define ICC_IGRPEN0	ICC(0, 12, 12, 6)
#define ICC_IGRPEN1	ICC(0, 12, 12, 7)
#define SRE_VALUE	7

void gicicc_reset(struct vcpu *v)
{
	const struct model_style *style = &v->vm->m->style;

	v->gic.pri_bits = style->gic_pri_bits;
	v->gic.id_bits = style->gic_id_bits;
}

static uint64_t get_ctlr(const struct vcpu *v)
{
	const struct model_style *style = &v->vm->m->style;

	return v->gic.cbpr | v->gic.eoim << 1 |
	       (uint64_t)(v->gic.pri_bits - 1) << 8 |
	       (uint64_t)v->gic.id_bits << 11 |
	       (uint64_t)style->gic_seis << 14 |
	       (uint64_t)style->gic_a3v << 15;
}

static int set_ctlr(struct vcpu *v, uint64_t value)
{
	const struct model_style *style = &v->vm->m->style;
	unsigned int pri_bits = (value >> 8 & 7) + 1;
	unsigned int id_bits = value >> 11 & 7;

	if (pri_bits > v->gic.pri_bits || id_bits > v->gic.id_bits)
		return -EINVAL;
	v->gic.pri_bits = pri_bits;
	v->gic.id_bits = id_bits;
	if ((value >> 14 & 1) != style->gic_seis ||
	    (value >> 15 & 1) != style->gic_a3v)
		return -EINVAL;
	v->gic.cbpr = value & 1;
	v->gic.eoim = value >> 1 & 1;
	return 0;
}

static unsigned int max_apr(const struct vcpu *v)
{
	return v->gic.pri_bits == 7 ? 3 : v->gic.pri_bits == 6 ? 1 : 0;
}

static int access_apr(struct vcpu *v, uint32_t *apr, unsigned int i,
		      bool write, uint64_t *value)
{
	if (i > max_apr(v))
		return -EINVAL;
	if (write)
		apr[i] = *value;
	else
		*value = apr[i];
	return 0;
}

/* With common binary points BPR1 is a read-only view of BPR0. */
static void access_bpr1(struct gic_cpu *gic, bool write, uint64_t *value)
{
	if (write && !gic->cbpr)
		gic->abpr = *value & 7;
	else if (!write && gic->cbpr)
		*value = gic->bpr < 7 ? gic->bpr + 1 : 7;
	else if (!write)
		*value = gic->abpr;
}

static int write_icc(struct vcpu *v, uint32_t sys, uint64_t value)
{
	struct gic_cpu *gic = &v->gic;

	switch (sys) {
	case ICC_PMR:
		gic->pmr = value;
		return 0;
	case ICC_BPR0:
		gic->bpr = value & 7;
		return 0;
	case ICC_CTLR:
		return set_ctlr(v, value);
	case ICC_SRE:
		return value & 1 ? 0 : -EINVAL;
	case ICC_IGRPEN0:
		gic->grpen0 = value & 1;
		return 0;
	case ICC_IGRPEN1:
		gic->grpen1 = value & 1;
		return 0;
	}
	return -ENOENT;
}

static int read_icc(const struct vcpu *v, uint32_t sys, uint64_t *value)
{
	const struct gic_cpu *gic = &v->gic;

	switch (sys) {
	case ICC_PMR:
		*value = gic->pmr;
		return 0;
	case ICC_BPR0:
		*value = gic->bpr;
		return 0;
	case ICC_CTLR:
		*value = get_ctlr(v);
		return 0;
	case ICC_SRE:
		*value = SRE_VALUE;
		return 0;
	case ICC_IGRPEN0:
		*value = gic->grpen0;
		return 0;
	case ICC_IGRPEN1:
		*value = gic->grpen1;
		return 0;
	}
	return -ENOENT;
}

int gicicc_access(struct vcpu *v, uint32_t sys, bool write, uint64_t *value)
{
	if (sys >= ICC_AP0R0 && sys <= ICC_AP0R3)
		return access_apr(v, v->gic.ap0r, sys & 3, write, value);
	if (sys >= ICC_AP1R0 && sys <= ICC_AP1R3)
		return access_apr(v, v->gic.ap1r, sys & 3, write, value);
	if (sys == ICC_BPR1) {
		access_bpr1(&v->gic, write, value);
		return 0;
	}
	return write ? write_icc(v, sys, *value) : read_icc(v, sys, value);
}

bool gicicc_known(uint32_t sys)
{
	if ((sys >= ICC_AP0R0 && sys <= ICC_AP0R3) ||
	    (sys >= ICC_AP1R0 && sys <= ICC_AP1R3))
		return true;
	switch (sys) {
	case ICC_PMR:
	case ICC_BPR0:
	case ICC_BPR1:
	case ICC_CTLR:
	case ICC_SRE:
	case ICC_IGRPEN0:
	case ICC_IGRPEN1:
		return true;
	}
	return false;
}
