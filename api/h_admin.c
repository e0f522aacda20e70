/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_admin.c - drain, rebuild of the index, compaction, numbers of the storage.
 *
 * Rebuild and compaction may take minutes: they are answered at once (202) and go on in the
 * daemon, whose log and INDEX message tell how far they are.
 */
#include "config.h"
#include "api/admin.h"
#include "api/settings.h"
#include "core/log.h"
#include "core/path.h"
#include "core/util.h"

#include <stdio.h>
#include <string.h>

#define BODY_DEPTH	4
#define NODES		"_steme/nodes/"

/* ---- bodies ---- */

static struct api_member *
member_named(struct api_member *m, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(m[i].name, name) == 0)
			return &m[i];
	return NULL;
}

static int
take_members(struct json_object *o, struct api_member *m, size_t n,
    struct steme_why *why)
{
	struct api_member *to;

	if (!json_object_is_type(o, json_type_object))
		return steme_fail(why, STEME_EINVAL, "the body must be a JSON object");
	json_object_object_foreach(o, name, v) {
		if ((to = member_named(m, n, name)) == NULL)
			return steme_fail(why, STEME_EINVAL, "there is no member "
			    "'%s' here", steme_quote(steme_str_from(name)).s);
		if (!json_object_is_type(v, to->type))
			return steme_fail(why, STEME_EINVAL, "%s must be a %s", name,
			    json_type_to_name(to->type));
		to->v = v;
	}
	return STEME_OK;
}

int
api_take_body(const struct api_request *r, struct steme_json *j,
    struct api_member *m, size_t n, struct steme_why *why)
{
	int err = STEME_OK;

	*j = (struct steme_json){ 0 };
	if (r->body.len > 0) {
		err = steme_json_parse(j, (const char *)r->body.data, r->body.len,
		    BODY_DEPTH, why);
		if (err == STEME_OK)
			err = take_members(j->root, m, n, why);
	}
	for (size_t i = 0; i < n && err == STEME_OK; i++)
		if (m[i].required && m[i].v == NULL)
			err = steme_fail(why, STEME_EINVAL, "the member %s is "
			    "missing", m[i].name);
	if (err != STEME_OK)
		steme_json_fini(j);
	return err;
}

struct steme_str
api_member_text(const struct api_member *m)
{
	if (m->v == NULL)
		return (struct steme_str){ NULL, 0 };
	return (struct steme_str){ json_object_get_string(m->v),
	    (size_t)json_object_get_string_len(m->v) };
}

/* For routes that take no body: one that is empty, or `{}`.  False: it was refused. */
static bool
no_body(struct api_request *r)
{
	struct steme_why why = { "" };
	struct steme_json j;
	int err = api_take_body(r, &j, NULL, 0, &why);

	if (err != STEME_OK) {
		api_problem_err(r, err, why.text);
		return false;
	}
	steme_json_fini(&j);
	return true;
}

/* The daemon's answer, which is a JSON object; NULL: a problem was queued. */
static struct json_object *
answer_object(struct api_request *r)
{
	struct json_object *o;

	if (r->err != STEME_OK) {
		api_problem_err(r, r->err, r->why);
		return NULL;
	}
	o = json_tokener_parse(r->answer.data == NULL ? "" :
	    (const char *)r->answer.data);
	if (!json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		api_problem_err(r, STEME_EPROTO, "the daemon's answer is not what its "
		    "protocol says");
		return NULL;
	}
	return o;
}

/* ---- drain ---- */

static bool
is_drain(const struct api_request *r)
{
	return r->route->handler == api_drain;
}

static void
reply_drained(struct api_request *r)
{
	const char *body = is_drain(r) ? "{\"status\":\"draining\"}" :
	    "{\"status\":\"active\"}";

	if (r->err != STEME_OK)
		api_problem_err(r, r->err, r->why);
	else
		api_reply(r, 200, API_JSON, body, strlen(body));
}

/* The daemon knows its name best: the setting is for the node of that name. */
static void
set_drained(struct api_request *r)
{
	char concept[sizeof(NODES) + STEME_SEGMENT_MAX] = NODES;
	struct json_object *o = answer_object(r), *node = NULL, *name = NULL;
	int err = STEME_EPROTO;

	if (o == NULL)
		return;
	if (json_object_object_get_ex(o, "node", &node) &&
	    json_object_object_get_ex(node, "name", &name))
		err = steme_segment_encode(concept + sizeof(NODES) - 1,
		    steme_str_from(json_object_get_string(name)));
	json_object_put(o);
	if (err == STEME_OK)
		api_set(r, steme_str_from(concept), STEME_LIT("drained"),
		    is_drain(r) ? STEME_LIT("true") : STEME_LIT(""), reply_drained);
	else
		api_problem_err(r, err, "this node's name cannot be used: set [node] "
		    "name, and restart");
}

void
api_drain(struct api_request *r)
{
	if (no_body(r))
		api_ask(r, STEME_MSG_STATUS, NULL, 0, set_drained);
}

