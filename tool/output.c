/* SPDX-License-Identifier: MIT */
/* What every command prints: errors, values, JSON. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

/* ---- errors ---- */

/* File names need not be UTF-8, JSON has to be. */
static json_t *json_text(const char *text)
{
	json_t *string = json_string(text);
	char ascii[2048];
	size_t n = 0;

	if (string)
		return string;
	for (; text[n] && n < sizeof(ascii) - 1; n++)
		ascii[n] = text[n] & 0x80 ? '?' : text[n];
	ascii[n] = '\0';
	return json_string(ascii);
}

static json_t *json_error(const char *message, int error)
{
	json_t *e = json_pack("{s:o}", "message", json_text(message));

	if (e && error)
		json_object_set_new(e, "errno", json_integer(error));
	return e;
}

int wrong_usage(bool json, const char *command, const char *fmt, ...)
{
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (json)
		return print_json(json_pack("{s:o}", "error",
					    json_error(message, 0)),
				  WRONG_USAGE);
	fprintf(stderr, "onereg%s%s: %s; see onereg help%s%s\n",
		command ? " " : "", command ? command : "", message,
		command ? " " : "", command ? command : "");
	return WRONG_USAGE;
}

/* The i-th ERROR of a report, NULL past the end or without a report. */
static const struct onereg_finding *
error_at(const struct onereg_report *report, size_t i)
{
	const struct onereg_finding *f;

	for (size_t k = 0; report && (f = onereg_report_get(report, k)); k++)
		if (f->severity == ONEREG_ERROR && !i--)
			return f;
	return NULL;
}

/* What went wrong, in words: a finding says more than the errno. */
static void reason(const struct onereg_finding *f, int error, char *buf,
		   size_t size)
{
	static const char prefix[] = "error: ";
	char line[1024];

	if (!f) {
		snprintf(buf, size, "%s",
			 error ? strerror(error) : "could not be done");
		return;
	}
	onereg_finding_format(f, line, sizeof(line));
	snprintf(buf, size, "%s", line + (!strncmp(line, prefix,
						    sizeof(prefix) - 1) ?
						  sizeof(prefix) - 1 :
						  0));
}

int not_done(const struct args *args, int error,
	     const struct onereg_report *report, const char *fmt, ...)
{
	const struct onereg_finding *f;
	char what[512], why[1024], message[sizeof(what) + sizeof(why) + 2];
	va_list ap;
	json_t *out;

	error = error < 0 ? -error : error;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	reason(error_at(report, 0), error, why, sizeof(why));
	snprintf(message, sizeof(message), "%s: %s", what, why);
	if (!args->json) {
		fprintf(stderr, "onereg %s: %s\n", args->command, message);
		for (size_t i = 1; (f = error_at(report, i)); i++) {
			reason(f, 0, why, sizeof(why));
			fprintf(stderr, "  %s\n", why);
		}
		return NOT_DONE;
	}
	out = json_pack("{s:o}", "error", json_error(message, error));
	if (report)
		json_object_set_new(out, "findings", json_findings(report));
	return print_json(out, NOT_DONE);
}

/* ---- the end of the output ---- */

int end_text(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "onereg: cannot write: %s\n", strerror(errno));
	return NOT_DONE;
}

int print_json(json_t *json, int status)
{
	if (!json || json_dumpf(json, stdout, JSON_INDENT(2))) {
		json_decref(json);
		fprintf(stderr, "onereg: no memory or cannot write\n");
		return NOT_DONE;
	}
	putchar('\n');
	json_decref(json);
	return end_text(status);
}

const char *color(enum color c)
{
	static const char *const codes[] = {
		[PLAIN] = "\033[0m",   [BOLD] = "\033[1m",
		[RED] = "\033[1;31m",  [YELLOW] = "\033[33m",
		[GREEN] = "\033[1;32m", [DIM] = "\033[2m",
	};
	const char *no = getenv("NO_COLOR");

	if (!isatty(STDOUT_FILENO) || (no && *no))
		return "";
	return codes[c];
}

/* ---- values ---- */

uint64_t value_number(const void *value, size_t size)
{
	const uint8_t *v = value;
	uint64_t n = 0;

	for (size_t i = 0; i < size && i < 8; i++)
		n |= (uint64_t)v[i] << 8 * i;
	return n;
}

uint64_t field_value(const void *value, size_t size, unsigned int lsb,
		     unsigned int width)
{
	uint64_t n = value_number(value, size) >> lsb;

	return width < 64 ? n & ((1ULL << width) - 1) : n;
}

