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
	steme_jo_str(j, "predicate", c->o->predicate);
	steme_jo_value(j, "object", c->o);
	steme_jo_dec4(j, "confidence", confidence);
	steme_jo_dec4(j, "conflict_score", conflict);
	steme_jo_uint(j, "candidates", candidates);
	steme_jo_id(j, "assertion_id", &c->id);
	steme_jo_id(j, "agent_id", &c->o->agent);
	add_source(j, c->o);
	steme_jo_cstr(j, "source_class", steme_class_name(c->o->class_));
	steme_jo_time(j, "time", c->o->time_us);
}

static void
add_winner(struct steme_jo *j, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	add_assertion(j, concept, &g->c[res->winner], res->confidence,
	    res->conflict, res->candidates);
}

void
steme_item_winner(struct steme_buf *b, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	struct steme_jo j;

	steme_jo_begin(&j, b);
	add_winner(&j, concept, g, res);
	steme_jo_end(&j);
}

static void
put_tier(struct steme_buf *b, const struct steme_cand_group *g,
    const struct steme_tier *t)
{
	const struct steme_cand *c = &g->c[t->winner];
	struct steme_jo j;

	steme_jo_begin(&j, b);
	steme_jo_uint(&j, "tier", (uint64_t)t->class_);
	steme_jo_cstr(&j, "source_class", steme_class_name(t->class_));
	steme_jo_value(&j, "object", c->o);
	steme_jo_dec4(&j, "confidence", t->confidence);
	steme_jo_uint(&j, "candidates", t->candidates);
	steme_jo_id(&j, "assertion_id", &c->id);
	steme_jo_id(&j, "agent_id", &c->o->agent);
	add_source(&j, c->o);
	steme_jo_time(&j, "time", c->o->time_us);
	steme_jo_dec4(&j, "conflict_score", t->conflict);
	steme_jo_end(&j);
}

void
steme_item_layered(struct steme_buf *b, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	struct steme_jo j, tiers;

	steme_jo_begin(&j, b);
	add_winner(&j, concept, g, res);
	steme_jo_key(&j, "tiers");
	steme_ja_begin(&tiers, b);
	for (size_t i = 0; i < res->ntiers; i++) {
		steme_ja_next(&tiers);
		put_tier(b, g, &res->tiers[i]);
	}
	steme_ja_end(&tiers);
	steme_jo_dec4(&j, "cross_tier_conflict", res->cross_tier_conflict);
	steme_jo_end(&j);
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

static void
put_share(struct steme_buf *b, const struct steme_cand_group *g,
    const struct steme_result *res, const struct steme_share *sh)
{
	struct steme_jo v, ids;

	steme_jo_begin(&v, b);
	steme_jo_value(&v, "object", g->c[sh->first].o);
	steme_jo_dec4(&v, "share", sh->share);
	steme_jo_uint(&v, "agents", sh->agents);
	/* of its members; the lens gives them ascending */
	steme_jo_key(&v, "assertion_ids");
	steme_ja_begin(&ids, b);
	for (uint32_t i = 0; i < sh->nmembers; i++) {
		steme_ja_next(&ids);
		steme_json_id(b, &g->c[res->members[sh->first_member + i]].id);
	}
	steme_ja_end(&ids);
	steme_jo_end(&v);
}

void
steme_item_skeptic(struct steme_buf *b, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	struct steme_jo j, values;

	steme_jo_begin(&j, b);
	steme_jo_str(&j, "concept_path", concept);
	steme_jo_str(&j, "predicate", g->predicate);
	steme_jo_cstr(&j, "status", status_name(res->status));
	steme_jo_dec4(&j, "conflict_score", res->conflict);
	steme_jo_uint(&j, "candidates", res->candidates);
	steme_jo_key(&j, "values");
	steme_ja_begin(&values, b);
	for (size_t i = 0; i < res->nshares; i++) {
		steme_ja_next(&values);
		put_share(b, g, res, &res->shares[i]);
	}
	steme_ja_end(&values);
	steme_jo_end(&j);
}

void
steme_item_any(struct steme_buf *b, enum steme_lens lens, struct steme_str concept,
    const struct steme_cand_group *g, const struct steme_result *res)
{
	if (lens == STEME_LENS_SKEPTIC)
		steme_item_skeptic(b, concept, g, res);
	else if (lens == STEME_LENS_LAYERED)
		steme_item_layered(b, concept, g, res);
	else
		steme_item_winner(b, concept, g, res);
}

void
steme_item_rule(struct steme_buf *b, struct steme_str predicate,
    const struct steme_cand *c)
{
	struct steme_jo j;

	steme_jo_begin(&j, b);
	steme_jo_str(&j, "predicate", predicate);
	steme_jo_value(&j, "object", c->o);
	steme_jo_str(&j, "reason", steme_constraint_reason(c->o));
	steme_jo_str(&j, "declared_at", c->o->concept);
	steme_jo_id(&j, "assertion_id", &c->id);
	steme_jo_id(&j, "agent_id", &c->o->agent);
	steme_jo_cstr(&j, "source_class", steme_class_name(c->o->class_));
	steme_jo_time(&j, "time", c->o->time_us);
	steme_jo_end(&j);
}

void
steme_item_history(struct steme_buf *b, const struct steme_cand *c,
    int32_t conflict, uint32_t candidates)
{
	struct steme_jo j;

	steme_jo_begin(&j, b);
	/* an assertion's own concept and confidence: history is about what was said */
	add_assertion(&j, c->o->concept, c, c->o->confidence, conflict, candidates);
	steme_jo_cstr(&j, "lifecycle", steme_lifecycle_name(c->o->lifecycle));
	steme_jo_ids(&j, "supersedes", c->o->supersedes, c->o->nsupersedes);
	steme_jo_cstr(&j, "state", steme_state_name(c->state));
	steme_jo_end(&j);
}

bool
steme_result_shows(enum steme_lens lens, const struct steme_result *res)
{
	return lens == STEME_LENS_SKEPTIC ? res->nshares > 0 : res->winner >= 0;
}
