// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_regs_vec - many registers in one call, on a vCPU and on the VM
 *
 * One test for each rule and each error of KVM_GET_REG_VEC and
 * KVM_SET_REG_VEC in Documentation/virt/kvm/arm/vm-regs.rst.
 */
#include <signal.h>
#include <sys/time.h>

#include "vm_regs.h"

/* What done holds before a call that must set it. */
#define NEVER		0xdeadU

static const unsigned long ioctls[] = { KVM_GET_REG_VEC, KVM_SET_REG_VEC };

FIXTURE(vec) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[NR_VCPUS];
	u64 val[4];
	struct kvm_one_reg regs[4];
	struct kvm_reg_vec vec;
};

FIXTURE_VARIANT(vec) {
	bool on_vm;
};

FIXTURE_VARIANT_ADD(vec, on_vcpu) {
	.on_vm = false,
};

FIXTURE_VARIANT_ADD(vec, on_vm) {
	.on_vm = true,
};

/* Four registers that any fd knows, each read before it is written. */
FIXTURE_SETUP(vec)
{
	static const u64 ids[] = {
		REG_ISAR0,
		KVM_REG_ARM_STD_BMAP,
		KVM_REG_ARM_STD_HYP_BMAP,
		KVM_REG_ARM_VENDOR_HYP_BMAP,
	};

	self->vm = vm_create(NR_VCPUS);
	for (u32 i = 0; i < NR_VCPUS; i++)
		self->vcpu[i] = add_vcpu(self->vm, i, FEATURE_PSCI, NULL);
	for (int i = 0; i < ARRAY_SIZE(ids); i++) {
		self->val[i] = vm_value(self->vm, ids[i]);
		self->regs[i].id = ids[i];
		self->regs[i].addr = (uintptr_t)&self->val[i];
	}
	self->vec = (struct kvm_reg_vec){
		.count = ARRAY_SIZE(ids),
		.done = NEVER,
		.regs = (uintptr_t)self->regs,
	};
}

FIXTURE_TEARDOWN(vec)
{
	kvm_vm_free(self->vm);
}

static int fd_of(struct _test_data_vec *self,
		 const struct _fixture_variant_vec *variant)
{
	return variant->on_vm ? self->vm->fd : self->vcpu[0]->fd;
}

TEST_F(vec, reserved_fields_must_be_zero)
{
	int fd = fd_of(self, variant);

	for (int i = 0; i < ARRAY_SIZE(ioctls); i++) {
		for (int bit = 0; bit < 64; bit += 21) {
			self->vec.flags = BIT(bit);
			EXPECT_EQ(EINVAL, reg_vec(fd, ioctls[i], &self->vec));
			self->vec.flags = 0;
			self->vec.reserved = BIT(bit);
			EXPECT_EQ(EINVAL, reg_vec(fd, ioctls[i], &self->vec));
			self->vec.reserved = 0;
		}
		EXPECT_EQ(0, self->vec.done);
		EXPECT_EQ(0, reg_vec(fd, ioctls[i], &self->vec));
		EXPECT_EQ(4, self->vec.done);
	}
}

TEST_F(vec, count_is_one_to_max)
{
	static struct kvm_one_reg regs[KVM_REG_VEC_MAX + 1];
	int fd = fd_of(self, variant);

	for (int i = 0; i < ARRAY_SIZE(regs); i++)
		regs[i] = self->regs[0];
	self->vec.regs = (uintptr_t)regs;
	for (int i = 0; i < ARRAY_SIZE(ioctls); i++) {
		static const u32 bad[] = { 0, KVM_REG_VEC_MAX + 1, ~0U };

		for (int n = 0; n < ARRAY_SIZE(bad); n++) {
			self->vec.count = bad[n];
			self->vec.done = NEVER;
			EXPECT_EQ(EINVAL, reg_vec(fd, ioctls[i], &self->vec));
			EXPECT_EQ(0, self->vec.done);
		}
		self->vec.count = KVM_REG_VEC_MAX;
		EXPECT_EQ(0, reg_vec(fd, ioctls[i], &self->vec));
		EXPECT_EQ(KVM_REG_VEC_MAX, self->vec.done);
		self->vec.count = 1;
		EXPECT_EQ(0, reg_vec(fd, ioctls[i], &self->vec));
		EXPECT_EQ(1, self->vec.done);
	}
}

