// SPDX-License-Identifier: MIT
/*
 * For tests: several commands in one boot of a host, which runs one program.
 *
 *	steps COMMAND [ARG]... [, COMMAND [ARG]...]...
 *
 * Runs one after the other and prints "step N: exit STATUS" after each. The
 * command "keep FILE TO" copies a file, for what was made outside of out/.
 */
#include <stdio.h>
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

static int step(char **argv)
{
	int status = 0;
	pid_t pid;

	if (argv[0] && !strcmp(argv[0], "keep") && argv[1] && argv[2])
		return keep(argv[1], argv[2]);
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int main(int argc, char **argv)
{
	int first = 1, n = 0;

	for (int i = 1; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], ","))
			continue;
		argv[i] = NULL;
		printf("step %d: exit %d\n", ++n, step(argv + first));
		fflush(stdout);
		first = i + 1;
	}
	return 0;
}
