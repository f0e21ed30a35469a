// SPDX-License-Identifier: MIT
/* What is open, and what was learnt from the last call. */
#include <errno.h>
#include <string.h>

#include "world.h"

int world_open(struct world *w, const struct onereg_host *host)
{
	const struct host_profile *p;

	if (!host->n_profiles)
		return -EINVAL;
	p = &host->profiles[host->n_profiles - 1];
	if (!memory_init(&w->memory))
		return -ENOMEM;
	w->host = host;
	for (size_t i = 0; i < p->set.n && i < MAX_IDS; i++)
		if (!is_not_modelled(p->set.ids[i]))
			w->ids[w->n_ids++] = p->set.ids[i];
	for (size_t i = 0; i < MAX_FOCUS; i++)
		w->focus[i] = w->ids[i * w->n_ids / MAX_FOCUS];
	w->objects[0] = (struct object){ .kind = OBJECT_KVM, .vm = SIZE_MAX };
	for (size_t i = 0; i < w->n_sides; i++) {
		const struct onereg_io *io = w->sides[i].io;

		w->objects[0].fd[i] = io->open(io->userdata, "/dev/kvm");
		if (w->objects[0].fd[i] < 0)
			return w->objects[0].fd[i];
	}
	return 0;
}

void world_close(struct world *w)
{
	for (size_t i = MAX_OBJECTS; i--;) {
		struct object *o = &w->objects[i];

		for (size_t n = 0; n < w->n_sides; n++)
			if (o->kind != OBJECT_NONE && o->fd[n] >= 0)
				w->sides[n].io->close(
					w->sides[n].io->userdata, o->fd[n]);
		o->kind = OBJECT_NONE;
	}
	memory_exit(&w->memory);
}

static struct object *free_object(struct world *w)
{
	for (size_t i = 1; i < MAX_OBJECTS; i++)
		if (w->objects[i].kind == OBJECT_NONE)
			return &w->objects[i];
	return NULL;
}

static int new_fd(struct world *w, size_t side)
{
	struct ka_create_device *cd;

	if (w->call.request != KA_CREATE_DEVICE)
		return w->ret[side];
	cd = (void *)look(w, &w->after[side], w->call.arg, sizeof(*cd));
	return cd && !cd->flags ? (int)cd->fd : -1;
}

static enum object_kind creates(const struct world *w)
{
	switch (w->call.request) {
	case KA_CREATE_VM:
		return OBJECT_VM;
	case KA_CREATE_VCPU:
		return OBJECT_VCPU;
	case KA_CREATE_DEVICE:
		return OBJECT_GIC;
	}
	return OBJECT_NONE;
}

static void learn_object(struct world *w)
{
	struct object made = { .kind = creates(w),
			       .vm = w->target.vm,
			       .gic = w->target.gic,
			       .ran = w->target.ran,
			       .vcpu_id = (unsigned int)w->call.arg };
	struct object *o = free_object(w);
	bool good = o;

	for (size_t i = 0; i < w->n_sides; i++) {
		made.fd[i] = w->ret[i] < 0 ? -1 : new_fd(w, i);
		good = good && made.fd[i] >= 0;
	}
	if (!good)
		return;
	if (made.kind == OBJECT_VM)
		made.vm = w->n_vms++;
	*o = made;
	for (size_t i = 0; i < MAX_OBJECTS; i++)
		if (made.kind == OBJECT_GIC && w->objects[i].vm == made.vm)
			w->objects[i].gic = true;
}

static void pool(struct world *w, const struct value *v)
{
	w->pool[w->next_pooled++ % MAX_POOL] = *v;
	if (w->n_pooled < MAX_POOL)
		w->n_pooled++;
}

/* Values that the first side told, for later SETs. */
static void learn_values(struct world *w)
{
	bool vec = w->call.request == KA_GET_REG_VEC;
	struct ka_one_reg reg;
	uint8_t *at;
	size_t n = 0;

	for (size_t i = 0; look_reg(w, 0, i, &reg, &at); i++) {
		struct value v = { .id = reg.id };

		if (!at)
			continue;
		memcpy(v.bytes, at, value_room(reg.id));
		if (i < MAX_POOL)
			pool(w, &v);
		if (vec && n < MAX_VEC)
			w->vec[n++] = v;
	}
	if (n)
		w->n_vec = n;
}

/* What a vCPU without SVE is not asked for is refused. */
static void learn_ready(struct world *w, struct object *o)
{
	const struct ka_vcpu_init *init;

	if (o->kind != OBJECT_VCPU || w->ret[0])
		return;
	if (w->call.request == KA_ARM_VCPU_FINALIZE)
		o->ready = true;
	if (w->call.request != KA_ARM_VCPU_INIT)
		return;
	init = (void *)look(w, &w->before, w->call.arg, sizeof(*init));
	if (init && !(init->features[0] & 1U << KA_VCPU_SVE))
		o->ready = true;
}

static void learn_run(struct world *w)
{
	for (size_t i = 0; i < MAX_OBJECTS; i++)
		if (w->target.kind == OBJECT_VCPU &&
		    w->objects[i].vm == w->target.vm)
			w->objects[i].ran = true;
}

static void learn(struct world *w)
{
	struct object *o = &w->objects[w->call.object];

	w->last_object = w->call.object;
	if (w->call.request == CLOSE)
		o->kind = OBJECT_NONE;
	else if (creates(w) != OBJECT_NONE)
		learn_object(w);
	else if (is_get_of_regs(w->call.request))
		learn_values(w);
	else if (w->call.request == KA_RUN)
		learn_run(w);
	else
		learn_ready(w, o);
}

void world_step(struct world *w, struct source *s)
{
	w->call = choose_call(w, s);
	w->target = w->objects[w->call.object];
	memory_save(&w->memory, &w->before);
	for (size_t i = 0; i < w->n_sides; i++)
		perform(w, i);
	learn(w);
}
