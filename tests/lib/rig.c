// SPDX-License-Identifier: MIT
/* Two machines, of which one fails; and the loops over its failures. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "its.h"
#include "model.h"
#include "rig.h"

/* ---- an io whose n-th ioctl fails ---- */

static void do_half(struct faulty *f, int fd, unsigned long request,
		    struct ka_reg_vec *vec)
{
	struct ka_reg_vec half = *vec;

	half.count /= 2;
	if (half.count &&
	    !pass_ioctl(&f->pass, fd, request, &half))
		vec->done = half.count;
}

static int faulty_ioctl(void *userdata, int fd, unsigned long request,
			void *arg)
{
	struct faulty *f = userdata;

	f->calls++;
	if (f->n && (f->calls == f->n || (f->for_good && f->calls > f->n))) {
		if (!f->fired)
			f->request = request;
		f->fired = true;
		if (f->halves &&
		    (request == KA_GET_REG_VEC || request == KA_SET_REG_VEC))
			do_half(f, fd, request, arg);
		return -f->error;
	}
	return pass_ioctl(&f->pass, fd, request, arg);
}

void arm(struct faulty *f, uint64_t n, int error, bool for_good)
{
	f->n = n;
	f->calls = 0;
	f->error = error;
	f->for_good = for_good;
	f->fired = false;
}

/* ---- what the operations work on ---- */

struct rig rig;
bool with_vm_regs, with_halves, with_its;

/* Small, so that a loop over every call ends soon; with PMU and GIC. */
static void rig_open(void)
{
	const struct model_host_options o = { .pmu = true,
					      .vm_regs = with_vm_regs };
	struct shape shape = { .n_vcpus = 2, .gic = true, .nr_irqs = 64 };
	struct model *src, *dst;

	rig = (struct rig){ .src = no_guest, .dst = no_guest,
			    .counts = { .size = sizeof(rig.counts) } };
	cr_assert_eq(model_host_new(&o, &rig.host), 0);
	cr_assert_eq(model_new(rig.host, NULL, &src), 0);
	cr_assert_eq(model_new(rig.host, NULL, &dst), 0);
	cr_assert_eq(pass_init(&rig.faulty.pass, model_io(dst), faulty_ioctl),
		     0);
	rig.faulty.halves = with_halves;
	rig.t.src = (struct machine){ model_io(src), src };
	rig.t.dst = (struct machine){ &rig.faulty.pass.io, dst };
	shape.features = rig.host->profiles[1].features;
	rig.t.features = shape.features;
	shape.n_its = with_its;
	cr_assert(guest_make(&rig.t, &rig.src, &shape, 1), "%s", rig.t.log);
	if (with_its && its_boot(&rig.t, &rig.src, true))
		its_busy(&rig.t, &rig.src);
	rig.image = save(&rig.t, &rig.src);
	cr_assert(rig.image, "%s", rig.t.log);
}

static void rig_close(void)
{
	onereg_source_free(rig.source);
	onereg_destination_free(rig.destination);
	onereg_image_free(rig.image);
	onereg_host_free(rig.described);
	guest_destroy(&rig.src);
	if (rig.dst.machine)
		guest_destroy(&rig.dst);
	model_free(rig.t.src.model);
	model_free(rig.t.dst.model);
	onereg_host_free(rig.host);
}

void new_destination(void)
{
	struct shape shape = rig.src.shape;

	if (rig.dst.machine)
		guest_destroy(&rig.dst);
	shape.memory = rig.src.memory;
	cr_assert(guest_create(&rig.t, &rig.dst, &rig.t.dst, &shape),
		  "%s", rig.t.log);
}

/* ---- what operations share ---- */

/* A finding with an errno and the call that it came from. */
bool names_failure(const struct onereg_report *report, int error)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (f->error == error && f->operation)
			return true;
	return false;
}

bool counted_all(const struct onereg_report *report,
			const struct onereg_counts *all)
{
	struct onereg_counts c = { .size = sizeof(c) };

	onereg_report_counts(report, &c);
	return c.registers_compared == all->registers_compared &&
	       c.attributes_compared == all->attributes_compared;
}

