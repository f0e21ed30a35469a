// SPDX-License-Identifier: MIT
/* Kernels that misbehave: nothing is lost without a word. */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "suite.h"

#define X3		(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 6)
#define TTBR0		KA_SYS(3, 0, 2, 0, 0)
#define TPIDR_EL1	KA_SYS(3, 0, 13, 0, 4)
#define ISAR0		KA_SYS(3, 0, 0, 6, 0)
#define IPRIORITYR8	0x420ULL
#define SET_COUNTER_OFFSET _IOW(KA_IO, 0xb5, uint64_t[2])

static bool one_vcpu_image(struct test *t, struct pair *p, uint64_t seed)
{
	struct shape shape = default_shape(t);

	shape.n_vcpus = 1;
	return pair_source(t, p, &shape, seed) && pair_save(t, p);
}

/* A finding on the register or on what shares its storage. */
static bool names(const struct onereg_report *report, enum onereg_space space,
		  uint32_t group, uint64_t id)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++) {
		const struct family *family = catalogue_find(f->id);

		if (f->space != space || f->group != group)
			continue;
		if (f->id == id || (space == ONEREG_SPACE_REG &&
				    family->write == WRITE_CLR_SET &&
				    family->twin == (id & 0xffff)))
			return true;
	}
	return false;
}

/* The GIC finds a redistributor by it: the first call on one fails. */
static bool is_affinity(enum onereg_space space, uint64_t id)
{
	return space == ONEREG_SPACE_REG && id == KA_SYS(3, 0, 0, 0, 5);
}

/* Restored (0) means that the state is equal; else the culprit is named. */
static void judge(struct test *t, struct pair *p, int ret,
		  enum onereg_space space, uint32_t group, uint64_t id)
{
	size_t differ, lost;

	model_behave(t->dst.model);
	differ = guests_differences(t, &p->src, &p->dst);
	lost = onereg_report_differences(p->report, ONEREG_CLASS_UNEXPLAINED);
	if (!ret) {
		EXPECT(t, !differ && !lost,
		       "restored, but %zu differences, group %u, %#llx",
		       differ, group, (unsigned long long)id);
		return;
	}
	if (ret != -EBADE && is_affinity(space, id))
		return;
	if (!EXPECT(t, names(p->report, space, group, id),
		    "%d, not naming group %u, %#llx", ret, group,
		    (unsigned long long)id))
		test_log_report(t, p->report);
}

static void misbehave_each(struct test *t, enum model_fault fault,
			   uint64_t seed)
{
	struct regset list = { 0 };
	struct pair p;
	size_t found = 0;

	if (!need_model(t))
		return;
	if (one_vcpu_image(t, &p, seed))
		EXPECT(t, !io_reg_list(t->src.io, p.src.vcpu_fds[0], &list),
		       "list");
	for (size_t i = 0; i < list.n && t->log_used < 4096; i++) {
		int ret = model_misbehave(t->dst.model, fault, list.ids[i], -1,
					  1);

		EXPECT(t, !ret, "%d", ret);
		ret = pair_restore(t, &p);
		found += ret != 0;
		judge(t, &p, ret, ONEREG_SPACE_REG, 0, list.ids[i]);
	}
	/* Of some the reset value is the guest's; of most it is not. */
	EXPECT(t, found > list.n / 2, "%zu of %zu", found, list.n);
	regset_free(&list);
	pair_close(&p);
}

void every_ignored_set_is_found(struct test *t)
{
	misbehave_each(t, MODEL_IGNORE_SET, 4000);
}

void every_changed_value_is_found(struct test *t)
{
	misbehave_each(t, MODEL_XOR_SET, 4100);
}

static bool is_gic_reg(const struct onereg_value *v)
{
	return v->space == ONEREG_SPACE_GIC &&
	       (v->group == KA_VGIC_GRP_DIST_REGS ||
		v->group == KA_VGIC_GRP_REDIST_REGS ||
		v->group == KA_VGIC_GRP_CPU_SYSREGS ||
		v->group == KA_VGIC_GRP_LEVEL_INFO);
}

void every_ignored_gic_write_is_found(struct test *t)
{
	struct onereg_value v = { .size = sizeof(v) };
	size_t found = 0, n = 0;
	struct pair p;

	if (!need_model(t))
		return;
	one_vcpu_image(t, &p, 4200);
	for (size_t i = 0; p.image && t->log_used < 4096 &&
			   !onereg_image_value(p.image, i, &v); i++) {
		int ret;

		if (!is_gic_reg(&v))
			continue;
		ret = model_misbehave_gic(t->dst.model, MODEL_IGNORE_SET,
					  v.group, v.id, 0);
		EXPECT(t, !ret, "%d", ret);
		ret = pair_restore(t, &p);
		found += ret != 0;
		n++;
		judge(t, &p, ret, ONEREG_SPACE_GIC, v.group, v.id);
	}
	EXPECT(t, found > n / 3, "%zu of %zu", found, n);
	pair_close(&p);
}

