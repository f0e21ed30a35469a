/* SPDX-License-Identifier: MIT */
/* onereg_validate(): the rules one after the other, each told as it is done. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "validate.h"

#define NAME_SIZE 96

#define ENTRY(title) &chapter_##title,
static const struct chapter *const chapters[] = { CHAPTERS(ENTRY) };
#undef ENTRY

static const struct rule *rule_at(size_t i, char name[NAME_SIZE])
{
	for (size_t c = 0; c < ARRAY_SIZE(chapters); c++) {
		if (i < chapters[c]->n) {
			const struct rule *rule = &chapters[c]->rules[i];

			snprintf(name, NAME_SIZE, "%s.%s", chapters[c]->name,
				 rule->name);
			return rule;
		}
		i -= chapters[c]->n;
	}
	return NULL;
}

int onereg_rule_at(size_t i, char *name, size_t size, const char **ret_text)
{
	char whole[NAME_SIZE];
	const struct rule *rule = rule_at(i, whole);

	if (!rule)
		return -ENOENT;
	if (strlen(whole) >= size)
		return -ENAMETOOLONG;
	strcpy(name, whole);
	*ret_text = rule->text;
	return 0;
}

/* The pattern is looked for anywhere in the name. */
static bool selected(const char *only, const char *name)
{
	char pattern[256];

	if (!only)
		return true;
	snprintf(pattern, sizeof(pattern), "*%s*", only);
	return !fnmatch(pattern, name, 0);
}

static size_t count(const char *only)
{
	char name[NAME_SIZE];
	size_t n = 0;

	for (size_t i = 0; rule_at(i, name); i++)
		n += selected(only, name);
	return n;
}

static void run_rule(struct v *v, const struct rule *rule)
{
	const char *lacks = v_lacks(v, rule->needs);

	v->n_calls = 0;
	v->failed = false;
	v->skipped = false;
	v->why[0] = '\0';
	if (lacks)
		v_skip(v, "%s", lacks);
	else
		rule->run(v);
	v_close_all(v);
}

static void run_rules(struct v *v, const struct onereg_validate_options *o)
{
	struct onereg_rule told = {
		.size = sizeof(told),
		.n = count(o->only),
	};
	const struct rule *rule;
	char name[NAME_SIZE];

	for (size_t i = 0; (rule = rule_at(i, name)); i++) {
		if (!selected(o->only, name))
			continue;
		run_rule(v, rule);
		told.i++;
		told.name = name;
		told.text = rule->text;
		told.why = v->why;
		told.result = v->failed	 ? ONEREG_RULE_BROKEN :
			      v->skipped ? ONEREG_RULE_SKIPPED :
					   ONEREG_RULE_KEPT;
		o->tell(o->userdata, &told);
	}
}

/* Two to write to, two that are not there, one that can only be read. */
static int map_pages(struct v *v)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, 5 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	v->pages = p;
	v->page_size = page;
	if (mprotect(v->pages + 2 * page, 2 * page, PROT_NONE) ||
	    mprotect(v->pages + 4 * page, page, PROT_READ))
		return -errno;
	return 0;
}

static int validate(struct v *v, const struct onereg_validate_options *o,
		    struct onereg_report *report)
{
	int ret = map_pages(v);

	if (ret) {
		report_error(report, ret, "mmap", "five pages", "no memory");
		return ret;
	}
	v->kvm_fd = scratch_open_kvm(v->io, o->device, report);
	if (v->kvm_fd < 0)
		return v->kvm_fd;
	ret = v_ask(v, report);
	if (!ret)
		run_rules(v, o);
	v_close_all(v);
	v->io->close(v->io->userdata, v->kvm_fd);
	return ret;
}

int onereg_validate(const struct onereg_validate_options *options,
		    struct onereg_report *report)
{
	struct onereg_validate_options o;
	struct onereg_io io;
	struct v *v;
	int ret = options_take(&o, sizeof(o), options);

	if (!ret)
		ret = io_complete(&io, o.io);
	if (!ret && !o.tell)
		ret = -EINVAL;
	if (ret)
		return ret;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->io = &io;
	v->kernel = !o.io;
	v->like_kernel = !o.io || o.io_like_kernel;
	ret = validate(v, &o, report);
	if (v->pages)
		munmap(v->pages, 5 * v->page_size);
	free(v);
	return ret;
}
