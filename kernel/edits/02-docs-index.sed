# SPDX-License-Identifier: GPL-2.0-only
# One more page is in KVM's documentation.
# files: Documentation/virt/kvm/arm/index.rst
/^ +vcpu-features$/a\
   vm-regs
