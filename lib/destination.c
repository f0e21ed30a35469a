/* SPDX-License-Identifier: MIT */
/*
 * The destination of a live migration: all but the last changes before the
 * blackout, with proof; in it, what has changed, each vCPU by itself. Changes
 * are checked to the last byte before any of them is written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "restore.h"
#include "stage.h"
#include "tolerance.h"

/* What to do with a register that has changed. */
enum action {
	WRITE,
	WRITE_BEFORE,	/* the others of the vCPU */
	WRITE_BOTH,	/* all ones to the CLR twin, then this */
	KEEP,		/* a twin: written by the other */
	MISSING,	/* this host does not have it */
	LATER,		/* by a step of the plan, for all vCPUs */
	TOO_LATE,	/* the VM was built by it */
};

/* For the vCPUs with this list, on this host. */
struct actions {
	uint32_t set;		/* of image->sets */
	struct regset list;
	struct todo {
		uint8_t action;
		uint16_t twin;	/* WRITE_BOTH: the CLR id's low 16 bits */
	} *todo;		/* of each of the set */
};

struct destination_vcpu {
	const struct actions *actions;
	struct ka_one_reg *regs;	/* room; in it those to be written: */
	const struct ka_one_reg *first;
	size_t n_regs;
	struct vcpu_changes changes;
	bool later;		/* has some of those */
	const uint8_t *missing;	/* a value that needs a register not here */
	uint64_t missing_id;
	struct job_fault fault;
	struct onereg_counts counts;
};

struct onereg_destination {
	struct onereg_vm *vm;
	struct onereg_pool pool;
	struct onereg_image *image;	/* what the VM holds, once folded */
	struct restore restore;
	bool open;		/* restore is */
	struct actions *actions;
	size_t n_actions;
	struct destination_vcpu *vcpus;
	struct changes changes;	/* that were written, if ... */
	bool folded;		/* ... the image does not have them yet */
	bool has_events;	/* the image had, and will */
	bool failed, committed;
};

static const struct regset *set_of(const struct onereg_destination *d,
				   size_t vcpu)
{
	return &d->image->sets[d->image->vcpus[vcpu].set];
}

/* ---- what will be done with each register ---- */

static enum action choose_action(const struct regset *list, uint64_t id)
{
	const struct family *f = catalogue_find(id);

	if (f->write == WRITE_NEVER)
		return KEEP;
	if (f->settled)
		return TOO_LATE;
	/* A deadline is stored as it is: it need not wait for the counters. */
	if (f->phase != PHASE_VCPU && f->phase != PHASE_TIMER)
		return LATER;
	if (regset_find(list, id) < 0)
		return MISSING;
	return f->write == WRITE_CLR_SET ? WRITE_BOTH :
	       f->write == WRITE_FIRST	 ? WRITE_BEFORE :
					   WRITE;
}

/* Takes the list. */
static int add_actions(struct onereg_destination *d, uint32_t set,
		       struct regset *list)
{
	const struct regset *ids = &d->image->sets[set];
	struct actions *a = &d->actions[d->n_actions++];

	*a = (struct actions){ .set = set, .list = *list };
	*list = (struct regset){ 0 };
	a->todo = calloc(ids->n + 1, sizeof(*a->todo));
	if (!a->todo)
		return -ENOMEM;
	for (size_t i = 0; i < ids->n; i++) {
		uint64_t twin = catalogue_find(ids->ids[i])->twin;

		a->todo[i].action =
			(uint8_t)choose_action(&a->list, ids->ids[i]);
		a->todo[i].twin = (uint16_t)twin;
	}
	return 0;
}

/* Nearly always all vCPUs have the same. */
static int find_actions(struct onereg_destination *d, size_t vcpu,
			struct regset *list)
{
	uint32_t set = d->image->vcpus[vcpu].set;
	int ret;

	for (size_t i = 0; i < d->n_actions; i++)
		if (d->actions[i].set == set &&
		    regset_equal(&d->actions[i].list, list)) {
			d->vcpus[vcpu].actions = &d->actions[i];
			return 0;
		}
	ret = add_actions(d, set, list);
	d->vcpus[vcpu].actions = &d->actions[d->n_actions - 1];
	return ret;
}

static int make_vcpu(struct onereg_destination *d, size_t vcpu,
		     struct onereg_report *report)
{
	/* WRITE_BEFORE from the middle down; upwards two calls for a pair. */
	size_t n = 3 * set_of(d, vcpu)->n + 1;
	struct regset list;
	int ret = access_vcpu_list(&d->restore.access, vcpu, &list);

