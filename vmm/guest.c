// SPDX-License-Identifier: MIT
/* Puts a guest into memory, and talks to the one that we bring. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "payload/layout.h"
#include "vmm.h"

extern const uint8_t payload_elf[], payload_elf_end[];

#define CORE_X0 0x6030000000100000ull
#define PTIMER_CTL 0x603000000013df11ull
#define CORE_PC 0x6030000000100040ull

static struct payload_params *params_of(struct vm *vm)
{
	return (void *)vm->memory;
}

static struct payload_status *status_of(struct vm *vm, unsigned int cpu)
{
	uint64_t offset =
		PAYLOAD_CPUS - RAM_BASE + (uint64_t)cpu * PAYLOAD_CPU_SIZE;

	return (void *)(vm->memory + offset + offsetof(struct cpu, status));
}

uint8_t *guest_memory(struct vm *vm, uint64_t address, uint64_t size)
{
	uint64_t offset = address - RAM_BASE;

	if (address < RAM_BASE || offset > vm->machine.memory_size ||
	    size > vm->machine.memory_size - offset)
		return NULL;
	return vm->memory + offset;
}

static int load_segment(struct vm *vm, const uint8_t *image, size_t size,
			const Elf64_Phdr *phdr)
{
	uint8_t *to = guest_memory(vm, phdr->p_paddr, phdr->p_memsz);

	if (!to)
		return cannot("give the VM more --memory",
			      "guest: a segment at 0x%llx is outside memory",
			      (unsigned long long)phdr->p_paddr);
	if (phdr->p_filesz > phdr->p_memsz || phdr->p_offset > size ||
	    phdr->p_filesz > size - phdr->p_offset)
		return cannot(NULL, "guest: a segment ends after the file");
	memcpy(to, image + phdr->p_offset, phdr->p_filesz);
	return 0;
}

static int load_elf(struct vm *vm, const uint8_t *image, size_t size,
		    uint64_t *entry)
{
	Elf64_Ehdr header;
	int rc = 0;

	memcpy(&header, image, sizeof(header));
	if (header.e_machine != EM_AARCH64 ||
	    header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > size ||
	    header.e_phnum > (size - header.e_phoff) / sizeof(Elf64_Phdr))
		return cannot(NULL, "guest: not an arm64 ELF program");
	*entry = header.e_entry;
	for (unsigned int i = 0; !rc && i < header.e_phnum; i++) {
		Elf64_Phdr phdr;

		memcpy(&phdr, image + header.e_phoff + i * sizeof(phdr),
		       sizeof(phdr));
		if (phdr.p_type == PT_LOAD)
			rc = load_segment(vm, image, size, &phdr);
	}
	return rc;
}

static int load(struct vm *vm, const uint8_t *image, size_t size,
		uint64_t *entry)
{
	uint8_t *to;

	if (size >= sizeof(Elf64_Ehdr) && !memcmp(image, ELFMAG, SELFMAG))
		return load_elf(vm, image, size, entry);
	to = guest_memory(vm, PAYLOAD_LOAD, size);
	if (!to)
		return cannot("give the VM more --memory",
			      "guest: %zu bytes do not fit", size);
	memcpy(to, image, size);
	*entry = PAYLOAD_LOAD;
	return 0;
}

/* It finds its memory as its file says, and nothing else in it. */
static int load_program(struct vm *vm, const struct guest_options *options,
			uint64_t *entry)
{
	const char *path = options->file;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct stat st;
	uint8_t *image;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = cannot_errno("--guest wants an ELF or flat file",
				  "guest %s", path);
		goto close;
	}
	image = malloc(st.st_size + 1);
	if (!image || read(fd, image, st.st_size) != st.st_size)
		rc = cannot_errno(NULL, "reading guest %s", path);
	else
		rc = load(vm, image, st.st_size, entry);
	free(image);
close:
	if (fd >= 0)
		close(fd);
	return rc;
}

/* What is held at a time grows shorter the more vCPUs share the CPUs. */
static uint64_t default_hold(unsigned int cpus)
{
	return cpus <= 4 ? 1000000 : 4000000 / cpus;
}

static uint64_t default_tick_us(unsigned int cpus)
{
	return cpus <= 16 ? 10000 : 10000 * cpus / 16;
}

