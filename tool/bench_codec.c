/* SPDX-License-Identifier: MIT */
/*
 * onereg bench --codec: what writing and reading an image costs, beside a
 * copy and a checksum of as many bytes, which nobody can do without.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "bench.h"

#define DEFAULT_VCPUS	512
#define ROUNDS		7

struct codec {
	size_t vcpus;
	size_t size;		/* of the image, in bytes */
	/* The least of some rounds, in ns or instructions. */
	uint64_t write, read, copy, checksum;
};

static void least(uint64_t *figure, uint64_t value)
{
	if (!*figure || value < *figure)
		*figure = value;
}

static int do_round(const struct onereg_image *image, struct codec *c)
{
	struct onereg_image *back;
	void *bytes, *copy;
	uint64_t start = now(), sum;
	int r = onereg_image_write(image, &bytes, &c->size);

	if (r)
		return r;
	least(&c->write, now() - start);
	start = now();
	r = onereg_image_read(bytes, c->size, &back, NULL);
	if (!r) {
		least(&c->read, now() - start);
		onereg_image_free(back);
	}
	/* To memory that is new, as the writer's is. */
	start = now();
	copy = malloc(c->size);
	if (copy) {
		memcpy(copy, bytes, c->size);
		__asm__ volatile("" : : "r"(copy) : "memory");
		least(&c->copy, now() - start);
	}
	start = now();
	sum = XXH3_64bits(bytes, c->size);
	__asm__ volatile("" : : "r"(sum) : "memory");
	least(&c->checksum, now() - start);
	free(copy);
	free(bytes);
	return copy ? r : -ENOMEM;
}

static int print(const struct args *args, const struct codec *c)
{
	uint64_t bound = c->copy + c->checksum;
	const char *unit = clock_counts_instructions() ? "instructions" : "ns";

	if (args->json)
		return print_json(
			json_pack("{s:I, s:I, s:s, s:I, s:I, s:I, s:I}",
				  "vcpus", (json_int_t)c->vcpus,
				  "bytes", (json_int_t)c->size, "unit", unit,
				  "write", (json_int_t)c->write,
				  "read", (json_int_t)c->read,
				  "copy", (json_int_t)c->copy,
				  "checksum", (json_int_t)c->checksum),
			DONE);
	printf("An image of %zu vCPUs, %zu bytes\n\n"
	       "%-18s %13s  %s\n"
	       "%-18s %13llu\n%-18s %13llu\n"
	       "%-18s %13llu  %.1f\n%-18s %13llu  %.1f\n",
	       c->vcpus, c->size, "", unit, "x copy and checksum", "copy",
	       (unsigned long long)c->copy, "checksum (XXH3)",
	       (unsigned long long)c->checksum, "write",
	       (unsigned long long)c->write, (double)c->write / (double)bound,
	       "read", (unsigned long long)c->read,
	       (double)c->read / (double)bound);
	return end_text(DONE);
}

static int measure(const struct args *args, const struct thing *thing,
		   size_t n)
{
	struct codec c = { .vcpus = n };
	struct onereg_image *image;
	size_t profiles = onereg_host_n_profiles(thing->host);
	int r;

	/* The last profile has the most features. */
	r = onereg_image_from_host(thing->host, profiles ? profiles - 1 : 0, n,
				   &image);
	if (r)
		return not_done(args, r, NULL, "%s: no VM of %zu vCPUs",
				thing->path, n);
	for (int i = 0; !r && i < ROUNDS; i++)
		r = do_round(image, &c);
	onereg_image_free(image);
	return r ? not_done(args, r, NULL, "an image of %zu vCPUs", n) :
		   print(args, &c);
}

int codec_main(const struct args *args, const char *host, size_t n_vcpus)
{
	struct thing thing;
	int status = load_host(args, host, &thing);

	if (status)
		return status;
	status = measure(args, &thing, n_vcpus ? n_vcpus : DEFAULT_VCPUS);
	unload(&thing);
	return status;
}
