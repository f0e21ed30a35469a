/* SPDX-License-Identifier: MIT */
/*
 * The calls of another VMM, recorded by onereg trace (docs/trace.md), made
 * again. Only the calls: what that VMM does between them is not here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct {
	const char *name;
	unsigned long request;
} ops[] = {
	{ "GET", GET_ONE_REG },
	{ "SET", SET_ONE_REG },
	{ "GET-EVENTS", GET_VCPU_EVENTS },
	{ "SET-EVENTS", SET_VCPU_EVENTS },
	{ "GET-MP-STATE", GET_MP_STATE },
	{ "SET-MP-STATE", SET_MP_STATE },
};

/* One longer; room doubles at each power of two, where it is full. */
static bool grow(void **array, size_t n, size_t size)
{
	void *p;

	if (n & (n - 1))
		return true;
	p = realloc(*array, (n ? 2 * n : 1) * size);
	if (p)
		*array = p;
	return p;
}

static bool add_call(struct sequence *s, const struct call *call,
		     struct trouble *t)
{
	if (!grow((void **)&s->calls, s->n, sizeof(*s->calls)))
		return trouble_set(t, ENOMEM, "a sequence of calls");
	s->calls[s->n++] = *call;
	return true;
}

static bool add_block(struct sequence *s, size_t n, struct trouble *t)
{
	if (!grow((void **)&s->blocks, s->n_blocks, sizeof(*s->blocks)))
		return trouble_set(t, ENOMEM, "a sequence of calls");
	s->blocks[s->n_blocks++] = (struct block){ .first = s->n, .n = n };
	return true;
}

/* "SET 0x6030000000100000 X0"; the name is for people. */
static bool parse_call(const char *line, struct call *ret)
{
	char op[16];
	uint64_t id;

	if (sscanf(line, "%15s %" SCNx64, op, &id) != 2)
		return false;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(op, ops[i].name)) {
			*ret = (struct call){ ops[i].request, id };
			return true;
		}
	return false;
}

static bool take_line(struct sequence *s, const char *line, const char *path,
		      unsigned int at, struct trouble *t)
{
	size_t n, end = s->n_blocks ? s->blocks[s->n_blocks - 1].first +
					      s->blocks[s->n_blocks - 1].n : 0;
	struct call call;

	if (line[0] == '#' || !line[strspn(line, " \t\r\n")])
		return true;
	if (s->n == end && sscanf(line, "each-vcpu %zu", &n) == 1 && n)
		return add_block(s, n, t);
	if (s->n < end && parse_call(line, &call))
		return add_call(s, &call, t);
	return trouble_set(t, EBADMSG, "%s, line %u: neither a call nor the "
				       "beginning of a block, in its place",
			   path, at);
}

static bool is_complete(const struct sequence *s, const char *path,
			struct trouble *t)
{
	const struct block *last = s->blocks + s->n_blocks;

	if (!s->n_blocks || s->n < last[-1].first + last[-1].n)
		return trouble_set(t, ENODATA, "%s: calls are missing at its "
					       "end", path);
	return true;
}

bool sequence_read(struct sequence *s, const char *path, struct trouble *t)
{
	FILE *file = fopen(path, "r");
	char line[512];
	bool ok = true;

	*s = (struct sequence){ 0 };
	if (!file)
		return trouble_set(t, errno, "cannot open %s", path);
	for (unsigned int at = 1; ok && fgets(line, sizeof(line), file); at++)
		ok = take_line(s, line, path, at, t);
	fclose(file);
	return ok && is_complete(s, path, t);
}

void sequence_free(struct sequence *s)
{
	free(s->calls);
	free(s->blocks);
	*s = (struct sequence){ 0 };
}
