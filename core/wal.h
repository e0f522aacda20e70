/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal.h - the write-ahead log: the truth.  doc/wal-format.md has the bytes.
 *
 * A record is (type, lsn, hlc, payload).  lsn counts records from 1 without a
 * gap.  A group of records is one commit: written with one write, made durable
 * with one sync.  The log sits on a `segments` table (segments.h); nothing here knows
 * a local file.
 *
 * Threads: one thread at a time may call steme_wal_commit()/_rotate()/_tick()
 * (the leader); steme_wal_stats() may be called from any thread.
 */
#ifndef STEME_WAL_H
#define STEME_WAL_H

#include "core/err.h"
#include "core/wal_type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct steme_wal;
struct steme_clock;
struct steme_segments;

#define STEME_WAL_PAYLOAD_MAX	(2u << 20)

struct steme_wal_rec {
	enum steme_wal_type type;
	uint64_t lsn;
	uint64_t hlc;
	const uint8_t *payload;
	size_t len;
};

/* Where a record or group lies; lsn is that of the first record at or after it. */
struct steme_wal_pos {
	uint64_t segment;
	uint64_t offset;
	uint64_t lsn;
};

/*
 * One record read back.  pos is its group's place (for error messages and checkpoints).
 * A non-zero return stops the scan and is passed on.
 */
typedef int steme_wal_visit(void *arg, const struct steme_wal_rec *rec,
    const struct steme_wal_pos *pos);

struct steme_wal_opts {
	struct steme_segments *segments;	/* owned by the log once open succeeds */
	uint64_t node;			/* this node's id, for new segment headers;
					   0: take it from the newest segment */
	uint64_t segment_bytes;		/* 0: 64 MiB */
	struct steme_wal_pos from;	/* scan from here (zero: from the first segment);
					   only ever what steme_wal_end() gave after
					   an acknowledged commit */
	steme_wal_visit *visit;		/* every record with lsn >= from.lsn, in order,
					   each once; may be NULL */
	void *arg;
	const struct steme_clock *clock;	/* NULL: steme_clock_system */
};

/*
 * Opens the log for writing: takes its lock (STEME_EBUSY, why names the holder),
 * scans from opts->from, tells every record, cuts a torn tail and appends again
 * what was not known durable (doc/wal-format.md, "Opening").
 * STEME_ECORRUPT: damage that is not a torn tail; why names segment, offset and the
 * lsn range affected.  STEME_EGAP: a segment between from and the end is missing.
 * STEME_EVERSION: a newer format; nothing was touched.
 * On failure the segments stay the caller's (but may hold the lock: close them).
 */
int steme_wal_open(struct steme_wal **out, const struct steme_wal_opts *opts,
    struct steme_why *why);
/* Marks a clean stop if nothing failed, and frees.  NULL is allowed. */
void steme_wal_close(struct steme_wal *w);

/* lsn of the next record to commit; 1 for an empty log. */
uint64_t steme_wal_next_lsn(const struct steme_wal *w);
/* The greatest hlc read or written. */
uint64_t steme_wal_last_hlc(const struct steme_wal *w);
/* The node id of the log's segments; 0 for an empty log opened with node 0. */
uint64_t steme_wal_node(const struct steme_wal *w);
/*
 * End of the durable part: the place of the next group, unless that begins a new
 * segment.  lsn is what counts when it is used as `from`; segment and offset
 * save time.  Segment 0: the log is empty.
 */
struct steme_wal_pos steme_wal_end(const struct steme_wal *w);

/*
 * Writes recs (whose lsn must continue the log) as one group and makes it durable.
 * STEME_OK: durable, at the path of an existing segment.
 * STEME_ENOSPC: nothing of it remains; the log can go on when there is room.
 * STEME_EINVAL, STEME_ETOOBIG: the records break a rule; nothing was written.
 * Any other error: it may or may not be on disk; the log refuses all further
 * commits with STEME_EREADONLY, and the process must exit so that the next
 * start replays.
 * *fsync_us, if not NULL, receives the time the sync took.
 */
int steme_wal_commit(struct steme_wal *w, const struct steme_wal_rec *recs,
    size_t n, int64_t *fsync_us, struct steme_why *why);
/* Seals the open segment and starts another (no-op if it is empty). */
int steme_wal_rotate(struct steme_wal *w, struct steme_why *why);
/*
 * Once a second when idle: checks that the open segment is still at its path and
 * repairs that; rotates a segment older than 7 days; refills the reserve file.
 */
int steme_wal_tick(struct steme_wal *w, struct steme_why *why);
/*
 * hold false: the reserve file is given back now, for others who need the room, and not
 * refilled until hold is true.  Any thread.
 */
void steme_wal_reserve(struct steme_wal *w, bool hold);

struct steme_wal_stats {
	uint64_t segments, bytes;	/* present now, .wal and .wal.gz */
	uint64_t open_segment, first_segment;
	uint64_t groups, records, syncs;	/* by this process */
	uint64_t bytes_written;
	uint64_t rotations, torn_bytes_cut, recovered_records, relocations;
	uint64_t sync_errors;
	bool full;			/* the last commit met ENOSPC */
	bool failed;			/* no more commits */
	bool unclean;			/* found without the mark of a clean stop */
};
void steme_wal_stats(struct steme_wal *w, struct steme_wal_stats *out);

/*
 * Reads a log without opening it for writing (rebuild, verify): all segments of all
 * tables given, .wal and .wal.gz, merged by segment number.  Checks CRCs and the
 * chain.  Damage and gaps are reported through `trouble` (may be NULL) and end the scan
 * unless it returns 0.  Then reading goes on behind the damage; records whose own
 * checksum is right are told even if a neighbour's is not.  A torn tail is the
 * end of the log, not trouble.  May run beside a writer.
 */
struct steme_wal_trouble {
	int err;			/* STEME_ECORRUPT or STEME_EGAP */
	uint64_t segment, offset;
	uint64_t first_lsn, last_lsn;	/* affected, inclusive; last 0: unknown */
	char text[512];
};
typedef int steme_wal_on_trouble(void *arg, const struct steme_wal_trouble *t);

int steme_wal_scan(struct steme_segments *const *tables, size_t ntables,
    struct steme_wal_pos from, steme_wal_visit *visit,
    steme_wal_on_trouble *trouble, void *arg, struct steme_why *why);

#endif
