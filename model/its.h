/* SPDX-License-Identifier: MIT */
/*
 * LPIs and ITSes of the model. Everything here is guarded by config_lock;
 * whoever asks by an attribute has every vCPU's mutex too.
 */
#ifndef ONEREG_MODEL_ITS_H
#define ONEREG_MODEL_ITS_H

#include "private.h"

#define SZ_64K		0x10000ULL
#define FIRST_LPI	8192U
#define ID_BITS		16	/* of LPIs, DeviceIDs, EventIDs, ICIDs */
#define ENTRY_SIZE	8	/* of every table, ABI revision 0 */
#define NO_VCPU		UINT32_MAX	/* target of an unmapped collection */
#define NO_COLLECTION	(-1)
#define PROPBASER_RESET	0x580	/* inner shareable, RaWb */

/* One LPI is one interrupt of the VM, however many events are mapped to it. */
struct lpi {
	uint32_t intid;
	unsigned int refs;	/* events, and 1 if it is queued */
	struct vcpu *target;	/* NULL: not known yet */
	/*
	 * Whose list of interrupts to be taken it is on; there it stays, even
	 * unmapped, until that vCPU runs or has its LPIs disabled.
	 */
	struct vcpu *queued;
	bool enabled, pending;
	uint8_t priority;
};

struct its_event {
	uint32_t id;
	int32_t icid;		/* of a collection that there is, or none */
	struct lpi *lpi;
	bool cached;		/* its translation, by the last signal */
};

struct its_device {
	uint32_t id;
	unsigned int event_bits;
	uint64_t itt;
	struct its_event *events;
	size_t n_events;
};

struct its_collection {
	uint32_t icid, target;	/* id of a vCPU, or NO_VCPU */
};

enum { BASER_DEVICES, BASER_COLLECTIONS, N_BASERS };

struct its {
	struct vm *vm;
	uint64_t base;
	bool enabled;
	uint64_t cbaser, baser[N_BASERS];
	uint32_t creadr, cwriter;
	struct its_device *devices;
	size_t n_devices;
	struct its_collection *collections;	/* in the order of their making */
	size_t n_collections;
};

/* ---- lpi.c ---- */
struct lpi *lpi_find(struct vm *vm, uint32_t intid);
/*
 * The LPI, made if there is none: its configuration, and what is pending of it,
 * are read from guest memory then.
 */
int lpi_get(struct vm *vm, uint32_t intid, struct vcpu *target,
	    struct lpi **ret);
void lpi_put(struct vm *vm, struct lpi *lpi);
void lpi_set_pending(struct vm *vm, struct lpi *lpi);
/* Reads the property table; only: of LPIs of that vCPU, NULL: of any. */
int lpi_configure(struct vm *vm, struct lpi *lpi, const struct vcpu *only);
void lpis_configure(struct vcpu *v);
void lpis_enable(struct vcpu *v);
void lpis_disable(struct vcpu *v);
void lpis_move(struct vm *vm, const struct vcpu *from, struct vcpu *to);
int lpis_save_pending(struct vm *vm);
/* LPIs that the VM may have are below. */
uint32_t lpis_end(const struct vm *vm);

/* ---- its.c: the device and its registers ---- */
/* Returns the file descriptor. */
int its_create(struct vm *vm);
void its_free_all(struct vm *vm);
int its_ioctl(struct its *its, unsigned long request,
	      const void __user *arg);
int its_signal_msi(struct vm *vm, const void __user *arg);

/* ---- its_map.c: what is mapped to what ---- */
struct its_device *its_device(struct its *its, uint32_t id);
struct its_event *its_event(struct its *its, uint32_t device, uint32_t id);
struct its_collection *its_collection(struct its *its, int32_t icid);
/* The vCPU of the collection, or NULL. */
struct vcpu *its_target(struct its *its, int32_t icid);
struct vcpu *its_vcpu_by_id(struct vm *vm, uint64_t id);
int its_add_device(struct its *its, const struct its_device *device);
int its_add_collection(struct its *its, uint32_t icid, uint32_t target);
int its_add_event(struct its *its, struct its_device *device, uint32_t id,
		  uint32_t icid, uint32_t lpi);
void its_remove_device(struct its *its, struct its_device *device);
void its_remove_event(struct its *its, struct its_device *device,
		      struct its_event *event);
void its_remove_collection(struct its *its, uint32_t icid);
void its_remove_devices(struct its *its);
void its_remove_collections(struct its *its);
/* Forgets translations. */
void its_invalidate(struct its *its);
void its_sort(struct its *its);

/* ---- its_commands.c ---- */
/* The queue, up to CWRITER, if the ITS is enabled. */
void its_process(struct its *its);
/* As a device does: 0, -errno, or 1, the guest has not mapped it. */
int its_trigger(struct its *its, uint32_t device, uint32_t event);

/* ---- its_tables.c: ABI revision 0 ---- */
/* Has the table room and memory for the id? Then where its entry is. */
bool its_entry_address(struct its *its, int baser, uint32_t id,
		       uint64_t *ret);
bool its_has_room(struct its *its, const struct its_device *device,
		  uint32_t event);
int its_tables_save(struct its *its);
int its_tables_load(struct its *its);

#endif
