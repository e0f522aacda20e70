/* SPDX-License-Identifier: Apache-2.0 */
/* lens_authority.c - the lowest tier present; in it, confidence times trust. */
#include "config.h"
#include "core/lens_impl.h"

int
steme_lens_authority(const struct steme_lens_ctx *ctx, const struct steme_cand *c,
    uint32_t n, struct steme_result *out)
{
	enum steme_class tier = STEME_NCLASS, t;
	int64_t top = 0, p;
	uint32_t best = 0;

	for (uint32_t i = 0; i < n; i++) {
		if ((t = tier_of(ctx, &c[i])) > tier)
			continue;
		p = authority_of(ctx, &c[i]);
		if (t < tier || p > top ||
		    (p == top && cand_later(&c[i], &c[best]) < 0)) {
			tier = t;
			top = p;
			best = i;
		}
	}
	out->winner = (int32_t)best;
	out->confidence = authority_round(top);
	return steme_voices_conflict(c, NULL, n, &out->conflict);
}
