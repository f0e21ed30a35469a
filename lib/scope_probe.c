/* SPDX-License-Identifier: MIT */
/*
 * Where does this kernel keep a register: once for the VM, or per vCPU?
 * Nothing but the kernel itself knows. One that tells was asked before
 * (describe.c) and is held to it; of others it is observed: write a legal
 * alternate value through one vCPU, read it through another, put the old
 * value back.
 *
 * A SET that succeeds proves nothing, some are ignored: only a value that
 * reads back changed does. A SET that is refused proves nothing either: the
 * register is called a host fact only where the catalogue agrees, since a
 * per-vCPU value wrongly read once for all would be lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

#define N_VCPUS		2
/* 40 bits of counter: no emulator takes so long between two calls. */
#define COUNTER_JUMP	(1ULL << 40)
#define COUNTER_SLACK	(1ULL << 36)
/* Single bits, then 4-bit fields one up and one down, then whole values. */
#define N_CANDIDATES	(64 + 2 * 16 + 4)

struct probe {
	struct scratch s;
	const struct host_profile *profile;
	struct onereg_report *report;
};

struct value {
	uint8_t b[KA_REG_SIZE_MAX];
};

static uint64_t number(const struct value *v)
{
	uint64_t n;

	memcpy(&n, v->b, sizeof(n));
	return n;
}

static struct value from_number(uint64_t n, size_t size)
{
	struct value v = { { 0 } };

	memcpy(v.b, &n, size < sizeof(n) ? size : sizeof(n));
	return v;
}

/* ---- candidates: other values that the kernel may accept ---- */

static const uint64_t psci_versions[] = { 0x10000, 2, 0x10001, 0x10002 };

static uint64_t number_candidate(uint64_t old, size_t k)
{
	unsigned int lsb;

	if (k < 64)
		return old ^ 1ULL << k;
	k -= 64;
	if (k >= 32)
		return (uint64_t[]){ 0, ~old, ~0ULL, 1 }[k - 32];
	lsb = (unsigned int)(k / 2) * 4;
	/* Lower first: a kernel lets features be taken away. */
	if (k % 2 == 0)
		return old >> lsb & 15 ? old - (1ULL << lsb) : old;
	return (old >> lsb & 15) < 15 ? old + (1ULL << lsb) : old;
}

/* Vector lengths can only be taken from the top. */
static struct value fewer_lengths(const struct value *old, size_t k)
{
	struct value v = *old;

	for (int bit = 511; bit >= 0; bit--) {
		if (!(v.b[bit / 8] >> bit % 8 & 1))
			continue;
		v.b[bit / 8] &= (uint8_t)~(1 << bit % 8);
		if (!k--)
			break;
	}
	return v;
}

/* The k-th; false past the last. It may equal the old one. */
static bool candidate(uint64_t id, const struct value *old, size_t k,
		      struct value *ret)
{
	size_t size = onereg_reg_size(id);

	if (id == KA_PSCI_VERSION) {
		if (k >= ARRAY_SIZE(psci_versions))
			return false;
		*ret = from_number(psci_versions[k], size);
	} else if (id == KA_SVE_VLS) {
		if (k >= 4)
			return false;
		*ret = fewer_lengths(old, k);
	} else if (catalogue_find(id)->compare == COMPARE_COUNTER) {
		if (k)
			return false;
		*ret = from_number(number(old) + COUNTER_JUMP, size);
	} else if (size > sizeof(uint64_t)) {
		if (k >= 8)
			return false;
		*ret = *old;
		ret->b[0] ^= (uint8_t)(1 << k);
	} else {
		if (k >= N_CANDIDATES)
			return false;
		*ret = from_number(number_candidate(number(old), k), size);
	}
	return true;
}

/* ---- one register ---- */

static bool same(uint64_t id, const struct value *a, const struct value *b)
{
	const struct family *f = catalogue_find(id);

	if (f->compare == COMPARE_COUNTER)
		return number(b) - number(a) < COUNTER_SLACK;
	if (f->compare == COMPARE_MASK && onereg_reg_size(id) <= 8)
		return !((number(a) ^ number(b)) & ~f->noise);
	return !memcmp(a->b, b->b, onereg_reg_size(id));
}

static int get(const struct probe *p, size_t vcpu, uint64_t id,
	       struct value *ret)
{
	*ret = (struct value){ { 0 } };
	return io_get_reg(&p->s.io, p->s.vcpu_fds[vcpu], id, ret->b);
}

static int set(const struct probe *p, size_t vcpu, uint64_t id,
	       const struct value *v)
{
	return io_set_reg(&p->s.io, p->s.vcpu_fds[vcpu], id, v->b);
}

static enum onereg_scope judge(uint64_t id, const struct value old[N_VCPUS],
			       const struct value now[N_VCPUS])
{
	if (same(id, &old[1], &now[1]))
		return ONEREG_SCOPE_VCPU;
	if (same(id, &now[0], &now[1]))
		return ONEREG_SCOPE_VM;
	return ONEREG_SCOPE_UNKNOWN;
}

