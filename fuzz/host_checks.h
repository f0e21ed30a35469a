/* SPDX-License-Identifier: MIT */
/* What holds for every host description, wherever it came from. */
#ifndef ONEREG_FUZZ_HOST_CHECKS_H
#define ONEREG_FUZZ_HOST_CHECKS_H

#include "onereg.h"

void host_ask_everything(const struct onereg_host *host);
/* Written and read again it is the same. */
void host_round_trip(const struct onereg_host *host);

#endif
