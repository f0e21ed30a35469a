// SPDX-License-Identifier: MIT
/* What a kernel tells of a VM, and a caller who says otherwise. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static bool need_told(struct test *t)
{
	if (!has_vm_regs(&t->src))
		t->skipped = "this kernel does not tell how a VM was made";
	return !t->skipped;
}

/* A VM with that capability enabled, or 0, and features, started. */
static bool make(struct test *t, struct pair *p, uint32_t cap)
{
	struct shape shape = default_shape(t);

	shape.cap = cap;
	pair_open(t, p, &shape);
	return guest_create(t, &p->src, &t->src, &shape) &&
	       guest_start(t, &p->src);
}

/* Saves it by a struct onereg_vm that was told this. */
static int save_told(struct test *t, struct pair *p, uint32_t target,
		     uint32_t features, const struct onereg_cap *caps,
		     size_t n_caps)
{
	struct onereg_vm_options o = guest_options(&p->src);

	o.target = target;
	o.features[0] = features;
	o.caps = caps;
	o.n_caps = n_caps;
	onereg_image_free(p->image);
	p->image = NULL;
	onereg_report_clear(p->report);
	return guest_wrap(t, &p->src, &o) ?
		       onereg_vm_save(p->src.vm, &p->image, p->report) :
		       -ECANCELED;
}

void features_that_are_left_out_are_filled_in(struct test *t)
{
	struct pair p;
	int ret;

	if (!need_told(t))
		return;
	if (make(t, &p, 0)) {
		ret = save_told(t, &p, 0, 0, NULL, 0);
		EXPECT(t, !ret && p.image && p.image->target == 5 &&
				  p.image->features[0] == t->features,
		       "%d", ret);
		EXPECT(t, onereg_report_verdict(p.report) == ONEREG_YES,
		       "verdict");
	}
	pair_close(&p);
}

void features_that_are_wrong_are_refused(struct test *t)
{
	const struct onereg_finding *f;
	uint64_t given, told;
	struct pair p;
	int ret;

	if (!need_told(t))
		return;
	if (make(t, &p, 0)) {
		told = t->features;
		given = told ^ 1u << KA_VCPU_PSCI_0_2;
		ret = save_told(t, &p, 5, (uint32_t)given, NULL, 0);
		f = find_finding(p.report, 0, ONEREG_SPACE_REG, KA_VM_FEATURES,
				 EINVAL);
		EXPECT(t, ret == -EINVAL && !p.image && f, "%d", ret);
		EXPECT(t, f && !memcmp(f->a, &given, 8) &&
				  !memcmp(f->b, &told, 8), "values");
	}
	pair_close(&p);
}

void capability_that_is_left_out_is_filled_in(struct test *t)
{
	struct pair p;
	int ret;

	if (!need_told(t))
		return;
	if (make(t, &p, KA_CAP_ARM_NISV_TO_USER)) {
		ret = save_told(t, &p, 5, t->features, NULL, 0);
		EXPECT(t, !ret && p.image && p.image->n_caps == 1 &&
				  p.image->caps[0].cap ==
					  KA_CAP_ARM_NISV_TO_USER,
		       "%d", ret);
	}
	pair_close(&p);
}

void capability_that_is_not_there_is_left_out(struct test *t)
{
	const struct onereg_cap said[] = { { .cap = KA_CAP_ARM_NISV_TO_USER } };
	const struct onereg_finding *f;
	struct pair p;
	int ret;

	if (!need_told(t))
		return;
	if (make(t, &p, 0)) {
		ret = save_told(t, &p, 5, t->features, said, 1);
		f = find_finding(p.report, ONEREG_CLASS_SHAPE, ONEREG_SPACE_CAP,
				 KA_CAP_ARM_NISV_TO_USER, 0);
		EXPECT(t, !ret && p.image && !p.image->n_caps, "%d", ret);
		EXPECT(t, f && f->severity == ONEREG_CARE, "not named");
	}
	pair_close(&p);
}

/* The saved one had it, and the VM that it is restored to has not. */
void vm_without_its_capability_is_refused(struct test *t)
{
	struct shape plain = default_shape(t);
	struct pair p;
	int ret;

	if (!need_told(t) || !has_vm_regs(&t->dst))
		return;
	if (make(t, &p, KA_CAP_ARM_NISV_TO_USER) && pair_save(t, &p)) {
		ret = restore(t, &p.dst, &plain, p.image, p.report);
		EXPECT(t, ret == -EINVAL &&
				  find_finding(p.report, ONEREG_CLASS_SHAPE,
					       ONEREG_SPACE_REG, KA_VM_CAPS,
					       EINVAL), "%d", ret);
		ret = pair_restore(t, &p);
		EXPECT(t, !ret, "with it: %d", ret);
	}
	pair_close(&p);
}

/* ---- counters at an offset ---- */

#define OFFSET		0x123456789ULL
#define AN_HOUR		(3600 * 1000000000ULL)

static bool make_at_offset(struct test *t, struct pair *p)
{
	struct ka_counter_offset o = { .counter_offset = OFFSET };
	int ret;

	if (!make(t, p, 0))
		return false;
	ret = io_ioctl(t->src.io, p->src.vm_fd, KA_ARM_SET_COUNTER_OFFSET, &o);
	return EXPECT(t, !ret, "%d", ret) && pair_save(t, p);
}

