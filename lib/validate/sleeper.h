/* SPDX-License-Identifier: MIT */
/*
 * vCPUs asleep in KVM_RUN, each in a thread of its own: initialised with
 * POWER_OFF they wait there for a signal, holding their mutex, and need neither
 * memory nor a guest.
 */
#ifndef ONEREG_LIB_VALIDATE_SLEEPER_H
#define ONEREG_LIB_VALIDATE_SLEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "validate.h"

#define SLEEPERS_MAX 16

struct sleeper {
	const struct onereg_io *io;
	int fd;
	pthread_t thread;
	atomic_int tid;		/* 0: it has not begun */
	atomic_bool out;	/* KVM_RUN returned */
	int result;
};

struct sleepers {
	struct sleeper v[SLEEPERS_MAX];
	size_t n;
	pthread_t waker;
	bool has_waker;
	unsigned int ms;	/* until the waker wakes them */
	atomic_bool woken;	/* by the waker */
	atomic_bool stop;
};

/* They are inside KVM_RUN when this returns; or the rule is broken. */
void sleepers_start(struct v *v, struct sleepers *s, const int *vcpus,
		    size_t n);
/* So that a call which wrongly waits for a vCPU comes to an end. */
void sleepers_wake_after(struct sleepers *s, unsigned int ms);
/* Did the waker wake them? If not, a call that returned did not wait. */
bool sleepers_woken(struct sleepers *s);
/* Wakes them; each KVM_RUN must have ended with -EINTR. */
void sleepers_stop(struct v *v, struct sleepers *s);

#endif
