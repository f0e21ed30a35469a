// SPDX-License-Identifier: MIT
/* Random legal state in a VM by ioctls only, as a real kernel allows it. */
#include <string.h>

#include "migration.h"
#include "model.h"

#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define ID_FIRST	KA_SYS_LOW(3, 0, 0, 1, 0)
#define ID_LAST		KA_SYS_LOW(3, 0, 0, 7, 7)
#define PMCR		KA_SYS(3, 3, 9, 12, 0)
#define CORE_PSTATE	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 0x42)
#define NR_TRIES	4

static bool is_pmu_clr(uint64_t id)
{
	return id == KA_SYS(3, 3, 9, 12, 2) || id == KA_SYS(3, 3, 9, 12, 3) ||
	       id == KA_SYS(3, 0, 9, 14, 2);
}

static bool is_id_reg(uint64_t id)
{
	return (id & KA_REG_CLASS_MASK) == KA_REG_SYSREG &&
	       (id & 0xffff) >= ID_FIRST && (id & 0xffff) <= ID_LAST;
}

/* One field at a time, down; what the kernel refuses stays. */
static void lower(struct guest *g, uint64_t id, uint64_t *seed)
{
	uint64_t value = 0, less;

	if (guest_get(g, 0, id, &value))
		return;
	for (unsigned int lsb = 0; lsb < 64; lsb += 4) {
		uint64_t field = value >> lsb & 0xf;

		if (!field || random_next(seed) % 3)
			continue;
		less = (value & ~(0xfULL << lsb)) | (field - 1) << lsb;
		if (!guest_set(g, 0, id, &less))
			value = less;
	}
}

static void scribble_reg(struct guest *g, size_t vcpu, uint64_t id,
			 uint64_t *seed)
{
	uint8_t value[KA_REG_SIZE_MAX];
	uint64_t now = 0;

	if (onereg_reg_size(id) <= 8)
		guest_get(g, vcpu, id, &now);
	if (id == PMCR) {
		/* A guest can change neither N nor what is above it. */
		now = (now & ~0xffULL) | (random_next(seed) & 0xff);
		guest_set(g, vcpu, id, &now);
		return;
	}
	for (unsigned int i = 0; i < NR_TRIES; i++) {
		for (size_t j = 0; j < onereg_reg_size(id); j++)
			value[j] = random_next(seed);
		if (id == CORE_PSTATE) {
			now = (random_next(seed) & 0xf00003c0) | 5;
			memcpy(value, &now, 8);
		}
		if (!guest_set(g, vcpu, id, value))
			return;
		now ^= 1ULL << random_next(seed) % 32;
		if (onereg_reg_size(id) <= 8 && !guest_set(g, vcpu, id, &now))
			return;
	}
}

/* On a kernel with PMU pairs a SET adds to what the reset left. */
static void clear_pmu(struct guest *g, size_t vcpu, uint64_t id)
{
	static const uint64_t ones = UINT64_MAX;

	if (is_pmu_clr(id))
		guest_set(g, vcpu, id, &ones);
}

static bool is_left_alone(uint64_t id)
{
	uint64_t cls = id & KA_REG_CLASS_MASK;

	return id == MPIDR || id == KA_TIMER_CNT || id == KA_PTIMER_CNT ||
	       is_pmu_clr(id) || is_id_reg(id) || cls == KA_REG_FW ||
	       cls == KA_REG_FW_FEAT_BMAP || id == KA_SYS(3, 3, 0, 0, 1);
}

