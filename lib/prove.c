/* SPDX-License-Identifier: MIT */
/*
 * The proof: every value of the image is read back and compared by the rule
 * of its family. VM-wide values are read through every vCPU. A difference
 * is either explained by a rule, and counted, or the VM is not what was
 * saved.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "restore.h"
#include "tolerance.h"

#define NS_PER_S	1000000000ULL
/* What reading the clock and the counter one after the other may cost. */
#define SLACK_NS	(NS_PER_S / 10)

int unproved(struct restore *r, struct onereg_finding f)
{
	f.severity = ONEREG_IMPOSSIBLE;
	r->n_unproved++;
	report_add(r->report, &f);
	return 0;
}

static int cannot_read(struct restore *r, int error, const char *operation,
		       int vcpu, const char *name)
{
	report_add(r->report, &(struct onereg_finding){
				      .severity = ONEREG_ERROR,
				      .vcpu = vcpu,
				      .name = name,
				      .error = -error,
				      .operation = operation,
				      .why = "cannot be read back: not proved",
			      });
	return error;
}

/* ---- registers ---- */

struct value {
	const struct family *family;
	uint64_t id;
	int vcpu;
	size_t size;
	const uint8_t *saved;
	uint8_t now[KA_REG_SIZE_MAX];
};

static uint64_t u64(const struct value *v, const uint8_t *bytes)
{
	uint64_t n = 0;

	memcpy(&n, bytes, v->size < sizeof(n) ? v->size : sizeof(n));
	return n;
}

/* Were the counters set here, from this image? */
static bool set_here(const struct restore *r)
{
	return r->vm->counters.set &&
	       r->vm->counters.image == r->image->saved_at;
}

/*
 * How far the counter may have moved since its base value was true: since
 * the restore wrote it or, where this VM was not restored here, since the
 * save, if this host's clock is not behind that one's.
 */
static uint64_t counter_limit(const struct restore *r, uint64_t now)
{
	uint64_t since = set_here(r) ? r->vm->counters.at : r->image->saved_at;
	uint64_t ns = (now > since ? now - since : 0) + SLACK_NS;

	if (!r->image->counter_frequency || (now < since && !set_here(r)))
		return INT64_MAX;
	return (uint64_t)((unsigned __int128)ns *
			  r->image->counter_frequency / NS_PER_S);
}

static int compare_counter(struct restore *r, const struct value *v,
			   enum onereg_class *ret)
{
	const struct onereg_io *io = &r->vm->io;
	int64_t shift = set_here(r) ? r->vm->counters.shift : 0;
	uint64_t saved = u64(v, v->saved), moved, now;
	int err = io->wall_clock(io->userdata, &now);

	if (err)
		return cannot_read(r, err, "clock_gettime", -1,
				   "the wall clock");
	moved = u64(v, v->now) - (saved + (uint64_t)shift);
	if (moved > counter_limit(r, now))
		*ret = ONEREG_CLASS_UNEXPLAINED;
	else
		*ret = shift ? ONEREG_CLASS_TIME : ONEREG_CLASS_COUNTER;
	return 0;
}

/*
 * Bits of an ID register that are not as saved, but for the fields which
 * newer kernels take, whatever the value, and show as 0: they never offered
 * what older ones showed by mistake (set_id_aa64pfr0_el1: MPAM;
 * set_id_aa64dfr0_el1: an IMPLEMENTATION DEFINED PMU).
 */
static uint64_t lost_bits(const struct value *v)
{
	uint64_t saved = u64(v, v->saved), now = u64(v, v->now);
	uint64_t lost = saved ^ now;
	const struct id_field *f;

	for (size_t i = 0; (f = id_field_at(v->id, i)); i++) {
		uint64_t mask = (f->field.width < 64 ?
					 (1ULL << f->field.width) - 1 :
					 UINT64_MAX)
				<< f->field.lsb;
		uint64_t was = (saved & mask) >> f->field.lsb;
		bool nothing = f->rule == FIELD_IGNORE ||
			       (f->rule == FIELD_LOWER &&
				id_field_fits(f, was, 0));

		/* A value that offers a guest no more than 0 does. */
		if (!(now & mask) && nothing)
			lost &= ~mask;
	}
	return lost;
}

