/* SPDX-License-Identifier: Apache-2.0 */
/* sets.c - a hash table of sets, with a list by last use. */
#include "config.h"
#include "core/sets.h"

#include "core/htab.h"
#include "core/util.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN	64
#define BUCKET_BYTES	(128u << 10)	/* about the smallest set */
#define KEY_MAX		(STEME_CONCEPT_MAX + 1 + STEME_SEGMENT_MAX)

struct steme_set {
	struct steme_set *chain;	/* (mu) */
	struct steme_set *newer, *older;	/* (mu) while listed */
	atomic_uint refs;		/* of readers, and one while listed */
	uint32_t hash;
	bool listed, filled;		/* (mu) */
	const struct steme_found **v;	/* (mu) until filled; then v[n..cap) */
	size_t n, cap;			/* (mu) */
	size_t bytes;			/* (mu) counted in steme_sets.bytes */
	struct steme_arena base;	/* of what it was filled with */
	struct steme_arena tail;	/* (mu) of what was added */
	size_t keylen;
	char key[];			/* concept NUL predicate */
};

struct steme_sets {
	pthread_mutex_t mu;		/* leaf: nothing is locked after it */
	struct steme_set **buckets;	/* (mu) */
	size_t nbuckets;		/* a power of two */
	struct steme_set *newest, *oldest;	/* (mu) by last use */
	atomic_size_t nsets;		/* (mu) to write */
	size_t bytes, limit;		/* (mu) */
	uint64_t hits;			/* (mu) */
	uint64_t lsn;			/* (mu) up to here sets have been added to */
};

struct key {
	uint32_t hash;
	size_t n;
	char b[KEY_MAX];
};

static void
make_key(struct key *k, struct steme_str concept, struct steme_str predicate)
{
	memcpy(k->b, concept.p, concept.n);
	k->b[concept.n] = '\0';
	memcpy(k->b + concept.n + 1, predicate.p, predicate.n);
	k->n = concept.n + 1 + predicate.n;
	k->hash = steme_hash_bytes(k->b, k->n);
}

struct steme_sets *
steme_sets_new(size_t limit, uint64_t lsn)
{
	struct steme_sets *s = calloc(1, sizeof(*s));
	size_t n = BUCKETS_MIN;

	if (s == NULL)
		return NULL;
	while (n < limit / BUCKET_BYTES)
		n *= 2;
	if ((s->buckets = calloc(n, sizeof(*s->buckets))) == NULL) {
		free(s);
		return NULL;
	}
	s->nbuckets = n;
	s->limit = limit;
	s->lsn = lsn;
	MUST(pthread_mutex_init(&s->mu, NULL));
	return s;
}

