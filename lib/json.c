/* SPDX-License-Identifier: MIT */
/* Files of JSON: parsed with the line of what is wrong. */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

/*
 * The largest real ones are register dumps, 64 KB each; a list of the most ids
 * that KVM could have is 16 MB.
 */
#define MAX_JSON	(64u << 20)

int json_bad(struct onereg_report *report, const char *operation,
	     const char *name, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	report_error(report, EBADMSG, operation, name, "%s", why);
	return -EBADMSG;
}

static int no_json(struct onereg_report *report, const char *operation,
		   const json_error_t *error)
{
	char why[JSON_ERROR_TEXT_LENGTH + 64];

	snprintf(why, sizeof(why), "line %d, byte %d: %s", error->line,
		 error->position, error->text);
	report_add(report, &(struct onereg_finding){
				   .severity = ONEREG_ERROR,
				   .space = ONEREG_SPACE_FILE,
				   .vcpu = -1,
				   .id = error->position > 0 ?
						 (uint64_t)error->position :
						 0,
				   .name = "JSON",
				   .error = EBADMSG,
				   .operation = operation,
				   .why = why,
			   });
	return -EBADMSG;
}

int json_parse(const void *json, size_t size, const char *operation,
	       struct json_t **ret, struct onereg_report *report)
{
	json_error_t error;
	json_t *root;

	if (size > MAX_JSON)
		return json_bad(report, operation, "JSON",
				"%zu bytes, more than %u", size, MAX_JSON);
	root = json_loadb(size ? json : "", size, JSON_REJECT_DUPLICATES,
			  &error);
	if (root) {
		*ret = root;
		return 0;
	}
	/* jansson gives a reason for bad input, but mostly none for this. */
	if (json_error_code(&error) == json_error_unknown ||
	    json_error_code(&error) == json_error_out_of_memory) {
		report_error(report, ENOMEM, NULL, operation, "no memory");
		return -ENOMEM;
	}
	return no_json(report, operation, &error);
}
