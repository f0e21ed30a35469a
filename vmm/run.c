// SPDX-License-Identifier: MIT
/* The commands run and restore. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flip.h"
#include "vmm.h"

#define PASSES 3
#define FOR_EVER 1e9 /* seconds */

static int run_a_while(struct vm *vm, const struct options *options)
{
	if (options->run_for > 0)
		return vm_sleep(vm, options->run_for) == GOING ? 0 : CANNOT;
	return guest_wait(vm, PASSES, 30 + guest_patience_ms(vm) / 1000);
}

static int ask(struct vm *vm, const struct options *options,
	       struct result *result)
{
	int rc;

	if (!options->check)
		return YES;
	rc = guest_check(vm, result->said, sizeof(result->said));
	result->checked = rc != CANNOT;
	if (rc == NO)
		fprintf(stderr, "onereg-vmm: the guest: %s\n", result->said);
	return rc;
}

static bool leaves(const struct options *options)
{
	return options->migrate.to || options->migrate.save_stream;
}

/*
 * A guest may end by itself, and that is no failure; but what was still to be
 * done with it then cannot be.
 */
static int orderly_end(struct vm *vm, const struct options *options,
		       struct result *result, int rc)
{
	enum end end = vm_end(vm);
	const char *how = end == RESET ? "the guest asked for a reset" :
					 "the guest shut down";

	if (rc != CANNOT || (end != SHUT_DOWN && end != RESET))
		return rc;
	result->ended = end == RESET ? "reset" : "shutdown";
	if (options->check && !result->checked)
		return cannot("run it for less long",
			      "%s: it can no longer check itself", how);
	if (options->save || leaves(options))
		return cannot("run it for less long",
			      "%s: it can no longer be %s", how,
			      options->save ? "saved" : "migrated");
	fprintf(stderr, "onereg-vmm: %s\n", how);
	return YES;
}

static int apply_flip(struct vm *vm, const char *text)
{
	struct flip flip;

	if (!text)
		return 0;
	return flip_parse(text, &flip) ?: flip_apply(vm, &flip);
}

static const char *verdict(int rc)
{
	return rc == YES ? "yes" : rc == NO ? "no" : "failed";
}

static int finish(struct result *result, const char *path, int rc)
{
	result->verdict = verdict(rc);
	return result_write(result, path) ?: rc;
}

static int save(struct vm *vm, const struct options *options,
		struct onereg_report *report, struct result *result)
{
	uint64_t start = now_ns();
	int rc;

	if (!options->save)
		return 0;
	rc = snapshot_save(vm, options->save, report);
	result->save_ns = now_ns() - start;
	result->report = report;
	return rc;
}

int guest_boot(struct vm *vm, const struct options *options)
{
	int rc = vm_create(vm, &options->machine, &options->shape, NULL);

	if (rc)
		return rc;
	rc = vm_init_vcpus(vm, &options->shape);
	if (!rc)
		rc = guest_load(vm, &options->guest);
	if (!rc)
		rc = vm_start(vm);
	if (!rc)
		vm_resume(vm);
	return rc;
}

/*
 * Before it is asked, or leaves, or is saved. Where nothing was said of it a
 * guest lives as long as it wants: the end of the process is its end.
 */
static double time_here(const struct options *options, bool to_leave)
{
	if (options->run_for > 0 || options->check)
		return options->run_for;
	return to_leave || options->save ? 1 : FOR_EVER;
}

/* For as long as was asked; YES: it is well. */
static int stay(struct vm *vm, const struct options *options,
		struct result *result, bool to_leave)
{
	double seconds = time_here(options, to_leave);

	if (seconds > 0 && vm_sleep(vm, seconds) != GOING)
		return CANNOT;
	return ask(vm, options, result);
}

/* The guest, which runs, migrates; or it is stopped, and saved if wanted. */
static int leave(struct vm *vm, const struct options *options,
		 struct onereg_report *report, struct result *result)
{
	int rc;

	if (!leaves(options))
		return vm_pause(vm) ?: save(vm, options, report, result);
	rc = migrate_away(vm, options, report, &result->migration);
	if (rc != NO)
		return rc;
	/* It came back: what was asked for holds here, and then it is saved. */
	rc = stay(vm, options, result, false);
	if (rc == YES)
		rc = vm_pause(vm) ?: save(vm, options, report, result);
	return rc ?: NO;
}

/* From the start of the guest to its end; the VM stays open. */
static int live(struct vm *vm, const struct options *options,
		struct onereg_report *report, struct result *result)
{
	int rc = run_a_while(vm, options), said = YES;

	if (!rc && options->flip) {
		rc = vm_pause(vm) ?: apply_flip(vm, options->flip);
		if (!rc)
			vm_resume(vm);
	}
	if (!rc)
		said = ask(vm, options, result);
	if (!rc && said == YES)
		rc = leave(vm, options, report, result);
	return rc ?: said;
}

static int run(const struct options *options, struct onereg_report *report,
	       struct result *result)
{
	struct vm vm;
	int rc = options->save ? snapshot_place("save", options->save) : 0;

	if (rc)
		return rc;
	rc = guest_boot(&vm, options);
	if (!vm.memory) /* vm_create() has cleaned up */
		return rc;
	if (!rc)
		rc = orderly_end(&vm, options, result,
				 live(&vm, options, report, result));
	vm_quit(&vm);
	vm_close(&vm);
	return rc;
}

int command_run(const struct options *options)
{
	struct result result = {
		.command = "run",
		.machine = &options->machine,
	};
	struct onereg_report *report = NULL;
	int rc;

	if (onereg_report_new(&report))
		rc = cannot(NULL, "no memory for a report");
	else
		rc = run(options, report, &result);
	rc = finish(&result, options->json, rc);
	onereg_report_free(report);
	return rc;
}