/* The class of what differs. */
static int classify(struct restore *r, const struct value *v,
		    enum onereg_class *ret)
{
	*ret = ONEREG_CLASS_UNEXPLAINED;
	switch (v->family->compare) {
	case COMPARE_EXACT:
		break;
	case COMPARE_MASK:
		if (!((u64(v, v->saved) ^ u64(v, v->now)) & ~v->family->noise))
			*ret = ONEREG_CLASS_NOISE;
		break;
	case COMPARE_COUNTER:
		return compare_counter(r, v, ret);
	case COMPARE_HOST:
		*ret = ONEREG_CLASS_HOST;
		break;
	case COMPARE_FIELDS:
	case COMPARE_AA32:
		if (!lost_bits(v))
			*ret = ONEREG_CLASS_HOST;
		else if (v->family->compare == COMPARE_AA32 &&
			 !image_has_aa32(r->image))
			*ret = ONEREG_CLASS_UNKNOWN_VALUE;
		break;
	}
	return 0;
}

static bool was_refused(const struct restore *r, uint64_t id)
{
	for (size_t i = 0; i < r->n_refused; i++)
		if (r->refused[i] == id)
			return true;
	return false;
}

/* Does somebody answer for each bit that differs? Told, if so. */
static bool is_tolerated(struct restore *r, const struct value *v)
{
	uint64_t saved = u64(v, v->saved), now = u64(v, v->now);
	const char *reason;

	if (v->size > sizeof(saved) ||
	    (saved ^ now) & ~tolerated_bits(r->image->tolerances, v->id,
					    saved, now, &reason))
		return false;
	tolerated_tell(r->report, v->vcpu, v->id, v->saved, v->now, reason);
	return true;
}

static int compare(struct restore *r, const struct value *v)
{
	enum onereg_class class_;
	int ret;

	if (r->counts)
		r->counts->registers_compared++;
	if (!memcmp(v->saved, v->now, v->size) || was_refused(r, v->id))
		return 0;
	ret = classify(r, v, &class_);
	if (ret)
		return ret;
	if (class_ != ONEREG_CLASS_UNEXPLAINED) {
		report_count(r->report, class_);
		return 0;
	}
	if (is_tolerated(r, v))
		return 0;
	return unproved(r, (struct onereg_finding){
				   .class_ = class_,
				   .space = ONEREG_SPACE_REG,
				   .vcpu = v->vcpu,
				   .id = v->id,
				   .a = v->saved,
				   .b = v->now,
				   .value_size = v->size,
				   .why = "the register reads back another "
					  "value than was saved",
				   .todo = v->family->why,
			   });
}

static int missing(struct restore *r, const struct value *v)
{
	struct onereg_finding f = {
		.severity = family_absent(v->family, r->image, v->saved,
					  v->size),
		.class_ = ONEREG_CLASS_ABSENT,
		.space = ONEREG_SPACE_REG,
		.vcpu = v->vcpu,
		.id = v->id,
		.a = v->saved,
		.value_size = v->size,
		.why = "this host does not have the register",
		.todo = v->family->why,
	};

	const char *reason;

	if (was_refused(r, v->id))
		return 0;
	reason = tolerated_missing(r->image->tolerances, v->id);
	if (f.severity == ONEREG_IMPOSSIBLE && reason) {
		tolerated_tell(r->report, v->vcpu, v->id, v->saved, NULL,
			       reason);
		return 0;
	}
	if (f.severity == ONEREG_IMPOSSIBLE) {
		f.class_ = ONEREG_CLASS_MISSING;
		return unproved(r, f);
	}
	if (f.severity == ONEREG_NOTE)
		report_count(r->report, f.class_);
	else
		report_add(r->report, &f);
	return 0;
}

static bool is_clock(const struct family *f)
{
	return f->phase == PHASE_COUNTER || f->phase == PHASE_TIMER;
}

/* Values to be read in one go: VM-wide ones, then a vCPU's own, or either. */
struct reading {
	const struct rules *vm, *own;	/* or NULL */
	const uint8_t *vm_row, *own_row;
	int through;			/* vCPU, or ACCESS_VM */
	struct batch b;			/* .at: index, own ones after the VM's */
	uint8_t *now;
};

static size_t n_vm(const struct reading *g)
{
	return g->vm ? g->vm->set->n : 0;
}

/* Only those that the VM's descriptor has, if it is read through that. */
static void add_rules(struct restore *r, struct reading *g,
		      const struct rules *rules, uint8_t *now, size_t first,
		      bool clocks)
{
	const struct regset *set = rules->set;

	for (size_t i = 0; i < set->n; i++)
		if (is_clock(rules->family[i]) == clocks &&
		    (g->through != ACCESS_VM ||
		     access_is_vm(&r->access, set->ids[i])))
			batch_add(&g->b, set->ids[i], now + set->offsets[i],
				  first + i);
}

