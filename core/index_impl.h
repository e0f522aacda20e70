/* SPDX-License-Identifier: Apache-2.0 */
/* index_impl.h - what the kinds of index share; for core/index_*.c only. */
#ifndef STEME_INDEX_IMPL_H
#define STEME_INDEX_IMPL_H

#include "core/index.h"

#include <string.h>

/*
 * One operation of a batch, in place; the pointers die with the next put.
 * Returns false at the end.  *pos starts at 0.
 */
struct steme_batch_op {
	bool del;
	const uint8_t *key;
	size_t klen;
	const uint8_t *val;
	size_t vlen;
};
bool steme_batch_next(const struct steme_batch *b, size_t *pos,
    struct steme_batch_op *op);
/* Bytes of keys and values. */
size_t steme_batch_bytes(const struct steme_batch *b);
/* Empties b; keeps its memory unless that grew very large. */
void steme_batch_clear(struct steme_batch *b);

/* Order by bytes, a prefix first: the order of every kind. */
static inline int
steme_key_cmp(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	size_t n = an < bn ? an : bn;
	int c = n == 0 ? 0 : memcmp(a, b, n);

	return c != 0 ? c : (an > bn) - (an < bn);
}

#endif
