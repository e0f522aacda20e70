/* SPDX-License-Identifier: Apache-2.0 */
/* lens_case.c - see lens_case.h. */
#include "config.h"
#include "tests/lens_case.h"

#include "core/clock.h"
#include "core/lens.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_NAMES	4096

struct item {
	struct steme_record r;
	struct steme_object o;
};

struct run {
	struct item *items;
	size_t n;
	char (*names)[STEME_ID_HEX + 1];	/* "@name" spelled out */
	size_t nnames;
	uint64_t random;
	struct steme_lens_ctx ctx;
	struct steme_globals *g;
	struct steme_cand *c;
	size_t nc, counting;
};

static void
die(const char *what, const char *where)
{
	fprintf(stderr, "malformed case: %s: %s\n", what, where);
	abort();
}

static struct json_object *
get(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	if (o != NULL)
		json_object_object_get_ex(o, name, &v);
	return v;
}

static const char *
text(struct json_object *o, const char *name)
{
	struct json_object *v = get(o, name);

	return v == NULL ? NULL : json_object_get_string(v);
}

static struct steme_str
str(struct json_object *o, const char *name)
{
	struct json_object *v = get(o, name);

	if (v == NULL)
		return (struct steme_str){0};
	return (struct steme_str){ json_object_get_string(v),
	    strlen(json_object_get_string(v)) };
}

/* An agent's key is the hash of its name. */
static struct steme_id
agent_id(const char *name)
{
	return steme_hash(name, strlen(name));
}

/* An id is written as its first hex digits; zeros follow. */
static struct steme_id
object_id(const char *hex)
{
	char full[STEME_ID_HEX + 1];
	struct steme_id id;

	memset(full, '0', STEME_ID_HEX);
	full[STEME_ID_HEX] = '\0';
	memcpy(full, hex, STEME_MIN(strlen(hex), (size_t)STEME_ID_HEX));
	if (steme_id_parse(&id, full, STEME_ID_HEX) != STEME_OK)
		die("id", hex);
	return id;
}

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

static int64_t
time_of(const char *s)
{
	int64_t us;

	if (steme_time_parse_loose(steme_str_from(s), &us) != STEME_OK)
		die("time", s);
	return us;
}

static int32_t
dec(struct json_object *o, const char *name, int32_t dflt)
{
	struct steme_str s = str(o, name);
	int32_t v = dflt;

	if (s.p != NULL && steme_dec4_parse_loose(s, &v) != STEME_OK)
		die("decimal", s.p);
	return v;
}

/* "@name" is the name's key in hex: a predicate of _steme/stewards. */
static struct steme_str
predicate(struct run *run, struct json_object *o)
{
	struct steme_str s = str(o, "predicate");
	struct steme_id id;

	if (s.p == NULL || s.p[0] != '@')
		return s;
	id = agent_id(s.p + 1);
	if (run->nnames == MAX_NAMES)
		die("too many names", s.p);
	steme_id_hex(run->names[run->nnames], &id);
	return steme_str_from(run->names[run->nnames++]);
}

static void
read_value(struct steme_object *o, struct json_object *v)
{
	static const struct {
		const char *member;
		enum steme_type type;
	} types[] = { { "number", STEME_NUMBER }, { "reference", STEME_REFERENCE } };

	if (v == NULL) {
		o->type = STEME_TEXT;
		o->value = STEME_LIT("");
		return;
	}
	o->value = steme_str_from(json_object_get_string(v));
	switch (json_object_get_type(v)) {
	case json_type_string:
		o->type = STEME_TEXT;
		return;
	case json_type_boolean:
		o->type = STEME_BOOLEAN;
		return;
	case json_type_int:
	case json_type_double:
		o->type = STEME_NUMBER;
		return;
	default:
		break;
	}
	for (size_t i = 0; i < STEME_NELEM(types); i++)
		if (get(v, types[i].member) != NULL) {
			o->type = types[i].type;
			o->value = str(v, types[i].member);
			return;
		}
	die("value", json_object_get_string(v));
}

