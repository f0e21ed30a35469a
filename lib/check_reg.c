/* SPDX-License-Identifier: MIT */
/*
 * What a register's value in an image means to a host, register by register.
 * Only those are looked at for which the host has an opinion; any other
 * takes whatever value it is given.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "fleet.h"
#include "known.h"
#include "tolerance.h"

#define MIDR		KA_SYS(3, 0, 0, 0, 0)
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define REVIDR		KA_SYS(3, 0, 0, 0, 6)
#define AIDR		KA_SYS(3, 1, 0, 0, 7)
#define ID_AA64PFR1	KA_SYS(3, 0, 0, 4, 1)
#define PFR1_SSBS	(15ULL << 4)
#define CLIDR		KA_SYS(3, 1, 0, 0, 1)
#define PMCR		KA_SYS(3, 3, 9, 12, 0)
#define CORE_PC		(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 0x40)

#define CAP_ARM_WRITABLE_IMP_ID_REGS 239

static uint64_t number(const uint8_t *value, size_t size)
{
	uint64_t n = 0;

	if (value)
		memcpy(&n, value, size < sizeof(n) ? size : sizeof(n));
	return n;
}

static uint64_t field_mask(const struct onereg_field *f)
{
	return (f->width < 64 ? (1ULL << f->width) - 1 : ~0ULL) << f->lsb;
}

/* The reason why what is impossible may be all the same, or NULL. */
static const char *reason_for(const struct check *c,
			      const struct check_item *item,
			      enum onereg_class class_,
			      const struct onereg_field *field)
{
	const struct onereg_tolerances *t = c->image->tolerances;
	uint64_t a = number(item->a, item->size);
	uint64_t b = number(item->b, item->size);
	uint64_t differ = (a ^ b) & (field ? field_mask(field) : ~0ULL);
	const char *reason;

	if (class_ == ONEREG_CLASS_MISSING)
		return tolerated_missing(t, item->id);
	if (differ & ~tolerated_bits(t, item->id, a, b, &reason) || !differ)
		return NULL;
	return reason;
}

/* What is known to change between kernels, whichever of them is here. */
static const char *known_of(const struct check *c,
			    const struct check_item *item,
			    enum onereg_class class_,
			    const struct onereg_field *field,
			    char text[KNOWN_TEXT_MAX])
{
	uint64_t mask = field ? field_mask(field) : ~0ULL;
	unsigned int lsb = field ? field->lsb : 0;

	return known_tell(
		&(struct known_question){
			.sides = { { c->image->release, c->image->midr },
				   { c->host->release, c->host->midr } },
			.id = item->id,
			.field = field ? field->name : NULL,
			.kind = class_ == ONEREG_CLASS_ABSENT ||
						class_ == ONEREG_CLASS_MISSING ?
					KNOWN_LISTED :
					KNOWN_VALUE,
			.features = c->image->features[0],
			.a = (number(item->a, item->size) & mask) >> lsb,
			.b = (number(item->b, item->size) & mask) >> lsb,
		},
		text);
}

void check_add(const struct check *c, const struct check_item *item,
	       enum onereg_severity severity, enum onereg_class class_,
	       const struct onereg_field *field, const char *why,
	       const char *todo)
{
	const char *reason = severity == ONEREG_IMPOSSIBLE ?
				     reason_for(c, item, class_, field) :
				     NULL;
	char tolerated[320], text[KNOWN_TEXT_MAX];
	const char *known;

	known = known_of(c, item, class_, field, text);
	if (reason) {
		const char *own = tolerated_known(c->image->tolerances, reason);

		known = own ? own : known;
		snprintf(tolerated, sizeof(tolerated), "tolerated: %s", reason);
		severity = ONEREG_CARE;
		class_ = ONEREG_CLASS_TOLERATED;
		todo = why;
		why = tolerated;
	}
	report_add(c->report, &(struct onereg_finding){
				      .severity = severity,
				      .class_ = class_,
				      .space = ONEREG_SPACE_REG,
				      .vcpu = item->vcpu,
				      .id = item->id,
				      .field = field ? field->name : NULL,
				      .lsb = field ? field->lsb : 0,
				      .width = field ? field->width : 0,
				      .a = item->a,
				      .b = item->b,
				      .value_size = item->size,
				      .why = why,
				      .todo = todo,
				      .known = known,
			      });
}

