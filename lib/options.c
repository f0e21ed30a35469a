/* SPDX-License-Identifier: MIT */
/*
 * Option structs that carry their size: a caller built against another
 * version of onereg.h is understood as far as both versions go.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

int options_take(void *to, size_t size, const void *from)
{
	const uint8_t *bytes = from;
	size_t given;

	memcpy(&given, from, sizeof(given));
	if (given < sizeof(given))
		return -EINVAL;
	/* What a newer caller asks for and we do not know is not ignored. */
	for (size_t i = size; i < given; i++)
		if (bytes[i])
			return -E2BIG;
	memset(to, 0, size);
	memcpy(to, from, given < size ? given : size);
	memcpy(to, &size, sizeof(size));
	return 0;
}
