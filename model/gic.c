// SPDX-License-Identifier: MIT
/* The GICv3 device: its life, addresses and attributes. */
#include "its.h"

#define SZ_64K			0x10000ULL
#define REDIST_SIZE		(2 * SZ_64K)
#define NR_SPIS_DEFAULT		(256 - NR_PRIVATE_IRQS)
#define MAX_IRQS		1024
#define REV_LATEST		3
#define LEVEL_INFO_SHIFT	10
#define PENDBASER_RESET		0x580	/* inner shareable, RaWb */

static int check_create(const struct vm *vm)
{
	if (vm->gic.created)
		return -EEXIST;
	for (size_t i = 0; i < vm_n_vcpus(vm); i++)
		if (READ_ONCE(vm->vcpus[i]->ran))
			return -EBUSY;
	return 0;
}

/* Returns the file descriptor. */
int gic_create(struct vm *vm)
{
	int ret = -EBUSY;

	mutex_lock(&vm->kvm.lock);
	if (vm_lock_vcpus(vm)) {
		mutex_lock(&vm->kvm.arch.config_lock);
		ret = check_create(vm);
		if (!ret)
			ret = model_open_file(vm->m, FILE_GIC, vm, NULL);
		if (ret >= 0)
			vm->gic.created = true;
		mutex_unlock(&vm->kvm.arch.config_lock);
		vm_unlock_vcpus(vm);
	}
	mutex_unlock(&vm->kvm.lock);
	return ret;
}

struct irq *gic_irq(struct vm *vm, struct vcpu *v, unsigned int intid)
{
	if (intid < NR_PRIVATE_IRQS)
		return &v->gic.irqs[intid];
	intid -= NR_PRIVATE_IRQS;
	return intid < vm->gic.nr_spis ? &vm->gic.spis[intid] : NULL;
}

static void init_private(struct vcpu *v)
{
	for (unsigned int i = 0; i < NR_PRIVATE_IRQS; i++)
		v->gic.irqs[i] = (struct irq){
			.group = true,
			.enabled = i < NR_SGIS,
			.edge = i < NR_SGIS,
		};
	v->gic.pendbaser = PENDBASER_RESET;
}

static int gic_init(struct vm *vm)
{
	struct gic *gic = &vm->gic;

	if (gic->initialized)
		return 0;
	/* A vCPU is on its way. */
	if ((size_t)vm->kvm.created_vcpus != vm_n_vcpus(vm))
		return -EBUSY;
	if (!gic->nr_spis)
		gic->nr_spis = NR_SPIS_DEFAULT;
	gic->spis = calloc(gic->nr_spis, sizeof(*gic->spis));
	if (!gic->spis)
		return -ENOMEM;
	for (size_t i = 0; i < gic->nr_spis; i++)
		gic->spis[i] = (struct irq){ .group = true, .edge = true };
	for (size_t i = 0; i < vm_n_vcpus(vm); i++)
		init_private(vm->vcpus[i]);
	if (!gic->revision)
		gic->revision = REV_LATEST;
	gic->initialized = true;
	return 0;
}

/* ---- addresses ---- */

static int check_range(const struct vm *vm, uint64_t old, uint64_t addr,
		       uint64_t size)
{
	if (old != ADDR_UNDEF)
		return -EEXIST;
	if (addr % SZ_64K || addr + size < addr)
		return -EINVAL;
	return (addr + size) > 1ULL << vm->ipa_bits ? -E2BIG : 0;
}

static int add_region(struct vm *vm, unsigned int index, uint64_t base,
		      uint32_t count)
{
	struct gic *gic = &vm->gic;
	size_t n = count ? count : vm_n_vcpus(vm);
	int ret;

	if (gic->n_regions && !count)
		return gic->regions[0].count ? -EINVAL : -EEXIST;
	if (index != gic->n_regions || index == MAX_REDIST_REGIONS)
		return -EINVAL;
	ret = check_range(vm, ADDR_UNDEF, base, n * REDIST_SIZE);
	if (ret)
		return ret;
	gic->regions[index].base = base;
	gic->regions[index].count = count;
	gic->n_regions++;
	return 0;
}

static int set_region(struct vm *vm, uint64_t value)
{
	uint32_t count = value >> 52;

	if (!count || (value >> 12 & 0xf))
		return -EINVAL;
	return add_region(vm, value & 0xfff, value & 0x000ffffffffff000 &
					     ~(SZ_64K - 1), count);
}

static int set_addr(struct vm *vm, uint64_t type, uint64_t value)
{
	int ret;

	switch (type) {
	case KA_VGIC_ADDR_DIST:
		ret = check_range(vm, vm->gic.dist_base, value, SZ_64K);
		if (!ret)
			vm->gic.dist_base = value;
		return ret;
	case KA_VGIC_ADDR_REDIST:
		return add_region(vm, 0, value, 0);
	case KA_VGIC_ADDR_REDIST_REGION:
		return set_region(vm, value);
	}
	return -ENXIO;
}