	if (ret) {
		report_error(report, ret, "KVM_GET_REG_LIST", "vCPU",
			     "the list of a vCPU's registers cannot be read");
		return ret;
	}
	ret = find_actions(d, vcpu, &list);
	regset_free(&list);
	d->vcpus[vcpu].regs = malloc(n * sizeof(*d->vcpus[vcpu].regs));
	if (ret || !d->vcpus[vcpu].regs)
		return stage_no_memory(report);
	/* The first touch of a page costs: not in the blackout. */
	memset(d->vcpus[vcpu].regs, 0, n * sizeof(*d->vcpus[vcpu].regs));
	return 0;
}

static int make_vcpus(struct onereg_destination *d,
		      struct onereg_report *report)
{
	size_t n = d->vm->n_vcpus;
	int ret = 0;

	d->vcpus = calloc(n, sizeof(*d->vcpus));
	d->actions = calloc(n, sizeof(*d->actions));
	d->changes.at = calloc(changes_n_records(n) + 1,
			       sizeof(*d->changes.at));
	if (!d->vcpus || !d->actions || !d->changes.at)
		return stage_no_memory(report);
	for (size_t i = 0; i < n && !ret; i++)
		ret = make_vcpu(d, i, report);
	return ret;
}

/* ---- staging ---- */

/* By way of the file's form: one place knows what an image consists of. */
static int copy_image(const struct onereg_image *image,
		      struct onereg_image **ret, struct onereg_report *report)
{
	size_t size;
	void *data;
	int r = onereg_image_write(image, &data, &size);

	if (r) {
		report_error(report, r, NULL, "image", "cannot be copied");
		return r;
	}
	r = onereg_image_read(data, size, ret, report);
	free(data);
	if (!r)
		(*ret)->tolerances = image->tolerances;
	return r;
}

static void report_to(struct onereg_destination *d,
		      struct onereg_report *report)
{
	d->restore.report = report;
	d->restore.counts = report_counts(report);
	d->restore.access.counts = d->restore.counts;
}

/*
 * For the commit: no call says that an SError is pending no more
 * (__kvm_arm_vcpu_set_events), and until then the guest may take it.
 */
static void hold_events(struct onereg_destination *d)
{
	for (size_t i = 0; i < d->image->n_vcpus; i++) {
		d->has_events = d->has_events || d->image->vcpus[i].has_events;
		d->image->vcpus[i].has_events = false;
	}
}

static int open_destination(struct onereg_destination *d,
			    const struct onereg_image *image,
			    const struct onereg_stage_options *options,
			    struct onereg_report *report)
{
	struct onereg_stage_options o;
	int ret = stage_options_take(&o, &d->pool, options,
				     "onereg_destination_stage", report);

	if (!ret)
		ret = copy_image(image, &d->image, report);
	if (ret)
		return ret;
	hold_events(d);
	ret = restore_open(&d->restore, d->vm, d->image, report);
	if (ret)
		return ret;
	d->open = true;
	d->restore.time = o.time;
	d->restore.staging = true;
	ret = restore_run(&d->restore);
	if (!ret && d->restore.n_unproved)
		ret = -EBADE;
	if (!ret)
		ret = remember_shape(&d->restore);
	return ret ? ret : make_vcpus(d, report);
}