void
steme_set_put(struct steme_set *set)
{
	if (atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
		return;
	steme_arena_fini(&set->base);
	steme_arena_fini(&set->tail);
	free(set->v);
	free(set);
}

/* Lets go of sets that are listed no more. */
static void
put_all(struct steme_set *out)
{
	struct steme_set *next;

	for (; out != NULL; out = next) {
		next = out->chain;
		steme_set_put(out);
	}
}

static struct steme_set **
find_locked(struct steme_sets *s, const struct key *k)
{
	struct steme_set **at = &s->buckets[k->hash & (s->nbuckets - 1)];

	while (*at != NULL && ((*at)->hash != k->hash || (*at)->keylen != k->n ||
	    memcmp((*at)->key, k->b, k->n) != 0))
		at = &(*at)->chain;
	return at;
}

static void
unlink_locked(struct steme_sets *s, struct steme_set *set)
{
	*(set->newer != NULL ? &set->newer->older : &s->newest) = set->older;
	*(set->older != NULL ? &set->older->newer : &s->oldest) = set->newer;
}

static void
link_newest_locked(struct steme_sets *s, struct steme_set *set)
{
	set->newer = NULL;
	set->older = s->newest;
	*(s->newest != NULL ? &s->newest->newer : &s->oldest) = set;
	s->newest = set;
}

/* Nobody finds it any more; *out gets it, to be let go without the lock. */
static void
drop_locked(struct steme_sets *s, struct steme_set *set, struct steme_set **out)
{
	struct steme_set **at = &s->buckets[set->hash & (s->nbuckets - 1)];

	while (*at != set)
		at = &(*at)->chain;
	*at = set->chain;
	unlink_locked(s, set);
	set->listed = false;
	s->bytes -= set->bytes;
	s->nsets--;
	set->chain = *out;
	*out = set;
}

static void
count_locked(struct steme_sets *s, struct steme_set *set)
{
	s->bytes -= set->bytes;
	set->bytes = sizeof(*set) + set->keylen + set->cap * sizeof(*set->v) +
	    set->base.bytes + set->tail.bytes;
	s->bytes += set->bytes;
}

/* One that is too large goes itself, not all the others. */
static void
make_room_locked(struct steme_sets *s, struct steme_set *set, struct steme_set **out)
{
	if (set->bytes > s->limit / 2)
		drop_locked(s, set, out);
	while (s->bytes > s->limit)
		drop_locked(s, s->oldest, out);
}

void
steme_sets_forget(struct steme_sets *s)
{
	struct steme_set *out = NULL;

	MUST(pthread_mutex_lock(&s->mu));
	while (s->oldest != NULL)
		drop_locked(s, s->oldest, &out);
	MUST(pthread_mutex_unlock(&s->mu));
	put_all(out);
}

void
steme_sets_free(struct steme_sets *s)
{
	if (s == NULL)
		return;
	steme_sets_forget(s);
	MUST(pthread_mutex_destroy(&s->mu));
	free(s->buckets);
	free(s);
}

bool
steme_sets_get(struct steme_sets *s, struct steme_str concept,
    struct steme_str predicate, struct steme_claims *out)
{
	struct steme_set *set;
	struct key k;
	bool found;

	/* mostly there are none; not to see one just begun does no harm */
	if (atomic_load_explicit(&s->nsets, memory_order_relaxed) == 0)
		return false;
	make_key(&k, concept, predicate);
	MUST(pthread_mutex_lock(&s->mu));
	set = *find_locked(s, &k);
	found = set != NULL && set->filled;
	if (found) {
		atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
		*out = (struct steme_claims){ set, set->v, set->n };
		s->hits++;
		unlink_locked(s, set);
		link_newest_locked(s, set);
	}
	MUST(pthread_mutex_unlock(&s->mu));
	return found;
}

struct steme_set *
steme_sets_begin(struct steme_sets *s, struct steme_str concept,
    struct steme_str predicate, uint64_t *lsn)
{
	struct steme_set **at, *set, *out = NULL;
	struct key k;

	make_key(&k, concept, predicate);
	if ((set = calloc(1, sizeof(*set) + k.n)) == NULL)
		return NULL;
	atomic_init(&set->refs, 2);
	set->hash = k.hash;
	set->keylen = k.n;
	memcpy(set->key, k.b, k.n);
	set->cap = STEME_SET_MIN;
	if ((set->v = calloc(set->cap, sizeof(*set->v))) == NULL) {
		free(set);
		return NULL;
	}
	MUST(pthread_mutex_lock(&s->mu));
	*lsn = s->lsn;
	if (*(at = find_locked(s, &k)) != NULL) {
		out = set;
	} else {
		*at = set;
		set->listed = true;
		link_newest_locked(s, set);
		s->nsets++;
		count_locked(s, set);
	}
	MUST(pthread_mutex_unlock(&s->mu));
	if (out == NULL)
		return set;
	free(set->v);
	free(set);
	return NULL;
}

void
steme_sets_fill(struct steme_sets *s, struct steme_set *set, struct steme_arena *a,
    const struct steme_found **v, size_t n, size_t cap, struct steme_claims *out)
{
	struct steme_set *gone = NULL;
	const struct steme_found **waiting;

	MUST(pthread_mutex_lock(&s->mu));
	waiting = set->v;
	set->v = v;
	set->base = *a;
	*out = (struct steme_claims){ set, v, n };
	if (set->listed) {
		memcpy(v + n, waiting, set->n * sizeof(*v));
		set->n += n;
		set->cap = cap;
		set->filled = true;
		count_locked(s, set);
		make_room_locked(s, set, &gone);
	}
	MUST(pthread_mutex_unlock(&s->mu));
	free(waiting);
	put_all(gone);
	*a = (struct steme_arena){ NULL, 0 };
}

void
steme_sets_abandon(struct steme_sets *s, struct steme_set *set)
{
	struct steme_set *gone = NULL;

	MUST(pthread_mutex_lock(&s->mu));
	if (set->listed)
		drop_locked(s, set, &gone);
	MUST(pthread_mutex_unlock(&s->mu));
	put_all(gone);
	steme_set_put(set);
}

/* A set that cannot take it is dropped: what is missing in one is never told. */
static void
add_locked(struct steme_sets *s, const struct steme_record *r, const struct key *k,
    struct steme_set **out)
{
	struct steme_set *set = *find_locked(s, k);
	const struct steme_found *f;

	if (set == NULL)
		return;
	if (set->n == set->cap || steme_found_new(&set->tail, r, &f) != STEME_OK) {
		drop_locked(s, set, out);
		return;
	}
	set->v[set->n++] = f;
	count_locked(s, set);
	make_room_locked(s, set, out);
}

/*
 * The lock is given up between two, so that readers get their turn.  A set that is begun
 * in between is told the lsn of the last one added; the index has all of them.
 */
void
steme_sets_add(struct steme_sets *s, const struct steme_commit_item *items, size_t n,
    uint64_t lsn)
{
	struct steme_set *out = NULL;
	bool any = true;
	struct key k;

	for (size_t i = 0; i < n && any; i++) {
		const struct steme_object *o = items[i].o;

		if (o->kind != STEME_ASSERTION)
			continue;
		make_key(&k, o->concept, o->predicate);
		MUST(pthread_mutex_lock(&s->mu));
		any = s->nsets > 0;
		if (any)
			add_locked(s, items[i].r, &k, &out);
		s->lsn = any ? items[i].r->lsn : lsn;
		MUST(pthread_mutex_unlock(&s->mu));
	}
	MUST(pthread_mutex_lock(&s->mu));
	s->lsn = lsn;
	MUST(pthread_mutex_unlock(&s->mu));
	put_all(out);
}

void
steme_sets_stats(struct steme_sets *s, struct steme_sets_stats *out)
{
	MUST(pthread_mutex_lock(&s->mu));
	*out = (struct steme_sets_stats){ s->nsets, s->bytes, s->limit,
	    s->hits };
	MUST(pthread_mutex_unlock(&s->mu));
}
