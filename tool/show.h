/* SPDX-License-Identifier: MIT */
/* Images and host descriptions as text and JSON. */
#ifndef ONEREG_TOOL_SHOW_H
#define ONEREG_TOOL_SHOW_H

#include "tool.h"

/* Kernel, CPU, capabilities, profiles: a screenful. */
void print_host_summary(const struct onereg_host *host);
void print_host_registers(const struct onereg_host *host);
json_t *host_json(const struct onereg_host *host);
/* A register's fields that are not 0, indented, one line each. */
void print_fields(uint64_t id, const void *value, size_t size);
/* { "SVE": "0x1", ... }, or NULL for a register without named fields. */
json_t *fields_json(uint64_t id, const void *value, size_t size);

#endif
