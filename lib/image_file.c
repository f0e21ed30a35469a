/* SPDX-License-Identifier: MIT */
/*
 * Images as files: the sections of kind IMAG (docs/format.md).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "container.h"

#define VCPU_SIZE 88
#define ATTR_SIZE 24
#define CAP_SIZE 40

static const uint32_t image_types[] = {
	FORMAT_ORIG, FORMAT_SHAP, FORMAT_VMRG, FORMAT_SETS,
	FORMAT_VCPU, FORMAT_ROWS, FORMAT_GICV, FORMAT_CONF,
	/* since 1.1 */
	FORMAT_VMCF,
	/* since 1.2 */
	FORMAT_STAG,
	/* since 1.3 */
	FORMAT_ITSV,
};
#define N_NEEDED 8
_Static_assert(ARRAY_SIZE(image_types) <= CONTAINER_MAX_TYPES, "too many");
_Static_assert(sizeof(struct ka_vcpu_events) == 64, "docs/format.md");

/* ---- writing ---- */

static void put_attrs(struct container_out *out, const struct attr *attrs,
		      size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		put_u32(out, attrs[i].group);
		put_u32(out, attrs[i].size);
		put_u64(out, attrs[i].attr);
		put_u64(out, attrs[i].value);
	}
}

static void put_shape(struct container_out *out,
		      const struct onereg_image *image)
{
	size_t i;

	container_begin(out, FORMAT_SHAP);
	put_u32(out, image->target);
	for (i = 0; i < ARRAY_SIZE(image->features); i++)
		put_u32(out, image->features[i]);
	put_u32(out, image->has_gic ? FORMAT_SHAP_GIC : 0);
	put_u32(out, (uint32_t)image->n_caps);
	for (i = 0; i < image->n_caps; i++) {
		const struct onereg_cap *cap = &image->caps[i];

		put_u32(out, cap->cap);
		put_u32(out, cap->flags);
		put_u64s(out, cap->args, ARRAY_SIZE(cap->args));
	}
	container_end(out);
}

static void put_sets(struct container_out *out,
		     const struct onereg_image *image)
{
	size_t i;

	container_begin(out, FORMAT_VMRG);
	put_regset(out, &image->vm_set);
	put_bytes(out, image->vm_row, image->vm_set.row_size);
	put_padding(out);
	container_end(out);

	container_begin(out, FORMAT_SETS);
	put_u32(out, (uint32_t)image->n_sets);
	put_u32(out, 0);
	for (i = 0; i < image->n_sets; i++)
		put_regset(out, &image->sets[i]);
	container_end(out);
}

static void put_vcpu(struct container_out *out, const struct vcpu_state *vcpu)
{
	static const struct ka_vcpu_events none;

	put_u32(out, vcpu->id);
	put_u32(out, vcpu->set);
	put_u32(out, vcpu->mp_state);
	put_u32(out, vcpu->has_events ? FORMAT_VCPU_EVENTS : 0);
	put_bytes(out, vcpu->has_events ? &vcpu->events : &none, sizeof(none));
	put_u32(out, (uint32_t)vcpu->attrs.n);
	put_u32(out, 0);
}

static void put_vcpus(struct container_out *out,
		      const struct onereg_image *image)
{
	size_t i;

	container_begin(out, FORMAT_VCPU);
	put_u32(out, (uint32_t)image->n_vcpus);
	put_u32(out, 0);
	for (i = 0; i < image->n_vcpus; i++)
		put_vcpu(out, &image->vcpus[i]);
	for (i = 0; i < image->n_vcpus; i++)
		put_attrs(out, image->vcpus[i].attrs.v,
			  image->vcpus[i].attrs.n);
	container_end(out);

	container_begin(out, FORMAT_ROWS);
	for (i = 0; i < image->n_vcpus; i++) {
		const struct vcpu_state *vcpu = &image->vcpus[i];

		put_bytes(out, vcpu->row, image->sets[vcpu->set].row_size);
		put_padding(out);
	}
	container_end(out);
}

