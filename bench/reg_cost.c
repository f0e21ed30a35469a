// SPDX-License-Identifier: MIT
/*
 * reg_cost - what the register ioctls of this kernel cost
 *
 * Prints one line for each way of reaching registers: how many registers, how
 * many ioctls, and nanoseconds for all of them. Under `host/run --icount` a
 * nanosecond is an instruction of the host, and a figure repeats exactly.
 *
 * A fresh VM with one vCPU that has what the host offers of SVE, PMU and
 * pointer authentication.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <linux/kvm.h>
#include "asm/kvm_vm_regs.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_REGS	1024
#define VALUE_SIZE	256	/* bytes; the longest register */
#define ROUNDS		64

struct set {
	unsigned int n;
	struct kvm_one_reg regs[MAX_REGS];
	/* As an allocator would align it. */
	_Alignas(16) unsigned char values[MAX_REGS][VALUE_SIZE];
};

struct machine {
	int vm, vcpu;
	bool has_vm_regs;
	struct set of_vcpu, of_vm, writable;
};

/* What a busy guest changes between two looks, but for core and SVE. */
static const __u64 busy_ids[] = {
	KVM_REG_ARM_TIMER_CTL,
	KVM_REG_ARM_TIMER_CVAL,
	KVM_REG_ARM_PTIMER_CTL,
	KVM_REG_ARM_PTIMER_CVAL,
	ARM64_SYS_REG(3, 0, 2, 0, 0),	/* TTBR0_EL1 */
	ARM64_SYS_REG(3, 0, 2, 0, 1),	/* TTBR1_EL1 */
	ARM64_SYS_REG(3, 0, 5, 2, 0),	/* ESR_EL1 */
	ARM64_SYS_REG(3, 0, 6, 0, 0),	/* FAR_EL1 */
	ARM64_SYS_REG(3, 0, 7, 4, 0),	/* PAR_EL1 */
	ARM64_SYS_REG(3, 0, 9, 14, 1),	/* PMINTENSET_EL1 */
	ARM64_SYS_REG(3, 0, 9, 14, 2),	/* PMINTENCLR_EL1 */
	ARM64_SYS_REG(3, 0, 13, 0, 1),	/* CONTEXTIDR_EL1 */
	ARM64_SYS_REG(3, 0, 13, 0, 4),	/* TPIDR_EL1 */
	ARM64_SYS_REG(3, 3, 9, 12, 0),	/* PMCR_EL0 */
	ARM64_SYS_REG(3, 3, 9, 12, 1),	/* PMCNTENSET_EL0 */
	ARM64_SYS_REG(3, 3, 9, 12, 2),	/* PMCNTENCLR_EL0 */
	ARM64_SYS_REG(3, 3, 9, 12, 3),	/* PMOVSCLR_EL0 */
	ARM64_SYS_REG(3, 3, 9, 13, 0),	/* PMCCNTR_EL0 */
	ARM64_SYS_REG(3, 3, 9, 14, 3),	/* PMOVSSET_EL0 */
	ARM64_SYS_REG(3, 3, 13, 0, 2),	/* TPIDR_EL0 */
	ARM64_SYS_REG(3, 3, 13, 0, 3),	/* TPIDRRO_EL0 */
	ARM64_SYS_REG(3, 3, 14, 8, 0),	/* PMEVCNTR0_EL0 */
	ARM64_SYS_REG(3, 3, 14, 12, 0),	/* PMEVTYPER0_EL0 */
};

