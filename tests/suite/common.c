// SPDX-License-Identifier: MIT
/* Short cuts for the behaviours. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "model.h"
#include "suite.h"

void test_fail(struct test *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	t->failed = true;
	if (t->log_used + 1 >= sizeof(t->log))
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->log + t->log_used, sizeof(t->log) - t->log_used, fmt,
		      ap);
	va_end(ap);
	t->log_used += n;
	if (t->log_used >= sizeof(t->log))
		t->log_used = sizeof(t->log) - 1;
}

void test_log_report(struct test *t, const struct onereg_report *report)
{
	const struct onereg_finding *f;
	bool failed = t->failed;
	char line[512];

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++) {
		if (f->severity == ONEREG_NOTE)
			continue;
		onereg_finding_format(f, line, sizeof(line));
		test_fail(t, "  %s\n", line);
	}
	t->failed = failed;
}

uint64_t random_next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

struct onereg_report *report_new(struct test *t)
{
	struct onereg_report *report = NULL;
	int ret = onereg_report_new(&report);

	EXPECT(t, !ret, "%d", ret);
	return report;
}

struct onereg_image *save(struct test *t, struct guest *g)
{
	struct onereg_report *report = report_new(t);
	struct onereg_image *image = NULL;
	int ret = onereg_vm_save(g->vm, &image, report);

	if (!EXPECT(t, !ret, "%d", ret))
		test_log_report(t, report);
	onereg_report_free(report);
	return image;
}

int restore(struct test *t, struct guest *dst, const struct shape *shape,
	    const struct onereg_image *image, struct onereg_report *report)
{
	if (!guest_create(t, dst, &t->dst, shape))
		return -ECANCELED;
	return onereg_vm_restore(dst->vm, image, NULL, report);
}

static void check_restored(struct test *t, struct guest *src,
			   struct guest *dst,
			   const struct onereg_image *image,
			   struct onereg_report *report, int ret)
{
	size_t lost = onereg_report_differences(report,
						ONEREG_CLASS_UNEXPLAINED);

	if (!EXPECT(t, !ret && !lost &&
			       onereg_report_verdict(report) <=
				       ONEREG_WITH_CARE,
		    "restore %d, %zu unexplained, verdict %s", ret, lost,
		    onereg_verdict_name(onereg_report_verdict(report))))
		test_log_report(t, report);
	onereg_report_clear(report);
	ret = onereg_vm_prove(dst->vm, image, report);
	lost = onereg_report_differences(report, ONEREG_CLASS_UNEXPLAINED);
	if (!EXPECT(t, !ret && !lost, "prove %d, %zu unexplained", ret, lost))
		test_log_report(t, report);
	guests_compare(t, src, dst);
}

void round_trip(struct test *t, const struct shape *shape, uint64_t seed)
{
	struct pair p;

	if (pair_source(t, &p, shape, seed) && pair_save(t, &p)) {
		int ret = pair_restore(t, &p);

		check_restored(t, &p.src, &p.dst, p.image, p.report, ret);
	}
	pair_close(&p);
}

/* ---- pairs ---- */

const struct guest no_guest = { .kvm_fd = -1, .vm_fd = -1, .gic_fd = -1 };

void pair_open(struct test *t, struct pair *p, const struct shape *shape)
{
	*p = (struct pair){ no_guest, no_guest, report_new(t), NULL };
	p->src.machine = &t->src;
	p->dst.machine = &t->dst;
	p->src.shape = *shape;
}

bool pair_source(struct test *t, struct pair *p, const struct shape *shape,
		 uint64_t seed)
{
	pair_open(t, p, shape);
	return guest_make(t, &p->src, shape, seed);
}

bool pair_save(struct test *t, struct pair *p)
{
	p->image = save(t, &p->src);
	return p->image;
}

