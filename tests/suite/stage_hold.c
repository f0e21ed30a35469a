// SPDX-License-Identifier: MIT
/*
 * Staging holds each vCPU while it reads it, lets it go on afterwards, whatever
 * fails, and asks nothing of one that it does not hold.
 */
#include <errno.h>
#include <string.h>

#include "migration.h"

#define N_VCPUS		3
#define TPIDR_EL0	KA_SYS(3, 3, 13, 0, 2)

/* The caller's side, and an io that sees what happens meanwhile. */
struct keeper {
	struct pass pass;
	struct test *t;
	const struct guest *g;	/* whose vCPUs; NULL: not yet */
	int held;		/* vCPU, -1: none */
	size_t holds[N_VCPUS], n_holds, n_releases;
	size_t n_calls;		/* on a vCPU */
	size_t fail_hold, fail_call;	/* the n-th from 1; 0: none */
	bool blackout;		/* nobody runs, nobody is held */
};

static int hold(void *userdata, size_t vcpu)
{
	struct keeper *k = userdata;

	EXPECT(k->t, !k->blackout, "vCPU %zu is held in the blackout", vcpu);
	EXPECT(k->t, k->held < 0, "vCPU %zu is held besides vCPU %d", vcpu,
	       k->held);
	if (!EXPECT(k->t, vcpu < N_VCPUS, "vCPU %zu", vcpu))
		return -EINVAL;
	k->n_holds++;
	if (k->n_holds == k->fail_hold)
		return -ETIMEDOUT;
	k->holds[vcpu]++;
	k->held = (int)vcpu;
	return 0;
}

static void release(void *userdata, size_t vcpu)
{
	struct keeper *k = userdata;

	EXPECT(k->t, k->held == (int)vcpu, "vCPU %zu is released, %d is held",
	       vcpu, k->held);
	k->n_releases++;
	k->held = -1;
}

static int vcpu_of(const struct guest *g, int fd)
{
	for (size_t i = 0; i < g->shape.n_vcpus; i++)
		if (g->vcpu_fds[i] == fd)
			return (int)i;
	return -1;
}

/* While others run, only the GIC's number of interrupts can be asked for. */
static void see_gic(struct keeper *k, unsigned long request,
		    const struct ka_device_attr *attr)
{
	EXPECT(k->t, k->blackout || (request == KA_GET_DEVICE_ATTR &&
				     attr->group == KA_VGIC_GRP_NR_IRQS),
	       "GIC, %#lx, group %u", request, attr->group);
}

static int keeper_ioctl(void *userdata, int fd, unsigned long request,
			void *arg)
{
	struct keeper *k = userdata;
	int vcpu = k->g ? vcpu_of(k->g, fd) : -1;

	if (k->g && fd == k->g->gic_fd)
		see_gic(k, request, arg);
	if (vcpu < 0)
		return pass_ioctl(&k->pass, fd, request, arg);
	EXPECT(k->t, k->blackout || k->held == vcpu,
	       "vCPU %d, %#lx: not held, but %d is", vcpu, request, k->held);
	k->n_calls++;
	if (k->n_calls == k->fail_call)
		return -EIO;
	return pass_ioctl(&k->pass, fd, request, arg);
}

static void begin_again(struct keeper *k)
{
	memset(k->holds, 0, sizeof(k->holds));
	k->n_holds = k->n_releases = k->n_calls = 0;
	k->fail_hold = k->fail_call = 0;
}

/* A source with something in it, whose vCPUs run for all that it knows. */
static bool keeper_open(struct test *t, struct keeper *k, struct migration *m)
{
	struct shape shape = default_shape(t);
	int ret;

	*k = (struct keeper){ .t = t, .held = -1 };
	shape.n_vcpus = N_VCPUS;
	migration_open(t, m, &shape);
	ret = pass_init(&k->pass, t->src.io, keeper_ioctl);
	if (!EXPECT(t, !ret, "%d", ret))
		return false;
	t->src.io = &k->pass.io;
	m->options.hold = hold;
	m->options.release = release;
	m->options.userdata = k;
	if (!guest_make(t, &m->p.src, &shape, 9850))
		return false;
	k->g = &m->p.src;
	return true;
}

static void keeper_close(struct test *t, struct keeper *k,
			 struct migration *m, const struct onereg_io *real)
{
	k->g = NULL;
	migration_close(m);
	t->src.io = real;
}

static void expect_pairs(const struct keeper *k, size_t n_failed)
{
	EXPECT(k->t, k->held < 0 && k->n_holds == k->n_releases + n_failed,
	       "%zu holds, %zu failed, %zu releases", k->n_holds, n_failed,
	       k->n_releases);
}

