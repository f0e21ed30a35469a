// SPDX-License-Identifier: MIT
/* Where each register lives; the register list; GET and SET. */
#include "private.h"

#define FPMR		KA_SYS(3, 3, 4, 4, 2)
#define POR_EL0		KA_SYS(3, 3, 10, 2, 4)
#define POR_EL1		KA_SYS(3, 0, 10, 2, 4)
#define ID_AA64PFR2	KA_SYS(3, 0, 0, 4, 2)
#define ID_AA64MMFR3	KA_SYS(3, 0, 0, 7, 3)
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define CORE_N		0xd8	/* 32-bit units of struct kvm_regs */

/* Registers that exist only while the VM's ID register says so. */
static const struct {
	uint64_t id, id_reg;
	unsigned int lsb;
} revealed[] = {
	{ POR_EL1, ID_AA64MMFR3, 16 },
	{ POR_EL0, ID_AA64MMFR3, 16 },
	{ FPMR, ID_AA64PFR2, 32 },
};

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = ((const struct place *)a)->id;
	uint64_t y = ((const struct place *)b)->id;

	return (x > y) - (x < y);
}

int vm_index(struct vm *vm)
{
	const struct regset *set = &vm->profile->set;

	vm->places = calloc(set->n + 1, sizeof(*vm->places));
	if (!vm->places)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		vm->places[i] = (struct place){ set->ids[i], i };
	qsort(vm->places, set->n, sizeof(*vm->places), compare_ids);
	return 0;
}

ptrdiff_t vm_find(const struct vm *vm, uint64_t id)
{
	const struct place key = { id, 0 }, *found;

	found = bsearch(&key, vm->places, vm->profile->set.n,
			sizeof(*vm->places), compare_ids);
	return found ? (ptrdiff_t)found->i : -1;
}

uint64_t vm_wide_u64(struct vm *vm, uint64_t id)
{
	bool lock = !vm_ran(vm) && !mutex_is_mine(&vm->kvm.arch.config_lock);
	ptrdiff_t i = vm_find(vm, id);
	uint64_t value;

	if (i < 0)
		return 0;
	if (lock)
		mutex_lock(&vm->kvm.arch.config_lock);
	value = regset_u64(&vm->profile->set, vm->row, i);
	if (lock)
		mutex_unlock(&vm->kvm.arch.config_lock);
	return value;
}

bool reg_visible(struct vm *vm, uint64_t id)
{
	if (vm_find(vm, id) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(revealed); i++)
		if (revealed[i].id == id)
			return vm_wide_u64(vm, revealed[i].id_reg) >>
			       revealed[i].lsb & 0xf;
	return true;
}

uint64_t reg_reset_u64(const struct vm *vm, uint64_t id)
{
	const struct host_profile *p = vm->profile;
	ptrdiff_t i = vm_find(vm, id);
	uint64_t value = 0;

	if (i >= 0)
		memcpy(&value, p->reset + p->set.offsets[i],
		       onereg_reg_size(id) < 8 ? onereg_reg_size(id) : 8);
	return value;
}

/* Values that are fields of the kernel's structs, or read by other vCPUs. */
static void *field(struct vcpu *v, uint64_t id)
{
	if (id == MPIDR)
		return &v->mpidr;
	return smccc_bitmap(kvm_vcpu_smccc_features(&v->k), id);
}

uint8_t *reg_slot(struct vcpu *v, uint64_t id)
{
	const struct regset *set = &v->vm->profile->set;
	ptrdiff_t i = vm_find(v->vm, reg_canonical(id));

	if (i < 0)
		i = vm_find(v->vm, id);
	if (i < 0 || id == KVM_REG_ARM_PSCI_VERSION)
		return NULL;
	if (field(v, id))
		return field(v, id);
	return (reg_is_vm_wide(v->vm, id) ? v->vm->row : v->row) +
	       set->offsets[i];
}

uint64_t reg_u64(struct vcpu *v, uint64_t id)
{
	const uint8_t *slot = reg_slot(v, id);
	size_t size = onereg_reg_size(id);
	uint64_t value = 0;

	if (slot)
		memcpy(&value, slot, size < 8 ? size : 8);
	return value;
}

