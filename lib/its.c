/* SPDX-License-Identifier: MIT */
/*
 * The tables of an ITS: devices, their events, collections, and which LPIs are
 * pending. KVM writes them to guest memory and reads them from there; what they
 * held is told by a digest (docs/format.md, ITSV), which is made from guest
 * memory as KVM would read it (arm-vgic-its.rst, "ITS Table ABI REV0").
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "gic.h"

#define PAGE		0x10000ULL	/* of the tables at GITS_BASER */
#define ENTRY_SIZE	8
#define MAX_EVENT_BITS	16		/* GITS_TYPER.ID_bits of KVM */
#define N_COLLECTIONS	(1u << 16)	/* ICIDs */
#define NO_TARGET	UINT32_MAX	/* of a collection that is not mapped */
#define ADDRESS		0x000fffffffff0000ULL	/* bits 51 to 16 */
#define BASER_VALID	(1ULL << 63)
#define BASER_INDIRECT	(1ULL << 62)

/* More than a guest that means well can have: LPIs have 16 bits. */
#define MAX_ENTRIES	(1u << 17)
#define MAX_STEPS	(1u << 24)

/* What was read of guest memory, so that not each entry is a call. */
struct block {
	uint64_t at;
	bool valid;
	uint8_t data[4096];
};

struct walk {
	struct onereg_vm *vm;
	const uint32_t *affinity;	/* of each vCPU */
	size_t its;
	struct onereg_report *report;
	uint64_t sum;
	uint32_t entries, steps;
	uint32_t device;	/* whose events are walked */
	struct {		/* of each vCPU */
		bool read;
		uint64_t pending_at;
	} *redists;
	uint64_t *pending_at;	/* where LPIs of a collection pend; 0: nowhere */
	struct block table, itt, pending;
};

/* ---- guest memory ---- */

static int read_block(struct walk *w, struct block *b, uint64_t at)
{
	int ret;

	at &= ~(uint64_t)(sizeof(b->data) - 1);
	if (b->valid && b->at == at)
		return 0;
	b->valid = false;
	ret = w->vm->read_memory(w->vm->userdata, at, b->data,
				 sizeof(b->data));
	if (ret) {
		report_error(w->report, ret, "read_memory", "ITS tables",
			     "no guest memory at 0x%" PRIx64 ", where ITS %zu "
			     "has a table or a redistributor its pending LPIs",
			     at, w->its);
		return ret;
	}
	b->at = at;
	b->valid = true;
	return 0;
}

static int read_entry(struct walk *w, struct block *b, uint64_t at,
		      uint64_t *ret)
{
	int r = read_block(w, b, at);

	if (!r)
		memcpy(ret, b->data + at % sizeof(b->data), sizeof(*ret));
	return r;
}

/* ---- entries; -E2BIG: more than ought to be looked at ---- */

static int add(struct walk *w, const uint32_t entry[8])
{
	if (++w->entries > MAX_ENTRIES)
		return -E2BIG;
	w->sum += XXH3_64bits(entry, 8 * sizeof(*entry));
	return 0;
}

/*
 * Entries n, from that of first on: each says how far it is to the next valid
 * one. -errno, 0 after the last, or 1: there may be more behind these.
 */
static int scan(struct walk *w, struct block *b, uint64_t base, uint64_t n,
		uint32_t first,
		int (*entry)(struct walk *w, uint32_t id, uint64_t value))
{
	for (uint64_t i = 0; i < n;) {
		uint64_t value = 0;
		int step = read_entry(w, b, base + i * ENTRY_SIZE, &value);

		if (!step && ++w->steps > MAX_STEPS)
			step = -E2BIG;
		if (step)
			return step;
		step = entry(w, first + (uint32_t)i, value);
		if (step <= 0)
			return step;
		i += (unsigned int)step;
	}
	return 1;
}

static int read_pendbaser(struct walk *w, size_t vcpu, uint64_t *ret)
{
	const struct onereg_vm *vm = w->vm;
	struct attr half[2] = {
		{ KA_VGIC_GRP_REDIST_REGS, 4, KA_GICR_PENDBASER, 0 },
		{ KA_VGIC_GRP_REDIST_REGS, 4, KA_GICR_PENDBASER + 4, 0 },
	};
	int r = 0;

	for (size_t k = 0; k < ARRAY_SIZE(half) && !r; k++) {
		half[k].attr |= (uint64_t)w->affinity[vcpu] << 32;
		r = io_get_attr(&vm->io, vm->gic_fd, &half[k]);
	}
	if (r)
		report_error(w->report, r, "KVM_GET_DEVICE_ATTR",
			     "GICR_PENDBASER", "cannot read the GIC");
	*ret = (half[0].value | half[1].value << 32) & ADDRESS;
	return r;
}

/* Of the vCPU with that id, which is its processor number. */
static int pending_table(struct walk *w, uint32_t id, uint64_t *ret)
{
	const struct onereg_vm *vm = w->vm;
	size_t i = 0;
	int r = 0;

	while (i < vm->n_vcpus && vm->vcpu_ids[i] != id)
		i++;
	/* KVM refuses such a collection when it restores it. */
	if (i == vm->n_vcpus)
		return 0;
	/* Collections may be many, and each call locks all vCPUs. */
	if (!w->redists[i].read)
		r = read_pendbaser(w, i, &w->redists[i].pending_at);
	w->redists[i].read = !r;
	*ret = w->redists[i].pending_at;
	return r;
}

