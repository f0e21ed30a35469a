/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a file of tolerances and as a baseline; what is taken can be
 * asked, and a baseline be kept as the same file again.
 */
#include <string.h>

#include "fuzz.h"
#include "onereg.h"

static void as_tolerances(const uint8_t *data, size_t size,
			  struct onereg_report *report)
{
	struct onereg_tolerance e = { .size = sizeof(e) };
	struct onereg_tolerances *t;
	int r = onereg_tolerances_read(data, size, &t, report);

	expect_report(r, report);
	if (r)
		return;
	for (size_t i = 0; !onereg_tolerances_get(t, i, &e); i++) {
		EXPECT(onereg_reg_size(e.id));
		EXPECT(e.reason && *e.reason);
		EXPECT(!e.missing || !e.field);
	}
	onereg_tolerances_free(t);
}

static void again(const struct onereg_baseline *b)
{
	struct onereg_baseline_reg reg = { .size = sizeof(reg) };
	struct onereg_baseline *copy;
	char *text, *more;
	size_t n, k;

	for (size_t i = 0; !onereg_baseline_reg(b, i, &reg); i++)
		EXPECT(reg.value_size && reg.value_size <= 64);
	EXPECT(!onereg_baseline_write(b, &text, &n));
	EXPECT(!onereg_baseline_read(text, n, &copy, NULL));
	EXPECT(!onereg_baseline_write(copy, &more, &k));
	EXPECT(n == k && !memcmp(text, more, n));
	onereg_baseline_free(copy);
	free(more);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct onereg_report *report;
	struct onereg_baseline *b;
	int r;

	EXPECT(!onereg_report_new(&report));
	as_tolerances(data, size, report);
	onereg_report_clear(report);
	r = onereg_baseline_read(data, size, &b, report);
	expect_report(r, report);
	if (!r) {
		again(b);
		onereg_baseline_free(b);
	}
	onereg_report_free(report);
	return 0;
}
