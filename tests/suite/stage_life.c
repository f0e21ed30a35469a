// SPDX-License-Identifier: MIT
/* Live migrations that fail, and changes that are not the right ones. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "changes.h"
#include "migration.h"

/* Small, so that each byte of its changes can be damaged. */
static struct shape small_shape(const struct test *t)
{
	return (struct shape){ .features = 1U << KA_VCPU_PSCI_0_2,
			       .n_vcpus = 2,
			       .gic = t->has_gic,
			       .nr_irqs = 64 };
}

/* The changes become the caller's. */
static struct bytes take_over(struct migration *m)
{
	struct bytes b = m->changes;

	m->changes = (struct bytes){ 0 };
	return b;
}

static bool names_error(struct migration *m, int error)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(m->p.report, i)); i++)
		if (f->severity == ONEREG_ERROR && f->error == error && f->why)
			return true;
	return false;
}

#define EXPECT_ERROR(t, m, error, call)                                      \
	do {                                                                 \
		int ret_;                                                    \
									     \
		onereg_report_clear((m)->p.report);                          \
		ret_ = (call);                                               \
		EXPECT(t, ret_ == -(error) && names_error(m, error),         \
		       "line %d, %s: %d", __LINE__, #call, ret_);            \
	} while (0)

#define EXPECT_GOOD(t, m, call)                                              \
	do {                                                                 \
		int ret_ = (call);                                           \
									     \
		if (!EXPECT(t, !ret_, "line %d, %s: %d", __LINE__, #call,    \
			    ret_))                                           \
			test_log_report(t, (m)->p.report);                   \
	} while (0)

/* ---- order ---- */

/* Two rounds and the last ones, each in memory of its own. */
static bool make_three(struct test *t, struct migration *m,
		       struct bytes three[3])
{
	for (size_t i = 0; i < 3; i++) {
		guest_scribble_vcpus(t, &m->p.src, 9700 + i);
		if (!(i < 2 ? migration_read_again(t, m) :
			      migration_stop(t, m)))
			return false;
		three[i] = take_over(m);
	}
	return true;
}

/* Changes of another migration, of a VM with so many vCPUs. */
static bool make_other(struct test *t, size_t n_vcpus, struct bytes *round,
		       struct bytes *last)
{
	struct shape shape = small_shape(t);
	struct migration m;
	bool ret;

	shape.n_vcpus = n_vcpus;
	migration_open(t, &m, &shape);
	ret = guest_make(t, &m.p.src, &shape, 9710) &&
	      migration_stage_source(t, &m) && migration_read_again(t, &m);
	*round = take_over(&m);
	ret = ret && migration_stop(t, &m);
	*last = take_over(&m);
	migration_close(&m);
	return ret;
}

static void refuse_others(struct test *t, struct migration *m)
{
	for (size_t n = 1; n < 4; n++) {
		struct bytes round = { 0 }, last = { 0 };

		if (make_other(t, n, &round, &last)) {
			EXPECT_ERROR(t, m, EPROTO, migration_take(m, &round));
			EXPECT_ERROR(t, m, EPROTO, migration_commit(m, &last));
		}
		free(round.data);
		free(last.data);
	}
}

static void take_in_order(struct test *t, struct migration *m,
			  const struct bytes three[3])
{
	EXPECT_ERROR(t, m, EPROTO, migration_take(m, &three[1]));
	EXPECT_ERROR(t, m, EPROTO, migration_commit(m, &three[0]));
	EXPECT_GOOD(t, m, migration_take(m, &three[0]));
	EXPECT_ERROR(t, m, EPROTO, migration_take(m, &three[0]));
	EXPECT_ERROR(t, m, EPROTO, migration_commit(m, &three[2]));
	EXPECT_GOOD(t, m, migration_take(m, &three[1]));
	EXPECT_ERROR(t, m, EPROTO, migration_take(m, &three[2]));
	EXPECT_ERROR(t, m, EPROTO, migration_commit(m, &three[1]));
	EXPECT_ERROR(t, m, EINVAL,
		     onereg_destination_prove(m->destination, m->p.report));
	EXPECT_GOOD(t, m, migration_commit(m, &three[2]));
}

void changes_are_taken_in_their_order_only(struct test *t)
{
	struct shape shape = small_shape(t);
	struct bytes three[3] = { { 0 } };
	struct migration m;

	if (migration_start(t, &m, &shape, 9720) && make_three(t, &m, three)) {
		refuse_others(t, &m);
		take_in_order(t, &m, three);
		EXPECT(t, onereg_destination_prove(m.destination, NULL) ==
				  -EINVAL, "an answer without a report");
		migration_prove(t, &m);
		guests_compare(t, &m.p.src, &m.p.dst);
		EXPECT_ERROR(t, &m, EINVAL, migration_commit(&m, &three[2]));
		EXPECT_ERROR(t, &m, EINVAL, migration_take(&m, &three[2]));
		/* Nothing of that did harm. */
		migration_prove(t, &m);
	}
	for (size_t i = 0; i < 3; i++)
		free(three[i].data);
	migration_close(&m);
}

/* ---- damage ---- */

/* A copy of its own, so that a read beyond its end is seen. */
static int try_part(struct migration *m, const struct bytes *b, size_t size,
		    bool last)
{
	struct bytes part = { malloc(size ? size : 1), size };
	int ret;

	if (!part.data)
		return -ENOMEM;
	memcpy(part.data, b->data, size);
	ret = last ? migration_commit(m, &part) : migration_take(m, &part);
	free(part.data);
	return ret;
}

static void damage_each_byte(struct test *t, struct migration *m, bool last)
{
	uint8_t *data = m->changes.data;

	for (size_t i = 0; i < m->changes.size && !t->failed; i++) {
		uint8_t bit = (uint8_t)(1u << i * 5 % 8);
		int ret;

		data[i] ^= bit;
		onereg_report_clear(m->p.report);
		ret = last ? migration_commit(m, &m->changes) :
			     migration_take(m, &m->changes);
		/* A newer version, perhaps. */
		EXPECT(t, (ret == -EBADMSG ||
			   (ret == -EPROTO && i >= 16 && i < 20)) &&
				  names_error(m, -ret),
		       "byte %zu: %d", i, ret);
		data[i] ^= bit;
	}
}

static void cut_at_each_byte(struct test *t, struct migration *m, bool last)
{
	for (size_t size = 0; size < m->changes.size && !t->failed; size++) {
		int ret;

		onereg_report_clear(m->p.report);
		ret = try_part(m, &m->changes, size, last);
		EXPECT(t, ret == -EBADMSG && names_error(m, EBADMSG),
		       "%zu bytes: %d", size, ret);
	}
}

void damaged_changes_are_refused_and_do_no_harm(struct test *t)
{
	struct shape shape = small_shape(t);
	struct migration m;

	shape.n_vcpus = t->src.model ? 2 : 1;
	if (migration_start(t, &m, &shape, 9730)) {
		guest_scribble_vcpus(t, &m.p.src, 9731);
		if (migration_read_again(t, &m)) {
			damage_each_byte(t, &m, false);
			cut_at_each_byte(t, &m, false);
			EXPECT_GOOD(t, &m, migration_take(&m, &m.changes));
		}
		guest_scribble_vcpus(t, &m.p.src, 9732);
		if (migration_stop(t, &m)) {
			damage_each_byte(t, &m, true);
			cut_at_each_byte(t, &m, true);
			EXPECT_GOOD(t, &m, migration_commit(&m, &m.changes));
			migration_prove(t, &m);
			guests_compare(t, &m.p.src, &m.p.dst);
		}
	}
	migration_close(&m);
}

/* ---- a first copy is not a VM ---- */

static bool says_first_copy(const struct onereg_report *report)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (f->severity >= ONEREG_IMPOSSIBLE &&
		    f->class_ == ONEREG_CLASS_SHAPE &&
		    strstr(f->why, "first copy"))
			return true;
	return false;
}

