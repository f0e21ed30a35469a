/* SPDX-License-Identifier: MIT */
/*
 * What the files of the library share: the objects' insides, and the
 * functions that cross files, file by file.
 *
 * Allocation goes through malloc(), calloc(), realloc() and free() only, by
 * these names, so that tests can make each of them fail.
 */
#ifndef ONEREG_LIB_INTERNAL_H
#define ONEREG_LIB_INTERNAL_H

#include "kvm_abi.h"
#include "onereg.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define RELEASE_MAX 65		/* struct utsname's release, with its NUL */

/* ---- regset.c: register ids, and where a row keeps each value ---- */

/*
 * A row is one vCPU's values, back to back in list order, each in its own
 * size; offsets[i] is where ids[i]'s value begins, offsets[n] their end.
 */
struct regset {
	uint64_t *ids;
	uint32_t *offsets;
	size_t n;
	size_t row_size;	/* bytes */
};

/* Takes a copy of ids. -EBADMSG: an id without a size, or row too large. */
int regset_init(struct regset *set, const uint64_t *ids, size_t n);
void regset_free(struct regset *set);
/* Index of the id, or -1. */
ptrdiff_t regset_find(const struct regset *set, uint64_t id);
bool regset_equal(const struct regset *a, const struct regset *b);
/* Of the i-th value, in bytes. */
static inline size_t regset_size(const struct regset *set, size_t i)
{
	return set->offsets[i + 1] - set->offsets[i];
}
/* A value of up to 8 bytes as a number. */
uint64_t regset_u64(const struct regset *set, const uint8_t *row, size_t i);

/* ---- attributes: of the GIC device and of a vCPU ---- */

struct attr {
	uint32_t group;
	uint32_t size;		/* bytes that the kernel exchanges: 4 or 8 */
	uint64_t attr;
	uint64_t value;
};

struct attrs {
	struct attr *v;
	size_t n, allocated;
};

/* ---- objects ---- */

struct vcpu_state {
	uint32_t id;		/* as given to KVM_CREATE_VCPU */
	uint32_t set;		/* index of its list in image->sets */
	uint8_t *row;		/* sets[set].row_size bytes */
	struct attrs attrs;
	struct ka_vcpu_events events;
	uint32_t mp_state;
	bool has_events;
};

struct onereg_image {
	/* who wrote it, where, when */
	char writer[RELEASE_MAX];	/* "onereg 0.1.0" */
	char release[RELEASE_MAX];
	uint64_t saved_at;	/* ns, wall clock */
	uint64_t counter_frequency;	/* Hz */
	uint64_t midr;
	/* the VM's shape */
	uint32_t target;
	uint32_t features[7];	/* without POWER_OFF */
	struct onereg_cap *caps;
	size_t n_caps;
	bool has_gic;
	bool fresh;		/* of a described host: no VM was ever saved */
	bool partial;		/* imported: some registers were not recorded */
	/*
	 * 0: whole. Else a first copy, taken while the guest ran, of this
	 * identity; the next changes to it have that number.
	 */
	uint64_t staged, next_changes;
	/* VM configuration registers; none where the kernel has none */
	struct regset config_set;
	uint8_t *config_row;
	/* VM-wide values, once */
	struct regset vm_set;
	uint8_t *vm_row;
	/* per-vCPU values; VM-wide ones are not in these lists */
	struct regset *sets;
	size_t n_sets;
	struct vcpu_state *vcpus;
	size_t n_vcpus;
	/* In the order in which they are written; those of ITSes are last. */
	struct attrs gic;
	/* VM-wide ids on which vCPUs disagreed; they are in the rows */
	uint64_t *conflicts;
	size_t n_conflicts;
	/* The caller's, or NULL; not in files */
	const struct onereg_tolerances *tolerances;
};

struct host_cap {
	uint32_t cap;
	int32_t value;
};

struct host_profile {
	uint32_t features;	/* word 0 */
	struct regset set;	/* in list order */
	uint8_t *reset;		/* a row */
	/* each of set.n entries: */
	uint8_t *has_reset;	/* 0: the value could not be read */
	uint8_t *has_mask;
	uint64_t *writable;
	uint8_t *scope;		/* enum onereg_scope as told or observed */
	uint8_t *source;	/* its source; NULL: what is known was seen */
};

