// SPDX-License-Identifier: MIT
/*
 * The command receive: a guest comes from another onereg-vmm, or out of a
 * file that --save-stream wrote. Its VM never runs before take() says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "migrate.h"
#include "stream.h"
#include "vmm.h"

struct receiver {
	const struct options *options;
	struct result *result;
	struct onereg_report *report;
	struct vm vm; /* memory NULL: there is none */
	struct machine machine;
	struct onereg_pool pool;
	struct onereg_image *image;
	struct onereg_tolerances *tolerances;
	struct onereg_destination *destination;
	void *changes;
	size_t n_changes;
	struct migration migration;
	uint64_t confirmed_ns; /* standing_ns() of CONF */
	uint64_t stopped_ns; /* now_ns() of STOP */
	int verdict; /* NO or USAGE where it is not only CANNOT */
};

/* Goes on while the host is suspended, too. */
static uint64_t standing_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int failed(const struct receiver *r, int error, const char *what)
{
	return plane_cannot(r->report, error, what);
}

/* Like CANNOT to the source, but it is more than that. */
static int decided(struct receiver *r, int verdict)
{
	r->verdict = verdict;
	return verdict;
}

static int take_machine(void *userdata, const void *text, size_t size,
			uint64_t *ret_memory_size)
{
	struct receiver *r = userdata;
	uint64_t page = sysconf(_SC_PAGESIZE);
	uint64_t ram = page * sysconf(_SC_PHYS_PAGES);
	int rc = machine_parse(text, size, "MACH", &r->machine);

	if (rc)
		return rc;
	if (r->machine.memory_size % page || r->machine.memory_size > ram)
		return cannot("choose another destination",
			      "the guest has %llu bytes of memory, this host "
			      "%llu in pages of %llu",
			      (unsigned long long)r->machine.memory_size,
			      (unsigned long long)ram,
			      (unsigned long long)page);
	if (r->options->check && r->machine.kind == GUEST_PROGRAM)
		return decided(r, wrong_usage("--check: this guest does not "
					      "check itself"));
	r->result->machine = &r->machine;
	*ret_memory_size = r->machine.memory_size;
	return 0;
}

static int build(struct receiver *r)
{
	struct onereg_stage_options o = {
		.size = sizeof(o),
		.pool = &r->pool,
		.time = r->options->time,
	};
	int rc = vm_create(&r->vm, &r->machine, NULL, r->image) ?:
		 plane_open(&r->vm);

	if (rc)
		return rc;
	rc = onereg_destination_stage(r->vm.plane, r->image, &o,
				      &r->destination, r->report);
	if (rc)
		return failed(r, rc, "staging the destination");
	return vm_start(&r->vm);
}

static int take_image(void *userdata, const void *data, size_t size,
		      uint8_t **ret_memory)
{
	struct receiver *r = userdata;
	int rc = onereg_image_read(data, size, &r->image, r->report);

	if (rc)
		return failed(r, rc, "reading the first copy");
	if (onereg_image_n_vcpus(r->image) != r->machine.vcpus)
		return cannot(NULL, "IMAG has %zu vCPUs, MACH %u",
			      onereg_image_n_vcpus(r->image), r->machine.vcpus);
	onereg_image_tolerate(r->image, r->tolerances);
	rc = build(r);
	*ret_memory = r->vm.memory;
	return rc;
}

static int take_devices(void *userdata, const void *text, size_t size)
{
	struct receiver *r = userdata;
	struct machine now;
	int rc = machine_parse(text, size, "DEVS", &now);

	if (rc)
		return rc;
	if (!machine_alike(&now, &r->machine))
		return cannot(NULL, "DEVS is of another VM than MACH");
	machine_devices(&r->vm, &now);
	return 0;
}

static int take_registers(void *userdata, const void *data, size_t size)
{
	struct receiver *r = userdata;

	r->changes = malloc(size);
	if (!r->changes)
		return cannot(NULL, "no memory for %zu bytes of registers",
			      size);
	memcpy(r->changes, data, size);
	r->n_changes = size;
	return 0;
}

static int commit(struct receiver *r)
{
	int rc = onereg_destination_commit(r->destination, r->changes,
					   r->n_changes, r->report);

	return rc ? failed(r, rc, "committing to the destination") : 0;
}

static int prove(struct receiver *r)
{
	int rc = onereg_destination_prove(r->destination, r->report);
	uint64_t n;

	if (rc)
		return failed(r, rc, "proving the destination");
	n = onereg_report_differences(r->report, ONEREG_CLASS_UNEXPLAINED);
	if (!n)
		return 0;
	plane_print(r->report);
	cannot(NULL, "%llu unexplained differences", (unsigned long long)n);
	return decided(r, NO);
}

