/* SPDX-License-Identifier: MIT */
/*
 * Saving a paused VM. VM-wide values are read once, through the VM where the
 * kernel says which those are; else through the first vCPU, and where the
 * scope was not observed on this kernel every other vCPU is asked too, and one
 * that disagrees is a finding.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "save.h"

static int no_memory(const struct save *s)
{
	report_error(s->report, -ENOMEM, NULL, "save", "no memory");
	return -ENOMEM;
}

static int vcpu_failed(const struct save *s, int error, const char *operation,
		       size_t vcpu, const char *what)
{
	report_add(s->report, &(struct onereg_finding){
				      .severity = ONEREG_ERROR,
				      .vcpu = (int)vcpu,
				      .name = what,
				      .error = -error,
				      .operation = operation,
				      .why = "cannot read the state of the vCPU",
			      });
	return error;
}

/* vcpu may be ACCESS_VM. */
static int get_regs(const struct save *s, int vcpu,
		    const struct ka_one_reg *regs, size_t n)
{
	size_t done;
	int ret = access_get(&s->access, vcpu, regs, n, &done);

	if (ret)
		report_add(s->report,
			   &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = vcpu,
				   .id = regs[done].id,
				   .error = -ret,
				   .operation = access_operation(&s->access,
								false),
				   .why = "cannot read the register",
			   });
	return ret;
}

static int get_reg(const struct save *s, size_t vcpu, uint64_t id, void *to)
{
	return get_regs(s, (int)vcpu,
			&(struct ka_one_reg){ .id = id,
					      .addr = (uintptr_t)to }, 1);
}

/* ---- one vCPU after the other ---- */

static int hold_failed(const struct save *s, int error, size_t vcpu)
{
	report_add(s->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_ERROR,
			   .vcpu = (int)vcpu,
			   .name = "vCPU",
			   .error = -error,
			   .operation = "hold()",
			   .why = "the caller's function cannot take it out of "
				  "KVM_RUN",
		   });
	return error;
}

/* While the guest runs, the caller keeps the vCPU out of KVM_RUN meanwhile. */
static int visit(struct save *s, size_t vcpu,
		 int (*fn)(struct save *s, size_t vcpu))
{
	const struct onereg_stage_options *o = s->staging;
	int ret;

	if (!o || !o->hold)
		return fn(s, vcpu);
	ret = o->hold(o->userdata, vcpu);
	if (ret)
		return hold_failed(s, ret, vcpu);
	ret = fn(s, vcpu);
	o->release(o->userdata, vcpu);
	return ret;
}

static int for_each_vcpu(struct save *s, size_t first,
			 int (*fn)(struct save *s, size_t vcpu))
{
	int ret = 0;

	for (size_t i = first; i < s->vm->n_vcpus && !ret; i++)
		ret = visit(s, i, fn);
	return ret;
}

/* ---- the VM's shape ---- */

/* How its registers are listed is no state of a VM. */
static int save_caps(struct save *s)
{
	const struct onereg_vm *vm = s->vm;
	struct onereg_image *image = s->image;

	if (!vm->n_caps)
		return 0;
	image->caps = calloc(vm->n_caps, sizeof(*image->caps));
	if (!image->caps)
		return no_memory(s);
	for (size_t i = 0; i < vm->n_caps; i++)
		if (vm->caps[i].cap != KA_CAP_ARM_REG_SCOPE)
			image->caps[image->n_caps++] = vm->caps[i];
	return 0;
}

static int save_shape(struct save *s)
{
	const struct onereg_vm *vm = s->vm;
	struct onereg_image *image = s->image;
	int ret;

	snprintf(image->writer, sizeof(image->writer), "onereg %s",
		 onereg_version());
	image->target = vm->target;
	memcpy(image->features, vm->features, sizeof(image->features));
	image->features[0] &= ~(1u << KA_VCPU_POWER_OFF);
	ret = save_caps(s);
	if (!ret)
		ret = save_refuse_shape(s);
	if (ret)
		return ret;
	image->vcpus = calloc(vm->n_vcpus, sizeof(*image->vcpus));
	s->lists = calloc(vm->n_vcpus, sizeof(*s->lists));
	if (!image->vcpus || !s->lists)
		return no_memory(s);
	image->n_vcpus = vm->n_vcpus;
	for (size_t i = 0; i < vm->n_vcpus; i++)
		image->vcpus[i].id = vm->vcpu_ids[i];
	return 0;
}

