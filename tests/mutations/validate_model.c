// SPDX-License-Identifier: MIT
/*
 * validate_model - does the model keep the rules of VM-scoped registers?
 *
 * Prints the names of the rules that it breaks, a line each. Exits with 0 if
 * there are none, with 1 otherwise, with 3 if they could not be tested.
 */
#include <stdio.h>
#include <unistd.h>

#include "internal.h"
#include "model.h"

#define TIME_LIMIT 120	/* seconds; a broken kernel may never return */

static void tell(void *userdata, const struct onereg_rule *rule)
{
	int *broken = userdata;

	if (rule->result != ONEREG_RULE_BROKEN)
		return;
	*broken = 1;
	printf("%s\n", rule->name);
	fflush(stdout);
}

/* A rule is skipped where a kernel says that it has no such thing. */
static int has_all(const struct onereg_io *io)
{
	const int want_one_reg = 1 | 2 | 4 | 8, want_scope = 1 | 2;
	int kvm = io->open(io->userdata, "/dev/kvm"), ret;

	ret = io->ioctl(io->userdata, kvm, KA_CHECK_EXTENSION,
			(void *)KA_CAP_VM_ONE_REG) == want_one_reg &&
	      io->ioctl(io->userdata, kvm, KA_CHECK_EXTENSION,
			(void *)KA_CAP_ARM_REG_SCOPE) == want_scope;
	io->close(io->userdata, kvm);
	return ret;
}

int main(int argc, char **argv)
{
	const struct model_host_options options = {
		.sve = true, .pmu = true, .pauth = true, .vm_regs = true,
	};
	int broken = 0, ret;
	struct onereg_validate_options validate = {
		.size = sizeof(validate),
		.io_like_kernel = true,
		.only = argc > 1 ? argv[1] : NULL,
		.tell = tell,
		.userdata = &broken,
	};
	struct onereg_host *host;
	struct model *m;

	alarm(TIME_LIMIT);
	if (model_host_new(&options, &host))
		return 3;
	if (model_new(host, NULL, &m)) {
		onereg_host_free(host);
		return 3;
	}
	validate.io = model_io(m);
	if (!has_all(validate.io)) {
		puts("(capabilities)");
		broken = 1;
	}
	ret = onereg_validate(&validate, NULL);
	model_free(m);
	onereg_host_free(host);
	return ret ? 3 : broken;
}
