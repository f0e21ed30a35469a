/* SPDX-License-Identifier: MIT */
/* What differs from one host description to another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"

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

	for (size_t at = 0; diff_pair_before(d, &at, &pa, &pb);) {
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
			diff_fact(d->report, name,
				  "writable bits 0x%llx -> 0x%llx%s",
				  (unsigned long long)a->writable[i],
				  (unsigned long long)b->writable[k], d->where);
		if (scopes_differ(a, i, b, k) && !scope)
			diff_fact(d->report, name, "scope %s -> %s%s",
				  onereg_scope_name(
					  (enum onereg_scope)a->scope[i]),
				  onereg_scope_name(
					  (enum onereg_scope)b->scope[k]),
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
		diff_values(d, &va, &vb);
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
		pb = diff_find_profile(d->b, pa->features);
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
		if (diff_find_profile(b, a->profiles[i].features))
			continue;
		features_text(a->profiles[i].features, text, sizeof(text));
		diff_fact(report, text, "%s", why);
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
		const struct host_profile *pb =
			diff_find_profile(b, pa->features);

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
		diff_fact(
			report, "writable bits",
			"known of %zu registers in the first only, of %zu in the "
			"second only",
			masks[0], masks[1]);
	if (scopes[0] || scopes[1])
		diff_fact(
			report, "scopes",
			"seen of %zu registers in the first only, of %zu in the "
			"second only",
			scopes[0], scopes[1]);
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
	lost = diff_n_lost(report);
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
	return diff_check_lost(report, lost);
}
