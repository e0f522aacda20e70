/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sets.h - the claims of concepts and predicates that have many, kept as they were found,
 * so that a look after a write need not read and parse all of them again.  Bounded in
 * bytes, the least recently used going first.  Private to the store.
 *
 * Claims never change and are never taken away, so a set is right as long as nothing is
 * missing.  Marks, aliases and the world are looked at anew by every reader.
 *
 * What keeps sets whole: records go into the index, then into the sets
 * (steme_sets_add()), then the lsn that readers see is raised.  Whoever begins a set is
 * told up to where sets have been added to; the index has at least that, he reads it from
 * there, and what is added meanwhile waits in the set.  So a listed set has all claims up
 * to any lsn that a reader may have seen before he asked for it; there may be later ones,
 * which he passes over.
 *
 * Threads: any, but one at a time adds.  One lock, a leaf, never held while the index is read.
 */
#ifndef STEME_SETS_H
#define STEME_SETS_H

#include "core/found.h"
#include "core/store.h"

/*
 * Sets of fewer claims are not worth it: steme_store_collect() does not begin them.  Also
 * how many may come in while a set is filled.
 */
#define STEME_SET_MIN	64

struct steme_sets;

/* A list of claims.  Who holds it may read v[0..n) without a lock, for as long. */
struct steme_set;
struct steme_claims {
	struct steme_set *set;
	const struct steme_found *const *v;	/* in no order */
	size_t n;
};

/* limit: bytes in all.  lsn: what the index has.  NULL: out of memory. */
struct steme_sets *steme_sets_new(size_t limit, uint64_t lsn);
void steme_sets_free(struct steme_sets *s);

/* Is there a set?  *out is held then: steme_set_put(). */
bool steme_sets_get(struct steme_sets *s, struct steme_str concept,
    struct steme_str predicate, struct steme_claims *out);
void steme_set_put(struct steme_set *set);

/*
 * Begins a set that was not there.  *lsn: with the claims of the index up to here, and no
 * later ones, it is to be filled; take the index (steme_gen_get()) after this call.
 * NULL: another thread has begun it, or out of memory.
 */
struct steme_set *steme_sets_begin(struct steme_sets *s, struct steme_str concept,
    struct steme_str predicate, uint64_t *lsn);
/*
 * Fills it: *a, the claims in it and v become the set's own.  v is malloc()ed and has room
 * for cap, at least n + STEME_SET_MIN: when that is full, the set ends.
 * out is held, and good whether or not others find the set (it may be too large).
 */
void steme_sets_fill(struct steme_sets *s, struct steme_set *set, struct steme_arena *a,
    const struct steme_found **v, size_t n, size_t cap, struct steme_claims *out);
/* It will not be filled. */
void steme_sets_abandon(struct steme_sets *s, struct steme_set *set);

/* (index) These are in the index, which now has all up to lsn; no reader knows yet. */
void steme_sets_add(struct steme_sets *s, const struct steme_commit_item *items,
    size_t n, uint64_t lsn);
/* Another index takes the place of the one that sets were filled from. */
void steme_sets_forget(struct steme_sets *s);

struct steme_sets_stats {
	uint64_t sets, bytes, limit, hits;
};
void steme_sets_stats(struct steme_sets *s, struct steme_sets_stats *out);

#endif
