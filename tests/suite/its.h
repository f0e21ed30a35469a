/* SPDX-License-Identifier: MIT */
/*
 * its.h - guests with ITSes
 *
 * No guest code runs: a behaviour does what a driver would, with attributes and
 * with commands in guest memory. What KVM saves there is read by a reader of
 * its own (its_read.c), written from arm-gic-its.rst, ABI revision 0.
 */
#ifndef ONEREG_TESTS_SUITE_ITS_H
#define ONEREG_TESTS_SUITE_ITS_H

#include "model.h"
#include "suite.h"

/*
 * Guest memory: first what redistributors use, then, for each ITS, its tables,
 * its queue, second levels of the device table, and ITTs.
 */
#define MEMORY_BASE	0x40000000ULL
#define MEMORY_SIZE	0x400000ULL
#define MEMORY_PROP	0x40000000ULL
#define MEMORY_PEND(v)	(0x40010000ULL + (v) * 0x10000ULL)
#define MEMORY_ITS(k)	(0x40100000ULL + (k) * 0x180000ULL)
#define MEMORY_DEVICES(k)	MEMORY_ITS(k)
#define MEMORY_COLLECTIONS(k)	(MEMORY_ITS(k) + 0x80000)
#define MEMORY_QUEUE(k)	(MEMORY_ITS(k) + 0x90000)
#define MEMORY_LEVEL_2(k)	(MEMORY_ITS(k) + 0xa0000)
#define MEMORY_ITTS(k)	(MEMORY_ITS(k) + 0xc0000)
#define QUEUE_SIZE	0x10000U

#define ITS_ADDRESS(k)	(0x08080000ULL + (k) * 0x20000ULL)

/* Offsets of registers. */
#define GITS_CTLR	0x0
#define GITS_IIDR	0x4
#define GITS_TYPER	0x8
#define GITS_CBASER	0x80
#define GITS_CWRITER	0x88
#define GITS_CREADR	0x90
#define GITS_BASER(n)	(0x100 + (n) * 8)
#define GICD_CTLR	0x0
#define GICD_TYPER	0x4
#define GICR_CTLR	0x0
#define GICR_PROPBASER	0x70
#define GICR_PENDBASER	0x78

#define TABLE_VALID	(1ULL << 63)
#define TABLE_INDIRECT	(1ULL << 62)

#define LPI(n)		(8192U + (n))
#define LPI_ENABLED	1

struct command {
	uint64_t words[4];
};

/* The commands that a guest has. Sizes are bits of an EventID. */
struct command mapd(uint32_t device, unsigned int size, uint64_t itt);
struct command unmapd(uint32_t device);
struct command mapc(uint32_t icid, uint32_t processor);
struct command unmapc(uint32_t icid);
struct command mapti(uint32_t device, uint32_t event, uint32_t lpi,
		     uint32_t icid);
struct command mapi(uint32_t device, uint32_t event, uint32_t icid);
struct command movi(uint32_t device, uint32_t event, uint32_t icid);
struct command movall(uint32_t from, uint32_t to);
struct command discard(uint32_t device, uint32_t event);
struct command interrupt(uint32_t device, uint32_t event);
struct command clear(uint32_t device, uint32_t event);
struct command inv(uint32_t device, uint32_t event);
struct command invall(uint32_t icid);

/* ---- its_guest.c ---- */

bool need_its(struct test *t);
/* A source that is started, and whose ITSes are as they were made. */
bool its_guest(struct test *t, struct guest *g, size_t n_its, size_t n_vcpus);
/* Of guest_create(): memory, and the devices that the shape wants. */
bool guest_add_its(struct test *t, struct guest *g);
void guest_drop_its(struct guest *g);
/* For struct onereg_vm_options; userdata is the guest's memory. */
int its_read_memory(void *userdata, uint64_t address, void *buf, size_t size);
/* What is at the address; it is in guest memory. */
uint8_t *its_memory(struct guest *g, uint64_t address);
uint64_t its_word(struct guest *g, uint64_t address);
void its_set_word(struct guest *g, uint64_t address, uint64_t value);
int its_get(struct guest *g, size_t its, uint64_t reg, uint64_t *value);
int its_set(struct guest *g, size_t its, uint64_t reg, uint64_t value);
/* KVM_DEV_ARM_ITS_SAVE_TABLES and others. */
int its_control(struct guest *g, size_t its, uint64_t attr);
int its_save(struct guest *g);
/* Into a VM like this one, with a copy of its memory. */
int its_restore(struct test *t, struct guest *from, struct guest *to);
int gicr_get(struct guest *g, size_t vcpu, uint32_t reg, uint64_t *value);
int gicr_set(struct guest *g, size_t vcpu, uint32_t reg, uint64_t value);
/* As KVM_SIGNAL_MSI answers. */
int its_signal(struct guest *g, size_t its, uint32_t device, uint32_t event);
/* LPIs of every vCPU are on, ITSes have tables, and queues that are empty. */
bool its_boot(struct test *t, struct guest *g, bool indirect);
void its_run(struct test *t, struct guest *g, size_t its,
	     const struct command *commands, size_t n);
#define RUN(t, g, its, ...)                                             \
	its_run(t, g, its, (const struct command[]){ __VA_ARGS__ },     \
		sizeof((const struct command[]){ __VA_ARGS__ }) /       \
			sizeof(struct command))
/*
 * A guest as a driver leaves it: on each ITS a few devices with many and few
 * events, far apart, LPIs of every vCPU, some disabled; a third is pending.
 */
void its_busy(struct test *t, struct guest *g);
/* Registers of ITSes and redistributors; returns differences. */
size_t its_compare(struct test *t, struct guest *a, struct guest *b);

/* ---- its_read.c ---- */

#define SEEN_MAX	256

/* What the tables of an ITS say. */
struct its_seen {
	const char *wrong;	/* NULL, or what the ABI does not allow */
	size_t n_devices, n_events, n_collections;
	struct {
		uint32_t id, bits, next;
		uint64_t itt;
	} devices[SEEN_MAX];
	struct {
		uint32_t device, id, lpi, icid, next;
	} events[SEEN_MAX];
	struct {
		uint32_t icid, processor;
	} collections[SEEN_MAX];
};

/* Of tables that were saved. */
void its_read(struct guest *g, size_t its, struct its_seen *ret);
bool its_sees_event(const struct its_seen *seen, uint32_t device,
		    uint32_t event, uint32_t lpi, uint32_t icid);
bool its_sees_collection(const struct its_seen *seen, uint32_t icid,
			 uint32_t processor);
/* In the pending table of that vCPU? */
bool its_pending(struct guest *g, size_t vcpu, uint32_t lpi);
/* LPIs that are pending there. */
size_t its_n_pending(struct guest *g, size_t vcpu);

#endif
