/* SPDX-License-Identifier: MIT */
/*
 * Writing registers: of a row those of one phase, in order, by as few calls as
 * the kernel offers. What the VM has once is written through the VM where the
 * kernel says which registers those are, else through the first vCPU.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "restore.h"
#include "tolerance.h"

static int remember_refused(struct restore *r, uint64_t id)
{
	uint64_t *ids = realloc(r->refused,
				(r->n_refused + 1) * sizeof(*ids));

	if (!ids) {
		report_error(r->report, -ENOMEM, NULL, "restore", "no memory");
		return -ENOMEM;
	}
	r->refused = ids;
	ids[r->n_refused++] = id;
	return 0;
}

static int tell_absent(struct restore *r, const struct family *f, int vcpu,
		       uint64_t id, const void *value)
{
	report_add(r->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .class_ = ONEREG_CLASS_ABSENT,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = vcpu,
			   .id = id,
			   .a = value,
			   .value_size = onereg_reg_size(id),
			   .why = "this host does not have the register",
			   .todo = f->why,
		   });
	/* The proof need not tell it again. */
	return remember_refused(r, id);
}

static int reg_failed(struct restore *r, const struct family *f, int vcpu,
		      uint64_t id, const void *value, int error)
{
	size_t size = onereg_reg_size(id);
	bool absent = error == -ENOENT;
	const char *reason;
	int ret;

	if (absent) {
		enum onereg_severity severity =
			family_absent(f, r->image, value, size);

		/* What is safely missing is counted by the proof. */
		if (severity == ONEREG_NOTE)
			return 0;
		if (severity == ONEREG_CARE)
			return tell_absent(r, f, vcpu, id, value);
		reason = tolerated_missing(r->image->tolerances, id);
		if (reason) {
			tolerated_tell(r->report, vcpu, id, value, NULL,
				       reason);
			return remember_refused(r, id);
		}
	}
	/*
	 * UNKNOWN to this guest: what a host without AArch32 made up need not
	 * suit one that has it. The proof counts that it differs.
	 */
	if (f->compare == COMPARE_AA32 && is_refusal(error) &&
	    !image_has_aa32(r->image))
		return 0;
	ret = restore_failed(r, (struct onereg_finding){
				.space = ONEREG_SPACE_REG,
				.class_ = absent ? ONEREG_CLASS_MISSING :
						   ONEREG_CLASS_VALUE,
				.vcpu = vcpu,
				.id = id,
				.a = value,
				.value_size = size,
				.error = error,
				.operation = access_operation(&r->access,
							     true),
				.why = absent ? "this host does not have the "
						"register" :
						"this host refuses the value",
				.todo = f->why,
			});
	return ret ? ret : remember_refused(r, id);
}

/* Through what a row is written, and which of its registers. */
struct door {
	int vcpu;		/* or ACCESS_VM */
	int told;		/* vCPU in findings, -1: a VM-wide value */
	enum { EVERY, OF_VM, OF_VCPUS } which;
	enum phase phase;
};

static bool was_refused(const struct restore *r, uint64_t id)
{
	for (size_t i = 0; i < r->n_refused; i++)
		if (r->refused[i] == id)
			return true;
	return false;
}

static bool wanted(const struct restore *r, const struct door *door,
		   const struct family *f, uint64_t id)
{
	if (f->phase != door->phase || f->write == WRITE_NEVER)
		return false;
	if (door->which == EVERY)
		return true;
	if (access_is_vm(&r->access, id))
		return door->which == OF_VM;
	/* What the first vCPU refused is not told of each. */
	return door->which == OF_VCPUS &&
	       (!door->vcpu || !was_refused(r, id));
}

static void add_calls(const struct restore *r, const struct rules *rules,
		      const uint8_t *row, const struct door *door,
		      struct batch *b)
{
	static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff,
					 0xff, 0xff, 0xff, 0xff };
	const struct regset *set = rules->set;

	for (size_t i = 0; i < set->n; i++) {
		const struct family *f = rules->family[i];
		uint64_t id = set->ids[i];

		if (!wanted(r, door, f, id))
			continue;
		if (f->write == WRITE_CLR_SET)
			batch_add(b, (id & ~0xffffULL) | f->twin, ones, i);
		batch_add(b, id, row + set->offsets[i], i);
	}
}

/* Writes to a CLR twin are not counted. */
static void count_written(struct restore *r, const struct regset *set,
			  const struct batch *b, size_t from, size_t n)
{
	if (!r->counts)
		return;
	for (size_t i = from; i < from + n; i++)
		r->counts->registers_written +=
			b->regs[i].id == set->ids[b->at[i]];
}

/*
 * What the host refuses may be tolerated: the bits that may differ stay the
 * host's, the others become the image's.
 */
