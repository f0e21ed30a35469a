// SPDX-License-Identifier: MIT
/*
 * Does the model do as this kernel does? A model is made from the kernel's
 * description; then both are asked the same, legal and not, and have to give
 * the same answers: errno by errno, value by value.
 */
#include <errno.h>
#include <string.h>

#include "model.h"
#include "suite.h"

#define ICC_CTLR	KA_SYS_LOW(3, 0, 12, 12, 4)
#define MAX_LOGGED	8192
#define NR_ROUNDS	3

struct both {
	struct guest real, model;
	size_t asked, differ;
};

static bool moves(uint64_t id)
{
	return id == KA_TIMER_CNT || id == KA_PTIMER_CNT ||
	       id == KA_TIMER_CTL || id == KA_PTIMER_CTL;
}

static void answer(struct test *t, struct both *b, bool same,
		   const char *what, uint64_t group, uint64_t id,
		   uint64_t value, int real, int model)
{
	b->asked++;
	if (same)
		return;
	b->differ++;
	if (t->log_used < MAX_LOGGED)
		test_fail(t, "%s %#llx %#llx, value %#llx: %d, model %d\n",
			  what, (unsigned long long)group,
			  (unsigned long long)id, (unsigned long long)value,
			  real, model);
}

static void get_both(struct test *t, struct both *b, size_t vcpu, uint64_t id)
{
	uint8_t x[KA_REG_SIZE_MAX] = { 0 }, y[KA_REG_SIZE_MAX] = { 0 };
	int rx = guest_get(&b->real, vcpu, id, x);
	int ry = guest_get(&b->model, vcpu, id, y);
	uint64_t word;

	memcpy(&word, x, 8);
	answer(t, b, rx == ry && (moves(id) || !memcmp(x, y, sizeof(x))),
	       "GET", vcpu, id, word, rx, ry);
}

static void set_both(struct test *t, struct both *b, size_t vcpu, uint64_t id,
		     const void *value)
{
	uint64_t word;
	int rx = guest_set(&b->real, vcpu, id, value);
	int ry = guest_set(&b->model, vcpu, id, value);

	memcpy(&word, value, 8);
	answer(t, b, rx == ry, "SET", vcpu, id, word, rx, ry);
	get_both(t, b, vcpu, id);
}

static uint64_t candidate(uint64_t now, unsigned int i, uint64_t *seed)
{
	unsigned int lsb = random_next(seed) % 16 * 4;

	switch (i) {
	case 0:
		return now;
	case 1:
		return 0;
	case 2:
		return UINT64_MAX;
	case 3:
		return now ^ 1ULL << random_next(seed) % 64;
	case 4:
		/* One field less. */
		return now >> lsb & 0xf ? now - (1ULL << lsb) : now;
	case 5:
		return now + (1ULL << lsb);
	}
	return random_next(seed);
}

static void ask_reg(struct test *t, struct both *b, size_t vcpu, uint64_t id,
		    uint64_t *seed)
{
	uint8_t value[KA_REG_SIZE_MAX];
	uint64_t word = 0;

	if (onereg_reg_size(id) > 8) {
		for (size_t i = 0; i < sizeof(value); i++)
			value[i] = random_next(seed);
		set_both(t, b, vcpu, id, value);
		return;
	}
	for (unsigned int i = 0; i < 7; i++) {
		guest_get(&b->real, vcpu, id, &word);
		word = candidate(word, i, seed);
		set_both(t, b, vcpu, id, &word);
	}
}

/* Neighbours of what is listed: mostly ids that there are not. */
static void ask_wrong_ids(struct test *t, struct both *b, uint64_t id)
{
	static const uint64_t flips[] = { 1, 8, 1ULL << 28, 1ULL << 32,
					  1ULL << 52 };

	for (size_t i = 0; i < ARRAY_SIZE(flips); i++) {
		uint64_t wrong = id ^ flips[i];

		/* Words that the kernel would read past are not for this. */
		if (onereg_reg_size(wrong))
			get_both(t, b, 0, wrong);
	}
}

