// SPDX-License-Identifier: MIT
/*
 * KVM's log of pages that the guest has written. Where the kernel has manual
 * clearing, asking does not write-protect: that is done a step at a time, just
 * before the pages of the step are read, and not for all memory at once.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "memory_log.h"
#include "vmm.h"

#define SLOT 0

static int set_flags(struct vm *vm, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = SLOT,
		.flags = flags,
		.guest_phys_addr = RAM_BASE,
		.memory_size = vm->machine.memory_size,
		.userspace_addr = (uintptr_t)vm->memory,
	};

	return ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Stays so when the log is stopped: without a log it means nothing. */
static bool enable_manual(struct vm *vm)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
	};
	int have = ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, (long)cap.cap);

	if (have <= 0)
		return false;
	cap.args[0] = have & (KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
			      KVM_DIRTY_LOG_INITIALLY_SET);
	return !ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap);
}

static void set_all(struct memory_log *log)
{
	memset(log->pending, 0xff, log->words * sizeof(*log->pending));
	if (log->n_pages % 64)
		log->pending[log->words - 1] = (1ull << log->n_pages % 64) - 1;
}

int memory_log_start(struct memory_log *log, struct vm *vm)
{
	uint32_t page_size = sysconf(_SC_PAGESIZE);
	uint64_t n = vm->machine.memory_size / page_size;

	*log = (struct memory_log){
		.vm = vm,
		.page_size = page_size,
		.n_pages = n,
		.words = (n + 63) / 64,
		.pending = calloc((n + 63) / 64, sizeof(uint64_t)),
		.fetched = calloc((n + 63) / 64, sizeof(uint64_t)),
	};
	if (!log->pending || !log->fetched)
		return cannot(NULL, "no memory for a log of %llu pages",
			      (unsigned long long)n);
	log->manual = enable_manual(vm);
	if (set_flags(vm, KVM_MEM_LOG_DIRTY_PAGES) < 0)
		return cannot_errno(NULL, "KVM_SET_USER_MEMORY_REGION with "
					  "KVM_MEM_LOG_DIRTY_PAGES");
	log->on = true;
	set_all(log);
	return 0;
}

int memory_log_fetch(struct memory_log *log)
{
	struct kvm_dirty_log get = {
		.slot = SLOT,
		.dirty_bitmap = log->fetched,
	};

	if (ioctl(log->vm->vm_fd, KVM_GET_DIRTY_LOG, &get) < 0)
		return cannot_errno(NULL, "KVM_GET_DIRTY_LOG");
	for (uint64_t i = 0; i < log->words; i++)
		log->pending[i] |= log->fetched[i];
	return 0;
}

int memory_log_rearm(struct memory_log *log, uint64_t first)
{
	uint64_t left = log->n_pages - first;
	struct kvm_clear_dirty_log clear = {
		.slot = SLOT,
		.num_pages = left < MEMORY_STEP ? left : MEMORY_STEP,
		.first_page = first,
		.dirty_bitmap = log->pending + first / 64,
	};

	if (log->manual &&
	    ioctl(log->vm->vm_fd, KVM_CLEAR_DIRTY_LOG, &clear) < 0)
		return cannot_errno(NULL,
				    "KVM_CLEAR_DIRTY_LOG of %u pages at "
				    "%llu",
				    clear.num_pages, (unsigned long long)first);
	return 0;
}

uint64_t memory_log_count(const struct memory_log *log)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < log->words; i++)
		n += __builtin_popcountll(log->pending[i]);
	return n;
}

bool memory_log_take(struct memory_log *log, uint64_t page)
{
	uint64_t bit = 1ull << page % 64;
	bool set = log->pending[page / 64] & bit;

	log->pending[page / 64] &= ~bit;
	return set;
}

void memory_log_stop(struct memory_log *log)
{
	if (log->on && set_flags(log->vm, 0) < 0)
		cannot_errno("the guest runs on, more slowly",
			     "switching off the log of its writes");
	free(log->pending);
	free(log->fetched);
	*log = (struct memory_log){ 0 };
}
