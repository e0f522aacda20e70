/* SPDX-License-Identifier: Apache-2.0 */
/* lens.c - the table of lenses, orders and equality they share. */
#include "config.h"
#include "core/lens.h"

#include "core/lens_impl.h"
#include "core/util.h"

#include <stdlib.h>

static lens_fn *const lenses[STEME_NLENS] = {
	[STEME_LENS_RECENCY] = steme_lens_recency,
	[STEME_LENS_CONFIDENCE] = steme_lens_confidence,
	[STEME_LENS_CONSENSUS] = steme_lens_consensus,
	[STEME_LENS_VOTES] = steme_lens_votes,
	[STEME_LENS_AUTHORITY] = steme_lens_authority,
	[STEME_LENS_LAYERED] = steme_lens_layered,
	[STEME_LENS_SKEPTIC] = steme_lens_skeptic,
};

static const char *const states[] = {
	[STEME_CURRENT] = "current",
	[STEME_RETRACTED] = "retracted",
	[STEME_SUPERSEDED] = "superseded",
	[STEME_STATE_DEPRECATED] = "deprecated",
	[STEME_STATE_REJECTED] = "rejected",
	[STEME_OLD_EPOCH] = "old_epoch",
	[STEME_FUTURE] = "future",
};

const char *
steme_state_name(enum steme_state s)
{
	return (unsigned)s < STEME_NELEM(states) ? states[s] : "unknown";
}

/*
 * A lens without conflict (skeptic and layered set it themselves) gets it here: the
 * score comes with every winner.
 */
int
steme_lens_resolve(enum steme_lens lens, const struct steme_lens_ctx *ctx,
    const struct steme_cand *c, size_t n, struct steme_result *out)
{
	int err;

	memset(out, 0, sizeof(*out));
	out->winner = -1;
	out->candidates = (uint32_t)n;
	if ((unsigned)lens >= STEME_NLENS || lenses[lens] == NULL || n > INT32_MAX)
		return STEME_EINVAL;
	if (n == 0)
		return STEME_OK;
	if ((err = lenses[lens](ctx, c, (uint32_t)n, out)) != STEME_OK)
		steme_result_fini(out);
	return err;
}

void
steme_result_fini(struct steme_result *r)
{
	free(r->shares);
	free(r->members);
	r->shares = NULL;
	r->members = NULL;
	r->nshares = 0;
}

int
steme_cand_newer(const struct steme_cand *a, const struct steme_cand *b)
{
	if (a->rank_us != b->rank_us)
		return a->rank_us > b->rank_us ? -1 : 1;
	if (a->confidence != b->confidence)
		return a->confidence > b->confidence ? -1 : 1;
	return steme_id_cmp(&a->id, &b->id);
}

int
steme_value_cmp(const struct steme_object *a, const struct steme_object *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->type != STEME_NUMBER)
		return steme_str_cmp(a->value, b->value);
	/* most equal numbers are spelled alike */
	if (steme_str_eq(a->value, b->value))
		return 0;
	return steme_number_cmp(a->value, b->value);
}

bool
steme_value_eq(const struct steme_object *a, const struct steme_object *b)
{
	/* texts of different length differ whatever their order */
	if (a->type == b->type && a->type != STEME_NUMBER)
		return steme_str_eq(a->value, b->value);
	return steme_value_cmp(a, b) == 0;
}
