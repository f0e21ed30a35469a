// SPDX-License-Identifier: MIT
/*
 * KVM_GET_ONE_REG, KVM_SET_ONE_REG, KVM_GET_REG_LIST: what lies between the
 * kernel file that untangles ids and scopes, and the registers: the caller's
 * memory, and misbehaviour on demand.
 */
#include "private.h"

static int faulty_get(struct vcpu *v, uint64_t id, uint8_t *value)
{
	const struct fault *f = model_fault_on(v, id, MODEL_REFUSE_GET);
	int ret;

	if (f)
		return -(int)f->arg;
	if (model_fault_on(v, id, MODEL_DROP))
		return -ENOENT;
	ret = reg_get(v, id, value);
	f = model_fault_on(v, id, MODEL_XOR_GET);
	if (!ret && f)
		value[0] ^= f->arg;
	return ret;
}

static int set_without(struct vcpu *v, uint64_t id, const uint8_t *value,
		       uint64_t bits)
{
	uint64_t word;

	if (onereg_reg_size(id) != sizeof(word))
		return -EINVAL;
	memcpy(&word, value, sizeof(word));
	word &= ~bits;
	return reg_set(v, id, &word);
}

static int faulty_set(struct vcpu *v, uint64_t id, uint8_t *value)
{
	const struct fault *f = model_fault_on(v, id, MODEL_XOR_SET);

	if (f) {
		value[0] ^= f->arg;
		return reg_set(v, id, value);
	}
	f = model_fault_on(v, id, MODEL_CLEAR_SET);
	return f ? set_without(v, id, value, f->arg) : reg_set(v, id, value);
}

static bool is_class(uint64_t id, uint64_t cls)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == cls;
}

static bool is_firmware(uint64_t id)
{
	return is_class(id, KVM_REG_ARM_FW) ||
	       is_class(id, KVM_REG_ARM_FW_FEAT_BMAP);
}

/* Does a kernel look for the register before it reads the value? */
static bool id_first(uint64_t id)
{
	return is_class(id, KVM_REG_ARM_CORE) ||
	       is_class(id, KVM_REG_ARM_DEMUX) ||
	       is_class(id, KVM_REG_ARM64_SVE) || reg_is_host_fact(id);
}

static bool is_arm64(uint64_t id)
{
	return (id & ~KVM_REG_SIZE_MASK) >> 32 == KVM_REG_ARM64 >> 32;
}

/* Host facts, and nothing else, a kernel knows by any class without a rule. */
static uint64_t known_id(uint64_t id)
{
	uint64_t fact = (id & ~KVM_REG_ARM_COPROC_MASK) | KA_REG_SYSREG;

	if (is_class(id, KVM_REG_ARM_CORE) || is_class(id, KVM_REG_ARM_DEMUX) ||
	    is_class(id, KVM_REG_ARM64_SVE) || is_firmware(id))
		return id;
	return reg_is_host_fact(fact) ? fact : id;
}

static int read_value(struct vcpu *v, const struct kvm_one_reg *reg,
		      uint8_t value[KA_REG_SIZE_MAX])
{
	size_t size = sizeof(uint64_t);
	int ret = 0;

	if (id_first(reg->id)) {
		ret = reg_check(v, reg->id, true);
		size = onereg_reg_size(reg->id);
	} else if (is_firmware(reg->id) && onereg_reg_size(reg->id) != size) {
		ret = -ENOENT;
	}
	if (ret)
		return ret;
	return copy_from_user(value, u64_to_user_ptr(reg->addr), size) ?
		       -EFAULT : 0;
}

static int host_fact(const struct kvm_one_reg *reg, bool set)
{
	u64 __user *uval = u64_to_user_ptr(reg->addr);
	u64 fact = host_reset_u64(current->machine->host, reg->id), val;

	if (!reg_is_host_fact(reg->id))
		return -ENOENT;
	if (!set)
		return put_user(fact, uval);
	if (get_user(val, uval))
		return -EFAULT;
	return val == fact ? 0 : -EINVAL;
}

int kvm_arm_get_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *ureg)
{
	const struct kvm_one_reg known = {
		.id = known_id(ureg->id),
		.addr = ureg->addr,
	}, *reg = &known;
	uint8_t value[KA_REG_SIZE_MAX];
	int ret;

	if (!is_arm64(reg->id))
		return -EINVAL;
	if (!vcpu)
		return host_fact(reg, false);
	ret = faulty_get(to_vcpu(vcpu), reg->id, value);
	if (ret)
		return ret;
	return copy_to_user(u64_to_user_ptr(reg->addr), value,
			    onereg_reg_size(reg->id)) ? -EFAULT : 0;
}

