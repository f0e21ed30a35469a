/* SPDX-License-Identifier: MIT */
/*
 * Reports: findings in order of discovery, differences by class, counts.
 * Adding never fails; what finds no memory is remembered as lost, and a
 * report that lost a finding never says yes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "known.h"

#define NAME_MAX_ 96
#define WHY_MAX 320

struct entry {
	struct onereg_finding f;
	char name[NAME_MAX_];
	char field[NAME_MAX_];
	char why[WHY_MAX];
	char todo[WHY_MAX];
	char known[KNOWN_TEXT_MAX];
	uint8_t a[KA_REG_SIZE_MAX];
	uint8_t b[KA_REG_SIZE_MAX];
};

struct onereg_report {
	struct entry **entries;
	size_t n, allocated;
	size_t lost;
	size_t differences[ONEREG_N_CLASSES];
	size_t severities[ONEREG_ERROR + 1];
	struct onereg_counts counts;
};

int onereg_report_new(struct onereg_report **ret)
{
	struct onereg_report *report = calloc(1, sizeof(*report));

	if (!report)
		return -ENOMEM;
	report->counts.size = sizeof(report->counts);
	*ret = report;
	return 0;
}

void onereg_report_clear(struct onereg_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		free(report->entries[i]);
	free(report->entries);
	*report = (struct onereg_report){
		.counts.size = sizeof(report->counts),
	};
}

void onereg_report_free(struct onereg_report *report)
{
	if (!report)
		return;
	onereg_report_clear(report);
	free(report);
}

size_t onereg_report_count(const struct onereg_report *report)
{
	return report->n;
}

const struct onereg_finding *
onereg_report_get(const struct onereg_report *report, size_t i)
{
	return i < report->n ? &report->entries[i]->f : NULL;
}

enum onereg_verdict onereg_report_verdict(const struct onereg_report *report)
{
	if (report->severities[ONEREG_ERROR] || report->lost)
		return ONEREG_FAILED;
	if (report->severities[ONEREG_IMPOSSIBLE] ||
	    report->differences[ONEREG_CLASS_UNEXPLAINED])
		return ONEREG_NO;
	return report->severities[ONEREG_CARE] ? ONEREG_WITH_CARE : ONEREG_YES;
}

size_t onereg_report_differences(const struct onereg_report *report,
				 enum onereg_class class_)
{
	return (size_t)class_ < ONEREG_N_CLASSES ?
		       report->differences[class_] :
		       0;
}

void onereg_report_counts(const struct onereg_report *report,
			  struct onereg_counts *ret)
{
	size_t size = ret->size;

	/* As much as the caller's version of the struct has. */
	if (size > sizeof(*ret))
		size = sizeof(*ret);
	memcpy(ret, &report->counts, size);
	if (size >= sizeof(ret->size))
		ret->size = size;
}

struct onereg_counts *report_counts(struct onereg_report *report)
{
	return report ? &report->counts : NULL;
}

void report_count(struct onereg_report *report, enum onereg_class class_)
{
	if (report)
		report->differences[class_]++;
}

static struct entry *entry_new(struct onereg_report *report)
{
	struct entry **entries = report->entries;

	if (report->n == report->allocated) {
		size_t n = report->allocated ? report->allocated * 2 : 16;

		entries = realloc(entries, n * sizeof(*entries));
		if (!entries)
			return NULL;
		report->entries = entries;
		report->allocated = n;
	}
	entries[report->n] = calloc(1, sizeof(**entries));
	return entries[report->n] ? entries[report->n++] : NULL;
}

static const char *copy_text(char *to, size_t size, const char *from)
{
	if (!from)
		return NULL;
	snprintf(to, size, "%s", from);
	return to;
}

static const void *copy_value(uint8_t *to, const void *from, size_t size)
{
	if (!from)
		return NULL;
	memcpy(to, from, size);
	return to;
}

void report_add(struct onereg_report *report, const struct onereg_finding *f)
{
	struct entry *e;

	if (!report)
		return;
	report->severities[f->severity]++;
	if (f->class_ != ONEREG_CLASS_NONE)
		report->differences[f->class_]++;
	e = entry_new(report);
	if (!e) {
		report->lost++;
		return;
	}
	e->f = *f;
	e->f.size = sizeof(e->f);
	e->f.name = copy_text(e->name, sizeof(e->name), f->name);
	if (!f->name && f->space == ONEREG_SPACE_REG)
		onereg_reg_name(f->id, e->name, sizeof(e->name));
	if (!f->name)
		e->f.name = e->name;
	e->f.field = copy_text(e->field, sizeof(e->field), f->field);
	e->f.why = copy_text(e->why, sizeof(e->why), f->why ? f->why : "");
	e->f.todo = copy_text(e->todo, sizeof(e->todo), f->todo);
	e->f.known = copy_text(e->known, sizeof(e->known), f->known);
	if (f->value_size > KA_REG_SIZE_MAX)
		e->f.value_size = KA_REG_SIZE_MAX;
	e->f.a = copy_value(e->a, f->a, e->f.value_size);
	e->f.b = copy_value(e->b, f->b, e->f.value_size);
}

