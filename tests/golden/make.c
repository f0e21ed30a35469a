/* SPDX-License-Identifier: MIT */
/*
 * Makes the golden files: make DIRECTORY. For a new version of the format, or
 * a new kind of damage; files that are kept are never made anew.
 *
 * good/x decodes to what good/x.txt says; bad/x is refused as bad/x.txt says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "golden.h"
#include "reseal.h"
#include "samples.h"

static const char *directory;

static void save(const char *name, const void *data, size_t size)
{
	char path[512], *text;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (!access(path, F_OK))
		return;
	if (file_write_whole(path, data, size, NULL))
		abort();
	text = golden_describe(path);
	strcat(path, ".txt");
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
	free(text);
	printf("%s\n", path);
}

static void save_image(const char *name, struct onereg_image *image)
{
	void *data;
	size_t size;

	if (onereg_image_write(image, &data, &size))
		abort();
	save(name, data, size);
	onereg_image_free(image);
	free(data);
}

static void save_host(const char *name, struct onereg_host *host)
{
	void *data;
	size_t size;

	if (onereg_host_write(host, &data, &size))
		abort();
	save(name, data, size);
	onereg_host_free(host);
	free(data);
}

static void make_good(void)
{
	struct onereg_image *image;

	save_image("good/small.image", small_image());
	save_image("good/empty.image",
		   sample_image(&(struct sample_shape){ 0 }));
	image = sample_image(&(struct sample_shape){ .seed = 4,
						     .n_vcpus = 8,
						     .n_sets = 2,
						     .n_ids = 7,
						     .n_vm_ids = 9,
						     .n_gic = 5 });
	save_image("good/eight-vcpus.image", image);
	save_host("good/small.host", small_host());
	save_host("good/empty.host", sample_host(0, 0, 0, 0));
	save_host("good/told.host", told_host());
	save_image("good/vm-config.image", config_image(true));
	save_image("good/vm-config-optional.image", config_image(false));
	save_image("good/its.image", its_image());
}

/* The file of an image, with bytes of one section changed, its header too. */
static void change_section(const char *name, struct onereg_image *image,
			   const char *type, size_t offset, const char *bytes,
			   size_t n)
{
	size_t size, length, at = 0;
	uint8_t *data;

	if (onereg_image_write(image, (void **)&data, &size))
		abort();
	for (size_t i = 0; !at || memcmp(data + at + 8, type, 4); i++)
		at = section_at(data, size, i, &length);
	memcpy(data + at + offset, bytes, n);
	reseal(data, size);
	save(name, data, size);
	onereg_image_free(image);
	free(data);
}

static void change_config(const char *name, size_t offset, const char *bytes,
			  size_t n)
{
	change_section(name, config_image(true), "VMCF", offset, bytes, n);
}

static void change_its(const char *name, size_t offset, const char *bytes,
		       size_t n)
{
	change_section(name, its_image(), "ITSV", offset, bytes, n);
}

/* The small image with bytes changed, checksums made right or not. */
static void change(const char *name, size_t offset, const char *bytes, size_t n,
		   bool seal)
{
	struct onereg_image *image = small_image();
	uint8_t *data;
	size_t size;

	if (onereg_image_write(image, (void **)&data, &size))
		abort();
	memcpy(data + offset, bytes, n);
	if (seal)
		reseal(data, size);
	save(name, data, size);
	onereg_image_free(image);
	free(data);
}

static void cut(const char *name, size_t off)
{
	struct onereg_image *image = small_image();
	uint8_t *data;
	size_t size;

	if (onereg_image_write(image, (void **)&data, &size))
		abort();
	save(name, data, size - off);
	onereg_image_free(image);
	free(data);
}

/* Offsets of what the small image has. */
enum {
	SHAP_AT = 32 + 24 + 176,
	SHAP_PAYLOAD = SHAP_AT + 24,
	VMRG_AT = SHAP_PAYLOAD + 40 + 40,
};

static void make_bad(void)
{
	save("bad/empty.image", "", 0);
	save("bad/text.image", "a text\n", 7);
	cut("bad/truncated.image", 100);
	cut("bad/one-byte-short.image", 1);
	change("bad/as-text.image", 4, "\n\x1a\n", 3, false);
	change("bad/one-bit.image", 500, "\x55", 1, false);
	change("bad/header.image", 9, "\x01", 1, false);
	change("bad/newer-major.image", 10, "\x02", 1, true);
	change("bad/major-0.image", 10, "\x00", 1, true);
	change("bad/host.image", 12, "HOST", 4, true);
	change("bad/unknown-required.image", SHAP_AT + 8, "WHAT", 4, true);
	change("bad/flags.image", SHAP_AT + 12, "\x03", 1, true);
	change("bad/long-section.image", SHAP_AT + 16 + 4, "\x01", 1, true);
	change("bad/power-off.image", SHAP_PAYLOAD + 4, "\x7d", 1, true);
	change("bad/no-gic.image", SHAP_PAYLOAD + 32, "\x00", 1, true);
	change("bad/caps.image", SHAP_PAYLOAD + 36, "\xff\xff\xff\xff", 4,
	       true);
	change("bad/ids.image", VMRG_AT + 24, "\xff\xff\x01\x00", 4, true);
	change("bad/id-size.image", VMRG_AT + 24 + 8 + 6, "\xf0", 1, true);
	/* A section's header, an id list of four, their values. */
	change_config("bad/vm-config-none.image", 24, "\0\0\0\0\0\0\0\0", 8);
	change_config("bad/vm-config-row.image", 24 + 4, "\x18", 1);
	change_config("bad/vm-config-class.image", 24 + 8 + 2, "\x13", 1);
	change_config("bad/vm-config-twice.image", 24 + 8, "\x01", 1);
	change_config("bad/vm-config-size.image", 24 + 8 + 6, "\x20", 1);
	change_config("bad/vm-config-count.image", 24, "\xff\xff\x01", 3);
	change_config("bad/vm-config-unknown.image", 8, "VMCG", 4);
	change_config("bad/vm-config-flags.image", 12, "\x02", 1);
	/* A section's header, a number, attributes: group, size, attribute. */
	change_its("bad/its-none.image", 24, "\0", 1);
	change_its("bad/its-count.image", 24, "\xff\xff\x01", 3);
	change_its("bad/its-not-required.image", 12, "\0", 1);
	change_its("bad/its-of-gic.image", 32 + 2, "\0", 1);
	change_its("bad/its-size.image", 32 + 4, "\x04", 1);
	change_its("bad/its-first-number.image", 32 + 12, "\x01", 1);
	change_its("bad/its-no-address.image", 32 + 8, "\x02", 1);
	change_its("bad/its-of-the-next.image", 32 + 24 + 12, "\x01", 1);
	change_section("bad/its-no-gic.image", its_image(), "SHAP", 24 + 32,
		       "\0", 1);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	directory = argv[1];
	make_good();
	make_bad();
	return 0;
}
