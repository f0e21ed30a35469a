/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "leaks.h"
#include "samples.h"

LEAK_CHECKED(image);

Test(image, free_takes_null)
{
	onereg_image_free(NULL);
	onereg_host_free(NULL);
}

Test(image, getters_tell_the_shape)
{
	struct onereg_image *image = small_image();

	cr_assert_eq(onereg_image_n_vcpus(image), 2);
	cr_assert_eq(onereg_image_vcpu_id(image, 1), 3);
	cr_assert_eq(onereg_image_features(image, 0), 0x7c);
	cr_assert_eq(onereg_image_features(image, 6), image->features[6]);
	cr_assert_str_eq(onereg_image_release(image), "6.12.117+deb12-arm64");
	cr_assert_eq(onereg_image_saved_at(image), image->saved_at);
	cr_assert_eq(onereg_image_counter_frequency(image), 62500000);
	cr_assert(onereg_image_has_gic(image));
	cr_assert_eq(onereg_image_n_caps(image), 1);
	cr_assert_eq(onereg_image_cap(image, 0), image->caps);
	onereg_image_free(image);
}

Test(image, getters_past_the_end_are_harmless)
{
	struct onereg_image *image = small_image();
	struct onereg_value value = { .size = sizeof(value) };

	cr_assert_eq(onereg_image_vcpu_id(image, 2), 0);
	cr_assert_eq(onereg_image_features(image, 7), 0);
	cr_assert_null(onereg_image_cap(image, 1));
	cr_assert_eq(
		onereg_image_value(image, onereg_image_n_values(image), &value),
		-ENOENT);
	cr_assert_eq(onereg_image_value(image, SIZE_MAX, &value), -ENOENT);
	onereg_image_free(image);
}

static struct onereg_value take(const struct onereg_image *image, size_t i)
{
	struct onereg_value value = { .size = sizeof(value) };

	cr_assert_eq(onereg_image_value(image, i, &value), 0);
	return value;
}

static void expect_regs(const struct onereg_image *image, size_t *i, int vcpu,
			const struct regset *set, const uint8_t *row)
{
	size_t k;

	for (k = 0; k < set->n; k++) {
		struct onereg_value v = take(image, (*i)++);

		cr_assert_eq(v.space, ONEREG_SPACE_REG);
		cr_assert_eq(v.vcpu, vcpu);
		cr_assert_eq(v.id, set->ids[k]);
		cr_assert_eq(v.value, row + set->offsets[k]);
		cr_assert_eq(v.value_size, onereg_reg_size(set->ids[k]));
	}
}

static void expect_attr(const struct onereg_image *image, size_t *i, int vcpu,
			enum onereg_space space, const struct attr *attr)
{
	struct onereg_value v = take(image, (*i)++);

	cr_assert_eq(v.space, space);
	cr_assert_eq(v.vcpu, vcpu);
	cr_assert_eq(v.group, attr->group);
	cr_assert_eq(v.id, attr->attr);
	cr_assert_eq(v.value_size, attr->size);
	cr_assert_eq(memcmp(v.value, &attr->value, attr->size), 0);
}

Test(image, values_are_vm_then_vcpus_then_gic_then_vcpu_attributes)
{
	struct onereg_image *image = small_image();
	size_t i = 0, k;
	int v;

	expect_regs(image, &i, -1, &image->vm_set, image->vm_row);
	for (v = 0; v < 2; v++) {
		struct vcpu_state *vcpu = &image->vcpus[v];

		expect_regs(image, &i, v, &image->sets[vcpu->set], vcpu->row);
		if (vcpu->has_events)
			cr_assert_eq(take(image, i++).space,
				     ONEREG_SPACE_EVENTS);
		cr_assert_eq(take(image, i).value, &vcpu->mp_state);
		cr_assert_eq(take(image, i).vcpu, v);
		cr_assert_eq(take(image, i++).space, ONEREG_SPACE_MP_STATE);
	}
	for (k = 0; k < image->gic.n; k++)
		expect_attr(image, &i, -1, ONEREG_SPACE_GIC, &image->gic.v[k]);
	for (v = 0; v < 2; v++)
		expect_attr(image, &i, v, ONEREG_SPACE_VCPU_ATTR,
			    image->vcpus[v].attrs.v);
	cr_assert_eq(i, onereg_image_n_values(image));
	onereg_image_free(image);
}

Test(image, a_caller_with_a_shorter_struct_gets_that_much)
{
	struct onereg_image *image = small_image();
	struct onereg_value value;

	memset(&value, 0xaa, sizeof(value));
	value.size = offsetof(struct onereg_value, id);
	cr_assert_eq(onereg_image_value(image, 0, &value), 0);
	cr_assert_eq(value.size, offsetof(struct onereg_value, id));
	cr_assert_eq(value.vcpu, -1);
	cr_assert_eq(value.id, 0xaaaaaaaaaaaaaaaaULL);
	onereg_image_free(image);
}

Test(image, an_empty_image_has_no_values)
{
	struct onereg_image *image = sample_image(&(struct sample_shape){ 0 });

	cr_assert_eq(onereg_image_n_values(image), 0);
	onereg_image_free(image);
}
