/* SPDX-License-Identifier: MIT */
/* Files appear whole or not at all, whatever fails. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sched.h>
#include <unistd.h>

#include "container.h"
#include "faults.h"
#include "leaks.h"
#include "samples.h"

static char dir[64];

static void make_dir(void)
{
	strcpy(dir, "/tmp/onereg-test.XXXXXX");
	cr_assert(mkdtemp(dir));
}

/* How many files are in it; empties it. */
static size_t empty_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	size_t n = 0;

	while ((entry = readdir(d))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		unlinkat(dirfd(d), entry->d_name, 0);
		n++;
	}
	closedir(d);
	return n;
}

static void remove_dir(void)
{
	empty_dir();
	rmdir(dir);
	check_leaks();
}

TestSuite(file, .init = make_dir, .fini = remove_dir);

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	cr_assert_eq(fwrite(data, 1, size, f), size);
	fclose(f);
}

static void expect_content(const char *path, const void *data, size_t size)
{
	void *found;
	size_t n;

	cr_assert_eq(file_read_all(path, &found, &n, NULL), 0);
	cr_assert_eq(n, size);
	cr_assert_eq(memcmp(found, data, size), 0);
	free(found);
}

/* The one finding that there is names path, operation and error. */
static void expect_finding(const struct onereg_report *report, int error,
			   const char *operation, const char *path)
{
	const struct onereg_finding *f = onereg_report_get(report, 0);

	cr_assert_eq(onereg_report_count(report), 1);
	cr_assert_eq(f->severity, ONEREG_ERROR);
	cr_assert_eq(f->error, error);
	cr_assert_str_eq(f->operation, operation);
	cr_assert_str_eq(f->name, path);
}

static void expect_no_read(const char *path, int error, const char *operation)
{
	struct onereg_report *report;
	void *data = NULL;
	size_t size;

	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(file_read_all(path, &data, &size, report), -error);
	cr_assert_null(data);
	expect_finding(report, error, operation, path);
	onereg_report_free(report);
}

static void expect_no_write(const char *path, int error, const char *operation)
{
	struct onereg_report *report;

	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(file_write_whole(path, "new", 3, report), -error);
	expect_finding(report, error, operation, path);
	onereg_report_free(report);
}

/* ---- reading ------------------------------------------------------------- */

Test(file, an_empty_file_has_no_bytes)
{
	put_file(in_dir("x"), "", 0);
	expect_content(in_dir("x"), "", 0);
}

Test(file, what_cannot_be_read_says_why)
{
	expect_no_read(in_dir("none"), ENOENT, "open");
	expect_no_read(dir, EISDIR, "read");
	put_file(in_dir("x"), "1", 1);
	expect_no_read(in_dir("x/y"), ENOTDIR, "open");
}

Test(file, an_unreadable_file_says_why)
{
	if (!geteuid() && seteuid(65534))
		cr_skip_test("root reads everything, and cannot become nobody");
	/* The directory is root's and private. */
	if (!getuid()) {
		expect_no_read(in_dir("x"), EACCES, "open");
		cr_assert_eq(seteuid(0), 0);
		return;
	}
	put_file(in_dir("x"), "1", 1);
	chmod(in_dir("x"), 0);
	expect_no_read(in_dir("x"), EACCES, "open");
}

Test(file, a_file_beyond_the_limit_is_refused_before_it_is_read)
{
	put_file(in_dir("x"), "", 0);
	cr_assert_eq(truncate(in_dir("x"), FORMAT_MAX_FILE + 1L), 0);
	expect_no_read(in_dir("x"), EFBIG, "read");
}

