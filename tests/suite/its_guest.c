// SPDX-License-Identifier: MIT
/* Guests with ITSes: made, programmed as a driver would, saved, restored. */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>

#include "its.h"

#define RAWB_INNER	(3ULL << 59)
#define INNER_SHAREABLE	(1ULL << 10)
#define PROP_BITS	15	/* 16 bits of an interrupt's number, less one */

/* ---- commands ---- */

#define COMMAND(name, w0, w1, w2, w3) \
	((struct command){ { (name) | (uint64_t)(w0), w1, w2, w3 } })
#define HIGH(x) ((uint64_t)(x) << 32)

struct command mapd(uint32_t device, unsigned int size, uint64_t itt)
{
	return COMMAND(0x08, HIGH(device), size - 1, TABLE_VALID | itt, 0);
}

struct command unmapd(uint32_t device)
{
	return COMMAND(0x08, HIGH(device), 0, 0, 0);
}

struct command mapc(uint32_t icid, uint32_t processor)
{
	return COMMAND(0x09, 0, 0,
		       TABLE_VALID | (uint64_t)processor << 16 | icid, 0);
}

struct command unmapc(uint32_t icid)
{
	return COMMAND(0x09, 0, 0, icid, 0);
}

struct command mapti(uint32_t device, uint32_t event, uint32_t lpi,
		     uint32_t icid)
{
	return COMMAND(0x0a, HIGH(device), HIGH(lpi) | event, icid, 0);
}

struct command mapi(uint32_t device, uint32_t event, uint32_t icid)
{
	return COMMAND(0x0b, HIGH(device), event, icid, 0);
}

struct command movi(uint32_t device, uint32_t event, uint32_t icid)
{
	return COMMAND(0x01, HIGH(device), event, icid, 0);
}

struct command movall(uint32_t from, uint32_t to)
{
	return COMMAND(0x0e, 0, 0, (uint64_t)from << 16, (uint64_t)to << 16);
}

struct command discard(uint32_t device, uint32_t event)
{
	return COMMAND(0x0f, HIGH(device), event, 0, 0);
}

struct command interrupt(uint32_t device, uint32_t event)
{
	return COMMAND(0x03, HIGH(device), event, 0, 0);
}

struct command clear(uint32_t device, uint32_t event)
{
	return COMMAND(0x04, HIGH(device), event, 0, 0);
}

struct command inv(uint32_t device, uint32_t event)
{
	return COMMAND(0x0c, HIGH(device), event, 0, 0);
}

struct command invall(uint32_t icid)
{
	return COMMAND(0x0d, 0, 0, icid, 0);
}

/* ---- making ---- */

static bool offers_its(const struct onereg_io *io)
{
	struct ka_create_device cd = { .type = KA_DEV_TYPE_ARM_VGIC_ITS,
				       .flags = KVM_CREATE_DEVICE_TEST };
	int kvm_fd = io->open(io->userdata, "/dev/kvm"), vm_fd, ret = -ENODEV;

	if (kvm_fd < 0)
		return false;
	vm_fd = io_ioctl(io, kvm_fd, KA_CREATE_VM, NULL);
	if (vm_fd >= 0) {
		ret = io_ioctl(io, vm_fd, KA_CREATE_DEVICE, &cd);
		io->close(io->userdata, vm_fd);
	}
	io->close(io->userdata, kvm_fd);
	return !ret;
}

bool need_its(struct test *t)
{
	if (t->has_gic && offers_its(t->src.io) && offers_its(t->dst.io))
		return true;
	t->skipped = "no ITS here";
	return false;
}

static bool create_memory(struct test *t, struct guest *g)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = MEMORY_BASE,
		.memory_size = MEMORY_SIZE,
	};
	int ret;

	g->memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->memory == MAP_FAILED)
		g->memory = NULL;
	if (!EXPECT(t, g->memory, "no memory"))
		return false;
	if (g->shape.memory)
		memcpy(g->memory, g->shape.memory, MEMORY_SIZE);
	region.userspace_addr = (uintptr_t)g->memory;
	ret = io_ioctl(g->machine->io, g->vm_fd, KVM_SET_USER_MEMORY_REGION,
		       &region);
	return EXPECT(t, !ret, "%d", ret);
}

