/* SPDX-License-Identifier: Apache-2.0 */
/* lens_confidence.c - the assertion its author is surest of. */
#include "config.h"
#include "core/lens_impl.h"

static bool
surer(const struct steme_cand *a, const struct steme_cand *b)
{
	if (a->confidence != b->confidence)
		return a->confidence > b->confidence;
	return cand_later(a, b) < 0;
}

int
steme_lens_confidence(const struct steme_lens_ctx *ctx, const struct steme_cand *c,
    uint32_t n, struct steme_result *out)
{
	uint32_t best = 0;

	(void)ctx;
	for (uint32_t i = 1; i < n; i++)
		if (surer(&c[i], &c[best]))
			best = i;
	out->winner = (int32_t)best;
	out->confidence = c[best].confidence;
	return steme_voices_conflict(c, NULL, n, &out->conflict);
}
