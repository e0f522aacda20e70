/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.h - lens views as people and programs see them: the bytes of a file on the
 * mount, the JSON of the API.  One renderer for every door, so they always agree.
 *
 * A cache bounded in bytes keeps what was rendered; an entry is used only while the
 * change counters it was made under still stand (changes.h), so it is never stale.
 *
 * A question may name its concept in a scheme form ("fda://a/b"): it is about fda/a/b.
 *
 * Threads: any.  Views are immutable and counted.
 */
#ifndef STEME_VIEW_H
#define STEME_VIEW_H

#include "core/lens.h"
#include "core/store.h"
#include "core/view_query.h"

struct steme_views;			/* the renderer and its cache */
/* cache_bytes: 0 means no cache.  s is borrowed. */
int steme_views_new(struct steme_views **out, struct steme_store *s,
    size_t cache_bytes);
void steme_views_free(struct steme_views *v);
/*
 * Storage that fails (STEME_EIO, STEME_ECORRUPT): /v1/query and @LENS.json answer with
 * the last body known right at most max_stale_s ago, its "stale" true; 0 (the default):
 * with the error.  Value files always answer with the error.
 */
void steme_views_fallback(struct steme_views *v, uint32_t max_stale_s);
/* bytes and limit: with the claims that the store keeps. */
struct steme_views_stats {
	uint64_t hits, misses, evictions, bytes, limit, entries;
};
void steme_views_stats(struct steme_views *v, struct steme_views_stats *out);

/* ---- files of the mount ---- */

/* One rendered file, with its xattrs.  Release with steme_view_put(). */
struct steme_view {
	const uint8_t *data;		/* the value, then exactly one newline */
	size_t len;
	uint64_t version;		/* lsn */
	int64_t mtime_us;		/* local commit time of the record `version` */
	int32_t conflict;		/* of a lens' file; 0 for the others */
	uint32_t candidates;		/* the same; constraints: rules */
	bool has_winner;		/* the fields below are set */
	struct steme_id id, agent;
	int32_t confidence;
	enum steme_class class_;	/* as its author claims it */
	const char *source;		/* "" if none; never NULL */
	int64_t time_us;
};

/*
 * @LENS/PREDICATE of concept within q's bounds (as_of, max_lsn): recency,
 * confidence, consensus, votes, authority: the winner's value; skeptic, layered,
 * constraints: lines as doc/mount.md says.  STEME_ENOTFOUND: no winner (or no such
 * predicate, or no constraint).
 */
int steme_view_file(struct steme_views *v, const struct steme_query *q,
    const struct steme_view **out);
/*
 * @LENS.json: the bytes of GET /v1/query for q; q->limit 0 here means as many as a
 * page can hold (10,000), because a file has no second page.
 */
int steme_view_json_file(struct steme_views *v, const struct steme_query *q,
    const struct steme_view **out);
/*
 * @history/PREDICATE: every assertion within q's bounds, newest first, one JSON a
 * line.  STEME_ENOTFOUND: none.
 */
int steme_view_history_file(struct steme_views *v, const struct steme_query *q,
    const struct steme_view **out);
void steme_view_put(const struct steme_view *view);

/* Names in @LENS (predicates with a winner), byte order; history: all predicates. */
typedef int steme_name_visit(void *arg, struct steme_str name);
int steme_view_names(struct steme_views *v, const struct steme_query *q,
    bool history, steme_name_visit *visit, void *arg);

/*
 * ---- JSON of the API: bodies as doc/views.md says, each ending in one newline, appended
 * to b.  After a failure b is to be thrown away: it may hold the beginning of a body ----
 */

/*
 * GET/POST /v1/query, any lens; pages by limit and cursor.  STEME_EINVAL: a bad cursor,
 * limit or name.  A page of a prefix query may be short, and still have a cursor.
 */
