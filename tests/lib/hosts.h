/* SPDX-License-Identifier: MIT */
/*
 * Hosts to check against: a few registers of interest each, or the dumps that
 * Firecracker publishes, where they are.
 */
#ifndef ONEREG_TESTS_HOSTS_H
#define ONEREG_TESTS_HOSTS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

#define PSCI		(1u << KA_VCPU_PSCI_0_2)
#define PMU		(1u << KA_VCPU_PMU_V3)
#define SVE		(1u << KA_VCPU_SVE)
#define HZ		62500000

struct known {
	uint64_t id;
	uint64_t value;		/* the low 8 bytes */
};

static inline struct onereg_host *host_new(void)
{
	struct onereg_host *host = calloc(1, sizeof(*host));

	cr_assert(host);
	strcpy(host->release, "6.12");
	host->counter_frequency = HZ;
	host->profiles = calloc(8, sizeof(*host->profiles));
	host->caps = calloc(8, sizeof(*host->caps));
	cr_assert(host->profiles && host->caps);
	return host;
}

static inline void host_add_cap(struct onereg_host *host, uint32_t cap,
				int32_t value)
{
	cr_assert_lt(host->n_caps, 8);
	host->caps[host->n_caps++] = (struct host_cap){ cap, value };
}

static inline struct host_profile *host_add(struct onereg_host *host,
					    uint32_t features,
					    const struct known *regs, size_t n)
{
	struct host_profile *p = &host->profiles[host->n_profiles++];
	uint64_t *ids = calloc(n + 1, sizeof(*ids));

	for (size_t i = 0; i < n; i++)
		ids[i] = regs[i].id;
	cr_assert_eq(profile_init(p, features, ids, n), 0);
	free(ids);
	for (size_t i = 0; i < n; i++) {
		size_t size = onereg_reg_size(regs[i].id);

		memcpy(profile_value(p, i), &regs[i].value,
		       size < 8 ? size : 8);
		p->has_reset[i] = 1;
	}
	return p;
}

/* A host of one profile with one register. */
static inline struct onereg_host *host_of(uint64_t id, uint64_t value)
{
	struct onereg_host *host = host_new();

	host_add(host, PSCI, &(struct known){ id, value }, 1);
	return host;
}

/* "N1_6.1"; skips the test where there are no dumps. */
static inline struct onereg_host *dump(const char *name)
{
	const char *shared = getenv("ONEREG_SHARED");
	struct onereg_host *host = NULL;
	char path[512], *text;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/hosts/firecracker_%s.json",
		 shared ? shared : SOURCE_ROOT "/../shared", name);
	f = fopen(path, "rb");
	if (!f)
		cr_skip_test("no dump at %s (set ONEREG_SHARED)", path);
	text = malloc(1 << 20);
	n = fread(text, 1, 1 << 20, f);
	fclose(f);
	cr_assert_eq(onereg_host_import(text, n, &host, NULL), 0);
	free(text);
	return host;
}

#endif
