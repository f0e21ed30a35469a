/* SPDX-License-Identifier: MIT */
/*
 * Restoring a VM: the plan, a table of steps with the reason for each one's
 * place, and the steps. The first failure ends a restore; a dry run goes on
 * and turns what the kernel refuses into findings.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "restore.h"

/* ---- failures and verdicts ---- */

/* What a kernel says of a value or an id, rather than of its own trouble. */
bool is_refusal(int error)
{
	return error == -EINVAL || error == -ENOENT || error == -EPERM ||
	       error == -EBUSY || error == -E2BIG || error == -ENXIO ||
	       error == -EEXIST || error == -ENODEV;
}

/*
 * One failing call: an error that ends the restore, or in a dry run a
 * finding, and 0.
 */
int restore_failed(struct restore *r, struct onereg_finding f)
{
	bool verdict = r->dry && is_refusal(f.error);

	f.severity = verdict ? ONEREG_IMPOSSIBLE : ONEREG_ERROR;
	/* No blame on the value for the kernel's own trouble. */
	if (!is_refusal(f.error))
		f.why = "the call failed";
	if (verdict && !f.class_)
		f.class_ = ONEREG_CLASS_VALUE;
	f.error = -f.error;
	report_add(r->report, &f);
	return verdict ? 0 : -f.error;
}

static int vcpu_failed(struct restore *r, int error, const char *operation,
		       size_t vcpu, const char *name, const char *why)
{
	return restore_failed(r, (struct onereg_finding){
				 .class_ = ONEREG_CLASS_SHAPE,
				 .vcpu = (int)vcpu,
				 .name = name,
				 .error = error,
				 .operation = operation,
				 .why = why,
			 });
}

static int wrong_shape(struct restore *r, const char *name, const char *why,
		       const char *todo)
{
	return restore_failed(r, (struct onereg_finding){
				 .class_ = ONEREG_CLASS_SHAPE,
				 .vcpu = -1,
				 .name = name,
				 .error = -EINVAL,
				 .why = why,
				 .todo = todo,
			 });
}

/* ---- before anything is written ---- */

static int check_vcpus(struct restore *r)
{
	const struct onereg_vm *vm = r->vm;

	if (vm->n_vcpus != r->image->n_vcpus)
		return wrong_shape(r, "vCPUs",
				   "the VM has another number of vCPUs than the "
				   "image", "create as many as the image has");
	for (size_t i = 0; i < vm->n_vcpus; i++)
		if (vm->vcpu_ids[i] != r->image->vcpus[i].id)
			return wrong_shape(r, "vCPU ids",
					   "the VM's vCPUs have other ids than "
					   "the image's",
					   "create them by onereg_image_vcpu_id()");
	return 0;
}

static int check_counter(struct restore *r)
{
	const struct onereg_io *io = &r->vm->io;
	uint64_t hz = 0;
	int ret = io->counter_frequency(io->userdata, &hz);

	if (ret && ret != -ENOSYS) {
		report_error(r->report, ret, "CNTFRQ_EL0", "the counter",
			     "its frequency is not known");
		return ret;
	}
	if (hz && r->image->counter_frequency &&
	    hz != r->image->counter_frequency)
		return wrong_shape(r, "CNTFRQ_EL0",
				   "this host's counter has another frequency: "
				   "the guest's clocks would run at the wrong "
				   "speed", "choose a host with the same");
	return 0;
}

static int check_time(struct restore *r)
{
	if (r->time != ONEREG_TIME_CATCH_UP || r->image->counter_frequency)
		return 0;
	return wrong_shape(r, "CNTFRQ_EL0",
			   "the image does not tell the counter's frequency: "
			   "how far to catch up is not known",
			   "restore with ONEREG_TIME_FREEZE");
}

/* What it lacks would be neither written nor missed. Changes bring the GIC's. */
static int check_gic_whole(struct restore *r)
{
	bool whole;
	int ret;

	if (r->staging || !r->image->has_gic)
		return 0;
	ret = gic_is_whole(r->image, &r->image->gic, &whole);
	if (ret) {
		report_error(r->report, ret, NULL, "GICv3", "no memory");
		return ret;
	}
	return whole ? 0 :
		       wrong_shape(r, "GICv3",
				   "the image lacks some of its registers, or "
				   "has others",
				   "restore with the version that saved it");
}

