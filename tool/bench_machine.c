/* SPDX-License-Identifier: MIT */
/* VMs to move: vCPUs without memory, devices or a GIC. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define NUMBER(n) ((void *)(uintptr_t)(n))

static int open_kvm(const char *device, struct trouble *t)
{
	const char *path = device ? device : "/dev/kvm";
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		trouble_set(t, errno, "cannot open %s", path);
	return fd;
}

static int make_vm(int kvm, struct trouble *t)
{
	int vm = ioctl(kvm, CREATE_VM, NULL);

	if (vm < 0)
		trouble_set(t, errno, "KVM_CREATE_VM");
	return vm;
}

bool machine_probe(const char *device, bool *ret_vm_regs, struct trouble *t)
{
	const int all = VM_ONE_REG_IOCTLS | VM_ONE_REG_VECTORS;
	int kvm = open_kvm(device, t), mask;

	if (kvm < 0)
		return false;
	mask = ioctl(kvm, CHECK_EXTENSION, NUMBER(CAP_VM_ONE_REG));
	*ret_vm_regs = mask > 0 && (mask & all) == all;
	close(kvm);
	return true;
}

bool machine_init_of(const char *device, struct vcpu_init *ret,
		     struct trouble *t)
{
	static const struct { int cap, feature; } features[] = {
		{ CAP_ARM_SVE, FEATURE_SVE },
		{ CAP_ARM_PMU_V3, FEATURE_PMU_V3 },
		{ CAP_PTRAUTH_ADDRESS, FEATURE_PTRAUTH_ADDRESS },
		{ CAP_PTRAUTH_GENERIC, FEATURE_PTRAUTH_GENERIC },
	};
	int kvm = open_kvm(device, t), vm;
	bool ok;

	if (kvm < 0)
		return false;
	vm = make_vm(kvm, t);
	ok = vm >= 0 && (!ioctl(vm, ARM_PREFERRED_TARGET, ret) ||
			 trouble_set(t, errno, "KVM_ARM_PREFERRED_TARGET; is "
					       "this an arm64 host?"));
	ret->features[0] |= 1U << FEATURE_PSCI_0_2;
	for (size_t i = 0; ok && i < sizeof(features) / sizeof(*features); i++)
		if (ioctl(kvm, CHECK_EXTENSION, NUMBER(features[i].cap)) > 0)
			ret->features[0] |= 1U << features[i].feature;
	if (vm >= 0)
		close(vm);
	close(kvm);
	return ok;
}

static bool init_vcpu(int fd, const struct vcpu_init *init, struct trouble *t)
{
	struct device_attr pmu = {
		.group = ATTR_PMU_GROUP,
		.attr = ATTR_PMU_INIT,
	};
	struct vcpu_init copy = *init;
	char text[FEATURES_TEXT_SIZE];
	int sve = FEATURE_SVE;

	if (ioctl(fd, ARM_VCPU_INIT, &copy))
		return trouble_set(t, errno, "KVM_ARM_VCPU_INIT with the "
				   "features %s, which this host may not have",
				   features_line(init->features[0], text));
	if (init->features[0] >> FEATURE_SVE & 1 &&
	    ioctl(fd, ARM_VCPU_FINALIZE, &sve))
		return trouble_set(t, errno, "KVM_ARM_VCPU_FINALIZE");
	/* Without a GIC it wants no interrupt. */
	if (init->features[0] >> FEATURE_PMU_V3 & 1 &&
	    ioctl(fd, SET_DEVICE_ATTR, &pmu))
		return trouble_set(t, errno, "KVM_ARM_VCPU_PMU_V3_INIT");
	return true;
}

