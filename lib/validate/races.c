/* SPDX-License-Identifier: MIT */
/*
 * Calls from several threads against what changes their answer: whatever comes
 * first, each result is a documented one and the end is consistent.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "scoped.h"

#define WRITERS	3
#define CALLS	400	/* of each thread, or until it is stopped */
#define ROUNDS	6

/*
 * Makes one call again and again, with the values in turn. Results are kept by
 * kind; what a thread must not see is told when it has ended.
 */
struct caller {
	const struct onereg_io *io;
	int fd;
	unsigned long request;	/* KA_SET_ONE_REG, KA_GET_ONE_REG, ... */
	uint64_t id;		/* of a register or capability */
	uint64_t values[3];
	unsigned int n_values;
	uint64_t until;		/* calls; 0: one each */
	atomic_bool *go, *stop;
	unsigned int ok, refused[3];	/* by allowed[] */
	int allowed[3];		/* -errno, 0: no more */
	int other;		/* a result that is not allowed */
	pthread_t thread;
};

static int call_once(struct caller *c, unsigned int i)
{
	uint64_t value = c->values[i % c->n_values];
	struct ka_one_reg reg = { c->id, (uintptr_t)&value };
	struct ka_enable_cap cap = { .cap = (uint32_t)c->id,
				     .args = { value } };
	struct ka_vcpu_init init = { .target = KA_TARGET_GENERIC_V8,
				     .features = { (uint32_t)value } };
	void *arg = &reg;

	if (c->request == KA_ENABLE_CAP)
		arg = &cap;
	else if (c->request == KA_ARM_VCPU_INIT)
		arg = &init;
	return c->io->ioctl(c->io->userdata, c->fd, c->request, arg);
}

static void count_result(struct caller *c, int ret)
{
	if (ret >= 0) {
		c->ok++;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(c->allowed); i++)
		if (c->allowed[i] == ret) {
			c->refused[i]++;
			return;
		}
	c->other = ret;
}

static void *run_caller(void *userdata)
{
	struct caller *c = userdata;

	while (!atomic_load(c->go))
		;
	for (unsigned int i = 0; i < c->until; i++) {
		if (atomic_load(c->stop))
			break;
		count_result(c, call_once(c, i));
	}
	return NULL;
}

/* ---- a crowd of callers ---- */

struct crowd {
	struct caller v[2 * WRITERS];
	size_t n, started;
	atomic_bool go, stop;
};

static struct caller *join(struct v *v, struct crowd *c, int fd,
			   unsigned long request, uint64_t id)
{
	struct caller *k = &c->v[c->n++];

	*k = (struct caller){ .io = v->io, .fd = fd, .request = request,
			      .id = id, .n_values = 1, .until = CALLS,
			      .go = &c->go, .stop = &c->stop };
	return k;
}

static void begin(struct v *v, struct crowd *c)
{
	while (c->started < c->n) {
		struct caller *k = &c->v[c->started];
		int ret = pthread_create(&k->thread, NULL, run_caller, k);

		if (!v_true(v, !ret, "no thread: %s", strerror(ret)))
			break;
		c->started++;
	}
	atomic_store(&c->go, true);
}

static void end(struct v *v, struct crowd *c, bool stop)
{
	char text[24];

	if (stop)
		atomic_store(&c->stop, true);
	for (size_t i = 0; i < c->started; i++) {
		struct caller *k = &c->v[i];

		pthread_join(k->thread, NULL);
		v_true(v, !k->other, "thread %zu, %s: got %s, which is not "
		       "among what it may get", i, v_name(v, k->fd),
		       v_error(k->other, text));
	}
}

static void writers(struct v *v, struct crowd *c, int vm, uint64_t id,
		    uint64_t one, uint64_t two)
{
	for (unsigned int i = 0; i < WRITERS; i++) {
		struct caller *k = join(v, c, vm, KA_SET_ONE_REG, id);

		k->values[0] = i & 1 ? one : two;
		k->values[1] = i & 1 ? two : one;
		k->n_values = 2;
		k->allowed[0] = -EBUSY;
	}
}

