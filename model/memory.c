// SPDX-License-Identifier: MIT
/* Guest memory: memory slots, and what is at a guest physical address. */
#include "private.h"

#define PAGE_SIZE	4096ULL
#define MAX_SLOTS	32767
#define USER_END	(1ULL << 48)

static struct slot *slot_by_id(struct vm *vm, uint32_t id)
{
	for (size_t i = 0; i < vm->n_slots; i++)
		if (vm->slots[i].id == id)
			return &vm->slots[i];
	return NULL;
}

static struct slot *slot_at(struct vm *vm, uint64_t address)
{
	for (size_t i = 0; i < vm->n_slots; i++)
		if (address - vm->slots[i].address < vm->slots[i].size)
			return &vm->slots[i];
	return NULL;
}

static bool overlaps(struct vm *vm, const struct slot *new)
{
	for (size_t i = 0; i < vm->n_slots; i++) {
		const struct slot *s = &vm->slots[i];

		if (s->id != new->id && s->address < new->address + new->size &&
		    new->address < s->address + s->size)
			return true;
	}
	return false;
}

static int check_slot(const struct slot *s)
{
	if (s->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	if ((s->size | s->address | s->user) % PAGE_SIZE)
		return -EINVAL;
	if (s->user > USER_END || s->size > USER_END - s->user)
		return -EINVAL;
	if (s->id >= MAX_SLOTS || s->address + s->size < s->address)
		return -EINVAL;
	return 0;
}

static int delete_slot(struct vm *vm, struct slot *old)
{
	if (!old)
		return -EINVAL;
	*old = vm->slots[--vm->n_slots];
	return 0;
}

static int create_slot(struct vm *vm, const struct slot *new)
{
	struct slot *slots = realloc(vm->slots,
				     (vm->n_slots + 1) * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	vm->slots = slots;
	slots[vm->n_slots++] = *new;
	return 0;
}

/* Of a slot that there is, the place and the dirty log may change. */
static int set_slot(struct vm *vm, const struct slot *new)
{
	struct slot *old = slot_by_id(vm, new->id);
	bool moves = !old || old->address != new->address;

	if (!new->size)
		return delete_slot(vm, old);
	if (old && (old->user != new->user || old->size != new->size ||
		    ((old->flags ^ new->flags) & KVM_MEM_READONLY)))
		return -EINVAL;
	if (moves && overlaps(vm, new))
		return -EEXIST;
	if (new->address + new->size > 1ULL << vm->ipa_bits)
		return -EFAULT;
	if (!old)
		return create_slot(vm, new);
	*old = *new;
	return 0;
}

int memory_set_slot(struct vm *vm, const void __user *arg)
{
	struct kvm_userspace_memory_region region;
	struct slot new;
	int ret;

	if (copy_from_user(&region, arg, sizeof(region)))
		return -EFAULT;
	new = (struct slot){ region.slot, region.flags, region.guest_phys_addr,
			     region.memory_size, region.userspace_addr };
	ret = check_slot(&new);
	if (ret)
		return ret;
	mutex_lock(&vm->kvm.arch.config_lock);
	ret = set_slot(vm, &new);
	mutex_unlock(&vm->kvm.arch.config_lock);
	return ret;
}

bool memory_visible(struct vm *vm, uint64_t address)
{
	return slot_at(vm, address);
}

/* Bytes from address on that are in one slot. */
static size_t in_slot(const struct slot *s, uint64_t address, size_t size)
{
	uint64_t left = s->size - (address - s->address);

	return left < size ? left : size;
}

int memory_read(struct vm *vm, uint64_t address, void *buf, size_t size)
{
	uint8_t *to = buf;

	while (size) {
		const struct slot *s = slot_at(vm, address);
		size_t n = s ? in_slot(s, address, size) : 0;

		if (!s || copy_from_user(to, u64_to_user_ptr(s->user + address -
							     s->address), n))
			return -EFAULT;
		to += n;
		address += n;
		size -= n;
	}
	return 0;
}

int memory_write(struct vm *vm, uint64_t address, const void *buf, size_t size)
{
	const uint8_t *from = buf;

	while (size) {
		const struct slot *s = slot_at(vm, address);
		size_t n = s ? in_slot(s, address, size) : 0;

		if (!s || (s->flags & KVM_MEM_READONLY) ||
		    copy_to_user(u64_to_user_ptr(s->user + address -
						 s->address), from, n))
			return -EFAULT;
		from += n;
		address += n;
		size -= n;
	}
	return 0;
}

int memory_read_u64(struct vm *vm, uint64_t address, uint64_t *ret)
{
	uint8_t bytes[8];
	int err = memory_read(vm, address, bytes, sizeof(bytes));

	*ret = 0;
	for (unsigned int i = 0; !err && i < sizeof(bytes); i++)
		*ret |= (uint64_t)bytes[i] << (i * 8);
	return err;
}

int memory_write_u64(struct vm *vm, uint64_t address, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = value >> (i * 8);
	return memory_write(vm, address, bytes, sizeof(bytes));
}
