// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_regs_guest - VM-scoped registers as guests meet them
 *
 * What is written once on the VM fd is what the guest on every vCPU sees, also
 * while vCPUs run; where vCPUs may differ, each has its own. Rules of
 * Documentation/virt/kvm/arm/vm-regs.rst.
 */
#include <linux/arm-smccc.h>
#include <pthread.h>

#include "arch_timer.h"
#include "vm_regs.h"

#define NOT_SUPPORTED	((u64)SMCCC_RET_NOT_SUPPORTED)

/* Further than a counter gets by itself. */
#define FAR		BIT_ULL(50)

/* What a vCPU saw, in the order of the guest's looking. */
enum look {
	ISAR0,
	CTR,
	CNTVCT,
	CNTPCT,
	PSCI,
	TRNG,
	PV_TIME,
	PV_TIME_FEATURE,
	HYP_FEATURES,
	HYP_UID,
	NR_LOOKS,
};

static u64 seen[NR_VCPUS][NR_LOOKS];
static bool stop;

static u64 call(u32 function, u64 arg)
{
	struct arm_smccc_res res;

	smccc_hvc(function, arg, 0, 0, 0, 0, 0, 0, &res);
	return res.a0;
}

static void look(u64 *to)
{
	to[ISAR0] = read_sysreg_s(SYS_ID_AA64ISAR0_EL1);
	to[CTR] = read_sysreg(ctr_el0);
	to[CNTVCT] = timer_get_cntct(VIRTUAL);
	to[CNTPCT] = timer_get_cntct(PHYSICAL);
	to[PSCI] = call(PSCI_0_2_FN_PSCI_VERSION, 0);
	to[TRNG] = call(ARM_SMCCC_TRNG_VERSION, 0);
	to[PV_TIME] = call(ARM_SMCCC_HV_PV_TIME_FEATURES,
			   ARM_SMCCC_HV_PV_TIME_ST);
	to[PV_TIME_FEATURE] = call(ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
				   ARM_SMCCC_HV_PV_TIME_FEATURES);
	to[HYP_FEATURES] = call(ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 0);
	to[HYP_UID] = call(ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID, 0);
}

/* Looks each time that it runs. */
static void guest_look(u64 id)
{
	for (;;) {
		look(seen[id]);
		GUEST_SYNC(0);
	}
}

/* Runs until it is told to stop, looking all the time. */
static void guest_spin(u64 id)
{
	GUEST_SYNC(0);
	while (!READ_ONCE(stop))
		look(seen[id]);
	GUEST_SYNC(0);
	guest_look(id);
}

static void guest_cpu_on(u64 target, u64 entry, u64 context)
{
	struct arm_smccc_res res;

	smccc_hvc(PSCI_0_2_FN64_CPU_ON, target, entry, context, 0, 0, 0, 0,
		  &res);
	GUEST_ASSERT_EQ(res.a0, 0);
	GUEST_SYNC(0);
}

FIXTURE(guest) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[NR_VCPUS];
};

FIXTURE_SETUP(guest)
{
	self->vm = vm_create(NR_VCPUS);
}

FIXTURE_TEARDOWN(guest)
{
	kvm_vm_free(self->vm);
}

static void add_vcpus(struct _test_data_guest *self, void *guest_code)
{
	for (u32 i = 0; i < NR_VCPUS; i++) {
		self->vcpu[i] = add_vcpu(self->vm, i, FEATURE_PSCI,
					 guest_code);
		vcpu_args_set(self->vcpu[i], 1, (u64)i);
	}
}

static void run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		return;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
		break;
	default:
		TEST_FAIL("ucall %lu of vCPU %u", uc.cmd, vcpu->id);
	}
}

/* Lets every vCPU look. */
static void run_all(struct _test_data_guest *self)
{
	for (int i = 0; i < NR_VCPUS; i++)
		run(self->vcpu[i]);
	sync_global_from_guest(self->vm, seen);
}

