/* SPDX-License-Identifier: MIT */
/*
 * What register ids are called, and how large their values are.
 *
 * Each class of ids (bits 27:16) encodes its registers in a way of its own.
 * A name is given only to an id that KVM could list: right size, no stray
 * bits. Everything else is named by its number, so that two ids never share
 * a name.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "sysreg_names.h"

#define ID_KNOWN_BITS \
	(KA_REG_ARCH_MASK | KA_REG_SIZE_MASK | KA_REG_CLASS_MASK | 0xffffULL)

/* CORE: offsets in struct kvm_regs, in units of 4 bytes. */
#define CORE_X0		0x00
#define CORE_SP_EL0	0x3e
#define CORE_V0		0x54
#define CORE_FPSR	0xd4
#define CORE_FPCR	0xd5

static const char *const core_names[] = {	/* from CORE_SP_EL0, each u64 */
	"SP_EL0", "PC", "PSTATE", "SP_EL1", "ELR_EL1", "SPSR_EL1",
	"SPSR_ABT", "SPSR_UND", "SPSR_IRQ", "SPSR_FIQ",
};

/* DEMUX: bits 15:8 say what is indexed (0: CCSIDR), 7:0 are the index. */
#define DEMUX_CCSIDR_MASK	0xff00

/* SVE: a register number in bits 9:5 above each base, a slice in 4:0. */
#define SVE_P0		0x400
#define SVE_FFR		0x600
#define SVE_VLS		0xffff

static const char *const fw_names[] = {
	"PSCI_VERSION", "SMCCC_ARCH_WORKAROUND_1", "SMCCC_ARCH_WORKAROUND_2",
	"SMCCC_ARCH_WORKAROUND_3",
};

static const char *const bmap_names[] = {
	"STD_BMAP", "STD_HYP_BMAP", "VENDOR_HYP_BMAP", "VENDOR_HYP_BMAP_2",
};

static const char *const vm_names[] = {	/* VM configuration registers */
	"VM_ASYM", "VM_FEATURES", "VM_CAPS", "VM_COUNTER_OFFSET",
};

size_t onereg_reg_size(uint64_t id)
{
	unsigned int log2 = (id & KA_REG_SIZE_MASK) >> KA_REG_SIZE_SHIFT;
	size_t size = (size_t)1 << log2;

	if ((id & KA_REG_ARCH_MASK) != KA_REG_ARM64)
		return 0;
	return size <= KA_REG_SIZE_MAX ? size : 0;
}

/* The namers return snprintf()'s result, or -1: not one of theirs. */

static int name_plain(const char *const *names, size_t n, uint64_t i,
		      char *buf, size_t size)
{
	return i < n ? snprintf(buf, size, "%s", names[i]) : -1;
}

static int name_core(unsigned int offset, size_t bytes, char *buf, size_t size)
{
	if (bytes == 4 && offset == CORE_FPSR)
		return snprintf(buf, size, "FPSR");
	if (bytes == 4 && offset == CORE_FPCR)
		return snprintf(buf, size, "FPCR");
	if (bytes == 16 && offset >= CORE_V0 && offset < CORE_FPSR &&
	    offset % 4 == 0)
		return snprintf(buf, size, "V%u", (offset - CORE_V0) / 4);
	if (bytes != 8 || offset % 2)
		return -1;
	if (offset < CORE_SP_EL0)
		return snprintf(buf, size, "X%u", (offset - CORE_X0) / 2);
	return name_plain(core_names, ARRAY_SIZE(core_names),
			  (offset - CORE_SP_EL0) / 2, buf, size);
}

static int name_demux(unsigned int low, size_t bytes, char *buf, size_t size)
{
	if (bytes != 4 || low & DEMUX_CCSIDR_MASK)
		return -1;
	return snprintf(buf, size, "CCSIDR demux %u", low);
}

static int compare_low(const void *key, const void *element)
{
	const uint16_t *low = key;
	const struct sysreg_name *name = element;

	return *low - name->low;
}

static int name_sysreg(uint16_t low, size_t bytes, char *buf, size_t size)
{
	const struct sysreg_name *found;

	if (bytes != 8)
		return -1;
	found = bsearch(&low, sysreg_names, ARRAY_SIZE(sysreg_names),
			sizeof(sysreg_names[0]), compare_low);
	if (found)
		return snprintf(buf, size, "%s", found->name);
	/* As assemblers write a register that they have no name for. */
	return snprintf(buf, size, "S%u_%u_C%u_C%u_%u", low >> 14,
			low >> 11 & 7, low >> 7 & 15, low >> 3 & 15, low & 7);
}

