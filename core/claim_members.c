/* SPDX-License-Identifier: Apache-2.0 */
/* claim_members.c - what each member of a claim's JSON may say. */
#include "config.h"
#include "core/claim_json.h"
#include "core/claim_impl.h"
#include "core/object_fields.h"
#include "core/path.h"
#include "core/timefmt.h"
#include "core/util.h"

#include <json-c/json.h>

#define OFF(m)		offsetof(struct steme_object, m)

static int
refuse(struct reader *r, const struct member *m, const char *rule)
{
	return steme_fail(r->why, STEME_EINVAL, "member %s %s", m->name, rule);
}

struct steme_str
claim_string(struct json_object *v)
{
	if (!json_object_is_type(v, json_type_string))
		return (struct steme_str){ NULL, 0 };
	return (struct steme_str){ json_object_get_string(v),
	    (size_t)json_object_get_string_len(v) };
}

/* The spelling of the number v, the next in the walk; absent if v is none. */
static struct steme_str
number_of(struct reader *r, struct json_object *v)
{
	if ((!json_object_is_type(v, json_type_int) &&
	    !json_object_is_type(v, json_type_double)) ||
	    r->number >= STEME_JSON_NUMBERS)
		return (struct steme_str){ NULL, 0 };
	return r->json.number[r->number++];
}

/* A text member: checked by the rule of its header, then kept. */
static int
take_text(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_str *out =
	    (struct steme_str *)((char *)&r->c->o + m->off);
	struct steme_str s = claim_string(v);
	enum steme_class of_scheme = STEME_CLASS_NONE;
	struct steme_why sub;
	int err = STEME_OK;

	if (s.p == NULL)
		return refuse(r, m, "must be a string");
	if (m->type == M_CONCEPT)
		err = claim_concept(r->c, s, out, &of_scheme, &sub);
	else if (m->type == M_SEGMENT)
		err = steme_segment_check(s, &sub);
	else if (m->type == M_SOURCE)
		err = steme_source_check(s, &sub);
	else if (m->type == M_SOURCE_HASH)
		err = steme_source_hash_check(s, &sub);
	if (err != STEME_OK)
		return steme_fail(r->why, err, "member %s %s", m->name,
		    sub.text);
	if (m->type != M_CONCEPT)
		*out = claim_keep(r->c, s);
	/* A class of its own wins, wherever it stands in the text. */
	if (of_scheme != STEME_CLASS_NONE && m->off == OFF(concept) &&
	    r->c->o.kind == STEME_ASSERTION && !r->c->has_class) {
		r->c->o.class_ = of_scheme;
		r->c->has_class = true;
	}
	return STEME_OK;
}

/* Members of one word among few. */
static int
take_word(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_object *o = &r->c->o;
	struct steme_str s = claim_string(v);

	if (s.p == NULL)
		return refuse(r, m, "must be a string");
	if (m->type == M_CLASS) {
		if (steme_class_parse(s, &o->class_) != STEME_OK)
			return refuse(r, m, "must be regulatory, clinical, "
			    "observational, expert, community or anecdotal");
		r->c->has_class = true;
		return STEME_OK;
	}
	if (m->type == M_LIFECYCLE)
		return steme_lifecycle_parse(s, &o->lifecycle) == STEME_OK ?
		    STEME_OK : refuse(r, m, "must be proposed, under_review, "
		    "approved, deprecated or rejected");
	if (steme_str_eq(s, STEME_LIT("retracted")))
		o->state = STEME_STATE_RETRACTED;
	else if (steme_str_eq(s, STEME_LIT("reinstated")))
		o->state = STEME_STATE_REINSTATED;
	else
		return refuse(r, m, "must be retracted or reinstated");
	return STEME_OK;
}

static int
take_decimal(struct reader *r, const struct member *m, struct json_object *v)
{
	int32_t *out = (int32_t *)((char *)&r->c->o + m->off);
	struct steme_str s = number_of(r, v);
	int32_t d;

	if (s.p == NULL)
		return refuse(r, m, "must be a number");
	if (steme_dec4_parse_loose(s, &d) != STEME_OK ||
	    (m->type == M_UNIT && d < 0))
		return refuse(r, m, m->type == M_UNIT ?
		    "must lie within 0..1 and have at most 4 decimals" :
		    "must lie within -1..1 and have at most 4 decimals");
	*out = d;
	if (m->off == OFF(confidence))
		r->c->has_confidence = true;
	return STEME_OK;
}

