/* SPDX-License-Identifier: MIT */
/*
 * Baselines as objects and as files of JSON, which people read and keep in
 * version control:
 *
 *	{ "onereg-baseline": 1,
 *	  "features": ["PSCI_0_2", "PMU_V3"],
 *	  "hosts": ["rack1", "rack2"],
 *	  "lacking": ["PTIMER_CTL"],
 *	  "registers": [
 *	    { "register": "ID_AA64PFR0_EL1", "value": "0x1100000011110112",
 *	      "left": "0x0" }, ... ] }
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "fleet.h"

#define VERSION		1
#define MAX_REGS	4096
#define MAX_NAME	255
#define OPERATION	"baseline"

/* ---- the object ---- */

int baseline_add(struct onereg_baseline *b, const struct baseline_reg *reg)
{
	if (b->n == b->allocated) {
		size_t n = b->allocated ? 2 * b->allocated : 64;
		struct baseline_reg *regs = realloc(b->regs,
						    n * sizeof(*regs));

		if (!regs)
			return -ENOMEM;
		b->regs = regs;
		b->allocated = n;
	}
	b->regs[b->n++] = *reg;
	return 0;
}

int baseline_add_host(struct onereg_baseline *b, const char *name)
{
	char **hosts = realloc(b->hosts, (b->n_hosts + 1) * sizeof(*hosts));

	if (!hosts)
		return -ENOMEM;
	b->hosts = hosts;
	hosts[b->n_hosts] = malloc(strlen(name) + 1);
	if (!hosts[b->n_hosts])
		return -ENOMEM;
	strcpy(hosts[b->n_hosts++], name);
	return 0;
}

int baseline_add_lacking(struct onereg_baseline *b, uint64_t id)
{
	uint64_t *ids = realloc(b->lacking, (b->n_lacking + 1) * sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	b->lacking = ids;
	ids[b->n_lacking++] = id;
	return 0;
}

bool onereg_baseline_lacks(const struct onereg_baseline *b, uint64_t id)
{
	for (size_t i = 0; i < b->n_lacking; i++)
		if (b->lacking[i] == id)
			return true;
	return false;
}

static int by_id(const void *a, const void *b)
{
	const struct baseline_reg *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

void baseline_sort(struct onereg_baseline *b)
{
	if (b->n)
		qsort(b->regs, b->n, sizeof(*b->regs), by_id);
}

void onereg_baseline_free(struct onereg_baseline *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_hosts; i++)
		free(b->hosts[i]);
	free(b->hosts);
	free(b->lacking);
	free(b->regs);
	free(b);
}

uint32_t onereg_baseline_features(const struct onereg_baseline *b)
{
	return b->features;
}

int onereg_baseline_reg(const struct onereg_baseline *b, size_t i,
			struct onereg_baseline_reg *ret)
{
	struct onereg_baseline_reg reg = { .size = ret->size };

	if (ret->size < sizeof(ret->size))
		return -EINVAL;
	if (i >= b->n)
		return -ENOENT;
	reg.id = b->regs[i].id;
	reg.value = b->regs[i].value;
	reg.value_size = onereg_reg_size(reg.id);
	reg.left = b->regs[i].left;
	reg.vcpu = baseline_is_vcpus(reg.id);
	memcpy(ret, &reg, ret->size < sizeof(reg) ? ret->size : sizeof(reg));
	return 0;
}

/* ---- reading ---- */

struct parser {
	struct onereg_baseline *b;
	struct onereg_report *report;
	char name[96];		/* of the part that is looked at */
};

static int no_memory_for(const struct parser *p)
{
	return no_memory(p->report, OPERATION);
}

#define BAD(p, ...) json_bad((p)->report, OPERATION, (p)->name, __VA_ARGS__)

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "0x" and digits, the last one the lowest, into size bytes. */
static int parse_hex(const struct parser *p, const json_t *json,
		     uint8_t *value, size_t size)
{
	const char *text = json_string_value(json);
	size_t n;

	if (!text || strncmp(text, "0x", 2) || !text[2])
		return BAD(p, "missing, or not \"0x\" and hex digits");
	n = strlen(text += 2);
	for (size_t i = 0; i < n; i++) {
		int d = digit(text[n - 1 - i]);

		if (d < 0)
			return BAD(p, "not \"0x\" and hex digits");
		if (d && i / 2 >= size)
			return BAD(p, "more than the %zu bits of the register",
				   8 * size);
		if (i / 2 < size)
			value[i / 2] |= (uint8_t)(d << i % 2 * 4);
	}
	return 0;
}

static int parse_id(struct parser *p, size_t i, const json_t *entry,
		    uint64_t *ret)
{
	const char *name =
		json_string_value(json_object_get(entry, "register"));

	snprintf(p->name, sizeof(p->name), "registers[%zu].register", i);
	if (!name)
		return BAD(p, "missing, or not a string");
	snprintf(p->name, sizeof(p->name), "registers[%zu] (%.40s)", i, name);
	if (onereg_reg_find(name, ret))
		return BAD(p, "no register is called that");
	if (!baseline_takes(*ret))
		return BAD(p, "it is state of the guest, or the host's alone: "
			      "a baseline cannot have it");
	for (size_t k = 0; k < p->b->n; k++)
		if (p->b->regs[k].id == *ret)
			return BAD(p, "is there twice");
	return 0;
}

static int refuse_unknown_keys(const struct parser *p, json_t *object,
			       const char *const *known, size_t n)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		size_t k = 0;

		while (k < n && strcmp(key, known[k]))
			k++;
		if (k == n)
			return BAD(p, "there is no \"%.40s\" in it", key);
	}
	return 0;
}

