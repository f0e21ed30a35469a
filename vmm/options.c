// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flip.h"
#include "vmm.h"

void usage(void)
{
	puts("usage: onereg-vmm run [OPTION]...\n"
	     "       onereg-vmm restore DIR [OPTION]...\n"
	     "       onereg-vmm witness [OPTION]...\n"
	     "       onereg-vmm move [OPTION]...\n"
	     "       onereg-vmm receive --from WHERE [OPTION]...\n"
	     "       onereg-vmm --list-checked | --help | --version\n"
	     "\n"
	     "run boots a guest, restore goes on with one that --save wrote.\n"
	     "witness changes single bits of registers under the payload, the\n"
	     "guest that comes along, and shows whether it notices.\n"
	     "move takes the guest from one VM to the next while it runs.\n"
	     "receive goes on with one that --migrate-to or --save-stream sent.\n"
	     "\n"
	     "  --vcpus N          default 1, at most 512\n"
	     "  --guest FILE       arm64 ELF or flat program; default: payload\n"
	     "  --kernel IMAGE     arm64 Linux, uncompressed, as the guest\n"
	     "  --initrd CPIO      of Linux; one whose /init is ours can be checked\n"
	     "  --cmdline TEXT     of Linux, in place of console=ttyAMA0 and the like\n"
	     "  --guest-cpus N     vCPUs that the payload brings up; default all\n"
	     "  --memory MIB       default 16, for Linux 256\n"
	     "  --hold N           rounds for which the payload holds its registers\n"
	     "  --no-sve, --no-pmu, --no-pauth\n"
	     "                     leave a vCPU feature out\n"
	     "  --no-its           no ITS, and no device that sends it messages\n"
	     "  --hypercalls VCPU[-VCPU]:REGISTER=VALUE[,...]\n"
	     "                     services that vCPUs differ in, where KVM offers it\n"
	     "  --baseline FILE    show the guest what all hosts have (onereg baseline)\n"
	     "  --run-for SECONDS  default of run: until the guest made a few passes; of\n"
	     "                     restore and receive, with neither --check, --save nor\n"
	     "                     a place to go to: until it ends by itself\n"
	     "  --check            ask the guest to check itself; then it is saved,\n"
	     "                     leaves, or ends\n"
	     "  --save DIR         at the end pause, save all of the VM\n"
	     "  --time MODE        of restore and receive: freeze (default) or catch-up\n"
	     "  --tolerate FILE    of restore and receive: differences that somebody\n"
	     "                     answers for\n"
	     "  --flip VCPU:REGISTER:BIT\n"
	     "                     change one bit before it goes on\n"
	     "  --vcpu N           of witness: whose registers; default 1\n"
	     "  --bits N           of witness: tried in each register; default 3\n"
	     "  --only PREFIX[,PREFIX]...\n"
	     "                     of witness: registers whose names begin so\n"
	     "  --times N          of move: default 1\n"
	     "  --threads N        of move and migration: for the blackout; default 1\n"
	     "  --migrate-to WHERE at the end, while it runs, to onereg-vmm receive.\n"
	     "                     WHERE: a file descriptor; two, IN,OUT; - for stdin\n"
	     "                     and stdout; a character device; a Unix socket\n"
	     "  --from WHERE       of receive: the same, or a file; where nothing is\n"
	     "                     at a path, it listens there\n"
	     "  --save-stream FILE as --migrate-to, but into a file\n"
	     "  --max-downtime MS  default 300; what is left is then sent at once\n"
	     "  --max-rounds N     of sending memory while it runs; default 30\n"
	     "  --if-too-dirty HOW after those: stop it (default), or give-up\n"
	     "  --rate MIB         a second, at most, while it runs\n"
	     "  --stall SECONDS    without a byte: the other side is dead; default 60\n"
	     "  --wait SECONDS     of receive: for the source's first byte; default: as\n"
	     "                     long as it takes\n"
	     "  --check-memory     compare checksums of all memory; in the blackout\n"
	     "  --rescue DIR       where the guest is saved if nobody knows who runs\n"
	     "                     it; default: kept in this process, stopped\n"
	     "  --json FILE        what was found out; - for stdout\n"
	     "\n"
	     "exit status: 0 done, and every verdict good; 1 a bad verdict;\n"
	     "2 wrong usage; 3 could not be done");
}

