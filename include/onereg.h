/* SPDX-License-Identifier: MIT */
/*
 * onereg.h - the register plane of a KVM/arm64 virtual machine
 *
 * Saves, checks, restores and proves the registers of a VM: every register
 * that KVM lists (of every size), vCPU events, MP state, vCPU attributes and
 * the GICv3 with its ITSes. Memory and devices in userspace are the VMM's.
 *
 *	describe   what can a host take?               onereg_host_describe()
 *	save       a paused VM into an image           onereg_vm_save()
 *	check      would an image restore on a host?   onereg_image_check(),
 *	                                               onereg_image_dry_run()
 *	restore    an image into a fresh VM            onereg_vm_restore()
 *	prove      is the VM what the image says?      onereg_vm_prove()
 *	stage      what a live migration can do early  onereg_source_stage(),
 *	                                               onereg_destination_stage()
 *
 * Conventions, for every function unless its comment says otherwise:
 *  - int results are 0 or -errno. Objects come through **ret, which is set
 *    only on success. Destructors ("_free") take NULL.
 *  - Pointers that a getter returns live as long as the object asked.
 *  - A mismatch is data, not an error: check and prove return 0 and put
 *    findings into the report. Errors mean that the work could not be done;
 *    they too leave a finding that names vCPU, register, operation, errno.
 *  - A report may be NULL, but not where it is the answer: prove, check, dry
 *    run, diff.
 *  - Option structs start with their size, set by the caller to
 *    sizeof(struct ...); a field that an older caller does not have is 0.
 *  - No global state, no logging. The caller's file descriptors stay the
 *    caller's. Objects are not locked: one thread at a time each.
 */
#ifndef ONEREG_H
#define ONEREG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONEREG_CHECKED __attribute__((warn_unused_result))

struct onereg_vm;
struct onereg_image;
struct onereg_host;
struct onereg_report;

/* "0.1.0" */
const char *onereg_version(void);

/* ---- the door to a kernel ---- */

/*
 * Every system call that the library makes on KVM goes through one of these.
 * NULL in place of a struct onereg_io, or of one of its functions, means the
 * running kernel; tests, recorders and models put their own. Functions return
 * a value >= 0 or -errno (unlike ioctl(2), which sets errno).
 */
struct onereg_io {
	size_t size;
	void *userdata;
	/* -> file descriptor. path is that of a KVM device node. */
	int (*open)(void *userdata, const char *path);
	int (*close)(void *userdata, int fd);
	/* As ioctl(2); arg is a pointer or an integer by request. */
	int (*ioctl)(void *userdata, int fd, unsigned long request, void *arg);
	/* Frequency of the architected counter (CNTFRQ_EL0), in Hz. */
	int (*counter_frequency)(void *userdata, uint64_t *ret_hz);
	/* Wall-clock time, in ns since 1970-01-01 UTC. */
	int (*wall_clock)(void *userdata, uint64_t *ret_ns);
	/* The kernel's release as uname -r prints it, NUL-terminated. */
	int (*release)(void *userdata, char *buf, size_t size);
};

/* ---- reports ---- */

enum onereg_severity {
	ONEREG_NOTE,		/* worth knowing, changes nothing */
	ONEREG_CARE,		/* safe only if what "todo" says holds */
	ONEREG_IMPOSSIBLE,	/* would lose or corrupt state */
	ONEREG_ERROR,		/* the work itself failed (errno in .error) */
};

/* What a difference is. Names (onereg_class_name()) are part of the JSON. */
enum onereg_class {
	ONEREG_CLASS_NONE,		/* not a difference */
	ONEREG_CLASS_UNEXPLAINED,	/* by no rule: state was lost */
	ONEREG_CLASS_COUNTER,		/* a counter that moves by itself */
	ONEREG_CLASS_NOISE,		/* bits that hardware sets by itself */
	ONEREG_CLASS_HOST,		/* of the host, and good enough */
	ONEREG_CLASS_UNKNOWN_VALUE,	/* UNKNOWN on this CPU */
	ONEREG_CLASS_ABSENT,		/* missing on one side: safe */
	ONEREG_CLASS_TIME,		/* by ONEREG_TIME_CATCH_UP */
	ONEREG_CLASS_FEATURE,		/* a field the host lacks */
	ONEREG_CLASS_VALUE,		/* a plain value that differs */
	ONEREG_CLASS_MISSING,		/* on the destination: matters */
	ONEREG_CLASS_CONFLICT,		/* vCPUs disagree on a VM-wide value */
	ONEREG_CLASS_SHAPE,		/* features, capabilities, vCPUs, GIC */
	ONEREG_CLASS_TOLERATED,		/* by onereg_image_tolerate() */
	ONEREG_N_CLASSES,
};

