// SPDX-License-Identifier: MIT
/* What a guest tells an ITS by its command queue. */
#include "its.h"

#define COMMAND_SIZE	32
#define CBASER_ADDRESS	0x000ffffffffff000ULL
#define UNMAPPED	1	/* the guest's mistake: nothing happens */

struct command {
	uint64_t words[COMMAND_SIZE / 8];
};

static uint64_t field(const struct command *c, unsigned int word,
		      unsigned int lsb, unsigned int bits)
{
	return c->words[word] >> lsb & ((1ULL << bits) - 1);
}

static uint32_t device_id(const struct command *c)
{
	return field(c, 0, 32, 32);
}

static uint32_t event_id(const struct command *c)
{
	return field(c, 1, 0, 32);
}

static uint32_t collection_id(const struct command *c)
{
	return field(c, 2, 0, 16);
}

static bool is_valid(const struct command *c)
{
	return field(c, 2, 63, 1);
}

static struct its_event *event_named(struct its *its, const struct command *c)
{
	return its_event(its, device_id(c), event_id(c));
}

static int mapd(struct its *its, const struct command *c)
{
	struct its_device new = {
		.id = device_id(c),
		.event_bits = field(c, 1, 0, 5) + 1,
		.itt = field(c, 2, 8, 44) << 8,
	};
	struct its_device *old;
	uint64_t entry;

	if (!its_entry_address(its, BASER_DEVICES, new.id, &entry))
		return UNMAPPED;
	if (is_valid(c) && new.event_bits > ID_BITS)
		return UNMAPPED;
	old = its_device(its, new.id);
	if (old)
		its_remove_device(its, old);
	if (!is_valid(c))
		return memory_write_u64(its->vm, entry, 0);
	return its_add_device(its, &new);
}

static void retarget(struct its *its, uint32_t icid)
{
	struct vcpu *target = its_target(its, icid);

	for (size_t i = 0; i < its->n_devices; i++) {
		struct its_device *d = &its->devices[i];

		for (size_t j = 0; j < d->n_events; j++)
			if (d->events[j].icid == (int32_t)icid)
				d->events[j].lpi->target = target;
	}
}

static int mapc(struct its *its, const struct command *c)
{
	uint32_t icid = collection_id(c), target = field(c, 2, 16, 32);
	struct its_collection *old;
	uint64_t entry;

	if (!is_valid(c)) {
		its_remove_collection(its, icid);
		its_invalidate(its);
		return 0;
	}
	if (!its_vcpu_by_id(its->vm, target))
		return UNMAPPED;
	old = its_collection(its, icid);
	if (old) {
		old->target = target;
		retarget(its, icid);
		return 0;
	}
	/* Its place says nothing: the table is filled from its start. */
	if (!its_entry_address(its, BASER_COLLECTIONS, icid, &entry))
		return UNMAPPED;
	return its_add_collection(its, icid, target);
}

static int map_event(struct its *its, const struct command *c, uint32_t intid)
{
	struct its_device *d = its_device(its, device_id(c));
	uint32_t icid = collection_id(c);
	bool is_new = !its_collection(its, icid);
	uint64_t entry;
	int ret = 0;

	if (!d || !its_has_room(its, d, event_id(c)) || intid < FIRST_LPI ||
	    intid >= lpis_end(its->vm) || event_named(its, c))
		return UNMAPPED;
	if (is_new &&
	    !its_entry_address(its, BASER_COLLECTIONS, icid, &entry))
		return UNMAPPED;
	if (is_new)
		ret = its_add_collection(its, icid, NO_VCPU);
	if (!ret)
		ret = its_add_event(its, d, event_id(c), icid, intid);
	if (ret && is_new)
		its_remove_collection(its, icid);
	return ret;
}

static int mapti(struct its *its, const struct command *c)
{
	return map_event(its, c, field(c, 1, 32, 32));
}

static int mapi(struct its *its, const struct command *c)
{
	return map_event(its, c, event_id(c));
}

