/* SPDX-License-Identifier: MIT */
/*
 * The source of a live migration: a first copy while the guest runs, then, in
 * the blackout, what can have changed since. What the blackout needs is made
 * before: the calls, and room for the result, but the first time for the GIC's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fixed.h"
#include "save.h"
#include "stage.h"

/* PMU pairs: the register that is read, and its twin, which reads the same. */
#define MAX_MIRRORS 8

struct mirrors {
	size_t n;
	struct {
		uint32_t from, to;
	} v[MAX_MIRRORS];
};

struct source_vcpu {
	struct ka_one_reg *regs;	/* read in the blackout, into now.row */
	size_t n_regs;
	uint32_t *at;		/* those and their twins, by index, in order */
	size_t n_at;
	struct vcpu_state now;
	uint8_t *record;	/* where its changes are put */
	size_t size;
	struct job_fault fault;
	struct onereg_counts counts;
};

struct onereg_source {
	struct onereg_vm *vm;
	struct onereg_stage_options options;
	struct onereg_pool pool;
	struct onereg_image *image;	/* what the destination has */
	struct starting starting;
	struct access access;
	struct mirrors *mirrors;	/* of each of image->sets */
	struct batch vm_regs;	/* VM-wide ones, read in the blackout */
	uint8_t *vm_now;
	struct source_vcpu *vcpus;
	uint64_t saved_at;
	struct attrs gic;
	uint8_t *buffer;	/* the changes */
	size_t allocated, size;
	bool stopped;		/* *_now is newer than the image */
};

static const struct regset *set_of(const struct onereg_source *s, size_t vcpu)
{
	return &s->image->sets[s->image->vcpus[vcpu].set];
}

/* ---- what the blackout will read ---- */

static void find_mirrors(const struct regset *set, struct mirrors *m)
{
	*m = (struct mirrors){ 0 };
	for (size_t i = 0; i < set->n && m->n < MAX_MIRRORS; i++) {
		const struct family *f = catalogue_find(set->ids[i]);
		ptrdiff_t twin;

		if (f->write != WRITE_CLR_SET)
			continue;
		twin = regset_find(set, (set->ids[i] & ~0xffffULL) | f->twin);
		if (twin < 0)
			continue;
		m->v[m->n].from = (uint32_t)i;
		m->v[m->n++].to = (uint32_t)twin;
	}
}

static bool is_mirrored(const struct mirrors *m, size_t i)
{
	for (size_t k = 0; k < m->n; k++)
		if (m->v[k].to == i)
			return true;
	return false;
}

static void plan_vcpu(struct onereg_source *s, size_t vcpu)
{
	const struct vcpu_state *was = &s->image->vcpus[vcpu];
	const struct mirrors *m = &s->mirrors[was->set];
	const struct regset *set = set_of(s, vcpu);
	struct source_vcpu *v = &s->vcpus[vcpu];

	v->n_regs = v->n_at = 0;
	memcpy(v->now.row, was->row, set->row_size);
	for (size_t i = 0; i < set->n; i++) {
		uint8_t *to = v->now.row + set->offsets[i];

		if (is_fixed(&s->starting, set, was->row, i))
			continue;
		v->at[v->n_at++] = (uint32_t)i;
		if (!is_mirrored(m, i))
			v->regs[v->n_regs++] =
				(struct ka_one_reg){ set->ids[i],
						     (uintptr_t)to };
	}
}

/* In the VM's list; the counters, unless a kernel has more that moves. */
static void plan_vm(struct onereg_source *s)
{
	const struct regset *set = &s->image->vm_set;

	s->vm_regs.n = 0;
	memcpy(s->vm_now, s->image->vm_row, set->row_size);
	for (size_t i = 0; i < set->n; i++)
		if (!is_fixed(&s->starting, set, s->image->vm_row, i))
			batch_add(&s->vm_regs, set->ids[i],
				  s->vm_now + set->offsets[i], i);
}

