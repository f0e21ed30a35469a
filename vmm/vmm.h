/* SPDX-License-Identifier: MIT */
/* What the files of onereg-vmm share. */
#ifndef ONEREG_VMM_H
#define ONEREG_VMM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>

#include "migrate.h"
#include "msi.h"
#include "onereg.h"

/* Exit status of every command. */
enum status { YES = 0, NO = 1, USAGE = 2, CANNOT = 3 };

#define RAM_BASE 0x40000000ull
#define GICD_BASE 0x08000000ull
#define ITS_BASE 0x08080000ull
#define ITS_SIZE 0x20000ull
/* Clear of the UART with 512 redistributors of 128 KiB each. */
#define GICR_BASE 0x10000000ull
#define UART_BASE 0x09000000ull
#define UART_IRQ 33 /* its number for the GIC; an SPI */
#define MSI_BASE 0x0a000000ull
#define MSI_SIZE 0x1000ull
#define NR_IRQS 96
#define MAX_VCPUS 512
#define PMU_PPI 23

/* What belongs to one save: XXH3 of the guest's memory and of the image. */
struct digests {
	uint64_t memory, registers;
	uint64_t registers_size; /* bytes */
};

#define UART_LINE 512
#define UART_LINES 16
#define UART_REGISTERS 7

/* What of the UART is the VM's: it is saved and goes along. */
struct uart_state {
	uint8_t rx[64]; /* received, not yet fetched by the guest */
	unsigned int n_rx;
	uint16_t reg[UART_REGISTERS]; /* uart_register() names them */
	bool sent; /* raw state of the transmit interrupt */
	bool heard; /* the guest has said "payload: ..." */
	char line[UART_LINE]; /* begun by the guest */
	unsigned int n_line;
};

/* What runs in a VM; the names are guest.c's. */
enum guest_kind { GUEST_PAYLOAD, GUEST_LINUX, GUEST_PROGRAM };

/* What a VM is made of before anything of it has run. */
struct machine {
	uint64_t memory_size; /* bytes */
	unsigned int vcpus;
	unsigned int nr_irqs;
	uint64_t gicd, gicr;
	uint64_t its; /* 0: neither an ITS nor the device of msi.h */
	char guest[64]; /* its name, for people */
	enum guest_kind kind;
	struct uart_state uart;
	struct msi_state msi;
	struct digests digests; /* of a saved one */
};

struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	bool held, parked; /* under the VM's lock */
	bool pending; /* an MMIO that the next KVM_RUN completes */
};

struct uart {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct uart_state state;
	int vm_fd; /* whose interrupt line it pulls */
	bool level; /* of that line */
	char answer[UART_LINES][UART_LINE]; /* lines of "payload: " */
	unsigned int n_answers;
	bool quiet;
};

enum phase { PAUSED, RUNNING, QUIT };

/* By itself: the guest asked for it, or a vCPU could not go on. */
enum end { GOING, SHUT_DOWN, RESET, FAILED };

struct vm {
	struct machine machine;
	int kvm_fd, vm_fd, gic_fd;
	int its_fd; /* or -1 */
	uint8_t *memory;
	struct vcpu *vcpus;
	int *vcpu_fds;
	size_t run_size;
	struct kvm_vcpu_init init; /* all 0 where the library does it */
	struct onereg_baseline *baseline; /* to be pinned to, or NULL */
	struct onereg_vm *plane; /* NULL until plane_open() */
	bool no_physical_timer; /* on some host that the guest may go to */
	struct uart uart;
	struct msi msi;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	enum phase phase;
	unsigned int parked; /* vCPUs out of KVM_RUN */
	unsigned int ended; /* vCPU threads that are no more */
	enum end end;
};

