// SPDX-License-Identifier: MIT
/*
 * Any bytes as changes to a VM that was staged. The first byte tells whether
 * they are taken or committed, and on what kernel. What is refused as damaged
 * or as the wrong ones has done no harm: the right ones are taken then.
 *
 * Run with the name of a directory that does not exist, as
 * ONEREG_FUZZ_SEEDS=DIR, it leaves the right ones there as inputs.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "changes.h"
#include "fuzz.h"
#include "model.h"

#define N_VCPUS		2
#define COMMIT		1	/* bits of the first byte */
#define VM_REGS		2
#define CHECK_EVERY	16	/* inputs that were refused */
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define TPIDR		KA_SYS(3, 3, 13, 0, 2)

/* What arrives: the first copy, and changes of each kind. */
struct sent {
	struct onereg_host *host;
	struct onereg_image *image;
	void *changes[2];	/* to be taken, or committed */
	size_t sizes[2];
};

/* A machine with a VM that has the first copy. */
struct staged {
	struct model *model;
	struct scratch scratch;
	struct onereg_vm *vm;
	struct onereg_destination *destination;
};

static struct sent sent[2];
static struct staged staged[2];

static void open_machine(struct staged *s, const struct onereg_host *host)
{
	struct scratch_options o = { .n_vcpus = N_VCPUS,
				     .gic = true,
				     .nr_irqs = 64 };
	struct onereg_vm_options v = { .size = sizeof(v),
				       .n_vcpus = N_VCPUS,
				       .target = 5 };
	struct model_style style;

	/* Time stands still: inputs do the same each time. */
	model_style_default(host, &style);
	style.ticks_per_ioctl = 0;
	EXPECT(!model_new(host, &style, &s->model));
	o.io = v.io = model_io(s->model);
	EXPECT(!scratch_open(&s->scratch, &o, NULL));
	v.kvm_fd = s->scratch.kvm_fd;
	v.vm_fd = s->scratch.vm_fd;
	v.gic_fd = s->scratch.gic_fd;
	v.vcpu_fds = s->scratch.vcpu_fds;
	v.features[0] = host->profiles[host->n_profiles - 1].features;
	EXPECT(!onereg_vm_new(&v, &s->vm));
}

static void close_machine(struct staged *s)
{
	onereg_destination_free(s->destination);
	onereg_vm_free(s->vm);
	scratch_close(&s->scratch);
	EXPECT(!model_n_open(s->model));
	model_free(s->model);
	*s = (struct staged){ 0 };
}

static void keep(struct sent *to, size_t i, const void *data, size_t size)
{
	to->changes[i] = malloc(size);
	EXPECT(to->changes[i]);
	memcpy(to->changes[i], data, size);
	to->sizes[i] = size;
}

static void copy_image(struct sent *to, const struct onereg_image *image)
{
	void *data;
	size_t size;

	EXPECT(!onereg_image_write(image, &data, &size));
	EXPECT(!onereg_image_read(data, size, &to->image, NULL));
	free(data);
}

/* What the kernel takes of that, in each register that is a vCPU's own. */
static void fill_vcpu(struct staged *s, int fd)
{
	const struct onereg_io *io = model_io(s->model);
	uint8_t value[KA_REG_SIZE_MAX];
	struct regset list;

	memset(value, 0x15, sizeof(value));
	EXPECT(!io_reg_list(io, fd, &list));
	for (size_t i = 0; i < list.n; i++)
		if (catalogue_find(list.ids[i])->phase == PHASE_VCPU &&
		    list.ids[i] != MPIDR)
			(void)!io_set_reg(io, fd, list.ids[i], value);
	regset_free(&list);
}

/* Changes of many registers, and then the last ones of a few. */
static void make_sent(struct sent *to, bool vm_regs)
{
	const struct model_host_options o = { .pmu = true,
					      .vm_regs = vm_regs };
	struct staged s = { 0 };
	struct onereg_source *source;
	uint64_t value = 0x1234;
	const void *data;
	size_t size;

	EXPECT(!model_host_new(&o, &to->host));
	open_machine(&s, to->host);
	EXPECT(!scratch_init_vcpus(&s.scratch, s.vm->features[0], NULL));
	EXPECT(!onereg_source_stage(s.vm, NULL, &source, NULL));
	copy_image(to, onereg_source_image(source));
	fill_vcpu(&s, s.vm->vcpu_fds[1]);
	/* The first of both, as if nothing had been staged again. */
	EXPECT(!onereg_source_restage(source, &data, &size, NULL));
	keep(to, 0, data, size);
	onereg_source_free(source);
	close_machine(&s);

	open_machine(&s, to->host);
	EXPECT(!scratch_init_vcpus(&s.scratch, s.vm->features[0], NULL));
	EXPECT(!onereg_source_stage(s.vm, NULL, &source, NULL));
	EXPECT(!io_set_reg(model_io(s.model), s.vm->vcpu_fds[1], TPIDR,
			   &value));
	EXPECT(!onereg_source_stop(source, &data, &size, NULL));
	keep(to, COMMIT, data, size);
	onereg_source_free(source);
	close_machine(&s);
}

