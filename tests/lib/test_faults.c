// SPDX-License-Identifier: MIT
/*
 * Every call that the library makes fails once, or from then on for good;
 * so does every allocation. Each failure has to leave an error that names
 * the call, nothing open, and never a success that is none.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "leaks.h"
#include "model.h"
#include "rig.h"

/* ---- operations ---- */

static void nothing(void)
{
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
	return onereg_image_dry_run(rig.image, &rig.faulty.pass.io, NULL,
				    report);
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
					     .io = &rig.faulty.pass.io,
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
					     run_restore, restored, NULL };
static const struct operation op_prove = { "prove", make_restored, run_prove,
					   proved, NULL };
static const struct operation op_dry_run = { "dry run", nothing, run_dry_run,
					     proved, NULL };
static const struct operation op_save = { "save", make_proved, run_save,
					  saved, forget };
static const struct operation op_describe = { "describe", nothing,
					      run_describe, described, forget };
static const struct operation op_probe = { "probe", nothing, run_probe,
					   described, forget };
static const struct operation op_check = { "check", make_described, run_check,
					   checked, NULL };

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

/* And where the VM has an ITS. */
#define ITS_TESTS(op)                                                \
	Test(its_faults, op##_call_fails)                            \
	{                                                            \
		with_vm_regs = with_its = true;                      \
		fail_each_call(&op_##op, EIO, false, 1);             \
		fail_each_call(&op_##op, EFAULT, false, 1);          \
		fail_each_call(&op_##op, EBUSY, true, 1);            \
	}                                                            \
	Test(its_faults, op##_allocation_fails)                      \
	{                                                            \
		with_vm_regs = with_its = true;                      \
		fail_each_allocation(&op_##op);                      \
	}

LEAK_CHECKED(its_faults);

ITS_TESTS(restore)
ITS_TESTS(prove)
ITS_TESTS(dry_run)
ITS_TESTS(save)

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
