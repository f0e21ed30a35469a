/* SPDX-License-Identifier: MIT */
/*
 * onereg bench: what moving the registers of a VM costs in the blackout of a
 * live migration, the same VM moved in each way that there is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"

enum { STATE, VCPUS, SEQUENCE, ROUNDS, THREADS, CSV, DEVICE, CODEC };
static const struct option_spec specs[] = {
	[STATE] = { "--state", "IMAGE" },
	[VCPUS] = { "--vcpus", "LIST" },
	[SEQUENCE] = { "--qemu", "SEQUENCE" },
	[ROUNDS] = { "--rounds", "N" },
	[THREADS] = { "--threads", "N" },
	[CSV] = { "--csv", NULL },
	[DEVICE] = { "--device", "PATH" },
	[CODEC] = { "--codec", "HOST" },
	{ NULL, NULL },
};

_Static_assert(sizeof(specs) / sizeof(specs[0]) - 1 <= MAX_OPTIONS,
	       "struct args has no room for so many options");

#define MAX_VCPUS	4096
#define MAX_THREADS	256

/* ---- the command line ---- */

static bool take_number(const char *text, unsigned long most,
			unsigned long *ret, char **end)
{
	if (*text < '1' || *text > '9')
		return false;
	*ret = strtoul(text, end, 10);
	return *ret <= most;
}

static int take_option(const struct args *args, int option, unsigned int most,
		       unsigned int *ret)
{
	const char *text = args->value[option];
	unsigned long n;
	char *end;

	if (!text)
		return DONE;
	if (!take_number(text, most, &n, &end) || *end)
		return wrong_usage(args->json, args->command,
				   "%s wants a number from 1 to %u",
				   specs[option].name, most);
	*ret = (unsigned int)n;
	return DONE;
}

/* "1,2,4": each more than the one before. */
static int take_counts(const struct args *args, struct bench *b)
{
	const char *text = args->value[VCPUS] ? args->value[VCPUS] :
						"1,4,16,64";
	unsigned long n, last = 0;
	char *end;

	for (;; text = end + 1) {
		if (b->n_counts == MAX_COUNTS ||
		    !take_number(text, MAX_VCPUS, &n, &end) || n <= last ||
		    (*end && *end != ','))
			return wrong_usage(args->json, args->command,
					   "--vcpus wants up to %d rising "
					   "numbers from 1 to %d, as 1,4,16",
					   MAX_COUNTS, MAX_VCPUS);
		b->counts[b->n_counts++] = n;
		last = n;
		if (!*end)
			return DONE;
	}
}

static int take_options(const struct args *args, struct bench *b)
{
	int status = take_counts(args, b);

	b->device = args->value[DEVICE];
	b->threads = 1;
	if (!status)
		status = take_option(args, ROUNDS, MAX_ROUNDS, &b->rounds);
	if (!status)
		status = take_option(args, THREADS, MAX_THREADS, &b->threads);
	if (!status && args->value[CSV] && args->json)
		status = wrong_usage(args->json, args->command,
				     "--csv and --json are two outputs");
	return status;
}

/* ---- the host ---- */

static bool probe_host(struct bench *b, struct trouble *t)
{
	struct utsname u;

	if (uname(&u))
		return trouble_set(t, errno, "uname");
	snprintf(b->release, sizeof(b->release), "%s", u.release);
	b->instructions = clock_counts_instructions();
	b->locks_measured = locks_measurable();
	return machine_probe(b->device, &b->vm_regs, t);
}

static bool open_state(struct bench *b, const struct onereg_image *image,
		       struct trouble *t)
{
	struct machine m;
	bool ok;

	if (!machine_init_of(b->device, &b->init, t))
		return false;
	if (image)
		for (size_t i = 0; i < 7; i++)
			b->init.features[i] = onereg_image_features(image, i);
	if (!machine_make(&m, b->device, 1, &b->init, true, t))
		return false;
	ok = state_open(&b->state, image, &m, t);
	machine_free(&m);
	return ok;
}

static bool measure(struct bench *b, const struct args *args,
		    const struct onereg_image *image, struct trouble *t)
{
	return probe_host(b, t) && open_state(b, image, t) &&
	       (!args->value[SEQUENCE] ||
		sequence_read(&b->sequence, args->value[SEQUENCE], t)) &&
	       bench_measure(b, t);
}

/* Was a register lost in a way that proves what it did? */
static int status_of(const struct bench *b)
{
	for (size_t i = 0; i < b->n_rows; i++)
		if (b->rows[i].way == LIBRARY && b->rows[i].unexplained)
			return NEGATIVE;
	return DONE;
}

static int print(const struct bench *b, const struct args *args)
{
	if (args->json)
		return print_json(bench_json(b), status_of(b));
	if (args->value[CSV])
		bench_print_csv(b);
	else
		bench_print(b);
	return end_text(status_of(b));
}

static int run(const struct args *args, const struct onereg_image *image)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct trouble t = { 0 };
	int status;

	if (!b)
		return not_done(args, ENOMEM, NULL, "bench");
	status = take_options(args, b);
	if (!status)
		status = measure(b, args, image, &t) ?
				 print(b, args) :
				 not_done(args, t.error, NULL, "%s", t.what);
	sequence_free(&b->sequence);
	state_close(&b->state);
	free(b);
	return status;
}

/* Of as many vCPUs as the last number says. */
static int run_codec(const struct args *args)
{
	struct bench b = { 0 };
	int status = args->value[VCPUS] ? take_counts(args, &b) : DONE;

	if (status)
		return status;
	for (int i = 0; i < CODEC; i++)
		if (i != VCPUS && args->value[i])
			return wrong_usage(args->json, args->command,
					   "--codec has no use for %s",
					   specs[i].name);
	return codec_main(args, args->value[CODEC],
			  b.n_counts ? b.counts[b.n_counts - 1] : 0);
}

int bench_main(int argc, char **argv)
{
	struct thing thing = { 0 };
	struct args args;
	int status = args_parse(&args, specs, 0, argc, argv);

	if (status)
		return status;
	if (args.value[CODEC])
		return run_codec(&args);
	if (args.value[STATE])
		status = load_image(&args, args.value[STATE], &thing);
	if (!status)
		status = run(&args, thing.image);
	unload(&thing);
	return status;
}
