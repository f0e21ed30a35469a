// SPDX-License-Identifier: MIT
/*
 * qemu_restore - a VM of QEMU's, saved and restored, to watch the latter
 *
 *	qemu_restore [--vcpus N] [--mark] [-- WRAPPER...]
 *
 * Runs in the emulated host beside what bench/qemu-fetch gives. Starts QEMU
 * with N vCPUs that all run, has it migrate into a file, ends it, and starts
 * another one, under WRAPPER, that takes the file and goes on. --mark: sends
 * WRAPPER a SIGUSR1 before the file arrives, as onereg trace wants. Exit
 * status 0: the guest runs on in the second one; what WRAPPER writes is kept
 * out of QEMU's monitor, which is standard input and output here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STATE_FD 10		/* the stream's, in both QEMUs */
#define WAIT_MS 100000
#define MAX_WORDS 64

/*
 * The guest: vCPU 0 starts the others by PSCI; each tells by a letter on the
 * UART that it runs, and then waits for an interrupt that nobody sends. x19:
 * the UART; w20: how many there are, patched in.
 */
__asm__(".pushsection .rodata\n"
	".global guest, guest_vcpus, guest_end\n"
	".balign 8\n"
	"guest: b 1f\n"
	"guest_vcpus: .word 1\n"
	"1: mov w20, #1\n"
	"2: ldr w1, guest_vcpus\n"
	"	cmp w20, w1\n"
	"	b.hs 3f\n"
	"	movz x0, #0x0003\n"	/* PSCI_CPU_ON, 64 bits */
	"	movk x0, #0xc400, lsl #16\n"
	"	mov x1, x20\n"		/* MPIDR: up to 16 a cluster */
	"	adr x2, 3f\n"
	"	mov x3, #0\n"
	"	hvc #0\n"
	"	add w20, w20, #1\n"
	"	b 2b\n"
	"3:	movz x19, #0x0900, lsl #16\n"
	"	mov w0, #'R'\n"
	"	str w0, [x19]\n"
	"4:	wfi\n"
	"	b 4b\n"
	"guest_end:\n"
	".popsection\n");
extern const char guest[], guest_vcpus[], guest_end[];

struct qemu {
	pid_t pid;
	int to, from;		/* its monitor */
	char said[1 << 16];	/* all of it so far, NUL-terminated */
	size_t n;
	size_t seen;		/* what was waited for is before that */
};

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	fputs("qemu_restore: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the guest ---- */

static void write_guest(const char *path, unsigned int vcpus)
{
	size_t size = (size_t)(guest_end - guest);
	FILE *f = fopen(path, "we");
	char *copy = malloc(size);
	uint32_t n = vcpus;

	if (!f || !copy)
		die("cannot write %s: %m", path);
	memcpy(copy, guest, size);
	memcpy(copy + (guest_vcpus - guest), &n, sizeof(n));
	if (fwrite(copy, size, 1, f) != 1 || fclose(f))
		die("cannot write %s: %m", path);
	free(copy);
}

/* How many letters the guest wrote, which QEMU puts into that file. */
static size_t letters(const char *path)
{
	char text[4096];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

	if (f)
		fclose(f);
	return n;
}

static void wait_letters(const char *path, size_t n)
{
	long end = now_ms() + WAIT_MS;

	while (letters(path) < n) {
		if (now_ms() > end)
			die("%zu of %zu vCPUs run", letters(path), n);
		usleep(10000);
	}
}

/* ---- QEMU and its monitor ---- */

static void start(struct qemu *q, char **words, int state)
{
	int in[2], out[2];

	*q = (struct qemu){ 0 };
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("pipe: %m");
	q->pid = fork();
	if (q->pid < 0)
		die("fork: %m");
	if (!q->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(state, STATE_FD);
		execv(words[0], words);
		die("cannot run %s: %m", words[0]);
	}
	close(in[0]);
	close(out[1]);
	q->to = in[1];
	q->from = out[0];
}

static void tell(struct qemu *q, const char *text)
{
	size_t n = strlen(text);

	if (write(q->to, text, n) != (ssize_t)n)
		die("cannot write to QEMU's monitor: %m");
}

/* Waits until QEMU says either; true: the first. */
static bool wait_for(struct qemu *q, const char *text, const char *other)
{
	long end = now_ms() + WAIT_MS;
	const char *at, *at_other;

	for (;;) {
		struct pollfd p = { .fd = q->from, .events = POLLIN };
		ssize_t n;

		at = strstr(q->said + q->seen, text);
		at_other = other ? strstr(q->said + q->seen, other) : NULL;
		if (at || at_other) {
			q->seen = (size_t)((at ? at : at_other) - q->said) + 1;
			return at;
		}
		if (now_ms() > end || q->n == sizeof(q->said) - 1 ||
		    poll(&p, 1, WAIT_MS) <= 0)
			die("no %s from QEMU, but: %s", text, q->said);
		n = read(q->from, q->said + q->n, sizeof(q->said) - 1 - q->n);
		if (n <= 0)
			die("QEMU ended before %s: %s", text, q->said);
		q->n += (size_t)n;
	}
}

static void greet(struct qemu *q)
{
	wait_for(q, "\"QMP\"", NULL);
	tell(q, "{\"execute\":\"qmp_capabilities\"}\n");
	wait_for(q, "\"return\"", NULL);
}

static void quit(struct qemu *q)
{
	int status;

	tell(q, "{\"execute\":\"quit\"}\n");
	if (waitpid(q->pid, &status, 0) != q->pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status))
		die("QEMU did not end well: status 0x%x", status);
	close(q->to);
	close(q->from);
}

