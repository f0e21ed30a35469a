/* SPDX-License-Identifier: MIT */
/* What differs from one image to another, by register and field. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"

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
			diff_fact(report,
				  cap_text(cap->cap, text, sizeof(text)), "%s",
				  why);
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
			diff_fact(report, name, "0x%x -> 0x%x", a->features[i],
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
			diff_fact(report, "vCPU id", "of vCPU %zu: %u -> %u", i,
				  a->vcpus[i].id, b->vcpus[i].id);
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
	lost = diff_n_lost(report);
	r = image_values(a, &va);
	if (!r)
		r = image_values(b, &vb);
	if (r) {
		no_memory(report, "diff");
	} else {
		diff_image_shape(a, b, report);
		diff_values(&d, &va, &vb);
		diff_midr(report, from, a->midr, b->midr);
		r = diff_check_lost(report, lost);
	}
	free(va.v);
	free(vb.v);
	return r;
}
