/* SPDX-License-Identifier: MIT */
/* The gate: open, held, absent, unknown, and by whom. */
#include <errno.h>

#include "checks.h"
#include "faults.h"
#include "leaks.h"

LEAK_CHECKED(gate);

#define MIDR	KA_SYS(3, 0, 0, 0, 0)
#define REVIDR	KA_SYS(3, 0, 0, 0, 6)
#define ISAR1	KA_SYS(3, 0, 0, 6, 1)
#define PTRAUTH \
	(1u << KA_VCPU_PTRAUTH_ADDRESS | 1u << KA_VCPU_PTRAUTH_GENERIC)

static struct onereg_gate *gate_of(struct onereg_host *a,
				   struct onereg_host *b)
{
	const struct onereg_host *const hosts[] = { a, b };
	struct onereg_gate *gate = NULL;

	cr_assert_eq(onereg_gate_new(hosts, 2, &gate, NULL), 0);
	onereg_host_free(a);
	onereg_host_free(b);
	return gate;
}

/* What it says of one thing; the gate is freed. */
static int ask(struct onereg_gate *gate, const char *name)
{
	int state = onereg_gate_ask(gate, name);

	onereg_gate_free(gate);
	return state;
}

static struct onereg_host *capable(int value)
{
	struct onereg_host *host = host_of(MIDR, 1);

	if (value >= 0)
		host_add_cap(host, KA_CAP_VM_ONE_REG, value);
	return host;
}

Test(gate, is_open_only_where_every_host_has_it)
{
	cr_assert_eq(ask(gate_of(capable(3), capable(3)), "vectors"),
		     ONEREG_GATE_OPEN);
	cr_assert_eq(ask(gate_of(capable(3), capable(1)), "vectors"),
		     ONEREG_GATE_HELD);
	cr_assert_eq(ask(gate_of(capable(1), capable(1)), "vectors"),
		     ONEREG_GATE_ABSENT);
	cr_assert_eq(ask(gate_of(capable(3), capable(-1)), "vectors"),
		     ONEREG_GATE_UNKNOWN);
	cr_assert_eq(ask(gate_of(capable(1), capable(-1)), "vectors"),
		     ONEREG_GATE_HELD);
	cr_assert_eq(ask(gate_of(capable(3), capable(3)), "vectorz"), -ENOENT);
}

static size_t index_of(const struct onereg_gate *gate, const char *name)
{
	struct onereg_gate_feature f = { .size = sizeof(f) };

	for (size_t i = 0; !onereg_gate_feature(gate, i, &f); i++)
		if (!strcmp(f.name, name))
			return i;
	cr_assert(false, "no feature %s", name);
	return 0;
}

Test(gate, says_who_holds_back_and_why)
{
	struct onereg_gate *gate = gate_of(capable(3), capable(0));
	size_t i = index_of(gate, "vm-registers");
	enum onereg_gate_state state;
	const char *why;

	cr_assert_eq(onereg_gate_host(gate, i, 0, &state, &why), 0);
	cr_assert_eq(state, ONEREG_GATE_OPEN);
	cr_assert_eq(onereg_gate_host(gate, i, 1, &state, &why), 0);
	cr_assert_eq(state, ONEREG_GATE_ABSENT);
	cr_assert_str_eq(why, "KVM_CAP_VM_ONE_REG is 0");
	cr_assert_eq(onereg_gate_host(gate, i, 2, &state, &why), -ENOENT);
	cr_assert_eq(onereg_gate_host(gate, 1000, 0, &state, &why), -ENOENT);
	onereg_gate_free(gate);
}

Test(gate, psci_is_the_least_of_all)
{
	struct onereg_gate_feature f = { .size = sizeof(f) };
	struct onereg_gate *gate = gate_of(host_of(KA_PSCI_VERSION, 0x10003),
					   host_of(KA_PSCI_VERSION, 0x10001));

	cr_assert_eq(onereg_gate_feature(gate, index_of(gate, "psci"), &f), 0);
	cr_assert_eq(f.state, ONEREG_GATE_OPEN);
	cr_assert_str_eq(f.common, "PSCI 1.1");
	onereg_gate_free(gate);
}

static struct onereg_host *cpu(uint64_t midr, uint64_t revidr)
{
	const struct known regs[] = { { MIDR, midr }, { REVIDR, revidr } };
	struct onereg_host *host = host_new();

	host_add(host, PSCI, regs, 2);
	return host;
}

Test(gate, clocks_and_cpus_have_to_be_the_same)
{
	struct onereg_host *other = host_of(MIDR, 1);

	other->counter_frequency = HZ + 1;
	cr_assert_eq(ask(gate_of(cpu(1, 7), cpu(1, 7)), "one-cpu"),
		     ONEREG_GATE_OPEN);
	cr_assert_eq(ask(gate_of(cpu(1, 7), cpu(2, 7)), "one-cpu"),
		     ONEREG_GATE_HELD);
	cr_assert_eq(ask(gate_of(cpu(1, 7), cpu(1, 8)), "one-cpu"),
		     ONEREG_GATE_HELD);
	cr_assert_eq(ask(gate_of(host_of(MIDR, 1), other), "one-clock"),
		     ONEREG_GATE_HELD);
}

