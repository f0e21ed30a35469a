/* SPDX-License-Identifier: MIT */
/* Tolerances: which files are taken, and what a check makes of them. */
#include <errno.h>

#include "checks.h"
#include "faults.h"
#include "leaks.h"
#include "model.h"
#include "suite.h"

LEAK_CHECKED(tolerance);

#define MIDR	KA_SYS(3, 0, 0, 0, 0)
#define ISAR0	KA_SYS(3, 0, 0, 6, 0)
#define MMFR1	KA_SYS(3, 0, 0, 7, 1)
#define TTBR0	KA_SYS(3, 0, 2, 0, 0)

#define ENTRIES(e)	"{\"onereg-tolerances\": 1, \"tolerate\": [" e "]}"
#define REASON		"\"reason\": \"we know\""
#define ON(reg)		"{\"register\": \"" reg "\", " REASON "}"

static int parse(const char *text, struct onereg_tolerances **ret,
		 struct onereg_report *report)
{
	return onereg_tolerances_read(text, strlen(text), ret, report);
}

static struct onereg_tolerances *good(const char *text)
{
	struct onereg_tolerances *t = NULL;

	cr_assert_eq(parse(text, &t, NULL), 0, "%s", text);
	return t;
}

/* ---- files --------------------------------------------------------------- */

Test(tolerance, entries_are_as_written)
{
	struct onereg_tolerances *t = good(ENTRIES(
		"{\"register\": \"ID_AA64MMFR1_EL1\", \"field\": \"HCX\", "
		"\"saved\": \"0x1\", \"host\": \"0x0\", " REASON "}, "
		"{\"register\": \"PTIMER_CNT\", \"missing\": true, " REASON
		"}"));
	struct onereg_tolerance e = { .size = sizeof(e) };

	cr_assert_eq(onereg_tolerances_get(t, 0, &e), 0);
	cr_assert_eq(e.id, MMFR1);
	cr_assert_str_eq(e.field->name, "HCX");
	cr_assert(e.has_saved && e.saved == 1 && e.has_host && !e.host);
	cr_assert(!e.missing);
	cr_assert_str_eq(e.reason, "we know");
	cr_assert_eq(onereg_tolerances_get(t, 1, &e), 0);
	cr_assert_eq(e.id, KA_PTIMER_CNT);
	cr_assert(e.missing && !e.field);
	cr_assert_eq(onereg_tolerances_get(t, 2, &e), -ENOENT);
	onereg_tolerances_free(t);
	onereg_tolerances_free(NULL);
}

