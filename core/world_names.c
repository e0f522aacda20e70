/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world_names.c - aliases, epochs and retracted sources: what stewards say about
 * names.  doc/lenses.md.
 */
#include "config.h"
#include "core/world_impl.h"

#include <stdlib.h>

#define NONE	UINT32_MAX

/* Two names, by their places in a strset. */
struct pair {
	uint32_t x, y;
};

/* The (a, b) of every object in a list that counts and has both. */
static int
collect_pairs(const struct making *m, enum part_kind kind, struct strset *names,
    struct pair **pairs, uint32_t *n)
{
	const struct glist *l = &m->g->list[kind];
	int err = STEME_OK;

	*n = 0;
	if (l->n == 0)
		return STEME_OK;
	if ((*pairs = malloc(l->n * sizeof(**pairs))) == NULL)
		return STEME_ENOMEM;
	for (uint32_t i = 0; i < l->n && err == STEME_OK; i++) {
		const struct gent *e = &l->e[i];
		struct pair *p = &(*pairs)[*n];

		if (e->b.p == NULL || !gent_of_steward(m, e))
			continue;
		if ((err = steme_strset_add(names, e->a, &p->x)) == STEME_OK &&
		    (err = steme_strset_add(names, e->b, &p->y)) == STEME_OK)
			++*n;
	}
	return err;
}

/* ---- aliases: undirected classes ---- */

static uint32_t
root_of(uint32_t *up, uint32_t i)
{
	while (up[i] != i)
		i = up[i] = up[up[i]];
	return i;
}

static int
name_order(const void *va, const void *vb)
{
	return steme_str_cmp(*(const struct steme_str *)va,
	    *(const struct steme_str *)vb);
}

/* up: for each name, another of its class; makes class_of, start and members. */
static void
number_classes(struct aliases *a, uint32_t *up)
{
	uint32_t n = a->names.n, r;

	for (uint32_t i = 0; i < n; i++)
		a->class_of[i] = NONE;
	for (uint32_t i = 0; i < n; i++)
		if (a->class_of[r = root_of(up, i)] == NONE)
			a->class_of[r] = a->nclasses++;
	for (uint32_t i = 0; i < n; i++)
		a->class_of[i] = a->class_of[root_of(up, i)];
	/* counted into start[class + 1], which then move down as they are filled */
	for (uint32_t i = 0; i < n; i++)
		a->start[a->class_of[i] + 1]++;
	for (uint32_t c = 0; c < a->nclasses; c++)
		a->start[c + 1] += a->start[c];
	for (uint32_t i = n; i-- > 0;)
		a->members[--a->start[a->class_of[i] + 1]] = a->names.strs[i];
	for (uint32_t c = 0; c < a->nclasses; c++)
		a->start[c] = a->start[c + 1];
	a->start[a->nclasses] = n;
	for (uint32_t c = 0; c < a->nclasses; c++)
		qsort(&a->members[a->start[c]], a->start[c + 1] - a->start[c],
		    sizeof(*a->members), name_order);
}

int
steme_aliases_make(const struct making *m, struct part **out)
{
	struct aliases *a;
	struct pair *pairs = NULL;
	uint32_t npairs, n, *up = NULL;
	int err = STEME_ENOMEM;

	if ((*out = steme_part_new(PART_ALIASES, sizeof(*a))) == NULL)
		return STEME_ENOMEM;
	a = (struct aliases *)*out;
	if ((err = collect_pairs(m, PART_ALIASES, &a->names, &pairs, &npairs)) !=
	    STEME_OK || (n = a->names.n) == 0)
		goto out;
	err = STEME_ENOMEM;
	if ((up = malloc(n * sizeof(*up))) == NULL ||
	    (a->class_of = malloc(n * sizeof(*a->class_of))) == NULL ||
	    (a->start = calloc(n + 2, sizeof(*a->start))) == NULL ||
	    (a->members = malloc(n * sizeof(*a->members))) == NULL)
		goto out;
	for (uint32_t i = 0; i < n; i++)
		up[i] = i;
	for (uint32_t i = 0; i < npairs; i++)
		up[root_of(up, pairs[i].x)] = root_of(up, pairs[i].y);
	number_classes(a, up);
	err = STEME_OK;
out:
	free(up);
	free(pairs);
	return err;
}

