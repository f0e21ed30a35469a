/* SPDX-License-Identifier: MIT */
/*
 * The gate: what may be switched on, because every host that a VM may move to
 * or fall back to has it. A row for each thing; a cell for each host of it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "fleet.h"

#define WHY_SIZE		80
#define CAP_ARM_WRITABLE_IMP_ID_REGS 239
#define CAP_ARM_EL2		240
#define MIDR			KA_SYS(3, 0, 0, 0, 0)
#define REVIDR			KA_SYS(3, 0, 0, 0, 6)

struct cell {
	enum onereg_gate_state state;
	char why[WHY_SIZE];
};

struct row {
	const char *name, *text;
	/* Fills in a cell; and may say what all have in common. */
	void (*look)(struct onereg_gate *gate, size_t row, size_t host);
	uint64_t what;		/* capability, feature bit, register ... */
	uint64_t bits;		/* of a mask; 0: any value above 0 */
};

struct onereg_gate {
	size_t n_hosts;
	uint32_t features;
	struct cell *cells;	/* row by row */
	struct result {
		enum onereg_gate_state state;
		char common[WHY_SIZE];
	} *results;
	const struct onereg_host *const *hosts;	/* while it is made */
};

static const struct row rows[];

static struct cell *cell_of(const struct onereg_gate *gate, size_t row,
			    size_t host)
{
	return &gate->cells[row * gate->n_hosts + host];
}

static void __attribute__((format(printf, 5, 6)))
put(struct onereg_gate *gate, size_t row, size_t host,
    enum onereg_gate_state state, const char *fmt, ...)
{
	struct cell *c = cell_of(gate, row, host);
	va_list ap;

