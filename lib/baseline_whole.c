/* SPDX-License-Identifier: MIT */
/*
 * What a baseline takes as a whole, or cannot have at all: facts of the host,
 * caches, event counters, vector lengths, the clock.
 */
#include <stdio.h>
#include <string.h>

#include "baseline.h"
#include "check.h"
#include "tolerance.h"

#define PMCR_N		(31ULL << 11)
#define PFR1		KA_SYS(3, 0, 0, 4, 1)
#define PFR1_SSBS	(15ULL << 4)
#define SSBD		KA_FW(2)
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

static bool lists(const struct level *l, size_t host, uint64_t id)
{
	return regset_find(&l->p[host]->set, id) >= 0;
}

/*
 * A guest that was told of a workaround may go to a kernel that does not know
 * it: check says, with care.
 */
static bool may_lack(uint64_t id)
{
	return CLASS_OF(id) == KA_REG_FW;
}

static int level_lacking_fact(struct level *l, uint64_t id)
{
	size_t i = 0;

	while (i < l->n && lists(l, i, id))
		i++;
	if (i == l->n)
		return 0;
	level_tell_lacking(l, id, i, ONEREG_CARE);
	return baseline_add_lacking(l->to, id) ? no_room(l) : 0;
}

static bool same_fact(const struct level *l, size_t first, size_t i,
		      uint64_t id)
{
	const struct id_field *f = id_field_at(id, 0);
	uint64_t a = fleet_value(l->p[first], id);
	uint64_t b = fleet_value(l->p[i], id);

	if (a == b || (may_lack(id) && !lists(l, i, id)))
		return true;
	return CLASS_OF(id) == KA_REG_FW && f &&
	       id_field_fits(f, a & bits_of(&f->field),
			     b & bits_of(&f->field)) &&
	       id_field_fits(f, b & bits_of(&f->field),
			     a & bits_of(&f->field));
}

static void tell_other_fact(struct level *l, size_t first, size_t i,
			    uint64_t id)
{
	bool identity = CLASS_OF(id) == KA_REG_SYSREG;
	struct baseline_reg none = { .id = id };
	struct finding told = {
		.severity = ONEREG_IMPOSSIBLE,
		.class_ = ONEREG_CLASS_VALUE,
		.id = id,
		.a = fleet_value(l->p[first], id),
		.b = fleet_value(l->p[i], id),
		.todo = "make a fleet of the hosts that agree, or answer for "
			"it in a file of tolerances",
	};
	char a[32], b[32];

	if (level_leave(l, &none, ~0ULL, &told))
		return;
	if (identity && all_let_identity_change(l)) {
		told.severity = ONEREG_CARE;
		told.todo = "opt in to one value for all, which a baseline "
			    "does not hold";
	}
	level_tell(l, &told, "cannot be levelled: %.60s and %.60s differ, and "
	     "KVM shows a guest what its host has%s",
	     level_name(l, first, a), level_name(l, i, b),
	     identity ? ", by which it chose its errata workarounds" : "");
}

int level_fact(struct level *l, uint64_t id)
{
	int r = may_lack(id) ? level_lacking_fact(l, id) : 0;
	size_t first = 0, i;

	/* Once it is known what guests are shown. */
	if (r || id == SSBD)
		return r;
	while (may_lack(id) && !lists(l, first, id))
		first++;
	for (i = first + 1; i < l->n && same_fact(l, first, i, id);)
		i++;
	if (i < l->n)
		tell_other_fact(l, first, i, id);
	return 0;
}

/* ---- SMCCC_ARCH_WORKAROUND_2, which follows ID_AA64PFR1_EL1.SSBS ---- */

enum ssbd { SSBD_EXPOSED, SSBD_SAFE, SSBD_HIDES };

/*
 * Where the CPU has SSBS, KVM tells a guest that sees it 0; one that does not
 * see it is told 3 if the host is safe, which no description of it says.
 */
static enum ssbd ssbd_of(const struct level *l, size_t host)
{
	uint64_t own = fleet_value(l->p[host], PFR1) & PFR1_SSBS, shown = own;

	if (fleet_value(l->p[host], SSBD) >= 2)
		return SSBD_SAFE;
	for (size_t i = 0; i < l->to->n; i++)
		if (l->to->regs[i].id == PFR1 &&
		    !(l->to->regs[i].left & PFR1_SSBS)) {
			memcpy(&shown, l->to->regs[i].value, sizeof(shown));
			shown &= PFR1_SSBS;
		}
	return own && !shown ? SSBD_HIDES : SSBD_EXPOSED;
}

