/* SPDX-License-Identifier: MIT */
/*
 * A device that sends messages: MMIO registers at MSI_BASE, named in
 * payload/layout.h. Each of its events is sent once, and once more each time
 * that the guest has taken it; never again before, so that no two of them can
 * become one. A guest that counts them knows what was lost and what came twice.
 */
#ifndef ONEREG_VMM_MSI_H
#define ONEREG_VMM_MSI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "payload/layout.h"

/* What of it is the VM's: it is saved and goes along. */
struct msi_state {
	uint32_t doorbell[2]; /* where it writes to: low half, high half */
	uint32_t first; /* event id of event 0 */
	uint32_t n_events; /* in use, at most MSI_EVENTS */
	bool enabled;
	uint32_t sent[MSI_EVENTS];
	bool waiting[MSI_EVENTS]; /* to be taken by the guest */
};

/* Where messages go: to a doorbell, an event of the device MSI_DEVICE_ID. */
struct msi_line {
	void *userdata;
	void (*send)(void *userdata, uint64_t doorbell, uint32_t event);
};

struct msi {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct msi_state state;
	struct msi_line line;
	pthread_t thread;
	unsigned int next; /* to be looked at: each has its turn */
	bool started, going, quit;
};

void msi_init(struct msi *msi, const struct msi_line *line);
void msi_set(struct msi *msi, const struct msi_state *state);
void msi_get(struct msi *msi, struct msi_state *ret);
uint32_t msi_read(struct msi *msi, uint64_t offset);
void msi_write(struct msi *msi, uint64_t offset, uint32_t value);
/* A thread that sends nothing yet; 0 or an errno. */
int msi_start(struct msi *msi);
void msi_go(struct msi *msi);
/* When it returns nothing is being sent any more. */
void msi_stop(struct msi *msi);
void msi_quit(struct msi *msi);

#endif
