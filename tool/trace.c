/* SPDX-License-Identifier: MIT */
/* onereg trace: which registers a VMM reads and writes, and which in vain. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "trace.h"

enum { REGISTERS, EVERY_CALL, OUTPUT, RECORD };
static const struct option_spec specs[] = {
	[REGISTERS] = { "--registers", NULL },
	[EVERY_CALL] = { "--every-call", NULL },
	[OUTPUT] = { "--output", "FILE" },
	[RECORD] = { "--record", "FILE" },
	{ NULL, NULL },
};

struct outputs {
	FILE *report;		/* COMMAND's standard output is its own */
	FILE *record;		/* or NULL */
};

/* Early: nobody wants to hear of it after a day's run. */
static int open_one(const struct args *args, const char *path, FILE **ret)
{
	if (!path)
		return DONE;
	*ret = fopen(path, "we");
	if (*ret)
		return DONE;
	return not_done(args, errno, NULL, "cannot write %s", path);
}

static int close_one(const struct args *args, const char *path, FILE *f, int r)
{
	if (f && f != stderr && fclose(f) && !r)
		r = -errno;
	if (!r)
		return DONE;
	return not_done(args, r, NULL, "cannot write %s",
			path ? path : "the report");
}

static int write_all(const struct args *args, const struct watch *watch,
		     const struct outputs *out)
{
	bool registers = args->value[REGISTERS];
	struct sum sum;
	int r = trace_sum(watch, &sum), status;

	if (r)
		return not_done(args, r, NULL, "cannot add up");
	r = args->json ? trace_json(out->report, watch, &sum, registers) :
			 trace_report(out->report, watch, &sum, registers);
	trace_sum_free(&sum);
	status = close_one(args, args->value[OUTPUT], out->report, r);
	r = out->record ? trace_record(out->record, watch) : 0;
	if (!status)
		status = close_one(args, args->value[RECORD], out->record, r);
	return status;
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static int trace(const struct args *args, struct watch *watch,
		 struct follow *follow, const struct outputs *out)
{
	int r = trace_watch_init(watch, follow), status, told;

	if (r)
		return not_done(args, r, NULL,
				"cannot trace with ptrace(2), which another "
				"tracer, a container's filter or "
				"/proc/sys/kernel/yama/ptrace_scope may "
				"forbid");
	r = trace_follow(follow, &status);
	if (r)
		return not_done(args, r, NULL, "cannot run %s",
				follow->argv[0]);
	if (watch->no_memory || watch->vms.no_memory)
		return not_done(args, ENOMEM, NULL, "calls were lost");
	told = write_all(args, watch, out);
	return told ? told : exit_status(status);
}

/* Where COMMAND begins, which may have options of its own. */
static int find_command(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--"))
			return i + 1;
	return argc;
}

int trace_main(int argc, char **argv)
{
	int command = find_command(argc, argv), status;
	struct outputs out = { .report = stderr };
	struct follow follow = { .argv = argv + command };
	struct watch watch;
	struct args args;

	status = args_parse(&args, specs, 0,
			    command < argc ? command - 1 : argc, argv);
	if (status)
		return status;
	if (command == argc)
		return wrong_usage(args.json, args.command,
				   "no COMMAND after --");
	follow.every_call = args.value[EVERY_CALL];
	status = open_one(&args, args.value[OUTPUT], &out.report);
	if (!status)
		status = open_one(&args, args.value[RECORD], &out.record);
	if (status)
		return status;
	status = trace(&args, &watch, &follow, &out);
	trace_watch_free(&watch);
	return status;
}