int check_whole(struct restore *r)
{
	if (!r->dry && (r->image->fresh || r->image->partial))
		return wrong_shape(r, "image",
				   "made from a host description: no VM was "
				   "saved in it", NULL);
	if (!r->image->staged != !r->staging)
		return wrong_shape(r, "image",
				   r->staging ?
					   "a whole VM: no changes to it will "
					   "come" :
					   "the first copy of a live migration, "
					   "without what changed later",
				   r->staging ? "use onereg_vm_restore()" :
						"use onereg_destination_stage()");
	return check_gic_whole(r);
}

static int check_shape(struct restore *r)
{
	int ret = 0;

	if (r->image->n_conflicts)
		ret = wrong_shape(r, "VM-wide registers",
				  "the image's vCPUs disagree on a VM-wide "
				  "value, and no choice is right",
				  "see the findings of the save");
	ret = ret ?: check_whole(r);
	if (ret)
		return ret;
	if (r->image->has_gic != (r->vm->gic_fd >= 0))
		return wrong_shape(r, "GICv3",
				   r->image->has_gic ?
					   "the image has one, the VM has none" :
					   "the VM has one, the image has none",
				   "build the VM as onereg_image_has_gic() says");
	if (onereg_image_n_its(r->image) != r->vm->n_its)
		return wrong_shape(r, "ITS",
				   "the image has another number of them than "
				   "struct onereg_vm_options",
				   "create them as onereg_image_n_its() and "
				   "onereg_image_its_address() say");
	return check_vcpus(r) ?: check_counter(r) ?: check_time(r) ?:
	       check_config(r);
}

/* ---- vCPUs ---- */

/* A refusal after which a vCPU has no registers: a dry run ends there too. */
static int end_at(struct restore *r, int error, const char *operation,
		  size_t vcpu, const char *name, const char *why)
{
	int ret = vcpu_failed(r, error, operation, vcpu, name, why);

	r->ended = !ret;
	return ret;
}

static int init_vcpus(struct restore *r)
{
	struct ka_vcpu_init init = { .target = r->image->target };
	int ret = 0;

	memcpy(init.features, r->image->features, sizeof(init.features));
	for (size_t i = 0; i < r->vm->n_vcpus && ret >= 0; i++) {
		ret = io_ioctl(&r->vm->io, r->vm->vcpu_fds[i],
			       KA_ARM_VCPU_INIT, &init);
		if (ret < 0)
			return end_at(r, ret, "KVM_ARM_VCPU_INIT", i,
				      "vCPU features",
				      "the host refuses the image's features");
	}
	return 0;
}

static int finalize_vcpus(struct restore *r)
{
	int feature = KA_VCPU_SVE;

	if (!(r->image->features[0] & 1u << KA_VCPU_SVE))
		return 0;
	for (size_t i = 0; i < r->vm->n_vcpus; i++) {
		int ret = io_ioctl(&r->vm->io, r->vm->vcpu_fds[i],
				   KA_ARM_VCPU_FINALIZE, &feature);

		if (ret < 0)
			return end_at(r, ret, "KVM_ARM_VCPU_FINALIZE", i,
				      "SVE",
				      "the host refuses the vector lengths");
	}
	return 0;
}

static int has_attr(const struct restore *r, size_t vcpu,
		    const struct attr *attr)
{
	struct ka_device_attr has = { .group = attr->group,
				      .attr = attr->attr };
	int ret = io_ioctl(&r->vm->io, r->vm->vcpu_fds[vcpu],
			   KA_HAS_DEVICE_ATTR, &has);

	return ret < 0 ? ret : 0;
}

static int write_attr(struct restore *r, size_t vcpu, const struct attr *attr)
{
	char name[64];
	int ret;

	/* A scratch VM has no memory that the address could be in. */
	if (r->dry && attr->group == KA_VCPU_PVTIME_CTRL)
		ret = has_attr(r, vcpu, attr);
	else
		ret = io_set_attr(&r->vm->io, r->vm->vcpu_fds[vcpu], attr);
	if (!ret && r->counts)
		r->counts->attributes_written++;
	if (!ret)
		return 0;
	vcpu_attr_name(attr->group, attr->attr, name, sizeof(name));
	return restore_failed(r, (struct onereg_finding){
				 .space = ONEREG_SPACE_VCPU_ATTR,
				 .class_ = ONEREG_CLASS_SHAPE,
				 .vcpu = (int)vcpu,
				 .group = attr->group,
				 .id = attr->attr,
				 .name = name,
				 .a = &attr->value,
				 .value_size = attr->size,
				 .error = ret,
				 .operation = "KVM_SET_DEVICE_ATTR",
				 .why = "the vCPU refuses the attribute",
			 });
}

