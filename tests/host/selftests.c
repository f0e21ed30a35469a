// SPDX-License-Identifier: MIT
/*
 * Runs Linux's KVM selftests, one after the other, in one emulated host.
 * kernel/selftests is the other side.
 *
 * usage: selftests PLAN
 *
 * PLAN has a line for each test: seconds it may take, name of its program in
 * the working directory, arguments. What it prints goes to out/NAME.log. For
 * each, one line comes out: NAME, how it ended (its exit status, "signal-N",
 * "timeout", or "lost" if it could not be started), and how long it took.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORDS 16
#define LOST 127

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	fputs("selftests: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* In the child: a group of its own, so that a limit ends all of a test. */
static void __attribute__((noreturn))
become(char *const words[], const sigset_t *mask)
{
	char path[128];
	int log, null;

	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	snprintf(path, sizeof(path), "out/%s.log", words[0]);
	log = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	null = open("/dev/null", O_RDONLY);
	if (log < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(LOST);
	snprintf(path, sizeof(path), "./%s", words[0]);
	execv(path, words);
	_exit(LOST);
}

/* Waits for @pid until @deadline; false if it is still there then. */
static bool ended(pid_t pid, double deadline, const sigset_t *chld,
		  int *status)
{
	for (;;) {
		double left = deadline - now();
		struct timespec wait;

		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		if (left <= 0)
			return false;
		wait.tv_sec = (time_t)left;
		wait.tv_nsec = (long)((left - (double)wait.tv_sec) * 1e9);
		if (sigtimedwait(chld, NULL, &wait) < 0 && errno != EAGAIN &&
		    errno != EINTR)
			die("sigtimedwait: %s", strerror(errno));
	}
}

static void tell(const char *name, int status, bool timed_out, double took)
{
	if (timed_out)
		printf("%s timeout", name);
	else if (WIFSIGNALED(status))
		printf("%s signal-%d", name, WTERMSIG(status));
	else if (WEXITSTATUS(status) == LOST)
		printf("%s lost", name);
	else
		printf("%s %d", name, WEXITSTATUS(status));
	printf(" %.1f\n", took);
	fflush(stdout);
}

static void run(int limit, char *const words[])
{
	double start = now();
	sigset_t chld, old;
	bool timed_out;
	int status = 0;
	pid_t pid;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old);
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid)
		become(words, &old);
	setpgid(pid, pid);
	timed_out = !ended(pid, start + limit, &chld, &status);
	kill(-pid, SIGKILL);
	if (timed_out)
		waitpid(pid, &status, 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	tell(words[0], status, timed_out, now() - start);
}

int main(int argc, char **argv)
{
	char line[512];
	FILE *plan;

	if (argc != 2)
		die("usage: selftests PLAN");
	plan = fopen(argv[1], "re");
	if (!plan)
		die("%s: %s", argv[1], strerror(errno));
	while (fgets(line, sizeof(line), plan)) {
		char *words[MAX_WORDS + 1], *save = NULL;
		char *limit = strtok_r(line, " \n", &save);
		int n = 0;

		while (n < MAX_WORDS &&
		       (words[n] = strtok_r(NULL, " \n", &save)))
			n++;
		words[n] = NULL;
		if (!limit || atoi(limit) <= 0 || !n)
			die("%s: not a line of a plan: %s", argv[1], line);
		run(atoi(limit), words);
	}
	fclose(plan);
	return 0;
}
