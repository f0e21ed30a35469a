/* SPDX-License-Identifier: MIT */
/* Host descriptions as files: what is refused is in golden files too. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "faults.h"
#include "leaks.h"
#include "reseal.h"
#include "samples.h"

LEAK_CHECKED(host_file);

/* Order of the sections that the writer writes. */
enum { ORIG, CAPS, PROF, SCOP };

static void expect_round_trip(struct onereg_host *host)
{
	struct onereg_host *again;
	void *data;
	size_t size;

	cr_assert_eq(onereg_host_write(host, &data, &size), 0);
	cr_assert_eq(onereg_host_read(data, size, &again, NULL), 0);
	cr_assert(hosts_equal(host, again));
	onereg_host_free(again);
	onereg_host_free(host);
	free(data);
}

Test(host_file, descriptions_round_trip)
{
	uint64_t seed;

	expect_round_trip(told_host());

	expect_round_trip(sample_host(1, 0, 0, 0));
	expect_round_trip(sample_host(2, 1, 0, 1));
	for (seed = 0; seed < 20; seed++)
		expect_round_trip(sample_host(seed, seed, seed * 20, seed));
	expect_round_trip(sample_host(99, 16, 362, 30));
}

/* The small description with a payload changed at an offset. */
static void expect_refused_of(struct onereg_host *host, size_t section,
			      size_t offset, const void *bytes, size_t n,
			      const char *why)
{
	struct onereg_host *again = NULL;
	struct onereg_report *report;
	size_t size, at, length;
	uint8_t *data;

	cr_assert_eq(onereg_host_write(host, (void **)&data, &size), 0);
	at = section_at(data, size, section, &length);
	cr_assert_leq(offset + n, length);
	memcpy(data + at + FORMAT_SECTION_SIZE + offset, bytes, n);
	reseal(data, size);
	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_host_read(data, size, &again, report), -EBADMSG);
	cr_assert_null(again);
	cr_assert_eq(onereg_report_count(report), 1);
	cr_assert(strstr(onereg_report_get(report, 0)->why, why),
		  "\"%s\" is not in \"%s\"", why,
		  onereg_report_get(report, 0)->why);
	onereg_report_free(report);
	onereg_host_free(host);
	free(data);
}

static void expect_refused(size_t section, size_t offset, const void *bytes,
			   size_t n, const char *why)
{
	expect_refused_of(small_host(), section, offset, bytes, n, why);
}

#define BYTES(...)                        \
	(const uint8_t[]){ __VA_ARGS__ }, \
		sizeof((const uint8_t[]){ __VA_ARGS__ })

Test(host_file, meaningless_content_is_refused)
{
	const size_t profile = 8, list = profile + 8, ids = list + 8;
	const size_t masks = ids + 4 * 8, scopes = masks + 4 * 8;
	const size_t flags = scopes + 4, row = flags + 4;

	expect_refused(ORIG, 160, BYTES(1), "a time of save");
	expect_refused(ORIG, 168, BYTES(2), "reserved flags");
	expect_refused(ORIG, 172, BYTES(1), "reserved field");
	expect_refused(ORIG, 0, BYTES(7), "no ASCII");
	expect_refused(ORIG, 71, BYTES('x'), "follows a string's end");
	expect_refused(CAPS, 4, BYTES(1), "reserved field");
	expect_refused(CAPS, 8, BYTES(17), "capability 17 occurs twice");
	expect_refused(PROF, profile, BYTES(8), "features 0x8 occur twice");
	expect_refused(PROF, profile + 4, BYTES(8), "reserved field");
	expect_refused(PROF, list + 4, BYTES(59), "a row of 59 bytes");
	expect_refused(PROF, list + 4,
		       BYTES(56, 0, 0, 0, 0, 0, 0x13, 0, 0, 0, 0x20, 0x60, 0, 0,
			     0x13, 0, 0, 0, 0x20, 0x60),
		       "id 0x6020000000130000 occurs twice");
	expect_refused(PROF, ids + 7, BYTES(0x50), "unknown size");
	expect_refused(PROF, ids + 6, BYTES(0x90), "unknown size");
	expect_refused(PROF, masks, BYTES(1), "a mask that does not count");
	expect_refused(PROF, scopes, BYTES(4), "unknown scope 4");
	expect_refused(PROF, flags, BYTES(4), "reserved flags");
	/* The third register's value is not known, and has 16 bytes. */
	expect_refused(PROF, row + 12, BYTES(1), "not known is not 0");
}

/* Scopes are 0, 1, 2, 3 in turn; 4 and 5 registers, 7 bytes of padding. */
Test(host_file, meaningless_sources_of_scopes_are_refused)
{
	expect_refused_of(told_host(), SCOP, 0, BYTES(2), "scope 0");
	expect_refused_of(told_host(), SCOP, 1, BYTES(0), "is neither");
	expect_refused_of(told_host(), SCOP, 2, BYTES(4), "reserved bits");
	expect_refused_of(told_host(), SCOP, 9, BYTES(1), "padding is not 0");
}

