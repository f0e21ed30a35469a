/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>

#include "faults.h"
#include "hosts.h"
#include "leaks.h"

LEAK_CHECKED(import);

#define ZEROS32 "00000000000000000000000000000000"
#define ZEROS64 ZEROS32 ZEROS32
#define ZEROS128 ZEROS64 ZEROS64
#define VALUE5	"0b" ZEROS64 ZEROS32 "00000000000000000000000000000101"
#define MIDR	"0x603000000013c000"

#define DUMP(regs) \
	"{\"kernel_version\": \"6.1.0\", \"guest_cpu_config\": " \
	"{\"kvm_capabilities\": [], \"vcpu_features\": [], " \
	"\"reg_modifiers\": [" regs "]}}"
#define REG(addr, bitmap) \
	"{\"addr\": \"" addr "\", \"bitmap\": \"" bitmap "\"}"

static const char good[] =
	DUMP(REG(MIDR, VALUE5) ", " REG("0x60200000001000d4", VALUE5));

static int import(const char *text, struct onereg_host **ret,
		  struct onereg_report *report)
{
	return onereg_host_import(text, strlen(text), ret, report);
}

Test(import, takes_registers_release_and_cpu)
{
	struct onereg_host_reg reg = { .size = sizeof(reg) };
	struct onereg_host *host;

	cr_assert_eq(import(good, &host, NULL), 0);
	cr_assert_str_eq(onereg_host_release(host), "6.1.0");
	cr_assert_eq(onereg_host_midr(host), 5);
	cr_assert(onereg_host_partial(host));
	cr_assert_eq(onereg_host_counter_frequency(host), 0);
	cr_assert_eq(onereg_host_n_profiles(host), 1);
	cr_assert_eq(onereg_host_profile_features(host, 0), PSCI);
	cr_assert_eq(onereg_host_n_regs(host, 0), 2);
	cr_assert_eq(onereg_host_reg(host, 0, 1, &reg), 0);
	cr_assert_eq(reg.value_size, 4);
	cr_assert_eq(memcmp(reg.reset, "\5\0\0\0", 4), 0);
	cr_assert_not(reg.has_mask);
	onereg_host_free(host);
}

Test(import, keeps_all_128_bits)
{
	struct onereg_host_reg reg = { .size = sizeof(reg) };
	struct onereg_host *host;

	cr_assert_eq(import(DUMP(REG("0x6040000000100054",
				     "0b1" ZEROS64 ZEROS32
				     "0000000000000000000000000000001")),
			    &host, NULL), 0);
	cr_assert_eq(onereg_host_reg(host, 0, 0, &reg), 0);
	cr_assert_eq(reg.value_size, 16);
	cr_assert_eq(((const uint8_t *)reg.reset)[15], 0x80);
	onereg_host_free(host);
}

