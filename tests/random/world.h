/* SPDX-License-Identifier: MIT */
/*
 * Random calls on one kernel, or on two that have to agree: what is open, what
 * calls may be told, and the call at hand.
 */
#ifndef ONEREG_RANDOM_WORLD_H
#define ONEREG_RANDOM_WORLD_H

#include "internal.h"
#include "memory.h"
#include "model.h"
#include "source.h"
#include "validate/abi.h"

#define MAX_OBJECTS	40
#define MAX_VMS		3
#define MAX_VCPUS	5	/* of a VM, that calls are made on */
#define MAX_POOL	16
#define MAX_FOCUS	8
#define MAX_VEC		448	/* entries that are remembered */
#define MAX_IDS		640

enum object_kind {
	OBJECT_NONE,
	OBJECT_KVM,
	OBJECT_VM,
	OBJECT_VCPU,
	OBJECT_GIC,
};

struct object {
	enum object_kind kind;
	size_t vm;		/* number of its VM, counted from the start */
	unsigned int vcpu_id;
	bool gic;		/* its VM has one */
	bool ran;		/* KVM_RUN was called on a vCPU of its VM */
	bool ready;		/* a vCPU, initialised and finalised */
	int fd[2];		/* of each side */
};

/* A kernel. */
struct side {
	const struct onereg_io *io;
	struct model *model;	/* NULL: the running kernel */
	uint64_t now;		/* what its counter shows, where it follows */
};

struct call {
	size_t object;
	unsigned long request;	/* CLOSE: none */
	uint64_t arg;		/* a number, or an address */
};

#define CLOSE 0

struct value {
	uint64_t id;
	uint8_t bytes[KA_REG_SIZE_MAX];
};

struct world {
	struct side sides[2];
	size_t n_sides;
	const struct onereg_host *host;
	uint64_t ids[MAX_IDS];	/* of the host's richest vCPU */
	size_t n_ids;
	struct memory memory;
	struct object objects[MAX_OBJECTS];
	size_t n_vms;		/* that there ever were */
	/* What was read, to be written. */
	struct value pool[MAX_POOL];
	size_t n_pooled, next_pooled;
	struct value vec[MAX_VEC];
	size_t n_vec;
	/* To come back to: a few registers, slowly replaced; a file. */
	uint64_t focus[MAX_FOCUS];
	size_t last_object;
	/* The call at hand. */
	struct call call;
	struct object target;	/* as it was before the call */
	int ret[2];
	struct snapshot before, after[2];
	/* Ticks that a call took at most: how far two counters may differ. */
	uint64_t slack;
};

/* The sides are the caller's to set; opens /dev/kvm. 0, or an errno. */
int world_open(struct world *w, const struct onereg_host *host);
/* Closes everything. */
void world_close(struct world *w);
/* Chooses a call, makes it on each side, remembers what came of it. */
void world_step(struct world *w, struct source *s);

/* ---- choose.c: the next call; choose_reg.c, choose_vec.c: registers ---- */

/* Prepares memory, too. w->call is without its argument meanwhile. */
struct call choose_call(struct world *w, struct source *s);
uint64_t choose_id(struct world *w, struct source *s);
/* Fills value; may choose another id, of which a value is known. */
uint64_t choose_value(const struct world *w, struct source *s, uint64_t id,
		      uint8_t value[KA_REG_SIZE_MAX]);
/* Changes the value of a register, or leaves it. */
void choose_change(struct source *s, uint8_t value[KA_REG_SIZE_MAX],
		   size_t size);
bool is_not_modelled(uint64_t id);
/* Takes back of a change what is not to be tried. */
void avoid(uint64_t id, uint8_t value[KA_REG_SIZE_MAX]);
/* Bytes that a register's value takes in memory, never 0. */
size_t value_room(uint64_t id);
/*
 * The address that a call is told of what is at at, of that size: mostly that
 * one, else where memory ends, is missing, or cannot be written.
 */
uint64_t choose_address(struct world *w, struct source *s, enum area area,
			const void *at, size_t size);
/* The same for a register's value. */
uint64_t choose_value_address(struct world *w, struct source *s, uint64_t id,
			      const void *at);
/* The address of the argument. */
uint64_t choose_reg(struct world *w, struct source *s, bool set);
uint64_t choose_list(struct world *w, struct source *s);
uint64_t choose_vec(struct world *w, struct source *s, bool set);

/* ---- perform.c ---- */

/* Makes the call at hand on that side. */
void perform(struct world *w, size_t side);

/* ---- look.c: what a call carries ---- */

/* Bytes at an address in a snapshot, or NULL. */
uint8_t *look(const struct world *w, struct snapshot *s, uint64_t address,
	      size_t size);
/*
 * The i-th register that this side's kernel has read or written in the call at
 * hand, and where its value then is (NULL: in no memory of ours); false past
 * the last.
 */
bool look_reg(struct world *w, size_t side, size_t i, struct ka_one_reg *ret,
	      uint8_t **ret_value);
bool is_get_of_regs(unsigned long request);

/* ---- compare.c: do both sides agree? ---- */

/* On false, buf says how they do not. */
bool world_agrees(struct world *w, char *buf, size_t size);

/* ---- words.c ---- */

/* The call at hand and its first answer. */
void world_describe(struct world *w, char *buf, size_t size);
const char *request_name(unsigned long request);

#endif
