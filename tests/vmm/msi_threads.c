// SPDX-License-Identifier: MIT
/*
 * The device that sends messages, with vCPUs that take them, and moves from VM
 * to VM meanwhile: each message comes once, in its order, whatever happens at
 * the same time. Says TAP. An argument is the number of moves.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "msi.h"
#include "msi_json.h"

#define EVENTS 6
#define VCPUS 3
#define FIRST 7
#define DOORBELL 0x108090040ull

/* What an interrupt controller would hold. */
struct pending {
	pthread_mutex_t lock;
	bool is[EVENTS];
};

struct vcpu {
	struct msi *msi;
	struct pending *pending;
	unsigned int index;
	bool quit; /* under the lock of pending */
	pthread_t thread;
};

static int n_tests, n_wrong, n_shown;
static uint32_t received[EVENTS];

static void wrong(const char *what, unsigned int event, uint64_t value)
{
	if (__atomic_fetch_add(&n_wrong, 1, __ATOMIC_RELAXED) < 8)
		printf("# %s: event %u, %llu\n", what, event,
		       (unsigned long long)value);
}

static void result(const char *name)
{
	n_tests++;
	printf("%s %d - %s\n", n_wrong > n_shown ? "not ok" : "ok", n_tests,
	       name);
	n_shown = n_wrong;
	fflush(stdout);
}

static void send(void *userdata, uint64_t doorbell, uint32_t event)
{
	struct pending *p = userdata;

	event -= FIRST;
	if (event >= EVENTS || doorbell != DOORBELL) {
		wrong("sent elsewhere", event, doorbell);
		return;
	}
	pthread_mutex_lock(&p->lock);
	if (p->is[event])
		wrong("sent before it was taken", event, 0);
	p->is[event] = true;
	pthread_mutex_unlock(&p->lock);
}

static bool fetch(struct vcpu *vcpu, unsigned int event, bool *quit)
{
	struct pending *p = vcpu->pending;
	bool is;

	pthread_mutex_lock(&p->lock);
	is = p->is[event];
	p->is[event] = false;
	*quit = vcpu->quit;
	/* as a vCPU that is paused: what it has fetched it takes, too */
	if (*quit && is)
		p->is[event] = true;
	pthread_mutex_unlock(&p->lock);
	return is && !*quit;
}

/* Each event has its vCPU. */
static void *run(void *arg)
{
	struct vcpu *vcpu = arg;
	bool quit = false;

	for (unsigned int e = vcpu->index; !quit; e = (e + VCPUS) % EVENTS) {
		uint32_t number;

		if (!fetch(vcpu, e, &quit)) {
			sched_yield();
			continue;
		}
		number = msi_read(vcpu->msi, MSI_TAKE + 4 * e);
		if (number != __atomic_add_fetch(&received[e], 1,
						 __ATOMIC_RELAXED))
			wrong("lost or twice", e, number);
	}
	return NULL;
}

static void program(struct msi *msi)
{
	msi_write(msi, MSI_DOORBELL_LO, (uint32_t)DOORBELL);
	msi_write(msi, MSI_DOORBELL_HI, DOORBELL >> 32);
	msi_write(msi, MSI_FIRST, FIRST);
	msi_write(msi, MSI_N_EVENTS, EVENTS);
	msi_write(msi, MSI_CONTROL, 1);
}

static void stops(void)
{
	static const struct timespec a_while = { .tv_nsec = 20000000 };
	struct pending pending = { .lock = PTHREAD_MUTEX_INITIALIZER };
	const struct msi_line line = { .userdata = &pending, .send = send };
	struct msi msi;

	msi_init(&msi, &line);
	program(&msi);
	msi_start(&msi);
	msi_go(&msi);
	while (!msi_read(&msi, MSI_SENT))
		nanosleep(&a_while, NULL);
	msi_stop(&msi);
	pthread_mutex_lock(&pending.lock);
	pending.is[0] = false;
	pthread_mutex_unlock(&pending.lock);
	if (msi_read(&msi, MSI_TAKE) != 1)
		wrong("not the first", 0, 0);
	nanosleep(&a_while, NULL);
	if (msi_read(&msi, MSI_SENT) != 1)
		wrong("sent after it was stopped", 0, 0);
	msi_quit(&msi);
	result("nothing is sent by a VM that was paused");
}

static void carry(struct msi *from, struct msi *to)
{
	struct msi_state state;
	json_t *json, *again;
	char *text;

	msi_get(from, &state);
	json = msi_json(&state);
	text = json_dumps(json, 0);
	again = json_loads(text, 0, NULL);
	if (!json_equal(json, again) || msi_parse(again, &state))
		wrong("not what was written", 0, 0);
	json_decref(again);
	msi_set(to, &state);
	msi_get(to, &state);
	again = msi_json(&state);
	if (!json_equal(json, again))
		wrong("not what was carried", 0, 0);
	json_decref(again);
	json_decref(json);
	free(text);
}

static void start(struct vcpu *vcpus, struct msi *msi, struct pending *pending)
{
	for (unsigned int i = 0; i < VCPUS; i++) {
		vcpus[i] = (struct vcpu){
			.msi = msi, .pending = pending, .index = i,
		};
		pthread_create(&vcpus[i].thread, NULL, run, &vcpus[i]);
	}
	msi_go(msi);
}

/* vCPUs first, then the device: as the VMM does. */
static void stop(struct vcpu *vcpus, struct msi *msi, struct pending *pending)
{
	struct msi_state state;

	pthread_mutex_lock(&pending->lock);
	for (unsigned int i = 0; i < VCPUS; i++)
		vcpus[i].quit = true;
	pthread_mutex_unlock(&pending->lock);
	for (unsigned int i = 0; i < VCPUS; i++)
		pthread_join(vcpus[i].thread, NULL);
	msi_stop(msi);
	msi_get(msi, &state);
	for (unsigned int e = 0; e < EVENTS; e++)
		if (state.waiting[e] != pending->is[e])
			wrong("sent, or not?", e, state.sent[e]);
}

