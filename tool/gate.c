/* SPDX-License-Identifier: MIT */
/* onereg gate: what may be switched on in a fleet, and who holds back what. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum { FEATURE };
static const struct option_spec specs[] = {
	[FEATURE] = { "--feature", "LIST" },
	{ NULL, NULL },
};

struct job {
	struct args args;
	struct fleet fleet;
	struct onereg_gate *gate;
	bool asked;		/* something of --feature is not open */
};

static bool feature_at(const struct job *j, size_t i,
		       struct onereg_gate_feature *ret)
{
	*ret = (struct onereg_gate_feature){ .size = sizeof(*ret) };
	return !onereg_gate_feature(j->gate, i, ret);
}

/* Is it one of --feature's? All are where there is none. */
static bool is_asked(const struct job *j, const char *name)
{
	const char *list = j->args.value[FEATURE];
	size_t n = strlen(name);

	if (!list)
		return true;
	for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL)
		if (!strncmp(list, name, n) && (!list[n] || list[n] == ','))
			return true;
	return false;
}

static int check_name(struct job *j, const char *name)
{
	int state;

	/* What a script has left out is no question, and no yes. */
	if (!*name)
		return wrong_usage(j->args.json, "gate",
				   "--feature has an empty name in its list; "
				   "without --feature all are listed");
	state = onereg_gate_ask(j->gate, name);
	if (state < 0)
		return wrong_usage(j->args.json, "gate",
				   "there is no feature %s; without "
				   "--feature all are listed", name);
	j->asked |= state != ONEREG_GATE_OPEN;
	return DONE;
}

static int check_list(struct job *j)
{
	char *list, *rest, *name;
	int status = DONE;

	if (!j->args.value[FEATURE])
		return DONE;
	list = rest = strdup(j->args.value[FEATURE]);
	if (!list)
		return not_done(&j->args, ENOMEM, NULL, "gate");
	while (!status && (name = strsep(&rest, ",")))
		status = check_name(j, name);
	free(list);
	return status;
}

/* ---- text ---- */

/* Of more than this many it is told how many more: --json has them all. */
#define MAX_NAMES 6

/* Does the host hold it back for this reason? */
static bool says(const struct job *j, size_t i, size_t host, const char *why)
{
	enum onereg_gate_state state;
	const char *own;

	return !onereg_gate_host(j->gate, i, host, &state, &own) &&
	       state != ONEREG_GATE_OPEN && !strcmp(own, why);
}

/* "a, b, c: does not have the register" */
static void print_group(const struct job *j, size_t i, const char *why)
{
	size_t n = 0, told = 0;

	for (size_t h = 0; h < j->fleet.n; h++)
		n += says(j, i, h, why);
	printf("      ");
	if (n == j->fleet.n && n > 1)
		printf("every host");
	else
		for (size_t h = 0; h < j->fleet.n && told < MAX_NAMES; h++)
			if (says(j, i, h, why))
				printf("%s%s", told++ ? ", " : "",
				       j->fleet.names[h]);
	if (told && told < n)
		printf(" and %zu more", n - told);
	printf(": %s\n", why);
}

/* Who holds it back, once for each reason. */
static void print_hosts(const struct job *j, size_t i)
{
	enum onereg_gate_state state;
	const char *why;

	for (size_t h = 0; !onereg_gate_host(j->gate, i, h, &state, &why);
	     h++) {
		bool first = state != ONEREG_GATE_OPEN;

		for (size_t k = 0; k < h && first; k++)
			first = !says(j, i, k, why);
		if (first)
			print_group(j, i, why);
	}
}