int onereg_destination_stage(struct onereg_vm *vm,
			     const struct onereg_image *image,
			     const struct onereg_stage_options *options,
			     struct onereg_destination **ret,
			     struct onereg_report *report)
{
	struct onereg_destination *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return stage_no_memory(report);
	d->vm = vm;
	d->folded = true;
	r = open_destination(d, image, options, report);
	if (r) {
		onereg_destination_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void onereg_destination_free(struct onereg_destination *d)
{
	if (!d)
		return;
	for (size_t i = 0; d->vcpus && i < d->vm->n_vcpus; i++)
		free(d->vcpus[i].regs);
	for (size_t i = 0; i < d->n_actions; i++) {
		regset_free(&d->actions[i].list);
		free(d->actions[i].todo);
	}
	free(d->actions);
	free(d->vcpus);
	free(d->changes.at);
	if (d->open)
		restore_close(&d->restore);
	onereg_image_free(d->image);
	free(d);
}

/* ---- changes: all of them are looked at first ---- */

/* May this host do without the register, with this value? */
static void look_at_missing(const struct onereg_destination *d,
			    struct destination_vcpu *v, uint64_t id,
			    const uint8_t *value)
{
	if (family_absent(catalogue_find(id), d->image, value,
			  onereg_reg_size(id)) != ONEREG_IMPOSSIBLE)
		return;
	/* The proof says so. */
	if (tolerated_missing(d->image->tolerances, id))
		return;
	v->missing = value;
	v->missing_id = id;
}

/* In the blackout: a few instructions a register. */
static void take_registers(const struct onereg_destination *d, size_t vcpu)
{
	static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff,
					 0xff, 0xff, 0xff, 0xff };
	struct destination_vcpu *v = &d->vcpus[vcpu];
	const struct todo *todo = v->actions->todo;
	const uint64_t *ids = set_of(d, vcpu)->ids;
	struct row_changes row = v->changes.row;
	struct ka_one_reg *first = v->regs + row.set->n, *to = first;
	const uint8_t *value;
	size_t i;

	while (row_changes_next(&row, &i, &value)) {
		/* Nearly all, and gcc would ask for it last. */
		if (__builtin_expect(todo[i].action == WRITE, 1)) {
			*to++ = (struct ka_one_reg){ ids[i],
						     (uintptr_t)value };
			continue;
		}
		switch ((enum action)todo[i].action) {
		case WRITE_BEFORE:
			*--first = (struct ka_one_reg){ ids[i],
							(uintptr_t)value };
			break;
		case WRITE_BOTH:
			*to++ = (struct ka_one_reg){
				(ids[i] & ~0xffffULL) | todo[i].twin,
				(uintptr_t)ones
			};
			*to++ = (struct ka_one_reg){ ids[i],
						     (uintptr_t)value };
			break;
		case WRITE:
		case KEEP:
			break;
		case MISSING:
			look_at_missing(d, v, ids[i], value);
			break;
		case LATER:
			v->later = true;
			break;
		case TOO_LATE:
			v->missing = value;
			v->missing_id = ids[i];
			break;
		}
	}
	v->first = first;
	v->n_regs = (size_t)(to - first);
	if (row.bad)
		v->fault.error = -EBADMSG;
}

static void look_at_vcpu(void *arg, size_t vcpu)
{
	struct onereg_destination *d = arg;
	struct destination_vcpu *v = &d->vcpus[vcpu];

	v->n_regs = 0;
	v->later = false;
	v->missing = NULL;
	v->counts = (struct onereg_counts){ 0 };
	v->fault = (struct job_fault){
		.error = changes_vcpu(&d->changes, vcpu, set_of(d, vcpu),
				      &v->changes),
		.name = "changes",
		.why = "damaged: nothing of them was used; send them again",
	};
	if (!v->fault.error)
		take_registers(d, vcpu);
}

static int damaged(struct onereg_report *report, int error, const char *why)
{
	report_error(report, error, NULL, "changes", "%s", why);
	return error;
}

static int look_at_head(struct onereg_destination *d, const void *data,
			size_t size, bool last, struct onereg_report *report)
{
	const struct changes_head *head = &d->changes.head;
	const char *why;
	int ret = changes_open(&d->changes, d->vm->n_vcpus, data, size, &why);

	if (ret)
		return damaged(report, ret, why);
	if (head->image != d->image->staged)
		return damaged(report, -EPROTO, "they belong to another image");
	if (head->number != d->image->next_changes)
		return damaged(report, -EPROTO,
			       head->number < d->image->next_changes ?
				       "these were taken already" :
				       "some before these are missing");
	if (!(head->flags & CHANGES_LAST) == last)
		return damaged(report, -EPROTO,
			       last ? "not the last ones: the guest has run on" :
				      "the last ones: commit them");
	return 0;
}

static int tell_missing(const struct destination_vcpu *v, size_t vcpu,
			struct onereg_report *report)
{
	if (!v->missing)
		return 0;
	report_add(report, &(struct onereg_finding){
				   .severity = ONEREG_IMPOSSIBLE,
				   .class_ = ONEREG_CLASS_MISSING,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = (int)vcpu,
				   .id = v->missing_id,
				   .a = v->missing,
				   .value_size = onereg_reg_size(v->missing_id),
				   .why = "it changed after staging, and the "
					  "vCPU here cannot take that",
				   .todo = catalogue_find(v->missing_id)->why,
			   });
	return -ESTALE;
}

/* Damage first: what is damaged says nothing of this host. */
static int look_at_vcpus(struct onereg_destination *d,
			 struct onereg_report *report)
{
	int ret = 0;

