/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - single records, names, folders, the log.  All are bounded by
 * the published lsn; entries are never changed but by envelopes, so no snapshot is needed.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/rd.h"
#include "core/util.h"

#include <stdlib.h>
#include <string.h>

int
steme_store_get(struct steme_store *s, const struct steme_id *id,
    struct steme_record *r, uint8_t **backing)
{
	uint64_t visible = steme_store_lsn(s);
	struct steme_gen *g = steme_gen_get(s);
	int err = steme_index_record(g->ix, id, r, backing, NULL);

	steme_gen_put(g);
	if (err == STEME_OK && r->lsn > visible) {
		free(*backing);
		*backing = NULL;
		err = STEME_ENOTFOUND;
	}
	return steme_store_index_error(s, err, "reading an object");
}

/* Where chunks that may list lsn begin. */
static uint64_t
log_start(uint64_t lsn)
{
	return lsn >= STEME_LIST_CHUNK ? lsn - STEME_LIST_CHUNK + 1 : 0;
}

/*
 * The id listed for lsn.  A chunk holds at most STEME_LIST_CHUNK ids, and after a
 * replay an older, shorter one may lie inside a longer: the newest that covers it.
 */
static int
id_of_lsn(struct steme_index *ix, uint64_t lsn, struct steme_id *id)
{
	struct steme_keybuf from, to;
	struct steme_iter it;
	uint64_t first;
	int err;

	steme_key_log(&from, log_start(lsn));
	steme_key_log(&to, lsn + 1);
	err = ix->ops->iter_open(ix, NULL, from.b, from.n, to.b, to.n, true, &it);
	if (err != STEME_OK)
		return err;
	while ((err = ix->ops->iter_next(ix, &it)) == STEME_OK) {
		err = steme_key_parse_log(&first, it.key, it.klen);
		if (err == STEME_OK && it.vlen % STEME_ID_LEN != 0)
			err = STEME_ECORRUPT;
		if (err != STEME_OK)
			break;
		if (lsn - first < it.vlen / STEME_ID_LEN) {
			memcpy(id->b, it.val + (lsn - first) * STEME_ID_LEN,
			    STEME_ID_LEN);
			break;
		}
	}
	ix->ops->iter_close(ix, &it);
	/* genesis and envelopes have an lsn, but are no objects */
	if (err == STEME_OK && steme_id_is_zero(id))
		err = STEME_ENOTFOUND;
	return err;
}

int
steme_index_record_at(struct steme_index *ix, uint64_t lsn, struct steme_record *r,
    uint8_t **backing)
{
	struct steme_id id;
	int err = id_of_lsn(ix, lsn, &id);

	*backing = NULL;
	return err != STEME_OK ? err : steme_index_record(ix, &id, r, backing, NULL);
}

int
steme_store_get_lsn(struct steme_store *s, uint64_t lsn, struct steme_record *r,
    uint8_t **backing)
{
	struct steme_gen *g;
	int err;

	*backing = NULL;
	if (lsn == 0 || lsn > steme_store_lsn(s))
		return STEME_ENOTFOUND;
	g = steme_gen_get(s);
	err = steme_index_record_at(g->ix, lsn, r, backing);
	steme_gen_put(g);
	return steme_store_index_error(s, err, "reading a record by its lsn");
}

static int
look_up(struct steme_index *ix, struct steme_str concept, struct steme_name *n)
{
	struct steme_keybuf k;
	uint8_t *val = NULL;
	size_t len;
	int err;

	steme_key_name(&k, concept);
	err = ix->ops->get(ix, NULL, k.b, k.n, &val, &len);
	if (err == STEME_OK)
		err = steme_name_decode(n, val, len);
	free(val);
	return err;
}

int
steme_store_name(struct steme_store *s, struct steme_str concept, uint64_t max_lsn,
    struct steme_name *out)
{
	uint64_t visible = STEME_MIN(max_lsn, steme_store_lsn(s));
	struct steme_gen *g = steme_gen_get(s);
	int err = STEME_ENOTFOUND;

	if (concept.n > 0 && concept.n <= STEME_CONCEPT_MAX)
		err = look_up(g->ix, concept, out);
	steme_gen_put(g);
	if (err == STEME_OK && out->first_lsn > visible)
		err = STEME_ENOTFOUND;
	return steme_store_index_error(s, err, "looking up a concept");
}

/* "parent/leaf", or leaf alone at the root.  False: longer than any concept. */
static bool
join(char out[STEME_CONCEPT_MAX + 1], struct steme_str parent, struct steme_str leaf,
    struct steme_str *path)
{
	size_t n = 0;

