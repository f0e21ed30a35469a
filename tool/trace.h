/* SPDX-License-Identifier: MIT */
/*
 * onereg trace: what its files share.
 *
 *	trace_start.c	COMMAND's process, and a filter of its system calls
 *	trace_follow.c	stops it, and all it starts, at KVM's ioctls
 *	trace_vms.c	which VM and vCPU a descriptor is; what is known of it
 *	trace_watch.c	makes a log of the calls
 *	trace_sum.c	adds the log up: phases, scopes, registers
 *	trace_report.c, trace_json.c, trace_record.c
 *			tell it to people, to programs, and call by call
 */
#ifndef ONEREG_TRACE_H
#define ONEREG_TRACE_H

#include <stdio.h>
#include <sys/types.h>

#include "tool.h"

/* ---- trace_start.c ---- */

/* What the tracer and the child that becomes COMMAND both see. */
struct start {
	bool filtered;		/* a filter stops what we follow, no more */
	int error;		/* why COMMAND could not be run */
};

/* A system call after which descriptors are closed. */
struct closer {
	int nr;
	unsigned int first, last;	/* arguments that say which */
};
extern const struct closer trace_closers[];
extern const size_t trace_n_closers;

/*
 * The child: stops itself, seized, once it is ready, and becomes argv or, for
 * argv NULL, calls fn. Waits until go, a pipe, is closed on the other side.
 */
void trace_child(struct start *start, int go, bool every_call, char **argv,
		 void (*fn)(void)) __attribute__((noreturn));

/* ---- trace_follow.c ---- */

struct thread {
	pid_t tid;
	pid_t process;
	bool inside;		/* a call of KVM's that it made goes on */
	int fd;
	uint32_t request;
	uint64_t arg;
	uint64_t began;		/* ns of CLOCK_MONOTONIC */
	void *call;		/* the watcher's */
	struct thread *next;
};

struct follow {
	bool every_call;	/* stop at every system call: no filter */
	char **argv;		/* or, NULL, */
	void (*fn)(void);
	void *userdata;
	/* A thread is about to make a call, */
	void (*enter)(void *userdata, struct thread *t);
	/* has made it (result: >= 0 or -errno), after ns, */
	void (*leave)(void *userdata, struct thread *t, int64_t result,
		      uint64_t ns);
	/* or will never come back from it. */
	void (*lost)(void *userdata, struct thread *t);
	/* Descriptors first to last of a process close now; may be NULL. */
	void (*close)(void *userdata, pid_t process, unsigned int first,
		      unsigned int last);
	/* It is another program now; may be NULL. */
	void (*exec)(void *userdata, pid_t process);
	/* SIGUSR1 came; may be NULL. */
	void (*mark)(void *userdata);
};

/*
 * Runs it, and what it starts, until all have ended. ret_status is the first
 * process' as of waitpid(2). -errno: it could not be run, or not be followed.
 */
int trace_follow(const struct follow *follow, int *ret_status);

/* ---- trace_vms.c ---- */

#define TRACE_NO_VCPU (-1)

struct known {			/* a value that the VM has once */
	uint64_t id;
	uint64_t value;
};

struct vm {
	unsigned int vcpus;	/* created */
	unsigned int inside;	/* of them in KVM_RUN now */
	bool ran;
	size_t last_init;	/* places in the log: before the first run */
	size_t load_from;
	struct known *known;
	size_t n_known;
};

struct fd {
	pid_t process;
	int fd;
	size_t vm;
	int vcpu;		/* as KVM_CREATE_VCPU named it */
};

struct vms {
	struct vm *vm;
	size_t n;
	struct fd *fd;
	size_t n_fds;
	bool no_memory;
};

/* Returns its number; 0 where there is no memory. VM 0 is the unknown one. */
size_t trace_vm_new(struct vms *vms);
void trace_fd_set(struct vms *vms, const struct fd *fd);
/* What it is: created before our eyes, or the same file as one that was. */
struct fd trace_fd_find(struct vms *vms, pid_t process, int fd);
/* These numbers are free now, for other files. */
void trace_fds_close(struct vms *vms, pid_t process, unsigned int first,
		     unsigned int last);
