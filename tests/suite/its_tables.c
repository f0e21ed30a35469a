// SPDX-License-Identifier: MIT
/* An ITS's tables in guest memory: what KVM saves, and what it takes. */
#include <errno.h>
#include <string.h>

#include "its.h"

static void saved(struct test *t, struct guest *g)
{
	int ret = its_save(g);

	EXPECT(t, !ret, "%d", ret);
}

/* ---- what is saved ---- */

static void collections_and_devices(struct test *t, struct guest *g)
{
	struct its_seen seen;

	saved(t, g);
	its_read(g, 0, &seen);
	EXPECT(t, !seen.wrong && seen.n_devices == 4 &&
			  seen.n_collections == g->shape.n_vcpus,
	       "%s: %zu devices, %zu collections", seen.wrong,
	       seen.n_devices, seen.n_collections);
	for (size_t i = 0; i < g->shape.n_vcpus; i++)
		EXPECT(t, its_sees_collection(&seen, i, g->ids[i]),
		       "collection %zu", i);
	EXPECT(t, seen.devices[0].id == 0 && seen.devices[0].bits == 5 &&
			  seen.devices[0].itt == MEMORY_ITTS(0) &&
			  seen.devices[3].id == 0x4801 &&
			  seen.devices[3].bits == 2 && !seen.devices[3].next,
	       "%#x to %#x", seen.devices[0].id, seen.devices[3].id);
	/* 8 of device 0, 8 of 7, 7 of 0x10, 3 of 0x4801. */
	EXPECT(t, seen.n_events == 26, "%zu events", seen.n_events);
	EXPECT(t, its_sees_event(&seen, 0, 28, LPI(7),
				 LPI(7) % g->shape.n_vcpus) &&
			  its_sees_event(&seen, 7, 1 + 7 * 8192, LPI(207),
					 LPI(207) % g->shape.n_vcpus) &&
			  its_sees_event(&seen, 0x4801, 3, LPI(102),
					 LPI(102) % g->shape.n_vcpus),
	       "events");
}

/* A third, and those that a device signalled. */
static void pending_tables(struct test *t, struct guest *g)
{
	struct its_seen seen;
	size_t n = 0, all = 0;

	its_read(g, 0, &seen);
	for (size_t i = 0; i < seen.n_events; i++) {
		uint32_t lpi = seen.events[i].lpi;
		bool expected = lpi % 3 == 0 || lpi % 7 == 0;

		EXPECT(t, its_pending(g, seen.events[i].icid, lpi) == expected,
		       "LPI %u", lpi);
		n += expected;
	}
	for (size_t i = 0; i < g->shape.n_vcpus; i++)
		all += its_n_pending(g, i);
	EXPECT(t, n && all == n, "%zu pending, of %zu", all, n);
}

/* One lost its collection, one never had it mapped, one is discarded. */
static void unmapped(struct test *t, struct guest *g)
{
	struct its_seen seen;

	RUN(t, g, 0, mapti(0, 1, LPI(50), 600), discard(0, 4), mapc(601, 0),
	    mapti(0, 2, LPI(51), 601), unmapc(601), unmapd(7));
	saved(t, g);
	its_read(g, 0, &seen);
	EXPECT(t, !seen.wrong && seen.n_devices == 3, "%s, %zu devices",
	       seen.wrong, seen.n_devices);
	EXPECT(t, its_sees_collection(&seen, 600, UINT32_MAX) &&
			  its_sees_event(&seen, 0, 1, LPI(50), 600),
	       "a collection that is not mapped yet");
	EXPECT(t, !its_sees_collection(&seen, 601, 0) &&
			  !its_word(g, MEMORY_ITTS(0) + 2 * 8) &&
			  !its_word(g, MEMORY_ITTS(0) + 4 * 8),
	       "what is unmapped has entries");
}

static void tables(struct test *t, bool indirect)
{
	struct guest g;

	if (!need_its(t))
		return;
	if (its_guest(t, &g, 1, 3) && its_boot(t, &g, indirect)) {
		its_busy(t, &g);
		collections_and_devices(t, &g);
		pending_tables(t, &g);
		unmapped(t, &g);
	}
	guest_destroy(&g);
}

void its_tables_are_as_their_abi_says(struct test *t)
{
	tables(t, false);
}

void its_tables_of_two_levels_are_as_their_abi_says(struct test *t)
{
	tables(t, true);
}

/* ---- what is taken ---- */

/* Pending bits were taken from memory, and are saved again. */
static void taken_by_another(struct test *t, bool indirect)
{
	struct guest a, b = no_guest;
	int ret;

	b.machine = &t->dst;
	if (its_guest(t, &a, 2, 3) && its_boot(t, &a, indirect)) {
		its_busy(t, &a);
		RUN(t, &a, 1, mapti(0, 1, LPI(1050), 600));
		saved(t, &a);
		ret = its_restore(t, &a, &b);
		EXPECT(t, !ret, "%d", ret);
		its_compare(t, &a, &b);
		EXPECT(t, !its_n_pending(&b, 0) && !its_n_pending(&b, 1),
		       "pending LPIs are still in memory");
		saved(t, &b);
		EXPECT(t, !memcmp(a.memory, b.memory, MEMORY_SIZE),
		       "other memory");
		/* It is whole: what is mapped can be signalled. */
		EXPECT(t, its_signal(&b, 1, 7, 1) == 1 && its_get(&b, 0, 0,
			&(uint64_t){ 0 }) == 0, "no signal");
	}
	guest_destroy(&a);
	guest_destroy(&b);
}