static int save_host_facts(struct save *s)
{
	struct onereg_image *image = s->image;
	const struct onereg_io *io = &s->vm->io;
	int ret = io->release(io->userdata, image->release,
			      sizeof(image->release));

	if (ret) {
		report_error(s->report, ret, "uname", "the kernel",
			     "its release is not known");
		return ret;
	}
	/* Not known off arm64: 0 then, and nothing is said about it. */
	ret = io->counter_frequency(io->userdata, &image->counter_frequency);
	if (ret && ret != -ENOSYS) {
		report_error(s->report, ret, "CNTFRQ_EL0", "the counter",
			     "its frequency is not known");
		return ret;
	}
	return 0;
}

/* What was observed on another kernel or CPU says nothing here. */
static int check_host(struct save *s, size_t vcpu)
{
	const struct onereg_host *host = s->vm->host;
	uint64_t midr;
	int ret;

	if (!host)
		return 0;
	ret = get_reg(s, vcpu, KA_SYS(3, 0, 0, 0, 0), &midr);
	if (ret)
		return ret;
	if (midr == host->midr && !strcmp(host->release, s->image->release)) {
		s->host = host;
		return 0;
	}
	report_add(s->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .vcpu = -1,
			   .name = "host description",
			   .why = "of another kernel or CPU than this: not "
				  "used, every vCPU is asked for everything",
			   .todo = "describe this host anew",
		   });
	return 0;
}

/* ---- which registers there are ---- */

static int list_registers(struct save *s, size_t vcpu)
{
	int ret = access_vcpu_list(&s->access, vcpu, &s->lists[vcpu]);

	if (!ret)
		return 0;
	return vcpu_failed(s, ret, "KVM_GET_REG_LIST", vcpu,
			   ret == -ENOEXEC ?
				   "a vCPU without KVM_ARM_VCPU_INIT" :
				   "the register list");
}

/*
 * What this kernel says; else what it was seen to do; else what the catalogue
 * expects.
 */
static bool is_vm_wide(const struct save *s, uint64_t id, bool *ret_known)
{
	enum onereg_scope scope;

	*ret_known = true;
	if (s->access.vm_regs)
		return access_is_vm(&s->access, id);
	scope = host_scope(s->host, id);
	*ret_known = scope == ONEREG_SCOPE_VM;
	if (scope == ONEREG_SCOPE_UNKNOWN || scope == ONEREG_SCOPE_HOST)
		scope = catalogue_find(id)->scope;
	return scope != ONEREG_SCOPE_VCPU;
}

/* Moves the ids of list that pred accepts into ids; how many. */
static size_t pick(const struct save *s, const struct regset *list,
		   bool vm_wide, uint64_t *ids)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		uint64_t id = list->ids[i];
		bool known, wide = is_vm_wide(s, id, &known);

		if (is_config(id))
			continue;
		for (size_t c = 0; wide && c < s->image->n_conflicts; c++)
			if (s->image->conflicts[c] == id)
				wide = false;
		/* One that only a later vCPU lists is in no other place. */
		if (!vm_wide)
			wide = wide && regset_find(&s->image->vm_set, id) >= 0;
		if (wide == vm_wide)
			ids[n++] = id;
	}
	return n;
}

static int pick_set(const struct save *s, const struct regset *list,
		    bool vm_wide, struct regset *ret)
{
	uint64_t *ids = calloc(list->n ? list->n : 1, sizeof(*ids));
	int r;

	if (!ids)
		return no_memory(s);
	r = regset_init(ret, ids, pick(s, list, vm_wide, ids));
	free(ids);
	if (r)
		report_error(s->report, r, "KVM_GET_REG_LIST",
			     "the register list", "an id without a size");
	return r;
}

