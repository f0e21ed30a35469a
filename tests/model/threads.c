// SPDX-License-Identifier: MIT
/*
 * Many threads on one model: what a thread sanitizer says of the kernel's
 * file and of the locks around it, and what must hold whoever comes first.
 * Says TAP. An argument is the number of rounds of the first test.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "kernel/uapi.h"
#include "model.h"
#include "threads.h"

#define X0		(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)
#define PC		(X0 | 0x40)
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define ISAR0		KA_SYS(3, 0, 0, 6, 0)
#define MMFR3		KA_SYS(3, 0, 0, 7, 3)
#define TAGGED		(1ULL << 28)
#define FEATURES	(1U << KA_VCPU_PSCI_0_2)
#define NR_VCPUS	4
#define NR_VECTOR	KVM_REG_VEC_MAX
#define MAX_LIST	512
#define POLLS		200
#define MAX_VECTORS	500	/* without one that a signal ends */

static struct model *m;
static int n_tests;

static void result(const char *name)
{
	n_tests++;
	printf("%s %d - %s\n", n_wrong ? "not ok" : "ok", n_tests, name);
	fflush(stdout);
}

static int call(int fd, unsigned long request, void *arg)
{
	const struct onereg_io *io = model_io(m);

	return io->ioctl(io->userdata, fd, request, arg);
}

static void close_fd(int fd)
{
	const struct onereg_io *io = model_io(m);

	io->close(io->userdata, fd);
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

static int new_vm(void)
{
	const struct onereg_io *io = model_io(m);
	int kvm = io->open(io->userdata, "/dev/kvm");
	int vm = call(kvm, KA_CREATE_VM, NULL);

	CHECK(vm >= 0, "%d", vm);
	close_fd(kvm);
	return vm;
}

static int init_vcpu(int fd, uint32_t more)
{
	struct kvm_vcpu_init init = { 5, { FEATURES | more } };

	return call(fd, KA_ARM_VCPU_INIT, &init);
}

static int new_vcpu(int vm, unsigned long id, uint32_t more)
{
	int fd = call(vm, KA_CREATE_VCPU, (void *)id);
	int ret = init_vcpu(fd, more);

	CHECK(!ret, "%d", ret);
	return fd;
}

/* ---- everything at once, on VMs that come and go ---- */

struct round {
	int vm;
	atomic_int vcpus[NR_VCPUS];	/* -1: not yet */
	atomic_bool stop;
	atomic_uint turns;	/* of those that write */
	unsigned int seed;
};

/* What a call that comes too late, or too early, may say. */
static void check_errno(int ret, const char *what)
{
	switch (-ret) {
	case ENOENT:
	case EINVAL:
	case EBUSY:
	case EBADF:
	case E2BIG:
	case ENOEXEC:
	case EINTR:
	case ENODEV:
	case ENOTTY:
		return;
	}
	CHECK(ret >= 0, "%s: %d", what, ret);
}

static int any_vcpu(struct round *r, unsigned int i)
{
	return r->vcpus[i % NR_VCPUS];
}

/* Constant from the first run on, on every path. */
static void check_fixed(struct round *r, uint64_t id)
{
	uint64_t first = 0, again = 0;

	if (get(r->vcpus[0], id, &first))
		return;
	for (unsigned int i = 0; i < POLLS; i++) {
		int fd = i & 1 ? any_vcpu(r, i / 2) : r->vm;

		if (!get(fd, id, &again))
			CHECK(again == first, "%#llx: %#llx, %#llx",
			      (unsigned long long)id,
			      (unsigned long long)first,
			      (unsigned long long)again);
	}
}

static void *creates(void *arg)
{
	struct round *r = arg;

	/* Configuration is lively only before there is a vCPU. */
	while (r->turns < r->seed % 64)
		sched_yield();
	for (unsigned long i = 0; i < NR_VCPUS; i++) {
		int fd = call(r->vm, KA_CREATE_VCPU, (void *)i);

		check_errno(fd, "KVM_CREATE_VCPU");
		if (fd < 0)
			break;
		check_errno(init_vcpu(fd, 0), "KVM_ARM_VCPU_INIT");
		r->vcpus[i] = fd;
	}
	if (r->vcpus[0] >= 0 && call(r->vcpus[0], KA_RUN, NULL) == -EINTR)
		check_fixed(r, ISAR0);
	r->stop = true;
	return NULL;
}

static void *sets_on_vm(void *arg)
{
	static const struct {
		uint64_t id, values[2];
	} regs[] = {
		{ KA_BMAP(2), { 1, 3 } },
		{ KA_PSCI_VERSION, { 0x10000, 0x10001 } },
		{ KVM_REG_ARM_VM_ASYM, { 0, 1 } },
		{ KVM_REG_ARM_VM_FEATURES, { 0, FEATURES } },
		{ KA_TIMER_CNT, { 0, 1 << 20 } },
		{ KA_PTIMER_CNT, { 0, 1 << 20 } },
		{ MMFR3, { 0, 1 } },
		{ KVM_REG_ARM_VM_COUNTER_OFFSET, { 0, 5 } },
	};
	struct round *r = arg;
	uint64_t isar0;

	for (unsigned int i = r->seed; !r->stop; i++, r->turns++) {
		size_t j = i % ARRAY_SIZE(regs);

		check_errno(set(r->vm, regs[j].id, regs[j].values[i >> 3 & 1]),
			    "KVM_SET_ONE_REG");
		if (!get(r->vm, ISAR0, &isar0) && (isar0 & 0xf0))
			check_errno(set(r->vm, ISAR0, isar0 - 0x10), "ISAR0");
	}
	return NULL;
}

static void *enables(void *arg)
{
	struct round *r = arg;

	for (unsigned int i = r->seed; !r->stop; i++) {
		struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_REG_SCOPE,
					      .args = { i % 3 } };
		uint64_t offset[2] = { i, 0 };

		check_errno(call(r->vm, KVM_ENABLE_CAP, &cap), "SCOPE");
		cap = (struct kvm_enable_cap){ KA_CAP_ARM_NISV_TO_USER };
		check_errno(call(r->vm, KVM_ENABLE_CAP, &cap), "NISV");
		if (i % 16 == 0)
			check_errno(call(r->vm, KVM_ARM_SET_COUNTER_OFFSET,
					 offset), "OFFSET");
	}
	return NULL;
}

