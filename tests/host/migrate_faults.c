// SPDX-License-Identifier: MIT
/*
 * Migrations within one host between two processes, with this program in the
 * middle: it passes the stream on, knows its sections, and at a chosen byte
 * kills a process, cuts the stream, damages it, or stops a process until the
 * other has lost patience. Then: does the guest live on exactly one side?
 *
 *	migrate-faults N SEED [FIRST]	the N faults from the FIRST on
 *	migrate-faults hold PATH PROGRAM [ARG]...
 *		runs PROGRAM with PATH as descriptor 3: a device may be opened
 *		once only, and what comes while nobody has it open is lost
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "said.h"

#define HEADER 40
#define FIRST_ANSWER 11
#define RESCUE "rescue"
#define PATIENT 150 /* seconds */
#define MINE "another guest"

/* In the order in which they come, for people: there and back. */
static const char *const sections[] = {
	"HELO", "MACH", "IMAG", "ROUN", "PAGE", "STOP", "DEVS", "HASH",
	"REGS", "END.", "GO..", "HELO", "REDY", "CONF", "RUNS",
};

#define N_SECTIONS (sizeof(sections) / sizeof(*sections))
#define GO 10

enum action {
	KILL_SOURCE,
	KILL_DESTINATION,
	CUT,
	FLIP,
	STOP_SOURCE,
	STOP_DESTINATION,
};

static const char *const actions[] = {
	"kill source", "kill destination", "cut",
	"flip",	       "stop source",	   "stop destination",
};

struct fault {
	unsigned int section;
	enum action action;
	uint32_t at; /* byte of the section; beyond it: its end */
};

/* One direction; a section is passed on when all of it is here. */
struct flow {
	int from, to;
	bool answers, ended;
	uint8_t *section;
	uint32_t size;
};

struct side {
	pid_t pid;
	int fd; /* our end */
	const char *said; /* file */
	bool killed, stuck;
	int status; /* exit status */
};

struct run {
	struct fault fault;
	struct side source, destination;
	struct flow there, back;
	bool struck, cut;
	struct side *stopped; /* until the other side has had enough of it */
	bool rescue; /* the source has a directory to save to */
	bool taken; /* another guest is put there before GO */
	bool go; /* all of it came from the source */
	bool go_passed; /* and went on undamaged */
	bool failed; /* the destination said that it will not run it */
	bool told; /* the source was told that it runs there */
	bool person; /* told the source that it may */
};

static uint64_t seed;

