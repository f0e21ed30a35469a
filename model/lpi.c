// SPDX-License-Identifier: MIT
/*
 * LPIs: their configuration and what is pending of them. While an LPI is
 * mapped KVM has both in its own memory; guest memory is read when one is
 * mapped or invalidated, and written when userspace asks for it.
 */
#include "its.h"

#define PROP_ENABLED		1
#define PROP_PRIORITY		0xfc
#define PROPBASER_ADDRESS	0x000ffffffffff000ULL
#define PENDBASER_ADDRESS	0x000fffffffff0000ULL
#define PENDBASER_PTZ		(1ULL << 62)

uint32_t lpis_end(const struct vm *vm)
{
	unsigned int bits = (vm->gic.propbaser & 0x1f) + 1;

	return 1U << (bits < ID_BITS ? bits : ID_BITS);
}

/* Where the LPI is, or would be. */
static size_t place(const struct gic *gic, uint32_t intid)
{
	size_t first = 0, n = gic->n_lpis;

	while (n) {
		size_t half = n / 2;

		if (gic->lpis[first + half]->intid < intid) {
			first += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return first;
}

struct lpi *lpi_find(struct vm *vm, uint32_t intid)
{
	struct gic *gic = &vm->gic;
	size_t i = place(gic, intid);

	return i < gic->n_lpis && gic->lpis[i]->intid == intid ?
		       gic->lpis[i] : NULL;
}

static struct lpi *add(struct gic *gic, uint32_t intid, struct vcpu *target)
{
	size_t i = place(gic, intid);
	struct lpi **lpis = realloc(gic->lpis,
				    (gic->n_lpis + 1) * sizeof(struct lpi *));
	struct lpi *lpi = calloc(1, sizeof(*lpi));

	if (lpis)
		gic->lpis = lpis;
	if (!lpi || !lpis) {
		free(lpi);
		return NULL;
	}
	*lpi = (struct lpi){ .intid = intid, .refs = 1, .target = target };
	memmove(&lpis[i + 1], &lpis[i], (gic->n_lpis - i) * sizeof(*lpis));
	lpis[i] = lpi;
	gic->n_lpis++;
	return lpi;
}

void lpi_put(struct vm *vm, struct lpi *lpi)
{
	struct gic *gic = &vm->gic;
	size_t i = place(gic, lpi->intid);

	if (--lpi->refs)
		return;
	gic->n_lpis--;
	memmove(&gic->lpis[i], &gic->lpis[i + 1],
		(gic->n_lpis - i) * sizeof(*gic->lpis));
	free(lpi);
}

/* To be taken by its vCPU, if nothing speaks against that. */
static void queue(struct vm *vm, struct lpi *lpi)
{
	if (lpi->queued || !lpi->target || !lpi->enabled || !lpi->pending ||
	    !vm->gic.enabled)
		return;
	lpi->queued = lpi->target;
	lpi->refs++;
}

void lpi_set_pending(struct vm *vm, struct lpi *lpi)
{
	lpi->pending = true;
	queue(vm, lpi);
}

/* ---- configuration ---- */

int lpi_configure(struct vm *vm, struct lpi *lpi, const struct vcpu *only)
{
	uint64_t table = vm->gic.propbaser & PROPBASER_ADDRESS;
	uint8_t prop;
	int ret = memory_read(vm, table + lpi->intid - FIRST_LPI, &prop, 1);

	if (ret || (only && only != lpi->target))
		return ret;
	lpi->priority = prop & PROP_PRIORITY;
	lpi->enabled = prop & PROP_ENABLED;
	queue(vm, lpi);
	return 0;
}

/* What cannot be read stays as it is. */
void lpis_configure(struct vcpu *v)
{
	struct vm *vm = v->vm;

	for (size_t i = 0; i < vm->gic.n_lpis; i++)
		(void)lpi_configure(vm, vm->gic.lpis[i], v);
}

/* ---- pending tables ---- */

static uint64_t pending_byte(const struct vcpu *v, uint32_t intid)
{
	return (v->gic.pendbaser & PENDBASER_ADDRESS) + intid / 8;
}

/* What the table says, which is then KVM's: the bit in memory is cleared. */
static int take_pending(struct vm *vm, struct lpi *lpi)
{
	uint8_t byte, bit = 1U << lpi->intid % 8;
	uint64_t at;
	int ret;

	if (!lpi->target)
		return 0;
	at = pending_byte(lpi->target, lpi->intid);
	ret = memory_read(vm, at, &byte, 1);
	if (ret)
		return ret;
	lpi->pending = byte & bit;
	queue(vm, lpi);
	if (!lpi->pending)
		return 0;
	byte &= ~bit;
	return memory_write(vm, at, &byte, 1);
}

int lpi_get(struct vm *vm, uint32_t intid, struct vcpu *target,
	    struct lpi **ret)
{
	struct lpi *lpi = lpi_find(vm, intid);
	int err;

	*ret = lpi;
	if (lpi) {
		lpi->refs++;
		return 0;
	}
	lpi = add(&vm->gic, intid, target);
	if (!lpi)
		return -ENOMEM;
	err = lpi_configure(vm, lpi, NULL);
	if (!err)
		err = take_pending(vm, lpi);
	*ret = lpi;
	if (err)
		lpi_put(vm, lpi);
	return err;
}

static int save_pending(struct vm *vm, const struct lpi *lpi)
{
	uint8_t byte, bit = 1U << lpi->intid % 8;
	uint64_t at;
	int ret;

	if (!lpi->target)
		return 0;
	at = pending_byte(lpi->target, lpi->intid);
	ret = memory_read(vm, at, &byte, 1);
	if (ret || !(byte & bit) == !lpi->pending)
		return ret;
	byte ^= bit;
	return memory_write(vm, at, &byte, 1);
}

/* Bits of LPIs that are not mapped stay as the guest has them. */
int lpis_save_pending(struct vm *vm)
{
	int ret = 0;

	for (size_t i = 0; i < vm->gic.n_lpis && !ret; i++)
		ret = save_pending(vm, vm->gic.lpis[i]);
	return ret;
}

/* ---- of a redistributor ---- */

/* Unless the guest promised an empty table, it is read as far as it is there. */
void lpis_enable(struct vcpu *v)
{
	struct vm *vm = v->vm;

	v->gic.lpis = true;
	if (v->gic.pendbaser & PENDBASER_PTZ)
		return;
	for (size_t i = 0; i < vm->gic.n_lpis; i++) {
		struct lpi *lpi = vm->gic.lpis[i];
		uint8_t byte;

		if (memory_read(vm, pending_byte(v, lpi->intid), &byte, 1))
			return;
		if (lpi->target == v)
			lpi->pending = byte >> lpi->intid % 8 & 1;
		queue(vm, lpi);
	}
}

/* What is queued is no longer pending; an LPI that is disabled stays so. */
void lpis_disable(struct vcpu *v)
{
	struct gic *gic = &v->vm->gic;

	for (size_t i = gic->n_lpis; i--;) {
		struct lpi *lpi = gic->lpis[i];

		if (lpi->queued != v)
			continue;
		lpi->pending = false;
		lpi->queued = NULL;
		lpi_put(v->vm, lpi);
	}
	for (size_t i = 0; i < gic->n_its; i++)
		its_invalidate(gic->its[i]);
	v->gic.lpis = false;
}

void lpis_move(struct vm *vm, const struct vcpu *from, struct vcpu *to)
{
	for (size_t i = 0; i < vm->gic.n_lpis; i++)
		if (vm->gic.lpis[i]->target == from)
			vm->gic.lpis[i]->target = to;
}