static int parse_reg(struct parser *p, size_t i, json_t *entry)
{
	static const char *const known[] = { "register", "value", "left" };
	struct baseline_reg reg = { 0 };
	uint8_t left[8] = { 0 };
	size_t end;
	int r;

	snprintf(p->name, sizeof(p->name), "registers[%zu]", i);
	if (!json_is_object(entry))
		return BAD(p, "not an object");
	r = parse_id(p, i, entry, &reg.id) ?:
	    refuse_unknown_keys(p, entry, known, ARRAY_SIZE(known));
	if (r)
		return r;
	end = strlen(p->name);
	snprintf(p->name + end, sizeof(p->name) - end, ".value");
	r = parse_hex(p, json_object_get(entry, "value"), reg.value,
		      onereg_reg_size(reg.id));
	snprintf(p->name + end, sizeof(p->name) - end, ".left");
	if (!r && json_object_get(entry, "left"))
		r = parse_hex(p, json_object_get(entry, "left"), left,
			      sizeof(left));
	memcpy(&reg.left, left, sizeof(left));
	if (r)
		return r;
	return baseline_add(p->b, &reg) ? no_memory_for(p) : 0;
}

static int parse_regs(struct parser *p, const json_t *list)
{
	int r = 0;

	snprintf(p->name, sizeof(p->name), "registers");
	if (!json_is_array(list) || json_array_size(list) > MAX_REGS)
		return BAD(p, "missing, not an array, or of more than %d",
			   MAX_REGS);
	for (size_t i = 0; i < json_array_size(list) && !r; i++)
		r = parse_reg(p, i, json_array_get(list, i));
	return r;
}

static int parse_feature(struct parser *p, const json_t *json)
{
	const char *name = json_string_value(json);
	char text[32];

	for (unsigned int bit = 0; name && bit < 32; bit++) {
		features_text(1u << bit, text, sizeof(text));
		if (strcmp(text, name))
			continue;
		p->b->features |= 1u << bit;
		return 0;
	}
	return BAD(p, "\"%.40s\" is not a feature of vCPUs",
		   name ? name : "");
}

static int parse_features(struct parser *p, const json_t *list)
{
	int r = 0;

	snprintf(p->name, sizeof(p->name), "features");
	if (!json_is_array(list))
		return BAD(p, "missing, or not an array");
	for (size_t i = 0; i < json_array_size(list) && !r; i++)
		r = parse_feature(p, json_array_get(list, i));
	return r;
}

static int parse_hosts(struct parser *p, const json_t *list)
{
	snprintf(p->name, sizeof(p->name), "hosts");
	if (list && (!json_is_array(list) || json_array_size(list) > MAX_REGS))
		return BAD(p, "not an array, or of more than %d", MAX_REGS);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name =
			json_string_value(json_array_get(list, i));

		if (!name || strlen(name) > MAX_NAME)
			return BAD(p, "[%zu] is not a name", i);
		if (baseline_add_host(p->b, name))
			return no_memory_for(p);
	}
	return 0;
}

static int parse_lacking(struct parser *p, const json_t *list)
{
	snprintf(p->name, sizeof(p->name), "lacking");
	if (list && (!json_is_array(list) || json_array_size(list) > MAX_REGS))
		return BAD(p, "not an array, or of more than %d", MAX_REGS);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name =
			json_string_value(json_array_get(list, i));
		uint64_t id;

		if (!name || onereg_reg_find(name, &id))
			return BAD(p, "[%zu] is not a register", i);
		if (baseline_add_lacking(p->b, id))
			return no_memory_for(p);
	}
	return 0;
}

static int parse_root(struct parser *p, json_t *root)
{
	static const char *const known[] = { "onereg-baseline", "features",
					     "hosts", "lacking", "registers" };
	const json_t *version = json_object_get(root, "onereg-baseline");

	snprintf(p->name, sizeof(p->name), "onereg-baseline");
	if (!json_is_integer(version))
		return BAD(p, "missing, or not a number: not a baseline");
	if (json_integer_value(version) != VERSION) {
		report_error(p->report, EPROTO, OPERATION, p->name,
			     "version %lld, and this onereg reads %d",
			     (long long)json_integer_value(version), VERSION);
		return -EPROTO;
	}
	return refuse_unknown_keys(p, root, known, ARRAY_SIZE(known)) ?:
	       parse_features(p, json_object_get(root, "features")) ?:
	       parse_hosts(p, json_object_get(root, "hosts")) ?:
	       parse_lacking(p, json_object_get(root, "lacking")) ?:
	       parse_regs(p, json_object_get(root, "registers"));
}

