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

int main(int argc, char **argv)
{
	require_vm_regs();
	return test_harness_run(argc, argv);
}
