/* SPDX-License-Identifier: MIT */
/*
 * The dry run: the restore itself, into a scratch VM of the image's shape,
 * with every refusal turned into a finding. No other answer is as true.
 */
#include <errno.h>
#include <stdlib.h>

#include "restore.h"

static uint32_t *vcpu_ids(const struct onereg_image *image)
{
	uint32_t *ids = calloc(image->n_vcpus ? image->n_vcpus : 1,
			       sizeof(*ids));

	for (size_t i = 0; ids && i < image->n_vcpus; i++)
		ids[i] = image->vcpus[i].id;
	return ids;
}

static int open_like(struct scratch *s, const struct onereg_image *image,
		     const struct onereg_io *io, const char *device,
		     struct onereg_report *report)
{
	uint32_t *ids = vcpu_ids(image);
	int ret;

	if (!ids) {
		report_error(report, -ENOMEM, NULL, "dry run", "no memory");
		return -ENOMEM;
	}
	ret = scratch_open(s, &(struct scratch_options){
				      .io = io,
				      .device = device,
				      .like = image,
				      .caps = image->caps,
				      .n_caps = image->n_caps,
				      .vcpu_ids = ids,
				      .n_vcpus = image->n_vcpus,
				      .gic = image->has_gic,
				      .nr_irqs = onereg_image_gic_nr_irqs(image),
				      .dry = true,
			      }, report);
	free(ids);
	return ret;
}

static int restore_into(struct onereg_vm *vm, const struct onereg_image *image,
			struct onereg_report *report)
{
	struct restore r;
	int ret = restore_open(&r, vm, image, report);

	if (ret)
		return ret;
	r.dry = true;
	r.counts = NULL;	/* nothing was restored */
	r.access.counts = NULL;
	ret = restore_run(&r);
	restore_close(&r);
	return ret;
}

int onereg_image_dry_run(const struct onereg_image *image,
			 const struct onereg_io *io, const char *device,
			 struct onereg_report *report)
{
	struct onereg_vm_options o = { .size = sizeof(o), .io = io };
	struct onereg_vm *vm;
	struct scratch s;
	int ret;

	/* The answer is in the report. */
	if (!report)
		return -EINVAL;
	if (!image->n_vcpus) {
		report_error(report, -EINVAL, NULL, "image", "has no vCPU");
		return -EINVAL;
	}
	ret = open_like(&s, image, io, device, report);
	/* Refused: the findings say what this host does not have. */
	if (ret)
		return ret < 0 ? ret : 0;
	o.kvm_fd = s.kvm_fd;
	o.vm_fd = s.vm_fd;
	o.gic_fd = s.gic_fd;
	o.vcpu_fds = s.vcpu_fds;
	o.n_vcpus = s.n_vcpus;
	o.its_fds = s.its_fds;
	o.n_its = s.n_its;
	ret = onereg_vm_new(&o, &vm);
	if (ret)
		report_error(report, ret, NULL, "dry run", "no memory");
	if (!ret) {
		/* The ids are those just created. */
		for (size_t i = 0; i < s.n_vcpus; i++)
			vm->vcpu_ids[i] = image->vcpus[i].id;
		ret = restore_into(vm, image, report);
		onereg_vm_free(vm);
	}
	scratch_close(&s);
	return ret;
}
