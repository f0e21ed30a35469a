/* SPDX-License-Identifier: MIT */
/* Any bytes as a JSON register dump; what is taken can be kept as a file. */
#include "fuzz.h"
#include "host_checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct onereg_report *report;
	struct onereg_host *host;
	int r;

	EXPECT(!onereg_report_new(&report));
	r = onereg_host_import(data, size, &host, report);
	expect_report(r, report);
	if (!r) {
		host_ask_everything(host);
		host_round_trip(host);
		onereg_host_free(host);
	}
	onereg_report_free(report);
	return 0;
}
