/* SPDX-License-Identifier: MIT */
/* What kinds of vCPU several hosts have in common. */
#include <string.h>

#include "fleet.h"

#define MAX_VQ		512

const struct host_profile *fleet_profile(const struct onereg_host *host,
					 uint32_t features)
{
	for (size_t i = 0; i < host->n_profiles; i++)
		if (host->profiles[i].features == features)
			return &host->profiles[i];
	return NULL;
}

uint64_t fleet_value(const struct host_profile *p, uint64_t id)
{
	ptrdiff_t at = regset_find(&p->set, id);

	return at < 0 || !p->has_reset[at] ?
		       0 :
		       regset_u64(&p->set, p->reset, (size_t)at);
}

bool fleet_same_pauth(const struct host_profile *a,
		      const struct host_profile *b)
{
	static const struct {
		uint64_t id, mask;
	} algorithms[] = {
		/* APA, API, GPA, GPI; GPA3, APA3, PAC_frac */
		{ KA_SYS(3, 0, 0, 6, 1), 0xff000ff0 },
		{ KA_SYS(3, 0, 0, 6, 2), 0x0f00ff00 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
		if ((fleet_value(a, algorithms[i].id) ^
		     fleet_value(b, algorithms[i].id)) & algorithms[i].mask)
			return false;
	return true;
}

static bool has_length(const struct host_profile *p, unsigned int vq)
{
	ptrdiff_t at = regset_find(&p->set, KA_SVE_VLS);
	const uint8_t *vls;

	if (at < 0 || !p->has_reset[at])
		return false;
	vls = p->reset + p->set.offsets[at];
	return vls[(vq - 1) / 8] >> (vq - 1) % 8 & 1;
}

unsigned int fleet_vq(const struct onereg_host *const *hosts, size_t n,
		      uint32_t features)
{
	unsigned int longest = 0;

	for (unsigned int vq = 1; vq <= MAX_VQ; vq++) {
		bool has = has_length(fleet_profile(hosts[0], features), vq);

		for (size_t i = 1; i < n; i++)
			if (has_length(fleet_profile(hosts[i], features),
				       vq) != has)
				return longest;
		if (has)
			longest = vq;
	}
	return longest;
}

static bool all_offer(const struct onereg_host *const *hosts, size_t n,
		      uint32_t features)
{
	const struct host_profile *first = fleet_profile(hosts[0], features);

	for (size_t i = 1; i < n; i++) {
		const struct host_profile *p =
			fleet_profile(hosts[i], features);

		if (!p || (features & FLEET_PTRAUTH &&
			   !fleet_same_pauth(first, p)))
			return false;
	}
	return !(features & 1u << KA_VCPU_SVE) || fleet_vq(hosts, n, features);
}

uint32_t fleet_features(const struct onereg_host *const *hosts, size_t n)
{
	uint32_t best = 0;

	for (size_t i = 0; i < hosts[0]->n_profiles; i++) {
		uint32_t features = hosts[0]->profiles[i].features;

		if (__builtin_popcount(features) > __builtin_popcount(best) &&
		    all_offer(hosts, n, features))
			best = features;
	}
	return best;
}
