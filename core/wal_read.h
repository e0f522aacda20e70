/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wal_read.h - how the log is read: shared by opening (wal.c) and scanning
 * (wal_scan.c); private to core/wal*.c.  doc/wal-format.md, sections 8 and 10.
 */
#ifndef STEME_WAL_READ_H
#define STEME_WAL_READ_H

#include "core/segments.h"
#include "core/walrec.h"

#define STEME_WAL_COPIES	8	/* of one segment, at most */
#define STEME_WAL_NO_LIMIT	UINT64_MAX

/* ---- the segments that are part of the log (wal_set.c) ---- */

struct steme_walseg {
	uint64_t number;
	struct steme_wal_seghdr h;
	struct steme_segments *copy[STEME_WAL_COPIES];
	unsigned ncopies;
	uint64_t bytes;			/* stored, of the first copy */
	bool compressed;		/* the first copy */
	bool newest;
	uint64_t limit;			/* its successor's prev_offset, or NO_LIMIT */
};

struct steme_walset {
	struct steme_walseg *v;		/* ascending */
	size_t n;
	uint64_t highest;		/* highest number present, part of the log or not */
};

struct steme_walread;

/*
 * [OPEN-3] Loads headers from the newest segment back to the one that holds
 * r->next_lsn, or the beginning.  Damaged headers go to r's trouble.
 * The caller frees set->v, also on failure.
 */
int steme_walset_load(struct steme_walset *set, struct steme_walread *r,
    struct steme_segments *const *tables, size_t ntables);

/* ---- a window on one segment (wal_window.c) ---- */

struct steme_walwin {
	struct steme_segments *table;
	uint64_t number;
	uint8_t *buf;
	size_t cap, len;
	uint64_t base;			/* offset of buf[0] */
};

/* Points at another segment or copy; what was read is forgotten. */
void steme_walwin_set(struct steme_walwin *w, struct steme_segments *table,
    uint64_t number);
void steme_walwin_fini(struct steme_walwin *w);
/*
 * n bytes at off, in place until the next call; what lies past the end of the
 * segment reads as zero.  *got (may be NULL): how many are really there.
 */
int steme_walwin_peek(struct steme_walwin *w, uint64_t off, size_t n,
    const uint8_t **p, size_t *got);

/* What follows a place where reading failed. */
struct steme_wal_ahead {
	bool later;			/* a valid group header follows */
	struct steme_wal_group g;	/* that */
	uint64_t used;			/* end of the last sector that is not zero,
					   at least the place itself */
};
/* Looks at every sector from off (itself no candidate) up to limit or the end. */
int steme_walwin_ahead(struct steme_walwin *w, uint64_t off, uint64_t limit,
    uint32_t seed, struct steme_wal_ahead *a);

/* ---- reading in order (wal_scan.c) ---- */

/* Where the newest segment ends. */
struct steme_walend {
	bool empty;			/* no segment at all */
	struct steme_walseg seg;
	uint64_t offset;		/* behind the last valid group */
	uint32_t chain;			/* there */
	uint64_t group, lsn;		/* the next ones */
	uint64_t durable;		/* known to be on disk; a group's boundary */
	bool clean;			/* a clean mark lies at offset */
	bool torn;
	uint64_t torn_bytes;
};

struct steme_walread {
	steme_wal_visit *visit;		/* may be NULL */
	steme_wal_on_trouble *trouble;	/* may be NULL */
	/* Told in the place of a damaged record whose bounds are known; may be NULL. */
	steme_wal_visit *doubtful;
	void *arg;
	struct steme_why *why;
	struct steme_wal_pos from;	/* from.lsn >= 1 */
	uint64_t next_lsn;		/* to be told next; starts as from.lsn */
	uint64_t hlc;			/* greatest seen */
	/* private */
	bool chained;			/* chain and group are known */
	uint32_t chain;
	uint64_t group;			/* number of the next group */
	uint64_t lsn;			/* of the next group's first record */
	uint64_t told_end;		/* end of the part of the segment told so far */
	uint64_t again;			/* place in the newest segment that was read
					   a second time because it looked damaged */
	struct steme_walwin win;
	struct steme_walend *end;
};

/* Reads all of set in order.  *end is filled for the newest segment. */
int steme_walread_all(struct steme_walread *r, const struct steme_walset *set,
    struct steme_walend *end);
void steme_walread_fini(struct steme_walread *r);

/*
 * Reports damage or a gap: 0 to go on, else the error to return.  last 0:
 * unknown; last < first: no record is affected.
 */
int steme_walread_trouble(struct steme_walread *r, int err,
    const struct steme_wal_trouble *t);
/* Damage at off of segment number in table, with the cure. */
int steme_walread_damage(struct steme_walread *r, struct steme_segments *table,
    uint64_t number, uint64_t off, uint64_t first, uint64_t last,
    const char *what);

#endif
