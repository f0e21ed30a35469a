// SPDX-License-Identifier: MIT
/* The ioctls of a vCPU but its registers and attributes. */
#include "private.h"

#define ESR_ISS_MASK		0x1ffffffULL
#define ESR_ISV			(1ULL << 24)
#define ID_AA64PFR0		KA_SYS(3, 0, 0, 4, 0)
#define ID_AA64PFR0_GIC		(0xfULL << 24)
#define CORE_X0			(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)
#define CORE_PC			(CORE_X0 | 0x40)
#define CLIDR			KA_SYS(3, 1, 0, 0, 1)
#define CORE_SP_EL1		(CORE_X0 | 0x44)
#define CORE_ELR_EL1		(CORE_X0 | 0x46)
#define CORE_SPSR_EL1		(CORE_X0 | 0x48)
#define PAUTH_BITS \
	(1U << KA_VCPU_PTRAUTH_ADDRESS | 1U << KA_VCPU_PTRAUTH_GENERIC)

bool vcpu_has(const struct vcpu *v, unsigned int feature)
{
	return vcpu_has_feature(&v->k, feature);
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

int kvm_check_init_features(struct kvm *kvm, const struct kvm_vcpu_init *init)
{
	/* A vCPU's affair, and a valid one. */
	uint32_t features = init->features[0] & ~BIT(KVM_ARM_VCPU_POWER_OFF);

	if (features & ~VCPU_VALID_FEATURES)
		return -ENOENT;
	for (size_t i = 1; i < ARRAY_SIZE(init->features); i++)
		if (init->features[i])
			return -ENOENT;
	if ((features & PAUTH_BITS) && (features & PAUTH_BITS) != PAUTH_BITS)
		return -EINVAL;
	return find_profile(to_vm(kvm)->m->host, features) ? 0 : -EINVAL;
}

static bool init_changed(const struct vm *vm, uint32_t features)
{
	return test_bit(KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED,
			&vm->kvm.arch.flags) &&
	       vm->kvm.arch.vcpu_features[0] != features;
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
	WRITE_ONCE(vm->kvm.arch.vcpu_features[0], features);
	vm->max_pmcr_n = reg_reset_u64(vm, KA_SYS(3, 3, 9, 12, 0)) >> 11 & 31;
	WRITE_ONCE(vm->kvm.arch.pmcr_n, vm->max_pmcr_n);
	return 0;
}

bool kvm_check_request(int req, struct kvm_vcpu *vcpu)
{
	return test_and_clear_bit(req, &vcpu->requests);
}

/* What no reset of a vCPU touches. */
static bool survives_reset(uint64_t id)
{
	return id == CORE_SP_EL1 || id == CORE_ELR_EL1 ||
	       id == CORE_SPSR_EL1 || id == CLIDR || id == KA_TIMER_CVAL ||
	       id == KA_PTIMER_CVAL ||
	       (id & KA_REG_CLASS_MASK) == KA_REG_DEMUX;
}

static void reset_row(struct vcpu *v)
{
	const struct host_profile *p = v->vm->profile;
	const struct regset *set = &p->set;

	for (size_t i = 0; i < set->n; i++)
		if (!v->k.arch.initialized || !survives_reset(set->ids[i]))
			memcpy(v->row + set->offsets[i],
			       p->reset + set->offsets[i],
			       onereg_reg_size(set->ids[i]));
}

/* As KVM deals it out, once: 16 vCPUs to a cluster. */
static void set_affinity(struct vcpu *v)
{
	unsigned int id = v->k.vcpu_id;

	WRITE_ONCE(v->mpidr, 1U << 31 | (id & 0xf) | (id >> 4 & 0xff) << 8 |
			     (uint64_t)(id >> 12 & 0xff) << 16);
}

void kvm_reset_vcpu(struct kvm_vcpu *vcpu)
{
	struct vcpu *v = to_vcpu(vcpu);
	const struct host_profile *p = v->vm->profile;
	struct vcpu_reset_state state;

	mutex_lock(&v->mp_lock);
	state = vcpu->arch.reset_state;
	vcpu->arch.reset_state.reset = false;
	mutex_unlock(&v->mp_lock);
	reset_row(v);
	if (!vcpu->arch.initialized)
		set_affinity(v);
	for (size_t i = 0; i < p->set.n; i++)
		if (reg_is_sve(p->set.ids[i]) && p->set.ids[i] != KA_SVE_VLS)
			memset(v->row + p->set.offsets[i], 0,
			       onereg_reg_size(p->set.ids[i]));
	sve_reset(v);
	if (!state.reset)
		return;
	reg_put_u64(v, CORE_PC, state.pc);
	reg_put_u64(v, CORE_X0, state.r0);
}

/* The first init of this vCPU. */
static int set_target(struct vcpu *v, uint32_t features)
{
	struct vm *vm = v->vm;
	int ret = -EINVAL;

	mutex_lock(&vm->kvm.arch.config_lock);
	if (init_changed(vm, features))
		goto out;
	ret = configure_vm(vm, features);
	if (ret)
		goto out;
	v->row = malloc(vm->profile->set.row_size + 1);
	ret = -ENOMEM;
	if (!v->row)
		goto out;
	kvm_reset_vcpu(&v->k);
	set_bit(KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED, &vm->kvm.arch.flags);
	v->k.arch.initialized = true;
	kvm_vm_regs_vcpu_inited(&v->k);
	ret = 0;
out:
	mutex_unlock(&vm->kvm.arch.config_lock);
	return ret;
}

static int init_features(struct vcpu *v, const struct kvm_vcpu_init *init)
{
	int ret;

	if (init->target != KVM_ARM_TARGET_GENERIC_V8)
		return -EINVAL;
	ret = kvm_check_init_features(&v->vm->kvm, init);
	if (!ret)
		ret = kvm_vm_regs_check_init(&v->vm->kvm, init);
	if (ret)
		return ret;
	if (!v->k.arch.initialized)
		return set_target(v, init->features[0]);
	if (init_changed(v->vm, init->features[0]))
		return -EINVAL;
	kvm_reset_vcpu(&v->k);
	return 0;
}

static int vcpu_init(struct vcpu *v, const void __user *arg)
{
	struct kvm_vcpu_init init;
	bool off;
	int ret;

	if (copy_from_user(&init, arg, sizeof(init)))
		return -EFAULT;
	off = init.features[0] & BIT(KVM_ARM_VCPU_POWER_OFF);
	init.features[0] &= ~BIT(KVM_ARM_VCPU_POWER_OFF);
	ret = init_features(v, &init);
	if (ret)
		return ret;
	/* Later it stays pending. */
	if (!v->ran)
		v->serror_pending = false;
	vcpu_set_mp_state(v, off ? KA_MP_STATE_STOPPED :
				   KA_MP_STATE_RUNNABLE);
	return 0;
}

static int get_events(const struct vcpu *v, void __user *arg)
{
	struct ka_vcpu_events e = { .serror_pending = v->serror_pending };

	e.serror_has_esr = onereg_host_cap(
		v->vm->m->host, KA_CAP_ARM_INJECT_SERROR_ESR) > 0;
	if (e.serror_pending && e.serror_has_esr)
		e.serror_esr = v->vsesr;
	return copy_to_user(arg, &e, sizeof(e)) ? -EFAULT : 0;
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

static int get_mp_state(const struct vcpu *v, void __user *arg)
{
	const struct ka_mp_state mp = { READ_ONCE(v->mp_state) };

	return copy_to_user(arg, &mp, sizeof(mp)) ? -EFAULT : 0;
}

static int set_mp_state(struct vcpu *v, const struct ka_mp_state __user *arg)
{
	struct ka_mp_state mp;

	if (copy_from_user(&mp, arg, sizeof(mp)))
		return -EFAULT;
	switch (mp.mp_state) {
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
	vcpu_set_mp_state(v, mp.mp_state);
	return 0;
}

static int finalize(struct vcpu *v, int __user *arg)
{
	int what;

	if (get_user(what, arg))
		return -EFAULT;
	return what == KA_VCPU_SVE ? sve_finalize(v) : -EINVAL;
}

static int one_reg(struct vcpu *v, const void __user *arg, bool set)
{
	struct kvm_one_reg reg;

	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;
	return vcpu_one_reg(v, &reg, set);
}

static int events_to_set(struct vcpu *v, const void __user *arg)
{
	struct ka_vcpu_events e;

	if (copy_from_user(&e, arg, sizeof(e)))
		return -EFAULT;
	return set_events(v, &e);
}

static int device_attr(struct vcpu *v, unsigned long request,
		       const void __user *arg)
{
	struct ka_device_attr attr;

	if (copy_from_user(&attr, arg, sizeof(attr)))
		return -EFAULT;
	return vcpu_attr(v, request, &attr);
}

static int inited_ioctl(struct vcpu *v, unsigned long request, void *arg)
{
	if (!v->k.arch.initialized)
		return -ENOEXEC;
	switch (request) {
	case KA_GET_ONE_REG:
		return one_reg(v, arg, false);
	case KA_SET_ONE_REG:
		return one_reg(v, arg, true);
	case KA_GET_REG_LIST:
		return vcpu_reg_list(v, arg);
	case KA_GET_VCPU_EVENTS:
		return get_events(v, arg);
	case KA_SET_VCPU_EVENTS:
		return events_to_set(v, arg);
	}
	return finalize(v, arg);
}

/* Vectors, where there are any; a signal ends them. */
static int other_ioctl(struct vcpu *v, unsigned long request, void *arg)
{
	int ret;

	if (!v->vm->m->style.vm_regs)
		return -EINVAL;
	task_hold_signals();
	ret = kvm_vm_regs_vec_vcpu_ioctl(&v->k, request, arg);
	task_release_signals();
	return ret;
}

static int locked_ioctl(struct vcpu *v, unsigned long request, void *arg)
{
	switch (request) {
	case KA_ARM_VCPU_INIT:
		return vcpu_init(v, arg);
	case KA_GET_MP_STATE:
		return get_mp_state(v, arg);
	case KA_SET_MP_STATE:
		return set_mp_state(v, arg);
	case KA_SET_DEVICE_ATTR:
	case KA_GET_DEVICE_ATTR:
	case KA_HAS_DEVICE_ATTR:
		return device_attr(v, request, arg);
	case KA_RUN:
		return vcpu_run(v);
	case KA_GET_ONE_REG:
	case KA_SET_ONE_REG:
	case KA_GET_REG_LIST:
	case KA_GET_VCPU_EVENTS:
	case KA_SET_VCPU_EVENTS:
	case KA_ARM_VCPU_FINALIZE:
		return inited_ioctl(v, request, arg);
	}
	return other_ioctl(v, request, arg);
}

int vcpu_ioctl(struct vcpu *v, unsigned long request, void *arg)
{
	/* Inside KVM_RUN the function that plays the guest holds it. */
	bool lock = !mutex_is_mine(&v->k.mutex);
	int ret;

	if (lock)
		mutex_lock(&v->k.mutex);
	ret = locked_ioctl(v, request, arg);
	if (lock)
		mutex_unlock(&v->k.mutex);
	return ret;
}
