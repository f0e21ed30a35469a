/* SPDX-License-Identifier: MIT */
/* onereg: a table of commands. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tool.h"

static const struct command commands[] = {
	{ "host",
	  "host [--probe-scope] [--device PATH] [-o FILE] [--json]",
	  "describe this KVM host: capabilities, registers, what may change",
	  "Asks the kernel, on scratch VMs of its own; running VMs notice "
	  "nothing.\n"
	  "\n"
	  "  --probe-scope  observe where the kernel keeps each register: "
	  "once for the\n"
	  "                 VM, or per vCPU\n"
	  "  --device PATH  another device than /dev/kvm\n"
	  "  -o FILE        keep the description, for check --on and diff\n",
	  host_main },
	{ "show", "show FILE [--json]",
	  "an image or host description, by register and field",
	  "FILE is an image, a host description, or a register dump of "
	  "Firecracker's\ncpu-template-helper.\n",
	  show_main },
	{ "diff", "diff A B [--json]",
	  "what differs between two images or two hosts, by name and field",
	  "Each is an image, a host description or a register dump. A host "
	  "compared with\nan image stands for a fresh VM there. Exit status 0: "
	  "the same, 1: different.\n",
	  diff_main },
	{ "check",
	  "check IMAGE [--on HOST] [--tolerate FILE] [--device PATH] [--json]",
	  "would it restore here, or on a described host; every reason",
	  "Without --on, the image is also restored into a scratch VM here "
	  "and proved.\nA host description in place of IMAGE stands for a "
	  "fresh VM there.\nExit status 0: yes, or yes with care; 1: no.\n"
	  "\n"
	  "  --on HOST      a host description, or a register dump of "
	  "Firecracker's\n"
	  "                 cpu-template-helper\n"
	  "  --tolerate FILE\n"
	  "                 differences that somebody answers for, each with a "
	  "reason;\n"
	  "                 docs/fleet.md\n"
	  "  --device PATH  another device than /dev/kvm\n",
	  check_main },
	{ "export", "export IMAGE -o FILE [--on HOST] [--json]",
	  "an image for a VMM that knows nothing of it: plain calls",
	  "The KVM_SET_ONE_REG calls of a plain loop, in an order that gives "
	  "the right VM;\ndocs/format.md has the form. Exit status 1: the VM "
	  "uses what such a loop cannot\ncarry, which is named, and nothing is "
	  "written.\n"
	  "\n"
	  "  -o FILE        the file to write\n"
	  "  --on HOST      where to: registers that it can do without are left "
	  "out\n",
	  export_main },
	{ "import", "import JSON -o HOST [--json]",
	  "a host description from a register dump",
	  "JSON is what Firecracker's cpu-template-helper writes "
	  "(fingerprint dump).\n"
	  "\n"
	  "  -o HOST        the file to write\n",
	  import_main },
	{ "gate", "gate HOST|DIR|etcd:PREFIX... [--feature LIST] [--json]",
	  "what may be switched on, as every one of several hosts has it",
	  "HOSTs are all that a VM may move to or fall back to. What not all "
	  "have is named\nwith the hosts that hold it back. docs/fleet.md is the "
	  "guide.\n"
	  "\n"
	  "  --feature LIST  names with commas between them; exit status 0: "
	  "every host has\n"
	  "                  all of them, 1: may not be switched on\n",
	  gate_main },
	{ "baseline",
	  "baseline HOST|DIR|etcd:PREFIX... [-o FILE] [--tolerate FILE] "
	  "[--features LIST] [--json]",
	  "what every one of several hosts can show a guest",
	  "The best values of feature registers that each host has or takes: a "
	  "guest that is\npinned to them moves to any of the hosts. Exit "
	  "status 1: there are none, and\neach field that prevents it is named "
	  "with its host. docs/fleet.md is the guide.\n"
	  "\n"
	  "  -o FILE          keep the baseline, for onereg-vmm run --baseline\n"
	  "  --tolerate FILE  differences that somebody answers for\n"
	  "  --features LIST  of vCPUs, as PMU_V3,SVE; else the most that all "
	  "offer\n",
	  baseline_main },
	{ "validate",
	  "validate [--list] [--only PATTERN] [--device PATH] [--json]",
	  "does this kernel keep the rules of its register interface; TAP",
	  "Tests each rule, of today's interface and of VM-scoped registers, "
	  "on scratch VMs\nof its own, and prints TAP. A rule that is about "
	  "something this kernel does not\nhave is skipped and says so. Exit "
	  "status 0: all kept, 1: a rule is broken.\n"
	  "\n"
	  "  --list         the rules, without testing\n"
	  "  --only PATTERN those with this in their names; may have * and ?\n"
	  "  --device PATH  another device than /dev/kvm\n",
	  validate_main },
	{ "bench",
	  "bench [--vcpus LIST] [--state IMAGE] [--qemu SEQUENCE] "
	  "[--rounds N] [--threads N] [--csv] [--codec HOST] [--device PATH] "
	  "[--json]",
	  "what moving a VM's registers costs while the guest is stopped",
	  "Moves a VM of its own in each way there is, and measures what is "
	  "done from the\nguest's stop until it can go on: replay, every "
	  "register of every vCPU, as most\nVMMs do; qemu, the calls that "
	  "QEMU was seen to make; stock or onereg, this\nlibrary, without or "
	  "with VM-scoped registers in the kernel. Exit status 1: the\n"
	  "library lost a register.\n"
	  "\n"
	  "  --vcpus LIST   how many vCPUs the VM has, one after the other; "
	  "1,4,16,64\n"
	  "  --state IMAGE  what the guest's registers hold; else made up\n"
	  "  --qemu SEQUENCE\n"
	  "                 QEMU's calls, bench/qemu-7.2.sequence\n"
	  "  --rounds N     that are measured, for the median; default 9, "
	  "or where the clock\n"
	  "                 counts instructions 3, from 32 vCPUs on 1\n"
	  "  --threads N    that the library's jobs run on; default 1\n"
	  "  --csv          one line for each way, side and number of vCPUs\n"
	  "  --codec HOST   what writing and reading an image costs instead, "
	  "of a VM on\n"
	  "                 that described host\n"
	  "  --device PATH  another device than /dev/kvm\n",
	  bench_main },
	{ "trace",
	  "trace [--registers] [--every-call] [--output FILE] [--record FILE] "
	  "[--json] -- COMMAND [ARG]...",
	  "which registers a VMM reads and writes, and which in vain",
	  "Runs COMMAND, any VMM, and tells on standard error what it and all "
	  "that it starts\nasked of KVM's registers: in which phase, of which "
	  "scope, how often in vain, at\nwhat cost. Exit status: COMMAND's; "
	  "128 + n after signal n. SIGUSR1, sent here,\nsays that the guest's "
	  "state is loaded from now on.\n"
	  "\n"
	  "  --registers    each register too\n"
	  "  --every-call   stop at all system calls, not at KVM's alone: "
	  "slower; for a VMM\n"
	  "                 whose own filter answers KVM's calls\n"
	  "  --output FILE  the report, instead of standard error\n"
	  "  --record FILE  every call on a register, one a line\n",
	  trace_main, .runs_another = true },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int print_usage(void)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("%s onereg %s\n", i ? "      " : "usage:",
		       commands[i].synopsis);
	printf("       onereg help [COMMAND]\n"
	       "       onereg --version\n"
	       "\n"
	       "The register plane of KVM/arm64 virtual machines: what can "
	       "move where.\n"
	       "\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].brief);
	printf("\n"
	       "  --json   prints one JSON object, errors included\n"
	       "\n"
	       "Exit status: 0 yes or done, 1 no or different, 2 wrong usage, "
	       "3 could not be done.\n");
	return end_text(DONE);
}

static int print_help(const struct command *command)
{
	printf("usage: onereg %s\n\n%s\n\n%s", command->synopsis,
	       command->brief, command->help);
	return end_text(DONE);
}

static bool asks_json(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static int help_main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 3)
		return print_usage();
	command = find(argv[2]);
	if (!command)
		return wrong_usage(false, NULL, "there is no command %s",
				   argv[2]);
	return print_help(command);
}

/* Each vCPU of a scratch VM is a file, and soft limits are often 1,024. */
static void allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2)
		return wrong_usage(false, NULL, "no command");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help"))
		return help_main(argc, argv);
	if (!strcmp(argv[1], "--version")) {
		printf("onereg %s\n", onereg_version());
		return end_text(DONE);
	}
	command = find(argv[1]);
	if (!command)
		return wrong_usage(asks_json(argc, argv), NULL,
				   "there is no command %s", argv[1]);
	if (argc == 3 &&
	    (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h")))
		return print_help(command);
	if (!command->runs_another)
		allow_files();
	return command->run(argc - 1, argv + 1);
}
