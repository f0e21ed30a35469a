/* SPDX-License-Identifier: MIT */
/*
 * VM configuration registers: saving them, and making a VM with them. What a
 * restore and a check say of them is in config_check.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define CLASS_MASK	(KA_REG_ARCH_MASK | KA_REG_CLASS_MASK)

/* The registers that each bit of KA_VM_ASYM lets vCPUs differ in. */
static const struct {
	uint64_t bit, id, mask;
} asym_regs[] = {
	{ KA_VM_ASYM_SMCCC, KA_REG_ARM64 | KA_REG_FW_FEAT_BMAP, CLASS_MASK },
};

/* What each bit of KA_VM_CAPS is, where it is enabled by KVM_ENABLE_CAP. */
static const struct {
	uint64_t bit;
	uint32_t cap;
} vm_caps[] = {
	{ KA_VM_CAPS_NISV_TO_USER, KA_CAP_ARM_NISV_TO_USER },
	{ KA_VM_CAPS_MTE, KA_CAP_ARM_MTE },
	{ KA_VM_CAPS_SYSTEM_SUSPEND, KA_CAP_ARM_SYSTEM_SUSPEND },
};

uint64_t config_value(const struct onereg_image *image, uint64_t id)
{
	ptrdiff_t i = regset_find(&image->config_set, id);

	return i < 0 ? 0 :
		       regset_u64(&image->config_set, image->config_row,
				  (size_t)i);
}

/* ---- saving ---- */

static int no_memory(struct onereg_report *report)
{
	report_error(report, -ENOMEM, NULL, "VM configuration", "no memory");
	return -ENOMEM;
}

static int read_registers(struct access *p, struct onereg_image *image,
			  struct onereg_report *report)
{
	const struct regset *set = &image->config_set;
	struct batch b;
	size_t done;
	int ret;

	image->config_row = calloc(1, set->row_size + 1);
	if (!image->config_row || batch_init(&b, set->n))
		return no_memory(report);
	for (size_t i = 0; i < set->n; i++)
		batch_add(&b, set->ids[i],
			  image->config_row + set->offsets[i], i);
	ret = access_get(p, ACCESS_VM, b.regs, b.n, &done);
	if (ret)
		report_add(report,
			   &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = -1,
				   .id = b.regs[done].id,
				   .error = -ret,
				   .operation = access_operation(p, false),
				   .why = "cannot read how the VM was made",
			   });
	batch_free(&b);
	return ret;
}

static int pick_registers(const struct access *p, struct onereg_image *image,
			  struct onereg_report *report)
{
	uint64_t *ids = calloc(p->vm_list.n + 1, sizeof(*ids));
	size_t n = 0;
	int ret;

	if (!ids)
		return no_memory(report);
	for (size_t i = 0; i < p->vm_list.n; i++)
		if (is_config(p->vm_list.ids[i]))
			ids[n++] = p->vm_list.ids[i];
	ret = regset_init(&image->config_set, ids, n);
	free(ids);
	/* Each id was good in the list that it is from. */
	return ret ? no_memory(report) : 0;
}

static bool has_features(const struct onereg_image *image)
{
	for (size_t i = 0; i < ARRAY_SIZE(image->features); i++)
		if (image->features[i])
			return true;
	return image->target;
}

static int take_features(const struct access *p, struct onereg_image *image,
			 struct onereg_report *report)
{
	uint64_t told = config_value(image, KA_VM_FEATURES);
	uint64_t given = image->features[0];
	struct ka_vcpu_init init = { 0 };
	int ret;

	if (!told)
		return 0;
	if (has_features(image)) {
		if (given == told)
			return 0;
		report_add(report,
			   &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = -1,
				   .id = KA_VM_FEATURES,
				   .a = &given,
				   .b = &told,
				   .value_size = sizeof(told),
				   .error = EINVAL,
				   .why = "the features in struct "
					  "onereg_vm_options are not those of "
					  "KVM_ARM_VCPU_INIT",
				   .todo = "give what the vCPUs were "
					   "initialised with, or nothing",
			   });
		return -EINVAL;
	}
	ret = io_ioctl(p->io, p->vm_fd, KA_ARM_PREFERRED_TARGET, &init);
	if (ret < 0) {
		report_error(report, ret, "KVM_ARM_PREFERRED_TARGET", "VM",
			     "cannot tell what its vCPUs are");
		return ret;
	}
	image->target = init.target;
	image->features[0] = (uint32_t)told;
	return 0;
}

