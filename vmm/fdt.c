// SPDX-License-Identifier: MIT
/* The device tree: what this VM is, told to Linux. */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "vmm.h"

#define GIC_PHANDLE 1
#define CLOCK_PHANDLE 2

/* Cells of an interrupt: which kind, its number among them, how it is sent. */
#define SPI 0
#define PPI 1
#define LEVEL_HIGH 4

#define GICD_SIZE 0x10000ull
#define GICR_SIZE 0x20000ull /* of one vCPU */
#define UART_SIZE 0x1000ull
#define UART_CLOCK 24000000 /* Hz; no guest's baud rate slows it down */

/* The first error stays; what is written after it is not looked at. */
struct tree {
	void *fdt;
	int error;
};

static void keep(struct tree *t, int error)
{
	if (!t->error)
		t->error = error;
}

static void begin(struct tree *t, const char *name)
{
	keep(t, fdt_begin_node(t->fdt, name));
}

static void end(struct tree *t)
{
	keep(t, fdt_end_node(t->fdt));
}

static void bytes(struct tree *t, const char *name, const void *data,
		  size_t size)
{
	keep(t, fdt_property(t->fdt, name, data, size));
}

/* Strings one after the other, each with its end. */
#define STRINGS(t, name, text) bytes(t, name, text, sizeof(text))

static void string(struct tree *t, const char *name, const char *text)
{
	bytes(t, name, text, strlen(text) + 1);
}

static void cells(struct tree *t, const char *name, const uint32_t *cell,
		  unsigned int n)
{
	fdt32_t big[16];

	for (unsigned int i = 0; i < n; i++)
		big[i] = cpu_to_fdt32(cell[i]);
	bytes(t, name, big, n * sizeof(*big));
}

#define CELLS(t, name, ...)                                     \
	cells(t, name, (const uint32_t[]){ __VA_ARGS__ },       \
	      sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void longs(struct tree *t, const char *name, const uint64_t *value,
		  unsigned int n)
{
	fdt64_t big[8];

	for (unsigned int i = 0; i < n; i++)
		big[i] = cpu_to_fdt64(value[i]);
	bytes(t, name, big, n * sizeof(*big));
}

#define LONGS(t, name, ...)                                     \
	longs(t, name, (const uint64_t[]){ __VA_ARGS__ },       \
	      sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void chosen(struct tree *t, const struct fdt_chosen *c)
{
	uint8_t seed[64];

	begin(t, "chosen");
	string(t, "bootargs", c->cmdline);
	string(t, "stdout-path", "/pl011@9000000");
	if (c->initrd_size)
		LONGS(t, "linux,initrd-start", c->initrd);
	if (c->initrd_size)
		LONGS(t, "linux,initrd-end", c->initrd + c->initrd_size);
	/* Else it waits for chance, of which a VM has little. */
	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed))
		bytes(t, "rng-seed", seed, sizeof(seed));
	end(t);
}

static void memory(struct tree *t, const struct vm *vm)
{
	begin(t, "memory@40000000");
	string(t, "device_type", "memory");
	LONGS(t, "reg", RAM_BASE, vm->machine.memory_size);
	end(t);
}

/* KVM's rule: 16 vCPUs to an Aff1. */
static uint32_t affinity(unsigned int vcpu)
{
	return (vcpu & 0xf) | (vcpu >> 4) << 8;
}

static void cpus(struct tree *t, const struct vm *vm)
{
	begin(t, "cpus");
	CELLS(t, "#address-cells", 1);
	CELLS(t, "#size-cells", 0);
	for (unsigned int i = 0; i < vm->machine.vcpus; i++) {
		char name[16];

		snprintf(name, sizeof(name), "cpu@%x", affinity(i));
		begin(t, name);
		string(t, "device_type", "cpu");
		string(t, "compatible", "arm,armv8");
		string(t, "enable-method", "psci");
		CELLS(t, "reg", affinity(i));
		end(t);
	}
	end(t);
}

