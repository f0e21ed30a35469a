/* SPDX-License-Identifier: MIT */
/*
 * What the guest is like: the registers of a busy guest, from an image or
 * made up, and those of them that change all the time while it runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bench.h"

/* What a family of registers holds: of each value, bits of a pattern. */
struct busy {
	uint64_t id;
	unsigned int n;		/* registers */
	uint64_t step;		/* of the id, from one to the next */
	uint64_t mask;		/* bits that the pattern fills */
	uint64_t fixed;		/* bits that are always so */
	bool changes;		/* all the time */
	bool counter;		/* of the PMU: as many as there are */
};

#define ALL	UINT64_MAX
#define NZCV	0xf0000000ULL
#define EL1H	0x5ULL
#define CHANGES	.changes = true

/*
 * The first row that has an id counts. A value that is not CHANGES is one that
 * a guest's kernel sets once; what stands in no row keeps its reset value.
 */
static const struct busy table[] = {
	/* ---- the program, the kernel's stack and exceptions ---- */
	{ CORE(0x00), 31, 2, ALL, CHANGES },		/* X0 to X30 */
	{ CORE(0x3e), 1, 0, ALL, CHANGES },		/* SP_EL0 */
	{ CORE(0x40), 1, 0, ALL & ~3ULL, CHANGES },	/* PC */
	{ CORE(0x42), 1, 0, NZCV, EL1H, CHANGES },	/* PSTATE */
	{ CORE(0x44), 1, 0, ALL & ~15ULL, CHANGES },	/* SP_EL1 */
	{ CORE(0x46), 1, 0, ALL & ~3ULL, CHANGES },	/* ELR_EL1 */
	{ CORE(0x48), 1, 0, NZCV, EL1H, CHANGES },	/* SPSR_EL1 */
	{ SYS(3, 0, 5, 2, 0), 1, 0, 0xffffff, CHANGES },	/* ESR_EL1 */
	{ SYS(3, 0, 6, 0, 0), 1, 0, ALL, CHANGES },	/* FAR_EL1 */
	/* ---- vectors ---- */
	{ CORE_U32(0xd4), 1, 0, 0x0800009f, CHANGES },	/* FPSR */
	{ CORE_U32(0xd5), 1, 0, 0x07c00000, CHANGES },	/* FPCR */
	{ SVE_Z(0), 32, 1 << 5, ALL, CHANGES },
	{ SVE_P(0), 16, 1 << 5, ALL, CHANGES },
	{ SVE_FFR, 1, 0, 0, ALL, CHANGES },		/* see fill() */
	/* ---- what belongs to a task or an address space ---- */
	{ SYS(3, 3, 13, 0, 2), 1, 0, ALL, CHANGES },	/* TPIDR_EL0 */
	{ SYS(3, 0, 13, 0, 4), 1, 0, ALL, CHANGES },	/* TPIDR_EL1 */
	{ SYS(3, 0, 13, 0, 1), 1, 0, 0xffffffff, CHANGES },	/* CONTEXTIDR */
	{ SYS(3, 0, 2, 0, 0), 1, 0, 0xffff0000fffff000, CHANGES }, /* TTBR0 */
	{ SYS(3, 0, 7, 4, 0), 1, 0, 0x0000fffffffff000, CHANGES }, /* PAR */
	/* ---- the PMU: its counters, what they ran over ---- */
	{ SYS(3, 3, 14, 8, 0), 31, 1 << 0, 0xffffffff, CHANGES,
	  .counter = true },
	{ SYS(3, 3, 9, 13, 0), 1, 0, ALL >> 16, CHANGES },	/* PMCCNTR */
	{ SYS(3, 3, 9, 14, 3), 1, 0, 0xf, 0x80000000, CHANGES }, /* PMOVSSET */
	/* ---- the timer ---- */
	{ TIMER_CTL, 1, 0, 2, 1, CHANGES },
	{ TIMER_CVAL, 1, 0, ALL >> 8, CHANGES },
	/* ---- set once, by the guest's kernel ---- */
	{ SYS(3, 3, 13, 0, 3), 1, 0, ALL },		/* TPIDRRO_EL0 */
	{ SYS(3, 0, 1, 0, 0), 1, 0, 0, 0xc8c5307d },	/* SCTLR_EL1 */
	{ SYS(3, 0, 1, 0, 2), 1, 0, 0, 0x330000 },	/* CPACR_EL1 */
	{ SYS(3, 0, 2, 0, 1), 1, 0, 0x0000fffffffff000 },	/* TTBR1_EL1 */
	{ SYS(3, 0, 2, 0, 2), 1, 0, 0, 0x5f5503510 },	/* TCR_EL1 */
	{ SYS(3, 0, 10, 2, 0), 1, 0, 0, 0x40044ffff },	/* MAIR_EL1 */
	{ SYS(3, 0, 12, 0, 0), 1, 0, 0x0000fffffffff800 },	/* VBAR_EL1 */
	{ SYS(3, 0, 14, 1, 0), 1, 0, 0, 0x2 },		/* CNTKCTL_EL1 */
	{ SYS(3, 0, 2, 1, 0), 4, 1, ALL },		/* APIA, APIB keys */
	{ SYS(3, 0, 2, 2, 0), 4, 1, ALL },		/* APDA, APDB keys */
	{ SYS(3, 0, 2, 3, 0), 2, 1, ALL },		/* APGA key */
	{ SYS(3, 3, 14, 12, 0), 31, 1, 0xff, .counter = true },	/* PMEVTYPER */
	{ SYS(3, 3, 9, 12, 1), 1, 0, 0, 0x8000000f },	/* PMCNTENSET */
	{ SYS(3, 0, 9, 14, 1), 1, 0, 0, 0x80000001 },	/* PMINTENSET */
};