struct list {
	uint64_t n;
	uint64_t ids[MAX_LIST];
};

static void *reads_vm(void *arg)
{
	struct kvm_one_reg regs[96];
	uint64_t values[96];
	struct round *r = arg;
	struct list list;

	while (!r->stop) {
		struct kvm_reg_vec vec = { .regs = (uintptr_t)regs };
		int ret;

		list.n = ARRAY_SIZE(regs);
		ret = call(r->vm, KVM_GET_REG_LIST, &list);
		check_errno(ret, "KVM_GET_REG_LIST");
		if (ret)
			continue;
		for (size_t i = 0; i < list.n; i++)
			regs[i] = (struct kvm_one_reg){
				list.ids[i], (uintptr_t)&values[i] };
		vec.count = list.n;
		check_errno(call(r->vm, KVM_GET_REG_VEC, &vec), "GET_REG_VEC");
	}
	return NULL;
}

/* A VM has one mode for all of a vCPU's life. */
static void check_list(int fd)
{
	size_t tagged = 0;
	struct list list;
	uint64_t value;

	list.n = MAX_LIST;
	if (call(fd, KVM_GET_REG_LIST, &list))
		return;
	for (size_t i = 0; i < list.n; i++)
		tagged += !!(list.ids[i] & TAGGED);
	if (tagged)
		CHECK(!get(fd, ISAR0 | TAGGED, &value), "a list half tagged");
}

