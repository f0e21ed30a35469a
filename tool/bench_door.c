/* SPDX-License-Identifier: MIT */
/*
 * The door to the kernel of a round that counts: which calls were made, of
 * which registers, and how long they took. Rounds that measure go without.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "bench.h"

bool trouble_set(struct trouble *t, int error, const char *fmt, ...)
{
	va_list ap;

	if (*t->what)
		return false;
	t->error = error < 0 ? -error : error;
	va_start(ap, fmt);
	vsnprintf(t->what, sizeof(t->what), fmt, ap);
	va_end(ap);
	return false;
}

bool trouble_report(struct trouble *t, int error,
		    const struct onereg_report *report, const char *what)
{
	char why[384];

	onereg_report_format(report, why, sizeof(why));
	return trouble_set(t, error, "%s%s%s", what, *why ? ": " : "", why);
}

/* ---- counting ---- */

static void count_register(struct door *door, bool set, uint64_t id)
{
	struct tally *tally = door->tally;
	enum onereg_scope scope = onereg_reg_scope(id);

	tally->registers++;
	if (id == TIMER_CNT || id == PTIMER_CNT)
		tally->counters++;
	else if (scope == ONEREG_SCOPE_VM || scope == ONEREG_SCOPE_HOST)
		tally->vm_wide++;
	tally->locks += locks_of(door, set, id);
}

static void count_vector(struct door *door, bool set, const struct reg_vec *v)
{
	const struct one_reg *regs = (const void *)(uintptr_t)v->regs;

	for (uint32_t i = 0; i < v->done && i < v->count; i++)
		count_register(door, set, regs[i].id);
}

static void count_call(struct door *door, unsigned long request, void *arg)
{
	struct tally *tally = door->tally;

	tally->ioctls++;
	switch (request) {
	case GET_ONE_REG:
	case SET_ONE_REG:
		count_register(door, request == SET_ONE_REG,
			       ((struct one_reg *)arg)->id);
		break;
	case GET_REG_VEC:
	case SET_REG_VEC:
		count_vector(door, request == SET_REG_VEC, arg);
		break;
	case GET_REG_LIST:
		break;
	default:
		return;
	}
	tally->register_calls++;
}

/* The library has this door only in rounds that count. */
static int io_ioctl(void *userdata, int fd, unsigned long request, void *arg)
{
	struct door *door = userdata;
	uint64_t start = now(), took;
	int ret = ioctl(fd, request, arg);

	took = now() - start;
	ret = ret < 0 ? -errno : ret;
	if (took > door->clock)
		door->tally->ns += took - door->clock;
	count_call(door, request, arg);
	return ret;
}

/* Nothing is in the way of a call that is only measured. */
int door_ioctl(struct door *door, int fd, unsigned long request, void *arg)
{
	int ret;

	if (door->tally)
		return io_ioctl(door, fd, request, arg);
	ret = ioctl(fd, request, arg);
	return ret < 0 ? -errno : ret;
}

#define CLOCK_TRIES 8

void door_open(struct door *door)
{
	uint64_t start, took;

	*door = (struct door){
		.io = {
			.size = sizeof(door->io),
			.userdata = door,
			.ioctl = io_ioctl,
		},
		.clock = UINT64_MAX,
	};
	for (int i = 0; i < CLOCK_TRIES; i++) {
		start = now();
		took = now() - start;
		if (took < door->clock)
			door->clock = took;
	}
}
