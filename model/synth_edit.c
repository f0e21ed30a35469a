// SPDX-License-Identifier: MIT
/* Changes to a host description, to make hosts that differ. */
#include "private.h"

int model_host_set_reset(struct onereg_host *host, uint64_t id, uint64_t value)
{
	size_t size = onereg_reg_size(id);
	int ret = -ENOENT;

	for (size_t i = 0; i < host->n_profiles; i++) {
		struct host_profile *p = &host->profiles[i];
		ptrdiff_t at = regset_find(&p->set, id);

		if (at < 0)
			continue;
		memcpy(p->reset + p->set.offsets[at], &value,
		       size < 8 ? size : 8);
		ret = 0;
	}
	return ret;
}

int model_host_set_mask(struct onereg_host *host, uint64_t id, uint64_t mask)
{
	int ret = -ENOENT;

	for (size_t i = 0; i < host->n_profiles; i++) {
		struct host_profile *p = &host->profiles[i];
		ptrdiff_t at = regset_find(&p->set, id);

		if (at < 0)
			continue;
		p->has_mask[at] = 1;
		p->writable[at] = mask;
		ret = 0;
	}
	return ret;
}

static void cut(void *array, size_t at, size_t size, size_t n)
{
	uint8_t *a = array;

	memmove(a + at, a + at + size, n - at - size);
}

static void remove_at(struct host_profile *p, size_t i)
{
	struct regset *set = &p->set;
	size_t size = onereg_reg_size(set->ids[i]);

	cut(p->reset, set->offsets[i], size, set->row_size);
	cut(p->has_reset, i, 1, set->n);
	cut(p->has_mask, i, 1, set->n);
	cut(p->scope, i, 1, set->n);
	cut(p->writable, i * sizeof(*p->writable), sizeof(*p->writable),
	    set->n * sizeof(*p->writable));
	cut(set->ids, i * sizeof(*set->ids), sizeof(*set->ids),
	    set->n * sizeof(*set->ids));
	for (size_t j = i; j + 1 < set->n; j++)
		set->offsets[j] = set->offsets[j + 1] - size;
	set->n--;
	set->row_size -= size;
}

int model_host_remove(struct onereg_host *host, uint64_t id)
{
	int ret = -ENOENT;

	for (size_t i = 0; i < host->n_profiles; i++) {
		ptrdiff_t at = regset_find(&host->profiles[i].set, id);

		if (at < 0)
			continue;
		remove_at(&host->profiles[i], at);
		ret = 0;
	}
	return ret;
}

int model_host_set_cap(struct onereg_host *host, uint32_t cap, int32_t value)
{
	for (size_t i = 0; i < host->n_caps; i++) {
		if (host->caps[i].cap != cap)
			continue;
		host->caps[i].value = value;
		return 0;
	}
	return -ENOENT;
}
