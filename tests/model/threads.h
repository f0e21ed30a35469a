/* SPDX-License-Identifier: MIT */
/* threads.h - what tests with many threads share, each one program */
#ifndef ONEREG_TESTS_THREADS_H
#define ONEREG_TESTS_THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_int n_wrong;

/* From any thread; the first of what is wrong is told. */
#define CHECK(condition, ...)                                           \
	do {                                                            \
		if (!(condition) && n_wrong++ < 20) {                   \
			printf("# %s:%d: %s: ", __func__, __LINE__,     \
			       #condition);                             \
			printf(__VA_ARGS__);                            \
			printf("\n");                                   \
		}                                                       \
	} while (0)

static inline pthread_t start(void *(*todo)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, todo, arg)) {
		printf("Bail out! no thread\n");
		exit(1);
	}
	return thread;
}

#endif
