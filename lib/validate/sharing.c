/* SPDX-License-Identifier: MIT */
/* What is one value for the VM behind the ids of its vCPUs, and what is not. */
#include <errno.h>

#include "validate.h"

static void id_registers(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_value(v, p.b, v->id_reg.id, v->id_reg.value);
	v_set(v, p.a, v->id_reg.id, v->id_reg.other, 0);
	v_value(v, p.b, v->id_reg.id, v->id_reg.other);
	v_set(v, p.b, v->id_reg.id, v->id_reg.value, 0);
	v_value(v, p.a, v->id_reg.id, v->id_reg.value);
}

static void bitmaps(struct v *v)
{
	struct v_pair p = v_pair(v);

	for (uint64_t i = 0; i < 3; i++) {
		uint64_t all = v_read(v, p.a, KA_BMAP(i));

		v_true(v, all, "bitmap %d offers nothing", (int)i);
		v_set(v, p.a, KA_BMAP(i), 0, 0);
		v_value(v, p.b, KA_BMAP(i), 0);
		v_set(v, p.b, KA_BMAP(i), all, 0);
		v_value(v, p.a, KA_BMAP(i), all);
	}
}

static void psci_version(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.a, KA_PSCI_VERSION, PSCI_1_0, 0);
	v_value(v, p.b, KA_PSCI_VERSION, PSCI_1_0);
	v_set(v, p.b, KA_PSCI_VERSION, 2, 0);
	v_value(v, p.a, KA_PSCI_VERSION, 2);
}

static void survive_an_init(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.a, KA_PSCI_VERSION, PSCI_1_0, 0);
	v_set(v, p.a, v->id_reg.id, v->id_reg.other, 0);
	v_init(v, p.a, PSCI);
	v_init(v, p.b, PSCI);
	v_value(v, p.a, v->id_reg.id, v->id_reg.other);
	v_value(v, p.b, KA_PSCI_VERSION, PSCI_1_0);
}

static void later_vcpus(struct v *v)
{
	int vm = v_vm(v), a = v_ready(v, vm, 0, PSCI), b;

	v_set(v, a, v->id_reg.id, v->id_reg.other, 0);
	v_set(v, a, KA_PSCI_VERSION, PSCI_1_0, 0);
	b = v_ready(v, vm, 1, PSCI);
	v_value(v, b, v->id_reg.id, v->id_reg.other);
	v_value(v, b, KA_PSCI_VERSION, PSCI_1_0);
}

static void other_vms(struct v *v)
{
	struct v_pair p = v_pair(v), q = v_pair(v);

	v_set(v, p.a, v->id_reg.id, v->id_reg.other, 0);
	v_set(v, p.a, KA_PSCI_VERSION, PSCI_1_0, 0);
	v_set(v, p.a, KA_TIMER_CNT, FAR, 0);
	v_value(v, q.a, v->id_reg.id, v->id_reg.value);
	v_true(v, v_read(v, q.a, KA_PSCI_VERSION) != PSCI_1_0,
	       "PSCI_VERSION of another VM changed");
	v_true(v, v_read(v, q.a, KA_TIMER_CNT) < FAR,
	       "TIMER_CNT of another VM changed");
}

static void moves(struct v *v, int set, int get, uint64_t id)
{
	uint64_t now;

	v_set(v, set, id, FAR, 0);
	now = v_read(v, get, id);
	v_true(v, now >= FAR && now - FAR < NEAR,
	       "set to %#llx on %s, %s reads %#llx", FAR, v_name(v, set),
	       v_name(v, get), (unsigned long long)now);
	v_set(v, get, id, 0, 0);
	now = v_read(v, set, id);
	v_true(v, now < NEAR, "set to 0 on %s, %s reads %#llx",
	       v_name(v, get), v_name(v, set), (unsigned long long)now);
}

static void virtual_counter(struct v *v)
{
	struct v_pair p = v_pair(v);

	moves(v, p.a, p.b, KA_TIMER_CNT);
}