static void make_plan(struct onereg_source *s)
{
	plan_vm(s);
	for (size_t i = 0; i < s->vm->n_vcpus; i++)
		plan_vcpu(s, i);
}

static size_t gic_size(const struct attrs *gic)
{
	return gic->n * 24;
}

/* Room for the most, written to once: the first touch of a page costs. */
static int reserve(struct onereg_source *s)
{
	size_t size = changes_head_size(s->vm->n_vcpus) +
		      changes_row_max(&s->image->vm_set) + gic_size(&s->gic);
	uint8_t *buffer;

	for (size_t i = 0; i < s->vm->n_vcpus; i++)
		size += changes_vcpu_max(set_of(s, i));
	if (size <= s->allocated)
		return 0;
	buffer = realloc(s->buffer, size);
	if (!buffer)
		return -ENOMEM;
	memset(buffer + s->allocated, 0, size - s->allocated);
	s->buffer = buffer;
	s->allocated = size;
	return 0;
}

static int make_vcpu(struct onereg_source *s, size_t vcpu)
{
	const struct regset *set = set_of(s, vcpu);
	struct source_vcpu *v = &s->vcpus[vcpu];

	v->regs = calloc(set->n + 1, sizeof(*v->regs));
	v->at = calloc(set->n + 1, sizeof(*v->at));
	v->now.row = malloc(set->row_size + 1);
	return v->regs && v->at && v->now.row ? 0 : -ENOMEM;
}

/* Room for what the blackout reads and gives. */
static int make_room(struct onereg_source *s)
{
	const struct onereg_image *image = s->image;
	int ret;

	s->vcpus = calloc(image->n_vcpus, sizeof(*s->vcpus));
	s->mirrors = calloc(image->n_sets ? image->n_sets : 1,
			    sizeof(*s->mirrors));
	s->vm_now = malloc(image->vm_set.row_size + 1);
	if (!s->vcpus || !s->mirrors || !s->vm_now)
		return -ENOMEM;
	for (size_t i = 0; i < image->n_sets; i++)
		find_mirrors(&image->sets[i], &s->mirrors[i]);
	ret = batch_init(&s->vm_regs, image->vm_set.n);
	for (size_t i = 0; i < image->n_vcpus && !ret; i++)
		ret = make_vcpu(s, i);
	return ret ? ret : reserve(s);
}

/* ---- staging ---- */

/* Any that another copy is unlikely to have; never 0. */
static uint64_t identity_of(const struct onereg_image *image)
{
	uint64_t id = XXH3_64bits_withSeed(image->vm_row,
					   image->vm_set.row_size,
					   image->saved_at);

	for (size_t i = 0; i < image->n_vcpus; i++) {
		const struct vcpu_state *v = &image->vcpus[i];

		id = XXH3_64bits_withSeed(v->row,
					  image->sets[v->set].row_size, id);
	}
	return id ? id : 1;
}

static int first_copy(struct onereg_source *s, struct onereg_image **ret,
		      struct onereg_report *report)
{
	struct onereg_image *image;
	int r = save_image(s->vm, &s->options, &image, report);

	if (r)
		return r;
	/* The findings tell which. */
	if (image->n_conflicts) {
		onereg_image_free(image);
		return -EBADE;
	}
	*ret = image;
	return 0;
}

static int open_source(struct onereg_source *s,
		       const struct onereg_stage_options *options,
		       struct onereg_report *report)
{
	int ret = stage_options_take(&s->options, &s->pool, options,
				     "onereg_source_stage", report);

	if (!ret)
		ret = first_copy(s, &s->image, report);
	if (!ret)
		ret = access_open(&s->access, &s->vm->io, s->vm->vm_fd,
				  s->vm->vcpu_fds, report);
	if (ret)
		return ret;
	s->image->staged = identity_of(s->image);
	if (starting_read(&s->starting, s->vm, s->image) || make_room(s))
		return stage_no_memory(report);
	make_plan(s);
	return 0;
}

