/* SPDX-License-Identifier: MIT */
/*
 * The fields of feature ID registers, and which way each is safe.
 *
 * A guest reads these registers once, when it boots, and then relies on what
 * it saw. So the question for each field is: would that guest run where the
 * most that can be shown is something else? Names and positions are those of
 * the Arm Architecture Reference Manual (DDI 0487) and the register
 * descriptions (DDI 0601); directions follow from the meaning of the values
 * and agree with Linux's own (ftr tables of arch/arm64/kernel/cpufeature.c,
 * and KVM's exceptions in arch/arm64/kvm/sys_regs.c) but where a comment says
 * otherwise.
 *
 * FIELD_IGNORE is a judgement about the host's value: the guest does not get
 * it (MPIDR_EL1) or does not depend on it (CLIDR_EL1). It is no licence to
 * lose the guest's.
 *
 * What a rule cannot say: fields that qualify another one (RAS_frac,
 * CSV2_frac) are judged on their own, as KVM does; and a kernel may refuse to
 * change a field although the change would be safe. The writable mask of a
 * described host tells that, not this table.
 *
 * Rows ascend by id and, within one, by lsb.
 */
#include <stdlib.h>

#include "internal.h"

#define F(name_, lsb_, width_, rule_, why_)                            \
	{                                                              \
		.id = ID, .field = { #name_, lsb_, width_ },           \
		.rule = FIELD_##rule_, .why = why_                     \
	}
/* Most fields have 4 bits: 0 is absent, more is more. */
#define L(name, lsb)		F(name, lsb, 4, LOWER, NULL)
#define LW(name, lsb, why)	F(name, lsb, 4, LOWER, why)
#define B(name, lsb)		F(name, lsb, 1, LOWER, NULL)
#define S(name, lsb)		F(name, lsb, 4, LOWER_SIGNED, NULL)
#define SW(name, lsb, why)	F(name, lsb, 4, LOWER_SIGNED, why)
#define X(name, lsb)		F(name, lsb, 4, EXACT, NULL)
#define XW(name, lsb, why)	F(name, lsb, 4, EXACT, why)

#define WHY_IDENTITY \
	"the guest chose its errata workarounds by the CPU's identity"
#define WHY_OWN \
	"each vCPU has its own, which is restored as a plain value"
#define WHY_CACHE                                                          \
	"the cache geometry is only advice to a guest: KVM traps set/way " \
	"operations, and maintenance by address goes by CTR_EL0"
#define WHY_MPAM                                                           \
	"KVM never let a guest use MPAM; older kernels showed the field "   \
	"by mistake, newer ones take the CPU's value and ignore it"
#define WHY_NV                                                             \
	"KVM offers nesting through ID_AA64MMFR4_EL1 alone; older kernels "  \
	"showed this field by mistake, newer ones take the CPU's value "    \
	"and ignore it"
#define WHY_PAUTH                                                          \
	"pointers that the guest signed before would fail to authenticate"
#define WHY_MITIGATION                                                     \
	"the guest switched a mitigation off and would now be vulnerable"
#define WHY_AARCH32	"32-bit programs or kernels could not run"
#define WHY_UNDEF(what) \
	"a guest that uses " what " would take undefined instructions"
#define WHY_GRANULE(size) \
	"a guest with pages of " size " could not translate addresses"
#define WHY_SYSREG(what) \
	"a guest that uses " what " would trap on missing system registers"
#define WHY_HYPERCALL(what) \
	"a guest that calls " what " would get NOT_SUPPORTED"
#define WHY_BREAKPOINTS                                                      \
	"context-aware breakpoints are the highest-numbered ones and the "   \
	"guest reaches the hardware's: other numbers would address others"
#define WHY_LINE                                                             \
	"cache maintenance in steps of larger lines would skip smaller ones"
#define WHY_IMPDEF \
	"implementation defined: no order between the values is known"

/* clang-format off */
static const struct id_field fields[] = {
#define ID KA_SYS(3, 0, 0, 0, 0)		/* MIDR_EL1 */
	F(Revision, 0, 4, EXACT, WHY_IDENTITY),
	F(PartNum, 4, 12, EXACT, WHY_IDENTITY),
	F(Architecture, 16, 4, EXACT, WHY_IDENTITY),
	F(Variant, 20, 4, EXACT, WHY_IDENTITY),
	F(Implementer, 24, 8, EXACT, WHY_IDENTITY),
#undef ID
#define ID KA_SYS(3, 0, 0, 0, 5)		/* MPIDR_EL1 */
	F(Aff0, 0, 8, IGNORE, WHY_OWN),
	F(Aff1, 8, 8, IGNORE, WHY_OWN),
	F(Aff2, 16, 8, IGNORE, WHY_OWN),
	F(MT, 24, 1, IGNORE, WHY_OWN),
	F(U, 30, 1, IGNORE, WHY_OWN),
	F(Aff3, 32, 8, IGNORE, WHY_OWN),
#undef ID
#define ID KA_SYS(3, 0, 0, 0, 6)		/* REVIDR_EL1 */
	F(IMPDEF, 0, 64, EXACT, WHY_IDENTITY),
#undef ID

/*
 * AArch32 feature registers: of use to 32-bit programs, and UNKNOWN on a CPU
 * without AArch32. Where the lines are short, nothing about them is special.
 */
#define ID KA_SYS(3, 0, 0, 1, 0)		/* ID_PFR0_EL1 */
	LW(State0, 0, WHY_AARCH32), LW(State1, 4, WHY_AARCH32),
	L(State2, 8), L(State3, 12), LW(CSV2, 16, WHY_MITIGATION), L(AMU, 20),
	L(DIT, 24), L(RAS, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 1, 1)		/* ID_PFR1_EL1 */
	L(ProgMod, 0), L(Security, 4), L(MProgMod, 8), L(Virtualization, 12),
	L(GenTimer, 16), L(Sec_frac, 20), L(Virt_frac, 24), L(GIC, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 1, 2)		/* ID_DFR0_EL1 */
	L(CopDbg, 0), L(CopSDbg, 4), L(MMapDbg, 8), L(CopTrc, 12),
	L(MMapTrc, 16), L(MProfDbg, 20),
	LW(PerfMon, 24, WHY_SYSREG("the PMU")),	/* 0xf: see pmu_version() */
	L(TraceFilt, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 1, 3)		/* ID_AFR0_EL1 */
	XW(IMPDEF0, 0, WHY_IMPDEF), XW(IMPDEF1, 4, WHY_IMPDEF),
	XW(IMPDEF2, 8, WHY_IMPDEF), XW(IMPDEF3, 12, WHY_IMPDEF),
#undef ID
#define ID KA_SYS(3, 0, 0, 1, 4)		/* ID_MMFR0_EL1 */
	L(VMSA, 0), L(PMSA, 4), S(OuterShr, 8), L(ShareLvl, 12), L(TCM, 16),
	L(AuxReg, 20), L(FCSE, 24), S(InnerShr, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 1, 5)		/* ID_MMFR1_EL1 */
	L(L1HvdVA, 0), L(L1UniVA, 4), L(L1HvdSW, 8), L(L1UniSW, 12),
	L(L1Hvd, 16), L(L1Uni, 20), L(L1TstCln, 24), L(BPred, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 1, 6)		/* ID_MMFR2_EL1 */
	L(L1HvdFG, 0), L(L1HvdBG, 4), L(L1HvdRng, 8), L(HvdTLB, 12),
	L(UniTLB, 16), L(MemBarr, 20), L(WFIStall, 24), L(HWAccFlg, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 1, 7)		/* ID_MMFR3_EL1 */
	L(CMaintVA, 0), L(CMaintSW, 4), L(BPMaint, 8), L(MaintBcst, 12),
	L(PAN, 16), L(CohWalk, 20), L(CMemSz, 24),
	/*
	 * 0xf is "none". Linux ranks it as the highest value, the architecture
	 * as the lowest: only what is equal is both accepted and right.
	 */
	XW(Supersec, 28, "a 32-bit kernel's supersections would not translate"),
#undef ID
#define ID KA_SYS(3, 0, 0, 2, 0)		/* ID_ISAR0_EL1 */
	L(Swap, 0), L(BitCount, 4), L(BitField, 8), L(CmpBranch, 12),
	L(Coproc, 16), L(Debug, 20), L(Divide, 24),
#undef ID
#define ID KA_SYS(3, 0, 0, 2, 1)		/* ID_ISAR1_EL1 */
	L(Endian, 0), L(Except, 4), L(Except_AR, 8), L(Extend, 12),
	L(IfThen, 16), L(Immediate, 20), L(Interwork, 24), L(Jazelle, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 2, 2)		/* ID_ISAR2_EL1 */
	L(LoadStore, 0), L(MemHint, 4), L(MultiAccessInt, 8), L(Mult, 12),
	L(MultS, 16), L(MultU, 20), L(PSR_AR, 24), L(Reversal, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 2, 3)		/* ID_ISAR3_EL1 */
	L(Saturate, 0), L(SIMD, 4), L(SVC, 8), L(SynchPrim, 12),
	L(TabBranch, 16), L(T32Copy, 20), L(TrueNOP, 24), L(T32EE, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 2, 4)		/* ID_ISAR4_EL1 */
	L(Unpriv, 0), L(WithShifts, 4), L(Writeback, 8), L(SMC, 12),
	L(Barrier, 16), L(SynchPrim_frac, 20), L(PSR_M, 24), L(SWP_frac, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 2, 5)		/* ID_ISAR5_EL1 */
	L(SEVL, 0), L(AES, 4), L(SHA1, 8), L(SHA2, 12), L(CRC32, 16),
	L(RDM, 24), L(VCMA, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 2, 6)		/* ID_MMFR4_EL1 */
	F(SpecSEI, 0, 4, HIGHER, "SErrors on speculative reads would surprise"),
	L(AC2, 4), L(XNX, 8), L(CnP, 12), L(HPDS, 16), L(LSM, 20),
	X(CCIDX, 24), L(EVT, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 2, 7)		/* ID_ISAR6_EL1 */
	L(JSCVT, 0), L(DP, 4), L(FHM, 8), L(SB, 12), L(SPECRES, 16),
	L(BF16, 20), L(I8MM, 24), L(CLRBHB, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 3, 0)		/* MVFR0_EL1 */
	L(SIMDReg, 0), L(FPSP, 4), L(FPDP, 8), L(FPTrap, 12), L(FPDivide, 16),
	L(FPSqrt, 20), L(FPShVec, 24), L(FPRound, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 3, 1)		/* MVFR1_EL1 */
	L(FPFtZ, 0), L(FPDNaN, 4), L(SIMDLS, 8), L(SIMDInt, 12), L(SIMDSP, 16),
	L(SIMDHP, 20), L(FPHP, 24), L(SIMDFMAC, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 3, 2)		/* MVFR2_EL1 */
	L(SIMDMisc, 0), L(FPMisc, 4),
#undef ID
#define ID KA_SYS(3, 0, 0, 3, 4)		/* ID_PFR2_EL1 */
	LW(CSV3, 0, WHY_MITIGATION), L(SSBS, 4), L(RAS_frac, 8),
#undef ID
#define ID KA_SYS(3, 0, 0, 3, 5)		/* ID_DFR1_EL1 */
	S(MTPMU, 0), L(HPMN0, 4),
#undef ID
#define ID KA_SYS(3, 0, 0, 3, 6)		/* ID_MMFR5_EL1 */
	L(ETS, 0), L(nTLBPA, 4),
#undef ID

/* AArch64 feature registers. */
#define ID KA_SYS(3, 0, 0, 4, 0)		/* ID_AA64PFR0_EL1 */
	LW(EL0, 0, WHY_AARCH32),	/* 1: AArch64 only; 2: both */
	LW(EL1, 4, WHY_AARCH32),
	LW(EL2, 8, "a guest hypervisor could not run"),
	L(EL3, 12),
	SW(FP, 16, WHY_UNDEF("floating point")),	/* 0xf: none at all */
	SW(AdvSIMD, 20, WHY_UNDEF("Advanced SIMD")),
	LW(GIC, 24, WHY_SYSREG("the GIC CPU interface")),
	LW(RAS, 28, WHY_SYSREG("error records")),
	LW(SVE, 32, WHY_UNDEF("SVE")),
	L(SEL2, 36),
	F(MPAM, 40, 4, IGNORE, WHY_MPAM),
	LW(AMU, 44, WHY_SYSREG("activity monitors")),
	LW(DIT, 48, WHY_UNDEF("PSTATE.DIT for constant-time code")),
	L(RME, 52),
	LW(CSV2, 56, WHY_MITIGATION),
	LW(CSV3, 60, WHY_MITIGATION),
#undef ID
#define ID KA_SYS(3, 0, 0, 4, 1)		/* ID_AA64PFR1_EL1 */
	LW(BT, 0, "indirect branches of the guest would go unchecked"),
	LW(SSBS, 4, WHY_UNDEF("PSTATE.SSBS")),
	LW(MTE, 8, WHY_UNDEF("memory tags")),
	L(RAS_frac, 12),
	F(MPAM_frac, 16, 4, IGNORE, WHY_MPAM),
	LW(SME, 24, WHY_UNDEF("SME")),
	L(RNDR_trap, 28),
	LW(CSV2_frac, 32, WHY_MITIGATION),
	LW(NMI, 36, WHY_UNDEF("PSTATE.ALLINT")),
	SW(MTE_frac, 40, "asynchronous tag check faults would be lost"),
	LW(GCS, 44, WHY_UNDEF("guarded control stacks")),
	LW(THE, 48, WHY_UNDEF("read-check-write")),
	L(MTEX, 52), L(DF2, 56), L(PFAR, 60),
#undef ID
#define ID KA_SYS(3, 0, 0, 4, 2)		/* ID_AA64PFR2_EL1 */
	L(MTEPERM, 0), L(MTESTOREONLY, 4), L(MTEFAR, 8),
	LW(GCIE, 12, WHY_UNDEF("the GICv5 CPU interface")),
	L(UINJ, 16),
	LW(FPMR, 32, WHY_SYSREG("FP8")),
#undef ID
#define ID KA_SYS(3, 0, 0, 4, 4)		/* ID_AA64ZFR0_EL1 */
	LW(SVEver, 0, WHY_UNDEF("SVE2")),
	LW(AES, 4, WHY_UNDEF("SVE AES")),
	L(EltPerm, 12),
	LW(BitPerm, 16, WHY_UNDEF("SVE bit permutation")),
	LW(BF16, 20, WHY_UNDEF("SVE BFloat16")),
	L(B16B16, 24),
	LW(SHA3, 32, WHY_UNDEF("SVE SHA3")),
	LW(SM4, 40, WHY_UNDEF("SVE SM4")),
	LW(I8MM, 44, WHY_UNDEF("SVE Int8 matrices")),
	L(F16MM, 48),
	LW(F32MM, 52, WHY_UNDEF("SVE FP32 matrices")),
	LW(F64MM, 56, WHY_UNDEF("SVE FP64 matrices")),
#undef ID
/*
 * Linux asks for equal values here and in FPFR0, for the sake of one answer
 * for all CPUs of a host. To a guest each bit is an instruction that is there.
 */
#define ID KA_SYS(3, 0, 0, 4, 5)		/* ID_AA64SMFR0_EL1 */
	B(SMOP4, 0), B(STMOP, 16), B(SFEXPA, 23), B(AES, 24), B(SBitPerm, 25),
	B(SF8MM4, 26), B(SF8MM8, 27), B(SF8DP2, 28), B(SF8DP4, 29),
	B(SF8FMA, 30), B(F32F32, 32), B(BI32I32, 33), B(B16F32, 34),
	B(F16F32, 35), L(I8I32, 36), B(F8F32, 40), B(F8F16, 41), B(F16F16, 42),
	B(B16B16, 43), L(I16I32, 44), B(F64F64, 48), L(I16I64, 52),
	LW(SMEver, 56, WHY_UNDEF("SME2")),
	B(LUTv2, 60), B(FA64, 63),
#undef ID
#define ID KA_SYS(3, 0, 0, 4, 7)		/* ID_AA64FPFR0_EL1 */
	B(F8E5M2, 0), B(F8E4M3, 1), B(F8MM4, 26), B(F8MM8, 27), B(F8DP2, 28),
	B(F8DP4, 29), B(F8FMA, 30), B(F8CVT, 31),
#undef ID
#define ID KA_SYS(3, 0, 0, 5, 0)		/* ID_AA64DFR0_EL1 */
	LW(DebugVer, 0, WHY_SYSREG("newer debug features")),
	L(TraceVer, 4),
	LW(PMUVer, 8, WHY_SYSREG("the PMU")),	/* 0xf: see pmu_version() */
	XW(BRPs, 12, WHY_BREAKPOINTS),
	L(PMSS, 16),
	LW(WRPs, 20, WHY_UNDEF("the highest watchpoints")),
	L(SEBEP, 24),
	XW(CTX_CMPs, 28, WHY_BREAKPOINTS),
	LW(PMSVer, 32, WHY_SYSREG("statistical profiling")),
	S(DoubleLock, 36), L(TraceFilt, 40), L(TraceBuffer, 44), S(MTPMU, 48),
	L(BRBE, 52), L(ExtTrcBuff, 56), L(HPMN0, 60),
#undef ID
#define ID KA_SYS(3, 0, 0, 5, 1)		/* ID_AA64DFR1_EL1 */
	F(SYSPMUID, 0, 8, EXACT, NULL),
	F(BRPs, 8, 8, EXACT, WHY_BREAKPOINTS),
	F(WRPs, 16, 8, LOWER, WHY_UNDEF("the highest watchpoints")),
	F(CTX_CMPs, 24, 8, EXACT, WHY_BREAKPOINTS),
	L(SPMU, 32), L(PMICNTR, 36), L(ABLE, 40), L(ITE, 44), L(EBEP, 48),
	XW(DPFZS, 52, "it changes when the cycle counter freezes"),
	F(ABL_CMPs, 56, 8, LOWER, NULL),
#undef ID
#define ID KA_SYS(3, 0, 0, 5, 2)		/* ID_AA64DFR2_EL1 */
	L(STEP, 0), L(BWE, 4), L(SPE_EXC, 16), L(SPE_nVM, 20), L(TRBE_EXC, 24),
#undef ID
#define ID KA_SYS(3, 0, 0, 5, 4)		/* ID_AA64AFR0_EL1 */
	XW(IMPDEF0, 0, WHY_IMPDEF), XW(IMPDEF1, 4, WHY_IMPDEF),
	XW(IMPDEF2, 8, WHY_IMPDEF), XW(IMPDEF3, 12, WHY_IMPDEF),
	XW(IMPDEF4, 16, WHY_IMPDEF), XW(IMPDEF5, 20, WHY_IMPDEF),
	XW(IMPDEF6, 24, WHY_IMPDEF), XW(IMPDEF7, 28, WHY_IMPDEF),
#undef ID
/* ID_AA64AFR1_EL1 has no field. */
#define ID KA_SYS(3, 0, 0, 6, 0)		/* ID_AA64ISAR0_EL1 */
	LW(AES, 4, WHY_UNDEF("AES or PMULL")),
	LW(SHA1, 8, WHY_UNDEF("SHA1")),
	LW(SHA2, 12, WHY_UNDEF("SHA256 or SHA512")),
	LW(CRC32, 16, WHY_UNDEF("CRC32")),
	LW(Atomic, 20, WHY_UNDEF("LSE atomics")),
	LW(TME, 24, WHY_UNDEF("transactional memory")),
	LW(RDM, 28, WHY_UNDEF("SQRDMLAH")),
	LW(SHA3, 32, WHY_UNDEF("SHA3")),
	LW(SM3, 36, WHY_UNDEF("SM3")),
	LW(SM4, 40, WHY_UNDEF("SM4")),
	LW(DP, 44, WHY_UNDEF("dot products")),
	LW(FHM, 48, WHY_UNDEF("FMLAL")),
	LW(TS, 52, WHY_UNDEF("flag manipulation")),
	LW(TLB, 56, WHY_UNDEF("TLBI by range or outer-shareable TLBI")),
	LW(RNDR, 60, WHY_UNDEF("RNDR")),
#undef ID
#define ID KA_SYS(3, 0, 0, 6, 1)		/* ID_AA64ISAR1_EL1 */
	LW(DPB, 0, WHY_UNDEF("DC CVAP")),
	XW(APA, 4, WHY_PAUTH),
	XW(API, 8, WHY_PAUTH),
	LW(JSCVT, 12, WHY_UNDEF("FJCVTZS")),
	LW(FCMA, 16, WHY_UNDEF("complex arithmetic")),
	LW(LRCPC, 20, WHY_UNDEF("LDAPR")),
	XW(GPA, 24, WHY_PAUTH),
	XW(GPI, 28, WHY_PAUTH),
	LW(FRINTTS, 32, WHY_UNDEF("FRINT32 or FRINT64")),
	LW(SB, 36, WHY_UNDEF("the speculation barrier SB")),
	LW(SPECRES, 40, WHY_UNDEF("prediction restriction")),
	LW(BF16, 44, WHY_UNDEF("BFloat16")),
	L(DGH, 48),
	LW(I8MM, 52, WHY_UNDEF("Int8 matrices")),
	LW(XS, 56, WHY_UNDEF("the nXS barriers and TLBI")),
	LW(LS64, 60, WHY_UNDEF("64-byte loads and stores")),
#undef ID
#define ID KA_SYS(3, 0, 0, 6, 2)		/* ID_AA64ISAR2_EL1 */
	LW(WFxT, 0, WHY_UNDEF("WFE or WFI with timeout")),
	L(RPRES, 4),
	XW(GPA3, 8, WHY_PAUTH),
	XW(APA3, 12, WHY_PAUTH),
	LW(MOPS, 16, WHY_UNDEF("memory copy instructions")),
	LW(BC, 20, WHY_UNDEF("BC.cond")),
	XW(PAC_frac, 24, WHY_PAUTH),	/* it moves the signature's bits */
	LW(CLRBHB, 28, WHY_MITIGATION),
	L(SYSREG_128, 32), L(SYSINSTR_128, 36), L(PRFMSLC, 40), L(PCDPHINT, 44),
	L(RPRFM, 48),
	LW(CSSC, 52, WHY_UNDEF("common short sequences")),
	LW(LUT, 56, WHY_UNDEF("lookup tables")),
	L(ATS1A, 60),
#undef ID
#define ID KA_SYS(3, 0, 0, 6, 3)		/* ID_AA64ISAR3_EL1 */
	LW(CPA, 0, WHY_UNDEF("checked pointer arithmetic")),
	LW(FAMINMAX, 4, WHY_UNDEF("FAMIN or FAMAX")),
	L(TLBIW, 8), L(PACM, 12), L(LSFE, 16), L(OCCMO, 20), L(LSUI, 24),
	L(FPRCVT, 28),
#undef ID
#define ID KA_SYS(3, 0, 0, 7, 0)		/* ID_AA64MMFR0_EL1 */
	LW(PARange, 0, "the guest may use physical addresses beyond the limit"),
	LW(ASIDBits, 4, "address spaces of the guest would share TLB entries"),
	LW(BigEnd, 8, "a big-endian guest could not run"),
	L(SNSMem, 12),
	LW(BigEndEL0, 16, "big-endian programs could not run"),
	LW(TGran16, 20, WHY_GRANULE("16 KiB")),
	SW(TGran64, 24, WHY_GRANULE("64 KiB")),		/* 0xf: none */
	SW(TGran4, 28, WHY_GRANULE("4 KiB")),
	/* 0 means "as stage 1", 1 means "none": no order. */
	X(TGran16_2, 32), X(TGran64_2, 36), X(TGran4_2, 40),
	L(ExS, 44),
	LW(FGT, 56, WHY_SYSREG("fine-grained traps")),
	LW(ECV, 60, WHY_SYSREG("self-synchronised counters")),
#undef ID
#define ID KA_SYS(3, 0, 0, 7, 1)		/* ID_AA64MMFR1_EL1 */
	LW(HAFDBS, 0, "the guest leaves access and dirty flags to hardware"),
	L(VMIDBits, 4),
	LW(VH, 8, "a guest hypervisor relies on VHE"),
	LW(HPDS, 12, "the guest uses the hierarchical attribute bits itself"),
	LW(LO, 16, WHY_SYSREG("limited ordering regions")),
	LW(PAN, 20, WHY_UNDEF("PSTATE.PAN")),
	F(SpecSEI, 24, 4, HIGHER, "SErrors on speculative reads would surprise"),
	L(XNX, 28), L(TWED, 32),
	LW(ETS, 36, "the guest leaves out barriers before translations"),
	L(HCX, 40),
	LW(AFP, 44, "FPCR bits that the guest sets would have no effect"),
	LW(nTLBPA, 48, "the guest relies on walks not being cached by address"),
	LW(TIDCP1, 52, "EL0 accesses that the guest traps would go through"),
	L(CMOW, 56),
	LW(ECBHB, 60, WHY_MITIGATION),
#undef ID
#define ID KA_SYS(3, 0, 0, 7, 2)		/* ID_AA64MMFR2_EL1 */
	LW(CnP, 0, "the guest marks translations as common to all CPUs"),
	LW(UAO, 4, WHY_UNDEF("PSTATE.UAO")),
	L(LSM, 8),
	LW(IESB, 12, "the guest relies on implicit error barriers"),
	LW(VARange, 16, "a guest with 52-bit addresses could not translate"),
	/*
	 * The format of CCSIDR_EL1, whose values travel with the VM. Linux takes
	 * the lower value for all of its CPUs, but a guest decodes by this one.
	 */
	XW(CCIDX, 20, "the guest would decode CCSIDR_EL1 in the wrong format"),
	F(NV, 24, 4, IGNORE, WHY_NV),
	L(ST, 28),
	LW(AT, 32, "the guest relies on unaligned accesses being atomic"),
	LW(IDS, 36, "traps of ID registers would report another class"),
	L(FWB, 40), L(TTL, 48),
	LW(BBM, 52, "the guest replaces live translations without a break"),
	L(EVT, 56),
	LW(E0PD, 60, WHY_MITIGATION),
#undef ID
#define ID KA_SYS(3, 0, 0, 7, 3)		/* ID_AA64MMFR3_EL1 */
	LW(TCRX, 0, WHY_SYSREG("TCR2_EL1")),
	LW(SCTLRX, 4, WHY_SYSREG("SCTLR2_EL1")),
	LW(S1PIE, 8, "the guest's page tables hold indirect permissions"),
	L(S2PIE, 12),
	LW(S1POE, 16, "the guest's protection keys would have no effect"),
	L(S2POE, 20), L(AIE, 24), L(MEC, 28),
	LW(D128, 32, "the guest's page tables have 128-bit descriptors"),
	L(D128_2, 36), L(SNERR, 40), L(ANERR, 44), L(SDERR, 52), L(ADERR, 56),
	L(Spec_FPACC, 60),
#undef ID
#define ID KA_SYS(3, 0, 0, 7, 4)		/* ID_AA64MMFR4_EL1 */
	L(PoPS, 0), L(EIESB, 4), L(ASID2, 8), L(HACDBS, 12), L(FGWTE3, 16),
	/* As MMFR2.NV is 0 where it counts, 1 is more than 0: FEAT_NV2 is there. */
	LW(NV_frac, 20, "a guest hypervisor that nests further could not run"),
	SW(E2H0, 24, "a guest hypervisor runs with HCR_EL2.E2H clear"),
	L(RMEGDI, 28), L(E3DSE, 36), L(SRMASK, 44),
#undef ID
/* ACTLR_EL1 and on are state, not features. */
#define ID KA_SYS(3, 1, 0, 0, 1)		/* CLIDR_EL1 */
	F(Ctype1, 0, 3, IGNORE, WHY_CACHE), F(Ctype2, 3, 3, IGNORE, WHY_CACHE),
	F(Ctype3, 6, 3, IGNORE, WHY_CACHE), F(Ctype4, 9, 3, IGNORE, WHY_CACHE),
	F(Ctype5, 12, 3, IGNORE, WHY_CACHE), F(Ctype6, 15, 3, IGNORE, WHY_CACHE),
	F(Ctype7, 18, 3, IGNORE, WHY_CACHE), F(LoUIS, 21, 3, IGNORE, WHY_CACHE),
	F(LoC, 24, 3, IGNORE, WHY_CACHE), F(LoUU, 27, 3, IGNORE, WHY_CACHE),
	F(ICB, 30, 3, IGNORE, WHY_CACHE), F(Ttypen, 33, 14, IGNORE, WHY_CACHE),
#undef ID
#define ID KA_SYS(3, 1, 0, 0, 7)		/* AIDR_EL1 */
	F(IMPDEF, 0, 64, EXACT, WHY_IDENTITY),
#undef ID
/*
 * The line sizes are of the smallest line that maintenance must step by, so a
 * guest that was shown less is safe; the granules are the largest extent that
 * a write may touch, so a guest that was shown more is.
 */
#define ID KA_SYS(3, 3, 0, 0, 1)		/* CTR_EL0 */
	F(IminLine, 0, 4, LOWER, WHY_LINE),
	/* see l1ip_fits() */
	F(L1Ip, 14, 2, LOWER, "an aliasing instruction cache needs more upkeep"),
	F(DminLine, 16, 4, LOWER, WHY_LINE),
	/* 0: not told, see granule_fits() */
	F(ERG, 20, 4, HIGHER, "exclusives close to each other might never end"),
	F(CWG, 24, 4, HIGHER, "DMA buffers that share a granule would corrupt"),
	F(IDC, 28, 1, LOWER, "the guest would execute stale instructions"),
	F(DIC, 29, 1, LOWER, "the guest would execute stale instructions"),
	F(TminLine, 32, 6, LOWER, WHY_LINE),
#undef ID
/* Pseudo registers: what KVM itself offers as firmware and hypervisor. */
#define ID KA_PSCI_VERSION
	/* major in 31:16, minor in 15:0: one number, 0.2 is less than 1.0 */
	F(version, 0, 32, LOWER, WHY_HYPERCALL("a newer PSCI function")),
#undef ID
#define ID KA_FW(1)		/* 0 none, 1 there, 2 not needed */
	F(level, 0, 4, LOWER, WHY_MITIGATION),
#undef ID
#define ID KA_FW(2)		/* see ssbd_level() */
	F(level, 0, 4, LOWER, WHY_MITIGATION),
	F(enabled, 4, 1, IGNORE, "KVM does not store it"),
#undef ID
#define ID KA_FW(3)		/* as KA_FW(1) */
	F(level, 0, 4, LOWER, WHY_MITIGATION),
#undef ID
#define ID KA_BMAP(0)
	F(TRNG_V1_0, 0, 1, LOWER, WHY_HYPERCALL("the entropy source")),
#undef ID
#define ID KA_BMAP(1)
	F(PV_TIME, 0, 1, LOWER, WHY_HYPERCALL("for its stolen time")),
#undef ID
#define ID KA_BMAP(2)
	F(FUNC_FEAT, 0, 1, LOWER, WHY_HYPERCALL("for KVM's features")),
	F(PTP, 1, 1, LOWER, WHY_HYPERCALL("for the host's clock")),
#undef ID
#define ID KA_BMAP(3)
	F(DISCOVER_IMPL_VER, 0, 1, LOWER, WHY_HYPERCALL("for CPU models")),
	F(DISCOVER_IMPL_CPUS, 1, 1, LOWER, WHY_HYPERCALL("for CPU models")),
#undef ID
/* What the VM was made with: compared by config.c, as a whole. */
#define ID KA_VM_ASYM
	F(SMCCC, 0, 1, EXACT, NULL),
#undef ID
#define ID KA_VM_CAPS
	F(NISV_TO_USER, 0, 1, EXACT, NULL),
	F(MTE, 1, 1, EXACT, NULL),
	F(SYSTEM_SUSPEND, 2, 1, EXACT, NULL),
	F(COUNTER_OFFSET, 3, 1, EXACT, NULL),
#undef ID
};
/* clang-format on */

/* The first row of that id, or ARRAY_SIZE(fields). */
static size_t first_row(uint64_t id)
{
	size_t lo = 0, hi = ARRAY_SIZE(fields);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (fields[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct id_field *id_field_at(uint64_t id, size_t i)
{
	size_t first = first_row(id);

	if (i >= ARRAY_SIZE(fields) - first || fields[first + i].id != id)
		return NULL;
	return &fields[first + i];
}

static int64_t sign_extend(uint64_t value, unsigned int width)
{
	uint64_t sign = 1ULL << (width - 1);

	return (int64_t)((value ^ sign) - sign);
}

/*
 * 0xf says that the PMU is not Arm's. KVM never offered that one to a guest:
 * old kernels showed it by mistake, newer ones take it and store 0 instead.
 */
static uint64_t pmu_version(uint64_t value)
{
	return value == 0xf ? 0 : value;
}

/*
 * KVM narrows SMCCC_ARCH_WORKAROUND_2's four levels to two: 0 and 1 leave the
 * guest exposed, 2 and 3 do not.
 */
static uint64_t ssbd_level(uint64_t value)
{
	return value >= 2;
}

/* 0 does not tell; the guest then took the largest, the host may have it. */
static bool granule_fits(uint64_t saved, uint64_t host)
{
	return !saved || (host && host <= saved);
}

/*
 * 2 is VIPT, 3 is PIPT, which does without upkeep for aliases and so suits
 * every guest. 0 and 1 are reserved: what they stood for has no order.
 */
static bool l1ip_fits(uint64_t saved, uint64_t host)
{
	return saved == host || host == 3;
}

static bool lower_fits(const struct id_field *f, uint64_t saved, uint64_t host)
{
	switch (f->id) {
	case KA_SYS(3, 0, 0, 5, 0):	/* ID_AA64DFR0_EL1.PMUVer */
		if (f->field.lsb == 8)
			return pmu_version(saved) <= pmu_version(host);
		break;
	case KA_SYS(3, 0, 0, 1, 2):	/* ID_DFR0_EL1.PerfMon */
		if (f->field.lsb == 24)
			return pmu_version(saved) <= pmu_version(host);
		break;
	case KA_SYS(3, 3, 0, 0, 1):	/* CTR_EL0.L1Ip */
		if (f->field.lsb == 14)
			return l1ip_fits(saved, host);
		break;
	case KA_FW(2):
		return ssbd_level(saved) <= ssbd_level(host);
	}
	return saved <= host;
}

bool id_field_fits(const struct id_field *f, uint64_t saved, uint64_t host)
{
	if (saved == host)
		return true;
	switch (f->rule) {
	case FIELD_LOWER:
		return lower_fits(f, saved, host);
	case FIELD_LOWER_SIGNED:
		return sign_extend(saved, f->field.width) <=
		       sign_extend(host, f->field.width);
	case FIELD_HIGHER:
		if (f->id == KA_SYS(3, 3, 0, 0, 1))	/* CTR_EL0's granules */
			return granule_fits(saved, host);
		return saved >= host;
	case FIELD_EXACT:
		return false;
	case FIELD_IGNORE:
		return true;
	}
	return false;
}