bool pair_image(struct test *t, struct pair *p, uint64_t seed)
{
	struct shape shape = default_shape(t);

	return pair_source(t, p, &shape, seed) && pair_save(t, p);
}

int pair_restore(struct test *t, struct pair *p)
{
	struct shape shape = p->src.shape;

	guest_destroy(&p->dst);
	p->dst = no_guest;
	p->dst.machine = &t->dst;
	onereg_report_clear(p->report);
	shape.memory = p->src.memory;
	return restore(t, &p->dst, &shape, p->image, p->report);
}

void pair_close(struct pair *p)
{
	onereg_image_free(p->image);
	guest_destroy(&p->src);
	guest_destroy(&p->dst);
	onereg_report_free(p->report);
}

/* ---- clocks ---- */

uint64_t machine_wall_clock(struct machine *machine)
{
	struct onereg_io io;
	uint64_t ns = 0;

	if (!io_complete(&io, machine->io))
		io.wall_clock(io.userdata, &ns);
	return ns;
}

uint64_t machine_frequency(struct machine *machine)
{
	struct onereg_io io;
	uint64_t hz = 0;

	if (!io_complete(&io, machine->io))
		io.counter_frequency(io.userdata, &hz);
	return hz;
}

void machines_sleep(struct test *t, uint64_t model_ns, uint64_t real_ns)
{
	const struct timespec ts = { real_ns / 1000000000,
				     real_ns % 1000000000 };

	if (!t->src.model || !t->dst.model) {
		nanosleep(&ts, NULL);
		return;
	}
	model_sleep(t->src.model, model_ns);
	model_sleep(t->dst.model, model_ns);
}

const void *image_reg(const struct onereg_image *image, int vcpu, uint64_t id)
{
	struct onereg_value v = { .size = sizeof(v) };

	for (size_t i = 0; !onereg_image_value(image, i, &v); i++)
		if (v.space == ONEREG_SPACE_REG && v.id == id &&
		    (v.vcpu == vcpu || v.vcpu == -1))
			return v.value;
	return NULL;
}

struct shape default_shape(const struct test *t)
{
	return (struct shape){
		.features = t->features,
		.n_vcpus = 2,
		.gic = t->has_gic,
	};
}

const struct onereg_finding *
find_finding(const struct onereg_report *report, enum onereg_class class_,
	     enum onereg_space space, uint64_t id, int error)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if ((!class_ || f->class_ == class_) && f->space == space &&
		    f->id == id && (!error || f->error == error))
			return f;
	return NULL;
}

bool need_model(struct test *t)
{
	if (!t->src.model || !t->dst.model)
		t->skipped = "needs a kernel that misbehaves";
	return !t->skipped;
}

bool has_vm_regs(struct machine *machine)
{
	struct onereg_io io;
	int fd, mask;

	if (io_complete(&io, machine->io))
		return false;
	fd = scratch_open_kvm(&io, NULL, NULL);
	if (fd < 0)
		return false;
	mask = io_ioctl(&io, fd, KA_CHECK_EXTENSION,
			(void *)(uintptr_t)KA_CAP_VM_ONE_REG);
	io.close(io.userdata, fd);
	return mask > 0;
}

bool need_untold(struct test *t, struct machine *machine)
{
	if (has_vm_regs(machine))
		t->skipped = "this kernel tells which registers are the VM's";
	return !t->skipped;
}

bool is_set_call(const char *operation)
{
	return operation && (!strcmp(operation, "KVM_SET_ONE_REG") ||
			     !strcmp(operation, "KVM_SET_REG_VEC"));
}

bool is_get_call(const char *operation)
{
	return operation && (!strcmp(operation, "KVM_GET_ONE_REG") ||
			     !strcmp(operation, "KVM_GET_REG_VEC"));
}

bool need_feature(struct test *t, unsigned int feature)
{
	if (!(t->features & 1U << feature))
		t->skipped = "this host lacks the vCPU feature";
	return !t->skipped;
}