int onereg_source_stage(struct onereg_vm *vm,
			const struct onereg_stage_options *options,
			struct onereg_source **ret,
			struct onereg_report *report)
{
	struct onereg_source *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return stage_no_memory(report);
	s->vm = vm;
	r = open_source(s, options, report);
	if (r) {
		onereg_source_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void onereg_source_free(struct onereg_source *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->vcpus && i < s->image->n_vcpus; i++) {
		free(s->vcpus[i].regs);
		free(s->vcpus[i].at);
		free(s->vcpus[i].now.row);
	}
	free(s->vcpus);
	free(s->mirrors);
	free(s->vm_now);
	batch_free(&s->vm_regs);
	starting_free(&s->starting);
	onereg_image_free(s->image);
	access_close(&s->access);
	attrs_free(&s->gic);
	free(s->buffer);
	free(s);
}

static void fold_vcpu(struct onereg_source *s, size_t vcpu,
		      const struct vcpu_state *now)
{
	struct vcpu_state *was = &s->image->vcpus[vcpu];

	memcpy(was->row, now->row, set_of(s, vcpu)->row_size);
	was->mp_state = now->mp_state;
	was->events = now->events;
	was->has_events = now->has_events;
}

/* What was sent last becomes what the image has. */
static void fold(struct onereg_source *s)
{
	if (!s->stopped)
		return;
	s->stopped = false;
	memcpy(s->image->vm_row, s->vm_now, s->image->vm_set.row_size);
	for (size_t i = 0; i < s->vm->n_vcpus; i++)
		fold_vcpu(s, i, &s->vcpus[i].now);
	s->image->saved_at = s->saved_at;
}

const struct onereg_image *onereg_source_image(struct onereg_source *s)
{
	fold(s);
	return s->image;
}

/* ---- putting changes together ---- */

/* Each vCPU has room for all of it; they are moved together at the end. */
static void place_records(struct onereg_source *s, size_t vm_size)
{
	size_t at = changes_head_size(s->vm->n_vcpus) + vm_size;

	for (size_t i = 0; i < s->vm->n_vcpus; i++) {
		s->vcpus[i].record = s->buffer + at;
		at += changes_vcpu_max(set_of(s, i));
	}
}

static size_t put_vm(struct onereg_source *s, const uint8_t *now)
{
	uint8_t *to = s->buffer + changes_head_size(s->vm->n_vcpus);
	size_t size = changes_put_row(to, &s->image->vm_set, s->image->vm_row,
				      now, NULL, 0);

	changes_put_entry(s->buffer, 0, to, size);
	return size;
}

static void finish(struct onereg_source *s, size_t vm_size, uint32_t flags,
		   const void **ret, size_t *ret_size)
{
	size_t n = s->vm->n_vcpus, size;
	uint8_t *p = s->buffer + changes_head_size(n) + vm_size;

	for (size_t i = 0; i < n; i++) {
		memmove(p, s->vcpus[i].record, s->vcpus[i].size);
		p += s->vcpus[i].size;
	}
	size = changes_put_gic(p, &s->gic);
	changes_put_entry(s->buffer, n + 1, p, size);
	p += size;
	s->size = (size_t)(p - s->buffer);
	changes_put_head(s->buffer, s->size, n,
			 &(struct changes_head){
				 .flags = flags,
				 .image = s->image->staged,
				 .number = s->image->next_changes++,
				 .saved_at = s->saved_at,
			 });
	*ret = s->buffer;
	*ret_size = s->size;
}

/* ---- the blackout ---- */

static int read_vm(struct onereg_source *s, struct onereg_report *report)
{
	const struct onereg_io *io = &s->vm->io;
	int vcpu = s->access.vm_regs ? ACCESS_VM : 0;
	size_t done;
	int ret = io->wall_clock(io->userdata, &s->saved_at);

	if (ret) {
		report_error(report, ret, "clock_gettime", "the wall clock",
			     "cannot tell when the counters were read");
		return ret;
	}
	ret = access_get(&s->access, vcpu, s->vm_regs.regs, s->vm_regs.n,
			 &done);
	if (ret)
		report_add(report,
			   &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = vcpu,
				   .id = s->vm_regs.regs[done].id,
				   .error = -ret,
				   .operation = access_operation(&s->access,
								 false),
				   .why = "cannot read the register",
			   });
	return ret;
}

