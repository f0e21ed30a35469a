// SPDX-License-Identifier: MIT
/*
 * An ITS's tables in guest memory, ABI revision 0: where entries are, saving
 * and restoring them.
 */
#include "its.h"

#define VALID			(1ULL << 63)
#define BASER_INDIRECT		(1ULL << 62)
#define LEVEL_1_ADDRESS		0x000fffffffff0000ULL
#define PER_PAGE		(SZ_64K / ENTRY_SIZE)
#define DEVICE_NEXT_MAX		0x3fffU
#define EVENT_NEXT_MAX		0xffffU

static uint64_t table_address(uint64_t baser)
{
	return (baser & 0x0000ffffffff0000ULL) | (baser >> 12 & 0xf) << 48;
}

static uint64_t table_size(uint64_t baser)
{
	return ((baser & 0xff) + 1) * SZ_64K;
}

bool its_entry_address(struct its *its, int baser, uint32_t id,
		       uint64_t *ret)
{
	uint64_t reg = its->baser[baser], address = table_address(reg);
	uint64_t size = table_size(reg), level_1;

	if (id >> ID_BITS)
		return false;
	if (!(reg & BASER_INDIRECT)) {
		*ret = address + (uint64_t)id * ENTRY_SIZE;
		return id < size / ENTRY_SIZE &&
		       memory_visible(its->vm, *ret);
	}
	if (id / PER_PAGE >= size / 8 ||
	    memory_read_u64(its->vm, address + id / PER_PAGE * 8, &level_1) ||
	    !(level_1 & VALID))
		return false;
	*ret = (level_1 & LEVEL_1_ADDRESS) + id % PER_PAGE * ENTRY_SIZE;
	return memory_visible(its->vm, *ret);
}

static uint64_t event_address(const struct its_device *device, uint32_t event)
{
	return device->itt + (uint64_t)event * ENTRY_SIZE;
}

bool its_has_room(struct its *its, const struct its_device *device,
		  uint32_t event)
{
	return event < 1ULL << device->event_bits &&
	       memory_visible(its->vm, event_address(device, event));
}

/* ---- saving ---- */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* An event that lost its collection has no entry that could say so. */
static uint64_t event_entry(const struct its_device *d, size_t i)
{
	const struct its_event *e = &d->events[i];
	uint32_t next = 0;

	if (e->icid == NO_COLLECTION)
		return 0;
	if (i + 1 < d->n_events)
		next = least(e[1].id - e->id, EVENT_NEXT_MAX);
	return (uint64_t)next << 48 | (uint64_t)e->lpi->intid << 16 |
	       (uint32_t)e->icid;
}

static int save_events(struct its *its, const struct its_device *d)
{
	int ret = 0;

	for (size_t i = 0; i < d->n_events && !ret; i++)
		ret = memory_write_u64(its->vm,
				       event_address(d, d->events[i].id),
				       event_entry(d, i));
	return ret;
}

/* To the next one that has a place in the table. */
static uint32_t next_device(struct its *its, size_t i)
{
	uint32_t id = its->devices[i].id;
	uint64_t entry;

	while (++i < its->n_devices)
		if (its_entry_address(its, BASER_DEVICES, its->devices[i].id,
				      &entry))
			return least(its->devices[i].id - id, DEVICE_NEXT_MAX);
	return 0;
}

static int save_device(struct its *its, size_t i)
{
	const struct its_device *d = &its->devices[i];
	uint64_t address;
	int ret;

	if (!its_entry_address(its, BASER_DEVICES, d->id, &address))
		return 0;
	ret = save_events(its, d);
	if (ret)
		return ret;
	return memory_write_u64(its->vm, address,
				VALID | (uint64_t)next_device(its, i) << 49 |
				d->itt >> 8 << 5 | (d->event_bits - 1));
}

static int save_collections(struct its *its)
{
	uint64_t reg = its->baser[BASER_COLLECTIONS];
	uint64_t at = table_address(reg), end = at + table_size(reg);
	int ret = 0;

	for (size_t i = 0; i < its->n_collections && !ret; i++) {
		const struct its_collection *c = &its->collections[i];

		ret = memory_write_u64(its->vm, at,
				       VALID | (uint64_t)c->target << 16 |
				       c->icid);
		at += ENTRY_SIZE;
	}
	return ret || at == end ? ret : memory_write_u64(its->vm, at, 0);
}

int its_tables_save(struct its *its)
{
	int ret = 0;

	if (its->baser[BASER_DEVICES] & VALID) {
		its_sort(its);
		for (size_t i = 0; i < its->n_devices && !ret; i++)
			ret = save_device(its, i);
	}
	if (ret || !(its->baser[BASER_COLLECTIONS] & VALID))
		return ret;
	return save_collections(its);
}

