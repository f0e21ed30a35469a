/* SPDX-License-Identifier: MIT */
/*
 * ptrace(2): stops a program and all that it starts where they enter and
 * leave ioctls of KVM's, and where they close descriptors, and is no more in
 * their way than it must be.
 */
#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"
#include "trace.h"

/* Results that no program sees: the kernel makes the call once more. */
#define FIRST_RESTART 512
#define LAST_RESTART 516

#define OPTIONS                                                           \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | \
	 PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACESECCOMP)

#define N_BUCKETS 256

struct tracer {
	const struct follow *follow;
	struct start *start;
	pid_t root;		/* the first process */
	bool ready;		/* it stopped itself, and goes on */
	int status;		/* how it ended */
	uint64_t now;		/* when the last stop was seen */
	bool no_memory;
	struct thread *bucket[N_BUCKETS];
};

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- threads ---- */

static pid_t process_of(pid_t tid)
{
	char path[64], line[128];
	long process = tid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %ld", &process) == 1)
			break;
	if (f)
		fclose(f);
	return (pid_t)process;
}

static struct thread **place_of(struct tracer *tr, pid_t tid)
{
	struct thread **at = &tr->bucket[(unsigned int)tid % N_BUCKETS];

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

static struct thread *find_or_add(struct tracer *tr, pid_t tid)
{
	struct thread **at = place_of(tr, tid), *t = *at;

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t) {
		tr->no_memory = true;
		return NULL;
	}
	t->tid = tid;
	t->process = process_of(tid);
	*at = t;
	return t;
}

static void forget(struct tracer *tr, pid_t tid)
{
	struct thread **at = place_of(tr, tid), *t = *at;

	if (!t)
		return;
	if (t->inside)
		tr->follow->lost(tr->follow->userdata, t);
	*at = t->next;
	free(t);
}

/* ---- descriptors ---- */

static const struct closer *closer_of(uint64_t nr)
{
	for (size_t i = 0; i < trace_n_closers; i++)
		if ((uint64_t)trace_closers[i].nr == nr)
			return &trace_closers[i];
	return NULL;
}

/* Only marks them, or makes one a copy of itself. */
static bool closes_nothing(uint64_t nr, const uint64_t *args)
{
	if (nr == SYS_close_range)
		return args[2] & CLOSE_RANGE_CLOEXEC;
	return nr != SYS_close && (int)args[0] == (int)args[1];
}

/*
 * Told before the call, as afterwards another thread may have the number
 * again. A dup2(2) that fails closes nothing; that is not looked at.
 */
static void closing(struct tracer *tr, pid_t tid, const struct closer *c,
		    const uint64_t *args)
{
	const struct follow *f = tr->follow;
	struct thread *t = find_or_add(tr, tid);

	if (t && f->close && !closes_nothing((uint64_t)c->nr, args))
		f->close(f->userdata, t->process,
			 (unsigned int)args[c->first],
			 (unsigned int)args[c->last]);
}

/* All of it, if it was a process. */
static void close_all(struct tracer *tr, pid_t tid)
{
	if (tr->follow->close)
		tr->follow->close(tr->follow->userdata, tid, 0, UINT_MAX);
}

static void forget_all(struct tracer *tr)
{
	for (size_t i = 0; i < N_BUCKETS; i++)
		while (tr->bucket[i])
			forget(tr, tr->bucket[i]->tid);
}

/* ---- calls ---- */

static void enter(struct tracer *tr, pid_t tid, uint64_t nr,
		  const uint64_t *args)
{
	const struct closer *c = closer_of(nr);
	struct thread *t;

	if (c)
		closing(tr, tid, c, args);
	if (nr != SYS_ioctl || (args[1] >> 8 & 0xff) != KVM_IO)
		return;
	t = find_or_add(tr, tid);
	if (!t)
		return;
	t->inside = true;
	t->fd = (int)args[0];
	t->request = (uint32_t)args[1];
	t->arg = args[2];
	tr->follow->enter(tr->follow->userdata, t);
}

static void leave(struct tracer *tr, pid_t tid, int64_t result)
{
	struct thread *t = *place_of(tr, tid);

	if (!t || !t->inside)
		return;
	t->inside = false;
	if (result <= -FIRST_RESTART && result >= -LAST_RESTART)
		tr->follow->lost(tr->follow->userdata, t);
	else
		tr->follow->leave(tr->follow->userdata, t, result,
				  tr->now - t->began);
}

static void at_system_call(struct tracer *tr, pid_t tid)
{
	struct __ptrace_syscall_info info = { 0 };

	/* It fails where the thread was killed just now. */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0)
		return;
	/* A 32-bit program's arguments lie elsewhere, and it has no KVM. */
	switch (info.op) {
	case PTRACE_SYSCALL_INFO_ENTRY:
		enter(tr, tid, info.entry.nr, (uint64_t *)info.entry.args);
		break;
	case PTRACE_SYSCALL_INFO_SECCOMP:
		enter(tr, tid, info.seccomp.nr, (uint64_t *)info.seccomp.args);
		break;
	case PTRACE_SYSCALL_INFO_EXIT:
		leave(tr, tid, info.exit.rval);
		break;
	}
}

