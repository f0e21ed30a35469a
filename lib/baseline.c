/* SPDX-License-Identifier: MIT */
/*
 * The best values that every host of a fleet can show a guest. Each field goes
 * in the direction that idreg.c calls safe, to a value that some host has; a
 * host takes a value other than its own only where its kernel was seen or said
 * to let that field change. What cannot be brought together is named with the
 * host that prevents it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "check.h"
#include "describe.h"
#include "tolerance.h"

#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define ID_AA64PFR0	KA_SYS(3, 0, 0, 4, 0)
#define CLASS_OF(id)	((id) & KA_REG_CLASS_MASK)

/* ---- which registers ---- */

static bool is_aarch32(uint64_t id)
{
	return id >= KA_SYS(3, 0, 0, 1, 0) && id <= KA_SYS(3, 0, 0, 3, 7);
}

static bool is_feature(uint64_t id)
{
	const struct family *f = catalogue_find(id);

	return f->scope == ONEREG_SCOPE_VM && f->phase == PHASE_VM &&
	       CLASS_OF(id) != KA_REG_VM && onereg_reg_size(id) == 8;
}

bool baseline_takes(uint64_t id)
{
	if (onereg_reg_size(id) > BASELINE_VALUE_SIZE)
		return false;
	return is_feature(id) || caches_has(id) || id == LEVEL_PMCR ||
	       id == KA_SVE_VLS;
}

bool baseline_is_vcpus(uint64_t id)
{
	return catalogue_find(id)->scope == ONEREG_SCOPE_VCPU;
}

/* ---- findings ---- */

const char *level_name(const struct level *l, size_t host, char buf[32])
{
	if (l->names)
		return l->names[host];
	snprintf(buf, 32, "host %zu", host);
	return buf;
}

void level_tell(struct level *l, const struct finding *f, const char *fmt, ...)
{
	char why[320];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	l->prevented |= f->severity == ONEREG_IMPOSSIBLE;
	report_add(l->report,
		   &(struct onereg_finding){
			   .severity = f->severity,
			   .class_ = f->class_,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = -1,
			   .id = f->id,
			   .field = f->field ? f->field->name : NULL,
			   .lsb = f->field ? f->field->lsb : 0,
			   .width = f->field ? f->field->width : 0,
			   .a = f->a != f->b ? &f->a : NULL,
			   .b = f->a != f->b ? &f->b : NULL,
			   .value_size = onereg_reg_size(f->id) < 8 ? 4 : 8,
			   .why = why,
			   .todo = f->todo,
		   });
}

/* Whichever host a guest goes to and from, does somebody answer for it? */
const char *level_tolerated(const struct level *l, uint64_t id, uint64_t bits)
{
	const char *reason = NULL;

	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->n; k++) {
			uint64_t a = fleet_value(l->p[i], id);
			uint64_t b = fleet_value(l->p[k], id);

			if ((a ^ b) & bits &
			    ~tolerated_bits(l->tolerances, id, a, b, &reason))
				return NULL;
		}
	return reason;
}

/* Bits that stay each host's own, because that is tolerated. */
bool level_leave(struct level *l, struct baseline_reg *reg, uint64_t bits,
		  const struct finding *f)
{
	const char *reason = level_tolerated(l, reg->id, bits);
	struct finding told = *f;

	if (!reason)
		return false;
	told.severity = ONEREG_CARE;
	told.class_ = ONEREG_CLASS_TOLERATED;
	told.todo = "a guest is shown what its host has";
	level_tell(l, &told, "tolerated: %s", reason);
	reg->left |= bits;
	return true;
}

/* ---- one field ---- */

/* KVM takes any PSCI version and any hypercalls up to its own. */
static bool goes_down(uint64_t id)
{
	return id == KA_PSCI_VERSION ||
	       CLASS_OF(id) == KA_REG_FW_FEAT_BMAP;
}

