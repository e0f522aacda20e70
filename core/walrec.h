/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walrec.h - the log's bytes: segment headers, groups, records.
 * doc/wal-format.md has the tables.  Pure functions over memory; any thread.
 */
#ifndef STEME_WALREC_H
#define STEME_WALREC_H

#include "core/rd.h"
#include "core/wal.h"

#define STEME_WAL_VERSION	1u
#define STEME_WAL_SECTOR	512u	/* alignment of groups */
#define STEME_WAL_HEADER	512u	/* segment header */
#define STEME_WAL_GROUP		64u	/* group header */
#define STEME_WAL_REC_HEAD	21u
#define STEME_WAL_REC_EXTRA	25u	/* a record's bytes beside its payload */
#define STEME_WAL_LENGTH_MAX	(64u << 20)	/* records of one group */
#define STEME_WAL_ZERO_RUN	64u	/* shortest run of zeros that shows a tear */

#define STEME_WAL_CLEAN		1u	/* group flag: clean mark */

struct steme_wal_seghdr {
	uint32_t version;
	uint64_t node, number;
	uint64_t first_lsn, first_group;
	uint64_t hlc;
	uint64_t prev_segment, prev_offset;
	uint32_t prev_chain;
	uint64_t born;
	uint64_t created_us;
	uint64_t salt;
	uint32_t crc;			/* set by put and get */
};

struct steme_wal_group {
	uint32_t flags;
	uint64_t group;
	uint64_t offset, durable;
	uint64_t first_lsn;
	uint64_t hlc;
	uint32_t length, count;		/* set by put and get */
	uint32_t chain;			/* before the group */
	uint32_t crc;			/* set by put and get */
};

/* Writes the 512 bytes of a segment header and sets h->crc. */
void steme_walrec_put_segment(uint8_t *out, struct steme_wal_seghdr *h);
/*
 * STEME_ECORRUPT: not a header, or damaged.  STEME_EVERSION: a newer format;
 * h->version is set.  Otherwise *h is whole.  n may be anything.
 */
int steme_walrec_get_segment(struct steme_wal_seghdr *h, const void *p, size_t n);

/* Bytes a group with `length` bytes of records takes in the file. */
static inline size_t
steme_walrec_size(size_t length)
{
	return (STEME_WAL_GROUP + length) / STEME_WAL_SECTOR * STEME_WAL_SECTOR +
	    STEME_WAL_SECTOR;
}

/* Bytes of n records; 0 if they are over the limit of one group. */
size_t steme_walrec_length(const struct steme_wal_rec *recs, size_t n);
/*
 * Writes a whole group, steme_walrec_size(steme_walrec_length()) bytes.  g holds
 * all but length, count and crc.  Returns the chained checksum after it.
 */
uint32_t steme_walrec_put_group(uint8_t *out, struct steme_wal_group *g,
    uint32_t seed, const struct steme_wal_rec *recs, size_t n);

/* STEME_ECORRUPT unless p (n bytes) begins with a valid group header for `offset`. */
int steme_walrec_get_group(struct steme_wal_group *g, const void *p, size_t n,
    uint64_t offset, uint32_t seed);

/* What steme_walrec_check() found wrong, relative to the group's start. */
struct steme_wal_bad {
	size_t from, to;		/* the bad part */
	uint64_t lsn;			/* first record affected */
	const char *what;		/* static text */
};

/*
 * Verifies records, chain and padding of the group at p (whole, as g->length says).
 * On success *chain is the checksum after it, *hlc the greatest of its records.
 */
int steme_walrec_check(const struct steme_wal_group *g, const uint8_t *p,
    uint32_t *chain, struct steme_wal_bad *bad);

/* Cursor over the records of a checked group at p; use with steme_walrec_next(). */
static inline struct steme_rd
steme_walrec_records(const struct steme_wal_group *g, const uint8_t *p)
{
	return steme_rd_from(p + STEME_WAL_GROUP, g->length);
}

/*
 * The next record; its payload points into the group.  STEME_ENOTFOUND at the
 * end, STEME_ECORRUPT if it does not fit (never in a checked group).
 * Its checksum is not looked at.
 */
int steme_walrec_next(struct steme_rd *r, struct steme_wal_rec *rec);

/*
 * Adapts a run of whole, valid groups to a new segment: buf (n bytes) begins with 512 bytes
 * for the header, then groups as read at offset `from` of the segment whose header crc is
 * `seed`.  Header and checksums are written; h->first_lsn, first_group and born are
 * set if there is a group.  Clean marks are refused.  *chain: checksum at the end,
 * *last: the last group (unchanged if none).  STEME_ECORRUPT if a group is not valid.
 */
int steme_walrec_rechain(uint8_t *buf, size_t n, uint64_t from, uint32_t seed,
    struct steme_wal_seghdr *h, uint32_t *chain, struct steme_wal_group *last);

/*
 * The rule of doc/wal-format.md 10.3: do zeros in the n bytes at p (a multiple of 512)
 * explain that the part [bad_from, bad_to) is bad?
 */
bool steme_walrec_torn(const uint8_t *p, size_t n, size_t bad_from,
    size_t bad_to);

bool steme_walrec_is_zero(const uint8_t *p, size_t n);

#endif