/* All vCPUs and the VM read one value, which is the one or the other. */
static void agree(struct v *v, int vm, const int *vcpus, size_t n,
		  uint64_t id, uint64_t one, uint64_t two)
{
	uint64_t value = v_read(v, vm, id);

	v_true(v, value == one || value == two, "%#llx is what nobody wrote",
	       (unsigned long long)value);
	for (size_t i = 0; i < n; i++)
		v_value(v, vcpus[i], id, value);
}

/* ---- the rules ---- */

static void set_and_first_run(struct v *v)
{
	uint64_t id = v->id_reg.id, value;

	for (int i = 0; i < ROUNDS && !v->failed; i++) {
		struct v_pair p = v_pair(v);
		struct crowd c = { 0 };
		int vcpus[] = { p.a, p.b };

		writers(v, &c, p.vm, id, v->id_reg.value, v->id_reg.other);
		begin(v, &c);
		v_first_run(v, p.b);
		value = v_read(v, p.vm, id);
		end(v, &c, false);
		v_value(v, p.vm, id, value);
		agree(v, p.vm, vcpus, 2, id, v->id_reg.value,
		      v->id_reg.other);
		v_close_all(v);
	}
}

static void set_and_new_vcpus(struct v *v)
{
	uint64_t id = v->id_reg.id;

	for (int i = 0; i < ROUNDS && !v->failed; i++) {
		struct crowd c = { 0 };
		int vm = v_vm(v), vcpus[4];

		writers(v, &c, vm, id, v->id_reg.value, v->id_reg.other);
		for (size_t j = 0; j < c.n; j++)
			c.v[j].allowed[1] = -ENOENT;
		begin(v, &c);
		for (unsigned int j = 0; j < 4; j++)
			vcpus[j] = v_ready(v, vm, j, PSCI);
		end(v, &c, true);
		agree(v, vm, vcpus, 4, id, v->id_reg.value, v->id_reg.other);
		v_close_all(v);
	}
}

static void config_and_first_vcpu(struct v *v)
{
	for (int i = 0; i < ROUNDS && !v->failed; i++) {
		struct crowd c = { 0 };
		int vm = v_vm(v);
		uint64_t value;

		writers(v, &c, vm, KA_VM_ASYM, 0, KA_VM_ASYM_SMCCC);
		begin(v, &c);
		v_vcpu(v, vm, 0);
		value = v_read(v, vm, KA_VM_ASYM);
		end(v, &c, false);
		v_value(v, vm, KA_VM_ASYM, value);
		v_set(v, vm, KA_VM_ASYM, !value, -EBUSY);
		v_close_all(v);
	}
}

static void mode_and_first_vcpu(struct v *v)
{
	static struct v_list before, after;

	for (int i = 0; i < ROUNDS && !v->failed; i++) {
		struct crowd c = { 0 };
		int vm = v_vm(v), vcpu;

		for (unsigned int j = 0; j < WRITERS; j++) {
			struct caller *k = join(v, &c, vm, KA_ENABLE_CAP,
						KA_CAP_ARM_REG_SCOPE);

			k->n_values = 3;
			for (unsigned int m = 0; m < 3; m++)
				k->values[m] = (j + m) % 3;
			k->allowed[0] = -EBUSY;
		}
		begin(v, &c);
		vcpu = v_ready(v, vm, 0, PSCI);
		v_list(v, vcpu, &before);
		end(v, &c, false);
		v_list(v, vcpu, &after);
		v_lists_equal(v, &before, "during", &after, "after");
		v_close_all(v);
	}
}

static void inits_of_two_kinds(struct v *v)
{
	for (int i = 0; i < ROUNDS && !v->failed; i++) {
		struct crowd c = { 0 };
		int vm = v_vm(v);
		uint64_t decided;
		unsigned int winners = 0;

		for (unsigned int j = 0; j < 4; j++) {
			struct caller *k = join(v, &c, v_vcpu(v, vm, j),
						KA_ARM_VCPU_INIT, 0);

			k->values[0] = j & 1 ? PSCI : 0;
			k->until = 1;
			k->allowed[0] = -EINVAL;
		}
		begin(v, &c);
		end(v, &c, false);
		decided = v_read(v, vm, KA_VM_FEATURES);
		for (size_t j = 0; j < c.n; j++) {
			winners += c.v[j].ok;
			v_true(v, c.v[j].ok == (c.v[j].values[0] == decided),
			       "features %#llx were decided, a vCPU with %#llx "
			       "was %s", (unsigned long long)decided,
			       (unsigned long long)c.v[j].values[0],
			       c.v[j].ok ? "taken" : "refused");
		}
		v_same(v, winners, 2, "vCPUs that were initialised");
		v_close_all(v);
	}
}

