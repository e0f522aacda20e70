/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_json.c - one JSON object to a claim (doc/object-format.md, "JSON").
 *
 * Members are visited in the order of the text, so that the n-th number met is
 * the n-th spelling kept by jsonin.h.
 */
#include "config.h"
#include "core/claim_json.h"
#include "core/claim_impl.h"
#include "core/path.h"
#include "core/util.h"

#include <json-c/json.h>

#define DEPTH_MAX	8

#define K(kind)		(1u << STEME_##kind)
#define ALL		(K(ASSERTION) | NOT_ASSERTION)
#define NOT_ASSERTION	(K(VOTE) | K(RETRACTION) | K(EPOCH) | K(ALIAS) | \
			K(TRUST) | K(REVOCATION) | K(BATCH))
#define ABOUT_CONCEPT	(K(ASSERTION) | K(VOTE) | K(RETRACTION))
#define OFF(m)		offsetof(struct steme_object, m)

/*
 * A member may have a second name, that of its header.  needed: kinds that
 * cannot do without (a retraction needs one of two pairs, which the writer sees).
 */
static const struct member members[] = {
	{ "kind", NULL, M_KIND, ALL, 0, 0 },
	{ "concept_path", "concept", M_CONCEPT, ABOUT_CONCEPT,
	    K(ASSERTION) | K(VOTE), OFF(concept) },
	{ "predicate", NULL, M_SEGMENT, K(ASSERTION), K(ASSERTION),
	    OFF(predicate) },
	{ "object", NULL, M_OBJECT, K(ASSERTION), K(ASSERTION), 0 },
	{ "confidence", NULL, M_UNIT, K(ASSERTION), 0, OFF(confidence) },
	{ "source_class", "class", M_CLASS, K(ASSERTION) | K(TRUST), 0,
	    OFF(class_) },
	{ "source", NULL, M_SOURCE, K(ASSERTION) | K(RETRACTION), 0,
	    OFF(source) },
	{ "source_hash", "source-hash", M_SOURCE_HASH, K(ASSERTION), 0,
	    OFF(source_hash) },
	{ "lifecycle", NULL, M_LIFECYCLE, K(ASSERTION), 0, OFF(lifecycle) },
	{ "epoch", NULL, M_SEGMENT, K(ASSERTION), 0, OFF(epoch) },
	{ "parent", NULL, M_ID, K(ASSERTION), 0, OFF(parent) },
	{ "supersedes", NULL, M_IDS, K(ASSERTION) | K(EPOCH), 0, 0 },
	{ "meta", NULL, M_META, K(ASSERTION), 0, 0 },
	{ "assertion", "assertion_id", M_ID, K(VOTE) | K(RETRACTION), K(VOTE),
	    OFF(assertion) },
	{ "weight", NULL, M_WEIGHT, K(VOTE), K(VOTE), OFF(weight) },
	{ "weight", NULL, M_UNIT, K(TRUST), K(TRUST), OFF(weight) },
	{ "state", NULL, M_STATE, K(RETRACTION), 0, OFF(state) },
	{ "name", NULL, M_SEGMENT, K(EPOCH), K(EPOCH), OFF(name) },
	{ "from", NULL, M_CONCEPT, K(ALIAS), K(ALIAS), OFF(from) },
	{ "to", NULL, M_CONCEPT, K(ALIAS), K(ALIAS), OFF(to) },
	{ "of", NULL, M_ID, K(TRUST) | K(REVOCATION), K(TRUST) | K(REVOCATION),
	    OFF(of) },
	{ "prefix", NULL, M_CONCEPT, K(TRUST), 0, OFF(prefix) },
	{ "since", NULL, M_TIME, K(REVOCATION), K(REVOCATION),
	    OFF(since_us) },
	{ "count", NULL, M_COUNT, K(BATCH), K(BATCH), OFF(count) },
	{ "root", NULL, M_ID, K(BATCH), K(BATCH), OFF(root) },
	{ "reason", NULL, M_REASON, NOT_ASSERTION, 0, OFF(value) },
	{ "time", NULL, M_TIME, ALL, 0, OFF(time_us) },
	{ "agent_id", NULL, M_ID, ALL, 0, OFF(agent) },
	{ "signature", NULL, M_SIGNATURE, ALL, 0, 0 },
	{ "agent", NULL, M_AGENT_NAME, ALL, 0, 0 },
};