/* all: also what a guest cannot write, but a VMM can. */
static void scribble_vcpu(struct guest *g, size_t vcpu,
			  const struct regset *list, bool all, uint64_t *seed)
{
	static const uint32_t states[] = { KA_MP_STATE_RUNNABLE,
					   KA_MP_STATE_STOPPED,
					   KA_MP_STATE_SUSPENDED };
	struct ka_mp_state mp = { states[random_next(seed) % 3] };
	struct ka_vcpu_events events = { .serror_pending = 1,
					 .serror_has_esr = 1 };

	for (size_t i = 0; i < list->n; i++)
		clear_pmu(g, vcpu, list->ids[i]);
	for (size_t i = 0; i < list->n; i++)
		if (!is_left_alone(list->ids[i]) &&
		    (all || guest_can_write(g, list->ids[i])))
			scribble_reg(g, vcpu, list->ids[i], seed);
	events.serror_esr = random_next(seed) & 0x1ffffff;
	/* Without RAS there is no syndrome to give. */
	if ((random_next(seed) & 1) &&
	    io_ioctl(g->machine->io, g->vcpu_fds[vcpu], KA_SET_VCPU_EVENTS,
		     &events)) {
		events.serror_has_esr = 0;
		io_ioctl(g->machine->io, g->vcpu_fds[vcpu],
			 KA_SET_VCPU_EVENTS, &events);
	}
	io_ioctl(g->machine->io, g->vcpu_fds[vcpu], KA_SET_MP_STATE, &mp);
}

static void fill(struct guest *g, uint32_t group, uint64_t first,
		 uint64_t size, uint64_t *seed)
{
	for (uint64_t at = first; at < first + size; at += 4) {
		struct attr a = { group, 4, at,
				  random_next(seed) & UINT32_MAX };

		io_set_attr(g->machine->io, g->gic_fd, &a);
	}
}

static void scribble_gic(struct guest *g, uint64_t *seed)
{
	static const uint64_t first[] = { 0x80, 0x100, 0x400, 0xc00, 0x200,
					  0x300 };
	static const uint64_t size[] = { 32, 32, 256, 64, 32, 32 };

	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		fill(g, KA_VGIC_GRP_DIST_REGS, first[i], size[i], seed);
	fill(g, KA_VGIC_GRP_DIST_REGS, 0, 4, seed);
	for (unsigned int i = 32; i < 256; i++)
		fill(g, KA_VGIC_GRP_DIST_REGS, 0x6000 + i * 8, 4, seed);
	for (unsigned int i = 32; i < 256; i += 32)
		fill(g, KA_VGIC_GRP_LEVEL_INFO, i, 4, seed);
	for (size_t v = 0; v < g->shape.n_vcpus; v++) {
		uint64_t mpidr = 0, sgi;

		guest_get(g, v, MPIDR, &mpidr);
		sgi = (mpidr & 0xffffff) << 32 | 0x10000;
		for (size_t i = 0; i < ARRAY_SIZE(first); i++)
			fill(g, KA_VGIC_GRP_REDIST_REGS, sgi + first[i],
			     first[i] == 0x400 ? 32 : 4, seed);
	}
}

static void scribble_vcpus(struct test *t, struct guest *g, bool all,
			   uint64_t seed)
{
	struct regset list = { 0 };
	int ret = io_reg_list(g->machine->io, g->vcpu_fds[0], &list);

	if (!EXPECT(t, !ret, "%d", ret))
		return;
	for (size_t i = 0; i < g->shape.n_vcpus; i++)
		scribble_vcpu(g, i, &list, all, &seed);
	if (g->gic_fd >= 0)
		scribble_gic(g, &seed);
	regset_free(&list);
}

void guest_scribble_vcpus(struct test *t, struct guest *g, uint64_t seed)
{
	scribble_vcpus(t, g, false, seed);
}

void guest_scribble_by_ioctl(struct test *t, struct guest *g, uint64_t seed)
{
	struct regset list = { 0 };
	int ret = io_reg_list(g->machine->io, g->vcpu_fds[0], &list);

	if (!EXPECT(t, !ret, "%d", ret))
		return;
	for (size_t i = 0; i < list.n; i++)
		if (is_id_reg(list.ids[i]) ||
		    (list.ids[i] & KA_REG_CLASS_MASK) == KA_REG_FW_FEAT_BMAP)
			lower(g, list.ids[i], &seed);
	regset_free(&list);
	scribble_vcpus(t, g, true, seed);
}

bool guest_scribble(struct test *t, struct guest *g, uint64_t seed)
{
	int ret;

	if (!g->machine->model) {
		guest_scribble_by_ioctl(t, g, seed);
		return !t->failed;
	}
	ret = model_scribble(g->machine->model, g->vm_fd, seed);
	return EXPECT(t, !ret, "%d", ret);
}
