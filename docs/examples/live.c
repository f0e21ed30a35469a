/* SPDX-License-Identifier: MIT */
/*
 * Live migration with libonereg: the calls, in their order. What is sent, how,
 * and who may run the guest when something dies is the VMM's: struct peer.
 */
#include <errno.h>
#include <stdlib.h>
#include <onereg.h>

struct peer {			/* the VMM's; 0 or -errno */
	void *vmm;
	int (*send)(void *vmm, const void *data, size_t size);
	int (*receive)(void *vmm, const void **data, size_t *size);
	/* rounds of guest memory until little is left, the guest runs */
	int (*send_memory)(void *vmm);
	/* every vCPU out of KVM_RUN, its last exit completed */
	int (*pause)(void *vmm);
	/* the dirty log once more, then its pages and the devices' state */
	int (*send_last)(void *vmm);
	int (*receive_all_memory)(void *vmm);
	/* that it was taken and proved there, and who runs it from now on */
	int (*confirm)(void *vmm);
};

static int send_image(struct onereg_source *source, struct peer *to)
{
	void *data;
	size_t size;
	int ret = onereg_image_write(onereg_source_image(source), &data, &size);

	if (ret)
		return ret;
	ret = to->send(to->vmm, data, size);
	free(data);
	return ret;
}

/*
 * On an error before the changes are sent the guest may go on here. From then
 * on, error or not, only confirm() says who runs it; docs/stream.md is one way.
 */
int migrate_away(struct onereg_vm *vm, const struct onereg_stage_options *o,
		 struct peer *to, struct onereg_report *report)
{
	struct onereg_source *source;
	const void *changes;
	size_t size;
	int ret = onereg_source_stage(vm, o, &source, report);

	if (ret)
		return ret;
	ret = send_image(source, to);
	if (!ret)
		ret = to->send_memory(to->vmm);
	if (!ret)
		ret = to->pause(to->vmm);	/* the blackout begins */
	if (!ret)
		ret = onereg_source_stop(source, &changes, &size, report);
	if (!ret)		/* after the stop: it may write guest memory */
		ret = to->send_last(to->vmm);
	if (!ret)
		ret = to->send(to->vmm, changes, size);
	if (!ret)
		ret = to->confirm(to->vmm);
	onereg_source_free(source);
	return ret;
}

/* On an error the VM must not run: delete it. */
int take_over(struct onereg_vm *vm, const struct onereg_image *image,
	      const struct onereg_stage_options *o, struct peer *from,
	      struct onereg_report *report)
{
	struct onereg_destination *destination;
	const void *changes;
	size_t size;
	int ret = onereg_destination_stage(vm, image, o, &destination, report);

	if (ret)
		return ret;
	ret = from->receive_all_memory(from->vmm);
	if (!ret)
		ret = from->receive(from->vmm, &changes, &size);
	if (!ret)
		ret = onereg_destination_commit(destination, changes, size,
						report);
	if (!ret)
		ret = onereg_destination_prove(destination, report);
	if (!ret && onereg_report_verdict(report) >= ONEREG_NO)
		ret = -EBADE;	/* it reads back otherwise: report says what */
	onereg_destination_free(destination);
	return ret;		/* 0: confirm, then the guest may run here */
}
