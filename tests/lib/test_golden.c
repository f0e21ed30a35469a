/* SPDX-License-Identifier: MIT */
/*
 * Files that were written once must decode for ever, and damaged ones be
 * refused with the same words; what is documented is what is compiled.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "golden.h"
#include "leaks.h"

LEAK_CHECKED(golden);

#define GOLDEN SOURCE_ROOT "/tests/golden"

/* The whole file as a string, which the caller frees. */
static char *read_text(const char *path)
{
	void *data;
	size_t size;
	char *text;

	cr_assert_eq(file_read_all(path, &data, &size, NULL), 0, "%s", path);
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	free(data);
	return text;
}

static void expect_as_kept(const char *path, bool good)
{
	char kept[600], *expected, *text;

	snprintf(kept, sizeof(kept), "%s.txt", path);
	expected = read_text(kept);
	text = golden_describe(path);
	cr_assert_str_eq(text, expected, "%s: now %s", path, text);
	cr_assert_eq(strncmp(text, "refused:", 8) != 0, good, "%s", path);
	free(expected);
	free(text);
}

static void each_file(const char *path, bool good, size_t at_least)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char file[512];
	size_t n = 0;

	cr_assert(dir);
	while ((entry = readdir(dir))) {
		const char *suffix = strrchr(entry->d_name, '.');

		if (!suffix ||
		    (strcmp(suffix, ".image") && strcmp(suffix, ".host")))
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		expect_as_kept(file, good);
		n++;
	}
	closedir(dir);
	cr_assert_geq(n, at_least);
}

Test(golden, good_files_say_what_they_said)
{
	each_file(GOLDEN "/good", true, 8);
}

Test(golden, bad_files_are_refused_as_they_were)
{
	each_file(GOLDEN "/bad", false, 26);
}

/* ---- docs/format.md ------------------------------------------------------ */

#define CONSTANT(name)      \
	{                   \
#name, name \
	}

static const struct {
	const char *name;
	uint64_t value;
} constants[] = {
	CONSTANT(FORMAT_MAJOR),	       CONSTANT(FORMAT_MINOR),
	CONSTANT(FORMAT_MAGIC_SIZE),   CONSTANT(FORMAT_HEADER_SIZE),
	CONSTANT(FORMAT_SECTION_SIZE), CONSTANT(FORMAT_ALIGN),
	CONSTANT(FORMAT_STRING_SIZE),  CONSTANT(FORMAT_MAX_FILE),
	CONSTANT(FORMAT_MAX_SECTIONS), CONSTANT(FORMAT_MAX_IDS),
	CONSTANT(FORMAT_MAX_SETS),     CONSTANT(FORMAT_MAX_VCPUS),
	CONSTANT(FORMAT_MAX_ATTRS),    CONSTANT(FORMAT_MAX_CAPS),
	CONSTANT(FORMAT_MAX_PROFILES), CONSTANT(FORMAT_REQUIRED),
	CONSTANT(FORMAT_ORIG_PARTIAL), CONSTANT(FORMAT_ORIG_FRESH),
	CONSTANT(FORMAT_ORIG_PROBED),  CONSTANT(FORMAT_SHAP_GIC),
	CONSTANT(FORMAT_VCPU_EVENTS),  CONSTANT(FORMAT_PROF_RESET),
	CONSTANT(FORMAT_PROF_MASK),    CONSTANT(FORMAT_SCOP_OBSERVED),
	CONSTANT(FORMAT_SCOP_TOLD),
};

Test(golden, documented_constants_are_the_codes)
{
	char *text = read_text(SOURCE_ROOT "/docs/format.md");
	const char *row;
	size_t i, n = 0;

	for (i = 0; i < ARRAY_SIZE(constants); i++) {
		char expected[80];

		snprintf(expected, sizeof(expected), "\n| %s | %llu |",
			 constants[i].name,
			 (unsigned long long)constants[i].value);
		cr_assert(strstr(text, expected), "not documented:%s",
			  expected);
	}
	for (row = text; (row = strstr(row, "\n| FORMAT_")); row++)
		n++;
	cr_assert_eq(n, ARRAY_SIZE(constants), "documented but not here");
	free(text);
}

Test(golden, documented_sections_are_the_codes)
{
	static const uint32_t types[] = {
		FORMAT_ORIG, FORMAT_SHAP, FORMAT_VMRG, FORMAT_SETS, FORMAT_VCPU,
		FORMAT_ROWS, FORMAT_GICV, FORMAT_CONF, FORMAT_CAPS, FORMAT_PROF,
		FORMAT_VMCF, FORMAT_SCOP, FORMAT_STAG, FORMAT_ITSV,
	};
	char *text = read_text(SOURCE_ROOT "/docs/format.md"), title[16];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		snprintf(title, sizeof(title), "\n### `%.4s`",
			 (const char *)&types[i]);
		cr_assert(strstr(text, title), "not documented:%s", title);
	}
	free(text);
}

Test(golden, the_documented_magic_is_the_codes)
{
	char *text = read_text(SOURCE_ROOT "/docs/format.md"), hex[32] = "`";
	size_t i;

	for (i = 0; i < FORMAT_MAGIC_SIZE; i++)
		sprintf(hex + strlen(hex), "%s%02x", i ? " " : "",
			(uint8_t)FORMAT_MAGIC[i]);
	strcat(hex, "`");
	cr_assert(strstr(text, hex), "%s", hex);
	free(text);
}