/* What kind of state a finding is about. */
enum onereg_space {
	ONEREG_SPACE_NONE,
	ONEREG_SPACE_REG,	/* id is a KVM register id */
	ONEREG_SPACE_GIC,	/* id is attr, group the device attr group */
	ONEREG_SPACE_VCPU_ATTR,	/* id is attr, group is the vCPU attr group */
	ONEREG_SPACE_EVENTS,	/* struct kvm_vcpu_events */
	ONEREG_SPACE_MP_STATE,
	ONEREG_SPACE_CAP,	/* id is the capability's number */
	ONEREG_SPACE_FILE,	/* id is the offset in bytes */
};

/*
 * Added to group where an attribute is of an ITS, not of the GIC; the ITS's
 * number is then in the upper 32 bits of id.
 */
#define ONEREG_GROUP_ITS 0x10000

struct onereg_finding {
	size_t size;
	enum onereg_severity severity;
	enum onereg_class class_;
	enum onereg_space space;
	int vcpu;		/* index of the vCPU, -1: the VM or the host */
	uint32_t group;
	uint64_t id;
	const char *name;	/* "ID_AA64PFR0_EL1", never NULL */
	const char *field;	/* "SVE", or NULL: the whole register */
	unsigned int lsb, width;	/* of the field; width 0: none */
	const void *a;		/* in the image or A; little-endian or NULL */
	const void *b;		/* on the host, in B, or read back; likewise */
	size_t value_size;	/* of each, in bytes */
	int error;		/* 0, or the errno of operation */
	const char *operation;	/* "KVM_SET_ONE_REG", or NULL */
	const char *why;	/* one sentence, never NULL */
	const char *todo;	/* what to do about it, or NULL */
	/*
	 * The known change between kernels that it comes from: between which,
	 * what changed, which way that is safe, and the source; or NULL. Of a
	 * check, and of hosts that are compared.
	 */
	const char *known;
};

enum onereg_verdict {
	ONEREG_YES,		/* nothing above NOTE */
	ONEREG_WITH_CARE,	/* at least one CARE */
	ONEREG_NO,		/* at least one IMPOSSIBLE or UNEXPLAINED */
	ONEREG_FAILED,		/* at least one ERROR, or findings were lost */
};

int onereg_report_new(struct onereg_report **ret) ONEREG_CHECKED;
void onereg_report_free(struct onereg_report *report);
/* Empties it for the next use. */
void onereg_report_clear(struct onereg_report *report);
size_t onereg_report_count(const struct onereg_report *report);
/* The i-th finding in order of discovery, NULL past the end. */
const struct onereg_finding *
onereg_report_get(const struct onereg_report *report, size_t i);
enum onereg_verdict onereg_report_verdict(const struct onereg_report *report);
/*
 * How many differences of that class a proof or comparison met; a note that
 * is not worth a finding (a moving counter) is counted here all the same.
 */
size_t onereg_report_differences(const struct onereg_report *report,
				 enum onereg_class class_);

/*
 * Counts of single values, all vCPUs together. A VM-wide value is saved and
 * written once, and compared through every vCPU. Dry runs count nothing. Set
 * size before asking. They add up over calls with the same report.
 */
struct onereg_counts {
	size_t size;
	uint64_t registers_saved;	/* values put into the image */
	uint64_t registers_written;	/* values that KVM_SET_ONE_REG took */
	uint64_t registers_compared;	/* read back and compared by rule */
	uint64_t attributes_saved;	/* of GIC and vCPUs */
	uint64_t attributes_written;
	uint64_t attributes_compared;
	/* How: ioctls that list, read or write registers, */
	uint64_t register_calls;
	uint64_t vector_calls;		/* of those, with many registers each */
	/* and values written once, through the VM's descriptor. */
	uint64_t vm_registers_written;
};
void onereg_report_counts(const struct onereg_report *report,
			  struct onereg_counts *ret);

