/* SPDX-License-Identifier: MIT */
/* The caller's VM and vCPU descriptors under one roof. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

const char *onereg_version(void)
{
	return ONEREG_VERSION;
}

static void *copy_array(const void *from, size_t n, size_t size)
{
	void *copy = calloc(n, size);

	if (copy)
		memcpy(copy, from, n * size);
	return copy;
}

static int copy_caps(struct onereg_vm *vm, const struct onereg_vm_options *o)
{
	if (!o->n_caps)
		return 0;
	vm->caps = copy_array(o->caps, o->n_caps, sizeof(*o->caps));
	if (!vm->caps)
		return -ENOMEM;
	vm->n_caps = o->n_caps;
	return 0;
}

static int copy_its(struct onereg_vm *vm, const struct onereg_vm_options *o)
{
	if (!o->n_its)
		return 0;
	vm->its_fds = copy_array(o->its_fds, o->n_its, sizeof(*o->its_fds));
	if (!vm->its_fds)
		return -ENOMEM;
	vm->n_its = o->n_its;
	return 0;
}

static int copy_vcpus(struct onereg_vm *vm, const struct onereg_vm_options *o)
{
	vm->vcpu_fds = copy_array(o->vcpu_fds, o->n_vcpus,
				  sizeof(*o->vcpu_fds));
	vm->vcpu_ids = calloc(o->n_vcpus, sizeof(*vm->vcpu_ids));
	if (!vm->vcpu_fds || !vm->vcpu_ids)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_vcpus; i++)
		vm->vcpu_ids[i] = o->vcpu_ids ? o->vcpu_ids[i] : (uint32_t)i;
	vm->n_vcpus = o->n_vcpus;
	return 0;
}

int onereg_vm_new(const struct onereg_vm_options *options,
		  struct onereg_vm **ret)
{
	struct onereg_vm_options taken, *o = &taken;
	struct onereg_vm *vm;
	int r;

	r = options ? options_take(o, sizeof(*o), options) : -EINVAL;
	if (r)
		return r;
	if (!o->n_vcpus || !o->vcpu_fds || (o->n_caps && !o->caps) ||
	    (o->n_its && (!o->its_fds || o->gic_fd < 0)))
		return -EINVAL;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return -ENOMEM;
	r = io_complete(&vm->io, o->io);
	if (!r)
		r = copy_vcpus(vm, o);
	if (!r)
		r = copy_caps(vm, o);
	if (!r)
		r = copy_its(vm, o);
	if (r) {
		onereg_vm_free(vm);
		return r;
	}
	vm->kvm_fd = o->kvm_fd;
	vm->vm_fd = o->vm_fd;
	vm->gic_fd = o->gic_fd;
	vm->target = o->target;
	memcpy(vm->features, o->features, sizeof(vm->features));
	vm->host = o->host;
	vm->read_memory = o->read_memory;
	vm->userdata = o->userdata;
	*ret = vm;
	return 0;
}

void onereg_vm_free(struct onereg_vm *vm)
{
	if (!vm)
		return;
	free(vm->vcpu_fds);
	free(vm->vcpu_ids);
	free(vm->caps);
	free(vm->its_fds);
	free(vm);
}
