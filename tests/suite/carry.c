// SPDX-License-Identifier: MIT
/* What a save cannot carry, and what it must not leave behind. */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "suite.h"

#define TPIDR_EL1	KA_SYS(3, 0, 13, 0, 4)
#define ID_AA64PFR0	KA_SYS(3, 0, 0, 4, 0)
#define ID_AA64PFR1	KA_SYS(3, 0, 0, 4, 1)
#define PFR0_MPAM	40
#define PFR0_DIT	48
#define PFR1_MTE	8
#define GICD_TYPER	4
#define GICD_TYPER_LPIS (1U << 17)
#define PAUTH                               \
	(1U << KA_VCPU_PTRAUTH_ADDRESS |    \
	 1U << KA_VCPU_PTRAUTH_GENERIC)

/* The save fails so, with a finding that says the text. */
static void expect_refused(struct test *t, struct pair *p, int error,
			   const char *text)
{
	const struct onereg_finding *f;
	bool told = false;
	int ret;

	onereg_report_clear(p->report);
	ret = onereg_vm_save(p->src.vm, &p->image, p->report);
	for (size_t i = 0; (f = onereg_report_get(p->report, i)); i++)
		told = told || (f->severity == ONEREG_ERROR &&
				f->error == error &&
				((f->name && strstr(f->name, text)) ||
				 (f->why && strstr(f->why, text))));
	if (!EXPECT(t, ret == -error && told && !p->image, "%s: %d", text,
		    ret))
		test_log_report(t, p->report);
	onereg_image_free(p->image);
	p->image = NULL;
}

void feature_that_options_omit_is_found(struct test *t)
{
	static const uint32_t features[] = { 1U << KA_VCPU_PMU_V3,
					     1U << KA_VCPU_SVE, PAUTH };
	struct shape shape = default_shape(t);
	struct pair p;

	if (pair_source(t, &p, &shape, 7000))
		for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
			struct onereg_vm_options o = guest_options(&p.src);

			if (!(t->features & features[i]))
				continue;
			o.features[0] &= ~features[i];
			if (guest_wrap(t, &p.src, &o))
				expect_refused(t, &p, EINVAL,
					       "KVM_ARM_VCPU_INIT");
		}
	pair_close(&p);
}

void what_cannot_be_carried_is_refused(struct test *t)
{
	static const struct {
		uint32_t feature, cap;
		const char *name;
	} shapes[] = {
		{ 0, KA_CAP_ARM_MTE, "KVM_CAP_ARM_MTE" },
		{ 1U << KA_VCPU_EL1_32BIT, 0, "EL1_32BIT" },
		{ 1U << KA_VCPU_HAS_EL2, 0, "HAS_EL2" },
	};
	struct shape shape = default_shape(t);
	struct pair p;

	if (pair_source(t, &p, &shape, 7100))
		for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
			struct onereg_cap cap = { .cap = shapes[i].cap };
			struct onereg_vm_options o = guest_options(&p.src);

			o.features[0] |= shapes[i].feature;
			o.caps = &cap;
			o.n_caps = cap.cap ? 1 : 0;
			if (guest_wrap(t, &p.src, &o))
				expect_refused(t, &p, EOPNOTSUPP,
					       shapes[i].name);
		}
	pair_close(&p);
}

void vm_with_tags_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	uint64_t pfr1 = 0;
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	if (pair_source(t, &p, &shape, 7200)) {
		ret = guest_get(&p.src, 0, ID_AA64PFR1, &pfr1);
		pfr1 |= 2U << PFR1_MTE;
		ret = ret ? ret : model_poke(t->src.model, p.src.vcpu_fds[0],
					     ID_AA64PFR1, &pfr1);
		EXPECT(t, !ret, "%d", ret);
		expect_refused(t, &p, EOPNOTSUPP, "ID_AA64PFR1_EL1.MTE");
	}
	pair_close(&p);
}

