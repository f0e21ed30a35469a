// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM-scoped registers
 *
 * Part of a VM's state exists once per VM. Here userspace learns which
 * registers those are, reaches them through the VM's file descriptor without
 * stopping a vCPU, and fixes what must be the same on every vCPU before the
 * first one exists. Many registers in one call: vm_regs_vec.c.
 *
 * See Documentation/virt/kvm/arm/vm-regs.rst for the interface.
 */
#include "vm_regs.h"

/* More than the table below can name. */
#define VM_REGS_MAX	96

/**
 * struct vm_reg - VM-scoped registers that are reached in the same way
 *
 * @first: id of the first one
 * @last: id of the last one
 * @early: they exist before the first KVM_ARM_VCPU_INIT: the VM has them, or
 *	a vCPU's accessor that does not look at its vCPU
 * @sysreg: those in between that the guest's CPUs do not have are left out
 * @per_vcpu: tells whether this VM has one for each vCPU instead
 * @get: NULL: as through a vCPU
 * @set: NULL: as through a vCPU
 */
struct vm_reg {
	u64 first;
	u64 last;
	bool early;
	bool sysreg;
	bool (*per_vcpu)(const struct kvm *kvm);
	int (*get)(struct kvm *kvm, u64 id, u64 *val);
	int (*set)(struct kvm *kvm, const struct kvm_one_reg *reg, u64 val);
};

/* The vCPU through which registers of the VM are reached, or NULL. */
static struct kvm_vcpu *vm_vcpu(const struct kvm *kvm)
{
	/* Pairs with kvm_vm_regs_vcpu_inited(). */
	return smp_load_acquire(&kvm->arch.vm_regs.vcpu);
}

/* VM configuration registers */

/*
 * @cur is what userspace reads. No vCPU can appear while kvm->lock is held,
 * and with the first one the value becomes constant.
 */
static int set_config(struct kvm *kvm, u64 *config, u64 cur, u64 val)
{
	lockdep_assert_held(&kvm->lock);

	if (kvm->created_vcpus)
		return val == cur ? 0 : -EBUSY;

	WRITE_ONCE(*config, val);
	return 0;
}

static int get_asym(struct kvm *kvm, u64 id, u64 *val)
{
	*val = READ_ONCE(kvm->arch.vm_regs.asym);
	return 0;
}

static int set_asym(struct kvm *kvm, const struct kvm_one_reg *reg, u64 val)
{
	u64 *asym = &kvm->arch.vm_regs.asym;
	int ret;

	if (val & ~KVM_REG_ARM_VM_ASYM_SMCCC)
		return -EINVAL;

	mutex_lock(&kvm->lock);
	ret = set_config(kvm, asym, *asym, val);
	mutex_unlock(&kvm->lock);

	return ret;
}

static int get_features(struct kvm *kvm, u64 id, u64 *val)
{
	if (vm_vcpu(kvm))
		*val = kvm->arch.vcpu_features[0];
	else
		*val = READ_ONCE(kvm->arch.vm_regs.features);
	return 0;
}

static int set_features(struct kvm *kvm, const struct kvm_one_reg *reg,
			u64 val)
{
	struct kvm_vcpu_init init = {
		.features[0] = lower_32_bits(val),
	};
	u64 cur;
	int ret;

	/* POWER_OFF is of one KVM_ARM_VCPU_INIT, not of the VM. */
	if (upper_32_bits(val) || (val & BIT(KVM_ARM_VCPU_POWER_OFF)))
		return -EINVAL;

	mutex_lock(&kvm->lock);
	if (kvm_check_init_features(kvm, &init)) {
		ret = -EINVAL;
	} else {
		get_features(kvm, reg->id, &cur);
		ret = set_config(kvm, &kvm->arch.vm_regs.features, cur, val);
	}
	mutex_unlock(&kvm->lock);

	return ret;
}

