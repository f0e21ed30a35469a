/* SPDX-License-Identifier: MIT */
/*
 * Lists of device and vCPU attributes, and the vCPU attributes that are part
 * of a VM's state: those that can be read back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

int attrs_add(struct attrs *attrs, const struct attr *attr)
{
	if (attrs->n == attrs->allocated) {
		size_t n = attrs->allocated ? attrs->allocated * 2 : 8;
		struct attr *v = realloc(attrs->v, n * sizeof(*v));

		if (!v)
			return -ENOMEM;
		attrs->v = v;
		attrs->allocated = n;
	}
	attrs->v[attrs->n++] = *attr;
	return 0;
}

void attrs_free(struct attrs *attrs)
{
	free(attrs->v);
	*attrs = (struct attrs){ 0 };
}

static const struct {
	uint32_t group;
	uint64_t attr;
	const char *name;
} vcpu_attr_names[] = {
	{ KA_VCPU_PMU_V3_CTRL, KA_VCPU_PMU_V3_IRQ, "PMU_V3_IRQ" },
	{ KA_VCPU_PMU_V3_CTRL, KA_VCPU_PMU_V3_INIT, "PMU_V3_INIT" },
	{ KA_VCPU_TIMER_CTRL, KA_VCPU_TIMER_IRQ_VTIMER, "TIMER_IRQ_VTIMER" },
	{ KA_VCPU_TIMER_CTRL, KA_VCPU_TIMER_IRQ_PTIMER, "TIMER_IRQ_PTIMER" },
	{ KA_VCPU_PVTIME_CTRL, KA_VCPU_PVTIME_IPA, "PVTIME_IPA" },
};

int vcpu_attr_name(uint32_t group, uint64_t attr, char *buf, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(vcpu_attr_names); i++)
		if (vcpu_attr_names[i].group == group &&
		    vcpu_attr_names[i].attr == attr)
			return snprintf(buf, size, "%s",
					vcpu_attr_names[i].name);
	return snprintf(buf, size, "vCPU attribute %u/%llu", group,
			(unsigned long long)attr);
}
