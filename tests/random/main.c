// SPDX-License-Identifier: MIT
/*
 * random_calls [--seed N]... [--calls N] [--until-call N] [--trace]
 *              [--keep-going]
 *
 * The same random calls to the running kernel and to a model made from its
 * description, answer by answer. TAP on standard output, a test for each
 * seed; exit status 0 they agree, 1 they do not, 2 wrong usage, 77 no KVM
 * here. A difference is told with its seed and the number of the call;
 * --until-call N makes no more than so many, and shows the last one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pair.h"

#define MAX_SEEDS	16
#define EXIT_SKIPPED	77

static int usage(void)
{
	fputs("usage: random_calls [--seed N]... [--calls N] "
	      "[--until-call N] [--trace] [--keep-going]\n", stderr);
	return 2;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A line of TAP, then the text as comments. */
static bool tell(const struct run *run, size_t number, bool show, double took)
{
	const char *at = run->text;

	printf("%sok %zu - seed %llu: %zu calls agree\n",
	       run->agree ? "" : "not ", number,
	       (unsigned long long)run->seed, run->made);
	printf("# %zu of them did not fail; %.1f s\n", run->done, took);
	while ((show || !run->agree) && *at) {
		int n = (int)strcspn(at, "\n");

		printf("# %.*s\n", n, at);
		at += n + (at[n] == '\n');
	}
	fflush(stdout);
	return run->agree;
}

int main(int argc, char **argv)
{
	static uint64_t seeds[MAX_SEEDS] = { 1 };
	static struct run run = { .n_calls = 20000 };
	size_t n_seeds = 0;
	bool show = false, good = true;
	struct pair pair;
	int ret;

	for (int i = 1; i < argc; i++) {
		uint64_t n = i + 1 < argc ? strtoull(argv[i + 1], NULL, 0) : 0;

		if (!strcmp(argv[i], "--trace")) {
			run.trace = true;
			continue;
		}
		if (!strcmp(argv[i], "--keep-going")) {
			run.keep_going = true;
			continue;
		}
		if (!strcmp(argv[i], "--seed") && n_seeds < MAX_SEEDS)
			seeds[n_seeds++] = n;
		else if (!strcmp(argv[i], "--calls"))
			run.n_calls = n;
		else if (!strcmp(argv[i], "--until-call"))
			show = (run.n_calls = n);
		else
			return usage();
		if (++i == argc || !run.n_calls)
			return usage();
	}
	ret = pair_of_kernel(&pair);
	if (ret) {
		printf("1..0 # SKIP %s\n", ret == -EOPNOTSUPP ?
		       "the model is one of kernels with masks" :
		       "no KVM on arm64 here");
		return EXIT_SKIPPED;
	}
	n_seeds += !n_seeds;
	for (size_t i = 0; i < n_seeds; i++) {
		double start = now();

		run.seed = seeds[i];
		if (pair_run(&pair, &run))
			return 1;
		good &= tell(&run, i + 1, show, now() - start);
	}
	printf("1..%zu\n", n_seeds);
	pair_close(&pair);
	return good ? 0 : 1;
}
