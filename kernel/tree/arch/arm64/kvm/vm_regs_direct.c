// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers that are reached directly
 *
 * Most registers of a vCPU are plain memory or have an accessor of their own,
 * and a VMM asks for them in the order of the list. Here such a register is
 * found and its value moved with little in between. Whatever is not that
 * simple is left to kvm_arm_get_reg() and kvm_arm_set_reg(), and so is every
 * error: what is done here is what those would do.
 */
#include <linux/kvm_host.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/kvm_emulate.h>
#include <asm/kvm_vm_regs.h>
#include <asm/sigcontext.h>

#include "sys_regs.h"

/* An id tells size and class of a register, and which one of these it is. */
#define ID_CLASS(id)	((id) & ~0xffffULL)
#define WHICH(id)	((id) & 0xffff)

#define SYSREG		(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | \
			 KVM_REG_ARM64_SYSREG)
#define CORE		(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE)
#define CORE_U32	(KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_CORE)
#define CORE_V		(KVM_REG_ARM64 | KVM_REG_SIZE_U128 | KVM_REG_ARM_CORE)
#define SVE_Z		(KVM_REG_ARM64 | KVM_REG_SIZE_U2048 | KVM_REG_ARM64_SVE)
#define SVE_P		(KVM_REG_ARM64 | KVM_REG_SIZE_U256 | KVM_REG_ARM64_SVE)

/* The next register of a list is at most so many rows away, as a rule. */
#define NEAR_ROWS	4

/* System registers */

/*
 * The table of system registers, and which id each row has. The ids rise;
 * behind the last stands one that no id exceeds.
 */
static const struct sys_reg_desc *rows __ro_after_init;
static u16 *row_ids __ro_after_init;
static unsigned long nr_rows __ro_after_init;

/**
 * kvm_vm_regs_direct_init - learn where each system register is described
 * @table: the rows, in the order of their ids
 * @num: how many
 *
 * Return: 0, or -ENOMEM
 */
int __init kvm_vm_regs_direct_init(const struct sys_reg_desc *table,
				   unsigned int num)
{
	row_ids = kmalloc_array(num + 1, sizeof(*row_ids), GFP_KERNEL);
	if (!row_ids)
		return -ENOMEM;

	row_ids[num] = U16_MAX;
	/* The encoding has five bits of nothing below. */
	for (unsigned int i = 0; i < num; i++)
		row_ids[i] = reg_to_encoding(&table[i]) >> 5;

	rows = table;
	nr_rows = num;
	return 0;
}

