/* SPDX-License-Identifier: MIT */
/* What onereg bench found out: a table, CSV, JSON. */
#include <inttypes.h>
#include <stdio.h>

#include "bench.h"

static const char *unit(const struct bench *b)
{
	return b->instructions ? "instructions" : "ns";
}

static uint64_t locks(const struct bench *b, const struct row *row)
{
	return b->locks_measured ? row->locks_measured : row->locks_counted;
}

static const char *locks_how(const struct bench *b)
{
	return b->locks_measured ? "measured" : "counted";
}

static uint64_t floor_total(const struct floor *f)
{
	return f->calls.median + f->copy.median + f->checksum.median;
}

static const struct floor *floor_of(const struct bench *b, size_t vcpus)
{
	for (size_t i = 0; i < b->n_floors; i++)
		if (b->floors[i].vcpus == vcpus)
			return &b->floors[i];
	return NULL;
}

/* ---- for people ---- */

static void print_head(const struct bench *b)
{
	printf("Moving a VM's registers: what is done while the guest is "
	       "stopped\n\n"
	       "kernel    Linux %s, %s VM-scoped registers\n"
	       "guest     %" PRIu64 " registers a vCPU, %zu of them change all "
	       "the time; %s\n"
	       "figures   %s of the whole VM%s\n"
	       "VM locks  acquisitions of the locks that the VM has once, %s\n",
	       b->release, b->vm_regs ? "with" : "without", b->state.list->n,
	       b->state.n_changing,
	       b->state.image ? "its state is captured" :
				"its state is built in",
	       unit(b),
	       b->instructions ? ", as the clock here counts them" : "",
	       locks_how(b));
	if (!b->instructions)
		printf("rounds    the median of them, and from least to "
		       "most\n");
	if (b->threads > 1)
		printf("threads   %u, for the library's jobs\n", b->threads);
}

/* What one thread spends in calls is no part of what several take. */
static bool has_kernel(const struct bench *b)
{
	return b->threads == 1;
}

static void print_row(const struct bench *b, const struct row *row)
{
	const struct floor *f = floor_of(b, row->vcpus);

	printf("%5zu  %-11s  %-6s %13" PRIu64 " %10" PRIu64,
	       row->vcpus, side_name(row->side), way_name(b, row->way),
	       row->blackout.median, row->blackout.median / row->vcpus);
	if (has_kernel(b))
		printf(" %12" PRIu64, row->kernel);
	else
		printf(" %12s", "-");
	printf(" %7" PRIu64 " %9" PRIu64 " %8" PRIu64 " %8" PRIu64
	       " %9" PRIu64,
	       row->ioctls, row->registers, row->vm_wide, locks(b, row),
	       row->bytes);
	if (f)
		printf(" %7.1f",
		       (double)row->blackout.median / (double)floor_total(f));
	if (!b->instructions)
		printf("  %" PRIu64 " to %" PRIu64, row->blackout.least,
		       row->blackout.most);
	printf("\n");
}

/* All ways of one number of vCPUs and one side stand together. */
static void print_rows(const struct bench *b)
{
	printf("\nvCPUs  side         way    %13s %10s %12s %7s %9s %8s %8s "
	       "%9s%s\n",
	       unit(b), "per vCPU", "in kernel", "ioctls", "registers",
	       "VM-wide", "VM locks", "bytes", b->n_floors ? " x floor" : "");
	for (size_t c = 0; c < b->n_counts; c++)
		for (int side = 0; side < N_SIDES; side++)
			for (size_t i = 0; i < b->n_rows; i++)
				if (b->rows[i].vcpus == b->counts[c] &&
				    b->rows[i].side == (enum side)side)
					print_row(b, &b->rows[i]);
}

static void print_if(bool there, const struct figure *f)
{
	if (there)
		printf(" %15" PRIu64, f->median);
	else
		printf(" %15s", "-");
}

static void print_apart(const struct bench *b)
{
	printf("\nNot in the blackout, or not needed: staging before it, the "
	       "proof after it\n\n"
	       "vCPUs  way    %15s %15s %15s %12s\n",
	       "source staged", "dest. staged", "proof", "unexplained");
	for (size_t i = 0; i < b->n_rows; i++) {
		const struct row *row = &b->rows[i], *source = row;

		if (row->side != DESTINATION)
			continue;
		if (i && b->rows[i - 1].way == row->way)
			source = &b->rows[i - 1];
		printf("%5zu  %-6s", row->vcpus, way_name(b, row->way));
		print_if(source->has_staging, &source->staging);
		print_if(row->has_staging, &row->staging);
		print_if(row->has_proof, &row->proof);
		printf(" %12" PRIu64 "\n", row->unexplained);
	}
}

