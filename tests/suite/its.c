// SPDX-License-Identifier: MIT
/* An ITS as KVM has it: registers, commands, LPIs. */
#include <errno.h>
#include <linux/kvm.h>

#include "its.h"

#define BASER_DEVICES_RESET	0x1907000000000600ULL
#define BASER_COLLECTIONS_RESET	0x1c07000000000600ULL

bool its_guest(struct test *t, struct guest *g, size_t n_its, size_t n_vcpus)
{
	struct shape shape = default_shape(t);

	shape.n_its = n_its;
	shape.n_vcpus = n_vcpus;
	*g = no_guest;
	g->machine = &t->src;
	return guest_create(t, g, &t->src, &shape) && guest_start(t, g);
}

static void reads(struct test *t, struct guest *g, uint64_t reg,
		  uint64_t expected)
{
	uint64_t value = 0;
	int ret = its_get(g, 0, reg, &value);

	EXPECT(t, !ret && value == expected, "%#llx: %d, %#llx, not %#llx",
	       (unsigned long long)reg, ret, (unsigned long long)value,
	       (unsigned long long)expected);
}

static void becomes(struct test *t, struct guest *g, uint64_t reg,
		    uint64_t written, uint64_t expected)
{
	int ret = its_set(g, 0, reg, written);

	EXPECT(t, !ret, "%#llx: %d", (unsigned long long)reg, ret);
	reads(t, g, reg, expected);
}

static void reset_values(struct test *t, struct guest *g)
{
	uint64_t value = 0;

	reads(t, g, GITS_CTLR, 0x80000000);
	reads(t, g, GITS_IIDR, 0x4b00043b);
	reads(t, g, GITS_TYPER, 0x1ef71);
	reads(t, g, GITS_CBASER, 0);
	reads(t, g, GITS_BASER(0), BASER_DEVICES_RESET);
	reads(t, g, GITS_BASER(1), BASER_COLLECTIONS_RESET);
	reads(t, g, GITS_BASER(7), 0);
	reads(t, g, 0xffe8, 0x3b);
	gicr_get(g, 0, GICR_PROPBASER, &value);
	EXPECT(t, value == 0x580, "PROPBASER %#llx",
	       (unsigned long long)value);
	gicr_get(g, 0, 0x8, &value);
	EXPECT(t, value & 1, "GICR_TYPER.PLPIS");
}

/* What a guest may have written where it is not supported. */
static void sanitised(struct test *t, struct guest *g)
{
	becomes(t, g, GITS_BASER(0), UINT64_MAX,
		0xf907fffffffffeffULL);
	becomes(t, g, GITS_BASER(1), UINT64_MAX,
		0xbc07fffffffffeffULL);
	becomes(t, g, GITS_BASER(2), UINT64_MAX, 0);
	becomes(t, g, GITS_BASER(0), 0x800, BASER_DEVICES_RESET);
	becomes(t, g, GITS_CBASER, UINT64_MAX, 0xff1fffffffff0fffULL);
	becomes(t, g, GITS_CBASER, 0, 0x1800000000000000ULL);
	becomes(t, g, GITS_TYPER, 0, 0x1ef71);
	becomes(t, g, GITS_IIDR, 0, 0x4b00043b);
}

/* The queue's offsets; a new queue is empty. */
static void queue(struct test *t, struct guest *g)
{
	int ret;

	becomes(t, g, GITS_CBASER, MEMORY_QUEUE(0) | 1,
		0x1800000000000000ULL | MEMORY_QUEUE(0) | 1);
	becomes(t, g, GITS_CWRITER, 0x1fff, 0x1fe0);
	becomes(t, g, GITS_CWRITER, 0x2000, 0x1fe0);
	becomes(t, g, GITS_CREADR, 0x47, 0x40);
	reads(t, g, GITS_CTLR, 0);
	ret = its_set(g, 0, GITS_CREADR, 0x2000);
	EXPECT(t, ret == -EINVAL, "%d", ret);
	reads(t, g, GITS_CREADR, 0x40);
	its_set(g, 0, GITS_CBASER, MEMORY_QUEUE(0));
	reads(t, g, GITS_CREADR, 0);
	reads(t, g, GITS_CWRITER, 0);
	/* Neither tables nor queue are valid. */
	becomes(t, g, GITS_CTLR, 1, 0x80000000);
}