static const struct {
	const char *text;
	int error;
	const char *name, *why;
} bad[] = {
	{ "", -EBADMSG, "JSON", "line 1" },
	{ "{\n\n  \"x\": }", -EBADMSG, "JSON", "line 3" },
	{ "[]", -EBADMSG, "onereg-tolerances", "not a file" },
	{ "{\"onereg-tolerances\": \"1\", \"tolerate\": []}", -EBADMSG,
	  "onereg-tolerances", "not a number" },
	{ "{\"onereg-tolerances\": 2, \"tolerate\": []}", -EPROTO,
	  "onereg-tolerances", "version 2" },
	{ "{\"onereg-tolerances\": 1}", -EBADMSG, "tolerate", "missing" },
	{ "{\"onereg-tolerances\": 1, \"tolerate\": {}}", -EBADMSG,
	  "tolerate", "array" },
	{ "{\"onereg-tolerances\": 1, \"tolerate\": [], \"x\": 1}", -EBADMSG,
	  "x", "no such part" },
	{ ENTRIES("1"), -EBADMSG, "tolerate[0]", "not an object" },
	{ ENTRIES(ON("MIDR_EL1") ", {" REASON "}"), -EBADMSG,
	  "tolerate[1].register", "missing" },
	{ ENTRIES(ON("MIDR_EL9")), -EBADMSG, "tolerate[0] (MIDR_EL9).register",
	  "no register" },
	{ ENTRIES(ON("0x")), -EBADMSG, "tolerate[0] (0x).register",
	  "no register" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\"}"), -EBADMSG,
	  "tolerate[0] (MIDR_EL1).reason", "why" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"reason\": \" \"}"), -EBADMSG,
	  "tolerate[0] (MIDR_EL1).reason", "why" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"reason\": \"a\\nb\"}"),
	  -EBADMSG, "tolerate[0] (MIDR_EL1).reason", "control" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"raeson\": \"b\"}"),
	  -EBADMSG, "tolerate[0] (MIDR_EL1)", "\"raeson\"" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"field\": \"X\", " REASON
		  "}"), -EBADMSG, "tolerate[0] (MIDR_EL1).field", "no field" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"field\": 1, " REASON "}"),
	  -EBADMSG, "tolerate[0] (MIDR_EL1).field", "string" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"saved\": \"1\", " REASON
		  "}"), -EBADMSG, "tolerate[0] (MIDR_EL1).saved", "hex" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"host\": "
		  "\"0x00000000000000000\", " REASON "}"), -EBADMSG,
	  "tolerate[0] (MIDR_EL1).host", "hex" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"missing\": 1, " REASON "}"),
	  -EBADMSG, "tolerate[0] (MIDR_EL1).missing", "neither" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"missing\": true, "
		  "\"host\": \"0x1\", " REASON "}"), -EBADMSG,
	  "tolerate[0] (MIDR_EL1).missing", "no field or value" },
	{ ENTRIES(ON("X0")), -EBADMSG, "tolerate[0] (X0).register", "state" },
	{ ENTRIES(ON("TTBR0_EL1")), -EBADMSG,
	  "tolerate[0] (TTBR0_EL1).register", "state" },
	{ ENTRIES(ON("SVE_VLS")), -EBADMSG, "tolerate[0] (SVE_VLS).register",
	  "state" },
	{ ENTRIES("{\"register\": \"X0\", \"missing\": true, " REASON "}"),
	  -EBADMSG, "tolerate[0] (X0).register", "is none" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"since\": \"6.4\", " REASON
		  "}"), -EBADMSG, "tolerate[0] (MIDR_EL1).since", "source" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"until\": 6.3, " REASON "}"),
	  -EBADMSG, "tolerate[0] (MIDR_EL1).until", "string" },
	{ ENTRIES("{\"register\": \"MIDR_EL1\", \"source\": \"a\\tb\", "
		  REASON "}"), -EBADMSG, "tolerate[0] (MIDR_EL1).source",
	  "control" },
};

Test(tolerance, what_is_wrong_is_named)
{
	struct onereg_report *report = new_report();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct onereg_tolerances *t = NULL;
		const struct onereg_finding *f;

		onereg_report_clear(report);
		cr_assert_eq(parse(bad[i].text, &t, report), bad[i].error,
			     "%s", bad[i].text);
		cr_assert(!t);
		cr_assert_eq(onereg_report_count(report), 1, "%s",
			     bad[i].text);
		f = onereg_report_get(report, 0);
		cr_assert_str_eq(f->name, bad[i].name);
		cr_assert(strstr(f->why, bad[i].why), "%s: %s", bad[i].text,
			  f->why);
	}
	onereg_report_free(report);
}

Test(tolerance, file_that_is_not_there)
{
	struct onereg_report *report = new_report();
	struct onereg_tolerances *t;

	cr_assert_eq(onereg_tolerances_read_file("/nowhere", &t, report),
		     -ENOENT);
	cr_assert_eq(onereg_report_count(report), 1);
	onereg_report_free(report);
}

Test(tolerance, reports_lack_of_memory_wherever_it_strikes)
{
	static const char text[] = ENTRIES(ON("MIDR_EL1") ", " ON("CTR_EL0"));
	struct onereg_report *report = new_report();
	struct onereg_tolerances *t = NULL;
	size_t n = 0;
	int r;

	do {
		onereg_report_clear(report);
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = parse(text, &t, report);
		fault_stop(FAULT_MALLOC);
		/* jansson itself says of some that the input is bad. */
		cr_assert(!r || !t);
		cr_assert_eq(onereg_report_count(report), r ? 1 : 0);
	} while (r);
	cr_assert_gt(n, 8);
	onereg_report_free(report);
	onereg_tolerances_free(t);
}