/* ---- save and restore ---- */

static int listen_on(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 1))
		die("cannot listen on %s: %m", path);
	return fd;
}

/* From the socket into the file, until QEMU closes. */
static void keep(int socket_fd, int state)
{
	static char buf[1 << 16];
	int from = accept(socket_fd, NULL, NULL);
	ssize_t n;

	if (from < 0)
		die("nobody connects: %m");
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(state, buf, (size_t)n) != n)
			die("cannot write the state: %m");
	close(from);
}

static void migrate(struct qemu *q, int state)
{
	int socket_fd = listen_on("stream");

	tell(q, "{\"execute\":\"migrate\","
		"\"arguments\":{\"uri\":\"unix:stream\"}}\n");
	if (!wait_for(q, "\"return\"", "\"error\""))
		die("QEMU cannot save: %s", q->said);
	keep(socket_fd, state);
	close(socket_fd);
	do {
		usleep(50000);
		tell(q, "{\"execute\":\"query-migrate\"}\n");
		if (!wait_for(q, "\"status\": ", "\"failed\""))
			die("QEMU cannot save: %s", q->said);
	} while (strncmp(q->said + q->seen, "status\": \"completed", 19));
}

static void save(char **words, unsigned int vcpus, int state)
{
	struct qemu q;

	start(&q, words, state);
	greet(&q);
	wait_letters("serial", vcpus);
	migrate(&q, state);
	quit(&q);
}

static void restore(char **words, bool mark, int state)
{
	struct qemu q;

	start(&q, words, state);
	greet(&q);
	if (mark && kill(q.pid, SIGUSR1))
		die("cannot mark: %m");
	/* So that the mark is there first. */
	usleep(200000);
	tell(&q, "{\"execute\":\"migrate-incoming\",\"arguments\":"
		 "{\"uri\":\"fd:10\"}}\n");
	wait_for(&q, "\"RESUME\"", "\"error\"");
	tell(&q, "{\"execute\":\"query-status\"}\n");
	wait_for(&q, "\"running\": true", NULL);
	/* The vCPUs' threads enter KVM_RUN. */
	usleep(200000);
	quit(&q);
}

struct words {
	char *word[MAX_WORDS + 1];
	size_t n;
};

static void add(struct words *w, const char *word)
{
	if (w->n == MAX_WORDS)
		die("too many words");
	w->word[w->n++] = (char *)(uintptr_t)word;
}

static void add_qemu(struct words *w, const char *vcpus)
{
	static const char *const words[] = {
		"./ld-linux-aarch64.so.1", "--library-path", "lib",
		"./qemu-system-aarch64", "-accel", "kvm", "-cpu", "host",
		"-M", "virt,gic-version=3", "-m", "64", "-nodefaults",
		"-nic", "none", "-display", "none", "-qmp", "stdio",
		"-kernel", "guest", "-serial", "file:serial", "-smp",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		add(w, words[i]);
	add(w, vcpus);
}

int main(int argc, char **argv)
{
	struct words source = { 0 }, destination = { 0 };
	const char *vcpus = "4";
	bool mark = false;
	int i, state;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--mark"))
			mark = true;
		else if (!strcmp(argv[i], "--vcpus") && i + 1 < argc)
			vcpus = argv[++i];
		else
			die("what is %s?", argv[i]);
	}
	while (++i < argc)
		add(&destination, argv[i]);
	add_qemu(&source, vcpus);
	add_qemu(&destination, vcpus);
	add(&destination, "-incoming");
	add(&destination, "defer");
	state = open("state", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (state < 0)
		die("cannot make the file of the state: %m");
	signal(SIGPIPE, SIG_IGN);
	write_guest("guest", (unsigned int)atoi(vcpus));
	save(source.word, (unsigned int)atoi(vcpus), state);
	fprintf(stderr, "qemu_restore: saved %lld bytes\n",
		(long long)lseek(state, 0, SEEK_END));
	lseek(state, 0, SEEK_SET);
	restore(destination.word, mark, state);
	fprintf(stderr, "qemu_restore: restored\n");
	return 0;
}
