// SPDX-License-Identifier: MIT
/* onereg-vmm: runs a guest on KVM/arm64, saves it, restores it elsewhere. */
#include <string.h>

#include "vmm.h"

static const struct {
	const char *name;
	int (*run)(const struct options *options);
	bool wants_dir;
} commands[] = {
	{ "run", command_run, false },
	{ "restore", command_restore, true },
	{ "witness", command_witness, false },
};

static int dispatch(const char *name, const struct options *options)
{
	for (unsigned int i = 0; i < 3; i++) {
		if (strcmp(commands[i].name, name))
			continue;
		if (commands[i].wants_dir != !!options->dir)
			return wrong_usage(options->dir ?
						   "%s takes no directory" :
						   "%s: which directory?",
					   name);
		return commands[i].run(options);
	}
	return wrong_usage("%s: unknown command", name);
}

int main(int argc, char **argv)
{
	struct options options;
	bool done;
	int rc;

	if (argc < 2)
		return wrong_usage("which command?");
	/* "--help" in place of a command is an option like any other */
	if (argv[1][0] == '-') {
		rc = options_parse(argc, argv, &options, &done);
		return rc || done ? rc : wrong_usage("which command?");
	}
	rc = options_parse(argc - 1, argv + 1, &options, &done);
	return rc || done ? rc : dispatch(argv[1], &options);
}
