/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.c - worlds: made, kept, shared.
 *
 * Locks: build_mu, then lock (reading), then mu.  Whoever finds a world kept takes
 * only mu, for a few instructions.
 */
#include "config.h"
#include "core/world_impl.h"

#include <stdlib.h>

void
steme_bounds_init(struct steme_bounds *b)
{
	b->as_of_us = INT64_MAX;
	b->known_at = UINT64_MAX;
	b->max_lsn = UINT64_MAX;
}

bool
steme_bounds_has(const struct steme_bounds *b, int64_t time_us, uint64_t hlc,
    uint64_t lsn)
{
	return time_us <= b->as_of_us && hlc <= b->known_at && lsn <= b->max_lsn;
}

static bool
is_unbounded(const struct steme_bounds *b)
{
	return b->as_of_us == INT64_MAX && b->known_at == UINT64_MAX &&
	    b->max_lsn == UINT64_MAX;
}

static bool
same_bounds(const struct steme_bounds *a, const struct steme_bounds *b)
{
	return a->as_of_us == b->as_of_us && a->known_at == b->known_at &&
	    a->max_lsn == b->max_lsn;
}

static const struct steme_world *
world_ref(const struct steme_world *w)
{
	/* the count is no part of what is immutable */
	atomic_fetch_add(&((struct steme_world *)(uintptr_t)w)->refs, 1);
	return w;
}