static void
read_assertion(struct run *run, struct steme_object *o, struct json_object *j)
{
	struct json_object *list = get(j, "supersedes");

	o->predicate = predicate(run, j);
	read_value(o, get(j, "value"));
	o->confidence = dec(j, "confidence", STEME_ONE);
	if (o->class_ == STEME_CLASS_NONE)
		o->class_ = STEME_ANECDOTAL;
	o->source = str(j, "source");
	o->epoch = str(j, "epoch");
	if (text(j, "lifecycle") != NULL &&
	    steme_lifecycle_parse(str(j, "lifecycle"), &o->lifecycle) != STEME_OK)
		die("lifecycle", text(j, "lifecycle"));
	if (text(j, "reason") != NULL) {
		o->meta[0] = (struct steme_meta){ STEME_LIT("reason"),
		    str(j, "reason") };
		o->nmeta = 1;
	}
	if (list == NULL)
		return;
	o->nsupersedes = (unsigned)json_object_array_length(list);
	if (o->nsupersedes > STEME_LIST_MAX)
		die("supersedes", "too many");
	for (unsigned i = 0; i < o->nsupersedes; i++)
		o->supersedes[i] = object_id(json_object_get_string(
		    json_object_array_get_idx(list, i)));
}

static void
read_others(struct steme_object *o, struct json_object *j)
{
	if (text(j, "assertion") != NULL) {
		o->assertion = object_id(text(j, "assertion"));
		o->has_assertion = true;
	}
	o->weight = dec(j, "weight", STEME_ONE);
	o->source = str(j, "source");
	o->name = str(j, "name");
	o->superseded = str(j, "superseded");
	o->from = str(j, "from");
	o->to = str(j, "to");
	o->prefix = str(j, "prefix");
	if (text(j, "of") != NULL)
		o->of = agent_id(text(j, "of"));
	if (text(j, "since") != NULL)
		o->since_us = time_of(text(j, "since"));
	if (text(j, "state") != NULL)
		o->state = strcmp(text(j, "state"), "retracted") == 0 ?
		    STEME_STATE_RETRACTED : STEME_STATE_REINSTATED;
}

/*
 * kind defaults to assertion, agent to "operator", hlc to the time; lsn is the place
 * in the case.
 */
static void
read_item(struct run *run, struct item *it, struct json_object *j, size_t place)
{
	struct steme_object *o = &it->o;
	const char *known = text(j, "known");

	memset(it, 0, sizeof(*it));
	o->kind = STEME_ASSERTION;
	if (text(j, "kind") != NULL && steme_kind_parse(str(j, "kind"), &o->kind) !=
	    STEME_OK)
		die("kind", text(j, "kind"));
	o->class_ = STEME_CLASS_NONE;
	if (text(j, "class") != NULL &&
	    steme_class_parse(str(j, "class"), &o->class_) != STEME_OK)
		die("class", text(j, "class"));
	o->concept = str(j, "concept");
	o->agent = agent_id(text(j, "agent") == NULL ? "operator" : text(j, "agent"));
	if (text(j, "time") == NULL || text(j, "id") == NULL)
		die("an object needs id and time", json_object_get_string(j));
	o->time_us = time_of(text(j, "time"));
	if (o->kind == STEME_ASSERTION)
		read_assertion(run, o, j);
	else
		read_others(o, j);
	it->r.id = object_id(text(j, "id"));
	it->r.hlc = steme_hlc_from_us(known == NULL ? o->time_us : time_of(known));
	it->r.lsn = place + 1;
	it->r.node = 1;
}

static uint64_t
next_random(struct run *run)
{
	uint64_t z = run->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
shuffle_items(struct run *run)
{
	struct item t;

	for (size_t i = run->n; i-- > 1;) {
		size_t j = next_random(run) % (i + 1);

		t = run->items[i];
		run->items[i] = run->items[j];
		run->items[j] = t;
	}
}

static unsigned
include_of(struct json_object *list)
{
	static const char *const names[] = { "retracted", "superseded", "deprecated",
	    "rejected", "old_epochs" };
	unsigned bits = 0;

	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		const char *s = json_object_get_string(
		    json_object_array_get_idx(list, i));
		size_t k = 0;

		while (k < STEME_NELEM(names) && strcmp(s, names[k]) != 0)
			k++;
		if (k == STEME_NELEM(names))
			die("include", s);
		bits |= 1u << k;
	}
	return bits;
}

