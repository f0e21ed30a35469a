/* SPDX-License-Identifier: MIT */
/* Baselines: of recorded hosts (tests/fleet), of made-up ones, as files. */
#include <errno.h>

#include "checks.h"
#include "faults.h"
#include "fleets.h"
#include "leaks.h"
#include "model.h"
#include "suite.h"

LEAK_CHECKED(baseline);

#define MIDR	KA_SYS(3, 0, 0, 0, 0)
#define PFR0	KA_SYS(3, 0, 0, 4, 0)
#define DFR0	KA_SYS(3, 0, 0, 5, 0)
#define ISAR0	KA_SYS(3, 0, 0, 6, 0)
#define ISAR1	KA_SYS(3, 0, 0, 6, 1)

static const char midr_json[] =
	"{\"onereg-tolerances\": 1, \"tolerate\": [{\"register\": "
	"\"MIDR_EL1\", \"reason\": \"we know\"}]}";

/* The baseline's value of two hosts, which are freed; ~0: there is none. */
static uint64_t level_two(struct onereg_host *a, struct onereg_host *b,
			  uint64_t id, struct onereg_report *report)
{
	struct onereg_baseline_reg reg = { .size = sizeof(reg) };
	struct onereg_baseline *baseline = NULL;
	struct hosts h = two(a, b);
	uint64_t value = ~0ULL;
	int r = level(&h, NULL, &baseline, report);

	cr_assert(r == 0 || r == -EBADE, "%d", r);
	cr_assert_eq(!r, baseline != NULL);
	for (size_t i = 0; baseline && !onereg_baseline_reg(baseline, i, &reg);
	     i++)
		if (reg.id == id)
			memcpy(&value, reg.value, sizeof(value));
	onereg_baseline_free(baseline);
	free_hosts(&h);
	return value;
}

/* ---- single fields ------------------------------------------------------- */

Test(baseline, each_field_takes_its_safe_direction)
{
	/* AES less on one, SHA1 on the other. */
	cr_assert_eq(level_two(masked(ISAR0, 0x120, ~0ULL),
			       masked(ISAR0, 0x210, ~0ULL), ISAR0, NULL),
		     0x110);
}

Test(baseline, what_one_host_cannot_change_is_named_with_it)
{
	struct onereg_report *report = new_report();
	const struct onereg_finding *f;

	cr_assert_eq(level_two(masked(ISAR0, 0x10, ~0ULL),
			       masked(ISAR0, 0x20, 0xf00), ISAR0, report),
		     ~0ULL);
	f = find(report, "ID_AA64ISAR0_EL1", "AES");
	cr_assert(f && f->severity == ONEREG_IMPOSSIBLE);
	cr_assert(strstr(f->why, "prevented by b"), "%s", f->why);
	onereg_report_free(report);
}

Test(baseline, a_fixed_host_may_have_the_least)
{
	cr_assert_eq(level_two(host_of(ISAR0, 0x10),
			       masked(ISAR0, 0x20, ~0ULL), ISAR0, NULL), 0x10);
}

Test(baseline, unknown_masks_are_fixed)
{
	cr_assert_eq(level_two(host_of(ISAR0, 0x10), host_of(ISAR0, 0x20),
			       ISAR0, NULL), ~0ULL);
	cr_assert_eq(level_two(host_of(ISAR0, 0x10), host_of(ISAR0, 0x10),
			       ISAR0, NULL), 0x10);
}

Test(baseline, algorithms_have_no_direction)
{
	cr_assert_eq(level_two(masked(ISAR1, 0x10, ~0ULL),
			       masked(ISAR1, 0x20, ~0ULL), ISAR1, NULL),
		     ~0ULL);
}

