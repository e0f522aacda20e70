/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_browse.c - what is there: concepts, agents, sources; what retracting a source would
 * change; where an object comes from; two answers side by side.
 */
#include "config.h"
#include "api/browse.h"
#include "api/guard.h"
#include "core/util.h"

#include <string.h>

/* Sends what was encoded, or tells what was wrong with it. */
static void
ask(struct api_request *r, enum steme_msg type, struct steme_buf *b, int err,
    const struct steme_why *why, void (*then)(struct api_request *r))
{
	if (err != STEME_OK)
		api_problem_err(r, err, why->text);
	else
		api_ask_buf(r, type, b, then);
	steme_buf_fini(b);
}

/* ---- lists ---- */

void
api_concepts(struct api_request *r)
{
	enum { PARENT, PREFIX, LIMIT, CURSOR, N };
	struct api_arg a[N] = { [PARENT] = { .name = "parent" },
	    [PREFIX] = { .name = "prefix" }, [LIMIT] = { .name = "limit" },
	    [CURSOR] = { .name = "cursor" } };
	struct steme_msg_list m = { .counts = true };
	struct steme_why why = { "" };
	struct steme_buf b = { 0 };
	bool prefix;
	int err;

	err = api_args(r, a, N, &why);
	prefix = a[PREFIX].value.p != NULL;
	if (err == STEME_OK && prefix && a[PARENT].value.p != NULL)
		err = steme_fail(&why, STEME_EINVAL, "parent lists one level, prefix "
		    "all levels: give one of them");
	if (err == STEME_OK)
		err = api_arg_limit(&a[LIMIT], &m.limit, &why);
	if (err == STEME_OK)
		err = api_arg_text(&a[prefix ? PREFIX : PARENT], STEME_CONCEPT_MAX,
		    &m.text, &why);
	if (err == STEME_OK)
		err = prefix ? api_arg_text(&a[CURSOR], STEME_CONCEPT_MAX, &m.after,
		    &why) : api_arg_u64(&a[CURSOR], &m.after_lsn, &why);
	api_guard_about(r, m.text, STEME_LIT(""), STEME_LIT(""));
	if (err == STEME_OK)
		steme_msg_put_list(&b, &m);
	ask(r, prefix ? STEME_MSG_CONCEPTS : STEME_MSG_CHILDREN, &b, err, &why,
	    api_reply_answer);
}

void
api_agents(struct api_request *r)
{
	struct api_arg a[] = { { .name = "limit" }, { .name = "cursor" } };
	struct steme_msg_list m = { .after_lsn = 0 };
	struct steme_why why = { "" };
	struct steme_buf b = { 0 };
	int err = api_args(r, a, STEME_NELEM(a), &why);

	if (err == STEME_OK)
		err = api_arg_limit(&a[0], &m.limit, &why);
	if (err == STEME_OK)
		err = api_arg_text(&a[1], STEME_ID_HEX, &m.after, &why);
	if (err == STEME_OK)
		steme_msg_put_list(&b, &m);
	ask(r, STEME_MSG_AGENTS, &b, err, &why, api_reply_answer);
}

void
api_sources(struct api_request *r)
{
	struct api_arg a[] = { { .name = "prefix" }, { .name = "limit" },
	    { .name = "cursor" } };
	struct steme_msg_list m = { .after_lsn = 0 };
	struct steme_why why = { "" };
	struct steme_buf b = { 0 };
	int err = api_args(r, a, STEME_NELEM(a), &why);

	if (err == STEME_OK)
		err = api_arg_limit(&a[1], &m.limit, &why);
	if (err == STEME_OK)
		err = api_arg_text(&a[0], STEME_SOURCE_MAX, &m.text, &why);
	if (err == STEME_OK)
		err = api_arg_text(&a[2], STEME_SOURCE_MAX, &m.after, &why);
	if (err == STEME_OK)
		steme_msg_put_list(&b, &m);
	ask(r, STEME_MSG_SOURCES, &b, err, &why, api_reply_answer);
}

