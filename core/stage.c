/* SPDX-License-Identifier: Apache-2.0 */
/* stage.c - which of the queued objects are new, and their records. */
#include "config.h"
#include "core/commit_impl.h"
#include "core/path.h"
#include "core/util.h"

#include <stdlib.h>
#include <string.h>

int
steme_group_new(struct steme_group **out)
{
	struct steme_group *g = calloc(1, sizeof(*g));

	*out = g;
	return g == NULL ? STEME_ENOMEM : STEME_OK;
}

void
steme_group_free(struct steme_group *g)
{
	if (g == NULL)
		return;
	free(g->staged);
	free(g->recs);
	free(g->items);
	free(g->slots);
	steme_buf_fini(&g->payloads);
	free(g);
}

static void
group_clear(struct steme_group *g)
{
	memset(g->slots, 0, g->nslots * sizeof(*g->slots));
	g->n = 0;
	g->exists = 0;
	/* one large write must not hold its memory for ever */
	if (g->payloads.cap > (8u << 20))
		steme_buf_fini(&g->payloads);
	steme_buf_clear(&g->payloads);
}

/* Room for n records; their places may move. */
static int
group_reserve(struct steme_group *g, size_t n)
{
	size_t cap = g->cap == 0 ? 64 : g->cap;
	void *p;

	if (n <= g->cap)
		return STEME_OK;
	while (cap < n)
		cap *= 2;
	if ((p = realloc(g->staged, cap * sizeof(*g->staged))) == NULL)
		return STEME_ENOMEM;
	g->staged = p;
	if ((p = realloc(g->recs, cap * sizeof(*g->recs))) == NULL)
		return STEME_ENOMEM;
	g->recs = p;
	if ((p = realloc(g->items, cap * sizeof(*g->items))) == NULL)
		return STEME_ENOMEM;
	g->items = p;
	if ((p = calloc(cap * 2, sizeof(*g->slots))) == NULL)
		return STEME_ENOMEM;
	free(g->slots);
	g->slots = p;
	g->nslots = cap * 2;
	g->cap = cap;
	return STEME_OK;
}

/* The slot of id: empty, or that of the staged record with this id. */
static uint32_t *
group_slot(const struct steme_group *g, const struct steme_id *id)
{
	size_t i;

	memcpy(&i, id->b, sizeof(i));
	for (i &= g->nslots - 1; g->slots[i] != 0; i = (i + 1) & (g->nslots - 1))
		if (steme_id_eq(&g->staged[g->slots[i] - 1].r.id, id))
			break;
	return &g->slots[i];
}

static void
refuse_put(struct steme_put *p, int err, const char *why)
{
	if (p->err != STEME_OK)
		return;
	p->status = 0;
	p->err = steme_fail(&p->why, err, "%s", why);
}

void
steme_refuse(struct steme_write *w, int err, const char *why)
{
	w->err = err;
	if (why != w->why.text)		/* it may be what intake said */
		steme_fail(&w->why, err, "%s", why);
	if (w->has_batch)
		refuse_put(&w->batch, err, why);
	for (size_t i = 0; i < w->n; i++)
		refuse_put(&w->puts[i], err, why);
}

/* ---- staging: (lead) ---- */

static const struct steme_str none = { NULL, 0 };

/* What the index says of a concept, as flags.  0: it could not be read. */
static unsigned
concept_in_index(struct steme_store *s, struct steme_str concept)
{
	struct steme_index *ix = s->gen->ix;
	struct steme_keybuf k;
	struct steme_name n;
	uint8_t *val = NULL;
	size_t len;
	int err;

	steme_key_name(&k, concept);
	err = ix->ops->get(ix, NULL, k.b, k.n, &val, &len);
	if (err == STEME_ENOTFOUND)
		return STEME_KNOWN | STEME_KNOWN_COMPLETE | STEME_KNOWN_YOUNG;
	if (err == STEME_OK)
		err = steme_name_decode(&n, val, len);
	free(val);
	if (err != STEME_OK)
		return 0;
	return STEME_KNOWN | (n.has_assertions ? STEME_KNOWN_ASSERTIONS :
	    STEME_KNOWN_COMPLETE);
}

/* What is known of a concept, from the cache or from 'N'.  0: nothing. */
static unsigned
fresh_concept(struct steme_store *s, struct steme_str concept)
{
	unsigned flags = steme_known_get(s->fresh, 'N', concept, none, NULL);
	struct steme_str parent = steme_concept_parent(concept);

	if (flags != 0)
		return flags;
	/* where there was no parent, there was nothing below it; at most 32 deep */
	if (parent.n > 0 && (fresh_concept(s, parent) & STEME_KNOWN_YOUNG))
		flags = STEME_KNOWN | STEME_KNOWN_COMPLETE | STEME_KNOWN_YOUNG;
	else
		flags = concept_in_index(s, concept);
	if (flags == 0)
		return 0;
	return steme_known_add(s->fresh, 'N', concept, none, flags, 0) == STEME_OK ?
	    flags : 0;
}

/*
 * Is o the first assertion ever of its concept and predicate?  Then its id cannot be
 * there, and need not be looked for: that is most of a bulk load.
 */
static bool
is_first(struct steme_store *s, const struct steme_object *o)
{
	unsigned flags;

	if (o->kind != STEME_ASSERTION)
		return false;
	flags = fresh_concept(s, o->concept);
	if (!(flags & STEME_KNOWN_COMPLETE) ||
	    steme_known_get(s->fresh, 'P', o->concept, o->predicate, NULL) != 0)
		return false;
	if (!(flags & STEME_KNOWN_ASSERTIONS) &&
	    steme_known_add(s->fresh, 'N', o->concept, none, STEME_KNOWN_ASSERTIONS,
	    0) != STEME_OK)
		return false;
	return steme_known_add(s->fresh, 'P', o->concept, o->predicate, 0, 0) ==
	    STEME_OK;
}