struct onereg_host {
	char writer[RELEASE_MAX];
	char release[RELEASE_MAX];
	uint64_t midr;
	uint64_t counter_frequency;
	bool partial;
	bool probed;		/* scopes were observed */
	struct host_cap *caps;
	size_t n_caps;
	struct host_profile *profiles;
	size_t n_profiles;
};

struct onereg_vm {
	struct onereg_io io;	/* complete: no NULL member */
	int kvm_fd, vm_fd, gic_fd;
	int *vcpu_fds;
	uint32_t *vcpu_ids;
	size_t n_vcpus;
	uint32_t target;
	uint32_t features[7];
	struct onereg_cap *caps;
	size_t n_caps;
	const struct onereg_host *host;
	int *its_fds;
	size_t n_its;
	int (*read_memory)(void *userdata, uint64_t address, void *buf,
			   size_t size);	/* or NULL */
	void *userdata;
	/* When and to what the last restore set the counters, for the proof. */
	struct {
		bool set;
		uint64_t image;	/* whose: its time of save */
		uint64_t at;	/* ns, wall clock */
		int64_t shift;	/* ticks added to what the image says */
	} counters;
};

/* ---- options.c: structs that start with their size ---- */

/*
 * Fills *to, of size bytes, from what the caller gave; fields that an older
 * caller does not have are 0. -EINVAL no size; -E2BIG a field that this
 * version does not know is in use.
 */
int options_take(void *to, size_t size, const void *from);

/* ---- io.c: the running kernel's struct onereg_io ---- */

/* A complete copy of io (NULL: the running kernel's). */
int io_complete(struct onereg_io *ret, const struct onereg_io *io);
int io_ioctl(const struct onereg_io *io, int fd, unsigned long request,
	     void *arg);
int io_get_reg(const struct onereg_io *io, int fd, uint64_t id, void *value);
int io_set_reg(const struct onereg_io *io, int fd, uint64_t id,
	       const void *value);
/* Value through a uint64_t whatever attr->size is; little-endian. */
int io_get_attr(const struct onereg_io *io, int fd, struct attr *attr);
int io_set_attr(const struct onereg_io *io, int fd, const struct attr *attr);
/* The vCPU's KVM_GET_REG_LIST, of any length. */
int io_reg_list(const struct onereg_io *io, int vcpu_fd, struct regset *ret);

/* ---- report.c ---- */

/*
 * Adds a finding; strings and values are copied, f->name may be NULL for
 * SPACE_REG (it is then looked up), f->why must be set. Cannot fail: a
 * finding that finds no memory makes the verdict FAILED. report may be NULL.
 */
