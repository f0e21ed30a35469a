/* SPDX-License-Identifier: MIT */
/*
 * What a baseline takes as a whole: descriptions of caches that every kernel
 * of the fleet takes, whatever the order of its hosts, or none; counters;
 * clocks.
 */
#include <errno.h>

#include "fleets.h"
#include "leaks.h"

LEAK_CHECKED(baseline_whole);

#define CTR		KA_SYS(3, 3, 0, 0, 1)
#define CLIDR		KA_SYS(3, 1, 0, 0, 1)
#define PMCR		KA_SYS(3, 3, 9, 12, 0)
#define CCSIDR(n) \
	(KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX | (uint64_t)(n))
#define IDC		(1ULL << 28)
#define CTR_WRITABLE	0x300f000fULL
#define UNIFIED		0x2000021	/* as KVM makes them up with IDC */
#define SEPARATE	0x9200003	/* and without */

/* ---- made-up hosts ------------------------------------------------------- */

/* As kernels are since 6.3: all levels, lines of 2^line bytes. */
static struct onereg_host *taking(uint64_t ctr, uint64_t clidr,
				  unsigned int line)
{
	struct known regs[16] = { { CLIDR, clidr } };
	struct onereg_host *host = host_new();
	struct host_profile *p;
	size_t n = 1, at;

	for (unsigned int i = 0; i < 14; i++)
		regs[n++] = (struct known){ CCSIDR(i), line - 4 };
	regs[n++] = (struct known){ CTR, ctr | (line - 2) << 16 | (line - 2) };
	p = host_add(host, PSCI, regs, n);
	at = (size_t)regset_find(&p->set, CTR);
	p->has_mask[at] = 1;
	p->writable[at] = CTR_WRITABLE;
	return host;
}

/* As before: the CPU's own, of two levels, and CTR_EL0 as it is. */
static struct onereg_host *fixed(uint64_t ctr, uint64_t clidr,
				 unsigned int line)
{
	const struct known regs[] = {
		{ CLIDR, clidr },
		{ CCSIDR(0), 0x701fe010 | (line - 4) },
		{ CCSIDR(1), 0x201fe010 | (line - 4) },
		{ CCSIDR(2), 0x70ffe030 | (line - 4) },
		{ CTR, ctr | (line - 2) << 16 | (line - 2) },
	};
	struct onereg_host *host = host_new();

	host_add(host, PSCI, regs, ARRAY_SIZE(regs));
	return host;
}

static struct hosts hosts_of(struct onereg_host *a, struct onereg_host *b,
			     struct onereg_host *c)
{
	return (struct hosts){ { a, b, c }, { "a", "b", "c" }, c ? 3 : 2 };
}

/* There is none, because of this register and these hosts; h is freed. */
static void refused(struct hosts h, const char *name, const char *who)
{
	struct onereg_report *report = new_report();
	struct onereg_baseline *b = NULL;
	const struct onereg_finding *f;

	cr_assert_eq(level(&h, NULL, &b, report), -EBADE);
	f = find(report, name, NULL);
	cr_assert(f && f->severity == ONEREG_IMPOSSIBLE, "%s", name);
	cr_assert(strstr(f->why, who), "%s", f->why);
	onereg_report_free(report);
	free_hosts(&h);
}

Test(baseline_whole, lines_are_the_longest)
{
	struct hosts h = hosts_of(taking(IDC, UNIFIED, 6),
				  taking(IDC, UNIFIED, 8),
				  taking(IDC, UNIFIED, 7));

	moves_everywhere(&h, NULL);
}

Test(baseline_whole, levels_are_those_of_a_host_that_needs_cleaning)
{
	struct hosts h = hosts_of(taking(IDC, UNIFIED, 6),
				  taking(0, SEPARATE, 6), NULL);

	moves_everywhere(&h, NULL);
}

Test(baseline_whole, are_those_of_a_kernel_that_takes_no_others)
{
	struct hosts h = hosts_of(taking(IDC, UNIFIED, 6),
				  fixed(IDC, 0x82000023, 6),
				  taking(IDC, UNIFIED, 6));

	moves_everywhere(&h, NULL);
}

Test(baseline_whole, levels_that_a_host_refuses_are_not_chosen)
{
	refused(hosts_of(fixed(IDC, 0x82000023, 6), taking(0, SEPARATE, 6),
			 NULL), "CLIDR_EL1", "b refuses what a has: tells the "
		"guest that data needs no cleaning");
	refused(hosts_of(taking(IDC, UNIFIED, 6), taking(0, SEPARATE, 6),
			 fixed(IDC, 0x82000023, 6)), "CLIDR_EL1",
		"c refuses what b has: the host's kernel takes no description "
		"of caches but its CPU's own; the other way round: tells");
}

