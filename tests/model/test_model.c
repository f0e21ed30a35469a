// SPDX-License-Identifier: MIT
/* The model keeps KVM's rules, call by call, errno by errno. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "leaks.h"
#include "model.h"
#include "suite.h"

#define X0		(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)
#define PSTATE		(X0 | 0x42)
#define V0		(KA_REG_ARM64 | KA_REG_SIZE_U128 | KA_REG_CORE | 0x54)
#define Z0		(KA_REG_ARM64 | KA_REG_SIZE_U2048 | KA_REG_SVE)
#define MIDR		KA_SYS(3, 0, 0, 0, 0)
#define PFR0		KA_SYS(3, 0, 0, 4, 0)
#define ISAR0		KA_SYS(3, 0, 0, 6, 0)
#define TTBR0		KA_SYS(3, 0, 2, 0, 0)
#define POR_EL1		KA_SYS(3, 0, 10, 2, 4)
#define MMFR3		KA_SYS(3, 0, 0, 7, 3)
#define PMCR		KA_SYS(3, 3, 9, 12, 0)
#define PMCNTENSET	KA_SYS(3, 3, 9, 12, 1)
#define PMCNTENCLR	KA_SYS(3, 3, 9, 12, 2)
#define ALL		0x7cU	/* PSCI, PMU, SVE, both kinds of PAuth */

static struct onereg_host *host;
static struct model *m;
static struct test t;

static void setup(void)
{
	const struct model_host_options o = {
		.sve = true, .pmu = true, .pauth = true, .s1poe = true };

	cr_assert_eq(model_host_new(&o, &host), 0);
	cr_assert_eq(model_new(host, NULL, &m), 0);
	t = (struct test){ .src = { model_io(m), m } };
}

static void teardown(void)
{
	model_free(m);
	onereg_host_free(host);
	check_leaks();
}

TestSuite(model, .init = setup, .fini = teardown);

static int call(int fd, unsigned long request, void *arg)
{
	const struct onereg_io *io = model_io(m);

	return io->ioctl(io->userdata, fd, request, arg);
}

static struct guest make(uint32_t features, size_t n, bool gic)
{
	const struct shape shape = { .features = features, .n_vcpus = n,
				     .gic = gic };
	struct guest g;

	cr_assert(guest_create(&t, &g, &t.src, &shape), "%s", t.log);
	return g;
}

static struct guest started(uint32_t features, size_t n, bool gic)
{
	struct guest g = make(features, n, gic);

	cr_assert(guest_start(&t, &g), "%s", t.log);
	return g;
}

static int set64(struct guest *g, size_t vcpu, uint64_t id, uint64_t value)
{
	return guest_set(g, vcpu, id, &value);
}

static uint64_t get64(struct guest *g, size_t vcpu, uint64_t id)
{
	uint64_t value = 0;

	cr_assert_eq(guest_get(g, vcpu, id, &value), 0, "%#lx", id);
	return value;
}

static int vcpu_attr(struct guest *g, size_t vcpu, bool set, uint32_t group,
		     uint64_t attr, uint64_t *value)
{
	struct ka_device_attr a = { .group = group, .attr = attr,
				    .addr = (uintptr_t)value };

	return call(g->vcpu_fds[vcpu],
		    set ? KA_SET_DEVICE_ATTR : KA_GET_DEVICE_ATTR, &a);
}

static int gic_attr(struct guest *g, bool set, uint32_t group, uint64_t attr,
		    uint64_t *value)
{
	struct ka_device_attr a = { .group = group, .attr = attr,
				    .addr = (uintptr_t)value };

	return call(g->gic_fd, set ? KA_SET_DEVICE_ATTR : KA_GET_DEVICE_ATTR,
		    &a);
}

/* ---- life cycle ---- */