static void put_rest(struct container_out *out,
		     const struct onereg_image *image)
{
	container_begin(out, FORMAT_GICV);
	put_u32(out, (uint32_t)image_n_gic(image));
	put_u32(out, 0);
	put_attrs(out, image->gic.v, image_n_gic(image));
	container_end(out);

	container_begin(out, FORMAT_CONF);
	put_u32(out, (uint32_t)image->n_conflicts);
	put_u32(out, 0);
	put_u64s(out, image->conflicts, image->n_conflicts);
	container_end(out);
}

/* An older reader must not restore the VM without. */
static void put_its(struct container_out *out, const struct onereg_image *image)
{
	size_t at = image_n_gic(image), n = image->gic.n - at;

	if (!n)
		return;
	container_begin_new(out, FORMAT_ITSV, 3, true);
	put_u32(out, (uint32_t)n);
	put_u32(out, 0);
	put_attrs(out, image->gic.v + at, n);
	container_end(out);
}

/*
 * Readers of 1.0 may do without it where a kernel without these registers
 * may: what is VM-wide elsewhere is in the rows if vCPUs may differ.
 */
static void put_config(struct container_out *out,
		       const struct onereg_image *image)
{
	if (!image->config_set.n)
		return;
	container_begin_new(out, FORMAT_VMCF, 1, config_needs_kernel(image));
	put_regset(out, &image->config_set);
	put_bytes(out, image->config_row, image->config_set.row_size);
	put_padding(out);
	container_end(out);
}

/* An older reader must not take it for a whole VM. */
static void put_staged(struct container_out *out,
		       const struct onereg_image *image)
{
	if (!image->staged)
		return;
	container_begin_new(out, FORMAT_STAG, 2, true);
	put_u64(out, image->staged);
	put_u64(out, image->next_changes);
	container_end(out);
}

/* A little more than the file will have. */
static size_t expected_size(const struct onereg_image *image)
{
	size_t size = 4096 + image->n_caps * CAP_SIZE +
		      image->gic.n * ATTR_SIZE + image->vm_set.n * 8 +
		      image->vm_set.row_size;
	size_t i;

	for (i = 0; i < image->n_sets; i++)
		size += 8 + image->sets[i].n * 8;
	for (i = 0; i < image->n_vcpus; i++) {
		const struct vcpu_state *vcpu = &image->vcpus[i];

		size += VCPU_SIZE + vcpu->attrs.n * ATTR_SIZE +
			format_pad(image->sets[vcpu->set].row_size);
	}
	return size;
}

static int encode(const struct onereg_image *image, const char *name,
		  void **ret, size_t *ret_size, struct onereg_report *report)
{
	struct container_out out;
	struct fault f;
	int r = image_valid(image, &f);

	if (r)
		return fault_write(r, &f, name, report);
	container_start(&out, FORMAT_KIND_IMAGE, expected_size(image));
	put_origin(&out,
		   &(struct origin){
			   .writer = image->writer,
			   .release = image->release,
			   .midr = image->midr,
			   .counter_frequency = image->counter_frequency,
			   .saved_at = image->saved_at,
			   .flags = (image->partial ? FORMAT_ORIG_PARTIAL : 0) |
				    (image->fresh ? FORMAT_ORIG_FRESH : 0),
		   });
	put_shape(&out, image);
	put_sets(&out, image);
	put_vcpus(&out, image);
	put_rest(&out, image);
	put_its(&out, image);
	put_config(&out, image);
	put_staged(&out, image);
	r = container_finish(&out, ret, ret_size);
	return fault_write(r, &f, name, report);
}

int onereg_image_write(const struct onereg_image *image, void **ret,
		       size_t *ret_size)
{
	return encode(image, NULL, ret, ret_size, NULL);
}

