// SPDX-License-Identifier: MIT
/* Threads that do jobs of the library; they wait in between. */
#include <errno.h>
#include <stdlib.h>

#include "vmm.h"

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*job)(void *arg, size_t i);
	void *arg;
	size_t n, next, done;
	bool quit;
	unsigned int n_threads;
	pthread_t threads[];
};

/* With the lock held; it is let go during the job. */
static void do_one(struct pool *pool)
{
	size_t i = pool->next++;

	pthread_mutex_unlock(&pool->lock);
	pool->job(pool->arg, i);
	pthread_mutex_lock(&pool->lock);
	if (++pool->done == pool->n)
		pthread_cond_broadcast(&pool->changed);
}

static void *worker(void *arg)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	while (!pool->quit) {
		if (pool->next < pool->n)
			do_one(pool);
		else
			pthread_cond_wait(&pool->changed, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* The caller's thread is one of them. */
static void run(void *userdata, size_t n, void (*job)(void *arg, size_t i),
		void *arg)
{
	struct pool *pool = userdata;

	pthread_mutex_lock(&pool->lock);
	pool->job = job;
	pool->arg = arg;
	pool->next = pool->done = 0;
	pool->n = n;
	pthread_cond_broadcast(&pool->changed);
	while (pool->next < pool->n)
		do_one(pool);
	while (pool->done < pool->n)
		pthread_cond_wait(&pool->changed, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

struct onereg_pool pool_interface(struct pool *pool)
{
	return (struct onereg_pool){
		.size = sizeof(struct onereg_pool),
		.userdata = pool,
		.run = run,
	};
}

struct pool *pool_new(unsigned int threads)
{
	struct pool *pool =
		calloc(1, sizeof(*pool) + threads * sizeof(pthread_t));

	if (!pool) {
		cannot(NULL, "no memory for threads");
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	while (pool->n_threads + 1 < threads) {
		int rc = pthread_create(&pool->threads[pool->n_threads], NULL,
					worker, pool);

		if (rc) {
			errno = rc;
			cannot_errno("try fewer --threads", "pthread_create");
			pool_free(pool);
			return NULL;
		}
		pool->n_threads++;
	}
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->quit = true;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->n_threads; i++)
		pthread_join(pool->threads[i], NULL);
	free(pool);
}