static uint32_t messages(unsigned int event)
{
	return __atomic_load_n(&received[event], __ATOMIC_RELAXED);
}

/* Until each event has come again. */
static void wait_for_all(void)
{
	static const struct timespec a_while = { .tv_nsec = 2000000 };
	uint32_t before[EVENTS];

	for (unsigned int e = 0; e < EVENTS; e++)
		before[e] = messages(e);
	for (unsigned int e = 0, looks = 0; e < EVENTS; looks++) {
		if (messages(e) != before[e]) {
			e++;
			continue;
		}
		if (looks > 5000) {
			wrong("comes no more", e, before[e]);
			return;
		}
		nanosleep(&a_while, NULL);
	}
}

static void moves(unsigned int n)
{
	struct pending pending = { .lock = PTHREAD_MUTEX_INITIALIZER };
	const struct msi_line line = { .userdata = &pending, .send = send };
	struct vcpu vcpus[VCPUS];
	struct msi msi[2], *at = &msi[0], *next;

	msi_init(at, &line);
	program(at);
	msi_start(at);
	for (unsigned int i = 0; i < n; i++) {
		start(vcpus, at, &pending);
		wait_for_all();
		stop(vcpus, at, &pending);
		next = at == &msi[0] ? &msi[1] : &msi[0];
		msi_init(next, &line);
		msi_start(next);
		carry(at, next);
		msi_quit(at);
		at = next;
	}
	msi_quit(at);
	result("each message comes once, in its order, through all moves");
}

static void sends_nothing(void)
{
	static const struct timespec a_while = { .tv_nsec = 20000000 };
	struct pending pending = { .lock = PTHREAD_MUTEX_INITIALIZER };
	const struct msi_line line = { .userdata = &pending, .send = send };
	struct msi msi;

	msi_init(&msi, &line);
	msi_start(&msi);
	program(&msi);
	nanosleep(&a_while, NULL);
	if (msi_read(&msi, MSI_SENT) || msi_read(&msi, MSI_TAKE))
		wrong("sent while the VM is paused", 0, 0);
	msi_write(&msi, MSI_N_EVENTS, 1);
	msi_write(&msi, MSI_FIRST, 1);
	if (msi_read(&msi, MSI_N_EVENTS) != EVENTS ||
	    msi_read(&msi, MSI_FIRST) != FIRST)
		wrong("changed while enabled", 0, 0);
	msi_write(&msi, MSI_CONTROL, 0);
	msi_write(&msi, MSI_N_EVENTS, ~0u);
	if (msi_read(&msi, MSI_N_EVENTS) != MSI_EVENTS)
		wrong("more events than there are", 0, 0);
	for (uint64_t at = 0; at < 0x1000; at += 4)
		(void)msi_read(&msi, at);
	msi_go(&msi);
	nanosleep(&a_while, NULL);
	if (msi_read(&msi, MSI_SENT))
		wrong("sent while disabled", 0, 0);
	msi_quit(&msi);
	result("nothing is sent before a VM runs, nor by a disabled device");
}

/* A text that a writer can have written, with one thing changed. */
static void refuses(void)
{
	static const char *const texts[] = {
		"null", "3", "[]", "{}",
		"{\"doorbell\": [1], \"first\": 1, \"enabled\": true, "
		"\"sent\": [], \"waiting\": []}",
		"{\"doorbell\": [1, -1], \"first\": 1, \"enabled\": true, "
		"\"sent\": [], \"waiting\": []}",
		"{\"doorbell\": [1, 2], \"first\": \"1\", \"enabled\": true, "
		"\"sent\": [], \"waiting\": []}",
		"{\"doorbell\": [1, 2], \"first\": 1, \"enabled\": 1, "
		"\"sent\": [], \"waiting\": []}",
		"{\"doorbell\": [1, 2], \"first\": 1, \"enabled\": true, "
		"\"sent\": {}, \"waiting\": []}",
		"{\"doorbell\": [1, 2], \"first\": 1, \"enabled\": true, "
		"\"sent\": [1], \"waiting\": []}",
		"{\"doorbell\": [1, 2], \"first\": 1, \"enabled\": true, "
		"\"sent\": [4294967296], \"waiting\": [true]}",
		"{\"doorbell\": [1, 2], \"first\": 1, \"enabled\": true, "
		"\"sent\": [1], \"waiting\": [0]}",
		"{\"doorbell\": [1, 2], \"first\": 1, \"enabled\": true, "
		"\"sent\": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
		"0,0,0,0,0,0,0,0,0], \"waiting\": "
		"[false,false,false,false,false,false,false,false,false,false,"
		"false,false,false,false,false,false,false,false,false,false,"
		"false,false,false,false,false,false,false,false,false,false,"
		"false,false,false]}",
	};
	struct msi_state state;

	for (unsigned int i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *json = json_loads(texts[i], JSON_DECODE_ANY, NULL);

		if (!json || !msi_parse(json, &state))
			wrong("taken", i, 0);
		json_decref(json);
	}
	if (!msi_parse(NULL, &state))
		wrong("taken: none", 0, 0);
	result("what no such device holds is refused");
}

int main(int argc, char **argv)
{
	printf("1..4\n");
	sends_nothing();
	stops();
	moves(argc > 1 ? atoi(argv[1]) : 20);
	refuses();
	return n_wrong ? 1 : 0;
}