void first_copy_is_not_restored(struct test *t)
{
	struct shape shape = default_shape(t);
	struct migration m;
	struct guest other = no_guest;
	int ret;

	other.machine = &t->dst;
	migration_open(t, &m, &shape);
	if (guest_make(t, &m.p.src, &shape, 9740) &&
	    migration_stage_source(t, &m) &&
	    guest_create(t, &other, &t->dst, &shape)) {
		const struct onereg_image *image =
			onereg_source_image(m.source);

		ret = onereg_vm_restore(other.vm, image, NULL, m.p.report);
		EXPECT(t, ret == -EINVAL && says_first_copy(m.p.report), "%d",
		       ret);
		onereg_report_clear(m.p.report);
		ret = onereg_image_dry_run(image, t->dst.io, NULL, m.p.report);
		EXPECT(t, !ret && says_first_copy(m.p.report) &&
				  onereg_report_verdict(m.p.report) ==
					  ONEREG_NO, "dry run: %d", ret);
	}
	guest_destroy(&other);
	migration_close(&m);
}

void whole_image_is_not_staged(struct test *t)
{
	struct onereg_destination *d = NULL;
	struct shape shape = default_shape(t);
	struct pair p;
	int ret;

	if (pair_image(t, &p, 9750) &&
	    guest_create(t, &p.dst, &t->dst, &shape)) {
		ret = onereg_destination_stage(p.dst.vm, p.image, NULL, &d,
					       p.report);
		EXPECT(t, ret == -EINVAL && !d &&
				  onereg_report_verdict(p.report) ==
					  ONEREG_FAILED, "%d", ret);
		/* The VM is as it was: it can be restored. */
		onereg_report_clear(p.report);
		ret = onereg_vm_restore(p.dst.vm, p.image, NULL, p.report);
		EXPECT(t, !ret, "%d", ret);
	}
	pair_close(&p);
}

