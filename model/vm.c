// SPDX-License-Identifier: MIT
/* A VM's life and the ioctls of its file descriptor. */
#include "its.h"

#define IPA_BITS_DEFAULT	40
#define CREATE_DEVICE_TEST	1
#define FEATURE_ID_RANGE	(3 * 8 * 8)

static void init_kvm(struct kvm *kvm, const struct onereg_host *host)
{
	struct kvm_smccc_features *smccc = &kvm->arch.smccc_feat;

	mutex_init(&kvm->lock);
	mutex_init(&kvm->arch.config_lock);
	kvm->arch.timer_data.ppi[TIMER_VTIMER] = 27;
	kvm->arch.timer_data.ppi[TIMER_PTIMER] = 30;
	smccc->std_bmap = host_reset_u64(host, KVM_REG_ARM_STD_BMAP);
	smccc->std_hyp_bmap = host_reset_u64(host, KVM_REG_ARM_STD_HYP_BMAP);
	smccc->vendor_hyp_bmap =
		host_reset_u64(host, KVM_REG_ARM_VENDOR_HYP_BMAP);
}

static void free_vcpu(struct vcpu *v)
{
	mutex_destroy(&v->k.mutex);
	mutex_destroy(&v->mp_lock);
	free(v->row);
	free(v);
}

static void vm_free(struct vm *vm)
{
	its_free_all(vm);
	for (size_t i = 0; i < vm->n_vcpus; i++)
		free_vcpu(vm->vcpus[i]);
	mutex_destroy(&vm->kvm.lock);
	mutex_destroy(&vm->kvm.arch.config_lock);
	free(vm->gic.spis);
	free(vm->slots);
	free(vm->places);
	free(vm->row);
	free(vm);
}

int vm_create(struct model *m, unsigned long type)
{
	int limit = onereg_host_cap(m->host, KA_CAP_ARM_VM_IPA_SIZE);
	struct vm *vm;
	int fd;

	if (type && (type < 32 || type > (unsigned long)limit))
		return -EINVAL;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return -ENOMEM;
	vm->m = m;
	vm->ipa_bits = type ? type : IPA_BITS_DEFAULT;
	vm->gic.dist_base = ADDR_UNDEF;
	init_kvm(&vm->kvm, m->host);
	fd = model_open_file(m, FILE_VM, vm, NULL);
	if (fd < 0)
		vm_free(vm);
	return fd;
}

void vm_put(struct vm *vm)
{
	struct model *m;
	bool last;

	if (!vm)
		return;
	m = vm->m;
	mutex_lock(&m->files_lock);
	last = !--vm->n_files;
	mutex_unlock(&m->files_lock);
	if (last)
		vm_free(vm);
}

static void unlock_vcpus(struct vm *vm, size_t n)
{
	while (n--)
		mutex_unlock(&vm->vcpus[n]->k.mutex);
}

bool vm_lock_vcpus(struct vm *vm)
{
	lockdep_assert_held(&vm->kvm.lock);
	for (size_t i = 0; i < vm_n_vcpus(vm); i++) {
		struct vcpu *v = vm->vcpus[i];

		if (!READ_ONCE(v->running) && mutex_trylock(&v->k.mutex))
			continue;
		unlock_vcpus(vm, i);
		return false;
	}
	return true;
}

void vm_unlock_vcpus(struct vm *vm)
{
	lockdep_assert_held(&vm->kvm.lock);
	unlock_vcpus(vm, vm_n_vcpus(vm));
}

/* ---- a new vCPU ---- */

static struct vcpu *new_vcpu(struct vm *vm, unsigned long id)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->vm = vm;
	v->k.kvm = &vm->kvm;
	v->k.vcpu_id = id;
	v->pvtime = ADDR_UNDEF;
	v->mp_state = KA_MP_STATE_RUNNABLE;
	mutex_init(&v->k.mutex);
	mutex_init(&v->mp_lock);
	gicicc_reset(v);
	kvm_vm_regs_vcpu_create(&v->k);
	timer_vcpu_created(v);
	return v;
}

static int precreate_vcpu(struct vm *vm, unsigned long id)
{
	int ret = 0;

	if (id >= MAX_VCPUS)
		return -EINVAL;
	mutex_lock(&vm->kvm.lock);
	if (vm->kvm.created_vcpus >= MAX_VCPUS)
		ret = -EINVAL;
	else if (vm->gic.initialized)
		ret = -EBUSY;
	else
		vm->kvm.created_vcpus++;
	mutex_unlock(&vm->kvm.lock);
	return ret;
}

