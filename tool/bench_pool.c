/* SPDX-License-Identifier: MIT */
/* Threads that the library's jobs run on, as a VMM's vCPU threads could be. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bench.h"

struct threads {
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	unsigned int n, busy;
	unsigned int turn;	/* goes up with each run */
	bool end;
	void (*job)(void *arg, size_t i);
	void *arg;
	size_t n_jobs;
	atomic_size_t next;
	pthread_t ids[];
};

static void do_jobs(struct threads *p)
{
	size_t i;

	while ((i = atomic_fetch_add(&p->next, 1)) < p->n_jobs)
		p->job(p->arg, i);
}

static void *thread_main(void *arg)
{
	struct threads *p = arg;
	unsigned int seen = 0;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->turn == seen && !p->end)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->end)
			break;
		seen = p->turn;
		pthread_mutex_unlock(&p->lock);
		do_jobs(p);
		pthread_mutex_lock(&p->lock);
		if (!--p->busy)
			pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* The calling thread works too. */
static void pool_run(void *userdata, size_t n,
		     void (*job)(void *arg, size_t i), void *arg)
{
	struct threads *p = userdata;

	pthread_mutex_lock(&p->lock);
	p->job = job;
	p->arg = arg;
	p->n_jobs = n;
	p->next = 0;
	p->busy = p->n;
	p->turn++;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	do_jobs(p);
	pthread_mutex_lock(&p->lock);
	while (p->busy)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

bool pool_start(struct onereg_pool *pool, unsigned int threads,
		struct trouble *t)
{
	struct threads *p;
	int r = 0;

	*pool = (struct onereg_pool){ 0 };
	if (threads <= 1)
		return true;
	p = calloc(1, sizeof(*p) + threads * sizeof(p->ids[0]));
	if (!p)
		return trouble_set(t, ENOMEM, "threads");
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	*pool = (struct onereg_pool){
		.size = sizeof(*pool),
		.userdata = p,
		.run = pool_run,
	};
	for (; !r && p->n < threads - 1; p->n += !r)
		r = pthread_create(&p->ids[p->n], NULL, thread_main, p);
	if (!r)
		return true;
	pool_stop(pool);
	return trouble_set(t, r, "cannot start %u threads", threads);
}

void pool_stop(struct onereg_pool *pool)
{
	struct threads *p = pool->userdata;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->end = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->n; i++)
		pthread_join(p->ids[i], NULL);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pool = (struct onereg_pool){ 0 };
}
