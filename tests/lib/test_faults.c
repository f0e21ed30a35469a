// SPDX-License-Identifier: MIT
/*
 * Every call that the library makes fails once, or from then on for good;
 * so does every allocation. Each failure has to leave an error that names
 * the call, nothing open, and never a success that is none.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "faults.h"
#include "leaks.h"
#include "model.h"
#include "suite.h"

/* ---- an io whose n-th ioctl fails ---- */

struct faulty {
	struct onereg_io io;
	const struct onereg_io *real;
	uint64_t n, calls;	/* n 0: never */
	int error;
	bool for_good;
	bool halves;		/* of a vector one half is done */
	bool fired;
	unsigned long request;	/* that failed first */
};

static void do_half(const struct faulty *f, int fd, unsigned long request,
		    struct ka_reg_vec *vec)
{
	struct ka_reg_vec half = *vec;

	half.count /= 2;
	if (half.count &&
	    !f->real->ioctl(f->real->userdata, fd, request, &half))
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
	return f->real->ioctl(f->real->userdata, fd, request, arg);
}

static int faulty_open(void *userdata, const char *path)
{
	struct faulty *f = userdata;

	return f->real->open(f->real->userdata, path);
}

static int faulty_close(void *userdata, int fd)
{
	struct faulty *f = userdata;

	return f->real->close(f->real->userdata, fd);
}

static int faulty_frequency(void *userdata, uint64_t *ret)
{
	struct faulty *f = userdata;

	return f->real->counter_frequency(f->real->userdata, ret);
}

static int faulty_clock(void *userdata, uint64_t *ret)
{
	struct faulty *f = userdata;

	return f->real->wall_clock(f->real->userdata, ret);
}

static int faulty_release(void *userdata, char *buf, size_t size)
{
	struct faulty *f = userdata;

	return f->real->release(f->real->userdata, buf, size);
}

static void faulty_init(struct faulty *f, const struct onereg_io *real)
{
	*f = (struct faulty){ .real = real, .io = {
		.size = sizeof(f->io), .userdata = f, .open = faulty_open,
		.close = faulty_close, .ioctl = faulty_ioctl,
		.counter_frequency = faulty_frequency,
		.wall_clock = faulty_clock, .release = faulty_release } };
}

static void arm(struct faulty *f, uint64_t n, int error, bool for_good)
{
	f->n = n;
	f->calls = 0;
	f->error = error;
	f->for_good = for_good;
	f->fired = false;
}

/* ---- what the operations work on ---- */

struct rig {
	struct test t;
	struct onereg_host *host;
	struct faulty faulty;	/* the machine that fails is the destination */
	struct guest src, dst;
	struct onereg_image *image;	/* of src */
	struct onereg_host *described;	/* without a failure */
	struct onereg_counts counts;	/* of the operation without a failure */
	struct onereg_counts proof;	/* of a proof without a failure */
	/* what the operation made */
	struct onereg_image *saved;
	struct onereg_host *again;
};

static struct rig rig;
/* Of the next rig: has its kernel VM-scoped registers? Halves of vectors? */
static bool with_vm_regs, with_halves;

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
	faulty_init(&rig.faulty, model_io(dst));
	rig.faulty.halves = with_halves;
	rig.t.src = (struct machine){ model_io(src), src };
	rig.t.dst = (struct machine){ &rig.faulty.io, dst };
	shape.features = rig.host->profiles[1].features;
	rig.t.features = shape.features;
	cr_assert(guest_make(&rig.t, &rig.src, &shape, 1), "%s", rig.t.log);
	rig.image = save(&rig.t, &rig.src);
	cr_assert(rig.image, "%s", rig.t.log);
}

static void rig_close(void)
{
	onereg_image_free(rig.image);
	onereg_host_free(rig.described);
	guest_destroy(&rig.src);
	if (rig.dst.machine)
		guest_destroy(&rig.dst);
	model_free(rig.t.src.model);
	model_free(rig.t.dst.model);
	onereg_host_free(rig.host);
}

static void new_destination(void)
{
	if (rig.dst.machine)
		guest_destroy(&rig.dst);
	cr_assert(guest_create(&rig.t, &rig.dst, &rig.t.dst, &rig.src.shape),
		  "%s", rig.t.log);
}

/* ---- operations ---- */

/*
 * prepare: before the failure is armed. truthful: it returned 0 although a
 * call failed; is what it says the truth?
 */
struct operation {
	const char *name;
	void (*prepare)(void);
	int (*run)(struct onereg_report *report);
	bool (*truthful)(const struct onereg_report *report);
};

/* A finding with an errno and the call that it came from. */
static bool names_failure(const struct onereg_report *report, int error)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (f->error == error && f->operation)
			return true;
	return false;
}

static bool counted_all(const struct onereg_report *report,
			const struct onereg_counts *all)
{
	struct onereg_counts c = { .size = sizeof(c) };

	onereg_report_counts(report, &c);
	return c.registers_compared == all->registers_compared &&
	       c.attributes_compared == all->attributes_compared;
}

