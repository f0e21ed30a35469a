/* SPDX-License-Identifier: MIT */
/*
 * Makes a log of the calls: what each read or wrote, of which VM and vCPU,
 * when in the VM's life, whether it told anybody anything new, what it cost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"
#include "trace.h"

const struct op_info trace_ops[N_OPS] = {
	[OP_GET] = { GET_ONE_REG, "KVM_GET_ONE_REG", "GET" },
	[OP_SET] = { SET_ONE_REG, "KVM_SET_ONE_REG", "SET" },
	[OP_VGET] = { 0, "a register of KVM_GET_REG_VEC", "VGET" },
	[OP_VSET] = { 0, "a register of KVM_SET_REG_VEC", "VSET" },
	[OP_LIST] = { GET_REG_LIST, "KVM_GET_REG_LIST", "LIST" },
	[OP_GET_VEC] = { GET_REG_VEC, "KVM_GET_REG_VEC", "GET-VEC" },
	[OP_SET_VEC] = { SET_REG_VEC, "KVM_SET_REG_VEC", "SET-VEC" },
	[OP_INIT] = { ARM_VCPU_INIT, "KVM_ARM_VCPU_INIT", "INIT" },
	[OP_FINALIZE] = { ARM_VCPU_FINALIZE, "KVM_ARM_VCPU_FINALIZE",
			  "FINALIZE" },
	[OP_GET_EVENTS] = { GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS",
			    "GET-EVENTS" },
	[OP_SET_EVENTS] = { SET_VCPU_EVENTS, "KVM_SET_VCPU_EVENTS",
			    "SET-EVENTS" },
	[OP_GET_MP_STATE] = { GET_MP_STATE, "KVM_GET_MP_STATE",
			      "GET-MP-STATE" },
	[OP_SET_MP_STATE] = { SET_MP_STATE, "KVM_SET_MP_STATE",
			      "SET-MP-STATE" },
	[OP_GET_ATTR] = { GET_DEVICE_ATTR, "KVM_GET_DEVICE_ATTR",
			  "GET-ATTR" },
	[OP_SET_ATTR] = { SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR",
			  "SET-ATTR" },
	[OP_CREATE_VM] = { CREATE_VM, "KVM_CREATE_VM", "CREATE-VM" },
	[OP_CREATE_VCPU] = { CREATE_VCPU, "KVM_CREATE_VCPU",
			     "CREATE-VCPU" },
	[OP_CREATE_DEVICE] = { CREATE_DEVICE, "KVM_CREATE_DEVICE",
			       "CREATE-DEVICE" },
	[OP_RUN] = { RUN, "KVM_RUN", "RUN" },
	[OP_OTHER] = { 0, "other ioctls of KVM's", "OTHER" },
};

struct entry {			/* a register of a call */
	uint64_t id;
	uint64_t addr;
	uint64_t value;
	bool has_value;
};

struct pending {
	enum op op;
	struct fd fd;		/* which VM and vCPU */
	enum stage stage;
	uint32_t n;
	struct entry entry[];
};

/* ---- the VMM's memory ---- */

/* For kernels without process_vm_readv(2). */
static ssize_t read_mem_file(const struct thread *t, uint64_t from, void *to,
			     size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)t->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = pread(fd, to, size, (off_t)from);
	close(fd);
	return n;
}

static bool read_memory(const struct thread *t, uint64_t from, void *to,
			size_t size)
{
	struct iovec local = { to, size };
	struct iovec remote = { (void *)(uintptr_t)from, size };
	ssize_t n = process_vm_readv(t->tid, &local, 1, &remote, 1, 0);

	if (n < 0 && errno == ENOSYS)
		n = read_mem_file(t, from, to, size);
	return n == (ssize_t)size;
}

/* What a VM has once fits 64 bits; of anything longer the value is nothing. */
static void read_value(const struct thread *t, struct entry *e)
{
	size_t size = onereg_reg_size(e->id);

	e->value = 0;
	e->has_value = size && size <= sizeof(e->value) &&
		       read_memory(t, e->addr, &e->value, size);
}

/* ---- the log ---- */

static enum stage stage_of(const struct vm *vm)
{
	if (!vm->ran)
		return BEFORE;
	return vm->inside ? RUNNING : STOPPED;
}

static struct call *add(struct watch *w, const struct pending *p, enum op op)
{
	struct call *c;

	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 4096;

		c = reallocarray(w->call, room, sizeof(*c));
		if (!c) {
			w->no_memory = true;
			return NULL;
		}
		w->call = c;
		w->room = room;
	}
	c = &w->call[w->n++];
	*c = (struct call){
		.vm = (uint32_t)p->fd.vm,
		.vcpu = p->fd.vcpu,
		.op = (uint8_t)op,
		.stage = (uint8_t)p->stage,
	};
	return c;
}

/* Counters move: writing one again is not in vain. */
static bool moves(uint64_t id)
{
	return id == TIMER_CNT || id == PTIMER_CNT;
}

