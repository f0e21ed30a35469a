// SPDX-License-Identifier: MIT
/* VMs whose vCPUs may differ in what other VMs have once. */
#include <errno.h>
#include <stdlib.h>

#include "suite.h"

#define STD	KA_BMAP(0)

/* The second vCPU has no entropy source, and the first may have one. */
static bool make_source(struct test *t, struct pair *p, bool differ)
{
	struct shape shape = default_shape(t);
	uint64_t none = 0, one = 1;
	int ret;

	shape.asym = KA_VM_ASYM_SMCCC;
	pair_open(t, p, &shape);
	if (!guest_create(t, &p->src, &t->src, &shape) ||
	    !guest_start(t, &p->src))
		return false;
	ret = guest_set(&p->src, 0, STD, differ ? &one : &none);
	ret = ret ? ret : guest_set(&p->src, 1, STD, &none);
	return EXPECT(t, !ret, "%d", ret);
}

/* What is not in the file is not in the image after this. */
static bool save_to_file(struct test *t, struct pair *p)
{
	struct onereg_image *image = NULL;
	void *data = NULL;
	size_t size;
	int ret = onereg_vm_save(p->src.vm, &p->image, p->report);

	EXPECT(t, onereg_report_verdict(p->report) == ONEREG_YES, "verdict");
	ret = ret ? ret : onereg_image_write(p->image, &data, &size);
	ret = ret ? ret : onereg_image_read(data, size, &image, NULL);
	free(data);
	if (!EXPECT(t, !ret, "%d", ret))
		return false;
	onereg_image_free(p->image);
	p->image = image;
	return true;
}

static bool names_split(struct pair *p, enum onereg_severity severity)
{
	const struct onereg_finding *f =
		find_finding(p->report, ONEREG_CLASS_SHAPE, ONEREG_SPACE_REG,
			     STD, 0);

	return f && f->vcpu == 1 && f->severity == severity && f->a && f->b;
}

/* Into a VM that was, or was not, made for the image. */
static int restore_asym(struct test *t, struct pair *p, bool configure)
{
	struct shape shape = p->src.shape;

	shape.asym = 0;
	shape.like = configure ? p->image : NULL;
	guest_destroy(&p->dst);
	onereg_report_clear(p->report);
	return restore(t, &p->dst, &shape, p->image, p->report);
}

static int n_differences(struct pair *p)
{
	int n = 0;

	for (size_t i = 0; i < p->src.shape.n_vcpus; i++) {
		uint64_t a = 2, b = 3;

		n += guest_get(&p->src, i, STD, &a) ||
		     guest_get(&p->dst, i, STD, &b) || a != b;
	}
	return n;
}

static bool need_asym(struct test *t)
{
	if (!has_vm_regs(&t->src))
		t->skipped = "this kernel's vCPUs cannot differ";
	return !t->skipped;
}

void vcpus_that_differ_are_restored(struct test *t)
{
	struct pair p;
	int ret;

	if (!need_asym(t))
		return;
	if (make_source(t, &p, true) && save_to_file(t, &p)) {
		bool can = has_vm_regs(&t->dst);

		ret = restore_asym(t, &p, can);
		EXPECT(t, ret == (can ? 0 : -EINVAL), "%d", ret);
		EXPECT(t, can ? !n_differences(&p) :
				names_split(&p, ONEREG_ERROR), "%d", can);
		ret = restore_asym(t, &p, false);
		EXPECT(t, ret == -EINVAL && names_split(&p, ONEREG_ERROR),
		       "not configured: %d", ret);
		onereg_report_clear(p.report);
		ret = onereg_image_dry_run(p.image, t->dst.io, NULL, p.report);
		EXPECT(t, !ret && names_split(&p, ONEREG_IMPOSSIBLE) == !can &&
				  (onereg_report_verdict(p.report) <
				   ONEREG_NO) == can,
		       "dry run: %d", ret);
	}
	pair_close(&p);
}

void vcpus_that_might_differ_are_restored(struct test *t)
{
	struct pair p;
	int ret;

	if (!need_asym(t))
		return;
	if (make_source(t, &p, false) && save_to_file(t, &p))
		for (int configure = 0; configure < 2; configure++) {
			ret = restore_asym(t, &p, configure);
			EXPECT(t, !ret && !n_differences(&p),
			       "configured %d: %d", configure, ret);
			test_log_report(t, p.report);
		}
	pair_close(&p);
}

void configuring_comes_before_vcpus(struct test *t)
{
	struct pair p;
	int ret;

	if (!need_asym(t) || !has_vm_regs(&t->dst))
		return;
	if (make_source(t, &p, true) && save_to_file(t, &p) &&
	    guest_create(t, &p.dst, &t->dst, &(struct shape){ .n_vcpus = 1 })) {
		ret = onereg_vm_configure(t->dst.io, p.dst.vm_fd, p.image,
					  p.report);
		EXPECT(t, ret == -EBUSY && find_finding(p.report, 0,
							ONEREG_SPACE_REG,
							KA_VM_ASYM, EBUSY),
		       "%d", ret);
	}
	pair_close(&p);
}

/* A host is asked, not the VM: check says what a dry run says. */
void check_knows_whether_vcpus_can_differ(struct test *t)
{
	struct onereg_describe_options o = { .size = sizeof(o),
					     .io = t->dst.io };
	struct onereg_host *host = NULL;
	struct pair p;
	int ret;

	if (!need_asym(t))
		return;
	if (make_source(t, &p, true) && save_to_file(t, &p)) {
		bool can = has_vm_regs(&t->dst);

		ret = onereg_host_describe(&o, &host, NULL);
		ret = ret ? ret : onereg_image_check(p.image, host, p.report);
		EXPECT(t, !ret && names_split(&p, ONEREG_IMPOSSIBLE) == !can,
		       "%d", ret);
	}
	onereg_host_free(host);
	pair_close(&p);
}
