/* SPDX-License-Identifier: MIT */
/* What both sides of a live migration use. */
#include <errno.h>

#include "stage.h"

int stage_no_memory(struct onereg_report *report)
{
	report_error(report, -ENOMEM, NULL, "live migration", "no memory");
	return -ENOMEM;
}

static int refuse(struct onereg_report *report, int error, const char *function,
		  const char *why)
{
	report_error(report, error, NULL, function, "%s", why);
	return error;
}

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
	if (ret)
		return refuse(report, ret, function,
			      "struct onereg_stage_options has no size, or "
			      "fields that this version does not know");
	if (!o->hold != !o->release)
		return refuse(report, -EINVAL, function,
			      "only one of hold() and release(): set both or "
			      "neither");
	if (!o->pool)
		return 0;
	ret = options_take(pool, sizeof(*pool), o->pool);
	if (ret)
		return refuse(report, ret, function,
			      "struct onereg_pool has no size, or fields that "
			      "this version does not know");
	if (!pool->run)
		return refuse(report, -EINVAL, function,
			      "struct onereg_pool has no run()");
	return 0;
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