static bool add_register(struct watch *w, const struct pending *p,
			 const struct entry *e, enum op op, int error,
			 uint64_t ns)
{
	struct call *c = add(w, p, op);
	uint64_t id = e->id & ~REG_SCOPE_VM;

	if (!c)
		return false;
	c->id = e->id;
	c->ns = ns;
	c->error = error;
	/* No id is 0: the VMM's pointer led nowhere. */
	c->scope = (uint8_t)(id ? onereg_reg_scope(id) : ONEREG_SCOPE_UNKNOWN);
	if (!error && e->has_value && !moves(id) &&
	    (c->scope == ONEREG_SCOPE_VM || c->scope == ONEREG_SCOPE_HOST))
		c->redundant = trace_known(&w->vms, p->fd.vm, id, e->value);
	return true;
}

/* ---- into a call ---- */

static enum op op_of(uint32_t request)
{
	for (enum op op = 0; op < N_OPS; op++)
		if (trace_ops[op].request == request && request)
			return op;
	return OP_OTHER;
}

static struct pending *new_pending(uint32_t n)
{
	struct pending *p;

	p = calloc(1, sizeof(*p) + n * sizeof(p->entry[0]));
	if (p)
		p->n = n;
	return p;
}

static struct pending *enter_one(const struct thread *t)
{
	struct pending *p = new_pending(1);
	struct one_reg reg;

	if (!p)
		return NULL;
	if (read_memory(t, t->arg, &reg, sizeof(reg))) {
		p->entry[0].id = reg.id;
		p->entry[0].addr = reg.addr;
	}
	return p;
}

static struct pending *enter_vector(const struct thread *t)
{
	struct one_reg reg;
	struct reg_vec vec;
	struct pending *p;

	if (!read_memory(t, t->arg, &vec, sizeof(vec)) ||
	    vec.count > REG_VEC_MAX)
		vec.count = 0;
	p = new_pending(vec.count);
	for (uint32_t i = 0; p && i < vec.count; i++) {
		if (!read_memory(t, vec.regs + i * sizeof(reg), &reg,
				 sizeof(reg)))
			continue;
		p->entry[i].id = reg.id;
		p->entry[i].addr = reg.addr;
	}
	return p;
}

/* The guest is about to run: what came before was to get it there. */
static void first_run(struct watch *w, const struct pending *p)
{
	struct vm *vm = &w->vms.vm[p->fd.vm];

	vm->ran = true;
	vm->load_from = w->marked ? w->mark : vm->last_init;
	add(w, p, OP_RUN);
}

static void enter(void *userdata, struct thread *t)
{
	struct watch *w = userdata;
	enum op op = op_of(t->request);
	struct pending *p;
	struct vm *vm;

	if (op == OP_GET || op == OP_SET)
		p = enter_one(t);
	else if (op == OP_GET_VEC || op == OP_SET_VEC)
		p = enter_vector(t);
	else
		p = new_pending(0);
	t->call = p;
	if (!p) {
		w->no_memory = true;
		return;
	}
	p->op = op;
	p->fd = trace_fd_find(&w->vms, t->process, t->fd);
	vm = &w->vms.vm[p->fd.vm];
	p->stage = stage_of(vm);
	if (op == OP_SET || op == OP_SET_VEC)
		for (uint32_t i = 0; i < p->n; i++)
			read_value(t, &p->entry[i]);
	if (op != OP_RUN)
		return;
	if (!vm->ran)
		first_run(w, p);
	vm->inside++;
}

/* ---- out of a call ---- */

static void created(struct watch *w, const struct thread *t,
		    struct pending *p, int64_t result)
{
	struct fd new = { t->process, (int)result, p->fd.vm, p->fd.vcpu };
	struct create_device device;

	if (p->op == OP_CREATE_VM) {
		new.vm = trace_vm_new(&w->vms);
		p->fd.vm = new.vm;
	} else if (p->op == OP_CREATE_VCPU) {
		new.vcpu = (int)t->arg;
		w->vms.vm[new.vm].vcpus++;
		p->fd.vcpu = new.vcpu;
	} else {
		if (!read_memory(t, t->arg, &device, sizeof(device)) ||
		    device.flags & CREATE_DEVICE_TEST)
			return;
		new.fd = (int)device.fd;
	}
	trace_fd_set(&w->vms, &new);
}

static void leave_one(struct watch *w, const struct thread *t,
		      struct pending *p, int64_t result, uint64_t ns)
{
	if (p->op == OP_GET && result >= 0)
		read_value(t, &p->entry[0]);
	add_register(w, p, &p->entry[0], p->op, result < 0 ? (int)-result : 0,
		     ns);
}

/* The time of a vector is that of its registers, each the same share. */
static void leave_vector(struct watch *w, const struct thread *t,
			 struct pending *p, int64_t result, uint64_t ns)
{
	enum op op = p->op == OP_GET_VEC ? OP_VGET : OP_VSET;
	int error = result < 0 ? (int)-result : 0;
	struct reg_vec vec;
	struct call *c;
	uint32_t done;

