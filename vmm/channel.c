// SPDX-License-Identifier: MIT
/*
 * Bytes over file descriptors of any kind. Once the other side has spoken none
 * of it waits for ever: a side that gives or takes no byte for the time set is
 * taken for dead.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "channel.h"
#include "vmm.h"

#define FOR_EVER -1

/* 0, or -ETIMEDOUT where nothing can be done for so long. */
static int wait_for(int fd, short events, int64_t ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t end = now_ns() + (uint64_t)ms * 1000000, now;
	int n;

	do {
		now = now_ns();
		n = poll(&p, 1,
			 ms < 0	   ? -1 :
			 now < end ? (int)((end - now) / 1000000 + 1) :
				     0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int64_t patience_ms(const struct channel *c)
{
	if (c->heard)
		return c->stall_ms;
	return c->first_ms ? (int64_t)c->first_ms : FOR_EVER;
}

static bool again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static int channel_read(void *userdata, void *to, size_t n)
{
	struct channel *c = userdata;
	uint8_t *p = to;

	while (n) {
		int rc = wait_for(c->in, POLLIN, patience_ms(c));
		ssize_t done = rc ? 0 : read(c->in, p, n);

		if (rc)
			return rc;
		if (done < 0 && again())
			continue;
		if (done < 0)
			return -errno;
		if (!done)
			return -EPIPE;
		c->heard = true;
		p += done;
		n -= done;
	}
	return 0;
}

static void keep_pace(struct channel *c, size_t n)
{
	uint64_t ns = pace_wait(&c->pace, n, now_ns());
	struct timespec t = {
		.tv_sec = ns / 1000000000,
		.tv_nsec = ns % 1000000000,
	};

	if (ns)
		nanosleep(&t, NULL);
}

static int channel_write(void *userdata, const void *from, size_t n)
{
	struct channel *c = userdata;
	const uint8_t *p = from;

	while (n) {
		size_t part = n < 65536 ? n : 65536;
		int rc = wait_for(c->out, POLLOUT, c->stall_ms);
		ssize_t done = rc ? 0 : write(c->out, p, part);

		if (rc)
			return rc;
		if (done < 0 && again())
			continue;
		if (done <= 0)
			return done ? -errno : -EPIPE;
		p += done;
		n -= done;
		keep_pace(c, done);
	}
	return 0;
}

void channel_pace(struct channel *c, uint64_t rate)
{
	pace_start(&c->pace, rate, now_ns());
}

bool channel_readable(const struct channel *c)
{
	return c->in >= 0 && !wait_for(c->in, POLLIN, 0);
}

void channel_init(struct channel *c, unsigned int stall_ms,
		  unsigned int first_ms)
{
	*c = (struct channel){
		.in = -1,
		.out = -1,
		.in_flags = -1,
		.out_flags = -1,
		.stall_ms = stall_ms,
		.first_ms = first_ms,
		.io = { .userdata = c,
			.read = channel_read,
			.write = channel_write },
	};
	/* Who reads is gone: write() says so. */
	signal(SIGPIPE, SIG_IGN);
}

/*
 * A blocking write of much would wait for ever where nobody reads. Who gave us
 * the descriptor shares these flags, and gets them back.
 */
static int take_fd(int fd, int *ret_flags)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int flags = own < 0 ? -1 : fcntl(own, F_GETFL);

	if (flags < 0 || fcntl(own, F_SETFL, flags | O_NONBLOCK) < 0) {
		if (own >= 0)
			close(own);
		return -1;
	}
	*ret_flags = flags;
	return own;
}

static void give_back(int fd, int flags)
{
	if (fd < 0)
		return;
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags);
	close(fd);
}

static int take_pair(struct channel *c, const char *where, int in, int out)
{
	c->in = take_fd(in, &c->in_flags);
	if (c->in >= 0)
		c->out = take_fd(out, &c->out_flags);
	if (c->in < 0 || c->out < 0)
		return cannot_errno("give open file descriptors",
				    "migration over %s", where);
	return 0;
}

static int take_stdio(struct channel *c, const char *where)
{
	int rc = take_pair(c, where, 0, 1);

	/* The guest's words are no part of the stream. */
	if (!rc && dup2(2, 1) < 0)
		rc = cannot_errno(NULL, "migration over %s", where);
	return rc;
}

static int address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return cannot("use a shorter path", "%s: too long for a socket",
			      path);
	strcpy(ret->sun_path, path);
	return 0;
}