const char *onereg_severity_name(enum onereg_severity severity);
const char *onereg_class_name(enum onereg_class class_);
const char *onereg_verdict_name(enum onereg_verdict verdict);
/*
 * A finding as one line for people, without newline: what, where, why, what
 * to do. Returns the length as snprintf() does.
 */
int onereg_finding_format(const struct onereg_finding *finding, char *buf,
			  size_t size);
/* The worst finding as one line; "" where there is none. As snprintf(). */
int onereg_report_format(const struct onereg_report *report, char *buf,
			 size_t size);

/* ---- register names ---- */

/* The id's size in bytes: 1 to 256; 0 where the id is malformed. */
size_t onereg_reg_size(uint64_t id);
/*
 * "TCR_EL1", "X7", "Z3 (slice 0)", "CCSIDR demux 2", or "id 0x..." for one
 * that the catalogue does not know. As snprintf().
 */
int onereg_reg_name(uint64_t id, char *buf, size_t size);
/* By such a name, or "0x..."; -ENOENT: no register is called that. */
int onereg_reg_find(const char *name, uint64_t *ret_id) ONEREG_CHECKED;

struct onereg_field {
	const char *name;	/* as in Arm's register descriptions: "SVE" */
	unsigned int lsb, width;
};
/* The i-th named field of a register, NULL past the end or if unknown. */
const struct onereg_field *onereg_reg_field(uint64_t id, size_t i);

enum onereg_scope {
	ONEREG_SCOPE_UNKNOWN,
	ONEREG_SCOPE_VCPU,	/* each vCPU has its own value */
	ONEREG_SCOPE_VM,	/* one value for all vCPUs of the VM */
	ONEREG_SCOPE_HOST,	/* a fact of the host that a SET only checks */
};
const char *onereg_scope_name(enum onereg_scope scope);
/* How a described host's scope is known: bits. */
enum onereg_scope_source {
	ONEREG_SCOPE_OBSERVED = 1,	/* on scratch VMs */
	ONEREG_SCOPE_TOLD = 2,		/* by the kernel */
};
/* "told", "observed", "told and observed", "neither". */
const char *onereg_scope_source_name(unsigned int source);
/* What the catalogue expects; a described host knows better. */
enum onereg_scope onereg_reg_scope(uint64_t id);

/* ---- hosts ---- */

struct onereg_describe_options {
	size_t size;
	const struct onereg_io *io;	/* NULL: the running kernel */
	const char *device;		/* NULL: /dev/kvm */
	/*
	 * Observe the scope of each register on scratch VMs: write a legal
	 * alternate value through one vCPU, read it through another. Where the
	 * kernel tells scopes, that holds one against the other.
	 */
	bool probe_scope;
};

/*
 * Describes a host: capabilities, and for each combination of vCPU features
 * that the host offers (a "profile"): the register list, sizes, reset
 * values, writable masks of ID registers; scopes where the kernel tells them,
 * elsewhere with probe_scope.
 * Works on scratch VMs of its own; other VMs notice nothing.
 * Errors: -ENOENT, -EACCES no usable device; -ENOSYS not a KVM/arm64;
 * -EOPNOTSUPP a capability that cannot be done without is absent.
 */
int onereg_host_describe(const struct onereg_describe_options *options,
			 struct onereg_host **ret,
			 struct onereg_report *report) ONEREG_CHECKED;
void onereg_host_free(struct onereg_host *host);

/* Host description files are onereg files (docs/format.md). */
int onereg_host_read(const void *data, size_t size, struct onereg_host **ret,
		     struct onereg_report *report) ONEREG_CHECKED;
/* *ret is malloc()ed, the caller free()s it. */
int onereg_host_write(const struct onereg_host *host, void **ret,
		      size_t *ret_size) ONEREG_CHECKED;
int onereg_host_read_file(const char *path, struct onereg_host **ret,
			  struct onereg_report *report) ONEREG_CHECKED;
