/* SPDX-License-Identifier: Apache-2.0 */
/* lens_names.c - the lenses by number and name. */
#include "config.h"
#include "core/lens_names.h"

static const char *const names[STEME_NLENS] = {
	[STEME_LENS_RECENCY] = "recency",
	[STEME_LENS_CONFIDENCE] = "confidence",
	[STEME_LENS_CONSENSUS] = "consensus",
	[STEME_LENS_VOTES] = "votes",
	[STEME_LENS_AUTHORITY] = "authority",
	[STEME_LENS_LAYERED] = "layered",
	[STEME_LENS_SKEPTIC] = "skeptic",
	[STEME_LENS_CONSTRAINTS] = "constraints",
};

const char *
steme_lens_name(enum steme_lens l)
{
	return (unsigned)l < STEME_NLENS ? names[l] : "unknown";
}

int
steme_lens_parse(struct steme_str s, enum steme_lens *out, struct steme_why *why)
{
	for (int i = 0; i < STEME_NLENS; i++)
		if (steme_str_eq(s, steme_str_from(names[i]))) {
			*out = (enum steme_lens)i;
			return STEME_OK;
		}
	return steme_fail(why, STEME_EINVAL, "unknown lens '%.*s': use one of "
	    "recency, confidence, consensus, votes, authority, layered, "
	    "skeptic, constraints", (int)(s.n > 64 ? 64 : s.n), s.n == 0 ? "" : s.p);
}
