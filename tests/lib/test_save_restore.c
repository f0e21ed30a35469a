// SPDX-License-Identifier: MIT
/* The behaviours of tests/suite on two models of the same host. */
#include <criterion/criterion.h>

#include "leaks.h"
#include "model.h"
#include "suite.h"

/* A host, and how its kernel does things; the source's and destination's. */
struct setting {
	struct model_host_options host;
	enum { AS_HOST, ON_SOURCE, ON_DESTINATION } vm_regs;
	void (*adjust)(struct model_style *src, struct model_style *dst);
	bool no_physical_counter;	/* a kernel before 6.4 */
};

static void open_models(const struct setting *s, struct onereg_host **host,
			struct model **src, struct model **dst)
{
	struct model_style a, b;

	cr_assert_eq(model_host_new(&s->host, host), 0);
	if (s->no_physical_counter)
		cr_assert_eq(model_host_remove(*host, KA_PTIMER_CNT), 0);
	model_style_default(*host, &a);
	b = a;
	/* The other machine was switched on at another time. */
	b.counter_start += 123456789;
	b.wall_start += 50000000;
	if (s->vm_regs) {
		a.vm_regs = s->vm_regs == ON_SOURCE;
		b.vm_regs = s->vm_regs == ON_DESTINATION;
	}
	if (s->adjust)
		s->adjust(&a, &b);
	cr_assert_eq(model_new(*host, &a, src), 0);
	cr_assert_eq(model_new(*host, &b, dst), 0);
}

static void run(behaviour *b, const struct setting *s)
{
	static struct test t;
	struct onereg_host *host = NULL;
	struct model *src = NULL, *dst = NULL;

	open_models(s, &host, &src, &dst);
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
LEAK_CHECKED(other_hosts);

#define EVERYTHING .sve = true, .pmu = true, .pauth = true

static const struct setting usual = { .host = { EVERYTHING } };

#define NATIVE_TEST(name)                          \
	Test(save_restore, name)                   \
	{                                          \
		run(name, &usual);                 \
	}
BEHAVIOURS(NATIVE_TEST)
MODEL_BEHAVIOURS(NATIVE_TEST)

/* ---- kernels with VM-scoped registers ---- */

static const struct setting vm_regs = { .host = { EVERYTHING,
						  .vm_regs = true } };
static const struct setting gained = { .host = { EVERYTHING,
						 .vm_regs = true },
				       .vm_regs = ON_DESTINATION };
static const struct setting lost = { .host = { EVERYTHING, .vm_regs = true },
				     .vm_regs = ON_SOURCE };

LEAK_CHECKED(vm_regs);
LEAK_CHECKED(gained);
LEAK_CHECKED(lost);

#define VM_REGS_TEST(name)                         \
	Test(vm_regs, name)                        \
	{                                          \
		run(name, &vm_regs);               \
	}                                          \
	Test(gained, name)                         \
	{                                          \
		run(name, &gained);                \
	}                                          \
	Test(lost, name)                           \
	{                                          \
		run(name, &lost);                  \
	}
BEHAVIOURS(VM_REGS_TEST)
MODEL_BEHAVIOURS(VM_REGS_TEST)

/* ---- kernels and CPUs that differ ---- */

static void run_all(const struct setting *s)
{
	run(busy_guests_are_restored, s);
	run(every_ignored_set_is_found, s);
	run(dry_run_of_a_good_image_says_yes, s);
	run(check_on_the_same_host_says_yes, s);
	run(frozen_counters_go_on, s);
}

Test(other_hosts, id_registers_are_fixed)
{
	run_all(&(struct setting){ .host = { EVERYTHING, .no_masks = true } });
}

Test(other_hosts, cpu_without_aarch32)
{
	run_all(&(struct setting){ .host = { EVERYTHING,
					     .no_aarch32 = true } });
}

Test(other_hosts, id_registers_reveal_registers)
{
	run_all(&(struct setting){ .host = { EVERYTHING, .s1poe = true } });
}

Test(other_hosts, short_vectors_and_few_counters)
{
	run_all(&(struct setting){ .host = { EVERYTHING, .sve_vq = 2,
					     .pmu_counters = 1 } });
}

Test(other_hosts, many_counters)
{
	run_all(&(struct setting){ .host = { EVERYTHING,
					     .pmu_counters = 31 } });
}

Test(other_hosts, kernel_without_physical_counter)
{
	run_all(&(struct setting){ .host = { EVERYTHING, .no_masks = true },
				   .no_physical_counter = true });
}

static void no_pairs(struct model_style *src, struct model_style *dst)
{
	src->pmu_pairs = false;
	dst->pmu_pairs = false;
}

Test(other_hosts, pmu_pairs_store)
{
	run_all(&(struct setting){ .host = { EVERYTHING },
				   .adjust = no_pairs });
}

static void from_old(struct model_style *src, struct model_style *dst)
{
	src->pmu_pairs = !dst->pmu_pairs;
}

Test(other_hosts, from_a_kernel_with_other_pmu_pairs)
{
	run_all(&(struct setting){ .host = { EVERYTHING },
				   .adjust = from_old });
}

static void to_new(struct model_style *src, struct model_style *dst)
{
	dst->pmu_pairs = !src->pmu_pairs;
}

Test(other_hosts, to_a_kernel_with_other_pmu_pairs)
{
	run_all(&(struct setting){ .host = { EVERYTHING },
				   .adjust = to_new });
}

static void many_priorities(struct model_style *src, struct model_style *dst)
{
	src->gic_pri_bits = 7;
	dst->gic_pri_bits = 7;
	src->gic_id_bits = 1;
	dst->gic_id_bits = 1;
}

Test(other_hosts, gic_with_seven_priority_bits)
{
	run_all(&(struct setting){ .host = { EVERYTHING },
				   .adjust = many_priorities });
}

static void more_priorities(struct model_style *src, struct model_style *dst)
{
	(void)src;
	dst->gic_pri_bits = 7;
}

Test(other_hosts, to_a_gic_with_more_priority_bits)
{
	run_all(&(struct setting){ .host = { EVERYTHING },
				   .adjust = more_priorities });
}

static void own_counters(struct model_style *src, struct model_style *dst)
{
	src->vm_counter_offsets = false;
	dst->vm_counter_offsets = false;
}

Test(other_hosts, counters_of_each_vcpu)
{
	run_all(&(struct setting){ .host = { EVERYTHING },
				   .adjust = own_counters });
}