static int read_image(const char *dir, struct onereg_image **ret,
		      struct onereg_report *report)
{
	char path[PATH_SIZE];
	int rc;

	if (path_join(path, dir, "registers.onereg"))
		return CANNOT;
	rc = onereg_image_read_file(path, ret, report);
	if (!rc)
		return 0;
	return plane_cannot(report, rc, path);
}

/* The image says what was lost or cannot be had: a verdict, not a failure. */
static int restore_registers(struct vm *vm, const struct onereg_image *image,
			     const struct options *options,
			     struct onereg_report *report)
{
	struct onereg_restore_options how = {
		.size = sizeof(how),
		.time = options->time,
	};
	int rc = plane_open(vm);

	if (rc)
		return rc;
	rc = onereg_vm_restore(vm->plane, image, &how, report);
	if (!rc && !onereg_report_differences(report, ONEREG_CLASS_UNEXPLAINED)) {
		/* What was tolerated is never silent. */
		if (onereg_report_differences(report, ONEREG_CLASS_TOLERATED))
			plane_print(report);
		return YES;
	}
	if (rc && rc != -EBADE)
		return plane_cannot(report, rc, "restoring the registers");
	plane_print(report);
	return NO;
}

/*
 * Would the registers restore here? Asked of the kernel itself, with a scratch
 * VM, before the VM is touched.
 */
static int dry_run(const struct onereg_image *image, struct result *result)
{
	struct onereg_report *report;
	int rc;

	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	rc = onereg_image_dry_run(image, NULL, NULL, report);
	result->dry_run = onereg_verdict_name(onereg_report_verdict(report));
	if (rc) {
		rc = plane_cannot(report, rc, "a dry run of the restore");
	} else if (onereg_report_verdict(report) >= ONEREG_NO) {
		plane_print(report);
		rc = NO;
	}
	onereg_report_free(report);
	return rc;
}

static int rebuild(struct vm *vm, const struct options *options,
		   const struct onereg_image *image,
		   struct onereg_report *report, struct result *result)
{
	uint64_t start = now_ns();
	int rc = dry_run(image, result) ?: memory_read(vm, options->dir);

	if (rc)
		return rc;
	if (options->check && !guest_checks_itself(vm))
		return wrong_usage("--check: this guest does not check itself");
	result->memory_ns = now_ns() - start;
	start = now_ns();
	rc = restore_registers(vm, image, options, report);
	result->restore_ns = now_ns() - start;
	result->report = report;
	return rc;
}

/* The result's counts stay those of the restore. */
static int leave_again(struct vm *vm, const struct options *options,
		       struct result *result)
{
	struct onereg_report *report;
	struct result own = *result;
	int rc;

	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	rc = leave(vm, options, report, &own);
	memcpy(result->said, own.said, sizeof(result->said));
	result->migration = own.migration;
	onereg_report_free(report);
	return rc;
}

int guest_go_on(struct vm *vm, const struct options *options,
		struct result *result)
{
	int rc = stay(vm, options, result, leaves(options));

	if (rc == YES)
		rc = leave_again(vm, options, result);
	return orderly_end(vm, options, result, rc);
}

static int go_on(struct vm *vm, const struct options *options,
		 struct result *result)
{
	int rc = vm_start(vm) ?: apply_flip(vm, options->flip);

	if (rc)
		return orderly_end(vm, options, result, rc);
	vm_resume(vm);
	return guest_go_on(vm, options, result);
}

static int read_machine(const char *dir, const struct onereg_image *image,
			struct machine *ret)
{
	int rc = machine_read(dir, ret);

	if (rc)
		return rc;
	if (onereg_image_n_vcpus(image) != ret->vcpus)
		return cannot("the directory is damaged",
			      "%s: %zu vCPUs in the registers, %u in the "
			      "machine",
			      dir, onereg_image_n_vcpus(image), ret->vcpus);
	return registers_check(ret, dir);
}

static int restore(const struct options *options,
		   const struct onereg_image *image,
		   struct onereg_report *report, struct result *result)
{
	struct vm vm;
	int rc = vm_create(&vm, result->machine, NULL, image);

	if (rc)
		return rc;
	rc = rebuild(&vm, options, image, report, result);
	if (!rc)
		rc = go_on(&vm, options, result);
	vm_quit(&vm);
	vm_close(&vm);
	return rc;
}

/* The image and the report stay until the result is written. */
static int read_and_restore(const struct options *options,
			    struct onereg_report *report,
			    struct onereg_image **image,
			    struct onereg_tolerances **tolerances,
			    struct machine *machine, struct result *result)
{
	int rc = options->save ? snapshot_place("save", options->save) : 0;

	if (!rc)
		rc = read_image(options->dir, image, report);
	if (!rc)
		rc = tolerances_read(options->tolerate, tolerances);
	if (!rc)
		onereg_image_tolerate(*image, *tolerances);
	if (!rc)
		rc = read_machine(options->dir, *image, machine);
	if (rc)
		return rc;
	result->machine = machine;
	return restore(options, *image, report, result);
}

int command_restore(const struct options *options)
{
	struct result result = { .command = "restore" };
	struct onereg_report *report = NULL;
	struct onereg_tolerances *tolerances = NULL;
	struct onereg_image *image = NULL;
	struct machine machine;
	int rc;

	if (onereg_report_new(&report))
		rc = cannot(NULL, "no memory for a report");
	else
		rc = read_and_restore(options, report, &image, &tolerances,
				      &machine, &result);
	rc = finish(&result, options->json, rc);
	onereg_image_free(image);
	onereg_tolerances_free(tolerances);
	onereg_report_free(report);
	return rc;
}
