/* SPDX-License-Identifier: MIT */
/* image_bytes.h - an image's file as bytes, to damage and to read */
#ifndef ONEREG_TESTS_IMAGE_BYTES_H
#define ONEREG_TESTS_IMAGE_BYTES_H

#include "container.h"

/* Order of the sections that the writer writes. */
enum { ORIG, SHAP, VMRG, SETS, VCPU, ROWS, GICV, CONF, END, N_SECTIONS };

struct file {
	uint8_t *data;		/* the caller's */
	size_t size;
};

struct file write_image(const struct onereg_image *image);
/* small_image()'s. */
struct file small_file(void);
/* Offset of byte "offset" of the section's payload. */
size_t payload(const struct file *f, size_t section, size_t offset);
/*
 * Reads from memory of exactly that size, so that a byte more is noticed.
 * Where it is refused, there is one finding, whose reason is copied to why.
 */
int read_exactly(const uint8_t *data, size_t size, char *why, size_t why_size);
/* Refused with -error, for a reason that has "what" in it. */
void expect_error(const struct file *f, int error, const char *what);
/* Puts a section in front of the n-th; checksums are right. */
void insert_section(struct file *f, size_t n, const char *type, uint32_t flags,
		    const void *data, size_t length);

#endif