Test(model, vcpu_ids_are_unique_and_small)
{
	struct guest g = make(4, 1, false);

	cr_expect_eq(call(g.vm_fd, KA_CREATE_VCPU, (void *)0), -EEXIST);
	cr_expect_eq(call(g.vm_fd, KA_CREATE_VCPU, (void *)512), -EINVAL);
	cr_expect_geq(call(g.vm_fd, KA_CREATE_VCPU, (void *)511), 0);
	guest_destroy(&g);
}

Test(model, no_vcpu_after_the_gic_is_initialised)
{
	struct guest g = make(4, 1, true);

	cr_expect_eq(call(g.vm_fd, KA_CREATE_VCPU, (void *)1), -EBUSY);
	guest_destroy(&g);
}

Test(model, init_checks_features)
{
	struct ka_vcpu_init init = { .target = 5, .features = { 4 } };
	struct guest g = make(4, 2, false);
	int fd = g.vcpu_fds[0];

	init.features[0] = 1U << 9;
	cr_expect_eq(call(fd, KA_ARM_VCPU_INIT, &init), -ENOENT);
	init.features[0] = 4;
	init.features[1] = 1;
	cr_expect_eq(call(fd, KA_ARM_VCPU_INIT, &init), -ENOENT);
	init.features[1] = 0;
	init.features[0] = 4 | 1U << KA_VCPU_PTRAUTH_ADDRESS;
	cr_expect_eq(call(fd, KA_ARM_VCPU_INIT, &init), -EINVAL);
	init.features[0] = 4;
	init.target = 99;
	cr_expect_eq(call(fd, KA_ARM_VCPU_INIT, &init), -EINVAL);
	init.target = 5;
	cr_expect_eq(call(fd, KA_ARM_VCPU_INIT, &init), 0);
	init.features[0] = 4 | 1U << KA_VCPU_PMU_V3;
	cr_expect_eq(call(g.vcpu_fds[1], KA_ARM_VCPU_INIT, &init), -EINVAL,
		     "other features than the first vCPU's");
	init.features[0] = 4 | 1U << KA_VCPU_POWER_OFF;
	cr_expect_eq(call(g.vcpu_fds[1], KA_ARM_VCPU_INIT, &init), 0,
		     "POWER_OFF is no feature of the VM");
	guest_destroy(&g);
}

Test(model, nothing_works_before_init)
{
	struct ka_vcpu_events events = { 0 };
	struct ka_reg_list list = { 0 };
	struct guest g = make(4, 1, false);
	uint64_t value;

	cr_expect_eq(guest_get(&g, 0, X0, &value), -ENOEXEC);
	cr_expect_eq(set64(&g, 0, X0, 0), -ENOEXEC);
	cr_expect_eq(call(g.vcpu_fds[0], KA_GET_REG_LIST, &list), -ENOEXEC);
	cr_expect_eq(call(g.vcpu_fds[0], KA_GET_VCPU_EVENTS, &events),
		     -ENOEXEC);
	cr_expect_eq(call(g.vcpu_fds[0], KA_RUN, NULL), -ENOEXEC);
	guest_destroy(&g);
}

Test(model, list_tells_its_size)
{
	struct ka_reg_list list = { 0 };
	struct guest g = started(ALL, 1, false);

	cr_expect_eq(call(g.vcpu_fds[0], KA_GET_REG_LIST, &list), -E2BIG);
	cr_expect_gt(list.n, 300);
	guest_destroy(&g);
}

Test(model, vm_is_gone_with_its_last_file)
{
	const struct onereg_io *io = model_io(m);
	struct guest g = started(4, 1, false);

	io->close(io->userdata, g.vm_fd);
	g.vm_fd = -1;
	cr_expect_eq(set64(&g, 0, X0, 5), 0, "a vCPU keeps its VM");
	guest_destroy(&g);
	cr_expect_eq(model_n_open(m), 0);
	cr_expect_eq(io->close(io->userdata, 3), -EBADF);
}

/* ---- SVE ---- */

