/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "onereg.h"

void expect_report(int r, const struct onereg_report *report)
{
	const struct onereg_finding *f = onereg_report_get(report, 0);
	char line[512];

	if (!r) {
		EXPECT(onereg_report_verdict(report) != ONEREG_FAILED);
		return;
	}
	EXPECT(r == -EBADMSG || r == -EPROTO || r == -ENODATA || r == -EFBIG);
	EXPECT(onereg_report_count(report) == 1);
	EXPECT(f->severity == ONEREG_ERROR);
	EXPECT(f->error == -r);
	EXPECT(f->why && strlen(f->why) > 0);
	EXPECT(onereg_finding_format(f, line, sizeof(line)) > 0);
}
