// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm.h"

static void say(const char *format, va_list args, const char *why,
		const char *todo)
{
	flockfile(stderr);
	fputs("onereg-vmm: ", stderr);
	vfprintf(stderr, format, args);
	if (why)
		fprintf(stderr, ": %s", why);
	if (todo)
		fprintf(stderr, "; %s", todo);
	fputc('\n', stderr);
	funlockfile(stderr);
}

int cannot(const char *todo, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, NULL, todo);
	va_end(args);
	return CANNOT;
}

int cannot_errno(const char *todo, const char *format, ...)
{
	const char *why = strerror(errno);
	va_list args;

	va_start(args, format);
	say(format, args, why, todo);
	va_end(args);
	return CANNOT;
}

int wrong_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args, NULL, "see onereg-vmm --help");
	va_end(args);
	return USAGE;
}

int path_join(char path[PATH_SIZE], const char *dir, const char *name)
{
	int n = snprintf(path, PATH_SIZE, "%s/%s", dir, name);

	if (n >= 0 && n < PATH_SIZE)
		return 0;
	return cannot("use a shorter path", "%.80s...: path too long", dir);
}
