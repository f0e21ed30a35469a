/* SPDX-License-Identifier: MIT */
/* Threads whose vCPUs sleep in KVM_RUN. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sleeper.h"

#define WAKE	SIGUSR1
#define STEP_MS	2
#define LONG_MS	10000

static void sleep_ms(unsigned int ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void wake_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, WAKE);
}

/* WAKE is blocked but in KVM_RUN; afterwards it is taken off. */
static void *run(void *userdata)
{
	struct sleeper *s = userdata;
	const struct timespec at_once = { 0 };
	sigset_t set;

	wake_set(&set);
	atomic_store(&s->tid, (int)gettid());
	s->result = s->io->ioctl(s->io->userdata, s->fd, KA_RUN, NULL);
	atomic_store(&s->out, true);
	while (sigtimedwait(&set, NULL, &at_once) > 0)
		;
	return NULL;
}

/* The state letter of a thread: 'S' asleep. '?': cannot be told. */
static char thread_state(int tid)
{
	char path[64], line[256], *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return '?';
	end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	return end && end[1] == ' ' ? end[2] : '?';
}

static bool wait_asleep(struct sleeper *s)
{
	for (unsigned int ms = 0; ms < LONG_MS; ms += STEP_MS) {
		int tid = atomic_load(&s->tid);
		char state = tid ? thread_state(tid) : 'R';

		if (atomic_load(&s->out))
			return false;
		/* Once more: it may have slept on its way there. */
		if (state == 'S') {
			sleep_ms(STEP_MS);
			if (thread_state(tid) == 'S')
				return !atomic_load(&s->out);
		}
		if (state == '?') {
			sleep_ms(100);
			return !atomic_load(&s->out);
		}
		sleep_ms(STEP_MS);
	}
	return false;
}

static bool start_one(struct v *v, struct sleeper *s, int fd)
{
	struct ka_signal_mask mask = { .len = sizeof(mask.sigset) };
	sigset_t set, old;
	int ret;

	*s = (struct sleeper){ .io = v->io, .fd = fd };
	v_ioctl(v, fd, KA_SET_SIGNAL_MASK, &mask);
	wake_set(&set);
	/* The thread inherits what is blocked. */
	pthread_sigmask(SIG_BLOCK, &set, &old);
	ret = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return v_true(v, !ret, "no thread: %s", strerror(ret));
}

void sleepers_start(struct v *v, struct sleepers *s, const int *vcpus,
		    size_t n)
{
	memset(s, 0, sizeof(*s));
	while (s->n < n && s->n < SLEEPERS_MAX) {
		if (!start_one(v, &s->v[s->n], vcpus[s->n]))
			return;
		s->n++;
	}
	for (size_t i = 0; i < s->n; i++)
		v_true(v, wait_asleep(&s->v[i]),
		       "KVM_RUN of %s, which is powered off, did not sleep",
		       v_name(v, s->v[i].fd));
}

static void *wake_later(void *userdata)
{
	struct sleepers *s = userdata;

	for (unsigned int ms = 0; ms < s->ms; ms += STEP_MS) {
		if (atomic_load(&s->stop))
			return NULL;
		sleep_ms(STEP_MS);
	}
	atomic_store(&s->woken, true);
	for (size_t i = 0; i < s->n; i++)
		pthread_kill(s->v[i].thread, WAKE);
	return NULL;
}

void sleepers_wake_after(struct sleepers *s, unsigned int ms)
{
	s->ms = ms;
	s->has_waker = !pthread_create(&s->waker, NULL, wake_later, s);
}

bool sleepers_woken(struct sleepers *s)
{
	return atomic_load(&s->woken);
}

void sleepers_stop(struct v *v, struct sleepers *s)
{
	atomic_store(&s->stop, true);
	if (s->has_waker)
		pthread_join(s->waker, NULL);
	for (size_t i = 0; i < s->n; i++)
		pthread_kill(s->v[i].thread, WAKE);
	for (size_t i = 0; i < s->n; i++) {
		pthread_join(s->v[i].thread, NULL);
		v_is(v, s->v[i].result, -EINTR, "KVM_RUN of %s, woken",
		     v_name(v, s->v[i].fd));
	}
}