/* Is p stored already, or earlier in this group?  Then it is answered with that. */
static int
is_stored(struct steme_store *s, struct steme_group *g, struct steme_put *p,
    bool *stored)
{
	uint32_t *slot = group_slot(g, &p->id);
	const struct steme_group *at = g;
	struct steme_index *ix = s->gen->ix;
	struct steme_record r;
	uint8_t *backing;
	int err;

	*stored = true;
	if (*slot == 0 && g->before != NULL && g->before->n > 0) {
		/* not in the index yet; who waits for this one waits for that, too */
		at = g->before;
		slot = group_slot(at, &p->id);
	}
	if (*slot != 0) {
		p->lsn = at->staged[*slot - 1].r.lsn;
		p->status = STEME_EXISTS;
		g->exists++;
		return STEME_OK;
	}
	*stored = false;
	if (is_first(s, &p->o))
		return STEME_OK;
	*stored = true;
	err = steme_index_record(ix, &p->id, &r, &backing, NULL);
	free(backing);
	if (err == STEME_OK) {
		p->lsn = r.lsn;
		p->status = STEME_EXISTS;
		g->exists++;
		return STEME_OK;
	}
	*stored = false;
	if (err == STEME_ENOTFOUND)
		return STEME_OK;
	steme_store_index_error(s, err, "looking up an object's id");
	return steme_fail(&p->why, err, "the index could not be read");
}

static uint64_t
next_hlc(struct steme_store *s, const struct steme_object *o, int64_t now_us)
{
	s->hlc_last = steme_hlc_next(s->hlc_last, now_us);
	if (o->kind == STEME_OPAQUE)
		return s->hlc_last;
	return STEME_MAX(s->hlc_last, steme_hlc_floor(o));
}

static enum steme_wal_type
wal_type(const struct steme_object *o, enum steme_sigkind k)
{
	if (o->kind == STEME_BATCH)
		return STEME_WAL_BATCH;
	return k == STEME_SIG_BATCH ? STEME_WAL_MEMBER : STEME_WAL_OBJECT;
}

/* Adds p to the group unless it was refused or is stored already. */
static void
stage(struct steme_store *s, struct steme_group *g, struct steme_write *w,
    struct steme_put *p, int64_t now_us)
{
	struct steme_staged *t = &g->staged[g->n];
	bool stored;

	if (p->err != STEME_OK || p->status == STEME_EXISTS) {
		g->exists += p->err == STEME_OK;
		return;
	}
	if ((p->err = is_stored(s, g, p, &stored)) != STEME_OK || stored)
		return;
	memset(t, 0, sizeof(*t));
	t->put = p;
	t->r.lsn = g->first_lsn + g->n;
	t->r.hlc = next_hlc(s, &p->o, now_us);
	t->r.node = s->node;
	t->r.sigkind = p->sigkind;
	t->r.sig = p->sig;
	if (p->sigkind == STEME_SIG_BATCH)
		t->r.batch = w->batch.id;
	t->r.id = p->id;
	t->r.bytes = p->bytes;
	if (p->o.kind == STEME_BATCH) {
		t->r.ids = w->batch_ids->b;
		t->r.nids = (uint32_t)w->nbatch_ids;
	}
	t->payload = g->payloads.len;
	steme_record_encode(&g->payloads, &t->r);
	g->recs[g->n] = (struct steme_wal_rec){
		wal_type(&p->o, p->sigkind), t->r.lsn, t->r.hlc, NULL,
		g->payloads.len - t->payload
	};
	*group_slot(g, &p->id) = (uint32_t)g->n + 1;
	p->lsn = t->r.lsn;
	p->status = STEME_CREATED;
	g->n++;
}

int
steme_stage(struct steme_store *s, struct steme_write *list)
{
	struct steme_group *g = s->group;
	int64_t now_us = steme_wall_us(s->clock);
	size_t n = 0;

	for (struct steme_write *w = list; w != NULL; w = w->next)
		n += w->n + w->has_batch;
	if (group_reserve(g, n) != STEME_OK)
		return STEME_ENOMEM;
	group_clear(g);
	/*
	 * What is on its way is known there only: so never in the middle of a group, and with
	 * none before it.  One group more than makes it full it grows for.
	 */
	if (steme_known_full(s->fresh) && !steme_known_trim(s->fresh)) {
		steme_index_drain(s);
		/* a group that the index had no room for is not there yet, either */
		if (!s->behind)
			steme_known_clear(s->fresh);
	}
	for (struct steme_write *w = list; w != NULL; w = w->next) {
		if (w->has_batch)
			stage(s, g, w, &w->batch, now_us);
		/* a batch that could not be staged takes its members with it */
		for (size_t i = 0; i < w->n; i++) {
			struct steme_put *p = &w->puts[i];

			if (p->sigkind == STEME_SIG_BATCH && w->batch.err != STEME_OK)
				refuse_put(p, w->batch.err, w->batch.why.text);
			stage(s, g, w, p, now_us);
		}
	}
	if (steme_buf_err(&g->payloads) != STEME_OK)
		return STEME_ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		g->recs[i].payload = g->payloads.data + g->staged[i].payload;
	return STEME_OK;
}