int onereg_baseline_read(const void *json, size_t size,
			 struct onereg_baseline **ret,
			 struct onereg_report *report)
{
	struct parser p = { .report = report };
	json_t *root;
	int r = json_parse(json, size, OPERATION, &root, report);

	if (r)
		return r;
	p.b = calloc(1, sizeof(*p.b));
	r = p.b ? parse_root(&p, root) : no_memory_for(&p);
	json_decref(root);
	if (r) {
		onereg_baseline_free(p.b);
		return r;
	}
	baseline_sort(p.b);
	*ret = p.b;
	return 0;
}

int onereg_baseline_read_file(const char *path, struct onereg_baseline **ret,
			      struct onereg_report *report)
{
	size_t size;
	void *data;
	int r = file_read_all(path, &data, &size, report);

	if (r)
		return r;
	r = onereg_baseline_read(data, size, ret, report);
	free(data);
	return r;
}

/* ---- writing ---- */

static void hex_text(const uint8_t *value, size_t size,
		     char text[2 * BASELINE_VALUE_SIZE + 3])
{
	while (size > 1 && !value[size - 1])
		size--;
	text += sprintf(text, "0x%x", value[size - 1]);
	while (--size)
		text += sprintf(text, "%02x", value[size - 1]);
}

/* One that leads back to the id: S3_0_C0_C4_3 is for people only. */
static const char *file_name(uint64_t id, char name[64])
{
	uint64_t found;

	onereg_reg_name(id, name, 64);
	if (onereg_reg_find(name, &found) || found != id)
		snprintf(name, 64, "0x%llx", (unsigned long long)id);
	return name;
}

static json_t *reg_json(const struct baseline_reg *reg)
{
	char name[64], value[2 * BASELINE_VALUE_SIZE + 3], left[24];

	file_name(reg->id, name);
	hex_text(reg->value, onereg_reg_size(reg->id), value);
	if (!reg->left)
		return json_pack("{s:s, s:s}", "register", name, "value",
				 value);
	snprintf(left, sizeof(left), "0x%llx", (unsigned long long)reg->left);
	return json_pack("{s:s, s:s, s:s}", "register", name, "value", value,
			 "left", left);
}

static int fill(const struct onereg_baseline *b, json_t *features,
		json_t *hosts, json_t *lacking, json_t *regs)
{
	char text[64];
	int r = 0;

	for (unsigned int bit = 0; bit < 32; bit++) {
		if (!(b->features >> bit & 1))
			continue;
		features_text(1u << bit, text, sizeof(text));
		r |= json_array_append_new(features, json_string(text));
	}
	for (size_t i = 0; i < b->n_hosts; i++)
		r |= json_array_append_new(hosts, json_string(b->hosts[i]));
	for (size_t i = 0; i < b->n_lacking; i++)
		r |= json_array_append_new(
			lacking, json_string(file_name(b->lacking[i], text)));
	for (size_t i = 0; i < b->n; i++)
		r |= json_array_append_new(regs, reg_json(&b->regs[i]));
	return r ? -ENOMEM : 0;
}

/* jansson's memory need not be free()'s. */
static int text_of(const json_t *root, char **ret, size_t *ret_size)
{
	size_t size = json_dumpb(root, NULL, 0, JSON_INDENT(1));
	char *text = size ? malloc(size + 2) : NULL;

	if (!text)
		return -ENOMEM;
	if (json_dumpb(root, text, size, JSON_INDENT(1)) != size) {
		free(text);
		return -ENOMEM;
	}
	strcpy(text + size, "\n");
	*ret = text;
	*ret_size = size + 1;
	return 0;
}

int onereg_baseline_write(const struct onereg_baseline *b, char **ret,
			  size_t *ret_size)
{
	json_t *features = json_array(), *hosts = json_array();
	json_t *regs = json_array(), *lacking = json_array();
	int r = features && hosts && regs && lacking ?
			fill(b, features, hosts, lacking, regs) :
			-ENOMEM;
	json_t *root;

	/* Takes the four, also where it fails. */
	root = json_pack("{s:i, s:o, s:o, s:o, s:o}", "onereg-baseline",
			 VERSION, "features", features, "hosts", hosts,
			 "lacking", lacking, "registers", regs);
	if (!root)
		return -ENOMEM;
	if (!r)
		r = text_of(root, ret, ret_size);
	json_decref(root);
	return r;
}

int onereg_baseline_write_file(const struct onereg_baseline *b,
			       const char *path, struct onereg_report *report)
{
	size_t size;
	char *text;
	int r = onereg_baseline_write(b, &text, &size);

	if (r) {
		report_error(report, r, NULL, OPERATION,
			     "no memory, or a host's name is not UTF-8");
		return r;
	}
	r = file_write_whole(path, text, size, report);
	free(text);
	return r;
}