Test(file, a_pipe_is_read_to_its_end)
{
	enum { SIZE = 300000 };
	char *data = malloc(SIZE), path[32];
	int fds[2];
	pid_t pid;

	memset(data, 'x', SIZE);
	cr_assert_eq(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		_exit(write(fds[1], data, SIZE) != SIZE);
	}
	close(fds[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	expect_content(path, data, SIZE);
	close(fds[0]);
	free(data);
}

Test(file, interrupted_and_short_reads_go_on)
{
	static const int errors[] = { EINTR, 0 };
	size_t i;

	put_file(in_dir("x"), "0123456789", 10);
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		fault_at(FAULT_READ, 1, errors[i]);
		expect_content(in_dir("x"), "0123456789", 10);
		cr_assert_gt(fault_stop(FAULT_READ), 2);
	}
}

Test(file, a_failing_read_is_an_error)
{
	put_file(in_dir("x"), "0123456789", 10);
	fault_at(FAULT_READ, 2, EIO);
	expect_no_read(in_dir("x"), EIO, "read");
	fault_stop(FAULT_READ);
	fault_at(FAULT_MALLOC, 2, 0); /* the report itself is the first */
	expect_no_read(in_dir("x"), ENOMEM, "read");
}

/* ---- writing ------------------------------------------------------------- */

Test(file, a_new_file_is_its_owners_only)
{
	struct stat st;

	cr_assert_eq(file_write_whole(in_dir("x"), "12345", 5, NULL), 0);
	expect_content(in_dir("x"), "12345", 5);
	cr_assert_eq(stat(in_dir("x"), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0600);
	cr_assert_eq(empty_dir(), 1);
}

Test(file, an_old_file_is_replaced)
{
	put_file(in_dir("x"), "a longer text", 13);
	cr_assert_eq(file_write_whole(in_dir("x"), "new", 3, NULL), 0);
	expect_content(in_dir("x"), "new", 3);
	cr_assert_eq(empty_dir(), 1);
}

Test(file, a_name_without_directory_is_in_the_current_one)
{
	cr_assert_eq(chdir(dir), 0);
	cr_assert_eq(file_write_whole("x", "new", 3, NULL), 0);
	expect_content(in_dir("x"), "new", 3);
	cr_assert_eq(chdir("/"), 0);
}

Test(file, a_link_stays_and_its_target_is_replaced)
{
	char target[128];
	struct stat st;

	strcpy(target, in_dir("target"));
	put_file(target, "old", 3);
	cr_assert_eq(symlink(target, in_dir("link")), 0);
	cr_assert_eq(file_write_whole(in_dir("link"), "new", 3, NULL), 0);
	cr_assert_eq(lstat(in_dir("link"), &st), 0);
	cr_assert(S_ISLNK(st.st_mode));
	expect_content(target, "new", 3);
}

Test(file, a_device_is_written_to_and_not_replaced)
{
	struct stat st;

	cr_assert_eq(file_write_whole("/dev/null", "new", 3, NULL), 0);
	cr_assert_eq(stat("/dev/null", &st), 0);
	cr_assert(S_ISCHR(st.st_mode));
	if (access("/dev/full", W_OK))
		cr_skip_test("there is no /dev/full");
	expect_no_write("/dev/full", ENOSPC, "write");
}

Test(file, where_no_file_can_be_says_why)
{
	expect_no_write(dir, EISDIR, "open");
	expect_no_write(in_dir("none/x"), ENOENT, "open");
	put_file(in_dir("x"), "1", 1);
	expect_no_write(in_dir("x/y"), ENOTDIR, "open");
	expect_no_write("", ENOENT, "open");
}

Test(file, a_name_that_is_too_long_is_refused)
{
	char path[PATH_MAX + 100];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	cr_assert_eq(file_write_whole(path, "new", 3, NULL), -ENAMETOOLONG);
}

static const struct {
	enum fault_call call;
	size_t n;
	int error;
	const char *operation;
} failures[] = {
	{ FAULT_WRITE, 1, ENOSPC, "write" },
	{ FAULT_WRITE, 1, EIO, "write" },
	{ FAULT_FSYNC, 1, EIO, "fsync" },
	{ FAULT_CLOSE, 1, ENOSPC, "close" },
	{ FAULT_RENAME, 1, EROFS, "rename" },
};

Test(file, any_failure_leaves_no_file)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		fault_at(failures[i].call, failures[i].n, failures[i].error);
		expect_no_write(in_dir("x"), failures[i].error,
				failures[i].operation);
		fault_stop(failures[i].call);
		cr_assert_eq(empty_dir(), 0);
	}
}