/* ---- VM-wide values ---- */

static int add_conflict(struct save *s, uint64_t id, size_t vcpu,
			const void *first, const void *other, size_t size)
{
	struct onereg_image *image = s->image;
	uint64_t *conflicts = realloc(image->conflicts,
				      (image->n_conflicts + 1) *
					      sizeof(*conflicts));

	if (!conflicts)
		return no_memory(s);
	image->conflicts = conflicts;
	conflicts[image->n_conflicts++] = id;
	report_add(s->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_IMPOSSIBLE,
			   .class_ = ONEREG_CLASS_CONFLICT,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = (int)vcpu,
			   .id = id,
			   .a = first,
			   .b = other,
			   .value_size = size,
			   .why = "one value for all vCPUs, and this one has "
				  "another than the first",
			   .todo = "find out which is right: the image keeps "
				   "each vCPU's and will not be restored",
		   });
	return 0;
}

static bool is_counter(uint64_t id)
{
	return catalogue_find(id)->compare == COMPARE_COUNTER;
}

enum which { ALL, MOVING, STILL };	/* counters move */

static int read_values(const struct save *s, int vcpu,
		       const struct regset *set, uint8_t *row,
		       enum which which)
{
	struct batch b;
	int ret;

	if (batch_init(&b, set->n))
		return no_memory(s);
	for (size_t i = 0; i < set->n; i++)
		if (which == ALL ||
		    is_counter(set->ids[i]) == (which == MOVING))
			batch_add(&b, set->ids[i], row + set->offsets[i], i);
	ret = get_regs(s, vcpu, b.regs, b.n);
	batch_free(&b);
	return ret;
}

/* Through what VM-wide values are read. */
static int vm_door(const struct save *s)
{
	return s->access.vm_regs ? ACCESS_VM : 0;
}

static int through_vm_door(struct save *s,
			   int (*fn)(struct save *s, size_t vcpu))
{
	return s->access.vm_regs ? fn(s, 0) : visit(s, 0, fn);
}

static int read_vm_row(struct save *s, size_t vcpu)
{
	struct onereg_image *image = s->image;
	const struct regset *set = &image->vm_set;

	free(image->vm_row);
	image->vm_row = calloc(1, set->row_size ? set->row_size : 1);
	if (!image->vm_row)
		return no_memory(s);
	(void)vcpu;
	return read_values(s, vm_door(s), set, image->vm_row, STILL);
}

/*
 * The clock is read first: however long the reading takes, the counters are
 * then never ahead of what the clock says.
 */
static int read_counters(struct save *s, size_t vcpu)
{
	const struct onereg_io *io = &s->vm->io;
	struct onereg_image *image = s->image;
	int ret = io->wall_clock(io->userdata, &image->saved_at);

	(void)vcpu;
	if (ret) {
		report_error(s->report, ret, "clock_gettime", "the wall clock",
			     "cannot tell when the counters were read");
		return ret;
	}
	return read_values(s, vm_door(s), &image->vm_set, image->vm_row,
			   MOVING);
}

static bool in_conflict(const struct save *s, uint64_t id)
{
	for (size_t i = 0; i < s->image->n_conflicts; i++)
		if (s->image->conflicts[i] == id)
			return true;
	return false;
}

/* Is the VM's value what was expected, not what the kernel was seen to do? */
static bool is_doubtful(const struct save *s, uint64_t id)
{
	bool known;

	is_vm_wide(s, id, &known);
	return !known && !is_counter(id);
}

/* Does a later vCPU agree with the first? */
static int find_conflicts(struct save *s, size_t vcpu)
{
	const struct regset *set = &s->image->vm_set;
	int ret = 0;

	for (size_t i = 0; i < set->n && !ret; i++) {
		uint64_t id = set->ids[i];
		const uint8_t *first = s->image->vm_row + set->offsets[i];
		uint8_t value[KA_REG_SIZE_MAX];

		if (!is_doubtful(s, id) || in_conflict(s, id) ||
		    regset_find(&s->lists[vcpu], id) < 0)
			continue;
		ret = get_reg(s, vcpu, id, value);
		if (!ret && memcmp(first, value, onereg_reg_size(id)))
			ret = add_conflict(s, id, vcpu, first, value,
					   onereg_reg_size(id));
	}
	return ret;
}

