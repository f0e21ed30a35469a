/* SPDX-License-Identifier: MIT */
/*
 * Which VM and vCPU a descriptor of a traced process is. We see each being
 * created, and closed; one that came another way (dup(2), fork(2), a socket)
 * is the same file as one that we saw, which kcmp(2) tells.
 */
#include <dirent.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trace.h"

size_t trace_vm_new(struct vms *vms)
{
	struct vm *vm = reallocarray(vms->vm, vms->n + 1, sizeof(*vm));

	if (!vm) {
		vms->no_memory = true;
		return 0;
	}
	vms->vm = vm;
	vm[vms->n] = (struct vm){ 0 };
	return vms->n++;
}

static struct fd *find(struct vms *vms, pid_t process, int fd)
{
	for (size_t i = 0; i < vms->n_fds; i++)
		if (vms->fd[i].process == process && vms->fd[i].fd == fd)
			return &vms->fd[i];
	return NULL;
}

void trace_fd_set(struct vms *vms, const struct fd *fd)
{
	struct fd *at = find(vms, fd->process, fd->fd);

	/* The number was another file's, closed unseen: io_uring(7). */
	if (at) {
		*at = *fd;
		return;
	}
	at = reallocarray(vms->fd, vms->n_fds + 1, sizeof(*at));
	if (!at) {
		vms->no_memory = true;
		return;
	}
	vms->fd = at;
	at[vms->n_fds++] = *fd;
}

static bool same_file(const struct fd *a, pid_t process, int fd)
{
	return !syscall(SYS_kcmp, a->process, process, KCMP_FILE, a->fd, fd);
}

/* "anon_inode:kvm-vcpu:3", which is all that is known of a stranger's. */
static int vcpu_of_link(pid_t process, int fd)
{
	char path[64], text[64];
	int vcpu = TRACE_NO_VCPU;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)process, fd);
	n = readlink(path, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		sscanf(text, "anon_inode:kvm-vcpu:%d", &vcpu);
	}
	return vcpu;
}

struct fd trace_fd_find(struct vms *vms, pid_t process, int fd)
{
	const struct fd *at = find(vms, process, fd);
	struct fd new = { process, fd, 0, TRACE_NO_VCPU };

	if (at)
		return *at;
	for (size_t i = vms->n_fds; i-- > 0;) {
		if (!same_file(&vms->fd[i], process, fd))
			continue;
		new.vm = vms->fd[i].vm;
		new.vcpu = vms->fd[i].vcpu;
		trace_fd_set(vms, &new);
		return new;
	}
	/* Not kept: the next file of that number may be one of ours. */
	new.vcpu = vcpu_of_link(process, fd);
	return new;
}

/* ---- that are closed ---- */

static bool within(int fd, unsigned int first, unsigned int last)
{
	return (unsigned int)fd >= first && (unsigned int)fd <= last;
}

/*
 * The same file by another number of its process that stays, so that who
 * keeps but a dup(2) of a vCPU, not used so far, is not a stranger.
 */
static void hand_on(struct vms *vms, const struct fd *old, unsigned int first,
		    unsigned int last)
{
	struct fd new = *old;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)old->process);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		new.fd = atoi(entry->d_name);
		if (*entry->d_name == '.' || within(new.fd, first, last) ||
		    !same_file(old, old->process, new.fd))
			continue;
		trace_fd_set(vms, &new);
		break;
	}
	if (dir)
		closedir(dir);
}

void trace_fds_close(struct vms *vms, pid_t process, unsigned int first,
		     unsigned int last)
{
	struct fd old;

	for (size_t i = vms->n_fds; i-- > 0;) {
		old = vms->fd[i];
		if (old.process != process || !within(old.fd, first, last))
			continue;
		vms->fd[i] = vms->fd[--vms->n_fds];
		hand_on(vms, &old, first, last);
	}
}

void trace_fds_exec(struct vms *vms, pid_t process)
{
	char path[64];

	for (size_t i = vms->n_fds; i-- > 0;) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)process,
			 vms->fd[i].fd);
		if (vms->fd[i].process == process && access(path, F_OK))
			vms->fd[i] = vms->fd[--vms->n_fds];
	}
}

/* ---- values ---- */

bool trace_known(struct vms *vms, size_t vm, uint64_t id, uint64_t value)
{
	struct vm *v = &vms->vm[vm];
	struct known *k;
	bool same;

	for (size_t i = 0; i < v->n_known; i++) {
		k = &v->known[i];
		if (k->id != id)
			continue;
		same = k->value == value;
		k->value = value;
		return same;
	}
	k = reallocarray(v->known, v->n_known + 1, sizeof(*k));
	if (!k) {
		vms->no_memory = true;
		return false;
	}
	v->known = k;
	k[v->n_known++] = (struct known){ id, value };
	return false;
}

void trace_vms_free(struct vms *vms)
{
	for (size_t i = 0; i < vms->n; i++)
		free(vms->vm[i].known);
	free(vms->vm);
	free(vms->fd);
}