Test(model, sve_is_finalized_once)
{
	struct ka_vcpu_init init = { .target = 5, .features = { ALL } };
	struct ka_reg_list list = { 0 };
	struct guest g = make(ALL, 1, false);
	uint8_t z[256] = { 1 };
	uint64_t vls[8] = { 0x3 }, bad[8] = { 0x5 };
	int sve = KA_VCPU_SVE, other = KA_VCPU_PMU_V3, fd = g.vcpu_fds[0];

	cr_assert_eq(call(fd, KA_ARM_VCPU_INIT, &init), 0);
	cr_expect_eq(call(fd, KA_GET_REG_LIST, &list), -EPERM);
	cr_expect_eq(guest_get(&g, 0, Z0, z), -EPERM);
	cr_expect_eq(guest_set(&g, 0, KA_SVE_VLS, bad), -EINVAL,
		     "a length that the host has is left out");
	cr_expect_eq(guest_set(&g, 0, KA_SVE_VLS, vls), 0);
	cr_expect_eq(call(fd, KA_ARM_VCPU_FINALIZE, &other), -EINVAL);
	cr_expect_eq(call(fd, KA_ARM_VCPU_FINALIZE, &sve), 0);
	cr_expect_eq(call(fd, KA_ARM_VCPU_FINALIZE, &sve), -EPERM);
	cr_expect_eq(guest_set(&g, 0, KA_SVE_VLS, vls), -EPERM);
	memset(z, 0xff, sizeof(z));
	cr_expect_eq(guest_set(&g, 0, Z0, z), 0);
	cr_expect_eq(guest_get(&g, 0, Z0, z), 0);
	cr_expect(z[31] == 0xff && z[32] == 0, "what lies beyond is zero");
	cr_expect_eq(guest_get(&g, 0, V0, z), -EINVAL, "V is in Z");
	guest_destroy(&g);
}

/* ---- registers ---- */

Test(model, unknown_ids_are_refused)
{
	struct guest g = started(4, 1, false);
	uint8_t value[256] = { 0 };

	cr_expect_eq(guest_get(&g, 0, KA_SYS(3, 7, 15, 15, 7), value),
		     -ENOENT);
	cr_expect_eq(guest_get(&g, 0, TTBR0 | 1ULL << 28, value), -ENOENT);
	cr_expect_eq(guest_get(&g, 0, TTBR0 & ~KA_REG_ARM64, value), -EINVAL);
	cr_expect_eq(guest_get(&g, 0, X0 | 1, value), -EINVAL);
	cr_expect_eq(guest_get(&g, 0, X0 | 0x800, value), -ENOENT);
	cr_expect_eq(guest_get(&g, 0, Z0, value), -ENOENT, "no SVE");
	cr_expect_eq(guest_get(&g, 0, PMCR, value), -ENOENT, "no PMU");
	guest_destroy(&g);
}

Test(model, pstate_has_a_legal_mode)
{
	struct guest g = started(4, 1, false);

	cr_expect_eq(set64(&g, 0, PSTATE, 0x3c5), 0);
	cr_expect_eq(set64(&g, 0, PSTATE, 0x3c9), -EINVAL, "EL2");
	cr_expect_eq(set64(&g, 0, PSTATE, 0x13), -EINVAL, "AArch32 SVC");
	guest_destroy(&g);
}

Test(model, id_registers_lose_features_until_the_vm_ran)
{
	struct guest g = started(4, 2, false);
	uint64_t isar0 = get64(&g, 0, ISAR0);

	cr_expect_eq(set64(&g, 1, ISAR0, isar0 + 0x10), -EINVAL, "more");
	cr_expect_eq(set64(&g, 1, ISAR0, isar0 | 1), -EINVAL, "no such bit");
	cr_expect_eq(set64(&g, 1, ISAR0, isar0 - 0x10), 0);
	cr_expect_eq(get64(&g, 0, ISAR0), isar0 - 0x10, "VM-wide");
	cr_expect_eq(call(g.vcpu_fds[0], KA_RUN, NULL), -EINTR);
	cr_expect_eq(set64(&g, 0, ISAR0, isar0), -EBUSY);
	cr_expect_eq(set64(&g, 0, ISAR0, isar0 - 0x10), 0);
	cr_expect_eq(get64(&g, 0, PFR0) >> 24 & 0xf, 0,
		     "no GICv3 at the first run");
	guest_destroy(&g);
}

