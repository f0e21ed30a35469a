/* SPDX-License-Identifier: MIT */
/*
 * Imports the register dumps ("fingerprints") that Firecracker's
 * cpu-template-helper writes: JSON, one vCPU right after KVM_ARM_VCPU_INIT.
 *
 *	{ "kernel_version": "6.1.0",
 *	  "guest_cpu_config": {
 *	    "reg_modifiers": [ { "addr": "0x603000000013c000",
 *	                         "bitmap": "0b0...10001" }, ... ] } }
 */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"

#define MAX_REGS	65536
#define MAX_DIGITS	128
#define MODIFIERS	"guest_cpu_config.reg_modifiers"

struct import {
	struct onereg_host *host;
	struct onereg_report *report;
	struct host_profile profile;
};

static int __attribute__((format(printf, 3, 4)))
bad(struct onereg_report *report, const char *name, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	report_error(report, EBADMSG, "import", name, "%s", why);
	return -EBADMSG;
}

static int __attribute__((format(printf, 4, 5)))
bad_reg(struct import *im, size_t i, const char *key, const char *fmt, ...)
{
	char name[64], why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(name, sizeof(name), MODIFIERS "[%zu]%s%s", i,
		 *key ? "." : "", key);
	return bad(im->report, name, "%s", why);
}

/* ---- one register ---- */

static int parse_addr(struct import *im, size_t i, const json_t *reg,
		      uint64_t *ret)
{
	const char *text = json_string_value(json_object_get(reg, "addr"));
	size_t n, size;

	if (!text)
		return bad_reg(im, i, "addr", "missing, or not a string");
	n = strspn(text + (strncmp(text, "0x", 2) ? 0 : 2),
		   "0123456789abcdefABCDEF");
	if (strncmp(text, "0x", 2) || !n || n > 16 || text[2 + n])
		return bad_reg(im, i, "addr",
			       "\"%.24s\" is not 0x and 1 to 16 hex digits",
			       text);
	*ret = strtoull(text, NULL, 16);
	size = onereg_reg_size(*ret);
	if ((*ret & KA_REG_ARCH_MASK) != KA_REG_ARM64)
		return bad_reg(im, i, "addr",
			       "%.24s is not the id of an arm64 register",
			       text);
	if (!size || size > MAX_DIGITS / 8)
		return bad_reg(im, i, "addr",
			       "%.24s is the id of a register of %zu bytes; "
			       "these dumps hold up to %d",
			       text, size, MAX_DIGITS / 8);
	return 0;
}

static int parse_bitmap(struct import *im, size_t i, const json_t *reg,
			uint64_t id, uint8_t *value)
{
	const char *text = json_string_value(json_object_get(reg, "bitmap"));
	size_t size = onereg_reg_size(id), n;

	if (!text)
		return bad_reg(im, i, "bitmap", "missing, or not a string");
	if (strncmp(text, "0b", 2))
		return bad_reg(im, i, "bitmap", "does not begin with 0b");
	text += 2;
	n = strspn(text, "01");
	if (text[n] == 'x' || text[n] == 'X')
		return bad_reg(im, i, "bitmap",
			       "digit %zu is x: this is a CPU template, not a "
			       "dump of values", n);
	if (text[n])
		return bad_reg(im, i, "bitmap",
			       "digit %zu is neither 0 nor 1", n);
	if ((n != 32 && n != 64 && n != MAX_DIGITS) || n < size * 8)
		return bad_reg(im, i, "bitmap",
			       "%zu digits for a register of %zu bits", n,
			       size * 8);
	for (size_t bit = 0; bit < n; bit++) {
		if (text[n - 1 - bit] == '0')
			continue;
		if (bit >= size * 8)
			return bad_reg(im, i, "bitmap",
				       "bit %zu is set in a register of %zu "
				       "bits", bit, size * 8);
		value[bit / 8] |= (uint8_t)(1 << bit % 8);
	}
	return 0;
}

static int id_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int refuse_twins(struct import *im, const uint64_t *ids, size_t n)
{
	uint64_t *sorted = malloc((n + 1) * sizeof(*sorted));
	int r = 0;

	if (!sorted)
		return no_memory(im->report, "import");
	memcpy(sorted, ids, n * sizeof(*ids));
	qsort(sorted, n, sizeof(*sorted), id_order);
	for (size_t i = 1; i < n && !r; i++)
		if (sorted[i] == sorted[i - 1])
			r = bad(im->report, MODIFIERS,
				"0x%llx is there twice",
				(unsigned long long)sorted[i]);
	free(sorted);
	return r;
}

/* ---- the list ---- */

