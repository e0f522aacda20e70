/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lens_voices.c - one voice an agent, voices grouped by value.
 *
 * Few candidates are compared with each other on the stack.  Of many, each agent's newest is
 * found with a keyed hash, and those are sorted by value: neither can be made slow by
 * chosen keys or values.
 */
#include "config.h"
#include "core/lens_impl.h"

#include "core/fixed.h"
#include "core/htab.h"

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

		if (i != j && steme_id_eq(&a->o->agent, &b->o->agent) &&
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

			if (i > v->n && !steme_value_eq(first->o, a->o))
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
by_value(const void *va, const void *vb)
{
	const struct item *a = va, *b = vb;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	return steme_value_cmp(a->c->o, b->c->o);
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

/* The newest candidate of each agent, in the order in which agents come; *m of them. */
static int
newest_each(struct item *it, uint32_t *m, const struct steme_cand *c,
    const uint32_t *sub, uint32_t n)
{
	struct steme_htab agents = { 0 };
	uint32_t hash, step, at;
	int err = STEME_OK;

	*m = 0;
	for (uint32_t i = 0; i < n && err == STEME_OK; i++) {
		uint32_t idx = sub == NULL ? i : sub[i];
		const struct steme_cand *a = &c[idx];

		step = hash = steme_hash_id(&a->o->agent);
		while ((at = steme_htab_next(&agents, hash, &step)) !=
		    STEME_HTAB_NONE)
			if (steme_id_eq(&it[at].c->o->agent, &a->o->agent))
				break;
		if (at == STEME_HTAB_NONE) {
			err = steme_htab_add(&agents, hash, *m);
			it[(*m)++] = (struct item){ 0, a, idx };
		} else if (cand_later(a, it[at].c) < 0) {
			it[at] = (struct item){ 0, a, idx };
		}
	}
	steme_htab_fini(&agents);
	return err;
}

static void
group_sorted(struct voices *v, struct item *it, uint32_t m)
{
	for (uint32_t i = 0; i < m; i++)
		it[i].prefix = value_prefix(it[i].c->o);
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
	uint32_t m;

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
	if (v->heap == NULL || it == NULL ||
	    newest_each(it, &m, c, sub, n) != STEME_OK) {
		free(it);
		steme_voices_fini(v);
		return STEME_ENOMEM;
	}
	v->weight = v->heap;
	v->idx = (uint32_t *)(v->weight + n);
	v->start = v->idx + n;
	group_sorted(v, it, m);
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
