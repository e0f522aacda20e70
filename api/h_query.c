/* SPDX-License-Identifier: Apache-2.0 */
/* h_query.c - /v1/query, /v1/history, /v1/objects. */
#include "config.h"
#include "api/api.h"
#include "core/clock.h"
#include "core/path.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parsing parameters into a query. */
struct params {
	struct api_request *r;
	struct steme_query *q;
	bool failed;
	struct steme_why why;
	unsigned count;
};

static void
set_param(struct params *p, struct steme_str name, struct steme_str value)
{
	int err;

	if (p->failed)
		return;
	p->count++;
	err = steme_query_set(p->q, name, value, &p->why);
	if (err == STEME_ENOTFOUND)
		steme_fail(&p->why, err, "unknown parameter '%.*s': there are "
		    "concept_path, predicate, prefix, lens, as_of, known_at, since, "
		    "lifecycle, epoch, include, decay, limit, cursor",
		    (int)(name.n > 64 ? 64 : name.n), name.p);
	p->failed = err != STEME_OK;
}

static enum MHD_Result
on_arg(void *cls, enum MHD_ValueKind kind, const char *key, size_t nkey,
    const char *value, size_t nvalue)
{
	struct params *p = cls;

	(void)kind;
	set_param(p, (struct steme_str){ key, nkey },
	    (struct steme_str){ value == NULL ? "" : value, nvalue });
	return p->failed ? MHD_NO : MHD_YES;
}

/* The members of a JSON body; r->state keeps it, since q borrows its strings. */
static void
body_params(struct params *p)
{
	struct api_request *r = p->r;
	struct json_tokener *tok = json_tokener_new_ex(4);
	struct json_object *o = NULL;

	if (tok != NULL) {
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
		    JSON_TOKENER_VALIDATE_UTF8);
		o = json_tokener_parse_ex(tok, r->body.data == NULL ? "" :
		    (const char *)r->body.data, (int)r->body.len + 1);
	}
	if (o == NULL || !json_object_is_type(o, json_type_object)) {
		p->failed = true;
		steme_fail(&p->why, STEME_EINVAL, "the body is not a JSON object: %s",
		    tok == NULL ? "no memory" : o != NULL ? "another type" :
		    json_tokener_error_desc(json_tokener_get_error(tok)));
		json_object_put(o);
	} else {
		r->state = o;
		r->free_state = (void (*)(void *))(void (*)(void))json_object_put;
		json_object_object_foreach(o, key, v) {
			struct steme_str value;

			if (v == NULL)
				continue;	/* null: as if absent */
			value.p = json_object_get_string(v);
			value.n = json_object_is_type(v, json_type_string) ?
			    (size_t)json_object_get_string_len(v) :
			    strlen(value.p);
			set_param(p, steme_str_from(key), value);
		}
	}
	if (tok != NULL)
		json_tokener_free(tok);
}

static void
reply_json(struct api_request *r)
{
	struct api *a = r->api;
	double s = (double)(steme_mono_us(&steme_clock_system) - r->start_us) / 1e6;

	if (r->err == STEME_ETIMEOUT)
		steme_add(a->query_timeouts, 1);
	if (strcmp(r->route->label, "/v1/query") == 0) {
		steme_add(a->query_total, 1);
		steme_observe(a->query_latency, s);
		steme_observe(a->query_duration, s);
	}
	if (r->err != STEME_OK)
		api_problem_err(r, r->err, r->why);
	else
		api_reply_buf(r, 200, API_JSON, &r->answer);
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
	struct api *a = r->api;
	double s;

	if (!api_hot_reply(r)) {
		steme_add(a->hot_misses, 1);
		return false;
	}
	steme_add(a->hot_hits, 1);
	if (strcmp(r->route->label, "/v1/query") == 0) {
		s = (double)(steme_mono_us(&steme_clock_system) - r->start_us) / 1e6;
		steme_add(a->query_total, 1);
		steme_observe(a->query_latency, s);
		steme_observe(a->query_duration, s);
	}
	return true;
}

static void
ask_query(struct api_request *r, enum steme_msg type)
{
	struct steme_query q;
	struct params p = { .r = r, .q = &q };
	struct steme_buf b = { 0 };
	bool post = strcmp(r->method, "POST") == 0;

	steme_query_init(&q);
	if (post)
		body_params(&p);
	else
		MHD_get_connection_values_n(r->c, MHD_GET_ARGUMENT_KIND, on_arg, &p);
	if (!p.failed && q.concept.p == NULL && q.prefix.p == NULL &&
	    (post || type == STEME_MSG_HISTORY)) {
		p.failed = true;
		steme_fail(&p.why, STEME_EINVAL, "concept_path%s is needed",
		    type == STEME_MSG_HISTORY ? "" : " or prefix");
	}
	if (p.failed) {
		api_problem(r, 400, "invalid-input", "%s", p.why.text);
		return;
	}
	stamp(r, &q);
	steme_msg_put_query(&b, &q);
	if (steme_buf_err(&b) == STEME_OK)
		api_ask(r, type, b.data, b.len, reply_json);
	else
		api_problem_err(r, steme_buf_err(&b), "");
	steme_buf_fini(&b);
}

void
api_query(struct api_request *r)
{
	if (r->method[0] != 'P' && hot(r))
		return;
	ask_query(r, STEME_MSG_QUERY);
}

void
api_history(struct api_request *r)
{
	if (!hot(r))
		ask_query(r, STEME_MSG_HISTORY);
}

/* ---- /v1/objects/ID, ID.sig, ID.proof, ID.json ---- */

static void
reply_object(struct api_request *r)
{
	struct MHD_Response *resp;
	struct steme_str ext = { r->arg.p + STEME_ID_HEX,
	    r->arg.n - STEME_ID_HEX };
	char etag[STEME_ID_HEX + 16];
	const char *type = API_TEXT;

	if (r->err == STEME_ENOTFOUND) {
		api_problem(r, 404, "not-found", "%s", r->why[0] != '\0' ? r->why :
		    "no such object, or it has no such part");
		return;
	}
	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	if (steme_str_eq(ext, STEME_LIT(".sig")))
		type = "application/octet-stream";
	else if (ext.n > 0)
		type = API_JSON;
	resp = MHD_create_response_from_buffer(r->answer.len,
	    r->answer.data == NULL ? (void *)"" : r->answer.data,
	    MHD_RESPMEM_MUST_COPY);
	if (resp != NULL) {
		snprintf(etag, sizeof(etag), "\"%.*s\"", STEME_STR(r->arg));
		MHD_add_response_header(resp, "Content-Type", type);
		MHD_add_response_header(resp, "X-Content-Type-Options", "nosniff");
		/* .json says what is known now; the rest never changes */
		if (!steme_str_eq(ext, STEME_LIT(".json"))) {
			MHD_add_response_header(resp, "ETag", etag);
			MHD_add_response_header(resp, "Cache-Control",
			    "public, max-age=31536000, immutable");
		}
	}
	api_queue(r, 200, resp);
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
	const char *match = MHD_lookup_connection_value(r->c, MHD_HEADER_KIND,
	    "If-None-Match");
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
	if (match != NULL && i != 3 && strlen(match) == r->arg.n + 2 &&
	    memcmp(match + 1, r->arg.p, r->arg.n) == 0) {
		api_reply(r, 304, API_TEXT, "", 0);
		return;
	}
	steme_msg_put_object(&b, parts[i].want, &id);
	api_ask(r, STEME_MSG_OBJECT, b.data, b.len, reply_object);
	steme_buf_fini(&b);
}
