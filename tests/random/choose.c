// SPDX-License-Identifier: MIT
/* The next call: which one, on what, told what. */
#include <string.h>

#include "world.h"

#define DEVICE_TEST		1

static uint64_t copy_arg(struct world *w, struct source *s, const void *from,
			 size_t size)
{
	void *at = memory_take(&w->memory, AREA_ARG, size);

	memcpy(at, from, size);
	return choose_address(w, s, AREA_ARG, at, size);
}

static uint64_t no_arg(struct world *w, struct source *s)
{
	(void)w;
	(void)s;
	return 0;
}

/* 0: the default; few bits of address, too many, flags that nobody knows. */
static uint64_t vm_type(struct world *w, struct source *s)
{
	(void)w;
	if (!source_chance(s, 32))
		return 0;
	return source_below(s, 3) ? 30 + source_below(s, 24) :
				    1ULL << source_below(s, 64);
}

/* Mostly one of a few, so that some are there already. */
static uint64_t vcpu_id(struct world *w, struct source *s)
{
	static const unsigned int ids[] = { 0, 1, 2, 3, 5, 16, 17, 255, 511 };

	(void)w;
	if (source_chance(s, 8))
		return source_u64(s) >> source_below(s, 64);
	return ids[source_below(s, ARRAY_SIZE(ids))];
}

/* Recorded in descriptions, or of no kernel. */
static uint64_t any_cap(struct world *w, struct source *s)
{
	uint32_t cap = 0;

	switch (source_below(s, 4)) {
	case 0:
		return KA_CAP_VM_ONE_REG + source_below(s, 4) - 1;
	case 1:
		return 9000 + source_below(s, 1000);
	}
	onereg_host_cap_at(w->host,
			   source_below(s, onereg_host_n_caps(w->host)), &cap);
	return cap;
}

static uint64_t enable_cap(struct world *w, struct source *s)
{
	/* Enabling others is not of the register plane. */
	static const uint32_t caps[] = {
		KA_CAP_ARM_NISV_TO_USER, KA_CAP_ARM_MTE,
		KA_CAP_ARM_SYSTEM_SUSPEND, KA_CAP_ONE_REG, KA_CAP_VM_ONE_REG,
		9999,
	};
	struct ka_enable_cap arg = { .cap = KA_CAP_ARM_REG_SCOPE };

	if (source_chance(s, 64))
		arg.cap = caps[source_below(s, ARRAY_SIZE(caps))];
	arg.args[0] = source_below(s, 4);
	switch (source_below(s, 16)) {
	case 0:
		arg.flags = 1U << source_below(s, 32);
		break;
	case 1:
		arg.args[source_below(s, 4)] = 1ULL << source_below(s, 64);
	}
	return copy_arg(w, s, &arg, sizeof(arg));
}

/* AArch32 guests are of those that the model does not know. */
static uint32_t any_features(struct world *w, struct source *s)
{
	uint32_t features = source_u64(s) & 0xff;

	if (onereg_host_cap(w->host, KA_CAP_ARM_EL1_32BIT) > 0)
		features &= ~(1U << KA_VCPU_EL1_32BIT);
	return features;
}

static uint32_t choose_features(struct world *w, struct source *s)
{
	size_t n = onereg_host_n_profiles(w->host);
	uint32_t features;

	if (source_chance(s, 32))
		return any_features(w, s);
	features = onereg_host_profile_features(w->host, source_below(s, n));
	if (source_chance(s, 24))
		features ^= 1U << KA_VCPU_PSCI_0_2;
	if (source_chance(s, 64))
		features |= 1U << KA_VCPU_POWER_OFF;
	return features;
}

/* Mostly what the VM's other vCPUs have. */
static uint64_t vcpu_init(struct world *w, struct source *s)
{
	struct ka_vcpu_init arg = { .target = KA_TARGET_GENERIC_V8 };
	size_t vm = w->objects[w->call.object].vm;

	arg.features[0] = source_chance(s, 60) ?
		choose_features(w, s) :
		onereg_host_profile_features(
			w->host, vm % onereg_host_n_profiles(w->host));
	switch (source_below(s, 40)) {
	case 0:
		arg.target = source_below(s, 8);
		break;
	case 1:
		arg.features[source_below(s, 7)] |= 1U << 8
						    << source_below(s, 24);
		break;
	case 2:
		arg.features[0] |= 1U << KA_VCPU_POWER_OFF;
	}
	return copy_arg(w, s, &arg, sizeof(arg));
}

