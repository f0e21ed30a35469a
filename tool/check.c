/* SPDX-License-Identifier: MIT */
/* onereg check: would an image restore here, or on a described host? */
#include <stdio.h>

#include "tool.h"

enum { ON, DEVICE, TOLERATE };
static const struct option_spec specs[] = {
	[ON] = { "--on", "HOST" },
	[DEVICE] = { "--device", "PATH" },
	[TOLERATE] = { "--tolerate", "FILE" },
	{ NULL, NULL },
};

struct check {
	struct args args;
	struct thing what, on;	/* on: empty where it is this host */
	struct onereg_host *here;
	struct onereg_tolerances *tolerances;
	struct onereg_report *report;
};

/* A host's description tells what a refusal by its kernel leaves open. */
static int try_here(struct check *c)
{
	const char *device = c->args.value[DEVICE];
	struct onereg_describe_options o = {
		.size = sizeof(o),
		.device = device,
		.probe_scope = true,
	};
	int r = onereg_host_describe(&o, &c->here, c->report);

	if (!r)
		r = onereg_image_check(c->what.image, c->here, c->report);
	/* Of a fresh VM there is no state that could be restored. */
	if (!r && !c->what.host)
		r = onereg_image_dry_run(c->what.image, NULL, device,
					 c->report);
	return r;
}

static const char *host_name(const struct check *c)
{
	return c->on.path ? c->on.path : "this host";
}

static int print_text(const struct check *c)
{
	static const struct {
		enum color color;
		const char *text;
	} verdicts[] = {
		[ONEREG_YES] = { GREEN, "yes" },
		[ONEREG_WITH_CARE] = { YELLOW, "yes, with care" },
		[ONEREG_NO] = { RED, "no" },
		[ONEREG_FAILED] = { RED, "not known" },
	};
	enum onereg_verdict v = onereg_report_verdict(c->report);
	const struct onereg_host *host = c->on.host ? c->on.host : c->here;
	char features[FEATURES_TEXT_SIZE];

	printf("%s%s%s: %s on %s (kernel %s)\n", color(verdicts[v].color),
	       verdicts[v].text, color(PLAIN), c->what.path, host_name(c),
	       onereg_host_release(host));
	printf("%s of kernel %s, %zu vCPU%s, %s\n",
	       c->what.host ? "a fresh VM" : "an image",
	       onereg_image_release(c->what.image),
	       onereg_image_n_vcpus(c->what.image),
	       onereg_image_n_vcpus(c->what.image) == 1 ? "" : "s",
	       features_line(onereg_image_features(c->what.image, 0),
			     features));
	if (print_findings(c->report))
		return NOT_DONE;
	if (findings_lost(c->report))
		printf("\nFindings were lost: there was no memory for them.\n");
	return end_text(DONE);
}

static json_t *to_json(const struct check *c)
{
	const struct onereg_host *host = c->on.host ? c->on.host : c->here;

	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:{s:I, s:I, s:I}, s:b,"
		" s:o}",
		"verdict",
		onereg_verdict_name(onereg_report_verdict(c->report)), "image",
		c->what.path, "image_release",
		onereg_image_release(c->what.image), "host", host_name(c),
		"host_release", onereg_host_release(host), "vcpus",
		(json_int_t)onereg_image_n_vcpus(c->what.image), "features",
		json_features(onereg_image_features(c->what.image, 0)),
		"counts", "impossible",
		(json_int_t)count_findings(c->report, ONEREG_IMPOSSIBLE),
		"care", (json_int_t)count_findings(c->report, ONEREG_CARE),
		"note", (json_int_t)count_findings(c->report, ONEREG_NOTE),
		"findings_lost", findings_lost(c->report), "findings",
		json_findings(c->report));
}

static int tell(const struct check *c)
{
	int status = NEGATIVE;

	switch (onereg_report_verdict(c->report)) {
	case ONEREG_YES:
	case ONEREG_WITH_CARE:
		status = DONE;
		break;
	case ONEREG_NO:
		break;
	case ONEREG_FAILED:
		status = NOT_DONE;
		break;
	}
	if (c->args.json)
		return print_json(to_json(c), status);
	return print_text(c) ? NOT_DONE : status;
}

static int read_tolerances(struct check *c)
{
	const char *path = c->args.value[TOLERATE];
	int r = path ? onereg_tolerances_read_file(path, &c->tolerances,
						   c->report) :
		       0;

	if (r)
		return not_done(&c->args, r, c->report, "%s", path);
	onereg_image_tolerate(c->what.image, c->tolerances);
	return DONE;
}

static int check(struct check *c)
{
	int r = onereg_report_new(&c->report);

	if (r)
		return not_done(&c->args, r, NULL, "check");
	r = read_tolerances(c);
	if (r)
		return r;
	if (c->on.host)
		r = onereg_image_check(c->what.image, c->on.host, c->report);
	else
		r = try_here(c);
	if (r)
		return not_done(&c->args, r, c->report, "%s on %s",
				c->what.path, host_name(c));
	return tell(c);
}

int check_main(int argc, char **argv)
{
	struct check c = { 0 };
	int status = args_parse(&c.args, specs, 1, argc, argv);

	if (status)
		return status;
	if (c.args.value[ON] && c.args.value[DEVICE])
		return wrong_usage(c.args.json, "check",
				   "--device is of this host, --on of another");
	status = load_image(&c.args, c.args.operand[0], &c.what);
	if (!status && c.args.value[ON])
		status = load_host(&c.args, c.args.value[ON], &c.on);
	if (!status)
		status = check(&c);
	unload(&c.what);
	unload(&c.on);
	onereg_host_free(c.here);
	onereg_tolerances_free(c.tolerances);
	onereg_report_free(c.report);
	return status;
}