void vcpus_that_disagree_are_a_conflict(struct test *t)
{
	struct onereg_host *host = NULL;
	struct shape shape = default_shape(t);
	struct pair p;
	int ret;

	if (!need_model(t) || !need_untold(t, &t->src))
		return;
	if (pair_source(t, &p, &shape, 4300)) {
		ret = model_misbehave(t->src.model, MODEL_XOR_GET, KA_BMAP(2),
				      1, 1);
		ret = ret ? ret : onereg_vm_save(p.src.vm, &p.image, p.report);
		EXPECT(t, !ret, "%d", ret);
		EXPECT(t, find_finding(p.report, ONEREG_CLASS_CONFLICT,
				       ONEREG_SPACE_REG, KA_BMAP(2), 0),
		       "no conflict is found");
		model_behave(t->src.model);
	}
	if (p.image) {
		ret = pair_restore(t, &p);
		EXPECT(t, ret == -EINVAL, "%d", ret);
		onereg_report_clear(p.report);
		ret = onereg_host_describe(&(struct onereg_describe_options){
				.size = sizeof(struct onereg_describe_options),
				.io = t->dst.io }, &host, NULL);
		ret = ret ? ret : onereg_image_check(p.image, host, p.report);
		EXPECT(t, !ret && onereg_report_verdict(p.report) == ONEREG_NO,
		       "%d", ret);
	}
	onereg_host_free(host);
	pair_close(&p);
}

void missing_register_is_named(struct test *t)
{
	const struct onereg_finding *f;
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	if (pair_image(t, &p, 4400)) {
		ret = model_misbehave(t->dst.model, MODEL_DROP, TPIDR_EL1, -1,
				      0);
		ret = ret ? ret : onereg_image_dry_run(p.image, t->dst.io, NULL,
						       p.report);
		EXPECT(t, !ret, "%d", ret);
		f = find_finding(p.report, ONEREG_CLASS_MISSING,
				 ONEREG_SPACE_REG, TPIDR_EL1, 0);
		EXPECT(t, f && f->severity == ONEREG_IMPOSSIBLE, "dry run");
		EXPECT(t, onereg_report_verdict(p.report) == ONEREG_NO,
		       "verdict");
		ret = pair_restore(t, &p);
		f = find_finding(p.report, 0, ONEREG_SPACE_REG, TPIDR_EL1,
				 ENOENT);
		EXPECT(t, ret == -ENOENT && f, "restore: %d", ret);
	}
	model_behave(t->dst.model);
	pair_close(&p);
}

static const struct refusal {
	uint64_t id;
	int vcpu, reported;
} refusals[] = { { TTBR0, 0, 0 }, { X3, 1, 1 }, { ISAR0, -1, -1 } };

static void expect_refusals(struct test *t, const struct onereg_report *report)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct onereg_finding *f =
			find_finding(report, 0, ONEREG_SPACE_REG,
				     refusals[i].id, EINVAL);

		EXPECT(t, f && f->vcpu == refusals[i].reported &&
				  is_set_call(f->operation),
		       "refusal %zu", i);
	}
	EXPECT(t, onereg_report_verdict(report) == ONEREG_NO, "verdict %s",
	       onereg_verdict_name(onereg_report_verdict(report)));
	if (t->failed)
		test_log_report(t, report);
}

void every_refused_register_is_named_at_once(struct test *t)
{
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		ret = model_misbehave(t->dst.model, MODEL_REFUSE_SET,
				      refusals[i].id, refusals[i].vcpu, EINVAL);
		EXPECT(t, !ret, "%d", ret);
	}
	if (pair_image(t, &p, 4500)) {
		ret = onereg_image_dry_run(p.image, t->dst.io, NULL, p.report);
		EXPECT(t, !ret, "%d", ret);
		expect_refusals(t, p.report);
		ret = pair_restore(t, &p);
		EXPECT(t, ret == -EINVAL, "%d", ret);
		EXPECT(t, find_finding(p.report, 0, ONEREG_SPACE_REG, ISAR0,
				       EINVAL), "the first is not named");
	}
	model_behave(t->dst.model);
	pair_close(&p);
}

void refused_gic_register_is_named(struct test *t)
{
	const struct onereg_finding *f;
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	ret = model_misbehave_gic(t->dst.model, MODEL_REFUSE_SET,
				  KA_VGIC_GRP_DIST_REGS, IPRIORITYR8, EINVAL);
	EXPECT(t, !ret, "%d", ret);
	if (pair_image(t, &p, 4600)) {
		ret = pair_restore(t, &p);
		EXPECT(t, ret == -EINVAL, "%d", ret);
		f = find_finding(p.report, 0, ONEREG_SPACE_GIC, IPRIORITYR8,
				 EINVAL);
		EXPECT(t, f && f->group == KA_VGIC_GRP_DIST_REGS &&
				  !strcmp(f->operation, "KVM_SET_DEVICE_ATTR"),
		       "not named");
		onereg_report_clear(p.report);
		ret = onereg_image_dry_run(p.image, t->dst.io, NULL, p.report);
		EXPECT(t, !ret, "%d", ret);
		EXPECT(t, find_finding(p.report, 0, ONEREG_SPACE_GIC,
				       IPRIORITYR8, EINVAL),
		       "not named by the dry run");
	}
	model_behave(t->dst.model);
	pair_close(&p);
}

