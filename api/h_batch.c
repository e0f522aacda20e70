/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_batch.c - POST /v1/batch: a signed batch object, the list of its ids, and members.
 *
 * What does not fit into one frame of the daemon's socket goes in several messages, one
 * after the other, each with the batch and other members: sending a batch again is safe.
 */
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

#define DEPTH		3
#define MARGIN		64	/* of a frame, for counts */

struct batch {
	struct steme_json json;
	struct steme_object o;		/* borrows from json */
	struct steme_str text;
	struct steme_sig sig;
	struct steme_id *ids;
	size_t nids;
	struct json_object *members;	/* an array, or NULL; json's */
	size_t nmembers, sent;
	struct api_guard *guard;
	size_t unspent;			/* members charged that nobody told of yet */
	struct steme_buf items;		/* the answer's members so far */
	bool created;
};

static void
batch_free(void *p)
{
	struct batch *t = p;

	steme_buf_fini(&t->items);
	if (t->unspent > 0)
		api_guard_members_unspent(t->guard, &t->o.agent, t->unspent);
	steme_json_fini(&t->json);
	free(t->ids);
	free(t);
}

static struct steme_str
string_of(struct json_object *v)
{
	return (struct steme_str){ json_object_get_string(v),
	    (size_t)json_object_get_string_len(v) };
}

/* ---- the body ---- */

static int
take_string(struct json_object *v, const char *name, struct steme_str *out,
    struct steme_why *why)
{
	if (!json_object_is_type(v, json_type_string))
		return steme_fail(why, STEME_EINVAL, "member %s must be a string", name);
	*out = string_of(v);
	return STEME_OK;
}

static int
take_array(struct json_object *v, const char *name, struct json_object **out,
    struct steme_why *why)
{
	if (!json_object_is_type(v, json_type_array))
		return steme_fail(why, STEME_EINVAL, "member %s must be an array of "
		    "strings", name);
	if (json_object_array_length(v) > STEME_BATCH_MAX)
		return steme_fail(why, STEME_ETOOBIG, "member %s has %zu entries: a "
		    "batch has at most %d", name, json_object_array_length(v),
		    STEME_BATCH_MAX);
	for (size_t i = 0; i < json_object_array_length(v); i++)
		if (!json_object_is_type(json_object_array_get_idx(v, i),
		    json_type_string))
			return steme_fail(why, STEME_EINVAL, "member %s: entry %zu is "
			    "no string", name, i + 1);
	*out = v;
	return STEME_OK;
}

struct parts {
	struct steme_str signature;
	struct json_object *ids;
};

static int
take_member(struct batch *t, struct parts *p, const char *key, struct json_object *v,
    struct steme_why *why)
{
	if (v == NULL)
		return STEME_OK;	/* null: as if absent */
	if (strcmp(key, "text") == 0)
		return take_string(v, key, &t->text, why);
	if (strcmp(key, "signature") == 0)
		return take_string(v, key, &p->signature, why);
	if (strcmp(key, "ids") == 0)
		return take_array(v, key, &p->ids, why);
	if (strcmp(key, "members") == 0)
		return take_array(v, key, &t->members, why);
	return steme_fail(why, STEME_EINVAL, "unknown member %.64s: there are text, "
	    "signature, ids, members", key);
}

static int
id_order(const void *a, const void *b)
{
	return steme_id_cmp(a, b);
}

/* The list of ids: given, or that of the members, which then must be all. */
static int
make_ids(struct batch *t, struct json_object *given, struct steme_why *why)
{
	struct json_object *from = given != NULL ? given : t->members;
	struct steme_str s;

	t->nids = from == NULL ? 0 : json_object_array_length(from);
	if (t->nids == 0)
		return steme_fail(why, STEME_EINVAL, "ids is needed (or all members): "
		    "the ids that the batch signs");
	if ((t->ids = calloc(t->nids, sizeof(*t->ids))) == NULL)
		return STEME_ENOMEM;
	for (size_t i = 0; i < t->nids; i++) {
		s = string_of(json_object_array_get_idx(from, i));
		if (given == NULL)
			t->ids[i] = steme_hash(s.p, s.n);
		else if (steme_id_parse(&t->ids[i], s.p, s.n) != STEME_OK)
			return steme_fail(why, STEME_EINVAL, "ids: entry %zu is not 64 "
			    "lower-case hex digits", i + 1);
	}
	qsort(t->ids, t->nids, sizeof(*t->ids), id_order);
	for (size_t i = 1; i < t->nids; i++)
		if (steme_id_eq(&t->ids[i - 1], &t->ids[i]))
			return steme_fail(why, STEME_EINVAL, "an id is there twice");
	return STEME_OK;
}

