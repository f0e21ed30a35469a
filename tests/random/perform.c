// SPDX-License-Identifier: MIT
/* Makes calls; on the running kernel KVM_RUN is told to end at once. */
#include <sys/mman.h>

#include "world.h"

#define IMMEDIATE_EXIT	1	/* where struct kvm_run has it */
#define RUN_SIZE	65536	/* no page is larger */

static int run(const struct side *side, int fd)
{
	uint8_t *page = mmap(NULL, RUN_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, 0);
	int ret;

	if (page != MAP_FAILED)
		page[IMMEDIATE_EXIT] = 1;
	ret = io_ioctl(side->io, fd, KA_RUN, NULL);
	if (page != MAP_FAILED)
		munmap(page, RUN_SIZE);
	return ret;
}

static int make(const struct side *side, enum object_kind kind, int fd,
		const struct call *call)
{
	if (call->request == CLOSE)
		return side->io->close(side->io->userdata, fd);
	if (call->request == KA_RUN && kind == OBJECT_VCPU && !side->model)
		return run(side, fd);
	return io_ioctl(side->io, fd, call->request, (void *)call->arg);
}

#ifdef __aarch64__
static uint64_t counter(void)
{
	uint64_t value;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
	return value;
}

/* The model's clock follows the kernel's. */
static void follow(struct side *side, const struct onereg_io *io,
		   uint64_t now)
{
	unsigned __int128 ns = (unsigned __int128)(now - side->now) *
			       1000000000;
	uint64_t hz = 1;

	io->counter_frequency(io->userdata, &hz);
	model_sleep(side->model, (uint64_t)((ns + hz - 1) / hz));
	side->now = now;
}

/* Both clocks show the same before the second side is asked. */
static void keep_time(struct world *w, size_t side, uint64_t before)
{
	uint64_t now = counter();

	if (w->sides[side].model || w->n_sides < 2)
		return;
	if (w->call.request != CLOSE && now - before > w->slack)
		w->slack = now - before;
	follow(&w->sides[1], w->sides[0].io, now);
}
#else
static uint64_t counter(void)
{
	return 0;
}

static void keep_time(struct world *w, size_t side, uint64_t before)
{
	(void)w;
	(void)side;
	(void)before;
}
#endif

void perform(struct world *w, size_t side)
{
	const struct object *o = &w->target;
	uint64_t before = counter();

	memory_load(&w->memory, &w->before);
	w->ret[side] = make(&w->sides[side], o->kind, o->fd[side], &w->call);
	keep_time(w, side, before);
	memory_save(&w->memory, &w->after[side]);
}