/* The whole register cannot be what it was. */
static void impossible(const struct check *c, const struct check_item *item,
		       enum onereg_class class_, const char *why,
		       const char *todo)
{
	check_add(c, item, ONEREG_IMPOSSIBLE, class_, NULL, why, todo);
}

static void note(const struct check *c, const struct check_item *item,
		 const char *why)
{
	check_add(c, item, ONEREG_NOTE, ONEREG_CLASS_HOST, NULL, why, NULL);
}

/* ---- ID registers, field by field ---- */

/* ID_PFR0_EL1 and the like: CRm 1 to 3. */
static bool is_aarch32_id(uint64_t id)
{
	uint64_t crm = id >> 3 & 15;

	return (id & ~(uint64_t)KA_SYS_LOW(0, 0, 0, 15, 7)) ==
		       KA_SYS(3, 0, 0, 0, 0) &&
	       crm >= 1 && crm <= 3;
}

/* KVM shows 0 and takes the value that the CPU has, without keeping it. */
static bool taken_and_ignored(const struct check_item *item,
			      const struct id_field *f)
{
	return f->rule == FIELD_IGNORE &&
	       !(number(item->b, item->size) & field_mask(&f->field));
}

static void ignored_field(const struct check *c, const struct check_item *item,
			  const struct id_field *f)
{
	char why[256];

	snprintf(why, sizeof(why), "the guest would be shown 0: %s", f->why);
	check_add(c, item, ONEREG_CARE, ONEREG_CLASS_FEATURE, &f->field, why,
		  TRY_THERE);
}

static void lower_field(const struct check *c, const struct check_item *item,
			const struct id_field *f)
{
	const struct host_profile *p = c->profile;
	uint64_t mask = field_mask(&f->field);

	if (p->has_mask[item->at] && (p->writable[item->at] & mask) == mask)
		check_add(c, item, ONEREG_NOTE, ONEREG_CLASS_HOST, &f->field,
			  "the guest could do with it and goes on seeing "
			  "what it saw", NULL);
	else if (!p->has_mask[item->at] && c->host->partial)
		check_add(c, item, ONEREG_CARE, ONEREG_CLASS_FEATURE,
			  &f->field,
			  "the guest could do with it; a dump does not tell "
			  "whether the host's kernel lets this field change",
			  "describe the host with: onereg host");
	else if (taken_and_ignored(item, f))
		ignored_field(c, item, f);
	else if (!p->has_mask[item->at])
		check_add(c, item, ONEREG_IMPOSSIBLE, ONEREG_CLASS_FEATURE,
			  &f->field,
			  "the guest could do with it, but the host's kernel "
			  "takes no value of this register but its own",
			  c->host->probed ? NULL :
				  "onereg host --probe-scope finds the few "
				  "fields that it lets change");
	else
		check_add(c, item, ONEREG_IMPOSSIBLE, ONEREG_CLASS_FEATURE,
			  &f->field,
			  "the guest could do with it, but the host's kernel "
			  "does not let this field change", NULL);
}

static void check_field(const struct check *c, const struct check_item *item,
			const struct id_field *f)
{
	uint64_t mask = field_mask(&f->field);
	uint64_t a = (number(item->a, item->size) & mask) >> f->field.lsb;
	uint64_t b = (number(item->b, item->size) & mask) >> f->field.lsb;

	/* Linux ignores writes to these where the CPU has no AArch32. */
	if (is_aarch32_id(item->id) && !image_has_aa32(c->image))
		check_add(c, item, ONEREG_NOTE, ONEREG_CLASS_UNKNOWN_VALUE,
			  &f->field,
			  "means nothing to a guest without AArch32", NULL);
	else if (id_field_fits(f, a, b))
		lower_field(c, item, f);
	else
		check_add(c, item, ONEREG_IMPOSSIBLE, ONEREG_CLASS_FEATURE,
			  &f->field,
			  f->why ? f->why :
				   "the guest was shown what the host does "
				   "not have",
			  NULL);
}