/* Linux boots first, and says by itself when a vCPU has stalled. */
unsigned int guest_patience_ms(const struct vm *vm)
{
	unsigned int ms = 30000 + 1000 * vm->machine.vcpus;

	return vm->machine.kind == GUEST_LINUX ? 3 * ms : ms;
}

/*
 * KVM before Linux 6.4 has no way in to a vCPU's physical timer: what a guest
 * wrote there is lost in a save, whatever saves. The payload is spared it.
 */
static bool physical_timer_lost(struct vm *vm)
{
	uint64_t value;

	return vm->no_physical_timer ||
	       (vm_get_reg(vm, 0, PTIMER_CTL, &value) < 0 && errno == ENOENT);
}

static void fill_params(struct vm *vm, const struct guest_options *options)
{
	unsigned int cpus = options->cpus ?: vm->machine.vcpus;

	*params_of(vm) = (struct payload_params){
		.magic = PAYLOAD_MAGIC,
		.memory_size = vm->machine.memory_size,
		.vcpus = vm->machine.vcpus,
		.guest_cpus = cpus,
		.hold = options->hold ?: default_hold(cpus),
		.tick_us = default_tick_us(cpus),
		.stall_ms = guest_patience_ms(vm),
		.gicd = vm->machine.gicd,
		.gicr = vm->machine.gicr,
		.uart = UART_BASE,
		.nr_irqs = vm->machine.nr_irqs,
		.no_physical_timer = physical_timer_lost(vm),
		.its = vm->machine.its,
		.msi = vm->machine.its ? MSI_BASE : 0,
	};
}

static int set_reg(struct vm *vm, uint64_t id, uint64_t value, const char *name)
{
	if (vm_set_reg(vm, 0, id, &value) < 0)
		return cannot_errno(NULL, "KVM_SET_ONE_REG of %s, vCPU 0",
				    name);
	return 0;
}

static int load_payload(struct vm *vm, const struct guest_options *options,
			uint64_t *entry)
{
	int rc;

	if (vm->machine.memory_size <
	    PAYLOAD_CPUS - RAM_BASE +
		    (uint64_t)vm->machine.vcpus * PAYLOAD_CPU_SIZE)
		return cannot("16 MiB serve any number",
			      "--memory: too little for %u vCPUs",
			      vm->machine.vcpus);
	rc = load(vm, payload_elf, payload_elf_end - payload_elf, entry);
	if (rc)
		return rc;
	fill_params(vm, options);
	return set_reg(vm, CORE_X0, PAYLOAD_PARAMS, "X0");
}

static bool all_made(struct vm *vm, uint64_t passes)
{
	for (unsigned int i = 0; i < params_of(vm)->guest_cpus; i++) {
		volatile struct payload_status *s = status_of(vm, i);

		if (s->passes < passes && !s->n_failures)
			return false;
	}
	return true;
}

static int report_slowest(struct vm *vm, uint64_t passes, uint64_t ns)
{
	unsigned int slowest = 0;

	for (unsigned int i = 1; i < params_of(vm)->guest_cpus; i++)
		if (status_of(vm, i)->passes < status_of(vm, slowest)->passes)
			slowest = i;
	return cannot("look at what the guest printed, or give it fewer vCPUs "
		      "or a shorter --hold",
		      "guest: vCPU %u made %llu of %llu passes in %llu s",
		      slowest,
		      (unsigned long long)status_of(vm, slowest)->passes,
		      (unsigned long long)passes,
		      (unsigned long long)(ns / 1000000000));
}

/* It is read out of its memory. */
static int wait_payload(struct vm *vm, uint64_t passes, unsigned int seconds)
{
	uint64_t start = now_ns(), waited;

	while (!all_made(vm, passes)) {
		/* who ended it has said so, or the caller does */
		if (vm_end(vm) != GOING)
			return CANNOT;
		waited = now_ns() - start;
		if (waited > seconds * 1000000000ull)
			return report_slowest(vm, passes, waited);
		usleep(2000);
	}
	return 0;
}

/* "line=1/3" at the end of a failure tells how many lines there are. */
static unsigned int lines_of(const char *answer)
{
	const char *slash = strrchr(answer, '/');

	return slash ? (unsigned int)strtoul(slash + 1, NULL, 10) : 1;
}

