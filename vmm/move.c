// SPDX-License-Identifier: MIT
/*
 * The command move: the payload goes from one VM of this process to the next
 * while it runs, staged, and checks itself there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm.h"

#define PASSES 3

/* Where the time of one blackout went, in ns. */
struct blackout {
	uint64_t pause, stop, memory, commit, prove;
};

struct move {
	const struct options *options;
	struct result *result;
	struct onereg_report *report;
	struct onereg_pool pool;
	struct vm *from, *to;
	struct onereg_source *source;
	struct onereg_destination *destination;
	struct blackout blackout;
};

/* The time since *start, which becomes now. */
static uint64_t lap(uint64_t *start)
{
	uint64_t now = now_ns(), ns = now - *start;

	*start = now;
	return ns;
}

static int failed(const struct move *m, int error, const char *what)
{
	return plane_cannot(m->report, error, what);
}

/* All that can be done while the guest runs. */
static int stage(struct move *m)
{
	struct onereg_stage_options o = {
		.size = sizeof(o),
		.pool = &m->pool,
		.hold = plane_hold,
		.release = plane_release,
		.userdata = m->from,
	};
	const struct onereg_image *image;
	int rc = plane_open(m->from);

	if (rc)
		return rc;
	rc = onereg_source_stage(m->from->plane, &o, &m->source, m->report);
	if (rc)
		return failed(m, rc, "staging the source");
	image = onereg_source_image(m->source);
	rc = vm_create(m->to, &m->options->machine, NULL, image) ?:
	     plane_open(m->to);
	if (rc)
		return rc;
	rc = onereg_destination_stage(m->to->plane, image, &o,
				      &m->destination, m->report);
	if (rc)
		return failed(m, rc, "staging the destination");
	return vm_start(m->to);
}

static void move_devices(struct vm *to, struct vm *from)
{
	struct uart_state uart;
	struct msi_state msi;

	uart_get(&from->uart, &uart);
	uart_set(&to->uart, &uart);
	to->uart.quiet = from->uart.quiet;
	msi_get(&from->msi, &msi);
	msi_set(&to->msi, &msi);
}

/* Until the guest may go on at the other place. */
static int black_out(struct move *m)
{
	uint64_t start = now_ns();
	const void *changes;
	size_t size;
	int rc = vm_pause(m->from);

	m->blackout.pause = lap(&start);
	if (rc)
		return rc;
	rc = onereg_source_stop(m->source, &changes, &size, m->report);
	if (rc)
		return failed(m, rc, "stopping the source");
	m->blackout.stop = lap(&start);
	memcpy(m->to->memory, m->from->memory,
	       m->options->machine.memory_size);
	move_devices(m->to, m->from);
	m->blackout.memory = lap(&start);
	rc = onereg_destination_commit(m->destination, changes, size,
				       m->report);
	if (rc)
		return failed(m, rc, "committing to the destination");
	m->blackout.commit = lap(&start);
	rc = onereg_destination_prove(m->destination, m->report);
	m->blackout.prove = lap(&start);
	if (rc)
		return failed(m, rc, "proving the destination");
	if (!onereg_report_differences(m->report, ONEREG_CLASS_UNEXPLAINED))
		return YES;
	plane_print(m->report);
	return NO;
}

static void close_vm(struct vm *vm)
{
	if (!vm->memory)
		return;
	vm_quit(vm);
	vm_close(vm);
}

static void tell(const struct move *m, unsigned int i)
{
	const struct blackout *b = &m->blackout;
	struct onereg_counts c = { .size = sizeof(c) };

	onereg_report_counts(m->report, &c);
	printf("move %u of %u: us: pause %llu, save %llu, memory %llu, "
	       "restore %llu, proof %llu; so far %llu values compared, 0 "
	       "unexplained\n",
	       i + 1, m->options->times, (unsigned long long)b->pause / 1000,
	       (unsigned long long)b->stop / 1000,
	       (unsigned long long)b->memory / 1000,
	       (unsigned long long)b->commit / 1000,
	       (unsigned long long)b->prove / 1000,
	       (unsigned long long)c.registers_compared);
	fflush(stdout);
	m->result->save_ns = b->stop;
	m->result->restore_ns = b->commit;
	m->result->memory_ns = b->memory;
}

/* from is gone then, and to runs the guest. */
static int move_once(struct move *m)
{
	int rc = stage(m) ?: black_out(m);

	onereg_source_free(m->source);
	onereg_destination_free(m->destination);
	m->source = NULL;
	m->destination = NULL;
	if (rc)
		return rc;
	vm_resume(m->to);
	close_vm(m->from);
	return 0;
}

static int check(struct vm *vm, struct result *result)
{
	int rc = guest_check(vm, result->said, sizeof(result->said));

	result->checked = rc != CANNOT;
	if (rc == NO)
		fprintf(stderr, "onereg-vmm: the guest: %s\n", result->said);
	return rc;
}

static int move_all(struct move *m, struct vm *vms)
{
	unsigned int patience = 30 + guest_patience_ms(m->from) / 1000;
	int rc = guest_wait(m->from, PASSES, patience);

	for (unsigned int i = 0; !rc && i < m->options->times; i++) {
		m->to = m->from == &vms[0] ? &vms[1] : &vms[0];
		memset(m->to, 0, sizeof(*m->to));
		rc = move_once(m);
		if (rc)
			break;
		m->from = m->to;
		tell(m, i);
		rc = guest_wait(m->from, PASSES * (i + 2), patience) ?:
		     check(m->from, m->result);
	}
	return rc;
}

static int move(const struct options *options, struct move *m)
{
	struct vm *vms = calloc(2, sizeof(*vms));
	int rc;

	if (!vms)
		return cannot(NULL, "no memory for two VMs");
	m->from = &vms[0];
	rc = guest_boot(m->from, options);
	if (!rc)
		rc = move_all(m, vms);
	close_vm(&vms[0]);
	close_vm(&vms[1]);
	free(vms);
	return rc;
}

int command_move(const struct options *options)
{
	struct result result = {
		.command = "move",
		.machine = &options->machine,
	};
	struct move m = { .options = options, .result = &result };
	struct pool *pool = pool_new(options->threads);
	int rc = CANNOT;

	if (pool) {
		m.pool = pool_interface(pool);
		rc = onereg_report_new(&m.report) ?
			     cannot(NULL, "no memory for a report") :
			     move(options, &m);
	}
	result.report = m.report;
	result.verdict = rc == YES ? "yes" : rc == NO ? "no" : "failed";
	rc = result_write(&result, options->json) ?: rc;
	onereg_report_free(m.report);
	pool_free(pool);
	return rc;
}
