/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect.c - the candidates of a view, settled: the hot path of every read.  What it
 * finds is copied once into an arena that belongs to the result; candidates cost no
 * allocation of their own.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/found.h"
#include "core/path.h"
#include "core/util.h"

#include <stdlib.h>
#include <string.h>

/* All marks of a concept are looked at if they are so few, or so many a claim. */
#define MARKS_FEW	200
#define MARKS_SEEK	20

struct claim {
	const struct steme_found *f;
	uint32_t name;			/* index of its concept among names */
	uint32_t above;			/* as in struct steme_cand */
};

struct claims {
	struct claim *v;
	size_t n, cap;
};

/* A mark as found: its slices point into the arena. */
struct raw {
	struct steme_record r;
	uint32_t name;
	char kind;			/* 'r' or 'v' */
};

struct raws {
	struct raw *v;
	size_t n, cap;
};

/* A set whose claims are among those found, held until the candidates are freed. */
struct held {
	struct steme_set *set;
	struct held *next;
};

struct collect {
	struct steme_store *s;
	struct steme_index *ix;
	struct held *held;
	struct steme_arena arena;
	uint64_t max_lsn;
	struct steme_str *names;	/* the concepts to look at */
	size_t nnames;
	uint32_t above;			/* of the claims that are found now */
	struct claims claims;
	struct raws marks;
	size_t limit;			/* scan() gives up after so many; 0: never */
};

static void *
take(struct collect *c, size_t n)
{
	return steme_arena_take(&c->arena, n);
}

void
steme_cands_fini(struct steme_cands *c)
{
	struct steme_arena a = { c->private_[0], 0 };

	for (struct held *h = c->private_[1]; h != NULL; h = h->next)
		steme_set_put(h->set);
	steme_arena_fini(&a);
	memset(c, 0, sizeof(*c));
}

/* Room for one more in v, an array of *cap.  The array, or NULL. */
static void *
grown(void *v, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 16 : *cap * 2;

	if (n < *cap)
		return v;
	if ((v = realloc(v, more * size)) != NULL)
		*cap = more;
	return v;
}

static int
add_claim(struct collect *c, const struct steme_found *f, uint32_t name)
{
	struct claims *l = &c->claims;
	struct claim *v = grown(l->v, l->n, &l->cap, sizeof(*v));

	if (v == NULL)
		return STEME_ENOMEM;
	l->v = v;
	v[l->n++] = (struct claim){ f, name, c->above };
	return STEME_OK;
}

static int
add_mark(struct collect *c, const struct steme_record *r, uint32_t name, char kind)
{
	struct raws *l = &c->marks;
	struct raw *v = grown(l->v, l->n, &l->cap, sizeof(*v));
	char *copy = take(c, r->bytes.n);

	if (v != NULL)
		l->v = v;
	if (v == NULL || copy == NULL)
		return STEME_ENOMEM;
	memcpy(copy, r->bytes.p, r->bytes.n);
	v[l->n] = (struct raw){ *r, name, kind };
	v[l->n].r.ids = NULL;
	v[l->n++].r.bytes.p = copy;
	return STEME_OK;
}

/* ---- finding ---- */

/* Keeps one entry, if it is visible.  skip: bytes of the key before the predicate. */
static int
keep(struct collect *c, const struct steme_iter *it, size_t skip, uint32_t name)
{
	const struct steme_found *f;
	struct steme_record r;
	struct steme_str p;
	int err;

	if (it->klen <= skip + 1)
		return STEME_ECORRUPT;
	err = steme_record_decode_value(&r, it->val, it->vlen);
	if (err != STEME_OK || r.lsn > c->max_lsn)
		return err;
	if (it->key[skip] == 1)
		return add_mark(c, &r, name, (char)it->key[skip + 1]);
	if ((err = steme_found_new(&c->arena, &r, &f)) != STEME_OK)
		return err;
	p = f->o->predicate;
	if (p.p == NULL || it->klen - skip <= p.n || memcmp(it->key + skip, p.p, p.n) != 0 ||
	    it->key[skip + p.n] != 0)
		return STEME_ECORRUPT;
	return add_claim(c, f, name);
}