static void print_floors(const struct bench *b)
{
	if (!b->n_floors)
		return;
	printf("\nThe floor: a vector of one register for each vCPU, and one "
	       "copy and one\nchecksum of the bytes of the changes\n\n"
	       "vCPUs  %13s %13s %13s %13s %9s\n",
	       "floor", "vectors", "copy", "checksum", "bytes");
	for (size_t i = 0; i < b->n_floors; i++) {
		const struct floor *f = &b->floors[i];

		printf("%5zu  %13" PRIu64 " %13" PRIu64 " %13" PRIu64
		       " %13" PRIu64 " %9" PRIu64 "\n",
		       f->vcpus, floor_total(f), f->calls.median,
		       f->copy.median, f->checksum.median, f->bytes);
	}
}

void bench_print(const struct bench *b)
{
	print_head(b);
	print_rows(b);
	print_apart(b);
	print_floors(b);
}

/* ---- for programs ---- */

void bench_print_csv(const struct bench *b)
{
	printf("kernel,way,side,vcpus,unit,blackout,least,most,in_kernel,"
	       "ioctls,register_calls,registers,vm_wide_accesses,"
	       "counter_accesses,vm_lock_acquisitions,vm_lock_how,bytes,"
	       "staging,proof,unexplained\n");
	for (size_t i = 0; i < b->n_rows; i++) {
		const struct row *row = &b->rows[i];

		printf("%s,%s,%s,%zu,%s", b->release, way_name(b, row->way),
		       side_name(row->side), row->vcpus, unit(b));
		printf(",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",",
		       row->blackout.median, row->blackout.least,
		       row->blackout.most);
		/* Empty: this way has none, or several threads ran. */
		if (has_kernel(b))
			printf("%" PRIu64, row->kernel);
		printf(",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		       ",%" PRIu64,
		       row->ioctls, row->register_calls, row->registers,
		       row->vm_wide, row->counters);
		printf(",%" PRIu64 ",%s,%" PRIu64, locks(b, row), locks_how(b),
		       row->bytes);
		if (row->has_staging)
			printf(",%" PRIu64, row->staging.median);
		else
			printf(",");
		if (row->has_proof)
			printf(",%" PRIu64, row->proof.median);
		else
			printf(",");
		printf(",%" PRIu64 "\n", row->unexplained);
	}
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *number_if(bool there, uint64_t n)
{
	return there ? number(n) : json_null();
}

static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

/* A figure is "instructions" or "ns"; the other one is null. */
static void set_figure(json_t *o, const struct bench *b,
		       const struct figure *f)
{
	set(o, "instructions", number_if(b->instructions, f->median));
	set(o, "ns", number_if(!b->instructions, f->median));
	set(o, "least", number(f->least));
	set(o, "most", number(f->most));
}

static json_t *json_row(const struct bench *b, const struct row *row)
{
	json_t *o = json_object();

	set(o, "way", json_string(way_name(b, row->way)));
	set(o, "side", json_string(side_name(row->side)));
	set(o, "vcpus", number(row->vcpus));
	set(o, "kernel", json_string(b->release));
	set(o, "ioctls", number(row->ioctls));
	set_figure(o, b, &row->blackout);
	set(o, "in_kernel", number_if(has_kernel(b), row->kernel));
	set(o, "register_calls", number(row->register_calls));
	set(o, "registers", number(row->registers));
	set(o, "vm_wide_accesses", number(row->vm_wide));
	set(o, "counter_accesses", number(row->counters));
	set(o, "vm_lock_acquisitions", number(locks(b, row)));
	set(o, "vm_lock_how", json_string(locks_how(b)));
	set(o, "vm_lock_counted", number(row->locks_counted));
	set(o, "bytes", number(row->bytes));
	set(o, "staging", number_if(row->has_staging, row->staging.median));
	set(o, "proof", number_if(row->has_proof, row->proof.median));
	set(o, "unexplained", number(row->unexplained));
	return o;
}

static json_t *json_floor(const struct floor *f)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
			 "vcpus", (json_int_t)f->vcpus,
			 "floor", (json_int_t)floor_total(f),
			 "vectors", (json_int_t)f->calls.median,
			 "copy", (json_int_t)f->copy.median,
			 "checksum", (json_int_t)f->checksum.median,
			 "bytes", (json_int_t)f->bytes);
}

json_t *bench_json(const struct bench *b)
{
	json_t *o = json_object(), *rows = json_array(),
	       *floors = json_array();

	for (size_t i = 0; i < b->n_rows; i++)
		json_array_append_new(rows, json_row(b, &b->rows[i]));
	for (size_t i = 0; i < b->n_floors; i++)
		json_array_append_new(floors, json_floor(&b->floors[i]));
	set(o, "kernel", json_string(b->release));
	set(o, "vm_scoped_registers", json_boolean(b->vm_regs));
	set(o, "unit", json_string(unit(b)));
	set(o, "state", json_string(b->state.image ? "captured" : "built-in"));
	set(o, "registers", number(b->state.list->n));
	set(o, "changing", number(b->state.n_changing));
	set(o, "threads", number(b->threads));
	set(o, "rows", rows);
	set(o, "floor", floors);
	return o;
}
