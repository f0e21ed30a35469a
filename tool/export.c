/* SPDX-License-Identifier: MIT */
/* onereg export: an image as the calls that a plain loop makes. */
#include <errno.h>
#include <stdio.h>

#include "tool.h"

enum { OUTPUT, ON };
static const struct option_spec specs[] = {
	[OUTPUT] = { "-o", "FILE" },
	[ON] = { "--on", "HOST" },
	{ NULL, NULL },
};

struct export {
	struct args args;
	struct thing what, on;
	struct onereg_report *report;
};

static int tell(const struct export *e, bool refused)
{
	const char *path = e->args.value[OUTPUT];
	int status = refused ? NEGATIVE : DONE;

	if (e->args.json)
		return print_json(json_pack("{s:b, s:s, s:I, s:o}", "written",
					    !refused, "file", path, "vcpus",
					    (json_int_t)onereg_image_n_vcpus(
						    e->what.image),
					    "findings",
					    json_findings(e->report)),
				  status);
	if (refused)
		printf("not exported: %s\n", e->what.path);
	else
		printf("%s: the registers of %zu vCPUs\n", path,
		       onereg_image_n_vcpus(e->what.image));
	if (print_findings(e->report))
		return NOT_DONE;
	return end_text(DONE) ? NOT_DONE : status;
}

static int export(struct export *e)
{
	const char *path = e->args.value[OUTPUT];
	int r = onereg_report_new(&e->report);

	if (!r)
		r = onereg_image_export_file(e->what.image, e->on.host, path,
					     e->report);
	if (r && onereg_report_verdict(e->report) != ONEREG_NO)
		return not_done(&e->args, r, e->report, "%s", path);
	return tell(e, r);
}

int export_main(int argc, char **argv)
{
	struct export e = { 0 };
	int status = args_parse(&e.args, specs, 1, argc, argv);

	if (status)
		return status;
	if (!e.args.value[OUTPUT])
		return wrong_usage(e.args.json, "export",
				   "where to? -o FILE is missing");
	status = load_image(&e.args, e.args.operand[0], &e.what);
	if (!status && e.args.value[ON])
		status = load_host(&e.args, e.args.value[ON], &e.on);
	if (!status)
		status = export(&e);
	unload(&e.what);
	unload(&e.on);
	onereg_report_free(e.report);
	return status;
}