void failing_get_at_save_is_named(struct test *t)
{
	const struct onereg_finding *f;
	struct shape shape = default_shape(t);
	struct pair p;

	if (!need_model(t))
		return;
	if (pair_source(t, &p, &shape, 4700)) {
		int ret = model_misbehave(t->src.model, MODEL_REFUSE_GET,
					  TTBR0, 1, EIO);

		ret = ret ? ret : onereg_vm_save(p.src.vm, &p.image, p.report);
		EXPECT(t, ret == -EIO && !p.image, "%d", ret);
		f = find_finding(p.report, 0, ONEREG_SPACE_REG, TTBR0, EIO);
		EXPECT(t, f && f->vcpu == 1 && f->severity == ONEREG_ERROR &&
				  is_get_call(f->operation),
		       "not named");
	}
	model_behave(t->src.model);
	pair_close(&p);
}

void running_vcpu_is_busy(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	if (!need_model(t))
		return;
	if (pair_source(t, &p, &shape, 4800)) {
		int ret = model_set_running(t->src.model, p.src.vcpu_fds[1],
					    true);

		ret = ret ? ret : onereg_vm_save(p.src.vm, &p.image, p.report);
		EXPECT(t, ret == -EBUSY && !p.image, "%d", ret);
		model_set_running(t->src.model, p.src.vcpu_fds[1], false);
	}
	pair_close(&p);
}

/* A host whose ID_AA64ISAR0_EL1 shows less of everything. */
static void ask_weaker(struct test *t, struct pair *p,
		       const struct onereg_host *host, struct model *weaker)
{
	const struct onereg_finding *f;
	int ret = onereg_image_check(p->image, host, p->report);

	EXPECT(t, !ret, "%d", ret);
	f = find_finding(p->report, ONEREG_CLASS_FEATURE, ONEREG_SPACE_REG,
			 ISAR0, 0);
	EXPECT(t, f && f->field && f->severity == ONEREG_IMPOSSIBLE,
	       "check does not name the field");
	EXPECT(t, onereg_report_verdict(p->report) == ONEREG_NO, "check");
	onereg_report_clear(p->report);
	ret = onereg_image_dry_run(p->image, model_io(weaker), NULL,
				   p->report);
	EXPECT(t, !ret, "%d", ret);
	EXPECT(t, find_finding(p->report, 0, ONEREG_SPACE_REG, ISAR0, EINVAL),
	       "dry run does not name the register");
	EXPECT(t, onereg_report_verdict(p->report) == ONEREG_NO, "dry run");
}

void weaker_host_is_found_by_check_and_dry_run(struct test *t)
{
	struct onereg_host *host = NULL;
	struct model *weaker = NULL;
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	ret = model_host_new(NULL, &host);
	ret = ret ? ret : model_host_set_reset(host, ISAR0, 0x10);
	ret = ret ? ret : model_new(host, NULL, &weaker);
	EXPECT(t, !ret, "%d", ret);
	if (!ret && pair_image(t, &p, 4900)) {
		ask_weaker(t, &p, host, weaker);
		pair_close(&p);
	}
	model_free(weaker);
	onereg_host_free(host);
}

/* A mismatch is data: the dry run answers, it does not fail. */
void missing_feature_is_found_by_dry_run(struct test *t)
{
	const struct model_host_options o = { .pmu = true };
	struct onereg_host *host = NULL;
	struct model *plain = NULL;
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	ret = model_host_new(&o, &host);
	ret = ret ? ret : model_new(host, NULL, &plain);
	EXPECT(t, !ret, "%d", ret);
	if (!ret && pair_image(t, &p, 4950)) {
		ret = onereg_image_dry_run(p.image, model_io(plain), NULL,
					   p.report);
		EXPECT(t, !ret && onereg_report_verdict(p.report) == ONEREG_NO,
		       "%d, %s", ret,
		       onereg_verdict_name(onereg_report_verdict(p.report)));
		EXPECT(t, model_n_open(plain) == 0, "left open");
		pair_close(&p);
	}
	model_free(plain);
	onereg_host_free(host);
}

void counter_offset_mode_is_found(struct test *t)
{
	uint64_t offset[2] = { 0, 0 };
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	if (pair_image(t, &p, 5000) &&
	    guest_create(t, &p.dst, &t->dst, &p.src.shape)) {
		ret = io_ioctl(t->dst.io, p.dst.vm_fd, SET_COUNTER_OFFSET,
			       offset);
		EXPECT(t, !ret, "%d", ret);
		ret = onereg_vm_restore(p.dst.vm, p.image, NULL, p.report);
		EXPECT(t, ret == -EBADE, "%d", ret);
		EXPECT(t, find_finding(p.report, 0, ONEREG_SPACE_REG,
				       KA_TIMER_CNT, 0), "not named");
	}
	pair_close(&p);
}