Test(model, host_facts_do_not_change)
{
	struct guest g = started(4, 1, false);
	uint64_t midr = get64(&g, 0, MIDR);

	cr_expect_eq(set64(&g, 0, MIDR, midr), 0);
	cr_expect_eq(set64(&g, 0, MIDR, midr + 1), -EINVAL);
	cr_expect_eq(set64(&g, 0, KA_FW(1), 1), 0, "a weaker guest");
	cr_expect_eq(get64(&g, 0, KA_FW(1)), 2, "a SET only checks");
	cr_expect_eq(set64(&g, 0, KA_FW(2), 3), -EINVAL);
	cr_expect_eq(set64(&g, 0, KA_FW(1), 0x10), -EINVAL);
	guest_destroy(&g);
}

Test(model, firmware_takes_what_it_offers)
{
	struct guest g = started(4, 2, false);

	cr_expect_eq(set64(&g, 0, KA_PSCI_VERSION, 0x10000), 0);
	cr_expect_eq(get64(&g, 1, KA_PSCI_VERSION), 0x10000);
	cr_expect_eq(set64(&g, 0, KA_PSCI_VERSION, 0x10003), -EINVAL);
	cr_expect_eq(set64(&g, 0, KA_PSCI_VERSION, 1), -EINVAL,
		     "0.1 for a vCPU with PSCI_0_2");
	cr_expect_eq(set64(&g, 0, KA_BMAP(2), 7), -EINVAL);
	cr_expect_eq(set64(&g, 0, KA_BMAP(2), 1), 0);
	cr_expect_eq(call(g.vcpu_fds[0], KA_RUN, NULL), -EINTR);
	cr_expect_eq(set64(&g, 0, KA_BMAP(2), 3), -EBUSY);
	cr_expect_eq(set64(&g, 0, KA_BMAP(2), 1), 0);
	guest_destroy(&g);
}

Test(model, id_registers_reveal_registers)
{
	struct guest g = started(4, 1, false);
	uint64_t value;

	cr_expect_eq(guest_get(&g, 0, POR_EL1, &value), 0);
	cr_expect_eq(set64(&g, 0, MMFR3, 1), 0, "without S1POE");
	cr_expect_eq(guest_get(&g, 0, POR_EL1, &value), -ENOENT);
	guest_destroy(&g);
}

Test(model, pmu_pairs_or_and_clear)
{
	struct guest g = started(4 | 1U << KA_VCPU_PMU_V3, 1, false);

	cr_expect_eq(set64(&g, 0, PMCNTENCLR, ~0ULL), 0);
	cr_expect_eq(set64(&g, 0, PMCNTENSET, 1), 0);
	cr_expect_eq(set64(&g, 0, PMCNTENSET, 2), 0);
	cr_expect_eq(get64(&g, 0, PMCNTENCLR), 3, "both read the same");
	cr_expect_eq(set64(&g, 0, PMCNTENCLR, 1), 0);
	cr_expect_eq(get64(&g, 0, PMCNTENSET), 2);
	cr_expect_eq(set64(&g, 0, PMCR, 2 << 11), 0);
	cr_expect_eq(set64(&g, 0, PMCNTENSET, ~0ULL), 0);
	cr_expect_eq(get64(&g, 0, PMCNTENSET), 0x80000003, "N is 2");
	cr_expect_eq(set64(&g, 0, PMCR, 30 << 11), 0);
	cr_expect_eq(get64(&g, 0, PMCR) >> 11, 2, "N too large is ignored");
	guest_destroy(&g);
}