static int write_vcpu_attrs(struct restore *r)
{
	int ret = 0;

	for (size_t i = 0; i < r->vm->n_vcpus && !ret; i++) {
		const struct attrs *attrs = &r->image->vcpus[i].attrs;

		for (size_t a = 0; a < attrs->n && !ret; a++)
			ret = write_attr(r, i, &attrs->v[a]);
	}
	return ret;
}

static int list_vm(struct restore *r)
{
	return access_list(&r->access, r->report);
}

/* ---- the GIC ---- */

int write_gic(struct restore *r)
{
	return r->image->has_gic ? gic_restore(r->vm, r->image, r->dry,
					      r->report) : 0;
}

/* ---- what makes it runnable ---- */

int write_vcpu_events(struct restore *r, size_t vcpu)
{
	const struct vcpu_state *v = &r->image->vcpus[vcpu];
	struct ka_vcpu_events events = v->events;
	int ret;

	if (!v->has_events)
		return 0;
	/* GET tells whether the host can, SET asks whether it must. */
	if (!events.serror_pending)
		events.serror_has_esr = 0;
	ret = io_ioctl(&r->vm->io, r->vm->vcpu_fds[vcpu], KA_SET_VCPU_EVENTS,
		       &events);
	if (ret >= 0)
		return 0;
	return vcpu_failed(r, ret, "KVM_SET_VCPU_EVENTS", vcpu, "vCPU events",
			   "a pending SError with a syndrome needs the RAS "
			   "extension");
}

int write_vcpu_mp_state(struct restore *r, size_t vcpu)
{
	struct ka_mp_state mp = { r->image->vcpus[vcpu].mp_state };
	int ret = io_ioctl(&r->vm->io, r->vm->vcpu_fds[vcpu], KA_SET_MP_STATE,
			   &mp);

	if (ret >= 0)
		return 0;
	return vcpu_failed(r, ret, "KVM_SET_MP_STATE", vcpu, "MP state",
			   mp.mp_state == KA_MP_STATE_SUSPENDED ?
				   "this kernel does not know SUSPENDED" :
				   "the state is refused");
}

static int for_each_vcpu(struct restore *r,
			 int (*fn)(struct restore *r, size_t vcpu))
{
	int ret = 0;

	for (size_t i = 0; i < r->vm->n_vcpus && !ret; i++)
		ret = fn(r, i);
	return ret;
}

static int write_events(struct restore *r)
{
	return for_each_vcpu(r, write_vcpu_events);
}

static int write_mp_state(struct restore *r)
{
	return for_each_vcpu(r, write_vcpu_mp_state);
}

/* ---- the plan ---- */

static const struct step {
	const char *name;
	int (*run)(struct restore *r);
	const char *why;	/* why here */
} plan[] = {
	{ "shape", check_shape,
	  "nothing is written to a VM that cannot become what the image says" },
	{ "init", init_vcpus,
	  "KVM knows no register of a vCPU without KVM_ARM_VCPU_INIT" },
	{ "SVE vector lengths", write_vector_lengths,
	  "they decide what finalize allocates, and are fixed by it" },
	{ "finalize", finalize_vcpus,
	  "with SVE, every other register is EPERM before" },
	{ "list", list_vm,
	  "the first init decides which registers the VM has; where the kernel "
	  "tells, those are written through the VM" },
	{ "vCPU attributes", write_vcpu_attrs,
	  "the PMU wants its interrupt, then INIT, before it is used" },
	{ "VM-wide features", write_features,
	  "other registers are visible or writable because of them" },
	{ "facts about the host", write_host_facts,
	  "the level of SMCCC_ARCH_WORKAROUND_2 follows ID_AA64PFR1_EL1.SSBS" },
	{ "vCPU registers", write_vcpu_registers,
	  "in any order across vCPUs; none after the barrier below" },
	{ "GIC", write_gic,
	  "barrier: it try-locks every vCPU, and finds redistributors by the "
	  "affinity just restored" },
	{ "events", write_events,
	  "a pending SError must not be lost to what is written before" },
	{ "MP state", write_mp_state,
	  "it makes a vCPU runnable: after all that it would run on" },
	{ "proof", prove_state,
	  "before the counters: the guest's time does not pass meanwhile" },
	{ "counters", write_counters,
	  "values are relative to now: once, and as late as can be" },
	{ "timers", write_timers, "deadlines on the counters" },
	{ "proof of the clocks", prove_clocks, "the rest of the proof" },
};

