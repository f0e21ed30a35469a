// SPDX-License-Identifier: MIT
/* VM-scoped registers on the model: the kernel's own file, call by call. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/uapi.h"
#include "leaks.h"
#include "model.h"
#include "suite.h"

#define X0		(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)
#define MIDR		KA_SYS(3, 0, 0, 0, 0)
#define ISAR0		KA_SYS(3, 0, 0, 6, 0)
#define TTBR0		KA_SYS(3, 0, 2, 0, 0)
#define TAGGED		(1ULL << 28)
#define N_EARLY		12	/* 4 configuration, 3 bitmaps, 3 facts, 2 counts */
#define N_ALL		73
#define FEATURES	(1U << KA_VCPU_PSCI_0_2)

static struct onereg_host *host;
static struct model *m;
static struct test t;

static void setup_host(bool vm_regs)
{
	const struct model_host_options o = {
		.sve = true, .pmu = true, .vm_regs = vm_regs };

	cr_assert_eq(model_host_new(&o, &host), 0);
	cr_assert_eq(model_new(host, NULL, &m), 0);
	t = (struct test){ .src = { model_io(m), m } };
}

static void setup(void)
{
	setup_host(true);
}

static void setup_stock(void)
{
	setup_host(false);
}

static void teardown(void)
{
	model_free(m);
	onereg_host_free(host);
	check_leaks();
}

TestSuite(vm_regs, .init = setup, .fini = teardown);
TestSuite(stock, .init = setup_stock, .fini = teardown);

static int call(int fd, unsigned long request, void *arg)
{
	const struct onereg_io *io = model_io(m);

	return io->ioctl(io->userdata, fd, request, arg);
}

static struct guest make(size_t n)
{
	const struct shape shape = { .features = FEATURES, .n_vcpus = n };
	struct guest g;

	cr_assert(guest_create(&t, &g, &t.src, &shape), "%s", t.log);
	return g;
}

/* A VM without vCPUs; guest_destroy() closes it. */
static struct guest bare(void)
{
	struct guest g = { .machine = &t.src, .gic_fd = -1 };

	g.kvm_fd = model_io(m)->open(m, "/dev/kvm");
	g.vm_fd = call(g.kvm_fd, KA_CREATE_VM, NULL);
	cr_assert_geq(g.vm_fd, 0);
	return g;
}

static struct guest started(size_t n)
{
	struct guest g = make(n);

	cr_assert(guest_start(&t, &g), "%s", t.log);
	return g;
}

static int set(int fd, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)&value };

	return call(fd, KVM_SET_ONE_REG, &reg);
}

static int get(int fd, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { id, (uintptr_t)value };

	return call(fd, KVM_GET_ONE_REG, &reg);
}

static uint64_t value_of(int fd, uint64_t id)
{
	uint64_t value = 0;

	cr_assert_eq(get(fd, id, &value), 0, "%#lx", id);
	return value;
}

static int scope_mode(int vm_fd, uint64_t mode)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_REG_SCOPE,
				      .args = { mode } };

	return call(vm_fd, KVM_ENABLE_CAP, &cap);
}

static uint64_t list_size(int fd)
{
	struct kvm_reg_list list = { 0 };

	cr_expect_eq(call(fd, KVM_GET_REG_LIST, &list), -E2BIG);
	return list.n;
}

static struct kvm_reg_list *list_of(int fd)
{
	uint64_t n = list_size(fd);
	struct kvm_reg_list *list = malloc(sizeof(*list) + n * 8);

	list->n = n;
	cr_assert_eq(call(fd, KVM_GET_REG_LIST, list), 0);
	return list;
}

static size_t n_tagged(const struct kvm_reg_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += !!(list->reg[i] & TAGGED);
	return n;
}

static int run(struct guest *g, size_t vcpu)
{
	return call(g->vcpu_fds[vcpu], KA_RUN, NULL);
}

/* ---- the list, and what it holds ---- */

Test(vm_regs, list_grows_with_the_first_init)
{
	struct guest g = make(1);

	cr_expect_eq(list_size(g.vm_fd), N_EARLY);
	cr_assert(guest_start(&t, &g), "%s", t.log);
	cr_expect_eq(list_size(g.vm_fd), N_ALL);
	guest_destroy(&g);
}

