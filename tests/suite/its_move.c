// SPDX-License-Identifier: MIT
/* What the library promises of ITSes: saved, restored, staged, proved. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "its.h"
#include "migration.h"

static struct shape its_shape(const struct test *t, size_t n_its)
{
	struct shape shape = default_shape(t);

	shape.n_its = n_its;
	return shape;
}

/* A source full of state, with devices and pending LPIs. */
static bool its_source(struct test *t, struct pair *p, size_t n_its,
		       bool indirect, uint64_t seed)
{
	struct shape shape = its_shape(t, n_its);

	if (!pair_source(t, p, &shape, seed) ||
	    !its_boot(t, &p->src, indirect))
		return false;
	its_busy(t, &p->src);
	return !t->failed;
}

/* A finding that the tables were carried, and not proved. */
static bool unproved(const struct onereg_report *report)
{
	return find_finding(report, 0, ONEREG_SPACE_GIC, KA_ITS_SAVE_TABLES,
			    0);
}

static void expect_all(struct test *t, struct pair *p, int ret)
{
	struct onereg_counts c = { .size = sizeof(c) };
	size_t lost = onereg_report_differences(p->report,
						ONEREG_CLASS_UNEXPLAINED);

	onereg_report_counts(p->report, &c);
	if (!EXPECT(t, !ret && !lost &&
			       onereg_report_verdict(p->report) <=
				       ONEREG_WITH_CARE &&
			       !unproved(p->report) && c.attributes_compared,
		    "%d, %zu unexplained, %zu attributes", ret, lost,
		    (size_t)c.attributes_compared))
		test_log_report(t, p->report);
}

/* KVM saves from both the same. */
static void same_tables(struct test *t, struct guest *a, struct guest *b)
{
	size_t n = 0;

	EXPECT(t, !its_save(a) && !its_save(b), "cannot be saved");
	EXPECT(t, !memcmp(a->memory, b->memory, MEMORY_SIZE), "other memory");
	for (size_t i = 0; i < a->shape.n_vcpus; i++)
		n += its_n_pending(b, i);
	EXPECT(t, n, "nothing is pending");
}

static void move(struct test *t, size_t n_its, bool indirect, uint64_t seed)
{
	struct pair p;

	if (its_source(t, &p, n_its, indirect, seed) && pair_save(t, &p)) {
		expect_all(t, &p, pair_restore(t, &p));
		onereg_report_clear(p.report);
		expect_all(t, &p, onereg_vm_prove(p.dst.vm, p.image,
						  p.report));
		guests_compare(t, &p.src, &p.dst);
		same_tables(t, &p.src, &p.dst);
	}
	pair_close(&p);
}

void its_and_lpis_are_restored(struct test *t)
{
	if (!need_its(t))
		return;
	move(t, 1, false, 7500);
	move(t, 1, true, 7501);
	move(t, 2, true, 7502);
}

/* As a guest has it that does not use it. */
void its_that_is_not_used_is_restored(struct test *t)
{
	struct shape shape = its_shape(t, 2);
	struct pair p;

	if (!need_its(t))
		return;
	if (pair_source(t, &p, &shape, 7510) && pair_save(t, &p)) {
		expect_all(t, &p, pair_restore(t, &p));
		guests_compare(t, &p.src, &p.dst);
	}
	pair_close(&p);
}

/* An image of both, through its file format. */
static void through_a_file(struct test *t, struct pair *p)
{
	struct onereg_image *image = NULL;
	void *data = NULL;
	size_t size = 0;
	int ret = onereg_image_write(p->image, &data, &size);

	ret = ret ? ret : onereg_image_read(data, size, &image, p->report);
	if (EXPECT(t, !ret, "%d", ret)) {
		onereg_report_clear(p->report);
		ret = onereg_image_diff(p->image, image, p->report);
		EXPECT(t, !ret && !onereg_report_get(p->report, 0),
		       "%d, they differ", ret);
		onereg_image_free(p->image);
		p->image = image;
	}
	free(data);
}