static void *uses_vcpus(void *arg)
{
	struct round *r = arg;

	for (unsigned int i = r->seed; !r->stop; i++) {
		int fd = any_vcpu(r, i);
		uint64_t value;

		check_list(fd);
		check_errno(get(fd, KA_TIMER_CNT, &value), "TIMER_CNT");
		check_errno(set(fd, KA_BMAP(2), 1 + 2 * (i & 1)), "BMAP");
		check_errno(set(fd, KA_PSCI_VERSION, 0x10000), "PSCI");
		check_errno(set(fd, MPIDR, 0x80000000 + i), "MPIDR");
		check_errno(set(fd, KA_TIMER_CNT, i), "TIMER_CNT");
	}
	return NULL;
}

static void *makes_gic(void *arg)
{
	struct ka_create_device cd = { .type = KA_DEV_TYPE_ARM_VGIC_V3 };
	struct round *r = arg;
	uint32_t value;
	struct ka_device_attr attr = { .group = KA_VGIC_GRP_REDIST_REGS,
				       .addr = (uintptr_t)&value };
	int ret = call(r->vm, KA_CREATE_DEVICE, &cd);

	check_errno(ret, "KVM_CREATE_DEVICE");
	if (ret)
		return NULL;
	while (!r->stop)
		check_errno(call(cd.fd, KA_GET_DEVICE_ATTR, &attr), "GICR");
	close_fd(cd.fd);
	return NULL;
}

/* Others go on with the VM that a vCPU's descriptor keeps. */
static void *closes(void *arg)
{
	struct round *r = arg;

	if (r->seed % 4)
		return NULL;
	for (unsigned int i = 0; i < r->seed % 97; i++)
		model_n_open(m);
	close_fd(r->vm);
	return NULL;
}

static void race(unsigned int seed)
{
	static void *(*const todo[])(void *) = {
		creates, sets_on_vm, sets_on_vm, enables, reads_vm,
		uses_vcpus, makes_gic, closes,
	};
	struct round r = { .vm = new_vm(), .vcpus = { -1, -1, -1, -1 },
			   .seed = seed };
	pthread_t threads[ARRAY_SIZE(todo)];

	for (size_t i = 0; i < ARRAY_SIZE(todo); i++)
		threads[i] = start(todo[i], &r);
	for (size_t i = 0; i < ARRAY_SIZE(todo); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < NR_VCPUS; i++)
		if (r.vcpus[i] >= 0)
			close_fd(r.vcpus[i]);
	if (seed % 4)
		close_fd(r.vm);
	CHECK(!model_n_open(m), "%zu", model_n_open(m));
}

/* ---- a vCPU that is inside KVM_RUN ---- */

struct runner {
	int fd, ret;
	atomic_bool started, done;
};

static void on_signal(int sig)
{
	(void)sig;
}

static void *runs(void *arg)
{
	struct runner *r = arg;

	r->started = true;
	r->ret = call(r->fd, KA_RUN, NULL);
	r->done = true;
	return NULL;
}

static void wait_until_busy(int vm)
{
	uint64_t offset[2] = { 0, 0 };

	while (call(vm, KVM_ARM_SET_COUNTER_OFFSET, offset) != -EBUSY)
		usleep(1000);
}

static void signal_until_done(struct runner *r, pthread_t thread)
{
	while (!r->done) {
		pthread_kill(thread, SIGUSR1);
		usleep(1000);
	}
	pthread_join(thread, NULL);
}

static void run_waits_for_a_signal(void)
{
	int vm = new_vm(), fd = new_vcpu(vm, 0, 1);
	struct runner r = { .fd = fd };
	pthread_t thread = start(runs, &r);
	uint64_t offset, isar0;

	wait_until_busy(vm);
	CHECK(!r.done, "a stopped vCPU ran");
	CHECK(!get(vm, ISAR0, &isar0), "the VM's registers wait for a vCPU");
	CHECK(!set(vm, KA_TIMER_CNT, 5), "nor to be written");
	CHECK(!get(vm, KVM_REG_ARM_VM_COUNTER_OFFSET, &offset), "offset");
	CHECK(set(vm, KVM_REG_ARM_VM_COUNTER_OFFSET, 5) == -EBUSY, "offset");
	CHECK(set(vm, ISAR0, isar0 - 0x10) == -EBUSY, "it ran");
	signal_until_done(&r, thread);
	CHECK(r.ret == -EINTR, "%d", r.ret);
	close_fd(fd);
	close_fd(vm);
}

