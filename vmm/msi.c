// SPDX-License-Identifier: MIT
/*
 * The device of msi.h. What was sent is in the guest's interrupt controller,
 * and is noted here under the same lock: so a VM that is paused has sent each
 * event, or has not, and nothing is between.
 */
#include <string.h>
#include <time.h>

#include "msi.h"

/* Between two messages: an emulated host keeps up with so many. */
#define PACE_NS 1000000

void msi_init(struct msi *msi, const struct msi_line *line)
{
	memset(msi, 0, sizeof(*msi));
	pthread_mutex_init(&msi->lock, NULL);
	pthread_cond_init(&msi->changed, NULL);
	msi->line = *line;
}

void msi_set(struct msi *msi, const struct msi_state *state)
{
	pthread_mutex_lock(&msi->lock);
	msi->state = *state;
	pthread_cond_signal(&msi->changed);
	pthread_mutex_unlock(&msi->lock);
}

void msi_get(struct msi *msi, struct msi_state *ret)
{
	pthread_mutex_lock(&msi->lock);
	*ret = msi->state;
	pthread_mutex_unlock(&msi->lock);
}

/* The number of the message that waits, which the guest takes by reading it. */
static uint32_t take(struct msi *msi, unsigned int event)
{
	struct msi_state *s = &msi->state;

	if (!s->waiting[event])
		return 0;
	s->waiting[event] = false;
	pthread_cond_signal(&msi->changed);
	return s->sent[event];
}

static uint32_t read_register(struct msi *msi, uint64_t offset)
{
	struct msi_state *s = &msi->state;

	if (offset >= MSI_TAKE && offset < MSI_TAKE + 4 * MSI_EVENTS)
		return take(msi, (offset - MSI_TAKE) / 4);
	if (offset >= MSI_SENT && offset < MSI_SENT + 4 * MSI_EVENTS)
		return s->sent[(offset - MSI_SENT) / 4];
	switch (offset) {
	case MSI_DEVICE:
		return MSI_DEVICE_ID;
	case MSI_CONTROL:
		return s->enabled;
	case MSI_DOORBELL_LO:
	case MSI_DOORBELL_HI:
		return s->doorbell[offset == MSI_DOORBELL_HI];
	case MSI_FIRST:
		return s->first;
	case MSI_N_EVENTS:
		return s->n_events;
	default:
		return 0;
	}
}

/* While it sends, nothing changes but that it stops. */
static void write_register(struct msi_state *s, uint64_t offset, uint32_t value)
{
	if (offset == MSI_CONTROL)
		s->enabled = value & 1;
	if (s->enabled)
		return;
	switch (offset) {
	case MSI_DOORBELL_LO:
	case MSI_DOORBELL_HI:
		s->doorbell[offset == MSI_DOORBELL_HI] = value;
		return;
	case MSI_FIRST:
		s->first = value;
		return;
	case MSI_N_EVENTS:
		s->n_events = value < MSI_EVENTS ? value : MSI_EVENTS;
		/* Those that it does not have have no state. */
		for (unsigned int i = s->n_events; i < MSI_EVENTS; i++) {
			s->sent[i] = 0;
			s->waiting[i] = false;
		}
		return;
	}
}

uint32_t msi_read(struct msi *msi, uint64_t offset)
{
	uint32_t value;

	pthread_mutex_lock(&msi->lock);
	value = read_register(msi, offset);
	pthread_mutex_unlock(&msi->lock);
	return value;
}

void msi_write(struct msi *msi, uint64_t offset, uint32_t value)
{
	pthread_mutex_lock(&msi->lock);
	write_register(&msi->state, offset, value);
	pthread_cond_signal(&msi->changed);
	pthread_mutex_unlock(&msi->lock);
}

static bool send_next(struct msi *msi)
{
	struct msi_state *s = &msi->state;
	uint64_t doorbell = (uint64_t)s->doorbell[1] << 32 | s->doorbell[0];

	if (!msi->going || !s->enabled)
		return false;
	for (unsigned int i = 0; i < s->n_events; i++) {
		unsigned int event = (msi->next + i) % s->n_events;

		if (s->waiting[event])
			continue;
		s->sent[event]++;
		s->waiting[event] = true;
		msi->next = event + 1;
		msi->line.send(msi->line.userdata, doorbell, s->first + event);
		return true;
	}
	return false;
}

static void *sender(void *arg)
{
	static const struct timespec pace = { .tv_nsec = PACE_NS };
	struct msi *msi = arg;

	pthread_mutex_lock(&msi->lock);
	while (!msi->quit) {
		if (!send_next(msi)) {
			pthread_cond_wait(&msi->changed, &msi->lock);
			continue;
		}
		pthread_mutex_unlock(&msi->lock);
		nanosleep(&pace, NULL);
		pthread_mutex_lock(&msi->lock);
	}
	pthread_mutex_unlock(&msi->lock);
	return NULL;
}

int msi_start(struct msi *msi)
{
	int rc = pthread_create(&msi->thread, NULL, sender, msi);

	msi->started = !rc;
	return rc;
}

static void set_going(struct msi *msi, bool going)
{
	pthread_mutex_lock(&msi->lock);
	msi->going = going;
	pthread_cond_signal(&msi->changed);
	pthread_mutex_unlock(&msi->lock);
}

void msi_go(struct msi *msi)
{
	set_going(msi, true);
}

void msi_stop(struct msi *msi)
{
	set_going(msi, false);
}

void msi_quit(struct msi *msi)
{
	if (!msi->started)
		return;
	pthread_mutex_lock(&msi->lock);
	msi->quit = true;
	pthread_cond_signal(&msi->changed);
	pthread_mutex_unlock(&msi->lock);
	pthread_join(msi->thread, NULL);
	msi->started = false;
}
