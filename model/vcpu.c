// SPDX-License-Identifier: MIT
/* The ioctls of a vCPU but its registers and attributes. */
#include "private.h"

#define TARGET_GENERIC_V8	5
#define ESR_ISS_MASK		0x1ffffffULL
#define ESR_ISV			(1ULL << 24)
#define ID_AA64PFR0		KA_SYS(3, 0, 0, 4, 0)
#define ID_AA64PFR0_GIC		(0xfULL << 24)
#define MPIDR			KA_SYS(3, 0, 0, 0, 5)
#define PAUTH_BITS \
	(1U << KA_VCPU_PTRAUTH_ADDRESS | 1U << KA_VCPU_PTRAUTH_GENERIC)

bool vcpu_has(const struct vcpu *v, unsigned int feature)
{
	return v->vm->profile && (v->vm->features & 1U << feature);
}

/* PSCI 0.2 changes no list, so a profile serves with and without. */
static const struct host_profile *find_profile(const struct onereg_host *host,
					       uint32_t features)
{
	const uint32_t psci = 1U << KA_VCPU_PSCI_0_2;

	for (size_t i = 0; i < host->n_profiles; i++)
		if ((host->profiles[i].features | psci) == (features | psci))
			return &host->profiles[i];
	return NULL;
}

static int check_init(const struct vcpu *v, const struct ka_vcpu_init *init,
		      uint32_t features)
{
	const struct vm *vm = v->vm;

	if (init->target != TARGET_GENERIC_V8)
		return -EINVAL;
	if (features & ~VCPU_VALID_FEATURES)
		return -ENOENT;
	for (size_t i = 1; i < ARRAY_SIZE(init->features); i++)
		if (init->features[i])
			return -ENOENT;
	if ((features & PAUTH_BITS) && (features & PAUTH_BITS) != PAUTH_BITS)
		return -EINVAL;
	if (!find_profile(vm->m->host, features))
		return -EINVAL;
	return vm->profile && vm->features != features ? -EINVAL : 0;
}

/* The first init decides the VM's features and fills its VM-wide values. */
static int configure_vm(struct vm *vm, uint32_t features)
{
	const struct host_profile *p = find_profile(vm->m->host, features);

	if (vm->profile)
		return 0;
	vm->row = malloc(p->set.row_size + 1);
	if (!vm->row)
		return -ENOMEM;
	memcpy(vm->row, p->reset, p->set.row_size);
	vm->profile = p;
	if (vm_index(vm)) {
		free(vm->row);
		vm->row = NULL;
		vm->profile = NULL;
		return -ENOMEM;
	}
	vm->features = features;
	vm->max_pmcr_n = reg_reset_u64(vm, KA_SYS(3, 3, 9, 12, 0)) >> 11 & 31;
	vm->pmcr_n = vm->max_pmcr_n;
	return 0;
}

static void reset_vcpu(struct vcpu *v)
{
	const struct host_profile *p = v->vm->profile;

	memcpy(v->row, p->reset, p->set.row_size);
	v->serror_pending = false;
	/* Affinity as KVM deals it out: 16 vCPUs to a cluster. */
	reg_put_u64(v, MPIDR, 1U << 31 | (v->id & 0xf) |
			      (v->id >> 4 & 0xff) << 8 |
			      (uint64_t)(v->id >> 12 & 0xff) << 16);
	for (size_t i = 0; i < p->set.n; i++)
		if (reg_is_sve(p->set.ids[i]) && p->set.ids[i] != KA_SVE_VLS)
			memset(v->row + p->set.offsets[i], 0,
			       onereg_reg_size(p->set.ids[i]));
	sve_reset(v);
}

static int vcpu_init(struct vcpu *v, const struct ka_vcpu_init *init)
{
	uint32_t off = 1U << KA_VCPU_POWER_OFF;
	uint32_t features = init->features[0] & ~off;
	int ret = check_init(v, init, features);

	if (!ret)
		ret = configure_vm(v->vm, features);
	if (ret)
		return ret;
	if (!v->row)
		v->row = malloc(v->vm->profile->set.row_size + 1);
	if (!v->row)
		return -ENOMEM;
	reset_vcpu(v);
	v->initialized = true;
	v->mp_state = init->features[0] & off ? KA_MP_STATE_STOPPED :
						KA_MP_STATE_RUNNABLE;
	return 0;
}

static int get_events(const struct vcpu *v, struct ka_vcpu_events *e)
{
	memset(e, 0, sizeof(*e));
	e->serror_pending = v->serror_pending;
	e->serror_has_esr = onereg_host_cap(
		v->vm->m->host, KA_CAP_ARM_INJECT_SERROR_ESR) > 0;
	if (e->serror_pending && e->serror_has_esr)
		e->serror_esr = v->vsesr;
	return 0;
}

/* An event that is not pending in e stays as it is, as in KVM. */
static int set_events(struct vcpu *v, const struct ka_vcpu_events *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(e->reserved); i++)
		if (e->reserved[i])
			return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(e->pad); i++)
		if (e->pad[i])
			return -EINVAL;
	if (e->serror_pending && e->serror_has_esr) {
		if (onereg_host_cap(v->vm->m->host,
				    KA_CAP_ARM_INJECT_SERROR_ESR) <= 0 ||
		    (e->serror_esr & ~ESR_ISS_MASK))
			return -EINVAL;
	}
	if (e->serror_pending) {
		v->serror_pending = true;
		v->vsesr = e->serror_has_esr ? e->serror_esr : ESR_ISV;
	}
	v->dabts += !!e->ext_dabt_pending;
	return 0;
}