Test(model, one_counter_for_the_vm)
{
	struct guest g = started(4, 2, false);

	cr_expect_eq(set64(&g, 0, KA_TIMER_CNT, 1000000), 0);
	cr_expect(get64(&g, 1, KA_TIMER_CNT) - 1000000 < 10000);
	model_sleep(m, 1000000000);
	cr_expect(get64(&g, 1, KA_TIMER_CNT) - 1000000 - 62500000 < 10000);
	cr_expect_eq(set64(&g, 0, KA_TIMER_CVAL, 5), 0);
	cr_expect_eq(set64(&g, 0, KA_TIMER_CTL, 1), 0);
	cr_expect_eq(get64(&g, 0, KA_TIMER_CTL), 5, "ISTATUS is computed");
	guest_destroy(&g);
}

/* ---- events, MP state, attributes ---- */

Test(model, events_have_rules)
{
	struct ka_vcpu_events e = { .pad = { 1 } };
	struct guest g = started(4, 1, false);
	int fd = g.vcpu_fds[0];

	cr_expect_eq(call(fd, KA_SET_VCPU_EVENTS, &e), -EINVAL);
	e = (struct ka_vcpu_events){ .reserved = { [11] = 1 } };
	cr_expect_eq(call(fd, KA_SET_VCPU_EVENTS, &e), -EINVAL);
	e = (struct ka_vcpu_events){ 1, 1, .serror_esr = 1ULL << 25 };
	cr_expect_eq(call(fd, KA_SET_VCPU_EVENTS, &e), -EINVAL);
	e.serror_esr = 42;
	cr_expect_eq(call(fd, KA_SET_VCPU_EVENTS, &e), 0);
	e = (struct ka_vcpu_events){ 0 };
	cr_expect_eq(call(fd, KA_SET_VCPU_EVENTS, &e), 0);
	cr_expect_eq(call(fd, KA_GET_VCPU_EVENTS, &e), 0);
	cr_expect(e.serror_pending && e.serror_has_esr && e.serror_esr == 42,
		  "nothing pending takes nothing away");
	guest_destroy(&g);
}

Test(model, mp_states_are_three)
{
	struct ka_mp_state mp = { 1 };
	struct guest g = started(4, 1, false);

	cr_expect_eq(call(g.vcpu_fds[0], KA_SET_MP_STATE, &mp), -EINVAL);
	mp.mp_state = KA_MP_STATE_SUSPENDED;
	cr_expect_eq(call(g.vcpu_fds[0], KA_SET_MP_STATE, &mp), 0);
	guest_destroy(&g);
}

Test(model, pmu_wants_its_interrupt_first)
{
	struct ka_vcpu_init init = { .target = 5, .features = { 0xc } };
	struct guest g = make(0xc, 2, true);
	uint64_t irq = 23, sgi = 3, other = 24;

	cr_expect_eq(vcpu_attr(&g, 0, true, 0, 0, &irq), -ENODEV, "no init");
	for (int i = 0; i < 2; i++)
		cr_assert_eq(call(g.vcpu_fds[i], KA_ARM_VCPU_INIT, &init), 0);
	cr_expect_eq(call(g.vcpu_fds[0], KA_RUN, NULL), -EINVAL);
	cr_expect_eq(vcpu_attr(&g, 0, true, 0, 1, NULL), -ENXIO);
	cr_expect_eq(vcpu_attr(&g, 0, false, 0, 0, &irq), -ENXIO);
	cr_expect_eq(vcpu_attr(&g, 0, true, 0, 0, &sgi), -EINVAL);
	cr_expect_eq(vcpu_attr(&g, 0, true, 0, 0, &irq), 0);
	cr_expect_eq(vcpu_attr(&g, 0, true, 0, 0, &irq), -EBUSY);
	cr_expect_eq(vcpu_attr(&g, 1, true, 0, 0, &other), -EINVAL,
		     "one PPI for all");
	cr_expect_eq(vcpu_attr(&g, 0, true, 0, 1, NULL), 0);
	cr_expect_eq(vcpu_attr(&g, 0, true, 0, 1, NULL), -EBUSY);
	guest_destroy(&g);
}