static void nothing(void)
{
}

static int run_restore(struct onereg_report *report)
{
	return onereg_vm_restore(rig.dst.vm, rig.image, NULL, report);
}

static bool restored(const struct onereg_report *report)
{
	(void)report;
	return !model_compare(rig.t.src.model, rig.src.vm_fd, rig.t.dst.model,
			      rig.dst.vm_fd, NULL, 0);
}

static void make_restored(void)
{
	if (rig.dst.machine)
		return;
	new_destination();
	cr_assert_eq(run_restore(NULL), 0);
}

static int run_prove(struct onereg_report *report)
{
	return onereg_vm_prove(rig.dst.vm, rig.image, report);
}

/* A yes means that everything was compared. */
static bool proved(const struct onereg_report *report)
{
	return onereg_report_verdict(report) > ONEREG_WITH_CARE ||
	       counted_all(report, &rig.counts);
}

static int run_dry_run(struct onereg_report *report)
{
	return onereg_image_dry_run(rig.image, &rig.faulty.io, NULL, report);
}

static int run_save(struct onereg_report *report)
{
	return onereg_vm_save(rig.dst.vm, &rig.saved, report);
}

/* The VM is what the image says, or what is missing was told. */
static bool saved(const struct onereg_report *report)
{
	struct onereg_report *proof = NULL;
	bool same;

	cr_assert(rig.saved, "no image with success");
	cr_assert_eq(onereg_report_new(&proof), 0);
	same = !onereg_vm_prove(rig.dst.vm, rig.saved, proof) &&
	       !onereg_report_differences(proof, ONEREG_CLASS_UNEXPLAINED) &&
	       counted_all(proof, &rig.proof);
	onereg_report_free(proof);
	return same || onereg_report_verdict(report) > ONEREG_WITH_CARE;
}

static void forget(void)
{
	onereg_image_free(rig.saved);
	rig.saved = NULL;
	if (rig.again != rig.described)
		onereg_host_free(rig.again);
	rig.again = NULL;
}

/* How much a proof of the whole image compares. */
static void make_proved(void)
{
	struct onereg_report *report = NULL;

	make_restored();
	if (rig.proof.registers_compared)
		return;
	rig.proof.size = sizeof(rig.proof);
	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_vm_prove(rig.dst.vm, rig.image, report), 0);
	onereg_report_counts(report, &rig.proof);
	onereg_report_free(report);
}

static int describe(struct onereg_report *report, bool probe)
{
	struct onereg_describe_options o = { .size = sizeof(o),
					     .io = &rig.faulty.io,
					     .probe_scope = probe };
	int ret = onereg_host_describe(&o, &rig.again, report);

	if (!ret && !rig.described)
		rig.described = rig.again;
	return ret;
}

static int run_describe(struct onereg_report *report)
{
	return describe(report, false);
}

static int run_probe(struct onereg_report *report)
{
	return describe(report, true);
}

static bool same_caps(const struct onereg_host *a, const struct onereg_host *b)
{
	bool same = a->n_caps == b->n_caps;

	for (size_t i = 0; same && i < a->n_caps; i++)
		same = a->caps[i].cap == b->caps[i].cap &&
		       a->caps[i].value == b->caps[i].value;
	return same;
}

/* Nothing learnt about a scope is true; a wrong one is not. */
static bool same_reg(const struct host_profile *a,
		     const struct host_profile *b, size_t i)
{
	uint64_t id = a->set.ids[i];
	bool moves = id == KA_TIMER_CNT || id == KA_PTIMER_CNT ||
		     id == KA_TIMER_CTL || id == KA_PTIMER_CTL;

	return a->has_reset[i] == b->has_reset[i] &&
	       a->has_mask[i] == b->has_mask[i] &&
	       a->writable[i] == b->writable[i] &&
	       (a->scope[i] == b->scope[i] || !a->scope[i]) &&
	       (moves || !memcmp(a->reset + a->set.offsets[i],
				 b->reset + b->set.offsets[i],
				 onereg_reg_size(id)));
}

static bool same_profile(const struct host_profile *a,
			 const struct host_profile *b)
{
	bool same = a->features == b->features &&
		    regset_equal(&a->set, &b->set);

	for (size_t i = 0; same && i < a->set.n; i++)
		same = same_reg(a, b, i);
	return same;
}

static bool described(const struct onereg_report *report)
{
	const struct onereg_host *a = rig.again, *b = rig.described;
	bool same;

	(void)report;
	cr_assert(a, "no host with success");
	same = a->n_profiles == b->n_profiles && same_caps(a, b);
	for (size_t i = 0; same && i < a->n_profiles; i++)
		same = same_profile(&a->profiles[i], &b->profiles[i]);
	return same;
}

static void make_described(void)
{
	if (!rig.described)
		cr_assert_eq(run_describe(NULL), 0);
	rig.again = NULL;
}

static int run_check(struct onereg_report *report)
{
	return onereg_image_check(rig.image, rig.described, report);
}