static void ask_regs(struct test *t, struct both *b, uint64_t seed)
{
	struct regset x = { 0 }, y = { 0 };

	EXPECT(t, !io_reg_list(b->real.machine->io, b->real.vcpu_fds[0], &x) &&
			  !io_reg_list(b->model.machine->io,
				       b->model.vcpu_fds[0], &y) &&
			  regset_equal(&x, &y), "other lists");
	for (size_t i = 0; i < x.n; i++) {
		ask_wrong_ids(t, b, x.ids[i]);
		/* MPIDR would move a redistributor. */
		if (x.ids[i] == KA_SYS(3, 0, 0, 0, 5))
			continue;
		for (unsigned int n = 0; n < NR_ROUNDS; n++)
			ask_reg(t, b, n % b->real.shape.n_vcpus, x.ids[i],
				&seed);
	}
	regset_free(&x);
	regset_free(&y);
}

static void get_attr_both(struct test *t, struct both *b, uint32_t group,
			  uint32_t size, uint64_t attr)
{
	struct attr x = { group, size, attr, 0 }, y = x;
	int rx = io_get_attr(b->real.machine->io, b->real.gic_fd, &x);
	int ry = io_get_attr(b->model.machine->io, b->model.gic_fd, &y);

	answer(t, b, rx == ry && x.value == y.value, "GET GIC", group, attr,
	       x.value ^ y.value, rx, ry);
}

static void ask_attr(struct test *t, struct both *b, uint32_t group,
		     uint32_t size, uint64_t attr, uint64_t *seed)
{
	struct attr x = { group, size, attr, random_next(seed) }, y;
	uint64_t value;
	int rx, ry;

	get_attr_both(t, b, group, size, attr);

	if (size == 4)
		x.value &= UINT32_MAX;
	y = x;
	value = x.value;
	rx = io_set_attr(b->real.machine->io, b->real.gic_fd, &x);
	ry = io_set_attr(b->model.machine->io, b->model.gic_fd, &y);
	answer(t, b, rx == ry, "SET GIC", group, attr, value, rx, ry);
	get_attr_both(t, b, group, size, attr);
}

static void ask_gic_range(struct test *t, struct both *b, uint32_t group,
			  uint64_t first, uint64_t size, uint64_t *seed)
{
	for (uint64_t at = first; at < first + size; at += 4)
		ask_attr(t, b, group, 4, at, seed);
}

static void ask_gic(struct test *t, struct both *b, uint64_t seed)
{
	/* PMR, BPR0, AP0R0..3, AP1R0..3, BPR1, SRE, IGRPEN0, IGRPEN1, none */
	static const uint32_t icc[] = {
		0xc230, 0xc643, 0xc644, 0xc645, 0xc646, 0xc647, 0xc648,
		0xc649, 0xc64a, 0xc64b, 0xc663, 0xc665, 0xc666, 0xc667,
		0xc661, ICC_CTLR,
	};

	for (unsigned int n = 0; n < 2; n++) {
		ask_gic_range(t, b, KA_VGIC_GRP_DIST_REGS, 0, 0x14, &seed);
		ask_gic_range(t, b, KA_VGIC_GRP_DIST_REGS, 0x80, 0xd00,
			      &seed);
		ask_gic_range(t, b, KA_VGIC_GRP_DIST_REGS, 0x6000, 0x880,
			      &seed);
		ask_gic_range(t, b, KA_VGIC_GRP_DIST_REGS, 0xffd0, 48, &seed);
		ask_gic_range(t, b, KA_VGIC_GRP_REDIST_REGS, 0, 0xd0, &seed);
		ask_gic_range(t, b, KA_VGIC_GRP_REDIST_REGS,
			      1ULL << 32 | 0x10000, 0xd10, &seed);
		ask_gic_range(t, b, KA_VGIC_GRP_LEVEL_INFO, 0, 128, &seed);
	}
	for (size_t i = 0; i < ARRAY_SIZE(icc); i++)
		for (unsigned int n = 0; n < NR_ROUNDS; n++)
			ask_attr(t, b, KA_VGIC_GRP_CPU_SYSREGS, 8, icc[i],
				 &seed);
	ask_attr(t, b, KA_VGIC_GRP_REDIST_REGS, 4, 9ULL << 32, &seed);
	ask_attr(t, b, KA_VGIC_GRP_CTRL, 8, 99, &seed);
	ask_attr(t, b, 99, 8, 0, &seed);
}

