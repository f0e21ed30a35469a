/* SPDX-License-Identifier: MIT */
/*
 * The GICv3 of a VM and its ITSes: save, restore and proof. Which registers
 * there are, and in which order, is in gic_regs.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gic.h"

#define FIRST_SPI	32
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)

/* ---- one GIC under way ---- */

struct gic {
	struct onereg_vm *vm;
	struct onereg_report *report;
	struct gic_shape shape;
	uint32_t *affinity;	/* the shape's */
	bool dry;		/* a refusal is a finding */
};

static int vcpu_of(const struct gic *gic, const struct attr *a)
{
	uint32_t affinity = (uint32_t)(a->attr >> 32);

	/* An SPI's line level is addressed through vCPU 0 as well. */
	if (a->group != KA_VGIC_GRP_REDIST_REGS &&
	    a->group != KA_VGIC_GRP_CPU_SYSREGS &&
	    (a->group != KA_VGIC_GRP_LEVEL_INFO ||
	     (a->attr & 0x3ff) >= FIRST_SPI))
		return -1;
	for (size_t i = 0; gic->affinity && i < gic->vm->n_vcpus; i++)
		if (gic->affinity[i] == affinity)
			return (int)i;
	return -1;
}

/* 0 where a dry run goes on, else the error. */
static int failed(const struct gic *gic, int error, const char *operation,
		  const struct attr *a, const char *why, const char *todo)
{
	bool verdict = gic->dry && is_refusal(error);
	char name[64];

	gic_attr_name(a->group, a->attr, name, sizeof(name));
	report_add(gic->report,
		   &(struct onereg_finding){
			   .severity = verdict ? ONEREG_IMPOSSIBLE :
						 ONEREG_ERROR,
			   .class_ = verdict ? ONEREG_CLASS_VALUE :
					       ONEREG_CLASS_NONE,
			   .space = ONEREG_SPACE_GIC,
			   .vcpu = vcpu_of(gic, a),
			   .group = a->group,
			   .id = a->attr,
			   .name = name,
			   .a = &a->value,
			   .value_size = a->size,
			   .error = -error,
			   .operation = operation,
			   .why = error == -EBUSY ? "a vCPU is in an ioctl" :
				  is_refusal(error) || !operation ?
					  why :
					  "the call failed",
			   .todo = error == -EBUSY ?
					   "take every vCPU out of KVM_RUN" :
					   todo,
		   });
	return verdict ? 0 : error;
}

/* The attribute as the device itself calls it, and which device. */
static int device_of(const struct gic *gic, struct attr *a)
{
	size_t its = a->attr >> 32;

	if (!attr_is_its(a))
		return gic->vm->gic_fd;
	a->group -= ONEREG_GROUP_ITS;
	a->attr &= UINT32_MAX;
	/* The VM has as many as the image: that is its shape. */
	return its < gic->vm->n_its ? gic->vm->its_fds[its] : -1;
}

static int io_get(const struct gic *gic, struct attr *a)
{
	struct attr own = *a;
	int fd = device_of(gic, &own);
	int ret = io_get_attr(&gic->vm->io, fd, &own);

	a->value = own.value;
	return ret;
}

static int io_set(const struct gic *gic, const struct attr *a)
{
	struct attr own = *a;
	int fd = device_of(gic, &own);

	return io_set_attr(&gic->vm->io, fd, &own);
}

static int get(const struct gic *gic, struct attr *a)
{
	int ret = io_get(gic, a);

	return ret ? failed(gic, ret, "KVM_GET_DEVICE_ATTR", a,
			    "cannot read the GIC",
			    "the GIC must have had CTRL_INIT") :
		     0;
}

static void gic_close(struct gic *gic)
{
	free(gic->affinity);
}

/* As the image has it; KVM is asked only where that lists none. */
static int read_mpidr(const struct gic *gic, const struct onereg_image *image,
		      size_t vcpu, uint64_t *ret_mpidr)
{
	const struct vcpu_state *v = &image->vcpus[vcpu];
	const struct regset *set = &image->sets[v->set];
	ptrdiff_t at = regset_find(set, MPIDR);
	int ret;

	if (at >= 0) {
		*ret_mpidr = regset_u64(set, v->row, (size_t)at);
		return 0;
	}
	ret = io_get_reg(&gic->vm->io, gic->vm->vcpu_fds[vcpu], MPIDR,
			 ret_mpidr);
	if (ret)
		report_add(gic->report,
			   &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = (int)vcpu,
				   .id = MPIDR,
				   .error = -ret,
				   .operation = "KVM_GET_ONE_REG",
				   .why = "finds the redistributor",
			   });
	return ret;
}

static int gic_open(struct gic *gic, struct onereg_vm *vm,
		    const struct onereg_image *image,
		    struct onereg_report *report)
{
	struct attr nr = { .group = KA_VGIC_GRP_NR_IRQS, .size = 4 };
	int ret = 0;

