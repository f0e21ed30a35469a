/* SPDX-License-Identifier: MIT */
/* What may change until the first KVM_RUN of any vCPU, and what never. */
#include <errno.h>

#include "validate.h"

static void id_registers_until_the_run(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t id = v->id_reg.id;

	v_set(v, p.a, id, v->id_reg.other, 0);
	v_first_run(v, p.b);
	v_set(v, p.a, id, v->id_reg.value, -EBUSY);
	v_set(v, p.a, id, v->id_reg.other, 0);
	v_set(v, p.b, id, v->id_reg.value, -EBUSY);
	v_value(v, p.b, id, v->id_reg.other);
}

static void unsupported_after_the_run(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_first_run(v, p.b);
	v_set(v, p.a, v->id_reg.id, UINT64_MAX, -EBUSY);
}

static void id_registers_never(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t value = v_read(v, p.a, KA_ID_AA64ISAR0);

	v_set(v, p.a, KA_ID_AA64ISAR0, value, 0);
	v_set(v, p.a, KA_ID_AA64ISAR0, value ^ 0x10, -EINVAL);
	v_first_run(v, p.b);
	v_set(v, p.a, KA_ID_AA64ISAR0, value, 0);
	v_set(v, p.a, KA_ID_AA64ISAR0, value ^ 0x10, -EINVAL);
}

static void id_registers_unsupported(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.a, v->id_reg.id, UINT64_MAX, -EINVAL);
	v_value(v, p.b, v->id_reg.id, v->id_reg.value);
}

/* CRm 1 to 7: a hole is a register that reads as zero, and stays so. */
static void id_registers_holes(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t hole = KA_SYS(3, 0, 0, 7, 7);

	v_value(v, p.a, hole, 0);
	v_set(v, p.a, hole, 0, 0);
	v_set(v, p.a, hole, 1, -EINVAL);
}

static void bitmaps_until_the_run(struct v *v)
{
	struct v_pair p = v_pair(v);

	for (uint64_t i = 0; i < 3; i++)
		v_set(v, p.a, KA_BMAP(i), 0, 0);
	v_first_run(v, p.b);
	for (uint64_t i = 0; i < 3; i++) {
		v_set(v, p.a, KA_BMAP(i), 1, -EBUSY);
		v_set(v, p.a, KA_BMAP(i), 0, 0);
		v_value(v, p.b, KA_BMAP(i), 0);
	}
}

static void bitmaps_unsupported(struct v *v)
{
	struct v_pair p = v_pair(v);

	for (uint64_t i = 0; i < 3; i++) {
		uint64_t all = v_read(v, p.a, KA_BMAP(i));

		v_set(v, p.a, KA_BMAP(i), all | 1ULL << 63, -EINVAL);
		v_value(v, p.a, KA_BMAP(i), all);
	}
	v_first_run(v, p.b);
	for (uint64_t i = 0; i < 3; i++)
		v_set(v, p.a, KA_BMAP(i), 1ULL << 63, -EINVAL);
}

static void psci_version_stays_free(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_first_run(v, p.a);
	v_set(v, p.b, KA_PSCI_VERSION, PSCI_1_0, 0);
	v_value(v, p.a, KA_PSCI_VERSION, PSCI_1_0);
}

static void psci_version_unsupported(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t value = v_read(v, p.a, KA_PSCI_VERSION);

	v_set(v, p.a, KA_PSCI_VERSION, 0x20000, -EINVAL);
	v_set(v, p.a, KA_PSCI_VERSION, 0x10099, -EINVAL);
	/* 0.1, which is not what PSCI_0_2 promises. */
	v_set(v, p.a, KA_PSCI_VERSION, 1, -EINVAL);
	v_value(v, p.a, KA_PSCI_VERSION, value);
}

static void psci_version_without_02(struct v *v)
{
	int vcpu = v_ready(v, v_vm(v), 0, 0);

	v_value(v, vcpu, KA_PSCI_VERSION, 1);
	v_set(v, vcpu, KA_PSCI_VERSION, 1, 0);
	v_set(v, vcpu, KA_PSCI_VERSION, PSCI_1_0, -EINVAL);
}

static void counters_stay_free(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_first_run(v, p.a);
	v_set(v, p.b, KA_TIMER_CNT, FAR, 0);
	v_true(v, v_read(v, p.a, KA_TIMER_CNT) >= FAR,
	       "TIMER_CNT did not take a value after the first run");
}

/* ---- facts of the host ---- */

static void cpu_must_be_equal(struct v *v)
{
	static const uint64_t ids[] = { KA_MIDR, KA_REVIDR, KA_AIDR };
	struct v_pair p = v_pair(v);

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t value = v_read(v, p.a, ids[i]);

		v_set(v, p.b, ids[i], value, 0);
		v_set(v, p.b, ids[i], value ^ 1, -EINVAL);
		v_set(v, p.b, ids[i], ~value, -EINVAL);
		v_value(v, p.a, ids[i], value);
	}
}

static void workarounds_must_be_no_more(struct v *v)
{
	struct v_pair p = v_pair(v);

	for (uint64_t i = 1; i < 4; i++) {
		uint64_t level = v_read(v, p.a, KA_FW(i));

		v_set(v, p.a, KA_FW(i), level, 0);
		v_set(v, p.a, KA_FW(i), 0xf, -EINVAL);
		v_set(v, p.a, KA_FW(i), 1ULL << 63, -EINVAL);
		v_set(v, p.a, KA_FW(i), 0, 0);
		v_value(v, p.a, KA_FW(i), level);
	}
}

static const struct rule rules[] = {
	RULE(id_registers_until_the_run, NEED_ID_CHANGE | NEED_MASKS,
	     "after a run an ID register takes its own value, else -EBUSY"),
	RULE(unsupported_after_the_run, NEED_ID_CHANGE | NEED_MASKS,
	     "after a run a value that never was good is -EBUSY too"),
	RULE(id_registers_never, NEED_FIXED_IDS,
	     "where ID registers are fixed another value is -EINVAL"),
	RULE(id_registers_unsupported, NEED_ID_CHANGE | NEED_MASKS,
	     "an ID register does not take what the host does not have"),
	RULE(id_registers_holes, 0,
	     "an unallocated ID register is 0; another value is -EINVAL"),
	RULE(bitmaps_until_the_run, NEED_BITMAPS,
	     "after a run a bitmap takes its own value, else -EBUSY"),
	RULE(bitmaps_unsupported, NEED_BITMAPS,
	     "a bitmap's bit that KVM does not have is -EINVAL, any time"),
	RULE(psci_version_stays_free, 0,
	     "on a vCPU PSCI_VERSION may change after a run"),
	RULE(psci_version_unsupported, 0,
	     "a PSCI version that KVM does not have is -EINVAL"),
	RULE(psci_version_without_02, 0,
	     "without PSCI_0_2 the version is 0.1, else -EINVAL"),
	RULE(counters_stay_free, 0, "TIMER_CNT may change after a run"),
	RULE(cpu_must_be_equal, 0,
	     "MIDR, REVIDR, AIDR take their own value, else -EINVAL"),
	RULE(workarounds_must_be_no_more, 0,
	     "a workaround's level is compared: more than the host's -EINVAL"),
};

CHAPTER(freezing);
