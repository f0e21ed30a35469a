// SPDX-License-Identifier: MIT
/* The ITS device: its life, address, registers and attributes. */
#include "its.h"

#define ITS_SIZE		(2 * SZ_64K)
#define IIDR			0x4b00043bU	/* of ABI revision 0 */
#define VALID			(1ULL << 63)
#define BASER_INDIRECT		(1ULL << 62)
#define BASER_RESET		0x1800000000000600ULL
#define BASER_READ_ONLY		0x071f000000000000ULL
#define BASER_ENTRY_SIZE	((uint64_t)(ENTRY_SIZE - 1) << 48)
#define BASER_PAGE_SIZE		(3ULL << 8)
#define BASER_64K		(2ULL << 8)

static const uint64_t baser_type[N_BASERS] = { 1ULL << 56, 4ULL << 56 };

/* ---- its life ---- */

static struct its *new_its(struct vm *vm)
{
	struct its *its = calloc(1, sizeof(*its));

	if (!its)
		return NULL;
	its->vm = vm;
	its->base = ADDR_UNDEF;
	for (int i = 0; i < N_BASERS; i++)
		its->baser[i] = BASER_RESET | baser_type[i] | BASER_ENTRY_SIZE;
	return its;
}

/* kvm.lock and config_lock are held. */
static int add_its(struct vm *vm)
{
	struct gic *gic = &vm->gic;
	struct its **v = realloc(gic->its, (gic->n_its + 1) * sizeof(*v));
	struct its *its;
	int fd;

	if (!v)
		return -ENOMEM;
	gic->its = v;
	its = new_its(vm);
	if (!its)
		return -ENOMEM;
	fd = model_open_file(vm->m, FILE_ITS, vm, its);
	if (fd < 0) {
		free(its);
		return fd;
	}
	v[gic->n_its++] = its;
	gic->propbaser = PROPBASER_RESET;
	return fd;
}

int its_create(struct vm *vm)
{
	int ret;

	mutex_lock(&vm->kvm.lock);
	mutex_lock(&vm->kvm.arch.config_lock);
	ret = add_its(vm);
	mutex_unlock(&vm->kvm.arch.config_lock);
	mutex_unlock(&vm->kvm.lock);
	return ret;
}

void its_free_all(struct vm *vm)
{
	struct gic *gic = &vm->gic;

	for (size_t i = 0; i < gic->n_its; i++) {
		its_remove_devices(gic->its[i]);
		free(gic->its[i]->devices);
		free(gic->its[i]->collections);
		free(gic->its[i]);
	}
	/* Those that were queued when they were unmapped. */
	for (size_t i = 0; i < gic->n_lpis; i++)
		free(gic->lpis[i]);
	free(gic->its);
	free(gic->lpis);
}

/* The revision of the tables stays. */
static void reset(struct its *its)
{
	for (int i = 0; i < N_BASERS; i++)
		its->baser[i] &= ~VALID;
	its->cbaser = 0;
	its->creadr = 0;
	its->cwriter = 0;
	its->enabled = false;
	its_remove_devices(its);
	its_remove_collections(its);
}

/* ---- registers ---- */

static uint64_t get_ctlr(struct its *its, uint32_t offset)
{
	(void)offset;
	return (its->creadr == its->cwriter ? 1U << 31 : 0) | its->enabled;
}

/* Enabling without tables and queue is ignored. */
static int set_ctlr(struct its *its, uint32_t offset, uint64_t value)
{
	bool ready = its->baser[BASER_DEVICES] &
		     its->baser[BASER_COLLECTIONS] & its->cbaser & VALID;

	(void)offset;
	if (!its->enabled && (value & 1) && !ready)
		return 0;
	its->enabled = value & 1;
	if (!its->enabled)
		its_invalidate(its);
	its_process(its);
	return 0;
}

static uint64_t get_iidr(struct its *its, uint32_t offset)
{
	(void)its;
	(void)offset;
	return IIDR;
}

static int set_iidr(struct its *its, uint32_t offset, uint64_t value)
{
	(void)its;
	(void)offset;
	return value >> 12 & 0xf ? -EINVAL : 0;
}

static uint64_t get_typer(struct its *its, uint32_t offset)
{
	(void)its;
	(void)offset;
	return 1 | (ENTRY_SIZE - 1) << 4 | (ID_BITS - 1) << 8 |
	       (ID_BITS - 1) << 13;
}

static uint64_t get_cbaser(struct its *its, uint32_t offset)
{
	(void)offset;
	return its->cbaser;
}

static int set_cbaser(struct its *its, uint32_t offset, uint64_t value)
{
	(void)offset;
	if (its->enabled)
		return 0;
	its->cbaser = gicregs_sanitise(value, 10, 59, 53) & ~0xf000ULL;
	its->creadr = 0;
	its->cwriter = 0;
	return 0;
}

static uint32_t queue_size(const struct its *its)
{
	return ((its->cbaser & 0xff) + 1) << 12;
}

static uint64_t get_cwriter(struct its *its, uint32_t offset)
{
	(void)offset;
	return its->cwriter;
}