static uint64_t finalize(struct world *w, struct source *s)
{
	int what = source_chance(s, 16) ? (int)source_below(s, 8) :
					  KA_VCPU_SVE;

	return copy_arg(w, s, &what, sizeof(what));
}

static uint64_t get_reg(struct world *w, struct source *s)
{
	return choose_reg(w, s, false);
}

static uint64_t set_reg(struct world *w, struct source *s)
{
	return choose_reg(w, s, true);
}

static uint64_t get_vec(struct world *w, struct source *s)
{
	return choose_vec(w, s, false);
}

static uint64_t set_vec(struct world *w, struct source *s)
{
	return choose_vec(w, s, true);
}

static uint64_t counter_offset(struct world *w, struct source *s)
{
	struct ka_counter_offset arg = {
		.counter_offset = source_u64(s) >> source_below(s, 64),
		.reserved = source_chance(s, 32),
	};

	return copy_arg(w, s, &arg, sizeof(arg));
}

static uint64_t mp_state(struct world *w, struct source *s)
{
	struct ka_mp_state arg = { source_below(s, 12) };

	return copy_arg(w, s, &arg, sizeof(arg));
}

static uint64_t room_for_state(struct world *w, struct source *s)
{
	return copy_arg(w, s, &(struct ka_vcpu_events){ 0 },
			sizeof(struct ka_vcpu_events));
}

static uint64_t events(struct world *w, struct source *s)
{
	struct ka_vcpu_events arg = {
		.serror_pending = source_chance(s, 128),
		.serror_has_esr = source_chance(s, 128),
		.serror_esr = source_u64(s) >> (36 + source_below(s, 28)),
	};

	if (source_chance(s, 16))
		arg.pad[source_below(s, 5)] = 1;
	if (source_chance(s, 16))
		arg.reserved[source_below(s, 12)] = 1;
	return copy_arg(w, s, &arg, sizeof(arg));
}

/* Of a vCPU; groups and attributes beside those that the model knows. */
static uint64_t attribute(struct world *w, struct source *s)
{
	struct ka_device_attr arg = {
		.group = source_below(s, 4),
		.attr = source_chance(s, 16) ? 99 : source_below(s, 2),
	};
	uint64_t *value = memory_take(&w->memory, AREA_VALUES, 8);

	if (source_chance(s, 200))
		*value = source_below(s, 40);
	else
		*value = source_u64(s);
	arg.addr = choose_address(w, s, AREA_VALUES, value, 8);
	/* A structure in the guest's memory, of which there is none. */
	if (arg.group == KA_VCPU_PVTIME_CTRL) {
		*value |= 1;
		arg.addr = (uintptr_t)value;
	}
	return copy_arg(w, s, &arg, sizeof(arg));
}

/* Where the kernel says which file it is must be told. */
static uint64_t create_gic(struct world *w, struct source *s)
{
	struct ka_create_device *arg = memory_take(&w->memory, AREA_ARG,
						   sizeof(*arg));

	*arg = (struct ka_create_device){
		.type = KA_DEV_TYPE_ARM_VGIC_V3,
		.flags = source_chance(s, 32) ? DEVICE_TEST : 0,
	};
	if (source_chance(s, 8))
		arg->type = 100;
	return (uintptr_t)arg;
}

/* Brings up a GIC, now and then in another order. */
static uint64_t gic_attribute(struct world *w, struct source *s)
{
	static const struct {
		uint32_t group, attr;
		uint64_t value;
	} choices[] = {
		{ KA_VGIC_GRP_ADDR, KA_VGIC_ADDR_DIST, 0x8000000 },
		{ KA_VGIC_GRP_ADDR, KA_VGIC_ADDR_REDIST, 0x10000000 },
		{ KA_VGIC_GRP_NR_IRQS, 0, 64 },
		{ KA_VGIC_GRP_CTRL, KA_VGIC_CTRL_INIT, 0 },
	};
	size_t i = source_below(s, ARRAY_SIZE(choices));
	uint64_t *value = memory_take(&w->memory, AREA_VALUES, 8);
	struct ka_device_attr arg = { .group = choices[i].group,
				      .attr = choices[i].attr };

	*value = choices[i].value;
	arg.addr = (uintptr_t)value;
	return copy_arg(w, s, &arg, sizeof(arg));
}

static uint64_t masks(struct world *w, struct source *s)
{
	struct ka_reg_mask_range arg = { 0 };
	void *at = memory_take(&w->memory, AREA_VALUES, 192 * 8);

	arg.addr = choose_address(w, s, AREA_VALUES, at, 192 * 8);
	if (source_chance(s, 16))
		arg.range = 1;
	if (source_chance(s, 16))
		arg.reserved[source_below(s, 13)] = 1;
	return copy_arg(w, s, &arg, sizeof(arg));
}

