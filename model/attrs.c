// SPDX-License-Identifier: MIT
/* vCPU attributes: PMU, timer interrupts, stolen time. */
#include "private.h"

static bool is_ppi(uint32_t irq)
{
	return irq >= NR_SGIS && irq < NR_PRIVATE_IRQS;
}

static bool is_spi(uint32_t irq)
{
	return irq >= NR_PRIVATE_IRQS && irq <= 1019;
}

/* One PPI for all vCPUs, or an SPI for each. */
static bool pmu_irq_fits(const struct vm *vm, int irq)
{
	for (size_t i = 0; i < vm_n_vcpus(vm); i++) {
		int other = vm->vcpus[i]->pmu_irq;

		if (other && (is_ppi(irq) ? other != irq : other == irq))
			return false;
	}
	return true;
}

static int set_pmu_irq(struct vcpu *v, const struct ka_device_attr *attr)
{
	int irq;

	if (!v->vm->gic.created)
		return -EINVAL;
	if (get_user(irq, (int __user *)u64_to_user_ptr(attr->addr)))
		return -EFAULT;
	if (!(is_ppi(irq) || is_spi(irq)) || !pmu_irq_fits(v->vm, irq))
		return -EINVAL;
	if (v->pmu_irq)
		return -EBUSY;
	v->pmu_irq = irq;
	return 0;
}

static int init_pmu(struct vcpu *v)
{
	if (v->vm->gic.created && !v->vm->gic.initialized)
		return -ENODEV;
	if (v->vm->gic.created && !v->pmu_irq)
		return -ENXIO;
	v->pmu_created = true;
	return 0;
}

static int set_pmu(struct vcpu *v, const struct ka_device_attr *attr)
{
	if (!vcpu_has(v, KA_VCPU_PMU_V3))
		return -ENODEV;
	if (v->pmu_created)
		return -EBUSY;
	switch (attr->attr) {
	case KA_VCPU_PMU_V3_IRQ:
		return set_pmu_irq(v, attr);
	case KA_VCPU_PMU_V3_INIT:
		return init_pmu(v);
	}
	return -ENXIO;
}

static int get_pmu(struct vcpu *v, const struct ka_device_attr *attr)
{
	if (attr->attr != KA_VCPU_PMU_V3_IRQ)
		return -ENXIO;
	if (!v->vm->gic.created)
		return -EINVAL;
	if (!vcpu_has(v, KA_VCPU_PMU_V3))
		return -ENODEV;
	if (!v->pmu_irq)
		return -ENXIO;
	return put_user(v->pmu_irq, (int __user *)u64_to_user_ptr(attr->addr));
}

static int pmu_attr(struct vcpu *v, unsigned long request,
		    const struct ka_device_attr *attr)
{
	if (request == KA_SET_DEVICE_ATTR)
		return set_pmu(v, attr);
	if (request == KA_GET_DEVICE_ATTR)
		return get_pmu(v, attr);
	return vcpu_has(v, KA_VCPU_PMU_V3) &&
	       attr->attr <= KA_VCPU_PMU_V3_INIT ? 0 : -ENXIO;
}

static int timer_index(const struct ka_device_attr *attr)
{
	switch (attr->attr) {
	case KA_VCPU_TIMER_IRQ_VTIMER:
		return TIMER_VTIMER;
	case KA_VCPU_TIMER_IRQ_PTIMER:
		return TIMER_PTIMER;
	}
	return -ENXIO;
}

static int set_timer(struct vm *vm, const struct ka_device_attr *attr)
{
	int i = timer_index(attr), irq;

	if (!vm->gic.created)
		return -EINVAL;
	if (get_user(irq, (int __user *)u64_to_user_ptr(attr->addr)))
		return -EFAULT;
	if (!is_ppi(irq))
		return -EINVAL;
	if (test_bit(KVM_ARCH_FLAG_TIMER_PPIS_IMMUTABLE, &vm->kvm.arch.flags))
		return -EBUSY;
	if (i < 0)
		return i;
	vm->kvm.arch.timer_data.ppi[i] = irq;
	return 0;
}

static int timer_attr(struct vcpu *v, unsigned long request,
		      const struct ka_device_attr *attr)
{
	int i = timer_index(attr);

	if (request == KA_SET_DEVICE_ATTR)
		return set_timer(v->vm, attr);
	if (i < 0 || request != KA_GET_DEVICE_ATTR)
		return i < 0 ? i : 0;
	return put_user(v->vm->kvm.arch.timer_data.ppi[i],
			(int __user *)u64_to_user_ptr(attr->addr));
}

static int set_pvtime(struct vcpu *v, uint64_t ipa)
{
	if (ipa & 63)
		return -EINVAL;
	if (v->pvtime != ADDR_UNDEF)
		return -EEXIST;
	if (ipa >> v->vm->ipa_bits)
		return -EINVAL;
	v->pvtime = ipa;
	return 0;
}

static int pvtime_attr(struct vcpu *v, unsigned long request,
		       const struct ka_device_attr *attr)
{
	u64 __user *user = u64_to_user_ptr(attr->addr);
	u64 ipa;

	if (onereg_host_cap(v->vm->m->host, KA_CAP_STEAL_TIME) <= 0 ||
	    attr->attr != KA_VCPU_PVTIME_IPA)
		return -ENXIO;
	if (request == KA_GET_DEVICE_ATTR)
		return put_user(v->pvtime, user);
	if (request != KA_SET_DEVICE_ATTR)
		return 0;
	return get_user(ipa, user) ? -EFAULT : set_pvtime(v, ipa);
}

static int group_attr(struct vcpu *v, unsigned long request,
		      const struct ka_device_attr *attr)
{
	switch (attr->group) {
	case KA_VCPU_PMU_V3_CTRL:
		return pmu_attr(v, request, attr);
	case KA_VCPU_TIMER_CTRL:
		return timer_attr(v, request, attr);
	case KA_VCPU_PVTIME_CTRL:
		return pvtime_attr(v, request, attr);
	}
	return -ENXIO;
}

int vcpu_attr(struct vcpu *v, unsigned long request,
	      const struct ka_device_attr *attr)
{
	int ret;

	mutex_lock(&v->vm->kvm.arch.config_lock);
	ret = group_attr(v, request, attr);
	mutex_unlock(&v->vm->kvm.arch.config_lock);
	return ret;
}
