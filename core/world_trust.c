/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world_trust.c - trust along chains of endorsements from the roots, and which classes
 * they accredit.  doc/lenses.md, "Trust" and "Accreditation".
 *
 * Only what the roots reach is looked at: endorsements among strangers cost nothing.
 */
#include "config.h"
#include "core/world_impl.h"

#include <stdlib.h>

#define NONE		UINT32_MAX
#define CHAIN_MAX	8
#define FULL_TRUST	1000000000u
#define FAR		255		/* no chain */

/* A trust object that counts, seen from its author. */
struct edge {
	uint32_t to;
	uint32_t weight;		/* 1/10,000 */
	uint8_t class_;
	struct steme_str prefix;
};

/* What is known of an agent while chains are followed. */
struct reached {
	uint32_t edges, nedges;
	uint32_t round;			/* in which it was last put on the frontier */
	bool expanded;
	uint8_t depth[STEME_NCLASS];	/* shortest chain of accreditations */
};

struct maker {
	const struct making *m;
	struct trust *t;
	struct reached *r;		/* goes with t->agents */
	uint32_t ncap, rcap;
	struct edge *edges;
	uint32_t nedges, ecap;
	const struct gent **own;	/* room for one agent's trust objects */
	uint32_t owncap;
	uint32_t *front, *next;		/* agents to follow, and those of the next round */
	uint32_t nfront, nnext, fcap, xcap;
};

static int
add_node(struct maker *k, const struct steme_id *id, uint32_t *at)
{
	struct trust *t = k->t;
	uint32_t n = t->agents.n;
	int err;

	if ((err = steme_array_grow(&t->nodes, sizeof(*t->nodes), n, &k->ncap)) != STEME_OK ||
	    (err = steme_array_grow(&k->r, sizeof(*k->r), n, &k->rcap)) != STEME_OK ||
	    (err = steme_idset_add(&t->agents, id, at)) != STEME_OK)
		return err;
	if (*at == n) {
		memset(&t->nodes[n], 0, sizeof(*t->nodes));
		memset(&k->r[n], 0, sizeof(*k->r));
		memset(k->r[n].depth, FAR, sizeof(k->r[n].depth));
	}
	return STEME_OK;
}

static int
push_next(struct maker *k, uint32_t v)
{
	int err = steme_array_grow(&k->next, sizeof(*k->next), k->nnext, &k->xcap);

	if (err == STEME_OK)
		k->next[k->nnext++] = v;
	return err;
}

static void
swap_fronts(struct maker *k)
{
	uint32_t *p = k->front, cap = k->fcap;

	k->front = k->next;
	k->fcap = k->xcap;
	k->nfront = k->nnext;
	k->next = p;
	k->xcap = cap;
	k->nnext = 0;
}

static int
same_edge(const struct gent *a, const struct gent *b)
{
	int d;

	if (a->of != b->of)
		return a->of < b->of ? -1 : 1;
	if (a->class_ != b->class_)
		return a->class_ < b->class_ ? -1 : 1;
	/* no prefix is another thing than any prefix: they have at least a byte */
	if ((d = steme_str_cmp(a->a, b->a)) != 0)
		return d;
	return 0;
}

static int
edge_order(const void *va, const void *vb, void *bounds)
{
	const struct gent *a = *(const struct gent *const *)va;
	const struct gent *b = *(const struct gent *const *)vb;
	int d = same_edge(a, b);

	return d != 0 ? d : gent_newer(bounds, a, b);
}

static int
add_edge(struct maker *k, const struct gent *e)
{
	struct edge *edge;
	uint32_t to;
	int err;

	if ((err = steme_array_grow(&k->edges, sizeof(*k->edges), k->nedges,
	    &k->ecap)) != STEME_OK ||
	    (err = add_node(k, agent_of(k->m->g, e->of), &to)) != STEME_OK)
		return err;
	edge = &k->edges[k->nedges++];
	edge->to = to;
	edge->weight = (uint32_t)e->weight;
	edge->class_ = e->class_;
	edge->prefix = e->a;
	return STEME_OK;
}

