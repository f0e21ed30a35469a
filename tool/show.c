/* SPDX-License-Identifier: MIT */
/* onereg show: an image or host description, by register and field. */
#include <stdio.h>
#include <time.h>

#include "show.h"

static const struct option_spec specs[] = { { NULL, NULL } };

/* ---- fields ---- */

void print_fields(uint64_t id, const void *value, size_t size)
{
	const struct onereg_field *f;

	if (size > 8)
		return;
	for (size_t i = 0; (f = onereg_reg_field(id, i)); i++) {
		uint64_t v = field_value(value, size, f->lsb, f->width);

		if (v)
			printf("    %s%-16s%s 0x%llx\n", color(DIM), f->name,
			       color(PLAIN), (unsigned long long)v);
	}
}

json_t *fields_json(uint64_t id, const void *value, size_t size)
{
	const struct onereg_field *f;
	json_t *o = NULL;

	if (size > 8)
		return NULL;
	for (size_t i = 0; (f = onereg_reg_field(id, i)); i++) {
		uint64_t v = field_value(value, size, f->lsb, f->width);

		if (!o)
			o = json_object();
		json_object_set_new(o, f->name, json_hex(v));
	}
	return o;
}

/* ---- an image ---- */

static void time_text(uint64_t ns, char *buf, size_t size)
{
	time_t t = (time_t)(ns / 1000000000);
	struct tm tm;

	if (!ns || !gmtime_r(&t, &tm) ||
	    !strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(buf, size, "never");
}

static void print_image_summary(const struct onereg_image *image)
{
	char text[FEATURES_TEXT_SIZE], when[40];

	time_text(onereg_image_saved_at(image), when, sizeof(when));
	printf("%-10s %s\n", "kernel", onereg_image_release(image));
	printf("%-10s %s%s\n", "saved", when,
	       onereg_image_is_staged(image) ?
		       ", the first copy of a live migration: not whole" :
		       "");
	printf("%-10s %zu with %s\n", "vCPUs", onereg_image_n_vcpus(image),
	       features_line(onereg_image_features(image, 0), text));
	printf("%-10s %llu Hz\n", "counter",
	       (unsigned long long)onereg_image_counter_frequency(image));
	printf("%-10s %s\n", "GICv3",
	       onereg_image_has_gic(image) ? "yes" : "no");
	for (size_t i = 0; i < onereg_image_n_its(image); i++)
		printf("%-10s at 0x%llx\n", "ITS",
		       (unsigned long long)onereg_image_its_address(image, i));
	for (size_t i = 0; i < onereg_image_n_caps(image); i++) {
		uint32_t cap = onereg_image_cap(image, i)->cap;
		const char *name = onereg_cap_name(cap);

		printf("%-10s %s (%u) enabled\n", "capability",
		       name ? name : "?", cap);
	}
}

/* The library names registers; of the rest, the space and numbers do. */
static void value_name(const struct onereg_value *v, char *buf, size_t size)
{
	switch (v->space) {
	case ONEREG_SPACE_REG:
		onereg_reg_name(v->id, buf, size);
		break;
	case ONEREG_SPACE_EVENTS:
		snprintf(buf, size, "events");
		break;
	case ONEREG_SPACE_MP_STATE:
		snprintf(buf, size, "MP state");
		break;
	case ONEREG_SPACE_GIC:
		snprintf(buf, size, "GIC group %u attribute 0x%llx", v->group,
			 (unsigned long long)v->id);
		break;
	default:
		snprintf(buf, size, "vCPU attribute %u.%llu", v->group,
			 (unsigned long long)v->id);
	}
}

static struct onereg_value value_at(const struct onereg_image *image, size_t i)
{
	struct onereg_value v = { .size = sizeof(v), .vcpu = -1 };

	(void)onereg_image_value(image, i, &v);
	return v;
}

static void print_heading(const struct onereg_value *v)
{
	if (v->space == ONEREG_SPACE_GIC)
		printf("\n%sGIC%s\n", color(BOLD), color(PLAIN));
	else if (v->vcpu < 0)
		printf("\n%sVM-wide%s\n", color(BOLD), color(PLAIN));
	else
		printf("\n%svCPU %d%s\n", color(BOLD), v->vcpu, color(PLAIN));
}

static void print_image(const struct onereg_image *image)
{
	char name[96], text[VALUE_TEXT_SIZE];

	print_image_summary(image);
	for (size_t i = 0; i < onereg_image_n_values(image); i++) {
		struct onereg_value v = value_at(image, i);
		struct onereg_value before = value_at(image, i ? i - 1 : 0);

		if (!i || v.vcpu != before.vcpu ||
		    (v.space == ONEREG_SPACE_GIC) !=
			    (before.space == ONEREG_SPACE_GIC))
			print_heading(&v);
		value_name(&v, name, sizeof(name));
		printf("  %-24s %s\n", name,
		       value_text(v.value, v.value_size, text));
		if (v.space == ONEREG_SPACE_REG)
			print_fields(v.id, v.value, v.value_size);
	}
}

static json_t *value_json(const struct onereg_value *v)
{
	char name[96];
	json_t *o, *fields;

	value_name(v, name, sizeof(name));
	o = json_pack("{s:s, s:o, s:I, s:o}", "name", name, "id",
		      json_hex(v->id), "bytes", (json_int_t)v->value_size,
		      "value", json_value(v->value, v->value_size));
	if (v->vcpu >= 0)
		json_object_set_new(o, "vcpu", json_integer(v->vcpu));
	if (v->space != ONEREG_SPACE_REG) {
		json_object_set_new(o, "group", json_integer(v->group));
		return o;
	}
	fields = fields_json(v->id, v->value, v->value_size);
	if (fields)
		json_object_set_new(o, "fields", fields);
	return o;
}

static json_t *image_json(const struct onereg_image *image)
{
	json_t *values = json_array(), *caps = json_array();

	for (size_t i = 0; i < onereg_image_n_values(image); i++) {
		struct onereg_value v = value_at(image, i);

		json_array_append_new(values, value_json(&v));
	}
	for (size_t i = 0; i < onereg_image_n_caps(image); i++)
		json_array_append_new(
			caps,
			json_integer(onereg_image_cap(image, i)->cap));
	return json_pack(
		"{s:s, s:s, s:b, s:I, s:I, s:o, s:I, s:b, s:I, s:o, s:o}",
		"kind",
		"image", "release", onereg_image_release(image), "staged",
		onereg_image_is_staged(image), "saved_at",
		(json_int_t)onereg_image_saved_at(image), "vcpus",
		(json_int_t)onereg_image_n_vcpus(image), "features",
		json_features(onereg_image_features(image, 0)),
		"counter_frequency",
		(json_int_t)onereg_image_counter_frequency(image), "gic",
		onereg_image_has_gic(image), "its",
		(json_int_t)onereg_image_n_its(image), "capabilities", caps,
		"values",
		values);
}

int show_main(int argc, char **argv)
{
	struct args args;
	struct thing t;
	int status = args_parse(&args, specs, 1, argc, argv);

	if (status)
		return status;
	status = load(&args, args.operand[0], &t);
	if (status)
		return status;
	if (args.json) {
		status = print_json(t.host ? host_json(t.host) :
					     image_json(t.image), DONE);
	} else if (t.host) {
		print_host_summary(t.host);
		print_host_registers(t.host);
		status = end_text(DONE);
	} else {
		print_image(t.image);
		status = end_text(DONE);
	}
	unload(&t);
	return status;
}
