/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <onereg.h>

/*
 * A paused VM into a file; o names its file descriptors and features. Guest
 * memory is copied after this.
 */
int save_vm(const struct onereg_vm_options *o, const char *path,
	    struct onereg_report *report)
{
	struct onereg_image *image = NULL;
	struct onereg_vm *vm = NULL;
	int ret = onereg_vm_new(o, &vm);

	if (!ret)
		ret = onereg_vm_save(vm, &image, report);
	if (!ret && onereg_report_verdict(report) >= ONEREG_NO)
		ret = -EBADE;	/* vCPUs disagree on what a VM has once */
	if (!ret)
		ret = onereg_image_write_file(image, path, report);
	onereg_image_free(image);
	onereg_vm_free(vm);
	return ret;
}

/*
 * The file into a fresh VM, which was built as the image says (the guide has the
 * order). 0: restored, and proved by reading it back.
 */
int restore_vm(const struct onereg_vm_options *o, const char *path,
	       struct onereg_report *report)
{
	struct onereg_image *image = NULL;
	struct onereg_vm *vm = NULL;
	int ret = onereg_image_read_file(path, &image, report);

	if (!ret)
		ret = onereg_image_dry_run(image, o->io, NULL, report);
	if (!ret && onereg_report_verdict(report) >= ONEREG_NO)
		ret = -EOPNOTSUPP;	/* onereg_report_format() says why */
	if (!ret)
		ret = onereg_vm_new(o, &vm);
	if (!ret)
		ret = onereg_vm_restore(vm, image, NULL, report);
	onereg_image_free(image);
	onereg_vm_free(vm);
	return ret;
}
