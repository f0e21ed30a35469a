// SPDX-License-Identifier: MIT
/* What each vCPU reads, by KVM_GET_REG_LIST and KVM_GET_ONE_REG alone. */
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "unaware_dump.h"

/* By the names of linux/kvm.h: CNT's id has the encoding of CVAL. */
#define TIMER_CTL 0x603000000013df19ull
#define TIMER_CNT 0x603000000013df1aull
#define PTIMER_CTL 0x603000000013df11ull
#define PTIMER_CNT 0x603000000013df01ull
#define ISTATUS 4

static void print(FILE *out, size_t vcpu, uint64_t id, uint8_t *value)
{
	uint64_t count;

	if (id == TIMER_CNT || id == PTIMER_CNT) {
		memcpy(&count, value, sizeof(count));
		fprintf(out, "counter %zu 0x%llx %llu\n", vcpu,
			(unsigned long long)id, (unsigned long long)count);
		return;
	}
	if (id == TIMER_CTL || id == PTIMER_CTL)
		value[0] &= ~ISTATUS;
	fprintf(out, "%zu 0x%llx ", vcpu, (unsigned long long)id);
	for (int i = 0; i < 1 << (id >> 52 & 15); i++)
		fprintf(out, "%02x", value[i]);
	fprintf(out, "\n");
}

static int dump_vcpu(FILE *out, size_t i, int fd)
{
	struct kvm_reg_list probe = { 0 }, *list;
	int rc = 0;

	ioctl(fd, KVM_GET_REG_LIST, &probe);
	list = calloc(1, sizeof(*list) + probe.n * sizeof(list->reg[0]));
	if (!list)
		return 1;
	list->n = probe.n;
	if (ioctl(fd, KVM_GET_REG_LIST, list) < 0)
		rc = 1;
	for (uint64_t k = 0; !rc && k < list->n; k++) {
		uint8_t value[256] = { 0 };
		struct kvm_one_reg reg = { .id = list->reg[k],
					   .addr = (uintptr_t)value };

		rc = ioctl(fd, KVM_GET_ONE_REG, &reg) < 0;
		if (!rc)
			print(out, i, reg.id, value);
	}
	free(list);
	return rc;
}

static void dump_state(FILE *out, size_t i, int fd)
{
	struct kvm_vcpu_events events = { 0 };
	struct kvm_mp_state state = { 0 };

	ioctl(fd, KVM_GET_VCPU_EVENTS, &events);
	ioctl(fd, KVM_GET_MP_STATE, &state);
	fprintf(out, "%zu events %u %u %llx\n", i,
		events.exception.serror_pending,
		events.exception.serror_has_esr,
		(unsigned long long)events.exception.serror_esr);
	fprintf(out, "%zu mp_state %u\n", i, state.mp_state);
}

int unaware_dump(const char *path, const int *vcpu_fds, size_t n)
{
	FILE *out = fopen(path, "w");
	int rc = out ? 0 : 1;

	/* the state first: reading a register carries out a reset */
	for (size_t i = 0; !rc && i < n; i++)
		dump_state(out, i, vcpu_fds[i]);
	for (size_t i = 0; !rc && i < n; i++)
		rc = dump_vcpu(out, i, vcpu_fds[i]);
	if (out && fclose(out))
		rc = 1;
	if (rc)
		perror(path);
	return rc;
}
