/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lens_voices.c - one voice an agent, voices grouped by value.
 *
 * Few candidates are compared with each other on the stack; many are sorted, twice: by
 * agent, then by value.  Sorting cannot be made slow by chosen keys or values.
 */
#include "config.h"
#include "core/lens_impl.h"

#include "core/fixed.h"

#include <stdlib.h>

/* What is sorted: most comparisons end at the number. */
struct item {
	uint64_t prefix;
	const struct steme_cand *c;
	uint32_t idx;
};

static bool
speaks_small(const struct steme_cand *c, const uint32_t *sub, uint32_t n, uint32_t i)
{
	const struct steme_cand *a = &c[sub == NULL ? i : sub[i]];

	for (uint32_t j = 0; j < n; j++) {
		const struct steme_cand *b = &c[sub == NULL ? j : sub[j]];

		if (i != j && steme_id_eq(&a->o.agent, &b->o.agent) &&
		    cand_later(b, a) < 0)
			return false;
	}
	return true;
}

static void
group_small(struct voices *v, const struct steme_cand *c, const uint32_t *sub,
    uint32_t n)
{
	uint32_t speaking[LENS_SMALL], m = 0, i, j, t;

	for (i = 0; i < n; i++)
		if (speaks_small(c, sub, n, i))
			speaking[m++] = sub == NULL ? i : sub[i];
	/* take the first left, and all that are equal to it */
	while (v->n < m) {
		const struct steme_cand *first = &c[speaking[v->n]];

		v->start[v->k] = v->n;
		v->weight[v->k] = 0;
		for (i = j = v->n; i < m; i++) {
			const struct steme_cand *a = &c[speaking[i]];

			if (i > v->n && !steme_value_eq(&first->o, &a->o))
				continue;
			v->weight[v->k] += a->confidence;
			v->idx[j] = t = speaking[i];
			speaking[i] = speaking[j];
			speaking[j++] = t;
		}
		v->n = j;
		v->start[++v->k] = j;
	}
}

static int
by_agent(const void *va, const void *vb)
{
	const struct item *a = va, *b = vb;
	int d;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	if ((d = steme_id_cmp(&a->c->o.agent, &b->c->o.agent)) != 0)
		return d;
	return cand_later(a->c, b->c);
}

static int
by_value(const void *va, const void *vb)
{
	const struct item *a = va, *b = vb;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return steme_value_cmp(&a->c->o, &b->c->o);
}

/* Equal values have the same; any other mixing only costs time. */
static uint64_t
value_prefix(const struct steme_object *o)
{
	char key[STEME_NUMBER_KEY];
	struct steme_str s = o->value;
	uint64_t h = (uint64_t)o->type;

	if (o->type == STEME_NUMBER) {
		s.n = steme_number_key(o->value, key);
		s.p = key;
	}
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t
agent_prefix(const struct steme_id *agent)
{
	uint64_t p;

	memcpy(&p, agent->b, sizeof(p));
	return p;
}

static void
group_sorted(struct voices *v, struct item *it, const struct steme_cand *c,
    const uint32_t *sub, uint32_t n)
{
	uint32_t m = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t idx = sub == NULL ? i : sub[i];

		it[i] = (struct item){ agent_prefix(&c[idx].o.agent), &c[idx], idx };
	}
	qsort(it, n, sizeof(*it), by_agent);
	for (uint32_t i = 0; i < n; i++)
		if (m == 0 || !steme_id_eq(&it[m - 1].c->o.agent, &it[i].c->o.agent))
			it[m++] = it[i];
	for (uint32_t i = 0; i < m; i++)
		it[i].prefix = value_prefix(&it[i].c->o);
	qsort(it, m, sizeof(*it), by_value);
	for (uint32_t i = 0; i < m; i++) {
		if (i == 0 || by_value(&it[i - 1], &it[i]) != 0) {
			v->start[v->k] = i;
			v->weight[v->k++] = 0;
		}
		v->idx[i] = it[i].idx;
		v->weight[v->k - 1] += it[i].c->confidence;
	}
	v->start[v->k] = m;
	v->n = m;
}

int
steme_voices_init(struct voices *v, const struct steme_cand *c, const uint32_t *sub,
    uint32_t n)
{
	struct item *it;

	v->n = v->k = 0;
	v->heap = NULL;
	v->idx = v->small_idx;
	v->start = v->small_start;
	v->weight = v->small_weight;
	if (n <= LENS_SMALL) {
		group_small(v, c, sub, n);
		return STEME_OK;
	}
	v->heap = malloc(n * (sizeof(*v->weight) + 2 * sizeof(uint32_t)) +
	    sizeof(uint32_t));
	it = malloc(n * sizeof(*it));
	if (v->heap == NULL || it == NULL) {
		free(it);
		steme_voices_fini(v);
		return STEME_ENOMEM;
	}
	v->weight = v->heap;
	v->idx = (uint32_t *)(v->weight + n);
	v->start = v->idx + n;
	group_sorted(v, it, c, sub, n);
	free(it);
	return STEME_OK;
}

void
steme_voices_fini(struct voices *v)
{
	free(v->heap);
	v->heap = NULL;
}

int
steme_voices_conflict(const struct steme_cand *c, const uint32_t *sub, uint32_t n,
    int32_t *conflict)
{
	struct voices v;
	int err;

	*conflict = 0;
	if (n < 2)
		return STEME_OK;
	if ((err = steme_voices_init(&v, c, sub, n)) != STEME_OK)
		return err;
	*conflict = steme_fixed_conflict(v.weight, v.k);
	steme_voices_fini(&v);
	return STEME_OK;
}
