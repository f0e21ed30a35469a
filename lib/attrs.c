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

#define PVTIME_UNSET	UINT64_MAX

static const struct vcpu_attr {
	uint32_t group;
	uint32_t size;
	uint64_t attr;
	const char *name;
	bool unset_enxio;	/* reading it unset is -ENXIO */
	bool needs_gic;		/* a SET is refused without one */
} vcpu_attrs[] = {
	{ KA_VCPU_PMU_V3_CTRL, 4, KA_VCPU_PMU_V3_IRQ, "PMU_V3_IRQ",
	  .unset_enxio = true, .needs_gic = true },
	{ KA_VCPU_TIMER_CTRL, 4, KA_VCPU_TIMER_IRQ_VTIMER, "TIMER_IRQ_VTIMER",
	  .needs_gic = true },
	{ KA_VCPU_TIMER_CTRL, 4, KA_VCPU_TIMER_IRQ_PTIMER, "TIMER_IRQ_PTIMER",
	  .needs_gic = true },
	{ KA_VCPU_PVTIME_CTRL, 8, KA_VCPU_PVTIME_IPA, "PVTIME_IPA" },
};

int vcpu_attr_name(uint32_t group, uint64_t attr, char *buf, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(vcpu_attrs); i++)
		if (vcpu_attrs[i].group == group && vcpu_attrs[i].attr == attr)
			return snprintf(buf, size, "%s", vcpu_attrs[i].name);
	if (group == KA_VCPU_PMU_V3_CTRL && attr == KA_VCPU_PMU_V3_INIT)
		return snprintf(buf, size, "PMU_V3_INIT");
	return snprintf(buf, size, "vCPU attribute %u/%llu", group,
			(unsigned long long)attr);
}

static int attr_failed(int error, const char *operation, size_t vcpu,
		       const struct vcpu_attr *row,
		       struct onereg_report *report)
{
	report_add(report, &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_VCPU_ATTR,
				   .vcpu = (int)vcpu,
				   .group = row->group,
				   .id = row->attr,
				   .name = row->name,
				   .error = -error,
				   .operation = operation,
				   .why = "cannot read the vCPU attribute",
			   });
	return error;
}

/* 1: has a value, 0: has none, or -errno. */
static int read_attr(const struct onereg_vm *vm, size_t vcpu,
		     const struct vcpu_attr *row, struct attr *ret,
		     struct onereg_report *report)
{
	struct ka_device_attr has = { .group = row->group, .attr = row->attr };
	int fd = vm->vcpu_fds[vcpu];
	int r = io_ioctl(&vm->io, fd, KA_HAS_DEVICE_ATTR, &has);

	if (r == -ENXIO)
		return 0;
	if (r < 0)
		return attr_failed(r, "KVM_HAS_DEVICE_ATTR", vcpu, row, report);
	*ret = (struct attr){ row->group, row->size, row->attr, 0 };
	r = io_get_attr(&vm->io, fd, ret);
	if (r == -ENXIO && row->unset_enxio)
		return 0;
	if (r)
		return attr_failed(r, "KVM_GET_DEVICE_ATTR", vcpu, row, report);
	return row->group != KA_VCPU_PVTIME_CTRL || ret->value != PVTIME_UNSET;
}

static int add(struct attrs *to, const struct attr *attr,
	       struct onereg_report *report)
{
	int ret = attrs_add(to, attr);

	if (ret)
		report_error(report, ret, NULL, "vCPU attributes", "no memory");
	return ret;
}

int vcpu_attrs_save(const struct onereg_vm *vm, size_t vcpu,
		    uint32_t features, struct attrs *ret,
		    struct onereg_report *report)
{
	static const struct attr pmu_init = { KA_VCPU_PMU_V3_CTRL, 8,
					      KA_VCPU_PMU_V3_INIT, 0 };
	bool gic = vm->gic_fd >= 0;
	bool pmu = features >> KA_VCPU_PMU_V3 & 1;
	bool pmu_irq = false;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(vcpu_attrs); i++) {
		struct attr attr;

		if (vcpu_attrs[i].needs_gic && !gic)
			continue;
		r = read_attr(vm, vcpu, &vcpu_attrs[i], &attr, report);
		if (r > 0)
			r = add(ret, &attr, report);
		else if (!r)
			continue;
		if (r)
			return r;
		pmu_irq |= attr.group == KA_VCPU_PMU_V3_CTRL;
	}
	/*
	 * Whether the PMU had its INIT cannot be asked. It needs the interrupt
	 * number first, where there is a GIC, and nothing runs without it.
	 */
	return pmu && (pmu_irq || !gic) ? add(ret, &pmu_init, report) : 0;
}
