/* SPDX-License-Identifier: MIT */
/* What a test may expect of a call, and how it is told that it is not so. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "validate.h"

#define NAME_SIZE 96

int v_ioctl(struct v *v, int fd, unsigned long request, void *arg)
{
	v->n_calls++;
	return v->io->ioctl(v->io->userdata, fd, request, arg);
}

const char *v_error(int ret, char buf[24])
{
	const char *name = ret < 0 ? strerrorname_np(-ret) : NULL;

	if (name)
		snprintf(buf, 24, "-%s", name);
	else
		snprintf(buf, 24, "%d", ret);
	return buf;
}

const char *v_name(const struct v *v, int fd)
{
	for (size_t i = 0; i < v->n_files; i++)
		if (v->files[i].fd == fd)
			return v->files[i].name;
	return fd == v->kvm_fd ? "/dev/kvm" : "no file";
}

/* ---- messages ---- */

static const char *reg_name(uint64_t id, char buf[NAME_SIZE])
{
	int n = onereg_reg_name(id, buf, NAME_SIZE);

	if (n > 0 && n < NAME_SIZE && strncmp(buf, "id 0x", 5))
		snprintf(buf + n, NAME_SIZE - (size_t)n, " (%#llx)",
			 (unsigned long long)id);
	return buf;
}

/* Only the first thing that went wrong: what follows follows from it. */
static void tell(struct v *v, const char *fmt, va_list ap)
{
	if (v->failed || v->skipped)
		return;
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
}

void v_fail(struct v *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(v, fmt, ap);
	va_end(ap);
	v->failed = !v->skipped;
}

void v_skip(struct v *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(v, fmt, ap);
	va_end(ap);
	v->skipped = !v->failed;
}

bool v_is(struct v *v, int got, int want, const char *fmt, ...)
{
	char what[256], text[2][24];
	va_list ap;

	if (want ? got == want : got >= 0)
		return true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	v_fail(v, "%s: expected %s, got %s (call %u of this test)", what,
	       v_error(want, text[0]), v_error(got, text[1]), v->n_calls);
	return false;
}

bool v_true(struct v *v, bool good, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	if (good)
		return true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	v_fail(v, "%s (after call %u of this test)", what, v->n_calls);
	return false;
}

bool v_same(struct v *v, uint64_t got, uint64_t want, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	if (got == want)
		return true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	v_fail(v, "%s: expected %#llx, got %#llx (call %u of this test)", what,
	       (unsigned long long)want, (unsigned long long)got, v->n_calls);
	return false;
}

/* ---- registers ---- */

int v_try_get(struct v *v, int fd, uint64_t id, uint64_t *value)
{
	uint64_t room[KA_REG_SIZE_MAX / sizeof(uint64_t)] = { 0 };
	struct ka_one_reg reg = { .id = id, .addr = (uintptr_t)room };
	int ret = v_ioctl(v, fd, KA_GET_ONE_REG, &reg);

	*value = room[0];
	return ret;
}

int v_try_set(struct v *v, int fd, uint64_t id, uint64_t value)
{
	uint64_t room[KA_REG_SIZE_MAX / sizeof(uint64_t)] = { value };
	struct ka_one_reg reg = { .id = id, .addr = (uintptr_t)room };

	return v_ioctl(v, fd, KA_SET_ONE_REG, &reg);
}

void v_get(struct v *v, int fd, uint64_t id, int want)
{
	char name[NAME_SIZE];
	uint64_t value;
	int got = v_try_get(v, fd, id, &value);

	v_is(v, got, want, "KVM_GET_ONE_REG of %s on %s", reg_name(id, name),
	     v_name(v, fd));
}

uint64_t v_read(struct v *v, int fd, uint64_t id)
{
	char name[NAME_SIZE];
	uint64_t value;
	int got = v_try_get(v, fd, id, &value);

	v_is(v, got, 0, "KVM_GET_ONE_REG of %s on %s", reg_name(id, name),
	     v_name(v, fd));
	return value;
}

void v_value(struct v *v, int fd, uint64_t id, uint64_t want)
{
	uint64_t got = v_read(v, fd, id);
	char name[NAME_SIZE];

	v_same(v, got, want, "value of %s on %s", reg_name(id, name),
	       v_name(v, fd));
}

void v_set(struct v *v, int fd, uint64_t id, uint64_t value, int want)
{
	char name[NAME_SIZE];
	int got = v_try_set(v, fd, id, value);

	v_is(v, got, want, "KVM_SET_ONE_REG of %s to %#llx on %s",
	     reg_name(id, name), (unsigned long long)value, v_name(v, fd));
}

void v_refuses(struct v *v, int fd, uint64_t id, int want)
{
	v_get(v, fd, id, want);
	v_set(v, fd, id, 0, want);
}

/* ---- other calls ---- */

void v_init_is(struct v *v, int vcpu, uint32_t features, int want)
{
	v_is(v, v_try_init(v, vcpu, features), want,
	     "KVM_ARM_VCPU_INIT of %s with features %#x", v_name(v, vcpu),
	     features);
}

void v_cap_is(struct v *v, int vm, uint32_t cap, uint64_t arg, int want)
{
	v_is(v, v_try_cap(v, vm, cap, arg), want,
	     "KVM_ENABLE_CAP of %u with args[0] %#llx", cap,
	     (unsigned long long)arg);
}

/* ---- lists ---- */

void v_list(struct v *v, int fd, struct v_list *ret)
{
	int got;

	memset(ret, 0, sizeof(*ret));
	ret->n = V_LIST_MAX;
	got = v_ioctl(v, fd, KA_GET_REG_LIST, ret);
	if (!v_is(v, got, 0, "KVM_GET_REG_LIST on %s", v_name(v, fd)) ||
	    !v_true(v, ret->n <= V_LIST_MAX, "a list of %llu ids",
		    (unsigned long long)ret->n))
		ret->n = 0;
}

bool v_listed(const struct v_list *list, uint64_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->ids[i] == id)
			return true;
	return false;
}

void v_lists_equal(struct v *v, const struct v_list *a, const char *what_a,
		   const struct v_list *b, const char *what_b)
{
	char names[2][NAME_SIZE];

	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (!v_true(v, a->ids[i] == b->ids[i],
			    "place %zu: %s has %s, %s has %s", i, what_a,
			    reg_name(a->ids[i], names[0]), what_b,
			    reg_name(b->ids[i], names[1])))
			return;
	v_same(v, a->n, b->n, "ids in %s, compared with %s", what_a, what_b);
}
