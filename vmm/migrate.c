// SPDX-License-Identifier: MIT
/*
 * The source's side of a live migration: docs/stream.md. Until all of GO was
 * handed to the kernel the guest belongs here, and whatever goes wrong, it
 * runs on here. After that it never runs here by itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "channel.h"
#include "memory_log.h"
#include "migrate.h"
#include "stream.h"
#include "vmm.h"

/* For as long as --run-for says; --save keeps it after that. */
#define HERE "the guest runs on here"

struct sender {
	struct vm *vm;
	const struct options *options;
	struct onereg_report *report;
	struct migration *m;
	struct channel channel;
	struct stream out, in;
	struct memory_log log;
	struct page_writer pages;
	struct pool *pool;
	struct onereg_pool pool_interface;
	struct onereg_source *source;
	struct progress progress;
	uint64_t rate; /* bytes a second, as measured */
	bool one_way, paused, gone;
	bool refused; /* the destination will not run it */
	bool deaf; /* nothing more can be read from it */
	uint64_t stopped_ns; /* when the guest was to stop */
	uint64_t go_ns; /* when GO was sent */
};

static uint64_t lap(uint64_t *start)
{
	uint64_t now = now_ns(), ns = now - *start;

	*start = now;
	return ns;
}

/* The destination's own words are worth more than that it hung up. */
static int hear_failure(struct sender *s)
{
	struct section section;
	char text[STREAM_MAX_TEXT + 1];

	if (s->one_way || stream_read(&s->in, &section))
		return 0;
	if (section.type != STREAM_FAIL)
		return cannot(HERE, "the destination answered too early");
	s->refused = true;
	stream_text(&section, text, sizeof(text));
	return cannot(HERE, "the destination gave up: %s", text);
}

static int wrote(struct sender *s, int rc)
{
	if (!rc)
		return 0;
	if (channel_readable(&s->channel)) {
		rc = hear_failure(s);
		if (rc)
			return rc;
	}
	return cannot(HERE, "migration: %s", s->out.why);
}

static int put(struct sender *s, uint32_t type, const void *data, size_t size)
{
	return wrote(s, stream_write(&s->out, type, data, size));
}

static int answer(struct sender *s, uint32_t type, struct section *ret)
{
	char text[STREAM_MAX_TEXT + 1];
	int rc;

	if (s->one_way)
		return 0;
	rc = stream_read(&s->in, ret);
	s->deaf = rc && rc != -ETIMEDOUT;
	if (rc)
		return cannot(s->gone ? NULL : HERE, "migration: %s",
			      s->in.why);
	if (ret->type == type)
		return 0;
	s->refused = true;
	stream_text(ret, text, sizeof(text));
	return cannot(HERE, "the destination gave up: %s", text);
}

static int greet(struct sender *s)
{
	struct stream_hello own = {
		.page_size = sysconf(_SC_PAGESIZE),
		.id = migration_id(),
		.one_way = s->one_way,
	}, theirs;
	struct section section;
	int rc;

	if (!own.id)
		return CANNOT;
	snprintf(s->m->id, sizeof(s->m->id), "%016llx",
		 (unsigned long long)own.id);
	rc = wrote(s, stream_put_hello(&s->out, &own));
	if (rc)
		return rc;
	s->out.session = own.id;
	if (s->one_way)
		return 0;
	rc = answer(s, STREAM_HELO, &section);
	if (rc)
		return rc;
	if (stream_get_hello(&s->in, &section, &theirs))
		return cannot(HERE, "migration: %s", s->in.why);
	if (theirs.page_size != own.page_size || theirs.one_way)
		return cannot(HERE, "migration: the answer to HELO is of "
			      "another stream: pages of %u, not %u",
			      theirs.page_size, own.page_size);
	s->out.session = s->in.session = own.id ^ theirs.id;
	return 0;
}

static int put_machine(struct sender *s, uint32_t type)
{
	static const struct digests none;
	char *text = machine_text(s->vm, &none);
	int rc = text ? put(s, type, text, strlen(text)) : CANNOT;

	free(text);
	return rc;
}

static int put_image(struct sender *s)
{
	void *data;
	size_t size;
	int rc = onereg_image_write(onereg_source_image(s->source), &data,
				    &size);

	if (rc)
		return plane_cannot(s->report, rc, "the first copy");
	rc = put(s, STREAM_IMAG, data, size);
	free(data);
	return rc;
}

