/* SPDX-License-Identifier: Apache-2.0 */
/* lens_skeptic.c - no winner: every value with its share, and how contested it is. */
#include "config.h"
#include "core/lens_impl.h"

#include "core/fixed.h"

#include <stdlib.h>

struct by_id {
	const struct steme_id *id;
	uint32_t idx;
};

static int
id_order(const void *va, const void *vb)
{
	const struct by_id *a = va, *b = vb;

	return steme_id_cmp(a->id, b->id);
}

/* A share with the id it is ordered by. */
struct ordered {
	struct steme_share s;
	const struct steme_id *id;
};

static int
share_order(const void *va, const void *vb)
{
	const struct ordered *a = va, *b = vb;

	if (a->s.weight != b->s.weight)
		return a->s.weight > b->s.weight ? -1 : 1;
	return steme_id_cmp(a->id, b->id);
}

/* Value g of v; its members, ascending by id, go to members (ids: room for them). */
static void
make_share(struct ordered *o, const struct voices *v, const struct steme_cand *c,
    uint32_t g, int64_t sum, struct by_id *ids, uint32_t *members)
{
	uint32_t n = v->start[g + 1] - v->start[g];
	struct steme_share *s = &o->s;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t idx = v->idx[v->start[g] + i];

		ids[i] = (struct by_id){ &c[idx].id, idx };
	}
	qsort(ids, n, sizeof(*ids), id_order);
	for (uint32_t i = 0; i < n; i++)
		members[v->start[g] + i] = ids[i].idx;
	s->first = ids[0].idx;
	s->agents = s->nmembers = n;
	s->first_member = v->start[g];
	s->weight = v->weight[g];
	s->share = sum == 0 ? share_of(1, v->k) : share_of(v->weight[g], sum);
	o->id = ids[0].id;
}

static int
fill(struct steme_result *out, const struct voices *v, const struct steme_cand *c)
{
	struct ordered *o = malloc(v->k * sizeof(*o));
	struct by_id *ids = malloc(v->n * sizeof(*ids));
	int64_t sum = 0;
	int err = STEME_ENOMEM;

	out->shares = malloc(v->k * sizeof(*out->shares));
	out->members = malloc(v->n * sizeof(*out->members));
	if (o == NULL || ids == NULL || out->shares == NULL || out->members == NULL)
		goto out;
	for (uint32_t g = 0; g < v->k; g++)
		sum += v->weight[g];
	for (uint32_t g = 0; g < v->k; g++)
		make_share(&o[g], v, c, g, sum, ids, out->members);
	qsort(o, v->k, sizeof(*o), share_order);
	for (uint32_t g = 0; g < v->k; g++)
		out->shares[g] = o[g].s;
	out->nshares = v->k;
	err = STEME_OK;
out:
	free(o);
	free(ids);
	return err;
}

int
steme_lens_skeptic(const struct steme_lens_ctx *ctx, const struct steme_cand *c,
    uint32_t n, struct steme_result *out)
{
	struct voices v;
	int err;

	(void)ctx;
	if ((err = steme_voices_init(&v, c, NULL, n)) != STEME_OK)
		return err;
	out->conflict = steme_fixed_conflict(v.weight, v.k);
	/* by the score as shown: what reads 0.5 is contested */
	out->status = v.k == 1 ? STEME_UNANIMOUS :
	    out->conflict < STEME_ONE / 2 ? STEME_AGREED : STEME_CONTESTED;
	err = fill(out, &v, c);
	steme_voices_fini(&v);
	return err;
}
