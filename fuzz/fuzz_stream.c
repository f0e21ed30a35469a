/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a migration stream, or as the answers to one: the guest runs
 * only after all of it was there, and else the source is told why.
 */
#include <string.h>

#include "fuzz.h"
#include "stream_rig.h"

#define ANSWERS 1

static void keep_seed(const char *dir, const char *name, uint8_t flags,
		      const struct bytes *bytes)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	EXPECT(f && fputc(flags, f) == flags);
	EXPECT(fwrite(bytes->p, 1, bytes->n, f) == bytes->n);
	EXPECT(!fclose(f));
}

/* One run in its section: no later one has to fit to it. */
static void one_page(struct stream *s)
{
	struct page_writer w;

	EXPECT(!pages_writer_init(&w, s, rig_memory(), RIG_PAGE));
	EXPECT(!pages_write(&w, 0) && !pages_flush(&w));
	pages_writer_free(&w);
}

/* With ONEREG_FUZZ_SEEDS a directory, once: good streams to begin with. */
static void write_seeds(const char *dir)
{
	const struct recipe one_way = { .one_way = true };
	const struct recipe both = { .number = 8, .extra = one_page };
	struct bytes bytes = { 0 };
	struct rig rig = { 0 };

	rig_stream(&bytes, &one_way);
	keep_seed(dir, "one-way", 0, &bytes);
	bytes_free(&bytes);
	rig_stream(&rig.in, &both);
	keep_seed(dir, "both-ways", 0, &rig.in);
	EXPECT(rig_take(&rig, RIG_OWN_ID));
	keep_seed(dir, "answers", ANSWERS, &rig.out);
	rig_free(&rig);
}

static void try_stream(const uint8_t *data, size_t size)
{
	struct rig rig = { 0 };
	bool run;

	bytes_add(&rig.in, data, size);
	run = rig_take(&rig, RIG_OWN_ID);
	if (run) {
		EXPECT(rig.machines == 1 && rig.images == 1);
		EXPECT(rig.devices == 1 && rig.registers == 1);
		EXPECT(rig.finished == 1);
		EXPECT(rig_said(&rig, STREAM_RUNS) != rig.hello.one_way);
		EXPECT(!rig_said(&rig, STREAM_FAIL));
	} else {
		EXPECT(*rig.why && strlen(rig.why) < sizeof(rig.why));
		EXPECT(!rig_said(&rig, STREAM_RUNS));
	}
	rig_free(&rig);
}

static void try_answers(const uint8_t *data, size_t size)
{
	struct bytes bytes = { 0 };
	struct stream_io io = bytes_io(&bytes);
	struct stream_confirm confirm;
	struct section section;
	struct stream_hello hello;
	struct stream s;
	char text[STREAM_MAX_TEXT + 1];

	bytes_add(&bytes, data, size);
	stream_init(&s, &io, true);
	while (!stream_read(&s, &section)) {
		if (section.type == STREAM_HELO &&
		    !stream_get_hello(&s, &section, &hello))
			s.session = hello.id ^ RIG_SOURCE_ID;
		if (section.type == STREAM_CONF)
			(void)!stream_get_confirm(&s, &section, &confirm);
		if (section.type != STREAM_FAIL)
			continue;
		stream_text(&section, text, sizeof(text));
		EXPECT(strlen(text) == section.length);
	}
	EXPECT(*s.why);
	stream_close(&s);
	bytes_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool done;
	const char *seeds = getenv("ONEREG_FUZZ_SEEDS");

	if (seeds && !done)
		write_seeds(seeds);
	done = true;
	if (!size)
		return 0;
	if (data[0] & ANSWERS)
		try_answers(data + 1, size - 1);
	else
		try_stream(data + 1, size - 1);
	return 0;
}
