/* SPDX-License-Identifier: MIT */
/*
 * One way, one number of vCPUs: fresh VMs for a round that counts the calls,
 * and for each round that measures.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "bench.h"

static const struct way_ops *const ways[N_WAYS] = {
	[REPLAY] = &replay_ops,
	[QEMU] = &qemu_ops,
	[LIBRARY] = &library_ops,
};

const char *way_name(const struct bench *b, enum way way)
{
	static const char *const names[N_WAYS] = { "replay", "qemu", "stock" };

	return way == LIBRARY && b->vm_regs ? "onereg" : names[way];
}

const char *side_name(enum side side)
{
	return side == SOURCE ? "source" : "destination";
}

/* ---- figures of several rounds ---- */

struct samples {
	size_t n;
	uint64_t values[MAX_ROUNDS];
};

static void add(struct samples *s, uint64_t value)
{
	if (s->n < MAX_ROUNDS)
		s->values[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct figure summary(struct samples *s)
{
	qsort(s->values, s->n, sizeof(s->values[0]), compare);
	return (struct figure){
		.median = s->values[s->n / 2],
		.least = s->values[0],
		.most = s->values[s->n - 1],
	};
}

/* ---- one move ---- */

/* What a round that measures leaves, and one that counts. */
struct round {
	uint64_t blackout[N_SIDES], staging[N_SIDES], proof;
	uint64_t bytes, unexplained;
	struct tally tally[N_SIDES];
	uint64_t locks[N_SIDES];	/* measured */
};

static bool make_machines(struct move *m, const struct way_ops *ops,
			  size_t n, struct trouble *t)
{
	const struct bench *b = m->bench;

	return machine_make(&m->source, b->device, n, &b->init, true, t) &&
	       state_write(&b->state, &m->source, t) &&
	       machine_run(&m->source, t) &&
	       machine_make(&m->destination, b->device, n, &b->init,
			    ops->destination_inited, t);
}

static bool stage(struct move *m, const struct way_ops *ops, struct round *r,
		  struct trouble *t)
{
	for (int side = 0; side < N_SIDES; side++) {
		uint64_t start = now();

		if (ops->stage[side] && !ops->stage[side](m, t))
			return false;
		r->staging[side] = now() - start;
	}
	return true;
}

/* Doors count the blackout only, not what came before it. */
static bool blackout(struct move *m, const struct way_ops *ops,
		     enum side side, bool counting, struct round *r,
		     struct trouble *t)
{
	const struct bench *b = m->bench;
	bool locks = counting && b->locks_measured, ok;
	uint64_t start;

	if (!ops->sides[side])
		return true;
	if (locks && !locks_reset(t))
		return false;
	start = now();
	ok = ops->blackout[side](m, t);
	r->blackout[side] = now() - start;
	return ok && (!locks || locks_read(&r->locks[side], t));
}

/* What the source is, by the library's own full save: read the other way. */
static bool save_reference(struct move *m, struct onereg_image **ret,
			   struct trouble *t)
{
	struct onereg_vm *vm;
	int r;

	if (!machine_vm(&m->source, NULL, &vm, t))
		return false;
	r = onereg_vm_save(vm, ret, m->report);
	onereg_vm_free(vm);
	return !r || trouble_report(t, r, m->report, "onereg_vm_save");
}

/* Is the destination what the source was? */
static bool compare_with(struct move *m, const struct onereg_image *reference,
			 struct round *round, struct trouble *t)
{
	struct onereg_vm *vm;
	uint64_t unexplained;
	int r;

	if (!machine_vm(&m->destination, NULL, &vm, t))
		return false;
	onereg_report_clear(m->report);
	r = onereg_vm_prove(vm, reference, m->report);
	onereg_vm_free(vm);
	if (r)
		return trouble_report(t, r, m->report, "onereg_vm_prove");
	unexplained = onereg_report_differences(m->report,
						ONEREG_CLASS_UNEXPLAINED);
	if (unexplained > round->unexplained)
		round->unexplained = unexplained;
	return true;
}

static bool prove(struct move *m, const struct way_ops *ops,
		  const struct onereg_image *reference, struct round *round,
		  struct trouble *t)
{
	uint64_t start;

	if (ops->prove) {
		onereg_report_clear(m->report);
		start = now();
		if (!ops->prove(m, t))
			return false;
		round->proof = now() - start;
		round->unexplained = onereg_report_differences(
			m->report, ONEREG_CLASS_UNEXPLAINED);
	}
	return compare_with(m, reference, round, t);
}

static bool move_once(struct move *m, const struct way_ops *ops, size_t n,
		      bool counting, struct round *round, struct trouble *t)
{
	struct onereg_image *reference = NULL;
	bool ok;

	for (int side = 0; side < N_SIDES; side++) {
		struct door *door = &m->doors[side];

		door_open(door);
		door->tally = counting ? &round->tally[side] : NULL;
		door->ran = side == SOURCE;
		door->vm_regs = m->bench->vm_regs;
	}
	ok = make_machines(m, ops, n, t) && stage(m, ops, round, t) &&
	     state_run_on(&m->bench->state, &m->source, t) &&
	     (!ops->prepare || ops->prepare(m, t)) &&
	     (counting || save_reference(m, &reference, t));
	/* Staging went through the same doors. */
	memset(round->tally, 0, sizeof(round->tally));
	ok = ok && blackout(m, ops, SOURCE, counting, round, t) &&
	     blackout(m, ops, DESTINATION, counting, round, t) &&
	     (counting || prove(m, ops, reference, round, t));
	round->bytes = m->size;
	onereg_image_free(reference);
	return ok;
}

static bool do_round(const struct bench *b, const struct way_ops *ops,
		     size_t n, bool counting, struct round *round,
		     struct trouble *t)
{
	struct move m = {
		.bench = b,
		.source = { .kvm = -1, .vm = -1 },
		.destination = { .kvm = -1, .vm = -1 },
	};
	int r = onereg_report_new(&m.report);
	bool ok = !r || trouble_set(t, r, "no memory for a report");

	memset(round, 0, sizeof(*round));
	/* A tally is one thread's. */
	ok = ok && pool_start(&m.pool, counting ? 1 : b->threads, t) &&
	     move_once(&m, ops, n, counting, round, t);
	ops->end(&m);
	pool_stop(&m.pool);
	machine_free(&m.destination);
	machine_free(&m.source);
	onereg_report_free(m.report);
	return ok;
}

/*
 * Where instructions are counted all rounds are the same but for the timer's
 * interrupt, which costs as much as a vCPU and comes to few of them.
 */
static unsigned int rounds_of(const struct bench *b, size_t n)
{
	if (b->rounds)
		return b->rounds;
	if (!b->instructions)
		return 9;
	return n < 32 ? 3 : 1;
}

/* ---- rows ---- */

struct all_samples {
	struct samples blackout[N_SIDES], staging[N_SIDES], proof;
};

static void fill_row(struct row *row, const struct way_ops *ops,
		     const struct round *counted, struct all_samples *s)
{
	const struct tally *tally = &counted->tally[row->side];

	row->blackout = summary(&s->blackout[row->side]);
	row->staging = summary(&s->staging[row->side]);
	row->has_staging = ops->stage[row->side];
	row->proof = summary(&s->proof);
	row->has_proof = ops->prove && row->side == DESTINATION;
	row->kernel = tally->ns;
	row->ioctls = tally->ioctls;
	row->register_calls = tally->register_calls;
	row->registers = tally->registers;
	row->vm_wide = tally->vm_wide;
	row->counters = tally->counters;
	row->locks_counted = tally->locks;
	row->locks_measured = counted->locks[row->side];
	row->bytes = counted->bytes;
}

/* What is counted is the same each time, but the time is not. */
static bool count_way(struct bench *b, const struct way_ops *ops, size_t n,
		      struct round *ret, struct trouble *t)
{
	struct round round;

	for (unsigned int i = 0; i < rounds_of(b, n); i++) {
		if (!do_round(b, ops, n, true, &round, t))
			return false;
		if (!i)
			*ret = round;
		for (int side = 0; side < N_SIDES; side++)
			if (round.tally[side].ns < ret->tally[side].ns)
				ret->tally[side].ns = round.tally[side].ns;
	}
	return true;
}

static bool measure_way(struct bench *b, enum way way, size_t n,
			struct trouble *t)
{
	const struct way_ops *ops = ways[way];
	struct all_samples *s = calloc(1, sizeof(*s));
	struct round counted, round;
	uint64_t unexplained = 0;
	bool ok = s || trouble_set(t, ENOMEM, "samples");

	ok = ok && count_way(b, ops, n, &counted, t);
	for (unsigned int i = 0; ok && i < rounds_of(b, n); i++) {
		ok = do_round(b, ops, n, false, &round, t);
		for (int side = 0; side < N_SIDES; side++) {
			add(&s->blackout[side], round.blackout[side]);
			add(&s->staging[side], round.staging[side]);
		}
		add(&s->proof, round.proof);
		if (round.unexplained > unexplained)
			unexplained = round.unexplained;
	}
	for (int side = 0; ok && side < N_SIDES; side++) {
		struct row *row = &b->rows[b->n_rows];

		if (!ops->sides[side])
			continue;
		*row = (struct row){
			.way = way, .side = side, .vcpus = n,
			.unexplained = unexplained,
		};
		fill_row(row, ops, &counted, s);
		b->n_rows++;
	}
	free(s);
	return ok;
}

/* ---- the floor ---- */

/* A vector with one register, for each vCPU. */
static bool time_calls(const struct machine *m, struct door *door,
		       uint64_t *ret, struct trouble *t)
{
	uint64_t x0, start = now();
	struct one_reg reg = { .id = CORE(0), .addr = (uintptr_t)&x0 };

	for (size_t i = 0; i < m->n; i++) {
		struct reg_vec vec = { .count = 1, .regs = (uintptr_t)&reg };
		int r = door_ioctl(door, m->vcpus[i], GET_REG_VEC, &vec);

		if (r)
			return trouble_set(t, r, "KVM_GET_REG_VEC");
	}
	*ret = now() - start;
	return true;
}

static uint64_t time_copy(uint8_t *to, const uint8_t *from, size_t size)
{
	uint64_t start = now();

	memcpy(to, from, size);
	__asm__ volatile("" : : "r"(to) : "memory");
	return now() - start;
}

/* The one that changes carry. */
static uint64_t time_checksum(const uint8_t *bytes, size_t size)
{
	uint64_t start = now(), sum = XXH64(bytes, size, 0);

	__asm__ volatile("" : : "r"(sum) : "memory");
	return now() - start;
}

static bool measure_floor(struct bench *b, struct floor *floor,
			  struct trouble *t)
{
	struct samples calls = { 0 }, copy = { 0 }, checksum = { 0 };
	uint8_t *bytes = malloc(2 * floor->bytes), *from = bytes + floor->bytes;
	struct machine m;
	struct door door;
	uint64_t took;
	bool ok;

	if (!bytes)
		return trouble_set(t, ENOMEM, "the floor");
	ok = machine_make(&m, b->device, floor->vcpus, &b->init, true, t);
	door_open(&door);
	memset(bytes, 1, 2 * floor->bytes);
	for (unsigned int i = 0; ok && i <= rounds_of(b, m.n); i++) {
		ok = time_calls(&m, &door, &took, t);
		/* The first round is the one that warms up. */
		if (!i)
			continue;
		add(&calls, took);
		add(&copy, time_copy(bytes, from, floor->bytes));
		add(&checksum, time_checksum(from, floor->bytes));
	}
	if (ok) {
		floor->calls = summary(&calls);
		floor->copy = summary(&copy);
		floor->checksum = summary(&checksum);
		machine_free(&m);
	}
	free(bytes);
	return ok;
}

/* ---- all of it ---- */

static bool measure_count(struct bench *b, size_t n, struct trouble *t)
{
	struct floor *floor = &b->floors[b->n_floors];

	for (int way = 0; way < N_WAYS; way++) {
		if (way == QEMU && !b->sequence.n)
			continue;
		fprintf(stderr, "onereg bench: %s, %zu vCPUs\n",
			way_name(b, way), n);
		if (!measure_way(b, way, n, t))
			return false;
	}
	/* There is no vector on other kernels. */
	if (!b->vm_regs)
		return true;
	*floor = (struct floor){
		.vcpus = n,
		.bytes = b->rows[b->n_rows - 1].bytes,
	};
	if (!measure_floor(b, floor, t))
		return false;
	b->n_floors++;
	return true;
}

/* What a kernel does once, it has done after one move in each way. */
static bool warm_up(struct bench *b, struct trouble *t)
{
	struct round round;

	for (int way = 0; way < N_WAYS; way++)
		if ((way != QEMU || b->sequence.n) &&
		    !do_round(b, ways[way], 1, false, &round, t))
			return false;
	return true;
}

bool bench_measure(struct bench *b, struct trouble *t)
{
	if (!warm_up(b, t))
		return false;
	for (size_t i = 0; i < b->n_counts; i++)
		if (!measure_count(b, b->counts[i], t))
			return false;
	return true;
}
