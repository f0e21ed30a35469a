/* SPDX-License-Identifier: MIT */
/*
 * Describes a host by asking its kernel: capabilities, then one scratch VM
 * for each combination of vCPU features that it offers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

#define CAP_ARM_PSCI_0_2	102
#define PSCI			(1u << KA_VCPU_PSCI_0_2)
#define PTRAUTH                              \
	(1u << KA_VCPU_PTRAUTH_ADDRESS |     \
	 1u << KA_VCPU_PTRAUTH_GENERIC)

struct describe {
	struct onereg_io io;
	const char *device;
	struct onereg_host *host;
	struct onereg_report *report;
};

/* ---- profiles ---- */

void profile_free(struct host_profile *profile)
{
	regset_free(&profile->set);
	free(profile->reset);
	free(profile->has_reset);
	free(profile->has_mask);
	free(profile->writable);
	free(profile->scope);
	free(profile->source);
	*profile = (struct host_profile){ 0 };
}

int profile_init(struct host_profile *profile, uint32_t features,
		 const uint64_t *ids, size_t n)
{
	int r;

	*profile = (struct host_profile){ .features = features };
	r = regset_init(&profile->set, ids, n);
	if (r)
		return r;
	/* One more than needed: an empty list is not a lack of memory. */
	profile->reset = calloc(1, profile->set.row_size + 1);
	profile->has_reset = calloc(n + 1, 1);
	profile->has_mask = calloc(n + 1, 1);
	profile->writable = calloc(n + 1, sizeof(*profile->writable));
	profile->scope = calloc(n + 1, 1);
	profile->source = calloc(n + 1, 1);
	if (profile->reset && profile->has_reset && profile->has_mask &&
	    profile->writable && profile->scope && profile->source)
		return 0;
	profile_free(profile);
	return -ENOMEM;
}

uint8_t *profile_value(const struct host_profile *profile, size_t i)
{
	return profile->reset + profile->set.offsets[i];
}

/* ---- capabilities ---- */

static int read_caps(struct describe *d, int kvm_fd)
{
	struct onereg_host *host = d->host;
	uint32_t cap;
	size_t n = 0;

	while (cap_at(n, &cap))
		n++;
	host->caps = calloc(n, sizeof(*host->caps));
	if (!host->caps)
		return no_memory(d->report, "describe");
	for (size_t i = 0; cap_at(i, &cap); i++) {
		int value = io_ioctl(&d->io, kvm_fd, KA_CHECK_EXTENSION,
				     (void *)(uintptr_t)cap);

		/* Some are known to a VM's descriptor only. */
		if (value < 0 && value != -EINVAL) {
			report_error(d->report, value, "KVM_CHECK_EXTENSION",
				     onereg_cap_name(cap),
				     "cannot tell what this host offers");
			return value;
		}
		host->caps[i].cap = cap;
		host->caps[i].value = value < 0 ? 0 : value;
	}
	host->n_caps = n;
	return 0;
}

