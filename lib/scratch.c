/* SPDX-License-Identifier: MIT */
/*
 * A scratch VM: made to try things on and thrown away. It has no memory and
 * never runs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"

#define DEFAULT_DEVICE	"/dev/kvm"
/* Anywhere that leaves 512 redistributors room below 4 GiB. */
#define GIC_DIST_BASE	0x08000000ULL
#define GIC_REDIST_BASE 0x10000000ULL

static const char *open_hint(int error)
{
	switch (error) {
	case -ENOENT:
		return "no such device: this host runs no KVM; load it, or "
		       "boot the kernel at EL2 (an arm64 host with "
		       "virtualization)";
	case -EACCES:
	case -EPERM:
		return "no permission: run as root or join the group that owns "
		       "the device (kvm)";
	case -ENXIO:
	case -ENODEV:
		return "the device has no driver: this kernel runs no KVM";
	default:
		return "cannot open the device";
	}
}

int scratch_open_kvm(const struct onereg_io *io, const char *device,
		     struct onereg_report *report)
{
	int fd, version;

	if (!device)
		device = DEFAULT_DEVICE;
	fd = io->open(io->userdata, device);
	if (fd < 0) {
		report_error(report, fd, "open", device, "%s", open_hint(fd));
		return fd;
	}
	version = io_ioctl(io, fd, KA_GET_API_VERSION, NULL);
	if (version == KA_API_VERSION)
		return fd;
	io->close(io->userdata, fd);
	/* Any other device answers this request with ENOTTY or nonsense. */
	report_error(report, version, "KVM_GET_API_VERSION", device,
		     "not a KVM device: version %d, not %d", version,
		     KA_API_VERSION);
	return version < 0 ? version : -ENOSYS;
}

int vm_is_arm64(const struct onereg_io *io, int vm_fd,
		struct onereg_report *report)
{
	struct ka_vcpu_init init;
	int ret = io_ioctl(io, vm_fd, KA_ARM_PREFERRED_TARGET, &init);

	if (ret >= 0)
		return 0;
	report_error(report, ret, "KVM_ARM_PREFERRED_TARGET", "VM",
		     "cannot tell that this is a VM of KVM/arm64");
	/* What other architectures answer. */
	return ret == -ENOTTY || ret == -EINVAL ? -ENOSYS : ret;
}

/* The result of a step, with a finding where it failed; 1: refused. */
static int step(const struct scratch *s, int ret, const char *operation,
		const char *name, const char *why,
		struct onereg_report *report)
{
	bool verdict = s->dry && is_refusal(ret);

	if (ret >= 0)
		return 0;
	report_add(report,
		   &(struct onereg_finding){
			   .severity = verdict ? ONEREG_IMPOSSIBLE :
						 ONEREG_ERROR,
			   .class_ = verdict ? ONEREG_CLASS_SHAPE :
					       ONEREG_CLASS_NONE,
			   .vcpu = -1,
			   .name = name,
			   .error = -ret,
			   .operation = operation,
			   .why = why,
		   });
	return verdict ? 1 : ret;
}

/* Guests of 40 bits of address, as by default, where the host has as many. */
static int create_vm(struct scratch *s, struct onereg_report *report)
{
	int bits = io_ioctl(&s->io, s->kvm_fd, KA_CHECK_EXTENSION,
			    (void *)(uintptr_t)KA_CAP_ARM_VM_IPA_SIZE);
	uintptr_t type = bits > 0 && bits < 40 ? (uintptr_t)bits : 0;

	s->vm_fd = io_ioctl(&s->io, s->kvm_fd, KA_CREATE_VM, (void *)type);
	return step(s, s->vm_fd, "KVM_CREATE_VM", "scratch VM",
		    "cannot create a VM", report);
}

static int enable_caps(struct scratch *s, const struct scratch_options *o,
		       struct onereg_report *report)
{
	int ret = 0;