/* Those that execve(2) closed are. */
void trace_fds_exec(struct vms *vms, pid_t process);
/* Was that value known already? It is afterwards. */
bool trace_known(struct vms *vms, size_t vm, uint64_t id, uint64_t value);
void trace_vms_free(struct vms *vms);

/* ---- trace_watch.c ---- */

/* The calls that are told apart. */
enum op {
	OP_GET, OP_SET, OP_VGET, OP_VSET,	/* a register; in a vector */
	OP_LIST, OP_GET_VEC, OP_SET_VEC,
	OP_INIT, OP_FINALIZE, OP_GET_EVENTS, OP_SET_EVENTS,
	OP_GET_MP_STATE, OP_SET_MP_STATE, OP_GET_ATTR, OP_SET_ATTR,
	OP_CREATE_VM, OP_CREATE_VCPU, OP_CREATE_DEVICE, OP_RUN, OP_OTHER,
	N_OPS,
};

struct op_info {
	uint32_t request;
	const char *name;	/* "KVM_GET_ONE_REG" */
	const char *word;	/* in a record, "GET" */
};
extern const struct op_info trace_ops[N_OPS];

/* Of a VM: before its first KVM_RUN; in one; in none. */
enum stage { BEFORE, RUNNING, STOPPED };

struct call {
	uint64_t id;		/* of the register, else 0 */
	uint64_t ns;		/* less what the tracer takes */
	uint32_t vm;
	int32_t vcpu;
	int32_t error;
	uint8_t op;
	uint8_t stage;
	uint8_t scope;
	bool redundant;
};

struct watch {
	struct vms vms;
	struct call *call;
	size_t n, room;
	bool marked;
	size_t mark;		/* place of the last one */
	uint64_t overhead;	/* ns of a call that fails at once */
	bool no_memory;
};

/* Fills in what follow does at each call, and finds out the overhead. */
int trace_watch_init(struct watch *watch, struct follow *follow);
void trace_watch_free(struct watch *watch);

/* ---- trace_sum.c ---- */

enum phase { SETUP, LOAD, RUN_PHASE, STOP_PHASE, NEVER_RAN, N_PHASES };
extern const char *const trace_phase_names[N_PHASES];
enum phase trace_phase(const struct watch *watch, size_t i);

struct side {			/* reads, or writes */
	uint64_t calls;
	uint64_t redundant;
	uint64_t failed;
	uint64_t ns;
	uint64_t redundant_ns;
};

struct tally {
	struct side get, set;
};

struct reg_tally {
	enum phase phase;
	uint64_t id;
	enum onereg_scope scope;
	struct tally tally;
};

#define N_SCOPES 4
#define N_ERRORS 256

struct phase_sum {
	bool there;
	struct tally scope[N_SCOPES];
	struct tally all;
	uint64_t op[N_OPS];
	uint64_t error[N_ERRORS];
};

struct sum {
	struct phase_sum phase[N_PHASES];
	size_t vms;		/* seen being made, */
	size_t ran;		/* of which a vCPU ran; */
	unsigned int vcpus;	/* of these */
	struct reg_tally *reg;	/* by phase, then id */
	size_t n_regs;
};

/* 0 or -ENOMEM. */
int trace_sum(const struct watch *watch, struct sum *ret);
void trace_sum_free(struct sum *sum);
/* The registers of a phase: the first, r NULL, or that after r. Or NULL. */
const struct reg_tally *trace_next(const struct sum *sum, enum phase phase,
				   const struct reg_tally *r);
/* A register's name, however its id came. Returns buf. */
#define TRACE_NAME_SIZE 96
const char *trace_reg_name(uint64_t id, char buf[TRACE_NAME_SIZE]);

/* ---- what is told, 0 or -errno ---- */

int trace_report(FILE *f, const struct watch *watch, const struct sum *sum,
		 bool registers);
int trace_json(FILE *f, const struct watch *watch, const struct sum *sum,
	       bool registers);
int trace_record(FILE *f, const struct watch *watch);

#endif