/* What the daemon could not even read. */
static int
check_members(const struct batch *t, struct steme_why *why)
{
	struct steme_str s;

	if (t->nmembers > t->nids)
		return steme_fail(why, STEME_EINVAL, "members has %zu entries, ids only "
		    "%zu: each member is one of the batch, told once", t->nmembers,
		    t->nids);
	for (size_t i = 0; i < t->nmembers; i++) {
		s = string_of(json_object_array_get_idx(t->members, i));
		if (s.n > STEME_OBJECT_MAX)
			return steme_fail(why, STEME_ETOOBIG, "members: entry %zu has "
			    "%zu bytes: an object has at most %d", i + 1, s.n,
			    STEME_OBJECT_MAX);
	}
	return STEME_OK;
}

static int
check_object(struct batch *t, struct steme_str signature, struct steme_why *why)
{
	int err;

	if (t->text.p == NULL || signature.p == NULL)
		return steme_fail(why, STEME_EINVAL, "%s is needed: a batch comes signed",
		    t->text.p == NULL ? "text" : "signature");
	if (t->text.n > STEME_BATCH_BYTES_MAX)
		return steme_fail(why, STEME_ETOOBIG, "text has %zu bytes: a batch object "
		    "has at most %d", t->text.n, STEME_BATCH_BYTES_MAX);
	if (steme_unhex(t->sig.b, STEME_SIG_LEN, signature.p, signature.n) != STEME_OK)
		return steme_fail(why, STEME_EINVAL, "signature is not 128 lower-case "
		    "hex digits");
	err = steme_object_parse(&t->o, t->text.p, t->text.n, why);
	if (err == STEME_OK && t->o.kind != STEME_BATCH)
		err = steme_fail(why, STEME_EINVAL, "a batch is expected here, not a %s",
		    steme_kind_name(t->o.kind));
	return err;
}

static int
parse(struct batch *t, struct api_request *r, struct steme_why *why)
{
	struct parts p = { { NULL, 0 }, NULL };
	int err;

	err = steme_json_parse(&t->json, r->body.data == NULL ? "" :
	    (const char *)r->body.data, r->body.len, DEPTH, why);
	if (err != STEME_OK)
		return err;
	if (!json_object_is_type(t->json.root, json_type_object))
		return steme_fail(why, STEME_EINVAL, "the body must be a JSON object: "
		    "{\"text\",\"signature\",\"ids\",\"members\"}");
	json_object_object_foreach(t->json.root, key, v)
		if (err == STEME_OK)
			err = take_member(t, &p, key, v, why);
	if (err == STEME_OK)
		err = check_object(t, p.signature, why);
	t->nmembers = t->members == NULL ? 0 : json_object_array_length(t->members);
	if (err == STEME_OK)
		err = make_ids(t, p.ids, why);
	return err == STEME_OK ? check_members(t, why) : err;
}

/* ---- to the daemon and back ---- */

static void send_some(struct api_request *r);

static void
put_result(struct api_request *r, struct batch *t,
    const struct steme_msg_put_result *res)
{
	char id[STEME_ID_HEX + 1], why[400];
	struct json_object *text;

	steme_buf_puts(&t->items, t->items.len > 0 ? "," : "");
	steme_id_hex(id, &res->id);
	t->unspent -= t->unspent > 0;
	if (res->err == STEME_OK) {
		api_guard_line_stored(r, &t->o.agent, res->status == STEME_CREATED);
		steme_buf_printf(&t->items, "{\"id\":\"%s\",\"status\":\"%s\"}", id,
		    res->status == STEME_CREATED ? "created" : "exists");
		return;
	}
	snprintf(why, sizeof(why), "%.*s", STEME_STR(res->why));
	api_guard_line_failed(r, res->err, why);
	api_guard_line_unspent(r, &t->o.agent);
	steme_utf8_mend(why, strlen(why));
	text = json_object_new_string(why);
	steme_buf_printf(&t->items, "{\"error\":%s,\"type\":\"%s\"}",
	    text == NULL ? "\"\"" : json_object_to_json_string_ext(text,
	    JSON_C_TO_STRING_NOSLASHESCAPE), api_kind_of(res->err));
	json_object_put(text);
}