	c->state = state;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

/* The largest profile: it lists whatever the host has. */
static const struct host_profile *largest(const struct onereg_host *host)
{
	return &host->profiles[host->n_profiles - 1];
}

/* ---- what a host offers ---- */

static bool knows_cap(const struct onereg_host *host, uint32_t cap)
{
	for (size_t i = 0; i < host->n_caps; i++)
		if (host->caps[i].cap == cap)
			return true;
	return false;
}

static void look_cap(struct onereg_gate *g, size_t row, size_t host)
{
	const struct onereg_host *h = g->hosts[host];
	uint32_t cap = (uint32_t)rows[row].what;
	int value = onereg_host_cap(h, cap);
	char text[32];
	const char *name = cap_text(cap, text, sizeof(text));
	bool has = rows[row].bits ?
			   ((unsigned int)value & rows[row].bits) ==
				   rows[row].bits :
			   value > 0;

	if (!knows_cap(h, cap))
		put(g, row, host, ONEREG_GATE_UNKNOWN,
		    "its description does not have %s", name);
	else
		put(g, row, host, has ? ONEREG_GATE_OPEN : ONEREG_GATE_ABSENT,
		    "%s is %d", name, value);
}

/* As large as the least of them. */
static void look_limit(struct onereg_gate *g, size_t row, size_t host)
{
	const struct onereg_host *h = g->hosts[host];
	uint32_t cap = (uint32_t)rows[row].what;
	char *common = g->results[row].common;
	int value = onereg_host_cap(h, cap);

	if (value <= 0) {
		put(g, row, host, ONEREG_GATE_UNKNOWN,
		    "its description does not tell");
		return;
	}
	put(g, row, host, ONEREG_GATE_OPEN, "%d", value);
	if (!*common || value < atoi(common))
		snprintf(common, WHY_SIZE, "%d", value);
}

static bool offers(const struct onereg_host *host, uint64_t features)
{
	for (size_t i = 0; i < host->n_profiles; i++)
		if ((host->profiles[i].features & features) == features)
			return true;
	return false;
}

static void look_feature(struct onereg_gate *g, size_t row, size_t host)
{
	const struct onereg_host *h = g->hosts[host];
	char text[96];

	features_text((uint32_t)rows[row].what, text, sizeof(text));
	if (offers(h, rows[row].what))
		put(g, row, host, ONEREG_GATE_OPEN, "offers vCPUs with %.50s",
		    text);
	else if (h->partial)
		put(g, row, host, ONEREG_GATE_UNKNOWN,
		    "a dump is of a vCPU without %.40s", text);
	else
		put(g, row, host, ONEREG_GATE_ABSENT,
		    "offers no vCPU with %.50s", text);
}

static const struct host_profile *with(const struct onereg_host *host,
				       uint64_t features)
{
	for (size_t i = 0; i < host->n_profiles; i++)
		if ((host->profiles[i].features & features) == features)
			return &host->profiles[i];
	return NULL;
}

/* The same feature may be another algorithm. */
static void look_pauth(struct onereg_gate *g, size_t row, size_t host)
{
	const struct host_profile *mine = with(g->hosts[host], FLEET_PTRAUTH);

	look_feature(g, row, host);
	for (size_t i = 0; i < host && mine; i++) {
		const struct host_profile *first =
			with(g->hosts[i], FLEET_PTRAUTH);

		if (first && !fleet_same_pauth(first, mine))
			put(g, row, host, ONEREG_GATE_HELD,
			    "signs pointers by another algorithm");
		if (first)
			return;
	}
}

static void look_sve(struct onereg_gate *g, size_t row, size_t host)
{
	const uint32_t sve = 1u << KA_VCPU_SVE;
	const struct host_profile *p = with(g->hosts[host], sve);
	unsigned int own, all;

	look_feature(g, row, host);
	if (!p)
		return;
	own = fleet_vq(&g->hosts[host], 1, p->features);
	put(g, row, host, ONEREG_GATE_OPEN, "vectors of up to %u bits",
	    own * 128);
	for (size_t i = 0; i < g->n_hosts; i++) {
		if (fleet_profile(g->hosts[i], p->features))
			continue;
		/* One without SVE holds it back in its own place. */
		if (with(g->hosts[i], sve))
			put(g, row, host, ONEREG_GATE_UNKNOWN,
			    "lengths not compared: another host describes no "
			    "vCPU with the same features");
		return;
	}
	all = fleet_vq(g->hosts, g->n_hosts, p->features);
	if (!all)
		put(g, row, host, ONEREG_GATE_HELD, "other vector lengths");
	else
		snprintf(g->results[row].common, WHY_SIZE,
			 "vectors of up to %u bits", all * 128);
}

/* ---- what a host's registers tell ---- */

static void look_register(struct onereg_gate *g, size_t row, size_t host)
{
	bool has = regset_find(&largest(g->hosts[host])->set,
			       rows[row].what) >= 0;

	put(g, row, host, has ? ONEREG_GATE_OPEN : ONEREG_GATE_ABSENT,
	    has ? "has the register" : "does not have the register");
}

static void look_bit(struct onereg_gate *g, size_t row, size_t host)
{
	const struct host_profile *p = largest(g->hosts[host]);

	if (regset_find(&p->set, rows[row].what) < 0)
		put(g, row, host, ONEREG_GATE_ABSENT,
		    "its kernel does not have the bitmap");
	else if (fleet_value(p, rows[row].what) & rows[row].bits)
		put(g, row, host, ONEREG_GATE_OPEN, "offers the hypercall");
	/* Off by default: what a new VM has does not tell. */
	else if (rows[row].what == KA_BMAP(3))
		put(g, row, host, ONEREG_GATE_UNKNOWN,
		    "off by default: a new VM does not tell");
	else
		put(g, row, host, ONEREG_GATE_ABSENT,
		    "does not offer the hypercall");
}

static void look_psci(struct onereg_gate *g, size_t row, size_t host)
{
	const struct host_profile *p = largest(g->hosts[host]);
	uint64_t v = fleet_value(p, KA_PSCI_VERSION);
	unsigned int major = (unsigned int)(v >> 16 & 0xffff);
	unsigned int minor = (unsigned int)(v & 0xffff), a, b;
	char *common = g->results[row].common;

	if (!v) {
		put(g, row, host, ONEREG_GATE_ABSENT,
		    "its kernel does not tell a version");
		return;
	}
	put(g, row, host, ONEREG_GATE_OPEN, "PSCI %u.%u", major, minor);
	if (sscanf(common, "PSCI %u.%u", &a, &b) != 2 || major < a ||
	    (major == a && minor < b))
		snprintf(common, WHY_SIZE, "PSCI %u.%u", major, minor);
}

static void look_masks(struct onereg_gate *g, size_t row, size_t host)
{
	const struct host_profile *p = largest(g->hosts[host]);
	size_t n = 0;
	bool told = false;

	for (size_t i = 0; i < p->set.n; i++) {
		told |= p->has_mask[i];
		if (p->has_mask[i])
			n += (size_t)__builtin_popcountll(p->writable[i]);
	}
	/* CSV2 and CSV3 are, on kernels that hold all others fixed. */
	if (n > 8)
		put(g, row, host, ONEREG_GATE_OPEN, "%zu bits may change", n);
	else if (!told)
		put(g, row, host, ONEREG_GATE_UNKNOWN,
		    "not told: describe it with --probe-scope");
	else
		put(g, row, host, ONEREG_GATE_ABSENT,
		    "its kernel holds them fixed");
}

/* ---- what has to be the same ---- */

static bool knows_reg(const struct onereg_host *host, uint64_t id)
{
	const struct host_profile *p = largest(host);
	ptrdiff_t at = regset_find(&p->set, id);

	return at >= 0 && p->has_reset[at];
}

/* As the first host of which it is known. */
static enum onereg_gate_state compare_reg(const struct onereg_gate *g,
					  size_t host, uint64_t id)
{
	size_t first = 0;

	if (!knows_reg(g->hosts[host], id))
		return ONEREG_GATE_UNKNOWN;
	while (!knows_reg(g->hosts[first], id))
		first++;
	return fleet_value(largest(g->hosts[host]), id) ==
			       fleet_value(largest(g->hosts[first]), id) ?
		       ONEREG_GATE_OPEN : ONEREG_GATE_HELD;
}

static void look_cpu(struct onereg_gate *g, size_t row, size_t host)
{
	uint64_t midr = fleet_value(largest(g->hosts[host]), MIDR);
	enum onereg_gate_state state = compare_reg(g, host, MIDR);

	if (state == ONEREG_GATE_OPEN)
		state = compare_reg(g, host, REVIDR);
	if (state == ONEREG_GATE_UNKNOWN)
		put(g, row, host, state, "its description does not tell");
	else
		put(g, row, host, state, "MIDR_EL1 is 0x%llx",
		    (unsigned long long)midr);
}

static void look_clock(struct onereg_gate *g, size_t row, size_t host)
{
	uint64_t hz = g->hosts[host]->counter_frequency;
	size_t first = 0;

	if (!hz) {
		put(g, row, host, ONEREG_GATE_UNKNOWN,
		    "its description does not tell");
		return;
	}
	while (!g->hosts[first]->counter_frequency)
		first++;
	put(g, row, host,
	    hz == g->hosts[first]->counter_frequency ? ONEREG_GATE_OPEN :
						       ONEREG_GATE_HELD,
	    "%llu Hz", (unsigned long long)hz);
}

static const struct row rows[] = {
	{ "one-clock", "the counter's frequency, without which nothing moves",
	  look_clock, 0, 0 },
	{ "one-cpu", "MIDR_EL1 and REVIDR_EL1, by which guests choose errata "
	  "workarounds", look_cpu, 0, 0 },
	{ "pmu", "performance counters", look_feature,
	  1u << KA_VCPU_PMU_V3, 0 },
	{ "pointer-authentication", "signed pointers", look_pauth,
	  FLEET_PTRAUTH, 0 },
	{ "sve", "scalable vectors", look_sve, 1u << KA_VCPU_SVE, 0 },
	{ "aarch32-el1", "32-bit guest kernels", look_cap,
	  KA_CAP_ARM_EL1_32BIT, 0 },
	{ "nested", "guest hypervisors", look_cap, CAP_ARM_EL2, 0 },
	{ "memory-tags", "MTE, which no image carries yet", look_cap,
	  KA_CAP_ARM_MTE, 0 },
	{ "psci", "the newest PSCI that guests can be shown", look_psci, 0,
	  0 },
	{ "trng", "hypercall: entropy", look_bit, KA_BMAP(0), 1 },
	{ "pv-time", "hypercall: stolen time", look_bit, KA_BMAP(1), 1 },
	{ "kvm-features", "hypercall: KVM's features", look_bit, KA_BMAP(2),
	  1 },
	{ "ptp", "hypercall: the host's clock", look_bit, KA_BMAP(2), 2 },
	{ "cpu-discovery", "hypercall: the CPUs that a guest may meet",
	  look_bit, KA_BMAP(3), 2 },
	{ "physical-timer", "the physical timer and counter of a guest",
	  look_register, KA_PTIMER_CTL, 0 },
	{ "counter-offset", "KVM_ARM_SET_COUNTER_OFFSET", look_cap,
	  KA_CAP_COUNTER_OFFSET, 0 },
	{ "writable-id-registers", "feature registers that can be levelled",
	  look_masks, 0, 0 },
	{ "writable-identity", "a VM may have a MIDR_EL1 of its own", look_cap,
	  CAP_ARM_WRITABLE_IMP_ID_REGS, 0 },
	{ "stolen-time", "the area where a guest reads its stolen time",
	  look_cap, KA_CAP_STEAL_TIME, 0 },
	{ "system-suspend", "a guest may suspend itself", look_cap,
	  KA_CAP_ARM_SYSTEM_SUSPEND, 0 },
	{ "nisv-to-user", "accesses that KVM cannot decode go to the VMM",
	  look_cap, KA_CAP_ARM_NISV_TO_USER, 0 },
	{ "serror-syndrome", "SErrors with a syndrome", look_cap,
	  KA_CAP_ARM_INJECT_SERROR_ESR, 0 },
	{ "vm-registers", "register ioctls on the VM's descriptor", look_cap,
	  KA_CAP_VM_ONE_REG, KA_VM_ONE_REG_IOCTLS },
	{ "vectors", "many registers in one ioctl", look_cap,
	  KA_CAP_VM_ONE_REG, KA_VM_ONE_REG_VECTORS },
	{ "vm-configuration", "VM configuration registers", look_cap,
	  KA_CAP_VM_ONE_REG, KA_VM_ONE_REG_CONFIG },
	{ "asymmetric-vcpus", "vCPUs that differ in VM-wide state", look_cap,
	  KA_CAP_VM_ONE_REG, KA_VM_ONE_REG_ASYM },
	{ "tagged-ids", "lists that mark what the VM has once", look_cap,
	  KA_CAP_ARM_REG_SCOPE, 1 },
	{ "omitted-ids", "lists that leave out what the VM has once", look_cap,
	  KA_CAP_ARM_REG_SCOPE, 2 },
	{ "vcpus", "vCPUs of a VM", look_limit, KA_CAP_MAX_VCPUS, 0 },
	{ "address-bits", "of a VM's physical addresses", look_limit,
	  KA_CAP_ARM_VM_IPA_SIZE, 0 },
};

/* ---- all of it ---- */

static enum onereg_gate_state sum_up(const struct onereg_gate *g, size_t row)
{
	size_t n[ONEREG_GATE_UNKNOWN + 1] = { 0 };

