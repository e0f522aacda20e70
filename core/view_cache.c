/* SPDX-License-Identifier: Apache-2.0 */
/* view_cache.c - a sharded hash table with a list by last use in each shard. */
#include "config.h"
#include "core/view_cache.h"

#include "core/util.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>

#define SHARDS_MAX	64
#define SHARD_BYTES	(1 << 20)	/* no shard smaller than this, if it can be */
#define BUCKETS_MIN	64
#define MALLOC_OVERHEAD	16

struct shard {
	pthread_mutex_t mu;		/* leaf: nothing is locked after it */
	struct steme_ventry **buckets;	/* (mu) */
	size_t nbuckets;		/* (mu) a power of two */
	struct steme_ventry *newest, *oldest;	/* (mu) by last use */
	uint64_t entries, bytes;	/* (mu) bytes with the buckets */
	uint64_t hits, misses, evictions;	/* (mu) */
} __attribute__((aligned(64)));

struct steme_vcache {
	unsigned char siphash[crypto_shorthash_KEYBYTES];	/* against chosen keys */
	size_t limit, shard_limit;
	unsigned nshards;		/* a power of two */
	struct shard shards[];
};

struct steme_ventry *
steme_ventry_new(struct steme_vkey key, const struct steme_view *view,
    struct steme_str source, struct steme_str data)
{
	size_t size = sizeof(struct steme_ventry) + key.n + source.n + 1 + data.n;
	struct steme_ventry *e;
	uint8_t *p;

	if ((e = malloc(size)) == NULL)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->view = *view;
	atomic_init(&e->refs, 1);
	e->keylen = key.n;
	e->bytes = size + MALLOC_OVERHEAD;
	p = e->store;
	memcpy(p, key.p, key.n);
	p += key.n;
	e->view.source = (const char *)p;
	if (source.n > 0)
		memcpy(p, source.p, source.n);
	p[source.n] = '\0';
	p += source.n + 1;
	e->view.data = p;
	e->view.len = data.n;
	if (data.n > 0)
		memcpy(p, data.p, data.n);
	return e;
}

void
steme_ventry_put(struct steme_ventry *e)
{
	if (e != NULL && atomic_fetch_sub_explicit(&e->refs, 1,
	    memory_order_acq_rel) == 1)
		free(e);
}

static void
entry_ref(struct steme_ventry *e)
{
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
}

static uint32_t
coarse_now(void)
{
	struct timespec ts;

	/* a second is exact enough for max_age_s, and this costs 5 ns */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)ts.tv_sec;
}

int
steme_vcache_new(struct steme_vcache **out, size_t limit)
{
	struct steme_vcache *c;
	unsigned n = 1;
	size_t size;

	*out = NULL;
	while (n < SHARDS_MAX && limit / (n * 2) >= SHARD_BYTES)
		n *= 2;
	size = sizeof(*c) + n * sizeof(c->shards[0]);
	size = (size + 63) & ~(size_t)63;
	if ((c = aligned_alloc(64, size)) == NULL)
		return STEME_ENOMEM;
	memset(c, 0, size);
	randombytes_buf(c->siphash, sizeof(c->siphash));
	c->limit = limit;
	c->shard_limit = limit / n;
	c->nshards = n;
	for (unsigned i = 0; i < n; i++)
		MUST(pthread_mutex_init(&c->shards[i].mu, NULL));
	*out = c;
	return STEME_OK;
}

void
steme_vcache_free(struct steme_vcache *c)
{
	struct steme_ventry *e, *next;

	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->nshards; i++) {
		struct shard *s = &c->shards[i];

		for (e = s->newest; e != NULL; e = next) {
			next = e->older;
			steme_ventry_put(e);
		}
		free(s->buckets);
		MUST(pthread_mutex_destroy(&s->mu));
	}
	free(c);
}

static uint64_t
hash_key(const struct steme_vcache *c, struct steme_vkey key)
{
	unsigned char h[crypto_shorthash_BYTES];
	uint64_t v;

	crypto_shorthash(h, key.p, key.n, c->siphash);
	memcpy(&v, h, sizeof(v));
	return v;
}

static struct shard *
shard_of(struct steme_vcache *c, uint64_t hash)
{
	return &c->shards[(hash >> 56) & (c->nshards - 1)];
}

static struct steme_ventry **
find_locked(struct shard *s, struct steme_vkey key, uint64_t hash)
{
	struct steme_ventry **at;

	if (s->buckets == NULL)
		return NULL;
	for (at = &s->buckets[hash & (s->nbuckets - 1)]; *at != NULL;
	    at = &(*at)->chain)
		if ((*at)->hash == hash && (*at)->keylen == key.n &&
		    memcmp((*at)->store, key.p, key.n) == 0)
			return at;
	return NULL;
}

static void
unlist_locked(struct shard *s, struct steme_ventry *e)
{
	*(e->newer != NULL ? &e->newer->older : &s->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &s->oldest) = e->newer;
}

static void
list_newest_locked(struct shard *s, struct steme_ventry *e)
{
	e->newer = NULL;
	e->older = s->newest;
	*(s->newest != NULL ? &s->newest->newer : &s->oldest) = e;
	s->newest = e;
}

