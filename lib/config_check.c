/* SPDX-License-Identifier: MIT */
/*
 * What a VM was made with, before and after a restore: can this VM, or a
 * described host's, hold what the image holds?
 */
#include <errno.h>

#include "check.h"
#include "config.h"
#include "restore.h"

#define CONFIGURE \
	"call onereg_vm_configure() before the first KVM_CREATE_VCPU"

/* ---- the VM of a restore ---- */

/* 0 where the kernel has no such register. */
static int vm_value(struct restore *r, uint64_t id, uint64_t *ret)
{
	struct ka_one_reg reg = { id, (uintptr_t)ret };
	size_t done;
	int error;

	*ret = 0;
	if (!r->access.config)
		return 0;
	error = access_get(&r->access, ACCESS_VM, &reg, 1, &done);
	if (error)
		report_add(r->report,
			   &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = -1,
				   .id = id,
				   .error = -error,
				   .operation = access_operation(&r->access,
								false),
				   .why = "cannot tell how the VM was made",
			   });
	return error;
}

static int unknown_register(struct restore *r, uint64_t id)
{
	return restore_failed(r, (struct onereg_finding){
					 .class_ = ONEREG_CLASS_SHAPE,
					 .space = ONEREG_SPACE_REG,
					 .vcpu = -1,
					 .id = id,
					 .error = -EINVAL,
					 .why = "the VM was made with it, and "
						"this version does not know "
						"what it means",
					 .todo = "use a newer onereg",
				 });
}

static int check_known(struct restore *r)
{
	uint64_t id;
	int ret = 0;

	for (size_t i = 0; !ret && config_unknown(r->image, i, &id); i++)
		ret = unknown_register(r, id);
	if (!ret && config_unknown_asym(r->image))
		ret = unknown_register(r, KA_VM_ASYM);
	return ret;
}

static int split_refused(struct restore *r, const struct split *split)
{
	return restore_failed(
		r, (struct onereg_finding){
			   .class_ = ONEREG_CLASS_SHAPE,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = (int)split->vcpu,
			   .id = split->id,
			   .a = split->first,
			   .b = split->other,
			   .value_size = split->size,
			   .error = -EINVAL,
			   .why = r->access.asym ?
					  "the image's vCPUs differ in it, and "
					  "this VM has one value for all" :
					  "the image's vCPUs differ in it, "
					  "which this host's kernel cannot",
			   .todo = r->access.asym ? CONFIGURE :
						   "choose a host whose kernel "
						   "offers asymmetric vCPUs",
		   });
}

/* vCPUs that differ, where this VM has one value for all. */
static int check_asym(struct restore *r)
{
	uint64_t image = config_value(r->image, KA_VM_ASYM), vm;
	struct split split;
	int ret;

	if (!image)
		return 0;
	ret = vm_value(r, KA_VM_ASYM, &vm);
	for (size_t i = 0;
	     !ret && config_next_split(r->image, image & ~vm, &i, &split);)
		ret = split_refused(r, &split);
	return ret;
}

/* A VM that was made for vCPUs with other features refuses these. */
static int check_features(struct restore *r)
{
	uint64_t image = r->image->features[0], vm;
	int ret = vm_value(r, KA_VM_FEATURES, &vm);

	if (ret || !vm || vm == image)
		return ret;
	return restore_failed(r, (struct onereg_finding){
					 .class_ = ONEREG_CLASS_SHAPE,
					 .space = ONEREG_SPACE_REG,
					 .vcpu = -1,
					 .id = KA_VM_FEATURES,
					 .a = &image,
					 .b = &vm,
					 .value_size = sizeof(image),
					 .error = -EINVAL,
					 .why = "the VM was made for vCPUs "
						"with other features",
					 .todo = CONFIGURE,
				 });
}

static int cap_refused(struct restore *r, uint64_t image, uint64_t vm)
{
	return restore_failed(r, (struct onereg_finding){
					 .class_ = ONEREG_CLASS_SHAPE,
					 .space = ONEREG_SPACE_REG,
					 .vcpu = -1,
					 .id = KA_VM_CAPS,
					 .a = &image,
					 .b = &vm,
					 .value_size = sizeof(image),
					 .error = -EINVAL,
					 .why = "the VM lacks a capability "
						"that the saved one had "
						"enabled",
					 .todo = "enable what "
						 "onereg_image_cap() says",
				 });
}

/* How counters are kept is restored with them. */
static uint64_t lacking_caps(uint64_t image, uint64_t vm)
{
	return image & ~vm & ~KA_VM_CAPS_COUNTER_OFFSET;
}