void report_error(struct onereg_report *report, int error,
		  const char *operation, const char *name, const char *fmt, ...)
{
	char why[WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	report_add(report, &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .vcpu = -1,
				   .name = name,
				   .error = error < 0 ? -error : error,
				   .operation = operation,
				   .why = why,
			   });
}

static const char *const severity_names[] = {
	[ONEREG_NOTE] = "note",
	[ONEREG_CARE] = "care",
	[ONEREG_IMPOSSIBLE] = "impossible",
	[ONEREG_ERROR] = "error",
};

static const char *const class_names[] = {
	[ONEREG_CLASS_NONE] = "none",
	[ONEREG_CLASS_UNEXPLAINED] = "unexplained",
	[ONEREG_CLASS_COUNTER] = "counter",
	[ONEREG_CLASS_NOISE] = "noise",
	[ONEREG_CLASS_HOST] = "host",
	[ONEREG_CLASS_UNKNOWN_VALUE] = "unknown-value",
	[ONEREG_CLASS_ABSENT] = "absent",
	[ONEREG_CLASS_TIME] = "time",
	[ONEREG_CLASS_FEATURE] = "feature",
	[ONEREG_CLASS_VALUE] = "value",
	[ONEREG_CLASS_MISSING] = "missing",
	[ONEREG_CLASS_CONFLICT] = "conflict",
	[ONEREG_CLASS_SHAPE] = "shape",
	[ONEREG_CLASS_TOLERATED] = "tolerated",
};

static const char *const verdict_names[] = {
	[ONEREG_YES] = "yes",
	[ONEREG_WITH_CARE] = "with-care",
	[ONEREG_NO] = "no",
	[ONEREG_FAILED] = "failed",
};

#define NAME_OF(table, i) \
	((size_t)(i) < ARRAY_SIZE(table) ? (table)[i] : "unknown")

const char *onereg_severity_name(enum onereg_severity severity)
{
	return NAME_OF(severity_names, severity);
}

const char *onereg_class_name(enum onereg_class class_)
{
	return NAME_OF(class_names, class_);
}

const char *onereg_verdict_name(enum onereg_verdict verdict)
{
	return NAME_OF(verdict_names, verdict);
}

/* ---- a finding as one line ---- */

struct line {
	char *buf;
	size_t size, n;
};

static void __attribute__((format(printf, 2, 3)))
put(struct line *l, const char *fmt, ...)
{
	size_t at = l->n < l->size ? l->n : l->size;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf ? l->buf + at : NULL, l->size - at, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->n += (size_t)n;
}

static void put_value(struct line *l, const void *value, size_t size)
{
	const uint8_t *v = value;

	while (size > 1 && !v[size - 1])
		size--;
	put(l, "0x%x", v[size - 1]);
	for (size_t i = size - 1; i-- > 0;)
		put(l, "%02x", v[i]);
}

static void put_field(struct line *l, const struct onereg_finding *f,
		      const void *value)
{
	uint64_t v = 0;

	memcpy(&v, value, f->value_size < 8 ? f->value_size : 8);
	v >>= f->lsb;
	if (f->width < 64)
		v &= (1ULL << f->width) - 1;
	put(l, "0x%llx", (unsigned long long)v);
}

static void put_values(struct line *l, const struct onereg_finding *f)
{
	void (*show)(struct line *, const struct onereg_finding *,
		     const void *) = put_field;
	const void *v[] = { f->a, f->b };

	for (int i = 0; i < 2; i++) {
		if (!v[i] || !f->value_size)
			continue;
		put(l, "%s", i && v[0] ? " -> " : " ");
		if (f->width)
			show(l, f, v[i]);
		else
			put_value(l, v[i], f->value_size);
	}
}

int onereg_finding_format(const struct onereg_finding *f, char *buf,
			  size_t size)
{
	struct line l = { .buf = size ? buf : NULL, .size = size };
	const char *error;

	put(&l, "%s: ", onereg_severity_name(f->severity));
	if (f->vcpu >= 0)
		put(&l, "vCPU %d: ", f->vcpu);
	put(&l, "%s%s%s", f->name, f->field ? "." : "",
	    f->field ? f->field : "");
	put_values(&l, f);
	if (f->operation)
		put(&l, ": %s", f->operation);
	error = f->error ? strerrordesc_np(f->error) : NULL;
	/* Some reasons are made of the same words. */
	if (error && !strstr(f->why, error))
		put(&l, ": %s", error);
	put(&l, ": %s", f->why);
	if (f->todo)
		put(&l, "; %s", f->todo);
	return (int)l.n;
}

static int badness(const struct onereg_finding *f)
{
	return f->severity * 2 + (f->class_ == ONEREG_CLASS_UNEXPLAINED);
}

int onereg_report_format(const struct onereg_report *report, char *buf,
			 size_t size)
{
	const struct onereg_finding *worst = NULL, *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (!worst || badness(f) > badness(worst))
			worst = f;
	if (worst)
		return onereg_finding_format(worst, buf, size);
	if (size)
		buf[0] = '\0';
	return 0;
}
