/* SPDX-License-Identifier: MIT */
/* What both sides of a live migration use. */
#include <errno.h>

#include "stage.h"

int stage_options_take(struct onereg_stage_options *o,
		       struct onereg_pool *pool,
		       const struct onereg_stage_options *options,
		       const char *function, struct onereg_report *report)
{
	static const struct onereg_stage_options none = {
		.size = sizeof(none),
	};
	int ret = options_take(o, sizeof(*o), options ? options : &none);

	*pool = (struct onereg_pool){ 0 };
	if (!ret && o->pool)
		ret = options_take(pool, sizeof(*pool), o->pool);
	if (!ret && ((o->pool && !pool->run) || !o->hold != !o->release))
		ret = -EINVAL;
	if (ret)
		report_error(report, ret, NULL, function,
			     "struct onereg_stage_options or its pool has no "
			     "size, only one of hold() and release(), no run(), "
			     "or fields that this version does not know");
	return ret;
}

int job_failed(const struct job_fault *fault, size_t vcpu,
	       struct onereg_report *report)
{
	if (!fault->error)
		return 0;
	report_add(report,
		   &(struct onereg_finding){
			   .severity = ONEREG_ERROR,
			   .space = fault->name ? ONEREG_SPACE_NONE :
						  ONEREG_SPACE_REG,
			   .vcpu = (int)vcpu,
			   .id = fault->id,
			   .name = fault->name,
			   .a = fault->value,
			   .value_size = fault->value && !fault->name ?
						 onereg_reg_size(fault->id) :
						 0,
			   .error = -fault->error,
			   .operation = fault->operation,
			   .why = fault->why,
		   });
	return fault->error;
}

void counts_add(struct onereg_counts *to, const struct onereg_counts *from)
{
	if (!to)
		return;
	to->registers_saved += from->registers_saved;
	to->registers_written += from->registers_written;
	to->register_calls += from->register_calls;
	to->vector_calls += from->vector_calls;
}
