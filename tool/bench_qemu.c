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
	struct play {
		unsigned long request;
		int fd;
		void *arg;
		struct one_reg reg;
	} *plays;
	/* The source's: VALUE_MAX bytes a register, in the list's order. */
	uint8_t *values;
	struct vcpu_events *events;
	struct mp_state *mp_states;
	uint8_t scratch[VALUE_MAX];	/* for what is read */
};

static void qemu_end(struct move *m)
{
	struct player *p = m->private_;

	if (p) {
		free(p->plays);
		free(p->values);
		free(p->events);
		free(p->mp_states);
	}
	free(p);
	m->private_ = NULL;
}

static bool read_one(struct move *m, size_t vcpu, unsigned long request,
		     void *arg, const char *what, struct trouble *t)
{
	int r = door_ioctl(&m->doors[SOURCE], m->source.vcpus[vcpu], request,
			   arg);

	return !r || trouble_set(t, r, "qemu: cannot read %s of vCPU %zu of "
				 "the source", what, vcpu);
}

static bool read_vcpu(struct move *m, struct player *p, size_t vcpu,
		      struct trouble *t)
{
	const struct reg_list *list = m->bench->state.list;
	uint8_t *value = p->values + vcpu * list->n * VALUE_MAX;
	char name[64];

	for (size_t i = 0; i < list->n; i++, value += VALUE_MAX) {
		struct one_reg reg = { list->reg[i], (uintptr_t)value };

		onereg_reg_name(reg.id, name, sizeof(name));
		if (!read_one(m, vcpu, GET_ONE_REG, &reg, name, t))
			return false;
	}
	return read_one(m, vcpu, GET_VCPU_EVENTS, &p->events[vcpu], "events",
			t) &&
	       read_one(m, vcpu, GET_MP_STATE, &p->mp_states[vcpu], "MP state",
			t);
}

/* NULL: there is no such register. */
static uint8_t *value_of(struct move *m, struct player *p, size_t vcpu,
			 uint64_t id)
{
	const struct reg_list *list = m->bench->state.list;

	for (size_t i = 0; i < list->n; i++)
		if (list->reg[i] == id)
			return p->values + (vcpu * list->n + i) * VALUE_MAX;
	return NULL;
}

static bool add_call(struct move *m, struct player *p, size_t vcpu,
		     const struct call *c, struct trouble *t)
{
	struct play *play = &p->plays[p->n++];
	uint8_t *value;

	*play = (struct play){
		.request = c->request,
		.fd = m->destination.vcpus[vcpu],
		.reg = { .id = c->id },
		.arg = p->scratch,
	};
	switch (c->request) {
	case SET_VCPU_EVENTS:
		play->arg = &p->events[vcpu];
		return true;
	case SET_MP_STATE:
		play->arg = &p->mp_states[vcpu];
		return true;
	case GET_ONE_REG:
	case SET_ONE_REG:
		break;
	default:
		return true;
	}
	play->arg = &play->reg;
	value = value_of(m, p, vcpu, c->id);
	if (!value)
		return trouble_set(t, ENOENT, "qemu: a vCPU here has no "
			"register 0x%llx, which the sequence has; record it "
			"anew on this host (docs/trace.md)",
			(unsigned long long)c->id);
	play->reg.addr = (uintptr_t)(c->request == SET_ONE_REG ? value :
								 p->scratch);
	return true;
}

static bool add_block(struct move *m, struct player *p,
		      const struct block *block, struct trouble *t)
{
	const struct call *calls = m->bench->sequence.calls + block->first;

	for (size_t vcpu = 0; vcpu < m->source.n; vcpu++)
		for (size_t i = 0; i < block->n; i++)
			if (!add_call(m, p, vcpu, &calls[i], t))
				return false;
	return true;
}

static bool qemu_prepare(struct move *m, struct trouble *t)
{
	const struct sequence *s = &m->bench->sequence;
	struct player *p = calloc(1, sizeof(*p));
	size_t n = m->source.n;

	m->private_ = p;
	if (!p)
		return trouble_set(t, ENOMEM, "qemu");
	m->size = whole_size(m);
	p->plays = calloc(n * s->n, sizeof(*p->plays));
	p->values = calloc(n * m->bench->state.list->n, VALUE_MAX);
	p->events = calloc(n, sizeof(*p->events));
	p->mp_states = calloc(n, sizeof(*p->mp_states));
	if (!p->plays || !p->values || !p->events || !p->mp_states)
		return trouble_set(t, ENOMEM, "qemu");
	for (size_t vcpu = 0; vcpu < n; vcpu++)
		if (!read_vcpu(m, p, vcpu, t))
			return false;
	for (size_t i = 0; i < s->n_blocks; i++)
		if (!add_block(m, p, &s->blocks[i], t))
			return false;
	return true;
}

static bool refused(const struct player *p, size_t i, int error,
		    struct trouble *t)
{
	const struct play *play = &p->plays[i];
	char name[64] = "no register";

	if (play->reg.id)
		onereg_reg_name(play->reg.id, name, sizeof(name));
	return trouble_set(t, error, "qemu: call %zu of %zu, ioctl 0x%lx of %s",
			   i + 1, p->n, play->request, name);
}

static bool qemu_destination(struct move *m, struct trouble *t)
{
	struct player *p = m->private_;
	struct door *door = &m->doors[DESTINATION];

	for (size_t i = 0; i < p->n; i++) {
		struct play *play = &p->plays[i];
		int r = door_ioctl(door, play->fd, play->request, play->arg);

		if (r)
			return refused(p, i, r, t);
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