static int
take_count(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_str s = number_of(r, v);
	int64_t n;

	if (s.p == NULL || !json_object_is_type(v, json_type_int))
		return refuse(r, m, "must be a whole number");
	n = json_object_get_int64(v);
	if (n < 1 || n > STEME_BATCH_MAX)
		return refuse(r, m, "must lie within 1..4096");
	r->c->o.count = (uint32_t)n;
	return STEME_OK;
}

static int
take_id(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_object *o = &r->c->o;
	struct steme_str s = claim_string(v);

	if (s.p == NULL || steme_id_parse((struct steme_id *)((char *)o +
	    m->off), s.p, s.n) != STEME_OK)
		return refuse(r, m, "must be 64 lower-case hex digits");
	if (m->off == OFF(agent))
		r->c->has_agent = true;
	else if (m->off == OFF(parent))
		o->has_parent = true;
	else if (m->off == OFF(assertion))
		o->has_assertion = true;
	return STEME_OK;
}

/* Of an assertion a list of ids, of an epoch a name. */
static int
take_supersedes(struct reader *r, const struct member *m,
    struct json_object *v)
{
	static const struct member name = { .name = "supersedes",
	    .type = M_SEGMENT, .off = OFF(superseded) };
	struct steme_object *o = &r->c->o;
	struct steme_str s;
	size_t n;

	if (o->kind == STEME_EPOCH)
		return take_text(r, &name, v);
	if (!json_object_is_type(v, json_type_array))
		return refuse(r, m, "must be a list of ids");
	n = json_object_array_length(v);
	if (n > STEME_LIST_MAX)
		return steme_fail(r->why, STEME_ETOOBIG,
		    "member supersedes has %zu ids; at most %d are allowed", n,
		    STEME_LIST_MAX);
	for (size_t i = 0; i < n; i++) {
		s = claim_string(json_object_array_get_idx(v, i));
		if (s.p == NULL || steme_id_parse(&o->supersedes[i], s.p,
		    s.n) != STEME_OK)
			return refuse(r, m,
			    "must list ids of 64 lower-case hex digits");
	}
	o->nsupersedes = (unsigned)n;
	return STEME_OK;
}

static int
take_meta(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_object *o = &r->c->o;
	struct steme_meta one;
	struct steme_why sub;
	int err;

	if (!json_object_is_type(v, json_type_object))
		return refuse(r, m, "must be an object of strings");
	json_object_object_foreach(v, key, val) {
		if (o->nmeta == STEME_LIST_MAX)
			return steme_fail(r->why, STEME_ETOOBIG, "member meta "
			    "has more than %d keys", STEME_LIST_MAX);
		one.key = steme_str_from(key);
		one.value = claim_string(val);
		if (one.value.p == NULL)
			return refuse(r, m, "must be an object of strings");
		if ((err = steme_meta_check(&one, &sub)) != STEME_OK)
			return steme_fail(r->why, err, "member meta, key %s: "
			    "%s", steme_quote(one.key).s, sub.text);
		one.key = claim_keep(r->c, one.key);
		one.value = claim_keep(r->c, one.value);
		o->meta[o->nmeta++] = one;
	}
	return STEME_OK;
}

/* A bare JSON scalar: the value, with the type that it shows. */
static int
take_scalar(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_object *o = &r->c->o;

	if (json_object_is_type(v, json_type_boolean)) {
		o->type = STEME_BOOLEAN;
		o->value = json_object_get_boolean(v) ? STEME_LIT("true") :
		    STEME_LIT("false");
		return STEME_OK;
	}
	if (json_object_is_type(v, json_type_string)) {
		o->type = STEME_TEXT;
		o->value = claim_keep(r->c, claim_string(v));
		return STEME_OK;
	}
	o->type = STEME_NUMBER;
	o->value = number_of(r, v);
	if (o->value.p == NULL)
		return refuse(r, m, "must have a value that is a string, a "
		    "number, true or false");
	o->value = claim_keep(r->c, o->value);
	return STEME_OK;
}

