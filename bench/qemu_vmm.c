// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "qemu_vmm.h"

void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the command line ---- */

void words_add(struct words *w, const char *word)
{
	if (w->n == QEMU_MAX_WORDS)
		die("too many words");
	w->word[w->n++] = (char *)(uintptr_t)word;
}

void words_add_qemu(struct words *w, const char *megabytes, const char *vcpus)
{
	const char *const words[] = {
		"./ld-linux-aarch64.so.1", "--library-path", "lib",
		"./qemu-system-aarch64", "-accel", "kvm", "-cpu", "host",
		"-M", "virt,gic-version=3", "-m", megabytes, "-nodefaults",
		"-nic", "none", "-display", "none", "-qmp", "stdio",
		"-smp", vcpus,
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words_add(w, words[i]);
}

/* ---- the process and its monitor ---- */

static void become(const struct words *w, int in, int out, int state)
{
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	if (state >= 0)
		dup2(state, QEMU_STATE_FD);
	execv(w->word[0], w->word);
	die("cannot run %s: %m", w->word[0]);
}

static void greet(struct qemu *q)
{
	qemu_wait(q, "\"QMP\"", NULL);
	qemu_tell(q, "{\"execute\":\"qmp_capabilities\"}\n");
	qemu_wait(q, "\"return\"", NULL);
}

void qemu_start(struct qemu *q, const struct words *w, int state)
{
	int in[2], out[2];

	*q = (struct qemu){ 0 };
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("pipe: %m");
	q->pid = fork();
	if (q->pid < 0)
		die("fork: %m");
	if (!q->pid)
		become(w, in[0], out[1], state);
	close(in[0]);
	close(out[1]);
	q->to = in[1];
	q->from = out[0];
	greet(q);
}

void qemu_tell(struct qemu *q, const char *text)
{
	size_t n = strlen(text);

	if (write(q->to, text, n) != (ssize_t)n)
		die("cannot write to QEMU's monitor: %m");
}

bool qemu_wait(struct qemu *q, const char *text, const char *other)
{
	long end = now_ms() + QEMU_WAIT_MS;
	const char *at, *at_other;

	for (;;) {
		struct pollfd p = { .fd = q->from, .events = POLLIN };
		ssize_t n;

		at = strstr(q->said + q->seen, text);
		at_other = other ? strstr(q->said + q->seen, other) : NULL;
		/* What it says is lines. */
		if ((at || at_other) && strchr(at ? at : at_other, '\n')) {
			q->seen = (size_t)((at ? at : at_other) - q->said) + 1;
			return at;
		}
		if (now_ms() > end || q->n == sizeof(q->said) - 1 ||
		    poll(&p, 1, QEMU_WAIT_MS) <= 0)
			die("no %s from QEMU, but: %s", text, q->said);
		n = read(q->from, q->said + q->n, sizeof(q->said) - 1 - q->n);
		if (n <= 0)
			die("QEMU ended before %s: %s", text, q->said);
		q->n += (size_t)n;
	}
}

void qemu_quit(struct qemu *q)
{
	int status;

	qemu_tell(q, "{\"execute\":\"quit\"}\n");
	if (waitpid(q->pid, &status, 0) != q->pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status))
		die("QEMU did not end well: status 0x%x", status);
	close(q->to);
	close(q->from);
}

/* ---- save and load ---- */

static int listen_on(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 1))
		die("cannot listen on %s: %m", path);
	return fd;
}

/* From the socket into the file, until QEMU closes. */
static void keep(const struct qemu *q, int socket_fd, int state)
{
	struct pollfd p = { .fd = socket_fd, .events = POLLIN };
	static char buf[1 << 16];
	ssize_t n;
	int from;

	if (poll(&p, 1, QEMU_WAIT_MS) <= 0)
		die("QEMU does not send its state: %s", q->said);
	from = accept(socket_fd, NULL, NULL);
	if (from < 0)
		die("cannot take QEMU's state: %m");
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(state, buf, (size_t)n) != n)
			die("cannot write the state: %m");
	close(from);
}

void qemu_save(struct qemu *q, int state)
{
	int socket_fd = listen_on("stream");

	qemu_tell(q, "{\"execute\":\"migrate\","
		     "\"arguments\":{\"uri\":\"unix:stream\"}}\n");
	if (!qemu_wait(q, "\"return\"", "\"error\""))
		die("QEMU cannot save: %s", q->said);
	keep(q, socket_fd, state);
	close(socket_fd);
	do {
		usleep(50000);
		qemu_tell(q, "{\"execute\":\"query-migrate\"}\n");
		if (!qemu_wait(q, "\"status\": ", "\"failed\""))
			die("QEMU cannot save: %s", q->said);
	} while (strncmp(q->said + q->seen, "status\": \"completed", 19));
}

void qemu_load(struct qemu *q)
{
	qemu_tell(q, "{\"execute\":\"migrate-incoming\",\"arguments\":"
		     "{\"uri\":\"fd:10\"}}\n");
}
