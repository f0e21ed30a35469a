/* SPDX-License-Identifier: MIT */
/* The migration stream: whatever comes, no guest runs without GO. */
#include <errno.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "stream_rig.h"

static void good(struct bytes *to)
{
	static const struct recipe recipe;

	rig_stream(to, &recipe);
}

Test(stream, a_whole_one_runs_and_has_every_byte)
{
	struct rig rig = { 0 };

	good(&rig.in);
	cr_assert(rig_take(&rig, RIG_OWN_ID), "%s", rig.why);
	cr_assert(!memcmp(rig.memory, rig_memory(), RIG_PAGES * RIG_PAGE));
	cr_assert_eq(rig.in.at, rig.in.n);
	cr_assert(rig.machines == 1 && rig.images == 1 && rig.devices == 1 &&
		  rig.registers == 1 && rig.finished == 1);
	cr_assert(rig_said(&rig, STREAM_REDY) && rig_said(&rig, STREAM_CONF));
	cr_assert(rig_said(&rig, STREAM_RUNS) && !rig_said(&rig, STREAM_FAIL));
	rig_free(&rig);
}

Test(stream, one_way_runs_at_its_end_and_answers_nothing)
{
	const struct recipe recipe = { .one_way = true };
	struct rig rig = { 0 };

	rig_stream(&rig.in, &recipe);
	cr_assert(rig_take(&rig, RIG_OWN_ID), "%s", rig.why);
	cr_assert(!memcmp(rig.memory, rig_memory(), RIG_PAGES * RIG_PAGE));
	cr_assert_eq(rig.out.n, 0);
	rig_free(&rig);
}

/* Whoever decided meanwhile must not be wrong afterwards. */
Test(stream, go_that_comes_too_late_is_refused)
{
	struct rig rig = { .late = true };

	good(&rig.in);
	cr_assert(!rig_take(&rig, RIG_OWN_ID));
	cr_assert(strstr(rig.why, "GO was read later"), "%s", rig.why);
	cr_assert(rig_said(&rig, STREAM_CONF) && rig_said(&rig, STREAM_FAIL));
	cr_assert(!rig_said(&rig, STREAM_RUNS));
	rig_free(&rig);
}

static void refused(struct rig *rig, const char *why)
{
	cr_assert(!rig_take(rig, RIG_OWN_ID));
	cr_assert(strstr(rig->why, why), "'%s' is not in: %s", why, rig->why);
	cr_assert(!rig_said(rig, STREAM_RUNS));
	rig_free(rig);
}

static void cut_anywhere(bool one_way)
{
	const struct recipe recipe = { .one_way = one_way };
	struct bytes whole = { 0 };

	rig_stream(&whole, &recipe);
	for (size_t n = 0; n < whole.n; n++) {
		struct rig rig = { 0 };

		bytes_add(&rig.in, whole.p, n);
		refused(&rig, "the stream ended");
	}
	bytes_free(&whole);
}

Test(stream, cut_at_any_byte_it_does_not_run)
{
	cut_anywhere(false);
	cut_anywhere(true);
}

Test(stream, any_flipped_byte_is_noticed)
{
	struct bytes whole = { 0 };

	good(&whole);
	for (size_t i = 0; i < whole.n; i++) {
		struct rig rig = { 0 };

		bytes_add(&rig.in, whole.p, whole.n);
		rig.in.p[i] ^= 1 << i % 8;
		refused(&rig, "section");
	}
	bytes_free(&whole);
}

/* Where the answers cannot be written, nobody will ever say GO. */
Test(stream, answers_that_do_not_go_out)
{
	struct rig whole = { 0 };

	good(&whole.in);
	cr_assert(rig_take(&whole, RIG_OWN_ID));
	/* but RUNS, which comes too late to matter */
	for (size_t n = 1; n < whole.out.n - STREAM_HEADER; n++) {
		struct rig rig = { .out = { .limit = n } };

		bytes_add(&rig.in, whole.in.p, whole.in.n);
		refused(&rig, "writing");
	}
	rig_free(&whole);
}

