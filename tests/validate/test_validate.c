// SPDX-License-Identifier: MIT
/*
 * onereg_validate() on models: one that is right keeps every rule, one that
 * misbehaves breaks the rule that speaks of it.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "leaks.h"
#include "model.h"

/* What the model does otherwise than the rule, and is not asked here. */
static const char *const model_differs[] = {
	/* There KVM_GET_ONE_REG is also KVM_ARM_SET_DEVICE_ADDR. */
	"lists.stock_vm_fd",
	"no_difference.device_address",
	/* The kernel's file, which the model compiles, leaves done as it was. */
	"vector.before_the_init",
	/* Its vCPUs have PSCI 1.1 with and without the feature. */
	"freezing.psci_version_without_02",
	/* After a run it says -EBUSY where a fixed register says -EINVAL. */
	"freezing.id_registers_never",
};

static bool differs(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(model_differs); i++)
		if (!strcmp(model_differs[i], name))
			return true;
	return false;
}

struct outcome {
	size_t kept, broken, skipped;
	char names[2048];	/* of the broken rules */
	char why[2048];		/* of all of them */
};

static void tell(void *userdata, const struct onereg_rule *rule)
{
	struct outcome *o = userdata;
	size_t n = strlen(o->names), m = strlen(o->why);

	cr_expect_eq(rule->i, ++(size_t){ o->kept + o->broken + o->skipped });
	switch (rule->result) {
	case ONEREG_RULE_KEPT:
		o->kept++;
		cr_expect_str_empty(rule->why);
		return;
	case ONEREG_RULE_SKIPPED:
		o->skipped++;
		cr_expect_str_not_empty(rule->why);
		return;
	case ONEREG_RULE_BROKEN:
		if (differs(rule->name)) {
			o->kept++;
			return;
		}
		o->broken++;
		snprintf(o->names + n, sizeof(o->names) - n, "%s ",
			 rule->name);
		snprintf(o->why + m, sizeof(o->why) - m, "%s: %s\n",
			 rule->name, rule->why);
	}
}

static struct outcome validate(struct model *m, const char *only)
{
	struct outcome o = { 0 };
	struct onereg_validate_options v = {
		.size = sizeof(v),
		.io = model_io(m),
		.io_like_kernel = true,
		.only = only,
		.tell = tell,
		.userdata = &o,
	};

	cr_assert_eq(onereg_validate(&v, NULL), 0);
	cr_expect_eq(model_n_open(m), 0);
	return o;
}

static struct model *model_of(const struct model_host_options *options,
			      struct onereg_host **host)
{
	struct model *m;

	cr_assert_eq(model_host_new(options, host), 0);
	cr_assert_eq(model_new(*host, NULL, &m), 0);
	return m;
}

/* Everything there is. */
static const struct model_host_options full = {
	.sve = true, .pmu = true, .pauth = true, .s1poe = true,
	.vm_regs = true,
};

static void keeps_all(const struct model_host_options *options)
{
	struct onereg_host *host;
	struct model *m = model_of(options, &host);
	struct outcome o = validate(m, NULL);

	cr_expect_eq(o.broken, 0, "%s", o.why);
	cr_expect_gt(o.kept, 60);
	model_free(m);
	onereg_host_free(host);
	check_leaks();
}

Test(validate, a_full_host_keeps_all_rules)
{
	keeps_all(NULL);
}

Test(validate, a_host_with_vm_scoped_registers_keeps_all_rules)
{
	keeps_all(&full);
}

Test(validate, a_small_host_keeps_all_rules)
{
	keeps_all(&(struct model_host_options){ .no_aarch32 = true });
}

Test(validate, a_host_with_fixed_id_registers_keeps_all_rules)
{
	keeps_all(&(struct model_host_options){ .sve = true, .pmu = true,
						.no_masks = true });
}

/* ---- a rule that is broken is told ---- */

#define X0	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)
#define STD_BMAP KA_BMAP(0)
#define MIDR	KA_SYS(3, 0, 0, 0, 0)
#define ISAR0	KA_SYS(3, 0, 0, 6, 0)
#define TTBR0	KA_SYS(3, 0, 2, 0, 0)
#define TPIDR	KA_SYS(3, 3, 13, 0, 2)
#define PMCNTENSET KA_SYS(3, 3, 9, 12, 1)

