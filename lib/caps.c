/* SPDX-License-Identifier: MIT */
/*
 * The capabilities that a description records: those that say what a VM on
 * this host may be made of or what of its state can be moved.
 */
#include <stdio.h>
#include <string.h>

#include "describe.h"

static const struct {
	uint32_t cap;
	const char *name;
} caps[] = {
	{ 0, "KVM_CAP_IRQCHIP" },
	{ 9, "KVM_CAP_NR_VCPUS" },
	{ KA_CAP_MP_STATE, "KVM_CAP_MP_STATE" },
	{ KA_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS" },
	{ KA_CAP_MAX_VCPUS, "KVM_CAP_MAX_VCPUS" },
	{ KA_CAP_ONE_REG, "KVM_CAP_ONE_REG" },
	{ 77, "KVM_CAP_SIGNAL_MSI" },
	{ 81, "KVM_CAP_READONLY_MEM" },
	{ 88, "KVM_CAP_ARM_SET_DEVICE_ADDR" },
	{ 89, "KVM_CAP_DEVICE_CTRL" },
	{ KA_CAP_ARM_EL1_32BIT, "KVM_CAP_ARM_EL1_32BIT" },
	{ 98, "KVM_CAP_ENABLE_CAP_VM" },
	{ 102, "KVM_CAP_ARM_PSCI_0_2" },
	{ 105, "KVM_CAP_CHECK_EXTENSION_VM" },
	{ 119, "KVM_CAP_GUEST_DEBUG_HW_BPS" },
	{ 120, "KVM_CAP_GUEST_DEBUG_HW_WPS" },
	{ KA_CAP_ARM_PMU_V3, "KVM_CAP_ARM_PMU_V3" },
	{ 127, "KVM_CAP_VCPU_ATTRIBUTES" },
	{ 128, "KVM_CAP_MAX_VCPU_ID" },
	{ 131, "KVM_CAP_MSI_DEVID" },
	{ 136, "KVM_CAP_IMMEDIATE_EXIT" },
	{ 144, "KVM_CAP_ARM_USER_IRQ" },
	{ KA_CAP_ARM_INJECT_SERROR_ESR, "KVM_CAP_ARM_INJECT_SERROR_ESR" },
	{ KA_CAP_ARM_VM_IPA_SIZE, "KVM_CAP_ARM_VM_IPA_SIZE" },
	{ 168, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2" },
	{ KA_CAP_ARM_SVE, "KVM_CAP_ARM_SVE" },
	{ KA_CAP_ARM_PTRAUTH_ADDRESS, "KVM_CAP_ARM_PTRAUTH_ADDRESS" },
	{ KA_CAP_ARM_PTRAUTH_GENERIC, "KVM_CAP_ARM_PTRAUTH_GENERIC" },
	{ 174, "KVM_CAP_ARM_IRQ_LINE_LAYOUT_2" },
	{ KA_CAP_ARM_NISV_TO_USER, "KVM_CAP_ARM_NISV_TO_USER" },
	{ KA_CAP_ARM_INJECT_EXT_DABT, "KVM_CAP_ARM_INJECT_EXT_DABT" },
	{ KA_CAP_STEAL_TIME, "KVM_CAP_STEAL_TIME" },
	{ 192, "KVM_CAP_DIRTY_LOG_RING" },
	{ 198, "KVM_CAP_PTP_KVM" },
	{ KA_CAP_ARM_MTE, "KVM_CAP_ARM_MTE" },
	{ 215, "KVM_CAP_SYSTEM_EVENT_DATA" },
	{ KA_CAP_ARM_SYSTEM_SUSPEND, "KVM_CAP_ARM_SYSTEM_SUSPEND" },
	{ 223, "KVM_CAP_DIRTY_LOG_RING_ACQ_REL" },
	{ KA_CAP_COUNTER_OFFSET, "KVM_CAP_COUNTER_OFFSET" },
	{ 228, "KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE" },
	{ 229, "KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES" },
	{ KA_CAP_ARM_SUPPORTED_REG_MASK_RANGES,
	  "KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES" },
	{ 239, "KVM_CAP_ARM_WRITABLE_IMP_ID_REGS" },
	{ 240, "KVM_CAP_ARM_EL2" },
	{ 241, "KVM_CAP_ARM_EL2_E2H0" },
	{ KA_CAP_VM_ONE_REG, "KVM_CAP_VM_ONE_REG" },
	{ KA_CAP_ARM_REG_SCOPE, "KVM_CAP_ARM_REG_SCOPE" },
};

bool cap_at(size_t i, uint32_t *ret)
{
	if (i >= ARRAY_SIZE(caps))
		return false;
	*ret = caps[i].cap;
	return true;
}

const char *onereg_cap_name(uint32_t cap)
{
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		if (caps[i].cap == cap)
			return caps[i].name;
	return NULL;
}

const char *cap_text(uint32_t cap, char *buf, size_t size)
{
	const char *name = onereg_cap_name(cap);

	if (name)
		return name;
	snprintf(buf, size, "capability %u", cap);
	return buf;
}

static const char *const feature_names[] = {
	[KA_VCPU_POWER_OFF] = "POWER_OFF",
	[KA_VCPU_EL1_32BIT] = "EL1_32BIT",
	[KA_VCPU_PSCI_0_2] = "PSCI_0_2",
	[KA_VCPU_PMU_V3] = "PMU_V3",
	[KA_VCPU_SVE] = "SVE",
	[KA_VCPU_PTRAUTH_ADDRESS] = "PTRAUTH_ADDRESS",
	[KA_VCPU_PTRAUTH_GENERIC] = "PTRAUTH_GENERIC",
	[KA_VCPU_HAS_EL2] = "HAS_EL2",
};

int features_text(uint32_t features, char *buf, size_t size)
{
	size_t n = 0;

	if (!features)
		return snprintf(buf, size, "none");
	for (unsigned int bit = 0; bit < 32; bit++) {
		size_t at = n < size ? n : size;
		const char *sep = n ? ", " : "";

		if (!(features >> bit & 1))
			continue;
		if (bit < ARRAY_SIZE(feature_names))
			n += (size_t)snprintf(buf + at, size - at, "%s%s", sep,
					      feature_names[bit]);
		else
			n += (size_t)snprintf(buf + at, size - at, "%sbit %u",
					      sep, bit);
	}
	return (int)n;
}