static void write_seed(const char *dir, const struct sent *from, int flags)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/seed%d", dir, flags);
	f = fopen(path, "w");
	EXPECT(f && fputc(flags, f) == flags);
	EXPECT(fwrite(from->changes[flags & COMMIT], 1,
		      from->sizes[flags & COMMIT], f) ==
	       from->sizes[flags & COMMIT]);
	EXPECT(!fclose(f));
}

static void write_seeds(const char *dir)
{
	EXPECT(!mkdir(dir, 0777));
	for (int flags = 0; flags < 4; flags++)
		write_seed(dir, &sent[!!(flags & VM_REGS)], flags);
}

static void make_all(void)
{
	const char *seeds = getenv("ONEREG_FUZZ_SEEDS");

	if (sent[0].host)
		return;
	make_sent(&sent[0], false);
	make_sent(&sent[1], true);
	if (seeds)
		write_seeds(seeds);
}

static int take(struct staged *s, const void *data, size_t size, bool last,
		struct onereg_report *report)
{
	return last ? onereg_destination_commit(s->destination, data, size,
						report) :
		      onereg_destination_restage(s->destination, data, size,
						 report);
}

/* Something that fails is told, and what is told did fail. */
static void check_report(int r, struct onereg_report *report)
{
	enum onereg_verdict verdict = onereg_report_verdict(report);
	const struct onereg_finding *f;
	char line[512];

	EXPECT(r || verdict <= ONEREG_WITH_CARE);
	EXPECT(!r || verdict >= ONEREG_NO);
	for (size_t i = 0; (f = onereg_report_get(report, i)); i++) {
		EXPECT(f->why && *f->why && f->name);
		EXPECT(onereg_finding_format(f, line, sizeof(line)) > 0);
	}
}

static bool did_no_harm(int r)
{
	return r == -EBADMSG || r == -EPROTO;
}

/* The right ones are taken, and are all that the VM has. */
static void take_right_ones(struct staged *s, const struct sent *from,
			    struct onereg_report *report)
{
	onereg_report_clear(report);
	EXPECT(!take(s, from->changes[COMMIT], from->sizes[COMMIT], true,
		     report));
	EXPECT(!onereg_destination_prove(s->destination, report));
	EXPECT(!onereg_report_differences(report, ONEREG_CLASS_UNEXPLAINED));
}

/* Of a VM that may be of no use: nothing is called equal that was not read. */
static void prove(struct staged *s, bool committed,
		  struct onereg_report *report)
{
	int r;

	onereg_report_clear(report);
	r = onereg_destination_prove(s->destination, report);
	EXPECT(r || committed);
	EXPECT(!r || onereg_report_verdict(report) == ONEREG_FAILED);
}

static void try_bytes(struct staged *s, const struct sent *from,
		      const uint8_t *data, size_t size, bool last,
		      struct onereg_report *report)
{
	static unsigned int n_refused;
	int r = take(s, data, size, last, report);

	check_report(r, report);
	if (did_no_harm(r) && ++n_refused % CHECK_EVERY)
		return;
	if (did_no_harm(r))
		take_right_ones(s, from, report);
	else
		prove(s, !r && last, report);
	close_machine(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct onereg_report *report;
	struct staged *s;
	uint8_t *bytes;
	bool vm_regs;

	if (!size)
		return 0;
	make_all();
	vm_regs = data[0] & VM_REGS;
	s = &staged[vm_regs];
	EXPECT(!onereg_report_new(&report));
	if (!s->model) {
		open_machine(s, sent[vm_regs].host);
		EXPECT(!onereg_destination_stage(s->vm, sent[vm_regs].image,
						 NULL, &s->destination,
						 report));
		onereg_report_clear(report);
	}
	/* Of exactly that size. */
	bytes = malloc(size);
	EXPECT(bytes);
	memcpy(bytes, data + 1, size - 1);
	bytes = realloc(bytes, size - 1 ? size - 1 : 1);
	EXPECT(bytes);
	try_bytes(s, &sent[vm_regs], bytes, size - 1, data[0] & COMMIT,
		  report);
	free(bytes);
	onereg_report_free(report);
	return 0;
}
