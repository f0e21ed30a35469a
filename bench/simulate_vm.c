// SPDX-License-Identifier: MIT
/* A VM to measure register calls on: features of a busy guest, no GIC. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "simulate_vm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define CORE(n)		(0x6030000000100000ULL + (n))
#define CORE_U32(n)	(0x6020000000100000ULL + (n))
#define SYS(...)	ARM64_SYS_REG(__VA_ARGS__)

void die(const char *what)
{
	fprintf(stderr, "simulate: %s: %s\n", what, strerror(errno));
	exit(3);
}

long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- what a register is ---- */

static const struct {
	enum kind kind;
	__u64 first, last;
} kinds[] = {
	/* ID_*_EL1: CRm 1 to 7; set_id_reg(), get_id_reg() of Linux 6.12 */
	{ KIND_ID, SYS(3, 0, 0, 1, 0), SYS(3, 0, 0, 7, 7) },
	{ KIND_ID, SYS(3, 3, 0, 0, 1), SYS(3, 3, 0, 0, 1) },	/* CTR_EL0 */
	/* kvm_arm_set_fw_reg_bmap() */
	{ KIND_BMAP, KVM_REG_ARM_FW_FEAT_BMAP_REG(0),
	  KVM_REG_ARM_FW_FEAT_BMAP_REG(0xff) },
	/* set_pmcr() */
	{ KIND_PMCR, SYS(3, 3, 9, 12, 0), SYS(3, 3, 9, 12, 0) },
};

static enum kind kind_of(__u64 id)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (id >= kinds[i].first && id <= kinds[i].last)
			return kinds[i].kind;
	return KIND_OTHER;
}

const char *kind_name(enum kind kind)
{
	static const char *const names[] = { "id", "bmap", "pmcr", "other" };

	return names[kind];
}

/* What a busy guest changes all the time; else a value is set once. */
static const struct {
	__u64 first, last;
} busy[] = {
	{ CORE(0x00), CORE(0x3c) },			/* X0 to X30 */
	{ CORE(0x3e), CORE(0x48) },	/* SP_EL0 to SPSR_EL1 */
	{ CORE_U32(0xd4), CORE_U32(0xd5) },		/* FPSR, FPCR */
	{ KVM_REG_ARM64_SVE_ZREG(0, 0), KVM_REG_ARM64_SVE_ZREG(31, 0) },
	{ KVM_REG_ARM64_SVE_PREG(0, 0), KVM_REG_ARM64_SVE_PREG(15, 0) },
	{ KVM_REG_ARM64_SVE_FFR(0), KVM_REG_ARM64_SVE_FFR(0) },
	{ SYS(3, 0, 2, 0, 0), SYS(3, 0, 2, 0, 0) },	/* TTBR0_EL1 */
	{ SYS(3, 0, 5, 2, 0), SYS(3, 0, 5, 2, 0) },	/* ESR_EL1 */
	{ SYS(3, 0, 6, 0, 0), SYS(3, 0, 6, 0, 0) },	/* FAR_EL1 */
	{ SYS(3, 0, 7, 4, 0), SYS(3, 0, 7, 4, 0) },	/* PAR_EL1 */
	{ SYS(3, 0, 13, 0, 1), SYS(3, 0, 13, 0, 1) },	/* CONTEXTIDR_EL1 */
	{ SYS(3, 0, 13, 0, 4), SYS(3, 0, 13, 0, 4) },	/* TPIDR_EL1 */
	{ SYS(3, 3, 9, 13, 0), SYS(3, 3, 9, 13, 0) },	/* PMCCNTR_EL0 */
	{ SYS(3, 3, 13, 0, 2), SYS(3, 3, 13, 0, 2) },	/* TPIDR_EL0 */
	{ SYS(3, 3, 14, 8, 0), SYS(3, 3, 14, 8, 5) },	/* PMEVCNTRn_EL0 */
	{ KVM_REG_ARM_TIMER_CTL, KVM_REG_ARM_TIMER_CTL },
	{ KVM_REG_ARM_TIMER_CVAL, KVM_REG_ARM_TIMER_CVAL },
};

static bool is_busy(__u64 id)
{
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		if (id >= busy[i].first && id <= busy[i].last)
			return true;
	return false;
}

