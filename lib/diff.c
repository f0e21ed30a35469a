/* SPDX-License-Identifier: MIT */
/*
 * What differs from one image or host description to another, by name and
 * field. A difference is a note: which way it goes, and what it means, is
 * the check's business. No findings: the same, but for who wrote it and when.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "describe.h"

#define MIDR	KA_SYS(3, 0, 0, 0, 0)

struct diff {
	struct onereg_report *report;
	/* of two hosts: what is compared, and which profile of a */
	const struct onereg_host *a, *b;
	size_t profile;
	char where[112];	/* " of vCPUs with PSCI_0_2", or "" */
};

/* Grows by each finding that has a class and found no memory. */
static size_t n_lost(const struct onereg_report *report)
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

static const struct host_profile *find_profile(const struct onereg_host *host,
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
static bool pair_before(const struct diff *d, size_t *i,
			const struct host_profile **a,
			const struct host_profile **b)
{
	for (; d->a && d->profile + ++*i < d->a->n_profiles;) {
		*a = &d->a->profiles[d->profile + *i];
		*b = find_profile(d->b, (*a)->features);
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

	for (size_t i = 0; pair_before(d, &i, &pa, &pb);)
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

/* a or b NULL: only in the other. */
static void finding(const struct diff *d, const struct onereg_value *a,
		    const struct onereg_value *b, enum onereg_class class_,
		    const struct onereg_field *field, const char *what)
{
	const struct onereg_value *v = a ? a : b;
	size_t size = v->value_size;
	char name[96], why[160];

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

	for (size_t i = 0; a->space == ONEREG_SPACE_REG &&
			   (f = onereg_reg_field(a->id, i)); i++) {
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

static void compare_all(const struct diff *d, struct values *a,
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
			only_in_a(d, &a->v[i++]);
		else if (order > 0)
			only_in_b(d, &b->v[k++]);
		else
			compare(d, &a->v[i++], &b->v[k++]);
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

static void diff_yes(struct onereg_report *report, const char *name, bool a,
		     bool b, const char *yes, const char *no)
{
	if (a != b)
		fact(report, name, "%s -> %s", a ? yes : no, b ? yes : no);
}

/* Where no register tells it. */
static void diff_midr(struct onereg_report *report, size_t from, uint64_t a,
		      uint64_t b)
{
	const struct onereg_finding *f;

	for (size_t i = from; (f = onereg_report_get(report, i)); i++)
		if (f->space == ONEREG_SPACE_REG && f->id == MIDR)
			return;
	if (a != b)
		fact(report, "the host's MIDR_EL1", "0x%llx -> 0x%llx",
		     (unsigned long long)a, (unsigned long long)b);
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

static size_t count_cap(const struct onereg_cap *caps, size_t n,
			const struct onereg_cap *cap)
{
	size_t ret = 0;

	for (size_t i = 0; i < n; i++)
		ret += same_cap(&caps[i], cap);
	return ret;
}

static void caps_only_in(struct onereg_report *report,
			 const struct onereg_image *a,
			 const struct onereg_image *b, const char *why)
{
	char text[32];

	for (size_t i = 0; i < a->n_caps; i++) {
		const struct onereg_cap *cap = &a->caps[i];

		if (count_cap(a->caps, i + 1, cap) >
		    count_cap(b->caps, b->n_caps, cap))
			fact(report, cap_text(cap->cap, text, sizeof(text)),
			     "%s", why);
	}
}

static bool has_conflict(const struct onereg_image *image, uint64_t id)
{
	for (size_t i = 0; i < image->n_conflicts; i++)
		if (image->conflicts[i] == id)
			return true;
	return false;
}

static void conflicts_only_in(struct onereg_report *report,
			      const struct onereg_image *a,
			      const struct onereg_image *b, const char *why)
{
	for (size_t i = 0; i < a->n_conflicts; i++) {
		if (has_conflict(b, a->conflicts[i]))
			continue;
		report_add(report, &(struct onereg_finding){
					   .severity = ONEREG_NOTE,
					   .class_ = ONEREG_CLASS_CONFLICT,
					   .space = ONEREG_SPACE_REG,
					   .vcpu = -1,
					   .id = a->conflicts[i],
					   .why = why,
				   });
	}
}

static void diff_init(const struct onereg_image *a,
		      const struct onereg_image *b,
		      struct onereg_report *report)
{
	char name[32];

	diff_number(report, "vCPU target", a->target, b->target);
	diff_features(report, a->features[0], b->features[0]);
	for (size_t i = 1; i < ARRAY_SIZE(a->features); i++) {
		snprintf(name, sizeof(name), "vCPU features, word %zu", i);
		if (a->features[i] != b->features[i])
			fact(report, name, "0x%x -> 0x%x", a->features[i],
			     b->features[i]);
	}
}

static void diff_image_shape(const struct onereg_image *a,
			     const struct onereg_image *b,
			     struct onereg_report *report)
{
	diff_release(report, a->release, b->release);
	diff_yes(report, "image", a->fresh, b->fresh,
		 "of a fresh VM on a described host", "of a saved VM");
	diff_yes(report, "registers", a->partial, b->partial,
		 "some were not recorded", "all were recorded");
	diff_number(report, "vCPUs", a->n_vcpus, b->n_vcpus);
	diff_init(a, b, report);
	diff_number(report, "CNTFRQ_EL0", a->counter_frequency,
		    b->counter_frequency);
	diff_yes(report, "GICv3", a->has_gic, b->has_gic, "yes", "no");
	caps_only_in(report, a, b, "enabled in the first only");
	caps_only_in(report, b, a, "enabled in the second only");
	conflicts_only_in(report, a, b, "vCPUs disagree in the first only");
	conflicts_only_in(report, b, a, "vCPUs disagree in the second only");
	for (size_t i = 0; i < a->n_vcpus && i < b->n_vcpus; i++)
		if (a->vcpus[i].id != b->vcpus[i].id)
			fact(report, "vCPU id", "of vCPU %zu: %u -> %u", i,
			     a->vcpus[i].id, b->vcpus[i].id);
}

/* No findings have to mean that there are none. */
static int check_lost(struct onereg_report *report, size_t before)
{
	return n_lost(report) != before ? no_memory(report, "diff") : 0;
}

int onereg_image_diff(const struct onereg_image *a,
		      const struct onereg_image *b,
		      struct onereg_report *report)
{
	struct values va = { 0 }, vb = { 0 };
	struct diff d = { .report = report };
	size_t from, lost;
	int r;

	if (!report)
		return -EINVAL;
	from = onereg_report_count(report);
	lost = n_lost(report);
	r = image_values(a, &va);
	if (!r)
		r = image_values(b, &vb);
	if (r) {
		no_memory(report, "diff");
	} else {
		diff_image_shape(a, b, report);
		compare_all(&d, &va, &vb);
		diff_midr(report, from, a->midr, b->midr);
		r = check_lost(report, lost);
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

static void cap_finding(struct onereg_report *report, uint32_t cap,
			const char *why)
{
	char text[32];

	report_add(report, &(struct onereg_finding){
				   .severity = ONEREG_NOTE,
				   .class_ = ONEREG_CLASS_SHAPE,
				   .space = ONEREG_SPACE_CAP,
				   .vcpu = -1,
				   .id = cap,
				   .name = cap_text(cap, text, sizeof(text)),
				   .why = why,
			   });
}

/* A dump was asked nothing. */
static void caps_not_asked(const struct onereg_host *a,
			   const struct onereg_host *b, const char *why,
			   struct onereg_report *report)
{
	for (size_t i = 0; i < a->n_caps && !a->partial && !b->partial; i++)
		if (!has_cap(b, a->caps[i].cap))
			cap_finding(report, a->caps[i].cap, why);
}

static void diff_caps(const struct onereg_host *a, const struct onereg_host *b,
		      struct onereg_report *report)
{
	char why[64];

	for (size_t i = 0; i < a->n_caps; i++) {
		uint32_t cap = a->caps[i].cap;
		int va = a->caps[i].value, vb = onereg_host_cap(b, cap);

		if (!has_cap(b, cap) || va == vb)
			continue;
		snprintf(why, sizeof(why), "%d -> %d", va, vb);
		cap_finding(report, cap, why);
	}
	caps_not_asked(a, b, "asked of the first only", report);
	caps_not_asked(b, a, "asked of the second only", report);
}

/* Reset values of what moves by itself say nothing about a host. */
static bool is_moving(uint64_t id)
{
	const struct family *f = catalogue_find(id);

	return f->compare == COMPARE_COUNTER || f->phase == PHASE_TIMER;
}

static int profile_values(const struct host_profile *p,
			  const struct regset *other, bool partial_other,
			  struct values *ret)
{
	ret->n = 0;
	ret->v = calloc(p->set.n + 1, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (size_t i = 0; i < p->set.n; i++) {
		uint64_t id = p->set.ids[i];
		struct onereg_value *v = &ret->v[ret->n];

		if (is_moving(id) && regset_find(other, id) >= 0)
			continue;
		if (partial_other && check_unrecorded(id))
			continue;
		*v = (struct onereg_value){
			.size = sizeof(*v),
			.space = ONEREG_SPACE_REG,
			.vcpu = -1,
			.id = id,
			.value_size = onereg_reg_size(id),
		};
		if (p->has_reset[i])
			v->value = profile_value(p, i);
		ret->n++;
	}
	return 0;
}

static bool masks_differ(const struct host_profile *a, ptrdiff_t i,
			 const struct host_profile *b, ptrdiff_t k)
{
	return a->has_mask[i] && b->has_mask[k] &&
	       a->writable[i] != b->writable[k];
}

static bool scopes_differ(const struct host_profile *a, ptrdiff_t i,
			  const struct host_profile *b, ptrdiff_t k)
{
	return a->scope[i] && b->scope[k] && a->scope[i] != b->scope[k];
}

/* Of the i-th of a and the k-th of b: is it all in a pair before? */
static void find_told(const struct diff *d, const struct host_profile *a,
		      ptrdiff_t i, const struct host_profile *b, ptrdiff_t k,
		      bool *mask, bool *scope)
{
	const struct host_profile *pa, *pb;

	for (size_t at = 0; pair_before(d, &at, &pa, &pb);) {
		ptrdiff_t x = regset_find(&pa->set, a->set.ids[i]);
		ptrdiff_t y = regset_find(&pb->set, a->set.ids[i]);

		if (x < 0 || y < 0)
			continue;
		*mask |= masks_differ(pa, x, pb, y) &&
			 pa->writable[x] == a->writable[i] &&
			 pb->writable[y] == b->writable[k];
		*scope |= scopes_differ(pa, x, pb, y) &&
			  pa->scope[x] == a->scope[i] &&
			  pb->scope[y] == b->scope[k];
	}
}

static void diff_details(const struct diff *d, const struct host_profile *a,
			 const struct host_profile *b)
{
	for (ptrdiff_t i = 0; i < (ptrdiff_t)a->set.n; i++) {
		ptrdiff_t k = regset_find(&b->set, a->set.ids[i]);
		bool mask = false, scope = false;
		char name[96];

		if (k < 0 ||
		    (!masks_differ(a, i, b, k) && !scopes_differ(a, i, b, k)))
			continue;
		find_told(d, a, i, b, k, &mask, &scope);
		onereg_reg_name(a->set.ids[i], name, sizeof(name));
		if (masks_differ(a, i, b, k) && !mask)
			fact(d->report, name,
			     "writable bits 0x%llx -> 0x%llx%s",
			     (unsigned long long)a->writable[i],
			     (unsigned long long)b->writable[k], d->where);
		if (scopes_differ(a, i, b, k) && !scope)
			fact(d->report, name, "scope %s -> %s%s",
			     onereg_scope_name((enum onereg_scope)a->scope[i]),
			     onereg_scope_name((enum onereg_scope)b->scope[k]),
			     d->where);
	}
}

static int diff_profile(const struct diff *d, const struct host_profile *pa,
			const struct host_profile *pb)
{
	struct values va = { 0 }, vb = { 0 };
	bool a = d->a->partial, b = d->b->partial;
	int r = profile_values(pa, &pb->set, b && !a, &va);

	if (!r)
		r = profile_values(pb, &pa->set, a && !b, &vb);
	if (r) {
		no_memory(d->report, "diff");
	} else {
		compare_all(d, &va, &vb);
		diff_details(d, pa, pb);
	}
	free(va.v);
	free(vb.v);
	return r;
}

/* From the largest, which has the most registers. */
static int diff_profiles(struct diff *d)
{
	const struct host_profile *pa, *pb;
	char text[96];
	bool first = true;
	int r = 0;

	for (size_t i = d->a->n_profiles; i-- > 0 && !r;) {
		pa = &d->a->profiles[i];
		pb = find_profile(d->b, pa->features);
		if (!pb)
			continue;
		d->profile = i;
		features_text(pa->features, text, sizeof(text));
		if (!first)
			snprintf(d->where, sizeof(d->where),
				 " of vCPUs with %s", text);
		first = false;
		r = diff_profile(d, pa, pb);
	}
	return r;
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

/* Of registers that both have: how many of a's are known and b's not? */
static void count_known(const struct onereg_host *a,
			const struct onereg_host *b, size_t *masks,
			size_t *scopes)
{
	*masks = *scopes = 0;
	for (size_t i = 0; i < a->n_profiles; i++) {
		const struct host_profile *pa = &a->profiles[i];
		const struct host_profile *pb = find_profile(b, pa->features);

		for (size_t k = 0; pb && k < pa->set.n; k++) {
			ptrdiff_t at = regset_find(&pb->set, pa->set.ids[k]);

			if (at < 0)
				continue;
			*masks += pa->has_mask[k] && !pb->has_mask[at];
			*scopes += pa->scope[k] && !pb->scope[at];
		}
	}
}

/* What a host was not asked, or did not tell, is told of in one line. */
static void diff_known(const struct onereg_host *a, const struct onereg_host *b,
		       struct onereg_report *report)
{
	size_t masks[2], scopes[2];

	count_known(a, b, &masks[0], &scopes[0]);
	count_known(b, a, &masks[1], &scopes[1]);
	if (masks[0] || masks[1])
		fact(report, "writable bits",
		     "known of %zu registers in the first only, of %zu in the "
		     "second only", masks[0], masks[1]);
	if (scopes[0] || scopes[1])
		fact(report, "scopes",
		     "seen of %zu registers in the first only, of %zu in the "
		     "second only", scopes[0], scopes[1]);
}

int onereg_host_diff(const struct onereg_host *a, const struct onereg_host *b,
		     struct onereg_report *report)
{
	struct diff d = { .report = report, .a = a, .b = b };
	size_t from, lost;
	int r;

	if (!report)
		return -EINVAL;
	from = onereg_report_count(report);
	lost = n_lost(report);
	diff_release(report, a->release, b->release);
	diff_yes(report, "description", a->partial, b->partial,
		 "an imported dump, which leaves registers out",
		 "of all registers");
	diff_yes(report, "scopes", a->probed, b->probed, "probed",
		 "not probed");
	diff_number(report, "CNTFRQ_EL0", a->counter_frequency,
		    b->counter_frequency);
	diff_caps(a, b, report);
	profiles_only_in(a, b, "vCPUs like this in the first only", report);
	profiles_only_in(b, a, "vCPUs like this in the second only", report);
	diff_known(a, b, report);
	r = diff_profiles(&d);
	if (r)
		return r;
	diff_midr(report, from, a->midr, b->midr);
	return check_lost(report, lost);
}
