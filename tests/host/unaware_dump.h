/* SPDX-License-Identifier: MIT */
#ifndef ONEREG_TESTS_UNAWARE_DUMP_H
#define ONEREG_TESTS_UNAWARE_DUMP_H

#include <stddef.h>

/*
 * A line for each register that each vCPU lists: "VCPU ID VALUE", as text for
 * diff(1). What hardware changes by itself is left out of values; counters
 * have lines of another kind, "counter VCPU ID VALUE". 0: written.
 */
int unaware_dump(const char *path, const int *vcpu_fds, size_t n);

#endif
