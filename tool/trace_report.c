/* SPDX-License-Identifier: MIT */
/* The sums, for people. */
#include <errno.h>
#include <string.h>

#include "trace.h"

static const char *const phase_texts[N_PHASES] = {
	[SETUP] = "setup: up to the last KVM_ARM_VCPU_INIT, or the mark",
	[LOAD] = "load: from there to the first KVM_RUN of any vCPU",
	[RUN_PHASE] = "running: while a vCPU is in KVM_RUN",
	[STOP_PHASE] = "stopped: after the first KVM_RUN, while none is in it",
	[NEVER_RAN] = "never-ran: on VMs of which no vCPU ran, or on none",
};

static const char *const scope_texts[N_SCOPES] = {
	[ONEREG_SCOPE_UNKNOWN] = "not known",
	[ONEREG_SCOPE_VCPU] = "vCPU's own",
	[ONEREG_SCOPE_VM] = "VM-wide",
	[ONEREG_SCOPE_HOST] = "the host's",
};

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

static void print_side(FILE *f, const struct side *s)
{
	fprintf(f, " %6llu %6llu %5llu %9.1f", (unsigned long long)s->calls,
		(unsigned long long)s->redundant,
		(unsigned long long)s->failed, us(s->ns));
}

static void print_row(FILE *f, const char *what, const struct tally *t)
{
	fprintf(f, "  %-12s", what);
	print_side(f, &t->get);
	print_side(f, &t->set);
	fputc('\n', f);
}

static void print_scopes(FILE *f, const struct phase_sum *p)
{
	static const enum onereg_scope order[N_SCOPES] = {
		ONEREG_SCOPE_VCPU, ONEREG_SCOPE_VM, ONEREG_SCOPE_HOST,
		ONEREG_SCOPE_UNKNOWN,
	};

	fprintf(f, "  %-12s %6s %6s %5s %9s %6s %6s %5s %9s\n", "registers",
		"read", "redun.", "fail", "us",
		"writ.", "redun.", "fail", "us");
	for (size_t i = 0; i < N_SCOPES; i++) {
		const struct tally *t = &p->scope[order[i]];

		if (t->get.calls || t->set.calls)
			print_row(f, scope_texts[order[i]], t);
	}
	print_row(f, "all", &p->all);
}

static void print_share(FILE *f, const char *what, const struct side *s)
{
	if (!s->redundant)
		return;
	fprintf(f,
		"  redundant %s: %llu of %llu (%.1f %%), %.1f of %.1f us "
		"(%.1f %%)\n",
		what, (unsigned long long)s->redundant,
		(unsigned long long)s->calls, percent(s->redundant, s->calls),
		us(s->redundant_ns), us(s->ns),
		percent(s->redundant_ns, s->ns));
}

static void print_errors(FILE *f, const struct phase_sum *p)
{
	const char *sep = "  failed: ";

	for (int e = 0; e < N_ERRORS; e++) {
		const char *name = e ? strerrorname_np(e) : "others";

		if (!p->error[e])
			continue;
		fprintf(f, "%s%s %llu", sep, name ? name : "unnamed",
			(unsigned long long)p->error[e]);
		sep = ", ";
	}
	if (*sep == ',')
		fputc('\n', f);
}

static void print_others(FILE *f, const struct phase_sum *p)
{
	for (int op = OP_LIST; op < N_OPS; op++)
		if (p->op[op] && op != OP_RUN)
			fprintf(f, "  %-24s %6llu\n", trace_ops[op].name,
				(unsigned long long)p->op[op]);
}

static void print_registers(FILE *f, const struct sum *sum, enum phase phase)
{
	const struct reg_tally *r = NULL;
	char name[TRACE_NAME_SIZE];

	while ((r = trace_next(sum, phase, r))) {
		fprintf(f, "  %s, %s, 0x%llx\n", trace_reg_name(r->id, name),
			scope_texts[r->scope], (unsigned long long)r->id);
		print_row(f, "", &r->tally);
	}
}

static void print_phase(FILE *f, const struct sum *sum, enum phase phase,
			bool registers)
{
	const struct phase_sum *p = &sum->phase[phase];

	fprintf(f, "\n%s\n", phase_texts[phase]);
	if (p->all.get.calls || p->all.set.calls)
		print_scopes(f, p);
	print_share(f, "reads", &p->all.get);
	print_share(f, "writes", &p->all.set);
	print_errors(f, p);
	print_others(f, p);
	if (registers)
		print_registers(f, sum, phase);
}

static void print_head(FILE *f, const struct watch *watch,
		       const struct sum *sum)
{
	if (sum->vms)
		fprintf(f,
			"onereg trace: %zu VM%s, %zu of them ran, with %u "
			"vCPU%s\n",
			sum->vms, sum->vms == 1 ? "" : "s", sum->ran,
			sum->vcpus, sum->vcpus == 1 ? "" : "s");
	else
		fprintf(f,
			"onereg trace: the command made no VM of KVM's%s. Does "
			"it use KVM (QEMU:\n  -accel kvm)? May it open "
			"/dev/kvm? Does it run the guest itself, or ask a\n"
			"  daemon to (virsh)?\n",
			watch->n ? "" : ", and called it not once");
}

int trace_report(FILE *f, const struct watch *watch, const struct sum *sum,
		 bool registers)
{
	print_head(f, watch, sum);
	for (enum phase phase = 0; phase < N_PHASES; phase++)
		if (sum->phase[phase].there)
			print_phase(f, sum, phase, registers);
	if (!watch->n)
		return fflush(f) || ferror(f) ? -EIO : 0;
	fprintf(f,
		"\nredundant: of a value that the VM or the host has once, and "
		"that was written\n  or read on this VM before. us: calls "
		"times the median of that register's,\n  from entry to return, "
		"less %.1f us, the median of a call that fails at\n"
		"  once under this tracer.\n",
		us(watch->overhead));
	return fflush(f) || ferror(f) ? -EIO : 0;
}
