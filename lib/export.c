/* SPDX-License-Identifier: MIT */
/*
 * An image for a VMM that knows nothing of it: the calls that a plain loop
 * makes, one a line, in an order in which they give the right VM. The form is
 * docs/format.md's, "Export". What such a loop cannot make is refused before a
 * line is written.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "config.h"

#define OPERATION	"export"
#define VERSION		1

/* ---- text that grows ---- */

struct text {
	char *v;
	size_t n, allocated;
	bool failed;	/* no memory */
};

static char *room(struct text *t, size_t more)
{
	size_t size = t->n + more + 1;
	char *v;

	if (t->failed)
		return NULL;
	if (size > t->allocated) {
		size = size < 4096 ? 4096 : 2 * size;
		v = realloc(t->v, size);
		if (!v) {
			t->failed = true;
			return NULL;
		}
		t->v = v;
		t->allocated = size;
	}
	return t->v + t->n;
}

static void __attribute__((format(printf, 2, 3)))
put(struct text *t, const char *fmt, ...)
{
	char line[256], *to;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	to = room(t, (size_t)n);
	if (!to)
		return;
	memcpy(to, line, (size_t)n + 1);
	t->n += (size_t)n;
}

/* As it lies in memory, which is what KVM_SET_ONE_REG is given. */
static void put_value(struct text *t, const void *value, size_t size)
{
	const uint8_t *bytes = value;
	char *to = room(t, 2 * size + 1);

	if (!to)
		return;
	for (size_t i = 0; i < size; i++)
		to += sprintf(to, "%02x", bytes[i]);
	strcpy(to, "\n");
	t->n += 2 * size + 1;
}

/* ---- what a loop cannot do ---- */

struct export {
	const struct onereg_image *image;
	const struct onereg_host *host;		/* where to; NULL: not known */
	const struct host_profile *profile;	/* of the host */
	struct onereg_report *report;
	struct text text;
	bool aa32_left;				/* is_void() left some out */
};

static void tell(const struct export *e, enum onereg_severity severity,
		 const struct split *s, uint64_t id, const char *name,
		 const char *why, const char *todo)
{
	report_add(e->report,
		   &(struct onereg_finding){
			   .severity = severity,
			   .class_ = ONEREG_CLASS_SHAPE,
			   .space = id ? ONEREG_SPACE_REG : ONEREG_SPACE_NONE,
			   .vcpu = s ? (int)s->vcpu : -1,
			   .id = id,
			   .name = name,
			   .a = s ? s->first : NULL,
			   .b = s ? s->other : NULL,
			   .value_size = s ? s->size : 0,
			   .why = why,
			   .todo = todo,
		   });
}

/* Written through one vCPU after the other, the last would win. */
static void refuse_splits(const struct export *e)
{
	uint64_t asym = config_value(e->image, KA_VM_ASYM);
	struct split split;

	for (size_t i = 0; config_next_split(e->image, asym, &i, &split);)
		tell(e, ONEREG_IMPOSSIBLE, &split, split.id, NULL,
		     "the VM's vCPUs differ in it, and a VMM that knows nothing "
		     "of that makes VMs that have it once",
		     "restore it with onereg_vm_restore(), where the kernel "
		     "offers asymmetric vCPUs");
}

static void refuse_unknown(const struct export *e)
{
	uint64_t id;

	for (size_t i = 0; config_unknown(e->image, i, &id); i++)
		tell(e, ONEREG_IMPOSSIBLE, NULL, id, NULL,
		     "the VM was made with it, and this version does not know "
		     "what it means", "use a newer onereg");
	if (config_unknown_asym(e->image))
		tell(e, ONEREG_IMPOSSIBLE, NULL, KA_VM_ASYM, NULL,
		     "the VM's vCPUs may differ in what this version does not "
		     "know", "use a newer onereg");
}

static void refuse_parts(const struct export *e)
{
	const struct onereg_image *image = e->image;
	const char *why = NULL;

	if (image->staged)
		why = "the first copy of a live migration: what changed later "
		      "is not in it";
	else if (image->fresh || image->partial)
		why = "made from a host description: no VM was saved in it";
	if (why)
		tell(e, ONEREG_IMPOSSIBLE, NULL, 0, "image", why, NULL);
	for (size_t i = 0; i < image->n_conflicts; i++)
		tell(e, ONEREG_IMPOSSIBLE, NULL, image->conflicts[i], NULL,
		     "the image's vCPUs disagree on what the VM has once, and "
		     "no choice is right", NULL);
}

