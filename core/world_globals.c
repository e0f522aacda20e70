/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world_globals.c - the objects that decide worlds: six lists that only grow.
 *
 * A new object makes only those parts out of date that it can change.  Most can be
 * written by anybody, and by nobody in particular have no effect: those cost a place
 * in a list and nothing else.
 */
#include "config.h"
#include "core/world_impl.h"

#include "core/path.h"

#include <stdlib.h>

#define CHUNK	(64 << 10)

struct chunk {
	struct chunk *next;
	size_t used, size;
	char data[];
};

static void
drop_worlds_locked(struct steme_globals *g)
{
	for (size_t i = 0; i < BOUNDED_WORLDS; i++) {
		steme_world_put(g->bounded[i].w);
		g->bounded[i].w = NULL;
	}
}

void
steme_globals_unref(struct steme_globals *g)
{
	struct chunk *next;

	if (atomic_fetch_sub(&g->refs, 1) != 1)
		return;
	for (int p = 0; p < NPART; p++)
		free(g->list[p].e);
	steme_htab_fini(&g->by_id);
	free(g->agents);
	steme_htab_fini(&g->agent_tab);
	free(g->trust_head);
	for (struct chunk *c = g->arena; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	pthread_mutex_destroy(&g->mu);
	pthread_mutex_destroy(&g->build_mu);
	pthread_rwlock_destroy(&g->lock);
	free(g);
}

/* The place of an agent in g->agents; it is added if it is new. */
static int
intern(struct steme_globals *g, const struct steme_id *id, uint32_t *at)
{
	struct idset s = { g->agents, g->nagents, g->agents_cap, g->agent_tab };
	uint32_t *heads;
	int err;

	/* trust_head has room for all that agents has room for */
	if (s.n == s.cap) {
		heads = realloc(g->trust_head, (s.cap == 0 ? 8 : (size_t)s.cap * 2) *
		    sizeof(*heads));
		if (heads == NULL)
			return STEME_ENOMEM;
		g->trust_head = heads;
	}
	err = steme_idset_add(&s, id, at);
	if (s.n > g->nagents)
		g->trust_head[*at] = STEME_HTAB_NONE;
	g->agents = s.ids;
	g->nagents = s.n;
	g->agents_cap = s.cap;
	g->agent_tab = s.tab;
	return err;
}

struct steme_globals *
steme_globals_new(const struct steme_id *operator_)
{
	struct steme_globals *g = calloc(1, sizeof(*g));
	uint32_t at;

	if (g == NULL)
		return NULL;
	g->operator_ = *operator_;
	atomic_init(&g->refs, 1);
	atomic_init(&g->lsn, 0);
	MUST(pthread_mutex_init(&g->mu, NULL));
	MUST(pthread_mutex_init(&g->build_mu, NULL));
	MUST(pthread_rwlock_init(&g->lock, NULL));
	for (int p = 0; p < NPART; p++)
		g->list[p].max_time_us = INT64_MIN;
	if (intern(g, operator_, &at) != STEME_OK) {
		steme_globals_unref(g);
		return NULL;
	}
	return g;
}

void
steme_globals_free(struct steme_globals *g)
{
	const struct steme_world *cur;

	if (g == NULL)
		return;
	pthread_mutex_lock(&g->mu);
	drop_worlds_locked(g);
	cur = g->cur;
	g->cur = NULL;
	pthread_mutex_unlock(&g->mu);
	steme_world_put(cur);
	steme_globals_unref(g);
}

/* ---- which objects, and to which part they belong ---- */

static bool
is_below_steme(struct steme_str concept)
{
	struct steme_str rest;

	if (concept.p == NULL)
		return false;
	return steme_str_eq(steme_concept_first(concept, &rest), STEME_LIT("_steme"));
}

static enum part_kind
part_of(const struct steme_object *o)
{
	switch (o->kind) {
	case STEME_ASSERTION:
		return is_below_steme(o->concept) ? PART_SETTINGS : NPART;
	case STEME_RETRACTION:
		if (!o->has_assertion)
			return PART_SOURCES;
		return is_below_steme(o->concept) ? PART_SETTINGS : NPART;
	case STEME_EPOCH:
		return PART_EPOCHS;
	case STEME_ALIAS:
		return PART_ALIASES;
	case STEME_TRUST:
		return PART_TRUST;
	case STEME_REVOCATION:
		return PART_REVOKED;
	default:
		return NPART;
	}
}

bool
steme_globals_wants(const struct steme_object *o)
{
	return part_of(o) != NPART;
}

/* ---- adding ---- */

static int
copy(struct steme_globals *g, struct steme_str from, struct steme_str *to)
{
	struct chunk *c = g->arena;
	size_t size;

	*to = from;
	if (from.p == NULL || from.n == 0)
		return STEME_OK;
	if (c == NULL || c->size - c->used < from.n) {
		size = STEME_MAX(from.n, CHUNK);
		if ((c = malloc(sizeof(*c) + size)) == NULL)
			return STEME_ENOMEM;
		*c = (struct chunk){ g->arena, 0, size };
		g->arena = c;
	}
	to->p = memcpy(c->data + c->used, from.p, from.n);
	c->used += from.n;
	return STEME_OK;
}

/* The two strings that an object is about, by its part. */
static void
strings_of(const struct steme_object *o, struct steme_str *a, struct steme_str *b)
{
	*b = (struct steme_str){0};
	switch (o->kind) {
	case STEME_EPOCH:
		*a = o->name;
		*b = o->superseded;
		break;
	case STEME_ALIAS:
		*a = o->from;
		*b = o->to;
		break;
	case STEME_TRUST:
		*a = o->prefix;
		break;
	case STEME_RETRACTION:
		*a = o->has_assertion ? o->concept : o->source;
		break;
	default:
		*a = o->concept;
		*b = o->predicate;
		break;
	}
}

static int
make_entry(struct steme_globals *g, struct gent *e, const struct steme_record *r,
    const struct steme_object *o)
{
	struct steme_str a, b;
	int err;

	memset(e, 0, sizeof(*e));
	e->id = r->id;
	e->hlc = r->hlc;
	e->node = r->node;
	e->lsn = r->lsn;
	e->time_us = o->time_us;
	e->weight = o->weight;
	e->since_us = o->since_us;
	e->kind = (uint8_t)o->kind;
	e->class_ = (uint8_t)o->class_;
	e->type = (uint8_t)o->type;
	e->lifecycle = (uint8_t)o->lifecycle;
	e->state = (uint8_t)o->state;
	e->assertion = o->assertion;
	strings_of(o, &a, &b);
	if ((err = intern(g, &o->agent, &e->agent)) != STEME_OK ||
	    (err = intern(g, &o->of, &e->of)) != STEME_OK ||
	    (err = copy(g, a, &e->a)) != STEME_OK ||
	    (err = copy(g, b, &e->b)) != STEME_OK)
		return err;
	/* longer than any setting is one that says nothing */
	if (o->kind == STEME_ASSERTION && o->value.n <= 256)
		err = copy(g, o->value, &e->value);
	return err;
}

static void
widen(struct glist *l, const struct gent *e)
{
	int64_t latest = steme_hlc_us(e->hlc) + STEME_SKEW_US;

	l->max_lsn = STEME_MAX(l->max_lsn, e->lsn);
	l->max_hlc = STEME_MAX(l->max_hlc, e->hlc);
	l->max_time_us = STEME_MAX(l->max_time_us, e->time_us);
	l->skewed |= e->time_us > latest;
}

/* The parts of the unbounded world that e can change; g->mu is held. */
static unsigned
changed_by_locked(const struct steme_globals *g, enum part_kind kind,
    const struct gent *e)
{
	const struct steme_id *by = agent_of(g, e->agent);
	const struct settings *set;
	const struct trust *t;
	bool steward;

	if (g->cur == NULL)
		return 0;
	set = (const struct settings *)g->cur->part[PART_SETTINGS];
	t = (const struct trust *)g->cur->part[PART_TRUST];
	steward = steme_settings_is_steward(set, g, by);
	switch (kind) {
	case PART_SETTINGS:
		return e->agent == 0 ? ALL_PARTS : 0;
	case PART_REVOKED:
		if (e->agent != e->of && !steward)
			return 0;
		/* of nobody whose word counts here, it changes only itself */
		if (steme_settings_is_steward(set, g, agent_of(g, e->of)) ||
		    steme_idset_find(&t->agents, agent_of(g, e->of)) != STEME_HTAB_NONE)
			return ALL_PARTS;
		return 1u << PART_REVOKED;
	case PART_TRUST:
		return steme_idset_find(&t->agents, by) != STEME_HTAB_NONE ?
		    1u << PART_TRUST : 0;
	default:
		return steward ? 1u << kind : 0;
	}
}

static void
note_change(struct steme_globals *g, enum part_kind kind, const struct gent *e,
    uint64_t lsn, bool envelope)
{
	const struct steme_world *w;

	pthread_mutex_lock(&g->mu);
	g->dirty |= envelope ? ALL_PARTS : changed_by_locked(g, kind, e);
	for (size_t i = 0; i < BOUNDED_WORLDS; i++)
		if ((w = g->bounded[i].w) != NULL && (envelope ||
		    steme_bounds_has(&w->bounds, e->time_us, e->hlc, e->lsn))) {
			g->bounded[i].w = NULL;
			steme_world_put(w);
		}
	if (lsn > atomic_load(&g->lsn))
		atomic_store(&g->lsn, lsn);
	pthread_mutex_unlock(&g->mu);
}

static struct gent *
known(struct steme_globals *g, const struct steme_id *id, enum part_kind *kind)
{
	uint32_t h = steme_hash_id(id), i = h, at;

	while ((at = steme_htab_next(&g->by_id, h, &i)) != STEME_HTAB_NONE) {
		struct gent *e = &g->list[at >> PART_SHIFT].e[at & PLACE_MASK];

		*kind = (enum part_kind)(at >> PART_SHIFT);
		if (steme_id_eq(&e->id, id))
			return e;
	}
	return NULL;
}

static int
add_locked(struct steme_globals *g, enum part_kind kind, const struct steme_record *r,
    const struct steme_object *o)
{
	struct glist *l = &g->list[kind];
	struct gent *e;
	int err;

	if (l->n > PLACE_MASK - 2)
		return STEME_ETOOBIG;
	if ((err = steme_array_grow(&l->e, sizeof(*l->e), l->n, &l->cap)) != STEME_OK)
		return err;
	e = &l->e[l->n];
	if ((err = make_entry(g, e, r, o)) != STEME_OK ||
	    (err = steme_htab_add(&g->by_id, steme_hash_id(&r->id),
	    (uint32_t)kind << PART_SHIFT | l->n)) != STEME_OK)
		return err;
	e->next = STEME_HTAB_NONE;
	if (kind == PART_TRUST) {
		e->next = g->trust_head[e->agent];
		g->trust_head[e->agent] = l->n;
	}
	l->n++;
	widen(l, e);
	note_change(g, kind, e, r->lsn, false);
	return STEME_OK;
}

int
steme_globals_add(struct steme_globals *g, const struct steme_record *r,
    const struct steme_object *o)
{
	enum part_kind kind = part_of(o), old;
	struct gent *e;
	int err = STEME_OK;

	if (kind == NPART)
		return STEME_EINVAL;
	pthread_rwlock_wrlock(&g->lock);
	if ((e = known(g, &r->id, &old)) == NULL) {
		err = add_locked(g, kind, r, o);
	} else if (r->hlc < e->hlc || (r->hlc == e->hlc && r->node < e->node)) {
		e->hlc = r->hlc;
		e->node = r->node;
		widen(&g->list[old], e);
		note_change(g, old, e, r->lsn, true);
	}
	pthread_rwlock_unlock(&g->lock);
	return err;
}

uint64_t
steme_globals_lsn(const struct steme_globals *g)
{
	return atomic_load(&g->lsn);
}