static void die(const char *what)
{
	fprintf(stderr, "reg_cost: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void do_ioctl(int fd, unsigned long request, void *arg,
		     const char *what)
{
	if (ioctl(fd, request, arg) < 0)
		die(what);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void add(struct set *set, __u64 id)
{
	set->regs[set->n].id = id;
	set->regs[set->n].addr = (__u64)(unsigned long)set->values[set->n];
	set->n++;
}

static void take_list(int fd, struct set *set)
{
	static struct {
		struct kvm_reg_list list;
		__u64 ids[MAX_REGS];
	} l;

	l.list.n = MAX_REGS;
	do_ioctl(fd, KVM_GET_REG_LIST, &l, "KVM_GET_REG_LIST");
	for (unsigned int i = 0; i < l.list.n; i++)
		add(set, l.list.reg[i]);
}

static void init_vcpu(int kvm, struct machine *m)
{
	static const struct { int cap, feature; } features[] = {
		{ KVM_CAP_ARM_SVE, KVM_ARM_VCPU_SVE },
		{ KVM_CAP_ARM_PMU_V3, KVM_ARM_VCPU_PMU_V3 },
		{ KVM_CAP_ARM_PTRAUTH_ADDRESS, KVM_ARM_VCPU_PTRAUTH_ADDRESS },
		{ KVM_CAP_ARM_PTRAUTH_GENERIC, KVM_ARM_VCPU_PTRAUTH_GENERIC },
	};
	struct kvm_vcpu_init init;
	int sve = KVM_ARM_VCPU_SVE;

	do_ioctl(m->vm, KVM_ARM_PREFERRED_TARGET, &init, "PREFERRED_TARGET");
	init.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, features[i].cap) > 0)
			init.features[0] |= 1U << features[i].feature;
	do_ioctl(m->vcpu, KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
	if (init.features[0] & 1U << KVM_ARM_VCPU_SVE)
		do_ioctl(m->vcpu, KVM_ARM_VCPU_FINALIZE, &sve, "FINALIZE");
}

static void each(int fd, unsigned long request, struct set *set)
{
	for (unsigned int i = 0; i < set->n; i++)
		do_ioctl(fd, request, &set->regs[i], "ONE_REG");
}

static void vector(int fd, unsigned long request, struct set *set)
{
	struct kvm_reg_vec vec = {
		.count = set->n,
		.regs = (__u64)(unsigned long)set->regs,
	};

	do_ioctl(fd, request, &vec, "REG_VEC");
}

static void nothing(int fd, unsigned long request, struct set *set)
{
	(void)set;
	ioctl(fd, request, 0);
}

static bool is_core(__u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_CORE;
}

static bool is_sve(__u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SVE;
}

static bool is_sysreg(__u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SYSREG;
}

static bool is_debug(__u64 id)
{
	return is_sysreg(id) && (id & KVM_REG_ARM64_SYSREG_OP0_MASK) ==
					2 << KVM_REG_ARM64_SYSREG_OP0_SHIFT;
}

/* PMEVCNTRn_EL0, PMEVTYPERn_EL0, PMCCFILTR_EL0 */
static bool is_pmu_event(__u64 id)
{
	return id >= ARM64_SYS_REG(3, 3, 14, 8, 0) &&
	       id <= ARM64_SYS_REG(3, 3, 14, 15, 7);
}

static bool is_other(__u64 id)
{
	return !is_core(id) && !is_sve(id) && !is_debug(id) &&
	       !is_pmu_event(id);
}

/* SPSR_abt, SPSR_und, SPSR_irq, SPSR_fiq */
static bool is_aarch32(__u64 id)
{
	const __u64 core = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE;

	return id >= (core | KVM_REG_ARM_CORE_REG(spsr[1])) &&
	       id <= (core | KVM_REG_ARM_CORE_REG(spsr[KVM_NR_SPSR - 1]));
}

/* All but those of 32-bit guests, and the list of vector lengths. */
static bool is_busy(__u64 id)
{
	if (is_core(id))
		return !is_aarch32(id);
	if (is_sve(id))
		return id != KVM_REG_ARM64_SVE_VLS;
	for (size_t i = 0; i < ARRAY_SIZE(busy_ids); i++)
		if (busy_ids[i] == id)
			return true;
	return false;
}

static bool is_any(__u64 id)
{
	(void)id;
	return true;
}

/* Those of a kind that are the vCPU's own. */
static const struct {
	const char *name;
	bool (*has)(__u64 id);
} kinds[] = {
	{ "own", is_any },
	{ "core", is_core },
	{ "SVE", is_sve },
	{ "debug", is_debug },
	{ "PMU events", is_pmu_event },
	{ "others", is_other },
	{ "busy", is_busy },
};

static bool holds(const struct set *set, __u64 id)
{
	for (unsigned int i = 0; i < set->n; i++)
		if (set->regs[i].id == id)
			return true;
	return false;
}

/* Of @from, those that @has names and the VM has not. */
static struct set *select_regs(const struct machine *m, const struct set *from,
			       bool (*has)(__u64 id))
{
	static struct set chosen;

	chosen.n = 0;
	for (unsigned int i = 0; i < from->n; i++) {
		if (!has(from->regs[i].id) || holds(&m->of_vm, from->regs[i].id))
			continue;
		memcpy(chosen.values[chosen.n], from->values[i], VALUE_SIZE);
		add(&chosen, from->regs[i].id);
	}
	return &chosen;
}

/* What a vCPU takes back of what it gave. */
static void keep_writable(struct machine *m)
{
	struct set *all = &m->of_vcpu, *w = &m->writable;

	each(m->vcpu, KVM_GET_ONE_REG, all);
	for (unsigned int i = 0; i < all->n; i++) {
		if (ioctl(m->vcpu, KVM_SET_ONE_REG, &all->regs[i]))
			continue;
		add(w, all->regs[i].id);
		memcpy(w->values[w->n - 1], all->values[i], VALUE_SIZE);
	}
}

static void measure(const char *way, int fd, unsigned long request,
		    struct set *set, unsigned int n_ioctls,
		    void (*run)(int fd, unsigned long request,
				struct set *set))
{
	long long start;

	run(fd, request, set);
	start = now();
	for (int i = 0; i < ROUNDS; i++)
		run(fd, request, set);
	printf("%-34s %5u %7u %9lld\n", way, set ? set->n : 0, n_ioctls,
	       (now() - start) / ROUNDS);
}

/* As little as a vector can carry. */
static void measure_least(struct machine *m)
{
	static struct set least;

	add(&least, m->of_vcpu.regs[0].id);
	measure("vCPU: GET vector, least", m->vcpu, KVM_GET_REG_VEC, &least, 1,
		vector);
	measure("vCPU: SET vector, least", m->vcpu, KVM_SET_REG_VEC, &least, 1,
		vector);
}

static void measure_kinds(struct machine *m)
{
	char way[64];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(way, sizeof(way), "vCPU: GET vector, %s",
			 kinds[i].name);
		measure(way, m->vcpu, KVM_GET_REG_VEC,
			select_regs(m, &m->of_vcpu, kinds[i].has), 1, vector);
		snprintf(way, sizeof(way), "vCPU: SET vector, %s",
			 kinds[i].name);
		measure(way, m->vcpu, KVM_SET_REG_VEC,
			select_regs(m, &m->writable, kinds[i].has), 1, vector);
	}
}

