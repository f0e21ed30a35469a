/* SPDX-License-Identifier: MIT */
/* Live migration to another process: what its files share. */
#ifndef ONEREG_VMM_MIGRATE_H
#define ONEREG_VMM_MIGRATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;
struct options;
struct onereg_report;

/* Where the blackout went, in ns, one after the other. */
struct migration_times {
	uint64_t pause; /* vCPUs out of KVM_RUN */
	uint64_t registers; /* onereg_source_stop() */
	uint64_t memory; /* the last pages */
	uint64_t transfer; /* the rest, and until the answer is here */
	uint64_t commit, prove; /* as the destination measured them */
	uint64_t go; /* until the destination says that it runs */
};

struct migrate_options {
	const char *to, *save_stream, *from; /* NULL: not given */
	const char *rescue;
	unsigned int max_downtime_ms, max_rounds, stall_s;
	unsigned int wait_s; /* of receive, for the first byte; 0: for ever */
	uint64_t rate; /* bytes a second; 0: no limit */
	const char *of_source; /* an option that a source has, or NULL */
	bool stall; /* was given */
	bool give_up; /* where pre-copy does not end */
	bool check_memory;
};

struct migration {
	const char *outcome; /* "moved", "returned", "unknown"; "saved" */
	char id[17];
	unsigned int rounds;
	bool converged;
	uint64_t pages, zeros; /* sent, all in all */
	uint64_t last_pages; /* of these, in the blackout */
	uint64_t bytes;
	uint64_t precopy_ns;
	/*
	 * For which the guest stood still, from before vm_pause() to when this
	 * side knew that it runs: measured as a whole. Of a destination, from
	 * when it heard of it.
	 */
	uint64_t blackout_ns;
	uint64_t compared; /* values, by the destination's proof */
	struct migration_times times;
};

/*
 * The guest, which runs, goes to where the options say. YES: it runs there, or
 * is saved, and never again here. NO, told: it runs on here. CANNOT: it ended
 * by itself, or nobody knows where it runs: it was kept, and what to do was
 * told.
 */
int migrate_away(struct vm *vm, const struct options *options,
		 struct onereg_report *report, struct migration *ret);

/* migrate_report.c */
struct progress {
	uint64_t printed_ns, started_ns, bytes;
};
void progress_begin(struct progress *p, uint64_t bytes);
/* Now and then a bar, where somebody looks. */
void progress_show(struct progress *p, unsigned int round, uint64_t done,
		   uint64_t all, uint64_t bytes);
/* Bytes a second in the round that ended. */
uint64_t progress_end(struct progress *p, unsigned int round, uint64_t pages,
		      uint64_t bytes, uint64_t left);
void migration_print(const struct migration *m);
json_t *migration_json(const struct migration *m);
/* Random and not 0; 0: told. */
uint64_t migration_id(void);

#endif
