// SPDX-License-Identifier: MIT
/* Counters: they go on where they stood, or catch up. */
#include <errno.h>
#include <stdlib.h>

#include "migration.h"

#define NS_PER_S	1000000000ULL
#define HOUR		(3600 * NS_PER_S)

static const uint64_t counters[] = { KA_TIMER_CNT, KA_PTIMER_CNT };

static uint64_t ticks(uint64_t ns, uint64_t hz)
{
	return (unsigned __int128)ns * hz / NS_PER_S;
}

struct moved {
	uint64_t ticks[ARRAY_SIZE(counters)];	/* since the image */
	bool known[ARRAY_SIZE(counters)];
};

static void read_counters(struct test *t, struct pair *p, struct moved *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		const uint64_t *saved = image_reg(p->image, 0, counters[i]);
		uint64_t now = 0;
		int err = guest_get(&p->dst, 1, counters[i], &now);

		/* Kernels before 6.4 do not show the physical one. */
		if (!saved && err == -ENOENT && counters[i] == KA_PTIMER_CNT)
			continue;
		ret->known[i] = EXPECT(t, saved && !err, "counter %zu: %d", i,
				       err);
		if (ret->known[i])
			ret->ticks[i] = now - *saved;
	}
}

/*
 * Between least and most ns, by clocks that were read around what happened.
 * The wall clock is disciplined by at most 500 ppm; two divisions round.
 */
static void check_counters(struct test *t, const struct moved *moved,
			   uint64_t least_ns, uint64_t most_ns)
{
	uint64_t hz = machine_frequency(&t->dst);
	uint64_t least = ticks(least_ns - least_ns / 1000, hz);
	uint64_t most = ticks(most_ns + most_ns / 1000, hz) + 2;

	least -= least < 2 ? least : 2;
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		if (moved->known[i])
			EXPECT(t, moved->ticks[i] >= least &&
				       moved->ticks[i] <= most,
			       "counter %zu moved by %llu ticks, not %llu to "
			       "%llu", i, (unsigned long long)moved->ticks[i],
			       (unsigned long long)least,
			       (unsigned long long)most);
}

static void restore_in_time(struct test *t, struct pair *p,
			    enum onereg_time time)
{
	struct onereg_restore_options o = { .size = sizeof(o), .time = time };
	uint64_t before, after, saved;
	struct moved moved = { 0 };
	int ret;

	if (!guest_create(t, &p->dst, &t->dst, &p->src.shape))
		return;
	saved = onereg_image_saved_at(p->image);
	before = machine_wall_clock(&t->dst);
	ret = onereg_vm_restore(p->dst.vm, p->image, &o, p->report);
	if (!EXPECT(t, !ret, "%d", ret))
		test_log_report(t, p->report);
	read_counters(t, p, &moved);
	after = machine_wall_clock(&t->dst);
	/* The image's clock was read before its counters. */
	if (time == ONEREG_TIME_CATCH_UP)
		check_counters(t, &moved, before - saved, after - saved);
	else
		check_counters(t, &moved, 0, after - before);
	ret = onereg_vm_prove(p->dst.vm, p->image, p->report);
	EXPECT(t, !ret, "%d", ret);
}

static void move_in_time(struct test *t, enum onereg_time time)
{
	struct pair p;

	if (pair_image(t, &p, 900)) {
		machines_sleep(t, HOUR, NS_PER_S);
		restore_in_time(t, &p, time);
	}
	pair_close(&p);
}

void frozen_counters_go_on(struct test *t)
{
	move_in_time(t, ONEREG_TIME_FREEZE);
}

void counters_catch_up(struct test *t)
{
	move_in_time(t, ONEREG_TIME_CATCH_UP);
}

/* ---- of a VM that was staged ---- */

/* As it is after the stop. */
static bool keep_image(struct test *t, struct migration *m)
{
	void *data = NULL;
	size_t size;
	int ret = onereg_image_write(onereg_source_image(m->source), &data,
				     &size);

	ret = ret ? ret : onereg_image_read(data, size, &m->p.image, NULL);
	free(data);
	return EXPECT(t, !ret, "%d", ret);
}

