/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lists.c - what the index lists by agent, by source and by assertion.  Bounded by the
 * published lsn, as all that is read.
 */
#include "config.h"
#include "core/store_impl.h"
#include "core/rd.h"
#include "core/util.h"

#include <string.h>

/*
 * The lsns of a list, ascending, from from_lsn on.  Chunks of an earlier run may overlap
 * those of a replay; each covers all lsns between its first and its last, so
 * whatever is not above the last one told has been told.
 */
static int
visit_list(struct steme_store *s, const struct steme_keybuf *from,
    const struct steme_keybuf *to, uint64_t from_lsn, steme_lsn_visit *visit,
    void *arg)
{
	uint64_t visible = steme_store_lsn(s), next = from_lsn;
	struct steme_walk w;

	steme_walk_begin(&w, s, from, to);
	while (steme_walk_next(&w)) {
		struct steme_rd rd = steme_rd_from(w.it.val, w.it.vlen);

		while (rd.n > 0 && w.stopped == 0) {
			uint64_t listed = steme_rd_le(&rd, 8);
			uint64_t lsn = listed & ~STEME_LISTED_OTHER;

			if (!steme_rd_ok(&rd) || lsn > visible)
				break;
			if (lsn < next)
				continue;
			next = lsn + 1;
			w.stopped = visit(arg, lsn, lsn == listed);
		}
		if (!steme_rd_ok(&rd))
			w.err = STEME_ECORRUPT;
	}
	return steme_walk_end(&w, "reading a list");
}

/* Where a list must be read from so that no chunk with from_lsn is missed. */
static uint64_t
list_start(uint64_t from_lsn)
{
	return from_lsn > STEME_GROUP_RECORDS ? from_lsn - STEME_GROUP_RECORDS : 0;
}

int
steme_store_by_agent(struct steme_store *s, const struct steme_id *agent,
    uint64_t from_lsn, steme_lsn_visit *visit, void *arg)
{
	struct steme_keybuf from, to;

	steme_key_agent(&from, agent, list_start(from_lsn));
	steme_key_agent(&to, agent, UINT64_MAX);
	return visit_list(s, &from, &to, from_lsn, visit, arg);
}

int
steme_store_by_source(struct steme_store *s, struct steme_str source,
    uint64_t from_lsn, steme_lsn_visit *visit, void *arg)
{
	struct steme_keybuf from, to;
	uint8_t h[16];

	steme_source_hash16(h, source);
	steme_key_source(&from, h, list_start(from_lsn));
	steme_key_source(&to, h, UINT64_MAX);
	return visit_list(s, &from, &to, from_lsn, visit, arg);
}

/* ---- who and what is listed ---- */

/* In (after, to): keys only, so the first one above `after` is the next source. */
int
steme_store_sources(struct steme_store *s, struct steme_str prefix,
    struct steme_str after, steme_source_visit *visit, void *arg)
{
	struct steme_keybuf from, to, above;
	struct steme_str source;
	struct steme_walk w;

	if (prefix.n > STEME_SOURCE_MAX || after.n > STEME_SOURCE_MAX)
		return STEME_OK;
	steme_key_range_sources(&from, &to, prefix);
	steme_key_source_text(&above, after);
	above.b[above.n++] = 0;		/* below everything that begins with it */
	if (after.n > 0 && memcmp(above.b, from.b, STEME_MIN(above.n, from.n)) >= 0)
		from = above;
	steme_walk_begin(&w, s, &from, &to);
	while (steme_walk_next(&w)) {
		w.err = steme_key_parse_source_text(&source, w.it.key, w.it.klen);
		if (w.err == STEME_OK)
			w.stopped = visit(arg, source);
	}
	return steme_walk_end(&w, "listing sources");
}

/* The first agent from this key on. */
static int
first_agent(struct steme_index *ix, const struct steme_keybuf *from,
    const struct steme_keybuf *to, struct steme_id *agent)
{
	struct steme_iter it;
	uint64_t lsn;
	int err;

	err = ix->ops->iter_open(ix, NULL, from->b, from->n, to->b, to->n, false,
	    &it);
	if (err != STEME_OK)
		return err;
	if ((err = ix->ops->iter_next(ix, &it)) == STEME_OK)
		err = steme_key_parse_agent(agent, &lsn, it.key, it.klen);
	ix->ops->iter_close(ix, &it);
	return err;
}

/* From each agent to the one behind its last list: lists are not read. */
int
steme_store_agents(struct steme_store *s, const struct steme_id *after,
    steme_agent_visit *visit, void *arg)
{
	struct steme_gen *g = steme_gen_get(s);
	struct steme_keybuf from, to;
	struct steme_id agent;
	int err, stopped = 0;

	steme_key_range_family(&from, &to, 'A');
	if (after != NULL)
		steme_key_agent(&from, after, UINT64_MAX);
	while (stopped == 0 &&
	    (err = first_agent(g->ix, &from, &to, &agent)) == STEME_OK) {
		stopped = visit(arg, &agent);
		steme_key_agent(&from, &agent, UINT64_MAX);
	}
	steme_gen_put(g);
	if (stopped != 0)
		return stopped;
	return steme_store_index_error(s, err == STEME_ENOTFOUND ? STEME_OK : err,
	    "listing agents");
}

/* ---- one concept ---- */

/* Calls visit for every visible record of a range of 'C'. */
static int
visit_records(struct steme_store *s, const struct steme_keybuf *from,
    const struct steme_keybuf *to, uint64_t max_lsn, steme_record_visit *visit,
    void *arg)
{
	uint64_t visible = STEME_MIN(max_lsn, steme_store_lsn(s));
	struct steme_record r;
	struct steme_walk w;

	steme_walk_begin(&w, s, from, to);
	while (steme_walk_next(&w)) {
		w.err = steme_record_decode_value(&r, w.it.val, w.it.vlen);
		if (w.err == STEME_OK && r.lsn <= visible)
			w.stopped = visit(arg, &r);
	}
	return steme_walk_end(&w, "reading a concept");
}

struct counting {
	uint64_t n, most;
};

static int
count_one(void *arg, const struct steme_record *r)
{
	struct counting *c = arg;

	(void)r;
	return ++c->n == c->most;
}

int
steme_store_count(struct steme_store *s, struct steme_str concept, uint64_t max_lsn,
    uint64_t most, uint64_t *n)
{
	struct counting c = { 0, most };
	struct steme_keybuf from, marks, to;
	int err;

	*n = 0;
	if (concept.n == 0 || concept.n > STEME_CONCEPT_MAX)
		return STEME_OK;
	/* behind the marks */
	steme_key_range_marks(&marks, &from, concept);
	steme_key_range_concept(&marks, &to, concept);
	err = visit_records(s, &from, &to, max_lsn, count_one, &c);
	*n = c.n;
	return err < 0 ? err : STEME_OK;
}

int
steme_store_marks(struct steme_store *s, struct steme_str concept,
    const struct steme_id *assertion, char kind, steme_record_visit *visit, void *arg)
{
	struct steme_keybuf from, to;

	if (concept.n == 0 || concept.n > STEME_CONCEPT_MAX)
		return STEME_OK;
	steme_key_range_marks_on(&from, &to, concept, assertion, kind);
	return visit_records(s, &from, &to, UINT64_MAX, visit, arg);
}
