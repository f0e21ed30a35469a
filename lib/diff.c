/* SPDX-License-Identifier: MIT */
/*
 * What differs from one image or host description to another, by name and
 * field. A difference is a note: which way it goes, and what it means, is
 * the check's business.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

/* ---- one value against another ---- */

static void finding(struct onereg_report *report, const struct onereg_value *v,
		    enum onereg_class class_, const void *a, const void *b,
		    const struct onereg_field *field, const char *why)
{
	char name[96];

	switch (v->space) {
	case ONEREG_SPACE_GIC:
		gic_attr_name(v->group, v->id, name, sizeof(name));
		break;
	case ONEREG_SPACE_VCPU_ATTR:
		vcpu_attr_name(v->group, v->id, name, sizeof(name));
		break;
	case ONEREG_SPACE_EVENTS:
		snprintf(name, sizeof(name), "events");
		break;
	case ONEREG_SPACE_MP_STATE:
		snprintf(name, sizeof(name), "MP state");
		break;
	default:
		onereg_reg_name(v->id, name, sizeof(name));
	}
	report_add(report, &(struct onereg_finding){
				   .severity = ONEREG_NOTE,
				   .class_ = class_,
				   .space = v->space,
				   .vcpu = v->vcpu,
				   .group = v->group,
				   .id = v->id,
				   .name = name,
				   .field = field ? field->name : NULL,
				   .lsb = field ? field->lsb : 0,
				   .width = field ? field->width : 0,
				   .a = a,
				   .b = b,
				   .value_size = v->value_size,
				   .why = why,
			   });
}

static void only_in_a(struct onereg_report *report,
		      const struct onereg_value *v)
{
	finding(report, v, ONEREG_CLASS_MISSING, v->value, NULL, NULL,
		"only in the first");
}

static void only_in_b(struct onereg_report *report,
		      const struct onereg_value *v)
{
	finding(report, v, ONEREG_CLASS_ABSENT, NULL, v->value, NULL,
		"only in the second");
}

static uint64_t number(const struct onereg_value *v)
{
	uint64_t n = 0;

	memcpy(&n, v->value, v->value_size < 8 ? v->value_size : 8);
	return n;
}

/* By field where the register has named ones, the rest as a whole. */
static void compare(struct onereg_report *report, const struct onereg_value *a,
		    const struct onereg_value *b)
{
	const struct onereg_field *f;
	uint64_t rest;

	if (a->value_size == b->value_size &&
	    !memcmp(a->value, b->value, a->value_size))
		return;
	rest = number(a) ^ number(b);
	for (size_t i = 0; a->space == ONEREG_SPACE_REG &&
			   a->value_size <= 8 &&
			   (f = onereg_reg_field(a->id, i)); i++) {
		uint64_t mask = f->width < 64 ? (1ULL << f->width) - 1 : ~0ULL;

		mask <<= f->lsb;
		if (rest & mask)
			finding(report, a, ONEREG_CLASS_FEATURE, a->value,
				b->value, f, "differs");
		rest &= ~mask;
	}
	if (rest || a->value_size > 8)
		finding(report, a, ONEREG_CLASS_VALUE, a->value, b->value,
			NULL, "differs");
}

/* ---- lists of values ---- */

struct values {
	struct onereg_value *v;
	size_t n;
};

#define ORDER(x, y) if ((x) != (y)) return (x) < (y) ? -1 : 1

/* Where a value is; what it is plays no part. */
static int place_order(const void *x, const void *y)
{
	const struct onereg_value *a = x, *b = y;

	ORDER(a->vcpu, b->vcpu);
	ORDER(a->space, b->space);
	ORDER(a->group, b->group);
	ORDER(a->id, b->id);
	return 0;
}

static void compare_all(struct onereg_report *report, struct values *a,
			struct values *b)
{
	size_t i = 0, k = 0;

	qsort(a->v, a->n, sizeof(*a->v), place_order);
	qsort(b->v, b->n, sizeof(*b->v), place_order);
	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 :
			    k == b->n ? -1 :
					place_order(&a->v[i], &b->v[k]);

		if (order < 0)
			only_in_a(report, &a->v[i++]);
		else if (order > 0)
			only_in_b(report, &b->v[k++]);
		else
			compare(report, &a->v[i++], &b->v[k++]);
	}
}

/* ---- facts that are not registers ---- */

static void __attribute__((format(printf, 3, 4)))
fact(struct onereg_report *report, const char *name, const char *fmt, ...)
{
	char why[224];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	report_add(report, &(struct onereg_finding){
				   .severity = ONEREG_NOTE,
				   .class_ = ONEREG_CLASS_SHAPE,
				   .vcpu = -1,
				   .name = name,
				   .why = why,
			   });
}

