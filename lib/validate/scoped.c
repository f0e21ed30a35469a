/* SPDX-License-Identifier: MIT */
/* Which registers are VM-scoped, and what the tests of them share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scoped.h"

/* From the interface's documentation, not from what a kernel lists. */
static const struct {
	uint64_t first, last;
	bool early;
} table[] = {
	{ KA_PSCI_VERSION, KA_PSCI_VERSION, false },
	{ KA_FW(1), KA_FW(3), false },	/* SMCCC_ARCH_WORKAROUND_n */
	{ KA_STD_BMAP, KA_VENDOR_HYP_BMAP_2, true },
	{ KA_MIDR, KA_MIDR, true },
	{ KA_REVIDR, KA_REVIDR, true },
	{ KA_AIDR, KA_AIDR, true },
	{ KA_ID_FIRST, KA_ID_LAST, false },
	{ KA_CTR, KA_CTR, false },
	{ KA_TIMER_CNT, KA_TIMER_CNT, true },
	{ KA_PTIMER_CNT, KA_PTIMER_CNT, true },
};

static const uint64_t config[] = { KA_VM_ASYM, KA_VM_FEATURES, KA_VM_CAPS,
				   KA_VM_COUNTER_OFFSET };

bool scoped(uint64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (id >= table[i].first && id <= table[i].last)
			return true;
	return false;
}

bool scoped_early(uint64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (id >= table[i].first && id <= table[i].last)
			return table[i].early;
	return scoped_config(id);
}

bool scoped_config(uint64_t id)
{
	return (id & KA_REG_CLASS_MASK) == KA_REG_VM;
}

bool scoped_counter(uint64_t id)
{
	return id == KA_TIMER_CNT || id == KA_PTIMER_CNT;
}

bool scoped_bitmap(uint64_t id)
{
	return (id & KA_REG_CLASS_MASK) == KA_REG_FW_FEAT_BMAP;
}

void scoped_expect(const struct v_list *vcpu, struct v_list *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < ARRAY_SIZE(config); i++)
		ret->ids[ret->n++] = config[i];
	for (size_t i = 0; i < vcpu->n; i++)
		if (scoped(vcpu->ids[i]))
			ret->ids[ret->n++] = vcpu->ids[i];
}

static void missing(struct v *v, const struct v_list *from,
		    const struct v_list *in, const char *what)
{
	char name[96];

	for (size_t i = 0; i < from->n; i++) {
		onereg_reg_name(from->ids[i], name, sizeof(name));
		v_true(v, v_listed(in, from->ids[i]), "%s (%#llx) %s", name,
		       (unsigned long long)from->ids[i], what);
	}
}

void scoped_same_set(struct v *v, const struct v_list *got,
		     const struct v_list *want)
{
	missing(v, want, got, "is missing in the list");
	missing(v, got, want, "should not be in the list");
	v_same(v, got->n, want->n, "ids in the list");
}

int scoped_try_list(struct v *v, int fd, uint64_t room, struct v_list *list)
{
	memset(list, POISON & 0xff, sizeof(*list));
	list->n = room;
	return v_ioctl(v, fd, KA_GET_REG_LIST, list);
}

void scoped_poisoned(struct v *v, const struct v_list *list, size_t from)
{
	for (size_t i = from; i < V_LIST_MAX; i++)
		if (!v_same(v, list->ids[i], POISON, "reg[%zu]", i))
			return;
}

/* ---- vectors ---- */

struct vec *vec_new(struct v *v)
{
	struct vec *vec = calloc(1, sizeof(*vec));

	v_true(v, vec, "no memory");
	return vec;
}

void vec_add(struct vec *vec, uint64_t id, uint64_t value)
{
	uint32_t i = vec->n;

	if (!vec || i == VEC_MAX)
		return;
	memset(vec->values[i], POISON & 0xff, sizeof(vec->values[i]));
	vec->values[i][0] = value;
	vec->regs[i] = (struct ka_one_reg){ id, (uintptr_t)vec->values[i] };
	vec->n++;
}

void vec_add_list(struct vec *vec, const struct v_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		vec_add(vec, list->ids[i], POISON);
}

int vec_try(struct v *v, int fd, unsigned long request, struct vec *vec)
{
	struct ka_reg_vec call = {
		.count = vec->n,
		.done = (uint32_t)POISON,
		.regs = (uintptr_t)vec->regs,
	};
	int ret = v_ioctl(v, fd, request, &call);

	vec->done = call.done;
	v_true(v, call.count == vec->n && !call.flags && !call.reserved &&
		       call.regs == (uintptr_t)vec->regs,
	       "the vector's count, flags, regs or reserved changed");
	return ret;
}

void vec_is(struct v *v, int fd, unsigned long request, struct vec *vec,
	    int want, uint32_t done)
{
	const char *name = request == KA_GET_REG_VEC ? "KVM_GET_REG_VEC" :
						       "KVM_SET_REG_VEC";
	int got = vec_try(v, fd, request, vec);

	v_is(v, got, want, "%s of %u on %s", name, vec->n, v_name(v, fd));
	v_same(v, vec->done, done, "done of %s of %u on %s", name, vec->n,
	       v_name(v, fd));
}
