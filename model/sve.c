// SPDX-License-Identifier: MIT
/*
 * SVE: Z, P and FFR are exchanged at their largest size; what lies beyond
 * the vCPU's vector length reads as zero and is not stored.
 */
#include "private.h"

#define PREG_FIRST	0x400	/* P0 to P15, then FFR */
#define PREG_LAST	0x61f
#define SLICE_MASK	0x1f
#define ZREG(n)		(KA_REG_ARM64 | KA_REG_SIZE_U2048 | KA_REG_SVE | (n))
#define PREG(n)		(KA_REG_ARM64 | KA_REG_SIZE_U256 | KA_REG_SVE | (n))

bool reg_is_sve(uint64_t id)
{
	return (id & KA_REG_CLASS_MASK) == KA_REG_SVE;
}

/* Bit n - 1 is a vector length of n times 128 bits. */
static uint32_t host_vls(const struct vm *vm)
{
	return reg_reset_u64(vm, KA_SVE_VLS);
}

static unsigned int max_vq_of(uint32_t vls)
{
	return vls ? 32 - __builtin_clz(vls) : 0;
}

static size_t stored_bytes(const struct vcpu *v, uint64_t id)
{
	return (id & 0xffff) < PREG_FIRST ? v->max_vq * 16 : v->max_vq * 2;
}

static int check_vls(const struct vcpu *v, bool set)
{
	if (!vcpu_has(v, KA_VCPU_SVE))
		return -ENOENT;
	return set && v->finalized ? -EPERM : 0;
}

int sve_check(const struct vcpu *v, uint64_t id, bool set)
{
	bool z = id >= ZREG(0) && id < ZREG(PREG_FIRST);
	bool p = id >= PREG(PREG_FIRST) && id <= PREG(PREG_LAST);

	if (id == KA_SVE_VLS)
		return check_vls(v, set);
	if (!z && !p)
		return -EINVAL;
	if (!vcpu_has(v, KA_VCPU_SVE) || (id & SLICE_MASK) ||
	    vm_find(v->vm, id) < 0)
		return -ENOENT;
	return v->finalized ? 0 : -EPERM;
}

static void get_vls(const struct vcpu *v, uint8_t *value)
{
	uint64_t low = host_vls(v->vm) & ((1ULL << v->max_vq) - 1);

	memset(value, 0, onereg_reg_size(KA_SVE_VLS));
	memcpy(value, &low, sizeof(low));
}

static int set_vls(struct vcpu *v, const uint8_t *value)
{
	uint32_t host = host_vls(v->vm);
	uint64_t words[8];
	unsigned int vq;

	memcpy(words, value, sizeof(words));
	for (size_t i = 1; i < ARRAY_SIZE(words); i++)
		if (words[i])
			return -EINVAL;
	if (!words[0] || words[0] >> SVE_MAX_VQ)
		return -EINVAL;
	vq = max_vq_of(words[0]);
	if (vq > max_vq_of(host) || words[0] != (host & ((1ULL << vq) - 1)))
		return -EINVAL;
	v->max_vq = vq;
	return 0;
}

void sve_get(struct vcpu *v, uint64_t id, uint8_t *value)
{
	size_t size = onereg_reg_size(id), n;

	if (id == KA_SVE_VLS) {
		get_vls(v, value);
		return;
	}
	n = stored_bytes(v, id);
	memcpy(value, reg_slot(v, id), n);
	memset(value + n, 0, size - n);
}

int sve_set(struct vcpu *v, uint64_t id, const uint8_t *value)
{
	if (id == KA_SVE_VLS)
		return set_vls(v, value);
	memcpy(reg_slot(v, id), value, stored_bytes(v, id));
	return 0;
}

int sve_finalize(struct vcpu *v)
{
	if (!vcpu_has(v, KA_VCPU_SVE))
		return -EINVAL;
	if (v->finalized)
		return -EPERM;
	v->finalized = true;
	return 0;
}

/* Vector lengths outlive a second init, as FINALIZE does. */
void sve_reset(struct vcpu *v)
{
	if (vcpu_has(v, KA_VCPU_SVE) && !v->finalized)
		v->max_vq = max_vq_of(host_vls(v->vm));
}
