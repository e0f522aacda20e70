/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_history.c - every assertion, whatever its state, newest first.
 *
 * The mount shows what there was within its bounds; the API also says "future" of
 * what lies outside as_of or known_at.
 */
#include "config.h"
#include "core/render.h"

#include <stdlib.h>

/*
 * The conflict among what counts: the same for every item of a predicate.  Of a
 * lens that votes do not move.
 */
static int
conflict_of(struct steme_render *r, const struct steme_cand_group *g,
    int32_t *conflict)
{
	struct steme_result res;
	int err;

	*conflict = 0;
	if (g->counting == 0)
		return STEME_OK;
	if ((err = steme_lens_resolve(STEME_LENS_RECENCY, &r->ctx, g->c,
	    g->counting, &res)) != STEME_OK)
		return err;
	*conflict = res.conflict;
	steme_result_fini(&res);
	return STEME_OK;
}

/* Narrowing is done on what is shown, so that states stay true. */
static void
widen(struct steme_render *r)
{
	r->ctx.include = 0;
	r->ctx.lifecycle = -1;
	r->ctx.epoch = (struct steme_str){ NULL, 0 };
	r->ctx.since_hlc = 0;
	r->ctx.decay = false;
}

int
steme_render_history_file(struct steme_render *r, struct steme_buf *b)
{
	const struct steme_cand **order;
	struct steme_cands cands;
	int32_t conflict;
	size_t n;
	int err;

	if (r->q->concept.p == NULL || r->q->predicate.p == NULL)
		return STEME_EINVAL;
	widen(r);
	if ((err = steme_render_collect(r, r->q->concept, r->q->predicate,
	    &cands)) != STEME_OK)
		return err;
	for (size_t i = 0; i < cands.ngroups && err == STEME_OK; i++) {
		const struct steme_cand_group *g = &cands.groups[i];

		if ((err = conflict_of(r, g, &conflict)) != STEME_OK)
			break;
		err = STEME_ENOMEM;
		if ((order = steme_render_history_order(r, g, false, &n)) == NULL)
			break;
		for (size_t k = 0; k < n; k++) {
			steme_item_history(b, order[k], conflict,
			    (uint32_t)g->counting);
			steme_buf_putc(b, '\n');
		}
		free(order);
		err = STEME_OK;
	}
	steme_cands_fini(&cands);
	if (err == STEME_OK && b->len == 0 && b->err == STEME_OK)
		err = STEME_ENOTFOUND;
	return err == STEME_OK ? steme_buf_err(b) : err;
}

struct pager {
	struct steme_render *r;
	struct steme_buf *b;
	uint32_t limit, given;
	struct steme_cursor from, end;
	bool resumed, more;
};

static int
put_group(struct pager *p, const struct steme_cand_group *g)
{
	const struct steme_cand **order;
	int32_t conflict;
	size_t n, k = 0;
	int c, err;

	if (p->resumed) {
		c = steme_str_cmp(g->predicate, p->from.predicate);
		if (c < 0)
			return STEME_OK;
		k = c == 0 ? p->from.offset : 0;
	}
	if ((err = conflict_of(p->r, g, &conflict)) != STEME_OK)
		return err;
	if ((order = steme_render_history_order(p->r, g, true, &n)) == NULL)
		return STEME_ENOMEM;
	for (; k < n; k++) {
		if (p->given == p->limit) {
			p->more = true;
			break;
		}
		if (p->given++ > 0)
			steme_buf_putc(p->b, ',');
		steme_item_history(p->b, order[k], conflict,
		    (uint32_t)g->counting);
		memcpy(p->end.store, g->predicate.p, g->predicate.n);
		p->end.predicate = (struct steme_str){ (char *)p->end.store,
		    g->predicate.n };
		p->end.offset = (uint32_t)k + 1;
	}
	free(order);
	return STEME_OK;
}

static int
put_results(struct pager *p)
{
	struct steme_cands cands;
	int err;

	if ((err = steme_render_collect(p->r, p->r->q->concept,
	    p->r->q->predicate, &cands)) != STEME_OK)
		return err;
	for (size_t i = 0; i < cands.ngroups && err == STEME_OK && !p->more; i++)
		err = put_group(p, &cands.groups[i]);
	steme_cands_fini(&cands);
	return err;
}

int
steme_render_history(struct steme_render *r, uint32_t limit, struct steme_buf *b,
    struct steme_why *why)
{
	struct pager p = { .r = r, .b = b, .limit = limit };
	int err;

	if (r->q->cursor.p != NULL) {
		if ((err = steme_cursor_decode(&p.from, r->q->cursor, 'h', r->q,
		    steme_store_node(r->s), why)) != STEME_OK ||
		    (err = steme_render_pin(r, p.from.lsn, p.from.now_us)) !=
		    STEME_OK)
			return err;
		p.resumed = true;
	}
	widen(r);
	err = STEME_OK;
	steme_buf_puts(b, "{\"concept_path\":");
	steme_json_str(b, r->q->concept);
	steme_buf_puts(b, ",\"results\":[");
	if (r->q->concept.p != NULL)
		err = put_results(&p);
	steme_buf_puts(b, "],\"next_cursor\":");
	if (p.more) {
		p.end.lsn = p.resumed ? p.from.lsn : r->version;
		steme_buf_putc(b, '"');
		steme_cursor_encode(b, &p.end, 'h', r->q, steme_store_node(r->s));
		steme_buf_putc(b, '"');
	} else {
		steme_buf_puts(b, "null");
	}
	steme_buf_puts(b, "}\n");
	return err == STEME_OK ? steme_buf_err(b) : err;
}
