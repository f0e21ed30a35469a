# SPDX-License-Identifier: GPL-2.0-only
# KVM's selftests have some for VM-scoped registers.
# files: tools/testing/selftests/kvm/Makefile
/^TEST_GEN_PROGS_aarch64 \+= aarch64\/vgic_lpi_stress$/i\
TEST_GEN_PROGS_aarch64 += aarch64/vm_regs\
TEST_GEN_PROGS_aarch64 += aarch64/vm_regs_any\
TEST_GEN_PROGS_aarch64 += aarch64/vm_regs_config\
TEST_GEN_PROGS_aarch64 += aarch64/vm_regs_guest\
TEST_GEN_PROGS_aarch64 += aarch64/vm_regs_vec
