/* SPDX-License-Identifier: MIT */
/* The words of kernel code. */
#ifndef ONEREG_MODEL_KERNEL_TYPES_H
#define ONEREG_MODEL_KERNEL_TYPES_H

#include <linux/types.h>

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;

#define __user

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif
#define min(a, b)		((a) < (b) ? (a) : (b))
#undef static_assert
#define static_assert(expr)	_Static_assert(expr, #expr)
#define BIT(n)			(1UL << (n))
#define BITS_TO_LONGS(n)	(((n) + 63) / 64)
#define DECLARE_BITMAP(name, n)	unsigned long name[BITS_TO_LONGS(n)]
#define lower_32_bits(n)	((u32)(n))
#define upper_32_bits(n)	((u32)((u64)(n) >> 32))
#define u64_to_user_ptr(x)	((void __user *)(uintptr_t)(x))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#endif