const char *value_text(const void *value, size_t size, char *buf)
{
	const uint8_t *v = value;
	int n;

	while (size > 1 && !v[size - 1])
		size--;
	n = sprintf(buf, "0x%x", v[size - 1]);
	for (size_t i = size - 1; i-- > 0;)
		n += sprintf(buf + n, "%02x", v[i]);
	return buf;
}

static const char *const feature_names[] = {
	"POWER_OFF", "EL1_32BIT",	"PSCI_0_2",	   "PMU_V3",
	"SVE",	     "PTRAUTH_ADDRESS", "PTRAUTH_GENERIC", "HAS_EL2",
};

#define N_FEATURES (sizeof(feature_names) / sizeof(feature_names[0]))

static const char *feature_name(unsigned int bit, char buf[16])
{
	if (bit < N_FEATURES)
		return feature_names[bit];
	snprintf(buf, 16, "bit %u", bit);
	return buf;
}

const char *features_line(uint32_t features, char *buf)
{
	char name[16];
	size_t n = 0;

	snprintf(buf, FEATURES_TEXT_SIZE, "none");
	for (unsigned int bit = 0; bit < 32; bit++)
		if (features >> bit & 1 && n < FEATURES_TEXT_SIZE)
			n += (size_t)snprintf(buf + n, FEATURES_TEXT_SIZE - n,
					      "%s%s", n ? ", " : "",
					      feature_name(bit, name));
	return buf;
}

/* ---- JSON ---- */

/* Numbers of 64 bits are strings: many readers of JSON keep but 53. */
json_t *json_hex(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	return json_string(text);
}

json_t *json_value(const void *value, size_t size)
{
	char text[VALUE_TEXT_SIZE];

	return value ? json_string(value_text(value, size, text)) : json_null();
}

json_t *json_features(uint32_t features)
{
	json_t *a = json_array();
	char name[16];

	for (unsigned int bit = 0; bit < 32; bit++)
		if (features >> bit & 1)
			json_array_append_new(
				a, json_string(feature_name(bit, name)));
	return a;
}

static const char *space_name(enum onereg_space space)
{
	static const char *const names[] = {
		[ONEREG_SPACE_NONE] = "none",
		[ONEREG_SPACE_REG] = "register",
		[ONEREG_SPACE_GIC] = "gic",
		[ONEREG_SPACE_VCPU_ATTR] = "vcpu-attribute",
		[ONEREG_SPACE_EVENTS] = "events",
		[ONEREG_SPACE_MP_STATE] = "mp-state",
		[ONEREG_SPACE_CAP] = "capability",
		[ONEREG_SPACE_FILE] = "file",
	};

	return (size_t)space < sizeof(names) / sizeof(names[0]) ? names[space] :
								  "unknown";
}

/* Strings that are there; a member that has nothing to say is left out. */
static void set_string(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, json_string(value));
}

static json_t *json_finding(const struct onereg_finding *f)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "severity",
			      onereg_severity_name(f->severity), "class",
			      onereg_class_name(f->class_), "space",
			      space_name(f->space), "name", f->name, "why",
			      f->why);

	if (f->vcpu >= 0)
		json_object_set_new(o, "vcpu", json_integer(f->vcpu));
	if (f->space != ONEREG_SPACE_NONE)
		json_object_set_new(o, "id", json_hex(f->id));
	if (f->space == ONEREG_SPACE_GIC || f->space == ONEREG_SPACE_VCPU_ATTR)
		json_object_set_new(o, "group", json_integer(f->group));
	set_string(o, "field", f->field);
	if (f->width) {
		json_object_set_new(o, "lsb", json_integer(f->lsb));
		json_object_set_new(o, "width", json_integer(f->width));
	}
	if (f->a)
		json_object_set_new(o, "a", json_value(f->a, f->value_size));
	if (f->b)
		json_object_set_new(o, "b", json_value(f->b, f->value_size));
	if (f->error)
		json_object_set_new(o, "errno", json_integer(f->error));
	set_string(o, "operation", f->operation);
	set_string(o, "todo", f->todo);
	set_string(o, "known", f->known);
	return o;
}

json_t *json_findings(const struct onereg_report *report)
{
	const struct onereg_finding *f;
	json_t *a = json_array();

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		json_array_append_new(a, json_finding(f));
	return a;
}