static int parse_ids(struct import *im, const json_t *regs, uint64_t *ids)
{
	size_t n = json_array_size(regs);

	for (size_t i = 0; i < n; i++) {
		const json_t *reg = json_array_get(regs, i);
		int r;

		if (!json_is_object(reg))
			return bad_reg(im, i, "", "not an object");
		r = parse_addr(im, i, reg, &ids[i]);
		if (r)
			return r;
	}
	return refuse_twins(im, ids, n);
}

/*
 * The dumps are made with PSCI_0_2 and nothing else. That is so although
 * those of Linux 5.10 hold PMU registers: it lists them without a PMU too.
 */
static int parse_regs(struct import *im, const json_t *regs)
{
	size_t n = json_array_size(regs);
	uint64_t *ids;
	int r;

	if (!json_is_array(regs))
		return bad(im->report, MODIFIERS, "missing, or not an array");
	if (!n || n > MAX_REGS)
		return bad(im->report, MODIFIERS, "%zu registers, not 1 to %d",
			   n, MAX_REGS);
	ids = calloc(n, sizeof(*ids));
	if (!ids)
		return no_memory(im->report, "import");
	r = parse_ids(im, regs, ids);
	if (!r) {
		r = profile_init(&im->profile, 1u << KA_VCPU_PSCI_0_2, ids, n);
		/* The ids are good: nothing else can be lacking. */
		if (r)
			no_memory(im->report, "import");
	}
	free(ids);
	for (size_t i = 0; i < n && !r; i++) {
		r = parse_bitmap(im, i, json_array_get(regs, i),
				 im->profile.set.ids[i],
				 profile_value(&im->profile, i));
		im->profile.has_reset[i] = 1;
	}
	return r;
}

/* A dump changes nothing of what KVM gives; a CPU template does. */
static int refuse_template(struct import *im, const json_t *config)
{
	static const char *const keys[] = { "kvm_capabilities",
					    "vcpu_features" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const json_t *v = json_object_get(config, keys[i]);
		char name[64];

		if (!v || (json_is_array(v) && !json_array_size(v)))
			continue;
		snprintf(name, sizeof(name), "guest_cpu_config.%s", keys[i]);
		return bad(im->report, name, "%s",
			   json_is_array(v) ?
				   "not empty: this is a CPU template, not a "
				   "dump of values" :
				   "not an array");
	}
	return 0;
}

/* ---- the file ---- */

static int parse_release(struct import *im, const json_t *root)
{
	const char *text =
		json_string_value(json_object_get(root, "kernel_version"));
	size_t size = sizeof(im->host->release);

	if (!text || !*text)
		return bad(im->report, "kernel_version",
			   "missing, or not a string: is this a register dump "
			   "of cpu-template-helper?");
	if (strlen(text) >= size)
		return bad(im->report, "kernel_version",
			   "%zu bytes long, more than a kernel's release has",
			   strlen(text));
	/* What a description's file can hold. */
	for (size_t i = 0; text[i]; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return bad(im->report, "kernel_version",
				   "byte %zu is not printable ASCII", i);
	snprintf(im->host->release, size, "%s", text);
	return 0;
}

static int parse_root(struct import *im, const json_t *root)
{
	const json_t *config;
	int r;

	if (!json_is_object(root))
		return bad(im->report, "JSON", "not an object");
	r = parse_release(im, root);
	if (r)
		return r;
	config = json_object_get(root, "guest_cpu_config");
	if (!json_is_object(config))
		return bad(im->report, "guest_cpu_config",
			   "missing, or not an object: not a register dump of "
			   "cpu-template-helper");
	r = refuse_template(im, config);
	return r ? r : parse_regs(im, json_object_get(config,
						      "reg_modifiers"));
}

static int finish(struct import *im)
{
	struct onereg_host *host = im->host;
	ptrdiff_t midr = regset_find(&im->profile.set, KA_SYS(3, 0, 0, 0, 0));

	host->profiles = calloc(1, sizeof(*host->profiles));
	if (!host->profiles)
		return no_memory(im->report, "import");
	if (midr >= 0)
		host->midr = regset_u64(&im->profile.set, im->profile.reset,
					(size_t)midr);
	host->partial = true;
	snprintf(host->writer, sizeof(host->writer), "onereg %s",
		 onereg_version());
	host->profiles[0] = im->profile;
	host->n_profiles = 1;
	return 0;
}

int onereg_host_import(const void *json, size_t size, struct onereg_host **ret,
		       struct onereg_report *report)
{
	struct import im = { .report = report };
	json_t *root;
	int r = json_parse(json, size, "import", &root, report);

	if (r)
		return r;
	im.host = calloc(1, sizeof(*im.host));
	r = im.host ? parse_root(&im, root) : no_memory(report, "import");
	if (!r)
		r = finish(&im);
	json_decref(root);
	if (r) {
		profile_free(&im.profile);
		onereg_host_free(im.host);
		return r;
	}
	*ret = im.host;
	return 0;
}