static void tell_of_the_rest(const struct export *e)
{
	const struct onereg_image *image = e->image;

	if (e->aa32_left)
		tell(e, ONEREG_NOTE, NULL, 0, "AArch32 ID registers",
		     "left out: they mean nothing to a guest without AArch32, "
		     "and a host may refuse what another one made up", NULL);
	if (image->has_gic)
		tell(e, ONEREG_CARE, NULL, 0, "GICv3",
		     "its state is not in a list of registers",
		     "carry it as the VMM does for its own VMs, between the "
		     "last vCPU's registers and its events");
	if (config_value(image, KA_VM_COUNTER_OFFSET))
		tell(e, ONEREG_CARE, NULL, KA_VM_COUNTER_OFFSET, NULL,
		     "the VM's counters follow the host's at an offset; a loop "
		     "writes them as values",
		     "do not use KVM_ARM_SET_COUNTER_OFFSET on that VM: KVM "
		     "then ignores such writes");
}

/*
 * What the destination refuses, or loses, is refused here. Tolerances leave
 * bits as the host has them, which a loop cannot.
 */
static int check_destination(struct export *e)
{
	struct onereg_image image = *e->image;
	int r;

	if (!e->host)
		return 0;
	image.tolerances = NULL;
	r = onereg_image_check(&image, e->host, e->report);
	if (!r)
		e->profile = check_profile(e->host, image.features[0]);
	return r;
}

/* ---- the calls ---- */

/* Each row's registers of a phase, what comes first in it apart. */
struct part {
	enum phase phase;
	bool first;
};

static const struct part after_finalize[] = {
	{ PHASE_VM, false },	  { PHASE_HOST, false },
	{ PHASE_VCPU, true },	  { PHASE_VCPU, false },
	{ PHASE_COUNTER, false }, { PHASE_TIMER, false },
};

/* Safe to leave out, or check_destination() would have said no. */
static bool is_absent(const struct export *e, uint64_t id)
{
	return e->profile && regset_find(&e->profile->set, id) < 0 &&
	       !(e->host->partial && check_unrecorded(id));
}

/*
 * UNKNOWN to a guest without AArch32: a restore goes on where the host refuses
 * the value, a loop cannot.
 */
static bool is_void(struct export *e, const struct family *f)
{
	bool ret = f->compare == COMPARE_AA32 && !image_has_aa32(e->image);

	e->aa32_left |= ret;
	return ret;
}

static void put_set(struct export *e, size_t vcpu, uint64_t id,
		    const void *value)
{
	put(&e->text, "set %zu 0x%016llx ", vcpu, (unsigned long long)id);
	put_value(&e->text, value, onereg_reg_size(id));
}

static void put_part(struct export *e, size_t vcpu, const struct regset *set,
		     const uint8_t *row, struct part part)
{
	static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff,
					 0xff, 0xff, 0xff, 0xff };

	for (size_t i = 0; i < set->n; i++) {
		uint64_t id = set->ids[i];
		const struct family *f = catalogue_find(id);

		if (f->phase != part.phase || f->write == WRITE_NEVER ||
		    (f->write == WRITE_FIRST) != part.first ||
		    is_absent(e, id) || is_void(e, f))
			continue;
		/* The kernel ORs into the one, and clears by the other. */
		if (f->write == WRITE_CLR_SET)
			put_set(e, vcpu, (id & ~0xffffULL) | f->twin, ones);
		put_set(e, vcpu, id, row + set->offsets[i]);
	}
}

static void put_row(struct export *e, size_t vcpu, struct part part)
{
	const struct onereg_image *image = e->image;
	const struct vcpu_state *v = &image->vcpus[vcpu];

	put_part(e, vcpu, &image->vm_set, image->vm_row, part);
	put_part(e, vcpu, &image->sets[v->set], v->row, part);
}

static void put_attrs(struct export *e, size_t vcpu)
{
	const struct attrs *attrs = &e->image->vcpus[vcpu].attrs;

	for (size_t i = 0; i < attrs->n; i++)
		put(&e->text, "attr %zu %u 0x%llx %u 0x%llx\n", vcpu,
		    attrs->v[i].group, (unsigned long long)attrs->v[i].attr,
		    attrs->v[i].size, (unsigned long long)attrs->v[i].value);
}