static void enabled(struct test *t, struct guest *g)
{
	uint64_t baser = 0, cbaser = 0, value = 0;
	int ret;

	if (!its_boot(t, g, false))
		return;
	its_get(g, 0, GITS_BASER(0), &baser);
	its_get(g, 0, GITS_CBASER, &cbaser);
	becomes(t, g, GITS_BASER(0), 0, baser);
	becomes(t, g, GITS_CBASER, 0, cbaser);
	ret = its_set(g, 0, GITS_CREADR, 0);
	EXPECT(t, ret == -EBUSY, "%d", ret);
	/* As long as LPIs are enabled. */
	gicr_set(g, 0, GICR_PENDBASER, 0);
	gicr_set(g, 0, GICR_PROPBASER, 0);
	gicr_get(g, 0, GICR_PENDBASER, &value);
	EXPECT(t, (value & ~0xfffULL) == MEMORY_PEND(0), "%#llx",
	       (unsigned long long)value);
	gicr_get(g, 0, GICR_PROPBASER, &value);
	EXPECT(t, (value & ~0xfffULL) == MEMORY_PROP, "%#llx",
	       (unsigned long long)value);
	ret = its_control(g, 0, KA_ITS_CTRL_RESET);
	EXPECT(t, !ret, "%d", ret);
	reads(t, g, GITS_CTLR, 0x80000000);
	reads(t, g, GITS_BASER(0), baser & ~TABLE_VALID);
	reads(t, g, GITS_CBASER, 0);
	reads(t, g, GITS_CWRITER, 0);
}

void its_registers_keep_their_rules(struct test *t)
{
	struct attr typer = { KA_VGIC_GRP_DIST_REGS, 4, GICD_TYPER, 0 };
	struct guest g;

	if (!need_its(t))
		return;
	if (its_guest(t, &g, 1, 2)) {
		EXPECT(t, !io_get_attr(t->src.io, g.gic_fd, &typer) &&
				  (typer.value & 1U << 17) &&
				  (typer.value >> 19 & 0x1f) == 15,
		       "GICD_TYPER %#llx", (unsigned long long)typer.value);
		reset_values(t, &g);
		sanitised(t, &g);
		queue(t, &g);
		enabled(t, &g);
	}
	guest_destroy(&g);
}

/* ---- what is wrong ---- */

static int set_attr(struct guest *g, uint32_t group, uint64_t attr,
		    uint64_t value)
{
	struct attr a = { group, 8, attr, value };

	return io_set_attr(g->machine->io, g->its_fds[0], &a);
}

static int get_attr(struct guest *g, uint32_t group, uint64_t attr)
{
	struct attr a = { group, 8, attr, 0 };

	return io_get_attr(g->machine->io, g->its_fds[0], &a);
}

static int has_attr(struct guest *g, uint32_t group, uint64_t attr)
{
	struct ka_device_attr a = { .group = group, .attr = attr };

	return io_ioctl(g->machine->io, g->its_fds[0], KA_HAS_DEVICE_ATTR, &a);
}

static void gives(struct test *t, const char *what, int ret, int expected)
{
	EXPECT(t, ret == expected, "%s: %d, not %d", what, ret, expected);
}