/* The first host like that, or n. */
static size_t find_ssbd(const struct level *l, enum ssbd what)
{
	size_t i = 0;

	while (i < l->n && (!lists(l, i, SSBD) || ssbd_of(l, i) != what))
		i++;
	return i;
}

static void refuses_ssbd(struct level *l, size_t from, size_t to)
{
	bool hides = ssbd_of(l, from) == SSBD_HIDES;
	struct finding told = {
		.severity = ONEREG_IMPOSSIBLE,
		.class_ = ONEREG_CLASS_VALUE,
		.id = SSBD,
		.a = hides ? 3 : fleet_value(l->p[from], SSBD),
		.b = fleet_value(l->p[to], SSBD),
		.todo = "make a fleet of the hosts that agree, or answer for "
			"it in a file of tolerances",
	};
	const char *reason = NULL;
	char a[32], b[32];

	if (!(3 & ~tolerated_bits(l->tolerances, SSBD, told.a, told.b,
				  &reason))) {
		told.severity = ONEREG_CARE;
		told.class_ = ONEREG_CLASS_TOLERATED;
		told.todo = "a guest is shown what its host has";
		level_tell(l, &told, "tolerated: %s", reason);
	} else {
		level_tell(l, &told, "a guest%s is told by %.60s that it is "
			   "safe, which %.60s refuses to say",
			   hides ? " that is not shown SSBS" : "",
			   level_name(l, from, a), level_name(l, to, b));
	}
}

void level_ssbd(struct level *l)
{
	size_t hides = find_ssbd(l, SSBD_HIDES), safe = find_ssbd(l, SSBD_SAFE);
	size_t exposed = find_ssbd(l, SSBD_EXPOSED);
	char a[32], b[32];

	if (exposed < l->n && (safe < l->n || hides < l->n))
		refuses_ssbd(l, safe < l->n ? safe : hides, exposed);
	else if (hides < l->n && safe < l->n)
		level_tell(l, &(struct finding){
				.severity = ONEREG_CARE,
				.class_ = ONEREG_CLASS_VALUE,
				.id = SSBD,
				.todo = "see that the host's mitigations are "
					"not switched off",
			}, "not known what %.60s tells a guest that is not "
			   "shown SSBS; if not the same as %.60s, it refuses",
			   level_name(l, hides, a), level_name(l, safe, b));
}

/* ---- caches ---- */

static bool has(const struct level *l, size_t host, uint64_t id)
{
	ptrdiff_t at = regset_find(&l->p[host]->set, id);

	return at >= 0 && l->p[host]->has_reset[at];
}

/* Why the host's kernel refuses what the other one has; NULL: it does not. */
static const char *refused(const struct level *l, uint64_t id, size_t host,
			   size_t other)
{
	/* A level that it does not list it is not given. */
	if (!has(l, other, id) || !has(l, host, id))
		return NULL;
	return caches_refused(l->p[host], id, fleet_value(l->p[other], id));
}

/* A value that one host has and all take: that host, or n. */
static size_t common_caches(const struct level *l, uint64_t id)
{
	size_t i, k;

	for (i = 0; i < l->n; i++) {
		if (!has(l, i, id))
			continue;
		for (k = 0; k < l->n && !refused(l, id, k, i); k++)
			;
		if (k == l->n)
			break;
	}
	return i;
}

/* Does one refuse the other's? Best two that do so to each other. */
static bool quarrel(const struct level *l, uint64_t id, size_t ret[2])
{
	bool found = false;

	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->n; k++) {
			bool both;

			if (!refused(l, id, k, i))
				continue;
			both = refused(l, id, i, k);
			if (!found || both) {
				ret[0] = k;
				ret[1] = i;
			}
			found = true;
			if (both)
				return true;
		}
	return found;
}

static size_t without(const struct level *l, uint64_t id)
{
	size_t i = 0;

	while (i < l->n && has(l, i, id))
		i++;
	return i;
}

static void no_common_caches(struct level *l, uint64_t id,
			     const size_t pair[2], size_t lacks)
{
	struct finding told = {
		.severity = ONEREG_IMPOSSIBLE,
		.class_ = ONEREG_CLASS_VALUE,
		.id = id,
		.a = fleet_value(l->p[pair[0]], id),
		.b = fleet_value(l->p[pair[1]], id),
	};
	const char *why = refused(l, id, pair[0], pair[1]);
	const char *back = refused(l, id, pair[1], pair[0]);
	char a[32], b[32], c[32], more[192] = "";

	if (level_leave(l, &(struct baseline_reg){ .id = id }, ~0ULL, &told))
		return;
	if (back && back != why)
		snprintf(more, sizeof(more), "; the other way round: %s", back);
	else if (!back && lacks < l->n)
		snprintf(more, sizeof(more), "; a guest that comes from %.60s, "
			 "which does not have the register, would bring it",
			 level_name(l, lacks, c));
	level_tell(l, &told, "%.60s refuses what %.60s has%s: %s%s",
		   level_name(l, pair[0], a), level_name(l, pair[1], b),
		   back == why ? ", and the other way round" : "", why, more);
}

