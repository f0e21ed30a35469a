/* SPDX-License-Identifier: MIT */
/*
 * QEMU's way to restore: the register calls that it was seen to make between
 * loading the device state and running (bench/qemu-*.sequence), with the
 * source's values. What QEMU does besides is not here: the arguments of every
 * call are ready before the blackout.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct player {
	size_t n;		/* calls */
	size_t room;
	struct play {
		unsigned long request;
		int fd;
		struct one_reg reg;
	} *plays;
	uint8_t *values;	/* the source's, VALUE_MAX bytes each */
	uint8_t scratch[4096];	/* of what is read, and of lists */
};

static void qemu_end(struct move *m)
{
	struct player *p = m->private_;

	if (p) {
		free(p->plays);
		free(p->values);
	}
	free(p);
	m->private_ = NULL;
}

/* In the order of the state's list. */
static bool read_values(struct move *m, struct player *p, struct trouble *t)
{
	const struct reg_list *list = m->bench->state.list;
	uint8_t *value = p->values;
	struct one_reg reg;

	for (size_t vcpu = 0; vcpu < m->source.n; vcpu++)
		for (size_t i = 0; i < list->n; i++, value += VALUE_MAX) {
			int r;

			reg.id = list->reg[i];
			reg.addr = (uintptr_t)value;
			r = door_ioctl(&m->doors[DESTINATION],
				       m->source.vcpus[vcpu], GET_ONE_REG,
				       &reg);
			if (r)
				return trouble_set(t, r, "qemu: reading 0x%llx "
					"of vCPU %zu",
					(unsigned long long)reg.id, vcpu);
		}
	return true;
}

static uint8_t *value_of(struct move *m, struct player *p, size_t vcpu,
			 uint64_t id)
{
	const struct reg_list *list = m->bench->state.list;

	for (size_t i = 0; i < list->n; i++)
		if (list->reg[i] == id)
			return p->values + (vcpu * list->n + i) * VALUE_MAX;
	return NULL;
}

/* vCPU n does what the recorded vCPU did that stands for it. */
static bool add_vcpu(struct move *m, struct player *p, size_t vcpu,
		     struct trouble *t)
{
	const struct sequence *s = &m->bench->sequence;
	int recorded = (int)(vcpu % s->n_vcpus);

	for (size_t i = 0; i < s->n; i++) {
		const struct call *c = &s->calls[i];
		struct play *play = &p->plays[p->n];

		if (c->vcpu != recorded)
			continue;
		*play = (struct play){
			.request = c->request,
			.fd = m->destination.vcpus[vcpu],
			.reg = { .id = c->id, .addr = (uintptr_t)p->scratch },
		};
		if (c->request == SET_ONE_REG)
			play->reg.addr = (uintptr_t)value_of(m, p, vcpu, c->id);
		if (!play->reg.addr)
			return trouble_set(t, ENOENT, "qemu: this host's vCPUs "
				"have no register 0x%llx, which the sequence "
				"writes; record it anew here",
				(unsigned long long)c->id);
		p->n++;
	}
	return true;
}

static bool qemu_prepare(struct move *m, struct trouble *t)
{
	const struct sequence *s = &m->bench->sequence;
	struct player *p = calloc(1, sizeof(*p));

	m->private_ = p;
	if (!p)
		return trouble_set(t, ENOMEM, "qemu");
	p->plays = calloc(m->source.n * s->n, sizeof(*p->plays));
	p->values = calloc(m->source.n * m->bench->state.list->n, VALUE_MAX);
	if (!p->plays || !p->values)
		return trouble_set(t, ENOMEM, "qemu");
	if (!read_values(m, p, t))
		return false;
	for (size_t vcpu = 0; vcpu < m->source.n; vcpu++)
		if (!add_vcpu(m, p, vcpu, t))
			return false;
	return true;
}

/* Of these too, some were refused by the kernel when they were recorded. */
static bool qemu_destination(struct move *m, struct trouble *t)
{
	struct player *p = m->private_;
	struct door *door = &m->doors[DESTINATION];

	(void)t;
	for (size_t i = 0; i < p->n; i++) {
		struct play *play = &p->plays[i];

		door_ioctl(door, play->fd, play->request, &play->reg);
	}
	return true;
}

const struct way_ops qemu_ops = {
	.destination_inited = true,
	.sides = { [DESTINATION] = true },
	.prepare = qemu_prepare,
	.blackout = { [DESTINATION] = qemu_destination },
	.end = qemu_end,
};