TEST_F(vec, bad_addresses)
{
	int fd = fd_of(self, variant);

	for (int i = 0; i < ARRAY_SIZE(ioctls); i++) {
		EXPECT_EQ(EFAULT, reg_vec(fd, ioctls[i],
					  (struct kvm_reg_vec *)BAD_ADDR));
		self->vec.regs = BAD_ADDR;
		self->vec.done = NEVER;
		EXPECT_EQ(EFAULT, reg_vec(fd, ioctls[i], &self->vec));
		EXPECT_EQ(0, self->vec.done);
		self->vec.regs = (uintptr_t)self->regs;

		self->regs[2].addr = BAD_ADDR;
		EXPECT_EQ(EFAULT, reg_vec(fd, ioctls[i], &self->vec));
		EXPECT_EQ(2, self->vec.done);
		self->regs[2].addr = (uintptr_t)&self->val[2];
	}
}

TEST_F(vec, entries_end_at_the_end_of_a_page)
{
	int fd = fd_of(self, variant);
	long page = getpagesize();
	struct kvm_one_reg *regs;
	char *mem;

	mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem + page, page));
	regs = (void *)(mem + page - 3 * sizeof(*regs));
	memcpy(regs, self->regs, 3 * sizeof(*regs));
	self->vec.regs = (uintptr_t)regs;
	for (int i = 0; i < ARRAY_SIZE(ioctls); i++) {
		self->vec.count = 4;
		EXPECT_EQ(EFAULT, reg_vec(fd, ioctls[i], &self->vec));
		EXPECT_EQ(3, self->vec.done);
		self->vec.count = 3;
		EXPECT_EQ(0, reg_vec(fd, ioctls[i], &self->vec));
	}
}

/* Entries are taken some at a time, but each of them counts. */
TEST_F(vec, entries_end_anywhere)
{
	int fd = fd_of(self, variant);
	long page = getpagesize();
	char *mem;

	mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem + page, page));
	for (u32 n = 0; n < 100; n++) {
		struct kvm_one_reg *regs = (void *)(mem + page);

		for (u32 i = 0; i < n; i++)
			*--regs = self->regs[i % 4];
		self->vec.regs = (uintptr_t)regs;
		self->vec.count = 100;
		for (int i = 0; i < ARRAY_SIZE(ioctls); i++) {
			EXPECT_EQ(EFAULT, reg_vec(fd, ioctls[i], &self->vec));
			EXPECT_EQ(n, self->vec.done);
		}
	}
}

TEST_F(vec, done_that_cannot_be_told)
{
	long page = getpagesize();
	struct kvm_reg_vec *vec;

	vec = mmap(NULL, page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, vec);
	*vec = self->vec;
	ASSERT_EQ(0, mprotect(vec, page, PROT_READ));
	EXPECT_EQ(EFAULT, reg_vec(fd_of(self, variant), KVM_GET_REG_VEC, vec));
}

TEST_F(vec, the_first_that_fails_ends_it)
{
	int fd = fd_of(self, variant);

	self->regs[2].id = KVM_REG_ARM_VM_REG(0x77);
	for (int i = 0; i < ARRAY_SIZE(ioctls); i++) {
		EXPECT_EQ(ENOENT, reg_vec(fd, ioctls[i], &self->vec));
		EXPECT_EQ(2, self->vec.done);
	}
	self->regs[2].id = KVM_REG_ARM_STD_HYP_BMAP;

	/* What stands before is set, what stands after is not. */
	self->val[1] = 0;
	self->val[2] = BIT(40);
	self->val[3] = 0;
	EXPECT_EQ(EINVAL, reg_vec(fd, KVM_SET_REG_VEC, &self->vec));
	EXPECT_EQ(2, self->vec.done);
	EXPECT_EQ(0, vm_value(self->vm, KVM_REG_ARM_STD_BMAP));
	EXPECT_NE(0, vm_value(self->vm, KVM_REG_ARM_STD_HYP_BMAP));
	EXPECT_NE(0, vm_value(self->vm, KVM_REG_ARM_VENDOR_HYP_BMAP));

	/* What comes after goes on from there. */
	self->val[2] = 0;
	self->vec.regs += self->vec.done * sizeof(self->regs[0]);
	self->vec.count -= self->vec.done;
	EXPECT_EQ(0, reg_vec(fd, KVM_SET_REG_VEC, &self->vec));
	EXPECT_EQ(2, self->vec.done);
	EXPECT_EQ(0, vm_value(self->vm, KVM_REG_ARM_VENDOR_HYP_BMAP));
}

