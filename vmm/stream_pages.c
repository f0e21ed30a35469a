// SPDX-License-Identifier: MIT
/* Pages of guest memory as the payload of PAGE: docs/stream.md. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define HEAD 8
#define RUN 16

enum kind { ZEROS, DATA };

struct run {
	uint64_t first;
	uint32_t pages, kind;
};

static bool all_zero(const uint8_t *p, size_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

/* The stream is little-endian, and so is everything that KVM/arm64 runs on. */
static uint32_t load32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static struct run run_at(const uint8_t *payload, uint32_t i)
{
	const uint8_t *p = payload + HEAD + (size_t)i * RUN;
	struct run run = { .pages = load32(p + 8), .kind = load32(p + 12) };

	memcpy(&run.first, p, sizeof(run.first));
	return run;
}

/* *next, *data: behind the run, as far as it can be believed. */
static int check_run(const struct page_reader *r, struct stream *s,
		     const struct run *run, uint64_t *next, uint64_t *data)
{
	if (run->kind > DATA)
		return stream_refuse(s, -EBADMSG, "pages of kind %u",
				     run->kind);
	if (!run->pages || run->first >= r->n_pages ||
	    run->pages > r->n_pages - run->first)
		return stream_refuse(s, -EBADMSG,
				     "%u pages at page %llu: the "
				     "guest has %llu",
				     run->pages, (unsigned long long)run->first,
				     (unsigned long long)r->n_pages);
	if (run->first < *next)
		return stream_refuse(s, -EBADMSG,
				     "page %llu comes twice in a "
				     "round, or too late",
				     (unsigned long long)run->first);
	*next = run->first + run->pages;
	*data += run->kind == DATA ? (uint64_t)run->pages * r->page_size : 0;
	return 0;
}

/* next: behind the last run. */
static int check(const struct page_reader *r, struct stream *s,
		 const struct section *from, uint64_t *next)
{
	uint32_t n = load32(from->payload);
	uint64_t data = 0;
	int rc = 0;

	if (!n || n > STREAM_MAX_RUNS || load32(from->payload + 4) ||
	    from->length < HEAD + (uint64_t)n * RUN)
		return stream_refuse(s, -EBADMSG,
				     "PAGE with %u runs in %u "
				     "bytes",
				     n, from->length);
	for (uint32_t i = 0; !rc && i < n; i++) {
		struct run run = run_at(from->payload, i);

		rc = check_run(r, s, &run, next, &data);
	}
	if (rc)
		return rc;
	if (data > STREAM_MAX_PAGES ||
	    from->length != HEAD + (uint64_t)n * RUN + data)
		return stream_refuse(s, -EBADMSG,
				     "PAGE of %u bytes, with %llu "
				     "of pages",
				     from->length, (unsigned long long)data);
	return 0;
}

/* What is zero and stays so is not written: it needs no memory. */
static void clear(uint8_t *memory, uint32_t page_size, uint32_t pages)
{
	for (; pages; pages--, memory += page_size)
		if (!all_zero(memory, page_size))
			memset(memory, 0, page_size);
}

int pages_read(struct page_reader *r, struct stream *s,
	       const struct section *from)
{
	const uint8_t *data;
	uint64_t next = r->next;
	uint32_t n;
	int rc = check(r, s, from, &next);

	if (rc)
		return rc;
	n = load32(from->payload);
	data = from->payload + HEAD + (size_t)n * RUN;
	for (uint32_t i = 0; i < n; i++) {
		struct run run = run_at(from->payload, i);
		uint8_t *to = r->memory + run.first * r->page_size;
		size_t size = (size_t)run.pages * r->page_size;

		r->taken += run.pages;
		if (run.kind == ZEROS) {
			clear(to, r->page_size, run.pages);
			continue;
		}
		memcpy(to, data, size);
		data += size;
	}
	r->next = next;
	return 0;
}

int pages_writer_init(struct page_writer *w, struct stream *s,
		      const uint8_t *memory, uint32_t page_size)
{
	*w = (struct page_writer){
		.stream = s,
		.memory = memory,
		.page_size = page_size,
		.head = calloc(1, HEAD + (size_t)STREAM_MAX_RUNS * RUN),
		.data = malloc(STREAM_MAX_PAGES),
	};
	return w->head && w->data ? 0 : -ENOMEM;
}

void pages_writer_free(struct page_writer *w)
{
	free(w->head);
	free(w->data);
	*w = (struct page_writer){ 0 };
}

int pages_flush(struct page_writer *w)
{
	int rc;

	if (!w->n_runs)
		return 0;
	memcpy(w->head, &w->n_runs, sizeof(w->n_runs));
	rc = stream_write_parts(w->stream, STREAM_PAGE, w->head,
				HEAD + (size_t)w->n_runs * RUN, w->data,
				w->n_data);
	w->n_runs = 0;
	w->n_data = 0;
	return rc;
}

static void store_run(struct page_writer *w, uint64_t first, uint32_t pages,
		      uint32_t kind)
{
	uint8_t *p = w->head + HEAD + (size_t)(w->n_runs - 1) * RUN;

	memcpy(p, &first, sizeof(first));
	memcpy(p + 8, &pages, sizeof(pages));
	memcpy(p + 12, &kind, sizeof(kind));
}

static bool fits(const struct page_writer *w, bool goes_on, uint32_t kind)
{
	return (goes_on || w->n_runs < STREAM_MAX_RUNS) &&
	       (kind == ZEROS || w->n_data + w->page_size <= STREAM_MAX_PAGES);
}

static int make_room(struct page_writer *w, uint64_t page, uint32_t kind)
{
	bool goes_on = w->n_runs && w->end == page && w->run_kind == kind &&
		       page - w->first < UINT32_MAX;
	int rc = 0;

	if (!fits(w, goes_on, kind)) {
		rc = pages_flush(w);
		goes_on = false;
	}
	if (!rc && !goes_on) {
		w->n_runs++;
		w->first = page;
		w->run_kind = kind;
	}
	return rc;
}

/*
 * The guest may write to the page meanwhile: what is sent and what its
 * checksum is of are one copy, and the log makes the page come again.
 */
int pages_write(struct page_writer *w, uint64_t page)
{
	const uint8_t *from = w->memory + page * w->page_size;
	uint32_t kind = all_zero(from, w->page_size) ? ZEROS : DATA;
	int rc = make_room(w, page, kind);

	if (rc)
		return rc;
	w->end = page + 1;
	store_run(w, w->first, w->end - w->first, kind);
	if (kind == DATA) {
		memcpy(w->data + w->n_data, from, w->page_size);
		w->n_data += w->page_size;
	}
	w->sent++;
	w->zeros += kind == ZEROS;
	return 0;
}