/*
 * Tries one value. -EAGAIN: nothing was learnt, the next one may do; other
 * errors are those of the SET.
 */
static int try_value(const struct probe *p, uint64_t id,
		     const struct value old[N_VCPUS], const struct value *v,
		     enum onereg_scope *ret)
{
	struct value now[N_VCPUS];
	int r;

	/* vCPU 1 must not have it already: it would look like one value. */
	if (same(id, &old[0], v) || same(id, &old[1], v))
		return -EAGAIN;
	r = set(p, 0, id, v);
	if (r)
		return r;
	if (get(p, 0, id, &now[0]) || get(p, 1, id, &now[1]) ||
	    same(id, &old[0], &now[0])) {
		set(p, 0, id, &old[0]);
		return -EAGAIN;
	}
	*ret = judge(id, old, now);
	set(p, 0, id, &old[0]);
	return 0;
}

static enum onereg_scope probe_reg(const struct probe *p, uint64_t id)
{
	enum onereg_scope catalogued = catalogue_find(id)->scope;
	enum onereg_scope scope = ONEREG_SCOPE_UNKNOWN;
	struct value old[N_VCPUS], v;
	bool refused = false;

	for (size_t i = 0; i < N_VCPUS; i++)
		if (get(p, i, id, &old[i]))
			return ONEREG_SCOPE_UNKNOWN;
	for (size_t k = 0; candidate(id, &old[0], k, &v); k++) {
		int r = try_value(p, id, old, &v, &scope);

		if (!r)
			return scope;
		refused |= r != -EAGAIN;
	}
	return refused && catalogued == ONEREG_SCOPE_HOST ? catalogued : scope;
}

static void disagree(const struct probe *p, uint64_t id,
		     enum onereg_scope told)
{
	bool vcpu = told == ONEREG_SCOPE_VCPU;

	report_add(p->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = -1,
			   .id = id,
			   .why = vcpu ? "the kernel says that each vCPU has "
					 "its own, but what one vCPU was given "
					 "is what the other reads" :
					 "the kernel says that the VM has it "
					 "once, but what one vCPU was given "
					 "is not what the other reads",
			   .todo = "hold the kernel against its rules with: "
				   "onereg validate",
		   });
}

/* What was seen, held against what the kernel told; what was seen counts. */
static void take_scope(const struct probe *p, struct host_profile *profile,
		       size_t i, enum onereg_scope seen)
{
	enum onereg_scope told = (enum onereg_scope)profile->scope[i];
	bool is_told = profile->source[i] & ONEREG_SCOPE_TOLD;

	if (seen == ONEREG_SCOPE_UNKNOWN)
		return;
	/* That a SET is refused does not say whose the register is. */
	if (is_told && seen == ONEREG_SCOPE_HOST)
		return;
	profile->source[i] |= ONEREG_SCOPE_OBSERVED;
	if (is_told &&
	    (told == ONEREG_SCOPE_VCPU) == (seen == ONEREG_SCOPE_VCPU))
		return;
	if (is_told) {
		disagree(p, profile->set.ids[i], told);
		profile->source[i] = ONEREG_SCOPE_OBSERVED;
	}
	profile->scope[i] = (uint8_t)seen;
}

/* ---- which bits of ID registers may change ---- */

/* Lower and higher neighbours of a field's value, and its extremes. */
static bool field_moves(const struct probe *p, uint64_t id, uint64_t old,
			const struct onereg_field *f)
{
	uint64_t max = f->width < 64 ? (1ULL << f->width) - 1 : ~0ULL;
	uint64_t was = old >> f->lsb & max;
	const uint64_t tries[] = { was - 1, was + 1, 0, max };

	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		uint64_t to = tries[i] & max, value;
		struct value v, now;

		if (to == was)
			continue;
		value = (old & ~(max << f->lsb)) | to << f->lsb;
		v = from_number(value, 8);
		if (set(p, 0, id, &v))
			continue;
		if (!get(p, 0, id, &now) && number(&now) == value) {
			v = from_number(old, 8);
			return !set(p, 0, id, &v);
		}
	}
	return false;
}

/* CRm 1 to 7 of CRn 0, where the feature registers are, and CTR_EL0. */
static bool is_feature_id(uint64_t id)
{
	uint64_t crm = id >> 3 & 15;

	return id == KA_SYS(3, 3, 0, 0, 1) ||
	       ((id & ~(uint64_t)KA_SYS_LOW(0, 0, 0, 15, 7)) ==
			KA_SYS(3, 0, 0, 0, 0) &&
		crm >= 1 && crm <= 7);
}

