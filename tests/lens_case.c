/* SPDX-License-Identifier: Apache-2.0 */
/* lens_case.c - see lens_case.h. */
#include "config.h"
#include "tests/lens_case_impl.h"

#include "core/path.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct json_object *
id_json(const struct steme_id *id)
{
	char hex[STEME_ID_HEX + 1];
	size_t n = STEME_ID_HEX;

	steme_id_hex(hex, id);
	while (n > 2 && hex[n - 1] == '0' && hex[n - 2] == '0')
		n -= 2;
	return json_object_new_string_len(hex, (int)n);
}

static struct json_object *
dec_json(int32_t v)
{
	char dec[8];

	return json_object_new_string(steme_dec4_format(dec, v));
}

static bool
in_class(const struct steme_world *w, struct steme_str asked, struct steme_str concept)
{
	const struct steme_str *names;
	size_t n;

	if (steme_str_eq(asked, concept))
		return true;
	steme_world_aliases(w, asked, &names, &n);
	for (size_t i = 0; i < n; i++)
		if (steme_str_eq(names[i], concept))
			return true;
	return false;
}

/* A rule on what is asked about or above it; *above: by how many levels. */
static bool
is_rule(struct run *run, struct steme_str asked, const struct steme_object *o,
    uint32_t *above)
{
	if (!steme_constraint_is(o->predicate))
		return false;
	for (*above = 0; asked.n > 0; asked = steme_concept_parent(asked), ++*above)
		if (in_class(run->ctx.world, asked, o->concept))
			return true;
	return false;
}

static bool
is_asked(struct run *run, struct json_object *q, const struct steme_object *o,
    bool constraints, uint32_t *above)
{
	*above = 0;
	if (o->kind != STEME_ASSERTION)
		return false;
	if (constraints)
		return is_rule(run, lens_str(q, "concept"), o, above);
	return steme_str_eq(o->predicate, lens_str(q, "predicate")) &&
	    in_class(run->ctx.world, lens_str(q, "concept"), o->concept);
}

static void
collect(struct run *run, struct json_object *q, bool constraints)
{
	if ((run->c = calloc(run->n + 1, sizeof(*run->c))) == NULL)
		abort();
	for (size_t i = 0; i < run->n; i++) {
		const struct item *it = &run->items[i];
		uint32_t above;

		if (!is_asked(run, q, &it->o, constraints, &above))
			continue;
		run->c[run->nc].above = above;
		run->c[run->nc].o = &it->o;
		run->c[run->nc].id = it->r.id;
		run->c[run->nc].lsn = it->r.lsn;
		run->c[run->nc].hlc = it->r.hlc;
		run->c[run->nc++].node = it->r.node;
	}
}

/* Marks count only if their concept is that of the assertion they name. */
static struct steme_mark *
marks(struct run *run, enum steme_kind kind, size_t *n)
{
	struct steme_mark *m = calloc(run->n + 1, sizeof(*m));

	*n = 0;
	if (m == NULL)
		abort();
	for (size_t i = 0; i < run->n; i++) {
		const struct item *it = &run->items[i];

		if (it->o.kind != kind || !it->o.has_assertion)
			continue;
		for (size_t k = 0; k < run->nc; k++)
			if (steme_id_eq(&run->c[k].id, &it->o.assertion) &&
			    steme_str_eq(run->c[k].o->concept, it->o.concept))
				m[(*n)++] = (struct steme_mark){ it->r.id,
				    it->o.assertion, it->o.agent, it->o.weight,
				    it->o.time_us, it->r.hlc, it->r.lsn };
	}
	return m;
}

static void
filter(struct run *run)
{
	size_t nr, nv;
	struct steme_mark *retr = marks(run, STEME_RETRACTION, &nr);
	struct steme_mark *votes = marks(run, STEME_VOTE, &nv);

	run->counting = steme_lens_filter(&run->ctx, run->c, run->nc, retr, nr, votes,
	    nv);
	free(retr);
	free(votes);
}

/* ---- the answer ---- */

static int
cand_order(const void *a, const void *b)
{
	return steme_id_cmp(&((const struct steme_cand *)a)->id,
	    &((const struct steme_cand *)b)->id);
}

