/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_diff.c - two questions about one concept, side by side: two lenses, or one
 * lens at two times.  Only predicates whose answers differ by value are told.
 */
#include "config.h"
#include "core/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* One side: a question, what was collected for it, and where the merge stands. */
struct side {
	struct steme_render r;
	struct steme_cands cands;
	bool held, collected;
	size_t at;
	/* of the group at `at` */
	struct steme_result res;
	bool resolved, shows;
};

static int
side_begin(struct side *s, struct steme_store *store, const struct steme_query *q)
{
	int err;

	if ((err = steme_render_begin(&s->r, store, q)) != STEME_OK)
		return err;
	s->held = true;
	if ((err = steme_render_collect(&s->r, q->concept, q->predicate,
	    &s->cands)) != STEME_OK)
		return err;
	s->collected = true;
	return STEME_OK;
}

static void
side_drop(struct side *s)
{
	if (s->resolved)
		steme_result_fini(&s->res);
	s->resolved = s->shows = false;
}

static void
side_end(struct side *s)
{
	side_drop(s);
	if (s->collected)
		steme_cands_fini(&s->cands);
	if (s->held)
		steme_render_end(&s->r);
}

static const struct steme_cand_group *
side_group(const struct side *s)
{
	return s->at < s->cands.ngroups ? &s->cands.groups[s->at] : NULL;
}

static int
side_resolve(struct side *s)
{
	const struct steme_cand_group *g = side_group(s);
	enum steme_lens lens = s->r.q->lens;
	int err;

	if ((err = steme_lens_resolve(lens, &s->r.ctx, g->c, g->counting,
	    &s->res)) != STEME_OK)
		return err;
	s->resolved = true;
	s->shows = steme_result_shows(lens, &s->res);
	return STEME_OK;
}

/* The objects a side answers with: the winner's, or those of all shares. */
static const struct steme_object **
side_objects(const struct side *s, size_t *n)
{
	const struct steme_cand_group *g = side_group(s);
	bool all = s->r.q->lens == STEME_LENS_SKEPTIC;
	const struct steme_object **o;

	*n = all ? s->res.nshares : 1;
	if ((o = calloc(*n + 1, sizeof(const struct steme_object *))) == NULL)
		return NULL;
	for (size_t i = 0; i < *n; i++)
		o[i] = g->c[all ? s->res.shares[i].first :
		    (uint32_t)s->res.winner].o;
	return o;
}

/* An order in which equal values (by type and meaning) are neighbours. */
static int
value_order(const void *va, const void *vb)
{
	const struct steme_object *a = *(const struct steme_object *const *)va;
	const struct steme_object *b = *(const struct steme_object *const *)vb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return a->type == STEME_NUMBER ? steme_number_cmp(a->value, b->value) :
	    steme_str_cmp(a->value, b->value);
}

/* Do both show the same values?  Both are resolved and show something. */
static int
same_values(const struct side *a, const struct side *b, bool *same)
{
	const struct steme_object **oa = NULL, **ob = NULL;
	size_t na, nb;
	int err = STEME_ENOMEM;

	if ((oa = side_objects(a, &na)) == NULL ||
	    (ob = side_objects(b, &nb)) == NULL)
		goto out;
	qsort(oa, na, sizeof(*oa), value_order);
	qsort(ob, nb, sizeof(*ob), value_order);
	*same = na == nb;
	for (size_t i = 0; *same && i < na; i++)
		*same = steme_value_eq(oa[i], ob[i]);
	err = STEME_OK;
out:
	free(oa);
	free(ob);
	return err;
}

static void
add_item(struct steme_jo *j, const char *key, const struct side *s)
{
	if (!s->shows) {
		steme_jo_null(j, key);
		return;
	}
	steme_jo_key(j, key);
	steme_item_any(j->b, s->r.q->lens, s->r.q->concept, side_group(s), &s->res);
}

