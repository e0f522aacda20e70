/* SPDX-License-Identifier: Apache-2.0 */
/*
 * found.h - claims as they were found in the index: parsed once, side by side in an arena,
 * never changed.  Candidates of a view point to them.  Private to the store.
 *
 * Arenas: one thread at a time.
 */
#ifndef STEME_FOUND_H
#define STEME_FOUND_H

#include "core/record.h"

/* Memory that is given back as a whole.  Zero-initialise. */
struct steme_arena {
	struct steme_chunk *newest;
	size_t bytes;			/* taken */
};

/* n bytes, aligned for anything, or NULL. */
void *steme_arena_take(struct steme_arena *a, size_t n);
/* An arena that is freed may be used again. */
void steme_arena_fini(struct steme_arena *a);

/*
 * The object is cut behind what it uses of its lists, most of which are empty: a third of
 * the memory.  So it is read through the pointer, and never copied whole.
 */
struct steme_found {
	const struct steme_object *o;	/* it and its bytes lie in the arena */
	struct steme_id id;
	uint64_t lsn, hlc, node;
};

/* A copy of the record r of an object.  STEME_OK, STEME_ENOMEM or STEME_ECORRUPT. */
int steme_found_new(struct steme_arena *a, const struct steme_record *r,
    const struct steme_found **out);

#endif
