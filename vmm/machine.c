// SPDX-License-Identifier: MIT
/* DIR/machine: what a VM is made of, as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

#define FORMAT 1

/* Bytes that the guest had not fetched from the UART belong to the VM. */
static json_t *uart_pending(const struct vm *vm)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < vm->uart.n_rx; i++)
		json_array_append_new(array, json_integer(vm->uart.rx[i]));
	return array;
}

/* As text: JSON's integers are signed. */
static json_t *hex(uint64_t value)
{
	char text[17];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)value);
	return json_string(text);
}

static bool parse_hex(const char *text, uint64_t *ret)
{
	char *end;

	*ret = strtoull(text, &end, 16);
	return strlen(text) == 16 && !*end;
}

char *machine_text(const struct vm *vm, const struct digests *digests)
{
	const struct machine *m = &vm->machine;
	json_t *object;
	char *text;

	object = json_pack(
		"{s:i s:s s:i s:I s:i s:I s:I s:o s:o s:I s:o}", "format",
		FORMAT, "guest", m->guest, "vcpus", (int)m->vcpus,
		"memory_size", (json_int_t)m->memory_size, "nr_irqs",
		(int)m->nr_irqs, "gicd", (json_int_t)m->gicd, "gicr",
		(json_int_t)m->gicr, "uart_rx", uart_pending(vm), "memory_xxh3",
		hex(digests->memory), "registers_size",
		(json_int_t)digests->registers_size, "registers_xxh3",
		hex(digests->registers));
	text = json_dumps(object, JSON_INDENT(2));
	json_decref(object);
	if (!text)
		cannot(NULL, "no memory for what the machine is");
	return text;
}

static int write_text(int fd, const char *text)
{
	size_t size = strlen(text);

	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		size -= n;
	}
	return fsync(fd);
}

int machine_write(const struct vm *vm, const struct digests *digests,
		  int dir_fd)
{
	char *text = machine_text(vm, digests);
	int fd, rc = -1;

	if (!text)
		return CANNOT;
	fd = openat(dir_fd, "machine", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0644);
	if (fd >= 0) {
		rc = write_text(fd, text);
		rc |= close(fd);
	}
	free(text);
	if (rc)
		return cannot_errno("is there room?", "writing machine");
	return 0;
}

static int parse(json_t *object, const char *path, struct machine *ret)
{
	const char *guest, *memory_xxh3, *registers_xxh3;
	json_int_t memory, gicd, gicr, registers;
	int format, vcpus, irqs;
	struct digests digests;
	json_error_t why;

	if (json_unpack_ex(object, &why, 0,
			   "{s:i s:s s:i s:I s:i s:I s:I s:s s:I s:s}",
			   "format", &format, "guest", &guest, "vcpus", &vcpus,
			   "memory_size", &memory, "nr_irqs", &irqs, "gicd",
			   &gicd, "gicr", &gicr, "memory_xxh3", &memory_xxh3,
			   "registers_size", &registers, "registers_xxh3",
			   &registers_xxh3) < 0)
		return cannot("give a directory that --save wrote", "%s: %s",
			      path, why.text);
	if (format != FORMAT || vcpus < 1 || vcpus > MAX_VCPUS || memory < 1 ||
	    irqs < 64 || irqs > 1024 || registers < 0 ||
	    !parse_hex(memory_xxh3, &digests.memory) ||
	    !parse_hex(registers_xxh3, &digests.registers))
		return cannot("give a directory that --save wrote",
			      "%s: not a machine of format %d", path, FORMAT);
	digests.registers_size = registers;
	*ret = (struct machine){
		.memory_size = memory,
		.vcpus = vcpus,
		.nr_irqs = irqs,
		.gicd = gicd,
		.gicr = gicr,
		.digests = digests,
	};
	snprintf(ret->guest, sizeof(ret->guest), "%s", guest);
	return 0;
}

static void parse_uart(json_t *object, struct machine *ret)
{
	json_t *rx = json_object_get(object, "uart_rx");

	for (size_t i = 0; i < json_array_size(rx) && i < sizeof(ret->rx); i++)
		ret->rx[ret->n_rx++] =
			json_integer_value(json_array_get(rx, i));
}

static int take_object(json_t *object, const json_error_t *why,
		       const char *path, struct machine *ret)
{
	int rc;

	if (!object)
		return cannot("give a directory that --save wrote", "%s: %s",
			      path, why->text);
	rc = parse(object, path, ret);
	if (!rc)
		parse_uart(object, ret);
	json_decref(object);
	return rc;
}

int machine_parse(const char *text, size_t size, const char *name,
		  struct machine *ret)
{
	json_error_t why;

	return take_object(json_loadb(text, size, 0, &why), &why, name, ret);
}

int machine_read(const char *dir, struct machine *ret)
{
	char path[PATH_SIZE];
	json_error_t why;

	if (path_join(path, dir, "machine"))
		return CANNOT;
	return take_object(json_load_file(path, 0, &why), &why, path, ret);
}

void machine_devices(struct vm *vm, const struct machine *machine)
{
	memcpy(vm->uart.rx, machine->rx, machine->n_rx);
	vm->uart.n_rx = machine->n_rx;
}
