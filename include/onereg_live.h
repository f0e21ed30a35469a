/* SPDX-License-Identifier: MIT */
/*
 * onereg_live.h - live migration, with little left for the blackout; part of
 * onereg.h, whose conventions hold here, too. docs/vmm-guide.md shows it in use.
 */
#ifndef ONEREG_LIVE_H
#define ONEREG_LIVE_H

#include "onereg.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a running guest does not change is carried over before it is stopped;
 * in the blackout, only what can have changed is read, and only what did change
 * is sent and written:
 *
 *	source					destination
 *	onereg_source_stage()
 *	onereg_source_image()	--- image --->	onereg_destination_stage()
 *	onereg_source_restage()	-- changes -->	onereg_destination_restage()
 *	(any number of times)
 *	... the guest is stopped: the blackout begins ...
 *	onereg_source_stop()	-- changes -->	onereg_destination_commit()
 *	... the guest runs on there ...
 *
 * Until then the source's VM is as it was and may run on. Changes are bytes
 * (docs/format.md), checked in full by the side that takes them; they belong
 * to one image and come in their order, none left out.
 */

/*
 * The caller's threads. run() calls job(arg, i) once for each i below n, in
 * any order, from any threads, and returns when all have returned; job() does
 * not block on another. Errors and reports are as without.
 */
struct onereg_pool {
	size_t size;
	void *userdata;
	void (*run)(void *userdata, size_t n, void (*job)(void *arg, size_t i),
		    void *arg);
};

struct onereg_stage_options {
	size_t size;
	/* In the blackout each vCPU is a job. NULL: of the calling thread. */
	const struct onereg_pool *pool;
	enum onereg_time time;	/* of the destination */
	/*
	 * Of the source, while the guest runs: takes one vCPU out of KVM_RUN, a
	 * pending exit completed as for onereg_vm_save(), and lets it go on;
	 * the others run. Called in pairs from the thread that stages, one vCPU
	 * after the other; set both or neither. 0 or -errno, which ends the
	 * staging; then release() is not called for that vCPU. NULL: KVM makes
	 * each call wait until the vCPU leaves KVM_RUN by itself, which a guest
	 * that spins may never do.
	 */
	int (*hold)(void *userdata, size_t vcpu);
	void (*release)(void *userdata, size_t vcpu);
	void *userdata;
};

struct onereg_source;
struct onereg_destination;

/*
 * Takes a first copy of a VM's state, while the guest runs, a vCPU after the
 * other, each held two to four times for a moment. The values need not fit
 * together: whatever moves later is noticed. Also finds out, on a scratch VM,
 * which registers neither the guest nor a reset of a vCPU can change. Errors as
 * of onereg_vm_save(); vCPUs that disagree on a VM-wide value are -EBADE, as no
 * destination could take them. options NULL: no pool. options are copied; vm,
 * and what options point to, live as long as the result.
 */
int onereg_source_stage(struct onereg_vm *vm,
			const struct onereg_stage_options *options,
			struct onereg_source **ret,
			struct onereg_report *report) ONEREG_CHECKED;
/*
 * To be sent first, by onereg_image_write(). It has the GIC's shape, which the
 * destination builds, but none of its registers: those come with the last
 * changes. onereg_vm_restore() refuses it, onereg_destination_stage() takes it.
 * Later calls on the source change it.
 */
const struct onereg_image *
onereg_source_image(struct onereg_source *source);
/*
 * Reads all state anew, as staging did, and gives what has changed since the
 * last time: also what only the VMM itself can have changed, such as a
 * register it has written since. To be called before the blackout where the
 * VMM has done that, or where much may have changed. *ret, of *ret_size bytes,
 * lives until the next call on the source. Errors as of onereg_source_stage(),
 * after which it can be called again, and -ESTALE: the registers are others
 * than before: stage anew, into a fresh VM.
 */
int onereg_source_restage(struct onereg_source *source, const void **ret,
			  size_t *ret_size,
			  struct onereg_report *report) ONEREG_CHECKED;
/*
 * The blackout: every vCPU is out of KVM_RUN and stays out, as for
 * onereg_vm_save(). Reads what a guest can have changed, and the GIC; a VM-wide
 * register is not read but the counters. Writes guest memory as onereg_vm_save()
 * does: the last pages go after it. *ret as above. Errors as of
 * onereg_vm_save(). After one, and after a failed migration, the guest may run
 * on, and be restaged and stopped again.
 */
int onereg_source_stop(struct onereg_source *source, const void **ret,
		       size_t *ret_size,
		       struct onereg_report *report) ONEREG_CHECKED;
void onereg_source_free(struct onereg_source *source);

/*
 * Does for a fresh VM, as for onereg_vm_restore(), all that can be done before
 * the last changes come, and proves it. The image is copied, vm lives as long
 * as the result. Errors as of onereg_vm_restore(); after one the VM must not
 * run: delete it.
 */
int onereg_destination_stage(struct onereg_vm *vm,
			     const struct onereg_image *image,
			     const struct onereg_stage_options *options,
			     struct onereg_destination **ret,
			     struct onereg_report *report) ONEREG_CHECKED;
/*
 * Takes what onereg_source_restage() gave. -EBADMSG damaged; -EPROTO of another
 * image, out of order, or the last ones; -ESTALE a register changed that this
 * VM cannot be given any more; -EINVAL an earlier call failed, or the VM was
 * committed; else as onereg_vm_restore(). The VM is no worse for -EBADMSG and
 * -EPROTO: the right ones are taken then. After any other, unless it was
 * committed, it must not run: delete it.
 */
int onereg_destination_restage(struct onereg_destination *destination,
			       const void *changes, size_t size,
			       struct onereg_report *report) ONEREG_CHECKED;
/*
 * Takes what onereg_source_stop() gave, when all guest memory is there, and the
 * VM is restored: registers, in one job a vCPU and with no lock of the VM's taken
 * (but for PMCR_EL0, where the kernel has no vectors), then the GIC with its
 * ITSes, and the counters once. Each value was taken by the kernel; that it reads
 * back is for onereg_destination_prove() to tell, until which the changes must
 * live. Errors as of onereg_destination_restage(), and -ESTALE also where guest
 * memory does not hold an ITS's tables of the stop; until one call succeeds the
 * VM must not run.
 */
int onereg_destination_commit(struct onereg_destination *destination,
			      const void *changes, size_t size,
			      struct onereg_report *report) ONEREG_CHECKED;
/*
 * After the commit and before the VM runs: reads everything back and compares,
 * as onereg_vm_prove(), at its cost. 0 with findings, or an error: -EINVAL no
 * report, or not committed.
 */
int onereg_destination_prove(struct onereg_destination *destination,
			     struct onereg_report *report) ONEREG_CHECKED;
void onereg_destination_free(struct onereg_destination *destination);

#ifdef __cplusplus
}
#endif

#endif
