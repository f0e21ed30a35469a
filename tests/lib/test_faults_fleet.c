// SPDX-License-Identifier: MIT
/*
 * The same of fleets: pinning a VM, a baseline of recorded hosts and what a
 * gate says of them.
 */
#include <errno.h>

#include "faults.h"
#include "fleets.h"
#include "leaks.h"
#include "model.h"
#include "rig.h"

#define CCSIDR_0	(KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX)
#define ISAR0		KA_SYS(3, 0, 0, 6, 0)

/* ---- pinning: something of the VM, something of each vCPU ---- */

static struct onereg_baseline *pinned_to;

static void want(uint64_t id, uint64_t bits, uint64_t value)
{
	for (size_t i = 0; i < pinned_to->n; i++) {
		struct baseline_reg *reg = &pinned_to->regs[i];
		uint64_t now = 0;

		if (reg->id != id)
			continue;
		memcpy(&now, reg->value, onereg_reg_size(id));
		cr_assert_neq(now & bits, value, "nothing to write");
		now = (now & ~bits) | value;
		memcpy(reg->value, &now, onereg_reg_size(id));
		return;
	}
	cr_assert(false, "not in the baseline: %#llx", (unsigned long long)id);
}

static void make_pinned_to(void)
{
	const struct onereg_host *hosts[] = { rig.host };
	struct onereg_baseline_options o = { .size = sizeof(o),
					     .features = rig.t.features };

	if (pinned_to)
		return;
	cr_assert_eq(onereg_baseline_new(hosts, NULL, 1, &o, &pinned_to, NULL),
		     0);
	want(KA_PSCI_VERSION, ~0ULL, 0x10000);
	want(ISAR0, 0xf0, 0x10);
	want(CCSIDR_0, ~0ULL, 0x1005);
}

static void make_pinnable(void)
{
	struct onereg_vm_options o;

	make_pinned_to();
	new_destination();
	cr_assert(guest_start(&rig.t, &rig.dst), "%s", rig.t.log);
	o = guest_options(&rig.dst);
	o.features[0] = rig.t.features;
	cr_assert(guest_wrap(&rig.t, &rig.dst, &o));
}

static int run_pin(struct onereg_report *report)
{
	return onereg_vm_pin(rig.dst.vm, pinned_to, report);
}

static bool is_pinned(const struct onereg_report *report)
{
	bool same = true;

	(void)report;
	for (size_t i = 0; i < pinned_to->n; i++) {
		const struct baseline_reg *reg = &pinned_to->regs[i];
		uint64_t value = 0;

		memcpy(&value, reg->value, sizeof(value));
		for (size_t k = 0; k < rig.dst.shape.n_vcpus; k++) {
			uint64_t now = 0;

			same &= !guest_get(&rig.dst, k, reg->id, &now) &&
				!((now ^ value) & ~reg->left);
		}
	}
	return same;
}

static const struct operation op_pin = { "pin", make_pinnable, run_pin,
					 is_pinned, NULL };

static void forget_baseline(void)
{
	onereg_baseline_free(pinned_to);
	pinned_to = NULL;
}

static void fail_calls(int error, bool for_good)
{
	fail_each_call(&op_pin, error, for_good, 1);
	forget_baseline();
}

LEAK_CHECKED(fleet_faults);

Test(fleet_faults, pin_call_fails)
{
	fail_calls(EIO, false);
	fail_calls(EIO, true);
	fail_calls(EBUSY, false);
	fail_calls(ENOMEM, false);
	fail_calls(EINTR, true);
}

Test(fleet_faults, vm_regs_pin_call_fails)
{
	with_vm_regs = true;
	fail_calls(EIO, false);
	fail_calls(EIO, true);
	fail_calls(EBUSY, false);
	fail_calls(EINTR, true);
	with_halves = true;
	fail_calls(EINTR, false);
}

