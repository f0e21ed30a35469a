/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>

#include "faults.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
ssize_t __real_read(int fd, void *buf, size_t size);
ssize_t __real_write(int fd, const void *buf, size_t size);
int __real_fsync(int fd);
int __real_close(int fd);
int __real_rename(const char *from, const char *to);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
ssize_t __wrap_read(int fd, void *buf, size_t size);
ssize_t __wrap_write(int fd, const void *buf, size_t size);
int __wrap_fsync(int fd);
int __wrap_close(int fd);
int __wrap_rename(const char *from, const char *to);

static struct {
	bool on;
	size_t n, calls;
	int error;
} faults[N_FAULTS];

void fault_at(enum fault_call call, size_t n, int error)
{
	faults[call].on = true;
	faults[call].n = n;
	faults[call].calls = 0;
	faults[call].error = error;
}

size_t fault_stop(enum fault_call call)
{
	faults[call].on = false;
	return faults[call].calls;
}

static bool now(enum fault_call call)
{
	if (!faults[call].on || ++faults[call].calls != faults[call].n)
		return false;
	errno = faults[call].error;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return now(FAULT_MALLOC) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return now(FAULT_MALLOC) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return now(FAULT_MALLOC) ? NULL : __real_realloc(p, size);
}

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	if (!now(FAULT_READ))
		return __real_read(fd, buf, size);
	return errno ? -1 : __real_read(fd, buf, (size + 1) / 2);
}

ssize_t __wrap_write(int fd, const void *buf, size_t size)
{
	if (!now(FAULT_WRITE))
		return __real_write(fd, buf, size);
	return errno ? -1 : __real_write(fd, buf, (size + 1) / 2);
}

int __wrap_fsync(int fd)
{
	return now(FAULT_FSYNC) ? -1 : __real_fsync(fd);
}

int __wrap_close(int fd)
{
	int error = now(FAULT_CLOSE) ? errno : 0;
	int r = __real_close(fd);

	/* As the kernel does it: an error, and closed all the same. */
	if (!error)
		return r;
	errno = error;
	return -1;
}

int __wrap_rename(const char *from, const char *to)
{
	return now(FAULT_RENAME) ? -1 : __real_rename(from, to);
}