/* By one that does not know the section, so that it must not be REQUIRED. */
Test(host_file, older_readers_skip_the_sources_of_scopes)
{
	struct onereg_host *host = told_host(), *observed = small_host();
	struct onereg_host *again;
	size_t size, at, length;
	uint8_t *data;

	cr_assert_eq(onereg_host_write(host, (void **)&data, &size), 0);
	at = section_at(data, size, SCOP, &length);
	cr_assert_eq(memcmp(data + at + 8, "SCOP", 4), 0);
	memcpy(data + at + 8, "WHAT", 4);
	reseal(data, size);
	cr_assert_eq(onereg_host_read(data, size, &again, NULL), 0);
	cr_assert(hosts_equal(again, observed));
	onereg_host_free(again);
	onereg_host_free(observed);
	onereg_host_free(host);
	free(data);
}

Test(host_file, padding_in_a_profile_is_zero)
{
	/* 4 + 8 + 16 + 32 bytes of values, 4 of padding */
	expect_refused(PROF, 8 + 8 + 8 + 4 * 8 + 4 * 8 + 8 + 60, BYTES(1),
		       "padding is not 0");
}

Test(host_file, the_writer_refuses_what_the_reader_would)
{
	struct onereg_host *host = small_host();
	struct onereg_report *report;
	void *data = NULL;
	size_t size;

	host->profiles[0].scope[1] = 9;
	cr_assert_eq(onereg_host_write(host, &data, &size), -EINVAL);
	cr_assert_null(data);
	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_host_write_file(host, "/nonexistent/x", report),
		     -EINVAL);
	cr_assert_eq(onereg_report_count(report), 1);
	onereg_report_free(report);
	onereg_host_free(host);
}

Test(host_file, what_is_not_known_is_written_as_zero)
{
	struct onereg_host *host = small_host(), *again;
	struct host_profile *p = &host->profiles[0];
	void *data;
	size_t size;

	p->writable[0] = 5; /* has_mask[0] is 0 */
	p->reset[p->set.offsets[2]] = 5; /* has_reset[2] too */
	cr_assert_eq(onereg_host_write(host, &data, &size), 0);
	cr_assert_eq(onereg_host_read(data, size, &again, NULL), 0);
	cr_assert_eq(again->profiles[0].writable[0], 0);
	cr_assert_eq(again->profiles[0].reset[p->set.offsets[2]], 0);
	onereg_host_free(again);
	onereg_host_free(host);
	free(data);
}

Test(host_file, each_failing_allocation_is_enomem_and_leaks_nothing)
{
	struct onereg_host *host = told_host(), *again;
	void *data = NULL, *copy;
	size_t size, n;
	int r;

	for (n = 1, r = -ENOMEM; r; n++) {
		fault_at(FAULT_MALLOC, n, 0);
		r = onereg_host_write(host, &data, &size);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
	}
	cr_assert_gt(n, 4);
	for (n = 1, r = -ENOMEM; r; n++) {
		fault_at(FAULT_MALLOC, n, 0);
		r = onereg_host_read(data, size, &again, NULL);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
	}
	cr_assert_gt(n, 12);
	cr_assert_eq(onereg_host_write(again, &copy, &size), 0);
	cr_assert_eq(memcmp(data, copy, size), 0);
	onereg_host_free(again);
	onereg_host_free(host);
	free(data);
	free(copy);
}

Test(host_file, getters_tell_what_was_described)
{
	struct onereg_host *host = small_host();
	struct onereg_host_reg reg = { .size = sizeof(reg) };
	const struct host_profile *p = &host->profiles[1];
	uint32_t cap;

	cr_assert_str_eq(onereg_host_release(host), "6.18.0");
	cr_assert_eq(onereg_host_midr(host), host->midr);
	cr_assert_eq(onereg_host_counter_frequency(host), 1000000000);
	cr_assert_eq(onereg_host_partial(host), host->partial);
	cr_assert_eq(onereg_host_n_caps(host), 2);
	cr_assert_eq(onereg_host_cap_at(host, 1, &cap), host->caps[1].value);
	cr_assert_eq(cap, 17);
	cr_assert_eq(onereg_host_cap(host, 17), host->caps[1].value);
	cr_assert_eq(onereg_host_cap(host, 18), 0);
	cr_assert_eq(onereg_host_cap_at(host, 2, &cap), -ENOENT);
	cr_assert_eq(onereg_host_n_profiles(host), 2);
	cr_assert_eq(onereg_host_profile_features(host, 1), p->features);
	cr_assert_eq(onereg_host_profile_features(host, 2), 0);
	cr_assert_eq(onereg_host_n_regs(host, 1), 5);
	cr_assert_eq(onereg_host_n_regs(host, 2), 0);
	cr_assert_eq(onereg_host_reg(host, 1, 1, &reg), 0);
	cr_assert_eq(reg.id, p->set.ids[1]);
	cr_assert_eq(reg.reset, p->reset + p->set.offsets[1]);
	cr_assert_eq(reg.value_size, 8);
	cr_assert(reg.has_mask);
	cr_assert_eq(reg.writable, p->writable[1]);
	cr_assert_eq(reg.scope, ONEREG_SCOPE_VCPU);
	cr_assert_eq(reg.scope_source, ONEREG_SCOPE_OBSERVED);
	cr_assert_eq(onereg_host_reg(host, 1, 2, &reg), 0);
	cr_assert_null(reg.reset);
	cr_assert_eq(onereg_host_reg(host, 1, 5, &reg), -ENOENT);
	cr_assert_eq(onereg_host_reg(host, 2, 0, &reg), -ENOENT);
	onereg_host_free(host);
}
