// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"

static int new_model(const struct pair *p, struct model_style *style,
		     struct model **ret)
{
	/* Only what the calls themselves take, which is kept by world. */
	style->ticks_per_ioctl = p->first ? 100 : 0;
	return model_new(p->host, style, ret);
}

int pair_of_models(struct pair *p, const struct model_host_options *options)
{
	struct model_style style;
	int ret;

	memset(p, 0, sizeof(*p));
	ret = model_host_new(options, &p->host);
	if (ret)
		return ret;
	model_style_default(p->host, &style);
	ret = model_new(p->host, &style, &p->first);
	if (!ret)
		ret = new_model(p, &style, &p->second);
	if (ret)
		pair_close(p);
	return ret;
}

/* What a description does not tell. */
static bool has_vm_regs(const struct onereg_io *io)
{
	int fd = io->open(io->userdata, "/dev/kvm");
	int ret;

	if (fd < 0)
		return false;
	ret = io_ioctl(io, fd, KA_CHECK_EXTENSION,
		       (void *)(uintptr_t)KA_CAP_VM_ONE_REG);
	io->close(io->userdata, fd);
	return ret > 0;
}

int pair_of_kernel(struct pair *p)
{
	struct onereg_describe_options o = { .size = sizeof(o) };
	struct model_style style;
	int ret;

	memset(p, 0, sizeof(*p));
	ret = io_complete(&p->io, NULL);
	o.io = &p->io;
	if (!ret)
		ret = onereg_host_describe(&o, &p->host, NULL);
	if (ret)
		return ret;
	/* Older kernels do in other ways what the model does in one. */
	if (onereg_host_cap(p->host, KA_CAP_ARM_SUPPORTED_REG_MASK_RANGES) <=
	    0) {
		pair_close(p);
		return -EOPNOTSUPP;
	}
	model_style_default(p->host, &style);
	style.vm_regs = has_vm_regs(&p->io);
	style.counter_start = 0;
	ret = new_model(p, &style, &p->second);
	if (ret)
		pair_close(p);
	return ret;
}

void pair_close(struct pair *p)
{
	model_free(p->first);
	model_free(p->second);
	onereg_host_free(p->host);
	memset(p, 0, sizeof(*p));
}

static struct world *new_world(struct pair *p)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->n_sides = 2;
	w->sides[0].model = p->first;
	w->sides[0].io = p->first ? model_io(p->first) : &p->io;
	w->sides[1].model = p->second;
	w->sides[1].now = p->now;
	w->sides[1].io = model_io(p->second);
	return w;
}

static void describe(struct world *w, struct run *run, bool agree,
		     const char *how)
{
	size_t n;

	snprintf(run->text, sizeof(run->text),
		 "seed %llu, call %zu: returns %d%s%s\n",
		 (unsigned long long)run->seed, run->made, w->ret[0],
		 agree ? "" : ", but ", how);
	n = strlen(run->text);
	world_describe(w, run->text + n, sizeof(run->text) - n);
}

static void run_calls(struct world *w, struct run *run)
{
	struct source s = source_seed(run->seed);
	char how[256];

	while (run->made < run->n_calls && (run->agree || run->keep_going)) {
		bool agree;

		world_step(w, &s);
		run->made++;
		run->done += w->ret[0] >= 0;
		agree = world_agrees(w, how, sizeof(how));
		run->agree &= agree;
		if (run->trace || !agree || run->made == run->n_calls)
			describe(w, run, agree, how);
		if (run->trace || (run->keep_going && !agree))
			puts(run->text);
	}
}

int pair_run(struct pair *p, struct run *run)
{
	struct world *w = new_world(p);
	int ret;

	if (!w)
		return -ENOMEM;
	run->made = 0;
	run->done = 0;
	run->agree = true;
	run->text[0] = '\0';
	ret = world_open(w, p->host);
	if (!ret)
		run_calls(w, run);
	p->now = w->sides[1].now;
	world_close(w);
	free(w);
	return ret;
}
