/* SPDX-License-Identifier: MIT */
/*
 * The migration stream: docs/stream.md. Bytes in and out and what they mean,
 * without KVM, so that it is tested and fuzzed on any machine.
 */
#ifndef ONEREG_VMM_STREAM_H
#define ONEREG_VMM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_MAJOR 1
#define STREAM_MINOR 0
#define STREAM_HEADER 40
#define STREAM_REQUIRED 1
#define STREAM_ONE_WAY 1
#define STREAM_MAX_ROUNDS 1000
#define STREAM_MAX_RUNS 4096
#define STREAM_MAX_PAGES 1048576
#define STREAM_MAX_MACHINE 65536
#define STREAM_MAX_REGISTERS 268435456
#define STREAM_MAX_TEXT 1024
#define STREAM_MAX_UNKNOWN 65536
#define STREAM_MAX_SKIPPED 1024

#define STREAM_TYPE(a, b, c, d)                                     \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | \
	 (uint32_t)(d) << 24)

enum stream_type {
	STREAM_HELO = STREAM_TYPE('H', 'E', 'L', 'O'),
	STREAM_MACH = STREAM_TYPE('M', 'A', 'C', 'H'),
	STREAM_IMAG = STREAM_TYPE('I', 'M', 'A', 'G'),
	STREAM_ROUN = STREAM_TYPE('R', 'O', 'U', 'N'),
	STREAM_PAGE = STREAM_TYPE('P', 'A', 'G', 'E'),
	STREAM_STOP = STREAM_TYPE('S', 'T', 'O', 'P'),
	STREAM_DEVS = STREAM_TYPE('D', 'E', 'V', 'S'),
	STREAM_HASH = STREAM_TYPE('H', 'A', 'S', 'H'),
	STREAM_REGS = STREAM_TYPE('R', 'E', 'G', 'S'),
	STREAM_END = STREAM_TYPE('E', 'N', 'D', '.'),
	STREAM_GO = STREAM_TYPE('G', 'O', '.', '.'),
	STREAM_ABRT = STREAM_TYPE('A', 'B', 'R', 'T'),
	/* answers */
	STREAM_REDY = STREAM_TYPE('R', 'E', 'D', 'Y'),
	STREAM_CONF = STREAM_TYPE('C', 'O', 'N', 'F'),
	STREAM_RUNS = STREAM_TYPE('R', 'U', 'N', 'S'),
	STREAM_FAIL = STREAM_TYPE('F', 'A', 'I', 'L'),
};

/* Both: all n bytes, or -errno; -EPIPE at the end of the stream. */
struct stream_io {
	void *userdata;
	int (*read)(void *userdata, void *to, size_t n);
	int (*write)(void *userdata, const void *from, size_t n);
};

/* One direction, as its reader or its writer sees it. */
struct stream {
	const struct stream_io *io;
	bool answers; /* from destination to source */
	uint64_t session;
	unsigned int state;
	uint32_t number; /* of the next section */
	uint32_t rounds;
	unsigned int skipped;
	uint64_t offset; /* bytes so far */
	uint8_t *payload; /* of the last section that was read */
	size_t room;
	char why[256]; /* of the last error */
};

struct section {
	uint32_t type;
	uint32_t length;
	const uint8_t *payload; /* until the next is read */
};

struct stream_hello {
	uint32_t page_size;
	uint64_t id;
	bool one_way;
};

struct stream_confirm {
	uint64_t commit_ns, prove_ns;
	uint64_t compared;
};

void stream_init(struct stream *s, const struct stream_io *io, bool answers);
void stream_close(struct stream *s);
/*
 * The next section that this reader knows, in its turn and of a size that its
 * type may have. -EBADMSG damaged, -EPROTO not in its turn, of another session
 * or unknown and required, -ENOMEM, or as the read; s->why says where and why.
 */
int stream_read(struct stream *s, struct section *ret);
/* first and second, one after the other, are the payload. */
int stream_write_parts(struct stream *s, uint32_t type, const void *first,
		       size_t n_first, const void *second, size_t n_second);
int stream_write(struct stream *s, uint32_t type, const void *payload,
		 size_t n);
int stream_write_text(struct stream *s, uint32_t type, const char *text);
/* Of an ABRT or FAIL, printable. */
void stream_text(const struct section *section, char *to, size_t size);

/* Of sections that stream_read() gave; -EBADMSG or -EPROTO as there. */
int stream_get_hello(struct stream *s, const struct section *from,
		     struct stream_hello *ret);
int stream_put_hello(struct stream *s, const struct stream_hello *hello);
int stream_put_round(struct stream *s, uint64_t pages);
uint64_t stream_get_hash(const struct section *from);
int stream_put_hash(struct stream *s, uint64_t hash);
int stream_get_confirm(struct stream *s, const struct section *from,
		       struct stream_confirm *ret);
int stream_put_confirm(struct stream *s, const struct stream_confirm *confirm);

/* For an error that the caller found: fills s->why, returns error. */
int stream_refuse(struct stream *s, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* stream_pages.c: the payload of PAGE */
struct page_reader {
	uint8_t *memory;
	uint64_t n_pages;
	uint32_t page_size;
	uint64_t next; /* the first page that may come in this round */
	uint64_t taken; /* pages, all in all */
};
/* All of it is checked before a byte is written. */
int pages_read(struct page_reader *r, struct stream *s,
	       const struct section *from);

struct page_writer {
	struct stream *stream;
	const uint8_t *memory;
	uint32_t page_size;
	uint8_t *head; /* number of runs, runs */
	uint8_t *data;
	uint32_t n_runs, run_kind;
	size_t n_data; /* bytes */
	uint64_t first, end; /* of the last run */
	uint64_t sent, zeros; /* pages */
};
int pages_writer_init(struct page_writer *w, struct stream *s,
		      const uint8_t *memory, uint32_t page_size);
void pages_writer_free(struct page_writer *w);
/* Copied at once, and sent when there are enough. Ascending, until a flush. */
int pages_write(struct page_writer *w, uint64_t page);
int pages_flush(struct page_writer *w);

/* take.c: the destination's side of the protocol */
struct taker {
	void *userdata;
	/* Each: 0, or an error, which is FAILed with the text of why(). */
	int (*machine)(void *userdata, const void *text, size_t size,
		       uint64_t *ret_memory_size);
	/* Builds the VM: its memory is zero. */
	int (*image)(void *userdata, const void *data, size_t size,
		     uint8_t **ret_memory);
	int (*devices)(void *userdata, const void *text, size_t size);
	int (*registers)(void *userdata, const void *data, size_t size);
	int (*finish)(void *userdata, struct stream_confirm *ret);
	const char *(*why)(void *userdata);
	/*
	 * Of GO: has so long gone by since CONF that the source, or a person,
	 * may have given up? May be NULL: never.
	 */
	bool (*late)(void *userdata);
	/* For people; may be NULL. */
	void (*progress)(void *userdata, uint32_t round, uint64_t pages,
			 bool stopped);
};

/*
 * true: everything was taken, finished and confirmed, and the source will not
 * run the guest any more: run it, and then say so by taken_runs(). false: it
 * must not be run, ever; in->why says why, and the source was told. own_id is
 * random and not 0.
 */
bool take(struct stream *in, struct stream *out, const struct taker *taker,
	  uint64_t own_id, struct stream_hello *ret_hello);
int taken_runs(struct stream *out, const struct stream_hello *hello);

#endif