enum {
	OPT_VCPUS = 256,
	OPT_GUEST,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_CMDLINE,
	OPT_GUEST_CPUS,
	OPT_MEMORY,
	OPT_HOLD,
	OPT_NO_SVE,
	OPT_NO_PMU,
	OPT_NO_PAUTH,
	OPT_NO_ITS,
	OPT_RUN_FOR,
	OPT_CHECK,
	OPT_SAVE,
	OPT_TIME,
	OPT_FLIP,
	OPT_VCPU,
	OPT_BITS,
	OPT_ONLY,
	OPT_JSON,
	OPT_TIMES,
	OPT_THREADS,
	OPT_BASELINE,
	OPT_HYPERCALLS,
	OPT_TOLERATE,
	OPT_MIGRATE_TO,
	OPT_FROM,
	OPT_SAVE_STREAM,
	OPT_MAX_DOWNTIME,
	OPT_MAX_ROUNDS,
	OPT_IF_TOO_DIRTY,
	OPT_RATE,
	OPT_STALL,
	OPT_WAIT,
	OPT_CHECK_MEMORY,
	OPT_RESCUE,
	OPT_LIST,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option known[] = {
	{ "vcpus", required_argument, NULL, OPT_VCPUS },
	{ "guest", required_argument, NULL, OPT_GUEST },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "cmdline", required_argument, NULL, OPT_CMDLINE },
	{ "guest-cpus", required_argument, NULL, OPT_GUEST_CPUS },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "hold", required_argument, NULL, OPT_HOLD },
	{ "no-sve", no_argument, NULL, OPT_NO_SVE },
	{ "no-pmu", no_argument, NULL, OPT_NO_PMU },
	{ "no-pauth", no_argument, NULL, OPT_NO_PAUTH },
	{ "no-its", no_argument, NULL, OPT_NO_ITS },
	{ "run-for", required_argument, NULL, OPT_RUN_FOR },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "save", required_argument, NULL, OPT_SAVE },
	{ "time", required_argument, NULL, OPT_TIME },
	{ "flip", required_argument, NULL, OPT_FLIP },
	{ "vcpu", required_argument, NULL, OPT_VCPU },
	{ "bits", required_argument, NULL, OPT_BITS },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "times", required_argument, NULL, OPT_TIMES },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "baseline", required_argument, NULL, OPT_BASELINE },
	{ "hypercalls", required_argument, NULL, OPT_HYPERCALLS },
	{ "tolerate", required_argument, NULL, OPT_TOLERATE },
	{ "migrate-to", required_argument, NULL, OPT_MIGRATE_TO },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "save-stream", required_argument, NULL, OPT_SAVE_STREAM },
	{ "max-downtime", required_argument, NULL, OPT_MAX_DOWNTIME },
	{ "max-rounds", required_argument, NULL, OPT_MAX_ROUNDS },
	{ "if-too-dirty", required_argument, NULL, OPT_IF_TOO_DIRTY },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "stall", required_argument, NULL, OPT_STALL },
	{ "wait", required_argument, NULL, OPT_WAIT },
	{ "check-memory", no_argument, NULL, OPT_CHECK_MEMORY },
	{ "rescue", required_argument, NULL, OPT_RESCUE },
	{ "list-checked", no_argument, NULL, OPT_LIST },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

/* Whose guest can go on elsewhere. */
#define MIGRATE (RUN | RESTORE | RECEIVE)