void its_survives_its_file_format(struct test *t)
{
	struct pair p;

	if (!need_its(t))
		return;
	if (its_source(t, &p, 2, false, 7520) && pair_save(t, &p)) {
		through_a_file(t, &p);
		EXPECT(t, onereg_image_n_its(p.image) == 2 &&
				  onereg_image_its_address(p.image, 0) ==
					  ITS_ADDRESS(0) &&
				  onereg_image_its_address(p.image, 1) ==
					  ITS_ADDRESS(1) &&
				  !onereg_image_its_address(p.image, 2),
		       "%zu ITSes", onereg_image_n_its(p.image));
		expect_all(t, &p, pair_restore(t, &p));
		same_tables(t, &p.src, &p.dst);
	}
	pair_close(&p);
}

/* ---- live ---- */

/* What a guest and its devices do meanwhile. */
static void go_on(struct test *t, struct guest *g)
{
	RUN(t, g, 0, unmapd(7), discard(0, 4), mapti(0, 1, LPI(60), 0),
	    interrupt(0, 1), movi(0, 8, 1), clear(0x10, 1));
	EXPECT(t, its_signal(g, 0, 0x10, 5) >= 0, "no signal");
	EXPECT(t, its_signal(g, 0, 0, 1) == 1, "no signal");
}

void lpis_that_come_after_staging_are_moved(struct test *t)
{
	struct shape shape = its_shape(t, 2);
	struct migration m;

	if (!need_its(t))
		return;
	migration_open(t, &m, &shape);
	if (guest_make(t, &m.p.src, &shape, 7530) &&
	    its_boot(t, &m.p.src, false)) {
		its_busy(t, &m.p.src);
		if (migration_stage(t, &m) && migration_restage(t, &m)) {
			go_on(t, &m.p.src);
			if (migration_stop(t, &m)) {
				/* The last of memory. */
				memcpy(m.p.dst.memory, m.p.src.memory,
				       MEMORY_SIZE);
				EXPECT(t, !migration_commit(&m, &m.changes),
				       "commit");
				migration_prove(t, &m);
				guests_compare(t, &m.p.src, &m.p.dst);
				same_tables(t, &m.p.src, &m.p.dst);
			}
		}
	}
	migration_close(&m);
}

/* The image that is sent first says where ITSes are, nothing of them else. */
void staged_image_has_addresses_of_itses(struct test *t)
{
	struct shape shape = its_shape(t, 1);
	struct migration m;

	if (!need_its(t))
		return;
	migration_open(t, &m, &shape);
	if (guest_make(t, &m.p.src, &shape, 7540) &&
	    its_boot(t, &m.p.src, false) && migration_stage_source(t, &m)) {
		const struct onereg_image *image =
			onereg_source_image(m.source);

		EXPECT(t, onereg_image_n_its(image) == 1 &&
				  onereg_image_its_address(image, 0) ==
					  ITS_ADDRESS(0), "no ITS in it");
	}
	migration_close(&m);
}

/* ---- what is lost is noticed ---- */

/* A restore from memory in which something is not as it was saved. */
static void spoiled(struct test *t, const char *what,
		    void (*spoil)(struct test *t, struct pair *p,
				  uint8_t *memory))
{
	struct shape shape;
	struct pair p;
	int ret;

	if (its_source(t, &p, 1, false, 7550) && pair_save(t, &p)) {
		uint8_t *memory = malloc(MEMORY_SIZE);

		memcpy(memory, p.src.memory, MEMORY_SIZE);
		spoil(t, &p, memory);
		shape = p.src.shape;
		shape.memory = memory;
		ret = restore(t, &p.dst, &shape, p.image, p.report);
		EXPECT(t, ret && onereg_report_verdict(p.report) >
					 ONEREG_WITH_CARE,
		       "%s: %d", what, ret);
		free(memory);
	}
	pair_close(&p);
}

static uint64_t *word(uint8_t *memory, uint64_t address)
{
	return (uint64_t *)(void *)(memory + (address - MEMORY_BASE));
}