static int finish(void *userdata, struct stream_confirm *ret)
{
	struct onereg_counts counts = { .size = sizeof(counts) };
	struct receiver *r = userdata;
	uint64_t start = now_ns();
	int rc;

	if (r->options->check && !guest_checks_itself(&r->vm))
		return decided(r, wrong_usage("--check: this guest does not "
					      "check itself"));
	rc = commit(r);
	ret->commit_ns = now_ns() - start;
	start = now_ns();
	if (!rc)
		rc = prove(r);
	ret->prove_ns = now_ns() - start;
	onereg_report_counts(r->report, &counts);
	ret->compared = counts.registers_compared;
	r->result->report = r->report;
	r->result->restore_ns = ret->commit_ns;
	r->migration.times.commit = ret->commit_ns;
	r->migration.times.prove = ret->prove_ns;
	r->migration.compared = ret->compared;
	r->confirmed_ns = standing_ns();
	return rc;
}

/* The source counts as long, from a later time: GO, or CONF at its end. */
static bool late(void *userdata)
{
	const struct receiver *r = userdata;

	return standing_ns() - r->confirmed_ns >
	       r->options->migrate.stall_s * 1000000000ull;
}

static const char *why(void *userdata)
{
	(void)userdata;
	return error_first();
}

static void progress(void *userdata, uint32_t round, uint64_t pages,
		     bool stopped)
{
	struct receiver *r = userdata;

	r->migration.rounds = round;
	r->migration.pages = pages;
	if (!stopped)
		return;
	r->stopped_ns = now_ns();
	fprintf(stderr,
		"the guest stands still after %u rounds, %llu pages\n", round,
		(unsigned long long)pages);
}

static int open_channel(const struct options *options, struct channel *c)
{
	const char *from = options->migrate.from;

	channel_init(c, options->migrate.stall_s * 1000,
		     options->migrate.wait_s * 1000);
	return channel_is_file(from) ? channel_open_file(c, from) :
				       channel_open(c, from, true);
}

/* Until the guest may run. */
static int take_guest(struct receiver *r, struct channel *c)
{
	const struct taker taker = {
		.userdata = r,
		.machine = take_machine,
		.image = take_image,
		.devices = take_devices,
		.registers = take_registers,
		.finish = finish,
		.why = why,
		.late = late,
		.progress = progress,
	};
	struct stream in, out;
	struct stream_hello hello;
	uint64_t id = migration_id();
	int rc = 0;

	if (!id)
		return CANNOT;
	stream_init(&in, &c->io, false);
	stream_init(&out, &c->io, true);
	if (take(&in, &out, &taker, id, &hello)) {
		vm_resume(&r->vm);
		r->migration.blackout_ns = now_ns() - r->stopped_ns;
		/* It may be gone: the guest is here now. */
		if (taken_runs(&out, &hello))
			fprintf(stderr,
				"onereg-vmm: the guest runs here; the "
				"source did not hear it: %s\n",
				out.why);
	} else {
		rc = cannot("the guest does not run here", "%s", in.why);
		rc = r->verdict ?: rc;
	}
	snprintf(r->migration.id, sizeof(r->migration.id), "%016llx",
		 (unsigned long long)hello.id);
	r->migration.bytes = in.offset;
	stream_close(&in);
	stream_close(&out);
	return rc;
}

static int receive(struct receiver *r)
{
	struct channel channel;
	int rc = r->options->save ? snapshot_place("save", r->options->save) : 0;

	rc = rc ?: tolerances_read(r->options->tolerate, &r->tolerances);
	if (rc)
		return rc;
	rc = open_channel(r->options, &channel);
	if (!rc)
		rc = take_guest(r, &channel);
	channel_close(&channel);
	onereg_destination_free(r->destination);
	free(r->changes);
	if (!rc)
		r->migration.outcome = "received";
	/* What was tolerated is never silent. */
	if (!rc &&
	    onereg_report_differences(r->report, ONEREG_CLASS_TOLERATED))
		plane_print(r->report);
	if (!rc)
		rc = guest_go_on(&r->vm, r->options, r->result);
	if (r->vm.memory) {
		vm_quit(&r->vm);
		vm_close(&r->vm);
	}
	return rc;
}

int command_receive(const struct options *options)
{
	struct result result = { .command = "receive" };
	struct receiver r = {
		.options = options,
		.result = &result,
		.migration = { .outcome = "refused" },
	};
	struct pool *pool = pool_new(options->threads);
	int rc = CANNOT;

	result.received = &r.migration;
	if (pool) {
		r.pool = pool_interface(pool);
		rc = onereg_report_new(&r.report) ?
			     cannot(NULL, "no memory for a report") :
			     receive(&r);
	}
	result.verdict = rc == YES ? "yes" : rc == NO ? "no" : "failed";
	rc = result_write(&result, options->json) ?: rc;
	onereg_image_free(r.image);
	onereg_tolerances_free(r.tolerances);
	onereg_report_free(r.report);
	pool_free(pool);
	return rc;
}