/* The member of that name for this kind; NULL (why says so) if it has none. */
static const struct member *
find_member(struct reader *r, const char *name)
{
	enum steme_kind kind = r->c->o.kind;
	bool elsewhere = false;

	for (size_t i = 0; i < STEME_NELEM(members); i++) {
		const struct member *m = &members[i];

		if (strcmp(m->name, name) != 0 &&
		    (m->also == NULL || strcmp(m->also, name) != 0))
			continue;
		if ((m->kinds & 1u << kind) != 0)
			return m;
		elsewhere = true;
	}
	steme_fail(r->why, STEME_EINVAL, elsewhere ?
	    "member '%s' does not belong to the kind %s" :
	    "unknown member '%s' (kind %s)",
	    steme_quote(steme_str_from(name)).s, steme_kind_name(kind));
	return NULL;
}

static int
take_members(struct reader *r)
{
	const struct member *m;
	uint32_t bit;
	int err;

	json_object_object_foreach(r->json.root, name, v) {
		if ((m = find_member(r, name)) == NULL)
			return STEME_EINVAL;
		bit = 1u << (m - members);
		if ((r->seen & bit) != 0)
			return steme_fail(r->why, STEME_EINVAL, "members %s "
			    "and %s say the same thing", m->name, m->also);
		if (v == NULL && m->type != M_OBJECT)
			continue;
		r->seen |= bit;
		if ((err = claim_take_member(r, m, v)) != STEME_OK)
			return err;
	}
	for (m = members; m < members + STEME_NELEM(members); m++)
		if ((m->needed & 1u << r->c->o.kind) != 0 &&
		    (r->seen & 1u << (m - members)) == 0)
			return steme_fail(r->why, STEME_EINVAL,
			    "member %s is missing", m->name);
	return STEME_OK;
}

/* A retraction speaks of an assertion or of a source, never of both. */
static int
check_retraction(struct reader *r)
{
	const struct steme_object *o = &r->c->o;
	bool one = o->has_assertion && o->concept.p != NULL;
	bool source = o->source.p != NULL && o->state != STEME_STATE_NONE;
	bool none_of_source = o->source.p == NULL &&
	    o->state == STEME_STATE_NONE;
	bool none_of_one = !o->has_assertion && o->concept.p == NULL;

	if ((one && none_of_source) || (source && none_of_one))
		return STEME_OK;
	return steme_fail(r->why, STEME_EINVAL, "a retraction has either "
	    "concept_path and assertion, or source and state");
}

/* {"text", "signature"}: the object is there, to the byte. */
static int
take_exact(struct reader *r, struct json_object *text)
{
	struct steme_claim *c = r->c;
	struct steme_str s = claim_string(text);
	struct json_object *v;
	struct steme_why sub;
	int err;

	json_object_object_foreach(r->json.root, name, unused) {
		(void)unused;
		if (strcmp(name, "text") != 0 && strcmp(name, "signature") != 0)
			return steme_fail(r->why, STEME_EINVAL, "beside text "
			    "only signature may stand, not '%s'",
			    steme_quote(steme_str_from(name)).s);
	}
	if (s.p == NULL)
		return steme_fail(r->why, STEME_EINVAL,
		    "member text must be a string: the exact object");
	if (!json_object_object_get_ex(r->json.root, "signature", &v))
		return steme_fail(r->why, STEME_EINVAL,
		    "member signature is missing: text comes signed");
	err = claim_take_member(r, &(struct member){ .name = "signature",
	    .type = M_SIGNATURE }, v);
	if (err != STEME_OK)
		return err;
	steme_buf_put(&c->bytes, s.p, s.n);
	if ((err = steme_buf_err(&c->bytes)) != STEME_OK)
		return steme_fail(r->why, err, "out of memory");
	err = steme_object_parse(&c->o, c->bytes.data, c->bytes.len, &sub);
	if (err != STEME_OK)
		return steme_fail(r->why, err, "member text: %s", sub.text);
	c->has_time = c->has_agent = c->is_signed = true;
	c->has_confidence = c->has_class = c->o.kind == STEME_ASSERTION;
	c->has_source = c->o.source.p != NULL;
	return STEME_OK;
}