void
steme_aliases_fini(struct part *p)
{
	struct aliases *a = (struct aliases *)p;

	steme_strset_fini(&a->names);
	free(a->class_of);
	free(a->start);
	free(a->members);
}

void
steme_world_aliases(const struct steme_world *w, struct steme_str concept,
    const struct steme_str **names, size_t *n)
{
	const struct aliases *a = (const struct aliases *)w->part[PART_ALIASES];
	uint32_t at = steme_strset_find(&a->names, concept), c;

	*names = NULL;
	*n = 0;
	if (at == NONE)
		return;
	c = a->class_of[at];
	/* a name for itself is no alias */
	if (a->start[c + 1] - a->start[c] < 2)
		return;
	*names = &a->members[a->start[c]];
	*n = a->start[c + 1] - a->start[c];
}

/* ---- epochs: superseded unless in a circle ---- */

/*
 * Finds the strongly connected components of (x supersedes y) by Tarjan's walk,
 * without recursion: chains of epochs may be long.
 */
struct walk {
	const uint32_t *start, *to;	/* edges of a name: to[start[i]] .. */
	uint32_t *at;			/* next edge of a name to look at */
	uint32_t *index, *low;		/* NONE: not met */
	uint32_t *component;		/* NONE: not settled */
	uint32_t *stack, *path;
	uint32_t nstack, npath, nindex, ncomponents;
};

static void
enter(struct walk *k, uint32_t v)
{
	k->index[v] = k->low[v] = k->nindex++;
	k->at[v] = k->start[v];
	k->stack[k->nstack++] = v;
	k->path[k->npath++] = v;
}

static void
leave(struct walk *k, uint32_t v)
{
	uint32_t u;

	k->npath--;
	if (k->npath > 0) {
		uint32_t parent = k->path[k->npath - 1];

		k->low[parent] = STEME_MIN(k->low[parent], k->low[v]);
	}
	if (k->low[v] != k->index[v])
		return;
	do {
		u = k->stack[--k->nstack];
		k->component[u] = k->ncomponents;
	} while (u != v);
	k->ncomponents++;
}

static void
walk_from(struct walk *k, uint32_t root)
{
	enter(k, root);
	while (k->npath > 0) {
		uint32_t v = k->path[k->npath - 1], t;

		if (k->at[v] == k->start[v + 1]) {
			leave(k, v);
			continue;
		}
		t = k->to[k->at[v]++];
		if (k->index[t] == NONE)
			enter(k, t);
		else if (k->component[t] == NONE)
			k->low[v] = STEME_MIN(k->low[v], k->index[t]);
	}
}

/* Marks in_circle[] of those whose component has an edge inside of it. */
static void
find_circles(struct walk *k, uint32_t n, uint8_t *in_circle, uint8_t *circular)
{
	for (uint32_t v = 0; v < n; v++)
		k->index[v] = k->component[v] = NONE;
	for (uint32_t v = 0; v < n; v++)
		if (k->index[v] == NONE)
			walk_from(k, v);
	for (uint32_t v = 0; v < n; v++)
		for (uint32_t i = k->start[v]; i < k->start[v + 1]; i++)
			if (k->component[v] == k->component[k->to[i]])
				circular[k->component[v]] = 1;
	for (uint32_t v = 0; v < n; v++)
		in_circle[v] = circular[k->component[v]];
}