static int need_caps(struct describe *d)
{
	static const uint32_t needed[] = { KA_CAP_ONE_REG, KA_CAP_MP_STATE };

	/* Every KVM/arm64 has had both for as long as it had either. */
	if (onereg_host_cap(d->host, CAP_ARM_PSCI_0_2) <= 0 &&
	    onereg_host_cap(d->host, KA_CAP_ARM_VM_IPA_SIZE) <= 0) {
		report_error(d->report, ENOSYS, "KVM_CHECK_EXTENSION",
			     d->device,
			     "this KVM is not one of arm64: it lacks "
			     "KVM_CAP_ARM_PSCI_0_2");
		return -ENOSYS;
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (onereg_host_cap(d->host, needed[i]) > 0)
			continue;
		report_error(d->report, EOPNOTSUPP, "KVM_CHECK_EXTENSION",
			     onereg_cap_name(needed[i]),
			     "this kernel lacks it, and registers cannot be "
			     "moved without it");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int check_device(struct describe *d)
{
	int fd = scratch_open_kvm(&d->io, d->device, d->report);
	int r;

	if (fd < 0)
		return fd;
	r = read_caps(d, fd);
	if (!r)
		r = need_caps(d);
	d->io.close(d->io.userdata, fd);
	return r;
}

/* ---- one profile ---- */

static void note(struct describe *d, const char *name, int error,
		 const char *operation, const char *why)
{
	report_add(d->report, &(struct onereg_finding){
				      .severity = ONEREG_NOTE,
				      .vcpu = -1,
				      .name = name,
				      .error = -error,
				      .operation = operation,
				      .why = why,
			      });
}

static void read_values(struct describe *d, const struct scratch *s,
			struct host_profile *p)
{
	for (size_t i = 0; i < p->set.n; i++) {
		char name[96];
		int r = io_get_reg(&d->io, s->vcpu_fds[0], p->set.ids[i],
				   profile_value(p, i));

		p->has_reset[i] = !r;
		if (!r)
			continue;
		/* What a call that failed left there is no value. */
		memset(profile_value(p, i), 0, onereg_reg_size(p->set.ids[i]));
		onereg_reg_name(p->set.ids[i], name, sizeof(name));
		note(d, name, r, "KVM_GET_ONE_REG",
		     "listed, but its value cannot be read");
	}
}

/* Index into KVM's array of masks, or -1: not in that range. */
static int mask_index(uint64_t id)
{
	unsigned int op1 = id >> 11 & 7, crm = id >> 3 & 15, op2 = id & 7;

	if ((id & ~KA_SYS_LOW(0, 7, 0, 15, 7)) != KA_SYS(3, 0, 0, 0, 0))
		return -1;
	if (crm > 7 || (op1 != 0 && op1 != 1 && op1 != 3))
		return -1;
	return (int)((op1 == 3 ? 2 : op1) << 6 | crm << 3 | op2);
}

static void read_masks(struct describe *d, const struct scratch *s,
		       struct host_profile *p)
{
	uint64_t masks[3 * 8 * 8] = { 0 };
	struct ka_reg_mask_range range = { .addr = (uintptr_t)masks };
	int r;

	if (!(onereg_host_cap(d->host, KA_CAP_ARM_SUPPORTED_REG_MASK_RANGES) &
	      1))
		return;
	r = io_ioctl(&d->io, s->vm_fd, KA_ARM_GET_REG_WRITABLE_MASKS, &range);
	if (r < 0) {
		note(d, "writable masks", r, "KVM_ARM_GET_REG_WRITABLE_MASKS",
		     "offered, but cannot be read");
		return;
	}
	for (size_t i = 0; i < p->set.n; i++) {
		int at = mask_index(p->set.ids[i]);

		/*
		 * 0 also stands for a register that this array is not about,
		 * MPIDR_EL1 for one; in CRm 1 to 7 there are no such.
		 */
		if (at < 0 || (!masks[at] && !(p->set.ids[i] >> 3 & 7)))
			continue;
		p->has_mask[i] = 1;
		p->writable[i] = masks[at];
	}
}

/*
 * A kernel that lists on the VM's descriptor what the VM has once tells all
 * scopes by that: a vCPU has the rest. That a SET of some only checks is the
 * catalogue's to know.
 */
static int read_scopes(struct describe *d, const struct scratch *s,
		       struct host_profile *p)
{
	struct regset list;
	int r;

	if (!(onereg_host_cap(d->host, KA_CAP_VM_ONE_REG) &
	      KA_VM_ONE_REG_IOCTLS))
		return 0;
	r = io_reg_list(&d->io, s->vm_fd, &list);
	if (r) {
		report_error(d->report, r, "KVM_GET_REG_LIST", d->device,
			     "the list of the VM's registers cannot be read");
		return r;
	}
	for (size_t i = 0; i < p->set.n; i++) {
		uint64_t id = p->set.ids[i];
		bool check = catalogue_find(id)->scope == ONEREG_SCOPE_HOST;

		p->scope[i] = regset_find(&list, id) < 0 ? ONEREG_SCOPE_VCPU :
			      check ? ONEREG_SCOPE_HOST : ONEREG_SCOPE_VM;
		p->source[i] = ONEREG_SCOPE_TOLD;
	}
	regset_free(&list);
	return 0;
}

static int fill_profile(struct describe *d, struct scratch *s,
			uint32_t features, struct host_profile *p)
{
	struct regset list = { 0 };
	int r = io_reg_list(&d->io, s->vcpu_fds[0], &list);

	if (r) {
		report_error(d->report, r, "KVM_GET_REG_LIST", d->device,
			     "the register list cannot be read");
		return r;
	}
	r = profile_init(p, features, list.ids, list.n);
	regset_free(&list);
	/* The list is good: nothing else can be lacking. */
	if (r)
		return no_memory(d->report, "describe");
	read_values(d, s, p);
	read_masks(d, s, p);
	r = read_scopes(d, s, p);
	if (r)
		profile_free(p);
	return r;
}

/*
 * A kernel may offer features one by one and refuse them together; only the
 * plain profile cannot be done without.
 */
static int add_profile(struct describe *d, uint32_t features)
{
	struct scratch_options o = {
		.io = &d->io,
		.device = d->device,
		.n_vcpus = 1,
	};
	bool plain = features == PSCI;
	struct scratch s;
	char text[96];
	int r = scratch_open(&s, &o, d->report);

	if (r)
		return r;
	r = scratch_init_vcpus(&s, features, plain ? d->report : NULL);
	features_text(features, text, sizeof(text));
	if ((r == -EINVAL || r == -ENOENT) && !plain) {
		note(d, text, r, "KVM_ARM_VCPU_INIT",
		     "offered one by one, but not together");
		r = 0;
	} else if (r && !plain) {
		report_error(d->report, r, "KVM_ARM_VCPU_INIT", text,
			     "cannot make a vCPU with these features");
	} else if (!r) {
		r = fill_profile(d, &s, features,
				 &d->host->profiles[d->host->n_profiles]);
		d->host->n_profiles += !r;
	}
	scratch_close(&s);
	return r;
}

/* In binary order, so that the last has them all. */
static int add_profiles(struct describe *d)
{
	static const struct {
		uint32_t features, caps[2];
	} offered[] = {
		{ 1u << KA_VCPU_PMU_V3,
		  { KA_CAP_ARM_PMU_V3, KA_CAP_ARM_PMU_V3 } },
		{ PTRAUTH,
		  { KA_CAP_ARM_PTRAUTH_ADDRESS, KA_CAP_ARM_PTRAUTH_GENERIC } },
		{ 1u << KA_VCPU_SVE, { KA_CAP_ARM_SVE, KA_CAP_ARM_SVE } },
	};
	unsigned int n = 1u << ARRAY_SIZE(offered), have = 0;
	int r;

	d->host->profiles = calloc(n, sizeof(*d->host->profiles));
	if (!d->host->profiles)
		return no_memory(d->report, "describe");
	for (unsigned int i = 0; i < ARRAY_SIZE(offered); i++)
		if (onereg_host_cap(d->host, offered[i].caps[0]) > 0 &&
		    onereg_host_cap(d->host, offered[i].caps[1]) > 0)
			have |= 1u << i;
	for (unsigned int set = 0; set < n; set++) {
		uint32_t features = PSCI;

		if (set & ~have)
			continue;
		for (unsigned int i = 0; i < ARRAY_SIZE(offered); i++)
			if (set >> i & 1)
				features |= offered[i].features;
		r = add_profile(d, features);
		if (r)
			return r;
	}
	return 0;
}

/* ---- the whole host ---- */

static void read_facts(struct describe *d)
{
	const struct host_profile *p = &d->host->profiles[0];
	struct onereg_host *host = d->host;
	ptrdiff_t midr;
	int r;

	snprintf(host->writer, sizeof(host->writer), "onereg %s",
		 onereg_version());
	r = d->io.release(d->io.userdata, host->release,
			  sizeof(host->release));
	if (r)
		note(d, "release", r, "uname", "not known");
	r = d->io.counter_frequency(d->io.userdata, &host->counter_frequency);
	if (r)
		note(d, "CNTFRQ_EL0", r, NULL,
		     "the counter's frequency is not known");
	midr = regset_find(&p->set, KA_SYS(3, 0, 0, 0, 0));
	if (midr >= 0 && p->has_reset[midr])
		host->midr = regset_u64(&p->set, p->reset, (size_t)midr);
}

static int describe(struct describe *d, bool probe)
{
	int r = check_device(d);

	if (r)
		return r;
	r = add_profiles(d);
	if (r)
		return r;
	read_facts(d);
	return probe ? scope_probe(d->host, &d->io, d->device, d->report) : 0;
}

int onereg_host_describe(const struct onereg_describe_options *options,
			 struct onereg_host **ret,
			 struct onereg_report *report)
{
	struct onereg_describe_options o = { 0 };
	struct describe d = { .report = report };
	int r;

	r = options ? options_take(&o, sizeof(o), options) : 0;
	if (!r)
		r = io_complete(&d.io, o.io);
	if (r) {
		report_error(report, r, NULL, "describe",
			     "wrong options or struct onereg_io");
		return r;
	}
	d.device = o.device ? o.device : "/dev/kvm";
	d.host = calloc(1, sizeof(*d.host));
	if (!d.host)
		return no_memory(report, "describe");
	r = describe(&d, o.probe_scope);
	if (r) {
		onereg_host_free(d.host);
		return r;
	}
	*ret = d.host;
	return 0;
}