int onereg_host_write_file(const struct onereg_host *host, const char *path,
			   struct onereg_report *report) ONEREG_CHECKED;
/*
 * Imports the JSON register dump ("fingerprint") of Firecracker's
 * cpu-template-helper: one profile, PSCI_0_2 only, registers of up to 128
 * bits, without PC, TIMER_CNT and PTIMER_CNT. -EBADMSG: not such a dump.
 */
int onereg_host_import(const void *json, size_t size, struct onereg_host **ret,
		       struct onereg_report *report) ONEREG_CHECKED;

/* Kernel release, "6.12.117+deb12-arm64". */
const char *onereg_host_release(const struct onereg_host *host);
/* MIDR_EL1 of the CPU that the description was made on; 0: not known. */
uint64_t onereg_host_midr(const struct onereg_host *host);
/* CNTFRQ_EL0 in Hz; 0: not known. */
uint64_t onereg_host_counter_frequency(const struct onereg_host *host);
/* An imported dump does not list everything that the host has. */
bool onereg_host_partial(const struct onereg_host *host);
/* What KVM_CHECK_EXTENSION said; 0 for a capability that was not asked. */
int onereg_host_cap(const struct onereg_host *host, uint32_t cap);
size_t onereg_host_n_caps(const struct onereg_host *host);
int onereg_host_cap_at(const struct onereg_host *host, size_t i,
		       uint32_t *ret_cap);
/* "KVM_CAP_ARM_SVE", or NULL. */
const char *onereg_cap_name(uint32_t cap);

size_t onereg_host_n_profiles(const struct onereg_host *host);
/* features[0] of the profile (bits KVM_ARM_VCPU_*); the last is the largest. */
uint32_t onereg_host_profile_features(const struct onereg_host *host,
				      size_t profile);
size_t onereg_host_n_regs(const struct onereg_host *host, size_t profile);

struct onereg_host_reg {
	size_t size;
	uint64_t id;
	const void *reset;	/* after init; little-endian, NULL unknown */
	size_t value_size;	/* bytes */
	bool has_mask;		/* known which bits may change */
	uint64_t writable;	/* those bits */
	enum onereg_scope scope;	/* UNKNOWN: neither told nor seen */
	unsigned int scope_source;	/* bits of enum onereg_scope_source */
};
/* The i-th register in the kernel's list order. -ENOENT past the end. */
int onereg_host_reg(const struct onereg_host *host, size_t profile, size_t i,
		    struct onereg_host_reg *ret);

/* ---- images ---- */

void onereg_image_free(struct onereg_image *image);
int onereg_image_read(const void *data, size_t size, struct onereg_image **ret,
		      struct onereg_report *report) ONEREG_CHECKED;
int onereg_image_write(const struct onereg_image *image, void **ret,
		       size_t *ret_size) ONEREG_CHECKED;
/*
 * Errors of the readers: -EBADMSG damaged or not a onereg file, -EPROTO a
 * newer version or an unknown required section, -ENODATA empty, else as
 * open(2) and read(2); a finding says what is wrong and at which offset.
 */
int onereg_image_read_file(const char *path, struct onereg_image **ret,
			   struct onereg_report *report) ONEREG_CHECKED;
/* The file appears whole, or not at all and an older one stays. */
int onereg_image_write_file(const struct onereg_image *image, const char *path,
			    struct onereg_report *report) ONEREG_CHECKED;

/*
 * The same VM for a VMM that knows neither onereg nor VM-scoped registers: the
 * ioctls that a plain loop makes on vCPUs, one a line of text, in an order that
 * gives the right VM (docs/format.md, "Export"). host is where to: what it can
 * do without is left out; NULL: any that has all of the image's registers. Left
 * out is also what describes AArch32 to a guest without (NOTE).
 * *ret, of *ret_size bytes, is NUL-terminated; the caller free()s it.
 * -EOPNOTSUPP: the VM uses what such a loop cannot carry (vCPUs that differ in
 * what another VM has once), or it would not restore on the host: IMPOSSIBLE
 * findings name register and vCPU. A CARE finding tells what the loop leaves to
 * the VMM. report is not NULL.
 */
