/* SPDX-License-Identifier: MIT */
/* Many hosts: files, directories of files, keys of etcd. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tool.h"

#define ETCD "etcd:"

struct loading {
	const struct args *args;
	struct fleet *fleet;
};

static int no_memory(const struct args *args)
{
	return not_done(args, ENOMEM, NULL, "the hosts");
}

/* Room for one more; the arrays grow together. */
static int make_room(const struct loading *l)
{
	struct fleet *f = l->fleet;
	void *things, *names, *hosts;

	things = realloc(f->things, (f->n + 1) * sizeof(*f->things));
	if (things)
		f->things = things;
	names = realloc(f->names, (f->n + 1) * sizeof(*f->names));
	if (names)
		f->names = names;
	hosts = realloc(f->hosts, (f->n + 1) * sizeof(*f->hosts));
	if (hosts)
		f->hosts = hosts;
	return things && names && hosts ? DONE : no_memory(l->args);
}

/* The last part of a path or key, without .host, .json or .onereg. */
static char *short_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = strdup(slash && slash[1] ? slash + 1 : path);
	char *dot = name ? strrchr(name, '.') : NULL;

	if (dot && dot != name &&
	    (!strcmp(dot, ".host") || !strcmp(dot, ".json") ||
	     !strcmp(dot, ".onereg")))
		*dot = '\0';
	return name;
}

/* Takes thing over. */
static int add_host(const struct loading *l, const char *path,
		    struct thing *thing)
{
	struct fleet *f = l->fleet;
	int status = make_room(l);
	char *name;

	if (!status && !thing->host)
		status = not_done(l->args, EINVAL, NULL,
				  "%s is an image, not a host description",
				  path);
	name = status ? NULL : short_name(path);
	if (!status && !name)
		status = no_memory(l->args);
	/* Of two that are called the same, the longer name tells which. */
	for (size_t i = 0; i < f->n && !status; i++) {
		if (strcmp(f->names[i], name))
			continue;
		free(name);
		name = strdup(path);
		if (!name)
			status = no_memory(l->args);
		break;
	}
	if (status) {
		unload(thing);
		return status;
	}
	/* The path may be gone when the name is still used. */
	thing->path = name;
	f->things[f->n] = *thing;
	f->hosts[f->n] = thing->host;
	f->names[f->n++] = name;
	return DONE;
}

static int add_file(const struct loading *l, const char *path)
{
	struct thing thing;
	int status = load(l->args, path, &thing);

	return status ? status : add_host(l, path, &thing);
}

static int add_key(void *userdata, const char *key, const void *value,
		   size_t size)
{
	const struct loading *l = userdata;
	struct thing thing;
	int status = load_bytes(l->args, key, value, size, &thing);

	return status ? status : add_host(l, key, &thing);
}

/* ---- directories ---- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && !strcmp(name + n - k, suffix);
}

static int ignore(const struct loading *l, const char *name)
{
	char *old = l->fleet->ignored, *text;

	if (asprintf(&text, "%s%s%s", old ? old : "", old ? ", " : "",
		     name) < 0)
		return no_memory(l->args);
	free(old);
	l->fleet->ignored = text;
	return DONE;
}

/* So are images called, too: those are not asked about. */
static int add_onereg(const struct loading *l, const char *path,
		      const char *name)
{
	struct thing thing;
	int status = load(l->args, path, &thing);

	if (status || thing.host)
		return status ? status : add_host(l, path, &thing);
	unload(&thing);
	return ignore(l, name);
}

static int add_entry(const struct loading *l, const char *directory,
		     const char *name)
{
	bool onereg = has_suffix(name, ".onereg");
	char *path;
	int status;

	if (!onereg && !has_suffix(name, ".host") && !has_suffix(name, ".json"))
		return ignore(l, name);
	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return no_memory(l->args);
	status = onereg ? add_onereg(l, path, name) : add_file(l, path);
	free(path);
	return status;
}

static int add_directory(const struct loading *l, const char *path)
{
	struct dirent **entries;
	size_t before = l->fleet->n;
	int n = scandir(path, &entries, NULL, alphasort), status = DONE;

	if (n < 0)
		return not_done(l->args, errno, NULL, "%s", path);
	for (int i = 0; i < n; i++) {
		if (!status && entries[i]->d_name[0] != '.')
			status = add_entry(l, path, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (!status && l->fleet->n == before)
		status = not_done(l->args, ENOENT, NULL,
				  "%s: no host description in it: *.host, *.json, "
				  "*.onereg", path);
	return status;
}

static int add_operand(struct loading *l, const char *operand)
{
	struct stat st;

	if (!strncmp(operand, ETCD, strlen(ETCD)))
		return etcd_each(l->args, operand + strlen(ETCD), add_key, l);
	if (!stat(operand, &st) && S_ISDIR(st.st_mode))
		return add_directory(l, operand);
	return add_file(l, operand);
}

int load_fleet(const struct args *args, struct fleet *ret)
{
	struct loading l = { args, ret };
	int status = DONE;

	*ret = (struct fleet){ 0 };
	for (int i = 0; i < args->n_operands && !status; i++)
		status = add_operand(&l, args->operand[i]);
	return status;
}

void unload_fleet(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->n; i++) {
		unload(&fleet->things[i]);
		free(fleet->names[i]);
	}
	free(fleet->things);
	free(fleet->names);
	free(fleet->hosts);
	free(fleet->ignored);
	*fleet = (struct fleet){ 0 };
}

/* ---- telling which ---- */

void print_fleet(const struct fleet *fleet)
{
	printf("%zu host%s:", fleet->n, fleet->n == 1 ? "" : "s");
	for (size_t i = 0; i < fleet->n; i++)
		printf("%s\n  %s%s%s (kernel %s%s)", i ? "," : "", color(BOLD),
		       fleet->names[i], color(PLAIN),
		       onereg_host_release(fleet->hosts[i]),
		       onereg_host_partial(fleet->hosts[i]) ? ", a dump" : "");
	putchar('\n');
	if (fleet->ignored)
		printf("not looked at: %s\n", fleet->ignored);
}

json_t *json_fleet(const struct fleet *fleet)
{
	json_t *a = json_array();

	for (size_t i = 0; i < fleet->n; i++)
		json_array_append_new(
			a, json_pack("{s:s, s:s, s:b}", "name",
				     fleet->names[i], "release",
				     onereg_host_release(fleet->hosts[i]),
				     "partial",
				     onereg_host_partial(fleet->hosts[i])));
	return a;
}