void report_add(struct onereg_report *report, const struct onereg_finding *f);
/* An ERROR that is not about a register; why is printf-formatted. */
void report_error(struct onereg_report *report, int error,
		  const char *operation, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Counts a difference of that class without a finding. */
void report_count(struct onereg_report *report, enum onereg_class class_);
/* Adds to the counts; every pointer non-NULL in steps by the caller. */
struct onereg_counts *report_counts(struct onereg_report *report);

/* ---- catalogue.c: families of registers and their rules ---- */

enum phase {			/* in the order of the plan, plan.c */
	PHASE_VLS,		/* between init and finalize */
	PHASE_VM,		/* VM-wide features, once */
	PHASE_HOST,		/* what the host answers for, by those features */
	PHASE_VCPU,		/* per vCPU, in any order across vCPUs */
	PHASE_COUNTER,		/* once, after all but the timers was proved */
	PHASE_TIMER,		/* per vCPU, after the counters */
};

enum write_rule {
	WRITE_PLAIN,
	WRITE_FIRST,		/* before the vCPU's others, if that has run */
	WRITE_CLR_SET,		/* all ones to the CLR twin, then this id */
	WRITE_NEVER,		/* a CLR twin or a read-only view of another */
	WRITE_CHECK,		/* a SET only checks; EINVAL: host is weaker */
};

enum compare_rule {
	COMPARE_EXACT,
	COMPARE_MASK,		/* under ~family->noise */
	COMPARE_COUNTER,	/* moved on by no more than time allows */
	COMPARE_HOST,		/* any value the host accepts */
	COMPARE_FIELDS,		/* exact, but for fields KVM takes and ignores */
	COMPARE_AA32,		/* as that; UNKNOWN where EL0 has no AArch32 */
};

enum absent_rule {		/* may the destination lack the register? */
	ABSENT_LOSS,		/* no: state would be lost */
	ABSENT_IF_ZERO,		/* if its value is 0 */
	ABSENT_SAFE,		/* always; why says so */
	ABSENT_CARE,		/* why says what to look at */
	ABSENT_UNUSED,		/* if the ID field "gate" is 0 */
};

enum guest_rule {		/* can a guest write it? */
	GUEST_WRITES,
	GUEST_CANNOT,		/* why says so */
	GUEST_BELOW,		/* if its number is below family->count's */
};

/* How many of a row's numbered registers there are: a field, and plus. */
struct reg_count {
	uint64_t id;		/* of the field's register */
	unsigned int lsb, width, plus;
};

struct family {
	const char *name;	/* "PMU enable sets" */
	uint64_t id, mask;	/* matches reg if (reg & mask) == id */
	enum onereg_scope scope;
	enum phase phase;
	enum write_rule write;
	uint64_t twin;		/* WRITE_CLR_SET: the CLR id's low 16 bits */
	enum compare_rule compare;
	uint64_t noise;		/* COMPARE_MASK: bits that are not compared */
	enum absent_rule absent;
	uint64_t absent_bits;	/* ABSENT_IF_ZERO: under this mask; 0: all */
	uint64_t gate;		/* ABSENT_UNUSED: ID register of 4-bit field */
	unsigned int gate_lsb;
	uint32_t features;	/* features[0] bits that it needs */
	enum guest_rule guest;
	const struct reg_count *count;	/* GUEST_BELOW; number: under ~mask */
	/* A VM is built by it: once staged, it cannot be given another value. */
	bool settled;
	const char *why;	/* of what is special, with source */
};

/* First matching row; every id matches the last one. Never NULL. */
const struct family *catalogue_find(uint64_t id);
/*
 * What it means that the destination lacks a register which has that value in
 * the image: NOTE safe, CARE, or IMPOSSIBLE state would be lost.
 */
enum onereg_severity family_absent(const struct family *f,
				   const struct onereg_image *image,
				   const void *value, size_t size);
/* The scope as told or observed there; UNKNOWN where host is NULL. */
enum onereg_scope host_scope(const struct onereg_host *host, uint64_t id);
/* Bits of enum onereg_scope_source, of the profile's i-th register. */
static inline unsigned int scope_source(const struct host_profile *p, size_t i)
{
	return p->source ? p->source[i] :
	       p->scope[i] ? ONEREG_SCOPE_OBSERVED :
			     0;
}

/* ---- idreg.c: fields of ID registers and which way each is safe ---- */

enum field_rule {
	FIELD_LOWER,		/* unsigned; a destination with more is safe */
	FIELD_LOWER_SIGNED,	/* 4-bit signed (0xf = absent); more is safe */
	FIELD_HIGHER,		/* a destination with less is safe */
	FIELD_EXACT,		/* must be equal: an algorithm, a geometry */
	FIELD_IGNORE,		/* no effect on a guest: RES0, UNKNOWN */
};

struct id_field {
	uint64_t id;		/* register */
	struct onereg_field field;
	enum field_rule rule;
	const char *why;	/* what a guest would lose, or NULL */
};

/* The i-th field, NULL past the end or if it is not an ID register. */
const struct id_field *id_field_at(uint64_t id, size_t i);
/* Would a guest that was shown "saved" run where the most is "host"? */
bool id_field_fits(const struct id_field *f, uint64_t saved, uint64_t host);

/* ---- scratch.c: a VM to try things on ---- */

struct scratch {
	struct onereg_io io;
	int kvm_fd, vm_fd, gic_fd;	/* -1: not open */
	bool lent;		/* kvm_fd stays open */
	int *its_fds;
	size_t n_its;
	int *vcpu_fds;
	size_t n_vcpus;
	bool dry;
};

struct scratch_options {
	const struct onereg_io *io;
	const char *device;
	const int *kvm_fd;	/* in place of opening the device; NULL */
	const struct onereg_image *like;	/* to configure it for; NULL */
	const struct onereg_cap *caps;
	size_t n_caps;
	const uint32_t *vcpu_ids;	/* NULL: 0.. */
	size_t n_vcpus;
	bool gic;
	uint32_t nr_irqs;	/* of the GIC; 0: KVM's default */
	/* With like, ITSes as the image has. */
	bool dry;		/* what the host refuses is a finding */
};

/*
 * Creates VM, vCPUs and GIC; inits no vCPU. Reports what it cannot do. With
 * dry, 1: refused by the host, which is told as a finding.
 */
int scratch_open(struct scratch *s, const struct scratch_options *o,
		 struct onereg_report *report);
/* KVM_ARM_VCPU_INIT (preferred target) and FINALIZE on every vCPU. */
int scratch_init_vcpus(struct scratch *s, uint32_t features,
		       struct onereg_report *report);
void scratch_close(struct scratch *s);
/* -ENOSYS, told, if the VM is another architecture's. */
int vm_is_arm64(const struct onereg_io *io, int vm_fd,
		struct onereg_report *report);
/* Opens the device and checks the API version; reports. -> fd or -errno */
int scratch_open_kvm(const struct onereg_io *io, const char *device,
		     struct onereg_report *report);

/* ---- image.c ---- */

/*
 * Can the guest's EL0 be AArch32? Else its AArch32 ID registers are UNKNOWN
 * to it.
 */
bool image_has_aa32(const struct onereg_image *image);

/* ---- restore.c ---- */

/* Does the errno speak of a value or an id, rather than of trouble? */
bool is_refusal(int error);

/* ---- gic.c ---- */

/* -EBUSY, with a finding, if a vCPU is in KVM_RUN. */
int gic_idle(struct onereg_vm *vm, struct onereg_report *report);
/* All of it; redistributors are found by the affinities in the image's rows. */
int gic_save(struct onereg_vm *vm, const struct onereg_image *image,
	     struct attrs *to, struct onereg_report *report);
/*
 * The number of interrupts, and the addresses of ITSes, which can be asked while
 * the guest runs.
 */
int gic_save_size(struct onereg_vm *vm, struct attrs *to,
		  struct onereg_report *report);
/*
 * Are these all the attributes that a save of the image's VM gives, and in that
 * order? The image has NR_IRQS. -ENOMEM
 */
int gic_is_whole(const struct onereg_image *image, const struct attrs *gic,
		 bool *ret);
/* dry: what the kernel refuses is a finding, and no end. */
int gic_restore(struct onereg_vm *vm, const struct onereg_image *image,
		bool dry, struct onereg_report *report);
/* Adds the differences to *unproved. */
int gic_prove(struct onereg_vm *vm, const struct onereg_image *image, bool dry,
	      size_t *unproved, struct onereg_report *report);
/* "GICD_IROUTER[34]", "GICR_ISENABLER0 of vCPU 2", ... As snprintf(). */
int gic_attr_name(uint32_t group, uint64_t attr, char *buf, size_t size);

/* Is this one of an ITS's, and not of the GIC? */
bool attr_is_its(const struct attr *a);

/* ---- attrs.c: growing lists, and the vCPU attributes that are saved ---- */

int attrs_add(struct attrs *attrs, const struct attr *attr);
void attrs_free(struct attrs *attrs);
/*
 * The attributes of one vCPU with these features that can be read back, in the
 * order of writing.
 */
int vcpu_attrs_save(const struct onereg_vm *vm, size_t vcpu,
		    uint32_t features, struct attrs *ret,
		    struct onereg_report *report);
int vcpu_attr_name(uint32_t group, uint64_t attr, char *buf, size_t size);

/* ---- json.c: files of JSON ---- */

struct json_t;
/*
 * -EBADMSG with the line where it is no JSON, or -ENOMEM, told of operation.
 * The caller json_decref()s *ret.
 */
int json_parse(const void *json, size_t size, const char *operation,
	       struct json_t **ret, struct onereg_report *report);
/* -EBADMSG, told of the part that is called name. */
int json_bad(struct onereg_report *report, const char *operation,
	     const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- file.c: whole files ---- */

int file_read_all(const char *path, void **ret, size_t *ret_size,
		  struct onereg_report *report);
int file_write_whole(const char *path, const void *data, size_t size,
		     struct onereg_report *report);

#endif