static void mirror(const struct onereg_source *s, size_t vcpu)
{
	const struct mirrors *m = &s->mirrors[s->image->vcpus[vcpu].set];
	const struct regset *set = set_of(s, vcpu);
	uint8_t *row = s->vcpus[vcpu].now.row;

	for (size_t k = 0; k < m->n; k++)
		memcpy(row + set->offsets[m->v[k].to],
		       row + set->offsets[m->v[k].from], 8);
}

static int vcpu_call(const struct onereg_source *s, size_t vcpu,
		     unsigned long request, void *arg, const char *operation,
		     const char *name)
{
	int ret = io_ioctl(&s->vm->io, s->vm->vcpu_fds[vcpu], request, arg);

	if (ret >= 0)
		return 0;
	s->vcpus[vcpu].fault =
		(struct job_fault){ .error = ret,
				    .operation = operation,
				    .name = name,
				    .why = "cannot read the state of the vCPU" };
	return ret;
}

static int read_registers(const struct onereg_source *s, size_t vcpu)
{
	struct source_vcpu *v = &s->vcpus[vcpu];
	struct access access = s->access;
	size_t done;
	int ret;

	access.counts = &v->counts;
	ret = access_get(&access, (int)vcpu, v->regs, v->n_regs, &done);
	v->counts.registers_saved += done;
	if (ret)
		v->fault = (struct job_fault){
			.error = ret,
			.operation = access_operation(&access, false),
			.id = v->regs[done].id,
			.why = "cannot read the register",
		};
	return ret;
}

/* The MP state first: reading a register carries out a reset. */
static void stop_vcpu(void *arg, size_t vcpu)
{
	struct onereg_source *s = arg;
	struct source_vcpu *v = &s->vcpus[vcpu];
	struct ka_mp_state mp = { 0 };
	int ret = vcpu_call(s, vcpu, KA_GET_MP_STATE, &mp, "KVM_GET_MP_STATE",
			    "MP state");

	if (!ret)
		ret = read_registers(s, vcpu);
	if (!ret)
		ret = vcpu_call(s, vcpu, KA_GET_VCPU_EVENTS, &v->now.events,
				"KVM_GET_VCPU_EVENTS", "vCPU events");
	if (ret)
		return;
	v->now.mp_state = mp.mp_state;
	v->now.has_events = true;
	mirror(s, vcpu);
	v->size = changes_put_vcpu(v->record, &s->image->vcpus[vcpu], &v->now,
				   set_of(s, vcpu), v->at, v->n_at);
	changes_put_entry(s->buffer, 1 + vcpu, v->record, v->size);
}

static int stop_vcpus(struct onereg_source *s, struct onereg_report *report)
{
	struct onereg_counts *counts = report_counts(report);
	int ret = 0;

	for (size_t i = 0; i < s->vm->n_vcpus; i++) {
		s->vcpus[i].fault.error = 0;
		s->vcpus[i].counts = (struct onereg_counts){ 0 };
	}
	run_jobs(&s->pool, s->vm->n_vcpus, stop_vcpu, s);
	for (size_t i = 0; i < s->vm->n_vcpus; i++) {
		int error = job_failed(&s->vcpus[i].fault, i, report);

		counts_add(counts, &s->vcpus[i].counts);
		if (!ret)
			ret = error;
	}
	return ret;
}

static int stop_gic(struct onereg_source *s, struct onereg_report *report)
{
	struct onereg_counts *counts = report_counts(report);
	int ret;

	attrs_free(&s->gic);
	if (s->vm->gic_fd < 0)
		return 0;
	ret = gic_save(s->vm, s->image, &s->gic, report);
	if (!ret && counts)
		counts->attributes_saved += s->gic.n;
	return ret;
}

