/* SPDX-License-Identifier: MIT */
/*
 * The image of a fresh VM on a described host, which was never saved: what
 * to compare hosts with when there is no VM yet.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define MPIDR	KA_SYS(3, 0, 0, 0, 5)
/* KVM_ARM_TARGET_GENERIC_V8: what every host prefers since Linux 5.10. */
#define TARGET_GENERIC_V8 5

/* As the save does: that a SET is refused does not tell where a value is. */
static bool is_vm_wide(const struct host_profile *p, size_t i)
{
	enum onereg_scope scope = (enum onereg_scope)p->scope[i];

	if (scope == ONEREG_SCOPE_UNKNOWN || scope == ONEREG_SCOPE_HOST)
		scope = onereg_reg_scope(p->set.ids[i]);
	return scope != ONEREG_SCOPE_VCPU;
}

/* The registers of the profile that are VM-wide, or those that are not. */
static int take_list(const struct host_profile *p, bool vm_wide,
		     struct regset *ret)
{
	uint64_t *ids = calloc(p->set.n + 1, sizeof(*ids));
	size_t n = 0;
	int r;

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < p->set.n; i++)
		if (p->has_reset[i] && is_vm_wide(p, i) == vm_wide)
			ids[n++] = p->set.ids[i];
	r = regset_init(ret, ids, n);
	free(ids);
	return r;
}

static uint8_t *take_row(const struct host_profile *p,
			 const struct regset *set)
{
	uint8_t *row = calloc(1, set->row_size + 1);

	for (size_t i = 0; row && i < set->n; i++) {
		size_t at = (size_t)regset_find(&p->set, set->ids[i]);

		memcpy(row + set->offsets[i], p->reset + p->set.offsets[at],
		       onereg_reg_size(set->ids[i]));
	}
	return row;
}

/* As KVM numbers them: 16 in Aff0, 256 in each of the next. */
static void set_mpidr(const struct regset *set, uint8_t *row, size_t vcpu)
{
	ptrdiff_t at = regset_find(set, MPIDR);
	uint64_t mpidr;

	if (at < 0)
		return;
	mpidr = 1ULL << 31 | (vcpu & 0xf) | (vcpu >> 4 & 0xff) << 8 |
		(uint64_t)(vcpu >> 12 & 0xff) << 16;
	memcpy(row + set->offsets[at], &mpidr, sizeof(mpidr));
}

static int add_vcpus(struct onereg_image *image, const struct host_profile *p,
		     size_t n)
{
	image->vcpus = calloc(n, sizeof(*image->vcpus));
	if (!image->vcpus)
		return -ENOMEM;
	for (image->n_vcpus = 0; image->n_vcpus < n; image->n_vcpus++) {
		struct vcpu_state *vcpu = &image->vcpus[image->n_vcpus];

		vcpu->id = (uint32_t)image->n_vcpus;
		/* All but the first wait for PSCI, as VMMs set them up. */
		vcpu->mp_state = image->n_vcpus ? KA_MP_STATE_STOPPED :
						  KA_MP_STATE_RUNNABLE;
		vcpu->row = take_row(p, &image->sets[0]);
		if (!vcpu->row)
			return -ENOMEM;
		set_mpidr(&image->sets[0], vcpu->row, image->n_vcpus);
	}
	return 0;
}

static int fill(struct onereg_image *image, const struct host_profile *p,
		size_t n_vcpus)
{
	int r = take_list(p, true, &image->vm_set);

	if (r)
		return r;
	image->vm_row = take_row(p, &image->vm_set);
	image->sets = calloc(1, sizeof(*image->sets));
	if (!image->vm_row || !image->sets)
		return -ENOMEM;
	image->n_sets = 1;
	r = take_list(p, false, &image->sets[0]);
	return r ? r : add_vcpus(image, p, n_vcpus);
}

int onereg_image_from_host(const struct onereg_host *host, size_t profile,
			   size_t n_vcpus, struct onereg_image **ret)
{
	struct onereg_image *image;
	int r;

	if (profile >= host->n_profiles || !n_vcpus)
		return -EINVAL;
	image = calloc(1, sizeof(*image));
	if (!image)
		return -ENOMEM;
	snprintf(image->writer, sizeof(image->writer), "onereg %s",
		 onereg_version());
	memcpy(image->release, host->release, sizeof(image->release));
	image->counter_frequency = host->counter_frequency;
	image->midr = host->midr;
	image->target = TARGET_GENERIC_V8;
	image->features[0] = host->profiles[profile].features;
	image->fresh = true;
	image->partial = host->partial;
	r = fill(image, &host->profiles[profile], n_vcpus);
	if (r) {
		onereg_image_free(image);
		return r;
	}
	*ret = image;
	return 0;
}
