// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "stream_rig.h"

static int read_bytes(void *userdata, void *to, size_t n)
{
	struct bytes *b = userdata;

	if (n > b->n - b->at)
		return -EPIPE;
	memcpy(to, b->p + b->at, n);
	b->at += n;
	return 0;
}

static int write_bytes(void *userdata, const void *from, size_t n)
{
	struct bytes *b = userdata;

	if (b->limit && b->n + n > b->limit)
		return -EPIPE;
	bytes_add(b, from, n);
	return 0;
}

struct stream_io bytes_io(struct bytes *bytes)
{
	return (struct stream_io){ bytes, read_bytes, write_bytes };
}

void bytes_add(struct bytes *bytes, const void *from, size_t n)
{
	uint8_t *p = realloc(bytes->p, bytes->n + n);

	if (!p && bytes->n + n)
		abort();
	if (n)
		memcpy(p + bytes->n, from, n);
	bytes->p = p;
	bytes->n += n;
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->p);
	*bytes = (struct bytes){ 0 };
}

/* Pages of every kind: zeros, data, and some that the last round changes. */
const uint8_t *rig_memory(void)
{
	static uint8_t memory[RIG_PAGES * RIG_PAGE];

	for (unsigned int i = 0; i < RIG_PAGES; i++)
		if (i % 4 == 3)
			memset(memory + (size_t)i * RIG_PAGE, i + 1, RIG_PAGE);
	return memory;
}

static void check(int rc)
{
	if (rc)
		abort();
}

static void add_pages(struct stream *s, unsigned int first, unsigned int end)
{
	struct page_writer w;

	check(pages_writer_init(&w, s, rig_memory(), RIG_PAGE));
	for (unsigned int i = first; i < end; i++)
		check(pages_write(&w, i));
	check(pages_flush(&w));
	pages_writer_free(&w);
}

static void add(struct stream *s, unsigned int i, const struct recipe *recipe)
{
	struct stream_hello hello = { RIG_PAGE, RIG_SOURCE_ID,
				      recipe->one_way };
	char size[32];
	int n = snprintf(size, sizeof(size), "%u", RIG_PAGES * RIG_PAGE);

	switch (i) {
	case 0:
		check(stream_put_hello(s, &hello));
		s->session = RIG_SOURCE_ID ^ (recipe->one_way ? 0 : RIG_OWN_ID);
		return;
	case 1:
		return check(stream_write(s, STREAM_MACH, size, n));
	case 2:
		return check(stream_write(s, STREAM_IMAG, "image", 5));
	case 3:
		return check(stream_put_round(s, RIG_PAGES));
	case 4:
		return add_pages(s, 0, RIG_PAGES);
	case 5:
		return check(stream_put_round(s, 2));
	case 6:
		return add_pages(s, 2, 4);
	case 7:
		return check(stream_write(s, STREAM_STOP, NULL, 0));
	case 8:
		return add_pages(s, 6, 8);
	case 9:
		return check(stream_write(s, STREAM_DEVS, size, n));
	case 10:
		return check(stream_put_hash(
			s, XXH3_64bits(rig_memory(), RIG_PAGES * RIG_PAGE)));
	case 11:
		return check(stream_write(s, STREAM_REGS, "changes", 7));
	case 12:
		return check(stream_write(s, STREAM_END, NULL, 0));
	default:
		if (!recipe->one_way && !recipe->no_go)
			check(stream_write(s, STREAM_GO, NULL, 0));
	}
}

void rig_stream(struct bytes *to, const struct recipe *recipe)
{
	struct stream_io io = bytes_io(to);
	struct stream s;

	stream_init(&s, &io, false);
	for (unsigned int i = 0; i < 14; i++) {
		if (recipe->extra && recipe->number == (int)i)
			recipe->extra(&s);
		add(&s, i, recipe);
	}
	stream_close(&s);
}

static int step(struct rig *rig, const char *name)
{
	return rig->fail && !strcmp(rig->fail, name) ? 3 : 0;
}

static int machine(void *userdata, const void *text, size_t size,
		   uint64_t *ret_memory_size)
{
	struct rig *rig = userdata;
	char number[32] = "";

	memcpy(number, text, size < 31 ? size : 31);
	rig->memory_size = strtoull(number, NULL, 10) % (64 * RIG_PAGE + 1);
	*ret_memory_size = rig->memory_size;
	rig->machines++;
	return step(rig, "machine");
}

static int image(void *userdata, const void *data, size_t size,
		 uint8_t **ret_memory)
{
	struct rig *rig = userdata;

	(void)data;
	(void)size;
	rig->memory = calloc(1, rig->memory_size);
	*ret_memory = rig->memory;
	rig->images++;
	return step(rig, "image");
}

static int devices(void *userdata, const void *text, size_t size)
{
	struct rig *rig = userdata;

	(void)text;
	(void)size;
	rig->devices++;
	return step(rig, "devices");
}

static int registers(void *userdata, const void *data, size_t size)
{
	struct rig *rig = userdata;

	(void)data;
	(void)size;
	rig->registers++;
	return step(rig, "registers");
}

static int finish(void *userdata, struct stream_confirm *ret)
{
	struct rig *rig = userdata;

	*ret = (struct stream_confirm){ .compared = 7 };
	rig->finished++;
	return step(rig, "finish");
}

static const char *why(void *userdata)
{
	(void)userdata;
	return "the rig was told to fail";
}

static bool late(void *userdata)
{
	struct rig *rig = userdata;

	return rig->late;
}

bool rig_take(struct rig *rig, uint64_t own_id)
{
	const struct taker taker = {
		.userdata = rig,
		.machine = machine,
		.image = image,
		.devices = devices,
		.registers = registers,
		.finish = finish,
		.why = why,
		.late = late,
	};
	struct stream_io in_io = bytes_io(&rig->in);
	struct stream_io out_io = bytes_io(&rig->out);
	struct stream in, out;
	bool run;

	stream_init(&in, &in_io, false);
	stream_init(&out, &out_io, true);
	run = take(&in, &out, &taker, own_id, &rig->hello);
	if (run)
		(void)!taken_runs(&out, &rig->hello);
	memcpy(rig->why, in.why, sizeof(rig->why));
	rig->room = in.room;
	stream_close(&in);
	stream_close(&out);
	return run;
}

bool rig_said(const struct rig *rig, uint32_t type)
{
	const struct bytes *out = &rig->out;
	uint32_t found, length;

	for (size_t at = 0; at + STREAM_HEADER <= out->n;
	     at += STREAM_HEADER + length) {
		memcpy(&found, out->p + at, 4);
		memcpy(&length, out->p + at + 12, 4);
		if (found == type)
			return true;
	}
	return false;
}

void rig_free(struct rig *rig)
{
	bytes_free(&rig->in);
	bytes_free(&rig->out);
	free(rig->memory);
	rig->memory = NULL;
}