static const struct {
	unsigned int flag;
	u64 cap;
} vm_caps[] = {
	{ KVM_ARCH_FLAG_RETURN_NISV_IO_ABORT_TO_USER,
	  KVM_REG_ARM_VM_CAPS_NISV_TO_USER },
	{ KVM_ARCH_FLAG_MTE_ENABLED, KVM_REG_ARM_VM_CAPS_MTE },
	{ KVM_ARCH_FLAG_SYSTEM_SUSPEND_ENABLED,
	  KVM_REG_ARM_VM_CAPS_SYSTEM_SUSPEND },
	{ KVM_ARCH_FLAG_VM_COUNTER_OFFSET,
	  KVM_REG_ARM_VM_CAPS_COUNTER_OFFSET },
};

static int get_caps(struct kvm *kvm, u64 id, u64 *val)
{
	*val = 0;
	for (int i = 0; i < ARRAY_SIZE(vm_caps); i++)
		if (test_bit(vm_caps[i].flag, &kvm->arch.flags))
			*val |= vm_caps[i].cap;
	return 0;
}

/* Capabilities are enabled by KVM_ENABLE_CAP; here they are only compared. */
static int set_caps(struct kvm *kvm, const struct kvm_one_reg *reg, u64 val)
{
	u64 cur;

	get_caps(kvm, reg->id, &cur);
	return val == cur ? 0 : -EINVAL;
}

static bool has_counter_offset(const struct kvm *kvm)
{
	return test_bit(KVM_ARCH_FLAG_VM_COUNTER_OFFSET, &kvm->arch.flags);
}

static int get_counter_offset(struct kvm *kvm, u64 id, u64 *val)
{
	*val = 0;
	if (has_counter_offset(kvm))
		*val = READ_ONCE(kvm->arch.timer_data.voffset);
	return 0;
}

static int set_counter_offset(struct kvm *kvm, const struct kvm_one_reg *reg,
			      u64 val)
{
	struct kvm_arm_counter_offset offset = { .counter_offset = val };

	/* A VM that does not use it stays so. */
	if (!val && !has_counter_offset(kvm))
		return 0;

	return kvm_vm_ioctl_set_counter_offset(kvm, &offset);
}

/* Features */

static int set_psci_version(struct kvm *kvm, const struct kvm_one_reg *reg,
			    u64 val)
{
	struct kvm_vcpu *vcpu = vm_vcpu(kvm);
	int ret;

	mutex_lock(&kvm->arch.config_lock);
	if (kvm_vm_has_ran_once(kvm))
		ret = val == kvm_psci_version(vcpu) ? 0 : -EBUSY;
	else
		ret = kvm_arm_set_reg(vcpu, reg);
	mutex_unlock(&kvm->arch.config_lock);

	return ret;
}

static bool smccc_per_vcpu(const struct kvm *kvm)
{
	return READ_ONCE(kvm->arch.vm_regs.asym) & KVM_REG_ARM_VM_ASYM_SMCCC;
}

static int get_smccc_bmap(struct kvm *kvm, u64 id, u64 *val)
{
	struct kvm_smccc_features *smccc_feat = &kvm->arch.smccc_feat;

	switch (id) {
	case KVM_REG_ARM_STD_BMAP:
		*val = READ_ONCE(smccc_feat->std_bmap);
		return 0;
	case KVM_REG_ARM_STD_HYP_BMAP:
		*val = READ_ONCE(smccc_feat->std_hyp_bmap);
		return 0;
	case KVM_REG_ARM_VENDOR_HYP_BMAP:
		*val = READ_ONCE(smccc_feat->vendor_hyp_bmap);
		return 0;
	}
	return -ENOENT;
}

static int set_smccc_bmap(struct kvm *kvm, const struct kvm_one_reg *reg,
			  u64 val)
{
	return kvm_arm_set_fw_reg_bmap(kvm, &kvm->arch.smccc_feat, reg->id,
				       val);
}

/* Counters */

/* With EL2, CNTVOFF_EL2 of each vCPU is part of its virtual counter. */
static bool vcount_per_vcpu(const struct kvm *kvm)
{
	return test_bit(KVM_ARM_VCPU_HAS_EL2, kvm->arch.vcpu_features);
}

static u64 *count_offset(struct kvm *kvm, u64 id)
{
	if (id == KVM_REG_ARM_PTIMER_CNT)
		return &kvm->arch.timer_data.poffset;
	return &kvm->arch.timer_data.voffset;
}

