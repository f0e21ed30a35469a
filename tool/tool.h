/* SPDX-License-Identifier: MIT */
/*
 * onereg, the command: what its files share. Of the library it sees
 * onereg.h only.
 */
#ifndef ONEREG_TOOL_H
#define ONEREG_TOOL_H

#include <jansson.h>

#include "onereg.h"

enum status {
	DONE = 0,		/* yes, done, the same */
	NEGATIVE = 1,		/* no, different */
	WRONG_USAGE = 2,
	NOT_DONE = 3,
};

struct command {
	const char *name;
	const char *synopsis;	/* after "onereg " */
	const char *brief;	/* one line */
	const char *help;	/* what "onereg help NAME" says beside */
	int (*run)(int argc, char **argv);
	bool runs_another;	/* program, which wants our limits as they were */
};

/* ---- args.c: options, the same for every command ---- */

struct option_spec {
	const char *name;	/* "--device" */
	const char *value;	/* "PATH", or NULL: a flag */
};

#define MAX_OPTIONS 8		/* of a command */
#define MAX_OPERANDS 256
#define ANY_NUMBER (-1)		/* of operands, but one at least */

struct args {
	const char *command;
	bool json;		/* --json, taken by every command */
	const char *operand[MAX_OPERANDS];
	int n_operands;
	const char *value[MAX_OPTIONS];	/* of the i-th option spec; flags: "" */
};

/*
 * Sorts the command line by specs, which end with a NULL name. Returns DONE,
 * or WRONG_USAGE with the error told.
 */
int args_parse(struct args *args, const struct option_spec *specs,
	       int n_operands, int argc, char **argv);

/* ---- output.c: text for people, JSON for programs ---- */

/* Tells of wrong usage, in one line, or in JSON. Returns WRONG_USAGE. */
int wrong_usage(bool json, const char *command, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Tells what could not be done, with the report's errors. NOT_DONE. */
int not_done(const struct args *args, int error,
	     const struct onereg_report *report, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Prints and frees it. NOT_DONE where it cannot be printed. */
int print_json(json_t *json, int status);
/* Ends the text: NOT_DONE where it could not be written. */
int end_text(int status);

enum color { PLAIN, BOLD, RED, YELLOW, GREEN, DIM };
/* "" unless standard output is a terminal and NO_COLOR is not set. */
const char *color(enum color c);

/* "0x1f"; the size is in bytes, up to 256. Returns buf. */
#define VALUE_TEXT_SIZE (2 * 256 + 4)
const char *value_text(const void *value, size_t size, char *buf);
uint64_t value_number(const void *value, size_t size);
uint64_t field_value(const void *value, size_t size, unsigned int lsb,
		     unsigned int width);
/* "PSCI_0_2, SVE". Returns buf. */
#define FEATURES_TEXT_SIZE 160
const char *features_line(uint32_t features, char *buf);

/* Library objects as JSON; NULL where there is no memory. */
json_t *json_hex(uint64_t value);
json_t *json_value(const void *value, size_t size);
json_t *json_findings(const struct onereg_report *report);
json_t *json_features(uint32_t features);

/* ---- findings.c: a report for people, grouped ---- */

/*
 * Prints all findings, worst first, those that have the same reason
 * together.
 */
int print_findings(const struct onereg_report *report);
size_t count_findings(const struct onereg_report *report,
		      enum onereg_severity severity);
/* Did it fail for nothing but a lack of memory for findings? */
bool findings_lost(const struct onereg_report *report);

/* ---- load.c: files, recognised by what is in them ---- */

struct thing {
	const char *path;
	struct onereg_image *image;	/* one of the two */
	struct onereg_host *host;
	bool dump;			/* host was imported */
};

/* 0, or a status with the error told. */
int load(const struct args *args, const char *path, struct thing *ret);
int load_host(const struct args *args, const char *path, struct thing *ret);
/* A host becomes the image of a fresh VM there. */
int load_image(const struct args *args, const char *path, struct thing *ret);
void unload(struct thing *thing);

/* ---- fleet.c: many hosts ---- */

struct fleet {
	struct thing *things;
	char **names;			/* of each, for people */
	const struct onereg_host **hosts;
	size_t n;
	char *ignored;			/* files of directories, or NULL */
};

/*
 * Each operand is a host description or a dump, a directory of such (files
 * *.host, *.json and *.onereg), or etcd:PREFIX, keys of etcd. 0, or a status,
 * told.
 */
int load_fleet(const struct args *args, struct fleet *ret);
void unload_fleet(struct fleet *fleet);
/* "the VM's hosts: a (6.12), b (6.1)", and what was not looked at. */
void print_fleet(const struct fleet *fleet);
json_t *json_fleet(const struct fleet *fleet);
/* As load(), of bytes that have that name. */
int load_bytes(const struct args *args, const char *name, const void *data,
	       size_t size, struct thing *ret);

/* ---- etcd.c: hosts as keys ---- */

/* Calls add for each key under the prefix; 0, or a status, told. */
int etcd_each(const struct args *args, const char *prefix,
	      int (*add)(void *userdata, const char *key, const void *value,
			 size_t size),
	      void *userdata);

/* ---- the commands ---- */

int bench_main(int argc, char **argv);
int baseline_main(int argc, char **argv);
int gate_main(int argc, char **argv);
int host_main(int argc, char **argv);
int show_main(int argc, char **argv);
int diff_main(int argc, char **argv);
int check_main(int argc, char **argv);
int export_main(int argc, char **argv);
int import_main(int argc, char **argv);
int validate_main(int argc, char **argv);
int trace_main(int argc, char **argv);

#endif
