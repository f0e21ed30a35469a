// SPDX-License-Identifier: MIT
/* Destinations that are not what they have to be; checks before that. */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "suite.h"

#define X5	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 10)

/* ---- yes ---- */

static void expect_yes(struct test *t, const struct onereg_report *report,
		       int ret)
{
	enum onereg_verdict v = onereg_report_verdict(report);

	if (!EXPECT(t, !ret && v <= ONEREG_WITH_CARE, "%d, %s", ret,
		    onereg_verdict_name(v)))
		test_log_report(t, report);
}

void dry_run_of_a_good_image_says_yes(struct test *t)
{
	struct pair p;

	if (pair_image(t, &p, 2000))
		expect_yes(t, p.report,
			   onereg_image_dry_run(p.image, t->dst.io, NULL,
						p.report));
	pair_close(&p);
}

void dry_run_leaves_nothing_open(struct test *t)
{
	struct pair p;

	if (!need_model(t))
		return;
	if (pair_image(t, &p, 2100)) {
		size_t before = model_n_open(t->dst.model);
		int ret = onereg_image_dry_run(p.image, t->dst.io, NULL,
					       p.report);

		EXPECT(t, !ret, "%d", ret);
		EXPECT(t, model_n_open(t->dst.model) == before, "%zu, not %zu",
		       model_n_open(t->dst.model), before);
	}
	pair_close(&p);
}

static struct onereg_host *describe(struct test *t, struct machine *machine)
{
	/* Only trying shows which fields a kernel without masks lets change. */
	struct onereg_describe_options o = { .size = sizeof(o),
					     .io = machine->io,
					     .probe_scope = true };
	struct onereg_host *host = NULL;
	int ret = onereg_host_describe(&o, &host, NULL);

	EXPECT(t, !ret, "%d", ret);
	return host;
}

void check_on_the_same_host_says_yes(struct test *t)
{
	struct onereg_host *host = NULL;
	struct pair p;

	if (pair_image(t, &p, 2200))
		host = describe(t, &t->dst);
	if (host)
		expect_yes(t, p.report,
			   onereg_image_check(p.image, host, p.report));
	onereg_host_free(host);
	pair_close(&p);
}

/* ---- no: a VM of the wrong kind ---- */

static void restore_into(struct test *t, struct pair *p,
			 const struct shape *shape, bool start,
			 enum onereg_class class_)
{
	const struct onereg_finding *f = NULL;
	bool named = false;
	int ret;

	if (!guest_create(t, &p->dst, &t->dst, shape) ||
	    (start && !guest_start(t, &p->dst)))
		return;
	ret = onereg_vm_restore(p->dst.vm, p->image, NULL, p->report);
	EXPECT(t, ret < 0, "%d", ret);
	EXPECT(t, onereg_report_verdict(p->report) == ONEREG_FAILED, "%s",
	       onereg_verdict_name(onereg_report_verdict(p->report)));
	for (size_t i = 0; (f = onereg_report_get(p->report, i)); i++)
		named = named || f->class_ == class_;
	if (!EXPECT(t, named, "no finding of class %s",
		    onereg_class_name(class_)))
		test_log_report(t, p->report);
}

void wrong_number_of_vcpus_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	shape.n_vcpus = 1;
	if (pair_image(t, &p, 2300))
		restore_into(t, &p, &shape, false, ONEREG_CLASS_SHAPE);
	pair_close(&p);
}

void wrong_vcpu_ids_are_refused(struct test *t)
{
	static const uint32_t ids[] = { 1, 0 };
	struct shape shape = default_shape(t);
	struct pair p;

	shape.ids = ids;
	if (pair_image(t, &p, 2400))
		restore_into(t, &p, &shape, false, ONEREG_CLASS_SHAPE);
	pair_close(&p);
}

void missing_gic_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	if (!t->has_gic) {
		t->skipped = "this host has no GICv3 for guests";
		return;
	}
	shape.gic = false;
	if (pair_image(t, &p, 2500))
		restore_into(t, &p, &shape, false, ONEREG_CLASS_SHAPE);
	pair_close(&p);
}

void vm_with_other_features_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	if (!need_feature(t, KA_VCPU_PMU_V3))
		return;
	shape.features &= ~(1U << KA_VCPU_PMU_V3);
	if (pair_image(t, &p, 2600))
		restore_into(t, &p, &shape, true, ONEREG_CLASS_SHAPE);
	pair_close(&p);
}

void finalized_vm_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	if (!need_feature(t, KA_VCPU_SVE))
		return;
	/* The attributes of the PMU would be refused first. */
	shape.features &= ~(1U << KA_VCPU_PMU_V3);
	if (pair_source(t, &p, &shape, 2700) && pair_save(t, &p)) {
		restore_into(t, &p, &shape, true, ONEREG_CLASS_VALUE);
		EXPECT(t, find_finding(p.report, 0, ONEREG_SPACE_REG,
				       KA_SVE_VLS, EPERM),
		       "the vector lengths are not named");
	}
	pair_close(&p);
}