static bool has_doubts(const struct save *s)
{
	for (size_t i = 0; i < s->image->vm_set.n; i++)
		if (is_doubtful(s, s->image->vm_set.ids[i]))
			return true;
	return false;
}

static int pick_vm_set(struct save *s)
{
	const struct regset *list = s->access.vm_regs ? &s->access.vm_list :
						       &s->lists[0];

	regset_free(&s->image->vm_set);
	return pick_set(s, list, true, &s->image->vm_set);
}

static int save_vm_wide(struct save *s)
{
	int ret = pick_vm_set(s);

	if (!ret)
		ret = through_vm_door(s, read_vm_row);
	if (!ret && has_doubts(s))
		ret = for_each_vcpu(s, 1, find_conflicts);
	if (!ret && s->image->n_conflicts) {
		ret = pick_vm_set(s);
		if (!ret)
			ret = through_vm_door(s, read_vm_row);
	}
	if (!ret)
		ret = through_vm_door(s, read_counters);
	if (!ret && s->counts)
		s->counts->registers_saved += s->image->vm_set.n;
	return ret;
}

/* ---- per-vCPU values ---- */

/* Index of the vCPU's list in image->sets, which grows by it when new. */
static int vcpu_set(struct save *s, size_t vcpu, uint32_t *ret_set)
{
	struct onereg_image *image = s->image;
	struct regset set, *sets;
	int ret;

	/* Nearly always all lists are the first one. */
	for (size_t v = 0; v < vcpu; v++)
		if (regset_equal(&s->lists[v], &s->lists[vcpu])) {
			*ret_set = image->vcpus[v].set;
			return 0;
		}
	ret = pick_set(s, &s->lists[vcpu], false, &set);
	if (ret)
		return ret;
	for (size_t i = 0; i < image->n_sets; i++)
		if (regset_equal(&image->sets[i], &set)) {
			regset_free(&set);
			*ret_set = (uint32_t)i;
			return 0;
		}
	sets = realloc(image->sets, (image->n_sets + 1) * sizeof(*sets));
	if (!sets) {
		regset_free(&set);
		return no_memory(s);
	}
	image->sets = sets;
	sets[image->n_sets] = set;
	*ret_set = (uint32_t)image->n_sets++;
	return 0;
}

static int save_row(struct save *s, size_t vcpu)
{
	struct vcpu_state *v = &s->image->vcpus[vcpu];
	const struct regset *set;
	int ret = vcpu_set(s, vcpu, &v->set);

	if (ret)
		return ret;
	set = &s->image->sets[v->set];
	v->row = calloc(1, set->row_size ? set->row_size : 1);
	if (!v->row)
		return no_memory(s);
	ret = read_values(s, (int)vcpu, set, v->row, ALL);
	if (!ret && s->counts)
		s->counts->registers_saved += set->n;
	return ret;
}

static int save_mp_state(struct save *s, size_t vcpu)
{
	struct ka_mp_state mp;
	int ret = io_ioctl(&s->vm->io, s->vm->vcpu_fds[vcpu], KA_GET_MP_STATE,
			   &mp);

	if (ret < 0)
		return vcpu_failed(s, ret, "KVM_GET_MP_STATE", vcpu,
				   "MP state");
	s->image->vcpus[vcpu].mp_state = mp.mp_state;
	return 0;
}

static int save_events(struct save *s, size_t vcpu)
{
	struct vcpu_state *v = &s->image->vcpus[vcpu];
	int ret = io_ioctl(&s->vm->io, s->vm->vcpu_fds[vcpu],
			   KA_GET_VCPU_EVENTS, &v->events);

	if (ret < 0)
		return vcpu_failed(s, ret, "KVM_GET_VCPU_EVENTS", vcpu,
				   "vCPU events");
	v->has_events = true;
	return 0;
}

