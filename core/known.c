/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known.c - what is known to be in the index, as 128-bit keyed hashes in an open
 * table.  The key is random per process, so nobody can aim for a collision.
 */
#include "config.h"
#include "core/apply.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CONCEPT_BIT	16	/* beside the flags: a concept's slot */
#define FLAG_BITS	UINT64_C(31)

_Static_assert(crypto_shorthash_siphashx24_BYTES == 16, "two words");

/* Empty: a and b are 0.  The flags are the low bits of b. */
struct slot {
	uint64_t a, b;
	uint64_t v;
};

/* The hash asked for last: who asks for a thing often adds it next. */
struct memo {
	size_t n;
	struct slot h;
	uint8_t in[1 + STEME_CONCEPT_MAX + 1 + STEME_SEGMENT_MAX];
};

struct steme_known {
	struct slot *slots;
	size_t nslots, used;
	size_t limit;			/* of used: full */
	bool lost;			/* something that could not be added */
	struct memo memo[2];		/* of concepts, and of all else */
	uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
};

struct steme_known *
steme_known_new(size_t slots)
{
	struct steme_known *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->slots = calloc(slots, sizeof(*k->slots));
	if (k->slots == NULL) {
		free(k);
		return NULL;
	}
	k->nslots = slots;
	k->limit = slots / 2;
	randombytes_buf(k->key, sizeof(k->key));
	return k;
}

void
steme_known_free(struct steme_known *k)
{
	if (k == NULL)
		return;
	free(k->slots);
	free(k);
}

static struct slot
hash_of(struct steme_known *k, char family, struct steme_str a, struct steme_str b)
{
	struct memo *m = &k->memo[family != 'N'];
	uint8_t in[1 + STEME_CONCEPT_MAX + 1 + STEME_SEGMENT_MAX];
	size_t n = 0;
	uint64_t out[2];

	/* what is longer than any concept or name does not come here */
	in[n++] = (uint8_t)family;
	memcpy(in + n, a.p, a.n);
	n += a.n;
	if (b.p != NULL) {
		in[n++] = 0;
		memcpy(in + n, b.p, b.n);
		n += b.n;
	}
	if (n == m->n && memcmp(in, m->in, n) == 0)
		return m->h;
	crypto_shorthash_siphashx24((unsigned char *)out, in, n, k->key);
	m->h = (struct slot){ out[0], out[1] & ~FLAG_BITS, 0 };
	memcpy(m->in, in, n);
	m->n = n;
	return m->h;
}

static struct slot *
find(struct slot *slots, size_t nslots, const struct slot *h)
{
	size_t i = (size_t)h->a & (nslots - 1);

	while ((slots[i].a | slots[i].b) != 0 &&
	    (slots[i].a != h->a || (slots[i].b & ~FLAG_BITS) != h->b))
		i = (i + 1) & (nslots - 1);
	return &slots[i];
}

unsigned
steme_known_get(struct steme_known *k, char family, struct steme_str a,
    struct steme_str b, uint64_t *v)
{
	struct slot h = hash_of(k, family, a, b);
	const struct slot *s = find(k->slots, k->nslots, &h);

	if (v != NULL)
		*v = s->v;
	return (unsigned)(s->b & FLAG_BITS & ~(uint64_t)CONCEPT_BIT) &
	    ~(k->lost ? STEME_KNOWN_COMPLETE | STEME_KNOWN_YOUNG : 0u);
}

/* Into a table of n slots: all, or concepts only.  False: no memory, nothing happened. */
static bool
move(struct steme_known *k, size_t n, bool all)
{
	struct slot *to = calloc(n, sizeof(*to));

	if (to == NULL)
		return false;
	k->used = 0;
	for (size_t i = 0; i < k->nslots; i++) {
		struct slot h = k->slots[i];

		if ((h.a | h.b) == 0 || (!all && !(h.b & CONCEPT_BIT)))
			continue;
		h.b &= ~FLAG_BITS;
		*find(to, n, &h) = k->slots[i];
		k->used++;
	}
	free(k->slots);
	k->slots = to;
	k->nslots = n;
	return true;
}

int
steme_known_add(struct steme_known *k, char family, struct steme_str a,
    struct steme_str b, unsigned flags, uint64_t v)
{
	struct slot h = hash_of(k, family, a, b), *s;

	if (k->used >= k->nslots / 4 * 3)
		move(k, k->nslots * 2, true);
	s = find(k->slots, k->nslots, &h);
	if ((s->b & FLAG_BITS) == 0) {
		/* One slot stays empty, or find() would never end. */
		if (k->used + 2 > k->nslots) {
			k->lost = true;
			return STEME_ENOMEM;
		}
		k->used++;
		*s = h;
	}
	s->b |= flags | STEME_KNOWN | (family == 'N' ? CONCEPT_BIT : 0);
	s->v = v;
	return STEME_OK;
}

bool
steme_known_full(const struct steme_known *k)
{
	return k->used >= k->limit;
}

bool
steme_known_trim(struct steme_known *k)
{
	size_t concepts = 0;

	if (k->lost)
		return false;
	for (size_t i = 0; i < k->nslots; i++)
		concepts += (k->slots[i].b & CONCEPT_BIT) != 0;
	/* a quarter of the room must be won, or this would be done all the time */
	if (concepts > k->limit / 4 * 3 || !move(k, k->nslots, false))
		return false;
	/* one without assertions has no predicate that could be missing */
	for (size_t i = 0; i < k->nslots; i++)
		if (k->slots[i].b & STEME_KNOWN_ASSERTIONS)
			k->slots[i].b &= ~(uint64_t)STEME_KNOWN_COMPLETE;
	return true;
}

void
steme_known_clear(struct steme_known *k)
{
	memset(k->slots, 0, k->nslots * sizeof(*k->slots));
	k->used = 0;
	k->lost = false;
}