/* Valid, RDBase, ICID; the first that is not valid ends the table. */
static int collection(struct walk *w, uint32_t index, uint64_t value)
{
	uint32_t icid = value & UINT16_MAX, target = (uint32_t)(value >> 16);
	int ret;

	(void)index;
	if (!(value >> 63))
		return 0;
	ret = add(w, (uint32_t[8]){ 3, icid, target });
	if (!ret && target != NO_TARGET)
		ret = pending_table(w, target, &w->pending_at[icid]);
	return ret ? ret : 1;
}

static int is_pending(struct walk *w, uint32_t icid, uint32_t lpi, bool *ret)
{
	uint64_t at = w->pending_at[icid] + lpi / 8;
	int r;

	*ret = false;
	if (!w->pending_at[icid])
		return 0;
	r = read_block(w, &w->pending, at);
	if (!r)
		*ret = w->pending.data[at % sizeof(w->pending.data)] >>
			       lpi % 8 & 1;
	return r;
}

/* Next, LPI, ICID. */
static int event(struct walk *w, uint32_t id, uint64_t value)
{
	uint32_t icid = value & UINT16_MAX, lpi = (uint32_t)(value >> 16);
	uint32_t next = (uint32_t)(value >> 48);
	bool pends;
	int ret;

	if (!lpi)
		return 1;
	ret = is_pending(w, icid, lpi, &pends);
	if (!ret)
		ret = add(w, (uint32_t[8]){ 2, w->device, id, lpi, icid,
					    pends });
	return ret ? ret : (int)next;
}

/* Valid, next, ITT address, bits of an EventID less one. */
static int device(struct walk *w, uint32_t id, uint64_t value)
{
	uint64_t itt = (value >> 5 & 0xfffffffffffULL) << 8;
	uint32_t bits = (value & 31) + 1, next = value >> 49 & 0x3fff;
	int ret;

	if (!(value >> 63))
		return 1;
	ret = add(w, (uint32_t[8]){ 1, id, (uint32_t)itt,
				    (uint32_t)(itt >> 32), bits });
	/* KVM refuses more when it restores it. */
	if (!ret && bits <= MAX_EVENT_BITS) {
		w->device = id;
		ret = scan(w, &w->itt, itt, 1ULL << bits, 0, event);
	}
	return ret < 0 ? ret : (int)next;
}

/* Of a table of two levels: valid, address of 64 KiB of devices. */
static int device_page(struct walk *w, uint32_t id, uint64_t value)
{
	if (!(value >> 63))
		return 1;
	return scan(w, &w->table, value & ADDRESS, PAGE / ENTRY_SIZE,
		    id * (uint32_t)(PAGE / ENTRY_SIZE), device);
}

/* ---- the digest ---- */

static int read_its(struct walk *w, uint64_t offset, uint64_t *ret)
{
	struct attr a = { KA_VGIC_GRP_ITS_REGS, 8, offset, 0 };
	int r = io_get_attr(&w->vm->io, w->vm->its_fds[w->its], &a);

	if (r)
		report_error(w->report, r, "KVM_GET_DEVICE_ATTR", "GITS_BASER",
			     "cannot read ITS %zu", w->its);
	*ret = a.value;
	return r;
}

/* With pages of 64 KiB, the only ones of KVM, bits 15 to 12 are 51 to 48. */
static uint64_t table_at(uint64_t baser)
{
	return (baser & 0xffffffff0000ULL) | (baser >> 12 & 15) << 48;
}

static int walk_table(struct walk *w, uint64_t baser,
		      int (*entry)(struct walk *w, uint32_t id, uint64_t value))
{
	uint64_t pages = (baser & 255) + 1;

	if (!(baser & BASER_VALID))
		return 0;
	return scan(w, &w->table, table_at(baser), pages * PAGE / ENTRY_SIZE, 0,
		    entry);
}

/* Collections first: events are pending where these say. */
static int walk_tables(struct walk *w)
{
	uint64_t devices, collections;
	int ret = read_its(w, KA_GITS_BASER, &devices);

	if (!ret)
		ret = read_its(w, KA_GITS_BASER + 8, &collections);
	if (!ret)
		ret = walk_table(w, collections, collection);
	if (ret < 0)
		return ret;
	ret = walk_table(w, devices,
			 devices & BASER_INDIRECT ? device_page : device);
	return ret < 0 ? ret : 0;
}

static void tell_unproved(size_t its, const char *why, const char *todo,
			  struct onereg_report *report)
{
	report_add(report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .space = ONEREG_SPACE_GIC,
			   .vcpu = -1,
			   .group = ITS_CTRL,
			   .id = (uint64_t)its << 32 | KA_ITS_SAVE_TABLES,
			   .name = "ITS tables",
			   .why = why,
			   .todo = todo,
		   });
}

