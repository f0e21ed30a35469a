/* SPDX-License-Identifier: MIT */
/* onereg host: describe this KVM host. */
#include <stdio.h>

#include "show.h"

enum { PROBE, DEVICE, OUTPUT };
static const struct option_spec specs[] = {
	[PROBE] = { "--probe-scope", NULL },
	[DEVICE] = { "--device", "PATH" },
	[OUTPUT] = { "-o", "FILE" },
	{ NULL, NULL },
};

static int tell(const struct args *args, const struct onereg_host *host,
		const struct onereg_report *report)
{
	const char *output = args->value[OUTPUT];

	if (args->json) {
		json_t *json = host_json(host);

		if (output)
			json_object_set_new(json, "written",
					    json_string(output));
		json_object_set_new(json, "findings", json_findings(report));
		return print_json(json, DONE);
	}
	print_host_summary(host);
	if (print_findings(report))
		return NOT_DONE;
	if (output)
		printf("\nwritten to %s\n", output);
	else
		printf("\nkeep it with -o FILE; onereg show FILE lists every "
		       "register\n");
	return end_text(DONE);
}

static int describe(const struct args *args, struct onereg_host **ret,
		    struct onereg_report *report)
{
	struct onereg_describe_options o = {
		.size = sizeof(o),
		.device = args->value[DEVICE],
		.probe_scope = args->value[PROBE],
	};
	const char *output = args->value[OUTPUT];
	int r = onereg_host_describe(&o, ret, report);

	if (r)
		return not_done(args, r, report, "cannot describe this host");
	if (output)
		r = onereg_host_write_file(*ret, output, report);
	return r ? not_done(args, r, report, "%s", output) : DONE;
}

int host_main(int argc, char **argv)
{
	struct onereg_report *report;
	struct onereg_host *host = NULL;
	struct args args;
	int status = args_parse(&args, specs, 0, argc, argv), r;

	if (status)
		return status;
	r = onereg_report_new(&report);
	if (r)
		return not_done(&args, r, NULL, "host");
	status = describe(&args, &host, report);
	if (!status)
		status = tell(&args, host, report);
	onereg_host_free(host);
	onereg_report_free(report);
	return status;
}
