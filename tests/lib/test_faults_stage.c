// SPDX-License-Identifier: MIT
/*
 * The same of a live migration: what fails on the source, which must be able
 * to stop again, and on the destination.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leaks.h"
#include "model.h"
#include "restore.h"
#include "rig.h"

static const void *bytes;
static size_t n_bytes;

static void drop_source(void)
{
	onereg_source_free(rig.source);
	rig.source = NULL;
}

static void drop_destination(void)
{
	onereg_destination_free(rig.destination);
	rig.destination = NULL;
}

/* ---- the source: the machine that fails has the guest ---- */

static int run_stage_source(struct onereg_report *report)
{
	return onereg_source_stage(rig.dst.vm, NULL, &rig.source, report);
}

static int run_stop(struct onereg_report *report)
{
	return onereg_source_stop(rig.source, &bytes, &n_bytes, report);
}

static int run_restage_source(struct onereg_report *report)
{
	return onereg_source_restage(rig.source, &bytes, &n_bytes, report);
}

/* As onereg_vm_prove(), which takes whole VMs only. */
static int prove_but_gic(const struct onereg_image *image,
			 struct onereg_report *report)
{
	struct onereg_image some = *image;
	struct restore r;
	int ret;

	some.has_gic = false;
	ret = restore_open(&r, rig.dst.vm, &some, report);
	if (ret)
		return ret;
	ret = access_list(&r.access, report) ?:
	      prove_state(&r) ?: prove_clocks(&r);
	restore_close(&r);
	return ret;
}

/* What the source has read is what the VM is, but for the GIC. */
static bool read_well(const struct onereg_report *report)
{
	struct onereg_report *proof = fresh_report();
	bool same;

	(void)report;
	cr_assert(rig.source, "no source with success");
	same = !prove_but_gic(onereg_source_image(rig.source), proof) &&
	       !onereg_report_differences(proof, ONEREG_CLASS_UNEXPLAINED);
	onereg_report_free(proof);
	return same;
}

/* One vCPU's register, so that there is something to tell each time. */
static void change_something(void)
{
	static uint64_t value;
	uint64_t id = KA_SYS(3, 3, 13, 0, 2);

	value++;
	cr_assert_eq(guest_set(&rig.dst, 1, id, &value), 0);
}

/* Whatever failed before, now it works, and what it tells is true. */
static void make_stopped(void)
{
	make_restored();
	change_something();
	if (!rig.source)
		cr_assert_eq(run_stage_source(NULL), 0);
	else
		cr_assert(!run_stop(NULL) && read_well(NULL),
			  "cannot be stopped again");
	change_something();
}

static void make_restaged(void)
{
	make_restored();
	change_something();
	if (!rig.source)
		cr_assert_eq(run_stage_source(NULL), 0);
	else
		cr_assert(!run_restage_source(NULL) && read_well(NULL),
			  "cannot be staged again");
	change_something();
}

static const struct operation op_stage_source = {
	"stage the source", make_restored, run_stage_source, read_well,
	drop_source
};
static const struct operation op_stop = { "stop", make_stopped, run_stop,
					  read_well, NULL };
static const struct operation op_restage_source = {
	"stage the source again", make_restaged, run_restage_source,
	read_well, NULL
};

/* ---- the destination: the source, which does not fail, is made once ---- */

static struct onereg_image *first_image;
static void *rounds[2];
static size_t round_sizes[2];

static void keep_round(size_t i)
{
	rounds[i] = malloc(n_bytes);
	cr_assert(rounds[i]);
	memcpy(rounds[i], bytes, n_bytes);
	round_sizes[i] = n_bytes;
}

/* The first copy, and two rounds of changes with something in them. */
static void make_source(void)
{
	struct onereg_source *s;
	void *data;
	size_t size;

	if (first_image)
		return;
	cr_assert_eq(onereg_source_stage(rig.src.vm, NULL, &s, NULL), 0);
	cr_assert_eq(onereg_image_write(onereg_source_image(s), &data, &size),
		     0);
	cr_assert_eq(onereg_image_read(data, size, &first_image, NULL), 0);
	free(data);
	guest_scribble_vcpus(&rig.t, &rig.src, 11);
	cr_assert_eq(onereg_source_restage(s, &bytes, &n_bytes, NULL), 0);
	keep_round(0);
	guest_scribble_vcpus(&rig.t, &rig.src, 12);
	cr_assert_eq(onereg_source_stop(s, &bytes, &n_bytes, NULL), 0);
	keep_round(1);
	onereg_source_free(s);
}