static void
put_states(struct run *run, struct json_object *out)
{
	struct json_object *states = json_object_new_object();
	struct json_object *votes = json_object_new_object();
	struct steme_cand *c = calloc(run->nc + 1, sizeof(*c));

	if (c == NULL)
		abort();
	memcpy(c, run->c, run->nc * sizeof(*c));
	qsort(c, run->nc, sizeof(*c), cand_order);
	for (size_t i = 0; i < run->nc; i++) {
		struct json_object *id = id_json(&c[i].id);

		json_object_object_add(states, json_object_get_string(id),
		    json_object_new_string(steme_state_name(c[i].state)));
		json_object_object_add(votes, json_object_get_string(id),
		    json_object_new_int64(c[i].votes));
		json_object_put(id);
	}
	free(c);
	json_object_object_add(out, "states", states);
	json_object_object_add(out, "vote_sums", votes);
}

static void
put_shares(struct run *run, const struct steme_result *r, struct json_object *out)
{
	static const char *const status[] = { "unanimous", "agreed", "contested" };
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < r->nshares; i++) {
		const struct steme_share *s = &r->shares[i];
		struct json_object *j = json_object_new_object();
		struct json_object *ids = json_object_new_array();

		for (uint32_t k = 0; k < s->nmembers; k++)
			json_object_array_add(ids, id_json(
			    &run->c[r->members[s->first_member + k]].id));
		json_object_object_add(j, "share", dec_json(s->share));
		json_object_object_add(j, "agents",
		    json_object_new_int64(s->agents));
		json_object_object_add(j, "first", id_json(&run->c[s->first].id));
		json_object_object_add(j, "ids", ids);
		json_object_array_add(list, j);
	}
	json_object_object_add(out, "values", list);
	if (r->candidates > 0)
		json_object_object_add(out, "status",
		    json_object_new_string(status[r->status]));
}

static void
put_tiers(struct run *run, const struct steme_result *r, struct json_object *out)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < r->ntiers; i++) {
		const struct steme_tier *t = &r->tiers[i];
		struct json_object *j = json_object_new_object();

		json_object_object_add(j, "class",
		    json_object_new_string(steme_class_name(t->class_)));
		json_object_object_add(j, "winner", id_json(&run->c[t->winner].id));
		json_object_object_add(j, "confidence", dec_json(t->confidence));
		json_object_object_add(j, "conflict", dec_json(t->conflict));
		json_object_object_add(j, "candidates",
		    json_object_new_int64(t->candidates));
		json_object_array_add(list, j);
	}
	json_object_object_add(out, "tiers", list);
	json_object_object_add(out, "cross_tier_conflict",
	    dec_json(r->cross_tier_conflict));
}

static void
put_rules(struct run *run, struct json_object *out)
{
	const struct steme_cand **c = calloc(run->counting + 1, sizeof(*c));
	struct json_object *list = json_object_new_array();

	if (c == NULL)
		abort();
	for (size_t i = 0; i < run->counting; i++)
		c[i] = &run->c[i];
	steme_lens_constraints(c, run->counting);
	for (size_t i = 0; i < run->counting; i++) {
		struct json_object *j = json_object_new_object();
		struct steme_str reason = steme_constraint_reason(c[i]->o);

		json_object_object_add(j, "id", id_json(&c[i]->id));
		json_object_object_add(j, "reason",
		    json_object_new_string_len(reason.p, (int)reason.n));
		json_object_array_add(list, j);
	}
	free(c);
	json_object_object_add(out, "rules", list);
}

static void
put_result(struct run *run, enum steme_lens lens, struct json_object *out)
{
	struct steme_result r;

	if (steme_lens_resolve(lens, &run->ctx, run->c, run->counting, &r) != STEME_OK)
		abort();
	json_object_object_add(out, "candidates", json_object_new_int64(r.candidates));
	json_object_object_add(out, "winner", r.winner < 0 ? NULL :
	    id_json(&run->c[r.winner].id));
	json_object_object_add(out, "confidence", dec_json(r.confidence));
	json_object_object_add(out, "conflict", dec_json(r.conflict));
	if (lens == STEME_LENS_SKEPTIC)
		put_shares(run, &r, out);
	if (lens == STEME_LENS_LAYERED)
		put_tiers(run, &r, out);
	steme_result_fini(&r);
}

