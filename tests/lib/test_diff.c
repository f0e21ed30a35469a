/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "faults.h"
#include "hosts.h"
#include "leaks.h"
#include "samples.h"

LEAK_CHECKED(diff);

#define ISAR0	KA_SYS(3, 0, 0, 6, 0)
#define TTBR0	KA_SYS(3, 0, 2, 0, 0)

static struct onereg_report *report_of(struct onereg_host *a,
				       struct onereg_host *b)
{
	struct onereg_report *report;

	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_host_diff(a, b, report), 0);
	onereg_host_free(a);
	onereg_host_free(b);
	return report;
}

static size_t differences(struct onereg_host *a, struct onereg_host *b)
{
	struct onereg_report *report = report_of(a, b);
	size_t n = onereg_report_count(report);

	onereg_report_free(report);
	return n;
}

Test(diff, a_host_is_the_same_as_itself)
{
	struct onereg_host *host = small_host();
	struct onereg_report *report;

	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_host_diff(host, host, report), 0);
	cr_assert_eq(onereg_report_count(report), 0);
	onereg_report_free(report);
	onereg_host_free(host);
}

Test(diff, an_image_is_the_same_as_itself)
{
	struct onereg_image *image = small_image();
	struct onereg_report *report;

	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_image_diff(image, image, report), 0);
	cr_assert_eq(onereg_report_count(report), 0);
	onereg_report_free(report);
	onereg_image_free(image);
}

Test(diff, values_are_told_by_field)
{
	struct onereg_report *report =
		report_of(host_of(ISAR0, 0x20), host_of(ISAR0, 0x10));
	const struct onereg_finding *f = onereg_report_get(report, 0);

	cr_assert_eq(onereg_report_count(report), 1);
	cr_assert_str_eq(f->name, "ID_AA64ISAR0_EL1");
	cr_assert_str_eq(f->field, "AES");
	cr_assert_eq(((const uint8_t *)f->a)[0], 0x20);
	cr_assert_eq(((const uint8_t *)f->b)[0], 0x10);
	onereg_report_free(report);
}

Test(diff, registers_on_one_side_only)
{
	struct onereg_report *report =
		report_of(host_of(ISAR0, 0), host_of(TTBR0, 0));

	cr_assert_eq(onereg_report_count(report), 2);
	cr_assert_eq(onereg_report_differences(report, ONEREG_CLASS_MISSING),
		     1);
	cr_assert_eq(onereg_report_differences(report, ONEREG_CLASS_ABSENT),
		     1);
	onereg_report_free(report);
}

Test(diff, a_difference_in_every_profile_is_told_once)
{
	struct onereg_host *a = host_of(ISAR0, 1 << 4);
	struct onereg_host *b = host_of(ISAR0, 2 << 4);

	host_add(a, PSCI | PMU, &(struct known){ ISAR0, 1 << 4 }, 1);
	host_add(b, PSCI | PMU, &(struct known){ ISAR0, 2 << 4 }, 1);
	cr_assert_eq(differences(a, b), 1);
	a = host_of(ISAR0, 0);
	b = host_of(TTBR0, 0);
	host_add(a, PSCI | PMU, &(struct known){ ISAR0, 0 }, 1);
	host_add(b, PSCI | PMU, &(struct known){ TTBR0, 0 }, 1);
	cr_assert_eq(differences(a, b), 2);
}

Test(diff, facts_of_a_host)
{
	struct onereg_host *a = host_of(ISAR0, 0), *b = host_of(ISAR0, 0);

	strcpy(b->release, "6.1");
	b->counter_frequency = 1;
	host_add_cap(a, KA_CAP_ARM_SVE, 1);
	host_add_cap(b, KA_CAP_ARM_SVE, 0);
	host_add(b, PSCI | SVE, &(struct known){ ISAR0, 0 }, 1);
	a->profiles[0].has_mask[0] = b->profiles[0].has_mask[0] = 1;
	a->profiles[0].writable[0] = 0xf;
	a->profiles[0].scope[0] = ONEREG_SCOPE_VM;
	b->profiles[0].scope[0] = ONEREG_SCOPE_VCPU;
	cr_assert_eq(differences(a, b), 6);
}

Test(diff, moving_counters_say_nothing_about_a_host)
{
	cr_assert_eq(differences(host_of(KA_TIMER_CNT, 1),
				 host_of(KA_TIMER_CNT, 2)), 0);
	cr_assert_eq(differences(host_of(KA_TIMER_CNT, 1),
				 host_of(KA_PTIMER_CNT, 1)), 2);
}

