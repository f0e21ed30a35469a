// SPDX-License-Identifier: MIT
/* The register plane of a VM, by the library. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm.h"

/* How the library looks at tables that KVM keeps in guest memory. */
static int read_memory(void *userdata, uint64_t address, void *buf, size_t size)
{
	const uint8_t *from = guest_memory(userdata, address, size);

	if (!from)
		return -EFAULT;
	memcpy(buf, from, size);
	return 0;
}

/*
 * One for all of the VM's life: after a restore it knows, for a later save,
 * the features and capabilities that the image brought.
 */
int plane_open(struct vm *vm)
{
	struct onereg_vm_options options = {
		.size = sizeof(options),
		.kvm_fd = vm->kvm_fd,
		.vm_fd = vm->vm_fd,
		.vcpu_fds = vm->vcpu_fds,
		.n_vcpus = vm->machine.vcpus,
		.gic_fd = vm->gic_fd,
		.target = vm->init.target,
		.its_fds = &vm->its_fd,
		.n_its = vm->its_fd >= 0,
		.read_memory = read_memory,
		.userdata = vm,
	};
	int rc;

	if (vm->plane)
		return 0;
	memcpy(options.features, vm->init.features, sizeof(options.features));
	rc = onereg_vm_new(&options, &vm->plane);
	if (!rc)
		return 0;
	errno = -rc;
	return cannot_errno(NULL, "onereg_vm_new for %u vCPUs",
			    vm->machine.vcpus);
}

/* Notes are for --json. */
bool plane_print(const struct onereg_report *report)
{
	bool bad = false;
	char line[1024];

	for (size_t i = 0; i < onereg_report_count(report); i++) {
		const struct onereg_finding *f = onereg_report_get(report, i);

		if (f->severity == ONEREG_NOTE)
			continue;
		onereg_finding_format(f, line, sizeof(line));
		if (f->severity == ONEREG_CARE) {
			fprintf(stderr, "onereg-vmm: %s\n", line);
			continue;
		}
		error_line(line);
		bad = true;
	}
	return bad;
}

int plane_hold(void *vm, size_t vcpu)
{
	vm_hold(vm, vcpu);
	return 0;
}

void plane_release(void *vm, size_t vcpu)
{
	vm_release(vm, vcpu);
}

int plane_cannot(const struct onereg_report *report, int error,
		 const char *what)
{
	if (plane_print(report))
		return CANNOT;
	errno = -error;
	return cannot_errno(NULL, "%s", what);
}
