// SPDX-License-Identifier: MIT
/*
 * Do both sides agree? Byte by byte, but for what is rightly different: the
 * table below, a row and a reason each.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

#define CTL_ISTATUS	4
#define CAP_MSI_DEVID	131

struct both {
	struct world *w;
	uint64_t id;		/* of the register, without its tag */
	uint8_t *a, *b;		/* its value on each side */
};

static bool is_count(uint64_t id)
{
	return id == KA_TIMER_CNT || id == KA_PTIMER_CNT;
}

/* Ticks that one counter is ahead of the other, either way. */
static bool counts_differ(const struct both *v)
{
	uint64_t a, b, d;

	memcpy(&a, v->a, sizeof(a));
	memcpy(&b, v->b, sizeof(b));
	d = a - b;
	return (d >> 63 ? -d : d) > v->w->slack;
}

static bool is_ctl(uint64_t id)
{
	return id == KA_TIMER_CTL || id == KA_PTIMER_CTL;
}

static bool controls_differ(const struct both *v)
{
	return (v->a[0] ^ v->b[0]) & ~CTL_ISTATUS;
}

static bool is_hollow(uint64_t id)
{
	return id == KA_SYS(3, 0, 1, 0, 0) ||	/* SCTLR_EL1 */
	       id == KA_SYS(3, 0, 5, 1, 0) ||	/* AFSR0_EL1 */
	       id == KA_SYS(3, 0, 5, 1, 1) ||	/* AFSR1_EL1 */
	       id == KA_SYS(3, 0, 10, 3, 0);	/* AMAIR_EL1 */
}

static bool differ_unused(const struct both *v)
{
	return !v->w->target.ran;
}

/* Values of registers. What is allowed is then made equal. */
static const struct {
	bool (*is)(uint64_t id);
	bool (*differ)(const struct both *v);
	const char *why;
} values[] = {
	{ is_count, counts_differ,
	  "it runs: as far apart as a call may take" },
	{ is_ctl, controls_differ,
	  "ISTATUS tells whether a counter that runs is past a value" },
	{ is_hollow, differ_unused,
	  "once a vCPU ran, what its CPU has room for" },
};

static void allow_values(struct world *w)
{
	struct both v = { .w = w };
	struct ka_one_reg x, y;

	if (!is_get_of_regs(w->call.request))
		return;
	for (size_t i = 0; look_reg(w, 0, i, &x, &v.a) &&
			   look_reg(w, 1, i, &y, &v.b); i++) {
		v.id = x.id & ~KA_REG_SCOPE_VM;
		for (size_t n = 0; n < ARRAY_SIZE(values); n++)
			if (v.a && v.b && values[n].is(v.id) &&
			    !values[n].differ(&v))
				memcpy(v.b, v.a, 8);
	}
}

/* ---- results ---- */

static bool is_new_file(const struct world *w)
{
	return (w->call.request == KA_CREATE_VM ||
		w->call.request == KA_CREATE_VCPU) && w->ret[0] >= 0 &&
	       w->ret[1] >= 0;
}

static bool is_device(const struct world *w)
{
	return w->call.request == KA_CREATE_DEVICE && !w->ret[0] &&
	       !w->ret[1];
}

static void allow_device(struct world *w)
{
	struct ka_create_device *a, *b;

	a = (void *)look(w, &w->after[0], w->call.arg, sizeof(*a));
	b = (void *)look(w, &w->after[1], w->call.arg, sizeof(*b));
	if (a && b)
		b->fd = a->fd;
}

/* Of a VM it is 1 or 0, and a description keeps what a VM is told. */
static bool is_msi_devid(const struct world *w)
{
	return w->call.request == KA_CHECK_EXTENSION &&
	       w->call.arg == CAP_MSI_DEVID && w->target.kind == OBJECT_KVM;
}

static void allow_result(struct world *w)
{
	w->ret[1] = w->ret[0];
}

static bool is_fault(const struct world *w)
{
	return w->ret[0] == -EFAULT && w->ret[1] == -EFAULT;
}

/* Only the end of an area is next to what is not there. */
static void allow_ends(struct world *w)
{
	for (size_t i = 0; i < N_AREAS; i++)
		memcpy(w->after[1].bytes[i] + AREA_SIZE - AREA_TAIL,
		       w->after[0].bytes[i] + AREA_SIZE - AREA_TAIL,
		       AREA_TAIL);
}

static const struct {
	bool (*is)(const struct world *w);
	void (*allow)(struct world *w);
	const char *why;
} results[] = {
	{ is_new_file, allow_result, "file descriptors have other numbers" },
	{ is_device, allow_device, "file descriptors have other numbers" },
	{ is_msi_devid, allow_result, "/dev/kvm knows nothing of it" },
	{ is_fault, allow_ends,
	  "how much of a value came before its fault is the processor's" },
};

/* ---- what is said of a difference ---- */

static int say_value(struct world *w, uint64_t at, char *buf, size_t size)
{
	struct ka_one_reg reg;
	uint8_t *a, *b;
	char name[64];

	for (size_t i = 0; look_reg(w, 0, i, &reg, &a); i++) {
		size_t n = value_room(reg.id);

		if (!a || at - reg.addr >= n)
			continue;
		b = look(w, &w->after[1], reg.addr, n);
		onereg_reg_name(reg.id & ~KA_REG_SCOPE_VM, name, sizeof(name));
		return snprintf(buf, size, "%s is %#llx and %#llx", name,
				(unsigned long long)*(uint64_t *)(void *)a,
				(unsigned long long)*(uint64_t *)(void *)b);
	}
	return 0;
}

static void say_memory(struct world *w, uint64_t at, char *buf, size_t size)
{
	const uint8_t *a, *b;

	if (say_value(w, at, buf, size))
		return;
	at &= ~7ULL;
	a = look(w, &w->after[0], at, 8);
	b = look(w, &w->after[1], at, 8);
	snprintf(buf, size, "the %lld bytes behind the argument's begin hold "
		 "%#llx and %#llx", (long long)(at - w->call.arg),
		 a ? (unsigned long long)*(const uint64_t *)(const void *)a : 0,
		 b ? (unsigned long long)*(const uint64_t *)(const void *)b :
		     0);
}

bool world_agrees(struct world *w, char *buf, size_t size)
{
	uint64_t at;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		if (results[i].is(w))
			results[i].allow(w);
	allow_values(w);
	if (w->ret[0] != w->ret[1]) {
		snprintf(buf, size, "they return %d and %d", w->ret[0],
			 w->ret[1]);
		return false;
	}
	at = memory_differ(&w->memory, &w->after[0], &w->after[1]);
	if (at)
		say_memory(w, at, buf, size);
	return !at;
}