static void wrong_attributes(struct test *t, struct guest *g)
{
	const uint32_t regs = KA_VGIC_GRP_ITS_REGS, ctrl = KA_VGIC_GRP_CTRL;

	gives(t, "misaligned", get_attr(g, regs, GITS_CBASER + 4), -EINVAL);
	gives(t, "misaligned", set_attr(g, regs, GITS_CTLR + 2, 0), -EINVAL);
	gives(t, "none", get_attr(g, regs, 0x18), -ENXIO);
	gives(t, "none", set_attr(g, regs, 0x140, 0), -ENXIO);
	gives(t, "revision", its_set(g, 0, GITS_IIDR, 0x1000), -EINVAL);
	gives(t, "address again", set_attr(g, KA_VGIC_GRP_ADDR,
					   KA_VGIC_ITS_ADDR_TYPE,
					   ITS_ADDRESS(3)), -EEXIST);
	gives(t, "other address", set_attr(g, KA_VGIC_GRP_ADDR, 2,
					   ITS_ADDRESS(3)), -ENODEV);
	gives(t, "other group", set_attr(g, 3, 0, 64), -ENXIO);
	gives(t, "get of control", get_attr(g, ctrl, 1), -ENXIO);
	gives(t, "init", set_attr(g, ctrl, KA_VGIC_CTRL_INIT, 0), 0);
	gives(t, "has save", has_attr(g, ctrl, KA_ITS_SAVE_TABLES), 0);
	gives(t, "has reset", has_attr(g, ctrl, KA_ITS_CTRL_RESET), 0);
	gives(t, "has pending", has_attr(g, ctrl, 3), -ENXIO);
	gives(t, "has address", has_attr(g, KA_VGIC_GRP_ADDR, 4), 0);
	gives(t, "has register", has_attr(g, regs, GITS_CREADR), 0);
	gives(t, "has misaligned", has_attr(g, regs, 0x84), -EINVAL);
	gives(t, "has none", has_attr(g, regs, 0x200), -ENXIO);
}

/* Of an ITS that has none. */
static void wrong_addresses(struct test *t, struct guest *g)
{
	struct ka_create_device cd = { .type = KA_DEV_TYPE_ARM_VGIC_ITS };
	const struct onereg_io *io = g->machine->io;
	struct attr a = { KA_VGIC_GRP_ADDR, 8, KA_VGIC_ITS_ADDR_TYPE, 0 };
	struct attr reg = { KA_VGIC_GRP_ITS_REGS, 8, GITS_CTLR, 0 };

	if (!EXPECT(t, !io_ioctl(io, g->vm_fd, KA_CREATE_DEVICE, &cd),
		    "no second ITS"))
		return;
	gives(t, "no address", io_get_attr(io, cd.fd, &reg), -ENXIO);
	gives(t, "no address", io_get_attr(io, cd.fd, &a), 0);
	EXPECT(t, a.value == UINT64_MAX, "%#llx",
	       (unsigned long long)a.value);
	a.value = ITS_ADDRESS(1) + 0x1000;
	gives(t, "unaligned", io_set_attr(io, cd.fd, &a), -EINVAL);
	a.value = 0ULL - 0x10000;
	gives(t, "wraps", io_set_attr(io, cd.fd, &a), -EINVAL);
	a.value = 1ULL << 40;
	gives(t, "too high", io_set_attr(io, cd.fd, &a), -E2BIG);
	a.value = (1ULL << 40) - 0x10000;
	gives(t, "too high", io_set_attr(io, cd.fd, &a), -E2BIG);
	/* Overlapping the first: nobody looks. */
	a.value = ITS_ADDRESS(0) + 0x10000;
	gives(t, "overlaps", io_set_attr(io, cd.fd, &a), 0);
	io->close(io->userdata, cd.fd);
}

static int signal_with(struct guest *g, uint64_t address, uint32_t flags)
{
	struct kvm_msi msi = { .address_lo = (uint32_t)address,
			       .address_hi = address >> 32,
			       .flags = flags };

	return io_ioctl(g->machine->io, g->vm_fd, KVM_SIGNAL_MSI, &msi);
}

