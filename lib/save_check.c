/* SPDX-License-Identifier: MIT */
/*
 * What must hold for a VM to be saved: that the image has a place for all of
 * it, and that the caller named what KVM cannot be asked for.
 */
#include <errno.h>

#include "save.h"

#define ID_AA64PFR1	KA_SYS(3, 0, 0, 4, 1)
#define PFR1_MTE	8
#define ID_AA64DFR0	KA_SYS(3, 0, 0, 5, 0)
#define DFR0_PMUVER	8

/* What the image has no place for is refused by name. */
static int refuse(const struct save *s, const char *name, const char *why)
{
	report_error(s->report, -EOPNOTSUPP, NULL, name, "%s", why);
	return -EOPNOTSUPP;
}

#define MTE_WHY "allocation tags live in guest memory and are not carried"

int save_refuse_shape(const struct save *s)
{
	const struct onereg_image *image = s->image;
	uint32_t features = image->features[0];

	for (size_t i = 0; i < image->n_caps; i++)
		if (image->caps[i].cap == KA_CAP_ARM_MTE)
			return refuse(s, "KVM_CAP_ARM_MTE", MTE_WHY);
	if (features & 1u << KA_VCPU_EL1_32BIT)
		return refuse(s, "KVM_ARM_VCPU_EL1_32BIT",
			      "AArch32 guests are not carried");
	if (features & 1u << KA_VCPU_HAS_EL2)
		return refuse(s, "KVM_ARM_VCPU_HAS_EL2",
			      "nested guests are not carried");
	return 0;
}

/* A 4-bit field of a VM-wide ID register; 0 where there is none. */
static unsigned int id_field(const struct save *s, uint64_t id,
			     unsigned int lsb)
{
	const struct regset *set = &s->image->vm_set;
	ptrdiff_t i = regset_find(set, id);

	return i < 0 ? 0 :
		       regset_u64(set, s->image->vm_row, (size_t)i) >> lsb & 15;
}

static int not_named(const struct save *s, uint64_t id)
{
	char name[64];

	onereg_reg_name(id, name, sizeof(name));
	report_error(s->report, -EINVAL, "KVM_GET_ONE_REG", name,
		     "the vCPU has it, but the features in struct "
		     "onereg_vm_options do not: give those of "
		     "KVM_ARM_VCPU_INIT");
	return -EINVAL;
}

/*
 * KVM cannot be asked for the features of a vCPU, but what it shows gives them
 * away. A save without one of them would restore as another machine.
 */
int save_check_features(struct save *s)
{
	static const uint32_t told = 1u << KA_VCPU_SVE |
				     1u << KA_VCPU_PTRAUTH_ADDRESS |
				     1u << KA_VCPU_PTRAUTH_GENERIC;
	const struct regset *list = &s->lists[0];
	uint32_t features = s->image->features[0];
	unsigned int pmu = id_field(s, ID_AA64DFR0, DFR0_PMUVER);

	for (size_t i = 0; i < list->n; i++) {
		uint32_t wanted = catalogue_find(list->ids[i])->features;

		/* Old kernels list a PMU that is not there. */
		if ((wanted & told) && !(wanted & features))
			return not_named(s, list->ids[i]);
	}
	if (pmu && pmu != 15 && !(features & 1u << KA_VCPU_PMU_V3))
		return not_named(s, ID_AA64DFR0);
	if (id_field(s, ID_AA64PFR1, PFR1_MTE))
		return refuse(s, "ID_AA64PFR1_EL1.MTE", MTE_WHY);
	return 0;
}

int save_tell_unlisted(struct save *s)
{
	if (regset_find(&s->lists[0], KA_PTIMER_CTL) >= 0)
		return 0;
	report_add(s->report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = -1,
			   .id = KA_PTIMER_CTL,
			   .why = "this kernel does not list the physical "
				  "timer: no VMM can save it here",
			   .todo = "see that the guest uses the virtual timer, "
				   "as Linux does",
		   });
	return 0;
}