Test(vm_regs, every_listed_register_can_be_read_and_written_back)
{
	struct kvm_reg_list *list;
	struct guest g = started(2);

	list = list_of(g.vm_fd);
	for (size_t i = 0; i < list->n; i++) {
		uint64_t value = value_of(g.vm_fd, list->reg[i]);

		cr_expect_eq(set(g.vm_fd, list->reg[i], value), 0, "%#llx",
			     list->reg[i]);
	}
	free(list);
	guest_destroy(&g);
}

Test(vm_regs, host_facts_are_there_before_any_vcpu)
{
	struct guest g = bare();
	uint64_t midr = value_of(g.vm_fd, MIDR), value;

	cr_expect_eq(midr, 0xf0510);
	cr_expect_eq(set(g.vm_fd, MIDR, midr), 0);
	cr_expect_eq(set(g.vm_fd, MIDR, midr + 1), -EINVAL);
	cr_expect_eq(get(g.vm_fd, ISAR0, &value), -ENOENT);
	guest_destroy(&g);
}

Test(vm_regs, vcpu_registers_are_not_the_vms)
{
	struct guest g = started(1);
	uint64_t value;

	cr_expect_eq(get(g.vm_fd, X0, &value), -ENOENT);
	cr_expect_eq(get(g.vm_fd, TTBR0, &value), -ENOENT);
	cr_expect_eq(get(g.vm_fd, ISAR0 | TAGGED, &value), -ENOENT);
	cr_expect_eq(get(g.vcpu_fds[0], KVM_REG_ARM_VM_ASYM, &value),
		     -ENOENT);
	guest_destroy(&g);
}

/* ---- one value, two ways ---- */

Test(vm_regs, vm_and_vcpus_see_one_value)
{
	struct guest g = started(2);
	uint64_t isar0 = value_of(g.vm_fd, ISAR0) - 0x10;

	cr_expect_eq(set(g.vm_fd, ISAR0, isar0), 0);
	cr_expect_eq(value_of(g.vcpu_fds[1], ISAR0), isar0);
	cr_expect_eq(set(g.vcpu_fds[1], KA_BMAP(2), 1), 0);
	cr_expect_eq(value_of(g.vm_fd, KA_BMAP(2)), 1);
	cr_expect_eq(set(g.vm_fd, KA_TIMER_CNT, 5000000), 0);
	cr_expect(value_of(g.vcpu_fds[1], KA_TIMER_CNT) - 5000000 < 10000);
	guest_destroy(&g);
}

Test(vm_regs, features_are_fixed_by_the_first_run)
{
	static const uint64_t ids[] = { ISAR0, KA_BMAP(0), KA_PSCI_VERSION };
	static const uint64_t delta[] = { 0x10, 1, 1 };
	struct guest g = started(2);

	cr_expect_eq(run(&g, 0), -EINTR);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t value = value_of(g.vm_fd, ids[i]);

		cr_expect_eq(set(g.vm_fd, ids[i], value), 0, "%zu", i);
		cr_expect_eq(set(g.vm_fd, ids[i], value - delta[i]), -EBUSY,
			     "%zu", i);
	}
	cr_expect_eq(set(g.vcpu_fds[0], KA_PSCI_VERSION, 0x10000), 0,
		     "on a vCPU as ever");
	guest_destroy(&g);
}

Test(vm_regs, counter_offset_can_be_read)
{
	uint64_t offset[2] = { 1234, 0 };
	struct guest g = started(2);

	cr_expect_eq(value_of(g.vm_fd, KVM_REG_ARM_VM_COUNTER_OFFSET), 0);
	cr_assert_eq(model_set_running(m, g.vcpu_fds[1], true), 0);
	cr_expect_eq(set(g.vm_fd, KVM_REG_ARM_VM_COUNTER_OFFSET, 1), -EBUSY);
	cr_assert_eq(model_set_running(m, g.vcpu_fds[1], false), 0);
	cr_expect_eq(call(g.vm_fd, KVM_ARM_SET_COUNTER_OFFSET, offset), 0);
	cr_expect_eq(value_of(g.vm_fd, KVM_REG_ARM_VM_COUNTER_OFFSET), 1234);
	cr_expect_eq(value_of(g.vm_fd, KVM_REG_ARM_VM_CAPS),
		     KVM_REG_ARM_VM_CAPS_COUNTER_OFFSET);
	cr_expect_eq(set(g.vm_fd, KA_TIMER_CNT, 5), 0);
	cr_expect_eq(value_of(g.vm_fd, KVM_REG_ARM_VM_COUNTER_OFFSET), 1234,
		     "the offset wins");
	guest_destroy(&g);
}

