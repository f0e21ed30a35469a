/* SPDX-License-Identifier: MIT */
/* onereg validate: does this kernel keep the rules? TAP, or JSON. */
#include <stdio.h>
#include <string.h>

#include "tool.h"

enum { LIST, ONLY, DEVICE };
static const struct option_spec specs[] = {
	[LIST] = { "--list", NULL },
	[ONLY] = { "--only", "PATTERN" },
	[DEVICE] = { "--device", "PATH" },
	{ NULL, NULL },
};

static const char *const result_names[] = {
	[ONEREG_RULE_KEPT] = "kept",
	[ONEREG_RULE_BROKEN] = "broken",
	[ONEREG_RULE_SKIPPED] = "skipped",
};

struct told {
	json_t *rules;		/* NULL: TAP */
	size_t n, of[3];	/* results */
};

static json_t *json_rule(const char *name, const char *text)
{
	return json_pack("{s:s, s:s}", "name", name, "text", text);
}

/* ---- --list ---- */

static int list_rules(const struct args *args)
{
	json_t *all = args->json ? json_array() : NULL;
	char name[128];
	const char *text;

	for (size_t i = 0; !onereg_rule_at(i, name, sizeof(name), &text); i++) {
		if (all)
			json_array_append_new(all, json_rule(name, text));
		else
			printf("%s: %s\n", name, text);
	}
	if (all)
		return print_json(json_pack("{s:o}", "rules", all), DONE);
	return end_text(DONE);
}

/* ---- the results ---- */

/* '#' begins a directive in TAP. */
static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text == '#' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void tell_tap(const struct onereg_rule *rule)
{
	if (rule->i == 1)
		printf("TAP version 13\n1..%zu\n", rule->n);
	printf("%s %zu - %s: ",
	       rule->result == ONEREG_RULE_BROKEN ? "not ok" : "ok", rule->i,
	       rule->name);
	print_escaped(rule->text);
	if (rule->result == ONEREG_RULE_SKIPPED)
		printf(" # SKIP %s", rule->why);
	printf("\n");
	if (rule->result == ONEREG_RULE_BROKEN)
		printf("# %s\n", rule->why);
	fflush(stdout);
}

static void tell(void *userdata, const struct onereg_rule *rule)
{
	struct told *told = userdata;
	json_t *o;

	told->n++;
	told->of[rule->result]++;
	if (!told->rules) {
		tell_tap(rule);
		return;
	}
	o = json_rule(rule->name, rule->text);
	json_object_set_new(o, "result",
			    json_string(result_names[rule->result]));
	if (*rule->why)
		json_object_set_new(o, "why", json_string(rule->why));
	json_array_append_new(told->rules, o);
}

static int end(struct told *told)
{
	int status = told->of[ONEREG_RULE_BROKEN] ? NEGATIVE : DONE;
	json_t *json;

	if (!told->rules) {
		printf("# %zu rules: %zu kept, %zu broken, %zu skipped\n",
		       told->n, told->of[ONEREG_RULE_KEPT],
		       told->of[ONEREG_RULE_BROKEN],
		       told->of[ONEREG_RULE_SKIPPED]);
		return end_text(status);
	}
	json = json_pack("{s:O}", "rules", told->rules);
	for (size_t i = 0; i < 3; i++)
		json_object_set_new(json, result_names[i],
				    json_integer((json_int_t)told->of[i]));
	return print_json(json, status);
}

static int validate(const struct args *args, struct onereg_report *report)
{
	struct told told = { .rules = args->json ? json_array() : NULL };
	struct onereg_validate_options o = {
		.size = sizeof(o),
		.device = args->value[DEVICE],
		.only = args->value[ONLY],
		.tell = tell,
		.userdata = &told,
	};
	int r = onereg_validate(&o, report), status;

	if (r)
		status = not_done(args, r, report,
				  "cannot validate this host");
	else if (!told.n)
		status = wrong_usage(args->json, args->command,
				     "no rule has %s in its name",
				     args->value[ONLY]);
	else
		status = end(&told);
	json_decref(told.rules);
	return status;
}

int validate_main(int argc, char **argv)
{
	struct onereg_report *report;
	struct args args;
	int status = args_parse(&args, specs, 0, argc, argv), r;

	if (status)
		return status;
	if (args.value[LIST] && args.value[ONLY])
		return wrong_usage(args.json, args.command,
				   "--list lists all rules");
	if (args.value[LIST])
		return list_rules(&args);
	r = onereg_report_new(&report);
	if (r)
		return not_done(&args, r, NULL, "validate");
	status = validate(&args, report);
	onereg_report_free(report);
	return status;
}
