/* SPDX-License-Identifier: MIT */
/*
 * The rules of the register interface, each with a test that makes its own
 * scratch VMs: tables of rules (RULES below), what a test may do, and what it
 * may expect.
 *
 * A test states what a call must return; the first thing that is otherwise
 * breaks the rule and is told. Tests go on after that: a file descriptor of -1
 * is passed on and refused.
 */
#ifndef ONEREG_LIB_VALIDATE_H
#define ONEREG_LIB_VALIDATE_H

#include "../internal.h"
#include "abi.h"

#define V_FILES		80	/* that a test may have open */
#define V_LIST_MAX	1024	/* ids of a list that a test looks at */
#define V_WHY_SIZE	1536
#define PSCI		(1U << KA_VCPU_PSCI_0_2)
#define POWER_OFF	(1U << KA_VCPU_POWER_OFF)
#define X0		(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE)
#define PSCI_1_0	0x10000
#define FAR		(1ULL << 50)	/* where no counter gets by itself */
#define NEAR		(1ULL << 44)	/* what one moves by during a test */
#define POISON		0x5a5a5a5a5a5a5a5aULL

struct v;

/* What a rule asks of a kernel; the reason for skipping is in needs.c. */
enum need {
	NEED_STOCK = 1 << 0,	/* that it has no VM-scoped registers */
	NEED_VM_FD = 1 << 1,	/* register ioctls on the VM fd */
	NEED_VECTORS = 1 << 2,
	NEED_CONFIG = 1 << 3,	/* VM configuration registers */
	NEED_ASYM = 1 << 4,
	NEED_TAG = 1 << 5,
	NEED_OMIT = 1 << 6,
	NEED_SVE = 1 << 7,
	NEED_PMU = 1 << 8,
	NEED_PAUTH = 1 << 9,
	NEED_MASKS = 1 << 10,	/* ID registers that may change (6.7) */
	NEED_FIXED_IDS = 1 << 11,	/* ... that may not */
	NEED_OFFSET = 1 << 12,	/* KVM_ARM_SET_COUNTER_OFFSET (6.4) */
	NEED_BITMAPS = 1 << 13,	/* SMCCC feature bitmaps (6.0) */
	NEED_POINTERS = 1 << 14,	/* bad pointers are -EFAULT */
	NEED_SLEEP = 1 << 15,	/* KVM_RUN sleeps until there is a signal */
	NEED_SIGNALS = 1 << 16,	/* a signal may end a call halfway */
	NEED_ID_CHANGE = 1 << 17,	/* an ID register takes another value */
	NEED_BARE_OFF = 1 << 18,	/* POWER_OFF is no feature (6.4) */
	NEED_PTIMER = 1 << 19,	/* the physical timer is listed (6.4) */
	NEED_64BIT_ONLY = 1 << 20,	/* EL0 has no AArch32 */
	NEED_THREADS = 1 << 21,	/* several threads may call */
};

struct rule {
	const char *name;
	const char *text;
	void (*run)(struct v *v);
	uint32_t needs;
};

#define RULE(function, need, sentence) \
	{ .name = #function, .text = sentence, .run = function, .needs = need }

struct chapter {
	const char *name;
	const struct rule *rules;
	size_t n;
};

#define CHAPTER(title)                              \
	const struct chapter chapter_##title = {    \
		.name = #title,                     \
		.rules = rules,                     \
		.n = ARRAY_SIZE(rules),             \
	}

/* In the order in which they run; each is a file. */
#define CHAPTERS(ENTRY)      \
	ENTRY(life)          \
	ENTRY(lists)         \
	ENTRY(ids)           \
	ENTRY(sharing)       \
	ENTRY(freezing)      \
	ENTRY(values)        \
	ENTRY(counters)      \
	ENTRY(pointers)      \
	ENTRY(busy)          \
	ENTRY(no_difference) \
	ENTRY(vm_list)       \
	ENTRY(vm_fd)         \
	ENTRY(config)        \
	ENTRY(scope)         \
	ENTRY(asym)          \
	ENTRY(vector)        \
	ENTRY(bad_pointers)  \
	ENTRY(signals)       \
	ENTRY(races)

#define DECLARE(title) extern const struct chapter chapter_##title;
CHAPTERS(DECLARE)
#undef DECLARE

struct v_file {
	int fd;
	char name[16];		/* "the VM", "vCPU 5" */
};