static bool make_vcpus(struct machine *m, size_t n, bool inited,
		       struct trouble *t)
{
	for (; m->n < n; m->n++) {
		int fd = ioctl(m->vm, CREATE_VCPU, NUMBER(m->n));

		if (fd < 0)
			return trouble_set(t, errno,
					   "KVM_CREATE_VCPU of vCPU %zu",
					   m->n);
		m->vcpus[m->n] = fd;
	}
	/* A VMM makes them all before it inits the first. */
	for (size_t i = 0; inited && i < n; i++)
		if (!init_vcpu(m->vcpus[i], &m->init, t))
			return false;
	return true;
}

bool machine_make(struct machine *m, const char *device, size_t n,
		  const struct vcpu_init *init, bool inited,
		  struct trouble *t)
{
	*m = (struct machine){ .vm = -1, .init = *init };
	m->vcpus = calloc(n, sizeof(*m->vcpus));
	m->kvm = open_kvm(device, t);
	if (!m->vcpus)
		trouble_set(t, ENOMEM, "%zu vCPUs", n);
	if (m->vcpus && m->kvm >= 0)
		m->vm = make_vm(m->kvm, t);
	if (m->vm >= 0 && make_vcpus(m, n, inited, t))
		return true;
	machine_free(m);
	return false;
}

void machine_free(struct machine *m)
{
	for (size_t i = 0; i < m->n; i++)
		close(m->vcpus[i]);
	free(m->vcpus);
	if (m->vm >= 0)
		close(m->vm);
	if (m->kvm >= 0)
		close(m->kvm);
	*m = (struct machine){ .kvm = -1, .vm = -1 };
}

bool machine_run(struct machine *m, struct trouble *t)
{
	int size = ioctl(m->kvm, GET_VCPU_MMAP_SIZE, NULL);

	if (size < 0)
		return trouble_set(t, errno, "KVM_GET_VCPU_MMAP_SIZE");
	for (size_t i = 0; i < m->n; i++) {
		uint8_t *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
				    MAP_SHARED, m->vcpus[i], 0);
		int ret;

		if (run == MAP_FAILED)
			return trouble_set(t, errno, "mmap of vCPU %zu", i);
		run[RUN_IMMEDIATE_EXIT] = 1;
		ret = ioctl(m->vcpus[i], RUN, NULL);
		run[RUN_IMMEDIATE_EXIT] = 0;
		munmap(run, (size_t)size);
		if (!ret)
			return trouble_set(t, EPROTO, "KVM_RUN of vCPU %zu did "
					   "not come back at once, as "
					   "immediate_exit asks", i);
		if (errno != EINTR)
			return trouble_set(t, errno, "KVM_RUN of vCPU %zu", i);
	}
	return true;
}

bool machine_list(const struct machine *m, size_t vcpu,
		  struct reg_list **ret, struct trouble *t)
{
	struct reg_list probe = { .n = 0 }, *list;

	if (!ioctl(m->vcpus[vcpu], GET_REG_LIST, &probe) || errno != E2BIG)
		return trouble_set(t, errno, "KVM_GET_REG_LIST of vCPU %zu",
				   vcpu);
	list = malloc(sizeof(*list) + probe.n * sizeof(list->reg[0]));
	if (!list)
		return trouble_set(t, ENOMEM, "a list of registers");
	list->n = probe.n;
	if (ioctl(m->vcpus[vcpu], GET_REG_LIST, list)) {
		free(list);
		return trouble_set(t, errno, "KVM_GET_REG_LIST of vCPU %zu",
				   vcpu);
	}
	*ret = list;
	return true;
}

bool machine_vm(const struct machine *m, const struct onereg_io *io,
		struct onereg_vm **ret, struct trouble *t)
{
	struct onereg_vm_options o = {
		.size = sizeof(o),
		.io = io,
		.kvm_fd = m->kvm,
		.vm_fd = m->vm,
		.vcpu_fds = m->vcpus,
		.n_vcpus = m->n,
		.gic_fd = -1,
		.target = m->init.target,
	};
	int r;

	memcpy(o.features, m->init.features, sizeof(o.features));
	r = onereg_vm_new(&o, ret);
	return !r || trouble_set(t, r, "onereg_vm_new");
}