Test(model, timer_interrupts_are_the_vms)
{
	struct guest g = started(4, 2, true);
	uint64_t irq = 20, got = 0;

	cr_expect_eq(vcpu_attr(&g, 0, true, 1, 0, &irq), 0);
	cr_expect_eq(vcpu_attr(&g, 1, false, 1, 0, &got), 0);
	cr_expect_eq(got, 20);
	cr_expect_eq(call(g.vcpu_fds[0], KA_RUN, NULL), -EINTR);
	cr_expect_eq(vcpu_attr(&g, 0, true, 1, 0, &irq), -EBUSY);
	guest_destroy(&g);
}

Test(model, stolen_time_is_set_once)
{
	struct guest g = started(4, 1, false);
	uint64_t bad = 0x1001, ipa = 0x10000;

	cr_expect_eq(vcpu_attr(&g, 0, true, 2, 0, &bad), -EINVAL);
	cr_expect_eq(vcpu_attr(&g, 0, true, 2, 0, &ipa), 0);
	cr_expect_eq(vcpu_attr(&g, 0, true, 2, 0, &ipa), -EEXIST);
	guest_destroy(&g);
}

/* ---- GIC ---- */

Test(model, gic_is_one_and_has_addresses)
{
	struct ka_create_device cd = { .type = 99 };
	struct guest g = started(4, 1, true);
	uint64_t dist = 0x08000000, odd = 0x123, irqs = 64;

	cr_expect_eq(call(g.vm_fd, KA_CREATE_DEVICE, &cd), -ENODEV);
	cd.type = KA_DEV_TYPE_ARM_VGIC_V3;
	cr_expect_eq(call(g.vm_fd, KA_CREATE_DEVICE, &cd), -EEXIST);
	cr_expect_eq(gic_attr(&g, true, 0, 2, &dist), -EEXIST);
	cr_expect_eq(gic_attr(&g, true, 0, 9, &odd), -ENXIO);
	cr_expect_eq(gic_attr(&g, true, 3, 0, &irqs), -EBUSY);
	irqs = 65;
	cr_expect_eq(gic_attr(&g, true, 3, 0, &irqs), -EINVAL);
	guest_destroy(&g);
}

Test(model, gic_registers_have_the_semantics_of_userspace)
{
	struct guest g = started(4, 1, true);
	uint64_t v = 0xf0, w = 0;

	cr_expect_eq(gic_attr(&g, true, 1, 0x104, &v), 0, "ISENABLER1");
	v = 0x30;
	cr_expect_eq(gic_attr(&g, true, 1, 0x184, &v), 0, "ICENABLER1");
	cr_expect_eq(gic_attr(&g, false, 1, 0x104, &w), 0);
	cr_expect_eq(w, 0xc0);
	v = 0x5;
	cr_expect_eq(gic_attr(&g, true, 1, 0x204, &v), 0, "ISPENDR1");
	v = 0x2;
	cr_expect_eq(gic_attr(&g, true, 1, 0x204, &v), 0);
	cr_expect_eq(gic_attr(&g, false, 1, 0x204, &w), 0);
	cr_expect_eq(w, 2, "a write is the whole state");
	cr_expect_eq(gic_attr(&g, false, 1, 0x284, &w), 0);
	cr_expect_eq(w, 0, "ICPENDR reads as zero");
	v = 0xffffffff;
	cr_expect_eq(gic_attr(&g, true, 1, 0x420, &v), 0);
	cr_expect_eq(gic_attr(&g, false, 1, 0x420, &w), 0);
	cr_expect_eq(w, 0xf8f8f8f8, "five bits of priority");
	cr_expect_eq(gic_attr(&g, true, 1, 4, &v), 0, "TYPER ignores it");
	cr_expect_eq(gic_attr(&g, false, 5, 5ULL << 32, &w), -EINVAL,
		     "no such redistributor");
	guest_destroy(&g);
}

