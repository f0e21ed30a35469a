/* SPDX-License-Identifier: MIT */
/* The file descriptors that a migration goes over. */
#ifndef ONEREG_VMM_CHANNEL_H
#define ONEREG_VMM_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "pace.h"
#include "stream.h"

struct channel {
	int in, out; /* -1: there is none */
	int in_flags, out_flags; /* that they had before, -1: as they are */
	unsigned int stall_ms; /* without a byte: the other side is dead */
	/* Until the other side is there and has sent a byte; 0: for ever. */
	unsigned int first_ms;
	bool heard; /* it has */
	struct pace pace;
	struct stream_io io;
	char temporary[4096]; /* a file that is not in its place yet, or "" */
	const char *place;
};

/* To be called first; the times as above. */
void channel_init(struct channel *c, unsigned int stall_ms,
		  unsigned int first_ms);
/*
 * where: "-" stdin and stdout, what is printed then goes to stderr; N a file
 * descriptor; IN,OUT two of them; or a path: a character device, or a Unix
 * socket, to which the source connects and on which the destination listens.
 * 0, USAGE or CANNOT, told.
 */
int channel_open(struct channel *c, const char *where, bool listen);
/* A saved stream, to be read; true: it is a file. */
bool channel_is_file(const char *where);
int channel_open_file(struct channel *c, const char *path);
/* A stream to be saved: not at its place before channel_commit(). */
int channel_create_file(struct channel *c, const char *path);
int channel_commit(struct channel *c);
void channel_close(struct channel *c);
/* Is there something to be read? */
bool channel_readable(const struct channel *c);
/* From now on no faster than the rate; 0: no limit. */
void channel_pace(struct channel *c, uint64_t rate);

#endif
