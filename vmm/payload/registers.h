/* SPDX-License-Identifier: MIT */
/*
 * The system registers that the payload holds and checks, once for guest and
 * VMM. REG(name, op0, op1, CRn, CRm, op2, mask, fixed, present):
 * with a mask, the payload writes (pattern & mask) | fixed at its start, the
 * pattern made from vCPU and register; with mask 0 the value is set elsewhere
 * (or given, as that of an ID register) and only compared. "present" is an
 * expression for the guest; the VMM drops it. No include guard: the includer
 * defines REG first.
 */

/* EL1 context */
REG(SCTLR_EL1, 3, 0, 1, 0, 0, 0, 0, 1)
REG(ACTLR_EL1, 3, 0, 1, 0, 1, 0, 0, 1)
REG(CPACR_EL1, 3, 0, 1, 0, 2, 0, 0, 1)
REG(ZCR_EL1, 3, 0, 1, 2, 0, 0, 0, feat.sve)
REG(TTBR0_EL1, 3, 0, 2, 0, 0, 0, 0, 1)
REG(TTBR1_EL1, 3, 0, 2, 0, 1, 0xfffffffff000, 0, 1)
REG(TCR_EL1, 3, 0, 2, 0, 2, 0, 0, 1)
REG(TCR2_EL1, 3, 0, 2, 0, 3, 1 << 10, 0, feat.tcr2)
REG(AFSR0_EL1, 3, 0, 5, 1, 0, 0xffffffff, 0, 1)
REG(AFSR1_EL1, 3, 0, 5, 1, 1, 0xffffffff, 0, 1)
REG(ESR_EL1, 3, 0, 5, 2, 0, 0xffffffff, 0, 1)
REG(FAR_EL1, 3, 0, 6, 0, 0, ~0, 0, 1)
REG(PAR_EL1, 3, 0, 7, 4, 0, 0xff00fffffffff000, 0, 1)
REG(MAIR_EL1, 3, 0, 10, 2, 0, 0xbbbbbbbbbbbb0000, 0x44444444444400ff, 1)
REG(PIRE0_EL1, 3, 0, 10, 2, 2, ~0, 0, feat.s1pie)
REG(PIR_EL1, 3, 0, 10, 2, 3, ~0, 0, feat.s1pie)
REG(AMAIR_EL1, 3, 0, 10, 3, 0, ~0, 0, 1)
REG(VBAR_EL1, 3, 0, 12, 0, 0, 0, 0, 1)
REG(DISR_EL1, 3, 0, 12, 1, 1, 0x80ffffff, 0, feat.ras)
REG(CONTEXTIDR_EL1, 3, 0, 13, 0, 1, 0xffffffff, 0, 1)
REG(TPIDR_EL1, 3, 0, 13, 0, 4, ~0, 0, 1)
REG(CNTKCTL_EL1, 3, 0, 14, 1, 0, 0x3ff, 0, 1)
REG(CSSELR_EL1, 3, 2, 0, 0, 0, 0x7, 0, 1)
REG(TPIDR_EL0, 3, 3, 13, 0, 2, ~0, 0, 1)
REG(TPIDRRO_EL0, 3, 3, 13, 0, 3, ~0, 0, 1)
REG(SP_EL0, 3, 0, 4, 1, 0, ~0, 0, 1)

/* PSTATE beyond NZCV and DAIF, which are held with the general registers */
REG(PAN, 3, 0, 4, 2, 3, 1 << 22, 0, feat.pan)
REG(UAO, 3, 0, 4, 2, 4, 1 << 23, 0, feat.uao)
REG(DIT, 3, 3, 4, 2, 5, 1 << 24, 0, feat.dit)
REG(SSBS, 3, 3, 4, 2, 6, 1 << 12, 0, feat.ssbs)

