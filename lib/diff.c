/* SPDX-License-Identifier: MIT */
/* Single values and facts of two sides, one against the other. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "known.h"

/* Grows by each finding that has a class and found no memory. */
size_t diff_n_lost(const struct onereg_report *report)
{
	size_t n = 0;

	for (size_t i = ONEREG_CLASS_NONE + 1; i < ONEREG_N_CLASSES; i++)
		n += onereg_report_differences(report, (enum onereg_class)i);
	return n - onereg_report_count(report);
}

/* ---- one value against another ---- */

static uint64_t number(const void *value, size_t size)
{
	uint64_t n = 0;

	memcpy(&n, value, size < sizeof(n) ? size : sizeof(n));
	return n;
}

const struct host_profile *diff_find_profile(const struct onereg_host *host,
					     uint32_t features)
{
	for (size_t i = 0; i < host->n_profiles; i++)
		if (host->profiles[i].features == features)
			return &host->profiles[i];
	return NULL;
}

/*
 * The i-th pair of profiles that was compared before; false past the last.
 * Larger ones come first.
 */
bool diff_pair_before(const struct diff *d, size_t *i,
		      const struct host_profile **a,
		      const struct host_profile **b)
{
	for (; d->a && d->profile + ++*i < d->a->n_profiles;) {
		*a = &d->a->profiles[d->profile + *i];
		*b = diff_find_profile(d->b, (*a)->features);
		if (*b)
			return true;
	}
	return false;
}

/* Is what the profile has the same under that mask? v NULL: it has not. */
static bool has_same(const struct host_profile *p, uint64_t id,
		     const struct onereg_value *v, uint64_t mask)
{
	ptrdiff_t at = regset_find(&p->set, id);
	size_t size = onereg_reg_size(id);
	const uint8_t *value;

	if (at < 0 || !v)
		return at < 0 && !v;
	if (!mask)
		return true;
	if (!p->has_reset[at] || !v->value)
		return !p->has_reset[at] == !v->value;
	value = profile_value(p, (size_t)at);
	if (size > sizeof(mask))
		return !memcmp(value, v->value, size);
	return !((number(value, size) ^ number(v->value, size)) & mask);
}

/* Reset values depend on the profile; what does not is told once. */
static bool was_told(const struct diff *d, const struct onereg_value *a,
		     const struct onereg_value *b, uint64_t mask)
{
	uint64_t id = a ? a->id : b->id;
	const struct host_profile *pa, *pb;

	for (size_t i = 0; diff_pair_before(d, &i, &pa, &pb);)
		if (has_same(pa, id, a, mask) && has_same(pb, id, b, mask))
			return true;
	return false;
}

static void value_name(const struct onereg_value *v, char *name, size_t size)
{
	switch (v->space) {
	case ONEREG_SPACE_GIC:
		gic_attr_name(v->group, v->id, name, size);
		break;
	case ONEREG_SPACE_VCPU_ATTR:
		vcpu_attr_name(v->group, v->id, name, size);
		break;
	case ONEREG_SPACE_EVENTS:
		snprintf(name, size, "events");
		break;
	case ONEREG_SPACE_MP_STATE:
		snprintf(name, size, "MP state");
		break;
	default:
		onereg_reg_name(v->id, name, size);
	}
}

static uint64_t part(const struct onereg_value *v,
		     const struct onereg_field *f)
{
	uint64_t n = v && v->value ? number(v->value, v->value_size) : 0;

	return f && f->width < 64 ? n >> f->lsb & ((1ULL << f->width) - 1) : n;
}

static const char *known_of(const struct diff *d, const struct onereg_value *a,
			    const struct onereg_value *b,
			    const struct onereg_field *field,
			    char text[KNOWN_TEXT_MAX])
{
	const struct onereg_value *v = a ? a : b;

	if (v->space != ONEREG_SPACE_REG || !d->a)
		return NULL;
	return known_tell(
		&(struct known_question){
			.sides = { { d->a->release, d->a->midr },
				   { d->b->release, d->b->midr } },
			.id = v->id,
			.field = field ? field->name : NULL,
			.kind = a && b ? KNOWN_VALUE : KNOWN_LISTED,
			.features = d->a->profiles[d->profile].features,
			.a = part(a, field),
			.b = part(b, field),
		},
		text);
}

/* a or b NULL: only in the other. */
static void finding(const struct diff *d, const struct onereg_value *a,
		    const struct onereg_value *b, enum onereg_class class_,
		    const struct onereg_field *field, const char *what)
{
	const struct onereg_value *v = a ? a : b;
	size_t size = v->value_size;
	char name[96], why[160], known[KNOWN_TEXT_MAX];

	if (a && b && b->value_size < size)
		size = b->value_size;
	value_name(v, name, sizeof(name));
	snprintf(why, sizeof(why), "%s%s", what, d->where);
	report_add(d->report, &(struct onereg_finding){
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
				      .a = a ? a->value : NULL,
				      .b = b ? b->value : NULL,
				      .value_size = size,
				      .why = why,
				      .known = known_of(d, a, b, field, known),
			      });
}