static void ask_events(struct test *t, struct both *b, uint64_t seed)
{
	for (unsigned int n = 0; n < 200; n++) {
		struct ka_vcpu_events x = { 0 }, y;
		struct ka_mp_state mp = { random_next(&seed) % 12 };
		int rx, ry;

		x.serror_pending = random_next(&seed) % 2;
		x.serror_has_esr = random_next(&seed) % 2;
		x.serror_esr = random_next(&seed) >> (37 + n % 3);
		x.pad[n % 5] = random_next(&seed) % 5 == 0;
		x.reserved[n % 12] = random_next(&seed) % 5 == 0;
		rx = io_ioctl(b->real.machine->io, b->real.vcpu_fds[0],
			      KA_SET_VCPU_EVENTS, &x);
		ry = io_ioctl(b->model.machine->io, b->model.vcpu_fds[0],
			      KA_SET_VCPU_EVENTS, &x);
		answer(t, b, rx == ry, "SET events", 0, n, x.serror_esr, rx,
		       ry);
		rx = io_ioctl(b->real.machine->io, b->real.vcpu_fds[0],
			      KA_GET_VCPU_EVENTS, &x);
		ry = io_ioctl(b->model.machine->io, b->model.vcpu_fds[0],
			      KA_GET_VCPU_EVENTS, &y);
		answer(t, b, rx == ry && !memcmp(&x, &y, sizeof(x)),
		       "GET events", 0, n, x.serror_esr ^ y.serror_esr, rx,
		       ry);
		rx = io_ioctl(b->real.machine->io, b->real.vcpu_fds[0],
			      KA_SET_MP_STATE, &mp);
		ry = io_ioctl(b->model.machine->io, b->model.vcpu_fds[0],
			      KA_SET_MP_STATE, &mp);
		answer(t, b, rx == ry, "SET MP state", 0, n, mp.mp_state, rx,
		       ry);
	}
}

/* What a description does not tell: the GIC CPU interface's bits. */
static void learn_gic(struct both *b, struct model_style *style)
{
	struct attr ctlr = { KA_VGIC_GRP_CPU_SYSREGS, 8, ICC_CTLR, 0 };

	if (b->real.gic_fd < 0 ||
	    io_get_attr(b->real.machine->io, b->real.gic_fd, &ctlr))
		return;
	style->gic_pri_bits = (ctlr.value >> 8 & 7) + 1;
	style->gic_id_bits = ctlr.value >> 11 & 7;
	style->gic_seis = ctlr.value >> 14 & 1;
	style->gic_a3v = ctlr.value >> 15 & 1;
}

static void ask(struct test *t, struct onereg_host *host,
		const struct shape *shape)
{
	struct both b = { .real = no_guest, .model = no_guest };
	struct machine machine = { 0 };
	struct model_style style;

	b.real.machine = &t->src;
	if (guest_create(t, &b.real, &t->src, shape) &&
	    guest_start(t, &b.real)) {
		model_style_default(host, &style);
		learn_gic(&b, &style);
		EXPECT(t, !model_new(host, &style, &machine.model), "model");
		machine.io = model_io(machine.model);
		if (guest_create(t, &b.model, &machine, shape) &&
		    guest_start(t, &b.model)) {
			ask_regs(t, &b, 1);
			ask_events(t, &b, 2);
			if (b.real.gic_fd >= 0)
				ask_gic(t, &b, 3);
		}
		guest_destroy(&b.model);
	}
	guest_destroy(&b.real);
	model_free(machine.model);
	EXPECT(t, !b.differ, "%zu of %zu answers differ", b.differ, b.asked);
}

void model_agrees_with_this_kernel(struct test *t)
{
	struct onereg_describe_options o = { .size = sizeof(o),
					     .io = t->src.io };
	struct shape shape = default_shape(t);
	struct onereg_host *host = NULL;
	int ret = onereg_host_describe(&o, &host, NULL);

	if (!EXPECT(t, !ret, "%d", ret))
		return;
	if (onereg_host_cap(host, KA_CAP_ARM_SUPPORTED_REG_MASK_RANGES) > 0)
		ask(t, host, &shape);
	else
		t->skipped = "the model is one of kernels with masks";
	onereg_host_free(host);
}