static const struct {
	const char *json;
	const char *told;	/* part of the finding */
} bad[] = {
	{ "", "JSON" },
	{ "[]", "JSON" },
	{ "{", "line 1" },
	{ "{\"kernel_version\": \"6\", \"kernel_version\": \"6\"}",
	  "duplicate" },
	{ "{}", "kernel_version" },
	{ "{\"kernel_version\": 6}", "kernel_version" },
	{ "{\"kernel_version\": \"\"}", "kernel_version" },
	{ "{\"kernel_version\": \"6\\u00e9\"}", "printable" },
	{ "{\"kernel_version\": \"" ZEROS64 "0\"}", "65 bytes" },
	{ "{\"kernel_version\": \"6\"}", "guest_cpu_config" },
	{ "{\"kernel_version\": \"6\", \"guest_cpu_config\": []}",
	  "guest_cpu_config" },
	{ "{\"kernel_version\": \"6\", \"guest_cpu_config\": {}}",
	  "reg_modifiers" },
	{ "{\"kernel_version\": \"6\", \"guest_cpu_config\": "
	  "{\"reg_modifiers\": {}}}", "reg_modifiers" },
	{ "{\"kernel_version\": \"6\", \"guest_cpu_config\": "
	  "{\"kvm_capabilities\": [\"170\"]}}", "CPU template" },
	{ "{\"kernel_version\": \"6\", \"guest_cpu_config\": "
	  "{\"vcpu_features\": [{}]}}", "vcpu_features" },
	{ "{\"kernel_version\": \"6\", \"guest_cpu_config\": "
	  "{\"vcpu_features\": 1}}", "not an array" },
	{ DUMP(""), "0 registers" },
	{ DUMP("1"), "reg_modifiers[0]" },
	{ DUMP("{}"), "reg_modifiers[0].addr" },
	{ DUMP("{\"addr\": 1}"), "reg_modifiers[0].addr" },
	{ DUMP(REG("603000000013c000", VALUE5)), "0x and 1 to 16" },
	{ DUMP(REG("0x", VALUE5)), "0x and 1 to 16" },
	{ DUMP(REG("0x603000000013c00g", VALUE5)), "0x and 1 to 16" },
	{ DUMP(REG("0x1603000000013c000", VALUE5)), "0x and 1 to 16" },
	{ DUMP(REG("0x403000000013c000", VALUE5)), "arm64" },
	{ DUMP(REG("0x608000000015ffff", VALUE5)), "up to 16" },
	{ DUMP(REG(MIDR, VALUE5) "," REG("-0x1", VALUE5)),
	  "reg_modifiers[1].addr" },
	{ DUMP(REG(MIDR, VALUE5) "," REG(MIDR, VALUE5)), "twice" },
	{ DUMP("{\"addr\": \"" MIDR "\"}"), "reg_modifiers[0].bitmap" },
	{ DUMP("{\"addr\": \"" MIDR "\", \"bitmap\": 5}"), "bitmap" },
	{ DUMP(REG(MIDR, "101")), "0b" },
	{ DUMP(REG(MIDR, "0b")), "0 digits" },
	{ DUMP(REG(MIDR, "0b101")), "3 digits" },
	{ DUMP(REG(MIDR, "0b" ZEROS32)), "32 digits" },
	{ DUMP(REG(MIDR, "0b" ZEROS128 "0")), "129 digits" },
	{ DUMP(REG(MIDR, "0b" ZEROS64 "2")), "digit 64" },
	{ DUMP(REG(MIDR, "0bx" ZEROS64)), "template" },
	{ DUMP(REG(MIDR, "0b1" ZEROS64 ZEROS32
		   "0000000000000000000000000000000")), "bit 127" },
	{ DUMP(REG("0x60200000001000d4", "0b" ZEROS64 ZEROS32
		   "00000000000000000000000000000000" "0")), "129 digits" },
};

Test(import, refuses_each_bad_field_by_name)
{
	struct onereg_report *report;
	char line[600];

	cr_assert_eq(onereg_report_new(&report), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct onereg_host *host = (void *)1;

		onereg_report_clear(report);
		cr_assert_eq(import(bad[i].json, &host, report), -EBADMSG,
			     "%s", bad[i].json);
		cr_assert_eq(host, (void *)1, "set on an error");
		cr_assert_eq(onereg_report_verdict(report), ONEREG_FAILED);
		onereg_report_format(report, line, sizeof(line));
		cr_assert(strstr(line, bad[i].told), "%s: %s", bad[i].json,
			  line);
	}
	onereg_report_free(report);
}

Test(import, refuses_a_dump_cut_off_at_any_byte)
{
	struct onereg_host *host;

	for (size_t n = 0; n < sizeof(good) - 1; n++)
		cr_assert_eq(onereg_host_import(good, n, &host, NULL),
			     -EBADMSG, "cut at %zu", n);
}

Test(import, survives_any_byte_changed)
{
	char text[sizeof(good)];

	for (size_t i = 0; i < sizeof(good) - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			struct onereg_host *host = NULL;
			int r;

			memcpy(text, good, sizeof(good));
			text[i] ^= (char)(1 << bit);
			r = onereg_host_import(text, sizeof(good) - 1, &host,
					       NULL);
			cr_assert(r == 0 || r == -EBADMSG, "%d", r);
			onereg_host_free(host);
		}
}

Test(import, refuses_what_is_too_large_or_too_deep)
{
	size_t n = (64u << 20) + 1;
	char *text = malloc(n);
	struct onereg_host *host;

	memset(text, ' ', n);
	cr_assert_eq(onereg_host_import(text, n, &host, NULL), -EBADMSG);
	memset(text, '[', 1 << 20);
	cr_assert_eq(onereg_host_import(text, 1 << 20, &host, NULL), -EBADMSG);
	free(text);
}