void vm_that_ran_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	if (!need_model(t))
		return;
	shape.features &= ~(1U << KA_VCPU_PMU_V3 | 1U << KA_VCPU_SVE);
	if (pair_source(t, &p, &shape, 2800) && pair_save(t, &p) &&
	    guest_create(t, &p.dst, &t->dst, &shape) &&
	    guest_start(t, &p.dst)) {
		int ret = io_ioctl(t->dst.io, p.dst.vcpu_fds[0], KA_RUN, NULL);

		EXPECT(t, ret == -EINTR, "%d", ret);
		ret = onereg_vm_restore(p.dst.vm, p.image, NULL, p.report);
		EXPECT(t, ret == -EBUSY, "%d", ret);
		EXPECT(t, onereg_report_verdict(p.report) == ONEREG_FAILED,
		       "verdict");
	}
	pair_close(&p);
}

/* ---- the proof ---- */

static void change(struct test *t, struct pair *p)
{
	struct ka_mp_state mp = { 0 };
	uint64_t value = 0;
	int ret = guest_get(&p->dst, 1, X5, &value);

	value ^= 1ULL << 63;
	ret = ret ? ret : guest_set(&p->dst, 1, X5, &value);
	EXPECT(t, !ret, "%d", ret);
	ret = io_ioctl(t->dst.io, p->dst.vcpu_fds[0], KA_GET_MP_STATE, &mp);
	mp.mp_state = mp.mp_state ? KA_MP_STATE_RUNNABLE : KA_MP_STATE_STOPPED;
	ret = ret ? ret : io_ioctl(t->dst.io, p->dst.vcpu_fds[0],
				   KA_SET_MP_STATE, &mp);
	EXPECT(t, !ret, "%d", ret);
}

static void expect_changes(struct test *t, struct pair *p)
{
	const struct onereg_finding *f;
	size_t n;
	int ret;

	onereg_report_clear(p->report);
	ret = onereg_vm_prove(p->dst.vm, p->image, p->report);
	EXPECT(t, !ret, "%d", ret);
	n = onereg_report_differences(p->report, ONEREG_CLASS_UNEXPLAINED);
	EXPECT(t, n == 2, "%zu", n);
	f = find_finding(p->report, ONEREG_CLASS_UNEXPLAINED, ONEREG_SPACE_REG,
			 X5, 0);
	EXPECT(t, f && f->vcpu == 1 && f->value_size == 8 && f->a && f->b,
	       "X5 of vCPU 1");
	f = find_finding(p->report, ONEREG_CLASS_UNEXPLAINED,
			 ONEREG_SPACE_MP_STATE, f ? 0 : 0, 0);
	EXPECT(t, f && f->vcpu == 0, "MP state of vCPU 0");
	EXPECT(t, onereg_report_verdict(p->report) == ONEREG_NO, "verdict");
	if (t->failed)
		test_log_report(t, p->report);
}

void prove_finds_a_changed_register(struct test *t)
{
	struct pair p;

	if (pair_image(t, &p, 2900) && !pair_restore(t, &p)) {
		change(t, &p);
		expect_changes(t, &p);
	}
	pair_close(&p);
}

void prove_without_image_differences_is_quiet(struct test *t)
{
	struct onereg_counts counts = { .size = sizeof(counts) };
	struct pair p;

	if (pair_image(t, &p, 3000)) {
		int ret = pair_restore(t, &p);

		EXPECT(t, !ret, "%d", ret);
		onereg_report_counts(p.report, &counts);
		EXPECT(t, counts.registers_written > 0 &&
				  counts.registers_compared >=
					  counts.registers_written,
		       "%llu written, %llu compared",
		       (unsigned long long)counts.registers_written,
		       (unsigned long long)counts.registers_compared);
		onereg_report_clear(p.report);
		ret = onereg_vm_prove(p.dst.vm, p.image, p.report);
		EXPECT(t, !ret, "%d", ret);
		expect_yes(t, p.report, ret);
	}
	pair_close(&p);
}

/* What an image lacks no proof would miss: it has to say so. */
static void expect_not_whole(struct test *t, struct pair *p, const char *name)
{
	const struct onereg_finding *f;
	bool named = false;
	int ret;

	onereg_report_clear(p->report);
	ret = onereg_vm_prove(p->dst.vm, p->image, p->report);
	for (size_t i = 0; (f = onereg_report_get(p->report, i)); i++)
		named = named || (f->class_ == ONEREG_CLASS_SHAPE &&
				  f->severity == ONEREG_ERROR &&
				  !strcmp(f->name, name));
	if (!EXPECT(t, ret == -EINVAL && named, "%s: %d", name, ret))
		test_log_report(t, p->report);
}

static void take_parts(struct test *t, struct pair *p)
{
	p->image->staged = 1;
	expect_not_whole(t, p, "image");
	p->image->staged = 0;
	p->image->fresh = true;
	expect_not_whole(t, p, "image");
	p->image->fresh = false;
	p->image->partial = true;
	expect_not_whole(t, p, "image");
	p->image->partial = false;
	if (p->image->has_gic) {
		p->image->gic.n--;
		expect_not_whole(t, p, "GICv3");
		p->image->gic.n++;
	}
	onereg_report_clear(p->report);
	expect_yes(t, p->report,
		   onereg_vm_prove(p->dst.vm, p->image, p->report));
}

void image_that_is_not_whole_is_not_proved(struct test *t)
{
	struct pair p;

	if (pair_image(t, &p, 3050) && !pair_restore(t, &p))
		take_parts(t, &p);
	pair_close(&p);
}
