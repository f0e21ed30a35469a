/* SPDX-License-Identifier: MIT */
/*
 * The registers of a GICv3 and its ITSes (gic_regs.c), and the tables that an
 * ITS keeps in guest memory (its.c), for gic.c.
 *
 * In an attribute of an ITS the upper 32 bits are the ITS's number, as in one
 * of a redistributor they are its affinity: docs/format.md, ITSV.
 */
#ifndef ONEREG_LIB_GIC_H
#define ONEREG_LIB_GIC_H

#include "internal.h"

#define ITS_ADDR	(ONEREG_GROUP_ITS + KA_VGIC_GRP_ADDR)
#define ITS_CTRL	(ONEREG_GROUP_ITS + KA_VGIC_GRP_CTRL)
#define ITS_REGS	(ONEREG_GROUP_ITS + KA_VGIC_GRP_ITS_REGS)

enum per {			/* how many there are */
	ONE,			/* one register */
	SPI_BITS,		/* .bits for each SPI, in words of 32 bits */
	PRIVATE_BITS,		/* .bits for each private interrupt */
	PRIORITY_GROUPS,	/* one for each 32 priorities */
	ITS_BASERS,		/* eight of 8 bytes */
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
	bool needs_memory;	/* not tried in a dry run, which has none */
};

/* What the rows stand for depends on this. */
struct gic_shape {
	uint32_t nr_irqs;
	const uint32_t *affinity;	/* of each vCPU, as attributes have it */
	size_t n_vcpus, n_its;
};

/* GIC_ITS: all attributes of ITSes stand behind the others. */
enum gic_part { GIC_DIST, GIC_REDIST, GIC_ICC, GIC_ITS, GIC_N_PARTS };

struct gic_table {
	const struct gic_reg *regs;	/* in the order of writing */
	size_t n;
};
extern const struct gic_table gic_tables[GIC_N_PARTS];

uint32_t gic_affinity(uint64_t mpidr);
/* How often the part's table counts: once, for each vCPU or each ITS. */
size_t gic_part_count(const struct gic_shape *shape, enum gic_part part);
/*
 * Of how many attributes a row consists. ICC_CTLR_EL1.PRIbits + 1 decides on
 * the number of active priorities registers.
 */
size_t gic_row_count(const struct gic_shape *shape, const struct gic_reg *r,
		     unsigned int priority_bits);
/* The i-th of them, of the unit-th vCPU or ITS; its value is 0. */
struct attr gic_row_attr(const struct gic_shape *shape, const struct gic_reg *r,
			 size_t unit, size_t i);
/* If this is ICC_CTLR_EL1, what it says of priority bits. */
void gic_look_for_priority_bits(const struct attr *a, unsigned int *ret);
/*
 * The row that an attribute belongs to, and which one of the row's it is;
 * NULL: an image of a later version, or a made-up one.
 */
const struct gic_reg *gic_find_row(uint32_t group, uint64_t attr,
				   size_t *ret_index);
/* The tables of an ITS, and not a register. */
bool attr_is_tables(const struct attr *a);

/* ---- its.c: tables of an ITS in guest memory ---- */

/*
 * Has KVM write the tables of that ITS, and what is pending of LPIs, to guest
 * memory, and makes their digest; 0: not to be told, with a finding. What fails
 * is told, too. affinity: of each vCPU.
 */
int its_save_tables(struct onereg_vm *vm, const uint32_t *affinity, size_t its,
		    uint64_t *ret_digest, struct onereg_report *report);
/* Tells that an image does not say what the tables were. */
void its_no_digest(size_t its, struct onereg_report *report);
/*
 * Restores them from guest memory. saved: their digest, or 0. -ESTALE: memory
 * holds others.
 */
int its_restore_tables(struct onereg_vm *vm, const uint32_t *affinity,
		       size_t its, uint64_t saved,
		       struct onereg_report *report);

#endif