void
api_impact(struct api_request *r)
{
	struct api_arg a[] = { { .name = "source" }, { .name = "lens" },
	    { .name = "limit" } };
	struct steme_msg_impact m = { .lens = STEME_LENS_RECENCY };
	struct steme_why why = { "" };
	struct steme_buf b = { 0 };
	int err = api_args(r, a, STEME_NELEM(a), &why);

	if (err == STEME_OK && a[0].value.n == 0)
		err = steme_fail(&why, STEME_EINVAL, "parameter source is needed: 1 to "
		    "%d bytes, as claims cite it", STEME_SOURCE_MAX);
	if (err == STEME_OK)
		err = api_arg_text(&a[0], STEME_SOURCE_MAX, &m.source, &why);
	if (err == STEME_OK && a[1].value.p != NULL)
		err = steme_lens_parse(a[1].value, &m.lens, &why);
	if (err == STEME_OK)
		err = api_arg_limit(&a[2], &m.limit, &why);
	if (err == STEME_OK)
		steme_msg_put_impact(&b, &m);
	ask(r, STEME_MSG_IMPACT, &b, err, &why, api_reply_answer);
}

/* ---- one object ---- */

static void
reply_origin(struct api_request *r)
{
	if (r->err != STEME_OK)
		api_problem_err(r, r->err, r->why);
	else
		api_reply_tagged(r, API_JSON, NULL, &r->answer);
}

void
api_origin(struct api_request *r)
{
	struct steme_why why = { "" };
	struct steme_buf b = { 0 };
	struct steme_id id;

	if (r->arg.n != STEME_ID_HEX ||
	    steme_id_parse(&id, r->arg.p, r->arg.n) != STEME_OK) {
		api_problem(r, 404, "not-found", "an object's origin is asked for as "
		    "/v1/proof/ID with 64 lower-case hex digits");
		return;
	}
	steme_msg_put_object(&b, STEME_WANT_ORIGIN, &id);
	ask(r, STEME_MSG_OBJECT, &b, STEME_OK, &why, reply_origin);
}

/* ---- diff ---- */

/* Parameters of both sides; then those that each side has for itself. */
enum { BOTH = 7, OWN = 3, NARGS = BOTH + 2 * OWN };

static int
set_side(struct steme_query *q, const struct api_arg *a, size_t n, bool second,
    struct steme_why *why)
{
	struct steme_why w = { "" };
	int err = STEME_OK;

	for (size_t i = 0; i < n && err == STEME_OK; i++) {
		struct steme_str name = steme_str_from(a[i].name);

		name.n -= second;
		if (a[i].value.p != NULL)
			err = steme_query_set(q, name, a[i].value, &w);
		if (err != STEME_OK)
			err = steme_fail(why, err, "parameter %s: %s", a[i].name,
			    w.text);
	}
	return err;
}

void
api_diff(struct api_request *r)
{
	struct api_arg a[NARGS] = { { .name = "concept_path" },
	    { .name = "predicate" }, { .name = "lifecycle" }, { .name = "epoch" },
	    { .name = "include" }, { .name = "decay" }, { .name = "since" },
	    { .name = "lens" }, { .name = "as_of" }, { .name = "known_at" },
	    { .name = "lens2" }, { .name = "as_of2" }, { .name = "known_at2" } };
	const struct api_arg *own = a + BOTH, *other = own + OWN;
	struct steme_query q1, q2;
	struct steme_why why = { "" };
	struct steme_buf b = { 0 };
	int err;

	steme_query_init(&q1);
	if ((err = api_args(r, a, NARGS, &why)) == STEME_OK)
		err = set_side(&q1, a, BOTH + OWN, false, &why);
	q2 = q1;
	if (err == STEME_OK)
		err = set_side(&q2, other, OWN, true, &why);
	if (err == STEME_OK && q1.concept.p == NULL)
		err = steme_fail(&why, STEME_EINVAL, "concept_path is needed");
	if (err == STEME_OK && other[0].value.p == NULL && other[1].value.p == NULL &&
	    other[2].value.p == NULL)
		err = steme_fail(&why, STEME_EINVAL, "what to compare with is needed: "
		    "lens2, as_of2 or known_at2");
	if (err == STEME_OK) {
		api_guard_concept(r, q1.concept);
		api_guard_about(r, q1.concept, q1.predicate,
		    steme_str_from(steme_lens_name(q1.lens)));
		steme_msg_put_diff(&b, &q1, &q2);
	}
	ask(r, STEME_MSG_DIFF, &b, err, &why, api_reply_answer);
}
