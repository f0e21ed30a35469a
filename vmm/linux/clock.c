// SPDX-License-Identifier: MIT
/*
 * Time, as a program sees it: the clock and the counter go back for nobody; a
 * periodic timer has expired exactly as often as the clock says, and no
 * interrupt of it is missing while the vCPU runs. When the thread came late for
 * some ticks, or was held up, that is counted and told; a tick that is missing
 * or one too many is a failure.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>
#include <sys/timerfd.h>

#include "guest.h"

#define SECOND 1000000000ull
/* Between two ways to read the same clock. */
#define ROUNDING_NS 1000
/*
 * A thread may run for so long without a tick that is due. Where the machine
 * below an emulated host is busy, its timers are late: 0.1 s was seen.
 */
#define LATE_NS 2000000000ull
/* Two looks without a pause in between are no further from each other. */
#define LOOK_NS 1000000ull

uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* After everything that was seen before it. */
static uint64_t counter(void)
{
	uint64_t value;

	asm volatile("dsb ish; isb; mrs %0, cntvct_el0"
		     : "=r"(value)
		     :
		     : "memory");
	return value;
}

/* Nobody reads less than what somebody has read before. */
static void never_back(struct worker *w, const char *name, uint64_t *latest,
		       uint64_t (*read)(void))
{
	uint64_t seen = __atomic_load_n(latest, __ATOMIC_SEQ_CST);
	uint64_t now = read();

	if (now < seen)
		fail(w->cpu, name, NO_INDEX, seen, now);
	while (seen < now &&
	       !__atomic_compare_exchange_n(latest, &seen, now, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

void clock_look(struct worker *w)
{
	static uint64_t latest_ns, latest_count;
	uint64_t now = monotonic_ns();

	if (w->look && now - w->look > w->max_jump)
		__atomic_store_n(&w->max_jump, now - w->look, __ATOMIC_RELAXED);
	w->look = now;
	never_back(w, "CLOCK_MONOTONIC", &latest_ns, monotonic_ns);
	never_back(w, "CNTVCT_EL0", &latest_count, counter);
}

void clock_setup(struct worker *w)
{
	uint64_t period = params.tick_ns;
	struct itimerspec when;

	w->first = monotonic_ns() + period;
	when.it_value.tv_sec = w->first / SECOND;
	when.it_value.tv_nsec = w->first % SECOND;
	when.it_interval.tv_sec = period / SECOND;
	when.it_interval.tv_nsec = period % SECOND;
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (w->timer < 0 ||
	    timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		fail(w->cpu, "timerfd.errno", NO_INDEX, 0, errno);
}

/* How often a timer must have expired. */
static uint64_t expirations(const struct worker *w, uint64_t ns)
{
	return ns < w->first ? 0 : (ns - w->first) / params.tick_ns + 1;
}

/* Reads how many there were; sleeps until there is one. */
static void count_ticks(struct worker *w)
{
	uint64_t before = monotonic_ns(), after, n = 0, ticks, least, most;

	if (read(w->timer, &n, sizeof(n)) != sizeof(n))
		fail(w->cpu, "timerfd.errno", NO_INDEX, 0, errno);
	after = monotonic_ns();
	ticks = w->ticks + n;
	least = expirations(w, before - ROUNDING_NS);
	most = expirations(w, after + ROUNDING_NS);
	add(&w->checked, 1);
	if (ticks < least || !n) {
		fail(w->cpu, "ticks-lost", NO_INDEX, least, ticks);
		add(&w->lost, ticks < least ? least - ticks : 1);
	}
	if (ticks > most)
		fail(w->cpu, "ticks-too-many", NO_INDEX, most, ticks);
	__atomic_store_n(&w->ticks, ticks, __ATOMIC_RELAXED);
	if (n > 1)
		add(&w->bunched, n - 1);
}

static bool tick_came(const struct worker *w)
{
	struct pollfd timer = { .fd = w->timer, .events = POLLIN };

	return poll(&timer, 1, 0) > 0;
}

/*
 * However late the thread is, a tick that is due must be there, or come while
 * the thread looks. What counts is the time for which it runs: when the vCPU
 * gets none, no tick can come, and the clock jumps between two looks.
 */
static void tick_in_time(struct worker *w)
{
	uint64_t due = w->first + w->ticks * params.tick_ns;
	uint64_t last = monotonic_ns(), ran = 0, now;

	while (!tick_came(w) && ran <= LATE_NS) {
		now = monotonic_ns();
		if (now > due)
			ran += now - last < LOOK_NS ? now - last : LOOK_NS;
		last = now;
	}
	add(&w->checked, 1);
	if (ran > w->late)
		__atomic_store_n(&w->late, ran, __ATOMIC_RELAXED);
	if (ran <= LATE_NS)
		return;
	fail(w->cpu, "tick-missing", NO_INDEX, w->ticks + 1, w->ticks);
	add(&w->lost, 1);
}

/*
 * What the kernel's timer is late for it counts by itself, from one interrupt.
 * So two more, each with an interrupt of its own: one for which the thread
 * runs, and one for which it sleeps, as the vCPU then does.
 */
void clock_check(struct worker *w)
{
	for (int i = 0; i < 2; i++) {
		tick_in_time(w);
		count_ticks(w);
	}
	count_ticks(w);
}