Test(baseline, a_register_that_a_host_lacks_is_0)
{
	cr_assert_eq(level_two(host_of(PFR0, 0x11), masked(ISAR0, 0x10, ~0ULL),
			       ISAR0, NULL), ~0ULL, "PFR0 is fixed");
	cr_assert_eq(level_two(masked(PFR0, 0x11, ~0ULL),
			       masked(ISAR0, 0x10, ~0ULL), ISAR0, NULL), 0);
}

Test(baseline, psci_goes_down_on_every_host)
{
	cr_assert_eq(level_two(host_of(KA_PSCI_VERSION, 0x10003),
			       host_of(KA_PSCI_VERSION, 0x10001),
			       KA_PSCI_VERSION, NULL), 0x10001);
}

Test(baseline, clocks_that_differ_prevent_it)
{
	struct onereg_report *report = new_report();
	struct onereg_host *b = host_of(ISAR0, 0x10);

	b->counter_frequency = HZ + 1;
	cr_assert_eq(level_two(host_of(ISAR0, 0x10), b, ISAR0, report),
		     ~0ULL);
	expect(report, "CNTFRQ_EL0", NULL, ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
}

Test(baseline, hosts_without_a_common_vcpu)
{
	struct onereg_report *report = new_report();
	struct onereg_host *a = host_of(ISAR0, 1), *b = host_of(ISAR0, 1);
	struct hosts h = two(a, b);
	struct onereg_baseline *baseline = NULL;

	b->profiles[0].features |= PMU;
	cr_assert_eq(level(&h, NULL, &baseline, report), -EINVAL);
	cr_assert_eq(onereg_report_count(report), 1);
	cr_assert_eq(onereg_baseline_new(h.v, NULL, 0, NULL, &baseline,
					 report), -EINVAL);
	free_hosts(&h);
	onereg_report_free(report);
}

/* ---- fleets: what check says of a guest that shows the baseline ---------- */

Test(baseline, check_lets_it_move_between_kernels)
{
	static const char *const fleets[][MAX_HOSTS] = {
		{ "neoverse-n1-6.1", "neoverse-n1-6.12", "neoverse-n1-onereg" },
		{ "cortex-a76-6.1", "cortex-a76-6.12", "cortex-a76-onereg" },
		{ "a64fx-6.1", "a64fx-6.12", "a64fx-onereg" },
		{ "max-6.12", "max-onereg" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fleets); i++) {
		struct hosts h = recorded_hosts(fleets[i]);

		moves_everywhere(&h, NULL);
	}
}

Test(baseline, check_lets_it_move_between_cpus_that_are_tolerated)
{
	static const char *const names[] = { "neoverse-n1-6.12",
					     "cortex-a76-6.1",
					     "cortex-a76-onereg", NULL };
	struct hosts h = recorded_hosts(names);

	moves_everywhere(&h, midr_json);
}

Test(baseline, what_cannot_be_levelled_is_named)
{
	static const char *const max[] = { "max-6.1", "max-6.12", NULL };
	static const char *const cpus[] = { "neoverse-n1-6.12",
					    "cortex-a76-6.12", NULL };
	struct onereg_report *report = new_report();
	struct onereg_baseline *b = NULL;
	struct hosts h = recorded_hosts(max);

	cr_assert_eq(level(&h, NULL, &b, report), -EBADE);
	cr_assert_eq(count(report, ONEREG_IMPOSSIBLE, ONEREG_CLASS_FEATURE),
		     1);
	expect(report, "ID_AA64MMFR1_EL1", "HCX", ONEREG_IMPOSSIBLE);
	free_hosts(&h);
	onereg_report_clear(report);
	h = recorded_hosts(cpus);
	cr_assert_eq(level(&h, NULL, &b, report), -EBADE);
	expect(report, "MIDR_EL1", NULL, ONEREG_IMPOSSIBLE);
	free_hosts(&h);
	onereg_report_free(report);
}

Test(baseline, longest_common_vectors)
{
	static const char *const names[] = { "max-6.12", "a64fx-6.12", NULL };
	struct hosts h = recorded_hosts(names);

	/* 128, 256, 512 on one; every multiple of 128 on the other */
	cr_assert_eq(fleet_vq(h.v, h.n, PSCI | SVE), 2);
	free_hosts(&h);
}

/* ---- pinning ------------------------------------------------------------- */

static struct onereg_baseline *n1(void)
{
	static const char *const names[] = { "neoverse-n1-6.1",
					     "neoverse-n1-6.12", NULL };
	struct hosts h = recorded_hosts(names);
	struct onereg_baseline *b = NULL;

	cr_assert_eq(level(&h, NULL, &b, NULL), 0);
	free_hosts(&h);
	return b;
}

static void on_host(const char *name,
		    void (*what)(struct test *t, struct guest *g,
				 const struct onereg_baseline *b))
{
	static struct test t;
	struct onereg_host *host = recorded(name);
	struct onereg_baseline *b = n1();
	struct model *model = NULL;
	struct guest g = no_guest;
	struct shape shape;

	cr_assert_eq(model_new(host, NULL, &model), 0);
	t = (struct test){ .src = { model_io(model), model },
			   .dst = { model_io(model), model },
			   .features = PSCI | PMU, .has_gic = true,
			   .max_vcpus = 4 };
	shape = default_shape(&t);
	cr_assert(guest_create(&t, &g, &t.src, &shape) && guest_start(&t, &g),
		  "%s", t.log);
	what(&t, &g, b);
	guest_destroy(&g);
	cr_assert_eq(model_n_open(model), 0);
	model_free(model);
	onereg_host_free(host);
	onereg_baseline_free(b);
}

/* With what its vCPUs were initialised. */
static void say_features(struct test *t, struct guest *g)
{
	struct onereg_vm_options o = guest_options(g);

	o.features[0] = g->shape.features;
	cr_assert(guest_wrap(t, g, &o));
}

static void pins(struct test *t, struct guest *g,
		 const struct onereg_baseline *b)
{
	struct onereg_report *report = new_report();
	char text[512];
	uint64_t v = 0;

	say_features(t, g);
	int r = onereg_vm_pin(g->vm, b, report);

	onereg_report_format(report, text, sizeof(text));
	cr_assert_eq(r, 0, "%d: %s", r, text);
	cr_assert_eq(onereg_report_count(report), 0);
	cr_assert_eq(guest_get(g, 1, DFR0, &v), 0);
	cr_assert_eq(v & 15, 6, "DebugVer of 6.1");
	onereg_report_free(report);
}

Test(baseline, a_vm_is_pinned_on_a_kernel_that_lets_it)
{
	on_host("neoverse-n1-6.12", pins);
}

/* It lists the caches of its CPU; the baseline has those of newer kernels. */
Test(baseline, a_vm_is_pinned_on_the_oldest_of_the_fleet)
{
	on_host("neoverse-n1-6.1", pins);
}

Test(baseline, a_vm_is_pinned_through_its_descriptor)
{
	on_host("neoverse-n1-onereg", pins);
}

static void is_refused(struct test *t, struct guest *g,
		       const struct onereg_baseline *b)
{
	struct onereg_report *report = new_report();

	say_features(t, g);
	cr_assert_eq(onereg_vm_pin(g->vm, b, report), -EINVAL);
	expect(report, "ID_AA64MMFR0_EL1", NULL, ONEREG_IMPOSSIBLE);
	onereg_report_free(report);
}

Test(baseline, a_host_of_another_fleet_refuses)
{
	on_host("cortex-a76-6.12", is_refused);
}

static void needs_features(struct test *t, struct guest *g,
			   const struct onereg_baseline *b)
{
	struct onereg_report *report = new_report();
	struct onereg_baseline other = *b;

	say_features(t, g);
	other.features = PSCI;
	cr_assert_eq(onereg_vm_pin(g->vm, &other, report), -EINVAL);
	expect(report, "VM_FEATURES", NULL, ONEREG_ERROR);
	onereg_report_free(report);
}

Test(baseline, vcpus_of_other_features_are_refused)
{
	on_host("neoverse-n1-6.12", needs_features);
}

static void is_late(struct test *t, struct guest *g,
		    const struct onereg_baseline *b)
{
	struct onereg_report *report = new_report();

	say_features(t, g);
	cr_assert(guest_scribble(t, g, 1));	/* it has run */
	cr_assert_eq(onereg_vm_pin(g->vm, b, report), -EPERM);
	expect(report, "ID_AA64DFR0_EL1", NULL, ONEREG_ERROR);
	onereg_report_free(report);
}

Test(baseline, a_vm_that_ran_is_too_late)
{
	on_host("neoverse-n1-6.12", is_late);
}

/* ---- files --------------------------------------------------------------- */

Test(baseline, is_the_same_after_its_file)
{
	struct onereg_baseline *b = n1(), *again = NULL;
	char *text, *more;
	size_t n, k;

	cr_assert_eq(onereg_baseline_write(b, &text, &n), 0);
	cr_assert_eq(onereg_baseline_read(text, n, &again, NULL), 0);
	cr_assert_eq(again->features, b->features);
	cr_assert_eq(again->n, b->n);
	cr_assert_eq(memcmp(again->regs, b->regs, b->n * sizeof(*b->regs)), 0);
	cr_assert_eq(again->n_hosts, 2);
	cr_assert(onereg_baseline_lacks(again, KA_PTIMER_CTL));
	cr_assert(!onereg_baseline_lacks(again, MIDR));
	cr_assert_eq(onereg_baseline_write(again, &more, &k), 0);
	cr_assert_str_eq(more, text);
	free(text);
	free(more);
	onereg_baseline_free(again);
	onereg_baseline_free(b);
}

#define FILE_OF(regs) \
	"{\"onereg-baseline\": 1, \"features\": [\"PSCI_0_2\"], " \
	"\"registers\": [" regs "]}"
#define REG(name, value) \
	"{\"register\": \"" name "\", \"value\": \"" value "\"}"

/* An id says how long the value is: 256 bytes, more than any of these has. */
#define LONG_DEMUX	0x6080000000110000ULL
#define F16		"ffffffffffffffff"
#define F128		F16 F16 F16 F16 F16 F16 F16 F16
#define LONG_VALUE	"0x" F128 F128 F128 F128

static const struct {
	const char *text;
	int error;
	const char *name, *why;
} bad[] = {
	{ "{", -EBADMSG, "JSON", "line 1" },
	{ "[]", -EBADMSG, "onereg-baseline", "not a baseline" },
	{ "{\"onereg-baseline\": 2}", -EPROTO, "onereg-baseline",
	  "version 2" },
	{ "{\"onereg-baseline\": 1, \"x\": 1}", -EBADMSG, "onereg-baseline",
	  "\"x\"" },
	{ "{\"onereg-baseline\": 1, \"features\": [\"SVE9\"]}", -EBADMSG,
	  "features", "SVE9" },
	{ "{\"onereg-baseline\": 1, \"features\": []}", -EBADMSG, "registers",
	  "missing" },
	{ FILE_OF("1"), -EBADMSG, "registers[0]", "not an object" },
	{ FILE_OF(REG("FOO", "0x1")), -EBADMSG, "registers[0] (FOO)",
	  "no register" },
	{ FILE_OF(REG("X0", "0x1")), -EBADMSG, "registers[0] (X0)", "state" },
	{ FILE_OF(REG("MIDR_EL1", "0x1")), -EBADMSG, "registers[0] (MIDR_EL1)",
	  "host's alone" },
	{ FILE_OF(REG("CTR_EL0", "1")), -EBADMSG,
	  "registers[0] (CTR_EL0).value", "hex" },
	{ FILE_OF(REG("CTR_EL0", "0x")), -EBADMSG,
	  "registers[0] (CTR_EL0).value", "hex" },
	{ FILE_OF(REG("CTR_EL0", "0xg")), -EBADMSG,
	  "registers[0] (CTR_EL0).value", "hex" },
	{ FILE_OF(REG("CTR_EL0", "0x10000000000000000")), -EBADMSG,
	  "registers[0] (CTR_EL0).value", "64 bits" },
	{ FILE_OF(REG("CTR_EL0", "0x1") ", " REG("CTR_EL0", "0x1")), -EBADMSG,
	  "registers[1] (CTR_EL0)", "twice" },
	{ FILE_OF(REG("0x6080000000110000", LONG_VALUE)), -EBADMSG,
	  "registers[0] (0x6080000000110000)", "state" },
};

Test(baseline, what_is_wrong_in_a_file_is_named)
{
	struct onereg_report *report = new_report();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct onereg_baseline *b = NULL;
		const struct onereg_finding *f;

		onereg_report_clear(report);
		cr_assert_eq(onereg_baseline_read(bad[i].text,
						  strlen(bad[i].text), &b,
						  report), bad[i].error, "%s",
			     bad[i].text);
		cr_assert(!b);
		cr_assert_eq(onereg_report_count(report), 1, "%s",
			     bad[i].text);
		f = onereg_report_get(report, 0);
		cr_assert_str_eq(f->name, bad[i].name);
		cr_assert(strstr(f->why, bad[i].why), "%s: %s", bad[i].text,
			  f->why);
	}
	onereg_report_free(report);
}