Test(baseline_whole, lines_that_a_host_refuses_are_not_chosen)
{
	refused(hosts_of(taking(0, SEPARATE, 6), taking(0, SEPARATE, 8),
			 fixed(0, SEPARATE, 6)), "CCSIDR demux 0",
		"the other way round: a cache line shorter");
}

Test(baseline_whole, two_kernels_that_take_no_others_have_to_agree)
{
	refused(hosts_of(fixed(0, SEPARATE, 6), fixed(0, SEPARATE, 7), NULL),
		"CCSIDR demux 1", "b refuses what a has, and the other way "
		"round: the host's kernel takes no description");
}

/* Its level 4 comes from b, and c would not take it. */
Test(baseline_whole, a_level_that_the_first_host_does_not_list)
{
	struct hosts h = hosts_of(fixed(0, SEPARATE, 8),
				  taking(0, SEPARATE, 6), NULL);

	refused(hosts_of(fixed(0, SEPARATE, 8), taking(0, SEPARATE, 6),
			 taking(0, SEPARATE, 8)), "CCSIDR demux 3",
		"c refuses what b has: a cache line shorter than the host's "
		"shortest; a guest that comes from a,");
	/* On a CTR_EL0 that does not move there is no baseline either. */
	refused(h, "CTR_EL0", "prevented by a");
}

Test(baseline_whole, what_is_tolerated_stays_the_hosts)
{
	struct hosts h = hosts_of(fixed(IDC, 0x82000023, 6),
				  taking(0, SEPARATE, 6), NULL);

	moves_everywhere(&h, "{\"onereg-tolerances\": 1, \"tolerate\": ["
			 "{\"register\": \"CLIDR_EL1\", \"reason\": \"x\"},"
			 "{\"register\": \"CTR_EL0\", \"reason\": \"x\"}]}");
}

/* ---- recorded hosts, altered --------------------------------------------- */

static void alter(const struct onereg_host *host, uint64_t id, uint64_t value)
{
	for (size_t i = 0; i < host->n_profiles; i++) {
		struct host_profile *p = &host->profiles[i];
		ptrdiff_t at = regset_find(&p->set, id);

		cr_assert(at >= 0);
		memcpy(profile_value(p, (size_t)at), &value,
		       onereg_reg_size(id));
	}
}

static void make_clean(const struct onereg_host *host)
{
	alter(host, CTR, 0x9444c004 & ~IDC);
	alter(host, CLIDR, SEPARATE);
}