	for (size_t i = 0; i < g->n_hosts; i++)
		n[cell_of(g, row, i)->state]++;
	if (n[ONEREG_GATE_ABSENT] == g->n_hosts)
		return ONEREG_GATE_ABSENT;
	if (n[ONEREG_GATE_ABSENT] || n[ONEREG_GATE_HELD])
		return ONEREG_GATE_HELD;
	return n[ONEREG_GATE_UNKNOWN] ? ONEREG_GATE_UNKNOWN :
					ONEREG_GATE_OPEN;
}

static int check_hosts(const struct onereg_host *const *hosts, size_t n,
		       struct onereg_report *report)
{
	if (!n) {
		report_error(report, EINVAL, NULL, "gate", "of no host");
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++)
		if (!hosts[i]->n_profiles) {
			report_error(report, EINVAL, NULL, "host description",
				     "host %zu describes no profile", i);
			return -EINVAL;
		}
	return 0;
}

int onereg_gate_new(const struct onereg_host *const *hosts, size_t n_hosts,
		    struct onereg_gate **ret, struct onereg_report *report)
{
	struct onereg_gate *g;
	int r = check_hosts(hosts, n_hosts, report);

	if (r)
		return r;
	g = calloc(1, sizeof(*g));
	if (!g)
		return no_memory(report, "gate");
	g->n_hosts = n_hosts;
	g->hosts = hosts;
	g->cells = calloc(ARRAY_SIZE(rows) * n_hosts, sizeof(*g->cells));
	g->results = calloc(ARRAY_SIZE(rows), sizeof(*g->results));
	if (!g->cells || !g->results) {
		onereg_gate_free(g);
		return no_memory(report, "gate");
	}
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		for (size_t i = 0; i < n_hosts; i++)
			rows[row].look(g, row, i);
		g->results[row].state = sum_up(g, row);
	}
	g->features = fleet_features(hosts, n_hosts);
	g->hosts = NULL;
	*ret = g;
	return 0;
}

