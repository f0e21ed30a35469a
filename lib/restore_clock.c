/* SPDX-License-Identifier: MIT */
/*
 * The guest's time: counters go on where they stood, or by how long it is
 * since the save. A VM whose counters follow the host's at an offset
 * (KVM_ARM_SET_COUNTER_OFFSET) is given an offset.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "restore.h"

#define NS_PER_S 1000000000ULL

/* Ticks between the save and now by the wall clock. */
static int64_t ticks_since_save(struct restore *r, uint64_t now)
{
	uint64_t saved = r->image->saved_at;

	if (now < saved) {
		report_add(r->report,
			   &(struct onereg_finding){
				   .severity = ONEREG_CARE,
				   .vcpu = -1,
				   .name = "wall clock",
				   .why = "it is before the time of the save: "
					  "the guest's time goes on where it "
					  "stood",
				   .todo = "synchronise the hosts' clocks",
			   });
		return 0;
	}
	return (int64_t)((unsigned __int128)(now - saved) *
			 r->image->counter_frequency / NS_PER_S);
}

/* The row with its counters moved on; NULL, told: no memory. */
static uint8_t *shifted(struct restore *r, const struct rules *rules,
			const uint8_t *row)
{
	const struct regset *set = rules->set;
	uint8_t *copy = malloc(set->row_size + 1);

	if (!copy) {
		report_error(r->report, -ENOMEM, NULL, "restore", "no memory");
		return NULL;
	}
	memcpy(copy, row, set->row_size);
	for (size_t i = 0; i < set->n; i++) {
		uint64_t value;

		if (rules->family[i]->phase != PHASE_COUNTER)
			continue;
		value = regset_u64(set, row, i) +
			(uint64_t)r->vm->counters.shift;
		memcpy(copy + set->offsets[i], &value, sizeof(value));
	}
	return copy;
}

static int write_vm_counters(struct restore *r)
{
	uint8_t *row;
	int ret;

	if (!r->vm_rules.has_counter)
		return 0;
	row = shifted(r, &r->vm_rules, r->image->vm_row);
	if (!row)
		return -ENOMEM;
	ret = write_vm_row(r, row, PHASE_COUNTER);
	free(row);
	return ret;
}

/* Where a kernel keeps them per vCPU, each has its own. */
static int write_vcpu_counters(struct restore *r, size_t vcpu)
{
	const struct vcpu_state *v = &r->image->vcpus[vcpu];
	const struct rules *rules = &r->set_rules[v->set];
	uint8_t *row;
	int ret;

	if (!rules->has_counter)
		return 0;
	row = shifted(r, rules, v->row);
	if (!row)
		return -ENOMEM;
	ret = write_vcpu_row(r, vcpu, row, PHASE_COUNTER);
	free(row);
	return ret;
}

/* ---- counters at an offset ---- */

static int offset_failed(struct restore *r, int error, const char *operation,
			 const char *why)
{
	return restore_failed(r, (struct onereg_finding){
					 .class_ = ONEREG_CLASS_VALUE,
					 .space = ONEREG_SPACE_REG,
					 .vcpu = -1,
					 .id = KA_VM_COUNTER_OFFSET,
					 .error = error,
					 .operation = operation,
					 .why = why,
				 });
}

static int set_offset(struct restore *r, uint64_t offset)
{
	struct ka_counter_offset arg = { .counter_offset = offset };
	int ret = io_ioctl(&r->vm->io, r->vm->vm_fd,
			   KA_ARM_SET_COUNTER_OFFSET, &arg);

	if (ret >= 0)
		return 0;
	return offset_failed(r, ret, "KVM_ARM_SET_COUNTER_OFFSET",
			     ret == -EBUSY ?
				     "a vCPU is in KVM_RUN or in another call" :
				     "the counters cannot be given an offset");
}

static int read_counter(struct restore *r, uint64_t *ret_value)
{
	struct ka_one_reg reg = { KA_TIMER_CNT, (uintptr_t)ret_value };
	int vcpu = access_is_vm(&r->access, reg.id) ? ACCESS_VM : 0;
	size_t done;
	int ret = access_get(&r->access, vcpu, &reg, 1, &done);

	if (ret)
		return offset_failed(r, ret, access_operation(&r->access, false),
				     "the virtual counter cannot be read");
	return 0;
}

/*
 * What the offset is from is not told, but it follows from what one offset
 * gives: read a moment later, that is how long the guest's time stands still.
 */
static int write_offset(struct restore *r)
{
	uint64_t some = config_value(r->image, KA_VM_COUNTER_OFFSET);
	const struct regset *set = &r->image->vm_set;
	ptrdiff_t at = regset_find(set, KA_TIMER_CNT);
	uint64_t now = 0, then;
	int ret = set_offset(r, some);

	if (!ret)
		ret = read_counter(r, &now);
	if (ret)
		return ret;
	then = regset_u64(set, r->image->vm_row, (size_t)at) +
	       (uint64_t)r->vm->counters.shift;
	ret = set_offset(r, now + some - then);
	if (!ret && r->counts)
		r->counts->registers_written++;
	return ret;
}

/* Does the image's VM have its counters at an offset, and can this one? */
static bool takes_offset(struct restore *r)
{
	if (!config_value(r->image, KA_VM_COUNTER_OFFSET) ||
	    regset_find(&r->image->vm_set, KA_TIMER_CNT) < 0)
		return false;
	if (io_ioctl(&r->vm->io, r->vm->vm_fd, KA_CHECK_EXTENSION,
		     (void *)(uintptr_t)KA_CAP_COUNTER_OFFSET) > 0)
		return true;
	report_add(r->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .class_ = ONEREG_CLASS_ABSENT,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = -1,
			   .id = KA_VM_COUNTER_OFFSET,
			   .why = "this kernel keeps no VM's counters at an "
				  "offset: each is written for itself",
			   .todo = "the VMM cannot go on with "
				   "KVM_ARM_SET_COUNTER_OFFSET here",
		   });
	return false;
}

int write_counters(struct restore *r)
{
	const struct onereg_io *io = &r->vm->io;
	uint64_t now;
	int ret = io->wall_clock(io->userdata, &now);

	if (ret) {
		report_error(r->report, ret, "clock_gettime", "the wall clock",
			     "cannot tell how much time has passed");
		return ret;
	}
	r->vm->counters.at = now;
	r->vm->counters.shift = 0;
	if (r->time == ONEREG_TIME_CATCH_UP)
		r->vm->counters.shift = ticks_since_save(r, now);
	ret = takes_offset(r) ? write_offset(r) : write_vm_counters(r);
	for (size_t i = 0; i < r->vm->n_vcpus && !ret; i++)
		ret = write_vcpu_counters(r, i);
	r->vm->counters.image = r->image->saved_at;
	r->vm->counters.set = !ret;
	return ret;
}
