/* SPDX-License-Identifier: Apache-2.0 */
/* h_query.c - /v1/query and its lenses, /v1/history, /v1/objects. */
#include "config.h"
#include "api/browse.h"
#include "api/guard.h"
#include "core/jsonin.h"
#include "core/path.h"
#include "core/util.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parsing parameters into a query. */
struct params {
	struct api_request *r;
	struct steme_query *q;
	struct steme_why why;
	int err;
	unsigned seen;			/* bit i: names[i] was given */
};

static const char *const names[] = {
	"concept_path", "predicate", "prefix", "lens", "as_of", "known_at", "since",
	"lifecycle", "epoch", "include", "decay", "limit", "cursor"
};

/* Two values for one parameter: a mistake, whichever would win. */
static int
note_seen(struct params *p, struct steme_str name)
{
	for (size_t i = 0; i < STEME_NELEM(names); i++) {
		if (!steme_str_eq(name, steme_str_from(names[i])))
			continue;
		if ((p->seen & 1u << i) != 0)
			return steme_fail(&p->why, STEME_EINVAL, "parameter %s is "
			    "given twice", names[i]);
		p->seen |= 1u << i;
		return STEME_OK;
	}
	return steme_fail(&p->why, STEME_EINVAL, "unknown parameter '%.*s': there "
	    "are concept_path, predicate, prefix, lens, as_of, known_at, since, "
	    "lifecycle, epoch, include, decay, limit, cursor",
	    (int)STEME_MIN(name.n, 64), name.p);
}

static enum MHD_Result
on_arg(void *cls, enum MHD_ValueKind kind, const char *key, size_t nkey,
    const char *value, size_t nvalue)
{
	struct steme_str name = { key, nkey };
	struct params *p = cls;

	(void)kind;
	if ((p->err = note_seen(p, name)) == STEME_OK)
		p->err = steme_query_set(p->q, name, (struct steme_str){
		    value == NULL ? "" : value, nvalue }, &p->why);
	return p->err == STEME_OK ? MHD_YES : MHD_NO;
}

/* A JSON body: r->state keeps it, since the query borrows its strings. */
struct body {
	struct steme_json json;
	struct steme_buf include;	/* joined by commas */
};

static void
body_free(void *p)
{
	struct body *b = p;

	steme_json_fini(&b->json);
	steme_buf_fini(&b->include);
	free(b);
}

/* ["retracted", ...] as the text that a query string would have. */
static int
join_include(struct params *p, struct body *b, struct json_object *v,
    struct steme_str *out)
{
	for (size_t i = 0; i < json_object_array_length(v); i++) {
		struct json_object *o = json_object_array_get_idx(v, i);

		if (!json_object_is_type(o, json_type_string))
			return steme_fail(&p->why, STEME_EINVAL, "include: its "
			    "items are strings");
		if (i > 0)
			steme_buf_putc(&b->include, ',');
		steme_buf_put(&b->include, json_object_get_string(o),
		    (size_t)json_object_get_string_len(o));
	}
	*out = (struct steme_str){ b->include.data == NULL ? "" :
	    (const char *)b->include.data, b->include.len };
	return steme_buf_err(&b->include);
}

/*
 * The text of a member's value.  Numbers count up in the order of the text, so that
 * *number finds their spelling.
 */
static int
member_text(struct params *p, struct body *b, const char *key,
    struct json_object *v, unsigned *number, struct steme_str *out)
{
	enum json_type type = json_object_get_type(v);
	bool is_number = type == json_type_int || type == json_type_double;
	unsigned i = *number;

	*number += is_number;
	if (type == json_type_string) {
		*out = (struct steme_str){ json_object_get_string(v),
		    (size_t)json_object_get_string_len(v) };
		return STEME_OK;
	}
	if (is_number && i < STEME_JSON_NUMBERS && (strcmp(key, "limit") == 0 ||
	    strcmp(key, "since") == 0 || strcmp(key, "known_at") == 0)) {
		*out = b->json.number[i];
		return STEME_OK;
	}
	if (type == json_type_boolean && strcmp(key, "decay") == 0) {
		*out = steme_str_from(json_object_get_boolean(v) ? "on" : "off");
		return STEME_OK;
	}
	if (type == json_type_array && strcmp(key, "include") == 0)
		return join_include(p, b, v, out);
	return steme_fail(&p->why, STEME_EINVAL, "member %.64s has the wrong type: "
	    "a string%s is needed", key, strcmp(key, "limit") == 0 ? " or number" :
	    strcmp(key, "decay") == 0 ? " or boolean" : "");
}