struct v {
	const struct onereg_io *io;
	bool kernel;		/* io is the running kernel's */
	bool like_kernel;	/* that, or one as robust */
	int kvm_fd;
	uint32_t features;	/* all that vCPUs may have together */
	uint32_t has;		/* enum need */
	/* An ID register, its value, and another one that it takes. */
	struct {
		uint64_t id, value, other;
	} id_reg;
	/* Two pages to write to, then two that are not there, one to read. */
	uint8_t *pages;
	size_t page_size;
	/* of the rule under test */
	struct v_file files[V_FILES];
	size_t n_files;
	unsigned int n_calls;
	bool failed, skipped;
	char why[V_WHY_SIZE];	/* it failed or was skipped */
};

struct v_list {
	uint64_t n;
	uint64_t ids[V_LIST_MAX];
};

/* A VM with two vCPUs, initialised with PSCI 0.2 only. */
struct v_pair {
	int vm, a, b;
};

/* ---- needs.c ---- */

/* Asks the kernel what it has. 0, or -errno, told. */
int v_ask(struct v *v, struct onereg_report *report);
/* Why a rule cannot be tested here, or NULL. */
const char *v_lacks(const struct v *v, uint32_t needs);

/* ---- machine.c: scratch VMs; what fails breaks the rule ---- */

int v_vm(struct v *v);
/* ... in that mode of KVM_CAP_ARM_REG_SCOPE */
int v_vm_scope(struct v *v, uint64_t mode);
int v_vcpu(struct v *v, int vm, unsigned int id);
/* KVM_ARM_VCPU_INIT, then KVM_ARM_VCPU_FINALIZE where there is SVE. */
void v_init(struct v *v, int vcpu, uint32_t features);
/* A new vCPU, initialised. */
int v_ready(struct v *v, int vm, unsigned int id, uint32_t features);
struct v_pair v_pair(struct v *v);
/* One KVM_RUN, ended by a signal before the guest gets anywhere. */
void v_first_run(struct v *v, int vcpu);
/* 0 or -errno; nothing is expected of these. */
int v_try_init(struct v *v, int vcpu, uint32_t features);
int v_try_finalize(struct v *v, int vcpu);
int v_try_cap(struct v *v, int vm, uint32_t cap, uint64_t arg);
int v_cap(struct v *v, int fd, uint32_t cap);
/* Closes what a test left open, -1 none of them: all. */
void v_close(struct v *v, int fd);
void v_close_all(struct v *v);

/* ---- expect.c: calls, and what they must return ---- */

/* ioctl, a result >= 0 or -errno. */
int v_ioctl(struct v *v, int fd, unsigned long request, void *arg);
/* Up to 8 bytes of the value; the call as such. */
int v_try_get(struct v *v, int fd, uint64_t id, uint64_t *value);
int v_try_set(struct v *v, int fd, uint64_t id, uint64_t value);

/* Breaks the rule; printf-formatted. */
void v_fail(struct v *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* It cannot be tested here, as turned out. */
void v_skip(struct v *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* got and want: 0 (anything >= 0) or -errno; what: the call. */
bool v_is(struct v *v, int got, int want, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool v_true(struct v *v, bool good, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool v_same(struct v *v, uint64_t got, uint64_t want, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* KVM_GET_ONE_REG: its result; its value; the value where it must work. */
void v_get(struct v *v, int fd, uint64_t id, int want);
void v_value(struct v *v, int fd, uint64_t id, uint64_t want);
uint64_t v_read(struct v *v, int fd, uint64_t id);
void v_set(struct v *v, int fd, uint64_t id, uint64_t value, int want);
/* Both calls on an id. */
void v_refuses(struct v *v, int fd, uint64_t id, int want);
/* KVM_ARM_VCPU_INIT; KVM_ENABLE_CAP with args[0]. */
void v_init_is(struct v *v, int vcpu, uint32_t features, int want);
void v_cap_is(struct v *v, int vm, uint32_t cap, uint64_t arg, int want);
/* KVM_GET_REG_LIST, which must work. */
void v_list(struct v *v, int fd, struct v_list *ret);
bool v_listed(const struct v_list *list, uint64_t id);
void v_lists_equal(struct v *v, const struct v_list *a, const char *what_a,
		   const struct v_list *b, const char *what_b);
/* How a message calls that file. */
const char *v_name(const struct v *v, int fd);
/* "-EBUSY", "0" */
const char *v_error(int ret, char buf[24]);

#endif