static noinline unsigned int search_row(u16 which)
{
	unsigned int first = 0, end = nr_rows;

	while (first < end) {
		unsigned int mid = (first + end) / 2;

		if (row_ids[mid] < which)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

/* @next: where the search begins, and the row after the one that was found. */
static __always_inline const struct sys_reg_desc *
find_row(u16 which, unsigned int *next)
{
	unsigned long row = *next, end = row + NEAR_ROWS;

	/* It stops behind the last row at the latest. */
	while (row_ids[row] < which && ++row != end)
		;
	if (row_ids[row] != which)
		row = search_row(which);
	if (row >= nr_rows || row_ids[row] != which)
		return NULL;

	/* Its functions will be called. */
	row = array_index_nospec(row, nr_rows);
	*next = row + 1;
	return &rows[row];
}

/* Timers have ids that are those of system registers, or nearly. */
static bool is_timer(u64 id)
{
	return WHICH(id) / 32 == WHICH(ARM64_SYS_REG(3, 3, 14, 0, 0)) / 32;
}

/* The register's row if userspace can access it, or NULL. */
static __always_inline const struct sys_reg_desc *
find_sysreg(const struct kvm_vcpu *vcpu, u64 id, unsigned int *next,
	    unsigned int *visibility)
{
	const struct sys_reg_desc *r;

	if (is_timer(id))
		return NULL;
	r = find_row(WHICH(id), next);
	if (!r || !(r->reg || r->get_user))
		return NULL;
	*visibility = sysreg_visibility(vcpu, r);
	return *visibility & REG_HIDDEN ? NULL : r;
}

static bool get_sysreg(struct kvm_vcpu *vcpu, u64 id, u64 __user *uval,
		       unsigned int *next)
{
	const struct sys_reg_desc *r;
	unsigned int visibility;
	u64 val;

	r = find_sysreg(vcpu, id, next, &visibility);
	if (!r)
		return false;

	if (!r->get_user)
		val = __vcpu_sys_reg(vcpu, r->reg);
	else if ((*r->get_user)(vcpu, r, &val))
		return false;
	return !put_user(val, uval);
}

static bool set_sysreg(struct kvm_vcpu *vcpu, u64 id, const u64 __user *uval,
		       unsigned int *next)
{
	const struct sys_reg_desc *r;
	unsigned int visibility;
	u64 val;

	r = find_sysreg(vcpu, id, next, &visibility);
	if (!r || get_user(val, uval))
		return false;

	if (visibility & REG_USER_WI)
		return true;
	if (r->set_user)
		return !(*r->set_user)(vcpu, r, val);
	__vcpu_sys_reg(vcpu, r->reg) = val;
	return true;
}

/* Core registers */

#define NR_GP_REGS	(sizeof(struct user_pt_regs) / sizeof(u64))

static __always_inline u64 *find_core(struct kvm_vcpu *vcpu, u64 id)
{
	struct kvm_cpu_context *ctxt = &vcpu->arch.ctxt;
	u64 which = WHICH(id);

	/* X0 to X30, SP, PC, PSTATE lie side by side; an id counts in u32. */
	static_assert(KVM_REG_ARM_CORE_REG(regs.regs[0]) == 0);
	static_assert(KVM_REG_ARM_CORE_REG(regs.pstate) / 2 == NR_GP_REGS - 1);

	if (which / 2 < NR_GP_REGS && which % 2 == 0)
		return (u64 *)&ctxt->regs +
		       array_index_nospec(which / 2, NR_GP_REGS);

	switch (which) {
	case KVM_REG_ARM_CORE_REG(sp_el1):
		return __ctxt_sys_reg(ctxt, SP_EL1);
	case KVM_REG_ARM_CORE_REG(elr_el1):
		return __ctxt_sys_reg(ctxt, ELR_EL1);
	case KVM_REG_ARM_CORE_REG(spsr[KVM_SPSR_EL1]):
		return __ctxt_sys_reg(ctxt, SPSR_EL1);
	case KVM_REG_ARM_CORE_REG(spsr[KVM_SPSR_ABT]):
		return &ctxt->spsr_abt;
	case KVM_REG_ARM_CORE_REG(spsr[KVM_SPSR_UND]):
		return &ctxt->spsr_und;
	case KVM_REG_ARM_CORE_REG(spsr[KVM_SPSR_IRQ]):
		return &ctxt->spsr_irq;
	case KVM_REG_ARM_CORE_REG(spsr[KVM_SPSR_FIQ]):
		return &ctxt->spsr_fiq;
	}
	return NULL;
}

static bool get_core(struct kvm_vcpu *vcpu, u64 id, u64 __user *uval)
{
	const u64 *mem = find_core(vcpu, id);

	return mem && !put_user(*mem, uval);
}

/* PSTATE is checked, and registers of a 32-bit guest are cut: not here. */
static bool set_core(struct kvm_vcpu *vcpu, u64 id, const u64 __user *uval)
{
	u64 *mem = find_core(vcpu, id);
	u64 val;

	if (!mem || mem == (u64 *)vcpu_cpsr(vcpu) || vcpu_mode_is_32bit(vcpu))
		return false;
	if (get_user(val, uval))
		return false;
	*mem = val;
	return true;
}

/* Floating point, without SVE: other sizes */

/**
 * struct slot - where a value lies in memory
 *
 * @mem: there
 * @len: bytes that are stored
 * @pad: bytes of zeroes that userspace sees behind them
 */
struct slot {
	void *mem;
	unsigned int len;
	unsigned int pad;
};

static __always_inline bool
find_fpcr(struct kvm_vcpu *vcpu, u64 id, struct slot *slot)
{
	struct user_fpsimd_state *fp = &vcpu->arch.ctxt.fp_regs;

	switch (WHICH(id)) {
	case KVM_REG_ARM_CORE_REG(fp_regs.fpsr):
		*slot = (struct slot){ &fp->fpsr, sizeof(fp->fpsr) };
		return true;
	case KVM_REG_ARM_CORE_REG(fp_regs.fpcr):
		*slot = (struct slot){ &fp->fpcr, sizeof(fp->fpcr) };
		return true;
	}
	return false;
}

/* V0 to V31, which a vCPU with SVE has inside of Z0 to Z31. */
static __always_inline bool
find_v(struct kvm_vcpu *vcpu, u64 id, struct slot *slot)
{
	const unsigned int first = KVM_REG_ARM_CORE_REG(fp_regs.vregs[0]);
	const unsigned int step = sizeof(__uint128_t) / sizeof(u32);
	struct user_fpsimd_state *fp = &vcpu->arch.ctxt.fp_regs;
	unsigned int which = WHICH(id) - first, n = which / step;

	if (vcpu_has_sve(vcpu) || n >= ARRAY_SIZE(fp->vregs) || which % step)
		return false;

	n = array_index_nospec(n, ARRAY_SIZE(fp->vregs));
	*slot = (struct slot){ &fp->vregs[n], sizeof(fp->vregs[n]) };
	return true;
}

static bool find_fp(struct kvm_vcpu *vcpu, u64 id, struct slot *slot)
{
	switch (ID_CLASS(id)) {
	case CORE_U32:
		return find_fpcr(vcpu, id, slot);
	case CORE_V:
		return find_v(vcpu, id, slot);
	}
	return false;
}

/* Through @val: a value that cannot be read leaves the register as it is. */
static bool set_fp(struct kvm_vcpu *vcpu, const struct slot *slot,
		   const void __user *uval)
{
	__uint128_t val;

	if (vcpu_mode_is_32bit(vcpu) || copy_from_user(&val, uval, slot->len))
		return false;
	memcpy(slot->mem, &val, slot->len);
	return true;
}

/* SVE */

static bool is_sve(u64 id)
{
	return ID_CLASS(id) == SVE_Z || ID_CLASS(id) == SVE_P;
}

/* Z0 to Z31, P0 to P15, FFR. Of each there is one slice. */
static __always_inline bool
find_sve(struct kvm_vcpu *vcpu, u64 id, struct slot *slot)
{
	unsigned int n = WHICH(id) / KVM_ARM64_SVE_MAX_SLICES;
	unsigned int vq, offset;

	if (!kvm_arm_vcpu_sve_finalized(vcpu) ||
	    WHICH(id) % KVM_ARM64_SVE_MAX_SLICES)
		return false;

	vq = vcpu_sve_max_vq(vcpu);
	if (ID_CLASS(id) == SVE_Z) {
		if (n >= SVE_NUM_ZREGS)
			return false;
		n = array_index_nospec(n, SVE_NUM_ZREGS);
		offset = SVE_SIG_ZREG_OFFSET(vq, n);
		slot->len = SVE_SIG_ZREG_SIZE(vq);
	} else {
		/* FFR follows P15. */
		n -= KVM_REG_ARM64_SVE_PREG_BASE / KVM_ARM64_SVE_MAX_SLICES;
		if (n > SVE_NUM_PREGS)
			return false;
		n = array_index_nospec(n, SVE_NUM_PREGS + 1);
		offset = SVE_SIG_PREG_OFFSET(vq, n);
		slot->len = SVE_SIG_PREG_SIZE(vq);
	}
	slot->mem = vcpu->arch.sve_state + offset - SVE_SIG_REGS_OFFSET;
	slot->pad = KVM_REG_SIZE(id) - slot->len;
	return true;
}

/* Any of them */

static __always_inline bool get_reg(struct kvm_vcpu *vcpu,
				    const struct kvm_one_reg *reg,
				    unsigned int *next)
{
	char __user *uval = u64_to_user_ptr(reg->addr);
	struct slot slot;
	u64 id = reg->id;

	if (ID_CLASS(id) == SYSREG)
		return get_sysreg(vcpu, id, (u64 __user *)uval, next);
	if (ID_CLASS(id) == CORE)
		return get_core(vcpu, id, (u64 __user *)uval);

	if (is_sve(id) ? !find_sve(vcpu, id, &slot) : !find_fp(vcpu, id, &slot))
		return false;
	if (copy_to_user(uval, slot.mem, slot.len))
		return false;
	return !slot.pad || !clear_user(uval + slot.len, slot.pad);
}

static __always_inline bool set_reg(struct kvm_vcpu *vcpu,
				    const struct kvm_one_reg *reg,
				    unsigned int *next)
{
	const void __user *uval = u64_to_user_ptr(reg->addr);
	struct slot slot;
	u64 id = reg->id;

	if (ID_CLASS(id) == SYSREG)
		return set_sysreg(vcpu, id, uval, next);
	if (ID_CLASS(id) == CORE)
		return set_core(vcpu, id, uval);
	if (is_sve(id))
		return find_sve(vcpu, id, &slot) &&
		       !copy_from_user(slot.mem, uval, slot.len);
	return find_fp(vcpu, id, &slot) && set_fp(vcpu, &slot, uval);
}

/**
 * kvm_vm_regs_direct_get - read registers as far as they are reached directly
 * @vcpu: the vCPU, initialised, its mutex held
 * @regs: the requests; one with a tagged id is not direct
 * @n: how many
 * @next: where in the order of the list the next one may be, 0 at first
 *
 * Return: how many were read; what kvm_arm_get_reg() would say of the one that
 * follows is not known
 */
unsigned int kvm_vm_regs_direct_get(struct kvm_vcpu *vcpu,
				    const struct kvm_one_reg *regs,
				    unsigned int n, unsigned int *next)
{
	unsigned int i = 0;

	while (i < n && get_reg(vcpu, &regs[i], next))
		i++;
	return i;
}

/**
 * kvm_vm_regs_direct_set - write registers as far as they are reached directly
 * @vcpu: the vCPU, initialised, its mutex held
 * @regs: the requests; one with a tagged id is not direct
 * @n: how many
 * @next: where in the order of the list the next one may be, 0 at first
 *
 * Return: how many were written; what kvm_arm_set_reg() would say of the one
 * that follows is not known
 */
unsigned int kvm_vm_regs_direct_set(struct kvm_vcpu *vcpu,
				    const struct kvm_one_reg *regs,
				    unsigned int n, unsigned int *next)
{
	unsigned int i = 0;

	while (i < n && set_reg(vcpu, &regs[i], next))
		i++;
	return i;
}
