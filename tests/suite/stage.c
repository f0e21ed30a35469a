// SPDX-License-Identifier: MIT
/*
 * A live migration: staged while the guest runs, finished in the blackout.
 * Whatever changed in between arrives.
 */
#include <errno.h>
#include <string.h>

#include "changes.h"
#include "migration.h"
#include "model.h"

#define STD		KA_BMAP(0)
#define TPIDR_EL0	KA_SYS(3, 3, 13, 0, 2)

void nothing_happens_between_staging_and_stop(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (migration_start(t, &m, &shape, 9000))
		migration_finish(t, &m);
	migration_close(&m);
}

/* Registers, events, MP states and the GIC. */
void guest_that_runs_after_staging_is_moved(struct test *t)
{
	for (uint64_t seed = 9100; seed < 9105 && !t->failed; seed++) {
		struct shape shape = default_shape(t);
		struct migration m;

		shape.n_vcpus = 3;
		shape.gic = shape.gic && seed % 2;
		if (migration_start(t, &m, &shape, seed)) {
			guest_scribble_vcpus(t, &m.p.src, seed + 50);
			migration_finish(t, &m);
		}
		migration_close(&m);
	}
}

/* VM-wide state too: nobody has run yet, so features may still change. */
void what_changes_before_the_stop_is_staged_again(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (migration_start_fresh(t, &m, &shape)) {
		guest_scribble_by_ioctl(t, &m.p.src, 9201);
		if (migration_restage(t, &m)) {
			guest_scribble_vcpus(t, &m.p.src, 9202);
			migration_finish(t, &m);
		}
	}
	migration_close(&m);
}

static void stage_with(struct test *t, uint32_t features, bool gic)
{
	struct shape shape = default_shape(t);
	struct migration m;

	shape.features = features;
	shape.gic = gic;
	if (migration_start(t, &m, &shape, features)) {
		guest_scribble_vcpus(t, &m.p.src, features + 1);
		migration_finish(t, &m);
	}
	migration_close(&m);
}

void features_do_not_matter_to_staging(struct test *t)
{
	static const uint32_t without[] = { 1U << KA_VCPU_SVE,
					    1U << KA_VCPU_PMU_V3 };

	stage_with(t, 1U << KA_VCPU_PSCI_0_2, false);
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		if (t->features & without[i])
			stage_with(t, t->features & ~without[i], t->has_gic);
}

static int init_again(struct guest *g, size_t vcpu)
{
	struct ka_vcpu_init init = { .target = 5,
				     .features = { g->shape.features } };

	return io_ioctl(g->machine->io, g->vcpu_fds[vcpu], KA_ARM_VCPU_INIT,
			&init);
}

static bool set_serror(struct test *t, struct guest *g, size_t vcpu)
{
	struct ka_vcpu_events events = { .serror_pending = 1 };
	int ret = io_ioctl(g->machine->io, g->vcpu_fds[vcpu],
			   KA_SET_VCPU_EVENTS, &events);

	return EXPECT(t, !ret, "%d", ret);
}

/* KVM takes no SET as word that an SError is pending no more. */
static void take_serror(struct test *t, struct migration *m, bool restage)
{
	struct ka_vcpu_events events = { 0 };
	int ret = init_again(&m->p.src, 1);

	EXPECT(t, !ret, "%d", ret);
	ret = io_ioctl(t->src.io, m->p.src.vcpu_fds[1], KA_GET_VCPU_EVENTS,
		       &events);
	EXPECT(t, !ret && !events.serror_pending, "still pending, %d", ret);
	if (!restage || migration_restage(t, m))
		migration_finish(t, m);
}

void serror_that_was_taken_after_staging_is_gone(struct test *t)
{
	struct shape shape = default_shape(t);

	for (int restage = 0; restage < 2; restage++) {
		struct migration m;

		migration_open(t, &m, &shape);
		if (guest_create(t, &m.p.src, &t->src, &shape) &&
		    guest_start(t, &m.p.src) && set_serror(t, &m.p.src, 1) &&
		    migration_stage(t, &m))
			take_serror(t, &m, restage);
		migration_close(&m);
	}
}

/* One that stays, one that comes, both after staging. */
void serror_that_comes_after_staging_is_moved(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	migration_open(t, &m, &shape);
	if (guest_create(t, &m.p.src, &t->src, &shape) &&
	    guest_start(t, &m.p.src) && set_serror(t, &m.p.src, 0) &&
	    migration_stage(t, &m) && set_serror(t, &m.p.src, 1))
		migration_finish(t, &m);
	migration_close(&m);
}