/* Finds what agent v endorses: of each (of, class, prefix) its newest object. */
static int
expand(struct maker *k, uint32_t v)
{
	const struct steme_globals *g = k->m->g;
	const struct glist *l = &g->list[PART_TRUST];
	struct idset agents = { g->agents, g->nagents, g->agents_cap, g->agent_tab };
	uint32_t agent = steme_idset_find(&agents, &k->t->agents.ids[v]), n = 0, i;
	int err = STEME_OK;

	k->r[v].expanded = true;
	k->r[v].edges = k->nedges;
	i = agent == NONE ? NONE : g->trust_head[agent];
	for (; i != NONE && err == STEME_OK; i = l->e[i].next) {
		if (l->e[i].of == agent || !gent_counts(k->m, &l->e[i]))
			continue;
		err = steme_array_grow(&k->own, sizeof(*k->own), n, &k->owncap);
		if (err == STEME_OK)
			k->own[n++] = &l->e[i];
	}
	if (err == STEME_OK && n > 1)
		qsort_r(k->own, n, sizeof(*k->own), edge_order,
		    (void *)(uintptr_t)k->m->b);
	for (i = 0; i < n && err == STEME_OK; i++)
		if (i == 0 || same_edge(k->own[i - 1], k->own[i]) != 0)
			err = add_edge(k, k->own[i]);
	k->r[v].nedges = k->nedges - k->r[v].edges;
	return err;
}

/* Carries v's trust, as it was when the round began, one step on. */
static int
endorse(struct maker *k, uint32_t v, uint32_t trust, uint32_t round)
{
	int err = STEME_OK;

	for (uint32_t i = 0; i < k->r[v].nedges && err == STEME_OK; i++) {
		const struct edge *e = &k->edges[k->r[v].edges + i];
		struct tnode *to = &k->t->nodes[e->to];
		uint32_t p = (uint32_t)((uint64_t)trust * e->weight / STEME_ONE);

		/* a root's is full: it never grows */
		if (p <= to->trust)
			continue;
		to->trust = p;
		if (k->r[e->to].round != round) {
			k->r[e->to].round = round;
			err = push_next(k, e->to);
		}
	}
	return err;
}

/* Best product of at most CHAIN_MAX steps, a round a step. */
static int
spread_trust(struct maker *k)
{
	uint32_t *trust = NULL, cap = 0;
	int err = STEME_OK;

	for (uint32_t v = 0; v < k->t->agents.n && err == STEME_OK; v++)
		err = push_next(k, v);
	for (uint32_t round = 1; round <= CHAIN_MAX && err == STEME_OK; round++) {
		swap_fronts(k);
		for (uint32_t i = 0; i < k->nfront && err == STEME_OK; i++) {
			err = steme_array_grow(&trust, sizeof(*trust), i, &cap);
			if (err == STEME_OK)
				trust[i] = k->t->nodes[k->front[i]].trust;
		}
		/* expanding makes nodes; it leaves the frontier alone */
		for (uint32_t i = 0; i < k->nfront && err == STEME_OK; i++)
			if (!k->r[k->front[i]].expanded)
				err = expand(k, k->front[i]);
		for (uint32_t i = 0; i < k->nfront && err == STEME_OK; i++)
			err = endorse(k, k->front[i], trust[i], round);
	}
	k->nnext = k->nfront = 0;
	free(trust);
	return err;
}

/*
 * The shortest chain of accreditations for c, whatever their prefixes: who has none
 * within the limit cannot accredit anybody, anywhere.
 */
static int
spread_class(struct maker *k, uint8_t c)
{
	int err = STEME_OK;

	for (uint32_t v = 0; v < k->t->agents.n && err == STEME_OK; v++)
		if (k->t->nodes[v].root) {
			k->r[v].depth[c] = 0;
			err = push_next(k, v);
		}
	for (uint8_t step = 1; step <= CHAIN_MAX && err == STEME_OK; step++) {
		swap_fronts(k);
		for (uint32_t i = 0; i < k->nfront; i++) {
			const struct reached *r = &k->r[k->front[i]];

			for (uint32_t j = 0; j < r->nedges && err == STEME_OK; j++) {
				const struct edge *e = &k->edges[r->edges + j];

				if (e->class_ != c || e->weight == 0 ||
				    k->r[e->to].depth[c] != FAR)
					continue;
				k->r[e->to].depth[c] = step;
				err = push_next(k, e->to);
			}
		}
	}
	k->nnext = k->nfront = 0;
	return err;
}

