// SPDX-License-Identifier: MIT
/* Whose a register is: told by the kernel, observed, and the two compared. */
#include "model.h"
#include "suite.h"

#define TPIDR_EL1	KA_SYS(3, 0, 13, 0, 4)

static struct onereg_host *describe(struct test *t, const struct onereg_io *io,
				    bool probe, struct onereg_report *report)
{
	struct onereg_describe_options o = { .size = sizeof(o), .io = io,
					     .probe_scope = probe };
	struct onereg_host *host = NULL;
	int ret = onereg_host_describe(&o, &host, report);

	if (!EXPECT(t, !ret, "%d", ret))
		test_log_report(t, report);
	return host;
}

/* Of the largest profile; 0 registers where nothing was described. */
static size_t n_regs(const struct onereg_host *host)
{
	return host ? host->profiles[host->n_profiles - 1].set.n : 0;
}

static struct onereg_host_reg reg_at(const struct onereg_host *host, size_t i)
{
	struct onereg_host_reg reg = { .size = sizeof(reg) };
	int ret = onereg_host_reg(host, host->n_profiles - 1, i, &reg);

	(void)ret;
	return reg;
}

static struct onereg_host_reg find_reg(const struct onereg_host *host,
				       uint64_t id)
{
	for (size_t i = 0; i < n_regs(host); i++)
		if (reg_at(host, i).id == id)
			return reg_at(host, i);
	return (struct onereg_host_reg){ 0 };
}

/* By the list of the VM's descriptor, asked without the library. */
static void compare_with_list(struct test *t, const struct onereg_host *host)
{
	struct shape shape = default_shape(t);
	struct guest g = no_guest;
	struct regset list = { 0 };

	g.machine = &t->dst;
	if (guest_create(t, &g, &t->dst, &shape) && guest_start(t, &g))
		EXPECT(t, !io_reg_list(t->dst.io, g.vm_fd, &list), "list");
	EXPECT(t, list.n > 50, "%zu", list.n);
	for (size_t i = 0; i < n_regs(host); i++) {
		struct onereg_host_reg reg = reg_at(host, i);

		EXPECT(t, (regset_find(&list, reg.id) < 0) ==
				  (reg.scope == ONEREG_SCOPE_VCPU),
		       "%#llx: %s", (unsigned long long)reg.id,
		       onereg_scope_name(reg.scope));
	}
	regset_free(&list);
	guest_destroy(&g);
}

void scopes_are_told_where_the_kernel_tells(struct test *t)
{
	bool tells = has_vm_regs(&t->dst);
	struct onereg_report *report = report_new(t);
	struct onereg_host *host = describe(t, t->dst.io, false, report);

	EXPECT(t, n_regs(host) > 200, "%zu", n_regs(host));
	for (size_t i = 0; i < n_regs(host); i++) {
		struct onereg_host_reg reg = reg_at(host, i);

		EXPECT(t, reg.scope_source == (tells ? ONEREG_SCOPE_TOLD : 0) &&
				  !reg.scope != tells,
		       "%#llx: %s, %s", (unsigned long long)reg.id,
		       onereg_scope_name(reg.scope),
		       onereg_scope_source_name(reg.scope_source));
	}
	if (host && tells)
		compare_with_list(t, host);
	onereg_host_free(host);
	onereg_report_free(report);
}

void told_scopes_are_as_observed(struct test *t)
{
	unsigned int told = has_vm_regs(&t->dst) ? ONEREG_SCOPE_TOLD : 0;
	struct onereg_report *report = report_new(t);
	struct onereg_host *host = describe(t, t->dst.io, true, report);
	size_t n[4] = { 0 };

	for (size_t i = 0; i < n_regs(host); i++)
		n[reg_at(host, i).scope_source]++;
	/* That of every kernel is seen; some have no other value to try. */
	EXPECT(t, n[told | ONEREG_SCOPE_OBSERVED] > 150,
	       "%zu observed, told %u", n[told | ONEREG_SCOPE_OBSERVED], told);
	EXPECT(t, n[told | ONEREG_SCOPE_OBSERVED] + n[told] == n_regs(host),
	       "%zu, %zu, %zu, %zu", n[0], n[1], n[2], n[3]);
	if (!EXPECT(t, onereg_report_verdict(report) == ONEREG_YES, "verdict"))
		test_log_report(t, report);
	onereg_host_free(host);
	onereg_report_free(report);
}

/* Says of PSCI_VERSION that each vCPU has it, of TPIDR_EL1 that the VM does. */
static int lie(void *userdata, int fd, unsigned long request, void *arg)
{
	struct less *l = userdata;
	struct ka_reg_list *list = arg;
	int ret = pass_ioctl(&l->pass, fd, request, arg);

	if (request != KA_GET_REG_LIST || ret < 0)
		return ret;
	for (uint64_t i = 0; i < list->n; i++)
		if (list->reg[i] == TPIDR_EL1)
			return ret; /* a vCPU's list */
	for (uint64_t i = 0; i < list->n; i++)
		if (list->reg[i] == KA_PSCI_VERSION)
			list->reg[i] = TPIDR_EL1;
	return ret;
}

static void expect_lie(struct test *t, const struct onereg_host *host,
		       const struct onereg_report *report, uint64_t id,
		       enum onereg_scope seen)
{
	struct onereg_host_reg reg = find_reg(host, id);
	const struct onereg_finding *f =
		find_finding(report, 0, ONEREG_SPACE_REG, id, 0);

	EXPECT(t, f && f->severity == ONEREG_CARE, "%#llx is not named",
	       (unsigned long long)id);
	EXPECT(t, reg.scope == seen &&
			  reg.scope_source == ONEREG_SCOPE_OBSERVED,
	       "%#llx: %s, %s", (unsigned long long)id,
	       onereg_scope_name(reg.scope),
	       onereg_scope_source_name(reg.scope_source));
}

void kernel_that_tells_a_wrong_scope_is_found(struct test *t)
{
	struct onereg_report *report = report_new(t);
	struct onereg_host *host;
	struct less l;

	if (!has_vm_regs(&t->dst))
		t->skipped = "this kernel tells no scopes";
	else if (less_init(t, &l, t->dst.io)) {
		l.pass.io.ioctl = lie;
		host = describe(t, &l.pass.io, true, report);
		expect_lie(t, host, report, KA_PSCI_VERSION, ONEREG_SCOPE_VM);
		expect_lie(t, host, report, TPIDR_EL1, ONEREG_SCOPE_VCPU);
		onereg_host_free(host);
	}
	onereg_report_free(report);
}
