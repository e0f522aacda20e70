/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hotpaths.c - a space-saving sketch with fading counts.
 *
 * Counts fade forward: instead of making old ones smaller, an event at time t weighs
 * exp((t - start) / TAU), so counts stay comparable untouched; now and then all are
 * scaled back.  The names are a min-heap by weight.
 */
#include "config.h"
#include "api/hotpaths.h"
#include "core/htab.h"
#include "core/util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TAU_US		60e6
#define GAIN_STALE_US	10000		/* exp() is asked again after that */
#define SCALE_AT	500.0		/* exponent; a double takes 709 */

struct entry {
	char *name;
	size_t n;
	uint32_t hash;
	unsigned next;			/* in its bucket; NONE */
	unsigned heap;			/* its place there */
	int tag;
	double weight, error;
};

#define NONE	UINT32_MAX

struct api_hotpaths {
	unsigned cap, n, mask;
	struct entry *entries;
	unsigned *heap, *buckets;
	int64_t start_us, gain_us;
	double gain, total;
};

struct api_hotpaths *
api_hotpaths_new(unsigned cap, int64_t now_us)
{
	struct api_hotpaths *h = calloc(1, sizeof(*h));
	unsigned nb = 16;

	while (nb < cap * 2)
		nb *= 2;
	if (h == NULL)
		return NULL;
	h->cap = cap;
	h->mask = nb - 1;
	h->entries = calloc(cap, sizeof(*h->entries));
	h->heap = calloc(cap, sizeof(*h->heap));
	h->buckets = malloc(nb * sizeof(*h->buckets));
	if (h->entries == NULL || h->heap == NULL || h->buckets == NULL) {
		api_hotpaths_free(h);
		return NULL;
	}
	memset(h->buckets, 0xff, nb * sizeof(*h->buckets));
	h->start_us = h->gain_us = now_us;
	h->gain = 1;
	return h;
}

void
api_hotpaths_free(struct api_hotpaths *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->n; i++)
		free(h->entries[i].name);
	free(h->entries);
	free(h->heap);
	free(h->buckets);
	free(h);
}

/* ---- the heap: the least asked is at 0 ---- */

static double
weight_at(const struct api_hotpaths *h, unsigned place)
{
	return h->entries[h->heap[place]].weight;
}

static void
swap_places(struct api_hotpaths *h, unsigned a, unsigned b)
{
	unsigned t = h->heap[a];

	h->heap[a] = h->heap[b];
	h->heap[b] = t;
	h->entries[h->heap[a]].heap = a;
	h->entries[h->heap[b]].heap = b;
}

static void
sift_down(struct api_hotpaths *h, unsigned i)
{
	for (unsigned c; (c = 2 * i + 1) < h->n; i = c) {
		if (c + 1 < h->n && weight_at(h, c + 1) < weight_at(h, c))
			c++;
		if (weight_at(h, i) <= weight_at(h, c))
			return;
		swap_places(h, i, c);
	}
}

static void
sift_up(struct api_hotpaths *h, unsigned i)
{
	for (; i > 0 && weight_at(h, i) < weight_at(h, (i - 1) / 2); i = (i - 1) / 2)
		swap_places(h, i, (i - 1) / 2);
}

/* ---- names ---- */

static struct entry *
find(const struct api_hotpaths *h, struct steme_str name, uint32_t hash)
{
	for (unsigned i = h->buckets[hash & h->mask]; i != NONE;
	    i = h->entries[i].next) {
		struct entry *e = &h->entries[i];

		if (e->hash == hash && e->n == name.n &&
		    memcmp(e->name, name.p, name.n) == 0)
			return e;
	}
	return NULL;
}

static void
unlink_entry(struct api_hotpaths *h, unsigned at)
{
	unsigned *p = &h->buckets[h->entries[at].hash & h->mask];

	while (*p != at)
		p = &h->entries[*p].next;
	*p = h->entries[at].next;
}

/* ---- time ---- */

static double
gain_at(const struct api_hotpaths *h, int64_t now_us)
{
	return exp((double)(now_us - h->start_us) / TAU_US);
}

static void
scale_back(struct api_hotpaths *h, int64_t now_us)
{
	double by = exp(-(double)(now_us - h->start_us) / TAU_US);

	for (unsigned i = 0; i < h->n; i++) {
		h->entries[i].weight *= by;
		h->entries[i].error *= by;
	}
	h->total *= by;
	h->start_us = now_us;
}

static void
advance(struct api_hotpaths *h, int64_t now_us)
{
	if (now_us - h->gain_us < GAIN_STALE_US)
		return;
	if ((double)(now_us - h->start_us) / TAU_US > SCALE_AT)
		scale_back(h, now_us);
	h->gain_us = now_us;
	h->gain = gain_at(h, now_us);
}

/* A place for a new name: a free one, or that of the least asked. */
static unsigned
place_for(struct api_hotpaths *h)
{
	unsigned at;

	if (h->n < h->cap) {
		at = h->n++;
		h->entries[at].heap = at;
		h->heap[at] = at;
		return at;
	}
	at = h->heap[0];
	unlink_entry(h, at);
	free(h->entries[at].name);
	h->entries[at].error = h->entries[at].weight;
	return at;
}

int
api_hotpaths_note(struct api_hotpaths *h, struct steme_str name, int64_t now_us,
    int (*tag)(struct steme_str name))
{
	uint32_t hash = steme_hash_str(name);
	struct entry *e = find(h, name, hash);
	unsigned at;
	char *copy;

	advance(h, now_us);
	h->total += h->gain;
	if (e != NULL) {
		e->weight += h->gain;
		sift_down(h, e->heap);
		return e->tag;
	}
	if ((copy = malloc(name.n + 1)) == NULL)
		return tag(name);
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	at = place_for(h);
	e = &h->entries[at];
	e->name = copy;
	e->n = name.n;
	e->hash = hash;
	e->tag = tag(name);
	e->weight += h->gain;
	e->next = h->buckets[hash & h->mask];
	h->buckets[hash & h->mask] = at;
	sift_up(h, e->heap);
	sift_down(h, e->heap);
	return e->tag;
}

/* Most asked first; those asked alike by name. */
static bool
goes_before(const struct api_hotpath *x, const struct api_hotpath *y)
{
	if (x->rate != y->rate)
		return x->rate > y->rate;
	return steme_str_cmp(x->name, y->name) < 0;
}

/* How many of the first n, which are in order, go before p. */
static unsigned
place_of(const struct api_hotpath *p, const struct api_hotpath *first, unsigned n)
{
	unsigned lo = 0, hi = n;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (goes_before(p, &first[mid]))
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

unsigned
api_hotpaths_top(const struct api_hotpaths *h, int64_t now_us,
    struct api_hotpath *out, unsigned n)
{
	double per_s = 1e6 / (gain_at(h, now_us) * TAU_US);
	unsigned have = 0, at;

	for (unsigned i = 0; i < h->n; i++) {
		const struct entry *e = &h->entries[i];
		struct api_hotpath p = { { e->name, e->n },
		    (e->weight - e->error) * per_s };

		if ((at = place_of(&p, out, have)) == n)
			continue;
		have = STEME_MIN(have + 1, n);
		memmove(&out[at + 1], &out[at], (have - at - 1) * sizeof(*out));
		out[at] = p;
	}
	return have;
}

double
api_hotpaths_total(const struct api_hotpaths *h, int64_t now_us)
{
	return h->total * 1e6 / (gain_at(h, now_us) * TAU_US);
}
