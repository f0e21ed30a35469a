/* SPDX-License-Identifier: MIT */
/*
 * Adds the log up. In which phase a call was is known only at the end: loading
 * begins with the last KVM_ARM_VCPU_INIT, and a VM may be thrown away unrun.
 */
#include <errno.h>
#include <stdlib.h>

#include "trace.h"

const char *const trace_phase_names[N_PHASES] = {
	[SETUP] = "setup",	   [LOAD] = "load",
	[RUN_PHASE] = "running",   [STOP_PHASE] = "stopped",
	[NEVER_RAN] = "never-ran",
};

enum phase trace_phase(const struct watch *watch, size_t i)
{
	const struct call *c = &watch->call[i];
	const struct vm *vm = &watch->vms.vm[c->vm];

	if (!vm->ran)
		return NEVER_RAN;
	if (c->stage != BEFORE)
		return c->stage == RUNNING ? RUN_PHASE : STOP_PHASE;
	return i < vm->load_from ? SETUP : LOAD;
}

static bool of_register(const struct call *c)
{
	return c->op <= OP_VSET;
}

static void add_call(struct tally *tally, const struct call *c)
{
	struct side *side = c->op == OP_GET || c->op == OP_VGET ? &tally->get :
								  &tally->set;

	side->calls++;
	side->ns += c->ns;
	side->failed += c->error != 0;
	if (c->redundant) {
		side->redundant++;
		side->redundant_ns += c->ns;
	}
}

static int by_phase_and_id(const void *a, const void *b)
{
	const struct reg_tally *x = a, *y = b;

	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Sorted rows, one a call, become one a register. */
static void merge_registers(struct sum *sum)
{
	struct reg_tally *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < sum->n_regs; i++) {
		struct reg_tally *r = &sum->reg[i];
		const uint64_t *from = (const uint64_t *)&r->tally;
		uint64_t *to;

		if (!last || by_phase_and_id(last, r)) {
			last = &sum->reg[n++];
			*last = *r;
			continue;
		}
		to = (uint64_t *)&last->tally;
		for (size_t k = 0; k < sizeof(r->tally) / sizeof(*to); k++)
			to[k] += from[k];
	}
	sum->n_regs = n;
}

static void add_one(struct sum *sum, const struct call *c, enum phase phase)
{
	struct phase_sum *p = &sum->phase[phase];
	struct reg_tally *r;

	p->there = true;
	p->op[c->op]++;
	/* An error of a vector is told once, with its register. */
	if (c->error && c->op != OP_GET_VEC && c->op != OP_SET_VEC)
		p->error[c->error < N_ERRORS ? c->error : 0]++;
	if (!of_register(c))
		return;
	add_call(&p->scope[c->scope], c);
	add_call(&p->all, c);
	r = &sum->reg[sum->n_regs++];
	*r = (struct reg_tally){ .phase = phase, .id = c->id,
				 .scope = c->scope };
	add_call(&r->tally, c);
}

int trace_sum(const struct watch *watch, struct sum *ret)
{
	*ret = (struct sum){ 0 };
	ret->reg = calloc(watch->n + 1, sizeof(*ret->reg));
	if (!ret->reg)
		return -ENOMEM;
	for (size_t i = 0; i < watch->n; i++)
		add_one(ret, &watch->call[i], trace_phase(watch, i));
	qsort(ret->reg, ret->n_regs, sizeof(*ret->reg), by_phase_and_id);
	merge_registers(ret);
	for (size_t i = 0; i < watch->vms.n; i++) {
		const struct vm *vm = &watch->vms.vm[i];

		ret->vms += i > 0;
		ret->ran += vm->ran;
		ret->vcpus += vm->ran ? vm->vcpus : 0;
	}
	return 0;
}

void trace_sum_free(struct sum *sum)
{
	free(sum->reg);
}