TEST_F(vec, entries_are_taken_in_order)
{
	int fd = fd_of(self, variant);
	u64 val[] = { 0, 1, 0, 1 };

	for (int i = 0; i < ARRAY_SIZE(val); i++) {
		self->regs[i].id = KVM_REG_ARM_STD_BMAP;
		self->regs[i].addr = (uintptr_t)&val[i];
	}
	EXPECT_EQ(0, reg_vec(fd, KVM_SET_REG_VEC, &self->vec));
	EXPECT_EQ(1, vm_value(self->vm, KVM_REG_ARM_STD_BMAP));
	self->vec.count = 3;
	EXPECT_EQ(0, reg_vec(fd, KVM_SET_REG_VEC, &self->vec));
	EXPECT_EQ(0, vm_value(self->vm, KVM_REG_ARM_STD_BMAP));
}

/* SVE's and others' registers are larger than a u64. */
static u32 only_u64(struct ids *ids)
{
	u32 n = 0;

	for (u64 i = 0; i < ids->n; i++)
		if (KVM_REG_SIZE(ids->reg[i]) == sizeof(u64))
			ids->reg[n++] = ids->reg[i];
	return n;
}

TEST_F(vec, all_at_once_is_each_by_itself)
{
	int fd = fd_of(self, variant);
	struct ids ids;
	u64 vals[MAX_REGS], val;
	u32 n;

	get_ids(fd, &ids);
	n = only_u64(&ids);
	ASSERT_LT(4, n);
	all_regs(fd, KVM_GET_REG_VEC, ids.reg, vals, n);
	for (u32 i = 0; i < n; i++) {
		if (is_count(ids.reg[i]))
			continue;
		ASSERT_EQ(0, reg_ioctl(fd, KVM_GET_ONE_REG, ids.reg[i], &val));
		EXPECT_EQ(val, vals[i]);
	}
}

static void no_action(int sig)
{
}

/*
 * One signal, @usec from now; 0: none any more. Not one after the other: a
 * slow kernel would do nothing but deliver them.
 */
static void signal_in(long usec)
{
	struct itimerval once = { .it_value.tv_usec = usec };
	struct sigaction action = { .sa_handler = no_action };

	TEST_ASSERT(!sigaction(SIGALRM, &action, NULL), "sigaction");
	TEST_ASSERT(!setitimer(ITIMER_REAL, &once, NULL), "setitimer");
}

TEST_F(vec, a_pending_signal_ends_it)
{
	static struct kvm_one_reg regs[KVM_REG_VEC_MAX];
	static u64 vals[KVM_REG_VEC_MAX];
	int fd = fd_of(self, variant), rounds = 0, interrupted = 0;

	for (int i = 0; i < KVM_REG_VEC_MAX; i++) {
		regs[i].id = REG_ISAR0;
		regs[i].addr = (uintptr_t)&vals[i];
	}
	while (!interrupted) {
		u32 at = 0;

		ASSERT_GT(1000, rounds++);
		memset(vals, 0xff, sizeof(vals));
		while (at < KVM_REG_VEC_MAX) {
			struct kvm_reg_vec vec = {
				.count = KVM_REG_VEC_MAX - at,
				.done = NEVER,
				.regs = (uintptr_t)&regs[at],
			};
			int err;

			/* Later each round: the call may be quick or slow. */
			signal_in(10 * rounds);
			err = reg_vec(fd, KVM_GET_REG_VEC, &vec);
			if (err) {
				ASSERT_EQ(EINTR, err);
				interrupted++;
			}
			/* However often there are signals, it gets on. */
			ASSERT_LT(0, vec.done);
			at += vec.done;
			/* No more than it says. */
			if (at < KVM_REG_VEC_MAX)
				ASSERT_EQ(~0ULL, vals[at]);
		}
		ASSERT_EQ(KVM_REG_VEC_MAX, at);
		for (int i = 0; i < KVM_REG_VEC_MAX; i++)
			ASSERT_EQ(self->val[0], vals[i]);
	}
	signal_in(0);
}