static bool
is_link(const struct maker *k, uint32_t v, const struct edge *e)
{
	return e->class_ < STEME_NCLASS && e->weight > 0 &&
	    !k->t->nodes[e->to].root && k->r[v].depth[e->class_] < CHAIN_MAX;
}

static int
link_order(const void *va, const void *vb)
{
	const struct tlink *a = va, *b = vb;

	if (a->class_ != b->class_)
		return a->class_ < b->class_ ? -1 : 1;
	return (a->depth > b->depth) - (a->depth < b->depth);
}

/* Turns accreditations round: for each agent those who accredit it, roots first. */
static int
make_links(struct maker *k)
{
	struct trust *t = k->t;
	uint32_t total = 0;

	for (uint32_t v = 0; v < t->agents.n; v++)
		for (uint32_t i = 0; i < k->r[v].nedges; i++) {
			const struct edge *e = &k->edges[k->r[v].edges + i];

			if (is_link(k, v, e))
				t->nodes[e->to].links++;
		}
	for (uint32_t v = 0; v < t->agents.n; v++)
		t->nodes[v].links = total += t->nodes[v].links;
	if (total == 0)
		return STEME_OK;
	if ((t->links = malloc(total * sizeof(*t->links))) == NULL)
		return STEME_ENOMEM;
	for (uint32_t v = 0; v < t->agents.n; v++)
		for (uint32_t i = 0; i < k->r[v].nedges; i++) {
			const struct edge *e = &k->edges[k->r[v].edges + i];
			struct tnode *to = &t->nodes[e->to];

			if (!is_link(k, v, e))
				continue;
			t->links[--to->links] = (struct tlink){ v, e->class_,
			    k->r[v].depth[e->class_], e->prefix };
			to->nlinks++;
			to->classes |= (uint8_t)(1u << e->class_);
		}
	for (uint32_t v = 0; v < t->agents.n; v++)
		qsort(t->links + t->nodes[v].links, t->nodes[v].nlinks,
		    sizeof(*t->links), link_order);
	return STEME_OK;
}

static int
follow_chains(struct maker *k)
{
	const struct idset *roots = &k->m->set->roots;
	uint32_t at;
	int err = STEME_OK;

	for (uint32_t i = 0; i < roots->n && err == STEME_OK; i++)
		if ((err = add_node(k, &roots->ids[i], &at)) == STEME_OK) {
			k->t->nodes[at].root = true;
			k->t->nodes[at].trust = FULL_TRUST;
		}
	if (err == STEME_OK)
		err = spread_trust(k);
	for (uint8_t c = 0; c < STEME_NCLASS && err == STEME_OK; c++)
		err = spread_class(k, c);
	return err == STEME_OK ? make_links(k) : err;
}

int
steme_trust_make(const struct making *m, struct part **out)
{
	struct maker k = { .m = m };
	int err;

	if ((*out = steme_part_new(PART_TRUST, sizeof(*k.t))) == NULL)
		return STEME_ENOMEM;
	k.t = (struct trust *)*out;
	err = follow_chains(&k);
	free(k.r);
	free(k.edges);
	free(k.own);
	free(k.front);
	free(k.next);
	return err;
}

void
steme_trust_fini(struct part *p)
{
	struct trust *t = (struct trust *)p;

	steme_idset_fini(&t->agents);
	free(t->nodes);
	free(t->links);
}

/* ---- answers ---- */

static const struct trust *
trust_of(const struct steme_world *w)
{
	return (const struct trust *)w->part[PART_TRUST];
}

uint32_t
steme_world_trust(const struct steme_world *w, const struct steme_id *agent)
{
	const struct settings *s = (const struct settings *)w->part[PART_SETTINGS];
	uint32_t at;

	if (s->roots.n == 0)
		return s->default_trust;
	at = steme_idset_find(&trust_of(w)->agents, agent);
	return at == NONE ? s->unknown_trust : trust_of(w)->nodes[at].trust;
}