/*
 * Before anything is sent: the destination does not wait for it. It is done
 * once: onereg_source_restage() before the blackout costs more than it saves
 * (README.md).
 */
static int stage(struct sender *s)
{
	struct onereg_stage_options o = {
		.size = sizeof(o),
		.pool = &s->pool_interface,
		.hold = plane_hold,
		.release = plane_release,
		.userdata = s->vm,
	};
	int rc;

	s->pool = pool_new(s->options->threads);
	if (!s->pool)
		return CANNOT;
	s->pool_interface = pool_interface(s->pool);
	rc = plane_open(s->vm);
	if (rc)
		return rc;
	rc = onereg_source_stage(s->vm->plane, &o, &s->source, s->report);
	return rc ? plane_cannot(s->report, rc, "staging the source") : 0;
}

static int send_step(struct sender *s, uint64_t first)
{
	uint64_t end = first + MEMORY_STEP;
	int rc = s->paused ? 0 : memory_log_rearm(&s->log, first);

	end = end < s->log.n_pages ? end : s->log.n_pages;
	for (uint64_t page = first; !rc && page < end; page++)
		if (memory_log_take(&s->log, page))
			rc = wrote(s, pages_write(&s->pages, page));
	return rc;
}

static bool step_pending(const struct sender *s, uint64_t first)
{
	uint64_t end = (first + MEMORY_STEP) / 64;

	end = end < s->log.words ? end : s->log.words;
	for (uint64_t i = first / 64; i < end; i++)
		if (s->log.pending[i])
			return true;
	return false;
}

/* All that is pending, once. */
static int send_pages(struct sender *s, uint64_t all)
{
	uint64_t before = s->pages.sent;
	int rc = 0;

	for (uint64_t i = 0; !rc && i < s->log.n_pages; i += MEMORY_STEP) {
		if (!step_pending(s, i))
			continue;
		rc = send_step(s, i);
		/* It speaks only if it gives up. */
		if (!rc && !s->paused && channel_readable(&s->channel))
			rc = hear_failure(s) ?:
				     cannot(HERE, "migration: %s", s->in.why);
		progress_show(&s->progress, s->m->rounds,
			      s->pages.sent - before, all, s->out.offset);
	}
	return rc ?: wrote(s, pages_flush(&s->pages));
}

static int send_round(struct sender *s)
{
	uint64_t all = memory_log_count(&s->log);
	int rc = wrote(s, stream_put_round(&s->out, all));

	progress_begin(&s->progress, s->out.offset);
	if (!rc)
		rc = send_pages(s, all);
	if (!rc)
		rc = memory_log_fetch(&s->log);
	if (rc)
		return rc;
	s->rate = progress_end(&s->progress, s->m->rounds, all, s->out.offset,
			       memory_log_count(&s->log));
	s->m->rounds++;
	return 0;
}

/* Would what is left go over in the time that the guest may stand still? */
static bool fits(const struct sender *s)
{
	uint64_t bytes = memory_log_count(&s->log) * s->log.page_size;

	return bytes / (s->rate ?: 1.0) * 1000 <=
	       s->options->migrate.max_downtime_ms;
}

/* While the guest runs. */
static int precopy(struct sender *s)
{
	const struct migrate_options *o = &s->options->migrate;
	uint64_t start = now_ns();
	int rc = memory_log_start(&s->log, s->vm);

	channel_pace(&s->channel, o->rate);
	while (!rc && s->m->rounds < o->max_rounds && !s->m->converged) {
		if (vm_end(s->vm) != GOING)
			return CANNOT;
		rc = send_round(s);
		s->m->converged = !rc && fits(s);
	}
	channel_pace(&s->channel, 0);
	s->m->precopy_ns = now_ns() - start;
	if (!rc && !s->m->converged && o->give_up)
		rc = cannot("give it more --max-downtime, or "
			    "--if-too-dirty stop",
			    "migration: after %u rounds %llu pages are still "
			    "to be sent",
			    s->m->rounds,
			    (unsigned long long)memory_log_count(&s->log));
	return rc;
}

static int last_pages(struct sender *s)
{
	uint64_t before = s->pages.sent;
	/* stopping the registers has written an ITS's tables to memory */
	int rc = memory_log_fetch(&s->log) ?:
			 send_pages(s, memory_log_count(&s->log));

	s->m->last_pages = s->pages.sent - before;
	return rc;
}

