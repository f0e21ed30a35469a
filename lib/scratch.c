/* SPDX-License-Identifier: MIT */
/*
 * A scratch VM: made to try things on and thrown away. It has no memory and
 * never runs.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

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

static int step(int ret, const char *operation, const char *name,
		const char *why, struct onereg_report *report)
{
	if (ret < 0)
		report_error(report, ret, operation, name, "%s", why);
	return ret;
}

static int enable_caps(struct scratch *s, const struct scratch_options *o,
		       struct onereg_report *report)
{
	for (size_t i = 0; i < o->n_caps; i++) {
		struct ka_enable_cap cap = { .cap = o->caps[i].cap,
					     .flags = o->caps[i].flags };
		const char *name = onereg_cap_name(cap.cap);
		int ret;

		for (size_t j = 0; j < ARRAY_SIZE(cap.args); j++)
			cap.args[j] = o->caps[i].args[j];
		ret = step(io_ioctl(&s->io, s->vm_fd, KA_ENABLE_CAP, &cap),
			   "KVM_ENABLE_CAP", name ? name : "a capability",
			   "this host does not offer it", report);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int create_vcpus(struct scratch *s, const struct scratch_options *o,
			struct onereg_report *report)
{
	s->vcpu_fds = calloc(o->n_vcpus ? o->n_vcpus : 1,
			     sizeof(*s->vcpu_fds));
	if (!s->vcpu_fds)
		return step(-ENOMEM, NULL, "scratch VM", "no memory", report);
	for (size_t i = 0; i < o->n_vcpus; i++) {
		uintptr_t id = o->vcpu_ids ? o->vcpu_ids[i] : i;
		int fd = io_ioctl(&s->io, s->vm_fd, KA_CREATE_VCPU, (void *)id);

		if (fd < 0) {
			report_error(report, fd, "KVM_CREATE_VCPU",
				     "scratch VM", "vCPU %zu with id %zu%s", i,
				     (size_t)id,
				     fd == -EMFILE ? ": each takes a file "
						     "descriptor, raise "
						     "RLIMIT_NOFILE" :
						     "");
			return fd;
		}
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
	int ret = io_ioctl(&s->io, s->vm_fd, KA_CREATE_DEVICE, &dev);

	if (ret < 0)
		return step(ret, "KVM_CREATE_DEVICE", "GICv3",
			    "this host has no GICv3 for guests", report);
	s->gic_fd = (int)dev.fd;
	for (size_t i = nr_irqs ? 0 : 1; i < ARRAY_SIZE(setup); i++) {
		ret = step(io_set_attr(&s->io, s->gic_fd, &setup[i]),
			   "KVM_SET_DEVICE_ATTR", "GICv3",
			   "addresses or CTRL_INIT of a scratch GIC", report);
		if (ret)
			return ret;
	}
	return 0;
}

int scratch_open(struct scratch *s, const struct scratch_options *o,
		 struct onereg_report *report)
{
	int ret;

	*s = (struct scratch){ .kvm_fd = -1, .vm_fd = -1, .gic_fd = -1 };
	ret = io_complete(&s->io, o->io);
	if (ret)
		return step(ret, NULL, "struct onereg_io", "incomplete",
			    report);
	ret = s->kvm_fd = scratch_open_kvm(&s->io, o->device, report);
	if (ret >= 0)
		ret = s->vm_fd = step(io_ioctl(&s->io, s->kvm_fd, KA_CREATE_VM,
					       (void *)0),
				      "KVM_CREATE_VM", "scratch VM",
				      "cannot create a VM", report);
	if (ret >= 0)
		ret = enable_caps(s, o, report);
	if (ret >= 0)
		ret = create_vcpus(s, o, report);
	if (ret >= 0 && o->gic)
		ret = create_gic(s, o->nr_irqs, report);
	if (ret < 0)
		scratch_close(s);
	return ret < 0 ? ret : 0;
}

int scratch_init_vcpus(struct scratch *s, uint32_t features,
		       struct onereg_report *report)
{
	struct ka_vcpu_init init;
	int ret, sve = KA_VCPU_SVE;

	ret = step(io_ioctl(&s->io, s->vm_fd, KA_ARM_PREFERRED_TARGET, &init),
		   "KVM_ARM_PREFERRED_TARGET", "scratch VM",
		   "no arm64 vCPU can be made here", report);
	init.features[0] = features;
	for (size_t i = 0; i < s->n_vcpus && ret >= 0; i++) {
		ret = step(io_ioctl(&s->io, s->vcpu_fds[i], KA_ARM_VCPU_INIT,
				    &init),
			   "KVM_ARM_VCPU_INIT", "scratch VM",
			   "the host refuses these vCPU features", report);
		if (ret >= 0 && (features & 1u << sve))
			ret = step(io_ioctl(&s->io, s->vcpu_fds[i],
					    KA_ARM_VCPU_FINALIZE, &sve),
				   "KVM_ARM_VCPU_FINALIZE", "scratch VM",
				   "SVE", report);
	}
	return ret < 0 ? ret : 0;
}

void scratch_close(struct scratch *s)
{
	while (s->n_vcpus)
		s->io.close(s->io.userdata, s->vcpu_fds[--s->n_vcpus]);
	free(s->vcpu_fds);
	s->vcpu_fds = NULL;
	if (s->gic_fd >= 0)
		s->io.close(s->io.userdata, s->gic_fd);
	if (s->vm_fd >= 0)
		s->io.close(s->io.userdata, s->vm_fd);
	if (s->kvm_fd >= 0)
		s->io.close(s->io.userdata, s->kvm_fd);
	s->gic_fd = s->vm_fd = s->kvm_fd = -1;
}
