// SPDX-License-Identifier: MIT
/*
 * Registers that a blackout need not read. What a guest can write is told
 * here by the architecture, not by the library.
 */
#include <errno.h>
#include <string.h>

#include "migration.h"

#define PMCR		KA_SYS(3, 3, 9, 12, 0)
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define DFR0		KA_SYS(3, 0, 0, 5, 0)
#define DFR0_BRPS	12
#define DFR0_WRPS	20
#define PMCR_N		11
#define CTL_ISTATUS	(1ULL << 2)

/* ---- what a guest can write ---- */

static unsigned int field(struct guest *g, uint64_t id, unsigned int lsb,
			  unsigned int mask)
{
	uint64_t value = 0;

	guest_get(g, 0, id, &value);
	return (unsigned int)(value >> lsb) & mask;
}

struct encoding {
	unsigned int op0, op1, crn, crm, op2;
};

static struct encoding decode(uint64_t id)
{
	return (struct encoding){ id >> 14 & 3, id >> 11 & 7, id >> 7 & 15,
				  id >> 3 & 15, id & 7 };
}

/* Breakpoints and watchpoints that the CPU has, as ID_AA64DFR0_EL1 counts. */
static bool can_write_debug(struct guest *g, const struct encoding *e)
{
	if (e->op1 == 4)
		return false;
	if (e->crn || e->op2 < 4)
		return true;
	return e->crm <= field(g, DFR0, e->op2 < 6 ? DFR0_BRPS : DFR0_WRPS,
			       15);
}

static bool can_write_sysreg(struct guest *g, uint64_t id)
{
	struct encoding e = decode(id);
	unsigned int n = (e.crm & 3) << 3 | e.op2;

	/* KVM's ids of the counters; CTL and CVAL are the guest's. */
	if (id == KA_TIMER_CNT || id == KA_PTIMER_CNT)
		return false;
	if (e.op0 == 2)
		return can_write_debug(g, &e);
	/* Identification; CSSELR_EL1, with op1 2, can be written. */
	if (!e.crn)
		return e.op1 == 2;
	if (e.op1 == 4)
		return false;
	/* PMEVCNTR<n>, PMEVTYPER<n>; the 31st is PMCCFILTR_EL0. */
	if (e.op1 == 3 && e.crn == 14 && e.crm >= 8)
		return n == 31 || n < field(g, PMCR, PMCR_N, 31);
	return true;
}

bool guest_can_write(struct guest *g, uint64_t id)
{
	switch (id & KA_REG_CLASS_MASK) {
	case KA_REG_SYSREG:
		return can_write_sysreg(g, id);
	case KA_REG_SVE:
		return id != KA_SVE_VLS;
	case KA_REG_CORE:
		return true;
	}
	/* Cache geometry, firmware */
	return false;
}

/* ---- changing one ---- */

static bool is_pmu_clr(uint64_t id)
{
	return id == KA_SYS(3, 3, 9, 12, 2) || id == KA_SYS(3, 3, 9, 12, 3) ||
	       id == KA_SYS(3, 0, 9, 14, 2);
}

static bool differs(struct guest *g, size_t vcpu, uint64_t id,
		    const uint8_t *was)
{
	uint8_t now[KA_REG_SIZE_MAX];

	return !guest_get(g, vcpu, id, now) &&
	       memcmp(was, now, onereg_reg_size(id));
}

