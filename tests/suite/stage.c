// SPDX-License-Identifier: MIT
/* A live migration: staged while the guest runs, finished in the blackout. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"


/* What the source gave, as it arrives. */
struct bytes {
	void *data;
	size_t size;
};

struct migration {
	struct pair p;
	struct onereg_stage_options options;
	struct onereg_source *source;
	struct onereg_destination *destination;
	struct bytes changes;
};

static bool carry(struct test *t, struct migration *m, const void *data,
		  size_t size)
{
	free(m->changes.data);
	m->changes.size = size;
	m->changes.data = malloc(size);
	if (!EXPECT(t, m->changes.data, "no memory"))
		return false;
	memcpy(m->changes.data, data, size);
	return true;
}

static bool good(struct test *t, struct migration *m, int ret,
		 const char *what)
{
	if (EXPECT(t, !ret, "%s: %d", what, ret))
		return true;
	test_log_report(t, m->p.report);
	return false;
}

static bool stage_destination(struct test *t, struct migration *m)
{
	const struct onereg_image *image = onereg_source_image(m->source);
	int ret;

	if (!guest_create(t, &m->p.dst, &t->dst, &m->p.src.shape))
		return false;
	ret = onereg_destination_stage(m->p.dst.vm, image, &m->options,
				       &m->destination, m->p.report);
	return good(t, m, ret, "destination_stage");
}

static bool stage(struct test *t, struct migration *m,
		  const struct shape *shape, uint64_t seed)
{
	int ret;

	*m = (struct migration){ .options.size = sizeof(m->options) };
	if (!pair_source(t, &m->p, shape, seed))
		return false;
	ret = onereg_source_stage(m->p.src.vm, &m->options, &m->source,
				  m->p.report);
	return good(t, m, ret, "source_stage") && stage_destination(t, m);
}

static bool restage(struct test *t, struct migration *m)
{
	const void *data;
	size_t size;
	int ret = onereg_source_restage(m->source, &data, &size, m->p.report);

	if (!good(t, m, ret, "source_restage") || !carry(t, m, data, size))
		return false;
	ret = onereg_destination_restage(m->destination, m->changes.data,
					 m->changes.size, m->p.report);
	return good(t, m, ret, "destination_restage");
}

static bool stop(struct test *t, struct migration *m)
{
	const void *data;
	size_t size;
	int ret = onereg_source_stop(m->source, &data, &size, m->p.report);

	return good(t, m, ret, "source_stop") && carry(t, m, data, size);
}

static int commit(struct migration *m)
{
	return onereg_destination_commit(m->destination, m->changes.data,
					 m->changes.size, m->p.report);
}

/* By the library, and without it. */
static void expect_moved(struct test *t, struct migration *m)
{
	size_t lost;
	int ret;

	onereg_report_clear(m->p.report);
	ret = onereg_destination_prove(m->destination, m->p.report);
	lost = onereg_report_differences(m->p.report,
					 ONEREG_CLASS_UNEXPLAINED);
	if (!EXPECT(t, !ret && !lost, "prove %d, %zu unexplained", ret, lost))
		test_log_report(t, m->p.report);
	guests_compare(t, &m->p.src, &m->p.dst);
}

static void finish(struct test *t, struct migration *m)
{
	if (stop(t, m) && good(t, m, commit(m), "destination_commit"))
		expect_moved(t, m);
}

static void close_migration(struct migration *m)
{
	onereg_source_free(m->source);
	onereg_destination_free(m->destination);
	free(m->changes.data);
	pair_close(&m->p);
}

void nothing_happens_between_staging_and_stop(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (stage(t, &m, &shape, 9000))
		finish(t, &m);
	close_migration(&m);
}

void guest_that_runs_after_staging_is_moved(struct test *t)
{
	for (uint64_t seed = 9100; seed < 9105 && !t->failed; seed++) {
		struct shape shape = default_shape(t);
		struct migration m;

		shape.n_vcpus = 3;
		if (stage(t, &m, &shape, seed)) {
			guest_scribble_vcpus(t, &m.p.src, seed + 50);
			finish(t, &m);
		}
		close_migration(&m);
	}
}

/* VM-wide state too: nobody has run yet, so features may still change. */
void what_changes_before_the_stop_is_staged_again(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (stage(t, &m, &shape, 9200)) {
		guest_scribble_by_ioctl(t, &m.p.src, 9201);
		if (restage(t, &m)) {
			guest_scribble_vcpus(t, &m.p.src, 9202);
			finish(t, &m);
		}
	}
	close_migration(&m);
}