/* {"trust": [names], "class": [[name, class, concept]], ...} answered likewise. */
static void
put_world(struct run *run, struct json_object *ask, struct json_object *out)
{
	struct json_object *w = json_object_new_object(), *list, *j, *res;
	char value[24];

	list = lens_get(ask, "trust");
	res = json_object_new_object();
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(
		    json_object_array_get_idx(list, i));
		struct steme_id id = lens_agent_id(name);

		snprintf(value, sizeof(value), "0.%09" PRIu32,
		    steme_world_trust(run->ctx.world, &id));
		if (strcmp(value, "0.1000000000") == 0)
			strcpy(value, "1");
		json_object_object_add(res, name, json_object_new_string(value));
	}
	json_object_object_add(w, "trust", res);
	list = lens_get(ask, "class");
	res = json_object_new_array();
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct steme_id id;
		enum steme_class c;

		j = json_object_array_get_idx(list, i);
		id = lens_agent_id(json_object_get_string(json_object_array_get_idx(j, 0)));
		if (steme_class_parse(steme_str_from(json_object_get_string(
		    json_object_array_get_idx(j, 1))), &c) != STEME_OK)
			lens_die("class", json_object_get_string(j));
		c = steme_world_class(run->ctx.world, &id, c, steme_str_from(
		    json_object_get_string(json_object_array_get_idx(j, 2))));
		json_object_array_add(res, json_object_new_string(steme_class_name(c)));
	}
	json_object_object_add(w, "class", res);
	json_object_object_add(out, "world", w);
}

static void
answer(struct run *run, struct json_object *q, struct json_object *out)
{
	struct json_object *lens = lens_get(q, "lens");
	const char *name = lens == NULL ? NULL : json_object_get_string(lens);
	bool constraints = name != NULL && strcmp(name, "constraints") == 0;
	enum steme_lens l;

	if (lens_get(q, "world") != NULL)
		put_world(run, lens_get(q, "world"), out);
	if (lens_text(q, "concept") == NULL)
		return;
	collect(run, q, constraints);
	filter(run);
	put_states(run, out);
	if (constraints) {
		put_rules(run, out);
		return;
	}
	for (l = 0; l < STEME_LENS_CONSTRAINTS; l++) {
		struct json_object *one;

		if (name != NULL && strcmp(name, steme_lens_name(l)) != 0)
			continue;
		/* without a lens: all of them, by name */
		one = name != NULL ? json_object_get(out) : json_object_new_object();
		put_result(run, l, one);
		if (name == NULL)
			json_object_object_add(out, steme_lens_name(l), one);
		else
			json_object_put(one);
	}
}

struct json_object *
lens_case_eval(struct json_object *c, uint64_t shuffle)
{
	struct json_object *q = lens_get(c, "query");
	struct json_object *out = json_object_new_object();
	struct steme_id operator_ = lens_agent_id("operator");
	struct run run = { 0 };

	lens_read_items(&run, lens_get(c, "objects"), shuffle);
	lens_read_ctx(&run.ctx, q);
	run.g = steme_globals_new(&operator_);
	for (size_t i = 0; i < run.n; i++)
		if (steme_globals_wants(&run.items[i].o) &&
		    steme_globals_add(run.g, &run.items[i].r, &run.items[i].o) !=
		    STEME_OK)
			abort();
	run.ctx.world = steme_world_at(run.g, &run.ctx.bounds);
	answer(&run, q, out);
	steme_world_put(run.ctx.world);
	steme_globals_free(run.g);
	free(run.c);
	free(run.items);
	free(run.names);
	return out;
}

int
lens_case_compare(struct json_object *want, struct json_object *got, char *why,
    size_t size)
{
	if (json_object_get_type(want) == json_type_object &&
	    json_object_get_type(got) == json_type_object) {
		json_object_object_foreach(want, key, v) {
			char inner[256];

			if (lens_case_compare(v, lens_get(got, key), inner,
			    sizeof(inner)) == 0)
				continue;
			snprintf(why, size, "%s: %s", key, inner);
			return -1;
		}
		return 0;
	}
	if (json_object_get_type(want) == json_type_array &&
	    json_object_get_type(got) == json_type_array &&
	    json_object_array_length(want) == json_object_array_length(got)) {
		for (size_t i = 0; i < json_object_array_length(want); i++)
			if (lens_case_compare(json_object_array_get_idx(want, i),
			    json_object_array_get_idx(got, i), why, size) != 0)
				return -1;
		return 0;
	}
	if ((want == NULL && got == NULL) || (want != NULL && got != NULL &&
	    strcmp(json_object_get_string(want), json_object_get_string(got)) == 0))
		return 0;
	snprintf(why, size, "want %s, got %s",
	    want == NULL ? "null" : json_object_to_json_string(want),
	    got == NULL ? "null" : json_object_to_json_string(got));
	return -1;
}
