// SPDX-License-Identifier: MIT
/* A VM: memory, vCPUs, GIC and ITS. What runs in it is set up elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "vmm.h"

static int open_kvm(struct vm *vm)
{
	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return cannot_errno("run on an arm64 host with KVM, as a user "
				    "who may open the device",
				    "/dev/kvm");
	if (ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return cannot(NULL, "/dev/kvm: not the KVM API of version 12");
	vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->vm_fd < 0)
		return cannot_errno(NULL, "KVM_CREATE_VM");
	return 0;
}

/* Right after the VM: some KVM takes only while there is no vCPU. */
static int enable_caps(struct vm *vm, const struct onereg_image *image)
{
	if (!image)
		return 0;
	for (size_t i = 0; i < onereg_image_n_caps(image); i++) {
		const struct onereg_cap *from = onereg_image_cap(image, i);
		struct kvm_enable_cap cap = {
			.cap = from->cap,
			.flags = from->flags,
		};

		memcpy(cap.args, from->args, sizeof(cap.args));
		if (ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) < 0)
			return cannot_errno("this host cannot take the VM",
					    "KVM_ENABLE_CAP of %s",
					    onereg_cap_name(cap.cap) ?: "?");
	}
	return 0;
}

/* What is fixed once there is a vCPU. */
static int configure(struct vm *vm, const struct onereg_image *image)
{
	struct onereg_report *report;
	int rc;

	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	rc = onereg_vm_configure(NULL, vm->vm_fd, image, report);
	if (rc == -EOPNOTSUPP && plane_print(report))
		rc = NO;
	else if (rc)
		rc = plane_cannot(report, rc, "making the VM");
	onereg_report_free(report);
	return rc;
}

static int create_memory(struct vm *vm)
{
	size_t size = vm->machine.memory_size;
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = RAM_BASE,
		.memory_size = size,
	};
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return cannot_errno("try less --memory",
				    "mmap of %zu bytes of guest memory", size);
	vm->memory = memory;
	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return cannot_errno("--memory must be whole pages",
				    "KVM_SET_USER_MEMORY_REGION of %zu bytes",
				    size);
	return 0;
}

static int create_vcpu(struct vm *vm, unsigned int i)
{
	struct vcpu *vcpu = &vm->vcpus[i];
	void *run;

	vcpu->vm = vm;
	vcpu->index = i;
	vcpu->fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)i);
	if (vcpu->fd < 0)
		return cannot_errno("try fewer --vcpus",
				    "KVM_CREATE_VCPU of vCPU %u", i);
	vm->vcpu_fds[i] = vcpu->fd;
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   vcpu->fd, 0);
	if (run == MAP_FAILED)
		return cannot_errno(NULL, "mmap of vCPU %u", i);
	vcpu->run = run;
	return 0;
}

/* One descriptor a vCPU, another for the dry run's, and a few more. */
static void raise_file_limit(unsigned int vcpus)
{
	struct rlimit limit;
	rlim_t wanted = 2 * vcpus + 64;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	/* Where it is refused, KVM_CREATE_VCPU says so. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int create_vcpus(struct vm *vm)
{
	unsigned int n = vm->machine.vcpus;
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < 0)
		return cannot_errno(NULL, "KVM_GET_VCPU_MMAP_SIZE");
	raise_file_limit(n);
	vm->run_size = size;
	vm->vcpus = calloc(n, sizeof(*vm->vcpus));
	vm->vcpu_fds = calloc(n, sizeof(*vm->vcpu_fds));
	if (!vm->vcpus || !vm->vcpu_fds)
		return cannot("try fewer --vcpus", "no memory for %u vCPUs", n);
	for (unsigned int i = 0; i < n; i++)
		vm->vcpu_fds[i] = -1;
	for (unsigned int i = 0; i < n; i++) {
		int rc = create_vcpu(vm, i);

		if (rc)
			return rc;
	}
	return 0;
}

static int device_attr(int fd, uint32_t group, uint64_t attr, void *value,
		       const char *what)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	if (ioctl(fd, KVM_SET_DEVICE_ATTR, &a) < 0)
		return cannot_errno(NULL, "KVM_SET_DEVICE_ATTR of %s", what);
	return 0;
}

/*
 * After the vCPUs exist and before they are initialised: so a restore, in
 * which the library initialises them, finds the same order as a first start.
 */
static int create_gic(struct vm *vm)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t dist = vm->machine.gicd, redist = vm->machine.gicr;
	uint32_t irqs = vm->machine.nr_irqs;
	int rc;

	if (ioctl(vm->vm_fd, KVM_CREATE_DEVICE, &device) < 0)
		return cannot_errno("the host needs a GICv3",
				    "KVM_CREATE_DEVICE of GICv3");
	vm->gic_fd = device.fd;
	rc = device_attr(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs,
			 "GICv3, number of interrupts");
	if (!rc)
		rc = device_attr(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				 KVM_VGIC_V3_ADDR_TYPE_DIST, &dist,
				 "GICv3, distributor's address");
	if (!rc)
		rc = device_attr(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
				 KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist,
				 "GICv3, redistributors' address");
	if (!rc)
		rc = device_attr(vm->gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
				 KVM_DEV_ARM_VGIC_CTRL_INIT, NULL,
				 "GICv3, CTRL_INIT");
	return rc;
}

