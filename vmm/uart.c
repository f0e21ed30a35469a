// SPDX-License-Identifier: MIT
/*
 * A PL011, as its manual (ARM DDI 0183) has it, with a FIFO that takes every
 * byte at once: it never is full or busy, and nothing goes wrong on the wire.
 * The payload polls; Linux takes it by its ids and waits for interrupts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>

#include "vmm.h"

#define DR 0x00
#define FR 0x18
#define IMSC 0x38
#define RIS 0x3c
#define MIS 0x40
#define ICR 0x44
#define PERIPHERAL_ID 0xfe0

#define FR_RX_EMPTY 0x10
#define FR_TX_EMPTY 0x80
#define INT_RX 0x10
#define INT_TX 0x20

/* What is read back as it was written; a name is the machine file's, too. */
static const struct {
	const char *name;
	uint16_t offset, mask, reset;
} registers[UART_REGISTERS] = {
	{ "IBRD", 0x24, 0xffff, 0 },  { "FBRD", 0x28, 0x3f, 0 },
	{ "LCR_H", 0x2c, 0xff, 0 },   { "CR", 0x30, 0xff87, 0x300 },
	{ "IFLS", 0x34, 0x3f, 0x12 }, { "IMSC", IMSC, 0x7ff, 0 },
	{ "DMACR", 0x48, 0x7, 0 },
};

/* PL011, revision 1: its FIFOs hold 16 bytes; then "PrimeCell". */
static const uint8_t ids[] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

const char *uart_register(unsigned int i)
{
	return registers[i].name;
}

uint16_t uart_mask(unsigned int i)
{
	return registers[i].mask;
}

void uart_reset(struct uart_state *state)
{
	memset(state, 0, sizeof(*state));
	for (unsigned int i = 0; i < UART_REGISTERS; i++)
		state->reg[i] = registers[i].reset;
}

void uart_init(struct uart *uart)
{
	memset(uart, 0, sizeof(*uart));
	pthread_mutex_init(&uart->lock, NULL);
	pthread_cond_init(&uart->answered, NULL);
	uart->vm_fd = -1;
	uart_reset(&uart->state);
}

static uint16_t *find(struct uart *uart, uint64_t offset, uint16_t *mask)
{
	for (unsigned int i = 0; i < UART_REGISTERS; i++) {
		if (registers[i].offset != offset)
			continue;
		*mask = registers[i].mask;
		return &uart->state.reg[i];
	}
	return NULL;
}

/* A byte that came is there until it is read; a byte sent is past at once. */
static uint16_t raw_interrupts(const struct uart *uart)
{
	return (uart->state.n_rx ? INT_RX : 0) | (uart->state.sent ? INT_TX : 0);
}

static uint16_t interrupts(struct uart *uart)
{
	uint16_t mask;

	return raw_interrupts(uart) & *find(uart, IMSC, &mask);
}

/* The line is a level; the kernel is told when it changes. */
static void update_line(struct uart *uart)
{
	bool level = interrupts(uart);
	struct kvm_irq_level line = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT |
		       UART_IRQ,
		.level = level,
	};

	if (level == uart->level)
		return;
	uart->level = level;
	if (ioctl(uart->vm_fd, KVM_IRQ_LINE, &line) < 0)
		cannot_errno("the guest waits for it in vain",
			     "KVM_IRQ_LINE of the UART, interrupt %u",
			     UART_IRQ);
}

/* The line was at this level when the VM was saved: so says its GIC. */
void uart_set(struct uart *uart, const struct uart_state *state)
{
	pthread_mutex_lock(&uart->lock);
	uart->state = *state;
	uart->level = interrupts(uart);
	pthread_mutex_unlock(&uart->lock);
}

void uart_get(struct uart *uart, struct uart_state *ret)
{
	pthread_mutex_lock(&uart->lock);
	*ret = uart->state;
	pthread_mutex_unlock(&uart->lock);
}

