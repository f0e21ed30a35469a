// SPDX-License-Identifier: MIT
/*
 * Random calls on two models: they agree, for any host; and where one of them
 * is another machine's or misbehaves, that is noticed. TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pair.h"

#define N_CALLS 20000

static struct run run;
static size_t number;
static bool good = true;

static void tell(bool ok, const char *what, const char *detail)
{
	printf("%sok %zu - %s\n", ok ? "" : "not ", ++number, what);
	if (!ok)
		printf("# %.400s\n", detail);
	good &= ok;
	fflush(stdout);
}

static void agree(const char *what, const struct model_host_options *options,
		  uint64_t seed)
{
	char name[128];
	struct pair p;

	run = (struct run){ .seed = seed, .n_calls = N_CALLS };
	snprintf(name, sizeof(name), "two models agree: %s", what);
	if (pair_of_models(&p, options)) {
		tell(false, name, "no models");
		return;
	}
	tell(!pair_run(&p, &run) && run.agree && run.made == N_CALLS &&
		     run.done > N_CALLS / 8, name, run.text);
	pair_close(&p);
}

/* The second model does that to one register of every vCPU. */
static const struct {
	const char *what;
	enum model_fault fault;
	uint64_t id, arg;
} faults[] = {
	{ "a feature register reads one bit wrong", MODEL_XOR_GET,
	  KA_ID_AA64PFR0, 1 },
	{ "a SET of a feature register is ignored", MODEL_IGNORE_SET,
	  KA_SYS(3, 0, 0, 4, 4), 0 },
	{ "a bit of a register is lost", MODEL_CLEAR_SET, KA_BMAP(0), 1 },
	{ "a register is not listed", MODEL_DROP, KA_TIMER_CVAL, 0 },
	{ "MIDR is refused", MODEL_REFUSE_SET, KA_MIDR, EINVAL },
	{ "a GET of PSCI's version fails", MODEL_REFUSE_GET, KA_PSCI_VERSION,
	  EIO },
	{ "a vector length reads wrong", MODEL_XOR_GET, KA_SVE_VLS, 2 },
};

static void notices(size_t i)
{
	const struct model_host_options o = {
		.sve = true, .pmu = true, .pauth = true, .vm_regs = true,
	};
	char name[128];
	struct pair p;

	run = (struct run){ .seed = 1, .n_calls = N_CALLS };
	snprintf(name, sizeof(name), "it is noticed that %s", faults[i].what);
	if (pair_of_models(&p, &o)) {
		tell(false, name, "no models");
		return;
	}
	if (!model_misbehave(p.second, faults[i].fault, faults[i].id, -1,
			     faults[i].arg))
		pair_run(&p, &run);
	tell(!run.agree, name, "it is not");
	pair_close(&p);
}

int main(void)
{
	struct model_host_options o = { .vm_regs = true };

	agree("with VM-scoped registers", &o, 1);
	agree("with VM-scoped registers, other calls", &o, 2);
	o.sve = o.pmu = o.pauth = true;
	agree("with SVE, PMU, pointer authentication, too", &o, 3);
	o.s1poe = true;
	agree("with registers that a field reveals", &o, 4);
	o.vm_regs = false;
	agree("without VM-scoped registers", &o, 5);
	o.no_masks = true;
	agree("with feature registers that are fixed", &o, 6);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		notices(i);
	printf("1..%zu\n", number);
	return good ? 0 : 1;
}