void
api_undrain(struct api_request *r)
{
	api_drain(r);
}

/* ---- work that goes on after the answer ---- */

static const char *
name_of(enum api_job job)
{
	return job == API_JOB_REBUILD ? "index rebuild" : "compaction";
}

/* In the client's thread.  The daemon logs what became of it; here, why it never began. */
static void
on_work(struct api *a, enum api_job job, const struct steme_reply *rep)
{
	if (rep->more)
		return;
	atomic_store(&a->jobs[job], false);
	if (rep->err == STEME_EBUSY)
		steme_log(STEME_INFO, "%s is under way already", name_of(job));
	else if (rep->err != STEME_OK && !atomic_load(&a->ending))
		steme_log(STEME_WARN, "%s: its end is not known here: %s",
		    name_of(job), rep->why);
}

static void
on_rebuilt(void *arg, const struct steme_reply *rep)
{
	on_work(arg, API_JOB_REBUILD, rep);
}

static void
on_compacted(void *arg, const struct steme_reply *rep)
{
	on_work(arg, API_JOB_COMPACT, rep);
}

/* Has the daemon do it, unless this sidecar has it done already. */
static int
begin_work(struct api *a, enum api_job job, bool force)
{
	struct steme_buf b = { 0 };
	int err;

	if (atomic_exchange(&a->jobs[job], true))
		return STEME_OK;
	if (job == API_JOB_COMPACT)
		steme_msg_put_flag(&b, force);
	err = steme_aclient_submit(a->client, job == API_JOB_REBUILD ?
	    STEME_MSG_REBUILD : STEME_MSG_COMPACT, b.data, b.len,
	    STEME_SUBMIT_STREAM, 0, job == API_JOB_REBUILD ? on_rebuilt :
	    on_compacted, a, NULL);
	steme_buf_fini(&b);
	if (err != STEME_OK)
		atomic_store(&a->jobs[job], false);
	return err;
}

static void
reply_begun(struct api_request *r, enum api_job job, bool force, const char *body)
{
	int err = begin_work(r->api, job, force);

	if (err != STEME_OK)
		api_problem_err(r, err, api_why_of(err));
	else
		api_reply(r, 202, API_JSON, body, strlen(body));
}

void
api_index_rebuild(struct api_request *r)
{
	if (no_body(r))
		reply_begun(r, API_JOB_REBUILD, false, "{\"status\":\"rebuilding\"}");
}

void
api_storage_compact(struct api_request *r)
{
	struct api_member m = { "force", json_type_boolean, false, NULL };
	struct steme_why why = { "" };
	struct steme_json j;
	bool force;
	int err = api_take_body(r, &j, &m, 1, &why);

	if (err != STEME_OK) {
		api_problem_err(r, err, why.text);
		return;
	}
	force = json_object_get_boolean(m.v);
	steme_json_fini(&j);
	reply_begun(r, API_JOB_COMPACT, force, "{\"status\":\"compacting\"}");
}

/* ---- numbers ---- */

/* NULL: null, or absent. */
static const char *
text_of(struct json_object *o, const char *name)
{
	return json_object_get_string(json_object_object_get(o, name));
}

/*
 * Of a ready index just what operators compare; progress and the error come along
 * while there are any.  A rebuild that was begun here counts although the daemon has not
 * come to it yet.
 */
static void
reply_index(struct api_request *r)
{
	bool begun = atomic_load(&r->api->jobs[API_JOB_REBUILD]);
	struct json_object *o = answer_object(r), *v;
	const char *status, *last, *progress, *error;
	struct steme_buf b = { 0 };

	if (o == NULL)
		return;
	status = text_of(o, "status");
	last = text_of(o, "last_rebuild");
	progress = text_of(o, "progress");
	if (status == NULL || last == NULL || progress == NULL) {
		json_object_put(o);
		api_problem_err(r, STEME_EPROTO, "the daemon's answer about its index "
		    "is incomplete: are daemon and sidecar of one version?");
		return;
	}
	if (begun && strcmp(status, "rebuilding") != 0) {
		status = "rebuilding";
		progress = "0";
	}
	steme_buf_printf(&b, "{\"status\": \"%s\", \"last_rebuild\": \"%s\"",
	    status, last);
	if (strcmp(status, "rebuilding") == 0)
		steme_buf_printf(&b, ", \"progress\": %s", progress);
	error = text_of(o, "error");
	if (error != NULL) {
		v = json_object_object_get(o, "error");
		steme_buf_printf(&b, ", \"error\": %s", json_object_to_json_string_ext(v,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	steme_buf_puts(&b, "}");
	json_object_put(o);
	api_reply_buf(r, 200, API_JSON, &b);
	steme_buf_fini(&b);
}

void
api_index_status(struct api_request *r)
{
	api_ask(r, STEME_MSG_INDEX, NULL, 0, reply_index);
}

void
api_storage_stats(struct api_request *r)
{
	api_ask(r, STEME_MSG_STORAGE, NULL, 0, api_reply_answer);
}
