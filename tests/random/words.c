// SPDX-License-Identifier: MIT
/* A call in words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

struct text {
	char *buf;
	size_t size, used;
};

__attribute__((format(printf, 2, 3)))
static void say(struct text *t, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(t->buf + t->used, t->size - t->used, fmt, args);
	va_end(args);
	if (n > 0)
		t->used += (size_t)n < t->size - t->used ?
				   (size_t)n : t->size - t->used - 1;
}

static const struct {
	unsigned long request;
	const char *name;
	size_t size;		/* of what the argument points to; 0: none */
} requests[] = {
	{ CLOSE, "close", 0 },
	{ KA_CREATE_VM, "KVM_CREATE_VM", 0 },
	{ KA_CREATE_VCPU, "KVM_CREATE_VCPU", 0 },
	{ KA_CHECK_EXTENSION, "KVM_CHECK_EXTENSION", 0 },
	{ KA_ENABLE_CAP, "KVM_ENABLE_CAP", 40 },
	{ KA_ARM_SET_COUNTER_OFFSET, "KVM_ARM_SET_COUNTER_OFFSET", 16 },
	{ KA_CREATE_DEVICE, "KVM_CREATE_DEVICE", 12 },
	{ KA_ARM_GET_REG_WRITABLE_MASKS, "KVM_ARM_GET_REG_WRITABLE_MASKS",
	  64 },
	{ KA_ARM_PREFERRED_TARGET, "KVM_ARM_PREFERRED_TARGET", 32 },
	{ KA_GET_REG_LIST, "KVM_GET_REG_LIST", 8 },
	{ KA_GET_ONE_REG, "KVM_GET_ONE_REG", 16 },
	{ KA_SET_ONE_REG, "KVM_SET_ONE_REG", 16 },
	{ KA_GET_REG_VEC, "KVM_GET_REG_VEC", 32 },
	{ KA_SET_REG_VEC, "KVM_SET_REG_VEC", 32 },
	{ KA_ARM_VCPU_INIT, "KVM_ARM_VCPU_INIT", 32 },
	{ KA_ARM_VCPU_FINALIZE, "KVM_ARM_VCPU_FINALIZE", 4 },
	{ KA_RUN, "KVM_RUN", 0 },
	{ KA_GET_MP_STATE, "KVM_GET_MP_STATE", 4 },
	{ KA_SET_MP_STATE, "KVM_SET_MP_STATE", 4 },
	{ KA_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS", 64 },
	{ KA_SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS", 64 },
	{ KA_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR", 24 },
	{ KA_GET_DEVICE_ATTR, "KVM_GET_DEVICE_ATTR", 24 },
	{ KA_HAS_DEVICE_ATTR, "KVM_HAS_DEVICE_ATTR", 24 },
};

static size_t find_request(unsigned long request)
{
	size_t i = 0;

	while (requests[i].request != request)
		i++;
	return i;
}

const char *request_name(unsigned long request)
{
	return requests[find_request(request)].name;
}

static void say_object(struct text *t, const struct object *o)
{
	switch (o->kind) {
	case OBJECT_VM:
		say(t, " on VM %zu", o->vm);
		break;
	case OBJECT_VCPU:
		say(t, " on vCPU %u of VM %zu", o->vcpu_id, o->vm);
		break;
	case OBJECT_GIC:
		say(t, " on the GIC of VM %zu", o->vm);
		break;
	default:
		say(t, " on /dev/kvm");
	}
}

/* Where odd addresses are. */
static void say_address(struct text *t, const struct world *w, uint64_t at)
{
	const struct memory *m = &w->memory;

	for (size_t i = 0; i < N_AREAS; i++) {
		uint64_t left = (uintptr_t)m->base[i] + AREA_SIZE - at;

		if (left <= AREA_TAIL)
			say(t, " (%zu bytes before memory ends)",
			    (size_t)left);
	}
	if (at == (uintptr_t)m->read_only)
		say(t, " (read-only memory)");
	if (!at || at >> 48)
		say(t, " (at %#llx)", (unsigned long long)at);
}

static void say_value(struct text *t, struct world *w,
		      const struct ka_one_reg *reg)
{
	const uint8_t *at;
	uint64_t word;

	at = look(w, &w->before, reg->addr, value_room(reg->id));
	if (!at)
		return;
	memcpy(&word, at, sizeof(word));
	say(t, " = %#llx", (unsigned long long)word);
}

static void say_reg(struct text *t, struct world *w,
		    const struct ka_one_reg *reg)
{
	uint64_t id = reg->id & ~KA_REG_SCOPE_VM;
	bool set = w->call.request == KA_SET_ONE_REG ||
		   w->call.request == KA_SET_REG_VEC;
	char name[64];

	onereg_reg_name(id, name, sizeof(name));
	say(t, " %s%s (%#llx)", id != reg->id ? "tagged " : "", name,
	    (unsigned long long)reg->id);
	if (set)
		say_value(t, w, reg);
	say_address(t, w, reg->addr);
}

static void say_vec(struct text *t, struct world *w, const uint8_t *arg)
{
	struct ka_one_reg reg;
	struct ka_reg_vec vec;
	const uint8_t *at;

	memcpy(&vec, arg, sizeof(vec));
	say(t, " count %u flags %#llx reserved %#llx", vec.count,
	    (unsigned long long)vec.flags, (unsigned long long)vec.reserved);
	say_address(t, w, vec.regs);
	for (size_t i = 0; i < vec.count; i++) {
		at = look(w, &w->before, vec.regs + i * sizeof(reg),
			  sizeof(reg));
		if (!at)
			return;
		memcpy(&reg, at, sizeof(reg));
		say(t, "\n  [%zu]", i);
		say_reg(t, w, &reg);
	}
}

static void say_bytes(struct text *t, const uint8_t *at, size_t size)
{
	say(t, " {");
	for (size_t i = 0; i < size; i += 4) {
		uint32_t word;

		memcpy(&word, at + i, sizeof(word));
		say(t, " %x", word);
	}
	say(t, " }");
}

static void say_arg(struct text *t, struct world *w)
{
	size_t i = find_request(w->call.request);
	const uint8_t *at;
	struct ka_one_reg reg;

	if (!requests[i].size) {
		say(t, " %#llx", (unsigned long long)w->call.arg);
		return;
	}
	say_address(t, w, w->call.arg);
	at = look(w, &w->before, w->call.arg, requests[i].size);
	if (!at)
		return;
	switch (w->call.request) {
	case KA_GET_ONE_REG:
	case KA_SET_ONE_REG:
		memcpy(&reg, at, sizeof(reg));
		say_reg(t, w, &reg);
		break;
	case KA_GET_REG_VEC:
	case KA_SET_REG_VEC:
		say_vec(t, w, at);
		break;
	default:
		say_bytes(t, at, requests[i].size);
	}
}

void world_describe(struct world *w, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	buf[0] = '\0';
	say(&t, "%s", request_name(w->call.request));
	say_object(&t, &w->target);
	say_arg(&t, w);
}
