/* SPDX-License-Identifier: MIT */
/* Fleets for tests: recorded hosts (tests/fleet), what check says of a guest. */
#ifndef TESTS_LIB_FLEETS_H
#define TESTS_LIB_FLEETS_H

#include "checks.h"
#include "fleet.h"

#define MAX_HOSTS 6

static inline struct onereg_host *recorded(const char *name)
{
	struct onereg_host *host = NULL;
	char command[512], *data = malloc(1 << 20);
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "xz -dc '%s/tests/fleet/%s.host.xz'",
		 SOURCE_ROOT, name);
	f = popen(command, "r");
	cr_assert(f && data);
	n = fread(data, 1, 1 << 20, f);
	cr_assert_eq(pclose(f), 0, "%s", command);
	cr_assert_eq(onereg_host_read(data, n, &host, NULL), 0, "%s", name);
	free(data);
	return host;
}

struct hosts {
	const struct onereg_host *v[MAX_HOSTS];
	const char *names[MAX_HOSTS];
	size_t n;
};

static inline struct hosts recorded_hosts(const char *const *names)
{
	struct hosts h = { .n = 0 };

	for (; names[h.n]; h.n++) {
		h.v[h.n] = recorded(names[h.n]);
		h.names[h.n] = names[h.n];
	}
	return h;
}

static inline void free_hosts(struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++)
		onereg_host_free((struct onereg_host *)(uintptr_t)h->v[i]);
}

static inline struct hosts two(struct onereg_host *a, struct onereg_host *b)
{
	return (struct hosts){ { a, b }, { "a", "b" }, 2 };
}

static inline struct onereg_host *masked(uint64_t id, uint64_t value,
					 uint64_t mask)
{
	struct onereg_host *host = host_of(id, value);

	host->profiles[0].has_mask[0] = 1;
	host->profiles[0].writable[0] = mask;
	return host;
}

static inline int level(const struct hosts *h, const char *tolerate,
			struct onereg_baseline **ret, struct onereg_report *report)
{
	struct onereg_baseline_options o = { .size = sizeof(o) };
	struct onereg_tolerances *t = NULL;
	int r;

	if (tolerate)
		cr_assert_eq(onereg_tolerances_read(tolerate, strlen(tolerate),
						    &t, NULL), 0);
	o.tolerances = t;
	r = onereg_baseline_new(h->v, h->names, h->n, &o, ret, report);
	onereg_tolerances_free(t);
	return r;
}

static inline void put(const struct regset *set, uint8_t *row,
		       const struct baseline_reg *reg)
{
	ptrdiff_t at = regset_find(set, reg->id);
	size_t size = onereg_reg_size(reg->id);
	uint64_t v = 0, now = 0;

	if (at < 0)
		return;
	if (size > 8) {
		memcpy(row + set->offsets[at], reg->value, size);
		return;
	}
	memcpy(&v, reg->value, size);
	memcpy(&now, row + set->offsets[at], size);
	v = (v & ~reg->left) | (now & reg->left);
	memcpy(row + set->offsets[at], &v, size);
}

/* A fresh VM of the host, pinned. */
static inline struct onereg_image *pinned(const struct onereg_host *host,
					  const struct onereg_baseline *b)
{
	struct onereg_image *image;
	size_t p = 0;

	while (host->profiles[p].features != b->features)
		p++;
	cr_assert_eq(onereg_image_from_host(host, p, 1, &image), 0);
	for (size_t i = 0; i < b->n; i++) {
		put(&image->vm_set, image->vm_row, &b->regs[i]);
		put(&image->sets[0], image->vcpus[0].row, &b->regs[i]);
	}
	return image;
}

/* What has the register in the other image, in whichever list it is. */
static inline void put_all(struct onereg_image *to, const struct regset *set,
			   const uint8_t *row)
{
	for (size_t i = 0; i < set->n; i++) {
		struct baseline_reg reg = { .id = set->ids[i] };

		if (onereg_reg_size(reg.id) > sizeof(reg.value))
			continue;
		memcpy(reg.value, row + set->offsets[i],
		       onereg_reg_size(reg.id));
		put(&to->vm_set, to->vm_row, &reg);
		put(&to->sets[0], to->vcpus[0].row, &reg);
	}
}

/* The VM after it was moved there: what it did not have is that host's. */
static inline struct onereg_image *moved(const struct onereg_image *image,
					 const struct onereg_host *host)
{
	struct onereg_baseline none = { .features = image->features[0] };
	struct onereg_image *to = pinned(host, &none);

	put_all(to, &image->vm_set, image->vm_row);
	put_all(to, &image->sets[0], image->vcpus[0].row);
	return to;
}

static inline void may_move(struct onereg_image *image,
			    const struct onereg_tolerances *t,
			    const struct hosts *h, size_t to, const char *from)
{
	struct onereg_report *report = new_report();
	enum onereg_verdict v;
	char text[512];

	onereg_image_tolerate(image, t);
	v = check(image, h->v[to], report);
	onereg_report_format(report, text, sizeof(text));
	/* The timer is not enabled, and time is time. */
	cr_assert(v < ONEREG_NO, "%s to %s: %s", from, h->names[to], text);
	onereg_report_free(report);
}

/* A pinned guest of each, to each, and from there to each. */
static inline void moves_everywhere(struct hosts *h, const char *tolerate)
{
	struct onereg_baseline *b = NULL;
	struct onereg_tolerances *t = NULL;
	struct onereg_report *report = new_report();
	char text[512];
	int r = level(h, tolerate, &b, report);

	onereg_report_format(report, text, sizeof(text));
	cr_assert_eq(r, 0, "no baseline: %s", text);
	if (tolerate)
		cr_assert_eq(onereg_tolerances_read(tolerate, strlen(tolerate),
						    &t, NULL), 0);
	for (size_t i = 0; i < h->n; i++) {
		struct onereg_image *image = pinned(h->v[i], b);

		for (size_t k = 0; k < h->n; k++) {
			struct onereg_image *there;

			may_move(image, t, h, k, h->names[i]);
			there = moved(image, h->v[k]);
			for (size_t j = 0; j < h->n; j++)
				may_move(there, t, h, j, h->names[k]);
			onereg_image_free(there);
		}
		onereg_image_free(image);
	}
	onereg_report_free(report);
	onereg_tolerances_free(t);
	onereg_baseline_free(b);
	free_hosts(h);
}

#endif
