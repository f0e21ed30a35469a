// SPDX-License-Identifier: MIT
/* A second time, in part, or without an answer: what callers may do. */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "suite.h"

#define NS_PER_S	1000000000ULL
#define HOUR		(3600 * NS_PER_S)

/* Into a new destination whose features the caller has not told. */
static int restore_untold(struct test *t, struct pair *p,
			  const struct onereg_restore_options *options)
{
	struct onereg_vm_options o;

	guest_destroy(&p->dst);
	onereg_report_clear(p->report);
	if (!guest_create(t, &p->dst, &t->dst, &p->src.shape))
		return -ECANCELED;
	o = guest_options(&p->dst);
	o.target = 0;
	o.features[0] = 0;
	o.n_caps = 0;
	if (!guest_wrap(t, &p->dst, &o))
		return -ECANCELED;
	return onereg_vm_restore(p->dst.vm, p->image, options, p->report);
}

static void expect_proof(struct test *t, struct pair *p)
{
	size_t lost;
	int ret;

	onereg_report_clear(p->report);
	ret = onereg_vm_prove(p->dst.vm, p->image, p->report);
	lost = onereg_report_differences(p->report, ONEREG_CLASS_UNEXPLAINED);
	if (!EXPECT(t, !ret && !lost, "%d, %zu unexplained", ret, lost))
		test_log_report(t, p->report);
}

static void expect_same_shape(struct test *t, const struct onereg_image *a,
			      const struct onereg_image *b)
{
	EXPECT(t, onereg_image_target(a) == onereg_image_target(b), "%u, %u",
	       onereg_image_target(a), onereg_image_target(b));
	EXPECT(t, onereg_image_features(a, 0) == onereg_image_features(b, 0),
	       "%#x, %#x", onereg_image_features(a, 0),
	       onereg_image_features(b, 0));
	EXPECT(t, onereg_image_n_caps(a) == onereg_image_n_caps(b) &&
			  onereg_image_n_caps(b) == 1 &&
			  onereg_image_cap(a, 0)->cap ==
				  onereg_image_cap(b, 0)->cap, "capabilities");
}

void restored_vm_is_saved_and_restored_again(struct test *t)
{
	struct onereg_restore_options o = { .size = sizeof(o),
					    .time = ONEREG_TIME_CATCH_UP };
	struct shape shape = default_shape(t);
	struct onereg_image *first = NULL;
	struct pair p;
	int ret = -ECANCELED;

	shape.cap = KA_CAP_ARM_NISV_TO_USER;
	if (pair_source(t, &p, &shape, 8000) && pair_save(t, &p)) {
		machines_sleep(t, HOUR, NS_PER_S);
		ret = restore_untold(t, &p, &o);
		if (!EXPECT(t, !ret, "%d", ret))
			test_log_report(t, p.report);
	}
	if (!ret) {
		first = p.image;
		p.image = save(t, &p.dst);
	}
	if (!ret && p.image) {
		expect_proof(t, &p);
		expect_same_shape(t, first, p.image);
		ret = restore_untold(t, &p, NULL);
		EXPECT(t, !ret, "%d", ret);
		guests_compare(t, &p.src, &p.dst);
		expect_proof(t, &p);
	}
	onereg_image_free(first);
	pair_close(&p);
}

void answer_without_report_is_refused(struct test *t)
{
	struct pair p;
	int ret;

	if (pair_image(t, &p, 8100)) {
		ret = onereg_vm_prove(p.src.vm, p.image, NULL);
		EXPECT(t, ret == -EINVAL, "%d", ret);
		ret = onereg_image_dry_run(p.image, t->dst.io, NULL, NULL);
		EXPECT(t, ret == -EINVAL, "%d", ret);
	}
	pair_close(&p);
}

static bool names_frequency(const struct onereg_report *report)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (f->class_ == ONEREG_CLASS_SHAPE && f->name &&
		    !strcmp(f->name, "CNTFRQ_EL0"))
			return true;
	return false;
}

void catching_up_needs_a_frequency(struct test *t)
{
	struct onereg_restore_options o = { .size = sizeof(o),
					    .time = ONEREG_TIME_CATCH_UP };
	struct pair p;
	int ret;

	if (pair_image(t, &p, 8200)) {
		p.image->counter_frequency = 0;
		ret = restore_untold(t, &p, &o);
		EXPECT(t, ret == -EINVAL && names_frequency(p.report), "%d",
		       ret);
		o.time = ONEREG_TIME_FREEZE;
		ret = restore_untold(t, &p, &o);
		if (!EXPECT(t, !ret, "%d", ret))
			test_log_report(t, p.report);
	}
	pair_close(&p);
}

static size_t n_cares(const struct onereg_report *report, uint64_t id)
{
	const struct onereg_finding *f;
	size_t n = 0;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		n += f->space == ONEREG_SPACE_REG && f->id == id &&
		     f->severity == ONEREG_CARE;
	return n;
}

void absent_register_is_told_once(struct test *t)
{
	struct onereg_restore_options o = { .size = sizeof(o) };
	struct pair p;
	int ret;

	/* Through the VM's descriptor a model hides nothing. */
	if (!need_model(t) || !need_untold(t, &t->dst))
		return;
	if (pair_image(t, &p, 8300)) {
		ret = model_misbehave(t->dst.model, MODEL_DROP, KA_PTIMER_CNT,
				      -1, 0);
		EXPECT(t, !ret, "%d", ret);
		for (int i = 0; i < 2; i++) {
			size_t n;

			o.no_proof = i;
			ret = restore_untold(t, &p, &o);
			n = n_cares(p.report, KA_PTIMER_CNT);
			if (!EXPECT(t, !ret && n == 1, "no_proof %d: %d, %zu",
				    i, ret, n))
				test_log_report(t, p.report);
		}
	}
	model_behave(t->dst.model);
	pair_close(&p);
}