static bool can_take(const struct level *l, size_t host, uint64_t id,
		     uint64_t bits, uint64_t value)
{
	const struct host_profile *p = l->p[host];
	ptrdiff_t at = regset_find(&p->set, id);

	if ((fleet_value(p, id) & bits) == value)
		return true;
	if (at < 0)
		return false;
	return goes_down(id) ||
	       (p->has_mask[at] && !(bits & ~p->writable[at]));
}

static uint64_t field_of(const struct level *l, size_t host,
			 const struct id_field *f)
{
	return (fleet_value(l->p[host], f->id) & bits_of(&f->field)) >>
	       f->field.lsb;
}

/* The host on which a guest that was shown the value would not run; or n. */
static size_t misfit(const struct level *l, const struct id_field *f,
		     uint64_t value)
{
	size_t i = 0;

	while (i < l->n && id_field_fits(f, value, field_of(l, i, f)))
		i++;
	return i;
}

/* A value that some host has and all can run: the host, or n. */
static size_t best_host(const struct level *l, const struct id_field *f)
{
	size_t i = 0;

	while (i < l->n && misfit(l, f, field_of(l, i, f)) < l->n)
		i++;
	return i;
}

static const char *why_fixed(const struct level *l, size_t host, uint64_t id)
{
	const struct host_profile *p = l->p[host];
	ptrdiff_t at = regset_find(&p->set, id);

	if (at < 0)
		return "which does not have the register";
	if (p->has_mask[at])
		return "whose kernel does not let the field change";
	if (l->hosts[host]->partial)
		return "a dump, which does not tell what its kernel lets "
		       "change";
	if (!l->hosts[host]->probed)
		return "which was described without --probe-scope, so that "
		       "what its kernel lets change is not known";
	return "whose kernel takes no value but its own";
}

static void no_common(struct level *l, const struct id_field *f,
		      struct baseline_reg *reg)
{
	size_t other = misfit(l, f, field_of(l, 0, f));
	char a[32], b[32];
	struct finding told = {
		.severity = ONEREG_IMPOSSIBLE,
		.class_ = ONEREG_CLASS_FEATURE,
		.id = f->id,
		.field = &f->field,
		.a = fleet_value(l->p[0], f->id),
		.b = fleet_value(l->p[other], f->id),
	};

	if (level_leave(l, reg, bits_of(&f->field), &told))
		return;
	level_tell(l, &told, "%.60s and %.60s have values that no guest can do both "
	     "with%s%s", level_name(l, 0, a), level_name(l, other, b),
	     f->why ? ": " : "", f->why ? f->why : "");
}

static void cannot_take(struct level *l, const struct id_field *f,
			struct baseline_reg *reg, size_t least, size_t host)
{
	char a[32], b[32];
	struct finding told = {
		.severity = ONEREG_IMPOSSIBLE,
		.class_ = ONEREG_CLASS_FEATURE,
		.id = f->id,
		.field = &f->field,
		.a = fleet_value(l->p[host], f->id),
		.b = fleet_value(l->p[least], f->id),
	};

	if (level_leave(l, reg, bits_of(&f->field), &told))
		return;
	level_tell(l, &told, "prevented by %.60s, %s; %.60s can have no other",
	     level_name(l, host, a), why_fixed(l, host, f->id),
	     level_name(l, least, b));
}

static void tell_levelled(struct level *l, const struct id_field *f,
			  size_t least, size_t most)
{
	char name[32];

	level_tell(l, &(struct finding){
			.severity = ONEREG_NOTE,
			.class_ = ONEREG_CLASS_FEATURE,
			.id = f->id,
			.field = &f->field,
			.a = fleet_value(l->p[most], f->id),
			.b = fleet_value(l->p[least], f->id),
		}, "levelled to what %.60s has", level_name(l, least, name));
}

static void level_field(struct level *l, const struct id_field *f,
			struct baseline_reg *reg, uint64_t *value)
{
	uint64_t bits = bits_of(&f->field), chosen;
	size_t least = best_host(l, f), other = l->n;