	for (size_t i = 0; i < o->n_caps && !ret; i++) {
		struct ka_enable_cap cap = { .cap = o->caps[i].cap,
					     .flags = o->caps[i].flags };
		const char *name = onereg_cap_name(cap.cap);

		for (size_t j = 0; j < ARRAY_SIZE(cap.args); j++)
			cap.args[j] = o->caps[i].args[j];
		ret = step(s, io_ioctl(&s->io, s->vm_fd, KA_ENABLE_CAP, &cap),
			   "KVM_ENABLE_CAP", name ? name : "a capability",
			   "this host does not offer it", report);
	}
	return ret;
}

/* What the kernel cannot is told; for a dry run that is the verdict. */
static int configure(struct scratch *s, const struct scratch_options *o,
		     struct onereg_report *report)
{
	struct access p;
	int ret;

	if (!o->like)
		return 0;
	ret = access_open(&p, &s->io, s->vm_fd, NULL, report);
	if (ret)
		return ret;
	ret = config_write(&p, o->like, report);
	access_close(&p);
	return ret == -EOPNOTSUPP && s->dry ? 1 : ret;
}

static int create_vcpus(struct scratch *s, const struct scratch_options *o,
			struct onereg_report *report)
{
	s->vcpu_fds = calloc(o->n_vcpus ? o->n_vcpus : 1,
			     sizeof(*s->vcpu_fds));
	if (!s->vcpu_fds)
		return step(s, -ENOMEM, NULL, "scratch VM", "no memory",
			    report);
	for (size_t i = 0; i < o->n_vcpus; i++) {
		uintptr_t id = o->vcpu_ids ? o->vcpu_ids[i] : i;
		int fd = io_ioctl(&s->io, s->vm_fd, KA_CREATE_VCPU, (void *)id);
		char name[64];

		snprintf(name, sizeof(name), "vCPU %zu with id %zu", i,
			 (size_t)id);
		if (fd < 0)
			return step(s, fd, "KVM_CREATE_VCPU", name,
				    fd == -EMFILE ?
					    "each takes a file descriptor: "
					    "raise RLIMIT_NOFILE" :
					    "this host has no room for it",
				    report);
		s->vcpu_fds[s->n_vcpus++] = fd;
	}
	return 0;
}

static int create_gic(struct scratch *s, uint32_t nr_irqs,
		      struct onereg_report *report)
{
	struct ka_create_device dev = { .type = KA_DEV_TYPE_ARM_VGIC_V3 };
	const struct attr setup[] = {
		{ KA_VGIC_GRP_NR_IRQS, 4, 0, nr_irqs },
		{ KA_VGIC_GRP_ADDR, 8, KA_VGIC_ADDR_DIST, GIC_DIST_BASE },
		{ KA_VGIC_GRP_ADDR, 8, KA_VGIC_ADDR_REDIST, GIC_REDIST_BASE },
		{ KA_VGIC_GRP_CTRL, 8, KA_VGIC_CTRL_INIT, 0 },
	};
	int ret = step(s, io_ioctl(&s->io, s->vm_fd, KA_CREATE_DEVICE, &dev),
		       "KVM_CREATE_DEVICE", "GICv3",
		       "this host has no GICv3 for guests", report);

	if (ret)
		return ret;
	s->gic_fd = (int)dev.fd;
	for (size_t i = nr_irqs ? 0 : 1; i < ARRAY_SIZE(setup) && !ret; i++)
		ret = step(s, io_set_attr(&s->io, s->gic_fd, &setup[i]),
			   "KVM_SET_DEVICE_ATTR", "GICv3",
			   "interrupts, addresses or CTRL_INIT of a scratch "
			   "GIC", report);
	return ret;
}

/* Where the image has it: its address is compared. */
static int create_its(struct scratch *s, uint64_t address,
		      struct onereg_report *report)
{
	struct ka_create_device dev = { .type = KA_DEV_TYPE_ARM_VGIC_ITS };
	const struct attr setup[] = {
		{ KA_VGIC_GRP_ADDR, 8, KA_VGIC_ITS_ADDR_TYPE, address },
		{ KA_VGIC_GRP_CTRL, 8, KA_VGIC_CTRL_INIT, 0 },
	};
	int ret = step(s, io_ioctl(&s->io, s->vm_fd, KA_CREATE_DEVICE, &dev),
		       "KVM_CREATE_DEVICE", "ITS",
		       "this host has no ITS for guests", report);