Test(diff, images_by_vcpu_and_value)
{
	struct onereg_host *a = host_of(TTBR0, 0);
	struct onereg_image *x, *y;
	struct onereg_report *report;

	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_image_from_host(a, 0, 3, &x), 0);
	cr_assert_eq(onereg_image_from_host(a, 0, 3, &y), 0);
	y->vcpus[2].row[0] = 9;
	y->vcpus[1].mp_state = KA_MP_STATE_RUNNABLE;
	cr_assert_eq(onereg_image_diff(x, y, report), 0);
	cr_assert_eq(onereg_report_count(report), 2);
	cr_assert_eq(onereg_report_get(report, 0)->vcpu, 1);
	cr_assert_eq(onereg_report_get(report, 1)->vcpu, 2);
	cr_assert_str_eq(onereg_report_get(report, 1)->name, "TTBR0_EL1");
	onereg_report_free(report);
	onereg_image_free(x);
	onereg_image_free(y);
	onereg_host_free(a);
}

/* What there was before is nothing of this call's. */
static struct onereg_report *used_report(void)
{
	struct onereg_report *report;

	cr_assert_eq(onereg_report_new(&report), 0);
	report_error(report, EIO, NULL, "before", "an old error");
	return report;
}

static void expect_no_memory(struct onereg_report *report)
{
	size_t n = onereg_report_count(report);

	cr_assert_gt(n, 1, "no finding");
	cr_assert_eq(onereg_report_get(report, n - 1)->severity, ONEREG_ERROR);
	cr_assert_eq(onereg_report_get(report, n - 1)->error, ENOMEM);
	onereg_report_free(report);
}

Test(diff, reports_lack_of_memory_wherever_it_strikes)
{
	struct onereg_host *a = small_host();
	struct onereg_image *image = small_image();

	for (size_t n = 1; n < 5; n++) {
		struct onereg_report *report = used_report();

		fault_at(FAULT_MALLOC, n, ENOMEM);
		cr_assert_eq(onereg_host_diff(a, a, report), -ENOMEM);
		fault_stop(FAULT_MALLOC);
		expect_no_memory(report);
	}
	for (size_t n = 1; n < 3; n++) {
		struct onereg_report *report = used_report();

		fault_at(FAULT_MALLOC, n, ENOMEM);
		cr_assert_eq(onereg_image_diff(image, image, report), -ENOMEM);
		fault_stop(FAULT_MALLOC);
		expect_no_memory(report);
	}
	onereg_host_free(a);
	onereg_image_free(image);
}

/* A difference that found no memory must not look like none. */
Test(diff, a_lost_finding_is_an_error)
{
	struct onereg_host *a = host_of(ISAR0, 0x20);
	struct onereg_host *b = host_of(ISAR0, 0x10);
	struct onereg_report *report = used_report();

	fault_at(FAULT_MALLOC, 3, ENOMEM);
	cr_assert_eq(onereg_host_diff(a, b, report), -ENOMEM);
	fault_stop(FAULT_MALLOC);
	expect_no_memory(report);
	onereg_host_free(a);
	onereg_host_free(b);
}

Test(diff, the_report_is_the_answer)
{
	struct onereg_host *host = small_host();
	struct onereg_image *image = small_image();

	cr_assert_eq(onereg_host_diff(host, host, NULL), -EINVAL);
	cr_assert_eq(onereg_image_diff(image, image, NULL), -EINVAL);
	onereg_host_free(host);
	onereg_image_free(image);
}

/* ---- nothing is left out ---- */

static void change_target(struct onereg_image *x)
{
	x->target++;
}

static void change_features(struct onereg_image *x)
{
	x->features[6] ^= 1;
}

static void change_conflicts(struct onereg_image *x)
{
	x->n_conflicts--;
}

static void change_fresh(struct onereg_image *x)
{
	x->fresh = !x->fresh;
}

static void change_partial(struct onereg_image *x)
{
	x->partial = !x->partial;
}

static void change_midr(struct onereg_image *x)
{
	x->midr++;
}

static void change_gic(struct onereg_image *x)
{
	x->has_gic = !x->has_gic;
}

static void change_cap(struct onereg_image *x)
{
	x->n_caps--;
}

static void change_frequency(struct onereg_image *x)
{
	x->counter_frequency++;
}

static void change_id(struct onereg_image *x)
{
	x->vcpus[0].id += 7;
}

static void change_attr_size(struct onereg_image *x)
{
	x->gic.v[0].size = 12 - x->gic.v[0].size;
	x->gic.v[0].value &= UINT32_MAX;
}

