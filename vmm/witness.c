// SPDX-License-Identifier: MIT
/*
 * Does the payload notice? Each bit is changed in a running VM; the payload
 * has to say so. Where the old value can be put back and the payload is
 * content again the VM serves for the next bit, else a new one is booted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "flip.h"
#include "payload/layout.h"
#include "vmm.h"

enum outcome { NOTICED, UNNOTICED, REFUSED, LOST };

struct tally {
	unsigned int noticed, unnoticed, refused, boots;
};

static int boot(struct vm *vm, const struct options *o, struct tally *tally)
{
	int rc = vm_create(vm, &o->machine, &o->shape, NULL);

	if (rc)
		return rc;
	vm->uart.quiet = true;
	rc = vm_init_vcpus(vm, &o->shape);
	if (!rc)
		rc = guest_load(vm, &o->guest);
	if (!rc)
		rc = vm_start(vm);
	if (rc)
		return rc;
	vm_resume(vm);
	tally->boots++;
	return guest_wait(vm, 1, 60);
}

static void end(struct vm *vm)
{
	vm_quit(vm);
	vm_close(vm);
}

static void forget_failures(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->machine.vcpus; i++) {
		struct cpu *cpu = (void *)(vm->memory + PAYLOAD_CPUS -
					   RAM_BASE + i * PAYLOAD_CPU_SIZE);

		cpu->status.n_failures = 0;
	}
}

static bool content(struct vm *vm, char *said, size_t size)
{
	return guest_check(vm, said, size) == YES;
}

/* Undone where nothing has written the register since. */
static bool undo(struct vm *vm, const struct options *o,
		 const struct target *target, union value *before,
		 const union value *after)
{
	union value now;
	char said[UART_LINE];

	if (vm_pause(vm))
		return false;
	if (!flip_read(vm, o->vcpu, target, &now) &&
	    !memcmp(&now, after, sizeof(now)))
		flip_write(vm, o->vcpu, target, before);
	forget_failures(vm);
	vm_resume(vm);
	return content(vm, said, sizeof(said));
}

/* The VM is paused when it comes back with REFUSED. */
static enum outcome change(struct vm *vm, const struct options *o,
			   const struct target *target, unsigned int bit,
			   union value *before, union value *after)
{
	union value now;

	/* not there: no need to wait for a moment */
	if (flip_read(vm, o->vcpu, target, before) < 0)
		return REFUSED;
	if (flip_moment(vm, o->vcpu))
		return LOST;
	if (flip_read(vm, o->vcpu, target, before) < 0)
		return REFUSED;
	*after = *before;
	after->byte[bit / 8] ^= 1u << bit % 8;
	if (flip_write(vm, o->vcpu, target, after) < 0 ||
	    flip_read(vm, o->vcpu, target, &now) < 0 ||
	    memcmp(&now, after, sizeof(now)))
		return REFUSED;
	return NOTICED;
}

static void show(const struct target *target, unsigned int bit,
		 enum outcome outcome, const char *said)
{
	static const char *const word[] = { "noticed", "UNNOTICED", "refused",
					    "LOST" };
	const char *what = strstr(said, "vcpu=");

	printf("%-18s bit %4u %-9s %s\n", target->name, bit, word[outcome],
	       what ?: said);
	fflush(stdout);
}

/* *fresh: the VM may serve on. */
static enum outcome try_bit(struct vm *vm, const struct options *o,
			    const struct target *target, unsigned int bit,
			    bool *fresh)
{
	union value before, after;
	char said[UART_LINE] = "";
	enum outcome outcome;

	if (vm_pause(vm)) {
		*fresh = false;
		return LOST;
	}
	outcome = change(vm, o, target, bit, &before, &after);
	vm_resume(vm);
	if (outcome == NOTICED) {
		if (content(vm, said, sizeof(said)))
			outcome = UNNOTICED;
		*fresh = undo(vm, o, target, &before, &after);
	} else {
		*fresh = outcome == REFUSED;
	}
	show(target, bit, outcome, said);
	return outcome;
}

static void count(struct tally *tally, enum outcome outcome)
{
	tally->noticed += outcome == NOTICED;
	tally->unnoticed += outcome == UNNOTICED || outcome == LOST;
	tally->refused += outcome == REFUSED;
}

/* The lowest, the highest and one between, of those that can be seen. */
static unsigned int choose_bits(uint64_t covered, size_t bytes,
				unsigned int bits[3])
{
	unsigned int n = 0;

	if (bytes > 8) {
		bits[0] = 0;
		bits[1] = bytes * 4 + 5;
		bits[2] = bytes * 8 - 1;
		return 3;
	}
	if (bytes < 8)
		covered &= (1ull << bytes * 8) - 1;
	if (!covered)
		return 0;
	bits[n++] = __builtin_ctzll(covered);
	bits[n++] = 63 - __builtin_clzll(covered);
	for (unsigned int b = 21; b < bits[1] && n < 3; b++)
		if (covered >> b & 1 && b > bits[0])
			bits[n++] = b;
	return bits[0] == bits[1] ? 1 : n;
}

static int try_target(struct vm *vm, const struct options *o,
		      const struct target *target, struct tally *tally)
{
	uint64_t covered = target_covered(target, (void *)vm->memory);
	unsigned int bits[3], n;
	bool fresh = true;

	n = choose_bits(covered, target_size(target), bits);
	for (unsigned int i = 0; i < n && i < o->bits; i++) {
		enum outcome outcome = try_bit(vm, o, target, bits[i], &fresh);

		count(tally, outcome);
		/* KVM's refusal is of the register */
		if (fresh && outcome == REFUSED)
			break;
		if (fresh)
			continue;
		end(vm);
		if (boot(vm, o, tally))
			return CANNOT;
	}
	return 0;
}

/* only: prefixes with commas between them, or NULL. */
static bool wanted(const char *name, const char *only)
{
	if (!only)
		return true;
	for (;;) {
		size_t n = strcspn(only, ",");

		if (n && !strncmp(name, only, n))
			return true;
		if (!only[n])
			return false;
		only += n + 1;
	}
}

int command_witness(const struct options *o)
{
	struct tally tally = { 0 };
	struct target target;
	struct vm vm;
	int rc;

	if (o->vcpu >= (o->guest.cpus ?: o->machine.vcpus))
		return wrong_usage("--vcpu %u: the payload runs on %u vCPUs",
				   o->vcpu, o->guest.cpus ?: o->machine.vcpus);
	rc = boot(&vm, o, &tally);
	for (size_t i = 0; !rc && target_at(i, &target); i++)
		if (wanted(target.name, o->only))
			rc = try_target(&vm, o, &target, &tally);
	if (vm.memory)
		end(&vm);
	printf("noticed %u, unnoticed %u, refused by KVM %u; %u boots\n",
	       tally.noticed, tally.unnoticed, tally.refused, tally.boots);
	if (rc)
		return rc;
	if (!tally.noticed && !tally.unnoticed)
		error_line("witness: nothing was tried, so nothing is shown");
	/* nothing noticed is no witness, even where nothing went unnoticed */
	return tally.unnoticed || !tally.noticed ? NO : YES;
}