/* LPI(1) is 8193, which its_busy() made pending. */
static void lose_pending(struct test *t, struct pair *p, uint8_t *memory)
{
	uint32_t lpi = LPI(1), vcpu = lpi % p->src.shape.n_vcpus;
	uint8_t *byte = memory + (MEMORY_PEND(vcpu) - MEMORY_BASE) + lpi / 8;

	EXPECT(t, *byte & 1U << lpi % 8, "it is not pending");
	*byte &= ~(1U << lpi % 8);
}

static void change_event(struct test *t, struct pair *p, uint8_t *memory)
{
	(void)t;
	(void)p;
	/* Another LPI. */
	*word(memory, MEMORY_ITTS(0) + 4 * 8) ^= 0x200000;
}

static void change_collection(struct test *t, struct pair *p, uint8_t *memory)
{
	(void)t;
	(void)p;
	/* Another vCPU. */
	*word(memory, MEMORY_COLLECTIONS(0)) ^= 0x10000;
}

static void change_device(struct test *t, struct pair *p, uint8_t *memory)
{
	(void)t;
	(void)p;
	/* A shorter ITT than it has. */
	*word(memory, MEMORY_DEVICES(0)) ^= 1;
}

/* As if memory had been copied before the save. */
static void copy_early(struct test *t, struct pair *p, uint8_t *memory)
{
	(void)t;
	(void)p;
	memset(word(memory, MEMORY_DEVICES(0)), 0, 0x80000);
	memset(word(memory, MEMORY_COLLECTIONS(0)), 0, 0x10000);
}

static void fill(struct test *t, struct pair *p, uint8_t *memory)
{
	uint64_t seed = 99;

	(void)t;
	(void)p;
	for (uint64_t at = MEMORY_ITS(0); at < MEMORY_ITS(1); at += 8)
		*word(memory, at) = random_next(&seed);
}

void its_tables_that_changed_are_noticed(struct test *t)
{
	if (!need_its(t))
		return;
	spoiled(t, "a pending LPI is lost", lose_pending);
	spoiled(t, "an event has another LPI", change_event);
	spoiled(t, "a collection has another vCPU", change_collection);
	spoiled(t, "a device has another ITT", change_device);
	spoiled(t, "memory was copied early", copy_early);
	spoiled(t, "memory is full of anything", fill);
}

/* The tables were good; what KVM made of them was not. */
static void ignored(struct test *t, uint32_t group, uint64_t attr,
		    enum model_fault fault, uint64_t arg, const char *what)
{
	struct pair p;
	int ret;

	if (its_source(t, &p, 1, false, 7560) && pair_save(t, &p)) {
		EXPECT(t, !model_misbehave_gic(t->dst.model, fault, group,
					       attr, arg), "model");
		ret = pair_restore(t, &p);
		model_behave(t->dst.model);
		/* A command that was done twice may have changed nothing. */
		EXPECT(t, ret ? onereg_report_verdict(p.report) >
					ONEREG_WITH_CARE :
				attr == GITS_CREADR &&
					!guests_differences(t, &p.src, &p.dst),
		       "%s: %d", what, ret);
	}
	pair_close(&p);
}

