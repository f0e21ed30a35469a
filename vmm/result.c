// SPDX-License-Identifier: MIT
/* What a command found out, as JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/utsname.h>

#include "vmm.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static json_t *counts(const struct onereg_report *report)
{
	struct onereg_counts c = { .size = sizeof(c) };

	onereg_report_counts(report, &c);
	return json_pack("{s:I s:I s:I s:I s:I s:I s:I s:I s:I}",
			 "register_calls", (json_int_t)c.register_calls,
			 "vector_calls", (json_int_t)c.vector_calls,
			 "vm_registers_written",
			 (json_int_t)c.vm_registers_written, "registers_saved",
			 (json_int_t)c.registers_saved, "registers_written",
			 (json_int_t)c.registers_written, "registers_compared",
			 (json_int_t)c.registers_compared, "attributes_saved",
			 (json_int_t)c.attributes_saved, "attributes_written",
			 (json_int_t)c.attributes_written,
			 "attributes_compared",
			 (json_int_t)c.attributes_compared);
}

static json_t *differences(const struct onereg_report *report)
{
	json_t *object = json_object();

	for (int i = ONEREG_CLASS_NONE + 1; i < ONEREG_N_CLASSES; i++)
		json_object_set_new(
			object, onereg_class_name(i),
			json_integer(onereg_report_differences(report, i)));
	return object;
}

static json_t *findings(const struct onereg_report *report)
{
	json_t *array = json_array();
	char line[1024];

	for (size_t i = 0; i < onereg_report_count(report); i++) {
		onereg_finding_format(onereg_report_get(report, i), line,
				      sizeof(line));
		json_array_append_new(array, json_string(line));
	}
	return array;
}

static void add_report(json_t *object, const struct onereg_report *report)
{
	if (!report)
		return;
	json_object_update_new(object, counts(report));
	json_object_set_new(object, "differences", differences(report));
	json_object_set_new(object, "findings", findings(report));
}

static void add_time(json_t *object, const char *name, uint64_t ns)
{
	if (ns)
		json_object_set_new(object, name, json_integer(ns));
}

/* All that the guest counts, by its names, out of "... name=N name=N". */
static void add_counts(json_t *object, const char *said)
{
	json_t *counts = json_object();
	const char *word = said;
	char name[32];

	while (!strncmp(said, "payload: ok ", 12) &&
	       (word = strchr(word, ' '))) {
		size_t length = strcspn(++word, " =");

		if (word[length] != '=' || length >= sizeof(name))
			continue;
		memcpy(name, word, length);
		name[length] = 0;
		json_object_set_new(
			counts, name,
			json_integer(strtoll(word + length + 1, NULL, 10)));
	}
	json_object_set_new(object, "guest_counts", counts);
}

/* What the payload counts, out of the line that it answered. */
static void add_count(json_t *object, const char *said, const char *name)
{
	const char *at = strstr(said, name);

	if (strncmp(said, "payload: ok ", 12) || !at || at[-1] != ' ' ||
	    at[strlen(name)] != '=')
		return;
	json_object_set_new(
		object, name,
		json_integer(strtoll(at + strlen(name) + 1, NULL, 10)));
}

static void add_machine(json_t *object, const struct machine *machine)
{
	if (!machine)
		return;
	json_object_set_new(object, "guest", json_string(machine->guest));
	json_object_set_new(object, "vcpus", json_integer(machine->vcpus));
	json_object_set_new(object, "memory_size",
			    json_integer(machine->memory_size));
}

static void add_string(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, json_string(text));
}

/* A file system may give paths that are not UTF-8; they are for people. */
static void add_error(json_t *object)
{
	const char *text = error_first();
	json_t *string = json_string(text);

	if (!string)
		string = json_string("not UTF-8: see stderr");
	json_object_set_new(object, "error", string);
}

int result_write(const struct result *result, const char *path)
{
	struct utsname host;
	json_t *object;
	int rc;

	if (!path)
		return 0;
	uname(&host);
	object = json_pack("{s:s s:s s:s s:s}", "command", result->command,
			   "verdict", result->verdict, "kernel", host.release,
			   "guest_said", result->said);
	add_machine(object, result->machine);
	add_count(object, result->said, "passes");
	add_count(object, result->said, "ticks");
	add_counts(object, result->said);
	add_string(object, "ended", result->ended);
	add_string(object, "check", result->dry_run);
	if (!strcmp(result->verdict, "failed"))
		add_error(object);
	add_report(object, result->report);
	if (result->migration.outcome)
		json_object_set_new(object, "migration",
				    migration_json(&result->migration));
	if (result->received)
		json_object_set_new(object, "received",
				    migration_json(result->received));
	add_time(object, "save_ns", result->save_ns);
	add_time(object, "restore_ns", result->restore_ns);
	add_time(object, "memory_ns", result->memory_ns);
	rc = strcmp(path, "-") ? json_dump_file(object, path, JSON_INDENT(2)) :
				 json_dumpf(object, stdout, JSON_INDENT(2));
	if (!strcmp(path, "-"))
		putchar('\n');
	json_decref(object);
	if (rc)
		return cannot_errno("is there room?", "writing %s", path);
	return 0;
}
