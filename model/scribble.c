// SPDX-License-Identifier: MIT
/* What a busy guest leaves behind: random valid state everywhere. */
#include "private.h"

#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define CORE_PSTATE	(KA_REG_ARM64 | KA_REG_SIZE_U64 | KA_REG_CORE | 0x42)
#define PVTIME_BASE	0x3f000000ULL
#define NR_TRIES	4

/* splitmix64: small, and good enough to reach every bit. */
static uint64_t next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void fill(uint8_t *value, size_t size, uint64_t *seed)
{
	for (size_t i = 0; i < size; i++)
		value[i] = next(seed);
}

/* Fewer features than now, in a few of the fields that may change. */
static void lower_features(struct vcpu *v, uint64_t id, uint64_t *seed)
{
	uint64_t value = 0;

	if (reg_get(v, id, &value))
		return;
	for (unsigned int lsb = 0; lsb < 64; lsb += 4) {
		uint64_t field = value >> lsb & 0xf, less;

		if (!field || next(seed) % 3)
			continue;
		less = (value & ~(0xfULL << lsb)) |
		       (field - 1 - next(seed) % field) << lsb;
		/* What a rule refuses stays as it is. */
		if (!reg_set(v, id, &less))
			value = less;
	}
}

static void random_word(struct vcpu *v, uint64_t id, uint64_t *seed)
{
	uint64_t now = reg_u64(v, id), value;

	for (unsigned int i = 0; i < NR_TRIES; i++) {
		value = next(seed);
		if (id == CORE_PSTATE)
			value = (value & 0xf00003c0ULL) | 5;
		if (!reg_set(v, id, &value))
			return;
		/* Perhaps only some bits are free. */
		value = now ^ (1ULL << next(seed) % 32);
		if (!reg_set(v, id, &value))
			return;
	}
}

static void scribble_reg(struct vcpu *v, uint64_t id, uint64_t *seed)
{
	uint8_t value[KA_REG_SIZE_MAX];
	uint64_t cls = id & KA_REG_CLASS_MASK;

	if (id == MPIDR || id == KA_TIMER_CNT || id == KA_PTIMER_CNT ||
	    !reg_visible(v->vm, id) || reg_is_vm_wide(v->vm, id))
		return;
	/* Only the SET of a pair: the other would take bits away again. */
	if (cls == KA_REG_SYSREG && reg_canonical(id) != id)
		return;
	if (cls == KA_REG_FW_FEAT_BMAP) {
		lower_features(v, id, seed);
		return;
	}
	if (onereg_reg_size(id) <= 8) {
		random_word(v, id, seed);
		return;
	}
	fill(value, onereg_reg_size(id), seed);
	reg_set(v, id, value);
}

/* What the reset left in a pair must not look like the guest's. */
static void clear_pairs(struct vcpu *v)
{
	const struct regset *set = &v->vm->profile->set;

	for (size_t i = 0; i < set->n; i++)
		if (reg_canonical(set->ids[i]) != set->ids[i])
			reg_put_u64(v, set->ids[i], 0);
}

static void scribble_vcpu(struct vcpu *v, uint64_t *seed)
{
	static const uint32_t states[] = {
		KA_MP_STATE_RUNNABLE, KA_MP_STATE_STOPPED,
		KA_MP_STATE_SUSPENDED,
	};
	const struct regset *set = &v->vm->profile->set;

	clear_pairs(v);
	for (size_t i = 0; i < set->n; i++)
		scribble_reg(v, set->ids[i], seed);
	v->serror_pending = next(seed) & 1;
	v->vsesr = v->serror_pending ? next(seed) & 0x1ffffff : 0;
	vcpu_set_mp_state(v, states[next(seed) % ARRAY_SIZE(states)]);
	if (onereg_host_cap(v->vm->m->host, KA_CAP_STEAL_TIME) > 0 &&
	    v->pvtime == ADDR_UNDEF)
		v->pvtime = PVTIME_BASE + v->k.vcpu_id * 64;
}

static void scribble_irq(struct irq *irq, unsigned int intid, uint64_t *seed)
{
	uint64_t r = next(seed);

	irq->group = r & 1;
	irq->enabled = r & 2;
	irq->pending = r & 4;
	irq->active = r & 8;
	irq->priority = r >> 8 & 0xf8;
	if (intid >= NR_PRIVATE_IRQS) {
		irq->edge = r & 16;
		irq->mpidr = r >> 16 & 0xf;
	}
	if (intid >= NR_SGIS)
		irq->level = !irq->edge && (r & 32);
}

static void scribble_gic_cpu(struct gic_cpu *gic, uint64_t *seed)
{
	uint64_t r = next(seed);

	for (unsigned int i = 0; i < NR_PRIVATE_IRQS; i++)
		scribble_irq(&gic->irqs[i], i, seed);
	gic->cbpr = r & 1;
	gic->eoim = r & 2;
	gic->grpen0 = r & 4;
	gic->grpen1 = r & 8;
	gic->pmr = r >> 8 & 0xf8;
	gic->bpr = r >> 16 & 7;
	gic->abpr = r >> 24 & 7;
	/* With more priority bits there are more of these. */
	gic->ap0r[0] = next(seed);
	gic->ap1r[0] = next(seed);
}

static void scribble_gic(struct vm *vm, uint64_t *seed)
{
	struct gic *gic = &vm->gic;

	if (!gic->initialized)
		return;
	gic->enabled = next(seed) & 1;
	for (unsigned int i = 0; i < gic->nr_spis; i++)
		scribble_irq(&gic->spis[i], i + NR_PRIVATE_IRQS, seed);
	for (size_t i = 0; i < vm->n_vcpus; i++)
		scribble_gic_cpu(&vm->vcpus[i]->gic, seed);
}

static void scribble_vm_wide(struct vm *vm, uint64_t *seed)
{
	const struct regset *set = &vm->profile->set;

	for (size_t i = 0; i < set->n; i++)
		if (reg_is_vm_wide(vm, set->ids[i]))
			lower_features(vm->vcpus[0], set->ids[i], seed);
	vm->kvm.arch.timer_data.voffset -= next(seed) >> 24;
	vm->kvm.arch.timer_data.poffset -= next(seed) >> 24;
}

static int scribble(struct vm *vm, uint64_t seed)
{
	if (!vm->profile || !vm->n_vcpus)
		return -EBADF;
	if (vm_ran(vm))
		return -EBUSY;
	for (size_t i = 0; i < vm->n_vcpus; i++)
		if (!vm->vcpus[i]->k.arch.initialized ||
		    (vcpu_has(vm->vcpus[i], KA_VCPU_SVE) &&
		     !vm->vcpus[i]->finalized))
			return -EPERM;
	scribble_vm_wide(vm, &seed);
	for (size_t i = 0; i < vm->n_vcpus; i++)
		scribble_vcpu(vm->vcpus[i], &seed);
	scribble_gic(vm, &seed);
	set_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &vm->kvm.arch.flags);
	set_bit(KVM_ARCH_FLAG_TIMER_PPIS_IMMUTABLE, &vm->kvm.arch.flags);
	for (size_t i = 0; i < vm->n_vcpus; i++)
		vm->vcpus[i]->ran = true;
	return 0;
}

int model_scribble(struct model *m, int vm_fd, uint64_t seed)
{
	struct file f;
	int ret;

	if (!model_file(m, vm_fd, FILE_VM, &f))
		return -EBADF;
	ret = scribble(f.vm, seed);
	vm_put(f.vm);
	return ret;
}