/* The machine file says it before there are registers, and they say it, too. */
static int check_its(const struct machine *machine,
		     const struct onereg_image *image)
{
	if (!image || (onereg_image_n_its(image) == (machine->its != 0) &&
		       onereg_image_its_address(image, 0) == machine->its))
		return 0;
	return cannot("they are not of one VM",
		      "the registers have %zu ITSes, the first at 0x%llx, the "
		      "machine has it at 0x%llx (0: none)",
		      onereg_image_n_its(image),
		      (unsigned long long)onereg_image_its_address(image, 0),
		      (unsigned long long)machine->its);
}

static int create_its(struct vm *vm, const struct onereg_image *image)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_ITS };
	uint64_t address = vm->machine.its;
	int rc = check_its(&vm->machine, image);

	if (rc || !address)
		return rc;
	if (ioctl(vm->vm_fd, KVM_CREATE_DEVICE, &device) < 0)
		return cannot_errno("run --no-its makes a VM without one",
				    "KVM_CREATE_DEVICE of an ITS");
	vm->its_fd = device.fd;
	rc = device_attr(vm->its_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
			 KVM_VGIC_ITS_ADDR_TYPE, &address, "ITS, address");
	if (!rc)
		rc = device_attr(vm->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
				 KVM_DEV_ARM_VGIC_CTRL_INIT, NULL,
				 "ITS, CTRL_INIT");
	return rc;
}

/* As a device on a bus it does not learn what becomes of its message. */
static void send_message(void *userdata, uint64_t doorbell, uint32_t event)
{
	struct vm *vm = userdata;
	struct kvm_msi message = {
		.address_lo = doorbell,
		.address_hi = doorbell >> 32,
		.data = event,
		.flags = KVM_MSI_VALID_DEVID,
		.devid = MSI_DEVICE_ID,
	};

	if (ioctl(vm->vm_fd, KVM_SIGNAL_MSI, &message) < 0)
		cannot_errno("the guest waits for it in vain",
			     "KVM_SIGNAL_MSI of event %u to 0x%llx", event,
			     (unsigned long long)doorbell);
}

static bool has_cap(struct vm *vm, int cap)
{
	return ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, (long)cap) > 0;
}

static void set_feature(struct vm *vm, unsigned int feature)
{
	vm->init.features[feature / 32] |= 1u << feature % 32;
}

static bool has_feature(const struct vm *vm, unsigned int feature)
{
	return vm->init.features[feature / 32] >> feature % 32 & 1;
}

static int choose_features(struct vm *vm, const struct shape *shape)
{
	if (ioctl(vm->vm_fd, KVM_ARM_PREFERRED_TARGET, &vm->init) < 0)
		return cannot_errno(NULL, "KVM_ARM_PREFERRED_TARGET");
	set_feature(vm, KVM_ARM_VCPU_PSCI_0_2);
	if (!shape->no_sve && has_cap(vm, KVM_CAP_ARM_SVE))
		set_feature(vm, KVM_ARM_VCPU_SVE);
	if (!shape->no_pmu && has_cap(vm, KVM_CAP_ARM_PMU_V3))
		set_feature(vm, KVM_ARM_VCPU_PMU_V3);
	if (!shape->no_pauth && has_cap(vm, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
	    has_cap(vm, KVM_CAP_ARM_PTRAUTH_GENERIC)) {
		set_feature(vm, KVM_ARM_VCPU_PTRAUTH_ADDRESS);
		set_feature(vm, KVM_ARM_VCPU_PTRAUTH_GENERIC);
	}
	return 0;
}

/* Before the first vCPU, which fixes it. */
static int choose_shape(struct vm *vm, const struct shape *shape)
{
	return choose_features(vm, shape) ?:
	       baseline_read(shape->baseline, vm, &vm->baseline) ?:
	       optin_configure(vm, &shape->hypercalls);
}

int vm_create(struct vm *vm, const struct machine *machine,
	      const struct shape *shape, const struct onereg_image *image)
{
	const struct msi_line line = { .userdata = vm, .send = send_message };
	int rc;

	memset(vm, 0, sizeof(*vm));
	vm->machine = *machine;
	vm->kvm_fd = -1;
	vm->vm_fd = -1;
	vm->gic_fd = -1;
	vm->its_fd = -1;
	vm->phase = PAUSED;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->changed, NULL);
	uart_init(&vm->uart);
	msi_init(&vm->msi, &line);
	machine_devices(vm, machine);
	rc = open_kvm(vm);
	vm->uart.vm_fd = vm->vm_fd;
	if (!rc)
		rc = enable_caps(vm, image);
	if (!rc)
		rc = shape ? choose_shape(vm, shape) : configure(vm, image);
	if (!rc)
		rc = create_memory(vm);
	if (!rc)
		rc = create_vcpus(vm);
	if (!rc)
		rc = create_gic(vm) ?: create_its(vm, image);
	if (rc)
		vm_close(vm);
	return rc;
}

