/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples.h"

/* splitmix64 */
static uint64_t next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void *allocate(size_t n, size_t size)
{
	void *p = n ? calloc(n, size) : NULL;

	if (n && !p)
		abort();
	return p;
}

/* NULL where there is nothing in it, as the library has it. */
static uint8_t *random_row(uint64_t *seed, size_t size)
{
	uint8_t *row = allocate(size, 1);
	size_t i;

	for (i = 0; i < size; i++)
		row[i] = (uint8_t)next(seed);
	return row;
}

/* Sizes from 32 to 2048 bits in turn. */
static uint64_t make_id(uint32_t base, size_t i)
{
	return KA_REG_ARM64 | (2 + i % 7) << KA_REG_SIZE_SHIFT |
	       (uint64_t)base << 16 | i;
}

static void make_set(struct regset *set, uint32_t base, size_t n)
{
	uint64_t *ids = allocate(n, sizeof(*ids));
	size_t i;

	for (i = 0; i < n; i++)
		ids[i] = make_id(base, i);
	if (regset_init(set, ids, n))
		abort();
	free(ids);
}

static void make_attrs(struct attrs *attrs, uint64_t *seed, size_t n)
{
	size_t i;

	attrs->v = allocate(n, sizeof(*attrs->v));
	attrs->n = attrs->allocated = n;
	for (i = 0; i < n; i++) {
		struct attr *a = &attrs->v[i];

		a->group = (uint32_t)next(seed) & 7;
		a->size = i % 2 ? 8 : 4;
		a->attr = next(seed);
		a->value = a->size == 8 ? next(seed) : (uint32_t)next(seed);
	}
}

/* As a save has them, with other values. */
static void make_its(struct attrs *attrs, uint64_t *seed, size_t n_its)
{
	static const struct attr its[] = {
		{ KA_VGIC_GRP_ADDR, 8, KA_VGIC_ITS_ADDR_TYPE, 0 },
		{ KA_VGIC_GRP_ITS_REGS, 8, 0x4, 0 },
		{ KA_VGIC_GRP_ITS_REGS, 8, 0x8, 0 },
		{ KA_VGIC_GRP_ITS_REGS, 8, 0x80, 0 },
		{ KA_VGIC_GRP_CTRL, 8, KA_ITS_SAVE_TABLES, 0 },
		{ KA_VGIC_GRP_ITS_REGS, 8, 0x0, 0 },
	};

	for (size_t i = 0; i < n_its * ARRAY_SIZE(its); i++) {
		struct attr a = its[i % ARRAY_SIZE(its)];

		a.group += ONEREG_GROUP_ITS;
		a.attr |= (uint64_t)(i / ARRAY_SIZE(its)) << 32;
		a.value = next(seed);
		if (attrs_add(attrs, &a))
			abort();
	}
}

static void make_vcpu(struct onereg_image *image, struct vcpu_state *vcpu,
		      uint64_t *seed, size_t i, size_t n_attrs)
{
	vcpu->id = (uint32_t)(i * 3);
	vcpu->set = (uint32_t)(next(seed) % image->n_sets);
	vcpu->row = random_row(seed, image->sets[vcpu->set].row_size);
	vcpu->mp_state = i % 2 ? KA_MP_STATE_STOPPED : KA_MP_STATE_RUNNABLE;
	vcpu->has_events = i % 3 != 1;
	if (vcpu->has_events) {
		vcpu->events.serror_pending = i & 1;
		vcpu->events.serror_esr = next(seed);
	}
	make_attrs(&vcpu->attrs, seed, n_attrs);
}

static void make_caps(struct onereg_image *image, uint64_t *seed, size_t n)
{
	size_t i, j;

	image->caps = allocate(n, sizeof(*image->caps));
	image->n_caps = n;
	for (i = 0; i < n; i++) {
		image->caps[i].cap = (uint32_t)next(seed) & 0xff;
		for (j = 0; j < 4; j++)
			image->caps[i].args[j] = next(seed);
	}
}

static void make_config(struct onereg_image *image, uint64_t *seed, size_t n)
{
	uint64_t *ids = allocate(n, sizeof(*ids));

	for (size_t i = 0; i < n; i++)
		ids[i] = KA_VM_REG(i);
	if (n && regset_init(&image->config_set, ids, n))
		abort();
	free(ids);
	image->config_row = random_row(seed, image->config_set.row_size);
}

struct onereg_image *sample_image(const struct sample_shape *shape)
{
	struct onereg_image *image = allocate(1, sizeof(*image));
	uint64_t seed = shape->seed;
	size_t i;