int onereg_image_write_file(const struct onereg_image *image, const char *path,
			    struct onereg_report *report)
{
	void *data;
	size_t size;
	int r;

	r = encode(image, path, &data, &size, report);
	if (r)
		return r;
	r = file_write_whole(path, data, size, report);
	free(data);
	return r;
}

/* ---- reading ---- */

static int read_attrs(struct cursor *cur, size_t n, struct attrs *ret)
{
	size_t i;

	if (n > (size_t)(cur->end - cur->p) / ATTR_SIZE)
		return cursor_error(cur, "%zu attributes do not fit into it",
				    n);
	for (i = 0; i < n; i++) {
		struct attr a = { .group = cursor_u32(cur) };

		a.size = cursor_u32(cur);
		a.attr = cursor_u64(cur);
		a.value = cursor_u64(cur);
		if (attrs_add(ret, &a))
			return -ENOMEM;
	}
	return 0;
}

static int read_image_origin(const struct container *c,
			     struct onereg_image *image)
{
	struct origin o = { 0 };
	int r;

	r = read_origin(c, FORMAT_ORIG_PARTIAL | FORMAT_ORIG_FRESH,
			image->writer, image->release, &o);
	image->midr = o.midr;
	image->counter_frequency = o.counter_frequency;
	image->saved_at = o.saved_at;
	image->partial = o.flags & FORMAT_ORIG_PARTIAL;
	image->fresh = o.flags & FORMAT_ORIG_FRESH;
	return r;
}

static int read_caps(struct cursor *cur, struct onereg_image *image)
{
	size_t i, j, n;
	int r;

	r = cursor_count(cur, "capabilities", CAP_SIZE, FORMAT_MAX_CAPS, &n);
	if (r || !n)
		return r;
	image->caps = calloc(n, sizeof(*image->caps));
	if (!image->caps)
		return -ENOMEM;
	image->n_caps = n;
	for (i = 0; i < n; i++) {
		struct onereg_cap *cap = &image->caps[i];

		cap->cap = cursor_u32(cur);
		cap->flags = cursor_u32(cur);
		for (j = 0; j < ARRAY_SIZE(cap->args); j++)
			cap->args[j] = cursor_u64(cur);
	}
	return 0;
}

static int read_shape(const struct container *c, struct onereg_image *image)
{
	struct cursor cur;
	uint32_t flags;
	size_t i;
	int r;

	cursor_init(&cur, c, FORMAT_SHAP);
	image->target = cursor_u32(&cur);
	for (i = 0; i < ARRAY_SIZE(image->features); i++)
		image->features[i] = cursor_u32(&cur);
	r = cursor_flags(&cur, FORMAT_SHAP_GIC, &flags);
	if (r)
		return r;
	image->has_gic = flags & FORMAT_SHAP_GIC;
	r = read_caps(&cur, image);
	return r ? r : cursor_finish(&cur);
}

static int read_vm_registers(const struct container *c,
			     struct onereg_image *image)
{
	struct cursor cur;
	int r;

	cursor_init(&cur, c, FORMAT_VMRG);
	r = cursor_regset(&cur, &image->vm_set);
	if (!r)
		r = cursor_row(&cur, image->vm_set.row_size, &image->vm_row);
	return r ? r : cursor_finish(&cur);
}

/* A number of elements, reserved. */
static int read_counted(struct cursor *cur, const char *what,
			size_t element_size, size_t max, size_t *ret)
{
	int r = cursor_count(cur, what, element_size, max, ret);

	return r ? r : cursor_zero_u32(cur);
}

static int read_sets(const struct container *c, struct onereg_image *image)
{
	struct cursor cur;
	size_t n;
	int r;

	cursor_init(&cur, c, FORMAT_SETS);
	r = read_counted(&cur, "lists", 8, FORMAT_MAX_SETS, &n);
	if (!r && n) {
		image->sets = calloc(n, sizeof(*image->sets));
		if (!image->sets)
			return -ENOMEM;
	}
	while (!r && image->n_sets < n)
		r = cursor_regset(&cur, &image->sets[image->n_sets++]);
	return r ? r : cursor_finish(&cur);
}