/* Bits that no field is known for, or a register without a table. */
static void check_rest(const struct check *c, const struct check_item *item,
		       uint64_t rest)
{
	const struct host_profile *p = c->profile;

	if (p->has_mask[item->at] && !(rest & ~p->writable[item->at]))
		check_add(c, item, ONEREG_CARE, ONEREG_CLASS_VALUE, NULL,
			  "differs in bits that this version has no name for",
			  TRY_THERE);
	else if (!p->has_mask[item->at] && c->host->partial)
		check_add(c, item, ONEREG_CARE, ONEREG_CLASS_VALUE, NULL,
			  "differs in bits that this version has no name for, "
			  "and a dump does not tell what may change",
			  TRY_THERE);
	else
		impossible(c, item, ONEREG_CLASS_VALUE,
			   "the host's kernel takes no value but its own",
			   NULL);
}

static void check_fields(const struct check *c, const struct check_item *item)
{
	uint64_t rest = number(item->a, item->size) ^
			number(item->b, item->size);
	const struct id_field *f;

	for (size_t i = 0; (f = id_field_at(item->id, i)); i++) {
		uint64_t mask = field_mask(&f->field);

		if (rest & mask)
			check_field(c, item, f);
		rest &= ~mask;
	}
	if (rest)
		check_rest(c, item, rest);
}

/* ---- facts of the host ---- */

static void check_fact(const struct check *c, const struct check_item *item)
{
	impossible(c, item, ONEREG_CLASS_VALUE,
		   "the value is the host's own, and KVM takes no other",
		   NULL);
}

static bool has_cap(const struct onereg_image *image, uint32_t cap)
{
	for (size_t i = 0; i < image->n_caps; i++)
		if (image->caps[i].cap == cap)
			return true;
	return false;
}

static void check_cpu(const struct check *c, const struct check_item *item)
{
	static const char why[] =
		"the guest would run on another CPU than the one it was shown "
		"and chose its errata workarounds for; KVM takes no value but "
		"the host's";
	uint64_t diff = number(item->a, item->size) ^
			number(item->b, item->size);
	const struct onereg_field *f;

	if (has_cap(c->image, CAP_ARM_WRITABLE_IMP_ID_REGS) &&
	    onereg_host_cap(c->host, CAP_ARM_WRITABLE_IMP_ID_REGS) > 0) {
		note(c, item, "the VM has opted in to a value of its own");
		return;
	}
	for (size_t i = 0; (f = onereg_reg_field(item->id, i)); i++) {
		if (!(diff & field_mask(f)))
			continue;
		check_add(c, item, ONEREG_IMPOSSIBLE, ONEREG_CLASS_VALUE, f,
			  why, NULL);
		diff &= ~field_mask(f);
	}
	if (diff)
		impossible(c, item, ONEREG_CLASS_VALUE, why, NULL);
}

/* SMCCC_ARCH_WORKAROUND_2: unknown counts as not there, there as not needed. */
static uint64_t workaround_level(uint64_t id, uint64_t value)
{
	if (id != KA_FW(2))
		return value;
	return (value & 15) >= 2 ? 3 : 0;
}

/* Is the guest not shown SSBS, which the host's new VMs are? */
static bool hides_ssbs(const struct check *c)
{
	ptrdiff_t at = regset_find(&c->image->vm_set, ID_AA64PFR1);

	return at >= 0 &&
	       !(regset_u64(&c->image->vm_set, c->image->vm_row, (size_t)at) &
		 PFR1_SSBS) &&
	       fleet_value(c->profile, ID_AA64PFR1) & PFR1_SSBS;
}