/* In slices: the VM may end meanwhile, and then no answer comes. */
static const char *wait_answer(struct vm *vm, unsigned int i, unsigned int ms)
{
	uint64_t start = now_ns();
	const char *answer;
	bool over;

	do {
		over = vm_end(vm) != GOING ||
		       now_ns() - start > ms * 1000000ull;
		answer = uart_answer(&vm->uart, i, over ? 0 : 50);
	} while (!answer && !over);
	return answer;
}

/* What it hears before it is up is lost. */
static bool wait_up(struct vm *vm, unsigned int ms)
{
	uint64_t start = now_ns();

	while (!uart_heard(&vm->uart)) {
		if (vm_end(vm) != GOING || now_ns() - start > ms * 1000000ull)
			return false;
		usleep(10000);
	}
	return true;
}

static const char *ask(struct vm *vm, uint8_t question, unsigned int ms)
{
	if (vm->machine.kind == GUEST_LINUX && !wait_up(vm, ms))
		return NULL;
	uart_forget(&vm->uart);
	uart_send(&vm->uart, question);
	return wait_answer(vm, 0, ms);
}

/* It is asked: its memory is its own affair. */
static int wait_linux(struct vm *vm, uint64_t passes, unsigned int seconds)
{
	uint64_t start = now_ns(), waited = 0;
	const char *answer = "nothing";

	while (waited < seconds * 1000000000ull) {
		answer = ask(vm, '#', seconds * 1000 - waited / 1000000);
		if (vm_end(vm) != GOING)
			return CANNOT;
		if (!answer)
			break;
		/* what failed is told when it is asked for */
		if (strtoull(answer + strcspn(answer, "0123456789"), NULL,
			     10) >= passes ||
		    strstr(answer, "FAIL"))
			return 0;
		usleep(250000);
		waited = now_ns() - start;
	}
	return cannot("look at what the guest printed; if its /init is not "
		      "ours, say --run-for",
		      "guest: %llu passes wanted, and in %u s it said \"%s\"",
		      (unsigned long long)passes, seconds,
		      answer ?: "nothing");
}

static const struct {
	int (*load)(struct vm *vm, const struct guest_options *options,
		    uint64_t *entry);
	/* NULL: it does not check itself */
	int (*wait)(struct vm *vm, uint64_t passes, unsigned int seconds);
} guests[] = {
	[GUEST_PAYLOAD] = { load_payload, wait_payload },
	[GUEST_LINUX] = { linux_load, wait_linux },
	[GUEST_PROGRAM] = { load_program, NULL },
};

int guest_load(struct vm *vm, const struct guest_options *options)
{
	uint64_t entry = 0;

	return guests[vm->machine.kind].load(vm, options, &entry) ?:
		       set_reg(vm, CORE_PC, entry, "PC");
}

bool guest_is_payload(struct vm *vm)
{
	return vm->machine.kind == GUEST_PAYLOAD &&
	       params_of(vm)->magic == PAYLOAD_MAGIC;
}

bool guest_checks_itself(struct vm *vm)
{
	return vm->machine.kind == GUEST_PAYLOAD ?
		       guest_is_payload(vm) :
		       guests[vm->machine.kind].wait != NULL;
}

int guest_wait(struct vm *vm, uint64_t passes, unsigned int seconds)
{
	return guests[vm->machine.kind].wait(vm, passes, seconds);
}

int guest_check(struct vm *vm, char *text, size_t size)
{
	const char *answer;
	unsigned int ms = guest_patience_ms(vm) * 2;

	answer = ask(vm, '?', ms);
	if (!answer && vm_end(vm) != GOING) {
		snprintf(text, size, "no answer: the VM ended");
		return CANNOT;
	}
	if (!answer) {
		snprintf(text, size, "no answer from vCPU 0 in %u ms", ms);
		return NO;
	}
	snprintf(text, size, "%s", answer);
	for (unsigned int i = 1; i < lines_of(answer); i++)
		if (!wait_answer(vm, i, ms))
			break;
	return strncmp(answer, "payload: ok ", 12) ? NO : YES;
}
