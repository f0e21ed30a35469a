// SPDX-License-Identifier: MIT
/* Hosts that offer less than this one: what asking them says. */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "suite.h"

#define CAP_ARM_PSCI_0_2 102

/* ---- an io in front of the machine's ---- */

static int less_open(void *userdata, const char *path)
{
	struct less *l = userdata;
	int fd;

	if (l->open_error)
		return -l->open_error;
	fd = pass_open(&l->pass, path);
	l->n_open += fd >= 0;
	return fd;
}

static int less_close(void *userdata, int fd)
{
	struct less *l = userdata;

	l->n_open--;
	return pass_close(&l->pass, fd);
}

static bool is_hidden(const struct less *l, const void *cap)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->hidden); i++)
		if (l->hidden[i] && l->hidden[i] == (uintptr_t)cap)
			return true;
	return false;
}

static int less_ioctl(void *userdata, int fd, unsigned long request, void *arg)
{
	struct less *l = userdata;
	int ret;

	if (request == KA_CHECK_EXTENSION && is_hidden(l, arg))
		return 0;
	if (l->refuse && request == l->refuse && l->n_asked++ >= l->n)
		return -l->error;
	ret = pass_ioctl(&l->pass, fd, request, arg);
	if (request == KA_CREATE_VM || request == KA_CREATE_VCPU ||
	    request == KA_CREATE_DEVICE)
		l->n_open += ret >= 0;
	return ret;
}

static int less_frequency(void *userdata, uint64_t *ret)
{
	struct less *l = userdata;

	if (!l->frequency)
		return pass_frequency(&l->pass, ret);
	*ret = l->frequency;
	return 0;
}

bool less_init(struct test *t, struct less *l, const struct onereg_io *real)
{
	int ret;

	*l = (struct less){ 0 };
	ret = pass_init(&l->pass, real, less_ioctl);
	l->pass.io.open = less_open;
	l->pass.io.close = less_close;
	l->pass.io.counter_frequency = less_frequency;
	return EXPECT(t, !ret, "%d", ret);
}

/* ---- dry runs ---- */

/* A finding of class SHAPE whose name has the text in it. */
static bool has_shape(const struct onereg_report *report, const char *name)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (f->class_ == ONEREG_CLASS_SHAPE &&
		    f->severity == ONEREG_IMPOSSIBLE && f->name &&
		    strstr(f->name, name))
			return true;
	return false;
}

static void expect_no(struct test *t, struct pair *p, struct less *l,
		      const char *name)
{
	int ret;

	onereg_report_clear(p->report);
	ret = onereg_image_dry_run(p->image, &l->pass.io, NULL, p->report);
	if (!EXPECT(t, !ret && has_shape(p->report, name) &&
			       onereg_report_verdict(p->report) == ONEREG_NO,
		    "%s: %d, %s", name, ret,
		    onereg_verdict_name(onereg_report_verdict(p->report))))
		test_log_report(t, p->report);
	EXPECT(t, !l->n_open, "%s: %zu left open", name, l->n_open);
}

void dry_run_says_no_where_the_vm_cannot_be_made(struct test *t)
{
	static const struct {
		unsigned long refuse;
		size_t n;
		int error;
		const char *name;
		bool needs_gic;
	} refusals[] = {
		{ KA_ENABLE_CAP, 0, EINVAL, "KVM_CAP_ARM_NISV_TO_USER",
		  false },
		{ KA_CREATE_VCPU, 1, EINVAL, "vCPU 1 with id 1", false },
		{ KA_CREATE_DEVICE, 0, ENODEV, "GICv3", true },
	};
	struct shape shape = default_shape(t);
	struct less l;
	struct pair p;

	shape.cap = KA_CAP_ARM_NISV_TO_USER;
	if (!pair_source(t, &p, &shape, 6000) || !pair_save(t, &p))
		goto out;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (!less_init(t, &l, t->dst.io) ||
		    (refusals[i].needs_gic && !t->has_gic))
			continue;
		l.refuse = refusals[i].refuse;
		l.n = refusals[i].n;
		l.error = refusals[i].error;
		expect_no(t, &p, &l, refusals[i].name);
	}
	if (less_init(t, &l, t->dst.io)) {
		l.frequency = machine_frequency(&t->dst) + 1;
		expect_no(t, &p, &l, "CNTFRQ_EL0");
	}
