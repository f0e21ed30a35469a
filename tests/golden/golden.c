/* SPDX-License-Identifier: MIT */
/*
 * Plain text on purpose: numbers as they are in memory, no names, so that
 * only the format can change it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "internal.h"

static void print_hex(FILE *f, const void *data, size_t size)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < size; i++)
		fprintf(f, "%02x", p[i]);
	fputc('\n', f);
}

static void print_row(FILE *f, const struct regset *set, const uint8_t *row)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		fprintf(f, " %016" PRIx64 " ", set->ids[i]);
		print_hex(f, row + set->offsets[i],
			  onereg_reg_size(set->ids[i]));
	}
}

static void print_attrs(FILE *f, const struct attrs *attrs)
{
	size_t i;

	for (i = 0; i < attrs->n; i++)
		fprintf(f, " attr %u %u %016" PRIx64 " %" PRIx64 "\n",
			attrs->v[i].group, attrs->v[i].size, attrs->v[i].attr,
			attrs->v[i].value);
}

static void print_shape(FILE *f, const struct onereg_image *image)
{
	size_t i;

	fprintf(f, "image by %s on %s\n", image->writer, image->release);
	fprintf(f,
		"saved at %" PRIu64 " counter %" PRIu64 " midr %" PRIx64 "\n",
		image->saved_at, image->counter_frequency, image->midr);
	fprintf(f, "partial %d fresh %d gic %d\ntarget %u features",
		image->partial, image->fresh, image->has_gic, image->target);
	for (i = 0; i < 7; i++)
		fprintf(f, " %x", image->features[i]);
	fputc('\n', f);
	for (i = 0; i < image->n_caps; i++) {
		const struct onereg_cap *c = &image->caps[i];

		fprintf(f,
			"cap %u %x %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64
			"\n",
			c->cap, c->flags, c->args[0], c->args[1], c->args[2],
			c->args[3]);
	}
}

static void print_image(FILE *f, const struct onereg_image *image)
{
	size_t i;

	print_shape(f, image);
	if (image->config_set.n)
		fprintf(f, "config\n");
	print_row(f, &image->config_set, image->config_row);
	fprintf(f, "vm\n");
	print_row(f, &image->vm_set, image->vm_row);
	for (i = 0; i < image->n_vcpus; i++) {
		const struct vcpu_state *v = &image->vcpus[i];

		fprintf(f, "vcpu %u list %u mp %u\n", v->id, v->set,
			v->mp_state);
		print_row(f, &image->sets[v->set], v->row);
		print_attrs(f, &v->attrs);
		if (v->has_events) {
			fprintf(f, " events ");
			print_hex(f, &v->events, sizeof(v->events));
		}
	}
	fprintf(f, "gic\n");
	print_attrs(f, &image->gic);
	for (i = 0; i < image->n_conflicts; i++)
		fprintf(f, "conflict %016" PRIx64 "\n", image->conflicts[i]);
}

static void print_profile(FILE *f, const struct host_profile *p)
{
	size_t i;

	fprintf(f, "profile %x\n", p->features);
	for (i = 0; i < p->set.n; i++) {
		fprintf(f,
			" %016" PRIx64 " scope %u mask %u %" PRIx64 " reset ",
			p->set.ids[i], p->scope[i], p->has_mask[i],
			p->writable[i]);
		/* What older files are like, whose texts are kept. */
		if (scope_source(p, i) & ONEREG_SCOPE_TOLD)
			fprintf(f, "source %u ", scope_source(p, i));
		if (p->has_reset[i])
			print_hex(f, p->reset + p->set.offsets[i],
				  onereg_reg_size(p->set.ids[i]));
		else
			fprintf(f, "unknown\n");
	}
}

static void print_host(FILE *f, const struct onereg_host *host)
{
	size_t i;

	fprintf(f, "host by %s on %s\n", host->writer, host->release);
	fprintf(f,
		"midr %" PRIx64 " counter %" PRIu64 " partial %d probed %d\n",
		host->midr, host->counter_frequency, host->partial,
		host->probed);
	for (i = 0; i < host->n_caps; i++)
		fprintf(f, "cap %u %d\n", host->caps[i].cap,
			host->caps[i].value);
	for (i = 0; i < host->n_profiles; i++)
		print_profile(f, &host->profiles[i]);
}

static void print_error(FILE *f, int r, const struct onereg_report *report)
{
	const struct onereg_finding *finding = onereg_report_get(report, 0);

	fprintf(f, "refused: %s: %s\n", strerrorname_np(-r),
		finding ? finding->why : "no finding");
}

static void describe_file(FILE *f, const char *path,
			  struct onereg_report *report)
{
	const char *suffix = strrchr(path, '.');
	struct onereg_image *image;
	struct onereg_host *host;
	int r;

	if (!strcmp(suffix, ".host")) {
		r = onereg_host_read_file(path, &host, report);
		if (!r) {
			print_host(f, host);
			onereg_host_free(host);
		}
	} else {
		r = onereg_image_read_file(path, &image, report);
		if (!r) {
			print_image(f, image);
			onereg_image_free(image);
		}
	}
	if (r)
		print_error(f, r, report);
}

char *golden_describe(const char *path)
{
	struct onereg_report *report;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f || onereg_report_new(&report))
		abort();
	describe_file(f, path, report);
	onereg_report_free(report);
	fclose(f);
	return text;
}