	if (parent.n + 1 + leaf.n > STEME_CONCEPT_MAX)
		return false;
	if (parent.n > 0) {
		memcpy(out, parent.p, parent.n);
		n = parent.n;
		out[n++] = '/';
	}
	memcpy(out + n, leaf.p, leaf.n);
	*path = (struct steme_str){ out, n + leaf.n };
	return true;
}

int
steme_store_children(struct steme_store *s, struct steme_str parent,
    uint64_t after_lsn, uint64_t max_lsn, steme_child_visit *visit, void *arg)
{
	uint64_t visible = STEME_MIN(max_lsn, steme_store_lsn(s)), lsn;
	char buf[STEME_CONCEPT_MAX + 1];
	struct steme_keybuf from, to;
	struct steme_str path, leaf;
	struct steme_name n;
	struct steme_walk w;

	if (parent.n > STEME_CONCEPT_MAX)
		return STEME_OK;
	steme_key_range_children(&from, &to, parent, after_lsn);
	steme_walk_begin(&w, s, &from, &to);
	while (steme_walk_next(&w)) {
		w.err = steme_key_parse_child(&lsn, w.it.key, w.it.klen);
		if (w.err != STEME_OK || lsn > visible)
			break;
		leaf = (struct steme_str){ (const char *)w.it.val, w.it.vlen };
		w.err = join(buf, parent, leaf, &path) ?
		    look_up(w.g->ix, path, &n) : STEME_ECORRUPT;
		if (w.err == STEME_OK)
			w.stopped = visit(arg, leaf, lsn, n.has_assertions);
		else if (w.err == STEME_ENOTFOUND)
			w.err = STEME_ECORRUPT;	/* an entry without its name */
	}
	return steme_walk_end(&w, "listing a folder");
}

int
steme_store_newest_child(struct steme_store *s, struct steme_str parent,
    uint64_t *first_lsn)
{
	uint64_t visible = steme_store_lsn(s), lsn = UINT64_MAX;
	struct steme_keybuf from, to;
	struct steme_iter it = { 0 };
	struct steme_gen *g;
	int err;

	*first_lsn = 0;
	if (parent.n > STEME_CONCEPT_MAX)
		return STEME_OK;
	g = steme_gen_get(s);
	steme_key_range_children(&from, &to, parent, 0);
	err = g->ix->ops->iter_open(g->ix, NULL, from.b, from.n, to.b, to.n, true,
	    &it);
	/* what is not visible yet comes first */
	while (err == STEME_OK && lsn > visible &&
	    (err = g->ix->ops->iter_next(g->ix, &it)) == STEME_OK)
		err = steme_key_parse_child(&lsn, it.key, it.klen);
	g->ix->ops->iter_close(g->ix, &it);
	steme_gen_put(g);
	if (err == STEME_OK)
		*first_lsn = lsn;
	return err == STEME_ENOTFOUND ? STEME_OK :
	    steme_store_index_error(s, err, "looking for the newest child");
}

/* One range of names: the concepts in it that assert, after `after`. */
static int
visit_names(struct steme_store *s, const struct steme_keybuf *from,
    const struct steme_keybuf *to, struct steme_str after, uint64_t visible,
    steme_concept_visit *visit, void *arg)
{
	struct steme_str concept;
	struct steme_name n;
	struct steme_walk w;

	steme_walk_begin(&w, s, from, to);
	while (steme_walk_next(&w)) {
		w.err = steme_key_parse_name(&concept, w.it.key, w.it.klen);
		if (w.err == STEME_OK)
			w.err = steme_name_decode(&n, w.it.val, w.it.vlen);
		if (w.err == STEME_OK && n.has_assertions &&
		    n.first_lsn <= visible &&
		    (after.n == 0 || steme_str_cmp(concept, after) > 0))
			w.stopped = visit(arg, concept);
	}
	return steme_walk_end(&w, "listing concepts");
}

int
steme_store_concepts(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, uint64_t max_lsn, steme_concept_visit *visit, void *arg)
{
	uint64_t visible = STEME_MIN(max_lsn, steme_store_lsn(s));
	struct steme_keybuf from, to, own, next;
	int err;

	if (prefix.n > STEME_CONCEPT_MAX || after.n > STEME_CONCEPT_MAX)
		return STEME_OK;
	/* the prefix itself, which sorts before everything below it */
	if (prefix.n > 0) {
		steme_key_name(&own, prefix);
		next = own;
		next.b[next.n++] = 0;
		err = visit_names(s, &own, &next, after, visible, visit, arg);
		if (err != STEME_OK)
			return err;
	}
	steme_key_range_names(&from, &to, prefix);
	if (after.n > 0) {
		steme_key_name(&own, after);
		if (own.n > from.n || memcmp(own.b, from.b,
		    STEME_MIN(own.n, from.n)) > 0)
			from = own;
	}
	return visit_names(s, &from, &to, after, visible, visit, arg);
}

