// SPDX-License-Identifier: MIT
/*
 * A reader of the tables that KVM saves, written from
 * Documentation/virt/kvm/devices/arm-vgic-its.rst and nothing else.
 */
#include "its.h"

#define LEVEL_2_ENTRIES	8192U
#define MAX_DEVICES	65536U

static uint64_t bits(uint64_t word, unsigned int high, unsigned int low)
{
	return word << (63 - high) >> (63 - high + low);
}

static void wrong(struct its_seen *seen, const char *what)
{
	if (!seen->wrong)
		seen->wrong = what;
}

static bool in_memory(uint64_t address)
{
	return address >= MEMORY_BASE && address <= MEMORY_BASE + MEMORY_SIZE - 8;
}

static void read_itt(struct guest *g, struct its_seen *seen, uint32_t device,
		     uint64_t itt, uint32_t end)
{
	uint32_t id = 0;

	while (id < end && in_memory(itt + id * 8ULL)) {
		uint64_t entry = its_word(g, itt + id * 8ULL);
		uint32_t lpi = bits(entry, 47, 16), next = bits(entry, 63, 48);

		/* Not valid: the next one may be. */
		if (!lpi) {
			id++;
			continue;
		}
		if (seen->n_events == SEEN_MAX) {
			wrong(seen, "more events than there were");
			return;
		}
		seen->events[seen->n_events].device = device;
		seen->events[seen->n_events].id = id;
		seen->events[seen->n_events].lpi = lpi;
		seen->events[seen->n_events].icid = bits(entry, 15, 0);
		seen->events[seen->n_events++].next = next;
		if (!next)
			return;
		id += next;
	}
	if (id > end)
		wrong(seen, "an event beyond its ITT");
}

static uint64_t device_entry(struct guest *g, size_t its, bool indirect,
			     uint32_t id)
{
	uint64_t table = MEMORY_DEVICES(its), level_1;

	if (!indirect)
		return its_word(g, table + id * 8ULL);
	level_1 = its_word(g, table + id / LEVEL_2_ENTRIES * 8ULL);
	if (!bits(level_1, 63, 63))
		return 0;
	return its_word(g, (bits(level_1, 51, 16) << 16) +
				   id % LEVEL_2_ENTRIES * 8ULL);
}

/* Each entry is looked at; then what "next" says has to be true. */
static void read_devices(struct guest *g, size_t its, bool indirect,
			 struct its_seen *seen)
{
	for (uint32_t id = 0; id < MAX_DEVICES; id++) {
		uint64_t entry = device_entry(g, its, indirect, id);
		size_t n = seen->n_devices;

		if (!bits(entry, 63, 63))
			continue;
		if (n == SEEN_MAX) {
			wrong(seen, "more devices than there were");
			return;
		}
		seen->devices[n].id = id;
		seen->devices[n].bits = bits(entry, 4, 0) + 1;
		seen->devices[n].itt = bits(entry, 48, 5) << 8;
		seen->devices[n].next = bits(entry, 62, 49);
		seen->n_devices++;
		read_itt(g, seen, id, seen->devices[n].itt,
			 1U << seen->devices[n].bits);
	}
}

static void check_next(struct its_seen *seen)
{
	for (size_t i = 0; i < seen->n_devices; i++) {
		uint32_t next = i + 1 < seen->n_devices ?
					seen->devices[i + 1].id -
						seen->devices[i].id : 0;

		if (next > 0x3fff)
			next = 0x3fff;
		if (seen->devices[i].next != next)
			wrong(seen, "a device's next");
	}
}

static void read_collections(struct guest *g, size_t its,
			     struct its_seen *seen)
{
	for (uint64_t at = MEMORY_COLLECTIONS(its);; at += 8) {
		uint64_t entry = its_word(g, at);
		size_t n = seen->n_collections;

		if (!bits(entry, 63, 63))
			return;
		if (n == SEEN_MAX) {
			wrong(seen, "more collections than there were");
			return;
		}
		seen->collections[n].icid = bits(entry, 15, 0);
		seen->collections[n].processor = bits(entry, 51, 16);
		seen->n_collections++;
	}
}

void its_read(struct guest *g, size_t its, struct its_seen *seen)
{
	uint64_t baser = 0;

	*seen = (struct its_seen){ 0 };
	if (its_get(g, its, GITS_BASER(0), &baser))
		wrong(seen, "GITS_BASER0 cannot be read");
	read_devices(g, its, baser & TABLE_INDIRECT, seen);
	check_next(seen);
	read_collections(g, its, seen);
}

bool its_sees_event(const struct its_seen *seen, uint32_t device,
		    uint32_t event, uint32_t lpi, uint32_t icid)
{
	for (size_t i = 0; i < seen->n_events; i++)
		if (seen->events[i].device == device &&
		    seen->events[i].id == event)
			return seen->events[i].lpi == lpi &&
			       seen->events[i].icid == icid;
	return false;
}

bool its_sees_collection(const struct its_seen *seen, uint32_t icid,
			 uint32_t processor)
{
	for (size_t i = 0; i < seen->n_collections; i++)
		if (seen->collections[i].icid == icid)
			return seen->collections[i].processor == processor;
	return false;
}

bool its_pending(struct guest *g, size_t vcpu, uint32_t lpi)
{
	return *its_memory(g, MEMORY_PEND(vcpu) + lpi / 8) >> lpi % 8 & 1;
}

size_t its_n_pending(struct guest *g, size_t vcpu)
{
	size_t n = 0;

	for (uint32_t lpi = LPI(0); lpi < 65536; lpi++)
		n += its_pending(g, vcpu, lpi);
	return n;
}
