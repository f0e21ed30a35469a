/* SPDX-License-Identifier: MIT */
/* migration.h - a live migration, for behaviours: a pair that is staged */
#ifndef ONEREG_TESTS_MIGRATION_H
#define ONEREG_TESTS_MIGRATION_H

#include "suite.h"

/* What the source gave, as it arrives: in memory of its own. */
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

/* A source that is running; migration_stage() follows. */
void migration_open(struct test *t, struct migration *m,
		    const struct shape *shape);
/* Each fails the test where the library fails. */
bool migration_stage_source(struct test *t, struct migration *m);
bool migration_stage_destination(struct test *t, struct migration *m);
bool migration_stage(struct test *t, struct migration *m);
/* open, a source full of state, and stage. */
bool migration_start(struct test *t, struct migration *m,
		     const struct shape *shape, uint64_t seed);
/* open, a source with nothing but its reset values, and stage. */
bool migration_start_fresh(struct test *t, struct migration *m,
			   const struct shape *shape);
/* The source's half only: fills changes. */
bool migration_read_again(struct test *t, struct migration *m);
bool migration_stop(struct test *t, struct migration *m);
/* Both halves. */
bool migration_restage(struct test *t, struct migration *m);
/* As the library says. */
int migration_take(struct migration *m, const struct bytes *changes);
int migration_commit(struct migration *m, const struct bytes *changes);
/* Stop and commit. */
bool migration_move(struct test *t, struct migration *m);
/* All is as it was: what the library says. */
void migration_prove(struct test *t, struct migration *m);
/* migration_move(), and a proof by the library, and one without it. */
void migration_finish(struct test *t, struct migration *m);
/* So that another can be staged instead. */
void migration_drop_destination(struct migration *m);
void migration_close(struct migration *m);

/* ---- stage_fixed.c ---- */

/* As the architecture and the VM's ID registers have it. */
bool guest_can_write(struct guest *g, uint64_t id);

#endif