/* Without variants: what is different on each fd. */

TEST(a_vcpu_must_be_initialised)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = __vm_vcpu_add(vm, 0);
	u64 val = 0;
	struct kvm_one_reg reg = { .id = REG_X(0), .addr = (uintptr_t)&val };
	struct kvm_reg_vec vec = { .count = 1, .regs = (uintptr_t)&reg };

	EXPECT_EQ(ENOEXEC, vcpu_get(vcpu, REG_X(0), &val));
	for (int i = 0; i < ARRAY_SIZE(ioctls); i++)
		EXPECT_EQ(ENOEXEC, reg_vec(vcpu->fd, ioctls[i], &vec));
	kvm_vm_free(vm);
}

TEST(each_fd_keeps_to_its_scope)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_vcpu(vm, 0, 0, NULL);
	u64 val = 0;
	struct kvm_one_reg reg = { .id = REG_X(0), .addr = (uintptr_t)&val };
	struct kvm_reg_vec vec = { .count = 1, .regs = (uintptr_t)&reg };

	for (int i = 0; i < ARRAY_SIZE(ioctls); i++) {
		reg.id = REG_X(0);
		EXPECT_EQ(ENOENT, reg_vec(vm->fd, ioctls[i], &vec));
		EXPECT_EQ(0, reg_vec(vcpu->fd, ioctls[i], &vec));
		reg.id = KVM_REG_ARM_VM_CAPS;
		EXPECT_EQ(0, reg_vec(vm->fd, ioctls[i], &vec));
		EXPECT_EQ(ENOENT, reg_vec(vcpu->fd, ioctls[i], &vec));
	}
	kvm_vm_free(vm);
}

TEST(configuration_before_any_vcpu)
{
	struct kvm_vm *vm = vm_create(1);
	__u64 ids[] = { KVM_REG_ARM_VM_ASYM, KVM_REG_ARM_VM_FEATURES };
	u64 vals[] = { KVM_REG_ARM_VM_ASYM_SMCCC, FEATURE_PSCI };

	all_regs(vm->fd, KVM_SET_REG_VEC, ids, vals, ARRAY_SIZE(ids));
	EXPECT_EQ(KVM_REG_ARM_VM_ASYM_SMCCC,
		  vm_value(vm, KVM_REG_ARM_VM_ASYM));
	EXPECT_EQ(FEATURE_PSCI, vm_value(vm, KVM_REG_ARM_VM_FEATURES));
	kvm_vm_free(vm);
}

TEST(tags_in_a_vector)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	struct ids ids;
	u64 vals[MAX_REGS];
	u32 n;

	vm_enable_cap(vm, KVM_CAP_ARM_REG_SCOPE, KVM_ARM_REG_SCOPE_TAG);
	vcpu = add_vcpu(vm, 0, 0, NULL);
	get_ids(vcpu->fd, &ids);
	n = only_u64(&ids);
	all_regs(vcpu->fd, KVM_GET_REG_VEC, ids.reg, vals, n);
	get_ids(vm->fd, &ids);
	for (u64 i = 0; i < ids.n; i++)
		ids.reg[i] |= TAG;
	all_regs(vm->fd, KVM_GET_REG_VEC, ids.reg, vals, ids.n);
	kvm_vm_free(vm);
}

