/* SPDX-License-Identifier: MIT */
/* pass.h - an io in front of another, for a test that wants to see or change */
#ifndef ONEREG_TESTS_PASS_H
#define ONEREG_TESTS_PASS_H

#include "internal.h"

/*
 * The first member of what a test keeps: a function of io gets that as its
 * userdata. What the test does not put there itself goes to real.
 */
struct pass {
	struct onereg_io io, real;
};

/* ioctl NULL: passed on too. As io_complete(). */
int pass_init(struct pass *p, const struct onereg_io *real,
	      int (*ioctl)(void *userdata, int fd, unsigned long request,
			   void *arg));
int pass_open(void *userdata, const char *path);
int pass_close(void *userdata, int fd);
int pass_ioctl(void *userdata, int fd, unsigned long request, void *arg);
int pass_frequency(void *userdata, uint64_t *ret);

#endif