void kernel_that_loses_its_state_is_noticed(struct test *t)
{
	const uint32_t regs = KA_VGIC_GRP_ITS_REGS, ctrl = KA_VGIC_GRP_CTRL;

	if (!need_its(t) || !need_model(t))
		return;
	ignored(t, ctrl, KA_ITS_RESTORE_TABLES, MODEL_IGNORE_SET, 0,
		"no tables");
	ignored(t, regs, GITS_CREADR, MODEL_XOR_GET, 0x20, "CREADR");
	ignored(t, regs, GITS_CREADR, MODEL_XOR_SET, 0x20, "CREADR");
	ignored(t, regs, GITS_CREADR, MODEL_IGNORE_SET, 0, "CREADR");
	ignored(t, regs, GITS_CWRITER, MODEL_IGNORE_SET, 0, "CWRITER");
	ignored(t, regs, GITS_CBASER, MODEL_XOR_SET, 1, "CBASER");
	ignored(t, regs, GITS_BASER(0), MODEL_XOR_SET, 0x10000, "BASER0");
	ignored(t, regs, GITS_BASER(1), MODEL_IGNORE_SET, 0, "BASER1");
	ignored(t, regs, GITS_CTLR, MODEL_IGNORE_SET, 0, "CTLR");
	ignored(t, regs, GITS_TYPER, MODEL_XOR_GET, 0x100, "TYPER");
	ignored(t, regs, GITS_IIDR, MODEL_REFUSE_SET, EINVAL, "IIDR");
	ignored(t, ctrl, KA_ITS_SAVE_TABLES, MODEL_REFUSE_SET, EFAULT,
		"cannot be saved again");
	ignored(t, KA_VGIC_GRP_ADDR, KA_VGIC_ITS_ADDR_TYPE, MODEL_XOR_GET,
		0x20000, "another address");
}

/* ---- options ---- */

void its_that_nobody_named_is_refused(struct test *t)
{
	struct onereg_vm_options o;
	struct shape shape;
	struct pair p;
	int ret;

	if (!need_its(t))
		return;
	if (its_source(t, &p, 1, false, 7570)) {
		o = guest_options(&p.src);
		o.n_its = 0;
		if (guest_wrap(t, &p.src, &o)) {
			ret = onereg_vm_save(p.src.vm, &p.image, p.report);
			EXPECT(t, ret == -EINVAL && !p.image, "%d", ret);
		}
		o.n_its = 1;
		if (guest_wrap(t, &p.src, &o) && pair_save(t, &p)) {
			/* A destination with two, and with none. */
			for (size_t n = 0; n < 3; n += 2) {
				shape = p.src.shape;
				shape.n_its = n;
				shape.memory = p.src.memory;
				onereg_report_clear(p.report);
				ret = restore(t, &p.dst, &shape, p.image,
					      p.report);
				EXPECT(t, ret && onereg_report_get(p.report,
								   0),
				       "%zu ITSes: %d", n, ret);
				guest_destroy(&p.dst);
				p.dst = no_guest;
				p.dst.machine = &t->dst;
			}
		}
	}
	pair_close(&p);
}

static int no_memory(void *userdata, uint64_t address, void *buf, size_t size)
{
	(void)userdata;
	(void)address;
	memset(buf, 0, size);
	return -EFAULT;
}

/* Without read_memory() it is carried, and this is told on both sides. */
void its_without_memory_is_not_proved(struct test *t)
{
	struct onereg_vm_options o;
	struct pair p;
	int ret;

	if (!need_its(t))
		return;
	if (its_source(t, &p, 1, false, 7580)) {
		o = guest_options(&p.src);
		o.read_memory = no_memory;
		if (guest_wrap(t, &p.src, &o)) {
			ret = onereg_vm_save(p.src.vm, &p.image, p.report);
			EXPECT(t, ret == -EFAULT, "%d", ret);
		}
		onereg_report_clear(p.report);
		o.read_memory = NULL;
		if (guest_wrap(t, &p.src, &o)) {
			ret = onereg_vm_save(p.src.vm, &p.image, p.report);
			EXPECT(t, !ret && onereg_report_verdict(p.report) ==
						  ONEREG_WITH_CARE,
			       "%d, verdict %s", ret,
			       onereg_verdict_name(onereg_report_verdict(
				       p.report)));
		}
		if (p.image) {
			ret = pair_restore(t, &p);
			EXPECT(t, !ret && unproved(p.report), "%d", ret);
			same_tables(t, &p.src, &p.dst);
		}
	}
	pair_close(&p);
}

/* ---- guests that mean no good ---- */

/* An ITT where there is no memory: neither KVM nor we could take it. */
static void itt_outside(struct test *t, struct guest *g)
{
	RUN(t, g, 0, mapd(2, 16, 0x1234500));
}

