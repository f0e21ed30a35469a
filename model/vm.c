// SPDX-License-Identifier: MIT
/* A VM's life and the ioctls of its file descriptor. */
#include "private.h"

#define KA_ARM_SET_COUNTER_OFFSET _IOW(KA_IO, 0xb5, uint64_t[2])
#define TARGET_GENERIC_V8	5
#define IPA_BITS_DEFAULT	40
#define CREATE_DEVICE_TEST	1
#define FEATURE_ID_RANGE	(3 * 8 * 8)

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
	vm->voffset = m->now;
	vm->timer_ppi[KA_VCPU_TIMER_IRQ_VTIMER] = 27;
	vm->timer_ppi[KA_VCPU_TIMER_IRQ_PTIMER] = 30;
	vm->gic.dist_base = ADDR_UNDEF;
	fd = model_open_file(m, FILE_VM, vm, NULL);
	if (fd < 0)
		free(vm);
	return fd;
}

static void vm_free(struct vm *vm)
{
	for (size_t i = 0; i < vm->n_vcpus; i++) {
		free(vm->vcpus[i]->row);
		free(vm->vcpus[i]);
	}
	free(vm->gic.spis);
	free(vm->places);
	free(vm->row);
	free(vm);
}

void vm_put(struct vm *vm)
{
	if (!--vm->n_files)
		vm_free(vm);
}

size_t vcpu_index(const struct vcpu *v)
{
	size_t i = 0;

	while (v->vm->vcpus[i] != v)
		i++;
	return i;
}

static int check_vcpu_id(const struct vm *vm, unsigned long id)
{
	if (id >= MAX_VCPUS || vm->n_vcpus >= MAX_VCPUS)
		return -EINVAL;
	if (vm->gic.initialized)
		return -EBUSY;
	for (size_t i = 0; i < vm->n_vcpus; i++)
		if (vm->vcpus[i]->id == id)
			return -EEXIST;
	return 0;
}

static int create_vcpu(struct vm *vm, unsigned long id)
{
	int ret = check_vcpu_id(vm, id);
	struct vcpu *v;

	if (ret)
		return ret;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->id = id;
	v->pvtime = ADDR_UNDEF;
	v->mp_state = KA_MP_STATE_RUNNABLE;
	gicicc_reset(v);
	timer_vcpu_created(v);
	ret = model_open_file(vm->m, FILE_VCPU, vm, v);
	if (ret < 0)
		free(v);
	else
		vm->vcpus[vm->n_vcpus++] = v;
	return ret;
}

static int enable_cap(struct vm *vm, const struct ka_enable_cap *cap)
{
	if (cap->flags)
		return -EINVAL;
	if (onereg_host_cap(vm->m->host, cap->cap) <= 0)
		return -EINVAL;
	switch (cap->cap) {
	case KA_CAP_ARM_NISV_TO_USER:
		vm->caps |= 1U << VM_CAP_NISV;
		return 0;
	case KA_CAP_ARM_MTE:
		if (vm->n_vcpus)
			return -EINVAL;
		vm->caps |= 1U << VM_CAP_MTE;
		return 0;
	case KA_CAP_ARM_SYSTEM_SUSPEND:
		vm->caps |= 1U << VM_CAP_SYSTEM_SUSPEND;
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

static int get_masks(const struct vm *vm, const struct ka_reg_mask_range *r)
{
	const struct host_profile *p = vm->profile;
	uint64_t *masks = (uint64_t *)(uintptr_t)r->addr;

	if (!vm->m->style.has_masks || r->range)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(r->reserved); i++)
		if (r->reserved[i])
			return -EINVAL;
	if (!p)
		p = &vm->m->host->profiles[vm->m->host->n_profiles - 1];
	memset(masks, 0, FEATURE_ID_RANGE * sizeof(*masks));
	for (size_t i = 0; i < p->set.n; i++)
		if (p->has_mask[i] && mask_index(p->set.ids[i]) >= 0)
			masks[mask_index(p->set.ids[i])] = p->writable[i];
	return 0;
}

static int create_device(struct vm *vm, struct ka_create_device *cd)
{
	if (cd->type != KA_DEV_TYPE_ARM_VGIC_V3)
		return -ENODEV;
	if (cd->flags & CREATE_DEVICE_TEST)
		return 0;
	return gic_create(vm, cd);
}

int vm_ioctl(struct vm *vm, unsigned long request, void *arg)
{
	switch (request) {
	case KA_CHECK_EXTENSION:
		return onereg_host_cap(vm->m->host, (uintptr_t)arg);
	case KA_CREATE_VCPU:
		return create_vcpu(vm, (uintptr_t)arg);
	case KA_ENABLE_CAP:
		return enable_cap(vm, arg);
	case KA_ARM_PREFERRED_TARGET:
		memset(arg, 0, sizeof(struct ka_vcpu_init));
		((struct ka_vcpu_init *)arg)->target = TARGET_GENERIC_V8;
		return 0;
	case KA_CREATE_DEVICE:
		return create_device(vm, arg);
	case KA_ARM_GET_REG_WRITABLE_MASKS:
		return get_masks(vm, arg);
	case KA_ARM_SET_COUNTER_OFFSET:
		return timer_set_offset(vm, arg);
	}
	return -EINVAL;
}
