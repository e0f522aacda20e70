/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_json.c - the items of the API's answers.  doc/views.md has the shapes; the
 * order of members is part of them, because equal answers have equal bytes.
 */
#include "config.h"
#include "core/render.h"

static void
add_source(struct steme_jo *j, const struct steme_object *o)
{
	steme_jo_opt(j, "source", o->source.n == 0 ? (struct steme_str){ 0 } :
	    o->source);
}

/* What an answer says about the assertion it shows. */
static void
add_assertion(struct steme_jo *j, struct steme_str concept,
    const struct steme_cand *c, int32_t confidence, int32_t conflict,
    uint32_t candidates)
{
	steme_jo_str(j, "concept_path", concept);
	steme_jo_str(j, "predicate", c->o.predicate);
	steme_jo_value(j, "object", &c->o);
	steme_jo_dec4(j, "confidence", confidence);
	steme_jo_dec4(j, "conflict_score", conflict);
	steme_jo_uint(j, "candidates", candidates);
	steme_jo_id(j, "assertion_id", &c->id);
	steme_jo_id(j, "agent_id", &c->o.agent);
	add_source(j, &c->o);
	steme_jo_cstr(j, "source_class", steme_class_name(c->o.class_));
	steme_jo_time(j, "time", c->o.time_us);
}

void
steme_item_winner(struct steme_jo *j, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	steme_jo_init(j);
	add_assertion(j, concept, &g->c[res->winner], res->confidence,
	    res->conflict, res->candidates);
}

static void
add_tier(struct json_object *tiers, const struct steme_cand_group *g,
    const struct steme_tier *t, bool *ok)
{
	const struct steme_cand *c = &g->c[t->winner];
	struct steme_jo j;

	steme_jo_init(&j);
	steme_jo_uint(&j, "tier", (uint64_t)t->class_);
	steme_jo_cstr(&j, "source_class", steme_class_name(t->class_));
	steme_jo_value(&j, "object", &c->o);
	steme_jo_dec4(&j, "confidence", t->confidence);
	steme_jo_uint(&j, "candidates", t->candidates);
	steme_jo_id(&j, "assertion_id", &c->id);
	steme_jo_id(&j, "agent_id", &c->o.agent);
	add_source(&j, &c->o);
	steme_jo_time(&j, "time", c->o.time_us);
	steme_jo_dec4(&j, "conflict_score", t->conflict);
	if (!steme_ja_add(tiers, &j))
		*ok = false;
}

void
steme_item_layered(struct steme_jo *j, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	struct json_object *tiers = json_object_new_array();
	bool ok = tiers != NULL;

	steme_item_winner(j, concept, g, res);
	for (size_t i = 0; ok && i < res->ntiers; i++)
		add_tier(tiers, g, &res->tiers[i], &ok);
	if (!ok)
		j->bad = true;
	steme_jo_add(j, "tiers", tiers);
	steme_jo_dec4(j, "cross_tier_conflict", res->cross_tier_conflict);
}

static const char *
status_name(enum steme_status s)
{
	switch (s) {
	case STEME_UNANIMOUS:
		return "unanimous";
	case STEME_AGREED:
		return "agreed";
	case STEME_CONTESTED:
		break;
	}
	return "contested";
}

/* The ids of a share's members; the lens gives them ascending. */
static struct json_object *
new_ids(const struct steme_cand_group *g, const struct steme_result *res,
    const struct steme_share *sh)
{
	struct json_object *a = json_object_new_array_ext((int)sh->nmembers), *v;
	char hex[STEME_ID_HEX + 1];

	for (uint32_t i = 0; a != NULL && i < sh->nmembers; i++) {
		steme_id_hex(hex, &g->c[res->members[sh->first_member + i]].id);
		v = json_object_new_string_len(hex, STEME_ID_HEX);
		if (v == NULL || json_object_array_add(a, v) != 0) {
			json_object_put(v);
			json_object_put(a);
			a = NULL;
		}
	}
	return a;
}

void
steme_item_skeptic(struct steme_jo *j, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	struct json_object *values = json_object_new_array();
	struct steme_jo v;

	steme_jo_init(j);
	steme_jo_str(j, "concept_path", concept);
	steme_jo_str(j, "predicate", g->predicate);
	steme_jo_cstr(j, "status", status_name(res->status));
	steme_jo_dec4(j, "conflict_score", res->conflict);
	steme_jo_uint(j, "candidates", res->candidates);
	for (size_t i = 0; values != NULL && i < res->nshares; i++) {
		const struct steme_share *sh = &res->shares[i];

		steme_jo_init(&v);
		steme_jo_value(&v, "object", &g->c[sh->first].o);
		steme_jo_dec4(&v, "share", sh->share);
		steme_jo_uint(&v, "agents", sh->agents);
		steme_jo_add(&v, "assertion_ids", new_ids(g, res, sh));
		if (!steme_ja_add(values, &v))
			j->bad = true;
	}
	steme_jo_add(j, "values", values);
}

void
steme_item_any(struct steme_jo *j, enum steme_lens lens, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	if (lens == STEME_LENS_SKEPTIC)
		steme_item_skeptic(j, concept, g, res);
	else if (lens == STEME_LENS_LAYERED)
		steme_item_layered(j, concept, g, res);
	else
		steme_item_winner(j, concept, g, res);
}

void
steme_item_rule(struct steme_jo *j, struct steme_str predicate,
    const struct steme_cand *c)
{
	steme_jo_init(j);
	steme_jo_str(j, "predicate", predicate);
	steme_jo_value(j, "object", &c->o);
	steme_jo_str(j, "reason", steme_constraint_reason(&c->o));
	steme_jo_str(j, "declared_at", c->o.concept);
	steme_jo_id(j, "assertion_id", &c->id);
	steme_jo_id(j, "agent_id", &c->o.agent);
	steme_jo_cstr(j, "source_class", steme_class_name(c->o.class_));
	steme_jo_time(j, "time", c->o.time_us);
}

void
steme_item_history(struct steme_jo *j, const struct steme_cand *c,
    int32_t conflict, uint32_t candidates)
{
	struct json_object *a = json_object_new_array(), *v;
	char hex[STEME_ID_HEX + 1];

	steme_jo_init(j);
	/* an assertion's own concept and confidence: history is about what was said */
	add_assertion(j, c->o.concept, c, c->o.confidence, conflict, candidates);
	steme_jo_cstr(j, "lifecycle", steme_lifecycle_name(c->o.lifecycle));
	for (unsigned i = 0; a != NULL && i < c->o.nsupersedes; i++) {
		steme_id_hex(hex, &c->o.supersedes[i]);
		v = json_object_new_string_len(hex, STEME_ID_HEX);
		if (v == NULL || json_object_array_add(a, v) != 0) {
			json_object_put(v);
			j->bad = true;
		}
	}
	steme_jo_add(j, "supersedes", a);
	steme_jo_cstr(j, "state", steme_state_name(c->state));
}

bool
steme_result_shows(enum steme_lens lens, const struct steme_result *res)
{
	return lens == STEME_LENS_SKEPTIC ? res->nshares > 0 : res->winner >= 0;
}
