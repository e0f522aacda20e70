/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish.c - what is in the index becomes visible: the claims that are kept, the published
 * lsn, then the change counters, then on_commit.
 *
 * The lsn comes before the counters: a reader takes the counters, then reads.  Were
 * the bump first, a reader between the two would keep an old answer with the new
 * counters for ever.
 */
#include "config.h"
#include "core/commit_impl.h"

#include <stdlib.h>
#include <string.h>

static bool
is_constraint(struct steme_str predicate)
{
	return steme_str_eq(predicate, STEME_LIT("must_use")) ||
	    steme_str_eq(predicate, STEME_LIT("forbidden"));
}

/*
 * Can o change answers about other concepts than its own?  Global kinds can, and
 * constraints: they hold for everything below their concept.
 */
static bool
changes_all(struct steme_store *s, const struct steme_object *o)
{
	struct steme_record r;
	struct steme_object target;
	uint8_t *backing;
	bool all = false;

	if (o->kind == STEME_BATCH)
		return false;
	if (steme_object_is_global(o) || steme_globals_wants(o))
		return true;
	if (o->kind == STEME_ASSERTION)
		return is_constraint(o->predicate);
	if (o->kind != STEME_RETRACTION)
		return false;
	if (steme_index_record(s->gen->ix, &o->assertion, &r, &backing,
	    NULL) == STEME_OK)
		all = steme_object_of(&target, &r, NULL) == STEME_OK &&
		    is_constraint(target.predicate);
	free(backing);
	return all;
}

static void
bump_concept(struct steme_store *s, const struct steme_world *w,
    struct steme_str concept)
{
	const struct steme_str *names = NULL;
	size_t n = 0;

	if (w != NULL)
		steme_world_aliases(w, concept, &names, &n);
	if (n == 0)
		steme_changes_bump(s->changes, concept);
	for (size_t i = 0; i < n; i++)
		steme_changes_bump(s->changes, names[i]);
}

void
steme_publish(struct steme_store *s, const struct steme_commit_item *items, size_t n,
    uint64_t exists)
{
	const struct steme_world *w;
	struct steme_bounds all;
	bool global = false, gate = false;

	/* before anybody may look for them there */
	if (s->sets != NULL)
		steme_sets_add(s->sets, items, n, s->apply.at.next_lsn - 1);
	pthread_mutex_lock(&s->mu);
	s->counts = s->apply.at.counts;
	s->hlc = s->apply.at.hlc;
	s->commits++;
	s->commit_records += n;
	s->exists += exists;
	atomic_store_explicit(&s->lsn, s->apply.at.next_lsn - 1,
	    memory_order_release);
	pthread_mutex_unlock(&s->mu);

	steme_bounds_init(&all);
	w = steme_world_at(s->globals, &all);
	/* without a world the alias classes are not known: everything may have changed */
	global = w == NULL;
	for (size_t i = 0; i < n; i++) {
		const struct steme_object *o = items[i].o;

		if (!steme_object_is_global(o))
			bump_concept(s, w, o->concept);
		global |= changes_all(s, o);
		gate |= steme_gate_wants(o);
	}
	if (w != NULL)
		steme_world_put(w);
	if (global)
		steme_changes_bump_global(s->changes);
	steme_changes_bump_any(s->changes);
	if (gate)
		steme_gate_load(s->gate, s);
	if (s->on_commit != NULL)
		s->on_commit(s->arg, items, n);
}

/* ---- late ---- */

/* Records read back from the index, with what they point into. */
struct late {
	struct steme_commit_item *items;
	struct steme_record *r;
	struct steme_object *o;
	uint8_t **backing;
	size_t n, cap;
};

static int
late_alloc(struct late *l, size_t n)
{
	l->items = calloc(n, sizeof(*l->items));
	l->r = calloc(n, sizeof(*l->r));
	l->o = calloc(n, sizeof(*l->o));
	l->backing = calloc(n, sizeof(*l->backing));
	l->cap = n;
	return l->items == NULL || l->r == NULL || l->o == NULL ||
	    l->backing == NULL ? STEME_ENOMEM : STEME_OK;
}

static void
late_free(struct late *l)
{
	for (size_t i = 0; l->backing != NULL && i < l->cap; i++)
		free(l->backing[i]);
	free(l->items);
	free(l->r);
	free(l->o);
	free(l->backing);
}

/* What was new about it is not known any more: say that it all was. */
static int
late_add(struct steme_store *s, struct late *l, uint64_t lsn)
{
	struct steme_record *r = &l->r[l->n];
	struct steme_object *o = &l->o[l->n];
	int err = steme_index_record_at(s->gen->ix, lsn, r, &l->backing[l->n]);

	if (err == STEME_ENOTFOUND)
		return STEME_OK;	/* genesis, envelope */
	if (err == STEME_OK)
		err = steme_object_of(o, r, NULL);
	if (err == STEME_OK && steme_globals_wants(o))
		err = steme_globals_add(s->globals, r, o);
	l->items[l->n] = (struct steme_commit_item){ r, o, true, true };
	l->n += err == STEME_OK;
	return err;
}

int
steme_publish_late(struct steme_store *s)
{
	uint64_t from = steme_store_lsn(s) + 1, to = s->apply.at.next_lsn;
	struct late l = {0};
	int err = late_alloc(&l, to - from + 1);

	for (uint64_t lsn = from; lsn < to && err == STEME_OK; lsn++)
		err = late_add(s, &l, lsn);
	if (err == STEME_OK)
		steme_publish(s, l.items, l.n, 0);
	late_free(&l);
	return err;
}
