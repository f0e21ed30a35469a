# SPDX-License-Identifier: GPL-2.0-only
# One more file is part of KVM: registers that are reached directly.
# files: arch/arm64/kvm/Makefile
/^kvm-y \+= vm_regs\.o$/s/$/ vm_regs_direct.o/