static int start_reading(struct restore *r, struct reading *g, bool clocks)
{
	size_t vm_size = g->vm ? g->vm->set->row_size : 0;
	size_t own_size = g->own ? g->own->set->row_size : 0;
	size_t n_own = g->own ? g->own->set->n : 0;

	g->now = calloc(1, vm_size + own_size + 1);
	if (!g->now || batch_init(&g->b, n_vm(g) + n_own)) {
		free(g->now);
		report_error(r->report, -ENOMEM, NULL, "proof", "no memory");
		return -ENOMEM;
	}
	if (g->vm)
		add_rules(r, g, g->vm, g->now, 0, clocks);
	if (g->own)
		add_rules(r, g, g->own, g->now + vm_size, n_vm(g), clocks);
	return 0;
}

static bool is_vm_wide(const struct reading *g, size_t i)
{
	return g->b.at[i] < n_vm(g);
}

/* A VM-wide value is told of no vCPU, but where a later one has another. */
static struct value value_of(const struct reading *g, size_t i)
{
	bool wide = is_vm_wide(g, i);
	const struct rules *rules = wide ? g->vm : g->own;
	size_t at = g->b.at[i] - (wide ? 0 : n_vm(g));
	struct value v = {
		.family = rules->family[at],
		.id = rules->set->ids[at],
		.vcpu = wide && g->through <= 0 ? -1 : g->through,
		.size = onereg_reg_size(rules->set->ids[at]),
		.saved = (wide ? g->vm_row : g->own_row) +
			 rules->set->offsets[at],
	};

	memcpy(v.now, (const void *)(uintptr_t)g->b.regs[i].addr, v.size);
	return v;
}

static int not_read(struct restore *r, const struct reading *g, size_t i,
		    int error)
{
	struct value v = value_of(g, i);

	/* What is VM-wide is told once. */
	if (error == -ENOENT && g->through != ACCESS_VM)
		return is_vm_wide(g, i) && g->through ? 0 : missing(r, &v);
	report_add(r->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_ERROR,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = g->through,
			   .id = v.id,
			   .error = -error,
			   .operation = access_operation(&r->access, false),
			   .why = "cannot be read back: not proved",
		   });
	return error;
}

static int read_and_compare(struct restore *r, struct reading *g, bool clocks)
{
	int ret = start_reading(r, g, clocks);
	size_t done;

	if (ret)
		return ret;
	for (size_t i = 0; i < g->b.n && !ret;) {
		int error = access_get(&r->access, g->through, g->b.regs + i,
				      g->b.n - i, &done);

		for (; done && !ret; done--) {
			struct value v = value_of(g, i++);

			ret = compare(r, &v);
		}
		if (error && !ret)
			ret = not_read(r, g, i++, error);
	}
	free(g->now);
	batch_free(&g->b);
	return ret;
}

/* ---- everything else about a vCPU ---- */

static int prove_attrs(struct restore *r, size_t vcpu)
{
	const struct attrs *attrs = &r->image->vcpus[vcpu].attrs;

	for (size_t i = 0; i < attrs->n; i++) {
		struct attr now = attrs->v[i];
		char name[64];
		int ret;

		if (now.group == KA_VCPU_PMU_V3_CTRL &&
		    now.attr == KA_VCPU_PMU_V3_INIT)
			continue;	/* cannot be read */
		if (r->dry && now.group == KA_VCPU_PVTIME_CTRL)
			continue;	/* was not written */
		vcpu_attr_name(now.group, now.attr, name, sizeof(name));
		ret = io_get_attr(&r->vm->io, r->vm->vcpu_fds[vcpu], &now);
		if (ret)
			return cannot_read(r, ret, "KVM_GET_DEVICE_ATTR",
					   (int)vcpu, name);
		if (r->counts)
			r->counts->attributes_compared++;
		if (now.value == attrs->v[i].value)
			continue;
		unproved(r, (struct onereg_finding){
				    .class_ = ONEREG_CLASS_UNEXPLAINED,
				    .space = ONEREG_SPACE_VCPU_ATTR,
				    .vcpu = (int)vcpu,
				    .group = now.group,
				    .id = now.attr,
				    .name = name,
				    .a = &attrs->v[i].value,
				    .b = &now.value,
				    .value_size = now.size,
				    .why = "the attribute reads back another "
					   "value than was saved",
			    });
	}
	return 0;
}