static int get_count(struct kvm *kvm, u64 id, u64 *val)
{
	*val = kvm_phys_timer_read() - READ_ONCE(*count_offset(kvm, id));
	return 0;
}

static int set_count(struct kvm *kvm, const struct kvm_one_reg *reg, u64 val)
{
	/* As on a vCPU, the counter offset wins and nobody is told. */
	if (!has_counter_offset(kvm))
		WRITE_ONCE(*count_offset(kvm, reg->id),
			   kvm_phys_timer_read() - val);
	return 0;
}

/* The order is one in which the list can be replayed. */
static const struct vm_reg vm_regs[] = {
	{
		.first = KVM_REG_ARM_VM_ASYM,
		.last = KVM_REG_ARM_VM_ASYM,
		.early = true,
		.get = get_asym,
		.set = set_asym,
	}, {
		.first = KVM_REG_ARM_VM_FEATURES,
		.last = KVM_REG_ARM_VM_FEATURES,
		.early = true,
		.get = get_features,
		.set = set_features,
	}, {
		.first = KVM_REG_ARM_VM_COUNTER_OFFSET,
		.last = KVM_REG_ARM_VM_COUNTER_OFFSET,
		.early = true,
		.get = get_counter_offset,
		.set = set_counter_offset,
	}, {
		/* Tells of the counter offset, hence after it. */
		.first = KVM_REG_ARM_VM_CAPS,
		.last = KVM_REG_ARM_VM_CAPS,
		.early = true,
		.get = get_caps,
		.set = set_caps,
	}, {
		.first = KVM_REG_ARM_PSCI_VERSION,
		.last = KVM_REG_ARM_PSCI_VERSION,
		.set = set_psci_version,
	}, {
		.first = KVM_REG_ARM_STD_BMAP,
		.last = KVM_REG_ARM_VENDOR_HYP_BMAP,
		.early = true,
		.per_vcpu = smccc_per_vcpu,
		.get = get_smccc_bmap,
		.set = set_smccc_bmap,
	}, {
		.first = ARM64_SYS_REG(3, 0, 0, 0, 0),	/* MIDR_EL1 */
		.last = ARM64_SYS_REG(3, 0, 0, 0, 0),
		.early = true,
	}, {
		.first = ARM64_SYS_REG(3, 0, 0, 0, 6),	/* REVIDR_EL1 */
		.last = ARM64_SYS_REG(3, 0, 0, 0, 6),
		.early = true,
	}, {
		.first = ARM64_SYS_REG(3, 1, 0, 0, 7),	/* AIDR_EL1 */
		.last = ARM64_SYS_REG(3, 1, 0, 0, 7),
		.early = true,
	}, {
		.first = ARM64_SYS_REG(3, 0, 0, 1, 0),	/* ID_*_EL1 */
		.last = ARM64_SYS_REG(3, 0, 0, 7, 7),
		.sysreg = true,
	}, {
		.first = ARM64_SYS_REG(3, 3, 0, 0, 1),	/* CTR_EL0 */
		.last = ARM64_SYS_REG(3, 3, 0, 0, 1),
		.sysreg = true,
	}, {
		/* After ID_AA64PFR1_EL1.SSBS, on which the level depends. */
		.first = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1,
		.last = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3,
	}, {
		.first = KVM_REG_ARM_TIMER_CNT,
		.last = KVM_REG_ARM_TIMER_CNT,
		.early = true,
		.per_vcpu = vcount_per_vcpu,
		.get = get_count,
		.set = set_count,
	}, {
		.first = KVM_REG_ARM_PTIMER_CNT,
		.last = KVM_REG_ARM_PTIMER_CNT,
		.early = true,
		.get = get_count,
		.set = set_count,
	},
};

/* What makes @id VM-scoped in this VM, or NULL. */
static const struct vm_reg *find_vm_reg(const struct kvm *kvm, u64 id)
{
	for (int i = 0; i < ARRAY_SIZE(vm_regs); i++) {
		const struct vm_reg *r = &vm_regs[i];

		if (id < r->first || id > r->last)
			continue;
		if (r->per_vcpu && r->per_vcpu(kvm))
			return NULL;
		return r;
	}
	return NULL;
}

