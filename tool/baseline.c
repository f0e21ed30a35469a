/* SPDX-License-Identifier: MIT */
/* onereg baseline: what every host of a fleet can show a guest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum { OUTPUT, TOLERATE, FEATURES };
static const struct option_spec specs[] = {
	[OUTPUT] = { "-o", "FILE" },
	[TOLERATE] = { "--tolerate", "FILE" },
	[FEATURES] = { "--features", "LIST" },
	{ NULL, NULL },
};

struct job {
	struct args args;
	struct fleet fleet;
	struct onereg_tolerances *tolerances;
	struct onereg_baseline *baseline;
	struct onereg_report *report;
};

static size_t n_regs(const struct onereg_baseline *b)
{
	struct onereg_baseline_reg reg = { .size = sizeof(reg) };
	size_t n = 0;

	while (b && !onereg_baseline_reg(b, n, &reg))
		n++;
	return n;
}

static int print_text(const struct job *j)
{
	const char *output = j->args.value[OUTPUT];
	char features[FEATURES_TEXT_SIZE];

	if (j->baseline)
		printf("%sa baseline%s of %zu registers for vCPUs with %s\n",
		       color(GREEN), color(PLAIN), n_regs(j->baseline),
		       features_line(onereg_baseline_features(j->baseline),
				     features));
	else
		printf("%sno baseline%s: these hosts cannot show a guest the "
		       "same\n", color(RED), color(PLAIN));
	print_fleet(&j->fleet);
	if (print_findings(j->report))
		return NOT_DONE;
	if (j->baseline && output)
		printf("\nwritten to %s\n", output);
	else if (j->baseline)
		printf("\nkeep it with -o FILE; onereg_vm_pin() and "
		       "onereg-vmm run --baseline use it\n");
	return end_text(DONE);
}

static json_t *registers_json(const struct onereg_baseline *b)
{
	struct onereg_baseline_reg reg = { .size = sizeof(reg) };
	json_t *a = json_array();
	char name[96];

	for (size_t i = 0; b && !onereg_baseline_reg(b, i, &reg); i++) {
		onereg_reg_name(reg.id, name, sizeof(name));
		json_array_append_new(
			a, json_pack("{s:s, s:o, s:o, s:o, s:b}", "name", name,
				     "id", json_hex(reg.id), "value",
				     json_value(reg.value, reg.value_size),
				     "left", json_hex(reg.left), "vcpu",
				     reg.vcpu));
	}
	return a;
}

static json_t *to_json(const struct job *j)
{
	json_t *json = json_pack(
		"{s:s, s:o, s:o, s:o}", "verdict",
		onereg_verdict_name(onereg_report_verdict(j->report)), "hosts",
		json_fleet(&j->fleet), "registers",
		registers_json(j->baseline), "findings",
		json_findings(j->report));

	if (j->baseline)
		json_object_set_new(
			json, "features",
			json_features(onereg_baseline_features(j->baseline)));
	if (j->baseline && j->args.value[OUTPUT])
		json_object_set_new(json, "written",
				    json_string(j->args.value[OUTPUT]));
	return json;
}

static int tell(const struct job *j)
{
	int status = j->baseline ? DONE : NEGATIVE;

	if (j->args.json)
		return print_json(to_json(j), status);
	return print_text(j) ? NOT_DONE : status;
}

/* KVM_ARM_VCPU_PSCI_0_2 of Linux: not in the headers of every machine. */
#define FEATURE_PSCI_0_2 (1u << 2)

/* "PMU_V3,SVE": PSCI_0_2 goes without saying. */
static int parse_features(const struct job *j, uint32_t *ret)
{
	const char *text = j->args.value[FEATURES];
	char name[FEATURES_TEXT_SIZE];

	*ret = text ? FEATURE_PSCI_0_2 : 0;
	while (text && *text) {
		size_t n = strcspn(text, ",");
		unsigned int bit = 0;

		for (; bit < 32; bit++) {
			features_line(1u << bit, name);
			if (strlen(name) == n && !strncmp(name, text, n))
				break;
		}
		if (bit == 32)
			return wrong_usage(j->args.json, "baseline",
					   "%.*s is not a feature of vCPUs",
					   (int)n, text);
		*ret |= 1u << bit;
		text += n + (text[n] == ',');
	}
	return DONE;
}

static int make(struct job *j)
{
	struct onereg_baseline_options o = { .size = sizeof(o) };
	const char *tolerate = j->args.value[TOLERATE];
	const char *output = j->args.value[OUTPUT];
	int status = parse_features(j, &o.features);
	int r = 0;

	if (status)
		return status;
	if (tolerate)
		r = onereg_tolerances_read_file(tolerate, &j->tolerances,
						j->report);
	if (r)
		return not_done(&j->args, r, j->report, "%s", tolerate);
	o.tolerances = j->tolerances;
	r = onereg_baseline_new(j->fleet.hosts,
				(const char *const *)j->fleet.names,
				j->fleet.n, &o, &j->baseline, j->report);
	if (r && r != -EBADE)
		return not_done(&j->args, r, j->report, "no baseline");
	if (j->baseline && output)
		r = onereg_baseline_write_file(j->baseline, output, j->report);
	if (r && j->baseline)
		return not_done(&j->args, r, j->report, "%s", output);
	return tell(j);
}

int baseline_main(int argc, char **argv)
{
	struct job j = { 0 };
	int status = args_parse(&j.args, specs, ANY_NUMBER, argc, argv), r;

	if (status)
		return status;
	r = onereg_report_new(&j.report);
	if (r)
		return not_done(&j.args, r, NULL, "baseline");
	status = load_fleet(&j.args, &j.fleet);
	if (!status)
		status = make(&j);
	onereg_baseline_free(j.baseline);
	onereg_tolerances_free(j.tolerances);
	onereg_report_free(j.report);
	unload_fleet(&j.fleet);
	return status;
}