/* An ABRT there would be the rest of what was torn, of GO for one. */
Test(stream, nothing_follows_a_torn_section)
{
	struct stream_hello hello = { RIG_PAGE, RIG_SOURCE_ID, false };
	struct bytes to = { 0 };
	struct stream_io io = bytes_io(&to);
	struct stream s;
	size_t n;

	stream_init(&s, &io, false);
	cr_assert_eq(stream_put_hello(&s, &hello), 0);
	to.limit = to.n + STREAM_HEADER;
	n = to.limit;
	cr_assert_eq(stream_write(&s, STREAM_MACH, "4096", 4), -EPIPE);
	to.limit = 0;
	cr_assert_eq(stream_write_text(&s, STREAM_ABRT, "why"), -EINVAL);
	cr_assert_eq(to.n, n);
	stream_close(&s);
	bytes_free(&to);
}

Test(stream, a_recording_is_refused)
{
	struct rig rig = { 0 };

	good(&rig.in);
	cr_assert(!rig_take(&rig, RIG_OWN_ID + 1));
	cr_assert(strstr(rig.why, "of another migration"), "%s", rig.why);
	cr_assert_eq(rig.machines, 0);
	rig_free(&rig);
}

Test(stream, a_step_that_fails_is_told_and_does_not_run)
{
	static const char *const steps[] = { "machine", "image", "devices",
					     "registers", "finish" };

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct rig rig = { .fail = steps[i] };

		good(&rig.in);
		cr_assert(!rig_take(&rig, RIG_OWN_ID));
		cr_assert(rig_said(&rig, STREAM_FAIL), "%s", steps[i]);
		cr_assert(strstr(rig.why, "told to fail"), "%s", rig.why);
		cr_assert(!rig_said(&rig, STREAM_CONF));
		rig_free(&rig);
	}
}

/* A section as nobody here would write it. */
static void raw(struct stream *s, const char *type, uint32_t flags,
		const void *payload, uint32_t n)
{
	uint8_t h[STREAM_HEADER];
	uint64_t sum = XXH3_64bits(payload, n);

	memcpy(h, type, 4);
	memcpy(h + 4, &flags, 4);
	memcpy(h + 8, &s->number, 4);
	memcpy(h + 12, &n, 4);
	memcpy(h + 16, &s->session, 8);
	memcpy(h + 24, &sum, 8);
	sum = XXH3_64bits(h, 32);
	memcpy(h + 32, &sum, 8);
	s->io->write(s->io->userdata, h, sizeof(h));
	s->io->write(s->io->userdata, payload, n);
	s->number++;
}

static void unknown_optional(struct stream *s)
{
	raw(s, "NEWS", 0, "something", 9);
}

static void unknown_required(struct stream *s)
{
	raw(s, "NEWS", STREAM_REQUIRED, "something", 9);
}

static void reserved_flags(struct stream *s)
{
	raw(s, "NEWS", 6, "", 0);
}

static void large_unknown(struct stream *s)
{
	static uint8_t zeros[STREAM_MAX_UNKNOWN + 1];

	raw(s, "NEWS", 0, zeros, sizeof(zeros));
}

static void many_unknown(struct stream *s)
{
	for (unsigned int i = 0; i <= STREAM_MAX_SKIPPED; i++)
		raw(s, "NEWS", 0, "", 0);
}

static void gives_up(struct stream *s)
{
	raw(s, "ABRT", STREAM_REQUIRED, "the\nguest ended", 15);
}

static void refused_before(int number, void (*extra)(struct stream *s),
			   const char *why)
{
	const struct recipe recipe = { .number = number, .extra = extra };
	struct rig rig = { 0 };

	rig_stream(&rig.in, &recipe);
	refused(&rig, why);
}

Test(stream, unknown_optional_sections_are_skipped_anywhere)
{
	for (int i = 1; i < 14; i++) {
		const struct recipe recipe = { .number = i,
					       .extra = unknown_optional };
		struct rig rig = { 0 };

		rig_stream(&rig.in, &recipe);
		cr_assert(rig_take(&rig, RIG_OWN_ID), "%d: %s", i, rig.why);
		rig_free(&rig);
	}
}

Test(stream, unknown_sections_that_are_refused)
{
	refused_before(5, unknown_required, "NEWS is required");
	refused_before(5, reserved_flags, "reserved flags");
	refused_before(5, large_unknown, "NEWS has 65537 bytes");
	refused_before(5, many_unknown, "too many unknown");
}

Test(stream, a_source_that_gives_up_says_why)
{
	for (int i = 1; i < 14; i++)
		refused_before(i, gives_up, "gave up: the?guest ended");
}

