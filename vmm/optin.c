// SPDX-License-Identifier: MIT
/*
 * What a new VM opts in to before it has a vCPU, by VM configuration
 * registers: its features are fixed wherever the kernel offers that, and
 * vCPUs have hypercall services of their own where --hypercalls says so. Of a
 * VM that is restored or received, onereg_vm_configure() does the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm.h"

/* linux/kvm.h of Linux with VM-scoped registers */
#define CAP_VM_ONE_REG 10240
#define OFFERS_CONFIG 4
#define OFFERS_ASYM 8
#define VM_ASYM 0x6030000000200000ull
#define ASYM_SMCCC 1
#define VM_FEATURES 0x6030000000200001ull
#define CLASS 0xfff0000ull
#define CLASS_BITMAPS 0x160000ull

/* ---- --hypercalls ---- */

static int bad(const char *text, const char *why)
{
	return wrong_usage("--hypercalls %.60s: %s; it is VCPU[-VCPU]:"
			   "REGISTER=VALUE[,...], as in 1:STD_HYP=0x0",
			   text, why);
}

static bool parse_number(const char **text, uint64_t *ret)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, 0);
	*text = end;
	return !errno;
}

static bool parse_vcpus(const char **text, struct hypercall *ret)
{
	uint64_t first, last;

	if (!parse_number(text, &first))
		return false;
	last = first;
	if (**text == '-') {
		++*text;
		if (!parse_number(text, &last))
			return false;
	}
	ret->first = first;
	ret->last = last;
	return first <= last && last < MAX_VCPUS && *(*text)++ == ':';
}

/* STD, STD_HYP and VENDOR_HYP stand for STD_BMAP and so on. */
static bool parse_name(const char **text, uint64_t *ret)
{
	char name[64];
	size_t n = strcspn(*text, "=,");

	if (n > sizeof(name) - sizeof("_BMAP") || (*text)[n] != '=')
		return false;
	memcpy(name, *text, n);
	name[n] = 0;
	*text += n + 1;
	if (onereg_reg_find(name, ret)) {
		strcpy(name + n, "_BMAP");
		if (onereg_reg_find(name, ret))
			return false;
	}
	return (*ret & CLASS) == CLASS_BITMAPS;
}

int hypercalls_parse(const char *text, struct hypercalls *ret)
{
	const char *at = text;

	do {
		struct hypercall *h = &ret->v[ret->n];

		if (ret->n == MAX_HYPERCALLS)
			return bad(text, "too many");
		if (!parse_vcpus(&at, h))
			return bad(text, "no vCPU or range of vCPUs");
		if (!parse_name(&at, &h->id))
			return bad(text, "not a bitmap of hypercall services");
		if (!parse_number(&at, &h->value) || (*at && *at != ','))
			return bad(text, "no value");
		ret->n++;
	} while (*at++);
	return 0;
}

int hypercalls_check(const struct hypercalls *h, unsigned int vcpus)
{
	for (unsigned int i = 0; i < h->n; i++)
		if (h->v[i].last >= vcpus)
			return wrong_usage("--hypercalls: vCPU %u: the VM has "
					   "%u, from 0 on",
					   h->v[i].last, vcpus);
	return 0;
}

/* ---- before the first vCPU ---- */

static int set_config(struct vm *vm, uint64_t id, uint64_t value,
		      const char *name)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	if (ioctl(vm->vm_fd, KVM_SET_ONE_REG, &reg) < 0)
		return cannot_errno(NULL,
				    "KVM_SET_ONE_REG of %s = 0x%llx on the VM",
				    name, (unsigned long long)value);
	return 0;
}

int optin_configure(struct vm *vm, const struct hypercalls *hypercalls)
{
	int offers = ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, CAP_VM_ONE_REG);
	int rc = 0;

	if (offers < 0)
		offers = 0;
	if (hypercalls->n && !(offers & OFFERS_ASYM))
		return cannot("leave it out, or choose a host whose kernel "
			      "offers asymmetric vCPUs",
			      "--hypercalls: vCPUs of this host's kernel "
			      "cannot differ");
	if (hypercalls->n)
		rc = set_config(vm, VM_ASYM, ASYM_SMCCC, "VM_ASYM");
	if (!rc && offers & OFFERS_CONFIG)
		rc = set_config(vm, VM_FEATURES, vm->init.features[0],
				"VM_FEATURES");
	return rc;
}

/* ---- once the vCPUs are initialised ---- */

static int offer(struct vm *vm, unsigned int vcpu, struct hypercall *h)
{
	char name[64];

	if (!vm_set_reg(vm, vcpu, h->id, &h->value))
		return 0;
	onereg_reg_name(h->id, name, sizeof(name));
	return cannot_errno("onereg show tells which services a host knows",
			    "--hypercalls: KVM_SET_ONE_REG of %s = 0x%llx, "
			    "vCPU %u",
			    name, (unsigned long long)h->value, vcpu);
}

int optin_hypercalls(struct vm *vm, const struct hypercalls *hypercalls)
{
	int rc = 0;

	for (unsigned int i = 0; i < hypercalls->n; i++) {
		struct hypercall h = hypercalls->v[i];

		for (unsigned int n = h.first; !rc && n <= h.last; n++)
			rc = offer(vm, n, &h);
	}
	return rc;
}