static void check_workaround(const struct check *c,
			     const struct check_item *item)
{
	uint64_t a = workaround_level(item->id, number(item->a, item->size));
	uint64_t b = workaround_level(item->id, number(item->b, item->size));

	/* KVM tells a guest 0 that has SSBS to help itself. */
	if (a > b && item->id == KA_FW(2) && hides_ssbs(c))
		check_add(c, item, ONEREG_CARE, ONEREG_CLASS_HOST, NULL,
			  "the host shows its new VMs SSBS in place of it; "
			  "what it has for a guest without is not described",
			  TRY_THERE);
	else if (a > b)
		impossible(c, item, ONEREG_CLASS_FEATURE,
			   "the guest relies on a mitigation that the host "
			   "does not have", NULL);
	else
		note(c, item, "the host is as well protected or better");
}

/* ---- firmware ---- */

static void check_psci(const struct check *c, const struct check_item *item)
{
	uint64_t a = number(item->a, item->size);
	uint64_t b = number(item->b, item->size);
	char why[128];

	if (a < b) {
		note(c, item, "the host knows a newer PSCI; the guest keeps "
			      "its own");
		return;
	}
	snprintf(why, sizeof(why),
		 "the guest was shown PSCI %u.%u, the host's kernel knows up "
		 "to %u.%u and refuses it",
		 (unsigned int)(a >> 16 & 0x7fff), (unsigned int)(a & 0xffff),
		 (unsigned int)(b >> 16 & 0x7fff), (unsigned int)(b & 0xffff));
	impossible(c, item, ONEREG_CLASS_FEATURE, why,
		   "start the VM with the older PSCI_VERSION");
}

static void check_hypercalls(const struct check *c,
			     const struct check_item *item, uint64_t lacking)
{
	static const char why[] = "the guest was shown a hypercall that the "
				  "host does not have";
	const struct onereg_field *f;

	for (size_t i = 0; (f = onereg_reg_field(item->id, i)); i++) {
		if (!(lacking & field_mask(f)))
			continue;
		check_add(c, item, ONEREG_IMPOSSIBLE, ONEREG_CLASS_FEATURE, f,
			  why, NULL);
		lacking &= ~field_mask(f);
	}
	if (lacking)
		impossible(c, item, ONEREG_CLASS_FEATURE, why, NULL);
}

static void check_bitmap(const struct check *c, const struct check_item *item)
{
	uint64_t lacking = number(item->a, item->size) &
			   ~number(item->b, item->size);

	if (!lacking)
		note(c, item, "the host has more hypercalls; the guest goes "
			      "on seeing what it saw");
	else if (item->id == KA_BMAP(3))
		/* Off by default, so the reset value is not the most. */
		check_add(c, item, ONEREG_CARE, ONEREG_CLASS_FEATURE, NULL,
			  "off by default: the reset value does not tell "
			  "whether the host has these hypercalls",
			  TRY_THERE);
	else
		check_hypercalls(c, item, lacking);
}

/* ---- caches ---- */

static void check_caches(const struct check *c, const struct check_item *item)
{
	const char *why = caches_refused(c->profile, item->id,
					 number(item->a, item->size));

	if (why)
		impossible(c, item, ONEREG_CLASS_VALUE, why, NULL);
	else
		note(c, item, "another description of caches, which the "
			      "host's kernel takes");
}

/* ---- SVE, PMU ---- */

static bool vl_bit(const uint8_t *vls, int vq)
{
	return vls[(vq - 1) / 8] >> (vq - 1) % 8 & 1;
}

/* Lengths cannot be hidden one by one, only from the top. */
static void check_lengths(const struct check *c, const struct check_item *item)
{
	char why[192];
	int max = 0;

	for (int vq = 1; vq <= 512; vq++)
		if (vl_bit(item->a, vq))
			max = vq;
	for (int vq = 1; vq <= max; vq++) {
		bool has = vl_bit(item->b, vq);

		if (vl_bit(item->a, vq) == has)
			continue;
		snprintf(why, sizeof(why),
			 "the guest was shown SVE vectors of up to %d bits; "
			 "at %d bits the host %s, and KVM can hide only those "
			 "above the longest", max * 128, vq * 128,
			 has ? "has vectors that the guest was not shown" :
			       "has no vectors");
		impossible(c, item, ONEREG_CLASS_FEATURE, why, NULL);
		return;
	}
	note(c, item, "the host has longer vectors; the guest goes on seeing "
		      "those it saw");
}

