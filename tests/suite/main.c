// SPDX-License-Identifier: MIT
/*
 * The behaviours on the running kernel: TAP on standard output, exit status
 * 0 all good, 1 a behaviour failed, 77 no KVM here. Arguments: names of
 * behaviours to run, else all.
 */
#include <stdio.h>
#include <string.h>

#include "suite.h"

#define EXIT_SKIPPED 77

static const struct {
	const char *name;
	behaviour *run;
} behaviours[] = {
#define ENTRY(name) { #name, name },
	BEHAVIOURS(ENTRY)
#undef ENTRY
};

static uint32_t offered(const struct onereg_host *host)
{
	return onereg_host_profile_features(host,
					    onereg_host_n_profiles(host) - 1);
}

static bool gic_offered(const struct onereg_io *io)
{
	struct scratch_options o = { .io = io, .n_vcpus = 1, .gic = true };
	struct scratch s;

	if (scratch_open(&s, &o, NULL))
		return false;
	scratch_close(&s);
	return true;
}

static bool wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

/* Lines of the log as TAP diagnostics. */
static void print_log(const char *log)
{
	while (*log) {
		int n = (int)strcspn(log, "\n");

		printf("# %.*s\n", n, log);
		log += n + (log[n] == '\n');
	}
}

static bool run(size_t i, const struct test *on, size_t number)
{
	static struct test t;

	t = *on;
	behaviours[i].run(&t);
	printf("%sok %zu - %s", t.failed ? "not " : "", number,
	       behaviours[i].name);
	if (t.skipped)
		printf(" # SKIP %s", t.skipped);
	printf("\n");
	if (t.failed)
		print_log(t.log);
	fflush(stdout);
	return !t.failed;
}

int main(int argc, char **argv)
{
	struct onereg_describe_options o = { .size = sizeof(o) };
	static struct onereg_io io;
	struct onereg_host *host;
	static struct test on;
	size_t number = 0;
	bool good = true;

	if (io_complete(&io, NULL) || onereg_host_describe(&o, &host, NULL)) {
		printf("1..0 # SKIP no KVM on arm64 here\n");
		return EXIT_SKIPPED;
	}
	on = (struct test){
		.src = { .io = &io },
		.dst = { .io = &io },
		.features = offered(host),
		.has_gic = gic_offered(&io),
		/* Emulated hosts are slow, and 64 times as much is no more. */
		.max_vcpus = 8,
	};
	printf("TAP version 13\n");
	for (size_t i = 0; i < ARRAY_SIZE(behaviours); i++)
		if (wanted(argc, argv, behaviours[i].name))
			good &= run(i, &on, ++number);
	printf("1..%zu\n", number);
	onereg_host_free(host);
	return good ? 0 : 1;
}
