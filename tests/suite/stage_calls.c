// SPDX-License-Identifier: MIT
/* What the blackout costs, in calls; which registers it reads. */
#include <string.h>

#include "migration.h"

#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define MAX_CALLS	16384

/* ---- an io that keeps what was called ---- */

struct call {
	int fd;
	unsigned long request;
};

/* A value that a call reads or writes. */
struct touch {
	int fd;
	uint64_t id;
};

struct tally {
	struct pass pass;
	struct call calls[MAX_CALLS];
	struct touch touches[MAX_CALLS];
	size_t n_calls, n_touches;
};

static void touch(struct tally *l, int fd, const struct ka_one_reg *regs,
		  size_t n)
{
	for (size_t i = 0; i < n && l->n_touches < MAX_CALLS; i++)
		l->touches[l->n_touches++] = (struct touch){ fd, regs[i].id };
}

static int tally_ioctl(void *userdata, int fd, unsigned long request,
		       void *arg)
{
	const struct ka_reg_vec *vec = arg;
	struct tally *l = userdata;

	if (l->n_calls < MAX_CALLS)
		l->calls[l->n_calls++] = (struct call){ fd, request };
	if (request == KA_GET_ONE_REG || request == KA_SET_ONE_REG)
		touch(l, fd, arg, 1);
	if (request == KA_GET_REG_VEC || request == KA_SET_REG_VEC)
		touch(l, fd, (const struct ka_one_reg *)(uintptr_t)vec->regs,
		      vec->count);
	return pass_ioctl(&l->pass, fd, request, arg);
}

static void tally_clear(struct tally *l)
{
	l->n_calls = 0;
	l->n_touches = 0;
}

/* In front of the machine's own, which is told back by tally_end(). */
static bool tally_begin(struct test *t, struct tally *l,
			struct machine *machine)
{
	int ret = pass_init(&l->pass, machine->io, tally_ioctl);

	tally_clear(l);
	machine->io = &l->pass.io;
	return EXPECT(t, !ret, "%d", ret);
}

static size_t count_calls(const struct tally *l, int fd,
			  unsigned long request)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_calls; i++)
		n += (fd < 0 || l->calls[i].fd == fd) &&
		     l->calls[i].request == request;
	return n;
}

static size_t count_register_calls(const struct tally *l, int fd)
{
	return count_calls(l, fd, KA_GET_ONE_REG) +
	       count_calls(l, fd, KA_SET_ONE_REG) +
	       count_calls(l, fd, KA_GET_REG_VEC) +
	       count_calls(l, fd, KA_SET_REG_VEC);
}

static size_t count_touches(const struct tally *l, int fd, uint64_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_touches; i++)
		n += (fd < 0 || l->touches[i].fd == fd) &&
		     (l->touches[i].id & ~KA_REG_SCOPE_VM) == id;
	return n;
}

/* ---- what is promised ---- */

static bool is_counter(uint64_t id)
{
	return id == KA_TIMER_CNT || id == KA_PTIMER_CNT;
}

/* Of what the VM has once only the counters, and those once. */
static void check_vm_wide(struct test *t, const struct tally *l,
			  const struct onereg_image *image)
{
	const struct regset *set = &image->vm_set;

	for (size_t i = 0; i < set->n; i++) {
		size_t n = count_touches(l, -1, set->ids[i]);

		EXPECT(t, n == is_counter(set->ids[i]), "%#llx: %zu times",
		       (unsigned long long)set->ids[i], n);
	}
}

static void check_calls(struct test *t, const struct tally *l,
			const struct guest *g, bool vectors)
{
	size_t n;

	EXPECT(t, l->n_calls && l->n_calls < MAX_CALLS &&
			  l->n_touches < MAX_CALLS, "calls");
	EXPECT(t, !count_calls(l, -1, KA_GET_REG_LIST), "a list is read");
	if (!vectors)
		return;
	n = count_register_calls(l, g->vm_fd);
	EXPECT(t, n == 1, "VM: %zu calls", n);
	for (size_t i = 0; i < g->shape.n_vcpus; i++) {
		n = count_register_calls(l, g->vcpu_fds[i]);
		EXPECT(t, n <= 1, "vCPU %zu: %zu calls", i, n);
	}
}

static void count_blackout(struct test *t, bool gic)
{
	static struct tally src, dst;
	struct machine real_src = t->src, real_dst = t->dst;
	bool from = has_vm_regs(&t->src), to = has_vm_regs(&t->dst);
	struct shape shape = default_shape(t);
	struct migration m;

	shape.n_vcpus = 3;
	shape.gic = gic;
	if (tally_begin(t, &src, &t->src) && tally_begin(t, &dst, &t->dst) &&
	    migration_start(t, &m, &shape, 9600)) {
		guest_scribble_vcpus(t, &m.p.src, 9601);
		tally_clear(&src);
		tally_clear(&dst);
		if (migration_move(t, &m)) {
			const struct onereg_image *image =
				onereg_source_image(m.source);

			check_calls(t, &src, &m.p.src, from);
			check_vm_wide(t, &src, image);
			check_calls(t, &dst, &m.p.dst, to);
			check_vm_wide(t, &dst, image);
		}
	}
	migration_close(&m);
	t->src = real_src;
	t->dst = real_dst;
}

void blackout_takes_few_calls(struct test *t)
{
	count_blackout(t, false);
	if (t->has_gic)
		count_blackout(t, true);
}

/* A vCPU's own number is not what the library compared. */
static void check_reads(struct test *t, struct guest *g,
			const struct tally *l)
{
	/* Asking what a guest can write reads, too. */
	size_t n = 0, n_read = l->n_touches;

	for (size_t i = 0; i < n_read; i++) {
		uint64_t id = l->touches[i].id;

		if (guest_can_write(g, id))
			n++;
		else
			EXPECT(t, is_counter(id) || id == MPIDR,
			       "%#llx is read", (unsigned long long)id);
	}
	EXPECT(t, n > 200, "only %zu are read", n);
}

/* And nothing is sent that did not change, nor written. */
void blackout_of_a_new_vm_reads_what_a_guest_can_write(struct test *t)
{
	static struct tally src;
	struct machine real = t->src;
	struct shape shape = default_shape(t);
	struct migration m;

	if (tally_begin(t, &src, &t->src) &&
	    migration_start_fresh(t, &m, &shape)) {
		tally_clear(&src);
		if (migration_stop(t, &m))
			check_reads(t, &m.p.src, &src);
	}
	migration_close(&m);
	t->src = real;
}