static uint32_t any(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % n;
}

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static void start(struct side *side, const char *said, const char *const argv[])
{
	int pair[2], out;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	side->fd = pair[0];
	side->said = said;
	side->killed = false;
	side->pid = fork();
	if (side->pid < 0)
		die("fork");
	if (side->pid) {
		close(pair[1]);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	out = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(out, 1);
	dup2(out, 2);
	if (pair[1] == 3)
		fcntl(3, F_SETFD, 0);
	else
		dup2(pair[1], 3);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

/*
 * Half of the sources save the guest if nobody knows, the others wait for a
 * person; half of those that save find another one there, and wait. Without a
 * PMU: perf of a host with 6.12 oopses now and then under vCPUs that use one.
 */
static const char *const source_args[] = {
	"./onereg-vmm", "run",	   "--vcpus",	   "2",
	"--hold",	"20000",   "--run-for",	   "0.1",
	"--check",	"--stall", "60",	   "--check-memory",
	"--max-rounds", "3",	   "--migrate-to", "3",
	"--no-pmu",	"--rescue", RESCUE,	   NULL,
};

#define PATIENCE 10
#define WITHOUT_RESCUE 17
#define DESTINATION_PATIENCE 8

static const char *const destination_args[] = {
	"./onereg-vmm", "receive", "--from",  "3",  "--run-for",
	"0.1",		"--check", "--stall", "60", NULL
};

static void start_both(struct run *r)
{
	const char *source[sizeof(source_args) / sizeof(*source_args)];
	const char *destination[sizeof(destination_args) /
				sizeof(*destination_args)];

	memcpy(source, source_args, sizeof(source));
	memcpy(destination, destination_args, sizeof(destination));
	if (!r->rescue)
		source[WITHOUT_RESCUE] = NULL;
	/* Much of it is waited for. */
	if (r->fault.action >= STOP_SOURCE)
		source[PATIENCE] = destination[DESTINATION_PATIENCE] = "6";
	start(&r->source, "source", source);
	start(&r->destination, "destination", destination);
	r->there =
		(struct flow){ .from = r->source.fd, .to = r->destination.fd };
	r->back = (struct flow){ .from = r->destination.fd,
				 .to = r->source.fd,
				 .answers = true };
}

static void kill_side(struct side *side)
{
	if (side->killed)
		return;
	side->killed = true;
	kill(side->pid, SIGKILL);
}

static void cut(struct run *r)
{
	r->cut = true;
	shutdown(r->source.fd, SHUT_RDWR);
	shutdown(r->destination.fd, SHUT_RDWR);
}

/* Behind so many bytes of the section. */
static void strike(struct run *r)
{
	r->struck = true;
	if (r->fault.action == KILL_SOURCE)
		kill_side(&r->source);
	if (r->fault.action == KILL_DESTINATION)
		kill_side(&r->destination);
	if (r->fault.action == CUT)
		cut(r);
	if (r->fault.action >= STOP_SOURCE) {
		r->stopped = r->fault.action == STOP_SOURCE ? &r->source :
							      &r->destination;
		kill(r->stopped->pid, SIGSTOP);
	}
}

static bool is_place(const struct run *r, const struct flow *f)
{
	return !r->struck && f->answers == (r->fault.section >= FIRST_ANSWER) &&
	       !memcmp(f->section, sections[r->fault.section], 4);
}

/* false: nobody is there any more. */
static bool send_bytes(const struct flow *f, uint32_t first, uint32_t end)
{
	while (first < end) {
		ssize_t n = send(f->to, f->section + first, end - first,
				 MSG_NOSIGNAL);

		if (n < 0)
			return false;
		first += n;
	}
	return true;
}

/* It was free when the source looked. */
static void take_rescue(void)
{
	int fd;

	if (mkdir(RESCUE, 0700))
		die(RESCUE);
	fd = open(RESCUE "/machine", O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, MINE, strlen(MINE)) < 0)
		die(RESCUE "/machine");
	close(fd);
}

static void pass(struct run *r, struct flow *f)
{
	bool go = !f->answers && !memcmp(f->section, sections[GO], 4);
	uint32_t at = r->fault.at < f->size ? r->fault.at : f->size;
	bool good;

	if (go && r->taken)
		take_rescue();
	r->go |= go;
	r->failed |= f->answers && !memcmp(f->section, "FAIL", 4);
	if (!is_place(r, f)) {
		good = send_bytes(f, 0, f->size);
		r->go_passed |= go && good;
		r->told |= good && f->answers && !memcmp(f->section, "RUNS", 4);
		return;
	}
	if (r->fault.action == FLIP) {
		r->struck = true;
		f->section[at < f->size ? at : at - 1] ^= 1 << r->fault.at % 8;
		send_bytes(f, 0, f->size);
		return;
	}
	good = send_bytes(f, 0, at);
	r->go_passed |= go && good && at == f->size;
	strike(r);
	if (r->fault.action != CUT && send_bytes(f, at, f->size))
		r->go_passed |= go;
}

static bool receive_bytes(struct flow *f, uint32_t first, uint32_t end)
{
	while (first < end) {
		ssize_t n = recv(f->from, f->section + first, end - first, 0);

		if (n <= 0)
			return false;
		first += n;
	}
	return true;
}

/* A section from one side to the other. */
static void pump(struct run *r, struct flow *f)
{
	uint32_t length;

	if (receive_bytes(f, 0, HEADER)) {
		memcpy(&length, f->section + 12, 4);
		f->size = HEADER + length;
		f->section = realloc(f->section, f->size);
		if (!f->section)
			die("realloc");
		if (receive_bytes(f, HEADER, f->size)) {
			pass(r, f);
			return;
		}
	}
	f->ended = true;
	shutdown(f->to, SHUT_WR);
}

static bool waits_for_person(void)
{
	return count("source", "kill -USR2");
}

static bool has_ended(const struct side *side)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, side->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       info.si_pid;
}

/*
 * Nothing is passed on while one is stopped: its pipes would only fill up. A
 * source that has lost patience after GO may still hear of it, also while it
 * saves the guest.
 */
static void wait_while_stopped(struct run *r, time_t end)
{
	const struct side *other = r->stopped == &r->source ? &r->destination :
							      &r->source;

	while (!has_ended(other) && time(NULL) < end &&
	       !(other == &r->source && count("source", "look there")))
		usleep(50000);
	kill(r->stopped->pid, SIGCONT);
	r->stopped = NULL;
}

