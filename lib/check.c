/* SPDX-License-Identifier: MIT */
/*
 * Would an image restore on a described host? Everything that is known is
 * looked at and every reason is reported; nothing stops at the first.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "describe.h"

#define CAP_IRQCHIP		0
#define CAP_MAX_VCPU_ID		128
#define CAP_ARM_EL2		240

/* The features that profiles are made of; the others go by capability. */
#define PROFILE_FEATURES                                             \
	(1u << KA_VCPU_PSCI_0_2 | 1u << KA_VCPU_PMU_V3 |             \
	 1u << KA_VCPU_SVE | 1u << KA_VCPU_PTRAUTH_ADDRESS |         \
	 1u << KA_VCPU_PTRAUTH_GENERIC)

static void shape(const struct check *c, enum onereg_severity severity,
		  const char *name, const char *why, const char *todo)
{
	report_add(c->report, &(struct onereg_finding){
				      .severity = severity,
				      .class_ = ONEREG_CLASS_SHAPE,
				      .vcpu = -1,
				      .name = name,
				      .why = why,
				      .todo = todo,
			      });
}

/* ---- vCPU features and the profile ---- */

static int n_bits(uint32_t v)
{
	return __builtin_popcount(v);
}

/* How far a profile is from what is wanted; a lacking feature weighs most. */
static int distance(uint32_t wanted, uint32_t features)
{
	return n_bits(wanted & ~features) * 32 + n_bits(features & ~wanted);
}

const struct host_profile *check_profile(const struct onereg_host *host,
					 uint32_t features)
{
	const struct host_profile *best = &host->profiles[0];
	uint32_t wanted = features & PROFILE_FEATURES;

	for (size_t i = 1; i < host->n_profiles; i++)
		if (distance(wanted, host->profiles[i].features) <
		    distance(wanted, best->features))
			best = &host->profiles[i];
	return best;
}

static void check_feature_caps(const struct check *c, uint32_t features)
{
	static const struct {
		uint32_t bit, cap;
	} by_cap[] = {
		{ KA_VCPU_EL1_32BIT, KA_CAP_ARM_EL1_32BIT },
		{ KA_VCPU_HAS_EL2, CAP_ARM_EL2 },
	};
	uint32_t left = features & ~PROFILE_FEATURES;
	char name[96];

	for (size_t i = 0; i < ARRAY_SIZE(by_cap); i++) {
		uint32_t bit = 1u << by_cap[i].bit;

		if (!(left & bit))
			continue;
		left &= ~bit;
		features_text(bit, name, sizeof(name));
		if (onereg_host_cap(c->host, by_cap[i].cap) > 0)
			shape(c, ONEREG_CARE, name,
			      "the host offers this vCPU feature, but its "
			      "description has no list of registers with it",
			      TRY_THERE);
		else
			shape(c, ONEREG_IMPOSSIBLE, name,
			      "the VM's vCPUs have this feature, which the "
			      "host does not offer", NULL);
	}
	for (size_t i = 1; i < ARRAY_SIZE(c->image->features); i++)
		left |= c->image->features[i];
	if (left)
		shape(c, ONEREG_IMPOSSIBLE, "vCPU features",
		      "the VM's vCPUs have features that this version does "
		      "not know", "use a newer onereg");
}

static void check_features(struct check *c)
{
	uint32_t wanted = c->image->features[0] & PROFILE_FEATURES, lacks;
	char name[96];

	c->profile = check_profile(c->host, wanted);
	lacks = wanted & ~c->profile->features;
	check_feature_caps(c, c->image->features[0]);
	if (lacks) {
		features_text(lacks, name, sizeof(name));
		shape(c, ONEREG_IMPOSSIBLE, name,
		      c->host->partial ?
			      "the VM's vCPUs have it; this dump is of a vCPU "
			      "without it" :
			      "the VM's vCPUs have it, the host offers no such "
			      "vCPU",
		      c->host->partial ?
			      "describe the host with: onereg host" :
			      NULL);
	} else if (wanted != c->profile->features) {
		features_text(c->profile->features & ~wanted, name,
			      sizeof(name));
		shape(c, ONEREG_CARE, name,
		      "no profile has exactly the VM's features: compared with "
		      "one that has this too",
		      TRY_THERE);
	}
}

/* ---- capabilities, vCPUs, GIC, counter ---- */

/* Was the host asked about it? An imported dump's was not. */
static bool knows_cap(const struct onereg_host *host, uint32_t cap)
{
	for (size_t i = 0; i < host->n_caps; i++)
		if (host->caps[i].cap == cap)
			return true;
	return false;
}

static void check_cap(const struct check *c, uint32_t cap)
{
	char text[32];
	struct onereg_finding f = {
		.severity = ONEREG_IMPOSSIBLE,
		.class_ = ONEREG_CLASS_SHAPE,
		.space = ONEREG_SPACE_CAP,
		.vcpu = -1,
		.id = cap,
		.name = cap_text(cap, text, sizeof(text)),
	};

	if (cap == KA_CAP_ARM_MTE) {
		f.why = "memory tags are not in the image; a guest that uses "
			"them would find others";
	} else if (!knows_cap(c->host, cap)) {
		f.severity = ONEREG_CARE;
		f.why = "the VM has it enabled; the description does not say "
			"whether the host offers it";
		f.todo = TRY_THERE;
	} else if (onereg_host_cap(c->host, cap) <= 0) {
		f.why = "the VM has it enabled, the host does not offer it";
	} else {
		return;
	}
	report_add(c->report, &f);
}

