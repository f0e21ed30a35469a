/* SPDX-License-Identifier: MIT */
/*
 * What a baseline takes as a whole, or cannot have at all: facts of the host,
 * caches, event counters, vector lengths, the clock.
 */
#include <stdio.h>
#include <string.h>

#include "baseline.h"
#include "check.h"

#define PMCR_N		(31ULL << 11)
#define CLASS_OF(id)	((id) & KA_REG_CLASS_MASK)
#define CAP_ARM_WRITABLE_IMP_ID_REGS 239

/* ---- what a host shows and nobody can change ---- */

static bool all_let_identity_change(const struct level *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (onereg_host_cap(l->hosts[i],
				    CAP_ARM_WRITABLE_IMP_ID_REGS) <= 0)
			return false;
	return true;
}

static bool same_fact(const struct level *l, size_t i, uint64_t id)
{
	const struct id_field *f = id_field_at(id, 0);
	uint64_t a = fleet_value(l->p[0], id), b = fleet_value(l->p[i], id);

	if (a == b)
		return true;
	return CLASS_OF(id) == KA_REG_FW && f &&
	       id_field_fits(f, a & bits_of(&f->field),
			     b & bits_of(&f->field)) &&
	       id_field_fits(f, b & bits_of(&f->field),
			     a & bits_of(&f->field));
}

void level_fact(struct level *l, uint64_t id)
{
	bool identity = CLASS_OF(id) == KA_REG_SYSREG;
	struct baseline_reg none = { .id = id };
	char a[32], b[32];
	size_t i = 1;

	while (i < l->n && same_fact(l, i, id))
		i++;
	if (i == l->n)
		return;
	struct finding told = {
		.severity = ONEREG_IMPOSSIBLE,
		.class_ = ONEREG_CLASS_VALUE,
		.id = id,
		.a = fleet_value(l->p[0], id),
		.b = fleet_value(l->p[i], id),
		.todo = "make a fleet of the hosts that agree, or answer for "
			"it in a file of tolerances",
	};
	if (level_leave(l, &none, ~0ULL, &told))
		return;
	if (identity && all_let_identity_change(l)) {
		told.severity = ONEREG_CARE;
		told.todo = "opt in to one value for all, which a baseline "
			    "does not hold";
	}
	level_tell(l, &told, "cannot be levelled: %.60s and %.60s differ, and KVM "
	     "shows a guest what its host has%s",
	     level_name(l, 0, a), level_name(l, i, b),
	     identity ? ", by which it chose its errata workarounds" : "");
}

/* ---- caches: all of one host ---- */

/* A host that takes no other description; or n. */
static size_t fixed_caches(const struct level *l, size_t from)
{
	while (from < l->n && check_takes_caches(l->p[from]))
		from++;
	return from;
}

static void compare_caches(struct level *l, size_t a, size_t b)
{
	const struct regset *set = &l->p[a]->set;
	char x[32], y[32];

	for (size_t i = 0; i < set->n; i++) {
		uint64_t id = set->ids[i];

		if (!baseline_is_cache(id) || regset_find(&l->p[b]->set, id) < 0 ||
		    fleet_value(l->p[a], id) == fleet_value(l->p[b], id))
			continue;
		struct finding told = {
			.severity = ONEREG_IMPOSSIBLE,
			.class_ = ONEREG_CLASS_VALUE,
			.id = id,
			.a = fleet_value(l->p[a], id),
			.b = fleet_value(l->p[b], id),
		};
		if (!level_leave(l, &(struct baseline_reg){ .id = id }, ~0ULL,
			   &told))
			level_tell(l, &told, "%.60s and %.60s differ, and the "
			     "kernels of both take no description of caches "
			     "but their CPU's", level_name(l, a, x),
			     level_name(l, b, y));
	}
}