TEST_F(guest, id_registers)
{
	u64 isar0, ctr, less_ctr;

	add_vcpus(self, guest_look);
	isar0 = vm_value(self->vm, REG_ISAR0);
	ctr = vm_value(self->vm, REG_CTR);
	less_ctr = ctr & ~(CTR_EL0_DIC | CTR_EL0_IDC);
	ASSERT_NE(0, isar0);
	ASSERT_EQ(0, vm_set(self->vm, REG_ISAR0, 0));
	ASSERT_EQ(0, vm_set(self->vm, REG_CTR, less_ctr));
	run_all(self);
	for (int i = 0; i < NR_VCPUS; i++) {
		EXPECT_EQ(0, seen[i][ISAR0]);
		EXPECT_EQ(less_ctr, seen[i][CTR]);
	}
}

TEST_F(guest, psci_version)
{
	add_vcpus(self, guest_look);
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_PSCI_VERSION,
			    PSCI_VERSION(0, 2)));
	run_all(self);
	for (int i = 0; i < NR_VCPUS; i++)
		EXPECT_EQ(PSCI_VERSION(0, 2), seen[i][PSCI]);
}

/* Which services a vCPU with all, or with none, has. */
static void check_services(struct __test_metadata *_metadata, const u64 *saw,
			   bool all)
{
	EXPECT_EQ(all, saw[TRNG] != NOT_SUPPORTED);
	EXPECT_EQ(all, saw[PV_TIME_FEATURE] != NOT_SUPPORTED);
	EXPECT_EQ(all, saw[HYP_FEATURES] != NOT_SUPPORTED);
	EXPECT_EQ(all, saw[HYP_UID] != NOT_SUPPORTED);
	/* That one depends on the host, too. */
	if (!all)
		EXPECT_EQ(NOT_SUPPORTED, saw[PV_TIME]);
}

TEST_F(guest, services_of_the_vm)
{
	add_vcpus(self, guest_look);
	run_all(self);
	for (int i = 0; i < NR_VCPUS; i++)
		check_services(_metadata, seen[i], true);
}

TEST_F(guest, services_taken_from_the_vm)
{
	add_vcpus(self, guest_look);
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_STD_BMAP, 0));
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_STD_HYP_BMAP, 0));
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VENDOR_HYP_BMAP, 0));
	run_all(self);
	for (int i = 0; i < NR_VCPUS; i++)
		check_services(_metadata, seen[i], false);
}

TEST_F(guest, asymmetric_services)
{
	struct kvm_vcpu *vcpu;
	u64 some = BIT(KVM_REG_ARM_VENDOR_HYP_BIT_FUNC_FEAT);

	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_ASYM,
			    KVM_REG_ARM_VM_ASYM_SMCCC));
	add_vcpus(self, guest_look);
	vcpu = self->vcpu[1];
	ASSERT_EQ(0, vcpu_set(vcpu, KVM_REG_ARM_STD_BMAP, 0));
	ASSERT_EQ(0, vcpu_set(vcpu, KVM_REG_ARM_STD_HYP_BMAP, 0));
	ASSERT_EQ(0, vcpu_set(vcpu, KVM_REG_ARM_VENDOR_HYP_BMAP, 0));
	ASSERT_EQ(0, vcpu_set(self->vcpu[0], KVM_REG_ARM_VENDOR_HYP_BMAP,
			      some));
	run_all(self);
	check_services(_metadata, seen[0], true);
	EXPECT_EQ(some, seen[0][HYP_FEATURES]);
	check_services(_metadata, seen[1], false);

	/* As for a VM's own bitmaps, that is how it stays. */
	EXPECT_EQ(EBUSY, vcpu_set(vcpu, KVM_REG_ARM_STD_BMAP, 1));
	EXPECT_EQ(0, vcpu_set(vcpu, KVM_REG_ARM_STD_BMAP, 0));
	EXPECT_EQ(0, vcpu_set(self->vcpu[0], KVM_REG_ARM_STD_BMAP, 1));
	EXPECT_EQ(EBUSY, vcpu_set(self->vcpu[0], KVM_REG_ARM_STD_BMAP, 0));
}

