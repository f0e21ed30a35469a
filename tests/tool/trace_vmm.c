/* SPDX-License-Identifier: MIT */
/*
 * A VMM, to be traced, that needs no KVM: trace_vmm [STORY [FD]...]
 *
 * Its calls are real system calls with the library's numbers. A filter of its
 * own hands them to a second thread, which answers as KVM/arm64 would and
 * writes what KVM would write. Such calls are seen by a tracer that stops at
 * every call (--every-call). With "plain" nobody answers: the calls reach a
 * kernel that has no KVM behind these descriptors, and fail.
 *
 * The story: see tell(). Each line says what trace.test counts. "reuse" is
 * another, about numbers of descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm_abi.h"

#define PFR0	KA_SYS(3, 0, 0, 4, 0)	/* VM-wide */
#define MIDR	KA_SYS(3, 0, 0, 0, 0)	/* the host's */
#define TCR	KA_SYS(3, 0, 2, 0, 2)	/* each vCPU's */
#define NOWHERE	KA_SYS(3, 7, 15, 15, 7)

static int check(int got, int want, const char *what)
{
	if (got == want)
		return got;
	fprintf(stderr, "trace_vmm: %s: %d, want %d: %m\n", what, got, want);
	exit(99);
}

/* ---- the answers ---- */

static uint64_t pfr0 = 0x11;	/* the one value that is kept */
static int listener;

static int64_t answer_one(const struct ka_one_reg *reg, bool set)
{
	uint64_t *value = (uint64_t *)(uintptr_t)reg->addr;

	if (reg->id == NOWHERE)
		return -ENOENT;
	if (set && reg->id == PFR0)
		pfr0 = *value;
	if (!set && reg->id == PFR0)
		*value = pfr0;
	else if (!set)
		*value = reg->id == MIDR ? 0x410fd0c1 : 7;
	return 0;
}

static int64_t answer_vector(struct ka_reg_vec *vec, bool set)
{
	const struct ka_one_reg *regs = (void *)(uintptr_t)vec->regs;
	int64_t r = 0;

	for (vec->done = 0; vec->done < vec->count; vec->done++) {
		r = answer_one(&regs[vec->done], set);
		if (r)
			break;
	}
	return r;
}

/* Like KVM, a new VM or vCPU is a new descriptor. */
static int64_t answer(uint64_t request, void *arg)
{
	switch (request) {
	case KA_CREATE_VM:
	case KA_CREATE_VCPU:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case KA_GET_ONE_REG:
	case KA_SET_ONE_REG:
		return answer_one(arg, request == KA_SET_ONE_REG);
	case KA_GET_REG_VEC:
	case KA_SET_REG_VEC:
		return answer_vector(arg, request == KA_SET_REG_VEC);
	case KA_GET_REG_LIST:
		return -E2BIG;
	case KA_CREATE_DEVICE:
	case KA_ARM_VCPU_INIT:
	case KA_ARM_VCPU_FINALIZE:
	case KA_RUN:
		return 0;
	}
	return -ENOTTY;
}

static void *answer_all(void *nothing)
{
	struct seccomp_notif_resp resp;
	struct seccomp_notif ask;
	int64_t r;

	for (;;) {
		memset(&ask, 0, sizeof(ask));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &ask)) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			return nothing;
		}
		r = answer(ask.data.args[1],
			   (void *)(uintptr_t)ask.data.args[2]);
		resp = (struct seccomp_notif_resp){
			.id = ask.id,
			.val = r < 0 ? 0 : r,
			.error = r < 0 ? (int)r : 0,
		};
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	}
}

static void *begin_answering(void *barrier)
{
	pthread_barrier_wait(barrier);
	return answer_all(NULL);
}