	run_jobs(&d->pool, d->vm->n_vcpus, look_at_vcpu, d);
	for (size_t i = 0; i < d->vm->n_vcpus && !ret; i++)
		ret = job_failed(&d->vcpus[i].fault, i, report);
	for (size_t i = 0; i < d->vm->n_vcpus && !ret; i++)
		ret = tell_missing(&d->vcpus[i], i, report);
	return ret;
}

/* *ret_features: more than the counters has changed. */
static int look_at_vm(struct onereg_destination *d, bool *ret_features,
		      struct onereg_report *report)
{
	struct row_changes row;
	const uint8_t *value;
	size_t i;

	*ret_features = false;
	if (changes_vm(&d->changes, &d->image->vm_set, &row))
		return damaged(report, -EBADMSG, "damaged in the VM's part");
	while (row_changes_next(&row, &i, &value))
		if (d->restore.vm_rules.family[i]->phase != PHASE_COUNTER)
			*ret_features = true;
	return row.bad ? damaged(report, -EBADMSG, "damaged in the VM's part") :
			 0;
}

static int look_at_gic(struct onereg_destination *d, struct attrs *gic,
		       bool last, struct onereg_report *report)
{
	int ret = changes_gic(&d->changes, gic);
	bool whole = !gic->n;

	if (!ret && last && d->image->has_gic)
		ret = gic_is_whole(d->image, gic, &whole);
	if (ret == -ENOMEM)
		return stage_no_memory(report);
	if (ret || !whole)
		return damaged(report, -EBADMSG,
			       "damaged, or of another GIC, in the GIC's part");
	return 0;
}

/* ---- then they are written ---- */

static void fold_row(struct row_changes row, uint8_t *to)
{
	const uint8_t *value;
	size_t i;

	while (row_changes_next(&row, &i, &value))
		memcpy(to + row.set->offsets[i], value,
		       onereg_reg_size(row.set->ids[i]));
}

static void fold_vcpu(struct onereg_destination *d, size_t vcpu)
{
	fold_row(d->vcpus[vcpu].changes.row, d->image->vcpus[vcpu].row);
}

/* Registers of vCPUs in the image are those that the VM has. */
static void fold(struct onereg_destination *d)
{
	for (size_t i = 0; !d->folded && i < d->vm->n_vcpus; i++)
		fold_vcpu(d, i);
	d->folded = true;
}

static void fold_vm(struct onereg_destination *d)
{
	struct row_changes row;

	/* It was looked at. */
	if (!changes_vm(&d->changes, &d->image->vm_set, &row))
		fold_row(row, d->image->vm_row);
	d->image->saved_at = d->changes.head.saved_at;
	d->image->next_changes = d->changes.head.number + 1;
}

static void write_vcpu(void *arg, size_t vcpu)
{
	struct onereg_destination *d = arg;
	struct destination_vcpu *v = &d->vcpus[vcpu];
	struct access access = d->restore.access;
	size_t done = 0;

	access.counts = &v->counts;
	v->fault.error = access_set(&access, (int)vcpu, v->first, v->n_regs,
				    &done);
	v->counts.registers_written += done;
	if (!v->fault.error)
		return;
	v->fault.operation = access_operation(&access, true);
	v->fault.name = NULL;
	v->fault.id = v->first[done].id;
	v->fault.value = (const void *)(uintptr_t)v->first[done].addr;
	v->fault.why = "this host refuses the value";
}

static int write_vcpus(struct onereg_destination *d,
		       struct onereg_report *report)
{
	int ret = 0;