static int check_caps(struct restore *r)
{
	uint64_t image = config_value(r->image, KA_VM_CAPS), vm;
	int ret;

	if (!image || !r->access.config)
		return 0;
	ret = vm_value(r, KA_VM_CAPS, &vm);
	return ret || !lacking_caps(image, vm) ? ret :
						 cap_refused(r, image, vm);
}

int check_config(struct restore *r)
{
	return check_known(r) ?: check_asym(r) ?: check_features(r) ?:
	       check_caps(r);
}

/* ---- the proof ---- */

static int not_as_saved(struct restore *r, uint64_t id, uint64_t image,
			uint64_t vm)
{
	return unproved(r, (struct onereg_finding){
				   .class_ = ONEREG_CLASS_UNEXPLAINED,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = -1,
				   .id = id,
				   .a = &image,
				   .b = &vm,
				   .value_size = sizeof(vm),
				   .why = "the VM is made otherwise than the "
					  "saved one",
			   });
}

/* Is what the VM says as good as what was saved? */
static bool is_good(uint64_t id, uint64_t image, uint64_t vm)
{
	switch (id) {
	case KA_VM_FEATURES:
		return !image || image == vm;
	case KA_VM_CAPS:
		return !lacking_caps(image, vm);
	case KA_VM_COUNTER_OFFSET:
		return !image == !vm;
	}
	/* Where no vCPU differs, none needs to be able to. */
	return true;
}

int prove_config(struct restore *r)
{
	const struct regset *set = &r->image->config_set;

	for (size_t i = 0; i < set->n && r->access.config; i++) {
		uint64_t image = regset_u64(set, r->image->config_row, i), vm;
		uint64_t id = set->ids[i];
		int ret;

		if (!access_is_vm(&r->access, id))
			continue;
		ret = vm_value(r, id, &vm);
		if (ret)
			return ret;
		if (r->counts)
			r->counts->registers_compared++;
		if (!is_good(id, image, vm))
			not_as_saved(r, id, image, vm);
		else if (image != vm)
			report_count(r->report, ONEREG_CLASS_HOST);
	}
	return 0;
}

/* ---- a described host ---- */

static void shape(const struct check *c, enum onereg_severity severity,
		  const struct split *s, uint64_t id, const char *why,
		  const char *todo)
{
	report_add(c->report, &(struct onereg_finding){
				      .severity = severity,
				      .class_ = ONEREG_CLASS_SHAPE,
				      .space = ONEREG_SPACE_REG,
				      .vcpu = s ? (int)s->vcpu : -1,
				      .id = id,
				      .a = s ? s->first : NULL,
				      .b = s ? s->other : NULL,
				      .value_size = s ? s->size : 0,
				      .why = why,
				      .todo = todo,
			      });
}

static void check_host_asym(const struct check *c)
{
	uint64_t asym = config_value(c->image, KA_VM_ASYM);
	struct split split;
	size_t n = 0;

	if (!asym || onereg_host_cap(c->host, KA_CAP_VM_ONE_REG) &
			     KA_VM_ONE_REG_ASYM)
		return;
	for (size_t i = 0; config_next_split(c->image, asym, &i, &split); n++)
		shape(c, ONEREG_IMPOSSIBLE, &split, split.id,
		      "the VM's vCPUs differ in it, which the host's kernel "
		      "cannot", NULL);
	if (!n)
		shape(c, ONEREG_NOTE, NULL, KA_VM_ASYM,
		      "the VM's vCPUs might differ, and do not; the host's "
		      "kernel has one value for all", NULL);
}

void check_host_config(const struct check *c)
{
	uint64_t id;

	for (size_t i = 0; config_unknown(c->image, i, &id); i++)
		shape(c, ONEREG_IMPOSSIBLE, NULL, id,
		      "the VM was made with it, and this version does not know "
		      "what it means", "use a newer onereg");
	if (config_unknown_asym(c->image))
		shape(c, ONEREG_IMPOSSIBLE, NULL, KA_VM_ASYM,
		      "the VM's vCPUs may differ in what this version does not "
		      "know", "use a newer onereg");
	check_host_asym(c);
	if (config_value(c->image, KA_VM_COUNTER_OFFSET) &&
	    onereg_host_cap(c->host, KA_CAP_COUNTER_OFFSET) <= 0)
		shape(c, ONEREG_CARE, NULL, KA_VM_COUNTER_OFFSET,
		      "the VM's counters follow the host's at an offset, which "
		      "the host's kernel cannot: each is written for itself",
		      "the VMM cannot go on with KVM_ARM_SET_COUNTER_OFFSET "
		      "there");
}
