// SPDX-License-Identifier: MIT
/* DIR/machine: what a VM is made of, as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "msi_json.h"
#include "vmm.h"

#define FORMAT 2 /* 1 had no machine_xxh3 */
#define SUM "machine_xxh3"

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

/* Sixteen digits, as hex() writes them. */
static bool parse_hex(const char *text, uint64_t *ret)
{
	if (strlen(text) != 16 || text[strspn(text, "0123456789abcdef")])
		return false;
	*ret = strtoull(text, NULL, 16);
	return true;
}

/* Of all other members, written in one way whatever the file's layout. */
static int sum_of(json_t *object, uint64_t *ret)
{
	json_t *others = json_copy(object);
	char *text;

	json_object_del(others, SUM);
	text = json_dumps(others, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(others);
	if (!text)
		return cannot(NULL, "no memory for what the machine is");
	*ret = XXH3_64bits(text, strlen(text));
	free(text);
	return 0;
}

char *machine_text(struct vm *vm, const struct digests *digests)
{
	const struct machine *m = &vm->machine;
	struct uart_state uart;
	struct msi_state msi;
	char *text = NULL;
	json_t *object;
	uint64_t sum;

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
	msi_get(&vm->msi, &msi);
	if (object && m->its) {
		json_object_set_new(object, "its", json_integer(m->its));
		json_object_set_new(object, "msi", msi_json(&msi));
	}
	if (!sum_of(object, &sum)) {
		json_object_set_new(object, SUM, hex(sum));
		text = json_dumps(object, JSON_INDENT(2));
		if (!text)
			cannot(NULL, "no memory for what the machine is");
	}
	json_decref(object);
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

/* What is wrong, with the name of the member. */
static int bad(const char *path, const char *member, const char *wanted)
{
	return cannot("give a directory that --save wrote", "%s: %s: %s", path,
		      member, wanted);
}

static int parse_number(json_t *object, const char *path, const char *name,
			json_int_t min, json_int_t max, json_int_t *ret)
{
	json_t *value = json_object_get(object, name);
	char wanted[80];

	*ret = json_integer_value(value);
	if (json_is_integer(value) && *ret >= min && *ret <= max)
		return 0;
	snprintf(wanted, sizeof(wanted), "%snot a number from %lld to %lld",
		 value ? "" : "missing, or ", (long long)min, (long long)max);
	return bad(path, name, wanted);
}

static int parse_sum(json_t *object, const char *path, const char *name,
		     uint64_t *ret)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text && parse_hex(text, ret) ?
		       0 :
		       bad(path, name, "not 16 hexadecimal digits");
}

#define ADDRESS_MAX (1ll << 48)

enum { THE_FORMAT, VCPUS, MEMORY, IRQS, GICD, GICR, REGISTERS, N_NUMBERS };

static const struct {
	const char *name;
	json_int_t min, max;
} numbers[N_NUMBERS] = {
	[THE_FORMAT] = { "format", 1, FORMAT },
	[VCPUS] = { "vcpus", 1, MAX_VCPUS },
	[MEMORY] = { "memory_size", 1, ADDRESS_MAX },
	[IRQS] = { "nr_irqs", 64, 1024 },
	[GICD] = { "gicd", 0, ADDRESS_MAX },
	[GICR] = { "gicr", 0, ADDRESS_MAX },
	[REGISTERS] = { "registers_size", 0, INT64_MAX },
};

/* As options.c makes them. */
static bool is_name(const char *text, size_t size)
{
	if (!text || strlen(text) >= size)
		return false;
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

static int parse(json_t *object, const char *path, struct machine *ret)
{
	const char *guest = json_string_value(json_object_get(object, "guest"));
	json_int_t v[N_NUMBERS];
	int rc = 0;

	*ret = (struct machine){ 0 };
	for (unsigned int i = 0; !rc && i < N_NUMBERS; i++)
		rc = parse_number(object, path, numbers[i].name, numbers[i].min,
				  numbers[i].max, &v[i]);
	if (!rc && !is_name(guest, sizeof(ret->guest)))
		rc = bad(path, "guest", "not a name");
	if (!rc)
		rc = parse_sum(object, path, "memory_xxh3",
			       &ret->digests.memory);
	if (!rc)
		rc = parse_sum(object, path, "registers_xxh3",
			       &ret->digests.registers);
	if (rc)
		return rc;
	ret->vcpus = v[VCPUS];
	ret->memory_size = v[MEMORY];
	ret->nr_irqs = v[IRQS];
	ret->gicd = v[GICD];
	ret->gicr = v[GICR];
	ret->digests.registers_size = v[REGISTERS];
	snprintf(ret->guest, sizeof(ret->guest), "%s", guest);
	return 0;
}

static int parse_bytes(json_t *object, const char *path, const char *name,
		       void *ret, size_t size, unsigned int *ret_n)
{
	json_t *array = json_object_get(object, name), *value;
	char wanted[80];
	size_t i;

	snprintf(wanted, sizeof(wanted), "not a list of at most %zu bytes",
		 size);
	if (!json_is_array(array) || json_array_size(array) > size)
		return bad(path, name, wanted);
	json_array_foreach(array, i, value) {
		json_int_t byte = json_integer_value(value);

		if (!json_is_integer(value) || byte < 0 || byte > 255)
			return bad(path, name, wanted);
		((uint8_t *)ret)[i] = byte;
	}
	*ret_n = json_array_size(array);
	return 0;
}

static int parse_flag(json_t *object, const char *path, const char *name,
		      bool *ret)
{
	json_t *value = json_object_get(object, name);

	*ret = json_is_true(value);
	return json_is_boolean(value) ? 0 :
					bad(path, name, "not true or false");
}

static int parse_registers(json_t *object, const char *path,
			   struct uart_state *ret)
{
	json_t *registers = json_object_get(object, "uart");
	json_int_t value;
	int rc = 0;

	if (json_object_size(registers) != UART_REGISTERS)
		return bad(path, "uart", "not the registers of this UART");
	for (unsigned int i = 0; !rc && i < UART_REGISTERS; i++) {
		rc = parse_number(registers, path, uart_register(i), 0,
				  uart_mask(i), &value);
		ret->reg[i] = value;
	}
	return rc;
}

/* Before the UART had interrupts there was what it had received, or nothing. */
static bool has_uart(json_t *object)
{
	static const char *const members[] = {
		"uart", "uart_line", "uart_heard", "uart_sent",
	};

	for (unsigned int i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (json_object_get(object, members[i]))
			return true;
	return false;
}

/* Of what an older writer did not know nothing is there: as after a reset. */
static int parse_uart(json_t *object, const char *path, struct uart_state *ret)
{
	int rc = 0;

	uart_reset(ret);
	if (json_object_get(object, "uart_rx"))
		rc = parse_bytes(object, path, "uart_rx", ret->rx,
				 sizeof(ret->rx), &ret->n_rx);
	if (rc || !has_uart(object))
		return rc;
	rc = parse_bytes(object, path, "uart_line", ret->line,
			 sizeof(ret->line) - 1, &ret->n_line);
	if (!rc)
		rc = parse_flag(object, path, "uart_heard", &ret->heard);
	if (!rc)
		rc = parse_flag(object, path, "uart_sent", &ret->sent);
	return rc ?: parse_registers(object, path, ret);
}

/* An older writer knew payload and programs, and had only a name. */
static int parse_kind(json_t *object, const char *path, struct machine *ret)
{
	json_t *value = json_object_get(object, "kind");
	const char *kind = json_string_value(value);

	if (value && !kind)
		return bad(path, "kind", "not a name");
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

/* An older writer knew neither. */
static int parse_its(json_t *object, const char *path, struct machine *ret)
{
	json_t *its = json_object_get(object, "its");

	if (!its)
		return 0;
	if (json_integer_value(its) < 1 ||
	    msi_parse(json_object_get(object, "msi"), &ret->msi))
		return cannot("give a directory that --save wrote",
			      "%s: \"its\" is no address, or \"msi\" not what "
			      "the device has",
			      path);
	ret->its = json_integer_value(its);
	return 0;
}

/* What is read is what was written, also where every value could be. */
static int check_sum(json_t *object, const char *path)
{
	bool old = json_integer_value(json_object_get(object, "format")) < 2;
	uint64_t sum, told;
	int rc;

	if (old)
		return json_object_get(object, SUM) ?
			       bad(path, SUM, "not in this format") :
			       0;
	rc = parse_sum(object, path, SUM, &told) ?: sum_of(object, &sum);
	if (rc || sum == told)
		return rc;
	return cannot("it was damaged, or changed by hand",
		      "%s: its checksum is not the one in it", path);
}

static int take_object(json_t *object, const json_error_t *why,
		       const char *path, struct machine *ret)
{
	int rc;

	if (!object)
		return cannot("give a directory that --save wrote", "%s: %s",
			      path, why->text);
	rc = parse(object, path, ret) ?:
	     parse_kind(object, path, ret) ?:
	     parse_its(object, path, ret);
	if (!rc)
		rc = parse_uart(object, path, &ret->uart);
	if (!rc)
		rc = check_sum(object, path);
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
	struct stat st;
	int fd, rc;

	if (path_join(path, dir, "machine"))
		return CANNOT;
	/* Of a FIFO nobody waits for a writer. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = cannot_errno("give a directory that --save wrote", "%s",
				  path);
	else if (!S_ISREG(st.st_mode))
		rc = cannot("give a directory that --save wrote",
			    "%s: no regular file", path);
	else
		rc = take_object(json_loadfd(fd, 0, &why), &why, path, ret);
	if (fd >= 0)
		close(fd);
	return rc;
}

void machine_devices(struct vm *vm, const struct machine *machine)
{
	uart_set(&vm->uart, &machine->uart);
	msi_set(&vm->msi, &machine->msi);
}

bool machine_alike(const struct machine *a, const struct machine *b)
{
	return a->memory_size == b->memory_size && a->vcpus == b->vcpus &&
	       a->nr_irqs == b->nr_irqs && a->gicd == b->gicd &&
	       a->gicr == b->gicr && a->its == b->its && a->kind == b->kind;
}
