// SPDX-License-Identifier: MIT
/* Vectors: of registers that were read, or of any; whole, or damaged. */
#include <string.h>

#include "world.h"

static size_t choose_count(const struct world *w, struct source *s)
{
	switch (source_below(s, 16)) {
	case 0:
		return source_below(s, MAX_VEC) + 1;
	case 1:
		return w->n_ids < MAX_VEC ? w->n_ids : MAX_VEC;
	}
	return source_below(s, 12) + 1;
}

static void put_value(struct world *w, struct source *s,
		      struct ka_one_reg *entry, uint64_t id,
		      const uint8_t *value)
{
	size_t room = value_room(id);
	void *at = memory_take(&w->memory, AREA_VALUES, room);

	/* A long vector's last values may be one. */
	if (!at)
		at = w->memory.base[AREA_VALUES];
	else if (value)
		memcpy(at, value, room);
	entry->id = id;
	/* Else hardly any vector would be without a fault. */
	entry->addr = source_chance(s, 24) ?
			      choose_value_address(w, s, id, at) :
			      (uintptr_t)at;
}

/* In a whole list each register once; else as they come. */
static void fill_get(struct world *w, struct source *s,
		     struct ka_one_reg *entries, size_t n)
{
	bool whole = n >= 16;

	for (size_t i = 0; i < n; i++) {
		uint64_t id = whole && !source_chance(s, 1) ?
				      w->ids[i % w->n_ids] : choose_id(w, s);

		put_value(w, s, &entries[i], id, NULL);
	}
}

static void fill_set(struct world *w, struct source *s,
		     struct ka_one_reg *entries, size_t n)
{
	uint8_t value[KA_REG_SIZE_MAX];

	for (size_t i = 0; i < n; i++) {
		uint64_t id = choose_value(w, s, choose_id(w, s), value);

		put_value(w, s, &entries[i], id, value);
	}
}

/* What a vector read, with at most a few changes. */
static void fill_again(struct world *w, struct source *s,
		       struct ka_one_reg *entries, size_t n)
{
	size_t change = source_chance(s, 128) ? source_below(s, n) : n;
	uint8_t value[KA_REG_SIZE_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct value *v = &w->vec[i];

		memcpy(value, v->bytes, sizeof(value));
		if (i == change)
			choose_change(s, value, onereg_reg_size(v->id));
		avoid(v->id, value);
		put_value(w, s, &entries[i], v->id, value);
	}
}

/* Fields that a kernel looks at, now and then with what it refuses. */
static void choose_fields(struct source *s, struct ka_reg_vec *vec)
{
	/* Nobody reads it. */
	vec->done = source_below(s, 256);
	if (!source_chance(s, 24))
		return;
	switch (source_below(s, 6)) {
	case 0:
		vec->count = 0;
		break;
	case 1:
		vec->count = KA_REG_VEC_MAX + source_below(s, 2);
		break;
	case 2:
		vec->count = UINT32_MAX - source_below(s, 2);
		break;
	case 3:
		vec->flags = 1ULL << source_below(s, 64);
		break;
	case 4:
		vec->reserved = 1ULL << source_below(s, 64);
		break;
	default:
		vec->count += source_below(s, 4);
	}
}

uint64_t choose_vec(struct world *w, struct source *s, bool set)
{
	struct ka_reg_vec *vec = memory_take(&w->memory, AREA_ARG,
					      sizeof(*vec));
	bool again = set && w->n_vec && source_chance(s, 160);
	size_t n = choose_count(w, s);
	struct ka_one_reg *entries;

	if (again)
		n = w->n_vec;
	entries = memory_take(&w->memory, AREA_ENTRIES, n * sizeof(*entries));
	if (again)
		fill_again(w, s, entries, n);
	else if (set)
		fill_set(w, s, entries, n);
	else
		fill_get(w, s, entries, n);
	*vec = (struct ka_reg_vec){ .count = n };
	vec->regs = choose_address(w, s, AREA_ENTRIES, entries,
				   n * sizeof(*entries));
	choose_fields(s, vec);
	return choose_address(w, s, AREA_ARG, vec, sizeof(*vec));
}