static int unproved(struct walk *w, const char *why, const char *todo)
{
	tell_unproved(w->its, why, todo, w->report);
	return 0;
}

void its_no_digest(size_t its, struct onereg_report *report)
{
	tell_unproved(its, "the image has no digest of them: they were carried "
			   "in guest memory, unproved",
		      "give read_memory() in struct onereg_vm_options when "
		      "saving",
		      report);
}

/* Of the tables in guest memory. *ret is 0, with a finding: not to be told. */
static int digest(struct onereg_vm *vm, const uint32_t *affinity, size_t its,
		  uint64_t *ret, struct onereg_report *report)
{
	struct walk *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	*ret = 0;
	if (w)
		w->pending_at = calloc(N_COLLECTIONS, sizeof(*w->pending_at));
	if (w)
		w->redists = calloc(vm->n_vcpus, sizeof(*w->redists));
	if (!w || !w->pending_at || !w->redists) {
		report_error(report, r, NULL, "ITS tables", "no memory");
		goto out;
	}
	w->vm = vm;
	w->affinity = affinity;
	w->its = its;
	w->report = report;
	if (!vm->read_memory) {
		r = unproved(w, "they are carried in guest memory, unproved",
			     "give read_memory() in struct onereg_vm_options");
		goto out;
	}
	r = walk_tables(w);
	if (!r)
		*ret = w->sum ? w->sum : 1;
	else if (r == -E2BIG)
		r = unproved(w, "there are more or sparser entries than a guest "
				"has use for: they are carried, unproved",
			     NULL);
out:
	if (w) {
		free(w->pending_at);
		free(w->redists);
	}
	free(w);
	return r;
}

/* ---- to guest memory, and from there ---- */

/* What to do, of ITSes or of the GIC, for one ITS. */
static int control(struct onereg_vm *vm, size_t its, uint64_t what,
		   const char *why, struct onereg_report *report)
{
	bool of_gic = what == KA_VGIC_SAVE_PENDING_TABLES;
	const struct attr a = { KA_VGIC_GRP_CTRL, 8, what, 0 };
	int fd = of_gic ? vm->gic_fd : vm->its_fds[its];
	int ret = io_set_attr(&vm->io, fd, &a);
	char name[64];

	if (!ret)
		return 0;
	snprintf(name, sizeof(name), "%s of ITS %zu",
		 what == KA_ITS_SAVE_TABLES ? "ITS_SAVE_TABLES" :
					      "ITS_RESTORE_TABLES",
		 its);
	report_add(report,
		   &(struct onereg_finding){
			   .severity = ONEREG_ERROR,
			   .space = ONEREG_SPACE_GIC,
			   .vcpu = -1,
			   .group = of_gic ? KA_VGIC_GRP_CTRL : ITS_CTRL,
			   .id = (of_gic ? 0 : (uint64_t)its << 32) | what,
			   .name = of_gic ? "SAVE_PENDING_TABLES" : name,
			   .error = -ret,
			   .operation = "KVM_SET_DEVICE_ATTR",
			   .why = ret == -EBUSY ? "a vCPU is in an ioctl" : why,
			   .todo = ret == -EBUSY ?
					   "take every vCPU out of KVM_RUN" :
					   NULL,
		   });
	return ret;
}

int its_save_tables(struct onereg_vm *vm, const uint32_t *affinity, size_t its,
		    uint64_t *ret_digest, struct onereg_report *report)
{
	int ret = control(vm, its, KA_VGIC_SAVE_PENDING_TABLES,
			  "a redistributor's GICR_PENDBASER is not in guest "
			  "memory",
			  report);

	if (!ret)
		ret = control(vm, its, KA_ITS_SAVE_TABLES,
			      "a table of the ITS is not in guest memory, or an "
			      "interrupt is a GICv4's",
			      report);
	return ret ? ret : digest(vm, affinity, its, ret_digest, report);
}

/* The usual mistake, which KVM could not tell. */
static int check_memory(struct onereg_vm *vm, const uint32_t *affinity,
			size_t its, uint64_t saved,
			struct onereg_report *report)
{
	uint64_t here;
	int ret;

	if (saved && !vm->read_memory)
		tell_unproved(its, "they were not compared with the save",
			      "give read_memory() in struct onereg_vm_options",
			      report);
	if (!saved || !vm->read_memory)
		return 0;
	ret = digest(vm, affinity, its, &here, report);
	if (ret || here == saved || !here)
		return ret;
	report_error(report, -ESTALE, NULL, "ITS tables",
		     "those in guest memory are not those of the save: copy "
		     "guest memory, or the last of it, after the save, and "
		     "bring all of it before the restore, anew for each, as "
		     "a restore takes out what is pending");
	return -ESTALE;
}

int its_restore_tables(struct onereg_vm *vm, const uint32_t *affinity,
		       size_t its, uint64_t saved, struct onereg_report *report)
{
	int ret = check_memory(vm, affinity, its, saved, report);

	return ret ? ret :
		     control(vm, its, KA_ITS_RESTORE_TABLES,
			     "the tables in guest memory are damaged, or not "
			     "those of the save",
			     report);
}