static int last_rest(struct sender *s, const void *changes, size_t size)
{
	int rc = put_machine(s, STREAM_DEVS);

	if (!rc && s->options->migrate.check_memory)
		rc = wrote(s, stream_put_hash(
				      &s->out,
				      XXH3_64bits(s->vm->memory,
						  s->vm->machine.memory_size)));
	if (!rc)
		rc = put(s, STREAM_REGS, changes, size);
	return rc ?: put(s, STREAM_END, NULL, 0);
}

static int confirmed(struct sender *s)
{
	struct stream_confirm confirm;
	struct section section;
	int rc;

	if (s->one_way)
		return channel_commit(&s->channel);
	rc = answer(s, STREAM_CONF, &section);
	if (rc)
		return rc;
	if (stream_get_confirm(&s->in, &section, &confirm))
		return cannot(HERE, "migration: %s", s->in.why);
	s->m->times.commit = confirm.commit_ns;
	s->m->times.prove = confirm.prove_ns;
	s->m->compared = confirm.compared;
	return 0;
}

/* Until the guest may go on at the other place. */
static int black_out(struct sender *s)
{
	struct migration_times *t = &s->m->times;
	uint64_t start = now_ns(), there;
	const void *changes;
	size_t size;
	int rc;

	s->stopped_ns = start;
	s->paused = true;
	rc = vm_pause(s->vm) ?: put(s, STREAM_STOP, NULL, 0);
	t->pause = lap(&start);
	if (rc)
		return rc;
	rc = onereg_source_stop(s->source, &changes, &size, s->report);
	if (rc)
		return plane_cannot(s->report, rc, "stopping the source");
	t->registers = lap(&start);
	rc = last_pages(s);
	t->memory = lap(&start);
	if (!rc)
		rc = last_rest(s, changes, size) ?: confirmed(s);
	there = t->commit + t->prove;
	t->transfer = lap(&start);
	t->transfer -= t->transfer < there ? t->transfer : there;
	return rc;
}

/* What came of GO. */
static void knows(struct sender *s)
{
	uint64_t now = now_ns();

	s->m->times.go = now - s->go_ns;
	s->m->blackout_ns = now - s->stopped_ns;
}

/* The point of no return is inside: all of GO was taken by the kernel. */
static int let_go(struct sender *s)
{
	struct section section;
	int rc;

	s->m->blackout_ns = now_ns() - s->stopped_ns;
	if (s->one_way)
		return 0;
	s->go_ns = now_ns();
	rc = put(s, STREAM_GO, NULL, 0);
	if (rc)
		return rc;
	s->gone = true;
	rc = answer(s, STREAM_RUNS, &section);
	knows(s);
	return rc;
}

static int open_channel(struct sender *s)
{
	const struct migrate_options *o = &s->options->migrate;
	int rc;

	/* It may still be putting itself together, but it answers HELO. */
	channel_init(&s->channel, o->stall_s * 1000, o->stall_s * 1000);
	rc = o->save_stream ? channel_create_file(&s->channel, o->save_stream) :
			      channel_open(&s->channel, o->to, false);
	s->one_way = o->save_stream;
	stream_init(&s->out, &s->channel.io, false);
	stream_init(&s->in, &s->channel.io, true);
	return rc;
}

static int prepare_pages(struct sender *s)
{
	if (pages_writer_init(&s->pages, &s->out, s->vm->memory,
			      sysconf(_SC_PAGESIZE)))
		return cannot(HERE, "no memory for pages to send");
	return 0;
}

static int send_all(struct sender *s)
{
	int rc = open_channel(s) ?: prepare_pages(s) ?: stage(s) ?: greet(s);
	struct section section;

	if (!rc)
		rc = put_machine(s, STREAM_MACH) ?: put_image(s);
	if (!rc)
		rc = answer(s, STREAM_REDY, &section);
	return rc ?: precopy(s) ?: black_out(s) ?: let_go(s);
}

static volatile sig_atomic_t go_on_here;

static void on_go_on(int signal)
{
	(void)signal;
	go_on_here = 1;
}

/* NULL: nothing is certain yet. */
static const char *said_late(struct sender *s)
{
	struct section section;
	char text[STREAM_MAX_TEXT + 1];

	if (s->deaf || !channel_readable(&s->channel))
		return NULL;
	/* Of what came only in part the rest is no section: nothing is sure. */
	if (stream_read(&s->in, &section)) {
		s->deaf = true;
		fprintf(stderr, "onereg-vmm: migration: %s\n", s->in.why);
		return NULL;
	}
	if (section.type == STREAM_RUNS) {
		knows(s);
		fprintf(stderr, "onereg-vmm: the destination said late that it "
				"runs the guest\n");
		return "moved";
	}
	s->refused = true;
	stream_text(&section, text, sizeof(text));
	fprintf(stderr, "onereg-vmm: the destination said late that it gave "
			"up: %s\n", text);
	return "returned";
}