static int prove_events(struct restore *r, size_t vcpu)
{
	const struct ka_vcpu_events *saved = &r->image->vcpus[vcpu].events;
	struct ka_vcpu_events now;
	int ret;

	if (!r->image->vcpus[vcpu].has_events)
		return 0;
	ret = io_ioctl(&r->vm->io, r->vm->vcpu_fds[vcpu], KA_GET_VCPU_EVENTS,
		       &now);
	if (ret < 0)
		return cannot_read(r, ret, "KVM_GET_VCPU_EVENTS", (int)vcpu,
				   "vCPU events");
	/* has_esr is the host's ability, and means something only with one. */
	if (!now.serror_pending == !saved->serror_pending &&
	    (!saved->serror_pending || !saved->serror_has_esr ||
	     now.serror_esr == saved->serror_esr))
		return 0;
	return unproved(r, (struct onereg_finding){
				   .class_ = ONEREG_CLASS_UNEXPLAINED,
				   .space = ONEREG_SPACE_EVENTS,
				   .vcpu = (int)vcpu,
				   .name = "vCPU events",
				   .a = saved,
				   .b = &now,
				   .value_size = 16,
				   .why = "the pending SError is not as saved",
			   });
}

static int prove_mp_state(struct restore *r, size_t vcpu)
{
	uint32_t saved = r->image->vcpus[vcpu].mp_state;
	struct ka_mp_state now;
	int ret = io_ioctl(&r->vm->io, r->vm->vcpu_fds[vcpu], KA_GET_MP_STATE,
			   &now);

	if (ret < 0)
		return cannot_read(r, ret, "KVM_GET_MP_STATE", (int)vcpu,
				   "MP state");
	if (now.mp_state == saved)
		return 0;
	return unproved(r, (struct onereg_finding){
				   .class_ = ONEREG_CLASS_UNEXPLAINED,
				   .space = ONEREG_SPACE_MP_STATE,
				   .vcpu = (int)vcpu,
				   .name = "MP state",
				   .a = &saved,
				   .b = &now.mp_state,
				   .value_size = sizeof(saved),
				   .why = "the vCPU is not as runnable as it "
					  "was",
			   });
}

/* Every vCPU has to show what is VM-wide: that is what the guest sees. */
static int prove_registers(struct restore *r, size_t vcpu, bool clocks)
{
	const struct vcpu_state *v = &r->image->vcpus[vcpu];
	struct reading g = {
		.vm = &r->vm_rules,
		.vm_row = r->image->vm_row,
		.own = &r->set_rules[v->set],
		.own_row = v->row,
		.through = (int)vcpu,
	};

	return read_and_compare(r, &g, clocks);
}

/* What the kernel says the VM has, as the VM itself shows it. */
static int prove_vm(struct restore *r, bool clocks)
{
	struct reading g = {
		.vm = &r->vm_rules,
		.vm_row = r->image->vm_row,
		.through = ACCESS_VM,
	};

	return r->access.vm_regs ? read_and_compare(r, &g, clocks) : 0;
}

static int prove_vcpu(struct restore *r, size_t vcpu)
{
	int ret = prove_registers(r, vcpu, false);

	if (!ret)
		ret = prove_attrs(r, vcpu);
	if (!ret)
		ret = prove_events(r, vcpu);
	return ret ? ret : prove_mp_state(r, vcpu);
}

int prove_state(struct restore *r)
{
	int ret = prove_vm(r, false);

	for (size_t i = 0; i < r->vm->n_vcpus && !ret; i++)
		ret = prove_vcpu(r, i);
	if (!ret && r->image->has_gic)
		ret = gic_prove(r->vm, r->image, r->dry, &r->n_unproved,
				r->report);
	return ret;
}

int prove_clocks(struct restore *r)
{
	int ret = prove_vm(r, true);

	for (size_t i = 0; i < r->vm->n_vcpus && !ret; i++)
		ret = prove_registers(r, i, true);
	/* One of them says whether counters are kept at an offset. */
	return ret ? ret : prove_config(r);
}

int onereg_vm_prove(struct onereg_vm *vm, const struct onereg_image *image,
		    struct onereg_report *report)
{
	struct restore r;
	int ret;

	/* The answer is in the report. */
	if (!report)
		return -EINVAL;
	if (vm->n_vcpus != image->n_vcpus ||
	    image->has_gic != (vm->gic_fd >= 0) ||
	    onereg_image_n_its(image) != vm->n_its) {
		report_error(report, -EINVAL, NULL, "VM",
			     "has another shape than the image: %zu vCPUs, "
			     "not %zu, %zu ITSes, not %zu, or a GIC on one "
			     "side only",
			     vm->n_vcpus, image->n_vcpus, vm->n_its,
			     onereg_image_n_its(image));
		return -EINVAL;
	}
	ret = restore_open(&r, vm, image, report);
	if (ret)
		return ret;
	/* What the image lacks would be neither compared nor missed. */
	ret = check_whole(&r);
	if (!ret)
		ret = access_list(&r.access, report);
	if (!ret)
		ret = prove_state(&r);
	if (!ret)
		ret = prove_clocks(&r);
	restore_close(&r);
	return ret;
}
