/* SPDX-License-Identifier: Apache-2.0 */
/* found.c - chunks of memory, and claims in them. */
#include "config.h"
#include "core/found.h"

#include "core/util.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_FIRST	(16u << 10)
#define CHUNK_NEXT	(120u << 10)

struct steme_chunk {
	struct steme_chunk *next;
	size_t used, cap;
	_Alignas(16) uint8_t data[];
};

void *
steme_arena_take(struct steme_arena *a, size_t n)
{
	struct steme_chunk *k = a->newest;
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (k == NULL || k->cap - k->used < n) {
		/*
		 * Few large ones for what is large: freed, they teach malloc() to keep
		 * that much, and the next such read has its pages already.
		 */
		size_t cap = k == NULL ? CHUNK_FIRST : STEME_MAX(CHUNK_NEXT, a->bytes);

		cap = STEME_MAX(cap, n);
		if ((k = malloc(sizeof(*k) + cap)) == NULL)
			return NULL;
		k->used = 0;
		k->cap = cap;
		k->next = a->newest;
		a->newest = k;
	}
	p = k->data + k->used;
	k->used += n;
	a->bytes += n;
	return p;
}

void
steme_arena_fini(struct steme_arena *a)
{
	struct steme_chunk *k, *next;

	for (k = a->newest; k != NULL; k = next) {
		next = k->next;
		free(k);
	}
	*a = (struct steme_arena){ NULL, 0 };
}

/* How many bytes of o are in use. */
static size_t
used(const struct steme_object *o)
{
	if (o->nmeta > 0)
		return offsetof(struct steme_object, meta) +
		    o->nmeta * sizeof(o->meta[0]);
	return offsetof(struct steme_object, supersedes) +
	    o->nsupersedes * sizeof(o->supersedes[0]);
}

int
steme_found_new(struct steme_arena *a, const struct steme_record *r,
    const struct steme_found **out)
{
	struct steme_found *f = steme_arena_take(a, sizeof(*f));
	char *bytes = steme_arena_take(a, r->bytes.n);
	struct steme_object o;
	void *cut;

	if (f == NULL || bytes == NULL)
		return STEME_ENOMEM;
	memcpy(bytes, r->bytes.p, r->bytes.n);
	if (steme_object_parse(&o, bytes, r->bytes.n, NULL) != STEME_OK)
		return STEME_ECORRUPT;
	if ((cut = steme_arena_take(a, used(&o))) == NULL)
		return STEME_ENOMEM;
	memcpy(cut, &o, used(&o));
	f->o = cut;
	f->id = r->id;
	f->lsn = r->lsn;
	f->hlc = r->hlc;
	f->node = r->node;
	*out = f;
	return STEME_OK;
}