static bool is_proof(const struct step *step)
{
	return step->run == prove_state || step->run == prove_clocks;
}

/* What waits for the blackout. */
static bool is_late(const struct step *step)
{
	return step->run == write_gic || step->run == write_counters ||
	       step->run == prove_clocks;
}

int rules_init(struct rules *rules, const struct regset *set)
{
	*rules = (struct rules){ .set = set };
	rules->family = calloc(set->n ? set->n : 1, sizeof(*rules->family));
	if (!rules->family)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++) {
		rules->family[i] = catalogue_find(set->ids[i]);
		if (rules->family[i]->phase == PHASE_COUNTER)
			rules->has_counter = true;
	}
	return 0;
}

void rules_free(struct rules *rules)
{
	free(rules->family);
}

void restore_close(struct restore *r)
{
	rules_free(&r->vm_rules);
	for (size_t i = 0; r->set_rules && i < r->image->n_sets; i++)
		rules_free(&r->set_rules[i]);
	free(r->set_rules);
	free(r->refused);
	access_close(&r->access);
}

int restore_open(struct restore *r, struct onereg_vm *vm,
		 const struct onereg_image *image,
		 struct onereg_report *report)
{
	int ret;

	*r = (struct restore){ .vm = vm,
			       .image = image,
			       .report = report,
			       .counts = report_counts(report) };
	ret = rules_init(&r->vm_rules, &image->vm_set);
	r->set_rules = calloc(image->n_sets ? image->n_sets : 1,
			      sizeof(*r->set_rules));
	if (!r->set_rules)
		ret = -ENOMEM;
	for (size_t i = 0; i < image->n_sets && !ret; i++)
		ret = rules_init(&r->set_rules[i], &image->sets[i]);
	if (ret)
		report_error(report, ret, NULL, "restore", "no memory");
	else
		ret = access_open(&r->access, &vm->io, vm->vm_fd, vm->vcpu_fds,
				 report);
	if (ret)
		restore_close(r);
	r->access.counts = r->counts;
	return ret;
}

int restore_run(struct restore *r)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(plan) && !ret && !r->ended; i++)
		if (!(r->no_proof && is_proof(&plan[i])) &&
		    !(r->staging && is_late(&plan[i])))
			ret = plan[i].run(r);
	return ret;
}

int remember_shape(struct restore *r)
{
	const struct onereg_image *image = r->image;
	struct onereg_vm *vm = r->vm;
	struct onereg_cap *caps = NULL;

	if (image->n_caps) {
		caps = calloc(image->n_caps, sizeof(*caps));
		if (!caps) {
			report_error(r->report, -ENOMEM, NULL, "restore",
				     "no memory");
			return -ENOMEM;
		}
		memcpy(caps, image->caps, image->n_caps * sizeof(*caps));
	}
	free(vm->caps);
	vm->caps = caps;
	vm->n_caps = image->n_caps;
	vm->target = image->target;
	memcpy(vm->features, image->features, sizeof(vm->features));
	return 0;
}

static const struct onereg_restore_options default_options = {
	.size = sizeof(default_options),
	.time = ONEREG_TIME_FREEZE,
};

int onereg_vm_restore(struct onereg_vm *vm, const struct onereg_image *image,
		      const struct onereg_restore_options *options,
		      struct onereg_report *report)
{
	struct onereg_restore_options o;
	struct restore r;
	int ret;

	ret = options_take(&o, sizeof(o), options ? options : &default_options);
	if (ret) {
		report_error(report, ret, NULL, "onereg_vm_restore",
			     "struct onereg_restore_options has no size, or "
			     "fields that this version does not know");
		return ret;
	}
	ret = restore_open(&r, vm, image, report);
	if (ret)
		return ret;
	r.time = o.time;
	r.no_proof = o.no_proof;
	ret = restore_run(&r);
	if (!ret)
		ret = remember_shape(&r);
	if (!ret && r.n_unproved)
		ret = -EBADE;
	restore_close(&r);
	return ret;
}