/* Per mille; VMs and vCPUs come and go slowly enough to grow old. */
static const struct {
	unsigned int weight;
	enum object_kind on;
	unsigned long request;
	uint64_t (*arg)(struct world *w, struct source *s);
} choices[] = {
	{ 4, OBJECT_KVM, KA_CREATE_VM, vm_type },
	{ 4, OBJECT_KVM, KA_CHECK_EXTENSION, any_cap },
	{ 10, OBJECT_VM, KA_CHECK_EXTENSION, any_cap },
	{ 15, OBJECT_VM, KA_CREATE_VCPU, vcpu_id },
	{ 24, OBJECT_VM, KA_ENABLE_CAP, enable_cap },
	{ 12, OBJECT_VM, KA_ARM_SET_COUNTER_OFFSET, counter_offset },
	{ 4, OBJECT_VM, KA_CREATE_DEVICE, create_gic },
	{ 4, OBJECT_VM, KA_ARM_GET_REG_WRITABLE_MASKS, masks },
	{ 2, OBJECT_VM, KA_ARM_PREFERRED_TARGET, room_for_state },
	{ 40, OBJECT_VM, KA_GET_REG_LIST, choose_list },
	{ 70, OBJECT_VM, KA_GET_ONE_REG, get_reg },
	{ 110, OBJECT_VM, KA_SET_ONE_REG, set_reg },
	{ 40, OBJECT_VM, KA_GET_REG_VEC, get_vec },
	{ 50, OBJECT_VM, KA_SET_REG_VEC, set_vec },
	{ 50, OBJECT_VCPU, KA_ARM_VCPU_INIT, vcpu_init },
	{ 40, OBJECT_VCPU, KA_ARM_VCPU_FINALIZE, finalize },
	{ 40, OBJECT_VCPU, KA_GET_REG_LIST, choose_list },
	{ 90, OBJECT_VCPU, KA_GET_ONE_REG, get_reg },
	{ 110, OBJECT_VCPU, KA_SET_ONE_REG, set_reg },
	{ 40, OBJECT_VCPU, KA_GET_REG_VEC, get_vec },
	{ 50, OBJECT_VCPU, KA_SET_REG_VEC, set_vec },
	{ 10, OBJECT_VCPU, KA_RUN, no_arg },
	{ 15, OBJECT_VCPU, KA_GET_MP_STATE, room_for_state },
	{ 15, OBJECT_VCPU, KA_SET_MP_STATE, mp_state },
	{ 15, OBJECT_VCPU, KA_GET_VCPU_EVENTS, room_for_state },
	{ 15, OBJECT_VCPU, KA_SET_VCPU_EVENTS, events },
	{ 20, OBJECT_VCPU, KA_SET_DEVICE_ATTR, attribute },
	{ 12, OBJECT_VCPU, KA_GET_DEVICE_ATTR, attribute },
	{ 8, OBJECT_VCPU, KA_HAS_DEVICE_ATTR, attribute },
	{ 12, OBJECT_GIC, KA_SET_DEVICE_ATTR, gic_attribute },
	{ 2, OBJECT_VM, CLOSE, no_arg },
	{ 3, OBJECT_VCPU, CLOSE, no_arg },
	{ 2, OBJECT_GIC, CLOSE, no_arg },
};

static size_t choose_row(struct source *s)
{
	unsigned int total = 0, at;
	size_t i = 0;

	for (size_t n = 0; n < ARRAY_SIZE(choices); n++)
		total += choices[n].weight;
	at = source_below(s, total);
	while (at >= choices[i].weight)
		at -= choices[i++].weight;
	return i;
}

static size_t count(const struct world *w, enum object_kind kind,
		    const size_t *vm)
{
	size_t n = 0;

	for (size_t i = 0; i < MAX_OBJECTS; i++)
		n += w->objects[i].kind == kind &&
		     (!vm || w->objects[i].vm == *vm);
	return n;
}

static bool fits(const struct object *o, enum object_kind kind, bool ready)
{
	return o->kind == kind && (!ready || o->ready);
}

/* One that fits, often that of the last call; none: /dev/kvm. */
static size_t choose_fitting(const struct world *w, struct source *s,
			     enum object_kind kind, bool ready)
{
	size_t fitting[MAX_OBJECTS], n = 0;