static int movi(struct its *its, const struct command *c)
{
	struct its_event *e = event_named(its, c);
	struct vcpu *to = its_target(its, collection_id(c));

	if (!e || !its_target(its, e->icid) || !to)
		return UNMAPPED;
	e->icid = collection_id(c);
	e->lpi->target = to;
	its_invalidate(its);
	return 0;
}

/* What was pending of it is not told to its vCPU. */
static int discard(struct its *its, const struct command *c)
{
	struct its_device *d = its_device(its, device_id(c));
	struct its_event *e = event_named(its, c);

	if (!e || !its_target(its, e->icid))
		return UNMAPPED;
	its_invalidate(its);
	its_remove_event(its, d, e);
	return memory_write_u64(its->vm, d->itt +
				(uint64_t)event_id(c) * ENTRY_SIZE, 0);
}

static int clear(struct its *its, const struct command *c)
{
	struct its_event *e = event_named(its, c);

	if (!e)
		return UNMAPPED;
	e->lpi->pending = false;
	return 0;
}

static int inv(struct its *its, const struct command *c)
{
	struct its_event *e = event_named(its, c);

	return e ? lpi_configure(its->vm, e->lpi, NULL) : UNMAPPED;
}

static int invall(struct its *its, const struct command *c)
{
	struct vcpu *v = its_target(its, collection_id(c));

	if (!v)
		return UNMAPPED;
	lpis_configure(v);
	return 0;
}

static int movall(struct its *its, const struct command *c)
{
	struct vcpu *from = its_vcpu_by_id(its->vm, field(c, 2, 16, 32));
	struct vcpu *to = its_vcpu_by_id(its->vm, field(c, 3, 16, 32));

	if (!from || !to)
		return UNMAPPED;
	if (from == to)
		return 0;
	lpis_move(its->vm, from, to);
	its_invalidate(its);
	return 0;
}

int its_trigger(struct its *its, uint32_t device, uint32_t event)
{
	struct its_event *e;
	struct vcpu *target;

	if (!its->enabled)
		return -EBUSY;
	e = its_event(its, device, event);
	target = e ? its_target(its, e->icid) : NULL;
	if (!target)
		return UNMAPPED;
	if (!target->gic.lpis)
		return -EBUSY;
	e->cached = true;
	lpi_set_pending(its->vm, e->lpi);
	return 0;
}

static int interrupt(struct its *its, const struct command *c)
{
	return its_trigger(its, device_id(c), event_id(c));
}

/* Everything is done at once. */
static int command_sync(struct its *its, const struct command *c)
{
	(void)its;
	(void)c;
	return 0;
}

static const struct {
	uint8_t number;
	int (*run)(struct its *its, const struct command *c);
} commands[] = {
	{ 0x01, movi },
	{ 0x03, interrupt },
	{ 0x04, clear },
	{ 0x05, command_sync },
	{ 0x08, mapd },
	{ 0x09, mapc },
	{ 0x0a, mapti },
	{ 0x0b, mapi },
	{ 0x0c, inv },
	{ 0x0d, invall },
	{ 0x0e, movall },
	{ 0x0f, discard },
};

static int run(struct its *its, const struct command *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].number == field(c, 0, 0, 8))
			return commands[i].run(its, c);
	return UNMAPPED;
}

/* A command that cannot be read or done is passed over; nobody is told. */
void its_process(struct its *its)
{
	uint64_t queue = its->cbaser & CBASER_ADDRESS;
	uint32_t size = ((its->cbaser & 0xff) + 1) << 12;

	while (its->enabled && its->creadr != its->cwriter) {
		struct command c;
		int ret = 0;

		for (size_t i = 0; i < ARRAY_SIZE(c.words) && !ret; i++)
			ret = memory_read_u64(its->vm,
					      queue + its->creadr + i * 8,
					      &c.words[i]);
		if (!ret)
			(void)run(its, &c);
		its->creadr += COMMAND_SIZE;
		if (its->creadr == size)
			its->creadr = 0;
	}
}
