/* SPDX-License-Identifier: MIT */
/*
 * Registers that need not be read again when a guest is stopped: those that
 * the VM has once, which KVM fixes at the first run; and those of a vCPU that
 * its guest cannot write, as long as they hold what a reset would give them.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "fixed.h"

#define DFR0		KA_SYS(3, 0, 0, 5, 0)	/* ID_AA64DFR0_EL1 */
#define PMCR		KA_SYS(3, 3, 9, 12, 0)	/* PMCR_EL0 */

#define ONE(id)		(id), UINT64_MAX
/* CRm, or the low five bits, count. */
#define DEBUG_REGS(op2) \
	KA_SYS(2, 0, 0, 0, op2), (UINT64_MAX & ~KA_SYS_LOW(0, 0, 0, 15, 0))
#define PMU_REGS(crm)	KA_SYS(3, 3, 14, crm, 0), (UINT64_MAX & ~0x1fULL)

/*
 * A guest cannot write a register of the row; with a limit, only those whose
 * number is not below the limit's field, plus. What is not implemented is
 * UNDEFINED to it (for the PMU by KVM: pmu_counter_idx_valid).
 */
static const struct unwritable {
	uint64_t id, mask;
	unsigned int number_lsb;	/* of the register's number, in the id */
	uint64_t limit;			/* register; 0: none of the row */
	unsigned int lsb, width, plus;
	const char *why;
} unwritable[] = {
	{ DEBUG_REGS(4), 3, DFR0, 12, 4, 1, "DBGBVR<n>_EL1 above BRPs" },
	{ DEBUG_REGS(5), 3, DFR0, 12, 4, 1, "DBGBCR<n>_EL1 above BRPs" },
	{ DEBUG_REGS(6), 3, DFR0, 20, 4, 1, "DBGWVR<n>_EL1 above WRPs" },
	{ DEBUG_REGS(7), 3, DFR0, 20, 4, 1, "DBGWCR<n>_EL1 above WRPs" },
	/* Number 31, PMCCFILTR_EL0, is always there: below. */
	{ PMU_REGS(8), 0, PMCR, 11, 5, 0, "PMEVCNTR<n>_EL0 above N" },
	{ PMU_REGS(12), 0, PMCR, 11, 5, 0, "PMEVTYPER<n>_EL0 above N" },
	{ ONE(KA_SYS(3, 0, 0, 0, 5)), .why = "MPIDR_EL1 is read-only" },
	{ ONE(KA_SYS(3, 1, 0, 0, 1)), .why = "CLIDR_EL1 is read-only" },
	{ KA_REG_ARM64 | KA_REG_DEMUX, KA_REG_ARCH_MASK | KA_REG_CLASS_MASK,
	  .why = "CCSIDR_EL1 is read-only" },
	{ ONE(KA_SVE_VLS), .why = "vector lengths are fixed by finalize" },
	/* Of AArch32 at EL1; such guests are not carried. */
	{ ONE(KA_SYS(2, 4, 0, 7, 0)), .why = "DBGVCR32_EL2" },
	{ ONE(KA_SYS(3, 4, 3, 0, 0)), .why = "DACR32_EL2" },
	{ ONE(KA_SYS(3, 4, 5, 0, 1)), .why = "IFSR32_EL2" },
	{ ONE(KA_SYS(3, 4, 5, 3, 0)), .why = "FPEXC32_EL2" },
};
#define PMCCFILTR	KA_SYS(3, 3, 14, 15, 7)

/* ---- a new vCPU's values ---- */

static int read_values(struct starting *s, const struct scratch *scratch)
{
	struct access p;
	struct batch b = { 0 };
	size_t done;
	int ret = access_open(&p, &scratch->io, scratch->vm_fd,
			      scratch->vcpu_fds, NULL);

	if (!ret)
		ret = access_list(&p, NULL);
	if (!ret)
		ret = access_vcpu_list(&p, 0, &s->set);
	if (!ret)
		s->row = calloc(1, s->set.row_size + 1);
	if (!ret && (!s->row || batch_init(&b, s->set.n)))
		ret = -ENOMEM;
	for (size_t i = 0; !ret && i < s->set.n; i++)
		batch_add(&b, s->set.ids[i], s->row + s->set.offsets[i], i);
	if (!ret)
		ret = access_get(&p, 0, b.regs, b.n, &done);
	batch_free(&b);
	access_close(&p);
	return ret;
}

/* A vCPU as the VM's, with the same id: some values follow from it. */
int starting_read(struct starting *s, const struct onereg_vm *vm,
		  const struct onereg_image *image)
{
	struct scratch scratch;
	int ret = scratch_open(&scratch,
			       &(struct scratch_options){
				       .io = &vm->io,
				       .kvm_fd = &vm->kvm_fd,
				       .like = image,
				       .caps = image->caps,
				       .n_caps = image->n_caps,
				       .vcpu_ids = vm->vcpu_ids,
				       .n_vcpus = 1,
			       }, NULL);

	*s = (struct starting){ 0 };
	if (!ret) {
		ret = scratch_init_vcpus(&scratch, image->features[0], NULL);
		if (!ret)
			ret = read_values(s, &scratch);
		scratch_close(&scratch);
	}
	if (ret)
		starting_free(s);
	/* Without it, all is read: slower, and as right. */
	return ret == -ENOMEM ? ret : 0;
}

void starting_free(struct starting *s)
{
	regset_free(&s->set);
	free(s->row);
	*s = (struct starting){ 0 };
}

/* ---- what is fixed ---- */

/* -1: the list does not have the register. */
static int limit_in(const struct regset *set, const uint8_t *row,
		    const struct unwritable *u)
{
	ptrdiff_t at = regset_find(set, u->limit);

	if (at < 0)
		return -1;
	return (int)(regset_u64(set, row, (size_t)at) >> u->lsb &
		     ((1u << u->width) - 1)) +
	       (int)u->plus;
}

/*
 * Of the host, as a new vCPU has it, for what the guest is shown may be less;
 * but this VM may have a PMU with more counters.
 */
static unsigned int limit_of(const struct starting *s,
			     const struct unwritable *u,
			     const struct regset *set, const uint8_t *row)
{
	int host = limit_in(&s->set, s->row, u), own = limit_in(set, row, u);

	return host < 0 ? UINT_MAX : (unsigned int)(own > host ? own : host);
}

static bool guest_writes(const struct starting *s, const struct regset *set,
			 const uint8_t *row, uint64_t id)
{
	if (id == PMCCFILTR)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(unwritable); i++) {
		const struct unwritable *u = &unwritable[i];

		if ((id & u->mask) != u->id)
			continue;
		return u->limit && (id & ~u->mask) >> u->number_lsb <
					   limit_of(s, u, set, row);
	}
	return true;
}

bool is_fixed(const struct starting *s, const struct regset *set,
	      const uint8_t *row, size_t i)
{
	uint64_t id = set->ids[i];
	const struct family *f = catalogue_find(id);
	ptrdiff_t at;

	if (f->phase == PHASE_VM || f->phase == PHASE_HOST ||
	    f->phase == PHASE_VLS)
		return true;
	if (guest_writes(s, set, row, id))
		return false;
	at = regset_find(&s->set, id);
	return at >= 0 && !memcmp(s->row + s->set.offsets[at],
				  row + set->offsets[i], onereg_reg_size(id));
}