	if (ret)
		return ret;
	s->its_fds[s->n_its++] = (int)dev.fd;
	for (size_t i = 0; i < ARRAY_SIZE(setup) && !ret; i++)
		ret = step(s, io_set_attr(&s->io, (int)dev.fd, &setup[i]),
			   "KVM_SET_DEVICE_ATTR", "ITS",
			   "address or CTRL_INIT of a scratch ITS", report);
	return ret;
}

static int create_itses(struct scratch *s, const struct onereg_image *like,
			struct onereg_report *report)
{
	size_t n = like ? onereg_image_n_its(like) : 0;
	int ret = 0;

	if (!n)
		return 0;
	s->its_fds = calloc(n, sizeof(*s->its_fds));
	if (!s->its_fds)
		return step(s, -ENOMEM, NULL, "scratch VM", "no memory",
			    report);
	for (size_t i = 0; i < n && !ret; i++)
		ret = create_its(s, onereg_image_its_address(like, i), report);
	return ret;
}

int scratch_open(struct scratch *s, const struct scratch_options *o,
		 struct onereg_report *report)
{
	int ret;

	*s = (struct scratch){
		.kvm_fd = -1, .vm_fd = -1, .gic_fd = -1, .dry = o->dry
	};
	ret = io_complete(&s->io, o->io);
	if (ret) {
		report_error(report, ret, NULL, "struct onereg_io",
			     "has no size, or lacks a function");
		return ret;
	}
	s->lent = o->kvm_fd;
	s->kvm_fd = s->lent ? *o->kvm_fd :
			      scratch_open_kvm(&s->io, o->device, report);
	if (s->kvm_fd < 0)
		return s->kvm_fd;
	ret = create_vm(s, report);
	if (!ret)
		ret = vm_is_arm64(&s->io, s->vm_fd, report);
	if (!ret)
		ret = enable_caps(s, o, report);
	if (!ret)
		ret = configure(s, o, report);
	if (!ret)
		ret = create_vcpus(s, o, report);
	if (!ret && o->gic)
		ret = create_gic(s, o->nr_irqs, report);
	if (!ret && o->gic)
		ret = create_itses(s, o->like, report);
	if (ret)
		scratch_close(s);
	return ret;
}

int scratch_init_vcpus(struct scratch *s, uint32_t features,
		       struct onereg_report *report)
{
	struct ka_vcpu_init init;
	int ret, sve = KA_VCPU_SVE;

	ret = step(s, io_ioctl(&s->io, s->vm_fd, KA_ARM_PREFERRED_TARGET,
			       &init),
		   "KVM_ARM_PREFERRED_TARGET", "scratch VM",
		   "no arm64 vCPU can be made here", report);
	init.features[0] = features;
	for (size_t i = 0; i < s->n_vcpus && !ret; i++) {
		ret = step(s, io_ioctl(&s->io, s->vcpu_fds[i],
				       KA_ARM_VCPU_INIT, &init),
			   "KVM_ARM_VCPU_INIT", "scratch VM",
			   "the host refuses these vCPU features", report);
		if (!ret && (features & 1u << sve))
			ret = step(s, io_ioctl(&s->io, s->vcpu_fds[i],
					       KA_ARM_VCPU_FINALIZE, &sve),
				   "KVM_ARM_VCPU_FINALIZE", "scratch VM",
				   "SVE", report);
	}
	return ret;
}

void scratch_close(struct scratch *s)
{
	while (s->n_vcpus)
		s->io.close(s->io.userdata, s->vcpu_fds[--s->n_vcpus]);
	free(s->vcpu_fds);
	s->vcpu_fds = NULL;
	while (s->n_its)
		s->io.close(s->io.userdata, s->its_fds[--s->n_its]);
	free(s->its_fds);
	s->its_fds = NULL;
	if (s->gic_fd >= 0)
		s->io.close(s->io.userdata, s->gic_fd);
	if (s->vm_fd >= 0)
		s->io.close(s->io.userdata, s->vm_fd);
	if (s->kvm_fd >= 0 && !s->lent)
		s->io.close(s->io.userdata, s->kvm_fd);
	s->gic_fd = s->vm_fd = s->kvm_fd = -1;
}
