// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm.h"

/* The first is the cause, what follows is often its consequence. */
static char first[2 * PATH_SIZE];

const char *error_first(void)
{
	return first;
}

void error_line(const char *line)
{
	flockfile(stderr);
	fprintf(stderr, "onereg-vmm: %s\n", line);
	if (!first[0])
		snprintf(first, sizeof(first), "%s", line);
	funlockfile(stderr);
}

static void say(const char *format, va_list args, const char *why,
		const char *todo)
{
	char what[sizeof(first)], line[sizeof(first) + 512];

	vsnprintf(what, sizeof(what), format, args);
	snprintf(line, sizeof(line), "%s%s%s%s%s", what, why ? ": " : "",
		 why ?: "", todo ? "; " : "", todo ?: "");
	error_line(line);
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