static void measure_all(struct machine *m)
{
	struct set *all = &m->of_vcpu, *vm = &m->of_vm, *w = &m->writable;

	printf("%-34s %5s %7s %9s\n", "way", "regs", "ioctls", "ns");
	measure("an ioctl that does nothing", m->vm, KVM_CHECK_EXTENSION,
		NULL, 1, nothing);
	measure("vCPU: GET each", m->vcpu, KVM_GET_ONE_REG, all, all->n, each);
	measure("vCPU: SET each", m->vcpu, KVM_SET_ONE_REG, w, w->n, each);
	if (!m->has_vm_regs)
		return;
	measure("vCPU: GET vector", m->vcpu, KVM_GET_REG_VEC, all, 1, vector);
	measure("vCPU: SET vector", m->vcpu, KVM_SET_REG_VEC, w, 1, vector);
	measure_least(m);
	measure_kinds(m);
	measure("VM: GET each", m->vm, KVM_GET_ONE_REG, vm, vm->n, each);
	measure("VM: SET each", m->vm, KVM_SET_ONE_REG, vm, vm->n, each);
	measure("VM: GET vector", m->vm, KVM_GET_REG_VEC, vm, 1, vector);
	measure("VM: SET vector", m->vm, KVM_SET_REG_VEC, vm, 1, vector);
}

int main(void)
{
	static struct machine m;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		die("/dev/kvm");
	m.vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (m.vm < 0)
		die("KVM_CREATE_VM");
	m.vcpu = ioctl(m.vm, KVM_CREATE_VCPU, 0);
	if (m.vcpu < 0)
		die("KVM_CREATE_VCPU");
	init_vcpu(kvm, &m);
	take_list(m.vcpu, &m.of_vcpu);
	keep_writable(&m);
	m.has_vm_regs = ioctl(m.vm, KVM_CHECK_EXTENSION,
			      KVM_CAP_VM_ONE_REG) > 0;
	if (m.has_vm_regs) {
		take_list(m.vm, &m.of_vm);
		each(m.vm, KVM_GET_ONE_REG, &m.of_vm);
	}
	measure_all(&m);
	return 0;
}
