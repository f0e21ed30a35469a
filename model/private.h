/* SPDX-License-Identifier: MIT */
/* What the files of the model share. */
#ifndef ONEREG_MODEL_PRIVATE_H
#define ONEREG_MODEL_PRIVATE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "kernel/vm_regs.h"
#include "model.h"

#define FD_BASE		1000000	/* so that nobody takes them for real ones */
#define MAX_VCPUS	512
#define NR_PRIVATE_IRQS	32
#define NR_SGIS		16
#define MAX_REDIST_REGIONS 8
#define ADDR_UNDEF	(~0ULL)
#define VCPU_VALID_FEATURES 0x7fU
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
	bool lpis;		/* GICR_CTLR.EnableLPIs */
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
	struct lpi **lpis;	/* that are known, by their number */
	size_t n_lpis;
	struct its **its;	/* they stay as long as the VM */
	size_t n_its;
};

/* A memory slot. */
struct slot {
	uint32_t id, flags;
	uint64_t address, size, user;
};

/*
 * What the kernel files look at stands in the kernel's structs and nowhere else.
 *
 * Locks, outermost first: vm->kvm.lock, vcpu->k.mutex, vm->kvm.arch
 * .config_lock, vcpu->mp_lock; m->files_lock is innermost. A vCPU's ioctl
 * holds its mutex. config_lock guards what all vCPUs share, LPIs and memory
 * slots too.
 */
struct vcpu {
	struct kvm_vcpu k;
	struct vm *vm;
	bool finalized, running, ran;
	uint8_t *row;		/* of the profile's set */
	uint64_t mpidr;		/* read by others without the mutex */
	struct mutex mp_lock;
	uint32_t mp_state;	/* written under mp_lock */
	bool waiting;		/* to run; wake_fd is how to end that */
	int wake_fd;
	bool has_ccsidr;
	bool serror_pending;
	uint64_t vsesr;
	unsigned int dabts;	/* injected external aborts */
	int pmu_irq;		/* 0: not set */
	bool pmu_created;
	uint64_t pvtime;
	unsigned int max_vq;
	u64 voffset;		/* where counters are not VM-wide */
	struct gic_cpu gic;
};

struct place {
	uint64_t id;
	size_t i;
};

struct vm {
	struct kvm kvm;
	struct model *m;
	unsigned int n_files;	/* and ioctls under way */
	unsigned int ipa_bits;
	const struct host_profile *profile;	/* NULL: no vCPU was inited */
	struct place *places;	/* the profile's ids, sorted */
	uint8_t *row;		/* VM-wide values, in the profile's layout */
	uint64_t max_pmcr_n;
	struct vcpu *vcpus[MAX_VCPUS];
	size_t n_vcpus;		/* vm_n_vcpus() */
	struct gic gic;
	struct slot *slots;
	size_t n_slots;
};

enum file_kind {
	FILE_FREE, FILE_KVM, FILE_VM, FILE_VCPU, FILE_GIC, FILE_ITS
};

struct file {
	enum file_kind kind;
	struct vm *vm;
	union {
		struct vcpu *vcpu;
		struct its *its;
	};
};

struct fault {
	enum model_fault fault;
	bool gic;		/* or an ITS */
	uint32_t group;
	int vcpu;
	uint64_t id, arg;
};

