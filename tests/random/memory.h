/* SPDX-License-Identifier: MIT */
/*
 * The caller's memory, as calls see it: areas that end where nothing is
 * mapped. Both sides get the same bytes at the same addresses, one after the
 * other, so that every byte can be compared.
 */
#ifndef ONEREG_RANDOM_MEMORY_H
#define ONEREG_RANDOM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum area {
	AREA_ARG,	/* what the ioctl's argument points to */
	AREA_ENTRIES,	/* of a vector */
	AREA_VALUES,	/* of registers and attributes */
	N_AREAS,
};

/* A multiple of every page size; nothing follows. */
#define AREA_SIZE	65536
/* Bytes at an area's end that are compared, too. */
#define AREA_TAIL	512

struct memory {
	uint8_t *base[N_AREAS];
	size_t used[N_AREAS];	/* from the start */
	uint8_t *read_only;
};

struct snapshot {
	size_t used[N_AREAS];
	uint8_t bytes[N_AREAS][AREA_SIZE];
};

/* false: no memory. */
bool memory_init(struct memory *m);
void memory_exit(struct memory *m);
/* Forgets what was taken; what was is overwritten. */
void memory_clear(struct memory *m);
/* NULL: the area is full. */
void *memory_take(struct memory *m, enum area area, size_t size);
/* The address where that many bytes are left before nothing is mapped. */
void *memory_end(const struct memory *m, enum area area, size_t left);
void memory_save(const struct memory *m, struct snapshot *to);
void memory_load(struct memory *m, const struct snapshot *from);
/* The address of the first byte that differs, or 0. */
uint64_t memory_differ(const struct memory *m, const struct snapshot *a,
		       const struct snapshot *b);

#endif
