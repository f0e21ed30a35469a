/* SPDX-License-Identifier: MIT */
/*
 * The container under images and host descriptions: header, sections,
 * checksums, end. docs/format.md is the specification; its numbers are here
 * (a test holds one against the other).
 */
#ifndef ONEREG_LIB_CONTAINER_H
#define ONEREG_LIB_CONTAINER_H

#include "internal.h"

#define FORMAT_MAGIC		"\x89ONR\r\n\x1a\n"
#define FORMAT_MAGIC_SIZE	8
#define FORMAT_MAJOR		1
#define FORMAT_MINOR		3
#define FORMAT_HEADER_SIZE	32	/* bytes, as all sizes here */
#define FORMAT_SECTION_SIZE	24	/* a section's header */
#define FORMAT_ALIGN		8
#define FORMAT_REQUIRED		1	/* bit of a section's flags */
#define FORMAT_STRING_SIZE	72	/* a string's field */

#define FORMAT_MAX_FILE		1073741824
#define FORMAT_MAX_SECTIONS	1024
#define FORMAT_MAX_IDS		65536	/* of one list */
#define FORMAT_MAX_SETS		65536
#define FORMAT_MAX_VCPUS	65536
#define FORMAT_MAX_ATTRS	4194304	/* of one list */
#define FORMAT_MAX_CAPS		4096
#define FORMAT_MAX_PROFILES	1024

/* Types and kinds are four characters, so that an error can name any. */
#define FORMAT_TYPE(a, b, c, d)                                       \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | \
	 (uint32_t)(d) << 24)

#define FORMAT_KIND_IMAGE	FORMAT_TYPE('I', 'M', 'A', 'G')
#define FORMAT_KIND_HOST	FORMAT_TYPE('H', 'O', 'S', 'T')

#define FORMAT_ORIG		FORMAT_TYPE('O', 'R', 'I', 'G')
#define FORMAT_SHAP		FORMAT_TYPE('S', 'H', 'A', 'P')
#define FORMAT_VMRG		FORMAT_TYPE('V', 'M', 'R', 'G')
#define FORMAT_SETS		FORMAT_TYPE('S', 'E', 'T', 'S')
#define FORMAT_VCPU		FORMAT_TYPE('V', 'C', 'P', 'U')
#define FORMAT_ROWS		FORMAT_TYPE('R', 'O', 'W', 'S')
#define FORMAT_GICV		FORMAT_TYPE('G', 'I', 'C', 'V')
#define FORMAT_CONF		FORMAT_TYPE('C', 'O', 'N', 'F')
#define FORMAT_VMCF		FORMAT_TYPE('V', 'M', 'C', 'F')
#define FORMAT_STAG		FORMAT_TYPE('S', 'T', 'A', 'G')
#define FORMAT_ITSV		FORMAT_TYPE('I', 'T', 'S', 'V')
#define FORMAT_CAPS		FORMAT_TYPE('C', 'A', 'P', 'S')
#define FORMAT_PROF		FORMAT_TYPE('P', 'R', 'O', 'F')
#define FORMAT_SCOP		FORMAT_TYPE('S', 'C', 'O', 'P')
#define FORMAT_END		FORMAT_TYPE('E', 'N', 'D', '.')

#define FORMAT_ORIG_PARTIAL	1	/* bits of ORIG's flags */
#define FORMAT_ORIG_FRESH	2
#define FORMAT_ORIG_PROBED	4
#define FORMAT_SHAP_GIC		1
#define FORMAT_VCPU_EVENTS	1
#define FORMAT_PROF_RESET	1	/* of one register */
#define FORMAT_PROF_MASK	2
#define FORMAT_SCOP_OBSERVED	1	/* of one register */
#define FORMAT_SCOP_TOLD	2

static inline size_t format_pad(size_t size)
{
	return (size + FORMAT_ALIGN - 1) & ~(size_t)(FORMAT_ALIGN - 1);
}

/* ---- writing: container.c ---- */

/*
 * Grows as it is written to. The first error sticks, and what is put after
 * it is dropped, so that only container_finish() needs a check.
 */
struct container_out {
	uint8_t *data;
	size_t size, allocated;
	size_t section;		/* where the open section begins */
	uint32_t minor;		/* version of the newest section put */
	int error;
};

/* expected: about how many bytes will come, saves copies */
void container_start(struct container_out *out, uint32_t kind,
		     size_t expected);
void container_begin(struct container_out *out, uint32_t type);
/* One that is new since that minor version, and may be absent. */
void container_begin_new(struct container_out *out, uint32_t type,
			 uint32_t minor, bool required);
void container_end(struct container_out *out);
/* Gives the file to *ret, or frees it and says -errno. */
int container_finish(struct container_out *out, void **ret, size_t *ret_size);

