// SPDX-License-Identifier: MIT
/*
 * What the tests of the emulated host run in it: each first argument is one
 * way for a program to behave.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#define STREAM "/dev/onereg-stream"

/* Which kernel, and whether KVM makes VMs there. */
static int do_kvm(char **args)
{
	struct utsname name;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	(void)args;
	uname(&name);
	printf("release %s\n", name.release);
	printf("cpus %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	if (kvm < 0) {
		perror("/dev/kvm");
		return 1;
	}
	printf("api %d\n", ioctl(kvm, KVM_GET_API_VERSION, 0));
	printf("vm %s\n", ioctl(kvm, KVM_CREATE_VM, 0) < 0 ? "no" : "yes");
	return 0;
}

/* Says its arguments; leaves a result in a directory of its own. */
static int do_talk(char **args)
{
	FILE *f;

	for (; *args; args++)
		printf("argument <%s>\n", *args);
	printf("word %s\n", getenv("WORD") ? getenv("WORD") : "none");
	fprintf(stderr, "aside\n");
	f = fopen("out/result", "w");
	if (!f)
		return 1;
	fprintf(f, "left behind\n");
	return fclose(f) ? 1 : 3;
}

/* The content of a file, to standard output. */
static int do_cat(char **args)
{
	char text[4096];
	size_t n;
	FILE *f = fopen(args[0], "r");

	if (!f) {
		perror(args[0]);
		return 1;
	}
	while ((n = fread(text, 1, sizeof(text), f)))
		fwrite(text, 1, n, stdout);
	return fclose(f);
}

static int do_signal(char **args)
{
	raise(atoi(args[0]));
	return 0;
}

static int do_hang(char **args)
{
	(void)args;
	printf("hanging\n");
	fflush(stdout);
	while (pause() < 0)
		;
	return 0;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		perror(path);
		return 1;
	}
	close(fd);
	return 0;
}

static int do_panic(char **args)
{
	(void)args;
	return write_file("/proc/sysrq-trigger", "c");
}

/* A line in the kernel's log, as a kernel that complains would write it. */
static int do_complain(char **args)
{
	(void)args;
	return write_file("/dev/kmsg",
			  "<4>WARNING: CPU: 0 PID: 1 at nowhere\n");
}

/* Clock ticks that a fixed piece of work takes. */
static int do_clock(char **args)
{
	volatile unsigned int sink = 0;
	uint64_t from, to;

	(void)args;
	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(from));
	for (unsigned int i = 0; i < 1000000; i++)
		sink += i;
	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(to));
	printf("ticks %llu\n", (unsigned long long)(to - from));
	return 0;
}

/* A byte that depends on its position, so that a lost block shows. */
static unsigned char pattern(size_t i)
{
	return i * 31 + (i >> 8) * 7 + (i >> 16);
}

static int write_all(int fd, const unsigned char *data, size_t size)
{
	ssize_t n;

	for (; size; data += n, size -= n) {
		n = write(fd, data, size);
		if (n < 0) {
			perror("write");
			return 1;
		}
	}
	return 0;
}

/* Reads size bytes; returns how many there were before the end. */
static size_t read_all(int fd, unsigned char *data, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while (got < size) {
		n = read(fd, data + got, size - got);
		if (n < 0)
			perror("read");
		if (n <= 0)
			break;
		got += n;
	}
	return got;
}

/* Sends that many bytes, then waits for the word that they arrived. */
static int do_send(char **args)
{
	size_t size = strtoul(args[0], NULL, 0);
	unsigned char *data = malloc(size), word[2];
	int fd = open(STREAM, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0 || !data) {
		perror(STREAM);
		return 1;
	}
	for (size_t i = 0; i < size; i++)
		data[i] = pattern(i);
	ret = write_all(fd, data, size);
	if (!ret && read_all(fd, word, 2) == 2)
		printf("answer %c%c\n", word[0], word[1]);
	free(data);
	close(fd);
	return ret;
}

/* Receives that many bytes and answers; then waits for the end. */
static int do_receive(char **args)
{
	size_t size = strtoul(args[0], NULL, 0), got, wrong = 0;
	unsigned char *data = malloc(size), more;
	int fd = open(STREAM, O_RDWR | O_CLOEXEC);

	if (fd < 0 || !data) {
		perror(STREAM);
		return 1;
	}
	got = read_all(fd, data, size);
	for (size_t i = 0; i < got; i++)
		wrong += data[i] != pattern(i);
	printf("received %zu, wrong %zu\n", got, wrong);
	if (write_all(fd, (const unsigned char *)"ok", 2))
		return 1;
	printf("then %zu\n", read_all(fd, &more, 1));
	free(data);
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **args);
} behaviours[] = {
	{ "kvm", 0, do_kvm },		{ "talk", 0, do_talk },
	{ "cat", 1, do_cat },		{ "signal", 1, do_signal },
	{ "hang", 0, do_hang },		{ "panic", 0, do_panic },
	{ "complain", 0, do_complain }, { "clock", 0, do_clock },
	{ "send", 1, do_send },		{ "receive", 1, do_receive },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(behaviours) / sizeof(*behaviours); i++)
		if (argc > 1 && !strcmp(argv[1], behaviours[i].name) &&
		    argc - 2 >= behaviours[i].args)
			return behaviours[i].run(argv + 2);
	fprintf(stderr, "usage: host-probe BEHAVIOUR [ARG]...\n");
	return 2;
}
