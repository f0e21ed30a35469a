/* SPDX-License-Identifier: MIT */
/*
 * How the registers of a VM are reached: through its own descriptor and by
 * vectors where the kernel offers that, else one by one through vCPUs.
 */
#include <errno.h>
#include <stdlib.h>

#include "access.h"

/* A signal may come that often before the first entry of a vector. */
#define EINTR_TRIES 16

/* ---- what the kernel offers ---- */

/* A mask; 0 where the capability, or asking a VM at all, is not known. */
static int ask(const struct access *p, uint32_t cap,
	       struct onereg_report *report)
{
	int mask = io_ioctl(p->io, p->vm_fd, KA_CHECK_EXTENSION,
			    (void *)(uintptr_t)cap);

	if (mask == -EINVAL || mask == -ENOTTY)
		return 0;
	if (mask < 0)
		report_error(report, mask, "KVM_CHECK_EXTENSION",
			     onereg_cap_name(cap),
			     "cannot tell how this kernel lets registers be "
			     "reached");
	return mask;
}

int access_open(struct access *p, const struct onereg_io *io, int vm_fd,
	       const int *vcpu_fds, struct onereg_report *report)
{
	int mask;

	*p = (struct access){ .io = io, .vm_fd = vm_fd, .vcpu_fds = vcpu_fds };
	mask = ask(p, KA_CAP_VM_ONE_REG, report);
	if (mask < 0)
		return mask;
	p->vm_regs = mask & KA_VM_ONE_REG_IOCTLS;
	p->vectors = mask & KA_VM_ONE_REG_VECTORS;
	/* They are registers of the VM's descriptor. */
	p->config = p->vm_regs && mask & KA_VM_ONE_REG_CONFIG;
	p->asym = p->config && mask & KA_VM_ONE_REG_ASYM;
	return 0;
}

void access_close(struct access *p)
{
	regset_free(&p->vm_list);
}

static void count_calls(const struct access *p, size_t n, size_t vectors)
{
	if (!p->counts)
		return;
	p->counts->register_calls += n;
	p->counts->vector_calls += vectors;
}

/* ---- lists ---- */

int access_list(struct access *p, struct onereg_report *report)
{
	struct regset list;
	int ret;

	if (!p->vm_regs)
		return 0;
	count_calls(p, 1, 0);
	ret = io_reg_list(p->io, p->vm_fd, &list);
	if (ret) {
		report_error(report, ret, "KVM_GET_REG_LIST", "VM",
			     "the list of the VM's registers cannot be read");
		return ret;
	}
	regset_free(&p->vm_list);
	p->vm_list = list;
	return 0;
}

bool access_is_vm(const struct access *p, uint64_t id)
{
	return regset_find(&p->vm_list, id) >= 0;
}

bool is_config(uint64_t id)
{
	return (id & KA_REG_CLASS_MASK) == KA_REG_VM;
}

/*
 * As the vCPU would list them in no mode: without tags, and with the VM's
 * registers, which mode OMIT leaves out, at the end.
 */
static int make_plain(const struct access *p, struct regset *list)
{
	uint64_t *ids = calloc(list->n + p->vm_list.n + 1, sizeof(*ids));
	struct regset plain;
	size_t n = list->n;
	int ret;

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ids[i] = list->ids[i] & ~KA_REG_SCOPE_VM;
		list->ids[i] = ids[i];
	}
	for (size_t i = 0; i < p->vm_list.n; i++)
		if (!is_config(p->vm_list.ids[i]) &&
		    regset_find(list, p->vm_list.ids[i]) < 0)
			ids[n++] = p->vm_list.ids[i];
	ret = regset_init(&plain, ids, n);
	free(ids);
	if (ret)
		return ret;
	regset_free(list);
	*list = plain;
	return 0;
}

int access_vcpu_list(const struct access *p, size_t vcpu, struct regset *ret)
{
	struct regset list;
	int r;

	count_calls(p, 1, 0);
	r = io_reg_list(p->io, p->vcpu_fds[vcpu], &list);
	if (!r && p->vm_regs) {
		r = make_plain(p, &list);
		if (r)
			regset_free(&list);
	}
	if (!r)
		*ret = list;
	return r;
}