	if (!read_memory(t, t->arg, &vec, sizeof(vec)))
		vec.done = 0;
	done = vec.done < p->n ? vec.done : p->n;
	c = add(w, p, p->op);
	if (!c)
		return;
	c->error = error;
	c->ns = done ? 0 : ns;
	for (uint32_t i = 0; i < done; i++) {
		if (op == OP_VGET)
			read_value(t, &p->entry[i]);
		add_register(w, p, &p->entry[i], op, 0, ns / done);
	}
	/* The call's error is that of the first that is not done. */
	if (error && error != EINTR && done < p->n)
		add_register(w, p, &p->entry[done], op, error, 0);
}

static void leave_run(struct watch *w, const struct pending *p)
{
	struct vm *vm = &w->vms.vm[p->fd.vm];

	if (vm->inside)
		vm->inside--;
}

static void leave_other(struct watch *w, const struct thread *t,
			struct pending *p, int64_t result, uint64_t ns)
{
	struct call *c;

	if (result >= 0 && (p->op == OP_CREATE_VM || p->op == OP_CREATE_VCPU ||
			    p->op == OP_CREATE_DEVICE))
		created(w, t, p, result);
	c = add(w, p, p->op);
	if (!c)
		return;
	c->ns = ns;
	c->error = result < 0 ? (int)-result : 0;
	if (p->op == OP_INIT && !w->vms.vm[p->fd.vm].ran)
		w->vms.vm[p->fd.vm].last_init = w->n;
}

static void leave(void *userdata, struct thread *t, int64_t result, uint64_t ns)
{
	struct watch *w = userdata;
	struct pending *p = t->call;

	t->call = NULL;
	if (!p)
		return;
	ns = ns > w->overhead ? ns - w->overhead : 0;
	switch (p->op) {
	case OP_GET:
	case OP_SET:
		leave_one(w, t, p, result, ns);
		break;
	case OP_GET_VEC:
	case OP_SET_VEC:
		leave_vector(w, t, p, result, ns);
		break;
	case OP_RUN:
		leave_run(w, p);
		break;
	default:
		leave_other(w, t, p, result, ns);
	}
	free(p);
}

static void lost(void *userdata, struct thread *t)
{
	struct watch *w = userdata;
	struct pending *p = t->call;

	t->call = NULL;
	if (p && p->op == OP_RUN)
		leave_run(w, p);
	free(p);
}

static void close_fds(void *userdata, pid_t process, unsigned int first,
		      unsigned int last)
{
	struct watch *w = userdata;

	trace_fds_close(&w->vms, process, first, last);
}

static void exec(void *userdata, pid_t process)
{
	struct watch *w = userdata;

	trace_fds_exec(&w->vms, process);
}

static void mark(void *userdata)
{
	struct watch *w = userdata;

	w->marked = true;
	w->mark = w->n;
}

/* ---- what the tracer itself takes ---- */

#define N_SAMPLES 400

struct samples {
	uint64_t ns[N_SAMPLES];
	size_t n;
};

static void fail_often(void)
{
	for (int i = 0; i < N_SAMPLES; i++)
		ioctl(-1, GET_ONE_REG, NULL);
}

static void ignore(void *userdata, struct thread *t)
{
	(void)userdata;
	(void)t;
}

static void sample(void *userdata, struct thread *t, int64_t result,
		   uint64_t ns)
{
	struct samples *s = userdata;

	(void)t;
	if (result == -EBADF && s->n < N_SAMPLES)
		s->ns[s->n++] = ns;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int find_overhead(struct watch *w, bool every_call)
{
	struct samples s = { .n = 0 };
	struct follow follow = {
		.every_call = every_call,
		.fn = fail_often,
		.userdata = &s,
		.enter = ignore,
		.leave = sample,
		.lost = ignore,
	};
	int status, r = trace_follow(&follow, &status);

	if (r)
		return r;
	if (!s.n || !WIFEXITED(status))
		return -ENOTSUP;
	qsort(s.ns, s.n, sizeof(s.ns[0]), by_value);
	w->overhead = s.ns[s.n / 2];
	return 0;
}

int trace_watch_init(struct watch *watch, struct follow *follow)
{
	*watch = (struct watch){ 0 };
	follow->userdata = watch;
	follow->enter = enter;
	follow->leave = leave;
	follow->lost = lost;
	follow->close = close_fds;
	follow->exec = exec;
	follow->mark = mark;
	/* The unknown VM. */
	trace_vm_new(&watch->vms);
	if (watch->vms.no_memory)
		return -ENOMEM;
	return find_overhead(watch, follow->every_call);
}

void trace_watch_free(struct watch *watch)
{
	trace_vms_free(&watch->vms);
	free(watch->call);
}
