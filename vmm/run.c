// SPDX-License-Identifier: MIT
/* The commands run and restore. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "flip.h"
#include "vmm.h"

#define PASSES 3

static void sleep_for(double seconds)
{
	struct timespec t = {
		.tv_sec = seconds,
		.tv_nsec = (seconds - (time_t)seconds) * 1e9,
	};

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

int run_a_while(struct vm *vm, const struct options *options)
{
	if (options->run_for > 0)
		sleep_for(options->run_for);
	else if (!guest_is_payload(vm))
		return wrong_usage("a guest other than the payload needs "
				   "--run-for");
	else
		return guest_wait(vm, PASSES,
				  30 + guest_patience_ms(vm) / 1000);
	return 0;
}

static int ask(struct vm *vm, const struct options *options,
	       struct result *result)
{
	int rc;

	if (!options->check)
		return YES;
	if (!guest_is_payload(vm))
		return wrong_usage("--check: only the payload checks itself");
	rc = guest_check(vm, result->said, sizeof(result->said));
	if (rc == NO)
		fprintf(stderr, "onereg-vmm: the guest: %s\n", result->said);
	return rc;
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

static int boot(struct vm *vm, const struct options *options)
{
	int rc = vm_create(vm, &options->machine, NULL);

	if (rc)
		return rc;
	rc = vm_init_vcpus(vm, &options->shape)	     ?:
		     guest_load(vm, &options->guest) ?:
						       vm_start(vm);
	if (!rc)
		vm_resume(vm);
	return rc;
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
		rc = vm_pause(vm) ?: save(vm, options, report, result);
	return rc ?: said;
}

int command_run(const struct options *options)
{
	struct result result = { .command = "run" };
	struct onereg_report *report;
	struct vm vm;
	int rc;

	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	rc = boot(&vm, options);
	if (vm.memory) {
		result.vm = &vm;
		if (!rc)
			rc = live(&vm, options, report, &result);
		vm_quit(&vm);
		rc = finish(&result, options->json, rc);
		vm_close(&vm);
	}
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
	plane_print(report);
	errno = -rc;
	return cannot_errno("is the directory whole?", "%s", path);
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
	if (!rc && !onereg_report_differences(report, ONEREG_CLASS_UNEXPLAINED))
		return YES;
	plane_print(report);
	errno = -rc;
	if (rc == -EBADE || !rc)
		return NO;
	return cannot_errno("the findings above say what",
			    "restoring the registers");
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
	if (rc || onereg_report_verdict(report) >= ONEREG_NO) {
		plane_print(report);
		errno = -rc;
		rc = rc ? cannot_errno("the findings above say what",
				       "a dry run of the restore") :
			  NO;
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
	result->memory_ns = now_ns() - start;
	start = now_ns();
	rc = restore_registers(vm, image, options, report);
	result->restore_ns = now_ns() - start;
	result->report = report;
	return rc;
}

/* The result's counts stay those of the restore. */
static int save_again(struct vm *vm, const struct options *options)
{
	struct onereg_report *report;
	int rc;

	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	rc = snapshot_save(vm, options->save, report);
	onereg_report_free(report);
	return rc;
}

static int go_on(struct vm *vm, const struct options *options,
		 struct result *result)
{
	int rc = vm_start(vm) ?: apply_flip(vm, options->flip);

	if (rc)
		return rc;
	vm_resume(vm);
	if (options->run_for > 0 || !options->check)
		sleep_for(options->run_for > 0 ? options->run_for : 1);
	rc = ask(vm, options, result);
	if (rc != YES || !options->save)
		return rc;
	return vm_pause(vm) ?: save_again(vm, options);
}

static int restore(const struct options *options,
		   const struct onereg_image *image,
		   struct onereg_report *report)
{
	struct result result = { .command = "restore" };
	struct machine machine;
	struct vm vm;
	int rc = machine_read(options->dir, &machine);

	if (rc)
		return rc;
	if (onereg_image_n_vcpus(image) != machine.vcpus)
		return cannot("the directory is damaged",
			      "%s: %zu vCPUs in the registers, %u in the "
			      "machine",
			      options->dir, onereg_image_n_vcpus(image),
			      machine.vcpus);
	rc = vm_create(&vm, &machine, image);
	if (rc)
		return rc;
	result.vm = &vm;
	rc = rebuild(&vm, options, image, report, &result);
	if (!rc)
		rc = go_on(&vm, options, &result);
	vm_quit(&vm);
	rc = finish(&result, options->json, rc);
	vm_close(&vm);
	return rc;
}

int command_restore(const struct options *options)
{
	struct onereg_image *image = NULL;
	struct onereg_report *report;
	int rc;

	if (onereg_report_new(&report))
		return cannot(NULL, "no memory for a report");
	rc = read_image(options->dir, &image, report);
	if (!rc)
		rc = restore(options, image, report);
	onereg_image_free(image);
	onereg_report_free(report);
	return rc;
}
