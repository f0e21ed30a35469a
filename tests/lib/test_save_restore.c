// SPDX-License-Identifier: MIT
/* The behaviours of tests/suite on two models of the same host. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "leaks.h"
#include "model.h"
#include "suite.h"

static void run(behaviour *b)
{
	static struct test t;
	struct model_style style;
	struct onereg_host *host = NULL;
	struct model *src = NULL, *dst = NULL;

	cr_assert_eq(model_host_new(NULL, &host), 0);
	model_style_default(host, &style);
	cr_assert_eq(model_new(host, &style, &src), 0);
	/* The other machine was switched on at another time. */
	style.counter_start += 123456789;
	style.wall_start += 50000000;
	cr_assert_eq(model_new(host, &style, &dst), 0);
	t = (struct test){
		.src = { model_io(src), src },
		.dst = { model_io(dst), dst },
		.features = host->profiles[host->n_profiles - 1].features,
		.has_gic = true,
		.max_vcpus = 64,
	};
	b(&t);
	cr_assert_eq(model_n_open(src), 0, "source: files left open");
	cr_assert_eq(model_n_open(dst), 0, "destination: files left open");
	model_free(src);
	model_free(dst);
	onereg_host_free(host);
	if (t.skipped)
		cr_skip_test("%s", t.skipped);
	cr_assert_not(t.failed, "%s", t.log);
}

LEAK_CHECKED(save_restore);

#define NATIVE_TEST(name)                  \
	Test(save_restore, name)           \
	{                                  \
		run(name);                 \
	}
BEHAVIOURS(NATIVE_TEST)
MODEL_BEHAVIOURS(NATIVE_TEST)
