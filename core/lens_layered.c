/* SPDX-License-Identifier: Apache-2.0 */
/* lens_layered.c - a winner a tier, conflict inside of tiers and across them. */
#include "config.h"
#include "core/lens_impl.h"

#include "core/fixed.h"

#include <stdlib.h>

/* The winner of one tier: members sub[0..n-1]. */
static int
resolve_tier(const struct steme_lens_ctx *ctx, const struct steme_cand *c,
    const uint32_t *sub, uint32_t n, enum steme_class class_, struct steme_tier *out)
{
	uint32_t best = sub[0];
	int64_t top = authority_of(ctx, &c[best]), p;

	for (uint32_t i = 1; i < n; i++) {
		p = authority_of(ctx, &c[sub[i]]);
		if (p > top || (p == top && cand_later(&c[sub[i]], &c[best]) < 0)) {
			top = p;
			best = sub[i];
		}
	}
	out->class_ = class_;
	out->winner = best;
	out->confidence = authority_round(top);
	out->candidates = n;
	return steme_voices_conflict(c, sub, n, &out->conflict);
}

/* Each tier speaks once, for its winner's value with that one's confidence. */
static int32_t
across(const struct steme_cand *c, const struct steme_tier *tiers, size_t n)
{
	uint32_t first[STEME_NCLASS], k = 0, g;
	int64_t weight[STEME_NCLASS];

	for (size_t i = 0; i < n; i++) {
		for (g = 0; g < k; g++)
			if (steme_value_eq(c[first[g]].o, c[tiers[i].winner].o))
				break;
		if (g == k) {
			first[k] = tiers[i].winner;
			weight[k++] = 0;
		}
		weight[g] += c[tiers[i].winner].confidence;
	}
	return steme_fixed_conflict(weight, k);
}

static int
resolve(const struct steme_lens_ctx *ctx, const struct steme_cand *c, uint32_t n,
    uint32_t *sub, uint8_t *tier, struct steme_result *out)
{
	uint32_t count[STEME_NCLASS + 1] = {0}, at[STEME_NCLASS];
	int err = STEME_OK;

	for (uint32_t i = 0; i < n; i++)
		count[(tier[i] = (uint8_t)tier_of(ctx, &c[i])) + 1]++;
	for (int t = 0; t < STEME_NCLASS; t++)
		at[t] = count[t + 1] += count[t];
	for (uint32_t i = n; i-- > 0;)
		sub[--at[tier[i]]] = i;
	for (int t = 0; t < STEME_NCLASS && err == STEME_OK; t++)
		if (count[t + 1] > count[t])
			err = resolve_tier(ctx, c, sub + count[t],
			    count[t + 1] - count[t], (enum steme_class)t,
			    &out->tiers[out->ntiers++]);
	if (err != STEME_OK)
		return err;
	out->winner = (int32_t)out->tiers[0].winner;
	out->confidence = out->tiers[0].confidence;
	out->cross_tier_conflict = across(c, out->tiers, out->ntiers);
	if (out->ntiers == 1) {
		out->conflict = out->tiers[0].conflict;
		return STEME_OK;
	}
	return steme_voices_conflict(c, NULL, n, &out->conflict);
}

int
steme_lens_layered(const struct steme_lens_ctx *ctx, const struct steme_cand *c,
    uint32_t n, struct steme_result *out)
{
	uint32_t small_sub[LENS_SMALL], *sub = small_sub;
	uint8_t small_tier[LENS_SMALL], *tier = small_tier;
	void *heap = NULL;
	int err;

	if (n > LENS_SMALL) {
		if ((heap = malloc(n * (sizeof(*sub) + sizeof(*tier)))) == NULL)
			return STEME_ENOMEM;
		sub = heap;
		tier = (uint8_t *)(sub + n);
	}
	err = resolve(ctx, c, n, sub, tier, out);
	free(heap);
	return err;
}