static bool create_one(struct test *t, struct guest *g, size_t i)
{
	struct ka_create_device cd = { .type = KA_DEV_TYPE_ARM_VGIC_ITS };
	struct attr address = { KA_VGIC_GRP_ADDR, 8, KA_VGIC_ITS_ADDR_TYPE,
				ITS_ADDRESS(i) };
	int ret = io_ioctl(g->machine->io, g->vm_fd, KA_CREATE_DEVICE, &cd);

	if (!EXPECT(t, !ret, "%d", ret))
		return false;
	g->its_fds[i] = cd.fd;
	ret = io_set_attr(g->machine->io, cd.fd, &address);
	ret = ret ? ret : its_control(g, i, KA_VGIC_CTRL_INIT);
	return EXPECT(t, !ret, "%d", ret);
}

bool guest_add_its(struct test *t, struct guest *g)
{
	for (size_t i = 0; i < g->shape.n_its; i++)
		g->its_fds[i] = -1;
	if (!create_memory(t, g))
		return false;
	for (size_t i = 0; i < g->shape.n_its; i++)
		if (!create_one(t, g, i))
			return false;
	return true;
}

void guest_drop_its(struct guest *g)
{
	const struct onereg_io *io = g->machine->io;

	if (!g->memory)
		return;
	for (size_t i = 0; i < g->shape.n_its; i++)
		if (g->its_fds[i] >= 0)
			io->close(io->userdata, g->its_fds[i]);
	munmap(g->memory, MEMORY_SIZE);
}

/* ---- memory and registers ---- */

int its_read_memory(void *userdata, uint64_t address, void *buf, size_t size)
{
	uint64_t at = address - MEMORY_BASE;

	if (address < MEMORY_BASE || at > MEMORY_SIZE ||
	    size > MEMORY_SIZE - at)
		return -EFAULT;
	memcpy(buf, (const uint8_t *)userdata + at, size);
	return 0;
}

uint8_t *its_memory(struct guest *g, uint64_t address)
{
	return g->memory + (address - MEMORY_BASE);
}

uint64_t its_word(struct guest *g, uint64_t address)
{
	uint64_t value;

	memcpy(&value, its_memory(g, address), sizeof(value));
	return value;
}

void its_set_word(struct guest *g, uint64_t address, uint64_t value)
{
	memcpy(its_memory(g, address), &value, sizeof(value));
}

int its_get(struct guest *g, size_t its, uint64_t reg, uint64_t *value)
{
	struct attr attr = { KA_VGIC_GRP_ITS_REGS, 8, reg, 0 };
	int ret = io_get_attr(g->machine->io, g->its_fds[its], &attr);

	*value = attr.value;
	return ret;
}

int its_set(struct guest *g, size_t its, uint64_t reg, uint64_t value)
{
	struct attr attr = { KA_VGIC_GRP_ITS_REGS, 8, reg, value };

	return io_set_attr(g->machine->io, g->its_fds[its], &attr);
}

int its_control(struct guest *g, size_t its, uint64_t control)
{
	struct attr attr = { KA_VGIC_GRP_CTRL, 8, control, 0 };

	return io_set_attr(g->machine->io, g->its_fds[its], &attr);
}

static uint64_t redist(struct guest *g, size_t vcpu, uint32_t reg)
{
	uint64_t mpidr = 0;

	guest_get(g, vcpu, KA_SYS(3, 0, 0, 0, 5), &mpidr);
	return (mpidr & 0xffffff) << 32 | reg;
}

static int gicr_half(struct guest *g, size_t vcpu, bool set, uint32_t reg,
		     uint64_t *value)
{
	struct attr attr = { KA_VGIC_GRP_REDIST_REGS, 4,
			     redist(g, vcpu, reg), *value & UINT32_MAX };
	int ret = set ? io_set_attr(g->machine->io, g->gic_fd, &attr) :
			io_get_attr(g->machine->io, g->gic_fd, &attr);

	*value = attr.value;
	return ret;
}

static bool is_wide(uint32_t reg)
{
	return reg == GICR_PROPBASER || reg == GICR_PENDBASER;
}

int gicr_get(struct guest *g, size_t vcpu, uint32_t reg, uint64_t *value)
{
	uint64_t low = 0, high = 0;
	int ret = gicr_half(g, vcpu, false, reg, &low);

	if (!ret && is_wide(reg))
		ret = gicr_half(g, vcpu, false, reg + 4, &high);
	*value = low | high << 32;
	return ret;
}

int gicr_set(struct guest *g, size_t vcpu, uint32_t reg, uint64_t value)
{
	uint64_t low = value, high = value >> 32;
	int ret = gicr_half(g, vcpu, true, reg, &low);

	return ret || !is_wide(reg) ? ret :
				      gicr_half(g, vcpu, true, reg + 4, &high);
}

