/* SPDX-License-Identifier: MIT */
/*
 * A report for people: the worst first, and what has the same reason
 * together, so that 74 registers of one unit are one paragraph.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

#define WIDTH		78	/* columns of wrapped text */
#define MAX_NAME	200

size_t count_findings(const struct onereg_report *report,
		      enum onereg_severity severity)
{
	const struct onereg_finding *f;
	size_t n = 0;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		n += f->severity == severity;
	return n;
}

bool findings_lost(const struct onereg_report *report)
{
	return onereg_report_verdict(report) == ONEREG_FAILED &&
	       !count_findings(report, ONEREG_ERROR);
}

/* ---- names ---- */

/* Is every finding about the VM, the host or the first vCPU? */
static bool one_vcpu(const struct onereg_report *report)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (f->vcpu > 0)
			return false;
	return true;
}

/* "vCPU 2: ID_AA64PFR0_EL1.SVE" */
static void full_name(const struct onereg_finding *f, bool with_vcpu,
		      char name[MAX_NAME])
{
	char vcpu[24] = "";

	if (with_vcpu && f->vcpu >= 0)
		snprintf(vcpu, sizeof(vcpu), "vCPU %d: ", f->vcpu);
	snprintf(name, MAX_NAME, "%s%s%s%s", vcpu, f->name,
		 f->field ? "." : "", f->field ? f->field : "");
}

/*
 * Are these but for one number the same, and is that one more in b? The
 * number is at *at in both, so that PMEVCNTR0_EL0, PMEVCNTR1_EL0 ... become
 * PMEVCNTR0..30_EL0.
 */
static bool follows(const char *a, const char *b, size_t at, const char **end)
{
	unsigned long x, y;
	char *ea, *eb;

	if (strncmp(a, b, at) || !isdigit((unsigned char)a[at]) ||
	    !isdigit((unsigned char)b[at]))
		return false;
	x = strtoul(a + at, &ea, 10);
	y = strtoul(b + at, &eb, 10);
	*end = eb;
	return y == x + 1 && !strcmp(ea, eb);
}

/* Where a's number begins that is one more in b; 0: there is none. */
static size_t run_at(const char *a, const char *b)
{
	const char *end;

	for (size_t i = 1; a[i]; i++)
		if (isdigit((unsigned char)a[i]) &&
		    !isdigit((unsigned char)a[i - 1]) &&
		    follows(a, b, i, &end))
			return i;
	return 0;
}

static void put_word(const char *word, size_t *column)
{
	size_t n = strlen(word);

	if (*column && *column + 1 + n > WIDTH) {
		putchar('\n');
		*column = 0;
	}
	*column += (size_t)printf("%s%s", *column ? " " : "      ", word);
}

/* Wrapped at WIDTH, runs of numbers shortened. */
static void print_names(char (*names)[MAX_NAME], size_t n)
{
	char word[2 * MAX_NAME];
	size_t column = 0;

	for (size_t i = 0; i < n;) {
		size_t last = i, at = 0;
		const char *end = "";

		if (i + 1 < n)
			at = run_at(names[i], names[i + 1]);
		while (at && last + 1 < n &&
		       follows(names[last], names[last + 1], at, &end))
			last++;
		if (last > i)
			snprintf(word, sizeof(word), "%.*s%lu..%lu%s%s",
				 (int)at, names[i],
				 strtoul(names[i] + at, NULL, 10),
				 strtoul(names[last] + at, NULL, 10), end,
				 last + 1 < n ? "," : "");
		else
			snprintf(word, sizeof(word), "%s%s", names[i],
				 i + 1 < n ? "," : "");
		put_word(word, &column);
		i = last + 1;
	}
	putchar('\n');
}

static void print_wrapped(const char *text)
{
	size_t column = 0;
	char word[512];

	while (*text) {
		size_t n = strcspn(text, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		put_word(word, &column);
		text += n + strspn(text + n, " ");
	}
	putchar('\n');
}

/* ---- a group: findings with the same reason ---- */

struct group {
	const struct onereg_finding **f;
	size_t n;
	bool with_vcpu;		/* names tell which */
};

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_reason(const struct onereg_finding *a,
			const struct onereg_finding *b)
{
	return a->severity == b->severity && a->class_ == b->class_ &&
	       a->error == b->error && same_text(a->why, b->why) &&
	       same_text(a->todo, b->todo) && same_text(a->known, b->known) &&
	       same_text(a->operation, b->operation);
}

static const char *shown(const struct onereg_finding *f, const void *value,
			 char *buf)
{
	if (!f->width)
		return value_text(value, f->value_size, buf);
	sprintf(buf, "0x%llx",
		(unsigned long long)field_value(value, f->value_size, f->lsb,
						f->width));
	return buf;
}

static void print_one(const struct onereg_finding *f, const char *name,
		      int width)
{
	char a[VALUE_TEXT_SIZE], b[VALUE_TEXT_SIZE];

	if (!f->value_size || (!f->a && !f->b))
		width = 0;
	printf("  %s%-*s%s", color(BOLD), width, name, color(PLAIN));
	if (f->a && f->value_size)
		printf("  %s", shown(f, f->a, a));
	if (f->b && f->value_size)
		printf("%s%s", f->a ? " -> " : "  ", shown(f, f->b, b));
	putchar('\n');
}

/* Values matter where they are compared, not where a register is absent. */
static bool has_pairs(const struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->f[i]->a && g->f[i]->b)
			return true;
	return false;
}

