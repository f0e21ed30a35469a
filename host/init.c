// SPDX-License-Identifier: MIT
/*
 * PID 1 of the emulated host: loads the modules it was packed with, runs one
 * program that came with it, leaves the outcome in the share and powers the
 * machine off.  host/run is the other side.
 *
 * Packed with it:     /job/..., what the program finds around itself
 *                     /argv, /env, NUL-separated
 * Left in the share:  out/..., status, dmesg, findings of a debug kernel
 *
 * The share answers when the outside has time.  So that a clock that counts
 * instructions shows the same figures in every run, onereg_late=1 keeps away
 * from it until the program has ended.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOB "/job"
#define SHARE "/share"
#define MODULE_LIST "/modules/list"
#define PORT_CLASS "/sys/class/virtio-ports"
#define DEBUG_DIR "/sys/kernel/debug"
#define LEAKS DEBUG_DIR "/kmemleak"

#define DMESG_BYTES (4 << 20)
#define PORT_WAIT_MS 10000
/* What is younger is not yet called a leak: 5 s and a little. */
#define LEAK_AGE_MS 5500

/* The outside looks for this word at the start of a console line. */
#define WORD "onereg-host: "

static void __attribute__((noreturn)) power_off(void)
{
	fflush(NULL);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	fputs(WORD "error: ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	power_off();
}

/* Seconds since the kernel started counting. */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void mount_one(const char *type, const char *where, const char *options)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, options))
		die("cannot mount %s on %s: %m", type, where);
}

static void mount_basics(void)
{
	mount_one("devtmpfs", "/dev", NULL);
	mount_one("proc", "/proc", NULL);
	mount_one("sysfs", "/sys", NULL);
	mount_one("tmpfs", "/tmp", "mode=1777");
	mount_one("tmpfs", "/dev/shm", "mode=1777");
	if (symlink("/proc/self/fd", "/dev/fd"))
		die("cannot link /dev/fd: %m");
	/* The directory is there if the kernel has such a file system. */
	if (!access(DEBUG_DIR, F_OK))
		mount_one("debugfs", DEBUG_DIR, NULL);
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open module %s: %m", path);
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		die("cannot load module %s: %m", path);
	close(fd);
}

static void load_modules(void)
{
	char path[256];
	FILE *list = fopen(MODULE_LIST, "re");

	/* A kernel with all of it built in comes without a list. */
	if (!list)
		return;
	while (fgets(path, sizeof(path), list)) {
		path[strcspn(path, "\n")] = '\0';
		load_module(path);
	}
	fclose(list);
}

static void mount_share(void)
{
	mkdir(SHARE, 0755);
	if (mount("share", SHARE, "9p", 0,
		  "trans=virtio,version=9p2000.L,msize=512000,cache=mmap"))
		die("cannot mount the share: %m");
}

/* The program's results land in the share as it writes them. */
static void mount_out(void)
{
	mount_share();
	if (mount(SHARE "/out", JOB "/out", NULL, MS_BIND, NULL))
		die("cannot mount " JOB "/out: %m");
}

static int copy_file(const char *from, const char *to, mode_t mode)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	ssize_t n = -1;

	if (in >= 0 && out >= 0)
		while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
			;
	close(in);
	close(out);
	return n;
}

static int copy_entry(const char *path, const struct stat *st, int kind,
		      struct FTW *where)
{
	char to[4096];

	(void)where;
	snprintf(to, sizeof(to), SHARE "%s", path + strlen(JOB));
	if (kind == FTW_D)
		return mkdir(to, 0755) && errno != EEXIST ? -1 : 0;
	if (!S_ISREG(st->st_mode))
		return 0;
	return copy_file(path, to, st->st_mode & 0777);
}

/* The same, but after the program. */
static void copy_out(void)
{
	mount_share();
	if (nftw(JOB "/out", copy_entry, 16, FTW_PHYS))
		die("cannot copy the results: %m");
}

/*
 * The device node of the virtio-serial port of that name, in path.
 * Returns 0 or -ENOENT.
 */
static int find_port(const char *name, char *path, size_t size)
{
	char file[512], text[64];
	struct dirent *entry;
	DIR *dir = opendir(PORT_CLASS);
	int ret = -ENOENT;
	FILE *f;

	if (!dir)
		return ret;
	while (ret && (entry = readdir(dir))) {
		snprintf(file, sizeof(file), PORT_CLASS "/%s/name",
			 entry->d_name);
		f = fopen(file, "re");
		if (!f)
			continue;
		if (fgets(text, sizeof(text), f)) {
			text[strcspn(text, "\n")] = '\0';
			if (!strcmp(text, name)) {
				snprintf(path, size, "/dev/%s", entry->d_name);
				ret = 0;
			}
		}
		fclose(f);
	}
	closedir(dir);
	return ret;
}

/* Ports appear a little after their bus: waits for a named one. */
static void wait_port(const char *name, char *path, size_t size)
{
	for (int ms = 0; find_port(name, path, size); ms++) {
		if (ms == PORT_WAIT_MS)
			die("no virtio-serial port named %s", name);
		usleep(1000);
	}
}

