// SPDX-License-Identifier: MIT
/*
 * Migrations within one host over what people use: a socket's path, the two
 * pipes of ssh; and started in the wrong order, or twice. Prints a line for
 * each, "ok NAME" or "not ok NAME: WHY".
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "said.h"

#define PLACE "vm.sock"
#define VMM "./onereg-vmm"
#define RECEIVE "receive", "--run-for", "0.1", "--check"
#define RUN "run", "--vcpus", "1", "--run-for", "0.1", "--check", "--hold", "20000"

struct process {
	pid_t pid;
	const char *said; /* file */
};

static void die(const char *what)
{
	perror(what);
	exit(125);
}

/* in and out: its stdin and stdout, or -1. What it says is in the file. */
static struct process start(const char *said, int in, int out,
			    const char *const argv[])
{
	struct process p = { .pid = fork(), .said = said };
	int fd;

	if (p.pid < 0)
		die("fork");
	if (p.pid)
		return p;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, 2);
	dup2(out < 0 ? fd : out, 1);
	if (in >= 0)
		dup2(in, 0);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

#define START(said, in, out, ...) \
	start(said, in, out, (const char *const[]){ VMM, __VA_ARGS__, NULL })

/* Its exit status; -1: it had to be killed. */
static int end(const struct process *p)
{
	int status;

	for (int i = 0; i < 2000; i++) {
		pid_t pid = waitpid(p->pid, &status, WNOHANG);

		if (pid < 0)
			die("waitpid");
		if (pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		usleep(50000);
	}
	kill(p->pid, SIGKILL);
	waitpid(p->pid, &status, 0);
	return -1;
}

static bool is_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static bool appears(const char *path)
{
	for (int i = 0; i < 1200 && !is_there(path); i++)
		usleep(50000);
	return is_there(path);
}

static bool runs(const struct process *p)
{
	return count(p->said, "payload: ok ");
}

/* It was asked before the migration and found itself well after it, too. */
static bool came_back(const struct process *source)
{
	return count(source->said, "payload: ok ") == 2 &&
	       count(source->said, "not migrated: the guest runs on here");
}

static const char *path(void)
{
	struct process there =
		START("there", -1, -1, RECEIVE, "--from", PLACE);
	struct process here;
	int from, to;

	if (!appears(PLACE))
		return "nobody listens";
	here = START("here", -1, -1, RUN, "--migrate-to", PLACE);
	from = end(&here);
	to = end(&there);
	if (from || to || !runs(&there))
		return "the guest did not move";
	return is_there(PLACE) ? "the socket is still there" : NULL;
}

static const char *two_sources(void)
{
	struct process there =
		START("there", -1, -1, RECEIVE, "--from", PLACE);
	struct process here, also;
	int a, b, to;

	if (!appears(PLACE))
		return "nobody listens";
	here = START("here", -1, -1, RUN, "--migrate-to", PLACE);
	also = START("also", -1, -1, RUN, "--migrate-to", PLACE);
	a = end(&here);
	b = end(&also);
	to = end(&there);
	if (to || count("there", "payload: ok ") != 1)
		return "neither guest moved";
	if (a + b != 1)
		return "not one moved, and one stayed";
	return came_back(a ? &here : &also) ? NULL : "the other is not well";
}

static const char *two_receivers(void)
{
	struct process first =
		START("there", -1, -1, RECEIVE, "--from", PLACE);
	struct process second, here;
	int from, to;

	if (!appears(PLACE))
		return "nobody listens";
	second = START("also", -1, -1, RECEIVE, "--from", PLACE);
	if (end(&second) != 3 || !count("also", "a socket is there"))
		return "two listen at one place";
	here = START("here", -1, -1, RUN, "--migrate-to", PLACE);
	from = end(&here);
	to = end(&first);
	return from || to || !runs(&first) ? "the first one got nothing" : NULL;
}

/* What a receiver that was killed leaves. */
static const char *nobody_behind_socket(void)
{
	struct process there =
		START("there", -1, -1, RECEIVE, "--from", PLACE);
	struct process here;

	if (!appears(PLACE))
		return "nobody listens";
	kill(there.pid, SIGKILL);
	end(&there);
	here = START("here", -1, -1, RUN, "--migrate-to", PLACE);
	return end(&here) == 1 && came_back(&here) ? NULL :
						     "the guest is not here";
}

static bool blocks(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void keep(const int *fd, int flags)
{
	for (int i = 0; i < 2; i++)
		fcntl(fd[i], F_SETFD, flags);
}

/*
 * As a shell and ssh put them together, which use their ends after that. The
 * receiver's limit would be over before the source is there.
 */
static const char *pipes(void)
{
	struct process here, there;
	int to[2], from[2], ends[2], a, b;
	char where[32];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		die("pipe2");
	there = START("there", to[0], from[1], RECEIVE, "--from", "-",
		      "--stall", "8");
	sleep(9);
	ends[0] = from[0];
	ends[1] = to[1];
	snprintf(where, sizeof(where), "%d,%d", ends[0], ends[1]);
	keep(ends, 0);
	here = START("here", -1, -1, RUN, "--migrate-to", where);
	keep(ends, FD_CLOEXEC);
	b = end(&there);
	a = end(&here);
	if (a || b || !runs(&there))
		return "the guest did not move";
	if (!blocks(to[0]) || !blocks(to[1]) || !blocks(from[0]) ||
	    !blocks(from[1]))
		return "a pipe was left as one that does not block";
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
	return NULL;
}

static const struct scene {
	const char *name;
	const char *(*play)(void);
} scenes[] = {
	{ "over a socket at a path", path },
	{ "two sources: one guest moves, one stays", two_sources },
	{ "two receivers at one path: the second is refused", two_receivers },
	{ "a socket that nobody listens at any more", nobody_behind_socket },
	{ "over two pipes, long before the source speaks", pipes },
};

static bool play(const struct scene *scene)
{
	static const char *const said[] = { "here", "also", "there" };
	const char *wrong;

	unlink(PLACE);
	for (int i = 0; i < 3; i++)
		unlink(said[i]);
	wrong = scene->play();
	printf("%s %s%s%s\n", wrong ? "not ok" : "ok", scene->name,
	       wrong ? ": " : "", wrong ? wrong : "");
	for (int i = 0; wrong && i < 3; i++)
		show(said[i]);
	fflush(stdout);
	return !wrong;
}

int main(void)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < sizeof(scenes) / sizeof(*scenes); i++)
		wrong += !play(&scenes[i]);
	return wrong ? 1 : 0;
}