static int init_pmu(struct vcpu *vcpu)
{
	int ppi = PMU_PPI;
	struct kvm_device_attr a = {
		.group = KVM_ARM_VCPU_PMU_V3_CTRL,
		.attr = KVM_ARM_VCPU_PMU_V3_IRQ,
		.addr = (uintptr_t)&ppi,
	};

	if (ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &a) < 0)
		return cannot_errno("--no-pmu leaves it out",
				    "KVM_ARM_VCPU_PMU_V3_IRQ of vCPU %u",
				    vcpu->index);
	a.attr = KVM_ARM_VCPU_PMU_V3_INIT;
	a.addr = 0;
	if (ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &a) < 0)
		return cannot_errno("--no-pmu leaves it out",
				    "KVM_ARM_VCPU_PMU_V3_INIT of vCPU %u",
				    vcpu->index);
	return 0;
}

static int init_vcpu(struct vm *vm, struct vcpu *vcpu)
{
	struct kvm_vcpu_init init = vm->init;

	if (vcpu->index)
		init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	if (ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init) < 0)
		return cannot_errno("leave features out with --no-...",
				    "KVM_ARM_VCPU_INIT of vCPU %u with "
				    "features 0x%x",
				    vcpu->index, init.features[0]);
	return 0;
}

static int finalize_vcpu(struct vm *vm, struct vcpu *vcpu)
{
	int sve = KVM_ARM_VCPU_SVE;

	if (has_feature(vm, KVM_ARM_VCPU_SVE) &&
	    ioctl(vcpu->fd, KVM_ARM_VCPU_FINALIZE, &sve) < 0)
		return cannot_errno("--no-sve leaves it out",
				    "KVM_ARM_VCPU_FINALIZE of SVE, vCPU %u",
				    vcpu->index);
	return has_feature(vm, KVM_ARM_VCPU_PMU_V3) ? init_pmu(vcpu) : 0;
}

int vm_init_vcpus(struct vm *vm, const struct shape *shape)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < vm->machine.vcpus; i++)
		rc = init_vcpu(vm, &vm->vcpus[i]);
	if (!rc)
		rc = baseline_pin(vm, vm->baseline);
	if (!rc)
		rc = optin_hypercalls(vm, &shape->hypercalls);
	for (unsigned int i = 0; !rc && i < vm->machine.vcpus; i++)
		rc = finalize_vcpu(vm, &vm->vcpus[i]);
	return rc;
}

int vm_set_reg(struct vm *vm, unsigned int vcpu, uint64_t id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return ioctl(vm->vcpu_fds[vcpu], KVM_SET_ONE_REG, &reg);
}

int vm_get_reg(struct vm *vm, unsigned int vcpu, uint64_t id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return ioctl(vm->vcpu_fds[vcpu], KVM_GET_ONE_REG, &reg);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void vm_close(struct vm *vm)
{
	onereg_vm_free(vm->plane);
	vm->plane = NULL;
	onereg_baseline_free(vm->baseline);
	vm->baseline = NULL;
	for (unsigned int i = 0; vm->vcpus && i < vm->machine.vcpus; i++) {
		if (vm->vcpus[i].run)
			munmap(vm->vcpus[i].run, vm->run_size);
		close_fd(vm->vcpu_fds[i]);
	}
	free(vm->vcpus);
	free(vm->vcpu_fds);
	vm->vcpus = NULL;
	vm->vcpu_fds = NULL;
	close_fd(vm->its_fd);
	close_fd(vm->gic_fd);
	close_fd(vm->vm_fd);
	close_fd(vm->kvm_fd);
	if (vm->memory)
		munmap(vm->memory, vm->machine.memory_size);
	vm->memory = NULL;
}