/* ---- configuration ---- */

Test(vm_regs, features_can_be_pinned)
{
	struct ka_vcpu_init init = { .target = 5, .features = { FEATURES } };
	struct guest g = bare();
	uint32_t pinned = FEATURES | 1U << KA_VCPU_PMU_V3;
	int fd;

	cr_expect_eq(set(g.vm_fd, KVM_REG_ARM_VM_FEATURES, 1), -EINVAL);
	cr_expect_eq(set(g.vm_fd, KVM_REG_ARM_VM_FEATURES, 1ULL << 32),
		     -EINVAL);
	cr_expect_eq(set(g.vm_fd, KVM_REG_ARM_VM_FEATURES, pinned), 0);
	fd = call(g.vm_fd, KA_CREATE_VCPU, (void *)0);
	cr_assert_geq(fd, 0);
	cr_expect_eq(set(g.vm_fd, KVM_REG_ARM_VM_FEATURES, 0), -EBUSY);
	cr_expect_eq(call(fd, KA_ARM_VCPU_INIT, &init), -EINVAL);
	init.features[0] = pinned | 1U << KA_VCPU_POWER_OFF;
	cr_expect_eq(call(fd, KA_ARM_VCPU_INIT, &init), 0);
	cr_expect_eq(value_of(g.vm_fd, KVM_REG_ARM_VM_FEATURES), pinned);
	model_io(m)->close(m, fd);
	guest_destroy(&g);
}

Test(vm_regs, vcpus_may_offer_different_hypercalls)
{
	struct guest g = bare();
	uint64_t value;
	int fd[2];

	cr_expect_eq(set(g.vm_fd, KVM_REG_ARM_VM_ASYM, 2), -EINVAL);
	cr_expect_eq(set(g.vm_fd, KA_BMAP(2), 1), 0);
	cr_expect_eq(set(g.vm_fd, KVM_REG_ARM_VM_ASYM, 1), 0);
	cr_expect_eq(get(g.vm_fd, KA_BMAP(2), &value), -ENOENT);
	cr_expect_eq(list_size(g.vm_fd), N_EARLY - 3);
	for (long i = 0; i < 2; i++) {
		struct ka_vcpu_init init = { 5, { FEATURES } };

		fd[i] = call(g.vm_fd, KA_CREATE_VCPU, (void *)i);
		cr_assert_eq(call(fd[i], KA_ARM_VCPU_INIT, &init), 0);
	}
	cr_expect_eq(set(g.vm_fd, KVM_REG_ARM_VM_ASYM, 0), -EBUSY);
	cr_expect_eq(value_of(fd[0], KA_BMAP(2)), 1, "as the VM had it");
	cr_expect_eq(set(fd[0], KA_BMAP(2), 3), 0);
	cr_expect_eq(value_of(fd[1], KA_BMAP(2)), 1);
	cr_expect_eq(call(fd[1], KA_RUN, NULL), -EINTR);
	cr_expect_eq(set(fd[0], KA_BMAP(2), 1), -EBUSY);
	for (int i = 0; i < 2; i++)
		model_io(m)->close(m, fd[i]);
	guest_destroy(&g);
}

/* ---- scope in the id ---- */

Test(vm_regs, tags_say_whose_a_register_is)
{
	struct kvm_reg_list *list;
	struct guest g = bare();
	uint64_t value;
	int fd;

	cr_expect_eq(scope_mode(g.vm_fd, 3), -EINVAL);
	cr_expect_eq(scope_mode(g.vm_fd, KVM_ARM_REG_SCOPE_TAG), 0);
	fd = call(g.vm_fd, KA_CREATE_VCPU, (void *)0);
	cr_expect_eq(scope_mode(g.vm_fd, KVM_ARM_REG_SCOPE_OFF), -EBUSY);
	cr_assert_eq(call(fd, KA_ARM_VCPU_INIT,
			  &(struct ka_vcpu_init){ 5, { FEATURES } }), 0);
	list = list_of(fd);
	cr_expect_eq(n_tagged(list), N_ALL - 4, "but the configuration");
	cr_expect_eq(value_of(fd, ISAR0), value_of(fd, ISAR0 | TAGGED));
	cr_expect_eq(value_of(g.vm_fd, ISAR0 | TAGGED), value_of(fd, ISAR0));
	cr_expect_eq(get(fd, X0 | TAGGED, &value), -ENOENT);
	free(list);
	model_io(m)->close(m, fd);
	guest_destroy(&g);
}

