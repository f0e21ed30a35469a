// SPDX-License-Identifier: MIT
/* Two VMs side by side, past ioctls and library. */
#include <stdarg.h>
#include <stdio.h>

#include "its.h"

struct compare {
	char *buf;
	size_t size, used;
	size_t n;
};

static void differ(struct compare *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void differ(struct compare *c, const char *fmt, ...)
{
	va_list ap;
	int n;

	c->n++;
	if (c->used >= c->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(c->buf + c->used, c->size - c->used, fmt, ap);
	va_end(ap);
	c->used += n;
	if (c->used < c->size)
		c->used += snprintf(c->buf + c->used, c->size - c->used, "\n");
}

static void number(struct compare *c, const char *what, int vcpu, uint64_t a,
		   uint64_t b)
{
	if (a != b)
		differ(c, "vCPU %d: %s: %#llx, %#llx", vcpu, what,
		       (unsigned long long)a, (unsigned long long)b);
}

static void reg(struct compare *c, int vcpu, struct vcpu *a, struct vcpu *b,
		uint64_t id)
{
	uint8_t x[KA_REG_SIZE_MAX] = { 0 }, y[KA_REG_SIZE_MAX] = { 0 };
	int rx, ry;
	char name[64];

	/* Counters move on; what a timer stores is compared past ISTATUS. */
	if (id == KA_TIMER_CNT || id == KA_PTIMER_CNT)
		return;
	rx = reg_get(a, id, x);
	ry = reg_get(b, id, y);
	if (id == KA_TIMER_CTL || id == KA_PTIMER_CTL) {
		x[0] &= ~4;
		y[0] &= ~4;
	}
	if (rx == ry && !memcmp(x, y, sizeof(x)))
		return;
	onereg_reg_name(id, name, sizeof(name));
	differ(c, "vCPU %d: %s (%#llx): %d %02x%02x%02x%02x%02x%02x%02x%02x, "
	       "%d %02x%02x%02x%02x%02x%02x%02x%02x", vcpu, name,
	       (unsigned long long)id, rx, x[7], x[6], x[5], x[4], x[3], x[2],
	       x[1], x[0], ry, y[7], y[6], y[5], y[4], y[3], y[2], y[1], y[0]);
}

static void regs(struct compare *c, int vcpu, struct vcpu *a, struct vcpu *b)
{
	const struct regset *set = &a->vm->profile->set;

	number(c, "initialized", vcpu, a->k.arch.initialized,
	       b->k.arch.initialized);
	number(c, "finalized", vcpu, a->finalized, b->finalized);
	if (!a->k.arch.initialized || !b->k.arch.initialized)
		return;
	for (size_t i = 0; i < set->n; i++)
		if (reg_visible(a->vm, set->ids[i]))
			reg(c, vcpu, a, b, set->ids[i]);
}

static void irqs(struct compare *c, int vcpu, const struct irq *a,
		 const struct irq *b, unsigned int first, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct irq *x = &a[i], *y = &b[i];

		/* The line of an edge-triggered interrupt has no effect. */
		if (x->group == y->group && x->enabled == y->enabled &&
		    x->pending == y->pending && x->active == y->active &&
		    x->edge == y->edge &&
		    (x->edge || x->level == y->level) &&
		    x->priority == y->priority && x->mpidr == y->mpidr)
			continue;
		differ(c, "vCPU %d: interrupt %u: group %d/%d enabled %d/%d "
		       "pending %d/%d active %d/%d edge %d/%d level %d/%d "
		       "priority %#x/%#x route %#x/%#x", vcpu, first + i,
		       x->group, y->group, x->enabled, y->enabled, x->pending,
		       y->pending, x->active, y->active, x->edge, y->edge,
		       x->level, y->level, x->priority, y->priority, x->mpidr,
		       y->mpidr);
	}
}

static void gic_cpu(struct compare *c, int i, const struct gic_cpu *a,
		    const struct gic_cpu *b)
{
	irqs(c, i, a->irqs, b->irqs, 0, NR_PRIVATE_IRQS);
	number(c, "ICC_CTLR.CBPR", i, a->cbpr, b->cbpr);
	number(c, "ICC_CTLR.EOImode", i, a->eoim, b->eoim);
	number(c, "ICC_CTLR.PRIbits", i, a->pri_bits, b->pri_bits);
	number(c, "ICC_CTLR.IDbits", i, a->id_bits, b->id_bits);
	number(c, "ICC_IGRPEN0", i, a->grpen0, b->grpen0);
	number(c, "ICC_IGRPEN1", i, a->grpen1, b->grpen1);
	number(c, "ICC_PMR", i, a->pmr, b->pmr);
	number(c, "ICC_BPR0", i, a->bpr, b->bpr);
	/* Hidden behind BPR0 while CBPR is set. */
	if (!a->cbpr)
		number(c, "ICC_BPR1", i, a->abpr, b->abpr);
	/* PTZ cannot be read back. */
	number(c, "GICR_PENDBASER", i, a->pendbaser & ~(1ULL << 62),
	       b->pendbaser & ~(1ULL << 62));
	number(c, "GICR_CTLR.EnableLPIs", i, a->lpis, b->lpis);
	for (unsigned int j = 0; j < ARRAY_SIZE(a->ap0r); j++) {
		number(c, "ICC_AP0R", i, a->ap0r[j], b->ap0r[j]);
		number(c, "ICC_AP1R", i, a->ap1r[j], b->ap1r[j]);
	}
}

static void vcpu(struct compare *c, int i, struct vcpu *a, struct vcpu *b)
{
	number(c, "id", i, a->k.vcpu_id, b->k.vcpu_id);
	regs(c, i, a, b);
	number(c, "SError pending", i, a->serror_pending, b->serror_pending);
	if (a->serror_pending && b->serror_pending)
		number(c, "SError syndrome", i, a->vsesr, b->vsesr);
	number(c, "injected aborts", i, a->dabts, b->dabts);
	number(c, "MP state", i, a->mp_state, b->mp_state);
	number(c, "PMU interrupt", i, a->pmu_irq, b->pmu_irq);
	number(c, "PMU created", i, a->pmu_created, b->pmu_created);
	number(c, "stolen time", i, a->pvtime, b->pvtime);
	if (a->vm->gic.initialized && b->vm->gic.initialized)
		gic_cpu(c, i, &a->gic, &b->gic);
}

static void gic(struct compare *c, const struct gic *a, const struct gic *b)
{
	number(c, "GIC created", -1, a->created, b->created);
	number(c, "GIC initialized", -1, a->initialized, b->initialized);
	number(c, "GIC interrupts", -1, a->nr_spis, b->nr_spis);
	if (!a->initialized || !b->initialized || a->nr_spis != b->nr_spis)
		return;
	number(c, "GICD_CTLR", -1, a->enabled, b->enabled);
	number(c, "GICD_IIDR", -1, a->revision, b->revision);
	number(c, "GICR_PROPBASER", -1, a->propbaser, b->propbaser);
	irqs(c, -1, a->spis, b->spis, NR_PRIVATE_IRQS, a->nr_spis);
}

/* ---- LPIs and ITSes ---- */

static int target_id(const struct vcpu *v)
{
	return v ? v->k.vcpu_id : -1;
}

/* One that nothing is mapped to is not pending, as the architecture has it. */
static bool is_mapped(const struct lpi *lpi)
{
	return lpi && lpi->refs > (lpi->queued != NULL);
}

static void lpis(struct compare *c, struct vm *a, struct vm *b)
{
	for (size_t i = 0; i < a->gic.n_lpis; i++) {
		const struct lpi *x = a->gic.lpis[i];
		const struct lpi *y = lpi_find(b, x->intid);

		if (!is_mapped(x))
			continue;
		if (!is_mapped(y))
			differ(c, "LPI %u: not in the second", x->intid);
		else if (x->enabled != y->enabled ||
			 x->pending != y->pending ||
			 x->priority != y->priority ||
			 target_id(x->target) != target_id(y->target))
			differ(c, "LPI %u: enabled %d/%d pending %d/%d "
			       "priority %#x/%#x vCPU %d/%d", x->intid,
			       x->enabled, y->enabled, x->pending, y->pending,
			       x->priority, y->priority, target_id(x->target),
			       target_id(y->target));
	}
	for (size_t i = 0; i < b->gic.n_lpis; i++) {
		const struct lpi *y = b->gic.lpis[i];

		if (is_mapped(y) && !is_mapped(lpi_find(a, y->intid)))
			differ(c, "LPI %u: not in the first", y->intid);
	}
}

static void events(struct compare *c, const struct its_device *a,
		   struct its *other)
{
	for (size_t i = 0; i < a->n_events; i++) {
		const struct its_event *x = &a->events[i];
		const struct its_event *y = its_event(other, a->id, x->id);

		if (!y || x->icid != y->icid ||
		    x->lpi->intid != y->lpi->intid)
			differ(c, "DeviceID %#x EventID %#x: LPI %u/%u "
			       "ICID %d/%d", a->id, x->id, x->lpi->intid,
			       y ? y->lpi->intid : 0, x->icid,
			       y ? y->icid : NO_COLLECTION);
	}
}

static void devices(struct compare *c, struct its *a, struct its *b)
{
	number(c, "ITS devices", -1, a->n_devices, b->n_devices);
	for (size_t i = 0; i < a->n_devices; i++) {
		const struct its_device *x = &a->devices[i];
		const struct its_device *y = its_device(b, x->id);

		if (!y || x->itt != y->itt || x->event_bits != y->event_bits ||
		    x->n_events != y->n_events)
			differ(c, "DeviceID %#x: other ITT or events", x->id);
		events(c, x, b);
	}
}

static void collections(struct compare *c, struct its *a, struct its *b)
{
	number(c, "ITS collections", -1, a->n_collections, b->n_collections);
	for (size_t i = 0; i < a->n_collections; i++) {
		const struct its_collection *x = &a->collections[i];
		const struct its_collection *y = its_collection(b, x->icid);

		if (!y || x->target != y->target)
			differ(c, "ICID %u: vCPU %#x/%#x", x->icid, x->target,
			       y ? y->target : NO_VCPU);
	}
}

static void its(struct compare *c, struct its *a, struct its *b)
{
	number(c, "ITS address", -1, a->base, b->base);
	number(c, "GITS_CTLR.Enabled", -1, a->enabled, b->enabled);
	number(c, "GITS_CBASER", -1, a->cbaser, b->cbaser);
	number(c, "GITS_CREADR", -1, a->creadr, b->creadr);
	number(c, "GITS_CWRITER", -1, a->cwriter, b->cwriter);
	for (int i = 0; i < N_BASERS; i++)
		number(c, "GITS_BASER", -1, a->baser[i], b->baser[i]);
	devices(c, a, b);
	collections(c, a, b);
}

static void itses(struct compare *c, struct vm *a, struct vm *b)
{
	number(c, "ITSes", -1, a->gic.n_its, b->gic.n_its);
	for (size_t i = 0; i < a->gic.n_its && i < b->gic.n_its; i++)
		its(c, a->gic.its[i], b->gic.its[i]);
	lpis(c, a, b);
}

/* Of the VM's flags, those that a capability sets. */
static unsigned long caps(const struct kvm *kvm)
{
	return kvm->arch.flags &
	       (BIT(KVM_ARCH_FLAG_RETURN_NISV_IO_ABORT_TO_USER) |
		BIT(KVM_ARCH_FLAG_MTE_ENABLED) |
		BIT(KVM_ARCH_FLAG_SYSTEM_SUSPEND_ENABLED));
}

static void kvms(struct compare *c, const struct kvm *a, const struct kvm *b)
{
	const struct kvm_arch *x = &a->arch, *y = &b->arch;

	number(c, "features", -1, x->vcpu_features[0], y->vcpu_features[0]);
	number(c, "capabilities", -1, caps(a), caps(b));
	number(c, "PMCR.N", -1, x->pmcr_n, y->pmcr_n);
	number(c, "timer interrupt", -1, x->timer_data.ppi[TIMER_VTIMER],
	       y->timer_data.ppi[TIMER_VTIMER]);
	number(c, "timer interrupt", -1, x->timer_data.ppi[TIMER_PTIMER],
	       y->timer_data.ppi[TIMER_PTIMER]);
}

static void vms(struct compare *c, struct vm *a, struct vm *b)
{
	kvms(c, &a->kvm, &b->kvm);
	number(c, "vCPUs", -1, a->n_vcpus, b->n_vcpus);
	gic(c, &a->gic, &b->gic);
	itses(c, a, b);
	for (size_t i = 0; i < a->n_vcpus && i < b->n_vcpus; i++)
		vcpu(c, i, a->vcpus[i], b->vcpus[i]);
}

size_t model_compare(struct model *a, int vm_fd_a, struct model *b,
		     int vm_fd_b, char *buf, size_t size)
{
	struct compare c = { .buf = buf, .size = size };
	struct file x = { 0 }, y = { 0 };

	if (size)
		buf[0] = '\0';
	if (!model_file(a, vm_fd_a, FILE_VM, &x) ||
	    !model_file(b, vm_fd_b, FILE_VM, &y) || !x.vm->profile ||
	    !y.vm->profile)
		differ(&c, "no such VM, or it has no initialised vCPU");
	else
		vms(&c, x.vm, y.vm);
	vm_put(x.vm);
	vm_put(y.vm);
	return c.n;
}

uint64_t model_counter(struct model *m, int vm_fd, bool physical)
{
	const struct arch_timer_vm_data *data;
	struct file f;
	uint64_t count;

	if (!model_file(m, vm_fd, FILE_VM, &f))
		return 0;
	data = &f.vm->kvm.arch.timer_data;
	count = READ_ONCE(m->now) - (physical ? READ_ONCE(data->poffset) :
						READ_ONCE(data->voffset));
	vm_put(f.vm);
	return count;
}
