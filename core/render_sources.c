/* SPDX-License-Identifier: Apache-2.0 */
/* render_sources.c - sources that are cited, and what retracting one would change. */
#include "config.h"
#include "core/render.h"

#include <stdlib.h>

/* Of so many assertions at most the concepts are looked at. */
#define LOOK_MAX	50000

static const char *
state_of(const struct steme_world *w, struct steme_str source)
{
	return steme_world_source_retracted(w, source) ? "retracted" : "active";
}

static int
count_one(void *arg, uint64_t lsn, bool is_assertion)
{
	(void)lsn;
	(void)is_assertion;
	++*(uint64_t *)arg;
	return 0;
}

/* ---- the list ---- */

struct sources {
	struct steme_page page;
	struct steme_store *s;
	const struct steme_world *world;
	char last[STEME_SOURCE_MAX];
	size_t last_n;
};

static int
put_source(void *arg, struct steme_str source)
{
	struct sources *p = arg;
	struct steme_jo j;
	uint64_t n = 0;
	int err;

	err = steme_store_by_source(p->s, source, 0, count_one, &n);
	if (err != STEME_OK || n == 0)		/* none is visible yet */
		return err;
	if (steme_page_is_full(&p->page))
		return 1;
	steme_page_item(&p->page, &j);
	steme_jo_str(&j, "source", source);
	steme_jo_uint(&j, "assertions", n);
	steme_jo_cstr(&j, "state", state_of(p->world, source));
	steme_jo_end(&j);
	memcpy(p->last, source.p, source.n);
	p->last_n = source.n;
	return steme_buf_err(j.b);
}

int
steme_json_sources(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	struct sources p = { .s = s };
	struct steme_bounds now;
	int err;

	if ((err = steme_page_begin(&p.page, limit, b, why)) != STEME_OK)
		return err;
	if (prefix.n > STEME_SOURCE_MAX || after.n > STEME_SOURCE_MAX)
		return steme_fail(why, STEME_EINVAL, "a source has at most %d bytes",
		    STEME_SOURCE_MAX);
	steme_bounds_init(&now);
	if ((p.world = steme_store_world(s, &now)) == NULL)
		return STEME_ENOMEM;
	steme_page_list(&p.page, "sources");
	err = steme_store_sources(s, prefix, after, put_source, &p);
	steme_world_put(p.world);
	if (err < 0)
		return err;
	return steme_page_end(&p.page, (struct steme_str){ p.last, p.last_n });
}

/* ---- impact ---- */

/* A concept and predicate where the source speaks, in one allocation. */
struct place {
	char *mem;
	struct steme_str concept, predicate;
};

struct impact {
	struct steme_render before, after;	/* the world as it is, and without it */
	struct steme_str source;
	struct place *v;
	size_t n, cap;
	uint64_t cited, looked, concepts;
	uint32_t limit, told;
	bool truncated;
};

static int
add_place(struct impact *im, struct steme_str concept, struct steme_str predicate)
{
	struct place *p;

	if (im->n == im->cap) {
		size_t cap = im->cap == 0 ? 64 : im->cap * 2;

		if ((p = realloc(im->v, cap * sizeof(*p))) == NULL)
			return STEME_ENOMEM;
		im->v = p;
		im->cap = cap;
	}
	p = &im->v[im->n];
	if ((p->mem = malloc(concept.n + predicate.n + 1)) == NULL)
		return STEME_ENOMEM;
	memcpy(p->mem, concept.p, concept.n);
	memcpy(p->mem + concept.n, predicate.p, predicate.n);
	p->concept = (struct steme_str){ p->mem, concept.n };
	p->predicate = (struct steme_str){ p->mem + concept.n, predicate.n };
	im->n++;
	return STEME_OK;
}

static int
place_cmp(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;
	int c = steme_str_cmp(a->concept, b->concept);

	return c != 0 ? c : steme_str_cmp(a->predicate, b->predicate);
}

/* Sorts, leaves each out but once, counts concepts. */
static void
settle_places(struct impact *im)
{
	size_t kept = 0;

	if (im->n > 0)
		qsort(im->v, im->n, sizeof(*im->v), place_cmp);
	im->concepts = 0;
	for (size_t i = 0; i < im->n; i++) {
		if (kept > 0 && place_cmp(&im->v[kept - 1], &im->v[i]) == 0) {
			free(im->v[i].mem);
			continue;
		}
		im->concepts += kept == 0 || !steme_str_eq(im->v[kept - 1].concept,
		    im->v[i].concept);
		im->v[kept++] = im->v[i];
	}
	im->n = kept;
}

static int
look_at(void *arg, uint64_t lsn, bool is_assertion)
{
	struct impact *im = arg;
	struct steme_record r;
	struct steme_object o;
	uint8_t *backing;
	int err;

	(void)is_assertion;
	im->cited++;
	if (im->looked == LOOK_MAX) {
		im->truncated = true;
		return 0;
	}
	im->looked++;
	if ((err = steme_store_get_lsn(im->before.s, lsn, &r, &backing)) != STEME_OK)
		return err == STEME_ENOTFOUND ? STEME_ECORRUPT : err;
	memset(&o, 0, sizeof(o));
	err = steme_object_parse(&o, r.bytes.p, r.bytes.n, NULL);
	/* the list goes by a hash of the source */
	if (err == STEME_OK && o.kind == STEME_ASSERTION &&
	    steme_str_eq(o.source, im->source))
		err = add_place(im, o.concept, o.predicate);
	free(backing);
	return err;
}