/* Until both sides have ended what they had to say, or a person is asked. */
static void pump_all(struct run *r)
{
	struct flow *flows[] = { &r->there, &r->back };
	time_t end = time(NULL) + 100;

	while (!r->there.ended || !r->back.ended) {
		struct pollfd p[2];
		int n;

		if (r->stopped)
			wait_while_stopped(r, end);

		for (int i = 0; i < 2; i++)
			p[i] = (struct pollfd){
				.fd = flows[i]->ended ? -1 : flows[i]->from,
				.events = POLLIN,
			};
		n = poll(p, 2, 200);
		if (n < 0 || time(NULL) > end)
			die("neither side says anything");
		if (!n && waits_for_person() && has_ended(&r->destination))
			return;
		for (int i = 0; i < 2; i++)
			if (n && p[i].revents && !r->stopped)
				pump(r, flows[i]);
	}
}

/* Where each of its threads is. */
static void show_threads(pid_t pid)
{
	static const char *const files[] = { "comm", "syscall", "stack" };
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		for (int i = 0; i < 3 && entry->d_name[0] != '.'; i++) {
			snprintf(path, sizeof(path), "/proc/%d/task/%.10s/%s",
				 pid, entry->d_name, files[i]);
			show(path);
		}
	}
	if (dir)
		closedir(dir);
}

/* It has said all that it had to; one that does not end is ended, and told. */
static void wait_side(struct side *side)
{
	time_t end = time(NULL) + PATIENT;
	int status = 0;
	pid_t pid;

	while (!(pid = waitpid(side->pid, &status, WNOHANG)) &&
	       time(NULL) < end)
		usleep(10000);
	if (pid < 0)
		die("waitpid");
	if (!pid) {
		side->stuck = true;
		show_threads(side->pid);
		kill(side->pid, SIGKILL);
		waitpid(side->pid, &status, 0);
	}
	side->status = WIFEXITED(status) ? WEXITSTATUS(status) :
					   128 + WTERMSIG(status);
	close(side->fd);
}

/* There is no shell here. */
static bool alive_again(void)
{
	static const char *const restore[] = {
		"./onereg-vmm", "restore", RESCUE, "--check",
		"--run-for",	"0.1",	   NULL
	};
	struct side side;

	start(&side, "restored", restore);
	wait_side(&side);
	return !side.status && count("restored", "payload: ok ") == 1;
}

static void forget_rescue(void)
{
	unlink(RESCUE "/machine");
	unlink(RESCUE "/memory");
	unlink(RESCUE "/registers.onereg");
	rmdir(RESCUE);
}

/*
 * A source that waits for a person hears where the guest is; not where it was
 * told already.
 */
static void be_the_person(struct run *r)
{
	time_t start = time(NULL), end = start + 20;

	while (!has_ended(&r->source) && time(NULL) < start + PATIENT) {
		usleep(20000);
		if (!waits_for_person() || (r->told && time(NULL) < end))
			continue;
		if (count("destination", "payload: ok ")) {
			r->source.killed = true;
			kill(r->source.pid, SIGTERM);
		} else {
			r->person = true;
			kill(r->source.pid, SIGUSR2);
		}
		return;
	}
}

/* What the source says of a guest that it did not lose. */
static const char *judge_source(const struct run *r, bool runs)
{
	const struct side *s = &r->source;

	switch (s->status) {
	case 0: /* moved */
		if (!r->taken && !access(RESCUE, F_OK))
			return "the source let go, and kept a copy";
		return runs || r->destination.killed ?
			       NULL :
			       "the source let go, and the destination has no guest";
	case 1: /* returned */
		if (runs)
			return "the guest runs on both sides";
		if (r->go && !r->failed && !r->person)
			return "the source took back what it had given away";
		return count(s->said, "payload: ok ") == 2 ?
			       NULL :
			       "the source's guest came back ill";
	case 3: /* unknown */
		if (!r->go)
			return "the source gave its guest away before GO";
		if (r->taken)
			return "the source saved its guest where another is";
		if (runs)
			return NULL;
		return alive_again() ? NULL :
				       "what the source kept does not run";
	default:
		return "the source ended as nobody expects";
	}
}

/* NULL: as it must be. */
static const char *judge(const struct run *r)
{
	bool runs = count("destination", "payload: ok ");

	if (runs && !r->go_passed)
		return "the destination runs it without GO";
	if (runs && !r->destination.killed && r->destination.status)
		return "the destination runs it and says otherwise";
	if (!runs && !r->destination.killed && r->destination.status != 3)
		return "the destination ended as nobody expects";
	if (r->taken && r->go && !count(RESCUE "/machine", MINE))
		return "the rescue replaced another guest";
	if (r->told && (!r->rescue || r->taken) && r->source.killed &&
	    r->fault.action >= STOP_SOURCE)
		return "RUNS came late, and the source did not hear it";
	if (!r->source.killed)
		return judge_source(r, runs);
	if (r->go_passed && !r->destination.killed && !runs)
		return "GO came, and the guest runs nowhere";
	return NULL;
}