int onereg_image_export(const struct onereg_image *image,
			const struct onereg_host *host, char **ret,
			size_t *ret_size,
			struct onereg_report *report) ONEREG_CHECKED;
int onereg_image_export_file(const struct onereg_image *image,
			     const struct onereg_host *host, const char *path,
			     struct onereg_report *report) ONEREG_CHECKED;

/* What a fresh VM on that host looks like: reset values, n_vcpus vCPUs. */
int onereg_image_from_host(const struct onereg_host *host, size_t profile,
			   size_t n_vcpus,
			   struct onereg_image **ret) ONEREG_CHECKED;

/*
 * The VM's shape, which a VMM needs to build the destination VM. Not in the
 * image, because KVM cannot be asked and it is not register state, are: guest
 * memory, the IPA size given to KVM_CREATE_VM, the addresses of the GIC, the
 * SMCCC filter, the PMU's event filter and choice of PMU, and devices. The
 * VMM sets these on the destination as it did on the source.
 */
size_t onereg_image_n_vcpus(const struct onereg_image *image);
/* The id for KVM_CREATE_VCPU of the i-th vCPU. */
uint32_t onereg_image_vcpu_id(const struct onereg_image *image, size_t i);
/* Word i (0..6) of the features given to KVM_ARM_VCPU_INIT. */
uint32_t onereg_image_features(const struct onereg_image *image, size_t i);
/* The target given to KVM_ARM_VCPU_INIT. */
uint32_t onereg_image_target(const struct onereg_image *image);
const char *onereg_image_release(const struct onereg_image *image);
/* Wall clock at save, in ns since 1970-01-01 UTC. */
uint64_t onereg_image_saved_at(const struct onereg_image *image);
uint64_t onereg_image_counter_frequency(const struct onereg_image *image);
/* Not whole: onereg_source_image()'s, for onereg_destination_stage() only. */
bool onereg_image_is_staged(const struct onereg_image *image);
bool onereg_image_has_gic(const struct onereg_image *image);
/* For KVM_DEV_ARM_VGIC_GRP_NR_IRQS, before CTRL_INIT; 0: no GIC. */
uint32_t onereg_image_gic_nr_irqs(const struct onereg_image *image);
size_t onereg_image_n_its(const struct onereg_image *image);
/* Of the i-th ITS, for KVM_VGIC_ITS_ADDR_TYPE; 0 past the end. */
uint64_t onereg_image_its_address(const struct onereg_image *image, size_t i);

struct onereg_cap {		/* for KVM_ENABLE_CAP on the VM fd */
	uint32_t cap;
	uint32_t flags;
	uint64_t args[4];
};
size_t onereg_image_n_caps(const struct onereg_image *image);
const struct onereg_cap *onereg_image_cap(const struct onereg_image *image,
					  size_t i);

/*
 * One saved value, for show and diff: VM-wide ones first (vcpu -1), then vCPU
 * by vCPU in list order, then GIC and vCPU attributes.
 */
struct onereg_value {
	size_t size;
	enum onereg_space space;
	int vcpu;
	uint32_t group;
	uint64_t id;
	const void *value;	/* little-endian */
	size_t value_size;	/* bytes */
};
size_t onereg_image_n_values(const struct onereg_image *image);
int onereg_image_value(const struct onereg_image *image, size_t i,
		       struct onereg_value *ret);

/*
 * Would the image restore on the described host? Every reason at once, with
 * register and field names and direction. Nothing is written anywhere.
 */
int onereg_image_check(const struct onereg_image *image,
		       const struct onereg_host *host,
		       struct onereg_report *report) ONEREG_CHECKED;
/*
 * The same question asked of a running kernel: restores the image into a
 * scratch VM, which is then deleted, and proves it. io, device as in
 * struct onereg_describe_options. The GIC's registers are tried too.
 */
int onereg_image_dry_run(const struct onereg_image *image,
			 const struct onereg_io *io, const char *device,
			 struct onereg_report *report) ONEREG_CHECKED;
/* What differs from a to b, by register and field; 0 findings: the same. */
int onereg_image_diff(const struct onereg_image *a,
		      const struct onereg_image *b,
		      struct onereg_report *report) ONEREG_CHECKED;