static int
mark_superseded(struct epochs *ep, const struct strset *names,
    const struct pair *pairs, uint32_t npairs)
{
	uint32_t n = names->n, at;
	/* start n+1, to npairs, then seven of n each */
	uint32_t *start = calloc((size_t)n * 8 + 1 + npairs, sizeof(*start));
	uint8_t *flags = calloc((size_t)n * 2, 1);
	struct walk k = {0};
	int err = STEME_ENOMEM;

	if (start == NULL || flags == NULL)
		goto out;
	for (uint32_t i = 0; i < npairs; i++)
		start[pairs[i].x]++;
	for (uint32_t v = 0; v < n; v++)
		start[v + 1] += start[v];
	for (uint32_t i = 0; i < npairs; i++)
		start[n + 1 + --start[pairs[i].x]] = pairs[i].y;
	k.start = start;
	k.to = start + n + 1;
	k.at = start + n + 1 + npairs;
	k.index = k.at + n;
	k.low = k.index + n;
	k.component = k.low + n;
	k.stack = k.component + n;
	k.path = k.stack + n;
	find_circles(&k, n, flags, flags + n);
	err = STEME_OK;
	for (uint32_t i = 0; i < npairs && err == STEME_OK; i++)
		if (!flags[pairs[i].y])
			err = steme_strset_add(&ep->superseded, names->strs[pairs[i].y], &at);
out:
	free(start);
	free(flags);
	return err;
}

int
steme_epochs_make(const struct making *m, struct part **out)
{
	struct strset names = {0};
	struct pair *pairs = NULL;
	uint32_t npairs;
	int err;

	if ((*out = steme_part_new(PART_EPOCHS, sizeof(struct epochs))) == NULL)
		return STEME_ENOMEM;
	err = collect_pairs(m, PART_EPOCHS, &names, &pairs, &npairs);
	if (err == STEME_OK && npairs > 0)
		err = mark_superseded((struct epochs *)*out, &names, pairs, npairs);
	steme_strset_fini(&names);
	free(pairs);
	return err;
}

void
steme_epochs_fini(struct part *p)
{
	steme_strset_fini(&((struct epochs *)p)->superseded);
}

bool
steme_world_epoch_superseded(const struct steme_world *w, struct steme_str epoch)
{
	const struct epochs *ep = (const struct epochs *)w->part[PART_EPOCHS];

	return steme_strset_find(&ep->superseded, epoch) != NONE;
}

/* ---- sources: the newest of stewards stands ---- */

int
steme_sources_make(const struct making *m, struct part **out)
{
	const struct glist *l = &m->g->list[PART_SOURCES];
	struct sources *s;
	struct strset names = {0};
	const struct gent **newest = NULL;
	uint32_t cap = 0, at;
	int err = STEME_OK;

	if ((*out = steme_part_new(PART_SOURCES, sizeof(*s))) == NULL)
		return STEME_ENOMEM;
	s = (struct sources *)*out;
	for (uint32_t i = 0; i < l->n && err == STEME_OK; i++) {
		const struct gent *e = &l->e[i];
		uint32_t n = names.n;

		if (!gent_of_steward(m, e))
			continue;
		if ((err = steme_array_grow(&newest, sizeof(*newest), n, &cap)) != STEME_OK ||
		    (err = steme_strset_add(&names, e->a, &at)) != STEME_OK)
			break;
		if (at == n || gent_newer(m->b, e, newest[at]) < 0)
			newest[at] = e;
	}
	for (uint32_t i = 0; i < names.n && err == STEME_OK; i++)
		if (newest[i]->state == STEME_STATE_RETRACTED)
			err = steme_strset_add(&s->retracted, names.strs[i], &at);
	free(newest);
	steme_strset_fini(&names);
	return err;
}

int
steme_sources_and(const struct part *from, struct steme_str source, struct part **out)
{
	const struct sources *f = (const struct sources *)from;
	struct sources *s;
	uint32_t at;
	int err;

	if ((*out = steme_part_new(PART_SOURCES, sizeof(*s))) == NULL)
		return STEME_ENOMEM;
	s = (struct sources *)*out;
	err = steme_strset_add(&s->retracted, source, &at);
	for (uint32_t i = 0; i < f->retracted.n && err == STEME_OK; i++)
		err = steme_strset_add(&s->retracted, f->retracted.strs[i], &at);
	return err;
}

void
steme_sources_fini(struct part *p)
{
	steme_strset_fini(&((struct sources *)p)->retracted);
}

bool
steme_world_source_retracted(const struct steme_world *w, struct steme_str source)
{
	const struct sources *s = (const struct sources *)w->part[PART_SOURCES];

	return steme_strset_find(&s->retracted, source) != NONE;
}
