/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hot.c - answers kept by their URI, used while the daemon's change counters stand
 * (changes.h): a hot query costs no round trip and is never stale.
 *
 * One table for all listener threads: a hash table with a list by last use, bounded in
 * bytes, under one lock that is held for a look-up or an insertion.
 */
#include "config.h"
#include "api/api.h"
#include "api/guard.h"
#include "core/clock.h"
#include "core/util.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN	256
#define ANSWER_MAX	(64 << 10)	/* bytes of an answer worth keeping */
/* A response with its headers, and what malloc() loses: measured with 20,968 answers. */
#define OVERHEAD	2048

struct answer {
	struct answer *chain, *newer, *older;
	uint64_t hash;
	struct MHD_Response *resp;
	struct steme_stamp stamp;
	size_t size, nuri, nconcept;
	bool any;			/* depends on the `any` counter, not the concept's */
	char text[];			/* URI, concept */
};

struct api_hot {
	pthread_mutex_t mu;		/* above the meter's; guards all below */
	struct answer **buckets;
	size_t nbuckets, n;		/* a power of two; answers */
	size_t size, limit;		/* bytes */
	struct answer *newest, *oldest;
	unsigned char key[crypto_shorthash_KEYBYTES];	/* against chosen URIs */
};

struct api_hot *
api_hot_new(size_t limit)
{
	struct api_hot *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->nbuckets = BUCKETS_MIN;
	h->buckets = calloc(h->nbuckets, sizeof(struct answer *));
	if (h->buckets == NULL) {
		free(h);
		return NULL;
	}
	h->limit = limit;
	randombytes_buf(h->key, sizeof(h->key));
	pthread_mutex_init(&h->mu, NULL);
	return h;
}

static void
answer_free(struct answer *a)
{
	if (a->resp != NULL)
		MHD_destroy_response(a->resp);
	free(a);
}

void
api_hot_free(struct api_hot *h)
{
	struct answer *a, *next;

	if (h == NULL)
		return;
	for (a = h->newest; a != NULL; a = next) {
		next = a->older;
		answer_free(a);
	}
	pthread_mutex_destroy(&h->mu);
	free(h->buckets);
	free(h);
}

static uint64_t
hash_uri(const struct api_hot *h, const char *uri, size_t n)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t v;

	crypto_shorthash(out, (const unsigned char *)uri, n, h->key);
	memcpy(&v, out, sizeof(v));
	return v;
}

/* Where the answer to a URI hangs, or would. */
static struct answer **
find_locked(struct api_hot *h, const char *uri, size_t n, uint64_t hash)
{
	struct answer **at = &h->buckets[hash & (h->nbuckets - 1)];

	while (*at != NULL && ((*at)->hash != hash || (*at)->nuri != n ||
	    memcmp((*at)->text, uri, n) != 0))
		at = &(*at)->chain;
	return at;
}

static void
unlist_locked(struct api_hot *h, struct answer *a)
{
	*(a->newer != NULL ? &a->newer->older : &h->newest) = a->older;
	*(a->older != NULL ? &a->older->newer : &h->oldest) = a->newer;
}

static void
list_newest_locked(struct api_hot *h, struct answer *a)
{
	a->newer = NULL;
	a->older = h->newest;
	*(h->newest != NULL ? &h->newest->newer : &h->oldest) = a;
	h->newest = a;
}

static void
drop_locked(struct api_hot *h, struct answer **at)
{
	struct answer *a = *at;

	*at = a->chain;
	unlist_locked(h, a);
	h->size -= a->size;
	h->n--;
	answer_free(a);
}

/* Keeps chains short; without memory they just get longer. */
static void
grow_locked(struct api_hot *h)
{
	size_t n = h->nbuckets * 2;
	struct answer **b, *a;

	if (h->n < h->nbuckets ||
	    (b = calloc(n, sizeof(struct answer *))) == NULL)
		return;
	for (a = h->newest; a != NULL; a = a->older) {
		a->chain = b[a->hash & (n - 1)];
		b[a->hash & (n - 1)] = a;
	}
	free(h->buckets);
	h->buckets = b;
	h->nbuckets = n;
}