/* Lets userspace reach it; kvm.lock is held. */
static int publish_vcpu(struct vm *vm, struct vcpu *v)
{
	size_t n = vm_n_vcpus(vm);
	int fd;

	for (size_t i = 0; i < n; i++)
		if (vm->vcpus[i]->k.vcpu_id == v->k.vcpu_id)
			return -EEXIST;
	v->k.vcpu_idx = n;
	fd = model_open_file(vm->m, FILE_VCPU, vm, v);
	if (fd < 0)
		return fd;
	vm->vcpus[n] = v;
	smp_store_release(&vm->n_vcpus, n + 1);
	return fd;
}

static int create_vcpu(struct vm *vm, unsigned long id)
{
	int ret = precreate_vcpu(vm, id);
	struct vcpu *v;

	if (ret)
		return ret;
	v = new_vcpu(vm, id);
	mutex_lock(&vm->kvm.lock);
	ret = v ? publish_vcpu(vm, v) : -ENOMEM;
	if (ret < 0)
		vm->kvm.created_vcpus--;
	mutex_unlock(&vm->kvm.lock);
	if (ret < 0 && v)
		free_vcpu(v);
	return ret;
}

/* ---- the other ioctls ---- */

int model_check_extension(const struct model *m, unsigned long ext)
{
	if (m->style.vm_regs && kvm_vm_regs_check_extension(NULL, ext))
		return kvm_vm_regs_check_extension(NULL, ext);
	if (ext == KVM_CAP_VM_ONE_REG || ext == KVM_CAP_ARM_REG_SCOPE)
		return 0;
	return onereg_host_cap(m->host, ext);
}

static int enable_mte(struct vm *vm)
{
	int ret = -EINVAL;

	mutex_lock(&vm->kvm.lock);
	if (!vm->kvm.created_vcpus) {
		set_bit(KVM_ARCH_FLAG_MTE_ENABLED, &vm->kvm.arch.flags);
		ret = 0;
	}
	mutex_unlock(&vm->kvm.lock);
	return ret;
}

static int enable_cap(struct vm *vm, const void __user *arg)
{
	struct kvm_enable_cap cap;

	if (copy_from_user(&cap, arg, sizeof(cap)))
		return -EFAULT;
	if (cap.flags)
		return -EINVAL;
	if (vm->m->style.vm_regs && cap.cap == KVM_CAP_ARM_REG_SCOPE)
		return kvm_vm_regs_enable_cap(&vm->kvm, &cap);
	if (onereg_host_cap(vm->m->host, cap.cap) <= 0)
		return -EINVAL;
	switch (cap.cap) {
	case KA_CAP_ARM_NISV_TO_USER:
		set_bit(KVM_ARCH_FLAG_RETURN_NISV_IO_ABORT_TO_USER,
			&vm->kvm.arch.flags);
		return 0;
	case KA_CAP_ARM_MTE:
		return enable_mte(vm);
	case KA_CAP_ARM_SYSTEM_SUSPEND:
		set_bit(KVM_ARCH_FLAG_SYSTEM_SUSPEND_ENABLED,
			&vm->kvm.arch.flags);
		return 0;
	}
	return -EINVAL;
}

/* Index of an ID register in the kernel's range, or -1. */
static int mask_index(uint64_t id)
{
	unsigned int op0 = id >> 14 & 3, op1 = id >> 11 & 7;
	unsigned int crn = id >> 7 & 15, crm = id >> 3 & 15, op2 = id & 7;

	if (op0 != 3 || (op1 > 1 && op1 != 3) || crn || crm > 7 ||
	    (id & KA_REG_CLASS_MASK) != KA_REG_SYSREG)
		return -1;
	return (op1 == 3 ? 2 : op1) << 6 | crm << 3 | op2;
}

static const struct host_profile *mask_profile(struct vm *vm)
{
	const struct onereg_host *host = vm->m->host;
	const struct host_profile *p;

	mutex_lock(&vm->kvm.arch.config_lock);
	p = vm->profile;
	mutex_unlock(&vm->kvm.arch.config_lock);
	return p ? p : &host->profiles[host->n_profiles - 1];
}

