/* SPDX-License-Identifier: MIT */
/* onereg bench: what its files share. */
#ifndef ONEREG_BENCH_H
#define ONEREG_BENCH_H

#include "abi.h"
#include "tool.h"

/* The first error counts, in words that need nothing else. */
struct trouble {
	int error;		/* errno or 0 */
	char what[512];		/* "" : all is well */
};

/* Returns false, for its caller to return. */
bool trouble_set(struct trouble *t, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* With what a report says of it. */
bool trouble_report(struct trouble *t, int error,
		    const struct onereg_report *report, const char *what);

/* ---- bench_door.c: how calls are made, counted, timed ---- */

uint64_t now(void);	/* ns; instructions under host/run --icount */

/* Of one side of one migration, all vCPUs together, made by one thread. */
struct tally {
	uint64_t ioctls;
	uint64_t register_calls;	/* list, read or write registers */
	uint64_t vm_wide;		/* registers of the VM or host, */
	uint64_t counters;		/* TIMER_CNT and PTIMER_CNT apart */
	uint64_t registers;		/* all that were read or written */
	uint64_t locks;			/* of the VM, by bench_locks.c */
	uint64_t ns;			/* within calls */
};

struct door {
	struct onereg_io io;	/* counts; for libonereg */
	struct tally *tally;	/* NULL: nothing is counted */
	uint64_t clock;		/* what asking for the time costs */
	bool ran;		/* the VM has run: its features are fixed */
	bool vm_regs;		/* a kernel with VM-scoped registers */
};

void door_open(struct door *door);
/* A result, or -errno. */
int door_ioctl(struct door *door, int fd, unsigned long request, void *arg);

/* ---- bench_locks.c: acquisitions of the VM-wide locks ---- */

/* By what Linux 6.12 does: how many one access takes. */
unsigned int locks_of(const struct door *door, bool set, uint64_t id);
/* By /proc/lock_stat: is it there, and running? */
bool locks_measurable(void);
bool locks_reset(struct trouble *t);
bool locks_read(uint64_t *ret, struct trouble *t);

/* ---- bench_machine.c: VMs ---- */

struct machine {
	int kvm, vm;
	size_t n;
	int *vcpus;
	struct vcpu_init init;
};

/* Opens /dev/kvm or device; does the kernel have VM-scoped registers? */
bool machine_probe(const char *device, bool *ret_vm_regs, struct trouble *t);
/* inited: else as onereg_vm_restore() wants it. */
bool machine_make(struct machine *m, const char *device, size_t n,
		  const struct vcpu_init *init, bool inited,
		  struct trouble *t);
void machine_free(struct machine *m);
/* Every vCPU enters KVM_RUN and comes back at once. */
bool machine_run(struct machine *m, struct trouble *t);
/* The features of a busy guest, as far as this host has them. */
bool machine_init_of(const char *device, struct vcpu_init *ret,
		     struct trouble *t);
bool machine_list(const struct machine *m, size_t vcpu,
		  struct reg_list **ret, struct trouble *t);
/* For libonereg; io NULL: the running kernel. */
bool machine_vm(const struct machine *m, const struct onereg_io *io,
		struct onereg_vm **ret, struct trouble *t);

/* ---- bench_state.c: what the guest is like ---- */

struct state {
	const struct onereg_image *image;	/* NULL: built in */
	struct reg_list *list;
	size_t row_size;	/* bytes of all values of a vCPU, in order */
	size_t n_rows;
	uint8_t *rows;
	bool *given;		/* of the i-th register, by image or table */
	unsigned int counters;	/* of the PMU */
	size_t n_changing;	/* registers that change while it runs */
};

/* The registers are those of m's first vCPU. */
bool state_open(struct state *s, const struct onereg_image *image,
		const struct machine *m, struct trouble *t);
void state_close(struct state *s);
/* Gives m's vCPUs the state. */
bool state_write(const struct state *s, const struct machine *m,
		 struct trouble *t);
/* The guest runs on: registers that a busy guest changes get new values. */
bool state_run_on(const struct state *s, const struct machine *m,
		  struct trouble *t);

/* ---- bench_replay.c, bench_qemu.c, bench_library.c: ways to move a VM ---- */

#define MAX_COUNTS 16	/* numbers of vCPUs, one after the other */
#define MAX_ROUNDS 101

enum way { REPLAY, QEMU, LIBRARY, N_WAYS };

enum side { SOURCE, DESTINATION, N_SIDES };

struct bench;

/* One VM, moved once. */
struct move {
	const struct bench *bench;
	struct machine source, destination;
	struct door doors[N_SIDES];
	struct onereg_report *report;
	struct onereg_pool pool;
	/* LIBRARY */
	struct onereg_vm *source_vm, *destination_vm;
	struct onereg_source *staged_source;
	struct onereg_destination *staged_destination;
	/* REPLAY, QEMU */
	void *private_;
	const void *changes;	/* what is sent */
	size_t size;
};

struct way_ops {
	bool destination_inited;
	bool sides[N_SIDES];
	/* Before the blackout. NULL: nothing. */
	bool (*stage[N_SIDES])(struct move *m, struct trouble *t);
	/* When the guest has run on, still before; not measured. */
	bool (*prepare)(struct move *m, struct trouble *t);
	bool (*blackout[N_SIDES])(struct move *m, struct trouble *t);
	/* NULL: this way has no proof of its own. */
	bool (*prove)(struct move *m, struct trouble *t);
	void (*end)(struct move *m);
};

/* Sent where all goes over: each register's id and value, as QEMU does. */
size_t whole_size(const struct move *m);

extern const struct way_ops replay_ops, qemu_ops, library_ops;

/* ---- bench_sequence.c: the calls of another VMM ---- */

struct call {
	unsigned long request;
	uint64_t id;		/* of a register, or 0 */
};

/* Calls that are made for vCPU 0, then all of them for vCPU 1, ... */
struct block {
	size_t first, n;
};

struct sequence {
	size_t n, n_blocks;
	struct call *calls;
	struct block *blocks;
};

bool sequence_read(struct sequence *s, const char *path, struct trouble *t);
void sequence_free(struct sequence *s);

/* ---- bench_measure.c ---- */

struct figure {
	uint64_t median, least, most;	/* ns, or instructions */
};

struct row {
	enum way way;
	enum side side;
	size_t vcpus;
	struct figure blackout, staging, proof;
	bool has_staging, has_proof;
	uint64_t kernel;	/* within calls, of the round that counts */
	uint64_t ioctls, register_calls, registers, vm_wide, counters;
	uint64_t locks_counted, locks_measured;
	uint64_t bytes;		/* sent from the source to the destination */
	uint64_t unexplained;	/* differences that the full proof found */
};

/* What cannot be had cheaper: per VM, for the same bytes. */
struct floor {
	size_t vcpus;
	uint64_t bytes;
	struct figure calls;	/* a vector of one register, each vCPU */
	struct figure copy, checksum;
};

struct bench {
	const char *device;
	struct vcpu_init init;
	struct state state;
	struct sequence sequence;	/* n 0: none */
	bool vm_regs;
	bool instructions;	/* the clock counts them */
	bool locks_measured;
	unsigned int rounds;	/* 0: see rounds_of() */
	unsigned int threads;
	size_t n_counts;
	size_t counts[MAX_COUNTS];
	char release[65];
	size_t n_rows, n_floors;
	struct row rows[MAX_COUNTS * N_WAYS * N_SIDES];
	struct floor floors[MAX_COUNTS];
};

const char *way_name(const struct bench *b, enum way way);
const char *side_name(enum side side);
bool bench_measure(struct bench *b, struct trouble *t);

/* ---- bench_pool.c: threads for the library ---- */

bool pool_start(struct onereg_pool *pool, unsigned int threads,
		struct trouble *t);
void pool_stop(struct onereg_pool *pool);

/* ---- bench_clock.c ---- */

/* Does a nanosecond stand for an instruction? */
bool clock_counts_instructions(void);

/* ---- bench_output.c ---- */

void bench_print(const struct bench *b);
void bench_print_csv(const struct bench *b);
json_t *bench_json(const struct bench *b);

/* ---- bench_codec.c: reading and writing images ---- */

/* host: a description. n_vcpus 0: as many as there can be. */
int codec_main(const struct args *args, const char *host, size_t n_vcpus);

#endif