static ptrdiff_t find_cap(const struct onereg_image *image, uint32_t cap)
{
	for (size_t i = 0; i < image->n_caps; i++)
		if (image->caps[i].cap == cap)
			return (ptrdiff_t)i;
	return -1;
}

static int add_cap(struct onereg_image *image, uint32_t cap,
		   struct onereg_report *report)
{
	struct onereg_cap *caps = realloc(image->caps, (image->n_caps + 1) *
							       sizeof(*caps));

	if (!caps)
		return no_memory(report);
	image->caps = caps;
	caps[image->n_caps++] = (struct onereg_cap){ .cap = cap };
	return 0;
}

static void drop_cap(struct onereg_image *image, size_t i,
		     struct onereg_report *report)
{
	report_add(report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .class_ = ONEREG_CLASS_SHAPE,
			   .space = ONEREG_SPACE_CAP,
			   .vcpu = -1,
			   .id = image->caps[i].cap,
			   .name = onereg_cap_name(image->caps[i].cap),
			   .why = "the options say that it is enabled, and the "
				  "VM does not have it: left out",
			   .todo = "give the options what was enabled",
		   });
	image->n_caps--;
	memmove(&image->caps[i], &image->caps[i + 1],
		(image->n_caps - i) * sizeof(*image->caps));
}

static int take_caps(struct onereg_image *image, struct onereg_report *report)
{
	uint64_t told = config_value(image, KA_VM_CAPS);
	int ret = 0;

	if (regset_find(&image->config_set, KA_VM_CAPS) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(vm_caps) && !ret; i++) {
		ptrdiff_t at = find_cap(image, vm_caps[i].cap);

		if (told & vm_caps[i].bit && at < 0)
			ret = add_cap(image, vm_caps[i].cap, report);
		else if (!(told & vm_caps[i].bit) && at >= 0)
			drop_cap(image, (size_t)at, report);
	}
	return ret;
}

int config_save(struct access *p, struct onereg_image *image,
		struct onereg_report *report)
{
	int ret;

	if (!p->config)
		return 0;
	ret = pick_registers(p, image, report);
	if (!ret)
		ret = read_registers(p, image, report);
	if (!ret)
		ret = take_features(p, image, report);
	return ret ? ret : take_caps(image, report);
}

/* ---- where vCPUs may differ ---- */

static bool is_asym(uint64_t asym, uint64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(asym_regs); i++)
		if (asym & asym_regs[i].bit &&
		    (id & asym_regs[i].mask) == asym_regs[i].id)
			return true;
	return false;
}

uint64_t config_unknown_asym(const struct onereg_image *image)
{
	uint64_t asym = config_value(image, KA_VM_ASYM);

	for (size_t i = 0; i < ARRAY_SIZE(asym_regs); i++)
		asym &= ~asym_regs[i].bit;
	return asym;
}

bool config_unknown(const struct onereg_image *image, size_t i,
		    uint64_t *ret_id)
{
	const struct regset *set = &image->config_set;

	for (size_t k = 0; k < set->n; k++) {
		uint64_t id = set->ids[k];

		if (id == KA_VM_ASYM || id == KA_VM_FEATURES ||
		    id == KA_VM_CAPS || id == KA_VM_COUNTER_OFFSET ||
		    !regset_u64(set, image->config_row, k) || i--)
			continue;
		*ret_id = id;
		return true;
	}
	return false;
}

bool config_needs_kernel(const struct onereg_image *image)
{
	uint64_t id;

	return config_value(image, KA_VM_ASYM) ||
	       config_unknown(image, 0, &id);
}

static bool splits(const struct onereg_image *image, size_t vcpu, uint64_t id,
		   struct split *ret)
{
	const struct vcpu_state *v = &image->vcpus[vcpu];
	const struct regset *set = &image->sets[v->set];
	ptrdiff_t at = regset_find(set, id);

	if (at < 0)
		return false;
	ret->vcpu = vcpu;
	ret->other = v->row + set->offsets[at];
	return memcmp(ret->first, ret->other, ret->size);
}

