/* SPDX-License-Identifier: Apache-2.0 */
/* lens_recency.c - the newest assertion. */
#include "config.h"
#include "core/lens_impl.h"

int
steme_lens_recency(const struct steme_lens_ctx *ctx, const struct steme_cand *c,
    uint32_t n, struct steme_result *out)
{
	uint32_t best = 0;

	(void)ctx;
	for (uint32_t i = 1; i < n; i++)
		if (steme_cand_newer(&c[i], &c[best]) < 0)
			best = i;
	out->winner = (int32_t)best;
	out->confidence = c[best].confidence;
	return steme_voices_conflict(c, NULL, n, &out->conflict);
}