static void forget_source(void)
{
	onereg_image_free(first_image);
	first_image = NULL;
	for (size_t i = 0; i < 2; i++) {
		free(rounds[i]);
		rounds[i] = NULL;
	}
}

static int run_stage(struct onereg_report *report)
{
	return onereg_destination_stage(rig.dst.vm, first_image, NULL,
					&rig.destination, report);
}

static int run_restage(struct onereg_report *report)
{
	return onereg_destination_restage(rig.destination, rounds[0],
					  round_sizes[0], report);
}

static int run_commit(struct onereg_report *report)
{
	return onereg_destination_commit(rig.destination, rounds[1],
					 round_sizes[1], report);
}

static int run_prove(struct onereg_report *report)
{
	return onereg_destination_prove(rig.destination, report);
}

static void make_new(void)
{
	make_source();
	new_destination();
}

static void make_staged(void)
{
	make_new();
	cr_assert_eq(run_stage(NULL), 0);
}

static void make_taken(void)
{
	make_staged();
	cr_assert_eq(run_restage(NULL), 0);
}

static void make_committed(void)
{
	if (rig.destination)
		return;
	make_taken();
	cr_assert_eq(run_commit(NULL), 0);
}

/* What is said to be done can be gone on from. */
static bool staged_well(const struct onereg_report *report)
{
	return !run_restage(NULL) && !run_commit(NULL) && restored(report);
}

static bool taken_well(const struct onereg_report *report)
{
	return !run_commit(NULL) && restored(report);
}

static bool proved(const struct onereg_report *report)
{
	return onereg_report_verdict(report) > ONEREG_WITH_CARE ||
	       counted_all(report, &rig.counts);
}

static const struct operation op_stage = { "stage", make_new, run_stage,
					   staged_well, drop_destination };
static const struct operation op_restage = { "stage again", make_staged,
					     run_restage, taken_well,
					     drop_destination };
static const struct operation op_commit = { "commit", make_taken, run_commit,
					    restored, drop_destination };
static const struct operation op_prove = { "prove", make_committed, run_prove,
					   proved, NULL };

/* ---- loops ---- */

/* One by one there are many calls, and most are alike. */
static void fail_calls(const struct operation *op, int error, bool for_good)
{
	fail_each_call(op, error, for_good, with_vm_regs ? 1 : 7);
	forget_source();
}

static void fail_allocations(const struct operation *op)
{
	fail_each_allocation(op);
	forget_source();
}

LEAK_CHECKED(stage_faults);

#define FAULT_TESTS(op)                                    \
	Test(stage_faults, op##_call_fails)                \
	{                                                  \
		fail_calls(&op_##op, EIO, false);          \
		fail_calls(&op_##op, EINTR, true);         \
	}                                                  \
	Test(stage_faults, op##_allocation_fails)          \
	{                                                  \
		fail_allocations(&op_##op);                \
	}                                                  \
	Test(stage_faults, vm_regs_##op##_call_fails)      \
	{                                                  \
		with_vm_regs = true;                       \
		fail_calls(&op_##op, EIO, true);           \
		fail_calls(&op_##op, EBUSY, false);        \
		with_halves = true;                        \
		fail_calls(&op_##op, EINTR, false);        \
	}                                                  \
	Test(stage_faults, vm_regs_##op##_allocation_fails) \
	{                                                  \
		with_vm_regs = true;                       \
		fail_allocations(&op_##op);                \
	}

/* With an ITS: its tables go last. */
#define ITS_TESTS(op)                                      \
	Test(stage_faults, its_##op##_call_fails)          \
	{                                                  \
		with_vm_regs = with_its = true;            \
		fail_calls(&op_##op, EIO, false);          \
		fail_calls(&op_##op, EFAULT, true);        \
	}                                                  \
	Test(stage_faults, its_##op##_allocation_fails)    \
	{                                                  \
		with_vm_regs = with_its = true;            \
		fail_allocations(&op_##op);                \
	}

ITS_TESTS(stop)
ITS_TESTS(commit)
ITS_TESTS(prove)

FAULT_TESTS(stage_source)
FAULT_TESTS(stop)
FAULT_TESTS(restage_source)
FAULT_TESTS(stage)
FAULT_TESTS(restage)
FAULT_TESTS(commit)
FAULT_TESTS(prove)
