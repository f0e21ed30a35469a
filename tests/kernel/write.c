// SPDX-License-Identifier: MIT
/*
 * write FILE TEXT...: for files of the kernel that act on what is written.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		return 2;
	fd = open(argv[1], O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	for (char **text = argv + 2; *text; text++)
		if (write(fd, *text, strlen(*text)) < 0)
			perror(*text);
	return close(fd) ? 1 : 0;
}