	*gic = (struct gic){ .vm = vm, .report = report };
	gic->affinity = calloc(vm->n_vcpus, sizeof(*gic->affinity));
	if (!gic->affinity) {
		report_error(report, -ENOMEM, NULL, "GICv3", "no memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < vm->n_vcpus && !ret; i++) {
		uint64_t mpidr = 0;

		ret = read_mpidr(gic, image, i, &mpidr);
		gic->affinity[i] = gic_affinity(mpidr);
	}
	if (!ret)
		ret = get(gic, &nr);
	gic->shape = (struct gic_shape){
		.nr_irqs = (uint32_t)nr.value,
		.affinity = gic->affinity,
		.n_vcpus = vm->n_vcpus,
		.n_its = vm->n_its,
	};
	if (ret)
		gic_close(gic);
	return ret;
}

/* ---- save ---- */

static int save_attr(const struct gic *gic, struct attr *a)
{
	if (attr_is_tables(a))
		return its_save_tables(gic->vm, gic->affinity, a->attr >> 32,
				       &a->value, gic->report);
	return get(gic, a);
}

static int save_row(const struct gic *gic, const struct gic_reg *r, size_t unit,
		    unsigned int *priority_bits, struct attrs *to)
{
	size_t n = gic_row_count(&gic->shape, r, *priority_bits);
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		struct attr a = gic_row_attr(&gic->shape, r, unit, i);

		ret = save_attr(gic, &a);
		if (!ret)
			ret = attrs_add(to, &a);
		if (ret == -ENOMEM)
			report_error(gic->report, ret, NULL, r->name,
				     "no memory");
		gic_look_for_priority_bits(&a, priority_bits);
	}
	return ret;
}

static int save_table(const struct gic *gic, size_t table, size_t unit,
		      struct attrs *to)
{
	unsigned int priority_bits = 0;
	int ret = 0;

	for (size_t i = 0; i < gic_tables[table].n && !ret; i++)
		ret = save_row(gic, &gic_tables[table].regs[i], unit,
			       &priority_bits, to);
	return ret;
}

/* Does no vCPU run? KVM answers at once here; elsewhere it would wait. */
int gic_idle(struct onereg_vm *vm, struct onereg_report *report)
{
	struct gic gic = { .vm = vm, .report = report };
	struct attr typer = { KA_VGIC_GRP_DIST_REGS, 4, KA_GICD_TYPER, 0 };

	return get(&gic, &typer);
}

/*
 * An ITS that nobody named would be lost. KVM tells that there is one, and not
 * how many: where some are named, another one is lost, unnoticed.
 */
static int check_its_named(const struct gic *gic)
{
	struct attr typer = { KA_VGIC_GRP_DIST_REGS, 4, KA_GICD_TYPER, 0 };
	int ret = get(gic, &typer);

	if (ret || gic->vm->n_its || !(typer.value & KA_GICD_TYPER_LPIS))
		return ret;
	return failed(gic, -EINVAL, NULL, &typer,
		      "the VM has an ITS that struct onereg_vm_options does "
		      "not name",
		      "give the descriptors of all ITSes in its_fds");
}

static int save_address(const struct gic *gic, size_t its, struct attrs *to)
{
	struct attr a = gic_row_attr(&gic->shape, gic_tables[GIC_ITS].regs, its,
				     0);

	return get(gic, &a) ?: attrs_add(to, &a);
}

static int save_size(struct onereg_vm *vm, bool its, struct attrs *to,
		     struct onereg_report *report)
{
	struct gic gic = { .vm = vm, .report = report };
	struct attr nr = { .group = KA_VGIC_GRP_NR_IRQS, .size = 4 };
	int ret = get(&gic, &nr) ?: attrs_add(to, &nr);

	for (size_t i = 0; its && i < vm->n_its && !ret; i++)
		ret = save_address(&gic, i, to);
	if (ret == -ENOMEM)
		report_error(report, ret, NULL, "GICv3", "no memory");
	return ret;
}

/* What the destination's GIC is made by; can be asked while the guest runs. */
int gic_save_size(struct onereg_vm *vm, struct attrs *to,
		  struct onereg_report *report)
{
	return save_size(vm, true, to, report);
}

int gic_save(struct onereg_vm *vm, const struct onereg_image *image,
	     struct attrs *to, struct onereg_report *report)
{
	struct gic gic;
	int ret = gic_open(&gic, vm, image, report);

	if (ret)
		return ret;
	ret = check_its_named(&gic);
	if (!ret)
		ret = save_size(vm, false, to, report);
	for (size_t t = 0; t < ARRAY_SIZE(gic_tables) && !ret; t++) {
		size_t n = gic_part_count(&gic.shape, (enum gic_part)t);

		for (size_t i = 0; i < n && !ret; i++)
			ret = save_table(&gic, t, i, to);
	}
	gic_close(&gic);
	return ret;
}

