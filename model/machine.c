// SPDX-License-Identifier: MIT
/* The machine: file descriptors, clocks, faults, the ioctls of /dev/kvm. */
#include <stdio.h>

#include "its.h"

#define FREQUENCY_DEFAULT 62500000ULL
#define NS_PER_S 1000000000ULL

uint64_t model_frequency(const struct model *m)
{
	return m->host->counter_frequency ? m->host->counter_frequency :
					    FREQUENCY_DEFAULT;
}

static struct file *file_at(struct model *m, int fd)
{
	size_t i = (size_t)fd - FD_BASE;

	if (fd < FD_BASE || i >= m->n_files || m->files[i].kind == FILE_FREE)
		return NULL;
	return &m->files[i];
}

/* A copy, and its VM stays until vm_put(). */
static bool get_file(struct model *m, int fd, struct file *ret)
{
	const struct file *f;

	mutex_lock(&m->files_lock);
	f = file_at(m, fd);
	if (f) {
		*ret = *f;
		if (f->vm)
			f->vm->n_files++;
	}
	mutex_unlock(&m->files_lock);
	return f;
}

bool model_file(struct model *m, int fd, enum file_kind kind,
		struct file *ret)
{
	if (!get_file(m, fd, ret))
		return false;
	if (ret->kind == kind)
		return true;
	vm_put(ret->vm);
	return false;
}

static struct file *free_file(struct model *m)
{
	struct file *files;
	size_t n = m->n_files;

	for (size_t i = 0; i < n; i++)
		if (m->files[i].kind == FILE_FREE)
			return &m->files[i];
	files = realloc(m->files, (n * 2 + 16) * sizeof(*files));
	if (!files)
		return NULL;
	memset(files + n, 0, (n + 16) * sizeof(*files));
	m->files = files;
	m->n_files = n * 2 + 16;
	return &m->files[n];
}

int model_open_file(struct model *m, enum file_kind kind, struct vm *vm,
		    void *object)
{
	struct file *f;
	int fd = -ENOMEM;

	mutex_lock(&m->files_lock);
	f = free_file(m);
	if (f) {
		*f = (struct file){ kind, vm, { object } };
		if (vm)
			vm->n_files++;
		fd = FD_BASE + (int)(f - m->files);
	}
	mutex_unlock(&m->files_lock);
	return fd;
}

static int machine_open(void *userdata, const char *path)
{
	if (strcmp(path, "/dev/kvm"))
		return -ENOENT;
	return model_open_file(userdata, FILE_KVM, NULL, NULL);
}

static int machine_close(void *userdata, int fd)
{
	struct model *m = userdata;
	struct file *f, closed = { 0 };

	mutex_lock(&m->files_lock);
	f = file_at(m, fd);
	if (f) {
		closed = *f;
		*f = (struct file){ 0 };
	}
	mutex_unlock(&m->files_lock);
	vm_put(closed.vm);
	return f ? 0 : -EBADF;
}

static int kvm_ioctl(struct model *m, unsigned long request, void *arg)
{
	switch (request) {
	case KA_GET_API_VERSION:
		return KA_API_VERSION;
	case KA_CHECK_EXTENSION:
		return model_check_extension(m, (uintptr_t)arg);
	case KA_CREATE_VM:
		return vm_create(m, (uintptr_t)arg);
	}
	return -EINVAL;
}

static void add(uint64_t *to, uint64_t n)
{
	__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

static void tick(struct model *m)
{
	uint64_t ns = m->style.ticks_per_ioctl * NS_PER_S / model_frequency(m);

	add(&m->now, m->style.ticks_per_ioctl);
	add(&m->slept_ns, ns);
	add(&m->n_ioctls, 1);
}

static int file_ioctl(struct model *m, const struct file *f,
		      unsigned long request, void *arg)
{
	switch (f->kind) {
	case FILE_KVM:
		return kvm_ioctl(m, request, arg);
	case FILE_VM:
		return vm_ioctl(f->vm, request, arg);
	case FILE_VCPU:
		return vcpu_ioctl(f->vcpu, request, arg);
	case FILE_ITS:
		return its_ioctl(f->its, request, arg);
	default:
		return gic_ioctl(f->vm, request, arg);
	}
}

static int machine_ioctl(void *userdata, int fd, unsigned long request,
			 void *arg)
{
	struct model *m = userdata;
	struct task_struct outer = *current;
	struct file f;
	int ret;

	tick(m);
	if (!get_file(m, fd, &f))
		return -EBADF;
	*current = (struct task_struct){ .machine = m, .fd = fd };
	ret = file_ioctl(m, &f, request, arg);
	*current = outer;
	vm_put(f.vm);
	return ret;
}

static int machine_frequency(void *userdata, uint64_t *ret_hz)
{
	*ret_hz = model_frequency(userdata);
	return 0;
}

static int machine_wall_clock(void *userdata, uint64_t *ret_ns)
{
	struct model *m = userdata;

	*ret_ns = m->style.wall_start + READ_ONCE(m->slept_ns);
	return 0;
}

static int machine_release(void *userdata, char *buf, size_t size)
{
	struct model *m = userdata;
	size_t n = strlen(m->host->release) + 1;

	if (n > size)
		return -ENAMETOOLONG;
	memcpy(buf, m->host->release, n);
	return 0;
}

static bool has_reset(const struct onereg_host *host, uint64_t id,
		      uint64_t *ret)
{
	const struct host_profile *p;
	ptrdiff_t i;

	if (!host->n_profiles)
		return false;
	p = &host->profiles[host->n_profiles - 1];
	i = regset_find(&p->set, id);
	if (i < 0 || !p->has_reset[i])
		return false;
	*ret = regset_u64(&p->set, p->reset, i);
	return true;
}

uint64_t host_reset_u64(const struct onereg_host *host, uint64_t id)
{
	for (size_t i = 0; i < host->n_profiles; i++) {
		const struct host_profile *p = &host->profiles[i];
		ptrdiff_t at = regset_find(&p->set, id);

		if (at >= 0)
			return regset_u64(&p->set, p->reset, at);
	}
	return 0;
}

/* The kernel that reports masks (6.7) is also the one with PMU pairs. */
void model_style_default(const struct onereg_host *host,
			 struct model_style *ret)
{
	uint64_t pfr0 = 0;

	*ret = (struct model_style){
		.vm_counter_offsets = true,
		.gic_pri_bits = 5,
		.gic_a3v = true,
		.counter_start = 1000000000,
		.wall_start = 1700000000 * NS_PER_S,
		.ticks_per_ioctl = 100,
	};
	ret->has_masks = onereg_host_cap(
		host, KA_CAP_ARM_SUPPORTED_REG_MASK_RANGES) > 0;
	ret->id_regs_writable = ret->has_masks;
	ret->pmu_pairs = ret->has_masks;
	ret->vm_regs = onereg_host_cap(host, KVM_CAP_VM_ONE_REG) > 0;
	/* ID_AA64PFR0_EL1.EL0: 1 is AArch64 only. */
	ret->no_aarch32 = has_reset(host, KA_SYS(3, 0, 0, 4, 0), &pfr0) &&
			  (pfr0 & 0xf) == 1;
}

int model_new(const struct onereg_host *host, const struct model_style *style,
	      struct model **ret)
{
	struct model_style s;
	struct model *m;

	if (style)
		s = *style;
	else
		model_style_default(host, &s);
	if (s.vm_regs && !s.vm_counter_offsets)
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->host = host;
	m->style = s;
	m->now = m->style.counter_start;
	mutex_init(&m->files_lock);
	m->io = (struct onereg_io){
		.size = sizeof(m->io),
		.userdata = m,
		.open = machine_open,
		.close = machine_close,
		.ioctl = machine_ioctl,
		.counter_frequency = machine_frequency,
		.wall_clock = machine_wall_clock,
		.release = machine_release,
	};
	*ret = m;
	return 0;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_files; i++)
		machine_close(m, FD_BASE + (int)i);
	mutex_destroy(&m->files_lock);
	free(m->files);
	free(m->faults);
	free(m);
}