/* The thread that answers is there first, so that the filter is not its. */
static void divert_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KA_IO << 8, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	static pthread_barrier_t barrier;
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	check(pthread_create(&thread, NULL, begin_answering, &barrier), 0,
	      "a thread");
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0, "no new privileges");
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (listener < 0)
		exit(77);
	pthread_barrier_wait(&barrier);
}

/* ---- the calls ---- */

static int set(int fd, uint64_t id, uint64_t value)
{
	struct ka_one_reg reg = { id, (uintptr_t)&value };

	return ioctl(fd, KA_SET_ONE_REG, &reg);
}

static uint64_t get(int fd, uint64_t id)
{
	uint64_t value = 0;
	struct ka_one_reg reg = { id, (uintptr_t)&value };

	check(ioctl(fd, KA_GET_ONE_REG, &reg), 0, "a read");
	return value;
}

static void set_three(int fd, uint64_t a)
{
	uint64_t b = 1, c = 2;
	struct ka_one_reg regs[] = {
		{ PFR0, (uintptr_t)&a },
		{ TCR, (uintptr_t)&b },
		{ NOWHERE, (uintptr_t)&c },
	};
	struct ka_reg_vec vec = { .count = 3, .regs = (uintptr_t)regs };

	check(ioctl(fd, KA_SET_REG_VEC, &vec), -1, "a vector");
	check((int)vec.done, 2, "done of a vector");
}

static void *run(void *fd)
{
	check(ioctl(*(int *)fd, KA_RUN, 0), 0, "a run");
	return NULL;
}

static int new_vcpu(int vm, long i)
{
	struct ka_vcpu_init init = { .target = 5 };
	int vcpu = ioctl(vm, KA_CREATE_VCPU, i);

	check(ioctl(vcpu, KA_ARM_VCPU_INIT, &init), 0, "init");
	return vcpu;
}

/* Whether there is such a device; fd is not looked at, and no new one. */
static void ask_for_device(int vm, int fd)
{
	struct ka_create_device device = {
		.type = KA_DEV_TYPE_ARM_VGIC_V3, .fd = (uint32_t)fd, .flags = 1,
	};

	check(ioctl(vm, KA_CREATE_DEVICE, &device), 0, "a question");
}

/* A VM to look at, which never runs. */
static void scratch(int kvm)
{
	int vm = ioctl(kvm, KA_CREATE_VM, 0), vcpu = new_vcpu(vm, 0);

	get(vcpu, PFR0);
	close(vcpu);
	close(vm);
}