static int connect_to(struct channel *c, const char *path)
{
	struct sockaddr_un a;
	int fd, rc = address(path, &a);

	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (void *)&a, sizeof(a)) < 0)
		rc = cannot_errno("does onereg-vmm receive listen there?",
				  "connecting to %s", path);
	else
		rc = take_pair(c, path, fd, fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int accept_one(int fd, int64_t ms)
{
	int rc = wait_for(fd, POLLIN, ms);

	if (!rc)
		return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	errno = -rc;
	return -1;
}

/* For one source; then nobody else can connect. */
static int listen_on(struct channel *c, const char *path)
{
	int fd, peer = -1, rc;
	struct sockaddr_un a;

	rc = address(path, &a);
	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) < 0) {
		rc = cannot_errno("choose a path where nothing is",
				  "listening on %s", path);
	} else {
		if (!listen(fd, 1))
			peer = accept_one(fd, patience_ms(c));
		rc = peer < 0 ? cannot_errno(NULL, "listening on %s", path) :
				take_pair(c, path, peer, peer);
		unlink(path);
	}
	if (peer >= 0)
		close(peer);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int open_device(struct channel *c, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), rc;

	if (fd < 0)
		return cannot_errno(NULL, "%s", path);
	rc = take_pair(c, path, fd, fd);
	close(fd);
	return rc;
}

static int open_path(struct channel *c, const char *path, bool listen)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT && listen)
			return listen_on(c, path);
		return cannot_errno("is the destination there?", "%s", path);
	}
	if (S_ISSOCK(st.st_mode) && !listen)
		return connect_to(c, path);
	if (S_ISSOCK(st.st_mode))
		return cannot("choose another path, or remove it if nobody "
			      "listens there any more",
			      "%s: a socket is there", path);
	if (S_ISCHR(st.st_mode))
		return open_device(c, path);
	return cannot("give a Unix socket, a character device, or file "
		      "descriptors; --save-stream writes files",
		      "%s: nobody can answer there", path);
}

int channel_open(struct channel *c, const char *where, bool listen)
{
	int in, out, end = 0;

	if (!strcmp(where, "-"))
		return take_stdio(c, where);
	if (sscanf(where, "%d,%d%n", &in, &out, &end) == 2 && !where[end])
		return take_pair(c, where, in, out);
	if (sscanf(where, "%d%n", &in, &end) == 1 && !where[end])
		return take_pair(c, where, in, in);
	return open_path(c, where, listen);
}

bool channel_is_file(const char *where)
{
	struct stat st;

	return !stat(where, &st) && S_ISREG(st.st_mode);
}

int channel_open_file(struct channel *c, const char *path)
{
	c->in = open(path, O_RDONLY | O_CLOEXEC);
	return c->in < 0 ? cannot_errno(NULL, "%s", path) : 0;
}

int channel_create_file(struct channel *c, const char *path)
{
	c->place = path;
	if ((size_t)snprintf(c->temporary, sizeof(c->temporary),
			     "%s.new-XXXXXX", path) >= sizeof(c->temporary)) {
		c->temporary[0] = 0;
		return cannot("use a shorter path", "%.80s: too long", path);
	}
	c->out = mkostemp(c->temporary, O_CLOEXEC);
	if (c->out >= 0)
		return 0;
	c->temporary[0] = 0;
	return cannot_errno("does the directory exist, is there room?",
			    "creating %s", path);
}

int channel_commit(struct channel *c)
{
	if (fsync(c->out) < 0 || rename(c->temporary, c->place) < 0)
		return cannot_errno("is there room?", "writing %s", c->place);
	c->temporary[0] = 0;
	if (!sync_parent(c->place))
		return 0;
	/* The guest runs on here: nothing else must have it. */
	unlink(c->place);
	return cannot_errno(NULL, "writing the directory of %s", c->place);
}

void channel_close(struct channel *c)
{
	if (c->temporary[0])
		unlink(c->temporary);
	c->temporary[0] = 0;
	/* The one that was taken first has the flags that both had. */
	give_back(c->out, c->out_flags);
	give_back(c->in, c->in_flags);
	c->in = c->out = c->in_flags = c->out_flags = -1;
}