/* The fault itself: it was there, and damage was noticed. */
static const char *judge_fault(const struct run *r)
{
	if (r->source.stuck || r->destination.stuck)
		return "a side does not end";
	if (!r->struck)
		return "the fault never struck";
	if (r->fault.action == FLIP && !r->source.killed && !r->source.status)
		return "a flipped bit was taken";
	return NULL;
}

static const char *where_now(const struct run *r)
{
	if (count("destination", "payload: ok "))
		return "there";
	if (r->source.killed)
		return "gone with the source";
	return r->source.status == 1 ? "here" :
	       r->source.status == 3 ? "kept here" :
				       "gone with the destination";
}

static bool try_fault(unsigned int i, const struct fault *fault)
{
	struct run r = { .fault = *fault, .rescue = (i / 2 + i / 20) % 2 };
	const char *wrong;

	r.taken = r.rescue && i % 4 == 3;
	forget_rescue();
	start_both(&r);
	r.there.section = malloc(HEADER);
	r.back.section = malloc(HEADER);
	if (!r.there.section || !r.back.section)
		die("malloc");
	pump_all(&r);
	wait_side(&r.destination);
	be_the_person(&r);
	wait_side(&r.source);
	free(r.there.section);
	free(r.back.section);
	wrong = judge_fault(&r) ?: judge(&r);
	printf("%s %u - %s at byte %u of %s%s: %s, status %d and %d%s%s\n",
	       wrong ? "not ok" : "ok", i, actions[fault->action], fault->at,
	       sections[fault->section],
	       fault->section >= FIRST_ANSWER ? " back" : "", where_now(&r),
	       r.source.status, r.destination.status, wrong ? ": " : "",
	       wrong ?: "");
	if (wrong) {
		show("source");
		show("destination");
		show("restored");
	}
	fflush(stdout);
	return !wrong;
}

/*
 * Of each twenty faults fifteen strike each section once, so that each of
 * three times twenty kills either side and cuts the stream in all of them, and
 * the next flip bits and stop processes. Five are where it matters who has said
 * what. Where in the section, by the seed: its beginning, its end, between.
 */
static struct fault choose(unsigned int i, uint64_t of)
{
	static const unsigned int late[] = { 9, GO, 13, 14, 8 };
	static const enum action later[] = { FLIP, STOP_SOURCE,
					     STOP_DESTINATION };
	unsigned int block = (i - 1) / 20, n = (i - 1) % 20;
	struct fault fault;

	if (n < N_SECTIONS) {
		fault.section = n * 7 % N_SECTIONS;
		fault.action = block % 6 < 3 ? (fault.section + block) % 3 :
					       later[block % 3];
	} else {
		n -= N_SECTIONS;
		fault.section = late[n];
		fault.action = later[(n + block + 1) % 3];
	}
	seed = of * 1000003 + i;
	any(1);
	switch (any(3)) {
	case 0:
		fault.at = fault.action == FLIP ? any(HEADER) : 0;
		break;
	case 1:
		fault.at = any(4 * HEADER);
		break;
	default:
		fault.at = fault.action == FLIP ? any(HEADER) : 1u << 30;
		break;
	}
	return fault;
}

static int hold(char **argv)
{
	int fd = open(argv[0], O_RDWR);

	if (fd < 0 || dup2(fd, 3) < 0)
		die(argv[0]);
	if (fd != 3)
		close(fd);
	execvp(argv[1], argv + 1);
	die(argv[1]);
	return 125;
}

int main(int argc, char **argv)
{
	unsigned int n, failures = 0, first = 1;
	uint64_t of;
	time_t start = time(NULL);

	if (argc > 3 && !strcmp(argv[1], "hold"))
		return hold(argv + 2);
	if (argc < 3)
		return 2;
	n = strtoul(argv[1], NULL, 10);
	of = strtoull(argv[2], NULL, 10);
	if (argc > 3)
		first = strtoul(argv[3], NULL, 10);
	for (unsigned int i = first; i < first + n; i++) {
		struct fault fault = choose(i, of);

		failures += !try_fault(i, &fault);
	}
	printf("%u faults, %u wrong, %ld s\n", n, failures,
	       (long)(time(NULL) - start));
	return failures ? 1 : 0;
}