static int
scan(struct collect *c, const struct steme_keybuf *from, const struct steme_keybuf *to,
    uint32_t name)
{
	size_t skip = 1 + c->names[name].n + 1, n = 0;
	struct steme_iter it;
	int err;

	err = c->ix->ops->iter_open(c->ix, NULL, from->b, from->n, to->b, to->n,
	    false, &it);
	if (err != STEME_OK)
		return err;
	while ((err = c->ix->ops->iter_next(c->ix, &it)) == STEME_OK) {
		if (c->limit != 0 && ++n > c->limit)
			err = STEME_ETOOBIG;
		else
			err = keep(c, &it, skip, name);
		if (err != STEME_OK)
			break;
	}
	c->ix->ops->iter_close(c->ix, &it);
	return err == STEME_ENOTFOUND ? STEME_OK : err;
}

static int
scan_predicate(struct collect *c, uint32_t name, struct steme_str predicate)
{
	struct steme_keybuf from, to;

	steme_key_range_predicate(&from, &to, c->names[name], predicate);
	return scan(c, &from, &to, name);
}

/* The kept claims that are visible; k is held by c from now on. */
static int
take_kept(struct collect *c, uint32_t name, const struct steme_claims *k)
{
	struct held *h = take(c, sizeof(*h));
	int err = STEME_OK;

	if (h == NULL) {
		steme_set_put(k->set);
		return STEME_ENOMEM;
	}
	*h = (struct held){ k->set, c->held };
	c->held = h;
	for (size_t i = 0; i < k->n && err == STEME_OK; i++)
		if (k->v[i]->lsn <= c->max_lsn)
			err = add_claim(c, k->v[i], name);
	return err;
}

/* Reads all claims of a predicate into the set just begun, up to lsn. */
static int
fill(struct collect *c, uint32_t name, struct steme_str predicate, struct steme_set *set,
    uint64_t lsn, struct steme_claims *out)
{
	struct steme_gen *g = steme_gen_get(c->s);
	struct collect all = { .ix = g->ix, .max_lsn = lsn, .names = c->names,
	    .nnames = c->nnames };
	const struct steme_found **v = NULL;
	size_t n, cap;
	int err = scan_predicate(&all, name, predicate);

	steme_gen_put(g);
	n = all.claims.n;
	cap = n + n / 2 + STEME_SET_MIN;
	if (err == STEME_OK && (v = calloc(cap, sizeof(*v))) == NULL)
		err = STEME_ENOMEM;
	for (size_t i = 0; i < n && err == STEME_OK; i++)
		v[i] = all.claims.v[i].f;
	if (err == STEME_OK)
		steme_sets_fill(c->s->sets, set, &all.arena, v, n, cap, out);
	else
		steme_sets_abandon(c->s->sets, set);
	steme_arena_fini(&all.arena);
	free(all.claims.v);
	return err;
}

/* The claims of a predicate; those of one with many are kept, or are from now on. */
static int
find_claims(struct collect *c, uint32_t name, struct steme_str predicate)
{
	struct steme_sets *sets = c->s->sets;
	size_t before = c->claims.n;
	struct steme_claims kept;
	struct steme_set *set;
	uint64_t lsn;
	int err;

	if (sets == NULL)
		return scan_predicate(c, name, predicate);
	if (steme_sets_get(sets, c->names[name], predicate, &kept))
		return take_kept(c, name, &kept);
	c->limit = STEME_SET_MIN;
	err = scan_predicate(c, name, predicate);
	c->limit = 0;
	if (err != STEME_ETOOBIG)
		return err;
	c->claims.n = before;
	set = steme_sets_begin(sets, c->names[name], predicate, &lsn);
	if (set == NULL)
		return scan_predicate(c, name, predicate);
	err = fill(c, name, predicate, set, lsn, &kept);
	return err == STEME_OK ? take_kept(c, name, &kept) : err;
}