int its_signal(struct guest *g, size_t its, uint32_t device, uint32_t event)
{
	/* GITS_TRANSLATER */
	struct kvm_msi msi = { .address_lo = ITS_ADDRESS(its) + 0x10040,
			       .data = event,
			       .flags = KVM_MSI_VALID_DEVID,
			       .devid = device };

	return io_ioctl(g->machine->io, g->vm_fd, KVM_SIGNAL_MSI, &msi);
}

/* ---- what a driver does ---- */

static int boot_vcpu(struct guest *g, size_t i)
{
	int ret = gicr_set(g, i, GICR_PROPBASER, MEMORY_PROP | PROP_BITS);

	ret = ret ? ret : gicr_set(g, i, GICR_PENDBASER, MEMORY_PEND(i));
	return ret ? ret : gicr_set(g, i, GICR_CTLR, 1);
}

static int boot_its(struct guest *g, size_t i, bool indirect)
{
	uint64_t table = TABLE_VALID | RAWB_INNER | INNER_SHAREABLE;
	uint64_t pages = indirect ? 1 : 8;
	int ret = its_set(g, i, GITS_BASER(0),
			  table | MEMORY_DEVICES(i) | (pages - 1) |
				  (indirect ? TABLE_INDIRECT : 0));

	/* Devices from 0 and from 0x4000 on have second levels. */
	if (indirect) {
		its_set_word(g, MEMORY_DEVICES(i),
			     TABLE_VALID | MEMORY_LEVEL_2(i));
		its_set_word(g, MEMORY_DEVICES(i) + 2 * 8,
			     TABLE_VALID | (MEMORY_LEVEL_2(i) + 0x10000));
	}
	ret = ret ? ret : its_set(g, i, GITS_BASER(1),
				  table | MEMORY_COLLECTIONS(i));
	ret = ret ? ret : its_set(g, i, GITS_CBASER,
				  table | MEMORY_QUEUE(i) |
					  (QUEUE_SIZE / 4096 - 1));
	return ret ? ret : its_set(g, i, GITS_CTLR, 1);
}

bool its_boot(struct test *t, struct guest *g, bool indirect)
{
	struct attr ctlr = { KA_VGIC_GRP_DIST_REGS, 4, GICD_CTLR, 2 };
	int ret = io_set_attr(g->machine->io, g->gic_fd, &ctlr);

	memset(its_memory(g, MEMORY_PROP), 0xa0 | LPI_ENABLED, 0x10000);
	for (size_t i = 0; i < g->shape.n_vcpus && !ret; i++)
		ret = boot_vcpu(g, i);
	for (size_t i = 0; i < g->shape.n_its && !ret; i++)
		ret = boot_its(g, i, indirect);
	return EXPECT(t, !ret, "%d", ret);
}

void its_run(struct test *t, struct guest *g, size_t its,
	     const struct command *commands, size_t n)
{
	uint64_t at = 0, done = 0;
	int ret = its_get(g, its, GITS_CWRITER, &at);

	for (size_t i = 0; i < n; i++) {
		memcpy(its_memory(g, MEMORY_QUEUE(its) + at), &commands[i],
		       sizeof(commands[i]));
		at = (at + sizeof(commands[i])) % QUEUE_SIZE;
	}
	ret = ret ? ret : its_set(g, its, GITS_CWRITER, at);
	ret = ret ? ret : its_get(g, its, GITS_CREADR, &done);
	EXPECT(t, !ret && done == at, "%d, %#llx of %#llx", ret,
	       (unsigned long long)done, (unsigned long long)at);
}

/* Its events are as far apart as can be. */
static void add_device(struct test *t, struct guest *g, size_t its,
		       uint32_t device, unsigned int bits, uint64_t itt,
		       uint32_t first_lpi)
{
	uint32_t end = 1U << bits, step = end / 8 ? end / 8 : 1, n = 0;

	RUN(t, g, its, mapd(device, bits, itt));
	for (uint32_t event = device % 3; event < end; event += step, n++) {
		uint32_t lpi = first_lpi + n;

		if (lpi % 5 == 0)
			*its_memory(g, MEMORY_PROP + lpi - LPI(0)) &=
				~LPI_ENABLED;
		RUN(t, g, its, mapti(device, event, lpi,
				     lpi % g->shape.n_vcpus));
		if (lpi % 3 == 0)
			RUN(t, g, its, interrupt(device, event));
		else if (lpi % 7 == 0)
			its_signal(g, its, device, event);
	}
}

