/* SPDX-License-Identifier: MIT */
/*
 * The one door to a kernel: the running kernel's struct onereg_io, and the
 * few calls on it that the other files make.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define NS_PER_S 1000000000ULL

static int kernel_open(void *userdata, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)userdata;
	return fd < 0 ? -errno : fd;
}

static int kernel_close(void *userdata, int fd)
{
	(void)userdata;
	return close(fd) ? -errno : 0;
}

static int kernel_ioctl(void *userdata, int fd, unsigned long request,
			void *arg)
{
	int ret = ioctl(fd, request, arg);

	(void)userdata;
	return ret < 0 ? -errno : ret;
}

static int kernel_counter_frequency(void *userdata, uint64_t *ret_hz)
{
	(void)userdata;
#ifdef __aarch64__
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(*ret_hz));
	return 0;
#else
	*ret_hz = 0;
	return -ENOSYS;
#endif
}

static int kernel_wall_clock(void *userdata, uint64_t *ret_ns)
{
	struct timespec ts;

	(void)userdata;
	if (clock_gettime(CLOCK_REALTIME, &ts))
		return -errno;
	*ret_ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return 0;
}

static int kernel_release(void *userdata, char *buf, size_t size)
{
	struct utsname u;
	size_t n;

	(void)userdata;
	if (uname(&u))
		return -errno;
	n = strnlen(u.release, sizeof(u.release));
	if (n >= size)
		return -ENAMETOOLONG;
	memcpy(buf, u.release, n);
	buf[n] = '\0';
	return 0;
}

#define OR_KERNEL(io, call)				\
	do {						\
		if (!(io)->call)			\
			(io)->call = kernel_##call;	\
	} while (0)

int io_complete(struct onereg_io *ret, const struct onereg_io *io)
{
	static const struct onereg_io kernel = { .size = sizeof(kernel) };
	int r = options_take(ret, sizeof(*ret), io ? io : &kernel);

	if (r)
		return r;
	OR_KERNEL(ret, open);
	OR_KERNEL(ret, close);
	OR_KERNEL(ret, ioctl);
	OR_KERNEL(ret, counter_frequency);
	OR_KERNEL(ret, wall_clock);
	OR_KERNEL(ret, release);
	return 0;
}

/*
 * A signal to a VMM's thread must not fail a restore: the register ioctls
 * are idempotent, so a call that was interrupted is made again.
 */
#define EINTR_TRIES 16

int io_ioctl(const struct onereg_io *io, int fd, unsigned long request,
	     void *arg)
{
	int ret;

	for (int i = 0; i < EINTR_TRIES; i++) {
		ret = io->ioctl(io->userdata, fd, request, arg);
		if (ret != -EINTR)
			break;
	}
	return ret;
}

int io_get_reg(const struct onereg_io *io, int fd, uint64_t id, void *value)
{
	struct ka_one_reg reg = { .id = id, .addr = (uintptr_t)value };
	int ret = io_ioctl(io, fd, KA_GET_ONE_REG, &reg);

	return ret < 0 ? ret : 0;
}

int io_set_reg(const struct onereg_io *io, int fd, uint64_t id,
	       const void *value)
{
	struct ka_one_reg reg = { .id = id, .addr = (uintptr_t)value };
	int ret = io_ioctl(io, fd, KA_SET_ONE_REG, &reg);

	return ret < 0 ? ret : 0;
}

static int device_attr(const struct onereg_io *io, int fd,
		       unsigned long request, uint32_t group, uint64_t attr,
		       void *value)
{
	struct ka_device_attr da = {
		.group = group,
		.attr = attr,
		.addr = (uintptr_t)value,
	};
	int ret = io_ioctl(io, fd, request, &da);

	return ret < 0 ? ret : 0;
}

int io_get_attr(const struct onereg_io *io, int fd, struct attr *attr)
{
	/* A 4-byte attribute fills the low half: little-endian. */
	attr->value = 0;
	return device_attr(io, fd, KA_GET_DEVICE_ATTR, attr->group, attr->attr,
			   &attr->value);
}

int io_set_attr(const struct onereg_io *io, int fd, const struct attr *attr)
{
	uint64_t value = attr->value;

	return device_attr(io, fd, KA_SET_DEVICE_ATTR, attr->group, attr->attr,
			   &value);
}

int io_reg_list(const struct onereg_io *io, int vcpu_fd, struct regset *ret)
{
	struct ka_reg_list probe = { .n = 0 }, *list;
	uint64_t n;
	int r;

	r = io_ioctl(io, vcpu_fd, KA_GET_REG_LIST, &probe);
	if (r < 0 && r != -E2BIG)
		return r;
	n = probe.n;
	/* 16 bits of system registers and classes around: far above any. */
	if (n > 1 << 20)
		return -EOVERFLOW;
	list = calloc(1, sizeof(*list) + n * sizeof(list->reg[0]));
	if (!list)
		return -ENOMEM;
	list->n = n;
	r = io_ioctl(io, vcpu_fd, KA_GET_REG_LIST, list);
	if (r >= 0)
		r = list->n > n ? -EPROTO :
				  regset_init(ret, list->reg, list->n);
	free(list);
	return r;
}
