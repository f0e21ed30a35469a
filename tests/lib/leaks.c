/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "leaks.h"

/* There with AddressSanitizer only. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void check_leaks(void)
{
	if (__lsan_do_recoverable_leak_check &&
	    __lsan_do_recoverable_leak_check())
		abort();
}