static void commit_in_time(struct test *t, struct migration *m)
{
	uint64_t before, after, saved = onereg_image_saved_at(m->p.image);
	struct moved moved = { 0 };
	int ret;

	machines_sleep(t, HOUR, NS_PER_S);
	before = machine_wall_clock(&t->dst);
	ret = migration_commit(m, &m->changes);
	if (!EXPECT(t, !ret, "%d", ret))
		test_log_report(t, m->p.report);
	read_counters(t, &m->p, &moved);
	after = machine_wall_clock(&t->dst);
	if (m->options.time == ONEREG_TIME_CATCH_UP)
		check_counters(t, &moved, before - saved, after - saved);
	else
		check_counters(t, &moved, 0, after - before);
	migration_prove(t, m);
}

/* What passes between staging and the stop passes for the guest. */
static void stage_in_time(struct test *t, enum onereg_time time)
{
	struct shape shape = default_shape(t);
	struct migration m;

	migration_open(t, &m, &shape);
	m.options.time = time;
	if (guest_make(t, &m.p.src, &shape, 910) && migration_stage(t, &m)) {
		machines_sleep(t, HOUR, NS_PER_S / 2);
		if (migration_restage(t, &m) && migration_stop(t, &m) &&
		    keep_image(t, &m))
			commit_in_time(t, &m);
	}
	migration_close(&m);
}

void counters_go_on_after_staging(struct test *t)
{
	stage_in_time(t, ONEREG_TIME_FREEZE);
}

void counters_catch_up_after_staging(struct test *t)
{
	stage_in_time(t, ONEREG_TIME_CATCH_UP);
}

/* ---- what is the VM's is written once ---- */

struct spy {
	struct pass pass;
	uint64_t ids[4096];
	size_t n;
};

static void spy_set(struct spy *s, const struct ka_one_reg *regs, size_t n)
{
	for (size_t i = 0; i < n && s->n < ARRAY_SIZE(s->ids); i++)
		s->ids[s->n++] = regs[i].id;
}

static int spy_ioctl(void *userdata, int fd, unsigned long request, void *arg)
{
	const struct ka_reg_vec *vec = arg;
	struct spy *s = userdata;

	if (request == KA_SET_ONE_REG)
		spy_set(s, arg, 1);
	if (request == KA_SET_REG_VEC)
		spy_set(s, (const struct ka_one_reg *)(uintptr_t)vec->regs,
			vec->count);
	return pass_ioctl(&s->pass, fd, request, arg);
}

static size_t spy_count(const struct spy *s, uint64_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->ids[i] == id;
	return n;
}

void vm_wide_registers_are_written_once(struct test *t)
{
	static const uint64_t once[] = {
		KA_TIMER_CNT, KA_PTIMER_CNT, KA_PSCI_VERSION, KA_BMAP(0),
		KA_SYS(3, 0, 0, 4, 0), KA_SYS(3, 0, 0, 6, 0),
		KA_SYS(3, 0, 0, 7, 3), KA_SYS(3, 3, 0, 0, 1),
	};
	struct shape shape = default_shape(t);
	struct machine real = t->dst;
	static struct spy spy;
	struct pair p;

	shape.n_vcpus = 4;
	spy.n = 0;
	if (pair_source(t, &p, &shape, 950) && pair_save(t, &p) &&
	    EXPECT(t, !pass_init(&spy.pass, real.io, spy_ioctl), "io")) {
		t->dst.io = &spy.pass.io;
		EXPECT(t, !pair_restore(t, &p), "not restored");
		for (size_t i = 0; i < ARRAY_SIZE(once); i++)
			EXPECT(t, spy_count(&spy, once[i]) ==
					  !!image_reg(p.image, 0, once[i]),
			       "%#llx: %zu times", (unsigned long long)once[i],
			       spy_count(&spy, once[i]));
	}
	pair_close(&p);
	t->dst = real;
}
