// SPDX-License-Identifier: MIT
/*
 * Live migrations by many threads, for a thread sanitizer: guests that go on
 * while they are staged, a thread each vCPU, and blackouts that are the work
 * of several. Says TAP. An argument is the number of migrations of each kind.
 */
#include "internal.h"
#include "model.h"
#include "threads.h"

#define N_VCPUS		8
#define N_THREADS	4
#define TPIDR		KA_SYS(3, 3, 13, 0, 2)

/* ---- a pool ---- */

struct share {
	void (*job)(void *arg, size_t i);
	void *arg;
	size_t first, n;
};

/* Each thread has its own vCPUs, however late it comes. */
static void *do_share(void *arg)
{
	const struct share *s = arg;

	for (size_t i = s->first; i < s->n; i += N_THREADS)
		s->job(s->arg, i);
	return NULL;
}

static void run(void *userdata, size_t n, void (*job)(void *arg, size_t i),
		void *arg)
{
	struct share shares[N_THREADS];
	pthread_t threads[N_THREADS];

	(void)userdata;
	for (size_t i = 0; i < N_THREADS; i++) {
		shares[i] = (struct share){ job, arg, i, n };
		threads[i] = start(do_share, &shares[i]);
	}
	for (size_t i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* ---- machines ---- */

struct machine {
	struct model *model;
	struct scratch scratch;
	struct onereg_vm *vm;
};

static void open_machine(struct machine *m, const struct onereg_host *host)
{
	struct scratch_options o = { .n_vcpus = N_VCPUS, .gic = true };
	struct onereg_vm_options v = { .size = sizeof(v),
				       .n_vcpus = N_VCPUS,
				       .target = 5 };
	int ret = model_new(host, NULL, &m->model);

	o.io = v.io = ret ? NULL : model_io(m->model);
	ret = ret ? ret : scratch_open(&m->scratch, &o, NULL);
	if (!ret) {
		v.kvm_fd = m->scratch.kvm_fd;
		v.vm_fd = m->scratch.vm_fd;
		v.gic_fd = m->scratch.gic_fd;
		v.vcpu_fds = m->scratch.vcpu_fds;
		v.features[0] = host->profiles[host->n_profiles - 1].features;
		ret = onereg_vm_new(&v, &m->vm);
	}
	if (ret) {
		printf("Bail out! no VM: %d\n", ret);
		exit(1);
	}
}

static void close_machine(struct machine *m)
{
	onereg_vm_free(m->vm);
	scratch_close(&m->scratch);
	model_free(m->model);
}

/* ---- a guest ---- */

struct guest {
	struct machine *machine;
	int vcpu_fd;
	uint64_t first;
	atomic_bool *stop;
	pthread_t thread;
};

/* Its registers move, as they would in KVM_RUN. */
static void *play(void *arg)
{
	struct guest *g = arg;
	const struct onereg_io *io = model_io(g->machine->model);

	for (uint64_t i = g->first; !*g->stop; i++) {
		int ret = io_set_reg(io, g->vcpu_fd, TPIDR, &i);

		CHECK(!ret, "%d", ret);
		ret = io_set_reg(io, g->vcpu_fd, KA_TIMER_CVAL, &i);
		CHECK(!ret, "%d", ret);
	}
	return NULL;
}

static void power_on(struct machine *m, struct guest *guests,
		     atomic_bool *stop)
{
	for (size_t i = 0; i < N_VCPUS; i++) {
		guests[i] = (struct guest){ m, m->scratch.vcpu_fds[i], i << 32,
					    stop, 0 };
		guests[i].thread = start(play, &guests[i]);
	}
}

static void power_off(struct guest *guests, atomic_bool *stop)
{
	*stop = true;
	for (size_t i = 0; i < N_VCPUS; i++)
		pthread_join(guests[i].thread, NULL);
}

/* ---- migrations ---- */

static void finish(struct machine *src, struct machine *dst,
		   struct onereg_source *source,
		   struct onereg_destination *destination)
{
	struct onereg_report *report = NULL;
	char text[1024] = "";
	const void *data;
	size_t size, n;
	int ret = onereg_report_new(&report);

	ret = ret ? ret : onereg_source_stop(source, &data, &size, report);
	CHECK(!ret, "%d", ret);
	ret = ret ? ret : onereg_destination_commit(destination, data, size,
						    report);
	CHECK(!ret, "%d", ret);
	ret = ret ? ret : onereg_destination_prove(destination, report);
	CHECK(!ret && !onereg_report_differences(report,
						 ONEREG_CLASS_UNEXPLAINED),
	      "%d", ret);
	n = model_compare(src->model, src->scratch.vm_fd, dst->model,
			  dst->scratch.vm_fd, text, sizeof(text));
	CHECK(!n, "%zu differences: %s", n, text);
	onereg_report_free(report);
}

static void migrate(const struct onereg_host *host, uint64_t seed)
{
	const struct onereg_pool pool = { .size = sizeof(pool), .run = run };
	const struct onereg_stage_options o = { .size = sizeof(o),
						.pool = &pool };
	struct onereg_destination *destination = NULL;
	struct onereg_source *source = NULL;
	struct machine src = { 0 }, dst = { 0 };
	struct guest guests[N_VCPUS];
	atomic_bool stop = false;
	const void *data;
	size_t size;
	int ret;

	open_machine(&src, host);
	open_machine(&dst, host);
	ret = scratch_init_vcpus(&src.scratch,
				 host->profiles[host->n_profiles - 1].features,
				 NULL);
	ret = ret ? ret : model_scribble(src.model, src.scratch.vm_fd, seed);
	CHECK(!ret, "%d", ret);
	power_on(&src, guests, &stop);
	ret = onereg_source_stage(src.vm, &o, &source, NULL);
	CHECK(!ret, "%d", ret);
	if (!ret)
		ret = onereg_destination_stage(dst.vm,
					       onereg_source_image(source), &o,
					       &destination, NULL);
	CHECK(!ret, "%d", ret);
	ret = ret ? ret : onereg_source_restage(source, &data, &size, NULL);
	ret = ret ? ret : onereg_destination_restage(destination, data, size,
						     NULL);
	CHECK(!ret, "%d", ret);
	power_off(guests, &stop);
	if (!ret)
		finish(&src, &dst, source, destination);
	onereg_source_free(source);
	onereg_destination_free(destination);
	close_machine(&src);
	close_machine(&dst);
}

int main(int argc, char **argv)
{
	static const char *const names[] = {
		"a guest that runs is staged, and moved by threads",
		"the same by vectors, and through the VM",
	};
	int n = argc > 1 ? atoi(argv[1]) : 5, wrong = 0;

	printf("1..2\n");
	for (int i = 0; i < 2; i++) {
		const struct model_host_options o = { .pmu = true,
						      .vm_regs = i };
		struct onereg_host *host;

		n_wrong = 0;
		if (model_host_new(&o, &host))
			return 1;
		for (int k = 0; k < n; k++)
			migrate(host, (uint64_t)k);
		onereg_host_free(host);
		printf("%s %d - %s\n", n_wrong ? "not ok" : "ok", i + 1,
		       names[i]);
		fflush(stdout);
		wrong += n_wrong;
	}
	return wrong ? 1 : 0;
}