/* As a VMM does for a guest that reboots: no call that staging could see. */
static void reset_after(struct test *t, uint64_t seed, uint64_t after)
{
	struct shape shape = default_shape(t);
	struct migration m;
	int ret;

	shape.n_vcpus = 3;
	migration_open(t, &m, &shape);
	if (guest_create(t, &m.p.src, &t->src, &shape) &&
	    guest_start(t, &m.p.src)) {
		if (seed)
			guest_scribble_by_ioctl(t, &m.p.src, seed);
		if (migration_stage(t, &m)) {
			ret = init_again(&m.p.src, 1);
			ret = ret ? ret : init_again(&m.p.src, 2);
			EXPECT(t, !ret, "%d", ret);
			if (after)
				guest_scribble_vcpus(t, &m.p.src, after);
			migration_finish(t, &m);
		}
	}
	migration_close(&m);
}

void vcpu_that_is_reset_after_staging_is_moved(struct test *t)
{
	reset_after(t, 0, 0);
	reset_after(t, 9300, 0);
	reset_after(t, 9301, 9302);
}

/* ---- what a destination may lack ---- */

/* Of a model, each register as if its kernel did not know it. */
static bool drop(struct test *t, struct machine *machine, uint64_t id,
		 int vcpu)
{
	int ret = model_misbehave(machine->model, MODEL_DROP, id, vcpu, 0);

	return EXPECT(t, !ret, "%d", ret);
}

static void set_all(struct test *t, struct guest *g, uint64_t id,
		    uint64_t value)
{
	for (size_t i = 0; i < g->shape.n_vcpus; i++) {
		int ret = guest_set(g, i, id, &value);

		EXPECT(t, !ret, "%d", ret);
	}
}

/* A timer that was off when it was staged is on now. */
static void expect_missing(struct test *t, struct migration *m)
{
	const struct onereg_finding *f;
	uint64_t one = 1;
	int ret = guest_set(&m->p.src, 1, KA_PTIMER_CTL, &one);

	EXPECT(t, !ret, "%d", ret);
	if (!migration_stop(t, m))
		return;
	onereg_report_clear(m->p.report);
	ret = migration_commit(m, &m->changes);
	f = find_finding(m->p.report, ONEREG_CLASS_MISSING, ONEREG_SPACE_REG,
			 KA_PTIMER_CTL, 0);
	EXPECT(t, ret < 0 && f && f->vcpu == 1 &&
			  f->severity >= ONEREG_IMPOSSIBLE, "%d", ret);
	ret = onereg_destination_prove(m->destination, m->p.report);
	EXPECT(t, ret == -EINVAL, "proved: %d", ret);
	ret = migration_commit(m, &m->changes);
	EXPECT(t, ret == -EINVAL, "committed after all: %d", ret);
}

void register_that_the_destination_lacks_is_named(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (!need_model(t))
		return;
	if (drop(t, &t->dst, KA_PTIMER_CTL, -1) &&
	    drop(t, &t->dst, KA_PTIMER_CVAL, -1)) {
		if (migration_start_fresh(t, &m, &shape))
			expect_missing(t, &m);
		migration_close(&m);
	}
	model_behave(t->dst.model);
}

/* Of a timer that is off the deadline may be lost. */
void register_that_may_be_absent_is_left_out(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (!need_model(t))
		return;
	if (drop(t, &t->dst, KA_PTIMER_CVAL, -1)) {
		if (migration_start_fresh(t, &m, &shape)) {
			set_all(t, &m.p.src, KA_PTIMER_CVAL, 0x123456);
			set_all(t, &m.p.src, TPIDR_EL0, 0x654321);
			if (migration_move(t, &m))
				migration_prove(t, &m);
		}
		migration_close(&m);
	}
	model_behave(t->dst.model);
}

/* ---- vCPUs that are not alike ---- */