	if (least == l->n) {
		no_common(l, f, reg);
		return;
	}
	chosen = fleet_value(l->p[least], f->id) & bits;
	for (size_t i = 0; i < l->n; i++) {
		if (!can_take(l, i, f->id, bits, chosen)) {
			cannot_take(l, f, reg, least, i);
			return;
		}
		if ((fleet_value(l->p[i], f->id) & bits) != chosen)
			other = i;
	}
	*value |= chosen;
	if (other < l->n)
		tell_levelled(l, f, least, other);
}

/* ---- one register ---- */

/* Bits without a name have no safe direction. */
static void level_rest(struct level *l, struct baseline_reg *reg,
		       uint64_t rest, uint64_t *value)
{
	uint64_t first = fleet_value(l->p[0], reg->id) & rest;
	char a[32], b[32];

	for (size_t i = 1; i < l->n; i++) {
		struct finding told = {
			.severity = ONEREG_IMPOSSIBLE,
			.class_ = ONEREG_CLASS_VALUE,
			.id = reg->id,
			.a = fleet_value(l->p[0], reg->id),
			.b = fleet_value(l->p[i], reg->id),
			.todo = "use a newer onereg",
		};

		if (!((told.a ^ told.b) & rest))
			continue;
		if (!level_leave(l, reg, rest, &told))
			level_tell(l, &told, "%.60s and %.60s differ in bits that "
			     "this version has no name for",
			     level_name(l, 0, a), level_name(l, i, b));
		return;
	}
	*value |= first;
}

/* The first host that lacks it although that is not the same as 0; or n. */
static size_t lacking(const struct level *l, uint64_t id)
{
	size_t i = 0;

	if (catalogue_find(id)->absent == ABSENT_IF_ZERO)
		return l->n;
	while (i < l->n && regset_find(&l->p[i]->set, id) >= 0)
		i++;
	return i;
}

void level_tell_lacking(struct level *l, uint64_t id, size_t host,
			enum onereg_severity severity)
{
	const char *reason = tolerated_missing(l->tolerances, id);
	const struct family *f = catalogue_find(id);
	char name[32];
	struct finding told = {
		.severity = reason ? ONEREG_CARE : severity,
		.class_ = reason ? ONEREG_CLASS_TOLERATED :
				   ONEREG_CLASS_MISSING,
		.id = id,
		.todo = f->why,
	};

	level_tell(l, &told, "%.60s does not have the register%s%s",
	     level_name(l, host, name), reason ? "; tolerated: " : "",
	     reason ? reason : "");
}

static int level_feature(struct level *l, uint64_t id)
{
	struct baseline_reg reg = { .id = id };
	uint64_t value = 0, rest = ~0ULL;
	size_t lacks = lacking(l, id);
	const struct id_field *f;

	/* UNKNOWN to a guest that has no AArch32 anywhere. */
	if (is_aarch32(id) && l->no_aarch32)
		return 0;
	if (lacks < l->n) {
		level_tell_lacking(l, id, lacks, ONEREG_IMPOSSIBLE);
		return 0;
	}
	for (size_t i = 0; (f = id_field_at(id, i)); i++) {
		level_field(l, f, &reg, &value);
		rest &= ~bits_of(&f->field);
	}
	if (rest)
		level_rest(l, &reg, rest, &value);
	memcpy(reg.value, &value, sizeof(value));
	return baseline_add(l->to, &reg) ? no_room(l) : 0;
}

/* ---- all of it ---- */