Test(vm_regs, omitted_registers_are_on_the_vms_list_only)
{
	struct guest plain = started(1), g = bare();
	struct kvm_reg_list *list;
	int fd;

	cr_expect_eq(scope_mode(g.vm_fd, KVM_ARM_REG_SCOPE_OMIT), 0);
	fd = call(g.vm_fd, KA_CREATE_VCPU, (void *)0);
	cr_assert_eq(call(fd, KA_ARM_VCPU_INIT,
			  &(struct ka_vcpu_init){ 5, { FEATURES } }), 0);
	list = list_of(fd);
	cr_expect_eq(list->n + N_ALL - 4, list_size(plain.vcpu_fds[0]));
	for (size_t i = 0; i < list->n; i++)
		cr_expect_neq(list->reg[i], ISAR0);
	cr_expect_eq(value_of(fd, ISAR0), value_of(g.vm_fd, ISAR0));
	free(list);
	model_io(m)->close(m, fd);
	guest_destroy(&g);
	guest_destroy(&plain);
}

/* ---- vectors ---- */

Test(vm_regs, vectors_stop_at_the_first_error)
{
	uint64_t v[3] = { 0 };
	struct kvm_one_reg regs[] = {
		{ X0, (uintptr_t)&v[0] },
		{ X0 | TAGGED, (uintptr_t)&v[1] },
		{ X0 + 2, (uintptr_t)&v[2] },
	};
	struct kvm_reg_vec vec = { .count = 3, .regs = (uintptr_t)regs };
	struct guest g = started(1);
	int fd = g.vcpu_fds[0];

	cr_assert_eq(set(fd, X0, 7), 0);
	cr_expect_eq(call(fd, KVM_GET_REG_VEC, &vec), -ENOENT);
	cr_expect(vec.done == 1 && v[0] == 7);
	regs[1].id = X0 + 4;
	cr_expect_eq(call(fd, KVM_GET_REG_VEC, &vec), 0);
	cr_expect_eq(vec.done, 3);
	vec.flags = 1;
	cr_expect_eq(call(fd, KVM_GET_REG_VEC, &vec), -EINVAL);
	vec.flags = 0;
	vec.count = KVM_REG_VEC_MAX + 1;
	cr_expect_eq(call(fd, KVM_GET_REG_VEC, &vec), -EINVAL);
	guest_destroy(&g);
}

/* Two pages, the second of which nobody may touch. */
static char *half_a_mapping(size_t *page)
{
	char *p;

	*page = 4096;
	p = mmap(NULL, 2 * *page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(p, MAP_FAILED);
	cr_assert_eq(mprotect(p + *page, *page, PROT_NONE), 0);
	return p;
}

Test(vm_regs, vector_that_leaves_memory_says_how_far_it_came)
{
	size_t page;
	char *p = half_a_mapping(&page);
	struct kvm_one_reg *regs = (void *)(p + page - 2 * sizeof(*regs));
	struct kvm_reg_vec vec = { .count = 4, .regs = (uintptr_t)regs };
	struct guest g = started(1);
	uint64_t v[2] = { 0 };

	regs[0] = (struct kvm_one_reg){ X0, (uintptr_t)&v[0] };
	regs[1] = (struct kvm_one_reg){ X0 + 2, (uintptr_t)&v[1] };
	cr_expect_eq(call(g.vcpu_fds[0], KVM_GET_REG_VEC, &vec), -EFAULT);
	cr_expect_eq(vec.done, 2);
	regs[1].addr = (uintptr_t)p + page - 4;
	cr_expect_eq(call(g.vcpu_fds[0], KVM_SET_REG_VEC, &vec), -EFAULT);
	cr_expect_eq(vec.done, 1);
	munmap(p, 2 * page);
	guest_destroy(&g);
}

/* ---- memory that is not there ---- */

static const struct {
	bool vm;
	unsigned long request;
} with_memory[] = {
	{ true, KVM_ENABLE_CAP },
	{ true, KVM_GET_REG_LIST },
	{ true, KVM_GET_ONE_REG },
	{ true, KVM_SET_ONE_REG },
	{ true, KVM_GET_REG_VEC },
	{ true, KVM_SET_REG_VEC },
	{ true, KVM_ARM_SET_COUNTER_OFFSET },
	{ true, KA_ARM_PREFERRED_TARGET },
	{ true, KA_CREATE_DEVICE },
	{ true, KA_ARM_GET_REG_WRITABLE_MASKS },
	{ false, KA_ARM_VCPU_INIT },
	{ false, KA_GET_MP_STATE },
	{ false, KA_SET_MP_STATE },
	{ false, KA_GET_VCPU_EVENTS },
	{ false, KA_SET_VCPU_EVENTS },
	{ false, KA_ARM_VCPU_FINALIZE },
	{ false, KA_GET_DEVICE_ATTR },
	{ false, KVM_GET_REG_LIST },
	{ false, KVM_GET_ONE_REG },
	{ false, KVM_SET_ONE_REG },
	{ false, KVM_GET_REG_VEC },
	{ false, KVM_SET_REG_VEC },
};

Test(vm_regs, every_ioctl_refuses_memory_that_is_not_there)
{
	size_t page;
	char *p = half_a_mapping(&page);
	const uintptr_t bad[] = {
		0, 8, (uintptr_t)p + page, (uintptr_t)p + page - 2, 1UL << 47,
		-4UL, -4096UL,
	};
	struct guest g = started(1);

	for (size_t i = 0; i < ARRAY_SIZE(with_memory); i++)
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++)
			cr_expect_eq(call(with_memory[i].vm ? g.vm_fd :
							      g.vcpu_fds[0],
					  with_memory[i].request,
					  (void *)bad[j]),
				     -EFAULT, "%zu, %#lx", i, bad[j]);
	munmap(p, 2 * page);
	guest_destroy(&g);
}