Test(model, gic_revision_is_one_that_it_knows)
{
	struct guest g = started(4, 1, true);
	uint64_t v = 0;

	cr_expect_eq(gic_attr(&g, false, 1, 8, &v), 0);
	v = (v & ~0xf000ULL) | 0x2000;
	cr_expect_eq(gic_attr(&g, true, 1, 8, &v), 0);
	v ^= 0x6000;
	cr_expect_eq(gic_attr(&g, true, 1, 8, &v), -EINVAL);
	v ^= 0x6001;
	cr_expect_eq(gic_attr(&g, true, 1, 8, &v), -EINVAL);
	guest_destroy(&g);
}

Test(model, gic_is_busy_while_a_vcpu_runs)
{
	struct guest g = started(4, 2, true);
	uint64_t v = 0;

	cr_assert_eq(model_set_running(m, g.vcpu_fds[1], true), 0);
	cr_expect_eq(gic_attr(&g, false, 1, 0, &v), -EBUSY);
	cr_assert_eq(model_set_running(m, g.vcpu_fds[1], false), 0);
	cr_expect_eq(gic_attr(&g, false, 1, 0, &v), 0);
	guest_destroy(&g);
}

/* ---- the rest ---- */

Test(model, capabilities_are_enabled_by_number)
{
	struct ka_enable_cap cap = { .cap = KA_CAP_ARM_NISV_TO_USER };
	struct guest g = make(4, 1, false);

	cr_expect_eq(call(g.vm_fd, KA_ENABLE_CAP, &cap), 0);
	cap.flags = 1;
	cr_expect_eq(call(g.vm_fd, KA_ENABLE_CAP, &cap), -EINVAL);
	cap = (struct ka_enable_cap){ .cap = KA_CAP_ARM_MTE };
	cr_expect_eq(call(g.vm_fd, KA_ENABLE_CAP, &cap), -EINVAL);
	guest_destroy(&g);
}

static int guest_code(void *userdata, struct model *model, int vcpu_fd)
{
	uint64_t value = *(uint64_t *)userdata;

	return model_poke(model, vcpu_fd, X0, &value);
}

Test(model, a_function_plays_the_guest)
{
	struct guest g = started(4, 1, false);
	uint64_t value = 77, got = 0;

	model_set_guest(m, guest_code, &value);
	cr_expect_eq(call(g.vcpu_fds[0], KA_RUN, NULL), 0);
	cr_expect_eq(model_peek(m, g.vcpu_fds[0], X0, &got), 0);
	cr_expect_eq(got, 77);
	guest_destroy(&g);
}

Test(model, scribbles_are_repeatable_and_differ_by_seed)
{
	struct guest a = started(ALL, 2, true), b = started(ALL, 2, true);
	struct guest c = started(ALL, 2, true);
	char text[512];

	cr_assert_eq(model_scribble(m, a.vm_fd, 1), 0);
	cr_assert_eq(model_scribble(m, b.vm_fd, 1), 0);
	cr_assert_eq(model_scribble(m, c.vm_fd, 2), 0);
	cr_expect_eq(model_compare(m, a.vm_fd, m, b.vm_fd, text, sizeof(text)),
		     0, "%s", text);
	cr_expect_gt(model_compare(m, a.vm_fd, m, c.vm_fd, text, sizeof(text)),
		     400);
	guest_destroy(&a);
	guest_destroy(&b);
	guest_destroy(&c);
}

/* What the library learns of the model is what the model was made from. */
Test(model, describes_as_it_was_made)
{
	struct onereg_describe_options o = { .size = sizeof(o),
					     .io = model_io(m) };
	struct onereg_report *report;
	struct onereg_host *again;
	char line[256] = "";

	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_host_describe(&o, &again, report), 0);
	onereg_report_clear(report);
	cr_assert_eq(onereg_host_diff(host, again, report), 0);
	onereg_report_format(report, line, sizeof(line));
	cr_expect_eq(onereg_report_verdict(report), ONEREG_YES, "%s", line);
	onereg_report_free(report);
	onereg_host_free(again);
}