static void wrong_signals(struct test *t, struct guest *g)
{
	gives(t, "disabled", its_signal(g, 0, 0, 0), -EBUSY);
	its_boot(t, g, false);
	gives(t, "unmapped", its_signal(g, 0, 0, 0), 0);
	gives(t, "nowhere", signal_with(g, 0x1000, 1), -EINVAL);
	gives(t, "no DeviceID", signal_with(g, ITS_ADDRESS(0), 0), -EINVAL);
	gives(t, "flags", signal_with(g, ITS_ADDRESS(0), 2), -EINVAL);
	RUN(t, g, 0, mapc(0, g->ids[0]), mapd(0, 2, MEMORY_ITTS(0)),
	    mapti(0, 0, LPI(0), 0));
	gives(t, "mapped", its_signal(g, 0, 0, 0), 1);
	gicr_set(g, 0, GICR_CTLR, 0);
	gives(t, "LPIs disabled", its_signal(g, 0, 0, 0), -EBUSY);
}

/* As long as a vCPU runs; a model can be told that it does. */
static void busy(struct test *t, struct guest *g)
{
	if (!t->src.model)
		return;
	EXPECT(t, !model_set_running(t->src.model, g->vcpu_fds[1], true),
	       "running");
	gives(t, "register", get_attr(g, KA_VGIC_GRP_ITS_REGS, 0), -EBUSY);
	gives(t, "save", its_control(g, 0, KA_ITS_SAVE_TABLES), -EBUSY);
	gives(t, "pending", its_save(g), -EBUSY);
	gives(t, "init", its_control(g, 0, KA_VGIC_CTRL_INIT), 0);
	EXPECT(t, !model_set_running(t->src.model, g->vcpu_fds[1], false),
	       "running");
}

void its_refuses_what_is_wrong(struct test *t)
{
	struct guest g;

	if (!need_its(t))
		return;
	if (its_guest(t, &g, 1, 2)) {
		wrong_attributes(t, &g);
		wrong_signals(t, &g);
		busy(t, &g);
		wrong_addresses(t, &g);
	}
	guest_destroy(&g);
	/* A signal without an ITS. */
	if (its_guest(t, &g, 0, 1))
		gives(t, "no ITS", signal_with(&g, ITS_ADDRESS(0), 1),
		      -ENODEV);
	guest_destroy(&g);
}

/* ---- LPIs ---- */

static void pending(struct test *t, struct guest *g, const char *when,
		    uint32_t lpi, int vcpu)
{
	int ret = its_save(g);

	EXPECT(t, !ret, "%s: %d", when, ret);
	for (size_t i = 0; i < g->shape.n_vcpus; i++)
		EXPECT(t, its_pending(g, i, lpi) == ((int)i == vcpu),
		       "%s: LPI %u at vCPU %zu", when, lpi, i);
}

static void start(struct test *t, struct guest *g)
{
	its_boot(t, g, false);
	for (size_t i = 0; i < g->shape.n_vcpus; i++)
		RUN(t, g, 0, mapc(i, g->ids[i]));
	RUN(t, g, 0, mapd(3, 14, MEMORY_ITTS(0)), mapti(3, 1, LPI(5), 0),
	    mapi(3, 8200, 1));
}

static void set_prop(struct guest *g, uint32_t lpi, uint8_t value)
{
	*its_memory(g, MEMORY_PROP + lpi - LPI(0)) = value;
}

/* One that is disabled is pending, too. */
static void by_commands(struct test *t, struct guest *g)
{
	start(t, g);
	RUN(t, g, 0, interrupt(3, 1));
	pending(t, g, "INT", LPI(5), 0);
	RUN(t, g, 0, clear(3, 1));
	pending(t, g, "CLEAR", LPI(5), -1);
	EXPECT(t, its_signal(g, 0, 3, 8200) == 1, "not taken");
	pending(t, g, "MSI", 8200, 1);
	set_prop(g, LPI(5), 0);
	RUN(t, g, 0, inv(3, 1), interrupt(3, 1));
	pending(t, g, "INT of a disabled one", LPI(5), 0);
	RUN(t, g, 0, invall(0));
	pending(t, g, "INVALL", LPI(5), 0);
	/* None of these is mapped. */
	RUN(t, g, 0, interrupt(3, 2), interrupt(4, 1), clear(3, 2),
	    inv(9, 9), invall(77), discard(3, 2), movi(3, 2, 0),
	    movi(3, 1, 99), mapti(8, 0, LPI(9), 0), mapti(3, 5, 100, 0),
	    mapti(3, 16384, LPI(9), 0), mapc(9, 99), movall(0, 99));
	pending(t, g, "mistakes", LPI(5), 0);
	EXPECT(t, its_n_pending(g, 0) == 1 && its_n_pending(g, 1) == 1,
	       "others are pending");
}

