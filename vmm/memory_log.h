/* SPDX-License-Identifier: MIT */
/*
 * Which pages of the guest's memory have to be sent. Only what the guest and
 * KVM write is noticed: a VMM that writes to guest memory by itself while the
 * guest migrates has to say so, which nothing here does.
 */
#ifndef ONEREG_VMM_MEMORY_LOG_H
#define ONEREG_VMM_MEMORY_LOG_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

struct memory_log {
	struct vm *vm;
	uint32_t page_size;
	uint64_t n_pages;
	uint64_t words; /* of 64 pages */
	uint64_t *pending; /* to be sent */
	uint64_t *fetched;
	bool on, manual;
};

/* Pages are cleared in the kernel's log in steps of that many. */
#define MEMORY_STEP 4096u

/* From here on all pages are to be sent. CANNOT, told. */
int memory_log_start(struct memory_log *log, struct vm *vm);
/* What was written since is to be sent. CANNOT, told. */
int memory_log_fetch(struct memory_log *log);
/*
 * To be called for each step, before its pages are read: what is written from
 * here on is noticed anew.
 */
int memory_log_rearm(struct memory_log *log, uint64_t first);
uint64_t memory_log_count(const struct memory_log *log);
bool memory_log_take(struct memory_log *log, uint64_t page);
/* The VM is as it was before. */
void memory_log_stop(struct memory_log *log);

#endif
