/* SPDX-License-Identifier: MIT */
/* Command lines: options anywhere, "--" ends them, each at most once. */
#include <string.h>

#include "tool.h"

struct parser {
	struct args *args;
	const struct option_spec *specs;
	int argc;
	char **argv;
	int at;
};

static bool asks_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

/* "--on=HOST" and "--on HOST" both. Returns where the value begins, or "". */
static bool matches(const char *word, const char *name, const char **value)
{
	size_t n = strlen(name);

	*value = NULL;
	if (strncmp(word, name, n))
		return false;
	if (!word[n])
		return true;
	if (word[n] != '=' || name[1] != '-')
		return false;
	*value = word + n + 1;
	return true;
}

static int take_option(struct parser *p, const char *word)
{
	struct args *args = p->args;
	const char *value;

	if (!strcmp(word, "--json"))
		return DONE;
	for (int i = 0; p->specs[i].name; i++) {
		const struct option_spec *spec = &p->specs[i];

		if (!matches(word, spec->name, &value))
			continue;
		if (args->value[i])
			return wrong_usage(args->json, args->command,
					   "%s is there twice", spec->name);
		if (!spec->value && value)
			return wrong_usage(args->json, args->command,
					   "%s takes no value", spec->name);
		if (spec->value && !value && p->at + 1 < p->argc)
			value = p->argv[++p->at];
		if (spec->value && (!value || !*value))
			return wrong_usage(args->json, args->command,
					   "%s needs a %s", spec->name,
					   spec->value);
		args->value[i] = spec->value ? value : "";
		return DONE;
	}
	return wrong_usage(args->json, args->command, "there is no option %s",
			   word);
}

static int take_operand(struct parser *p, const char *word, int n_operands)
{
	if (p->args->n_operands ==
	    (n_operands == ANY_NUMBER ? MAX_OPERANDS : n_operands))
		return wrong_usage(p->args->json, p->args->command,
				   "%s is one argument too many", word);
	p->args->operand[p->args->n_operands++] = word;
	return DONE;
}

int args_parse(struct args *args, const struct option_spec *specs,
	       int n_operands, int argc, char **argv)
{
	struct parser p = { args, specs, argc, argv, 1 };
	bool options = true;
	int status = DONE;

	*args = (struct args){
		.command = argv[0],
		.json = asks_json(argc, argv),
	};
	for (; p.at < argc && !status; p.at++) {
		const char *word = argv[p.at];

		if (options && !strcmp(word, "--"))
			options = false;
		else if (options && word[0] == '-' && word[1])
			status = take_option(&p, word);
		else
			status = take_operand(&p, word, n_operands);
	}
	if (!status && n_operands == ANY_NUMBER && !args->n_operands)
		status = wrong_usage(args->json, args->command,
				     "of what? no argument given");
	if (!status && args->n_operands < n_operands)
		status = wrong_usage(args->json, args->command,
				     "%d of %d arguments given",
				     args->n_operands, n_operands);
	return status;
}
