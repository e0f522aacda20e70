/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle.h - the tree of a batch: leaf = H(0x00 || id), node = H(0x01 || l || r),
 * shape as RFC 6962 section 2.1.  Pure functions, any thread.
 */
#ifndef STEME_MERKLE_H
#define STEME_MERKLE_H

#include "core/err.h"
#include "core/hash.h"

#define STEME_PATH_MAX	12	/* ceil(log2(4,096)) */

struct steme_proof {
	uint32_t index;			/* of the leaf */
	uint32_t count;			/* leaves in the tree */
	unsigned n;			/* hashes in the path, leaf's sibling first */
	struct steme_id path[STEME_PATH_MAX];
};

/*
 * The root over n ids (1..4,096), which must be ascending and distinct:
 * STEME_EINVAL otherwise.
 */
int steme_merkle_root(const struct steme_id *ids, size_t n, struct steme_id *root);
/* The inclusion proof of ids[index]. */
int steme_merkle_prove(const struct steme_id *ids, size_t n, size_t index,
    struct steme_proof *proof);
/*
 * STEME_OK if id is leaf proof->index of the tree with this root; else STEME_ESIG.
 * The shape comes from proof->count: compare it with the count that the batch
 * object signs, as a proof from outside may say anything there.
 */
int steme_merkle_check(const struct steme_proof *proof, const struct steme_id *id,
    const struct steme_id *root);

#endif
