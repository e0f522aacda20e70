/* SPDX-License-Identifier: Apache-2.0 */
/* lens_votes.c - the assertion with the highest sum of votes, if that is positive. */
#include "config.h"
#include "core/lens_impl.h"

int
steme_lens_votes(const struct steme_lens_ctx *ctx, const struct steme_cand *c, uint32_t n,
    struct steme_result *out)
{
	int64_t positive = 0;
	uint32_t best = 0;

	(void)ctx;
	for (uint32_t i = 0; i < n; i++) {
		if (c[i].votes > 0)
			positive += c[i].votes;
		if (c[i].votes > c[best].votes || (c[i].votes == c[best].votes &&
		    cand_later(&c[i], &c[best]) < 0))
			best = i;
	}
	if (c[best].votes > 0) {
		out->winner = (int32_t)best;
		out->confidence = share_of(c[best].votes, positive);
	}
	return steme_voices_conflict(c, NULL, n, &out->conflict);
}
