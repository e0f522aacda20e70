/* SPDX-License-Identifier: Apache-2.0 */
/* h_health.c - health, readiness, metrics. */
#include "config.h"
#include "api/api.h"
#include "api/guard.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS	3000	/* a prober waits about that long */

void
api_healthz(struct api_request *r)
{
	static const char body[] = "{\"status\":\"ok\"}";

	api_reply(r, 200, API_JSON, body, sizeof(body) - 1);
}

/* A daemon that does not answer a prober in time is as good as none: 503, not 504. */
static bool
away(struct api_request *r)
{
	if (r->err == STEME_OK)
		return false;
	if (r->err == STEME_ETIMEOUT)
		api_problem(r, 503, "busy", "the daemon did not answer within %d ms",
		    PATIENCE_MS);
	else
		api_problem_err(r, r->err, r->why);
	return true;
}

/* The daemon answers and takes writes. */
static void
reply_ready(struct api_request *r)
{
	struct json_object *o, *w = NULL, *s = NULL;
	const char *state = "";
	char text[128] = "";
	bool drained;

	if (away(r))
		return;
	o = json_tokener_parse(r->answer.data == NULL ? "" :
	    (const char *)r->answer.data);
	if (json_object_object_get_ex(o, "writes", &w) &&
	    json_object_object_get_ex(w, "state", &s))
		state = json_object_get_string(s);
	snprintf(text, sizeof(text), "%s", state);
	drained = json_object_object_get_ex(w, "drained", &s) &&
	    json_object_get_boolean(s);
	json_object_put(o);
	if (drained)
		api_problem(r, 503, "draining", "node is draining: it takes no writes "
		    "until it is undrained");
	else if (strcmp(text, "ok") != 0)
		api_problem(r, 503, "writes-stopped", "the daemon takes no writes: "
		    "its state is '%s'; see `steme status`", text);
	else
		api_reply(r, 200, API_JSON, "{\"status\":\"ready\"}", 18);
}

void
api_readyz(struct api_request *r)
{
	r->patience_ms = PATIENCE_MS;
	api_ask(r, STEME_MSG_STATUS, NULL, 0, reply_ready);
}

/* What load balancers and people want at a glance, out of the daemon's status. */
static void
reply_health(struct api_request *r)
{
	struct json_object *o, *h, *v = NULL, *w = NULL;
	const char *text, *state = "failed";

	if (away(r))
		return;
	o = json_tokener_parse(r->answer.data == NULL ? "" :
	    (const char *)r->answer.data);
	h = json_object_new_object();
	if (json_object_object_get_ex(o, "writes", &w) &&
	    json_object_object_get_ex(w, "state", &v))
		state = json_object_get_string(v);
	json_object_object_add(h, "status", json_object_new_string(
	    strcmp(state, "ok") == 0 ? "ok" : "degraded"));
	json_object_object_add(h, "version",
	    json_object_new_string(PACKAGE_VERSION));
	if (json_object_object_get_ex(o, "counts", &w) &&
	    json_object_object_get_ex(w, "assertions", &v))
		json_object_object_add(h, "assertions_count", json_object_get(v));
	if (json_object_object_get_ex(o, "lsn", &v))
		json_object_object_add(h, "lsn", json_object_get(v));
	if (json_object_object_get_ex(o, "uptime_seconds", &v))
		json_object_object_add(h, "uptime_seconds", json_object_get(v));
	if (json_object_object_get_ex(o, "node", &w) &&
	    json_object_object_get_ex(w, "name", &v))
		json_object_object_add(h, "node", json_object_get(v));
	text = json_object_to_json_string_ext(h, JSON_C_TO_STRING_PLAIN |
	    JSON_C_TO_STRING_NOSLASHESCAPE);
	api_reply(r, 200, API_JSON, text, strlen(text));
	json_object_put(h);
	json_object_put(o);
}

void
api_health(struct api_request *r)
{
	r->patience_ms = PATIENCE_MS;
	api_ask(r, STEME_MSG_STATUS, NULL, 0, reply_health);
}

/* ---- /metrics ---- */

/* A family in the text format: its comments and samples. */
struct block {
	struct steme_str name, all, samples;
};

/* Takes the next family off *text; families begin with their HELP line. */
static bool
next_block(struct steme_str *text, struct block *b)
{
	static const char help[] = "# HELP ";
	const char *p = text->p, *end, *nl;

	if (text->n <= sizeof(help) - 1 || memcmp(p, help, sizeof(help) - 1) != 0)
		return false;
	end = p + text->n;
	b->name.p = p + sizeof(help) - 1;
	for (p = b->name.p; p < end && *p != ' ' && *p != '\n'; p++)
		continue;
	b->name.n = (size_t)(p - b->name.p);
	b->samples = (struct steme_str){ NULL, 0 };
	for (p = text->p; p < end; p = nl + 1) {
		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			nl = end - 1;
		if (*p != '#' && b->samples.p == NULL)
			b->samples.p = p;
		if (*p == '#' && b->samples.p != NULL)
			break;
	}
	b->all = (struct steme_str){ text->p, (size_t)(p - text->p) };
	if (b->samples.p != NULL)
		b->samples.n = (size_t)(p - b->samples.p);
	text->n -= b->all.n;
	text->p = p;
	return true;
}

/* All families of a text; the caller frees.  *n: how many. */
static struct block *
all_blocks(struct steme_str text, size_t *n)
{
	struct block *v = NULL, *more, b;
	size_t room = 0;

	for (*n = 0; next_block(&text, &b); v[(*n)++] = b) {
		if (*n < room)
			continue;
		room = room == 0 ? 64 : room * 2;
		if ((more = realloc(v, room * sizeof(*v))) == NULL)
			break;
		v = more;
	}
	return v;
}

static const struct block *
find_block(const struct block *v, size_t n, struct steme_str name)
{
	for (size_t i = 0; i < n; i++)
		if (steme_str_eq(v[i].name, name))
			return &v[i];
	return NULL;
}

/*
 * A family of both processes (process_*) is one family: its head once, the samples of
 * both together.
 */
static void
merge(struct steme_buf *out, struct steme_str theirs, struct steme_str ours)
{
	size_t nt, no;
	struct block *t = all_blocks(theirs, &nt), *o = all_blocks(ours, &no);
	const struct block *same;

	for (size_t i = 0; i < nt; i++) {
		steme_buf_put(out, t[i].all.p, t[i].all.n);
		if ((same = find_block(o, no, t[i].name)) != NULL)
			steme_buf_put(out, same->samples.p, same->samples.n);
	}
	for (size_t i = 0; i < no; i++)
		if (find_block(t, nt, o[i].name) == NULL)
			steme_buf_put(out, o[i].all.p, o[i].all.n);
	free(t);
	free(o);
}

/* Without the daemon only the sidecar's. */
static void
reply_metrics(struct api_request *r)
{
	struct steme_buf b = { 0 }, own = { 0 };

	steme_set(r->api->up, r->err == STEME_OK ? 1 : 0);
	steme_metrics_write(r->api->metrics, &own);
	if (r->err != STEME_OK)
		r->answer.len = 0;
	merge(&b, (struct steme_str){ (const char *)r->answer.data, r->answer.len },
	    (struct steme_str){ (const char *)own.data, own.len });
	api_meter_comments(r->api->guard->meter, &b);
	api_reply_buf(r, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
	steme_buf_fini(&own);
	steme_buf_fini(&b);
}

void
api_metrics(struct api_request *r)
{
	r->patience_ms = PATIENCE_MS;
	api_ask(r, STEME_MSG_METRICS, NULL, 0, reply_metrics);
}
