// SPDX-License-Identifier: MIT
/*
 * The thread that is inside an ioctl. A kernel sees a signal arrive and
 * delivers it on the way out; we hold signals back to the same effect.
 */
#include "vm_regs.h"

_Thread_local struct task_struct current_task;

/* Faults of the program itself come at once. */
static const int sync_signals[] = {
	SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS,
};

void task_hold_signals(void)
{
	sigset_t all;

	if (current->holds_signals)
		return;
	sigfillset(&all);
	for (size_t i = 0; i < ARRAY_SIZE(sync_signals); i++)
		sigdelset(&all, sync_signals[i]);
	pthread_sigmask(SIG_BLOCK, &all, &current->mask);
	current->holds_signals = true;
}

void task_release_signals(void)
{
	if (!current->holds_signals)
		return;
	current->holds_signals = false;
	pthread_sigmask(SIG_SETMASK, &current->mask, NULL);
}

/* A blocked signal becomes pending even where nobody would notice it. */
static bool does_something(int sig)
{
	struct sigaction sa;

	if (sigaction(sig, NULL, &sa))
		return false;
	if (sa.sa_handler != SIG_DFL)
		return sa.sa_handler != SIG_IGN;
	return sig != SIGCHLD && sig != SIGCONT && sig != SIGURG &&
	       sig != SIGWINCH;
}

bool signal_pending(const struct task_struct *task)
{
	sigset_t pending;

	if (!task->holds_signals || sigpending(&pending))
		return false;
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (sigismember(&pending, sig) == 1 &&
		    !sigismember(&task->mask, sig) && does_something(sig))
			return true;
	return false;
}