void its_tables_are_taken_by_another_vm(struct test *t)
{
	if (!need_its(t))
		return;
	taken_by_another(t, false);
	taken_by_another(t, true);
}

/* ---- what is not taken ---- */

#define DTE(bits, next, itt) \
	(TABLE_VALID | (uint64_t)(next) << 49 | (itt) >> 3 | ((bits) - 1))
#define CTE(processor, icid) \
	(TABLE_VALID | (uint64_t)(processor) << 16 | (icid))
#define ITE(next, lpi, icid) \
	((uint64_t)(next) << 48 | (uint64_t)(lpi) << 16 | (icid))

/* Words of memory that take the place of good ones. */
static const struct bad {
	const char *what;
	uint64_t address, value;
	int error;
} bad[] = {
	{ "no such vCPU", MEMORY_COLLECTIONS(0), CTE(77, 0), -EINVAL },
	{ "a collection twice", MEMORY_COLLECTIONS(0) + 8, CTE(0, 0),
	  -EEXIST },
	{ "a collection beyond the table", MEMORY_COLLECTIONS(0),
	  CTE(0, 0xffff), -EINVAL },
	{ "an event of no collection", MEMORY_ITTS(0), ITE(1, LPI(0), 9),
	  -EINVAL },
	{ "no LPI", MEMORY_ITTS(0), ITE(1, 100, 0), -EINVAL },
	{ "an LPI without properties", MEMORY_ITTS(0),
	  ITE(1, 0x10000000, 0), -EFAULT },
	{ "the next beyond the ITT", MEMORY_ITTS(0), ITE(4, LPI(0), 0),
	  -EINVAL },
	{ "an ITT outside of memory", MEMORY_DEVICES(0), DTE(2, 0, 0x1000000ULL),
	  -EFAULT },
	{ "more than 16 bits", MEMORY_DEVICES(0),
	  DTE(17, 0, MEMORY_ITTS(0)), -EINVAL },
	/* These are good. */
	{ "all as it was", MEMORY_DEVICES(0) + 8, 0, 0 },
	{ "no collection mapped", MEMORY_COLLECTIONS(0), CTE(UINT32_MAX, 0),
	  0 },
	{ "no event", MEMORY_ITTS(0), 0, 0 },
	{ "no device", MEMORY_DEVICES(0), 0, 0 },
	{ "a device whose next is none", MEMORY_DEVICES(0),
	  DTE(2, 3, MEMORY_ITTS(0)), 0 },
	{ "a device whose next is beyond", MEMORY_DEVICES(0),
	  DTE(2, 0x3fff, MEMORY_ITTS(0)), 0 },
};

static void good_tables(struct guest *g)
{
	memset(its_memory(g, MEMORY_ITS(0)), 0, 0x180000);
	its_set_word(g, MEMORY_COLLECTIONS(0), CTE(0, 0));
	its_set_word(g, MEMORY_COLLECTIONS(0) + 8, CTE(1, 1));
	its_set_word(g, MEMORY_DEVICES(0), DTE(2, 0, MEMORY_ITTS(0)));
	its_set_word(g, MEMORY_ITTS(0), ITE(1, LPI(0), 0));
	its_set_word(g, MEMORY_ITTS(0) + 8, ITE(0, LPI(1), 1));
}

/* After an error nothing is mapped, and nothing is in the way. */
static void take(struct test *t, struct guest *g, const struct bad *b)
{
	struct its_seen seen;
	int ret;

	its_control(g, 0, KA_ITS_CTRL_RESET);
	its_boot(t, g, false);
	its_set(g, 0, GITS_CTLR, 0);
	good_tables(g);
	its_set_word(g, b->address, b->value);
	ret = its_control(g, 0, KA_ITS_RESTORE_TABLES);
	EXPECT(t, ret == b->error, "%s: %d, not %d", b->what, ret, b->error);
	if (!b->error)
		return;
	good_tables(g);
	memset(its_memory(g, MEMORY_DEVICES(0)), 0, 8);
	saved(t, g);
	its_read(g, 0, &seen);
	EXPECT(t, !seen.n_devices && !seen.n_collections,
	       "%s: %zu devices, %zu collections are left", b->what,
	       seen.n_devices, seen.n_collections);
}

void its_tables_that_are_wrong_are_refused(struct test *t)
{
	struct guest g;

	if (!need_its(t))
		return;
	if (its_guest(t, &g, 1, 2))
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			take(t, &g, &bad[i]);
	guest_destroy(&g);
}
