/* SPDX-License-Identifier: MIT */
/*
 * A saved register plane: what a caller may ask of it, and its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gic.h"

void onereg_image_free(struct onereg_image *image)
{
	size_t i;

	if (!image)
		return;
	for (i = 0; i < image->n_vcpus; i++) {
		free(image->vcpus[i].row);
		attrs_free(&image->vcpus[i].attrs);
	}
	for (i = 0; i < image->n_sets; i++)
		regset_free(&image->sets[i]);
	regset_free(&image->config_set);
	regset_free(&image->vm_set);
	attrs_free(&image->gic);
	free(image->config_row);
	free(image->vm_row);
	free(image->sets);
	free(image->vcpus);
	free(image->caps);
	free(image->conflicts);
	free(image);
}

bool image_has_aa32(const struct onereg_image *image)
{
	ptrdiff_t at = regset_find(&image->vm_set, KA_SYS(3, 0, 0, 4, 0));

	return at < 0 || (regset_u64(&image->vm_set, image->vm_row,
				     (size_t)at) & 15) != 1;
}

size_t onereg_image_n_vcpus(const struct onereg_image *image)
{
	return image->n_vcpus;
}

uint32_t onereg_image_vcpu_id(const struct onereg_image *image, size_t i)
{
	return i < image->n_vcpus ? image->vcpus[i].id : 0;
}

uint32_t onereg_image_features(const struct onereg_image *image, size_t i)
{
	return i < ARRAY_SIZE(image->features) ? image->features[i] : 0;
}

const char *onereg_image_release(const struct onereg_image *image)
{
	return image->release;
}

uint64_t onereg_image_saved_at(const struct onereg_image *image)
{
	return image->saved_at;
}

uint64_t onereg_image_counter_frequency(const struct onereg_image *image)
{
	return image->counter_frequency;
}

bool onereg_image_has_gic(const struct onereg_image *image)
{
	return image->has_gic;
}

bool onereg_image_is_staged(const struct onereg_image *image)
{
	return image->staged;
}

size_t onereg_image_n_caps(const struct onereg_image *image)
{
	return image->n_caps;
}

const struct onereg_cap *onereg_image_cap(const struct onereg_image *image,
					  size_t i)
{
	return i < image->n_caps ? &image->caps[i] : NULL;
}

/* ---- values in order: VM, its configuration, vCPUs, GIC, attributes ---- */

/* Registers, events where there are any, MP state. */
static size_t vcpu_n_values(const struct onereg_image *image,
			    const struct vcpu_state *vcpu)
{
	return image->sets[vcpu->set].n + vcpu->has_events + 1;
}

size_t onereg_image_n_values(const struct onereg_image *image)
{
	size_t n = image->vm_set.n + image->config_set.n + image->gic.n;
	size_t i;

	for (i = 0; i < image->n_vcpus; i++) {
		n += vcpu_n_values(image, &image->vcpus[i]);
		n += image->vcpus[i].attrs.n;
	}
	return n;
}

static void reg_value(const struct regset *set, const uint8_t *row, size_t i,
		      struct onereg_value *ret)
{
	ret->space = ONEREG_SPACE_REG;
	ret->id = set->ids[i];
	ret->value = row + set->offsets[i];
	ret->value_size = onereg_reg_size(set->ids[i]);
}

static void attr_value(const struct attr *attr, enum onereg_space space,
		       struct onereg_value *ret)
{
	ret->space = space;
	ret->group = attr->group;
	ret->id = attr->attr;
	ret->value = &attr->value;
	ret->value_size = attr->size;
}

static void vcpu_value(const struct onereg_image *image,
		       const struct vcpu_state *vcpu, size_t i,
		       struct onereg_value *ret)
{
	const struct regset *set = &image->sets[vcpu->set];

	if (i < set->n) {
		reg_value(set, vcpu->row, i, ret);
	} else if (i == set->n && vcpu->has_events) {
		ret->space = ONEREG_SPACE_EVENTS;
		ret->value = &vcpu->events;
		ret->value_size = sizeof(vcpu->events);
	} else {
		ret->space = ONEREG_SPACE_MP_STATE;
		ret->value = &vcpu->mp_state;
		ret->value_size = sizeof(vcpu->mp_state);
	}
}

/* i-th value past the VM-wide ones. */
static int later_value(const struct onereg_image *image, size_t i,
		       struct onereg_value *ret)
{
	size_t v;

	for (v = 0; v < image->n_vcpus; v++) {
		size_t n = vcpu_n_values(image, &image->vcpus[v]);

		ret->vcpu = (int)v;
		if (i < n) {
			vcpu_value(image, &image->vcpus[v], i, ret);
			return 0;
		}
		i -= n;
	}
	ret->vcpu = -1;
	if (i < image->gic.n) {
		attr_value(&image->gic.v[i], ONEREG_SPACE_GIC, ret);
		return 0;
	}
	i -= image->gic.n;
	for (v = 0; v < image->n_vcpus; v++) {
		const struct attrs *attrs = &image->vcpus[v].attrs;

		ret->vcpu = (int)v;
		if (i < attrs->n) {
			attr_value(&attrs->v[i], ONEREG_SPACE_VCPU_ATTR, ret);
			return 0;
		}
		i -= attrs->n;
	}
	return -ENOENT;
}

int onereg_image_value(const struct onereg_image *image, size_t i,
		       struct onereg_value *ret)
{
	struct onereg_value value = { .size = ret->size, .vcpu = -1 };
	size_t n = image->vm_set.n, n_config = image->config_set.n;
	int r = 0;

	if (ret->size < sizeof(ret->size))
		return -EINVAL;
	if (i < n)
		reg_value(&image->vm_set, image->vm_row, i, &value);
	else if (i - n < n_config)
		reg_value(&image->config_set, image->config_row, i - n,
			  &value);
	else
		r = later_value(image, i - n - n_config, &value);
	if (r)
		return r;
	memcpy(ret, &value,
	       ret->size < sizeof(value) ? ret->size : sizeof(value));
	return 0;
}

uint32_t onereg_image_target(const struct onereg_image *image)
{
	return image->target;
}

uint32_t onereg_image_gic_nr_irqs(const struct onereg_image *image)
{
	for (size_t i = 0; i < image->gic.n; i++)
		if (image->gic.v[i].group == KA_VGIC_GRP_NR_IRQS)
			return (uint32_t)image->gic.v[i].value;
	return 0;
}

static bool is_its_address(const struct attr *a)
{
	return a->group == ITS_ADDR;
}

size_t onereg_image_n_its(const struct onereg_image *image)
{
	size_t n = 0;

	for (size_t i = 0; i < image->gic.n; i++)
		n += is_its_address(&image->gic.v[i]);
	return n;
}

uint64_t onereg_image_its_address(const struct onereg_image *image, size_t i)
{
	for (size_t k = 0; k < image->gic.n; k++)
		if (is_its_address(&image->gic.v[k]) && !i--)
			return image->gic.v[k].value;
	return 0;
}