static int ends_at_once(void *userdata, struct model *model, int vcpu_fd)
{
	uint64_t *seen = userdata;

	return model_peek(model, vcpu_fd, PC, &seen[0]) ?
		       -EIO : model_peek(model, vcpu_fd, X0, &seen[1]);
}

static void run_waits_for_power(uint64_t seen[2])
{
	int vm = new_vm(), fd = new_vcpu(vm, 0, 1);
	struct runner r = { .fd = fd };
	pthread_t thread = start(runs, &r);

	wait_until_busy(vm);
	CHECK(!model_cpu_on(m, fd, 0x1000, 42), "on");
	pthread_join(thread, NULL);
	CHECK(!r.ret, "%d", r.ret);
	CHECK(seen[0] == 0x1000 && seen[1] == 42, "%#llx, %llu",
	      (unsigned long long)seen[0], (unsigned long long)seen[1]);
	CHECK(model_cpu_on(m, fd, 0, 0) == -EALREADY, "twice");
	close_fd(fd);
	close_fd(vm);
}

/* ---- vectors and signals ---- */

struct vector {
	int fd;
	atomic_bool stop;
	unsigned int interrupted, finished;
	struct kvm_one_reg regs[NR_VECTOR];
	uint64_t values[NR_VECTOR];
};

static void *reads_vectors(void *arg)
{
	struct vector *v = arg;

	while (!v->interrupted && v->finished < MAX_VECTORS) {
		struct kvm_reg_vec vec = { .count = NR_VECTOR,
					   .regs = (uintptr_t)v->regs };
		int ret = call(v->fd, KVM_GET_REG_VEC, &vec);

		if (ret == -EINTR) {
			CHECK(vec.done > 0 && vec.done < NR_VECTOR, "%u",
			      vec.done);
			v->interrupted++;
		} else {
			CHECK(!ret && vec.done == NR_VECTOR, "%d", ret);
			v->finished++;
		}
	}
	CHECK(v->interrupted, "not one of %u", v->finished);
	v->stop = true;
	return NULL;
}

static void vector_ends_with_a_signal(void)
{
	struct vector *v = calloc(1, sizeof(*v));
	int vm = new_vm();
	pthread_t thread;

	v->fd = new_vcpu(vm, 0, 0);
	for (size_t i = 0; i < NR_VECTOR; i++)
		v->regs[i] = (struct kvm_one_reg){ X0,
						   (uintptr_t)&v->values[i] };
	thread = start(reads_vectors, v);
	while (!v->stop) {
		pthread_kill(thread, SIGUSR1);
		usleep(500);
	}
	pthread_join(thread, NULL);
	close_fd(v->fd);
	close_fd(vm);
	free(v);
}

/* ---- */

static void with_model(const struct onereg_host *host, bool run_blocks)
{
	struct model_style style;

	model_free(m);
	model_style_default(host, &style);
	style.run_blocks = run_blocks;
	if (model_new(host, &style, &m)) {
		printf("Bail out! no model\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	const struct model_host_options o = { .vm_regs = true };
	int n = argc > 1 ? atoi(argv[1]) : 200;
	const struct sigaction sa = { .sa_handler = on_signal };
	struct onereg_host *host;
	uint64_t seen[2] = { 0 };

	if (model_host_new(&o, &host))
		return 1;
	sigaction(SIGUSR1, &sa, NULL);
	printf("1..4\n");
	with_model(host, false);
	for (int i = 0; i < n; i++)
		race(i);
	result("threads that do everything at once");
	with_model(host, true);
	run_waits_for_a_signal();
	result("KVM_RUN of a stopped vCPU ends with a signal");
	model_set_guest(m, ends_at_once, seen);
	run_waits_for_power(seen);
	result("KVM_RUN of a stopped vCPU goes on with CPU_ON");
	vector_ends_with_a_signal();
	result("a signal ends a vector");
	model_free(m);
	onereg_host_free(host);
	return n_wrong ? 1 : 0;
}