static bool
holds(const struct api *api, const struct steme_changes *c, const struct answer *a)
{
	struct steme_str concept = { a->text + a->nuri, a->nconcept };
	struct steme_stamp now = a->any ? steme_changes_stamp_any(c) :
	    steme_changes_stamp(c, concept);

	return steme_stamp_eq(&now, &a->stamp) &&
	    steme_changes_fresh(c, steme_mono_us(&steme_clock_system)) &&
	    steme_aclient_up(api->client);
}

bool
api_hot_reply(struct api_request *r)
{
	const struct steme_changes *c = atomic_load(&r->api->changes);
	struct api_hot *h = r->api->hot;
	size_t n = strlen(r->uri);
	struct answer **at;
	uint64_t hash;
	bool hit = false;

	if (c == NULL)
		return false;
	hash = hash_uri(h, r->uri, n);
	pthread_mutex_lock(&h->mu);
	at = find_locked(h, r->uri, n, hash);
	if (*at != NULL && (hit = holds(r->api, c, *at))) {
		if (h->newest != *at) {
			unlist_locked(h, *at);
			list_newest_locked(h, *at);
		}
		if (!(*at)->any)
			api_guard_concept(r, (struct steme_str){
			    (*at)->text + (*at)->nuri, (*at)->nconcept });
		/* queued under the lock: another thread may drop it at once */
		api_queue_kept(r, (*at)->resp);
	} else if (*at != NULL) {
		drop_locked(h, at);
	}
	pthread_mutex_unlock(&h->mu);
	return hit;
}

static struct answer *
answer_new(const struct api_request *r, size_t nuri, size_t len)
{
	size_t nconcept = r->hot_any ? 0 : r->hot_concept.n;
	size_t size = sizeof(struct answer) + nuri + nconcept;
	struct answer *a = malloc(size);

	if (a == NULL)
		return NULL;
	memset(a, 0, sizeof(*a));
	a->stamp = r->stamp;
	a->any = r->hot_any;
	a->nuri = nuri;
	a->nconcept = nconcept;
	a->size = size + len + OVERHEAD;
	memcpy(a->text, r->uri, nuri);
	if (nconcept > 0)
		memcpy(a->text + nuri, r->hot_concept.p, nconcept);
	return a;
}

bool
api_hot_may_keep(const struct api_request *r, const void *data, size_t len)
{
	static const char stale[] = "\"stale\":true}";
	const size_t tail = sizeof(stale);	/* and a newline */

	/* the storage failed: the counters say nothing of when it is well again */
	if (len >= tail && memmem((const char *)data + len - tail, tail, stale,
	    sizeof(stale) - 1) != NULL)
		return false;
	return r->hot_ok && len <= STEME_MIN(ANSWER_MAX, r->api->hot->limit / 2);
}

bool
api_hot_keep(struct api_request *r, struct MHD_Response *resp, size_t len)
{
	struct api_hot *h = r->api->hot;
	size_t n = strlen(r->uri);
	struct answer *a = answer_new(r, n, len), **at;

	if (a == NULL)
		return false;
	a->resp = resp;
	a->hash = hash_uri(h, r->uri, n);
	pthread_mutex_lock(&h->mu);
	at = find_locked(h, r->uri, n, a->hash);
	if (*at != NULL)
		drop_locked(h, at);
	grow_locked(h);
	at = &h->buckets[a->hash & (h->nbuckets - 1)];
	a->chain = *at;
	*at = a;
	list_newest_locked(h, a);
	h->n++;
	h->size += a->size;
	while (h->size > h->limit && h->oldest != a) {
		const struct answer *o = h->oldest;

		drop_locked(h, find_locked(h, o->text, o->nuri, o->hash));
	}
	/* as in api_hot_reply(); the reference is the table's from here on */
	api_queue_kept(r, resp);
	pthread_mutex_unlock(&h->mu);
	return true;
}