static void diff_release(struct onereg_report *report, const char *a,
			 const char *b)
{
	if (strcmp(a, b))
		fact(report, "kernel", "%s -> %s", a, b);
}

static void diff_number(struct onereg_report *report, const char *name,
			uint64_t a, uint64_t b)
{
	if (a != b)
		fact(report, name, "%llu -> %llu", (unsigned long long)a,
		     (unsigned long long)b);
}

static void diff_features(struct onereg_report *report, uint32_t a, uint32_t b)
{
	char ta[96], tb[96];

	features_text(a, ta, sizeof(ta));
	features_text(b, tb, sizeof(tb));
	if (a != b)
		fact(report, "vCPU features", "%s -> %s", ta, tb);
}

/* ---- images ---- */

static int image_values(const struct onereg_image *image, struct values *ret)
{
	size_t n = onereg_image_n_values(image);

	ret->v = calloc(n + 1, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (ret->n = 0; ret->n < n; ret->n++) {
		ret->v[ret->n].size = sizeof(*ret->v);
		onereg_image_value(image, ret->n, &ret->v[ret->n]);
	}
	return 0;
}

static bool same_cap(const struct onereg_cap *a, const struct onereg_cap *b)
{
	return a->cap == b->cap && a->flags == b->flags &&
	       !memcmp(a->args, b->args, sizeof(a->args));
}

static void caps_only_in(struct onereg_report *report,
			 const struct onereg_image *a,
			 const struct onereg_image *b, const char *why)
{
	char text[32];

	for (size_t i = 0; i < a->n_caps; i++) {
		size_t k = 0;

		while (k < b->n_caps && !same_cap(&a->caps[i], &b->caps[k]))
			k++;
		if (k == b->n_caps)
			fact(report, cap_text(a->caps[i].cap, text,
					      sizeof(text)), "%s", why);
	}
}

static void diff_image_shape(const struct onereg_image *a,
			     const struct onereg_image *b,
			     struct onereg_report *report)
{
	diff_release(report, a->release, b->release);
	diff_number(report, "vCPUs", a->n_vcpus, b->n_vcpus);
	diff_features(report, a->features[0], b->features[0]);
	diff_number(report, "CNTFRQ_EL0", a->counter_frequency,
		    b->counter_frequency);
	diff_number(report, "GIC", a->has_gic, b->has_gic);
	caps_only_in(report, a, b, "enabled in the first only");
	caps_only_in(report, b, a, "enabled in the second only");
	for (size_t i = 0; i < a->n_vcpus && i < b->n_vcpus; i++)
		if (a->vcpus[i].id != b->vcpus[i].id)
			fact(report, "vCPU id", "of vCPU %zu: %u -> %u", i,
			     a->vcpus[i].id, b->vcpus[i].id);
}

int onereg_image_diff(const struct onereg_image *a,
		      const struct onereg_image *b,
		      struct onereg_report *report)
{
	struct values va = { 0 }, vb = { 0 };
	int r = image_values(a, &va);

	if (!r)
		r = image_values(b, &vb);
	if (!r) {
		diff_image_shape(a, b, report);
		compare_all(report, &va, &vb);
	}
	free(va.v);
	free(vb.v);
	return r;
}

/* ---- hosts ---- */

static bool has_cap(const struct onereg_host *host, uint32_t cap)
{
	for (size_t i = 0; i < host->n_caps; i++)
		if (host->caps[i].cap == cap)
			return true;
	return false;
}

/* Of two that were asked; a dump was asked nothing. */
static void diff_caps(const struct onereg_host *a, const struct onereg_host *b,
		      struct onereg_report *report)
{
	char text[32], why[64];

	for (size_t i = 0; i < a->n_caps; i++) {
		uint32_t cap = a->caps[i].cap;
		int va = a->caps[i].value, vb = onereg_host_cap(b, cap);

		if (!has_cap(b, cap) || va == vb)
			continue;
		snprintf(why, sizeof(why), "%d -> %d", va, vb);
		report_add(report,
			   &(struct onereg_finding){
				   .severity = ONEREG_NOTE,
				   .class_ = ONEREG_CLASS_SHAPE,
				   .space = ONEREG_SPACE_CAP,
				   .vcpu = -1,
				   .id = cap,
				   .name = cap_text(cap, text, sizeof(text)),
				   .why = why,
			   });
	}
}

/* Reset values of what moves by itself say nothing about a host. */
static bool is_moving(uint64_t id)
{
	const struct family *f = catalogue_find(id);

	return f->compare == COMPARE_COUNTER || f->phase == PHASE_TIMER;
}

/*
 * Of one profile; without what a larger one showed already, so that a
 * difference is told once. A dump does not hold registers of over 16 bytes.
 */
static int profile_values(const struct host_profile *p,
			  const struct regset *other, bool partial_other,
			  const struct regset *seen, struct values *ret)
{
	ret->n = 0;
	ret->v = calloc(p->set.n + 1, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (size_t i = 0; i < p->set.n; i++) {
		struct onereg_value *v = &ret->v[ret->n];

		if (!p->has_reset[i] || regset_find(seen, p->set.ids[i]) >= 0)
			continue;
		if (is_moving(p->set.ids[i]) &&
		    regset_find(other, p->set.ids[i]) >= 0)
			continue;
		if (partial_other && onereg_reg_size(p->set.ids[i]) > 16)
			continue;
		*v = (struct onereg_value){
			.size = sizeof(*v),
			.space = ONEREG_SPACE_REG,
			.vcpu = -1,
			.id = p->set.ids[i],
			.value = profile_value(p, i),
			.value_size = onereg_reg_size(p->set.ids[i]),
		};
		ret->n++;
	}
	return 0;
}

static void diff_details(const struct host_profile *a,
			 const struct host_profile *b,
			 const struct regset *seen,
			 struct onereg_report *report)
{
	for (size_t i = 0; i < a->set.n; i++) {
		ptrdiff_t k = regset_find(&b->set, a->set.ids[i]);
		char name[96];

		if (k < 0 || regset_find(seen, a->set.ids[i]) >= 0)
			continue;
		onereg_reg_name(a->set.ids[i], name, sizeof(name));
		if (a->has_mask[i] && b->has_mask[k] &&
		    a->writable[i] != b->writable[k])
			fact(report, name, "writable bits 0x%llx -> 0x%llx",
			     (unsigned long long)a->writable[i],
			     (unsigned long long)b->writable[k]);
		if (a->scope[i] && b->scope[k] && a->scope[i] != b->scope[k])
			fact(report, name, "scope %s -> %s",
			     onereg_scope_name((enum onereg_scope)a->scope[i]),
			     onereg_scope_name((enum onereg_scope)b->scope[k]));
	}
}

static int add_seen(struct regset *seen, const struct regset *set)
{
	uint64_t *ids = calloc(seen->n + set->n + 1, sizeof(*ids));
	size_t n = seen->n;
	int r;

	if (!ids)
		return -ENOMEM;
	if (n)
		memcpy(ids, seen->ids, n * sizeof(*ids));
	for (size_t i = 0; i < set->n; i++)
		if (regset_find(seen, set->ids[i]) < 0)
			ids[n++] = set->ids[i];
	regset_free(seen);
	r = regset_init(seen, ids, n);
	free(ids);
	return r;
}

static int diff_profile(const struct onereg_host *a,
			const struct onereg_host *b,
			const struct host_profile *pa,
			const struct host_profile *pb, struct regset *seen,
			struct onereg_report *report)
{
	struct values va = { 0 }, vb = { 0 };
	int r = profile_values(pa, &pb->set, b->partial && !a->partial, seen,
			       &va);

	if (!r)
		r = profile_values(pb, &pa->set, a->partial && !b->partial,
				   seen, &vb);
	if (!r) {
		compare_all(report, &va, &vb);
		diff_details(pa, pb, seen, report);
		r = add_seen(seen, &pa->set);
	}
	if (!r)
		r = add_seen(seen, &pb->set);
	free(va.v);
	free(vb.v);
	return r;
}

static const struct host_profile *find_profile(const struct onereg_host *host,
					       uint32_t features)
{
	for (size_t i = 0; i < host->n_profiles; i++)
		if (host->profiles[i].features == features)
			return &host->profiles[i];
	return NULL;
}

static void profiles_only_in(const struct onereg_host *a,
			     const struct onereg_host *b, const char *why,
			     struct onereg_report *report)
{
	char text[96];

	for (size_t i = 0; i < a->n_profiles; i++) {
		if (find_profile(b, a->profiles[i].features))
			continue;
		features_text(a->profiles[i].features, text, sizeof(text));
		fact(report, text, "%s", why);
	}
}

int onereg_host_diff(const struct onereg_host *a, const struct onereg_host *b,
		     struct onereg_report *report)
{
	struct regset seen = { 0 };
	int r = 0;

	diff_release(report, a->release, b->release);
	diff_number(report, "CNTFRQ_EL0", a->counter_frequency,
		    b->counter_frequency);
	diff_caps(a, b, report);
	profiles_only_in(a, b, "vCPUs like this in the first only", report);
	profiles_only_in(b, a, "vCPUs like this in the second only", report);
	/* From the largest, which has the most registers. */
	for (size_t i = a->n_profiles; i-- > 0 && !r;) {
		const struct host_profile *pb =
			find_profile(b, a->profiles[i].features);

		if (pb)
			r = diff_profile(a, b, &a->profiles[i], pb, &seen,
					 report);
	}
	regset_free(&seen);
	return r;
}