/* ---- stops ---- */

/* Where the filter does the choosing, only the end of a call is missing. */
static void go_on(struct tracer *tr, pid_t tid, int sig)
{
	struct thread *t = *place_of(tr, tid);
	bool stop = (t && t->inside) || (tr->ready && !tr->start->filtered);

	if (t && t->inside)
		t->began = clock_ns();
	ptrace(stop ? PTRACE_SYSCALL : PTRACE_CONT, tid, 0, (long)sig);
}

/* The thread that called execve(2) is now the process' only one. */
static void at_exec(struct tracer *tr, pid_t tid)
{
	unsigned long before = 0;

	ptrace(PTRACE_GETEVENTMSG, tid, 0, &before);
	forget(tr, (pid_t)before);
	forget(tr, tid);
	if (tr->follow->exec)
		tr->follow->exec(tr->follow->userdata, tid);
}

static bool stops_groups(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN ||
	       sig == SIGTTOU;
}

static void at_stop(struct tracer *tr, pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (!tr->ready && tid == tr->root && sig == SIGSTOP && !event) {
		tr->ready = true;
		go_on(tr, tid, 0);
		return;
	}
	if (event == PTRACE_EVENT_STOP && stops_groups(sig)) {
		ptrace(PTRACE_LISTEN, tid, 0, 0);
		return;
	}
	if (sig == (SIGTRAP | 0x80) || event == PTRACE_EVENT_SECCOMP)
		at_system_call(tr, tid);
	else if (event == PTRACE_EVENT_EXEC)
		at_exec(tr, tid);
	else if (!event) {
		go_on(tr, tid, sig);
		return;
	}
	go_on(tr, tid, 0);
}

/* ---- signals to ourselves ---- */

static volatile sig_atomic_t marked;
static volatile sig_atomic_t to_forward;

static void on_mark(int sig)
{
	(void)sig;
	marked = 1;
}

/* A terminal's go to COMMAND without us. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code <= 0 && to_forward > 0)
		kill((pid_t)to_forward, sig);
}

static const int forwarded[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2 };

#define N_FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))

static void take_signals(struct sigaction old[N_FORWARDED + 1], pid_t root)
{
	struct sigaction a = { .sa_sigaction = on_signal,
			       .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction mark = { .sa_handler = on_mark,
				  .sa_flags = SA_RESTART };

	to_forward = root;
	for (size_t i = 0; i < N_FORWARDED; i++)
		sigaction(forwarded[i], &a, &old[i]);
	sigaction(SIGUSR1, &mark, &old[N_FORWARDED]);
}

static void give_back_signals(const struct sigaction old[N_FORWARDED + 1])
{
	to_forward = 0;
	for (size_t i = 0; i < N_FORWARDED; i++)
		sigaction(forwarded[i], &old[i], NULL);
	sigaction(SIGUSR1, &old[N_FORWARDED], NULL);
}

/* ---- from start to end ---- */

static void take_mark(struct tracer *tr)
{
	if (!marked)
		return;
	marked = 0;
	if (tr->follow->mark)
		tr->follow->mark(tr->follow->userdata);
}

static int follow_all(struct tracer *tr)
{
	int status;
	pid_t tid;

	for (;;) {
		tid = waitpid(-1, &status, __WALL);
		tr->now = clock_ns();
		take_mark(tr);
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			break;
		if (WIFSTOPPED(status)) {
			at_stop(tr, tid, status);
			continue;
		}
		forget(tr, tid);
		close_all(tr, tid);
		if (tid != tr->root)
			continue;
		tr->status = status;
		/* From here on the number may be another process'. */
		to_forward = 0;
	}
	forget_all(tr);
	return tr->no_memory ? -ENOMEM : 0;
}

static int run(struct tracer *tr, int go[2])
{
	struct sigaction old[N_FORWARDED + 1];
	int r;

	tr->root = fork();
	if (tr->root < 0)
		return -errno;
	if (!tr->root) {
		close(go[1]);
		trace_child(tr->start, go[0], tr->follow->every_call,
			    tr->follow->argv, tr->follow->fn);
	}
	if (ptrace(PTRACE_SEIZE, tr->root, 0, OPTIONS)) {
		r = -errno;
		kill(tr->root, SIGKILL);
		waitpid(tr->root, NULL, 0);
		return r;
	}
	take_signals(old, tr->root);
	close(go[1]);
	go[1] = -1;
	r = follow_all(tr);
	give_back_signals(old);
	return r;
}

int trace_follow(const struct follow *follow, int *ret_status)
{
	struct tracer tr = { .follow = follow };
	int go[2], r;

	tr.start = mmap(NULL, sizeof(*tr.start), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tr.start == MAP_FAILED)
		return -errno;
	r = pipe2(go, O_CLOEXEC) ? -errno : 0;
	if (!r) {
		r = run(&tr, go);
		close(go[0]);
		if (go[1] >= 0)
			close(go[1]);
	}
	if (!r && tr.start->error)
		r = -tr.start->error;
	munmap(tr.start, sizeof(*tr.start));
	*ret_status = tr.status;
	return r;
}