static int set_cwriter(struct its *its, uint32_t offset, uint64_t value)
{
	uint32_t at = value & 0xfffe0;

	(void)offset;
	if (at >= queue_size(its))
		return 0;
	its->cwriter = at;
	its_process(its);
	return 0;
}

static uint64_t get_creadr(struct its *its, uint32_t offset)
{
	(void)offset;
	return its->creadr;
}

static int set_creadr(struct its *its, uint32_t offset, uint64_t value)
{
	uint32_t at = value & 0xfffe0;

	(void)offset;
	if (its->enabled)
		return -EBUSY;
	if (at >= queue_size(its))
		return -EINVAL;
	its->creadr = at;
	return 0;
}

static uint64_t get_baser(struct its *its, uint32_t offset)
{
	return offset / 8 < N_BASERS ? its->baser[offset / 8] : 0;
}

/* Another table is another, empty, map. */
static int set_baser(struct its *its, uint32_t offset, uint64_t value)
{
	uint32_t i = offset / 8;

	if (its->enabled || i >= N_BASERS)
		return 0;
	value &= ~BASER_READ_ONLY;
	if (i == BASER_COLLECTIONS)
		value &= ~BASER_INDIRECT;
	value = gicregs_sanitise(value, 10, 59, 53) & ~BASER_PAGE_SIZE;
	value |= BASER_64K | BASER_ENTRY_SIZE | baser_type[i];
	if (value == its->baser[i])
		return 0;
	its->baser[i] = value;
	if (i == BASER_DEVICES)
		its_remove_devices(its);
	else
		its_remove_collections(its);
	its_invalidate(its);
	return 0;
}

static uint64_t get_id(struct its *its, uint32_t offset)
{
	static const uint8_t ids[12] = {
		0x40, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1,
	};

	(void)its;
	return ids[offset / 4];
}

static int ignore(struct its *its, uint32_t offset, uint64_t value)
{
	(void)its;
	(void)offset;
	(void)value;
	return 0;
}

static const struct reg {
	uint32_t offset, size;
	uint64_t (*get)(struct its *its, uint32_t offset);
	int (*set)(struct its *its, uint32_t offset, uint64_t value);
} regs[] = {
	{ 0x0000, 4, get_ctlr, set_ctlr },
	{ 0x0004, 4, get_iidr, set_iidr },
	{ 0x0008, 8, get_typer, ignore },
	{ 0x0080, 8, get_cbaser, set_cbaser },
	{ 0x0088, 8, get_cwriter, set_cwriter },
	{ 0x0090, 8, get_creadr, set_creadr },
	{ 0x0100, 64, get_baser, set_baser },
	{ 0xffd0, 48, get_id, ignore },
};

/* KVM looks at 32 bits of the attribute. */
static const struct reg *find(uint32_t offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (offset - regs[i].offset < regs[i].size)
			return &regs[i];
	return NULL;
}

static bool is_aligned(uint64_t offset)
{
	return !(offset % (offset < 8 || offset >= 0xffd0 ? 4 : 8));
}

static int access_reg(struct its *its, bool set, uint64_t offset,
		      uint64_t *value)
{
	const struct reg *reg = find(offset);

	if (its->base == ADDR_UNDEF || !reg)
		return -ENXIO;
	if (set)
		return reg->set(its, (uint32_t)offset - reg->offset, *value);
	*value = reg->get(its, (uint32_t)offset - reg->offset);
	return 0;
}

/* ---- attributes ---- */

static int set_addr(struct its *its, uint64_t value)
{
	uint64_t end = 1ULL << its->vm->ipa_bits;

	if (its->base != ADDR_UNDEF)
		return -EEXIST;
	if (value % SZ_64K || value + ITS_SIZE < value)
		return -EINVAL;
	if (value >= end || value + ITS_SIZE > end)
		return -E2BIG;
	its->base = value;
	return 0;
}

static int access_addr(struct its *its, bool set, uint64_t *value)
{
	if (set)
		return set_addr(its, *value);
	*value = its->base;
	return 0;
}

/* Those that there are not do nothing, too. */
static int control(struct its *its, uint64_t attr)
{
	switch (attr) {
	case KA_ITS_CTRL_RESET:
		reset(its);
		return 0;
	case KA_ITS_SAVE_TABLES:
		return its_tables_save(its);
	case KA_ITS_RESTORE_TABLES:
		return its_tables_load(its);
	}
	return 0;
}

static int access_attr(struct its *its, bool set,
		       const struct ka_device_attr *attr, uint64_t *value)
{
	uint64_t flip;
	int ret;

	if (model_gic_fault(its->vm->m, attr->group, attr->attr, set, value,
			    &flip, &ret))
		return ret;
	if (attr->group == KA_VGIC_GRP_ADDR)
		ret = access_addr(its, set, value);
	else if (attr->group == KA_VGIC_GRP_CTRL)
		ret = control(its, attr->attr);
	else
		ret = access_reg(its, set, attr->attr, value);
	if (!ret)
		*value ^= flip;
	return ret;
}

