// SPDX-License-Identifier: MIT
/* VMs for the behaviours: made, filled, and compared by ioctls only. */
#include <stdlib.h>
#include <string.h>

#include "its.h"
#include "model.h"

#define GIC_DIST	0x08000000ULL
#define GIC_REDIST	0x10000000ULL
#define PMU_PPI		23

static int call(struct guest *g, int fd, unsigned long request, void *arg)
{
	return io_ioctl(g->machine->io, fd, request, arg);
}

static bool create_vcpus(struct test *t, struct guest *g)
{
	size_t n = g->shape.n_vcpus;

	g->vcpu_fds = malloc(n * sizeof(*g->vcpu_fds));
	g->ids = malloc(n * sizeof(*g->ids));
	if (!EXPECT(t, g->vcpu_fds && g->ids, "no memory"))
		return false;
	for (size_t i = 0; i < n; i++)
		g->vcpu_fds[i] = -1;
	for (size_t i = 0; i < n; i++) {
		g->ids[i] = g->shape.ids ? g->shape.ids[i] : i;
		g->vcpu_fds[i] = call(g, g->vm_fd, KA_CREATE_VCPU,
				      (void *)(uintptr_t)g->ids[i]);
		if (!EXPECT(t, g->vcpu_fds[i] >= 0, "id %u: %d", g->ids[i],
			    g->vcpu_fds[i]))
			return false;
	}
	return true;
}

static bool create_gic(struct test *t, struct guest *g)
{
	struct ka_create_device cd = { .type = KA_DEV_TYPE_ARM_VGIC_V3 };
	struct attr attrs[] = {
		{ KA_VGIC_GRP_ADDR, 8, KA_VGIC_ADDR_DIST, GIC_DIST },
		{ KA_VGIC_GRP_ADDR, 8, KA_VGIC_ADDR_REDIST, GIC_REDIST },
		{ KA_VGIC_GRP_NR_IRQS, 4, 0, g->shape.nr_irqs },
		{ KA_VGIC_GRP_CTRL, 8, KA_VGIC_CTRL_INIT, 0 },
	};
	int ret = call(g, g->vm_fd, KA_CREATE_DEVICE, &cd);

	if (!EXPECT(t, !ret, "%d", ret))
		return false;
	g->gic_fd = cd.fd;
	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++) {
		if (attrs[i].group == KA_VGIC_GRP_NR_IRQS && !attrs[i].value)
			continue;
		ret = io_set_attr(g->machine->io, g->gic_fd, &attrs[i]);
		if (!EXPECT(t, !ret, "%zu: %d", i, ret))
			return false;
	}
	return true;
}