int onereg_host_diff(const struct onereg_host *a, const struct onereg_host *b,
		     struct onereg_report *report) ONEREG_CHECKED;

/* ---- VMs ---- */

struct onereg_vm_options {
	size_t size;
	const struct onereg_io *io;	/* NULL: the running kernel */
	int kvm_fd, vm_fd;
	const int *vcpu_fds;		/* copied */
	const uint32_t *vcpu_ids;	/* for KVM_CREATE_VCPU; 0.. if NULL */
	size_t n_vcpus;
	int gic_fd;			/* KVM_DEV_TYPE_ARM_VGIC_V3, or -1 */
	/*
	 * What KVM cannot be asked. For save: the features that every vCPU was
	 * initialised with (struct kvm_vcpu_init; POWER_OFF is left out of
	 * the image) and the capabilities enabled on the VM. A kernel with
	 * VM configuration registers can be asked: there both may be empty,
	 * and what is said is held against what the kernel says. For restore:
	 * leave both empty; the image has them, and a later save of the same
	 * onereg_vm uses them.
	 */
	uint32_t target;
	uint32_t features[7];
	const struct onereg_cap *caps;	/* copied */
	size_t n_caps;
	/*
	 * This very host with probed scopes, for fewer calls, or NULL. Not
	 * copied: it lives as long as the onereg_vm.
	 */
	const struct onereg_host *host;
	/*
	 * KVM_DEV_TYPE_ARM_VGIC_ITS, each with its address set and CTRL_INIT
	 * done; on source and destination in the same order, and all of them:
	 * KVM does not tell how many there are. Copied.
	 */
	const int *its_fds;
	size_t n_its;
	/*
	 * Copies size bytes of guest memory from a guest physical address to
	 * buf: 0, or -errno where there is no such memory. KVM keeps the tables
	 * of an ITS and what is pending of its LPIs there when it saves them,
	 * and nowhere else tells them; this is how they are proved. NULL: they
	 * are carried, unproved, and a finding (CARE) says so.
	 */
	int (*read_memory)(void *userdata, uint64_t address, void *buf,
			   size_t size);
	void *userdata;			/* of read_memory() */
};
int onereg_vm_new(const struct onereg_vm_options *options,
		  struct onereg_vm **ret) ONEREG_CHECKED;
void onereg_vm_free(struct onereg_vm *vm);

/*
 * Saves the VM. Every vCPU is out of KVM_RUN and stays out; a pending MMIO or
 * PSCI exit was completed (KVM_RUN with immediate_exit). With a GIC a vCPU that
 * runs is -EBUSY; without, KVM makes the call wait for it. vCPUs that disagree
 * on a VM-wide value are a finding of class CONFLICT, and the image keeps
 * every vCPU's value; such an image is refused by check and restore.
 * With an ITS this writes guest memory (KVM_DEV_ARM_ITS_SAVE_TABLES and
 * KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES), which KVM puts into the dirty log:
 * copy memory, or the last of it, after this call.
 * Errors: -EBUSY as said; -ENOSYS not a KVM/arm64; -EINVAL the vCPUs have
 * features that the options do not name, or the VM has an ITS and they name
 * none (KVM does not tell how many there are: where some are named, one that is
 * left out is lost, unnoticed); -EOPNOTSUPP state that cannot be carried: MTE,
 * AArch32 or nested guests.
 */
int onereg_vm_save(struct onereg_vm *vm, struct onereg_image **ret,
		   struct onereg_report *report) ONEREG_CHECKED;

/*
 * Makes a fresh VM what the image needs and what is fixed once it has a vCPU:
 * to be called between KVM_CREATE_VM and the first KVM_CREATE_VCPU. A kernel
 * without VM configuration registers is not asked for anything; one with them
 * then has no vCPU but with the image's features (KVM_REG_ARM_VM_FEATURES), and,
 * where the source's kernel let vCPUs differ in what a VM otherwise has once,
 * such vCPUs (KVM_REG_ARM_VM_ASYM). -EBUSY: there is a vCPU already;
 * -EOPNOTSUPP: this host has no such vCPUs; the findings name registers and
 * vCPUs. io NULL: the running kernel.
 */
int onereg_vm_configure(const struct onereg_io *io, int vm_fd,
			const struct onereg_image *image,
			struct onereg_report *report) ONEREG_CHECKED;

