/* SPDX-License-Identifier: MIT */
/* Ids that no register has: what each wrong part of an id is answered with. */
#include <errno.h>

#include "validate.h"

#define CORE(size, offset) (KA_REG_ARM64 | (size) | KA_REG_CORE | (offset))
#define V0	CORE(KA_REG_SIZE_U128, 0x54)
#define CCSIDR0	(KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX)
#define Z0	(KA_REG_ARM64 | KA_REG_SIZE_U2048 | KA_REG_SVE)
#define FFR	(KA_REG_ARM64 | KA_REG_SIZE_U256 | KA_REG_SVE | 0x600)
#define TTBR0	KA_SYS(3, 0, 2, 0, 0)
#define PMCR	KA_SYS(3, 3, 9, 12, 0)
#define ZCR	KA_SYS(3, 0, 1, 2, 0)
#define BIT28	0x10000000ULL
#define SVE	(1U << KA_VCPU_SVE)

/* One register of each class that every vCPU has. */
static const uint64_t of_each_class[] = {
	X0, TTBR0, KA_ID_AA64PFR0, KA_MIDR, CCSIDR0,
	KA_PSCI_VERSION, KA_FW(1), KA_TIMER_CNT, KA_TIMER_CTL,
};

static int plain(struct v *v)
{
	return v_ready(v, v_vm(v), 0, PSCI);
}

static uint64_t with_size(uint64_t id, uint64_t size)
{
	return (id & ~KA_REG_SIZE_MASK) | size;
}

static void unknown_sysreg(struct v *v)
{
	int vcpu = plain(v);

	v_refuses(v, vcpu, KA_SYS(3, 0, 15, 15, 7), -ENOENT);
	v_refuses(v, vcpu, KA_SYS(0, 0, 0, 0, 0), -ENOENT);
	v_refuses(v, vcpu, KA_SYS(3, 0, 0, 8, 0), -ENOENT);
}

static void unknown_class(struct v *v)
{
	int vcpu = plain(v);

	for (uint64_t class_ = 0x17; class_ < 0x28; class_++)
		v_refuses(v, vcpu,
			  KA_REG_ARM64 | KA_REG_SIZE_U64 | class_ << 16,
			  -ENOENT);
	v_refuses(v, vcpu, KA_REG_ARM64 | KA_REG_SIZE_U64 | 0x0fff0000,
		  -ENOENT);
}

static void unknown_core(struct v *v)
{
	int vcpu = plain(v);

	v_refuses(v, vcpu, CORE(KA_REG_SIZE_U64, 0xffff), -ENOENT);
	v_refuses(v, vcpu, CORE(KA_REG_SIZE_U64, 1), -EINVAL);
}

static void unknown_firmware(struct v *v)
{
	int vcpu = plain(v);

	v_refuses(v, vcpu, KA_FW(0xff), -ENOENT);
	v_refuses(v, vcpu, KA_BMAP(0xff), -ENOENT);
}

static void unknown_demux(struct v *v)
{
	int vcpu = plain(v);

	v_refuses(v, vcpu, CCSIDR0 | 0xff, -ENOENT);
	v_refuses(v, vcpu, CCSIDR0 | 0x100, -ENOENT);
}

static void bit_28(struct v *v)
{
	int vcpu = plain(v);

	for (size_t i = 0; i < ARRAY_SIZE(of_each_class); i++)
		v_refuses(v, vcpu, of_each_class[i] | BIT28, -ENOENT);
}

static void bit_28_of_bitmaps(struct v *v)
{
	int vcpu = plain(v);

	for (uint64_t i = 0; i < 3; i++)
		v_refuses(v, vcpu, KA_BMAP(i) | BIT28, -ENOENT);
}

/* The one class that answers otherwise. */
static void bit_28_of_sve(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI | SVE);

	v_refuses(v, vcpu, Z0 | BIT28, -EINVAL);
	v_refuses(v, vcpu, FFR | BIT28, -EINVAL);
	v_refuses(v, vcpu, KA_SVE_VLS | BIT28, -EINVAL);
}

static void bits_29_to_31(struct v *v)
{
	int vcpu = plain(v);

	for (unsigned int bit = 29; bit < 32; bit++)
		for (size_t i = 0; i < ARRAY_SIZE(of_each_class); i++)
			v_refuses(v, vcpu, of_each_class[i] | 1ULL << bit,
				  -ENOENT);
}

static void upper_bits(struct v *v)
{
	int vcpu = plain(v);

	for (unsigned int bit = 32; bit < 64; bit++)
		if (!(KA_REG_SIZE_MASK >> bit & 1))
			for (size_t i = 0; i < ARRAY_SIZE(of_each_class); i++)
				v_refuses(v, vcpu,
					  of_each_class[i] ^ 1ULL << bit,
					  -EINVAL);
}

static void other_architecture(struct v *v)
{
	int vcpu = plain(v);

	for (uint64_t arch = 0; arch < 0xa; arch++)
		if (arch << 60 != KA_REG_ARM64)
			v_refuses(v, vcpu,
				  (X0 & ~KA_REG_ARCH_MASK) | arch << 60,
				  -EINVAL);
	v_refuses(v, vcpu, 0, -EINVAL);
	v_refuses(v, vcpu, UINT64_MAX, -EINVAL);
}