int
steme_store_concepts_from(struct steme_store *s, struct steme_str begins,
    struct steme_str after, uint64_t max_lsn, steme_concept_visit *visit, void *arg)
{
	uint64_t visible = STEME_MIN(max_lsn, steme_store_lsn(s));
	struct steme_keybuf from, to;

	if (begins.n > STEME_CONCEPT_MAX || after.n > STEME_CONCEPT_MAX)
		return STEME_OK;
	steme_key_range_names_from(&from, &to, begins);
	if (after.n > 0 && steme_str_cmp(after, begins) > 0)
		steme_key_name(&from, after);
	/* it may be behind all of them */
	if (memcmp(from.b, to.b, STEME_MIN(from.n, to.n)) >= 0)
		return STEME_OK;
	return visit_names(s, &from, &to, after, visible, visit, arg);
}

/* ---- lists ---- */

/* One chunk of 'L': calls visit for its records in [next, visible]. */
static void
visit_chunk(struct steme_walk *w, uint64_t *next, uint64_t visible,
    steme_record_visit *visit, void *arg)
{
	struct steme_record r;
	struct steme_id id;
	uint8_t *backing;
	uint64_t first, lsn;

	w->err = steme_key_parse_log(&first, w->it.key, w->it.klen);
	if (w->it.vlen % STEME_ID_LEN != 0)
		w->err = STEME_ECORRUPT;
	for (size_t at = 0; w->err == STEME_OK && w->stopped == 0 &&
	    at < w->it.vlen; at += STEME_ID_LEN) {
		lsn = first + at / STEME_ID_LEN;
		if (lsn < *next)
			continue;
		if (lsn > visible)
			break;
		*next = lsn + 1;
		memcpy(id.b, w->it.val + at, STEME_ID_LEN);
		if (steme_id_is_zero(&id))
			continue;
		w->err = steme_index_record(w->g->ix, &id, &r, &backing, NULL);
		if (w->err == STEME_ENOTFOUND)
			w->err = STEME_ECORRUPT;
		if (w->err == STEME_OK)
			w->stopped = visit(arg, &r);
		free(backing);
	}
}

int
steme_store_log(struct steme_store *s, uint64_t from_lsn, uint64_t max_lsn,
    steme_record_visit *visit, void *arg)
{
	uint64_t visible = STEME_MIN(max_lsn, steme_store_lsn(s)), next = from_lsn;
	struct steme_keybuf from, to;
	struct steme_walk w;

	steme_key_log(&from, log_start(from_lsn));
	steme_key_log(&to, visible + 1);
	steme_walk_begin(&w, s, &from, &to);
	while (steme_walk_next(&w))
		visit_chunk(&w, &next, visible, visit, arg);
	return steme_walk_end(&w, "reading the log order");
}

/* ---- the world ---- */

const struct steme_world *
steme_store_world(struct steme_store *s, struct steme_bounds *b)
{
	b->max_lsn = STEME_MIN(b->max_lsn, steme_store_lsn(s));
	return steme_world_at(s->globals, b);
}

uint64_t
steme_store_globals_version(struct steme_store *s, const struct steme_bounds *b,
    uint64_t *hlc)
{
	struct steme_bounds in = *b;
	struct steme_record r;
	uint8_t *backing;
	uint64_t lsn;

	in.max_lsn = STEME_MIN(in.max_lsn, steme_store_lsn(s));
	lsn = steme_globals_lsn_at(s->globals, &in);
	*hlc = 0;
	if (lsn == 0)
		return 0;
	pthread_mutex_lock(&s->mu);
	if (s->globals_lsn == lsn)
		*hlc = s->globals_hlc;
	pthread_mutex_unlock(&s->mu);
	if (*hlc != 0)
		return lsn;
	if (steme_store_get_lsn(s, lsn, &r, &backing) != STEME_OK)
		return lsn;
	*hlc = r.hlc;
	free(backing);
	pthread_mutex_lock(&s->mu);
	s->globals_lsn = lsn;
	s->globals_hlc = *hlc;
	pthread_mutex_unlock(&s->mu);
	return lsn;
}