/* What it says of the hosts one by one, "open unknown". */
static void expect_hosts(struct onereg_host *a, struct onereg_host *b,
			 const char *name, const char *want)
{
	struct onereg_gate *gate = gate_of(a, b);
	enum onereg_gate_state state[2];
	const char *why;
	char text[32];

	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(onereg_gate_host(gate, index_of(gate, name), i,
					      &state[i], &why), 0);
	snprintf(text, sizeof(text), "%s %s", onereg_gate_state_name(state[0]),
		 onereg_gate_state_name(state[1]));
	cr_assert_str_eq(text, want, "%s: %s", name, text);
	onereg_gate_free(gate);
}

static struct onereg_host *ticking(uint64_t hz)
{
	struct onereg_host *host = host_of(MIDR, 1);

	host->counter_frequency = hz;
	return host;
}

/* A host whose description does not tell is unknown, and no measure. */
Test(gate, what_is_not_known_of_one_host_holds_back_no_other)
{
	expect_hosts(ticking(0), ticking(HZ), "one-clock", "unknown open");
	expect_hosts(ticking(HZ), ticking(0), "one-clock", "open unknown");
	expect_hosts(ticking(HZ), ticking(1), "one-clock", "open held");
	expect_hosts(ticking(0), ticking(0), "one-clock", "unknown unknown");
	expect_hosts(host_of(ISAR1, 0), cpu(1, 7), "one-cpu", "unknown open");
	expect_hosts(cpu(1, 7), host_of(ISAR1, 0), "one-cpu", "open unknown");
	/* MIDR_EL1 alone does not tell. */
	expect_hosts(host_of(MIDR, 1), cpu(1, 7), "one-cpu", "unknown open");
	expect_hosts(cpu(1, 7), host_of(MIDR, 1), "one-cpu", "open unknown");
	expect_hosts(cpu(1, 7), host_of(MIDR, 2), "one-cpu", "open held");
}

/* Beside a plain vCPU one that signs pointers so. */
static struct onereg_host *signing(uint64_t isar1)
{
	struct onereg_host *host = host_of(ISAR1, 0);

	host_add(host, PSCI | PTRAUTH, &(struct known){ ISAR1, isar1 }, 1);
	return host;
}

Test(gate, pointers_signed_in_another_way_hold_back)
{
	struct onereg_gate *gate = gate_of(signing(0x10), signing(0x10));

	cr_assert_eq(onereg_gate_vcpu_features(gate), PSCI | PTRAUTH);
	cr_assert_eq(ask(gate, "pointer-authentication"), ONEREG_GATE_OPEN);
	gate = gate_of(signing(0x10), signing(0x100));
	cr_assert_eq(onereg_gate_vcpu_features(gate), PSCI);
	cr_assert_eq(ask(gate, "pointer-authentication"), ONEREG_GATE_HELD);
}

Test(gate, hosts_without_a_common_vcpu)
{
	struct onereg_host *a = host_of(MIDR, 1), *b = host_of(MIDR, 1);

	b->profiles[0].features = PSCI | PMU;
	struct onereg_gate *gate = gate_of(a, b);

	cr_assert_eq(onereg_gate_vcpu_features(gate), 0);
	cr_assert_eq(ask(gate, "pmu"), ONEREG_GATE_HELD);
}

/* Each has vectors, and nobody knows whether of the same lengths. */
Test(gate, vectors_that_cannot_be_compared_are_not_open)
{
	struct onereg_host *a = host_of(MIDR, 1), *b = host_of(MIDR, 1);

	a->profiles[0].features = PSCI | SVE;
	b->profiles[0].features = PSCI | PMU | SVE;
	cr_assert_eq(ask(gate_of(a, b), "sve"), ONEREG_GATE_UNKNOWN);
}

Test(gate, of_nothing_is_refused)
{
	struct onereg_report *report = new_report();
	struct onereg_host *empty = host_new();
	const struct onereg_host *const hosts[] = { empty };
	struct onereg_gate *gate = NULL;

	cr_assert_eq(onereg_gate_new(hosts, 0, &gate, report), -EINVAL);
	cr_assert_eq(onereg_gate_new(hosts, 1, &gate, report), -EINVAL);
	cr_assert_eq(onereg_report_count(report), 2);
	cr_assert(!gate);
	onereg_gate_free(NULL);
	onereg_host_free(empty);
	onereg_report_free(report);
}

Test(gate, reports_lack_of_memory_wherever_it_strikes)
{
	struct onereg_host *host = capable(3);
	const struct onereg_host *const hosts[] = { host };
	struct onereg_report *report = new_report();
	struct onereg_gate *gate = NULL;
	size_t n = 0;
	int r;

	do {
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = onereg_gate_new(hosts, 1, &gate, report);
		fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM);
		cr_assert_eq(r != 0, gate == NULL);
	} while (r);
	cr_assert_eq(n, 4);
	onereg_gate_free(gate);
	onereg_host_free(host);
	onereg_report_free(report);
}