	for (size_t i = 0; i < MAX_OBJECTS; i++)
		if (fits(&w->objects[i], kind, ready))
			fitting[n++] = i;
	if (!n)
		return 0;
	if (fits(&w->objects[w->last_object], kind, ready) &&
	    source_chance(s, 128))
		return w->last_object;
	return fitting[source_below(s, n)];
}

/* Mostly one whose registers can be reached. */
static size_t choose_object(const struct world *w, struct source *s,
			    enum object_kind kind)
{
	size_t i = 0;

	if (kind == OBJECT_VCPU && source_chance(s, 200))
		i = choose_fitting(w, s, kind, true);
	return i ? i : choose_fitting(w, s, kind, false);
}

/*
 * The first KVM_RUN with a GIC that was not brought up ends the VM, and those
 * that a model has do not end. So no VM with a GIC runs.
 */
static bool must_not_run(const struct world *w, const struct call *call)
{
	const struct object *o = &w->objects[call->object];

	return call->request == KA_RUN && o->gic;
}

/*
 * In 6.12, where KVM_RUN failed for want of a PMU that was set up, a GIC made
 * later and KVM_ARM_VCPU_INIT make the kernel use an interrupt that is not
 * there. That is a bug of the kernel's own, and ends the test.
 */
static bool would_crash(const struct world *w, const struct call *call)
{
	return call->request == KA_CREATE_DEVICE &&
	       w->objects[call->object].ran;
}

/* What would become too much closes what there is. */
static bool is_too_much(const struct world *w, const struct call *call)
{
	const struct object *o = &w->objects[call->object];

	switch (call->request) {
	case KA_CREATE_VM:
	case KA_CREATE_VCPU:
	case KA_CREATE_DEVICE:
		if (!count(w, OBJECT_NONE, NULL))
			return true;
	}
	switch (call->request) {
	case KA_CREATE_VM:
		return count(w, OBJECT_VM, NULL) >= MAX_VMS;
	case KA_CREATE_VCPU:
		return count(w, OBJECT_VCPU, &o->vm) >= MAX_VCPUS;
	case KA_CREATE_DEVICE:
		return count(w, OBJECT_GIC, NULL) >= MAX_VMS;
	}
	return false;
}

/*
 * May it be asked of another kind of file, which does not know it? Attributes
 * of a VM are there, and not of the register plane.
 */
static bool may_be_strange(unsigned long request)
{
	switch (request) {
	case CLOSE:
	case KA_SET_DEVICE_ATTR:
	case KA_GET_DEVICE_ATTR:
	case KA_HAS_DEVICE_ATTR:
		return false;
	}
	return true;
}

/* What it is told; of one that two kinds of files know, by the kind. */
static size_t row_of(const struct world *w, const struct call *call)
{
	enum object_kind kind = w->objects[call->object].kind;
	size_t found = 0;

	for (size_t row = 0; row < ARRAY_SIZE(choices); row++) {
		if (choices[row].request != call->request)
			continue;
		found = row;
		if (choices[row].on == kind)
			break;
	}
	return found;
}

/* What makes the first of a kind, instead of a call on it. */
static struct call make_first(const struct world *w, struct source *s,
			      enum object_kind kind)
{
	struct call call = { .request = KA_CREATE_VM };

	if (kind == OBJECT_VM)
		return call;
	call.object = choose_object(w, s, OBJECT_VM);
	if (call.object)
		call.request = kind == OBJECT_GIC ? KA_CREATE_DEVICE :
						    KA_CREATE_VCPU;
	return call;
}

static struct call close_one(const struct world *w, struct source *s,
			     const struct call *instead)
{
	bool vm = instead->request == KA_CREATE_VM;

	return (struct call){
		.object = choose_object(w, s, vm ? OBJECT_VM : OBJECT_VCPU),
		.request = CLOSE,
	};
}

struct call choose_call(struct world *w, struct source *s)
{
	size_t row = choose_row(s);
	enum object_kind on = choices[row].on;
	struct call call = { .request = choices[row].request };

	memory_clear(&w->memory);
	if (may_be_strange(call.request) && source_chance(s, 3))
		on = OBJECT_KVM + source_below(s, 4);
	call.object = choose_object(w, s, on);
	if (!call.object && on != OBJECT_KVM)
		call = make_first(w, s, on);
	if (is_too_much(w, &call))
		call = close_one(w, s, &call);
	if (must_not_run(w, &call))
		call.request = KA_GET_MP_STATE;
	if (would_crash(w, &call))
		call.request = KA_CHECK_EXTENSION;
	w->call = call;
	return (struct call){
		.object = call.object,
		.request = call.request,
		.arg = choices[row_of(w, &call)].arg(w, s),
	};
}
