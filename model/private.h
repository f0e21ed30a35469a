/* SPDX-License-Identifier: MIT */
/* What the files of the model share. */
#ifndef ONEREG_MODEL_PRIVATE_H
#define ONEREG_MODEL_PRIVATE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "model.h"

#define FD_BASE		1000000	/* so that nobody takes them for real ones */
#define MAX_VCPUS	512
#define NR_PRIVATE_IRQS	32
#define NR_SGIS		16
#define MAX_REDIST_REGIONS 8
#define ADDR_UNDEF	UINT64_MAX
#define VCPU_VALID_FEATURES 0xffU
#define SVE_MAX_VQ	16

struct irq {
	bool group, enabled, pending, active, edge, level;
	uint8_t priority;
	uint32_t mpidr;
};

/* The GIC CPU interface of a vCPU. */
struct gic_cpu {
	struct irq irqs[NR_PRIVATE_IRQS];
	bool cbpr, eoim, grpen0, grpen1;
	uint8_t pmr, bpr, abpr;
	uint8_t pri_bits, id_bits;
	uint32_t ap0r[4], ap1r[4];
	uint64_t pendbaser;
};

struct gic {
	bool created, initialized, enabled;
	unsigned int nr_spis, revision;
	uint64_t dist_base, propbaser;
	struct {
		uint64_t base;
		uint32_t count;	/* 0: one region for all vCPUs */
	} regions[MAX_REDIST_REGIONS];
	unsigned int n_regions;
	struct irq *spis;
};

struct vcpu {
	struct vm *vm;
	uint32_t id;
	bool initialized, finalized, running, ran;
	uint8_t *row;		/* of the profile's set */
	bool has_ccsidr;
	bool serror_pending;
	uint64_t vsesr;
	unsigned int dabts;	/* injected external aborts */
	uint32_t mp_state;
	int pmu_irq;		/* 0: not set */
	bool pmu_created;
	uint64_t pvtime;
	unsigned int max_vq;
	uint64_t voffset;	/* where counters are not VM-wide */
	struct gic_cpu gic;
};

struct place {
	uint64_t id;
	size_t i;
};

struct vm {
	struct model *m;
	unsigned int n_files;
	unsigned int ipa_bits;
	const struct host_profile *profile;	/* NULL: no vCPU was inited */
	uint32_t features;
	struct place *places;	/* the profile's ids, sorted */
	uint8_t *row;		/* VM-wide values, in the profile's layout */
	bool ran, timer_ppis_fixed, counter_offset_used;
	uint64_t voffset, poffset;
	uint32_t timer_ppi[2];
	uint64_t pmcr_n, max_pmcr_n;
	uint32_t caps;		/* bits of enum vm_cap */
	struct vcpu *vcpus[MAX_VCPUS];
	size_t n_vcpus;
	struct gic gic;
};

enum vm_cap {
	VM_CAP_NISV,
	VM_CAP_MTE,
	VM_CAP_SYSTEM_SUSPEND,
};

enum file_kind { FILE_FREE, FILE_KVM, FILE_VM, FILE_VCPU, FILE_GIC };

struct file {
	enum file_kind kind;
	struct vm *vm;
	struct vcpu *vcpu;
};

struct fault {
	enum model_fault fault;
	bool gic;
	uint32_t group;
	int vcpu;
	uint64_t id, arg;
};

struct model {
	const struct onereg_host *host;
	struct model_style style;
	struct onereg_io io;
	struct file *files;
	size_t n_files;
	uint64_t now;		/* ticks */
	uint64_t slept_ns;	/* time that passed, for the wall clock */
	uint64_t n_ioctls;
	model_guest *guest;
	void *guest_userdata;
	struct fault *faults;
	size_t n_faults;
};

/* ---- machine.c ---- */
struct file *model_file(struct model *m, int fd, enum file_kind kind);
int model_open_file(struct model *m, enum file_kind kind, struct vm *vm,
		    struct vcpu *vcpu);
