// SPDX-License-Identifier: MIT
/* Mutexes that know who holds them. */
#include "vm_regs.h"

static _Thread_local char self;

void kernel_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: the kernel would warn: %s\n", file, line,
		what);
	abort();
}

void mutex_init(struct mutex *lock)
{
	lock->owner = NULL;
	pthread_mutex_init(&lock->os, NULL);
}

void mutex_destroy(struct mutex *lock)
{
	pthread_mutex_destroy(&lock->os);
}

bool mutex_is_mine(const struct mutex *lock)
{
	return READ_ONCE(lock->owner) == &self;
}

void mutex_lock(struct mutex *lock)
{
	if (mutex_is_mine(lock))
		kernel_bug(__FILE__, __LINE__,
			   "this thread holds that mutex already");
	pthread_mutex_lock(&lock->os);
	WRITE_ONCE(lock->owner, &self);
}

bool mutex_trylock(struct mutex *lock)
{
	if (pthread_mutex_trylock(&lock->os))
		return false;
	WRITE_ONCE(lock->owner, &self);
	return true;
}

void mutex_unlock(struct mutex *lock)
{
	lockdep_assert_held(lock);
	WRITE_ONCE(lock->owner, NULL);
	pthread_mutex_unlock(&lock->os);
}