enum want { FRESH, AT_LSN, OLD };

static bool
is_wanted(const struct steme_ventry *e, enum want want,
    const struct steme_stamp *stamp, uint64_t n)
{
	switch (want) {
	case FRESH:
		return steme_stamp_eq(&e->stamp, stamp);
	case AT_LSN:
		return e->view.version <= n && n <= e->rendered_lsn;
	case OLD:
		break;
	}
	return coarse_now() - e->good_s <= n;
}

static struct steme_ventry *
get(struct steme_vcache *c, struct steme_vkey key, enum want want,
    const struct steme_stamp *stamp, uint64_t n)
{
	uint64_t hash = hash_key(c, key);
	struct shard *s = shard_of(c, hash);
	struct steme_ventry **at, *e = NULL;

	MUST(pthread_mutex_lock(&s->mu));
	at = find_locked(s, key, hash);
	if (at != NULL && is_wanted(*at, want, stamp, n)) {
		e = *at;
		entry_ref(e);
		s->hits++;
		if (want == FRESH)
			e->good_s = coarse_now();
		if (s->newest != e) {
			unlist_locked(s, e);
			list_newest_locked(s, e);
		}
	} else if (want == FRESH) {
		s->misses++;
	}
	MUST(pthread_mutex_unlock(&s->mu));
	return e;
}

struct steme_ventry *
steme_vcache_get(struct steme_vcache *c, struct steme_vkey key,
    const struct steme_stamp *stamp)
{
	return get(c, key, FRESH, stamp, 0);
}

struct steme_ventry *
steme_vcache_get_at(struct steme_vcache *c, struct steme_vkey key, uint64_t lsn)
{
	return get(c, key, AT_LSN, NULL, lsn);
}

struct steme_ventry *
steme_vcache_get_old(struct steme_vcache *c, struct steme_vkey key, uint32_t max_age_s)
{
	return get(c, key, OLD, NULL, max_age_s);
}

static struct steme_ventry *
remove_locked(struct shard *s, struct steme_ventry **at)
{
	struct steme_ventry *e = *at;

	*at = e->chain;
	unlist_locked(s, e);
	s->bytes -= e->bytes;
	s->entries--;
	return e;
}

/* Keeps chains short; without memory they just get longer. */
static void
grow_locked(struct shard *s)
{
	size_t n = s->nbuckets == 0 ? BUCKETS_MIN : s->nbuckets * 2;
	struct steme_ventry **b, *e, *next;

	if (s->entries < s->nbuckets ||
	    (b = calloc(n, sizeof(struct steme_ventry *))) == NULL)
		return;
	for (size_t i = 0; i < s->nbuckets; i++)
		for (e = s->buckets[i]; e != NULL; e = next) {
			next = e->chain;
			e->chain = b[e->hash & (n - 1)];
			b[e->hash & (n - 1)] = e;
		}
	free(s->buckets);
	s->bytes += (n - s->nbuckets) * sizeof(struct steme_ventry *);
	s->buckets = b;
	s->nbuckets = n;
}

void
steme_vcache_put(struct steme_vcache *c, struct steme_ventry *e)
{
	struct steme_vkey key = { e->store, e->keylen };
	struct steme_ventry **at, *out = NULL, *gone;
	struct shard *s;

	e->hash = hash_key(c, key);
	s = shard_of(c, e->hash);
	if (e->bytes > c->shard_limit / 2)
		return;
	MUST(pthread_mutex_lock(&s->mu));
	grow_locked(s);
	at = find_locked(s, key, e->hash);
	if (s->buckets == NULL || (at != NULL &&
	    (*at)->rendered_lsn > e->rendered_lsn))
		goto unlock;		/* another thread was later */
	if (at != NULL) {
		out = remove_locked(s, at);
		out->chain = NULL;
	}
	entry_ref(e);
	e->good_s = coarse_now();
	at = &s->buckets[e->hash & (s->nbuckets - 1)];
	e->chain = *at;
	*at = e;
	list_newest_locked(s, e);
	s->entries++;
	s->bytes += e->bytes;
	while (s->bytes > c->shard_limit && s->oldest != e) {
		gone = s->oldest;
		at = find_locked(s, (struct steme_vkey){ gone->store,
		    gone->keylen }, gone->hash);
		remove_locked(s, at);
		gone->chain = out;
		out = gone;
		s->evictions++;
	}
unlock:
	MUST(pthread_mutex_unlock(&s->mu));
	for (; out != NULL; out = gone) {
		gone = out->chain;
		steme_ventry_put(out);
	}
}

void
steme_vcache_stats(struct steme_vcache *c, struct steme_views_stats *out)
{
	memset(out, 0, sizeof(*out));
	out->limit = c->limit;
	for (unsigned i = 0; i < c->nshards; i++) {
		struct shard *s = &c->shards[i];

		MUST(pthread_mutex_lock(&s->mu));
		out->hits += s->hits;
		out->misses += s->misses;
		out->evictions += s->evictions;
		out->bytes += s->bytes;
		out->entries += s->entries;
		MUST(pthread_mutex_unlock(&s->mu));
	}
}