static void
body_params(struct params *p)
{
	struct api_request *r = p->r;
	struct body *b = calloc(1, sizeof(*b));
	unsigned number = 0;

	if (b == NULL) {
		p->err = steme_fail(&p->why, STEME_ENOMEM, "out of memory");
		return;
	}
	r->state = b;
	r->free_state = body_free;
	p->err = steme_json_parse(&b->json, r->body.data == NULL ? "" :
	    (const char *)r->body.data, r->body.len, 4, &p->why);
	if (p->err != STEME_OK)
		return;
	if (!json_object_is_type(b->json.root, json_type_object)) {
		p->err = steme_fail(&p->why, STEME_EINVAL, "the body must be a JSON "
		    "object such as {\"concept_path\":\"a/b\"}");
		return;
	}
	json_object_object_foreach(b->json.root, key, v) {
		struct steme_str value;

		if (v == NULL || p->err != STEME_OK)
			continue;	/* null: as if absent */
		p->err = note_seen(p, steme_str_from(key));
		if (p->err == STEME_OK)
			p->err = member_text(p, b, key, v, &number, &value);
		if (p->err == STEME_OK)
			p->err = steme_query_set(p->q, steme_str_from(key), value,
			    &p->why);
	}
}

/* Takes the stamp that a kept answer needs, before the daemon is asked. */
static void
stamp(struct api_request *r, const struct steme_query *q)
{
	const struct steme_changes *c = atomic_load(&r->api->changes);

	r->hot_ok = false;
	if (c == NULL || q->decay || q->lens == STEME_LENS_CONSTRAINTS ||
	    r->method[0] == 'P')
		return;
	/* counters go by the stored spelling: scheme forms are not kept */
	if (q->concept.p != NULL && steme_concept_check(q->concept, NULL) != STEME_OK)
		return;
	r->hot_any = q->concept.p == NULL;
	r->hot_concept = q->concept;
	r->stamp = r->hot_any ? steme_changes_stamp_any(c) :
	    steme_changes_stamp(c, q->concept);
	r->hot_ok = true;
}

static bool
hot(struct api_request *r)
{
	bool hit = api_hot_reply(r);

	steme_add(hit ? r->api->hot_hits : r->api->hot_misses, 1);
	return hit;
}

/* A history is of one concept, and no lens chooses in it. */
static int
check_history(struct params *p)
{
	static const char *const none[] = { "prefix", "lens", "include", "decay" };

	for (size_t i = 0; i < STEME_NELEM(names); i++)
		for (size_t k = 0; k < STEME_NELEM(none); k++)
			if ((p->seen & 1u << i) != 0 &&
			    strcmp(names[i], none[k]) == 0)
				return steme_fail(&p->why, STEME_EINVAL, "history has "
				    "no parameter %s: there are concept_path, "
				    "predicate, as_of, known_at, since, lifecycle, "
				    "epoch, limit, cursor", none[k]);
	return STEME_OK;
}

