// SPDX-License-Identifier: MIT
/*
 * The PMU's set/clear pairs: replaying the register list in order, which is
 * the obvious way, loses them on Linux 6.7 to 6.12 although no call fails.
 */
#include <string.h>

#include "model.h"
#include "suite.h"

#define PMCNTENSET	KA_SYS(3, 3, 9, 12, 1)
#define PMCNTENCLR	KA_SYS(3, 3, 9, 12, 2)
#define PMOVSCLR	KA_SYS(3, 3, 9, 12, 3)
#define PMOVSSET	KA_SYS(3, 3, 9, 14, 3)
#define PMINTENSET	KA_SYS(3, 0, 9, 14, 1)
#define PMINTENCLR	KA_SYS(3, 0, 9, 14, 2)
#define GUESTS_VALUE	0x80000001ULL	/* unlike the reset value in each bit */

static const uint64_t sets[] = { PMCNTENSET, PMOVSSET, PMINTENSET };
static const uint64_t clrs[] = { PMCNTENCLR, PMOVSCLR, PMINTENCLR };

static bool is_pair(uint64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (id == sets[i] || id == clrs[i])
			return true;
	return false;
}

/* A guest that uses the cycle counter and the first event counter. */
static void use_pmu(struct test *t, struct guest *g)
{
	const uint64_t ones = UINT64_MAX, value = GUESTS_VALUE;

	for (size_t v = 0; v < g->shape.n_vcpus; v++)
		for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
			int ret = guest_set(g, v, clrs[i], &ones);

			ret = ret ? ret : guest_set(g, v, sets[i], &value);
			EXPECT(t, !ret, "%d", ret);
		}
}

/* What other VMMs do. Counters are put back last, as some do. */
static void replay(struct test *t, struct guest *g,
		   const struct onereg_image *image)
{
	struct regset list = { 0 };
	int ret = io_reg_list(g->machine->io, g->vcpu_fds[0], &list);

	EXPECT(t, !ret, "%d", ret);
	for (size_t v = 0; v < g->shape.n_vcpus; v++)
		for (size_t i = 0; i < list.n; i++) {
			const void *value = image_reg(image, v, list.ids[i]);

			if (!value || list.ids[i] == KA_SVE_VLS)
				continue;
			ret = guest_set(g, v, list.ids[i], value);
			EXPECT(t, !ret, "%#llx: %d",
			       (unsigned long long)list.ids[i], ret);
		}
	regset_free(&list);
}

static bool has_pairs(struct test *t, struct guest *g)
{
	const uint64_t ones = UINT64_MAX, one = 1, two = 2;
	uint64_t now = 0;

	guest_set(g, 0, PMCNTENCLR, &ones);
	guest_set(g, 0, PMCNTENSET, &one);
	guest_set(g, 0, PMCNTENSET, &two);
	guest_get(g, 0, PMCNTENSET, &now);
	if (now != 3)
		t->skipped = "this kernel stores what is written to a pair";
	return now == 3;
}

static void expect_lost(struct test *t, const struct onereg_report *report,
			size_t n_vcpus)
{
	const struct onereg_finding *f;
	size_t n = 0;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++) {
		if (f->class_ != ONEREG_CLASS_UNEXPLAINED)
			continue;
		EXPECT(t, f->space == ONEREG_SPACE_REG && is_pair(f->id),
		       "%s of vCPU %d is no PMU pair", f->name, f->vcpu);
		n += f->id == PMCNTENSET || f->id == PMINTENSET ||
		     f->id == PMOVSSET;
	}
	EXPECT(t, n == 3 * n_vcpus, "%zu of %zu are reported", n,
	       3 * n_vcpus);
	EXPECT(t, onereg_report_verdict(report) == ONEREG_NO, "verdict %s",
	       onereg_verdict_name(onereg_report_verdict(report)));
}

static void prove_replay(struct test *t, struct guest *src, struct guest *dst)
{
	struct onereg_report *report = report_new(t);
	struct onereg_image *image = save(t, src);
	int ret;

	if (image) {
		replay(t, dst, image);
		ret = onereg_vm_prove(dst->vm, image, report);
		EXPECT(t, !ret, "%d", ret);
		expect_lost(t, report, src->shape.n_vcpus);
		if (t->failed)
			test_log_report(t, report);
	}
	onereg_image_free(image);
	onereg_report_free(report);
}

void replay_in_list_order_loses_pmu_state(struct test *t)
{
	struct shape shape = default_shape(t);
	struct guest src = no_guest, dst = no_guest;

	if (!need_feature(t, KA_VCPU_PMU_V3))
		return;
	src.machine = &t->src;
	dst.machine = &t->dst;
	shape.gic = false;
	if (guest_create(t, &src, &t->src, &shape) && guest_start(t, &src) &&
	    has_pairs(t, &src) && guest_create(t, &dst, &t->dst, &shape) &&
	    guest_start(t, &dst)) {
		use_pmu(t, &src);
		prove_replay(t, &src, &dst);
	}
	guest_destroy(&src);
	guest_destroy(&dst);
}

static void expect_pmu(struct test *t, struct guest *g)
{
	for (size_t v = 0; v < g->shape.n_vcpus; v++)
		for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
			uint64_t value = 0;
			int ret = guest_get(g, v, sets[i], &value);

			EXPECT(t, !ret && value == GUESTS_VALUE,
			       "vCPU %zu, %#llx: %#llx (%d)", v,
			       (unsigned long long)sets[i],
			       (unsigned long long)value, ret);
		}
}

void restore_keeps_pmu_state(struct test *t)
{
	struct shape shape = default_shape(t);
	struct guest src = no_guest, dst = no_guest;
	struct onereg_image *image = NULL;

	if (!need_feature(t, KA_VCPU_PMU_V3))
		return;
	src.machine = &t->src;
	dst.machine = &t->dst;
	if (guest_create(t, &src, &t->src, &shape) && guest_start(t, &src)) {
		use_pmu(t, &src);
		image = save(t, &src);
	}
	if (image) {
		int ret = restore(t, &dst, &shape, image, NULL);

		EXPECT(t, !ret, "%d", ret);
		expect_pmu(t, &dst);
	}
	onereg_image_free(image);
	guest_destroy(&src);
	guest_destroy(&dst);
}