/* The marks of one kind ('r' or 'v') on one claim. */
static int
scan_marks_on(struct collect *c, uint32_t name, const struct steme_id *id, char kind)
{
	struct steme_keybuf from, to;

	steme_key_range_marks_on(&from, &to, c->names[name], id, kind);
	return scan(c, &from, &to, name);
}

/*
 * Marks of the claims found under this name, from claims.v[first] on.  Mostly there are
 * few, and one look at all marks of the concept is the cheapest.  Where a concept has been
 * voted on a lot and few of its claims are asked for, each of these has its own range.
 */
static int
find_marks(struct collect *c, uint32_t name, size_t first)
{
	size_t before = c->marks.n, claims = c->claims.n - first;
	struct steme_keybuf from, to;
	int err;

	steme_key_range_marks(&from, &to, c->names[name]);
	c->limit = MARKS_FEW + claims * MARKS_SEEK;
	err = scan(c, &from, &to, name);
	c->limit = 0;
	if (err != STEME_ETOOBIG)
		return err;
	c->marks.n = before;
	err = STEME_OK;
	for (size_t i = first; i < first + claims && err == STEME_OK; i++) {
		err = scan_marks_on(c, name, &c->claims.v[i].f->id, 'r');
		if (err == STEME_OK)
			err = scan_marks_on(c, name, &c->claims.v[i].f->id, 'v');
	}
	return err;
}

/* Assertions and marks of one concept; marks only if there is something to mark. */
static int
find(struct collect *c, uint32_t name, struct steme_str predicate, bool constraints)
{
	static const struct steme_str rules[] = {
		{ "forbidden", 9 }, { "must_use", 8 },
	};
	struct steme_keybuf from, to;
	size_t before = c->claims.n;
	int err = STEME_OK;

	if (!constraints && predicate.p == NULL) {
		steme_key_range_concept(&from, &to, c->names[name]);
		return scan(c, &from, &to, name);
	}
	if (!constraints)
		err = find_claims(c, name, predicate);
	for (size_t i = 0; constraints && i < 2 && err == STEME_OK; i++)
		if (predicate.p == NULL || steme_str_eq(predicate, rules[i]))
			err = find_claims(c, name, rules[i]);
	if (err != STEME_OK || c->claims.n == before)
		return err;
	return find_marks(c, name, before);
}

static bool
has_name(const struct collect *c, struct steme_str s)
{
	for (size_t i = 0; i < c->nnames; i++)
		if (steme_str_eq(c->names[i], s))
			return true;
	return false;
}

/* The alias class of concept joins the names.  Two classes are the same or share nothing. */
static int
add_class(struct collect *c, const struct steme_world *w, struct steme_str concept)
{
	const struct steme_str *names = NULL;
	struct steme_str *bigger;
	size_t n = 0;

	if (has_name(c, concept))
		return STEME_OK;
	steme_world_aliases(w, concept, &names, &n);
	if (n == 0) {
		names = &concept;
		n = 1;
	}
	if ((bigger = take(c, (c->nnames + n) * sizeof(*bigger))) == NULL)
		return STEME_ENOMEM;
	if (c->nnames > 0)
		memcpy(bigger, c->names, c->nnames * sizeof(*bigger));
	memcpy(bigger + c->nnames, names, n * sizeof(*bigger));
	c->names = bigger;
	c->nnames += n;
	return STEME_OK;
}

static int
find_all(struct collect *c, const struct steme_world *w, struct steme_str concept,
    struct steme_str predicate, bool constraints)
{
	size_t i = 0;
	int err;

	for (struct steme_str at = concept; at.n > 0; at = steme_concept_parent(at)) {
		if ((err = add_class(c, w, at)) != STEME_OK)
			return err;
		for (; i < c->nnames; i++)
			if ((err = find(c, (uint32_t)i, predicate,
			    constraints)) != STEME_OK)
				return err;
		if (!constraints)
			break;
		c->above++;
	}
	return STEME_OK;
}

/* ---- settling ---- */