/* All but its attributes, which come after the last vCPU. */
static int read_vcpu(struct cursor *cur, const struct onereg_image *image,
		     struct vcpu_state *vcpu)
{
	static const struct ka_vcpu_events none;
	const uint8_t *events;
	uint32_t flags;
	int r;

	vcpu->id = cursor_u32(cur);
	vcpu->set = cursor_u32(cur);
	if (vcpu->set >= image->n_sets)
		return cursor_error(cur, "list %u of %zu", vcpu->set,
				    image->n_sets);
	vcpu->mp_state = cursor_u32(cur);
	r = cursor_flags(cur, FORMAT_VCPU_EVENTS, &flags);
	if (r)
		return r;
	vcpu->has_events = flags & FORMAT_VCPU_EVENTS;
	events = cursor_bytes(cur, sizeof(vcpu->events));
	if (!events)
		return cursor_finish(cur);
	memcpy(&vcpu->events, events, sizeof(vcpu->events));
	if (!vcpu->has_events && memcmp(events, &none, sizeof(none)))
		return cursor_error(cur, "events that do not count are not 0");
	cursor_u32(cur);
	return cursor_zero_u32(cur);
}

/* "counts" goes over the vCPUs a second time, for how many each has. */
static int read_vcpu_attrs(struct cursor *cur, struct cursor *counts,
			   struct onereg_image *image)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < image->n_vcpus; i++) {
		size_t n;

		cursor_bytes(counts, VCPU_SIZE - 8);
		n = cursor_u32(counts);
		cursor_u32(counts);
		r = read_attrs(cur, n, &image->vcpus[i].attrs);
	}
	return r;
}

static int read_vcpus(const struct container *c, struct onereg_image *image)
{
	struct cursor cur, counts;
	size_t i, n;
	int r;

	cursor_init(&cur, c, FORMAT_VCPU);
	r = read_counted(&cur, "vCPUs", VCPU_SIZE, FORMAT_MAX_VCPUS, &n);
	if (!r && n) {
		image->vcpus = calloc(n, sizeof(*image->vcpus));
		if (!image->vcpus)
			return -ENOMEM;
		image->n_vcpus = n;
	}
	counts = cur;
	for (i = 0; !r && i < n; i++)
		r = read_vcpu(&cur, image, &image->vcpus[i]);
	if (!r)
		r = read_vcpu_attrs(&cur, &counts, image);
	return r ? r : cursor_finish(&cur);
}

static int read_rows(const struct container *c, struct onereg_image *image)
{
	struct cursor cur;
	size_t i;
	int r = 0;

	cursor_init(&cur, c, FORMAT_ROWS);
	for (i = 0; !r && i < image->n_vcpus; i++) {
		struct vcpu_state *vcpu = &image->vcpus[i];

		r = cursor_row(&cur, image->sets[vcpu->set].row_size,
			       &vcpu->row);
	}
	return r ? r : cursor_finish(&cur);
}

static int read_gic(const struct container *c, struct onereg_image *image)
{
	struct cursor cur;
	size_t n = 0;
	int r;

	cursor_init(&cur, c, FORMAT_GICV);
	r = read_counted(&cur, "attributes", ATTR_SIZE, FORMAT_MAX_ATTRS, &n);
	if (!r)
		r = read_attrs(&cur, n, &image->gic);
	if (!r && image_n_gic(image) != image->gic.n)
		return cursor_error(&cur, "an attribute of an ITS");
	return r ? r : cursor_finish(&cur);
}

