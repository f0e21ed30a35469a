// SPDX-License-Identifier: MIT
/*
 * Sections of the migration stream, and their order: docs/stream.md. Nothing
 * of a section is believed before its checksums hold and it is its turn.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* A state on the stack: the library is linked statically. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "stream.h"

#define CHUNK 1048576u
#define PAGES_MAX (8 + 16 * STREAM_MAX_RUNS + STREAM_MAX_PAGES)

static const uint8_t magic[8] = { 0x89, 'O', 'N', 'S', '\r', '\n', 0x1a, '\n' };

enum state {
	START,
	SHAPE,
	IMAGE,
	ROUNDS,
	LAST,
	DEVICES,
	HASHED,
	ALL,
	ENDED,
	GONE,
	BUILD,
	TAKE,
	WAIT,
	OVER, /* given up */
	ANY, /* of those in which there is something to give up */
};

static const struct turn {
	bool answers;
	enum state from;
	uint32_t type;
	enum state to;
	uint32_t min, max; /* bytes of its payload */
} turns[] = {
	{ false, START, STREAM_HELO, SHAPE, 32, 32 },
	{ false, SHAPE, STREAM_MACH, IMAGE, 1, STREAM_MAX_MACHINE },
	{ false, IMAGE, STREAM_IMAG, ROUNDS, 1, STREAM_MAX_REGISTERS },
	{ false, ROUNDS, STREAM_ROUN, ROUNDS, 16, 16 },
	{ false, ROUNDS, STREAM_PAGE, ROUNDS, 24, PAGES_MAX },
	{ false, ROUNDS, STREAM_STOP, LAST, 0, 0 },
	{ false, LAST, STREAM_PAGE, LAST, 24, PAGES_MAX },
	{ false, LAST, STREAM_DEVS, DEVICES, 1, STREAM_MAX_MACHINE },
	{ false, DEVICES, STREAM_HASH, HASHED, 8, 8 },
	{ false, DEVICES, STREAM_REGS, ALL, 1, STREAM_MAX_REGISTERS },
	{ false, HASHED, STREAM_REGS, ALL, 1, STREAM_MAX_REGISTERS },
	{ false, ALL, STREAM_END, ENDED, 0, 0 },
	{ false, ENDED, STREAM_GO, GONE, 0, 0 },
	{ false, ANY, STREAM_ABRT, OVER, 0, STREAM_MAX_TEXT },
	{ true, START, STREAM_HELO, BUILD, 32, 32 },
	{ true, BUILD, STREAM_REDY, TAKE, 0, 0 },
	{ true, TAKE, STREAM_CONF, WAIT, 32, 32 },
	{ true, WAIT, STREAM_RUNS, GONE, 0, 0 },
	{ true, ANY, STREAM_FAIL, OVER, 0, STREAM_MAX_TEXT },
};

struct header {
	uint32_t type, flags, number, length;
	uint64_t session, payload_sum, sum;
};

static void put32(uint8_t *to, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		to[i] = value >> 8 * i;
}

static void put64(uint8_t *to, uint64_t value)
{
	put32(to, value);
	put32(to + 4, value >> 32);
}

static uint32_t get32(const uint8_t *from)
{
	return from[0] | from[1] << 8 | from[2] << 16 | (uint32_t)from[3] << 24;
}

static uint64_t get64(const uint8_t *from)
{
	return get32(from) | (uint64_t)get32(from + 4) << 32;
}

void stream_init(struct stream *s, const struct stream_io *io, bool answers)
{
	*s = (struct stream){ .io = io, .answers = answers };
}

void stream_close(struct stream *s)
{
	free(s->payload);
	s->payload = NULL;
	s->room = 0;
}

/* Where, and what; where is the section that is being read or written. */
int stream_refuse(struct stream *s, int error, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(s->why, sizeof(s->why), "%s, section %u at byte %llu: ",
		     s->answers ? "answers" : "stream", s->number,
		     (unsigned long long)s->offset);
	va_start(args, format);
	vsnprintf(s->why + n, sizeof(s->why) - n, format, args);
	va_end(args);
	return error;
}