/* ---- making a VM ---- */

static void init_vcpu(struct vm *vm, int vcpu, bool with_pmu)
{
	static const struct { int cap, feature; } features[] = {
		{ KVM_CAP_ARM_SVE, KVM_ARM_VCPU_SVE },
		{ KVM_CAP_ARM_PMU_V3, KVM_ARM_VCPU_PMU_V3 },
		{ KVM_CAP_ARM_PTRAUTH_ADDRESS, KVM_ARM_VCPU_PTRAUTH_ADDRESS },
		{ KVM_CAP_ARM_PTRAUTH_GENERIC, KVM_ARM_VCPU_PTRAUTH_GENERIC },
	};
	struct kvm_device_attr pmu = {
		.group = KVM_ARM_VCPU_PMU_V3_CTRL,
		.attr = KVM_ARM_VCPU_PMU_V3_INIT,
	};
	int sve = KVM_ARM_VCPU_SVE;
	struct kvm_vcpu_init init;

	if (ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init))
		die("KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, features[i].cap) > 0)
			init.features[0] |= 1U << features[i].feature;
	if (ioctl(vcpu, KVM_ARM_VCPU_INIT, &init))
		die("KVM_ARM_VCPU_INIT");
	if (init.features[0] & 1U << KVM_ARM_VCPU_SVE &&
	    ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &sve))
		die("KVM_ARM_VCPU_FINALIZE");
	/* Without a GIC it wants no interrupt; without it no vCPU runs. */
	if (init.features[0] & 1U << KVM_ARM_VCPU_PMU_V3 && with_pmu &&
	    ioctl(vcpu, KVM_SET_DEVICE_ATTR, &pmu))
		die("KVM_ARM_VCPU_PMU_V3_INIT");
}

static void take_registers(struct vm *vm)
{
	static struct {
		struct kvm_reg_list list;
		__u64 ids[MAX_REGS];
	} l;

	l.list.n = MAX_REGS;
	if (ioctl(vm->vcpus[0], KVM_GET_REG_LIST, &l))
		die("KVM_GET_REG_LIST");
	for (__u64 i = 0; i < l.list.n; i++) {
		struct reg *reg = &vm->regs[vm->n_regs++];

		*reg = (struct reg){
			.one = { .id = l.list.reg[i],
				 .addr = (__u64)(unsigned long)reg->value },
			.kind = kind_of(l.list.reg[i]),
			.busy = is_busy(l.list.reg[i]),
		};
		if (ioctl(vm->vcpus[0], KVM_GET_ONE_REG, &reg->one))
			die("KVM_GET_ONE_REG");
		reg->writable = !ioctl(vm->vcpus[0], KVM_SET_ONE_REG,
				       &reg->one);
	}
}

void vm_make(struct vm *vm, unsigned int n_vcpus, bool with_pmu)
{
	*vm = (struct vm){ .n_vcpus = n_vcpus };
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		die("/dev/kvm");
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		die("KVM_CREATE_VM");
	for (unsigned int i = 0; i < n_vcpus; i++) {
		vm->vcpus[i] = ioctl(vm->fd, KVM_CREATE_VCPU, i);
		if (vm->vcpus[i] < 0)
			die("KVM_CREATE_VCPU");
	}
	for (unsigned int i = 0; i < n_vcpus; i++)
		init_vcpu(vm, vm->vcpus[i], with_pmu);
	take_registers(vm);
}

static void run_vcpu(int vcpu, size_t size)
{
	struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, vcpu, 0);
	int ret;

	if (run == MAP_FAILED)
		die("mmap of a vCPU");
	run->immediate_exit = 1;
	ret = ioctl(vcpu, KVM_RUN, 0);
	munmap(run, size);
	if (!ret || errno != EINTR)
		die("KVM_RUN");
}

void vm_run(struct vm *vm)
{
	int size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < 0)
		die("KVM_GET_VCPU_MMAP_SIZE");
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		run_vcpu(vm->vcpus[i], (size_t)size);
}

void vm_free(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->n_vcpus; i++)
		close(vm->vcpus[i]);
	close(vm->fd);
	close(vm->kvm);
}
