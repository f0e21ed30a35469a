/* SPDX-License-Identifier: MIT */
/* Files are recognised by what is in them, not by their names. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* docs/format.md: the header */
#define MAGIC		"\x89ONR\r\n\x1a\n"
#define MAGIC_SIZE	8
#define KIND_OFFSET	12
#define KIND_SIZE	4

#define MAX_FILE	(1u << 30)

struct bytes {
	unsigned char *data;
	size_t size;
};

/* Grows with what is read: the file may be a pipe. */
static int read_stream(FILE *f, struct bytes *ret)
{
	size_t allocated = 0, n;

	do {
		if (ret->size == allocated) {
			unsigned char *p;

			allocated = allocated ? allocated * 2 : 65536;
			p = realloc(ret->data, allocated);
			if (!p)
				return -ENOMEM;
			ret->data = p;
		}
		n = fread(ret->data + ret->size, 1, allocated - ret->size, f);
		ret->size += n;
		if (ret->size > MAX_FILE)
			return -EFBIG;
	} while (n);
	return ferror(f) ? (errno ? -errno : -EIO) : 0;
}

static int read_file(const char *path, struct bytes *ret)
{
	FILE *f = fopen(path, "rb");
	int r;

	*ret = (struct bytes){ 0 };
	if (!f)
		return -errno;
	errno = 0;
	r = read_stream(f, ret);
	fclose(f);
	return r;
}

static bool is_kind(const struct bytes *b, const char *kind)
{
	return b->size >= KIND_OFFSET + KIND_SIZE &&
	       !memcmp(b->data, MAGIC, MAGIC_SIZE) &&
	       !memcmp(b->data + KIND_OFFSET, kind, KIND_SIZE);
}

static bool is_json(const struct bytes *b)
{
	size_t i = 0;

	while (i < b->size && strchr(" \t\r\n", b->data[i]) && b->data[i])
		i++;
	return i < b->size && b->data[i] == '{';
}

static int parse(const struct bytes *b, struct thing *ret,
		 struct onereg_report *report)
{
	ret->dump = is_json(b);
	if (ret->dump)
		return onereg_host_import(b->data, b->size, &ret->host,
					  report);
	if (is_kind(b, "HOST"))
		return onereg_host_read(b->data, b->size, &ret->host, report);
	/* What is neither is told so by this reader. */
	return onereg_image_read(b->data, b->size, &ret->image, report);
}

int load(const struct args *args, const char *path, struct thing *ret)
{
	struct onereg_report *report;
	struct bytes b;
	int r, status = DONE;

	*ret = (struct thing){ .path = path };
	r = onereg_report_new(&report);
	if (r)
		return not_done(args, r, NULL, "%s", path);
	r = read_file(path, &b);
	if (!r)
		r = parse(&b, ret, report);
	if (r)
		status = not_done(args, r, report, "%s", path);
	free(b.data);
	onereg_report_free(report);
	return status;
}

int load_bytes(const struct args *args, const char *name, const void *data,
	       size_t size, struct thing *ret)
{
	struct bytes b = { (unsigned char *)(uintptr_t)data, size };
	struct onereg_report *report;
	int r, status = DONE;

	*ret = (struct thing){ .path = name };
	r = onereg_report_new(&report);
	if (r)
		return not_done(args, r, NULL, "%s", name);
	r = parse(&b, ret, report);
	if (r)
		status = not_done(args, r, report, "%s", name);
	onereg_report_free(report);
	return status;
}

int load_host(const struct args *args, const char *path, struct thing *ret)
{
	int status = load(args, path, ret);

	if (status || ret->host)
		return status;
	unload(ret);
	return not_done(args, EINVAL, NULL,
			"%s is an image, not a host description", path);
}

int load_image(const struct args *args, const char *path, struct thing *ret)
{
	int status = load(args, path, ret), r;
	size_t n;

	if (status || ret->image)
		return status;
	n = onereg_host_n_profiles(ret->host);
	r = onereg_image_from_host(ret->host, n ? n - 1 : 0, 1, &ret->image);
	if (!r)
		return DONE;
	unload(ret);
	return not_done(args, r, NULL, "%s: no fresh VM of it", path);
}

void unload(struct thing *thing)
{
	onereg_image_free(thing->image);
	onereg_host_free(thing->host);
	*thing = (struct thing){ 0 };
}
