/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h - the inside of the view module: what view.c (doors, cache) and the
 * render_*.c files share.  Callers of the module include view.h only.
 *
 * Rendering takes no lock and keeps nothing: any thread.
 */
#ifndef STEME_RENDER_H
#define STEME_RENDER_H

#include "core/buf.h"
#include "core/jo.h"
#include "core/view.h"

#define STEME_LIMIT_DEFAULT	100
#define STEME_LIMIT_MAX		10000

/* One rendering: a question settled to bounds, the world within them. */
struct steme_render {
	struct steme_store *s;
	const struct steme_query *q;
	struct steme_lens_ctx ctx;	/* ctx.world is held until render_end */
	uint64_t version, version_hlc;	/* greatest seen so far; globals at first */
};

/* The lengths of q's parts are sane (they go into keys): STEME_EINVAL otherwise. */
int steme_render_check(const struct steme_query *q, struct steme_why *why);
/* Settles q now (max_lsn lowered to what is visible).  On failure nothing is held. */
int steme_render_begin(struct steme_render *r, struct steme_store *s,
    const struct steme_query *q);
void steme_render_end(struct steme_render *r);
/* Goes back to what page 1 saw: its lsn (never above q's bound) and its now. */
int steme_render_pin(struct steme_render *r, uint64_t lsn, int64_t now_us);
/* Notes what a view depends on. */
void steme_render_see(struct steme_render *r, const struct steme_cand_group *g);
static inline bool
steme_render_is_constraints(const struct steme_render *r)
{
	return r->q->lens == STEME_LENS_CONSTRAINTS;
}
/* steme_store_collect() for r, then steme_render_see() of every group. */
int steme_render_collect(struct steme_render *r, struct steme_str concept,
    struct steme_str predicate, struct steme_cands *out);

/* The rules of a group, nearest concept first, then newest: g->counting pointers,
 * to be freed.  NULL: out of memory (or none). */
const struct steme_cand **steme_render_rules(const struct steme_cand_group *g);
/* Every assertion of a group that history shows, newest first; *n of them. */
const struct steme_cand **steme_render_history_order(const struct steme_render *r,
    const struct steme_cand_group *g, bool with_future, size_t *n);

/* ---- files of the mount (render_file.c) ---- */

/*
 * Appends the file's bytes; fills the winner's fields of view but its source, which
 * goes to source.  STEME_ENOTFOUND.
 */
int steme_render_file(struct steme_render *r, struct steme_buf *b,
    struct steme_view *view, struct steme_buf *source);
/* STEME_ENOTFOUND: no assertion. */
int steme_render_history_file(struct steme_render *r, struct steme_buf *b);
/* Names as entries of one length byte and the name. */
int steme_render_names(struct steme_render *r, bool history, struct steme_buf *b);

/* ---- JSON (render_*.c): one body, ending in a newline ---- */

int steme_render_query(struct steme_render *r, uint32_t limit, struct steme_buf *b,
    struct steme_why *why);
int steme_render_history(struct steme_render *r, uint32_t limit, struct steme_buf *b,
    struct steme_why *why);

int steme_render_diff(struct steme_store *s, const struct steme_query *a,
    const struct steme_query *b, struct steme_buf *out, struct steme_why *why);
/* The record of id and its parsed object; *backing is the caller's to free. */
int steme_render_load(struct steme_store *s, const struct steme_id *id,
    struct steme_record *r, struct steme_object *o, uint8_t **backing,
    struct steme_why *why);

/* Items (render_json.c), each a whole object into b.  concept: of the view. */
void steme_item_winner(struct steme_buf *b, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res);
void steme_item_layered(struct steme_buf *b, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res);
void steme_item_skeptic(struct steme_buf *b, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res);
/* The item of any lens but constraints. */
void steme_item_any(struct steme_buf *b, enum steme_lens lens, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res);
void steme_item_rule(struct steme_buf *b, struct steme_str predicate,
    const struct steme_cand *c);
void steme_item_history(struct steme_buf *b, const struct steme_cand *c,
    int32_t conflict, uint32_t candidates);
/* Is there anything to show?  (skeptic has no winner, but shares.) */
bool steme_result_shows(enum steme_lens lens, const struct steme_result *res);

/* ---- a page of a list (render_page.c): {..., KEY: [ items ], "next_cursor"} ---- */

struct steme_page {
	struct steme_jo body;
	struct steme_jo items;
	uint32_t limit, n;
	bool more;			/* there is more than fits */
};
/* limit 0 becomes the default; STEME_EINVAL over the greatest. */
int steme_render_limit(uint32_t *limit, struct steme_why *why);
/* The same, and opens the body; members before the list go into p->body now. */
int steme_page_begin(struct steme_page *p, uint32_t limit, struct steme_buf *b,
    struct steme_why *why);
void steme_page_list(struct steme_page *p, const char *key);
/* True: there is no room for the item at hand, which is the first of the next page. */
bool steme_page_is_full(struct steme_page *p);
/* Before each item, which then is written into the buffer; or an object, to be ended. */
void steme_page_next(struct steme_page *p);
void steme_page_item(struct steme_page *p, struct steme_jo *j);
/* cursor: where the next page begins, if there is one. */
int steme_page_end(struct steme_page *p, struct steme_str cursor);

/* ---- where a page ends (render_cursor.c) ---- */

struct steme_cursor {
	uint64_t lsn;			/* pinned by page 1 */
	int64_t now_us;			/* pinned by page 1 (decay) */
	uint32_t offset;		/* items of predicate already given */
	struct steme_str concept;	/* "" unless a prefix query */
	struct steme_str predicate;	/* "": the concept is done */
	uint8_t store[STEME_CONCEPT_MAX + STEME_SEGMENT_MAX];
};
/* kind 'q' or 'h'; the question (but its limit) and the node are bound in. */
void steme_cursor_encode(struct steme_buf *b, const struct steme_cursor *c, char kind,
    const struct steme_query *q, uint64_t node);
int steme_cursor_decode(struct steme_cursor *c, struct steme_str text, char kind,
    const struct steme_query *q, uint64_t node, struct steme_why *why);
/* The bytes of a cursor before its check; STEME_EINVAL. */
int steme_cursor_parse(struct steme_cursor *c, const uint8_t *body, size_t len,
    char kind);

/*
 * The question as bytes, the same for the same question: cache keys and cursors.
 * Fixed part and concept, predicate, prefix, epoch, each after its length.
 * Returns the length.  q passed steme_render_check().
 */
#define STEME_QKEY_MAX	(64 + 2 * STEME_CONCEPT_MAX + 2 * STEME_SEGMENT_MAX)
size_t steme_query_key(uint8_t out[STEME_QKEY_MAX], const struct steme_query *q);

#endif