/* Pointer authentication */
REG(APIAKEYLO_EL1, 3, 0, 2, 1, 0, ~0, 0, feat.pauth)
REG(APIAKEYHI_EL1, 3, 0, 2, 1, 1, ~0, 0, feat.pauth)
REG(APIBKEYLO_EL1, 3, 0, 2, 1, 2, ~0, 0, feat.pauth)
REG(APIBKEYHI_EL1, 3, 0, 2, 1, 3, ~0, 0, feat.pauth)
REG(APDAKEYLO_EL1, 3, 0, 2, 2, 0, ~0, 0, feat.pauth)
REG(APDAKEYHI_EL1, 3, 0, 2, 2, 1, ~0, 0, feat.pauth)
REG(APDBKEYLO_EL1, 3, 0, 2, 2, 2, ~0, 0, feat.pauth)
REG(APDBKEYHI_EL1, 3, 0, 2, 2, 3, ~0, 0, feat.pauth)
REG(APGAKEYLO_EL1, 3, 0, 2, 3, 0, ~0, 0, feat.pacga)
REG(APGAKEYHI_EL1, 3, 0, 2, 3, 1, ~0, 0, feat.pacga)

/* Timers; CNTV_CVAL moves with each tick and is followed by timer.c */
REG(CNTP_CTL_EL0, 3, 3, 14, 2, 1, 0x1, 0x2, feat.ptimer)
REG(CNTP_CVAL_EL0, 3, 3, 14, 2, 2, ~0, 0, feat.ptimer)

/*
 * Debug: the values are held, nothing is enabled. MDCCINT_EL1 is left out:
 * QEMU takes a read of it as no instruction at all.
 */
