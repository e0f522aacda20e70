/* SPDX-License-Identifier: Apache-2.0 */
/* lens_consensus.c - the value most agents hold; its newest assertion answers. */
#include "config.h"
#include "core/lens_impl.h"

#include "core/fixed.h"

struct camp {
	uint32_t agents, answer;
	int64_t weight;
};

static struct camp
camp_of(const struct voices *v, const struct steme_cand *c, uint32_t g)
{
	struct camp camp = { v->start[g + 1] - v->start[g], v->idx[v->start[g]],
	    v->weight[g] };

	for (uint32_t i = v->start[g] + 1; i < v->start[g + 1]; i++)
		if (cand_later(&c[v->idx[i]], &c[camp.answer]) < 0)
			camp.answer = v->idx[i];
	return camp;
}

static bool
stronger(const struct steme_cand *c, const struct camp *a, const struct camp *b)
{
	if (a->agents != b->agents)
		return a->agents > b->agents;
	if (a->weight != b->weight)
		return a->weight > b->weight;
	return cand_later(&c[a->answer], &c[b->answer]) < 0;
}

int
steme_lens_consensus(const struct steme_lens_ctx *ctx, const struct steme_cand *c,
    uint32_t n, struct steme_result *out)
{
	struct camp best, camp;
	struct voices v;
	int err;

	(void)ctx;
	if ((err = steme_voices_init(&v, c, NULL, n)) != STEME_OK)
		return err;
	best = camp_of(&v, c, 0);
	for (uint32_t g = 1; g < v.k; g++) {
		camp = camp_of(&v, c, g);
		if (stronger(c, &camp, &best))
			best = camp;
	}
	out->winner = (int32_t)best.answer;
	out->confidence = share_of(best.agents, v.n);
	out->conflict = steme_fixed_conflict(v.weight, v.k);
	steme_voices_fini(&v);
	return STEME_OK;
}