static void physical_counter(struct v *v)
{
	struct v_pair p = v_pair(v);

	moves(v, p.a, p.b, KA_PTIMER_CNT);
}

static void counters_apart(struct v *v)
{
	struct v_pair p = v_pair(v);

	v_set(v, p.a, KA_TIMER_CNT, FAR, 0);
	v_true(v, v_read(v, p.b, KA_PTIMER_CNT) < FAR,
	       "a SET of TIMER_CNT moved PTIMER_CNT");
	v_set(v, p.a, KA_PTIMER_CNT, 2 * FAR, 0);
	v_true(v, v_read(v, p.b, KA_TIMER_CNT) < 2 * FAR,
	       "a SET of PTIMER_CNT moved TIMER_CNT");
}

static void counters_go_on(struct v *v)
{
	struct v_pair p = v_pair(v);
	uint64_t a, b;

	v_set(v, p.a, KA_TIMER_CNT, FAR, 0);
	a = v_read(v, p.a, KA_TIMER_CNT);
	b = v_read(v, p.b, KA_TIMER_CNT);
	v_true(v, a >= FAR && b >= a, "TIMER_CNT went from %#llx to %#llx",
	       (unsigned long long)a, (unsigned long long)b);
}

static void of_each_vcpu(struct v *v)
{
	static const uint64_t ids[] = {
		X0,
		KA_SYS(3, 0, 2, 0, 0),	/* TTBR0_EL1 */
		KA_SYS(3, 3, 13, 0, 2),	/* TPIDR_EL0 */
		KA_TIMER_CVAL,
		KA_PTIMER_CVAL,	/* the last: not on every kernel */
	};
	struct v_pair p = v_pair(v);

	size_t n = ARRAY_SIZE(ids) - !(v->has & NEED_PTIMER);

	for (size_t i = 0; i < n; i++) {
		uint64_t before = v_read(v, p.b, ids[i]);

		v_set(v, p.a, ids[i], before + 0x1000, 0);
		v_value(v, p.a, ids[i], before + 0x1000);
		v_value(v, p.b, ids[i], before);
	}
}

static void host_facts_are_equal(struct v *v)
{
	static const uint64_t ids[] = { KA_MIDR, KA_REVIDR, KA_AIDR, KA_CTR,
					KA_FW(1), KA_FW(2), KA_FW(3) };
	struct v_pair p = v_pair(v);

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		v_value(v, p.b, ids[i], v_read(v, p.a, ids[i]));
}

static const struct rule rules[] = {
	RULE(id_registers, NEED_ID_CHANGE | NEED_MASKS,
	     "an ID register written through one vCPU is that of all"),
	RULE(bitmaps, NEED_BITMAPS,
	     "a feature bitmap written through one vCPU is that of all"),
	RULE(psci_version, 0,
	     "PSCI_VERSION written through one vCPU is that of all"),
	RULE(survive_an_init, NEED_ID_CHANGE | NEED_MASKS,
	     "KVM_ARM_VCPU_INIT does not reset what is the VM's"),
	RULE(later_vcpus, NEED_ID_CHANGE | NEED_MASKS,
	     "a later vCPU has what was written before it came"),
	RULE(other_vms, NEED_ID_CHANGE, "another VM notices nothing"),
	RULE(virtual_counter, 0,
	     "TIMER_CNT written through one vCPU moves that of all"),
	RULE(physical_counter, NEED_PTIMER,
	     "PTIMER_CNT written through one vCPU moves that of all"),
	RULE(counters_apart, NEED_PTIMER,
	     "TIMER_CNT and PTIMER_CNT do not move each other"),
	RULE(counters_go_on, 0, "a counter goes on from what was written"),
	RULE(of_each_vcpu, 0,
	     "core, system and compare registers are each vCPU's own"),
	RULE(host_facts_are_equal, 0,
	     "facts of the host are the same on each vCPU"),
};

CHAPTER(sharing);