static int save_attrs(struct save *s, size_t vcpu)
{
	struct vcpu_state *v = &s->image->vcpus[vcpu];
	int ret = vcpu_attrs_save(s->vm, vcpu, s->image->features[0],
				  &v->attrs, s->report);

	if (!ret && s->counts)
		s->counts->attributes_saved += v->attrs.n;
	return ret;
}

static int save_gic(struct save *s)
{
	int ret = 0;

	s->image->has_gic = s->vm->gic_fd >= 0;
	if (s->image->has_gic)
		ret = s->staging ? gic_save_size(s->vm, &s->image->gic,
						 s->report) :
				   gic_save(s->vm, s->image, &s->image->gic,
					    s->report);
	if (!ret && s->counts)
		s->counts->attributes_saved += s->image->gic.n;
	return ret;
}

static int save_config(struct save *s)
{
	int ret = config_save(&s->access, s->image, s->report);

	if (!ret && s->counts)
		s->counts->registers_saved += s->image->config_set.n;
	return ret ? ret : save_refuse_shape(s);
}

static int ask_kernel(struct save *s)
{
	const struct onereg_vm *vm = s->vm;
	int ret = access_open(&s->access, &vm->io, vm->vm_fd, vm->vcpu_fds,
			     s->report);

	s->access.counts = s->counts;
	return ret;
}

static int list_vm(struct save *s)
{
	return access_list(&s->access, s->report);
}

/* The MP state first: reading a register carries out a reset. */
static int look_at_vcpu(struct save *s, size_t vcpu)
{
	int ret = save_mp_state(s, vcpu);

	if (!ret)
		ret = list_registers(s, vcpu);
	return ret || vcpu ? ret : check_host(s, vcpu);
}

static int look_at_vcpus(struct save *s)
{
	return for_each_vcpu(s, 0, look_at_vcpu);
}

static int save_vcpu(struct save *s, size_t vcpu)
{
	return save_row(s, vcpu) ?: save_attrs(s, vcpu) ?: save_events(s, vcpu);
}

static int save_vcpus(struct save *s)
{
	return for_each_vcpu(s, 0, save_vcpu);
}

static int check_vm(struct save *s)
{
	int ret = vm_is_arm64(&s->vm->io, s->vm->vm_fd, s->report);

	return ret || s->vm->gic_fd < 0 || s->staging ?
		       ret :
		       gic_idle(s->vm, s->report);
}

static int save_all(struct save *s)
{
	static int (*const steps[])(struct save *s) = {
		check_vm,
		ask_kernel,
		save_shape,
		save_host_facts,
		list_vm,
		look_at_vcpus,
		save_config,
		save_tell_unlisted,
		save_vm_wide,
		save_check_features,
		save_vcpus,
		save_gic,
	};
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && !ret; i++)
		ret = steps[i](s);
	return ret;
}

int save_image(struct onereg_vm *vm, const struct onereg_stage_options *staging,
	       struct onereg_image **ret, struct onereg_report *report)
{
	struct save s = { .vm = vm,
			  .report = report,
			  .staging = staging,
			  .counts = report_counts(report) };
	ptrdiff_t midr;
	int r;

	s.image = calloc(1, sizeof(*s.image));
	if (!s.image)
		return no_memory(&s);
	r = save_all(&s);
	for (size_t i = 0; s.lists && i < vm->n_vcpus; i++)
		regset_free(&s.lists[i]);
	free(s.lists);
	access_close(&s.access);
	if (r) {
		onereg_image_free(s.image);
		return r;
	}
	midr = regset_find(&s.image->vm_set, KA_SYS(3, 0, 0, 0, 0));
	/* What a restore of this VM did is history. */
	vm->counters.set = false;
	if (midr >= 0)
		s.image->midr = regset_u64(&s.image->vm_set, s.image->vm_row,
					   (size_t)midr);
	*ret = s.image;
	return 0;
}

int onereg_vm_save(struct onereg_vm *vm, struct onereg_image **ret,
		   struct onereg_report *report)
{
	return save_image(vm, NULL, ret, report);
}