/* One predicate, present on one side or on both. */
static int
compare(struct side *a, struct side *b, int order, struct steme_buf *out, size_t *n)
{
	struct steme_str predicate = side_group(order <= 0 ? a : b)->predicate;
	struct steme_jo j;
	bool same = false;
	int err = STEME_OK;

	if (order <= 0)
		err = side_resolve(a);
	if (err == STEME_OK && order >= 0)
		err = side_resolve(b);
	if (err == STEME_OK && a->shows && b->shows)
		err = same_values(a, b, &same);
	if (err == STEME_OK && !same && (a->shows || b->shows)) {
		if ((*n)++ > 0)
			steme_buf_putc(out, ',');
		steme_jo_begin(&j, out);
		steme_jo_str(&j, "predicate", predicate);
		add_item(&j, "a", a);
		add_item(&j, "b", b);
		steme_jo_end(&j);
	}
	side_drop(a);
	side_drop(b);
	a->at += order <= 0;
	b->at += order >= 0;
	return err;
}

static void
put_side(struct steme_buf *b, const struct steme_query *q)
{
	struct steme_jo j;
	char t[24];

	steme_jo_begin(&j, b);
	steme_jo_cstr(&j, "lens", steme_lens_name(q->lens));
	if (q->as_of_us == INT64_MAX)
		steme_jo_null(&j, "as_of");
	else
		steme_jo_time(&j, "as_of", q->as_of_us);
	if (q->known_at == UINT64_MAX) {
		steme_jo_null(&j, "known_at");
	} else {
		snprintf(t, sizeof(t), "%" PRIu64, q->known_at);
		steme_jo_cstr(&j, "known_at", t);
	}
	steme_jo_end(&j);
}

static int
check(const struct steme_query *a, const struct steme_query *b, struct steme_why *why)
{
	int err;

	if ((err = steme_render_check(a, why)) != STEME_OK ||
	    (err = steme_render_check(b, why)) != STEME_OK)
		return err;
	if (a->concept.p == NULL || b->concept.p == NULL ||
	    !steme_str_eq(a->concept, b->concept) ||
	    !steme_str_eq(a->predicate, b->predicate))
		return steme_fail(why, STEME_EINVAL, "a diff is about one "
		    "concept_path (and one predicate, or all): both sides must "
		    "name the same");
	if (a->lens == STEME_LENS_CONSTRAINTS || b->lens == STEME_LENS_CONSTRAINTS)
		return steme_fail(why, STEME_EINVAL, "constraints lists rules and "
		    "chooses no value: compare any other lens");
	return STEME_OK;
}

int
steme_render_diff(struct steme_store *store, const struct steme_query *qa,
    const struct steme_query *qb, struct steme_buf *out, struct steme_why *why)
{
	const struct steme_cand_group *ga, *gb;
	struct side a, b;
	size_t n = 0;
	int err;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if ((err = check(qa, qb, why)) != STEME_OK ||
	    (err = side_begin(&a, store, qa)) != STEME_OK ||
	    (err = side_begin(&b, store, qb)) != STEME_OK)
		goto out;
	steme_buf_puts(out, "{\"concept_path\":");
	steme_json_str(out, qa->concept);
	steme_buf_puts(out, ",\"a\":");
	put_side(out, qa);
	steme_buf_puts(out, ",\"b\":");
	put_side(out, qb);
	steme_buf_puts(out, ",\"differences\":[");
	while (err == STEME_OK) {
		ga = side_group(&a);
		gb = side_group(&b);
		if (ga == NULL && gb == NULL)
			break;
		err = compare(&a, &b, ga == NULL ? 1 : gb == NULL ? -1 :
		    steme_str_cmp(ga->predicate, gb->predicate), out, &n);
	}
	steme_buf_puts(out, "]}\n");
	if (err == STEME_OK)
		err = steme_buf_err(out);
out:
	side_end(&a);
	side_end(&b);
	return err;
}