static int
claim_cmp(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;
	int c = steme_str_cmp(a->f->o->predicate, b->f->o->predicate);

	if (c == 0)
		c = (a->name > b->name) - (a->name < b->name);
	return c != 0 ? c : steme_id_cmp(&a->f->id, &b->f->id);
}

/* Candidates from what was found, grouped by predicate. */
static int
build(struct collect *c, struct steme_cands *out)
{
	struct steme_cand *cands;
	struct steme_cand_group *g = NULL;
	size_t ngroups = 0;

	if (c->claims.n == 0)
		return STEME_OK;
	if (c->nnames > 1)
		qsort(c->claims.v, c->claims.n, sizeof(*c->claims.v), claim_cmp);
	for (size_t i = 0; i < c->claims.n; i++)
		ngroups += i == 0 || !steme_str_eq(c->claims.v[i].f->o->predicate,
		    c->claims.v[i - 1].f->o->predicate);
	out->groups = take(c, ngroups * sizeof(*out->groups));
	cands = take(c, c->claims.n * sizeof(*cands));
	if (out->groups == NULL || cands == NULL)
		return STEME_ENOMEM;
	memset(out->groups, 0, ngroups * sizeof(*out->groups));
	for (size_t i = 0; i < c->claims.n; i++) {
		const struct steme_found *f = c->claims.v[i].f;
		struct steme_cand *d = &cands[i];

		if (g == NULL || !steme_str_eq(g->predicate, f->o->predicate)) {
			g = &out->groups[out->ngroups++];
			g->predicate = f->o->predicate;
			g->c = d;
		}
		d->o = f->o;
		d->id = f->id;
		d->lsn = f->lsn;
		d->hlc = f->hlc;
		d->node = f->node;
		d->rank_us = 0;
		d->confidence = f->o->confidence;
		d->above = c->claims.v[i].above;
		d->votes = 0;
		d->state = STEME_CURRENT;
		g->n++;
		if (d->lsn > g->version) {
			g->version = d->lsn;
			g->version_hlc = d->hlc;
		}
	}
	return STEME_OK;
}

/* Marks of each group, one array: retractions first. */
struct sorted_marks {
	struct steme_mark *v;
	uint32_t *retr, *votes;		/* per group: how many */
};

struct by_id {
	const struct steme_id *id;
	uint32_t raw, group;
};

static int
by_id_cmp(const void *x, const void *y)
{
	const struct by_id *a = x, *b = y;

	return steme_id_cmp(a->id, b->id);
}

/* A mark and the group whose candidate it is about. */
struct hit {
	uint32_t raw, group;
	bool vote;
};

static int
hit_cmp(const void *x, const void *y)
{
	const struct hit *a = x, *b = y;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	if (a->vote != b->vote)
		return a->vote ? 1 : -1;
	return (a->raw > b->raw) - (a->raw < b->raw);
}

static int
mark_of(struct steme_mark *m, const struct raw *raw)
{
	struct steme_object o;

	if (steme_object_of(&o, &raw->r, NULL) != STEME_OK || !o.has_assertion)
		return STEME_ECORRUPT;
	m->id = raw->r.id;
	m->assertion = o.assertion;
	m->agent = o.agent;
	m->weight = o.weight;
	m->time_us = o.time_us;
	m->hlc = raw->r.hlc;
	m->lsn = raw->r.lsn;
	return STEME_OK;
}

/*
 * Finds for each mark the candidate it names.  A mark whose concept is not that of the
 * candidate counts for nothing, also within an alias class.
 */