static void probe_mask(const struct probe *p, struct host_profile *profile,
		       size_t at)
{
	uint64_t id = profile->set.ids[at], mask = 0;
	const struct id_field *f;
	struct value old;

	if (profile->has_mask[at] || !is_feature_id(id) ||
	    get(p, 0, id, &old))
		return;
	for (size_t i = 0; (f = id_field_at(id, i)); i++) {
		const struct onereg_field *field = &f->field;

		if (field_moves(p, id, number(&old), field))
			mask |= (field->width < 64 ?
					 (1ULL << field->width) - 1 :
					 ~0ULL)
				<< field->lsb;
	}
	profile->has_mask[at] = 1;
	profile->writable[at] = mask;
}

/* ---- a profile ---- */

static bool wants_probe(const struct host_profile *p, const uint8_t *done,
			size_t i, bool vls)
{
	return !done[i] && (p->set.ids[i] == KA_SVE_VLS) == vls;
}

/* As scratch_init_vcpus(), but leaves the vCPUs before FINALIZE. */
static int init_only(struct scratch *s, uint32_t features,
		     struct onereg_report *report)
{
	const char *operation = "KVM_ARM_PREFERRED_TARGET";
	struct ka_vcpu_init init = { 0 };
	int r = io_ioctl(&s->io, s->vm_fd, KA_ARM_PREFERRED_TARGET, &init);

	init.features[0] = features;
	for (size_t i = 0; i < s->n_vcpus && r >= 0; i++) {
		operation = "KVM_ARM_VCPU_INIT";
		r = io_ioctl(&s->io, s->vcpu_fds[i], KA_ARM_VCPU_INIT, &init);
	}
	if (r < 0)
		report_error(report, r, operation, "scratch VM",
			     "cannot make a vCPU to probe");
	return r < 0 ? r : 0;
}

/*
 * The SVE vector lengths can be changed only before FINALIZE, everything
 * else is probed after it: two VMs.
 */
static int probe_vm(const struct scratch_options *o,
		    struct host_profile *profile, uint8_t *done, bool vls,
		    struct onereg_report *report)
{
	struct probe p = { .profile = profile, .report = report };
	int r;

	r = scratch_open(&p.s, o, report);
	if (r)
		return r;
	r = vls ? init_only(&p.s, profile->features, report) :
		  scratch_init_vcpus(&p.s, profile->features, report);
	for (size_t i = 0; i < profile->set.n && !r; i++) {
		if (!wants_probe(profile, done, i, vls))
			continue;
		take_scope(&p, profile, i,
			   probe_reg(&p, profile->set.ids[i]));
		done[i] = 1;
	}
	for (size_t i = 0; i < profile->set.n && !r && !vls; i++)
		probe_mask(&p, profile, i);
	scratch_close(&p.s);
	return r;
}

/* What a larger profile showed holds for a smaller one too. */
static void copy_scopes(const struct host_profile *from,
			struct host_profile *to, uint8_t *done)
{
	for (size_t i = 0; i < to->set.n; i++) {
		ptrdiff_t at = regset_find(&from->set, to->set.ids[i]);

		if (at < 0 || done[i])
			continue;
		/* What is told is told of each. */
		if (!(to->source[i] & ONEREG_SCOPE_TOLD))
			to->scope[i] = from->scope[at];
		if (to->scope[i] == from->scope[at])
			to->source[i] |=
				from->source[at] & ONEREG_SCOPE_OBSERVED;
		done[i] = 1;
	}
}

static int probe_profile(struct onereg_host *host, size_t n,
			 const struct scratch_options *o,
			 struct onereg_report *report)
{
	struct host_profile *profile = &host->profiles[n];
	uint8_t *done = calloc(profile->set.n + 1, 1);
	bool left[2] = { false, false };
	int r = 0;

	if (!done)
		return no_memory(report, "probe");
	for (size_t i = n + 1; i < host->n_profiles; i++)
		copy_scopes(&host->profiles[i], profile, done);
	for (size_t i = 0; i < profile->set.n; i++) {
		left[0] |= wants_probe(profile, done, i, false);
		left[1] |= wants_probe(profile, done, i, true);
		/* Masks depend on the profile: PMUVer is 0 without a PMU. */
		left[0] |= !profile->has_mask[i] &&
			   is_feature_id(profile->set.ids[i]);
	}
	for (int vls = 0; vls < 2 && !r; vls++)
		if (left[vls])
			r = probe_vm(o, profile, done, vls, report);
	free(done);
	return r;
}

int scope_probe(struct onereg_host *host, const struct onereg_io *io,
		const char *device, struct onereg_report *report)
{
	struct scratch_options o = {
		.io = io,
		.device = device,
		.n_vcpus = N_VCPUS,
	};
	int r = 0;

	/* From the largest: smaller ones have few registers of their own. */
	for (size_t i = host->n_profiles; i-- > 0 && !r;)
		r = probe_profile(host, i, &o, report);
	host->probed = !r;
	return r;
}