/* State that would be lost on a host that has no place for it. */
static int level_presence(struct level *l, uint64_t id)
{
	const struct family *f = catalogue_find(id);

	if (f->write == WRITE_NEVER ||
	    (f->features && !(f->features & l->to->features)))
		return 0;
	for (size_t i = 0; i < l->n; i++) {
		if (regset_find(&l->p[i]->set, id) >= 0 ||
		    (l->hosts[i]->partial && check_unrecorded(id)))
			continue;
		if (f->absent == ABSENT_LOSS)
			level_tell_lacking(l, id, i, ONEREG_IMPOSSIBLE);
		/* Safe while the guest does not use it. */
		else if (f->absent != ABSENT_SAFE && f->absent != ABSENT_UNUSED)
			level_tell_lacking(l, id, i, ONEREG_CARE);
		return baseline_add_lacking(l->to, id) ? no_room(l) : 0;
	}
	return 0;
}

static int level_register(struct level *l, uint64_t id)
{
	if (is_feature(id))
		return level_feature(l, id);
	if (catalogue_find(id)->phase == PHASE_HOST)
		return level_fact(l, id);
	if (!baseline_takes(id) && id != MPIDR)
		return level_presence(l, id);
	return 0;
}

bool level_first_has(const struct level *l, size_t host, uint64_t id)
{
	for (size_t i = 0; i < host; i++)
		if (regset_find(&l->p[i]->set, id) >= 0)
			return false;
	return true;
}

static int level_all(struct level *l)
{
	int r = 0;

	l->no_aarch32 = false;
	for (size_t i = 0; i < l->n; i++)
		l->no_aarch32 |=
			(fleet_value(l->p[i], ID_AA64PFR0) & 15) == 1;
	level_clock(l);
	for (size_t i = 0; i < l->n && !r; i++) {
		const struct regset *set = &l->p[i]->set;

		for (size_t k = 0; k < set->n && !r; k++)
			if (level_first_has(l, i, set->ids[k]))
				r = level_register(l, set->ids[k]);
	}
	level_ssbd(l);
	r = r ?: level_caches(l);
	r = r ?: level_counters(l);
	r = r ?: level_vectors(l);
	for (size_t i = 0; i < l->n && !r; i++) {
		char name[32];

		if (baseline_add_host(l->to, level_name(l, i, name)))
			r = no_room(l);
	}
	baseline_sort(l->to);
	return r ? r : l->prevented ? -EBADE : 0;
}

static int find_profiles(struct level *l)
{
	char name[32], features[96];

	for (size_t i = 0; i < l->n; i++) {
		l->p[i] = l->to->features ?
				  fleet_profile(l->hosts[i], l->to->features) :
				  NULL;
		if (l->p[i])
			continue;
		features_text(l->to->features, features, sizeof(features));
		report_error(l->report, EINVAL, NULL, "baseline",
			     l->to->features ?
				     "%.60s does not offer vCPUs with exactly "
				     "%.96s" :
				     "%.60s and the others have no kind of "
				     "vCPU in common (%.96s)",
			     level_name(l, i, name), features);
		return -EINVAL;
	}
	return 0;
}

int onereg_baseline_new(const struct onereg_host *const *hosts,
			const char *const *names, size_t n_hosts,
			const struct onereg_baseline_options *options,
			struct onereg_baseline **ret,
			struct onereg_report *report)
{
	struct onereg_baseline_options o = { 0 };
	struct level l = { .hosts = hosts, .names = names, .n = n_hosts,
			   .report = report };
	int r = options ? options_take(&o, sizeof(o), options) : 0;

	if (r || !n_hosts) {
		report_error(report, r ? r : EINVAL, NULL, "baseline",
			     r ? "wrong options" : "of no host");
		return r ? r : -EINVAL;
	}
	l.tolerances = o.tolerances;
	l.p = calloc(n_hosts, sizeof(*l.p));
	l.to = calloc(1, sizeof(*l.to));
	if (!l.p || !l.to) {
		r = no_room(&l);
	} else {
		l.to->features = o.features ? o.features :
					      fleet_features(hosts, n_hosts);
		r = find_profiles(&l) ?: level_all(&l);
	}
	free(l.p);
	if (r)
		onereg_baseline_free(l.to);
	else
		*ret = l.to;
	return r;
}
