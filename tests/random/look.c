// SPDX-License-Identifier: MIT
/* Finds in memory what a call carried. */
#include <string.h>

#include "world.h"

bool is_get_of_regs(unsigned long request)
{
	return request == KA_GET_ONE_REG || request == KA_GET_REG_VEC;
}

static bool is_vec(unsigned long request)
{
	return request == KA_GET_REG_VEC || request == KA_SET_REG_VEC;
}

static bool is_one_reg(unsigned long request)
{
	return request == KA_GET_ONE_REG || request == KA_SET_ONE_REG;
}

/* Bytes that memory_save() keeps: what was taken, and the end. */
static bool is_kept(const struct snapshot *s, size_t area, uint64_t at,
		    size_t size)
{
	if (at >= AREA_SIZE || size > AREA_SIZE - at)
		return false;
	return at + size <= s->used[area] || at >= AREA_SIZE - AREA_TAIL;
}

uint8_t *look(const struct world *w, struct snapshot *s, uint64_t address,
	      size_t size)
{
	for (size_t i = 0; i < N_AREAS; i++) {
		uint64_t at = address - (uintptr_t)w->memory.base[i];

		if (is_kept(s, i, at, size))
			return s->bytes[i] + at;
	}
	return NULL;
}

static bool look_entry(struct world *w, size_t side, size_t i,
		       struct ka_one_reg *ret)
{
	struct snapshot *s = &w->after[side];
	struct ka_reg_vec vec;
	const uint8_t *at = look(w, s, w->call.arg, sizeof(vec));

	if (!at)
		return false;
	memcpy(&vec, at, sizeof(vec));
	/* Refused before the first one, done says nothing. */
	if (!vec.count || vec.count > KA_REG_VEC_MAX || i >= vec.done ||
	    i >= vec.count)
		return false;
	at = look(w, s, vec.regs + i * sizeof(*ret), sizeof(*ret));
	if (at)
		memcpy(ret, at, sizeof(*ret));
	return at;
}

bool look_reg(struct world *w, size_t side, size_t i, struct ka_one_reg *ret,
	      uint8_t **ret_value)
{
	const uint8_t *at;

	if (is_vec(w->call.request)) {
		if (!look_entry(w, side, i, ret))
			return false;
	} else if (is_one_reg(w->call.request) && !w->ret[side] && !i) {
		at = look(w, &w->after[side], w->call.arg, sizeof(*ret));
		if (!at)
			return false;
		memcpy(ret, at, sizeof(*ret));
	} else {
		return false;
	}
	*ret_value = look(w, &w->after[side], ret->addr, value_room(ret->id));
	return true;
}