struct model {
	const struct onereg_host *host;
	struct model_style style;
	struct onereg_io io;
	struct mutex files_lock;
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

static inline struct vm *to_vm(const struct kvm *kvm)
{
	return container_of(kvm, struct vm, kvm);
}

static inline struct vcpu *to_vcpu(const struct kvm_vcpu *vcpu)
{
	return container_of(vcpu, struct vcpu, k);
}

/* vCPUs that can be reached; they stay as long as the VM. */
static inline size_t vm_n_vcpus(const struct vm *vm)
{
	return smp_load_acquire(&vm->n_vcpus);
}

/* Once true, what is fixed by the first run can be read without a lock. */
static inline bool vm_ran(const struct vm *vm)
{
	return test_bit_acquire(KVM_ARCH_FLAG_HAS_RAN_ONCE,
				&vm->kvm.arch.flags);
}

/* ---- machine.c ---- */
/*
 * What the descriptor stands for, kept until vm_put(); false: no such one, or
 * of another kind.
 */
bool model_file(struct model *m, int fd, enum file_kind kind,
		struct file *ret);
/* object: what the kind has besides the VM, or NULL. */
int model_open_file(struct model *m, enum file_kind kind, struct vm *vm,
		    void *object);
uint64_t model_frequency(const struct model *m);
/* The reset value in the first profile that has the register, or 0. */
uint64_t host_reset_u64(const struct onereg_host *host, uint64_t id);
/* The first fault of that kind on the register, or NULL. */
const struct fault *model_fault_on(const struct vcpu *v, uint64_t id,
				   enum model_fault fault);

/*
 * What a fault does to an attribute's access: true, it is all of it, and *ret
 * the answer; else *flip is what a GET's value is to be changed by.
 */
bool model_gic_fault(const struct model *m, uint32_t group, uint64_t attr,
		     bool set, uint64_t *value, uint64_t *flip, int *ret);

/* ---- vm.c ---- */
int model_check_extension(const struct model *m, unsigned long ext);
int vm_create(struct model *m, unsigned long type);
/* May be NULL. */
void vm_put(struct vm *vm);
int vm_ioctl(struct vm *vm, unsigned long request, void *arg);
/*
 * Every vCPU's mutex, or none: false if one is inside an ioctl. kvm.lock is
 * held.
 */
bool vm_lock_vcpus(struct vm *vm);
void vm_unlock_vcpus(struct vm *vm);

/* ---- vcpu.c ---- */
int vcpu_ioctl(struct vcpu *v, unsigned long request, void *arg);
bool vcpu_has(const struct vcpu *v, unsigned int feature);

/* ---- run.c ---- */
int vcpu_run(struct vcpu *v);
void vcpu_set_mp_state(struct vcpu *v, uint32_t state);

/* ---- one_reg.c: a register's value comes and goes, and may be wrong ---- */
int vcpu_one_reg(struct vcpu *v, const struct kvm_one_reg *reg, bool set);
int vcpu_reg_list(struct vcpu *v, struct kvm_reg_list *ulist);

/* ---- regs.c: where each register lives and what a SET on it does ---- */
int vm_index(struct vm *vm);
/* Index in the profile's list, or -1. */
ptrdiff_t vm_find(const struct vm *vm, uint64_t id);
/* Does the VM show the register now? */
bool reg_visible(struct vm *vm, uint64_t id);
/* May the register be read, or written, now? */
int reg_check(struct vcpu *v, uint64_t id, bool set);
int reg_get(struct vcpu *v, uint64_t id, void *value);
int reg_set(struct vcpu *v, uint64_t id, const void *value);
/* A VM-wide value of the profile, safe while others write. */
uint64_t vm_wide_u64(struct vm *vm, uint64_t id);
/* The value's bytes where it is stored, or NULL if it is computed or absent. */
uint8_t *reg_slot(struct vcpu *v, uint64_t id);
/* A 64-bit value as stored; 0 where absent. */
uint64_t reg_u64(struct vcpu *v, uint64_t id);
void reg_put_u64(struct vcpu *v, uint64_t id, uint64_t value);
uint64_t reg_reset_u64(const struct vm *vm, uint64_t id);
uint64_t pmu_counter_mask(const struct vm *vm);

/* ---- rules.c: registers with a rule of their own ---- */
bool reg_is_vm_wide(const struct vm *vm, uint64_t id);
/* The same on every VM of the host; a kernel needs no vCPU to tell. */
bool reg_is_host_fact(uint64_t id);
/* NULL: not one of those that the kernel's struct holds. */
unsigned long *smccc_bitmap(struct kvm_smccc_features *smccc, uint64_t id);
/* -ENOTTY: no rule of its own, the value is simply stored. */
int rule_set(struct vcpu *v, uint64_t id, uint64_t value);
/* A core register was: in AArch32, KVM cuts X0 to X14 and PC then. */
void rule_core_written(struct vcpu *v);
/* false: the stored value is what there is. */
bool rule_get(struct vcpu *v, uint64_t id, uint64_t *ret);
/* The storage that the id shares with another one; else the id. */
uint64_t reg_canonical(uint64_t id);

/* ---- sve.c ---- */
bool reg_is_sve(uint64_t id);
/* First sve_check(), then these. */
int sve_check(const struct vcpu *v, uint64_t id, bool set);
void sve_get(struct vcpu *v, uint64_t id, uint8_t *value);
int sve_set(struct vcpu *v, uint64_t id, const uint8_t *value);
int sve_finalize(struct vcpu *v);
void sve_reset(struct vcpu *v);

/* ---- timer.c ---- */
bool reg_is_timer(uint64_t id);
uint64_t timer_get(struct vcpu *v, uint64_t id);
int timer_set(struct vcpu *v, uint64_t id, uint64_t value);
void timer_vcpu_created(struct vcpu *v);

/* ---- attrs.c: of vCPUs ---- */
int vcpu_attr(struct vcpu *v, unsigned long request,
	      const struct ka_device_attr *attr);

/* ---- gic.c: the device; gicregs.c: its registers ---- */
int gic_create(struct vm *vm);
int gic_ioctl(struct vm *vm, unsigned long request, const void __user *arg);
struct irq *gic_irq(struct vm *vm, struct vcpu *v, unsigned int intid);
bool gicregs_known(struct vm *vm, struct vcpu *v, uint32_t group,
		   uint32_t offset);
int gicregs_access(struct vm *vm, struct vcpu *v, uint32_t group,
		   uint32_t offset, bool write, uint32_t *value);
/* The CPU interface's system registers, low 16 bits of the id. */
int gicicc_access(struct vcpu *v, uint32_t sys, bool write, uint64_t *value);
bool gicicc_known(uint32_t sys);
void gicicc_reset(struct vcpu *v);
/* Sets up shareability and both cacheabilities as KVM has them; bit numbers. */
uint64_t gicregs_sanitise(uint64_t reg, unsigned int share, unsigned int inner,
			  unsigned int outer);

/* ---- memory.c: what is at a guest physical address; config_lock is held ---- */
int memory_set_slot(struct vm *vm, const void __user *arg);
/* 0 or -EFAULT. */
int memory_read(struct vm *vm, uint64_t address, void *buf, size_t size);
int memory_write(struct vm *vm, uint64_t address, const void *buf,
		 size_t size);
int memory_read_u64(struct vm *vm, uint64_t address, uint64_t *ret);
int memory_write_u64(struct vm *vm, uint64_t address, uint64_t value);
/* Is there memory? */
bool memory_visible(struct vm *vm, uint64_t address);

#endif