static int set_mp_state(struct vcpu *v, uint32_t state)
{
	switch (state) {
	case KA_MP_STATE_SUSPENDED:
		if (onereg_host_cap(v->vm->m->host,
				    KA_CAP_ARM_SYSTEM_SUSPEND) <= 0)
			return -EINVAL;
		break;
	case KA_MP_STATE_RUNNABLE:
	case KA_MP_STATE_STOPPED:
		break;
	default:
		return -EINVAL;
	}
	v->mp_state = state;
	return 0;
}

static int run(struct vcpu *v)
{
	struct model *m = v->vm->m;

	if (!v->initialized)
		return -ENOEXEC;
	if (vcpu_has(v, KA_VCPU_SVE) && !v->finalized)
		return -EPERM;
	if (vcpu_has(v, KA_VCPU_PMU_V3) && !v->pmu_created)
		return -EINVAL;
	if (v->vm->gic.created && !v->vm->gic.initialized)
		return -EBUSY;
	if (!v->vm->gic.created && !v->vm->ran)
		reg_put_u64(v, ID_AA64PFR0,
			    reg_u64(v, ID_AA64PFR0) & ~ID_AA64PFR0_GIC);
	v->ran = true;
	v->vm->ran = true;
	v->vm->timer_ppis_fixed = true;
	if (!m->guest || v->mp_state != KA_MP_STATE_RUNNABLE)
		return -EINTR;
	for (size_t i = 0; i < m->n_files; i++)
		if (m->files[i].vcpu == v)
			return m->guest(m->guest_userdata, m, FD_BASE + i);
	return -EINTR;
}

static int set_without(struct vcpu *v, uint64_t id, const void *value,
		       uint64_t bits)
{
	uint64_t word;

	if (onereg_reg_size(id) != sizeof(word))
		return -EINVAL;
	memcpy(&word, value, sizeof(word));
	word &= ~bits;
	return reg_set(v, id, &word);
}

static int one_reg(struct vcpu *v, const struct ka_one_reg *reg, bool set)
{
	uint64_t id = reg->id;
	void *value = (void *)(uintptr_t)reg->addr;
	const struct fault *f;
	uint8_t buf[KA_REG_SIZE_MAX];
	int ret;

	f = model_fault_on(v, id, set ? MODEL_REFUSE_SET : MODEL_REFUSE_GET);
	if (f)
		return -(int)f->arg;
	if (model_fault_on(v, id, MODEL_DROP))
		return -ENOENT;
	if (set && model_fault_on(v, id, MODEL_IGNORE_SET))
		return 0;
	f = model_fault_on(v, id, set ? MODEL_XOR_SET : MODEL_XOR_GET);
	if (!set) {
		ret = reg_get(v, id, value);
		if (!ret && f)
			((uint8_t *)value)[0] ^= f->arg;
		return ret;
	}
	if (!f) {
		f = model_fault_on(v, id, MODEL_CLEAR_SET);
		return f ? set_without(v, id, value, f->arg) :
			   reg_set(v, id, value);
	}
	memcpy(buf, value, onereg_reg_size(id));
	buf[0] ^= f->arg;
	return reg_set(v, id, buf);
}

static int inited_ioctl(struct vcpu *v, unsigned long request, void *arg)
{
	if (!v->initialized)
		return -ENOEXEC;
	switch (request) {
	case KA_GET_ONE_REG:
		return one_reg(v, arg, false);
	case KA_SET_ONE_REG:
		return one_reg(v, arg, true);
	case KA_GET_REG_LIST:
		return reg_get_list(v, arg);
	case KA_GET_VCPU_EVENTS:
		return get_events(v, arg);
	case KA_SET_VCPU_EVENTS:
		return set_events(v, arg);
	case KA_ARM_VCPU_FINALIZE:
		return *(int *)arg == KA_VCPU_SVE ? sve_finalize(v) : -EINVAL;
	}
	return -EINVAL;
}

int vcpu_ioctl(struct vcpu *v, unsigned long request, void *arg)
{
	switch (request) {
	case KA_ARM_VCPU_INIT:
		return vcpu_init(v, arg);
	case KA_GET_MP_STATE:
		((struct ka_mp_state *)arg)->mp_state = v->mp_state;
		return 0;
	case KA_SET_MP_STATE:
		return set_mp_state(v, ((struct ka_mp_state *)arg)->mp_state);
	case KA_SET_DEVICE_ATTR:
	case KA_GET_DEVICE_ATTR:
	case KA_HAS_DEVICE_ATTR:
		return vcpu_attr(v, request, arg);
	case KA_RUN:
		return run(v);
	}
	return inited_ioctl(v, request, arg);
}

int model_set_running(struct model *m, int vcpu_fd, bool running)
{
	struct file *f = model_file(m, vcpu_fd, FILE_VCPU);

	if (!f)
		return -EBADF;
	f->vcpu->running = running;
	return 0;
}