static bool is_vm_config_reg(u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_VM;
}

/* Takes the tag off @id where tags are in use. */
static u64 untag_id(const struct kvm *kvm, u64 id)
{
	if (READ_ONCE(kvm->arch.vm_regs.scope_mode) == KVM_ARM_REG_SCOPE_TAG)
		id &= ~KVM_REG_ARM_SCOPE_MASK;
	return id;
}

/* Register ioctls on the VM fd */

/**
 * kvm_vm_regs_access - one register of the VM
 * @kvm: the VM, not protected
 * @ureg: the request; the id may be tagged if the VM's mode is TAG
 * @set: whether the request is KVM_SET_ONE_REG, or KVM_GET_ONE_REG
 *
 * Return: 0, or what Documentation/virt/kvm/arm/vm-regs.rst says
 */
int kvm_vm_regs_access(struct kvm *kvm, const struct kvm_one_reg *ureg,
		       bool set)
{
	const struct kvm_one_reg reg = {
		.id = untag_id(kvm, ureg->id),
		.addr = ureg->addr,
	};
	u64 __user *uval = u64_to_user_ptr(reg.addr);
	const struct vm_reg *r = find_vm_reg(kvm, reg.id);
	struct kvm_vcpu *vcpu = vm_vcpu(kvm);
	u64 val;
	int ret;

	if (!r || (!r->early && !vcpu))
		return -ENOENT;

	if (set && r->set) {
		if (get_user(val, uval))
			return -EFAULT;
		return r->set(kvm, &reg, val);
	}
	if (set)
		return kvm_arm_set_reg(vcpu, &reg);
	if (!r->get)
		return kvm_arm_get_reg(vcpu, &reg);

	ret = r->get(kvm, reg.id, &val);
	if (!ret && put_user(val, uval))
		ret = -EFAULT;
	return ret;
}

/* Fills @ids with those that the VM has now; returns how many. */
static unsigned int collect_ids(const struct kvm *kvm, u64 ids[VM_REGS_MAX])
{
	struct kvm_vcpu *vcpu = vm_vcpu(kvm);
	unsigned int n = 0;

	for (int i = 0; i < ARRAY_SIZE(vm_regs); i++) {
		const struct vm_reg *r = &vm_regs[i];

		if ((!r->early && !vcpu) || (r->per_vcpu && r->per_vcpu(kvm)))
			continue;
		for (u64 id = r->first; id <= r->last; id++) {
			if (r->sysreg && !kvm_arm_has_sys_reg(vcpu, id))
				continue;
			if (WARN_ON_ONCE(n == VM_REGS_MAX))
				return n;
			ids[n++] = id;
		}
	}
	return n;
}

static int vm_reg_list(struct kvm *kvm, struct kvm_reg_list __user *ulist)
{
	u64 ids[VM_REGS_MAX];
	unsigned int n = collect_ids(kvm, ids);
	struct kvm_reg_list list;
	u64 room;

	if (copy_from_user(&list, ulist, sizeof(list)))
		return -EFAULT;
	room = list.n;
	list.n = n;
	if (copy_to_user(ulist, &list, sizeof(list)))
		return -EFAULT;
	if (room < n)
		return -E2BIG;
	if (copy_to_user(ulist->reg, ids, n * sizeof(*ids)))
		return -EFAULT;
	return 0;
}

/* Register ioctls on a vCPU */

static int access_vcpu_reg(struct kvm_vcpu *vcpu,
			   const struct kvm_one_reg *ureg, bool set)
{
	const struct kvm_one_reg reg = {
		.id = untag_id(vcpu->kvm, ureg->id),
		.addr = ureg->addr,
	};

	if (reg.id != ureg->id && !find_vm_reg(vcpu->kvm, reg.id))
		return -ENOENT;

	return set ? kvm_arm_set_reg(vcpu, &reg) : kvm_arm_get_reg(vcpu, &reg);
}

/**
 * kvm_vm_regs_vcpu_get - KVM_GET_ONE_REG on a vCPU
 * @vcpu: the vCPU, its mutex held
 * @reg: the request; the id may be tagged if the VM's mode is TAG
 */
int kvm_vm_regs_vcpu_get(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	return access_vcpu_reg(vcpu, reg, false);
}

