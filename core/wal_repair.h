/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal_repair.h - a damaged log becomes a whole one: from the first segment that has
 * trouble on, all that can be had is written anew, in new segments that replace the old
 * ones.  doc/wal-format.md, section 12.  For core/repair.c; nobody writes meanwhile.
 */
#ifndef STEME_WAL_REPAIR_H
#define STEME_WAL_REPAIR_H

#include "core/segments.h"
#include "core/walrec.h"

struct steme_wal_repair {
	/* set by the caller */
	struct steme_segments *const *tables;	/* [0]: the log, locked; borrowed */
	size_t ntables;
	const struct steme_clock *clock;
	uint64_t segment_bytes;		/* 0: the default */
	uint64_t node;			/* should no header be legible; or 0 */
	uint64_t end_lsn;		/* the log must reach this; 0: where it ends */
	/*
	 * Record lsn cannot be read from the log: *rec, borrowed until the next call, is
	 * taken instead.  STEME_ENOTFOUND: there is none, an empty record keeps its place.
	 * doubtful (may be NULL): its bytes, which do not match their checksum.
	 */
	int (*fill)(void *arg, uint64_t lsn, const struct steme_wal_rec *doubtful,
	    struct steme_wal_rec *rec);
	/* What is wrong, told by the look only. */
	void (*trouble)(void *arg, const struct steme_wal_trouble *t);
	void *arg;
	/* set by the look */
	uint64_t troubles;
	uint64_t filled, lost;		/* calls of fill by how they ended */
	struct steme_wal_seghdr start;	/* the first segment to be written anew;
					   number 0: all of the log */
	uint64_t start_lsn;
	uint64_t highest;		/* number of a segment that is there */
};

/*
 * Reads everything; changes nothing.  troubles 0: there is nothing to repair.
 * STEME_ENOTFOUND: no segment at all.  Segments that are missing in front of the first one
 * that is there are none of its business: they were moved away.
 */
int steme_wal_repair_look(struct steme_wal_repair *p, struct steme_why *why);
/*
 * After a look: writes what replaces p->start and all later segments to `fresh`, an
 * empty table that is closed whatever happens.
 */
int steme_wal_repair_write(struct steme_wal_repair *p,
    struct steme_segments *fresh, struct steme_why *why);

#endif
