/* SPDX-License-Identifier: MIT */
/* Checking and what it found, for the tests of check. */
#ifndef TESTS_LIB_CHECKS_H
#define TESTS_LIB_CHECKS_H

#include "hosts.h"

static inline struct onereg_report *new_report(void)
{
	struct onereg_report *report;

	cr_assert_eq(onereg_report_new(&report), 0);
	return report;
}

static inline struct onereg_image *fresh(const struct onereg_host *host)
{
	struct onereg_image *image;

	cr_assert_eq(onereg_image_from_host(host, host->n_profiles - 1, 1,
					    &image), 0);
	return image;
}

static inline enum onereg_verdict check(const struct onereg_image *image,
				 const struct onereg_host *host,
				 struct onereg_report *report)
{
	cr_assert_eq(onereg_image_check(image, host, report), 0);
	return onereg_report_verdict(report);
}

/* A fresh VM of a, which is freed, on b, which is freed. */
static inline enum onereg_verdict move(struct onereg_host *a, struct onereg_host *b,
				struct onereg_report *report)
{
	struct onereg_image *image = fresh(a);
	enum onereg_verdict v = check(image, b, report);

	onereg_image_free(image);
	onereg_host_free(a);
	onereg_host_free(b);
	return v;
}

static inline const struct onereg_finding *
find(const struct onereg_report *report, const char *name, const char *field)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (!strcmp(f->name, name) &&
		    (!field || (f->field && !strcmp(f->field, field))))
			return f;
	return NULL;
}

static inline void expect(const struct onereg_report *report, const char *name,
		   const char *field, enum onereg_severity severity)
{
	const struct onereg_finding *f = find(report, name, field);

	cr_assert(f, "nothing about %s.%s", name, field ? field : "");
	cr_assert_eq(f->severity, severity, "%s.%s: %s", name,
		     field ? field : "", onereg_severity_name(f->severity));
	cr_assert(f->why && *f->why);
}

static inline size_t count(const struct onereg_report *report,
		    enum onereg_severity severity, enum onereg_class class_)
{
	const struct onereg_finding *f;
	size_t n = 0;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		n += f->severity == severity && f->class_ == class_;
	return n;
}

#endif