static int get_masks(struct vm *vm, const void __user *arg)
{
	uint64_t masks[FEATURE_ID_RANGE] = { 0 };
	const struct host_profile *p;
	struct ka_reg_mask_range r;

	if (!vm->m->style.has_masks || !vm->m->host->n_profiles)
		return -EINVAL;
	if (copy_from_user(&r, arg, sizeof(r)))
		return -EFAULT;
	if (r.range)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(r.reserved); i++)
		if (r.reserved[i])
			return -EINVAL;
	p = mask_profile(vm);
	for (size_t i = 0; i < p->set.n; i++)
		if (p->has_mask[i] && mask_index(p->set.ids[i]) >= 0)
			masks[mask_index(p->set.ids[i])] = p->writable[i];
	return copy_to_user(u64_to_user_ptr(r.addr), masks, sizeof(masks)) ?
		       -EFAULT : 0;
}

/* If the caller cannot be told the fd it stays, as with a kernel. */
static int create_device(struct vm *vm, struct ka_create_device __user *arg)
{
	struct ka_create_device cd;
	int fd;

	if (copy_from_user(&cd, arg, sizeof(cd)))
		return -EFAULT;
	if (cd.type != KA_DEV_TYPE_ARM_VGIC_V3 &&
	    cd.type != KA_DEV_TYPE_ARM_VGIC_ITS)
		return -ENODEV;
	if (cd.flags & CREATE_DEVICE_TEST)
		return 0;
	fd = cd.type == KA_DEV_TYPE_ARM_VGIC_V3 ? gic_create(vm) :
						   its_create(vm);
	if (fd < 0)
		return fd;
	cd.fd = fd;
	return copy_to_user(arg, &cd, sizeof(cd)) ? -EFAULT : 0;
}

static int preferred_target(void __user *arg)
{
	const struct kvm_vcpu_init init = {
		.target = KVM_ARM_TARGET_GENERIC_V8,
	};

	return copy_to_user(arg, &init, sizeof(init)) ? -EFAULT : 0;
}

static int set_counter_offset(struct vm *vm, const void __user *arg)
{
	struct kvm_arm_counter_offset offset;

	if (copy_from_user(&offset, arg, sizeof(offset)))
		return -EFAULT;
	return kvm_vm_ioctl_set_counter_offset(&vm->kvm, &offset);
}

/* Registers of the VM, where there are any; a signal ends vectors. */
static int other_ioctl(struct vm *vm, unsigned long request, void *arg)
{
	int ret;

	if (!vm->m->style.vm_regs)
		return -EINVAL;
	if (request == KVM_GET_REG_VEC || request == KVM_SET_REG_VEC)
		task_hold_signals();
	ret = kvm_vm_regs_vec_vm_ioctl(&vm->kvm, request, arg);
	task_release_signals();
	return ret;
}

/*
 * Kinds of devices stand where classes of registers stand. There is no GICv2
 * here to have an address.
 */
static int set_device_addr(struct vm *vm, const void __user *arg)
{
	struct kvm_arm_device_addr addr;

	if (copy_from_user(&addr, arg, sizeof(addr)))
		return -EFAULT;
	if (!(addr.id & KVM_ARM_DEVICE_ID_MASK) || !vm->m->style.vm_regs)
		return -ENODEV;
	return kvm_vm_regs_device_addr(&vm->kvm, &addr);
}

int vm_ioctl(struct vm *vm, unsigned long request, void *arg)
{
	switch (request) {
	case KA_CHECK_EXTENSION:
		return model_check_extension(vm->m, (uintptr_t)arg);
	case KA_GET_ONE_REG:
		return set_device_addr(vm, arg);
	case KA_CREATE_VCPU:
		return create_vcpu(vm, (uintptr_t)arg);
	case KA_ENABLE_CAP:
		return enable_cap(vm, arg);
	case KA_ARM_PREFERRED_TARGET:
		return preferred_target(arg);
	case KA_CREATE_DEVICE:
		return create_device(vm, arg);
	case KVM_SET_USER_MEMORY_REGION:
		return memory_set_slot(vm, arg);
	case KVM_SIGNAL_MSI:
		return its_signal_msi(vm, arg);
	case KA_ARM_GET_REG_WRITABLE_MASKS:
		return get_masks(vm, arg);
	case KVM_ARM_SET_COUNTER_OFFSET:
		return set_counter_offset(vm, arg);
	}
	return other_ioctl(vm, request, arg);
}