/* Behind those of the GIC. */
static int read_its(const struct container *c, struct onereg_image *image)
{
	struct cursor cur;
	size_t n = 0;
	int r;

	if (!container_has(c, FORMAT_ITSV))
		return 0;
	cursor_init(&cur, c, FORMAT_ITSV);
	r = read_counted(&cur, "attributes", ATTR_SIZE, FORMAT_MAX_ATTRS, &n);
	if (!r)
		r = read_attrs(&cur, n, &image->gic);
	if (!r && !cur.section->required)
		return cursor_error(&cur, "not marked as required");
	if (!r && !n)
		return cursor_error(&cur, "no attribute");
	return r ? r : cursor_finish(&cur);
}

static int read_conflicts(const struct container *c, struct onereg_image *image)
{
	struct cursor cur;
	size_t n = 0;
	int r;

	cursor_init(&cur, c, FORMAT_CONF);
	r = read_counted(&cur, "ids", 8, FORMAT_MAX_IDS, &n);
	if (!r)
		r = cursor_ids(&cur, n, &image->conflicts);
	if (!r)
		image->n_conflicts = n;
	return r ? r : cursor_finish(&cur);
}

static int read_config(const struct container *c, struct onereg_image *image)
{
	struct cursor cur;
	int r;

	if (!container_has(c, FORMAT_VMCF))
		return 0;
	cursor_init(&cur, c, FORMAT_VMCF);
	r = cursor_regset(&cur, &image->config_set);
	if (!r)
		r = cursor_row(&cur, image->config_set.row_size,
			       &image->config_row);
	if (!r && !image->config_set.n)
		r = cursor_error(&cur, "no register");
	return r ? r : cursor_finish(&cur);
}

static int read_staged(const struct container *c, struct onereg_image *image)
{
	struct cursor cur;

	if (!container_has(c, FORMAT_STAG))
		return 0;
	cursor_init(&cur, c, FORMAT_STAG);
	image->staged = cursor_u64(&cur);
	image->next_changes = cursor_u64(&cur);
	if (!cur.section->required)
		return cursor_error(&cur, "not marked as required");
	if (!cur.overrun && !image->staged)
		return cursor_error(&cur, "no identity");
	return cursor_finish(&cur);
}

/* In the order in which one needs the other. */
static int read_image(struct container *c, struct onereg_image *image)
{
	struct fault f;
	int r;

	r = container_open(c, image_types, ARRAY_SIZE(image_types), N_NEEDED);
	if (!r)
		r = read_image_origin(c, image);
	if (!r)
		r = read_shape(c, image);
	if (!r)
		r = read_vm_registers(c, image);
	if (!r)
		r = read_sets(c, image);
	if (!r)
		r = read_vcpus(c, image);
	if (!r)
		r = read_rows(c, image);
	if (!r)
		r = read_gic(c, image);
	if (!r)
		r = read_its(c, image);
	if (!r)
		r = read_conflicts(c, image);
	if (!r)
		r = read_config(c, image);
	if (!r)
		r = read_staged(c, image);
	if (r)
		return r;
	r = image_valid(image, &f);
	return r == -EBADMSG ? container_fault(c, &f) : r;
}

static int decode(const void *data, size_t size, const char *name,
		  struct onereg_image **ret, struct onereg_report *report)
{
	struct container c = {
		.data = data,
		.size = size,
		.name = name,
		.report = report,
		.kind = FORMAT_KIND_IMAGE,
	};
	struct onereg_image *image = calloc(1, sizeof(*image));
	int r = image ? read_image(&c, image) : -ENOMEM;

	if (r) {
		onereg_image_free(image);
		return container_result(&c, r);
	}
	*ret = image;
	return 0;
}

int onereg_image_read(const void *data, size_t size, struct onereg_image **ret,
		      struct onereg_report *report)
{
	return decode(data, size, "image", ret, report);
}

int onereg_image_read_file(const char *path, struct onereg_image **ret,
			   struct onereg_report *report)
{
	void *data;
	size_t size;
	int r;

	r = file_read_all(path, &data, &size, report);
	if (r)
		return r;
	r = decode(data, size, path, ret, report);
	free(data);
	return r;
}
