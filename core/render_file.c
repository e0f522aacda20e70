/* SPDX-License-Identifier: Apache-2.0 */
/* render_file.c - the bytes of files on the mount: doc/views.md, "Files". */
#include "config.h"
#include "core/render.h"

#include <stdlib.h>

static void
put_skeptic(struct steme_buf *b, const struct steme_cand_group *g,
    const struct steme_result *res)
{
	char t[8];

	for (size_t i = 0; i < res->nshares; i++) {
		steme_buf_printf(b, "%s\t%u\t",
		    steme_dec4_format(t, res->shares[i].share),
		    res->shares[i].agents);
		steme_json_value(b, g->c[res->shares[i].first].o);
		steme_buf_putc(b, '\n');
	}
}

static void
put_layered(struct steme_buf *b, const struct steme_cand_group *g,
    const struct steme_result *res)
{
	for (size_t i = 0; i < res->ntiers; i++) {
		const struct steme_tier *t = &res->tiers[i];

		steme_buf_printf(b, "%d\t%s\t", (int)t->class_,
		    steme_class_name(t->class_));
		steme_json_value(b, g->c[t->winner].o);
		steme_buf_putc(b, '\n');
	}
}

static int
put_rules(struct steme_buf *b, const struct steme_cand_group *g)
{
	const struct steme_cand **rules;
	struct steme_str reason;

	if (g->counting == 0)
		return STEME_ENOTFOUND;
	if ((rules = steme_render_rules(g)) == NULL)
		return STEME_ENOMEM;
	for (size_t i = 0; i < g->counting; i++) {
		reason = steme_constraint_reason(rules[i]->o);
		steme_json_value(b, rules[i]->o);
		steme_buf_putc(b, '\t');
		steme_buf_put(b, reason.p, reason.n);
		steme_buf_putc(b, '\n');
	}
	free(rules);
	return STEME_OK;
}

static void
set_winner(struct steme_view *view, const struct steme_cand_group *g,
    const struct steme_result *res)
{
	const struct steme_cand *c = &g->c[res->winner];

	view->has_winner = true;
	view->id = c->id;
	view->agent = c->o->agent;
	view->confidence = res->confidence;
	view->class_ = c->o->class_;
	view->time_us = c->o->time_us;
}

static int
put_group(struct steme_render *r, const struct steme_cand_group *g,
    struct steme_buf *b, struct steme_view *view, struct steme_buf *source)
{
	enum steme_lens lens = r->q->lens;
	const struct steme_object *o;
	struct steme_result res;
	int err;

	if (lens == STEME_LENS_CONSTRAINTS) {
		view->candidates = (uint32_t)g->counting;
		return put_rules(b, g);
	}
	if ((err = steme_lens_resolve(lens, &r->ctx, g->c, g->counting,
	    &res)) != STEME_OK)
		return err;
	err = STEME_ENOTFOUND;
	if (!steme_result_shows(lens, &res))
		goto out;
	view->conflict = res.conflict;
	view->candidates = res.candidates;
	if (lens == STEME_LENS_SKEPTIC) {
		put_skeptic(b, g, &res);
	} else {
		set_winner(view, g, &res);
		o = g->c[res.winner].o;
		steme_buf_put(source, o->source.p, o->source.n);
		if (lens == STEME_LENS_LAYERED) {
			put_layered(b, g, &res);
		} else {
			steme_buf_put(b, o->value.p, o->value.n);
			steme_buf_putc(b, '\n');
		}
	}
	err = STEME_OK;
out:
	steme_result_fini(&res);
	return err;
}

int
steme_render_file(struct steme_render *r, struct steme_buf *b,
    struct steme_view *view, struct steme_buf *source)
{
	struct steme_cands cands;
	int err;

	if (r->q->concept.p == NULL || r->q->predicate.p == NULL)
		return STEME_EINVAL;
	if ((err = steme_render_collect(r, r->q->concept, r->q->predicate,
	    &cands)) != STEME_OK)
		return err;
	err = STEME_ENOTFOUND;
	for (size_t i = 0; i < cands.ngroups; i++)
		if (steme_str_eq(cands.groups[i].predicate, r->q->predicate))
			err = put_group(r, &cands.groups[i], b, view, source);
	steme_cands_fini(&cands);
	return err == STEME_OK ? steme_buf_err(b) : err;
}

/* Does lens show anything for g? */
static int
group_shows(struct steme_render *r, const struct steme_cand_group *g, bool history,
    bool *shows)
{
	const struct steme_cand **order;
	struct steme_result res;
	size_t n;
	int err;

	if (history) {
		if ((order = steme_render_history_order(r, g, false, &n)) == NULL)
			return STEME_ENOMEM;
		free(order);
		*shows = n > 0;
		return STEME_OK;
	}
	*shows = g->counting > 0;
	/* every lens but votes finds a winner (or rules, or shares) in what counts */
	if (!*shows || r->q->lens != STEME_LENS_VOTES)
		return STEME_OK;
	if ((err = steme_lens_resolve(r->q->lens, &r->ctx, g->c, g->counting,
	    &res)) != STEME_OK)
		return err;
	*shows = steme_result_shows(r->q->lens, &res);
	steme_result_fini(&res);
	return STEME_OK;
}

int
steme_render_names(struct steme_render *r, bool history, struct steme_buf *b)
{
	struct steme_str none = { NULL, 0 };
	struct steme_cands cands;
	bool shows;
	int err;

	if (r->q->concept.p == NULL)
		return STEME_EINVAL;
	if ((err = steme_render_collect(r, r->q->concept, none,
	    &cands)) != STEME_OK)
		return err;
	for (size_t i = 0; i < cands.ngroups && err == STEME_OK; i++) {
		struct steme_str name = cands.groups[i].predicate;

		err = group_shows(r, &cands.groups[i], history, &shows);
		if (err != STEME_OK || !shows)
			continue;
		steme_buf_putc(b, (uint8_t)name.n);
		steme_buf_put(b, name.p, name.n);
	}
	steme_cands_fini(&cands);
	return err == STEME_OK ? steme_buf_err(b) : err;
}