/* Of a large one all bits; else the first bit that the kernel lets change. */
static bool change(struct guest *g, size_t vcpu, uint64_t id)
{
	/* The flags first: any other bit of PSTATE is delicate. */
	static const uint8_t first[] = { 28, 0, 1, 4 };
	size_t size = onereg_reg_size(id);
	uint8_t was[KA_REG_SIZE_MAX], now[KA_REG_SIZE_MAX];

	if (guest_get(g, vcpu, id, was))
		return false;
	if (size > 8) {
		for (size_t i = 0; i < size; i++)
			now[i] = (uint8_t)~was[i];
		return !guest_set(g, vcpu, id, now) &&
		       differs(g, vcpu, id, was);
	}
	for (size_t i = 0; i < ARRAY_SIZE(first) + size * 8; i++) {
		size_t bit = i < ARRAY_SIZE(first) ? first[i] :
						     i - ARRAY_SIZE(first);

		/* PMCR_EL0.N is the VM's. */
		if (id == PMCR && bit > 7)
			continue;
		memcpy(now, was, size);
		now[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (!guest_set(g, vcpu, id, now) && differs(g, vcpu, id, was))
			return true;
	}
	return false;
}

/* ---- every one that a guest can write is read ---- */

static bool image_has(struct test *t, struct migration *m, uint64_t id)
{
	const struct onereg_image *image = onereg_source_image(m->source);
	const struct regset *set = &image->sets[image->vcpus[0].set];
	ptrdiff_t at = regset_find(set, id);
	uint8_t now[KA_REG_SIZE_MAX], saved[KA_REG_SIZE_MAX];
	size_t size = onereg_reg_size(id);
	int ret = guest_get(&m->p.src, 0, id, now);

	if (!EXPECT(t, at >= 0 && !ret, "%#llx: %d", (unsigned long long)id,
		    ret))
		return true;
	memcpy(saved, image->vcpus[0].row + set->offsets[at], size);
	if (id == KA_TIMER_CTL || id == KA_PTIMER_CTL) {
		now[0] &= (uint8_t)~CTL_ISTATUS;
		saved[0] &= (uint8_t)~CTL_ISTATUS;
	}
	return !memcmp(now, saved, size);
}

static void change_one_by_one(struct test *t, struct migration *m,
			      const struct regset *list)
{
	size_t n = 0, unchanged = 0;

	for (size_t i = 0; i < list->n && !t->failed; i++) {
		uint64_t id = list->ids[i] & ~KA_REG_SCOPE_VM;

		if (!guest_can_write(&m->p.src, id) || is_pmu_clr(id))
			continue;
		if (!change(&m->p.src, 0, id)) {
			unchanged++;
			continue;
		}
		if (!migration_stop(t, m))
			return;
		EXPECT(t, image_has(t, m, id), "%#llx is not read",
		       (unsigned long long)id);
		n++;
	}
	/* Some are read-only as a guest left them: the OS lock's status. */
	EXPECT(t, n > 100 && unchanged < 6, "%zu changed, %zu not", n,
	       unchanged);
}

/* A new VM's, for what is not as after a reset is always read. */
void every_register_that_a_guest_can_write_is_read(struct test *t)
{
	struct shape shape = default_shape(t);
	struct regset list = { 0 };
	struct migration m;
	int ret;

	shape.n_vcpus = 1;
	shape.gic = false;
	migration_open(t, &m, &shape);
	if (guest_create(t, &m.p.src, &t->src, &shape) &&
	    guest_start(t, &m.p.src) && migration_stage_source(t, &m)) {
		ret = io_reg_list(t->src.io, m.p.src.vcpu_fds[0], &list);
		EXPECT(t, !ret, "%d", ret);
		change_one_by_one(t, &m, &list);
		if (!t->failed && migration_stage_destination(t, &m))
			migration_finish(t, &m);
	}
	regset_free(&list);
	migration_close(&m);
}

/* ---- the others are noticed when staged again ---- */

/* Of each vCPU those that its guest cannot write; not where it answers. */
static size_t change_the_others(struct test *t, struct guest *g)
{
	struct regset list = { 0 };
	int ret = io_reg_list(g->machine->io, g->vcpu_fds[0], &list);
	size_t n = 0;

	EXPECT(t, !ret, "%d", ret);
	for (size_t i = 0; i < list.n; i++)
		if (!guest_can_write(g, list.ids[i]) &&
		    list.ids[i] != MPIDR && list.ids[i] != KA_TIMER_CNT &&
		    list.ids[i] != KA_PTIMER_CNT)
			for (size_t v = 0; v < g->shape.n_vcpus; v++)
				n += change(g, v, list.ids[i]);
	regset_free(&list);
	return n;
}

void what_only_the_vmm_changes_is_staged_again(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;
	size_t n;

	if (migration_start_fresh(t, &m, &shape)) {
		n = change_the_others(t, &m.p.src);
		EXPECT(t, n > 20, "%zu changed", n);
		if (migration_restage(t, &m)) {
			migration_finish(t, &m);
		}
	}
	migration_close(&m);
}

/* From then on they are read in the blackout. */
void what_the_vmm_has_changed_once_is_read(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;
	uint64_t id = KA_SYS(2, 0, 0, 15, 4), value = 0x1234;
	int ret;

	if (migration_start_fresh(t, &m, &shape)) {
		ret = guest_set(&m.p.src, 1, id, &value);
		EXPECT(t, !ret, "%d", ret);
		if (migration_restage(t, &m)) {
			value = 0x5678;
			ret = guest_set(&m.p.src, 1, id, &value);
			EXPECT(t, !ret, "%d", ret);
			migration_finish(t, &m);
		}
	}
	migration_close(&m);
}

/* The GIC's redistributors have their places by it. */
void affinity_that_changes_after_staging_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	const struct onereg_finding *f;
	struct migration m;
	uint64_t value, was;
	int ret;

	if (migration_start_fresh(t, &m, &shape)) {
		ret = guest_get(&m.p.src, 1, MPIDR, &was);
		value = was ^ 1 << 8;
		ret = ret ? ret : guest_set(&m.p.src, 1, MPIDR, &value);
		EXPECT(t, !ret, "%d", ret);
		if (migration_read_again(t, &m)) {
			onereg_report_clear(m.p.report);
			ret = migration_take(&m, &m.changes);
			f = find_finding(m.p.report, ONEREG_CLASS_MISSING,
					 ONEREG_SPACE_REG, MPIDR, 0);
			EXPECT(t, ret == -ESTALE && f && f->vcpu == 1, "%d",
			       ret);
			/* Nothing of it was written, and nothing follows. */
			ret = guest_get(&m.p.dst, 1, MPIDR, &value);
			EXPECT(t, !ret && value == was, "%d, %#llx", ret,
			       (unsigned long long)value);
			ret = migration_take(&m, &m.changes);
			EXPECT(t, ret == -EINVAL, "again: %d", ret);
		}
	}
	migration_close(&m);
}