static const struct turn *find_turn(const struct stream *s, uint32_t type)
{
	for (size_t i = 0; i < sizeof(turns) / sizeof(*turns); i++) {
		const struct turn *t = &turns[i];

		if (t->answers != s->answers || t->type != type)
			continue;
		if (t->from == s->state ||
		    (t->from == ANY && s->state != GONE && s->state != OVER &&
		     (s->state != START || s->answers)))
			return t;
	}
	return NULL;
}

static bool known(uint32_t type)
{
	for (size_t i = 0; i < sizeof(turns) / sizeof(*turns); i++)
		if (turns[i].type == type)
			return true;
	return false;
}

/* Four characters, for people, whatever was in the four bytes. */
static const char *name(uint32_t type, char to[5])
{
	for (unsigned int i = 0; i < 4; i++) {
		char c = type >> 8 * i;

		to[i] = c >= 0x20 && c <= 0x7e ? c : '?';
	}
	to[4] = 0;
	return to;
}

static void parse_header(const uint8_t *from, struct header *ret)
{
	*ret = (struct header){
		.type = get32(from),
		.flags = get32(from + 4),
		.number = get32(from + 8),
		.length = get32(from + 12),
		.session = get64(from + 16),
		.payload_sum = get64(from + 24),
		.sum = get64(from + 32),
	};
}

static int read_failed(struct stream *s, int error, const char *what)
{
	return stream_refuse(s, error, "%s: %s", what,
			     error == -EPIPE ? "the stream ended" :
					       strerror(-error));
}

static int check_header(struct stream *s, const struct header *h,
			const uint8_t *bytes)
{
	char text[5];

	if (h->sum != XXH3_64bits(bytes, 32))
		return stream_refuse(s, -EBADMSG,
				     "the header is damaged, or this is no "
				     "migration stream");
	if (h->session != s->session)
		return stream_refuse(s, -EPROTO,
				     "%s of another migration: a recording, "
				     "or somebody else uses this stream",
				     name(h->type, text));
	if (h->number != s->number)
		return stream_refuse(s, -EPROTO,
				     "%s is section %u: some are missing or "
				     "came twice",
				     name(h->type, text), h->number);
	if (h->flags & ~(uint32_t)STREAM_REQUIRED)
		return stream_refuse(s, -EBADMSG, "%s has reserved flags 0x%x",
				     name(h->type, text), h->flags);
	return 0;
}

/* The turn, or NULL and 0: to be skipped. */
static int find(struct stream *s, const struct header *h,
		const struct turn **ret)
{
	uint32_t min = 0, max = STREAM_MAX_UNKNOWN;
	char text[5];

	*ret = find_turn(s, h->type);
	name(h->type, text);
	if (*ret) {
		min = (*ret)->min;
		max = (*ret)->max;
	} else if (known(h->type)) {
		return stream_refuse(s, -EPROTO, "%s is not expected here",
				     text);
	} else if (h->flags & STREAM_REQUIRED) {
		return stream_refuse(s, -EPROTO,
				     "%s is required and not known: a newer "
				     "onereg-vmm wrote it",
				     text);
	} else if (++s->skipped > STREAM_MAX_SKIPPED) {
		return stream_refuse(s, -EPROTO, "too many unknown sections");
	}
	if (h->length < min || h->length > max)
		return stream_refuse(s, -EBADMSG,
				     "%s has %u bytes, not %u to "
				     "%u",
				     text, h->length, min, max);
	return 0;
}

