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

/* ---- the file ---- */

static const struct {
	const char *name;
	unsigned long request;
} ops[] = {
	{ "GET", GET_ONE_REG },
	{ "SET", SET_ONE_REG },
};

static bool add_call(struct sequence *s, const struct call *call)
{
	struct call *calls = s->calls;

	/* Room doubles: at each power of two it is full. */
	if (!(s->n & (s->n - 1))) {
		calls = realloc(calls, (s->n ? 2 * s->n : 1) * sizeof(*calls));
		if (!calls)
			return false;
		s->calls = calls;
	}
	calls[s->n++] = *call;
	if (call->vcpu >= 0 && (size_t)call->vcpu >= s->n_vcpus)
		s->n_vcpus = (size_t)call->vcpu + 1;
	return true;
}

/* "SET 0 0x6030000000100000 X0": the call, whose, the register. */
static bool parse_call(const char *line, struct call *ret)
{
	char op[8];
	int vcpu;
	uint64_t id;

	if (sscanf(line, "%7s %d %" SCNx64, op, &vcpu, &id) != 3 || vcpu < 0)
		return false;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(op, ops[i].name)) {
			*ret = (struct call){ ops[i].request, id, vcpu };
			return true;
		}
	return false;
}

bool sequence_read(struct sequence *s, const char *path, struct trouble *t)
{
	FILE *file = fopen(path, "r");
	char line[512];
	unsigned int n = 0;
	struct call call;
	bool ok = true;

	*s = (struct sequence){ 0 };
	if (!file)
		return trouble_set(t, errno, "cannot open %s", path);
	while (ok && fgets(line, sizeof(line), file)) {
		n++;
		if (line[0] == '#' || line[strspn(line, " \t\r\n")] == '\0')
			continue;
		if (!parse_call(line, &call))
			ok = trouble_set(t, EBADMSG, "%s, line %u: not a call "
						     "of a sequence", path, n);
		else if (!add_call(s, &call))
			ok = trouble_set(t, ENOMEM, "%s", path);
	}
	fclose(file);
	if (ok && !s->n)
		ok = trouble_set(t, ENODATA, "%s: there is no call in it",
				 path);
	return ok;
}

void sequence_free(struct sequence *s)
{
	free(s->calls);
	*s = (struct sequence){ 0 };
}