/* As often as onereg.h says. */
static void expect_few(const struct keeper *k)
{
	for (size_t i = 0; i < N_VCPUS; i++)
		EXPECT(k->t, k->holds[i] >= 2 && k->holds[i] <= 4,
		       "vCPU %zu is held %zu times", i, k->holds[i]);
	EXPECT(k->t, k->n_calls > N_VCPUS, "only %zu calls", k->n_calls);
}

void vcpus_are_held_while_they_are_read(struct test *t)
{
	const struct onereg_io *real = t->src.io;
	struct migration m;
	struct keeper k;

	if (keeper_open(t, &k, &m) && migration_stage(t, &m)) {
		expect_pairs(&k, 0);
		expect_few(&k);
		begin_again(&k);
		if (migration_restage(t, &m)) {
			expect_pairs(&k, 0);
			expect_few(&k);
			k.blackout = true;
			migration_finish(t, &m);
		}
	}
	keeper_close(t, &k, &m, real);
}

/* ---- what fails ---- */

static int stage_or_restage(struct migration *m, bool restage)
{
	const void *data;
	size_t size;

	onereg_report_clear(m->p.report);
	if (restage)
		return onereg_source_restage(m->source, &data, &size,
					     m->p.report);
	return onereg_source_stage(m->p.src.vm, &m->options, &m->source,
				   m->p.report);
}

static bool names_hold(const struct migration *m)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(m->p.report, i)); i++)
		if (f->severity == ONEREG_ERROR && f->error == ETIMEDOUT &&
		    f->vcpu >= 0 && f->operation &&
		    !strcmp(f->operation, "hold()"))
			return true;
	return false;
}

/* Each call of hold() in turn; at last all of it works. */
static void fail_each_hold(struct keeper *k, struct migration *m, bool restage)
{
	int ret = -1;
	size_t n;

	for (n = 1; ret && !k->t->failed; n++) {
		begin_again(k);
		k->fail_hold = n;
		ret = stage_or_restage(m, restage);
		if (k->n_holds < n)
			break;
		EXPECT(k->t, ret == -ETIMEDOUT && k->n_holds == n &&
				     names_hold(m), "hold %zu: %d", n, ret);
		expect_pairs(k, 1);
	}
	EXPECT(k->t, !ret && n > 2 * N_VCPUS, "%d after %zu", ret, n);
	expect_pairs(k, 0);
}

/* Of calls on vCPUs; one by one there are many, and most are alike. */
static void fail_each_call(struct keeper *k, struct migration *m, bool restage)
{
	size_t stride = has_vm_regs(&k->t->src) ? 1 : 37, n;
	int ret = -1;

	for (n = 1; ret && !k->t->failed; n += stride) {
		begin_again(k);
		k->fail_call = n;
		ret = stage_or_restage(m, restage);
		if (k->n_calls < n)
			break;
		EXPECT(k->t, ret == -EIO, "call %zu: %d", n, ret);
		expect_pairs(k, 0);
	}
	EXPECT(k->t, !ret && n > 2 * N_VCPUS, "%d after %zu", ret, n);
	expect_pairs(k, 0);
}

static void fail_each(struct test *t,
		      void (*fail)(struct keeper *k, struct migration *m,
				   bool restage))
{
	const struct onereg_io *real = t->src.io;
	uint64_t value = 0x1234;
	struct migration m;
	struct keeper k;

	if (keeper_open(t, &k, &m)) {
		fail(&k, &m, false);
		if (!t->failed && migration_stage_destination(t, &m)) {
			k.blackout = true;
			guest_set(&m.p.src, 1, TPIDR_EL0, &value);
			k.blackout = false;
			/* What was not told stays to be told. */
			fail(&k, &m, true);
		}
	}
	keeper_close(t, &k, &m, real);
}

void hold_that_fails_ends_the_staging(struct test *t)
{
	fail_each(t, fail_each_hold);
}

void vcpu_is_released_whatever_fails(struct test *t)
{
	fail_each(t, fail_each_call);
}

void hold_without_release_is_refused(struct test *t)
{
	const struct onereg_io *real = t->src.io;
	struct migration m;
	struct keeper k;

	if (keeper_open(t, &k, &m))
		for (int i = 0; i < 2; i++) {
			int ret;

			m.options.hold = i ? NULL : hold;
			m.options.release = i ? release : NULL;
			begin_again(&k);
			ret = stage_or_restage(&m, false);
			EXPECT(t, ret == -EINVAL && !m.source && !k.n_holds &&
					  !k.n_releases && !k.n_calls,
			       "%d: %d", i, ret);
		}
	keeper_close(t, &k, &m, real);
}
