/* SPDX-License-Identifier: MIT */
/*
 * Changes to an image: what a live migration sends after the image itself.
 * docs/format.md is the specification; its numbers are here.
 *
 * A set of changes is a head and records: the VM's, each vCPU's, the GIC's.
 * Each record has its own checksum, so that threads can make and check them.
 */
#ifndef ONEREG_LIB_CHANGES_H
#define ONEREG_LIB_CHANGES_H

#include <string.h>

#include "internal.h"

#define CHANGES_MAGIC		"\x89ONC\r\n\x1a\n"
#define CHANGES_MAGIC_SIZE	8
#define CHANGES_VERSION		0x10000	/* major in the upper 16 bits */
#define CHANGES_HEADER_SIZE	64	/* bytes, as all sizes here */
#define CHANGES_ENTRY_SIZE	16	/* of the table of records */
#define CHANGES_LAST		1	/* bit of the head's flags */
#define CHANGES_EVENTS		1	/* bit of a vCPU's flags */
#define CHANGES_VCPU_SIZE	8	/* before its events and registers */

struct changes_head {
	uint32_t flags;
	uint64_t image;		/* identity of the image that they belong to */
	uint64_t number;	/* of this set: 0, 1, ... */
	uint64_t saved_at;	/* ns, wall clock */
};

/* Record 0 is the VM's, 1 + i the vCPU's, the last the GIC's. */
static inline size_t changes_n_records(size_t n_vcpus)
{
	return n_vcpus + 2;
}

static inline size_t changes_head_size(size_t n_vcpus)
{
	return CHANGES_HEADER_SIZE +
	       changes_n_records(n_vcpus) * CHANGES_ENTRY_SIZE;
}

/* ---- writing ---- */

/* The most that a row's changes, or a vCPU's record, can take. */
size_t changes_row_max(const struct regset *set);
size_t changes_vcpu_max(const struct regset *set);
/*
 * Puts those of the n registers at the indices "at" (NULL: all of set) that are
 * not as they were. Returns the size; padded.
 */
size_t changes_put_row(uint8_t *to, const struct regset *set,
		       const uint8_t *was, const uint8_t *now,
		       const uint32_t *at, size_t n);
size_t changes_put_vcpu(uint8_t *to, const struct vcpu_state *was,
			const struct vcpu_state *now, const struct regset *set,
			const uint32_t *at, size_t n);
size_t changes_put_gic(uint8_t *to, const struct attrs *gic);
/* A record's entry in the table, once it is where it stays. */
void changes_put_entry(uint8_t *set, size_t record, const uint8_t *data,
		       size_t size);
void changes_put_head(uint8_t *set, size_t size, size_t n_vcpus,
		      const struct changes_head *head);
/* The head's checksum alone, after all else of head and table. */
void changes_seal_head(uint8_t *set, size_t n_vcpus);

/* ---- reading ---- */

struct changes {
	struct changes_head head;
	size_t n_vcpus;
	const uint8_t *data;
	size_t *at;		/* of each record, and the end; the caller's */
};

/*
 * Looks at the head. c->at has room for changes_n_records() + 1. -EBADMSG
 * damaged, -EPROTO a newer version; *why says what is wrong.
 */
int changes_open(struct changes *c, size_t n_vcpus, const void *data,
		 size_t size, const char **why);

/* The registers of a row that have changed, one after the other. */
struct row_changes {
	const struct regset *set;
	const uint32_t *offsets;	/* the set's */
	const uint8_t *bitmap, *p, *end;
	size_t word, words;
	uint64_t bits;		/* of the word, not yet told */
	bool bad;		/* ended because it is damaged */
};

struct vcpu_changes {
	uint32_t mp_state;
	const uint8_t *events;	/* or NULL */
	struct row_changes row;
};

/* -EBADMSG damaged; its registers are not looked at yet. */
int changes_vm(const struct changes *c, const struct regset *set,
	       struct row_changes *ret);
int changes_vcpu(const struct changes *c, size_t vcpu,
		 const struct regset *set, struct vcpu_changes *ret);
/* Fills gic, which is empty. -EBADMSG, -ENOMEM */
int changes_gic(const struct changes *c, struct attrs *gic);
/* Is what is left, after the last value, padding? */
bool is_padding(const uint8_t *p, const uint8_t *end);

/* The next one; false: no more, or bad. */
static inline bool row_changes_next(struct row_changes *r, size_t *ret_i,
				    const uint8_t **ret_value)
{
	size_t i, size;

	while (!r->bits) {
		if (r->word + 1 >= r->words) {
			r->bad = !is_padding(r->p, r->end);
			return false;
		}
		r->word++;
		memcpy(&r->bits, r->bitmap + r->word * 8, sizeof(r->bits));
	}
	i = r->word * 64 + (size_t)__builtin_ctzll(r->bits);
	r->bits &= r->bits - 1;
	size = r->offsets[i + 1] - r->offsets[i];
	if (size > (size_t)(r->end - r->p)) {
		r->bad = true;
		return false;
	}
	*ret_i = i;
	*ret_value = r->p;
	r->p += size;
	return true;
}

#endif