void vcpus_with_other_lists_are_staged(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (!need_model(t))
		return;
	shape.n_vcpus = 4;
	if (drop(t, &t->src, TPIDR_EL0, 0) && drop(t, &t->dst, TPIDR_EL0, 0) &&
	    drop(t, &t->src, KA_PTIMER_CVAL, 2) &&
	    drop(t, &t->dst, KA_PTIMER_CVAL, 2)) {
		if (migration_start(t, &m, &shape, 9400)) {
			guest_scribble_vcpus(t, &m.p.src, 9401);
			/* The model compares what it does not list, too. */
			if (migration_move(t, &m))
				migration_prove(t, &m);
		}
		migration_close(&m);
	}
	model_behave(t->src.model);
	model_behave(t->dst.model);
}

static bool set_std(struct test *t, struct guest *g, size_t vcpu,
		    uint64_t value)
{
	int ret = guest_set(g, vcpu, STD, &value);

	return EXPECT(t, !ret, "%d", ret);
}

static void expect_std(struct test *t, struct guest *g, size_t vcpu,
		       uint64_t expected)
{
	uint64_t value = 2;
	int ret = guest_get(g, vcpu, STD, &value);

	EXPECT(t, !ret && value == expected, "vCPU %zu: %d, %llu", vcpu, ret,
	       (unsigned long long)value);
}

/* In rows of vCPUs, but fixed as what a VM has once: by the first run. */
void vcpus_that_differ_are_staged(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (!has_vm_regs(&t->src) || !has_vm_regs(&t->dst)) {
		t->skipped = "this kernel's vCPUs cannot differ";
		return;
	}
	shape.asym = KA_VM_ASYM_SMCCC;
	migration_open(t, &m, &shape);
	if (guest_create(t, &m.p.src, &t->src, &shape) &&
	    guest_start(t, &m.p.src) && set_std(t, &m.p.src, 1, 0) &&
	    migration_stage(t, &m) && set_std(t, &m.p.src, 0, 0) &&
	    set_std(t, &m.p.src, 1, 1) && migration_restage(t, &m)) {
		migration_finish(t, &m);
		expect_std(t, &m.p.dst, 0, 0);
		expect_std(t, &m.p.dst, 1, 1);
	}
	migration_close(&m);
}

#define CORE_X0	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)
#define CORE_PC	(CORE_X0 | 0x40)

static bool set_core(struct test *t, struct guest *g, uint64_t pstate,
		     uint64_t value)
{
	static const uint64_t ids[] = { CORE_X0, CORE_PC };
	int ret = guest_set(g, 0, KA_PSTATE, &pstate);

	for (size_t i = 0; i < ARRAY_SIZE(ids) && !ret; i++)
		ret = guest_set(g, 0, ids[i], &value);
	return EXPECT(t, !ret, "PSTATE %#llx: %d", (unsigned long long)pstate,
		      ret);
}

static bool has_aarch32(struct guest *g)
{
	uint64_t user32 = 0x10;

	return !guest_set(g, 0, KA_PSTATE, &user32);
}

/* KVM cuts registers of a vCPU while that is in AArch32. */
void guest_staged_in_a_32_bit_process_is_moved(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	migration_open(t, &m, &shape);
	if (guest_create(t, &m.p.src, &t->src, &shape) &&
	    guest_start(t, &m.p.src)) {
		if (!has_aarch32(&m.p.src))
			t->skipped = "this CPU's EL0 has no AArch32";
		else if (set_core(t, &m.p.src, 0x10, 0x12345678) &&
			 migration_stage(t, &m) &&
			 set_core(t, &m.p.src, 0x3c5, 0xffff800080010000))
			migration_finish(t, &m);
	}
	migration_close(&m);
}

/* The last one missing: what it would have set would keep its reset value. */
static void cut_gic(struct bytes *changes, size_t n_vcpus)
{
	size_t at[16], gic = changes_n_records(n_vcpus) - 1;
	struct changes c = { .at = at };
	uint8_t *data = changes->data;
	const char *why;

	if (changes_open(&c, n_vcpus, data, changes->size, &why))
		return;
	changes->size -= 24;
	changes_put_entry(data, gic, data + at[gic],
			  changes->size - at[gic]);
	changes_put_head(data, changes->size, n_vcpus, &c.head);
}

void gic_that_is_not_whole_is_refused(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;
	int ret;

	if (!shape.gic) {
		t->skipped = "needs a GIC";
		return;
	}
	if (migration_start(t, &m, &shape, 9900) && migration_stop(t, &m)) {
		cut_gic(&m.changes, shape.n_vcpus);
		ret = migration_commit(&m, &m.changes);
		EXPECT(t, ret == -EBADMSG, "%d", ret);
	}
	migration_close(&m);
}
