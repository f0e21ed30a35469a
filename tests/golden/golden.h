/* SPDX-License-Identifier: MIT */
#ifndef ONEREG_TESTS_GOLDEN_H
#define ONEREG_TESTS_GOLDEN_H

/*
 * All that is in a file, as text, or with what error and words it is refused;
 * its name decides between image and host. The caller frees it.
 */
char *golden_describe(const char *path);

#endif