Test(baseline_whole, recorded_hosts_of_which_one_needs_cleaning)
{
	static const char *const names[][MAX_HOSTS] = {
		{ "neoverse-n1-onereg", "neoverse-n1-6.12" },
		{ "neoverse-n1-6.12", "neoverse-n1-onereg" },
		{ "neoverse-n1-6.1", "neoverse-n1-6.12" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct hosts h = recorded_hosts(names[i]);

		make_clean(h.v[1]);
		if (i < 2)
			moves_everywhere(&h, NULL);
		else
			refused(h, "CLIDR_EL1", "neoverse-n1-6.12 refuses "
				"what neoverse-n1-6.1 has");
	}
}

Test(baseline_whole, recorded_hosts_of_which_one_has_longer_lines)
{
	static const char *const names[] = { "neoverse-n1-6.12",
					     "neoverse-n1-onereg", NULL };

	for (size_t longer = 0; longer < 2; longer++) {
		struct hosts h = recorded_hosts(names);

		alter(h.v[longer], CTR, 0x9446c006);
		for (unsigned int i = 0; i < 14; i++)
			alter(h.v[longer], CCSIDR(i), 4);
		moves_everywhere(&h, NULL);
	}
}

/* ---- SMCCC_ARCH_WORKAROUND_2 --------------------------------------------- */

#define SSBD	KA_FW(2)
#define PFR1	KA_SYS(3, 0, 0, 4, 1)
#define SSBS	(15ULL << 4)

static struct onereg_host *exposed(uint64_t ssbd, uint64_t ssbs)
{
	const struct known regs[] = { { SSBD, ssbd }, { PFR1, ssbs << 4 } };
	struct onereg_host *host = host_new();
	struct host_profile *p = host_add(host, PSCI, regs, 2);
	size_t at = (size_t)regset_find(&p->set, PFR1);

	p->has_mask[at] = 1;
	p->writable[at] = SSBS;
	return host;
}

static void told_of(struct hosts h, const char *tolerate, int error,
		    enum onereg_severity severity, const char *why)
{
	struct onereg_report *report = new_report();
	struct onereg_baseline *b = NULL;
	const struct onereg_finding *f;

	cr_assert_eq(level(&h, tolerate, &b, report), error);
	f = find(report, "SMCCC_ARCH_WORKAROUND_2", NULL);
	cr_assert_eq(f != NULL, why != NULL, "%s", f ? f->why : "nothing");
	if (f) {
		cr_assert_eq(f->severity, severity);
		cr_assert(strstr(f->why, why), "%s", f->why);
	}
	onereg_baseline_free(b);
	onereg_report_free(report);
	free_hosts(&h);
}

static const char ssbd_json[] =
	"{\"onereg-tolerances\": 1, \"tolerate\": [{\"register\": "
	"\"SMCCC_ARCH_WORKAROUND_2\", \"reason\": \"we know\"}]}";

/* KVM on a has 3 for a guest without SSBS, and b takes no more than 0. */
Test(baseline_whole, a_workaround_that_appears_where_ssbs_is_hidden)
{
	static const char why[] = "a guest that is not shown SSBS is told by "
				  "a that it is safe, which b refuses";

	told_of(hosts_of(exposed(0, 2), exposed(0, 0), NULL), NULL, -EBADE,
		ONEREG_IMPOSSIBLE, why);
	told_of(hosts_of(exposed(0, 2), exposed(0, 0), NULL), ssbd_json, 0,
		ONEREG_CARE, "tolerated: we know");
	told_of(hosts_of(exposed(0, 2), exposed(0, 1), NULL), NULL, 0,
		ONEREG_NOTE, NULL);
	told_of(hosts_of(exposed(0, 2), exposed(3, 0), NULL), NULL, 0,
		ONEREG_CARE, "not known what a tells");
}

Test(baseline_whole, a_workaround_that_one_host_lacks)
{
	told_of(hosts_of(exposed(0, 0), exposed(3, 0), NULL), NULL, -EBADE,
		ONEREG_IMPOSSIBLE, "a guest is told by b");
	told_of(hosts_of(exposed(2, 0), exposed(3, 0), exposed(0, 0)),
		ssbd_json, 0, ONEREG_CARE, "tolerated: we know");
	told_of(hosts_of(exposed(2, 0), exposed(3, 0), NULL), NULL, 0,
		ONEREG_NOTE, NULL);
	told_of(hosts_of(exposed(1, 0), exposed(0, 0), NULL), NULL, 0,
		ONEREG_NOTE, NULL);
}

Test(baseline_whole, check_knows_that_the_workaround_follows_ssbs)
{
	struct onereg_report *report = new_report();

	cr_assert_eq(move(exposed(3, 0), exposed(0, 2), report),
		     ONEREG_WITH_CARE);
	expect(report, "SMCCC_ARCH_WORKAROUND_2", NULL, ONEREG_CARE);
	onereg_report_clear(report);
	cr_assert_eq(move(exposed(3, 0), exposed(0, 0), report), ONEREG_NO);
	cr_assert_eq(move(exposed(3, 2), exposed(0, 2), report), ONEREG_NO);
	onereg_report_free(report);
}

/* ---- the clock ----------------------------------------------------------- */

static struct onereg_host *ticking(uint64_t hz)
{
	struct onereg_host *host = host_of(CLIDR, SEPARATE);

	host->counter_frequency = hz;
	return host;
}

/* How many findings of that severity are about these clocks. */
static size_t told_of_clocks(uint64_t a, uint64_t b, uint64_t c, int error,
			     enum onereg_severity severity)
{
	struct hosts h = hosts_of(ticking(a), ticking(b), ticking(c));
	struct onereg_report *report = new_report();
	struct onereg_baseline *baseline = NULL;
	size_t n;

	cr_assert_eq(level(&h, NULL, &baseline, report), error,
		     "%d, %d, %d Hz", (int)a, (int)b, (int)c);
	n = count(report, severity, ONEREG_CLASS_SHAPE);
	onereg_baseline_free(baseline);
	onereg_report_free(report);
	free_hosts(&h);
	return n;
}

Test(baseline_whole, clocks_are_compared_whichever_is_not_known)
{
	static const uint64_t hz[][3] = {
		{ 25, 50, 0 }, { 25, 0, 50 }, { 0, 25, 50 },
		{ 50, 25, 0 }, { 50, 0, 25 }, { 0, 50, 25 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hz); i++) {
		const uint64_t *v = hz[i];

		cr_assert_eq(told_of_clocks(v[0], v[1], v[2], -EBADE,
					    ONEREG_IMPOSSIBLE), 1);
		cr_assert_eq(told_of_clocks(v[0], v[1], v[2], -EBADE,
					    ONEREG_CARE), 1);
	}
	cr_assert_eq(told_of_clocks(0, 25, 0, 0, ONEREG_CARE), 1);
	cr_assert_eq(told_of_clocks(0, 0, 0, 0, ONEREG_CARE), 1);
	cr_assert_eq(told_of_clocks(25, 25, 25, 0, ONEREG_CARE), 0);
	cr_assert_eq(told_of_clocks(25, 25, 50, -EBADE, ONEREG_IMPOSSIBLE), 1);
}

/* ---- SMCCC_ARCH_WORKAROUND_n that a kernel does not know ----------------- */

#define WORKAROUND_3	KA_FW(3)

/* value < 0: it does not have the register. */
static struct onereg_host *working_around(int value)
{
	const struct known regs[] = { { CLIDR, SEPARATE },
				      { WORKAROUND_3, (uint64_t)value } };
	struct onereg_host *host = host_new();

	host_add(host, PSCI, regs, value < 0 ? 1 : 2);
	return host;
}

static enum onereg_class told_of_workarounds(int a, int b, int c, int error,
					     const char *tolerate)
{
	struct hosts h = hosts_of(working_around(a), working_around(b),
				  working_around(c));
	struct onereg_report *report = new_report();
	const struct onereg_finding *f;
	struct onereg_baseline *baseline = NULL;
	enum onereg_class ret;

	cr_assert_eq(level(&h, tolerate, &baseline, report), error,
		     "%d, %d, %d", a, b, c);
	f = find(report, "SMCCC_ARCH_WORKAROUND_3", NULL);
	cr_assert_eq(f->severity, ONEREG_CARE);
	cr_assert(error || onereg_baseline_lacks(baseline, WORKAROUND_3));
	ret = f->class_;
	onereg_baseline_free(baseline);
	onereg_report_free(report);
	free_hosts(&h);
	return ret;
}

Test(baseline_whole, a_workaround_that_a_kernel_does_not_know_is_with_care)
{
	static const char json[] =
		"{\"onereg-tolerances\": 1, \"tolerate\": [{\"register\": "
		"\"SMCCC_ARCH_WORKAROUND_3\", \"missing\": true, \"reason\":"
		" \"ours do not ask\"}]}";
	struct hosts h = hosts_of(working_around(1), working_around(-1),
				  working_around(1));

	cr_assert_eq(told_of_workarounds(1, -1, 1, 0, NULL),
		     ONEREG_CLASS_MISSING);
	cr_assert_eq(told_of_workarounds(-1, 1, 1, 0, NULL),
		     ONEREG_CLASS_MISSING);
	cr_assert_eq(told_of_workarounds(1, 1, -1, 0, json),
		     ONEREG_CLASS_TOLERATED);
	/* Those that know it have to agree, whoever is first. */
	told_of_workarounds(-1, 1, 0, -EBADE, NULL);
	told_of_workarounds(1, -1, 0, -EBADE, json);
	moves_everywhere(&h, NULL);
}

/* ---- all of it ----------------------------------------------------------- */

/* Of the file with which tests/host/fleet.test moves guests among them. */
Test(baseline_whole, check_lets_it_move_among_four_cpus)
{
	static const char *const names[] = { "neoverse-n1-6.12",
					     "cortex-a76-6.12", "a64fx-6.12",
					     "max-6.12", NULL };
	struct hosts h = recorded_hosts(names);
	char text[8192];
	size_t n;
	FILE *f = fopen(SOURCE_ROOT "/tests/fleet/cpus.tolerances.json", "r");

	cr_assert(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	cr_assert(n && n < sizeof(text) - 1);
	text[n] = '\0';
	fclose(f);
	moves_everywhere(&h, text);
}

/* ---- event counters ------------------------------------------------------ */

static struct onereg_host *counting(int n)
{
	const struct known regs[] = {
		{ CLIDR, SEPARATE }, { PMCR, (uint64_t)n << 11 } };
	struct onereg_host *host = host_new();

	host_add(host, PSCI | PMU, regs, n < 0 ? 1 : 2);
	return host;
}

static uint64_t counters_of(struct hosts h)
{
	struct onereg_baseline_reg reg = { .size = sizeof(reg) };
	struct onereg_baseline *b = NULL;
	uint64_t v = 0;

	cr_assert_eq(level(&h, NULL, &b, NULL), 0);
	for (size_t i = 0; !onereg_baseline_reg(b, i, &reg); i++)
		if (reg.id == PMCR)
			memcpy(&v, reg.value, sizeof(v));
	onereg_baseline_free(b);
	free_hosts(&h);
	return v >> 11;
}

Test(baseline_whole, counters_are_the_fewest)
{
	cr_assert_eq(counters_of(hosts_of(counting(6), counting(4),
					  counting(8))), 4);
	cr_assert_eq(counters_of(hosts_of(counting(0), counting(4), NULL)), 0);
}

Test(baseline_whole, a_host_without_a_pmu_takes_no_counters_from_others)
{
	refused(hosts_of(counting(6), counting(-1), counting(4)), "PMCR_EL0",
		"b has no PMU");
}