/* Another process with the same descriptors, one of them by another number. */
static void child(int vcpu)
{
	int status, other;
	pid_t pid = fork();

	if (!pid) {
		other = dup(vcpu);
		check(set(other, PFR0, 0x12), 0, "a child's write");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	check(status, 0, "a child");
}

static void tell(bool mark)
{
	int kvm = open("/dev/null", O_RDWR | O_CLOEXEC), vm, vcpu[2];
	struct ka_reg_list list = { 0 };
	pthread_t thread;

	scratch(kvm);				/* never-ran: GET 1 */
	vm = ioctl(kvm, KA_CREATE_VM, 0);
	vcpu[0] = new_vcpu(vm, 0);
	get(vcpu[0], PFR0);			/* setup: GET 2, redundant 0 */
	get(vcpu[0], MIDR);
	vcpu[1] = new_vcpu(vm, 1);
	ask_for_device(vm, vcpu[1]);
	if (mark) {
		set(vcpu[0], TCR, 1);		/* setup, if marked: SET 1 */
		kill(getppid(), SIGUSR1);
		usleep(100000);
	}
	/* load from here */
	check(ioctl(vcpu[0], KA_GET_REG_LIST, &list), -1, "a list");
	get(vcpu[1], PFR0);			/* GET, redundant 1 */
	get(vcpu[1], MIDR);			/* GET, redundant 2 */
	get(vcpu[1], TCR);			/* GET, a vCPU's own */
	set(vcpu[0], PFR0, 0x12);		/* SET, new */
	set(vcpu[1], PFR0, 0x12);		/* SET, redundant 1 */
	set(vm, PFR0, 0x12);			/* SET, redundant 2 */
	child(vcpu[1]);				/* SET, redundant 3 */
	set(vcpu[0], TCR, 5);			/* SET, a vCPU's own */
	set(vcpu[1], TCR, 5);			/* SET, a vCPU's own */
	set(vcpu[0], KA_TIMER_CNT, 9);		/* SET, new */
	set(vcpu[1], KA_TIMER_CNT, 9);		/* SET, a counter: new */
	check(set(vcpu[1], NOWHERE, 0), -1, "an unknown one"); /* fails */
	set_three(vcpu[0], 0x12);		/* 3, redundant 4, fails */
	set(vcpu[0], PFR0, 0x13);		/* SET, new */
	pthread_create(&thread, NULL, run, &vcpu[1]);
	pthread_join(thread, NULL);
	set(vcpu[0], TCR, 6);			/* stopped: SET 1 */
}

/* The number is free, and becomes that of a file that is no vCPU. */
static void reuse(int fd)
{
	check(open("/dev/null", O_RDWR | O_CLOEXEC), fd, "the same number");
	get(fd, TCR);
}

/* What trace.test wants in the record: VM and vCPU, or "0 -" for neither. */
static void tell_of_numbers(char *self)
{
	int kvm = open("/dev/null", O_RDWR | O_CLOEXEC), vm, vcpu, other;
	char numbers[2][16];

	vm = ioctl(kvm, KA_CREATE_VM, 0);
	vcpu = new_vcpu(vm, 0);
	get(vcpu, TCR);				/* 1 0 */
	other = dup(vcpu);
	close(vcpu);
	reuse(vcpu);				/* 0 - */
	get(other, TCR);			/* 1 0: first used now */
	check(dup2(kvm, other), other, "dup2");
	get(other, TCR);			/* 0 - */
	vcpu = new_vcpu(vm, 1);
	check(close_range((unsigned int)vcpu, (unsigned int)vcpu, 0), 0,
	      "close_range");
	reuse(vcpu);				/* 0 - */
	vcpu = new_vcpu(vm, 2);
	check(close_range((unsigned int)vcpu, (unsigned int)vcpu,
			  CLOSE_RANGE_CLOEXEC), 0, "close_range on exec");
	get(vcpu, TCR);				/* 1 2: only marked */
	other = dup(vcpu);			/* not closed by execve() */
	get(other, TCR);			/* 1 2 */
	snprintf(numbers[0], sizeof(numbers[0]), "%d", vcpu);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", other);
	execl(self, self, "after", numbers[0], numbers[1], NULL);
}

/* In the next program, for which nobody answers. */
static void tell_after(int vcpu, int other)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < vcpu);
	check(fd, vcpu, "the number of a descriptor that was closed");
	check(set(vcpu, TCR, 1), -1, "a write into nothing");	/* 0 - */
	check(set(other, TCR, 1), -1, "an unanswered write");	/* 1 2 */
}

/* Nobody answers: every call fails, in three threads and a process. */
static void *fail(void *fd)
{
	for (int i = 0; i < 100; i++)
		check(set(*(int *)fd, PFR0, 1), -1, "a write into nothing");
	return NULL;
}

static void plain(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), none = -1;
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, fail, i ? &null : &none);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	if (!fork()) {
		fail(&null);
		_exit(0);
	}
	wait(NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "plain")) {
		plain();
		return 0;
	}
	if (argc > 3 && !strcmp(argv[1], "after")) {
		tell_after(atoi(argv[2]), atoi(argv[3]));
		return 43;
	}
	divert_calls();
	if (argc > 1 && !strcmp(argv[1], "reuse"))
		tell_of_numbers(argv[0]);
	tell(argc > 1 && !strcmp(argv[1], "mark"));
	return 42;
}