uint64_t model_frequency(const struct model *m);
/* The first fault of that kind on the register, or NULL. */
const struct fault *model_fault_on(const struct vcpu *v, uint64_t id,
				   enum model_fault fault);
const struct fault *model_fault_on_gic(const struct model *m, uint32_t group,
				       uint64_t attr, enum model_fault fault);

/* ---- vm.c ---- */
int vm_create(struct model *m, unsigned long type);
void vm_put(struct vm *vm);
int vm_ioctl(struct vm *vm, unsigned long request, void *arg);
size_t vcpu_index(const struct vcpu *v);

/* ---- vcpu.c ---- */
int vcpu_ioctl(struct vcpu *v, unsigned long request, void *arg);
bool vcpu_has(const struct vcpu *v, unsigned int feature);

/* ---- regs.c: where each register lives and what a SET on it does ---- */
int vm_index(struct vm *vm);
/* Index in the profile's list, or -1. */
ptrdiff_t vm_find(const struct vm *vm, uint64_t id);
/* Does the VM show the register now? */
bool reg_visible(const struct vm *vm, uint64_t id);
int reg_get(struct vcpu *v, uint64_t id, void *value);
int reg_set(struct vcpu *v, uint64_t id, const void *value);
int reg_get_list(struct vcpu *v, struct ka_reg_list *list);
/* The value's bytes where it is stored, or NULL if it is computed or absent. */
uint8_t *reg_slot(struct vcpu *v, uint64_t id);
/* A 64-bit value as stored; 0 where absent. */
uint64_t reg_u64(struct vcpu *v, uint64_t id);
void reg_put_u64(struct vcpu *v, uint64_t id, uint64_t value);
uint64_t reg_reset_u64(const struct vm *vm, uint64_t id);
uint64_t pmu_counter_mask(const struct vm *vm);

/* ---- rules.c: registers with a rule of their own ---- */
bool reg_is_vm_wide(uint64_t id);
/* -ENOTTY: no rule of its own, the value is simply stored. */
int rule_set(struct vcpu *v, uint64_t id, uint64_t value);
/* false: the stored value is what there is. */
bool rule_get(struct vcpu *v, uint64_t id, uint64_t *ret);
/* The storage that the id shares with another one; else the id. */
uint64_t reg_canonical(uint64_t id);

/* ---- sve.c ---- */
bool reg_is_sve(uint64_t id);
int sve_get(struct vcpu *v, uint64_t id, uint8_t *value);
int sve_set(struct vcpu *v, uint64_t id, const uint8_t *value);
int sve_finalize(struct vcpu *v);
void sve_reset(struct vcpu *v);

/* ---- timer.c ---- */
bool reg_is_timer(uint64_t id);
uint64_t timer_get(struct vcpu *v, uint64_t id);
int timer_set(struct vcpu *v, uint64_t id, uint64_t value);
void timer_vcpu_created(struct vcpu *v);
int timer_set_offset(struct vm *vm, const uint64_t arg[2]);

/* ---- attrs.c: of vCPUs ---- */
int vcpu_attr(struct vcpu *v, unsigned long request,
	      const struct ka_device_attr *attr);

/* ---- gic.c: the device; gicregs.c: its registers ---- */
int gic_create(struct vm *vm, struct ka_create_device *cd);
int gic_ioctl(struct vm *vm, unsigned long request,
	      const struct ka_device_attr *attr);
bool gic_any_running(const struct vm *vm);
struct irq *gic_irq(struct vm *vm, struct vcpu *v, unsigned int intid);
bool gicregs_known(struct vm *vm, struct vcpu *v, uint32_t group,
		   uint32_t offset);
int gicregs_access(struct vm *vm, struct vcpu *v, uint32_t group,
		   uint32_t offset, bool write, uint32_t *value);
/* The CPU interface's system registers, low 16 bits of the id. */
int gicicc_access(struct vcpu *v, uint32_t sys, bool write, uint64_t *value);
bool gicicc_known(uint32_t sys);
void gicicc_reset(struct vcpu *v);

#endif
