/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_apikey.c - /v1/admin/api-keys: list, make, enable, disable, remove.
 *
 * A key is made in three steps: the token here, the agent that signs for it by the daemon
 * (PROFILE makes the signing key), then the setting with the token's hash.
 */
#include "config.h"
#include "api/api.h"
#include "api/settings.h"
#include "core/clock.h"
#include "core/jsonin.h"
#include "core/util.h"

#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_DEPTH	4

/* A key being made or changed. */
struct change {
	struct steme_apikey key;
	char token[STEME_APIKEY_TOKEN + 1];	/* "" unless it is being made */
	unsigned status;
};

static void
change_free(void *state)
{
	struct change *g = state;

	sodium_memzero(g, sizeof(*g));
	free(g);
}

static struct change *
change_new(struct api_request *r)
{
	struct change *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		api_problem_err(r, STEME_ENOMEM, "");
		return NULL;
	}
	r->state = g;
	r->free_state = change_free;
	return g;
}

/* ---- listing ---- */

static void
add_key(void *arg, const struct steme_apikey *k)
{
	struct steme_buf *b = arg;

	if (b->data[b->len - 1] != '[')
		steme_buf_putc(b, ',');
	steme_apikey_show(b, k);
}

static void
reply_list(struct api_request *r)
{
	struct steme_buf b = { 0 };

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	steme_buf_puts(&b, "{\"keys\":[");
	api_settings_each_key(r->api->settings, add_key, &b);
	steme_buf_puts(&b, "]}");
	api_reply_buf(r, 200, API_JSON, &b);
	steme_buf_fini(&b);
}

void
api_keys_list(struct api_request *r)
{
	api_settings_sync(r, reply_list);
}

/* ---- the setting ---- */

/* The key as it is now; with the token, once. */
static void
reply_change(struct api_request *r)
{
	struct change *g = r->state;
	struct steme_buf b = { 0 };

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	steme_apikey_show(&b, &g->key);
	if (g->token[0] != '\0' && b.len > 0) {
		b.len--;		/* the closing brace */
		steme_buf_printf(&b, ",\"token\":\"%s\"}", g->token);
	}
	api_reply_buf(r, g->status, API_JSON, &b);
	steme_buf_fini(&b);
}

static void
set_key(struct api_request *r)
{
	struct change *g = r->state;
	struct steme_buf text = { 0 };
	struct json_object *s;
	char concept[sizeof(STEME_APIKEY_CONCEPT) + 1 + STEME_APIKEY_ID];

	snprintf(concept, sizeof(concept), STEME_APIKEY_CONCEPT "/%s", g->key.id);
	steme_apikey_write(&text, &g->key);
	s = json_object_new_string_len((const char *)text.data, (int)text.len);
	api_set(r, steme_str_from(concept), STEME_LIT(STEME_APIKEY_PREDICATE),
	    steme_str_from(json_object_to_json_string_ext(s,
	    JSON_C_TO_STRING_PLAIN)), reply_change);
	json_object_put(s);
	steme_buf_fini(&text);
}

/* ---- making ---- */

static void
on_agent(struct api_request *r)
{
	struct change *g = r->state;
	struct steme_msg_profile m;

	if (r->err == STEME_OK)
		r->err = steme_msg_get_profile(&m, r->answer.data, r->answer.len);
	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	g->key.agent = m.agent;
	set_key(r);
}

static int
take_member(struct steme_apikey *k, const char *name, struct json_object *v,
    struct steme_why *why)
{
	struct steme_str s = { NULL, 0 };

	if (json_object_is_type(v, json_type_string))
		s = (struct steme_str){ json_object_get_string(v),
		    (size_t)json_object_get_string_len(v) };
	if (strcmp(name, "name") == 0) {
		if (steme_apikey_check_name(s, why) != STEME_OK)
			return STEME_EINVAL;
		memcpy(k->name, s.p, s.n);
		return STEME_OK;
	}
	if (strcmp(name, "role") == 0) {
		k->role = s.p == NULL || strlen(s.p) != s.n ? STEME_ROLE_NONE :
		    steme_apikey_role(s.p);
		return k->role != STEME_ROLE_NONE ? STEME_OK : steme_fail(why,
		    STEME_EINVAL, "role: must be reader, writer or admin");
	}
	if (strcmp(name, "expires_at") != 0)
		return steme_fail(why, STEME_EINVAL, "there is no member '%.64s': name, "
		    "role and expires_at are taken", name);
	if (v == NULL)
		return STEME_OK;
	k->expires_at = json_object_get_int64(v);
	return json_object_is_type(v, json_type_int) && k->expires_at >= 0 &&
	    k->expires_at <= STEME_APIKEY_NEVER ? STEME_OK : steme_fail(why,
	    STEME_EINVAL, "expires_at: must be null (never) or Unix seconds up to "
	    "%lld", (long long)STEME_APIKEY_NEVER);
}