static const struct {
	const char *broken;	/* by the fault */
	enum model_fault fault;
	uint64_t id;
	int vcpu;
	uint64_t arg;
} faults[] = {
	{ "sharing.psci_version", MODEL_XOR_GET, KA_PSCI_VERSION, 1, 1 },
	{ "sharing.bitmaps", MODEL_IGNORE_SET, STD_BMAP, -1, 0 },
	{ "sharing.virtual_counter", MODEL_IGNORE_SET, KA_TIMER_CNT, -1, 0 },
	{ "sharing.physical_counter", MODEL_REFUSE_SET, KA_PTIMER_CNT, -1,
	  EBUSY },
	{ "sharing.of_each_vcpu", MODEL_IGNORE_SET, TPIDR, 0, 0 },
	{ "sharing.host_facts_are_equal", MODEL_XOR_GET, MIDR, 1, 1 },
	{ "sharing.id_registers", MODEL_XOR_GET, ISAR0, 1, 1 },
	{ "freezing.cpu_must_be_equal", MODEL_IGNORE_SET, MIDR, -1, 0 },
	{ "freezing.bitmaps_until_the_run", MODEL_IGNORE_SET, STD_BMAP, -1,
	  0 },
	{ "freezing.bitmaps_unsupported", MODEL_REFUSE_SET, STD_BMAP, -1,
	  EBUSY },
	{ "freezing.workarounds_must_be_no_more", MODEL_IGNORE_SET, KA_FW(3),
	  -1, 0 },
	{ "freezing.counters_stay_free", MODEL_REFUSE_SET, KA_TIMER_CNT, 1,
	  EBUSY },
	{ "lists.each_can_be_read", MODEL_REFUSE_GET, TTBR0, -1, ENOENT },
	{ "lists.each_takes_its_value", MODEL_REFUSE_SET, TTBR0, -1, EINVAL },
	{ "life.first_run_leaves_registers", MODEL_IGNORE_SET, X0, -1, 0 },
	{ "values.core_registers", MODEL_XOR_SET, X0, -1, 0x10 },
	{ "values.pmu_pairs", MODEL_IGNORE_SET, PMCNTENSET, -1, 0 },
	{ "vm_fd.psci_version", MODEL_XOR_GET, KA_PSCI_VERSION, 1, 1 },
	{ "vm_fd.as_strict_as_a_vcpu", MODEL_IGNORE_SET, KA_FW(1), -1, 0 },
	{ "vm_list.each_takes_its_value", MODEL_REFUSE_SET, ISAR0, -1, EIO },
	{ "vector.set_is_stored", MODEL_IGNORE_SET, TTBR0, -1, 0 },
	{ "asym.of_each_vcpu", MODEL_IGNORE_SET, STD_BMAP, 0, 0 },
};

Test(validate, what_misbehaves_breaks_its_rule)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct onereg_host *host;
		struct model *m = model_of(&full, &host);
		struct outcome o;

		cr_assert_eq(model_misbehave(m, faults[i].fault, faults[i].id,
					     faults[i].vcpu, faults[i].arg),
			     0);
		o = validate(m, faults[i].broken);
		cr_expect(strstr(o.names, faults[i].broken),
			  "%s was not broken", faults[i].broken);
		model_free(m);
		onereg_host_free(host);
	}
}

/* ---- choosing ---- */

Test(validate, a_pattern_chooses)
{
	struct onereg_host *host;
	struct model *m = model_of(&full, &host);
	size_t all = 0, lists = 0;
	char name[128];
	const char *text;
	struct outcome o;

	for (; !onereg_rule_at(all, name, sizeof(name), &text); all++) {
		lists += !strncmp(name, "lists.", 6);
		cr_expect_str_not_empty(text);
	}
	o = validate(m, "lists.");
	cr_expect_eq(o.kept + o.broken + o.skipped, lists);
	o = validate(m, "l?sts.one_*few");
	cr_expect_eq(o.kept, 1);
	o = validate(m, "no such rule");
	cr_expect_eq(o.kept + o.broken + o.skipped, 0);
	o = validate(m, NULL);
	cr_expect_eq(o.kept + o.broken + o.skipped, all);
	model_free(m);
	onereg_host_free(host);
}

static int no_open(void *userdata, const char *path)
{
	(void)userdata;
	(void)path;
	return -EACCES;
}

Test(validate, what_cannot_be_done_is_an_error)
{
	struct onereg_host *host;
	struct model *m = model_of(&full, &host);
	struct onereg_io io = *model_io(m);
	struct onereg_validate_options v = { .size = sizeof(v), .io = &io };
	struct outcome o = { 0 };
	struct onereg_report *report;

	cr_assert_eq(onereg_report_new(&report), 0);
	cr_expect_eq(onereg_validate(&v, report), -EINVAL, "without tell");
	v.tell = tell;
	v.userdata = &o;
	v.device = "/dev/null";
	cr_expect_eq(onereg_validate(&v, report), -ENOENT);
	v.device = NULL;
	io.open = no_open;
	cr_expect_eq(onereg_validate(&v, report), -EACCES);
	cr_expect_eq(onereg_report_verdict(report), ONEREG_FAILED);
	io.open = model_io(m)->open;
	onereg_report_free(report);
	model_free(m);
	onereg_host_free(host);
}