Test(fleet_faults, pin_allocation_fails)
{
	fail_each_allocation(&op_pin);
	forget_baseline();
	with_vm_regs = true;
	fail_each_allocation(&op_pin);
	forget_baseline();
}

/* ---- several hosts ---- */

static const char *const names[] = { "neoverse-n1-6.12", "neoverse-n1-onereg",
				     "cortex-a76-6.1", NULL };

static char *text_of(const struct onereg_baseline *b)
{
	char *text = NULL;
	size_t n;

	cr_assert_eq(onereg_baseline_write(b, &text, &n), 0);
	return text;
}

/* What comes of it is all of it, or an error, or what it does not know. */
Test(fleet_faults, baseline_of_recorded_hosts_allocation_fails)
{
	static const char midr[] =
		"{\"onereg-tolerances\": 1, \"tolerate\": [{\"register\": "
		"\"MIDR_EL1\", \"reason\": \"we know\"}]}";
	struct hosts h = recorded_hosts(names);
	struct onereg_report *report = new_report();
	struct onereg_tolerances *t = NULL;
	struct onereg_baseline_options o = { .size = sizeof(o) };
	struct onereg_baseline *b = NULL;
	size_t n = 0, calls;
	char *all;

	cr_assert_eq(onereg_tolerances_read(midr, strlen(midr), &t, NULL), 0);
	o.tolerances = t;
	cr_assert_eq(onereg_baseline_new(h.v, h.names, h.n, &o, &b, NULL), 0);
	all = text_of(b);
	onereg_baseline_free(b);
	do {
		int r;

		b = NULL;
		onereg_report_clear(report);
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = onereg_baseline_new(h.v, h.names, h.n, &o, &b, report);
		calls = fault_stop(FAULT_MALLOC);
		cr_assert(r == 0 || r == -ENOMEM, "%zu: %d", n, r);
		cr_assert_eq(r != 0, b == NULL);
		cr_assert(calls < n || onereg_report_verdict(report) ==
					       ONEREG_FAILED, "%zu: %d", n, r);
		if (b) {
			char *text = text_of(b);

			cr_assert_str_eq(text, all, "%zu", n);
			free(text);
		}
		onereg_baseline_free(b);
	} while (calls >= n);
	cr_assert_gt(n, 10);
	free(all);
	onereg_tolerances_free(t);
	onereg_report_free(report);
	free_hosts(&h);
}

/* Asking needs no memory, and a gate without it is none. */
Test(fleet_faults, gate_of_recorded_hosts_allocation_fails)
{
	struct hosts h = recorded_hosts(names);
	struct onereg_report *report = new_report();
	struct onereg_gate_feature f = { .size = sizeof(f) };
	struct onereg_gate *gate = NULL, *whole = NULL;
	size_t n = 0;
	int r;

	cr_assert_eq(onereg_gate_new(h.v, h.n, &whole, NULL), 0);
	do {
		onereg_report_clear(report);
		fault_at(FAULT_MALLOC, ++n, ENOMEM);
		r = onereg_gate_new(h.v, h.n, &gate, report);
		fault_stop(FAULT_MALLOC);
		cr_assert_eq(r, gate ? 0 : -ENOMEM);
		cr_assert(gate || onereg_report_verdict(report) ==
					  ONEREG_FAILED);
	} while (r);
	cr_assert_gt(n, 2);
	fault_at(FAULT_MALLOC, 1, ENOMEM);
	for (size_t i = 0; !onereg_gate_feature(gate, i, &f); i++)
		cr_assert_eq(onereg_gate_ask(gate, f.name),
			     onereg_gate_ask(whole, f.name), "%s", f.name);
	cr_assert_eq(onereg_gate_ask(gate, "nothing"), -ENOENT);
	cr_assert_eq(fault_stop(FAULT_MALLOC), 0);
	onereg_gate_free(gate);
	onereg_gate_free(whole);
	onereg_report_free(report);
	free_hosts(&h);
}