/* What a VMM does: the VM's list once, in order, into a VM of its like. */
TEST(a_list_is_replayed_in_order)
{
	struct kvm_vm *from = vm_create(1), *to = vm_create(NR_VCPUS);
	struct kvm_vcpu *vcpu[NR_VCPUS];
	u64 vals[MAX_REGS], again[MAX_REGS];
	struct ids ids;
	u32 early;

	add_vcpu(from, 0, FEATURE_PSCI, NULL);
	ASSERT_EQ(0, vm_set(from, KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 0)));
	ASSERT_EQ(0, vm_set(from, KVM_REG_ARM_STD_BMAP, 0));
	ASSERT_EQ(0, vm_set(from, REG_ISAR0, 0));
	get_ids(from->fd, &ids);
	all_regs(from->fd, KVM_GET_REG_VEC, ids.reg, vals, ids.n);

	/* The configuration is at the list's head, and comes first. */
	for (early = 0; is_config(ids.reg[early]); early++)
		;
	ASSERT_LT(0, early);
	for (u64 i = early; i < ids.n; i++)
		ASSERT_FALSE(is_config(ids.reg[i]));
	all_regs(to->fd, KVM_SET_REG_VEC, ids.reg, vals, early);
	for (u32 i = 0; i < NR_VCPUS; i++)
		vcpu[i] = add_vcpu(to, i, FEATURE_PSCI, NULL);
	all_regs(to->fd, KVM_SET_REG_VEC, ids.reg, vals, ids.n);

	all_regs(to->fd, KVM_GET_REG_VEC, ids.reg, again, ids.n);
	for (u64 i = 0; i < ids.n; i++) {
		u64 id = ids.reg[i];

		if (is_count(id)) {
			EXPECT_LE(vals[i], again[i]);
			continue;
		}
		EXPECT_EQ(vals[i], again[i]);
		if (!is_config(id))
			EXPECT_EQ(vals[i], vcpu_value(vcpu[1], id));
	}
	kvm_vm_free(from);
	kvm_vm_free(to);
}

/* All that a vCPU can have, whatever the size. */

#define VALUE_SIZE	256
#define UNTOUCHED	0x5a

struct any {
	u32 n;
	u32 done;	/* by the last vector */
	struct kvm_one_reg regs[MAX_REGS];
	u8 vals[MAX_REGS][VALUE_SIZE];
};

static struct kvm_vcpu *add_full_vcpu(struct kvm_vm *vm)
{
	int sve = KVM_ARM_VCPU_SVE, has_sve = kvm_check_cap(KVM_CAP_ARM_SVE);
	u32 features = FEATURE_PSCI;
	struct kvm_vcpu *vcpu;

	if (has_sve > 0)
		features |= BIT(KVM_ARM_VCPU_SVE);
	if (kvm_check_cap(KVM_CAP_ARM_PMU_V3) > 0)
		features |= BIT(KVM_ARM_VCPU_PMU_V3);
	vcpu = add_vcpu(vm, 0, features, NULL);
	if (has_sve > 0)
		vcpu_ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &sve);
	return vcpu;
}

/* Not static: all of a program's data is copied into each of its guests. */
static struct any *new_any(void)
{
	struct any *any = calloc(1, sizeof(*any));

	TEST_ASSERT(any, "no memory for a vector");
	return any;
}

static void add_any(struct any *any, u64 id)
{
	memset(any->vals[any->n], UNTOUCHED, VALUE_SIZE);
	any->regs[any->n].id = id;
	any->regs[any->n].addr = (uintptr_t)any->vals[any->n];
	any->n++;
}

/* Those that stand still and take back what they gave. */
static void get_steady_ids(struct kvm_vcpu *vcpu, struct ids *ids)
{
	u64 val[VALUE_SIZE / sizeof(u64)];
	u32 n = 0;

	get_ids(vcpu->fd, ids);
	for (u64 i = 0; i < ids->n; i++) {
		u64 id = ids->reg[i];

		if (!is_count(id) && !vcpu_get(vcpu, id, val) &&
		    !reg_ioctl(vcpu->fd, KVM_SET_ONE_REG, id, val))
			ids->reg[n++] = id;
	}
	ids->n = n;
}