void lpis_do_what_commands_say(struct test *t)
{
	struct guest g;

	if (!need_its(t))
		return;
	if (its_guest(t, &g, 1, 3))
		by_commands(t, &g);
	guest_destroy(&g);
}

static void follows(struct test *t, struct guest *g)
{
	start(t, g);
	RUN(t, g, 0, interrupt(3, 1));
	pending(t, g, "INT", LPI(5), 0);
	RUN(t, g, 0, movi(3, 1, 2));
	EXPECT(t, !its_save(g) && its_pending(g, 2, LPI(5)), "MOVI");
	RUN(t, g, 0, mapc(2, g->ids[1]));
	EXPECT(t, !its_save(g) && its_pending(g, 1, LPI(5)), "MAPC");
	RUN(t, g, 0, movall(g->ids[1], g->ids[0]));
	EXPECT(t, !its_save(g) && its_pending(g, 0, LPI(5)), "MOVALL");
	/*
	 * Its collection is gone, its vCPU is not. Where it was before, KVM
	 * does not take back what it has written.
	 */
	RUN(t, g, 0, unmapc(2), clear(3, 1));
	EXPECT(t, !its_save(g) && !its_pending(g, 0, LPI(5)) &&
			  its_pending(g, 1, LPI(5)) &&
			  its_pending(g, 2, LPI(5)), "CLEAR");
	EXPECT(t, its_signal(g, 0, 3, 1) == 0, "taken without collection");
}

/* Mapping takes what is pending from memory, and clears it there. */
static void taken_from_memory(struct test *t, struct guest *g)
{
	*its_memory(g, MEMORY_PEND(1) + LPI(16) / 8) |= 1;
	*its_memory(g, MEMORY_PEND(1) + LPI(17) / 8) |= 2;
	RUN(t, g, 0, mapti(3, 9, LPI(16), 1));
	EXPECT(t, !its_pending(g, 1, LPI(16)), "not cleared");
	EXPECT(t, its_pending(g, 1, LPI(17)), "cleared");
	pending(t, g, "mapped", LPI(16), 1);
	pending(t, g, "not mapped", LPI(17), 1);
}

/* Disabling LPIs of a vCPU forgets what it would have taken. */
static void disabled(struct test *t, struct guest *g)
{
	set_prop(g, LPI(20), 0);
	set_prop(g, LPI(21), 0xa0 | LPI_ENABLED);
	RUN(t, g, 0, mapti(3, 20, LPI(20), 1), mapti(3, 21, LPI(21), 1),
	    interrupt(3, 20), interrupt(3, 21));
	gicr_set(g, 1, GICR_CTLR, 0);
	pending(t, g, "disabled, of a disabled vCPU", LPI(20), 1);
	pending(t, g, "enabled, of a disabled vCPU", LPI(21), -1);
	/* What is in the table then counts. */
	*its_memory(g, MEMORY_PEND(1) + LPI(20) / 8) = 0;
	*its_memory(g, MEMORY_PEND(1) + LPI(21) / 8) |= 1U << LPI(21) % 8;
	gicr_set(g, 1, GICR_CTLR, 1);
	pending(t, g, "enabled again", LPI(20), -1);
	pending(t, g, "enabled again", LPI(21), 1);
}

void lpis_are_where_their_vcpu_is(struct test *t)
{
	struct guest g;

	if (!need_its(t))
		return;
	if (its_guest(t, &g, 1, 3)) {
		follows(t, &g);
		taken_from_memory(t, &g);
		disabled(t, &g);
	}
	guest_destroy(&g);
}