REG(MDSCR_EL1, 2, 0, 0, 2, 2, 0x3000, 0, 1)
REG(OSLSR_EL1, 2, 0, 1, 1, 4, 0, 0, 1)
REG(OSDLR_EL1, 2, 0, 1, 3, 4, 0, 0, 1)
#define DEBUG(n)                                                              \
	REG(DBGBVR##n##_EL1, 2, 0, 0, n, 4, 0xfffffffffffc, 0, feat.brps > n) \
	REG(DBGBCR##n##_EL1, 2, 0, 0, n, 5, 0xe1e6, 0, feat.brps > n)         \
	REG(DBGWVR##n##_EL1, 2, 0, 0, n, 6, 0xfffffffffff8, 0, feat.wrps > n) \
	REG(DBGWCR##n##_EL1, 2, 0, 0, n, 7, 0xfffe, 0, feat.wrps > n)
DEBUG(0) DEBUG(1) DEBUG(2) DEBUG(3) DEBUG(4) DEBUG(5) DEBUG(6) DEBUG(7)
DEBUG(8) DEBUG(9) DEBUG(10) DEBUG(11) DEBUG(12) DEBUG(13) DEBUG(14) DEBUG(15)
#undef DEBUG

/*
 * PMU; what counts (PMCCNTR, counter 0 on some vCPUs) is followed by pmu.c.
 * PMCEID0 and 1 are left out: KVM has no way to carry them, and newer kernels
 * show other events of the same CPU.
 */
REG(PMINTENSET_EL1, 3, 0, 9, 14, 1, 0, 0, feat.pmu)
REG(PMCR_EL0, 3, 3, 9, 12, 0, 0, 0, feat.pmu)
REG(PMCNTENSET_EL0, 3, 3, 9, 12, 1, 0, 0, feat.pmu)
REG(PMOVSSET_EL0, 3, 3, 9, 14, 3, 0, 0, feat.pmu)
REG(PMSELR_EL0, 3, 3, 9, 12, 5, 0, 0, feat.pmu)
REG(PMUSERENR_EL0, 3, 3, 9, 14, 0, 0xf, 0, feat.pmu)
REG(PMCCFILTR_EL0, 3, 3, 14, 15, 7, 0xc0000000, 0, feat.pmu)
#define COUNTER(n, low, high, op2)                                          \
	REG(PMEVCNTR##n##_EL0, 3, 3, 14, low, op2, n ? 0xffffffff : 0, 0, \
	    n && feat.counters > n)                                         \
	REG(PMEVTYPER##n##_EL0, 3, 3, 14, high, op2, n ? 0xc000002f : 0, 0, \
	    feat.counters > n)
COUNTER(0, 8, 12, 0) COUNTER(1, 8, 12, 1) COUNTER(2, 8, 12, 2)
COUNTER(3, 8, 12, 3) COUNTER(4, 8, 12, 4) COUNTER(5, 8, 12, 5)
COUNTER(6, 8, 12, 6) COUNTER(7, 8, 12, 7) COUNTER(8, 9, 13, 0)
COUNTER(9, 9, 13, 1) COUNTER(10, 9, 13, 2) COUNTER(11, 9, 13, 3)
COUNTER(12, 9, 13, 4) COUNTER(13, 9, 13, 5) COUNTER(14, 9, 13, 6)
COUNTER(15, 9, 13, 7) COUNTER(16, 10, 14, 0) COUNTER(17, 10, 14, 1)
COUNTER(18, 10, 14, 2) COUNTER(19, 10, 14, 3) COUNTER(20, 10, 14, 4)
COUNTER(21, 10, 14, 5) COUNTER(22, 10, 14, 6) COUNTER(23, 10, 14, 7)
COUNTER(24, 11, 15, 0) COUNTER(25, 11, 15, 1) COUNTER(26, 11, 15, 2)
COUNTER(27, 11, 15, 3) COUNTER(28, 11, 15, 4) COUNTER(29, 11, 15, 5)
COUNTER(30, 11, 15, 6)
#undef COUNTER

/* What the CPU says of itself must not change under the guest */
#define GIVEN(name, op0, op1, crn, crm, op2, present) \
	REG(name, op0, op1, crn, crm, op2, 0, 0, present)
GIVEN(MIDR_EL1, 3, 0, 0, 0, 0, 1)
GIVEN(MPIDR_EL1, 3, 0, 0, 0, 5, 1)
GIVEN(REVIDR_EL1, 3, 0, 0, 0, 6, 1)
GIVEN(CLIDR_EL1, 3, 1, 0, 0, 1, 1)
GIVEN(AIDR_EL1, 3, 1, 0, 0, 7, 1)
GIVEN(CTR_EL0, 3, 3, 0, 0, 1, 1)
GIVEN(DCZID_EL0, 3, 3, 0, 0, 7, 1)
GIVEN(CNTFRQ_EL0, 3, 3, 14, 0, 0, 1)
GIVEN(ID_PFR0_EL1, 3, 0, 0, 1, 0, feat.aarch32)
GIVEN(ID_PFR1_EL1, 3, 0, 0, 1, 1, feat.aarch32)
GIVEN(ID_DFR0_EL1, 3, 0, 0, 1, 2, feat.aarch32)
GIVEN(ID_MMFR0_EL1, 3, 0, 0, 1, 4, feat.aarch32)
GIVEN(ID_MMFR1_EL1, 3, 0, 0, 1, 5, feat.aarch32)
GIVEN(ID_MMFR2_EL1, 3, 0, 0, 1, 6, feat.aarch32)
GIVEN(ID_MMFR3_EL1, 3, 0, 0, 1, 7, feat.aarch32)
GIVEN(ID_ISAR0_EL1, 3, 0, 0, 2, 0, feat.aarch32)
GIVEN(ID_ISAR1_EL1, 3, 0, 0, 2, 1, feat.aarch32)
GIVEN(ID_ISAR2_EL1, 3, 0, 0, 2, 2, feat.aarch32)
GIVEN(ID_ISAR3_EL1, 3, 0, 0, 2, 3, feat.aarch32)
GIVEN(ID_ISAR4_EL1, 3, 0, 0, 2, 4, feat.aarch32)
GIVEN(ID_ISAR5_EL1, 3, 0, 0, 2, 5, feat.aarch32)
GIVEN(ID_MMFR4_EL1, 3, 0, 0, 2, 6, feat.aarch32)
GIVEN(ID_ISAR6_EL1, 3, 0, 0, 2, 7, feat.aarch32)
GIVEN(MVFR0_EL1, 3, 0, 0, 3, 0, feat.aarch32)
GIVEN(MVFR1_EL1, 3, 0, 0, 3, 1, feat.aarch32)
GIVEN(MVFR2_EL1, 3, 0, 0, 3, 2, feat.aarch32)
GIVEN(ID_PFR2_EL1, 3, 0, 0, 3, 4, feat.aarch32)
GIVEN(ID_DFR1_EL1, 3, 0, 0, 3, 5, feat.aarch32)
GIVEN(ID_MMFR5_EL1, 3, 0, 0, 3, 6, feat.aarch32)
GIVEN(ID_AA64PFR0_EL1, 3, 0, 0, 4, 0, 1)
GIVEN(ID_AA64PFR1_EL1, 3, 0, 0, 4, 1, 1)
GIVEN(ID_AA64PFR2_EL1, 3, 0, 0, 4, 2, 1)
GIVEN(ID_AA64ZFR0_EL1, 3, 0, 0, 4, 4, 1)
GIVEN(ID_AA64SMFR0_EL1, 3, 0, 0, 4, 5, 1)
GIVEN(ID_AA64DFR0_EL1, 3, 0, 0, 5, 0, 1)
GIVEN(ID_AA64DFR1_EL1, 3, 0, 0, 5, 1, 1)
GIVEN(ID_AA64AFR0_EL1, 3, 0, 0, 5, 4, 1)
GIVEN(ID_AA64AFR1_EL1, 3, 0, 0, 5, 5, 1)
GIVEN(ID_AA64ISAR0_EL1, 3, 0, 0, 6, 0, 1)
GIVEN(ID_AA64ISAR1_EL1, 3, 0, 0, 6, 1, 1)
GIVEN(ID_AA64ISAR2_EL1, 3, 0, 0, 6, 2, 1)
GIVEN(ID_AA64ISAR3_EL1, 3, 0, 0, 6, 3, 1)
GIVEN(ID_AA64MMFR0_EL1, 3, 0, 0, 7, 0, 1)
GIVEN(ID_AA64MMFR1_EL1, 3, 0, 0, 7, 1, 1)
GIVEN(ID_AA64MMFR2_EL1, 3, 0, 0, 7, 2, 1)
GIVEN(ID_AA64MMFR3_EL1, 3, 0, 0, 7, 3, 1)
GIVEN(ID_AA64MMFR4_EL1, 3, 0, 0, 7, 4, 1)
#undef GIVEN

/* GIC CPU interface; the timer's priority is always let through */
REG(ICC_PMR_EL1, 3, 0, 4, 6, 0, 0x18, 0xe0, 1)
REG(ICC_BPR0_EL1, 3, 0, 12, 8, 3, 0x3, 0x4, 1)
REG(ICC_AP1R0_EL1, 3, 0, 12, 9, 0, 0, 0, 1)
REG(ICC_RPR_EL1, 3, 0, 12, 11, 3, 0, 0, 1)
REG(ICC_BPR1_EL1, 3, 0, 12, 12, 3, 0x3, 0x4, 1)
REG(ICC_CTLR_EL1, 3, 0, 12, 12, 4, 0, 0, 1)
REG(ICC_SRE_EL1, 3, 0, 12, 12, 5, 0, 0, 1)
REG(ICC_IGRPEN0_EL1, 3, 0, 12, 12, 6, 0x1, 0, 1)
REG(ICC_IGRPEN1_EL1, 3, 0, 12, 12, 7, 0, 0, 1)
