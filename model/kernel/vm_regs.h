/* SPDX-License-Identifier: MIT */
/*
 * Stands in for the kernel's private header of this name, and has its guard:
 * given to the compiler ahead of a kernel file, it leaves nothing of the other.
 * What the kernel files need is sorted by how far it is the kernel's.
 */
#ifndef __ARM64_KVM_VM_REGS_H
#define __ARM64_KVM_VM_REGS_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "types.h"
#include "uapi.h"

#include <asm/kvm_vm_regs.h>

#include "custom.h"
#include "duplicated.h"
#include "stubs.h"

#endif
