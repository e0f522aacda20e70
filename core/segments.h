/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segments.h - where the log's bytes live, behind a table: numbered segments that
 * grow by whole groups.  The local kind (segments_local.c) keeps files
 * segment.NNN.wal in a folder through io.h; a shared kind on a distributed
 * engine must fit without a change above.
 *
 * One writer thread at a time; list(), read() and name() may run beside it,
 * in any number of threads.
 */
#ifndef STEME_SEGMENTS_H
#define STEME_SEGMENTS_H

#include "core/err.h"
#include "core/io.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room beside the log that is given back when the disk is full. */
#define STEME_RESERVE_BYTES	(8 << 20)

struct steme_segments;

struct steme_segment_info {
	uint64_t number;
	uint64_t bytes;		/* stored (compressed size for .gz) */
	bool compressed;
	int64_t mtime_us;
};

struct steme_segments_ops {
	/*
	 * Takes the writer's lock with a fencing token; from then on a writer with
	 * an older token must fail.  STEME_EBUSY: held; why names the holder.
	 */
	int (*lock)(struct steme_segments *s, struct steme_why *why);
	/* All segments, ascending; *out is malloc()ed, the caller frees. */
	int (*list)(struct steme_segments *s, struct steme_segment_info **out,
	    size_t *n);
	/*
	 * Bytes at off of segment number, decompressed where needed.  The count;
	 * short at the end, and before what does not decompress.  STEME_ENOTFOUND
	 * if the segment is gone, STEME_ECORRUPT if it does not decompress at off.
	 * The writer's open segment is read even if it lost its name.
	 */
	ssize_t (*read)(struct steme_segments *s, uint64_t number, void *buf,
	    size_t n, uint64_t off);
	/* Where segment number is, for messages; truncated to size. */
	void (*name)(struct steme_segments *s, uint64_t number, char *buf,
	    size_t size);
	/*
	 * Makes segment number with data (n bytes) at 0 and room for `room` bytes,
	 * and makes it the open one.  Atomic and durable: a segment that list()
	 * tells has its data.  STEME_EEXIST: there is one of that number.
	 * STEME_ENOSPC: nothing changed.
	 */
	int (*create)(struct steme_segments *s, uint64_t number, uint64_t room,
	    const void *data, size_t n, struct steme_why *why);
	/* Opens the existing segment number for appending. */
	int (*reopen)(struct steme_segments *s, uint64_t number, uint64_t room,
	    struct steme_why *why);
	/*
	 * Writes data at off of the open segment and makes it durable, then checks
	 * that the segment is still reachable under its name.
	 * STEME_ENOSPC: cut back to off and synced; *data* is not there.
	 * STEME_ESTALE: durable in a segment that lost its name: the caller must copy
	 * it to a new one.  STEME_EBUSY: another writer took the lock.  Anything
	 * else: unknown state.  *sync_us (may be NULL): time of the sync.
	 */
	int (*append)(struct steme_segments *s, const void *data, size_t n,
	    uint64_t off, int64_t *sync_us, struct steme_why *why);
	/*
	 * Takes the room again that a cut gave back.  STEME_ENOSPC: there is none.
	 * append() does this by itself.
	 */
	int (*extend)(struct steme_segments *s, struct steme_why *why);
	/* Is the open segment still reachable under its name?  As append(). */
	int (*check)(struct steme_segments *s, struct steme_why *why);
	/*
	 * Cuts a segment to `bytes`, durably; no-op if it is not longer, is
	 * compressed, or is gone.
	 */
	int (*cut)(struct steme_segments *s, uint64_t number, uint64_t bytes,
	    struct steme_why *why);
	/* Makes durable that the segments present are present. */
	int (*settle)(struct steme_segments *s, struct steme_why *why);
	/*
	 * Takes over all segments of `from`, a table of the same kind whose numbers are
	 * higher than ours.  Durable, the highest first: until all are here,
	 * what is missing between is a gap, and the log cannot pass for whole.
	 */
	int (*take)(struct steme_segments *s, struct steme_segments *from,
	    struct steme_why *why);
	/* Keeps a segment under a name that is no segment's; no-op if it is gone. */
	int (*set_aside)(struct steme_segments *s, uint64_t number,
	    struct steme_why *why);
	/*
	 * Gives space back (STEME_RESERVE_BYTES) or takes it again if there is room.
	 * Any thread.
	 */
	void (*reserve)(struct steme_segments *s, bool hold);
	void (*close)(struct steme_segments *s);
};

struct steme_segments {
	const struct steme_segments_ops *ops;
};

/*
 * Segments as files in dir (created 0750 if `create`, and its parent synced).
 * Foreign files there are ignored and never touched.  io is borrowed.
 */
int steme_segments_local(struct steme_segments **out, struct steme_io *io,
    const char *dir, bool create, struct steme_why *why);

static inline void
steme_segments_close(struct steme_segments *s)
{
	if (s != NULL)
		s->ops->close(s);
}

#endif
