/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.h - a record of the log becomes index entries.  The one way in: commits,
 * replay after a stop and rebuilds all come through here, so they cannot make
 * different indexes.  doc/index-keys.md has the entries.
 *
 * Everything is idempotent: a record applied twice, or over what later records left
 * behind, gives the same entries and the same sums.
 *
 * Private to the store.  One thread at a time per struct steme_apply.
 */
#ifndef STEME_APPLY_H
#define STEME_APPLY_H

#include "core/index.h"
#include "core/key.h"
#include "core/record.h"
#include "core/wal.h"

/* Entries of a list value ('L', 'A', 'S'). */
#define STEME_LIST_CHUNK	256
/*
 * Records of one log group at most.  A list chunk never spans groups, so whoever looks
 * for an lsn in lists starts this far below it.
 */
#define STEME_GROUP_RECORDS	8192

/*
 * Keyed hashes of things known to be in the index, so that a bulk import does not
 * look up each concept, predicate and source again.  Bounded: it is trimmed when full.
 * What is in an unwritten batch is here, too, so that is done only when all is written.
 */
struct steme_known;

enum {
	STEME_KNOWN = 1,
	STEME_KNOWN_ASSERTIONS = 2,	/* of a concept: it has assertions */
	STEME_KNOWN_COMPLETE = 4,	/* of a concept: all its predicates are known */
	STEME_KNOWN_YOUNG = 8		/* of a concept: all concepts below it are known */
};

/* slots: a power of two; half of them can be used before it counts as full. */
struct steme_known *steme_known_new(size_t slots);
void steme_known_free(struct steme_known *k);
/*
 * Flags of (family, a, b), 0 if it is not known; b may be absent.  *v (may be NULL):
 * the number kept with it (of a concept: its first lsn).
 */
unsigned steme_known_get(struct steme_known *k, char family, struct steme_str a,
    struct steme_str b, uint64_t *v);
/*
 * Adds flags, sets the number.  Grows if it must.  STEME_OK, or STEME_ENOMEM: what could not
 * be added is missing, so no concept is complete or young until the table is cleared.
 */
int steme_known_add(struct steme_known *k, char family, struct steme_str a,
    struct steme_str b, unsigned flags, uint64_t v);
bool steme_known_full(const struct steme_known *k);
/*
 * Forgets all but concepts, which are no longer complete then.  False: those alone fill it
 * too far, or something could not be added, and nothing was done.
 */
bool steme_known_trim(struct steme_known *k);
/* Nothing is known any more. */
void steme_known_clear(struct steme_known *k);

/* A fixed-size key and the lsn it is listed with; sorted into 'A' and 'S' lists. */
struct steme_listed {
	uint8_t key[32];
	uint64_t lsn, mark;
};

struct steme_list {
	struct steme_listed *v;
	size_t n, cap;
	bool sorted;
};

struct steme_apply {
	struct steme_index *ix;		/* for lookups; writing is steme_apply_write's */
	struct steme_known *known;
	struct steme_batch *batch;
	struct steme_applied at;	/* after the last record put in */
	uint64_t segment;		/* the last one with a 'Z' entry */
	size_t bytes;			/* in batch, about */
	uint64_t puts, put_bytes;	/* in all, of this object's life */
	uint64_t first_lsn;		/* of the ids waiting in log_ids */
	struct steme_buf log_ids;
	struct steme_list agents, sources;
	struct {
		size_t n;
		char text[STEME_SOURCE_MAX];
		uint8_t hash[16];
	} source;			/* the one put in last: claims in a row share theirs */
	struct steme_buf val;
	struct steme_keybuf key;
	int err;			/* sticky */
};

/* ix, known borrowed.  at: where the index stands.  STEME_OK or STEME_ENOMEM. */
int steme_apply_init(struct steme_apply *a, struct steme_index *ix,
    struct steme_known *known, const struct steme_applied *at);
void steme_apply_fini(struct steme_apply *a);

/* What a record brought (struct steme_commit_item). */
enum {
	STEME_NEW_CONCEPT = 1,
	STEME_NEW_PREDICATE = 2
};

/*
 * Puts one record in.  lsn must not be below a->at.next_lsn; one above it is a gap in
 * the log.  *news may be NULL.  The first error sticks.
 */
int steme_apply_record(struct steme_apply *a, const struct steme_record *r,
    const struct steme_object *o, unsigned *news);
/* A record that is no object: only its lsn counts. */
int steme_apply_genesis(struct steme_apply *a, uint64_t lsn, uint64_t hlc,
    const uint8_t *payload, size_t len);
/* The place of a record that was lost: only its lsn counts. */
int steme_apply_lost(struct steme_apply *a, uint64_t lsn);
/*
 * A lower (hlc, node) for a stored object: r->id, r->hlc, r->node, r->lsn.  The object
 * must be in the index, not in a batch.
 */
int steme_apply_envelope(struct steme_apply *a, const struct steme_record *r);
/*
 * Ends a log group, whose first record is first_lsn: its lists are written to the
 * batch.  pos: from where the log is read on; the group's own place or its end.
 */
int steme_apply_end_group(struct steme_apply *a, uint64_t first_lsn,
    const struct steme_wal_pos *pos);
/* Puts 'W' of the next number into the batch: it is ready to be written. */
int steme_apply_seal(struct steme_apply *a);
/* steme_apply_seal(), and writes it.  STEME_ENOSPC: a->batch is kept, sealed. */
int steme_apply_write(struct steme_apply *a);

/*
 * The record of id: r's slices borrow from *backing (malloc()ed, the caller frees); *home
 * (may be NULL) is the key it was found under.  STEME_ENOTFOUND; STEME_ECORRUPT: an entry
 * does not decode, or points to nothing.
 */
int steme_index_record(struct steme_index *ix, const struct steme_id *id,
    struct steme_record *r, uint8_t **backing, struct steme_keybuf *home);

/* The hlc an object must not be below: that of its time - 300 s. */
uint64_t steme_hlc_floor(const struct steme_object *o);
/* Parses a record's object; kinds not known here give STEME_OPAQUE and STEME_OK. */
int steme_object_of(struct steme_object *o, const struct steme_record *r,
    struct steme_why *why);

#endif