int onereg_source_stop(struct onereg_source *s, const void **ret,
		       size_t *ret_size, struct onereg_report *report)
{
	size_t vm_size;
	int r = s->vm->gic_fd < 0 ? 0 : gic_idle(s->vm, report);

	fold(s);
	s->access.counts = report_counts(report);
	if (!r)
		r = read_vm(s, report);
	if (r)
		return r;
	vm_size = put_vm(s, s->vm_now);
	place_records(s, vm_size);
	r = stop_vcpus(s, report);
	/* After the vCPUs: a reset that reading one carries out changes it. */
	if (!r)
		r = stop_gic(s, report);
	if (!r && reserve(s))
		r = stage_no_memory(report);
	if (r)
		return r;
	/* It may need more room than there was. */
	place_records(s, vm_size);
	if (report)
		report_counts(report)->registers_saved += s->vm_regs.n;
	finish(s, vm_size, CHANGES_LAST, ret, ret_size);
	s->stopped = true;
	return 0;
}

/* ---- once more, while the guest runs ---- */

static bool same_attrs(const struct attrs *a, const struct attrs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].group != b->v[i].group ||
		    a->v[i].attr != b->v[i].attr ||
		    a->v[i].value != b->v[i].value)
			return false;
	return true;
}

static bool same_vcpus(const struct onereg_image *a,
		       const struct onereg_image *b)
{
	for (size_t i = 0; i < a->n_vcpus; i++) {
		const struct vcpu_state *v = &a->vcpus[i], *w = &b->vcpus[i];

		if (!regset_equal(&a->sets[v->set], &b->sets[w->set]) ||
		    !same_attrs(&v->attrs, &w->attrs))
			return false;
	}
	return true;
}

/* What a destination is built by, and cannot be given later. */
static bool same_shape(const struct onereg_image *a,
		       const struct onereg_image *b)
{
	return regset_equal(&a->vm_set, &b->vm_set) &&
	       regset_equal(&a->config_set, &b->config_set) &&
	       (!a->config_set.n || !memcmp(a->config_row, b->config_row,
					    a->config_set.row_size)) &&
	       !memcmp(a->features, b->features, sizeof(a->features)) &&
	       same_vcpus(a, b);
}

static size_t put_all(struct onereg_source *s, const struct onereg_image *now)
{
	size_t vm_size = put_vm(s, now->vm_row);

	place_records(s, vm_size);
	for (size_t i = 0; i < s->vm->n_vcpus; i++) {
		struct source_vcpu *v = &s->vcpus[i];

		v->size = changes_put_vcpu(v->record, &s->image->vcpus[i],
					   &now->vcpus[i], set_of(s, i), NULL,
					   0);
		changes_put_entry(s->buffer, 1 + i, v->record, v->size);
	}
	return vm_size;
}

int onereg_source_restage(struct onereg_source *s, const void **ret,
			  size_t *ret_size, struct onereg_report *report)
{
	struct onereg_image *now;
	int r;

	fold(s);
	r = first_copy(s, &now, report);
	if (r)
		return r;
	if (!same_shape(s->image, now)) {
		onereg_image_free(now);
		report_error(report, -ESTALE, NULL, "live migration",
			     "registers, attributes or the configuration of "
			     "the VM are others than when it was staged: stage "
			     "anew, into a fresh VM");
		return -ESTALE;
	}
	attrs_free(&s->gic);
	s->saved_at = now->saved_at;
	finish(s, put_all(s, now), 0, ret, ret_size);
	memcpy(s->image->vm_row, now->vm_row, now->vm_set.row_size);
	for (size_t i = 0; i < now->n_vcpus; i++)
		fold_vcpu(s, i, &now->vcpus[i]);
	s->image->saved_at = now->saved_at;
	onereg_image_free(now);
	/* One that has moved is not fixed. */
	make_plan(s);
	return 0;
}
