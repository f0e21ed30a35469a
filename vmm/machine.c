// SPDX-License-Identifier: MIT
/* DIR/machine: what a VM is made of, as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
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

int machine_write(const struct vm *vm, int dir_fd)
{
	const struct machine *m = &vm->machine;
	int fd = openat(dir_fd, "machine",
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	json_t *object;
	int rc = -1;

	object = json_pack("{s:i s:s s:i s:I s:i s:I s:I s:o}", "format",
			   FORMAT, "guest", m->guest, "vcpus", (int)m->vcpus,
			   "memory_size", (json_int_t)m->memory_size, "nr_irqs",
			   (int)m->nr_irqs, "gicd", (json_int_t)m->gicd, "gicr",
			   (json_int_t)m->gicr, "uart_rx", uart_pending(vm));
	if (fd >= 0)
		rc = json_dumpfd(object, fd, JSON_INDENT(2)) ?: fsync(fd);
	json_decref(object);
	if (fd >= 0)
		rc |= close(fd);
	if (rc)
		return cannot_errno("is there room?", "writing machine");
	return 0;
}

static int parse(json_t *object, const char *path, struct machine *ret)
{
	json_int_t memory, gicd, gicr;
	int format, vcpus, irqs;
	const char *guest;
	json_error_t why;

	if (json_unpack_ex(object, &why, 0, "{s:i s:s s:i s:I s:i s:I s:I}",
			   "format", &format, "guest", &guest, "vcpus", &vcpus,
			   "memory_size", &memory, "nr_irqs", &irqs, "gicd",
			   &gicd, "gicr", &gicr) < 0)
		return cannot("give a directory that --save wrote", "%s: %s",
			      path, why.text);
	if (format != FORMAT || vcpus < 1 || vcpus > MAX_VCPUS || memory < 1 ||
	    irqs < 64 || irqs > 1024)
		return cannot("give a directory that --save wrote",
			      "%s: not a machine of format %d", path, FORMAT);
	*ret = (struct machine){
		.memory_size = memory,
		.vcpus = vcpus,
		.nr_irqs = irqs,
		.gicd = gicd,
		.gicr = gicr,
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

int machine_read(const char *dir, struct machine *ret)
{
	char path[PATH_SIZE];
	json_error_t why;
	json_t *object;
	int rc;

	if (path_join(path, dir, "machine"))
		return CANNOT;
	object = json_load_file(path, 0, &why);
	if (!object)
		return cannot("give a directory that --save wrote", "%s: %s",
			      path, why.text);
	rc = parse(object, path, ret);
	if (!rc)
		parse_uart(object, ret);
	json_decref(object);
	return rc;
}