/* ---- names --------------------------------------------------------------- */

Test(tolerance, every_name_leads_to_its_register)
{
	static const uint64_t ids[] = {
		MIDR, ISAR0, TTBR0, KA_PSCI_VERSION, KA_BMAP(2), KA_SVE_VLS,
		KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 0x40,
		KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 10,
		KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_CORE | 0xd5,
		KA_REG_ARM64 | KA_REG_SIZE_U128 | KA_REG_CORE | 0xd0,
		KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX | 13,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		char name[64], number[32];
		uint64_t id = 0;

		onereg_reg_name(ids[i], name, sizeof(name));
		cr_assert_eq(onereg_reg_find(name, &id), 0, "%s", name);
		cr_assert_eq(id, ids[i], "%s: 0x%llx", name,
			     (unsigned long long)id);
		snprintf(number, sizeof(number), "0x%llx",
			 (unsigned long long)ids[i]);
		cr_assert_eq(onereg_reg_find(number, &id), 0, "%s", number);
		cr_assert_eq(id, ids[i]);
	}
}

/* ---- check --------------------------------------------------------------- */

/* A fresh VM of a on b, both freed, with those tolerated. */
static enum onereg_verdict move_with(const char *text, struct onereg_host *a,
				     struct onereg_host *b,
				     struct onereg_report *report)
{
	struct onereg_tolerances *t = good(text);
	struct onereg_image *image = fresh(a);
	enum onereg_verdict v;

	onereg_image_tolerate(image, t);
	v = check(image, b, report);
	onereg_image_free(image);
	onereg_tolerances_free(t);
	onereg_host_free(a);
	onereg_host_free(b);
	return v;
}

Test(tolerance, what_is_used_is_told_with_its_reason)
{
	struct onereg_report *report = new_report();
	const struct onereg_finding *f;

	cr_assert_eq(move_with(ENTRIES(ON("MIDR_EL1")),
			       host_of(MIDR, 0x414fd0c1),
			       host_of(MIDR, 0x414fd0b1), report),
		     ONEREG_WITH_CARE);
	f = find(report, "MIDR_EL1", "PartNum");
	cr_assert(f && f->class_ == ONEREG_CLASS_TOLERATED);
	cr_assert_str_eq(f->why, "tolerated: we know");
	cr_assert(f->todo && strstr(f->todo, "another CPU"));
	onereg_report_free(report);
}

Test(tolerance, what_is_not_used_is_not_told)
{
	struct onereg_report *report = new_report();

	cr_assert_eq(move_with(ENTRIES(ON("MIDR_EL1")),
			       host_of(MIDR, 0x414fd0c1),
			       host_of(MIDR, 0x414fd0c1), report),
		     ONEREG_YES);
	cr_assert_eq(onereg_report_count(report), 0);
	onereg_report_free(report);
}