/**
 * kvm_vm_regs_vcpu_set - KVM_SET_ONE_REG on a vCPU
 * @vcpu: the vCPU, its mutex held
 * @reg: the request; the id may be tagged if the VM's mode is TAG
 */
int kvm_vm_regs_vcpu_set(struct kvm_vcpu *vcpu, const struct kvm_one_reg *reg)
{
	return access_vcpu_reg(vcpu, reg, true);
}

/**
 * kvm_vm_regs_num_ids - what KVM_GET_REG_LIST on a vCPU says it holds
 * @vcpu: the vCPU, its mutex held
 *
 * To be called before kvm_vm_regs_put_id() puts them.
 */
unsigned long kvm_vm_regs_num_ids(struct kvm_vcpu *vcpu)
{
	unsigned long n = kvm_arm_num_regs(vcpu);
	u64 ids[VM_REGS_MAX];
	unsigned int n_vm;

	vcpu->arch.reg_ids_omitted = 0;
	if (vcpu->kvm->arch.vm_regs.scope_mode != KVM_ARM_REG_SCOPE_OMIT)
		return n;

	n_vm = collect_ids(vcpu->kvm, ids);
	for (unsigned int i = 0; i < n_vm; i++)
		if (!is_vm_config_reg(ids[i]))
			n--;
	return n;
}

/**
 * kvm_vm_regs_put_id - put one id of a vCPU's list
 * @vcpu: the vCPU, its mutex held
 * @id: the register's id
 * @uind: where it stands in the list of all
 *
 * Return: 0, or -EFAULT
 */
int kvm_vm_regs_put_id(struct kvm_vcpu *vcpu, u64 id, u64 __user *uind)
{
	u32 mode = vcpu->kvm->arch.vm_regs.scope_mode;

	if (mode != KVM_ARM_REG_SCOPE_OFF && find_vm_reg(vcpu->kvm, id)) {
		if (mode == KVM_ARM_REG_SCOPE_OMIT) {
			vcpu->arch.reg_ids_omitted++;
			return 0;
		}
		id |= KVM_REG_ARM_SCOPE_VM << KVM_REG_ARM_SCOPE_SHIFT;
	}
	return put_user(id, uind - vcpu->arch.reg_ids_omitted);
}

/* Calls from elsewhere */

/**
 * kvm_vm_regs_vm_ioctl - the ioctls on single registers of a VM
 * @kvm: the VM
 * @ioctl: its number
 * @argp: its argument
 *
 * Return: 0, or what Documentation/virt/kvm/arm/vm-regs.rst says
 */
int kvm_vm_regs_vm_ioctl(struct kvm *kvm, unsigned int ioctl,
			 void __user *argp)
{
	struct kvm_one_reg reg;

	if (kvm_vm_is_protected(kvm))
		return -EINVAL;

	switch (ioctl) {
	case KVM_GET_REG_LIST:
		return vm_reg_list(kvm, argp);
	case KVM_SET_ONE_REG:
		if (copy_from_user(&reg, argp, sizeof(reg)))
			return -EFAULT;
		return kvm_vm_regs_access(kvm, &reg, true);
	}
	return -EINVAL;
}

/**
 * kvm_vm_regs_device_addr - KVM_ARM_SET_DEVICE_ADDR of an unknown device
 * @kvm: the VM
 * @dev_addr: the request
 *
 * KVM_GET_ONE_REG has the same number, size and layout. The class of a
 * register stands in its id where the kind of a device stands in the other,
 * and no class is a device's. Ids of other architectures stay what they were.
 *
 * Return: 0, or what Documentation/virt/kvm/arm/vm-regs.rst says
 */
int kvm_vm_regs_device_addr(struct kvm *kvm,
			    const struct kvm_arm_device_addr *dev_addr)
{
	const struct kvm_one_reg reg = {
		.id = dev_addr->id,
		.addr = dev_addr->addr,
	};

	static_assert(KVM_GET_ONE_REG == KVM_ARM_SET_DEVICE_ADDR);

	if (kvm_vm_is_protected(kvm) ||
	    (reg.id & KVM_REG_ARCH_MASK) != KVM_REG_ARM64)
		return -ENODEV;

	return kvm_vm_regs_access(kvm, &reg, false);
}

