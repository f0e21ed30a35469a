/* SPDX-License-Identifier: MIT */
/*
 * Acquisitions of the locks that a VM has once, kvm->arch.config_lock and
 * kvm->lock: measured where the kernel counts them (CONFIG_LOCK_STAT), else
 * counted by the table below. tests/host/bench.test holds one against the
 * other.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define ALL		UINT64_MAX
/* ID_*_EL1: op0 3, op1 0, CRn 0, CRm 1 to 7. */
#define ID_SPACE_MASK	(ALL & ~((uint64_t)SYS_LOW(0, 0, 0, 7, 7) & 0xffff))
#define CTR_EL0		SYS(3, 3, 0, 0, 1)

/* What one access takes; rows name the function of Linux 6.12 that does. */
static const struct lock_row {
	uint64_t id, mask;
	bool set;
	bool until_run;		/* no longer once a vCPU has run */
	bool by_others;		/* not on a kernel with VM-scoped registers */
} rows[] = {
	/* MPIDR_EL1 and its neighbours are before CRm 1: see locks_of(). */
	{ SYS(3, 0, 0, 0, 0), ID_SPACE_MASK, .set = true },
	{ SYS(3, 0, 0, 0, 0), ID_SPACE_MASK, .until_run = true },
	{ CTR_EL0, ALL, .set = true },			/* set_id_reg() */
	{ CTR_EL0, ALL, .until_run = true },		/* get_id_reg() */
	/* kvm_arm_set_fw_reg_bmap() */
	{ ID_ARM64 | ID_CLASS_BMAP, 0xff00000000000000ULL | ID_CLASS_MASK,
	  .set = true },
	/* set_pmcr(); with VM-scoped registers only to change PMCR_EL0.N */
	{ PMCR_EL0, ALL, .set = true, .by_others = true },
};

/* CRm 0 of the ID space: identification, and MPIDR_EL1. */
static bool is_identification(uint64_t id)
{
	return (id & ~7ULL) == SYS(3, 0, 0, 0, 0);
}

unsigned int locks_of(const struct door *door, bool set, uint64_t id)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct lock_row *row = &rows[i];

		if (row->set != set || (id & row->mask) != row->id ||
		    is_identification(id))
			continue;
		if (row->until_run && door->ran)
			continue;
		return row->by_others ? !door->vm_regs : 1;
	}
	return 0;
}

/* ---- /proc/lock_stat ---- */

static const char stat_path[] = "/proc/lock_stat";

static const char *const names[] = { "&kvm->arch.config_lock", "&kvm->lock" };

bool locks_measurable(void)
{
	FILE *file = fopen(stat_path, "r");
	int on = 1;

	if (!file)
		return false;
	fclose(file);
	/* Without sysctls it cannot be off. */
	file = fopen("/proc/sys/kernel/lock_stat", "r");
	if (!file)
		return true;
	if (fscanf(file, "%d", &on) != 1)
		on = 0;
	fclose(file);
	return on;
}

bool locks_reset(struct trouble *t)
{
	FILE *file = fopen(stat_path, "w");

	if (!file || fputs("0", file) < 0 || fclose(file))
		return trouble_set(t, errno, "cannot clear %s", stat_path);
	return true;
}

/*
 * The 8th number after a class's name and ':'; classes of one name, as
 * "&kvm->lock/1" or "&kvm->lock#2", are one here.
 */
static uint64_t acquisitions(const char *line, const char *name)
{
	size_t n = strlen(name);
	double number = 0;
	const char *p;
	char *end;

	line += strspn(line, " ");
	p = strchr(line, ':');
	if (!p || strncmp(line, name, n) || !strchr("/#:", line[n]))
		return 0;
	p++;
	for (int i = 0; i < 8; i++) {
		number = strtod(p, &end);
		if (end == p)
			return 0;
		p = end;
	}
	return (uint64_t)number;
}

bool locks_read(uint64_t *ret, struct trouble *t)
{
	FILE *file = fopen(stat_path, "r");
	char line[512];

	if (!file)
		return trouble_set(t, errno, "cannot read %s", stat_path);
	*ret = 0;
	while (fgets(line, sizeof(line), file))
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			*ret += acquisitions(line, names[i]);
	fclose(file);
	return true;
}