/* All but the address want every vCPU outside of ioctls. */
static int locked_access(struct its *its, bool set,
			 const struct ka_device_attr *attr, uint64_t *value)
{
	struct kvm *kvm = &its->vm->kvm;
	bool quiet = attr->group != KA_VGIC_GRP_ADDR;
	int ret = -EBUSY;

	mutex_lock(&kvm->lock);
	if (!quiet || vm_lock_vcpus(its->vm)) {
		mutex_lock(&kvm->arch.config_lock);
		ret = access_attr(its, set, attr, value);
		mutex_unlock(&kvm->arch.config_lock);
		if (quiet)
			vm_unlock_vcpus(its->vm);
	}
	mutex_unlock(&kvm->lock);
	return ret;
}

static int value_attr(struct its *its, bool set,
		      const struct ka_device_attr *attr)
{
	void __user *user = u64_to_user_ptr(attr->addr);
	uint64_t value = 0;
	int ret;

	if (set && copy_from_user(&value, user, sizeof(value)))
		return -EFAULT;
	if (attr->group == KA_VGIC_GRP_ITS_REGS && !is_aligned(attr->attr))
		return -EINVAL;
	ret = locked_access(its, set, attr, &value);
	if (!ret && !set && copy_to_user(user, &value, sizeof(value)))
		ret = -EFAULT;
	return ret;
}

static int control_attr(struct its *its, bool set,
			const struct ka_device_attr *attr)
{
	uint64_t value = 0;

	if (!set)
		return -ENXIO;
	if (attr->attr == KA_VGIC_CTRL_INIT)
		return 0;
	return locked_access(its, true, attr, &value);
}

static int has_attr(const struct ka_device_attr *attr)
{
	switch (attr->group) {
	case KA_VGIC_GRP_ADDR:
		return attr->attr == KA_VGIC_ITS_ADDR_TYPE ? 0 : -ENXIO;
	case KA_VGIC_GRP_CTRL:
		return attr->attr == KA_VGIC_CTRL_INIT ||
		       attr->attr == KA_ITS_SAVE_TABLES ||
		       attr->attr == KA_ITS_RESTORE_TABLES ||
		       attr->attr == KA_ITS_CTRL_RESET ? 0 : -ENXIO;
	case KA_VGIC_GRP_ITS_REGS:
		if (!is_aligned(attr->attr))
			return -EINVAL;
		return find(attr->attr) ? 0 : -ENXIO;
	}
	return -ENXIO;
}

int its_ioctl(struct its *its, unsigned long request, const void __user *arg)
{
	bool set = request == KA_SET_DEVICE_ATTR;
	struct ka_device_attr attr;

	if (!set && request != KA_GET_DEVICE_ATTR &&
	    request != KA_HAS_DEVICE_ATTR)
		return -ENOTTY;
	if (copy_from_user(&attr, arg, sizeof(attr)))
		return -EFAULT;
	if (request == KA_HAS_DEVICE_ATTR)
		return has_attr(&attr);
	switch (attr.group) {
	case KA_VGIC_GRP_ADDR:
		return attr.attr == KA_VGIC_ITS_ADDR_TYPE ?
			       value_attr(its, set, &attr) : -ENODEV;
	case KA_VGIC_GRP_CTRL:
		return control_attr(its, set, &attr);
	case KA_VGIC_GRP_ITS_REGS:
		return value_attr(its, set, &attr);
	}
	return -ENXIO;
}

/* ---- signals ---- */

/* Anywhere in its frames. */
static struct its *its_at(struct vm *vm, uint64_t address)
{
	for (size_t i = 0; i < vm->gic.n_its; i++) {
		struct its *its = vm->gic.its[i];

		if (its->base != ADDR_UNDEF && address - its->base < ITS_SIZE)
			return its;
	}
	return NULL;
}

/* A translation that was used before needs no flag. 1: taken. */
static int send(struct vm *vm, const struct kvm_msi *msi)
{
	uint64_t address = (uint64_t)msi->address_hi << 32 | msi->address_lo;
	struct its *its = its_at(vm, address);
	struct its_event *e = NULL;
	int ret;

	if (!vm->gic.n_its)
		return -ENODEV;
	if (its)
		e = its_event(its, msi->devid, msi->data);
	if (!(e && e->cached) && !(msi->flags & KVM_MSI_VALID_DEVID))
		return -EINVAL;
	if (!its)
		return -EINVAL;
	ret = its_trigger(its, msi->devid, msi->data);
	return ret < 0 ? ret : !ret;
}

int its_signal_msi(struct vm *vm, const void __user *arg)
{
	struct kvm_msi msi;
	int ret = -EINVAL;

	if (copy_from_user(&msi, arg, sizeof(msi)))
		return -EFAULT;
	mutex_lock(&vm->kvm.arch.config_lock);
	if (vm->gic.created && !(msi.flags & ~KVM_MSI_VALID_DEVID))
		ret = send(vm, &msi);
	mutex_unlock(&vm->kvm.arch.config_lock);
	return ret;
}
