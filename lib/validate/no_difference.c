/* SPDX-License-Identifier: MIT */
/*
 * What a VMM that knows nothing of VM-scoped registers can see of them: that
 * nothing is there. All chapters before the new ones hold on such a kernel
 * too; here is what they do not say.
 */
#include <errno.h>
#include <string.h>

#include "scoped.h"

struct device_addr {
	uint64_t id, addr;
};

/*
 * Its number is that of KVM_GET_ONE_REG. An id of a device has no upper bits,
 * one of a register always has.
 */
#define SET_DEVICE_ADDR	_IOW(KA_IO, 0xab, struct device_addr)

static void device_address(struct v *v)
{
	struct device_addr other = { 1ULL << 16, 0 }, gic = { 0, 0x8000000 };
	struct v_pair p = v_pair(v);
	int got;

	v_is(v, v_ioctl(v, p.vm, SET_DEVICE_ADDR, &other), -ENODEV,
	     "KVM_ARM_SET_DEVICE_ADDR of device 1, which is unknown");
	/* A GICv2, which this VM has not: what that says is the host's. */
	got = v_ioctl(v, p.vm, SET_DEVICE_ADDR, &gic);
	v_true(v, got == -ENXIO || got == -ENODEV,
	       "KVM_ARM_SET_DEVICE_ADDR of a GICv2 that is not there: "
	       "returned %d", got);
	v_same(v, gic.addr, 0x8000000, "the address given");
	/* Whatever stands in the upper half was never looked at. */
	gic.id = 1ULL << 32;
	v_is(v, v_ioctl(v, p.vm, SET_DEVICE_ADDR, &gic), got,
	     "the same with a bit above the device's number");
}

static void requests_of_others(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t room[32] = { 0 };

	for (unsigned int number = 0xf2; number < 0x100; number++) {
		unsigned long request = _IOC(_IOC_READ | _IOC_WRITE, KA_IO,
					     number, 32);

		v_is(v, v_ioctl(v, p.vm, request, room), -EINVAL,
		     "request %#x on the VM", number);
		v_is(v, v_ioctl(v, p.a, request, room), -EINVAL,
		     "request %#x on a vCPU", number);
	}
}

/* Whoever reads through the VM fd leaves the VM as it was. */
static void reading_changes_nothing(struct v *v)
{
	struct v_pair p = v_pair(v), q = v_pair(v);
	struct v_list list, a, b;

	v_list(v, p.vm, &list);
	for (size_t i = 0; i < list.n; i++)
		v_read(v, p.vm, list.ids[i]);
	v_list(v, p.a, &a);
	v_list(v, q.a, &b);
	v_lists_equal(v, &a, "a VM that was read", &b, "one that was not");
	for (size_t i = 0; i < a.n; i++) {
		uint64_t id = a.ids[i];

		if (!scoped_counter(id) &&
		    (id & KA_REG_SIZE_MASK) <= KA_REG_SIZE_U64)
			v_value(v, p.a, id, v_read(v, q.a, id));
	}
}

static void psci_version_of_a_vcpu(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_first_run(v, p.a);
	v_get(v, p.vm, KA_PSCI_VERSION, 0);
	v_set(v, p.b, KA_PSCI_VERSION, 2, 0);
	v_value(v, p.a, KA_PSCI_VERSION, 2);
}

static const struct rule rules[] = {
	RULE(device_address, 0,
	     "KVM_ARM_SET_DEVICE_ADDR is answered as ever"),
	RULE(requests_of_others, 0,
	     "requests that nobody knows are -EINVAL"),
	RULE(reading_changes_nothing, NEED_VM_FD,
	     "a VM that was read through its fd is as one that was not"),
	RULE(psci_version_of_a_vcpu, NEED_VM_FD,
	     "a vCPU's PSCI_VERSION may change after a run, VM fd used or not"),
};

CHAPTER(no_difference);