int steme_json_query(struct steme_views *v, const struct steme_query *q,
    struct steme_buf *b, struct steme_why *why);
/*
 * GET /v1/history: {"concept_path","results":[...],"next_cursor"}; unlike the file, with
 * what lies outside as_of or known_at (state "future").
 */
int steme_json_history(struct steme_views *v, const struct steme_query *q,
    struct steme_buf *b, struct steme_why *why);
/*
 * Two queries about one concept compared (any lenses but constraints):
 * {"concept_path","a":...,"b":...,"differences":[...]}
 */
int steme_json_diff(struct steme_views *v, const struct steme_query *a,
    const struct steme_query *q2, struct steme_buf *b, struct steme_why *why);

/* ---- the same, straight from the store: these are not kept ---- */

/* One object with everything known about it: fields, signature, hlc, lsn, node, state. */
int steme_json_object(struct steme_store *s, const struct steme_id *id,
    struct steme_buf *b, struct steme_why *why);
/*
 * <id>.proof: {"id","batch","batch_object","signature","agent","index","count","root",
 * "path":[...]}.  STEME_ENOTFOUND: no such object, or it is singly signed.
 */
int steme_json_proof(struct steme_store *s, const struct steme_id *id,
    struct steme_buf *b, struct steme_why *why);
/*
 * Browsing: the children of a parent in the order they came ({"parent","children",
 * "next_cursor"}: the cursor is after_lsn of the next page), and the concepts whose
 * path begins with prefix, in byte order ({"prefix","concepts","next_cursor"}: it is `after`).
 */
int steme_json_children(struct steme_store *s, struct steme_str parent,
    uint64_t after_lsn, uint32_t limit, struct steme_buf *b, struct steme_why *why);
int steme_json_concepts(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_buf *b, struct steme_why *why);
/*
 * The same with numbers, as GET /v1/concepts answers: {"parent" (null: the root) or
 * "prefix","concepts":[{"concept_path","name","assertions","children"}],"next_cursor"}.
 * Counting is reading: a concept with more assertions than `each` is shown with that number
 * and "assertions_more":true, and a page ends once it has read `page` of them.
 */
struct steme_count_bounds {
	uint64_t each, page;
};
int steme_json_children_counted(struct steme_store *s, struct steme_str parent,
    uint64_t after_lsn, uint32_t limit, struct steme_count_bounds most,
    struct steme_buf *b, struct steme_why *why);
int steme_json_concepts_counted(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_count_bounds most,
    struct steme_buf *b, struct steme_why *why);
/* Sources that begin with prefix, in byte order; the cursor is `after`. */
int steme_json_sources(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_buf *b, struct steme_why *why);
/*
 * Who signed something, ascending; after: as the cursor said, or absent.  name (may be
 * NULL) tells what a key is called here, or NULL.
 */
typedef const char *steme_agent_name(void *arg, const struct steme_id *agent);
int steme_json_agents(struct steme_store *s, steme_agent_name *name, void *arg,
    struct steme_str after, uint32_t limit, struct steme_buf *b, struct steme_why *why);
/*
 * What changes when source is retracted: each concept and predicate whose winner by lens
 * is another afterwards, in byte order, at most limit.  Any lens with a winner: not skeptic,
 * not constraints (STEME_EINVAL).
 */
int steme_json_impact(struct steme_store *s, struct steme_str source,
    enum steme_lens lens, uint32_t limit, struct steme_buf *b, struct steme_why *why);
/* Where an object comes from: its checks, proof, chain of parents, and what was said of it. */
int steme_json_origin(struct steme_store *s, const struct steme_id *id,
    struct steme_buf *b, struct steme_why *why);
/* Existing concepts spelled like `concept` (at most n, at most 16), for "did you mean":
 * an array of paths, nearest first; empty if concept exists. */
int steme_json_neighbours(struct steme_store *s, struct steme_str concept,
    uint32_t n, struct steme_buf *b);

#endif