TEST_F(guest, counters)
{
	add_vcpus(self, guest_look);
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_TIMER_CNT, FAR));
	run_all(self);
	for (int i = 0; i < NR_VCPUS; i++) {
		EXPECT_LT(FAR, seen[i][CNTVCT]);
		EXPECT_GT(2 * FAR, seen[i][CNTVCT]);
		EXPECT_GT(FAR, seen[i][CNTPCT]);
	}
	/* At any time, and one does not move the other. */
	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_PTIMER_CNT, 3 * FAR));
	run_all(self);
	for (int i = 0; i < NR_VCPUS; i++) {
		EXPECT_GT(2 * FAR, seen[i][CNTVCT]);
		EXPECT_LT(3 * FAR, seen[i][CNTPCT]);
		EXPECT_GT(4 * FAR, seen[i][CNTPCT]);
		EXPECT_LE(seen[i][CNTPCT],
			  vm_value(self->vm, KVM_REG_ARM_PTIMER_CNT));
		EXPECT_LE(seen[i][CNTVCT],
			  vcpu_value(self->vcpu[i], KVM_REG_ARM_TIMER_CNT));
	}
}

TEST_F(guest, counter_offset)
{
	u64 early, late, offset = timer_get_cntct(VIRTUAL) - FAR;

	ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_COUNTER_OFFSET, offset));
	EXPECT_EQ(offset, vm_value(self->vm, KVM_REG_ARM_VM_COUNTER_OFFSET));
	EXPECT_EQ(KVM_REG_ARM_VM_CAPS_COUNTER_OFFSET,
		  vm_value(self->vm, KVM_REG_ARM_VM_CAPS));
	add_vcpus(self, guest_look);
	/* It is accepted, and changes nothing. */
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_TIMER_CNT, 7 * FAR));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_PTIMER_CNT, 7 * FAR));
	for (int round = 0; round < 2; round++) {
		early = timer_get_cntct(VIRTUAL) - offset;
		run_all(self);
		late = timer_get_cntct(VIRTUAL) - offset;
		for (int i = 0; i < NR_VCPUS; i++) {
			EXPECT_LE(early, seen[i][CNTVCT]);
			EXPECT_GE(late, seen[i][CNTVCT]);
			EXPECT_LE(early, seen[i][CNTPCT]);
			EXPECT_GE(late, seen[i][CNTPCT]);
		}
		/* Always, also to what once stood for "not used". */
		offset = 0;
		ASSERT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_COUNTER_OFFSET,
				    offset));
	}
}

TEST_F(guest, counter_offset_is_the_ioctl)
{
	struct kvm_arm_counter_offset offset = { .counter_offset = FAR };

	vm_ioctl(self->vm, KVM_ARM_SET_COUNTER_OFFSET, &offset);
	EXPECT_EQ(FAR, vm_value(self->vm, KVM_REG_ARM_VM_COUNTER_OFFSET));
	EXPECT_EQ(0, vm_set(self->vm, KVM_REG_ARM_VM_COUNTER_OFFSET, FAR));
}

