// SPDX-License-Identifier: MIT
/*
 * A saved VM is a directory: machine, memory, registers.onereg. It is written
 * beside its place and moved there when all of it is on disk, so that there
 * is a whole VM or none, and an older one stays until then.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "vmm.h"

#define CHUNK 65536u
#define ROOM "make room on the disk"
#define FOREIGN "it is damaged, or of another save"

static const char *const names[] = { "machine", "memory", "registers.onereg" };

/* Without a slash at its end, and with room for what is put behind it. */
static int strip(char place[PATH_SIZE], const char *option, const char *dir)
{
	size_t n = strlen(dir);

	if (!n || n >= PATH_SIZE - 32)
		return cannot("use another path", "--%s %.80s", option,
			      dir);
	strcpy(place, dir);
	while (n > 1 && place[n - 1] == '/')
		place[--n] = 0;
	return 0;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

static int write_chunk(int fd, const uint8_t *p, size_t n, off_t at)
{
	while (n) {
		ssize_t done = pwrite(fd, p, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		p += done;
		n -= done;
		at += done;
	}
	return 0;
}

/* What is zero stays a hole. */
static int write_sparse(int fd, const uint8_t *memory, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t n = size - at < CHUNK ? size - at : CHUNK;

		if (!all_zero(memory + at, n) &&
		    write_chunk(fd, memory + at, n, at) < 0)
			return -1;
	}
	return ftruncate(fd, size);
}

int memory_write(const struct vm *vm, int dir_fd)
{
	int fd = openat(dir_fd, "memory",
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return cannot_errno(ROOM, "creating memory");
	rc = write_sparse(fd, vm->memory, vm->machine.memory_size) ?: fsync(fd);
	if (rc)
		rc = cannot_errno(ROOM, "writing memory");
	if (close(fd) < 0 && !rc)
		rc = cannot_errno(ROOM, "writing memory");
	return rc;
}

static int read_range(int fd, uint8_t *memory, off_t at, off_t end)
{
	while (at < end) {
		ssize_t n = pread(fd, memory + at, end - at, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0) {
			errno = EIO; /* it became shorter while we read */
			return -1;
		}
		at += n;
	}
	return 0;
}

static int read_sparse(int fd, uint8_t *memory, off_t size)
{
	off_t data = 0;

	while (data < size) {
		off_t hole;

		data = lseek(fd, data, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? 0 : -1;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || read_range(fd, memory, data, hole) < 0)
			return -1;
		data = hole;
	}
	return 0;
}

int memory_read(struct vm *vm, const char *dir)
{
	uint64_t size = vm->machine.memory_size;
	char path[PATH_SIZE];
	struct stat st;
	int fd, rc = 0;

	if (path_join(path, dir, "memory"))
		return CANNOT;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = cannot_errno("is the directory whole?", "%s", path);
	else if ((uint64_t)st.st_size != size)
		rc = cannot("the directory is damaged",
			    "%s: %llu bytes, not %llu", path,
			    (unsigned long long)st.st_size,
			    (unsigned long long)size);
	else if (read_sparse(fd, vm->memory, size) < 0)
		rc = cannot_errno(NULL, "reading %s", path);
	else if (XXH3_64bits(vm->memory, size) != vm->machine.digests.memory)
		rc = cannot(FOREIGN,
			    "%s: its checksum is not the one in "
			    "machine",
			    path);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int registers_write(struct vm *vm, const char *dir,
			   struct onereg_report *report)
{
	struct onereg_image *image = NULL;
	char path[PATH_SIZE];
	int rc = path_join(path, dir, "registers.onereg");
	if (!rc)
		rc = plane_open(vm);

	if (rc)
		return rc;
	rc = onereg_vm_save(vm->plane, &image, report);
	if (!rc)
		rc = onereg_image_write_file(image, path, report);
	onereg_image_free(image);
	if (!rc)
		return 0;
	return plane_cannot(report, rc, "saving the registers");
}

static int digest_fd(int fd, struct digests *ret)
{
	XXH3_state_t *state = XXH3_createState();
	uint8_t buffer[CHUNK];
	ssize_t n = -1;

	if (!state) {
		errno = ENOMEM;
		return -1;
	}
	XXH3_64bits_reset(state);
	ret->registers_size = 0;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		XXH3_64bits_update(state, buffer, n);
		ret->registers_size += n;
	}
	ret->registers = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return n < 0 ? -1 : 0;
}

static int registers_digest(const char *dir, struct digests *ret)
{
	char path[PATH_SIZE];
	int fd, rc = 0;

	if (path_join(path, dir, "registers.onereg"))
		return CANNOT;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || digest_fd(fd, ret) < 0)
		rc = cannot_errno(NULL, "reading %s", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

int registers_check(const struct machine *machine, const char *dir)
{
	struct digests now;
	int rc = registers_digest(dir, &now);

	if (rc || (now.registers == machine->digests.registers &&
		   now.registers_size == machine->digests.registers_size))
		return rc;
	return cannot(FOREIGN,
		      "%s/registers.onereg: its checksum is not the "
		      "one in machine",
		      dir);
}

static bool is_part(int dir_fd, const char *name)
{
	struct stat st;

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(name, names[i]))
			return !fstatat(dir_fd, name, &st,
					AT_SYMLINK_NOFOLLOW) &&
			       S_ISREG(st.st_mode);
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* With nothing in it that is not ours; an empty one, too. */
static bool is_snapshot(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	bool yes = true;

	if (!dir) {
		close(fd);
		return false;
	}
	while (yes && (entry = readdir(dir)))
		yes = is_part(fd, entry->d_name);
	closedir(dir);
	return yes;
}

int snapshot_place(const char *option, const char *dir)
{
	char path[PATH_SIZE];
	int fd;

	if (strip(path, option, dir))
		return CANNOT;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd >= 0 && is_snapshot(fd))
		return 0;
	return cannot("remove what is in its place",
		      "--%s %s: not a saved VM", option, path);
}

static void remove_all(const char *dir)
{
	char path[PATH_SIZE];

	for (unsigned int i = 0; i < 3; i++) {
		if (!path_join(path, dir, names[i]))
			unlink(path);
	}
	rmdir(dir);
}

int sync_parent(const char *dir)
{
	char path[PATH_SIZE], *slash;
	int fd, rc;

	snprintf(path, sizeof(path), "%s", dir);
	slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = 0;
	fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/*
 * Where the file system cannot exchange two names (9p): for a moment there is
 * neither, and what was there is beside it.
 */
static int replace_by_steps(const char *temporary, const char *dir,
			    char old[PATH_SIZE])
{
	int error;

	if ((size_t)snprintf(old, PATH_SIZE, "%s.old-XXXXXX", dir) >=
	    PATH_SIZE) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (!mkdtemp(old))
		return -1;
	if (rename(dir, old) < 0) {
		error = errno;
		rmdir(old);
		errno = error;
		return -1;
	}
	if (rename(temporary, dir) < 0) {
		error = errno;
		rename(old, dir);
		errno = error;
		return -1;
	}
	return 0;
}

/*
 * An older directory goes to old; "" where there was none. With alone there
 * must be none: it may be the only copy of a guest.
 */
static int move_into_place(const char *temporary, const char *dir, bool alone,
			   char old[PATH_SIZE])
{
	old[0] = 0;
	if (!renameat2(AT_FDCWD, temporary, AT_FDCWD, dir, RENAME_NOREPLACE))
		return 0;
	/* without the flag: in the place of nothing or of an empty directory */
	if ((errno == EINVAL || alone) && !rename(temporary, dir))
		return 0;
	if (alone || (errno != EEXIST && errno != ENOTEMPTY))
		return -1;
	if (!renameat2(AT_FDCWD, temporary, AT_FDCWD, dir, RENAME_EXCHANGE)) {
		strcpy(old, temporary);
		return 0;
	}
	return errno == EINVAL ? replace_by_steps(temporary, dir, old) : -1;
}

/*
 * Once it is in its place it stays, and the older one until that is sure. One
 * that is alone is surely there, or not at all.
 */
static int put_in_place(const char *temporary, const char *option,
			const char *place, bool alone)
{
	char old[PATH_SIZE];
	int rc = snapshot_place(option, place);

	if (!rc && move_into_place(temporary, place, alone, old) < 0)
		rc = cannot_errno(NULL, "moving the saved VM to %s", place);
	if (rc) {
		remove_all(temporary);
		return rc;
	}
	if (sync_parent(place) < 0) {
		rc = cannot_errno(alone ? NULL :
					  "after a power failure it may be gone",
				  "%s is saved, but fsync of where it is "
				  "failed%s%s",
				  place, old[0] ? "; the older one is " : "",
				  old);
		if (alone)
			remove_all(place);
		return rc;
	}
	if (old[0])
		remove_all(old);
	return 0;
}

static int write_parts(struct vm *vm, const char *temporary,
		       struct onereg_report *report)
{
	int fd = open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct digests digests;
	int rc;

	if (fd < 0)
		return cannot_errno(NULL, "opening %s", temporary);
	/* registers first: saving them may still write to guest memory */
	rc = registers_write(vm, temporary, report);
	if (!rc)
		rc = registers_digest(temporary, &digests);
	if (!rc)
		rc = memory_write(vm, fd);
	if (!rc) {
		digests.memory =
			XXH3_64bits(vm->memory, vm->machine.memory_size);
		rc = machine_write(vm, &digests, fd);
	}
	if (!rc && fsync(fd) < 0)
		rc = cannot_errno(ROOM, "fsync of %s", temporary);
	close(fd);
	return rc;
}

static int save(struct vm *vm, const char *option, const char *dir, bool alone,
		struct onereg_report *report)
{
	char place[PATH_SIZE], temporary[PATH_SIZE];
	int rc = strip(place, option, dir);

	if (rc)
		return rc;
	strcpy(temporary, place);
	strcat(temporary, ".new-XXXXXX");
	if (!mkdtemp(temporary))
		return cannot_errno("does the parent exist, is there room?",
				    "creating %s", temporary);
	rc = write_parts(vm, temporary, report);
	if (!rc)
		return put_in_place(temporary, option, place, alone);
	remove_all(temporary);
	return rc;
}

int snapshot_save(struct vm *vm, const char *dir, struct onereg_report *report)
{
	return save(vm, "save", dir, false, report);
}

int snapshot_rescue(struct vm *vm, const char *dir,
		    struct onereg_report *report)
{
	return save(vm, "rescue", dir, true, report);
}

void snapshot_remove(const char *dir)
{
	char place[PATH_SIZE];

	if (!strip(place, "rescue", dir))
		remove_all(place);
}