void put_u8(struct container_out *out, uint8_t value);
void put_u32(struct container_out *out, uint32_t value);
void put_u64(struct container_out *out, uint64_t value);
void put_bytes(struct container_out *out, const void *data, size_t size);
void put_u64s(struct container_out *out, const uint64_t *values, size_t n);
/* A field of FORMAT_STRING_SIZE; text has at most RELEASE_MAX with its NUL. */
void put_string(struct container_out *out, const char *text);
void put_padding(struct container_out *out);
/* The list's header and ids. */
void put_regset(struct container_out *out, const struct regset *set);

/* Would a reader take it? */
bool format_string_ok(const char text[RELEASE_MAX]);

/* What keeps an object from being written, or a file from being read. */
struct fault {
	uint32_t type;		/* section */
	char why[128];
};
/* -EBADMSG */
int fault(struct fault *f, uint32_t type, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* image_valid.c: 0, -ENOMEM, or -EBADMSG and what is wrong. */
int image_valid(const struct onereg_image *image, struct fault *f);
/* image_valid.c: how many of image->gic are the GIC's; those of ITSes follow. */
size_t image_n_gic(const struct onereg_image *image);
/* What an encoder returns for the result of its checks; reports it. */
int fault_write(int r, const struct fault *f, const char *name,
		struct onereg_report *report);

/* ---- reading: container.c ---- */

struct section {
	uint32_t type;
	bool optional;
	bool required;		/* it is there, and says so */
	const uint8_t *data;	/* NULL: not there */
	size_t size;
};

/* The most types that a kind of file knows. */
#define CONTAINER_MAX_TYPES 11

struct container {
	const uint8_t *data;
	size_t size;
	const char *name;	/* for findings: a path */
	struct onereg_report *report;
	uint32_t kind;
	struct section sections[CONTAINER_MAX_TYPES];
	size_t n_sections;
};

/*
 * Checks all that can be checked without knowing what sections mean, and
 * finds those of "types", of which the first n_needed must be there. c's data,
 * size, name, report and kind are set by the caller.
 */
int container_open(struct container *c, const uint32_t *types, size_t n,
		   size_t n_needed);
bool container_has(const struct container *c, uint32_t type);

/* Adds the ERROR finding, at that offset in the file, and returns -error. */
int container_error(const struct container *c, int error, const void *where,
		    const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* As container_error() for -ENOMEM, which everything else leaves unsaid. */
int container_result(const struct container *c, int r);
/* As container_error() for a fault. */
int container_fault(const struct container *c, const struct fault *f);

/* ---- reading: cursor.c, what is in a section ---- */

/*
 * Reads a section from its beginning. Past its end everything is 0 and
 * "overrun" is set: check once, at the latest in cursor_finish().
 */
struct cursor {
	const struct container *c;
	const struct section *section;
	const uint8_t *p, *end;
	const uint8_t *last;	/* where what was read last begins */
	bool overrun;
};

void cursor_init(struct cursor *cur, const struct container *c, uint32_t type);
uint8_t cursor_u8(struct cursor *cur);
uint32_t cursor_u32(struct cursor *cur);
uint64_t cursor_u64(struct cursor *cur);
/* NULL if there are not that many. */
const uint8_t *cursor_bytes(struct cursor *cur, size_t size);
/* -EBADMSG unless everything was there, was read, and fitted exactly. */
int cursor_finish(struct cursor *cur);
/* A finding about what was just read. */
int cursor_error(const struct cursor *cur, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * A count of things of at least element_size each, of which at most max and
 * no more than can follow.
 */
int cursor_count(struct cursor *cur, const char *what, size_t element_size,
		 size_t max, size_t *ret);
/* Flags of which only "known" may be set. */
int cursor_flags(struct cursor *cur, uint32_t known, uint32_t *ret);
int cursor_zero_u32(struct cursor *cur);
int cursor_padding(struct cursor *cur);
int cursor_string(struct cursor *cur, char ret[RELEASE_MAX]);
/* The section ORIG, of which only the flags "known" may be set. */
struct origin {
	const char *writer, *release;
	uint64_t midr, counter_frequency, saved_at;
	uint32_t flags;
};
void put_origin(struct container_out *out, const struct origin *origin);
/* Strings go where the caller has them; origin's point there. */
int read_origin(const struct container *c, uint32_t known, char *writer,
		char *release, struct origin *ret);
/* A list of ids: no two the same, each of a size. */
int cursor_regset(struct cursor *cur, struct regset *ret);
/* A row of size bytes and its padding, into malloc()ed memory. */
int cursor_row(struct cursor *cur, size_t size, uint8_t **ret);

/* n ids into malloc()ed memory, NULL where n is 0. */
int cursor_ids(struct cursor *cur, size_t n, uint64_t **ret);

/* A malloc()ed copy in ascending order; n > 0. */
int sorted_ids(const uint64_t *ids, size_t n, uint64_t **ret);
/* Its index, or -1. */
ptrdiff_t sorted_find(const uint64_t *sorted, size_t n, uint64_t id);
/* -EEXIST and *ret_twice: an id that is there twice. */
int ids_unique(const uint64_t *ids, size_t n, uint64_t *ret_twice);

#endif
