// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

#define FILL		0xa5
#define MARGIN		64	/* compared behind what was taken */

/* An area and the gap behind it. */
static uint8_t *map_area(int prot)
{
	uint8_t *at = mmap(NULL, 2 * AREA_SIZE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	if (!mprotect(at, AREA_SIZE, prot))
		return at;
	munmap(at, 2 * AREA_SIZE);
	return NULL;
}

bool memory_init(struct memory *m)
{
	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < N_AREAS; i++) {
		m->base[i] = map_area(PROT_READ | PROT_WRITE);
		if (!m->base[i]) {
			memory_exit(m);
			return false;
		}
		memset(m->base[i], FILL, AREA_SIZE);
	}
	m->read_only = map_area(PROT_READ);
	if (!m->read_only)
		memory_exit(m);
	return m->read_only;
}

static void unmap(uint8_t *at)
{
	if (at)
		munmap(at, 2 * AREA_SIZE);
}

void memory_exit(struct memory *m)
{
	for (size_t i = 0; i < N_AREAS; i++)
		unmap(m->base[i]);
	unmap(m->read_only);
	memset(m, 0, sizeof(*m));
}

static size_t head(const struct memory *m, size_t i)
{
	size_t n = m->used[i] + MARGIN;

	return n < AREA_SIZE - AREA_TAIL ? n : AREA_SIZE - AREA_TAIL;
}

void memory_clear(struct memory *m)
{
	for (size_t i = 0; i < N_AREAS; i++) {
		memset(m->base[i], FILL, head(m, i));
		memset(m->base[i] + AREA_SIZE - AREA_TAIL, FILL, AREA_TAIL);
		m->used[i] = 0;
	}
}

void *memory_take(struct memory *m, enum area area, size_t size)
{
	size_t at = m->used[area];

	size = (size + 7) & ~(size_t)7;
	if (size > AREA_SIZE - AREA_TAIL - MARGIN - at)
		return NULL;
	m->used[area] += size;
	return m->base[area] + at;
}

void *memory_end(const struct memory *m, enum area area, size_t left)
{
	return m->base[area] + AREA_SIZE - left;
}

void memory_save(const struct memory *m, struct snapshot *to)
{
	for (size_t i = 0; i < N_AREAS; i++) {
		to->used[i] = m->used[i];
		memcpy(to->bytes[i], m->base[i], head(m, i));
		memcpy(to->bytes[i] + AREA_SIZE - AREA_TAIL,
		       m->base[i] + AREA_SIZE - AREA_TAIL, AREA_TAIL);
	}
}

void memory_load(struct memory *m, const struct snapshot *from)
{
	for (size_t i = 0; i < N_AREAS; i++) {
		m->used[i] = from->used[i];
		memcpy(m->base[i], from->bytes[i], head(m, i));
		memcpy(m->base[i] + AREA_SIZE - AREA_TAIL,
		       from->bytes[i] + AREA_SIZE - AREA_TAIL, AREA_TAIL);
	}
}

static bool differ(const uint8_t *a, const uint8_t *b, size_t from,
		   size_t to, size_t *at)
{
	if (!memcmp(a + from, b + from, to - from))
		return false;
	for (*at = from; a[*at] == b[*at]; ++*at)
		;
	return true;
}

uint64_t memory_differ(const struct memory *m, const struct snapshot *a,
		       const struct snapshot *b)
{
	size_t at;

	for (size_t i = 0; i < N_AREAS; i++)
		if (differ(a->bytes[i], b->bytes[i], 0, head(m, i), &at) ||
		    differ(a->bytes[i], b->bytes[i], AREA_SIZE - AREA_TAIL,
			   AREA_SIZE, &at))
			return (uintptr_t)m->base[i] + at;
	return 0;
}
