// SPDX-License-Identifier: MIT
/* A live migration's steps, for behaviours. */
#include <stdlib.h>
#include <string.h>

#include "migration.h"

/* Of exactly the size, so that a read beyond the end is seen. */
static bool arrive(struct test *t, struct bytes *to, const void *data,
		   size_t size)
{
	free(to->data);
	to->size = size;
	to->data = malloc(size);
	if (!EXPECT(t, to->data, "no memory"))
		return false;
	memcpy(to->data, data, size);
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

void migration_open(struct test *t, struct migration *m,
		    const struct shape *shape)
{
	*m = (struct migration){ .options.size = sizeof(m->options) };
	pair_open(t, &m->p, shape);
}

bool migration_stage_source(struct test *t, struct migration *m)
{
	int ret = onereg_source_stage(m->p.src.vm, &m->options, &m->source,
				      m->p.report);

	return good(t, m, ret, "source_stage");
}

bool migration_stage_destination(struct test *t, struct migration *m)
{
	const struct onereg_image *image = onereg_source_image(m->source);
	struct shape shape = m->p.src.shape;
	int ret;

	if (shape.asym) {
		shape.asym = 0;
		shape.like = image;
	}
	if (!guest_create(t, &m->p.dst, &t->dst, &shape))
		return false;
	ret = onereg_destination_stage(m->p.dst.vm, image, &m->options,
				       &m->destination, m->p.report);
	return good(t, m, ret, "destination_stage");
}

bool migration_stage(struct test *t, struct migration *m)
{
	return migration_stage_source(t, m) &&
	       migration_stage_destination(t, m);
}

bool migration_start(struct test *t, struct migration *m,
		     const struct shape *shape, uint64_t seed)
{
	migration_open(t, m, shape);
	return guest_make(t, &m->p.src, shape, seed) && migration_stage(t, m);
}

bool migration_start_fresh(struct test *t, struct migration *m,
			   const struct shape *shape)
{
	migration_open(t, m, shape);
	return guest_create(t, &m->p.src, &t->src, shape) &&
	       guest_start(t, &m->p.src) && migration_stage(t, m);
}

bool migration_read_again(struct test *t, struct migration *m)
{
	const void *data;
	size_t size;
	int ret = onereg_source_restage(m->source, &data, &size, m->p.report);

	return good(t, m, ret, "source_restage") &&
	       arrive(t, &m->changes, data, size);
}

bool migration_stop(struct test *t, struct migration *m)
{
	const void *data;
	size_t size;
	int ret = onereg_source_stop(m->source, &data, &size, m->p.report);

	return good(t, m, ret, "source_stop") &&
	       arrive(t, &m->changes, data, size);
}

int migration_take(struct migration *m, const struct bytes *changes)
{
	return onereg_destination_restage(m->destination, changes->data,
					  changes->size, m->p.report);
}

int migration_commit(struct migration *m, const struct bytes *changes)
{
	return onereg_destination_commit(m->destination, changes->data,
					 changes->size, m->p.report);
}

bool migration_restage(struct test *t, struct migration *m)
{
	return migration_read_again(t, m) &&
	       good(t, m, migration_take(m, &m->changes),
		    "destination_restage");
}

void migration_prove(struct test *t, struct migration *m)
{
	size_t lost;
	int ret;

	onereg_report_clear(m->p.report);
	ret = onereg_destination_prove(m->destination, m->p.report);
	lost = onereg_report_differences(m->p.report,
					 ONEREG_CLASS_UNEXPLAINED);
	if (!EXPECT(t, !ret && !lost, "prove %d, %zu unexplained", ret, lost))
		test_log_report(t, m->p.report);
}

bool migration_move(struct test *t, struct migration *m)
{
	return migration_stop(t, m) &&
	       good(t, m, migration_commit(m, &m->changes),
		    "destination_commit");
}

void migration_finish(struct test *t, struct migration *m)
{
	if (!migration_move(t, m))
		return;
	migration_prove(t, m);
	guests_compare(t, &m->p.src, &m->p.dst);
}

void migration_drop_destination(struct migration *m)
{
	struct machine *machine = m->p.dst.machine;

	onereg_destination_free(m->destination);
	m->destination = NULL;
	guest_destroy(&m->p.dst);
	m->p.dst = no_guest;
	m->p.dst.machine = machine;
}

void migration_close(struct migration *m)
{
	onereg_source_free(m->source);
	onereg_destination_free(m->destination);
	free(m->changes.data);
	pair_close(&m->p);
}
