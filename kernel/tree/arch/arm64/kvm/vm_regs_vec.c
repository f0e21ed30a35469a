// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vectors of registers
 *
 * KVM_GET_REG_VEC and KVM_SET_REG_VEC, on a vCPU and on a VM: many registers
 * in one call. Each is reached as by a call of its own; what calls have in
 * common is done once.
 *
 * See Documentation/virt/kvm/arm/vm-regs.rst for the interface.
 */
#include "vm_regs.h"

/* Entries that are taken from userspace at once: half a KB on the stack. */
#define VEC_BATCH	32

/**
 * struct vec_walk - a vector on its way
 *
 * @kvm: the VM
 * @vcpu: the vCPU, its mutex held; NULL: registers of the VM
 * @set: whether they are written, or read
 * @next: where in the order of a vCPU's list the next one may be
 */
struct vec_walk {
	struct kvm *kvm;
	struct kvm_vcpu *vcpu;
	bool set;
	unsigned int next;
};

/* Takes entries as long as there is nothing special about them. */
static u32 access_direct(struct vec_walk *w, const struct kvm_one_reg *regs,
			 u32 n)
{
	if (!w->vcpu)
		return 0;
	if (w->set)
		return kvm_vm_regs_direct_set(w->vcpu, regs, n, &w->next);
	return kvm_vm_regs_direct_get(w->vcpu, regs, n, &w->next);
}

static int access_one(struct vec_walk *w, const struct kvm_one_reg *reg)
{
	if (!w->vcpu)
		return kvm_vm_regs_access(w->kvm, reg, w->set);
	if (w->set)
		return kvm_vm_regs_vcpu_set(w->vcpu, reg);
	return kvm_vm_regs_vcpu_get(w->vcpu, reg);
}

/* Adds to @done how many of the @n entries are complete. */
static int access_batch(struct vec_walk *w, const struct kvm_one_reg *regs,
			u32 n, u32 *done)
{
	for (u32 i = 0; i < n; i++) {
		u32 direct = access_direct(w, &regs[i], n - i);
		int ret;

		*done += direct;
		i += direct;
		if (i == n)
			break;

		ret = access_one(w, &regs[i]);
		if (ret)
			return ret;
		++*done;
	}
	return 0;
}

static int access_vec(struct vec_walk *w, struct kvm_reg_vec *vec)
{
	struct kvm_one_reg __user *uregs = u64_to_user_ptr(vec->regs);
	struct kvm_one_reg regs[VEC_BATCH];
	u32 batch = VEC_BATCH;

	while (vec->done < vec->count) {
		u32 n = min(vec->count - vec->done, batch);
		int ret;

		/* Not before the first, so that a retry gets somewhere. */
		if (vec->done && signal_pending(current))
			return -EINTR;
		cond_resched();

		if (copy_from_user(regs, &uregs[vec->done], n * sizeof(*regs))) {
			if (n == 1)
				return -EFAULT;
			/* Entries before the one that faults still count. */
			batch = 1;
			continue;
		}
		ret = access_batch(w, regs, n, &vec->done);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_vec(const struct kvm_vcpu *vcpu, const struct kvm_reg_vec *vec)
{
	if (vcpu && !kvm_vcpu_initialized(vcpu))
		return -ENOEXEC;
	if (vec->flags || vec->reserved)
		return -EINVAL;
	if (!vec->count || vec->count > KVM_REG_VEC_MAX)
		return -EINVAL;
	return 0;
}

static int reg_vec(struct kvm *kvm, struct kvm_vcpu *vcpu,
		   struct kvm_reg_vec __user *uvec, bool set)
{
	struct vec_walk walk = { .kvm = kvm, .vcpu = vcpu, .set = set };
	struct kvm_reg_vec vec;
	int ret;

	if (copy_from_user(&vec, uvec, sizeof(vec)))
		return -EFAULT;
	vec.done = 0;
	ret = check_vec(vcpu, &vec);
	if (!ret) {
		/* A reset that is owed to PSCI comes before all entries. */
		if (vcpu && kvm_check_request(KVM_REQ_VCPU_RESET, vcpu))
			kvm_reset_vcpu(vcpu);
		ret = access_vec(&walk, &vec);
	}
	if (put_user(vec.done, &uvec->done))
		return -EFAULT;
	return ret;
}

/**
 * kvm_vm_regs_vec_vm_ioctl - the ioctls of a VM fd that nobody else knows
 * @kvm: the VM
 * @ioctl: its number
 * @argp: its argument
 *
 * Return: 0, or what Documentation/virt/kvm/arm/vm-regs.rst says
 */
int kvm_vm_regs_vec_vm_ioctl(struct kvm *kvm, unsigned int ioctl,
			     void __user *argp)
{
	switch (ioctl) {
	case KVM_GET_REG_VEC:
	case KVM_SET_REG_VEC:
		if (kvm_vm_is_protected(kvm))
			return -EINVAL;
		return reg_vec(kvm, NULL, argp, ioctl == KVM_SET_REG_VEC);
	}
	return kvm_vm_regs_vm_ioctl(kvm, ioctl, argp);
}

/**
 * kvm_vm_regs_vec_vcpu_ioctl - the ioctls of a vCPU fd that nobody else knows
 * @vcpu: the vCPU, its mutex held
 * @ioctl: its number
 * @argp: its argument
 *
 * Return: 0, or what Documentation/virt/kvm/arm/vm-regs.rst says
 */
int kvm_vm_regs_vec_vcpu_ioctl(struct kvm_vcpu *vcpu, unsigned int ioctl,
			       void __user *argp)
{
	switch (ioctl) {
	case KVM_GET_REG_VEC:
	case KVM_SET_REG_VEC:
		return reg_vec(vcpu->kvm, vcpu, argp,
			       ioctl == KVM_SET_REG_VEC);
	}
	return -EINVAL;
}
