/* SPDX-License-Identifier: MIT */
/*
 * The way most VMMs go: each vCPU's list, a read of each register on it; at
 * the destination a write of each, vCPU after vCPU. The VMM here is as good as
 * one can be: its buffers are there before the blackout, its vCPUs initialised,
 * and it does nothing between the calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct vcpu_copy {
	struct reg_list *list;
	uint8_t *values;	/* VALUE_MAX bytes each */
	struct vcpu_events events;
	struct mp_state mp_state;
};

struct copy {
	size_t room;		/* registers */
	size_t n;
	struct vcpu_copy vcpus[];
};

static void replay_end(struct move *m)
{
	struct copy *copy = m->private_;

	for (size_t i = 0; copy && i < copy->n; i++) {
		free(copy->vcpus[i].list);
		free(copy->vcpus[i].values);
	}
	free(copy);
	m->private_ = NULL;
}

static bool replay_prepare(struct move *m, struct trouble *t)
{
	size_t n = m->source.n, room = m->bench->state.list->n;
	struct copy *copy;

	copy = calloc(1, sizeof(*copy) + n * sizeof(copy->vcpus[0]));
	if (!copy)
		return trouble_set(t, ENOMEM, "replay");
	m->private_ = copy;
	copy->room = room;
	copy->n = n;
	for (size_t i = 0; i < n; i++) {
		struct vcpu_copy *c = &copy->vcpus[i];

		c->list = calloc(1, sizeof(*c->list) +
					    room * sizeof(c->list->reg[0]));
		c->values = calloc(room, VALUE_MAX);
		if (!c->list || !c->values)
			return trouble_set(t, ENOMEM, "replay");
		/* Pages that are there, not to be measured. */
		memset(c->list->reg, 1, room * sizeof(c->list->reg[0]));
		memset(c->values, 1, room * VALUE_MAX);
	}
	return true;
}

size_t whole_size(const struct move *m)
{
	const struct state *s = &m->bench->state;

	return m->source.n * (s->row_size + s->list->n * sizeof(uint64_t) +
			      sizeof(struct vcpu_events) +
			      sizeof(struct mp_state));
}

static bool failed(struct trouble *t, int error, const char *what, size_t vcpu,
		   uint64_t id)
{
	char name[64] = "";

	if (id)
		onereg_reg_name(id, name, sizeof(name));
	return trouble_set(t, error, "replay: %s%s%s of vCPU %zu", what,
			   id ? " " : "", name, vcpu);
}

/* How many, and then which: the protocol of the list. */
static bool read_list(struct move *m, size_t vcpu, struct trouble *t)
{
	struct copy *copy = m->private_;
	struct reg_list *list = copy->vcpus[vcpu].list;
	struct door *door = &m->doors[SOURCE];
	int fd = m->source.vcpus[vcpu], r;

	list->n = 0;
	r = door_ioctl(door, fd, GET_REG_LIST, list);
	if (r != -E2BIG || list->n > copy->room)
		return failed(t, r, "KVM_GET_REG_LIST", vcpu, 0);
	r = door_ioctl(door, fd, GET_REG_LIST, list);
	return !r || failed(t, r, "KVM_GET_REG_LIST", vcpu, 0);
}

/* What a vCPU is read by, or written. */
static const struct direction {
	unsigned long reg, events, mp_state;
	const char *reg_name, *events_name, *mp_state_name;
	uint64_t not_copied;
} directions[N_SIDES] = {
	[SOURCE] = {
		GET_ONE_REG, GET_VCPU_EVENTS, GET_MP_STATE,
		"KVM_GET_ONE_REG", "KVM_GET_VCPU_EVENTS", "KVM_GET_MP_STATE",
	},
	[DESTINATION] = {
		SET_ONE_REG, SET_VCPU_EVENTS, SET_MP_STATE,
		"KVM_SET_ONE_REG", "KVM_SET_VCPU_EVENTS", "KVM_SET_MP_STATE",
		/* Written before KVM_ARM_VCPU_FINALIZE, not here. */
		.not_copied = SVE_VLS,
	},
};

static bool copy_vcpu(struct move *m, enum side side, int fd, size_t vcpu,
		      struct trouble *t)
{
	const struct direction *d = &directions[side];
	const unsigned long request = d->reg;
	const uint64_t not_copied = d->not_copied;
	struct copy *copy = m->private_;
	struct vcpu_copy *c = &copy->vcpus[vcpu];
	struct door *door = &m->doors[side];
	struct one_reg reg;
	int r;

	for (size_t i = 0; i < c->list->n; i++) {
		reg.id = c->list->reg[i];
		reg.addr = (uintptr_t)(c->values + i * VALUE_MAX);
		if (reg.id == not_copied)
			continue;
		r = door_ioctl(door, fd, request, &reg);
		if (r)
			return failed(t, r, d->reg_name, vcpu, reg.id);
	}
	r = door_ioctl(door, fd, d->events, &c->events);
	if (r)
		return failed(t, r, d->events_name, vcpu, 0);
	r = door_ioctl(door, fd, d->mp_state, &c->mp_state);
	return !r || failed(t, r, d->mp_state_name, vcpu, 0);
}

static bool replay_source(struct move *m, struct trouble *t)
{
	const struct machine *from = &m->source;

	for (size_t i = 0; i < from->n; i++)
		if (!read_list(m, i, t) ||
		    !copy_vcpu(m, SOURCE, from->vcpus[i], i, t))
			return false;
	m->size = whole_size(m);
	return true;
}

static bool replay_destination(struct move *m, struct trouble *t)
{
	const struct machine *to = &m->destination;

	for (size_t i = 0; i < to->n; i++)
		if (!copy_vcpu(m, DESTINATION, to->vcpus[i], i, t))
			return false;
	return true;
}

const struct way_ops replay_ops = {
	.destination_inited = true,
	.sides = { [SOURCE] = true, [DESTINATION] = true },
	.prepare = replay_prepare,
	.blackout = {
		[SOURCE] = replay_source,
		[DESTINATION] = replay_destination,
	},
	.end = replay_end,
};