static void only_in_a(const struct diff *d, const struct onereg_value *v)
{
	if (!was_told(d, v, NULL, 0))
		finding(d, v, NULL, ONEREG_CLASS_MISSING, NULL,
			"only in the first");
}

static void only_in_b(const struct diff *d, const struct onereg_value *v)
{
	if (!was_told(d, NULL, v, 0))
		finding(d, NULL, v, ONEREG_CLASS_ABSENT, NULL,
			"only in the second");
}

static void differ(const struct diff *d, const struct onereg_value *a,
		   const struct onereg_value *b, uint64_t mask,
		   const struct onereg_field *field)
{
	if (!was_told(d, a, b, mask))
		finding(d, a, b,
			field ? ONEREG_CLASS_FEATURE : ONEREG_CLASS_VALUE,
			field, "differs");
}

/* By field where the register has named ones, the rest as a whole. */
static void compare_numbers(const struct diff *d, const struct onereg_value *a,
			    const struct onereg_value *b)
{
	uint64_t rest = number(a->value, a->value_size) ^
			number(b->value, b->value_size);
	const struct onereg_field *f;

	for (size_t i = 0;
	     a->space == ONEREG_SPACE_REG && (f = onereg_reg_field(a->id, i));
	     i++) {
		uint64_t mask = f->width < 64 ? (1ULL << f->width) - 1 : ~0ULL;

		mask <<= f->lsb;
		if (rest & mask)
			differ(d, a, b, mask, f);
		rest &= ~mask;
	}
	if (rest)
		differ(d, a, b, rest, NULL);
}

static void compare(const struct diff *d, const struct onereg_value *a,
		    const struct onereg_value *b)
{
	if (!a->value || !b->value) {
		if (a->value != b->value && !was_told(d, a, b, ~0ULL))
			finding(d, a->value ? a : NULL, b->value ? b : NULL,
				ONEREG_CLASS_VALUE, NULL,
				a->value ? "readable in the first only" :
					   "readable in the second only");
	} else if (a->value_size != b->value_size) {
		finding(d, a, b, ONEREG_CLASS_VALUE, NULL, "differs in size");
	} else if (a->value_size > sizeof(uint64_t)) {
		if (memcmp(a->value, b->value, a->value_size))
			differ(d, a, b, ~0ULL, NULL);
	} else {
		compare_numbers(d, a, b);
	}
}

/* ---- lists of values ---- */

#define ORDER(x, y)     \
	if ((x) != (y)) \
	return (x) < (y) ? -1 : 1

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

void diff_values(const struct diff *d, struct values *a, struct values *b)
{
	size_t i = 0, k = 0;

	qsort(a->v, a->n, sizeof(*a->v), place_order);
	qsort(b->v, b->n, sizeof(*b->v), place_order);
	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 :
			    k == b->n ? -1 :
					place_order(&a->v[i], &b->v[k]);

		if (order < 0)
			only_in_a(d, &a->v[i++]);
		else if (order > 0)
			only_in_b(d, &b->v[k++]);
		else
			compare(d, &a->v[i++], &b->v[k++]);
	}
}

/* ---- facts that are not registers ---- */

void diff_fact(struct onereg_report *report, const char *name, const char *fmt,
	       ...)
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

void diff_release(struct onereg_report *report, const char *a, const char *b)
{
	if (strcmp(a, b))
		diff_fact(report, "kernel", "%s -> %s", a, b);
}

void diff_number(struct onereg_report *report, const char *name, uint64_t a,
		 uint64_t b)
{
	if (a != b)
		diff_fact(report, name, "%llu -> %llu", (unsigned long long)a,
			  (unsigned long long)b);
}

void diff_yes(struct onereg_report *report, const char *name, bool a, bool b,
	      const char *yes, const char *no)
{
	if (a != b)
		diff_fact(report, name, "%s -> %s", a ? yes : no, b ? yes : no);
}

/* Where no register tells it. */
void diff_midr(struct onereg_report *report, size_t from, uint64_t a,
	       uint64_t b)
{
	const struct onereg_finding *f;

	for (size_t i = from; (f = onereg_report_get(report, i)); i++)
		if (f->space == ONEREG_SPACE_REG && f->id == MIDR)
			return;
	if (a != b)
		diff_fact(report, "the host's MIDR_EL1", "0x%llx -> 0x%llx",
			  (unsigned long long)a, (unsigned long long)b);
}

void diff_features(struct onereg_report *report, uint32_t a, uint32_t b)
{
	char ta[96], tb[96];

	features_text(a, ta, sizeof(ta));
	features_text(b, tb, sizeof(tb));
	if (a != b)
		diff_fact(report, "vCPU features", "%s -> %s", ta, tb);
}

/* No findings have to mean that there are none. */
int diff_check_lost(struct onereg_report *report, size_t before)
{
	return diff_n_lost(report) != before ? no_memory(report, "diff") : 0;
}