	strcpy(image->writer, "onereg 0.1.0");
	strcpy(image->release, "6.12.117+deb12-arm64");
	image->saved_at = next(&seed);
	image->counter_frequency = 62500000;
	image->midr = 0x413fd0c1;
	image->target = 5;
	image->features[0] = 0x7c;
	image->features[6] = (uint32_t)next(&seed);
	image->has_gic = shape->n_gic;
	image->partial = shape->seed & 1;
	image->fresh = shape->seed & 2;
	make_caps(image, &seed, shape->n_caps);
	make_set(&image->vm_set, 0x10, shape->n_vm_ids);
	image->vm_row = random_row(&seed, image->vm_set.row_size);
	image->sets = allocate(shape->n_sets, sizeof(*image->sets));
	image->n_sets = shape->n_sets;
	for (i = 0; i < shape->n_sets; i++)
		make_set(&image->sets[i], 0x13, shape->n_ids + i);
	image->vcpus = allocate(shape->n_vcpus, sizeof(*image->vcpus));
	image->n_vcpus = shape->n_vcpus;
	for (i = 0; i < shape->n_vcpus; i++)
		make_vcpu(image, &image->vcpus[i], &seed, i, shape->n_attrs);
	make_attrs(&image->gic, &seed, shape->n_gic);
	make_its(&image->gic, &seed, shape->n_its);
	image->conflicts = allocate(shape->n_conflicts, sizeof(uint64_t));
	image->n_conflicts = shape->n_conflicts;
	for (i = 0; i < shape->n_conflicts; i++)
		image->conflicts[i] = image->sets[0].ids[i];
	make_config(image, &seed, shape->n_config);
	return image;
}

struct onereg_image *small_image(void)
{
	return sample_image(&(struct sample_shape){
		.seed = 7,
		.n_vcpus = 2,
		.n_sets = 2,
		.n_ids = 3,
		.n_vm_ids = 2,
		.n_gic = 2,
		.n_attrs = 1,
		.n_caps = 1,
		.n_conflicts = 1,
	});
}

struct onereg_image *its_image(void)
{
	return sample_image(&(struct sample_shape){
		.seed = 9,
		.n_vcpus = 2,
		.n_sets = 1,
		.n_ids = 3,
		.n_vm_ids = 2,
		.n_gic = 2,
		.n_its = 2,
	});
}

struct onereg_image *config_image(bool required)
{
	struct onereg_image *image = sample_image(&(struct sample_shape){
		.seed = 5,
		.n_vcpus = 2,
		.n_sets = 1,
		.n_ids = 3,
		.n_vm_ids = 2,
		.n_config = 4,
	});

	/* Only what vCPUs differ in would be lost. */
	if (!required)
		memset(image->config_row, 0, 8);
	return image;
}

static void make_profile(struct host_profile *p, uint64_t *seed, size_t number,
			 size_t n_ids)
{
	size_t i, j;

	p->features = (uint32_t)number << 2;
	make_set(&p->set, 0x13, n_ids);
	p->reset = random_row(seed, p->set.row_size);
	p->has_reset = allocate(n_ids, 1);
	p->has_mask = allocate(n_ids, 1);
	p->writable = allocate(n_ids, sizeof(*p->writable));
	p->scope = allocate(n_ids, 1);
	p->source = allocate(n_ids, 1);
	for (i = 0; i < n_ids; i++) {
		size_t size = onereg_reg_size(p->set.ids[i]);

		p->has_reset[i] = i % 3 != 2;
		for (j = 0; !p->has_reset[i] && j < size; j++)
			p->reset[p->set.offsets[i] + j] = 0;
		p->has_mask[i] = i & 1;
		p->writable[i] = p->has_mask[i] ? next(seed) : 0;
		p->scope[i] = (uint8_t)(i % (ONEREG_SCOPE_HOST + 1));
		p->source[i] = p->scope[i] ? ONEREG_SCOPE_OBSERVED : 0;
	}
}

struct onereg_host *sample_host(uint64_t seed, size_t n_profiles, size_t n_ids,
				size_t n_caps)
{
	struct onereg_host *host = allocate(1, sizeof(*host));
	size_t i;

	strcpy(host->writer, "onereg 0.1.0");
	strcpy(host->release, "6.18.0");
	host->midr = next(&seed);
	host->counter_frequency = 1000000000;
	host->partial = seed & 1;
	host->probed = !(seed & 1);
	host->caps = allocate(n_caps, sizeof(*host->caps));
	host->n_caps = n_caps;
	for (i = 0; i < n_caps; i++) {
		host->caps[i].cap = (uint32_t)(14 + i * 3);
		host->caps[i].value = (int32_t)(next(&seed) >> 33);
	}
	host->profiles = allocate(n_profiles, sizeof(*host->profiles));
	host->n_profiles = n_profiles;
	for (i = 0; i < n_profiles; i++)
		make_profile(&host->profiles[i], &seed, i + 1, n_ids + i);
	return host;
}

