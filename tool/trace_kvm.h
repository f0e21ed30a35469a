/* SPDX-License-Identifier: MIT */
/*
 * What onereg trace knows of KVM/arm64's ioctls, the same on every build
 * machine. Of the library the tool sees onereg.h only, so the few numbers
 * stand here once more; the tests' fake VMM makes its calls with the
 * library's, and so holds one against the other.
 */
#ifndef ONEREG_TRACE_KVM_H
#define ONEREG_TRACE_KVM_H

#include <linux/ioctl.h>
#include <stdint.h>

struct tk_one_reg {
	uint64_t id;
	uint64_t addr;		/* of the value, in the VMM */
};

struct tk_reg_vec {
	uint32_t count;
	uint32_t done;
	uint64_t flags;
	uint64_t regs;		/* of struct tk_one_reg[count], in the VMM */
	uint64_t reserved;
};
#define TK_REG_VEC_MAX 4096

struct tk_create_device {
	uint32_t type;
	uint32_t fd;
	uint32_t flags;
};
/* It only asks: there is no new descriptor. */
#define TK_CREATE_DEVICE_TEST 1

/* Every ioctl of KVM has this type; 0x20 to 0x3f of it are others'. */
#define TK_TYPE 0xae

#define TK_CREATE_VM		_IO(TK_TYPE, 0x01)
#define TK_CREATE_VCPU		_IO(TK_TYPE, 0x41)
#define TK_RUN			_IO(TK_TYPE, 0x80)
#define TK_GET_MP_STATE		_IOC(_IOC_READ, TK_TYPE, 0x98, 4)
#define TK_SET_MP_STATE		_IOC(_IOC_WRITE, TK_TYPE, 0x99, 4)
#define TK_GET_VCPU_EVENTS	_IOC(_IOC_READ, TK_TYPE, 0x9f, 64)
#define TK_SET_VCPU_EVENTS	_IOC(_IOC_WRITE, TK_TYPE, 0xa0, 64)
#define TK_GET_ONE_REG		_IOW(TK_TYPE, 0xab, struct tk_one_reg)
#define TK_SET_ONE_REG		_IOW(TK_TYPE, 0xac, struct tk_one_reg)
#define TK_ARM_VCPU_INIT	_IOC(_IOC_WRITE, TK_TYPE, 0xae, 32)
#define TK_GET_REG_LIST		_IOC(_IOC_READ | _IOC_WRITE, TK_TYPE, 0xb0, 8)
#define TK_ARM_VCPU_FINALIZE	_IOW(TK_TYPE, 0xc2, int)
#define TK_CREATE_DEVICE \
	_IOWR(TK_TYPE, 0xe0, struct tk_create_device)
#define TK_SET_DEVICE_ATTR	_IOC(_IOC_WRITE, TK_TYPE, 0xe1, 24)
#define TK_GET_DEVICE_ATTR	_IOC(_IOC_WRITE, TK_TYPE, 0xe2, 24)
#define TK_GET_REG_VEC		_IOWR(TK_TYPE, 0xf0, struct tk_reg_vec)
#define TK_SET_REG_VEC		_IOWR(TK_TYPE, 0xf1, struct tk_reg_vec)

/* In an id: the kernel tells that the register is VM-scoped. */
#define TK_REG_SCOPE_VM		0x10000000ULL
/* The counters: a value is relative to now, none is written in vain. */
#define TK_TIMER_CNT		0x603000000013df1aULL
#define TK_PTIMER_CNT		0x603000000013df01ULL

#endif