/* ---- values ---- */

/* As few instructions as can be around the call: a blackout has many. */
static int one_by_one(const struct access *p, int fd, unsigned long request,
		      const struct ka_one_reg *regs, size_t n, size_t *done)
{
	const struct onereg_io *io = p->io;
	size_t i;
	int ret = 0;

	for (i = 0; i < n; i++) {
		/* KVM only reads the struct. */
		void *arg = (void *)(uintptr_t)&regs[i];

		ret = io->ioctl(io->userdata, fd, request, arg);
		if (ret == -EINTR)
			ret = io_ioctl(io, fd, request, arg);
		if (ret < 0)
			break;
	}
	*done = i;
	count_calls(p, i + (ret < 0), 0);
	return ret < 0 ? ret : 0;
}

/* One call; *done grows. 0: go on, if there is more. */
static int vector(const struct access *p, int fd, unsigned long request,
		  const struct ka_one_reg *regs, size_t n, size_t *done)
{
	size_t left = n - *done;
	struct ka_reg_vec vec = {
		.count = left < KA_REG_VEC_MAX ? (uint32_t)left :
						 KA_REG_VEC_MAX,
		.regs = (uintptr_t)(regs + *done),
	};
	int ret;

	count_calls(p, 1, 1);
	ret = p->io->ioctl(p->io->userdata, fd, request, &vec);
	/* What the kernel says here decides what counts as done. */
	if (vec.done > vec.count || (ret >= 0 && vec.done != vec.count))
		return -EPROTO;
	*done += vec.done;
	/* What was done before the signal stays done. */
	return ret == -EINTR && vec.done ? 0 : ret;
}

static int by_vectors(const struct access *p, int fd, unsigned long request,
		      const struct ka_one_reg *regs, size_t n, size_t *done)
{
	int tries = 0;

	for (*done = 0; *done < n;) {
		int ret = vector(p, fd, request, regs, n, done);

		if (ret == -EINTR && ++tries < EINTR_TRIES)
			continue;
		if (ret < 0)
			return ret;
		tries = 0;
	}
	return 0;
}

static int fd_of(const struct access *p, int vcpu)
{
	return vcpu == ACCESS_VM ? p->vm_fd : p->vcpu_fds[vcpu];
}

int access_get(const struct access *p, int vcpu, const struct ka_one_reg *regs,
	      size_t n, size_t *ret_done)
{
	return p->vectors ? by_vectors(p, fd_of(p, vcpu), KA_GET_REG_VEC, regs,
				       n, ret_done) :
			    one_by_one(p, fd_of(p, vcpu), KA_GET_ONE_REG, regs,
				       n, ret_done);
}

int access_set(const struct access *p, int vcpu, const struct ka_one_reg *regs,
	      size_t n, size_t *ret_done)
{
	int ret = p->vectors ? by_vectors(p, fd_of(p, vcpu), KA_SET_REG_VEC,
					  regs, n, ret_done) :
			       one_by_one(p, fd_of(p, vcpu), KA_SET_ONE_REG,
					  regs, n, ret_done);

	if (p->counts && vcpu == ACCESS_VM)
		p->counts->vm_registers_written += *ret_done;
	return ret;
}

const char *access_operation(const struct access *p, bool set)
{
	if (p->vectors)
		return set ? "KVM_SET_REG_VEC" : "KVM_GET_REG_VEC";
	return set ? "KVM_SET_ONE_REG" : "KVM_GET_ONE_REG";
}

/* ---- batches ---- */

int batch_init(struct batch *b, size_t max)
{
	*b = (struct batch){
		.regs = calloc(max + 1, sizeof(*b->regs)),
		.at = calloc(max + 1, sizeof(*b->at)),
	};
	if (b->regs && b->at)
		return 0;
	batch_free(b);
	return -ENOMEM;
}

void batch_free(struct batch *b)
{
	free(b->regs);
	free(b->at);
	*b = (struct batch){ 0 };
}

void batch_add(struct batch *b, uint64_t id, const void *value, size_t at)
{
	b->regs[b->n] = (struct ka_one_reg){ .id = id,
					     .addr = (uintptr_t)value };
	b->at[b->n++] = at;
}
