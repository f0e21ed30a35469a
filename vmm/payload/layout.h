/* SPDX-License-Identifier: MIT */
/*
 * What the payload and its VMM agree on: where things lie in guest memory,
 * the parameter block that the VMM fills, and the status of each vCPU, which
 * the VMM may read while the guest runs. Offsets that assembly needs are
 * spelt out as numbers and asserted in main.c.
 */
#ifndef ONEREG_PAYLOAD_LAYOUT_H
#define ONEREG_PAYLOAD_LAYOUT_H

#define PAYLOAD_RAM 0x40000000
#define PAYLOAD_PARAMS PAYLOAD_RAM
/* struct cpu *, by affinity: MPIDR_EL1[12:0], so one register finds it */
#define PAYLOAD_SLOTS 0x40010000
#define PAYLOAD_LOAD 0x40080000
/* tables of the ITS and of LPIs, up to PAYLOAD_CPUS */
#define PAYLOAD_ITS 0x40100000
#define PAYLOAD_CPUS 0x40200000
#define PAYLOAD_CPU_SIZE 0x6000
#define PAYLOAD_MAX_CPUS 512
#define PAYLOAD_MAX_REGS 288
#define PAYLOAD_MAX_FAILURES 4
#define PAYLOAD_MAGIC 0x64616f6c7961706f /* "opayload" */

/*
 * Registers of the device that sends messages (msi.h), 32 bits each. The guest
 * gives it a doorbell, its number of events and the first's id, then enables
 * it. Reading TAKE gives the number of the message that waits, 1 for the first
 * of its event, and the event is sent again; 0: none waits.
 */
#define MSI_DEVICE 0x00 /* read-only: MSI_DEVICE_ID */
#define MSI_CONTROL 0x04 /* bit 0: enabled; the next four then stay */
#define MSI_DOORBELL_LO 0x08
#define MSI_DOORBELL_HI 0x0c
#define MSI_FIRST 0x10
#define MSI_N_EVENTS 0x14
#define MSI_TAKE 0x100 /* one an event */
#define MSI_SENT 0x200 /* read-only, one an event: messages so far */
#define MSI_EVENTS 32
#define MSI_DEVICE_ID 0x15

/* struct cpu, for assembly */
#define CPU_X 0x000
#define CPU_SP 0x0f8
#define CPU_ELR 0x100
#define CPU_SPSR 0x108
#define CPU_NZCV 0x110
#define CPU_DAIF 0x118
#define CPU_FPSR 0x120
#define CPU_FPCR 0x128
#define CPU_STACK 0x130
#define CPU_SVE 0x138
#define CPU_Z 0x200
#define CPU_P 0x2200
#define CPU_FFR 0x2400
#define CPU_VECTORS 0x3800

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Filled by the VMM before the start, but for what is marked as out. */
struct payload_params {
	uint64_t magic;
	uint64_t memory_size; /* bytes */
	uint64_t vcpus; /* of the VM */
	uint64_t guest_cpus; /* to bring up; the others stay off */
	uint64_t hold; /* rounds of the loop that holds the patterns */
	uint64_t tick_us; /* period of the virtual timer */
	uint64_t stall_ms; /* a vCPU without a pass for so long has stalled */
	uint64_t gicd, gicr, uart;
	uint64_t nr_irqs;
	uint64_t no_physical_timer; /* KVM cannot carry it: not checked */
	uint64_t hold_start, hold_end; /* out: addresses of that loop */
	/* out: the bits of each register of registers.h that take a value
	 * here; 0 where the CPU does not have it, all ones where the value
	 * is given and compared in full */
	uint64_t covered[PAYLOAD_MAX_REGS];
	uint64_t its, msi; /* 0: there is none */
};

struct payload_failure {
	char name[32];
	uint64_t expected;
	uint64_t got;
};

struct payload_status {
	uint64_t up; /* vCPU reached its first hold */
	uint64_t passes;
	uint64_t ticks; /* deadlines of the virtual timer met */
	uint64_t bunched; /* of these, those a late interrupt stood for */
	uint64_t max_jump; /* of CNTVCT_EL0 between two looks, in counts */
	uint64_t stopped; /* by an exception nobody expected */
	uint64_t n_failures; /* may exceed PAYLOAD_MAX_FAILURES */
	struct payload_failure failure[PAYLOAD_MAX_FAILURES];
};

/* One vCPU's memory. The frame first: loaded before the hold, then stored. */
struct cpu {
	uint64_t x[31];
	uint64_t sp;
	uint64_t elr, spsr, nzcv, daif, fpsr, fpcr;
	uint64_t stack; /* where C goes on after the hold */
	uint64_t sve;
	uint64_t unused[24];
	uint64_t z[1024]; /* Z0..31 packed by vector length, or V0..31 */
	uint64_t p[64];
	uint64_t ffr[4];

	struct payload_status status;
	uint64_t number; /* of the vCPU */
	uint64_t mpidr;
	uint64_t vl; /* bytes of a Z register, 16 without SVE */
	uint64_t first, cval, period, look;
	uint64_t cycles, cycles_look, swinc;
	uint64_t signed_pointer[5];
	uint64_t hypercall[12];
	uint32_t redist[20];
	uint64_t lpi_base[2]; /* GICR_PROPBASER, GICR_PENDBASER */
	uint64_t expected[PAYLOAD_MAX_REGS];
};
#endif
#endif
