// SPDX-License-Identifier: MIT
#include "source.h"

struct source source_seed(uint64_t seed)
{
	return (struct source){ .seed = seed };
}

struct source source_bytes(const uint8_t *data, size_t size)
{
	return (struct source){ .data = data, .left = size };
}

bool source_is_empty(const struct source *s)
{
	return s->data && !s->left;
}

/* splitmix64 */
static uint64_t next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static uint64_t take(struct source *s, unsigned int bytes)
{
	uint64_t value = 0;

	if (!s->data)
		return next(&s->seed);
	for (unsigned int i = 0; i < bytes && s->left; i++, s->left--)
		value |= (uint64_t)*s->data++ << 8 * i;
	return value;
}

uint64_t source_u64(struct source *s)
{
	return take(s, 8);
}

size_t source_below(struct source *s, size_t n)
{
	return take(s, n <= 256 ? 1 : 2) % n;
}

bool source_chance(struct source *s, unsigned int n)
{
	return (take(s, 1) & 0xff) >= 256 - n;
}
