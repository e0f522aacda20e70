/* SPDX-License-Identifier: Apache-2.0 */
/* render.c - a question settled to bounds: what every renderer starts from. */
#include "config.h"
#include "core/render.h"

#include "core/clock.h"

#include <stdlib.h>

static int
check_len(const char *what, struct steme_str s, size_t max, struct steme_why *why)
{
	if (s.n <= max)
		return STEME_OK;
	return steme_fail(why, STEME_EINVAL, "%s is %zu bytes long: at most %zu "
	    "are allowed", what, s.n, max);
}

int
steme_render_check(const struct steme_query *q, struct steme_why *why)
{
	int err;

	if ((unsigned)q->lens >= STEME_NLENS)
		return steme_fail(why, STEME_EINVAL, "no such lens");
	if (q->limit > STEME_LIMIT_MAX)
		return steme_fail(why, STEME_EINVAL, "limit is %u: at most %d",
		    q->limit, STEME_LIMIT_MAX);
	if ((err = check_len("concept_path", q->concept, STEME_CONCEPT_MAX,
	    why)) != STEME_OK ||
	    (err = check_len("predicate", q->predicate, STEME_SEGMENT_MAX,
	    why)) != STEME_OK ||
	    (err = check_len("prefix", q->prefix, STEME_CONCEPT_MAX,
	    why)) != STEME_OK ||
	    (err = check_len("epoch", q->epoch, STEME_SEGMENT_MAX,
	    why)) != STEME_OK)
		return err;
	return check_len("cursor", q->cursor, STEME_CURSOR_MAX, why);
}

/* The world within r's bounds, and the version it gives. */
static int
take_world(struct steme_render *r)
{
	struct steme_bounds *b = &r->ctx.bounds;

	if ((r->ctx.world = steme_store_world(r->s, b)) == NULL)
		return STEME_ENOMEM;
	r->version = steme_store_globals_version(r->s, b, &r->version_hlc);
	return STEME_OK;
}

int
steme_render_begin(struct steme_render *r, struct steme_store *s,
    const struct steme_query *q)
{
	struct steme_bounds *b = &r->ctx.bounds;

	memset(r, 0, sizeof(*r));
	r->s = s;
	r->q = q;
	steme_bounds_init(b);
	b->as_of_us = q->as_of_us;
	b->known_at = q->known_at;
	b->max_lsn = q->max_lsn;
	r->ctx.now_us = steme_wall_us(&steme_clock_system);
	r->ctx.decay = q->decay;
	r->ctx.include = q->include;
	r->ctx.lifecycle = q->lifecycle;
	r->ctx.epoch = q->epoch;
	r->ctx.since_hlc = q->since_hlc;
	return take_world(r);
}

int
steme_render_pin(struct steme_render *r, uint64_t lsn, int64_t now_us)
{
	steme_render_end(r);
	r->ctx.bounds.max_lsn = lsn < r->q->max_lsn ? lsn : r->q->max_lsn;
	r->ctx.now_us = now_us;
	return take_world(r);
}

void
steme_render_end(struct steme_render *r)
{
	if (r->ctx.world != NULL)
		steme_world_put(r->ctx.world);
	r->ctx.world = NULL;
}

void
steme_render_see(struct steme_render *r, const struct steme_cand_group *g)
{
	if (g->version <= r->version)
		return;
	r->version = g->version;
	r->version_hlc = g->version_hlc;
}

int
steme_render_collect(struct steme_render *r, struct steme_str concept,
    struct steme_str predicate, struct steme_cands *out)
{
	int err = steme_store_collect(r->s, &r->ctx, concept, predicate,
	    steme_render_is_constraints(r), out);

	if (err == STEME_OK)
		for (size_t i = 0; i < out->ngroups; i++)
			steme_render_see(r, &out->groups[i]);
	return err;
}

static int
newest_first(const void *va, const void *vb)
{
	return steme_cand_newer(*(const struct steme_cand *const *)va,
	    *(const struct steme_cand *const *)vb);
}

const struct steme_cand **
steme_render_rules(const struct steme_cand_group *g)
{
	const struct steme_cand **p;

	/* one more, so that no rules are not "out of memory" */
	if ((p = calloc(g->counting + 1, sizeof(const struct steme_cand *))) == NULL)
		return NULL;
	for (size_t i = 0; i < g->counting; i++)
		p[i] = &g->c[i];
	steme_lens_constraints(p, g->counting);
	return p;
}

const struct steme_cand **
steme_render_history_order(const struct steme_render *r,
    const struct steme_cand_group *g, bool with_future, size_t *n)
{
	const struct steme_query *q = r->q;
	const struct steme_cand **p;

	*n = 0;
	if ((p = calloc(g->n + 1, sizeof(const struct steme_cand *))) == NULL)
		return NULL;
	for (size_t i = 0; i < g->n; i++) {
		const struct steme_cand *c = &g->c[i];

		/* what came later than this version is in no version of it */
		if (c->lsn > r->ctx.bounds.max_lsn)
			continue;
		if (!with_future && c->state == STEME_FUTURE)
			continue;
		if (c->hlc <= q->since_hlc && q->since_hlc != 0)
			continue;
		if (q->lifecycle >= 0 && (int)c->o->lifecycle != q->lifecycle)
			continue;
		if (q->epoch.p != NULL && !steme_str_eq(q->epoch, c->o->epoch))
			continue;
		p[(*n)++] = c;
	}
	qsort(p, *n, sizeof(*p), newest_first);
	return p;
}
