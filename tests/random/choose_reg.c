// SPDX-License-Identifier: MIT
/* Registers: ids that there are, that there might be; values. */
#include <string.h>

#include "world.h"

#define ID_AA64DFR0	KA_SYS(3, 0, 0, 5, 0)
#define PMUVER_V3P5	6

static uint64_t vm_scoped_id(struct source *s)
{
	switch (source_below(s, 8)) {
	case 0:
	case 1:
		return KA_VM_REG(source_below(s, 5));
	case 2:
		return KA_FW(source_below(s, 5));
	case 3:
		return KA_BMAP(source_below(s, 4));
	case 4:
		return source_chance(s, 128) ? KA_TIMER_CNT : KA_PTIMER_CNT;
	case 5:
		switch (source_below(s, 4)) {
		case 0:
			return KA_SYS(3, 0, 0, 0, 0);	/* MIDR */
		case 1:
			return KA_SYS(3, 0, 0, 0, 6);	/* REVIDR */
		case 2:
			return KA_SYS(3, 1, 0, 0, 7);	/* AIDR */
		}
		return KA_SYS(3, 3, 0, 0, 1);		/* CTR */
	}
	return KA_SYS(3, 0, 0, 1 + source_below(s, 7), source_below(s, 8));
}

/* What a kernel may have no answer for but an error. */
static uint64_t mutated(struct source *s, uint64_t id)
{
	switch (source_below(s, 6)) {
	case 0:
		return id ^ 1ULL << source_below(s, 64);
	case 1:
		return (id & ~KA_REG_SIZE_MASK) |
		       (uint64_t)source_below(s, 16) << KA_REG_SIZE_SHIFT;
	case 2:
		return (id & ~KA_REG_CLASS_MASK) |
		       (uint64_t)source_below(s, 0x24) << 16;
	case 3:
		return id ^ source_below(s, 65536);
	case 4:
		return id + source_below(s, 4) - 2;
	}
	return source_u64(s);
}

static uint64_t any_id(const struct world *w, struct source *s)
{
	if (source_chance(s, 96))
		return vm_scoped_id(s);
	return w->ids[source_below(s, w->n_ids)];
}

/*
 * In a kernel its level depends on ID_AA64PFR1_EL1.SSBS of the VM, so that a
 * restore has to write it after that; the model's is always the host's.
 */
bool is_not_modelled(uint64_t id)
{
	return (id & 0xffff) == 2 && (id & KA_REG_CLASS_MASK) == KA_REG_FW;
}

uint64_t choose_id(struct world *w, struct source *s)
{
	uint64_t id = 0;

	if (source_chance(s, 140))
		id = w->focus[source_below(s, MAX_FOCUS)];
	if (!id)
		id = any_id(w, s);
	if (source_chance(s, 12))
		w->focus[source_below(s, MAX_FOCUS)] = id;
	if (source_chance(s, 24))
		id ^= KA_REG_SCOPE_VM;
	if (source_chance(s, 16))
		id = mutated(s, id);
	return is_not_modelled(id) ? KA_PSCI_VERSION : id;
}

size_t value_room(uint64_t id)
{
	size_t size = onereg_reg_size(id);

	return size > 8 ? size : 8;
}

/* A field of four bits, one more or one less. */
static uint64_t step_field(struct source *s, uint64_t word)
{
	uint64_t one = 1ULL << source_below(s, 16) * 4;

	return source_chance(s, 128) ? word + one : word - one;
}

void choose_change(struct source *s, uint8_t value[KA_REG_SIZE_MAX],
		   size_t size)
{
	size_t at = size > 8 ? source_below(s, size / 8) * 8 : 0;
	uint64_t word;

	memcpy(&word, value + at, 8);
	switch (source_below(s, 10)) {
	case 0:
	case 1:
		word ^= 1ULL << source_below(s, 64);
		break;
	case 2:
	case 3:
		word = step_field(s, word);
		break;
	case 4:
		word = 0;
		break;
	case 5:
		word = UINT64_MAX;
		break;
	case 6:
		word = source_u64(s);
		break;
	case 7:
		word = source_below(s, 256);
		break;
	default:
		return;
	}
	memcpy(value + at, &word, 8);
}

/*
 * What both would not agree on for reasons of their own: AArch32 guests,
 * which the model does not know; and a PMU that ID_AA64DFR0_EL1 denies, at
 * whose event types 6.12 warns.
 */