static void
read_ctx(struct steme_lens_ctx *ctx, struct json_object *q)
{
	enum steme_lifecycle l;

	memset(ctx, 0, sizeof(*ctx));
	steme_bounds_init(&ctx->bounds);
	if (text(q, "as_of") != NULL)
		ctx->bounds.as_of_us = time_of(text(q, "as_of"));
	if (text(q, "known_at") != NULL)
		ctx->bounds.known_at = steme_hlc_from_us(time_of(text(q, "known_at"))) |
		    0xffff;
	if (get(q, "max_lsn") != NULL)
		ctx->bounds.max_lsn = (uint64_t)json_object_get_int64(get(q, "max_lsn"));
	if (text(q, "now") != NULL)
		ctx->now_us = time_of(text(q, "now"));
	ctx->decay = json_object_get_boolean(get(q, "decay"));
	ctx->include = include_of(get(q, "include"));
	ctx->lifecycle = -1;
	if (text(q, "lifecycle") != NULL) {
		if (steme_lifecycle_parse(str(q, "lifecycle"), &l) != STEME_OK)
			die("lifecycle", text(q, "lifecycle"));
		ctx->lifecycle = (int)l;
	}
	ctx->epoch = str(q, "epoch");
	if (text(q, "since") != NULL)
		ctx->since_hlc = steme_hlc_from_us(time_of(text(q, "since"))) | 0xffff;
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

/* asked, or above it. */
static bool
is_at_or_above(struct steme_str asked, struct steme_str concept)
{
	return concept.n <= asked.n && memcmp(asked.p, concept.p, concept.n) == 0 &&
	    (concept.n == asked.n || asked.p[concept.n] == '/');
}

static bool
is_asked(struct run *run, struct json_object *q, const struct steme_object *o,
    bool constraints)
{
	if (o->kind != STEME_ASSERTION)
		return false;
	if (constraints)
		return steme_constraint_is(o->predicate) &&
		    is_at_or_above(str(q, "concept"), o->concept);
	return steme_str_eq(o->predicate, str(q, "predicate")) &&
	    in_class(run->ctx.world, str(q, "concept"), o->concept);
}

static void
collect(struct run *run, struct json_object *q, bool constraints)
{
	if ((run->c = calloc(run->n + 1, sizeof(*run->c))) == NULL)
		abort();
	for (size_t i = 0; i < run->n; i++) {
		const struct item *it = &run->items[i];

		if (!is_asked(run, q, &it->o, constraints))
			continue;
		run->c[run->nc].o = it->o;
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
			    steme_str_eq(run->c[k].o.concept, it->o.concept))
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
		struct steme_str reason = steme_constraint_reason(&c[i]->o);

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

	list = get(ask, "trust");
	res = json_object_new_object();
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		const char *name = json_object_get_string(
		    json_object_array_get_idx(list, i));
		struct steme_id id = agent_id(name);

		snprintf(value, sizeof(value), "0.%09" PRIu32,
		    steme_world_trust(run->ctx.world, &id));
		if (strcmp(value, "0.1000000000") == 0)
			strcpy(value, "1");
		json_object_object_add(res, name, json_object_new_string(value));
	}
	json_object_object_add(w, "trust", res);
	list = get(ask, "class");
	res = json_object_new_array();
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct steme_id id;
		enum steme_class c;

		j = json_object_array_get_idx(list, i);
		id = agent_id(json_object_get_string(json_object_array_get_idx(j, 0)));
		if (steme_class_parse(steme_str_from(json_object_get_string(
		    json_object_array_get_idx(j, 1))), &c) != STEME_OK)
			die("class", json_object_get_string(j));
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
	struct json_object *lens = get(q, "lens");
	const char *name = lens == NULL ? NULL : json_object_get_string(lens);
	bool constraints = name != NULL && strcmp(name, "constraints") == 0;
	enum steme_lens l;

	if (get(q, "world") != NULL)
		put_world(run, get(q, "world"), out);
	if (text(q, "concept") == NULL)
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
	struct json_object *objects = get(c, "objects"), *q = get(c, "query");
	struct json_object *out = json_object_new_object();
	struct steme_id operator_ = agent_id("operator");
	struct run run = { .random = shuffle };

	run.n = objects == NULL ? 0 : json_object_array_length(objects);
	run.items = calloc(run.n + 1, sizeof(*run.items));
	run.names = calloc(MAX_NAMES, sizeof(*run.names));
	if (run.items == NULL || run.names == NULL)
		abort();
	for (size_t i = 0; i < run.n; i++)
		read_item(&run, &run.items[i],
		    json_object_array_get_idx(objects, i), i);
	if (shuffle != 0)
		shuffle_items(&run);
	read_ctx(&run.ctx, q);
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

			if (lens_case_compare(v, get(got, key), inner,
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