int kvm_arm_set_reg(struct kvm_vcpu *vcpu, const struct kvm_one_reg *ureg)
{
	const struct kvm_one_reg known = {
		.id = known_id(ureg->id),
		.addr = ureg->addr,
	}, *reg = &known;
	uint8_t value[KA_REG_SIZE_MAX];
	const struct fault *f;
	struct vcpu *v;
	int ret;

	if (!is_arm64(reg->id))
		return -EINVAL;
	if (!vcpu)
		return host_fact(reg, true);
	v = to_vcpu(vcpu);
	f = model_fault_on(v, reg->id, MODEL_REFUSE_SET);
	if (f)
		return -(int)f->arg;
	if (model_fault_on(v, reg->id, MODEL_DROP))
		return -ENOENT;
	ret = read_value(v, reg, value);
	if (ret || model_fault_on(v, reg->id, MODEL_IGNORE_SET))
		return ret;
	return faulty_set(v, reg->id, value);
}

/*
 * Which registers a kernel reaches directly is its own affair; nobody can see
 * it. Here it is core registers and those of SVE.
 */
static bool is_direct(uint64_t id)
{
	return is_class(id, KVM_REG_ARM_CORE) ||
	       is_class(id, KVM_REG_ARM64_SVE);
}

unsigned int kvm_vm_regs_direct_get(struct kvm_vcpu *vcpu,
				    const struct kvm_one_reg *regs,
				    unsigned int n, unsigned int *next)
{
	unsigned int i = 0;

	(void)next;
	while (i < n && is_direct(regs[i].id) &&
	       !kvm_arm_get_reg(vcpu, &regs[i]))
		i++;
	return i;
}

unsigned int kvm_vm_regs_direct_set(struct kvm_vcpu *vcpu,
				    const struct kvm_one_reg *regs,
				    unsigned int n, unsigned int *next)
{
	unsigned int i = 0;

	(void)next;
	while (i < n && is_direct(regs[i].id) &&
	       !kvm_arm_set_reg(vcpu, &regs[i]))
		i++;
	return i;
}

/* A reset that PSCI asked for comes before userspace sees registers. */
int vcpu_one_reg(struct vcpu *v, const struct kvm_one_reg *reg, bool set)
{
	if (kvm_check_request(KVM_REQ_VCPU_RESET, &v->k))
		kvm_reset_vcpu(&v->k);
	return set ? kvm_vm_regs_vcpu_set(&v->k, reg) :
		     kvm_vm_regs_vcpu_get(&v->k, reg);
}

static bool listed(const struct vcpu *v, uint64_t id)
{
	return reg_visible(v->vm, id) && !model_fault_on(v, id, MODEL_DROP);
}

unsigned long kvm_arm_num_regs(struct kvm_vcpu *vcpu)
{
	struct vcpu *v = to_vcpu(vcpu);
	const struct regset *set = &v->vm->profile->set;
	unsigned long n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += listed(v, set->ids[i]);
	return n;
}

bool kvm_arm_has_sys_reg(struct kvm_vcpu *vcpu, u64 id)
{
	return listed(to_vcpu(vcpu), id);
}

static int put_ids(struct vcpu *v, u64 __user *uind)
{
	const struct regset *set = &v->vm->profile->set;

	for (size_t i = 0; i < set->n; i++) {
		if (!listed(v, set->ids[i]))
			continue;
		if (kvm_vm_regs_put_id(&v->k, set->ids[i], uind++))
			return -EFAULT;
	}
	return 0;
}

int vcpu_reg_list(struct vcpu *v, struct kvm_reg_list *ulist)
{
	struct kvm_reg_list list;
	u32 room;	/* the kernel looks no further */

	if (vcpu_has(v, KA_VCPU_SVE) && !v->finalized)
		return -EPERM;
	if (copy_from_user(&list, ulist, sizeof(list)))
		return -EFAULT;
	room = list.n;
	list.n = kvm_vm_regs_num_ids(&v->k);
	if (copy_to_user(ulist, &list, sizeof(list)))
		return -EFAULT;
	if (room < list.n)
		return -E2BIG;
	return put_ids(v, ulist->reg);
}