Test(import, refuses_more_registers_than_there_can_be)
{
	static const char one[] = "{\"addr\": \"0x0\"},";
	size_t n = 65537, at;
	char *text = malloc(n * sizeof(one) + sizeof(DUMP("")));
	struct onereg_host *host;

	at = (size_t)sprintf(text, "{\"kernel_version\": \"6\", "
				   "\"guest_cpu_config\": "
				   "{\"reg_modifiers\": [");
	for (size_t i = 0; i < n; i++)
		at += (size_t)sprintf(text + at, "%s", one);
	at += (size_t)sprintf(text + at - 1, "]}}") - 1;
	cr_assert_eq(onereg_host_import(text, at, &host, NULL), -EBADMSG);
	free(text);
}

/* jansson's parser does not survive a lack of memory of its own. */
static size_t parser_allocations(void)
{
	json_t *json;

	fault_at(FAULT_MALLOC, SIZE_MAX, ENOMEM);
	json = json_loadb(good, sizeof(good) - 1, JSON_REJECT_DUPLICATES,
			  NULL);
	json_decref(json);
	return fault_stop(FAULT_MALLOC);
}

Test(import, reports_lack_of_memory_wherever_it_strikes)
{
	size_t n = parser_allocations(), first = n;
	struct onereg_report *report;
	struct onereg_host *host;
	int r;

	cr_assert_eq(onereg_report_new(&report), 0);
	do {
		onereg_report_clear(report);
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = import(good, &host, report);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM, "allocation %zu: %d", n, r);
		cr_assert_eq(onereg_report_count(report), r ? 1 : 0);
		cr_assert(!r || onereg_report_get(report, 0)->error == ENOMEM);
	} while (r);
	onereg_report_free(report);
	cr_assert_gt(n - first, 8);
	onereg_host_free(host);
}

/* An old error in the report does not stand for a new one. */
Test(describe, tells_of_lack_of_memory_in_a_report_that_was_used)
{
	struct onereg_describe_options o = { .size = sizeof(o) };
	struct onereg_report *report;
	struct onereg_host *host;

	cr_assert_eq(onereg_report_new(&report), 0);
	report_error(report, EIO, NULL, "before", "an old error");
	fault_at(FAULT_MALLOC, 1, ENOMEM);
	cr_assert_eq(onereg_host_describe(&o, &host, report), -ENOMEM);
	fault_stop(FAULT_MALLOC);
	cr_assert_eq(onereg_report_count(report), 2);
	cr_assert_eq(onereg_report_get(report, 1)->error, ENOMEM);
	o.size = 0;
	cr_assert_eq(onereg_host_describe(&o, &host, report), -EINVAL);
	cr_assert_eq(onereg_report_count(report), 3);
	cr_assert_eq(onereg_report_get(report, 2)->error, EINVAL);
	onereg_report_free(report);
}

Test(import, reads_what_it_wrote)
{
	struct onereg_host *host, *again;
	void *data;
	size_t size;

	cr_assert_eq(import(good, &host, NULL), 0);
	cr_assert_eq(onereg_host_write(host, &data, &size), 0);
	cr_assert_eq(onereg_host_read(data, size, &again, NULL), 0);
	cr_assert(onereg_host_partial(again));
	cr_assert_eq(onereg_host_n_regs(again, 0), 2);
	free(data);
	onereg_host_free(host);
	onereg_host_free(again);
}

Test(import, real_dumps)
{
	static const struct {
		const char *name;
		size_t n;
	} dumps[] = { { "N1_5.10", 312 }, { "N1_6.1", 242 },
		      { "N1_6.18", 254 }, { "V1_5.10", 312 },
		      { "V1_6.1", 242 }, { "V1_6.18", 254 } };

	for (size_t i = 0; i < ARRAY_SIZE(dumps); i++) {
		struct onereg_host *host = dump(dumps[i].name);

		cr_assert_eq(onereg_host_n_regs(host, 0), dumps[i].n);
		cr_assert_eq(onereg_host_midr(host),
			     dumps[i].name[0] == 'N' ? 0x413fd0c1 : 0x411fd401);
		onereg_host_free(host);
	}
}