Test(file, any_failure_leaves_the_old_file)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		put_file(in_dir("x"), "old", 3);
		fault_at(failures[i].call, failures[i].n, failures[i].error);
		expect_no_write(in_dir("x"), failures[i].error,
				failures[i].operation);
		fault_stop(failures[i].call);
		expect_content(in_dir("x"), "old", 3);
		cr_assert_eq(empty_dir(), 1);
	}
}

Test(file, interrupted_and_short_writes_go_on)
{
	static const int errors[] = { EINTR, 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		fault_at(FAULT_WRITE, 1, errors[i]);
		cr_assert_eq(
			file_write_whole(in_dir("x"), "0123456789", 10, NULL),
			0);
		cr_assert_eq(fault_stop(FAULT_WRITE), 2);
		expect_content(in_dir("x"), "0123456789", 10);
	}
}

Test(file, a_directory_that_cannot_be_synced_is_said)
{
	fault_at(FAULT_FSYNC, 2, EIO);
	expect_no_write(in_dir("x"), EIO, "fsync of its directory");
	fault_at(FAULT_FSYNC, 2, EINVAL);
	cr_assert_eq(file_write_whole(in_dir("x"), "new", 3, NULL), 0);
	cr_assert_eq(fault_stop(FAULT_FSYNC), 2);
}

Test(file, the_size_limit_of_a_process_leaves_the_old_file)
{
	const struct rlimit limit = { 100, RLIM_INFINITY };
	struct onereg_image *image = small_image();
	struct onereg_report *report;

	put_file(in_dir("x"), "old", 3);
	cr_assert_eq(onereg_report_new(&report), 0);
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(onereg_image_write_file(image, in_dir("x"), report),
		     -EFBIG);
	setrlimit(RLIMIT_FSIZE,
		  &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
	expect_finding(report, EFBIG, "write", in_dir("x"));
	expect_content(in_dir("x"), "old", 3);
	cr_assert_eq(empty_dir(), 1);
	onereg_report_free(report);
	onereg_image_free(image);
}

Test(file, a_full_disk_leaves_the_old_file)
{
	static uint8_t data[200000];

	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=65536"))
		cr_skip_test("may not mount a small file system");
	put_file(in_dir("x"), "old", 3);
	cr_assert_eq(file_write_whole(in_dir("x"), data, sizeof(data), NULL),
		     -ENOSPC);
	expect_content(in_dir("x"), "old", 3);
	cr_assert_eq(empty_dir(), 1);
	cr_assert_eq(umount(dir), 0);
}

/* ---- both kinds of file -------------------------------------------------- */

Test(file, images_and_hosts_round_trip)
{
	struct onereg_image *image = small_image(), *image2;
	struct onereg_host *host = small_host(), *host2;

	cr_assert_eq(onereg_image_write_file(image, in_dir("x"), NULL), 0);
	cr_assert_eq(onereg_image_read_file(in_dir("x"), &image2, NULL), 0);
	cr_assert(images_equal(image, image2));
	cr_assert_eq(onereg_host_read_file(in_dir("x"), &host2, NULL),
		     -EBADMSG);
	cr_assert_eq(onereg_host_write_file(host, in_dir("x"), NULL), 0);
	cr_assert_eq(onereg_host_read_file(in_dir("x"), &host2, NULL), 0);
	cr_assert(hosts_equal(host, host2));
	cr_assert_eq(onereg_image_read_file(in_dir("x"), &image2, NULL),
		     -EBADMSG);
	onereg_image_free(image);
	onereg_image_free(image2);
	onereg_host_free(host);
	onereg_host_free(host2);
}

Test(file, an_empty_file_is_enodata_and_named)
{
	struct onereg_report *report;
	struct onereg_image *image;
	const struct onereg_finding *f;

	put_file(in_dir("x"), "", 0);
	cr_assert_eq(onereg_report_new(&report), 0);
	cr_assert_eq(onereg_image_read_file(in_dir("x"), &image, report),
		     -ENODATA);
	f = onereg_report_get(report, 0);
	cr_assert_str_eq(f->name, in_dir("x"));
	cr_assert(strstr(f->why, "it is empty"));
	cr_assert_eq(onereg_report_verdict(report), ONEREG_FAILED);
	onereg_report_free(report);
}
