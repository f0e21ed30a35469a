/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an image: refused with one finding, or read, asked for
 * everything, and written and read again as the same.
 */
#include <string.h>

#include "fuzz.h"
#include "onereg.h"

static void ask_everything(const struct onereg_image *image)
{
	size_t n = onereg_image_n_values(image), i;
	struct onereg_value value = { .size = sizeof(value) };
	uint8_t sum = 0;

	/* Each is found by counting from the first: not for all of many. */
	for (i = 0; i < n && i < 10000; i++) {
		EXPECT(!onereg_image_value(image, i, &value));
		EXPECT(value.value_size > 0 && value.value_size <= 256);
		sum ^= ((const uint8_t *)value.value)[value.value_size - 1];
	}
	EXPECT(onereg_image_value(image, n, &value));
	for (i = 0; i < onereg_image_n_vcpus(image); i++)
		sum ^= (uint8_t)onereg_image_vcpu_id(image, i);
	for (i = 0; i < onereg_image_n_caps(image); i++)
		sum ^= (uint8_t)onereg_image_cap(image, i)->args[3];
	for (i = 0; i < onereg_image_n_its(image); i++)
		sum ^= (uint8_t)(onereg_image_its_address(image, i) >> 16);
	EXPECT(!onereg_image_its_address(image, i));
	EXPECT(strlen(onereg_image_release(image)) < 65);
	/* Keeps the reads. */
	__asm__ volatile("" : : "r"(sum));
}

static void round_trip(const struct onereg_image *image)
{
	struct onereg_image *again;
	void *a, *b;
	size_t a_size, b_size;

	EXPECT(!onereg_image_write(image, &a, &a_size));
	EXPECT(!onereg_image_read(a, a_size, &again, NULL));
	EXPECT(!onereg_image_write(again, &b, &b_size));
	EXPECT(a_size == b_size && !memcmp(a, b, a_size));
	onereg_image_free(again);
	free(a);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct onereg_report *report;
	struct onereg_image *image;
	int r;

	EXPECT(!onereg_report_new(&report));
	r = onereg_image_read(data, size, &image, report);
	expect_report(r, report);
	if (!r) {
		ask_everything(image);
		round_trip(image);
		onereg_image_free(image);
	}
	onereg_report_free(report);
	return 0;
}
