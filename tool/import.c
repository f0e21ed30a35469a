/* SPDX-License-Identifier: MIT */
/* onereg import: a host description from another program's dump. */
#include <errno.h>
#include <stdio.h>

#include "tool.h"

enum { OUTPUT };
static const struct option_spec specs[] = {
	[OUTPUT] = { "-o", "HOST" },
	{ NULL, NULL },
};

static int tell(const struct args *args, const struct thing *t)
{
	size_t n = onereg_host_n_regs(t->host, 0);

	if (args->json)
		return print_json(json_pack("{s:s, s:s, s:I}", "written",
					    args->value[OUTPUT], "release",
					    onereg_host_release(t->host),
					    "registers", (json_int_t)n),
				  DONE);
	printf("%s: %zu registers of kernel %s\n", args->value[OUTPUT], n,
	       onereg_host_release(t->host));
	return end_text(DONE);
}

static int write_host(const struct args *args, const struct thing *t)
{
	struct onereg_report *report;
	int r = onereg_report_new(&report);

	if (r)
		return not_done(args, r, NULL, "import");
	r = onereg_host_write_file(t->host, args->value[OUTPUT], report);
	if (r)
		r = not_done(args, r, report, "%s", args->value[OUTPUT]);
	onereg_report_free(report);
	return r;
}

int import_main(int argc, char **argv)
{
	struct args args;
	struct thing t;
	int status = args_parse(&args, specs, 1, argc, argv);

	if (status)
		return status;
	if (!args.value[OUTPUT])
		return wrong_usage(args.json, "import",
				   "where to? -o HOST is missing");
	status = load(&args, args.operand[0], &t);
	if (!status && !t.dump)
		status = not_done(&args, EINVAL, NULL,
				  "%s is not a register dump", t.path);
	if (!status)
		status = write_host(&args, &t);
	if (!status)
		status = tell(&args, &t);
	unload(&t);
	return status;
}
