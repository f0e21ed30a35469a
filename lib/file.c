/* SPDX-License-Identifier: MIT */
/*
 * Whole files: read into memory, and written so that they appear whole or not
 * at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container.h"

static int file_error(struct onereg_report *report, int error,
		      const char *operation, const char *path)
{
	report_error(report, error, operation, path, "%s",
		     error == EISDIR ? "it is a directory" : strerror(error));
	return -error;
}

/* ---- reading ---- */

/* Of st_size 0 there may be more to come: pipes, /proc. */
static int first_size(int fd, size_t *ret)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (st.st_size > FORMAT_MAX_FILE)
		return -EFBIG;
	/* One more, so that the read that meets the end needs no room. */
	*ret = st.st_size > 0 ? (size_t)st.st_size + 1 : 65536;
	return 0;
}

static int read_on(int fd, uint8_t **data, size_t *size, size_t *allocated)
{
	ssize_t n;

	if (*size == *allocated) {
		uint8_t *p = realloc(*data, *allocated * 2);

		if (!p)
			return -ENOMEM;
		*data = p;
		*allocated *= 2;
	}
	n = read(fd, *data + *size, *allocated - *size);
	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	*size += (size_t)n;
	if (*size > FORMAT_MAX_FILE)
		return -EFBIG;
	return n > 0;
}

static int read_fd(int fd, void **ret, size_t *ret_size)
{
	size_t size = 0, allocated = 0;
	uint8_t *data;
	int r;

	r = first_size(fd, &allocated);
	if (r)
		return r;
	data = malloc(allocated);
	if (!data)
		return -ENOMEM;
	do {
		r = read_on(fd, &data, &size, &allocated);
	} while (r > 0);
	if (r) {
		free(data);
		return r;
	}
	*ret = data;
	*ret_size = size;
	return 0;
}

int file_read_all(const char *path, void **ret, size_t *ret_size,
		  struct onereg_report *report)
{
	int fd, r;

	do {
		fd = open(path, O_RDONLY | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return file_error(report, errno, "open", path);
	r = read_fd(fd, ret, ret_size);
	close(fd);
	return r ? file_error(report, -r, "read", path) : 0;
}

/* ---- writing ---- */

/* What failed, and how: -errno is returned. */
struct step {
	const char *operation;
};

static int failed(struct step *step, const char *operation)
{
	int error = errno;

	step->operation = operation;
	return -error;
}

static int write_all(int fd, const uint8_t *data, size_t size,
		     struct step *step)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(step, "write");
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* A device or a pipe: nothing to replace, written as it is. */
static int write_in_place(const char *path, const void *data, size_t size,
			  struct step *step)
{
	int fd, r;

	do {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return failed(step, "open");
	r = write_all(fd, data, size, step);
	if (close(fd) && !r)
		r = failed(step, "close");
	return r;
}

static int fill_temporary(int fd, const void *data, size_t size,
			  struct step *step)
{
	int r = write_all(fd, data, size, step);

	if (!r && fsync(fd))
		r = failed(step, "fsync");
	/* NFS may tell only now that the disk is full. */
	if (close(fd) && !r)
		r = failed(step, "close");
	return r;
}

/*
 * So that the name outlives a power cut. Some file systems cannot, and a
 * directory need not be readable: the file is in place all the same.
 */
static int sync_directory(const char *directory, struct step *step)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return 0;
	if (fsync(fd) && errno != EINVAL && errno != ENOTSUP)
		r = failed(step, "fsync of its directory");
	close(fd);
	return r;
}

/* Length of path's directory part with its slash, 0 where it has none. */
static size_t directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

static int replace(const char *path, const void *data, size_t size,
		   struct step *step)
{
	size_t length = directory_length(path);
	char temporary[PATH_MAX + 32];
	int fd, r;

	/* Only its owner's: a guest's registers have its keys. */
	snprintf(temporary, sizeof(temporary), "%.*s.onereg.XXXXXX",
		 (int)length, path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return failed(step, "open");
	r = fill_temporary(fd, data, size, step);
	if (!r && rename(temporary, path))
		r = failed(step, "rename");
	if (r) {
		unlink(temporary);
		return r;
	}
	if (length)
		temporary[length] = '\0';
	return sync_directory(length ? temporary : ".", step);
}

static int write_where_it_is(const char *path, const void *data, size_t size,
			     struct step *step)
{
	char real[PATH_MAX];
	struct stat st;

	step->operation = "open";
	if (stat(path, &st)) {
		if (errno != ENOENT || !*path)
			return -errno;
		if (strlen(path) >= PATH_MAX)
			return -ENAMETOOLONG;
		return replace(path, data, size, step);
	}
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return write_in_place(path, data, size, step);
	/* A link, such as /dev/stdout, stays; what it leads to is replaced. */
	if (!realpath(path, real))
		return -errno;
	return replace(real, data, size, step);
}

int file_write_whole(const char *path, const void *data, size_t size,
		     struct onereg_report *report)
{
	struct step step;
	int r = write_where_it_is(path, data, size, &step);

	return r ? file_error(report, -r, step.operation, path) : 0;
}
