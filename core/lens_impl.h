/* SPDX-License-Identifier: Apache-2.0 */
/* lens_impl.h - what the lens files share.  Not for other modules. */
#ifndef STEME_LENS_IMPL_H
#define STEME_LENS_IMPL_H

#include "core/lens.h"

/* Up to this many candidates no memory is allocated. */
#define LENS_SMALL	16

/*
 * Who speaks for which value: of each agent its newest assertion (then lower id), grouped
 * by equal values.  Group g is idx[start[g]] to idx[start[g + 1] - 1], with the
 * sum of confidences weight[g].  The order of the groups and in them is not settled.
 */
struct voices {
	uint32_t n, k;			/* voices, values */
	uint32_t *idx, *start;
	int64_t *weight;
	void *heap;
	uint32_t small_idx[LENS_SMALL], small_start[LENS_SMALL + 1];
	int64_t small_weight[LENS_SMALL];
};

/* Among c[sub[0..n-1]], or c[0..n-1] if sub is NULL.  STEME_OK or STEME_ENOMEM. */
int steme_voices_init(struct voices *v, const struct steme_cand *c, const uint32_t *sub,
    uint32_t n);
void steme_voices_fini(struct voices *v);
/* The conflict score of c[sub[..]]: 0 for one value. */
int steme_voices_conflict(const struct steme_cand *c, const uint32_t *sub, uint32_t n,
    int32_t *conflict);
/* Total order of values, 0 if steme_value_eq(). */
int steme_value_cmp(const struct steme_object *a, const struct steme_object *b);

/* Newest, then lower id. */
static inline int
cand_later(const struct steme_cand *a, const struct steme_cand *b)
{
	if (a->rank_us != b->rank_us)
		return a->rank_us > b->rank_us ? -1 : 1;
	return steme_id_cmp(&a->id, &b->id);
}

/* part/whole in 1/10,000, half up; part <= whole, whole > 0. */
static inline int32_t
share_of(int64_t part, int64_t whole)
{
	__int128 t = (__int128)part * (2 * STEME_ONE) + whole;

	return (int32_t)(t / (2 * (__int128)whole));
}

/* Confidence times trust, in 1/10^13, and that in 1/10,000, half up. */
static inline int64_t
authority_of(const struct steme_lens_ctx *ctx, const struct steme_cand *c)
{
	return (int64_t)c->confidence * steme_world_trust(ctx->world, &c->o->agent);
}

static inline int32_t
authority_round(int64_t product)
{
	return (int32_t)((product + 500000000) / 1000000000);
}

static inline enum steme_class
tier_of(const struct steme_lens_ctx *ctx, const struct steme_cand *c)
{
	return steme_world_class(ctx->world, &c->o->agent, c->o->class_, c->o->concept);
}

/* One function a lens; out is zero but for winner == -1 and candidates; n > 0. */
typedef int lens_fn(const struct steme_lens_ctx *ctx, const struct steme_cand *c,
    uint32_t n, struct steme_result *out);
lens_fn steme_lens_recency, steme_lens_confidence, steme_lens_consensus,
    steme_lens_votes, steme_lens_authority, steme_lens_layered, steme_lens_skeptic;

#endif