/*
 * Where a host does not have the register, a guest that began there has the
 * value of the host that it goes to next: no two may quarrel then.
 */
static int level_cache(struct level *l, uint64_t id)
{
	size_t from = common_caches(l, id), lacks = without(l, id), pair[2];
	struct baseline_reg reg = { .id = id };
	uint64_t value;

	if ((from == l->n || lacks < l->n) && quarrel(l, id, pair)) {
		no_common_caches(l, id, pair, lacks);
		return 0;
	}
	if (from == l->n)
		return 0;
	value = fleet_value(l->p[from], id);
	memcpy(reg.value, &value, sizeof(value));
	return baseline_add(l->to, &reg) ? no_room(l) : 0;
}

int level_caches(struct level *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct regset *set = &l->p[i]->set;

		for (size_t k = 0; k < set->n; k++)
			if (caches_has(set->ids[k]) &&
			    level_first_has(l, i, set->ids[k]) &&
			    level_cache(l, set->ids[k]))
				return -ENOMEM;
	}
	return 0;
}

/* ---- event counters, vectors, time ---- */

/* Without the register there is no PMU to bring the others down to. */
static bool tell_no_counters(struct level *l, size_t host)
{
	bool lacks = regset_find(&l->p[host]->set, LEVEL_PMCR) < 0;
	char name[32];

	if (has(l, host, LEVEL_PMCR))
		return false;
	level_tell(l, &(struct finding){
			.severity = ONEREG_IMPOSSIBLE,
			.class_ = ONEREG_CLASS_MISSING,
			.id = LEVEL_PMCR,
			.todo = lacks ? "make a baseline of vCPUs without PMU_V3" :
					"describe the host again",
		}, lacks ? "%.60s has no PMU, although it describes vCPUs with "
			   "PMU_V3" :
			   "how many event counters %.60s has is not known",
		   level_name(l, host, name));
	return true;
}

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

		if (tell_no_counters(l, i))
			return 0;
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

static void tell_clock(struct level *l, enum onereg_severity severity,
		       const char *why)
{
	l->prevented |= severity == ONEREG_IMPOSSIBLE;
	report_add(l->report, &(struct onereg_finding){
				      .severity = severity,
				      .class_ = ONEREG_CLASS_SHAPE,
				      .vcpu = -1,
				      .name = "CNTFRQ_EL0",
				      .why = why,
			      });
}

static void tell_unknown_clocks(struct level *l, size_t first, size_t n)
{
	char name[32], more[32] = "", why[160];

	if (n > 1)
		snprintf(more, sizeof(more), " and %zu more", n - 1);
	snprintf(why, sizeof(why), "the frequency of %.60s%s is not known",
		 level_name(l, first, name), more);
	tell_clock(l, ONEREG_CARE, why);
}

static void tell_other_clock(struct level *l, size_t host, size_t other)
{
	char a[32], b[32], why[256];

	snprintf(why, sizeof(why), "%.60s and %.60s count time at other "
		 "frequencies: a guest's clocks would run at the wrong speed",
		 level_name(l, host, a), level_name(l, other, b));
	tell_clock(l, ONEREG_IMPOSSIBLE, why);
}

/* One that is not known is no reason not to compare the others. */
void level_clock(struct level *l)
{
	size_t known = l->n, unknown = l->n, n_unknown = 0, other = l->n;

	for (size_t i = l->n; i-- > 0;)
		if (l->hosts[i]->counter_frequency) {
			known = i;
		} else {
			unknown = i;
			n_unknown++;
		}
	for (size_t i = l->n; i-- > known;) {
		uint64_t hz = l->hosts[i]->counter_frequency;

		if (hz && hz != l->hosts[known]->counter_frequency)
			other = i;
	}
	if (other < l->n)
		tell_other_clock(l, known, other);
	/* One host alone has nobody to differ from. */
	if (n_unknown && l->n > 1)
		tell_unknown_clocks(l, unknown, n_unknown);
}
