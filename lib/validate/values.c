/* SPDX-License-Identifier: MIT */
/* What a SET stores, where that is not simply what was given. */
#include <errno.h>
#include <string.h>

#include "validate.h"

#define CORE(offset) \
	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | (offset))
#define PSTATE	CORE(0x42)
#define Z(n)	(KA_REG_ARM64 | KA_REG_SIZE_U2048 | KA_REG_SVE | (n) << 5)
#define SVE	(1U << KA_VCPU_SVE)
#define PMU	(1U << KA_VCPU_PMU_V3)
#define N_VQS	512

static void core_registers(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);

	/* X0 to X30, SP, PC: 64 bits each, counted in 32. */
	for (uint64_t i = 0; i < 33; i++)
		v_set(v, vcpu, CORE(2 * i), 0x0123456789abcd00ULL + i, 0);
	for (uint64_t i = 0; i < 33; i++)
		v_value(v, vcpu, CORE(2 * i), 0x0123456789abcd00ULL + i);
}

static void pstate_mode(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI);
	uint64_t value = v_read(v, vcpu, PSTATE);

	v_set(v, vcpu, PSTATE, 0x3c4, 0);	/* EL1t */
	v_value(v, vcpu, PSTATE, 0x3c4);
	v_set(v, vcpu, PSTATE, 0x3c9, -EINVAL);	/* EL2h */
	v_set(v, vcpu, PSTATE, 0x1d3, -EINVAL);	/* AArch32 Supervisor */
	v_set(v, vcpu, PSTATE, 0x3c2, -EINVAL);	/* none */
	v_value(v, vcpu, PSTATE, 0x3c4);
	v_set(v, vcpu, PSTATE, value, 0);
}

/* ---- SVE ---- */

static int vls(struct v *v, int vcpu, unsigned long request, uint8_t *lengths)
{
	struct ka_one_reg reg = { KA_SVE_VLS, (uintptr_t)lengths };

	return v_ioctl(v, vcpu, request, &reg);
}

static int with_sve(struct v *v)
{
	int vcpu = v_vcpu(v, v_vm(v), 0);

	v_init_is(v, vcpu, PSCI | SVE, 0);
	return vcpu;
}

static void lengths_before_finalize(struct v *v)
{
	uint8_t all[N_VQS / 8] = { 0 }, one[N_VQS / 8] = { 1 }, got[N_VQS / 8];
	int vcpu = with_sve(v);

	v_is(v, vls(v, vcpu, KA_GET_ONE_REG, all), 0, "GET of SVE_VLS");
	v_true(v, all[0] & 1, "vectors of 128 bits are not offered");
	v_is(v, vls(v, vcpu, KA_SET_ONE_REG, all), 0, "SET of SVE_VLS");
	v_is(v, vls(v, vcpu, KA_SET_ONE_REG, one), 0,
	     "SET of SVE_VLS to 128 bits only");
	v_is(v, v_try_finalize(v, vcpu), 0, "KVM_ARM_VCPU_FINALIZE");
	v_is(v, vls(v, vcpu, KA_GET_ONE_REG, got), 0, "GET of SVE_VLS");
	v_true(v, !memcmp(got, one, sizeof(one)),
	       "SVE_VLS is not what was set");
	v_is(v, vls(v, vcpu, KA_SET_ONE_REG, one), -EPERM,
	     "SET of SVE_VLS after the finalize");
}

static void lengths_refused(struct v *v)
{
	uint8_t all[N_VQS / 8] = { 0 }, bad[N_VQS / 8] = { 0 };
	int vcpu = with_sve(v);

	v_is(v, vls(v, vcpu, KA_GET_ONE_REG, all), 0, "GET of SVE_VLS");
	v_is(v, vls(v, vcpu, KA_SET_ONE_REG, bad), -EINVAL,
	     "SET of SVE_VLS to none");
	memcpy(bad, all, sizeof(bad));
	bad[N_VQS / 8 - 1] |= 0x80;
	v_is(v, vls(v, vcpu, KA_SET_ONE_REG, bad), -EINVAL,
	     "SET of SVE_VLS to more than the host has");
	memcpy(bad, all, sizeof(bad));
	bad[0] &= 0xfe;
	if (bad[0])
		v_is(v, vls(v, vcpu, KA_SET_ONE_REG, bad), -EINVAL,
		     "SET of SVE_VLS without a length that the host has");
}

static void vectors_before_finalize(struct v *v)
{
	v_refuses(v, with_sve(v), Z(0ULL), -EPERM);
}

static void vectors_round_trip(struct v *v)
{
	uint8_t set[KA_REG_SIZE_MAX], got[KA_REG_SIZE_MAX];
	int vcpu = v_ready(v, v_vm(v), 0, PSCI | SVE);
	struct ka_one_reg reg = { Z(31ULL), (uintptr_t)set };
	size_t n = 0;

	memset(set, 0xa5, sizeof(set));
	v_is(v, v_ioctl(v, vcpu, KA_SET_ONE_REG, &reg), 0, "SET of Z31");
	memset(got, 0xff, sizeof(got));
	reg.addr = (uintptr_t)got;
	v_is(v, v_ioctl(v, vcpu, KA_GET_ONE_REG, &reg), 0, "GET of Z31");
	while (n < sizeof(got) && got[n] == 0xa5)
		n++;
	v_true(v, n >= 16, "Z31 lost its value at byte %zu", n);
	for (; n < sizeof(got); n++)
		v_true(v, !got[n], "byte %zu of Z31, beyond the longest vector,"
		       " is %#x", n, got[n]);
}

/* ---- PMU ---- */

