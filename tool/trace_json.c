/* SPDX-License-Identifier: MIT */
/* The sums, for programs. */
#include <errno.h>

#include "trace.h"

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *json_side(const struct side *s)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "calls",
			 number(s->calls), "redundant", number(s->redundant),
			 "failed", number(s->failed), "ns", number(s->ns),
			 "redundant_ns", number(s->redundant_ns));
}

static json_t *json_tally(const char *scope, const struct tally *t)
{
	return json_pack("{s:s, s:o, s:o}", "scope", scope, "read",
			 json_side(&t->get), "written", json_side(&t->set));
}

static json_t *json_scopes(const struct phase_sum *p)
{
	json_t *a = json_array();

	for (enum onereg_scope s = 0; s < N_SCOPES; s++)
		if (p->scope[s].get.calls || p->scope[s].set.calls)
			json_array_append_new(
				a, json_tally(onereg_scope_name(s),
					      &p->scope[s]));
	return a;
}

static json_t *json_counts(const struct phase_sum *p)
{
	json_t *o = json_object();

	for (int op = 0; op < N_OPS; op++)
		if (p->op[op])
			json_object_set_new(o, trace_ops[op].word,
					    number(p->op[op]));
	return o;
}

static json_t *json_errors(const struct phase_sum *p)
{
	json_t *a = json_array();

	for (int e = 0; e < N_ERRORS; e++)
		if (p->error[e])
			json_array_append_new(
				a, json_pack("{s:i, s:o}", "errno", e, "calls",
					     number(p->error[e])));
	return a;
}

static json_t *json_registers(const struct sum *sum, enum phase phase)
{
	const struct reg_tally *r = NULL;
	json_t *a = json_array(), *o;
	char name[TRACE_NAME_SIZE];

	while ((r = trace_next(sum, phase, r))) {
		o = json_tally(onereg_scope_name(r->scope), &r->tally);
		json_object_set_new(o, "name", json_string(trace_reg_name(r->id, name)));
		json_object_set_new(o, "id", json_hex(r->id));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *json_phase(const struct sum *sum, enum phase phase,
			  bool registers)
{
	const struct phase_sum *p = &sum->phase[phase];
	json_t *o = json_tally("all", &p->all);

	json_object_set_new(o, "phase", json_string(trace_phase_names[phase]));
	json_object_set_new(o, "scopes", json_scopes(p));
	json_object_set_new(o, "operations", json_counts(p));
	json_object_set_new(o, "errors", json_errors(p));
	if (registers)
		json_object_set_new(o, "registers",
				    json_registers(sum, phase));
	return o;
}

int trace_json(FILE *f, const struct watch *watch, const struct sum *sum,
	       bool registers)
{
	json_t *phases = json_array(), *o;
	int r;

	for (enum phase phase = 0; phase < N_PHASES; phase++)
		if (sum->phase[phase].there)
			json_array_append_new(
				phases, json_phase(sum, phase, registers));
	o = json_pack("{s:o, s:o, s:i, s:o, s:o}", "vms", number(sum->vms),
		      "ran", number(sum->ran), "vcpus", (int)sum->vcpus,
		      "overhead_ns", number(watch->overhead), "phases",
		      phases);
	r = !o || json_dumpf(o, f, JSON_INDENT(2)) ? -EIO : 0;
	json_decref(o);
	fputc('\n', f);
	return r || fflush(f) || ferror(f) ? -EIO : 0;
}