static void print_state(const struct job *j, enum onereg_gate_state state)
{
	static const struct {
		enum color color;
		const char *text;
	} headings[] = {
		[ONEREG_GATE_OPEN] = { GREEN, "every host has" },
		[ONEREG_GATE_HELD] = { RED, "held back" },
		[ONEREG_GATE_ABSENT] = { DIM, "no host has" },
		[ONEREG_GATE_UNKNOWN] = { YELLOW, "not known of every host" },
	};
	struct onereg_gate_feature f;
	bool any = false;

	for (size_t i = 0; feature_at(j, i, &f); i++) {
		if (f.state != state || !is_asked(j, f.name))
			continue;
		if (!any)
			printf("\n%s%s%s\n", color(headings[state].color),
			       headings[state].text, color(PLAIN));
		any = true;
		printf("  %s%-22s%s  %s%s%s\n", color(BOLD), f.name,
		       color(PLAIN), f.text, f.common ? ": " : "",
		       f.common ? f.common : "");
		if (state == ONEREG_GATE_HELD || state == ONEREG_GATE_UNKNOWN)
			print_hosts(j, i);
	}
}

static int print_text(const struct job *j)
{
	uint32_t features = onereg_gate_vcpu_features(j->gate);
	char text[FEATURES_TEXT_SIZE];

	print_fleet(&j->fleet);
	if (features)
		printf("vCPUs that all of them offer: %s\n",
		       features_line(features, text));
	else
		printf("%sno kind of vCPU is offered by all of them%s\n",
		       color(RED), color(PLAIN));
	print_state(j, ONEREG_GATE_OPEN);
	print_state(j, ONEREG_GATE_HELD);
	print_state(j, ONEREG_GATE_UNKNOWN);
	print_state(j, ONEREG_GATE_ABSENT);
	return end_text(DONE);
}

/* ---- JSON ---- */

static json_t *hosts_json(const struct job *j, size_t i)
{
	enum onereg_gate_state state;
	json_t *a = json_array();
	const char *why;

	for (size_t h = 0; !onereg_gate_host(j->gate, i, h, &state, &why); h++)
		json_array_append_new(
			a, json_pack("{s:s, s:s, s:s}", "name",
				     j->fleet.names[h], "state",
				     onereg_gate_state_name(state), "why",
				     why));
	return a;
}

static json_t *to_json(const struct job *j)
{
	struct onereg_gate_feature f;
	json_t *features = json_array();

	for (size_t i = 0; feature_at(j, i, &f); i++) {
		json_t *o;

		if (!is_asked(j, f.name))
			continue;
		o = json_pack("{s:s, s:s, s:s, s:o}", "name", f.name, "text",
			      f.text, "state",
			      onereg_gate_state_name(f.state), "hosts",
			      hosts_json(j, i));
		if (f.common)
			json_object_set_new(o, "common",
					    json_string(f.common));
		json_array_append_new(features, o);
	}
	return json_pack("{s:o, s:o, s:o}", "hosts", json_fleet(&j->fleet),
			 "vcpu_features",
			 json_features(onereg_gate_vcpu_features(j->gate)),
			 "features", features);
}

static int gate(struct job *j)
{
	struct onereg_report *report;
	int r = onereg_report_new(&report), status;

	if (r)
		return not_done(&j->args, r, NULL, "gate");
	r = onereg_gate_new(j->fleet.hosts, j->fleet.n, &j->gate, report);
	if (r)
		status = not_done(&j->args, r, report, "gate");
	else
		status = check_list(j);
	onereg_report_free(report);
	if (status)
		return status;
	if (j->args.json)
		return print_json(to_json(j), j->asked ? NEGATIVE : DONE);
	status = print_text(j);
	return status ? status : j->asked ? NEGATIVE : DONE;
}

int gate_main(int argc, char **argv)
{
	struct job j = { 0 };
	int status = args_parse(&j.args, specs, ANY_NUMBER, argc, argv);

	if (status)
		return status;
	status = load_fleet(&j.args, &j.fleet);
	if (!status)
		status = gate(&j);
	onereg_gate_free(j.gate);
	unload_fleet(&j.fleet);
	return status;
}
