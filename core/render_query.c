/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_query.c - the body of /v1/query: winners of a concept, or of every
 * concept below a prefix, in byte order, a page at a time.
 *
 * A page pins what it saw; the next one is rendered within the same bounds, so that
 * pages fit together whatever is written meanwhile.
 */
#include "config.h"
#include "core/render.h"
#include "core/util.h"

#include <stdlib.h>

/* Concepts read ahead, and looked at for one page of a prefix query at most. */
#define AHEAD		256
#define LOOK_MAX	20000
/* Most items are shorter.  Room is made for all of a concept at once. */
#define ITEM_GUESS	512

struct pager {
	struct steme_render *r;
	struct steme_buf *b;
	uint32_t limit, given;
	struct steme_cursor from;	/* where the page before ended */
	bool resumed;			/* from is set */
	bool more;			/* the page is full, and there is more */
	struct steme_cursor end;	/* the last item given; slices in end.store */
};

/* Room for one more item?  If not, the page ends here. */
static bool
has_room(struct pager *p)
{
	if (p->given < p->limit)
		return true;
	p->more = true;
	return false;
}

/* Says where the page stands: offset items of (concept, predicate) are given. */
static void
set_end(struct pager *p, struct steme_str concept, struct steme_str predicate,
    uint32_t offset)
{
	struct steme_cursor *e = &p->end;

	memcpy(e->store, concept.n == 0 ? "" : concept.p, concept.n);
	memcpy(e->store + concept.n, predicate.n == 0 ? "" : predicate.p,
	    predicate.n);
	e->concept = (struct steme_str){ (char *)e->store, concept.n };
	e->predicate = (struct steme_str){ (char *)e->store + concept.n,
	    predicate.n };
	e->offset = offset;
}

/* Before each item: counts it. */
static void
next_item(struct pager *p)
{
	if (p->given++ > 0)
		steme_buf_putc(p->b, ',');
}

/* The rules of one predicate from the skip-th on. */
static int
put_rules(struct pager *p, struct steme_str key, const struct steme_cand_group *g,
    uint32_t skip)
{
	const struct steme_cand **rules;

	if ((rules = steme_render_rules(g)) == NULL)
		return STEME_ENOMEM;
	for (uint32_t i = skip; i < g->counting && has_room(p); i++) {
		next_item(p);
		steme_item_rule(p->b, g->predicate, rules[i]);
		set_end(p, key, g->predicate, i + 1);
	}
	free(rules);
	return STEME_OK;
}

/* key: the concept as cursors name it ("" unless a prefix query). */
static int
put_group(struct pager *p, struct steme_str concept, struct steme_str key,
    const struct steme_cand_group *g)
{
	enum steme_lens lens = p->r->q->lens;
	struct steme_result res;
	uint32_t skip = 0;
	int c, err;

	if (p->resumed && steme_str_eq(p->from.concept, key)) {
		c = steme_str_cmp(g->predicate, p->from.predicate);
		if (c < 0)
			return STEME_OK;
		skip = c == 0 ? p->from.offset : 0;
	}
	if (lens == STEME_LENS_CONSTRAINTS)
		return put_rules(p, key, g, skip);
	if (skip > 0 || g->counting == 0)
		return STEME_OK;
	if ((err = steme_lens_resolve(lens, &p->r->ctx, g->c, g->counting,
	    &res)) != STEME_OK)
		return err;
	if (steme_result_shows(lens, &res) && has_room(p)) {
		next_item(p);
		steme_item_any(p->b, lens, concept, g, &res);
		set_end(p, key, g->predicate, 1);
	}
	steme_result_fini(&res);
	return STEME_OK;
}

static int
put_concept(struct pager *p, struct steme_str concept, struct steme_str key)
{
	struct steme_cands cands;
	int err;

	if ((err = steme_render_collect(p->r, concept, p->r->q->predicate,
	    &cands)) != STEME_OK)
		return err;
	steme_buf_reserve(p->b, ITEM_GUESS * (1 + STEME_MIN(cands.ngroups,
	    p->limit - p->given)));
	for (size_t i = 0; i < cands.ngroups && err == STEME_OK && !p->more; i++)
		err = put_group(p, concept, key, &cands.groups[i]);
	steme_cands_fini(&cands);
	return err;
}

/* A stretch of concept names, read before any is rendered. */
struct ahead {
	struct steme_buf names;		/* u16 length, bytes */
	size_t n;
};