static void
reply_batch(struct api_request *r)
{
	struct batch *t = r->state;
	struct steme_id id = steme_hash(t->text.p, t->text.n);
	char hex[STEME_ID_HEX + 1];
	struct steme_buf b = { 0 };

	steme_id_hex(hex, &id);
	steme_buf_printf(&b, "{\"id\":\"%s\",\"status\":\"%s\",\"members\":[", hex,
	    t->created ? "created" : "exists");
	steme_buf_put(&b, t->items.data, t->items.len);
	steme_buf_puts(&b, "]}");
	if (steme_buf_err(&t->items) != STEME_OK) {
		steme_buf_fini(&b);
		api_problem_err(r, STEME_ENOMEM, "");
	} else {
		api_reply_buf(r, t->created ? 201 : 200, API_JSON, &b);
	}
}

/* The batch's result, then one a member. */
static void
on_results(struct api_request *r)
{
	struct steme_rd rd = steme_rd_from(r->answer.data, r->answer.len);
	struct steme_msg_put_result res;
	struct batch *t = r->state;
	char why[512];

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	if (steme_msg_next_result(&rd, &res) != STEME_OK) {
		api_problem(r, 500, "internal", "the daemon's answer is malformed");
		return;
	}
	if (res.err != STEME_OK) {
		snprintf(why, sizeof(why), "%.*s", STEME_STR(res.why));
		if (res.err == STEME_ESIG)
			api_guard_forged(r);
		api_problem_err(r, res.err, why);
		return;
	}
	/* what follows the first message is the same request */
	if (t->items.len == 0)
		api_guard_verified(r, false);
	t->created |= res.status == STEME_CREATED;
	while (steme_msg_next_result(&rd, &res) == STEME_OK)
		put_result(r, t, &res);
	if (t->sent < t->nmembers)
		send_some(r);
	else
		reply_batch(r);
}

/* As many of the members that are left as one frame holds. */
static void
send_some(struct api_request *r)
{
	struct batch *t = r->state;
	struct steme_buf b = { 0 };
	size_t room = STEME_FRAME_MAX - MARGIN - t->text.n - STEME_SIG_LEN -
	    t->nids * STEME_ID_LEN;
	size_t first = t->sent, used = 0;
	struct steme_str s;

	for (; t->sent < t->nmembers; t->sent++) {
		s = string_of(json_object_array_get_idx(t->members, t->sent));
		if (t->sent > first && used + 4 + s.n > room)
			break;
		used += 4 + s.n;
	}
	steme_msg_put_batch(&b, t->text, &t->sig, t->ids, (uint32_t)t->nids,
	    (uint32_t)(t->sent - first));
	for (size_t i = first; i < t->sent; i++) {
		s = string_of(json_object_array_get_idx(t->members, i));
		steme_wr_bytes(&b, 4, s.p, s.n);
	}
	if (steme_buf_err(&b) == STEME_OK)
		api_ask(r, STEME_MSG_BATCH, b.data, b.len, on_results);
	else
		api_problem_err(r, steme_buf_err(&b), "");
	steme_buf_fini(&b);
}

/* Charges the author's quota, if there is one.  False: a problem was queued. */
static bool
charge(struct api_request *r, struct batch *t)
{
	if (!api_guard_has_quota(r))
		return true;
	if (steme_verify(&t->sig, &t->o.agent, t->text.p, t->text.n) != STEME_OK) {
		api_guard_forged(r);
		api_problem_err(r, STEME_ESIG, "signature verification failed: it is "
		    "not this agent's over these bytes");
		return false;
	}
	if (!api_guard_members(r, &t->o.agent, t->nmembers)) {
		api_guard_refuse(r);
		return false;
	}
	t->guard = r->api->guard;
	t->unspent = t->nmembers;
	return true;
}

void
api_batch(struct api_request *r)
{
	struct batch *t = calloc(1, sizeof(*t));
	struct steme_why why = { "" };
	int err;

	if (t == NULL) {
		api_problem_err(r, STEME_ENOMEM, "");
		return;
	}
	r->state = t;
	r->free_state = batch_free;
	if ((err = parse(t, r, &why)) != STEME_OK)
		api_problem_err(r, err, why.text);
	else if (!api_guard_author(r, &t->o.agent))
		api_guard_refuse(r);
	else if (charge(r, t))
		send_some(r);
}