/* Where the kernel keeps an offset it ignores what is set otherwise. */
static bool counter_is_at_offset(struct guest *g)
{
	uint64_t before = 0, far, now = 0;
	int ret = guest_get(g, 0, KA_TIMER_CNT, &before);

	far = before + (1ULL << 50);
	return !ret && !guest_set(g, 0, KA_TIMER_CNT, &far) &&
	       !guest_get(g, 0, KA_TIMER_CNT, &now) && now - before < 1ULL << 40;
}

/* It went on where it stood, whatever the other host's counter is. */
static void expect_on_time(struct test *t, struct pair *p)
{
	const uint64_t *saved = image_reg(p->image, 0, KA_TIMER_CNT);
	uint64_t now = 0, hz = machine_frequency(&t->dst);
	int ret = guest_get(&p->dst, 1, KA_TIMER_CNT, &now);

	EXPECT(t, !ret && saved && now - *saved < 60 * hz, "%d: %lld ticks",
	       ret, saved ? (long long)(now - *saved) : 0LL);
}

static void restore_at_offset(struct test *t, struct pair *p, bool can)
{
	const struct onereg_finding *f;
	int ret = pair_restore(t, p);

	f = find_finding(p->report, 0, ONEREG_SPACE_REG, KA_VM_COUNTER_OFFSET,
			 0);
	if (!EXPECT(t, !ret && !f == can &&
			       (!f || f->severity == ONEREG_CARE),
		    "can %d: %d", can, ret))
		test_log_report(t, p->report);
	expect_on_time(t, p);
	ret = onereg_vm_prove(p->dst.vm, p->image, p->report);
	EXPECT(t, !ret, "%d", ret);
	EXPECT(t, counter_is_at_offset(&p->dst) == can, "can %d", can);
}

void counter_offset_is_carried(struct test *t)
{
	uint64_t offset = 0;
	struct pair p;

	if (!need_told(t))
		return;
	if (make_at_offset(t, &p)) {
		machines_sleep(t, AN_HOUR, 1000000);
		restore_at_offset(t, &p, true);
		if (has_vm_regs(&t->dst))
			EXPECT(t, !io_get_reg(t->dst.io, p.dst.vm_fd,
					      KA_VM_COUNTER_OFFSET, &offset) &&
					  offset, "%#llx",
			       (unsigned long long)offset);
	}
	pair_close(&p);
}

/* To kernels without VM-scoped registers, with and without the capability. */
static void carry_to_less(struct test *t, bool can)
{
	struct machine real = t->dst;
	struct less l;
	struct pair p;

	if (make_at_offset(t, &p) && less_init(t, &l, real.io)) {
		l.hidden[0] = KA_CAP_VM_ONE_REG;
		if (!can) {
			l.hidden[1] = KA_CAP_COUNTER_OFFSET;
			l.refuse = KA_ARM_SET_COUNTER_OFFSET;
			l.error = ENOTTY;
		}
		t->dst.io = &l.pass.io;
		restore_at_offset(t, &p, can);
	}
	pair_close(&p);
	t->dst = real;
}

void counter_offset_is_carried_to_a_kernel_that_does_not_tell(struct test *t)
{
	if (need_told(t))
		carry_to_less(t, true);
}

void counter_offset_that_cannot_be_kept_is_named(struct test *t)
{
	if (need_told(t))
		carry_to_less(t, false);
}

/* ---- modes of KVM_CAP_ARM_REG_SCOPE ---- */

/* What moves by itself. */
static void stop_clocks(struct onereg_image *image)
{
	static const uint64_t clocks[] = { KA_TIMER_CNT, KA_PTIMER_CNT };

	image->saved_at = 0;
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++) {
		ptrdiff_t at = regset_find(&image->vm_set, clocks[i]);

		if (at >= 0)
			memset(image->vm_row + image->vm_set.offsets[at], 0, 8);
	}
}

/* The image of what the image is restored to in that mode, as a file. */
static void *in_mode(struct test *t, struct pair *p, uint64_t mode,
		     size_t *ret_size)
{
	struct onereg_image *again;
	void *data = NULL;
	int ret;

	p->src.shape.scope_mode = mode;
	ret = pair_restore(t, p);
	if (!EXPECT(t, !ret, "mode %llu: %d", (unsigned long long)mode, ret))
		test_log_report(t, p->report);
	again = ret ? NULL : save(t, &p->dst);
	if (!again)
		return NULL;
	ret = onereg_vm_prove(p->dst.vm, p->image, p->report);
	EXPECT(t, !ret, "prove, mode %llu: %d", (unsigned long long)mode, ret);
	stop_clocks(again);
	ret = onereg_image_write(again, &data, ret_size);
	EXPECT(t, !ret, "%d", ret);
	onereg_image_free(again);
	return data;
}

void image_is_the_same_in_every_mode(struct test *t)
{
	static const uint64_t modes[] = { KA_REG_SCOPE_TAG, KA_REG_SCOPE_OMIT };
	size_t size = 0, other_size = 0;
	void *plain = NULL, *other;
	struct pair p;

	if (!has_vm_regs(&t->dst)) {
		t->skipped = "this kernel has no modes";
		return;
	}
	if (pair_image(t, &p, 1700))
		plain = in_mode(t, &p, KA_REG_SCOPE_OFF, &size);
	for (size_t i = 0; plain && i < ARRAY_SIZE(modes); i++) {
		other = in_mode(t, &p, modes[i], &other_size);
		EXPECT(t, other && other_size == size &&
				  !memcmp(plain, other, size),
		       "mode %llu: %zu bytes, not %zu, or others",
		       (unsigned long long)modes[i], other_size, size);
		free(other);
	}
	free(plain);
	pair_close(&p);
}