/* A write to the one sets bits, to the other clears them. */
static const struct pair {
	uint64_t set, clear;
} pairs[] = {
	{ SYS(3, 3, 9, 12, 1), SYS(3, 3, 9, 12, 2) },	/* PMCNTEN */
	{ SYS(3, 3, 9, 14, 3), SYS(3, 3, 9, 12, 3) },	/* PMOVS */
	{ SYS(3, 0, 9, 14, 1), SYS(3, 0, 9, 14, 2) },	/* PMINTEN */
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct busy *find_busy(const struct state *s, uint64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct busy *b = &table[i];

		if (id < b->id || id > b->id + (b->n - 1) * b->step ||
		    (b->step && (id - b->id) % b->step))
			continue;
		return b->counter && id - b->id >= s->counters ? NULL : b;
	}
	return NULL;
}

/* ---- values ---- */

/* Numbers that look like none in particular: splitmix64. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* epoch: the guest ran on that often. */
static void fill(const struct busy *b, uint64_t id, size_t vcpu,
		 unsigned int epoch, uint8_t *value)
{
	size_t size = onereg_reg_size(id);
	uint64_t seed = mix(id ^ (uint64_t)vcpu << 40 ^ (uint64_t)epoch << 56);

	for (size_t at = 0; at < size; at += 8) {
		uint64_t word = mix(seed + at) & b->mask;
		size_t n = size - at < 8 ? size - at : 8;

		word |= b->fixed;
		memcpy(value + at, &word, n);
	}
	/* Legal values of the FFR are ones below zeros. */
	if (id == SVE_FFR) {
		memset(value, 0, size);
		memset(value, 0xff, 1 + epoch % 2);
	}
}

static bool get(const struct machine *m, size_t vcpu, uint64_t id,
		void *value, struct trouble *t)
{
	struct one_reg reg = { .id = id, .addr = (uintptr_t)value };
	char name[64];

	if (!ioctl(m->vcpus[vcpu], GET_ONE_REG, &reg))
		return true;
	onereg_reg_name(id, name, sizeof(name));
	return trouble_set(t, errno, "KVM_GET_ONE_REG of %s of vCPU %zu", name,
			   vcpu);
}

static bool set_raw(const struct machine *m, size_t vcpu, uint64_t id,
		    const void *value, struct trouble *t)
{
	struct one_reg reg = { .id = id, .addr = (uintptr_t)value };
	char name[64];

	if (!ioctl(m->vcpus[vcpu], SET_ONE_REG, &reg))
		return true;
	onereg_reg_name(id, name, sizeof(name));
	return trouble_set(t, errno, "KVM_SET_ONE_REG of %s of vCPU %zu", name,
			   vcpu);
}

static const struct pair *find_pair(uint64_t id, bool *ret_clear)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		*ret_clear = pairs[i].clear == id;
		if (*ret_clear || pairs[i].set == id)
			return &pairs[i];
	}
	return NULL;
}

static bool set(const struct machine *m, size_t vcpu, uint64_t id,
		const void *value, struct trouble *t)
{
	const uint64_t ones = ALL;
	bool clear;
	const struct pair *pair = find_pair(id, &clear);

	if (!pair)
		return set_raw(m, vcpu, id, value, t);
	/* The clear register is another view of the set register. */
	return clear || (set_raw(m, vcpu, pair->clear, &ones, t) &&
			 set_raw(m, vcpu, pair->set, value, t));
}

/* ---- where they come from ---- */

/* Is the i-th register one that a source VM is to be given? */
static bool is_given(uint64_t id)
{
	/* Its own, fixed by now, or running by itself. */
	if (id == MPIDR_EL1 || id == SVE_VLS || id == TIMER_CNT ||
	    id == PTIMER_CNT)
		return false;
	return onereg_reg_scope(id) != ONEREG_SCOPE_HOST;
}