Test(vm_regs, values_that_are_not_there)
{
	struct guest g = started(1);
	struct kvm_one_reg reg = { ISAR0, 0 };
	void *read_only = mmap(NULL, 4096, PROT_READ,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_expect_eq(call(g.vm_fd, KVM_GET_ONE_REG, &reg), -EFAULT);
	reg.addr = (uintptr_t)read_only;
	cr_expect_eq(call(g.vm_fd, KVM_GET_ONE_REG, &reg), -EFAULT);
	reg.id = KA_TIMER_CNT;
	cr_expect_eq(call(g.vm_fd, KVM_SET_ONE_REG, &reg), 0);
	reg.id = TTBR0;
	cr_expect_eq(call(g.vcpu_fds[0], KVM_SET_ONE_REG, &reg), 0);
	cr_expect_eq(call(g.vcpu_fds[0], KVM_GET_ONE_REG, &reg), -EFAULT);
	munmap(read_only, 4096);
	guest_destroy(&g);
}

/* ---- a kernel without all this ---- */

Test(stock, kernel_knows_nothing_of_it)
{
	struct kvm_reg_vec vec = { .count = 1 };
	struct kvm_reg_list list = { 0 };
	struct guest g = started(1);
	uint64_t value;

	cr_expect_eq(call(g.kvm_fd, KA_CHECK_EXTENSION,
			  (void *)KVM_CAP_VM_ONE_REG), 0);
	cr_expect_eq(call(g.vm_fd, KA_CHECK_EXTENSION,
			  (void *)KVM_CAP_ARM_REG_SCOPE), 0);
	cr_expect_eq(scope_mode(g.vm_fd, KVM_ARM_REG_SCOPE_TAG), -EINVAL);
	cr_expect_eq(call(g.vm_fd, KVM_GET_REG_LIST, &list), -EINVAL);
	cr_expect_eq(get(g.vm_fd, ISAR0, &value), -ENODEV,
		     "KVM_ARM_SET_DEVICE_ADDR, by its number");
	cr_expect_eq(set(g.vm_fd, ISAR0, 0), -EINVAL);
	cr_expect_eq(call(g.vm_fd, KVM_GET_REG_VEC, &vec), -EINVAL);
	cr_expect_eq(call(g.vcpu_fds[0], KVM_GET_REG_VEC, &vec), -EINVAL);
	cr_expect_eq(get(g.vcpu_fds[0], ISAR0 | TAGGED, &value), -ENOENT);
	guest_destroy(&g);
}

Test(vm_regs, capabilities_are_told)
{
	struct guest g = bare();

	cr_expect_eq(call(g.kvm_fd, KA_CHECK_EXTENSION,
			  (void *)KVM_CAP_VM_ONE_REG), 15);
	cr_expect_eq(call(g.vm_fd, KA_CHECK_EXTENSION,
			  (void *)KVM_CAP_ARM_REG_SCOPE), 3);
	guest_destroy(&g);
}