static void check_limit(const struct check *c, uint32_t cap, size_t needed,
			const char *what)
{
	int limit = onereg_host_cap(c->host, cap);
	char why[128];

	if (limit <= 0 || needed <= (size_t)limit)
		return;
	snprintf(why, sizeof(why), "the VM has %s %zu, the host allows %d",
		 what, needed, limit);
	shape(c, ONEREG_IMPOSSIBLE, onereg_cap_name(cap), why, NULL);
}

static void check_vcpus(const struct check *c)
{
	size_t max_id = 0;

	for (size_t i = 0; i < c->image->n_vcpus; i++)
		if (c->image->vcpus[i].id > max_id)
			max_id = c->image->vcpus[i].id;
	check_limit(c, KA_CAP_MAX_VCPUS, c->image->n_vcpus, "a vCPU count of");
	check_limit(c, CAP_MAX_VCPU_ID, max_id + 1, "vCPU ids up to");
}

static void check_counter(const struct check *c)
{
	uint64_t a = c->image->counter_frequency;
	uint64_t b = c->host->counter_frequency;
	char why[160];

	if (!a || !b) {
		shape(c, ONEREG_CARE, "CNTFRQ_EL0",
		      "the counter's frequency is not known on one side; where "
		      "they differ, the guest's clocks run at the wrong speed",
		      "compare the frequencies of the two hosts");
		return;
	}
	if (a == b)
		return;
	snprintf(why, sizeof(why),
		 "%llu Hz here, %llu Hz there: the guest's clocks would run at "
		 "the wrong speed",
		 (unsigned long long)a, (unsigned long long)b);
	shape(c, ONEREG_IMPOSSIBLE, "CNTFRQ_EL0", why, NULL);
}

/* What a vCPU holds beside registers, and what the host must have for it. */
static void check_vcpu_state(const struct check *c, size_t i)
{
	const struct vcpu_state *v = &c->image->vcpus[i];
	const struct onereg_host *host = c->host;
	struct onereg_finding f = {
		.severity = ONEREG_IMPOSSIBLE,
		.class_ = ONEREG_CLASS_SHAPE,
		.vcpu = (int)i,
	};

	if (v->has_events && v->events.serror_pending &&
	    v->events.serror_has_esr &&
	    knows_cap(host, KA_CAP_ARM_INJECT_SERROR_ESR) &&
	    onereg_host_cap(host, KA_CAP_ARM_INJECT_SERROR_ESR) <= 0) {
		f.space = ONEREG_SPACE_EVENTS;
		f.name = "events";
		f.field = "serror_esr";
		f.why = "an SError with a syndrome is pending, which a host "
			"without RAS cannot inject";
		report_add(c->report, &f);
	}
	if (v->mp_state == KA_MP_STATE_SUSPENDED &&
	    knows_cap(host, KA_CAP_ARM_SYSTEM_SUSPEND) &&
	    onereg_host_cap(host, KA_CAP_ARM_SYSTEM_SUSPEND) <= 0) {
		f.space = ONEREG_SPACE_MP_STATE;
		f.name = "MP state";
		f.field = NULL;
		f.why = "the vCPU is suspended, a state that the host's "
			"kernel does not know";
		report_add(c->report, &f);
	}
}

static bool has_stolen_time(const struct onereg_image *image)
{
	for (size_t i = 0; i < image->n_vcpus; i++)
		for (size_t k = 0; k < image->vcpus[i].attrs.n; k++)
			if (image->vcpus[i].attrs.v[k].group ==
			    KA_VCPU_PVTIME_CTRL)
				return true;
	return false;
}

static void check_gic(const struct check *c)
{
	if (!knows_cap(c->host, CAP_IRQCHIP))
		shape(c, ONEREG_CARE, "GICv3",
		      "the VM has a GIC; the description does not say whether "
		      "the host offers one",
		      TRY_THERE);
	else if (onereg_host_cap(c->host, CAP_IRQCHIP) <= 0)
		shape(c, ONEREG_IMPOSSIBLE, "GICv3",
		      "the VM has a GIC, the host offers none", NULL);
	else
		shape(c, ONEREG_NOTE, "GICv3",
		      "a description does not say what the host's GICv3 is "
		      "like; only a dry run there compares it",
		      NULL);
}

static void check_shape(const struct check *c)
{
	for (size_t i = 0; i < c->image->n_caps; i++)
		check_cap(c, c->image->caps[i].cap);
	check_vcpus(c);
	check_counter(c);
	if (c->image->has_gic)
		check_gic(c);
	if (has_stolen_time(c->image))
		check_cap(c, KA_CAP_STEAL_TIME);
	for (size_t i = 0; i < c->image->n_vcpus; i++)
		check_vcpu_state(c, i);
}

