/* SPDX-License-Identifier: MIT */
/*
 * What holds in every image: the reader refuses a file without it, and the
 * writer writes none.
 */
#include <errno.h>
#include <stdlib.h>

#include "container.h"
#include "gic.h"

static int check_limits(const struct onereg_image *image, struct fault *f)
{
	if (image->n_caps > FORMAT_MAX_CAPS)
		return fault(f, FORMAT_SHAP, "too many capabilities");
	if (image->n_sets > FORMAT_MAX_SETS)
		return fault(f, FORMAT_SETS, "too many lists");
	if (image->n_vcpus > FORMAT_MAX_VCPUS)
		return fault(f, FORMAT_VCPU, "too many vCPUs");
	if (image->gic.n > FORMAT_MAX_ATTRS)
		return fault(f, FORMAT_GICV, "too many attributes");
	if (image->n_conflicts > FORMAT_MAX_IDS)
		return fault(f, FORMAT_CONF, "too many ids");
	return 0;
}

static int check_attrs(const struct attrs *attrs, uint32_t type,
		       struct fault *f)
{
	size_t i;

	for (i = 0; i < attrs->n; i++) {
		const struct attr *a = &attrs->v[i];

		if (a->size != 4 && a->size != 8)
			return fault(f, type,
				     "attribute %#llx of group %u has %u bytes",
				     (unsigned long long)a->attr, a->group,
				     a->size);
		if (a->size == 4 && a->value > UINT32_MAX)
			return fault(f, type,
				     "attribute %#llx of group %u: a value "
				     "beyond its 4 bytes",
				     (unsigned long long)a->attr, a->group);
	}
	return 0;
}

size_t image_n_gic(const struct onereg_image *image)
{
	size_t i = 0;

	while (i < image->gic.n && !attr_is_its(&image->gic.v[i]))
		i++;
	return i;
}

/*
 * Each ITS, from number 0 on, begins with its address; a staged image has that
 * alone. Whether one is whole only a restore asks.
 */
static int check_its(const struct onereg_image *image, struct fault *f)
{
	uint64_t n = 0;

	for (size_t i = image_n_gic(image); i < image->gic.n; i++) {
		const struct attr *a = &image->gic.v[i];
		bool begins = a->group == ITS_ADDR;

		if (!attr_is_its(a))
			return fault(f, FORMAT_ITSV,
				     "attribute %#llx of group %u is no ITS's",
				     (unsigned long long)a->attr, a->group);
		if (a->size != 8)
			return fault(f, FORMAT_ITSV,
				     "attribute %#llx of group %u has %u bytes",
				     (unsigned long long)a->attr, a->group,
				     a->size);
		if (begins ? a->attr != (n << 32 | KA_VGIC_ITS_ADDR_TYPE) :
			     !n || a->attr >> 32 != n - 1)
			return fault(f, FORMAT_ITSV,
				     "attribute %#llx of group %u: not the next "
				     "ITS's address, nor of the one before",
				     (unsigned long long)a->attr, a->group);
		n += begins;
	}
	return 0;
}

static int check_gic(const struct onereg_image *image, struct fault *f)
{
	if (image->gic.n && !image->has_gic)
		return fault(f, FORMAT_GICV,
			     "attributes of a GIC that the VM "
			     "does not have");
	return check_attrs(&image->gic, FORMAT_GICV, f) ?: check_its(image, f);
}

