// SPDX-License-Identifier: MIT
/* What a migration shows while it goes on, and at its end. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/random.h>

#include "migrate.h"
#include "vmm.h"

#define EVERY_NS 100000000ull
#define BAR 30

uint64_t migration_id(void)
{
	uint64_t id = 0;

	while (!id)
		if (getrandom(&id, sizeof(id), 0) != sizeof(id)) {
			cannot_errno(NULL, "getrandom for the id");
			return 0;
		}
	return id;
}

void progress_begin(struct progress *p, uint64_t bytes)
{
	p->started_ns = p->printed_ns = now_ns();
	p->bytes = bytes;
}

static double mib(uint64_t bytes)
{
	return bytes / 1048576.0;
}

static uint64_t rate_of(const struct progress *p, uint64_t bytes)
{
	uint64_t ns = now_ns() - p->started_ns;

	return (bytes - p->bytes) / ((ns ?: 1) / 1e9);
}

void progress_show(struct progress *p, unsigned int round, uint64_t done,
		   uint64_t all, uint64_t bytes)
{
	uint64_t now = now_ns();
	int n = all ? done * BAR / all : BAR;

	if (now - p->printed_ns < EVERY_NS || !isatty(2))
		return;
	p->printed_ns = now;
	fprintf(stderr,
		"\rround %u [%.*s%*s] %llu of %llu pages, "
		"%.1f MiB/s\033[K",
		round, n, "##############################", BAR - n, "",
		(unsigned long long)done, (unsigned long long)all,
		mib(rate_of(p, bytes)));
}

uint64_t progress_end(struct progress *p, unsigned int round, uint64_t pages,
		      uint64_t bytes, uint64_t left)
{
	uint64_t rate = rate_of(p, bytes);

	fprintf(stderr,
		"%sround %u: %llu pages, %.2f MiB sent, %.1f MiB/s, "
		"%llu pages written meanwhile\n",
		isatty(2) ? "\r\033[K" : "", round, (unsigned long long)pages,
		mib(bytes - p->bytes), mib(rate), (unsigned long long)left);
	return rate;
}

void migration_print(const struct migration *m)
{
	const struct migration_times *t = &m->times;

	printf("migration %s: %s, %u rounds, %llu pages (%llu zero, %llu in "
	       "the blackout), %llu bytes; us: blackout %llu = pause %llu, "
	       "registers %llu, pages %llu, transfer %llu, commit %llu, proof "
	       "%llu, go %llu\n",
	       m->id, m->outcome, m->rounds, (unsigned long long)m->pages,
	       (unsigned long long)m->zeros, (unsigned long long)m->last_pages,
	       (unsigned long long)m->bytes,
	       (unsigned long long)m->blackout_ns / 1000,
	       (unsigned long long)t->pause / 1000,
	       (unsigned long long)t->registers / 1000,
	       (unsigned long long)t->memory / 1000,
	       (unsigned long long)t->transfer / 1000,
	       (unsigned long long)t->commit / 1000,
	       (unsigned long long)t->prove / 1000,
	       (unsigned long long)t->go / 1000);
	fflush(stdout);
}

json_t *migration_json(const struct migration *m)
{
	const struct migration_times *t = &m->times;
	json_t *times = json_pack(
		"{s:I s:I s:I s:I s:I s:I s:I}", "pause", (json_int_t)t->pause,
		"registers", (json_int_t)t->registers, "memory",
		(json_int_t)t->memory, "transfer", (json_int_t)t->transfer,
		"commit", (json_int_t)t->commit, "prove", (json_int_t)t->prove,
		"go", (json_int_t)t->go);

	return json_pack(
		"{s:s s:s s:i s:b s:I s:I s:I s:I s:I s:I s:I s:o}", "outcome",
		m->outcome, "id", m->id, "rounds", (int)m->rounds, "converged",
		m->converged, "pages", (json_int_t)m->pages, "zero_pages",
		(json_int_t)m->zeros, "last_pages", (json_int_t)m->last_pages,
		"bytes", (json_int_t)m->bytes, "precopy_ns",
		(json_int_t)m->precopy_ns, "blackout_ns",
		(json_int_t)m->blackout_ns, "compared", (json_int_t)m->compared,
		"blackout_parts_ns", times);
}
