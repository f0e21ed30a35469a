/* SPDX-License-Identifier: MIT */
/*
 * Pinning a new VM to a baseline: what differs from it is written, once where
 * the VM has it once, and everything is read back.
 */
#include <errno.h>
#include <string.h>

#include "access.h"
#include "fleet.h"

#define POWER_OFF (1u << KA_VCPU_POWER_OFF)

struct pin {
	struct access access;
	struct onereg_report *report;
	int error;		/* the first */
};

/* error: what the kernel said; ret: what the caller is told. */
static void failed(struct pin *p, const struct onereg_finding *f, int error,
		   int ret)
{
	struct onereg_finding told = *f;

	told.error = -error;
	report_add(p->report, &told);
	if (!p->error)
		p->error = ret;
}

/* The bits that are left to the host are read from it. */
static bool wanted(const struct baseline_reg *reg, const uint8_t *now,
		   uint8_t *ret)
{
	size_t size = onereg_reg_size(reg->id);
	uint64_t value = 0, host = 0;

	memcpy(ret, reg->value, size);
	if (size <= sizeof(value)) {
		memcpy(&value, reg->value, size);
		memcpy(&host, now, size);
		value = (value & ~reg->left) | (host & reg->left);
		memcpy(ret, &value, size);
	}
	return memcmp(ret, now, size);
}

static bool is_zero(const struct baseline_reg *reg)
{
	for (size_t i = 0; i < sizeof(reg->value); i++)
		if (reg->value[i])
			return false;
	return true;
}

/*
 * What a host does not have reads as 0 to a guest. What is safely missing, the
 * geometry of caches that an older kernel does not list, check and restore let
 * pass, too.
 */
static bool may_be_missing(const struct baseline_reg *reg)
{
	return is_zero(reg) ||
	       catalogue_find(reg->id)->absent == ABSENT_SAFE;
}

/* Errors of KVM_SET_ONE_REG that say that a vCPU is finalized, or has run. */
static bool is_late(int error)
{
	return error == -EPERM || error == -EBUSY;
}

static void cannot_read(struct pin *p, const struct baseline_reg *reg,
			struct onereg_finding f, int error)
{
	bool missing = error == -ENOENT;

	if (missing && may_be_missing(reg))
		return;
	f.severity = missing ? ONEREG_IMPOSSIBLE : ONEREG_ERROR;
	f.class_ = missing ? ONEREG_CLASS_MISSING : ONEREG_CLASS_NONE;
	f.operation = access_operation(&p->access, false);
	f.why = missing ? "this host does not have the register" :
			  "cannot be read";
	failed(p, &f, error, missing ? -EINVAL : error);
}

static void refused(struct pin *p, struct onereg_finding f, int error)
{
	f.operation = access_operation(&p->access, true);
	f.class_ = ONEREG_CLASS_FEATURE;
	if (is_late(error)) {
		f.severity = ONEREG_ERROR;
		f.why = "too late to change it";
		f.todo = "pin the VM before KVM_ARM_VCPU_FINALIZE and the "
			 "first KVM_RUN";
	} else if (is_refusal(error)) {
		f.severity = ONEREG_IMPOSSIBLE;
		f.why = "this host refuses the baseline's value";
		f.todo = "make a baseline that this host is part of";
	} else {
		f.severity = ONEREG_ERROR;
		f.class_ = ONEREG_CLASS_NONE;
		f.why = "cannot be written";
	}
	failed(p, &f, error, is_late(error) ? -EPERM :
			     is_refusal(error) ? -EINVAL : error);
}

static void pin_reg(struct pin *p, const struct baseline_reg *reg, int through)
{
	uint8_t now[KA_REG_SIZE_MAX] = { 0 }, want[KA_REG_SIZE_MAX];
	struct ka_one_reg get = { reg->id, (uintptr_t)now };
	struct ka_one_reg set = { reg->id, (uintptr_t)want };
	struct onereg_finding f = {
		.space = ONEREG_SPACE_REG,
		.vcpu = through < 0 ? -1 : through,
		.id = reg->id,
		.a = want,
		.b = now,
		.value_size = onereg_reg_size(reg->id),
	};
	size_t done;
	int r = access_get(&p->access, through, &get, 1, &done);

	if (r) {
		f.a = reg->value;
		f.b = NULL;
		cannot_read(p, reg, f, r);
		return;
	}
	if (!wanted(reg, now, want))
		return;
	r = access_set(&p->access, through, &set, 1, &done);
	if (r) {
		refused(p, f, r);
		return;
	}
	r = access_get(&p->access, through, &get, 1, &done);
	if (r) {
		cannot_read(p, reg, f, r);
	} else if (memcmp(now, want, f.value_size)) {
		f.severity = ONEREG_IMPOSSIBLE;
		f.class_ = ONEREG_CLASS_UNEXPLAINED;
		f.why = "the kernel took the baseline's value and has another";
		failed(p, &f, -EBADE, -EBADE);
	}
}

/*
 * A kernel that does not tell what the VM has once is asked through every
 * vCPU; from the second on there is then nothing to write.
 */
static void pin_everywhere(struct pin *p, const struct onereg_vm *vm,
			   const struct baseline_reg *reg)
{
	if (access_is_vm(&p->access, reg->id)) {
		pin_reg(p, reg, ACCESS_VM);
		return;
	}
	for (size_t i = 0; i < vm->n_vcpus; i++) {
		int before = p->error;

		pin_reg(p, reg, (int)i);
		/* What one vCPU was refused is not told of each. */
		if (p->error != before)
			return;
	}
}

static int check_features(const struct onereg_vm *vm,
			  const struct onereg_baseline *b,
			  struct onereg_report *report)
{
	uint64_t have = vm->features[0] & ~POWER_OFF, want = b->features;

	if (have == want)
		return 0;
	report_add(report, &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .class_ = ONEREG_CLASS_SHAPE,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = -1,
				   .id = KA_VM_FEATURES,
				   .a = &want,
				   .b = &have,
				   .value_size = sizeof(have),
				   .error = EINVAL,
				   .why = "the vCPUs have other features than "
					  "the baseline is for",
				   .todo = "initialise them with "
					   "onereg_baseline_features()",
			   });
	return -EINVAL;
}

int onereg_vm_pin(struct onereg_vm *vm, const struct onereg_baseline *b,
		  struct onereg_report *report)
{
	struct pin p = { .report = report };
	int r = check_features(vm, b, report);

	if (r)
		return r;
	r = access_open(&p.access, &vm->io, vm->vm_fd, vm->vcpu_fds, report);
	if (!r)
		r = access_list(&p.access, report);
	for (size_t i = 0; i < b->n && !r; i++)
		pin_everywhere(&p, vm, &b->regs[i]);
	access_close(&p.access);
	return r ? r : p.error;
}
