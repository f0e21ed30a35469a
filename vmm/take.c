// SPDX-License-Identifier: MIT
/*
 * The destination's side of the migration stream: takes sections in their
 * order, answers, and says whether the guest may be run. What is done with
 * them is the caller's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "stream.h"

struct taking {
	struct stream *in, *out;
	const struct taker *taker;
	struct stream_hello hello;
	struct page_reader pages;
	uint64_t memory_size;
	uint32_t begun; /* rounds */
	bool stopped, over;
};

/* What the caller could not do; it has a text for that. */
static int told(struct taking *t, int rc)
{
	if (!rc)
		return 0;
	return stream_refuse(t->in, -ECANCELED, "%s",
			     t->taker->why(t->taker->userdata));
}

static int greet(struct taking *t, uint64_t own_id)
{
	struct stream_hello own = { .id = own_id };
	struct section section;
	int rc = stream_read(t->in, &section);

	if (!rc)
		rc = stream_get_hello(t->in, &section, &t->hello);
	if (rc)
		return rc;
	t->in->session = t->hello.id;
	if (t->hello.one_way)
		return 0;
	own.page_size = t->hello.page_size;
	rc = stream_put_hello(t->out, &own);
	if (rc)
		return stream_refuse(t->in, rc, "%s", t->out->why);
	t->in->session ^= own_id;
	t->out->session = t->in->session;
	return 0;
}

static int answer(struct taking *t, uint32_t type)
{
	int rc;

	if (t->hello.one_way)
		return 0;
	rc = stream_write(t->out, type, NULL, 0);
	return rc ? stream_refuse(t->in, rc, "%s", t->out->why) : 0;
}

static int machine(struct taking *t, const struct section *section)
{
	uint64_t pages;
	int rc = told(t, t->taker->machine(t->taker->userdata, section->payload,
					   section->length, &t->memory_size));

	if (rc)
		return rc;
	pages = t->memory_size / t->hello.page_size;
	if (!pages || t->memory_size % t->hello.page_size)
		return stream_refuse(t->in, -EBADMSG,
				     "%llu bytes of memory "
				     "are no whole pages of %u",
				     (unsigned long long)t->memory_size,
				     t->hello.page_size);
	t->pages = (struct page_reader){
		.n_pages = pages,
		.page_size = t->hello.page_size,
	};
	return 0;
}

static int image(struct taking *t, const struct section *section)
{
	int rc = told(t, t->taker->image(t->taker->userdata, section->payload,
					 section->length, &t->pages.memory));

	return rc ?: answer(t, STREAM_REDY);
}

static int hash(struct taking *t, const struct section *section)
{
	uint64_t theirs = stream_get_hash(section);

	if (XXH3_64bits(t->pages.memory, t->memory_size) == theirs)
		return 0;
	return stream_refuse(t->in, -EBADMSG,
			     "the guest's memory here is not "
			     "what it is at the source");
}

static int end(struct taking *t)
{
	struct stream_confirm confirm = { 0 };
	int rc = told(t, t->taker->finish(t->taker->userdata, &confirm));

	t->over = t->hello.one_way;
	if (rc || t->over)
		return rc;
	rc = stream_put_confirm(t->out, &confirm);
	return rc ? stream_refuse(t->in, rc, "%s", t->out->why) : 0;
}

/* A process that stood still finds it at once, however old it is. */
static int go(struct taking *t)
{
	if (t->taker->late && t->taker->late(t->taker->userdata))
		return stream_refuse(t->in, -ETIMEDOUT,
				     "GO was read later than --stall allows: "
				     "the source may have given up");
	t->over = true;
	return 0;
}

static int given_up(struct taking *t, const struct section *section)
{
	char text[128];

	stream_text(section, text, sizeof(text));
	return stream_refuse(t->in, -ECONNABORTED, "the source gave up: %s",
			     text);
}

static void progress(const struct taking *t)
{
	if (t->taker->progress)
		t->taker->progress(t->taker->userdata, t->in->rounds,
				   t->pages.taken, t->stopped);
}

/*
 * A round, or the last pages, begin. As a round has each page once, as many as
 * there are is all of them.
 */
static int begin(struct taking *t, bool stopped)
{
	if ((stopped || t->begun) && (!t->begun || t->pages.taken <
						   t->pages.n_pages))
		return stream_refuse(t->in, -EBADMSG,
				     "round 0 ended after %llu of %llu pages",
				     (unsigned long long)t->pages.taken,
				     (unsigned long long)t->pages.n_pages);
	t->begun += !stopped;
	t->pages.next = 0;
	t->stopped = stopped;
	progress(t);
	return 0;
}

static int take_one(struct taking *t, const struct section *s)
{
	const struct taker *taker = t->taker;

	switch (s->type) {
	case STREAM_MACH:
		return machine(t, s);
	case STREAM_IMAG:
		return image(t, s);
	case STREAM_ROUN:
		return begin(t, false);
	case STREAM_STOP:
		return begin(t, true);
	case STREAM_PAGE:
		if (!t->begun)
			return stream_refuse(t->in, -EBADMSG,
					     "PAGE before the first ROUN");
		return pages_read(&t->pages, t->in, s);
	case STREAM_DEVS:
		return told(t, taker->devices(taker->userdata, s->payload,
					      s->length));
	case STREAM_HASH:
		return hash(t, s);
	case STREAM_REGS:
		return told(t, taker->registers(taker->userdata, s->payload,
						s->length));
	case STREAM_END:
		return end(t);
	case STREAM_GO:
		return go(t);
	default: /* STREAM_ABRT */
		return given_up(t, s);
	}
}

bool take(struct stream *in, struct stream *out, const struct taker *taker,
	  uint64_t own_id, struct stream_hello *ret_hello)
{
	struct taking t = { .in = in, .out = out, .taker = taker };
	struct section section;
	int rc = greet(&t, own_id);

	while (!rc && !t.over) {
		rc = stream_read(in, &section);
		if (!rc)
			rc = take_one(&t, &section);
	}
	*ret_hello = t.hello;
	if (!rc)
		return true;
	/* It may be gone, too; it hears that this side gave up if it can. */
	if (!t.hello.one_way && rc != -ECONNABORTED)
		(void)!stream_write_text(out, STREAM_FAIL, in->why);
	return false;
}

int taken_runs(struct stream *out, const struct stream_hello *hello)
{
	return hello->one_way ? 0 : stream_write(out, STREAM_RUNS, NULL, 0);
}