static void keep_answer(struct uart *uart)
{
	if (strncmp(uart->state.line, "payload: ", 9))
		return;
	uart->state.heard = true;
	if (uart->n_answers < UART_LINES)
		strcpy(uart->answer[uart->n_answers++], uart->state.line);
	pthread_cond_broadcast(&uart->answered);
}

static void transmit(struct uart *uart, uint8_t byte)
{
	struct uart_state *s = &uart->state;

	s->sent = true;
	/* a terminal's way to end a line */
	if (byte == '\r')
		return;
	if (byte != '\n' && s->n_line < UART_LINE - 1) {
		s->line[s->n_line++] = byte;
		return;
	}
	s->line[s->n_line] = 0;
	if (!uart->quiet) {
		puts(s->line);
		fflush(stdout);
	}
	keep_answer(uart);
	s->n_line = 0;
}

static uint8_t receive(struct uart_state *s)
{
	uint8_t byte = s->rx[0];

	if (!s->n_rx)
		return 0;
	memmove(s->rx, s->rx + 1, --s->n_rx);
	return byte;
}

static uint32_t read_register(struct uart *uart, uint64_t offset)
{
	uint16_t mask, *reg = find(uart, offset, &mask);

	if (reg)
		return *reg;
	if (offset >= PERIPHERAL_ID &&
	    offset < PERIPHERAL_ID + 4 * sizeof(ids))
		return ids[(offset - PERIPHERAL_ID) / 4];
	switch (offset) {
	case DR:
		return receive(&uart->state);
	case FR:
		return FR_TX_EMPTY | (uart->state.n_rx ? 0 : FR_RX_EMPTY);
	case RIS:
		return raw_interrupts(uart);
	case MIS:
		return interrupts(uart);
	default:
		return 0;
	}
}

static void write_register(struct uart *uart, uint64_t offset, uint32_t value)
{
	uint16_t mask, *reg = find(uart, offset, &mask);

	if (reg)
		*reg = value & mask;
	else if (offset == DR)
		transmit(uart, value);
	else if (offset == ICR && value & INT_TX)
		uart->state.sent = false;
}

/* Addresses that belong to nothing read as 0 and swallow writes. */
void uart_mmio(struct uart *uart, struct kvm_run *run)
{
	uint64_t offset = run->mmio.phys_addr - UART_BASE;
	uint32_t value = 0;

	pthread_mutex_lock(&uart->lock);
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data,
		       run->mmio.len < 4 ? run->mmio.len : 4);
		write_register(uart, offset, value);
	} else {
		value = read_register(uart, offset);
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		memcpy(run->mmio.data, &value, sizeof(value));
	}
	update_line(uart);
	pthread_mutex_unlock(&uart->lock);
}

void uart_send(struct uart *uart, uint8_t byte)
{
	struct uart_state *s = &uart->state;

	pthread_mutex_lock(&uart->lock);
	if (s->n_rx < sizeof(s->rx))
		s->rx[s->n_rx++] = byte;
	update_line(uart);
	pthread_mutex_unlock(&uart->lock);
}

const char *uart_answer(struct uart *uart, unsigned int i, unsigned int ms)
{
	struct timespec until;
	const char *answer;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&uart->lock);
	while (uart->n_answers <= i && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&uart->answered, &uart->lock,
					    &until);
	answer = uart->n_answers > i ? uart->answer[i] : NULL;
	pthread_mutex_unlock(&uart->lock);
	return answer;
}

bool uart_heard(struct uart *uart)
{
	bool heard;

	pthread_mutex_lock(&uart->lock);
	heard = uart->state.heard;
	pthread_mutex_unlock(&uart->lock);
	return heard;
}

void uart_forget(struct uart *uart)
{
	pthread_mutex_lock(&uart->lock);
	uart->n_answers = 0;
	pthread_mutex_unlock(&uart->lock);
}
