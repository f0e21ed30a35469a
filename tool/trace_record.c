/* SPDX-License-Identifier: MIT */
/* Every call in a line, for programs that make the same calls again. */
#include <errno.h>

#include "trace.h"

static const char head[] =
	"# onereg trace: calls on KVM registers, in order, one a line\n"
	"# PHASE VM VCPU OPERATION ID ERRNO NAME\n"
	"# PHASE: setup load running stopped never-ran. VM: from 1, by\n"
	"# creation; 0: made unseen. VCPU: as for KVM_CREATE_VCPU; -: a call\n"
	"# on another descriptor. OPERATION: GET, SET a register; VGET, VSET\n"
	"# one of the vector above it; RUN a VM's first KVM_RUN. ERRNO 0: done.\n";

int trace_record(FILE *f, const struct watch *watch)
{
	char name[TRACE_NAME_SIZE], vcpu[16];

	fputs(head, f);
	for (size_t i = 0; i < watch->n; i++) {
		const struct call *c = &watch->call[i];

		if (c->op == OP_OTHER)
			continue;
		snprintf(vcpu, sizeof(vcpu), "%d", c->vcpu);
		fprintf(f, "%s %u %s %s 0x%llx %d %s\n",
			trace_phase_names[trace_phase(watch, i)], c->vm,
			c->vcpu < 0 ? "-" : vcpu, trace_ops[c->op].word,
			(unsigned long long)c->id, c->error,
			c->op <= OP_VSET ? trace_reg_name(c->id, name) : "-");
	}
	return fflush(f) || ferror(f) ? -EIO : 0;
}
