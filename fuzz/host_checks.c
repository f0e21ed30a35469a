/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "fuzz.h"
#include "host_checks.h"

void host_ask_everything(const struct onereg_host *host)
{
	struct onereg_host_reg reg = { .size = sizeof(reg) };
	size_t p, i;
	uint32_t cap;
	uint8_t sum = 0;

	for (p = 0; p < onereg_host_n_profiles(host); p++) {
		for (i = 0; i < onereg_host_n_regs(host, p); i++) {
			EXPECT(!onereg_host_reg(host, p, i, &reg));
			EXPECT(reg.value_size > 0 && reg.value_size <= 256);
			if (reg.reset)
				sum ^= ((const uint8_t *)
						reg.reset)[reg.value_size - 1];
		}
		EXPECT(onereg_host_reg(host, p, i, &reg));
	}
	for (i = 0; i < onereg_host_n_caps(host); i++)
		EXPECT(onereg_host_cap_at(host, i, &cap) ==
		       onereg_host_cap(host, cap));
	EXPECT(strlen(onereg_host_release(host)) < 65);
	/* Keeps the reads. */
	__asm__ volatile("" : : "r"(sum));
}

void host_round_trip(const struct onereg_host *host)
{
	struct onereg_host *again;
	void *a, *b;
	size_t a_size, b_size;

	EXPECT(!onereg_host_write(host, &a, &a_size));
	EXPECT(!onereg_host_read(a, a_size, &again, NULL));
	EXPECT(!onereg_host_write(again, &b, &b_size));
	EXPECT(a_size == b_size && !memcmp(a, b, a_size));
	onereg_host_free(again);
	free(a);
	free(b);
}