static void check_pmcr(const struct check *c, const struct check_item *item)
{
	static const struct onereg_field n = { "N", 11, 5 };
	uint64_t a = number(item->a, item->size) >> n.lsb & 31;
	uint64_t b = number(item->b, item->size) >> n.lsb & 31;

	if (!(c->image->features[0] & 1u << KA_VCPU_PMU_V3) || a == b)
		return;
	if (a > b)
		check_add(c, item, ONEREG_IMPOSSIBLE, ONEREG_CLASS_FEATURE, &n,
			  "the guest was shown more event counters than the "
			  "host has; KVM ignores the write without an error",
			  NULL);
	else
		check_add(c, item, ONEREG_NOTE, ONEREG_CLASS_HOST, &n,
			  "the host has more event counters", NULL);
}

/* ---- which rule for which register ---- */

#define CLASS_MASK	(KA_REG_ARCH_MASK | KA_REG_CLASS_MASK)

static const struct {
	uint64_t id, mask;
	void (*check)(const struct check *c, const struct check_item *item);
} rules[] = {
	{ MIDR, ~0ULL, check_cpu },
	{ REVIDR, ~0ULL, check_cpu },
	{ AIDR, ~0ULL, check_cpu },
	{ CLIDR, ~0ULL, check_caches },
	{ PMCR, ~0ULL, check_pmcr },
	{ KA_SVE_VLS, ~0ULL, check_lengths },
	{ KA_PSCI_VERSION, ~0ULL, check_psci },
	{ KA_REG_ARM64 | KA_REG_FW, CLASS_MASK, check_workaround },
	{ KA_REG_ARM64 | KA_REG_FW_FEAT_BMAP, CLASS_MASK, check_bitmap },
	{ KA_REG_ARM64 | KA_REG_DEMUX, CLASS_MASK, check_caches },
};

void check_value(const struct check *c, const struct check_item *item)
{
	const struct family *f = catalogue_find(item->id);
	enum onereg_scope scope = c->profile->scope[item->at];

	/* Without the host's value there is nothing to compare with. */
	if (!item->b || !memcmp(item->a, item->b, item->size))
		return;
	/* Each vCPU's own, and any value will do. */
	if (item->id == MPIDR)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if ((item->id & rules[i].mask) == rules[i].id) {
			rules[i].check(c, item);
			return;
		}
	if (id_field_at(item->id, 0))
		check_fields(c, item);
	else if (scope == ONEREG_SCOPE_HOST || f->scope == ONEREG_SCOPE_HOST)
		check_fact(c, item);
	else if (f->scope == ONEREG_SCOPE_VM && f->phase == PHASE_VM)
		check_rest(c, item, number(item->a, item->size) ^
					    number(item->b, item->size));
}

/* ---- registers that the host lacks ---- */

bool check_unrecorded(uint64_t id)
{
	return onereg_reg_size(id) > 16 || id == CORE_PC ||
	       id == KA_TIMER_CNT || id == KA_PTIMER_CNT;
}

void check_missing(const struct check *c, const struct check_item *item)
{
	const struct family *f = catalogue_find(item->id);
	const char *why = f->why ? f->why : "its state would be lost";
	enum onereg_severity severity = family_absent(f, c->image, item->a,
						      item->size);

	if (c->host->partial && check_unrecorded(item->id))
		return;
	if (f->features && !(f->features & c->image->features[0]))
		check_add(c, item, ONEREG_NOTE, ONEREG_CLASS_ABSENT, NULL,
			  "belongs to a vCPU feature that the VM does not "
			  "have: an older kernel lists it all the same", NULL);
	else if (severity == ONEREG_NOTE)
		check_add(c, item, ONEREG_NOTE, ONEREG_CLASS_ABSENT, NULL, why,
			  NULL);
	else if (severity == ONEREG_CARE)
		check_add(c, item, ONEREG_CARE, ONEREG_CLASS_MISSING, NULL,
			  why, "see that the guest does not depend on it");
	else
		impossible(c, item, ONEREG_CLASS_MISSING, why, NULL);
}