/* Each of many devices has the same ITT, with nothing in it. */
static void itts_overlap(struct test *t, struct guest *g)
{
	for (uint32_t i = 0; i < 512; i++)
		RUN(t, g, 0, mapd(i, 16, MEMORY_ITTS(0) + 0x10000));
}

static int save_hostile(struct test *t, struct pair *p,
			void (*make)(struct test *t, struct guest *g))
{
	struct shape shape = its_shape(t, 1);

	if (!pair_source(t, p, &shape, 7590) || !its_boot(t, &p->src, false))
		return -ECANCELED;
	make(t, &p->src);
	return onereg_vm_save(p->src.vm, &p->image, p->report);
}

void hostile_tables_do_no_harm(struct test *t)
{
	struct pair p;
	int ret;

	if (!need_its(t))
		return;
	ret = save_hostile(t, &p, itt_outside);
	EXPECT(t, ret == -EFAULT && onereg_report_get(p.report, 0), "%d", ret);
	pair_close(&p);
	ret = save_hostile(t, &p, itts_overlap);
	EXPECT(t, !ret && unproved(p.report), "%d", ret);
	pair_close(&p);
}

/* ---- memory that holds anything ---- */

/* Each word of it; or what the guest has, and the n-th call fails. */
struct hostile {
	uint64_t (*word)(uint64_t address);
	uint8_t *memory;
	size_t fail, calls;
};

static uint64_t all_ones(uint64_t address)
{
	(void)address;
	return UINT64_MAX;
}

/* A device, an event, a collection: the next one follows. */
static uint64_t all_valid(uint64_t address)
{
	return TABLE_VALID | 1ULL << 49 | (address & 0x1fffffff0000) | 15;
}

/* Devices as dense as can be, ITTs as long as can be, nothing in them. */
static uint64_t all_empty(uint64_t address)
{
	(void)address;
	return TABLE_VALID | 1ULL << 49 | 15;
}

static uint64_t anything(uint64_t address)
{
	return random_next(&address);
}

static int read_hostile(void *userdata, uint64_t address, void *buf,
			size_t size)
{
	struct hostile *h = userdata;
	uint64_t word = 0;

	if (++h->calls == h->fail)
		return -EIO;
	if (!h->word)
		return its_read_memory(h->memory, address, buf, size);
	for (size_t i = 0, n; i < size; i += n) {
		n = 8 - (address + i) % 8;
		n = n < size - i ? n : size - i;
		word = h->word((address + i) & ~7ULL) >>
		       (address + i) % 8 * 8;
		memcpy((uint8_t *)buf + i, &word, n);
	}
	return 0;
}

static int save_with(struct test *t, struct pair *p, struct hostile *h)
{
	struct onereg_vm_options o = guest_options(&p->src);
	int ret;

	o.read_memory = read_hostile;
	o.userdata = h;
	h->calls = 0;
	onereg_report_clear(p->report);
	if (!guest_wrap(t, &p->src, &o))
		return -ECANCELED;
	ret = onereg_vm_save(p->src.vm, &p->image, p->report);
	onereg_image_free(p->image);
	p->image = NULL;
	return ret;
}

void hostile_memory_does_no_harm(struct test *t)
{
	static uint64_t (*const words[])(uint64_t) = {
		all_ones, all_valid, all_empty, anything,
	};
	struct pair p;
	size_t n = 1;
	int ret;

	if (!need_its(t))
		return;
	if (its_source(t, &p, 1, true, 7600)) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			struct hostile h = { words[i], NULL, 0, 0 };

			ret = save_with(t, &p, &h);
			EXPECT(t, !ret || onereg_report_get(p.report, 0),
			       "%zu: %d", i, ret);
		}
		/* One call after the other; most are alike. */
		do {
			struct hostile h = { NULL, p.src.memory, n, 0 };

			ret = save_with(t, &p, &h);
			EXPECT(t, ret == (h.calls < n ? 0 : -EIO),
			       "call %zu: %d", n, ret);
			n += 13;
		} while (ret == -EIO && !t->failed);
	}
	pair_close(&p);
}
