/* SPDX-License-Identifier: Apache-2.0 */
/* wal_impl.h - the log's state; private to core/wal.c and core/wal_open.c. */
#ifndef STEME_WAL_IMPL_H
#define STEME_WAL_IMPL_H

#include "core/clock.h"
#include "core/wal_read.h"

#include <pthread.h>
#include <stdatomic.h>

#define STEME_WAL_SEGMENT_BYTES	((uint64_t)64 << 20)	/* unless told otherwise */

struct steme_wal {
	struct steme_segments *segs;	/* owned */
	const struct steme_clock *clock;
	uint64_t segment_bytes;
	uint64_t node;
	/* the newest segment; h.number 0: none yet */
	struct steme_wal_seghdr h;
	bool open;			/* it can be appended to */
	bool clean;			/* a clean mark lies at offset */
	bool stale;			/* it lost its name and must be copied first */
	atomic_bool lean;		/* the reserve is not to be taken again */
	uint64_t room;			/* it ends there at the latest */
	uint64_t offset;		/* of the next group */
	uint32_t chain;
	uint64_t group, lsn;		/* the next ones */
	uint64_t hlc;			/* greatest so far */
	uint64_t highest;		/* segment number present or used */
	uint8_t *buf;			/* a group being written */
	size_t cap;
	size_t need;			/* size of the last group, written or refused */
	struct steme_why why;		/* why it failed */
	pthread_mutex_t mu;
	struct steme_wal_stats st;	/* (mu) what does not need the folder */
};

/*
 * Section 6: makes the next segment, which continues the log at (prev, offset,
 * chain), and goes on in it.  buf holds 512 bytes for its header and then the n - 512
 * bytes of groups it is born with, taken from offset `from` of a segment whose header
 * has the checksum `seed`.  Nothing has changed on failure, except that the name
 * may be on disk if it was the last sync that failed.
 */
int steme_wal_start_segment(struct steme_wal *w, struct steme_wal_pos prev,
    uint32_t chain, uint8_t *buf, size_t n, uint64_t from, uint32_t seed,
    size_t need, struct steme_why *why);

/* Frees the log but not its segments. */
void steme_wal_free(struct steme_wal *w);

#endif