struct onereg_host *small_host(void)
{
	return sample_host(3, 2, 4, 2);
}

struct onereg_host *told_host(void)
{
	struct onereg_host *host = small_host();

	for (size_t i = 0; i < host->n_profiles; i++)
		for (size_t k = 0; k < host->profiles[i].set.n; k++)
			if (host->profiles[i].scope[k])
				host->profiles[i].source[k] = 1 + k % 3;
	return host;
}

/* ---- the same? ----------------------------------------------------------- */

static bool same(const void *a, const void *b, size_t size)
{
	return !size || !memcmp(a, b, size);
}

static bool attrs_equal(const struct attrs *a, const struct attrs *b)
{
	/* No padding in struct attr. */
	return a->n == b->n && same(a->v, b->v, a->n * sizeof(*a->v));
}

static bool vcpus_equal(const struct onereg_image *a,
			const struct onereg_image *b, size_t i)
{
	const struct vcpu_state *v = &a->vcpus[i], *w = &b->vcpus[i];

	return v->id == w->id && v->set == w->set &&
	       same(v->row, w->row, a->sets[v->set].row_size) &&
	       attrs_equal(&v->attrs, &w->attrs) &&
	       same(&v->events, &w->events, sizeof(v->events)) &&
	       v->mp_state == w->mp_state && v->has_events == w->has_events;
}

static bool shapes_equal(const struct onereg_image *a,
			 const struct onereg_image *b)
{
	return !strcmp(a->writer, b->writer) &&
	       !strcmp(a->release, b->release) && a->saved_at == b->saved_at &&
	       a->counter_frequency == b->counter_frequency &&
	       a->midr == b->midr && a->target == b->target &&
	       same(a->features, b->features, sizeof(a->features)) &&
	       a->n_caps == b->n_caps &&
	       same(a->caps, b->caps, a->n_caps * sizeof(*a->caps)) &&
	       a->has_gic == b->has_gic && a->fresh == b->fresh &&
	       a->partial == b->partial && a->staged == b->staged &&
	       a->next_changes == b->next_changes;
}

bool images_equal(const struct onereg_image *a, const struct onereg_image *b)
{
	size_t i;

	if (!shapes_equal(a, b) || a->n_sets != b->n_sets ||
	    a->n_vcpus != b->n_vcpus || a->n_conflicts != b->n_conflicts ||
	    !regset_equal(&a->vm_set, &b->vm_set))
		return false;
	for (i = 0; i < a->n_sets; i++)
		if (!regset_equal(&a->sets[i], &b->sets[i]))
			return false;
	for (i = 0; i < a->n_vcpus; i++)
		if (!vcpus_equal(a, b, i))
			return false;
	return same(a->vm_row, b->vm_row, a->vm_set.row_size) &&
	       regset_equal(&a->config_set, &b->config_set) &&
	       same(a->config_row, b->config_row, a->config_set.row_size) &&
	       attrs_equal(&a->gic, &b->gic) &&
	       same(a->conflicts, b->conflicts,
		    a->n_conflicts * sizeof(*a->conflicts));
}

static bool sources_equal(const struct host_profile *a,
			  const struct host_profile *b)
{
	for (size_t i = 0; i < a->set.n; i++)
		if (scope_source(a, i) != scope_source(b, i))
			return false;
	return true;
}

static bool profiles_equal(const struct host_profile *a,
			   const struct host_profile *b)
{
	size_t n = a->set.n;

	return a->features == b->features && regset_equal(&a->set, &b->set) &&
	       same(a->reset, b->reset, a->set.row_size) &&
	       same(a->has_reset, b->has_reset, n) &&
	       same(a->has_mask, b->has_mask, n) &&
	       same(a->writable, b->writable, n * sizeof(*a->writable)) &&
	       same(a->scope, b->scope, n) && sources_equal(a, b);
}

bool hosts_equal(const struct onereg_host *a, const struct onereg_host *b)
{
	size_t i;

	if (strcmp(a->writer, b->writer) || strcmp(a->release, b->release) ||
	    a->midr != b->midr ||
	    a->counter_frequency != b->counter_frequency ||
	    a->partial != b->partial || a->probed != b->probed ||
	    a->n_caps != b->n_caps || a->n_profiles != b->n_profiles ||
	    !same(a->caps, b->caps, a->n_caps * sizeof(*a->caps)))
		return false;
	for (i = 0; i < a->n_profiles; i++)
		if (!profiles_equal(&a->profiles[i], &b->profiles[i]))
			return false;
	return true;
}