static int
take_members(struct steme_apikey *k, struct json_object *o, struct steme_why *why)
{
	int err;

	json_object_object_foreach(o, name, v) {
		if ((err = take_member(k, name, v, why)) != STEME_OK)
			return err;
	}
	return k->name[0] != '\0' ? STEME_OK : steme_fail(why, STEME_EINVAL,
	    "the member name is missing: what is the key for?");
}

static int
take_body(struct steme_apikey *k, const struct steme_buf *body,
    struct steme_why *why)
{
	struct steme_json j;
	int err;

	if (body->len == 0)
		return steme_fail(why, STEME_EINVAL, "a JSON object with the member "
		    "name is needed (and role, expires_at if wanted)");
	err = steme_json_parse(&j, (const char *)body->data, body->len, BODY_DEPTH,
	    why);
	if (err != STEME_OK)
		return err;
	if (json_object_is_type(j.root, json_type_object))
		err = take_members(k, j.root, why);
	else
		err = steme_fail(why, STEME_EINVAL, "the body must be a JSON object");
	steme_json_fini(&j);
	return err;
}

void
api_keys_add(struct api_request *r)
{
	struct steme_why why = { "" };
	struct steme_buf b = { 0 };
	struct steme_msg_profile m = { .uid = STEME_UID_NAMED };
	struct change *g;
	char signer[sizeof(STEME_APIKEY_SIGNER) + STEME_APIKEY_ID];
	int err;

	if ((g = change_new(r)) == NULL)
		return;
	g->status = 201;
	g->key.role = STEME_ROLE_READER;
	g->key.enabled = true;
	g->key.expires_at = STEME_APIKEY_NEVER;
	g->key.created_at = steme_wall_us(&steme_clock_system) / 1000000;
	if ((err = take_body(&g->key, &r->body, &why)) != STEME_OK) {
		api_problem_err(r, err, why.text);
		return;
	}
	steme_apikey_make(&g->key, g->token);
	snprintf(signer, sizeof(signer), STEME_APIKEY_SIGNER "%s", g->key.id);
	m.key = steme_str_from(signer);
	m.source = STEME_LIT("");
	steme_msg_put_profile(&b, &m);
	api_ask_buf(r, STEME_MSG_PROFILE, &b, on_agent);
}

/* ---- changing, removing ---- */

/* The key that r->arg names up to its end or a slash; false: the problem was queued. */
static bool
find(struct api_request *r, struct steme_apikey *k, struct steme_str *rest)
{
	struct steme_str id = r->arg;
	char text[STEME_APIKEY_ID + 1] = "";
	const char *slash = memchr(id.p, '/', id.n);

	*rest = (struct steme_str){ NULL, 0 };
	if (slash != NULL) {
		*rest = (struct steme_str){ slash + 1,
		    id.n - (size_t)(slash + 1 - id.p) };
		id.n = (size_t)(slash - id.p);
	}
	if (id.n == STEME_APIKEY_ID)
		memcpy(text, id.p, id.n);
	if (api_settings_key(r->api->settings, text, k))
		return true;
	api_problem(r, 404, "not-found", "there is no API key %.*s; GET "
	    "/v1/admin/api-keys lists them", (int)STEME_MIN(id.n, 64), id.p);
	return false;
}

static void
change_found(struct api_request *r)
{
	struct change *g = r->state;
	struct steme_str verb;

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	if (!find(r, &g->key, &verb))
		return;
	if (!steme_str_eq(verb, STEME_LIT("enable")) &&
	    !steme_str_eq(verb, STEME_LIT("disable"))) {
		api_problem(r, 404, "no-such-route", "a key takes POST "
		    "/v1/admin/api-keys/ID/enable or .../disable, and DELETE "
		    "/v1/admin/api-keys/ID");
		return;
	}
	g->key.enabled = verb.p[0] == 'e';
	set_key(r);
}

void
api_keys_change(struct api_request *r)
{
	struct change *g = change_new(r);

	if (g == NULL)
		return;
	g->status = 200;
	api_settings_sync(r, change_found);
}

static void
reply_removed(struct api_request *r)
{
	static const char body[] = "{\"status\":\"removed\"}";

	if (r->err != STEME_OK)
		api_problem_err(r, r->err, r->why);
	else
		api_reply(r, 200, API_JSON, body, sizeof(body) - 1);
}

static void
remove_found(struct api_request *r)
{
	char concept[sizeof(STEME_APIKEY_CONCEPT) + 1 + STEME_APIKEY_ID];
	struct steme_apikey k;
	struct steme_str rest;

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return;
	}
	if (!find(r, &k, &rest))
		return;
	if (rest.p != NULL) {
		api_problem(r, 404, "no-such-route", "DELETE goes to "
		    "/v1/admin/api-keys/ID");
		return;
	}
	snprintf(concept, sizeof(concept), STEME_APIKEY_CONCEPT "/%s", k.id);
	api_set(r, steme_str_from(concept), STEME_LIT(STEME_APIKEY_PREDICATE),
	    STEME_LIT(""), reply_removed);
}

void
api_keys_remove(struct api_request *r)
{
	api_settings_sync(r, remove_found);
}