Test(tolerance, one_field_is_not_another)
{
	static const char text[] =
		ENTRIES("{\"register\": \"ID_AA64ISAR0_EL1\", \"field\": "
			"\"AES\", " REASON "}");

	struct onereg_report *report = new_report();

	cr_assert_eq(move_with(text, host_of(ISAR0, 0x20), host_of(ISAR0, 0x10),
			       report), ONEREG_WITH_CARE);
	onereg_report_clear(report);
	cr_assert_eq(move_with(text, host_of(ISAR0, 0x120),
			       host_of(ISAR0, 0x010), report), ONEREG_NO);
	expect(report, "ID_AA64ISAR0_EL1", "AES", ONEREG_CARE);
	expect(report, "ID_AA64ISAR0_EL1", "SHA1", ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
}

Test(tolerance, values_bind_it_to_one_direction)
{
	static const char text[] =
		ENTRIES("{\"register\": \"MIDR_EL1\", \"saved\": "
			"\"0x414fd0c1\", \"host\": \"0x414fd0b1\", " REASON
			"}");

	struct onereg_report *report = new_report();

	cr_assert_eq(move_with(text, host_of(MIDR, 0x414fd0c1),
			       host_of(MIDR, 0x414fd0b1), report),
		     ONEREG_WITH_CARE);
	onereg_report_free(report);
}

Test(tolerance, and_not_to_the_other)
{
	static const char text[] =
		ENTRIES("{\"register\": \"MIDR_EL1\", \"saved\": "
			"\"0x414fd0c1\", \"host\": \"0x414fd0b1\", " REASON
			"}");
	struct onereg_report *report = new_report();

	cr_assert_eq(move_with(text, host_of(MIDR, 0x414fd0b1),
			       host_of(MIDR, 0x414fd0c1), report), ONEREG_NO);
	onereg_report_free(report);
}

Test(tolerance, register_that_the_host_lacks)
{
	static const char text[] =
		ENTRIES("{\"register\": \"TTBR0_EL1\", \"missing\": true, "
			REASON "}");
	struct onereg_report *report = new_report();

	cr_assert_eq(move_with(text, host_of(TTBR0, 1), host_of(MIDR, 1),
			       report), ONEREG_WITH_CARE);
	expect(report, "TTBR0_EL1", NULL, ONEREG_CARE);
	onereg_report_free(report);
}

/* ---- restore ------------------------------------------------------------- */

struct fleet {
	struct onereg_host *host[2];
	struct model *model[2];
	struct test t;
	struct pair p;
};

static void poke(struct onereg_host *host, uint64_t id, uint64_t value)
{
	for (size_t i = 0; i < host->n_profiles; i++) {
		struct host_profile *p = &host->profiles[i];
		ptrdiff_t at = regset_find(&p->set, id);

		cr_assert(at >= 0);
		memcpy(profile_value(p, (size_t)at), &value, sizeof(value));
	}
}

static void new_hosts(struct fleet *f)
{
	const struct model_host_options o = { .pmu = true };

	for (int i = 0; i < 2; i++)
		cr_assert_eq(model_host_new(&o, &f->host[i]), 0);
}

static void open_guests(struct fleet *f)
{
	struct shape shape;

	for (int i = 0; i < 2; i++)
		cr_assert_eq(model_new(f->host[i], NULL, &f->model[i]), 0);
	f->t = (struct test){
		.src = { model_io(f->model[0]), f->model[0] },
		.dst = { model_io(f->model[1]), f->model[1] },
		.features = f->host[0]->profiles[0].features,
		.has_gic = true,
		.max_vcpus = 4,
	};
	shape = default_shape(&f->t);
	cr_assert(pair_source(&f->t, &f->p, &shape, 7) &&
		  pair_save(&f->t, &f->p), "%s", f->t.log);
}

/* Two hosts that differ in that register, and a guest on the first. */
static void open_fleet(struct fleet *f, uint64_t id, uint64_t value)
{
	new_hosts(f);
	poke(f->host[1], id, value);
	open_guests(f);
}

static void close_fleet(struct fleet *f)
{
	pair_close(&f->p);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(model_n_open(f->model[i]), 0);
		model_free(f->model[i]);
		onereg_host_free(f->host[i]);
	}
}

Test(tolerance, restore_leaves_the_hosts_value_and_says_so)
{
	static struct fleet f;
	struct onereg_tolerances *t = good(ENTRIES(ON("MIDR_EL1")));
	uint64_t midr = 0;

	open_fleet(&f, MIDR, 0x414fd0b1);
	cr_assert_neq(pair_restore(&f.t, &f.p), 0, "without it");
	onereg_image_tolerate(f.p.image, t);
	onereg_report_clear(f.p.report);
	cr_assert_eq(onereg_image_dry_run(f.p.image, f.t.dst.io, NULL,
					  f.p.report), 0);
	cr_assert_eq(onereg_report_verdict(f.p.report), ONEREG_WITH_CARE);
	onereg_report_clear(f.p.report);
	cr_assert_eq(pair_restore(&f.t, &f.p), 0);
	cr_assert_eq(onereg_report_verdict(f.p.report), ONEREG_WITH_CARE);
	cr_assert_eq(count(f.p.report, ONEREG_CARE, ONEREG_CLASS_TOLERATED),
		     1, "told once, whatever the number of vCPUs");
	expect(f.p.report, "MIDR_EL1", NULL, ONEREG_CARE);
	cr_assert_eq(guest_get(&f.p.dst, 1, MIDR, &midr), 0);
	cr_assert_eq(midr, 0x414fd0b1);
	close_fleet(&f);
	onereg_tolerances_free(t);
}

