/* SPDX-License-Identifier: MIT */
/* What the device of msi.h holds, as JSON, for the machine file. */
#ifndef ONEREG_VMM_MSI_JSON_H
#define ONEREG_VMM_MSI_JSON_H

#include <jansson.h>

#include "msi.h"

json_t *msi_json(const struct msi_state *state);
/* -1: not what such a device can hold. object may be NULL or anything. */
int msi_parse(json_t *object, struct msi_state *ret);

#endif
