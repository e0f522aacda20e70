/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view_cache.h - rendered views by question, bounded in bytes; of the view module.
 *
 * An entry carries the change counters taken before it was rendered and is handed out
 * only while they still stand.  It also knows which span of log positions its bytes are
 * right for (version..rendered_lsn), and so answers for an old version whatever the
 * counters say: versions never change.
 *
 * Entries are immutable and counted.  Threads: any; shards have a lock each (rank: leaf),
 * held for a look-up or an insertion, never while rendering or freeing.
 */
#ifndef STEME_VIEW_CACHE_H
#define STEME_VIEW_CACHE_H

#include "core/changes.h"
#include "core/view.h"

#include <stdatomic.h>

struct steme_vcache;

struct steme_vkey {
	const uint8_t *p;
	size_t n;
};

struct steme_ventry {
	struct steme_view view;		/* first: what callers hold */
	int err;			/* STEME_OK, or a kept "no winner" */
	uint64_t rendered_lsn;		/* bytes are right from view.version to here */
	struct steme_stamp stamp;
	/* private to view_cache.c */
	atomic_uint refs;
	uint32_t good_s;		/* (shard.mu) when last known right */
	uint64_t hash;
	size_t keylen, bytes;
	struct steme_ventry *chain;	/* (shard.mu) */
	struct steme_ventry *newer, *older;	/* (shard.mu) */
	uint8_t store[];		/* key, source NUL, data */
};

/* limit: bytes of all entries with their overhead. */
int steme_vcache_new(struct steme_vcache **out, size_t limit);
void steme_vcache_free(struct steme_vcache *c);
void steme_vcache_stats(struct steme_vcache *c, struct steme_views_stats *out);

/* Counted entries or NULL: fresh by stamp ... */
struct steme_ventry *steme_vcache_get(struct steme_vcache *c, struct steme_vkey key,
    const struct steme_stamp *stamp);
/* ... right at lsn ... */
struct steme_ventry *steme_vcache_get_at(struct steme_vcache *c, struct steme_vkey key,
    uint64_t lsn);
/* ... or whatever there is, if known right at most max_age_s ago. */
struct steme_ventry *steme_vcache_get_old(struct steme_vcache *c, struct steme_vkey key,
    uint32_t max_age_s);
/*
 * Keeps e (the caller's count stays the caller's).  Takes the place of an older one; too big
 * ones are not kept.
 */
void steme_vcache_put(struct steme_vcache *c, struct steme_ventry *e);

/* A new entry, counted once; copies all.  view's data, len and source are set here. */
struct steme_ventry *steme_ventry_new(struct steme_vkey key,
    const struct steme_view *view, struct steme_str source, struct steme_str data);
void steme_ventry_put(struct steme_ventry *e);

#endif