	run_jobs(&d->pool, d->vm->n_vcpus, write_vcpu, d);
	for (size_t i = 0; i < d->vm->n_vcpus; i++) {
		int error = job_failed(&d->vcpus[i].fault, i, report);

		counts_add(report_counts(report), &d->vcpus[i].counts);
		if (!ret)
			ret = error;
	}
	return ret;
}

static void take_events(struct onereg_destination *d, size_t vcpu, bool last)
{
	struct vcpu_state *state = &d->image->vcpus[vcpu];
	const uint8_t *events = d->vcpus[vcpu].changes.events;

	if (events) {
		memcpy(&state->events, events, sizeof(state->events));
		d->has_events = true;
	}
	state->has_events = last && d->has_events;
}

/* What the staged vCPU has already is not written again. */
static int write_runnable(struct onereg_destination *d, size_t vcpu, bool last)
{
	struct vcpu_state *state = &d->image->vcpus[vcpu];
	const struct vcpu_changes *c = &d->vcpus[vcpu].changes;
	int ret = 0;

	take_events(d, vcpu, last);
	/* Nothing is pending in a new vCPU. */
	if (state->has_events &&
	    (state->events.serror_pending || state->events.ext_dabt_pending))
		ret = write_vcpu_events(&d->restore, vcpu);
	if (!ret && c->mp_state != state->mp_state) {
		state->mp_state = c->mp_state;
		ret = write_vcpu_mp_state(&d->restore, vcpu);
	}
	return ret;
}

/* VM-wide state that moved after all, in rows of vCPUs too. */
static int write_late(struct onereg_destination *d, bool features)
{
	for (size_t i = 0; i < d->vm->n_vcpus; i++)
		if (d->vcpus[i].later) {
			fold_vcpu(d, i);
			features = true;
		}
	if (!features)
		return 0;
	return write_features(&d->restore) ?: write_host_facts(&d->restore) ?:
	       write_vm_row(&d->restore, d->image->vm_row, PHASE_VCPU);
}

static int write_changes(struct onereg_destination *d, bool features,
			 bool last, struct onereg_report *report)
{
	int ret;

	fold_vm(d);
	ret = write_late(d, features);
	if (!ret)
		ret = write_vcpus(d, report);
	d->folded = false;
	if (!ret && last)
		ret = write_gic(&d->restore);
	for (size_t i = 0; i < d->vm->n_vcpus && !ret; i++)
		ret = write_runnable(d, i, last);
	/* Relative to now: as late as can be. */
	return ret || !last ? ret : write_counters(&d->restore);
}

static int take_changes(struct onereg_destination *d, const void *data,
			size_t size, bool last, struct onereg_report *report)
{
	struct attrs gic = { 0 };
	bool features;
	int ret;

	fold(d);
	report_to(d, report);
	ret = look_at_head(d, data, size, last, report);
	if (!ret)
		ret = look_at_vm(d, &features, report);
	if (!ret)
		ret = look_at_gic(d, &gic, last, report);
	if (!ret)
		ret = look_at_vcpus(d, report);
	if (ret) {
		attrs_free(&gic);
		/* No later changes can follow these. */
		d->failed = ret == -ESTALE;
		return ret;
	}
	if (last) {
		attrs_free(&d->image->gic);
		d->image->gic = gic;
	}
	ret = write_changes(d, features, last, report);
	d->failed = ret;
	return ret;
}

static int refuse_late(const struct onereg_destination *d, const char *name,
		       struct onereg_report *report)
{
	if (!d->failed && !d->committed)
		return 0;
	report_error(report, -EINVAL, NULL, name, "%s",
		     d->failed ? "an earlier step failed: delete the VM" :
				 "the VM was committed already");
	return -EINVAL;
}

/* Features may have moved: proved as after staging, before anything else. */
int onereg_destination_restage(struct onereg_destination *d,
			       const void *changes, size_t size,
			       struct onereg_report *report)
{
	int ret = refuse_late(d, "onereg_destination_restage", report);

	if (!ret)
		ret = take_changes(d, changes, size, false, report);
	if (ret)
		return ret;
	fold(d);
	ret = prove_state(&d->restore);
	if (!ret && d->restore.n_unproved)
		ret = -EBADE;
	d->failed = ret;
	return ret;
}

int onereg_destination_commit(struct onereg_destination *d,
			      const void *changes, size_t size,
			      struct onereg_report *report)
{
	int ret = refuse_late(d, "onereg_destination_commit", report);

	if (!ret)
		ret = take_changes(d, changes, size, true, report);
	if (ret)
		return ret;
	d->committed = true;
	/* Whole now; what proves it compares all. */
	d->image->staged = 0;
	return 0;
}

int onereg_destination_prove(struct onereg_destination *d,
			     struct onereg_report *report)
{
	int ret;

	/* The answer is in the report. */
	if (!report)
		return -EINVAL;
	if (!d->committed) {
		report_error(report, -EINVAL, NULL, "onereg_destination_prove",
			     "the VM was not committed");
		return -EINVAL;
	}
	fold(d);
	report_to(d, report);
	ret = prove_state(&d->restore);
	return ret ? ret : prove_clocks(&d->restore);
}
