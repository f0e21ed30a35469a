// SPDX-License-Identifier: MIT
/* Changes one bit of a paused VM, where KVM lets userspace write it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "flip.h"
#include "payload/layout.h"
#include "vmm.h"

#define PMCNTENSET 0x603000000013dce1ull
#define PMINTENSET 0x603000000013c4f1ull
#define PMOVSSET 0x603000000013dcf3ull
#define PMOVSCLR 0x603000000013dce3ull
#define CORE_PC 0x6030000000100040ull

static uint64_t affinity(unsigned int vcpu)
{
	return (vcpu & 0xf) | (vcpu >> 4) << 8;
}

static int gic_access(struct vm *vm, unsigned int vcpu,
		      const struct target *target, unsigned long request,
		      void *value)
{
	static const uint32_t group[] = {
		[TARGET_CPU_INTERFACE] = KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
		[TARGET_DIST] = KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
		[TARGET_REDIST] = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
	};
	struct kvm_device_attr a = {
		.group = group[target->kind],
		.attr = affinity(vcpu) << 32 | target->id,
		.addr = (uintptr_t)value,
	};

	return ioctl(vm->gic_fd, request, &a);
}

int flip_read(struct vm *vm, unsigned int vcpu, const struct target *target,
	      union value *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (target->kind == TARGET_REG)
		return vm_get_reg(vm, vcpu, target->id, ret);
	return gic_access(vm, vcpu, target, KVM_GET_DEVICE_ATTR, ret);
}

/* A write of SET only adds bits: its twin, which removes them, or 0. */
static uint64_t clearing_twin(const struct target *target)
{
	uint64_t bank = target->id & 0xff80;

	switch (target->kind) {
	case TARGET_REG:
		if (target->id == PMCNTENSET || target->id == PMINTENSET)
			return target->id + 1;
		return target->id == PMOVSSET ? PMOVSCLR : 0;
	case TARGET_CPU_INTERFACE:
		return 0;
	default: /* ISENABLER, ISACTIVER */
		return (bank & 0xfff) == 0x100 || (bank & 0xfff) == 0x300 ?
			       target->id + 0x80 :
			       0;
	}
}

static void clear_first(struct vm *vm, unsigned int vcpu,
			const struct target *target)
{
	struct target twin = *target;
	union value all;

	twin.id = clearing_twin(target);
	memset(&all, 0xff, sizeof(all));
	if (twin.id)
		flip_write(vm, vcpu, &twin, &all);
}

int flip_write(struct vm *vm, unsigned int vcpu, const struct target *target,
	       union value *value)
{
	clear_first(vm, vcpu, target);
	if (target->kind == TARGET_REG)
		return vm_set_reg(vm, vcpu, target->id, value);
	return gic_access(vm, vcpu, target, KVM_SET_DEVICE_ATTR, value);
}

static bool holds(struct vm *vm, unsigned int vcpu)
{
	struct payload_params *params = (void *)vm->memory;
	uint64_t pc = 0;

	if (!guest_is_payload(vm))
		return true;
	if (vm_get_reg(vm, vcpu, CORE_PC, &pc) < 0)
		return false;
	return pc >= params->hold_start && pc < params->hold_end;
}

/*
 * Between two holds the general registers are the C code's, and a change may
 * go into a register that is about to be written: such a moment is let pass.
 */
int flip_moment(struct vm *vm, unsigned int vcpu)
{
	for (unsigned int i = 0; i < 2000; i++) {
		int rc;

		if (holds(vm, vcpu))
			return 0;
		vm_resume(vm);
		usleep(500 + i * 137 % 5000);
		rc = vm_pause(vm);
		if (rc)
			return rc;
	}
	return cannot("is the vCPU off?",
		      "flip: vCPU %u was never in its holding loop", vcpu);
}

int flip_parse(const char *text, struct flip *ret)
{
	int end = 0;

	if (sscanf(text, "%u:%63[^:]:%u%n", &ret->vcpu, ret->reg, &ret->bit,
		   &end) != 3 ||
	    text[end])
		return wrong_usage("--flip %s: not VCPU:REGISTER:BIT", text);
	return 0;
}

static int check_target(struct vm *vm, const struct flip *flip,
			struct target *ret)
{
	if (flip->vcpu >= vm->machine.vcpus)
		return wrong_usage("--flip: there is no vCPU %u", flip->vcpu);
	if (!target_find(flip->reg, ret))
		return wrong_usage("--flip: unknown register %s (names: "
				   "--list-checked; or an id with 0x)",
				   flip->reg);
	if (flip->bit >= target_size(ret) * 8)
		return wrong_usage("--flip: %s has %zu bits", ret->name,
				   target_size(ret) * 8);
	return 0;
}

int flip_apply(struct vm *vm, const struct flip *flip)
{
	union value value, now;
	struct target target;
	int rc = check_target(vm, flip, &target) ?: flip_moment(vm, flip->vcpu);

	if (rc)
		return rc;
	if (flip_read(vm, flip->vcpu, &target, &value) < 0)
		return cannot_errno("the VM does not have it",
				    "flip: reading %s of vCPU %u", target.name,
				    flip->vcpu);
	value.byte[flip->bit / 8] ^= 1u << flip->bit % 8;
	if (flip_write(vm, flip->vcpu, &target, &value) < 0)
		return cannot_errno("this bit cannot change in a running VM",
				    "flip: writing %s of vCPU %u", target.name,
				    flip->vcpu);
	if (flip_read(vm, flip->vcpu, &target, &now) < 0 ||
	    memcmp(&now, &value, sizeof(now)))
		return cannot("choose another bit",
			      "flip: %s of vCPU %u did not take bit %u",
			      target.name, flip->vcpu, flip->bit);
	return 0;
}

int flip_list(void)
{
	static const char *const how[] = {
		[TARGET_REG] = "register id",
		[TARGET_CPU_INTERFACE] = "GIC CPU interface",
		[TARGET_DIST] = "GIC distributor",
		[TARGET_REDIST] = "GIC redistributor",
	};
	struct target t;

	for (size_t i = 0; target_at(i, &t); i++)
		printf("%-18s %-18s 0x%llx\n", t.name, how[t.kind],
		       (unsigned long long)t.id);
	return YES;
}