/* Each known section where it is not expected, but ABRT. */
static const char *out_of_turn;

static void add_out_of_turn(struct stream *s)
{
	raw(s, out_of_turn, STREAM_REQUIRED, "", 0);
}

Test(stream, nothing_comes_out_of_its_turn)
{
	static const char *const types[] = { "HELO", "MACH", "IMAG", "ROUN",
					     "PAGE", "STOP", "DEVS", "HASH",
					     "REGS", "END.", "GO..", "REDY",
					     "CONF", "RUNS", "FAIL" };
	/* by the section before which it comes: what may come there */
	static const char *const turns[] = {
		"HELO",		  "MACH",	    "IMAG",
		"ROUN PAGE STOP", "ROUN PAGE STOP", "ROUN PAGE STOP",
		"ROUN PAGE STOP", "ROUN PAGE STOP", "PAGE DEVS",
		"PAGE DEVS",	  "HASH REGS",	    "REGS",
		"END.",		  "GO..",
	};

	for (int i = 0; i < 14; i++)
		for (size_t k = 0; k < sizeof(types) / sizeof(*types); k++) {
			if (strstr(turns[i], types[k]))
				continue;
			out_of_turn = types[k];
			refused_before(i, add_out_of_turn,
				       "is not expected here");
		}
}

static uint8_t page_payload[8 + 2 * 16 + 2 * RIG_PAGE];
static uint32_t page_length;

static void add_page_payload(struct stream *s)
{
	raw(s, "PAGE", STREAM_REQUIRED, page_payload, page_length);
}

struct run {
	uint64_t first;
	uint32_t pages, kind;
};

static void refused_pages(uint32_t n, struct run a, struct run b,
			  uint32_t length, const char *why)
{
	memset(page_payload, 0, sizeof(page_payload));
	memcpy(page_payload, &n, 4);
	memcpy(page_payload + 8, &a, 16);
	memcpy(page_payload + 24, &b, 16);
	page_length = length;
	refused_before(4, add_page_payload, why);
}

Test(stream, pages_that_are_refused)
{
	const struct run none = { 0 }, first = { 0, 1, 0 };

	refused_pages(0, none, none, 24, "PAGE with 0 runs");
	refused_pages(STREAM_MAX_RUNS + 1, none, none, 40, "PAGE with 4097");
	refused_pages(2, first, none, 24, "PAGE with 2 runs in 24");
	refused_pages(1, none, none, 24, "0 pages at page 0");
	refused_pages(1, (struct run){ RIG_PAGES, 1, 0 }, none, 24,
		      "the guest has 8");
	refused_pages(1, (struct run){ RIG_PAGES - 1, 2, 0 }, none, 24,
		      "2 pages at page 7");
	refused_pages(1, (struct run){ 1, UINT32_MAX, 0 }, none, 24,
		      "the guest has 8");
	refused_pages(1, (struct run){ UINT64_MAX, 2, 0 }, none, 24,
		      "the guest has 8");
	refused_pages(1, (struct run){ 0, 1, 2 }, none, 24, "of kind 2");
	refused_pages(2, (struct run){ 3, 2, 0 }, (struct run){ 4, 1, 0 }, 40,
		      "page 4 comes twice");
	refused_pages(2, (struct run){ 3, 2, 0 }, (struct run){ 2, 1, 0 }, 40,
		      "page 2 comes twice");
	refused_pages(1, (struct run){ 0, 1, 1 }, none, 24,
		      "PAGE of 24 bytes, with 4096");
	refused_pages(1, first, none, 24 + RIG_PAGE, "with 0 of pages");
}

static void add_stop(struct stream *s)
{
	raw(s, "STOP", STREAM_REQUIRED, "", 0);
}

/* All of the guest's memory comes in round 0, or it does not run. */
Test(stream, memory_that_is_not_whole)
{
	const struct run first = { 0, 1, 0 };
	const uint32_t n = 1;

	refused_before(3, add_stop, "round 0 ended after 0 of 8 pages");
	refused_before(4, add_stop, "round 0 ended after 0 of 8 pages");
	memset(page_payload, 0, sizeof(page_payload));
	memcpy(page_payload, &n, 4);
	memcpy(page_payload + 8, &first, 16);
	page_length = 24;
	refused_before(3, add_page_payload, "PAGE before the first ROUN");
}