/* A view shows the whole alias class: what changes in one changes in all. */
static int
add_aliases(struct impact *im)
{
	size_t own = im->n;
	int err = STEME_OK;

	for (size_t i = 0; i < own && err == STEME_OK; i++) {
		struct steme_str concept = im->v[i].concept;
		struct steme_str predicate = im->v[i].predicate;
		const struct steme_str *names;
		size_t n;

		steme_world_aliases(im->before.ctx.world, concept, &names, &n);
		for (size_t k = 0; k < n && err == STEME_OK; k++)
			if (!steme_str_eq(names[k], concept))
				err = add_place(im, names[k], predicate);
	}
	return err;
}

/* The answer at a place in one of the two worlds. */
struct answer {
	struct steme_cands cands;
	struct steme_result res;
	const struct steme_cand *winner;
	bool resolved;
};

static int
answer(struct answer *a, struct steme_render *r, const struct place *p)
{
	const struct steme_cand_group *g;
	int err;

	memset(a, 0, sizeof(*a));
	if ((err = steme_render_collect(r, p->concept, p->predicate,
	    &a->cands)) != STEME_OK || a->cands.ngroups == 0)
		return err;
	g = &a->cands.groups[0];
	if ((err = steme_lens_resolve(r->q->lens, &r->ctx, g->c, g->counting,
	    &a->res)) != STEME_OK)
		return err;
	a->resolved = true;
	if (a->res.winner >= 0)
		a->winner = &g->c[a->res.winner];
	return STEME_OK;
}

static void
answer_fini(struct answer *a)
{
	if (a->resolved)
		steme_result_fini(&a->res);
	steme_cands_fini(&a->cands);
}

static void
put_side(struct steme_jo *j, const char *key, const struct answer *a)
{
	struct steme_jo o;

	if (a->winner == NULL) {
		steme_jo_null(j, key);
		return;
	}
	steme_jo_key(j, key);
	steme_jo_begin(&o, j->b);
	steme_jo_key(&o, "value");
	steme_json_value(j->b, a->winner->o);
	steme_jo_id(&o, "assertion_id", &a->winner->id);
	steme_jo_end(&o);
}

static int
compare(struct impact *im, const struct place *p, struct steme_jo *items)
{
	struct answer was, is;
	struct steme_jo j;
	int err = answer(&was, &im->before, p);

	memset(&is, 0, sizeof(is));
	if (err == STEME_OK)
		err = answer(&is, &im->after, p);
	if (err != STEME_OK || (was.winner == NULL && is.winner == NULL) ||
	    (was.winner != NULL && is.winner != NULL &&
	    steme_id_eq(&was.winner->id, &is.winner->id)))
		goto out;
	if (im->told++ == im->limit) {
		im->truncated = true;
		goto out;
	}
	steme_ja_next(items);
	steme_jo_begin(&j, items->b);
	steme_jo_str(&j, "concept_path", p->concept);
	steme_jo_str(&j, "predicate", p->predicate);
	put_side(&j, "before", &was);
	put_side(&j, "after", &is);
	steme_jo_end(&j);
out:
	answer_fini(&was);
	answer_fini(&is);
	return err;
}

static int
put_impact(struct impact *im, struct steme_buf *b)
{
	struct steme_jo j, items;
	int err = STEME_OK;

	steme_jo_begin(&j, b);
	steme_jo_str(&j, "source", im->source);
	steme_jo_cstr(&j, "state", state_of(im->before.ctx.world, im->source));
	steme_jo_cstr(&j, "lens", steme_lens_name(im->before.q->lens));
	steme_jo_uint(&j, "assertions", im->cited);
	steme_jo_uint(&j, "concepts", im->concepts);
	steme_jo_key(&j, "changes");
	steme_ja_begin(&items, b);
	for (size_t i = 0; i < im->n && err == STEME_OK && im->told <= im->limit; i++)
		err = compare(im, &im->v[i], &items);
	steme_ja_end(&items);
	steme_jo_bool(&j, "truncated", im->truncated);
	steme_jo_end(&j);
	steme_buf_putc(b, '\n');
	return err != STEME_OK ? err : steme_buf_err(b);
}

int
steme_json_impact(struct steme_store *s, struct steme_str source,
    enum steme_lens lens, uint32_t limit, struct steme_buf *b, struct steme_why *why)
{
	struct impact im = { .source = source };
	uint64_t concepts;
	struct steme_query q;
	int err;

	if ((err = steme_render_limit(&limit, why)) != STEME_OK)
		return err;
	if (lens == STEME_LENS_SKEPTIC || lens == STEME_LENS_CONSTRAINTS)
		return steme_fail(why, STEME_EINVAL, "the lens %s chooses no value: ask "
		    "for the impact with any other", steme_lens_name(lens));
	im.limit = limit;
	steme_query_init(&q);
	q.lens = lens;
	if ((err = steme_render_begin(&im.before, s, &q)) != STEME_OK)
		return err;
	im.after = im.before;
	im.after.ctx.world = steme_world_without_source(im.before.ctx.world, source);
	err = im.after.ctx.world == NULL ? STEME_ENOMEM :
	    steme_store_by_source(s, source, 0, look_at, &im);
	if (err == STEME_OK) {
		settle_places(&im);
		concepts = im.concepts;
		err = add_aliases(&im);
		settle_places(&im);
		im.concepts = concepts;
	}
	if (err == STEME_OK)
		err = put_impact(&im, b);
	for (size_t i = 0; i < im.n; i++)
		free(im.v[i].mem);
	free(im.v);
	steme_render_end(&im.after);
	steme_render_end(&im.before);
	return err;
}