bool config_next_split(const struct onereg_image *image, uint64_t asym,
		       size_t *i, struct split *ret)
{
	const struct vcpu_state *v = image->vcpus;
	const struct regset *set;

	if (!image->n_vcpus)
		return false;
	set = &image->sets[v->set];
	for (; *i < set->n; ++*i) {
		*ret = (struct split){
			.id = set->ids[*i],
			.first = v->row + set->offsets[*i],
			.size = onereg_reg_size(set->ids[*i]),
		};
		if (!is_asym(asym, ret->id))
			continue;
		for (size_t k = 1; k < image->n_vcpus; k++)
			if (splits(image, k, ret->id, ret)) {
				++*i;
				return true;
			}
	}
	return false;
}

/* ---- making a VM ---- */

static int cannot_differ(const struct onereg_image *image, uint64_t asym,
			 struct onereg_report *report)
{
	struct split split;
	int ret = 0;

	for (size_t i = 0; config_next_split(image, asym, &i, &split);
	     ret = -EOPNOTSUPP)
		report_add(report,
			   &(struct onereg_finding){
				   .severity = ONEREG_IMPOSSIBLE,
				   .class_ = ONEREG_CLASS_SHAPE,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = (int)split.vcpu,
				   .id = split.id,
				   .a = split.first,
				   .b = split.other,
				   .value_size = split.size,
				   .why = "the image's vCPUs differ in it, "
					  "which this host's kernel cannot",
				   .todo = "choose a host whose kernel offers "
					   "asymmetric vCPUs",
			   });
	return ret;
}

/* What a register of the VM is refused with, by why: IMPOSSIBLE or an error. */
static int refused(const struct access *p, uint64_t id, uint64_t value,
		   int error, const char *why, struct onereg_report *report)
{
	bool late = error == -EBUSY;

	report_add(report,
		   &(struct onereg_finding){
			   .severity = error == -EOPNOTSUPP ?
					       ONEREG_IMPOSSIBLE :
					       ONEREG_ERROR,
			   .class_ = ONEREG_CLASS_SHAPE,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = -1,
			   .id = id,
			   .a = &value,
			   .value_size = sizeof(value),
			   .error = -error,
			   .operation = access_operation(p, true),
			   .why = late ? "the VM has vCPUs already" : why,
			   .todo = late ? "call onereg_vm_configure() before "
					  "the first KVM_CREATE_VCPU" :
					  NULL,
		   });
	return error;
}

static int write_register(struct access *p, uint64_t id, uint64_t value)
{
	struct ka_one_reg reg = { id, (uintptr_t)&value };
	size_t done;

	return access_set(p, ACCESS_VM, &reg, 1, &done);
}

static int write_asym(struct access *p, const struct onereg_image *image,
		      struct onereg_report *report)
{
	uint64_t asym = config_value(image, KA_VM_ASYM);
	int ret;

	if (!asym)
		return 0;
	/* Where all hold the same, a kernel without it will do. */
	if (!p->asym)
		return cannot_differ(image, asym, report);
	ret = write_register(p, KA_VM_ASYM, asym);
	return ret ? refused(p, KA_VM_ASYM, asym, ret,
			     "the VM cannot be made with vCPUs that differ",
			     report) :
		     0;
}

/* Whatever kernel it was saved on: a vCPU with others is refused from here. */
static int write_features(struct access *p, const struct onereg_image *image,
			  struct onereg_report *report)
{
	uint64_t features = image->features[0];
	int ret;

	if (!features || !p->config)
		return 0;
	ret = write_register(p, KA_VM_FEATURES, features);
	if (!ret)
		return 0;
	/* It is the kernel's word for features that it has not got. */
	return refused(p, KA_VM_FEATURES, features,
		       ret == -EINVAL ? -EOPNOTSUPP : ret,
		       "this host has no vCPUs with the image's features",
		       report);
}

int config_write(struct access *p, const struct onereg_image *image,
		 struct onereg_report *report)
{
	return write_asym(p, image, report) ?:
	       write_features(p, image, report);
}

int onereg_vm_configure(const struct onereg_io *io, int vm_fd,
			const struct onereg_image *image,
			struct onereg_report *report)
{
	struct onereg_io whole;
	struct access p;
	int ret = io_complete(&whole, io);

	if (ret) {
		report_error(report, ret, NULL, "onereg_vm_configure",
			     "struct onereg_io has no size, or lacks a "
			     "function");
		return ret;
	}
	ret = access_open(&p, &whole, vm_fd, NULL, report);
	if (ret)
		return ret;
	p.counts = report_counts(report);
	ret = config_write(&p, image, report);
	access_close(&p);
	return ret;
}