static void many_rounds(struct stream *s)
{
	uint32_t p[4] = { 0 };

	for (p[0] = 2; p[0] <= STREAM_MAX_ROUNDS; p[0]++)
		raw(s, "ROUN", STREAM_REQUIRED, p, sizeof(p));
}

static void round_again(struct stream *s)
{
	const uint32_t p[4] = { 1 };

	raw(s, "ROUN", STREAM_REQUIRED, p, sizeof(p));
}

Test(stream, rounds_are_counted_and_bounded)
{
	refused_before(7, many_rounds, "round 1000, after 1000 of at most");
	refused_before(7, round_again, "round 1, after 2");
}

static uint8_t *find_section(struct bytes *bytes, const char *type)
{
	uint32_t length;

	for (size_t at = 0; at < bytes->n; at += STREAM_HEADER + length) {
		if (!memcmp(bytes->p + at, type, 4))
			return bytes->p + at;
		memcpy(&length, bytes->p + at + 12, 4);
	}
	cr_assert(false, "no %s", type);
	return NULL;
}

/* It says 200 MiB and has nothing: nobody allocates that. */
Test(stream, a_length_is_not_believed)
{
	struct rig rig = { 0 };
	uint32_t n = 200 << 20;
	uint8_t *section;
	uint64_t sum;

	good(&rig.in);
	section = find_section(&rig.in, "IMAG");
	memcpy(section + 12, &n, 4);
	sum = XXH3_64bits(section, 32);
	memcpy(section + 32, &sum, 8);
	refused(&rig, "the stream ended");
	cr_assert_lt(rig.room, 4 << 20);
}

static void refused_hello(size_t at, uint32_t value, const char *why)
{
	struct rig rig = { 0 };
	uint64_t sum;

	good(&rig.in);
	memcpy(rig.in.p + STREAM_HEADER + at, &value, 4);
	sum = XXH3_64bits(rig.in.p + STREAM_HEADER, 32);
	memcpy(rig.in.p + 24, &sum, 8);
	sum = XXH3_64bits(rig.in.p, 32);
	memcpy(rig.in.p + 32, &sum, 8);
	refused(&rig, why);
}

Test(stream, hellos_that_are_refused)
{
	refused_hello(0, 0x474e5089, "not a migration stream");
	refused_hello(8, 2 << 16, "version 2.0, and this is 1.0");
	refused_hello(12, 2048, "pages of 2048");
	refused_hello(12, 12288, "pages of 12288");
	refused_hello(12, 131072, "pages of 131072");
	refused_hello(24, 2, "reserved");
	refused_hello(28, 1, "reserved");
}

/* The rows of the document's last table are the header's constants. */
static void document_says(const char *name, unsigned long value)
{
	FILE *f = fopen(SOURCE_ROOT "/docs/stream.md", "r");
	char line[512], row[128];
	bool found = false;

	cr_assert(f);
	snprintf(row, sizeof(row), "| %s | %lu |", name, value);
	while (fgets(line, sizeof(line), f))
		found |= !strncmp(line, row, strlen(row));
	fclose(f);
	cr_assert(found, "docs/stream.md has no '%s'", row);
}

#define DOCUMENT_SAYS(name) document_says(#name, name)

Test(stream, the_document_has_these_constants)
{
	DOCUMENT_SAYS(STREAM_MAJOR);
	DOCUMENT_SAYS(STREAM_MINOR);
	DOCUMENT_SAYS(STREAM_HEADER);
	DOCUMENT_SAYS(STREAM_REQUIRED);
	DOCUMENT_SAYS(STREAM_ONE_WAY);
	DOCUMENT_SAYS(STREAM_MAX_ROUNDS);
	DOCUMENT_SAYS(STREAM_MAX_RUNS);
	DOCUMENT_SAYS(STREAM_MAX_PAGES);
	DOCUMENT_SAYS(STREAM_MAX_MACHINE);
	DOCUMENT_SAYS(STREAM_MAX_REGISTERS);
	DOCUMENT_SAYS(STREAM_MAX_TEXT);
	DOCUMENT_SAYS(STREAM_MAX_UNKNOWN);
	DOCUMENT_SAYS(STREAM_MAX_SKIPPED);
}