static void read_while_written(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct crowd c = { 0 };
	uint64_t id = v->id_reg.id;

	writers(v, &c, p.vm, id, v->id_reg.value, v->id_reg.other);
	begin(v, &c);
	for (int i = 0; i < CALLS && !v->failed; i++) {
		uint64_t value = v_read(v, i & 1 ? p.a : p.vm, id);

		v_true(v, value == v->id_reg.value ||
			       value == v->id_reg.other,
		       "a read got %#llx, which nobody wrote",
		       (unsigned long long)value);
	}
	end(v, &c, true);
}

static void counter_moves_as_one(struct v *v)
{
	struct v_pair p = v_pair(v);
	struct crowd c = { 0 };

	writers(v, &c, p.vm, KA_TIMER_CNT, FAR, 2 * FAR);
	begin(v, &c);
	for (int i = 0; i < CALLS && !v->failed; i++) {
		uint64_t now = v_read(v, p.b, KA_TIMER_CNT);

		/*
		 * A reader that has the counter's time and not yet the offset
		 * when a writer comes between gets a little less than was
		 * written.
		 */
		v_true(v, (now + NEAR) % FAR < 2 * NEAR,
		       "TIMER_CNT is %#llx, which nobody wrote",
		       (unsigned long long)now);
	}
	end(v, &c, true);
}

/* The descriptors go while threads are in calls on them. */
static void closing(struct v *v)
{
	for (int i = 0; i < ROUNDS && !v->failed; i++) {
		struct v_pair p = v_pair(v);
		struct crowd c = { 0 };

		writers(v, &c, p.vm, v->id_reg.id, v->id_reg.value,
			v->id_reg.other);
		join(v, &c, p.vm, KA_GET_ONE_REG, v->id_reg.id);
		join(v, &c, p.a, KA_GET_ONE_REG, v->id_reg.id);
		join(v, &c, p.b, KA_SET_ONE_REG, KA_TIMER_CNT);
		for (size_t j = 0; j < c.n; j++)
			c.v[j].allowed[1] = -EBADF;
		begin(v, &c);
		v_get(v, p.vm, v->id_reg.id, 0);
		v_close(v, p.vm);
		v_close(v, p.a);
		v_close(v, p.b);
		end(v, &c, false);
	}
}

#define NEEDS (NEED_THREADS | NEED_VM_FD)

static const struct rule rules[] = {
	RULE(set_and_first_run, NEEDS | NEED_ID_CHANGE,
	     "SETs against the first run: 0 or -EBUSY, then fixed"),
	RULE(set_and_new_vcpus, NEEDS | NEED_ID_CHANGE,
	     "SETs against new vCPUs: all have the last value"),
	RULE(config_and_first_vcpu, NEEDS | NEED_ASYM,
	     "ASYM against the first vCPU: 0 or -EBUSY, then fixed"),
	RULE(mode_and_first_vcpu, NEEDS | NEED_TAG | NEED_OMIT,
	     "modes against the first vCPU: 0 or -EBUSY, then fixed"),
	RULE(inits_of_two_kinds, NEEDS | NEED_CONFIG,
	     "inits of two kinds: the first decides, the rest is -EINVAL"),
	RULE(read_while_written, NEEDS | NEED_ID_CHANGE,
	     "a read gets the one or the other of the values written"),
	RULE(counter_moves_as_one, NEEDS,
	     "a counter is never between two writes"),
	RULE(closing, NEEDS | NEED_ID_CHANGE,
	     "a VM may be closed under calls on it"),
};

CHAPTER(races);