/* Which commands use an option; any other would ignore it. */
static const unsigned char users[] = {
	[OPT_VCPUS - OPT_VCPUS] = RUN | WITNESS | MOVE,
	[OPT_GUEST - OPT_VCPUS] = RUN,
	[OPT_KERNEL - OPT_VCPUS] = RUN | MOVE,
	[OPT_INITRD - OPT_VCPUS] = RUN | MOVE,
	[OPT_CMDLINE - OPT_VCPUS] = RUN | MOVE,
	[OPT_GUEST_CPUS - OPT_VCPUS] = RUN | WITNESS | MOVE,
	[OPT_MEMORY - OPT_VCPUS] = RUN | WITNESS | MOVE,
	[OPT_HOLD - OPT_VCPUS] = RUN | WITNESS | MOVE,
	[OPT_NO_SVE - OPT_VCPUS] = RUN | WITNESS | MOVE,
	[OPT_NO_PMU - OPT_VCPUS] = RUN | WITNESS | MOVE,
	[OPT_NO_PAUTH - OPT_VCPUS] = RUN | WITNESS | MOVE,
	[OPT_NO_ITS - OPT_VCPUS] = RUN | WITNESS | MOVE,
	[OPT_RUN_FOR - OPT_VCPUS] = RUN | RESTORE | RECEIVE,
	[OPT_CHECK - OPT_VCPUS] = RUN | RESTORE | RECEIVE,
	[OPT_SAVE - OPT_VCPUS] = RUN | RESTORE | RECEIVE,
	[OPT_TIME - OPT_VCPUS] = RESTORE | RECEIVE,
	[OPT_FLIP - OPT_VCPUS] = RUN | RESTORE,
	[OPT_VCPU - OPT_VCPUS] = WITNESS,
	[OPT_BITS - OPT_VCPUS] = WITNESS,
	[OPT_ONLY - OPT_VCPUS] = WITNESS,
	[OPT_JSON - OPT_VCPUS] = RUN | RESTORE | MOVE | RECEIVE,
	[OPT_TIMES - OPT_VCPUS] = MOVE,
	[OPT_BASELINE - OPT_VCPUS] = RUN | MOVE,
	[OPT_HYPERCALLS - OPT_VCPUS] = RUN | MOVE,
	[OPT_TOLERATE - OPT_VCPUS] = RESTORE | RECEIVE,
	[OPT_THREADS - OPT_VCPUS] = MOVE | MIGRATE | RECEIVE,
	[OPT_MIGRATE_TO - OPT_VCPUS] = MIGRATE,
	[OPT_FROM - OPT_VCPUS] = RECEIVE,
	[OPT_SAVE_STREAM - OPT_VCPUS] = MIGRATE,
	[OPT_MAX_DOWNTIME - OPT_VCPUS] = MIGRATE,
	[OPT_MAX_ROUNDS - OPT_VCPUS] = MIGRATE,
	[OPT_IF_TOO_DIRTY - OPT_VCPUS] = MIGRATE,
	[OPT_RATE - OPT_VCPUS] = MIGRATE,
	[OPT_STALL - OPT_VCPUS] = MIGRATE,
	[OPT_WAIT - OPT_VCPUS] = RECEIVE,
	[OPT_CHECK_MEMORY - OPT_VCPUS] = MIGRATE,
	[OPT_RESCUE - OPT_VCPUS] = MIGRATE,
};

static int check_user(int option, enum command command)
{
	if (option < OPT_VCPUS || option >= OPT_LIST || !command ||
	    users[option - OPT_VCPUS] & command)
		return 0;
	return wrong_usage("--%s: not an option of this command",
			   known[option - OPT_VCPUS].name);
}

static int number(const char *name, const char *text, unsigned long min,
		  unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	if (errno || *end || end == text || text[0] == '-' || *ret < min ||
	    *ret > max)
		return wrong_usage("--%s %s: not a number from %lu to %lu",
				   name, text, min, max);
	return 0;
}

static int seconds(const char *text, double *ret)
{
	char *end;

	*ret = strtod(text, &end);
	if (*end || end == text || !(*ret >= 0 && *ret < 1e6))
		return wrong_usage("--run-for %s: not a time in seconds", text);
	return 0;
}

static int time_mode(const char *text, enum onereg_time *ret)
{
	*ret = ONEREG_TIME_FREEZE;
	if (!strcmp(text, "catch-up"))
		*ret = ONEREG_TIME_CATCH_UP;
	else if (strcmp(text, "freeze"))
		return wrong_usage("--time %s: not freeze or catch-up", text);
	return 0;
}

static int numeric(int option, struct options *o)
{
	unsigned long n = 0;
	int rc = USAGE;

	switch (option) {
	case OPT_VCPUS:
		rc = number("vcpus", optarg, 1, MAX_VCPUS, &n);
		o->machine.vcpus = n;
		break;
	case OPT_GUEST_CPUS:
		rc = number("guest-cpus", optarg, 1, MAX_VCPUS, &n);
		o->guest.cpus = n;
		break;
	case OPT_MEMORY:
		/* Linux takes more, but the payload's map ends at 4 GiB */
		rc = number("memory", optarg, 1, 3072, &n);
		o->machine.memory_size = n << 20;
		break;
	case OPT_HOLD:
		rc = number("hold", optarg, 1, 1000000000, &n);
		o->guest.hold = n;
		break;
	case OPT_VCPU:
		rc = number("vcpu", optarg, 0, MAX_VCPUS - 1, &n);
		o->vcpu = n;
		break;
	case OPT_BITS:
		rc = number("bits", optarg, 1, 3, &n);
		o->bits = n;
		break;
	case OPT_TIMES:
		rc = number("times", optarg, 1, 10000, &n);
		o->times = n;
		break;
	case OPT_THREADS:
		rc = number("threads", optarg, 1, MAX_VCPUS, &n);
		o->threads = n;
		break;
	}
	return rc;
}

