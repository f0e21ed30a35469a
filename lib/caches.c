/* SPDX-License-Identifier: MIT */
/*
 * Which descriptions of caches, CLIDR_EL1 and CCSIDR_EL1, a host's kernel
 * takes: what check says of an image and what a baseline may choose.
 */
#include "check.h"
#include "fleet.h"

#define CTR		KA_SYS(3, 3, 0, 0, 1)
#define CLIDR		KA_SYS(3, 1, 0, 0, 1)
#define CLIDR_RES0	0xffff800000000000ULL
#define CSSELR_MAX	14	/* KVM's: seven levels, data and instruction */

bool caches_has(uint64_t id)
{
	return id == CLIDR || ((id & KA_REG_CLASS_MASK) == KA_REG_DEMUX &&
			       onereg_reg_size(id) == 4);
}

/*
 * Any that is not its own? The kernel says so by a mask, was seen to take
 * one, or lists every cache there could be: a kernel that refuses lists those
 * of the CPU.
 */
static bool takes_others(const struct host_profile *p)
{
	ptrdiff_t clidr = regset_find(&p->set, CLIDR);
	uint64_t last = KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX |
			(CSSELR_MAX - 1);

	if (clidr >= 0 && p->has_mask[clidr] && p->writable[clidr])
		return true;
	if (clidr >= 0 && p->scope[clidr] == ONEREG_SCOPE_VCPU)
		return true;
	return regset_find(&p->set, last) >= 0;
}

/* Without CTR_EL0.IDC the levels of unification must not be hidden. */
static const char *levels_refused(const struct host_profile *p, uint64_t v)
{
	bool idc = fleet_value(p, CTR) >> 28 & 1;
	bool louis = v >> 21 & 7, loc = v >> 24 & 7, louu = v >> 27 & 7;

	if (v & CLIDR_RES0)
		return "has bits that no CPU has";
	if (!idc && !(loc && (louis || louu)))
		return "tells the guest that data needs no cleaning for "
		       "instructions, which is not so on the host";
	return NULL;
}

/* A line no shorter than the shortest that maintenance works on. */
static const char *lines_refused(const struct host_profile *p, uint64_t id,
				 uint64_t v)
{
	uint64_t ctr = fleet_value(p, CTR);
	bool icache = id & 1;
	uint64_t shortest = icache ? ctr & 15 : ctr >> 16 & 15;

	return (v & 7) + 4 >= shortest + 2 ?
		       NULL : "a cache line shorter than the host's shortest";
}

const char *caches_refused(const struct host_profile *p, uint64_t id,
			   uint64_t value)
{
	ptrdiff_t at = regset_find(&p->set, id);

	if (at >= 0 && p->has_reset[at] && fleet_value(p, id) == value)
		return NULL;
	if (!takes_others(p))
		return "the host's kernel takes no description of caches but "
		       "its CPU's own";
	return id == CLIDR ? levels_refused(p, value) :
			     lines_refused(p, id, value);
}
