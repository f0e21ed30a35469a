/* SPDX-License-Identifier: MIT */
/*
 * Adds the log up. In which phase a call was is known only at the end: loading
 * begins with the last KVM_ARM_VCPU_INIT, and a VM may be thrown away unrun.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi.h"
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

/* ---- registers ---- */

struct row {
	const struct call *call;
	enum phase phase;
};

static bool writes(const struct call *c)
{
	return c->op == OP_SET || c->op == OP_VSET;
}

static int by_register(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	const struct call *c = x->call, *d = y->call;

	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	if (c->id != d->id)
		return c->id < d->id ? -1 : 1;
	if (writes(c) != writes(d))
		return writes(c) ? 1 : -1;
	return (c->ns > d->ns) - (c->ns < d->ns);
}

static bool same_group(const struct row *x, const struct row *y)
{
	return x->phase == y->phase && x->call->id == y->call->id &&
	       writes(x->call) == writes(y->call);
}

static struct reg_tally *reg_of(struct sum *sum, const struct row *row)
{
	struct reg_tally *last = sum->reg + sum->n_regs - 1;
	const struct call *c = row->call;

	if (sum->n_regs && last->phase == row->phase && last->id == c->id)
		return last;
	last = &sum->reg[sum->n_regs++];
	*last = (struct reg_tally){ .phase = row->phase, .id = c->id,
				    .scope = c->scope };
	return last;
}

static void add_side(struct tally *tally, bool written, const struct side *s)
{
	struct side *to = written ? &tally->set : &tally->get;

	to->calls += s->calls;
	to->redundant += s->redundant;
	to->failed += s->failed;
	to->ns += s->ns;
	to->redundant_ns += s->redundant_ns;
}

/*
 * All reads, or writes, of a register in a phase, the quickest first. Each is
 * taken to cost what the middle one did: now and then the tracer is kept
 * waiting for the length of a tick, which is a thousand calls.
 */
static void add_group(struct sum *sum, const struct row *row, size_t n)
{
	struct phase_sum *p = &sum->phase[row->phase];
	uint64_t typical = row[n / 2].call->ns;
	bool written = writes(row->call);
	struct side s = { .calls = n, .ns = n * typical };

	for (size_t i = 0; i < n; i++) {
		s.redundant += row[i].call->redundant;
		s.failed += row[i].call->error != 0;
	}
	s.redundant_ns = s.redundant * typical;
	add_side(&reg_of(sum, row)->tally, written, &s);
	add_side(&p->scope[row->call->scope], written, &s);
	add_side(&p->all, written, &s);
}

static void add_groups(struct sum *sum, struct row *row, size_t n)
{
	size_t from = 0;

	qsort(row, n, sizeof(*row), by_register);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && same_group(&row[from], &row[i]))
			continue;
		add_group(sum, &row[from], i - from);
		from = i;
	}
}

/* ---- all calls ---- */

static void count(struct sum *sum, const struct row *row)
{
	struct phase_sum *p = &sum->phase[row->phase];
	const struct call *c = row->call;

	p->there = true;
	p->op[c->op]++;
	/* An error of a vector is told once, with its register. */
	if (c->error && c->op != OP_GET_VEC && c->op != OP_SET_VEC)
		p->error[c->error < N_ERRORS ? c->error : 0]++;
}

static void count_vms(struct sum *sum, const struct vms *vms)
{
	sum->vms = vms->n - 1;
	for (size_t i = 1; i < vms->n; i++) {
		sum->ran += vms->vm[i].ran;
		sum->vcpus += vms->vm[i].ran ? vms->vm[i].vcpus : 0;
	}
}

int trace_sum(const struct watch *watch, struct sum *ret)
{
	struct row *row = calloc(watch->n + 1, sizeof(*row));
	size_t n = 0;

	*ret = (struct sum){ 0 };
	ret->reg = calloc(watch->n + 1, sizeof(*ret->reg));
	if (!ret->reg || !row) {
		free(row);
		free(ret->reg);
		return -ENOMEM;
	}
	for (size_t i = 0; i < watch->n; i++) {
		row[n] = (struct row){ &watch->call[i], trace_phase(watch, i) };
		count(ret, &row[n]);
		n += row[n].call->op <= OP_VSET;
	}
	if (n)
		add_groups(ret, row, n);
	count_vms(ret, &watch->vms);
	free(row);
	return 0;
}

void trace_sum_free(struct sum *sum)
{
	free(sum->reg);
}

const struct reg_tally *trace_next(const struct sum *sum, enum phase phase,
				   const struct reg_tally *r)
{
	const struct reg_tally *end = sum->reg + sum->n_regs;

	r = r ? r + 1 : sum->reg;
	while (r < end && r->phase != phase)
		r++;
	return r < end ? r : NULL;
}

const char *trace_reg_name(uint64_t id, char buf[TRACE_NAME_SIZE])
{
	onereg_reg_name(id & ~REG_SCOPE_VM, buf, TRACE_NAME_SIZE);
	return buf;
}