static void pmu_pairs(struct v *v)
{
	static const struct {
		uint64_t set, clear;
	} pairs[] = {
		{ KA_SYS(3, 3, 9, 12, 1), KA_SYS(3, 3, 9, 12, 2) },
		{ KA_SYS(3, 0, 9, 14, 1), KA_SYS(3, 0, 9, 14, 2) },
		{ KA_SYS(3, 3, 9, 14, 3), KA_SYS(3, 3, 9, 12, 3) },
	};
	int vcpu = v_ready(v, v_vm(v), 0, PSCI | PMU);

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		for (uint64_t bits = 0; bits < 2; bits++) {
			uint64_t value = bits << 31 | bits;

			v_set(v, vcpu, pairs[i].clear, UINT64_MAX, 0);
			v_set(v, vcpu, pairs[i].set, value, 0);
			v_value(v, vcpu, pairs[i].set, value);
			v_value(v, vcpu, pairs[i].clear, value);
		}
}

/* ---- masks of ID registers ---- */

static int get_masks(struct v *v, int vm, uint64_t *masks, uint32_t range,
		     unsigned int reserved)
{
	struct ka_reg_mask_range r = {
		.addr = (uintptr_t)masks,
		.range = range,
	};

	if (reserved < ARRAY_SIZE(r.reserved))
		r.reserved[reserved] = 1;
	return v_ioctl(v, vm, KA_ARM_GET_REG_WRITABLE_MASKS, &r);
}

static void masks_reserved(struct v *v)
{
	uint64_t masks[3 * 8 * 8];
	int vm = v_vm(v);

	v_is(v, get_masks(v, vm, masks, 0, UINT32_MAX), 0,
	     "KVM_ARM_GET_REG_WRITABLE_MASKS");
	v_is(v, get_masks(v, vm, masks, 1, UINT32_MAX), -EINVAL,
	     "KVM_ARM_GET_REG_WRITABLE_MASKS of range 1");
	for (unsigned int i = 0; i < 13; i++)
		v_is(v, get_masks(v, vm, masks, 0, i), -EINVAL,
		     "KVM_ARM_GET_REG_WRITABLE_MASKS with reserved[%u] 1", i);
}

/* A bit that is not in its mask is refused; whichever is, need not be free. */
static void masks_are_true(struct v *v)
{
	uint64_t masks[3 * 8 * 8] = { 0 };
	struct v_pair p = v_pair(v);

	v_is(v, get_masks(v, p.vm, masks, 0, UINT32_MAX), 0,
	     "KVM_ARM_GET_REG_WRITABLE_MASKS");
	/* CRm 1 to 3 are AArch32's, which may ignore a SET; see below. */
	for (uint64_t crm = 4; crm < 8 && !v->failed; crm++)
		for (uint64_t op2 = 0; op2 < 8 && !v->failed; op2++) {
			uint64_t id = KA_SYS(3, 0, 0, crm, op2);
			uint64_t free_bits = masks[crm << 3 | op2];
			uint64_t value = v_read(v, p.a, id);

			if (!free_bits)
				v_set(v, p.a, id, ~value, -EINVAL);
			v_value(v, p.b, id, value);
		}
}

static void aarch32_ignored(struct v *v)
{
	struct v_pair p = v_pair(v);

	for (uint64_t op2 = 0; op2 < 8; op2++) {
		v_set(v, p.a, KA_SYS(3, 0, 0, 2, op2), UINT64_MAX, 0);
		v_value(v, p.b, KA_SYS(3, 0, 0, 2, op2), 0);
	}
}

/* ---- KVM_ENABLE_CAP ---- */

static void unknown_capability(struct v *v)
{
	int vm = v_vm(v);

	v_cap_is(v, vm, 9999, 0, -EINVAL);
	v_cap_is(v, vm, KA_CAP_ONE_REG, 0, -EINVAL);
}

static void capability_flags(struct v *v)
{
	struct ka_enable_cap cap = {
		.cap = KA_CAP_ARM_NISV_TO_USER,
		.flags = 1,
	};

	v_is(v, v_ioctl(v, v_vm(v), KA_ENABLE_CAP, &cap), -EINVAL,
	     "KVM_ENABLE_CAP with flags 1");
}

static const struct rule rules[] = {
	RULE(core_registers, 0, "core registers keep what they are given"),
	RULE(pstate_mode, 0, "a mode that the vCPU cannot be in is -EINVAL"),
	RULE(lengths_before_finalize, NEED_SVE,
	     "SVE vector lengths change before the finalize, then -EPERM"),
	RULE(lengths_refused, NEED_SVE,
	     "vector lengths other than the host's up to a maximum: -EINVAL"),
	RULE(vectors_before_finalize, NEED_SVE,
	     "Z registers before the finalize are -EPERM"),
	RULE(vectors_round_trip, NEED_SVE,
	     "Z keeps its value, and beyond the longest vector it is 0"),
	RULE(pmu_pairs, NEED_PMU,
	     "ones to a PMU clear register, then SET: both read the value"),
	RULE(masks_reserved, NEED_MASKS,
	     "masks of an unknown range or with reserved bits: -EINVAL"),
	RULE(masks_are_true, NEED_MASKS,
	     "an ID register without writable bits refuses others: -EINVAL"),
	RULE(aarch32_ignored, NEED_64BIT_ONLY,
	     "without AArch32 its ID registers are 0 and ignore a SET"),
	RULE(unknown_capability, 0,
	     "enabling a capability that has no switch is -EINVAL"),
	RULE(capability_flags, 0, "KVM_ENABLE_CAP with flags is -EINVAL"),
};

CHAPTER(values);
