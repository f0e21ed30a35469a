// SPDX-License-Identifier: MIT
/* As much of a PL011 as the guest sees: data and flags. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vmm.h"

#define DR 0x00
#define FR 0x18
#define FR_RX_EMPTY 0x10
#define FR_TX_EMPTY 0x80

void uart_init(struct uart *uart)
{
	memset(uart, 0, sizeof(*uart));
	pthread_mutex_init(&uart->lock, NULL);
	pthread_cond_init(&uart->answered, NULL);
}

static void keep_answer(struct uart *uart)
{
	if (strncmp(uart->line, "payload: ", 9) ||
	    uart->n_answers == UART_LINES)
		return;
	strcpy(uart->answer[uart->n_answers++], uart->line);
	pthread_cond_broadcast(&uart->answered);
}

static void transmit(struct uart *uart, uint8_t byte)
{
	if (byte != '\n' && uart->n_line < UART_LINE - 1) {
		uart->line[uart->n_line++] = byte;
		return;
	}
	uart->line[uart->n_line] = 0;
	if (!uart->quiet) {
		puts(uart->line);
		fflush(stdout);
	}
	keep_answer(uart);
	uart->n_line = 0;
}

static uint8_t receive(struct uart *uart)
{
	uint8_t byte = uart->rx[0];

	if (!uart->n_rx)
		return 0;
	memmove(uart->rx, uart->rx + 1, --uart->n_rx);
	return byte;
}

static uint32_t read_register(struct uart *uart, uint64_t offset)
{
	switch (offset) {
	case DR:
		return receive(uart);
	case FR:
		return FR_TX_EMPTY | (uart->n_rx ? 0 : FR_RX_EMPTY);
	default:
		return 0;
	}
}

/* Addresses that belong to nothing read as 0 and swallow writes. */
void uart_mmio(struct uart *uart, struct kvm_run *run)
{
	uint64_t offset = run->mmio.phys_addr - UART_BASE;
	uint32_t value;

	pthread_mutex_lock(&uart->lock);
	if (run->mmio.is_write) {
		if (offset == DR)
			transmit(uart, run->mmio.data[0]);
	} else {
		value = read_register(uart, offset);
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		memcpy(run->mmio.data, &value, sizeof(value));
	}
	pthread_mutex_unlock(&uart->lock);
}

void uart_send(struct uart *uart, uint8_t byte)
{
	pthread_mutex_lock(&uart->lock);
	if (uart->n_rx < sizeof(uart->rx))
		uart->rx[uart->n_rx++] = byte;
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

void uart_forget(struct uart *uart)
{
	pthread_mutex_lock(&uart->lock);
	uart->n_answers = 0;
	pthread_mutex_unlock(&uart->lock);
}