/* A host's list may have any id; what is no cache is not made one. */
Test(baseline, a_long_register_of_a_host_is_left_out)
{
	struct hosts h = two(host_of(LONG_DEMUX, 1), host_of(LONG_DEMUX, 1));
	struct onereg_baseline *b = NULL;
	char *text;
	size_t n;

	cr_assert_eq(level(&h, NULL, &b, NULL), 0);
	cr_assert_eq(onereg_baseline_write(b, &text, &n), 0);
	cr_assert_eq(b->n, 0);
	free(text);
	onereg_baseline_free(b);
	free_hosts(&h);
}

/* ---- lack of memory ------------------------------------------------------ */

Test(baseline, reports_lack_of_memory_wherever_it_strikes)
{
	struct hosts h = two(masked(ISAR0, 0x20, ~0ULL),
			     masked(ISAR0, 0x10, ~0ULL));
	struct onereg_baseline *b = NULL;
	struct onereg_report *report = new_report();
	size_t n = 0, calls;

	do {
		int r;

		onereg_report_clear(report);
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = level(&h, NULL, &b, report);
		calls = fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM, "%zu: %d", n, r);
		cr_assert_eq(r != 0, b == NULL);
		/* A finding that found no room is not a yes. */
		cr_assert(calls < n ||
			  onereg_report_verdict(report) == ONEREG_FAILED);
		onereg_baseline_free(b);
		b = NULL;
	} while (calls >= n);
	cr_assert_gt(n, 5);
	free_hosts(&h);
	onereg_report_free(report);
}

Test(baseline, writing_and_reading_fail_for_lack_of_memory)
{
	struct onereg_baseline *b = n1(), *again = NULL;
	char *text = NULL;
	size_t n = 0, size = 0;
	int r;

	do {
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = onereg_baseline_write(b, &text, &size);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
	} while (r);
	cr_assert_gt(n, 100);
	for (n = 1; !again; n++) {
		fault_at(FAULT_MALLOC, n, ENOMEM);
		r = onereg_baseline_read(text, size, &again, NULL);
		fault_stop(FAULT_MALLOC);
		cr_assert_eq(r != 0, again == NULL);
	}
	cr_assert_gt(n, 100);
	free(text);
	onereg_baseline_free(again);
	onereg_baseline_free(b);
}