void vm_with_an_its_that_nobody_named_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	if (pair_source(t, &p, &shape, 7300)) {
		ret = model_misbehave_gic(t->src.model, MODEL_XOR_GET,
					  KA_VGIC_GRP_DIST_REGS, GICD_TYPER,
					  GICD_TYPER_LPIS);
		EXPECT(t, !ret, "%d", ret);
		expect_refused(t, &p, EINVAL, "ITS");
	}
	model_behave(t->src.model);
	pair_close(&p);
}

/* As of a writer that forgot it: nothing would be written, nothing missed. */
void image_without_all_of_its_gic_is_refused(struct test *t)
{
	struct pair p;

	if (pair_image(t, &p, 7350) && EXPECT(t, p.image->gic.n, "no GIC")) {
		char line[512];
		int ret;

		p.image->gic.n--;
		ret = pair_restore(t, &p);
		onereg_report_format(p.report, line, sizeof(line));
		EXPECT(t, ret == -EINVAL && strstr(line, "GICv3"), "%d: %s",
		       ret, line);
		p.image->gic.n++;
	}
	pair_close(&p);
}

/* ---- a description that is not of this host ---- */

/* As a probe of the scopes would on a host where it is so. */
static void claim_vm_wide(struct onereg_host *host, uint64_t id)
{
	host->probed = true;
	for (size_t i = 0; i < host->n_profiles; i++) {
		struct host_profile *p = &host->profiles[i];
		ptrdiff_t at = regset_find(&p->set, id);

		if (at >= 0)
			p->scope[at] = ONEREG_SCOPE_VM;
	}
}

static bool told_to_describe(const struct onereg_report *report)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (f->severity == ONEREG_CARE && f->name &&
		    !strcmp(f->name, "host description"))
			return true;
	return false;
}

/* Does the save take the description's word for TPIDR_EL1? */
static void save_with(struct test *t, struct pair *p,
		      const struct onereg_host *host, bool used,
		      const char *what)
{
	struct onereg_vm_options o = guest_options(&p->src);
	uint64_t value = 0;
	const void *saved;
	bool lost;
	int ret;

	o.host = host;
	onereg_report_clear(p->report);
	if (!guest_wrap(t, &p->src, &o))
		return;
	ret = onereg_vm_save(p->src.vm, &p->image, p->report);
	if (!EXPECT(t, !ret, "%s: %d", what, ret))
		return;
	EXPECT(t, told_to_describe(p->report) == !used, "%s", what);
	for (size_t i = 0; i < p->src.shape.n_vcpus; i++) {
		ret = guest_get(&p->src, i, TPIDR_EL1, &value);
		saved = image_reg(p->image, i, TPIDR_EL1);
		lost = saved && memcmp(saved, &value, sizeof(value));
		EXPECT(t, !ret && saved && lost == (used && i),
		       "%s: vCPU %zu", what, i);
	}
	onereg_image_free(p->image);
	p->image = NULL;
}

void description_of_another_host_is_not_used(struct test *t)
{
	struct onereg_describe_options o = { .size = sizeof(o),
					     .io = t->src.io };
	struct shape shape = default_shape(t);
	struct onereg_host *host = NULL;
	uint64_t other = 0x123456789abcdef;
	struct pair p;
	int ret;

	if (!need_untold(t, &t->src))
		return;
	ret = onereg_host_describe(&o, &host, NULL);
	if (!EXPECT(t, !ret, "%d", ret))
		return;
	claim_vm_wide(host, TPIDR_EL1);
	if (pair_source(t, &p, &shape, 7400)) {
		ret = guest_set(&p.src, 1, TPIDR_EL1, &other);
		EXPECT(t, !ret, "%d", ret);
		save_with(t, &p, host, true, "this host");
		host->midr ^= 1;
		save_with(t, &p, host, false, "another CPU");
		host->midr ^= 1;
		host->release[0] ^= 1;
		save_with(t, &p, host, false, "another kernel");
	}
	pair_close(&p);
	onereg_host_free(host);
}

/* ---- what must not be lost ---- */