static bool checked(const struct onereg_report *report)
{
	return onereg_report_verdict(report) <= ONEREG_WITH_CARE;
}

static const struct operation op_restore = { "restore", new_destination,
					     run_restore, restored };
static const struct operation op_prove = { "prove", make_restored, run_prove,
					   proved };
static const struct operation op_dry_run = { "dry run", nothing, run_dry_run,
					     proved };
static const struct operation op_save = { "save", make_proved, run_save,
					  saved };
static const struct operation op_describe = { "describe", nothing,
					      run_describe, described };
static const struct operation op_probe = { "probe", nothing, run_probe,
					   described };
static const struct operation op_check = { "check", make_described, run_check,
					   checked };

/* ---- loops ---- */

static struct onereg_report *fresh_report(void)
{
	struct onereg_report *report = NULL;

	cr_assert_eq(onereg_report_new(&report), 0);
	return report;
}

/* Without a failure: what all of it is. */
static void run_whole(const struct operation *op)
{
	struct onereg_report *report = fresh_report();

	op->prepare();
	arm(&rig.faulty, 0, 0, false);
	cr_assert_eq(op->run(report), 0, "%s fails without a failure",
		     op->name);
	onereg_report_counts(report, &rig.counts);
	onereg_report_free(report);
	forget();
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
static void fail_each_call(const struct operation *op, int error,
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
		forget();
	}
	rig_close();
}

static void fail_each_allocation(const struct operation *op)
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
		forget();
	}
	rig_close();
}

LEAK_CHECKED(faults);

#define FAULT_TESTS(op)                                              \
	Test(faults, op##_call_fails_once_eio)                       \
	{                                                            \
		fail_each_call(&op_##op, EIO, false, 1);             \
	}                                                            \
	Test(faults, op##_calls_fail_for_good_eio)                   \
	{                                                            \
		fail_each_call(&op_##op, EIO, true, 1);              \
	}                                                            \
	Test(faults, op##_call_fails_once_ebusy)                     \
	{                                                            \
		fail_each_call(&op_##op, EBUSY, false, 1);           \
	}                                                            \
	Test(faults, op##_call_fails_once_enomem)                    \
	{                                                            \
		fail_each_call(&op_##op, ENOMEM, false, 1);          \
	}                                                            \
	Test(faults, op##_call_fails_once_eintr)                     \
	{                                                            \
		fail_each_call(&op_##op, EINTR, false, 1);           \
	}                                                            \
	Test(faults, op##_calls_fail_for_good_eintr)                 \
	{                                                            \
		fail_each_call(&op_##op, EINTR, true, 1);            \
	}                                                            \
	Test(faults, op##_allocation_fails)                          \
	{                                                            \
		fail_each_allocation(&op_##op);                      \
	}

FAULT_TESTS(restore)
FAULT_TESTS(prove)
FAULT_TESTS(dry_run)
FAULT_TESTS(save)
FAULT_TESTS(describe)

/* The same where the kernel has VM-scoped registers. */
#define VM_REGS_TESTS(op)                                            \
	Test(vm_regs_faults, op##_call_fails_once)                   \
	{                                                            \
		with_vm_regs = true;                                 \
		fail_each_call(&op_##op, EIO, false, 1);             \
		fail_each_call(&op_##op, EBUSY, false, 1);           \
		fail_each_call(&op_##op, EINTR, false, 1);           \
	}                                                            \
	Test(vm_regs_faults, op##_calls_fail_for_good)               \
	{                                                            \
		with_vm_regs = true;                                 \
		fail_each_call(&op_##op, EIO, true, 1);              \
		fail_each_call(&op_##op, EINTR, true, 1);            \
	}                                                            \
	Test(vm_regs_faults, op##_vector_stops_in_the_middle)        \
	{                                                            \
		with_vm_regs = true;                                 \
		with_halves = true;                                  \
		fail_each_call(&op_##op, EIO, false, 1);             \
		fail_each_call(&op_##op, EINTR, false, 1);           \
		fail_each_call(&op_##op, EINTR, true, 1);            \
	}                                                            \
	Test(vm_regs_faults, op##_allocation_fails)                  \
	{                                                            \
		with_vm_regs = true;                                 \
		fail_each_allocation(&op_##op);                      \
	}

LEAK_CHECKED(vm_regs_faults);

VM_REGS_TESTS(restore)
VM_REGS_TESTS(prove)
VM_REGS_TESTS(dry_run)
VM_REGS_TESTS(save)
VM_REGS_TESTS(describe)

Test(faults, probe_call_fails_once_eio)
{
	fail_each_call(&op_probe, EIO, false, 31);
}

Test(faults, probe_call_fails_once_enomem)
{
	fail_each_call(&op_probe, ENOMEM, false, 29);
}

Test(faults, probe_allocation_fails)
{
	fail_each_allocation(&op_probe);
}

Test(faults, check_allocation_fails)
{
	fail_each_allocation(&op_check);
}