void its_busy(struct test *t, struct guest *g)
{
	for (size_t k = 0; k < g->shape.n_its; k++) {
		uint64_t itts = MEMORY_ITTS(k);
		uint32_t lpi = LPI(1000 * k);

		for (size_t i = 0; i < g->shape.n_vcpus; i++)
			RUN(t, g, k, mapc(i, g->ids[i]));
		add_device(t, g, k, 0, 5, itts, lpi);
		add_device(t, g, k, 0x4801, 2, itts + 0x100, lpi + 100);
		add_device(t, g, k, 7, 16, itts + 0x10000, lpi + 200);
		add_device(t, g, k, 0x10, 3, itts + 0x200, lpi + 300);
	}
}

/* ---- moving by hand ---- */

int its_save(struct guest *g)
{
	struct attr pending = { KA_VGIC_GRP_CTRL, 8,
				KA_VGIC_SAVE_PENDING_TABLES, 0 };
	int ret = io_set_attr(g->machine->io, g->gic_fd, &pending);

	for (size_t i = 0; i < g->shape.n_its && !ret; i++)
		ret = its_control(g, i, KA_ITS_SAVE_TABLES);
	return ret;
}

static int copy_vcpu(struct guest *from, struct guest *to, size_t i)
{
	static const uint32_t regs[] = { GICR_PROPBASER, GICR_PENDBASER,
					 GICR_CTLR };
	uint64_t value;
	int ret = 0;

	for (size_t j = 0; j < ARRAY_SIZE(regs) && !ret; j++) {
		ret = gicr_get(from, i, regs[j], &value);
		ret = ret ? ret : gicr_set(to, i, regs[j], value);
	}
	return ret;
}

static int copy_its(struct guest *from, struct guest *to, size_t k)
{
	static const uint32_t regs[] = { GITS_IIDR, GITS_CBASER,
					 GITS_BASER(0), GITS_BASER(1),
					 GITS_CREADR, GITS_CWRITER };
	uint64_t value;
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(regs) && !ret; i++) {
		ret = its_get(from, k, regs[i], &value);
		ret = ret ? ret : its_set(to, k, regs[i], value);
	}
	ret = ret ? ret : its_control(to, k, KA_ITS_RESTORE_TABLES);
	ret = ret ? ret : its_get(from, k, GITS_CTLR, &value);
	return ret ? ret : its_set(to, k, GITS_CTLR, value);
}

int its_restore(struct test *t, struct guest *from, struct guest *to)
{
	struct shape shape = from->shape;
	struct attr ctlr = { KA_VGIC_GRP_DIST_REGS, 4, GICD_CTLR, 2 };
	int ret;

	shape.memory = from->memory;
	if (!guest_create(t, to, &t->dst, &shape) || !guest_start(t, to))
		return -ECANCELED;
	ret = io_set_attr(to->machine->io, to->gic_fd, &ctlr);
	for (size_t i = 0; i < shape.n_vcpus && !ret; i++)
		ret = copy_vcpu(from, to, i);
	for (size_t i = 0; i < shape.n_its && !ret; i++)
		ret = copy_its(from, to, i);
	return ret;
}

static size_t differ(struct test *t, const char *what, size_t i, uint32_t reg,
		     uint64_t a, uint64_t b)
{
	if (a == b)
		return 0;
	test_fail(t, "%s %zu, %#x: %#llx, %#llx\n", what, i, reg,
		  (unsigned long long)a, (unsigned long long)b);
	return 1;
}

size_t its_compare(struct test *t, struct guest *a, struct guest *b)
{
	static const uint32_t its_regs[] = {
		GITS_CTLR, GITS_IIDR, GITS_TYPER, GITS_CBASER, GITS_CWRITER,
		GITS_CREADR, GITS_BASER(0), GITS_BASER(1), GITS_BASER(2),
	};
	static const uint32_t redist_regs[] = { GICR_CTLR, GICR_PROPBASER,
						GICR_PENDBASER };
	uint64_t x = 0, y = 0;
	size_t n = 0;

	for (size_t k = 0; k < a->shape.n_its; k++)
		for (size_t i = 0; i < ARRAY_SIZE(its_regs); i++) {
			its_get(a, k, its_regs[i], &x);
			its_get(b, k, its_regs[i], &y);
			n += differ(t, "ITS", k, its_regs[i], x, y);
		}
	for (size_t k = 0; k < a->shape.n_vcpus; k++)
		for (size_t i = 0; i < ARRAY_SIZE(redist_regs); i++) {
			gicr_get(a, k, redist_regs[i], &x);
			gicr_get(b, k, redist_regs[i], &y);
			n += differ(t, "vCPU", k, redist_regs[i], x, y);
		}
	return n;
}