void register_of_a_later_vcpu_is_kept(struct test *t)
{
	struct shape shape = default_shape(t);
	struct machine *machines[] = { &t->src, &t->dst };
	uint64_t none = 0;
	struct pair p;
	int ret;

	if (!need_model(t) || !need_untold(t, &t->src))
		return;
	if (pair_source(t, &p, &shape, 7500)) {
		ret = model_poke(t->src.model, p.src.vcpu_fds[1], KA_BMAP(0),
				 &none);
		for (size_t i = 0; i < ARRAY_SIZE(machines) && !ret; i++)
			ret = model_misbehave(machines[i]->model, MODEL_DROP,
					      KA_BMAP(0), 0, 0);
		EXPECT(t, !ret, "%d", ret);
		if (pair_save(t, &p)) {
			EXPECT(t, image_reg(p.image, 1, KA_BMAP(0)), "lost");
			ret = pair_restore(t, &p);
			if (!EXPECT(t, !ret, "%d", ret))
				test_log_report(t, p.report);
			guests_compare(t, &p.src, &p.dst);
		}
	}
	model_behave(t->src.model);
	model_behave(t->dst.model);
	pair_close(&p);
}

/* The image's field is 1, the host takes it and shows 0. */
static void lose_field(struct test *t, unsigned int lsb, bool ignored)
{
	struct shape shape = default_shape(t);
	uint64_t pfr0 = 0, field = 0xfULL << lsb;
	struct pair p;
	int ret;

	if (!pair_source(t, &p, &shape, 7600))
		goto out;
	ret = guest_get(&p.src, 0, ID_AA64PFR0, &pfr0);
	pfr0 = (pfr0 & ~field) | 1ULL << lsb;
	ret = ret ? ret : model_poke(t->src.model, p.src.vcpu_fds[0],
				     ID_AA64PFR0, &pfr0);
	ret = ret ? ret : model_misbehave(t->dst.model, MODEL_CLEAR_SET,
					  ID_AA64PFR0, -1, field);
	EXPECT(t, !ret, "%d", ret);
	if (!pair_save(t, &p))
		goto out;
	ret = pair_restore(t, &p);
	if (!EXPECT(t, ret == (ignored ? 0 : -EBADE), "bit %u: %d", lsb, ret))
		test_log_report(t, p.report);
	EXPECT(t, !find_finding(p.report, ONEREG_CLASS_UNEXPLAINED,
				ONEREG_SPACE_REG, ID_AA64PFR0, 0) == ignored,
	       "bit %u", lsb);
	if (ignored)
		EXPECT(t, onereg_report_differences(p.report,
						    ONEREG_CLASS_HOST) > 0,
		       "not counted");
out:
	model_behave(t->dst.model);
	pair_close(&p);
}

void ignored_id_field_is_the_hosts(struct test *t)
{
	if (!need_model(t))
		return;
	lose_field(t, PFR0_MPAM, true);
	lose_field(t, PFR0_DIT, false);
}

#define ID_AA64PFR1	KA_SYS(3, 0, 0, 4, 1)
#define SSBS		0xf0ULL

/* Where SSBS is taken away, the level of SMCCC_ARCH_WORKAROUND_2 rises. */
void workaround_follows_its_feature(struct test *t)
{
	struct shape shape = default_shape(t);
	struct guest src = no_guest, dst = no_guest;
	struct onereg_image *image = NULL;
	uint64_t pfr1 = 0;

	src.machine = &t->src;
	dst.machine = &t->dst;
	if (guest_create(t, &src, &t->src, &shape) && guest_start(t, &src)) {
		guest_get(&src, 0, ID_AA64PFR1, &pfr1);
		pfr1 &= ~SSBS;
		if (guest_set(&src, 0, ID_AA64PFR1, &pfr1))
			t->skipped = "this kernel does not take SSBS away";
		else
			image = save(t, &src);
	}
	if (image) {
		int ret = restore(t, &dst, &shape, image, NULL);

		EXPECT(t, !ret, "%d", ret);
	}
	onereg_image_free(image);
	guest_destroy(&src);
	guest_destroy(&dst);
}