void onereg_gate_free(struct onereg_gate *g)
{
	if (!g)
		return;
	free(g->cells);
	free(g->results);
	free(g);
}

/* ---- asking ---- */

const char *onereg_gate_state_name(enum onereg_gate_state state)
{
	static const char *const names[] = {
		[ONEREG_GATE_OPEN] = "open",
		[ONEREG_GATE_HELD] = "held",
		[ONEREG_GATE_ABSENT] = "absent",
		[ONEREG_GATE_UNKNOWN] = "unknown",
	};

	return (size_t)state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

int onereg_gate_feature(const struct onereg_gate *g, size_t i,
			struct onereg_gate_feature *ret)
{
	struct onereg_gate_feature f = { .size = ret->size };

	if (ret->size < sizeof(ret->size))
		return -EINVAL;
	if (i >= ARRAY_SIZE(rows))
		return -ENOENT;
	f.name = rows[i].name;
	f.text = rows[i].text;
	f.state = g->results[i].state;
	if (f.state == ONEREG_GATE_OPEN && *g->results[i].common)
		f.common = g->results[i].common;
	memcpy(ret, &f, ret->size < sizeof(f) ? ret->size : sizeof(f));
	return 0;
}

int onereg_gate_host(const struct onereg_gate *g, size_t feature, size_t host,
		     enum onereg_gate_state *ret, const char **ret_why)
{
	if (feature >= ARRAY_SIZE(rows) || host >= g->n_hosts)
		return -ENOENT;
	*ret = cell_of(g, feature, host)->state;
	*ret_why = cell_of(g, feature, host)->why;
	return 0;
}

int onereg_gate_ask(const struct onereg_gate *g, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return g->results[i].state;
	return -ENOENT;
}

uint32_t onereg_gate_vcpu_features(const struct onereg_gate *g)
{
	return g->features;
}
