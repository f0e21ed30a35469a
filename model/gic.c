// SPDX-License-Identifier: MIT
/* The GICv3 device: its life, addresses and attributes. */
#include "private.h"

#define SZ_64K			0x10000ULL
#define REDIST_SIZE		(2 * SZ_64K)
#define NR_SPIS_DEFAULT		(256 - NR_PRIVATE_IRQS)
#define MAX_IRQS		1024
#define REV_LATEST		3
#define LEVEL_INFO_SHIFT	10
#define PENDBASER_RESET		0x580	/* inner shareable, RaWb */

bool gic_any_running(const struct vm *vm)
{
	for (size_t i = 0; i < vm->n_vcpus; i++)
		if (vm->vcpus[i]->running)
			return true;
	return false;
}

int gic_create(struct vm *vm, struct ka_create_device *cd)
{
	int fd;

	if (gic_any_running(vm))
		return -EBUSY;
	if (vm->gic.created)
		return -EEXIST;
	for (size_t i = 0; i < vm->n_vcpus; i++)
		if (vm->vcpus[i]->ran)
			return -EBUSY;
	fd = model_open_file(vm->m, FILE_GIC, vm, NULL);
	if (fd < 0)
		return fd;
	vm->gic.created = true;
	cd->fd = fd;
	return 0;
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
	if (!gic->nr_spis)
		gic->nr_spis = NR_SPIS_DEFAULT;
	gic->spis = calloc(gic->nr_spis, sizeof(*gic->spis));
	if (!gic->spis)
		return -ENOMEM;
	for (size_t i = 0; i < gic->nr_spis; i++)
		gic->spis[i] = (struct irq){ .group = true, .edge = true };
	for (size_t i = 0; i < vm->n_vcpus; i++)
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
	size_t n = count ? count : vm->n_vcpus;
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

static int common_attr(struct vm *vm, bool set,
		       const struct ka_device_attr *attr)
{
	void *value = (void *)(uintptr_t)attr->addr;

	switch (attr->group) {
	case KA_VGIC_GRP_ADDR:
		return set ? set_addr(vm, attr->attr, *(uint64_t *)value) :
			     get_addr(vm, attr->attr, value);
	case KA_VGIC_GRP_NR_IRQS:
		if (set)
			return set_nr_irqs(vm, *(uint32_t *)value);
		*(uint32_t *)value = vm->gic.nr_spis + NR_PRIVATE_IRQS;
		return 0;
	case KA_VGIC_GRP_CTRL:
		if (set && attr->attr == KA_VGIC_CTRL_INIT)
			return gic_init(vm);
		if (set && attr->attr == KA_VGIC_SAVE_PENDING_TABLES)
			return gic_any_running(vm) ? -EBUSY : 0;
	}
	return -ENXIO;
}

static uint32_t packed_affinity(struct vcpu *v)
{
	uint64_t mpidr = v->row ? reg_u64(v, KA_SYS(3, 0, 0, 0, 5)) : 0;

	return (mpidr & 0xffffff) | (mpidr >> 32 & 0xff) << 24;
}

static struct vcpu *find_vcpu(struct vm *vm, const struct ka_device_attr *attr)
{
	uint32_t affinity = attr->attr >> 32;

	if (attr->group == KA_VGIC_GRP_DIST_REGS)
		return vm->n_vcpus ? vm->vcpus[0] : NULL;
	for (size_t i = 0; i < vm->n_vcpus; i++)
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
		       const struct ka_device_attr *attr)
{
	void *value = (void *)(uintptr_t)attr->addr;

	switch (attr->group) {
	case KA_VGIC_GRP_CPU_SYSREGS:
		return gicicc_access(v, attr->attr & 0xffff, write, value);
	case KA_VGIC_GRP_LEVEL_INFO:
		return level_info(vm, v, attr->attr, write, value);
	}
	return gicregs_access(vm, v, attr->group, attr->attr, write, value);
}

static int faulty_access(struct vm *vm, struct vcpu *v, bool set,
			 const struct ka_device_attr *attr)
{
	const struct model *m = vm->m;
	struct ka_device_attr other = *attr;
	const struct fault *f;
	uint64_t value = 0;
	int ret;

	f = model_fault_on_gic(m, attr->group, attr->attr,
			       set ? MODEL_REFUSE_SET : MODEL_REFUSE_GET);
	if (f)
		return -(int)f->arg;
	if (set && model_fault_on_gic(m, attr->group, attr->attr,
				      MODEL_IGNORE_SET))
		return 0;
	f = model_fault_on_gic(m, attr->group, attr->attr,
			       set ? MODEL_XOR_SET : MODEL_XOR_GET);
	if (f && set) {
		memcpy(&value, (void *)(uintptr_t)attr->addr, 4);
		value ^= f->arg;
		other.addr = (uintptr_t)&value;
	}
	ret = access_regs(vm, v, set, &other);
	if (!ret && f && !set)
		*(uint32_t *)(uintptr_t)attr->addr ^= f->arg;
	return ret;
}

static int regs_attr(struct vm *vm, bool set,
		     const struct ka_device_attr *attr)
{
	struct vcpu *v = find_vcpu(vm, attr);

	if (!v)
		return -EINVAL;
	if (gic_any_running(vm) || !vm->gic.initialized)
		return -EBUSY;
	return faulty_access(vm, v, set, attr);
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

int gic_ioctl(struct vm *vm, unsigned long request,
	      const struct ka_device_attr *attr)
{
	bool set = request == KA_SET_DEVICE_ATTR;

	if (request == KA_HAS_DEVICE_ATTR)
		return has_attr(vm, attr);
	if (!set && request != KA_GET_DEVICE_ATTR)
		return -ENOTTY;
	switch (attr->group) {
	case KA_VGIC_GRP_DIST_REGS:
	case KA_VGIC_GRP_REDIST_REGS:
	case KA_VGIC_GRP_CPU_SYSREGS:
	case KA_VGIC_GRP_LEVEL_INFO:
		return regs_attr(vm, set, attr);
	}
	return common_attr(vm, set, attr);
}