static int migrate_number(int option, struct migrate_options *o)
{
	unsigned long n = 0;
	int rc = USAGE;

	switch (option) {
	case OPT_MAX_DOWNTIME:
		rc = number("max-downtime", optarg, 0, 3600000, &n);
		o->max_downtime_ms = n;
		break;
	case OPT_MAX_ROUNDS:
		rc = number("max-rounds", optarg, 1, 1000, &n);
		o->max_rounds = n;
		break;
	case OPT_RATE:
		rc = number("rate", optarg, 1, 1 << 20, &n);
		o->rate = n << 20;
		break;
	case OPT_STALL:
		rc = number("stall", optarg, 1, 3600, &n);
		o->stall_s = n;
		o->stall = true;
		break;
	case OPT_WAIT:
		rc = number("wait", optarg, 1, 604800, &n);
		o->wait_s = n;
		break;
	}
	return rc;
}

/* What does nothing where the guest stays. */
static bool is_of_source(int option)
{
	return option == OPT_MAX_DOWNTIME || option == OPT_MAX_ROUNDS ||
	       option == OPT_IF_TOO_DIRTY || option == OPT_RATE ||
	       option == OPT_CHECK_MEMORY;
}

/* What is there may be the only copy of a guest. */
static int rescue_place(const char *dir)
{
	char path[PATH_SIZE];
	int rc = snapshot_place("rescue", dir) ?:
		 path_join(path, dir, "machine");

	if (rc || access(path, F_OK))
		return rc;
	return cannot("a guest may be kept there: restore or remove it",
		      "--rescue %s: a saved VM is there", dir);
}

static int migrate_option(int option, struct migrate_options *o)
{
	if (is_of_source(option))
		o->of_source = known[option - OPT_VCPUS].name;
	switch (option) {
	case OPT_MIGRATE_TO:
		o->to = optarg;
		/* What the guest says goes there. */
		if (!strcmp(optarg, "-"))
			return wrong_usage("--migrate-to -: stdout is the "
					   "guest's; give descriptors, as 5,6");
		return 0;
	case OPT_FROM:
		o->from = optarg;
		return 0;
	case OPT_SAVE_STREAM:
		o->save_stream = optarg;
		return 0;
	case OPT_IF_TOO_DIRTY:
		o->give_up = !strcmp(optarg, "give-up");
		if (!o->give_up && strcmp(optarg, "stop"))
			return wrong_usage("--if-too-dirty %s: not stop or "
					   "give-up", optarg);
		return 0;
	case OPT_CHECK_MEMORY:
		o->check_memory = true;
		return 0;
	case OPT_RESCUE:
		o->rescue = optarg;
		return rescue_place(optarg);
	default:
		return migrate_number(option, o);
	}
}

static int take(int option, struct options *o)
{
	switch (option) {
	case OPT_GUEST:
		o->guest.file = optarg;
		return 0;
	case OPT_KERNEL:
		o->guest.kernel = optarg;
		return 0;
	case OPT_INITRD:
		o->guest.initrd = optarg;
		return 0;
	case OPT_CMDLINE:
		o->guest.cmdline = optarg;
		return 0;
	case OPT_NO_SVE:
		o->shape.no_sve = true;
		return 0;
	case OPT_NO_PMU:
		o->shape.no_pmu = true;
		return 0;
	case OPT_NO_PAUTH:
		o->shape.no_pauth = true;
		return 0;
	case OPT_NO_ITS:
		o->machine.its = 0;
		return 0;
	case OPT_RUN_FOR:
		return seconds(optarg, &o->run_for);
	case OPT_CHECK:
		o->check = true;
		return 0;
	case OPT_SAVE:
		o->save = optarg;
		return 0;
	case OPT_TIME:
		return time_mode(optarg, &o->time);
	case OPT_FLIP:
		o->flip = optarg;
		return 0;
	case OPT_ONLY:
		o->only = optarg;
		return 0;
	case OPT_BASELINE:
		o->shape.baseline = optarg;
		return 0;
	case OPT_HYPERCALLS:
		return hypercalls_parse(optarg, &o->shape.hypercalls);
	case OPT_TOLERATE:
		o->tolerate = optarg;
		return 0;
	case OPT_JSON:
		o->json = optarg;
		return 0;
	case '?':
		return wrong_usage("unknown option, or one without its value");
	default:
		return option >= OPT_MIGRATE_TO && option < OPT_LIST ?
			       migrate_option(option, &o->migrate) :
			       numeric(option, o);
	}
}