static int any_vec(struct kvm_vcpu *vcpu, unsigned long ioctl_nr,
		   struct any *any)
{
	struct kvm_reg_vec vec = {
		.count = any->n,
		.regs = (uintptr_t)any->regs,
	};
	int err = reg_vec(vcpu->fd, ioctl_nr, &vec);

	any->done = vec.done;
	return err;
}

static bool is_untouched(const u8 *val)
{
	return *val == UNTOUCHED && !memcmp(val, val + 1, VALUE_SIZE - 1);
}

/* Is @i of @any what a call of its own reads, and not a byte more? */
static bool is_single(struct kvm_vcpu *vcpu, const struct any *any, u32 i)
{
	u64 val[VALUE_SIZE / sizeof(u64)];

	memset(val, UNTOUCHED, sizeof(val));
	return !vcpu_get(vcpu, any->regs[i].id, val) &&
	       !memcmp(val, any->vals[i], VALUE_SIZE);
}

/* In the order of the list, backwards, to and fro, and each twice. */
static u32 place(int order, u32 i, u32 n)
{
	const u32 places[] = { i, n - 1 - i, i % 2 ? i : n - 1 - i, i / 2 };

	return places[order];
}

TEST(any_order_and_any_size)
{
	struct any *any = new_any();
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_full_vcpu(vm);
	struct ids ids;

	get_steady_ids(vcpu, &ids);
	for (int order = 0; order < 4; order++) {
		any->n = 0;
		for (u32 i = 0; i < ids.n; i++)
			add_any(any, ids.reg[place(order, i, ids.n)]);
		ASSERT_EQ(0, any_vec(vcpu, KVM_GET_REG_VEC, any));
		ASSERT_EQ(any->n, any->done);
		for (u32 i = 0; i < any->n; i++)
			EXPECT_TRUE(is_single(vcpu, any, i));

		EXPECT_EQ(0, any_vec(vcpu, KVM_SET_REG_VEC, any));
		EXPECT_EQ(any->n, any->done);
		for (u32 i = 0; i < any->n; i++)
			EXPECT_TRUE(is_single(vcpu, any, i));
	}
	kvm_vm_free(vm);
	free(any);
}

/* What is written by a vector is what a single call reads. */
TEST(values_arrive)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_full_vcpu(vm);
	__u64 ids[] = {
		REG_X(0), REG_X(30), ARM64_CORE_REG(sp_el1),
		ARM64_CORE_REG(elr_el1), ARM64_CORE_REG(spsr[0]),
		ARM64_CORE_REG(spsr[1]), ARM64_CORE_REG(spsr[4]), REG_PC,
		KVM_ARM64_SYS_REG(SYS_TPIDR_EL0),
		KVM_ARM64_SYS_REG(SYS_FAR_EL1),
		KVM_ARM64_SYS_REG(SYS_TTBR0_EL1),
		KVM_REG_ARM_TIMER_CVAL, KVM_REG_ARM_PTIMER_CVAL,
	};
	u64 vals[ARRAY_SIZE(ids)];

	for (int i = 0; i < ARRAY_SIZE(ids); i++)
		vals[i] = 0x1000 * (i + 1);
	all_regs(vcpu->fd, KVM_SET_REG_VEC, ids, vals, ARRAY_SIZE(ids));
	for (int i = 0; i < ARRAY_SIZE(ids); i++)
		EXPECT_EQ(vals[i], vcpu_value(vcpu, ids[i]));
	kvm_vm_free(vm);
}

#define REG_32(name)	(ARM64_CORE_REG(name) ^ KVM_REG_SIZE_U64 ^ KVM_REG_SIZE_U32)