/* Fields with a signature: nothing may be filled in, the bytes are fixed. */
static int
build_signed(struct reader *r)
{
	struct steme_claim *c = r->c;
	const char *missing = NULL;
	int err;

	if (!c->has_time)
		missing = "time";
	else if (!c->has_agent)
		missing = "agent_id";
	else if (c->o.kind == STEME_ASSERTION && !c->has_confidence)
		missing = "confidence";
	else if (c->o.kind == STEME_ASSERTION && !c->has_class)
		missing = "source_class";
	if (missing != NULL)
		return steme_fail(r->why, STEME_EINVAL, "member %s is missing: "
		    "with a signature all that was signed must be there",
		    missing);
	if ((err = claim_build(c, &c->o, r->why)) != STEME_OK)
		return err;
	c->is_signed = true;
	return STEME_OK;
}

/* The kind that the JSON names, else what the endpoint takes, else assertion. */
static int
find_kind(struct reader *r, enum steme_kind expect, enum steme_kind *kind)
{
	struct json_object *v = NULL;
	struct steme_str s;

	*kind = expect != 0 ? expect : STEME_ASSERTION;
	json_object_object_get_ex(r->json.root, "kind", &v);
	if (v == NULL)
		return STEME_OK;
	s = claim_string(v);
	if (s.p == NULL || steme_kind_parse(s, kind) != STEME_OK)
		return steme_fail(r->why, STEME_EINVAL, "member kind must be "
		    "assertion, vote, retraction, epoch, alias, trust, "
		    "revocation or batch");
	return STEME_OK;
}

static int
read_claim(struct reader *r, size_t len, enum steme_kind expect)
{
	struct steme_claim *c = r->c;
	struct json_object *text;
	enum steme_kind kind;
	bool exact;
	int err;

	if (!json_object_is_type(r->json.root, json_type_object))
		return steme_fail(r->why, STEME_EINVAL,
		    "a claim is a JSON object: {...}");
	if ((err = find_kind(r, expect, &kind)) != STEME_OK)
		return err;
	/* No string is longer than its spelling in the JSON text. */
	if ((err = claim_begin(c, kind, len, r->why)) != STEME_OK)
		return err;
	exact = json_object_object_get_ex(r->json.root, "text", &text);
	if (exact)
		err = take_exact(r, text);
	else
		err = take_members(r);
	if (err != STEME_OK)
		return err;
	c->has_source = c->o.source.p != NULL;
	if (expect != 0 && c->o.kind != expect)
		return steme_fail(r->why, STEME_EINVAL, "a %s is expected "
		    "here, not a %s", steme_kind_name(expect),
		    steme_kind_name(c->o.kind));
	if (c->o.kind == STEME_RETRACTION && !exact &&
	    (err = check_retraction(r)) != STEME_OK)
		return err;
	return r->has_sig && !exact ? build_signed(r) : STEME_OK;
}

int
steme_claim_from_json(struct steme_claim *c, const char *json, size_t len,
    enum steme_kind expect, struct steme_why *why)
{
	if (len > 2 * (size_t)STEME_OBJECT_MAX)
		return steme_fail(why, STEME_ETOOBIG, "the JSON has %zu bytes; "
		    "at most %d are allowed", len, 2 * STEME_OBJECT_MAX);
	if ((expect == 0 || expect == STEME_ASSERTION) &&
	    claim_take_flat(c, json, len))
		return STEME_OK;
	return claim_from_tree(c, json, len, expect, why);
}

int
claim_from_tree(struct steme_claim *c, const char *json, size_t len,
    enum steme_kind expect, struct steme_why *why)
{
	struct reader r = { .c = c, .why = why };
	int err;

	err = steme_json_parse(&r.json, json, len, DEPTH_MAX, why);
	if (err == STEME_OK)
		err = read_claim(&r, len, expect);
	steme_json_fini(&r.json);
	return err;
}