static int name_sve(unsigned int low, size_t bytes, char *buf, size_t size)
{
	unsigned int n = low >> 5 & 31, slice = low & 31;

	if (bytes == 64 && low == SVE_VLS)
		return snprintf(buf, size, "SVE_VLS");
	if (bytes == 256 && low < SVE_P0)
		return snprintf(buf, size, "Z%u (slice %u)", n, slice);
	if (bytes == 32 && low >= SVE_P0 && low < SVE_FFR && n < 16)
		return snprintf(buf, size, "P%u (slice %u)", n, slice);
	if (bytes == 32 && low >= SVE_FFR && low < SVE_FFR + 32)
		return snprintf(buf, size, "FFR (slice %u)", slice);
	return -1;
}

static int name_known(uint64_t id, char *buf, size_t size)
{
	size_t bytes = onereg_reg_size(id);
	uint16_t low = id & 0xffff;

	if (!bytes || id & ~ID_KNOWN_BITS)
		return -1;
	switch (id & KA_REG_CLASS_MASK) {
	case KA_REG_CORE:
		return name_core(low, bytes, buf, size);
	case KA_REG_DEMUX:
		return name_demux(low, bytes, buf, size);
	case KA_REG_SYSREG:
		return name_sysreg(low, bytes, buf, size);
	case KA_REG_SVE:
		return name_sve(low, bytes, buf, size);
	case KA_REG_FW:
		return bytes != 8 ? -1 :
		       name_plain(fw_names, ARRAY_SIZE(fw_names), low, buf,
				  size);
	case KA_REG_FW_FEAT_BMAP:
		return bytes != 8 ? -1 :
		       name_plain(bmap_names, ARRAY_SIZE(bmap_names), low, buf,
				  size);
	case KA_REG_VM:
		return bytes != 8 ? -1 :
		       name_plain(vm_names, ARRAY_SIZE(vm_names), low, buf,
				  size);
	default:
		return -1;
	}
}

int onereg_reg_name(uint64_t id, char *buf, size_t size)
{
	int n = name_known(id, buf, size);

	if (n >= 0)
		return n;
	return snprintf(buf, size, "id 0x%016llx", (unsigned long long)id);
}

/* ---- from names to ids ---- */

/* The classes whose registers are numbered, and how many numbers to try. */
static const struct {
	uint64_t id;
	unsigned int n, step;
} numbered[] = {
	{ KA_FW(0), ARRAY_SIZE(fw_names), 1 },
	{ KA_BMAP(0), ARRAY_SIZE(bmap_names), 1 },
	{ KA_VM_REG(0), ARRAY_SIZE(vm_names), 1 },
	{ KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_DEMUX, 256, 1 },
	{ KA_SVE_VLS, 1, 1 },
	{ KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE, CORE_V0, 2 },
	{ KA_REG_ARM64 | KA_REG_SIZE_U128 | KA_REG_CORE | CORE_V0, 128, 4 },
	{ KA_REG_ARM64 | KA_REG_SIZE_U32 | KA_REG_CORE | CORE_FPSR, 2, 1 },
};

static bool is_called(uint64_t id, const char *name)
{
	char text[64];

	return name_known(id, text, sizeof(text)) >= 0 && !strcmp(text, name);
}

static int find_number(const char *name, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(name, &end, 16);
	return errno || *end || !name[2] || !onereg_reg_size(*ret) ? -ENOENT :
								      0;
}

int onereg_reg_find(const char *name, uint64_t *ret_id)
{
	uint64_t id;

	if (!strncmp(name, "0x", 2)) {
		int r = find_number(name, &id);

		if (!r)
			*ret_id = id;
		return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(sysreg_names); i++) {
		if (strcmp(sysreg_names[i].name, name))
			continue;
		*ret_id = KA_SYS(0, 0, 0, 0, 0) | sysreg_names[i].low;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbered); i++)
		for (unsigned int k = 0; k < numbered[i].n;
		     k += numbered[i].step)
			if (is_called(numbered[i].id + k, name)) {
				*ret_id = numbered[i].id + k;
				return 0;
			}
	return -ENOENT;
}

const struct onereg_field *onereg_reg_field(uint64_t id, size_t i)
{
	const struct id_field *f = id_field_at(id, i);

	return f ? &f->field : NULL;
}