static void check_conflicts(const struct check *c)
{
	for (size_t i = 0; i < c->image->n_conflicts; i++)
		report_add(c->report,
			   &(struct onereg_finding){
				   .severity = ONEREG_IMPOSSIBLE,
				   .class_ = ONEREG_CLASS_CONFLICT,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = -1,
				   .id = c->image->conflicts[i],
				   .why = "vCPUs disagreed on a value that the "
					  "VM has once: one of them would "
					  "lose its own",
				   .todo = "onereg show names the values",
			   });
}

/* ---- registers ---- */

/*
 * What was told of the vCPU before is not told again: of a register that the
 * host has, if the value is the same; of one that it lacks, if that means
 * the same.
 */
static bool was_told(const struct check *c, const struct regset *set,
		     const uint8_t *row, const uint8_t *before, size_t i)
{
	const struct family *f = catalogue_find(set->ids[i]);
	size_t offset = set->offsets[i], size = onereg_reg_size(set->ids[i]);

	if (!before)
		return false;
	if (!memcmp(before + offset, row + offset, size))
		return true;
	return regset_find(&c->profile->set, set->ids[i]) < 0 &&
	       family_absent(f, c->image, before + offset, size) ==
		       family_absent(f, c->image, row + offset, size);
}

static void check_one(const struct check *c, int vcpu,
		      const struct regset *set, const uint8_t *row, size_t i)
{
	const struct host_profile *p = c->profile;
	ptrdiff_t at = regset_find(&p->set, set->ids[i]);
	struct check_item item = {
		.vcpu = vcpu,
		.id = set->ids[i],
		.a = row + set->offsets[i],
		.size = onereg_reg_size(set->ids[i]),
	};

	if (at < 0) {
		check_missing(c, &item);
		return;
	}
	item.at = (size_t)at;
	if (p->has_reset[at])
		item.b = p->reset + p->set.offsets[at];
	check_value(c, &item);
}

/* The vCPU before it with the same list, or NULL. */
static const struct vcpu_state *one_before(const struct onereg_image *image,
					   size_t vcpu)
{
	for (size_t i = vcpu; i-- > 0;)
		if (image->vcpus[i].set == image->vcpus[vcpu].set)
			return &image->vcpus[i];
	return NULL;
}

static void check_vcpu(const struct check *c, size_t vcpu)
{
	const struct vcpu_state *v = &c->image->vcpus[vcpu];
	const struct vcpu_state *before = one_before(c->image, vcpu);
	const struct regset *set = &c->image->sets[v->set];

	for (size_t i = 0; i < set->n; i++)
		if (!was_told(c, set, v->row, before ? before->row : NULL, i))
			check_one(c, (int)vcpu, set, v->row, i);
}

static bool image_has(const struct onereg_image *image, uint64_t id)
{
	if (regset_find(&image->vm_set, id) >= 0)
		return true;
	for (size_t i = 0; i < image->n_sets; i++)
		if (regset_find(&image->sets[i], id) >= 0)
			return true;
	return false;
}

/*
 * Linux's own rule: a register that the destination has beyond the source is
 * no regression. It keeps its reset value.
 */
static void check_beyond(const struct check *c)
{
	const struct host_profile *p = c->profile;

	for (size_t i = 0; i < p->set.n; i++) {
		uint64_t id = p->set.ids[i];

		if (image_has(c->image, id) ||
		    (c->image->partial && check_unrecorded(id)))
			continue;
		check_add(c,
			  &(struct check_item){
				  .vcpu = -1,
				  .id = id,
				  .b = p->has_reset[i] ?
					       p->reset + p->set.offsets[i] :
					       NULL,
				  .size = onereg_reg_size(id),
			  },
			  ONEREG_NOTE, ONEREG_CLASS_ABSENT, NULL,
			  "the host has it, the VM never did; it keeps its "
			  "reset value", NULL);
	}
}

static void check_whole(const struct check *c)
{
	if (!c->image->staged)
		return;
	report_add(c->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .vcpu = -1,
			   .name = "image",
			   .why = "the first copy of a live migration: what "
				  "changes later is not looked at",
			   .todo = "stage it: the destination looks at the "
				   "rest",
		   });
}

int onereg_image_check(const struct onereg_image *image,
		       const struct onereg_host *host,
		       struct onereg_report *report)
{
	struct check c = { .image = image, .host = host, .report = report };

	if (!report)
		return -EINVAL;
	if (!host->n_profiles) {
		report_error(report, EINVAL, NULL, "host description",
			     "it describes no profile");
		return -EINVAL;
	}
	check_whole(&c);
	check_conflicts(&c);
	check_features(&c);
	check_shape(&c);
	check_host_config(&c);
	for (size_t i = 0; i < image->vm_set.n; i++)
		check_one(&c, -1, &image->vm_set, image->vm_row, i);
	for (size_t i = 0; i < image->n_vcpus; i++)
		check_vcpu(&c, i);
	check_beyond(&c);
	return 0;
}