Test(tolerance, proof_alone_says_so_too)
{
	static struct fleet f;
	struct onereg_tolerances *t = good(ENTRIES(ON("MIDR_EL1")));

	open_fleet(&f, MIDR, 0x414fd0b1);
	onereg_image_tolerate(f.p.image, t);
	cr_assert_eq(pair_restore(&f.t, &f.p), 0);
	onereg_report_clear(f.p.report);
	cr_assert_eq(onereg_vm_prove(f.p.dst.vm, f.p.image, f.p.report), 0);
	expect(f.p.report, "MIDR_EL1", NULL, ONEREG_CARE);
	onereg_image_tolerate(f.p.image, NULL);
	onereg_report_clear(f.p.report);
	cr_assert_eq(onereg_vm_prove(f.p.dst.vm, f.p.image, f.p.report), 0);
	cr_assert_eq(onereg_report_verdict(f.p.report), ONEREG_NO);
	close_fleet(&f);
	onereg_tolerances_free(t);
}

/* ---- live migration ------------------------------------------------------ */

static int stage(struct fleet *f, struct onereg_source *s,
		 struct onereg_destination **ret)
{
	f->p.dst = no_guest;
	cr_assert(guest_create(&f->t, &f->p.dst, &f->t.dst, &f->p.src.shape),
		  "%s", f->t.log);
	return onereg_destination_stage(f->p.dst.vm, onereg_source_image(s),
					NULL, ret, f->p.report);
}

/* What the source reads of the guest while it runs, as the other end has it. */
static struct onereg_image *arrived(struct onereg_source *s)
{
	struct onereg_image *image = NULL;
	void *data;
	size_t n;

	cr_assert_eq(onereg_image_write(onereg_source_image(s), &data, &n), 0);
	cr_assert_eq(onereg_image_read(data, n, &image, NULL), 0);
	free(data);
	return image;
}

static void commit(struct fleet *f, struct onereg_source *s,
		   struct onereg_destination *d)
{
	const void *changes;
	size_t n;

	guest_scribble_vcpus(&f->t, &f->p.src, 5);
	cr_assert_eq(onereg_source_stop(s, &changes, &n, NULL), 0);
	cr_assert_eq(onereg_destination_commit(d, changes, n, f->p.report), 0);
	cr_assert_eq(onereg_destination_prove(d, f->p.report), 0);
}

Test(tolerance, live_migration_is_refused_without_it)
{
	static struct fleet f;
	struct onereg_source *s = NULL;
	struct onereg_destination *d = NULL;

	open_fleet(&f, MIDR, 0x414fd0b1);
	cr_assert_eq(onereg_source_stage(f.p.src.vm, NULL, &s, NULL), 0);
	cr_assert_neq(stage(&f, s, &d), 0);
	cr_assert_null(d);
	expect(f.p.report, "MIDR_EL1", NULL, ONEREG_ERROR);
	onereg_source_free(s);
	close_fleet(&f);
}