static bool
covers(struct steme_str prefix, struct steme_str concept)
{
	if (prefix.p == NULL)
		return true;
	return prefix.n <= concept.n &&
	    memcmp(prefix.p, concept.p, prefix.n) == 0 &&
	    (prefix.n == concept.n || concept.p[prefix.n] == '/');
}

/* Agents met on the way back to a root, in order; few, as a rule. */
#define FEW	64

struct way {
	uint32_t few[FEW], *met;
	uint32_t n, cap;
	uint8_t *seen;			/* a bit per agent, once there are more than few */
};

static bool
was_met(const struct way *y, uint32_t v)
{
	if (y->seen != NULL)
		return y->seen[v / 8] >> (v % 8) & 1;
	for (uint32_t i = 0; i < y->n; i++)
		if (y->met[i] == v)
			return true;
	return false;
}

/* False: out of memory; what could not be found out is not accredited. */
static bool
meet(struct way *y, uint32_t v, uint32_t nagents)
{
	uint32_t *more;

	if (y->n == y->cap) {
		if (y->seen == NULL) {
			if ((y->seen = calloc(nagents / 8 + 1, 1)) == NULL)
				return false;
			for (uint32_t i = 0; i < y->n; i++)
				y->seen[y->met[i] / 8] |= (uint8_t)(1u << (y->met[i] % 8));
		}
		more = realloc(y->met == y->few ? NULL : y->met,
		    (size_t)y->cap * 2 * sizeof(*more));
		if (more == NULL)
			return false;
		if (y->met == y->few)
			memcpy(more, y->few, sizeof(y->few));
		y->met = more;
		y->cap *= 2;
	}
	if (y->seen != NULL)
		y->seen[v / 8] |= (uint8_t)(1u << (v % 8));
	y->met[y->n++] = v;
	return true;
}

/* One step back from v: true if a root accredits it; else its accreditors are met. */
static bool
step_back(const struct trust *t, struct way *y, uint32_t v, uint8_t c, unsigned step,
    struct steme_str concept, bool *failed)
{
	const struct tnode *node = &t->nodes[v];

	for (uint32_t i = 0; i < node->nlinks; i++) {
		const struct tlink *l = &t->links[node->links + i];

		if (l->class_ > c)
			break;
		if (l->class_ < c || l->depth + step > CHAIN_MAX ||
		    !covers(l->prefix, concept))
			continue;
		if (t->nodes[l->from].root)
			return true;
		if (!was_met(y, l->from) && !meet(y, l->from, t->agents.n))
			*failed = true;
	}
	return false;
}

static bool
accredited(const struct trust *t, uint32_t v, uint8_t c, struct steme_str concept)
{
	struct way y = { .n = 0, .cap = FEW, .seen = NULL };
	bool found = false, failed = false;
	uint32_t from = 0, to;

	y.met = y.few;
	y.met[y.n++] = v;
	for (unsigned step = 1; step <= CHAIN_MAX && !found && !failed; step++) {
		to = y.n;
		for (; from < to && !found && !failed; from++)
			found = step_back(t, &y, y.met[from], c, step, concept,
			    &failed);
	}
	if (y.met != y.few)
		free(y.met);
	free(y.seen);
	return found;
}

enum steme_class
steme_world_class(const struct steme_world *w, const struct steme_id *agent,
    enum steme_class claimed, struct steme_str concept)
{
	const struct trust *t = trust_of(w);
	uint32_t at;

	if (!steme_world_has_roots(w) || claimed >= STEME_ANECDOTAL)
		return claimed >= STEME_NCLASS ? STEME_ANECDOTAL : claimed;
	if ((at = steme_idset_find(&t->agents, agent)) == NONE)
		return STEME_ANECDOTAL;
	if (t->nodes[at].root)
		return claimed;
	if ((t->nodes[at].classes >> claimed & 1) == 0)
		return STEME_ANECDOTAL;
	return accredited(t, at, (uint8_t)claimed, concept) ? claimed :
	    STEME_ANECDOTAL;
}