static int
keep_name(void *arg, struct steme_str concept)
{
	struct ahead *a = arg;
	uint8_t len[2] = { (uint8_t)concept.n, (uint8_t)(concept.n >> 8) };

	steme_buf_put(&a->names, len, 2);
	steme_buf_put(&a->names, concept.p, concept.n);
	if (steme_buf_err(&a->names) != STEME_OK)
		return steme_buf_err(&a->names);
	return ++a->n == AHEAD ? 1 : 0;
}

/* Renders what a holds; *last (in a's memory) is the last name. */
static int
put_ahead(struct pager *p, struct ahead *a, struct steme_str *last)
{
	const uint8_t *at = a->names.data;
	int err = STEME_OK;

	for (size_t i = 0; i < a->n && err == STEME_OK && !p->more; i++) {
		last->n = (size_t)at[0] | (size_t)at[1] << 8;
		last->p = (const char *)at + 2;
		err = put_concept(p, *last, *last);
		at += 2 + last->n;
	}
	return err;
}

static int
put_prefix(struct pager *p)
{
	struct steme_str after = p->from.concept, last = after;
	struct ahead a[2];
	size_t looked = 0;
	unsigned turn = 0;
	int err = STEME_OK;

	memset(a, 0, sizeof(a));
	if (p->resumed && p->from.predicate.n > 0)
		err = put_concept(p, after, after);
	while (err == STEME_OK && !p->more) {
		struct ahead *now = &a[turn++ & 1];

		/* last lives in the other one */
		steme_buf_clear(&now->names);
		now->n = 0;
		err = steme_store_concepts(p->r->s, p->r->q->prefix, last,
		    p->r->ctx.bounds.max_lsn, keep_name, now);
		if (err < 0)
			break;
		err = put_ahead(p, now, &last);
		if (now->n < AHEAD)
			break;
		if ((looked += now->n) >= LOOK_MAX && err == STEME_OK && !p->more) {
			/* enough for one request: the page may be short */
			set_end(p, last, (struct steme_str){ "", 0 }, 0);
			p->more = true;
		}
	}
	steme_buf_fini(&a[0].names);
	steme_buf_fini(&a[1].names);
	return err;
}

/* Takes up the cursor: its bounds are those of page 1. */
static int
resume(struct pager *p, struct steme_why *why)
{
	struct steme_render *r = p->r;
	int err;

	if (r->q->cursor.p == NULL)
		return STEME_OK;
	if ((err = steme_cursor_decode(&p->from, r->q->cursor, 'q', r->q,
	    steme_store_node(r->s), why)) != STEME_OK)
		return err;
	p->resumed = true;
	return steme_render_pin(r, p->from.lsn, p->from.now_us);
}

static void
put_tail(struct pager *p)
{
	struct steme_render *r = p->r;

	steme_buf_puts(p->b, "],\"next_cursor\":");
	if (p->more) {
		/*
		 * The version, not what was visible: a version rendered again is
		 * the same to the byte.  A prefix query has seen but a part.
		 */
		p->end.lsn = p->resumed ? p->from.lsn :
		    r->q->prefix.p != NULL ? r->ctx.bounds.max_lsn : r->version;
		/* only decay depends on the hour */
		p->end.now_us = r->q->decay ? r->ctx.now_us : 0;
		steme_buf_putc(p->b, '"');
		steme_cursor_encode(p->b, &p->end, 'q', r->q,
		    steme_store_node(r->s));
		steme_buf_putc(p->b, '"');
	} else {
		steme_buf_puts(p->b, "null");
	}
	steme_buf_puts(p->b, ",\"stale\":false}\n");
}

int
steme_render_query(struct steme_render *r, uint32_t limit, struct steme_buf *b,
    struct steme_why *why)
{
	struct steme_str nokey = { "", 0 };
	struct pager p = { .r = r, .b = b, .limit = limit };
	int err;

	if ((err = resume(&p, why)) != STEME_OK)
		return err;
	steme_buf_puts(b, "{\"concept_path\":");
	steme_json_str(b, r->q->concept);
	steme_buf_printf(b, ",\"lens\":\"%s\",\"results\":[",
	    steme_lens_name(r->q->lens));
	if (r->q->concept.p != NULL)
		err = put_concept(&p, r->q->concept, nokey);
	else if (r->q->prefix.p != NULL)
		err = put_prefix(&p);
	put_tail(&p);
	return err == STEME_OK ? steme_buf_err(b) : err;
}
