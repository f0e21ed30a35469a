# SPDX-License-Identifier: GPL-2.0-only
# One more file is part of KVM.
# files: arch/arm64/kvm/Makefile
/^kvm-\$\(CONFIG_HW_PERF_EVENTS\)/i\
kvm-y += vm_regs.o\

