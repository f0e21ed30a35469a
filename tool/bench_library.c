/* SPDX-License-Identifier: MIT */
/* libonereg: staged on both sides, little left for the blackout. */
#include <errno.h>
#include <stdlib.h>

#include "bench.h"

static struct onereg_stage_options stage_options(struct move *m)
{
	return (struct onereg_stage_options){
		.size = sizeof(struct onereg_stage_options),
		.pool = m->pool.run ? &m->pool : NULL,
		.time = ONEREG_TIME_FREEZE,
	};
}

/* A round that measures has the library's own door: nothing in between. */
static const struct onereg_io *io_of(const struct move *m, enum side side)
{
	return m->doors[side].tally ? &m->doors[side].io : NULL;
}

static bool library_stage_source(struct move *m, struct trouble *t)
{
	struct onereg_stage_options o = stage_options(m);
	int r;

	if (!machine_vm(&m->source, io_of(m, SOURCE), &m->source_vm, t))
		return false;
	r = onereg_source_stage(m->source_vm, &o, &m->staged_source, m->report);
	return !r || trouble_report(t, r, m->report, "onereg_source_stage");
}

/* The image goes over as bytes, which is part of staging. */
static bool library_stage_destination(struct move *m, struct trouble *t)
{
	struct onereg_stage_options o = stage_options(m);
	struct onereg_image *image = NULL;
	size_t size;
	void *bytes;
	int r;

	if (!machine_vm(&m->destination, io_of(m, DESTINATION),
			&m->destination_vm, t))
		return false;
	r = onereg_image_write(onereg_source_image(m->staged_source), &bytes,
			       &size);
	if (r)
		return trouble_set(t, r, "onereg_image_write");
	r = onereg_image_read(bytes, size, &image, m->report);
	free(bytes);
	if (r)
		return trouble_report(t, r, m->report, "onereg_image_read");
	r = onereg_destination_stage(m->destination_vm, image, &o,
				     &m->staged_destination, m->report);
	onereg_image_free(image);
	return !r ||
	       trouble_report(t, r, m->report, "onereg_destination_stage");
}

static bool library_source(struct move *m, struct trouble *t)
{
	int r = onereg_source_stop(m->staged_source, &m->changes, &m->size,
				   m->report);

	return !r || trouble_report(t, r, m->report, "onereg_source_stop");
}

static bool library_destination(struct move *m, struct trouble *t)
{
	int r = onereg_destination_commit(m->staged_destination, m->changes,
					  m->size, m->report);

	return !r ||
	       trouble_report(t, r, m->report, "onereg_destination_commit");
}

static bool library_prove(struct move *m, struct trouble *t)
{
	int r = onereg_destination_prove(m->staged_destination, m->report);

	return !r ||
	       trouble_report(t, r, m->report, "onereg_destination_prove");
}

static void library_end(struct move *m)
{
	onereg_source_free(m->staged_source);
	onereg_destination_free(m->staged_destination);
	onereg_vm_free(m->source_vm);
	onereg_vm_free(m->destination_vm);
}

const struct way_ops library_ops = {
	.sides = { [SOURCE] = true, [DESTINATION] = true },
	.stage = {
		[SOURCE] = library_stage_source,
		[DESTINATION] = library_stage_destination,
	},
	.blackout = {
		[SOURCE] = library_source,
		[DESTINATION] = library_destination,
	},
	.prove = library_prove,
	.end = library_end,
};