TEST_F(guest, features_stay_after_the_first_run)
{
	struct ids ids;

	add_vcpus(self, guest_look);
	run(self->vcpu[1]);
	get_ids(self->vm->fd, &ids);
	for (u64 i = 0; i < ids.n; i++) {
		u64 id = ids.reg[i], val = vm_value(self->vm, id);

		EXPECT_EQ(0, vm_set(self->vm, id, val));
	}
	EXPECT_EQ(EBUSY, vm_set(self->vm, REG_ISAR0, 0));
	EXPECT_EQ(EBUSY, vm_set(self->vm, REG_CTR, 0));
	EXPECT_EQ(EBUSY, vm_set(self->vm, KVM_REG_ARM_STD_BMAP, 0));
	EXPECT_EQ(EBUSY, vm_set(self->vm, KVM_REG_ARM_STD_HYP_BMAP, 0));
	EXPECT_EQ(EBUSY, vm_set(self->vm, KVM_REG_ARM_VENDOR_HYP_BMAP, 0));
	EXPECT_EQ(EBUSY, vm_set(self->vm, KVM_REG_ARM_PSCI_VERSION,
				PSCI_VERSION(0, 2)));
	/* Through a vCPU it could always be changed, and still can. */
	EXPECT_EQ(0, vcpu_set(self->vcpu[0], KVM_REG_ARM_PSCI_VERSION,
			      PSCI_VERSION(0, 2)));
	EXPECT_EQ(PSCI_VERSION(0, 2),
		  vm_value(self->vm, KVM_REG_ARM_PSCI_VERSION));
}

/* While vCPUs are inside KVM_RUN */

static void *run_thread(void *vcpu)
{
	run(vcpu);
	return NULL;
}

static void start(struct _test_data_guest *self, pthread_t thread[NR_VCPUS])
{
	add_vcpus(self, guest_spin);
	run_all(self);
	for (int i = 0; i < NR_VCPUS; i++)
		TEST_ASSERT(!pthread_create(&thread[i], NULL, run_thread,
					    self->vcpu[i]), "pthread_create");
}

static u64 *now_seen(struct _test_data_guest *self, int vcpu)
{
	sync_global_from_guest(self->vm, seen);
	return seen[vcpu];
}

/* Both are in the guest and have looked anew. */
static void wait_spinning(struct _test_data_guest *self)
{
	for (int i = 0; i < NR_VCPUS; i++) {
		u64 before = now_seen(self, i)[HYP_UID];

		while (!before)
			before = now_seen(self, i)[HYP_UID];
		before = now_seen(self, i)[CNTPCT];
		while (now_seen(self, i)[CNTPCT] == before)
			usleep(100);
	}
}

static void finish(struct _test_data_guest *self, pthread_t thread[NR_VCPUS])
{
	write_guest_global(self->vm, stop, true);
	for (int i = 0; i < NR_VCPUS; i++)
		pthread_join(thread[i], NULL);
}

/* None of this would end if it waited for a vCPU. */
TEST_F(guest, the_vm_answers_while_vcpus_run)
{
	pthread_t thread[NR_VCPUS];
	u64 vals[MAX_REGS];
	struct ids ids;

	start(self, thread);
	wait_spinning(self);
	get_ids(self->vm->fd, &ids);
	for (u64 i = 0; i < ids.n; i++)
		vals[i] = vm_value(self->vm, ids.reg[i]);
	for (u64 i = 0; i < ids.n; i++)
		EXPECT_EQ(0, vm_set(self->vm, ids.reg[i], vals[i]));
	all_regs(self->vm->fd, KVM_GET_REG_VEC, ids.reg, vals, ids.n);
	all_regs(self->vm->fd, KVM_SET_REG_VEC, ids.reg, vals, ids.n);
	EXPECT_EQ(EBUSY, vm_set(self->vm, REG_ISAR0, 0));
	wait_spinning(self);
	finish(self, thread);
}

TEST_F(guest, one_write_moves_every_running_counter)
{
	u64 id = KVM_REG_ARM_TIMER_CNT, val = FAR;
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&val };
	struct kvm_reg_vec vec = { .count = 1, .regs = (uintptr_t)&reg };
	pthread_t thread[NR_VCPUS];

	start(self, thread);
	wait_spinning(self);
	EXPECT_EQ(0, vm_set(self->vm, id, FAR));
	EXPECT_LE(FAR, vm_value(self->vm, id));
	val = 2 * FAR;
	EXPECT_EQ(0, reg_vec(self->vm->fd, KVM_SET_REG_VEC, &vec));
	EXPECT_LE(2 * FAR, vm_value(self->vm, id));
	finish(self, thread);
	/* A guest sees it at the latest when its vCPU enters KVM_RUN anew. */
	run_all(self);
	for (int i = 0; i < NR_VCPUS; i++) {
		EXPECT_LE(2 * FAR, seen[i][CNTVCT]);
		EXPECT_GT(3 * FAR, seen[i][CNTVCT]);
		EXPECT_LE(seen[i][CNTVCT], vcpu_value(self->vcpu[i], id));
	}
}

