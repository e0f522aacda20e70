/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle.c - the tree of a batch.  RFC 6962 splits n leaves at the largest power
 * of two below n; adding leaves from the left and joining equal heights as they
 * meet gives the same tree without recursion or memory.
 */
#include "config.h"
#include "core/merkle.h"
#include "core/object.h"

#define LEAF	0x00
#define NODE	0x01

static bool
ascending(const struct steme_id *ids, size_t n)
{
	if (n < 1 || n > STEME_BATCH_MAX)
		return false;
	for (size_t i = 1; i < n; i++)
		if (steme_id_cmp(&ids[i - 1], &ids[i]) >= 0)
			return false;
	return true;
}

/* The root over 1..STEME_BATCH_MAX ids. */
static struct steme_id
root_of(const struct steme_id *ids, size_t n)
{
	struct steme_id stack[STEME_PATH_MAX + 1];
	unsigned depth = 0;

	for (size_t i = 0; i < n; i++) {
		stack[depth++] = steme_hash_node(LEAF, &ids[i], NULL);
		/* As many joins as the binary count of leaves carries. */
		for (size_t k = i + 1; (k & 1) == 0; k >>= 1) {
			depth--;
			stack[depth - 1] = steme_hash_node(NODE,
			    &stack[depth - 1], &stack[depth]);
		}
	}
	for (; depth > 1; depth--)
		stack[depth - 2] = steme_hash_node(NODE, &stack[depth - 2],
		    &stack[depth - 1]);
	return stack[0];
}

int
steme_merkle_root(const struct steme_id *ids, size_t n, struct steme_id *root)
{
	if (!ascending(ids, n))
		return STEME_EINVAL;
	*root = root_of(ids, n);
	return STEME_OK;
}

int
steme_merkle_prove(const struct steme_id *ids, size_t n, size_t index,
    struct steme_proof *proof)
{
	struct steme_id down[STEME_PATH_MAX];
	unsigned depth = 0;
	size_t lo = 0, hi = n, k;

	if (!ascending(ids, n) || index >= n)
		return STEME_EINVAL;
	while (hi - lo > 1) {
		for (k = 1; 2 * k < hi - lo; k *= 2)
			;
		if (index < lo + k) {
			down[depth++] = root_of(ids + lo + k, hi - lo - k);
			hi = lo + k;
		} else {
			down[depth++] = root_of(ids + lo, k);
			lo += k;
		}
	}
	memset(proof, 0, sizeof(*proof));
	proof->index = (uint32_t)index;
	proof->count = (uint32_t)n;
	proof->n = depth;
	for (unsigned i = 0; i < depth; i++)
		proof->path[i] = down[depth - 1 - i];
	return STEME_OK;
}

int
steme_merkle_check(const struct steme_proof *proof, const struct steme_id *id,
    const struct steme_id *root)
{
	struct steme_id r = steme_hash_node(LEAF, id, NULL);
	uint32_t i = proof->index, last = proof->count - 1;
	unsigned used = 0;

	if (proof->count < 1 || proof->count > STEME_BATCH_MAX ||
	    i > last || proof->n > STEME_PATH_MAX)
		return STEME_ESIG;
	/* Upwards a level at a time; a last node without a sibling moves up as it is. */
	for (; last > 0; i >>= 1, last >>= 1) {
		if ((i & 1) == 0 && i == last)
			continue;
		if (used == proof->n)
			return STEME_ESIG;
		r = (i & 1) != 0 ?
		    steme_hash_node(NODE, &proof->path[used], &r) :
		    steme_hash_node(NODE, &r, &proof->path[used]);
		used++;
	}
	return used == proof->n && steme_id_eq(&r, root) ? STEME_OK :
	    STEME_ESIG;
}