static int check_vcpu_ids(const struct onereg_image *image, struct fault *f)
{
	uint64_t *ids, twice = 0;
	size_t i;
	int r;

	if (!image->n_vcpus)
		return 0;
	ids = malloc(image->n_vcpus * sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (i = 0; i < image->n_vcpus; i++)
		ids[i] = image->vcpus[i].id;
	r = ids_unique(ids, image->n_vcpus, &twice);
	free(ids);
	if (r == -EEXIST)
		return fault(f, FORMAT_VCPU, "vCPU id %llu occurs twice",
			     (unsigned long long)twice);
	return r;
}

static int check_vcpus(const struct onereg_image *image, struct fault *f)
{
	size_t n_attrs = 0, i;
	int r;

	for (i = 0; i < image->n_vcpus; i++) {
		const struct vcpu_state *v = &image->vcpus[i];

		if (v->set >= image->n_sets)
			return fault(f, FORMAT_VCPU,
				     "vCPU %zu uses list %u of %zu", i, v->set,
				     image->n_sets);
		n_attrs += v->attrs.n;
		if (n_attrs > FORMAT_MAX_ATTRS)
			return fault(f, FORMAT_VCPU, "too many attributes");
		r = check_attrs(&v->attrs, FORMAT_VCPU, f);
		if (r)
			return r;
	}
	return check_vcpu_ids(image, f);
}

/* No id twice, none in the list of VM-wide ones. */
static int check_set(const struct regset *set, const uint64_t *vm_sorted,
		     size_t n_vm, struct fault *f)
{
	uint64_t id = 0;
	size_t i;
	int r;

	r = ids_unique(set->ids, set->n, &id);
	if (r == -EEXIST)
		return fault(f, FORMAT_SETS, "id %#llx occurs twice in a list",
			     (unsigned long long)id);
	for (i = 0; !r && i < set->n; i++)
		if (sorted_find(vm_sorted, n_vm, set->ids[i]) >= 0)
			return fault(f, FORMAT_SETS,
				     "id %#llx is VM-wide and a vCPU's",
				     (unsigned long long)set->ids[i]);
	return r;
}

static int check_sets(const struct onereg_image *image, struct fault *f)
{
	const struct regset *vm = &image->vm_set;
	uint64_t *sorted = NULL, id = 0;
	size_t i;
	int r;

	r = ids_unique(vm->ids, vm->n, &id);
	if (r == -EEXIST)
		return fault(f, FORMAT_VMRG, "id %#llx occurs twice in a list",
			     (unsigned long long)id);
	if (!r && vm->n)
		r = sorted_ids(vm->ids, vm->n, &sorted);
	for (i = 0; !r && i < image->n_sets; i++)
		r = check_set(&image->sets[i], sorted, vm->n, f);
	free(sorted);
	return r;
}

static int check_config(const struct onereg_image *image, struct fault *f)
{
	const struct regset *set = &image->config_set;
	uint64_t id = 0;
	int r = ids_unique(set->ids, set->n, &id);

	if (r == -EEXIST)
		return fault(f, FORMAT_VMCF, "id %#llx occurs twice in a list",
			     (unsigned long long)id);
	for (size_t i = 0; !r && i < set->n; i++)
		if ((set->ids[i] & ~0xffffULL) != KA_VM_REG(0))
			return fault(f, FORMAT_VMCF,
				     "id %#llx is no VM configuration register",
				     (unsigned long long)set->ids[i]);
	return r;
}

/* Counts how many of the sorted ids are in lists; seen has a byte for each. */
static size_t count_listed(const struct onereg_image *image,
			   const uint64_t *sorted, size_t n, uint8_t *seen)
{
	size_t count = 0, i, j;

	for (i = 0; i < image->n_sets; i++)
		for (j = 0; j < image->sets[i].n; j++) {
			ptrdiff_t k =
				sorted_find(sorted, n, image->sets[i].ids[j]);

			if (k >= 0 && !seen[k]) {
				seen[k] = 1;
				count++;
			}
		}
	return count;
}

static int check_conflicts(const struct onereg_image *image, struct fault *f)
{
	size_t n = image->n_conflicts;
	uint64_t *sorted, id = 0;
	uint8_t *seen;
	int r;

	if (!n)
		return 0;
	r = ids_unique(image->conflicts, n, &id);
	if (r == -EEXIST)
		return fault(f, FORMAT_CONF, "id %#llx occurs twice",
			     (unsigned long long)id);
	if (!r)
		r = sorted_ids(image->conflicts, n, &sorted);
	if (r)
		return r;
	seen = calloc(n, 1);
	if (!seen)
		r = -ENOMEM;
	else if (count_listed(image, sorted, n, seen) != n)
		r = fault(f, FORMAT_CONF, "an id that is in no list");
	free(seen);
	free(sorted);
	return r;
}

int image_valid(const struct onereg_image *image, struct fault *f)
{
	int r = check_limits(image, f);

	if (r)
		return r;
	if (!format_string_ok(image->writer) ||
	    !format_string_ok(image->release))
		return fault(f, FORMAT_ORIG,
			     "a string is too long or no ASCII");
	if (image->features[0] & 1U << KA_VCPU_POWER_OFF)
		return fault(f, FORMAT_SHAP, "feature POWER_OFF is set");
	r = check_gic(image, f);
	if (!r)
		r = check_vcpus(image, f);
	if (!r)
		r = check_sets(image, f);
	if (!r)
		r = check_config(image, f);
	return r ? r : check_conflicts(image, f);
}
