/* SPDX-License-Identifier: MIT */
/*
 * Runs a harness on files, and on all files of directories, with any
 * compiler: kept inputs are tests.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "internal.h"

static size_t n_files;

static void run_file(const char *path)
{
	void *data;
	size_t size;

	if (file_read_all(path, &data, &size, NULL)) {
		fprintf(stderr, "replay: cannot read %s\n", path);
		exit(1);
	}
	/* If it crashes, this was it. */
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	n_files++;
}

static void run_directory(const char *path, DIR *dir)
{
	struct dirent *entry;
	char name[PATH_MAX];

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		run_file(name);
	}
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);

		if (dir) {
			run_directory(argv[i], dir);
			closedir(dir);
		} else {
			run_file(argv[i]);
		}
	}
	if (!n_files) {
		fprintf(stderr, "replay: no files\n");
		return 1;
	}
	printf("%zu files\n", n_files);
	return 0;
}
