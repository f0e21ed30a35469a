// SPDX-License-Identifier: MIT
/* What is saved is restored, whatever the VM's shape and state. */
#include <errno.h>
#include <stdlib.h>

#include "suite.h"

#define PSCI	(1U << KA_VCPU_PSCI_0_2)
#define PAUTH                               \
	(1U << KA_VCPU_PTRAUTH_ADDRESS |    \
	 1U << KA_VCPU_PTRAUTH_GENERIC)

static const uint32_t optional[] = { 1U << KA_VCPU_PMU_V3, 1U << KA_VCPU_SVE,
				     PAUTH };

void every_feature_combination_is_restored(struct test *t)
{
	for (unsigned int combo = 0; combo < 8 && !t->failed; combo++) {
		struct shape shape = default_shape(t);

		shape.features = PSCI;
		for (unsigned int i = 0; i < ARRAY_SIZE(optional); i++)
			if (combo >> i & 1)
				shape.features |= optional[i];
		if (shape.features & ~t->features)
			continue;
		round_trip(t, &shape, 100 + combo);
		EXPECT(t, !t->failed, "features %#x", shape.features);
	}
}

void vcpus_of_every_number_are_restored(struct test *t)
{
	static const size_t numbers[] = { 1, 2, 8, 64 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !t->failed; i++) {
		struct shape shape = default_shape(t);

		shape.n_vcpus = numbers[i];
		if (shape.n_vcpus > t->max_vcpus)
			continue;
		round_trip(t, &shape, 200 + i);
		EXPECT(t, !t->failed, "%zu vCPUs", shape.n_vcpus);
	}
}

void vcpu_ids_out_of_order_are_restored(struct test *t)
{
	/* With gaps, and across a boundary of affinity level 0. */
	static const uint32_t ids[] = { 17, 3, 0, 31 };
	struct shape shape = default_shape(t);

	shape.n_vcpus = ARRAY_SIZE(ids);
	shape.ids = ids;
	round_trip(t, &shape, 300);
}

void vm_without_gic_is_restored(struct test *t)
{
	struct shape shape = default_shape(t);

	shape.gic = false;
	round_trip(t, &shape, 400);
}

void busy_guests_are_restored(struct test *t)
{
	for (unsigned int i = 0; i < 20 && !t->failed; i++) {
		struct shape shape = default_shape(t);

		shape.n_vcpus = 3;
		shape.nr_irqs = i % 2 ? 64 : 0;
		round_trip(t, &shape, 1000 + i);
		EXPECT(t, !t->failed, "seed %u", 1000 + i);
	}
}

/* ---- by hand: one kind of state at a time ---- */

static bool start_source(struct test *t, struct pair *p,
			 const struct shape *shape)
{
	pair_open(t, p, shape);
	return guest_create(t, &p->src, &t->src, shape) &&
	       guest_start(t, &p->src);
}

static void move(struct test *t, struct pair *p)
{
	if (!t->failed && (p->image || pair_save(t, p))) {
		int ret = pair_restore(t, p);

		if (!EXPECT(t, !ret, "%d", ret))
			test_log_report(t, p->report);
		guests_compare(t, &p->src, &p->dst);
	}
	pair_close(p);
}

void every_mp_state_is_restored(struct test *t)
{
	static const uint32_t states[] = { KA_MP_STATE_SUSPENDED,
					   KA_MP_STATE_STOPPED,
					   KA_MP_STATE_RUNNABLE };
	struct shape shape = default_shape(t);
	struct pair p;

	shape.n_vcpus = ARRAY_SIZE(states);
	if (start_source(t, &p, &shape))
		for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
			struct ka_mp_state mp = { states[i] };
			int ret = io_ioctl(t->src.io, p.src.vcpu_fds[i],
					   KA_SET_MP_STATE, &mp);

			EXPECT(t, !ret, "state %u: %d", states[i], ret);
		}
	move(t, &p);
}

void pending_serror_is_restored(struct test *t)
{
	struct ka_vcpu_events plain = { .serror_pending = 1 };
	struct ka_vcpu_events esr = { .serror_pending = 1, .serror_has_esr = 1,
				      .serror_esr = 0x12345 };
	struct shape shape = default_shape(t);
	struct pair p;

	shape.n_vcpus = 3;
	if (start_source(t, &p, &shape)) {
		int ret = io_ioctl(t->src.io, p.src.vcpu_fds[0],
				   KA_SET_VCPU_EVENTS, &plain);

		EXPECT(t, !ret, "%d", ret);
		ret = io_ioctl(t->src.io, p.src.vcpu_fds[2],
			       KA_SET_VCPU_EVENTS, &esr);
		/* A CPU without RAS has no syndrome. */
		EXPECT(t, !ret || ret == -EINVAL, "%d", ret);
	}
	move(t, &p);
}

void fresh_vm_is_restored(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	start_source(t, &p, &shape);
	move(t, &p);
}

void shorter_vectors_are_restored(struct test *t)
{
	struct shape shape = default_shape(t);

	if (!need_feature(t, KA_VCPU_SVE))
		return;
	shape.sve_vq = 2;
	round_trip(t, &shape, 500);
}

void ioctl_scribble_is_restored(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	if (!need_model(t))
		return;
	if (start_source(t, &p, &shape))
		guest_scribble_by_ioctl(t, &p.src, 600);
	move(t, &p);
}

void capabilities_are_in_the_image(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	shape.cap = KA_CAP_ARM_NISV_TO_USER;
	if (pair_source(t, &p, &shape, 700) && pair_save(t, &p)) {
		const struct onereg_cap *cap = onereg_image_cap(p.image, 0);

		EXPECT(t, onereg_image_n_caps(p.image) == 1, "%zu",
		       onereg_image_n_caps(p.image));
		EXPECT(t, cap && cap->cap == shape.cap, "another one");
		EXPECT(t, onereg_image_n_vcpus(p.image) == shape.n_vcpus, "%zu",
		       onereg_image_n_vcpus(p.image));
		EXPECT(t, onereg_image_features(p.image, 0) == shape.features,
		       "%#x", onereg_image_features(p.image, 0));
		EXPECT(t, onereg_image_has_gic(p.image) == shape.gic, "GIC");
	}
	move(t, &p);
}

static void through_file(struct test *t, struct onereg_image **image)
{
	void *data = NULL;
	size_t size = 0;
	int ret = onereg_image_write(*image, &data, &size);

	if (EXPECT(t, !ret, "%d", ret)) {
		onereg_image_free(*image);
		*image = NULL;
		ret = onereg_image_read(data, size, image, NULL);
		EXPECT(t, !ret, "%d", ret);
	}
	free(data);
}

void image_survives_its_file_format(struct test *t)
{
	struct shape shape = default_shape(t);
	struct pair p;

	if (pair_source(t, &p, &shape, 800) && pair_save(t, &p))
		through_file(t, &p.image);
	if (p.image) {
		int ret = pair_restore(t, &p);

		EXPECT(t, !ret, "%d", ret);
		guests_compare(t, &p.src, &p.dst);
	}
	pair_close(&p);
}
