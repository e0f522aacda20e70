/* SPDX-License-Identifier: Apache-2.0 */
/*
 * htab.h - a hash table of positions in somebody else's array.  It keeps (hash,
 * position) pairs; what they mean, and when two are equal, is the caller's.
 * The hash is keyed with random bytes of this process, so that nobody can choose names
 * or keys that collide.  Never let its order show in a result.
 *
 * Readers may run side by side; adding needs the table to itself.
 */
#ifndef STEME_HTAB_H
#define STEME_HTAB_H

#include "core/err.h"
#include "core/hash.h"
#include "core/str.h"

#define STEME_HTAB_NONE	UINT32_MAX

struct steme_hslot {
	uint32_t hash, at;	/* at: position + 1; 0 is an empty slot */
};

/* Zero is an empty table. */
struct steme_htab {
	struct steme_hslot *slots;
	uint32_t mask, n;
};

uint32_t steme_hash_bytes(const void *data, size_t n);
uint32_t steme_hash_id(const struct steme_id *id);

static inline uint32_t
steme_hash_str(struct steme_str s)
{
	return steme_hash_bytes(s.p, s.n);
}

void steme_htab_fini(struct steme_htab *t);
/* Adds position `at` (below UINT32_MAX - 1).  STEME_OK or STEME_ENOMEM. */
int steme_htab_add(struct steme_htab *t, uint32_t hash, uint32_t at);

/* The positions with this hash, one after the other; *i starts at hash. */
static inline uint32_t
steme_htab_next(const struct steme_htab *t, uint32_t hash, uint32_t *i)
{
	const struct steme_hslot *s;

	if (t->n == 0)
		return STEME_HTAB_NONE;
	while ((s = &t->slots[*i & t->mask])->at != 0) {
		++*i;
		if (s->hash == hash)
			return s->at - 1;
	}
	return STEME_HTAB_NONE;
}

#endif