/* ---- restore and proof ---- */

static int put_attr(const struct gic *gic, const struct attr *a)
{
	struct onereg_counts *counts = report_counts(gic->report);
	int ret = io_set(gic, a);

	if (!ret && counts && !gic->dry)
		counts->attributes_written++;
	return ret ? failed(gic, ret, "KVM_SET_DEVICE_ATTR", a,
			    "the GIC refuses the value", NULL) :
		     0;
}

static int restore_tables(const struct gic *gic, const struct attr *a)
{
	struct onereg_counts *counts = report_counts(gic->report);
	int ret = its_restore_tables(gic->vm, gic->affinity, a->attr >> 32,
				     a->value, gic->report);

	if (!ret && counts)
		counts->attributes_written++;
	return ret;
}

static int restore_one(const struct gic *gic, const struct attr *a)
{
	size_t i;
	const struct gic_reg *r = gic_find_row(a->group, a->attr, &i);

	if (a->group == KA_VGIC_GRP_NR_IRQS)
		return a->value == gic->shape.nr_irqs ?
			       0 :
			       failed(gic, -EINVAL, NULL, a,
				      "this GIC has another number of interrupts",
				      "set it before CTRL_INIT");
	if (!r)
		return failed(gic, -ENOTSUP, NULL, a,
			      "not a GICv3 register that this version knows",
			      "restore with the version that saved it");
	if (r->check || (r->keep_zero && !a->value) ||
	    (r->needs_memory && gic->dry))
		return 0;
	if (attr_is_tables(a))
		return restore_tables(gic, a);
	if (r->clear) {
		struct attr clear = *a;
		int ret;

		clear.attr = a->attr - r->at + r->clear;
		clear.value = UINT32_MAX;
		ret = io_set(gic, &clear);
		if (ret)
			return failed(gic, ret, "KVM_SET_DEVICE_ATTR", &clear,
				      "the GIC refuses the value", NULL);
	}
	return put_attr(gic, a);
}

int gic_restore(struct onereg_vm *vm, const struct onereg_image *image,
		bool dry, struct onereg_report *report)
{
	struct gic gic;
	int ret = gic_open(&gic, vm, image, report);

	if (ret)
		return ret;
	gic.dry = dry;
	for (size_t i = 0; i < image->gic.n && !ret; i++)
		ret = restore_one(&gic, &image->gic.v[i]);
	gic_close(&gic);
	return ret;
}

static void differs(const struct gic *gic, const struct attr *saved,
		    const struct attr *now)
{
	char name[64];

	gic_attr_name(now->group, now->attr, name, sizeof(name));
	report_add(gic->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_IMPOSSIBLE,
			   .class_ = ONEREG_CLASS_UNEXPLAINED,
			   .space = ONEREG_SPACE_GIC,
			   .vcpu = vcpu_of(gic, now),
			   .group = now->group,
			   .id = now->attr,
			   .name = name,
			   .a = &saved->value,
			   .b = &now->value,
			   .value_size = now->size,
			   .why = "the GIC reads back another value",
		   });
}

/* As it is here; *ret_known: it can be compared. */
static int read_back(const struct gic *gic, struct attr *a, bool *ret_known)
{
	size_t i;
	const struct gic_reg *r = gic_find_row(a->group, a->attr, &i);
	bool known = a->value;
	int ret;

	*ret_known = !(r && r->needs_memory && gic->dry);
	if (!*ret_known)
		return 0;
	if (!attr_is_tables(a))
		return get(gic, a);
	/* The save has said so, but perhaps to somebody else. */
	*ret_known = false;
	if (!known) {
		its_no_digest(a->attr >> 32, gic->report);
		return 0;
	}
	ret = its_save_tables(gic->vm, gic->affinity, a->attr >> 32, &a->value,
			      gic->report);
	*ret_known = a->value;
	return ret;
}

int gic_prove(struct onereg_vm *vm, const struct onereg_image *image, bool dry,
	      size_t *unproved, struct onereg_report *report)
{
	struct onereg_counts *counts = dry ? NULL : report_counts(report);
	struct gic gic;
	int ret = gic_open(&gic, vm, image, report);

	if (ret)
		return ret;
	gic.dry = dry;
	for (size_t i = 0; i < image->gic.n && !ret; i++) {
		struct attr now = image->gic.v[i];
		bool known;

		ret = read_back(&gic, &now, &known);
		if (ret)
			break;
		if (!known)
			continue;
		if (counts)
			counts->attributes_compared++;
		if (now.value == image->gic.v[i].value)
			continue;
		differs(&gic, &image->gic.v[i], &now);
		(*unproved)++;
	}
	gic_close(&gic);
	return ret;
}
