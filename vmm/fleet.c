// SPDX-License-Identifier: MIT
/* What a VM needs to move among unequal hosts: baseline and tolerances. */
#include <errno.h>

#include "vmm.h"

#define PTIMER_CTL 0x603000000013df11ull

static int tell(struct onereg_report *report, int error, const char *what)
{
	int rc = error ? plane_cannot(report, error, what) : 0;

	onereg_report_free(report);
	return rc;
}

int baseline_read(const char *path, struct vm *vm,
		  struct onereg_baseline **ret)
{
	struct onereg_report *report;
	int rc;

	if (!path)
		return 0;
	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	rc = tell(report, onereg_baseline_read_file(path, ret, report), path);
	/* What this host does not offer of it, the pinning names. */
	if (rc)
		return rc;
	vm->init.features[0] &= onereg_baseline_features(*ret);
	vm->no_physical_timer = onereg_baseline_lacks(*ret, PTIMER_CTL);
	return 0;
}

int baseline_pin(struct vm *vm, const struct onereg_baseline *baseline)
{
	struct onereg_report *report;
	int rc = baseline ? plane_open(vm) : 0;

	if (!baseline || rc)
		return rc;
	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	return tell(report, onereg_vm_pin(vm->plane, baseline, report),
		    "pinning the VM to the baseline");
}

int tolerances_read(const char *path, struct onereg_tolerances **ret)
{
	struct onereg_report *report;

	if (!path)
		return 0;
	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	return tell(report, onereg_tolerances_read_file(path, ret, report),
		    path);
}
