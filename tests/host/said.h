/* SPDX-License-Identifier: MIT */
/* What a process of a migration said, in a file. */
#ifndef SAID_H
#define SAID_H

#include <stdio.h>
#include <string.h>

/* Lines in which the text is; 0 where there is no file. */
static inline unsigned int count(const char *path, const char *text)
{
	FILE *f = fopen(path, "r");
	char line[4096];
	unsigned int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += !!strstr(line, text);
	if (f)
		fclose(f);
	return n;
}

/* For people, as TAP's comments. */
static inline void show(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[4096];

	while (f && fgets(line, sizeof(line), f))
		printf("# %s: %s", path, line);
	if (f)
		fclose(f);
}

#endif
