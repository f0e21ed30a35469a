// SPDX-License-Identifier: MIT
/* VMs whose features are fixed before their first vCPU exists. */
#include <errno.h>

#include "suite.h"

static bool need_config(struct test *t)
{
	if (!has_vm_regs(&t->dst))
		t->skipped = "this kernel has no VM configuration registers";
	return !t->skipped;
}

static uint64_t fixed_features(struct guest *g)
{
	uint64_t features = 0;

	return io_get_reg(g->machine->io, g->vm_fd, KA_VM_FEATURES, &features) ?
		       ~0ULL :
		       features;
}

static int init_with(struct guest *g, size_t vcpu, uint32_t features)
{
	const struct onereg_io *io = g->machine->io;
	struct ka_vcpu_init init = { 0 };

	if (io_ioctl(io, g->vm_fd, KA_ARM_PREFERRED_TARGET, &init) < 0)
		return -ENODEV;
	init.features[0] = features;
	return io_ioctl(io, g->vcpu_fds[vcpu], KA_ARM_VCPU_INIT, &init);
}

/* Whether the image is of a kernel that has them or of one that has not. */
void features_are_fixed_before_the_first_vcpu(struct test *t)
{
	struct shape shape;
	struct pair p;

	if (!need_config(t))
		return;
	if (pair_image(t, &p, 21)) {
		shape = p.src.shape;
		shape.like = p.image;
		if (guest_create(t, &p.dst, &t->dst, &shape)) {
			EXPECT(t, fixed_features(&p.dst) == t->features,
			       "%#llx, not %#x",
			       (unsigned long long)fixed_features(&p.dst),
			       t->features);
			EXPECT(t, init_with(&p.dst, 0, 0) == -EINVAL,
			       "a vCPU without features is taken");
			EXPECT(t, init_with(&p.dst, 1, t->features ^
				   1U << KA_VCPU_PSCI_0_2) == -EINVAL,
			       "a vCPU without PSCI_0_2 is taken");
			EXPECT(t, !init_with(&p.dst, 1, t->features), "right");
		}
	}
	pair_close(&p);
}

void vm_with_fixed_features_is_restored(struct test *t)
{
	struct shape shape;
	struct pair p;
	int ret;

	if (!need_config(t))
		return;
	if (pair_image(t, &p, 22)) {
		shape = p.src.shape;
		shape.like = p.image;
		ret = restore(t, &p.dst, &shape, p.image, p.report);
		EXPECT(t, !ret && onereg_report_verdict(p.report) < ONEREG_NO,
		       "%d", ret);
		guests_compare(t, &p.src, &p.dst);
		onereg_image_free(p.image);
		p.image = save(t, &p.dst);
		EXPECT(t, p.image && p.image->features[0] == t->features,
		       "saved again");
	}
	pair_close(&p);
}

/* Named before anything is written: no vCPU has been initialised. */
void vm_made_for_other_features_is_refused(struct test *t)
{
	struct shape shape;
	struct pair p;
	int ret;

	if (!need_config(t))
		return;
	if (pair_image(t, &p, 23)) {
		shape = p.src.shape;
		shape.fixed_features = t->features ^ 1U << KA_VCPU_PSCI_0_2;
		ret = restore(t, &p.dst, &shape, p.image, p.report);
		EXPECT(t, ret == -EINVAL &&
				  find_finding(p.report, ONEREG_CLASS_SHAPE,
					       ONEREG_SPACE_REG, KA_VM_FEATURES,
					       EINVAL),
		       "%d", ret);
		if (t->failed)
			test_log_report(t, p.report);
		EXPECT(t, guest_get(&p.dst, 0, KA_PSTATE, &(uint64_t){ 0 }) ==
				  -ENOEXEC, "a vCPU was initialised");
	}
	pair_close(&p);
}

/* A host without them says so before a vCPU exists. */
void features_that_a_host_lacks_are_refused_early(struct test *t)
{
	struct scratch_options o = { .io = t->dst.io };
	const struct onereg_finding *f;
	struct scratch s;
	struct pair p;
	int ret;

	if (!need_config(t))
		return;
	if (pair_image(t, &p, 24) &&
	    EXPECT(t, !scratch_open(&s, &o, p.report), "scratch VM")) {
		p.image->features[0] |= 1U << 31;
		ret = onereg_vm_configure(t->dst.io, s.vm_fd, p.image,
					  p.report);
		f = find_finding(p.report, ONEREG_CLASS_SHAPE,
				 ONEREG_SPACE_REG, KA_VM_FEATURES, 0);
		EXPECT(t, ret == -EOPNOTSUPP && f &&
				  f->severity == ONEREG_IMPOSSIBLE, "%d", ret);
		scratch_close(&s);
	}
	pair_close(&p);
}