/* ---- restoring ---- */

/*
 * Takes the entry of an id. Returns the distance to the next one, 0 if there
 * is none, or -errno.
 */
typedef int take_entry(struct its *its, uint32_t id, uint64_t entry,
		       void *arg);

/* 0: the last one was found; 1: the table ended before. */
static int scan(struct its *its, uint64_t at, uint64_t size, uint32_t id,
		take_entry *take, void *arg)
{
	while (true) {
		uint64_t entry, bytes;
		int next, ret = memory_read_u64(its->vm, at, &entry);

		if (ret)
			return ret;
		next = take(its, id, entry, arg);
		if (next <= 0)
			return next;
		bytes = (uint64_t)next * ENTRY_SIZE;
		if (bytes >= size)
			return 1;
		id += next;
		at += bytes;
		size -= bytes;
	}
}

/* arg: the index of the device; devices may move in memory. */
static int take_event(struct its *its, uint32_t id, uint64_t entry, void *arg)
{
	struct its_device *d = &its->devices[*(size_t *)arg];
	uint32_t intid = entry >> 16, icid = entry & 0xffff;
	uint32_t next = entry >> 48;
	int ret;

	if (!intid)
		return 1;
	if (intid < FIRST_LPI || id + next >= 1ULL << d->event_bits ||
	    !its_collection(its, icid) || !its_has_room(its, d, id))
		return -EINVAL;
	ret = its_add_event(its, d, id, icid, intid);
	return ret ? ret : (int)next;
}

static int take_device(struct its *its, uint32_t id, uint64_t entry, void *arg)
{
	struct its_device new = {
		.id = id,
		.event_bits = (entry & 0x1f) + 1,
		.itt = (entry >> 5 & 0xfffffffffffULL) << 8,
	};
	size_t i = its->n_devices;
	uint64_t address;
	int ret;

	(void)arg;
	if (!(entry & VALID))
		return 1;
	if (new.event_bits > ID_BITS ||
	    !its_entry_address(its, BASER_DEVICES, id, &address))
		return -EINVAL;
	ret = its_add_device(its, &new);
	if (ret)
		return ret;
	ret = scan(its, new.itt, (uint64_t)ENTRY_SIZE << new.event_bits, 0,
		   take_event, &i);
	return ret < 0 ? ret : (int)(entry >> 49 & DEVICE_NEXT_MAX);
}

static int take_level_1(struct its *its, uint32_t id, uint64_t entry,
			void *arg)
{
	if (!(entry & VALID))
		return 1;
	return scan(its, entry & LEVEL_1_ADDRESS, SZ_64K, id * PER_PAGE,
		    take_device, arg);
}

static int restore_devices(struct its *its)
{
	uint64_t reg = its->baser[BASER_DEVICES];
	int ret;

	if (!(reg & VALID))
		return 0;
	ret = scan(its, table_address(reg), table_size(reg), 0,
		   reg & BASER_INDIRECT ? take_level_1 : take_device, NULL);
	if (ret < 0)
		its_remove_devices(its);
	return ret < 0 ? ret : 0;
}

/* 1: taken; 0: the table ends here. */
static int take_collection(struct its *its, uint64_t entry)
{
	uint32_t target = entry >> 16, icid = entry & 0xffff;
	uint64_t address;
	int ret;

	if (!(entry & VALID))
		return 0;
	if (target != NO_VCPU && !its_vcpu_by_id(its->vm, target))
		return -EINVAL;
	if (its_collection(its, icid))
		return -EEXIST;
	if (!its_entry_address(its, BASER_COLLECTIONS, icid, &address))
		return -EINVAL;
	ret = its_add_collection(its, icid, target);
	return ret ? ret : 1;
}

static int restore_collections(struct its *its)
{
	uint64_t reg = its->baser[BASER_COLLECTIONS];
	uint64_t at = table_address(reg), end = at + table_size(reg);
	int ret = 1;

	if (!(reg & VALID))
		return 0;
	while (at < end && ret > 0) {
		uint64_t entry;

		ret = memory_read_u64(its->vm, at, &entry);
		if (!ret)
			ret = take_collection(its, entry);
		at += ENTRY_SIZE;
	}
	if (ret < 0)
		its_remove_collections(its);
	return ret < 0 ? ret : 0;
}

int its_tables_load(struct its *its)
{
	int ret = restore_collections(its);

	if (ret)
		return ret;
	ret = restore_devices(its);
	if (ret)
		its_remove_collections(its);
	return ret;
}
