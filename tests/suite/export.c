// SPDX-License-Identifier: MIT
/*
 * Exports: what a loop that knows nothing of VMs, scopes or pairs makes of
 * them. It takes the lines "init", "set", "finalize", "attr", "events" and
 * "mp_state" of docs/format.md, one after the other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define STD KA_BMAP(0)

static void take_bytes(const char *text, void *to, size_t size)
{
	uint8_t *bytes = to;

	for (size_t i = 0; i < size; i++)
		if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
			return;
}

static int make_set(struct guest *g, size_t vcpu, const char *rest)
{
	uint8_t value[KA_REG_SIZE_MAX];
	char *end;
	uint64_t id = strtoull(rest, &end, 0);

	take_bytes(end + 1, value, sizeof(value));
	return guest_set(g, vcpu, id, value);
}

static int make_attr(struct guest *g, size_t vcpu, const char *rest)
{
	struct attr a = { 0 };
	unsigned long long attr, value;

	if (sscanf(rest, "%u %lli %u %lli", &a.group, (long long *)&attr,
		   &a.size, (long long *)&value) != 4)
		return -EINVAL;
	a.attr = attr;
	a.value = value;
	return io_set_attr(g->machine->io, g->vcpu_fds[vcpu], &a);
}

static int make_init(struct guest *g, size_t vcpu, const char *rest)
{
	struct ka_vcpu_init init = { 0 };

	if (sscanf(rest, "%u %x", &init.target, &init.features[0]) != 2)
		return -EINVAL;
	return io_ioctl(g->machine->io, g->vcpu_fds[vcpu], KA_ARM_VCPU_INIT,
			&init);
}

static int make_state(struct guest *g, size_t vcpu, const char *kind,
		      const char *rest)
{
	const struct onereg_io *io = g->machine->io;
	struct ka_mp_state state = { (uint32_t)strtoul(rest, NULL, 0) };
	struct ka_vcpu_events events = { 0 };
	int feature = (int)state.mp_state;

	if (!strcmp(kind, "finalize"))
		return io_ioctl(io, g->vcpu_fds[vcpu], KA_ARM_VCPU_FINALIZE,
				&feature);
	if (!strcmp(kind, "mp_state"))
		return io_ioctl(io, g->vcpu_fds[vcpu], KA_SET_MP_STATE, &state);
	take_bytes(rest, &events, sizeof(events));
	return io_ioctl(io, g->vcpu_fds[vcpu], KA_SET_VCPU_EVENTS, &events);
}

static int make_call(struct guest *g, const char *line)
{
	char kind[16];
	size_t vcpu;
	int at;

	if (sscanf(line, "%15s %zu %n", kind, &vcpu, &at) != 2 ||
	    !strcmp(kind, "vcpu") || !strcmp(kind, "onereg-export"))
		return 0;
	if (!strcmp(kind, "init"))
		return make_init(g, vcpu, line + at);
	if (!strcmp(kind, "attr"))
		return make_attr(g, vcpu, line + at);
	return !strcmp(kind, "set") ? make_set(g, vcpu, line + at) :
				      make_state(g, vcpu, kind, line + at);
}

static void replay(struct test *t, struct guest *g, const char *text)
{
	const char *line = text;
	int ret = 0;

	for (; ret >= 0 && *line; line = strchr(line, '\n') + 1)
		ret = make_call(g, line);
	EXPECT(t, ret >= 0, "%d before: %.60s", ret, line);
	EXPECT(t, strstr(text, "\nend\n"), "no end");
}

/*
 * What means nothing to a guest without AArch32 is not in the export, and may
 * differ: as the source has it, so that all else can be compared.
 */
static void set_void(struct test *t, struct guest *g,
		     const struct onereg_image *image)
{
	const struct regset *set = &image->vm_set;
	int ret = 0;

	for (size_t i = 0; i < set->n && !image_has_aa32(image) && !ret; i++)
		if (catalogue_find(set->ids[i])->compare == COMPARE_AA32)
			ret = guest_set(g, 0, set->ids[i],
					image->vm_row + set->offsets[i]);
	EXPECT(t, !ret, "%d", ret);
}

void export_is_replayed_by_a_plain_loop(struct test *t)
{
	struct shape shape = default_shape(t);
	char *text = NULL;
	struct pair p;
	size_t size;
	int ret;

	/* A device's state is not in it. */
	shape.gic = false;
	if (pair_source(t, &p, &shape, 31) && pair_save(t, &p)) {
		ret = onereg_image_export(p.image, NULL, &text, &size,
					  p.report);
		if (EXPECT(t, !ret && strlen(text) == size, "%d", ret) &&
		    guest_create(t, &p.dst, &t->dst, &shape)) {
			replay(t, &p.dst, text);
			set_void(t, &p.dst, p.image);
			guests_compare(t, &p.src, &p.dst);
		}
	}
	free(text);
	pair_close(&p);
}

/* The second vCPU has no entropy source. */
static bool differing_source(struct test *t, struct pair *p, uint64_t first)
{
	struct shape shape = default_shape(t);
	int ret;

	shape.asym = KA_VM_ASYM_SMCCC;
	pair_open(t, p, &shape);
	if (!guest_create(t, &p->src, &t->src, &shape) ||
	    !guest_start(t, &p->src))
		return false;
	ret = guest_set(&p->src, 0, STD, &first) ?:
	      guest_set(&p->src, 1, STD, &(uint64_t){ 0 });
	return EXPECT(t, !ret, "%d", ret) && pair_save(t, p);
}

void export_of_vcpus_that_differ_is_refused(struct test *t)
{
	const struct onereg_finding *f;
	char *text = NULL;
	struct pair p;
	size_t size;
	int ret;

	if (!has_vm_regs(&t->src)) {
		t->skipped = "this kernel's vCPUs cannot differ";
		return;
	}
	for (uint64_t first = 0; first < 2; first++) {
		if (differing_source(t, &p, first)) {
			ret = onereg_image_export(p.image, NULL, &text, &size,
						  p.report);
			f = find_finding(p.report, ONEREG_CLASS_SHAPE,
					 ONEREG_SPACE_REG, STD, 0);
			EXPECT(t, ret == (first ? -EOPNOTSUPP : 0), "%d", ret);
			EXPECT(t, !f == !first, "%p", (const void *)f);
			EXPECT(t, !f || (f->vcpu == 1 && f->a && f->b),
			       "vCPU %d", f->vcpu);
			EXPECT(t, !text == !!first, "written");
		}
		free(text);
		text = NULL;
		pair_close(&p);
	}
}