static size_t find(const struct reg_list *list, uint64_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->reg[i] == id)
			return i;
	return SIZE_MAX;
}

static size_t offset_of(const struct reg_list *list, size_t i)
{
	size_t at = 0;

	while (i-- > 0)
		at += onereg_reg_size(list->reg[i]);
	return at;
}

/* Values of the VM go into every row. */
static void take_value(struct state *s, const struct onereg_value *v)
{
	size_t i = find(s->list, v->id), at;

	if (v->space != ONEREG_SPACE_REG || i == SIZE_MAX || !is_given(v->id))
		return;
	at = offset_of(s->list, i);
	s->given[i] = true;
	for (size_t row = 0; row < s->n_rows; row++)
		if (v->vcpu < 0 || (size_t)v->vcpu == row)
			memcpy(s->rows + row * s->row_size + at, v->value,
			       v->value_size);
}

static bool take_image(struct state *s, struct trouble *t)
{
	struct onereg_value v = { .size = sizeof(v) };

	for (size_t i = 0; i < onereg_image_n_values(s->image); i++) {
		int r = onereg_image_value(s->image, i, &v);

		if (r)
			return trouble_set(t, r, "cannot read the image");
		take_value(s, &v);
	}
	return true;
}

static void take_table(struct state *s)
{
	size_t at = 0;

	for (size_t i = 0; i < s->list->n; i++) {
		uint64_t id = s->list->reg[i];
		const struct busy *b = find_busy(s, id);

		for (size_t row = 0; b && row < s->n_rows; row++)
			fill(b, id, row, 0, s->rows + row * s->row_size + at);
		s->given[i] = b;
		at += onereg_reg_size(id);
	}
}

static bool count_counters(struct state *s, const struct machine *m,
			   struct trouble *t)
{
	uint64_t pmcr;

	if (find(s->list, PMCR_EL0) == SIZE_MAX)
		return true;
	if (!get(m, 0, PMCR_EL0, &pmcr, t))
		return false;
	s->counters = pmcr >> 11 & 0x1f;
	return true;
}

/* So many different vCPUs, where no image says. */
#define BUILT_IN_ROWS 16

bool state_open(struct state *s, const struct onereg_image *image,
		const struct machine *m, struct trouble *t)
{
	*s = (struct state){ .image = image };
	if (!machine_list(m, 0, &s->list, t) || !count_counters(s, m, t))
		return false;
	s->row_size = offset_of(s->list, s->list->n);
	s->n_rows = image ? onereg_image_n_vcpus(image) : BUILT_IN_ROWS;
	if (!s->n_rows)
		return trouble_set(t, ENODATA, "the image of --state has no "
				   "vCPU whose registers a guest could hold");
	s->rows = calloc(s->n_rows, s->row_size);
	s->given = calloc(s->list->n, sizeof(*s->given));
	if (!s->rows || !s->given)
		return trouble_set(t, ENOMEM, "the guest's state");
	for (size_t i = 0; i < s->list->n; i++) {
		const struct busy *b = find_busy(s, s->list->reg[i]);

		s->n_changing += b && b->changes;
	}
	if (image)
		return take_image(s, t);
	take_table(s);
	return true;
}

void state_close(struct state *s)
{
	free(s->list);
	free(s->rows);
	free(s->given);
	*s = (struct state){ 0 };
}

/* ---- into a VM ---- */

static bool write_row(const struct state *s, const struct machine *m,
		      size_t vcpu, struct trouble *t)
{
	const uint8_t *value = s->rows + vcpu % s->n_rows * s->row_size;

	for (size_t i = 0; i < s->list->n; i++) {
		uint64_t id = s->list->reg[i];
		bool once = onereg_reg_scope(id) == ONEREG_SCOPE_VM;

		if (s->given[i] && (!once || !vcpu) &&
		    !set(m, vcpu, id, value, t))
			return false;
		value += onereg_reg_size(id);
	}
	return true;
}

bool state_write(const struct state *s, const struct machine *m,
		 struct trouble *t)
{
	for (size_t i = 0; i < m->n; i++)
		if (!write_row(s, m, i, t))
			return false;
	return true;
}

bool state_run_on(const struct state *s, const struct machine *m,
		  struct trouble *t)
{
	uint8_t value[VALUE_MAX] = { 0 };

	for (size_t vcpu = 0; vcpu < m->n; vcpu++)
		for (size_t i = 0; i < s->list->n; i++) {
			uint64_t id = s->list->reg[i];
			const struct busy *b = find_busy(s, id);

			if (!b || !b->changes)
				continue;
			fill(b, id, vcpu, 1, value);
			if (!set(m, vcpu, id, value, t))
				return false;
		}
	return true;
}