/* lens: what the route stands for, or -1 where the caller chooses. */
static void
ask_query(struct api_request *r, enum steme_msg type, int lens)
{
	struct steme_query q;
	struct params p = { .r = r, .q = &q };
	struct steme_buf b = { 0 };
	bool post = strcmp(r->method, "POST") == 0;

	steme_query_init(&q);
	if (lens >= 0)
		q.lens = (enum steme_lens)lens;
	if (post)
		body_params(&p);
	else
		MHD_get_connection_values_n(r->c, MHD_GET_ARGUMENT_KIND, on_arg, &p);
	if (p.err == STEME_OK && type == STEME_MSG_HISTORY)
		p.err = check_history(&p);
	if (p.err == STEME_OK && q.concept.p == NULL && q.prefix.p == NULL &&
	    (post || type == STEME_MSG_HISTORY))
		p.err = steme_fail(&p.why, STEME_EINVAL, "concept_path%s is needed",
		    type == STEME_MSG_HISTORY ? "" : " or prefix");
	if (p.err == STEME_OK && q.concept.p != NULL && q.prefix.p != NULL)
		p.err = steme_fail(&p.why, STEME_EINVAL, "concept_path asks about one "
		    "concept, prefix about all at or below it: give one of them");
	if (p.err == STEME_OK && lens >= 0 && (int)q.lens != lens)
		p.err = steme_fail(&p.why, STEME_EINVAL, "%.*s answers by the lens %s: "
		    "for others ask /v1/query", STEME_STR(r->path),
		    steme_lens_name((enum steme_lens)lens));
	if (p.err != STEME_OK) {
		api_problem_err(r, p.err, p.why.text);
		return;
	}
	api_guard_concept(r, q.concept);
	api_guard_about(r, q.concept.p != NULL ? q.concept : q.prefix, q.predicate,
	    steme_str_from(steme_lens_name(q.lens)));
	stamp(r, &q);
	steme_msg_put_query(&b, &q);
	api_ask_buf(r, type, &b, api_reply_answer);
}

void
api_query(struct api_request *r)
{
	if (r->method[0] != 'P' && hot(r))
		return;
	ask_query(r, STEME_MSG_QUERY, -1);
}

void
api_history(struct api_request *r)
{
	if (!hot(r))
		ask_query(r, STEME_MSG_HISTORY, -1);
}

static void
fixed_lens(struct api_request *r, enum steme_lens lens)
{
	if (!hot(r))
		ask_query(r, STEME_MSG_QUERY, (int)lens);
}

void
api_skeptic(struct api_request *r)
{
	fixed_lens(r, STEME_LENS_SKEPTIC);
}

void
api_layered(struct api_request *r)
{
	fixed_lens(r, STEME_LENS_LAYERED);
}

void
api_constraints(struct api_request *r)
{
	fixed_lens(r, STEME_LENS_CONSTRAINTS);
}

/* ---- /v1/objects/ID, ID.sig, ID.proof, ID.json ---- */

static void
reply_object(struct api_request *r)
{
	struct steme_str ext = { r->arg.p + STEME_ID_HEX,
	    r->arg.n - STEME_ID_HEX };
	char name[STEME_ID_HEX + 16];

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why[0] != '\0' ||
		    r->err != STEME_ENOTFOUND ? r->why :
		    "no such object, or it has no such part");
		return;
	}
	snprintf(name, sizeof(name), "%.*s", STEME_STR(r->arg));
	/* .json says what is known now: its name is not that of its bytes */
	if (steme_str_eq(ext, STEME_LIT(".json")))
		api_reply_tagged(r, API_JSON, NULL, &r->answer);
	else
		api_reply_tagged(r, ext.n == 0 ? API_TEXT : steme_str_eq(ext,
		    STEME_LIT(".sig")) ? "application/octet-stream" : API_JSON, name,
		    &r->answer);
}

void
api_object(struct api_request *r)
{
	static const struct {
		const char *ext;
		enum steme_object_want want;
	} parts[] = {
		{ "", STEME_WANT_BYTES }, { ".sig", STEME_WANT_SIG },
		{ ".proof", STEME_WANT_PROOF }, { ".json", STEME_WANT_JSON },
	};
	struct steme_buf b = { 0 };
	struct steme_id id;
	struct steme_str ext;
	size_t i = 4;

	if (r->arg.n >= STEME_ID_HEX &&
	    steme_id_parse(&id, r->arg.p, STEME_ID_HEX) == STEME_OK) {
		ext = (struct steme_str){ r->arg.p + STEME_ID_HEX,
		    r->arg.n - STEME_ID_HEX };
		for (i = 0; i < 4; i++)
			if (steme_str_eq(ext, steme_str_from(parts[i].ext)))
				break;
	}
	if (i == 4) {
		api_problem(r, 404, "not-found", "an object is asked for as "
		    "/v1/objects/ID with 64 lower-case hex digits, then nothing, "
		    ".sig, .proof or .json");
		return;
	}
	steme_msg_put_object(&b, parts[i].want, &id);
	api_ask_buf(r, STEME_MSG_OBJECT, &b, reply_object);
}
