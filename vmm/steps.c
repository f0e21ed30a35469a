// SPDX-License-Identifier: MIT
/*
 * For scripts: several commands in one boot of a host, which runs one program.
 *
 *	steps [N=FILE] COMMAND [ARG]... [, COMMAND [ARG]...]...
 *
 * Runs one after the other and prints "step N: exit STATUS" after each. After
 * "and" in place of the comma a command runs only if the one before it exited
 * with 0; else that is the end, and the exit status 1. After "with" it runs at
 * the same time as the one before it. The command "keep FILE TO" copies a file,
 * for what was made outside of out/. N=FILE: all commands have FILE as
 * descriptor N, open from the first to the last.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static int keep(const char *from, const char *to)
{
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	int rc = in && out ? 0 : 1, c;

	while (!rc && (c = getc(in)) != EOF)
		rc = putc(c, out) == EOF;
	if (out && fclose(out))
		rc = 1;
	if (in)
		fclose(in);
	return rc;
}

static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

static int finish(pid_t pid)
{
	int status = 0;

	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int step(char **argv)
{
	if (argv[0] && !strcmp(argv[0], "keep") && argv[1] && argv[2])
		return keep(argv[1], argv[2]);
	return finish(start(argv));
}

static void tell(int n, int status)
{
	printf("step %d: exit %d\n", n, status);
	fflush(stdout);
}

static bool ends(const char *word)
{
	return !strcmp(word, ",") || !strcmp(word, "and") ||
	       !strcmp(word, "with");
}

static void hold(const char *text)
{
	int fd = open(strchr(text, '=') + 1, O_RDWR);
	int n = strtol(text, NULL, 10);

	if (fd < 0 || (fd != n && (dup2(fd, n) < 0 || close(fd)))) {
		perror(text);
		exit(127);
	}
}

/* n is the step's number; other: of the one that runs meanwhile. */
static int one_or_two(char **argv, int n, pid_t *other)
{
	int status = step(argv);

	tell(n, status);
	if (*other) {
		int theirs = finish(*other);

		tell(n - 1, theirs);
		status = status ?: theirs;
	}
	*other = 0;
	return status;
}

int main(int argc, char **argv)
{
	int first = 1, n = 0;
	pid_t other = 0;

	if (argc > 1 && isdigit(argv[1][0]) && strchr(argv[1], '='))
		hold(argv[first++]);
	for (int i = first; i <= argc; i++) {
		const char *end = i < argc ? argv[i] : ",";

		if (i < argc && !ends(end))
			continue;
		argv[i] = NULL;
		n++;
		if (!strcmp(end, "with") && other) {
			fprintf(stderr, "steps: with: two at most\n");
			return 2;
		}
		if (!strcmp(end, "with"))
			other = start(argv + first);
		else if (one_or_two(argv + first, n, &other) &&
			 !strcmp(end, "and"))
			return 1;
		first = i + 1;
	}
	return 0;
}