static void put_vcpu(struct export *e, size_t vcpu)
{
	const struct onereg_image *image = e->image;

	put(&e->text, "init %zu %u", vcpu, image->target);
	for (size_t i = 0; i < ARRAY_SIZE(image->features); i++)
		put(&e->text, " 0x%x", image->features[i]);
	put(&e->text, "\n");
	put_row(e, vcpu, (struct part){ PHASE_VLS, false });
	if (image->features[0] & 1U << KA_VCPU_SVE)
		put(&e->text, "finalize %zu %d\n", vcpu, KA_VCPU_SVE);
	put_attrs(e, vcpu);
	for (size_t i = 0; i < ARRAY_SIZE(after_finalize); i++)
		put_row(e, vcpu, after_finalize[i]);
}

static void put_end(struct export *e, size_t vcpu)
{
	const struct vcpu_state *v = &e->image->vcpus[vcpu];

	if (v->has_events) {
		put(&e->text, "events %zu ", vcpu);
		put_value(&e->text, &v->events, sizeof(v->events));
	}
	put(&e->text, "mp_state %zu %u\n", vcpu, v->mp_state);
}

static void put_head(struct export *e)
{
	const struct onereg_image *image = e->image;
	struct text *t = &e->text;

	put(t, "onereg-export %d\n", VERSION);
	put(t, "# saved by %s on kernel %s\n", image->writer, image->release);
	for (size_t i = 0; i < image->n_caps; i++) {
		const struct onereg_cap *c = &image->caps[i];

		put(t, "cap %u 0x%x 0x%llx 0x%llx 0x%llx 0x%llx\n", c->cap,
		    c->flags, (unsigned long long)c->args[0],
		    (unsigned long long)c->args[1],
		    (unsigned long long)c->args[2],
		    (unsigned long long)c->args[3]);
	}
	for (size_t i = 0; i < image->n_vcpus; i++)
		put(t, "vcpu %zu %u\n", i, image->vcpus[i].id);
}

static void put_all(struct export *e)
{
	const struct onereg_image *image = e->image;

	put_head(e);
	for (size_t i = 0; i < image->n_vcpus; i++)
		put_vcpu(e, i);
	for (size_t i = 0; i < image->n_vcpus; i++)
		put_end(e, i);
	put(&e->text, "end\n");
}

/* The report may have findings of before. */
static bool is_refused(const struct export *e, size_t from)
{
	const struct onereg_finding *f;

	for (; (f = onereg_report_get(e->report, from)); from++)
		if (f->severity >= ONEREG_IMPOSSIBLE)
			return true;
	return false;
}

static int refuse(struct export *e)
{
	size_t from = onereg_report_count(e->report);
	bool failed = onereg_report_verdict(e->report) == ONEREG_FAILED;
	int r;

	refuse_parts(e);
	refuse_unknown(e);
	refuse_splits(e);
	r = check_destination(e);
	if (!r && is_refused(e, from))
		r = -EOPNOTSUPP;
	/* A finding that found no memory may have been a refusal. */
	if (!r && !failed && onereg_report_verdict(e->report) == ONEREG_FAILED)
		r = -ENOMEM;
	return r;
}

int onereg_image_export(const struct onereg_image *image,
			const struct onereg_host *host, char **ret,
			size_t *ret_size, struct onereg_report *report)
{
	struct export e = { .image = image, .host = host, .report = report };
	int r = report ? refuse(&e) : -EINVAL;

	if (r)
		return r;
	put_all(&e);
	if (e.text.failed) {
		free(e.text.v);
		report_error(report, -ENOMEM, NULL, OPERATION, "no memory");
		return -ENOMEM;
	}
	tell_of_the_rest(&e);
	*ret = e.text.v;
	*ret_size = e.text.n;
	return 0;
}

int onereg_image_export_file(const struct onereg_image *image,
			     const struct onereg_host *host, const char *path,
			     struct onereg_report *report)
{
	size_t size;
	char *text;
	int r = onereg_image_export(image, host, &text, &size, report);

	if (r)
		return r;
	r = file_write_whole(path, text, size, report);
	free(text);
	return r;
}