Test(tolerance, live_migration_leaves_the_hosts_value_and_says_so)
{
	static struct fleet f;
	struct onereg_tolerances *t = good(ENTRIES(ON("MIDR_EL1")));
	struct onereg_source *s = NULL;
	struct onereg_destination *d = NULL;
	struct onereg_image *image;
	uint64_t midr = 0;

	open_fleet(&f, MIDR, 0x414fd0b1);
	cr_assert_eq(onereg_source_stage(f.p.src.vm, NULL, &s, NULL), 0);
	image = arrived(s);
	onereg_image_tolerate(image, t);
	cr_assert(guest_create(&f.t, &f.p.dst, &f.t.dst, &f.p.src.shape));
	cr_assert_eq(onereg_destination_stage(f.p.dst.vm, image, NULL, &d,
					      f.p.report), 0);
	expect(f.p.report, "MIDR_EL1", NULL, ONEREG_CARE);
	commit(&f, s, d);
	cr_assert_eq(onereg_report_verdict(f.p.report), ONEREG_WITH_CARE);
	cr_assert_eq(count(f.p.report, ONEREG_CARE, ONEREG_CLASS_TOLERATED),
		     1, "told once, by whichever step");
	cr_assert_eq(onereg_report_differences(f.p.report,
					       ONEREG_CLASS_UNEXPLAINED), 0);
	cr_assert_eq(guest_get(&f.p.dst, 1, MIDR, &midr), 0);
	cr_assert_eq(midr, 0x414fd0b1);
	onereg_destination_free(d);
	onereg_source_free(s);
	onereg_image_free(image);
	close_fleet(&f);
	onereg_tolerances_free(t);
}

/* Only what is in the file: another difference is as impossible as ever. */
Test(tolerance, live_migration_tolerates_nothing_else)
{
	static struct fleet f;
	struct onereg_tolerances *t = good(ENTRIES(ON("REVIDR_EL1")));
	struct onereg_source *s = NULL;
	struct onereg_destination *d = NULL;
	struct onereg_image *image;

	open_fleet(&f, MIDR, 0x414fd0b1);
	cr_assert_eq(onereg_source_stage(f.p.src.vm, NULL, &s, NULL), 0);
	image = arrived(s);
	onereg_image_tolerate(image, t);
	cr_assert(guest_create(&f.t, &f.p.dst, &f.t.dst, &f.p.src.shape));
	cr_assert_neq(onereg_destination_stage(f.p.dst.vm, image, NULL, &d,
					       f.p.report), 0);
	expect(f.p.report, "MIDR_EL1", NULL, ONEREG_ERROR);
	onereg_source_free(s);
	onereg_image_free(image);
	close_fleet(&f);
	onereg_tolerances_free(t);
}

/* ---- what needs no file --------------------------------------------------- */

#define PFR0	KA_SYS(3, 0, 0, 4, 0)
#define DFR0_32	KA_SYS(3, 0, 0, 1, 2)

static void hold(struct onereg_host *host, uint64_t id)
{
	for (size_t i = 0; i < host->n_profiles; i++)
		host->profiles[i].writable[regset_find(
			&host->profiles[i].set, id)] = 0;
}

/*
 * A host whose CPU has no AArch32 makes up ID_DFR0_EL1, and one whose CPU has
 * it refuses that; to a guest without AArch32 it means nothing.
 */
Test(tolerance, aarch32_registers_of_a_guest_without_aarch32)
{
	static struct fleet f;
	uint64_t v = 0;

	for (uint64_t el0 = 1; el0 <= 2; el0++) {
		int r;

		memset(&f, 0, sizeof(f));
		new_hosts(&f);
		poke(f.host[0], PFR0, 0x11110110 | el0);
		poke(f.host[0], DFR0_32, 0x4000000);
		poke(f.host[1], PFR0, 0x11110112);
		poke(f.host[1], DFR0_32, 0x4010008);
		hold(f.host[1], DFR0_32);
		open_guests(&f);
		r = pair_restore(&f.t, &f.p);
		if (el0 == 1) {
			cr_assert_eq(r, 0);
			cr_assert_gt(onereg_report_differences(f.p.report,
					ONEREG_CLASS_UNKNOWN_VALUE), 0);
			cr_assert_eq(guest_get(&f.p.dst, 0, DFR0_32, &v), 0);
			cr_assert_eq(v, 0x4010008);
		} else {
			cr_assert_neq(r, 0);
			expect(f.p.report, "ID_DFR0_EL1", NULL, ONEREG_ERROR);
		}
		close_fleet(&f);
	}
}