void reg_put_u64(struct vcpu *v, uint64_t id, uint64_t value)
{
	uint8_t *slot = reg_slot(v, id);
	size_t size = onereg_reg_size(id);

	if (slot)
		memcpy(slot, &value, size < 8 ? size : 8);
}

/* The errno for an id that is not listed is the class's own. */
int reg_check(struct vcpu *v, uint64_t id, bool set)
{
	uint64_t cls = id & KA_REG_CLASS_MASK;
	uint32_t size = 1U << ((id & KA_REG_SIZE_MASK) >> KA_REG_SIZE_SHIFT);

	if (reg_is_sve(id))
		return sve_check(v, id, set);
	if (reg_visible(v->vm, id))
		return 0;
	if (cls != KA_REG_CORE)
		return -ENOENT;
	/* The id without its class is an index, and a size any, however large. */
	return (uint32_t)(id & ~KA_REG_CORE) + size / 4 >= CORE_N ? -ENOENT :
								     -EINVAL;
}

int reg_get(struct vcpu *v, uint64_t id, void *value)
{
	uint64_t word;
	int ret = reg_check(v, id, false);

	if (ret)
		return ret;
	if (reg_is_sve(id)) {
		sve_get(v, id, value);
		return 0;
	}
	if (reg_is_timer(id))
		word = timer_get(v, id);
	else if (!rule_get(v, id, &word)) {
		memcpy(value, reg_slot(v, id), onereg_reg_size(id));
		return 0;
	}
	memcpy(value, &word, onereg_reg_size(id) < 8 ? 4 : 8);
	return 0;
}

int reg_set(struct vcpu *v, uint64_t id, const void *value)
{
	size_t size = onereg_reg_size(id);
	uint64_t word = 0;
	int ret = reg_check(v, id, true);

	if (ret)
		return ret;
	if (reg_is_sve(id))
		return sve_set(v, id, value);
	memcpy(&word, value, size < 8 ? size : 8);
	if (reg_is_timer(id))
		return timer_set(v, id, word);
	ret = rule_set(v, id, word);
	if (ret == -ENOTTY) {
		memcpy(reg_slot(v, id), value, size);
		ret = 0;
	}
	if (!ret && (id & KA_REG_CLASS_MASK) == KA_REG_CORE)
		rule_core_written(v);
	return ret;
}

/* From outside of any ioctl, or by the guest inside KVM_RUN. */
static int with_vcpu(struct model *m, int fd,
		     int (*todo)(struct vcpu *v, uint64_t id, void *value),
		     uint64_t id, void *value)
{
	struct file f;
	bool lock;
	int ret;

	if (!model_file(m, fd, FILE_VCPU, &f))
		return -EBADF;
	lock = !mutex_is_mine(&f.vcpu->k.mutex);
	if (lock)
		mutex_lock(&f.vcpu->k.mutex);
	ret = f.vcpu->k.arch.initialized ? todo(f.vcpu, id, value) : -EBADF;
	if (lock)
		mutex_unlock(&f.vcpu->k.mutex);
	vm_put(f.vm);
	return ret;
}

static int poke(struct vcpu *v, uint64_t id, void *value)
{
	uint8_t *slot = reg_slot(v, id);

	if (!slot)
		return -ENOENT;
	mutex_lock(&v->vm->kvm.arch.config_lock);
	memcpy(slot, value, onereg_reg_size(id));
	mutex_unlock(&v->vm->kvm.arch.config_lock);
	return 0;
}

static int peek(struct vcpu *v, uint64_t id, void *value)
{
	return reg_get(v, id, value);
}

int model_poke(struct model *m, int vcpu_fd, uint64_t id, const void *value)
{
	uint8_t copy[KA_REG_SIZE_MAX] = { 0 };

	if (onereg_reg_size(id) > sizeof(copy))
		return -ENOENT;
	memcpy(copy, value, onereg_reg_size(id));
	return with_vcpu(m, vcpu_fd, poke, id, copy);
}

int model_peek(struct model *m, int vcpu_fd, uint64_t id, void *value)
{
	return with_vcpu(m, vcpu_fd, peek, id, value);
}