out:
	pair_close(&p);
}

void dry_run_says_no_without_stolen_time(struct test *t)
{
	struct onereg_host *host = NULL;
	const struct onereg_finding *f;
	struct model *plain = NULL;
	struct pair p;
	int ret;

	if (!need_model(t))
		return;
	ret = model_host_new(NULL, &host);
	ret = ret ? ret : model_host_set_cap(host, KA_CAP_STEAL_TIME, 0);
	ret = ret ? ret : model_new(host, NULL, &plain);
	EXPECT(t, !ret, "%d", ret);
	if (!ret && pair_image(t, &p, 6100)) {
		ret = onereg_image_dry_run(p.image, model_io(plain), NULL,
					   p.report);
		f = find_finding(p.report, ONEREG_CLASS_SHAPE,
				 ONEREG_SPACE_VCPU_ATTR, KA_VCPU_PVTIME_IPA,
				 ENXIO);
		EXPECT(t, !ret && f && f->group == KA_VCPU_PVTIME_CTRL, "%d",
		       ret);
		EXPECT(t, onereg_report_verdict(p.report) == ONEREG_NO, "%s",
		       onereg_verdict_name(onereg_report_verdict(p.report)));
		EXPECT(t, !model_n_open(plain), "left open");
		pair_close(&p);
	}
	model_free(plain);
	onereg_host_free(host);
}

/* ---- describe ---- */

/* An error with the texts in its name and its reason, and nothing open. */
static void expect_undescribed(struct test *t, struct less *l, int error,
			       const char *name, const char *why)
{
	struct onereg_describe_options o = { .size = sizeof(o),
					     .io = &l->pass.io };
	struct onereg_report *report = report_new(t);
	const struct onereg_finding *f;
	struct onereg_host *host = NULL;
	bool named = false;
	int ret = onereg_host_describe(&o, &host, report);

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		named = named || (f->severity == ONEREG_ERROR && f->name &&
				  f->error == error && f->why &&
				  strstr(f->name, name) && strstr(f->why, why));
	if (!EXPECT(t, ret == -error && named && !host, "%s: %d", name, ret))
		test_log_report(t, report);
	EXPECT(t, !l->n_open, "%zu left open", l->n_open);
	onereg_host_free(host);
	onereg_report_free(report);
}

void describe_tells_what_kvm_lacks(struct test *t)
{
	static const struct {
		uint32_t hidden[2];
		int error;
		const char *name, *why;
	} kernels[] = {
		{ { CAP_ARM_PSCI_0_2, KA_CAP_ARM_VM_IPA_SIZE }, ENOSYS, "kvm",
		  "arm64" },
		{ { KA_CAP_ONE_REG }, EOPNOTSUPP, "KVM_CAP_ONE_REG", "" },
		{ { KA_CAP_MP_STATE }, EOPNOTSUPP, "KVM_CAP_MP_STATE", "" },
	};
	struct less l;

	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		if (!less_init(t, &l, t->src.io))
			return;
		memcpy(l.hidden, kernels[i].hidden, sizeof(l.hidden));
		expect_undescribed(t, &l, kernels[i].error, kernels[i].name,
				   kernels[i].why);
	}
}

void describe_tells_why_open_failed(struct test *t)
{
	struct less l;

	if (!less_init(t, &l, t->src.io))
		return;
	l.open_error = EACCES;
	expect_undescribed(t, &l, EACCES, "/dev/kvm", "no permission");
	l.open_error = ENOENT;
	expect_undescribed(t, &l, ENOENT, "/dev/kvm", "no such device");
}