static void psci(struct tree *t)
{
	begin(t, "psci");
	STRINGS(t, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	string(t, "method", "hvc");
	end(t);
}

static void its(struct tree *t, const struct vm *vm)
{
	char name[32];

	if (!vm->machine.its)
		return;
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	bytes(t, "ranges", "", 0);
	snprintf(name, sizeof(name), "its@%llx",
		 (unsigned long long)vm->machine.its);
	begin(t, name);
	string(t, "compatible", "arm,gic-v3-its");
	bytes(t, "msi-controller", "", 0);
	CELLS(t, "#msi-cells", 1);
	LONGS(t, "reg", vm->machine.its, ITS_SIZE);
	end(t);
}

static void gic(struct tree *t, const struct vm *vm)
{
	char name[32];

	snprintf(name, sizeof(name), "intc@%llx",
		 (unsigned long long)vm->machine.gicd);
	begin(t, name);
	string(t, "compatible", "arm,gic-v3");
	CELLS(t, "#interrupt-cells", 3);
	bytes(t, "interrupt-controller", "", 0);
	LONGS(t, "reg", vm->machine.gicd, GICD_SIZE, vm->machine.gicr,
	      GICR_SIZE * vm->machine.vcpus);
	CELLS(t, "phandle", GIC_PHANDLE);
	its(t, vm);
	end(t);
}

/* Secure, physical, virtual, hypervisor's: where KVM has them. */
static void timer(struct tree *t)
{
	begin(t, "timer");
	string(t, "compatible", "arm,armv8-timer");
	bytes(t, "always-on", "", 0);
	CELLS(t, "interrupts", PPI, 13, LEVEL_HIGH, PPI, 14, LEVEL_HIGH, PPI,
	      11, LEVEL_HIGH, PPI, 10, LEVEL_HIGH);
	end(t);
}

static void pmu(struct tree *t, const struct vm *vm)
{
	if (!(vm->init.features[0] >> KVM_ARM_VCPU_PMU_V3 & 1))
		return;
	begin(t, "pmu");
	string(t, "compatible", "arm,armv8-pmuv3");
	CELLS(t, "interrupts", PPI, PMU_PPI - 16, LEVEL_HIGH);
	end(t);
}

static void uart(struct tree *t)
{
	begin(t, "apb-pclk");
	string(t, "compatible", "fixed-clock");
	CELLS(t, "#clock-cells", 0);
	CELLS(t, "clock-frequency", UART_CLOCK);
	CELLS(t, "phandle", CLOCK_PHANDLE);
	end(t);
	begin(t, "pl011@9000000");
	STRINGS(t, "compatible", "arm,pl011\0arm,primecell");
	LONGS(t, "reg", UART_BASE, UART_SIZE);
	CELLS(t, "interrupts", SPI, UART_IRQ - 32, LEVEL_HIGH);
	CELLS(t, "clocks", CLOCK_PHANDLE, CLOCK_PHANDLE);
	STRINGS(t, "clock-names", "uartclk\0apb_pclk");
	end(t);
}

int fdt_build(const struct vm *vm, const struct fdt_chosen *c, void *to,
	      size_t size)
{
	struct tree t = { .fdt = to };

	keep(&t, fdt_create(to, size));
	keep(&t, fdt_finish_reservemap(to));
	begin(&t, "");
	string(&t, "compatible", "linux,dummy-virt");
	string(&t, "model", "onereg-vmm");
	CELLS(&t, "#address-cells", 2);
	CELLS(&t, "#size-cells", 2);
	CELLS(&t, "interrupt-parent", GIC_PHANDLE);
	chosen(&t, c);
	memory(&t, vm);
	cpus(&t, vm);
	psci(&t);
	gic(&t, vm);
	timer(&t);
	pmu(&t, vm);
	uart(&t);
	end(&t);
	keep(&t, fdt_finish(to));
	if (t.error)
		return cannot("is --cmdline too long?",
			      "guest: its device tree: %s",
			      fdt_strerror(t.error));
	return 0;
}