static int
match(struct collect *c, struct steme_cands *out, struct sorted_marks *m)
{
	struct steme_mark *all = take(c, c->marks.n * sizeof(*all));
	struct by_id *ids = take(c, c->claims.n * sizeof(*ids)), key, *at;
	struct hit *hits = take(c, c->marks.n * sizeof(*hits));
	size_t nhits = 0, k = 0;

	m->v = take(c, c->marks.n * sizeof(*m->v));
	if (all == NULL || ids == NULL || hits == NULL || m->v == NULL)
		return STEME_ENOMEM;
	for (uint32_t g = 0; g < out->ngroups; g++)
		for (size_t i = 0; i < out->groups[g].n; i++, k++)
			ids[k] = (struct by_id){ &c->claims.v[k].f->id,
			    (uint32_t)k, g };
	qsort(ids, c->claims.n, sizeof(*ids), by_id_cmp);
	for (size_t i = 0; i < c->marks.n; i++) {
		if (mark_of(&all[i], &c->marks.v[i]) != STEME_OK)
			return STEME_ECORRUPT;
		key.id = &all[i].assertion;
		at = bsearch(&key, ids, c->claims.n, sizeof(*ids), by_id_cmp);
		if (at != NULL && c->claims.v[at->raw].name == c->marks.v[i].name)
			hits[nhits++] = (struct hit){ (uint32_t)i, at->group,
			    c->marks.v[i].kind == 'v' };
	}
	qsort(hits, nhits, sizeof(*hits), hit_cmp);
	for (size_t i = 0; i < nhits; i++) {
		m->v[i] = all[hits[i].raw];
		(hits[i].vote ? m->votes : m->retr)[hits[i].group]++;
	}
	return STEME_OK;
}

static void
raise_version(struct steme_cand_group *g, uint64_t lsn, uint64_t hlc)
{
	if (lsn > g->version) {
		g->version = lsn;
		g->version_hlc = hlc;
	}
}

static int
settle(struct collect *c, const struct steme_lens_ctx *ctx, struct steme_cands *out,
    uint64_t global_lsn, uint64_t global_hlc)
{
	struct sorted_marks m = {0};
	const struct steme_mark *at;
	size_t room = out->ngroups * sizeof(*m.retr);
	int err;

	if (out->ngroups == 0)
		return STEME_OK;
	m.retr = take(c, room);
	m.votes = take(c, room);
	if (m.retr == NULL || m.votes == NULL)
		return STEME_ENOMEM;
	memset(m.retr, 0, room);
	memset(m.votes, 0, room);
	if (c->marks.n > 0 && (err = match(c, out, &m)) != STEME_OK)
		return err;
	at = m.v;
	for (size_t i = 0; i < out->ngroups; i++) {
		struct steme_cand_group *g = &out->groups[i];
		size_t nr = m.retr[i], nv = m.votes[i];

		for (size_t j = 0; j < nr + nv; j++)
			raise_version(g, at[j].lsn, at[j].hlc);
		raise_version(g, global_lsn, global_hlc);
		g->counting = steme_lens_filter(ctx, g->c, g->n, at, nr,
		    at == NULL ? NULL : at + nr, nv);
		if (at != NULL)
			at += nr + nv;
	}
	return STEME_OK;
}

int
steme_store_collect(struct steme_store *s, const struct steme_lens_ctx *ctx,
    struct steme_str concept, struct steme_str predicate, bool constraints,
    struct steme_cands *out)
{
	struct steme_lens_ctx in = *ctx;
	struct collect c = {0};
	struct steme_gen *g;
	uint64_t lsn, hlc;
	int err;

	memset(out, 0, sizeof(*out));
	if (concept.n == 0 || concept.n > STEME_CONCEPT_MAX ||
	    predicate.n > STEME_SEGMENT_MAX)
		return STEME_OK;
	in.bounds.max_lsn = STEME_MIN(in.bounds.max_lsn, steme_store_lsn(s));
	c.max_lsn = in.bounds.max_lsn;
	lsn = steme_store_globals_version(s, &in.bounds, &hlc);
	g = steme_gen_get(s);
	c.s = s;
	c.ix = g->ix;
	err = find_all(&c, ctx->world, concept, predicate, constraints);
	steme_gen_put(g);
	if (err == STEME_OK)
		err = build(&c, out);
	if (err == STEME_OK)
		err = settle(&c, &in, out, lsn, hlc);
	free(c.claims.v);
	free(c.marks.v);
	out->private_[0] = c.arena.newest;
	out->private_[1] = c.held;
	if (err != STEME_OK)
		steme_cands_fini(out);
	return steme_store_index_error(s, err, "collecting the claims of a concept");
}