/* {"type": T, "value": V} or V alone. */
static int
take_object(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_object *o = &r->c->o;
	bool has_type = false, has_value = false;
	enum steme_type type = STEME_TEXT;
	struct steme_str s;
	int err;

	if (!json_object_is_type(v, json_type_object)) {
		err = take_scalar(r, m, v);
		return err != STEME_OK ? err :
		    steme_object_check_value(o, r->why);
	}
	json_object_object_foreach(v, key, val) {
		if (strcmp(key, "type") == 0) {
			s = claim_string(val);
			if (s.p == NULL || steme_type_parse(s, &type) != 0)
				return refuse(r, m, "must have a type text, "
				    "number, boolean or reference");
			has_type = true;
		} else if (strcmp(key, "value") == 0) {
			if ((err = take_scalar(r, m, val)) != STEME_OK)
				return err;
			has_value = true;
		} else {
			return steme_fail(r->why, STEME_EINVAL, "member object "
			    "has the unknown member '%s'; it has type and "
			    "value", steme_quote(steme_str_from(key)).s);
		}
	}
	if (!has_type || !has_value)
		return refuse(r, m, "must have type and value");
	/* A string spells any type; a number or boolean only its own. */
	if (type != o->type && o->type != STEME_TEXT)
		return steme_fail(r->why, STEME_EINVAL, "member object has "
		    "type %s but a value that is a %s", steme_type_name(type),
		    steme_type_name(o->type));
	o->type = type;
	return steme_object_check_value(o, r->why);
}

static int
take_signature(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_str s = claim_string(v);

	if (s.p == NULL || steme_unhex(r->c->sig.b, STEME_SIG_LEN, s.p,
	    s.n) != STEME_OK)
		return refuse(r, m, "must be 128 lower-case hex digits");
	r->has_sig = true;
	return STEME_OK;
}

/* A key's name is one segment, so it can stand for a file without harm. */
static int
take_agent_name(struct reader *r, const struct member *m,
    struct json_object *v)
{
	struct steme_str s = claim_string(v);
	struct steme_why sub;
	int err;

	if (s.p == NULL)
		return refuse(r, m, "must be a string");
	if ((err = steme_segment_check(s, &sub)) != STEME_OK)
		return steme_fail(r->why, err, "member agent %s", sub.text);
	memcpy(r->c->agent_name, s.p, s.n);
	r->c->agent_name[s.n] = '\0';
	return STEME_OK;
}

static int
take_time(struct reader *r, const struct member *m, struct json_object *v)
{
	struct steme_str s = claim_string(v);

	if (s.p == NULL || steme_time_parse_loose(s,
	    (int64_t *)((char *)&r->c->o + m->off)) != STEME_OK)
		return refuse(r, m,
		    "must be a date or a time like 2026-11-21T02:00:00Z");
	if (m->off == OFF(time_us))
		r->c->has_time = true;
	return STEME_OK;
}

int
claim_take_member(struct reader *r, const struct member *m,
    struct json_object *v)
{
	switch (m->type) {
	case M_KIND:
		return STEME_OK;	/* read before */
	case M_OBJECT:
		return take_object(r, m, v);
	case M_UNIT:
	case M_WEIGHT:
		return take_decimal(r, m, v);
	case M_CLASS:
	case M_LIFECYCLE:
	case M_STATE:
		return take_word(r, m, v);
	case M_ID:
		return take_id(r, m, v);
	case M_IDS:
		return take_supersedes(r, m, v);
	case M_META:
		return take_meta(r, m, v);
	case M_TIME:
		return take_time(r, m, v);
	case M_COUNT:
		return take_count(r, m, v);
	case M_SIGNATURE:
		return take_signature(r, m, v);
	case M_AGENT_NAME:
		return take_agent_name(r, m, v);
	default:
		return take_text(r, m, v);
	}
}

