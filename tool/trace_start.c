/* SPDX-License-Identifier: MIT */
/*
 * How COMMAND is started: with a filter that lets every system call pass
 * but KVM's ioctls and those that close descriptors, at which the tracer is
 * asked. Unless we may do anything, such a filter costs COMMAND the right to
 * gain privileges by execve(2).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi.h"
#include "trace.h"

const struct closer trace_closers[] = {
	{ SYS_close, 0, 0 },
	{ SYS_close_range, 0, 1 },
#ifdef SYS_dup2			/* arm64 has none */
	{ SYS_dup2, 1, 1 },
#endif
	{ SYS_dup3, 1, 1 },
};

#define LENGTH_OF(a) (sizeof(a) / sizeof((a)[0]))
#define N_CLOSERS LENGTH_OF(trace_closers)

const size_t trace_n_closers = N_CLOSERS;

#if defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#endif

#ifdef ARCH
#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))

static const struct sock_filter head[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr)),
};

static const struct sock_filter ioctls[] = {
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4),
	/* The low half of the request: both machines keep it first. */
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(args[1])),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_IO << 8, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

#define LENGTH (LENGTH_OF(head) + 2 * N_CLOSERS + LENGTH_OF(ioctls))

static void write_filter(struct sock_filter code[LENGTH])
{
	size_t n = LENGTH_OF(head);

	memcpy(code, head, sizeof(head));
	for (size_t i = 0; i < N_CLOSERS; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K,
			(uint32_t)trace_closers[i].nr, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							 SECCOMP_RET_TRACE);
	}
	memcpy(code + n, ioctls, sizeof(ioctls));
}

static bool install_filter(void)
{
	struct sock_filter code[LENGTH];
	struct sock_fprog program = { .len = LENGTH, .filter = code };

	write_filter(code);

	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return true;
	return errno == EACCES && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static bool install_filter(void)
{
	return false;
}
#endif

void trace_child(struct start *start, int go, bool every_call, char **argv,
		 void (*fn)(void))
{
	char c;

	while (read(go, &c, 1) < 0 && errno == EINTR)
		;
	start->filtered = !every_call && install_filter();
	raise(SIGSTOP);
	if (!argv) {
		fn();
		_exit(0);
	}
	execvp(argv[0], argv);
	start->error = errno;
	_exit(127);
}