int run_restore(struct onereg_report *report)
{
	return onereg_vm_restore(rig.dst.vm, rig.image, NULL, report);
}

bool restored(const struct onereg_report *report)
{
	(void)report;
	return !model_compare(rig.t.src.model, rig.src.vm_fd, rig.t.dst.model,
			      rig.dst.vm_fd, NULL, 0);
}

void make_restored(void)
{
	if (rig.dst.machine)
		return;
	new_destination();
	cr_assert_eq(run_restore(NULL), 0);
}

/* ---- loops ---- */

struct onereg_report *fresh_report(void)
{
	struct onereg_report *report = NULL;

	cr_assert_eq(onereg_report_new(&report), 0);
	return report;
}

static void forget(const struct operation *op)
{
	if (op->forget)
		op->forget();
}

/* Without a failure: what all of it is. */
static void run_whole(const struct operation *op)
{
	struct onereg_report *report = fresh_report();
	char text[512];
	int ret;

	op->prepare();
	arm(&rig.faulty, 0, 0, false);
	ret = op->run(report);
	onereg_report_format(report, text, sizeof(text));
	cr_assert_eq(ret, 0, "%s fails without a failure: %s", op->name, text);
	onereg_report_counts(report, &rig.counts);
	onereg_report_free(report);
	forget(op);
}

static void judge(const struct operation *op,
		  const struct onereg_report *report, int ret, int error)
{
	struct faulty *f = &rig.faulty;
	uint64_t n = f->n;

	f->n = 0;
	if (!ret)
		cr_expect(op->truthful(report) ||
				  names_failure(report, error),
			  "%s: call %llu (%#lx) fails with %d: 0, untrue",
			  op->name, (unsigned long long)n, f->request, error);
	else
		cr_expect(names_failure(report, error) &&
				  onereg_report_verdict(report) ==
					  ONEREG_FAILED,
			  "%s: call %llu (%#lx) fails with %d: %d, not named",
			  op->name, (unsigned long long)n, f->request, error,
			  ret);
}

/* stride: not every call, where there are too many. */
void fail_each_call(const struct operation *op, int error,
			   bool for_good, uint64_t stride)
{
	bool fired = true;

	rig_open();
	run_whole(op);
	for (uint64_t n = 1; fired; n += stride) {
		struct onereg_report *report = fresh_report();
		size_t open;
		int ret;

		op->prepare();
		open = model_n_open(rig.t.dst.model);
		arm(&rig.faulty, n, error, for_good);
		ret = op->run(report);
		fired = rig.faulty.fired;
		if (fired)
			judge(op, report, ret, error);
		else
			cr_expect_eq(ret, 0);
		arm(&rig.faulty, 0, 0, false);
		cr_expect_eq(model_n_open(rig.t.dst.model), open,
			     "%s: call %llu leaves files open", op->name,
			     (unsigned long long)n);
		onereg_report_free(report);
		forget(op);
	}
	rig_close();
}

void fail_each_allocation(const struct operation *op)
{
	bool fired = true;

	rig_open();
	run_whole(op);
	for (size_t n = 1; fired; n++) {
		struct onereg_report *report = fresh_report();
		size_t open;
		int ret;

		op->prepare();
		open = model_n_open(rig.t.dst.model);
		fault_at(FAULT_MALLOC, n, 0);
		ret = op->run(report);
		fired = fault_stop(FAULT_MALLOC) >= n;
		if (fired && ret)
			cr_expect(ret == -ENOMEM &&
					  onereg_report_verdict(report) ==
						  ONEREG_FAILED,
				  "%s: allocation %zu: %d, %s", op->name, n,
				  ret, onereg_verdict_name(
					  onereg_report_verdict(report)));
		else if (fired)
			cr_expect(op->truthful(report) ||
					  onereg_report_verdict(report) ==
						  ONEREG_FAILED,
				  "%s: allocation %zu: 0, untrue", op->name,
				  n);
		cr_expect_eq(model_n_open(rig.t.dst.model), open,
			     "%s: allocation %zu leaves files open", op->name,
			     n);
		onereg_report_free(report);
		forget(op);
	}
	rig_close();
}