enum onereg_time {
	/* The guest's counters go on where they stood. */
	ONEREG_TIME_FREEZE,
	/* They jump by the wall-clock time since the save. */
	ONEREG_TIME_CATCH_UP,
};
struct onereg_restore_options {
	size_t size;
	enum onereg_time time;
	bool no_proof;		/* the caller proves by itself */
};
/*
 * Restores the image into a fresh VM: capabilities enabled
 * (onereg_image_cap()), vCPUs created in the image's order, memory slots set
 * and guest memory loaded, and, where there is a GIC, the device created,
 * NR_IRQS and its addresses set and CTRL_INIT done, and the same for each ITS;
 * nothing more. The tables of an ITS are read from guest memory, from which KVM
 * takes out what is pending: load it anew for another try. Does
 * KVM_ARM_VCPU_INIT, SVE vector lengths, FINALIZE, vCPU attributes, registers
 * in the order they need, GIC, events and MP state, proves all of it, then
 * sets and proves the counters and timers, so that the guest's time does not
 * pass during the proof. options NULL: freeze and prove.
 *
 * 0: restored and, with 0 unexplained differences, proved. -EBADE: every
 * write succeeded but the proof failed. -ESTALE: guest memory does not hold the
 * tables of the save. After any error the VM must not run: delete it; the image
 * and the source are untouched.
 */
int onereg_vm_restore(struct onereg_vm *vm, const struct onereg_image *image,
		      const struct onereg_restore_options *options,
		      struct onereg_report *report) ONEREG_CHECKED;

/*
 * Reads everything back and compares by rule; differences are findings. Only
 * meaningful before the VM runs. With an ITS it writes guest memory, as a save.
 * Counters are expected to have moved on from the image's value. -EINVAL: the
 * VM has another shape, or the image is not of a whole VM and would prove less:
 * the first copy of a live migration (prove its VM by
 * onereg_destination_prove()), one made from a host description, one that lacks
 * some of the GIC's registers.
 */
int onereg_vm_prove(struct onereg_vm *vm, const struct onereg_image *image,
		    struct onereg_report *report) ONEREG_CHECKED;

/* ---- rules ---- */

enum onereg_rule_result {
	ONEREG_RULE_KEPT,
	ONEREG_RULE_BROKEN,
	ONEREG_RULE_SKIPPED,	/* cannot be tested here; why says so */
};

struct onereg_rule {
	size_t size;
	size_t i, n;		/* the i-th, from 1, of n that were chosen */
	const char *name;	/* "lists.one_too_few" */
	const char *text;	/* what holds, one sentence */
	enum onereg_rule_result result;
	const char *why;	/* what was expected and found, or the reason */
};

struct onereg_validate_options {
	size_t size;
	const struct onereg_io *io;	/* NULL: the running kernel */
	/* io takes bad pointers, and calls from several threads at once. */
	bool io_like_kernel;
	const char *device;		/* NULL: /dev/kvm */
	/* NULL: all; else those that have this anywhere in their names. */
	const char *only;		/* '*', '?', '[...]' as in fnmatch(3) */
	/* Told of each rule when it is done; pointers live until it returns. */
	void (*tell)(void *userdata, const struct onereg_rule *rule);
	void *userdata;
};

/*
 * Does a kernel keep the rules of its register interface? Of today's, and,
 * where it has them, of VM-scoped registers; then too that nobody who does not
 * use those sees them. Each rule is tested on scratch VMs of its own. Unlike
 * the rest of the library this uses threads, and for moments blocks and
 * handles SIGUSR1 and SIGUSR2: call it from a process that does little else.
 * 0: all were told, whatever their results. Errors as of
 * onereg_host_describe(), and -EIO: no VM with a vCPU can be made.
 */
int onereg_validate(const struct onereg_validate_options *options,
		    struct onereg_report *report) ONEREG_CHECKED;
/* The i-th rule's name and text; -ENOENT past the end. */
int onereg_rule_at(size_t i, char *name, size_t size, const char **ret_text);

#ifdef __cplusplus
}
#endif

#include "onereg_live.h"
#include "onereg_fleet.h"

#endif
