/* SPDX-License-Identifier: MIT */
/* A host description for people and for programs. */
#include <stdio.h>
#include <string.h>

#include "show.h"

static struct onereg_host_reg reg_at(const struct onereg_host *host,
				     size_t profile, size_t i)
{
	struct onereg_host_reg reg = { .size = sizeof(reg) };

	(void)onereg_host_reg(host, profile, i, &reg);
	return reg;
}

static size_t count_scope(const struct onereg_host *host, size_t profile,
			  enum onereg_scope scope)
{
	size_t n = 0;

	for (size_t i = 0; i < onereg_host_n_regs(host, profile); i++)
		n += reg_at(host, profile, i).scope == scope;
	return n;
}

static size_t count_bytes(const struct onereg_host *host, size_t profile)
{
	size_t n = 0;

	for (size_t i = 0; i < onereg_host_n_regs(host, profile); i++)
		n += reg_at(host, profile, i).value_size;
	return n;
}

static bool knows_scopes(const struct onereg_host *host)
{
	size_t last = onereg_host_n_profiles(host) - 1;

	return onereg_host_n_profiles(host) &&
	       count_scope(host, last, ONEREG_SCOPE_UNKNOWN) <
		       onereg_host_n_regs(host, last);
}

/* How the scopes of the largest vCPU's registers are known. */
static unsigned int scope_sources(const struct onereg_host *host)
{
	size_t last = onereg_host_n_profiles(host) - 1;
	unsigned int sources = 0;

	for (size_t i = 0; onereg_host_n_profiles(host) &&
			   i < onereg_host_n_regs(host, last); i++)
		sources |= reg_at(host, last, i).scope_source;
	return sources;
}

static void print_scope_sources(const struct onereg_host *host)
{
	static const char *const texts[] = {
		"neither told nor observed",
		"observed on scratch VMs",
		"told by the kernel",
		"told by the kernel, and observed where that is possible",
	};

	printf("%-10s %s\n", "scopes", texts[scope_sources(host) % 4]);
}

static void print_facts(const struct onereg_host *host)
{
	uint64_t hz = onereg_host_counter_frequency(host);

	printf("%-10s %s\n", "kernel", onereg_host_release(host));
	printf("%-10s MIDR_EL1 0x%08llx\n", "CPU",
	       (unsigned long long)onereg_host_midr(host));
	if (hz)
		printf("%-10s %llu Hz\n", "counter", (unsigned long long)hz);
	else
		printf("%-10s frequency not known\n", "counter");
	if (onereg_host_partial(host))
		printf("%-10s imported from a register dump: not all that the "
		       "host has\n", "source");
}

static void print_caps(const struct onereg_host *host)
{
	uint32_t cap;
	int value;

	if (onereg_host_n_caps(host))
		printf("\n%scapabilities%s\n", color(BOLD), color(PLAIN));
	for (size_t i = 0; i < onereg_host_n_caps(host); i++) {
		const char *name;

		value = onereg_host_cap_at(host, i, &cap);
		name = onereg_cap_name(cap);
		if (value)
			printf("  %-40s %d\n", name ? name : "?", value);
	}
}

static void print_profiles(const struct onereg_host *host)
{
	bool probed = knows_scopes(host);
	char text[FEATURES_TEXT_SIZE];

	printf("\n%svCPUs that it offers%s\n  registers  bytes", color(BOLD),
	       color(PLAIN));
	if (probed)
		printf("  per vCPU   VM  host  unknown");
	printf("  features\n");
	for (size_t i = 0; i < onereg_host_n_profiles(host); i++) {
		printf("  %9zu  %5zu", onereg_host_n_regs(host, i),
		       count_bytes(host, i));
		if (probed)
			printf("  %8zu %4zu  %4zu  %7zu",
			       count_scope(host, i, ONEREG_SCOPE_VCPU),
			       count_scope(host, i, ONEREG_SCOPE_VM),
			       count_scope(host, i, ONEREG_SCOPE_HOST),
			       count_scope(host, i, ONEREG_SCOPE_UNKNOWN));
		printf("  %s\n",
		       features_line(onereg_host_profile_features(host, i),
				     text));
	}
}