/* A person knows what this side cannot, unless the destination still speaks. */
static const char *wait_for_person(struct sender *s)
{
	struct sigaction action = { .sa_handler = on_go_on };
	const char *outcome;

	sigaction(SIGUSR2, &action, NULL);
	fprintf(stderr,
		"onereg-vmm: the guest is kept, stopped, in process "
		"%d; end the destination's process if it is still there, for "
		"it may yet run it; if the guest surely does not run there: "
		"kill -USR2 %d, and it runs on here; if it does: kill -TERM "
		"%d\n",
		getpid(), getpid(), getpid());
	for (;;) {
		bool go_on = go_on_here;

		/* It knows better than a person. */
		outcome = said_late(s);
		if (outcome || go_on)
			break;
		usleep(50000);
	}
	go_on_here = 0;
	return outcome ?: "returned";
}

/* Unless the destination spoke while it was being saved. */
static const char *rescue(struct sender *s, const char *dir)
{
	const char *outcome = said_late(s);

	if (outcome) {
		snapshot_remove(dir);
		return outcome;
	}
	fprintf(stderr,
		"onereg-vmm: the guest is kept in %s; end the destination's "
		"process if it is still there, for it may yet run it; if the "
		"guest surely does not run there: onereg-vmm restore %s; if "
		"it does, remove %s\n",
		dir, dir, dir);
	return "unknown";
}

/* GO was sent, and nothing says what came of it. */
static int keep(struct sender *s)
{
	const char *dir = s->options->migrate.rescue, *outcome;

	s->m->outcome = "unknown";
	s->channel.stall_ms = 1000;
	error_line("migration: the destination may run the guest, or may be "
		   "dead: look there");
	/* What is not surely there must not be a second one. */
	if (dir && snapshot_rescue(s->vm, dir, s->report))
		dir = NULL;
	outcome = dir ? rescue(s, dir) : wait_for_person(s);
	s->m->outcome = outcome;
	if (!strcmp(outcome, "moved"))
		return YES;
	if (!strcmp(outcome, "unknown"))
		return CANNOT;
	vm_resume(s->vm);
	s->m->blackout_ns = now_ns() - s->stopped_ns;
	return NO;
}

/* The destination is told if it is still there; it need not be. */
static void abort_stream(struct sender *s)
{
	const char *why = error_first();

	if (s->one_way || s->refused || s->gone || s->channel.out < 0)
		return;
	s->channel.stall_ms =
		s->channel.stall_ms < 1000 ? s->channel.stall_ms : 1000;
	(void)!stream_write_text(&s->out, STREAM_ABRT,
				 *why ? why : "the guest ended");
}

static int come_back(struct sender *s)
{
	enum end end = vm_end(s->vm);

	s->m->outcome = "returned";
	if (end == GOING) {
		memory_log_stop(&s->log);
		if (s->paused)
			vm_resume(s->vm);
		s->m->blackout_ns = s->paused ? now_ns() - s->stopped_ns : 0;
	}
	/* May take a while: the guest does not wait for it. */
	abort_stream(s);
	if (end != GOING)
		return CANNOT;
	fprintf(stderr, "onereg-vmm: not migrated: " HERE "\n");
	return NO;
}

int migrate_away(struct vm *vm, const struct options *options,
		 struct onereg_report *report, struct migration *ret)
{
	struct sender s = {
		.vm = vm,
		.options = options,
		.report = report,
		.m = ret,
		.channel = { .in = -1, .out = -1 },
	};
	int rc;

	*ret = (struct migration){ .outcome = options->migrate.save_stream ?
						      "saved" :
						      "moved" };
	rc = send_all(&s);
	ret->pages = s.pages.sent;
	ret->zeros = s.pages.zeros;
	ret->bytes = s.out.offset;
	onereg_source_free(s.source);
	if (rc)
		rc = s.gone && !s.refused ? keep(&s) : come_back(&s);
	pages_writer_free(&s.pages);
	memory_log_stop(&s.log);
	stream_close(&s.in);
	stream_close(&s.out);
	channel_close(&s.channel);
	pool_free(s.pool);
	migration_print(ret);
	return rc;
}
