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

static const char *const kinds[] = {
	[GUEST_PAYLOAD] = "payload",
	[GUEST_LINUX] = "linux",
	[GUEST_PROGRAM] = "program",
};

/* Bytes of any value, which a JSON string cannot hold. */
static json_t *bytes(const void *data, size_t size)
{
	json_t *array = json_array();

	for (size_t i = 0; i < size; i++)
		json_array_append_new(array,
				      json_integer(((const uint8_t *)data)[i]));
	return array;
}

static json_t *uart_registers(const struct uart_state *uart)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < UART_REGISTERS; i++)
		json_object_set_new(object, uart_register(i),
				    json_integer(uart->reg[i]));
	return object;
}

/* Bytes that the guest had not fetched from the UART belong to the VM. */
static void add_uart(json_t *object, const struct uart_state *uart)
{
	json_object_set_new(object, "uart_rx", bytes(uart->rx, uart->n_rx));
	json_object_set_new(object, "uart_line",
			    bytes(uart->line, uart->n_line));
	json_object_set_new(object, "uart_heard", json_boolean(uart->heard));
	json_object_set_new(object, "uart_sent", json_boolean(uart->sent));
	json_object_set_new(object, "uart", uart_registers(uart));
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

char *machine_text(struct vm *vm, const struct digests *digests)
{
	const struct machine *m = &vm->machine;
	struct uart_state uart;
	json_t *object;
	char *text;

	object = json_pack(
		"{s:i s:s s:s s:i s:I s:i s:I s:I s:o s:I s:o}", "format",
		FORMAT, "guest", m->guest, "kind", kinds[m->kind], "vcpus",
		(int)m->vcpus, "memory_size", (json_int_t)m->memory_size,
		"nr_irqs", (int)m->nr_irqs, "gicd", (json_int_t)m->gicd, "gicr",
		(json_int_t)m->gicr, "memory_xxh3", hex(digests->memory),
		"registers_size", (json_int_t)digests->registers_size,
		"registers_xxh3", hex(digests->registers));
	uart_get(&vm->uart, &uart);
	if (object)
		add_uart(object, &uart);
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

int machine_write(struct vm *vm, const struct digests *digests,
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

/* At most size; their number. */
static unsigned int parse_bytes(json_t *array, void *ret, size_t size)
{
	size_t n = json_array_size(array);

	n = n < size ? n : size;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)ret)[i] =
			json_integer_value(json_array_get(array, i));
	return n;
}

/* What an older writer did not know stays as after a reset. */
static void parse_uart(json_t *object, struct uart_state *ret)
{
	json_t *registers = json_object_get(object, "uart"), *value;

	uart_reset(ret);
	ret->n_rx = parse_bytes(json_object_get(object, "uart_rx"), ret->rx,
				sizeof(ret->rx));
	ret->n_line = parse_bytes(json_object_get(object, "uart_line"),
				  ret->line, sizeof(ret->line) - 1);
	ret->heard = json_is_true(json_object_get(object, "uart_heard"));
	ret->sent = json_is_true(json_object_get(object, "uart_sent"));
	for (unsigned int i = 0; i < UART_REGISTERS; i++) {
		value = json_object_get(registers, uart_register(i));
		if (value)
			ret->reg[i] = json_integer_value(value);
	}
}

/* An older writer knew payload and programs, and had only a name. */
static int parse_kind(json_t *object, const char *path, struct machine *ret)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));

	if (!kind)
		kind = strcmp(ret->guest, "payload") ? "program" : "payload";
	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kind, kinds[i]))
			continue;
		ret->kind = i;
		return 0;
	}
	return cannot("a newer onereg-vmm wrote it",
		      "%s: unknown kind of guest: %.40s", path, kind);
}

static int take_object(json_t *object, const json_error_t *why,
		       const char *path, struct machine *ret)
{
	int rc;

	if (!object)
		return cannot("give a directory that --save wrote", "%s: %s",
			      path, why->text);
	rc = parse(object, path, ret) ?: parse_kind(object, path, ret);
	if (!rc)
		parse_uart(object, &ret->uart);
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
	uart_set(&vm->uart, &machine->uart);
}