const struct onereg_io *model_io(struct model *m)
{
	return &m->io;
}

const struct model_style *model_get_style(const struct model *m)
{
	return &m->style;
}

size_t model_n_open(struct model *m)
{
	size_t n = 0;

	mutex_lock(&m->files_lock);
	for (size_t i = 0; i < m->n_files; i++)
		n += m->files[i].kind != FILE_FREE;
	mutex_unlock(&m->files_lock);
	return n;
}

uint64_t model_n_ioctls(const struct model *m)
{
	return READ_ONCE(m->n_ioctls);
}

void model_sleep(struct model *m, uint64_t ns)
{
	unsigned __int128 ticks = (unsigned __int128)ns * model_frequency(m);

	add(&m->now, ticks / NS_PER_S);
	add(&m->slept_ns, ns);
}

void model_set_guest(struct model *m, model_guest *guest, void *userdata)
{
	m->guest = guest;
	m->guest_userdata = userdata;
}

static int add_fault(struct model *m, const struct fault *fault)
{
	struct fault *v = realloc(m->faults, (m->n_faults + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	m->faults = v;
	v[m->n_faults++] = *fault;
	return 0;
}

int model_misbehave(struct model *m, enum model_fault fault, uint64_t id,
		    int vcpu, uint64_t arg)
{
	return add_fault(m, &(struct fault){
		.fault = fault, .id = id, .vcpu = vcpu, .arg = arg });
}

int model_misbehave_gic(struct model *m, enum model_fault fault,
			uint32_t group, uint64_t attr, uint64_t arg)
{
	return add_fault(m, &(struct fault){
		.fault = fault, .gic = true, .group = group, .id = attr,
		.arg = arg });
}

void model_behave(struct model *m)
{
	free(m->faults);
	m->faults = NULL;
	m->n_faults = 0;
}

const struct fault *model_fault_on(const struct vcpu *v, uint64_t id,
				   enum model_fault fault)
{
	const struct model *m = v->vm->m;

	for (size_t i = 0; i < m->n_faults; i++) {
		const struct fault *f = &m->faults[i];

		if (!f->gic && f->fault == fault && f->id == id &&
		    (f->vcpu < 0 || f->vcpu == v->k.vcpu_idx))
			return f;
	}
	return NULL;
}

static const struct fault *fault_on_gic(const struct model *m, uint32_t group,
					uint64_t attr, enum model_fault fault)
{
	for (size_t i = 0; i < m->n_faults; i++) {
		const struct fault *f = &m->faults[i];

		if (f->gic && f->fault == fault && f->group == group &&
		    f->id == attr)
			return f;
	}
	return NULL;
}

bool model_gic_fault(const struct model *m, uint32_t group, uint64_t attr,
		     bool set, uint64_t *value, uint64_t *flip, int *ret)
{
	const struct fault *f;

	*ret = 0;
	*flip = 0;
	f = fault_on_gic(m, group, attr,
			 set ? MODEL_REFUSE_SET : MODEL_REFUSE_GET);
	if (f) {
		*ret = -(int)f->arg;
		return true;
	}
	if (set && fault_on_gic(m, group, attr, MODEL_IGNORE_SET))
		return true;
	f = fault_on_gic(m, group, attr, set ? MODEL_XOR_SET : MODEL_XOR_GET);
	if (f && set)
		*value ^= f->arg;
	else if (f)
		*flip = f->arg;
	return false;
}