static int get_addr(struct vm *vm, uint64_t type, uint64_t *value)
{
	struct gic *gic = &vm->gic;
	unsigned int i;

	switch (type) {
	case KA_VGIC_ADDR_DIST:
		*value = gic->dist_base;
		return 0;
	case KA_VGIC_ADDR_REDIST:
		*value = gic->n_regions ? gic->regions[0].base : ADDR_UNDEF;
		return 0;
	case KA_VGIC_ADDR_REDIST_REGION:
		i = *value & 0xfff;
		if (i >= gic->n_regions)
			return -ENOENT;
		*value = i | gic->regions[i].base |
			 (uint64_t)gic->regions[i].count << 52;
		return 0;
	}
	return -ENXIO;
}

/* ---- attributes ---- */

static int set_nr_irqs(struct vm *vm, uint32_t n)
{
	if (n < NR_PRIVATE_IRQS + 32 || n > MAX_IRQS || n % 32)
		return -EINVAL;
	if (vm->gic.nr_spis)
		return -EBUSY;
	vm->gic.nr_spis = n - NR_PRIVATE_IRQS;
	return 0;
}

static int save_pending_tables(struct vm *vm)
{
	uint64_t value = 0, flip;
	int ret;

	if (!vm_lock_vcpus(vm))
		return -EBUSY;
	if (!model_gic_fault(vm->m, KA_VGIC_GRP_CTRL,
			     KA_VGIC_SAVE_PENDING_TABLES, true, &value, &flip,
			     &ret))
		ret = vm->gic.initialized ? lpis_save_pending(vm) : -ENXIO;
	vm_unlock_vcpus(vm);
	return ret;
}

static int set_common(struct vm *vm, const struct ka_device_attr *attr,
		      uint64_t value)
{
	switch (attr->group) {
	case KA_VGIC_GRP_ADDR:
		return set_addr(vm, attr->attr, value);
	case KA_VGIC_GRP_NR_IRQS:
		return set_nr_irqs(vm, value);
	case KA_VGIC_GRP_CTRL:
		if (attr->attr == KA_VGIC_CTRL_INIT)
			return gic_init(vm);
		if (attr->attr == KA_VGIC_SAVE_PENDING_TABLES)
			return save_pending_tables(vm);
	}
	return -ENXIO;
}

static int get_common(struct vm *vm, const struct ka_device_attr *attr,
		      uint64_t *value)
{
	switch (attr->group) {
	case KA_VGIC_GRP_ADDR:
		return get_addr(vm, attr->attr, value);
	case KA_VGIC_GRP_NR_IRQS:
		*value = vm->gic.nr_spis + NR_PRIVATE_IRQS;
		return 0;
	}
	return -ENXIO;
}

static size_t attr_size(const struct ka_device_attr *attr)
{
	switch (attr->group) {
	case KA_VGIC_GRP_CTRL:
		return 0;
	case KA_VGIC_GRP_ADDR:
	case KA_VGIC_GRP_CPU_SYSREGS:
		return 8;
	}
	return 4;
}

static int common_attr(struct vm *vm, bool set,
		       const struct ka_device_attr *attr)
{
	void __user *user = u64_to_user_ptr(attr->addr);
	size_t size = attr_size(attr);
	uint64_t value = 0;
	int ret;

	/* To read a region is to ask for it by its index. */
	if ((set || (attr->group == KA_VGIC_GRP_ADDR &&
		     attr->attr == KA_VGIC_ADDR_REDIST_REGION)) &&
	    copy_from_user(&value, user, size))
		return -EFAULT;
	mutex_lock(&vm->kvm.lock);
	mutex_lock(&vm->kvm.arch.config_lock);
	ret = set ? set_common(vm, attr, value) :
		    get_common(vm, attr, &value);
	mutex_unlock(&vm->kvm.arch.config_lock);
	mutex_unlock(&vm->kvm.lock);
	if (!ret && !set && copy_to_user(user, &value, size))
		ret = -EFAULT;
	return ret;
}