void
steme_world_put(const struct steme_world *cw)
{
	struct steme_world *w = (struct steme_world *)(uintptr_t)cw;
	struct steme_globals *g;

	if (w == NULL || atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	for (int p = 0; p < NPART; p++)
		steme_part_put(w->part[p]);
	g = w->g;
	free(w);
	steme_globals_unref(g);
}

/* ---- making ---- */

/* Is every object of this list within b, and ranked as without as_of? */
static bool
holds_all(const struct glist *l, const struct steme_bounds *b)
{
	if (l->n == 0)
		return true;
	return l->max_time_us <= b->as_of_us && l->max_hlc <= b->known_at &&
	    l->max_lsn <= b->max_lsn && (b->as_of_us == INT64_MAX || !l->skewed);
}

/* Highest lsn within b. */
static uint64_t
lsn_within(const struct steme_globals *g, const struct steme_bounds *b)
{
	uint64_t lsn = 0;

	for (int p = 0; p < NPART; p++) {
		const struct glist *l = &g->list[p];

		if (holds_all(l, b)) {
			lsn = STEME_MAX(lsn, l->max_lsn);
			continue;
		}
		for (uint32_t i = 0; i < l->n; i++)
			if (l->e[i].lsn > lsn && steme_bounds_has(b, l->e[i].time_us,
			    l->e[i].hlc, l->e[i].lsn))
				lsn = l->e[i].lsn;
	}
	return lsn;
}

/*
 * Makes the parts of w, or takes those from `from` that need not be made (bits not in
 * `make`).  A part is only as good as the settings and revocations it was made with.
 */
static int
make_parts(struct steme_world *w, const struct steme_world *from, unsigned make)
{
	static int (*const makers[NPART])(const struct making *m, struct part **out) = {
		[PART_SETTINGS] = steme_settings_make,
		[PART_REVOKED] = steme_revoked_make,
		[PART_ALIASES] = steme_aliases_make,
		[PART_EPOCHS] = steme_epochs_make,
		[PART_SOURCES] = steme_sources_make,
		[PART_TRUST] = steme_trust_make,
	};
	struct making m = { .g = w->g, .b = &w->bounds };
	int err = STEME_OK;

	for (int p = 0; p < NPART && err == STEME_OK; p++) {
		if ((make >> p & 1) == 0) {
			w->part[p] = from->part[p];
			atomic_fetch_add(&w->part[p]->refs, 1);
		} else {
			err = makers[p](&m, &w->part[p]);
		}
		m.set = (const struct settings *)w->part[PART_SETTINGS];
		m.rev = (const struct revoked *)w->part[PART_REVOKED];
	}
	return err;
}

static const struct steme_world *
make_world(struct steme_globals *g, const struct steme_bounds *b,
    const struct steme_world *from, unsigned make)
{
	struct steme_world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	atomic_init(&w->refs, 1);
	atomic_fetch_add(&g->refs, 1);
	w->g = g;
	w->bounds = *b;
	if (make_parts(w, from, make) != STEME_OK) {
		steme_world_put(w);
		return NULL;
	}
	w->lsn = lsn_within(g, b);
	return w;
}

/* The unbounded world, made up to date; counted. */
static const struct steme_world *
current(struct steme_globals *g)
{
	const struct steme_world *w, *old;
	struct steme_bounds all;
	unsigned make;

	/* the lists are held for reading, so neither changes under us */
	pthread_mutex_lock(&g->mu);
	old = g->cur;
	make = old == NULL ? ALL_PARTS : g->dirty;
	if (old != NULL && make == 0)
		world_ref(old);
	pthread_mutex_unlock(&g->mu);
	if (old != NULL && make == 0)
		return old;
	steme_bounds_init(&all);
	if ((w = make_world(g, &all, old, make)) == NULL)
		return NULL;
	world_ref(w);
	pthread_mutex_lock(&g->mu);
	g->cur = w;
	g->dirty = 0;
	pthread_mutex_unlock(&g->mu);
	steme_world_put(old);
	return w;
}

/* Which parts differ within b from those of the unbounded world. */
static unsigned
parts_within(const struct steme_globals *g, const struct steme_bounds *b)
{
	unsigned make = 0;

	if (!holds_all(&g->list[PART_SETTINGS], b))
		return ALL_PARTS;
	if (!holds_all(&g->list[PART_REVOKED], b))
		return ALL_PARTS & ~(1u << PART_SETTINGS);
	for (int p = PART_ALIASES; p < NPART; p++)
		if (!holds_all(&g->list[p], b))
			make |= 1u << p;
	return make;
}

static void
keep(struct steme_globals *g, const struct steme_world *w)
{
	struct bounded *slot = &g->bounded[0];
	const struct steme_world *old;

	pthread_mutex_lock(&g->mu);
	for (size_t i = 0; i < BOUNDED_WORLDS && slot->w != NULL; i++)
		if (g->bounded[i].w == NULL || g->bounded[i].used < slot->used)
			slot = &g->bounded[i];
	old = slot->w;
	slot->w = world_ref(w);
	slot->used = ++g->uses;
	pthread_mutex_unlock(&g->mu);
	steme_world_put(old);
}

/* b with max_lsn that is no bound said so. */
static struct steme_bounds
plain(const struct steme_globals *g, const struct steme_bounds *b)
{
	struct steme_bounds p = *b;

	if (p.max_lsn >= atomic_load(&g->lsn))
		p.max_lsn = UINT64_MAX;
	return p;
}

static const struct steme_world *
find_kept(struct steme_globals *g, const struct steme_bounds *b)
{
	const struct steme_world *w = NULL;
	struct steme_bounds p;

	pthread_mutex_lock(&g->mu);
	p = plain(g, b);
	if (is_unbounded(&p)) {
		if (g->cur != NULL && g->dirty == 0)
			w = world_ref(g->cur);
	} else {
		for (size_t i = 0; i < BOUNDED_WORLDS && w == NULL; i++) {
			struct bounded *s = &g->bounded[i];

			if (s->w == NULL || !same_bounds(&s->w->bounds, &p))
				continue;
			s->used = ++g->uses;
			w = world_ref(s->w);
		}
	}
	pthread_mutex_unlock(&g->mu);
	return w;
}

static const struct steme_world *
make_at(struct steme_globals *g, const struct steme_bounds *b)
{
	const struct steme_world *w, *cur;
	struct steme_bounds p = plain(g, b);

	if ((cur = current(g)) == NULL || is_unbounded(&p))
		return cur;
	w = make_world(g, &p, cur, parts_within(g, &p));
	steme_world_put(cur);
	if (w != NULL)
		keep(g, w);
	return w;
}

const struct steme_world *
steme_world_at(struct steme_globals *g, const struct steme_bounds *b)
{
	const struct steme_world *w = find_kept(g, b);

	if (w != NULL)
		return w;
	pthread_mutex_lock(&g->build_mu);
	/* somebody else may have made it while we waited */
	if ((w = find_kept(g, b)) == NULL) {
		pthread_rwlock_rdlock(&g->lock);
		w = make_at(g, b);
		pthread_rwlock_unlock(&g->lock);
	}
	pthread_mutex_unlock(&g->build_mu);
	return w;
}

const struct steme_world *
steme_world_without_source(const struct steme_world *from, struct steme_str source)
{
	struct steme_world *w;

	if (steme_world_source_retracted(from, source))
		return world_ref(from);
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return NULL;
	atomic_init(&w->refs, 1);
	atomic_fetch_add(&from->g->refs, 1);
	w->g = from->g;
	w->bounds = from->bounds;
	w->lsn = from->lsn;
	for (int p = 0; p < NPART; p++) {
		if (p == PART_SOURCES)
			continue;
		w->part[p] = from->part[p];
		atomic_fetch_add(&w->part[p]->refs, 1);
	}
	if (steme_sources_and(from->part[PART_SOURCES], source,
	    &w->part[PART_SOURCES]) == STEME_OK)
		return w;
	steme_world_put(w);
	return NULL;
}

uint64_t
steme_globals_lsn_at(struct steme_globals *g, const struct steme_bounds *b)
{
	struct steme_bounds p = plain(g, b);
	const struct steme_world *w;
	uint64_t lsn;

	if (is_unbounded(&p))
		return steme_globals_lsn(g);
	if ((w = steme_world_at(g, b)) != NULL) {
		lsn = w->lsn;
		steme_world_put(w);
		return lsn;
	}
	/* out of memory: look through the lists each time */
	pthread_rwlock_rdlock(&g->lock);
	lsn = lsn_within(g, &p);
	pthread_rwlock_unlock(&g->lock);
	return lsn;
}

/* ---- answers; names and trust are in their own files ---- */

bool
steme_world_is_steward(const struct steme_world *w, const struct steme_id *agent)
{
	return steme_settings_is_steward((const struct settings *)w->part[PART_SETTINGS],
	    w->g, agent);
}

bool
steme_world_has_roots(const struct steme_world *w)
{
	return ((const struct settings *)w->part[PART_SETTINGS])->roots.n > 0;
}

bool
steme_world_revoked(const struct steme_world *w, const struct steme_id *agent,
    int64_t *since_us)
{
	const struct revoked *r = (const struct revoked *)w->part[PART_REVOKED];
	uint32_t at = steme_idset_find(&r->agents, agent);

	if (at != STEME_HTAB_NONE && since_us != NULL)
		*since_us = r->since_us[at];
	return at != STEME_HTAB_NONE;
}

bool
steme_world_counts(const struct steme_world *w, const struct steme_id *agent,
    uint64_t hlc)
{
	return steme_revoked_counts((const struct revoked *)w->part[PART_REVOKED], agent,
	    hlc);
}

uint32_t
steme_world_half_life(const struct steme_world *w, enum steme_class c)
{
	const struct settings *s = (const struct settings *)w->part[PART_SETTINGS];

	return (unsigned)c < STEME_NCLASS ? s->half_life[c] :
	    s->half_life[STEME_ANECDOTAL];
}