/* As the bytes come: a length alone makes nobody allocate. */
static int read_payload(struct stream *s, const struct header *h)
{
	size_t done = 0;

	while (done < h->length) {
		size_t n = h->length - done < CHUNK ? h->length - done : CHUNK;
		int rc;

		if (done + n > s->room) {
			size_t room = done ? 2 * done + n : n;
			uint8_t *p = realloc(s->payload, room);

			if (!p)
				return read_failed(s, -ENOMEM, "payload");
			s->payload = p;
			s->room = room;
		}
		rc = s->io->read(s->io->userdata, s->payload + done, n);
		if (rc)
			return read_failed(s, rc, "in the payload");
		done += n;
	}
	if (XXH3_64bits(h->length ? s->payload : (const void *)"", h->length) !=
	    h->payload_sum)
		return stream_refuse(s, -EBADMSG, "the payload is damaged");
	return 0;
}

static int check_round(struct stream *s, const struct section *section)
{
	if (section->type != STREAM_ROUN)
		return 0;
	if (get32(section->payload) != s->rounds ||
	    s->rounds >= STREAM_MAX_ROUNDS)
		return stream_refuse(s, -EPROTO,
				     "round %u, after %u of at "
				     "most %d",
				     get32(section->payload), s->rounds,
				     STREAM_MAX_ROUNDS);
	if (get32(section->payload + 4))
		return stream_refuse(s, -EBADMSG, "ROUN: reserved is not 0");
	s->rounds++;
	return 0;
}

/* One section, known or not. */
static int read_one(struct stream *s, struct section *ret,
		    const struct turn **turn)
{
	uint8_t bytes[STREAM_HEADER];
	struct header h;
	int rc = s->io->read(s->io->userdata, bytes, sizeof(bytes));

	if (rc)
		return read_failed(s, rc, "before a section");
	parse_header(bytes, &h);
	rc = check_header(s, &h, bytes);
	if (!rc)
		rc = find(s, &h, turn);
	if (!rc)
		rc = read_payload(s, &h);
	if (rc)
		return rc;
	*ret = (struct section){
		.type = h.type,
		.length = h.length,
		.payload = s->payload,
	};
	return *turn ? check_round(s, ret) : 0;
}

int stream_read(struct stream *s, struct section *ret)
{
	const struct turn *turn;

	do {
		int rc = read_one(s, ret, &turn);

		if (rc)
			return rc;
		s->number++;
		s->offset += STREAM_HEADER + ret->length;
	} while (!turn);
	s->state = turn->to;
	return 0;
}

static uint64_t sum_parts(const void *first, size_t n_first, const void *second,
			  size_t n_second)
{
	XXH3_state_t state;

	XXH3_64bits_reset(&state);
	if (n_first)
		XXH3_64bits_update(&state, first, n_first);
	if (n_second)
		XXH3_64bits_update(&state, second, n_second);
	return XXH3_64bits_digest(&state);
}

static int write_all(struct stream *s, const void *from, size_t n)
{
	int rc = n ? s->io->write(s->io->userdata, from, n) : 0;

	if (!rc)
		return 0;
	/* What comes behind a part of a section would be taken for the rest. */
	s->state = OVER;
	return stream_refuse(s, rc, "writing: %s", strerror(-rc));
}

int stream_write_parts(struct stream *s, uint32_t type, const void *first,
		       size_t n_first, const void *second, size_t n_second)
{
	const struct turn *turn = find_turn(s, type);
	uint8_t h[STREAM_HEADER];
	size_t n = n_first + n_second;
	char text[5];
	int rc;

	if (!turn || n < turn->min || n > turn->max)
		return stream_refuse(s, -EINVAL,
				     "%s of %zu bytes cannot be "
				     "written here",
				     name(type, text), n);
	put32(h, type);
	put32(h + 4, STREAM_REQUIRED);
	put32(h + 8, s->number);
	put32(h + 12, n);
	put64(h + 16, s->session);
	put64(h + 24, sum_parts(first, n_first, second, n_second));
	put64(h + 32, XXH3_64bits(h, 32));
	rc = write_all(s, h, sizeof(h));
	if (!rc)
		rc = write_all(s, first, n_first);
	if (!rc)
		rc = write_all(s, second, n_second);
	if (rc)
		return rc;
	s->number++;
	s->offset += sizeof(h) + n;
	s->state = turn->to;
	return 0;
}

