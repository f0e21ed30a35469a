// SPDX-License-Identifier: MIT
/* An io that passes on what it is asked. */
#include "pass.h"

int pass_open(void *userdata, const char *path)
{
	struct pass *p = userdata;

	return p->real.open(p->real.userdata, path);
}

int pass_close(void *userdata, int fd)
{
	struct pass *p = userdata;

	return p->real.close(p->real.userdata, fd);
}

int pass_ioctl(void *userdata, int fd, unsigned long request, void *arg)
{
	struct pass *p = userdata;

	return p->real.ioctl(p->real.userdata, fd, request, arg);
}

int pass_frequency(void *userdata, uint64_t *ret)
{
	struct pass *p = userdata;

	return p->real.counter_frequency(p->real.userdata, ret);
}

static int pass_clock(void *userdata, uint64_t *ret)
{
	struct pass *p = userdata;

	return p->real.wall_clock(p->real.userdata, ret);
}

static int pass_release(void *userdata, char *buf, size_t size)
{
	struct pass *p = userdata;

	return p->real.release(p->real.userdata, buf, size);
}

int pass_init(struct pass *p, const struct onereg_io *real,
	      int (*ioctl)(void *userdata, int fd, unsigned long request,
			   void *arg))
{
	p->io = (struct onereg_io){
		.size = sizeof(p->io),
		.userdata = p,
		.open = pass_open,
		.close = pass_close,
		.ioctl = ioctl ? ioctl : pass_ioctl,
		.counter_frequency = pass_frequency,
		.wall_clock = pass_clock,
		.release = pass_release,
	};
	return io_complete(&p->real, real);
}