Test(diff, every_part_of_an_image)
{
	void (*const changes[])(struct onereg_image *) = {
		change_target, change_features,	 change_conflicts,
		change_fresh,  change_partial,	 change_midr,
		change_gic,    change_cap,	 change_frequency,
		change_id,     change_attr_size,
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct onereg_image *a = small_image(), *b = small_image();
		struct onereg_report *report;

		cr_assert_eq(onereg_report_new(&report), 0);
		a->gic.v[0].value &= UINT32_MAX;
		b->gic.v[0].value &= UINT32_MAX;
		changes[i](b);
		cr_assert_eq(onereg_image_diff(a, b, report), 0);
		cr_expect_eq(onereg_report_count(report), 1,
			     "change %zu: %zu findings", i,
			     onereg_report_count(report));
		onereg_report_free(report);
		onereg_image_free(a);
		onereg_image_free(b);
	}
}

Test(diff, what_a_larger_profile_does_not_show)
{
	struct onereg_host *a = host_of(ISAR0, 1 << 4);
	struct onereg_host *b = host_of(ISAR0, 2 << 4);
	struct onereg_report *report;

	/* The reset values are the same with a PMU, not without. */
	host_add(a, PSCI | PMU, &(struct known){ ISAR0, 1 << 4 }, 1);
	host_add(b, PSCI | PMU, &(struct known){ ISAR0, 1 << 4 }, 1);
	report = report_of(a, b);
	cr_assert_eq(onereg_report_count(report), 1);
	cr_assert(strstr(onereg_report_get(report, 0)->why, "PSCI_0_2"));
	onereg_report_free(report);
	/* One field as before, another one not. */
	a = host_of(ISAR0, 1 << 4 | 1 << 8);
	b = host_of(ISAR0, 2 << 4 | 2 << 8);
	host_add(a, PSCI | PMU, &(struct known){ ISAR0, 1 << 4 }, 1);
	host_add(b, PSCI | PMU, &(struct known){ ISAR0, 2 << 4 }, 1);
	cr_assert_eq(differences(a, b), 2);
	/* Only the smaller profile lacks it. */
	a = host_of(ISAR0, 0);
	b = host_new();
	host_add(b, PSCI, NULL, 0);
	host_add(a, PSCI | PMU, &(struct known){ ISAR0, 0 }, 1);
	host_add(b, PSCI | PMU, &(struct known){ ISAR0, 0 }, 1);
	cr_assert_eq(differences(a, b), 1);
}

Test(diff, masks_of_each_profile)
{
	struct onereg_host *a = host_of(ISAR0, 0), *b = host_of(ISAR0, 0);

	host_add(a, PSCI | PMU, &(struct known){ ISAR0, 0 }, 1);
	host_add(b, PSCI | PMU, &(struct known){ ISAR0, 0 }, 1);
	for (size_t i = 0; i < 2; i++)
		a->profiles[i].has_mask[0] = b->profiles[i].has_mask[0] = 1;
	a->profiles[0].writable[0] = 0xf;
	cr_assert_eq(differences(a, b), 1);
}

Test(diff, what_is_known_of_one_host_only)
{
	struct onereg_host *a = host_of(ISAR0, 0), *b = host_of(ISAR0, 0);

	a->profiles[0].has_mask[0] = 1;
	b->profiles[0].scope[0] = ONEREG_SCOPE_VM;
	cr_assert_eq(differences(a, b), 2);
	a = host_of(ISAR0, 0);
	b = host_of(ISAR0, 0);
	a->profiles[0].has_reset[0] = 0;
	cr_assert_eq(differences(a, b), 1);
	a = host_of(ISAR0, 0);
	b = host_new();
	host_add(b, PSCI, NULL, 0);
	a->profiles[0].has_reset[0] = 0;
	cr_assert_eq(differences(a, b), 1);
	a = host_of(ISAR0, 0);
	b = host_of(ISAR0, 0);
	host_add_cap(a, KA_CAP_ARM_SVE, 0);
	a->midr = 1;
	b->probed = true;
	cr_assert_eq(differences(a, b), 3);
	a = host_of(ISAR0, 0);
	b = host_of(ISAR0, 0);
	b->partial = true;
	cr_assert_eq(differences(a, b), 1);
}

Test(diff, n1_and_v1_by_field)
{
	static const char *const fields[] = { "PartNum", "Variant", "SHA3",
					      "I8MM",	 "DIT",	    "FWB",
					      "BBM",	 "RNDR" };
	struct onereg_host *a = dump("N1_6.18");
	struct onereg_report *report = report_of(a, dump("V1_6.18"));

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct onereg_finding *f;
		size_t k = 0;

		while ((f = onereg_report_get(report, k++)))
			if (f->field && !strcmp(f->field, fields[i]))
				break;
		cr_assert(f, "%s", fields[i]);
	}
	cr_assert_eq(onereg_report_differences(report, ONEREG_CLASS_MISSING),
		     0);
	onereg_report_free(report);
}