static bool enable_caps(struct test *t, struct guest *g)
{
	struct ka_enable_cap caps[] = {
		{ .cap = g->shape.cap },
		{ .cap = g->shape.scope_mode ? KA_CAP_ARM_REG_SCOPE : 0,
		  .args = { g->shape.scope_mode } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		int ret = caps[i].cap ? call(g, g->vm_fd, KA_ENABLE_CAP,
					     &caps[i]) : 0;

		if (!EXPECT(t, !ret, "%u: %d", caps[i].cap, ret))
			return false;
	}
	return true;
}

static bool create_plain_vm(struct test *t, struct guest *g)
{
	const struct onereg_io *io = g->machine->io;

	g->kvm_fd = io->open(io->userdata, "/dev/kvm");
	if (!EXPECT(t, g->kvm_fd >= 0, "%d", g->kvm_fd))
		return false;
	g->vm_fd = call(g, g->kvm_fd, KA_CREATE_VM, NULL);
	return EXPECT(t, g->vm_fd >= 0, "%d", g->vm_fd) && enable_caps(t, g);
}

/* What is fixed once there is a vCPU. */
static bool create_vm(struct test *t, struct guest *g)
{
	const struct onereg_io *io = g->machine->io;
	int ret = 0;

	if (!create_plain_vm(t, g))
		return false;
	if (g->shape.asym)
		ret = io_set_reg(io, g->vm_fd, KA_VM_ASYM, &g->shape.asym);
	if (!ret && g->shape.fixed_features)
		ret = io_set_reg(io, g->vm_fd, KA_VM_FEATURES,
				 &(uint64_t){ g->shape.fixed_features });
	if (!ret && g->shape.like)
		ret = onereg_vm_configure(io, g->vm_fd, g->shape.like, NULL);
	return EXPECT(t, !ret, "%d", ret);
}

struct onereg_vm_options guest_options(const struct guest *g)
{
	return (struct onereg_vm_options){
		.size = sizeof(struct onereg_vm_options),
		.io = g->machine->io,
		.kvm_fd = g->kvm_fd,
		.vm_fd = g->vm_fd,
		.vcpu_fds = g->vcpu_fds,
		.vcpu_ids = g->ids,
		.n_vcpus = g->shape.n_vcpus,
		.gic_fd = g->gic_fd,
		.target = 5,
		.features = { g->shape.features },
		.caps = &g->cap,
		.n_caps = g->shape.cap ? 1 : 0,
		.its_fds = g->its_fds,
		.n_its = g->shape.n_its,
		.read_memory = g->memory ? its_read_memory : NULL,
		.userdata = g->memory,
	};
}

bool guest_wrap(struct test *t, struct guest *g,
		const struct onereg_vm_options *options)
{
	int ret;

	onereg_vm_free(g->vm);
	g->vm = NULL;
	ret = onereg_vm_new(options, &g->vm);
	return EXPECT(t, !ret, "%d", ret);
}

static bool make_vm(struct test *t, struct guest *g)
{
	struct onereg_vm_options o = guest_options(g);

	return guest_wrap(t, g, &o);
}

bool guest_create(struct test *t, struct guest *g, struct machine *machine,
		  const struct shape *shape)
{
	*g = (struct guest){ .machine = machine, .shape = *shape,
			     .kvm_fd = -1, .vm_fd = -1, .gic_fd = -1,
			     .cap = { .cap = shape->cap } };
	return create_vm(t, g) && create_vcpus(t, g) &&
	       (!shape->gic || create_gic(t, g)) &&
	       (!shape->n_its || guest_add_its(t, g)) && make_vm(t, g);
}

static bool start_pmu(struct test *t, struct guest *g, size_t i)
{
	struct attr irq = { KA_VCPU_PMU_V3_CTRL, 4, KA_VCPU_PMU_V3_IRQ,
			    PMU_PPI };
	struct attr init = { KA_VCPU_PMU_V3_CTRL, 4, KA_VCPU_PMU_V3_INIT, 0 };
	int ret = 0;

	if (g->gic_fd >= 0)
		ret = io_set_attr(g->machine->io, g->vcpu_fds[i], &irq);
	if (!ret)
		ret = io_set_attr(g->machine->io, g->vcpu_fds[i], &init);
	return EXPECT(t, !ret, "%d", ret);
}

static bool start_sve(struct test *t, struct guest *g, size_t i)
{
	int sve = KA_VCPU_SVE, ret;
	uint64_t vls[8] = { 0 };

	if (g->shape.sve_vq) {
		ret = guest_get(g, i, KA_SVE_VLS, vls);
		vls[0] &= (1ULL << g->shape.sve_vq) - 1;
		ret = ret ? ret : guest_set(g, i, KA_SVE_VLS, vls);
		if (!EXPECT(t, !ret, "%d", ret))
			return false;
	}
	ret = call(g, g->vcpu_fds[i], KA_ARM_VCPU_FINALIZE, &sve);
	return EXPECT(t, !ret, "%d", ret);
}

bool guest_start(struct test *t, struct guest *g)
{
	struct ka_vcpu_init init = { 0 };
	int ret = call(g, g->vm_fd, KA_ARM_PREFERRED_TARGET, &init);

	if (!EXPECT(t, !ret, "%d", ret))
		return false;
	for (size_t i = 0; i < g->shape.n_vcpus; i++) {
		init.features[0] = g->shape.features;
		ret = call(g, g->vcpu_fds[i], KA_ARM_VCPU_INIT, &init);
		if (!EXPECT(t, !ret, "features %#x: %d", g->shape.features,
			    ret))
			return false;
		if ((g->shape.features & 1U << KA_VCPU_SVE) &&
		    !start_sve(t, g, i))
			return false;
		if ((g->shape.features & 1U << KA_VCPU_PMU_V3) &&
		    !start_pmu(t, g, i))
			return false;
	}
	return true;
}

bool guest_make(struct test *t, struct guest *g, const struct shape *shape,
		uint64_t seed)
{
	return guest_create(t, g, &t->src, shape) && guest_start(t, g) &&
	       guest_scribble(t, g, seed);
}

void guest_destroy(struct guest *g)
{
	const struct onereg_io *io = g->machine->io;

	onereg_vm_free(g->vm);
	for (size_t i = 0; g->vcpu_fds && i < g->shape.n_vcpus; i++)
		if (g->vcpu_fds[i] >= 0)
			io->close(io->userdata, g->vcpu_fds[i]);
	if (g->gic_fd >= 0)
		io->close(io->userdata, g->gic_fd);
	guest_drop_its(g);
	if (g->vm_fd >= 0)
		io->close(io->userdata, g->vm_fd);
	if (g->kvm_fd >= 0)
		io->close(io->userdata, g->kvm_fd);
	free(g->vcpu_fds);
	free(g->ids);
}

int guest_get(struct guest *g, size_t vcpu, uint64_t id, void *value)
{
	return io_get_reg(g->machine->io, g->vcpu_fds[vcpu], id, value);
}

int guest_set(struct guest *g, size_t vcpu, uint64_t id, const void *value)
{
	return io_set_reg(g->machine->io, g->vcpu_fds[vcpu], id, value);
}

/* ---- comparing ---- */

/* ISTATUS and counters follow the clock. */
static bool moves(uint64_t id)
{
	return id == KA_TIMER_CNT || id == KA_PTIMER_CNT ||
	       id == KA_TIMER_CTL || id == KA_PTIMER_CTL;
}

static size_t compare_regs(struct test *t, struct guest *a, struct guest *b,
			   size_t vcpu)
{
	uint8_t x[KA_REG_SIZE_MAX], y[KA_REG_SIZE_MAX];
	struct regset la = { 0 }, lb = { 0 };
	size_t n = 0;

	if (io_reg_list(a->machine->io, a->vcpu_fds[vcpu], &la) ||
	    io_reg_list(b->machine->io, b->vcpu_fds[vcpu], &lb) ||
	    !regset_equal(&la, &lb)) {
		test_fail(t, "vCPU %zu: other register lists\n", vcpu);
		n++;
	}
	for (size_t i = 0; !n && i < la.n; i++) {
		int rx = guest_get(a, vcpu, la.ids[i], x);
		int ry = guest_get(b, vcpu, la.ids[i], y);

		if (rx == ry && (rx || moves(la.ids[i]) ||
				 !memcmp(x, y, onereg_reg_size(la.ids[i]))))
			continue;
		test_fail(t, "vCPU %zu: %#llx differs (%d, %d)\n", vcpu,
			  (unsigned long long)la.ids[i], rx, ry);
		n++;
	}
	regset_free(&la);
	regset_free(&lb);
	return n;
}

static size_t compare_vcpu(struct test *t, struct guest *a, struct guest *b,
			   size_t i)
{
	struct ka_vcpu_events ea = { 0 }, eb = { 0 };
	struct ka_mp_state ma = { 0 }, mb = { 0 };
	size_t n = compare_regs(t, a, b, i);

	if (call(a, a->vcpu_fds[i], KA_GET_VCPU_EVENTS, &ea) ||
	    call(b, b->vcpu_fds[i], KA_GET_VCPU_EVENTS, &eb) ||
	    memcmp(&ea, &eb, sizeof(ea))) {
		test_fail(t, "vCPU %zu: events differ\n", i);
		n++;
	}
	if (call(a, a->vcpu_fds[i], KA_GET_MP_STATE, &ma) ||
	    call(b, b->vcpu_fds[i], KA_GET_MP_STATE, &mb) ||
	    ma.mp_state != mb.mp_state) {
		test_fail(t, "vCPU %zu: MP state %u, %u\n", i, ma.mp_state,
			  mb.mp_state);
		n++;
	}
	return n;
}

static size_t compare_words(struct test *t, struct guest *a, struct guest *b,
			    uint32_t group, uint64_t first, uint64_t size)
{
	size_t n = 0;

	for (uint64_t at = first; at < first + size; at += 4) {
		struct attr x = { group, 4, at, 0 }, y = x;
		int rx = io_get_attr(a->machine->io, a->gic_fd, &x);
		int ry = io_get_attr(b->machine->io, b->gic_fd, &y);

		if (rx == ry && x.value == y.value)
			continue;
		test_fail(t, "GIC group %u %#llx: %#llx (%d), %#llx (%d)\n",
			  group, (unsigned long long)at,
			  (unsigned long long)x.value, rx,
			  (unsigned long long)y.value, ry);
		n++;
	}
	return n;
}

static size_t compare_gic(struct test *t, struct guest *a, struct guest *b)
{
	size_t n = compare_words(t, a, b, KA_VGIC_GRP_NR_IRQS, 0, 4);

	/* CTLR to IIDR; by-interrupt registers; routes of 256 interrupts */
	n += compare_words(t, a, b, KA_VGIC_GRP_DIST_REGS, 0, 12);
	n += compare_words(t, a, b, KA_VGIC_GRP_DIST_REGS, 0x80, 0x780);
	n += compare_words(t, a, b, KA_VGIC_GRP_DIST_REGS, 0xc00, 0x100);
	n += compare_words(t, a, b, KA_VGIC_GRP_DIST_REGS, 0x6000, 0x800);
	for (size_t i = 0; i < a->shape.n_vcpus; i++) {
		uint64_t mpidr = 0, sgi;

		guest_get(a, i, KA_SYS(3, 0, 0, 0, 5), &mpidr);
		sgi = (mpidr & 0xffffff) << 32 | 0x10000;
		n += compare_words(t, a, b, KA_VGIC_GRP_REDIST_REGS,
				   sgi + 0x80, 0x400);
		n += compare_words(t, a, b, KA_VGIC_GRP_LEVEL_INFO,
				   sgi & ~0xffffffffULL, 4);
	}
	return n;
}

static size_t differences(struct test *t, struct guest *a, struct guest *b)
{
	size_t n = 0;

	if (a->shape.n_vcpus != b->shape.n_vcpus)
		return 1;
	for (size_t i = 0; i < a->shape.n_vcpus; i++)
		n += compare_vcpu(t, a, b, i);
	if (a->gic_fd >= 0)
		n += compare_gic(t, a, b);
	if (a->shape.n_its)
		n += its_compare(t, a, b);
	/* The model knows more than ioctls tell. */
	if (a->machine->model && b->machine->model)
		n += model_compare(a->machine->model, a->vm_fd,
				   b->machine->model, b->vm_fd, NULL, 0);
	return n;
}

size_t guests_differences(struct test *t, struct guest *a, struct guest *b)
{
	bool failed = t->failed;
	size_t used = t->log_used;
	size_t n = differences(t, a, b);

	t->failed = failed;
	t->log_used = used;
	t->log[used] = '\0';
	return n;
}

void guests_compare(struct test *t, struct guest *a, struct guest *b)
{
	char text[2048] = "";
	size_t n = differences(t, a, b);

	if (n && a->machine->model && b->machine->model)
		model_compare(a->machine->model, a->vm_fd, b->machine->model,
			      b->vm_fd, text, sizeof(text));
	EXPECT(t, !n, "%zu differences\n%s", n, text);
}