int stream_write(struct stream *s, uint32_t type, const void *payload, size_t n)
{
	return stream_write_parts(s, type, payload, n, NULL, 0);
}

int stream_write_text(struct stream *s, uint32_t type, const char *text)
{
	size_t n = strlen(text);

	return stream_write(s, type, text,
			    n < STREAM_MAX_TEXT ? n : STREAM_MAX_TEXT);
}

void stream_text(const struct section *section, char *to, size_t size)
{
	size_t n = section->length < size ? section->length : size - 1;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = section->payload[i];

		to[i] = c >= 0x20 && c <= 0x7e ? c : '?';
	}
	to[n] = 0;
}

int stream_get_hello(struct stream *s, const struct section *from,
		     struct stream_hello *ret)
{
	const uint8_t *p = from->payload;
	uint32_t version = get32(p + 8), page_size = get32(p + 12);

	if (memcmp(p, magic, sizeof(magic)))
		return stream_refuse(s, -EBADMSG, "not a migration stream");
	if (version >> 16 != STREAM_MAJOR)
		return stream_refuse(s, -EPROTO,
				     "version %u.%u, and this is "
				     "%d.%d: use the same onereg-vmm on both "
				     "sides",
				     version >> 16, version & 0xffff,
				     STREAM_MAJOR, STREAM_MINOR);
	if (page_size < 4096 || page_size > 65536 ||
	    (page_size & (page_size - 1)))
		return stream_refuse(s, -EBADMSG, "pages of %u bytes",
				     page_size);
	*ret = (struct stream_hello){
		.page_size = page_size,
		.id = get64(p + 16),
		.one_way = get32(p + 24) & STREAM_ONE_WAY,
	};
	if (!ret->id || get32(p + 24) & ~(uint32_t)STREAM_ONE_WAY ||
	    get32(p + 28))
		return stream_refuse(s, -EBADMSG,
				     "HELO: reserved is not 0, or "
				     "the id is");
	return 0;
}

int stream_put_hello(struct stream *s, const struct stream_hello *hello)
{
	uint8_t p[32] = { 0 };

	memcpy(p, magic, sizeof(magic));
	put32(p + 8, STREAM_MAJOR << 16 | STREAM_MINOR);
	put32(p + 12, hello->page_size);
	put64(p + 16, hello->id);
	put32(p + 24, hello->one_way ? STREAM_ONE_WAY : 0);
	return stream_write(s, STREAM_HELO, p, sizeof(p));
}

int stream_put_round(struct stream *s, uint64_t pages)
{
	uint8_t p[16] = { 0 };
	int rc;

	put32(p, s->rounds);
	put64(p + 8, pages);
	rc = stream_write(s, STREAM_ROUN, p, sizeof(p));
	if (!rc)
		s->rounds++;
	return rc;
}

uint64_t stream_get_hash(const struct section *from)
{
	return get64(from->payload);
}

int stream_put_hash(struct stream *s, uint64_t hash)
{
	uint8_t p[8];

	put64(p, hash);
	return stream_write(s, STREAM_HASH, p, sizeof(p));
}

int stream_get_confirm(struct stream *s, const struct section *from,
		       struct stream_confirm *ret)
{
	*ret = (struct stream_confirm){
		.commit_ns = get64(from->payload),
		.prove_ns = get64(from->payload + 8),
		.compared = get64(from->payload + 16),
	};
	if (get64(from->payload + 24))
		return stream_refuse(s, -EPROTO,
				     "CONF with unexplained "
				     "differences");
	return 0;
}

int stream_put_confirm(struct stream *s, const struct stream_confirm *confirm)
{
	uint8_t p[32] = { 0 };

	put64(p, confirm->commit_ns);
	put64(p + 8, confirm->prove_ns);
	put64(p + 16, confirm->compared);
	return stream_write(s, STREAM_CONF, p, sizeof(p));
}
