/* SPDX-License-Identifier: MIT */
/*
 * A host's description: what a caller may ask of it, and its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static void free_profile(struct host_profile *profile)
{
	regset_free(&profile->set);
	free(profile->reset);
	free(profile->has_reset);
	free(profile->has_mask);
	free(profile->writable);
	free(profile->scope);
	free(profile->source);
}

void onereg_host_free(struct onereg_host *host)
{
	size_t i;

	if (!host)
		return;
	for (i = 0; i < host->n_profiles; i++)
		free_profile(&host->profiles[i]);
	free(host->profiles);
	free(host->caps);
	free(host);
}

const char *onereg_host_release(const struct onereg_host *host)
{
	return host->release;
}

uint64_t onereg_host_midr(const struct onereg_host *host)
{
	return host->midr;
}

uint64_t onereg_host_counter_frequency(const struct onereg_host *host)
{
	return host->counter_frequency;
}

bool onereg_host_partial(const struct onereg_host *host)
{
	return host->partial;
}

int onereg_host_cap(const struct onereg_host *host, uint32_t cap)
{
	size_t i;

	for (i = 0; i < host->n_caps; i++)
		if (host->caps[i].cap == cap)
			return host->caps[i].value;
	return 0;
}

size_t onereg_host_n_caps(const struct onereg_host *host)
{
	return host->n_caps;
}

int onereg_host_cap_at(const struct onereg_host *host, size_t i,
		       uint32_t *ret_cap)
{
	if (i >= host->n_caps)
		return -ENOENT;
	*ret_cap = host->caps[i].cap;
	return host->caps[i].value;
}

size_t onereg_host_n_profiles(const struct onereg_host *host)
{
	return host->n_profiles;
}

uint32_t onereg_host_profile_features(const struct onereg_host *host,
				      size_t profile)
{
	if (profile >= host->n_profiles)
		return 0;
	return host->profiles[profile].features;
}

size_t onereg_host_n_regs(const struct onereg_host *host, size_t profile)
{
	if (profile >= host->n_profiles)
		return 0;
	return host->profiles[profile].set.n;
}

int onereg_host_reg(const struct onereg_host *host, size_t profile, size_t i,
		    struct onereg_host_reg *ret)
{
	struct onereg_host_reg reg = { .size = ret->size };
	const struct host_profile *p;

	if (ret->size < sizeof(ret->size))
		return -EINVAL;
	if (i >= onereg_host_n_regs(host, profile))
		return -ENOENT;
	p = &host->profiles[profile];
	reg.id = p->set.ids[i];
	reg.reset = p->has_reset[i] ? p->reset + p->set.offsets[i] : NULL;
	reg.value_size = onereg_reg_size(reg.id);
	reg.has_mask = p->has_mask[i];
	reg.writable = p->writable[i];
	reg.scope = (enum onereg_scope)p->scope[i];
	reg.scope_source = scope_source(p, i);
	memcpy(ret, &reg, ret->size < sizeof(reg) ? ret->size : sizeof(reg));
	return 0;
}