static void other_size(struct v *v)
{
	static const uint64_t ids[] = { TTBR0, KA_ID_AA64PFR0, KA_MIDR,
					KA_PSCI_VERSION, KA_FW(1) };
	int vcpu = plain(v);

	for (uint64_t size = 0; size <= 8; size++)
		for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
			uint64_t id = with_size(ids[i],
						size << KA_REG_SIZE_SHIFT);

			if (id != ids[i])
				v_get(v, vcpu, id, -ENOENT);
		}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		v_set(v, vcpu, with_size(ids[i], KA_REG_SIZE_U32), 0, -ENOENT);
}

static void other_size_of_core(struct v *v)
{
	int vcpu = plain(v);

	v_refuses(v, vcpu, with_size(X0, KA_REG_SIZE_U32), -EINVAL);
	v_refuses(v, vcpu, with_size(X0, KA_REG_SIZE_U128), -EINVAL);
	v_refuses(v, vcpu, with_size(V0, KA_REG_SIZE_U64), -EINVAL);
}

static void other_size_of_demux(struct v *v)
{
	v_refuses(v, plain(v), with_size(CCSIDR0, KA_REG_SIZE_U64), -ENOENT);
}

static void other_size_of_sve(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI | SVE);

	v_refuses(v, vcpu, with_size(Z0, KA_REG_SIZE_U128), -EINVAL);
	v_refuses(v, vcpu, with_size(KA_SVE_VLS, KA_REG_SIZE_U64), -EINVAL);
}

static void sve_without_sve(struct v *v)
{
	int vcpu = plain(v);

	v_refuses(v, vcpu, Z0, -ENOENT);
	v_refuses(v, vcpu, FFR, -ENOENT);
	v_refuses(v, vcpu, KA_SVE_VLS, -ENOENT);
	v_get(v, vcpu, ZCR, -ENOENT);
	v_get(v, vcpu, V0, 0);
}

static void fp_with_sve(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI | SVE);

	v_refuses(v, vcpu, V0, -EINVAL);
	v_get(v, vcpu, Z0, 0);
}

static void second_slice(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, PSCI | SVE);

	v_refuses(v, vcpu, Z0 | 1, -ENOENT);
	v_refuses(v, vcpu, FFR | 1, -ENOENT);
}

static void pmu_without_pmu(struct v *v)
{
	v_get(v, plain(v), PMCR, -ENOENT);
}

static void refused_means_unchanged(struct v *v)
{
	int vcpu = plain(v);

	v_set(v, vcpu, X0, 5, 0);
	v_set(v, vcpu, X0 | BIT28, 6, -ENOENT);
	v_set(v, vcpu, with_size(X0, KA_REG_SIZE_U32), 6, -EINVAL);
	v_set(v, vcpu, X0 ^ 1ULL << 60, 6, -EINVAL);
	v_value(v, vcpu, X0, 5);
}

static const struct rule rules[] = {
	RULE(unknown_sysreg, 0, "a system register nobody knows is -ENOENT"),
	RULE(unknown_class, 0, "a class nobody knows is -ENOENT"),
	RULE(unknown_core, 0,
	     "a core register past the end is -ENOENT, amid another -EINVAL"),
	RULE(unknown_firmware, 0,
	     "a firmware register nobody knows is -ENOENT"),
	RULE(unknown_demux, 0, "a demux register nobody knows is -ENOENT"),
	RULE(bit_28, 0, "bit 28 that was not asked for is -ENOENT"),
	RULE(bit_28_of_bitmaps, NEED_BITMAPS,
	     "bit 28 in a feature bitmap's id is -ENOENT"),
	RULE(bit_28_of_sve, NEED_SVE,
	     "bit 28 in an SVE register's id is -EINVAL"),
	RULE(bits_29_to_31, 0, "bits 29 to 31 are -ENOENT"),
	RULE(upper_bits, 0, "any other upper 32 bits are -EINVAL"),
	RULE(other_architecture, 0,
	     "an id of another architecture is -EINVAL"),
	RULE(other_size, 0,
	     "a system or firmware register of another size is -ENOENT"),
	RULE(other_size_of_core, 0,
	     "a core register of another size is -EINVAL"),
	RULE(other_size_of_demux, 0,
	     "a demux register of another size is -ENOENT"),
	RULE(other_size_of_sve, NEED_SVE,
	     "an SVE register of another size is -EINVAL"),
	RULE(sve_without_sve, 0, "SVE registers without SVE are -ENOENT"),
	RULE(fp_with_sve, NEED_SVE,
	     "with SVE a V register is -EINVAL, for it is part of Z"),
	RULE(second_slice, NEED_SVE, "a second slice of Z or FFR is -ENOENT"),
	RULE(pmu_without_pmu, 0, "PMU registers without a PMU are -ENOENT"),
	RULE(refused_means_unchanged, 0,
	     "a SET that is refused changes nothing"),
};

CHAPTER(ids);