void avoid(uint64_t id, uint8_t value[KA_REG_SIZE_MAX])
{
	id &= ~KA_REG_SCOPE_VM;
	if (id == KA_VM_FEATURES)
		value[0] &= ~(1U << KA_VCPU_EL1_32BIT);
	else if (id == ID_AA64DFR0)
		value[1] = (value[1] & 0xf0) | PMUVER_V3P5;
}

static uint64_t fresh_value(struct source *s, uint64_t id,
			    uint8_t value[KA_REG_SIZE_MAX])
{
	memset(value, 0, KA_REG_SIZE_MAX);
	choose_change(s, value, onereg_reg_size(id));
	avoid(id, value);
	return id;
}

uint64_t choose_value(const struct world *w, struct source *s, uint64_t id,
		      uint8_t value[KA_REG_SIZE_MAX])
{
	const struct value *v;

	if (!w->n_pooled || !source_chance(s, 180))
		return fresh_value(s, id, value);
	v = &w->pool[source_below(s, w->n_pooled)];
	for (size_t i = 0; i < w->n_pooled; i++)
		if (w->pool[i].id == id)
			v = &w->pool[i];
	memcpy(value, v->bytes, KA_REG_SIZE_MAX);
	choose_change(s, value, onereg_reg_size(v->id));
	/* The value of one register for another. */
	if (!source_chance(s, 8))
		id = v->id;
	avoid(id, value);
	return id;
}

uint64_t choose_address(struct world *w, struct source *s, enum area area,
			const void *at, size_t size)
{
	size_t left;
	void *end;

	if (!source_chance(s, 10))
		return (uintptr_t)at;
	switch (source_below(s, 6)) {
	case 0:
		return 0;
	case 1:
		return (uintptr_t)memory_end(&w->memory, area, 0);
	case 2:
		return (uintptr_t)w->memory.read_only;
	case 3:
		return 0xffffUL << 48 | source_below(s, 65536) << 3;
	}
	/* Structs stay where a struct may be. */
	left = source_below(s, size < AREA_TAIL ? size : AREA_TAIL);
	if (area != AREA_VALUES)
		left &= ~(size_t)7;
	end = memory_end(&w->memory, area, left);
	memcpy(end, at, left);
	return (uintptr_t)end;
}

/*
 * A kernel reads vectors where it keeps them: of one that is not all there
 * the processor decides how much it takes.
 */
uint64_t choose_value_address(struct world *w, struct source *s, uint64_t id,
			      const void *at)
{
	if ((id & KA_REG_CLASS_MASK) == KA_REG_SVE)
		return (uintptr_t)at;
	return choose_address(w, s, AREA_VALUES, at, value_room(id));
}

uint64_t choose_reg(struct world *w, struct source *s, bool set)
{
	struct ka_one_reg *arg = memory_take(&w->memory, AREA_ARG,
					     sizeof(*arg));
	uint8_t value[KA_REG_SIZE_MAX] = { 0 };
	uint64_t id = choose_id(w, s);
	void *at;

	if (set)
		id = choose_value(w, s, id, value);
	at = memory_take(&w->memory, AREA_VALUES, sizeof(value));
	if (set)
		memcpy(at, value, sizeof(value));
	arg->id = id;
	arg->addr = choose_value_address(w, s, id, at);
	return choose_address(w, s, AREA_ARG, arg, sizeof(*arg));
}

uint64_t choose_list(struct world *w, struct source *s)
{
	struct ka_reg_list *arg = memory_take(
		&w->memory, AREA_ARG, sizeof(*arg) + MAX_IDS * 8);

	switch (source_below(s, 6)) {
	case 0:
		arg->n = 0;
		break;
	case 1:
		arg->n = source_below(s, 512);
		break;
	case 2:
		arg->n = 1ULL << source_below(s, 64);
		break;
	case 3:
		arg->n = w->n_ids + source_below(s, 9) - 4;
		break;
	case 4:
		/* Some VM-wide lists end here. */
		arg->n = 60 + source_below(s, 20);
		break;
	default:
		arg->n = MAX_IDS;
	}
	return choose_address(w, s, AREA_ARG, arg,
			      sizeof(*arg) + MAX_IDS * 8);
}
