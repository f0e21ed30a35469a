/* SPDX-License-Identifier: MIT */
/*
 * Hosts that are kept as keys of etcd, read by its own client, etcdctl, which
 * takes endpoints and certificates from its ETCDCTL_... variables.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

extern char **environ;

/* ---- base64, in which etcdctl gives keys and values ---- */

static int sextet(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* NUL-terminated, for the caller to free(); NULL: errno says why. */
static char *decode(const char *text, size_t *ret_size)
{
	size_t n = strcspn(text, "="), size = 0;
	char *data = malloc(n + 1);
	unsigned int bits = 0;

	for (size_t i = 0; data && i < n; i++) {
		int six = sextet(text[i]);

		if (six < 0) {
			free(data);
			errno = EBADMSG;
			return NULL;
		}
		bits = bits << 6 | (unsigned int)six;
		if (i % 4)
			data[size++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	if (data)
		data[size] = '\0';
	*ret_size = size;
	return data;
}

/* ---- the client ---- */

static pid_t start_client(const char *prefix, int *ret_fd)
{
	char *argv[] = { (char *)"etcdctl", (char *)"get", (char *)"--prefix",
			 (char *)"--write-out=json", (char *)"--",
			 (char *)(uintptr_t)prefix, NULL };
	posix_spawn_file_actions_t actions;
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	/* Of version 3.4 on the default; Debian 11's is older. */
	setenv("ETCDCTL_API", "3", 1);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (r) {
		close(fds[0]);
		return -r;
	}
	*ret_fd = fds[0];
	return pid;
}

static int end_client(const struct args *args, const char *prefix, pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return DONE;
	return not_done(args, EIO, NULL, "etcd:%s: etcdctl failed, see above; "
			"ETCDCTL_ENDPOINTS says where etcd is", prefix);
}

static int not_decoded(const struct args *args, const char *prefix)
{
	if (errno == ENOMEM)
		return not_done(args, ENOMEM, NULL,
				"etcd:%s: no memory for a key and its value",
				prefix);
	return not_done(args, EBADMSG, NULL,
			"etcd:%s: a key or value is not base64", prefix);
}

static int each_key(const struct args *args, const char *prefix,
		    const json_t *answer,
		    int (*add)(void *userdata, const char *key,
			       const void *value, size_t size),
		    void *userdata)
{
	const json_t *kvs = json_object_get(answer, "kvs");
	int status = DONE;

	if (!json_array_size(kvs))
		return not_done(args, ENOENT, NULL,
				"etcd:%s: no key begins so", prefix);
	for (size_t i = 0; i < json_array_size(kvs) && !status; i++) {
		const json_t *kv = json_array_get(kvs, i);
		const char *k = json_string_value(json_object_get(kv, "key"));
		const char *v =
			json_string_value(json_object_get(kv, "value"));
		size_t n_key = 0, n_value = 0;
		char *key = decode(k ? k : "", &n_key);
		char *value = key ? decode(v ? v : "", &n_value) : NULL;

		status = value ? add(userdata, key, value, n_value) :
				 not_decoded(args, prefix);
		free(key);
		free(value);
	}
	return status;
}

int etcd_each(const struct args *args, const char *prefix,
	      int (*add)(void *userdata, const char *key, const void *value,
			 size_t size),
	      void *userdata)
{
	json_t *answer = NULL;
	int fd = -1, status = DONE, ended;
	pid_t pid = start_client(prefix, &fd);

	if (pid < 0)
		return not_done(args, (int)-pid, NULL,
				"etcd:%s: cannot start etcdctl, which Debian "
				"has in etcd-client", prefix);
	/* Its ids of 64 bits are no integers to jansson, and nothing to us. */
	answer = json_loadfd(fd, JSON_DECODE_INT_AS_REAL, NULL);
	close(fd);
	/* Where the client failed its words are worth more than ours. */
	ended = end_client(args, prefix, pid);
	if (!ended && !answer)
		status = not_done(args, EBADMSG, NULL,
				  "etcd:%s: what etcdctl says is no JSON",
				  prefix);
	if (!ended && !status)
		status = each_key(args, prefix, answer, add, userdata);
	json_decref(answer);
	return ended ? ended : status;
}