/* Of more than a few: what they are, if all are the same. */
static const char *kind_of(const struct group *g)
{
	static const char *const kinds[] = {
		[ONEREG_SPACE_REG] = "registers",
		[ONEREG_SPACE_GIC] = "registers of the GIC",
		[ONEREG_SPACE_VCPU_ATTR] = "attributes of vCPUs",
		[ONEREG_SPACE_CAP] = "capabilities",
	};
	size_t space = (size_t)g->f[0]->space;

	for (size_t i = 1; i < g->n; i++)
		if ((size_t)g->f[i]->space != space)
			return "differences";
	if (space >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[space])
		return "differences";
	return kinds[space];
}

/* One after the other, a list of names would run into the next list. */
static bool has_lists(const struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (strchr(g->f[i]->name, ','))
			return true;
	return false;
}

static void print_members(const struct group *g, char (*names)[MAX_NAME])
{
	int width = 0;

	if (g->n > 3 && !has_pairs(g) && !has_lists(g)) {
		printf("  %s%zu %s%s\n", color(BOLD), g->n, kind_of(g),
		       color(PLAIN));
		print_names(names, g->n);
		return;
	}
	for (size_t i = 0; i < g->n; i++)
		if ((int)strlen(names[i]) > width)
			width = (int)strlen(names[i]);
	for (size_t i = 0; i < g->n; i++)
		print_one(g->f[i], names[i], width);
}

static void print_reason(const struct onereg_finding *f)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s%s%s%s%s%s",
		 f->operation ? f->operation : "", f->operation ? ": " : "",
		 f->error ? strerror(f->error) : "", f->error ? ": " : "",
		 f->why, f->todo ? ";" : "");
	print_wrapped(text);
	if (f->todo)
		print_wrapped(f->todo);
	if (f->known)
		print_wrapped(f->known);
}

static int print_group(const struct group *g)
{
	char (*names)[MAX_NAME] = calloc(g->n, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		full_name(g->f[i], g->with_vcpu, names[i]);
	print_members(g, names);
	print_reason(g->f[0]);
	free(names);
	return 0;
}

/* ---- all of them ---- */

static void print_heading(enum onereg_severity severity, size_t n)
{
	static const enum color colors[] = {
		[ONEREG_NOTE] = DIM,
		[ONEREG_CARE] = YELLOW,
		[ONEREG_IMPOSSIBLE] = RED,
		[ONEREG_ERROR] = RED,
	};

	printf("\n%s%s (%zu)%s\n", color(colors[severity]),
	       onereg_severity_name(severity), n, color(PLAIN));
}

/* todo[] is what is left to print; printing takes from it. */
static int print_severity(const struct onereg_finding **todo, size_t n,
			  enum onereg_severity severity, bool with_vcpu)
{
	const struct onereg_finding **taken = calloc(n + 1, sizeof(*taken));
	int r = taken ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++) {
		struct group g = { .f = taken, .with_vcpu = with_vcpu };

		if (!todo[i] || todo[i]->severity != severity)
			continue;
		for (size_t k = n; k-- > i;)
			if (todo[k] && same_reason(todo[i], todo[k]))
				g.n++;
		for (size_t k = i, at = 0; at < g.n; k++)
			if (todo[k] && (k == i || same_reason(taken[0],
							      todo[k]))) {
				taken[at++] = todo[k];
				todo[k] = NULL;
			}
		r = print_group(&g);
	}
	free(taken);
	return r;
}

int print_findings(const struct onereg_report *report)
{
	size_t n = onereg_report_count(report);
	const struct onereg_finding **todo = calloc(n + 1, sizeof(*todo));
	int r = todo ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && !r; i++)
		todo[i] = onereg_report_get(report, i);
	for (int s = ONEREG_ERROR; s >= ONEREG_NOTE && !r; s--) {
		enum onereg_severity severity = (enum onereg_severity)s;
		size_t count = count_findings(report, severity);

		if (!count)
			continue;
		print_heading(severity, count);
		r = print_severity(todo, n, severity, !one_vcpu(report));
	}
	free(todo);
	return r;
}
