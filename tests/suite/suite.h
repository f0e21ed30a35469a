/* SPDX-License-Identifier: MIT */
/*
 * suite.h - what the library promises, as functions that run anywhere
 *
 * Each behaviour runs on two machines, the source's and the destination's:
 * models in a native test, the one real KVM on an arm64 host. A behaviour
 * that needs a kernel which misbehaves asks for models.
 */
#ifndef ONEREG_TESTS_SUITE_H
#define ONEREG_TESTS_SUITE_H

#include "internal.h"
#include "pass.h"

struct model;

/* ---- where a behaviour runs ---- */

struct machine {
	const struct onereg_io *io;
	struct model *model;		/* NULL: the running kernel */
};

struct test {
	struct machine src, dst;
	uint32_t features;	/* what the machines offer, with PSCI_0_2 */
	bool has_gic;
	size_t max_vcpus;	/* more would take too long here */
	bool failed;
	const char *skipped;	/* why, or NULL */
	char log[16384];	/* what failed, a line each */
	size_t log_used;
};

/* Records a failure; the behaviour goes on or returns as it likes. */
void test_fail(struct test *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Writes the findings of a report to the log, to explain a failure. */
void test_log_report(struct test *t, const struct onereg_report *report);

#define EXPECT(t, condition, ...)                                       \
	((condition) ? true :                                           \
		       (test_fail(t, "%s:%d: %s: ", __func__, __LINE__, \
				  #condition),                          \
			test_fail(t, __VA_ARGS__),                      \
			test_fail(t, "\n"), false))

typedef void behaviour(struct test *t);

#define BEHAVIOURS(X)                                                    \
	X(every_feature_combination_is_restored)                         \
	X(vcpus_of_every_number_are_restored)                            \
	X(vcpu_ids_out_of_order_are_restored)                            \
	X(vm_without_gic_is_restored)                                    \
	X(every_mp_state_is_restored)                                    \
	X(pending_serror_is_restored)                                    \
	X(fresh_vm_is_restored)                                          \
	X(shorter_vectors_are_restored)                                  \
	X(capabilities_are_in_the_image)                                 \
	X(image_survives_its_file_format)                                \
	X(replay_in_list_order_loses_pmu_state)                          \
	X(restore_keeps_pmu_state)                                       \
	X(workaround_follows_its_feature)                                \
	X(vm_wide_registers_are_written_once)                            \
	X(frozen_counters_go_on)                                         \
	X(counters_catch_up)                                             \
	X(dry_run_of_a_good_image_says_yes)                              \
	X(dry_run_leaves_nothing_open)                                   \
	X(check_on_the_same_host_says_yes)                               \
	X(wrong_number_of_vcpus_is_refused)                              \
	X(wrong_vcpu_ids_are_refused)                                    \
	X(missing_gic_is_refused)                                        \
	X(vm_with_other_features_is_refused)                             \
	X(finalized_vm_is_refused)                                       \
	X(prove_finds_a_changed_register)                                \
	X(prove_without_image_differences_is_quiet)                      \
	X(image_that_is_not_whole_is_not_proved)                         \
	X(feature_that_options_omit_is_found)                            \
	X(what_cannot_be_carried_is_refused)                             \
	X(description_of_another_host_is_not_used)                       \
	X(restored_vm_is_saved_and_restored_again)                       \
	X(answer_without_report_is_refused)                              \
	X(catching_up_needs_a_frequency)                                 \
	X(dry_run_says_no_where_the_vm_cannot_be_made)                   \
	X(describe_tells_what_kvm_lacks)                                 \
	X(describe_tells_why_open_failed)                                \
	X(vcpus_that_differ_are_restored)                                \
	X(vcpus_that_might_differ_are_restored)                          \
	X(configuring_comes_before_vcpus)                                \
	X(check_knows_whether_vcpus_can_differ)                          \
	X(export_is_replayed_by_a_plain_loop)                            \
	X(export_of_vcpus_that_differ_is_refused)                        \
	X(features_are_fixed_before_the_first_vcpu)                      \
	X(vm_with_fixed_features_is_restored)                            \
	X(vm_made_for_other_features_is_refused)                         \
	X(features_that_a_host_lacks_are_refused_early)                  \
	X(scopes_are_told_where_the_kernel_tells)                        \
	X(told_scopes_are_as_observed)                                   \
	X(kernel_that_tells_a_wrong_scope_is_found)                      \
	X(features_that_are_left_out_are_filled_in)                      \
	X(features_that_are_wrong_are_refused)                           \
	X(capability_that_is_left_out_is_filled_in)                      \
	X(capability_that_is_not_there_is_left_out)                      \
	X(vm_without_its_capability_is_refused)                          \
	X(counter_offset_is_carried)                                     \
	X(counter_offset_is_carried_to_a_kernel_that_does_not_tell)      \
	X(counter_offset_that_cannot_be_kept_is_named)                   \
	X(image_is_the_same_in_every_mode)                               \
	X(nothing_happens_between_staging_and_stop)                      \
	X(guest_that_runs_after_staging_is_moved)                        \
	X(what_changes_before_the_stop_is_staged_again)                  \
	X(features_do_not_matter_to_staging)                             \
	X(guest_staged_in_a_32_bit_process_is_moved)                     \
	X(gic_that_is_not_whole_is_refused)                              \
	X(serror_that_was_taken_after_staging_is_gone)                   \
	X(serror_that_comes_after_staging_is_moved)                      \
	X(vcpu_that_is_reset_after_staging_is_moved)                     \
	X(vcpus_that_differ_are_staged)                                  \
	X(every_register_that_a_guest_can_write_is_read)                 \
	X(what_only_the_vmm_changes_is_staged_again)                     \
	X(what_the_vmm_has_changed_once_is_read)                         \
	X(affinity_that_changes_after_staging_is_refused)                \
	X(blackout_takes_few_calls)                                      \
	X(blackout_of_a_new_vm_reads_what_a_guest_can_write)             \
	X(changes_are_taken_in_their_order_only)                         \
	X(damaged_changes_are_refused_and_do_no_harm)                    \
	X(first_copy_is_not_restored)                                    \
	X(whole_image_is_not_staged)                                     \
	X(staged_image_survives_its_file_format)                         \
	X(migration_that_failed_is_tried_again)                          \
	X(guest_that_goes_on_is_stopped_again)                           \
	X(moved_vm_is_saved)                                             \
	X(threads_move_a_vm)                                             \
	X(pool_that_cannot_run_is_refused)                               \
	X(vcpus_are_held_while_they_are_read)                            \
	X(hold_that_fails_ends_the_staging)                              \
	X(vcpu_is_released_whatever_fails)                               \
	X(hold_without_release_is_refused)                               \
	X(counters_go_on_after_staging)                                  \
	X(counters_catch_up_after_staging)                               \
	X(its_registers_keep_their_rules)                                \
	X(its_refuses_what_is_wrong)                                     \
	X(its_tables_are_as_their_abi_says)                              \
	X(its_tables_of_two_levels_are_as_their_abi_says)                \
	X(lpis_do_what_commands_say)                                     \
	X(lpis_are_where_their_vcpu_is)                                  \
	X(its_tables_are_taken_by_another_vm)                            \
	X(its_tables_that_are_wrong_are_refused)                         \
	X(model_of_an_its_agrees_with_this_kernel)                       \
	X(its_and_lpis_are_restored)                                     \
	X(its_that_is_not_used_is_restored)                              \
	X(its_survives_its_file_format)                                  \
	X(lpis_that_come_after_staging_are_moved)                        \
	X(staged_image_has_addresses_of_itses)                           \
	X(its_tables_that_changed_are_noticed)                           \
	X(its_that_nobody_named_is_refused)                              \
	X(its_without_memory_is_not_proved)                              \
	X(hostile_tables_do_no_harm)                                     \
	X(hostile_memory_does_no_harm)                                   \
	X(model_agrees_with_this_kernel)

/* Those need models that misbehave, or that can be looked into. */
#define MODEL_BEHAVIOURS(X)                                              \
	X(ioctl_scribble_is_restored)                                    \
	X(busy_guests_are_restored)                                      \
	X(every_ignored_set_is_found)                                    \
	X(every_ignored_gic_write_is_found)                              \
	X(kernel_that_loses_its_state_is_noticed)                        \
	X(every_changed_value_is_found)                                  \
	X(vcpus_that_disagree_are_a_conflict)                            \
	X(missing_register_is_named)                                     \
	X(every_refused_register_is_named_at_once)                       \
	X(refused_gic_register_is_named)                                 \
	X(failing_get_at_save_is_named)                                  \
	X(vm_that_ran_is_refused)                                        \
	X(running_vcpu_is_busy)                                          \
	X(weaker_host_is_found_by_check_and_dry_run)                     \
	X(missing_feature_is_found_by_dry_run)                           \
	X(counter_offset_mode_is_found)                                  \
	X(vm_with_an_its_that_nobody_named_is_refused)                   \
	X(vm_with_tags_is_refused)                                       \
	X(image_without_all_of_its_gic_is_refused)                       \
	X(register_of_a_later_vcpu_is_kept)                              \
	X(ignored_id_field_is_the_hosts)                                 \
	X(dry_run_says_no_without_stolen_time)                           \
	X(register_that_the_destination_lacks_is_named)                  \
	X(register_that_may_be_absent_is_left_out)                       \
	X(vcpus_with_other_lists_are_staged)                             \
	X(fault_of_a_thread_is_named)                                    \
	X(absent_register_is_told_once)

#define DECLARE_BEHAVIOUR(name) behaviour name;
BEHAVIOURS(DECLARE_BEHAVIOUR)
MODEL_BEHAVIOURS(DECLARE_BEHAVIOUR)

/* ---- guests (guest.c) ---- */

struct shape {
	uint32_t features;
	size_t n_vcpus;
	const uint32_t *ids;	/* NULL: 0.. */
	bool gic;
	uint32_t nr_irqs;	/* 0: the kernel's default */
	uint32_t cap;		/* to enable, or 0 */
	unsigned int sve_vq;	/* longest vector, 0: the host's */
	uint64_t asym;		/* what vCPUs may differ in */
	uint32_t fixed_features;	/* before the first vCPU; 0: not */
	uint64_t scope_mode;	/* of KVM_CAP_ARM_REG_SCOPE */
	const struct onereg_image *like;	/* to configure it for; NULL */
	size_t n_its;		/* with them, there is guest memory */
	const uint8_t *memory;	/* what it holds at first, NULL: zeros */
};
#define ITS_MAX 4

struct guest {
	struct machine *machine;
	struct shape shape;
	int kvm_fd, vm_fd, gic_fd;
	int *vcpu_fds;
	uint32_t *ids;
	int its_fds[ITS_MAX];
	uint8_t *memory;	/* its.h says where what is, or NULL */
	struct onereg_cap cap;	/* of the shape */
	struct onereg_vm *vm;
};

/* What onereg_vm_new() is told of it; good as long as the guest. */
struct onereg_vm_options guest_options(const struct guest *g);
/* Another struct onereg_vm for it, instead of the one that there was. */
bool guest_wrap(struct test *t, struct guest *g,
		const struct onereg_vm_options *options);
/* What the destination of onereg_vm_restore() has to be. */
bool guest_create(struct test *t, struct guest *g, struct machine *machine,
		  const struct shape *shape);
/* Makes a source of it: init, finalize, attributes. */
bool guest_start(struct test *t, struct guest *g);
/* Fills it with random valid state: the model's way, or by ioctls. */
bool guest_scribble(struct test *t, struct guest *g, uint64_t seed);
void guest_scribble_by_ioctl(struct test *t, struct guest *g, uint64_t seed);
/* Of that what a guest that runs may change. */
void guest_scribble_vcpus(struct test *t, struct guest *g, uint64_t seed);
void guest_destroy(struct guest *g);
/* Everything at once, for a source. */
bool guest_make(struct test *t, struct guest *g, const struct shape *shape,
		uint64_t seed);
int guest_get(struct guest *g, size_t vcpu, uint64_t id, void *value);
int guest_set(struct guest *g, size_t vcpu, uint64_t id, const void *value);
/* Compares two guests without the library; differences are failures. */
void guests_compare(struct test *t, struct guest *a, struct guest *b);
/* Number of differences, for when there should be some. */
size_t guests_differences(struct test *t, struct guest *a, struct guest *b);

/* ---- a kernel that offers less (less.c) ---- */

struct less {
	struct pass pass;
	int open_error;		/* open fails with this errno */
	unsigned long refuse;	/* this request fails, from the n-th on, */
	size_t n;		/* from 0, */
	int error;		/* with this errno */
	size_t n_asked;
	uint64_t frequency;	/* of the counter, 0: as it is */
	uint32_t hidden[2];	/* capabilities that read as 0 */
	size_t n_open;		/* files open now */
};
/* Of the machine; the fields are the caller's to set, then. */
bool less_init(struct test *t, struct less *l, const struct onereg_io *real);

/* ---- short cuts (common.c) ---- */

uint64_t random_next(uint64_t *seed);
struct onereg_report *report_new(struct test *t);
struct onereg_image *save(struct test *t, struct guest *g);
/* Creates the destination and restores; -EBADE and others are returned. */
int restore(struct test *t, struct guest *dst, const struct shape *shape,
	    const struct onereg_image *image, struct onereg_report *report);

/* A source, its image, and where it is restored to. */
struct pair {
	struct guest src, dst;
	struct onereg_report *report;
	struct onereg_image *image;
};
extern const struct guest no_guest;
void pair_open(struct test *t, struct pair *p, const struct shape *shape);
/* pair_open() with a source that is running and full of state. */
bool pair_source(struct test *t, struct pair *p, const struct shape *shape,
		 uint64_t seed);
bool pair_save(struct test *t, struct pair *p);
/* As pair_source() and pair_save(), with the default shape. */
bool pair_image(struct test *t, struct pair *p, uint64_t seed);
/* Into a new destination, instead of one that there was; fills the report. */
int pair_restore(struct test *t, struct pair *p);
void pair_close(struct pair *p);
/* A machine's wall clock in ns, its counter's frequency; time passes. */
uint64_t machine_wall_clock(struct machine *machine);
uint64_t machine_frequency(struct machine *machine);
void machines_sleep(struct test *t, uint64_t model_ns, uint64_t real_ns);
/* Of the image's: the value of the vCPU (or the VM's), or NULL. */
const void *image_reg(const struct onereg_image *image, int vcpu, uint64_t id);
/* Save, restore, prove, compare; the test fails unless all is equal. */
void round_trip(struct test *t, const struct shape *shape, uint64_t seed);
struct shape default_shape(const struct test *t);
/* The first finding that matches; class_ or error 0: any. */
const struct onereg_finding *
find_finding(const struct onereg_report *report, enum onereg_class class_,
	     enum onereg_space space, uint64_t id, int error);
bool need_model(struct test *t);
/* Does the machine's kernel have VM-scoped registers? */
bool has_vm_regs(struct machine *machine);
/* What only a kernel shows that does not tell which registers are the VM's. */
bool need_untold(struct test *t, struct machine *machine);
/* "KVM_SET_ONE_REG", or, where there are vectors, the like. */
bool is_set_call(const char *operation);
bool is_get_call(const char *operation);
bool need_feature(struct test *t, unsigned int feature);

#endif