void print_host_summary(const struct onereg_host *host)
{
	print_facts(host);
	print_scope_sources(host);
	print_caps(host);
	print_profiles(host);
}

static void print_reg(const struct onereg_host_reg *reg, bool probed)
{
	char name[96], value[VALUE_TEXT_SIZE] = "?";

	onereg_reg_name(reg->id, name, sizeof(name));
	if (reg->reset)
		value_text(reg->reset, reg->value_size, value);
	printf("  %-24s", name);
	if (probed)
		printf(" %-8s %-17s", onereg_scope_name(reg->scope),
		       onereg_scope_source_name(reg->scope_source));
	printf(" %s", value);
	if (reg->has_mask)
		printf("  %swritable 0x%llx%s", color(DIM),
		       (unsigned long long)reg->writable, color(PLAIN));
	putchar('\n');
	if (reg->reset)
		print_fields(reg->id, reg->reset, reg->value_size);
}

void print_host_registers(const struct onereg_host *host)
{
	size_t last = onereg_host_n_profiles(host) - 1;
	bool probed = knows_scopes(host);
	char text[FEATURES_TEXT_SIZE];

	if (!onereg_host_n_profiles(host))
		return;
	printf("\n%sregisters of a vCPU with %s%s\n", color(BOLD),
	       features_line(onereg_host_profile_features(host, last), text),
	       color(PLAIN));
	for (size_t i = 0; i < onereg_host_n_regs(host, last); i++) {
		struct onereg_host_reg reg = reg_at(host, last, i);

		print_reg(&reg, probed);
	}
}

/* ---- JSON ---- */

static json_t *caps_json(const struct onereg_host *host)
{
	json_t *a = json_array();

	for (size_t i = 0; i < onereg_host_n_caps(host); i++) {
		uint32_t cap;
		int value = onereg_host_cap_at(host, i, &cap);

		json_array_append_new(
			a, json_pack("{s:I, s:s?, s:i}", "number",
				     (json_int_t)cap, "name",
				     onereg_cap_name(cap), "value", value));
	}
	return a;
}

static json_t *reg_json(const struct onereg_host_reg *reg)
{
	char name[96];
	json_t *o;

	onereg_reg_name(reg->id, name, sizeof(name));
	o = json_pack("{s:o, s:s, s:I, s:s, s:s, s:o}", "id",
		      json_hex(reg->id), "name", name, "bytes",
		      (json_int_t)reg->value_size, "scope",
		      onereg_scope_name(reg->scope), "scope_source",
		      onereg_scope_source_name(reg->scope_source), "reset",
		      json_value(reg->reset, reg->value_size));
	if (reg->has_mask)
		json_object_set_new(o, "writable", json_hex(reg->writable));
	if (reg->reset) {
		json_t *fields = fields_json(reg->id, reg->reset,
					     reg->value_size);

		if (fields)
			json_object_set_new(o, "fields", fields);
	}
	return o;
}

static json_t *profiles_json(const struct onereg_host *host)
{
	json_t *a = json_array();

	for (size_t p = 0; p < onereg_host_n_profiles(host); p++) {
		uint32_t features = onereg_host_profile_features(host, p);
		json_t *regs = json_array();

		for (size_t i = 0; i < onereg_host_n_regs(host, p); i++) {
			struct onereg_host_reg reg = reg_at(host, p, i);

			json_array_append_new(regs, reg_json(&reg));
		}
		json_array_append_new(a, json_pack("{s:o, s:o}", "features",
						   json_features(features),
						   "registers", regs));
	}
	return a;
}

json_t *host_json(const struct onereg_host *host)
{
	return json_pack(
		"{s:s, s:s, s:o, s:I, s:b, s:b, s:s, s:o, s:o}", "kind", "host",
		"release", onereg_host_release(host), "midr",
		json_hex(onereg_host_midr(host)), "counter_frequency",
		(json_int_t)onereg_host_counter_frequency(host), "partial",
		onereg_host_partial(host), "probed",
		(scope_sources(host) & ONEREG_SCOPE_OBSERVED) != 0, "scopes",
		onereg_scope_source_name(scope_sources(host)),
		"capabilities", caps_json(host), "profiles",
		profiles_json(host));
}
