/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lens_filter.c - which assertions count, and what is known of each.
 *
 * Every step looks at what the steps before settled for all assertions, and
 * sets marks that no later step takes back; so the order of arrival cannot matter.
 * Memory is only an aid for large sets: without it the same is found more slowly.
 */
#include "config.h"
#include "core/lens.h"

#include "core/clock.h"
#include "core/fixed.h"
#include "core/lens_impl.h"
#include "core/util.h"

#include <stdlib.h>

#define SMALL_VOTES	32

/* The assertions by id. */
struct finder {
	struct steme_cand *c;
	size_t n;
	struct steme_cand **sorted;	/* made at the first use, for large sets */
	bool tried;
};

static int
by_id(const void *va, const void *vb)
{
	return steme_id_cmp(&(*(struct steme_cand *const *)va)->id,
	    &(*(struct steme_cand *const *)vb)->id);
}

static void
sort_ids(struct finder *f)
{
	f->tried = true;
	if ((f->sorted = malloc(f->n * sizeof(*f->sorted))) == NULL)
		return;
	for (size_t i = 0; i < f->n; i++)
		f->sorted[i] = &f->c[i];
	qsort(f->sorted, f->n, sizeof(*f->sorted), by_id);
}

/* The assertion of this id within the bounds, or NULL. */
static struct steme_cand *
find(struct finder *f, const struct steme_id *id)
{
	struct steme_cand *found = NULL;
	size_t lo = 0, hi = f->n, mid;
	int d;

	if (f->n > LENS_SMALL && !f->tried)
		sort_ids(f);
	if (f->sorted == NULL) {
		for (size_t i = 0; i < f->n && found == NULL; i++)
			if (steme_id_eq(&f->c[i].id, id))
				found = &f->c[i];
	} else {
		while (lo < hi && found == NULL) {
			mid = lo + (hi - lo) / 2;
			d = steme_id_cmp(&f->sorted[mid]->id, id);
			if (d == 0)
				found = f->sorted[mid];
			else if (d < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
	}
	return found != NULL && found->state != STEME_FUTURE ? found : NULL;
}

static int64_t
rank_of(const struct steme_lens_ctx *ctx, int64_t time_us, uint64_t hlc)
{
	int64_t latest = steme_hlc_us(hlc) + STEME_SKEW_US;

	if (ctx->bounds.as_of_us != INT64_MAX)
		return time_us;
	return STEME_MIN(time_us, latest);
}

static int32_t
decayed(const struct steme_lens_ctx *ctx, const struct steme_cand *c)
{
	int64_t now = ctx->bounds.as_of_us != INT64_MAX ? ctx->bounds.as_of_us :
	    ctx->now_us;

	if (!ctx->decay)
		return c->o->confidence;
	return steme_fixed_decayed(c->o->confidence, now - c->o->time_us,
	    steme_world_half_life(ctx->world, tier_of(ctx, c)));
}

/* What an assertion's own headers and the world say. */
static void
settle_alone(const struct steme_lens_ctx *ctx, struct steme_cand *c)
{
	const struct steme_world *w = ctx->world;

	c->votes = 0;
	c->reasons = 0;
	c->state = STEME_CURRENT;
	c->rank_us = rank_of(ctx, c->o->time_us, c->hlc);
	c->confidence = decayed(ctx, c);
	if (!steme_bounds_has(&ctx->bounds, c->o->time_us, c->hlc, c->lsn)) {
		c->state = STEME_FUTURE;
		return;
	}
	if (!steme_world_counts(w, &c->o->agent, c->hlc) ||
	    (c->o->source.p != NULL && steme_world_source_retracted(w, c->o->source)))
		c->reasons |= STEME_INC_RETRACTED;
	if (c->o->lifecycle == STEME_DEPRECATED)
		c->reasons |= STEME_INC_DEPRECATED;
	if (c->o->lifecycle == STEME_REJECTED)
		c->reasons |= STEME_INC_REJECTED;
	if (c->o->epoch.p != NULL && steme_world_epoch_superseded(w, c->o->epoch))
		c->reasons |= STEME_INC_OLD_EPOCHS;
}

static bool
mark_counts(const struct steme_lens_ctx *ctx, const struct steme_mark *m)
{
	return steme_bounds_has(&ctx->bounds, m->time_us, m->hlc, m->lsn) &&
	    steme_world_counts(ctx->world, &m->agent, m->hlc);
}

static void
retract(const struct steme_lens_ctx *ctx, struct finder *f,
    const struct steme_mark *m)
{
	struct steme_cand *c;

	if (!mark_counts(ctx, m) || (c = find(f, &m->assertion)) == NULL)
		return;
	if (steme_id_eq(&c->o->agent, &m->agent))
		c->reasons |= STEME_INC_RETRACTED;
}

/* by stands (retractions are settled): what it names is superseded. */
static void
supersede(const struct steme_lens_ctx *ctx, struct finder *f, struct steme_cand *by)
{
	bool steward;

	if (by->o->nsupersedes == 0 || by->state == STEME_FUTURE ||
	    (by->reasons & STEME_INC_RETRACTED) != 0 ||
	    by->o->lifecycle == STEME_PROPOSED ||
	    by->o->lifecycle == STEME_UNDER_REVIEW)
		return;
	steward = steme_world_is_steward(ctx->world, &by->o->agent);
	for (unsigned i = 0; i < by->o->nsupersedes; i++) {
		struct steme_cand *c = find(f, &by->o->supersedes[i]);

		if (c != NULL && (steward || steme_id_eq(&c->o->agent, &by->o->agent)) &&
		    steme_str_eq(c->o->concept, by->o->concept) &&
		    steme_str_eq(c->o->predicate, by->o->predicate))
			c->reasons |= STEME_INC_SUPERSEDED;
	}
}

/* A vote that counts, for the assertion c. */
struct ballot {
	const struct steme_mark *m;
	struct steme_cand *c;
	int64_t rank;
};

/* By assertion, agent; of those the newest (then lower id) first. */
static int
ballot_order(const void *va, const void *vb)
{
	const struct ballot *a = va, *b = vb;
	int d;

	if (a->c != b->c)
		return a->c < b->c ? -1 : 1;
	if ((d = steme_id_cmp(&a->m->agent, &b->m->agent)) != 0)
		return d;
	if (a->rank != b->rank)
		return a->rank > b->rank ? -1 : 1;
	return steme_id_cmp(&a->m->id, &b->m->id);
}

static bool
is_ballot(const struct steme_lens_ctx *ctx, struct finder *f,
    const struct steme_mark *m, struct ballot *b)
{
	if (!mark_counts(ctx, m))
		return false;
	b->m = m;
	b->c = find(f, &m->assertion);
	b->rank = rank_of(ctx, m->time_us, m->hlc);
	return b->c != NULL;
}

/* Is there a ballot of the same agent for the same assertion that goes before b? */
static bool
outdated(const struct steme_lens_ctx *ctx, struct finder *f, const struct ballot *b,
    const struct steme_mark *votes, size_t n)
{
	struct ballot other;
	int d;

	for (size_t i = 0; i < n; i++) {
		if (&votes[i] == b->m || !steme_id_eq(&votes[i].agent, &b->m->agent) ||
		    !steme_id_eq(&votes[i].assertion, &b->m->assertion) ||
		    !is_ballot(ctx, f, &votes[i], &other))
			continue;
		d = ballot_order(&other, b);
		/* the same vote twice: the first one counts */
		if (d < 0 || (d == 0 && other.m < b->m))
			return true;
	}
	return false;
}

static void
count_votes(const struct steme_lens_ctx *ctx, struct finder *f,
    const struct steme_mark *votes, size_t n)
{
	struct ballot *all = NULL, b;
	size_t m = 0;

	if (n > SMALL_VOTES)
		all = malloc(n * sizeof(*all));
	if (all == NULL) {
		for (size_t i = 0; i < n; i++)
			if (is_ballot(ctx, f, &votes[i], &b) &&
			    !outdated(ctx, f, &b, votes, n))
				b.c->votes += votes[i].weight;
		return;
	}
	for (size_t i = 0; i < n; i++)
		m += is_ballot(ctx, f, &votes[i], &all[m]);
	qsort(all, m, sizeof(*all), ballot_order);
	for (size_t i = 0; i < m; i++)
		if (i == 0 || all[i].c != all[i - 1].c ||
		    !steme_id_eq(&all[i].m->agent, &all[i - 1].m->agent))
			all[i].c->votes += all[i].m->weight;
	free(all);
}

static enum steme_state
state_of(const struct steme_cand *c)
{
	static const struct {
		unsigned reason;
		enum steme_state state;
	} order[] = {
		{ STEME_INC_RETRACTED, STEME_RETRACTED },
		{ STEME_INC_SUPERSEDED, STEME_SUPERSEDED },
		{ STEME_INC_DEPRECATED, STEME_STATE_DEPRECATED },
		{ STEME_INC_REJECTED, STEME_STATE_REJECTED },
		{ STEME_INC_OLD_EPOCHS, STEME_OLD_EPOCH },
	};

	if (c->state == STEME_FUTURE)
		return STEME_FUTURE;
	for (size_t i = 0; i < STEME_NELEM(order); i++)
		if ((c->reasons & order[i].reason) != 0)
			return order[i].state;
	return STEME_CURRENT;
}

/* Whoever asks for a lifecycle or an epoch by name wants it although it is old. */
static unsigned
included(const struct steme_lens_ctx *ctx)
{
	unsigned inc = ctx->include;

	if (ctx->lifecycle == STEME_DEPRECATED)
		inc |= STEME_INC_DEPRECATED;
	if (ctx->lifecycle == STEME_REJECTED)
		inc |= STEME_INC_REJECTED;
	if (ctx->epoch.p != NULL)
		inc |= STEME_INC_OLD_EPOCHS;
	return inc;
}

static bool
counts(const struct steme_lens_ctx *ctx, const struct steme_cand *c, unsigned inc)
{
	if (c->state == STEME_FUTURE || (c->reasons & ~inc) != 0)
		return false;
	if (ctx->lifecycle >= 0 && (int)c->o->lifecycle != ctx->lifecycle)
		return false;
	if (ctx->epoch.p != NULL && (c->o->epoch.p == NULL ||
	    !steme_str_eq(c->o->epoch, ctx->epoch)))
		return false;
	return c->hlc > ctx->since_hlc || ctx->since_hlc == 0;
}

/* Those that count to the front, with as few moves as can be: they are large. */
static size_t
partition(const struct steme_lens_ctx *ctx, struct steme_cand *c, size_t n)
{
	unsigned inc = included(ctx);
	size_t lo = 0, hi = n;
	struct steme_cand t;

	for (;;) {
		while (lo < hi && counts(ctx, &c[lo], inc))
			lo++;
		while (lo < hi && !counts(ctx, &c[hi - 1], inc))
			hi--;
		if (lo == hi)
			return lo;
		t = c[lo];
		c[lo] = c[hi - 1];
		c[hi - 1] = t;
	}
}

size_t
steme_lens_filter(const struct steme_lens_ctx *ctx, struct steme_cand *c, size_t n,
    const struct steme_mark *retractions, size_t nretr,
    const struct steme_mark *votes, size_t nvotes)
{
	struct finder f = { c, n, NULL, false };

	for (size_t i = 0; i < n; i++)
		settle_alone(ctx, &c[i]);
	for (size_t i = 0; i < nretr; i++)
		retract(ctx, &f, &retractions[i]);
	for (size_t i = 0; i < n; i++)
		supersede(ctx, &f, &c[i]);
	count_votes(ctx, &f, votes, nvotes);
	free(f.sorted);
	for (size_t i = 0; i < n; i++)
		c[i].state = state_of(&c[i]);
	return partition(ctx, c, n);
}