static uint32_t packed_affinity(const struct vcpu *v)
{
	uint64_t mpidr = READ_ONCE(v->mpidr);

	return (mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24;
}

static struct vcpu *find_vcpu(struct vm *vm, const struct ka_device_attr *attr)
{
	uint32_t affinity = attr->attr >> 32;

	if (attr->group == KA_VGIC_GRP_DIST_REGS)
		return vm_n_vcpus(vm) ? vm->vcpus[0] : NULL;
	for (size_t i = 0; i < vm_n_vcpus(vm); i++)
		if (packed_affinity(vm->vcpus[i]) == affinity)
			return vm->vcpus[i];
	return NULL;
}

static int level_info(struct vm *vm, struct vcpu *v, uint32_t attr,
		      bool write, uint32_t *value)
{
	uint32_t intid = attr & ((1U << LEVEL_INFO_SHIFT) - 1);
	uint32_t levels = 0;

	if (attr >> LEVEL_INFO_SHIFT || intid % 32)
		return -EINVAL;
	for (unsigned int i = 0; i < 32; i++) {
		struct irq *irq = gic_irq(vm, v, intid + i);

		if (!irq || intid + i < NR_SGIS)
			continue;
		if (write)
			irq->level = *value >> i & 1;
		else if (!irq->edge && irq->level)
			levels |= 1U << i;
	}
	if (!write)
		*value = levels;
	return 0;
}

static int access_regs(struct vm *vm, struct vcpu *v, bool write,
		       const struct ka_device_attr *attr, uint64_t *value)
{
	uint32_t word = *value;
	int ret;

	if (attr->group == KA_VGIC_GRP_CPU_SYSREGS)
		return gicicc_access(v, attr->attr & 0xffff, write, value);
	if (attr->group == KA_VGIC_GRP_LEVEL_INFO)
		ret = level_info(vm, v, attr->attr, write, &word);
	else
		ret = gicregs_access(vm, v, attr->group, attr->attr, write,
				     &word);
	*value = word;
	return ret;
}

static int faulty_access(struct vm *vm, struct vcpu *v, bool set,
			 const struct ka_device_attr *attr, uint64_t *value)
{
	uint64_t flip;
	int ret;

	if (model_gic_fault(vm->m, attr->group, attr->attr, set, value, &flip,
			    &ret))
		return ret;
	ret = access_regs(vm, v, set, attr, value);
	if (!ret)
		*value ^= flip;
	return ret;
}

/* With every vCPU outside of ioctls. */
static int quiet_access(struct vm *vm, struct vcpu *v, bool set,
			const struct ka_device_attr *attr, uint64_t *value)
{
	int ret = -EBUSY;

	mutex_lock(&vm->kvm.lock);
	if (vm_lock_vcpus(vm)) {
		mutex_lock(&vm->kvm.arch.config_lock);
		if (vm->gic.initialized)
			ret = faulty_access(vm, v, set, attr, value);
		mutex_unlock(&vm->kvm.arch.config_lock);
		vm_unlock_vcpus(vm);
	}
	mutex_unlock(&vm->kvm.lock);
	return ret;
}

static int regs_attr(struct vm *vm, bool set,
		     const struct ka_device_attr *attr)
{
	void __user *user = u64_to_user_ptr(attr->addr);
	struct vcpu *v = find_vcpu(vm, attr);
	size_t size = attr_size(attr);
	uint64_t value = 0;
	int ret;

	if (!v)
		return -EINVAL;
	if (set && copy_from_user(&value, user, size))
		return -EFAULT;
	ret = quiet_access(vm, v, set, attr, &value);
	if (!ret && !set && copy_to_user(user, &value, size))
		ret = -EFAULT;
	return ret;
}

static int has_attr(struct vm *vm, const struct ka_device_attr *attr)
{
	struct vcpu *v;

	switch (attr->group) {
	case KA_VGIC_GRP_ADDR:
		return attr->attr == KA_VGIC_ADDR_DIST ||
		       attr->attr == KA_VGIC_ADDR_REDIST ||
		       attr->attr == KA_VGIC_ADDR_REDIST_REGION ? 0 : -ENXIO;
	case KA_VGIC_GRP_NR_IRQS:
		return 0;
	case KA_VGIC_GRP_CTRL:
		return attr->attr == KA_VGIC_CTRL_INIT ||
		       attr->attr == KA_VGIC_SAVE_PENDING_TABLES ? 0 : -ENXIO;
	case KA_VGIC_GRP_LEVEL_INFO:
		return (uint32_t)attr->attr >> LEVEL_INFO_SHIFT ? -ENXIO : 0;
	case KA_VGIC_GRP_CPU_SYSREGS:
		if (!find_vcpu(vm, attr))
			return -EINVAL;
		return gicicc_known(attr->attr & 0xffff) ? 0 : -ENXIO;
	case KA_VGIC_GRP_DIST_REGS:
	case KA_VGIC_GRP_REDIST_REGS:
		v = find_vcpu(vm, attr);
		if (!v)
			return -EINVAL;
		return gicregs_known(vm, v, attr->group, attr->attr) ?
			       0 : -ENXIO;
	}
	return -ENXIO;
}

static bool known_ioctl(unsigned long request)
{
	return request == KA_SET_DEVICE_ATTR ||
	       request == KA_GET_DEVICE_ATTR ||
	       request == KA_HAS_DEVICE_ATTR;
}

int gic_ioctl(struct vm *vm, unsigned long request, const void __user *arg)
{
	bool set = request == KA_SET_DEVICE_ATTR;
	struct ka_device_attr attr;

	if (!known_ioctl(request))
		return -ENOTTY;
	if (copy_from_user(&attr, arg, sizeof(attr)))
		return -EFAULT;
	if (request == KA_HAS_DEVICE_ATTR)
		return has_attr(vm, &attr);
	switch (attr.group) {
	case KA_VGIC_GRP_DIST_REGS:
	case KA_VGIC_GRP_REDIST_REGS:
	case KA_VGIC_GRP_CPU_SYSREGS:
	case KA_VGIC_GRP_LEVEL_INFO:
		return regs_attr(vm, set, &attr);
	}
	return common_attr(vm, set, &attr);
}
