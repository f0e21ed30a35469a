// SPDX-License-Identifier: MIT
/* A live migration whose blackout is the work of several threads. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "migration.h"
#include "model.h"

#define N_THREADS	4
#define TPIDR_EL0	KA_SYS(3, 3, 13, 0, 2)

struct work {
	void (*job)(void *arg, size_t i);
	void *arg;
	size_t n;
	atomic_size_t next;
};

static atomic_size_t n_runs, n_jobs;

static void *do_work(void *arg)
{
	struct work *w = arg;
	size_t i;

	while ((i = atomic_fetch_add(&w->next, 1)) < w->n) {
		/* From the last to the first. */
		w->job(w->arg, w->n - 1 - i);
		n_jobs++;
	}
	return NULL;
}

static void run_by_threads(void *userdata, size_t n,
			   void (*job)(void *arg, size_t i), void *arg)
{
	struct work w = { .job = job, .arg = arg, .n = n };
	pthread_t threads[N_THREADS];
	size_t started = 0;

	(void)userdata;
	n_runs++;
	while (started < N_THREADS &&
	       !pthread_create(&threads[started], NULL, do_work, &w))
		started++;
	/* Whatever could not be started is done here. */
	do_work(&w);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

static const struct onereg_pool pool = { .size = sizeof(pool),
					 .run = run_by_threads };

static bool start(struct test *t, struct migration *m, uint64_t seed)
{
	struct shape shape = default_shape(t);

	shape.n_vcpus = 7;
	migration_open(t, m, &shape);
	m->options.pool = &pool;
	n_runs = 0;
	n_jobs = 0;
	return guest_make(t, &m->p.src, &shape, seed) && migration_stage(t, m);
}

void threads_move_a_vm(struct test *t)
{
	struct migration m;

	if (start(t, &m, 9800)) {
		guest_scribble_vcpus(t, &m.p.src, 9801);
		if (migration_restage(t, &m)) {
			guest_scribble_vcpus(t, &m.p.src, 9802);
			migration_finish(t, &m);
			EXPECT(t, n_runs && n_jobs == n_runs * 7,
			       "%zu jobs of %zu runs", n_jobs, n_runs);
		}
	}
	migration_close(&m);
}

/* The vCPU and the register, once for each that fails. */
static bool names_fault(struct migration *m, int vcpu, int error)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(m->p.report, i)); i++)
		if (f->severity == ONEREG_ERROR && f->vcpu == vcpu &&
		    f->id == TPIDR_EL0 && f->error == error && f->operation)
			return true;
	return false;
}

static bool refuse(struct test *t, struct machine *machine,
		   enum model_fault fault, int vcpu, int error)
{
	int ret = model_misbehave(machine->model, fault, TPIDR_EL0, vcpu,
				  (uint64_t)error);

	return EXPECT(t, !ret, "%d", ret);
}

/* A stop that failed does no harm to the next. */
static void fail_stop(struct test *t, struct migration *m)
{
	const void *data;
	size_t size;
	int ret;

	refuse(t, &t->src, MODEL_REFUSE_GET, 2, EIO);
	refuse(t, &t->src, MODEL_REFUSE_GET, 5, EINVAL);
	onereg_report_clear(m->p.report);
	ret = onereg_source_stop(m->source, &data, &size, m->p.report);
	/* That of the first vCPU, whichever came first. */
	EXPECT(t, ret == -EIO && names_fault(m, 2, EIO) &&
			  names_fault(m, 5, EINVAL), "stop: %d", ret);
	model_behave(t->src.model);
}

static void fail_commit(struct test *t, struct migration *m)
{
	int ret;

	if (!migration_stop(t, m))
		return;
	refuse(t, &t->dst, MODEL_REFUSE_SET, 3, EPERM);
	refuse(t, &t->dst, MODEL_REFUSE_SET, 6, EINVAL);
	onereg_report_clear(m->p.report);
	ret = migration_commit(m, &m->changes);
	EXPECT(t, ret == -EPERM && names_fault(m, 3, EPERM) &&
			  names_fault(m, 6, EINVAL), "commit: %d", ret);
	model_behave(t->dst.model);
	ret = migration_commit(m, &m->changes);
	EXPECT(t, ret == -EINVAL, "committed after all: %d", ret);
}

void fault_of_a_thread_is_named(struct test *t)
{
	struct migration m;

	if (!need_model(t))
		return;
	if (start(t, &m, 9810)) {
		guest_scribble_vcpus(t, &m.p.src, 9811);
		fail_stop(t, &m);
		migration_finish(t, &m);
	}
	migration_close(&m);
	if (start(t, &m, 9820)) {
		guest_scribble_vcpus(t, &m.p.src, 9821);
		fail_commit(t, &m);
	}
	migration_close(&m);
}

void pool_that_cannot_run_is_refused(struct test *t)
{
	static const struct onereg_pool pools[] = {
		{ .size = sizeof(pools[0]) },
		{ .run = run_by_threads },
	};
	struct shape shape = default_shape(t);
	struct migration m;
	int ret;

	migration_open(t, &m, &shape);
	if (guest_make(t, &m.p.src, &shape, 9830))
		for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
			m.options.pool = &pools[i];
			ret = onereg_source_stage(m.p.src.vm, &m.options,
						  &m.source, m.p.report);
			EXPECT(t, ret == -EINVAL && !m.source, "%zu: %d", i,
			       ret);
		}
	migration_close(&m);
}