/**
 * kvm_vm_regs_check_extension - KVM_CHECK_EXTENSION
 * @kvm: the VM, or NULL on /dev/kvm
 * @ext: the capability
 *
 * Return: the mask of what there is, 0 for capabilities of others
 */
int kvm_vm_regs_check_extension(struct kvm *kvm, long ext)
{
	switch (ext) {
	case KVM_CAP_VM_ONE_REG:
		return KVM_VM_ONE_REG_IOCTLS | KVM_VM_ONE_REG_VECTORS |
		       KVM_VM_ONE_REG_CONFIG | KVM_VM_ONE_REG_ASYM;
	case KVM_CAP_ARM_REG_SCOPE:
		return KVM_ARM_REG_SCOPE_TAG | KVM_ARM_REG_SCOPE_OMIT;
	}
	return 0;
}

static bool is_scope_mode(u64 mode)
{
	return mode == KVM_ARM_REG_SCOPE_OFF || mode == KVM_ARM_REG_SCOPE_TAG ||
	       mode == KVM_ARM_REG_SCOPE_OMIT;
}

/**
 * kvm_vm_regs_enable_cap - KVM_ENABLE_CAP
 * @kvm: the VM
 * @cap: the request; its flags were found to be 0
 *
 * Return: 0, -EINVAL, or -EBUSY once a vCPU exists
 */
int kvm_vm_regs_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	int ret = -EBUSY;

	if (cap->cap != KVM_CAP_ARM_REG_SCOPE)
		return -EINVAL;
	for (int i = 1; i < ARRAY_SIZE(cap->args); i++)
		if (cap->args[i])
			return -EINVAL;
	if (!is_scope_mode(cap->args[0]))
		return -EINVAL;

	mutex_lock(&kvm->lock);
	if (!kvm->created_vcpus) {
		WRITE_ONCE(kvm->arch.vm_regs.scope_mode, cap->args[0]);
		ret = 0;
	}
	mutex_unlock(&kvm->lock);

	return ret;
}

/**
 * kvm_vm_regs_vcpu_create - a new vCPU starts from what the VM has
 * @vcpu: the vCPU, not reachable yet
 */
void kvm_vm_regs_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	mutex_lock(&kvm->arch.config_lock);
	vcpu->arch.smccc_feat = kvm->arch.smccc_feat;
	mutex_unlock(&kvm->arch.config_lock);
}

/**
 * kvm_vm_regs_check_init - does KVM_ARM_VCPU_INIT ask for what it must?
 * @kvm: the VM
 * @init: the request, KVM_ARM_VCPU_POWER_OFF taken out
 *
 * Return: 0, or -EINVAL if KVM_REG_ARM_VM_FEATURES asks for others
 */
int kvm_vm_regs_check_init(struct kvm *kvm, const struct kvm_vcpu_init *init)
{
	u64 features = kvm->arch.vm_regs.features;

	return features && features != init->features[0] ? -EINVAL : 0;
}

/**
 * kvm_vm_regs_vcpu_inited - the features and ID registers of the VM are there
 * @vcpu: a vCPU that was initialised
 */
void kvm_vm_regs_vcpu_inited(struct kvm_vcpu *vcpu)
{
	struct kvm *kvm = vcpu->kvm;

	lockdep_assert_held(&kvm->arch.config_lock);

	if (kvm->arch.vm_regs.vcpu)
		return;

	/* Pairs with vm_vcpu(). */
	smp_store_release(&kvm->arch.vm_regs.vcpu, vcpu);
}

/**
 * kvm_vcpu_smccc_features - the hypercall services of a vCPU
 * @vcpu: the vCPU
 *
 * Return: where they are stored: with the VM, or with the vCPU if
 * KVM_REG_ARM_VM_ASYM says that vCPUs may differ
 */
struct kvm_smccc_features *kvm_vcpu_smccc_features(struct kvm_vcpu *vcpu)
{
	if (smccc_per_vcpu(vcpu->kvm))
		return &vcpu->arch.smccc_feat;
	return &vcpu->kvm->arch.smccc_feat;
}
