/* SPDX-License-Identifier: MIT */
/* onereg diff: what differs from one to another. */
#include <stdio.h>

#include "tool.h"

static const struct option_spec specs[] = { { NULL, NULL } };

static int compare(struct args *args, struct thing *a, struct thing *b,
		   struct onereg_report *report)
{
	int r;

	if (a->host && b->host)
		r = onereg_host_diff(a->host, b->host, report);
	else
		r = onereg_image_diff(a->image, b->image, report);
	return r ? not_done(args, r, report, "%s and %s", a->path, b->path) :
		   DONE;
}

static int tell(const struct args *args, const struct thing *a,
		const struct thing *b, const struct onereg_report *report)
{
	size_t n = onereg_report_count(report);
	int status = n ? NEGATIVE : DONE;

	if (args->json)
		return print_json(json_pack("{s:b, s:s, s:s, s:o}", "same", !n,
					    "a", a->path, "b", b->path,
					    "findings", json_findings(report)),
				  status);
	if (n)
		printf("%s%zu difference%s%s from %s to %s\n", color(BOLD), n,
		       n == 1 ? "" : "s", color(PLAIN), a->path, b->path);
	else
		printf("%sthe same%s: %s and %s\n", color(GREEN), color(PLAIN),
		       a->path, b->path);
	if (print_findings(report))
		return NOT_DONE;
	return end_text(status);
}

/* An image is compared with an image: a host becomes a fresh VM's. */
static int load_both(const struct args *args, struct thing *a,
		     struct thing *b)
{
	int status = load(args, args->operand[0], a);

	if (!status)
		status = load(args, args->operand[1], b);
	if (!status && a->image && b->host) {
		unload(b);
		status = load_image(args, args->operand[1], b);
	} else if (!status && a->host && b->image) {
		unload(a);
		status = load_image(args, args->operand[0], a);
	}
	return status;
}

int diff_main(int argc, char **argv)
{
	struct onereg_report *report = NULL;
	struct thing a = { 0 }, b = { 0 };
	struct args args;
	int status = args_parse(&args, specs, 2, argc, argv), r;

	if (status)
		return status;
	status = load_both(&args, &a, &b);
	if (!status) {
		r = onereg_report_new(&report);
		status = r ? not_done(&args, r, NULL, "diff") :
			     compare(&args, &a, &b, report);
	}
	if (!status)
		status = tell(&args, &a, &b, report);
	unload(&a);
	unload(&b);
	onereg_report_free(report);
	return status;
}