void staged_image_survives_its_file_format(struct test *t)
{
	struct shape shape = default_shape(t);
	struct onereg_image *image = NULL;
	struct migration m;
	void *data = NULL;
	size_t size;
	int ret;

	migration_open(t, &m, &shape);
	if (guest_make(t, &m.p.src, &shape, 9760) &&
	    migration_stage_source(t, &m) && migration_read_again(t, &m) &&
	    guest_create(t, &m.p.dst, &t->dst, &shape)) {
		ret = onereg_image_write(onereg_source_image(m.source), &data,
					 &size);
		ret = ret ? ret : onereg_image_read(data, size, &image, NULL);
		ret = ret ? ret : onereg_destination_stage(
			m.p.dst.vm, image, NULL, &m.destination, m.p.report);
		EXPECT(t, !ret, "%d", ret);
		/* It was copied. */
		onereg_image_free(image);
		if (!ret) {
			guest_scribble_vcpus(t, &m.p.src, 9761);
			migration_finish(t, &m);
		}
	}
	free(data);
	migration_close(&m);
}

/* ---- trying again ---- */

static void try_again(struct test *t, bool taken, bool restage)
{
	struct shape shape = default_shape(t);
	struct migration m;

	if (migration_start(t, &m, &shape, 9770)) {
		guest_scribble_vcpus(t, &m.p.src, 9771);
		if (migration_stop(t, &m) && taken)
			EXPECT_GOOD(t, &m, migration_commit(&m, &m.changes));
		/* It goes on here. */
		guest_scribble_vcpus(t, &m.p.src, 9772);
		migration_drop_destination(&m);
		if (migration_stage_destination(t, &m) &&
		    (!restage || migration_restage(t, &m))) {
			guest_scribble_vcpus(t, &m.p.src, 9773);
			migration_finish(t, &m);
		}
	}
	migration_close(&m);
}

void migration_that_failed_is_tried_again(struct test *t)
{
	try_again(t, false, false);
	try_again(t, false, true);
	try_again(t, true, true);
}

/* The first destination goes on: it misses nothing of what was told. */
void guest_that_goes_on_is_stopped_again(struct test *t)
{
	struct shape shape = default_shape(t);
	struct bytes stopped;
	struct migration m;

	if (migration_start(t, &m, &shape, 9780)) {
		guest_scribble_vcpus(t, &m.p.src, 9781);
		migration_stop(t, &m);
		stopped = take_over(&m);
		guest_scribble_vcpus(t, &m.p.src, 9782);
		if (migration_read_again(t, &m)) {
			/* The last ones came before, and may not be lost. */
			EXPECT_ERROR(t, &m, EPROTO,
				     migration_take(&m, &m.changes));
			EXPECT_GOOD(t, &m, migration_commit(&m, &stopped));
		}
		free(stopped.data);
	}
	migration_close(&m);
}

/* What was moved is a VM like any other. */
void moved_vm_is_saved(struct test *t)
{
	struct shape shape = default_shape(t);
	struct onereg_vm_options o;
	struct onereg_image *image = NULL;
	struct migration m;
	int ret;

	migration_open(t, &m, &shape);
	if (guest_make(t, &m.p.src, &shape, 9790) &&
	    migration_stage_source(t, &m) &&
	    guest_create(t, &m.p.dst, &t->dst, &shape)) {
		/* As for a restore: nothing is said of it. */
		o = guest_options(&m.p.dst);
		o.target = 0;
		o.features[0] = 0;
		o.n_caps = 0;
		if (guest_wrap(t, &m.p.dst, &o)) {
			EXPECT_GOOD(t, &m,
				    onereg_destination_stage(
					    m.p.dst.vm,
					    onereg_source_image(m.source),
					    NULL, &m.destination,
					    m.p.report));
			if (m.destination && migration_move(t, &m)) {
				ret = onereg_vm_save(m.p.dst.vm, &image,
						     m.p.report);
				EXPECT(t, !ret && image &&
						  image->features[0] ==
							  shape.features,
				       "%d", ret);
			}
		}
	}
	onereg_image_free(image);
	migration_close(&m);
}
