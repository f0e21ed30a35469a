/* SPDX-License-Identifier: MIT */
/* A migration stream in memory, and a destination that builds no VM. */
#ifndef STREAM_RIG_H
#define STREAM_RIG_H

#include "stream.h"

#define RIG_PAGE 4096u
#define RIG_PAGES 8u
#define RIG_SOURCE_ID 0x1111222233334444ull
#define RIG_OWN_ID 0x5555666677778888ull

struct bytes {
	uint8_t *p;
	size_t n, at;
	size_t limit; /* writing fails beyond it */
};

struct rig {
	struct bytes in, out;
	uint8_t *memory;
	uint64_t memory_size;
	const char *fail; /* which step fails, or NULL */
	bool late; /* GO comes too late */
	unsigned int machines, images, devices, registers, finished;
	char why[256]; /* of in */
	size_t room; /* that in had allocated */
	struct stream_hello hello;
};

struct stream_io bytes_io(struct bytes *bytes);
void bytes_add(struct bytes *bytes, const void *from, size_t n);
void bytes_free(struct bytes *bytes);

/* A whole one; extra, if there is one, is called before section number. */
struct recipe {
	bool one_way, no_go;
	int number;
	void (*extra)(struct stream *s);
};
void rig_stream(struct bytes *to, const struct recipe *recipe);
/* true: the guest may run. */
bool rig_take(struct rig *rig, uint64_t own_id);
/* What of the destination's answers is of that type: does it say that? */
bool rig_said(const struct rig *rig, uint32_t type);
void rig_free(struct rig *rig);
const uint8_t *rig_memory(void); /* the source's, RIG_PAGES */

#endif
