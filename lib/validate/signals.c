/* SPDX-License-Identifier: MIT */
/* A signal in the middle of a vector. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scoped.h"

#define TRIES	400

/* Its arrival ends the call; nothing else is to be done. */
static void on_signal(int sig)
{
	(void)sig;
}

struct kicker {
	pthread_t thread, target;
	atomic_bool stop;
};

static void *kick(void *userdata)
{
	struct kicker *k = userdata;
	struct timespec pause = { 0, 100000 };

	for (unsigned int i = 0; !atomic_load(&k->stop); i++) {
		pthread_kill(k->target, SIGUSR2);
		/* Periods that differ, so that some signal falls inside. */
		pause.tv_nsec = 50000 + i * 37777 % 700000;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static bool kicker_start(struct v *v, struct kicker *k, struct sigaction *old)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int ret;

	atomic_store(&k->stop, false);
	k->target = pthread_self();
	sigaction(SIGUSR2, &sa, old);
	ret = pthread_create(&k->thread, NULL, kick, k);
	if (ret)
		sigaction(SIGUSR2, old, NULL);
	return v_true(v, !ret, "no thread: %s", strerror(ret));
}

static void kicker_stop(struct kicker *k, const struct sigaction *old)
{
	atomic_store(&k->stop, true);
	pthread_join(k->thread, NULL);
	sigaction(SIGUSR2, old, NULL);
}

/* Reads all, going on wherever a signal ended a call. Calls that it ended. */
static unsigned int read_all(struct v *v, int fd, struct ka_one_reg *regs,
			     uint32_t n)
{
	unsigned int ended = 0;

	for (uint32_t at = 0; at < n && !v->failed;) {
		struct ka_reg_vec vec = { .count = n - at,
					  .regs = (uintptr_t)(regs + at) };
		int ret = v_ioctl(v, fd, KA_GET_REG_VEC, &vec);

		if (ret == -EINTR) {
			ended++;
			v_true(v, vec.done > 0 && vec.done < vec.count,
			       "-EINTR with done %u of %u", vec.done,
			       vec.count);
		} else {
			v_is(v, ret, 0, "KVM_GET_REG_VEC");
			v_same(v, vec.done, vec.count, "done");
		}
		at += vec.done;
	}
	return ended;
}

static void interrupted(struct v *v, int fd)
{
	struct ka_one_reg *regs = calloc(KA_REG_VEC_MAX, sizeof(*regs));
	uint64_t *values = calloc(KA_REG_VEC_MAX, sizeof(*values));
	uint64_t want = v_read(v, fd, KA_ID_AA64PFR0);
	struct sigaction old;
	struct kicker k;
	unsigned int ended = 0;

	if (v_true(v, regs && values, "no memory") &&
	    kicker_start(v, &k, &old)) {
		for (int i = 0; i < TRIES && ended < 3 && !v->failed; i++) {
			for (size_t j = 0; j < KA_REG_VEC_MAX; j++) {
				values[j] = 0;
				regs[j].id = KA_ID_AA64PFR0;
				regs[j].addr = (uintptr_t)&values[j];
			}
			ended += read_all(v, fd, regs, KA_REG_VEC_MAX);
			for (size_t j = 0; j < KA_REG_VEC_MAX; j++)
				v_same(v, values[j], want, "value %zu", j);
		}
		kicker_stop(&k, &old);
		v_true(v, ended, "no signal ended one of %d vectors", TRIES);
	}
	free(regs);
	free(values);
}

static void of_a_vcpu(struct v *v)
{
	interrupted(v, v_pair(v).a);
}

static void of_the_vm(struct v *v)
{
	interrupted(v, v_pair(v).vm);
}

static const struct rule rules[] = {
	RULE(of_a_vcpu, NEED_VECTORS | NEED_SIGNALS,
	     "a signal ends a vCPU's vector: -EINTR, done says where to go on"),
	RULE(of_the_vm, NEED_VECTORS | NEED_SIGNALS | NEED_VM_FD,
	     "a signal ends the VM's vector: -EINTR, done says where to go on"),
};

CHAPTER(signals);