static int open_port(const char *name)
{
	char path[300];
	int fd;

	wait_port(name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open port %s: %m", name);
	return fd;
}

static void link_stream(void)
{
	char path[300];

	if (!getenv("onereg_stream"))
		return;
	wait_port("onereg.stream", path, sizeof(path));
	if (symlink(path, "/dev/onereg-stream"))
		die("cannot link /dev/onereg-stream: %m");
}

/* The NUL-separated strings of a file as a NULL-terminated vector. */
static char **read_strings(const char *path)
{
	char *text = NULL, **vector;
	size_t room = 0, n = 0, used = 0;
	ssize_t length;
	FILE *f = fopen(path, "re");

	if (!f)
		die("cannot open %s: %m", path);
	vector = calloc(1, sizeof(*vector));
	while (vector && (length = getdelim(&text, &room, '\0', f)) >= 0) {
		used = (n + 2) * sizeof(*vector);
		vector = realloc(vector, used);
		if (!vector)
			break;
		vector[n++] = text;
		vector[n] = NULL;
		text = NULL;
		room = 0;
	}
	fclose(f);
	if (!vector)
		die("out of memory");
	return vector;
}

/* In the child: does not come back. Its errno goes through the pipe. */
static void __attribute__((noreturn))
become(char **argv, char **env, int out, int err, int report)
{
	int in = open("/dev/null", O_RDONLY);
	int error;

	setsid();
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (in > STDERR_FILENO)
		close(in);
	execve(argv[0], argv, env);
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* Starts the program; returns its process id. */
static pid_t start(char **argv, char **env)
{
	int out = open_port("onereg.stdout");
	int err = open_port("onereg.stderr");
	int report[2], error;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC))
		die("no pipe: %m");
	pid = fork();
	if (pid < 0)
		die("cannot fork: %m");
	if (!pid)
		become(argv, env, out, err, report[1]);
	close(report[1]);
	if (read(report[0], &error, sizeof(error)) == sizeof(error))
		die("cannot run %s: %s", argv[0], strerror(error));
	close(report[0]);
	close(out);
	close(err);
	return pid;
}

/* Waits for the program; PID 1 gets everybody's orphans meanwhile. */
static int wait_for(pid_t pid)
{
	int status;
	pid_t ended;

	do {
		ended = wait(&status);
		if (ended < 0 && errno != EINTR)
			die("lost the program: %m");
	} while (ended != pid);
	return status;
}

/*
 * For the outside, whose time limit for the program begins; and for the
 * kernel's log: what comes after this line is about the program.
 */
static void announce_start(void)
{
	static const char mark[] = "<6>" WORD "program starts\n";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, mark, sizeof(mark) - 1) < 0)
		die("cannot write to the kernel log: %m");
	close(fd);
	printf("\n" WORD "start\n");
	fflush(stdout);
}

static void save_kernel_log(void)
{
	char *text = malloc(DMESG_BYTES);
	FILE *f = fopen(SHARE "/dmesg", "we");
	int n;

	if (!text || !f)
		die("cannot save the kernel log: %m");
	n = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, text, DMESG_BYTES);
	if (n > 0)
		fwrite(text, 1, n, f);
	if (fclose(f))
		die("cannot save the kernel log: %m");
	free(text);
}

static void scan_leaks(const char *command)
{
	FILE *f = fopen(LEAKS, "we");

	if (!f || fputs(command, f) < 0 || fclose(f))
		die("cannot search for leaks: %m");
}

/* Twice: what changed since the last scan is not called a leak. */
static void save_leaks(FILE *findings)
{
	char line[512];
	FILE *f;

	if (!getenv("onereg_leaks"))
		return;
	usleep(LEAK_AGE_MS * 1000);
	scan_leaks("scan");
	scan_leaks("scan");
	f = fopen(LEAKS, "re");
	if (!f)
		die("cannot read the leaks: %m");
	while (fgets(line, sizeof(line), f))
		fputs(line, findings);
	fclose(f);
}

/* Lockdep stops for good at its first report, also at one while booting. */
static void save_lockdep(FILE *findings)
{
	FILE *f = fopen("/proc/lockdep_stats", "re");
	char line[512];
	int on;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " debug_locks: %d", &on) == 1 && !on)
			fputs("lockdep reported something and is off\n",
			      findings);
	fclose(f);
}

static void save_findings(void)
{
	FILE *f = fopen(SHARE "/findings", "we");

	if (!f)
		die("cannot save the findings: %m");
	save_lockdep(f);
	save_leaks(f);
	if (fclose(f))
		die("cannot save the findings: %m");
}

static void save_status(int status, double started, double ended)
{
	const char *how = WIFEXITED(status) ? "exit" : "signal";
	int n = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	FILE *f = fopen(SHARE "/status", "we");

	if (!f)
		die("cannot save the exit status: %m");
	fprintf(f, "%s %d %.3f %.3f\n", how, n, started, ended - started);
	if (fclose(f))
		die("cannot save the exit status: %m");
	printf("\n" WORD "%s %d\n", how, n);
}

int main(void)
{
	int late = getenv("onereg_late") != NULL;
	char **argv, **env;
	double started, ended;
	int status;

	mount_basics();
	load_modules();
	if (!late)
		mount_out();
	link_stream();
	argv = read_strings("/argv");
	env = read_strings("/env");
	if (!argv[0] || chdir(JOB))
		die("no program given");
	announce_start();
	started = now();
	status = wait_for(start(argv, env));
	ended = now();
	kill(-1, SIGKILL);
	if (late)
		copy_out();
	save_findings();
	save_kernel_log();
	save_status(status, started, ended);
	power_off();
}
