// SPDX-License-Identifier: MIT
/* onereg-vmm: runs a guest on KVM/arm64, saves it, restores it elsewhere. */
#include <string.h>

#include "vmm.h"

static const struct command_entry {
	const char *name;
	enum command bit;
	int (*run)(const struct options *options);
	bool wants_dir;
} commands[] = {
	{ "run", RUN, command_run, false },
	{ "restore", RESTORE, command_restore, true },
	{ "witness", WITNESS, command_witness, false },
	{ "move", MOVE, command_move, false },
	{ "receive", RECEIVE, command_receive, false },
};

static const struct command_entry *find(const char *name)
{
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command_entry *command;
	struct options options;
	bool done;
	int rc;

	if (argc < 2)
		return wrong_usage("which command?");
	/* "--help" in place of a command is an option like any other */
	if (argv[1][0] == '-') {
		rc = options_parse(argc, argv, 0, &options, &done);
		return rc || done ? rc : wrong_usage("which command?");
	}
	command = find(argv[1]);
	if (!command)
		return wrong_usage("%s: unknown command", argv[1]);
	rc = options_parse(argc - 1, argv + 1, command->bit, &options, &done);
	if (rc || done)
		return rc;
	if (command->wants_dir != !!options.dir)
		return wrong_usage(options.dir ? "%s takes no directory" :
						 "%s: which directory?",
				   command->name);
	return command->run(&options);
}
