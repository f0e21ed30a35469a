// SPDX-License-Identifier: MIT
/* Boots Linux: Documentation/arch/arm64/booting.rst is the contract. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "vmm.h"

#define MIB2 0x200000ull
#define FDT_SIZE MIB2 /* a tree may not be larger */
#define FLAG_BIG_ENDIAN 1
#define CORE_X0 0x6030000000100000ull

/*
 * The rest: vCPUs get time when the host gives it, which is no mistake of the
 * guest's kernel.
 */
#define CMDLINE                                  \
	"console=ttyAMA0 rdinit=/init quiet panic=-1 " \
	"rcupdate.rcu_cpu_stall_timeout=300 nosoftlockup"

/* All in little-endian. */
struct image_header {
	uint32_t code[2];
	uint64_t text_offset; /* from a place aligned to 2 MiB */
	uint64_t image_size; /* bytes of memory that it takes */
	uint64_t flags;
	uint64_t reserved[3];
	char magic[4];
	uint32_t pe_offset;
};

/* A file that goes into memory. */
struct part {
	const char *option, *path;
	int fd;
	uint64_t size; /* bytes */
};

static int open_part(struct part *p)
{
	struct stat st;

	p->fd = open(p->path, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0 || fstat(p->fd, &st) < 0)
		return cannot_errno("give a file", "--%s %s", p->option,
				    p->path);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return cannot("give a file", "--%s %s: %s", p->option, p->path,
			      S_ISREG(st.st_mode) ? "empty" : "not a file");
	p->size = st.st_size;
	return 0;
}

static void close_part(struct part *p)
{
	if (p->fd >= 0)
		close(p->fd);
}

static int read_part(const struct part *p, uint8_t *to)
{
	for (uint64_t at = 0; at < p->size;) {
		ssize_t n = pread(p->fd, to + at, p->size - at, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO; /* it became shorter while we read */
		if (n <= 0)
			return cannot_errno(NULL, "reading --%s %s", p->option,
					    p->path);
		at += n;
	}
	return 0;
}

static int read_header(const struct part *p, struct image_header *ret)
{
	const uint8_t *first = (const void *)ret;
	ssize_t n = pread(p->fd, ret, sizeof(*ret), 0);

	if (n < 0)
		return cannot_errno(NULL, "reading --kernel %s", p->path);
	if (n > 1 && first[0] == 0x1f && first[1] == 0x8b)
		return cannot("unpack it with gunzip",
			      "--kernel %s: packed with gzip", p->path);
	if ((size_t)n < sizeof(*ret) || memcmp(ret->magic, "ARM\x64", 4))
		return cannot("give arch/arm64/boot/Image of a build, or "
			      "/boot/vmlinuz of a distribution",
			      "--kernel %s: not an arm64 Image of Linux",
			      p->path);
	if (le64toh(ret->flags) & FLAG_BIG_ENDIAN)
		return cannot("vCPUs start as little-endian ones",
			      "--kernel %s: a big-endian kernel", p->path);
	if (!ret->image_size)
		return cannot("give one of Linux 3.17 or later",
			      "--kernel %s: its header does not say how much "
			      "memory it takes",
			      p->path);
	return 0;
}

static int no_room(const struct part *p, uint64_t address, uint64_t size)
{
	return cannot("give the VM more --memory",
		      "--%s %s: %llu bytes at 0x%llx are outside memory",
		      p->option, p->path, (unsigned long long)size,
		      (unsigned long long)address);
}

static int load_kernel(struct vm *vm, struct part *p, uint64_t *entry,
		       uint64_t *ret_end)
{
	struct image_header header;
	uint64_t size;
	uint8_t *to;
	int rc = open_part(p) ?: read_header(p, &header);

	if (rc)
		return rc;
	size = le64toh(header.image_size);
	if (size < p->size)
		size = p->size;
	*entry = RAM_BASE + le64toh(header.text_offset);
	to = guest_memory(vm, *entry, size);
	if (!to)
		return no_room(p, *entry, size);
	*ret_end = *entry + size;
	return read_part(p, to);
}

static int load_initrd(struct vm *vm, struct part *p, uint64_t address)
{
	uint8_t *to;
	int rc = p->path ? open_part(p) : 0;

	if (rc || !p->path)
		return rc;
	to = guest_memory(vm, address, p->size);
	return to ? read_part(p, to) : no_room(p, address, p->size);
}

/* Behind the kernel, each at 2 MiB: first the tree, then the initrd. */
static int load_parts(struct vm *vm, const char *cmdline, struct part *kernel,
		      struct part *initrd, uint64_t *entry)
{
	struct fdt_chosen chosen = { .cmdline = cmdline ?: CMDLINE };
	uint64_t end = 0, fdt;
	uint8_t *to;
	int rc = load_kernel(vm, kernel, entry, &end);

	if (rc)
		return rc;
	fdt = (end + MIB2 - 1) & -MIB2;
	to = guest_memory(vm, fdt, FDT_SIZE);
	if (!to)
		return no_room(kernel, fdt, FDT_SIZE);
	chosen.initrd = fdt + FDT_SIZE;
	rc = load_initrd(vm, initrd, chosen.initrd);
	if (rc)
		return rc;
	chosen.initrd_size = initrd->size;
	rc = fdt_build(vm, &chosen, to, FDT_SIZE);
	if (!rc && vm_set_reg(vm, 0, CORE_X0, &fdt) < 0)
		rc = cannot_errno(NULL, "KVM_SET_ONE_REG of X0, vCPU 0");
	return rc;
}

int linux_load(struct vm *vm, const struct guest_options *options,
	       uint64_t *entry)
{
	struct part kernel = {
		.option = "kernel",
		.path = options->kernel,
		.fd = -1,
	};
	struct part initrd = {
		.option = "initrd",
		.path = options->initrd,
		.fd = -1,
	};
	int rc = load_parts(vm, options->cmdline, &kernel, &initrd, entry);

	close_part(&kernel);
	close_part(&initrd);
	return rc;
}