int level_caches(struct level *l)
{
	size_t donor = fixed_caches(l, 0);
	const struct host_profile *p;

	for (size_t i = donor; donor < l->n && i < l->n;
	     i = fixed_caches(l, i + 1))
		compare_caches(l, donor, i);
	p = l->p[donor < l->n ? donor : 0];
	for (size_t i = 0; i < p->set.n; i++) {
		struct baseline_reg reg = { .id = p->set.ids[i] };
		uint64_t value = fleet_value(p, reg.id);

		if (!baseline_is_cache(reg.id) || !p->has_reset[i] ||
		    level_tolerated(l, reg.id, ~0ULL))
			continue;
		memcpy(reg.value, &value, sizeof(value));
		if (baseline_add(l->to, &reg))
			return no_room(l);
	}
	return 0;
}

/* ---- event counters, vectors, time ---- */

int level_counters(struct level *l)
{
	struct baseline_reg reg = { .id = LEVEL_PMCR, .left = ~PMCR_N };
	const struct onereg_field n = { "N", 11, 5 };
	uint64_t least = PMCR_N, most = 0;
	char name[32];
	size_t who = 0;

	if (!(l->to->features & 1u << KA_VCPU_PMU_V3))
		return 0;
	for (size_t i = 0; i < l->n; i++) {
		uint64_t v = fleet_value(l->p[i], LEVEL_PMCR) & PMCR_N;

		if (v < least)
			who = i;
		least = v < least ? v : least;
		most = v > most ? v : most;
	}
	if (least != most)
		level_tell(l, &(struct finding){
				.severity = ONEREG_CARE,
				.class_ = ONEREG_CLASS_FEATURE,
				.id = LEVEL_PMCR,
				.field = &n,
				.a = most,
				.b = least,
				.todo = "older kernels show all of them: "
					"pinning a VM on each host tells",
			}, "as many event counters as %.60s has",
		     level_name(l, who, name));
	memcpy(reg.value, &least, sizeof(least));
	return baseline_add(l->to, &reg) ? no_room(l) : 0;
}

int level_vectors(struct level *l)
{
	struct baseline_reg reg = { .id = KA_SVE_VLS };
	ptrdiff_t at = regset_find(&l->p[0]->set, KA_SVE_VLS);
	unsigned int vq;

	if (!(l->to->features & 1u << KA_VCPU_SVE) || at < 0)
		return 0;
	vq = fleet_vq(l->hosts, l->n, l->to->features);
	if (!vq) {
		level_tell(l, &(struct finding){
				.severity = ONEREG_IMPOSSIBLE,
				.class_ = ONEREG_CLASS_FEATURE,
				.id = KA_SVE_VLS,
			}, "the hosts have not even the shortest vectors in "
			   "common");
		return 0;
	}
	memcpy(reg.value, l->p[0]->reset + l->p[0]->set.offsets[at],
	       sizeof(reg.value));
	for (unsigned int i = vq; i < 8 * sizeof(reg.value); i++)
		reg.value[i / 8] &= (uint8_t)~(1 << i % 8);
	return baseline_add(l->to, &reg) ? no_room(l) : 0;
}

void level_clock(struct level *l)
{
	uint64_t hz = l->hosts[0]->counter_frequency;
	struct onereg_finding f = {
		.class_ = ONEREG_CLASS_SHAPE,
		.vcpu = -1,
		.name = "CNTFRQ_EL0",
	};
	char a[32], b[32], why[256];

	for (size_t i = 1; i < l->n; i++) {
		uint64_t other = l->hosts[i]->counter_frequency;

		if (other == hz && hz)
			continue;
		f.severity = hz && other ? ONEREG_IMPOSSIBLE : ONEREG_CARE;
		snprintf(why, sizeof(why), hz && other ?
				 "%.60s and %.60s count time at other "
				 "frequencies: a guest's clocks would run at "
				 "the wrong speed" :
				 "the frequency of %.60s or %.60s is not known",
			 level_name(l, 0, a), level_name(l, i, b));
		f.why = why;
		l->prevented |= f.severity == ONEREG_IMPOSSIBLE;
		report_add(l->report, &f);
		return;
	}
}