static bool write_tolerated(struct restore *r, const struct door *door,
			    uint64_t id, const uint8_t *value)
{
	uint64_t saved = 0, host = 0, both, bits;
	struct ka_one_reg reg = { id, (uintptr_t)&host };
	size_t size = onereg_reg_size(id), done;
	const char *reason;

	if (!r->image->tolerances || size > sizeof(saved) ||
	    access_get(&r->access, door->vcpu, &reg, 1, &done))
		return false;
	memcpy(&saved, value, size);
	bits = tolerated_bits(r->image->tolerances, id, saved, host, &reason);
	both = (saved & ~bits) | (host & bits);
	reg.addr = (uintptr_t)&both;
	if (!bits || (both != host && access_set(&r->access, door->vcpu, &reg,
						 1, &done)))
		return false;
	if (r->counts)
		r->counts->registers_written += both != host;
	tolerated_tell(r->report, door->told, id, &saved, &host, reason);
	return true;
}

static int make_calls(struct restore *r, const struct rules *rules,
		      const uint8_t *row, const struct door *door,
		      const struct batch *b)
{
	const struct regset *set = rules->set;
	int ret = 0;

	for (size_t i = 0; i < b->n && !ret;) {
		size_t done, at;
		int error = access_set(&r->access, door->vcpu, b->regs + i,
				      b->n - i, &done);

		count_written(r, set, b, i, done);
		i += done;
		if (!error)
			break;
		at = b->at[i];
		if (!is_refusal(error) || error == -ENOENT ||
		    !write_tolerated(r, door, set->ids[at],
				     row + set->offsets[at]))
			ret = reg_failed(r, rules->family[at], door->told,
					 set->ids[at], row + set->offsets[at],
					 error);
		/* Without its CLR twin a register is not written. */
		while (i < b->n && b->at[i] == at)
			i++;
	}
	return ret;
}

static int write_row(struct restore *r, const struct rules *rules,
		     const uint8_t *row, struct door door)
{
	struct batch b;
	int ret;

	if (batch_init(&b, 2 * rules->set->n)) {
		report_error(r->report, -ENOMEM, NULL, "restore", "no memory");
		return -ENOMEM;
	}
	add_calls(r, rules, row, &door, &b);
	ret = make_calls(r, rules, row, &door, &b);
	batch_free(&b);
	return ret;
}

/* Does this kernel or this VM keep one of them per vCPU? */
static bool vcpus_have_some(const struct restore *r, enum phase phase)
{
	const struct rules *rules = &r->vm_rules;

	for (size_t i = 0; i < rules->set->n; i++)
		if (rules->family[i]->phase == phase &&
		    rules->family[i]->write != WRITE_NEVER &&
		    !access_is_vm(&r->access, rules->set->ids[i]))
			return true;
	return false;
}

int write_vm_row(struct restore *r, const uint8_t *row, enum phase phase)
{
	const struct rules *rules = &r->vm_rules;
	int ret;

	if (!r->access.vm_regs)
		return write_row(r, rules, row,
				 (struct door){ 0, -1, EVERY, phase });
	ret = write_row(r, rules, row,
			(struct door){ ACCESS_VM, -1, OF_VM, phase });
	if (ret || !vcpus_have_some(r, phase))
		return ret;
	for (size_t i = 0; i < r->vm->n_vcpus && !ret; i++)
		ret = write_row(r, rules, row,
				(struct door){ (int)i, -1, OF_VCPUS, phase });
	return ret;
}

int write_vcpu_row(struct restore *r, size_t vcpu, const uint8_t *row,
		   enum phase phase)
{
	return write_row(r, &r->set_rules[r->image->vcpus[vcpu].set], row,
			 (struct door){ (int)vcpu, (int)vcpu, EVERY, phase });
}

static int write_vcpus(struct restore *r, enum phase phase)
{
	int ret = 0;

	for (size_t i = 0; i < r->vm->n_vcpus && !ret; i++)
		ret = write_vcpu_row(r, i, r->image->vcpus[i].row, phase);
	return ret;
}

static int write_phase(struct restore *r, enum phase phase)
{
	return write_vm_row(r, r->image->vm_row, phase) ?:
	       write_vcpus(r, phase);
}

int write_vector_lengths(struct restore *r)
{
	return write_vcpus(r, PHASE_VLS);
}

/*
 * A register that this kernel was seen to keep per vCPU is in the rows,
 * whatever its family's usual scope.
 */
int write_features(struct restore *r)
{
	return write_phase(r, PHASE_VM);
}

int write_host_facts(struct restore *r)
{
	return write_phase(r, PHASE_HOST);
}

int write_vcpu_registers(struct restore *r)
{
	return write_phase(r, PHASE_VCPU);
}

int write_timers(struct restore *r)
{
	return write_phase(r, PHASE_TIMER);
}