/* That ioctl wants every vCPU out of the guest, and so does its register. */
TEST_F(guest, counter_offset_is_busy_while_vcpus_run)
{
	const u64 id = KVM_REG_ARM_VM_COUNTER_OFFSET;
	struct kvm_arm_counter_offset offset = { .counter_offset = FAR };
	pthread_t thread[NR_VCPUS];

	start(self, thread);
	wait_spinning(self);
	EXPECT_EQ(-1, __vm_ioctl(self->vm, KVM_ARM_SET_COUNTER_OFFSET,
				 &offset));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(EBUSY, vm_set(self->vm, id, FAR));
	EXPECT_EQ(0, vm_value(self->vm, id));
	EXPECT_EQ(0, vm_set(self->vm, id, 0));
	finish(self, thread);
	EXPECT_EQ(0, vm_set(self->vm, id, FAR));
	EXPECT_EQ(FAR, vm_value(self->vm, id));
}

TEST_F(guest, a_vector_on_a_vcpu_while_another_runs)
{
	u64 val[] = { 0x1234, 0 };
	struct kvm_one_reg regs[] = {
		{ .id = REG_X(5), .addr = (uintptr_t)&val[0] },
		{ .id = REG_ISAR0, .addr = (uintptr_t)&val[1] },
	};
	struct kvm_reg_vec vec = { .count = 2, .regs = (uintptr_t)regs };
	pthread_t thread;

	add_vcpus(self, guest_spin);
	run_all(self);
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_thread, self->vcpu[0]));
	while (!now_seen(self, 0)[HYP_UID])
		usleep(100);
	val[1] = vm_value(self->vm, REG_ISAR0);
	EXPECT_EQ(0, reg_vec(self->vcpu[1]->fd, KVM_SET_REG_VEC, &vec));
	EXPECT_EQ(2, vec.done);
	EXPECT_EQ(0x1234, vcpu_value(self->vcpu[1], REG_X(5)));
	val[1] = 0;
	EXPECT_EQ(EBUSY, reg_vec(self->vcpu[1]->fd, KVM_SET_REG_VEC, &vec));
	EXPECT_EQ(1, vec.done);
	write_guest_global(self->vm, stop, true);
	pthread_join(thread, NULL);
}

/* A vector sees a vCPU as PSCI left it, as single registers do. */
TEST_F(guest, a_vector_after_cpu_on)
{
	const __u64 ids[] = { REG_PC, REG_X(0) };
	u64 vals[2];

	add_vcpus(self, guest_look);
	vcpu_ioctl(self->vcpu[1], KVM_SET_MP_STATE,
		   (&(struct kvm_mp_state){ KVM_MP_STATE_STOPPED }));
	vcpu_arch_set_entry_point(self->vcpu[0], guest_cpu_on);
	vcpu_args_set(self->vcpu[0], 3,
		      vcpu_value(self->vcpu[1], REG_MPIDR) & 0xff00ffffffULL,
		      0xfeed000ULL, 0xc0ffeeULL);
	run(self->vcpu[0]);
	all_regs(self->vcpu[1]->fd, KVM_GET_REG_VEC, ids, vals, 2);
	EXPECT_EQ(0xfeed000, vals[0]);
	EXPECT_EQ(0xc0ffee, vals[1]);
}

int main(int argc, char **argv)
{
	require_vm_regs();
	return test_harness_run(argc, argv);
}