/* errors.c: one line on stderr, what, where, why, what to do; returns CANNOT */
#define PATH_SIZE 4096
int cannot(const char *todo, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int cannot_errno(const char *todo, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int wrong_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
void error_line(const char *line);
const char *error_first(void); /* "" where there was none */
int path_join(char path[PATH_SIZE], const char *dir, const char *name);

/* optin.c: what KVM fixes before the first vCPU, and what follows from it */
#define MAX_HYPERCALLS 64
struct hypercalls {
	struct hypercall {
		unsigned int first, last; /* vCPUs */
		uint64_t id, value; /* of a bitmap of services */
	} v[MAX_HYPERCALLS];
	unsigned int n;
};
/* Adds what the text says; USAGE where it is not understood. */
int hypercalls_parse(const char *text, struct hypercalls *ret);
int hypercalls_check(const struct hypercalls *h, unsigned int vcpus);
int optin_configure(struct vm *vm, const struct hypercalls *hypercalls);
int optin_hypercalls(struct vm *vm, const struct hypercalls *hypercalls);

/* vm.c: create and close; the functions return 0 or a status */
struct shape {
	bool no_sve, no_pmu, no_pauth;
	const char *baseline; /* file to pin it to, or NULL */
	struct hypercalls hypercalls;
};
/* Of a new VM the shape, of one that is restored the image; else NULL. */
int vm_create(struct vm *vm, const struct machine *machine,
	      const struct shape *shape, const struct onereg_image *image);
int vm_init_vcpus(struct vm *vm, const struct shape *shape);
void vm_close(struct vm *vm);
int vm_set_reg(struct vm *vm, unsigned int vcpu, uint64_t id, void *value);
int vm_get_reg(struct vm *vm, unsigned int vcpu, uint64_t id, void *value);

/* vcpu.c: the threads */
int vm_start(struct vm *vm); /* threads, paused */
void vm_resume(struct vm *vm);
int vm_pause(struct vm *vm); /* CANNOT, without a word, if it ended */
/* One vCPU, while the others run; it is out of KVM_RUN in between. */
void vm_hold(struct vm *vm, unsigned int vcpu);
void vm_release(struct vm *vm, unsigned int vcpu);
enum end vm_end(struct vm *vm);
/* For so long, or until the VM ends. */
enum end vm_sleep(struct vm *vm, double seconds);
void vm_quit(struct vm *vm);

/* uart.c: the guest's PL011 */
const char *uart_register(unsigned int i);
uint16_t uart_mask(unsigned int i); /* the bits that it has */
void uart_reset(struct uart_state *state);
void uart_init(struct uart *uart);
/* The GIC's level of its line is expected to be the one of the state. */
void uart_set(struct uart *uart, const struct uart_state *state);
void uart_get(struct uart *uart, struct uart_state *ret);
void uart_mmio(struct uart *uart, struct kvm_run *run);
void uart_send(struct uart *uart, uint8_t byte);
/* The i-th answer since uart_forget(), or NULL after the time. */
const char *uart_answer(struct uart *uart, unsigned int i, unsigned int ms);
void uart_forget(struct uart *uart);
/* Has the guest ever said "payload: ..."? */
bool uart_heard(struct uart *uart);

/* guest.c: what runs in the VM */
struct guest_options {
	const char *file; /* of a program */
	const char *kernel, *initrd, *cmdline; /* of Linux; NULL: none */
	unsigned int cpus; /* to bring up, 0: all */
	uint64_t hold;
};
/* Where size bytes at a guest address lie here, or NULL. */
uint8_t *guest_memory(struct vm *vm, uint64_t address, uint64_t size);
int guest_load(struct vm *vm, const struct guest_options *options);
bool guest_is_payload(struct vm *vm);
/* Does it answer guest_wait() and guest_check()? */
bool guest_checks_itself(struct vm *vm);
/*
 * Waits until each vCPU of the guest has made so many passes; CANNOT, and
 * at once, where the VM ended.
 */
int guest_wait(struct vm *vm, uint64_t passes, unsigned int seconds);
/* Asks the guest: YES, NO or CANNOT; what it said goes into text. */
int guest_check(struct vm *vm, char *text, size_t size);
unsigned int guest_patience_ms(const struct vm *vm);

/* linux.c: a kernel, an initrd, a device tree; fdt.c: the last */
int linux_load(struct vm *vm, const struct guest_options *options,
	       uint64_t *entry);
struct fdt_chosen {
	const char *cmdline;
	uint64_t initrd, initrd_size; /* bytes; 0: none */
};
int fdt_build(const struct vm *vm, const struct fdt_chosen *chosen, void *to,
	      size_t size);

/* machine.c: DIR/machine; snapshot.c: all of DIR */
int machine_write(struct vm *vm, const struct digests *digests,
		  int dir_fd);
int machine_read(const char *dir, struct machine *ret);
/* The same as bytes: what machine_write() writes, to be freed; NULL, told. */
char *machine_text(struct vm *vm, const struct digests *digests);
int machine_parse(const char *text, size_t size, const char *name,
		  struct machine *ret);
/* What the devices held goes into those of the VM. */
void machine_devices(struct vm *vm, const struct machine *machine);
/* Of the same shape, whatever their devices hold? */
bool machine_alike(const struct machine *a, const struct machine *b);
int memory_write(const struct vm *vm, int dir_fd);
/* CANNOT also where it is not the memory that belongs to the machine. */
int memory_read(struct vm *vm, const char *dir);
/* May a snapshot be put there? Nothing that is not one is ever replaced. */
int snapshot_place(const char *option, const char *dir);
/* Is registers.onereg the one that belongs to the machine? */
int registers_check(const struct machine *machine, const char *dir);
int sync_parent(const char *path); /* the directory that it is in; errno */
int snapshot_save(struct vm *vm, const char *dir, struct onereg_report *report);
/*
 * Where no other is, whoever put it there and when. After an error it is not
 * there, and what was there is untouched.
 */
int snapshot_rescue(struct vm *vm, const char *dir,
		    struct onereg_report *report);
/* One that snapshot_rescue() has just written. */
void snapshot_remove(const char *dir);

/* plane.c: the register plane, by the library */
int plane_open(struct vm *vm); /* sets vm->plane */
/* For struct onereg_stage_options, with the VM as userdata. */
int plane_hold(void *vm, size_t vcpu);
void plane_release(void *vm, size_t vcpu);
/* true: one of them is an error or says that it is impossible */
bool plane_print(const struct onereg_report *report);
/* The findings say why, or else one line of what; returns CANNOT. */
int plane_cannot(const struct onereg_report *report, int error,
		 const char *what);

/* fleet.c: files that VMs on unequal hosts need; path NULL: nothing */
int baseline_read(const char *path, struct vm *vm,
		  struct onereg_baseline **ret);
/* Between init and finalize of the vCPUs; baseline NULL: nothing. */
int baseline_pin(struct vm *vm, const struct onereg_baseline *baseline);
/* path NULL: *ret stays as it is. An image that uses *ret goes before it. */
int tolerances_read(const char *path, struct onereg_tolerances **ret);

/* result.c: what --json writes */
struct result {
	const char *command;
	const char *verdict; /* "yes", "no", "failed" */
	const char *ended; /* by the guest: "shutdown", "reset", or NULL */
	bool checked; /* the payload gave a verdict */
	char said[UART_LINE]; /* by the guest, or "" */
	const char *dry_run; /* verdict before restoring, or NULL */
	uint64_t save_ns, restore_ns, memory_ns;
	const struct machine *machine; /* NULL: not known */
	const struct onereg_report *report;
	/* outcome NULL, NULL: there was none */
	struct migration migration;
	const struct migration *received;
};
int result_write(const struct result *result, const char *path);
uint64_t now_ns(void);

/* pool.c: threads for jobs of the library */
struct pool;
struct pool *pool_new(unsigned int threads); /* NULL, told */
void pool_free(struct pool *pool);
struct onereg_pool pool_interface(struct pool *pool);

/* options.c */
struct options {
	struct machine machine;
	struct shape shape;
	struct guest_options guest;
	double run_for; /* seconds; 0: until it has run enough */
	bool check;
	const char *save, *json, *flip, *dir;
	const char *tolerate; /* of restore and receive */
	enum onereg_time time;
	unsigned int vcpu, bits; /* of witness */
	const char *only;
	unsigned int times; /* of move */
	unsigned int threads; /* of move and migration */
	struct migrate_options migrate;
};
/* Bits, for the options that a command takes. */
enum command { RUN = 1, RESTORE = 2, WITNESS = 4, MOVE = 8, RECEIVE = 16 };
/*
 * YES, or the status to exit with; "help" and lists are printed there.
 * command 0: none was named.
 */
int options_parse(int argc, char **argv, enum command command,
		  struct options *ret, bool *ret_done);
void usage(void);

/* run.c: creates the VM and starts the guest; vm->memory NULL: no VM. */
int guest_boot(struct vm *vm, const struct options *options);
/* One that runs: to the end of what the options ask for. */
int guest_go_on(struct vm *vm, const struct options *options,
		struct result *result);

/* commands */
int command_run(const struct options *options);
int command_restore(const struct options *options);
int command_witness(const struct options *options);
int command_receive(const struct options *options);
int command_move(const struct options *options);

#endif