static void defaults(struct options *o)
{
	*o = (struct options){
		.machine = {
			.vcpus = 1,
			.nr_irqs = NR_IRQS,
			.gicd = GICD_BASE,
			.gicr = GICR_BASE,
			.its = ITS_BASE,
		},
		.vcpu = 1,
		.bits = 3,
		.times = 1,
		.migrate = {
			.max_downtime_ms = 300,
			.max_rounds = 30,
			.stall_s = 60,
		},
	};
	uart_reset(&o->machine.uart);
}

/* What answers by itself; true: done. */
static bool answered(int option)
{
	if (option == OPT_HELP)
		usage();
	else if (option == OPT_LIST)
		flip_list();
	else if (option == OPT_VERSION)
		printf("onereg-vmm %s\n", ONEREG_VERSION);
	else
		return false;
	return true;
}

static void name_guest(struct options *o)
{
	const char *file = o->guest.kernel ? "linux" :
					     o->guest.file ?: "payload";
	const char *slash = strrchr(file, '/');

	snprintf(o->machine.guest, sizeof(o->machine.guest), "%s",
		 slash ? slash + 1 : file);
	/* it goes into JSON */
	for (char *c = o->machine.guest; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static void choose_guest(struct options *o)
{
	o->machine.kind = o->guest.kernel ? GUEST_LINUX :
			  o->guest.file	  ? GUEST_PROGRAM :
					    GUEST_PAYLOAD;
	name_guest(o);
	if (!o->machine.memory_size)
		o->machine.memory_size =
			(o->machine.kind == GUEST_LINUX ? 256 : 16) << 20;
}

/* Only the payload and Linux know when they have run enough. */
static int check_guest(const struct options *o)
{
	const struct guest_options *g = &o->guest;

	if (g->kernel && g->file)
		return wrong_usage("--kernel or --guest, not both");
	if (!g->kernel && (g->initrd || g->cmdline))
		return wrong_usage("--initrd and --cmdline want --kernel");
	if ((g->kernel || g->file) && (g->cpus || g->hold))
		return wrong_usage("--guest-cpus and --hold are the payload's");
	if (!g->file)
		return 0;
	if (o->check)
		return wrong_usage("--check: only the payload and Linux check "
				   "themselves");
	if (!(o->run_for > 0))
		return wrong_usage("a guest other than the payload and Linux "
				   "needs --run-for");
	return 0;
}

static int check_migration(const struct options *o, enum command command)
{
	const struct migrate_options *m = &o->migrate;

	if (command == RECEIVE && !m->from)
		return wrong_usage("receive: --from where?");
	if (m->to && m->save_stream)
		return wrong_usage("--migrate-to or --save-stream, not both");
	if (m->of_source && !m->to && !m->save_stream)
		return wrong_usage("--%s wants --migrate-to or --save-stream: "
				   "else the guest stays", m->of_source);
	if (m->stall && command != RECEIVE && !m->to)
		return wrong_usage("--stall wants --migrate-to: there is no "
				   "other side");
	if (o->threads && command & (RUN | RESTORE) && !m->to &&
	    !m->save_stream)
		return wrong_usage("--threads wants --migrate-to or "
				   "--save-stream");
	if (m->rescue && !m->to)
		return wrong_usage("--rescue wants --migrate-to: else nobody "
				   "doubts where the guest is");
	return 0;
}

int options_parse(int argc, char **argv, enum command command,
		  struct options *ret, bool *ret_done)
{
	int option, rc;

	defaults(ret);
	opterr = 0;
	*ret_done = false;
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		*ret_done = answered(option);
		if (*ret_done)
			return 0;
		rc = check_user(option, command) ?: take(option, ret);
		if (rc)
			return rc;
	}
	if (optind < argc)
		ret->dir = argv[optind++];
	if (optind < argc)
		return wrong_usage("%s: one argument too many", argv[optind]);
	if (ret->guest.cpus > ret->machine.vcpus)
		return wrong_usage("--guest-cpus %u: the VM has %u",
				   ret->guest.cpus, ret->machine.vcpus);
	choose_guest(ret);
	rc = check_migration(ret, command) ?: check_guest(ret) ?:
	     hypercalls_check(&ret->shape.hypercalls, ret->machine.vcpus);
	if (!ret->threads)
		ret->threads = 1;
	return rc;
}