/* A value that cannot be read leaves the register as it is. */
TEST(a_fault_changes_nothing)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_full_vcpu(vm);
	__u64 ids[] = {
		REG_X(0), ARM64_CORE_REG(spsr[0]), REG_32(fp_regs.fpsr),
		KVM_ARM64_SYS_REG(SYS_TPIDR_EL0), KVM_REG_ARM_TIMER_CVAL,
	};

	for (int i = 0; i < ARRAY_SIZE(ids); i++) {
		struct kvm_one_reg reg = { .id = ids[i], .addr = BAD_ADDR };
		struct kvm_reg_vec vec = {
			.count = 1,
			.regs = (uintptr_t)&reg,
		};
		u64 val = 0;

		ASSERT_EQ(0, vcpu_set(vcpu, ids[i], 0x1000000));
		EXPECT_EQ(EFAULT, reg_vec(vcpu->fd, KVM_SET_REG_VEC, &vec));
		EXPECT_EQ(0, vcpu_get(vcpu, ids[i], &val));
		EXPECT_EQ(0x1000000, val);
	}
	kvm_vm_free(vm);
}

/* A value that is not there, a register that is not, a tag in the wrong mode. */
TEST(an_error_at_each_place)
{
	static const struct {
		u64 id;
		u64 addr;
		int err;
	} bad[] = {
		{ REG_X(0), BAD_ADDR, EFAULT },
		{ KVM_ARM64_SYS_REG(SYS_TPIDR_EL0), BAD_ADDR, EFAULT },
		{ KVM_REG_ARM_TIMER_CVAL, BAD_ADDR, EFAULT },
		{ ARM64_SYS_REG(3, 7, 15, 15, 7), 0, ENOENT },
		{ REG_ISAR0 | TAG, 0, ENOENT },
		{ ARM64_CORE_REG(regs.regs[0]) + 1, 0, EINVAL },
		{ KVM_REG_ARM64_SVE_ZREG(0, 1), 0, ENOENT },
	};
	struct any *any = new_any();
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu = add_full_vcpu(vm);
	struct ids ids;

	get_steady_ids(vcpu, &ids);
	for (u32 at = 0; at < ids.n; at++) {
		int b = at % ARRAY_SIZE(bad);

		any->n = 0;
		for (u32 i = 0; i < ids.n; i++)
			add_any(any, ids.reg[i]);
		any->regs[at].id = bad[b].id;
		if (bad[b].addr)
			any->regs[at].addr = bad[b].addr;
		EXPECT_EQ(bad[b].err, any_vec(vcpu, KVM_GET_REG_VEC, any));
		ASSERT_EQ(at, any->done);
		for (u32 i = 0; i < any->n; i++)
			EXPECT_EQ(i >= at, is_untouched(any->vals[i]));
		EXPECT_EQ(bad[b].err, any_vec(vcpu, KVM_SET_REG_VEC, any));
		ASSERT_EQ(at, any->done);
	}
	kvm_vm_free(vm);
	free(any);
}

/* A tag is taken wherever it stands, and refused where it is wrong. */
TEST(tags_between_others)
{
	struct any *any = new_any();
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	struct ids ids;

	vm_enable_cap(vm, KVM_CAP_ARM_REG_SCOPE, KVM_ARM_REG_SCOPE_TAG);
	vcpu = add_full_vcpu(vm);
	get_ids(vcpu->fd, &ids);
	for (u32 i = 0; i < ids.n; i++) {
		add_any(any, ids.reg[i]);
		if (ids.reg[i] & TAG)
			add_any(any, ids.reg[i] & ~TAG);
	}
	EXPECT_EQ(0, any_vec(vcpu, KVM_GET_REG_VEC, any));
	ASSERT_EQ(any->n, any->done);
	for (u32 i = 1; i < any->n; i++)
		if ((any->regs[i - 1].id & TAG) && !is_count(any->regs[i].id))
			EXPECT_EQ(0, memcmp(any->vals[i - 1], any->vals[i],
					    VALUE_SIZE));

	any->regs[40].id = REG_X(0) | TAG;
	EXPECT_EQ(ENOENT, any_vec(vcpu, KVM_GET_REG_VEC, any));
	EXPECT_EQ(40, any->done);
	kvm_vm_free(vm);
	free(any);
}

int main(int argc, char **argv)
{
	require_vm_regs();
	return test_harness_run(argc, argv);
}
