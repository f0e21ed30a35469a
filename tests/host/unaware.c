// SPDX-License-Identifier: MIT
/*
 * A VMM that knows nothing of onereg, nor of VM-scoped registers: it makes a
 * VM with a GICv3, and for each line of an export (docs/format.md) the call.
 * Then what each vCPU lists and reads goes into a file (unaware_dump.c).
 *
 *	unaware EXPORT DUMP
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "unaware_dump.h"

#define MAX_VCPUS 64

static struct {
	int kvm, fd, gic;
	int vcpus[MAX_VCPUS];
	size_t n;
	bool ended;
} vm = { .gic = -1 };

/* The words of a line, after the first. */
static uint64_t number(void)
{
	const char *word = strtok(NULL, " \n");

	return word ? strtoull(word, NULL, 0) : 0;
}

static int vcpu(void)
{
	uint64_t i = number();

	return i < vm.n ? vm.vcpus[i] : -1;
}

/* How many bytes. */
static size_t bytes(uint8_t *to, size_t size)
{
	const char *word = strtok(NULL, " \n");
	size_t n = 0;

	for (; word && n < size && sscanf(word, "%2hhx", &to[n]) == 1; n++)
		word += 2;
	return n;
}

static int do_cap(void)
{
	struct kvm_enable_cap cap = { .cap = number() };

	cap.flags = number();
	for (int i = 0; i < 4; i++)
		cap.args[i] = number();
	return ioctl(vm.fd, KVM_ENABLE_CAP, &cap);
}

static int do_vcpu(void)
{
	uint64_t i = number(), id = number();

	if (i != vm.n || i == MAX_VCPUS) {
		errno = ERANGE;
		return -1;
	}
	vm.vcpus[i] = ioctl(vm.fd, KVM_CREATE_VCPU, (unsigned long)id);
	vm.n += vm.vcpus[i] >= 0;
	return vm.vcpus[i];
}

static int gic_set(uint32_t group, uint64_t attr, void *value)
{
	struct kvm_device_attr a = { .group = group,
				     .attr = attr,
				     .addr = (uintptr_t)value };

	return ioctl(vm.gic, KVM_SET_DEVICE_ATTR, &a);
}

static int make_gic(void)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t dist = 0x08000000, redist = 0x10000000;

	if (ioctl(vm.fd, KVM_CREATE_DEVICE, &device) < 0)
		return -1;
	vm.gic = device.fd;
	if (gic_set(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST,
		    &dist) < 0 ||
	    gic_set(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST,
		    &redist) < 0)
		return -1;
	return gic_set(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
		       NULL);
}

static int do_init(void)
{
	int fd = vcpu();
	struct kvm_vcpu_init init = { .target = number() };

	for (int i = 0; i < 7; i++)
		init.features[i] = number();
	if (vm.gic < 0 && make_gic() < 0)
		return -1;
	return ioctl(fd, KVM_ARM_VCPU_INIT, &init);
}

static int do_finalize(void)
{
	int fd = vcpu(), feature = number();

	return ioctl(fd, KVM_ARM_VCPU_FINALIZE, &feature);
}

static int do_attr(void)
{
	int fd = vcpu();
	struct kvm_device_attr a = { .group = number() };
	uint64_t value;

	a.attr = number();
	number(); /* its size: little-endian, so the value begins it */
	value = number();
	a.addr = (uintptr_t)&value;
	return ioctl(fd, KVM_SET_DEVICE_ATTR, &a);
}

static int do_set(void)
{
	int fd = vcpu();
	uint8_t value[256];
	struct kvm_one_reg reg = { .id = number(), .addr = (uintptr_t)value };

	bytes(value, sizeof(value));
	return ioctl(fd, KVM_SET_ONE_REG, &reg);
}

static int do_events(void)
{
	int fd = vcpu();
	struct kvm_vcpu_events events;

	bytes((uint8_t *)&events, sizeof(events));
	return ioctl(fd, KVM_SET_VCPU_EVENTS, &events);
}

static int do_mp_state(void)
{
	int fd = vcpu();
	struct kvm_mp_state state = { .mp_state = number() };

	return ioctl(fd, KVM_SET_MP_STATE, &state);
}

static int do_end(void)
{
	vm.ended = true;
	return 0;
}

static int do_version(void)
{
	errno = EPROTO;
	return number() == 1 ? 0 : -1;
}

static const struct {
	const char *word;
	int (*call)(void);
} lines[] = {
	{ "onereg-export", do_version }, { "cap", do_cap },
	{ "vcpu", do_vcpu },		 { "init", do_init },
	{ "finalize", do_finalize },	 { "attr", do_attr },
	{ "set", do_set },		 { "events", do_events },
	{ "mp_state", do_mp_state },	 { "end", do_end },
};

static int make_call(char *line)
{
	const char *word;

	if (*line == '#')
		return 0;
	word = strtok(line, " \n");
	for (size_t i = 0; word && i < sizeof(lines) / sizeof(*lines); i++)
		if (!strcmp(word, lines[i].word))
			return lines[i].call();
	errno = ENOSYS;
	return -1;
}

static int replay(FILE *in)
{
	char *line = NULL, told[64];
	size_t room = 0, n = 0;
	int rc = 0;

	while (!rc && getline(&line, &room, in) > 0) {
		snprintf(told, sizeof(told), "%s", line);
		told[strcspn(told, "\n")] = 0;
		n++;
		if (make_call(line) >= 0)
			continue;
		fprintf(stderr, "unaware: line %zu: %s: %s\n", n, told,
			strerror(errno));
		rc = 1;
	}
	free(line);
	if (!rc && !vm.ended) {
		fprintf(stderr, "unaware: cut short after line %zu\n", n);
		rc = 1;
	}
	printf("%zu lines\n", n);
	return rc;
}

int main(int argc, char **argv)
{
	FILE *in = argc == 3 ? fopen(argv[1], "r") : NULL;

	vm.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm.fd = ioctl(vm.kvm, KVM_CREATE_VM, 0);
	if (!in || vm.fd < 0) {
		perror("unaware EXPORT DUMP");
		return 1;
	}
	return replay(in) || unaware_dump(argv[2], vm.vcpus, vm.n);
}
